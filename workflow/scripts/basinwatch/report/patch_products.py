"""Mine patches of an area and how they were found, as a report shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from basinwatch.provenance import read_json
from basinwatch.vectors import read_vectors


@dataclass(frozen=True)
class PatchProducts:
    """Mine patches.

    Parameters
    ----------
    picture
        Prepared picture they were found in.
    choice, control
        How the segmentation was chosen, and which segments were kept.
    accuracy
        How good they are; None without reference patches.
    """

    patches: gpd.GeoDataFrame
    picture: Path
    choice: Mapping[str, Any]
    control: Mapping[str, Any]
    accuracy: Mapping[str, Any] | None


def read_patches(paths: Mapping[str, list[Path]]) -> PatchProducts | None:
    """Read the products of mine patches by role; None where there are none to read."""
    if "patches" not in paths:
        return None
    return PatchProducts(
        read_vectors(paths["patches"][0], "patches"),
        paths["patch_picture"][0],
        read_json(paths["patch_choice"][0]),
        read_json(paths["patch_control"][0]),
        read_json(paths["patch_accuracy"][0]) if "patch_accuracy" in paths else None,
    )
