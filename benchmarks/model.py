"""How well the shipped detector does: simulated validation tiles, and real mining tiles as a check.

Run with ``make bench NAME=model``. The real tiles (``mining_tiles`` under ``BASINWATCH_DATA``) are colour pictures with
outlines drawn by people; they were never trained on, and without them only the simulated figures are printed. A picture
panel of the real tiles goes to ``logs/model_on_real_tiles.png``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from document import ROOT
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.calibration.files import match
from basinwatch.calibration.pictures import read_tiles
from basinwatch.datasets import BASIN, Label, ShardSet
from basinwatch.encoding import encode
from basinwatch.evaluation import compare, confusion, object_scores, pixel_scores
from basinwatch.inference import Predictor
from basinwatch.instances import InstanceSettings, find_instances
from basinwatch.models import load_model
from basinwatch.phase_color import to_rgb
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard
from scipy import ndimage

DATA = Path(os.environ.get("BASINWATCH_DATA", ROOT.parent / "shared" / "data"))
FIRST_TEST_SAMPLE, TEST_SAMPLES = 20_000_000, 200

Tile = tuple[NDArray[np.float32], NDArray[np.float32] | None, list[Label]]


def simulated_tiles() -> list[Tile]:
    """Simulate samples that neither training nor validation uses."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    recipe = schema["properties"]["simulation"]["properties"]
    settings = read_settings({key: recipe[key]["default"] for key in ("seed", "tile_size_px", "pixel_size_m")})
    with tempfile.TemporaryDirectory() as name:
        files = ShardFiles(*(Path(name, f"test.{suffix}") for suffix in ("safetensors", "json", "jsonl")))
        simulate_shard(settings, range(FIRST_TEST_SAMPLE, FIRST_TEST_SAMPLE + TEST_SAMPLES), files, "test")
        tiles = ShardSet.read([(files.arrays, files.coco)])
    batches = [tiles.batch([n]) for n in range(len(tiles))]
    return [(phase[0], coherence[0], tiles.labels(n)) for n, (phase, coherence, _) in enumerate(batches)]


def real_tiles() -> list[Tile]:
    """Pictures whose colours can be inverted, with every drawn outline as one basin."""
    folder = DATA / "mining_tiles"
    tiles = read_tiles(match(str(folder / "image"), str(folder / "label")))
    return [(tile.phase, None, list(tile.labels)) for tile in tiles]


def score(
    name: str, tiles: Sequence[Tile], probabilities: Sequence[NDArray[np.float32]], settings: InstanceSettings
) -> None:
    """Print pixel and object figures of a set of tiles."""
    counts, compared = np.zeros((2, 2), np.int64), []
    for (_, _, labels), probability in zip(tiles, probabilities, strict=True):
        found = find_instances(probability, settings)
        target = np.zeros(probability.shape, np.uint8)
        for label in labels:
            target[label.mask] = 2 if label.ignore else BASIN
        counts += confusion(target, found.labels > 0)
        compared.append(compare(found, labels))
    pixels, objects, centres = pixel_scores(counts), object_scores(compared), object_scores(compared, None)
    figures = {
        "iou": pixels.basin_iou, "miou": pixels.mean_iou, "pa": pixels.accuracy,
        "f1_iou50": objects.f1, "recall_centre": centres.recall, "precision_centre": centres.precision,
    }  # fmt: skip
    for key, value in figures.items():
        print(f"figure {name}_{key} {value:.3f}")


def panel(tiles: Sequence[Tile], probabilities: Sequence[NDArray[np.float32]], threshold: float, path: Path) -> None:
    """Draw drawn outlines white and detected ones black over the phase."""
    pictures = []
    for (phase, _, labels), probability in zip(tiles, probabilities, strict=True):
        picture = to_rgb(phase).copy()
        drawn = np.any([label.mask for label in labels], axis=0) if labels else np.zeros(phase.shape, bool)
        for mask, colour in ((drawn, 255), (probability >= threshold, 0)):
            picture[mask ^ ndimage.binary_erosion(mask, iterations=2)] = colour
        pictures.append(picture)
    rows = [np.hstack(pictures[i : i + 5]) for i in range(0, len(pictures) - 4, 5)]
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(path)


def main() -> None:
    """Score the shipped model."""
    model = load_model(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "resources" / "models" / "basinnet")
    predict = Predictor(model.detector, torch.device("cpu"))
    settings = InstanceSettings(*(model.spec[key] for key in ("threshold", "peak_threshold", "min_area_px")))
    sets = {"simulated": simulated_tiles()} | ({"real": real_tiles()} if DATA.is_dir() else {})
    for name, tiles in sets.items():
        probabilities = [predict(encode(phase, coherence)[None])[0] for phase, coherence, _ in tiles]
        score(name, tiles, probabilities, settings)
        if name == "real":
            panel(tiles, probabilities, settings.threshold, ROOT / "logs" / "model_on_real_tiles.png")


if __name__ == "__main__":
    main()
