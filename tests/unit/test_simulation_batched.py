"""Tiles rendered many at once with torch: the labels of the numpy chain, the statistics of its noise."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from basinwatch.calibration.statistics import statistics
from basinwatch.datasets.tiles import LabelledTile
from basinwatch.simulation import batched, rendering
from basinwatch.simulation.batched import observe, prepare, render_batch, simulate_batches
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.recipes import RECIPES
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings

CPU = torch.device("cpu")
SCRIPTS = Path(batched.__file__).parents[2]
SMALL = Settings(tile_size_px=128)
SHAPES = ("mask_px", "mask_aspect", "labels")
PAPER = replace(RECIPES["paper"], tile_size_px=128)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _wrapped(difference):
    return torch.remainder(difference + torch.pi, 2 * torch.pi) - torch.pi


def _same(first, second):
    """Largest difference of two phases; infinite where only one is missing."""
    if not torch.equal(first.isnan(), second.isnan()):
        return np.inf
    return _wrapped(first - second).nan_to_num().abs().max().item()


def _bare(number=0, size_px=128, **changes):
    """Record of clear, still ground under clear air, unfiltered, with some keys of its sections changed."""
    record = draw(replace(SMALL, tile_size_px=size_px), number)
    record |= {"basins": [], "confounders": [], "spacing_m": [30.0, 30.0], "offset_rad": 0.0, "phase_sign": 1}
    record["atmosphere"] |= {
        "delay_mm": 0.0, "stratified_mm_per_km": 0.0, "height_error_m": 0.0, "ramp_rad_per_25km": [0.0, 0.0],
    }  # fmt: skip
    record["coherence"] |= {"mean": 0.98, "spread": 0.0, "cover_share": 0.0, "water_share": 0.0}
    record["noise"] |= {"looks": 1000.0, "texture_px": 0.0, "alpha": 0.0}
    for section, values in changes.items():
        record[section] = record[section] | values if isinstance(values, dict) else values
    return record


@pytest.mark.parametrize("settings", [SMALL, PAPER])
def test_labels_are_those_of_the_numpy_chain(settings):
    records = [draw(settings, number) for number in range(20)]
    found = render_batch(records, CPU)
    assert found.tile_ids == list(range(20))
    assert sum(map(len, found.labels)) > 10
    for labels, record in zip(found.labels, records, strict=True):
        expected = render(record).labels
        assert [(a.ignore, a.attributes) for a in labels] == [(b.ignore, b.attributes) for b in expected]
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(labels, expected, strict=True))


def test_what_is_missing_is_missing_in_both_chains():
    settings = replace(SMALL, confounders=replace(SMALL.confounders, share=0.7))
    records = [draw(settings, number) for number in range(8)]
    found = render_batch(records, CPU)
    tiles = [render(record) for record in records]
    assert any(np.isnan(tile.phase).any() for tile in tiles)
    assert {tile.coherence is None for tile in tiles} == {True, False}
    for phase, coherence, tile in zip(found.phase.numpy(), found.coherence.numpy(), tiles, strict=True):
        assert np.array_equal(np.isnan(phase), np.isnan(tile.phase))
        known = np.full_like(phase, np.nan) if tile.coherence is None else tile.coherence
        assert np.array_equal(np.isnan(coherence), np.isnan(known))


def test_what_lies_under_missing_pixels_does_not_reach_their_neighbours():
    noise = {"looks": 5.0, "alpha": 0.8, "window": 32}
    scene = prepare(_bare(noise=noise, coherence={"mean": 0.5, "estimate": "phasor"}))
    missing = np.zeros((128, 128), np.bool_)
    missing[40:70, 30:90] = True
    hidden = replace(scene, missing=missing, phase=np.where(missing, np.float32(2), scene.phase))
    first, second = observe([replace(scene, missing=missing)], CPU), observe([hidden], CPU)
    assert _same(first.phase, second.phase) < 1e-5
    assert torch.allclose(first.coherence, second.coherence, atol=1e-5, equal_nan=True)


def test_a_tile_is_the_same_alone_and_in_any_batch():
    settings = replace(SMALL, geometry=replace(SMALL.geometry, pixel_aspect=(0.7, 1.5)))
    records = [draw(settings, number) for number in range(12)] + [draw(PAPER, 12)]
    together = render_batch(records, CPU)
    backwards = render_batch(records[::-1], CPU)
    assert _same(backwards.phase.flip(0), together.phase) < 1e-5
    for i, record in enumerate(records):
        alone = render_batch([record], CPU)
        assert _same(alone.phase[0], together.phase[i]) < 1e-5
        assert alone.coherence[0].numpy() == pytest.approx(together.coherence[i].numpy(), abs=1e-5, nan_ok=True)


def test_tiles_differ_in_every_part_of_their_noise():
    parts = {
        "turbulence": {"atmosphere": {"delay_mm": 2.0}},
        "terrain": {"atmosphere": {"stratified_mm_per_km": 20.0, "relief_m": 500.0, "terrain": None}},
        "heights": {"atmosphere": {"height_error_m": 8.0, "height_error_correlation_m": 100.0}, "baseline_m": 100.0},
        "speckle": {"noise": {"looks": 4.0}, "coherence": {"mean": 0.3}},
    }
    for changes in parts.values():
        phase = render_batch([_bare(number, **changes) for number in (1, 2)], CPU).phase
        assert phase.std((1, 2)).min() > 0.05
        assert abs(np.corrcoef(phase.flatten(1).numpy())[0, 1]) < 0.7


def test_components_do_not_share_random_numbers():
    scene = _bare(atmosphere={"stratified_mm_per_km": 50.0, "relief_m": 500.0, "terrain": None})
    terrain = render_batch([scene], CPU).phase[0]
    turbulence = render_batch([_bare(atmosphere={"delay_mm": 2.0})], CPU).phase[0]
    short = [field - torch.nn.functional.avg_pool2d(field[None], 9, 1, 4)[0] for field in (terrain, turbulence)]
    assert abs(np.corrcoef(*(field[8:-8, 8:-8].flatten().numpy() for field in short))[0, 1]) < 0.1


def _statistics(tile):
    coherence = np.nan if tile.coherence is None else float(np.nanmean(tile.coherence))
    return {name: v for name, v in statistics(tile).items() if name not in SHAPES} | {"coherence": coherence}


def _tiles(batch, like):
    """A batch as tiles that have coherence where `like` has it."""
    return [
        LabelledTile(number, phase.numpy(), None if tile.coherence is None else coherence.numpy(), labels, "")
        for tile, number, phase, coherence, labels in zip(
            like, batch.tile_ids, batch.phase.cpu(), batch.coherence.cpu(), batch.labels, strict=True
        )
    ]


def _paired(records, device=CPU):
    """Statistics of the numpy and of the torch tile of each record, two arrays (tile,) by name, NaN where undefined."""
    tiles = [render(record) for record in records]
    rows = [[_statistics(t) for t in chain] for chain in (tiles, _tiles(render_batch(records, device), tiles))]
    return {name: np.array([[row[name] for row in chain] for chain in rows]) for name in rows[0][0]}


def _require_equal_statistics(device):
    for name, values in _paired([draw(SMALL, number) for number in range(60, 104)], device).items():
        difference = np.diff(values, axis=0)[np.isfinite(values).all(0)[None]]
        assert len(difference) >= 15, name
        assert abs(difference.mean()) < 4 * difference.std(ddof=1) / np.sqrt(len(difference)), name


def test_paired_tiles_of_both_chains_have_equal_statistics():
    _require_equal_statistics(CPU)


def test_noise_and_residues_of_filtered_and_textured_speckle_are_those_of_the_numpy_chain():
    for axis, alpha, looks, mean in ((0, 0.0, 5.0, 0.4), (1, 0.5, 3.0, 0.3), (1, 1.0, 8.0, 0.2)):
        noise = {"looks": looks, "alpha": alpha, "window": 32, "texture_px": 0.8, "texture_axis": axis}
        changes = {"noise": noise, "coherence": {"mean": mean, "estimate": "sample"}}
        found = _paired([_bare(number, **changes) for number in range(12)])
        for name, tolerance in (
            ("noise_rad", {"rel": 0.03}),
            ("background_residues", {"rel": 0.05, "abs": 0.002}),
            ("coherence", {"rel": 0.01}),
            ("correlation_down", {"abs": 0.015}),
            ("correlation_across", {"abs": 0.015}),
        ):
            numpys, torchs = found[name].mean(1)
            assert torchs == pytest.approx(numpys, **tolerance), (alpha, name)


def _atmospheres(record, count):
    """Phase of the air alone, of both chains, (tile, y, x)."""
    records = [record | {"tile_id": number} for number in range(count)]
    phase = torch.zeros((count, record["size_px"], record["size_px"]))
    scenes = [replace(prepare(r), phase=phase[0].numpy(), coherence=np.ones_like(phase[0].numpy())) for r in records]
    return np.stack([rendering.atmosphere_phase(r) for r in records]), observe(scenes, CPU).phase.numpy()


@pytest.mark.parametrize(
    "air",
    [
        {"delay_mm": 1.0},
        {"stratified_mm_per_km": 8.0, "stratified_law": "linear", "relief_m": 300.0, "terrain": None},
        {"stratified_mm_per_km": 8.0, "stratified_law": "power", "relief_m": 300.0, "terrain": None},
        {"height_error_m": 6.0, "height_error_correlation_m": 90.0},
    ],
    ids=["turbulence", "linear", "power", "heights"],
)
def test_each_part_of_the_atmosphere_has_the_strength_and_scale_of_the_numpy_chain(air):
    numpys, torchs = _atmospheres(_bare(atmosphere=air, baseline_m=60.0), 60)
    for lag in (1, 8, 40):
        rms = [np.sqrt(np.mean((f[:, lag:] - f[:, :-lag]) ** 2)) for f in (numpys, torchs)]
        assert rms[1] == pytest.approx(rms[0], rel=0.12), lag


def test_real_delay_maps_are_taken_as_they_are_and_get_the_same_short_waves(monkeypatch):
    ramp = np.tile(np.linspace(-1, 1, 128, dtype=np.float32), (128, 1))
    for module in (rendering, batched):
        monkeypatch.setattr(module, "mapped_delay_phase", lambda record, sources: ramp.copy())
    record = _bare(atmosphere={"gacos": {"first": "20200101"}, "delay_mm": 1.0})
    records = [record | {"tile_id": number} for number in range(40)]
    found = render_batch(records, CPU).phase.numpy()
    expected = np.stack([rendering.atmosphere_phase(r) for r in records])
    assert found.mean(0) == pytest.approx(ramp, abs=0.2)
    spreads = [(field - ramp).std() for field in (expected, found)]
    assert spreads[1] == pytest.approx(spreads[0], rel=0.1)


def test_real_terrain_brings_the_delay_of_the_numpy_chain(monkeypatch):
    heights = np.outer(np.linspace(200, 900, 128), np.linspace(0.5, 1, 128)).astype(np.float32)
    monkeypatch.setattr(rendering, "_terrain_heights", lambda record, sources: heights)
    for law in ("linear", "power"):
        air = {"stratified_mm_per_km": 10.0, "stratified_law": law, "terrain": [0.5, 0.5]}
        record = _bare(atmosphere=air, noise={"looks": 1e6})
        expected = rendering.atmosphere_phase(record)
        assert _same(render_batch([record], CPU).phase[0], torch.from_numpy(expected)) < 0.02


def test_ramp_offset_sign_and_movement_are_those_of_the_numpy_chain():
    clear = _bare(1, noise={"looks": 1e6}, coherence={"disturbance": 0.0}, phase_sign=-1, offset_rad=2.0)
    clear["atmosphere"]["ramp_rad_per_25km"] = [30.0, -10.0]
    clear["basins"] = [basin for number in range(20) for basin in draw(SMALL, number)["basins"]][:6]
    moved = rendering.move_ground(clear).moved
    assert moved.max() > 3
    found, expected = render_batch([clear], CPU).phase[0], torch.from_numpy(render(clear).phase)
    smooth = torch.from_numpy(np.hypot(*np.gradient(moved)) < 1)
    assert _wrapped(found - expected)[smooth].abs().max() < 0.02


def test_uniform_noise_fills_its_range_evenly():
    records = [draw(PAPER, number) | {"confounders": []} for number in range(4)]
    for record in records:
        record["atmosphere"] |= {"delay_mm": 0.0, "ramp_rad_per_25km": [0.0, 0.0]}
    found = render_batch(records, CPU)
    for phase, record in zip(found.phase, records, strict=True):
        known = torch.from_numpy(rendering.move_ground(record).moved) + record["offset_rad"]
        noise = _wrapped(phase * record["phase_sign"] - known) / record["noise"]["uniform_rad"]
        assert noise.abs().max() < 1 + 1e-4
        share = torch.histc(noise, 10, -1, 1) / noise.numel()
        assert share.numpy() == pytest.approx(np.full(10, 0.1), abs=0.01)
    assert found.phase.min() >= -np.pi - 1e-6
    assert found.coherence.isnan().all()


def test_tiles_of_two_sizes_do_not_make_a_batch():
    with pytest.raises(ValueError, match="one size"):
        render_batch([_bare(size_px=64), _bare(size_px=96)], CPU)


def test_batches_follow_one_another_without_end_and_without_repetition():
    batches = list(islice(simulate_batches(SMALL, 7, 3, CPU), 3))
    assert [b.tile_ids for b in batches] == [[7, 8, 9], [10, 11, 12], [13, 14, 15]]
    assert all(b.phase.shape == (3, 128, 128) and b.phase.dtype == torch.float32 for b in batches)
    expected = render_batch([draw(SMALL, 11)], CPU).phase[0]
    assert _same(batches[1].phase[1], expected) < 1e-5


def test_the_next_batch_is_handed_to_the_pool_ahead_and_comes_out_the_same(monkeypatch):
    expected = list(islice(simulate_batches(SMALL, 0, 2, CPU), 2))
    with ThreadPoolExecutor(2) as executor:
        handed_over = []
        monkeypatch.setattr(executor, "map", lambda task, numbers: handed_over.append(numbers) or map(task, numbers))
        found = list(islice(simulate_batches(SMALL, 0, 2, CPU, executor=executor), 2))
    assert handed_over == [range(0, 2), range(2, 4), range(4, 6)]
    for a, b in zip(found, expected, strict=True):
        assert a.tile_ids == b.tile_ids
        assert _same(a.phase, b.phase) < 1e-5


def test_a_scene_prepared_in_another_process_is_observed_alike():
    scene = prepare(draw(SMALL, 5))
    copy = pickle.loads(pickle.dumps(scene))  # noqa: S301
    assert _same(observe([copy], CPU).phase, observe([scene], CPU).phase) == 0


def test_the_numpy_chain_runs_without_torch():
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from basinwatch.simulation.drawing import draw\n"
        "from basinwatch.simulation.rendering import render\n"
        "from basinwatch.simulation.settings import Settings\n"
        "render(draw(Settings(tile_size_px=64), 0))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(SCRIPTS)})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_noise_of_the_same_statistics():
    _require_equal_statistics(torch.device("cuda"))
