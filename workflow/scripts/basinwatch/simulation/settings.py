"""What a user may set about simulated tiles; ranges are [low, high]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from basinwatch.errors import InputError

RECIPES = ("realistic", "paper")
Range = tuple[float, float]


@dataclass(frozen=True)
class Settings:
    """Ranges and shares that scenes are drawn from.

    Parameters
    ----------
    seed
        Fixes every tile together with its number.
    tile_size_px, pixel_size_m
        Side of a tile; range of ground pixel sizes (log-uniform).
    recipe
        ``realistic`` as below; ``paper``: circular Gaussian bowls, turbulent atmosphere and uniform
        phase noise, neither filtered nor decorrelated.
    incidence_deg, heading_deg
        Range of incidence angles; the two flight directions.
    basin_counts
        Weights of 0, 1, 2, … basins in a tile.
    hard_empty_share
        Share of tiles without a basin but with many look-alikes.
    gaussian_share
        Share of basins with Gaussian form; the others have a moving face.
    neighbour_share
        Chance that a basin has a neighbour so close that fringes overlap.
    peak_mm
        Vertical subsidence at the deepest point within the pair's interval (log-uniform).
    depth_m, tan_influence_angle
        Mining depth and tangent of the influence angle; their ratio is the influence radius.
    panel_width_m, run_m, advance_m_per_day, rate_per_day
        Panel geometry, face advance and Knothe's time coefficient.
    horizontal, irregularity, warp
        Horizontal movement factor b; spread of the log of irregular subsidence; displacement of its
        outline as a share of the influence radius.
    delay_mm, delay_spread, strong_delay_share
        Median √D(10 km) of turbulent zenith delay in January, its log-normal spread, and the share of
        tiles with 3.5 times as much.
    stratified_mm_per_km, ramp_fringes
        Standard deviation of height-dependent delay, and of the ramp per axis over 25 km.
    coherence_factor
        Range that the seasonal 12-day coherence is multiplied with.
    disturbance
        Random motion inside a pixel as a share of its movement (log-uniform).
    looks
        Equivalent number of looks (log-uniform).
    texture_share
        Share of tiles whose noise is correlated along one axis by resampling.
    goldstein_share, goldstein_alpha
        Share of filtered tiles and range of the filter strength.
    confounder_share
        Chance of each look-alike or defect.
    unknown_coherence_share
        Share of tiles given without coherence.
    positive_mm, ignore_mm
        Line-of-sight peaks from which a basin must be found, and from which it may be found.
    positive_detectability, ignore_detectability
        The same two limits for the ideal observer's d′.
    """

    seed: int = 42
    tile_size_px: int = 256
    pixel_size_m: Range = (12.0, 45.0)
    recipe: str = "realistic"
    incidence_deg: Range = (31.0, 45.0)
    heading_deg: Range = (-12.0, 192.0)
    basin_counts: tuple[float, ...] = (0.15, 0.36, 0.20, 0.09, 0.05, 0.03, 0.02)
    hard_empty_share: float = 0.10
    gaussian_share: float = 0.35
    neighbour_share: float = 0.35
    peak_mm: Range = (4.0, 600.0)
    depth_m: Range = (120.0, 900.0)
    tan_influence_angle: Range = (1.4, 2.6)
    panel_width_m: Range = (120.0, 320.0)
    run_m: Range = (120.0, 2500.0)
    advance_m_per_day: Range = (1.0, 12.0)
    rate_per_day: Range = (0.005, 0.15)
    horizontal: Range = (0.2, 0.4)
    irregularity: Range = (0.0, 0.3)
    warp: Range = (0.0, 0.35)
    delay_mm: float = 2.0
    delay_spread: float = 0.45
    strong_delay_share: float = 0.08
    stratified_mm_per_km: float = 8.0
    ramp_fringes: float = 0.3
    coherence_factor: Range = (0.45, 1.15)
    disturbance: Range = (0.06, 0.4)
    looks: Range = (4.0, 16.0)
    texture_share: float = 0.5
    goldstein_share: float = 0.6
    goldstein_alpha: Range = (0.15, 0.65)
    confounder_share: float = 0.2
    unknown_coherence_share: float = 0.4
    positive_mm: float = 8.0
    ignore_mm: float = 4.0
    positive_detectability: float = 6.0
    ignore_detectability: float = 3.0

    def __post_init__(self) -> None:
        """Reject values no scene can be drawn from."""
        for name, kind in get_type_hints(Settings).items():
            value = getattr(self, name)
            if kind == Range and not value[0] <= value[1] and name != "heading_deg":
                raise InputError(f"simulation.{name}: found {list(value)}, expected [low, high]; swap the two numbers.")
            if name.endswith("_share") and not 0 <= value <= 1:
                raise InputError(f"simulation.{name}: found {value}, expected a share between 0 and 1; correct it.")
        if self.recipe not in RECIPES:
            raise InputError(
                f"simulation.recipe: found {self.recipe!r}, expected one of {', '.join(RECIPES)}; correct it."
            )
        if self.seed < 0:
            raise InputError(f"simulation.seed: found {self.seed}, expected 0 or a positive whole number; correct it.")
        if self.tile_size_px < 32:
            raise InputError(f"simulation.tile_size_px: found {self.tile_size_px}, expected at least 32; enlarge it.")
        if not self.basin_counts or min(self.basin_counts) < 0 or sum(self.basin_counts) <= 0:
            raise InputError(
                f"simulation.basin_counts: found {list(self.basin_counts)}, expected weights of 0, 1, 2, … basins "
                "that are not negative and not all zero; correct them."
            )

    @classmethod
    def from_config(cls, mapping: Mapping[str, Any]) -> Settings:
        """Build settings from a configuration section; lists become tuples.

        Raises
        ------
        InputError
            If a name is unknown or a value has the wrong type or range.
        """
        hints = get_type_hints(cls)
        unknown = sorted(set(mapping) - {f.name for f in fields(cls)})
        if unknown:
            raise InputError(
                f"simulation: found unknown setting {unknown[0]!r}, expected one of {', '.join(hints)}; "
                "correct the name."
            )
        return cls(**{name: _typed(name, value, hints[name]) for name, value in mapping.items()})


def _typed(name: str, value: Any, kind: Any) -> Any:
    """Convert a configuration value to the type of its setting."""
    try:
        if kind == Range:
            low, high = value
            return float(low), float(high)
        if kind in (int, float, str):
            return kind(value)
        return tuple(float(v) for v in value)
    except (TypeError, ValueError) as error:
        wanted = "a list [low, high]" if kind == Range else getattr(kind, "__name__", "a list of numbers")
        raise InputError(f"simulation.{name}: found {value!r}, expected {wanted}; correct it.") from error
