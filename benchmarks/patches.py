"""Object analysis of mine patches: the segmentation of a large image, and the whole example.

Run with ``make bench NAME=patches``. Prints ``figure NAME VALUE`` lines and rewrites the tables of docs/benchmarks.md
between its markers. Everything is synthetic.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from document import ROOT, write_tables
from numpy.typing import NDArray
from sbas_hotspots import child, largest_resident_mb

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.obia.segmentation import Criterion, array_reader, segment
from basinwatch.simulation.orthophoto import OrthophotoSettings, draw_orthophoto

SIDE_PX, THREADS = 4000, 2
CRITERION = Criterion(scale=79.0, shape=0.2, compactness=0.5)
EXAMPLE = "config/examples/patches.yaml"
FOLDER = Path("results/areas/silesia/patches")


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


def tables(whole: dict[str, float], seconds: float, accuracy: dict[str, object]) -> list[str]:
    """Write down what was measured."""
    pixels, alone = accuracy["pixels"], accuracy["detector_alone"]
    keys = ("overall_accuracy", "producers_accuracy", "users_accuracy", "f1", "kappa")
    return [
        f"{SIDE_PX} × {SIDE_PX} × 3, {THREADS} threads, scale {CRITERION.scale:g}: {whole['wall_s']:.0f} s "
        f"({whole['cpu_s']:.0f} CPU-s), {whole['peak_gb']:.2f} GB with the image, {whole['segments']:.0f} segments.",
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
    whole = large()
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
    write_tables("patches", tables(whole, seconds, accuracy))


if __name__ == "__main__":
    main()
