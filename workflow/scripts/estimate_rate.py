"""Estimate the SBAS rate map of a stack.

In: unwrapped phase and coherence of every pair, detected basins (no reference there); where there are any, a reference
place, heights, incidence, baselines and delays. Out: ``rate.tif`` (rate towards the satellite in mm/yr, its standard
error), ``quality.tif`` (temporal coherence, mean coherence, residual, observations, gaps, whether the rate counts as
measured, loops that do not close, repaired observations, elevation error), ``displacement.tif`` (one band per date, mm)
and ``network.json`` (with what was corrected). Minimum-norm velocity solution after Berardino et al. (2002).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import write_raster
from basinwatch.sbas.baselines import read_baselines
from basinwatch.sbas.corrections import chain
from basinwatch.sbas.corrections.delay import DelayMaps
from basinwatch.sbas.corrections.ground import Auxiliary
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.rate import QUALITY, RateProducts, RateSettings, estimate_rate
from basinwatch.sbas.series_file import SIGN_TAGS, series_writer
from basinwatch.vectors import read_vectors
from shapely.geometry.base import BaseGeometry

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_stack(unwrapped: Sequence[str], coherence: Sequence[str], meta: Sequence[str], grid: Grid) -> UnwrappedStack:
    """Gather the pairs of a stack."""
    fields = [read_metadata(path) for path in meta]
    network = Network.of((date.fromisoformat(f["date1"]), date.fromisoformat(f["date2"])) for f in fields)
    wavelength_m = float(fields[0]["wavelength_m"])
    return UnwrappedStack([Path(p) for p in unwrapped], [Path(p) for p in coherence], network, grid, wavelength_m)


def outlines(path: str, layer: str | None, grid: Grid) -> list[BaseGeometry]:
    """Read geometries in the grid's coordinate system."""
    found = read_vectors(path, layer)
    if (found.crs is None) != (grid.crs_wkt is None):
        known = "no coordinate system" if found.crs is None else found.crs.name
        wanted = "pixel coordinates without any, as in the stack" if grid.crs_wkt is None else "one, as the stack has"
        raise InputError(f"{path}: found {known}, expected {wanted}; convert the file.")
    return list(found.geometry if grid.crs_wkt is None else found.to_crs(grid.crs_wkt).geometry)


def read_auxiliary(inputs: Mapping[str, Any], incidence_deg: float | None, grid: Grid) -> Auxiliary:
    """Gather what else is known of the scene, as far as there are files; delays lie in one folder or its folders."""
    if incidence_deg is None:
        incidence_deg = read_metadata(inputs["meta"][0]).get("incidence_deg")
    folders = [Path(path).parent for path in inputs.get("delays", [])]
    return Auxiliary(
        detected=outlines(inputs["basins"], "basins", grid),
        reference=outlines(inputs["place"], None, grid) if "place" in inputs else (),
        heights=Path(inputs["heights"]) if "heights" in inputs else None,
        incidence_deg=Path(inputs["incidence"]) if "incidence" in inputs else incidence_deg,
        baselines_m=read_baselines(inputs["baselines"]) if "baselines" in inputs else None,
        delays=DelayMaps.find(commonpath(folders)) if folders else None,
    )


def correction_settings(config: Mapping[str, Any]) -> chain.CorrectionSettings:
    """Translate the sections of the corrections."""
    reference = {key: value for key, value in config["reference"].items() if key != "place"}
    height_error = config["height_error"] | {"steps": tuple(map(date.fromisoformat, config["height_error"]["steps"]))}
    return chain.CorrectionSettings(
        reference=chain.ReferenceSettings(min_coherence=config["reference_coherence"], **reference),
        closure=chain.ClosureSettings(**config["closure"]),
        delay=chain.DelaySettings(**config["delay"]),
        ramp=chain.RampSettings(**config["ramp"]),
        height_error=chain.HeightErrorSettings(**height_error),
        principal=chain.PrincipalSettings(**config["principal"]),
    )


def rate_settings(config: Mapping[str, Any]) -> RateSettings:
    """Translate the configuration's section."""
    return RateSettings(
        weighting=config["weights"],
        looks=config["looks"],
        min_coherence=config["min_coherence"],
        corrections=correction_settings(config),
        min_temporal_coherence=config["min_temporal_coherence"],
        stable_mm_per_year=config["rate_threshold_mm_yr"],
    )


def write_rate(
    stack: UnwrappedStack, auxiliary: Auxiliary, settings: RateSettings, workers: int, output: Mapping[str, str]
) -> None:
    """Invert the stack and write its products."""
    with series_writer(output["displacement"], stack.grid, stack.network.dates) as write_series:
        products = estimate_rate(stack, settings, auxiliary, on_series=write_series, workers=workers)
    write_maps(products, stack.grid, output)
    done = {"reference_px": int(products.reference.sum()), "corrections": products.corrections.report()}
    write_json(output["network"], stack.network.report() | done)


def write_maps(products: RateProducts, grid: Grid, output: Mapping[str, str]) -> None:
    """Write rate and quality."""
    rate = np.stack([products.rate, products.sigma])
    write_raster(output["rate"], rate, grid, bands=["rate_mm_yr", "rate_sigma_mm_yr"], units="mm/yr", tags=SIGN_TAGS)
    quality = np.stack([np.asarray(getattr(products, name), np.float32) for name in QUALITY])
    write_raster(output["quality"], quality, grid, bands=QUALITY)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, grid = snakemake.input, Grid.read(snakemake.input.grid)
    write_rate(
        stack=read_stack(inputs.unwrapped, inputs.coherence, inputs.meta, grid),
        auxiliary=read_auxiliary(dict(inputs.items()), snakemake.params.incidence_deg, grid),
        settings=rate_settings(snakemake.params.settings),
        workers=snakemake.threads,
        output=dict(snakemake.output.items()),
    )
