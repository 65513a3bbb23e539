"""Object analysis of mine patches: the segmentation alone, beside scikit-image's region merging, and the whole example.

Run with ``make bench NAME=patches``. Prints ``figure NAME VALUE`` lines and rewrites the tables of docs/benchmarks.md
between its markers. Everything is synthetic.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from document import ROOT, write_tables
from numpy.typing import NDArray
from sbas_hotspots import child, largest_resident_mb
from scipy import ndimage
from skimage import graph
from skimage.segmentation import slic

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.obia.segmentation import Criterion, array_reader, segment
from basinwatch.simulation.orthophoto import OrthophotoSettings, draw_orthophoto

SIDE_PX, THREADS = 4000, 2
CRITERION = Criterion(scale=79.0, shape=0.2, compactness=0.5)
CROP_PX, PIXELS_PER_NODE, TOLERANCE_PX = 400, 20, 2
LIMITS = (14, 18, 22, 27, 33)
EXAMPLE = "config/examples/patches.yaml"
FOLDER = Path("results/areas/silesia/patches")


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


def large_image() -> NDArray[np.uint8]:
    """Make an orthophoto of 1000 px large by mirror images, with new noise, uint8 (3, y, x)."""
    drawn = draw_orthophoto(OrthophotoSettings(size_px=1000, patches=15, noise=0.0)).bands[:3]
    rest = SIDE_PX - drawn.shape[1]
    wide = np.pad(drawn, ((0, 0), (0, rest), (0, rest)), mode="symmetric").astype(np.float32)
    wide += np.random.default_rng(0).normal(0, 5, wide.shape).astype(np.float32)
    return np.clip(np.rint(wide), 0, 255).astype(np.uint8)


def measure(source: str) -> None:
    """Segment a stored image in this process; print wall and CPU seconds, added memory and segments."""
    image = np.load(source)
    segment(array_reader(image[:, :64, :64]), (64, 64), CRITERION)
    Path("/proc/self/clear_refs").write_text("5")
    wall, cpu, before = time.perf_counter(), time.process_time(), largest_resident_mb()
    found = segment(array_reader(image), image.shape[1:], CRITERION, threads=THREADS)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    added = (largest_resident_mb() - before + image.nbytes / 1e6) / 1e3
    print(json.dumps(seconds | {"peak_gb": added, "segments": int(found.regions.pixels.size)}))


def large() -> dict[str, float]:
    """Time and memory of the segmentation of a large image."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "image.npy")
        np.save(source, large_image())
        return child([sys.executable, "-c", f"import patches; patches.measure({str(source)!r})"])


def border(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Pixels with another label to the right or below."""
    found = np.zeros(labels.shape, bool)
    found[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    found[:-1] |= labels[1:] != labels[:-1]
    return found


def judge(
    name: str, make: Callable[[], NDArray[np.integer]], image: NDArray[np.uint8], truth: NDArray[np.integer]
) -> Quality:
    """Time a segmentation; boundary recall within 2 px, and the deviation inside segments, weighted by area."""
    begin = time.process_time()
    made = make()
    seconds = time.process_time() - begin
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


def side_by_side() -> list[Quality]:
    """Both segmentations of one image with known outlines, at about the same number of segments."""
    drawn = draw_orthophoto(OrthophotoSettings(size_px=1000, patches=15))
    image, truth = drawn.bands[:3, :CROP_PX, :CROP_PX], drawn.patches[:CROP_PX, :CROP_PX]
    segment(array_reader(image[:, :64, :64]), (64, 64), CRITERION)
    own = judge("here", lambda: segment(array_reader(image), truth.shape, CRITERION).labels, image, truth)
    peers = [judge("scikit-image", partial(merged_hierarchically, image, limit), image, truth) for limit in LIMITS]
    return [own, min(peers, key=lambda peer: abs(peer.segments - own.segments))]


def example() -> tuple[float, dict[str, object], dict[str, object]]:
    """Run the example's patches in an empty folder; seconds, accuracy and control."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("Snakefile", "workflow", "config", "envs", "profiles", "resources"):
            (folder / part).symlink_to(ROOT / part)
        begin = time.perf_counter()
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", EXAMPLE]
        subprocess.run([*command, "--", str(FOLDER / "accuracy.json")], cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - begin
        files = [folder / FOLDER / f"{part}.json" for part in ("accuracy", "control")]
        return seconds, *(json.loads(path.read_text()) for path in files)


def tables(whole: dict[str, float], pair: list[Quality], seconds: float, accuracy: dict[str, object]) -> list[str]:
    """Write down what was measured."""
    pixels, alone = accuracy["pixels"], accuracy["detector_alone"]
    keys = ("overall_accuracy", "producers_accuracy", "users_accuracy", "f1", "kappa")
    return [
        f"{SIDE_PX} × {SIDE_PX} × 3, {THREADS} threads, scale {CRITERION.scale:g}: {whole['wall_s']:.0f} s "
        f"({whole['cpu_s']:.0f} CPU-s), {whole['peak_gb']:.2f} GB with the image, {whole['segments']:.0f} segments.",
        "",
        f"| segmentation of {CROP_PX} × {CROP_PX} px | segments | boundary recall (2 px) | deviation inside | CPU-s |",
        "|---|---|---|---|---|",
        *(quality.row() for quality in pair),
        "",
        f"Example (`{EXAMPLE}`) from nothing to its accuracy in {seconds:.0f} s: {accuracy['identified']} of "
        f"{accuracy['references']} test patches identified, mean area similarity {accuracy['area_similarity']:.3f}.",
        "",
        "| pixels | overall | producer's | user's | F1 | kappa |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | " + " | ".join(f"{found[key]:.3f}" for key in keys) + " |"
            for name, found in (("patches", pixels), ("detector alone", alone))
        ),
    ]


def main() -> None:
    """Measure everything and print the figures."""
    whole, pair = large(), side_by_side()
    seconds, accuracy, _ = example()
    figures = {
        "segment_4000_s": whole["wall_s"],
        "segment_4000_peak_gb": whole["peak_gb"],
        "patches_identified": accuracy["identified_share"],
        "patches_f1": accuracy["pixels"]["f1"],
        "patches_area_similarity": accuracy["area_similarity"],
    }
    for name, value in figures.items():
        print(f"figure {name} {value:.4f}")
    write_tables("patches", tables(whole, pair, seconds, accuracy))


if __name__ == "__main__":
    main()
