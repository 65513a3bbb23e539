"""The corrections of a stack in their order: estimated once on a sample of known ground, then applied anywhere.

1. Per pair: the reference surface, bad pairs, whole cycles of unwrapping errors.
2. Per date, taken from every pair as a difference (which is exact for any gaps): delay of the air, ramp, and
   the median of the reference set.
3. Per series: elevation error, principal components of stable ground, and what both changed at the reference.

Only what is switched on and has its input is estimated; by default that is the reference, and delays and
elevation errors where their files are given.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.phase import to_displacement_mm
from basinwatch.sbas.banded import Bridge, Normal
from basinwatch.sbas.corrections import closure, delay, height_error, principal, ramps
from basinwatch.sbas.corrections.closure import Closure, ClosureSettings, Repaired
from basinwatch.sbas.corrections.delay import DelayCorrection, DelaySettings
from basinwatch.sbas.corrections.ground import Auxiliary, Ground
from basinwatch.sbas.corrections.height_error import HeightErrorModel, HeightErrorSettings
from basinwatch.sbas.corrections.principal import Modes, PrincipalSettings
from basinwatch.sbas.corrections.ramps import Ramps, RampSettings
from basinwatch.sbas.corrections.reference import (
    ReferenceSettings,
    date_offsets,
    pair_surfaces,
    plane_terms,
    slow,
    surface_at,
)
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.network import Network
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.quality import residual_by_date, squares_by_pair
from basinwatch.sbas.trend import fit_rate

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class CorrectionSettings:
    """Every correction's own settings, in the order of application."""

    reference: ReferenceSettings = field(default_factory=ReferenceSettings)
    closure: ClosureSettings = field(default_factory=ClosureSettings)
    delay: DelaySettings = field(default_factory=DelaySettings)
    ramp: RampSettings = field(default_factory=RampSettings)
    height_error: HeightErrorSettings = field(default_factory=HeightErrorSettings)
    principal: PrincipalSettings = field(default_factory=PrincipalSettings)


@dataclass(frozen=True)
class Scene:
    """What all steps need to know: network, wavelength, what is known besides the pairs, how gaps are filled."""

    network: Network
    wavelength_m: float
    auxiliary: Auxiliary
    bridge: Bridge = "flat"

    @cached_property
    def normal(self) -> Normal:
        """Normal equations of the network."""
        return Normal(self.network.index, self.network.days, self.bridge)

    @property
    def pair_names(self) -> list[str]:
        """``YYYYMMDD_YYYYMMDD`` of every pair."""
        dates = self.network.dates
        return [f"{dates[a]:%Y%m%d}_{dates[b]:%Y%m%d}" for a, b in self.network.pairs]


@dataclass(frozen=True)
class Corrections:
    """Estimated corrections; radians are positive away from the satellite, millimetres towards it.

    Parameters
    ----------
    scene, settings
        What they were estimated with.
    surfaces
        (m, 3) reference of every pair; NaN for pairs that are left out.
    delay, ramps
        What is taken from every date besides `offsets_rad`, (dates,).
    height_error, modes
        What is taken from every series besides `offsets_mm`, (dates,).
    reference
        The pixels that are zero by definition.
    closure
        How well loops close.
    height_error_reason
        Why there is no height error; empty if there is one.
    residuals
        What the inversion leaves on stable ground, by pair and by date, for the report.
    """

    scene: Scene
    settings: CorrectionSettings
    surfaces: Array
    closure: Closure
    reference: Pixels
    delay: DelayCorrection | None = None
    ramps: Ramps | None = None
    offsets_rad: Array | float = 0.0
    height_error: HeightErrorModel | None = None
    height_error_reason: str = "no baselines are given"
    modes: Modes | None = None
    offsets_mm: Array | float = 0.0
    residuals: dict[str, Any] = field(default_factory=dict)

    def part(self, numbers: NDArray[np.int64]) -> Corrections:
        """Take some of the pairs, for :meth:`to_pairs`."""
        scene = replace(self.scene, network=self.scene.network.part(numbers))
        return replace(self, scene=scene, surfaces=self.surfaces[numbers])

    def fields(self, pixels: Pixels) -> Float:
        """Phase to take from every date, (dates, P) or, where it is the same everywhere, (dates, 1)."""
        dates = len(self.scene.network.dates)
        total = np.broadcast_to(np.asarray(self.offsets_rad, np.float32).reshape(-1, 1), (dates, 1))
        auxiliary = self.scene.auxiliary
        if self.delay is not None:
            total = total + self.delay.at(pixels, auxiliary.incidence_at(pixels))
        if self.ramps is not None:
            total = total + self.ramps.at(pixels, auxiliary.heights_at(pixels) if self.settings.ramp.height else None)
        return total

    def to_pairs(self, phase: Float, fields: Float, pixels: Pixels) -> Repaired:
        """Correct observations (m, P) before the inversion."""
        corrected, terms = np.empty_like(phase), plane_terms(pixels)
        for number, (first, second) in enumerate(self.scene.network.pairs):
            change = fields[second] - fields[first]
            corrected[number] = phase[number] - surface_at(self.surfaces[number], terms) - change
        if self.settings.closure.repair:
            return closure.repair(corrected, self.scene.normal, self.settings.closure)
        none, all_accepted = np.zeros(len(pixels), np.uint16), np.ones(len(pixels), bool)
        return Repaired(corrected, none, all_accepted)

    @staticmethod
    def from_dates(series_rad: Array, fields: Float) -> Array:
        """Take fields from the dates of an uncorrected solution (dates, P), instead of from its pairs.

        The same where the pairs of a pixel connect all dates, so that new delays or ramps need no new inversion;
        elsewhere only :meth:`to_pairs` is right.
        """
        return series_rad - (fields - fields[0])

    def to_series(self, series_mm: NDArray[np.floating[Any]]) -> tuple[NDArray[np.floating[Any]], Any]:
        """Correct series (dates, P) after the inversion.

        Returns
        -------
        series, slope
            Corrected series, and what was taken out in mm per metre of baseline, (P,) or 0.
        """
        slope: Any = 0.0
        if self.height_error is not None:
            series_mm, slope = self.height_error.split(series_mm)
        if self.modes is not None:
            series_mm = self.modes.remove(series_mm)
        return series_mm - np.asarray(self.offsets_mm).reshape(-1, 1), slope

    def millimetres(self, series_rad: Array) -> NDArray[np.floating[Any]]:
        """Turn series of phase into displacement towards the satellite."""
        return to_displacement_mm(series_rad, self.scene.wavelength_m)

    def report(self) -> dict[str, Any]:
        """Tell what was done, for logs and products."""
        names, left_out = self.scene.pair_names, np.isnan(self.surfaces[:, 0])
        return {
            "pairs_left_out": [name for name, out in zip(names, left_out, strict=True) if out],
            "dates_without_pair": _dates_without_pair(self.scene.network, ~left_out),
            "remarks": _losses(self.scene.network, ~left_out),
            "closure": self.closure.report(self.scene.network, names),
            **self.residuals,
            "delay": None if self.delay is None else self.delay.table(),
            "pairs_partly_corrected": [] if self.delay is None else self._partly_corrected(self.delay),
            "ramp": self.ramps is not None,
            "height_error": self.height_error_reason or "removed",
            "principal": [] if self.modes is None else self.modes.report(),
        }

    def _partly_corrected(self, chosen: DelayCorrection) -> list[str]:
        """Pairs of which one date alone has its delay taken out."""
        first, second = chosen.applied[self.scene.network.index].T
        return [name for name, uneven in zip(self.scene.pair_names, first != second, strict=True) if uneven]


def _dates_without_pair(network: Network, kept: Bool) -> list[str]:
    """ISO dates that no remaining pair has."""
    seen = set(network.index[kept].ravel().tolist())
    return [day.isoformat() for number, day in enumerate(network.dates) if number not in seen]


def _losses(network: Network, kept: Bool) -> list[str]:
    """Say in sentences what the rate map suffers from because pairs were left out."""
    said = [
        f"{day}: found no valid pair of this date, expected one; its displacement is assumed, mend a pair or leave the "
        "date out."
        for day in _dates_without_pair(network, kept)
    ]
    if kept.all() or not kept.any():
        return said
    return said + network.part(np.flatnonzero(kept).tolist()).remarks()


def without_fast(
    phase: Float,
    weights: Array | None,
    ground: Ground,
    scene: Scene,
    settings: CorrectionSettings,
    stable_mm_per_year: float,
) -> Ground:
    """Leave out of the stable ground what moves, by the rates that all candidates as reference give.

    Parameters
    ----------
    phase, weights
        (m, P) unwrapped phase of the sample in radians and weights of the pairs, or None.
    stable_mm_per_year
        Ground that moves faster than this is not stable.
    """
    first = _referenced(phase, ground, scene, settings)
    rate = fit_rate(scene.network.days, first.millimetres(_invert(phase, weights, first, ground)[0]))[0]
    return replace(ground, stable=slow(rate, ground.stable, stable_mm_per_year, settings.reference.min_px))


def estimate(
    phase: Float, weights: Array | None, ground: Ground, scene: Scene, settings: CorrectionSettings
) -> Corrections:
    """Estimate all corrections on a sample.

    Parameters
    ----------
    phase, weights
        (m, P) unwrapped phase of the sample in radians and weights of the pairs, or None.
    ground
        What each pixel of it is good for, as from :func:`without_fast`.

    Raises
    ------
    InputError
        If an input does not fit its correction.
    """
    corrections = _referenced(phase, ground, scene, settings)
    corrections = _with_fields(corrections, _invert(phase, weights, corrections, ground)[0], ground)
    for remark in _losses(scene.network, np.isfinite(corrections.surfaces[:, 0])):
        log.warning(remark)
    series, residual = _invert(phase, weights, corrections, ground)
    corrections = replace(corrections, residuals=_residuals(corrections.millimetres(residual), ground, scene))
    return _with_filters(corrections, corrections.millimetres(series), ground)


def _referenced(phase: Float, ground: Ground, scene: Scene, settings: CorrectionSettings) -> Corrections:
    """Set the reference of every pair and measure how its loops close."""
    surfaces = pair_surfaces(phase, ground.anchor, ground.pixels, settings.reference, scene.pair_names)
    calm = ground.stable if ground.stable.any() else ground.anchor
    terms = plane_terms(ground.pixels.part(calm))
    referenced = [values[calm] - surface_at(surface, terms) for values, surface in zip(phase, surfaces, strict=True)]
    closing = closure.assess(np.stack(referenced), scene.network.index, settings.closure)
    if settings.closure.drop_bad_pairs:
        surfaces[closing.bad] = np.nan
    return Corrections(scene, settings, surfaces, closing, ground.pixels.part(ground.anchor))


def _invert(phase: Float, weights: Array | None, corrections: Corrections, ground: Ground) -> tuple[Array, Array]:
    """Series (dates, P) of the sample in radians, corrected as far as is known, and residuals (m, P)."""
    observed = corrections.to_pairs(phase, corrections.fields(ground.pixels), ground.pixels).phase
    network = corrections.scene.network
    series = invert(network.index, network.days, observed, weights, corrections.scene.bridge).displacement
    return series, corrections.scene.normal.residual(observed.astype(np.float64), series)


def _residuals(residual_mm: NDArray[np.floating[Any]], ground: Ground, scene: Scene) -> dict[str, Any]:
    """Root mean square of every pair, and mean size of the pairs of every date, on stable ground."""
    squares, count = squares_by_pair(residual_mm, ground.stable)
    pairs, dates = scene.network.index, scene.network.dates
    by_date = residual_by_date(pairs, residual_mm[:, ground.stable], len(dates)).sum(1)
    links = np.bincount(pairs.ravel(), np.repeat(count, 2), len(dates))
    return {
        "pair_residual_rms_mm": {
            name: round(float(np.sqrt(total / n)), 3)
            for name, total, n in zip(scene.pair_names, squares, count, strict=True)
            if n
        },
        "date_residual_mm": {
            day.isoformat(): round(float(total / n), 3)
            for day, total, n in zip(dates, by_date, links, strict=True)
            if n
        },
    }


def _with_fields(corrections: Corrections, series: Array, ground: Ground) -> Corrections:
    """Estimate what is taken from every date: radians of series (dates, P)."""
    scene, pixels = corrections.scene, ground.pixels
    auxiliary = scene.auxiliary
    mm_per_radian = to_displacement_mm(np.ones(1), scene.wavelength_m)
    rest = series - ground.motion_mm(scene.network.days) / mm_per_radian
    found = _delay(corrections, rest, ground)
    if found is not None:
        rest = rest - found.at(pixels, auxiliary.incidence_at(pixels))
    heights = auxiliary.heights_at(pixels) if corrections.settings.ramp.height else None
    surfaces = _ramps(corrections.settings.ramp, rest, heights, ground)
    if surfaces is not None:
        rest = rest - surfaces.at(pixels, heights)
    return replace(corrections, delay=found, ramps=surfaces, offsets_rad=date_offsets(rest, ground.known))


def _delay(corrections: Corrections, rest: Array, ground: Ground) -> DelayCorrection | None:
    """Decide on the delays of all dates."""
    scene, settings = corrections.scene, corrections.settings.delay
    maps, members = scene.auxiliary.delays, ground.stable & np.isfinite(rest).all(0)
    if maps is None or not settings.enabled or not members.any():
        return None
    if maps.kind == "zenith":
        scene.auxiliary.require_incidence("zenith delays")
    pixels = ground.pixels.part(members)
    incidence = scene.auxiliary.incidence_at(pixels)
    return delay.decide(rest[:, members], scene.network.dates, maps, pixels, incidence, scene.wavelength_m, settings)


def _ramps(settings: RampSettings, rest: Array, heights: Float | None, ground: Ground) -> Ramps | None:
    """Fit the surfaces of all dates to control points, or else to stable ground."""
    controlled = ground.controlled.any()
    members = (ground.controlled if controlled else ground.stable) & np.isfinite(rest).all(0)
    if controlled:
        settings = replace(settings, min_px_per_term=1)
    surfaces = ramps.fit(rest, ground.pixels, heights, members, settings)
    if surfaces is None and controlled and settings.surface != "none":
        raise InputError(
            f"control points: found {members.sum()}, too few for a surface ({settings.surface}), expected one per term "
            "at least; add points or choose a simpler surface."
        )
    return surfaces


def _with_filters(corrections: Corrections, series: NDArray[np.floating[Any]], ground: Ground) -> Corrections:
    """Estimate what is taken from every series: millimetres of series (dates, P)."""
    scene, settings = corrections.scene, corrections.settings
    network, baselines = scene.network, scene.auxiliary.baselines_m
    model: HeightErrorModel | str = "no baselines are given" if baselines is None else "switched off"
    if baselines is not None and settings.height_error.enabled:
        model = height_error.prepare(network.dates, baselines, settings.height_error)
    if isinstance(model, str):
        log.info("height error: skipped, %s", model)
    else:
        series = model.split(series)[0]
    modes, finite = None, np.isfinite(series).all(0)
    if settings.principal.enabled and (ground.stable & finite).any():
        stable, inside = series[:, ground.stable & finite], series[:, ground.inside & finite]
        modes = principal.estimate(stable, inside, network.days, settings.principal)
        series = modes.remove(series)
    return replace(
        corrections,
        height_error=None if isinstance(model, str) else model,
        height_error_reason=model if isinstance(model, str) else "",
        modes=modes,
        offsets_mm=date_offsets(series - ground.motion_mm(network.days), ground.known),
    )
