"""A model searches simulated tiles in memory as it searches an interferogram on disk."""

import numpy as np
import pytest
import torch
from basinwatch.datasets.tiles import LabelledTile
from basinwatch.detectors.basinnet import BasinNet
from basinwatch.encoding import encode
from basinwatch.errors import InputError
from basinwatch.experiments.search import search_with
from basinwatch.inference.instances import InstanceSettings, find_instances
from basinwatch.inference.predictor import Predictor
from basinwatch.models import LoadedModel

from tests.unit.frames import DiscDetector, SineDetector

OWN = {"threshold": None, "peak_threshold": None, "min_area_px": None}


class WholeWindowDetector(SineDetector):
    free_size = False


def _model(detector):
    spec = {"name": "test", "tile_size_px": 64, "threshold": 0.5, "peak_threshold": 0.9, "min_area_px": 12}
    return LoadedModel(detector.eval(), spec)


def _tile(shape=(100, 90)):
    """A disc of radius 10 and a dot of four pixels at φ = π/2, and a hole without phase beside the disc."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    phase = np.where(np.hypot(y - 40, x - 50) <= 10, np.pi / 2, 0).astype(np.float32)
    phase[5:7, 5:7] = np.pi / 2
    phase[38:42, 55:70] = np.nan
    return LabelledTile(1, phase, None, [], "test")


@pytest.mark.parametrize("detector", [SineDetector(), WholeWindowDetector()])
def test_what_is_found_does_not_depend_on_whether_the_model_needs_its_own_window(detector):
    tile = _tile()
    found = search_with(_model(detector), OWN)(tile)
    np.testing.assert_array_equal(found.labels > 0, (tile.phase > 1) & (np.arange(100)[:, None] > 10))
    assert len(found) == 1


def test_thresholds_of_the_configuration_replace_the_models():
    assert len(search_with(_model(SineDetector()), OWN | {"min_area_px": 4})(_tile())) == 2
    assert len(search_with(_model(SineDetector()), OWN | {"peak_threshold": 0.99})(_tile())) == 0


def test_a_model_that_gives_objects_is_refused():
    with pytest.raises(InputError, match="found a detector of objects, expected one of maps"):
        search_with(_model(DiscDetector()), OWN)


def test_one_window_gives_what_the_network_gives():
    torch.manual_seed(1)
    network = BasinNet((6, 8))
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    model, phase = _model(network), np.random.default_rng(1).uniform(-3, 3, (64, 64)).astype(np.float32)
    coherence = np.full((64, 64), 0.5, np.float32)
    rule = InstanceSettings(0.5, 0.5, 1)
    thresholds = {"threshold": 0.5, "peak_threshold": 0.5, "min_area_px": 1}
    direct = Predictor(model.detector, torch.device("cpu"), "float32")(encode(phase, coherence)[None])[0]
    found = search_with(model, thresholds)(LabelledTile(1, phase, coherence, [], "test"))
    np.testing.assert_array_equal(found.labels, find_instances(direct, rule).labels)
    assert len(found) > 0
