"""The ideal observer against the tables of the simulation's specification (L = 20, pixels of 30 m)."""

import pytest
from basinwatch.experiments.ideal import d_prime, floor_mm

SIGMAS_M = (75, 150, 300, 600)


@pytest.mark.parametrize(
    ("delay_mm", "coherence", "expected"),
    [
        (0, 0.3, (3.8, 1.9, 0.9, 0.5)),
        (0, 0.9, (0.5, 0.2, 0.1, 0.06)),
        (2.2, 0.3, (4.6, 3.3, 3.5, 4.4)),
        (2.2, 0.9, (1.3, 1.9, 3.1, 4.3)),
        (5, 0.3, (5.6, 5.3, 7.3, 9.9)),
        (5, 0.9, (2.5, 4.1, 7.0, 9.8)),
        (10, 0.9, (4.8, 8.2, 14, 20)),
    ],
)
def test_the_floor_is_that_of_the_table(delay_mm, coherence, expected):
    found = [floor_mm(6, sigma, coherence, 20, 30, delay_mm) for sigma in SIGMAS_M]
    # Small entries of the table have one digit.
    assert found == [pytest.approx(value, rel=0.03, abs=0.05 if value >= 0.1 else 0.005) for value in expected]


def test_detectability_reaches_its_level_at_the_floor_and_grows_with_the_peak():
    floor = floor_mm(6, 150, 0.7, 12, 20, 3)
    assert d_prime(floor, 150, 0.7, 12, 20, 3) == pytest.approx(6)
    assert d_prime(2 * floor, 150, 0.7, 12, 20, 3) == pytest.approx(12)
