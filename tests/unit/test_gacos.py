"""GACOS files: written by the test as the service delivers them, and real ones where they are."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch import gacos
from basinwatch.errors import InputError

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
BHUTAN = DATA / "gacos_bhutan" / "tutorial" / "ReversibleDeformation" / "GACOS"
STEP = 0.000833333
KEYS = {
    "WIDTH": 60, "FILE_LENGTH": 48, "XMIN": 0, "XMAX": 59, "YMIN": 0, "YMAX": 47, "X_FIRST": 18.0, "Y_FIRST": 50.6,
    "X_STEP": STEP, "Y_STEP": -STEP, "X_UNIT": "degres", "Y_UNIT": "degres", "Z_OFFSET": 0, "Z_SCALE": 1,
    "PROJECTION": "LATLON", "DATUM": "WGS84", "TIME_OF_DAY": "16.5UTC",
}  # fmt: skip


def plane():
    rows, columns = np.mgrid[:48, :60]
    return (2.3 - 1e-4 * rows + 2e-5 * columns).astype("<f4")


def write(folder, name="20200101.ztd", values=None, separator=" ", **changes):
    path = folder / name
    path.write_bytes((plane() if values is None else values).tobytes())
    lines = [f"{key}{separator}{value}" for key, value in (KEYS | changes).items() if value is not None]
    path.with_name(f"{name}.rsc").write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def write_geotiff(path, values=None, **options):
    profile = {"driver": "GTiff", "width": 60, "height": 48, "count": 1, "dtype": "float32"}
    profile |= {"crs": "EPSG:4326", "transform": Affine(STEP, 0, 18 - STEP / 2, 0, -STEP, 50.6 + STEP / 2)} | options
    with rasterio.open(path, "w", **profile) as target:
        target.write(plane() if values is None else values, 1)
    return path


@pytest.mark.parametrize("separator", [" ", "\t", "          "])
def test_a_raw_file_is_read_as_metres_from_the_north_with_its_date_and_hour(tmp_path, separator):
    delay = gacos.read_zenith_delay(write(tmp_path, separator=separator))
    np.testing.assert_array_equal(delay.values, plane())
    assert delay.values.dtype == np.float32
    assert (delay.date, delay.hour_utc) == (date(2020, 1, 1), 16.5)


def test_the_place_in_the_header_is_the_centre_of_the_first_pixel(tmp_path):
    grid = gacos.read_grid(write(tmp_path))
    a, b, c, d, e, f = grid.transform
    assert (a / 2 + b / 2 + c, d / 2 + e / 2 + f) == pytest.approx((18.0, 50.6))
    assert "WGS 84" in grid.crs_wkt
    assert grid.pixel_spacing_m == pytest.approx((58.9, 92.8), abs=0.1)


def test_a_geotiff_reads_like_its_raw_twin(tmp_path):
    raw = gacos.read_zenith_delay(write(tmp_path))
    twin = gacos.read_zenith_delay(write_geotiff(tmp_path / "20200113.ztd.tif"))
    np.testing.assert_array_equal(twin.values, raw.values)
    assert twin.grid.aligned_with(raw.grid)
    assert (twin.date, twin.hour_utc) == (date(2020, 1, 13), None)


@pytest.mark.parametrize("name", ["20200101.ztd", "20200101.ztd.tif"])
def test_zeros_are_no_data_and_windows_are_cuts_of_the_whole(tmp_path, name):
    values = plane()
    values[3, 4] = 0
    path = write_geotiff(tmp_path / name, values) if name.endswith("tif") else write(tmp_path, name, values)
    whole = gacos.read_zenith_delay(path).values
    assert np.isnan(whole[3, 4])
    assert np.isnan(whole).sum() == 1
    window = gacos.read_values(path, gacos.read_grid(path), slice(2, 9), slice(3, 60))
    np.testing.assert_array_equal(window, whole[2:9, 3:])


def test_a_header_without_time_of_day_gives_none(tmp_path):
    assert gacos.read_zenith_delay(write(tmp_path, TIME_OF_DAY=None)).hour_utc is None


def test_a_missing_header_is_named(tmp_path):
    path = write(tmp_path)
    path.with_name("20200101.ztd.rsc").unlink()
    with pytest.raises(InputError, match=r"20200101\.ztd\.rsc: not found, expected the header of 20200101\.ztd"):
        gacos.read_zenith_delay(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"WIDTH": 61}, r"20200101\.ztd: found 11520 bytes, expected 11712 for the 61 x 48 pixels"),
        ({"WIDTH": "wide"}, r"found 'wide' for WIDTH, expected a number"),
        ({"X_STEP": None}, r"found nothing for X_STEP, expected a number"),
        ({"Y_STEP": STEP}, r"expected at least one pixel, X_STEP above and Y_STEP below 0"),
        ({"Y_FIRST": "nan"}, r"found 'nan' for Y_FIRST, expected a number"),
        ({"WIDTH": "1e999"}, r"found '1e999' for WIDTH, expected a number"),
        (
            {"WIDTH": 1_000_000, "FILE_LENGTH": 1_000_000, "X_STEP": 1e-4, "Y_STEP": -1e-4},
            r"expected 4000000000000 for",
        ),
        ({"WIDTH": "60.5"}, r"found 60\.5 x 48 pixels"),
        ({"X_FIRST": 515363.565, "Y_FIRST": 5235158.873}, r"expected degrees of longitude and latitude"),
        ({"X_STEP": 20, "Y_STEP": -20}, r"expected degrees of longitude and latitude"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        gacos.read_zenith_delay(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("values", "suspicion"),
    [
        (plane().astype(">f4"), "check byte order and unit"),
        (plane() * 100, "look like centimetres"),
        (plane() * 10, "slant delay in radians is named"),
        (-plane(), "check byte order and unit"),
    ],
    ids=["order", "cm", "rad", "sign"],
)
def test_another_byte_order_or_unit_is_refused_by_its_median(tmp_path, values, suspicion):
    sentence = rf"found a median of .*, expected 1 to 3 m .* in little-endian order; .*{suspicion}.*\(E20\)"
    with pytest.raises(InputError, match=sentence):
        gacos.read_zenith_delay(write(tmp_path, values=values))


def test_a_raw_file_cut_anywhere_is_refused(tmp_path):
    path = write(tmp_path)
    whole = path.read_bytes()
    for length in (0, 1, 4, 60 * 4 * 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"found {length} bytes, expected 11520 for the 60 x 48 pixels"):
            gacos.read_zenith_delay(path)


@pytest.mark.parametrize("name", ["20200101.ztd", "20200101.ztd.tif"])
def test_nan_and_infinity_are_no_delay(tmp_path, name):
    values = plane()
    values[3, 4], values[5, 6] = np.nan, np.inf
    path = write_geotiff(tmp_path / name, values) if name.endswith("tif") else write(tmp_path, name, values)
    found = gacos.read_zenith_delay(path).values
    assert np.flatnonzero(np.isnan(found)).tolist() == [3 * 60 + 4, 5 * 60 + 6]


@pytest.mark.parametrize("fill", [0, np.nan])
def test_a_file_without_any_delay_is_refused(tmp_path, fill):
    with pytest.raises(InputError, match="found no delay at all"):
        gacos.read_zenith_delay(write(tmp_path, values=np.full((48, 60), fill, "<f4")))


def test_a_geotiff_off_the_map_or_cut_short_is_refused(tmp_path):
    with pytest.raises(InputError, match="no coordinate reference system"):
        gacos.read_zenith_delay(write_geotiff(tmp_path / "20200101.ztd.tif", crs=None))
    metres = {"crs": "EPSG:32634", "transform": Affine(90, 0, 4e5, 0, -90, 5.6e6)}
    with pytest.raises(InputError, match=r"found WGS 84 / UTM zone 34N, expected EPSG:4326; .*warp it"):
        gacos.read_zenith_delay(write_geotiff(tmp_path / "20200102.ztd.tif", **metres))
    large = {"width": 40_000, "height": 40_000, "transform": Affine(STEP, 0, 18, 0, -STEP, 50), "SPARSE_OK": True}
    with rasterio.open(tmp_path / "20200103.tif", "w", driver="GTiff", count=1, dtype="float32", tiled=True, **large):
        pass
    with pytest.raises(InputError, match=r"for 1600000000 pixels.*E02"):
        gacos.read_zenith_delay(tmp_path / "20200103.tif")
    (tmp_path / "20200113.ztd.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match="cannot be read as a raster"):
        gacos.read_zenith_delay(tmp_path / "20200113.ztd.tif")


def test_a_folder_is_listed_by_date_whatever_else_lies_there(tmp_path):
    for name in ("20210301.ztd", "20200101.ztd", "20201105.ztd"):
        write(tmp_path, name)
    write_geotiff(tmp_path / "20200613.ztd.tif")
    write_geotiff(tmp_path / "20200707_gacos.tif")
    write_geotiff(tmp_path / "20200719.tif")
    write_geotiff(tmp_path / "20200731.ztd..tif")
    (tmp_path / "readme.txt").write_text("delays", encoding="ascii")
    found = gacos.scan(tmp_path)
    days = [(2020, 1, 1), (2020, 6, 13), (2020, 7, 19), (2020, 7, 31), (2020, 11, 5), (2021, 3, 1)]
    assert list(found) == [date(*day) for day in days]
    assert gacos.read_zenith_delay(found[date(2020, 7, 19)]).date == date(2020, 7, 19)
    assert gacos.header_of(found[date(2020, 6, 13)]) is None
    assert gacos.header_of(found[date(2020, 1, 1)]) == tmp_path / "20200101.ztd.rsc"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "found no GACOS delay, expected a folder of files"),
        (["20200101.ztd", "20200101.ztd.tif"], r"found both 20200101\.ztd and 20200101\.ztd\.tif, expected one"),
        (["delay.ztd"], r"delay\.ztd: found no date in the name"),
        (["20201345.ztd"], "'20201345' is not a date"),
    ],
)
def test_a_folder_that_cannot_be_listed_is_refused(tmp_path, names, sentence):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=sentence):
        gacos.scan(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere: found no GACOS delay"):
        gacos.scan(tmp_path / "nowhere")


@pytest.mark.skipif(not BHUTAN.is_dir(), reason="real GACOS files are not on this machine")
def test_every_real_file_of_bhutan_is_read_and_air_is_wetter_in_the_monsoon():
    delays = [gacos.read_zenith_delay(path) for path in gacos.scan(BHUTAN).values()]
    assert len(delays) == 8
    assert {delay.values.shape for delay in delays} == {(300, 780)}
    assert all(np.isfinite(delay.values).all() for delay in delays)
    medians = {delay.date: float(np.median(delay.values)) for delay in delays}
    assert medians[date(2007, 2, 18)] == pytest.approx(1.585, abs=1e-3)
    assert delays[0].hour_utc is None
    monsoon = [m for day, m in medians.items() if 6 <= day.month <= 9]
    dry = [m for day, m in medians.items() if day.month <= 3]
    assert min(monsoon) > max(dry) + 0.05
