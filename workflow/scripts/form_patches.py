"""Form mine patches of segments.

In: segments, the detector's answer, and where there are any reference patches, land cover and outlines of other ground.
Out: ``outlines.parquet`` (patches with area and extracted share) and ``control.json`` (the share a segment needs, what
was dropped and why, remarks on the input).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.obia import area_control
from basinwatch.obia.extraction import extracted
from basinwatch.obia.other_ground import read_other_ground
from basinwatch.obia.patches import PatchSettings, form, outline
from basinwatch.obia.references import LEARNT_FROM, read_references
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import grid_of, open_raster
from basinwatch.vectors import write_geoparquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def form_patches(
    inputs: Mapping[str, str], layer: str | None, seed: int, threshold: float, min_area_px: int,
    settings: Mapping[str, Any], outlines: Path, control: Path,
) -> None:  # fmt: skip
    """Filter, merge, drop and write."""
    with open_raster(inputs["segments"]) as source:
        grid, labels = grid_of(source), source.read(1)
    given = inputs.get("reference")
    references = read_references(Path(given) if given else None, grid, seed, layer)
    found = extracted(Path(inputs["probability"]), threshold, min_area_px)
    fitted = area_control.fit(labels, found, references.labels(LEARNT_FROM) > 0, settings["control"])
    share = fitted.share if settings["min_share"] is None else settings["min_share"]
    ground = inputs.get("land_cover") or None, inputs.get("excluded") or None
    other = read_other_ground(*ground, grid, settings["excluded_classes"])
    rule = PatchSettings(settings["min_area_m2"], settings["max_excluded_share"])
    patches = form(area_control.keep(labels, found, share), other.mask, grid.pixel_area_m2, rule)
    write_geoparquet(outlines, outline(patches, found, grid))
    record = {
        "threshold": threshold,
        "extracted_m2": float(found.sum() * grid.pixel_area_m2),
        "segments": int(np.count_nonzero(np.bincount(labels.ravel())[1:])),
        "control": asdict(fitted),
        "min_share": share,
        "patches": patches.count,
        "dropped_on_other_ground": patches.on_other_ground,
        "dropped_too_small": patches.too_small,
        "remarks": [*references.remarks, *other.remarks],
    }
    write_json(control, record)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    params = snakemake.params
    spec = json.loads(Path(snakemake.input.description).read_text(encoding="utf-8"))
    form_patches(
        inputs=dict(snakemake.input.items()),
        layer=params.layer,
        seed=params.seed,
        threshold=spec["threshold"] if params.threshold is None else params.threshold,
        min_area_px=spec["min_area_px"],
        settings=params.settings,
        outlines=Path(snakemake.output.outlines),
        control=Path(snakemake.output.control),
    )
