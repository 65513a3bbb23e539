"""Estimate the SBAS rate map of a stack.

In: unwrapped phase, its connected components and coherence of every pair, which pairs were refused (they are left out),
detected basins (no reference there); where there are any, a reference place, control points, heights, incidence,
baselines and delays. Out: ``rate.tif`` (rate towards the satellite in mm/yr, its standard error, size and day of a
season), ``classes.tif`` (stable or moving, with and without the error), ``quality.tif`` (temporal coherence, mean
coherence, residual, observations, gaps, whether the rate counts as measured, loops that do not close, repaired
observations, elevation error, how often the pixel was joined to the reference, consistency with its neighbours, short
against long pairs), ``displacement.tif`` (one band per date, mm) and ``network.json`` (with what was corrected, and how
much was read). Minimum-norm velocity solution after Berardino et al. (2002). With a state, only the pairs of new scenes
are read.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import compress
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.grid import Grid
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to, read_json, write_json
from basinwatch.rasters import write_layers
from basinwatch.refusals import without_rate
from basinwatch.sbas.baselines import read_baselines
from basinwatch.sbas.corrections import chain
from basinwatch.sbas.corrections.control import read_control_points
from basinwatch.sbas.corrections.delay import DelayMaps
from basinwatch.sbas.corrections.ground import Auxiliary
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.rate import QUALITY, RateProducts, estimate_rate
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.series_file import SIGN_TAGS, series_writer
from basinwatch.sbas.trend import TrendSettings
from basinwatch.sbas.update import Memory, remember, update_rate
from basinwatch.vectors import read_placed

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

RATE_BANDS = ("rate_mm_yr", "rate_sigma_mm_yr", "annual_mm", "annual_day")
RATE_UNITS = ("mm/yr", "mm/yr", "mm", "day of year")
CLASS_TAGS = {"classes": "0 no rate, 1 away from the satellite, 2 stable, 3 towards it"}
ALL_READ = {"mode": "full", "why": "sbas.incremental is off"}
# Files of which every pair has one.
PER_PAIR = ("meta", "unwrapped", "components", "coherence")
# Settings of what counts as measured, which are named alike in the library.
MEASURED_KEYS = (
    "min_temporal_coherence", "min_observed_share", "max_gaps", "min_pairs_per_date", "max_residual_rms_mm",
    "min_connected_share",
)  # fmt: skip


def usable(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the files of pairs that were refused."""
    refused = without_rate(read_json(Path(inputs["stack"])))
    kept = [Path(path).parent.name not in refused for path in inputs["meta"]]
    return {**inputs, **{role: list(compress(inputs[role], kept)) for role in PER_PAIR}}


def read_stack(inputs: Mapping[str, Sequence[str]], grid: Grid) -> UnwrappedStack:
    """Gather the pairs of a stack."""
    fields = [read_metadata(path) for path in inputs["meta"]]
    network = Network.of((date.fromisoformat(f["date1"]), date.fromisoformat(f["date2"])) for f in fields)
    wavelength_m = float(fields[0]["wavelength_m"])
    unwrapped, coherence, components = ([*map(Path, inputs[r])] for r in ("unwrapped", "coherence", "components"))
    return UnwrappedStack(unwrapped, coherence, network, grid, wavelength_m, components)


def read_auxiliary(inputs: Mapping[str, Any], incidence_deg: float | None, grid: Grid) -> Auxiliary:
    """Gather what else is known of the scene, as far as there are files; delays lie in one folder or its folders."""
    if incidence_deg is None:
        incidence_deg = read_metadata(inputs["meta"][0]).get("incidence_deg")
    folders = [Path(path).parent for path in inputs.get("delays", [])]
    return Auxiliary(
        detected=list(read_placed(inputs["basins"], grid, "basins").geometry),
        reference=list(read_placed(inputs["place"], grid).geometry) if "place" in inputs else (),
        control=read_control_points(inputs["control"], grid) if "control" in inputs else (),
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
        bridge=config["bridge"],
        min_coherence=config["min_coherence"],
        corrections=correction_settings(config),
        **{key: config[key] for key in MEASURED_KEYS},
        trend=TrendSettings(**config["trend"]),
        stable_mm_per_year=config["rate_threshold_mm_yr"],
        class_sigmas=config["class_sigmas"],
        short_pair_days=config["short_pair_days"],
    )


def memory_of(output: Mapping[str, str], code: str) -> Memory | None:
    """Say where this run remembers what the next one needs, if it is to remember anything."""
    return Memory(Path(output["state"]).parent, code) if "state" in output else None


def write_rate(
    stack: UnwrappedStack,
    auxiliary: Auxiliary,
    settings: RateSettings,
    memory: Memory | None,
    workers: int,
    output: Mapping[str, str],
) -> None:
    """Invert the stack, or what is new of it since the memory was written, and write its products."""
    with series_writer(output["displacement"], stack.grid, stack.network.dates) as write_series:
        if memory is None:
            products = estimate_rate(stack, settings, auxiliary, on_series=write_series, workers=workers)
        else:
            updated = update_rate(stack, settings, auxiliary, memory, on_series=write_series, workers=workers)
            products = updated.products
    write_maps(products, stack.grid, output)
    done = {
        "reference_px": int(products.reference.sum()),
        "repaired_observations": int(products.repaired.sum(dtype=np.int64)),
        "repaired_px": int((products.repaired > 0).sum()),
        "trend": settings.trend.report(stack.network.days),
        "corrections": products.corrections.report(),
        "update": ALL_READ if memory is None else updated.report,
    }
    write_json(output["network"], stack.network.report() | done)
    if memory is not None:
        remember(memory, updated)


def write_maps(products: RateProducts, grid: Grid, output: Mapping[str, str]) -> None:
    """Write rate, classes and quality."""
    rate = [products.rate, products.sigma, products.annual_mm, products.annual_day]
    write_layers(output["rate"], rate, grid, "float32", bands=RATE_BANDS, units=RATE_UNITS, tags=SIGN_TAGS)
    classes = [products.classes, products.sure_classes]
    write_layers(output["classes"], classes, grid, "uint8", bands=["class", "class_beyond_sigma"], tags=CLASS_TAGS)
    quality = [getattr(products, name) for name in QUALITY]
    write_layers(output["quality"], quality, grid, "float32", bands=QUALITY)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, grid = usable(dict(snakemake.input.items())), Grid.read(snakemake.input.grid)
    write_rate(
        stack=read_stack(inputs, grid),
        auxiliary=read_auxiliary(inputs, snakemake.params.incidence_deg, grid),
        settings=rate_settings(snakemake.params.settings),
        memory=memory_of(dict(snakemake.output.items()), snakemake.params.code),
        workers=snakemake.threads,
        output=dict(snakemake.output.items()),
    )
