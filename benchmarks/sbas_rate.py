"""Memory of the rate map of a whole frame: 4000 × 4000 pixels, 60 dates, 300 pairs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from affine import Affine
from document import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.grid import Grid
from basinwatch.rasters import encode_share, write_raster
from basinwatch.sbas.corrections.ground import Auxiliary
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.rate import estimate_rate
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.series_file import series_writer
from shapely.geometry import Point

DATES, LINKS, PAIRS = 60, 6, 300
DISTINCT = 5
WORKERS = 2
WAVELENGTH_M = 0.05546576


def figures(size_px: int = 4000) -> dict[str, float]:
    """Largest resident size in GB of a process of its own that makes the rate map and its series."""
    code = f"import sbas_rate; print(sbas_rate.frame_peak_gb({size_px}))"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return {"sbas_frame_peak_gb": float(child.stdout.splitlines()[-1])}


def frame_peak_gb(size_px: int) -> float:
    """Make a stack, estimate its rate, and read this process's peak from the kernel."""
    grid = Grid.from_map(size_px, size_px, Affine(40, 0, 400_000, 0, -40, 5_600_000), "EPSG:32633")
    with tempfile.TemporaryDirectory() as name:
        stack = write_stack(Path(name), grid)
        mines = Auxiliary(detected=[Point(410_000 + 3000 * k, 5_590_000).buffer(600) for k in range(20)])
        with series_writer(Path(name, "series.tif"), grid, stack.network.dates) as write:
            estimate_rate(stack, RateSettings(weighting="coherence"), mines, on_series=write, workers=WORKERS)
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def write_stack(folder: Path, grid: Grid) -> UnwrappedStack:
    """Nearest-neighbour network, thinned; its pairs share a few rasters, for memory is all that counts."""
    rng = np.random.default_rng(0)
    phase = [folder / f"{number}.tif" for number in range(DISTINCT)]
    for path in phase:
        values = rng.normal(0, 1, grid.shape).astype(np.float32)
        values[rng.random(grid.shape, np.float32) < 0.1] = np.nan
        write_raster(path, values, grid, bands=["unwrapped_phase"], lerc_error=1e-3)
    coherence = folder / "coherence.tif"
    write_raster(coherence, encode_share(rng.uniform(0.4, 1, grid.shape)), grid, bands=["coherence"])
    pairs = [(i, j) for i in range(DATES) for j in range(i + 1, min(i + LINKS, DATES - 1) + 1)]
    longer = [k for k, (i, j) in enumerate(pairs) if j - i > 1]
    dropped = set(rng.choice(longer, len(pairs) - PAIRS, replace=False).tolist())
    days = [date(2022, 1, 3) + timedelta(12 * k) for k in range(DATES)]
    network = Network.of((days[i], days[j]) for k, (i, j) in enumerate(pairs) if k not in dropped)
    return UnwrappedStack([phase[k % DISTINCT] for k in range(PAIRS)], [coherence] * PAIRS, network, grid, WAVELENGTH_M)
