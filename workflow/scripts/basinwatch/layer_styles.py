"""Styles inside a GeoPackage, which QGIS applies when it opens a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pandas as pd

TABLE = "layer_styles"
_DATE = "2000-01-01T00:00:00.000Z"
_WIDTHS = {
    "fill": {"outline_width": "0.5", "outline_width_unit": "MM"},
    "line": {"line_width": "0.5", "line_width_unit": "MM"},
}


@dataclass(frozen=True)
class Style:
    """How polygons or lines of a layer are drawn.

    Parameters
    ----------
    colors
        Colour, as ``#rrggbb``, of each value of `column`; a single entry colours all.
    column
        Attribute that decides the colour; None draws all features alike.
    opacity
        Of the fill, 0…1; outlines are opaque.
    is_line
        Whether the layer holds lines, which have no fill.
    """

    colors: Mapping[str, str]
    column: str | None = None
    opacity: float = 0.35
    is_line: bool = False

    def qml(self) -> str:
        """Write the style as QGIS does."""
        root = ET.Element("qgis", version="3.28.0", styleCategories="Symbology")
        kind = {"type": "singleSymbol"} if self.column is None else {"type": "categorizedSymbol", "attr": self.column}
        renderer = ET.SubElement(root, "renderer-v2", {**kind, "enableorderby": "0", "symbollevels": "0"})
        if self.column is not None:
            categories = ET.SubElement(renderer, "categories")
            for number, value in enumerate(self.colors):
                facts = {"render": "true", "symbol": str(number), "value": value, "label": value.replace("_", " ")}
                ET.SubElement(categories, "category", facts)
        symbols = ET.SubElement(renderer, "symbols")
        for number, color in enumerate(self.colors.values()):
            red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
            line = f"{red},{green},{blue},255"
            if self.is_line:
                _add_symbol(symbols, str(number), "line", {"line_color": line, "line_style": "solid"})
            else:
                fill = f"{red},{green},{blue},{round(255 * self.opacity)}"
                _add_symbol(symbols, str(number), "fill", {"color": fill, "outline_color": line, "style": "solid"})
        return ET.tostring(root, encoding="unicode")


def _add_symbol(symbols: ET.Element, name: str, kind: str, options: Mapping[str, str]) -> None:
    """Add a symbol of one layer for lines (``line``) or polygons (``fill``); outlines are half a millimetre wide."""
    symbol = ET.SubElement(symbols, "symbol", {"type": kind, "name": name, "alpha": "1"})
    layer = ET.SubElement(
        symbol, "layer", {"class": f"Simple{kind.title()}", "enabled": "1", "pass": "0", "locked": "0"}
    )
    listed = ET.SubElement(layer, "Option", type="Map")
    for key, value in {**options, **_WIDTHS[kind]}.items():
        ET.SubElement(listed, "Option", {"type": "QString", "name": key, "value": value})


def style_table(styles: Mapping[str, Style]) -> pd.DataFrame:
    """Return the table to write beside the layers, under the name `TABLE`.

    Parameters
    ----------
    styles
        By layer; the geometry column is ``geom``, as GDAL names it.
    """
    layers = list(styles)
    return pd.DataFrame({
        "f_table_catalog": "", "f_table_schema": "", "f_table_name": layers, "f_geometry_column": "geom",
        "styleName": layers, "styleQML": [style.qml() for style in styles.values()], "styleSLD": "",
        "useAsDefault": True, "description": "", "owner": "", "ui": "", "update_time": _DATE,
    })  # fmt: skip
