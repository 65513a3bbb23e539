"""Labels against the analytic outline of a bowl and the published table of detectable amplitudes."""

import math

import numpy as np
import pytest
from basinwatch.simulation import labels
from basinwatch.simulation.deformation import Patch
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing
from basinwatch.simulation.settings import Labels
from basinwatch.simulation.speckle import phase_noise_rad
from rasterio.features import rasterize

RULE = Labels()


def _noise(level):
    return phase_noise_rad(level, 10.0)


def _bowl(peak_mm, sigma_m=200.0, spacing=15.0, n=160, centre=(80, 80)):
    y, x = np.mgrid[:n, :n].astype(np.float32)
    d2 = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) * spacing**2
    return Patch(0, 0, (peak_mm * PHASE_PER_MM * np.exp(-0.5 * d2 / sigma_m**2)).astype(np.float32))


def _label(patch, coherence=0.7, rule=RULE, n=160):
    conditions = labels.Conditions(np.full((n, n), coherence, np.float32), _noise, Spacing(15.0, 15.0), 0.2)
    return labels.label_of(labels.Basin(patch, (0,)), conditions, rule)


def test_mask_area_of_a_gaussian_equals_the_analytic_ellipse():
    peak_mm, sigma, spacing = 60.0, 300.0, 15.0
    area = labels.basin_mask(_bowl(peak_mm, sigma, spacing, 200, (100, 100)).phase).sum() * spacing**2
    assert area == pytest.approx(2 * math.pi * sigma**2 * math.log(peak_mm * PHASE_PER_MM / (math.pi / 2)), rel=0.02)


def test_a_weak_basin_is_outlined_at_half_its_peak():
    mask = labels.basin_mask(_bowl(8.0).phase)
    assert mask.sum() * 15.0**2 == pytest.approx(2 * math.pi * 200**2 * math.log(2), rel=0.03)


def test_the_outline_follows_the_rule():
    phase, sigma = _bowl(20.0).phase, 200.0
    for threshold in (math.pi / 3, math.pi):
        area = labels.basin_mask(phase, Labels(threshold_rad=threshold, half_peak=False)).sum() * 15.0**2
        expected = 2 * math.pi * sigma**2 * math.log(20.0 * PHASE_PER_MM / threshold)
        assert area == pytest.approx(expected, rel=0.03)
    assert not labels.basin_mask(_bowl(5.0).phase, Labels(threshold_rad=math.pi, half_peak=False)).any()


def test_the_mask_is_one_piece_without_holes():
    phase = _bowl(40, 200).phase + _bowl(30, 100, centre=(20, 140)).phase
    phase[78:83, 60:64] = 0
    mask = labels.basin_mask(phase)
    assert mask[80, 62]
    assert not mask[20, 140]


@pytest.mark.parametrize(("peak_mm", "sigma_m", "offset"), [(60, 200, (0, 0)), (9, 150, (0, 0)), (120, 350, (-40, 30))])
def test_an_outline_painted_again_gives_its_mask(peak_mm, sigma_m, offset):
    patch = Patch(*offset, _bowl(peak_mm, sigma_m).phase)
    label = _label(patch)
    polygon = labels.outline(patch, (160, 160), RULE)
    painted = rasterize([(polygon, 1)], (160, 160)).astype(bool)
    assert label.mask.sum() > 100
    assert (painted & label.mask).sum() / (painted | label.mask).sum() > 0.97
    assert len(polygon.exterior.coords) < 150


def test_the_outline_of_a_bowl_encloses_its_analytic_area():
    area = labels.outline(_bowl(60.0, 300.0, 15.0, 200, (100, 100)), (200, 200), RULE).area * 15.0**2
    assert area == pytest.approx(2 * math.pi * 300.0**2 * math.log(60 * PHASE_PER_MM / (math.pi / 2)), rel=0.01)


@pytest.mark.parametrize(("peak_mm", "state"), [(3.9, None), (4.1, True), (7.9, True), (8.1, False)])
def test_state_switches_at_four_and_eight_millimetres(peak_mm, state):
    label = _label(_bowl(peak_mm), 0.95)
    assert (None if label is None else label.ignore) is state


def test_basins_cut_by_the_edge_tiny_ones_and_hidden_ones_are_not_demanded():
    assert _label(_bowl(60, centre=(4, 80))).ignore is False
    assert _label(Patch(-90, 0, _bowl(60).phase)).ignore
    assert _label(_bowl(60, 10.0)).ignore
    assert _label(_bowl(5, 20.0), 0.02) is None
    assert _label(Patch(500, 500, _bowl(60).phase)) is None


def test_a_basin_without_data_is_not_demanded():
    level = np.full((160, 160), 0.7, np.float32)
    whole, half = level.copy(), level.copy()
    whole[:], half[:, :82] = 0, 0
    found = [
        labels.label_of(labels.Basin(_bowl(60), (0,)), labels.Conditions(c, _noise, Spacing(15.0, 15.0), 0.2), RULE)
        for c in (level, half, whole)
    ]
    assert [None if label is None else label.ignore for label in found] == [False, True, None]
    assert found[1].attributes["coherence"] == pytest.approx(0.7)


def test_a_basin_that_hardly_moves_has_no_label_whatever_the_rule():
    everything = Labels(ignore_mm=0.0, ignore_detectability=0.0)
    for peak in (0.0, 1e-7, 1e-3):
        assert _label(_bowl(peak), rule=everything) is None
    assert _label(_bowl(0.1), rule=everything).ignore


def test_a_label_tells_what_it_came_from():
    attributes = _label(_bowl(60)).attributes
    assert attributes["peak_los_mm"] == pytest.approx(60, rel=1e-4)
    assert attributes["gradient_rad_px"] == pytest.approx(0.607 * 60 * PHASE_PER_MM / 200 * 15, rel=0.02)
    assert (attributes["coherence"], attributes["drawn"]) == (pytest.approx(0.7), [0])
    assert attributes["area_px"] == _label(_bowl(60)).mask.sum()


def test_basins_merge_when_the_saddle_exceeds_half_the_smaller_peak():
    near = [_bowl(60, 200), _bowl(40, 200, centre=(80, 105))]
    far = [_bowl(60, 200), _bowl(40, 200, centre=(80, 140))]
    assert [b.members for b in labels.merge_touching(far)] == [(0,), (1,)]
    (merged,) = labels.merge_touching(near)
    assert merged.members == (0, 1)
    np.testing.assert_allclose(merged.patch.phase, near[0].phase + near[1].phase, rtol=1e-6)


def test_a_chain_of_touching_basins_becomes_one():
    chain = [_bowl(50, 150, centre=(80, c)) for c in (30, 94, 62)]
    assert [b.members for b in labels.merge_touching(chain[:2])] == [(0,), (1,)]
    assert [b.members for b in labels.merge_touching(chain)] == [(0, 1, 2)]


@pytest.mark.parametrize(
    ("sd10_mm", "coherence", "sigma", "smallest_mm"),
    [
        (0, 0.3, 150, 1.9),
        (0, 0.9, 300, 0.1),
        (2.2, 0.3, 75, 4.6),
        (2.2, 0.9, 600, 4.3),
        (5, 0.3, 300, 7.3),
        (10, 0.9, 150, 8.2),
    ],
)
def test_detectability_reaches_six_at_the_smallest_detectable_amplitudes(sd10_mm, coherence, sigma, smallest_mm):
    spread = {0.3: 0.63, 0.9: 0.08}[coherence]
    value = labels.detectability(smallest_mm * PHASE_PER_MM, sigma, spread, 30.0, sd10_mm * PHASE_PER_MM)
    assert value == pytest.approx(6, rel=0.15 if smallest_mm > 0.5 else 0.6)
