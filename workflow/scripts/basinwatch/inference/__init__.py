"""From an interferogram and a model to basins."""
