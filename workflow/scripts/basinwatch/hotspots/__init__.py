"""Getis-Ord Gi* on a raster: where high or low rates gather more than chance allows.

Weights are binary within a distance and include the pixel itself; NaN pixels are no observations.
Rates are positive towards the satellite, so cold spots (negative z) are subsidence.
"""

from basinwatch.hotspots.calibration import noise_inflation
from basinwatch.hotspots.clusters import Clusters, ScoredRows
from basinwatch.hotspots.emerging import EmergingSettings, Pattern, emerging_patterns, mann_kendall
from basinwatch.hotspots.files import map_emerging, map_hotspots
from basinwatch.hotspots.scan import Hotspots, HotspotSettings, find_hotspots
from basinwatch.hotspots.significance import p_values, significance
from basinwatch.hotspots.statistic import gi_star

__all__ = [
    "Clusters", "EmergingSettings", "HotspotSettings", "Hotspots", "Pattern", "ScoredRows", "emerging_patterns",
    "find_hotspots", "gi_star", "mann_kendall", "map_emerging", "map_hotspots", "noise_inflation", "p_values",
    "significance",
]  # fmt: skip
