"""Several stacks of an area as one."""
