"""A small picture of wrapped phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from basinwatch.phase_color import to_rgb
from basinwatch.provenance import atomic_path

_MAX_SIDE_PX = 1024


def write_quicklook(path: str | Path, phase: NDArray[np.floating[Any]], max_side_px: int = _MAX_SIDE_PX) -> None:
    """Write phase as a PNG in the colours of :mod:`basinwatch.phase_color`, no data black.

    Parameters
    ----------
    phase
        (y, x) radians; every n-th pixel is taken, since a mean of wrapped phase is none.
    max_side_px
        Longest side of the picture.
    """
    step = -(-max(phase.shape) // max_side_px)
    with atomic_path(path) as part:
        Image.fromarray(to_rgb(phase[::step, ::step])).save(part, "PNG")
