"""Mine patches: neighbouring segments together, without what lies on other ground or is too small."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.grid import Grid
from basinwatch.vectors import polygons_of

_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class PatchSettings:
    """What counts as a patch.

    Parameters
    ----------
    min_area_m2
        Smaller patches are dropped.
    max_excluded_share
        Share of a segment that may lie on other ground; the study drops whatever touches it (0).
    """

    min_area_m2: float = 50.0
    max_excluded_share: float = 0.1


@dataclass(frozen=True)
class Patches:
    """Labels (y, x) of patches, 0 outside and 1…n inside; segments and patches dropped for either reason."""

    labels: NDArray[np.int32]
    on_other_ground: int
    too_small: int

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.labels.max(initial=0))


def form(
    segments: NDArray[np.int32], excluded: NDArray[np.bool_], pixel_area_m2: float, settings: PatchSettings
) -> Patches:
    """Drop segments on other ground, merge what touches, also at corners, and drop small patches.

    Parameters
    ----------
    segments
        (y, x) numbers of the segments that were kept, 0 elsewhere.
    excluded
        (y, x) buildings, cropland, water.
    """
    own = np.bincount(segments.ravel())
    elsewhere = np.bincount(segments[excluded], minlength=own.size) > settings.max_excluded_share * own
    elsewhere[0] = True
    labels, count = ndimage.label(~elsewhere[segments], structure=_EIGHT)
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    wanted = area * pixel_area_m2 >= settings.min_area_m2
    numbers = np.concatenate([[0], np.where(wanted, np.cumsum(wanted), 0)]).astype(np.int32)
    return Patches(numbers[labels], int((elsewhere & (own > 0))[1:].sum()), int((~wanted).sum()))


def outline(patches: Patches, extracted: NDArray[np.bool_], grid: Grid) -> gpd.GeoDataFrame:
    """Patches as polygons: `id`, `area_m2` and `extracted_share`, from top to bottom."""
    area = np.bincount(patches.labels.ravel(), minlength=patches.count + 1)[1:]
    shared = np.bincount(patches.labels[extracted], minlength=patches.count + 1)[1:]
    columns = {
        "id": [f"p{number}" for number in range(1, patches.count + 1)],
        "area_m2": area * grid.pixel_area_m2,
        "extracted_share": shared / np.maximum(area, 1),
    }
    return gpd.GeoDataFrame(columns, geometry=polygons_of(patches.labels, grid), crs=grid.crs_wkt)
