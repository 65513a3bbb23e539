"""Augmentations are exact symmetries of wrapped phase, or additive and of known size."""

import numpy as np
import pytest
from basinwatch.encoding import encode
from basinwatch.training.augmentation import (
    AugmentationSettings,
    augment,
    augment_batch,
    generator,
    orient,
    planar_ramp,
)

NOTHING = AugmentationSettings(
    offset=False, flips=False, rotations=False, ramp_probability=0, noise_probability=0, coherence_dropout=0
)


def only(**changes):
    return AugmentationSettings(**(vars(NOTHING) | changes))


@pytest.fixture
def tile():
    random = np.random.default_rng(5)
    phase = random.uniform(-np.pi, np.pi, (32, 32)).astype(np.float32)
    phase[3, 4] = np.nan
    coherence = random.uniform(0.3, 0.9, (32, 32)).astype(np.float32)
    target = (random.random((32, 32)) > 0.8).astype(np.uint8)
    return phase, coherence, target


def unit(phase):
    return np.exp(1j * phase.astype(np.float64))


def test_four_quarter_turns_are_the_identity_for_phase_coherence_and_target(tile):
    turned = tile
    for _ in range(4):
        turned = orient(turned, 1, False, False)
    for before, after in zip(tile, turned, strict=True):
        np.testing.assert_array_equal(before, after)


def test_turns_and_flips_move_phase_coherence_and_target_together(tile):
    marked = tuple(np.where(np.arange(1024).reshape(32, 32) == 37, a.dtype.type(1), a.dtype.type(0)) for a in tile)
    for seed in range(16):
        moved = augment(marked, only(flips=True, rotations=True), generator(seed))
        assert len({int(np.argmax(a)) for a in moved}) == 1


def test_all_eight_orientations_occur(tile):
    seen = {augment(tile, only(flips=True, rotations=True), generator(s))[2].tobytes() for s in range(80)}
    assert len(seen) == 8


def test_a_constant_offset_rotates_sine_and_cosine_and_leaves_the_target(tile):
    phase, coherence, target = augment(tile, only(offset=True), generator(1))
    valid = np.isfinite(phase)
    turn = unit(phase[valid]) / unit(tile[0][valid])
    assert turn.size == 1023
    np.testing.assert_allclose(turn, turn[0], atol=1e-5)
    assert abs(turn[0] - 1) > 1e-3
    np.testing.assert_array_equal(target, tile[2])
    np.testing.assert_array_equal(coherence, tile[1])
    expected = (encode(*tile[:2])[1] + 1j * encode(*tile[:2])[0]) * turn[0]
    np.testing.assert_allclose(encode(phase, coherence)[0], expected.imag, atol=1e-5)


def test_a_ramp_has_the_asked_number_of_cycles():
    ramp = planar_ramp((9, 17), 1.5, -2)
    assert ramp[-1, 0] - ramp[0, 0] == pytest.approx(3 * np.pi, rel=1e-6)
    assert ramp[4, -1] - ramp[4, 0] == pytest.approx(-4 * np.pi, rel=1e-6)


def test_noise_lowers_coherence_by_the_length_of_its_mean_phasor():
    phase, coherence = np.zeros((256, 256), np.float32), np.full((256, 256), 0.8, np.float32)
    settings = only(noise_probability=1.0, noise_max_rad=1.0)
    noisy, lowered, _ = augment((phase, coherence, phase.astype(np.uint8)), settings, generator(2))
    length = abs(unit(noisy).mean())
    assert length < 0.99
    np.testing.assert_allclose(lowered, 0.8 * length, rtol=0.01)


def test_coherence_is_hidden_as_often_as_asked(tile):
    hidden = [np.isnan(augment(tile, only(coherence_dropout=0.3), generator(s))[1]).all() for s in range(400)]
    assert 0.3 * 400 - 40 < sum(hidden) < 0.3 * 400 + 40


def test_phase_is_never_mirrored_in_sign():
    """A bowl of positive phase stays one under everything but a ramp."""
    rows, columns = np.mgrid[-16:16, -16:16]
    bowl = (2 * np.exp(-(rows**2 + columns**2) / 50)).astype(np.float32)
    arrays = (bowl, np.full_like(bowl, 0.9), (bowl > 1).astype(np.uint8))
    for seed in range(20):
        phase, _, target = augment(arrays, only(offset=True, flips=True, rotations=True), generator(seed))
        inside, outside = unit(phase)[target == 1].mean(), unit(phase)[0].mean()
        assert np.angle(inside / outside) > 1


def test_no_data_stays_no_data_and_wrapped_stays_wrapped(tile):
    for seed in range(10):
        phase, _, _ = augment(tile, AugmentationSettings(flips=False, rotations=False), generator(seed))
        assert np.isnan(phase[3, 4])
        assert np.isnan(phase).sum() == 1
        assert np.nanmax(np.abs(phase)) <= np.float32(np.pi)


def test_a_batch_depends_on_its_key_alone(tile):
    batch = tuple(np.stack([a, a]) for a in tile)
    first, again = (augment_batch(batch, AugmentationSettings(), 7, 3) for _ in range(2))
    other = augment_batch(batch, AugmentationSettings(), 7, 4)
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0], equal_nan=True)
    assert not np.array_equal(first[0][0], first[0][1], equal_nan=True)
