"""The cyan-magenta-yellow colour wheel of phase pictures, forth and back.

Phase 0 is cyan and grows through magenta and yellow back to cyan. In every third of the cycle one
channel stays full while one rises from 55 to 255 and one falls from 255 to 55; brightness scales all
three and black means no data. An 8-bit variant has 16 phases x 16 brightnesses in a fixed palette.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from basinwatch.errors import InputError
from basinwatch.phase import wrap

MIN_BRIGHTNESS = 0.15
DARKEST_VALID = 25
_LOW, _FULL = 55.0, 255.0
_ROWS_PER_BLOCK = 256
_OVERSAMPLING = 8
_AMBIGUOUS_DISTANCE, _AMBIGUOUS_PHASE_RAD = 0.02, np.pi / 8


def to_rgb(
    phase: NDArray[np.floating[Any]], brightness: NDArray[np.floating[Any]] | float | None = None
) -> NDArray[np.uint8]:
    """Paint phase with the wheel.

    Parameters
    ----------
    phase
        (y, x) radians, any multiple of 2π; NaN is painted black.
    brightness
        Numbers in 0…1 that scale the colour, raised to at least 0.15 so that phase stays readable;
        1 if not given.

    Returns
    -------
    uint8 array (y, x, 3), red green blue.
    """
    valid = np.isfinite(phase)
    value = np.clip(1.0 if brightness is None else brightness, MIN_BRIGHTNESS, 1)
    value = np.where(valid & np.isfinite(value), value, 0).astype(phase.dtype)
    colors = _wheel(np.where(valid, phase, 0)) * value[..., None]
    return np.rint(colors).astype(np.uint8)


def _wheel(phase: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Colours 0…255 of the wheel at full brightness, (…, 3)."""
    thirds = 3 * np.mod(phase / (2 * np.pi), 1)
    sector = np.minimum(np.floor(thirds), 2)
    rising = _LOW + (_FULL - _LOW) * (thirds - sector)
    falling = _LOW + _FULL - rising
    full = np.full_like(rising, _FULL)
    order = [(rising, falling, full), (full, rising, falling), (falling, full, rising)]
    channels = [np.choose(sector.astype(np.intp), [order[s][c] for s in range(3)]) for c in range(3)]
    return np.stack(channels, axis=-1)


def from_rgb(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the phase off a picture painted with the wheel at any brightness.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3).

    Returns
    -------
    phase, distance
        float32 (y, x): radians in [-π, π), NaN where the picture is (nearly) black, and the
        distance of each pixel's chromaticity (share of each channel) to the wheel's, in 0…1.
        Rounding to 8 bits costs at most 0.015 rad down to a quarter of full brightness.
    """
    return _by_rows(rgb, _invert_wheel)


def _invert_wheel(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Solve the one rising and one falling channel for the place in the sector."""
    brightest = rgb.max(axis=-1)
    colors = rgb / np.maximum(brightest, 1)[..., None].astype(np.float32)
    red, green, blue = np.moveaxis(colors, -1, 0)
    sector = np.argmax(np.stack([blue, red, green]), axis=0)
    difference = np.choose(sector, [red - green, green - blue, blue - red])
    share = np.clip(0.5 * (1 + difference / np.float32(1 - _LOW / _FULL)), 0, 1)
    phase = wrap((2 * np.pi / 3) * (sector + share)).astype(np.float32)
    distance = np.linalg.norm(_chromaticity(colors) - _chromaticity(_wheel(phase)), axis=-1)
    return np.where(brightest < DARKEST_VALID, np.nan, phase).astype(np.float32), distance.astype(np.float32)


def _chromaticity(colors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Share of each channel in the sum of all; independent of brightness."""
    shares: NDArray[np.floating[Any]] = colors / np.maximum(colors.sum(axis=-1, keepdims=True), 1e-6)
    return shares


def _by_rows(
    rgb: NDArray[np.uint8],
    invert: Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Apply an inverse to blocks of rows, so that no float copy of a whole picture is held."""
    phase, distance = np.empty(rgb.shape[:2], np.float32), np.empty(rgb.shape[:2], np.float32)
    for top in range(0, len(rgb), _ROWS_PER_BLOCK):
        rows = slice(top, top + _ROWS_PER_BLOCK)
        phase[rows], distance[rows] = invert(rgb[rows])
    return phase, distance


def palette() -> NDArray[np.uint8]:
    """Return the 256 colours of the 8-bit variant: index = 16 · brightness + phase level, (256, 3)."""
    step = 16 * np.arange(16)
    sector = np.minimum(step // 85, 2)
    offset = step - 85 * sector
    rising, falling, full = 55 + 200 * offset // 85, (255 * 85 - 200 * offset) // 85, np.full(16, 255)
    order = [(rising, falling, full), (full, rising, falling), (falling, full, rising)]
    wheel = np.stack([np.choose(sector, [order[s][c] for s in range(3)]) for c in range(3)], axis=-1)
    return (np.arange(16)[:, None, None] * wheel // 15).reshape(256, 3).astype(np.uint8)


def is_palette(colors: NDArray[np.uint8]) -> bool:
    """Whether a picture's palette is :func:`palette`, give or take one count."""
    return colors.shape == (256, 3) and bool(np.abs(colors.astype(int) - palette()).max() <= 1)


def from_palette(indices: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Read radians off indices into :func:`palette`; brightness 0 becomes NaN.

    Sixteen levels: the phase is known to ±π/16.
    """
    levels = wrap(2 * np.pi / 16 * (np.arange(256) % 16))
    levels[:16] = np.nan
    return levels.astype(np.float32)[indices]


def color_table(name: str) -> NDArray[np.float64]:
    """Colours of one phase cycle, (n, 3) in 0…1.

    Parameters
    ----------
    name
        ``cmy`` (the wheel at full saturation), a matplotlib colour map, or a text file with rows of
        three integers 0…255.

    Raises
    ------
    InputError
        If `name` is none of these.
    """
    import matplotlib  # only pictures in foreign colours need it

    if name == "cmy":
        saturated = (_wheel(np.linspace(0, 2 * np.pi, 256, endpoint=False)) - _LOW) / (_FULL - _LOW)
        return np.asarray(saturated, np.float64)
    if name in matplotlib.colormaps:
        return np.asarray(matplotlib.colormaps[name](np.linspace(0, 1, 256)))[:, :3]
    if not Path(name).is_file():
        raise InputError(
            f"color.wheel: {name!r} is neither 'rmg', 'cmy', a matplotlib colour map nor a file; "
            "expected one of them; correct the name."
        )
    try:
        rows = np.loadtxt(name, dtype=float, ndmin=2)[:, :3] / 255
    except (ValueError, IndexError) as error:
        raise InputError(f"{name}: found {error}; expected rows of three integers 0-255; correct the file.") from error
    return rows


def from_table(
    rgb: NDArray[np.uint8], table: NDArray[np.float64], *, modulated: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the phase off a picture by the nearest colour of any cyclic table.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3).
    table
        (n, 3) colours in 0…1; row r stands for phase 2πr/n.
    modulated
        Whether brightness carries something else (then only chromaticity is compared).

    Returns
    -------
    phase, distance
        As :func:`from_rgb`.

    Raises
    ------
    InputError
        If two distant phases look alike in the table.
    """
    key: Callable[[NDArray[Any]], NDArray[Any]] = _chromaticity if modulated else np.asarray
    tree = cKDTree(key(_oversample(table)))
    _reject_ambiguous(key(table))

    def nearest(block: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        colors, inverse = np.unique(block.reshape(-1, 3), axis=0, return_inverse=True)
        distance, row = tree.query(key(colors / 255))
        phase = wrap(2 * np.pi * row / tree.n)
        phase[colors.max(axis=1) < DARKEST_VALID] = np.nan
        shape, inverse = block.shape[:2], inverse.ravel()
        return phase[inverse].reshape(shape).astype(np.float32), distance[inverse].reshape(shape).astype(np.float32)

    return _by_rows(rgb, nearest)


def _oversample(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate a closed colour table, so that phase is finer than its rows."""
    rows = np.arange(len(table) + 1)
    closed = np.vstack([table, table[:1]])
    fine = np.arange(len(table) * _OVERSAMPLING) / _OVERSAMPLING
    return np.stack([np.interp(fine, rows, channel) for channel in closed.T], axis=-1)


def _reject_ambiguous(keys: NDArray[np.float64]) -> None:
    """Refuse a table in which colours of distant phases cannot be told apart."""
    alike = np.linalg.norm(keys[:, None] - keys[None], axis=-1) <= _AMBIGUOUS_DISTANCE
    rows = np.arange(len(keys))
    apart = np.where(alike, np.abs(wrap(2 * np.pi * (rows[:, None] - rows[None]) / len(keys))), 0)
    if apart.max() > _AMBIGUOUS_PHASE_RAD:
        first, second = np.unravel_index(np.argmax(apart), apart.shape)
        raise InputError(
            f"color.wheel: rows {first} and {second} of {len(keys)} look alike although their phases differ by "
            f"{apart.max():.2f} rad; expected one colour per phase; set color.brightness to 'constant' if the "
            "picture is not shaded, or use numeric phase."
        )
