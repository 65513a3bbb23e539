"""Slopes that creep downhill, and what two tracks and a terrain tell of them."""

from datetime import timedelta

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import LineOfSight, decompose, neglected
from basinwatch.fusion.slope import Terrain, from_east_up
from basinwatch.simulation.geometry import PHASE_PER_MM
from basinwatch.simulation.products.truth import write_slides
from basinwatch.simulation.slides import draw_slides, slide_outlines
from basinwatch.simulation.stack import Pair
from basinwatch.vectors import burn, read_vectors

from tests.unit.simulated_stack import FIRST, simulated, true_movement

HILLS = {"mines": 0, "elevation": True, "relief_m": 700, "size_px": 160, "seed": 3}
YEAR = FIRST + timedelta(days=365)


def slid(stack):
    return [slide.mask(stack.grid.shape, stack.ground.spacing) for slide in stack.ground.slides]


def test_a_slide_moves_along_the_surface_at_its_rate_and_nothing_else_moves():
    stack = simulated(slides=3, **HILLS)
    east, north, up = true_movement(stack, FIRST, YEAR)
    down = Terrain.of(stack.ground.heights_m, stack.ground.spacing).downhill()
    speed = np.sqrt(east**2 + north**2 + up**2)
    inside = slid(stack)
    for slide, mask in zip(stack.ground.slides, inside, strict=True):
        assert np.allclose(speed[mask], slide.rate_mm_yr * 365 / 365.25, rtol=1e-3)
        assert np.allclose(up[mask], down.part("up")[mask] * speed[mask], atol=0.01)
        assert mask.sum() * 900 == pytest.approx(np.pi * np.prod(slide.radii_m), rel=0.05)
    assert not speed[~np.any(inside, axis=0)].any()
    assert sum(mask.sum() for mask in inside) == np.any(inside, axis=0).sum()


def test_two_tracks_and_the_terrain_give_the_rate_of_every_slide_back():
    """Forward: movement, two lines of sight, phase. Back: decomposition, projection onto the slope."""
    tracks = [simulated(slides=4, **HILLS, **{"pass": name}) for name in ("ascending", "descending")]
    pair = Pair(FIRST, YEAR)
    seen = [-track.moved_phase(pair) / PHASE_PER_MM for track in tracks]
    lines = [LineOfSight(*track.track.line) for track in tracks]
    motion = decompose(seen, lines).components
    terrain = Terrain.of(tracks[0].ground.heights_m, tracks[0].ground.spacing)
    added = tuple(neglected("north", lines).tolist())
    movement, r_index = from_east_up(*motion, terrain, added)
    for slide, mask in zip(tracks[0].ground.slides, slid(tracks[0]), strict=True):
        shown = mask & np.isfinite(movement)
        assert shown.sum() > 0.3 * mask.sum()
        assert np.allclose(movement[shown], slide.rate_mm_yr * 365 / 365.25, rtol=1e-3)
        assert (r_index[shown] >= 0.3).all()


def test_more_slides_leave_the_first_ones_where_they_are_and_both_tracks_see_the_same():
    few, more = simulated(slides=2, **HILLS), simulated(slides=5, **HILLS, **{"pass": "descending"})
    assert more.ground.slides[:2] == few.ground.slides
    assert len({(slide.row, slide.column) for slide in more.ground.slides}) == 5


def test_slides_lie_on_steep_ground_apart_from_each_other():
    stack = simulated(slides=5, **HILLS)
    places = np.array([(slide.row, slide.column) for slide in stack.ground.slides]) * 30
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert apart[np.triu_indices(5, 1)].min() >= 700
    assert {25 <= slide.rate_mm_yr <= 90 for slide in stack.ground.slides} == {True}


def test_flat_ground_has_no_room_for_slides_and_says_so():
    with pytest.raises(InputError, match="found room for 0 slides on slopes of 12° or more, expected 1; lower slides"):
        assert simulated(slides=1, mines=0, elevation=False).ground.slides
    with pytest.raises(InputError, match="found room for 0 slides"):
        draw_slides(1, 1, np.zeros((20, 20), np.float32), simulated().ground.spacing)


def test_the_outlines_written_are_the_ground_that_moves(tmp_path):
    stack = simulated(slides=3, **HILLS)
    write_slides(stack, tmp_path / "slides.gpkg")
    found = read_vectors(tmp_path / "slides.gpkg", "slides")
    assert found["name"].tolist() == ["l1", "l2", "l3"]
    assert found["rate_mm_yr"].tolist() == [slide.rate_mm_yr for slide in stack.ground.slides]
    assert np.array_equal(burn(found.geometry, stack.grid), np.any(slid(stack), axis=0))
    assert slide_outlines((), stack.grid).empty
