"""Mines of simulated stacks: how much ground sinks, where and when."""

from itertools import combinations

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.mines import EXAMPLE_MINES, Mine, Panel, draw_mines

SHAPE, SPACING = (300, 300), Spacing(30.0, 30.0)
FOREVER = 1e5


def mine(*panels, width_m=300.0, place=(0.5, 0.5), direction_deg=70.0):
    return Mine("m", place, 1000.0, 250.0, width_m, 2.0, 0.05, direction_deg, panels)


def sunk(mine, first_day, last_day, shape=SHAPE, spacing=SPACING):
    """Subsidence in mm on the whole scene."""
    movement = mine.movement(shape, spacing, first_day, last_day)
    field = np.zeros((shape[0] + 200, shape[1] + 200))
    rows, columns = movement.up.shape
    field[movement.row + 100 :, movement.column + 100 :][:rows, :columns] = -movement.up
    return field[100:-100, 100:-100]


def centre(field):
    """Row and column of the centre of mass."""
    return np.array([(field * axis).sum() / field.sum() for axis in np.mgrid[: field.shape[0], : field.shape[1]]])


def test_over_a_panel_much_wider_than_the_influence_radius_the_ground_sinks_in_full():
    assert sunk(mine(Panel(0, 1000, -1000), width_m=2000.0), 0, FOREVER).max() == pytest.approx(1000, rel=1e-3)


@pytest.mark.parametrize(("shape", "spacing"), [(SHAPE, SPACING), (SHAPE, (30.0, 19.0)), ((900, 900), (10.0, 10.0))])
@pytest.mark.parametrize("direction_deg", [0.0, 70.0, 200.0])
def test_the_volume_is_that_of_a_face_at_constant_speed_under_knothes_law(shape, spacing, direction_deg):
    spacing = Spacing(*spacing)
    day, rate, advance, width = 400.0, 0.05, 2.0, 300.0
    volume = 1000 * width * (advance * day - advance / rate * (1 - np.exp(-rate * day)))
    field = sunk(mine(Panel(0, 500, -500), direction_deg=direction_deg), 0, day, shape, spacing)
    # A panel begins with the first whole cell.
    cell = spacing.y / (advance * day)
    assert 1 - cell < field.sum() * spacing.y * spacing.x / volume < 1.003


def test_the_face_advances_in_its_direction():
    eastwards = mine(Panel(0, 1000, -1000), direction_deg=90.0)
    early, late = (centre(sunk(eastwards, day, day + 12)) for day in (300, 400))
    np.testing.assert_allclose((late - early) * SPACING.x, [0, 200], atol=3)


def test_panels_are_worked_one_after_another():
    both = mine(Panel(0, 300, -300, -200), Panel(500, 800, -300, 200), direction_deg=0.0)
    first, pause, second = (sunk(both, day, day + 12) for day in (200, 480, 700))
    columns = (np.array([centre(first)[1], centre(second)[1]]) - SHAPE[1] / 2) * SPACING.x
    np.testing.assert_allclose(columns, [-200, 200], atol=15)
    assert pause.max() < 0.01 * first.max()
    assert sunk(both, -100, 0).max() == 0


def test_what_sinks_in_two_intervals_adds_up():
    moving = mine(Panel(0, 1000, -1000))
    parts = sunk(moving, 100, 112) + sunk(moving, 112, 148)
    np.testing.assert_allclose(parts, sunk(moving, 100, 148), atol=1e-2)


def test_the_edge_of_a_scene_changes_nothing_inside():
    panel = Panel(0, 1000, -1000)
    inside = sunk(mine(panel), 0, 500)
    # The same mine, 60 pixels from the corner of a scene that ends there.
    cut = sunk(mine(panel, place=(60 / 210, 60 / 210)), 0, 500, shape=(210, 210))
    np.testing.assert_allclose(cut, inside[90:, 90:], atol=1e-2)


def test_the_example_has_a_late_a_stopped_and_a_fast_mine():
    peaks = {m.name: [sunk(m, day, day + 12, (600, 600)).max() for day in (0, 96, 120)] for m in EXAMPLE_MINES}
    slow, _, late, stopped, fast = (peaks[f"m{n}"] for n in range(1, 6))
    assert max(slow) < 15
    assert late[0] == 0
    assert min(late[1:]) > 20
    assert stopped[0] > 25
    assert max(stopped[1:]) < 1
    assert min(fast) > 200


def test_drawn_mines_keep_their_distance_and_work_within_the_first_years():
    mines = draw_mines(3, 12, (400, 400), SPACING)
    places = [np.array(m.place) * 400 * 30 for m in mines]
    assert min(np.hypot(*(a - b)) for a, b in combinations(places, 2)) >= 1800
    assert all((p > 699).all() and (p < 400 * 30 - 699).all() for p in places)
    for m in mines:
        assert m.panels[0].first_day < 200 < m.panels[-1].last_day
        assert all(later.first_day >= earlier.last_day for earlier, later in zip(m.panels, m.panels[1:], strict=False))
    peaks = [max(sunk(m, day, day + 12, (400, 400)).max() for day in range(0, 1600, 100)) for m in mines]
    assert 2 < min(peaks) < 20 < max(peaks) < 400


def test_more_mines_leave_the_first_ones_as_they_are():
    assert draw_mines(3, 6, (400, 400), SPACING)[:4] == draw_mines(3, 4, (400, 400), SPACING)
    assert draw_mines(4, 4, (400, 400), SPACING) != draw_mines(3, 4, (400, 400), SPACING)


@pytest.mark.parametrize(("size", "count", "room"), [(100, 9, r"[1-8]"), (40, 1, "0")])
def test_too_many_mines_for_a_scene_are_refused(size, count, room):
    with pytest.raises(InputError, match=rf"room for {room} mines on .* km, expected {count}; lower mines"):
        draw_mines(1, count, (size, size), SPACING)
