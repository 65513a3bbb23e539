"""CPU time of MintPy's simulators, run by benchmarks/simulation.py with the peers' Python; prints one JSON object."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from mintpy.simulation.decorrelation import coherence2decorrelation_phase
from mintpy.simulation.fractal import fractal_surface_atmos

SIZE, SPACING_M, LOOKS = 800, 30.0, 20


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median CPU time of a call, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return float(np.median(times))


def main(repeats: int) -> None:
    """Time turbulence and decorrelation phase on 800 × 800 pixels."""
    coherence = np.random.default_rng(1).uniform(0.1, 0.95, (SIZE, SIZE)).astype(np.float32)
    figures = {
        "turbulence": cpu_seconds(lambda: fractal_surface_atmos((SIZE, SIZE), SPACING_M), repeats),
        "speckle": cpu_seconds(lambda: coherence2decorrelation_phase(coherence, LOOKS, print_msg=False), repeats),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]))
