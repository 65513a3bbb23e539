"""Two simulated tracks through the workflow until motion east and up of their mine."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from basinwatch.rasters import read_bands
from basinwatch.simulation.acquisitions import TRACKS
from basinwatch.simulation.forms import FILES
from basinwatch.simulation.stack import SimulatedStack

from tests.workflow.conftest import Workspace

SCENES = [date(2024, 1, 5) + timedelta(days=12 * n) for n in range(3)]
PASSES = {"up": "ascending", "down": "descending"}
RECIPE = {
    "form": "plain",
    "first_date": "2024-01-05",
    "size_px": 128,
    "mines": 1,
    "seed": 6,
    "elevation": True,
    "relief_m": 60,
    "slides": 0,
    "spacing_m": 30,
}
FUSION = "results/areas/valley/fusion"


def configure(workspace: Workspace, **settings: object) -> None:
    """One area of two stacks that read simulated plain files of both directions of flight."""
    (workspace.folder / "dates.csv").write_text("date\n" + "".join(f"{day}\n" for day in SCENES))
    own = {"scenes": "dates.csv", "network": {"predecessors": 1}}
    own |= {"heights": "results/simulated/made-up/heights.tif"} | settings
    made = {name: RECIPE | {"pass": track} for name, track in PASSES.items()}
    workspace.configure(
        stacks={
            name: {role: f"results/simulated/made-{name}/{file}" for role, file in FILES["plain"].items()} | own
            for name in PASSES
        },
        simulated_stacks={f"made-{name}": entry for name, entry in made.items()},
        # So short a time leaves more of the air in a rate than the usual limit of ground at rest.
        sbas={"reference_coherence": 0.5, "rate_threshold_mm_yr": 20},
        fusion={"bandwidth_m": [1000, 2000]},
        activity={"min_detections": 1},
        areas={"valley": {"stacks": list(PASSES), "fuse": True}},
    )


def give_headings(workspace: Workspace) -> None:
    """Name the flight directions, which plain files do not have."""
    stacks = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())["stacks"]
    for name, stack in stacks.items():
        stack["heading_deg"] = TRACKS[PASSES[name]].heading_deg
    workspace.configure(stacks=stacks)


@pytest.fixture(scope="module")
def refused(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two tracks whose flight directions are unknown, as far as they go."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("fusion") / "run")
    configure(workspace)
    assert workspace.snakemake(f"{FUSION}/motion.tif").returncode != 0
    return workspace


@pytest.fixture(scope="module")
def fused(refused: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an area's fused products."""
    workspace = refused.copy(tmp_path_factory.mktemp("headings") / "run")
    give_headings(workspace)
    assert "Estimate the rate map" not in workspace.run(f"{FUSION}/motion.tif", f"{FUSION}/slope.tif")
    return workspace.folder / FUSION


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    """True mean motion of the scenes' time, mm/yr."""
    stack = SimulatedStack.from_config(RECIPE | {"pass": "ascending"})
    days = (SCENES[-1] - SCENES[0]).days
    (movement,) = stack.ground.movements(0, days)
    total = {name: np.zeros(stack.grid.shape) for name in ("east", "north", "up")}
    height, width = movement.up.shape
    top, left = max(movement.row, 0), max(movement.column, 0)
    window = slice(top, movement.row + height), slice(left, movement.column + width)
    for name, field in total.items():
        inside = field[window]
        part = getattr(movement, name)[top - movement.row :, left - movement.column :]
        inside += part[: inside.shape[0], : inside.shape[1]] * 365.25 / days
    return total


def test_motion_agrees_with_the_truth_where_both_tracks_measured(fused: Path, truth):
    names = ("east_mm_yr", "up_mm_yr", "sigma_east_mm_yr", "sigma_up_mm_yr", "strength", "is_weak")
    east, up, *sigma, strength, weak = read_bands(fused / "motion.tif", *names)
    added = json.loads((fused / "fusion.json").read_text())["added_by_motion_north"]
    mine = (truth["up"] < -100) & np.isfinite(up)
    assert mine.sum() > 500
    for found, name in ((east, "east"), (up, "up")):
        expected = truth[name] + added[name] * truth["north"]
        assert np.corrcoef(found[mine], expected[mine])[0, 1] > 0.97
        assert np.median(np.abs(found - expected)[mine]) < 40
        still = np.isfinite(found) & (truth["up"] > -1)
        assert abs(np.median(found[still])) < 20
    assert all((spread[mine] > 0).all() for spread in sigma)
    assert strength[mine].min() > 0.9
    assert not weak[mine].any()


def test_a_mine_sinks_and_its_sides_move_towards_its_middle(fused: Path, truth):
    east, up = read_bands(fused / "motion.tif", "east_mm_yr", "up_mm_yr")
    row, column = np.unravel_index(np.argmin(truth["up"]), up.shape)
    assert up[row, column] < -300
    side = np.abs(truth["east"]) > 100
    assert np.mean(np.sign(east[side]) == np.sign(truth["east"][side])) > 0.95
    columns = np.broadcast_to(np.arange(up.shape[1]), up.shape)
    assert np.mean(columns[side & (east > 0)]) < column < np.mean(columns[side & (east < 0)])


def test_the_summary_tells_geometry_levels_and_counts(fused: Path):
    found = json.loads((fused / "fusion.json").read_text())
    (up,) = read_bands(fused / "motion.tif", "up_mm_yr")
    assert [(t["stack"], t["pass"], t["heading_deg"]) for t in found["tracks"]] == [
        ("up", "ascending", -12.3),
        ("down", "descending", 192.3),
    ]
    assert [track["last_date"] for track in found["tracks"]] == ["2024-01-29"] * 2
    assert found["fused_px"] == np.isfinite(up).sum() <= min(found["measured_px"].values())
    (level,) = found["levels"]
    assert level["stacks"] == ["up", "down"]
    assert 1000 <= level["bandwidth_m"] <= 2000
    assert level["at_rest_px"] > 500


def test_the_series_ends_where_the_motion_leads(fused: Path):
    days = [day.isoformat() for day in SCENES]
    assert json.loads((fused / "fusion.json").read_text())["dates"] == days
    for name in ("east", "up"):
        first, _, last = read_bands(fused / f"displacement_{name}.tif", *days)
        (rate,) = read_bands(fused / "motion.tif", f"{name}_mm_yr")
        known = np.isfinite(rate)
        assert np.array_equal(np.isfinite(last), known)
        assert not first[known].any()
        # The line through three equally spaced dates rises by what lies between the first and the last.
        assert np.allclose(last[known], rate[known] * 24 / 365.25, atol=0.1)


def test_movement_downhill_is_given_on_slopes_alone_and_the_others_are_counted(fused: Path):
    names = ("downslope_mm_yr", "slope_deg", "r_index", "r_index_up", "r_index_down")
    downhill, slope, *shares = read_bands(fused / "slope.tif", *names)
    (up,) = read_bands(fused / "motion.tif", "up_mm_yr")
    known = np.isfinite(up)
    assert np.array_equal(np.isfinite(downhill), (slope >= 5) & (shares[0] >= 0.3) & known)
    assert all(np.nanmax(share) <= 1.2 for share in shares)
    counts = json.loads((fused / "slope.json").read_text())
    assert counts["flat_or_unknown_px"] == (known & ~(slope >= 5)).sum() > 0
    assert counts["hardly_seen_px"] == (known & (slope >= 5) & (shares[0] < 0.3)).sum() > 0
    assert counts["fused_px"] == known.sum() == sum(counts.values()) - counts["fused_px"]


def test_plain_files_are_not_fused_before_their_headings_are_given(refused: Workspace):
    said = (refused.folder / "logs/valley/fuse_tracks.log").read_text()
    assert "stacks.up: found no heading_deg for pair 20240105_20240117, expected one to fuse its rate map; " in said
    assert "set stacks.up.heading_deg, or fuse: false in its area." in said
    assert not (refused.folder / FUSION / "motion.tif").exists()


def test_an_area_is_fused_only_where_it_is_asked_for(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    wanted = {"Fuse the rate maps of area valley", "Project the motion of area valley onto its slopes"}
    configure(workspace, heights=None)
    assert wanted & workspace.planned() == {"Fuse the rate maps of area valley"}
    workspace.configure(areas={"valley": {"stacks": list(PASSES)}})
    assert not wanted & workspace.planned()


def test_an_area_without_two_rate_maps_is_not_fused(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    configure(workspace, rate=False)
    done = workspace.snakemake("--dry-run")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "areas.valley.fuse: found 0 stacks with a rate map, expected an ascending and a descending one" in said
    assert "Traceback" not in said
