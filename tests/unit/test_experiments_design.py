"""What is tried at each scale."""

import re
from itertools import pairwise

import pytest
from basinwatch.experiments.design import (
    AMPLITUDES_MM,
    PARITY_AMPLITUDES_MM,
    SCALES,
    floor_blocks,
    floor_trials,
    response_blocks,
    response_pairs,
)


def _factorial(scale):
    return [t for block in floor_blocks(scale) for t in floor_trials(scale, block) if t.design == "factorial"]


def test_the_full_factorial_design_has_57600_tiles_and_the_smoke_test_two_per_cent_of_them():
    full, smoke = _factorial("full"), _factorial("smoke")
    assert len(full) == 57_600
    assert len(smoke) == pytest.approx(0.02 * len(full), rel=0.01)
    assert set(smoke) <= set(full)


def test_amplitudes_are_log_spaced_from_1_to_160_mm():
    ratios = [b / a for a, b in pairwise(AMPLITUDES_MM)]
    assert (AMPLITUDES_MM[0], AMPLITUDES_MM[-1], len(AMPLITUDES_MM)) == (1, 160, 24)
    assert max(ratios) / min(ratios) < 1.002


def test_the_parity_set_has_90_tiles_from_1_to_148_mm_in_one_condition():
    trials = floor_trials("smoke", "parity")
    assert [t.amplitude_mm for t in trials[:45]] == list(range(1, 46))
    assert [t.amplitude_mm for t in trials] == sorted(set(PARITY_AMPLITUDES_MM))
    assert (len(trials), trials[-1].amplitude_mm) == (90, 148)
    assert {(t.condition.sigma_m, t.condition.coherence, t.condition.delay_mm) for t in trials} == {(150, 0.9, 2.2)}


@pytest.mark.parametrize("scale", SCALES)
def test_blocks_share_no_trial_and_their_names_fit_a_path(scale):
    trials = [trial for block in floor_blocks(scale) for trial in floor_trials(scale, block)]
    assert len(trials) == len(set(trials))
    assert all(re.fullmatch(r"[a-z0-9-]+", block) for block in floor_blocks(scale) + response_blocks(scale))


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_tries_the_parity_condition_in_pairs_too(scale):
    cells = {(t.condition.sigma_m, t.condition.coherence, t.condition.delay_mm) for t in _factorial(scale)}
    assert (150, 0.9, 2.2) in cells


@pytest.mark.parametrize(("scale", "count"), [("smoke", 11), ("standard", 110), ("full", 110)])
def test_the_pairs_of_both_readings_are_made_once_each(scale, count):
    made = [(reading, n) for b in response_blocks(scale) for reading, ns in [response_pairs(scale, b)] for n in ns]
    assert len(made) == len(set(made)) == 2 * count
    assert {n for _, n in made} <= set(range(110))
