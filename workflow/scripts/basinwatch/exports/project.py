"""A QGIS project that opens with every layer styled, by paths relative to its own folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from pyproj import CRS

from basinwatch.grid import Grid
from basinwatch.layer_styles import Style
from basinwatch.map_page.images import Layer as Legend
from basinwatch.map_page.plane import grid_bounds
from basinwatch.provenance import atomic_path
from basinwatch.report.products import Area

_STOPS = 13
# QGIS replaces identifiers of ten letters or less.
_ID = "basinwatch_"


@dataclass(frozen=True)
class Ramp:
    """Colours of a raster of values between two ends."""

    legend: Legend
    ends: tuple[float, float]


@dataclass(frozen=True)
class VectorLayer:
    """A layer of a GeoPackage; `label` is the column written beside its features."""

    name: str
    title: str
    package: str
    style: Style
    label: str | None
    shown: bool

    @property
    def source(self) -> str:
        """Where the layer is, from the project's folder."""
        return f"./{self.package}|layername={self.name}"


@dataclass(frozen=True)
class RasterLayer:
    """A raster; without a ramp it has a colour table of its own."""

    name: str
    title: str
    path: str
    ramp: Ramp | None = None
    shown: bool = True

    @property
    def source(self) -> str:
        """Where the raster is, from the project's folder."""
        return f"./{self.path}"


Layer = VectorLayer | RasterLayer


def write_project(path: Path, area: Area, layers: Sequence[Layer]) -> None:
    """Write the project; the first layer is on top."""
    grid = area.stacks[0].grid
    crs = None if grid.crs_wkt is None else CRS.from_wkt(grid.crs_wkt)
    root = ET.Element("qgis", version="3.22.0", projectname=area.name)
    ET.SubElement(root, "homePath", path="")
    ET.SubElement(root, "title").text = f"Subsidence basins: {area.name}"
    _add_crs(ET.SubElement(root, "projectCrs"), crs)
    tree = ET.SubElement(root, "layer-tree-group")
    for layer in layers:
        checked = "Qt::Checked" if layer.shown else "Qt::Unchecked"
        provider = "ogr" if isinstance(layer, VectorLayer) else "gdal"
        facts = {"id": _ID + layer.name, "name": layer.title, "source": layer.source, "providerKey": provider}
        ET.SubElement(tree, "layer-tree-layer", {**facts, "checked": checked, "expanded": "0"})
    _add_canvas(root, grid, crs)
    listed = ET.SubElement(root, "projectlayers")
    for layer in layers:
        _add_layer(listed, layer, crs)
    paths = ET.SubElement(ET.SubElement(root, "properties"), "Paths")
    ET.SubElement(paths, "Absolute", type="bool").text = "false"
    with atomic_path(path) as part:
        ET.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)


def _add_crs(parent: ET.Element, crs: CRS | None) -> None:
    """Add a coordinate system; an empty one in radar geometry."""
    system = ET.SubElement(parent, "spatialrefsys")
    ET.SubElement(system, "wkt").text = "" if crs is None else crs.to_wkt()
    authority = None if crs is None else crs.to_authority()
    ET.SubElement(system, "authid").text = ":".join(authority) if authority else ""


def _add_canvas(root: ET.Element, grid: Grid, crs: CRS | None) -> None:
    """Show the whole first stack."""
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas")
    ET.SubElement(canvas, "units").text = "degrees" if crs is not None and crs.is_geographic else "meters"
    extent = ET.SubElement(canvas, "extent")
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), grid_bounds(grid), strict=True):
        ET.SubElement(extent, name).text = f"{value:.10g}"
    ET.SubElement(canvas, "rotation").text = "0"
    _add_crs(ET.SubElement(canvas, "destinationsrs"), crs)


def _add_layer(parent: ET.Element, layer: Layer, crs: CRS | None) -> None:
    """Add a layer with its style."""
    is_vector = isinstance(layer, VectorLayer)
    facts = {"type": "vector", "geometry": "Polygon"} if is_vector else {"type": "raster"}
    node = ET.SubElement(parent, "maplayer", facts)
    ET.SubElement(node, "id").text = _ID + layer.name
    ET.SubElement(node, "datasource").text = layer.source
    ET.SubElement(node, "layername").text = layer.title
    _add_crs(ET.SubElement(node, "srs"), crs)
    provider = ET.SubElement(node, "provider", {"encoding": "UTF-8"} if is_vector else {})
    provider.text = "ogr" if is_vector else "gdal"
    if isinstance(layer, VectorLayer):
        node.extend(list(ET.fromstring(layer.style.qml())))  # noqa: S314
        if layer.label is not None:
            node.set("labelsEnabled", "1")
            _add_labels(node, layer.label)
    elif layer.ramp is not None:
        _add_ramp(ET.SubElement(node, "pipe"), layer.ramp)


def _add_labels(node: ET.Element, column: str) -> None:
    """Write a column beside every feature, black with a white halo."""
    settings = ET.SubElement(ET.SubElement(node, "labeling", type="simple"), "settings")
    style = {"fieldName": column, "fontSize": "10", "textColor": "0,0,0,255", "isExpression": "0", "fontWeight": "75"}
    text = ET.SubElement(settings, "text-style", style)
    halo = {"bufferDraw": "1", "bufferSize": "0.8", "bufferColor": "255,255,255,255", "bufferSizeUnits": "MM"}
    ET.SubElement(text, "text-buffer", halo)
    ET.SubElement(settings, "placement", placement="1", dist="1", distUnits="MM")


def _add_ramp(pipe: ET.Element, ramp: Ramp) -> None:
    """Colour the first band between two ends."""
    low, high = (f"{end:g}" for end in ramp.ends)
    facts = {"type": "singlebandpseudocolor", "band": "1", "opacity": "1", "alphaBand": "-1"}
    renderer = ET.SubElement(pipe, "rasterrenderer", {**facts, "classificationMin": low, "classificationMax": high})
    shader = ET.SubElement(renderer, "rastershader")
    kind = {"colorRampType": "INTERPOLATED", "classificationMode": "1", "clip": "0"}
    listed = ET.SubElement(shader, "colorrampshader", {**kind, "minimumValue": low, "maximumValue": high})
    colors = ramp.legend.colors[: ramp.legend.ramp]
    for place in np.linspace(0, 1, _STOPS):
        value = ramp.ends[0] + place * (ramp.ends[1] - ramp.ends[0])
        red, green, blue = colors[round(place * (len(colors) - 1))]
        color = f"#{red:02x}{green:02x}{blue:02x}"
        ET.SubElement(listed, "item", {"value": f"{value:g}", "label": f"{value:g}", "color": color, "alpha": "255"})
