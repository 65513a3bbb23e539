"""What corrects a rate map and what goes wrong with it: files, settings, and one sentence for each bad input."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from basinwatch.configuration import validate
from basinwatch.sbas.corrections.chain import CorrectionSettings
from basinwatch.simulation.forms import FILES
from basinwatch.vectors import read_vectors, write_geopackage
from shapely.geometry import Point, box

from tests.conftest import ROOT
from tests.workflow.conftest import SCENES, SIZE, Workspace, write_scenes

RATE = "results/mine/sbas/rate.tif"
# Where the bowl of the workspace is deepest, and ground far from it.
BOWL, CALM = Point(350_000 + 30 * 70, 5_560_000 - 30 * 50), Point(350_000 + 30 * 15, 5_560_000 - 30 * 105)


@pytest.mark.parametrize("section", [field.name for field in fields(CorrectionSettings)])
def test_the_defaults_of_the_configuration_are_those_of_the_library(section: str):
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    configured = validate({"stacks": {"mine": {"phase": "{pair}.tif"}}}, schema)["sbas"]
    defaults = asdict(CorrectionSettings())[section]
    if section == "reference":
        assert configured[section].pop("place") is None
        assert defaults.pop("min_coherence") == configured["reference_coherence"]
    assert {**configured[section], **({"steps": ()} if section == "height_error" else {})} == defaults


def change_stack(workspace: Workspace, **settings: object) -> None:
    """Add keys to the workspace's stack."""
    stack = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())["stacks"]["mine"]
    workspace.configure(stacks={"mine": stack | settings})


def name_reference(workspace: Workspace, place: Point, crs: str | None = "EPSG:32634") -> None:
    """Give a point as reference, in longitude and latitude unless it has no coordinate system."""
    points = gpd.GeoDataFrame(geometry=[place], crs=crs)
    placed = points if crs is None else points.to_crs("EPSG:4326")
    write_geopackage(workspace.folder / "place.gpkg", {"place": placed})
    workspace.configure(sbas={"reference_coherence": 0.5, "reference": {"place": "place.gpkg"}})


def refusal(workspace: Workspace, rule: str = "estimate_rate") -> str:
    """The one sentence a rate map fails with."""
    assert workspace.snakemake(RATE).returncode != 0
    log = (workspace.folder / f"logs/mine/{rule}.log").read_text()
    assert "Traceback" not in log
    return log.splitlines()[-1]


def write_delays(folder: Path, days: list[str]) -> None:
    """Write GACOS files of a smooth delay around the workspace's scene."""
    folder.mkdir()
    for number, day in enumerate(days):
        rows, columns = np.mgrid[:60, :60]
        values = 2.3 + 0.01 * np.sin(rows / 9 + number) * np.cos(columns / 11)
        values.astype("<f4").tofile(folder / f"{day}.ztd")
        (folder / f"{day}.ztd.rsc").write_text(
            "WIDTH 60\nFILE_LENGTH 60\nX_FIRST 18.7\nX_STEP 0.0083\nY_FIRST 50.35\nY_STEP -0.0083\n"
        )


def corrections(workspace: Workspace) -> dict:
    """What the rate map says of its corrections."""
    return json.loads((workspace.folder / "results/mine/sbas/network.json").read_text())["corrections"]


def test_ground_near_the_basins_seen_by_the_detector_is_no_reference(finished_workspace: Workspace):
    basins = read_vectors(finished_workspace.folder / "results/areas/mine/basinnet/basins.gpkg", "basins")
    assert basins.contains(BOWL).any()
    scene = box(350_000, 5_560_000 - 30 * SIZE, 350_000 + 30 * SIZE, 5_560_000)
    near_px = basins.buffer(480).union_all().intersection(scene).area / 30**2
    network = json.loads((finished_workspace.folder / "results/mine/sbas/network.json").read_text())
    assert 0.9 * (SIZE**2 - near_px) < network["reference_px"] < SIZE**2 - near_px


def test_blind_basins_are_a_product_of_their_own(finished_workspace: Workspace):
    folder = finished_workspace.folder / "results/mine/comparison/basinnet"
    objects, blind = read_vectors(folder / "objects.gpkg", "objects"), read_vectors(folder / "blind.gpkg", "blind")
    unseen = objects[(objects["source"] == "detected") & (objects["status"] != "matched")]
    assert set(blind["basin"]) == set(unseen["object"])
    assert {"gradient_mm", "needed_rate", "active_share"} <= set(blind)
    found = objects[objects["source"] == "detected"]
    assert found["gradient_rad"].notna().any()
    assert (found["span_days"] == 36).all()


def test_a_reference_inside_a_basin_is_refused_with_one_sentence(workspace: Workspace):
    name_reference(workspace, BOWL)
    assert "reference: found place 1 inside a detected basin, expected stable ground" in refusal(workspace)


def test_a_reference_without_coordinate_system_is_refused_with_one_sentence(workspace: Workspace):
    name_reference(workspace, CALM, crs=None)
    assert "place.gpkg: found no coordinate system, expected one, as the stack has" in refusal(workspace)


def test_a_reference_on_calm_ground_is_zero(workspace: Workspace):
    name_reference(workspace, CALM)
    workspace.run(RATE)
    network = json.loads((workspace.folder / "results/mine/sbas/network.json").read_text())
    assert 0 < network["reference_px"] < 60
    rate = rasterio.open(workspace.folder / RATE).read(1)
    assert abs(np.median(rate[102:109, 12:19])) < 0.5


def test_dates_without_delay_stay_uncorrected_and_are_named(workspace: Workspace):
    write_delays(workspace.folder / "gacos", [f"{day:%Y%m%d}" for day in SCENES[:3]])
    change_stack(workspace, delays="gacos", incidence=39)
    assert "stacks.mine.delays: found 3 of 4 dates in gacos; the others stay uncorrected." in workspace.run(RATE)
    assert f"delays: found none for {SCENES[3]}" in (workspace.folder / "logs/mine/estimate_rate.log").read_text()
    table = corrections(workspace)["delay"]
    assert [row["date"] for row in table if row["before_mm"] is None] == [str(SCENES[3])]
    assert workspace.planned().isdisjoint({"Estimate the rate map of stack mine"})


def test_zenith_delays_without_incidence_are_refused_with_one_sentence(workspace: Workspace):
    write_delays(workspace.folder / "gacos", [f"{day:%Y%m%d}" for day in SCENES[:4]])
    change_stack(workspace, delays="gacos")
    assert "incidence: found none, expected an angle or a raster for zenith delays" in refusal(workspace)


def test_a_pair_without_any_unwrapped_phase_is_left_out_and_named(workspace: Workspace):
    pair = f"{SCENES[0]:%Y%m%d}_{SCENES[1]:%Y%m%d}"
    unwrapped = workspace.folder / f"results/mine/unwrapped/{pair}.tif"
    with rasterio.open(unwrapped, "r+") as target:
        target.write(np.full((1, SIZE, SIZE), np.nan, np.float32))
    workspace.run(RATE, "--forcerun", "estimate_rate")
    assert corrections(workspace)["pairs_left_out"] == [pair]


def test_heights_of_another_grid_are_refused_with_one_sentence(workspace: Workspace):
    profile = {"driver": "GTiff", "height": 10, "width": 10, "count": 1, "dtype": "float32"}
    with rasterio.open(workspace.folder / "dem.tif", "w", **profile, crs="EPSG:32634",
                       transform=rasterio.Affine(30, 0, 350_000, 0, -30, 5_560_000)) as target:  # fmt: skip
        target.write(np.ones((1, 10, 10), np.float32))
    change_stack(workspace, heights="dem.tif")
    workspace.configure(sbas={"ramp": {"height": True}})
    assert f"dem.tif: found 10x10 px, expected {SIZE}x{SIZE} px as in the stack's grid" in refusal(workspace)


@pytest.mark.parametrize("key", ["heights", "incidence", "delays"])
def test_a_file_that_is_not_there_is_one_sentence(empty_workspace: Workspace, tmp_path: Path, key: str):
    workspace = empty_workspace.copy(tmp_path / "run")
    change_stack(workspace, **{key: "nowhere"})
    done = workspace.snakemake("--dry-run")
    assert done.returncode != 0
    assert f"config: stacks.mine.{key}: found nothing at 'nowhere'" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_simulated_delays_and_heights_correct_a_simulated_stack(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    write_scenes(workspace, SCENES[:4])
    made = "results/simulated/made"
    stack = {role: f"{made}/{file}" for role, file in FILES["plain"].items()}
    workspace.configure(
        stacks={"mine": stack | {"scenes": "scenes.csv", "network": {"predecessors": 2},
                                 "heights": f"{made}/heights.tif", "delays": f"{made}/gacos", "incidence": 39}},
        simulated_stacks={"made": {"form": "plain", "first_date": str(SCENES[0]), "size_px": 80, "mines": 1,
                                   "elevation": True}},
        sbas={"weights": "fisher", "ramp": {"surface": "plane", "height": True}, "principal": {"enabled": True}},
    )  # fmt: skip
    workspace.run(RATE)
    done = corrections(workspace)
    assert (len(done["delay"]), done["ramp"]) == (4, True)
