"""Scores of models on sets of tiles: against counts by hand, scikit-learn, published rows and sampling theory."""

import json

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.datasets.tiles import Label, LabelledTile, read_shard, write_shard
from basinwatch.detectors import Objects
from basinwatch.errors import InputError
from basinwatch.evaluation.bootstrap import bootstrap
from basinwatch.evaluation.detector_scores import figures, recall_by_class, summary
from basinwatch.evaluation.predictions import best_thresholds
from basinwatch.evaluation.sampled_points import kappa_s4_printed, point_scores, sample_points
from basinwatch.evaluation.scores import pixel_scores
from basinwatch.evaluation.tables import (
    EvaluationSettings,
    class_table,
    evaluate,
    figure_table,
    read_scores,
    to_markdown,
)
from basinwatch.evaluation.tile_scores import score_tile, score_tiles, strong_labels
from basinwatch.inference.instances import InstanceSettings
from basinwatch.models import load_model, save_model
from sklearn.metrics import cohen_kappa_score

SIDE = 64
RULE = InstanceSettings(0.5, 0.5, 4)


def square(top, left, side):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def tile(number, labels, area=100.0):
    return LabelledTile(number, np.zeros((SIDE, SIDE), np.float32), None, labels, f"g{number}", area)


def maps(*masks, value=0.9):
    """Probability maps of a detector that finds these masks."""
    return np.where(np.any(masks, axis=0), value, 0.1).astype(np.float16)[None] if masks else np.zeros((1, SIDE, SIDE))


def known(mask, peak, coherence, ignore=False):
    return Label(mask, ignore, {"peak_los_mm": peak, "coherence": coherence})


@pytest.fixture(scope="module")
def scored():
    """A strong basin found exactly and a false one; a weak basin missed; an empty tile left empty."""
    strong, weak, false = square(4, 4, 10), square(40, 40, 8), square(30, 4, 6)
    first = score_tile(tile(0, [known(strong, 20.0, 0.8)]), maps(strong, false), RULE)
    second = score_tile(tile(1, [known(weak, 5.0, 0.8)]), maps(), RULE)
    return [first, second, score_tile(tile(2, []), maps(), RULE)]


def test_figures_are_those_counted_by_hand(scored):
    table = figures(scored, 0.5, 20, 0).set_index("figure")["value"]
    expected = {
        "precision": 0.5, "recall": 0.5, "f1": 0.5, "precision_strong": 0.5, "recall_strong": 1.0,
        "false_per_tile": 1 / 3, "false_per_1000_km2": 1000 / (3 * SIDE**2 * 1e-4),
        "accuracy_s0": 2 / 4, "area_similarity": 1.0, "area_similarity_above_80": 1.0,
        "iou": 100 / (100 + 36 + 64), "pixel_precision": 100 / 136, "pixel_recall": 100 / 164,
        "pa": 1 - 100 / (3 * SIDE**2),
    }  # fmt: skip
    assert {name: table[name] for name in expected} == pytest.approx(expected)
    assert summary(scored) == {"tiles": 3, "basins": 2, "area_km2": pytest.approx(3 * SIDE**2 * 1e-4)}


def test_weak_basins_are_ignored_where_only_strong_ones_count():
    weak = square(4, 4, 10)
    labels = strong_labels([known(weak, 5.0, 0.9), known(weak, 9.0, 0.4), known(weak, 9.0, 0.6)])
    assert [label.ignore for label in labels] == [True, True, False]
    found = score_tile(tile(0, [known(weak, 5.0, 0.9)]), maps(weak), RULE)
    table = figures([found], 0.5, 20, 0).set_index("figure")["value"]
    assert (table["precision"], table["precision_strong"], table["f1_strong"]) == (1, 0, 0)
    assert found.strong.iou.shape == (1, 0)
    assert strong_labels([Label(weak)]) is None


def test_recall_is_counted_in_every_class_that_has_basins(scored):
    table = recall_by_class(scored, 20, 0)
    rows = {(row.by, row["from"], row.criterion): (row.basins, row.recall) for _, row in table.iterrows()}
    assert rows[("peak_los_mm", 4.0, "outlined")] == (1, 0)
    assert rows[("peak_los_mm", 16.0, "centred")] == (1, 1)
    assert rows[("coherence", 0.7, "outlined")] == (2, 0.5)
    assert rows[("area_m2", 0.0, "outlined")] == (2, 0.5)
    assert len(rows) == 8
    assert recall_by_class(scored[2:], 20, 0).empty


def test_boxes_alone_have_no_scores_of_pixels():
    found = Objects(np.array([[4, 4, 14, 14]], np.float32), np.array([0.8], np.float32))
    scored = [score_tile(tile(0, [Label(square(4, 4, 10))], None), found, RULE)]
    table = figures(scored, 0.5, 20, 0).set_index("figure")["value"]
    assert (table["box_map"], table["f1"]) == (1, 1)
    assert np.isnan(table["false_per_1000_km2"])
    assert not {"map", "iou", "f1_strong"} & set(table.index)
    assert summary(scored)["area_km2"] is None


def test_pixels_without_phase_or_to_be_ignored_are_not_counted():
    basin = square(4, 4, 10)
    without = tile(0, [Label(basin), Label(square(40, 40, 10), ignore=True)])
    without.phase[20:30] = np.nan
    scores = score_tile(without, maps(basin), RULE)
    assert scores.counts.sum() == SIDE**2 - 10 * SIDE - 100
    assert scores.area_km2 == pytest.approx((SIDE**2 - 10 * SIDE) * 1e-4)


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    values = np.random.default_rng(1).normal(3, 2, 400)
    estimate = bootstrap(lambda w: np.array([w @ values / w.sum(), np.nan]), 400, 2000, 0)
    assert estimate.value[0] == pytest.approx(values.mean())
    error = 1.96 * values.std() / 20
    assert (estimate.high - estimate.low)[0] == pytest.approx(2 * error, rel=0.08)
    assert np.isnan([estimate.value[1], estimate.low[1], estimate.high[1]]).all()


def test_thresholds_of_objects_are_chosen_by_their_scores():
    box = np.array([[4, 4, 14, 14], [40, 40, 50, 50]], np.float32)
    outputs = [Objects(box, np.array([0.7, 0.3], np.float32))] * 3
    settings, scores = best_thresholds(outputs, [[Label(square(4, 4, 10))]] * 3, 12)
    assert 0.3 < settings.threshold <= 0.7
    assert settings.threshold == settings.peak_threshold
    assert scores.f1 == 1


def test_the_printed_kappa_is_theirs_and_differs_from_cohens():
    """Zhang et al. 2022, model IV: 281 hits and 22 false alarms among 300 + 300 points give OA 0.9317, kappa 0.8621."""
    counts = np.array([[278, 22], [19, 281]])
    scores = pixel_scores(counts)
    assert scores.accuracy == pytest.approx(0.9317, abs=5e-5)
    assert kappa_s4_printed(counts) == pytest.approx(0.8621, abs=5e-5)
    assert scores.kappa == pytest.approx(0.8633, abs=5e-5)


def test_the_printed_kappa_of_model_one_belongs_to_counts_among_the_same_points():
    """Zhang et al. 2022, model I: 0.8074, where Cohen's is 0.8100."""
    tables = [np.array([[300 - a, a], [300 - h, h]]) for h in range(250, 300) for a in range(5, 60)]
    fitting = [t for t in tables if abs(kappa_s4_printed(t) - 0.8074) < 5e-5]
    assert any(abs(pixel_scores(t).kappa - 0.8100) < 5e-5 for t in fitting)


def test_points_are_drawn_once_each_and_half_inside():
    mask = np.random.default_rng(3).random((50, 60)) < 0.3
    places = sample_points(mask, 300, 200, seed=4)
    assert len(set(places.tolist())) == 500
    assert mask.ravel()[places[:300]].all()
    assert not mask.ravel()[places[300:]].any()
    assert np.array_equal(places, sample_points(mask, 300, 200, seed=4))
    assert len(sample_points(mask[:2, :10], 300, 300)) == 20
    predicted = np.random.default_rng(5).random(mask.shape) < 0.4
    chosen = sample_points(mask, seed=2)
    expected = cohen_kappa_score(mask.ravel()[chosen], predicted.ravel()[chosen])
    assert point_scores(mask, predicted, 2)["point_kappa"] == pytest.approx(expected)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """Tiles of 40 px, no multiple of the detector's stride."""
    folder = tmp_path_factory.mktemp("set")
    paths = folder / "s.safetensors", folder / "s.json"
    random = np.random.default_rng(2)
    mask = square(10, 10, 12)[:40, :40]
    phases = [random.uniform(-3, 3, (40, 40)).astype(np.float32) for _ in range(3)]
    tiles = [LabelledTile(n, p, None, [known(mask, 9.0, 0.6)], f"g{n}", 400.0) for n, p in enumerate(phases)]
    write_shard(*paths, tiles, {})
    return read_shard(*paths)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    options = {"widths": [4, 8, 8]}
    spec = {"name": "tiny", "architecture": "basinnet", "options": options, "tile_size_px": 64, "threshold": 0.005,
            "peak_threshold": 0.005, "min_area_px": 4, "pixel_size_m": [10, 40], "training": {}}  # fmt: skip
    save_model(folder, detectors.build("basinnet", options), spec)
    return load_model(folder)


def test_tiles_of_any_size_are_padded_searched_and_cropped(model, shard):
    tiles = [shard.tile(index) for index in range(len(shard))]
    whole = list(score_tiles(model, tiles, torch.device("cpu"), batch_size=2, precision="float32"))
    single = list(score_tiles(model, tiles, torch.device("cpu"), batch_size=1, precision="float32"))
    assert len(whole) == 3
    for own, other in zip(whole, single, strict=True):
        np.testing.assert_array_equal(own.counts, other.counts)
        assert own.counts.sum() == 40 * 40


def test_several_models_stand_side_by_side_on_the_same_tiles(model, shard, tmp_path):
    settings = EvaluationSettings(resamples=20, precision="float32")
    scores = evaluate(model, {"benchmark": [shard]}, settings, torch.device("cpu"))
    assert json.dumps(scores, allow_nan=False)
    table = figure_table(scores)
    assert set(table["set"]) == {"benchmark"}
    assert {"map", "f1_strong", "kappa", "false_per_1000_km2"} <= set(table["figure"])
    assert set(class_table(scores)["by"]) == {"peak_los_mm", "coherence", "area_m2"}
    assert {"point_kappa", "point_kappa_s4_printed"} <= set(scores["sets"]["benchmark"]["points"])
    paths = []
    for name in ("first", "second"):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(scores | {"model": name}))
    text = to_markdown(read_scores(paths))
    assert "| figure | first | second |" in text
    assert "## benchmark: 3 tiles, 3 basins" in text
    scores["sets"]["benchmark"]["fingerprint"] = "other"
    paths[1].write_text(json.dumps(scores))
    with pytest.raises(InputError, match="scored on other tiles"):
        read_scores(paths)
