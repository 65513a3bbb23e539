"""The built-in example end to end: five mines with a known history."""

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from shapely.geometry import Point

from tests.conftest import ROOT
from tests.workflow.conftest import Workspace

AREA = "results/areas/silesia/basinnet"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished default run in a folder of its own."""
    folder = tmp_path_factory.mktemp("example")
    for name in ("Snakefile", "workflow", "config", "envs", "profiles", "resources"):
        (folder / name).symlink_to(ROOT / name)
    workspace = Workspace(folder)
    workspace.run()
    assert "Nothing to be done" in workspace.run()
    return folder


@pytest.fixture(scope="module")
def mines(example: Path) -> gpd.GeoDataFrame:
    """True mines as points on the map."""
    truth = pd.DataFrame(json.loads((example / "results/simulated/example/truth.json").read_text()))
    with rasterio.open(next(example.glob("results/example/interferograms/*/phase.tif"))) as source:
        transform, crs = source.transform, source.crs.to_wkt()
        places = [Point(*source.xy(m.row, m.col)) for m in truth.itertuples()]
    return gpd.GeoDataFrame(truth.assign(radius_m=truth["radius_px"] * transform.a), geometry=places, crs=crs)


@pytest.fixture(scope="module")
def basins(example: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(example / AREA / "basins.gpkg", layer="basins")


def at(mine, basins: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Basins that touch a mine's true disc."""
    return basins[basins.intersects(mine.geometry.buffer(mine.radius_m))]


def test_every_mine_is_found_at_its_place(mines, basins):
    found = {mine.name: len(at(mine, basins)) for mine in mines.itertuples()}
    assert all(found.values()), found


def test_hardly_anything_else_is_found(mines, basins):
    discs = mines.geometry.buffer(2 * mines["radius_m"]).union_all()
    strangers = basins[~basins.intersects(discs)]
    assert len(strangers) <= 1, strangers[["basin", "n_detected", "max_score"]]


@pytest.mark.parametrize(
    ("name", "states"), [("m3", {"new"}), ("m4", {"ceased"}), ("m5", {"continuous", "intermittent"})]
)
def test_a_mine_has_the_state_of_its_history(mines, basins, name, states):
    mine = next(m for m in mines.itertuples() if m.name == name)
    largest = at(mine, basins).sort_values("n_detected").iloc[-1]
    assert largest["state"] in states


def test_activity_adds_up_to_no_more_than_the_period(example):
    with rasterio.open(example / "results/example/activity/basinnet/activity.tif") as source:
        days = source.read(1)
    assert days.max() <= 11 * 12
    assert days.max() >= 6 * 12


def test_the_mine_too_fast_for_sbas_is_not_measured_by_it(example, mines):
    objects = gpd.read_file(example / "results/example/comparison/basinnet/objects.gpkg", layer="objects")
    mine = next(m for m in mines.itertuples() if m.name == "m5")
    there = objects[objects.intersects(mine.geometry.buffer(mine.radius_m)) & (objects["source"] == "detected")]
    assert (there["status"] == "not_assessable").any(), there[["object", "status", "reason", "measured_share"]]


def test_the_report_names_basins_settings_and_versions(example, basins):
    page = (example / AREA / "report.html").read_text()
    assert all(f"{name}<" in page for name in basins["basin"])
    assert "data:image/png;base64," in page
    assert "torch" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_snakemake_makes_its_own_report(example: Path):
    workspace = Workspace(example)
    workspace.run("--report", "workflow_report.zip")
    assert (example / "workflow_report.zip").stat().st_size > 100_000
