"""What a detector sees: wrapped phase and coherence as continuous channels, by the name of the encoding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.phase_color import to_rgb

Float = NDArray[np.float32]
DEFAULT = "sincos_coherence"
MOST_BANDS = 16


def _sincos(phase: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """Sine and cosine; the sine is 0 without phase as it is."""
    return [np.sin(phase), np.cos(phase) * valid]


def _sincos_coherence(phase: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """Sine, cosine and 2γ − 1, which is 0 where the coherence is unknown."""
    known = np.zeros_like(phase)
    if coherence is not None:
        np.multiply(coherence, 2, out=known)
        known -= 1
        known[~(valid & np.isfinite(coherence))] = 0
    return [*_sincos(phase, valid, None), known]


def _rgb(phase: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """GAMMA's colour wheel, about 0 and of about unit spread: what the published systems saw."""
    colours = to_rgb(np.where(valid, phase, np.nan)).astype(np.float32)
    return [((colours[..., band] - 170) / 80 * valid).astype(np.float32) for band in range(3)]


def _phase(phase: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """φ/π, which jumps at the wrap: only to show that it is worse."""
    return [np.angle(np.exp(1j * phase)) / np.pi * valid]


def _grey(phase: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """Luminance of the colour wheel (ITU-R BT.601), which gives different phases the same grey."""
    red, green, blue = _rgb(phase, valid, coherence)
    return [0.299 * red + 0.587 * green + 0.114 * blue]


def _abs_rate(share: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """|rate| as a share of full scale, see :mod:`basinwatch.anomalies.pictures`."""
    return [np.minimum(np.abs(share), 1) * valid]


def _bands(shares: Float, valid: NDArray[np.bool_], coherence: Float | None) -> list[Float]:
    """Bands (…, bands, y, x) of any picture, each 0…1, about 0 and of about unit spread."""
    return list(np.moveaxis((4 * shares - 2) * valid, -3, 0))


Encoder = Callable[[Float, NDArray[np.bool_], Float | None], list[Float]]
_PICTURES: dict[str, tuple[int, Encoder]] = {f"bands{count}": (count, _bands) for count in range(1, MOST_BANDS + 1)}
_ENCODINGS: dict[str, tuple[int, Encoder]] = {
    "sincos_coherence": (3, _sincos_coherence),
    "sincos": (2, _sincos),
    "rgb": (3, _rgb),
    "phase": (1, _phase),
    "grey": (1, _grey),
    "abs_rate": (1, _abs_rate),
    **_PICTURES,
}


def available() -> list[str]:
    """Names of the encodings."""
    return list(_ENCODINGS)


def channels(name: str) -> int:
    """How many channels an encoding has.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if name not in _ENCODINGS:
        raise InputError(f"encoding: found {name!r}, expected one of {', '.join(_ENCODINGS)}; correct the name.")
    return _ENCODINGS[name][0]


def is_picture(name: str) -> bool:
    """Whether an encoding takes the bands of a picture (…, bands, y, x) in the place of the phase."""
    return name in _PICTURES


def content(name: str) -> str:
    """Say what an encoding takes: ``phase``, ``rates``, or bands by their number, such as ``bands3``."""
    if is_picture(name):
        return name
    return "rates" if name == "abs_rate" else "phase"


def encode(phase: Float, coherence: Float | None, name: str = DEFAULT) -> Float:
    """Encode wrapped phase and coherence; ``abs_rate`` takes a picture of rates in the place of the phase.

    ``bands1``, ``bands2`` and so on take a picture of so many bands, each 0…1.

    All others but ``phase`` and ``grey`` are continuous across the wrap, and give φ and φ + 2π the same numbers.

    Parameters
    ----------
    phase
        (…, y, x) radians, or (…, bands, y, x) of a picture; NaN where invalid, there all channels are 0.
    coherence
        (…, y, x), 0…1, NaN where unknown. None: unknown everywhere.

    Returns
    -------
    NDArray
        float32 (…, channels, y, x).

    Raises
    ------
    InputError
        If the name is unknown or a picture has another number of bands.
    """
    count = channels(name)
    if is_picture(name) and (phase.ndim < 3 or phase.shape[-3] != count):
        found = phase.shape[-3] if phase.ndim > 2 else 1
        raise InputError(f"encoding {name}: found {found} bands, expected {count}; use a picture of as many bands.")
    valid = np.isfinite(phase)
    angle = np.where(valid, phase, np.float32(0)).astype(np.float32, copy=False)
    return np.stack(_ENCODINGS[name][1](angle, valid, coherence), axis=-3).astype(np.float32, copy=False)
