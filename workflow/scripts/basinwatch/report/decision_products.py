"""What decisions rest on, where an area has it: anomalies with their hazards, and findings about permits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from basinwatch.grid import Grid
from basinwatch.provenance import read_json
from basinwatch.rasters import open_raster
from basinwatch.vectors import read_vectors


@dataclass(frozen=True)
class AnomalyProducts:
    """Anomalies of an area and the potential hazards among them.

    Parameters
    ----------
    rates
        Raster with the band ``downslope_mm_yr`` on `grid`.
    only_stack
        Name of the stack that alone the rates come from; None where they come from both directions of flight.
    lines
        Roads, rivers and so on near the anomalies.
    """

    grid: Grid
    rates: Path
    only_stack: str | None
    anomalies: gpd.GeoDataFrame
    hazards: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class PermitProducts:
    """Findings about permits, the permits themselves and counts."""

    findings: gpd.GeoDataFrame
    permits: gpd.GeoDataFrame
    summary: Mapping[str, Any]


def read_anomalies(paths: Mapping[str, list[Path]], grid: Path) -> AnomalyProducts | None:
    """Read anomalies and hazards by role; None where there are none to read."""
    if "anomalies" not in paths:
        return None
    (rates,), (hazards,) = paths["slope_rates"], paths["hazards"]
    with open_raster(rates) as source:
        only_stack = source.tags().get("STACK")
    return AnomalyProducts(
        Grid.read(grid),
        rates,
        only_stack,
        read_vectors(paths["anomalies"][0], "anomalies"),
        read_vectors(hazards, "hazards"),
        read_vectors(hazards, "lines"),
        read_json(paths["hazard_summary"][0]),
    )


def read_permits(paths: Mapping[str, list[Path]]) -> PermitProducts | None:
    """Read findings about permits by role; None where there are none to read."""
    if "permits" not in paths:
        return None
    findings, permits = (read_vectors(paths["permits"][0], name) for name in ("findings", "permits"))
    return PermitProducts(findings, permits, read_json(paths["permit_summary"][0]))
