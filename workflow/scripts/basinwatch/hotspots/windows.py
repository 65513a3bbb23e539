"""Sums over a disc around every pixel of a raster, by runs along rows or by Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]
Method = Literal["auto", "runs", "fft"]

# Runs cost one addition per row of the disc, the transform the same for every disc.
_FFT_FROM_ROWS = 61
_CACHED_PX = 16_384


@dataclass(frozen=True)
class Disc:
    """Pixels whose centres lie within a radius.

    Parameters
    ----------
    half_widths
        Columns to either side of the centre, one entry per row from the top to the bottom of the disc.
    """

    half_widths: tuple[int, ...]

    @classmethod
    def of(cls, radius_m: float, spacing_m: tuple[float, float]) -> Disc:
        """Build the disc of a radius (inclusive) on pixels of column and row spacing in metres."""
        column_m, row_m = spacing_m
        reach = int(radius_m / row_m + 1e-9)
        squares = [max(radius_m**2 - (row * row_m) ** 2, 0.0) for row in range(-reach, reach + 1)]
        return cls(tuple(int(np.sqrt(square) / column_m + 1e-9) for square in squares))

    @property
    def rows(self) -> int:
        """Rows above (and below) the centre."""
        return len(self.half_widths) // 2

    @property
    def columns(self) -> int:
        """Columns left (and right) of the centre."""
        return max(self.half_widths)

    @property
    def size(self) -> int:
        """Pixels in the disc."""
        return sum(2 * width + 1 for width in self.half_widths)

    def kernel(self) -> Array:
        """Disc as an array of 0 and 1, (2 rows + 1, 2 columns + 1)."""
        place = np.abs(np.arange(-self.columns, self.columns + 1))
        return (place[None, :] <= np.array(self.half_widths)[:, None]).astype(np.float64)


def piece_rows(disc: Disc, columns: int, method: Method = "auto") -> int | None:
    """Rows to hand to :func:`window_sums` at a time so that all stays in the processor's cache; None = any number."""
    return None if _by_transform(disc, method) else max(4 * disc.rows, _CACHED_PX // columns, 1)


def _by_transform(disc: Disc, method: Method) -> bool:
    """Whether window sums come from a Fourier transform."""
    return method == "fft" or (method == "auto" and len(disc.half_widths) >= _FFT_FROM_ROWS)


def window_sums(
    values: Array, valid: NDArray[np.bool_], disc: Disc, method: Method = "auto"
) -> tuple[Array, NDArray[Any]]:
    """Sum values and count valid pixels over the disc around every pixel.

    Parameters
    ----------
    values
        (y + 2 ``disc.rows``, x), 0 where not valid; the rows at top and bottom are neighbours only. Beyond the
        left and right border there is nothing.
    valid
        Same shape.
    method
        By runs (exact additions, quick for small discs) or by transform; "auto" picks.

    Returns
    -------
    total, count
        (y, x) each.
    """
    if _by_transform(disc, method):
        total, count = _sums_by_transform([values, valid], disc)
        return total, np.rint(count)
    return _sum_by_runs(values, disc, np.float64), _sum_by_runs(valid, disc, np.int32)


def _sum_by_runs(values: NDArray[Any], disc: Disc, dtype: type) -> NDArray[Any]:
    """Window sums as differences of cumulative sums along rows."""
    columns, reach = values.shape[1], disc.columns
    end = reach + 1 + columns
    cumulative = np.zeros((len(values), end + reach), dtype)
    np.cumsum(values, axis=1, out=cumulative[:, reach + 1 : end])
    cumulative[:, end:] = cumulative[:, end - 1 : end]
    run: NDArray[Any] = np.empty(values.shape, dtype)
    total: NDArray[Any] = np.zeros((len(values) - 2 * disc.rows, columns), dtype)
    for width in set(disc.half_widths):
        left, right = reach - width, reach + width + 1
        np.subtract(cumulative[:, right : right + columns], cumulative[:, left : left + columns], out=run)
        for row in (row for row, own in enumerate(disc.half_widths) if own == width):
            total += run[row : row + len(total)]
    return total


def _sums_by_transform(images: list[NDArray[Any]], disc: Disc) -> list[Array]:
    """Window sums as cyclic convolutions; what wraps around stays in the rows that are neighbours only."""
    rows, columns = images[0].shape
    shape = [fft.next_fast_len(rows, real=True), fft.next_fast_len(columns + disc.columns, real=True)]
    kernel = np.zeros(shape)
    kernel[: 2 * disc.rows + 1, : 2 * disc.columns + 1] = disc.kernel()
    transfer = fft.rfft2(np.roll(kernel, (-disc.rows, -disc.columns), (0, 1)))
    inside = slice(disc.rows, rows - disc.rows), slice(0, columns)
    return [fft.irfft2(fft.rfft2(image, shape) * transfer, shape)[inside] for image in images]
