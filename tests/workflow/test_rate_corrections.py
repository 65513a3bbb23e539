"""What corrects a rate map and what goes wrong with it: files, settings, and one sentence for each bad input."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from basinwatch.comparison import ComparisonSettings
from basinwatch.configuration import validate
from basinwatch.sbas.corrections.chain import CorrectionSettings
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.simulation.forms import FILES
from basinwatch.vectors import read_vectors, write_geopackage
from shapely.geometry import Point, box

from tests.conftest import ROOT
from tests.workflow.conftest import SCENES, SIZE, Workspace, write_scenes

RATE = "results/mine/sbas/rate.tif"
# Where the bowl of the workspace is deepest, and ground far from it.
BOWL, CALM = Point(350_000 + 30 * 70, 5_560_000 - 30 * 50), Point(350_000 + 30 * 15, 5_560_000 - 30 * 105)


def defaults() -> dict:
    """Configuration of someone who sets nothing."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    return validate({"stacks": {"mine": {"phase": "{pair}.tif"}}}, schema)


def test_the_defaults_of_rate_and_comparison_are_those_of_the_library():
    rate, comparison = asdict(RateSettings()), asdict(ComparisonSettings())
    named_alike = rate.keys() & defaults()["sbas"].keys() - {"min_coherence", "looks"}
    assert {"trend", "bridge", "max_gaps", "min_observed_share", "short_pair_days", "class_sigmas"} <= named_alike
    assert {key: defaults()["sbas"][key] for key in named_alike} == {key: rate[key] for key in named_alike}
    assert defaults()["comparison"].items() <= comparison.items()


@pytest.mark.parametrize("section", [field.name for field in fields(CorrectionSettings)])
def test_the_defaults_of_the_configuration_are_those_of_the_library(section: str):
    configured = defaults()["sbas"]
    own = asdict(CorrectionSettings())[section]
    if section == "reference":
        assert configured[section].pop("place") is None
        assert own.pop("min_coherence") == configured["reference_coherence"]
    assert {**configured[section], **({"steps": ()} if section == "height_error" else {})} == own


def change_stack(workspace: Workspace, **settings: object) -> None:
    """Add keys to the workspace's stack."""
    stack = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())["stacks"]["mine"]
    workspace.configure(stacks={"mine": stack | settings})


def write_place(workspace: Workspace, place: Point, name: str, crs: str | None = "EPSG:32634", **columns) -> None:
    """Write a point in longitude and latitude, unless it has no coordinate system."""
    points = gpd.GeoDataFrame(columns, geometry=[place], crs=crs)
    placed = points if crs is None else points.to_crs("EPSG:4326")
    write_geopackage(workspace.folder / name, {"place": placed})


def name_reference(workspace: Workspace, place: Point, crs: str | None = "EPSG:32634") -> None:
    """Give a point as reference of all stacks."""
    write_place(workspace, place, "place.gpkg", crs)
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


def test_the_reference_of_a_stack_comes_before_that_of_all_stacks(workspace: Workspace):
    name_reference(workspace, BOWL)
    write_place(workspace, CALM, "calm.gpkg")
    change_stack(workspace, reference="calm.gpkg")
    workspace.run(RATE)
    network = json.loads((workspace.folder / "results/mine/sbas/network.json").read_text())
    assert 0 < network["reference_px"] < 60


def test_a_control_point_sets_the_level_of_the_map_and_one_off_the_grid_is_one_sentence(workspace: Workspace):
    write_place(workspace, CALM, "station.gpkg", rate_mm_yr=[25.0])
    change_stack(workspace, control="station.gpkg")
    workspace.run(RATE)
    rate = rasterio.open(workspace.folder / RATE).read(1)
    assert rate[105, 15] == pytest.approx(25, abs=0.5)
    write_place(workspace, Point(340_000, 5_560_000), "station.gpkg", rate_mm_yr=[25.0])
    assert "control point 340000, 5.56e+06: found no valid pixel there" in refusal(workspace)


def test_settings_of_the_rate_reach_its_products(workspace: Workspace):
    folder = workspace.folder / "results/mine/sbas"
    before = rasterio.open(folder / "rate.tif").read(2)
    trend = {"annual": True, "bootstrap_draws": 50}
    workspace.configure(
        sbas={"reference_coherence": 0.5, "trend": trend, "class_sigmas": 1000, "max_residual_rms_mm": 1}
    )
    workspace.run(RATE)
    network = json.loads((folder / "network.json").read_text())
    assert network["trend"] == {"annual": "36 days are less than a year", "sigma": "spread over 50 draws of the dates"}
    with rasterio.open(folder / "rate.tif") as source:
        assert source.units == ("mm/yr", "mm/yr", "mm", "day of year")
        assert not np.array_equal(source.read(2), before)
    with rasterio.open(folder / "classes.tif") as source:
        assert source.descriptions == ("class", "class_beyond_sigma")
        first, sure = source.read()
    assert first[50, 70] == 1
    assert (sure != 2).sum() < (first != 2).sum()
    with rasterio.open(folder / "quality.tif") as source:
        layers = dict(zip(source.descriptions, source.read(), strict=True))
    np.testing.assert_array_equal(layers["measured"][layers["residual_rms_mm"] > 1.001], 0)
    assert np.isfinite(layers["consistency_mm"]).all()
    assert np.isfinite(layers["short_minus_long_mm_yr"]).all()


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


def test_a_date_without_any_valid_pair_is_solved_flagged_and_said(workspace: Workspace):
    last = f"{SCENES[3]:%Y%m%d}"
    for path in workspace.folder.glob(f"results/mine/unwrapped/*_{last}.tif"):
        with rasterio.open(path, "r+") as target:
            target.write(np.full((1, SIZE, SIZE), np.nan, np.float32))
    workspace.run(RATE, "--forcerun", "estimate_rate")
    sentence = f"{SCENES[3]}: found no valid pair of this date, expected one"
    assert corrections(workspace)["dates_without_pair"] == [str(SCENES[3])]
    assert corrections(workspace)["remarks"][0].startswith(sentence)
    assert sentence in (workspace.folder / "logs/mine/estimate_rate.log").read_text()
    with rasterio.open(workspace.folder / "results/mine/sbas/quality.tif") as source:
        layers = dict(zip(source.descriptions, source.read(), strict=True))
    assert (layers["n_gap"] == 1).all()
    assert not layers["measured"].any()


def test_a_network_in_two_parts_is_solved_flagged_and_said(workspace: Workspace):
    between = [f"{SCENES[a]:%Y%m%d}_{SCENES[b]:%Y%m%d}" for a, b in ((0, 2), (1, 2), (1, 3))]
    change_stack(workspace, exclude_pairs=between)
    workspace.run(RATE, "results/mine/sbas/pairs.csv")
    network = json.loads((workspace.folder / "results/mine/sbas/network.json").read_text())
    sentence = "the network falls into 2 subsets of scenes that no pair connects"
    assert network["subsets"] == 2
    assert sentence in network["remarks"][0]
    assert sentence in (workspace.folder / "logs/mine/describe_network.log").read_text()
    with rasterio.open(workspace.folder / "results/mine/sbas/quality.tif") as source:
        layers = dict(zip(source.descriptions, source.read(), strict=True))
    assert (layers["n_comp"] == 2).all()
    assert not layers["measured"].any()
    assert np.isfinite(rasterio.open(workspace.folder / RATE).read(1)).all()


def test_heights_of_another_grid_are_brought_onto_the_stacks_and_others_refused(
    empty_workspace: Workspace, tmp_path: Path
):
    workspace = empty_workspace.copy(tmp_path / "run")
    layer = "results/mine/layers/heights.tif"
    profile = {"driver": "GTiff", "height": 10, "width": 10, "count": 1, "dtype": "float32", "crs": "EPSG:32634"}
    change_stack(workspace, heights="dem.tif")
    for east, is_near in ((350_007, True), (550_007, False)):
        place = rasterio.Affine(50, 0, east, 0, -50, 5_559_990)
        with rasterio.open(workspace.folder / "dem.tif", "w", **profile, transform=place) as target:
            target.write(np.full((1, 10, 10), 250, np.float32))
        done = workspace.snakemake(layer)
        assert (done.returncode == 0) is is_near
        if is_near:
            with rasterio.open(workspace.folder / layer) as source:
                heights = source.read(1)
            assert heights.shape == (SIZE, SIZE)
            assert np.nanmin(heights) == np.nanmax(heights) == 250
            assert 200 < np.isfinite(heights).sum() < 330  # 500 m x 500 m in pixels of 30 m
    log = (workspace.folder / "logs/mine/place_layer/heights.log").read_text()
    assert "dem.tif: grid of 10x10 px" in log
    assert "does not overlap its stack's grid" in log


@pytest.mark.parametrize("key", ["heights", "incidence", "delays", "reference", "control", "lookup_table"])
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
