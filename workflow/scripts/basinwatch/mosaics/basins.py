"""Basins of one pair of dates over all stacks of an area: each once, none cut where frames meet."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MIN_SHARED_SHARE = 0.5
MIN_SHARED_SHARE_OF_CUT = 0.3


def mosaic(frames: Sequence[gpd.GeoDataFrame], crs_wkt: str | None) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Merge what several stacks saw of the same basins.

    Detections of different stacks that share half of the smaller outline are one basin; 30 % are enough where the
    border of the data cuts both, which leaves less to share. Detections of one stack stay apart.

    Parameters
    ----------
    frames
        One frame of instances per stack, with ``stack``, ``score``, ``area_m2``, ``touches_edge``.
    crs_wkt
        Coordinate system of the result; None keeps pixel coordinates (then there is one stack).

    Returns
    -------
    basins : GeoDataFrame
        One row per basin: number ``basin_of_pair``, attributes (``stack`` too) and outline of the best observation,
        ``stacks`` that saw it; best score first. The best observation is the best-scored one that no border of the data
        cuts; where all are cut, the best-scored one gets the outline of all together.
    detections : GeoDataFrame
        All rows with ``basin_of_pair``.
    """
    placed = frames if crs_wkt is None else [frame.to_crs(crs_wkt) for frame in frames]
    every = gpd.GeoDataFrame(pd.concat(placed, ignore_index=True), crs=placed[0].crs)
    every = every.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    every["basin_of_pair"] = _groups(every)
    seen_by = every.groupby("basin_of_pair")["stack"].agg(lambda names: ", ".join(sorted(set(names))))
    basins = _best_observations(every)
    basins["stacks"] = basins["basin_of_pair"].map(seen_by).astype(object)
    return basins, every


def _groups(detections: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Give detections of one basin the same number, 1 for the best-scored."""
    shapes, stacks = detections.geometry.to_numpy(), detections["stack"].to_numpy()
    cut = detections["touches_edge"].to_numpy(bool)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    other = stacks[first] != stacks[second]
    first, second = first[other], second[other]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    smaller = np.minimum(shapely.area(shapes[first]), shapely.area(shapes[second]))
    same = shared >= np.where(cut[first] & cut[second], MIN_SHARED_SHARE_OF_CUT, MIN_SHARED_SHARE) * smaller
    links = coo_array((np.ones(same.sum()), (first[same], second[same])), shape=(len(shapes),) * 2)
    labels = connected_components(links, directed=False)[1]
    order = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()), start=1)}
    return np.array([order[label] for label in labels], np.int64)


def _best_observations(every: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One row per basin, see :func:`mosaic`; `every` is sorted by score."""
    whole_first = every.sort_values("touches_edge", kind="stable")
    basins = whole_first.drop_duplicates("basin_of_pair").sort_values("basin_of_pair", ignore_index=True)
    views = every.groupby("basin_of_pair")
    for row in np.flatnonzero(basins["touches_edge"] & (views.size().to_numpy() > 1)):
        outline = shapely.union_all(views.get_group(basins.at[row, "basin_of_pair"]).geometry.to_numpy())
        # Coordinates may be degrees; the observation knows what its own area is on the ground.
        basins.at[row, "area_m2"] *= outline.area / basins.geometry[row].area
        basins.at[row, "geometry"] = outline
    return basins
