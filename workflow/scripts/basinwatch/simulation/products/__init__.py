"""Writers of what a simulated stack delivers, one module per form."""
