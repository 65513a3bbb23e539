"""Mine patches beside others: segmentations of one image, and the published network's first steps.

Run with ``make bench NAME=patches_peers``. Orfeo's mean shift is measured where `MEAN_SHIFT` is installed (Debian's
package otb-bin). Times are CPU seconds, of started programs too. Prints ``figure NAME VALUE`` lines and rewrites the
tables of docs/benchmarks.md between its markers. Everything is synthetic.
"""

from __future__ import annotations

import csv
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from document import ROOT, write_tables
from numpy.typing import NDArray
from scipy import ndimage
from skimage import graph
from skimage.segmentation import slic

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.datasets.tiles import ShardSet, write_shard
from basinwatch.models import load_model
from basinwatch.obia.pictures import PictureSettings, prepare
from basinwatch.obia.references import TRAIN, VALIDATION, read_references
from basinwatch.obia.segmentation import Criterion, array_reader, segment
from basinwatch.obia.tiles import patch_tiles
from basinwatch.rasters import read_raster, write_raster
from basinwatch.simulation.orthophoto import OrthophotoSettings, draw_orthophoto
from basinwatch.simulation.products.orthophoto import write_orthophoto
from basinwatch.training.recipes import read_recipe, training_settings
from basinwatch.training.tile_sources import ShardSource
from basinwatch.training.trainer import train

CRITERION = Criterion(scale=79.0, shape=0.2, compactness=0.5)
CROP_PX, PIXELS_PER_NODE, TOLERANCE_PX = 400, 20, 2
LIMITS = (14, 18, 22, 27, 33)
MEAN_SHIFT, RANGES = "otbcli_LargeScaleMeanShift", (8, 10, 12, 15, 20)
MEAN_SHIFT_RADIUS_PX, MEAN_SHIFT_MIN_PX = 5, 150
PRESET, TILE_PX, OVERLAP = ROOT / "resources/presets/deeplabv3.yaml", 256, 0.5
STEPS, EVERY, BATCH, VALIDATED = 60, 15, 2, 2


@dataclass(frozen=True)
class Quality:
    """What a segmentation of a known image is worth."""

    name: str
    seconds: float
    segments: int
    boundary_recall: float
    deviation: float

    def row(self) -> str:
        """Row of the table."""
        return (
            f"| {self.name} | {self.segments} | {self.boundary_recall:.3f} | {self.deviation:.1f} | "
            f"{self.seconds:.2f} |"
        )


def border(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Pixels with another label to the right or below."""
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    found[:-1] |= labels[1:] != labels[:-1]
    return found


def processor_seconds() -> float:
    """CPU time of this process and of those it waited for."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def judge(
    name: str, make: Callable[[], NDArray[np.integer]], image: NDArray[np.uint8], truth: NDArray[np.integer]
) -> Quality:
    """Time a segmentation; boundary recall within 2 px, and the deviation inside segments, weighted by area."""
    begin = processor_seconds()
    made = make()
    seconds = processor_seconds() - begin
    labels = np.unique(made, return_inverse=True)[1].reshape(truth.shape) + 1
    distance = ndimage.distance_transform_edt(~border(labels))
    recall = float((distance[border(truth)] <= TOLERANCE_PX).mean())
    deviation = np.mean([deviation_inside(band.astype(np.float64), labels) for band in image])
    return Quality(name, seconds, int(labels.max()), recall, float(deviation))


def deviation_inside(band: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Average the standard deviation inside segments, weighted by area."""
    area, total, square = (np.bincount(labels.ravel(), (band**power).ravel())[1:] for power in range(3))
    return float((np.sqrt(np.maximum(area * square - total**2, 0))).sum() / area.sum())


def merged_hierarchically(image: NDArray[np.uint8], limit: float) -> NDArray[np.integer]:
    """Merge scikit-image's superpixels while their mean colours differ by less than a limit."""
    picture = np.moveaxis(image, 0, -1)
    nodes = slic(picture, n_segments=image[0].size // PIXELS_PER_NODE, compactness=10, start_label=1)

    def merge(network: graph.RAG, source: int, target: int) -> None:
        one, other = network.nodes[source], network.nodes[target]
        other["total color"] += one["total color"]
        other["pixel count"] += one["pixel count"]
        other["mean color"] = other["total color"] / other["pixel count"]

    def weigh(network: graph.RAG, source: int, target: int, neighbour: int) -> dict[str, float]:
        difference = network.nodes[target]["mean color"] - network.nodes[neighbour]["mean color"]
        return {"weight": float(np.linalg.norm(difference))}

    return graph.merge_hierarchical(
        nodes, graph.rag_mean_color(picture, nodes), limit, rag_copy=False, in_place_merge=True, merge_func=merge,
        weight_func=weigh,
    )  # fmt: skip


def shifted_to_means(image: NDArray[np.uint8], colour_range: float) -> NDArray[np.integer]:
    """Segments of Orfeo's mean shift, smoothing and merging of small segments included."""
    grid = OrthophotoSettings(size_px=image.shape[1]).grid
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "image.tif"), Path(name, "segments.tif")
        write_raster(source, image, grid, bands=("red", "green", "blue"))
        command = [MEAN_SHIFT, "-in", str(source), "-spatialr", str(MEAN_SHIFT_RADIUS_PX), "-ranger", str(colour_range)]
        command += ["-minsize", str(MEAN_SHIFT_MIN_PX), "-mode", "raster", "-mode.raster.out", str(target), "uint32"]
        subprocess.run(command, check=True, capture_output=True, cwd=name)
        return read_raster(target)


def side_by_side() -> list[Quality]:
    """Segmentations of one image with known outlines, at about the same number of segments."""
    drawn = draw_orthophoto(OrthophotoSettings(size_px=1000, patches=15))
    image, truth = drawn.bands[:3, :CROP_PX, :CROP_PX], drawn.patches[:CROP_PX, :CROP_PX]
    segment(array_reader(image[:, :64, :64]), (64, 64), CRITERION)
    found = [judge("here", lambda: segment(array_reader(image), truth.shape, CRITERION).labels, image, truth)]
    peers = {"scikit-image": (merged_hierarchically, LIMITS)}
    if shutil.which(MEAN_SHIFT):
        peers["Orfeo's mean shift"] = shifted_to_means, RANGES
    for name, (make, values) in peers.items():
        tried = [judge(name, partial(make, image, value), image, truth) for value in values]
        found.append(min(tried, key=lambda peer: abs(peer.segments - found[0].segments)))
    return found


def patch_shards(folder: Path) -> list[ShardSet]:
    """Tiles of the example's orthophoto to learn from, and a few to validate on."""
    image, reference, picture = (folder / name for name in ("image.tif", "reference.gpkg", "picture.tif"))
    write_orthophoto(OrthophotoSettings(), image, reference, folder / "land_cover.tif")
    prepare(image, picture, PictureSettings())
    drawn, sets = read_references(reference, OrthophotoSettings().grid, 1), []
    for use, most in ((TRAIN, None), (VALIDATION, VALIDATED)):
        files = folder / f"{use}.safetensors", folder / f"{use}.json"
        write_shard(*files, patch_tiles(picture, drawn, use, TILE_PX, OVERLAP, 1)[:most], {})
        sets.append(ShardSet.read([files]))
    return sets


def published_network() -> str:
    """Train the study's network, whole, for some steps from random numbers; what came of its loss."""
    with tempfile.TemporaryDirectory() as name:
        training, validation = patch_shards(Path(name))
        changes = {"options": {"encoding": "bands4"}, "seed": 1, "steps": STEPS}
        recipe = read_recipe(PRESET, changes | {"batch_size": BATCH, "validate_every": EVERY})
        settings, model = training_settings(recipe, "published", len(training), (2.5, 2.5)), Path(name, "model")
        begin = processor_seconds()
        train(ShardSource(training, 1), validation, settings, model, device="cpu", threads=1)
        seconds = processor_seconds() - begin
        losses = [float(row["train_loss"]) for row in csv.DictReader((model / "curves.csv").read_text().splitlines())]
        weights = sum(tensor.numel() for tensor in load_model(model).detector.parameters())
    print(f"figure patches_published_loss_ratio {losses[-1] / losses[0]:.4f}")
    return (
        f"The published network ({weights / 1e6:.1f} million weights, tiles of {TILE_PX} px) from random numbers, "
        f"{STEPS} steps of {BATCH} tiles in {seconds:.0f} CPU-s: mean loss of every {EVERY} steps "
        f"{', '.join(f'{loss:.3f}' for loss in losses)}."
    )


def tables(found: list[Quality], published: str) -> list[str]:
    """Write down what was measured."""
    return [
        f"| segmentation of {CROP_PX} × {CROP_PX} px | segments | boundary recall (2 px) | deviation inside | CPU-s |",
        "|---|---|---|---|---|",
        *(quality.row() for quality in found),
        "",
        published,
    ]


def main() -> None:
    """Measure everything and print the figures."""
    found = side_by_side()
    for number, quality in enumerate(found):
        print(f"figure patches_peers_{number}_boundary_recall {quality.boundary_recall:.4f}")
        print(f"figure patches_peers_{number}_deviation {quality.deviation:.4f}")
    write_tables("patches_peers", tables(found, published_network()))


if __name__ == "__main__":
    main()
