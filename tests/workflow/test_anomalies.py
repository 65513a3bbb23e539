"""Rates down the slope through the workflow: samples, a model that learns from them, anomalies, hazards, permits."""

import json
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from basinwatch.datasets.tiles import read_shard
from basinwatch.fusion.decomposition import LineOfSight
from basinwatch.fusion.slope import Terrain
from basinwatch.grid import Grid
from basinwatch.provenance import write_json
from basinwatch.rasters import read_bands, write_raster
from basinwatch.vectors import read_vectors, write_geopackage
from rasterio import Affine
from shapely.geometry import LineString, box

from tests.workflow.conftest import Workspace

SIZE, STEP_M = 96, 20
WEST, NORTH = 500_000, 5_500_000
GRID = Grid.from_map(SIZE, SIZE, Affine(STEP_M, 0, WEST, 0, -STEP_M, NORTH), "EPSG:32634")
BLOCKS = {"a": [(10, 12, 14, 16, -42.0), (50, 60, 12, 12, 30.0)], "b": [(30, 30, 16, 12, 36.0)]}
NARROW = {
    "depths": [1, 1, 1, 1], "width_per_group": 16, "pyramid_width": 16, "box_width": 16, "mask_width": 16,
    "encoding": "abs_rate",
}  # fmt: skip
RULES = (
    "scale_rates", "extract_samples", "cut_samples", "train_detector", "search_anomalies", "outline_anomalies",
    "rank_hazards", "check_permits", "project_single_track",
)  # fmt: skip


def place(row: float, column: float, rows: float, columns: float):
    left, top = WEST + STEP_M * column, NORTH - STEP_M * row
    return box(left, top - STEP_M * rows, left + STEP_M * columns, top)


def write_rates(workspace: Workspace, area: str, blocks: Sequence[tuple[int, int, int, int, float]]) -> None:
    """Rates down the slope of an area, as the fusion or a single track would give them."""
    rate = np.random.default_rng(len(area)).normal(0, 0.5, GRID.shape)
    for row, column, rows, columns, value in blocks:
        rate[row : row + rows, column : column + columns] += value
    layers = np.stack([rate, np.full(GRID.shape, 20.0), np.full(GRID.shape, 90.0)])
    folder = workspace.folder / "results"
    bands = ["downslope_mm_yr", "slope_deg", "aspect_deg"]
    write_raster(folder / f"areas/{area}/anomalies/slope.tif", layers, GRID, bands=bands, tags={"STACK": area})
    write_json(folder / f"{area}/grid.json", GRID.to_dict())


def configure(workspace: Workspace) -> None:
    """Two areas of one stack each: one to learn from, one to validate on."""
    write_raster(workspace.folder / "dem.tif", np.zeros(GRID.shape, np.float32), GRID, bands=["height_m"])
    (workspace.folder / "dates.csv").write_text("date\n2024-01-05\n2024-01-17\n2024-01-29\n")
    stack = {
        "phase": "raw/{pair}.diff",
        "scenes": "dates.csv",
        "heights": "dem.tif",
        "format": "gamma",
        "heading_deg": -12.3,
    }
    uses = {"a": "train", "b": "validation"}
    workspace.configure(
        stacks={name: stack | {"incidence": 39} for name in uses},
        areas={name: {"stacks": [name], "anomalies": True, "samples": use} for name, use in uses.items()},
        tilings={f"px{size}": {"size_px": size, "overlap": 0.5} for size in (64, 256, 1024)},
        training_tiling="px64",
        training={"name": "rates", "preset": "insarnet-rates", "data": "labelled", "options": NARROW, "steps": 3,
                  "batch_size": 4, "gpus": 0},
        models={"basinnet": "resources/models/basinnet", "rates": "results/models/rates"},
        anomalies={"tiling": "px64", "rim_px": 2},
        hazards={"lines": {"roads": "roads.geojson", "rivers": "rivers.gpkg"}, "distance_m": 500},
        permits={"file": "permits.gpkg", "id_column": "name"},
    )  # fmt: skip


def write_given(workspace: Workspace) -> None:
    """A road in degrees, rivers without a single line, and a permit that ended."""
    road = LineString([(WEST, NORTH - 200), (WEST + 10_000, NORTH - 200)])
    gpd.GeoDataFrame(geometry=[road], crs=GRID.crs_wkt).to_crs(4326).to_file(workspace.folder / "roads.geojson")
    nothing = gpd.GeoDataFrame({"name": []}, geometry=[], crs=GRID.crs_wkt)
    write_geopackage(workspace.folder / "rivers.gpkg", {"rivers": nothing})
    permit = {"name": ["old"], "valid_from": ["2015-01-01"], "valid_until": ["2023-12-31"]}
    gpd.GeoDataFrame(permit, geometry=[place(0, 0, 40, 40)], crs=GRID.crs_wkt).to_file(
        workspace.folder / "permits.gpkg"
    )
    seen = {"basin": ["k1", "k2"], "date1": ["2024-01-05"] * 2, "date2": ["2024-01-17"] * 2}
    basins = gpd.GeoDataFrame(seen, geometry=[place(10, 10, 20, 20), place(50, 50, 10, 10)], crs=GRID.crs_wkt)
    folder = workspace.folder / "results/areas/a/basinnet"
    write_geopackage(folder / "basins.gpkg", {"basins": basins[["basin", "geometry"]], "detections": basins})


@pytest.fixture(scope="module")
def done(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Everything about rates that needs no interferograms, once with the rules alone and once with a model."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("anomalies") / "run")
    configure(workspace)
    write_given(workspace)
    for area, blocks in BLOCKS.items():
        write_rates(workspace, area, blocks)
    targets = ["results/areas/a/anomalies/hazards.csv", "results/areas/a/basinnet/permits.csv"]
    workspace.run(*targets, "train", "--allowed-rules", *RULES, "train")
    return workspace


def test_the_rules_find_the_blocks_and_the_road_makes_one_of_them_a_hazard(done: Workspace):
    folder = done.folder / "results/areas/a/anomalies"
    found = read_vectors(folder / "anomalies.gpkg", "anomalies")
    assert found["area_m2"].tolist() == pytest.approx([14 * 16 * 400, 12 * 12 * 400], rel=0.1)
    assert found["mean_mm_yr"].tolist() == pytest.approx([-42, 30], abs=0.5)
    hazards = pd.read_csv(folder / "hazards.csv")
    assert hazards[["rank", "anomaly", "near"]].to_numpy().tolist() == [[1, "a1", "roads"]]
    assert hazards["distance_m"][0] == pytest.approx(0, abs=STEP_M)
    remarks = json.loads((folder / "hazards.json").read_text())["remarks"]
    assert any("roads.geojson was brought from WGS 84 to" in remark for remark in remarks)
    assert any("rivers.gpkg holds no features." in remark for remark in remarks)


def test_every_sample_becomes_six_tiles_and_a_model_learns_from_them(done: Workspace):
    folder = done.folder / "results/areas/a/anomalies"
    assert len(read_shard(folder / "tiles.safetensors", folder / "tiles.json")) == 12
    model = json.loads((done.folder / "results/models/rates/model.json").read_text())
    assert (model["encoding"], model["training"]["tiles"]) == ("abs_rate", [12, 6])


def test_the_model_slides_over_the_rates_as_over_phase_and_its_objects_are_described(done: Workspace, tmp_path: Path):
    workspace = done.copy(tmp_path / "model")
    section = {"model": "rates", "tiling": "px64", "threshold": 0.001, "peak_threshold": 0.001, "min_area_px": 1}
    workspace.configure(anomalies=section)
    workspace.run("results/areas/a/anomalies/anomalies.gpkg", "--allowed-rules", *RULES)
    folder = workspace.folder / "results/areas/a/anomalies"
    (probability,) = read_bands(folder / "probability.tif", "basin_probability")
    assert probability.shape == GRID.shape
    found = read_vectors(folder / "anomalies.gpkg", "anomalies")
    assert found["score"].between(0.001, 1).all()
    wrong = workspace.copy(tmp_path / "wrong")
    wrong.configure(anomalies={"model": "basinnet", "tiling": "px64"})
    target = "results/areas/a/anomalies/probability.tif"
    assert wrong.snakemake(target, "--allowed-rules", *RULES).returncode != 0
    said = (wrong.folder / "logs/a/search_anomalies.log").read_text()
    assert "found encoding 'sincos_coherence', expected 'abs_rate' to look at rates" in said
    assert "Traceback" not in said


def test_activity_after_the_end_of_a_permit_and_outside_of_it_is_listed(done: Workspace):
    found = pd.read_csv(done.folder / "results/areas/a/basinnet/permits.csv")
    assert found[["finding", "object", "permit", "first_date"]].fillna("").to_numpy().tolist() == [
        ["after_end", "k1", "old", "2024-01-05"],
        ["outside", "k2", "", "2024-01-05"],
    ]
    assert found["area_m2"].tolist() == [400 * 400, 200 * 200]


def test_one_track_alone_gives_the_rate_of_an_even_slope_back(done: Workspace, tmp_path: Path):
    """In closed form: a plane that falls to the east and slides down at 25 mm/yr."""
    workspace = done.copy(tmp_path / "track")
    columns = np.arange(SIZE, dtype=np.float32)[None] * STEP_M
    heights = np.broadcast_to(-np.tan(np.radians(20)) * columns, GRID.shape).astype(np.float32)
    line = LineOfSight.of(39.0, -12.3)
    toward = 25 * line.along(Terrain.of(heights, (STEP_M, STEP_M)).downhill())
    write_raster(workspace.folder / "dem.tif", heights, GRID, bands=["height_m"])
    folder = workspace.folder / "results/a"
    pair = "20240105_20240117"
    write_raster(
        folder / "sbas/rate.tif",
        np.stack([toward, np.ones(GRID.shape)]),
        GRID,
        bands=["rate_mm_yr", "rate_sigma_mm_yr"],
    )
    write_raster(folder / "sbas/quality.tif", np.ones(GRID.shape), GRID, bands=["measured"])
    write_json(folder / "sbas/network.json", {"first_date": "2024-01-05", "last_date": "2024-01-29"})
    facts = {"pair": pair, "heading_deg": None, "incidence_deg": None}
    write_json(folder / "stack.json", {"metadata": facts})
    target = "results/areas/a/anomalies/slope.tif"
    workspace.run(target, "--force", "--allowed-rules", "project_single_track", "place_layer")
    movement, slope = read_bands(workspace.folder / target, "downslope_mm_yr", "slope_deg")
    assert np.allclose(movement, 25, rtol=1e-4)
    assert np.allclose(slope, 20, atol=1e-3)
