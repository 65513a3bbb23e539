"""Rank the anomalies of an area that threaten roads, rivers or other lines.

In: described anomalies, vector files of the lines and, where there are any, hazards on record. Out: ``hazards.gpkg``
(layers ``hazards``, ``anomalies`` and the ``lines`` near them, styles for QGIS), ``hazards.csv`` (the hazards as a
table) and ``hazards.json`` (counts, remarks on the input).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from basinwatch.given_vectors import ANY_KIND, LINES_AND_POLYGONS, metric_crs, read_given
from basinwatch.hazards import STYLES, lines_in_reach, rank_hazards, summarise
from basinwatch.layer_styles import TABLE, style_table
from basinwatch.provenance import atomic_path, log_to, write_json
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def write_hazards(
    area: str, inputs: Mapping[str, Any], names: Sequence[str], distance_m: float, output: Mapping[str, str]
) -> None:
    """Rank and write."""
    anomalies = read_vectors(inputs["anomalies"], "anomalies")
    crs = metric_crs(anomalies, f"area {area}")
    given = {name: read_given(path, crs, LINES_AND_POLYGONS) for name, path in zip(names, inputs["lines"], strict=True)}
    known = read_given(inputs["known"], crs, ANY_KIND) if "known" in inputs else None
    lines = {name: vectors.frame for name, vectors in given.items()}
    placed = anomalies.to_crs(crs)
    hazards = rank_hazards(placed, lines, distance_m, None if known is None else known.frame)
    near = lines_in_reach(placed, lines, distance_m)
    layers = {"hazards": hazards, "anomalies": placed, "lines": near}
    write_geopackage(output["layers"], layers | {TABLE: style_table(STYLES)})
    with atomic_path(output["table"]) as part:
        pd.DataFrame(hazards.drop(columns="geometry")).to_csv(part, index=False, float_format="%.6g")
    remarks = [remark for vectors in (*given.values(), *([known] if known else [])) for remark in vectors.remarks]
    write_json(output["summary"], summarise(anomalies, hazards, names, distance_m, remarks))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_hazards(
        area=snakemake.wildcards.area,
        inputs=dict(snakemake.input.items()),
        names=snakemake.params.lines,
        distance_m=snakemake.params.distance_m,
        output=dict(snakemake.output.items()),
    )
