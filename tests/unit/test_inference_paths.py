"""The shipped models find the same basins on every path, however the frame is cut, and however it lies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from basinwatch.compute import fast_dtype
from basinwatch.inference import search
from basinwatch.inference.predictor import Predictor
from basinwatch.inference.windows import SearchSettings
from basinwatch.models import load_model

from tests.unit.frames import find, write_pair
from tests.unit.simulated_frames import frame

MODELS = Path(__file__).parents[2] / "resources" / "models"
PIXEL_M = 20
MAPS = SearchSettings(window_px=512, step_px=384, precision="float32", batch_size=1)
BOXES = SearchSettings(window_px=256, step_px=192, precision="float32", batch_size=1)
PATHS = ["two threads", "batches of eight", "plain", "fast precision"]


class PlainPredictor(Predictor):
    """The network as its file gives it: no folding, channels first, float32."""

    def __init__(self, detector, device, precision="auto"):
        self.device, self.dtype, self.network = device, torch.float32, detector

    def _given(self, channels):
        return torch.as_tensor(channels).float().contiguous()


@pytest.fixture(scope="module")
def shown():
    return frame(3, 4)


@pytest.fixture(scope="module", params=["basinnet", "light-box"])
def reference(request, shown, tmp_path_factory):
    """Model, settings and what one thread finds in float32, window by window."""
    model, settings = load_model(MODELS / request.param), MAPS if request.param == "basinnet" else BOXES
    return model, settings, found(shown, model, settings, tmp_path_factory.mktemp("reference"), threads=1)[1]


def found(pair, model, settings, folder, **options):
    """Maps and basins; of the maps also basins of low peaks, so that there are more."""
    wanted = {"peak_threshold": 0.5} if model.detector.kind == "semantic" else {}
    before = torch.get_num_threads()
    result = find(write_pair(folder, *pair), model, settings, folder, wanted, **options)
    torch.set_num_threads(before)
    return result


@pytest.mark.parametrize("path", PATHS)
def test_every_path_finds_the_same_basins(reference, shown, tmp_path, monkeypatch, path):
    """Outlines of maps follow pixels: there, bfloat16 may move single sides by one pixel."""
    if path == "fast precision" and fast_dtype(torch.device("cpu")) == torch.float32:
        pytest.skip("this processor has no bfloat16, so that its fast precision is float32")
    model, settings, expected = reference
    settings = replace(settings, batch_size=8 if path == "batches of eight" else 1)
    settings = replace(settings, precision="auto" if path == "fast precision" else "float32")
    if path == "plain":
        monkeypatch.setattr(search, "Predictor", PlainPredictor)
    _, table = found(shown, model, settings, tmp_path, threads=2 if path == "two threads" else 1)
    assert len(table) == len(expected) > 5
    if model.detector.kind == "instance":
        order = [np.lexsort(one.bounds.to_numpy().round(-1).T) for one in (table, expected)]
        table, expected = (one.iloc[rows] for one, rows in zip((table, expected), order, strict=True))
    moved_px = np.abs(table.bounds.to_numpy() - expected.bounds.to_numpy()) / PIXEL_M
    np.testing.assert_allclose(table.score.to_numpy(), expected.score.to_numpy(), atol=0.02)
    if path == "fast precision" and model.detector.kind == "semantic":
        assert moved_px.max() <= 1
        assert (moved_px > 0.5).mean() < 0.1
    else:
        assert moved_px.max() <= 0.5


@pytest.fixture(scope="module")
def network():
    return load_model(MODELS / "basinnet")


@pytest.mark.parametrize(("window", "step", "bound", "beyond"), [(1024, 768, 0.012, 0), (512, 384, 0.02, 5e-3)])
def test_probabilities_depend_on_the_size_and_place_of_windows_by_no_more_than_stated(
    network, tmp_path, window, step, bound, beyond
):
    """As config/README.md states: 160 pixels from the frame's border, with the default grid by three stored steps."""
    pair = frame(4, 6 if window == 1024 else 3)
    whole = SearchSettings(window_px=2048, step_px=2048, precision="float32")
    expected, _ = found(pair, network, whole, tmp_path)
    maps, _ = found(pair, network, replace(MAPS, window_px=window, step_px=step), tmp_path)
    inner = np.s_[:, 160:-160, 160:-160]
    assert np.nanmean(np.abs(maps - expected)[inner] > bound) <= beyond
    assert np.nanmax(expected[0][inner[1:]]) > 0.9


def test_basins_at_any_place_relative_to_the_windows_are_found_once_with_the_same_outline(network, shown, tmp_path):
    """The frame begins elsewhere by up to half a step, so that basins pass borders and corners of windows."""
    settings, margin = replace(MAPS, step_px=256), 290 * PIXEL_M
    tables = []
    for cut in (0, 64, 128):
        _, table = found([layer[cut:, cut:] for layer in shown], network, settings, tmp_path)
        placed = table.translate(PIXEL_M * cut, -PIXEL_M * cut)
        tables.append(placed.cx[5e5 + margin :, : 4e6 - margin])
    assert len(tables[0]) >= 4
    for shapes in tables[1:]:
        assert len(shapes) == len(tables[0])
        for one in shapes:
            shared = max(one.intersection(other).area / one.union(other).area for other in tables[0])
            assert shared >= 0.95


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90])
def test_a_turned_frame_gives_turned_basins_as_far_as_the_network_has_learnt_to(network, shown, tmp_path, turn):
    straight, basins = found(shown, network, MAPS, tmp_path)
    turned, others = found([np.ascontiguousarray(turn(layer)) for layer in shown], network, MAPS, tmp_path)
    inside, expected = turned[0] >= 0.3, turn(straight[0]) >= 0.3
    assert (inside & expected).sum() / (inside | expected).sum() > 0.75
    assert abs(len(others) - len(basins)) <= 0.15 * len(basins)
    assert np.nanmean(np.abs(turned[0] - turn(straight[0]))) < 0.005


@pytest.mark.parametrize("shape", [(512, 512), (512, 1024), (1024, 1024)])
def test_the_work_grows_with_the_pixels(network, tmp_path, caplog, shape):
    """Windows without overlap are as many as blocks; with it, at most what the overlap costs."""
    phase = np.zeros(shape, np.float32)
    with caplog.at_level("INFO"):
        found((phase, None), network, replace(MAPS, window_px=256, step_px=256), tmp_path)
    assert f"searched {phase.size // 256**2} windows" in caplog.text
