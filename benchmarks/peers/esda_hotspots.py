"""CPU time and memory of Gi* by esda; run with the peers' Python by benchmarks/sbas_hotspots.py, prints JSON."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
from esda.getisord import G_Local
from libpysal.graph import Graph


def gi_star(values: np.ndarray, radius_px: float) -> np.ndarray:
    """Score the valid pixels; esda divides by the mean, so the values are shifted to a positive one."""
    valid = np.isfinite(values)
    rows, columns = np.nonzero(valid)
    points = gpd.GeoSeries.from_xy(columns.astype(float), rows.astype(float))
    graph = Graph.build_distance_band(points, threshold=radius_px + 1e-9, binary=True)
    found = G_Local(values[valid] - values[valid].min() + 1, graph, transform="B", star=True, permutations=0)
    z = np.full(values.shape, np.nan)
    z[valid] = found.Zs
    return z


def largest_resident_mb() -> float:
    """Read the peak of this process from the kernel."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main(source: str, radius_px: float, target: str) -> None:
    """Score a stored map once, after a small one that is not counted."""
    warnings.simplefilter("ignore")
    values = np.load(source)
    gi_star(values[:40, :40], radius_px)
    before, begin = largest_resident_mb(), time.process_time()
    z = gi_star(values, radius_px)
    print(json.dumps({"cpu_s": time.process_time() - begin, "mb": largest_resident_mb() - before}))
    np.save(target, z)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
