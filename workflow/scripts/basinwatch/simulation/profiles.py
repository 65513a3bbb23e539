"""Closed forms of subsidence over underground extraction, along one horizontal axis and through time.

Subsidence is positive downwards and given as a share of full subsidence; lengths are metres, times days.
Formulas are those of the probability integral method (influence function of Knothe and Liu).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc, erfcx, expit

from basinwatch.errors import InputError

Array = NDArray[np.floating[Any]]
SQRT_PI = math.sqrt(math.pi)
STEEPEST_DIP_DEG = 25.0


class TimeLaw(Protocol):
    """How the ground above a cell settles after the cell was extracted."""

    def settled(self, age_days: Array) -> Array:
        """Share of full subsidence reached at ages of 0 days or more: from 0 towards 1."""
        ...


@dataclass(frozen=True)
class Knothe:
    """Settlement in proportion to what is still to come: 1 - e^(-ct) (Knothe 1953).

    Parameters
    ----------
    rate_per_day
        Time coefficient c.
    """

    rate_per_day: float

    def settled(self, age_days: Array) -> Array:
        """Share of full subsidence at each age."""
        result: Array = -np.expm1(-self.rate_per_day * age_days)
        return result


@dataclass(frozen=True)
class PowerKnothe:
    """Knothe's law with a second parameter that lets settlement start slowly: (1 - e^(-ct))^n.

    Parameters
    ----------
    rate_per_day
        Time coefficient c.
    exponent
        n; 1 is Knothe's law, above 1 the fastest settlement comes ln(n)/c after extraction.
    """

    rate_per_day: float
    exponent: float

    def settled(self, age_days: Array) -> Array:
        """Share of full subsidence at each age."""
        result: Array = (-np.expm1(-self.rate_per_day * age_days)) ** self.exponent
        return result


@dataclass(frozen=True)
class Weibull:
    """Weibull's distribution of settlement times: 1 - e^(-(t/T)^n), as in Remote Sens. 2024, 16, 1938.

    Parameters
    ----------
    scale_days
        T, after which 63 % have settled.
    exponent
        n; 1 is Knothe's law of rate 1/T.
    """

    scale_days: float
    exponent: float

    def settled(self, age_days: Array) -> Array:
        """Share of full subsidence at each age."""
        result: Array = -np.expm1(-((age_days / self.scale_days) ** self.exponent))
        return result


@dataclass(frozen=True)
class Logistic:
    """Logistic growth σ(b(t - m)), as in Minerals 2018, 8, 74, rescaled to begin at 0.

    Parameters
    ----------
    rate_per_day
        Growth rate b.
    middle_days
        Age m of the fastest settlement.
    """

    rate_per_day: float
    middle_days: float

    def settled(self, age_days: Array) -> Array:
        """Share of full subsidence at each age."""
        offset = self.rate_per_day * self.middle_days
        result: Array = (expit(self.rate_per_day * age_days - offset) - float(expit(-offset))) / float(expit(offset))
        return result


def trough_profile(x: Array, half_width: float, radius: float, radius_after: float | None = None) -> Array:
    """Share of full subsidence across a panel of 2 · `half_width`, by the probability integral.

    ½ [erf(√π (x + h) / r₁) - erf(√π (x - h) / r₂)] with influence radii r₁ and r₂ of the two edges
    (equal for a flat seam). Its integral is the width of the panel whatever the radii.
    """
    after = radius if radius_after is None else radius_after
    profile: Array = (erf(SQRT_PI * (x + half_width) / radius) - erf(SQRT_PI * (x - half_width) / after)) / 2
    return profile


def knothe_profile(x: Array, face: float, lag: float, radius: float) -> Array:
    """Share of full subsidence along a panel mined from 0 to `face` at constant speed, Knothe's time law.

    Parameters
    ----------
    x, face, radius
        Positions, face position and influence radius in metres.
    lag
        Knothe coefficient over advance rate, 1/m; large values give the static trough.
    """
    static: Array = (erf(SQRT_PI * x / radius) - erf(SQRT_PI * (x - face) / radius)) / 2
    return static - _outstanding(x, face, lag, radius)


def face_increment(x: Array, run: float, advance: float, rate: float, days: float, radius: float) -> Array:
    """Share of full subsidence that a face adds within `days` while it moves on from `run`.

    Parameters
    ----------
    x, run, radius
        Positions, face position at the beginning and influence radius in metres; mining began at 0.
    advance, rate
        Metres and Knothe's coefficient per day.
    """
    lag = rate / advance
    return knothe_profile(x, run + advance * days, lag, radius) - knothe_profile(x, run, lag, radius)


def residual_increment(
    x: Array, run: float, advance: float, rate: float, stopped_days: float, days: float, radius: float
) -> Array:
    """Share of full subsidence that still comes within `days` over a panel that has stopped.

    What was outstanding when the face stopped decays as e^(-ct).

    Parameters
    ----------
    x, run, radius
        Positions, last face position and influence radius in metres; mining began at 0.
    advance, rate
        Metres per day before the stop, and Knothe's coefficient per day.
    stopped_days
        Time from the stop to the beginning of the interval.
    """
    decayed = -math.exp(-rate * stopped_days) * math.expm1(-rate * days)
    return decayed * _outstanding(x, run, rate / advance, radius)


def _outstanding(x: Array, face: float, lag: float, radius: float) -> Array:
    """Subsidence still to come behind a moving face."""
    return _delayed(x, face, face, lag, radius) - _delayed(x, 0.0, face, lag, radius)


def _delayed(x: Array, g: float, face: float, lag: float, radius: float) -> Array:
    """Antiderivative of influence times what is still to come; two forms of it, neither can overflow."""
    a = SQRT_PI * (x - g) / radius + lag * radius / (2 * SQRT_PI)
    ahead = erfcx(np.maximum(a, 0)) * np.exp(lag * (g - face) - math.pi * ((x - g) / radius) ** 2)
    behind = erfc(np.minimum(a, 0)) * np.exp(np.minimum(lag * (x - face) + (lag * radius) ** 2 / (4 * math.pi), 0))
    result: Array = np.where(a > 0, ahead, behind) / 2
    return result


class DippingPanel(NamedTuple):
    """Cross section of a panel in a dipping seam, seen from above.

    `half_width_m` is its horizontal half width, `radius_m` the influence radius of the up-dip edge,
    `dip_ratio` that of the down-dip edge over it. The trough lies `shift_m` down-dip of the panel;
    the ground there moves up-dip towards it, by `dip_cot` times the subsidence.
    """

    half_width_m: float
    radius_m: float
    dip_ratio: float
    dip_cot: float
    shift_m: float


def dipping_panel(
    depth_m: float, width_m: float, dip_deg: float, tan_influence: tuple[float, float], deviation: float
) -> DippingPanel:
    """Radii, width and shift of a panel in a seam that dips by 25° or less.

    r = H / tan β at the depth of either edge; the influence leaves the vertical by k times the dip:
    θ₀ = 90° - kδ, shift H · cot θ₀.

    Parameters
    ----------
    depth_m
        Depth H of the panel's middle.
    width_m
        Effective width along the seam.
    dip_deg
        Dip δ.
    tan_influence
        tan β at the up-dip and the down-dip edge.
    deviation
        k, about 0.5 to 0.8.

    Raises
    ------
    InputError
        If the dip is out of range or the panel would reach the surface.
    """
    if not 0 <= dip_deg <= STEEPEST_DIP_DEG:
        raise InputError(
            f"dip: found {dip_deg:g} degrees, expected 0 to {STEEPEST_DIP_DEG:g}; the closed form is for gentle dips."
        )
    dip = math.radians(dip_deg)
    rise = width_m / 2 * math.sin(dip)
    if rise >= depth_m:
        raise InputError(
            f"depth: found a middle depth of {depth_m:g} m for a panel that rises by {rise:g} m from there, "
            "expected it to stay below the surface; use a greater depth or a gentler dip."
        )
    first, second = (depth_m - rise) / tan_influence[0], (depth_m + rise) / tan_influence[1]
    cot = math.tan(deviation * dip)
    return DippingPanel(width_m / 2 * math.cos(dip), first, second / first, cot, depth_m * cot)


def paper_gaussian_amplitude(volume: float, sigma: float) -> float:
    """Peak of the Gaussian surface normalised by its volume: volume / (2πσ²).

    Parameters
    ----------
    volume
        In mm · m² (or any unit of length times m²).
    sigma
        Standard deviation in metres, the same along both axes.
    """
    return volume / (2 * math.pi * sigma**2)
