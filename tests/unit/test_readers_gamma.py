from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import metadata_of
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from basinwatch.readers.gamma_headers import read_header
from basinwatch.readers.gamma_map import grid_of
from readers_scene import (
    EARLIER,
    LATER,
    LINES,
    SPACING_M,
    WIDTH,
    circular_error,
    image_text,
    off_text,
    truth,
    wrapped_truth,
    write_gamma,
)

EQA = """Gamma DIFF&GEO DEM/MAP parameter file
title: dem
DEM_projection:     EQA
width:                {width}
nlines:               {lines}
corner_lat:     19.45129262  decimal degrees
corner_lon:    -99.19106978  decimal degrees
post_lat:   -0.0013888889  decimal degrees
post_lon:    0.0013888889  decimal degrees
ellipsoid_name: WGS 84
"""
UTM = """Gamma DIFF&GEO DEM/MAP parameter file
title: dem
DEM_projection:     UTM
width:                {width}
nlines:               {lines}
corner_north:  5235158.873   m
corner_east:    515353.565   m
post_north:    -20.0   m
post_east:      20.0   m
ellipsoid_name: WGS 84
projection_zone:                 {zone}
false_northing: {false_northing}   m
"""


def test_a_complex_interferogram_is_read_to_the_written_phase_in_radar_geometry(tmp_path) -> None:
    pair = read_interferogram(write_gamma(tmp_path))
    assert pair.phase.dtype == np.float32
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_array_equal(np.nan_to_num(pair.coherence), truth()[1])
    assert pair.grid.geometry == "radar"
    assert pair.grid.pixel_spacing_m == SPACING_M
    assert pair.metadata["looks"] == [4, 1]
    assert pair.metadata["rewrapped"] is False
    assert pair.metadata["header"] == {
        "file": "20200101_20200113.off",
        "keys": {"interferogram_width": "97", "interferogram_azimuth_lines": "61"},
    }
    assert pair.metadata["sources"][0] == {
        "role": "phase", "name": "20200101_20200113.diff", "bytes": 97 * 61 * 8, "dtype": ">c8", "endian": "big"
    }  # fmt: skip


def test_the_worked_bytes_of_a_three_by_two_file_give_the_documented_angles(tmp_path) -> None:
    words = (
        "3f800000 00000000 00000000 40000000 00000000 bf000000 3f3504f3 3f3504f3 bf3504f3 3f3504f3 00000000 00000000"
    )
    path = tmp_path / "20200101_20200113.int"
    path.write_bytes(bytes.fromhex(words))
    (tmp_path / "20200101_20200113.off").write_text(off_text(3, 2))
    phase = read_interferogram(PairFiles(EARLIER, LATER, path)).phase
    expected = np.array([[0, np.pi / 2, -np.pi / 2], [np.pi / 4, 3 * np.pi / 4, np.nan]])
    np.testing.assert_allclose(phase, expected, atol=1e-6)


def test_a_little_endian_file_is_read_the_same_with_a_warning(tmp_path) -> None:
    pair = read_interferogram(write_gamma(tmp_path, order="<"))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert sum("E05" in w for w in pair.metadata["warnings"]) == 2
    assert pair.metadata["sources"][0]["endian"] == "little"


def test_a_constant_plausible_in_both_orders_is_read_as_big_endian(tmp_path) -> None:
    files = write_gamma(tmp_path)
    np.full((LINES, WIDTH), 0.7, ">f4").tofile(files.coherence)
    np.testing.assert_array_equal(read_interferogram(files).coherence, np.float32(0.7))


def test_bytes_that_are_no_floats_in_either_order_are_refused(tmp_path) -> None:
    files = write_gamma(tmp_path)
    np.random.default_rng(0).integers(0, 256, WIDTH * LINES * 8, dtype=np.uint8).tofile(files.phase)
    with pytest.raises(InputError, match=r"little-endian floats.*E04"):
        read_interferogram(files)


def test_a_truncated_file_is_refused_unless_allowed(tmp_path) -> None:
    files = write_gamma(tmp_path)
    files.phase.write_bytes(files.phase.read_bytes()[: -10 * WIDTH * 8])
    with pytest.raises(InputError, match=r"found 51 of the 61 lines.*E03"):
        read_interferogram(files)
    pair = read_interferogram(replace(files, options={"allow_truncated": True}))
    expected = wrapped_truth()
    expected[-10:] = np.nan
    assert circular_error(pair.phase, expected) < 1e-6
    assert any("10 lines missing" in w for w in pair.metadata["warnings"])


def test_a_wrong_header_is_refused_with_the_possible_sizes(tmp_path) -> None:
    path = tmp_path / "20200101_20200113.diff"
    np.ones(300 * 200, ">c8").tofile(path)
    (tmp_path / "20200101_20200113.off").write_text(off_text(301, 200))
    with pytest.raises(InputError, match=r"20200101_20200113.off: 301x200.*would fit .*300x200.*E02"):
        read_interferogram(PairFiles(EARLIER, LATER, path))


def test_without_any_header_the_message_says_what_to_provide(tmp_path) -> None:
    with pytest.raises(InputError, match="no GAMMA header found"):
        read_interferogram(write_gamma(tmp_path, header=None))


def test_a_width_the_user_names_stands_for_a_header(tmp_path) -> None:
    files = write_gamma(tmp_path, header=None)
    named = replace(files, options={"width_px": WIDTH})
    pair = read_interferogram(named)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert pair.grid == read_grid(named) == Grid(WIDTH, LINES, None, None, (1.0, 1.0))
    assert any("pixel spacing unknown" in warning for warning in pair.metadata["warnings"])
    with pytest.raises(InputError, match=r"expected whole rows of 90 pixels of 8 bytes, as width_px says.*\(E02\)"):
        read_interferogram(replace(files, options={"width_px": 90}))


def test_the_image_parameters_of_the_same_looks_are_chosen_over_the_single_look_ones(tmp_path) -> None:
    files = write_gamma(tmp_path / "ifg" / "pair", header=None)
    (tmp_path / "r20200101_slc.par").write_text(image_text(WIDTH * 4, LINES, (1, 1)))
    (tmp_path / "r20191220_4rlks_mli.par").write_text(image_text(WIDTH, LINES))
    (tmp_path / "r20200101_4rlks_mli.par").write_text(image_text(WIDTH, LINES))
    pair = read_interferogram(files)
    assert pair.metadata["header"]["file"] == "r20200101_4rlks_mli.par"
    assert pair.metadata["wavelength_m"] == pytest.approx(299792458 / 5.4050005e9)
    assert pair.metadata["incidence_deg"] == 39.7036
    assert pair.metadata["pass"] == "descending"  # noqa: S105
    assert pair.metadata["warnings"] == []


def test_an_explicit_header_is_the_only_one_tried(tmp_path) -> None:
    files = write_gamma(tmp_path)
    other = tmp_path / "elsewhere.off"
    other.write_text(off_text(5, 5))
    with pytest.raises(InputError, match=r"elsewhere\.off: 5x5"):
        read_interferogram(replace(files, header=other))


def test_two_digit_years_in_header_names_are_understood(tmp_path) -> None:
    files = write_gamma(tmp_path, header=None)
    (tmp_path / "200101-200113_4rlks.off").write_text(off_text())
    (tmp_path / "191220-200101_4rlks.off").write_text(off_text().replace(str(SPACING_M[0]), "1.0"))
    assert read_grid(files).pixel_spacing_m == SPACING_M


def test_the_wavelength_comes_from_either_date_else_from_sentinel_with_a_warning(tmp_path) -> None:
    files = write_gamma(tmp_path)
    bare = read_interferogram(files)
    assert bare.metadata["wavelength_m"] == 0.05546576
    assert any("wavelength" in w for w in bare.metadata["warnings"])
    (tmp_path / "20200113_slc.par").write_text("date: 2020 01 13\nradar_frequency: 9.65e9 Hz\n")
    assert read_interferogram(files).metadata["wavelength_m"] == pytest.approx(299792458 / 9.65e9)
    given = replace(files, options={"wavelength_m": 0.24})
    assert read_interferogram(given).metadata["wavelength_m"] == 0.24


def test_the_corner_of_a_geographic_map_is_the_centre_of_its_first_pixel(tmp_path) -> None:
    (tmp_path / "geo_dem.par").write_text(EQA.format(width=100, lines=60))
    grid = grid_of(read_header(tmp_path / "geo_dem.par"))
    assert grid.transform[2] == pytest.approx(-99.19176423, abs=1e-8)
    assert grid.transform[5] == pytest.approx(19.45198707, abs=1e-8)
    assert "4326" in grid.crs_wkt


@pytest.mark.parametrize(("false_northing", "code"), [("0.0", 32633), ("10000000.0", 32733)])
def test_utm_maps_get_their_zone_and_hemisphere(tmp_path, false_northing: str, code: int) -> None:
    header = tmp_path / "utm.dem_par"
    header.write_text(UTM.format(width=10, lines=8, zone=33, false_northing=false_northing))
    grid = grid_of(read_header(header))
    assert grid.transform == (20.0, 0.0, 515343.565, 0.0, -20.0, 5235168.873)
    assert str(code) in grid.crs_wkt


def test_other_projections_are_refused(tmp_path) -> None:
    header = tmp_path / "ps.dem_par"
    header.write_text(UTM.format(width=10, lines=8, zone=33, false_northing="0").replace("UTM", "PS"))
    with pytest.raises(InputError, match="projection PS"):
        grid_of(read_header(header))


def test_a_map_product_prefers_the_map_header_and_cheap_and_full_grids_agree(tmp_path) -> None:
    files = write_gamma(tmp_path, header=None)
    geocoded = replace(files, phase=files.phase.rename(tmp_path / "20200101_20200113_eqa.diff"))
    (tmp_path / "20200101_mli.par").write_text(image_text(WIDTH, LINES))
    (tmp_path / "20200101_eqa_dem.par").write_text(EQA.format(width=WIDTH, lines=LINES))
    pair = read_interferogram(geocoded)
    assert pair.grid.geometry == "map"
    assert read_grid(geocoded) == pair.grid


def test_unwrapped_files_are_rewrapped_and_flagged_by_their_extension(tmp_path) -> None:
    files = write_gamma(tmp_path)
    path = tmp_path / "20200101_20200113.unw"
    np.nan_to_num(truth()[0]).astype(">f4").tofile(path)
    pair = read_interferogram(replace(files, phase=path))
    assert pair.metadata["rewrapped"] is True
    assert circular_error(pair.phase, wrapped_truth()) < 1e-5
    values, grid = read_unwrapped(path, files)
    np.testing.assert_array_equal(values, truth()[0])
    assert grid == pair.grid


def test_unwrapped_phase_changes_sign_with_the_order_of_dates(tmp_path) -> None:
    files = replace(write_gamma(tmp_path), date1=LATER, date2=EARLIER)
    path = tmp_path / "20200101_20200113.unw"
    np.nan_to_num(truth()[0]).astype(">f4").tofile(path)
    np.testing.assert_array_equal(read_unwrapped(path, files)[0], -truth()[0])


def test_a_complex_file_is_no_unwrapped_phase(tmp_path) -> None:
    files = write_gamma(tmp_path)
    with pytest.raises(InputError, match="found complex numbers"):
        read_unwrapped(files.phase, files)


def test_reversed_dates_conjugate_the_phase(tmp_path) -> None:
    files = write_gamma(tmp_path)
    pair = read_interferogram(replace(files, date1=LATER, date2=EARLIER))
    assert (pair.date1, pair.date2) == (EARLIER, LATER)
    assert metadata_of(pair)["conjugated"] is True
    assert circular_error(pair.phase, -wrapped_truth()) < 1e-6


@pytest.mark.parametrize("dates", [(EARLIER, LATER), (LATER, EARLIER)])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_explicit_sign_wins_over_the_order_of_dates(tmp_path, dates: tuple[date, date], sign: int) -> None:
    files = replace(write_gamma(tmp_path), date1=dates[0], date2=dates[1], options={"sign": sign})
    pair = read_interferogram(files)
    assert (pair.date1, pair.date2) == (EARLIER, LATER)
    assert circular_error(pair.phase, sign * wrapped_truth()) < 1e-6


def test_one_date_twice_is_no_pair(tmp_path) -> None:
    with pytest.raises(InputError, match="both dates are 2020-01-01"):
        read_interferogram(replace(write_gamma(tmp_path), date2=EARLIER))


def test_coherence_of_another_size_is_refused(tmp_path) -> None:
    files = write_gamma(tmp_path)
    np.ones((LINES + 1, WIDTH), ">f4").tofile(files.coherence)
    with pytest.raises(InputError, match=r"\.cc: found .* expected"):
        read_interferogram(files)


def test_swapped_phase_and_coherence_are_noticed(tmp_path) -> None:
    files = write_gamma(tmp_path)
    np.nan_to_num(wrapped_truth()).astype(">f4").tofile(files.coherence)
    with pytest.raises(InputError, match="E08"):
        read_interferogram(files)


def test_an_all_zero_file_has_no_valid_pixel(tmp_path) -> None:
    files = write_gamma(tmp_path)
    np.zeros((LINES, WIDTH), ">c8").tofile(files.phase)
    with pytest.raises(InputError, match="E09"):
        read_interferogram(files)


def test_missing_coherence_is_allowed_and_said(tmp_path) -> None:
    pair = read_interferogram(replace(write_gamma(tmp_path), coherence=None))
    assert pair.coherence is None
    assert "coherence missing" in pair.metadata["warnings"]


def test_zero_coherence_masks_the_phase(tmp_path) -> None:
    files = write_gamma(tmp_path)
    coherence = truth()[1]
    coherence[7] = 0
    coherence.astype(">f4").tofile(files.coherence)
    expected = wrapped_truth()
    expected[7] = np.nan
    assert circular_error(read_interferogram(files).phase, expected) < 1e-6


def test_a_side_file_of_another_processor_stops_the_guess(tmp_path) -> None:
    files = write_gamma(tmp_path)
    assert sniff(files.phase) == "gamma"
    (tmp_path / "20200101_20200113.diff.rsc").write_text("WIDTH 97\n")
    with pytest.raises(InputError, match="another processor"):
        sniff(files.phase)
    assert circular_error(read_interferogram(files, "gamma").phase, wrapped_truth()) < 1e-6


def test_an_unknown_extension_is_gamma_if_a_header_fits_its_size(tmp_path) -> None:
    path = write_gamma(tmp_path).phase.rename(tmp_path / "20200101_20200113.bin")
    assert sniff(path) == "gamma"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="unknown kind of file; looked for"):
        sniff(path)


def test_no_absolute_path_enters_the_metadata(tmp_path) -> None:
    assert str(tmp_path) not in str(read_interferogram(write_gamma(tmp_path, order="<")).metadata)


def test_an_unknown_format_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="expected one of auto, gamma"):
        read_interferogram(write_gamma(tmp_path), "doris")
