from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from basinwatch import phase_color
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff, sunraster
from PIL import Image
from readers_scene import (
    EARLIER,
    LATER,
    LINES,
    WIDTH,
    circular_error,
    image_text,
    is_map_grid,
    truth,
    wrapped_truth,
    write_sun,
    write_tiff,
)

SPEC_PIXELS = np.array([[0, 1, 2], [3, 3, 3]], np.uint8)
SPEC_PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
SPEC_HEADER = "59a66a95 00000003 00000002 00000008 00000008 0000000{} 00000001 0000000c 00ff0000 0000ff00 000000ff"


def picture() -> np.ndarray:
    return phase_color.to_rgb(truth()[0], 0.3 + 0.7 * truth()[1])


def indices() -> np.ndarray:
    """Indices of the 8-bit variant, brightness from coherence."""
    phase = np.nan_to_num(truth()[0])
    levels = np.rint(16 * np.mod(phase, 2 * np.pi) / (2 * np.pi)) % 16
    brightness = np.clip(np.rint(15 * truth()[1]), 1, 15)
    return np.where(np.isnan(truth()[0]), 0, 16 * brightness + levels).astype(np.uint8)


def write_picture(path: Path) -> Path:
    if path.suffix == ".tif":
        return write_tiff(path, np.moveaxis(picture(), -1, 0), photometric="RGB")
    if path.suffix == ".ras":
        return write_sun(path, picture(), 2)
    Image.fromarray(picture()).save(path)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ras"])
def test_a_24_bit_picture_is_inverted_within_its_rounding(tmp_path, suffix: str) -> None:
    path = write_picture(tmp_path / f"pair{suffix}")
    assert sniff(path) == "color_raster"
    pair = read_interferogram(PairFiles(EARLIER, LATER, path))
    assert circular_error(pair.phase, wrapped_truth()) < 0.015
    assert pair.metadata["colour"]["depth"] == 24
    assert pair.metadata["colour"]["median_distance"] < 0.01


@pytest.mark.parametrize("suffix", [".png", ".tif", "1.ras", "2.ras"])
def test_an_8_bit_picture_is_inverted_within_half_a_level(tmp_path, suffix: str) -> None:
    path = tmp_path / f"pair{suffix}"
    if suffix == ".tif":
        write_tiff(path, indices(), colormap=phase_color.palette(), photometric="palette")
    elif suffix.endswith(".ras"):
        write_sun(path, indices(), int(suffix[0]), phase_color.palette())
    else:
        image = Image.fromarray(indices(), "L").convert("P")
        image.putpalette(phase_color.palette().ravel().tolist())
        image.save(path)
    assert sniff(path) == "color_raster"
    pair = read_interferogram(PairFiles(EARLIER, LATER, path))
    assert circular_error(pair.phase, wrapped_truth()) < np.pi / 16 + 1e-3
    assert pair.metadata["colour"]["levels"] == 16


def test_zero_and_direction_of_the_wheel_can_be_set(tmp_path) -> None:
    path = write_picture(tmp_path / "a.png")
    options = {"color": {"zero": 0.25, "direction": -1}}
    pair = read_interferogram(PairFiles(EARLIER, LATER, path, options=options))
    assert circular_error(pair.phase, -(wrapped_truth() - np.pi / 2)) < 0.015


def test_a_picture_in_another_map_is_refused_until_the_map_is_named(tmp_path) -> None:
    table = phase_color.color_table("hsv")
    rows = np.rint(256 * np.mod(np.nan_to_num(truth()[0]), 2 * np.pi) / (2 * np.pi)).astype(int) % 256
    rgb = np.where(np.isnan(truth()[0])[..., None], 0, np.rint(255 * table[rows])).astype(np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(rgb).save(path)
    with pytest.raises(InputError, match=r"off the colour wheel 'rmg'.*E21"):
        read_interferogram(PairFiles(EARLIER, LATER, path))
    pair = read_interferogram(PairFiles(EARLIER, LATER, path, options={"color": {"wheel": "hsv"}}))
    assert circular_error(pair.phase, wrapped_truth()) < 0.06


def test_a_logo_in_the_picture_is_left_out(tmp_path) -> None:
    rgb = picture()
    rgb[:6, 20:40] = 200
    path = tmp_path / "a.png"
    Image.fromarray(rgb).save(path)
    phase = read_interferogram(PairFiles(EARLIER, LATER, path)).phase
    assert np.isnan(phase[:6, 20:40]).all()
    assert np.isfinite(phase[10:, 20:40]).all()


def test_a_georeferenced_picture_keeps_its_place_and_others_take_a_headers(tmp_path) -> None:
    placed = PairFiles(EARLIER, LATER, write_picture(tmp_path / "a.tif"))
    assert read_interferogram(placed).grid == read_grid(placed)
    assert is_map_grid(read_grid(placed))
    header = tmp_path / "20200101_mli.par"
    header.write_text(image_text(WIDTH * 5 + 4, LINES))
    sun = PairFiles(EARLIER, LATER, write_picture(tmp_path / "a.ras"), header=header)
    assert read_interferogram(sun).grid == read_grid(sun)
    assert read_grid(sun).pixel_spacing_m == pytest.approx((5 * 9.318248, 14.01165))


def test_pictures_of_unwrapped_phase_and_grey_pictures_are_refused(tmp_path) -> None:
    unwrapped = write_picture(tmp_path / "pair_unw_phase.png")
    with pytest.raises(InputError, match="name says unwrapped"):
        read_interferogram(PairFiles(EARLIER, LATER, unwrapped))
    with pytest.raises(InputError, match="found a picture"):
        read_unwrapped(unwrapped, PairFiles(EARLIER, LATER, unwrapped))
    grey = tmp_path / "grey.png"
    Image.fromarray(indices(), "L").save(grey)
    with pytest.raises(InputError, match="grey picture"):
        read_interferogram(PairFiles(EARLIER, LATER, grey))


def test_a_picture_takes_coherence_from_a_numeric_file(tmp_path) -> None:
    files = PairFiles(EARLIER, LATER, write_picture(tmp_path / "a.png"))
    path = tmp_path / "pair.cc"
    truth()[1].astype(">f4").tofile(path)
    pair = read_interferogram(replace(files, coherence=path))
    np.testing.assert_array_equal(np.nan_to_num(pair.coherence), truth()[1])


@pytest.mark.parametrize(("kind", "body"), [(1, "00010200 03030300"), (2, "00010200 80020300")])
def test_the_worked_bytes_of_a_sun_raster_decode_as_documented(tmp_path, kind: int, body: str) -> None:
    path = tmp_path / "a.ras"
    path.write_bytes(bytes.fromhex(SPEC_HEADER.format(kind) + body))
    pixels, palette = sunraster.read(path)
    np.testing.assert_array_equal(pixels, SPEC_PIXELS)
    np.testing.assert_array_equal(palette, SPEC_PALETTE)
    assert sunraster.read_size(path) == (2, 3)


def test_escaped_bytes_in_runs_decode_as_documented(tmp_path) -> None:
    header = "59a66a95 00000009 00000001 00000008 00000000 00000002 00000000 00000000"
    path = tmp_path / "a.ras"
    path.write_bytes(bytes.fromhex(header + "80 03 05 80 00 07 80 01 80 01 00"))
    assert sunraster.read(path)[0].tobytes().hex() == "050505058007808001"


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("width", [6, 7])
def test_sun_rasters_in_colour_round_trip_for_odd_and_even_widths(tmp_path, kind: int, width: int) -> None:
    pixels = np.random.default_rng(4).choice(np.array([0, 127, 128, 129], np.uint8), (5, width, 3))
    pixels[2] = 128
    np.testing.assert_array_equal(sunraster.read(write_sun(tmp_path / "a.ras", pixels, kind))[0], pixels)


@pytest.mark.parametrize("kind", [1, 3])
def test_plain_sun_rasters_agree_with_another_decoder(tmp_path, kind: int) -> None:
    path = write_sun(tmp_path / "a.ras", picture(), kind)
    with Image.open(path) as image:
        np.testing.assert_array_equal(sunraster.read(path)[0], np.asarray(image.convert("RGB")))


def test_damaged_sun_rasters_are_refused(tmp_path) -> None:
    path = write_sun(tmp_path / "a.ras", picture(), 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(InputError, match="truncated"):
        sunraster.read(path)
    path.write_bytes(whole[:12] + bytes([0, 0, 0, 4]) + whole[16:])
    with pytest.raises(InputError, match="found 4 bits"):
        sunraster.read(path)
    path.write_bytes(b"\x00" * 40)
    with pytest.raises(InputError, match="no SUN raster"):
        sunraster.read(path)
