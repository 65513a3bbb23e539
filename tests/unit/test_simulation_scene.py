"""Drawing and rendering: determinism, independence of components, labels and shards."""

import hashlib
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from basinwatch.datasets import read_shard
from basinwatch.errors import InputError
from basinwatch.simulation import confounders, labels
from basinwatch.simulation.deformation import Patch
from basinwatch.simulation.geometry import PHASE_PER_MM
from basinwatch.simulation.scene import Settings, draw, render
from basinwatch.simulation.shards import simulate_shard
from scipy import fft

SMALL = Settings(tile_size_px=96)


def _digest(number):
    tile = render(draw(SMALL, number))
    state = hashlib.sha256(tile.phase.tobytes())
    for label in tile.labels:
        state.update(label.mask.tobytes() + json.dumps(label.attributes).encode())
    return state.hexdigest()


def _bowl(peak_mm, sigma_m=200.0, spacing=15.0, n=160, centre=(80, 80)):
    y, x = np.mgrid[:n, :n].astype(np.float32)
    d2 = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) * spacing**2
    return Patch(0, 0, (peak_mm * PHASE_PER_MM * np.exp(-0.5 * d2 / sigma_m**2)).astype(np.float32))


def _conditions(n=160, coherence=0.7):
    return labels.Conditions(np.full((n, n), coherence, np.float32), 10.0, 15.0, 0.2)


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
    record = draw(SMALL, 3)
    copy = json.loads(json.dumps(record))
    np.testing.assert_array_equal(render(copy).phase, render(record).phase)


def test_a_changed_noise_model_leaves_geometry_and_atmosphere_untouched():
    first, second = draw(SMALL, 8), draw(Settings(tile_size_px=96, looks=(20, 21), goldstein_share=0), 8)
    for name in ("basins", "atmosphere", "confounders", "coherence"):
        assert first[name] == second[name]
    assert first["noise"] != second["noise"]


def test_subsidence_raises_the_phase_at_every_labelled_basin():
    settings = Settings(tile_size_px=128, basin_counts=(0, 1), confounder_share=0, hard_empty_share=0,
                        peak_mm=(10, 12), delay_mm=0.2, strong_delay_share=0, coherence_factor=(1.1, 1.1),
                        horizontal=(0, 0), stratified_mm_per_km=0, ramp_fringes=0)  # fmt: skip
    rises = []
    for number in range(25):
        tile = render(draw(settings, number))
        for label in tile.labels:
            if not label.ignore:
                outside = np.angle(np.exp(1j * tile.phase[~label.mask]).mean())
                rises.append(np.angle(np.exp(1j * (tile.phase[label.mask] - outside)).mean()))
    assert len(rises) > 8
    assert min(rises) > 0.3


def test_mask_area_of_a_gaussian_equals_the_analytic_ellipse():
    peak_mm, sigma, spacing = 60.0, 300.0, 15.0
    area = labels.basin_mask(_bowl(peak_mm, sigma, spacing, 200, (100, 100)).phase).sum() * spacing**2
    assert area == pytest.approx(2 * math.pi * sigma**2 * math.log(peak_mm * PHASE_PER_MM / (math.pi / 2)), rel=0.02)


def test_a_weak_basin_is_outlined_at_half_its_peak():
    mask = labels.basin_mask(_bowl(8.0).phase)
    assert mask.sum() * 15.0**2 == pytest.approx(2 * math.pi * 200**2 * math.log(2), rel=0.03)


def test_the_mask_is_one_piece_without_holes():
    phase = _bowl(40, 200).phase + _bowl(30, 100, centre=(20, 140)).phase
    phase[78:83, 60:64] = 0
    mask = labels.basin_mask(phase)
    assert mask[80, 62]
    assert not mask[20, 140]


@pytest.mark.parametrize(("peak_mm", "state"), [(3.9, None), (4.1, True), (7.9, True), (8.1, False)])
def test_state_switches_at_four_and_eight_millimetres(peak_mm, state):
    label = labels.label_of(_bowl(peak_mm), _conditions(coherence=0.95), labels.Limits())
    assert (None if label is None else label.ignore) is state


def test_basins_cut_by_the_edge_tiny_ones_and_hidden_ones_are_not_demanded():
    limits = labels.Limits()
    assert labels.label_of(_bowl(60, centre=(4, 80)), _conditions(), limits).ignore is False
    mostly_out = Patch(-90, 0, _bowl(60).phase)
    assert labels.label_of(mostly_out, _conditions(), limits).ignore
    assert labels.label_of(_bowl(60, 10.0), _conditions(), limits).ignore
    assert labels.label_of(_bowl(5, 40.0), _conditions(coherence=0.02), limits) is None
    assert labels.label_of(Patch(500, 500, _bowl(60).phase), _conditions(), limits) is None


def test_two_basins_merge_when_the_saddle_exceeds_half_the_smaller_peak():
    near = [_bowl(60, 200), _bowl(40, 200, centre=(80, 105))]
    far = [_bowl(60, 200), _bowl(40, 200, centre=(80, 140))]
    assert len(labels.merge_touching(near)) == 1
    assert len(labels.merge_touching(far)) == 2
    np.testing.assert_allclose(labels.merge_touching(near)[0].phase, near[0].phase + near[1].phase, rtol=1e-6)


@pytest.mark.parametrize(
    ("sd10_mm", "coherence", "sigma", "smallest_mm"),
    [
        (0, 0.3, 150, 1.9),
        (0, 0.9, 300, 0.1),
        (2.2, 0.3, 75, 4.6),
        (2.2, 0.9, 600, 4.3),
        (5, 0.3, 300, 7.3),
        (10, 0.9, 150, 8.2),
    ],
)
def test_detectability_reaches_six_at_the_smallest_detectable_amplitudes(sd10_mm, coherence, sigma, smallest_mm):
    spread = {0.3: 0.63, 0.9: 0.08}[coherence]
    value = labels.detectability(smallest_mm * PHASE_PER_MM, sigma, spread, 30.0, sd10_mm * PHASE_PER_MM)
    assert value == pytest.approx(6, rel=0.15 if smallest_mm > 0.5 else 0.6)


def test_gaps_are_missing_in_phase_and_coherence():
    settings = Settings(tile_size_px=96, confounder_share=1.0, unknown_coherence_share=0.0)
    tile = render(draw(settings, 2))
    missing = np.isnan(tile.phase)
    assert 0.02 < missing.mean() < 0.9
    np.testing.assert_array_equal(missing, np.isnan(tile.coherence))
    assert np.nanmin(tile.coherence) >= 0
    assert np.nanmax(tile.coherence) <= 1


def test_uplift_lowers_the_phase_and_a_plateau_has_the_height_given():
    place = {"row": 50.0, "column": 60.0, "direction_deg": 30.0, "along_m": 400.0, "across_m": 300.0}
    uplift = confounders.phase([place | {"kind": "uplift", "mm": -10.0}], (100, 120), 30.0)
    assert uplift.min() == pytest.approx(-10 * PHASE_PER_MM, rel=1e-3)
    plateau = confounders.phase([place | {"kind": "plateau", "rad": 3.0, "edge_m": 20.0}], (100, 120), 30.0)
    assert plateau[50, 60] == pytest.approx(3, rel=1e-3)
    assert plateau[0, 0] == pytest.approx(0, abs=1e-3)


def test_the_paper_recipe_draws_circular_bowls_in_uniform_noise():
    settings = Settings(tile_size_px=96, recipe="paper", basin_counts=(0, 1), hard_empty_share=0)
    record = draw(settings, 1)
    assert record["basins"][0]["sigma_along_m"] == record["basins"][0]["sigma_across_m"]
    assert record["confounders"] == []
    tile = render(record)
    assert tile.coherence is None
    assert np.isfinite(tile.phase).all()


def test_shares_of_empty_tiles_and_unknown_coherence_are_as_set():
    records = [draw(Settings(), n) for n in range(600)]
    empty = np.mean([r["basin_count"] == 0 for r in records])
    assert empty == pytest.approx(0.1 + 0.9 * 0.15 / 0.9, abs=0.05)
    assert np.mean([r["coherence"]["estimate"] is None for r in records]) == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        ({"peak": 3}, "peak"),
        ({"peak_mm": 3}, "peak_mm"),
        ({"peak_mm": [9, 3]}, "peak_mm"),
        ({"recipe": "x"}, "recipe"),
        ({"seed": -1}, "seed"),
        ({"texture_share": 1.5}, "texture_share"),
        ({"tile_size_px": "big"}, "tile_size_px"),
        ({"basin_counts": [0, 0]}, "basin_counts"),
    ],
)
def test_settings_that_make_no_sense_are_named(mapping, word):
    with pytest.raises(InputError, match=word):
        Settings.from_config(mapping)


def test_settings_accept_lists_from_a_configuration():
    settings = Settings.from_config({"seed": 7, "peak_mm": [10, 20], "basin_counts": [1, 2]})
    assert (settings.seed, settings.peak_mm, settings.basin_counts) == (7, (10.0, 20.0), (1.0, 2.0))


def test_a_shard_holds_its_tiles_masks_and_parameters(tmp_path):
    paths = [tmp_path / n for n in ("a.safetensors", "a.json", "a.jsonl")]
    simulate_shard(SMALL, 40, 5, *paths)
    shard = read_shard(*paths[:2])
    assert [image["id"] for image in shard.coco["images"]] == list(range(40, 45))
    records = [json.loads(line) for line in paths[2].read_text().splitlines()]
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
        "import sys; from pathlib import Path; from basinwatch.simulation.scene import Settings; "
        "from basinwatch.simulation.shards import simulate_shard; d = Path(sys.argv[1]); "
        "simulate_shard(Settings(tile_size_px=64), 0, 3, d / 's.safetensors', d / 's.json', d / 's.jsonl')"
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
