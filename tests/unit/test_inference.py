"""Sliced inference: the answer must not show how the raster was cut."""

from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import torch
from affine import Affine
from basinwatch.detectors import Detector
from basinwatch.detectors.basinnet import BasinNet
from basinwatch.encoding import encode
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.inference import (
    Detection,
    DetectionSettings,
    Predictor,
    detect,
    fold_normalisation,
    instance_table,
    write_detection,
)
from basinwatch.instances import InstanceSettings
from basinwatch.interferogram import Interferogram, write_interferogram
from basinwatch.models import LoadedModel
from basinwatch.rasters import encode_share, read_raster, read_share

EXACT = DetectionSettings(window_px=96, step_px=32, precision="float32", batch_size=3)


class SineDetector(Detector):
    """Logit 8 · sin φ − 4: basins where sin φ > 1/2, whatever the neighbours."""

    stride, halo = 4, 0

    def forward(self, x):
        return 8 * x[:, :1] - 4


class WholeWindowDetector(SineDetector):
    free_size = False


def model_of(detector, **fields):
    spec = {"name": "test", "tile_size_px": 64, "threshold": 0.5, "min_area_px": 12, "weights_sha256": "0" * 64}
    return LoadedModel(detector.eval(), spec | fields)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(2)
    net = BasinNet((6, 8))
    with torch.no_grad():
        net.head.weight.normal_()
        net.head.bias.zero_()
        for _ in range(4):
            net(torch.randn(4, 3, 32, 32))
    return model_of(net)


def write_pair(folder, phase, coherence=None):
    grid = Grid.from_map(phase.shape[1], phase.shape[0], Affine(20, 0, 5e5, 0, -20, 4e6), "EPSG:32650")
    pair = Interferogram(phase, coherence, grid, date(2024, 1, 1), date(2024, 1, 13))
    paths = folder / "phase.tif", folder / "coherence.tif"
    write_interferogram(pair, *paths, folder / "meta.json")
    return paths


def noise(shape, seed=0):
    random = np.random.default_rng(seed)
    phase = random.uniform(-np.pi, np.pi, shape).astype(np.float32)
    phase[40:60, 10:30] = np.nan
    return phase, random.random(shape, dtype=np.float32)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair"), *noise((215, 187)))


def test_folding_normalisation_into_convolutions_changes_nothing(model):
    x = torch.randn(2, 3, 64, 64)
    folded = fold_normalisation(model.detector)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(x), model.detector(x), atol=1e-4, rtol=1e-4)


def test_tiled_inference_equals_the_network_applied_once_to_the_whole(model, pair):
    """With an overlap of three halos no pixel may differ, borders of the raster included."""
    settings = replace(EXACT, window_px=136, step_px=136 - 3 * model.detector.halo)
    phase, coherence = read_raster(pair[0]), read_share(pair[1])
    padded = np.full((216, 188), np.nan, np.float32)
    shares = padded.copy()
    padded[:215, :187], shares[:215, :187] = phase, coherence
    whole = Predictor(model.detector, torch.device("cpu"), "float32")(encode(padded, shares)[None])[0, :215, :187]
    found = detect(*pair, model, settings, device="cpu").probability
    valid = np.isfinite(phase)
    assert whole[valid].std() > 0.05
    np.testing.assert_allclose(found[valid], whole[valid], atol=1e-5)
    assert np.isnan(found[~valid]).all()


@pytest.mark.parametrize(("window", "step"), [(64, 64), (96, 50), (120, 120), (130, 100)])
def test_interiors_do_not_depend_on_the_size_and_place_of_windows(model, pair, window, step):
    reference = detect(*pair, model, replace(EXACT, window_px=1024, step_px=1024), device="cpu").probability
    found = detect(*pair, model, replace(EXACT, window_px=window, step_px=step), device="cpu").probability
    stride, halo = model.detector.stride, model.detector.halo
    near = np.zeros((216, 188), bool)
    near[:, 187 - halo :] = near[215 - halo :] = True
    size, spacing = min(window, 216), min(step, 216) // stride * stride
    for axis, length in enumerate(near.shape):
        for start in [*range(0, max(length - size, 0), spacing), max(length - size, 0)]:
            for edge in (start, start + size):
                band = slice(max(edge - halo, 0), edge + halo)
                near[(band, slice(None)) if axis == 0 else (slice(None), band)] = True
    inner = ~near[:215, :187] & np.isfinite(reference)
    assert inner.any()
    assert np.abs(found - reference)[inner].max() < 1e-4


def test_the_answer_does_not_depend_on_batch_size_or_threads(model, pair):
    before, maps = torch.get_num_threads(), []
    for batch, threads in ((1, 1), (3, 1), (3, 2)):
        settings = replace(EXACT, window_px=96, step_px=72, batch_size=batch)
        maps.append(detect(*pair, model, settings, device="cpu", threads=threads).probability)
    torch.set_num_threads(before)
    for other in maps[1:]:
        np.testing.assert_allclose(other, maps[0], atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 30), (30, 100), (100, 30), (1, 1)])
def test_rasters_smaller_than_a_window_are_padded(model, tmp_path, shape):
    phase = np.ones(shape, np.float32)
    found = detect(*write_pair(tmp_path, phase), model, EXACT, device="cpu")
    assert found.probability.shape == shape
    assert np.isfinite(found.probability).all()


def disc(shape, row, column, radius):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_a_basin_over_four_windows_is_one_polygon_with_its_area_and_place(tmp_path):
    inside = disc((130, 140), 64, 65, 12)
    phase = np.where(inside, 1.2, -0.3).astype(np.float32)
    coherence = np.where(inside, 0.4, 0.8).astype(np.float32)
    settings = DetectionSettings(window_px=64, step_px=64, precision="float32")
    table = detect(*write_pair(tmp_path, phase, coherence), model_of(SineDetector()), settings, device="cpu").instances
    assert len(table) == 1
    basin = table.iloc[0]
    assert basin.area_m2 == inside.sum() * 400
    assert basin.geometry.area == pytest.approx(basin.area_m2)
    assert basin.mean_coherence == pytest.approx(0.4, abs=0.002)
    expected = 1 / (1 + np.exp(4 - 8 * np.sin(1.2)))
    assert (basin.score, basin.peak_probability) == pytest.approx((expected, expected), abs=1e-3)
    assert not basin.touches_edge
    assert (basin.geometry.centroid.x, basin.geometry.centroid.y) == pytest.approx((5e5 + 20 * 65.5, 4e6 - 20 * 64.5))
    assert table.crs.to_epsg() == 32650


def test_basins_at_the_border_of_the_data_are_marked():
    probability = np.full((60, 60), 0.1, np.float32)
    probability[10:16, 0:6] = probability[30:36, 20:26] = probability[50:56, 30:36] = 0.9
    probability[36, 26] = np.nan
    grid = Grid(60, 60, None, None, (5.0, 14.0))
    table = instance_table(probability, None, grid, InstanceSettings())
    assert table.touches_edge.tolist() == [True, True, False]
    assert table.area_m2.tolist() == [36 * 70] * 3
    assert table.mean_coherence.isna().all()
    assert table.crs is None
    assert table.geometry[2].bounds == (30, 50, 36, 56)


def test_windows_of_low_coherence_can_be_left_out(tmp_path):
    phase = np.full((64, 128), 1.2, np.float32)
    coherence = np.full((64, 128), 0.9, np.float32)
    coherence[:, :64] = 0.05
    paths = write_pair(tmp_path, phase, coherence)
    settings = DetectionSettings(window_px=64, step_px=64, min_window_coherence=0.1, precision="float32")
    found = detect(*paths, model_of(SineDetector()), settings, device="cpu")
    assert np.isnan(found.probability[:, :64]).all()
    assert np.isfinite(found.probability[:, 64:]).all()


def test_an_unknown_coherence_equals_no_coherence_file(model, tmp_path):
    phase, _ = noise((70, 70), 4)
    paths = write_pair(tmp_path, phase)
    with_file = detect(*paths, model, EXACT, device="cpu")
    without = detect(paths[0], None, model, EXACT, device="cpu")
    np.testing.assert_array_equal(with_file.probability, without.probability)


def test_settings_overrule_the_thresholds_of_the_model(tmp_path):
    phase = np.full((64, 64), -1.0, np.float32)
    phase[10:20, 10:20], phase[40:50, 40:50] = 0.6, 1.5
    paths = write_pair(tmp_path, phase)
    strict = model_of(SineDetector(), peak_threshold=0.9)
    assert len(detect(*paths, strict, EXACT, device="cpu").instances) == 1
    assert len(detect(*paths, strict, replace(EXACT, peak_threshold=0.5), device="cpu").instances) == 2
    assert len(detect(*paths, strict, replace(EXACT, min_area_px=101), device="cpu").instances) == 0
    with pytest.raises(InputError, match="outline <= peak"):
        detect(*paths, strict, replace(EXACT, threshold=0.8, peak_threshold=0.5), device="cpu")


def test_a_detector_bound_to_its_training_size_refuses_other_windows(pair):
    model = model_of(WholeWindowDetector())
    with pytest.raises(InputError, match="window_px 96, expected 64"):
        detect(*pair, model, EXACT, device="cpu")
    detect(*pair, model, replace(EXACT, window_px=64), device="cpu")


def test_rasters_that_do_not_belong_together_are_refused(pair, model, tmp_path):
    other = write_pair(tmp_path, np.zeros((20, 20), np.float32))
    with pytest.raises(InputError, match=r"found \(20, 20\) pixels, expected \(215, 187\)"):
        detect(pair[0], other[1], model, EXACT, device="cpu")


@pytest.mark.parametrize("count", [0, 2])
def test_written_detections_carry_pair_and_model_and_read_back(tmp_path, count):
    probability = np.full((40, 50), 0.2, np.float32)
    probability[0, 0] = np.nan
    for number in range(count):
        probability[10:20, 20 * number + 3 : 20 * number + 13] = 0.8
    grid = Grid.from_map(50, 40, Affine(20, 0, 5e5, 0, -20, 4e6), "EPSG:32650")
    detection = Detection(probability, instance_table(probability, None, grid, InstanceSettings()), grid)
    facts = {"stack": "mine", "pair": "20240101_20240113", "date1": "2024-01-01", "date2": "2024-01-13"}
    raster, vectors = tmp_path / "probability.tif", tmp_path / "instances.parquet"
    write_detection(detection, raster, vectors, model_of(SineDetector()), facts)
    np.testing.assert_array_equal(read_raster(raster), encode_share(probability))
    np.testing.assert_allclose(read_share(raster), probability, atol=0.5 / 254 + 1e-6)
    table = gpd.read_parquet(vectors)
    assert len(table) == count
    expected = {"score", "peak_probability", "area_m2", "mean_coherence", "touches_edge", "geometry"}
    assert set(table.columns) == expected | set(facts) | {"model", "weights_sha256"}
    if count:
        assert table.pair.tolist() == [facts["pair"]] * 2
        assert table.model.tolist() == ["test"] * 2
    first = vectors.read_bytes()
    write_detection(detection, raster, vectors, model_of(SineDetector()), facts)
    assert vectors.read_bytes() == first
