"""Rasters as pictures of few colours with the legend that tells them apart."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from basinwatch.phase_color import to_rgb

Codes = NDArray[np.uint8]
_PHASE_LEVELS, _COHERENCE_LEVELS, _LEVELS = 32, 15, 62
_UNRELIABLE = (195, 200, 205)
_CLASSES = (
    ((165, 15, 38), "away, 99 %"),
    ((239, 118, 88), "away, 95 %"),
    ((252, 200, 175), "away, 90 %"),
    ((240, 240, 236), "not significant"),
    ((190, 219, 237), "towards, 90 %"),
    ((96, 160, 205), "towards, 95 %"),
    ((24, 90, 160), "towards, 99 %"),
)


@dataclass(frozen=True)
class Layer:
    """What a kind of picture shows, and its colours.

    Parameters
    ----------
    colors
        (n, 3) red, green, blue of the codes 1…n; code 0 is no data and transparent.
    ramp
        How many of the colours, from the first, are a scale that `ticks` label at shares 0…1 of its length.
    classes
        Names of the colours after the ramp.
    """

    key: str
    title: str
    unit: str
    note: str
    colors: NDArray[np.uint8]
    ramp: int = 0
    ticks: Sequence[tuple[float, str]] = ()
    classes: Sequence[str] = ()

    def legend(self) -> dict[str, Any]:
        """Return what a page needs to draw the legend."""
        names = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in self.colors.tolist()]
        listed = [{"color": color, "text": text} for color, text in zip(names[self.ramp :], self.classes, strict=True)]
        ticks = [{"at": round(at, 4), "text": text} for at, text in self.ticks]
        return {
            "key": self.key, "title": self.title, "unit": self.unit, "note": self.note,
            "ramp": names[: self.ramp], "ticks": ticks, "classes": listed,
        }  # fmt: skip

    def uri(self, codes: Codes) -> str:
        """Encode a picture as a PNG with a palette, in a data URI."""
        picture = Image.fromarray(codes)
        picture.putpalette([0, 0, 0, *self.colors.ravel().tolist()])
        stream = io.BytesIO()
        picture.save(stream, "PNG", transparency=0, optimize=True)
        return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def phase_layer(wavelength_m: float | None) -> Layer:
    """Show wrapped phase in the colours of :mod:`basinwatch.phase_color`."""
    angles = 2 * np.pi * (np.arange(_PHASE_LEVELS)[None] + 0.5) / _PHASE_LEVELS - np.pi
    cycle = "" if wavelength_m is None else f"One cycle is {wavelength_m * 500:.1f} mm along the line of sight. "
    return Layer(
        "phase", "Interferogram", "rad", f"{cycle}Phase grows away from the satellite.", to_rgb(angles)[0],
        _PHASE_LEVELS, ((0, "−π"), (0.5, "0"), (1, "π")),
    )  # fmt: skip


def phase_codes(phase: NDArray[np.float32]) -> Codes:
    """Code radians."""
    known = np.isfinite(phase)
    share = np.mod(np.where(known, phase, 0) / (2 * np.pi) + 0.5, 1)
    return np.where(known, _steps(share, _PHASE_LEVELS), 0).astype(np.uint8)


def coherence_layer() -> Layer:
    """Coherence from black (lost) to white (perfect)."""
    return Layer(
        "coherence", "Coherence", "", "Black ground is lost to the radar: nothing can be seen there.",
        _colormap("gray", _COHERENCE_LEVELS), _COHERENCE_LEVELS, ((0, "0"), (0.5, "0.5"), (1, "1")),
    )  # fmt: skip


def coherence_codes(coherence: NDArray[np.float32]) -> Codes:
    """Code coherence 0…1."""
    return _on_scale(coherence, 0, 1, _COHERENCE_LEVELS)


def rate_layer(limit_mm_yr: float) -> Layer:
    """Rates between two limits, red away from the satellite, and one colour for what is not reliable."""
    colors = np.vstack([_colormap("RdBu", _LEVELS), _UNRELIABLE]).astype(np.uint8)
    note = "Along the line of sight, negative away from the satellite; the end colours stand for more, too."
    ticks = _ticks(-limit_mm_yr, limit_mm_yr)
    return Layer("rate", "Rate", "mm/yr", note, colors, _LEVELS, ticks, ("no reliable rate",))


def rate_codes(rate: NDArray[np.float32], measured: NDArray[np.bool_], limit_mm_yr: float) -> Codes:
    """Code rates in mm/yr; beyond the limits counts as at them."""
    codes = _on_scale(rate, -limit_mm_yr, limit_mm_yr, _LEVELS)
    return np.where(measured & (codes > 0), codes, _LEVELS + 1).astype(np.uint8)


def hotspot_layer() -> Layer:
    """Classes of Gi* significance."""
    colors = np.array([color for color, _ in _CLASSES], np.uint8)
    note = "Getis-Ord Gi*: ground that moves more than chance lets it, and the certainty of that."
    return Layer("hotspots", "Hot spots (Gi*)", "", note, colors, classes=[name for _, name in _CLASSES])


def hotspot_codes(classes: NDArray[np.float32]) -> Codes:
    """Code classes −3…3."""
    known = np.isfinite(classes)
    return np.where(known, np.where(known, classes, 0) + 4, 0).astype(np.uint8)


def activity_layer(longest_days: float) -> Layer:
    """Days with a detection."""
    colors = _colormap("YlGnBu", _LEVELS + 6)[:_LEVELS]
    colors[0] = 255
    return Layer(
        "activity", "Days with activity", "days", "Days whose interferograms show subsidence; white: none.", colors,
        _LEVELS, _ticks(0, longest_days),
    )  # fmt: skip


def activity_codes(days: NDArray[np.float32], observed: NDArray[np.bool_], longest_days: float) -> Codes:
    """Code days; ground never observed is no data."""
    codes = _on_scale(days, 0, longest_days, _LEVELS)
    codes[(days > 0) & (codes == 1)] = 2
    return np.where(observed, codes, 0).astype(np.uint8)


def _on_scale(values: NDArray[np.float32], low: float, high: float, levels: int) -> Codes:
    """Code numbers between two limits as 1…levels, no data as 0."""
    known = np.isfinite(values)
    share = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1)
    return np.where(known, _steps(share, levels), 0).astype(np.uint8)


def _steps(share: NDArray[np.floating[Any]], levels: int) -> NDArray[np.floating[Any]]:
    """Round shares 0…1 down to the numbers 1…levels."""
    return np.minimum(np.floor(share * levels), levels - 1) + 1


def _colormap(name: str, levels: int) -> NDArray[np.uint8]:
    """Colours of a map at equal steps, (levels, 3)."""
    return np.rint(255 * colormaps[name](np.linspace(0, 1, levels))[:, :3]).astype(np.uint8)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers on a scale, by their share of its length."""
    values = [value for value in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= value <= high]
    return [((value - low) / (high - low), f"{value:g}".replace("-", "−")) for value in values]
