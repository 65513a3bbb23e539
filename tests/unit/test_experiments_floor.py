"""Controlled tiles and the whole chain of the detection floor, with detectors whose answer is known."""

import json
import math

import measure_detection_floor
import numpy as np
import pandas as pd
import pytest
import summarize_detection_floor
from basinwatch.experiments import design, figures, floor_summary
from basinwatch.experiments.controlled import Setup, floor_record
from basinwatch.experiments.design import Condition, Trial
from basinwatch.experiments.floor import COLUMNS, measure
from basinwatch.experiments.tables import read_blocks, write_rows
from basinwatch.inference.instances import InstanceSettings, find_instances
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing
from basinwatch.simulation.labels import equivalent_sigma_m
from basinwatch.simulation.rendering import atmosphere_phase, delay_rad, move_ground, render
from scipy.ndimage import gaussian_filter

SETUP = Setup(seed=3, tile_px=96)
BOWL, FACE = Condition("gaussian", 0.9, 2.2, 150.0), Condition("face", 0.9, 2.2)


def _trial(condition=BOWL, amplitude=20.0, replicate=0):
    return Trial("factorial", condition, amplitude, replicate)


def _patch(trial, setup=SETUP):
    (patch,) = move_ground(floor_record(setup, trial)).patches
    return patch


def _instances(mask):
    return find_instances(mask.astype(np.float32), InstanceSettings())


def blind(tile):
    """Find nothing."""
    return _instances(np.zeros(tile.phase.shape, bool))


def thresholding(radians):
    """Find where smoothed phase exceeds the tile's middle phase by so much."""

    def search(tile):
        phasors = np.exp(1j * tile.phase)
        smooth = gaussian_filter(phasors.real, 1) + 1j * gaussian_filter(phasors.imag, 1)
        middle = np.median(smooth.real) + 1j * np.median(smooth.imag)
        return _instances(np.angle(smooth * np.conj(middle)) > radians)

    return search


@pytest.mark.parametrize("condition", [BOWL, FACE])
@pytest.mark.parametrize("amplitude", [2.0, 40.0])
def test_a_basin_has_the_line_of_sight_peak_of_the_design(condition, amplitude):
    peak = _patch(_trial(condition, amplitude)).phase.max() / PHASE_PER_MM
    # The deepest point of a bowl lies between pixels.
    assert peak == pytest.approx(amplitude, rel=0.03)


@pytest.mark.parametrize("sigma", [75.0, 150.0, 300.0])
def test_a_bowl_has_the_size_and_steepest_slope_of_the_closed_form(sigma):
    setup = Setup(seed=3)
    phase = _patch(_trial(Condition("gaussian", 0.9, 0.0, sigma), 30.0), setup).phase
    assert equivalent_sigma_m(phase, Spacing(setup.pixel_m, setup.pixel_m)) == pytest.approx(sigma, rel=0.02)
    steepest = max(np.abs(np.diff(phase, axis=axis)).max() for axis in (0, 1))
    expected = 30 * PHASE_PER_MM * math.exp(-0.5) * setup.pixel_m / sigma
    assert steepest == pytest.approx(expected, rel=0.03)


def test_turbulence_along_the_line_of_sight_is_that_of_the_design_for_bowls_and_slanted_faces():
    for condition in (BOWL, FACE):
        assert delay_rad(floor_record(SETUP, _trial(condition))) == pytest.approx(2.2 * PHASE_PER_MM)


def test_tiles_of_a_replicate_share_place_and_random_fields_whatever_the_condition():
    calm, rough = (floor_record(SETUP, _trial(Condition("gaussian", 0.3, mm, 150.0))) for mm in (1.0, 5.0))
    first, second = (atmosphere_phase(record) - np.float32(record["offset_rad"]) for record in (calm, rough))
    np.testing.assert_allclose(second, 5 * first, atol=1e-4)
    assert calm["basins"] == rough["basins"]
    weak, strong = (floor_record(SETUP, _trial(amplitude=mm)) for mm in (5.0, 80.0))
    assert (weak["basins"][0]["row"], weak["noise"]) == (strong["basins"][0]["row"], strong["noise"])


def test_replicates_differ_in_place_and_noise():
    first, second = (floor_record(SETUP, _trial(replicate=n)) for n in (0, 1))
    assert first["basins"][0]["row"] != second["basins"][0]["row"]
    assert np.abs(render(first).phase - render(second).phase).max() > 0.1


def test_an_empty_tile_has_no_basin_and_nothing_but_turbulence_and_noise():
    record = floor_record(SETUP, Trial("empty", Condition("none", 0.9, 0.0), 0.0, 0))
    tile = render(record)
    assert (record["basins"], record["confounders"], list(tile.labels)) == ([], [], [])
    residual = np.angle(np.exp(1j * (tile.phase - record["offset_rad"])))
    assert residual.std() == pytest.approx(0.079, rel=0.1)


def test_the_detector_is_given_coherence_near_the_true_one():
    record = floor_record(SETUP, Trial("empty", Condition("none", 0.7, 0.0), 0.0, 0))
    assert render(record).coherence.mean() == pytest.approx(0.7, abs=0.02)


def test_a_detector_that_thresholds_phase_finds_half_a_little_above_its_threshold():
    condition = Condition("gaussian", 0.98, 0.0, 300.0)
    trials = [_trial(condition, mm, replicate) for mm in np.geomspace(3, 20, 9).round(3) for replicate in range(4)]
    rows = floor_summary.outcomes(pd.DataFrame(measure(trials, SETUP, thresholding(1.5))))
    cells = floor_summary.cells(rows, 50, 1).set_index("criterion")
    threshold_mm = 1.5 / PHASE_PER_MM
    assert cells.loc["detected", "a50_relation"] == "="
    assert threshold_mm < cells.loc["detected", "a50_mm"] < 1.4 * threshold_mm
    assert cells.loc["delineated", "a50_mm"] > cells.loc["detected", "a50_mm"]
    assert rows["false_basins"].sum() == 0


def test_a_blind_detector_reaches_no_threshold():
    trials = [_trial(amplitude=mm, replicate=n) for mm in (2.0, 20.0, 60.0) for n in range(2)]
    cells = floor_summary.cells(floor_summary.outcomes(pd.DataFrame(measure(trials, SETUP, blind))), 20, 1)
    assert set(cells["a50_relation"]) == set(cells["a90_relation"]) == {">"}
    assert set(cells["a50_mm"]) == {60.0}


def test_basins_that_are_lost_again_when_steep_do_not_blur_the_threshold():
    peaks = np.array([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
    shares = np.array([0, 0, 0.5, 1, 1, 0.3, 0.0])
    rows = pd.DataFrame(
        [{"design": "factorial", "shape": "gaussian", "sigma_m": 75.0, "coherence": 0.1, "delay_mm": 0.0,
          "amplitude_mm": mm, "replicate": n, "d_prime": mm, "detected": n < 10 * share, "delineated": False}
         for mm, share in zip(peaks, shares, strict=True) for n in range(10)]
    )  # fmt: skip
    cells = floor_summary.cells(rows, 100, 1).set_index("criterion")
    assert cells.loc["detected", "a50_mm"] == pytest.approx(8, rel=0.1)
    assert cells.loc["detected", "rising_to_mm"] == 32
    assert (cells.loc["delineated", "a90_relation"], cells.loc["delineated", "rising_to_mm"]) == (">", 128)


def test_the_floor_beside_a_cell_is_where_the_ideal_observers_d_prime_is_six():
    trials = [_trial(amplitude=mm) for mm in (2.0, 8.0, 30.0)]
    cells = floor_summary.cells(floor_summary.outcomes(pd.DataFrame(measure(trials, SETUP, blind))), 5, 1)
    # The table of the specification says 1.9 mm.
    assert cells["floor_d6_mm"].iloc[0] == pytest.approx(1.85, rel=0.03)
    assert cells["floor_d12_mm"].iloc[0] == pytest.approx(2 * cells["floor_d6_mm"].iloc[0], rel=1e-3)


def test_what_is_found_beside_the_basin_is_false_and_does_not_detect_it():
    def beside(tile):
        mask = np.zeros(tile.phase.shape, bool)
        mask[2:8, 2:8] = mask[-8:-2, -8:-2] = True
        return _instances(mask)

    (row,) = measure([_trial()], SETUP, beside)
    assert (row["detected"], row["iou"], row["false_basins"]) == (0, 0, 2)


def test_false_basins_are_counted_in_empty_tiles_with_poisson_limits():
    rows = pd.DataFrame(
        {"design": "empty", "coherence": [0.3] * 50 + [0.9] * 50, "delay_mm": 2.2, "false_basins": [1] * 3 + [0] * 97}
    )
    found = floor_summary.false_basins(rows)
    # Exact 95 % limits of three events.
    assert (found["per_100_tiles"], found["low"], found["high"]) == (
        3.0,
        pytest.approx(0.6187, abs=1e-3),
        pytest.approx(8.767, abs=1e-3),
    )
    assert [c["per_100_tiles"] for c in found["conditions"]] == [6.0, 0.0]


def test_gradients_are_binned_by_coherence():
    rows = pd.DataFrame(
        {"design": "factorial", "coherence": [0.3, 0.3, 0.9], "gradient_rad_px": [0.3, 0.35, 7.0],
         "detected": [True, False, True], "delineated": [False, False, True]}
    )  # fmt: skip
    low, high = floor_summary.by_gradient(rows)
    assert (low["from_rad_px"], low["to_rad_px"], low["detected"], low["tiles"]) == (0.2, 0.4, 0.5, 2)
    assert (high["coherence"], high["to_rad_px"]) == (0.9, None)


def _small_experiment():
    """Two amplitudes of every kind of trial that the figure and the summary show."""
    cells = [Condition("gaussian", c, 2.2, s) for c in (0.3, 0.9) for s in (150.0, 300.0)]
    trials = [Trial("factorial", c, mm, n) for c in cells for mm in (2.0, 10.0, 40.0) for n in (0, 1)]
    trials += [Trial("parity", BOWL, float(mm), mm) for mm in range(1, 21, 2)]
    trials += [Trial("faces", FACE, mm, n) for mm in (3.0, 30.0) for n in (0, 1)]
    return trials + [Trial("empty", Condition("none", 0.9, 2.2), 0.0, n) for n in (0, 1)]


def test_rows_survive_the_disk_and_make_summary_and_figure(tmp_path):
    trials = _small_experiment()
    for name, part in (("one", trials[:30]), ("two", trials[30:])):
        write_rows(tmp_path / f"{name}.csv", COLUMNS, measure(part, SETUP, thresholding(1.5)))
    rows = floor_summary.outcomes(read_blocks(sorted(tmp_path.glob("*.csv"))))
    assert len(rows) == len(trials)
    assert set(rows["shape"]) == {"gaussian", "face", "none"}
    assert rows.loc[rows["shape"] == "face", "sigma_m"].isna().all()
    cells = floor_summary.cells(rows, 20, 1)
    summary = floor_summary.summary(rows, cells)
    assert summary["parity"]["detected"]["tiles"] == 10
    assert summary["same_condition_in_factorial"]["detected"]["tiles"] == 6
    assert [face["coherence"] for face in summary["faces"]] == [0.9]
    first, second = (figures.floor_figure(rows, cells) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_the_scripts_make_table_summary_and_figure(tmp_path, monkeypatch):
    tiny = design.Levels((150.0, 300.0), (0.9,), (2.2,), (0.9,), 1, 1, 1, 256, 2)
    monkeypatch.setitem(design.SCALES, "tiny", tiny)
    settings = {"seed": 1, "pixel_size_m": 30, "tile_size_px": 64, "looks": 20}
    blocks = [tmp_path / f"{block}.csv" for block in design.floor_blocks("tiny")]
    for path in blocks:
        measure_detection_floor.measure_detection_floor("tiny", path.stem, settings, thresholding(1.5), path)
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"name": "fake", "weights_sha256": "0" * 64}))
    products = [tmp_path / name for name in ("cells.csv", "summary.json", "floor.png")]
    summarize_detection_floor.summarize_detection_floor(blocks, model, settings, *products)
    summary = json.loads(products[1].read_text())
    assert (summary["model"], summary["settings"]) == ("fake", settings)
    assert summary["tiles"] == sum(len(design.floor_trials("tiny", path.stem)) for path in blocks)
    assert set(pd.read_csv(products[0])["design"]) == {"factorial", "faces", "parity"}
    assert products[2].stat().st_size > 10_000


def test_equal_trials_give_equal_rows_in_any_order():
    trials = [_trial(amplitude=mm) for mm in (8.0, 20.0)]
    forward, backward = (list(measure(order, SETUP, thresholding(1.0))) for order in (trials, trials[::-1]))
    assert forward == backward[::-1]
