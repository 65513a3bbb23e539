from __future__ import annotations

import colorsys

import numpy as np
import pytest
from basinwatch import color_tables
from basinwatch.errors import InputError
from basinwatch.phase_color import from_rgb, to_rgb


def circular(difference: np.ndarray) -> np.ndarray:
    return np.abs(np.angle(np.exp(1j * np.asarray(difference, float))))


@pytest.mark.parametrize("modulated", [True, False])
@pytest.mark.parametrize("name", ["rmg", "cmy", "hsv", "twilight"])
def test_pictures_in_other_cyclic_maps_are_read_by_nearest_colour(name: str, modulated: bool) -> None:
    table = to_rgb(2 * np.pi * np.arange(256)[None] / 256)[0] / 255 if name == "rmg" else color_tables.color_table(name)
    rows = np.random.default_rng(1).integers(0, 256, (160, 150))
    shade = np.random.default_rng(2).uniform(0.3, 1, rows.shape)[..., None] if modulated else 1.0
    rgb = np.rint(255 * table[rows] * shade).astype(np.uint8)
    if name == "twilight" and modulated:  # its dark ends have one hue
        with pytest.raises(InputError, match=r"look alike .* set color\.brightness to 'constant'"):
            color_tables.from_table(rgb, table, modulated=True)
        return
    found, distance = color_tables.from_table(rgb, table, modulated=modulated)
    error = circular(found - 2 * np.pi * rows / 256)
    assert np.median(error) < 0.012
    assert np.quantile(error, 0.99) < 0.05
    assert distance.max() < 0.02


def test_the_inverse_by_nearest_colour_agrees_with_the_exact_one_on_the_own_wheel() -> None:
    phase = np.linspace(-np.pi, np.pi, 4001)[None]
    rgb = to_rgb(phase)
    wheel = to_rgb(2 * np.pi * np.arange(256)[None] / 256)[0] / 255
    nearest, _ = color_tables.from_table(rgb, wheel)
    assert circular(nearest - from_rgb(rgb)[0]).max() < 0.012


def test_the_full_saturation_wheel_is_the_hue_circle_from_cyan() -> None:
    table = color_tables.color_table("cmy")
    hue = np.array([colorsys.rgb_to_hsv(*(c - c.min()))[0] for c in table])
    assert np.all(np.diff(np.unwrap(2 * np.pi * (hue - 0.5))) > 0)
    np.testing.assert_allclose(table.sum(axis=1), 2)


def test_a_text_file_of_colours_is_a_table(tmp_path) -> None:
    path = tmp_path / "own.cm"
    np.savetxt(path, 255 * color_tables.color_table("hsv"), fmt="%d")
    np.testing.assert_allclose(color_tables.color_table(str(path)), color_tables.color_table("hsv"), atol=1 / 255)


def test_an_unknown_table_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'nonsense' is neither"):
        color_tables.color_table("nonsense")


def test_a_table_of_greys_is_refused_when_brightness_is_free() -> None:
    with pytest.raises(InputError, match="look alike"):
        color_tables.from_table(np.zeros((1, 1, 3), np.uint8), color_tables.color_table("gray"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "found 0 lines that are no table"),
        ("1 2 3\n" * 7, "expected 8 to 1024 rows"),
        ("1 2 3\n" * 1025, "found 1025 lines"),
        ("1 2\n" * 20, "no table of colours"),
        ("red green blue\n" * 20, "no table of colours"),
        ("1 2 3\n" * 20 + "4 5\n", "no table of colours"),
        ("1 2 300\n" * 20, "numbers outside 0-255"),
        ("1 2 nan\n" * 20, "numbers outside 0-255"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text: str, sentence: str) -> None:
    path = tmp_path / "own.cm"
    path.write_text(text, encoding="ascii")
    with pytest.raises(InputError, match=sentence):
        color_tables.color_table(str(path))


def test_comments_and_further_columns_of_a_table_are_passed_over(tmp_path) -> None:
    path = tmp_path / "own.cm"
    path.write_text("# mine\n" + "".join(f"{r} {255 - r} 7 255\n" for r in range(0, 256, 5)), encoding="ascii")
    assert color_tables.color_table(str(path)).shape == (52, 3)
