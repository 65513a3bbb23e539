"""The three rules of Zhang et al. (2022) on hand-made maps."""

import numpy as np
import pytest
from basinwatch.anomalies.samples import SampleSettings, extract_samples, smoothed
from basinwatch.grid import Grid
from basinwatch.vectors import burn
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine
from scipy import ndimage

SIZE = 40
GRID = Grid.from_map(SIZE, SIZE, Affine(20, 0, 500_000, 0, -20, 5_000_000), "EPSG:32634")
EXACT = SampleSettings(rim_px=1, smoothing_px=1)


def field(*blocks: tuple[slice, slice, float], ground: float = 0.0) -> np.ndarray:
    rates = np.full((SIZE, SIZE), ground)
    for rows, columns, rate in blocks:
        rates[rows, columns] = rate
    return rates


BLOCK = (slice(10, 16), slice(12, 20), -30.0)


def test_an_even_block_with_a_step_around_it_is_a_sample_with_its_numbers():
    found = extract_samples(field(BLOCK, ground=2.0), GRID, EXACT)
    assert len(found) == 1
    (row,) = found.to_dict("records")
    assert (row["sample"], row["cells"], row["area_m2"]) == ("s1", 48, 48 * 400)
    assert (row["rate_mm_yr"], row["spread_mm_yr"], row["step_mm_yr"]) == (-30, 0, 28)
    assert np.array_equal(burn(found.geometry, GRID), np.abs(field(BLOCK)) > 0)


@pytest.mark.parametrize(("side", "count"), [(4, 1), (3, 0)])
def test_fifteen_cells_are_too_few_and_sixteen_enough(side, count):
    assert len(extract_samples(field((slice(10, 10 + side), slice(10, 14), 20.0)), GRID, EXACT)) == count


@pytest.mark.parametrize(("rate", "count"), [(5.0, 0), (5.5, 1)])
def test_the_step_must_exceed_five_millimetres(rate, count):
    assert len(extract_samples(field((slice(5, 15), slice(5, 15), rate)), GRID, EXACT)) == count


@pytest.mark.parametrize(("inner", "cells"), [(35.0, [100]), (35.1, [])])
def test_inside_rates_may_differ_by_five_millimetres_and_no_more(inner, cells):
    rates = field((slice(5, 15), slice(5, 15), 30.0), (slice(5, 15), slice(5, 6), inner))
    assert extract_samples(rates, GRID, EXACT)["cells"].tolist() == cells


def test_a_block_cut_by_the_edge_of_the_map_or_beside_unknown_ground_is_not_closed():
    edge = field((slice(0, 8), slice(5, 15), 30.0))
    beside = field(BLOCK)
    beside[16, 14] = np.nan
    for rates in (edge, beside):
        assert extract_samples(rates, GRID, EXACT).empty
    loose = SampleSettings(rim_px=1, smoothing_px=1, max_open_share=0.05)
    assert len(extract_samples(beside, GRID, loose)) == 1
    assert extract_samples(edge, GRID, loose).empty


def test_a_smooth_bowl_has_no_step():
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    bowl = 40 * np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / (2 * 8.0**2))
    assert extract_samples(bowl, GRID, EXACT).empty


def test_a_border_that_a_filter_has_smeared_still_counts_when_the_rim_lies_further_out():
    rates = ndimage.uniform_filter(field((slice(10, 24), slice(10, 24), 30.0)), 3)
    assert extract_samples(rates, GRID, EXACT)["step_mm_yr"].max() < 13
    found = extract_samples(rates, GRID, SampleSettings(smoothing_px=1, rim_px=3))
    assert len(found) == 1
    assert found["step_mm_yr"][0] > 25


def test_a_fast_block_inside_a_slow_one_hides_the_slow_one():
    rates = field((slice(5, 25), slice(5, 25), 20.0), (slice(10, 15), slice(10, 15), 60.0))
    found = extract_samples(rates, GRID, EXACT)
    assert found["cells"].tolist() == [25]
    assert found["step_mm_yr"].tolist() == [40]


def test_samples_are_numbered_from_north_to_south():
    blocks = [(slice(30, 35), slice(2, 8), 20.0), (slice(3, 8), slice(20, 26), -20.0)]
    found = extract_samples(field(*blocks), GRID, EXACT)
    assert found["sample"].tolist() == ["s1", "s2"]
    assert found["rate_mm_yr"].tolist() == [-20, 20]


def test_a_map_without_any_rate_has_no_samples():
    assert extract_samples(np.full((SIZE, SIZE), np.nan), GRID, SampleSettings()).empty


def test_the_median_takes_no_numbers_from_unknown_cells_and_fills_none():
    values = np.full((9, 9), 3.0, np.float32)
    values[4, 4], values[0, 0] = 50.0, np.nan
    filtered = smoothed(values, 3)
    assert np.isnan(filtered[0, 0])
    assert np.isnan(filtered).sum() == 1
    assert np.nanmax(filtered) == 3


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 30),
            st.integers(1, 30),
            st.integers(3, 9),
            st.integers(3, 9),
            st.sampled_from([-40, -8, 9, 25]),
        ),
        max_size=6,
    )
)
def test_every_sample_of_a_map_of_blocks_fulfils_the_rules_by_brute_force(blocks):
    rates = field(*((slice(r, r + h), slice(c, c + w), float(v)) for r, c, h, w, v in blocks))
    found = extract_samples(rates, GRID, EXACT)
    taken = np.zeros(rates.shape, int)
    for outline in found.geometry:
        inside = burn([outline], GRID)
        taken += inside
        ring = ndimage.binary_dilation(inside, np.ones((3, 3))) & ~inside
        size = np.abs(rates)
        assert inside.sum() >= 16
        assert np.ptp(size[inside]) <= 5
        assert size[inside].mean() - size[ring].max() > 5
        assert not inside[[0, -1]].any()
        assert not inside[:, [0, -1]].any()
    assert taken.max(initial=0) <= 1
    # The other way round: every area of one rate that fulfils the rules was found.
    labels, count = ndimage.label(np.abs(rates) >= 5, np.ones((3, 3)))
    for number in range(1, count + 1):
        area = labels == number
        closed = not (area[[0, -1]].any() or area[:, [0, -1]].any())
        if closed and area.sum() >= 16 and np.ptp(np.abs(rates)[area]) <= 5 and np.abs(rates)[area].mean() > 5:
            assert taken[area].all()
