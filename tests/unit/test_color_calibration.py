"""How a picture shows phase: found again from pictures whose wheel, direction and zero are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from basinwatch import color_calibration, color_tables, phase_color
from basinwatch.commands import main
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_interferogram
from PIL import Image
from readers_scene import EARLIER, LATER, LINES, WIDTH, circular_error, truth, wrapped_truth, write_gamma, write_tiff

NAME = "20200101_20200113"


def paint_rmg(path: Path, zero: float, direction: int, bits: int = 24) -> Path:
    """The scene as another program may paint it: picture phase = direction · phase + 2π · zero."""
    shown = direction * truth()[0] + 2 * np.pi * zero
    brightness = 0.4 + 0.6 * truth()[1]
    if bits == 24:
        Image.fromarray(phase_color.to_rgb(shown, brightness)).save(path)
        return path
    image = Image.fromarray(phase_color.to_palette(shown, brightness)).convert("P")
    image.putpalette(phase_color.palette().tobytes())
    image.save(path)
    return path


def paint_table(path: Path, table: np.ndarray, shade: bool = False) -> Path:
    rows = np.rint(len(table) * np.mod(np.nan_to_num(truth()[0]) / (2 * np.pi), 1)).astype(int) % len(table)
    light = (0.4 + 0.6 * truth()[1])[..., None] if shade else 1.0
    rgb = np.where(np.isnan(truth()[0])[..., None], 0, np.rint(255 * table[rows] * light)).astype(np.uint8)
    Image.fromarray(rgb).save(path)
    return path


def own_wheel() -> np.ndarray:
    """A cyclic map nobody else uses: a tilted circle in colour space."""
    angle = 2 * np.pi * np.arange(360) / 360
    return 0.5 + 0.45 * np.stack([np.cos(angle), np.sin(angle + 0.4), 0.6 * np.cos(angle - 2)], axis=-1)


@pytest.mark.parametrize("bits", [8, 24])
@pytest.mark.parametrize(("zero", "direction"), [(0.0, 1), (0.31, 1), (-0.2, -1), (0.5, -1)])
def test_direction_and_zero_are_found_from_numeric_phase(tmp_path, zero: float, direction: int, bits: int) -> None:
    picture = paint_rmg(tmp_path / "a.png", zero, direction, bits)
    wheel = color_calibration.fitting_wheels(picture)[0]
    found = color_calibration.placement(wheel.phase, wrapped_truth())
    assert wheel.name == "rmg"
    assert found.direction == direction
    assert abs((found.zero - zero + 0.5) % 1 - 0.5) < (0.002 if bits == 24 else 0.01)
    assert found.agreement > (0.999 if bits == 24 else 0.98)
    assert found.rms_rad < (0.02 if bits == 24 else 0.13)


@pytest.mark.parametrize(("name", "shade"), [("cmy", True), ("hsv", True), ("twilight", False)])
def test_the_wheel_is_found_from_the_colours_alone(tmp_path, name: str, shade: bool) -> None:
    picture = paint_table(tmp_path / "a.png", color_tables.color_table(name), shade)
    assert color_calibration.fitting_wheels(picture)[0].name.removesuffix("_shifted") == name


def test_a_picture_off_every_wheel_is_refused_with_what_to_do(tmp_path) -> None:
    picture = paint_table(tmp_path / "a.png", own_wheel())
    with pytest.raises(InputError, match=r"set color\.wheel to the map it was painted with.*E21"):
        color_calibration.fitting_wheels(picture)


def test_phase_of_another_scene_is_refused() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.uniform(-np.pi, np.pi, (2, 80, 90)).astype(np.float32)
    with pytest.raises(InputError, match=r"an agreement of 0\.0\d, expected at least 0\.5"):
        color_calibration.placement(one, other)
    with pytest.raises(InputError, match="found 0 pixels where both show phase"):
        color_calibration.placement(np.full((80, 90), np.nan, np.float32), other)


@pytest.mark.parametrize("shape", [(200, 300), (66, 100), (50, 75), (130, 170)])
def test_numeric_phase_is_brought_to_the_size_of_a_reduced_picture(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[:200, :300]
    large = np.angle(np.exp(1j * (0.02 * x + 0.015 * y))).astype(np.float32)
    small = color_calibration.reduced(large, shape)
    rows, columns = ((np.arange(n) + 0.5) * m / n - 0.5 for n, m in zip(shape, large.shape, strict=True))
    expected = 0.02 * columns[None] + 0.015 * rows[:, None]
    assert small.shape == shape
    assert np.abs(np.angle(np.exp(1j * (small - expected)))).max() < 0.04
    with pytest.raises(InputError, match="expected a picture that is not larger"):
        color_calibration.reduced(large, (201, 300))


def entry(text: str) -> dict:
    """The color: entry a command printed."""
    return yaml.safe_load(text.partition("config.yaml\n")[2])["color"]


def test_the_printed_entry_makes_the_workflow_read_the_picture_right(tmp_path, capsys) -> None:
    picture = paint_rmg(tmp_path / f"{NAME}.png", 0.27, -1)
    numeric = write_tiff(tmp_path / f"{NAME}.tif", wrapped_truth())
    assert main(["calibrate-colors", str(picture), "--phase", str(numeric)]) == 0
    options = {"color": entry(capsys.readouterr().out)}
    pair = read_interferogram(PairFiles(EARLIER, LATER, picture, options=options))
    assert circular_error(pair.phase, wrapped_truth()) < 0.025


def test_without_numeric_phase_only_the_wheel_is_told_and_that_is_said(tmp_path, capsys) -> None:
    assert main(["calibrate-colors", str(paint_rmg(tmp_path / "a.png", 0, 1))]) == 0
    said = capsys.readouterr().out
    assert said.count("cannot be told without numeric phase") == 2
    assert entry(said) == {"wheel": "rmg", "zero": 0.0, "direction": 1, "brightness": "modulated"}


def test_pictures_of_a_reversed_pair_are_placed_with_the_sign_they_are_stored_with(tmp_path, capsys) -> None:
    reverse = "20200113_20200101"
    picture = paint_rmg(tmp_path / f"{reverse}.png", 0.1, 1)
    numeric = write_tiff(tmp_path / f"{reverse}.tif", wrapped_truth())
    assert main(["calibrate-colors", str(picture), "--phase", str(numeric)]) == 0
    found = entry(capsys.readouterr().out)
    assert (found["direction"], round(found["zero"], 2)) == (1, 0.1)


@pytest.mark.parametrize("shade", [True, False])
def test_colours_of_an_unknown_wheel_are_learnt_from_a_scene(tmp_path, capsys, shade: bool) -> None:
    picture = paint_table(tmp_path / "a.png", own_wheel(), shade)
    numeric = write_tiff(tmp_path / "a.tif", wrapped_truth())
    table = tmp_path / "it's own.cm"
    assert main(["calibrate-colors", str(picture), "--phase", str(numeric), "--learn", str(table)]) == 0
    options = {"color": entry(capsys.readouterr().out)}
    assert options["color"]["wheel"] == str(table)
    if not shade:
        expected = own_wheel()[np.rint(np.arange(256) * 360 / 256).astype(int) % 360]
        np.testing.assert_allclose(color_tables.color_table(str(table)), expected, atol=0.03)
    pair = read_interferogram(PairFiles(EARLIER, LATER, picture, options=options))
    error = np.abs(np.angle(np.exp(1j * (pair.phase - wrapped_truth()))))
    assert np.nanquantile(error, 0.99) < 0.06
    assert np.isfinite(pair.phase).mean() > 0.93


def test_learning_needs_numeric_phase_and_fringes(tmp_path, capsys) -> None:
    picture = paint_table(tmp_path / "a.png", own_wheel())
    assert main(["calibrate-colors", str(picture), "--learn", str(tmp_path / "own.cm")]) == 1
    assert "--learn: found no numeric phase" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"found 1 of 256 phases"):
        color_calibration.learnt_table(np.full((9, 9, 3), 200, np.uint8), np.zeros((9, 9), np.float32))


@pytest.mark.parametrize("suffix", [".ras", ".png", ".bmp"])
@pytest.mark.parametrize("bits", [8, 24])
def test_painted_phase_reads_back_within_what_its_bits_allow(tmp_path, suffix: str, bits: int) -> None:
    files, picture = write_gamma(tmp_path), tmp_path / f"{NAME}{suffix}"
    intensity = tmp_path / "20200101.mli"
    np.random.default_rng(0).gamma(4, 0.25, (LINES, WIDTH)).astype(">f4").tofile(intensity)
    arguments = ["--intensity", str(intensity), "--bits", str(bits)]
    assert main(["paint", str(files.phase), str(picture), *arguments]) == 0
    pair = read_interferogram(PairFiles(EARLIER, LATER, picture))
    assert circular_error(pair.phase, wrapped_truth()) < (0.09 if bits == 24 else np.pi / 16 + 1e-3)
    assert pair.metadata["colour"]["depth"] == bits


def test_a_painted_geotiff_keeps_its_place_and_takes_brightness_from_coherence(tmp_path) -> None:
    phase = write_tiff(tmp_path / f"{NAME}.tif", wrapped_truth())
    coherence = write_tiff(tmp_path / "c.tif", truth()[1])
    picture = tmp_path / "painted.tif"
    assert main(["paint", str(phase), str(picture), "--coherence", str(coherence)]) == 0
    pair = read_interferogram(PairFiles(EARLIER, LATER, picture))
    assert circular_error(pair.phase, wrapped_truth()) < 0.015
    assert pair.grid.aligned_with(read_interferogram(PairFiles(EARLIER, LATER, phase)).grid)
    brightest = np.asarray(Image.open(picture)).max(axis=-1)
    known = np.isfinite(wrapped_truth())
    np.testing.assert_allclose(brightest[known], 255 * (0.25 + 0.75 * truth()[1][known]), atol=1)


def test_pictures_that_cannot_be_painted_are_refused(tmp_path, capsys) -> None:
    files = write_gamma(tmp_path)
    for name, bits in (("a.jpg", "24"), ("a.tif", "8")):
        assert main(["paint", str(files.phase), str(tmp_path / name), "--bits", bits]) == 1
        assert "expected .ras, .png or .bmp, or .tif for 24 bits" in capsys.readouterr().err
    small = write_tiff(tmp_path / "small.tif", np.ones((3, 4), np.float32))
    assert main(["paint", str(files.phase), str(tmp_path / "a.png"), "--intensity", str(small)]) == 1
    assert "found 3x4 px, expected the phase's 61x97" in capsys.readouterr().err
