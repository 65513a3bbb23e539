"""Stacks at the edge of what users have: radar geometry, a single pair, nothing to find, no coherence."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import yaml

from tests.workflow.conftest import SCENES, SIZE, Workspace, write_pair

OFF = """Gamma Interferometric SAR Processor (ISP) - Interferogram and Image Offset Parameter File

title: test
interferogram_width: {size}
interferogram_azimuth_lines: {size}
interferogram_range_looks: 8
interferogram_azimuth_looks: 2
interferogram_range_pixel_spacing: 18.6 m
interferogram_azimuth_pixel_spacing: 28.1 m
"""


def radar_stack(workspace: Workspace, name: str) -> dict[str, str]:
    """Write two pairs in radar geometry and return their entry of the configuration."""
    raw = workspace.folder / name
    raw.mkdir()
    for first, second in ((SCENES[0], SCENES[1]), (SCENES[1], SCENES[2])):
        write_pair(raw, first, second)
        (raw / f"{first:%Y%m%d}_{second:%Y%m%d}.off").write_text(OFF.format(size=SIZE))
    return {"phase": f"{name}/{{pair}}.diff", "coherence": f"{name}/{{pair}}.cc"}


@pytest.fixture
def fresh(empty_workspace: Workspace, tmp_path: Path) -> Workspace:
    return empty_workspace.copy(tmp_path / "run")


def report_of(workspace: Workspace, area: str) -> str:
    return (workspace.folder / f"results/areas/{area}/basinnet/report.html").read_text()


def test_a_stack_in_radar_geometry_reaches_the_report_without_false_georeference(fresh: Workspace):
    fresh.configure(stacks={"slant": radar_stack(fresh, "slant")}, areas={})
    fresh.run()
    basins = gpd.read_file(fresh.folder / "results/areas/slant/basinnet/basins.gpkg", layer="basins")
    assert basins.crs is None
    assert "radar geometry" in report_of(fresh, "slant")


def test_two_stacks_in_radar_geometry_are_not_merged(fresh: Workspace):
    stacks = {name: radar_stack(fresh, name) | {"rate": False} for name in ("one", "two")}
    fresh.configure(stacks=stacks, areas={"both": {"stacks": ["one", "two"]}})
    done = fresh.snakemake()
    assert done.returncode != 0
    assert "found radar geometry in an area of 2 stacks" in done.stdout + done.stderr


def test_a_single_pair_of_noise_without_coherence_ends_in_a_report(fresh: Workspace):
    raw = fresh.folder / "raw"
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (SIZE, SIZE))
    for path in raw.glob("*.unw"):
        path.unlink()
    for path in raw.glob("*.diff"):
        path.unlink()
    np.exp(1j * noise).astype(">c8").tofile(raw / "20240105_20240117.diff")
    fresh.configure(stacks={"mine": {"phase": "raw/{pair}.diff", "header": "raw/grid.dem_par"}})
    fresh.run()
    page = report_of(fresh, "mine")
    assert "close no loop" in page
    assert "Coherence is missing" in page


def test_a_broken_first_pair_is_worked_around_by_naming_another_for_the_grid(fresh: Workspace):
    (fresh.folder / "raw/20240105_20240117.diff").write_bytes(b"")
    wanted = "results/mine/interferograms/20240117_20240129/meta.json"
    done = fresh.snakemake(wanted)
    assert "name another one under grid_pair" in done.stdout + done.stderr
    config = yaml.safe_load((fresh.folder / "config/config.yaml").read_text())
    stack = config["stacks"]["mine"] | {"grid_pair": "20240117_20240129"}
    fresh.configure(stacks={"mine": stack})
    fresh.run(wanted)


def test_excluding_a_pair_keeps_everything_else(workspace: Workspace):
    config = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())
    workspace.configure(stacks={"mine": config["stacks"]["mine"] | {"exclude_pairs": ["20240105_20240117"]}})
    planned = workspace.planned()
    assert not [message for message in planned if message.startswith(("Ingest", "Find", "Unwrap", "Define"))]
    assert "Link the detections of area mine into basins" in planned
