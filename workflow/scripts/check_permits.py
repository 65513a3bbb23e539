"""Hold moving ground and mine patches against permits.

In: linked basins of an area with their detections, polygons of permits and, where there are any, mine patches and the
networks of the rate maps they were judged by. Out: ``permits.gpkg`` (layer ``findings``: what lies outside of permits,
before they begin or after they end, with area and dates; layer ``permits``; styles for QGIS), ``permits.csv`` (the
findings as a table) and ``permits.json`` (counts, remarks on the input).
"""

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from basinwatch.given_vectors import metric_crs
from basinwatch.layer_styles import TABLE, style_table
from basinwatch.permits import (
    STYLES,
    PermitSettings,
    find_violations,
    no_permits,
    observed_basins,
    observed_patches,
    permit_layer,
    read_permits,
    summarise,
)
from basinwatch.provenance import atomic_path, log_to, write_json
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger(__name__)


def period_of(networks: Iterable[str]) -> tuple[date, date] | None:
    """Time that rate maps cover together; None without any."""
    facts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in networks]
    if not facts:
        return None
    first, last = min(f["first_date"] for f in facts), max(f["last_date"] for f in facts)
    return date.fromisoformat(first), date.fromisoformat(last)


def in_radar_geometry(area: str) -> str:
    """Tell why nothing was compared, in the log too."""
    remark = f"Area {area} in radar geometry cannot be held against permits; geocode the stack."
    log.warning(remark)
    return remark


def check_permits(
    area: str, inputs: Mapping[str, Any], layer: str | None, settings: PermitSettings, output: Mapping[str, str]
) -> None:
    """Compare and write; an area in radar geometry is held against nothing, and the summary says so."""
    outlines = read_vectors(inputs["basins"], "basins")
    if outlines.crs is None:
        permits, basins, patches = no_permits(in_radar_geometry(area)), [], []
    else:
        crs = metric_crs(outlines, f"area {area}")
        permits = read_permits(inputs["permits"], crs, settings, layer)
        basins = observed_basins(inputs["basins"], crs)
        patches = observed_patches(inputs["patches"], crs, period_of(inputs["networks"])) if "patches" in inputs else []
    found = find_violations([*basins, *patches], permits, settings)
    objects = {"basins": len({seen.name for seen in basins}), "patches": len({seen.name for seen in patches})}
    layers = {"findings": found, "permits": permit_layer(permits, found)}
    write_geopackage(output["layers"], layers | {TABLE: style_table(STYLES)})
    with atomic_path(output["table"]) as part:
        pd.DataFrame(found.drop(columns="geometry")).to_csv(part, index=False, float_format="%.6g")
    write_json(output["summary"], summarise(found, permits, objects))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    check_permits(
        area=snakemake.wildcards.area,
        inputs=dict(snakemake.input.items()),
        layer=snakemake.params.layer,
        settings=PermitSettings(**snakemake.params.settings),
        output=dict(snakemake.output.items()),
    )
