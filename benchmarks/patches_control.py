"""Total-area control of mine patches: extracted parts or whole segments, over five simulated orthophotos.

Run with ``make bench NAME=patches_control``. The network learns on the first orthophoto and looks at all of them; each
has its own references to choose by and to be judged by. Thresholds stand for detectors that miss much, or extract too
much. Prints ``figure NAME VALUE`` lines and rewrites the tables of docs/benchmarks.md between its markers. Everything
is synthetic.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from document import ROOT, write_tables

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.obia import area_control
from basinwatch.obia.accuracy import AccuracySettings, assess
from basinwatch.obia.extraction import extracted, surroundings
from basinwatch.obia.other_ground import read_other_ground
from basinwatch.obia.patches import PatchSettings, form, outline
from basinwatch.obia.pictures import picture_reader
from basinwatch.obia.references import LEARNT_FROM, References, read_references
from basinwatch.obia.segmentation import Criterion, Labels, segment
from basinwatch.rasters import grid_of, open_raster

EXAMPLE = "config/examples/patches.yaml"
FOLDER = Path("results/areas/silesia/patches")
ORTHOPHOTO, MODEL = Path("results/simulated/orthophotos/hills"), Path("results/models/mines")
SEEDS = (5, 6, 7, 8, 9)
THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8)
CONTROLS = (area_control.EXTRACTED, area_control.SEGMENTS)
MIN_PX, CROPLAND_BUILT_WATER = 12, (40, 50, 80)


@dataclass(frozen=True)
class Result:
    """What one control made of one threshold on one orthophoto; `found` is the share before it was kept in bounds."""

    seed: int
    threshold: float
    control: str
    recall: float
    found: float
    identified: float
    f1: float
    similarity: float


def run_example(folder: Path, seed: int, model: Path | None) -> Path:
    """Draw an orthophoto, train on it or take a model, extract, choose the segmentation; the model used."""
    for part in ("Snakefile", "workflow", "config", "envs", "profiles", "resources"):
        (folder / part).symlink_to(ROOT / part)
    changes: dict[str, object] = {"simulated_orthophotos": {"hills": {"seed": seed}}}
    if model is not None:
        changes |= {"models": {"mines": str(model)}, "areas": {"silesia": {"patches": {"train": False}}}}
        changes |= {"training": {"data": "simulated", "options": {"encoding": "rgb"}}}
    (folder / "seed.yaml").write_text(json.dumps(changes))
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", EXAMPLE, "seed.yaml"]
    targets = [str(FOLDER / name) for name in ("probability.tif", "segmentation.json")]
    subprocess.run([*command, "--", *targets], cwd=folder, check=True, capture_output=True)
    return folder / MODEL if model is None else model


def results(folder: Path, seed: int) -> Iterator[Result]:
    """Form and judge patches at every threshold by both controls."""
    picture, probability = folder / FOLDER / "picture.tif", folder / FOLDER / "probability.tif"
    with open_raster(picture) as source:
        grid = grid_of(source)
    references = read_references(folder / ORTHOPHOTO / "reference.gpkg", grid, 1)
    other = read_other_ground(folder / ORTHOPHOTO / "land_cover.tif", None, grid, CROPLAND_BUILT_WATER)
    chosen = Criterion(**json.loads((folder / FOLDER / "segmentation.json").read_text())["criterion"])
    for threshold in THRESHOLDS:
        found = extracted(probability, threshold, MIN_PX)
        near = surroundings(found, references.labels(LEARNT_FROM))
        labels = segment(picture_reader(picture, near), grid.shape, chosen).labels
        for control in CONTROLS:
            yield judged(seed, threshold, control, labels, found, references, other.mask)


def judged(
    seed: int, threshold: float, control: str, labels: Labels, found: np.ndarray, references: References,
    excluded: np.ndarray,
) -> Result:  # fmt: skip
    """Form patches by one control and judge them by the references set aside."""
    grid = references.grid
    fitted = area_control.fit(labels, found, references.labels(LEARNT_FROM) > 0, control)
    patches = form(area_control.keep(labels, found, fitted.share), excluded, grid.pixel_area_m2, PatchSettings())
    scores = assess(outline(patches, found, grid), found, np.ones(grid.shape, bool), references, AccuracySettings())
    numbers = scores["identified_share"], scores["pixels"]["f1"], scores["area_similarity"] or 0.0
    return Result(seed, threshold, control, fitted.recall or 0.0, fitted.found or 0.0, *numbers)


def mean(rows: list[Result], name: str) -> float:
    """Mean of one number."""
    return float(np.mean([getattr(row, name) for row in rows]))


def tables(rows: list[Result]) -> list[str]:
    """Both controls by threshold, over all seeds."""
    lines = [
        f"{len(SEEDS)} orthophotos: means over them, and the worst F1 of any. The share asked for is that before it is "
        "kept between 5 % and 95 %.",
        "",
        "| threshold | references extracted | control | share asked for | identified | F1 | worst | area similarity |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for threshold in THRESHOLDS:
        for control in CONTROLS:
            own = [row for row in rows if (row.threshold, row.control) == (threshold, control)]
            worst = min(row.f1 for row in own)
            lines.append(
                f"| {threshold:g} | {mean(own, 'recall'):.3f} | {control} | {mean(own, 'found'):.3f} | "
                f"{mean(own, 'identified'):.3f} | {mean(own, 'f1'):.3f} | {worst:.3f} | {mean(own, 'similarity'):.3f} |"
            )
    return lines


def main() -> None:
    """Measure everything and print the figures."""
    rows, model = [], None
    with tempfile.TemporaryDirectory() as name:
        for seed in SEEDS:
            folder = Path(name, str(seed))
            folder.mkdir()
            model = run_example(folder, seed, model)
            rows += list(results(folder, seed))
    for control in CONTROLS:
        own = [row for row in rows if row.control == control]
        print(f"figure patches_control_{control}_f1 {mean(own, 'f1'):.4f}")
        print(f"figure patches_control_{control}_identified {mean(own, 'identified'):.4f}")
        print(f"figure patches_control_{control}_area_similarity {mean(own, 'similarity'):.4f}")
    write_tables("patches_control", tables(rows))


if __name__ == "__main__":
    main()
