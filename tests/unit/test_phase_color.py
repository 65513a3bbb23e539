from __future__ import annotations

import numpy as np
import pytest
from basinwatch import phase_color

TABLE = {
    0: (55, 255, 255),
    np.pi / 4: (130, 180, 255),
    np.pi / 2: (205, 105, 255),
    2 * np.pi / 3: (255, 55, 255),
    np.pi: (255, 155, 155),
    -2 * np.pi / 3: (255, 255, 55),
    -np.pi / 2: (205, 255, 105),
}
BASE_COLORS = [
    (55, 255, 255), (92, 217, 255), (130, 179, 255), (167, 142, 255), (205, 104, 255), (243, 66, 255),
    (255, 80, 229), (255, 118, 191), (255, 156, 153), (255, 193, 116), (255, 231, 78), (240, 255, 69),
    (203, 255, 106), (165, 255, 144), (127, 255, 182), (90, 255, 219),
]  # fmt: skip


def circular(difference: np.ndarray) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * np.asarray(difference, float))))


@pytest.mark.parametrize("phase", TABLE)
def test_a_phase_has_the_colour_of_the_published_wheel(phase: float) -> None:
    assert tuple(phase_color.to_rgb(np.array([[phase]]))[0, 0]) == TABLE[phase]


def test_no_data_is_black_and_valid_pixels_are_never_black() -> None:
    rgb = phase_color.to_rgb(np.array([[np.nan, 1.0]]), brightness=np.array([[1.0, 0.0]]))
    assert rgb[0, 0].tolist() == [0, 0, 0]
    assert rgb[0, 1].max() == round(0.15 * 255)


@pytest.mark.parametrize(("brightness", "largest_rad"), [(1.0, 0.006), (0.5, 0.0146), (0.25, 0.0147), (0.15, 0.082)])
def test_the_inverse_undoes_the_wheel_within_8_bit_rounding(brightness: float, largest_rad: float) -> None:
    phase = np.linspace(-3 * np.pi, 3 * np.pi, 20_001)[None]
    found, distance = phase_color.from_rgb(phase_color.to_rgb(phase, brightness))
    assert found.dtype == np.float32
    assert circular(found - phase).max() <= largest_rad
    assert distance.max() < 0.02
    assert np.abs(found).max() <= np.pi + 1e-6


def test_black_pixels_come_back_as_nan_at_the_same_places() -> None:
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (300, 40)).astype(np.float32)
    phase[::7, ::3] = np.nan
    found, _ = phase_color.from_rgb(phase_color.to_rgb(phase))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(phase))


def test_grey_and_rainbow_pixels_are_far_from_the_wheel() -> None:
    _, distance = phase_color.from_rgb(np.array([[[128, 128, 128], [255, 0, 0], [0, 0, 255]]], np.uint8))
    assert distance.min() > 0.06


def test_the_palette_is_floor_of_brightness_times_the_base_colours() -> None:
    palette = phase_color.palette()
    assert [tuple(c) for c in palette[240:].tolist()] == BASE_COLORS
    expected = [[k * v // 15 for v in BASE_COLORS[p]] for k in range(16) for p in range(16)]
    np.testing.assert_array_equal(palette, expected)


def test_palette_indices_give_sixteen_levels_of_phase_and_zero_brightness_gives_nan() -> None:
    found = phase_color.from_palette(np.arange(256, dtype=np.uint8))
    assert np.isnan(found[:16]).all()
    assert circular(found[16:] - 2 * np.pi * (np.arange(16, 256) % 16) / 16).max() < 1e-6


def test_the_8_bit_variant_keeps_the_nearest_of_16_levels_at_any_brightness() -> None:
    phase = np.random.default_rng(7).uniform(-30, 30, (80, 90))
    brightness = np.random.default_rng(8).uniform(0, 1, phase.shape)
    phase[:3], brightness[3:5] = np.nan, np.nan
    indices = phase_color.to_palette(phase, brightness)
    assert (indices[:5] == 0).all()
    np.testing.assert_array_equal(indices[5:] // 16, np.clip(np.rint(15 * brightness[5:]), 1, 15))
    error = circular(phase_color.from_palette(indices)[5:] - phase[5:])
    assert error.max() <= np.pi / 16 + 1e-6
    assert np.sqrt(np.mean(error**2)) == pytest.approx(np.pi / 16 / np.sqrt(3), rel=0.03)


def test_a_pixel_of_mean_intensity_is_half_bright_and_none_is_too_dark_or_too_bright() -> None:
    intensity = np.array([[1.0, 1.0, 3.0, 0.0], [0.5, 1e9, 1e-9, np.nan]])[:1]
    found = phase_color.brightness_of_intensity(intensity)
    mean = 5 / 3
    np.testing.assert_allclose(found[0, :3], 0.5 * (intensity[0, :3] / mean) ** 0.35, rtol=1e-6)
    assert np.isnan(found[0, 3])
    assert phase_color.brightness_of_intensity(np.full((1, 2), 7.0)).tolist() == [[0.5, 0.5]]
    uneven = phase_color.brightness_of_intensity(np.array([[1e-12, 1e12]]), scale=4)
    assert 0 <= uneven.min() <= uneven.max() == 1
    rgb = phase_color.to_rgb(np.zeros((1, 4)), found)
    assert (rgb[0, 3] == 0).all()


def test_brightness_of_coherence_never_hides_phase() -> None:
    np.testing.assert_allclose(phase_color.brightness_of_coherence(np.array([0, 0.5, 1])), [0.25, 0.625, 1])


def test_palette_and_24_bit_inverse_agree_within_half_a_level() -> None:
    indices = np.arange(80, 256, dtype=np.uint8)[None]
    exact, _ = phase_color.from_rgb(phase_color.palette()[indices])
    assert circular(exact - phase_color.from_palette(indices)).max() < np.pi / 16


def test_a_palette_is_recognised_up_to_one_count() -> None:
    palette = phase_color.palette()
    assert phase_color.is_palette(np.minimum(palette, 254))
    assert not phase_color.is_palette(np.roll(palette, 1, axis=1))
    assert not phase_color.is_palette(palette[:128])
