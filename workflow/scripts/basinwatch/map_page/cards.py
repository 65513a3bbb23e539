"""What the page knows of every basin and cluster, as plain numbers and words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS
from rasterio.windows import Window
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from basinwatch.fringes import count_fringes
from basinwatch.grid import Grid
from basinwatch.map_page.plane import Plane
from basinwatch.rasters import open_raster
from basinwatch.report.evidence import basin_evidence
from basinwatch.report.products import Area, PairProducts, StackProducts
from basinwatch.report.tables import blind_basins, explain, words
from basinwatch.vectors import Footprint, footprints

Found = dict[str, dict[int, list[float | None]]]


def basin_cards(area: Area, plane: Plane) -> list[dict[str, Any]]:
    """Facts, outline and history of every basin, most active first."""
    if area.basins.empty:
        return []
    shapes = plane.place(area.basins)
    unit_m2 = _area_unit_m2(area)
    histories = _histories(area, unit_m2)
    rates = _rates(area)
    blind = {entry.basin: entry.reason for entry in blind_basins(area) or []}
    nearest = _nearest_clusters(area, plane, shapes)
    positions = _positions(area.basins)
    evidence = basin_evidence(area)
    return [
        _facts(row, unit_m2)
        | {
            "shape": rings(shape, _pixel(area, plane)),
            "place": _point(shape.representative_point()),
            "position": position,
            "history": histories[str(row.basin)],
            "rates": rates.get(str(row.basin), []),
            "blind": blind.get(str(row.basin)),
            "evidence": evidence[str(row.basin)].told(),
            "hotspot": hotspot,
        }
        for row, shape, position, hotspot in zip(area.basins.itertuples(), shapes, positions, nearest, strict=True)
    ]


def cluster_cards(area: Area, plane: Plane) -> list[dict[str, Any]]:
    """Outline and strength of every cluster of hot spots."""
    return [
        {
            "name": str(row.cluster), "stack": stack.name, "kind": words(row.kind),
            "rate": number(row.mean_rate, 1), "shape": rings(shape, _pixel(area, plane)),
        }
        for stack in area.stacks
        if stack.clusters is not None and len(stack.clusters)
        for row, shape in zip(stack.clusters.itertuples(), plane.place(stack.clusters), strict=True)
    ]  # fmt: skip


def number(value: Any, digits: int) -> float | None:
    """Round a number; what is none becomes None."""
    return round(float(value), digits) if value is not None and math.isfinite(value) else None


def rings(shape: BaseGeometry, pixel: float) -> list[list[list[list[float]]]]:
    """Rings of all polygons of a shape as [x, y] points, without corners closer to a line than half a pixel."""
    drawn = shape.simplify(pixel / 2)
    parts = [part for part in getattr(drawn, "geoms", [drawn]) if part.geom_type == "Polygon" and not part.is_empty]
    return [
        [np.asarray(ring.coords)[:-1, :2].round(1).tolist() for ring in (part.exterior, *part.interiors)]
        for part in parts
    ]


def _area_unit_m2(area: Area) -> float:
    """Areas are told in square metres, in radar geometry in pixels."""
    grid = area.stacks[0].grid
    return grid.pixel_area_m2 if grid.geometry == "radar" else 1.0


def _facts(row: Any, unit_m2: float) -> dict[str, Any]:
    """Columns of one basin."""
    return {
        "name": str(row.basin), "state": str(row.state), "first": str(row.first_seen)[:10],
        "last": str(row.last_seen)[:10], "active": number(row.active_days, 0), "watched": number(row.observed_days, 0),
        "score": number(row.max_score, 3), "size": number(row.area_m2 / unit_m2, 0),
    }  # fmt: skip


def _pixel(area: Area, plane: Plane) -> float:
    """Side of a pixel in the plane."""
    return 1.0 if plane.crs is None else min(area.stacks[0].grid.pixel_spacing_m)


def _point(point: BaseGeometry) -> list[float]:
    """Coordinates of a point."""
    return [round(float(point.x), 1), round(float(point.y), 1)]


def _positions(basins: gpd.GeoDataFrame) -> list[str]:
    """Where each basin is, to be read."""
    points = basins.geometry.representative_point()
    if basins.crs is None:
        return [f"column {x:.0f}, row {y:.0f}" for x, y in zip(points.x, points.y, strict=True)]
    degrees = points.to_crs("EPSG:4326")
    return [f"{_degrees(y, 'N', 'S')}, {_degrees(x, 'E', 'W')}" for x, y in zip(degrees.x, degrees.y, strict=True)]


def _degrees(value: float, positive: str, negative: str) -> str:
    """Write an angle with its half of the globe."""
    return f"{abs(value):.4f}° {positive if value >= 0 else negative}"


def _rates(area: Area) -> dict[str, list[dict[str, Any]]]:
    """Per basin, what the rate map of each stack says of it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stack in area.stacks:
        if stack.objects is None:
            continue
        own = pd.DataFrame(stack.objects[stack.objects["source"] == "detected"])
        for row in own.to_dict("records"):
            reason = None if row["status"] == "matched" else explain(row["status"], row["reason"])
            found.setdefault(str(row["object"]), []).append({
                "stack": stack.name, "mean": number(row.get("mean_rate"), 1),
                "strongest": number(row.get("min_rate"), 1), "measured": number(row.get("measured_share"), 2),
                "status": words(row["status"]), "reason": reason,
            })  # fmt: skip
    return found


def _nearest_clusters(area: Area, plane: Plane, shapes: Sequence[BaseGeometry]) -> list[dict[str, Any]] | list[None]:
    """For each shape the nearest cluster of any stack and its distance (m; pixels in radar geometry)."""
    frames = [stack.clusters for stack in area.stacks if stack.clusters is not None and len(stack.clusters)]
    if not frames:
        return [None] * len(shapes)
    names = [str(name) for frame in frames for name in frame["cluster"]]
    tree = STRtree([shape for frame in frames for shape in plane.place(frame)])
    places = [int(tree.nearest(shape)) for shape in shapes]
    distances = [shape.distance(tree.geometries[i]) for shape, i in zip(shapes, places, strict=True)]
    return [{"name": names[i], "distance": round(float(d))} for i, d in zip(places, distances, strict=True)]


def _histories(area: Area, unit_m2: float) -> dict[str, dict[str, Any]]:
    """Per basin: pairs that observe it as 0 and 1, and of each that detects it number, score, area and fringes.

    Where several stacks see a basin in one pair the best score, the largest area and most fringes count.
    """
    columns = {name: i for i, name in enumerate(area.pairs)}
    known = area.timeline[area.timeline["pair"].isin(columns)]
    seen: dict[str, set[int]] = {str(name): set() for name in area.basins["basin"]}
    found: Found = {name: {} for name in seen}
    for row in known.itertuples():
        if row.basin not in seen:
            continue
        column = columns[row.pair]
        if row.observed:
            seen[row.basin].add(column)
        if row.detected:
            _raise(found[row.basin].setdefault(column, [None] * 3), [row.score, row.area_m2 / unit_m2, None])
    for basin, pair, cycles in _fringes(area):
        if columns[pair] in found[basin]:
            _raise(found[basin][columns[pair]], [None, None, cycles])
    return {
        name: {
            "observed": "".join("1" if i in seen[name] else "0" for i in range(len(columns))),
            "found": [[i, *(number(v, d) for v, d in zip(found[name][i], (3, 0, 2), strict=True))]
                      for i in sorted(found[name])],
        }
        for name in seen
    }  # fmt: skip


def _raise(kept: list[float | None], more: Sequence[float | None]) -> None:
    """Replace numbers by larger ones; what is no number never replaces one."""
    for i, (old, new) in enumerate(zip(kept, more, strict=True)):
        if new is not None and math.isfinite(new):
            kept[i] = float(new) if old is None else max(old, float(new))


def _fringes(area: Area) -> Iterator[tuple[str, str, float]]:
    """Basin, pair and fringes of every detection, from wrapped phase at full resolution."""
    detected = area.detected
    for stack in area.stacks:
        own = detected if "stack" not in detected else detected[detected["stack"].isin([stack.name])]
        wanted = own.groupby("pair")["basin"].agg(set).to_dict()
        places = _footprints(area.basins, stack.grid)
        for pair in stack.pairs:
            yield from _pair_fringes(pair, {name: places[name] for name in sorted(wanted.get(pair.name, ()))
                                            if name in places})  # fmt: skip


def _pair_fringes(pair: PairProducts, places: Mapping[str, Footprint]) -> Iterator[tuple[str, str, float]]:
    """Fringes of some basins in one pair, reading only the windows they lie in."""
    if not places:
        return
    with open_raster(pair.phase) as source:
        for name, place in places.items():
            window = Window.from_slices(place.rows, place.columns)
            yield name, pair.name, count_fringes(source.read(1, window=window), place.mask)


def _footprints(basins: gpd.GeoDataFrame, grid: Grid) -> dict[str, Footprint]:
    """Pixels of every basin that lies in a stack."""
    moved = basins if grid.crs_wkt is None or basins.crs is None else basins.to_crs(CRS.from_wkt(grid.crs_wkt))
    found = zip(moved["basin"].astype(str), footprints(moved.geometry, grid), strict=True)
    return {name: place for name, place in found if place.mask.any()}


def stack_facts(stack: StackProducts) -> str:
    """Name a stack with its direction of flight."""
    direction = next((pair.meta.get("pass") for pair in stack.pairs if pair.meta.get("pass")), None)
    return stack.name if direction is None else f"{stack.name} ({direction})"
