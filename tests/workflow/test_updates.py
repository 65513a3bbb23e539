"""A stack that grows: a new scene is added to what is known, and what changed in the past is noticed."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from basinwatch.vectors import write_geopackage
from geopandas import GeoDataFrame
from shapely.geometry import box

from tests.workflow.conftest import SCENES, Workspace, write_scenes

SBAS = "results/mine/sbas"
PRODUCTS = ("rate.tif", "classes.tif", "quality.tif", "displacement.tif")
# Stable ground that is the same whatever number of scenes there is.
CALM = box(350_100, 5_557_000, 350_500, 5_557_500)


def incremental(workspace: Workspace, *, on: bool = True) -> None:
    """Name the reference and switch updates on."""
    place = workspace.folder / "place.gpkg"
    if not place.exists():
        write_geopackage(place, {"place": GeoDataFrame(geometry=[CALM], crs="EPSG:32634")})
    workspace.configure(
        sbas={"incremental": on, "reference_coherence": 0.5, "reference": {"place": "place.gpkg"}},
    )


def run_rate(workspace: Workspace, *arguments: str) -> dict:
    """Make the rate map and return how much of it was new."""
    workspace.run(f"{SBAS}/rate.tif", *arguments)
    return json.loads((workspace.folder / SBAS / "network.json").read_text())["update"]


@contextmanager
def spoilt(workspace: Workspace, keep: set[str]) -> Iterator[None]:
    """For a while, make the unwrapped pairs unreadable that are not to be kept, alike from outside."""
    paths = [
        path
        for path in (workspace.folder / "results/mine/unwrapped").glob("*.tif")
        if path.name.split(".")[0] not in keep
    ]
    contents = {path: (path.read_bytes(), path.stat()) for path in paths}
    for path, (content, before) in contents.items():
        _replace(path, bytes(len(content)), before)
    yield
    for path, (content, before) in contents.items():
        _replace(path, content, before)


def _replace(path: Path, content: bytes, before: os.stat_result) -> None:
    """Write other content under the same times."""
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def products(workspace: Workspace) -> dict[str, np.ndarray]:
    """Every band of the products."""
    return {name: rasterio.open(workspace.folder / SBAS / name).read() for name in PRODUCTS}


@pytest.fixture(scope="module")
def growing(finished_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The finished workspace with a state; never changed, only copied."""
    workspace = finished_workspace.copy(tmp_path_factory.mktemp("growing") / "run")
    incremental(workspace)
    found = run_rate(workspace)
    assert (found["mode"], found["dates"]) == ("full", 4)
    assert "expected that of an earlier run" in found["why"]
    return workspace


@pytest.fixture
def grown(growing: Workspace, tmp_path: Path) -> Workspace:
    """The same with a fifth scene listed."""
    workspace = growing.copy(tmp_path / "run")
    write_scenes(workspace, SCENES[:5])
    return workspace


def test_new_scenes_one_by_one_equal_all_at_once_and_old_pairs_are_not_read(grown: Workspace, tmp_path: Path):
    whole = grown.copy(tmp_path / "whole")
    old = {f"{a:%Y%m%d}_{b:%Y%m%d}" for j, b in enumerate(SCENES[:4]) for a in SCENES[max(0, j - 2) : j]}
    for count in (5, 6):
        write_scenes(grown, SCENES[:count])
        new = (f"results/mine/unwrapped/{_name(a, count - 1)}.tif" for a in (count - 3, count - 2))
        grown.run(*new, "results/mine/stack.json")
        with spoilt(grown, {_name(a, count - 1) for a in (count - 3, count - 2)}):
            found = run_rate(grown)
        assert (found["mode"], found["dates"], found["pairs"], found["blocks_in_full"]) == ("appended", 1, 2, 0)
    assert len(old) == 5
    write_scenes(whole, SCENES[:6])
    incremental(whole, on=False)
    assert run_rate(whole) == {"mode": "full", "why": "sbas.incremental is off"}
    wanted = products(whole)
    for name, values in products(grown).items():
        assert np.array_equal(values, wanted[name], equal_nan=True), name


def _name(first: int, second: int) -> str:
    """Name of the pair of two scenes."""
    return f"{SCENES[first]:%Y%m%d}_{SCENES[second]:%Y%m%d}"


def test_a_changed_old_pair_is_a_full_run_that_says_why(grown: Workspace):
    path = grown.folder / f"results/mine/unwrapped/{_name(0, 1)}.tif"
    with rasterio.open(path, "r+") as target:
        target.write(np.flip(target.read(), axis=1))
    found = run_rate(grown)
    assert found["mode"] == "full"
    assert f"{_name(0, 1)}.tif: found another content" in found["why"]
    assert "full run:" in (grown.folder / "logs/mine/estimate_rate.log").read_text()


def test_a_state_survives_a_forced_run_and_its_loss_costs_no_more_than_time(grown: Workspace):
    assert run_rate(grown)["mode"] == "appended"
    wanted = products(grown)
    found = run_rate(grown, "--forcerun", "estimate_rate")
    assert (found["mode"], found["dates"]) == ("appended", 0)
    shutil.rmtree(grown.folder / SBAS / "state")
    assert "Estimate the rate map of stack mine" not in grown.planned()
    found = run_rate(grown, "--forcerun", "estimate_rate")
    assert found["mode"] == "full"
    for name, values in products(grown).items():
        assert np.array_equal(values, wanted[name], equal_nan=True), name


def test_a_half_written_generation_is_not_trusted(grown: Workspace):
    state = grown.folder / SBAS / "state"
    shutil.copytree(state / "000000", state / "000001")
    for path in (state / "000001").glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:200])
    assert run_rate(grown)["mode"] == "appended"
    assert sorted(path.name for path in state.iterdir()) == ["000001", "manifest.json"]
