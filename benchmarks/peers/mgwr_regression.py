"""Geographically weighted regression by mgwr, run by benchmarks/sbas_fusion.py with the peers' Python.

Reads ``coordinates``, ``values``, ``predictors`` and ``bandwidth`` from an npz file, writes ``coefficients``, ``fit``
and ``left_out`` to another, and prints the CPU seconds of the whole fit and of the one without inference as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from mgwr.gwr import GWR


def main(source: str, target: str) -> None:
    """Fit twice, write the first."""
    given = np.load(source)
    seconds = {}
    for name, lite in (("full", False), ("lite", True)):
        model = GWR(
            given["coordinates"], given["values"][:, None], given["predictors"], float(given["bandwidth"]),
            fixed=True, kernel="gaussian", n_jobs=1,
        )  # fmt: skip
        begin = time.process_time()
        found = model.fit(lite=lite)
        seconds[name] = time.process_time() - begin
        if not lite:
            left_out = np.ravel(found.resid_response) / (1 - np.ravel(found.influ))
            np.savez(target, coefficients=found.params, fit=found.predy[:, 0], left_out=left_out)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
