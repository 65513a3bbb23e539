"""Outlines of connected significant pixels, gathered from strips of a map that need not fit into memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from basinwatch.grid import Grid
from basinwatch.vectors import polygons_of

KINDS = {"subsidence": -1, "uplift": 1}
COLUMNS = (
    "kind", "area_m2", "max_level", "share_90", "share_95", "share_99", "mean_z", "extreme_z", "mean_rate",
    "extreme_rate", "min_rate", "max_rate", "mean_sigma",
)  # fmt: skip
_LEVELS = {"share_90": 1, "share_95": 2, "share_99": 3}
_EIGHT = np.ones((3, 3), int)
_REDUCTIONS = {
    "sum": ("pixels", "z", "rate", "sigma", "sigmas", *_LEVELS),
    "min": ("min_rate",),
    "max": ("max_rate", "extreme_z"),
}


@dataclass(frozen=True)
class ScoredRows:
    """Rows of a scored map, (y, x) each.

    Parameters
    ----------
    z
        The score that was judged.
    classes
        −3…3 (see :func:`basinwatch.hotspots.significance.significance`).
    rate, sigma
        mm/yr, positive towards the satellite, and its standard error; sigma is NaN where unknown.
    """

    z: NDArray[np.floating[Any]]
    classes: NDArray[np.int8]
    rate: NDArray[np.floating[Any]]
    sigma: NDArray[np.floating[Any]]


@dataclass
class Clusters:
    """Clusters of one map, fed with its rows from top to bottom.

    Parameters
    ----------
    min_level
        Least class of a cluster: 1, 2, 3 for 90, 95, 99 %.
    min_px
        Smaller clusters are dropped.
    """

    grid: Grid
    min_level: int
    min_px: int
    _sides: dict[str, _Side] = field(init=False)
    _top: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._sides = {kind: _Side(sign, self.min_level, self.min_px) for kind, sign in KINDS.items()}

    def add(self, rows: ScoredRows) -> None:
        """Add the next rows of the map."""
        for side in self._sides.values():
            side.add(rows, self._top)
        self._top += len(rows.z)

    def frame(self) -> gpd.GeoDataFrame:
        """Describe every cluster.

        Returns
        -------
        GeoDataFrame
            ``cluster`` (h1…hN by falling area, then west to east), ``kind`` (subsidence: negative rates, which are
            cold spots; uplift), ``area_m2``, ``max_level``, ``share_90``, ``share_95``, ``share_99`` (of the pixels,
            in the class of that confidence), ``mean_z``, ``extreme_z``, ``mean_rate``, ``extreme_rate``,
            ``min_rate``, ``max_rate``, ``mean_sigma`` (mm/yr; extremes are those furthest in the cluster's own
            direction; ``mean_sigma`` is NaN without standard errors), geometry in the grid's CRS.
        """
        parts = [side.frame(self.grid).assign(kind=kind) for kind, side in self._sides.items()]
        frame = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=self.grid.crs_wkt)
        corner = frame.geometry.bounds
        frame = frame.assign(_area=-frame["area_m2"], _x=corner["minx"], _y=corner["miny"])
        frame = frame.sort_values(["_area", "_x", "_y"], ignore_index=True)[[*COLUMNS, "geometry"]]
        frame.insert(0, "cluster", pd.Series([f"h{number}" for number in range(1, len(frame) + 1)], dtype=object))
        return frame


@dataclass
class _Side:
    """Significant pixels of one sign: pieces within strips, and which of them touch across strips."""

    sign: int
    min_level: int
    min_px: int
    figures: list[pd.DataFrame] = field(default_factory=list)
    outlines: list[BaseGeometry] = field(default_factory=list)
    links: list[NDArray[np.int64]] = field(default_factory=list)
    last_row: NDArray[np.int64] | None = None

    def add(self, rows: ScoredRows, top: int) -> None:
        """Label the pieces of a strip and link them to those of the strip above."""
        labels = self._labelled(rows.classes)
        height, width = labels.shape
        above = len(self.outlines)
        self.figures.append(_figures(labels, rows, self.sign))
        pieces = polygons_of(labels, Grid(width, height, None, None, (1.0, 1.0)))
        self.outlines += [affinity.translate(piece, yoff=top) for piece in pieces]
        numbered = np.where(labels > 0, labels.astype(np.int64) + above, 0)
        if self.last_row is not None:
            self.links.append(_touching(self.last_row, numbered[0]))
        self.last_row = numbered[-1]

    def _labelled(self, classes: NDArray[np.int8]) -> NDArray[np.int32]:
        """Label the pieces 1…n, without the small ones that end within the strip."""
        labels, count = ndimage.label(classes * self.sign >= self.min_level, _EIGHT)
        kept = np.bincount(labels.ravel(), minlength=count + 1) >= self.min_px
        kept[labels[[0, -1]].ravel()] = True
        kept[0] = False
        return np.where(kept, kept.cumsum(), 0).astype(np.int32)[labels]

    def frame(self, grid: Grid) -> gpd.GeoDataFrame:
        """Join the pieces of every cluster and describe it."""
        links = np.concatenate([np.zeros((2, 0), np.int64), *self.links], axis=1)
        size = len(self.outlines)
        graph = coo_matrix((np.ones(links.shape[1]), tuple(links - 1)), (size, size))
        roots = connected_components(graph, directed=False)[1] if size else np.zeros(0, int)
        grouped = pd.concat(self.figures, ignore_index=True).groupby(roots)
        totals = pd.concat([grouped[list(names)].agg(how) for how, names in _REDUCTIONS.items()], axis=1)
        outlines = pd.Series(self.outlines, dtype=object).groupby(roots).agg(list)
        large = totals["pixels"] >= self.min_px
        joined = [_in_crs(pieces, grid) for pieces in outlines[large]]
        return gpd.GeoDataFrame(_described(totals[large], self.sign, grid), geometry=joined, crs=grid.crs_wkt)


def _figures(labels: NDArray[np.int32], rows: ScoredRows, sign: int) -> pd.DataFrame:
    """Add up every piece 1…n of a strip; `extreme_z` counts in the piece's own direction."""
    inside = labels > 0
    label, count = labels[inside], int(labels.max(initial=0))
    z, rate, sigma = (values[inside].astype(np.float64) for values in (rows.z, rows.rate, rows.sigma))
    level = np.abs(rows.classes[inside])

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(label, values, count + 1)[1:].astype(np.float64)

    def largest(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.full(count + 1, -np.inf)
        np.maximum.at(found, label, values)
        return found[1:]

    known = np.isfinite(sigma)
    sums = {"pixels": np.ones(label.size), "z": z, "rate": rate, "sigma": np.where(known, sigma, 0), "sigmas": known}
    sums |= {name: level == value for name, value in _LEVELS.items()}
    extremes = {"min_rate": -largest(-rate), "max_rate": largest(rate), "extreme_z": largest(sign * z)}
    return pd.DataFrame({name: total(values) for name, values in sums.items()} | extremes)


def _touching(above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the pieces that meet across two neighbouring rows, at an edge or a corner, (2, n)."""
    padded = np.pad(above, 1)
    pairs = np.concatenate([np.stack([padded[shift : shift + below.size], below]) for shift in range(3)], axis=1)
    return np.unique(pairs[:, (pairs > 0).all(0)], axis=1)


def _described(totals: pd.DataFrame, sign: int, grid: Grid) -> pd.DataFrame:
    """Attributes of the clusters from sums over their pixels."""
    shares = totals[list(_LEVELS)].div(totals["pixels"], axis=0)
    levels = (totals[list(_LEVELS)] > 0).mul(pd.Series(_LEVELS)).max(axis=1)
    return shares.assign(
        area_m2=totals["pixels"] * grid.pixel_area_m2,
        max_level=levels.astype("int64"),
        mean_z=totals["z"] / totals["pixels"],
        extreme_z=sign * totals["extreme_z"],
        mean_rate=totals["rate"] / totals["pixels"],
        extreme_rate=totals["min_rate" if sign < 0 else "max_rate"],
        min_rate=totals["min_rate"],
        max_rate=totals["max_rate"],
        mean_sigma=totals["sigma"] / totals["sigmas"].where(totals["sigmas"] > 0),
    )


def _in_crs(pieces: list[BaseGeometry], grid: Grid) -> BaseGeometry:
    """Join pieces in pixel coordinates, where common edges are equal to the last bit, and place them on the map."""
    joined = pieces[0] if len(pieces) == 1 else shapely.simplify(shapely.union_all(pieces), 0)
    place = grid.affine
    return affinity.affine_transform(joined, [place.a, place.b, place.d, place.e, place.c, place.f])
