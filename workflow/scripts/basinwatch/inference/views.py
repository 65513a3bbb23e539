"""Views of one window that show the same basins: constant phase offsets and mirror images.

Neither changes what is true of a wrapped interferogram (its reference phase is arbitrary), so the mean over several
views is a better estimate at a multiple of the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

COUNTS = (1, 2, 4)
_AXES: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (0, 1))


@dataclass(frozen=True)
class View:
    """A phase offset in radians and the axes (0 = rows, 1 = columns) that are mirrored."""

    offset_rad: float
    axes: tuple[int, ...]

    def mirrored(self, rows: Tensor) -> Tensor:
        """Mirror channels (y, x, …)."""
        return rows.flip(self.axes) if self.axes else rows

    def straightened(self, maps: Tensor) -> Tensor:
        """Undo the mirroring of maps (…, y, x)."""
        return maps.flip(tuple(axis - 2 for axis in self.axes)) if self.axes else maps


def views(count: int) -> list[View]:
    """Return views with offsets spread evenly over the cycle, each mirrored another way, the window itself first.

    Raises
    ------
    ValueError
        If `count` is none of `COUNTS`.
    """
    if count not in COUNTS:
        raise ValueError(f"{count} views, expected one of {COUNTS}")
    return [View(2 * math.pi * number / count, _AXES[number]) for number in range(count)]
