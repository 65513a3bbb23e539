"""Drawn basins on their windows: peak, place, volume, direction, dip, and nothing cut off."""

import math

import numpy as np
import pytest
from basinwatch.simulation.deformation import Patch, basin_patch, basin_profiles
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing, line_of_sight

RADIUS = 150.0
UP, EAST, NORTH = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
SQUARE = Spacing(15.0, 15.0)


def _face(**changes):
    basin = {
        "kind": "face", "peak_mm": 100.0, "direction_deg": 0.0, "radius_m": RADIUS, "horizontal": 0.3,
        "irregularity": 0.0, "warp": 0.0, "half_width_m": 110.0, "run_m": 900.0, "advance_m_per_day": 4.0,
        "rate_per_day": 0.05, "dip_ratio": 1.0, "dip_cot": 0.0, "stopped_days": None, "row": 128.0, "column": 128.0,
    }  # fmt: skip
    return basin | changes


def _gaussian(**changes):
    basin = {
        "kind": "gaussian", "peak_mm": 50.0, "direction_deg": 0.0, "radius_m": RADIUS, "horizontal": 0.0,
        "irregularity": 0.0, "warp": 0.0, "sigma_along_m": 180.0, "sigma_across_m": 120.0,
        "row": 128.0, "column": 128.0,
    }  # fmt: skip
    return basin | changes


def _patch(basin, spacing=SQUARE, line=UP, seed=0, **others):
    return basin_patch(basin, (256, 256), spacing, 12, line, np.random.default_rng(seed), **others)


def _on_tile(patch, size=256):
    tile = np.zeros((size, size), np.float32)
    patch.add_to(tile)
    return tile / PHASE_PER_MM


def test_a_gaussian_basin_has_its_peak_at_its_place():
    millimetres = _on_tile(_patch(_gaussian(row=100.0, column=140.0)))
    assert millimetres.max() == pytest.approx(50, rel=1e-6)
    assert np.unravel_index(millimetres.argmax(), millimetres.shape) == (100, 140)


@pytest.mark.parametrize("spacing", [SQUARE, Spacing(20.0, 10.0)])
def test_a_gaussian_basin_has_the_volume_of_its_formula(spacing):
    # The peak is so high that the cut at 0.1 mm is far out.
    patch = _patch(_gaussian(peak_mm=1e9, direction_deg=25.0), spacing)
    volume = patch.phase.sum(dtype=np.float64) / PHASE_PER_MM * spacing.y * spacing.x
    assert volume == pytest.approx(2 * math.pi * 1e9 * 180 * 120, rel=1e-6)


def test_a_gaussian_basin_equals_its_formula_everywhere():
    turn = math.radians(25)
    rows, columns = np.mgrid[:256, :256]
    north, east = (128 - rows) * 20.0, (columns - 128) * 10.0
    ahead = (east * math.sin(turn) + north * math.cos(turn)) / 180
    right = (east * math.cos(turn) - north * math.sin(turn)) / 120
    formula = 50 * np.exp(-0.5 * (ahead**2 + right**2))
    # 0.1 mm of the tail may be cut off.
    np.testing.assert_allclose(_on_tile(_patch(_gaussian(direction_deg=25.0), Spacing(20.0, 10.0))), formula, atol=0.11)


def test_the_direction_turns_the_long_axis_clockwise_from_north():
    wide = _patch(_gaussian(direction_deg=90.0, sigma_across_m=60.0)).phase
    wide = wide > wide.max() / 2
    assert np.ptp(np.flatnonzero(wide.any(axis=0))) > 2 * np.ptp(np.flatnonzero(wide.any(axis=1)))
    slanted = _on_tile(_patch(_gaussian(direction_deg=45.0, sigma_across_m=60.0)))
    assert slanted[118, 138] > 10 * slanted[118, 118]


@pytest.mark.parametrize(
    "changes",
    [
        {"irregularity": 0.3, "warp": 0.35},
        {"stopped_days": 0.0},
        {"stopped_days": 80.0, "warp": 0.35},
        {"dip_ratio": 1.3, "dip_cot": 0.2, "direction_deg": 37.0},
        {"row": -20.4, "column": 250.7, "warp": 0.2},
    ],
)
def test_the_vertical_peak_is_exact_for_every_kind_of_basin(changes):
    patch = _patch(_face(horizontal=0.0, **changes))
    assert patch.phase.max() / PHASE_PER_MM == pytest.approx(100, rel=1e-6)


@pytest.mark.parametrize("spacing", [SQUARE, Spacing(10.0, 25.0), Spacing(25.0, 10.0)])
@pytest.mark.parametrize(
    "basin",
    [_face(warp=0.35), _face(radius_m=60.0, advance_m_per_day=12.0, half_width_m=60.0), _gaussian(warp=0.35)],
    ids=["face", "fast", "gaussian"],
)
def test_the_window_cuts_off_no_visible_movement(basin, spacing):
    for seed, direction in enumerate((0.0, 37.0, 90.0, 205.0)):
        drawn = basin | {"direction_deg": direction, "horizontal": 0.0, "peak_mm": 600.0}
        phase = _patch(drawn, spacing, seed=seed).phase / PHASE_PER_MM
        border = np.concatenate([phase[0], phase[-1], phase[:, 0], phase[:, -1]])
        assert border.max() < 0.2


def test_the_window_is_hardly_larger_than_the_moving_ground():
    for direction in (0.0, 45.0, 60.0):
        phase = _patch(_face(direction_deg=direction, horizontal=0.0)).phase / PHASE_PER_MM
        moving = np.argwhere(phase > 0.1)
        assert (np.ptp(moving, axis=0) + 1 >= np.array(phase.shape) - 6).all()


def test_a_basin_that_falls_between_coarse_pixels_is_not_seen():
    millimetres = _on_tile(_patch(_gaussian(row=100.5, column=60.5), Spacing(5000.0, 5000.0)))
    assert not millimetres.any()


def test_profiles_reach_out_to_where_nothing_moves():
    fast, slow, steep = {"advance_m_per_day": 20.0, "radius_m": 60.0}, {"stopped_days": 5.0}, {"dip_ratio": 1.8}
    for basin in (_gaussian(), _face(**fast), _face(**slow), _face(**steep)):
        for profile in basin_profiles(basin, 24, 1e-4, 5.0):
            assert profile.values.max() == 1
            assert np.abs(profile.values[[0, -1]]).max() < 1e-4


def test_pixels_of_any_shape_show_the_same_ground():
    fine = _on_tile(_patch(_face(direction_deg=30.0, horizontal=0.0), Spacing(20.0, 10.0)))
    coarse = _on_tile(_patch(_face(direction_deg=30.0, horizontal=0.0, column=64.0), Spacing(20.0, 20.0)))
    # The deepest point is found to an eighth of a pixel.
    np.testing.assert_allclose(coarse[:, :128], fine[:, ::2], atol=1.5)


def test_a_basin_far_outside_the_tile_adds_nothing():
    for row, column in ((-400.0, 100.0), (100.0, 700.0), (600.0, -300.0)):
        assert not _on_tile(_patch(_gaussian(row=row, column=column, warp=0.3))).any()


def test_the_front_of_a_drawn_face_is_steeper_and_lies_ahead():
    along, _ = basin_profiles(_face(), 12, 1e-3, 5.0)
    slope = np.diff(along.values) / np.diff(along.positions)
    assert -slope.min() > 1.3 * slope.max()
    millimetres = _on_tile(_patch(_face(direction_deg=90.0, horizontal=0.0, rate_per_day=0.02)))[128]
    moving = np.flatnonzero(millimetres > 10)
    assert 128 - moving[0] > 2 * (moving[-1] - 128)


def test_residual_subsidence_has_the_same_shape_at_any_time_after_the_stop():
    fresh, old = (_on_tile(_patch(_face(stopped_days=days))) for days in (0.0, 90.0))
    np.testing.assert_allclose(old, fresh, atol=1e-3)
    assert np.abs(fresh - _on_tile(_patch(_face()))).max() > 2


def test_ground_on_both_sides_moves_towards_the_centre():
    east = _on_tile(_patch(_gaussian(horizontal=0.3), line=EAST))
    north = _on_tile(_patch(_gaussian(horizontal=0.3), line=NORTH))
    # Phase is positive where the ground moves against the axis.
    assert east[128, 118] < -1
    assert east[128, 138] > 1
    assert north[118, 128] > 1
    assert north[138, 128] < -1


def test_horizontal_movement_peaks_at_b_times_radius_times_the_steepest_slope():
    east = _on_tile(_patch(_gaussian(horizontal=0.3), Spacing(5.0, 5.0), EAST))
    assert east.max() == pytest.approx(0.3 * RADIUS * 50 * math.exp(-0.5) / 120, rel=1e-3)


@pytest.mark.parametrize(("heading", "side"), [(-12, 1), (192, -1)])
def test_horizontal_movement_leaves_a_small_opposite_lobe_on_the_flank_away_from_the_satellite(heading, side):
    millimetres = _on_tile(_patch(_face(horizontal=0.4, peak_mm=200.0), line=line_of_sight(39, heading)))
    assert -60 < millimetres.min() < -2
    lowest, highest = (np.unravel_index(place, (256, 256))[1] for place in (millimetres.argmin(), millimetres.argmax()))
    assert side * (lowest - highest) > 5


def test_horizontal_movement_has_the_closed_forms_slope_where_pixels_are_small_against_the_basin():
    radius, half_width, spacing = 600.0, 200.0, 12.0
    basin = _face(radius_m=radius, half_width_m=half_width, peak_mm=600.0)
    patch = _patch(basin, Spacing(spacing, spacing), EAST)
    y = (patch.column + np.arange(patch.phase.shape[1]) - 128) * spacing
    rise, fall = (np.exp(-math.pi * ((y + side * half_width) / radius) ** 2) for side in (1, -1))
    full = math.erf(math.sqrt(math.pi) * half_width / radius)
    east = -patch.phase[128 - patch.row] / PHASE_PER_MM
    np.testing.assert_allclose(east, 0.3 * 600 * (rise - fall) / full, atol=0.4)


def test_a_dipping_seam_moves_the_ground_up_dip_to_the_left_of_the_advance():
    for direction, line in ((0.0, EAST), (270.0, NORTH)):
        drift = _on_tile(_patch(_face(direction_deg=direction, horizontal=0.0, dip_cot=0.25), line=line))
        assert drift.max() == pytest.approx(25, rel=1e-5)
        assert drift.min() >= 0


def test_the_down_dip_side_of_a_dipping_seam_is_gentler():
    millimetres = _on_tile(_patch(_face(horizontal=0.0, dip_ratio=1.5)))[128]
    moving = np.flatnonzero(millimetres > 2)
    assert moving[-1] - 128 > 128 - moving[0] + 2


def test_a_patch_that_lies_outside_the_tile_adds_nothing():
    tile = np.zeros((10, 12), np.float32)
    Patch(20, -30, np.ones((5, 5), np.float32)).add_to(tile)
    assert not tile.any()
    Patch(-2, 9, np.ones((5, 5), np.float32)).add_to(tile)
    assert tile.sum() == 9
    assert tile[:3, 9:].all()
