"""Find basins in one interferogram: windows, network, blended probability map, polygons."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from basinwatch.compute import fast_dtype, pick_device, use_threads
from basinwatch.detectors import Detector
from basinwatch.encoding import encode
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.instances import InstanceSettings, find_instances
from basinwatch.models import LoadedModel
from basinwatch.rasters import SHARE_TAGS, decode_share, encode_share, grid_of, open_raster, write_raster
from basinwatch.stitching import Blender
from basinwatch.tiling import Tile, tiles
from basinwatch.vectors import polygons_of, write_geoparquet

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectionSettings:
    """How an interferogram is searched.

    Parameters
    ----------
    window_px, step_px
        Side and spacing of the windows; rounded to the detector's stride (side up, spacing down).
    batch_size
        Windows per pass of the network; does not change the result.
    min_window_coherence
        Windows of a lower mean coherence are not searched and stay without data.
    threshold, peak_threshold, min_area_px
        What counts as a basin (see :class:`basinwatch.instances.InstanceSettings`); None takes the model's.
    precision
        ``auto`` (bfloat16 where the hardware has it) or ``float32``.
    """

    window_px: int = 1024
    step_px: int = 896
    batch_size: int = 2
    min_window_coherence: float = 0.0
    threshold: float | None = None
    peak_threshold: float | None = None
    min_area_px: int | None = None
    precision: str = "auto"


@dataclass(frozen=True)
class Detection:
    """What was found in one interferogram.

    Parameters
    ----------
    probability
        float32 (y, x), NaN where there is no phase or nothing was searched.
    instances
        One row per basin: score (mean probability inside), peak_probability, area_m2,
        mean_coherence, touches_edge (at the border of the data) and the polygon in the grid's CRS.
    grid
        Where the pixels lie.
    """

    probability: NDArray[np.float32]
    instances: gpd.GeoDataFrame
    grid: Grid


def fold_normalisation(detector: Detector) -> Detector:
    """Return a copy whose batch normalisations are part of the convolutions before them."""
    folded = deepcopy(detector).eval()
    for block in [m for m in folded.modules() if isinstance(m, nn.Sequential)]:
        for place in range(len(block) - 1):
            first, second = block[place], block[place + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                block[place], block[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return folded


class Predictor:
    """A detector made fast for prediction on one device."""

    def __init__(self, detector: Detector, device: torch.device, precision: str = "auto") -> None:
        self.device, self.dtype = device, fast_dtype(device, precision)
        network = fold_normalisation(detector).requires_grad_(False)
        self.network = network.to(device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def __call__(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map encoded windows (n, 3, y, x) to probabilities (n, y, x)."""
        x = torch.from_numpy(channels).to(self.device, self.dtype, memory_format=torch.channels_last)
        probability: NDArray[np.float32] = torch.sigmoid(self.network(x)[:, 0].float()).cpu().numpy()
        return probability


@dataclass(frozen=True)
class Layout:
    """Windows over a raster whose sides are rounded up to the detector's stride.

    All windows start at multiples of the stride, so that the network's inner lattice, and with it
    the answer, does not depend on the window.
    """

    height: int
    width: int
    size: int
    step: int

    def rows(self) -> Iterator[tuple[int, list[Tile]]]:
        """Yield the first pixel row of each row of windows, with its windows."""
        for row, group in groupby(tiles(self.height, self.width, self.size, self.step), lambda tile: tile.row):
            yield row, list(group)


def window_layout(shape: tuple[int, int], model: LoadedModel, settings: DetectionSettings) -> Layout:
    """Fit the wanted windows to a raster and a detector.

    Raises
    ------
    InputError
        If the detector only works at its training size and another one is asked for.
    """
    detector, wanted = model.detector, settings.window_px
    if not detector.free_size and wanted != model.spec["tile_size_px"]:
        raise InputError(
            f"model {model.spec['name']}: found window_px {wanted}, expected {model.spec['tile_size_px']} as in "
            "training, since its answer depends on the window; correct the setting."
        )
    if not 1 <= settings.step_px <= wanted:
        raise InputError(f"detection: found step_px {settings.step_px}, expected 1 to {wanted}; correct the setting.")
    stride = detector.stride
    height, width = (-(-side // stride) * stride for side in shape)
    size = -(-wanted // stride) * stride
    if detector.free_size:
        size = min(size, max(height, width))
    return Layout(height, width, size, max(min(settings.step_px, size) // stride * stride, stride))


def detect(
    phase_path: Path,
    coherence_path: Path | None,
    model: LoadedModel,
    settings: DetectionSettings | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
    grid: Grid | None = None,
) -> Detection:
    """Search one interferogram for basins.

    Parameters
    ----------
    phase_path
        Wrapped phase in radians, NaN = no data, positive away from the satellite.
    coherence_path
        Coherence as coded by :func:`basinwatch.rasters.encode_share`; None when unknown.
    grid
        Grid of the pair; needed for areas in radar geometry, where the rasters cannot tell it.

    Raises
    ------
    InputError
        If a raster cannot be read, the two differ in size, or the windows do not suit the model.
    """
    use_threads(threads)
    settings = settings or DetectionSettings()
    predict = Predictor(model.detector, pick_device(device), settings.precision)
    with ExitStack() as stack:
        phase = stack.enter_context(open_raster(phase_path))
        coherence = stack.enter_context(open_raster(coherence_path)) if coherence_path else None
        if coherence and coherence.shape != phase.shape:
            raise InputError(
                f"{coherence_path}: found {coherence.shape} pixels, expected {phase.shape} as in {phase_path}; "
                "ingest the pair again."
            )
        layout = window_layout(phase.shape, model, settings)
        probability = _sweep(phase, coherence, predict, layout, model.detector.halo, settings)
        codes = coherence.read(1) if coherence else None
        grid = grid or grid_of(phase)
    found = instance_table(probability, codes, grid, instance_settings(model, settings))
    logger.info("%s: %d basins", phase_path, len(found))
    return Detection(probability, found, grid)


def instance_settings(model: LoadedModel, settings: DetectionSettings) -> InstanceSettings:
    """Return thresholds of the settings where given, else the model's; a peak is never below its outline.

    Raises
    ------
    InputError
        If they are not probabilities or contradict each other.
    """
    spec = model.spec
    threshold = spec["threshold"] if settings.threshold is None else settings.threshold
    peak = settings.peak_threshold
    if peak is None:
        peak = max(spec.get("peak_threshold", threshold), threshold)
    smallest = spec["min_area_px"] if settings.min_area_px is None else settings.min_area_px
    try:
        return InstanceSettings(threshold, peak, smallest)
    except ValueError as error:
        raise InputError(f"model {spec['name']}: {error}; correct the detection settings.") from error


def _sweep(
    phase: rasterio.DatasetReader,
    coherence: rasterio.DatasetReader | None,
    predict: Predictor,
    layout: Layout,
    halo: int,
    settings: DetectionSettings,
) -> NDArray[np.float32]:
    """Run the network over all windows; probability (y, x) with NaN where the phase is invalid."""
    probability = np.full(phase.shape, np.nan, np.float32)
    valid = np.zeros(phase.shape, bool)

    def keep(first: int, rows: NDArray[np.float32]) -> None:
        target = probability[first : first + len(rows)]
        target[:] = rows[: len(target), : phase.width]

    blender = Blender(layout.height, layout.width, layout.size, layout.step, halo, keep)
    for row, windows in layout.rows():
        phases = _read_band(phase, row, layout)
        shares = None if coherence is None else _read_band(coherence, row, layout)
        place = valid[row : row + layout.size]
        place[:] = np.isfinite(phases[: len(place), : phase.width])
        searched = [w for w in windows if _worth_searching(w, phases, shares, settings.min_window_coherence)]
        for start in range(0, len(searched), settings.batch_size):
            batch = searched[start : start + settings.batch_size]
            for window, values in zip(batch, predict(_encoded(batch, phases, shares)), strict=True):
                blender.add(window, values)
    blender.finish()
    probability[~valid] = np.nan
    return probability


def _read_band(source: rasterio.DatasetReader, row: int, layout: Layout) -> NDArray[np.float32]:
    """Read a row of windows once, (size, width), NaN beyond the raster; coded shares are decoded."""
    band = np.full((layout.size, max(layout.width, layout.size)), np.nan, np.float32)
    rows = min(layout.size, source.height - row)
    values = source.read(1, window=Window(0, row, source.width, rows))
    band[:rows, : source.width] = decode_share(values) if values.dtype == np.uint8 else values
    return band


def _columns(window: Tile) -> slice:
    """Columns of a window within its band."""
    return slice(window.column, window.column + window.size)


def _worth_searching(
    window: Tile, phases: NDArray[np.float32], shares: NDArray[np.float32] | None, min_coherence: float
) -> bool:
    """Whether a window has any phase and, where coherence is known, enough of it."""
    if not np.isfinite(phases[:, _columns(window)]).any():
        return False
    if shares is None or min_coherence <= 0:
        return True
    known = shares[:, _columns(window)]
    known = known[np.isfinite(known)]
    return known.size == 0 or float(known.mean()) >= min_coherence


def _encoded(
    windows: Sequence[Tile], phases: NDArray[np.float32], shares: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Network input of some windows of one band, (n, 3, size, size)."""
    cut = [(phases[:, _columns(w)], None if shares is None else shares[:, _columns(w)]) for w in windows]
    return np.stack([encode(phase, share) for phase, share in cut])


def instance_table(
    probability: NDArray[np.float32], coherence: NDArray[np.uint8] | None, grid: Grid, settings: InstanceSettings
) -> gpd.GeoDataFrame:
    """Basins of a probability map as polygons, see :class:`Detection`; `coherence` is coded, 0 = unknown."""
    found = find_instances(probability, settings)
    known = np.full(len(found), np.nan)
    if coherence is not None and len(found):
        known = found.mean_of(decode_share(coherence))
    columns = {
        "score": found.score,
        "peak_probability": found.peak,
        "area_m2": found.area_px * grid.pixel_area_m2,
        "mean_coherence": known,
        "touches_edge": _touches_edge(found.labels, np.isfinite(probability), len(found)),
    }
    return gpd.GeoDataFrame(columns, geometry=polygons_of(found.labels, grid), crs=grid.crs_wkt)


def _touches_edge(labels: NDArray[np.int32], valid: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Whether each basin has a pixel beside the raster's border or missing data (8 neighbours)."""
    inner = ndimage.binary_erosion(valid, np.ones((3, 3), bool))
    touched = np.bincount(labels[~inner], minlength=count + 1)[1:]
    return touched > 0


def write_detection(
    detection: Detection, probability_path: Path, instances_path: Path, model: LoadedModel, facts: Mapping[str, Any]
) -> None:
    """Write the probability raster, then the instances as GeoParquet, each atomically.

    Parameters
    ----------
    facts
        What the detection belongs to (``stack``, ``pair``, ``date1``, ``date2``); becomes columns of
        every instance and tags of the raster, together with the model's name and the hash of its weights.
    """
    facts = dict(facts) | {"model": model.spec["name"], "weights_sha256": model.spec["weights_sha256"]}
    tags = {key.upper(): str(value) for key, value in facts.items()} | SHARE_TAGS
    codes = encode_share(detection.probability)
    write_raster(probability_path, codes, detection.grid, bands=["basin_probability"], tags=tags)
    table = detection.instances.assign(**{k: np.full(len(detection.instances), v, object) for k, v in facts.items()})
    write_geoparquet(instances_path, table)
