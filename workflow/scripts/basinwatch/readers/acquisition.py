"""What producers tell of an acquisition in words of their own: time of day, orbit, baselines between dates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

from basinwatch.errors import InputError
from basinwatch.sbas.baselines import join_differences

_ORBITS = 175
# Absolute orbit of which the relative one is 1, by satellite; S1C changed its orbit once.
_FIRST_ORBIT = {"S1A": 73, "S1B": 202, "S1C": 99, "S1D": 42}
_S1C_MOVED, _S1C_FIRST_ORBIT = 8018, 172
_TIME = re.compile(r"(?<!\d)(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)(?!\d)")
_DAY_SECONDS = 86_400


def relative_orbit(satellite: str, absolute_orbit: int) -> int | None:
    """Relative orbit (track) of a Sentinel-1 satellite, 1 to 175; None for any other.

    Parameters
    ----------
    satellite
        ``S1A`` to ``S1D``.
    absolute_orbit
        Orbits since launch.

    Notes
    -----
    The rule of the mission's handbook, with the numbers that MintPy's ``prep_hyp3`` lists for S1C and S1D.
    """
    first = _FIRST_ORBIT.get(satellite)
    if satellite == "S1C" and absolute_orbit <= _S1C_MOVED:
        first = _S1C_FIRST_ORBIT
    return None if first is None else (absolute_orbit - first) % _ORBITS + 1


def seconds_of_day(text: str | None) -> float | None:
    """Seconds since midnight of the time ``H:MM:SS.f`` in a text; None if there is none."""
    found = _TIME.search(text or "")
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or float(found[3]) >= 61:
        return None
    return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])


def mid_seconds(start: float | None, stop: float | None) -> float | None:
    """Time of day between two, of which the second may lie beyond midnight; the first where the second is unknown."""
    if start is None or stop is None:
        return start
    return (start + (stop - start) % _DAY_SECONDS / 2) % _DAY_SECONDS


def baseline_between(baselines_m: Mapping[tuple[date, date], float], dates: Iterable[date]) -> float | None:
    """Perpendicular baseline of the second date to the first in metres, directly or by way of another date.

    Parameters
    ----------
    baselines_m
        Of the second date to the first, by pairs of dates.

    Returns
    -------
    None where no chain of baselines joins both dates.
    """
    first, second = dates
    near = [(one, other, m) for (one, other), m in baselines_m.items() if {first, second} & {one, other}]
    try:
        found = join_differences(near, "baselines")
    except InputError:
        return None
    return found[second] - found[first] if first in found and second in found else None
