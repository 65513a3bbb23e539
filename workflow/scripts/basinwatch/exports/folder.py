"""One folder per area that can be copied anywhere: vectors, rasters, a QGIS project, tables, catalogue, labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from basinwatch.exports.cloud_rasters import class_raster, phase_raster, plain_raster
from basinwatch.exports.coco import write_coco
from basinwatch.exports.project import Layer, RasterLayer, VectorLayer, write_project
from basinwatch.exports.stac import write_catalogue
from basinwatch.layer_styles import TABLE, Style, style_table
from basinwatch.report.drawing import STATE_STYLES, STATUS_STYLES
from basinwatch.report.evidence import basin_evidence
from basinwatch.report.products import Area, StackProducts
from basinwatch.vectors import read_vectors, write_geopackage, write_geoparquet

VECTORS, PROJECT = "area.gpkg", "area.qgs"
_OUTLINE = 0.0
_SHOWN = ("basins",)
_LABELS = {"basins": "basin", "hotspots": "cluster", "comparison": "object"}


def export_area(area: Area, basins: Path, folder: Path) -> None:
    """Write everything about an area that other programs read.

    Parameters
    ----------
    area
        Products (see :func:`basinwatch.report.products.load`).
    basins
        The area's ``basins.gpkg``, with the layers `basins` and `detections`.
    folder
        Written: ``area.gpkg`` with styles, ``area.qgs``, ``rasters/`` (cloud-optimised, with overviews and colour
        tables), ``basins.csv``, ``basins.parquet``, ``timeline.csv``, ``catalog.json`` with STAC items, and ``labels/``
        (COCO JSON with a picture of every pair).

    Raises
    ------
    InputError
        If a product cannot be read.
    """
    detections = read_vectors(basins, "detections")
    area = _with_evidence(area)
    frames = _frames(area, detections)
    styles = _styles(frames)
    write_geopackage(folder / VECTORS, {**frames, TABLE: style_table(styles)})
    drawn = _write_rasters(area, folder / "rasters")
    layers: list[Layer] = [
        VectorLayer(name, _titled(name), VECTORS, styles[name], _LABELS.get(name), shown=name in _SHOWN)
        for name in frames
    ]
    write_project(folder / PROJECT, area, [*layers, *drawn])
    _write_tables(area, folder)
    write_coco(area, detections, folder / "labels")
    write_catalogue(area, folder, [layer.source for layer in drawn])


def _with_evidence(area: Area) -> Area:
    """Add to the basins what they rest on."""
    evidence = basin_evidence(area)
    found = [evidence[str(name)] for name in area.basins["basin"]]
    columns = {"evidence": [own.level for own in found], "pairs_in_a_row": [own.run for own in found]}
    return replace(area, basins=area.basins.assign(**columns))


def _frames(area: Area, detections: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """Vector layers of an area, those of several stacks in one with the stack's name."""
    clusters = [stack.clusters.assign(stack=stack.name) for stack in area.stacks if stack.clusters is not None]
    objects = [stack.objects.assign(stack=stack.name) for stack in area.stacks if stack.objects is not None]
    several = {"hotspots": clusters, "comparison": objects}
    joined = {name: _joined(frames, area.basins.crs) for name, frames in several.items() if frames}
    return {"basins": area.basins, "detections": detections, **joined}


def _joined(frames: list[gpd.GeoDataFrame], crs: object) -> gpd.GeoDataFrame:
    """Put layers of several stacks into one coordinate system and one table."""
    placed = [frame if frame.crs is None or crs is None else frame.to_crs(crs) for frame in frames]
    filled = [frame for frame in placed if len(frame)] or placed[:1]
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=placed[0].crs)


def _styles(frames: dict[str, gpd.GeoDataFrame]) -> dict[str, Style]:
    """Style of every layer: states and results in the report's colours."""
    styles = {
        "basins": Style({name: color for name, (color, _) in STATE_STYLES.items()}, "state", _OUTLINE),
        "detections": Style({"detection": "#111111"}, opacity=_OUTLINE),
        "hotspots": Style({"subsidence": "#a50f26", "uplift": "#185aa0"}, "kind"),
        "comparison": Style({name: color for name, (color, _) in STATUS_STYLES.items()}, "status", _OUTLINE),
    }
    return {name: styles[name] for name in frames}


def _titled(name: str) -> str:
    """Name of a layer in the project."""
    return {"hotspots": "Hot spots (Gi*)", "comparison": "Compared with the rate map"}.get(name, name.capitalize())


def _write_rasters(area: Area, folder: Path) -> list[RasterLayer]:
    """Write the rasters of every stack; of each the first is shown when the project opens."""
    return [
        replace(layer, shown=number == 0)
        for stack in area.stacks
        for number, layer in enumerate(_stack_rasters(stack, folder))
    ]


def _stack_rasters(stack: StackProducts, folder: Path) -> Iterator[RasterLayer]:
    """Write the rasters of one stack, the topmost of the project first."""
    if stack.rate is not None:
        yield plain_raster(stack.rate, folder, stack, "rate")
    if stack.statistic is not None:
        yield class_raster(stack.statistic, folder, stack)
    yield plain_raster(stack.activity, folder, stack, "activity")
    if stack.pairs:
        yield phase_raster(stack.pairs[-1], folder, stack)


def _write_tables(area: Area, folder: Path) -> None:
    """Write basins and their time line as tables."""
    write_geoparquet(folder / "basins.parquet", area.basins)
    plain = pd.DataFrame(area.basins.drop(columns=area.basins.geometry.name))
    if area.basins.crs is not None:
        centres = area.basins.geometry.representative_point().to_crs("EPSG:4326")
        plain = plain.assign(longitude=centres.x.round(6), latitude=centres.y.round(6))
    plain.to_csv(folder / "basins.csv", index=False, lineterminator="\n")
    area.timeline.to_csv(folder / "timeline.csv", index=False, lineterminator="\n")
