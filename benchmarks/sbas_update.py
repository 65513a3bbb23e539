"""CPU time of a rate map that takes up one more scene, with its state read and written, over that of a full run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from affine import Affine
from document import ROOT
from sbas_inversion import SIZES, stack

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.grid import Grid
from basinwatch.rasters import encode_share, write_raster
from basinwatch.sbas.corrections.chain import CorrectionSettings
from basinwatch.sbas.corrections.reference import ReferenceSettings
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.rate import estimate_rate
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.update import Memory, remember, update_rate

SIDE_PX = 200
WAVELENGTH_M = 0.05546576
# A frame has a thousand times more pixels than its sample of stable ground.
SETTINGS = RateSettings(corrections=CorrectionSettings(ReferenceSettings(max_px=1000)))


def figures() -> dict[str, float]:
    """Ratios of CPU time, one thread each, measured one after the other; files lie in the page cache."""
    return {f"rate_update_{size}_vs_full": update_over_full(size) for size in SIZES}


def update_over_full(size: str) -> float:
    """Take up the last scene of a stack, twice, and make its rate map without any state."""
    with tempfile.TemporaryDirectory() as name:
        whole = write_pairs(Path(name), size)
        old = np.flatnonzero(whole.network.index[:, 1] < len(whole.network.dates) - 1)
        before = UnwrappedStack(
            unwrapped=[whole.unwrapped[number] for number in old],
            coherence=[Path(name, "coherence.tif")] * len(old),
            network=Network(whole.network.dates[:-1], tuple(whole.network.pairs[number] for number in old)),
            grid=whole.grid,
            wavelength_m=WAVELENGTH_M,
        )
        memory = Memory(Path(name, "state"), "")
        remember(memory, update_rate(before, SETTINGS, None, memory))
        found = []
        update = min(
            cpu_seconds(lambda: found.append(update_rate(whole, SETTINGS, None, memory))),
            cpu_seconds(lambda: found.append(update_rate(whole, SETTINGS, None, memory))),
        )
        full = cpu_seconds(lambda: found.append(estimate_rate(whole, SETTINGS)))
    if any(one.report["mode"] != "appended" or one.report["blocks_in_full"] for one in found[:2]):
        raise SystemExit(f"the update was a full run: {found[0].report}")
    return update / full


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def write_pairs(folder: Path, size: str) -> UnwrappedStack:
    """Write a simulated stack as rasters, one per pair."""
    pairs, days, phase = stack(*SIZES[size], SIDE_PX**2)
    grid = Grid.from_map(SIDE_PX, SIDE_PX, Affine(40, 0, 400_000, 0, -40, 5_600_000), "EPSG:32633")
    paths = [folder / f"{number}.tif" for number in range(len(pairs))]
    for path, values in zip(paths, phase, strict=True):
        write_raster(path, values.reshape(grid.shape), grid, bands=["unwrapped_phase"], lerc_error=1e-3)
    coherence = np.random.default_rng(0).uniform(0.4, 1, grid.shape)
    write_raster(folder / "coherence.tif", encode_share(coherence), grid, bands=["coherence"])
    dates = tuple(date(2020, 1, 3) + timedelta(day - days[0]) for day in days)
    network = Network(dates, tuple((int(first), int(second)) for first, second in pairs))
    return UnwrappedStack(paths, [folder / "coherence.tif"] * len(pairs), network, grid, WAVELENGTH_M)
