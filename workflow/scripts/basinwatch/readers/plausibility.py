"""Doubts about what a pair's files say of themselves: dates, wavelength and incidence; each a warning, never an error.

The codes E18… number the checks in the documentation of the ingest stage, as in :mod:`basinwatch.readers.checks`.
"""

from __future__ import annotations

from pathlib import Path

_SENTINEL1_M = (0.0554, 0.0556)
_RADAR_M = (0.01, 1.5)
_INCIDENCE_DEG = (18.0, 47.0)
_REPEAT_DAYS = 6


def is_radar_wavelength(wavelength_m: float) -> bool:
    """Whether a wavelength is one of a radar satellite at all (X to P band)."""
    return _RADAR_M[0] < wavelength_m < _RADAR_M[1]


def is_sentinel1(sensor: str | None) -> bool:
    """Whether a producer's name of a sensor is one of Sentinel-1."""
    return (sensor or "").upper().replace("ENTINEL-", "").startswith("S1")


def span(path: Path, days: int, sensor: str | None) -> list[str]:
    """Say that dates of Sentinel-1 are no whole number of six days apart, as its satellites fly; they may be wrong."""
    if not is_sentinel1(sensor) or days % _REPEAT_DAYS == 0:
        return []
    return [f"{path.name}: {days} days between dates of Sentinel-1, which are 6 or a multiple of it; are they right?"]


def wavelength(path: Path, wavelength_m: float, sensor: str | None) -> list[str]:
    """E18: a wavelength that is not the sensor's.

    Parameters
    ----------
    sensor
        As the producer names it; None if it does not.
    """
    low, high = _SENTINEL1_M if is_sentinel1(sensor) else _RADAR_M
    if low <= wavelength_m <= high:
        return []
    whose = "Sentinel-1" if is_sentinel1(sensor) else "a radar satellite"
    return [
        f"{path.name}: wavelength {wavelength_m:.4g} m, expected {low:g} to {high:g} m of {whose}; is the frequency in "
        "another unit? set wavelength_m (E18)"
    ]


def incidence(path: Path, incidence_deg: float | None) -> list[str]:
    """E19: an incidence angle that no such satellite has, as radians taken for degrees give."""
    low, high = _INCIDENCE_DEG
    if incidence_deg is None or low <= incidence_deg <= high:
        return []
    return [
        f"{path.name}: incidence {incidence_deg:.3g} degrees, expected {low:g} to {high:g}; are radians taken for "
        "degrees? (E19)"
    ]
