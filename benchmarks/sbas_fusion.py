"""Raster regression beside mgwr: CPU time at 8 000 points, and how far the results differ."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from document import ROOT
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.fusion.regression import regress

PEERS = ROOT / ".venv-peers" / "bin" / "python"
SIDE_PX, BANDWIDTH_PX = 94, 6.0
AGREEMENT = 1e-8
REPEATS = 15

Array = NDArray[np.float64]


def scene(seed: int = 0) -> tuple[Array, list[Array]]:
    """Values with a tenth missing, and cosine and sine of a random aspect."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    aspect = rng.uniform(0, 2 * np.pi, (SIDE_PX, SIDE_PX))
    covariates = [np.cos(aspect), np.sin(aspect)]
    values = 1 + np.sin(x / 20) + covariates[0] * y / SIDE_PX + 0.1 * rng.standard_normal(aspect.shape)
    values[rng.random(aspect.shape) < 0.1] = np.nan
    return values, covariates


def peer(values: Array, covariates: list[Array]) -> tuple[dict[str, float], dict[str, Array]]:
    """CPU seconds and results of mgwr; its coordinates count east and north in pixels."""
    seen = np.isfinite(values)
    rows, columns = np.nonzero(seen)
    place = np.column_stack([columns, -rows]).astype(float)
    predictors = np.column_stack([place, *(covariate[seen] for covariate in covariates)])
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "in.npz"), Path(name, "out.npz")
        np.savez(source, coordinates=place, values=values[seen], predictors=predictors, bandwidth=BANDWIDTH_PX)
        script = Path(__file__).parent / "peers" / "mgwr_regression.py"
        answer = subprocess.run([PEERS, script, source, target], check=True, capture_output=True, text=True)
        with np.load(target) as found:
            return json.loads(answer.stdout.splitlines()[-1]), dict(found)


def difference(values: Array, covariates: list[Array], found: dict[str, Array]) -> float:
    """Largest difference of coefficients, fit and leave-one-out residual."""
    seen = np.isfinite(values)
    surface = regress(values, covariates, (1.0, 1.0), BANDWIDTH_PX)
    rows, columns = np.nonzero(seen)
    coefficients = surface.coefficients[:, seen].T
    # mgwr's constant is the level at the origin of its coordinates.
    coefficients[:, 0] -= coefficients[:, 1] * columns - coefficients[:, 2] * rows
    own = {"coefficients": coefficients, "fit": surface.fit[seen], "left_out": surface.left_out[seen]}
    return max(float(np.abs(own[key] - found[key]).max()) for key in own)


def cpu_seconds(values: Array, covariates: list[Array]) -> float:
    """Median CPU time of a regression, after one that is not counted."""
    times = []
    for _ in range(REPEATS + 1):
        begin = time.process_time()
        regress(values, covariates, (1.0, 1.0), BANDWIDTH_PX)
        times.append(time.process_time() - begin)
    return float(np.median(times[1:]))


def figures() -> dict[str, float]:
    """CPU time of mgwr's full fit and of its fit without inference over ours.

    Raises
    ------
    AssertionError
        If the results differ by more than `AGREEMENT`.
    """
    values, covariates = scene()
    seconds, found = peer(values, covariates)
    apart = difference(values, covariates, found)
    if apart > AGREEMENT:
        raise AssertionError(f"results differ from mgwr's by {apart:.1e}")
    own = cpu_seconds(values, covariates)
    return {
        "gwr_8k_vs_mgwr": seconds["full"] / own,
        "gwr_8k_vs_mgwr_lite": seconds["lite"] / own,
        "gwr_8k_max_difference": apart,
    }


if __name__ == "__main__":
    for name, value in figures().items():
        print(f"figure {name} {value:.3g}")
