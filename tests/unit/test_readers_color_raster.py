from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from basinwatch import color_tables, phase_color
from basinwatch.companions import companions
from basinwatch.errors import InputError
from basinwatch.interferogram import Interferogram
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff, sunraster
from PIL import Image
from readers_scene import (
    EARLIER,
    GEOTRANSFORM,
    LATER,
    LINES,
    WIDTH,
    circular_error,
    image_text,
    is_map_grid,
    truth,
    wrapped_truth,
    write_gamma,
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
    return phase_color.to_palette(*truth())


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
    table = color_tables.color_table("hsv")
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


@pytest.mark.parametrize("is_palette", [False, True])
def test_a_picture_that_runs_from_south_and_east_is_turned_with_its_grid(tmp_path, is_palette: bool) -> None:
    a, _, c, _, e, f = tuple(GEOTRANSFORM)[:6]
    options = {"transform": Affine(-a, 0, c + a * WIDTH, 0, -e, f + e * LINES), "photometric": "RGB"}
    stored = np.moveaxis(picture(), -1, 0)
    if is_palette:
        stored, options = indices(), options | {"colormap": phase_color.palette(), "photometric": "palette"}
    path = write_tiff(tmp_path / "a.tif", stored[..., ::-1, ::-1], **options)
    files = PairFiles(EARLIER, LATER, path)
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < (0.2 if is_palette else 0.015)
    assert pair.grid == read_grid(files)
    assert is_map_grid(pair.grid)
    assert "a.tif: runs from south to north and from east to west; turned (E16)" in pair.metadata["warnings"]


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


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_transparent_pixels_are_no_data(tmp_path, suffix: str) -> None:
    opaque = np.full((LINES, WIDTH), 255, np.uint8)
    opaque[10:20, 30:50] = 0
    channels = np.dstack([picture(), opaque])
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        write_tiff(path, np.moveaxis(channels, -1, 0), photometric="RGB", alpha="YES")
    else:
        Image.fromarray(channels, "RGBA").save(path)
    expected = wrapped_truth()
    expected[10:20, 30:50] = np.nan
    assert circular_error(read_interferogram(PairFiles(EARLIER, LATER, path)).phase, expected) < 0.015


def test_a_jpeg_is_read_as_well_as_its_loss_allows(tmp_path) -> None:
    y, x = np.mgrid[:96, :128]
    phase = 0.08 * x + 0.05 * y
    path = tmp_path / "a.jpg"
    Image.fromarray(phase_color.to_rgb(phase)).save(path, quality=90, subsampling=0)
    found = read_interferogram(PairFiles(EARLIER, LATER, path)).phase
    error = np.angle(np.exp(1j * (found - phase)))
    assert np.sqrt(np.nanmean(error**2)) < 0.03
    assert np.isfinite(found).mean() > 0.99


@pytest.mark.parametrize(("fringe_px", "is_said"), [(4, True), (20, False)])
def test_fringes_too_dense_for_a_scaled_picture_are_said(tmp_path, fringe_px: int, is_said: bool) -> None:
    phase = 2 * np.pi / fringe_px * np.broadcast_to(np.arange(120.0), (80, 120))
    path = tmp_path / "a.png"
    Image.fromarray(phase_color.to_rgb(phase)).save(path)
    warnings = read_interferogram(PairFiles(EARLIER, LATER, path)).metadata["warnings"]
    assert any("more than one fringe in 6 px" in warning for warning in warnings) is is_said


def test_sizes_no_picture_of_few_bytes_can_have_are_refused_before_memory_is_asked_for(tmp_path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.bmp")
    content = (tmp_path / "a.bmp").read_bytes()
    (tmp_path / "a.bmp").write_bytes(content[:18] + 2 * (1_000_000).to_bytes(4, "little") + content[26:])
    sun = write_sun(tmp_path / "a.ras", picture(), 2)
    content = sun.read_bytes()
    sun.write_bytes(content[:4] + 2 * (1_000_000).to_bytes(4, "big") + content[12:])
    for name in ("a.bmp", "a.ras"):
        tracemalloc.start()
        with pytest.raises(InputError, match=r"E02|cannot be read as a raster"):
            read_interferogram(PairFiles(EARLIER, LATER, tmp_path / name))
        assert tracemalloc.get_traced_memory()[1] < 20e6
        tracemalloc.stop()


def test_runs_never_swell_beyond_the_pixels_a_header_declares(tmp_path) -> None:
    header = "59a66a95 0000000a 0000000a 00000018 00000000 00000002 00000000 00000000"
    path = tmp_path / "a.ras"
    path.write_bytes(bytes.fromhex(header) + bytes([0x80, 255, 7]) * 1_000_000)
    tracemalloc.start()
    assert sunraster.read(path)[0].shape == (10, 10, 3)
    assert tracemalloc.get_traced_memory()[1] < 10e6  # of 256e6 if all were expanded
    tracemalloc.stop()


@pytest.mark.parametrize("palette", [None, phase_color.palette()])
def test_a_written_sun_raster_reads_back_and_opens_elsewhere(tmp_path, palette) -> None:
    pixels = picture() if palette is None else indices()
    path = tmp_path / "a.ras"
    sunraster.write(path, pixels, palette)
    found, colors = sunraster.read(path)
    np.testing.assert_array_equal(found, pixels)
    if palette is not None:
        np.testing.assert_array_equal(colors, palette)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), pixels if palette is None else palette[pixels])


def test_numbers_beside_their_picture_are_read_in_its_place_unless_the_picture_is_asked_for(tmp_path) -> None:
    numbers = write_gamma(tmp_path)
    files = PairFiles(EARLIER, LATER, write_picture(tmp_path / "20200101_20200113.diff.ras"))
    found = read_interferogram(files)
    np.testing.assert_array_equal(found.phase, read_interferogram(replace(numbers, coherence=None)).phase)
    assert found.grid == read_grid(files) == read_grid(numbers)
    assert "20200101_20200113.diff beside this picture are read in its place" in found.metadata["warnings"][0]
    assert numbers.phase in companions(files.phase)
    picture = read_interferogram(files, "color_raster")
    assert picture.metadata["processor"] == "color_raster"
    assert "20200101_20200113.diff beside it may hold the numbers" in warnings_of(picture)[0]
    numbers.phase.write_bytes(b"no numbers")
    picture = read_interferogram(files)
    assert "phase read from colours" in warnings_of(picture)[0]
    assert picture.grid == read_grid(files)


def warnings_of(pair: Interferogram) -> list[str]:
    """What is said of the colours of a picture."""
    return [warning for warning in pair.metadata["warnings"] if "colours" in warning]


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
    path.write_bytes(whole[:4] + bytes(4) + whole[8:])
    with pytest.raises(InputError, match=rf"found {LINES}x0 px, expected at least one"):
        sunraster.read(path)
    for map_bytes in (7, 3 * 257):
        path.write_bytes(whole[:24] + bytes([0, 0, 0, 1]) + map_bytes.to_bytes(4, "big") + whole[32:])
        with pytest.raises(InputError, match=f"found a palette of {map_bytes} bytes"):
            sunraster.read(path)
