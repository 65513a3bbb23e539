from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from readers_scene import (
    EARLIER,
    GEOTRANSFORM,
    LATER,
    LINES,
    WIDTH,
    circular_error,
    complex_truth,
    image_text,
    is_map_grid,
    moved,
    truth,
    wrapped_truth,
    write_tiff,
)

SHARE = truth()[1]


def files_of(path, coherence=None, **options: object) -> PairFiles:
    return PairFiles(EARLIER, LATER, path, coherence, options=options)


def test_complex_and_float_phase_give_the_same_interferogram(tmp_path) -> None:
    from_complex = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", complex_truth())))
    from_float = read_interferogram(files_of(write_tiff(tmp_path / "b.tif", wrapped_truth(), nodata=np.nan)))
    assert circular_error(from_complex.phase, wrapped_truth()) < 1e-6
    assert circular_error(from_float.phase, from_complex.phase) < 1e-6
    assert from_complex.grid == from_float.grid
    assert is_map_grid(from_float.grid)


@pytest.mark.parametrize("nodata", [0.0, -9999.0])
def test_a_declared_no_data_value_is_left_out(tmp_path, nodata: float) -> None:
    phase = np.where(np.isnan(wrapped_truth()), np.float32(nodata), wrapped_truth())
    pair = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", phase, nodata=nodata)))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert pair.metadata["nodata_rule"] == f"declared {nodata:g}"


def write_parts(path, nodata: float):
    """Real and imaginary part as two bands."""
    z = complex_truth()
    z[10, 50] = 1j
    parts = np.where(z == 0, nodata, np.stack([z.real, z.imag]))
    return write_tiff(path, parts.astype(np.float32), nodata=nodata)


@pytest.mark.parametrize("nodata", [0.0, -9999.0])
def test_a_declared_no_data_value_of_real_and_imaginary_part_is_left_out(tmp_path, nodata: float) -> None:
    """Where it is 0, one part alone may still be 0."""
    pair = read_interferogram(files_of(write_parts(tmp_path / "a.tif", nodata), bands=[1, 2]))
    expected = wrapped_truth()
    expected[10, 50] = np.pi / 2
    assert circular_error(pair.phase, expected) < 1e-6
    assert pair.metadata["nodata_rule"] == f"z==0, declared {nodata:g}"


def test_scaled_parts_of_complex_numbers_are_scaled_before_their_angle_is_taken(tmp_path) -> None:
    z = complex_truth()
    path = write_tiff(tmp_path / "a.tif", np.stack([z.real, z.imag / 4]).astype(np.float32))
    with rasterio.open(path, "r+") as target:
        target.scales = (1.0, 4.0)
    assert circular_error(read_interferogram(files_of(path, bands=[1, 2])).phase, wrapped_truth()) < 1e-6


def test_a_declared_no_data_value_of_complex_numbers_is_left_out(tmp_path) -> None:
    z = complex_truth()
    path = write_tiff(tmp_path / "a.tif", np.where(z == 0, np.complex64(-9999), z), nodata=-9999)
    pair = read_interferogram(files_of(path))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert pair.metadata["nodata_rule"] == "z==0, declared -9999"


def test_undeclared_zeros_are_left_out_only_when_many_and_nothing_else_tells(tmp_path) -> None:
    many = np.nan_to_num(wrapped_truth())
    pair = read_interferogram(files_of(write_tiff(tmp_path / "many.tif", many)))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert any("E10" in w for w in pair.metadata["warnings"])

    few = wrapped_truth()
    few[10, 50] = 0
    assert read_interferogram(files_of(write_tiff(tmp_path / "few.tif", few))).phase[10, 50] == 0

    flat = many.copy()
    flat[20:30, 40:60] = 0
    coherence = write_tiff(tmp_path / "cc.tif", SHARE)
    kept = read_interferogram(files_of(write_tiff(tmp_path / "flat.tif", flat), coherence)).phase
    assert (kept[20:30, 40:60] == 0).all()
    np.testing.assert_array_equal(np.isnan(kept), np.isnan(wrapped_truth()))


def test_phase_from_0_to_2pi_is_wrapped_with_a_warning(tmp_path) -> None:
    shifted = np.mod(wrapped_truth(), 2 * np.pi).astype(np.float32)
    pair = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", shifted)))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert np.nanmax(np.abs(pair.phase)) <= np.pi + 1e-6
    assert any("2π" in w for w in pair.metadata["warnings"])
    assert pair.metadata["rewrapped"] is False


def test_unwrapped_phase_needs_the_users_word_and_is_then_rewrapped(tmp_path) -> None:
    path = write_tiff(tmp_path / "a_unw.tif", truth()[0])
    with pytest.raises(InputError, match=r"unwrapped phase, set kind: unwrapped.*E06"):
        read_interferogram(files_of(path))
    pair = read_interferogram(files_of(path, kind="unwrapped"))
    assert pair.metadata["rewrapped"] is True
    assert circular_error(pair.phase, wrapped_truth()) < 1e-5
    np.testing.assert_array_equal(read_unwrapped(path, files_of(path))[0], truth()[0])


@pytest.mark.parametrize(("factor", "suspicion"), [(180 / np.pi, "degrees"), (None, "grey levels"), (1e-3, "metres")])
def test_numbers_that_are_no_phase_are_refused_by_name(tmp_path, factor: float | None, suspicion: str) -> None:
    phase = wrapped_truth()
    values = np.rint(127.5 * (1 + phase / np.pi)) if factor is None else phase * factor
    with pytest.raises(InputError, match=suspicion):
        read_interferogram(files_of(write_tiff(tmp_path / "a.tif", values.astype(np.float32), nodata=np.nan)))


def test_tiny_values_are_phase_when_the_user_says_so(tmp_path) -> None:
    path = write_tiff(tmp_path / "a.tif", wrapped_truth() * np.float32(1e-3))
    pair = read_interferogram(files_of(path, kind="wrapped"))
    assert any("E07" in w for w in pair.metadata["warnings"])


def test_many_pixels_of_exactly_minus_pi_are_a_fill_value(tmp_path) -> None:
    filled = np.where(np.isnan(wrapped_truth()), np.float32(-np.pi), wrapped_truth())
    pair = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", filled)))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert any("E11" in w for w in pair.metadata["warnings"])


def test_scaled_integers_are_phase_times_scale(tmp_path) -> None:
    scale = np.pi / 32767
    stored = np.where(np.isnan(wrapped_truth()), -32768, np.rint(np.nan_to_num(wrapped_truth()) / scale))
    path = write_tiff(tmp_path / "a.tif", stored.astype(np.int16), nodata=-32768)
    with rasterio.open(path, "r+") as target:
        target.scales = (scale,)
    assert circular_error(read_interferogram(files_of(path)).phase, wrapped_truth()) < 1e-4


def test_a_south_up_raster_is_flipped_to_north_up_together_with_its_grid(tmp_path) -> None:
    south_up = Affine(0.001, 0, 18.5, 0, 0.001, 50.3 - 0.001 * LINES)
    phase = write_tiff(tmp_path / "a.tif", wrapped_truth()[::-1], transform=south_up)
    coherence = write_tiff(tmp_path / "cc.tif", SHARE)
    pair = read_interferogram(files_of(phase, coherence))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(pair.grid.transform, tuple(GEOTRANSFORM)[:6])


def test_a_rotated_raster_is_refused(tmp_path) -> None:
    path = write_tiff(tmp_path / "a.tif", wrapped_truth(), transform=Affine(0.001, 2e-4, 18.5, 2e-4, -0.001, 50.3))
    with pytest.raises(InputError, match="rotated"):
        read_interferogram(files_of(path))


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float 0-255"])
def test_coherence_may_be_bytes_or_floats(tmp_path, dtype: str) -> None:
    stored = SHARE if dtype == "float32" else np.rint(255 * SHARE).astype(dtype.split()[0].replace("float", "float32"))
    phase = write_tiff(tmp_path / "a.tif", wrapped_truth())
    pair = read_interferogram(files_of(phase, write_tiff(tmp_path / "cc.tif", stored)))
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), SHARE, atol=0.003)
    np.testing.assert_array_equal(np.isnan(pair.coherence), SHARE == 0)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("scale", [100, 255])
def test_coherence_that_may_be_percent_is_warned_of(tmp_path, dtype: str, scale: int) -> None:
    stored = np.rint(scale * SHARE).astype(dtype)
    phase = write_tiff(tmp_path / "a.tif", wrapped_truth())
    pair = read_interferogram(files_of(phase, write_tiff(tmp_path / "cc.tif", stored)))
    assert any("percent?" in warning for warning in pair.metadata["warnings"]) == (scale == 100)


def test_scaled_bytes_of_coherence_are_scaled_once(tmp_path) -> None:
    coherence = write_tiff(tmp_path / "cc.tif", np.rint(200 * SHARE).astype(np.uint8))
    with rasterio.open(coherence, "r+") as target:
        target.scales = (0.005,)
    pair = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", wrapped_truth()), coherence))
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), SHARE, atol=0.003)


def test_hardly_any_unwrapped_phase_is_warned_of(tmp_path, caplog) -> None:
    phase = np.full((LINES, WIDTH), np.nan, np.float32)
    phase[10, 20:30] = 7
    path = write_tiff(tmp_path / "a_unw.tif", phase)
    read_unwrapped(path, files_of(path))
    assert "only 0.17% of the pixels are valid" in caplog.text


def test_coherence_of_other_pixels_is_refused(tmp_path) -> None:
    phase = write_tiff(tmp_path / "a.tif", wrapped_truth())
    shifted = write_tiff(tmp_path / "cc.tif", SHARE, transform=moved(1))
    with pytest.raises(InputError, match="does not lie on the phase's"):
        read_interferogram(files_of(phase, shifted))
    jittered = write_tiff(tmp_path / "cc2.tif", SHARE, transform=moved(1e-4))
    assert read_interferogram(files_of(phase, jittered)).coherence is not None


@pytest.mark.parametrize(
    ("content", "found"), [(b"", "empty"), (b"  <!DOCTYPE html><p>404", "HTML"), (None, "no such file")]
)
def test_failed_downloads_are_named_as_such(tmp_path, content: bytes | None, found: str) -> None:
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=found):
        read_interferogram(files_of(path))
    with pytest.raises(InputError, match=found):
        read_grid(files_of(path), "geotiff")


def test_a_cut_geotiff_is_an_input_error(tmp_path) -> None:
    path = write_tiff(tmp_path / "a.tif", wrapped_truth())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"a\.tif"):
        read_interferogram(files_of(path))


def test_several_bands_and_bytes_are_refused(tmp_path) -> None:
    two = write_tiff(tmp_path / "a.tif", np.stack([wrapped_truth()] * 2))
    with pytest.raises(InputError, match="found 2 bands"):
        read_interferogram(files_of(two))
    grey = write_tiff(tmp_path / "b.tif", np.full((LINES, WIDTH), 9, np.uint8))
    with pytest.raises(InputError, match="color_raster"):
        read_interferogram(files_of(grey))


def test_a_raster_without_georeference_takes_the_grid_of_a_named_header(tmp_path) -> None:
    path = write_tiff(tmp_path / "a.tif", complex_truth(), crs=None, transform=Affine.identity())
    assert any("pixel spacing unknown" in w for w in read_interferogram(files_of(path)).metadata["warnings"])
    header = tmp_path / "20200101_mli.par"
    header.write_text(image_text(WIDTH * 2 + 1, LINES * 3 + 2))
    pair = read_interferogram(replace(files_of(path), header=header))
    np.testing.assert_allclose(pair.grid.pixel_spacing_m, (2 * 9.318248, 3 * 14.01165))
    assert pair.metadata["looks"] == [8, 3]
    header.write_text(image_text(WIDTH * 2 + 5, 7))
    with pytest.raises(InputError, match="no whole fraction"):
        read_grid(replace(files_of(path), header=header))


def test_tags_of_other_processors_give_wavelength_and_incidence(tmp_path) -> None:
    tags = {"WAVELENGTH_METRES": "0.0562356424", "INCIDENCE_DEGREES": "39.7", "INSAR_PROCESSOR": "GAMMA"}
    metadata = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", wrapped_truth(), tags=tags))).metadata
    assert metadata["wavelength_m"] == 0.0562356424
    assert metadata["incidence_deg"] == 39.7


def test_noise_is_warned_of_and_the_scene_is_not(tmp_path) -> None:
    noise = np.random.default_rng(5).uniform(-np.pi, np.pi, (LINES, WIDTH)).astype(np.float32)
    noisy = read_interferogram(files_of(write_tiff(tmp_path / "noise.tif", noise)))
    clean = read_interferogram(files_of(write_tiff(tmp_path / "clean.tif", wrapped_truth())))
    assert any("E22" in w for w in noisy.metadata["warnings"])
    assert not any("E22" in w for w in clean.metadata["warnings"])


def test_hardly_any_valid_pixel_is_warned_of(tmp_path) -> None:
    phase = wrapped_truth()
    phase[:, 8:] = np.nan
    pair = read_interferogram(files_of(write_tiff(tmp_path / "a.tif", phase)))
    assert any("E09" in w for w in pair.metadata["warnings"])


def write_licsar(folder, phase: np.ndarray, kind: str = "diff_pha") -> PairFiles:
    pair = folder / "GEOC" / "20200101_20200113"
    path = write_tiff(pair / f"20200101_20200113.geo.{kind}.tif", phase)
    coherence = write_tiff(pair / "20200101_20200113.geo.cc.tif", np.rint(255 * SHARE).astype(np.uint8))
    (folder / "metadata").mkdir()
    text = "master=20190101\nheading=-12.019061\navg_incidence_angle=41.6437\n"
    (folder / "metadata" / "metadata.txt").write_text(text)
    return PairFiles(EARLIER, LATER, path, coherence)


def test_a_licsar_pair_has_zero_as_no_data_and_the_frames_geometry(tmp_path) -> None:
    phase = np.nan_to_num(wrapped_truth())
    phase[4:6] = 0  # no data although the coherence is positive
    files = write_licsar(tmp_path, phase)
    assert sniff(files.phase) == "licsar"
    pair = read_interferogram(files)
    expected = wrapped_truth()
    expected[4:6] = np.nan
    assert circular_error(pair.phase, expected) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), SHARE, atol=0.003)
    assert pair.metadata["heading_deg"] == -12.019061
    assert pair.metadata["pass"] == "ascending"  # noqa: S105
    assert pair.metadata["incidence_deg"] == 41.6437
    assert read_grid(files) == pair.grid
    assert is_map_grid(pair.grid)


def test_a_licsar_unwrapped_product_is_known_by_its_name(tmp_path) -> None:
    files = write_licsar(tmp_path, np.nan_to_num(truth()[0]), "unw")
    pair = read_interferogram(files)
    assert pair.metadata["rewrapped"] is True
    assert circular_error(pair.phase, wrapped_truth()) < 1e-5
    np.testing.assert_array_equal(read_unwrapped(files.phase, files)[0], truth()[0])
