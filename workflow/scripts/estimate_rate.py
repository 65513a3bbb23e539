"""Estimate the SBAS rate map of a stack.

In: unwrapped phase and coherence of every pair. Out: ``rate.tif`` (rate towards the satellite in mm/yr, its standard
error), ``quality.tif`` (temporal coherence, mean coherence, residual, observations, gaps, whether the rate counts as
measured), ``displacement.tif`` (one band per date, mm) and ``network.json``. Minimum-norm velocity solution after
Berardino et al. (2002).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.grid import Grid
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import write_raster
from basinwatch.sbas.network import Network
from basinwatch.sbas.rate import QUALITY, RateProducts, RateSettings, UnwrappedStack, estimate_rate

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SIGN = {"SIGN": "towards_positive"}


def read_stack(unwrapped: Sequence[str], coherence: Sequence[str], meta: Sequence[str], grid: Grid) -> UnwrappedStack:
    """Gather the pairs of a stack."""
    fields = [read_metadata(path) for path in meta]
    network = Network.of((date.fromisoformat(f["date1"]), date.fromisoformat(f["date2"])) for f in fields)
    wavelength_m = float(fields[0]["wavelength_m"])
    return UnwrappedStack([Path(p) for p in unwrapped], [Path(p) for p in coherence], network, grid, wavelength_m)


def rate_settings(config: Mapping[str, Any]) -> RateSettings:
    """Translate the configuration's section."""
    return RateSettings(
        weighting=config["weights"],
        min_coherence=config["min_coherence"],
        reference_min_coherence=config["reference_coherence"],
        min_temporal_coherence=config["min_temporal_coherence"],
        stable_mm_per_year=config["rate_threshold_mm_yr"],
    )


def write_rate(stack: UnwrappedStack, settings: RateSettings, workers: int, output: Mapping[str, str]) -> None:
    """Invert the stack and write its products."""
    shape = (len(stack.network.dates), *stack.grid.shape)
    # The series of a whole frame does not fit into memory; until it is written it lives in a nameless file.
    with TemporaryFile(dir=Path(output["displacement"]).parent) as scratch:
        series = np.memmap(scratch, np.float32, "w+", shape=shape)
        products = estimate_rate(stack, settings, displacement=series, workers=workers)
        write_maps(products, stack.grid, output)
        dates = [day.isoformat() for day in stack.network.dates]
        write_raster(output["displacement"], series, stack.grid, bands=dates, units="mm", tags=SIGN, lerc_error=0.01)
    write_json(output["network"], stack.network.report() | {"reference_px": int(products.reference.sum())})


def write_maps(products: RateProducts, grid: Grid, output: Mapping[str, str]) -> None:
    """Write rate and quality."""
    rate = np.stack([products.rate, products.sigma])
    write_raster(output["rate"], rate, grid, bands=["rate_mm_yr", "rate_sigma_mm_yr"], units="mm/yr", tags=SIGN)
    quality = np.stack([np.asarray(getattr(products, name), np.float32) for name in QUALITY])
    write_raster(output["quality"], quality, grid, bands=QUALITY)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    write_rate(
        stack=read_stack(inputs.unwrapped, inputs.coherence, inputs.meta, Grid.read(inputs.grid)),
        settings=rate_settings(snakemake.params.settings),
        workers=snakemake.threads,
        output=dict(snakemake.output.items()),
    )
