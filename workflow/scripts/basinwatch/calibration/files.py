"""Which labelled pictures there are; standard library only, for the workflow asks while it builds the job graph."""

from __future__ import annotations

import re
from glob import glob
from pathlib import Path

from basinwatch.errors import InputError


def match(images: str | None, labels: str | None) -> list[tuple[str, str]]:
    """Find pictures and the label raster of the same name (whatever its extension), in the order of their numbers.

    Parameters
    ----------
    images
        Folder of phase pictures or rasters, or a pattern such as ``tiles/*.png``.
    labels
        Folder of label rasters.

    Returns
    -------
    Picture and label of every tile; nothing if neither is set.

    Raises
    ------
    InputError
        If only one of them is set, or no picture has a label.
    """
    if not images and not labels:
        return []
    if not images or not labels:
        raise InputError(
            f"calibration: found images {images!r} and labels {labels!r}, expected both; set calibration.images and "
            "calibration.labels, or neither."
        )
    pattern = f"{images}/*" if Path(images).is_dir() else images
    by_name = {Path(path).stem: path for path in sorted(glob(f"{labels}/*"))}
    pictures = sorted((path for path in glob(pattern) if Path(path).stem in by_name), key=_number)
    if not pictures:
        raise InputError(
            f"calibration: found no picture of {pattern} with a label of the same name in {labels}, expected at least "
            "one; correct calibration.images or calibration.labels."
        )
    return [(path, by_name[Path(path).stem]) for path in pictures]


def _number(path: str) -> list[tuple[int, str]]:
    """Sorting key by which tile 2 comes before tile 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", Path(path).stem)]
