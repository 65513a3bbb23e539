"""What a user may set about simulated tiles; ranges are [low, high]."""

from __future__ import annotations

from dataclasses import dataclass, field

Range = tuple[float, float]
Values = tuple[float, ...]

# √D(10 km) in January, the median of pairs. `default` is what real tiles over coal mines show.
TURBULENCE_MM = {"calm": 0.8, "default": 1.2, "strong": 8.0}
# Standard deviation over pairs; `strong` is what volcano simulators assume (3e-4 m/m with a scatter
# of 5e-5 on each date), far above what flat mining country shows.
STRATIFIED_MM_PER_KM = {"default": 8.0, "strong": 70.0}


@dataclass(frozen=True)
class Geometry:
    """How the satellite looks at the ground.

    Parameters
    ----------
    incidence_deg
        Range of incidence angles.
    heading_deg, heading_jitter_deg
        Flight directions to choose from, clockwise from north, and how far a scene's may differ.
    left_looking_share
        Share of scenes seen to the left of the flight direction.
    phase_sign
        1: motion away from the satellite is positive, as after ingest; -1: the other way round; 0: either.
    pair_days, pair_weights
        Intervals of a pair in days and how often each is drawn.
    pixel_aspect
        Range of height over width of a pixel (log-uniform).
    baseline_m
        Standard deviation of the perpendicular baseline.
    """

    incidence_deg: Range = (31.0, 45.0)
    heading_deg: Values = (-12.0, 192.0)
    heading_jitter_deg: float = 2.0
    left_looking_share: float = 0.0
    phase_sign: int = 1
    pair_days: Values = (6.0, 12.0, 24.0)
    pair_weights: Values = (0.1, 0.8, 0.1)
    pixel_aspect: Range = (1.0, 1.0)
    baseline_m: float = 60.0


@dataclass(frozen=True)
class Basins:
    """How many basins there are, and their mining.

    Parameters
    ----------
    counts
        Weights of 0, 1, 2, … basins in a tile.
    gaussian_share, gaussian_form
        Share of Gaussian bowls, the others have a moving face. ``amplitude``: ellipses of a drawn peak;
        ``printed``: the formula as printed by the paper, circles of a fixed volume centred on the tile's diagonal.
    gaussian_sigma_m, gaussian_axis_ratio
        Radius (log-uniform) and axis ratio of a Gaussian bowl.
    printed_volume_mm_m2
        Volume of every bowl of the printed form.
    neighbour_share
        Chance that a basin has a neighbour so close that fringes overlap.
    peak_mm
        Vertical subsidence at the deepest point within the pair's interval (log-uniform). Faces that stopped have
        less, as they settle, and neighbours 0.2 to 1 of what is beside them.
    depth_m, tan_influence_angle
        Mining depth (log-uniform) and tangent of the influence angle; their ratio is the influence radius.
    panel_width_m, inflexion_offset
        Panel width, and the offset of the inflexion point as a share of the depth.
    run_m, advance_m_per_day, rate_per_day
        Length mined so far, face advance and Knothe's time coefficient (all log-uniform).
    dip_deg, flat_share
        Dip of the seam, and the share of flat seams.
    stopped_share, stopped_days
        Share of faces that stopped before the pair, and how long before.
    horizontal, irregularity, warp
        Horizontal movement factor b; spread of the log of irregular subsidence; displacement of its
        outline as a share of the influence radius.
    """

    counts: Values = (0.15, 0.36, 0.20, 0.09, 0.05, 0.03, 0.02)
    gaussian_share: float = 0.35
    gaussian_form: str = "amplitude"
    gaussian_sigma_m: Range = (110.0, 450.0)
    gaussian_axis_ratio: Range = (1.0, 2.2)
    printed_volume_mm_m2: float = 2.8e6
    neighbour_share: float = 0.35
    peak_mm: Range = (4.0, 600.0)
    depth_m: Range = (180.0, 900.0)
    tan_influence_angle: Range = (1.4, 2.6)
    panel_width_m: Range = (120.0, 320.0)
    inflexion_offset: Range = (0.0, 0.12)
    run_m: Range = (250.0, 2500.0)
    advance_m_per_day: Range = (1.0, 12.0)
    rate_per_day: Range = (0.005, 0.15)
    dip_deg: Range = (0.0, 25.0)
    flat_share: float = 0.5
    stopped_share: float = 0.12
    stopped_days: Range = (0.0, 90.0)
    horizontal: Range = (0.2, 0.4)
    irregularity: Range = (0.0, 0.3)
    warp: Range = (0.0, 0.35)


@dataclass(frozen=True)
class Atmosphere:
    """Delay difference of a pair.

    Parameters
    ----------
    source
        ``turbulence``: random fields; ``gacos``: pairs of real delay maps of one season.
    gacos_dir
        Folder with GACOS files, needed for ``gacos``.
    dem
        Raster of terrain heights; none: fractal terrain.
    delay_mm, delay_spread
        Median √D(10 km) of turbulent zenith delay in January and its log-normal spread; a configuration
        may say ``calm``, ``default`` or ``strong``.
    strong_share, strong_factor
        Share of tiles with so many times as much.
    seasonal
        Whether the strength doubles from January to July.
    stratified_share, stratified_mm_per_km, stratified_law
        Share of tiles with delay that follows the terrain, its standard deviation (a number, ``default`` or
        ``strong``), and how it does: ``linear`` or ``power``, Bekaert's K (h₀ - h)^1.4.
    relief_m
        Range of fractal relief (log-uniform).
    ramp_fringes
        Standard deviation of the ramp per axis over 25 km.
    height_error_m, height_error_correlation_m
        Spread of the elevation model's errors (0 to 0: none) and their correlation length (log-uniform).
    """

    source: str = "turbulence"
    gacos_dir: str | None = None
    dem: str | None = None
    delay_mm: float = TURBULENCE_MM["default"]
    delay_spread: float = 0.45
    strong_share: float = 0.08
    strong_factor: float = 3.5
    seasonal: bool = True
    stratified_share: float = 0.5
    stratified_mm_per_km: float = STRATIFIED_MM_PER_KM["default"]
    stratified_law: str = "linear"
    relief_m: Range = (60.0, 800.0)
    ramp_fringes: float = 0.3
    height_error_m: Range = (2.0, 8.0)
    height_error_correlation_m: Range = (40.0, 200.0)


@dataclass(frozen=True)
class Coherence:
    """Coherence of stable and of moving ground.

    Parameters
    ----------
    winter, summer
        12-day coherence in mid January and mid July.
    reading
        ``true_coherence``, or ``filtered_estimate``: the two values are what an estimate from filtered phase reads.
    factor
        Range that the seasonal coherence is multiplied with.
    spread, correlation_m
        Standard deviation of smooth variation and its correlation length (log-uniform).
    cover_share, cover_factor
        Share of tiles with fields or forest, and what they leave of the coherence.
    water_share
        Share of tiles with water.
    critical_baseline_m
        Baseline at which coherence is lost; none: no such loss.
    disturbance
        Random motion inside a pixel as a share of its movement (log-uniform).
    unknown_share
        Share of tiles given without coherence.
    """

    winter: float = 0.9
    summer: float = 0.6
    reading: str = "true_coherence"
    factor: Range = (0.68, 1.03)
    spread: Range = (0.03, 0.12)
    correlation_m: Range = (200.0, 2500.0)
    cover_share: float = 0.4
    cover_factor: Range = (0.2, 0.6)
    water_share: float = 0.15
    critical_baseline_m: float | None = None
    disturbance: Range = (0.06, 0.3)
    unknown_share: float = 0.4


@dataclass(frozen=True)
class Speckle:
    """Phase noise.

    Parameters
    ----------
    model
        ``multilook``: exact speckle of the given coherence; ``uniform``: the paper's uniform phase noise.
    looks
        Equivalent number of looks (log-uniform).
    uniform_halfwidth_rad
        Half width of uniform noise.
    texture_share, texture_px
        Share of tiles whose noise is correlated along one axis by resampling, and how far.
    """

    model: str = "multilook"
    looks: Range = (6.0, 16.0)
    uniform_halfwidth_rad: Range = (0.3, 2.0)
    texture_share: float = 0.5
    texture_px: Range = (0.5, 1.2)


@dataclass(frozen=True)
class Filter:
    """Goldstein filter, the code that real interferograms pass.

    Parameters
    ----------
    share, alpha
        Share of filtered tiles and range of the filter's strength.
    window_px
        Windows to choose from.
    """

    share: float = 0.4
    alpha: Range = (0.15, 0.65)
    window_px: Values = (32.0, 64.0)


@dataclass(frozen=True)
class Confounders:
    """What looks like a basin and is none.

    Parameters
    ----------
    share
        Chance of each look-alike or defect.
    hard_empty_share, hard_empty_chance
        Share of tiles without a basin but with many look-alikes, and the chance of each there.
    """

    share: float = 0.15
    hard_empty_share: float = 0.10
    hard_empty_chance: float = 0.6


@dataclass(frozen=True)
class Labels:
    """When a basin must be found and when it may be.

    Parameters
    ----------
    threshold_rad, half_peak
        A mask holds the pixels of at least this phase, or, with `half_peak`, half the peak where that is less.
    positive_mm, ignore_mm
        Line-of-sight peaks from which a basin must be found, and from which it may be found.
    positive_detectability, ignore_detectability
        The same two limits for the ideal observer's d′.
    """

    threshold_rad: float = 1.5707963
    half_peak: bool = True
    positive_mm: float = 8.0
    ignore_mm: float = 4.0
    positive_detectability: float = 6.0
    ignore_detectability: float = 3.0


@dataclass(frozen=True)
class Settings:
    """Everything scenes are drawn from.

    Parameters
    ----------
    seed
        Fixes every tile together with its number.
    tile_size_px, pixel_size_m
        Side of a tile; range of ground pixel sizes (log-uniform).
    geometry, basins, atmosphere, coherence, speckle, filter, confounders, labels
        Sections.
    """

    seed: int = 20261121
    tile_size_px: int = 256
    pixel_size_m: Range = (10.0, 110.0)
    geometry: Geometry = field(default_factory=Geometry)
    basins: Basins = field(default_factory=Basins)
    atmosphere: Atmosphere = field(default_factory=Atmosphere)
    coherence: Coherence = field(default_factory=Coherence)
    speckle: Speckle = field(default_factory=Speckle)
    filter: Filter = field(default_factory=Filter)
    confounders: Confounders = field(default_factory=Confounders)
    labels: Labels = field(default_factory=Labels)
