"""Basins of one pair of dates over all stacks of an area: each once, none cut where frames meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MIN_SHARED_SHARE = 0.5
MIN_SHARED_SHARE_OF_CUT = 0.3


@dataclass(frozen=True)
class _Links:
    """Views of two stacks that show the same basin, each pair in both directions.

    Parameters
    ----------
    first, second
        int (n,), rows of the views.
    shared
        float (n,), common area.
    cut
        bool (n,), whether the border of the data cuts both.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    shared: NDArray[np.float64]
    cut: NDArray[np.bool_]

    def select(self, keep: NDArray[np.bool_]) -> _Links:
        """Keep some pairs."""
        return _Links(self.first[keep], self.second[keep], self.shared[keep], self.cut[keep])


def mosaic(frames: Sequence[gpd.GeoDataFrame], crs_wkt: str | None) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Merge what several stacks saw of the same basins.

    Views of different stacks that share half of the smaller outline show one basin; 30 % are enough where the border of
    the data cuts both, which leaves less to share. Where views hang together, the stack of the best one (whole before
    cut by the border of the data, then the best-scored) tells how many basins there are: each of its views is one, and
    a view of another stack belongs to that of them with which it shares most.

    Parameters
    ----------
    frames
        One frame of instances per stack, with ``stack``, ``score``, ``area_m2``, ``touches_edge``.
    crs_wkt
        Coordinate system of the result; None keeps pixel coordinates (then there is one stack).

    Returns
    -------
    basins : GeoDataFrame
        One row per basin: number ``basin_of_pair``, attributes (``stack`` too) and outline of its best view, ``stacks``
        that saw it; sorted by the score of that view. Where all views are cut, the outline is that of all together.
        Views that show several basins as one give no outline.
    detections : GeoDataFrame
        All rows with ``basin_of_pair``, by this number, the best view first.
    """
    placed = frames if crs_wkt is None else [frame.to_crs(crs_wkt) for frame in frames]
    every = gpd.GeoDataFrame(pd.concat(placed, ignore_index=True), crs=placed[0].crs)
    every = every.sort_values(["touches_edge", "score"], ascending=[True, False], kind="stable", ignore_index=True)
    basin, is_blurred = _assigned(every["stack"].to_numpy(), _links(every))
    # A view's own basin comes before what is only counted towards it.
    order = np.lexsort((np.arange(len(every)), is_blurred, basin))
    every, is_blurred = every.iloc[order].reset_index(drop=True), is_blurred[order]
    every["basin_of_pair"] = basin[order] + 1
    basins = _best_views(every, is_blurred).sort_values("score", ascending=False, kind="stable", ignore_index=True)
    number = dict(zip(basins["basin_of_pair"].tolist(), range(1, len(basins) + 1), strict=True))
    for table in (basins, every):
        table["basin_of_pair"] = table["basin_of_pair"].map(number).astype(np.int64)
    seen_by = every.groupby("basin_of_pair")["stack"].agg(lambda names: ", ".join(sorted(set(names))))
    basins["stacks"] = basins["basin_of_pair"].map(seen_by).astype(object)
    return basins, every.sort_values("basin_of_pair", kind="stable", ignore_index=True)


def _links(views: gpd.GeoDataFrame) -> _Links:
    """Find the views of different stacks that show the same basin."""
    shapes, stacks = views.geometry.to_numpy(), views["stack"].to_numpy()
    is_cut = views["touches_edge"].to_numpy(bool)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    other = stacks[first] != stacks[second]
    first, second = first[other], second[other]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    smaller = np.minimum(shapely.area(shapes[first]), shapely.area(shapes[second]))
    cut = is_cut[first] & is_cut[second]
    least = np.where(cut, MIN_SHARED_SHARE_OF_CUT, MIN_SHARED_SHARE)
    return _Links(first, second, shared, cut).select(shared >= least * smaller)


def _assigned(stacks: NDArray[np.object_], links: _Links) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give views, the best first, the number of their basin from 0 on, and tell which show several basins as one.

    What shares nothing with the best stack's views is looked at again without those that do, unless a chain of cut
    views leads to it.
    """
    basin, is_blurred, total = np.full(len(stacks), -1, np.int64), np.zeros(len(stacks), bool), 0
    while (free := basin < 0).any():
        open_links = links.select(free[links.first] & free[links.second])
        _, best, group = np.unique(_connected(open_links, len(stacks)), return_index=True, return_inverse=True)
        own = free & (stacks == stacks[best[group]])
        basin[own] = total + np.arange(own.sum())
        total += int(own.sum())
        near = open_links.select(own[open_links.first] & ~own[open_links.second])
        is_blurred |= np.bincount(near.second, minlength=len(stacks)) > 1
        _follow(basin, near)
        while len((chain := _leading_on(open_links, basin)).first):
            _follow(basin, chain)
    return basin, is_blurred


def _connected(links: _Links, count: int) -> NDArray[np.int32]:
    """Labels of the groups of views that hang together."""
    graph = coo_array((np.ones(len(links.first)), (links.first, links.second)), shape=(count, count))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def _leading_on(links: _Links, basin: NDArray[np.int64]) -> _Links:
    """Pairs of cut views of which only the first has a basin."""
    return links.select(links.cut & (basin[links.first] >= 0) & (basin[links.second] < 0))


def _follow(basin: NDArray[np.int64], links: _Links) -> None:
    """Give every second view the basin of the first with which it shares most; of equals the better one."""
    order = np.lexsort((-links.first, links.shared))
    basin[links.second[order]] = basin[links.first[order]]


def _best_views(every: gpd.GeoDataFrame, is_blurred: NDArray[np.bool_]) -> gpd.GeoDataFrame:
    """One row per basin, see :func:`mosaic`; `every` is sorted by basin, its best view first."""
    clear = every[~is_blurred]
    basins = clear.drop_duplicates("basin_of_pair", ignore_index=True)
    views = clear.groupby("basin_of_pair")
    for row in np.flatnonzero(basins["touches_edge"] & (views.size().to_numpy() > 1)):
        outline = shapely.union_all(views.get_group(basins.at[row, "basin_of_pair"]).geometry.to_numpy())
        # Coordinates may be degrees; the observation knows what its own area is on the ground.
        basins.at[row, "area_m2"] *= outline.area / basins.geometry[row].area
        basins.at[row, "geometry"] = outline
    return basins
