"""Styles that QGIS finds inside a GeoPackage."""

import sqlite3
from xml.etree import ElementTree as ET

import geopandas as gpd
from basinwatch.layer_styles import TABLE, Style, style_table
from basinwatch.vectors import write_geopackage
from shapely.geometry import box

CATEGORIES = Style({"a<b": "#112233", "c": "#445566"}, "kind", opacity=0.5)


def test_every_value_has_its_colour_with_a_translucent_fill():
    root = ET.fromstring(CATEGORIES.qml())  # noqa: S314
    renderer = root.find("renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "kind")
    values = {category.get("symbol"): category.get("value") for category in renderer.iter("category")}
    colors = {
        symbol.get("name"): symbol.find("layer/Option/Option[@name='color']").get("value")
        for symbol in renderer.iter("symbol")
    }
    assert {values[name]: color for name, color in colors.items()} == {"a<b": "17,34,51,128", "c": "68,85,102,128"}


def test_one_colour_is_a_single_symbol():
    renderer = ET.fromstring(Style({"all": "#112233"}).qml()).find("renderer-v2")  # noqa: S314
    assert renderer.get("type") == "singleSymbol"
    assert len(renderer.findall("symbols/symbol")) == 1


def test_lines_have_a_colour_and_no_fill():
    (symbol,) = ET.fromstring(Style({"road": "#112233"}, is_line=True).qml()).iter("symbol")  # noqa: S314
    options = {option.get("name"): option.get("value") for option in symbol.findall("layer/Option/Option")}
    assert (symbol.get("type"), symbol.find("layer").get("class")) == ("line", "SimpleLine")
    assert options["line_color"] == "17,34,51,255"
    assert "color" not in options


def test_the_table_is_where_qgis_looks_and_the_same_layers_give_the_same_bytes(tmp_path):
    frame = gpd.GeoDataFrame({"kind": ["c"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:32634")
    paths = [tmp_path / "one.gpkg", tmp_path / "two.gpkg"]
    for path in paths:
        write_geopackage(path, {"areas": frame, TABLE: style_table({"areas": CATEGORIES})})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with sqlite3.connect(paths[0]) as file:
        names = "f_table_name, f_geometry_column, useAsDefault, styleQML"
        ((layer, column, default, qml),) = file.execute(f"SELECT {names} FROM layer_styles").fetchall()  # noqa: S608
        ((geometry,),) = file.execute("SELECT column_name FROM gpkg_geometry_columns").fetchall()
    assert (layer, column, bool(default), qml) == ("areas", geometry, True, CATEGORIES.qml())
