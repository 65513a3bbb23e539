"""Unwrapped pairs of a stack: reading them whole, at chosen pixels or block by block."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import read_raster, read_share
from basinwatch.sbas.network import Network
from basinwatch.sbas.pixels import Pixels

Float = NDArray[np.float32]
Count = NDArray[np.uint16]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class UnwrappedStack:
    """Unwrapped pairs on one grid.

    Parameters
    ----------
    unwrapped
        One raster per pair of the network: float32 radians, positive away from the satellite, NaN = no data.
    coherence
        One coherence raster per pair (coded as shares), or None.
    network
        Dates and pairs, in the order of the rasters.
    components
        One raster of connected components per pair (0 = none), or None.
    """

    unwrapped: Sequence[Path]
    coherence: Sequence[Path] | None
    network: Network
    grid: Grid
    wavelength_m: float
    components: Sequence[Path] | None = None

    def part(self, numbers: NDArray[np.integer[Any]]) -> UnwrappedStack:
        """Take some of the pairs, in that order; dates stay."""

        def of(paths: Sequence[Path]) -> list[Path]:
            return [paths[number] for number in numbers]

        return replace(
            self,
            unwrapped=of(self.unwrapped),
            coherence=None if self.coherence is None else of(self.coherence),
            components=None if self.components is None else of(self.components),
            network=self.network.part(numbers),
        )


@dataclass(frozen=True)
class Survey:
    """Share of pairs in which each pixel is valid, and its mean known coherence (NaN: unknown); float32 (y, x)."""

    valid_share: Float
    mean_coherence: Float


@dataclass(frozen=True)
class Tally:
    """What a survey counts of pixels (y, x); adds up over pairs.

    Parameters
    ----------
    pairs
        How many there are.
    valid, known
        uint16 pairs with phase, and with known coherence.
    total
        float64 sum of the known coherence.
    """

    pairs: int
    valid: Count
    known: Count
    total: NDArray[np.float64]

    def __add__(self, later: Tally) -> Tally:
        """Take further pairs into account."""
        return Tally(**{name: values + getattr(later, name) for name, values in vars(self).items()})

    @property
    def survey(self) -> Survey:
        """Shares and means."""
        unknown = np.full(self.total.shape, np.nan)
        mean = np.divide(self.total, self.known, out=unknown, where=self.known > 0)
        return Survey((self.valid / np.float32(self.pairs)).astype(np.float32), mean.astype(np.float32))


def read_pair(
    stack: UnwrappedStack, number: int, min_coherence: float, window: Window | None = None
) -> tuple[Float, Float]:
    """Read phase and coherence of one pair, (y, x); phase is NaN where the coherence is known and lower than wanted.

    Raises
    ------
    InputError
        If the rasters do not fit the stack's grid.
    """
    phase = read_fitting(stack, stack.unwrapped[number], read_raster, window).astype(np.float32)
    if stack.coherence is None:
        return phase, np.full(phase.shape, np.nan, np.float32)
    coherence = read_fitting(stack, stack.coherence[number], read_share, window)
    phase[coherence < min_coherence] = np.nan
    return phase, coherence


def read_fitting(
    stack: UnwrappedStack, path: Path, read: Callable[..., NDArray[Any]], window: Window | None = None
) -> NDArray[Any]:
    """Read a raster that must be of the stack's size.

    Raises
    ------
    InputError
        If it is not.
    """
    values, expected = read(path, window), (window.height, window.width) if window else stack.grid.shape
    if values.shape != expected:
        raise InputError(
            f"{path}: found {values.shape[0]}x{values.shape[1]} px, expected {expected[0]}x{expected[1]} px as in "
            "the stack's grid; recreate this pair."
        )
    return values


def tally(stack: UnwrappedStack, min_coherence: float, workers: int = 1) -> Tally:
    """Count where the pairs are valid and sum up their coherence."""
    valid, known = np.zeros(stack.grid.shape, np.uint16), np.zeros(stack.grid.shape, np.uint16)
    total = np.zeros(stack.grid.shape)
    numbers = range(len(stack.unwrapped))
    for phase, coherence in in_order(lambda number: read_pair(stack, number, min_coherence), numbers, workers):
        valid += np.isfinite(phase)
        known += np.isfinite(coherence)
        total += np.nan_to_num(coherence)
    return Tally(len(numbers), valid, known, total)


def survey(stack: UnwrappedStack, min_coherence: float, workers: int = 1) -> Survey:
    """Tell where the pairs are valid and how coherent they are on average."""
    return tally(stack, min_coherence, workers).survey


def read_at(stack: UnwrappedStack, pixels: Pixels, min_coherence: float, workers: int = 1) -> tuple[Float, Float]:
    """Read phase and coherence (m, P) of all pairs at chosen pixels."""

    def read(number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        phase, coherence = read_pair(stack, number, min_coherence)
        return pixels.of(phase), pixels.of(coherence)

    shape = (len(stack.unwrapped), len(pixels))
    phase, coherence = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for number, found in enumerate(in_order(read, range(len(phase)), workers)):
        phase[number], coherence[number] = found
    return phase, coherence


def read_block(
    stack: UnwrappedStack, window: Window, min_coherence: float, *, with_coherence: bool
) -> tuple[Float, Float | None]:
    """Read phase (m, P) of all pairs in a window, and their coherence if wanted."""
    shape = (len(stack.unwrapped), window.height * window.width)
    phase = np.empty(shape, np.float32)
    coherence = np.empty(shape, np.float32) if with_coherence else None
    for number in range(len(phase)):
        values, found = read_pair(stack, number, min_coherence, window)
        phase[number] = values.ravel()
        if coherence is not None:
            coherence[number] = found.ravel()
    return phase, coherence


def blocks(grid: Grid, size: int) -> list[Window]:
    """Windows of `size` × `size` pixels that cover the grid, in reading order."""
    return [
        Window(column, row, min(size, grid.width - column), min(size, grid.height - row))
        for row, column in product(range(0, grid.height, size), range(0, grid.width, size))
    ]


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Call a function in threads; yield its results in the items' order, holding few at a time."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
