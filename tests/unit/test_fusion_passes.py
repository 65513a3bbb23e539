"""How tracks look at the ground, from their files or from the configuration."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from basinwatch import readers
from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import decompose, neglected
from basinwatch.fusion.passes import Passes, require_both_directions
from basinwatch.readers.pair import PairFiles
from basinwatch.simulation.products import plain
from basinwatch.simulation.products.truth import displacement_mm

from tests.unit.simulated_stack import DATES, pair, simulated, true_movement

UP = Passes("up", -12.0, 39.0, date(2024, 1, 1), date(2024, 12, 1))
DOWN = Passes("down", 192.0, 37.0, date(2024, 2, 1), date(2024, 11, 1))
METADATA = {"pair": "20240101_20240113", "heading_deg": -12.0, "incidence_deg": 39.0}
NETWORK = {"first_date": "2024-01-01", "last_date": "2024-12-01"}
NOTHING = {"heading_deg": None, "incidence_deg": None}


@pytest.mark.parametrize(("key", "setting"), [("heading_deg", "heading_deg"), ("incidence_deg", "incidence")])
def test_a_track_of_unknown_geometry_is_refused_and_told_the_setting(key, setting):
    with pytest.raises(
        InputError, match=f"stacks.a: found no {key} for pair 20240101_20240113, .*; set stacks.a.{setting}"
    ):
        Passes.of("a", METADATA | {key: None}, NETWORK, NOTHING)


def test_given_angles_replace_those_of_the_metadata():
    unknown = METADATA | {"heading_deg": None, "incidence_deg": None}
    found = Passes.of("a", unknown, NETWORK, {"heading_deg": 192.0, "incidence_deg": 41.0})
    assert (found.heading_deg, found.incidence_deg, found.direction) == (192.0, 41.0, "descending")
    assert Passes.of("a", METADATA, NETWORK, {"heading_deg": None, "incidence_deg": 41.0}) == replace(
        UP, name="a", incidence_deg=41.0
    )


@pytest.mark.parametrize("turn", [-360, 0, 360])
def test_the_direction_of_flight_does_not_depend_on_how_an_angle_is_counted(turn):
    assert replace(UP, heading_deg=-12.0 + turn).direction == "ascending"
    assert replace(UP, heading_deg=192.0 + turn).direction == "descending"


def test_two_simulated_stacks_of_plain_files_give_their_motion_back_by_configured_angles(tmp_path: Path):
    lines, seen = [], []
    for direction in ("ascending", "descending"):
        stack = simulated(**{"pass": direction, "form": "plain"})
        files = {role: str(tmp_path / f"{direction}-{role}.tif") for role in ("phase", "coherence", "unwrapped")}
        plain.write_pair(stack, pair(0, 1), files)
        metadata = readers.read_interferogram(PairFiles(*DATES[:2], Path(files["phase"]))).metadata | {"pair": "a"}
        with pytest.raises(InputError, match=r"set stacks\.a\.heading_deg"):
            Passes.of("a", metadata, NETWORK, NOTHING)
        passes = Passes.of("a", metadata, NETWORK, NOTHING | {"heading_deg": stack.track.heading_deg})
        assert passes.direction == direction
        lines.append(passes.line)
        seen.append(displacement_mm(stack, DATES[-1]))
    true_east, true_north, true_up = true_movement(stack, DATES[0], DATES[-1])
    east, up = decompose(seen, lines).components
    leak = neglected("north", lines)
    assert true_up.min() < -500
    assert np.abs(east - true_east - leak[0] * true_north).max() < 1
    assert np.abs(up - true_up - leak[1] * true_north).max() < 1


def test_tracks_of_one_direction_are_refused():
    with pytest.raises(InputError, match=r"areas.a.fuse: found ascending tracks only \(up, other\), expected"):
        require_both_directions("a", [UP, replace(UP, name="other", heading_deg=-10.0)])


def test_tracks_without_common_time_are_refused():
    late = replace(DOWN, first_date=date(2024, 12, 1), last_date=date(2025, 6, 1))
    with pytest.raises(InputError, match="found stack up until 2024-12-01 and stack down from 2024-12-01"):
        require_both_directions("a", [late, UP])
    require_both_directions("a", [UP, DOWN])
