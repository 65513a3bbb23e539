"""Angles that follow from orbit and slant range."""

from __future__ import annotations

import math

_LENGTHS_M = (1.0, 1e9)


def incidence_deg(slant_range_m: float, satellite_radius_m: float, earth_radius_m: float) -> float | None:
    """Incidence angle on a spherical Earth, degrees from the vertical; None if the lengths make no triangle.

    Law of cosines in the triangle of satellite, ground and Earth's centre.
    """
    if not _are_lengths(slant_range_m, satellite_radius_m, earth_radius_m):
        return None
    cosine = (slant_range_m**2 + earth_radius_m**2 - satellite_radius_m**2) / (2 * slant_range_m * earth_radius_m)
    return 180 - math.degrees(math.acos(cosine)) if -1 <= cosine <= 1 else None


def look_deg(slant_range_m: float, satellite_radius_m: float, earth_radius_m: float) -> float | None:
    """Look angle from the nadir on a spherical Earth, degrees; None if the lengths make no triangle.

    Law of cosines as in :func:`incidence_deg`, at the satellite.
    """
    if not _are_lengths(slant_range_m, satellite_radius_m, earth_radius_m):
        return None
    cosine = (satellite_radius_m**2 + slant_range_m**2 - earth_radius_m**2) / (2 * satellite_radius_m * slant_range_m)
    return math.degrees(math.acos(cosine)) if -1 <= cosine <= 1 else None


def _are_lengths(*metres: float) -> bool:
    """Whether numbers may be lengths of a satellite's geometry."""
    return all(_LENGTHS_M[0] < length < _LENGTHS_M[1] for length in metres)


def signed_degrees(angle_deg: float) -> float:
    """Bring an angle to −180 to 180 degrees."""
    return (angle_deg + 180) % 360 - 180
