"""What GAMMA's files beside an interferogram tell: baseline, look angles, sizes, projections, look-up tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from basinwatch.readers.gamma_headers import read_header
from basinwatch.readers.gamma_map import grid_of
from pyproj import CRS, Transformer
from readers_scene import (
    EARLIER,
    LATER,
    LINES,
    SPACING_M,
    WIDTH,
    circular_error,
    image_text,
    truth,
    wrapped_truth,
    write_gamma,
)

ORBIT = "sar_to_earth_center: 7073899.1954 m\nearth_radius_below_sensor: 6375868.9414 m\ncenter_range_slc: {range} m\n"
VECTOR = "initial_baseline(TCN): {initial} m m m\nprecision_baseline(TCN): {precise} m m m\n"
TABLE = (
    "orbit baseline vector\n\n  line   range    B_t     B_c      B_n   look angle    bpara     bperp     blen\n"
    "****\n{rows}\n"
)
MAP = """DEM_projection: {projection}
projection_name: {name}
width: {width}
nlines: {lines}
corner_{north}: {top} m
corner_{east}: {left} m
post_{north}: -{step} m
post_{east}: {step} m
center_longitude: 15.0 degrees
center_latitude: 0.0 degrees
projection_k0: 0.9996
projection_zone: 33
false_easting: 500000.0 m
false_northing: 0.0 m
ellipsoid_name: {ellipsoid}
ellipsoid_ra: {radius} m
ellipsoid_reciprocal_flattening: {flattening}
"""
WGS84 = {"ellipsoid": "WGS 84", "radius": 6378137.0, "flattening": 298.2572236}


def map_text(projection: str = "UTM", name: str = "", width: int = WIDTH, lines: int = LINES, **fields: object) -> str:
    degrees = projection == "EQA"
    place = {"top": 50.3, "left": 18.5, "step": 0.001} if degrees else {"top": 5235158.873, "left": 515353.565}
    axes = {"north": "lat", "east": "lon"} if degrees else {"north": "north", "east": "east", "step": 20.0}
    size = {"projection": projection, "name": name, "width": width, "lines": lines}
    return MAP.format(**(size | place | axes | WGS84 | fields))


def with_image(files: PairFiles, text: str = ORBIT.format(range=878314.5356)) -> PairFiles:
    """Image parameters of the first date beside the pair."""
    path = files.phase.with_name("20200101_4rlks_mli.par")
    path.write_text(image_text(WIDTH, LINES) + text)
    return files


@pytest.mark.parametrize(
    ("initial", "precise"), [("9 9 9", "0.0 40.1010426 4.5164084"), ("0.0 40.1010426 4.5164084", "0.0 0.0 0.0")]
)
def test_the_perpendicular_baseline_follows_from_the_first_known_vector(tmp_path, initial: str, precise: str) -> None:
    files = with_image(write_gamma(tmp_path))
    (tmp_path / "20200101-20200113_base.par").write_text(VECTOR.format(initial=initial, precise=precise))
    assert read_interferogram(files).metadata["bperp_m"] == pytest.approx(30.19, abs=0.01)


def test_without_a_slant_range_the_incidence_gives_the_look_angle(tmp_path) -> None:
    files = with_image(write_gamma(tmp_path), ORBIT.format(range=0))
    (tmp_path / "20200101_20200113.base").write_text(VECTOR.format(initial="0 0 0", precise="0.0 40.1010426 4.5164084"))
    assert read_interferogram(files).metadata["bperp_m"] == pytest.approx(30.19, abs=0.02)


def test_the_table_of_base_perp_is_preferred_and_the_other_order_of_dates_is_none(tmp_path) -> None:
    files = with_image(write_gamma(tmp_path))
    (tmp_path / "20200101_20200113.base").write_text(VECTOR.format(initial="0 0 0", precise="0.0 40.1 4.5"))
    rows = "\n".join(f"0 {200 * k} 0.0 39.4 4.4 27.5 22.1 {bperp} 39.7" for k, bperp in enumerate((99, 20, 21, 22, 99)))
    (tmp_path / "20200101_20200113.base_perp").write_text(TABLE.format(rows=rows))
    assert read_interferogram(files).metadata["bperp_m"] == pytest.approx(21)
    for path in tmp_path.glob("*.base*"):
        path.rename(path.with_name(path.name.replace("20200101_20200113", "20200113_20200101")))
    assert read_interferogram(files).metadata["bperp_m"] is None


@pytest.mark.parametrize("unit", ["radians", "degrees"])
def test_look_vectors_give_incidence_and_heading_at_the_centre(tmp_path, unit: str) -> None:
    files = write_gamma(tmp_path)
    # the satellite stands 50 degrees above the horizon, 12 degrees south of east: a descending pass
    for kind, degrees in (("theta", 50.0), ("phi", -12.0)):
        angle = np.full((LINES, WIDTH), degrees if unit == "degrees" else np.radians(degrees))
        angle.astype(">f4").tofile(tmp_path / f"20200101.lv_{kind}")
    metadata = read_interferogram(files).metadata
    assert metadata["incidence_deg"] == pytest.approx(40, abs=1e-4)
    assert metadata["heading_deg"] == pytest.approx(192 - 360, abs=1e-4)
    assert metadata["pass"] == "descending"  # noqa: S105


@pytest.mark.parametrize("angle", [0.0, np.nan])
def test_look_vectors_without_an_angle_at_the_centre_say_nothing(tmp_path, angle: float) -> None:
    files = write_gamma(tmp_path)
    values = np.full((LINES, WIDTH), 0.9)
    values[LINES // 2] = angle
    values[LINES // 2, :9] = 0.9
    values.astype(">f4").tofile(tmp_path / "20200101.lv_theta")
    assert read_interferogram(files).metadata["incidence_deg"] is None


def test_the_image_at_full_resolution_gives_the_size_with_the_looks_of_the_name(tmp_path) -> None:
    files = write_gamma(tmp_path, header=None)
    phase = files.phase.rename(tmp_path / "20200101_20200113_4rlks.diff")
    (tmp_path / "20200101.slc.par").write_text(image_text(WIDTH * 4 + 3, LINES * 2 + 1, (1, 1)))
    files = PairFiles(EARLIER, LATER, phase)
    grid = read_grid(files)
    assert (grid.width, grid.height) == (WIDTH, LINES)
    assert grid.pixel_spacing_m == pytest.approx((SPACING_M[0] * 4, SPACING_M[1] * 2))
    assert circular_error(read_interferogram(files).phase, wrapped_truth()) < 1e-6


def tall_scene() -> np.ndarray:
    """400 rows of 300 pixels: bowls, a slope and noise."""
    y, x = np.mgrid[:400, :300]
    noise = np.random.default_rng(0).normal(0, 0.6, (400, 300))
    bowls = sum(9 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 3000) for a, b in ((70, 90), (220, 180), (110, 310)))
    return np.exp(1j * (bowls + x / 40 + y / 60 + noise)).astype(np.complex64)


@pytest.mark.parametrize("order", [">", "<"])
def test_the_likeliest_width_is_named_where_no_header_fits(tmp_path, order: str) -> None:
    path = tmp_path / "20200101_20200113.diff"
    tall_scene().astype(f"{order}c8").tofile(path)
    path.with_suffix(".off").write_text("interferogram_width: 301\ninterferogram_azimuth_lines: 400\n")
    with pytest.raises(InputError, match=r"rows are most alike at a width of 300\).*E02"):
        read_interferogram(PairFiles(EARLIER, LATER, path))


def test_width_and_lines_exchanged_are_noticed_as_a_sheared_picture(tmp_path) -> None:
    path, header = tmp_path / "20200101_20200113.diff", tmp_path / "20200101_20200113.off"
    tall_scene().astype(">c8").tofile(path)
    text = "interferogram_range_pixel_spacing: 9\ninterferogram_azimuth_pixel_spacing: 14\n"
    for width, lines, expected in ((300, 400, 0), (400, 300, 1)):
        header.write_text(f"interferogram_width: {width}\ninterferogram_azimuth_lines: {lines}\n{text}")
        warnings = read_interferogram(PairFiles(EARLIER, LATER, path)).metadata["warnings"]
        assert sum("alike at a width of 300 as at 400" in warning for warning in warnings) == expected


def test_a_slope_along_the_rows_is_no_sheared_picture(tmp_path) -> None:
    path = tmp_path / "20200101_20200113.diff"
    (tall_scene() * np.exp(0.5j * np.pi * np.arange(400))[:, None]).astype(">c8").tofile(path)
    text = "interferogram_range_pixel_spacing: 9\ninterferogram_azimuth_pixel_spacing: 14\n"
    path.with_suffix(".off").write_text(f"interferogram_width: 300\ninterferogram_azimuth_lines: 400\n{text}")
    warnings = read_interferogram(PairFiles(EARLIER, LATER, path)).metadata["warnings"]
    assert not any("E15" in warning for warning in warnings)


@pytest.mark.parametrize("name", ["20200101-20200113_VV_4rlks_eqa_unw", "20200101_20200113.adf.unw"])
def test_unwrapped_files_are_known_with_and_without_a_suffix(tmp_path, name: str) -> None:
    path = tmp_path / name
    np.nan_to_num(truth()[0]).astype(">f4").tofile(path)
    (tmp_path / "20200101_eqa.dem_par").write_text(map_text("EQA"))
    assert sniff(path) == "gamma"
    files = PairFiles(EARLIER, LATER, path)
    assert read_interferogram(files).metadata["rewrapped"] is True
    np.testing.assert_array_equal(read_unwrapped(path, files)[0], truth()[0])


def header_of(folder: Path, text: str):
    path = folder / "x.dem_par"
    path.write_text(text)
    return read_header(path)


def test_a_transverse_mercator_with_the_numbers_of_a_utm_zone_lies_where_that_zone_does(tmp_path) -> None:
    zone, same = (grid_of(header_of(tmp_path, map_text(projection))) for projection in ("UTM", "TM"))
    assert zone.transform == same.transform
    across = Transformer.from_crs(CRS.from_wkt(same.crs_wkt), CRS.from_wkt(zone.crs_wkt), always_xy=True)
    assert across.transform(515353.0, 5235168.0) == pytest.approx((515353.0, 5235168.0), abs=1e-3)


@pytest.mark.parametrize(("name", "code"), [("NSIDC Arctic", 3995), ("Antarctic Polar", 3031)])
def test_polar_maps_are_told_by_the_name_of_their_projection(tmp_path, name: str, code: int) -> None:
    grid = grid_of(header_of(tmp_path, map_text("PS", name)))
    assert CRS.from_wkt(grid.crs_wkt).to_epsg() == code


def test_other_maps_need_the_users_word(tmp_path) -> None:
    bessel = {"ellipsoid": "Bessel 1841", "radius": 6377397.155, "flattening": 299.1528128}
    for text in (map_text("LCC"), map_text("UTM", **bessel), map_text("UTM") + "datum_shift_dx: 23.0 m\n"):
        header = header_of(tmp_path, text)
        with pytest.raises(InputError, match="name its coordinate system under crs"):
            grid_of(header)
        assert CRS.from_wkt(grid_of(header, "EPSG:2180").crs_wkt).to_epsg() == 2180
    with pytest.raises(InputError, match=r"crs: found 'nonsense' for x\.dem_par"):
        grid_of(header, "nonsense")


def write_table(folder: Path, column: np.ndarray, line: np.ndarray) -> Path:
    path = folder / "20200101.map_to_rdc"
    (column + 1j * line).astype(">c8").tofile(path)
    (folder / "20200101.dem_par").write_text(map_text("UTM", width=column.shape[1], lines=column.shape[0]))
    return path


def test_a_table_that_moves_nothing_leaves_the_numbers_as_they_are(tmp_path) -> None:
    files = write_gamma(tmp_path)
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    table = write_table(tmp_path, column, line)
    placed, radar = read_interferogram(replace(files, lookup_table=table)), read_interferogram(files)
    inside = (column > 0) | (line > 0)  # 0, 0 means outside
    np.testing.assert_allclose(placed.phase[inside], radar.phase[inside], atol=1e-6)
    np.testing.assert_allclose(placed.coherence[inside], radar.coherence[inside], atol=1e-6)
    assert placed.grid.geometry == "map"
    assert placed.grid == read_grid(replace(files, lookup_table=table))
    assert placed.metadata["sources"][-1]["name"] == table.name


def test_half_a_pixel_is_interpolated_across_the_wrap_as_complex_numbers(tmp_path) -> None:
    y, x = np.mgrid[:600, :90]
    radar = 2 * np.pi * (x / 11 + y / 17)
    path = tmp_path / "20200101_20200113.diff"
    np.exp(1j * radar).astype(">c8").tofile(path)
    np.full((600, 90), 0.5, ">f4").tofile(path.with_suffix(".cc"))
    text = "interferogram_range_pixel_spacing: 9\ninterferogram_azimuth_pixel_spacing: 14\n"
    path.with_suffix(".off").write_text(f"interferogram_width: 90\ninterferogram_azimuth_lines: 600\n{text}")
    # the map runs the other way, is turned, and reaches beyond the image on three sides
    rows, columns = np.mgrid[:700, :80].astype(float)
    column, line = 92.5 - columns + 0.02 * rows, 620.25 - rows + 0.3 * columns
    inside = (column >= 0) & (column <= 89) & (line >= 0) & (line <= 599)
    column[~inside] = line[~inside] = 0
    table = write_table(tmp_path, column, line)
    files = PairFiles(EARLIER, LATER, path, path.with_suffix(".cc"), lookup_table=table)
    pair = read_interferogram(files)
    np.testing.assert_array_equal(np.isfinite(pair.phase), inside)
    expected = 2 * np.pi * (column / 11 + line / 17)
    error = np.angle(np.exp(1j * (pair.phase - expected)))[inside]
    # between phasors 33 degrees apart a chord's angle is off by 0.005 rad at most
    assert np.abs(error).max() < 0.01
    np.testing.assert_allclose(pair.coherence[inside], 0.5)
    radar.astype(">f4").tofile(path.with_suffix(".unw"))
    values, grid = read_unwrapped(path.with_suffix(".unw"), files)
    np.testing.assert_allclose(values[inside][1:], expected[inside][1:], atol=2e-3)
    assert grid == pair.grid


def test_a_table_needs_its_map_and_a_pair_in_radar_geometry(tmp_path) -> None:
    files = write_gamma(tmp_path)
    table = write_table(tmp_path, np.ones((40, 50)), np.ones((40, 50)))
    table.write_bytes(table.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"as headers of maps 20200101\.dem_par: 50x40; expected a \.dem_par of the"):
        read_grid(replace(files, lookup_table=table))
    geocoded = files.phase.rename(tmp_path / "20200101_20200113_utm.diff")
    (tmp_path / "20200101.dem_par").write_text(map_text("UTM"))
    files.phase.with_suffix(".off").unlink()
    with pytest.raises(InputError, match="found map geometry, expected radar geometry for the look-up table"):
        read_grid(replace(files, phase=geocoded, lookup_table=table))
