"""Rate maps of an area's tracks become motion east and up."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.fusion.areas import (
    LAYERS,
    FusionSettings,
    Passes,
    RateMap,
    fuse,
    mean_of,
    read_onto,
    read_rate_map,
    require_both_directions,
)
from basinwatch.fusion.decomposition import LineOfSight
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster

UP = Passes("up", "ascending", -12.0, 39.0, date(2024, 1, 1), date(2024, 12, 1))
DOWN = Passes("down", "descending", 192.0, 37.0, date(2024, 2, 1), date(2024, 11, 1))
OTHER = Passes("other", "ascending", -10.0, 44.0, date(2024, 1, 1), date(2024, 12, 1))
SHAPE = (300, 60)
SETTINGS = FusionSettings(bandwidth_m=600.0)
GRID = Grid.from_map(60, 300, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")
METADATA = {"pair": "20240101_20240113", "pass": "ascending", "heading_deg": -12.0, "incidence_deg": 39.0}
NETWORK = {"first_date": "2024-01-01", "last_date": "2024-12-01"}


def bowl() -> tuple[np.ndarray, np.ndarray]:
    """Motion east and up of a mine in the middle."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    depth = np.exp(-((y - 150) ** 2 + (x - 30) ** 2) / (2 * 6**2))
    return 15 * (30 - x) / 6 * depth, -60 * depth


def seen(passes: Passes, line: LineOfSight | None = None, ramp: float = 0.0) -> RateMap:
    """Rate map of a track over the mine, with a ramp to the south in mm/yr of its vertical."""
    east, up = bowl()
    line = line or passes.line
    surface = np.linspace(0, ramp, SHAPE[0])[:, None] * line.part("up")
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


@pytest.mark.parametrize(("key", "what"), [("heading_deg", "heading"), ("incidence_deg", "incidence angle")])
def test_a_track_of_unknown_geometry_is_refused(key, what):
    with pytest.raises(InputError, match=f"stacks.a: found no {what} for pair 20240101_20240113, expected one"):
        Passes.of("a", METADATA | {key: None}, NETWORK)


def test_a_given_incidence_replaces_that_of_the_metadata():
    assert Passes.of("a", METADATA | {"incidence_deg": None}, NETWORK, 41.0).incidence_deg == 41.0
    assert Passes.of("a", METADATA, NETWORK).incidence_deg == 39.0


def test_tracks_of_one_direction_are_refused():
    with pytest.raises(InputError, match=r"areas.a.fuse: found ascending tracks only \(up, other\), expected"):
        require_both_directions("a", [UP, OTHER])


def test_tracks_without_common_time_are_refused():
    late = replace(DOWN, first_date=date(2024, 12, 1), last_date=date(2025, 6, 1))
    with pytest.raises(InputError, match="found stack up until 2024-12-01 and stack down from 2024-12-01"):
        require_both_directions("a", [late, UP])
    require_both_directions("a", [UP, DOWN])


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
