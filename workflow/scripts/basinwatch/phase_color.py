"""The cyan-magenta-yellow colour wheel of phase pictures, forth and back.

Phase 0 is cyan and grows through magenta and yellow back to cyan. In every third of the cycle one
channel stays full while one rises from 55 to 255 and one falls from 255 to 55; brightness scales all
three and black means no data. An 8-bit variant has 16 phases x 16 brightnesses in a fixed palette.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.phase import wrap

MIN_BRIGHTNESS = 0.15
DARKEST_VALID = 25
_LOW, _FULL = 55.0, 255.0
_LEVELS = 16
_ROWS_PER_BLOCK = 256
_HALF = 0.5  # brightness of a pixel of mean intensity


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
    colors = wheel_colors(np.where(valid, phase, 0)) * value[..., None]
    return np.rint(colors).astype(np.uint8)


def to_palette(
    phase: NDArray[np.floating[Any]], brightness: NDArray[np.floating[Any]] | float | None = None
) -> NDArray[np.uint8]:
    """Paint phase with the 8-bit variant; the parameters are those of :func:`to_rgb`.

    Returns
    -------
    uint8 array (y, x), indices into :func:`palette`; 0 where there is no data.
    """
    valid = np.isfinite(phase)
    level = np.rint(_LEVELS * np.mod(np.where(valid, phase, 0) / (2 * np.pi), 1)) % _LEVELS
    step = np.clip(np.rint((_LEVELS - 1) * np.clip(1.0 if brightness is None else brightness, 0, 1)), 1, _LEVELS - 1)
    return np.where(valid & np.isfinite(step), _LEVELS * step + level, 0).astype(np.uint8)


def brightness_of_intensity(
    intensity: NDArray[np.floating[Any]], scale: float = 1.0, exponent: float = 0.35
) -> NDArray[np.float32]:
    """Brightness 0…1 from backscatter: ½ · scale · (I / mean I)^exponent, NaN where there is none.

    Parameters
    ----------
    intensity
        Power, not amplitude; 0 or NaN where there is none.
    scale, exponent
        As GAMMA's programs name and default them; that a pixel of mean power is half bright is this
        project's choice.
    """
    known = np.isfinite(intensity) & (intensity > 0)
    power = np.where(known, intensity, np.nan).astype(np.float32)
    mean = np.mean(power[known], dtype=np.float64) if known.any() else 1.0
    brightness: NDArray[np.float32] = np.clip(_HALF * scale * (power / np.float32(mean)) ** exponent, 0, 1)
    return brightness.astype(np.float32)


def brightness_of_coherence(coherence: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Brightness ¼…1 from coherence 0…1."""
    return (0.25 + 0.75 * np.clip(coherence, 0, 1)).astype(np.float32)


def wheel_colors(phase: NDArray[np.floating[Any]], low: float = _LOW) -> NDArray[np.floating[Any]]:
    """Colours `low`…255 of the wheel at full brightness, (…, 3); a `low` of 0 is full saturation."""
    thirds = 3 * np.mod(phase / (2 * np.pi), 1)
    sector = np.minimum(np.floor(thirds), 2)
    rising = low + (_FULL - low) * (thirds - sector)
    falling = low + _FULL - rising
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
    return by_rows(rgb, _invert_wheel)


def _invert_wheel(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Solve the one rising and one falling channel for the place in the sector."""
    brightest = rgb.max(axis=-1)
    colors = rgb / np.maximum(brightest, 1)[..., None].astype(np.float32)
    red, green, blue = np.moveaxis(colors, -1, 0)
    sector = np.argmax(np.stack([blue, red, green]), axis=0)
    difference = np.choose(sector, [red - green, green - blue, blue - red])
    share = np.clip(0.5 * (1 + difference / np.float32(1 - _LOW / _FULL)), 0, 1)
    phase = wrap((2 * np.pi / 3) * (sector + share)).astype(np.float32)
    distance = np.linalg.norm(chromaticity(colors) - chromaticity(wheel_colors(phase)), axis=-1)
    return np.where(brightest < DARKEST_VALID, np.nan, phase).astype(np.float32), distance.astype(np.float32)


def chromaticity(colors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Share of each channel (…, 3) in the sum of all; independent of brightness."""
    shares: NDArray[np.floating[Any]] = colors / np.maximum(colors.sum(axis=-1, keepdims=True), 1e-6)
    return shares


def by_rows(
    rgb: NDArray[np.uint8],
    invert: Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Apply an inverse that gives phase and distance to blocks of rows, so that no float copy of a picture is held."""
    phase, distance = np.empty(rgb.shape[:2], np.float32), np.empty(rgb.shape[:2], np.float32)
    for top in range(0, len(rgb), _ROWS_PER_BLOCK):
        rows = slice(top, top + _ROWS_PER_BLOCK)
        phase[rows], distance[rows] = invert(rgb[rows])
    return phase, distance


def palette() -> NDArray[np.uint8]:
    """Return the 256 colours of the 8-bit variant: index = 16 · brightness + phase level, (256, 3)."""
    step = _LEVELS * np.arange(_LEVELS)
    sector = np.minimum(step // 85, 2)
    offset = step - 85 * sector
    rising, falling, full = 55 + 200 * offset // 85, (255 * 85 - 200 * offset) // 85, np.full(_LEVELS, 255)
    order = [(rising, falling, full), (full, rising, falling), (falling, full, rising)]
    wheel = np.stack([np.choose(sector, [order[s][c] for s in range(3)]) for c in range(3)], axis=-1)
    return (np.arange(_LEVELS)[:, None, None] * wheel // (_LEVELS - 1)).reshape(256, 3).astype(np.uint8)


def is_palette(colors: NDArray[np.uint8]) -> bool:
    """Whether a picture's palette is :func:`palette`, give or take one count."""
    return colors.shape == (256, 3) and bool(np.abs(colors.astype(int) - palette()).max() <= 1)


def from_palette(indices: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Read radians off indices into :func:`palette`; brightness 0 becomes NaN.

    Sixteen levels: the phase is known to ±π/16.
    """
    levels = wrap(2 * np.pi / _LEVELS * (np.arange(256) % _LEVELS))
    levels[:_LEVELS] = np.nan
    return levels.astype(np.float32)[indices]
