"""CPU time and memory of the simulator, beside MintPy's, and how close its tiles come to real ones.

Run with ``make bench NAME=simulation``. MintPy runs in an environment of its own (``benchmarks/peers``); the realism
figure needs real tiles (``BASINWATCH_DATA``). Prints ``figure NAME VALUE`` lines and rewrites the table of
docs/benchmarks.md between its markers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

# Set before numpy is imported: waiting threads of a matrix library would count as CPU time.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from document import ROOT, write_tables

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.calibration.files import match
from basinwatch.calibration.pictures import read_tiles
from basinwatch.calibration.sampling import tiles_with_basins
from basinwatch.calibration.statistics import statistics
from basinwatch.calibration.tables import table, worst_factor
from basinwatch.datasets.tiles import write_shard
from basinwatch.simulation.atmosphere import turbulence
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.speckle import multilook_interferogram

PEERS = ROOT / ".venv-peers" / "bin" / "python"
DATA = Path(os.environ.get("BASINWATCH_DATA", ROOT.parent / "shared" / "data"))
PIXEL_SIZE_M = (10.0, 40.0)
REAL_PIXEL_SIZE_M = (14.0, 20.0)
# Medians of rare residues need a thousand tiles; one seed could be chosen to please.
CALIBRATION_TILES, CALIBRATION_SEEDS = 250, (11, 12, 13, 14)
REPEATS = 15


def cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median CPU time of a call, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return float(np.median(times))


def sample_seconds(size_px: int, count: int) -> float:
    """Mean CPU time of drawing and rendering one sample, over samples of all kinds."""
    settings = Settings(tile_size_px=size_px, pixel_size_m=PIXEL_SIZE_M)
    render(draw(settings, count))
    begin = time.process_time()
    for number in range(count):
        render(draw(settings, number))
    return (time.process_time() - begin) / count


def encode_share(size_px: int = 256, count: int = 60) -> float:
    """CPU time of writing a shard over that of simulating its samples."""
    settings = Settings(tile_size_px=size_px, pixel_size_m=PIXEL_SIZE_M)
    begin = time.process_time()
    tiles = [render(draw(settings, number)) for number in range(count)]
    simulated = time.process_time() - begin
    with tempfile.TemporaryDirectory() as name:
        begin = time.process_time()
        write_shard(Path(name, "a.safetensors"), Path(name, "a.json"), tiles, {})
        return (time.process_time() - begin) / simulated


def peak_mb(size_px: int = 800, count: int = 10) -> float:
    """Memory that samples add to a fresh process at most."""
    code = f"import simulation; print(simulation.added_mb({size_px}, {count}))"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return float(child.stdout)


def added_mb(size_px: int, count: int) -> float:
    """Growth of this process's largest resident size while it makes samples, in MB; a small one goes first."""
    render(draw(Settings(tile_size_px=64), 0))
    before = largest_resident_mb()
    settings = Settings(tile_size_px=size_px, pixel_size_m=PIXEL_SIZE_M)
    for number in range(count):
        render(draw(settings, number))
    return largest_resident_mb() - before


def largest_resident_mb() -> float:
    """Read the peak of this process from the kernel (what getrusage tells includes its parent's)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def peer_ratios() -> dict[str, float]:
    """CPU time of MintPy over ours for turbulence, and for phase noise of 20 looks, at 800 × 800 pixels."""
    script = Path(__file__).parent / "peers" / "mintpy_simulation.py"
    answer = subprocess.run([PEERS, script, str(REPEATS)], check=True, capture_output=True, text=True)
    peer = json.loads(answer.stdout.splitlines()[-1])
    rng, shape = np.random.default_rng(1), (800, 800)
    level = rng.uniform(0.1, 0.95, shape).astype(np.float32)
    still = np.zeros(shape, np.float32)
    own = {
        "turbulence": cpu_seconds(lambda: turbulence(rng, shape, Spacing(30.0, 30.0), 1.0)),
        "speckle": cpu_seconds(lambda: np.angle(multilook_interferogram(rng, still, level, 20.0))),
    }
    return {f"{name}_vs_mintpy": peer[name] / own[name] for name in own}


def calibration_factor() -> dict[str, float]:
    """Largest factor between medians of real and simulated tiles; nothing without real tiles."""
    folder = DATA / "mining_tiles"
    if not folder.is_dir():
        return {}
    real = [statistics(tile) for tile in read_tiles(match(str(folder / "image"), str(folder / "label")))]
    simulated = []
    for seed in CALIBRATION_SEEDS:
        settings = replace(Settings(), seed=seed, pixel_size_m=REAL_PIXEL_SIZE_M)
        simulated += [statistics(tile) for tile in tiles_with_basins(settings, CALIBRATION_TILES)]
    return {"calibration_worst_factor": worst_factor(table(real, simulated))}


def main() -> None:
    """Measure, print, write."""
    figures = {
        "sim_800_cpu_s": sample_seconds(800, 24),
        "sim_256_cpu_s": sample_seconds(256, 120),
        "sim_800_peak_mb": peak_mb(),
        "encode_vs_simulate": encode_share(),
    }
    figures |= peer_ratios() | calibration_factor()
    for name, value in figures.items():
        print(f"figure {name} {value:.3f}")
    rows = "\n".join(f"| {name} | {value:.3g} |" for name, value in figures.items())
    write_tables("simulation", [f"| figure | value |\n|---|---|\n{rows}\n"])


if __name__ == "__main__":
    main()
