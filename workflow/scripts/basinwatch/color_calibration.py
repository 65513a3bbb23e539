"""Find out how a picture shows phase: its wheel from its colours, direction and zero from numeric phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.phase import wrap
from basinwatch.readers import color_raster

KNOWN_WHEELS = (
    ("rmg", "modulated"), ("cmy", "modulated"), ("hsv", "modulated"), ("twilight", "constant"),
    ("twilight_shifted", "constant"),
)  # fmt: skip
LEARNT_ROWS = 256
_MIN_AGREEMENT = 0.5
_MIN_SHARED_PX = 100
_MIN_FILLED_SHARE = 0.5
_SHADED_COUNTS = 8.0


@dataclass(frozen=True)
class Wheel:
    """A wheel that fits a picture.

    Parameters
    ----------
    name, brightness
        As in the configuration's ``color``.
    phase
        float32 (y, x) radians with zero and direction as the wheel has them; NaN where there is none.
    distance
        Median distance of the picture's colours to the wheel's; 0 for the known palette of 8 bits.
    """

    name: str
    brightness: str
    phase: NDArray[np.float32]
    distance: float


@dataclass(frozen=True)
class Placement:
    """How phase read off a picture becomes the numeric phase of the scene: (picture − 2π · zero) · direction.

    Parameters
    ----------
    direction, zero
        As in the configuration's ``color``; `zero` is a share of the cycle, −½…½.
    agreement
        |Σ exp j(numeric − placed picture)| / N: 1 if they are equal.
    rms_rad
        Root mean square of the difference that remains.
    """

    direction: int
    zero: float
    agreement: float
    rms_rad: float


def fitting_wheels(path: Path, names: Sequence[tuple[str, str]] = KNOWN_WHEELS) -> list[Wheel]:
    """Read a picture with every wheel that fits its colours, the nearest first.

    Parameters
    ----------
    names
        Wheels and their brightness to try.

    Raises
    ------
    InputError
        If none fits, or the file is no coloured picture.
    """
    found, refused = [], None
    for name, brightness in names:
        try:
            options = {"wheel": name, "zero": 0.0, "direction": 1, "brightness": brightness}
            phase, quality = color_raster.invert(path, options)
        except InputError as error:
            refused = refused or error
        else:
            found.append(Wheel(name, brightness, phase, quality.get("median_distance") or 0.0))
    if refused is not None and not found:
        raise refused
    return sorted(found, key=lambda wheel: wheel.distance)


def placement(picture: NDArray[np.float32], numeric: NDArray[np.float32]) -> Placement:
    """Fit direction and zero of phase read off a picture to numeric phase of the same pixels.

    Maximises the agreement over both directions; the zero of each is the angle of its sum, in closed form.

    Parameters
    ----------
    picture, numeric
        (y, x) radians, NaN where there is none.

    Raises
    ------
    InputError
        If they share too few pixels, or agree in neither direction.
    """
    shared = np.isfinite(picture) & np.isfinite(numeric)
    if np.count_nonzero(shared) < _MIN_SHARED_PX:
        raise InputError(
            f"picture and phase: found {np.count_nonzero(shared)} pixels where both show phase, expected at least "
            f"{_MIN_SHARED_PX}; give the phase the picture was painted from."
        )
    shown, told = picture[shared].astype(np.float64), numeric[shared].astype(np.float64)
    means = {direction: np.exp(1j * (told - direction * shown)).mean() for direction in (1, -1)}
    direction = max(means, key=lambda d: abs(means[d]))
    agreement = float(abs(means[direction]))
    if agreement < _MIN_AGREEMENT:
        raise InputError(
            f"picture and phase: found an agreement of {agreement:.2f}, expected at least {_MIN_AGREEMENT} of 1; give "
            "the phase the picture was painted from, or another wheel."
        )
    zero = float(wrap(np.array(-direction * np.angle(means[direction]))) / (2 * np.pi))
    rest = wrap(told - direction * (shown - 2 * np.pi * zero))
    return Placement(direction, zero, agreement, float(np.sqrt(np.mean(rest**2))))


def reduced(numeric: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Bring numeric phase to the size of a picture, which programs average by whole numbers of pixels and then scale.

    Complex means of whole blocks, then the nearest of them, (y, x) radians.

    Raises
    ------
    InputError
        If the picture is larger than the phase.
    """
    if any(small > large for small, large in zip(shape, numeric.shape, strict=True)):
        raise InputError(
            f"picture and phase: found a picture of {shape[0]}x{shape[1]} px and phase of {numeric.shape[0]}x"
            f"{numeric.shape[1]}, expected a picture that is not larger; give the phase it was painted from."
        )
    rows, columns = (large // small for small, large in zip(shape, numeric.shape, strict=True))
    height, width = numeric.shape[0] // rows, numeric.shape[1] // columns
    blocks = np.nan_to_num(np.exp(1j * numeric[: height * rows, : width * columns]))
    means = blocks.reshape(height, rows, width, columns).mean(axis=(1, 3))
    places = [((np.arange(n) + 0.5) * m / n).astype(np.intp) for n, m in zip(shape, means.shape, strict=True)]
    nearest = means[np.ix_(*places)]
    return np.where(nearest == 0, np.nan, np.angle(nearest)).astype(np.float32)


def learnt_table(rgb: NDArray[np.uint8], numeric: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour table of a picture whose wheel nobody knows: the median colour at each of 256 phases, (256, 3).

    Row r is phase 2πr/256, so that zero is 0 and direction 1. Brightness is taken out where it varies at one phase.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3); black where there is no data.
    numeric
        (y, x) radians of the same pixels.

    Raises
    ------
    InputError
        If half of the cycle does not occur.
    """
    brightest = rgb.max(axis=-1)
    shared = np.isfinite(numeric) & (brightest > 0)
    rows = np.rint(numeric[shared] * (LEARNT_ROWS / (2 * np.pi))).astype(np.intp) % LEARNT_ROWS
    colors, shades = rgb[shared].astype(np.float64), brightest[shared].astype(np.float64)
    present = np.unique(rows)
    if present.size < _MIN_FILLED_SHARE * LEARNT_ROWS:
        raise InputError(
            f"picture and phase: found {present.size} of {LEARNT_ROWS} phases, expected at least half of the cycle; "
            "give a scene with fringes."
        )
    if np.median([np.std(shades[rows == row]) for row in present]) > _SHADED_COUNTS:
        colors *= 255 / shades[:, None]
    medians = np.stack([np.median(colors[rows == row], axis=0) for row in present])
    every = np.arange(LEARNT_ROWS)
    table = np.stack([np.interp(every, present, channel, period=LEARNT_ROWS) for channel in medians.T], axis=-1)
    return np.rint(table).astype(np.uint8)
