"""Ingest of an 8000 × 8000 interferogram against a mere copy, its memory, and what the formats cost in phase.

Run with ``make bench NAME=ingest``. A copy reads the file with numpy and writes the finished phase with the interchange
format's codec, without any computation between. Times are processor seconds of processes of their own. Prints
``figure NAME VALUE`` lines and rewrites the table of docs/benchmarks.md.
"""

from __future__ import annotations

import os

# Set before numpy is imported: waiting threads of a matrix library would count as CPU time.
os.environ["OMP_NUM_THREADS"] = "1"

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from document import ROOT, write_tables

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.grid import Grid
from basinwatch.interferogram import PHASE_MAX_ERROR_RAD
from basinwatch.phase import wrap
from basinwatch.phase_color import from_rgb, to_rgb
from basinwatch.provenance import write_json
from basinwatch.rasters import profile, read_raster, write_raster
from basinwatch.readers import PairFiles, read_grid
from ingest_interferogram import ingest_interferogram

SIDE_PX, REPEATS = 8000, 3
NAME = "20200101_20200113"
NOISE_RAD = 0.6
LEAST_BRIGHTNESS = 0.25
UTM = Grid.from_map(1200, 1000, Affine(20, 0, 300000, 0, -20, 5600000), "EPSG:32634")


def write_scene(folder: Path, side_px: int = SIDE_PX) -> None:
    """Big-endian complex interferogram: fringes, noise, and a strip without data."""
    rng = np.random.default_rng(0)
    x = np.arange(side_px, dtype=np.float32)
    with (folder / f"{NAME}.diff").open("wb") as target:
        for y in range(side_px):
            bowl = 40 * np.exp(-((x - side_px / 3) ** 2 + (y - side_px / 2) ** 2) / 2e5) + x / 300
            values = np.exp(1j * (bowl + rng.normal(0, NOISE_RAD, side_px)))
            values[: side_px // 40] = 0
            values.astype(">c8").tofile(target)
    size = f"interferogram_width: {side_px}\ninterferogram_azimuth_lines: {side_px}\n"
    spacing = "interferogram_range_pixel_spacing: 9.3 m\ninterferogram_azimuth_pixel_spacing: 14.0 m\n"
    (folder / f"{NAME}.off").write_text(size + spacing)


def ingest(folder: Path, phase: str = f"{NAME}.diff", lossless: bool = False) -> Path:
    """Run the rule's own function on a file."""
    files = PairFiles(date(2020, 1, 1), date(2020, 1, 13), folder / phase)
    write_json(folder / "grid.json", read_grid(files).to_dict())
    outputs = [folder / name for name in ("phase.tif", "coherence.tif", "meta.json")]
    ingest_interferogram(files, "auto", folder / "grid.json", *outputs, lossless=lossless)
    return outputs[0]


def ingest_cost(folder: str) -> None:
    """Processor seconds and peak memory (MB) of an ingest, Python's start left out of the time."""
    begin = time.process_time()
    ingest(Path(folder))
    print(time.process_time() - begin, peak_mb())


def copy_cost(folder: str) -> None:
    """Processor seconds of reading the same file and writing the same raster, and their peak memory (MB)."""
    finished = read_raster(Path(folder, "phase.tif"))
    begin = time.process_time()
    stored = np.fromfile(Path(folder, f"{NAME}.diff"), ">c8")
    grid = Grid(finished.shape[1], finished.shape[0], None, None, (9.3, 14.0))
    write_raster(Path(folder, "copy.tif"), finished, grid, bands=["wrapped_phase"], lerc_error=PHASE_MAX_ERROR_RAD)
    print(time.process_time() - begin, peak_mb(), len(stored))


def peak_mb() -> float:
    """Largest resident size of this process, from the kernel."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def apart(function: str, folder: Path) -> list[float]:
    """Run a function in a process of its own and return the numbers it prints."""
    code = f"import sys, ingest; ingest.{function}(sys.argv[1])"
    child = subprocess.run(
        [sys.executable, "-c", code, folder], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return [float(word) for word in child.stdout.split()]


def against_copy(folder: Path) -> tuple[float, float]:
    """Median over repeats of the ratio of times, and the largest peak of the ingest in MB."""
    ratios, peaks = [], []
    for _ in range(REPEATS):
        seconds, peak = apart("ingest_cost", folder)
        ratios.append(seconds / apart("copy_cost", folder)[0])
        peaks.append(peak)
    return float(np.median(ratios)), max(peaks)


def write_float_tiff(path: Path, values: np.ndarray) -> None:
    """GeoTIFF of complex numbers or of phase, as stored."""
    with rasterio.open(path, "w", **profile(UTM, str(values.dtype)) | {"predictor": 1, "nodata": None}) as target:
        target.write(values, 1)


def header(folder: Path) -> None:
    """GAMMA header of the scene the round trip is measured on."""
    size = f"interferogram_width: {UTM.width}\ninterferogram_azimuth_lines: {UTM.height}\n"
    spacing = "interferogram_range_pixel_spacing: 20 m\ninterferogram_azimuth_pixel_spacing: 20 m\n"
    (folder / f"{NAME}.off").write_text(size + spacing)


WRITERS: Mapping[str, Callable[[Path, np.ndarray], object]] = {
    f"{NAME}.diff": lambda path, phase: np.exp(1j * phase).astype(">c8").tofile(path),
    f"{NAME}_little.diff": lambda path, phase: np.exp(1j * phase).astype("<c8").tofile(path),
    f"{NAME}.unw": lambda path, phase: (phase + 20 * np.pi).astype(">f4").tofile(path),
    f"{NAME}_complex.tif": lambda path, phase: write_float_tiff(path, np.exp(1j * phase).astype(np.complex64)),
    f"{NAME}_float.tif": lambda path, phase: write_float_tiff(path, phase.astype(np.float32)),
}


def round_trip_rad(folder: Path) -> float:
    """Largest difference between true phase and the interchange file, over the ways it comes in and is kept.

    The phase covers the whole cycle evenly and both of its ends; cycles are added where the file is unwrapped.
    """
    rng = np.random.default_rng(1)
    phase = rng.uniform(-np.pi, np.pi, UTM.shape)
    phase[0, :3] = np.float32(np.pi) - np.float32(2.5e-7), -np.float32(np.pi) + np.float32(2.5e-7), 1e-6
    header(folder)
    errors = []
    for name, write in WRITERS.items():
        write(folder / name, phase)
        for lossless in (False, True):
            found = read_raster(ingest(folder, name, lossless)).astype(np.float64)
            errors.append(float(np.abs(wrap(found - phase)).max()))
    return max(errors)


def colour_inverse_rad() -> float:
    """Root mean square error of phase painted with the wheel at a quarter to full brightness and read back."""
    rng = np.random.default_rng(2)
    phase = rng.uniform(-np.pi, np.pi, (1000, 1000))
    painted = to_rgb(phase, rng.uniform(LEAST_BRIGHTNESS, 1, phase.shape))
    return float(np.sqrt(np.mean(wrap(from_rgb(painted)[0] - phase) ** 2)))


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        write_scene(Path(name))
        ratio, peak = against_copy(Path(name))
    with tempfile.TemporaryDirectory() as name:
        error = round_trip_rad(Path(name))
    figures = {
        "ingest_8000_vs_copy": ratio,
        "ingest_8000_peak_mb": peak,
        "phase_round_trip_rad": error,
        "colour_inverse_rms_rad": colour_inverse_rad(),
    }
    for figure, value in figures.items():
        print(f"figure {figure} {value:.6g}", flush=True)
    rows = "\n".join(f"| {figure} | {value:.4g} |" for figure, value in figures.items())
    write_tables("ingest", [f"| figure | value |\n|---|---|\n{rows}\n"])


if __name__ == "__main__":
    main()
