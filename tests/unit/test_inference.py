"""Sliced inference: the answer must not show how the raster was cut."""

import time
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import rasterio
import torch
from basinwatch.detectors.basinnet import BasinNet
from basinwatch.encoding import encode
from basinwatch.errors import InputError
from basinwatch.inference import search, windows
from basinwatch.inference.predictor import Predictor
from basinwatch.inference.windows import SearchSettings, window_layout
from basinwatch.rasters import read_raster, read_share
from basinwatch.readers import PairFiles, read_interferogram
from basinwatch.tiling import starts

from tests.conftest import DATA
from tests.unit.frames import (
    BoxDetector,
    DiscDetector,
    SineDetector,
    disc,
    find,
    model_of,
    phase_with,
    random_weights,
    write_pair,
)

EXACT = SearchSettings(window_px=96, step_px=32, precision="float32", batch_size=3)
CODE = 1 / 254


class WholeWindowDetector(SineDetector):
    free_size = False


@pytest.fixture(scope="module")
def model():
    return model_of(random_weights(BasinNet((6, 8))))


def noise(shape, seed=0):
    random = np.random.default_rng(seed)
    phase = random.uniform(-np.pi, np.pi, shape).astype(np.float32)
    phase[40:60, 10:30] = np.nan
    return phase, random.random(shape, dtype=np.float32)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("pair"), *noise((215, 187)))


def test_tiled_inference_equals_the_network_applied_once_to_the_whole(model, pair, tmp_path):
    """With an overlap of three halos no pixel may differ by more than the stored code, borders included."""
    settings = replace(EXACT, window_px=136, step_px=136 - 3 * model.detector.halo)
    phase, coherence = read_raster(pair[0]), read_share(pair[1])
    padded = np.full((216, 188), np.nan, np.float32)
    shares = padded.copy()
    padded[:215, :187], shares[:215, :187] = phase, coherence
    whole = Predictor(model.detector, torch.device("cpu"), "float32")(encode(padded, shares)[None])[0, :, :215, :187]
    found, _ = find(pair, model, settings, tmp_path)
    valid = np.isfinite(phase)
    assert whole.shape[0] == 2
    assert whole[:, valid].std() > 0.05
    np.testing.assert_allclose(found[:, valid], whole[:, valid], atol=0.5 * CODE + 1e-5)
    assert np.isnan(found[:, ~valid]).all()


def test_nothing_is_read_once_a_search_has_failed(model, pair, tmp_path, monkeypatch):
    """The next batch is being made when the detector fails: the raster stays open until it is there."""
    closed = []

    def slow_batches(phase, *rest):
        for batch in windows.batches(phase, *rest):
            time.sleep(0.2)
            closed.append(phase.closed)
            yield batch

    def fail(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(search, "batches", slow_batches)
    monkeypatch.setattr(Predictor, "_given", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        find(pair, model, EXACT, tmp_path)
    time.sleep(0.5)
    assert len(closed) > 1
    assert not any(closed)


@pytest.mark.parametrize(("window", "step"), [(64, 64), (96, 50), (120, 120), (130, 100)])
def test_interiors_do_not_depend_on_the_size_and_place_of_windows(model, pair, tmp_path, window, step):
    reference, _ = find(pair, model, replace(EXACT, window_px=1024, step_px=1024), tmp_path)
    found, _ = find(pair, model, replace(EXACT, window_px=window, step_px=step), tmp_path)
    halo = model.detector.halo
    near = np.zeros((216, 188), bool)
    near[:, 187 - halo :] = near[215 - halo :] = True
    layout = window_layout((215, 187), model, replace(EXACT, window_px=window, step_px=step))
    for axis, length in enumerate(near.shape):
        for start in starts(length, layout.size, layout.step):
            for edge in (start, start + layout.size):
                band = slice(max(edge - halo, 0), edge + halo)
                near[(band, slice(None)) if axis == 0 else (slice(None), band)] = True
    inner = ~near[:215, :187] & np.isfinite(reference[0])
    assert inner.any()
    assert np.abs(found - reference)[:, inner].max() <= CODE + 1e-6


def test_the_answer_does_not_depend_on_batch_size_or_threads(model, pair, tmp_path):
    before, maps = torch.get_num_threads(), []
    for batch, threads in ((1, 1), (3, 1), (3, 2)):
        settings = replace(EXACT, window_px=96, step_px=72, batch_size=batch)
        maps.append(find(pair, model, settings, tmp_path, threads=threads)[0])
    torch.set_num_threads(before)
    for other in maps[1:]:
        np.testing.assert_allclose(other, maps[0], atol=CODE + 1e-6)


def test_the_files_of_a_detector_of_objects_are_the_same_bytes_whatever_the_batch(tmp_path):
    inside = disc((200, 180), 60, 60, 13) | disc((200, 180), 120, 70, 20) | disc((200, 180), 160, 150, 9)
    pair, written = write_pair(tmp_path, phase_with(inside)), []
    for batch in (1, 2, 5):
        settings = SearchSettings(window_px=64, step_px=48, precision="float32", batch_size=batch)
        find(pair, model_of(DiscDetector()), settings, tmp_path)
        written.append([(tmp_path / name).read_bytes() for name in ("objects.parquet", "probability.tif")])
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize("detector", [SineDetector(), DiscDetector(), BoxDetector()])
@pytest.mark.parametrize("shape", [(20, 30), (30, 100), (100, 30), (1, 1), (1, 300), (300, 1)])
def test_rasters_smaller_than_a_window_and_single_rows_are_padded(tmp_path, shape, detector):
    found, table = find(write_pair(tmp_path, np.full(shape, 1.2, np.float32)), model_of(detector), EXACT, tmp_path)
    assert found.shape == (1, *shape)
    assert (found > 0.8).all()
    assert table.area_m2.tolist() == ([shape[0] * shape[1] * 400] if shape != (1, 1) else [])


def test_nodata_wedges_stay_without_data_and_cost_no_windows(tmp_path, caplog):
    """Frames are slanted in their grid: two corners hold nothing."""
    rows, columns = np.mgrid[:256, :256]
    phase = np.where(abs(rows - columns) < 40, 1.2, np.nan).astype(np.float32)
    pair = write_pair(tmp_path, phase)
    with caplog.at_level("INFO"):
        found, table = find(pair, model_of(SineDetector()), replace(EXACT, window_px=32), tmp_path)
    np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(phase))
    blocks = np.isfinite(phase).reshape(8, 32, 8, 32).any(axis=(1, 3)).sum()
    assert f"searched {blocks} windows" in caplog.text
    assert blocks < 40
    assert table.touches_edge.tolist() == [True]


def test_a_frame_without_any_data_gives_no_basin(tmp_path):
    pair = write_pair(tmp_path, np.full((150, 40), np.nan, np.float32))
    found, table = find(pair, model_of(SineDetector()), EXACT, tmp_path)
    assert np.isnan(found).all()
    assert len(table) == 0
    assert {"score", "peak_probability", "area_m2", "mean_coherence", "touches_edge", "geometry"} == set(table.columns)


@pytest.mark.parametrize("detector", [SineDetector(), DiscDetector()])
def test_a_basin_over_four_windows_is_one_polygon_with_its_area_and_place(tmp_path, detector):
    inside = disc((130, 140), 64, 65, 12)
    coherence = np.where(inside, 0.4, 0.8).astype(np.float32)
    settings = SearchSettings(window_px=64, step_px=56, precision="float32")
    _, table = find(write_pair(tmp_path, phase_with(inside), coherence), model_of(detector), settings, tmp_path)
    assert len(table) == 1
    basin = table.iloc[0]
    assert basin.area_m2 == inside.sum() * 400
    assert basin.geometry.area == pytest.approx(basin.area_m2)
    assert basin.mean_coherence == pytest.approx(0.4, abs=0.002)
    expected = 1 / (1 + np.exp(4 - 8 * np.sin(1.2))) if isinstance(detector, SineDetector) else 0.9
    assert (basin.score, basin.peak_probability) == pytest.approx((expected, expected), abs=0.5 * CODE + 1e-4)
    assert not basin.touches_edge
    assert (basin.geometry.centroid.x, basin.geometry.centroid.y) == pytest.approx((5e5 + 20 * 65.5, 4e6 - 20 * 64.5))
    assert table.crs.to_epsg() == 32650


@pytest.mark.parametrize("detector", [SineDetector(), DiscDetector(), BoxDetector()])
def test_a_basin_at_every_offset_to_the_windows_is_found_once_with_the_same_outline(tmp_path, detector):
    """Windows of 64 px every 48 px: 25 places of the basin pass all borders and corners."""
    settings = SearchSettings(window_px=64, step_px=48, precision="float32")
    outlines = []
    for row in range(60, 108, 10):
        for column in range(60, 108, 10):
            pair = write_pair(tmp_path, phase_with(disc((180, 180), row, column, 13)))
            _, table = find(pair, model_of(detector), settings, tmp_path)
            assert len(table) == 1, (row, column)
            outlines.append(table.translate(-20 * column, 20 * row).iloc[0])
    for outline in outlines[1:]:
        union = outline.union(outlines[0]).area
        assert outline.intersection(outlines[0]).area / union >= 0.95


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90])
@pytest.mark.parametrize("detector", [SineDetector(), DiscDetector()])
def test_a_turned_frame_gives_turned_basins(tmp_path, turn, detector):
    inside = disc((150, 190), 64, 50, 13) | disc((150, 190), 100, 131, 20) | disc((150, 190), 20, 180, 25)
    settings = SearchSettings(window_px=64, step_px=48, precision="float32")
    straight = find(write_pair(tmp_path, phase_with(inside)), model_of(detector), settings, tmp_path)
    turned = find(write_pair(tmp_path, phase_with(turn(inside))), model_of(detector), settings, tmp_path)
    assert sorted(turned[1].area_m2) == sorted(straight[1].area_m2)
    assert len(straight[1]) == 3
    np.testing.assert_array_equal(turned[0][0] > 0.5, turn(straight[0][0] > 0.5))


def test_windows_of_low_coherence_can_be_left_out(tmp_path):
    phase = np.full((64, 128), 1.2, np.float32)
    coherence = np.full((64, 128), 0.9, np.float32)
    coherence[:, :64] = 0.05
    settings = SearchSettings(window_px=64, step_px=64, min_window_coherence=0.1, precision="float32")
    for detector in (SineDetector(), DiscDetector()):
        found, _ = find(write_pair(tmp_path, phase, coherence), model_of(detector), settings, tmp_path)
        assert np.isnan(found[:, :, :64]).all()
        assert np.isfinite(found[:, :, 64:]).all()


def test_an_unknown_coherence_equals_no_coherence_file(model, tmp_path):
    phase, _ = noise((70, 70), 4)
    paths = write_pair(tmp_path, phase)
    with_file, _ = find(paths, model, EXACT, tmp_path)
    without, _ = find((paths[0], None), model, EXACT, tmp_path)
    np.testing.assert_array_equal(with_file, without)


def test_views_average_over_phase_offsets_and_mirror_images(model, pair, tmp_path):
    """What only one view says counts for its share: the sine detector finds each quarter of the cycle once."""
    wheel = np.tile(np.linspace(-np.pi, np.pi, 64, dtype=np.float32), (64, 1))
    settings = replace(EXACT, window_px=64, step_px=64, view_count=4)
    found, _ = find(write_pair(tmp_path, wheel), model_of(SineDetector()), settings, tmp_path)
    offsets = np.arange(4)[:, None, None] * np.pi / 2
    expected = (1 / (1 + np.exp(4 - 8 * np.sin(wheel + offsets)))).mean(axis=0)
    np.testing.assert_allclose(found[0], expected, atol=0.5 * CODE + 1e-4)
    one, _ = find(pair, model, EXACT, tmp_path)
    two, _ = find(pair, model, replace(EXACT, view_count=2), tmp_path)
    assert 0.01 < np.nanmean(np.abs(one - two)) < 0.5
    with pytest.raises(InputError, match="views 2, expected 1"):
        find(pair, model_of(DiscDetector()), replace(EXACT, view_count=2), tmp_path)


@pytest.mark.parametrize(("length", "size", "step"), [(8000, 960, 704), (1000, 1024, 768), (1025, 704, 448)])
def test_windows_are_as_small_as_covers_the_frame_with_as_many_of_them(length, size, step):
    """Of 1024 px every 768, 8000 px need eleven; of 960 px every 704 they are covered without a rest."""
    model = model_of(SineDetector())
    model.detector.stride = 64
    layout = window_layout((length, 300), model, SearchSettings())
    assert (layout.size, layout.step) == (size, step)
    wanted, fitted = (len(starts(layout.height, *sides)) for sides in ((1024, 768), (layout.size, layout.step)))
    assert fitted == wanted
    bound = window_layout((length, 300), model_of(WholeWindowDetector(), tile_size_px=1024), SearchSettings())
    assert (bound.size, bound.step) == (1024, 768)


def test_a_detector_bound_to_its_training_size_refuses_other_windows(pair, tmp_path):
    model = model_of(WholeWindowDetector())
    with pytest.raises(InputError, match="window_px 96, expected 64"):
        find(pair, model, EXACT, tmp_path)
    find(pair, model, replace(EXACT, window_px=64), tmp_path)


def test_rasters_that_do_not_belong_together_are_refused(pair, model, tmp_path):
    other = write_pair(tmp_path, np.zeros((20, 20), np.float32))
    with pytest.raises(InputError, match=r"found \(20, 20\) pixels, expected \(215, 187\)"):
        find((pair[0], other[1]), model, EXACT, tmp_path)


def test_the_raster_tells_what_it_belongs_to_and_the_same_search_gives_the_same_bytes(pair, model, tmp_path):
    find(pair, model, EXACT, tmp_path, facts={"stack": "mine", "pair": "20240101_20240113"})
    with rasterio.open(tmp_path / "probability.tif") as source:
        assert source.descriptions == ("basin_probability", "core_probability")
        assert source.tags()["STACK"] == "mine"
        assert source.tags()["KIND"] == "semantic"
        assert source.tags()["WEIGHTS_SHA256"] == "0" * 64
    first = (tmp_path / "probability.tif").read_bytes()
    find(pair, model, EXACT, tmp_path, facts={"stack": "mine", "pair": "20240101_20240113"})
    assert (tmp_path / "probability.tif").read_bytes() == first


REAL = {
    "licsar_galapagos/**/*geo.diff_pha.tif": 10,
    "pyrate/small_test/gamma_obs/*.unw": 17,
    "pyrate/small_test/roipac_obs/*.unw": 17,
    "pyrate/cropA/geotiffs/*_unw.tif": 30,
    "pyrate/cropB/*_ifg.tif": 1,
    "thessaly_2021/*.diff": 1,
    "mining_tiles/image/*.png": 20,
}


def real_phases(pattern):
    """Phase of every real interferogram that can be read: pictures with noise in their colours cannot.

    Of frames of more than a million pixels the middle; whole, they run through the workflow's tests.
    """
    for path in sorted(DATA.glob(pattern)):
        kind = {"kind": "unwrapped"} if "crop" in pattern else {}
        try:
            phase = read_interferogram(PairFiles(date(2020, 1, 1), date(2020, 1, 13), path, options=kind)).phase
            yield phase if phase.size < 1e6 else phase[700:1100, 800:1300]
        except InputError as error:
            if "E21" not in str(error):
                raise


@pytest.mark.skipif(not DATA.is_dir(), reason=f"real interferograms are absent: {DATA} does not exist")
@pytest.mark.parametrize("pattern", REAL)
def test_every_real_interferogram_runs_through_and_keeps_its_shape(model, tmp_path, pattern):
    count = 0
    for phase in real_phases(pattern):
        found, table = find(write_pair(tmp_path, phase), model, replace(EXACT, window_px=512, step_px=384), tmp_path)
        np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(phase))
        assert table.geometry.is_valid.all()
        count += 1
    assert count == REAL[pattern]
