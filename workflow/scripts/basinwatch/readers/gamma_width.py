"""Which width a binary without a header has: rows that follow each other are alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLE_BYTES = 2 * 2**20
_WIDTHS = (200, 60_000)
_MAX_ASPECT = 8
_MAX_NUMBER = 1e9
_CLEAR, _TWICE, _SAME = 1.5, 2.0, 0.9
_MIN_LIKENESS = 0.1


def possible_widths(pixels: int) -> NDArray[np.int64]:
    """Widths that divide a number of pixels into an image not longer than eight times its other side."""
    widths = np.arange(_WIDTHS[0], min(_WIDTHS[1], max(pixels, _WIDTHS[0])) + 1)
    widths = widths[pixels % widths == 0]
    lines = pixels // widths
    return widths[(widths <= _MAX_ASPECT * lines) & (lines <= _MAX_ASPECT * widths)]


def likely_width(path: Path, dtype: np.dtype[np.generic]) -> int | None:
    """Width at which rows are most alike, if it is clear; None otherwise.

    Parameters
    ----------
    dtype
        Complex or real numbers, byte order included.
    """
    widths = possible_widths(path.stat().st_size // dtype.itemsize)
    alike = mean_products(path, dtype, widths).real
    if not len(alike):
        return None
    best = int(widths[alike >= _SAME * alike.max()][0])
    others = alike[widths % best > 0]  # rows two widths apart are alike too
    return best if alike.max() >= max(_CLEAR * others.max(initial=0.0), _MIN_LIKENESS) else None


def better_width(path: Path, dtype: np.dtype[np.generic], width: int) -> int | None:
    """E15: the width that makes rows more than twice as alike as the given one; None if there is none.

    Of the given width the length of the mean product counts, so that a slope along the rows does not matter.
    """
    widths = possible_widths(path.stat().st_size // dtype.itemsize)
    widths = widths[widths % width > 0]
    alike = mean_products(path, dtype, np.append(widths, width))
    best = int(np.argmax(alike[:-1].real)) if len(widths) else -1
    is_better = alike[best].real > max(_TWICE * abs(alike[-1]), _MIN_LIKENESS)
    return int(widths[best]) if is_better else None


def mean_products(path: Path, dtype: np.dtype[np.generic], widths: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Mean product of phasors and the conjugates of those a width further on, in a sample from a file's middle.

    Its real part is the mean cosine of the phase between rows, its length that without a slope common to all.

    Parameters
    ----------
    widths
        (N,) in pixels.

    Returns
    -------
    (N,) of length up to 1; 0 where the sample is too short.
    """
    count = min(_SAMPLE_BYTES, path.stat().st_size) // dtype.itemsize
    start = (path.stat().st_size // dtype.itemsize - count) // 2
    stored = np.fromfile(path, dtype, count, offset=start * dtype.itemsize)
    phasors = _phasors(stored.astype(np.complex64 if stored.dtype.kind == "c" else np.float32))
    # all lags at once, by the theorem of Wiener and Khinchin
    products = np.fft.ifft(np.abs(np.fft.fft(phasors, 2 * count)) ** 2)[:count]
    pairs = np.maximum(np.abs(phasors).sum() * (1 - np.arange(count) / max(count, 1)), 1)
    found = np.zeros(len(widths), complex)
    inside = widths < count // 2
    found[inside] = (products / pairs)[widths[inside]]
    return found


def _phasors(stored: NDArray[Any]) -> NDArray[np.complex64]:
    """Numbers of length 1 with the angle of the stored ones, of real ones the number itself; 0 where no data."""
    valid = np.isfinite(stored) & (stored != 0) & (np.abs(stored) < _MAX_NUMBER)
    known = np.where(valid, stored, 1)
    angles = np.angle(known) if np.iscomplexobj(known) else known
    return np.where(valid, np.exp(1j * angles), 0).astype(np.complex64)
