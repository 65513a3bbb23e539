"""MintPy's inversion of one stack, pixel by pixel, run by benchmarks/sbas_inversion.py with the peers' Python.

Reads the stack (``pairs``, ``days``, ``observations``) from an npz file, writes the series to a npy file and prints
one JSON object: CPU seconds per pixel.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from mintpy.ifgram_inversion import estimate_timeseries

REPEATS = 3


def main(source: str, target: str) -> None:
    """Invert every pixel as MintPy does those with gaps, and keep the fastest of several runs."""
    stack = np.load(source)
    pairs, years, y = stack["pairs"], stack["days"] / 365.25, stack["observations"]
    epochs = np.eye(len(years), dtype=np.float32)
    design = (epochs[pairs[:, 1]] - epochs[pairs[:, 0]])[:, 1:]
    steps = np.diff(years).astype(np.float32)
    spans = np.array([[a <= i < b for i in range(len(steps))] for a, b in pairs], np.float32) * steps
    series, times = np.zeros((len(years), y.shape[1]), np.float32), []
    for _ in range(REPEATS):
        begin = time.process_time()
        for p in range(y.shape[1]):
            found, _, _ = estimate_timeseries(
                A=design, B=spans, y=y[:, p], tbase_diff=steps[:, None], weight_sqrt=None, print_msg=False
            )
            series[:, p] = found.flatten()
        times.append(time.process_time() - begin)
    np.save(target, series)
    print(json.dumps({"cpu_s": min(times) / y.shape[1]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
