"""Disturbances against closed forms, and a model that bears some of them and not others."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from basinwatch.detectors import SemanticDetector
from basinwatch.errors import InputError
from basinwatch.evaluation.disturbances import FAMILIES, disturbed_tiles
from basinwatch.evaluation.robustness import measure_robustness, read_records
from basinwatch.evaluation.tables import EvaluationSettings
from basinwatch.experiments.controlled import Setup, floor_record
from basinwatch.experiments.design import Condition, Trial
from basinwatch.models import LoadedModel
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.rendering import render
from summarize_robustness import summarize_robustness

CPU = torch.device("cpu")
# Line-of-sight millimetres that turn the phase of Sentinel-1 by a quarter.
QUARTER_MM = 55.46576 / 8


def record(number=0, peak_mm=QUARTER_MM, coherence=0.9):
    """A bowl on calm ground whose middle is at π/2."""
    condition = Condition("gaussian", coherence, 0.0, 200.0)
    drawn = floor_record(Setup(3, tile_px=128), Trial("test", condition, peak_mm, number))
    return drawn | {"offset_rad": 0.0, "labels": drawn["labels"] | {"positive_mm": 4.0, "ignore_mm": 2.0}}


def one(record, family, level):
    return next(disturbed_tiles([record], family, level))


def angles(first, second):
    return np.angle(np.exp(1j * (first.astype(float) - second)))


@pytest.mark.parametrize("variance", [0.001, 0.01])
def test_complex_noise_turns_phase_by_half_its_variance(variance):
    still = render(record())
    noisy = one(record(), "complex_noise", variance)
    assert angles(noisy.phase, still.phase).std() == pytest.approx(math.sqrt(variance / 2), rel=0.02)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(noisy.labels, still.labels, strict=True))


def test_a_height_error_turns_phase_as_baseline_range_and_incidence_say():
    settings = read_settings({"recipe": "realistic", "seed": 2, "tile_size_px": 256, "pixel_size_m": [20, 20]})
    drawn = draw(settings, 4)
    still, misled = render(drawn), one(drawn, "height_error", 2.0)
    turned = angles(misled.phase, still.phase)
    turned = turned[np.isfinite(turned)]
    per_metre = 4 * math.pi * 200 / (0.05546576 * 850e3 * math.sin(math.radians(drawn["incidence_deg"])))
    assert turned.std() == pytest.approx(2 * per_metre, rel=0.15)


def test_a_constant_is_added_and_the_sign_reversed_without_moving_labels():
    still, turned, mirrored = render(record()), one(record(), "offset", 90.0), one(record(), "sign", -1.0)
    np.testing.assert_allclose(angles(turned.phase, still.phase), math.pi / 2, atol=1e-5)
    np.testing.assert_allclose(mirrored.phase, -still.phase)
    for tile in (turned, mirrored):
        assert [label.mask.sum() for label in tile.labels] == [label.mask.sum() for label in still.labels]


def test_more_looks_mean_longer_pixels_and_less_noise():
    flat = record(peak_mm=0.01, coherence=0.3)
    tiles = {looks: one(flat, "multilook", looks) for looks in FAMILIES["multilook"].levels}
    for looks, tile in tiles.items():
        assert tile.pixel_area_m2 == pytest.approx(13.9 * 3.7 * looks)
    spread = [tiles[looks].phase.std() for looks in (5.0, 4.0, 3.0, 2.0)]
    assert spread == sorted(spread)


def test_the_ground_stays_the_same_whatever_the_pixels():
    drawn = record(peak_mm=30.0)
    areas = []
    for pixel_m in (14.0, 20.0):
        tile = one(drawn, "pixel_size", pixel_m)
        assert tile.pixel_area_m2 == pixel_m**2
        areas.append(tile.labels[0].mask.sum() * pixel_m**2)
    assert areas[0] == pytest.approx(areas[1], rel=0.05)


def test_the_basins_of_coherent_ground_are_asked_for_however_little_of_it_is_left():
    drawn = [record(number, peak_mm=12.0) for number in range(3)]
    for level in (0.1, 0.5, 0.9):
        tiles = list(disturbed_tiles(drawn, "coherence", level))
        assert [sum(not label.ignore for label in tile.labels) for tile in tiles] == [1, 1, 1]
        estimate = np.mean([tile.coherence.mean() for tile in tiles])
        assert estimate == pytest.approx(level, abs=0.12)


def test_every_family_gives_tiles_again_and_again_the_same():
    for family, kind in FAMILIES.items():
        first, again = (one(record(), family, kind.levels[0]) for _ in range(2))
        np.testing.assert_array_equal(first.phase, again.phase)
        assert np.nanmax(np.abs(first.phase)) <= np.float32(np.pi) + 1e-6


class Quarter(SemanticDetector):
    """Basins where the phase is within a quarter of π of π/2."""

    stride, halo, encoding = 4, 0, "sincos"

    def forward(self, x):
        return 20 * (x[:, :1] - math.sin(math.pi / 4))


def model():
    spec = {"name": "quarter", "tile_size_px": 128, "threshold": 0.5, "peak_threshold": 0.5, "min_area_px": 12}
    return LoadedModel(Quarter().eval(), spec)


def measured(family, resamples=20):
    drawn = [record(number) for number in range(4)]
    settings = EvaluationSettings(resamples=resamples, precision="float32")
    return measure_robustness(model(), drawn, family, settings, CPU)


def test_a_detector_that_looks_for_one_phase_bears_noise_but_no_other_phase_and_no_other_sign():
    def recall(family):
        table = measured(family)
        return table[table["figure"] == "recall_centre"].set_index("level")["value"].to_dict()

    assert recall("none") == {0.0: 1.0}
    assert recall("complex_noise")[0.01] == 1.0
    assert recall("offset")[180.0] == 0.0
    assert recall("sign") == {-1.0: 0.0}


def test_figures_of_all_disturbances_become_table_and_picture(tmp_path):
    paths = []
    for family in ("none", "offset"):
        paths.append(tmp_path / f"{family}.csv")
        measured(family).to_csv(paths[-1], index=False)
    outputs = {"table": tmp_path / "t.csv", "readable": tmp_path / "t.md", "picture": tmp_path / "p.png"}
    summarize_robustness(paths, **outputs)
    lines = outputs["readable"].read_text().splitlines()
    assert lines[0].startswith("| disturbance | level | found | outlined | F1 | F1 from 8 mm | IoU of pixels |")
    assert [line.split(" | ")[1] for line in lines[2:]] == ["0", "45", "90", "135", "180"]
    assert set(pd.read_csv(outputs["table"])["family"]) == {"none", "offset"}
    assert outputs["picture"].read_bytes()[:4] == b"\x89PNG"


def test_a_benchmark_smaller_than_asked_for_is_one_sentence(tmp_path):
    path = tmp_path / "tiles.jsonl"
    path.write_text("".join(json.dumps({"tile_id": n}) + "\n" for n in range(5)))
    assert [r["tile_id"] for r in read_records(path, 3)] == [0, 1, 2]
    with pytest.raises(InputError, match=r"found 5 tiles, expected at least the 9 of evaluation\.robustness_tiles"):
        read_records(path, 9)
