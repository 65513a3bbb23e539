"""Pairs of several grids in one stack."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import Interferogram, onto, place
from pyproj import Transformer

SHAPE = (700, 90)  # more rows than a block
UTM = Grid.from_map(90, 700, Affine(20, 0, 300000, 0, -20, 5600000), "EPSG:32634")
RADAR = Grid(7, 5, None, None, (9, 14))


def fringes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Unwrapped phase of a plane: a cycle every 200 m to the east, and every 310 m to the north."""
    return 2 * np.pi * ((x - 300000) / 200 + (y - 5600000) / 310)


def centres(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[: grid.height, : grid.width] + 0.5
    a, b, c, d, e, f = tuple(grid.affine)[:6]
    return a * columns + b * rows + c, d * columns + e * rows + f


def pair_on(grid: Grid, hole: bool = True) -> Interferogram:
    phase = np.angle(np.exp(1j * fringes(*centres(grid)))).astype(np.float32)
    coherence = np.linspace(0.2, 0.9, grid.height, dtype=np.float32)[:, None].repeat(grid.width, 1)
    if hole:
        phase[300:320, 40:60] = coherence[300:320, 40:60] = np.nan
    return Interferogram(phase, coherence, grid, date(2020, 1, 1), date(2020, 1, 13), {"warnings": []})


def wrapped_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * (one - other))))


def test_a_shifted_pair_is_placed_by_whole_pixels() -> None:
    grid = Grid.from_map(80, 690, Affine(20, 0, 300020, 0, -20, 5600040), "EPSG:32634")
    pair = pair_on(UTM)
    moved = onto(pair.in_rows(), grid, "x").whole()
    assert moved.phase.shape == (690, 80)
    assert np.isnan(moved.phase[:2]).all()
    np.testing.assert_array_equal(moved.phase[2:], pair.phase[:688, 1:81])
    np.testing.assert_array_equal(moved.coherence[2:], pair.coherence[:688, 1:81])
    assert moved.metadata["warnings"] == []


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(20, 0, 300107, 0, -20, 5599889), "EPSG:32634"),
        (Affine(27, 0, 300100, 0, -31, 5599900), "EPSG:32634"),
        (Affine(2.8e-4, 0, 18.1815, 0, -1.8e-4, 50.5138), "EPSG:4326"),
    ],
)  # fmt: skip
def test_another_lattice_step_or_crs_is_resampled_across_the_wraps(transform: Affine, crs: str) -> None:
    grid = Grid.from_map(60, 350, transform, crs)
    moved = onto(pair_on(UTM).in_rows(), grid, "/somewhere/a.diff").whole()
    x, y = centres(grid)
    if crs == "EPSG:4326":
        x, y = Transformer.from_crs(4326, 32634, always_xy=True).transform(x, y)
    inside = (x > 300020) & (x < 301780) & (y < 5599980) & (y > 5586020)
    known = np.isfinite(moved.phase)
    assert inside.sum() > 5000
    assert known[inside].mean() > 0.97
    beside_hole = (np.abs(x - 301000) < 260) & (np.abs(y - 5593800) < 260)
    error = wrapped_difference(moved.phase, fringes(x, y))[inside & known & ~beside_hole]
    # a chord between phasors a tenth of a cycle apart keeps their angle in the middle; a mean of angles would not
    assert error.max() < 0.1
    hole = (np.abs(x - 301000) < 150) & (np.abs(y - 5593800) < 150)
    assert not known[hole].any()
    rise = 0.2 + 0.7 * (5600000 - 10 - y) / (699 * 20)
    np.testing.assert_allclose(moved.coherence[inside & known], rise[inside & known], atol=0.002)
    (said,) = moved.metadata["warnings"]
    assert said.startswith("a.diff: grid (700x90 px, EPSG:32634")
    assert "resampled as complex numbers (E14)" in said


def test_a_coarser_grid_averages_the_finer_one() -> None:
    noise = np.random.default_rng(0).normal(0, 0.8, UTM.shape)
    phase = np.angle(np.exp(1j * noise)).astype(np.float32)
    pair = Interferogram(phase, None, UTM, date(2020, 1, 1), date(2020, 1, 13), {})
    coarse = Grid.from_map(22, 170, Affine(80, 0, 300010, 0, -80, 5599990), "EPSG:32634")
    moved = onto(pair.in_rows(), coarse, "a").whole()
    assert np.nanstd(moved.phase) < 0.8 / 3


def test_unwrapped_phase_is_resampled_as_numbers() -> None:
    grid = Grid.from_map(60, 350, Affine(20, 0, 300107, 0, -20, 5599889), "EPSG:32634")
    moved = place(fringes(*centres(UTM)).astype(np.float32), UTM, grid, "a.unw")
    np.testing.assert_allclose(moved, fringes(*centres(grid)), atol=0.02)


def test_a_pair_of_another_place_is_refused() -> None:
    for step, east in ((20, 500000), (23, 500001)):
        grid = Grid.from_map(60, 350, Affine(step, 0, east, 0, -step, 5600000), "EPSG:32634")
        with pytest.raises(InputError, match=r"a\.diff: grid of 700x90 px.* does not overlap its stack's grid"):
            onto(pair_on(UTM).in_rows(), grid, "a.diff")


def test_radar_pairs_may_differ_by_a_row_but_not_in_size() -> None:
    pair = pair_on(Grid(7, 5, None, None, (9, 14)), hole=False)
    moved = onto(pair.in_rows(), Grid(7, 6, None, None, (9, 14)), "a").whole()
    np.testing.assert_array_equal(moved.phase[:5], pair.phase)
    assert np.isnan(moved.phase[5:]).all()
    assert "5x7 px in radar geometry instead of 6x7 px" in moved.metadata["warnings"][0]
    with pytest.raises(InputError, match="no coordinates to resample by"):
        onto(pair.in_rows(), Grid(7, 9, None, None, (9, 14)), "a")
    with pytest.raises(InputError, match="no coordinates to resample by"):
        onto(pair.in_rows(), UTM, "a")
