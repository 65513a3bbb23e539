"""Rates along the slope as the picture a detector sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL_SCALE_MM_YR = 60.0
BAND = "rate_share"
ENCODING = "abs_rate"


def rate_share(rate_mm_yr: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Bring rates to −1…1 of full scale; the encoding ``abs_rate`` makes a grey picture of their size.

    Zhang et al. (2022), section 4.1: the sign only tells up the slope from down, so grey is the absolute rate. Full
    scale is one fixed number, so that a model sees the same grey for the same rate everywhere.

    Parameters
    ----------
    rate_mm_yr
        (y, x), NaN where unknown.
    """
    return np.clip(rate_mm_yr / FULL_SCALE_MM_YR, -1, 1).astype(np.float32)
