"""Search an interferogram for basins: windows, network, and maps or objects of the whole frame in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio import DatasetReader
from rasterio.io import DatasetWriter

from basinwatch.compute import pick_device, prepare_cpu
from basinwatch.detectors import Detector, SemanticDetector
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.inference.collectors import MapCollector, ObjectCollector
from basinwatch.inference.placed_objects import WriteObjects, objects_writer
from basinwatch.inference.predictor import Predictor
from basinwatch.inference.windows import Batch, Layout, SearchSettings, batches, window_layout
from basinwatch.models import LoadedModel
from basinwatch.prefetching import one_ahead
from basinwatch.raster_rows import RowWriter, bounded_cache
from basinwatch.rasters import SHARE_TAGS, create_raster, encode_share, grid_of, open_raster

logger = logging.getLogger(__name__)
BANDS = ("basin_probability", "core_probability")


def search(
    phase_path: Path,
    coherence_path: Path | None,
    model: LoadedModel,
    settings: SearchSettings,
    *,
    probability: Path,
    objects: Path,
    grid: Grid | None = None,
    facts: Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Let a detector look at one interferogram, and write what it says; which basins that makes is decided elsewhere.

    A thread reads and encodes ahead of the network. Memory grows with the frame's width times a window's side.

    Parameters
    ----------
    phase_path
        Wrapped phase in radians, NaN = no data, positive away from the satellite; or a picture, its bands coded as
        shares, for models whose encoding takes one.
    coherence_path
        Coherence as coded by :func:`basinwatch.rasters.encode_share`; None when unknown.
    probability
        GeoTIFF to write: bands `BANDS` as far as the detector gives them, coded shares, 0 where there is no phase or
        nothing was searched. Of instance detectors the highest score of the objects that cover a pixel.
    objects
        Parquet to write: the objects of every window (none from semantic detectors).
    grid
        Grid of the pair; needed in radar geometry, where the rasters cannot tell the spacing.
    facts
        What the search belongs to; becomes tags of the raster, beside kind, name and hash of the model.

    Raises
    ------
    InputError
        If a raster cannot be read, the two differ in size, or windows or views do not suit the model.
    """
    prepare_cpu(threads)
    predict = Predictor(model.detector, pick_device(device), settings.precision)
    with bounded_cache(), _opened(phase_path, coherence_path) as (phase, coherence), objects_writer(objects) as keep:
        layout = window_layout(phase.shape, model, settings)
        with _created(probability, grid or grid_of(phase), model, facts or {}) as target:
            output = _Output(RowWriter(target), phase.shape)
            collector = _collector(model.detector, predict, layout, output, keep, settings)
            windows = batches(phase, coherence, layout, model.detector, settings, predict.dtype)
            with closing(one_ahead(windows)) as ahead:
                searched = _gather(ahead, collector, output)
    logger.info("%s: searched %d windows of %d px", phase_path, searched, layout.size)


def _gather(windows: Iterable[Batch], collector: MapCollector | ObjectCollector, output: _Output) -> int:
    """Let the detector look at all windows and hand everything over; how many there were."""
    searched = 0
    for batch in windows:
        collector.advance(batch.row)
        output.batch = batch
        if batch.windows:
            collector.add(batch)
        searched += len(batch.windows)
    collector.finish()
    return searched


@contextmanager
def _opened(phase_path: Path, coherence_path: Path | None) -> Iterator[tuple[DatasetReader, DatasetReader | None]]:
    """Open the rasters of a pair, which must be of one size."""
    with ExitStack() as stack:
        phase = stack.enter_context(open_raster(phase_path))
        coherence = stack.enter_context(open_raster(coherence_path)) if coherence_path else None
        if coherence and coherence.shape != phase.shape:
            raise InputError(
                f"{coherence_path}: found {coherence.shape} pixels, expected {phase.shape} as in {phase_path}; "
                "ingest the pair again."
            )
        yield phase, coherence


def _created(
    path: Path, grid: Grid, model: LoadedModel, facts: Mapping[str, Any]
) -> AbstractContextManager[DatasetWriter]:
    """Create the raster of what the detector says."""
    maps = model.detector.maps if isinstance(model.detector, SemanticDetector) else 1
    return create_raster(path, grid, "uint8", bands=BANDS[:maps], tags=_tags(model, facts))


def _tags(model: LoadedModel, facts: Mapping[str, Any]) -> dict[str, str]:
    """Tags of the probability raster."""
    known = dict(facts) | {
        "kind": model.detector.kind,
        "model": model.spec["name"],
        "weights_sha256": model.spec["weights_sha256"],
    }
    return {key.upper(): str(value) for key, value in known.items()} | SHARE_TAGS


def _collector(
    detector: Detector,
    predict: Predictor,
    layout: Layout,
    output: _Output,
    keep: WriteObjects,
    settings: SearchSettings,
) -> MapCollector | ObjectCollector:
    """Choose what gathers the answers of a kind of detector."""
    if isinstance(detector, SemanticDetector):
        return MapCollector(detector, predict, layout, output.leave, settings.view_count)
    if settings.view_count > 1:
        raise InputError(
            f"detection: found views {settings.view_count}, expected 1 with a detector of objects, whose answers have "
            "no mean; correct the setting."
        )
    return ObjectCollector(predict, layout, output.shape, output.leave, keep)


@dataclass
class _Output:
    """Cuts finished rows to the raster, takes away what has no phase, and codes them.

    Parameters
    ----------
    batch
        Of the row of windows that the next rows to leave belong to.
    """

    writer: RowWriter
    shape: tuple[int, int]
    batch: Batch = field(init=False)

    def leave(self, first: int, rows: NDArray[np.float32]) -> None:
        """Write finished rows (maps, n, width)."""
        count, width = min(rows.shape[1], max(self.shape[0] - first, 0)), self.shape[1]
        start = first - self.batch.row
        known = self.batch.valid[start : start + count, :width]
        self.writer.add(encode_share(rows[:, :count, :width]) * known)
