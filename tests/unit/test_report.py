"""The report says what the products say, in every geometry, with and without a rate map, and nothing else."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from basinwatch import report
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.provenance import write_json
from basinwatch.rasters import write_raster
from basinwatch.report import drawing, figures, products, tables, views
from basinwatch.vectors import write_geopackage
from PIL import Image
from shapely.geometry import Point, box

from tests.unit.report_scene import (
    CONFIG,
    MODEL,
    Page,
    bowls,
    map_grid,
    radar_grid,
    write_area,
    write_rate,
    write_stack,
)


@pytest.fixture(autouse=True, scope="module")
def small_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(drawing.STYLE, "figure.dpi", 40)
        yield


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose figures without rendering them, where a test is about the text around them."""
    monkeypatch.setattr(figures, "encode", lambda figure, colors=None: b"")


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> report.Area:
    files = write_area(tmp_path_factory.mktemp("map"), map_grid(160))
    return report.load("silesia", {"north": True}, files)


@pytest.fixture(scope="module")
def html(area: report.Area) -> str:
    return report.render(area, CONFIG, ["Pair 20230101_20230601 was left out."])


def test_the_answer_counts_basins_states_and_those_the_rate_map_does_not_show(html: str) -> None:
    text = re.sub(r"\s+", " ", Page(html).text)
    assert "5 subsidence basins were found in 6 pairs of scenes from 2023-01-01 to 2023-03-14" in text
    assert "2 sinking without longer pauses, 1 sinking with pauses, 1 newly started and 1 ceased" in text
    assert "The newest pair (2023-03-02 to 2023-03-14) shows 4 of the 5 basins it could observe." in text
    assert "does not show 4 of the 5 basins: coherence lost (3); a rate is measured, but forms no cluster" in text
    assert "cluster of subsidence (1)." in text


def test_sections_come_in_the_promised_order_and_warnings_before_them(html: str) -> None:
    asked = ["now", "news", "missed", "certainty", "data", "work"]
    places = [html.index(f'<h2 id="{name}"') for name in asked]
    assert places == sorted(places)
    names = ["map", "basins", "timeline", "new", "blind", "rate", "scores", "coherence", "interferograms", "input"]
    within = [html.index(f'<section id="{name}"') for name in [*names, "settings"]]
    assert within == sorted(within)
    assert html.index("Pair 20230101_20230601 was left out.") < places[0]
    assert html.index("Coherence is missing for 1 of 6 pairs in stack north.") < places[0]


def test_new_and_ceased_basins_are_named_with_their_dates(html: str) -> None:
    text = re.sub(r"\s+", " ", Page(html).text)
    assert "In the newest pair: k1, k5, k2, k3." in text
    assert "1 basin began: k3 (first seen 2023-01-01)." in text
    assert "1 basin ceased: k4 (last seen 2023-03-01)." in text


def test_scores_of_the_model_and_hashes_of_the_files_are_told(area: report.Area, html: str) -> None:
    text = re.sub(r"\s+", " ", Page(html).text)
    assert "both in one number (F1)0.90" in text.replace("> ", ">")
    assert area.hashes["basins.gpkg"] in text
    assert len(area.hashes["timeline.csv"]) == 64


def test_the_detection_floor_is_shown_where_it_was_measured(area: report.Area, tmp_path: Path, undrawn: None) -> None:
    found = {"a50_mm": 4.25, "a50_mm_low": 4.0, "a50_mm_high": 4.5, "a50_relation": "", "a90_mm": 40.0,
             "a90_mm_low": 30.0, "a90_mm_high": 40.0, "a90_relation": ">"}  # fmt: skip
    false = {"tiles": 40, "per_100_tiles": 2.5, "low": 0.06, "high": 13.9}
    summary = {"tiles": 1200, "parity": {"detected": found}, "false_basins": false}
    (tmp_path / "floor.png").write_bytes(b"")
    floor = products.DetectionFloor(summary, tmp_path / "floor.png")
    text = re.sub(r"\s+", " ", Page(report.render(replace(area, floor=floor), CONFIG, [])).text)
    assert "found4.2 (4.0 to 4.5)more than 40.0 (30.0 to 40.0)" in text
    assert "2.5 false ones per 100 (95 % interval 0.06 to 13.9)" in text


def test_what_changed_since_the_last_run_is_listed(area: report.Area, tmp_path: Path, undrawn: None) -> None:
    columns = ["kind", "name", "change", "before", "now"]
    some = pd.DataFrame([["basin", "k3", "new", "", "2023-02-18"]], columns=columns)
    page = report.render(replace(area, changes=some), CONFIG, [])
    listed = page[page.index("What changed since the last run") :]
    assert re.search(r">basin<.{,80}>k3<.{,80}>new<.{,80}>–<.{,80}>2023-02-18<", listed, re.S)
    text = Page(report.render(replace(area, changes=some.iloc[:0]), CONFIG, [])).text
    assert "Nothing changed since the last run" in text


def test_figures_of_the_page_are_given_one_by_one_too(area: report.Area) -> None:
    html, drawn = report.render_with_figures(area, CONFIG, [])
    assert list(drawn) == ["map-1", "timeline-1", "rate-1", "coherence-1", "interferograms-1"]
    assert all(base64.b64encode(png).decode() in html for png in drawn.values())


def test_the_report_links_to_the_map_beside_it(area: report.Area, undrawn: None) -> None:
    page = Page(report.render(area, CONFIG, [], "map.html"))
    assert page.named("a")[0]["href"] == "map.html"


def test_every_figure_is_a_valid_png_with_alt_text_and_a_numbered_title(html: str) -> None:
    page = Page(html)
    images = page.named("img")
    assert [f"Figure {i}." in page.text for i in range(1, 7)] == [True] * 5 + [False]
    assert len(images) == 5
    assert all(image["alt"] for image in images)
    for image in images:
        png = base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,"))
        assert Image.open(io.BytesIO(png)).format == "PNG"


def test_the_page_needs_no_other_file_and_no_script(html: str) -> None:
    page = Page(html)
    assert not page.named("script")
    assert not page.named("link")
    assert not re.search(r"""(src|href)="(?!data:|#)|url\(|@import""", html)
    assert html.startswith("<!DOCTYPE html>")


def test_blind_basins_head_the_comparison_with_their_reasons(area: report.Area, html: str) -> None:
    blind = tables.blind_basins(area)
    assert blind is not None
    assert {(b.basin, b.status) for b in blind} == {
        ("k2", "extra"), ("k3", "not_assessable"), ("k4", "not_assessable"), ("k5", "not_assessable")}  # fmt: skip
    assert html.index("blind in SBAS") < html.index("Basins and clusters of stack north")


def test_blind_basins_are_a_table_with_the_numbers_behind_their_reasons(area: report.Area) -> None:
    table = tables.blind_table(area.stacks[0])
    assert {row[0] for row in table.rows} == {"k2", "k3", "k4", "k5"}
    steepest = table.headings.index("steepest (mm/pixel)")
    assert {row[0]: (row[1], row[steepest]) for row in table.rows}["k3"] == ("coherence lost", "17.5")


def test_the_most_active_basin_comes_first_in_the_table(area: report.Area) -> None:
    rows = tables.basin_table(area).rows
    assert [row[0] for row in rows] == ["k1", "k5", "k2", "k3", "k4"]
    assert [row[2] for row in rows] == [f"{days} of 72" for days in (72, 72, 48, 24, 24)]


def test_longitude_and_latitude_are_those_of_proj(area: report.Area) -> None:
    table = tables.basin_table(area)
    cells = dict(zip(table.headings, table.rows[0], strict=True))
    expected = gpd.GeoSeries([Point(300_000 + 40 * 40, 5_560_000 - 48 * 40)], crs="EPSG:32634").to_crs(4326)
    assert float(cells["lon (°)"]) == pytest.approx(expected.x.iloc[0], abs=1e-3)
    assert float(cells["lat (°)"]) == pytest.approx(expected.y.iloc[0], abs=1e-3)


def test_the_time_line_tells_detected_from_not_detected_from_not_observed(area: report.Area) -> None:
    names, pairs, scores, observed = tables.timeline_matrix(area, 10)
    new = names.index("k3")
    assert np.isfinite(scores[new]).tolist() == [False] * 4 + [True] * 2
    assert observed[new].tolist() == [True, True, True, False, True, True]
    assert pairs[0] == "20230101_20230113"


def test_missing_coherence_is_said_in_the_input_table_and_the_coherence_table(area: report.Area) -> None:
    assert [row[4] == "coherence missing" for row in tables.ingest_table(area.stacks[0]).rows].index(True) == 2
    assert tables.coherence_table(area).rows[-1][:2] == ("coherence missing", "1")


def test_equal_products_give_equal_bytes(area: report.Area, html: str) -> None:
    again = report.render(area, CONFIG, ["Pair 20230101_20230601 was left out."])
    assert again == html


def test_the_overview_is_one_wide_png_below_its_size_limit(area: report.Area, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drawing.STYLE, "figure.dpi", 130)
    png = report.overview(area)
    width, height = Image.open(io.BytesIO(png)).size
    assert len(png) <= 250_000
    assert width > 2.5 * height
    assert report.overview(area) == png


@pytest.mark.usefixtures("undrawn")
def test_text_from_configuration_and_products_never_becomes_markup(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), name="<script>", pairs=2, n_basins=2, rated=False)
    frame = gpd.read_file(files["basins"][0], layer="basins").assign(state='"><img src=x onerror=alert(1)>')
    write_geopackage(files["basins"][0], {"basins": frame})
    write_json(files["model"][0], MODEL | {"name": "<script>alert(1)</script>"})
    area = report.load("<i>area</i>", {"<script>": False}, files)
    html = report.render(area, CONFIG, ["<b>warning</b> in '../<x>.tif'"])
    page = Page(html)
    assert not page.named("script")
    assert not [image for image in page.named("img") if image.get("onerror")]
    assert "&lt;script&gt;" in html
    assert "<i>area" not in html
    assert "<b>warning" not in html


def test_dollar_signs_in_names_are_drawn_and_not_read_as_mathematics(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=2, n_basins=1, rated=False)
    frame = gpd.read_file(files["basins"][0], layer="basins").assign(basin=r"$\frac$")
    write_geopackage(files["basins"][0], {"basins": frame})
    area = report.load("a", {"north": False}, files)
    assert figures.basin_map(area, area.stacks[0]).png


def test_an_area_without_basins_says_so_and_still_shows_its_input(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=2, n_basins=0, rated=False)
    area = report.load("empty", {"north": False}, files)
    html = report.render(area, CONFIG, [])
    text = Page(html).text
    assert "No subsidence basin was found in area empty in 2 pairs of scenes" in text
    assert "There are no basins to show." in text
    assert "No rate map was made" in text
    assert "Interferograms of stack north" in text
    assert len(Page(html).named("img")) == 3
    assert report.overview(area)


def test_a_rate_map_without_any_basin_or_cluster_is_still_shown(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=1, n_basins=2)
    for role, layer in (("basins", "basins"), ("clusters", "clusters"), ("objects", "objects")):
        frame = gpd.read_file(files[role][0], layer=layer)
        write_geopackage(files[role][0], {layer: frame.iloc[:0]})
    pd.read_csv(files["timeline"][0]).iloc[:0].to_csv(files["timeline"][0], index=False)
    page = Page(report.render(report.load("a", {"north": True}, files), CONFIG, []))
    assert "No subsidence basin was found" in page.text
    assert "Rate map beside detections" in page.text
    assert "does not show" not in page.text


@pytest.mark.usefixtures("undrawn")
def test_an_area_without_pairs_claims_nothing(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=1, n_basins=0, rated=False)
    area = report.load("a", {"north": False}, {k: v for k, v in files.items() if k not in ("meta", "phase")})
    text = Page(report.render(area, CONFIG, [])).text
    assert "nothing can be said about its ground" in text


@pytest.mark.parametrize("absent", [("clusters", "summary"), ("quality", "network", "objects")])
@pytest.mark.usefixtures("undrawn")
def test_products_of_the_rate_map_may_be_absent(tmp_path: Path, absent: tuple[str, ...]) -> None:
    files = write_area(tmp_path, map_grid(48), pairs=1, n_basins=3)
    area = report.load("a", {"north": True}, {role: paths for role, paths in files.items() if role not in absent})
    text = Page(report.render(area, CONFIG, [])).text
    assert "Rate map beside detections" in text
    assert ("Gi* clusters of stack north" in text) == ("clusters" not in absent)
    assert ("Basins and clusters of stack north" in text) == ("objects" not in absent)


def test_radar_geometry_shows_pixels_and_invents_no_georeference(tmp_path: Path) -> None:
    files = write_area(tmp_path, radar_grid(64), pairs=2)
    area = report.load("radar", {"north": True}, files)
    table = tables.basin_table(area)
    assert "area (px)" in table.headings
    assert not {"lon (°)", "lat (°)", "area (ha)"} & set(table.headings)
    assert "in radar geometry: positions are columns and rows" in Page(report.render(area, CONFIG, [])).text


def dressed(grid: Grid) -> Any:
    axes = figures.Figure().add_subplot()
    views.dress(axes, views.View.whole(grid))
    return axes


def test_axes_in_radar_geometry_have_pixels_and_neither_scale_bar_nor_north_arrow() -> None:
    axes = dressed(radar_grid(300))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("column (px)", "row (px)")
    assert not axes.texts
    assert not axes.lines
    assert axes.get_aspect() == 1


def test_scale_bar_and_tick_labels_of_a_map_are_true() -> None:
    axes = dressed(map_grid(300))
    left, right = axes.lines[0].get_xdata()
    metres = float(next(t.get_text() for t in axes.texts if "m" in t.get_text()).removesuffix(" km")) * 1000
    assert (right - left) * 300 * 40 == pytest.approx(metres)
    for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
        assert 300_000 + 40 * place == pytest.approx(1000 * float(label.get_text().replace(",", "")))


def test_the_scale_bar_of_a_geographic_grid_is_in_metres_on_the_ground() -> None:
    axes = dressed(Grid.from_map(200, 200, Affine(0.001, 0, 18, 0, -0.001, 60.1), "EPSG:4326"))
    left, right = axes.lines[0].get_xdata()
    kilometres = float(next(t.get_text() for t in axes.texts if "km" in t.get_text()).removesuffix(" km"))
    assert (right - left) * 0.2 * 111.32 * np.cos(np.radians(60)) == pytest.approx(kilometres, rel=1e-3)


@pytest.mark.parametrize(("angle", "direction"), [(0, [0, 1]), (90, [1, 0]), (180, [0, -1])])
def test_the_north_arrow_follows_a_rotated_grid(angle: float, direction: list[int]) -> None:
    transform = Affine.translation(3e5, 5e6) @ Affine.rotation(angle) @ Affine.scale(10, -10)
    axes = dressed(Grid(100, 100, tuple(transform)[:6], map_grid(9).crs_wkt, (10.0, 10.0)))
    arrow = next(t for t in axes.texts if hasattr(t, "arrow_patch"))
    turn = np.array(arrow.xy) - np.array(arrow.get_position())
    assert np.sign(np.round(turn, 6)).tolist() == direction


def test_a_large_raster_is_thinned_to_pixels_that_exist(tmp_path: Path) -> None:
    grid = map_grid(600)
    values = np.arange(360_000, dtype=np.float32).reshape(600, 600)
    write_raster(tmp_path / "a.tif", values, grid, bands=["wrapped_phase"])
    thin = views.View.whole(grid).read(tmp_path / "a.tif", "wrapped_phase", 50)
    assert thin.shape == (50, 50)
    assert np.isin(thin, values).all()
    assert np.unique(thin).size == 2500


def test_a_raster_without_the_expected_band_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_raster(tmp_path / "a.tif", np.zeros((9, 9), np.float32), map_grid(9), bands=["other"])
    with pytest.raises(InputError, match="expected 'active_days'"):
        views.View.whole(map_grid(9)).read(tmp_path / "a.tif", "active_days", 9)


def test_a_time_line_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(48), pairs=1, n_basins=1, rated=False)
    pd.read_csv(files["timeline"][0]).drop(columns="score").to_csv(files["timeline"][0], index=False)
    with pytest.raises(InputError, match="no column score"):
        report.load("a", {"north": False}, files)


def test_outlines_reach_the_pixels_of_a_stack_in_another_coordinate_system() -> None:
    grid = map_grid(100)
    corner = grid.affine @ (10, 20)
    frame = gpd.GeoDataFrame(geometry=[box(corner[0], corner[1] - 400, corner[0] + 400, corner[1])], crs="EPSG:32634")
    left, top, right, bottom = views.outlines_in_pixels(frame.to_crs(4326), grid).total_bounds
    assert (left, top, right, bottom) == pytest.approx((10, 20, 20, 30), abs=0.05)


def test_the_view_holds_all_outlines_and_stays_in_the_frame() -> None:
    grid = map_grid(1000)
    view = views.View.around(grid, gpd.GeoSeries([box(900, 10, 980, 60)]))
    assert view.column <= 900
    assert view.row == 0
    assert view.column + view.width <= 1000
    assert view.row + view.height >= 60
    assert not view.is_whole
    assert views.View.around(grid, gpd.GeoSeries([])).is_whole


@pytest.mark.parametrize(("width", "length"), [(4000.0, 1000.0), (9000.0, 2000.0), (39_999.0, 5000.0), (120.0, 20.0)])
def test_scale_bars_have_round_lengths_of_at_most_a_quarter(width: float, length: float) -> None:
    assert views.scale_length_m(width) == length


@pytest.mark.usefixtures("undrawn")
def test_two_stacks_share_one_page_and_a_basin_matched_in_either_is_not_blind(tmp_path: Path) -> None:
    files = write_area(tmp_path, map_grid(64), pairs=2)
    other = write_stack(tmp_path, "south", map_grid(64), bowls(64), 2, None)
    other |= write_rate(tmp_path, "south", map_grid(64), gpd.read_file(files["basins"][0], layer="basins"))
    flipped = gpd.read_file(other["objects"][0], layer="objects")
    flipped.loc[flipped["object"] == "k2", "status"] = "matched"
    write_geopackage(other["objects"][0], {"objects": flipped})
    merged = files | {role: [*files[role], *paths] for role, paths in other.items()}
    area = report.load("both", {"north": True, "south": True}, merged)
    assert [b.basin for b in tables.blind_basins(area) or []] == ["k5", "k4", "k3"]
    assert len(Page(report.render(area, CONFIG, [])).named("img")) == 8


def test_the_gallery_keeps_the_newest_pair_and_those_with_most_detections(area: report.Area) -> None:
    pairs = [products.PairProducts({"pair": f"p{i:02d}_"}, Path()) for i in range(20)]
    seen = pd.DataFrame({"pair": [f"p{i:02d}_" for i in range(5, 16)], "basin": "k1", "detected": True})
    chosen = figures.gallery_pairs(replace(area, timeline=seen), replace(area.stacks[0], pairs=tuple(pairs)))
    assert [pair.name[:3] for pair in chosen] == [f"p{i:02d}" for i in range(5, 16)] + ["p19"]


def test_a_palette_keeps_frequent_colours_exact_and_rare_lines_close() -> None:
    rng = np.random.default_rng(3)
    rgb = np.full((200, 200, 3), 255, np.uint8)
    rgb[:120] = np.stack([rng.integers(0, 256, (120, 200)), np.full((120, 200), 200), np.full((120, 200), 90)], axis=-1)
    rgb[150, 10:60] = (176, 48, 127)
    reduced = np.asarray(drawing._with_palette(rgb, 64).convert("RGB")).astype(int)
    assert (reduced[199] == 255).all()
    assert np.abs(reduced[150, 10:60] - (176, 48, 127)).max() <= 16
    assert len(np.unique(reduced.reshape(-1, 3), axis=0)) <= 64


def test_nested_and_long_values_fit_into_key_value_rows() -> None:
    fields = {"a": {"b": 1.0, "c": None}, "d": [1, 2], "e": [[1], [2]], "f": True, "g": {}}
    assert tables.key_table("t", fields).rows == (
        ("a.b", "1"), ("a.c", "–"), ("d", "1, 2"), ("e", "2 entries"), ("f", "yes"), ("g", "–"))  # fmt: skip


@pytest.mark.usefixtures("undrawn")
def test_the_adapter_takes_single_paths_and_lists_alike(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "workflow/scripts/write_report.py"
    spec = importlib.util.spec_from_file_location("write_report", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files = write_area(tmp_path, map_grid(48), pairs=1, n_basins=1, rated=False)
    single = {role: str(paths[0]) for role, paths in files.items()}
    page, folder = tmp_path / "report.html", tmp_path / "figures"
    module.write_report("a", {"north": False}, single, json.loads(json.dumps(CONFIG)), [], page, folder)
    assert list(folder.iterdir())
    assert "one subsidence basin was found" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("known", "warned"), [([10, 45], False), ([100, 200], True), ([5, 20], True), (None, False)])
def test_pixels_of_another_size_than_the_model_knows_are_pointed_out(
    area: report.Area, known: list[float] | None, warned: bool
) -> None:
    page = report.render(replace(area, model={**area.model, "pixel_size_m": known}), CONFIG, [])
    assert ("the model was trained on" in page) == warned
