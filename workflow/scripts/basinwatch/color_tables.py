"""Colour tables of any cyclic map, and the inverse of pictures painted with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from basinwatch.errors import InputError
from basinwatch.phase import wrap
from basinwatch.phase_color import DARKEST_VALID, by_rows, chromaticity, wheel_colors

_OVERSAMPLING = 8
_AMBIGUOUS_DISTANCE, _AMBIGUOUS_PHASE_RAD = 0.02, np.pi / 8
_ROWS = 256
_MIN_ROWS, _MAX_ROWS = 8, 1024
_MAX_TABLE_BYTES = 2**20


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
    if name == "cmy":
        return np.asarray(wheel_colors(np.linspace(0, 2 * np.pi, _ROWS, endpoint=False), low=0) / 255, np.float64)
    if Path(name).is_file():
        return _read_table(Path(name))
    import matplotlib  # only pictures in foreign colours need it

    if name not in matplotlib.colormaps:
        raise InputError(
            f"color.wheel: {name!r} is neither 'rmg', 'cmy', a matplotlib colour map nor a file; "
            "expected one of them; correct the name."
        )
    return np.asarray(matplotlib.colormaps[name](np.linspace(0, 1, _ROWS)))[:, :3]


def _read_table(path: Path) -> NDArray[np.float64]:
    """Read rows of red, green and blue 0…255 as 0…1; further columns and lines that begin with # are passed over."""
    with path.open("rb") as stream:
        lines = stream.read(_MAX_TABLE_BYTES).decode("latin-1").splitlines()
    rows = [line.split()[:3] for line in lines if line.strip() and not line.lstrip().startswith("#")]
    try:
        colors = np.array(rows, np.float64)
    except ValueError:
        colors = np.empty(0)
    if colors.ndim != 2 or colors.shape[1] != 3 or not _MIN_ROWS <= len(colors) <= _MAX_ROWS:
        raise InputError(
            f"{path}: found {len(rows)} lines that are no table of colours, expected {_MIN_ROWS} to {_MAX_ROWS} rows "
            "of three integers 0-255; correct the file."
        )
    if not ((colors >= 0) & (colors <= 255)).all():
        raise InputError(f"{path}: found numbers outside 0-255, expected rows of three integers; correct the file.")
    return colors / 255


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
    key: Callable[[NDArray[Any]], NDArray[Any]] = chromaticity if modulated else np.asarray
    tree = cKDTree(key(_oversample(table)))
    _reject_ambiguous(key(table))

    def nearest(block: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        colors, inverse = np.unique(block.reshape(-1, 3), axis=0, return_inverse=True)
        distance, row = tree.query(key(colors / 255))
        phase = wrap(2 * np.pi * row / tree.n)
        phase[colors.max(axis=1) < DARKEST_VALID] = np.nan
        shape, inverse = block.shape[:2], inverse.ravel()
        return phase[inverse].reshape(shape).astype(np.float32), distance[inverse].reshape(shape).astype(np.float32)

    return by_rows(rgb, nearest)


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
