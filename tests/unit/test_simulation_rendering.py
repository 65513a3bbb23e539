"""Drawing and rendering: determinism, independence of components, geometry of a tile, shards."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from basinwatch.datasets.tiles import read_shard
from basinwatch.simulation import coherence, confounders, labels, rendering
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing
from basinwatch.simulation.recipes import RECIPES, read_settings
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard
from scipy import fft

SMALL = Settings(tile_size_px=96)


def _custom(**sections):
    return read_settings({"recipe": "custom", "tile_size_px": 96} | sections)


QUIET = {
    "atmosphere": {"delay_mm": 0.2, "strong_share": 0, "stratified_share": 0, "ramp_fringes": 0},
    "confounders": {"share": 0, "hard_empty_share": 0},
    "coherence": {"factor": [1.1, 1.1], "unknown_share": 0},
}


def _digest(number):
    tile = render(draw(SMALL, number))
    state = hashlib.sha256(tile.phase.tobytes())
    for label in tile.labels:
        state.update(label.mask.tobytes() + json.dumps(label.attributes).encode())
    return state.hexdigest()


def test_tiles_are_the_same_in_any_order_process_and_thread_count():
    numbers = list(range(6))
    forward = [_digest(n) for n in numbers]
    assert len(set(forward)) == len(numbers)
    assert [_digest(n) for n in reversed(numbers)] == forward[::-1]
    with fft.set_workers(2):
        assert [_digest(n) for n in numbers] == forward
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(_digest, numbers)) == forward


def test_the_record_is_plain_json_and_renders_the_same_after_a_round_trip():
    for settings in (SMALL, replace(RECIPES["paper"], tile_size_px=96)):
        record = draw(settings, 3)
        copy = json.loads(json.dumps(record))
        np.testing.assert_array_equal(render(copy).phase, render(record).phase)


def test_a_changed_noise_model_leaves_geometry_and_atmosphere_untouched():
    first = draw(SMALL, 8)
    second = draw(_custom(speckle={"looks": [20, 21]}, filter={"share": 0}), 8)
    for name in ("basins", "atmosphere", "confounders", "coherence"):
        assert first[name] == second[name]
    assert first["noise"] != second["noise"]


def test_all_fields_stay_in_single_precision():
    tile = render(draw(_custom(coherence={"unknown_share": 0}, confounders={"share": 1}), 4))
    assert (tile.phase.dtype, tile.coherence.dtype) == (np.float32, np.float32)


def test_subsidence_raises_the_phase_at_every_labelled_basin():
    settings = _custom(**QUIET, basins={"counts": [0, 1], "peak_mm": [10, 12], "horizontal": [0, 0]})
    rises = []
    for number in range(25):
        tile = render(draw(settings, number))
        for label in tile.labels:
            if not label.ignore:
                outside = np.angle(np.exp(1j * tile.phase[~label.mask]).mean())
                rises.append(np.angle(np.exp(1j * (tile.phase[label.mask] - outside)).mean()))
    assert len(rises) > 8
    assert min(rises) > 0.3


def test_the_other_phase_sign_conjugates_the_interferogram_and_keeps_its_labels():
    record = draw(SMALL, 5)
    tile, conjugate = render(record), render(record | {"phase_sign": -1})
    np.testing.assert_array_equal(conjugate.phase, -tile.phase)
    for a, b in zip(tile.labels, conjugate.labels, strict=True):
        np.testing.assert_array_equal(a.mask, b.mask)
    signs = [draw(_custom(geometry={"phase_sign": 0}), n)["phase_sign"] for n in range(60)]
    assert 15 < signs.count(-1) < 45


def test_rectangular_pixels_stretch_the_basins_and_not_the_ground():
    settings = _custom(
        **QUIET, geometry={"pixel_aspect": [2, 2]}, pixel_size_m=[20, 20],
        basins={"counts": [0, 1], "gaussian_share": 1, "gaussian_sigma_m": [200, 200], "gaussian_axis_ratio": [1, 1],
                "peak_mm": [30, 30], "horizontal": [0, 0], "irregularity": [0, 0], "warp": [0, 0]},
    )  # fmt: skip
    record = draw(settings, 0)
    record["basins"][0] |= {"row": 48.0, "column": 48.0}
    (label,) = render(record).labels
    rows, columns = np.ptp(np.nonzero(label.mask), axis=1) + 1
    assert columns / rows == pytest.approx(2, rel=0.08)


def test_gaps_are_missing_in_phase_and_coherence():
    tile = render(draw(_custom(confounders={"share": 1}, coherence={"unknown_share": 0}), 2))
    missing = np.isnan(tile.phase)
    assert 0.02 < missing.mean() < 0.95
    np.testing.assert_array_equal(missing, np.isnan(tile.coherence))
    assert np.nanmin(tile.coherence) >= 0
    assert np.nanmax(tile.coherence) <= 1


PLACE = {"row": 50.0, "column": 60.0, "direction_deg": 30.0, "along_m": 400.0, "across_m": 300.0}


def _confounder(rad_per_metre=0.0, **item):
    return confounders.phase([PLACE | item], (100, 120), Spacing(30.0, 30.0), rad_per_metre)


def test_look_alikes_have_the_strength_and_sign_given():
    for kind, extra in (("uplift", {}), ("groundwater", {}), ("volcano", {"depth_m": 800.0})):
        field = _confounder(kind=kind, mm=-10.0, **extra)
        assert field.min() == pytest.approx(-10 * PHASE_PER_MM, rel=1e-3), kind
        assert field[50, 60] == field.min(), kind
    step = _confounder(kind="burst_step", rad=0.7)
    np.testing.assert_allclose(np.unique(step), [0, 0.7])


def test_a_height_error_of_a_plateau_shows_with_the_baseline_of_the_pair():
    plateau = _confounder(rad_per_metre=0.05, kind="plateau", height_m=60.0, edge_m=20.0)
    assert plateau[50, 60] == pytest.approx(3, rel=1e-3)
    assert plateau[0, 0] == pytest.approx(0, abs=1e-3)
    assert not _confounder(rad_per_metre=0.0, kind="plateau", height_m=60.0, edge_m=20.0).any()


def test_a_point_source_halves_where_the_formula_says():
    field = _confounder(kind="volcano", mm=40.0, depth_m=900.0)
    distance = round(900 * np.sqrt(2 ** (2 / 3) - 1) / 30)
    assert field[50, 60 + distance] == pytest.approx(20 * PHASE_PER_MM, rel=0.02)


def test_the_paper_recipe_draws_circles_on_the_diagonal_in_uniform_noise():
    settings = read_settings({"recipe": "paper", "tile_size_px": 96})
    record = next(r for r in (draw(settings, n) for n in range(50)) if len(r["basins"]) > 2)
    for basin in record["basins"]:
        assert basin["sigma_along_m"] == basin["sigma_across_m"]
        assert basin["row"] == basin["column"]
        volume = basin["peak_mm"] * 2 * np.pi * basin["sigma_along_m"] ** 2
        assert volume == pytest.approx(settings.basins.printed_volume_mm_m2)
    assert record["confounders"] == []
    tile = render(record)
    assert tile.coherence is None
    assert np.isfinite(tile.phase).all()


def test_shares_of_empty_tiles_and_unknown_coherence_are_as_set():
    records = [draw(Settings(), n) for n in range(600)]
    empty = np.mean([r["basin_count"] == 0 for r in records])
    counts = Settings().basins.counts
    hard = Settings().confounders.hard_empty_share
    assert empty == pytest.approx(hard + (1 - hard) * counts[0] / sum(counts), abs=0.05)
    unknown = np.mean([r["coherence"]["estimate"] is None for r in records])
    assert unknown == pytest.approx(Settings().coherence.unknown_share, abs=0.06)


def test_a_filtered_reading_of_coherence_is_traced_back_to_the_true_one():
    assert coherence.true_from_reading(0.88, 20) == pytest.approx(0.2, abs=0.01)
    assert coherence.true_from_reading(0.6, 20) == pytest.approx(0.12, abs=0.02)
    assert coherence.true_from_reading(0.89, 5) == pytest.approx(0.4, abs=0.01)
    assert coherence.true_from_reading(0.6, 5) == pytest.approx(0.25, abs=0.02)
    means = [draw(_custom(coherence={"reading": "filtered_estimate"}), n)["coherence"]["mean"] for n in range(80)]
    assert np.median(means) < 0.45 < np.median([draw(SMALL, n)["coherence"]["mean"] for n in range(80)])


def test_coherence_falls_with_the_baseline_where_a_critical_one_is_set():
    assert coherence.baseline_factor(100, None) == 1
    assert coherence.baseline_factor(-100, 1000) == pytest.approx(0.9)
    assert coherence.baseline_factor(2000, 1000) == 0


def test_a_shard_holds_its_tiles_masks_and_parameters(tmp_path):
    files = ShardFiles(*(tmp_path / n for n in ("a.safetensors", "a.json", "a.jsonl")))
    simulate_shard(SMALL, range(40, 45), files)
    shard = read_shard(files.arrays, files.coco)
    assert [image["id"] for image in shard.coco["images"]] == list(range(40, 45))
    records = [json.loads(line) for line in files.parameters.read_text().splitlines()]
    told = shard.coco["info"]["parameters_sha256"]
    assert told == hashlib.sha256(files.parameters.read_bytes()).hexdigest()
    for index, record in enumerate(records):
        direct, stored = render(record), shard.tile(index)
        assert record["tile_id"] == 40 + index
        np.testing.assert_allclose(stored.phase, direct.phase, atol=6e-5)
        assert [label.ignore for label in stored.labels] == [label.ignore for label in direct.labels]
        for a, b in zip(stored.labels, direct.labels, strict=True):
            np.testing.assert_array_equal(a.mask, b.mask)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "a.jsonl", "a.safetensors"]


def test_a_shard_has_the_same_bytes_for_one_and_two_threads(tmp_path):
    code = (
        "import sys; from pathlib import Path; from basinwatch.simulation.settings import Settings; "
        "from basinwatch.simulation.shards import ShardFiles, simulate_shard; d = Path(sys.argv[1]); "
        "simulate_shard(Settings(tile_size_px=64), range(3), "
        "ShardFiles(d / 's.safetensors', d / 's.json', d / 's.jsonl'))"
    )
    digests = []
    for threads in ("1", "2"):
        folder = tmp_path / threads
        folder.mkdir()
        threading = {f"{name}_NUM_THREADS": threads for name in ("OMP", "OPENBLAS", "MKL")}
        package = str(Path(labels.__file__).parents[2])
        subprocess.run(
            [sys.executable, "-c", code, str(folder)], check=True, env=os.environ | threading | {"PYTHONPATH": package}
        )
        digests.append([hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())])
    assert digests[0] == digests[1]


def test_the_paper_recipe_judges_visibility_by_its_own_noise():
    record = draw(read_settings({"recipe": "paper"}), 0)
    record["noise"]["uniform_rad"] = 1.2
    assert rendering.phase_noise_rad(record, 1.0) == pytest.approx(1.2 / np.sqrt(3))


@pytest.mark.parametrize("basins", [{"stopped_share": 1, "gaussian_share": 0, "stopped_days": [300, 1000]},
                                    {"gaussian_share": 1, "gaussian_sigma_m": [1, 5]}])  # fmt: skip
def test_basins_too_old_or_too_small_to_see_do_no_harm(basins):
    settings = _custom(basins=basins | {"counts": [0, 0, 0, 1]})
    for number in range(12):
        tile = render(draw(settings, number))
        assert np.isfinite(tile.phase).any()


def test_a_changed_component_leaves_the_fields_of_the_others_untouched():
    records = [draw(s, 8) for s in (SMALL, _custom(speckle={"looks": [20, 21]}, filter={"share": 0}))]
    grounds = [rendering.move_ground(record) for record in records]
    np.testing.assert_array_equal(*(ground.sinking for ground in grounds))
    np.testing.assert_array_equal(*(ground.moved for ground in grounds))
    np.testing.assert_array_equal(*(rendering.atmosphere_phase(record) for record in records))
    np.testing.assert_array_equal(*(rendering.true_coherence(*pair) for pair in zip(records, grounds, strict=True)))
