"""Connected components of the unwrapping: whole cycles between a pixel and the reference are known within one alone.

An area that no reliable path joins to the reference floats: every pair may put it on another cycle, and no
residual need show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from basinwatch.rasters import read_raster
from basinwatch.sbas.observations import UnwrappedStack, in_order, read_fitting
from basinwatch.sbas.pixels import Pixels

Count = NDArray[np.uint16]
Labels = NDArray[np.uint32]


@dataclass(frozen=True)
class Connection:
    """How often pixels (y, x) hang together with the reference; adds up over pairs.

    Parameters
    ----------
    joined, unwrapped
        Pairs in which a pixel lies in the reference's component, and in any.
    """

    joined: Count
    unwrapped: Count

    def __add__(self, later: Connection) -> Connection:
        """Take further pairs into account."""
        return Connection(self.joined + later.joined, self.unwrapped + later.unwrapped)

    @property
    def share(self) -> NDArray[np.float32]:
        """Share of the pairs that unwrap a pixel in which it is joined to the reference; NaN where none does."""
        known = np.where(self.unwrapped > 0, self.unwrapped, np.nan)
        return (self.joined / known).astype(np.float32)


def count_joined(stack: UnwrappedStack, components: Sequence[Path], reference: Pixels, workers: int = 1) -> Connection:
    """Count in which pairs each pixel lies in the component of the reference.

    Parameters
    ----------
    components
        One raster per pair that counts.

    Raises
    ------
    InputError
        If a raster does not fit the stack's grid.
    """
    joined, unwrapped = np.zeros(stack.grid.shape, np.uint16), np.zeros(stack.grid.shape, np.uint16)
    for labels in in_order(lambda path: read_fitting(stack, path, read_raster), components, workers):
        inside = labels > 0
        unwrapped += inside
        joined += inside & (labels == component_of(labels, reference))
    return Connection(joined, unwrapped)


def connected_share(
    stack: UnwrappedStack, reference: Pixels, kept: NDArray[np.bool_], workers: int = 1
) -> NDArray[np.float32]:
    """Share (y, x) of the pairs that are `kept` (m,) in which pixels are joined to the reference; NaN where unknown."""
    if stack.components is None:
        return np.full(stack.grid.shape, np.nan, np.float32)
    chosen = [path for path, is_kept in zip(stack.components, kept, strict=True) if is_kept]
    return count_joined(stack, chosen, reference, workers).share


def component_of(labels: Labels, reference: Pixels) -> int:
    """Component that holds most of the reference pixels; 0 when none holds any."""
    found = reference.of(labels)
    numbers, counts = np.unique(found[found > 0], return_counts=True)
    return int(numbers[counts.argmax()]) if len(numbers) else 0
