"""CPU time and memory of Gi* beside esda's, on the same map of 100 000 points."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from document import ROOT
from scipy import ndimage

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.hotspots import gi_star

PEERS = ROOT / ".venv-peers" / "bin" / "python"
SIDE_PX, RADIUS_PX = 340, 5.0
REPEATS = 15


def rate_map() -> np.ndarray:
    """Draw a correlated map with gaps, of negative mean, float64 (y, x)."""
    rng = np.random.default_rng(0)
    shape = (SIDE_PX, SIDE_PX)
    values = ndimage.gaussian_filter(rng.standard_normal(shape), 3) * 10 + rng.standard_normal(shape) - 5
    gaps = ndimage.gaussian_filter(rng.standard_normal(shape), 4)
    values[gaps < np.quantile(gaps, 0.135)] = np.nan
    return values


def figures() -> dict[str, float]:
    """CPU time and added memory of esda over ours.

    Raises
    ------
    SystemExit
        If the two disagree.
    """
    values = rate_map()
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "rate.npy"), Path(name, "z.npy")
        np.save(source, values)
        script = Path(__file__).parent / "peers" / "esda_hotspots.py"
        peer = child([str(PEERS), str(script), str(source), str(RADIUS_PX), str(target)])
        own = child([sys.executable, "-c", f"import sbas_hotspots; sbas_hotspots.measure({str(source)!r})"])
        difference = np.nanmax(np.abs(np.load(target) - gi_star(values, RADIUS_PX, (1.0, 1.0))))
    if not difference < 1e-10:
        raise SystemExit(f"Gi* differs from esda's by {difference}")
    return {
        "gistar_100k_vs_esda": peer["cpu_s"] / own["cpu_s"],
        "gistar_100k_memory_vs_esda": own["mb"] / peer["mb"],
    }


def child(command: list[str]) -> dict[str, float]:
    """Run a measurement in a process of its own and read the JSON object it prints last."""
    answer = subprocess.run(command, cwd=Path(__file__).parent, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def measure(source: str) -> None:
    """Score a stored map in this process and print CPU time and added memory; a small map goes first."""
    values = np.load(source)
    gi_star(values[:40, :40], RADIUS_PX, (1.0, 1.0))
    # The peak counts from here, not from what imports once took.
    Path("/proc/self/clear_refs").write_text("5")
    before = largest_resident_mb()
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        gi_star(values, RADIUS_PX, (1.0, 1.0))
        times.append(time.process_time() - begin)
    print(json.dumps({"cpu_s": float(np.median(times)), "mb": largest_resident_mb() - before}))


def largest_resident_mb() -> float:
    """Read the peak of this process from the kernel."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    for name, value in figures().items():
        print(f"figure {name} {value:.4f}")
