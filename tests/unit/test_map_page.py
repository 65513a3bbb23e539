"""The map page holds what the products say, at the right place, in few bytes, and text never becomes markup."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from basinwatch import map_page, report
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.map_page import images, layers
from basinwatch.map_page.page import FOLDER, as_json, page_data
from basinwatch.map_page.plane import Plane
from basinwatch.phase_color import from_rgb
from basinwatch.rasters import write_raster
from basinwatch.vectors import read_vectors, write_geopackage
from PIL import Image
from pyproj import Transformer
from shapely.geometry import Point

from tests.unit.report_scene import Page, map_grid, radar_grid, write_area

LEAFLET = {
    "leaflet.js": "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a",
    "leaflet.css": "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6",
}


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> report.Area:
    return report.load("silesia", {"north": True}, write_area(tmp_path_factory.mktemp("map"), map_grid(160)))


@pytest.fixture(scope="module")
def data(area: report.Area) -> dict[str, Any]:
    return page_data(area, 5.0)


def pixels(uri: str) -> np.ndarray:
    """Red, green, blue, opacity of a picture in a data URI."""
    picture = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    return np.asarray(picture.convert("RGBA"))


def test_leaflet_is_the_published_file_with_its_licence_and_small() -> None:
    for name, digest in LEAFLET.items():
        content = (FOLDER / "leaflet" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert len(content) < 1_000_000
    assert "BSD 2-Clause" in (FOLDER / "leaflet" / "LICENSE").read_text()
    assert "Leaflet 1.9.4" in (FOLDER / "leaflet" / "leaflet.js").read_text()


def test_the_page_is_one_file_that_asks_for_no_other(area: report.Area) -> None:
    page = Page(map_page.render(area, 5.0, "report.html"))
    assert [link["href"] for link in page.named("a")] == ["report.html"]
    assert [link["href"] for link in page.named("link")] == ["data:,"]
    assert not any("src" in attributes for _, attributes in page.tags)


def test_equal_products_give_equal_pages(area: report.Area) -> None:
    assert map_page.render(area, 5.0) == map_page.render(area, 5.0)


def test_a_picture_shows_the_wrapped_phase_to_half_a_colour_step(area: report.Area, data: dict[str, Any]) -> None:
    shown = pixels(data["stacks"][0]["dated"]["phase"][0])
    phase = layers.images.phase_codes
    stack = area.stacks[0]
    stored = Plane.of([stack.grid]).read(stack.pairs[0].phase, "wrapped_phase", stack.grid, 1.0)
    known = np.isfinite(stored)
    assert phase(stored).shape == shown.shape[:2] == stack.grid.shape
    assert (shown[..., 3] > 0).tolist() == known.tolist()
    found, _ = from_rgb(shown[..., :3])
    away = np.angle(np.exp(1j * (found - stored)))[known]
    assert np.abs(away).max() <= np.pi / 32 + 0.03


def test_no_data_is_transparent_in_every_kind_of_picture() -> None:
    gap = np.array([[np.nan, 0.5]], np.float32)
    seen = np.array([[False, True]])
    drawn = (
        (images.phase_layer(None), images.phase_codes(gap)),
        (images.coherence_layer(), images.coherence_codes(gap)),
        (images.hotspot_layer(), images.hotspot_codes(np.array([[np.nan, -3]], np.float32))),
        (images.activity_layer(12.0), images.activity_codes(np.array([[0, 12]], np.float32), seen, 12.0)),
    )
    for layer, picture in drawn:
        assert (pixels(layer.uri(picture))[0, :, 3] > 0).tolist() == [False, True], layer.key


def test_a_rate_that_cannot_be_believed_has_the_colour_the_legend_says() -> None:
    layer = images.rate_layer(50.0)
    rate = np.array([[-50, 0, 50, -500, np.nan, -20]], np.float32)
    codes = images.rate_codes(rate, np.array([[True, True, True, True, True, False]]), 50.0)
    shown = ["#{:02x}{:02x}{:02x}".format(*color[:3]) for color in pixels(layer.uri(codes))[0]]
    legend = layer.legend()
    assert shown[0] == shown[3] == legend["ramp"][0]
    assert shown[2] == legend["ramp"][-1]
    assert shown[4] == shown[5] == legend["classes"][0]["color"]
    assert legend["classes"][0]["text"] == "no reliable rate"
    assert [tick["text"] for tick in legend["ticks"] if tick["at"] == 0.5] == ["0"]


def test_coherence_that_came_with_no_raster_leaves_that_date_empty(data: dict[str, Any]) -> None:
    given = [uri is not None for uri in data["stacks"][0]["dated"]["coherence"]]
    assert given == [True, True, False, True, True, True]


def test_a_card_tells_history_rate_and_why_sbas_is_blind(data: dict[str, Any]) -> None:
    cards = {card["name"]: card for card in data["basins"]}
    assert [card["name"] for card in data["basins"]][:2] == ["k1", "k5"]
    assert cards["k3"]["state"] == "new"
    assert cards["k3"]["history"]["observed"] == "111011"
    assert [entry[0] for entry in cards["k3"]["history"]["found"]] == [4, 5]
    assert cards["k3"]["blind"] == "coherence lost"
    assert cards["k1"]["blind"] is None
    assert cards["k1"]["rates"] == [
        {"stack": "north", "mean": -40.0, "strongest": -60.0, "measured": 1.0, "status": "matched", "reason": None}
    ]
    assert cards["k1"]["hotspot"] == {"name": "h1", "distance": 0}


def test_the_fringe_history_counts_the_cycles_the_basin_was_made_with(data: dict[str, Any]) -> None:
    cycles = [entry[3] for entry in data["basins"][0]["history"]["found"]]
    assert len(cycles) == 6
    assert np.median([value for value in cycles if value is not None]) == pytest.approx(9 / (2 * np.pi), abs=0.5)


def test_outlines_lie_in_metres_from_the_corner_of_the_area(area: report.Area, data: dict[str, Any]) -> None:
    west, south, east, north = data["bounds"]
    assert (west, south, east, north) == (0, 0, 160 * 40, 160 * 40)
    ring = np.array(data["basins"][0]["shape"][0][0])
    shape = area.basins.geometry.iloc[0]
    centre = np.array([shape.centroid.x - 300_000, shape.centroid.y - (5_560_000 - 6400)])
    assert np.abs(ring.mean(axis=0) - centre) == pytest.approx([0, 0], abs=40)
    assert data["basins"][0]["position"].endswith("° E")


def test_longitude_and_latitude_between_lattice_points_are_those_of_proj() -> None:
    grid = Grid.from_map(6000, 4000, Affine(40, 0, 200_000, 0, -40, 5_700_000), "EPSG:32634")
    plane = Plane.of([grid])
    lattice = np.array(plane.lattice(plane.bounds(grid)))
    middle = lattice[3:5, 6:8].mean(axis=(0, 1))
    to_degrees = Transformer.from_crs("EPSG:32634", "EPSG:4326", always_xy=True)
    truth = to_degrees.transform(200_000 + 6.5 / 16 * 240_000, 5_700_000 - 3.5 / 16 * 160_000)
    assert middle == pytest.approx(truth, abs=5e-4)


def test_a_stack_in_other_coordinates_is_laid_where_it_belongs(tmp_path: Path) -> None:
    first = map_grid(160)
    lon, lat = Transformer.from_crs("EPSG:32634", "EPSG:4326", always_xy=True).transform(303_000, 5_557_000)
    other = Grid.from_map(80, 80, Affine(0.0005, 0, lon - 0.02, 0, -0.0004, lat + 0.016), "EPSG:4326")
    values = np.zeros(other.shape, np.float32)
    values[36:44, 36:44] = 7
    write_raster(tmp_path / "a.tif", values, other, bands=["days"])
    plane = Plane.of([first, other])
    west, south, east, north = plane.bounds(other)
    shown = plane.read(tmp_path / "a.tif", "days", other, 1.0)
    rows, columns = np.nonzero(shown == 7)
    x = west + (columns.mean() + 0.5) / shown.shape[1] * (east - west)
    y = north - (rows.mean() + 0.5) / shown.shape[0] * (north - south)
    assert (x, y) == pytest.approx((3000, 3400), abs=30)
    with pytest.raises(InputError, match="expected 'nights'"):
        plane.read(tmp_path / "a.tif", "nights", other, 1.0)


def test_a_map_in_degrees_keeps_its_shape_in_metres() -> None:
    grid = Grid.from_map(100, 100, Affine(0.001, 0, 18.5, 0, -0.001, 50.3), "EPSG:4326")
    west, south, east, north = Plane.of([grid]).bounds(grid)
    assert east - west == pytest.approx(11_132 * np.cos(np.radians(50.25)), rel=1e-6)
    assert north - south == pytest.approx(11_132, rel=1e-6)


def test_radar_geometry_counts_columns_and_rows(tmp_path: Path) -> None:
    made = report.load("a", {"north": True}, write_area(tmp_path, radar_grid(64), pairs=2))
    data = page_data(made, 5.0)
    assert data["geometry"] == "radar"
    assert data["axes"]["text"] == ["column #", "row #"]
    assert data["bounds"] == (0, -64, 64, 0)
    assert data["lattice"] == []
    column, row = data["basins"][0]["place"][0], -data["basins"][0]["place"][1]
    assert data["basins"][0]["position"] == f"column {column:.0f}, row {row:.0f}"
    assert made.basins.geometry.iloc[0].contains(Point(column, row))
    assert data["basins"][0]["size"] == round(made.basins.geometry.iloc[0].area)


@pytest.mark.parametrize(("width", "pairs"), [(600, 11), (8000, 120), (25_000, 60), (8000, 5000), (8000, 10_000)])
def test_even_frames_of_pure_noise_fit_the_page(area: report.Area, width: int, pairs: int) -> None:
    stack = area.stacks[0]
    wide = replace(stack, grid=replace(stack.grid, width=width, height=width), pairs=(stack.pairs[0],) * pairs)
    thin = layers.budget([wide, wide])
    side = {"dated": max(1, int(width / thin.dated)), "fixed": int(width / thin.fixed)}
    noise = np.random.default_rng(1)
    size = 0
    for kind, layer, levels, count in (
        ("dated", images.phase_layer(None), 32, 2 * pairs),
        ("dated", images.coherence_layer(), 15, 2 * pairs),
        ("fixed", images.rate_layer(9.0), 63, 6),
    ):
        drawn = min(side[kind], 400)
        part = noise.integers(1, levels + 1, (drawn, drawn), dtype=np.uint8)
        size += count * len(layer.uri(part)) * side[kind] ** 2 / part.size
    assert size < 24e6
    assert max(side.values()) <= 2400


def test_pictures_make_room_for_the_cards_and_always_keep_a_pixel(area: report.Area) -> None:
    stack = area.stacks[0]
    wide = replace(stack, grid=replace(stack.grid, width=8000, height=8000), pairs=(stack.pairs[0],) * 100)
    free, beside = (layers.budget([wide], text) for text in (0, 8_000_000))
    assert (free.dated / beside.dated) ** 2 == pytest.approx((13e6 - 200 * 250 - 6e6) / (13e6 - 200 * 250))
    assert free.fixed == beside.fixed
    assert np.isfinite(layers.budget([wide], 80_000_000).dated)


def test_a_small_stack_is_not_thinned(area: report.Area) -> None:
    assert layers.budget(area.stacks) == layers.Budget(1.0, 1.0)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=2)
    hostile = "</script><script>alert(1)</script>\u2028"
    basins = read_vectors(files["basins"][0], "basins")
    basins["state"] = hostile
    write_geopackage(files["basins"][0], {"basins": basins})
    made = report.load("<img src=x onerror=alert(1)>", {"north": True}, files)
    html = map_page.render(made, 5.0)
    page = Page(html)
    assert len(page.named("script")) == 3
    assert not page.named("img")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert data is not None
    assert json.loads(data[1])["basins"][0]["state"] == hostile


@pytest.mark.parametrize("text", ["</script>", "<!--", "]]>", "&amp;", "\u2028", "</ScRiPt >", "é"])
def test_json_in_the_page_comes_back_as_it_was(text: str) -> None:
    written = as_json({"a": text})
    assert json.loads(written) == {"a": text}
    assert not set("<>&\u2028") & set(written)


def test_an_area_without_basins_or_pairs_still_has_a_map(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=2, n_basins=0, rated=False)
    bare = {role: paths for role, paths in files.items() if role not in ("meta", "phase", "coherence")}
    data = page_data(report.load("a", {"north": False}, bare), 5.0)
    assert [layer["key"] for layer in data["layers"]] == ["activity"]
    assert data["basins"] == data["pairs"] == data["clusters"] == []


def test_a_basin_of_two_parts_and_a_hole_keeps_both(area: report.Area) -> None:
    ring = Point(2000, 2000).buffer(900).difference(Point(2000, 2000).buffer(300)).union(Point(9000, 0).buffer(500))
    frame = gpd.GeoSeries([ring])
    rings = map_page.cards.rings(frame.iloc[0], 40.0)
    assert sorted(len(part) for part in rings) == [1, 2]
