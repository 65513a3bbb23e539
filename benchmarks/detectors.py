"""How well the shipped detectors do: on the frozen benchmark set, on real tiles and on a real frame without mines.

Run with ``make bench NAME=detectors``; a folder of a model as argument takes it instead of the default. Real data
(``BASINWATCH_DATA``) were never trained on; without them their figures are left out. Prints ``figure NAME VALUE`` lines
and rewrites the tables of docs/benchmarks.md.

- ``sim_*``: the set of resources/benchmark.yaml. ``sim_f1_8mm`` counts basins of at least 8 mm and coherence 0.5 and
  ignores the others.
- ``a90_vs_floor_150m``: peak at which nine in ten Gaussian bowls of σ = 150 m are found (coherence 0.9, delay 2.2 mm)
  over the peak at which the ideal observer's d′ is 6; a logistic curve through 17 peaks from half of that one to eight
  times it, ten tiles each. ``_low`` and ``_high``: 95 % of curves through resampled tiles.
- ``galapagos_false_per_1000km2``: detections in all pairs of the frame whose centre is farther than 12 km from the
  calderas of Sierra Negra and Fernandina, over the ground with phase there, sea included where the producer gives it.
- ``mining_tiles_*``: ``recall`` at IoU 0.3, ``false_per_tile`` by centre.
- ``NAME_ms_per_mpx``: CPU time of one thread on windows as large as the model was trained with.

The second table disturbs the first hundred tiles of the set one way at a time, see
:mod:`basinwatch.evaluation.disturbances`; the default model.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

# Set before numpy is imported: waiting threads of a matrix library would count as CPU time.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
import yaml
from document import ROOT, write_tables
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.calibration.files import match
from basinwatch.calibration.pictures import read_tiles
from basinwatch.compute import prepare_cpu
from basinwatch.datasets.tiles import LabelledTile, read_shard
from basinwatch.evaluation.detector_scores import figures
from basinwatch.evaluation.disturbances import FAMILIES
from basinwatch.evaluation.robustness import measure_robustness, robustness_markdown
from basinwatch.evaluation.tables import EvaluationSettings
from basinwatch.evaluation.tile_scores import rule_of, score_tiles, search_tiles
from basinwatch.experiments import floor, floor_summary
from basinwatch.experiments.controlled import Setup
from basinwatch.experiments.design import Trial, floor_trials, log_spaced
from basinwatch.experiments.ideal import floor_mm
from basinwatch.experiments.search import search_with
from basinwatch.inference.predictor import Predictor
from basinwatch.models import LoadedModel, load_model
from basinwatch.readers import PairFiles, read_interferogram
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard
from scipy import ndimage

DATA = Path(os.environ.get("BASINWATCH_DATA", ROOT.parent / "shared" / "data"))
MODELS = ROOT / "resources" / "models"
FRAME = DATA / "licsar_galapagos" / "106A_09048_000909" / "interferograms"
# Longitude and latitude.
CALDERAS = ((-91.17, -0.83), (-91.55, -0.37))
CALDERA_KM, KM_PER_DEGREE = 12.0, 111.32
RESAMPLES, REPEATS, FLOOR_SEED = 200, 5, 7
DISTURBED_TILES = 100
FLOOR_RANGE, FLOOR_PEAKS, FLOOR_TILES = (0.5, 8.0), 17, 10
OWN_THRESHOLDS = {"threshold": None, "peak_threshold": None, "min_area_px": None}
CPU = torch.device("cpu")


def benchmark_recipe() -> dict[str, Any]:
    """Read what the frozen set is drawn from."""
    recipe: dict[str, Any] = yaml.safe_load((ROOT / "resources" / "benchmark.yaml").read_text())
    return recipe


def benchmark_tiles() -> list[LabelledTile]:
    """Simulate the frozen set."""
    wanted = benchmark_recipe()
    numbers = range(wanted["first_sample"], wanted["first_sample"] + wanted["samples"])
    with tempfile.TemporaryDirectory() as name:
        files = ShardFiles(*(Path(name, f"test.{suffix}") for suffix in ("safetensors", "json", "jsonl")))
        simulate_shard(read_settings(wanted["simulation"]), numbers, files, "test")
        shard = read_shard(files.arrays, files.coco)
    return [shard.tile(index) for index in range(len(shard))]


def real_tiles() -> list[LabelledTile]:
    """Pictures whose colours can be inverted, with every drawn outline as one basin."""
    folder = DATA / "mining_tiles"
    return read_tiles(match(str(folder / "image"), str(folder / "label")))


def scores(model: LoadedModel, tiles: Sequence[LabelledTile]) -> pd.DataFrame:
    """All figures of a model on a set, by name."""
    scored = list(score_tiles(model, tiles, CPU))
    return figures(scored, rule_of(model.spec).peak_threshold, RESAMPLES, 0).set_index("figure")


def floor_ratios(model: LoadedModel) -> dict[str, float]:
    """Least peak that is found nine times in ten over the ideal observer's, with its interval."""
    setup, condition = Setup(FLOOR_SEED), floor_trials("standard", "parity")[0].condition
    ideal = floor_mm(6, 150.0, condition.coherence, setup.looks, setup.pixel_m, condition.delay_mm)
    peaks = log_spaced(*(ideal * share for share in FLOOR_RANGE), FLOOR_PEAKS)
    trials = [Trial("fine", condition, peak, replicate) for peak in peaks for replicate in range(FLOOR_TILES)]
    rows = pd.DataFrame(floor.measure(trials, setup, search_with(model, OWN_THRESHOLDS)))
    table = floor_summary.cells(floor_summary.outcomes(rows), RESAMPLES, FLOOR_SEED)
    found = table[table["criterion"] == "detected"].iloc[0]
    parts = {f"a90_vs_floor_150m{part}": found[f"a90_mm{part}"] for part in ("", "_low", "_high")}
    return {name: float(peak / found["floor_d6_mm"]) for name, peak in parts.items()}


def false_alarm_rate(model: LoadedModel) -> float:
    """Count false detections per 1000 km² of the frame without mines, over all pairs."""
    search, alarms, area_km2 = search_with(model, OWN_THRESHOLDS), 0, 0.0
    for folder in sorted(FRAME.iterdir()):
        first, second = (date.fromisoformat(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in folder.name.split("_"))
        phase, coherence = (folder / f"{folder.name}.geo.{kind}.tif" for kind in ("diff_pha", "cc"))
        files = PairFiles(first, second, phase, coherence)
        pair = read_interferogram(files, "licsar")
        counted = away_from_calderas(pair.grid.transform, pair.phase.shape)
        tile = LabelledTile(0, pair.phase, pair.coherence, [], folder.name)
        found = search(tile).labels
        numbers = range(1, found.max() + 1)
        centres = np.rint(np.reshape(ndimage.center_of_mass(found > 0, found, numbers), (-1, 2))).astype(int)
        alarms += int(counted[centres[:, 0], centres[:, 1]].sum())
        area_km2 += float((counted & np.isfinite(pair.phase)).sum()) * pair.grid.pixel_area_m2 / 1e6
    return 1000 * alarms / area_km2


def away_from_calderas(transform: Sequence[float], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels (y, x) far from both volcanoes that moved."""
    longitude = transform[2] + transform[0] * (np.arange(shape[1]) + 0.5)
    latitude = transform[5] + transform[4] * (np.arange(shape[0]) + 0.5)
    counted = np.ones(shape, bool)
    for east, north in CALDERAS:
        away = np.hypot((latitude[:, None] - north), (longitude[None] - east) * np.cos(np.radians(north)))
        counted &= away * KM_PER_DEGREE > CALDERA_KM
    return counted


def ms_per_mpx(model: LoadedModel, tiles: Sequence[LabelledTile]) -> float:
    """Median CPU time of one thread per million pixels."""
    predictor, batch = Predictor(model.detector, CPU), tiles[:4]
    pixels = len(batch) * batch[0].phase.size
    search_tiles(model.detector, predictor, batch)
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        search_tiles(model.detector, predictor, batch)
        times.append(time.process_time() - begin)
    return 1e9 * statistics.median(times) / pixels


def robustness(model: LoadedModel) -> str:
    """Table of a model's figures under every disturbance."""
    wanted = benchmark_recipe()
    settings, first = read_settings(wanted["simulation"]), wanted["first_sample"]
    records = [draw(settings, first + number, split="test") for number in range(DISTURBED_TILES)]
    scoring = EvaluationSettings(resamples=1)
    tables = [measure_robustness(model, records, family, scoring, CPU) for family in FAMILIES]
    return robustness_markdown(pd.concat(tables))


def default_figures(simulated: pd.DataFrame, model: LoadedModel) -> dict[str, float]:
    """Figures of the default model."""
    value = simulated["value"]
    results = {"sim_f1_8mm": value["f1_strong"], "sim_map": value["map"], "sim_iou": value["iou"]}
    results |= floor_ratios(model)
    if DATA.is_dir():
        results["galapagos_false_per_1000km2"] = false_alarm_rate(model)
        real = scores(model, real_tiles())["value"]
        chosen = {"recall": "recall_iou30", "iou": "iou", "ap50": "ap50", "false_per_tile": "false_per_tile"}
        results |= {f"mining_tiles_{name}": real[figure] for name, figure in chosen.items()}
    return results


def main() -> None:
    """Measure, print, write."""
    prepare_cpu(1)
    default = Path(sys.argv[1]) if len(sys.argv) > 1 else MODELS / "basinnet"
    folders = [default, *(folder for folder in sorted(MODELS.iterdir()) if folder.resolve() != default.resolve())]
    tiles, disturbed = benchmark_tiles(), ""
    results: dict[str, float] = {}
    for number, folder in enumerate(folders):
        model = load_model(folder)
        simulated = scores(model, tiles)
        if number == 0:
            results |= default_figures(simulated, model)
            disturbed = robustness(model)
        name, value = folder.name.replace("-", "_"), simulated["value"]
        results[f"{name}_map"] = value.get("map", value["box_map"])
        results |= {f"{name}_iou": value["iou"]} if "iou" in value else {}
        results[f"{name}_ms_per_mpx"] = ms_per_mpx(model, tiles)
    for name, result in results.items():
        print(f"figure {name} {result:.3f}")
    rows = "\n".join(f"| {name} | {result:.3g} |" for name, result in results.items())
    write_tables("detectors", [f"| figure | value |\n|---|---|\n{rows}\n", disturbed])


if __name__ == "__main__":
    main()
