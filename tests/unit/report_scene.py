"""Products of an area as the workflow would write them, for tests of what is made from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.interferogram import Interferogram, write_interferogram
from basinwatch.phase import wrap
from basinwatch.provenance import write_json
from basinwatch.rasters import write_raster
from basinwatch.vectors import burn, write_geopackage
from shapely.affinity import affine_transform
from shapely.geometry import Point

UTM = Affine(40.0, 0.0, 300_000.0, 0.0, -40.0, 5_560_000.0)
STATES = ("continuous", "intermittent", "new", "ceased", "continuous")
SEEN = {"continuous": "111111", "intermittent": "101101", "new": "000011", "ceased": "110000"}
CONFIG = {
    "stacks": {"north": {"phase": "in/{pair}.tif", "rate": True}, "<script>": {"phase": "<b>.tif"}},
    "detection": {"threshold": None},
    "sbas": {"rate_threshold_mm_yr": 5.0},
}
MODEL = {
    "name": "basinnet", "architecture": "basinnet", "encoding": "sincos", "threshold": 0.5,
    "weights_sha256": "ab" * 32, "training": {"epochs": 12, "metrics": {"f1": 0.9}},
}  # fmt: skip


def map_grid(size: int) -> Grid:
    return Grid.from_map(size, size, UTM, "EPSG:32634")


def radar_grid(size: int) -> Grid:
    return Grid(size, size, None, None, (2.33, 13.9))


def bowls(size: int) -> list[Point]:
    """Five discs in pixel coordinates."""
    places = ((0.25, 0.3), (0.6, 0.25), (0.7, 0.65), (0.35, 0.7), (0.5, 0.48))
    return [Point(x * size, y * size).buffer(0.05 * size) for x, y in places]


def basins_frame(grid: Grid, shapes: list[Any], pairs: int) -> gpd.GeoDataFrame:
    placed = [
        affine_transform(s, [*(grid.affine[i] for i in (0, 1, 3, 4)), grid.affine.c, grid.affine.f]) for s in shapes
    ]
    flags = [seen_in(state, pairs) for state in STATES[: len(shapes)]]
    found = [sum(row) for row in flags]
    rows = {
        "basin": [f"k{i + 1}" for i in range(len(shapes))],
        "area_m2": [s.area * grid.pixel_area_m2 for s in shapes],
        "max_score": [0.9] * len(shapes),
        "first_seen": ["2023-01-01"] * len(shapes),
        "last_seen": ["2023-03-01"] * len(shapes),
        "n_detected": found,
        "n_observed": [pairs] * len(shapes),
        "active_days": [12 * n for n in found],
        "observed_days": [12 * pairs] * len(shapes),
        "active_fraction": [n / pairs for n in found],
        "state": list(STATES[: len(shapes)]),
    }
    return gpd.GeoDataFrame(rows, geometry=placed, crs=grid.crs_wkt)


def seen_in(state: str, pairs: int) -> list[bool]:
    return [SEEN[state][6 * i // pairs] == "1" for i in range(pairs)]


def write_stack(folder: Path, name: str, grid: Grid, shapes: list[Any], pairs: int, bare: int | None) -> dict[str, Any]:
    """Grid, activity and pairs of a stack; pair number `bare` has no coherence."""
    home = folder / name
    write_json(home / "grid.json", grid.to_dict())
    plain = replace(grid, transform=None, crs_wkt=None)
    days = np.zeros(grid.shape)
    for shape, state in zip(shapes, STATES, strict=False):
        days += burn([shape], plain) * 12.0 * sum(seen_in(state, pairs))
    layers = np.stack([days, np.full(grid.shape, 12.0 * pairs), days / (12.0 * pairs)]).astype(np.float32)
    layers[:, : grid.height // 16] = 0
    write_raster(
        home / "activity/basinnet/activity.tif", layers, grid, bands=["active_days", "observed_days", "active_fraction"]
    )
    metas, phases = [], []
    y, x = np.mgrid[: grid.height, : grid.width]
    noise = np.random.default_rng(5)
    for number in range(pairs):
        phase = 1.5 * np.sin(x / grid.width * 5 + number)
        for shape, state in zip(shapes, STATES, strict=False):
            centre, width = shape.centroid, grid.width / 40
            if seen_in(state, pairs)[number]:
                phase = phase + 9 * np.exp(-((x - centre.x) ** 2 + (y - centre.y) ** 2) / (2 * width**2))
        coherence = 0.35 + 0.4 * np.cos(number / pairs * 6.28) ** 2
        phase = wrap((phase + noise.normal(0, 1.2 - coherence, grid.shape)).astype(np.float32))
        phase[:, : grid.width // 20] = np.nan
        first = date(2023, 1, 1) + timedelta(days=12 * number)
        pair = Interferogram(
            phase, None if number == bare else np.full(grid.shape, coherence, np.float32), grid, first,
            first + timedelta(days=12), {"wavelength_m": 0.05546576, "processor": "GAMMA", "warnings": []},
        )  # fmt: skip
        place = home / "interferograms" / pair.pair
        write_interferogram(pair, place / "phase.tif", place / "coherence.tif", place / "meta.json")
        metas.append(place / "meta.json")
        phases.append(place / "phase.tif")
    return {
        "grids": [home / "grid.json"],
        "activity": [home / "activity/basinnet/activity.tif"],
        "meta": metas,
        "phase": phases,
        "coherence": [path.with_name("coherence.tif") for path in phases],
    }


def write_rate(folder: Path, name: str, grid: Grid, basins: gpd.GeoDataFrame) -> dict[str, Any]:
    """Rate products in which k1 is matched, k2 extra, the others not assessable; h2 has no basin."""
    home = folder / name
    rate = np.zeros(grid.shape, np.float32)
    measured = np.ones(grid.shape, np.float32)
    inside = [burn([shape], grid) for shape in basins.geometry]
    rate[inside[0]] = -40
    for mask in inside[2:]:
        measured[mask] = 0
    bands = ["temporal_coherence", "measured"]
    write_raster(home / "sbas/rate.tif", np.stack([rate, rate * 0 + 1]), grid, bands=["rate_mm_yr", "rate_sigma_mm_yr"])
    write_raster(home / "sbas/quality.tif", np.stack([measured * 0.9, measured]), grid, bands=bands)
    write_json(home / "sbas/network.json", {"scenes": 7, "pairs": 15, "subsets": 1, "scenes_with_one_pair": []})
    write_raster(home / "hotspots/gi_star.tif", np.where(rate < 0, np.float32(-3), 0), grid, bands=["class"])
    lone = basins.geometry.iloc[0].buffer(0).envelope
    clusters = gpd.GeoDataFrame(
        {"cluster": ["h1", "h2"], "kind": ["subsidence"] * 2, "area_m2": [1e5, 5e4], "mean_rate": [-40.0, -12.0],
         "extreme_rate": [-60.0, -15.0], "extreme_z": [-9.0, -4.0]},
        geometry=[basins.geometry.iloc[0], lone], crs=basins.crs,
    )  # fmt: skip
    write_geopackage(home / "hotspots/clusters.gpkg", {"clusters": clusters})
    n = len(basins) - 2
    objects = gpd.GeoDataFrame(
        {"object": [*basins["basin"], "h2"], "source": ["detected"] * len(basins) + ["sbas"],
         "status": ["matched", "extra"] + ["not_assessable"] * n + ["missed"],
         "reason": ["", ""] + ["decorrelated"] * n + [""], "partners": ["h1"] + [""] * (n + 2),
         "area_m2": [*basins["area_m2"], 5e4], "gradient_mm": [3.0, 2.0] + [17.5] * n + [np.nan],
         "measured_share": [1.0, 1.0] + [0.0] * n + [1.0], "mean_rate": [-40.0, 0.0] + [np.nan] * n + [-12.0],
         "min_rate": [-60.0, 0.0] + [np.nan] * n + [-15.0]},
        geometry=[*basins.geometry, lone], crs=basins.crs,
    )  # fmt: skip
    write_geopackage(home / "comparison/basinnet/objects.gpkg", {"objects": objects})
    write_json(
        home / "comparison/basinnet/summary.json", {"objects": {"matched": 1}, "pixels": {"kappa": 0.5, "iou": None}}
    )
    paths = ("sbas/rate.tif", "sbas/quality.tif", "sbas/network.json", "hotspots/gi_star.tif", "hotspots/clusters.gpkg",
             "comparison/basinnet/objects.gpkg", "comparison/basinnet/summary.json")  # fmt: skip
    roles = ("rate", "quality", "network", "statistic", "clusters", "objects", "summary")
    return {role: [home / path] for role, path in zip(roles, paths, strict=True)}


def write_area(
    folder: Path, grid: Grid, *, name: str = "north", pairs: int = 6, n_basins: int = 5, rated: bool = True
) -> dict[str, Any]:  # fmt: skip
    """Write all products of an area with one stack; return the paths by role."""
    shapes = bowls(grid.width)[:n_basins]
    basins = basins_frame(grid, shapes, pairs)
    files = write_stack(folder, name, grid, shapes, pairs, bare=2)
    if rated:
        files |= write_rate(folder, name, grid, basins)
    home = folder / "areas"
    write_geopackage(home / "basins.gpkg", {"basins": basins})
    rows = []
    for basin, state in zip(basins["basin"], basins["state"], strict=True):
        for number, flag in enumerate(seen_in(state, pairs)):
            first = date(2023, 1, 1) + timedelta(days=12 * number)
            second = first + timedelta(days=12)
            dark = number == 3 and not flag
            rows.append(
                (
                    basin,
                    f"{first:%Y%m%d}_{second:%Y%m%d}",
                    first,
                    second,
                    name,
                    not dark,
                    flag,
                    0.8 if flag else None,
                    1.0,
                )
            )
    columns = ["basin", "pair", "date1", "date2", "stack", "observed", "detected", "score", "area_m2"]
    pd.DataFrame(rows, columns=columns).to_csv(home / "timeline.csv", index=False)
    write_json(home / "model.json", MODEL)
    return files | {
        "basins": [home / "basins.gpkg"],
        "timeline": [home / "timeline.csv"],
        "model": [home / "model.json"],
    }


class Page(HTMLParser):
    """Tags with attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
