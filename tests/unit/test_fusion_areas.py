"""Rate maps of an area's tracks become motion east and up."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from affine import Affine
from basinwatch.fusion.areas import (
    LAYERS,
    FusionSettings,
    RateMap,
    fuse,
    mean_of,
    read_onto,
    read_rate_map,
)
from basinwatch.fusion.decomposition import LineOfSight
from basinwatch.fusion.passes import Passes
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster

UP = Passes("up", -12.0, 39.0, date(2024, 1, 1), date(2024, 12, 1))
DOWN = Passes("down", 192.0, 37.0, date(2024, 2, 1), date(2024, 11, 1))
OTHER = Passes("other", -10.0, 44.0, date(2024, 1, 1), date(2024, 12, 1))
SHAPE = (300, 60)
SETTINGS = FusionSettings(bandwidth_m=600.0)
GRID = Grid.from_map(60, 300, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")


def bowl() -> tuple[np.ndarray, np.ndarray]:
    """Motion east and up of a mine in the middle."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    depth = np.exp(-((y - 150) ** 2 + (x - 30) ** 2) / (2 * 6**2))
    return 15 * (30 - x) / 6 * depth, -60 * depth


def seen(passes: Passes, line: LineOfSight | None = None, ramp: float = 0.0, offset: float = 0.0) -> RateMap:
    """Rate map of a track over the mine, with an offset and a ramp to the south in mm/yr of its vertical."""
    east, up = bowl()
    line = line or passes.line
    surface = (offset + np.linspace(0, ramp, SHAPE[0])[:, None]) * line.part("up")
    rate = east * line.part("east") + up * line.part("up") + surface
    return RateMap(passes, line, rate.astype(np.float32), np.ones(SHAPE, np.float32))


def moving() -> np.ndarray:
    return np.hypot(*bowl()) > 0.01


def components(maps: list[RateMap], settings: FusionSettings = SETTINGS) -> np.ndarray:
    return fuse(maps, moving(), (), (30.0, 30.0), settings).layers[:2]


@pytest.mark.parametrize("maps", [(UP, DOWN), (DOWN, UP), (UP, OTHER, DOWN)], ids=len)
def test_motion_is_recovered(maps):
    assert np.allclose(components([seen(each) for each in maps]), bowl(), atol=0.02)


def test_a_ramp_of_one_track_leaves_no_motion_east():
    found = components([seen(UP), seen(DOWN, ramp=4.0)])
    assert np.abs(found[0] - bowl()[0]).max() < 0.05
    # What half of the ramp does to both tracks cannot be told from motion up.
    assert np.allclose(found[1] - bowl()[1], np.linspace(0, 2, SHAPE[0])[:, None], atol=0.05)


@pytest.mark.parametrize(("offset", "ramp"), [(200.0, 0.0), (0.0, 300.0), (-80.0, 500.0)])
def test_offsets_and_ramps_far_beyond_the_limit_of_rest_are_levelled_whole(offset, ramp):
    result = fuse(
        [seen(UP), seen(DOWN, ramp=ramp, offset=offset)], moving(), (), (30.0, 30.0), replace(SETTINGS, first_share=0.0)
    )
    assert np.allclose(result.layers[:2], bowl(), atol=0.1)
    (level,) = result.report["levels"]
    assert level["at_rest_px"] == (~moving()).sum()
    assert level["plane"]["level_mm_yr"] == pytest.approx(-offset - ramp / 2, abs=0.1)
    assert level["plane"]["to_north_mm_yr_km"] == pytest.approx(ramp / (299 * 0.03), abs=0.1)
    assert level["plane"]["to_east_mm_yr_km"] == pytest.approx(0, abs=0.1)


def test_a_mine_that_was_not_detected_does_not_tilt_the_levels():
    maps = [seen(UP), seen(DOWN, ramp=100.0, offset=60.0)]
    unseen = np.zeros(SHAPE, bool)
    found = fuse(maps, unseen, (), (30.0, 30.0), replace(SETTINGS, first_share=0.0)).layers[:2]
    still = ~moving()
    assert np.abs(found - bowl())[:, still].max() < 3
    assert np.median(np.abs(found - bowl())[:, still]) < 0.2


def test_what_levelled_each_track_is_told_apart():
    maps = [seen(UP), seen(OTHER, ramp=3.0), seen(DOWN, offset=40.0)]
    levels = fuse(maps, moving(), (), (30.0, 30.0), replace(SETTINGS, first_share=0.0)).levels_mm_yr
    assert np.allclose(levels[0], 0, atol=1e-3)
    assert np.allclose(levels[1], np.linspace(0, 3, SHAPE[0])[:, None] * OTHER.line.part("up"), atol=0.05)
    assert np.allclose(levels[2], 40 * DOWN.line.part("up"), atol=0.05)


def test_the_first_of_three_tracks_keeps_its_level_when_it_takes_no_share():
    found = components([seen(UP), seen(OTHER, ramp=3.0), seen(DOWN, ramp=4.0)], replace(SETTINGS, first_share=0.0))
    assert np.allclose(found, bowl(), atol=0.05)


def test_a_raster_of_the_incidence_is_used_pixel_by_pixel():
    angle = np.broadcast_to(np.linspace(30, 46, SHAPE[1]), SHAPE)
    lines = [LineOfSight.of(angle, each.heading_deg) for each in (UP, DOWN)]
    found = components([seen(UP, lines[0]), seen(DOWN, lines[1])])
    assert np.allclose(found, bowl(), atol=0.02)


def test_ground_that_one_track_did_not_measure_has_no_motion():
    half = seen(DOWN)
    half.rate[:, :20] = np.nan
    result = fuse([seen(UP), half], moving(), (), (30.0, 30.0), SETTINGS)
    assert np.isnan(result.layers[:, :, :20]).all()
    assert np.isfinite(result.layers[:, :, 20:]).all()
    assert result.report["fused_px"] == 40 * 300
    assert len(result.layers) == len(LAYERS)


def test_only_what_counts_as_measured_is_read(tmp_path):
    values = np.stack([np.full(SHAPE, 7.0, np.float32), np.full(SHAPE, 2.0, np.float32)])
    measured = np.ones(SHAPE, np.float32)
    measured[:100] = 0
    write_raster(tmp_path / "rate.tif", values, GRID, bands=["rate_mm_yr", "rate_sigma_mm_yr"])
    write_raster(tmp_path / "quality.tif", measured, GRID, bands=["measured"])
    angle = np.full(SHAPE, 40.0, np.float32)
    angle[200:] = np.nan
    write_raster(tmp_path / "angle.tif", angle, GRID, bands=["incidence_deg"])
    found = read_rate_map(UP, tmp_path / "rate.tif", tmp_path / "quality.tif", GRID, GRID, tmp_path / "angle.tif")
    assert np.isnan(found.rate[:100]).all()
    assert np.isnan(found.rate[200:]).all()
    assert np.array_equal(found.rate[100:200], values[0, 100:200])
    assert np.allclose(found.line.part("up")[:200], np.cos(np.radians(40)))
    assert mean_of(tmp_path / "angle.tif") == 40


def test_heights_come_onto_the_grid_of_the_fusion(tmp_path):
    east = np.broadcast_to(np.arange(60, dtype=np.float32), SHAPE)
    write_raster(tmp_path / "heights.tif", east.copy(), GRID, bands=["height_m"])
    moved = replace(GRID, width=58, transform=(30, 0, 345_060, 0, -30, 5_571_000))
    assert np.allclose(read_onto(tmp_path / "heights.tif", moved), east[:, 2:])
