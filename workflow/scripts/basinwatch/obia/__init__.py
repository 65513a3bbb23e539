"""Object-based analysis: segments of a raster stack, and mine patches made of them."""
