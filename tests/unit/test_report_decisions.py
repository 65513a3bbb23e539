"""The sections of the report that decisions rest on."""

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from basinwatch import report
from basinwatch.anomalies.outlines import SLOPE_BANDS
from basinwatch.given_vectors import metric_crs
from basinwatch.hazards import lines_in_reach, rank_hazards
from basinwatch.hazards import summarise as summarise_hazards
from basinwatch.permits import PermitSettings, find_violations, observed_basins, permit_layer, read_permits, summarise
from basinwatch.provenance import write_json
from basinwatch.rasters import write_raster
from basinwatch.report.anomaly_section import anomaly_sections
from basinwatch.report.permit_section import permit_sections
from basinwatch.vectors import read_vectors, write_geopackage
from report_scene import CONFIG, Page, map_grid, write_area
from shapely.geometry import LineString, box

SIZE = 128


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Products of an area with anomalies, a road, and a permit with a hostile name that ended too early."""
    folder, grid = tmp_path_factory.mktemp("decisions"), map_grid(SIZE)
    made = write_area(folder, grid)
    west, north = 300_000, 5_560_000
    shapes = [
        box(west + 1000, north - 2000, west + 1400, north - 1600),
        box(west + 4000, north - 4400, west + 4400, north - 4000),
    ]
    numbers = {"score": np.nan, "area_m2": 160_000.0, "mean_mm_yr": [-31.5, 44.0], "extreme_mm_yr": [-60.0, 80.0]}
    found = gpd.GeoDataFrame({"anomaly": ["a1", "a2"]}, geometry=shapes, crs=grid.crs_wkt)
    found = found.assign(**numbers, slope_deg=22.0, aspect_deg=90.0, measured_share=1.0)
    road = gpd.GeoDataFrame(geometry=[LineString([(west, north - 1500), (west + 9000, north - 1500)])], crs=found.crs)
    hazards = rank_hazards(found, {"roads": road}, 1000)
    write_geopackage(folder / "anomalies.gpkg", {"anomalies": found})
    near = lines_in_reach(found, {"roads": road}, 1000)
    write_geopackage(folder / "hazards.gpkg", {"hazards": hazards, "lines": near})
    write_json(
        folder / "hazards.json",
        summarise_hazards(found, hazards, ["roads"], 1000, ["roads.gpkg was brought from A to B."]),
    )
    write_raster(folder / "slope.tif", np.zeros((3, SIZE, SIZE)), grid, bands=SLOPE_BANDS, tags={"STACK": "north"})
    return made | permit_files(folder, made) | {
        "anomalies": [folder / "anomalies.gpkg"], "hazards": [folder / "hazards.gpkg"],
        "hazard_summary": [folder / "hazards.json"], "slope_rates": [folder / "slope.tif"],
    }  # fmt: skip


def permit_files(folder: Path, made: dict[str, list[Path]]) -> dict[str, list[Path]]:
    basins = read_vectors(made["basins"][0], "basins")
    seen = basins.assign(date1="2023-03-01", date2="2023-03-13")
    write_geopackage(folder / "seen.gpkg", {"detections": seen[["basin", "date1", "date2", "geometry"]]})
    crs, settings = metric_crs(basins, "area"), PermitSettings(id_column="name", tolerance_m=0)
    ends = {"valid_from": [None], "valid_until": ["2022-12-31"]}
    given = gpd.GeoDataFrame({"name": ["<b>old"], **ends}, geometry=[basins.geometry[0].envelope], crs=basins.crs)
    given.to_file(folder / "given.gpkg")
    permits = read_permits(folder / "given.gpkg", crs, settings)
    found = find_violations(observed_basins(folder / "seen.gpkg", crs), permits, settings)
    write_geopackage(folder / "permits.gpkg", {"findings": found, "permits": permit_layer(permits, found)})
    write_json(folder / "permits.json", summarise(found, permits, {"basins": len(basins), "patches": 0}))
    return {"permits": [folder / "permits.gpkg"], "permit_summary": [folder / "permits.json"]}


@pytest.fixture(scope="module")
def page(files: dict[str, list[Path]]) -> Page:
    return Page(report.render(report.load("area", {"north": True}, files), CONFIG, []))


def test_hazards_are_told_by_rank_with_the_remarks_and_the_single_track(page: Page):
    assert "2 areas whose rate down the slope stands out" in page.text
    assert "1 of them within 1,000 m of roads, ranked by rate" in page.text
    assert "roads.gpkg was brought from A to B." in page.text
    assert "The rates come from stack north alone, along its line of sight" in page.text
    assert "−31.5" in page.text


def test_findings_about_permits_are_told_with_area_and_dates(page: Page):
    assert "5 basins held against 1 permit: 1 finding after a permit's end" in page.text
    assert "4 findings outside of all permits" in page.text
    assert "1 of 1 permits have no first day" in page.text
    assert "2022-12-31" in page.text


def test_names_from_vector_files_reach_the_page_as_text(page: Page):
    assert "<b>old" in page.text
    assert {"anomalies", "permits"} <= {attributes.get("id") for attributes in page.named("section")}


def test_an_area_where_nothing_was_found_says_so(files: dict[str, list[Path]]):
    area = report.load("area", {"north": True}, files)
    found, held = area.anomalies, area.permits
    summary = found.summary | {"anomalies": 0, "hazards": 0, "lines": []}
    none = replace(found, anomalies=found.anomalies.iloc[:0], hazards=found.hazards.iloc[:0], summary=summary)
    counts = {name: {"count": 0, "area_m2": 0.0} for name in held.summary["findings"]}
    clean = replace(held, findings=held.findings.iloc[:0], summary=held.summary | {"findings": counts})
    (first,), (second,) = anomaly_sections(replace(area, anomalies=none)), permit_sections(replace(area, permits=clean))
    assert "0 areas whose rate" in first.paragraphs[0]
    assert "no lines are given that they may threaten" in first.paragraphs[0]
    assert "nothing lies outside of them" in second.paragraphs[0]
    assert not [*first.tables, *second.tables]
    assert len(first.pictures) == len(second.pictures) == 1


def test_an_area_that_was_held_against_nothing_is_not_called_clean(files: dict[str, list[Path]]):
    area = report.load("area", {"north": True}, files)
    held = area.permits
    summary = held.summary | {"permits": 0, "objects": {"basins": 0, "patches": 0}, "remarks": ["In radar geometry."]}
    (section,) = permit_sections(replace(area, permits=replace(held, summary=summary)))
    assert section.paragraphs == ["Nothing was held against permits.", "In radar geometry."]


def test_a_report_without_permits_and_anomalies_has_no_such_section(files: dict[str, list[Path]]):
    roles = ("anomalies", "hazards", "hazard_summary", "slope_rates", "permits", "permit_summary")
    plain = {role: paths for role, paths in files.items() if role not in roles}
    area = report.load("area", {"north": True}, plain)
    assert (area.anomalies, area.permits) == (None, None)
    shown = {attributes.get("id") for attributes in Page(report.render(area, CONFIG, [])).named("section")}
    assert not {"anomalies", "permits"} & shown
