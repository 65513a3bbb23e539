"""Reference patches: outlines a person drew, to learn from, to choose by and to be judged by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from basinwatch.errors import InputError
from basinwatch.given_vectors import POLYGONS, read_given
from basinwatch.grid import Grid
from basinwatch.vectors import footprints

TRAIN, VALIDATION, TEST = "train", "validation", "test"
USES = (TRAIN, VALIDATION, TEST)
LEARNT_FROM = (TRAIN, VALIDATION)
_FIRST_OF_VALIDATION = 5
_PERMUTATION = 0


@dataclass(frozen=True)
class References:
    """Reference patches on the grid of a picture.

    Parameters
    ----------
    frame
        Polygons with a column `use`: train, validation or test.
    grid
        Of the picture.
    remarks
        What a reader should know about the file.
    """

    frame: gpd.GeoDataFrame
    grid: Grid
    remarks: tuple[str, ...] = ()

    def labels(self, uses: Collection[str] = USES) -> NDArray[np.int32]:
        """Burn patches of some uses, numbered from 1 on, into (y, x); where two overlap the later one wins."""
        labels = np.zeros(self.grid.shape, np.int32)
        chosen = self.frame[self.frame["use"].isin(list(uses))]
        for number, place in enumerate(footprints(chosen.geometry, self.grid), 1):
            labels[place.rows, place.columns][place.mask] = number
        return labels


def read_references(path: Path | None, grid: Grid, seed: int, layer: str | None = None) -> References:
    """Read reference patches and say what each is for.

    A column `use` decides; without one half of the patches, drawn at random, is for the test, as in the study. Where
    none is for validation, every fifth of those to learn from is.

    Parameters
    ----------
    path
        Vector file of polygons; None gives no patches.
    seed
        Same seed gives the same halves.

    Raises
    ------
    InputError
        If the file cannot be read or holds no polygons, or a use is unknown.
    """
    crs = CRS.from_wkt(str(grid.crs_wkt))
    if path is None:
        return References(gpd.GeoDataFrame({"use": []}, geometry=[], crs=crs), grid)
    given = read_given(path, crs, POLYGONS, layer)
    inside = np.array([place.mask.any() for place in footprints(given.frame.geometry, grid)], bool)
    frame = given.frame[inside].reset_index(drop=True)
    outside = int((~inside).sum())
    remarks = given.remarks + ((f"{path}: {outside} patches lie outside the picture.",) if outside else ())
    return References(frame.assign(use=_uses(frame, path, seed)), grid, remarks)


def _uses(frame: gpd.GeoDataFrame, path: Path, seed: int) -> list[str]:
    """Use of every patch."""
    if "use" in frame:
        uses = [str(use) for use in frame["use"]]
        unknown = sorted(set(uses) - set(USES))
        if unknown:
            raise InputError(
                f"{path}: found use '{unknown[0]}', expected one of {', '.join(USES)}; correct the column."
            )
    else:
        order = np.random.Generator(np.random.Philox(key=[seed, _PERMUTATION])).permutation(len(frame))
        uses = [TEST if place < len(frame) // 2 else TRAIN for place in order]
    learnt = [number for number, use in enumerate(uses) if use == TRAIN]
    if VALIDATION not in uses and len(learnt) > 1:
        for number in learnt[::_FIRST_OF_VALIDATION]:
            uses[number] = VALIDATION
    return uses
