"""Named recipes of the simulator, and reading its settings from a configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, get_type_hints

from basinwatch.errors import InputError
from basinwatch.simulation.settings import STRATIFIED_MM_PER_KM, TURBULENCE_MM, Basins, Range, Settings, Values

_REALISTIC = Settings()
# Circles of movement along the line of sight in turbulence and uniform noise, neither filtered nor decorrelated.
_PAPER = replace(
    _REALISTIC,
    geometry=replace(_REALISTIC.geometry, incidence_deg=(0.0, 0.0)),
    basins=replace(
        _REALISTIC.basins,
        gaussian_share=1.0, gaussian_form="printed", gaussian_sigma_m=(55.0, 670.0), gaussian_axis_ratio=(1.0, 1.0),
        horizontal=(0.0, 0.0), irregularity=(0.0, 0.0), warp=(0.0, 0.0), neighbour_share=0.0,
    ),
    atmosphere=replace(_REALISTIC.atmosphere, stratified_share=0.0, height_error_m=(0.0, 0.0), ramp_fringes=0.0),
    coherence=replace(_REALISTIC.coherence, unknown_share=1.0),
    speckle=replace(_REALISTIC.speckle, model="uniform"),
    filter=replace(_REALISTIC.filter, share=0.0),
    confounders=replace(_REALISTIC.confounders, share=0.0, hard_empty_share=0.0),
)  # fmt: skip
RECIPES = {"realistic": _REALISTIC, "paper": _PAPER}

_PRESETS = {"delay_mm": TURBULENCE_MM, "stratified_mm_per_km": STRATIFIED_MM_PER_KM}
_ALWAYS_FREE = {"seed", "tile_size_px", "pixel_size_m", "labels"}
_FREE_IN_ATMOSPHERE = {"source", "gacos_dir", "dem"}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "basins.gaussian_form": ("amplitude", "printed"),
    "atmosphere.source": ("turbulence", "gacos"),
    "atmosphere.stratified_law": ("linear", "power"),
    "coherence.reading": ("true_coherence", "filtered_estimate"),
    "speckle.model": ("multilook", "uniform"),
    "geometry.phase_sign": (1, -1, 0),
}
_LOG_UNIFORM = (
    "pixel_size_m", "geometry.pixel_aspect", "basins.gaussian_sigma_m", "basins.peak_mm", "basins.depth_m",
    "basins.run_m", "basins.advance_m_per_day", "basins.rate_per_day", "atmosphere.relief_m",
    "atmosphere.height_error_correlation_m", "coherence.correlation_m", "coherence.disturbance",
    "basins.tan_influence_angle", "basins.panel_width_m",
)  # fmt: skip
_LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63),
    "tile_size_px": (64, 4096),
    "geometry.pair_days": (1, 1000),
    "coherence.critical_baseline_m": (1, math.inf),
    "geometry.incidence_deg": (0, 80),
    "geometry.heading_deg": (-360, 360),
    "geometry.phase_sign": (-1, 1),
    "basins.gaussian_axis_ratio": (1, 10),
    "basins.dip_deg": (0, 25),
    "coherence.winter": (0.01, 1),
    "coherence.summer": (0.01, 1),
    "speckle.looks": (1, 1000),
    "filter.alpha": (0, 2),
    "filter.window_px": (8, 256),
} | dict.fromkeys(_LOG_UNIFORM, (1e-9, math.inf))


def read_settings(section: Mapping[str, Any]) -> Settings:
    """Build settings from a configuration section; `recipe` is what all it does not name is taken from.

    ``custom`` starts from ``realistic``; the other recipes take seed, sizes, labels and the sources of delay and
    terrain only, so that their name says what they are.

    Raises
    ------
    InputError
        If a name is unknown or fixed by the recipe, or a value has the wrong type or range.
    """
    given = dict(section)
    recipe = given.pop("recipe", "realistic")
    if recipe not in (*RECIPES, "custom"):
        raise _wrong("recipe", recipe, f"one of {', '.join(RECIPES)}, custom", "correct it")
    if recipe != "custom":
        _require_free(recipe, given)
    settings: Settings = _updated(RECIPES.get(recipe, _REALISTIC), given, "simulation")
    for name, value in _leaves(asdict(settings)):
        _check(name, value)
    if settings.atmosphere.source == "gacos" and settings.atmosphere.gacos_dir is None:
        raise _wrong("atmosphere.gacos_dir", None, "a folder of GACOS files because source is gacos", "name it")
    _require_deep_panels(settings.basins)
    if any(window % 2 for window in settings.filter.window_px):
        raise _wrong("filter.window_px", list(settings.filter.window_px), "even numbers", "correct it")
    for kind in ("mm", "detectability"):
        ignore, positive = (getattr(settings.labels, f"{state}_{kind}") for state in ("ignore", "positive"))
        if ignore > positive:
            raise _wrong(f"labels.ignore_{kind}", ignore, f"at most positive_{kind}, {positive:g}", "lower it")
    if len(settings.geometry.pair_days) != len(settings.geometry.pair_weights):
        raise _wrong(
            "geometry.pair_weights", list(settings.geometry.pair_weights),
            f"one weight for each of {list(settings.geometry.pair_days)}", "correct one of the two lists",
        )  # fmt: skip
    return settings


def _require_deep_panels(ranges: Basins) -> None:
    """Require the shallowest, widest and steepest panel to stay below the surface."""
    rise = ranges.panel_width_m[1] / 2 * math.sin(math.radians(ranges.dip_deg[1]))
    if rise >= ranges.depth_m[0]:
        raise _wrong(
            "basins.depth_m", list(ranges.depth_m),
            f"more than the {rise:.0f} m that a panel of the given width and dip rises", "raise the depth",
        )  # fmt: skip


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of nested settings."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _check(name: str, value: Any) -> None:
    """Require numbers within their limits, ranges in order, and known words."""
    if name in _CHOICES and value not in _CHOICES[name]:
        raise _wrong(name, value, f"one of {', '.join(map(str, _CHOICES[name]))}", "correct it")
    numbers = [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, int | float)]
    share = name.endswith(("share", "chance"))
    low, high = (0.0, 1.0) if share else _LIMITS.get(name, (0.0, math.inf))
    if not all(math.isfinite(v) and low <= v <= high for v in numbers):
        wanted = (
            "a share between 0 and 1"
            if share
            else f"{low:g} or more" + ("" if math.isinf(high) else f", at most {high:g}")
        )
        raise _wrong(name, value, wanted, "correct it")
    if _is_range(name) and value[0] > value[1]:
        raise _wrong(name, list(value), "[low, high]", "swap the two numbers")
    if name in ("basins.counts", "geometry.pair_weights") and sum(value) <= 0:
        raise _wrong(name, list(value), "weights that are not all zero", "correct them")


def _wrong(name: str, found: Any, expected: str, advice: str) -> InputError:
    return InputError(f"simulation.{name}: found {found!r}, expected {expected}; {advice}.")


def _is_range(name: str) -> bool:
    """Whether a setting is a [low, high] range."""
    kind: Any = Settings
    for part in name.split("."):
        kind = get_type_hints(kind)[part]
    return bool(kind == Range)


def _require_free(recipe: str, given: Mapping[str, Any]) -> None:
    """Reject settings that a named recipe fixes."""
    for name, value in given.items():
        fixed = name not in _ALWAYS_FREE
        if name == "atmosphere" and isinstance(value, Mapping):
            fixed = bool(set(value) - _FREE_IN_ATMOSPHERE)
        if fixed and name in {f.name for f in fields(Settings)}:
            raise InputError(
                f"simulation.{name}: recipe {recipe!r} fixes it, expected recipe 'custom' beside it; write "
                "`recipe: custom` (it starts from 'realistic') or leave it out."
            )


def _updated(base: Any, given: Mapping[str, Any], prefix: str) -> Any:
    """Replace the named values of a (nested) settings object."""
    if not isinstance(given, Mapping):
        raise InputError(f"{prefix}: found {given!r}, expected settings by name; correct it.")
    hints = get_type_hints(type(base))
    for name in given:
        if name not in hints:
            raise InputError(
                f"{prefix}: found unknown setting {name!r}, expected one of {', '.join(hints)}; correct the name."
            )
    changes = {
        name: _converted(getattr(base, name), value, hints[name], f"{prefix}.{name}") for name, value in given.items()
    }
    return replace(base, **changes)


def _converted(current: Any, value: Any, kind: Any, name: str) -> Any:
    """Convert a configuration value to the type of its setting."""
    if is_dataclass(current):
        return _updated(current, value, name)
    presets = _PRESETS.get(name.rsplit(".", 1)[-1], {})
    if isinstance(value, str) and value in presets:
        return presets[value]
    try:
        if kind == Range:
            low, high = value
            return float(low), float(high)
        if kind == Values:
            return tuple(float(v) for v in value)
        if kind is bool and not isinstance(value, bool):
            raise TypeError(value)
        if kind in (int, float, bool, str):
            return kind(value)
        return float(value) if value is not None and kind == float | None else value
    except (TypeError, ValueError) as error:
        wanted = {Range: "a list [low, high]", Values: "a list of numbers"}.get(
            kind, getattr(kind, "__name__", "a number")
        )
        raise InputError(f"{name}: found {value!r}, expected {wanted}; correct it.") from error
