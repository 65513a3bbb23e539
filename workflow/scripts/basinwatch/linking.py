"""Link detections of many pairs into basins that keep their names.

Instances are taken in the order in which their pairs became available, so a new scene adds to the
result and never changes the number a basin already has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

# Rounding must not hide what lies exactly as far as allowed.
_MARGIN = 1 + 1e-9
_ORDER = ["date2", "date1", "_x", "_y", "stack", "pair", "score"]


@dataclass(frozen=True)
class LinkSettings:
    """When a detection belongs to a basin, and when a basin is believed.

    Parameters
    ----------
    min_overlap
        Intersection over the smaller of footprint and running outline that links them.
    max_centroid_shift
        Distance of the centroids, in mean equivalent radii, that links them without enough overlap.
    max_area_ratio
        A footprint this many times larger or smaller than the outline is not linked, so that one large
        false detection cannot fuse all basins under it.
    min_detections
        Pairs that must detect a basin before it gets a number,
    sure_score
        unless one detection scores at least this.
    """

    min_overlap: float = 0.25
    max_centroid_shift: float = 1.0
    max_area_ratio: float = 100.0
    min_detections: int = 2
    sure_score: float = 0.95


@dataclass
class _Basin:
    """A basin while it grows."""

    outline: BaseGeometry
    members: list[int]
    pairs: set[tuple[str, str]]
    best_score: float
    number: int = 0


@dataclass
class _Running:
    """Basins so far, with the arrays that find candidates quickly; an absorbed basin leaves NaN there.

    Parameters
    ----------
    reach
        float64 (4, capacity), see :func:`_reach`.
    """

    capacity: int
    settings: LinkSettings
    basins: list[_Basin] = field(default_factory=list)
    reach: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.reach = np.full((4, self.capacity), np.nan)

    def place(self, index: int) -> None:
        """Refresh the reach of a basin from its outline."""
        self.reach[:, index] = _reach(self.basins[index].outline, self.settings.max_centroid_shift)

    def matches(self, footprint: BaseGeometry) -> list[int]:
        """Positions of the basins a footprint belongs to, oldest first."""
        west, south, east, north = _reach(footprint, self.settings.max_centroid_shift)
        left, bottom, right, top = self.reach[:, : len(self.basins)]
        meeting = (left <= east) & (right >= west) & (bottom <= north) & (top >= south)
        places = np.flatnonzero(meeting).tolist()
        return [place for place in places if _belong(self.basins[place].outline, footprint, self.settings)]

    def absorb(self, target: int, other: _Basin) -> None:
        """Join a basin (or a fresh instance) to the one at `target`; the lower number stays."""
        basin = self.basins[target]
        basin.outline = shapely.union(basin.outline, other.outline)
        basin.members += other.members
        basin.pairs |= other.pairs
        basin.best_score = max(basin.best_score, other.best_score)
        numbers = [number for number in (basin.number, other.number) if number]
        basin.number = min(numbers, default=0)
        self.place(target)

    def retire(self, index: int) -> None:
        """Leave no trace of an absorbed basin."""
        self.basins[index] = _Basin(shapely.Polygon(), [], set(), 0.0)
        self.reach[:, index] = np.nan


def _reach(outline: BaseGeometry, max_shift: float) -> tuple[float, float, float, float]:
    """West, south, east, north of a box that meets the boxes of all outlines which overlap or lie near enough.

    It holds the outline and, around the centroid, half the shift in its own radii that links two.
    """
    centre, half = outline.centroid, _MARGIN * max_shift * math.sqrt(outline.area / math.pi) / 2
    west, south, east, north = outline.bounds
    return (
        min(west, centre.x - half),
        min(south, centre.y - half),
        max(east, centre.x + half),
        max(north, centre.y + half),
    )


def _belong(outline: BaseGeometry, footprint: BaseGeometry, settings: LinkSettings) -> bool:
    """Whether a footprint belongs to a basin of an outline."""
    smaller, larger = sorted((outline.area, footprint.area))
    if larger > settings.max_area_ratio * smaller:
        return False
    radius = (math.sqrt(smaller / math.pi) + math.sqrt(larger / math.pi)) / 2
    if outline.centroid.distance(footprint.centroid) <= settings.max_centroid_shift * radius:
        return True
    return bool(outline.intersection(footprint).area >= settings.min_overlap * smaller)


def link(instances: gpd.GeoDataFrame, settings: LinkSettings | None = None) -> gpd.GeoDataFrame:
    """Give every instance the name of its basin.

    Parameters
    ----------
    instances
        Detections of all pairs with ``score``, ``pair``, ``date1``, ``date2`` (ISO), ``stack``, geometry.

    Returns
    -------
    GeoDataFrame
        The instances in order of time, then west to east, with a column ``basin``: k1, k2, … in the order in
        which basins were confirmed (same date: west to east), or "" for an instance that no other one
        confirms. The result does not depend on the order of the input, and later pairs do not renumber;
        when two basins grow together the lower number stays and the other one is not used again.
    """
    settings = settings or LinkSettings()
    ordered = _in_order(instances)
    running = _Running(len(ordered), settings)
    confirmed = 0
    for index, (footprint, stack, pair, score) in enumerate(
        zip(ordered.geometry, ordered["stack"], ordered["pair"], ordered["score"], strict=True)
    ):
        basin = running.basins[_join(running, _Basin(footprint, [index], {(stack, pair)}, float(score)))]
        believed = len(basin.pairs) >= settings.min_detections or basin.best_score >= settings.sure_score
        if believed and not basin.number:
            confirmed += 1
            basin.number = confirmed
    names = np.full(len(ordered), "", dtype=object)
    for basin in running.basins:
        names[basin.members] = f"k{basin.number}" if basin.number else ""
    return ordered.assign(basin=pd.Series(names, dtype=object))


def _in_order(instances: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Sort by the later date first, because that is when a pair becomes available."""
    corner = instances.geometry.bounds
    placed = instances.assign(_x=corner["minx"], _y=corner["miny"])
    return placed.sort_values(_ORDER, ignore_index=True, kind="stable").drop(columns=["_x", "_y"])


def _join(running: _Running, fresh: _Basin) -> int:
    """Put a fresh instance into the basins it matches, which become one, or start a basin; return its position."""
    matches = running.matches(fresh.outline)
    if not matches:
        running.basins.append(fresh)
        running.place(len(running.basins) - 1)
        return len(running.basins) - 1
    target = matches[0]
    for other in matches[1:]:
        running.absorb(target, running.basins[other])
        running.retire(other)
    running.absorb(target, fresh)
    return target


def outlines(linked: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Outline every confirmed basin.

    Parameters
    ----------
    linked
        Result of :func:`link`, with ``score`` and ``area_m2``.

    Returns
    -------
    GeoDataFrame
        ``basin``, ``area_m2`` (of the union of all footprints), ``max_score``, geometry; in order of number.
    """
    confirmed = linked[linked["basin"] != ""]
    rows = [(int(str(name)[1:]), name, *_outline(members)) for name, members in confirmed.groupby("basin", sort=False)]
    frame = gpd.GeoDataFrame(
        [row[1:] for row in sorted(rows, key=lambda row: row[0])],
        columns=["basin", "area_m2", "max_score", "geometry"], geometry="geometry", crs=linked.crs,
    )  # fmt: skip
    return frame.astype({"area_m2": "float64", "max_score": "float64"})


def _outline(members: gpd.GeoDataFrame) -> tuple[float, float, BaseGeometry]:
    """Ground area, highest score and union of the footprints of one basin."""
    union = shapely.union_all(members.geometry.to_numpy())
    # Coordinates may be degrees or pixels; the instances know what their own area is on the ground.
    metres2_per_unit = members["area_m2"].sum() / shapely.area(members.geometry.to_numpy()).sum()
    return float(union.area * metres2_per_unit), float(members["score"].max()), union
