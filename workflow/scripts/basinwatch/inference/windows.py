"""Windows over an interferogram, read row by row of windows and encoded for the network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from basinwatch.detectors import Detector
from basinwatch.encoding import channels, encode, is_picture
from basinwatch.errors import InputError
from basinwatch.inference.views import views
from basinwatch.models import LoadedModel
from basinwatch.rasters import decode_share
from basinwatch.tiling import Tile, tiles

_ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class SearchSettings:
    """How an interferogram is searched.

    Parameters
    ----------
    window_px, step_px
        Side and spacing of the windows; rounded to the detector's stride (side up, spacing down). Both are made smaller
        by as much as the frame allows with as many windows, where the detector takes windows of any size.
    batch_size
        Windows per pass of the network; does not change the result. On a CPU one window of this size at a time is
        fastest, because more of what lies between the layers stays in the cache.
    min_window_coherence
        Windows of a lower mean coherence are not searched and stay without data.
    precision
        ``auto`` (bfloat16 where the hardware has it) or ``float32``.
    view_count
        Over how many views of each window probabilities are averaged, see :mod:`basinwatch.inference.views`.
    """

    window_px: int = 1024
    step_px: int = 768
    batch_size: int = 1
    min_window_coherence: float = 0.0
    precision: str = "auto"
    view_count: int = 1


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


def window_layout(shape: tuple[int, int], model: LoadedModel, settings: SearchSettings) -> Layout:
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
    step = max(settings.step_px // stride * stride, stride)
    if detector.free_size:
        overlap = size - step
        size = max(_fitted(length, size, step, stride) for length in (height, width))
        step = max(size - overlap, stride)
    return Layout(height, width, size, step)


def _fitted(length: int, size: int, step: int, stride: int) -> int:
    """Smallest side of windows of which as many cover a length as of the given ones, with the same overlap.

    Else the last window of each row and column would mostly repeat what the one before it saw.
    """
    count = max(math.ceil((length - size) / step), 0) + 1
    return math.ceil((length + (count - 1) * (size - step)) / (count * stride)) * stride


@dataclass(frozen=True)
class Batch:
    """Windows of one row of windows, ready for the network.

    Parameters
    ----------
    row
        First pixel row.
    valid
        bool (size, width) of the whole row of windows: where there is phase.
    windows
        May be none: then nothing more in the row is worth searching.
    channels
        (windows · views, channels, size, size) in the network's precision, the views of a window one after the other.
    """

    row: int
    valid: NDArray[np.bool_]
    windows: Sequence[Tile]
    channels: Tensor


class EncodedRows:
    """One row of windows of an interferogram, read and encoded once; the next row keeps what both share.

    Parameters
    ----------
    phase, coherence
        Open rasters; coherence may be None. A picture of any bands may take the place of the phase.
    encoding
        Name of the encoding.
    dtype
        Precision of the encoded channels.
    """

    def __init__(
        self,
        phase: rasterio.DatasetReader,
        coherence: rasterio.DatasetReader | None,
        layout: Layout,
        encoding: str,
        settings: SearchSettings,
        dtype: torch.dtype,
    ) -> None:
        self._phase, self._coherence, self._encoding = phase, coherence, encoding
        self._min_coherence, self._views = settings.min_window_coherence, views(settings.view_count)
        shape = layout.size, max(layout.width, layout.size)
        self.row, self.size, self._end = 0, layout.size, 0
        self.valid = np.zeros(shape, bool)
        self._shares = np.full(shape if coherence and self._min_coherence > 0 else (layout.size, 0), np.nan, np.float32)
        self._channels = [torch.zeros((*shape, channels(encoding)), dtype=dtype) for _ in self._views]

    def advance(self, row: int) -> None:
        """Go on to the row of windows that begins at pixel row `row`."""
        kept = max(self._end - row, 0)
        # Batches of the row before may still be in use, so this array is made anew.
        self.valid = np.concatenate([self.valid[self.size - kept :], np.zeros_like(self.valid[kept:])])
        self._shares[:kept] = self._shares[self.size - kept :].copy()
        for channel in self._channels:
            channel[:kept] = channel[self.size - kept :].clone()
        for first in range(row + kept, row + self.size, _ROWS_AT_ONCE):
            self._read(first, slice(first - row, min(first - row + _ROWS_AT_ONCE, self.size)))
        self.row, self._end = row, row + self.size

    def _read(self, first: int, place: slice) -> None:
        """Read and encode a few rows of the rasters from `first` on; beyond the raster there is no data."""
        count = max(min(place.stop - place.start, self._phase.height - first), 0)
        rows, beyond = slice(place.start, place.start + count), slice(place.start + count, place.stop)
        self._shares[beyond] = math.nan
        for channel in self._channels:
            channel[beyond] = 0
        if count:
            window = Window(0, first, self._phase.width, count)
            shares = None if self._coherence is None else _values(self._coherence, window)[0]
            self._encode(_values(self._phase, window), shares, rows)

    def _encode(self, bands: NDArray[np.float32], shares: NDArray[np.float32] | None, rows: slice) -> None:
        """Encode some rows, as wide as the raster."""
        place = rows, slice(0, bands.shape[-1])
        self.valid[place] = np.isfinite(bands).all(axis=0)
        if self._shares.size and shares is not None:
            self._shares[place] = shares
        phase = bands if is_picture(self._encoding) else bands[0]
        for view, channel in zip(self._views, self._channels, strict=True):
            offset_rad = 0.0 if is_picture(self._encoding) else view.offset_rad
            encoded = encode(phase + np.float32(offset_rad) if offset_rad else phase, shares, self._encoding)
            # Rounding comes first: it halves what the change of layout has to move.
            channel[place] = torch.from_numpy(encoded).to(channel.dtype).permute(1, 2, 0)

    def is_worth_searching(self, window: Tile) -> bool:
        """Whether a window has any phase and, where coherence is known, enough of it."""
        columns = slice(window.column, window.column + window.size)
        if not self.valid[:, columns].any():
            return False
        known = self._shares[:, columns]
        known = known[np.isfinite(known)]
        return known.size == 0 or float(known.mean()) >= self._min_coherence

    def batch(self, windows: Sequence[Tile]) -> Batch:
        """Cut windows out of this row."""
        shown = [
            view.mirrored(channel[:, window.column : window.column + window.size])
            for window in windows
            for view, channel in zip(self._views, self._channels, strict=True)
        ]
        nothing = torch.zeros((0, self.size, self.size, self._channels[0].shape[-1]))
        stacked = torch.stack(shown) if shown else nothing
        return Batch(self.row, self.valid, windows, stacked.permute(0, 3, 1, 2))


def _values(source: rasterio.DatasetReader, window: Window) -> NDArray[np.float32]:
    """Read all bands of a window; coded shares are decoded."""
    values = source.read(window=window)
    return decode_share(values) if values.dtype == np.uint8 else np.asarray(values, np.float32)


def batches(
    phase: rasterio.DatasetReader,
    coherence: rasterio.DatasetReader | None,
    layout: Layout,
    detector: Detector,
    settings: SearchSettings,
    dtype: torch.dtype = torch.float32,
) -> Iterator[Batch]:
    """Read an interferogram from top to bottom, everything once; at least one batch per row of windows."""
    rows = EncodedRows(phase, coherence, layout, detector.encoding, settings, dtype)
    for row, windows in layout.rows():
        rows.advance(row)
        searched = [window for window in windows if rows.is_worth_searching(window)]
        for start in range(0, max(len(searched), 1), settings.batch_size):
            yield rows.batch(searched[start : start + settings.batch_size])
