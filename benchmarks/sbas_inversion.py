"""CPU time of the inversion, with its quality layers, beside per-pixel least squares and MintPy's, and of an update."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from document import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.sbas.inversion import invert
from basinwatch.sbas.state import ALL_DATES, append, start

PEERS = ROOT / ".venv-peers" / "bin" / "python"
SIZES = {"60_300": (60, 300), "132_749": (132, 749)}
LONGEST_PAIR, MISSING, NOISE_RAD = 6, 0.1, 0.4
PIXELS, PEER_PIXELS, REPEATS = 40_000, 400, 7

Stack = tuple[np.ndarray, np.ndarray, np.ndarray]


def stack(dates: int, pairs: int, pixels: int = PIXELS) -> Stack:
    """Draw pairs (m, 2), days and float32 observations (m, pixels): drifting ground, noise and random gaps.

    Of all pairs of up to six scenes, those of neighbours are kept and others drawn.
    """
    rng = np.random.default_rng(1)
    days = np.cumsum(rng.choice([12.0, 24.0], dates, p=[0.9, 0.1]))
    every = np.array([(i, j) for i in range(dates) for j in range(i + 1, min(i + LONGEST_PAIR, dates - 1) + 1)])
    long = np.flatnonzero(every[:, 1] - every[:, 0] > 1)
    dropped = rng.choice(long, len(every) - pairs, replace=False)
    network = np.delete(every, dropped, axis=0)
    drift = rng.normal(0, 0.3, pixels) * days[:, None] / 12 + np.cumsum(rng.normal(0, 0.2, (dates, pixels)), axis=0)
    y = (drift[network[:, 1]] - drift[network[:, 0]]).astype(np.float32)
    y += NOISE_RAD * rng.standard_normal(y.shape, np.float32)
    y[rng.random(y.shape, np.float32) < MISSING] = np.nan
    return network, days, y


def cpu_seconds(**works: Callable[[], object]) -> dict[str, float]:
    """CPU time of the fastest of several calls of each, in turn, so that all meet the same load of the machine."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for name, work in [*works.items()] * REPEATS:
        begin = time.process_time()
        work()
        times[name].append(time.process_time() - begin)
    return {name: min(measured) for name, measured in times.items()}


def least_squares(pairs: np.ndarray, days: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Series (dates, pixels) of least velocity norm, pixel by pixel (Berardino et al. 2002)."""
    steps = np.diff(days)
    design = np.array([[a <= i < b for i in range(len(steps))] for a, b in pairs]) * steps
    series = np.zeros((len(days), y.shape[1]))
    for p, seen in enumerate(np.isfinite(y).T):
        velocity = np.linalg.lstsq(design[seen], y[seen, p].astype(np.float64), rcond=1e-5)[0]
        series[1:, p] = np.cumsum(velocity * steps)
    return series


def mintpy(pairs: np.ndarray, days: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """CPU seconds per pixel of MintPy and its series."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "stack.npz"), Path(name, "series.npy")
        np.savez(source, pairs=pairs, days=days, observations=y)
        script = Path(__file__).parent / "peers" / "mintpy_inversion.py"
        answer = subprocess.run([PEERS, script, source, target], check=True, capture_output=True, text=True)
        return json.loads(answer.stdout.splitlines()[-1])["cpu_s"], np.load(target)


def agree(name: str, series: np.ndarray, reference: np.ndarray, limit_rad: float) -> None:
    """Stop if two series differ."""
    difference = np.abs(series - reference).max()
    if not difference < limit_rad:
        raise SystemExit(f"series differ from {name} by {difference} rad")


def against_peers(size: str, *, with_mintpy: bool) -> dict[str, float]:
    """CPU time per pixel of per-pixel solvers over that of the inversion."""
    pairs, days, y = stack(*SIZES[size])
    few = y[:, :PEER_PIXELS]
    series = invert(pairs, days, few).displacement
    agree("per-pixel least squares", series, least_squares(pairs, days, few), 1e-6)
    seconds = cpu_seconds(own=lambda: invert(pairs, days, y), peer=lambda: least_squares(pairs, days, few))
    own = seconds["own"] / PIXELS
    found = {f"sbas_{size}_vs_lstsq": seconds["peer"] / PEER_PIXELS / own}
    if with_mintpy:
        peer, theirs = mintpy(pairs, days, few)
        agree("MintPy", series[:, theirs.any(axis=0)], theirs[:, theirs.any(axis=0)], 1e-2)
        found[f"sbas_{size}_vs_mintpy"] = peer / own
    return found


def updates() -> dict[str, float]:
    """CPU time of taking up the last date, solving all dates again or the latest ones, over that of a full run."""
    pairs, days, y = stack(*SIZES["132_749"])
    old = pairs[:, 1] < len(days) - 1
    new_pairs, new = pairs[~old], y[~old]
    whole = invert(pairs, days, y).displacement
    works: dict[str, Callable[[], object]] = {"full": lambda: invert(pairs, days, y)}
    for name, lag in (("append_all", ALL_DATES), ("append_tail", 4 * LONGEST_PAIR)):
        state, _ = start(pairs[old], days[:-1], y[old], lag=lag)
        solution = append(state, new_pairs, days[-1:], new)[1]
        agree("a full run", solution.displacement, whole[solution.first :], 1e-6)
        works[name] = partial(append, state, new_pairs, days[-1:], new)
    seconds = cpu_seconds(**works)
    full = seconds.pop("full")
    return {f"{name}_vs_full": measured / full for name, measured in seconds.items()}


def figures() -> dict[str, float]:
    """Ratios of CPU time, one process and thread each.

    Raises
    ------
    SystemExit
        If a result differs from its reference.
    """
    return against_peers("60_300", with_mintpy=True) | against_peers("132_749", with_mintpy=False) | updates()
