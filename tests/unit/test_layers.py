"""Heights and incidence angles as producers leave them, brought onto a stack's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import read_raster
from basinwatch.readers.layers import open_layer
from place_layer import place_layer
from products_scene import write_isce, write_isce_image
from readers_scene import GEOTRANSFORM, LINES, WIDTH, map_grid, write_tiff

DEM_PAR = """DEM_projection: EQA
data_format: {kind}
DEM_hgt_offset: {offset}
DEM_scale: {scale}
width: {width}
nlines: {lines}
corner_lat: 50.2995 decimal degrees
corner_lon: 18.5005 decimal degrees
post_lat: -0.001 decimal degrees
post_lon: 0.001 decimal degrees
"""
RSC = f"WIDTH {WIDTH}\nFILE_LENGTH {LINES}\nX_FIRST 18.5\nX_STEP 0.001\nY_FIRST 50.3\nY_STEP -0.001\n"


def heights() -> np.ndarray:
    """Whole metres with a void, of which no other is 0."""
    y, x = np.mgrid[:LINES, :WIDTH]
    values = (200 + 3 * x - y).astype(np.float32)
    values[10:14, 20:30] = np.nan
    return values


def write_gamma_dem(folder: Path, kind: str, dtype: str, scale: float = 1.0, offset: float = 0.0) -> Path:
    path = folder / "20200101.dem"
    np.nan_to_num((heights() - offset) / scale).astype(dtype).tofile(path)
    text = DEM_PAR.format(kind=kind, offset=offset, scale=scale, width=WIDTH, lines=LINES)
    path.with_name("20200101.dem_par").write_text(text)
    return path


def write_roi_pac_dem(folder: Path) -> Path:
    path = folder / "srtm.dem"
    np.nan_to_num(heights()).astype("<i2").tofile(path)
    path.with_name("srtm.dem.rsc").write_text(RSC)
    return path


def write_isce_dem(folder: Path) -> Path:
    return write_isce_image(folder / "hgt.rdr.geo", [np.nan_to_num(heights()).astype(float)], "DOUBLE", is_map=True)


def write_tiff_dem(folder: Path) -> Path:
    return write_tiff(folder / "dem.tif", np.nan_to_num(heights(), nan=-32768).astype(np.int16), nodata=-32768)


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: write_gamma_dem(folder, "REAL*4", ">f4"),
        lambda folder: write_gamma_dem(folder, "INTEGER*2", ">i2"),
        lambda folder: write_gamma_dem(folder, "INTEGER*2", ">i2", scale=0.5, offset=-20),
        write_roi_pac_dem,
        write_isce_dem,
        write_tiff_dem,
    ],
    ids=["gamma", "gamma integers", "gamma scaled", "roi_pac", "isce", "geotiff"],
)
def test_heights_of_every_producer_are_the_same_with_their_voids(tmp_path, write) -> None:
    rows, grid = open_layer(write(tmp_path), "heights")
    np.testing.assert_allclose(rows.whole(), heights(), atol=1e-3)
    assert grid.aligned_with(map_grid())
    assert grid.shape == (LINES, WIDTH)


@pytest.mark.parametrize(("layer", "expected"), [("heights", heights()), ("incidence", 30 + heights() / 20)])
def test_scale_and_offset_of_a_raster_count(tmp_path, layer: str, expected: np.ndarray) -> None:
    stored = np.nan_to_num((expected + 50) / 0.01, nan=-32768)
    path = write_tiff(tmp_path / "a.tif", np.rint(stored).astype(np.int32), nodata=-32768)
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.01,), (-50.0,)
    np.testing.assert_allclose(open_layer(path, layer)[0].whole(), expected, atol=0.006)


def test_a_layer_of_more_pixels_than_its_bytes_can_hold_is_refused(tmp_path) -> None:
    path, place = tmp_path / "a.tif", {"crs": "EPSG:4326", "transform": GEOTRANSFORM}
    size = {"width": 60_000, "height": 60_000, "count": 1, "dtype": "int16"}
    with rasterio.open(path, "w", "GTiff", SPARSE_OK=True, blockysize=512, **size, **place):
        pass
    with pytest.raises(InputError, match="E02"):
        open_layer(path, "heights")


def test_an_srtm_tile_lies_on_whole_degrees(tmp_path) -> None:
    tile = np.full((1201, 1201), 300, ">i2")
    tile[0, 0], tile[1200, 1200], tile[600, 600] = 100, 200, -32768
    path = tmp_path / "N50E018.hgt"
    tile.tofile(path)
    rows, grid = open_layer(path, "heights")
    values = rows.whole()
    assert (values[0, 0], values[1200, 1200]) == (100, 200)
    assert np.argwhere(np.isnan(values)).tolist() == [[600, 600]]
    assert (grid.affine.c, grid.affine.f) == pytest.approx((18 - 1 / 2400, 51 + 1 / 2400))


def test_heights_on_another_grid_are_interpolated_and_keep_their_voids(tmp_path) -> None:
    stack = Grid.from_map(40, 30, Affine(0.0007, 0, 18.5105, 0, -0.0009, 50.2955), "EPSG:4326")
    target = tmp_path / "layers" / "heights.tif"
    place_layer(write_gamma_dem(tmp_path, "REAL*4", ">f4"), "heights", None, stack, target)
    found = read_raster(target)
    rows, columns = np.mgrid[:30, :40] + 0.5
    x = (18.5105 + 0.0007 * columns - 18.5) / 0.001 - 0.5
    y = (50.3 - (50.2955 - 0.0009 * rows)) / 0.001 - 0.5
    known = np.isfinite(found)
    np.testing.assert_allclose(
        found[known], (200 + 3 * x - y)[known], atol=1.7
    )  # beside the void half a pixel is missing
    away = known & ((x < 17) | (x > 33) | (y < 7) | (y > 17))
    np.testing.assert_allclose(found[away], (200 + 3 * x - y)[away], atol=0.02)
    assert not known[(x > 20.6) & (x < 28.4) & (y > 10.6) & (y < 12.4)].any()
    with rasterio.open(target) as source:
        assert (source.descriptions, source.units) == (("heights",), ("metres",))


ANGLE = np.linspace(31, 45, WIDTH, dtype=np.float32)[None].repeat(LINES, 0)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("inc_map.tif", np.radians(ANGLE)),
        ("incidence.tif", ANGLE),
        ("S1_lv_theta.tif", np.radians(90 - ANGLE)),
        ("frame.geo.U.tif", np.cos(np.radians(ANGLE))),
    ],
)
def test_angles_become_degrees_from_the_vertical_however_they_are_stored(tmp_path, name: str, stored) -> None:
    values = stored.astype(np.float32)
    values[3] = 0  # no data
    rows, _ = open_layer(write_tiff(tmp_path / name, values), "incidence")
    expected = ANGLE.copy()
    expected[3] = np.nan
    np.testing.assert_allclose(rows.whole(), expected, atol=1e-3)


def test_the_look_angles_of_isce_and_gamma_are_read_too(tmp_path) -> None:
    los = next(write_isce(tmp_path).phase.parents[2].rglob("los.rdr"))
    np.testing.assert_allclose(open_layer(los, "incidence")[0].whole(), 39.5, atol=1e-4)
    path = write_gamma_dem(tmp_path, "INTEGER*2", ">i2").with_name("20200101.lv_theta")
    np.radians(90 - ANGLE).astype(">f4").tofile(path)
    np.testing.assert_allclose(open_layer(path, "incidence")[0].whole(), ANGLE, atol=1e-4)


def test_what_are_no_angles_or_no_known_raster_is_refused(tmp_path) -> None:
    metres = write_tiff(tmp_path / "a.tif", heights())
    with pytest.raises(InputError, match=r"expected angles of 0 to 90 degrees or 0 to pi/2.*E19"):
        open_layer(metres, "incidence")
    unknown = tmp_path / "heights.raw"
    unknown.write_bytes(b"1234")
    with pytest.raises(InputError, match="found 4 bytes and as headers none"):
        open_layer(unknown, "heights")
    radar = Grid(WIDTH, LINES, None, None, (9.0, 14.0))
    with pytest.raises(InputError, match="no coordinates to resample by"):
        place_layer(metres, "heights", None, radar, tmp_path / "out.tif")
    assert Affine(*map_grid().transform) == GEOTRANSFORM
