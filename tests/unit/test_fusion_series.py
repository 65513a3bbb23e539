"""Displacement series of two tracks become displacement east and up."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from basinwatch.fusion import series as module
from basinwatch.fusion.areas import RateMap
from basinwatch.fusion.decomposition import LineOfSight, decompose, neglected
from basinwatch.fusion.passes import Passes
from basinwatch.fusion.series import SeriesFile, fused_series, part_of, window_under
from basinwatch.fusion.tracks import onto
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster
from basinwatch.sbas.series_file import series_writer
from basinwatch.simulation.products.truth import displacement_mm
from rasterio.windows import Window

from tests.unit.simulated_stack import DATES, simulated, true_movement

LAG_DAYS = 5
GAP = (slice(30, 60), slice(100, 150))


def write(
    folder: Path, name: str, grid: Grid, dates: list[date], values: np.ndarray, measured: np.ndarray
) -> SeriesFile:
    """Write a track's products as the rate rule does."""
    with series_writer(folder / f"{name}.tif", grid, dates) as write_window:
        write_window(Window(0, 0, grid.width, grid.height), values.astype(np.float32))
    layers = np.stack([np.ones(grid.shape), measured]).astype(np.float32)
    write_raster(folder / f"{name}-quality.tif", layers, grid, bands=["temporal_coherence", "measured"])
    return SeriesFile.open(folder / f"{name}.tif", folder / f"{name}-quality.tif", grid)


@pytest.fixture(scope="module")
def stacks():
    return [simulated(**{"pass": name}) for name in ("ascending", "descending")]


@pytest.fixture(scope="module")
def files(stacks, tmp_path_factory) -> list[SeriesFile]:
    """Two tracks that see the ground at different dates; one did not measure a part of it."""
    folder, found = tmp_path_factory.mktemp("series"), []
    for stack, lag in zip(stacks, (0, LAG_DAYS), strict=True):
        dates = [day + timedelta(days=lag) for day in DATES]
        values = np.stack([displacement_mm(stack, day) for day in dates])
        measured = np.ones(stack.grid.shape)
        if lag:
            values[:, *GAP], measured[GAP] = 1e4, 0
        found.append(write(folder, f"{lag}", stack.grid, dates, values, measured))
    return found


def moved(grid: Grid, columns: float, rows: float, **size: int) -> Grid:
    """Shift a grid by pixels and change its size."""
    a, b, c, d, e, f = grid.transform
    return replace(grid, transform=(a, b, c + columns * a, d, e, f + rows * e), **size)


def rate_map(stack, sigma: float = 1.0) -> RateMap:
    track = stack.track
    passes = Passes("a", track.heading_deg, track.incidence_deg, DATES[0], DATES[-1])
    return RateMap(passes, passes.line, np.zeros(stack.grid.shape), np.full(stack.grid.shape, sigma))


def put_together(files, stacks, levels=None) -> np.ndarray:
    """East and up (component, date, y, x) of the whole grid."""
    grid, maps = stacks[0].grid, [rate_map(stack) for stack in stacks]
    levels = levels or [np.zeros(grid.shape)] * len(maps)
    whole = np.full((2, len(DATES) - 1, *grid.shape), -1e9, np.float32)
    for window, motion in fused_series(files, maps, levels, grid):
        whole[:, :, *window.toslices()] = motion
    return whole


def test_mines_come_back_east_and_up_at_every_common_date(files, stacks):
    east, up = put_together(files, stacks)
    leak = neglected("north", [LineOfSight(*stack.track.line) for stack in stacks])
    assert not np.nanmax(np.abs(east[0]))
    for number in (4, len(DATES) - 2):
        true_east, true_north, true_up = true_movement(stacks[0], DATES[1], DATES[1 + number])
        assert true_up.min() < -100
        assert np.nanmax(np.abs(east[number] - true_east - leak[0] * true_north)) < 1
        assert np.nanmax(np.abs(up[number] - true_up - leak[1] * true_north)) < 1


def test_ground_that_a_track_did_not_measure_has_no_displacement(files, stacks):
    unknown = np.isnan(put_together(files, stacks))
    assert unknown[:, :, *GAP].all()
    unknown[:, :, *GAP] = False
    assert not unknown.any()


def test_tiles_do_not_show(files, stacks, monkeypatch):
    whole = put_together(files, stacks)
    monkeypatch.setattr(module, "BLOCK_PX", 64)
    monkeypatch.setattr(module, "_STRIP_ROWS", 5)
    assert np.array_equal(put_together(files, stacks), whole, equal_nan=True)


def test_what_levelled_a_rate_is_taken_from_its_series_in_proportion_to_time(files, stacks):
    levels = [np.full(stacks[0].grid.shape, rate) for rate in (30.0, -12.0)]
    found = put_together(files, stacks, levels) - put_together(files, stacks)
    lines = [LineOfSight(*stack.track.line) for stack in stacks]
    per_year = decompose([np.array(-30.0), np.array(12.0)], lines).components
    years = (DATES[-1] - DATES[1]).days / 365.25
    assert np.allclose(found[:, -1, 100, 100], per_year * years, atol=1e-3)
    assert not found[:, 0, 100, 100].any()


def test_a_third_track_counts_by_its_weight(files, stacks, tmp_path):
    grid = stacks[0].grid
    third = write(
        tmp_path, "third", grid, list(files[0].dates), np.zeros((len(DATES), *grid.shape)), np.ones(grid.shape)
    )
    maps = [rate_map(stack) for stack in stacks]
    ignored = [*maps, rate_map(stacks[0], sigma=1e6)]
    (_, motion), = fused_series([*files, third], ignored, [np.zeros(grid.shape)] * 3, grid)  # fmt: skip
    expected = put_together(files, stacks)
    assert np.allclose(np.where(np.isnan(expected), 0, motion), np.nan_to_num(expected), atol=1e-3)


def test_a_track_on_another_grid_is_read_where_it_lies(files, stacks):
    own = stacks[1].grid
    away = moved(own, 81.5, 20.25, width=90, height=70)
    whole = files[1].onto(own)
    assert np.isfinite(whole).mean() > 0.9
    assert np.allclose(files[1].onto(away), onto(whole, own, away), rtol=0, atol=1e-3, equal_nan=True)


def test_a_track_that_lies_elsewhere_gives_nothing(files):
    away = moved(files[0].grid, 1000, 0)
    window = window_under(files[0].grid, away)
    assert window.width * window.height == 0
    assert np.isnan(files[0].onto(away)).all()


def test_a_part_of_a_grid_keeps_the_places_of_its_pixels():
    grid = Grid.from_map(60, 50, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")
    part = part_of(grid, Window(10, 20, 30, 5))
    assert part.shape == (5, 30)
    assert part.transform == (30, 0, 345_300, 0, -30, 5_570_400)


def test_the_window_under_a_geographic_grid_covers_it():
    grid = Grid.from_map(60, 50, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")
    geographic = Grid.from_map(20, 20, Affine(4e-4, 0, 18.8400, 0, -3e-4, 50.2650), "EPSG:4326")
    values = np.random.default_rng(0).normal(size=(2, 50, 60)).astype(np.float32)
    window = window_under(grid, geographic)
    expected = onto(values, grid, geographic)
    assert np.isfinite(expected).mean() > 0.1
    assert window.width < 60
    assert np.allclose(
        onto(values[:, *window.toslices()], part_of(grid, window), geographic), expected, atol=0.05, equal_nan=True
    )
