"""What a folder of interferograms holds, as the workflow will see it."""
