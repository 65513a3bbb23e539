"""Frames, detectors and models that tests of sliced inference share."""

from datetime import date
from pathlib import Path

import numpy as np
import torch
from affine import Affine
from basinwatch.detectors import InstanceDetector, Objects, SemanticDetector
from basinwatch.grid import Grid
from basinwatch.inference.forming import form_basins, instance_settings
from basinwatch.inference.search import search
from basinwatch.interferogram import Interferogram, write_interferogram
from basinwatch.models import LoadedModel
from basinwatch.rasters import open_raster
from scipy import ndimage

DISC_PHASE = 1.2


class SineDetector(SemanticDetector):
    """Logit 8 · sin φ − 4: basins where sin φ > 1/2, whatever the neighbours."""

    stride, halo = 4, 0

    def forward(self, x):
        return 8 * x[:, :1] - 4


class DiscDetector(InstanceDetector):
    """Every connected region of sin φ > 1/2 in a tile is an object of score 0.9; of those of the right half 0.8."""

    stride, halo, with_masks = 4, 0, True

    def predict(self, x):
        return [self._objects(np.asarray(tile[0].float()) > 0.5) for tile in x]

    def _objects(self, inside):
        labels, _ = ndimage.label(inside, np.ones((3, 3)))
        places = ndimage.find_objects(labels)
        boxes = np.array([(c.start, r.start, c.stop, r.stop) for r, c in places], np.float32).reshape(-1, 4)
        scores = np.where(boxes[:, 0] > inside.shape[1] / 2, 0.8, 0.9).astype(np.float32)
        masks = [labels[place] == number for number, place in enumerate(places, 1)]
        return Objects(boxes, scores, masks if self.with_masks else None)


class BoxDetector(DiscDetector):
    with_masks = False


def model_of(detector, **fields):
    """Model around a detector."""
    spec = {"name": "test", "tile_size_px": 64, "threshold": 0.5, "min_area_px": 12, "weights_sha256": "0" * 64}
    return LoadedModel(detector.eval(), spec | fields)


def random_weights(detector, seed=2):
    """Give a semantic detector weights that make it answer with something."""
    torch.manual_seed(seed)
    with torch.no_grad():
        detector.head.weight.normal_()
        detector.head.bias.zero_()
        for _ in range(4):
            detector(torch.randn(4, 3, 32, 32))
    return detector


def write_pair(folder, phase, coherence=None):
    """Write a pair as the workflow does; paths of phase and coherence."""
    grid = Grid.from_map(phase.shape[1], phase.shape[0], Affine(20, 0, 5e5, 0, -20, 4e6), "EPSG:32650")
    pair = Interferogram(phase, coherence, grid, date(2024, 1, 1), date(2024, 1, 13))
    paths = folder / "phase.tif", folder / "coherence.tif"
    write_interferogram(pair, *paths, folder / "meta.json")
    return paths


def find(pair, model, settings, folder: Path, wanted=None, **options):
    """Search a pair and form its basins; maps (maps, y, x) as stored and the table of basins."""
    probability, objects = folder / "probability.tif", folder / "objects.parquet"
    search(*pair, model, settings, probability=probability, objects=objects, device="cpu", **options)
    with open_raster(probability) as source:
        codes = source.read().astype(np.float32)
        grid = Grid.from_map(source.width, source.height, source.transform, source.crs)
    maps = np.where(codes == 0, np.nan, (codes - 1) / 254)
    return maps, form_basins(probability, objects, pair[1], grid, instance_settings(model.spec, wanted or {}))


def disc(shape, row, column, radius):
    """Pixels of a disc."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def phase_with(inside):
    """Phase that the detectors above find `inside` in."""
    return np.where(inside, DISC_PHASE, -0.3).astype(np.float32)
