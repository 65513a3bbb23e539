"""Simulated tiles from real delay maps and terrain: wired as inputs, and refused before any job starts."""

import json
from datetime import date

import numpy as np
import pytest
import rasterio
from basinwatch.rasters import read_bands

STEP, WIDTH, LENGTH = 0.000833333, 120, 110
WINTER = [date(2020, 1, 5), date(2020, 2, 10), date(2020, 12, 3), date(2021, 1, 7)]
SHARD = "results/simulation/simulated/train/0000.jsonl"


def write_delay(folder, day, level=2.3):
    """One GACOS date over a plane."""
    folder.mkdir(exist_ok=True)
    rows, columns = np.mgrid[:LENGTH, :WIDTH]
    values = level + 1e-5 * (day.toordinal() % 97) * rows + 2e-5 * columns
    (folder / f"{day:%Y%m%d}.ztd").write_bytes(values.astype("<f4").tobytes())
    header = f"WIDTH {WIDTH}\nFILE_LENGTH {LENGTH}\nX_FIRST 18\nY_FIRST 50.6\nX_STEP {STEP}\nY_STEP -{STEP}\n"
    (folder / f"{day:%Y%m%d}.ztd.rsc").write_text(header)


def write_dem(path, size):
    """Heights on a UTM grid of 30 m."""
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "float32", "crs": "EPSG:32634"}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(30, 0, 3.5e5, 0, -30, 5.56e6)) as target:
        target.write(np.add.outer(np.arange(size), np.arange(size)).astype(np.float32), 1)


def configure(workspace, atmosphere, **others):
    workspace.configure(
        simulation={
            "recipe": "custom", "tile_size_px": 64, "shard_size": 3, "train_shards": 1, "validation_shards": 1,
            "pixel_size_m": [10, 40], "atmosphere": atmosphere,
        } | others
    )  # fmt: skip


@pytest.fixture
def fresh(empty_workspace, tmp_path):
    return empty_workspace.copy(tmp_path / "run")


def test_a_shard_draws_from_delay_maps_and_terrain_and_follows_their_changes(fresh):
    for day in WINTER:
        write_delay(fresh.folder / "gacos", day)
    write_dem(fresh.folder / "dem.tif", 200)
    configure(fresh, {"source": "gacos", "gacos_dir": "gacos", "dem": "dem.tif", "stratified_share": 1})
    fresh.run(SHARD)
    records = [json.loads(line) for line in (fresh.folder / SHARD).read_text().splitlines()]
    listed = {f"{day:%Y%m%d}" for day in WINTER}
    for record in records:
        drawn = record["atmosphere"]["gacos"]
        assert {drawn["first"], drawn["second"]} < listed
        assert len(record["atmosphere"]["terrain"]) == 2
    assert "Nothing to be done" in fresh.run(SHARD)
    write_delay(fresh.folder / "gacos", WINTER[0], level=2.4)
    assert "Simulate shard 0000" in fresh.run(SHARD, "--dry-run")


def single_date(folder):
    for day in [*WINTER, date(2020, 7, 1)]:
        write_delay(folder / "gacos", day)
    return {"source": "gacos", "gacos_dir": "gacos"}, "found only 20200701 in JJA"


def no_folder(folder):
    return {"source": "gacos", "gacos_dir": "nowhere"}, "nowhere"


def small_dem(folder):
    write_dem(folder / "dem.tif", 20)
    return {"dem": "dem.tif"}, "dem.tif: found"


def impossible_range(folder):
    return {"relief_m": [800, 60]}, "swap the two numbers"


def impossible_share(folder):
    return {"strong_share": 3}, "a share between 0 and 1"


@pytest.mark.parametrize("fault", [single_date, no_folder, small_dem, impossible_range, impossible_share])
def test_what_tiles_cannot_be_drawn_from_is_said_before_any_job_starts(fresh, fault):
    atmosphere, sentence = fault(fresh.folder)
    configure(fresh, atmosphere)
    done = fresh.snakemake(SHARD)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert sentence in output
    assert "Traceback" not in output
    assert "Simulate shard" not in output
    assert not (fresh.folder / "logs").exists()


def test_a_named_recipe_refuses_settings_it_fixes(fresh):
    configure(fresh, {"delay_mm": 3}, recipe="paper")
    done = fresh.snakemake(SHARD, "--dry-run")
    assert "recipe 'paper' fixes it" in done.stdout + done.stderr


def test_the_tiles_of_a_shard_can_be_looked_at_in_a_gis(fresh):
    configure(fresh, {})
    fresh.run("results/simulation/simulated/train/0000_tiles")
    paths = sorted((fresh.folder / "results/simulation/simulated/train/0000_tiles").glob("*.tif"))
    assert [path.name for path in paths] == ["0.tif", "1.tif", "2.tif"]
    phase, _, label = read_bands(paths[0], "phase", "coherence", "label")
    assert 3 < np.nanmax(np.abs(phase)) <= np.pi
    assert set(np.unique(label)) <= {0, 1, 2}
