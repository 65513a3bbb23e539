"""The coded checks of the ingest stage and the pitfalls users fell into: which test holds each, and those held nowhere
else.
"""

from __future__ import annotations

import importlib
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from basinwatch import rows, stacks
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, plausibility, read_grid, read_interferogram
from products_scene import snap_xml, write_dimap, write_isce
from readers_scene import (
    EARLIER,
    GEOTRANSFORM,
    LATER,
    LINES,
    WIDTH,
    complex_truth,
    image_text,
    is_map_grid,
    truth,
    wrapped_truth,
    write_gamma,
    write_tiff,
)

CHECKS = {
    "E01": "test_readers_geotiff.test_failed_downloads_are_named_as_such",
    "E02": "test_readers_gamma.test_a_wrong_header_is_refused_with_the_possible_sizes",
    "E03": "test_readers_gamma.test_a_truncated_file_is_refused_unless_allowed",
    "E04": "test_readers_gamma.test_bytes_that_are_no_floats_in_either_order_are_refused",
    "E05": "test_readers_gamma.test_a_little_endian_file_is_read_the_same_with_a_warning",
    "E06": "test_readers_geotiff.test_numbers_that_are_no_phase_are_refused_by_name",
    "E07": "test_readers_geotiff.test_tiny_values_are_phase_when_the_user_says_so",
    "E08": "test_readers_gamma.test_swapped_phase_and_coherence_are_noticed",
    "E09": "test_readers_geotiff.test_hardly_any_valid_pixel_is_warned_of",
    "E10": "test_readers_geotiff.test_undeclared_zeros_are_left_out_only_when_many_and_nothing_else_tells",
    "E11": "test_readers_geotiff.test_many_pixels_of_exactly_minus_pi_are_a_fill_value",
    "E12": "test_readers_checks.test_one_date_twice_is_refused_and_reversed_dates_are_recorded",
    "E13": "test_readers_checks.test_two_files_of_one_pair_are_both_named",
    "E14": "test_placing.test_radar_pairs_may_differ_by_a_row_but_not_in_size",
    "E15": "test_readers_gamma_acquisition.test_width_and_lines_exchanged_are_noticed_as_a_sheared_picture",
    "E16": "test_readers_plain.test_a_raster_is_turned_to_north_up_and_that_is_recorded",
    "E17": "test_readers_checks.test_a_coordinate_system_without_a_place_is_dropped",
    "E18": "test_readers_checks.test_a_wavelength_that_is_not_the_sensors_is_warned_of",
    "E19": "test_readers_checks.test_an_incidence_in_radians_is_warned_of",
    "E20": "test_gacos.test_another_byte_order_or_unit_is_refused_by_its_median",
    "E21": "test_readers_color_raster.test_a_picture_in_another_map_is_refused_until_the_map_is_named",
    "E22": "test_readers_geotiff.test_noise_is_warned_of_and_the_scene_is_not",
}
PITFALLS = {
    "size of the image at full resolution": (
        "test_readers_gamma.test_the_image_parameters_of_the_same_looks_are_chosen_over_the_single_look_ones"
    ),
    "one hard-coded layout": "test_stacks.test_pairs_are_found_by_pattern",
    "pairs that differ by one row": "test_placing.test_radar_pairs_may_differ_by_a_row_but_not_in_size",
    "true zeros become holes": "test_readers_checks.test_a_true_phase_of_zero_stays_where_amplitude_tells_valid_pixels",
    "tiny differences of the georeference": "test_readers_checks.test_places_that_differ_by_rounding_are_the_same",
    "metres and degrees mixed": "test_placing.test_another_lattice_step_or_crs_is_resampled_across_the_wraps",
    "failed download": "test_readers_geotiff.test_failed_downloads_are_named_as_such",
    "half a pixel, raster": "test_readers_checks.test_a_tie_point_at_the_centre_of_a_pixel_is_not_its_corner",
    "half a pixel, header": "test_readers_gamma.test_the_corner_of_a_geographic_map_is_the_centre_of_its_first_pixel",
    "upside-down grid": "test_readers_plain.test_a_cf_file_has_north_at_the_top_whichever_way_it_is_stored",
    "no-data of complex GeoTIFF": "test_readers_checks.test_complex_pixels_that_are_zero_or_not_finite_are_no_data",
    "virtual raster refused or followed": (
        "test_readers_damaged.test_a_virtual_raster_in_the_place_of_a_geotiff_is_not_followed"
    ),
    "GACOS without header": "test_gacos.test_a_missing_header_is_named",
    "GACOS named otherwise": "test_gacos.test_a_folder_is_listed_by_date_whatever_else_lies_there",
    "GACOS too small": "test_sbas_delay.test_a_missing_date_and_a_small_map_stay_uncorrected_and_are_named",
    "no-data of dolphin": "test_readers_products.test_every_producer_gives_the_same_phase_and_coherence",
    "sign of another study": "test_readers_gamma.test_an_explicit_sign_wins_over_the_order_of_dates",
    "newer date first": "test_readers_products.test_aria_phase_changes_its_sign_with_the_order_of_its_dates",
    "radians for degrees": "test_readers_checks.test_an_incidence_in_radians_is_warned_of",
    "MHz for Hz": "test_readers_checks.test_a_wavelength_that_is_not_the_sensors_is_warned_of",
    "amplitude taken for coherence": "test_readers_checks.test_the_amplitude_of_an_interferogram_is_no_coherence",
    "wrapped phase interpolated": "test_readers_products.test_an_interpolated_snap_phase_band_is_read_with_a_warning",
    "coherence of 0-255": "test_readers_geotiff.test_coherence_may_be_bytes_or_floats",
    "day of the year off by one": "test_inspection.test_a_gmtsar_day_of_the_year_counts_from_zero",
}


@pytest.mark.parametrize("place", sorted({*CHECKS.values(), *PITFALLS.values()}))
def test_the_test_that_holds_a_check_is_there(place: str) -> None:
    module, _, name = place.partition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_every_code_is_held_and_named_in_the_library() -> None:
    assert list(CHECKS) == [f"E{number:02}" for number in range(1, 23)]
    library = Path(plausibility.__file__).parents[1]
    text = "".join(path.read_text(encoding="utf-8") for path in library.rglob("*.py"))
    assert set(re.findall(r"\((E\d\d)\)", text)) >= set(CHECKS) - {"E17"}  # which is silent


def files(path: Path, coherence: Path | None = None, **options: object) -> PairFiles:
    return PairFiles(EARLIER, LATER, path, coherence, options=options)


def test_one_date_twice_is_refused_and_reversed_dates_are_recorded(tmp_path) -> None:
    path = write_tiff(tmp_path / "a.tif", wrapped_truth())
    with pytest.raises(InputError, match=r"both dates are 2020-01-01, expected two different ones.*\(E12\)"):
        read_interferogram(PairFiles(EARLIER, EARLIER, path))
    found = read_interferogram(PairFiles(LATER, EARLIER, path))
    assert found.metadata["conjugated"] is True
    assert (found.date1, found.date2) == (EARLIER, LATER)


def test_two_files_of_one_pair_are_both_named(tmp_path) -> None:
    for name in ("20200101_20200113.diff", "20200101_20200113.adf"):
        (tmp_path / name).write_bytes(b"1")
    settings = {"phase": f"{tmp_path}/{{pair}}.*", "coherence": None, "unwrapped": None, "header": None, "scenes": None}
    with pytest.raises(InputError, match=r"both .*\.adf and .*\.diff hold pair 20200101_20200113; .*\(E13\)"):
        stacks.resolve("a", settings, "results/simulated")


def test_a_coordinate_system_without_a_place_is_dropped(tmp_path) -> None:
    place = {"crs": "EPSG:4326", "transform": Affine.identity()}
    found = read_grid(files(write_tiff(tmp_path / "a.tif", wrapped_truth(), **place)))
    assert (found.geometry, found.transform, found.crs_wkt) == ("radar", None, None)


def warnings_of(pair: PairFiles, code: str) -> list[str]:
    return [warning for warning in read_interferogram(pair).metadata["warnings"] if f"({code})" in warning]


def test_a_wavelength_that_is_not_the_sensors_is_warned_of(tmp_path) -> None:
    pair = write_gamma(tmp_path / "a")
    header = tmp_path / "a" / "20200101_mli.par"
    for frequency, sensor, is_doubted in (
        ("5.4050005e+09", "S1A IW", False),
        ("5.331e+09", "ASAR", False),
        ("5.331e+09", "S1A IW", True),
        ("5405.0", "S1A IW", True),
        ("5405.0", "?", True),
    ):
        text = image_text(WIDTH, LINES).replace("5.4050005e+09", frequency)
        header.write_text(f"{text}sensor: {sensor}\n")
        assert bool(warnings_of(pair, "E18")) is is_doubted
    assert read_interferogram(pair).metadata["wavelength_m"] == pytest.approx(0.0554658, abs=1e-6)


def test_a_frequency_in_gigahertz_where_snap_writes_megahertz_is_warned_of(tmp_path) -> None:
    pair = write_dimap(tmp_path)
    bands = {path.stem: np.zeros(1) for path in sorted(pair.phase.with_suffix(".data").glob("*.img"))}
    text = snap_xml(bands, pair.phase.with_suffix(".data").name)
    pair.phase.write_text(text.replace("5405.000454", "5.405000454"))
    assert "is the frequency in another unit? set wavelength_m" in warnings_of(pair, "E18")[0]


def test_an_incidence_in_radians_is_warned_of(tmp_path) -> None:
    right = write_tiff(tmp_path / "a.tif", wrapped_truth(), tags={"INCIDENCE_DEGREES": "39.7"})
    wrong = write_tiff(tmp_path / "b.tif", wrapped_truth(), tags={"INCIDENCE_DEGREES": "0.6929"})
    assert not warnings_of(files(right), "E19")
    assert "incidence 0.693 degrees, expected 18 to 47; are radians taken" in warnings_of(files(wrong), "E19")[0]


def test_a_true_phase_of_zero_stays_where_amplitude_tells_valid_pixels(tmp_path) -> None:
    pair = write_gamma(tmp_path)
    z = complex_truth()
    z[20:40, 20:60] = 0.7
    z.astype(">c8").tofile(pair.phase)
    phase = read_interferogram(files(pair.phase)).phase
    assert (phase[20:40, 20:60] == 0).all()
    assert np.isnan(phase[:, :5]).all()


def test_complex_pixels_that_are_zero_or_not_finite_are_no_data(tmp_path) -> None:
    z = complex_truth()
    z[5, 50], z[6, 50], z[7, 50] = complex(np.nan, 1), complex(np.inf, 0), 0
    phase = read_interferogram(files(write_tiff(tmp_path / "a.tif", z, nodata=0))).phase
    assert np.isnan(phase[5:8, 50]).all()
    np.testing.assert_array_equal(np.isnan(phase[:, 51:]), np.isnan(wrapped_truth()[:, 51:]))


def test_places_that_differ_by_rounding_are_the_same(tmp_path) -> None:
    phase = write_tiff(tmp_path / "a.tif", wrapped_truth())
    moved = Affine(0.001, 0, 18.5 + 1e-9, 0, -0.001 * (1 + 1e-9), 50.3 - 1e-9)
    coherence = write_tiff(tmp_path / "c.tif", truth()[1], transform=moved)
    assert read_interferogram(files(phase, coherence)).coherence is not None


def test_a_tie_point_at_the_centre_of_a_pixel_is_not_its_corner(tmp_path) -> None:
    path = write_tiff(tmp_path / "a.tif", wrapped_truth(), tags={"AREA_OR_POINT": "Point"})
    assert is_map_grid(read_grid(files(path)))
    assert read_grid(files(path)).transform == tuple(GEOTRANSFORM)[:6]


def test_the_amplitude_of_an_interferogram_is_no_coherence(tmp_path) -> None:
    pair = write_gamma(tmp_path)
    (0.5 * complex_truth()).astype(">c8").tofile(pair.phase)  # of magnitude 0…1
    found = read_interferogram(files(pair.phase))
    assert found.coherence is None
    assert "coherence missing" in found.metadata["warnings"]


@pytest.mark.parametrize(
    ("name", "days", "is_said"),
    [
        ("20200101_20200108.geo.diff_pha.tif", 7, True),
        ("20200101_20200113.geo.diff_pha.tif", 12, False),
        ("a.tif", 7, False),
    ],
)
def test_sentinel_dates_that_are_no_multiple_of_six_days_are_warned_of(tmp_path, name, days, is_said) -> None:
    path = write_tiff(tmp_path / name, np.nan_to_num(wrapped_truth()))
    found = read_interferogram(PairFiles(date(2020, 1, 1), date(2020, 1, 1 + days), path))
    assert found.days == days
    assert any("are they right" in warning for warning in found.metadata["warnings"]) is is_said


def test_two_forms_of_one_scene_give_the_same_bits_whatever_the_blocks(tmp_path, monkeypatch) -> None:
    forms = [
        write_gamma(tmp_path / "gamma"),
        write_isce(tmp_path / "isce"),
        files(write_tiff(tmp_path / "a.tif", complex_truth())),
    ]
    phases = [read_interferogram(files(pair.phase)).phase for pair in forms]
    monkeypatch.setattr(rows, "BLOCK_ROWS", 7)
    phases += [read_interferogram(files(pair.phase)).phase for pair in forms]
    assert len({phase.tobytes() for phase in phases}) == 1
