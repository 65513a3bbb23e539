"""Line of sight against published vectors and symmetry."""

import math

import numpy as np
import pytest
from basinwatch.phase import wrap
from basinwatch.simulation.geometry import PHASE_PER_MM, height_phase, line_of_sight, los_phase


@pytest.mark.parametrize(("heading", "expected"), [(-12, (-0.616, -0.131, 0.777)), (192, (0.616, -0.131, 0.777))])
def test_line_of_sight_matches_the_known_vectors_of_sentinel_1(heading, expected):
    assert line_of_sight(39, heading) == pytest.approx(expected, abs=5e-4)


def test_one_fringe_is_half_a_wavelength_away_from_the_satellite():
    assert los_phase(0, 0, -27.73288, (0, 0, 1)) == pytest.approx(2 * math.pi, rel=1e-6)
    line = line_of_sight(39, -12)
    away = [-27.73 * part for part in line]
    assert los_phase(*away, line) == pytest.approx(2 * math.pi, rel=2e-4)


def test_a_left_looking_satellite_sees_from_the_other_side():
    east, north, up = line_of_sight(39, -12)
    assert line_of_sight(39, -12, "left") == pytest.approx((-east, -north, up))
    assert line_of_sight(39, -12, "left") == pytest.approx(line_of_sight(39, 168))


@pytest.mark.parametrize("looking", ["right", "left"])
@pytest.mark.parametrize("incidence", [20.0, 31.0, 45.0])
def test_line_of_sight_has_length_one_and_stands_at_right_angles_to_the_flight(incidence, looking):
    for heading in (-12, 0, 77, 192):
        line = line_of_sight(incidence, heading, looking)
        assert math.hypot(*line) == pytest.approx(1)
        assert line[0] * math.sin(math.radians(heading)) + line[1] * math.cos(math.radians(heading)) == pytest.approx(
            0, abs=1e-12
        )


def test_a_processor_that_conjugates_turns_the_sign_of_every_movement():
    line = line_of_sight(39, 192)
    for movement in ((0, 0, -10), (5, 0, 0), (1, -2, 3)):
        assert los_phase(*movement, line, sign=-1) == pytest.approx(-los_phase(*movement, line))


def test_a_float32_field_stays_float32():
    up = np.full((2, 3), -5, np.float32)
    assert los_phase(0 * up, 0 * up, up, line_of_sight(39, 192)).dtype == np.float32


def test_subsidence_looks_the_same_from_both_passes_and_eastward_motion_changes_sign():
    up, down = line_of_sight(39, -12), line_of_sight(39, 192)
    assert los_phase(0, 0, -10, up) == pytest.approx(los_phase(0, 0, -10, down))
    assert los_phase(0, 0, -10, up) > 0
    assert los_phase(10, 0, 0, up) == pytest.approx(-los_phase(10, 0, 0, down))
    assert los_phase(10, 0, 0, up) > 0


def test_a_spoil_heap_of_80_m_fakes_half_a_fringe_at_100_m_baseline():
    assert height_phase(80, 100, 39) == pytest.approx(
        4 * math.pi / 0.05546576 * 100 * 80 / (850e3 * math.sin(math.radians(39)))
    )
    assert height_phase(80, 100, 39) == pytest.approx(3.4, abs=0.1)


def test_wrapping_keeps_the_phasor_and_stays_in_range():
    phase = np.linspace(-300, 300, 200_001).astype(np.float32)
    wrapped = wrap(phase)
    assert wrapped.dtype == np.float32
    assert np.abs(np.exp(1j * wrapped.astype(float)) - np.exp(1j * phase.astype(float))).max() < 3e-5
    assert wrapped.min() >= -np.pi - 1e-6
    assert wrapped.max() < np.pi + 3e-5


def test_phase_per_millimetre_is_four_pi_over_the_wavelength():
    assert pytest.approx(0.22656, rel=1e-4) == PHASE_PER_MM
