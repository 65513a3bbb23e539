"""Rasters written row by row, with a cache that stays small."""

import numpy as np
import pytest
from basinwatch.grid import Grid
from basinwatch.raster_rows import RowWriter, bounded_cache
from basinwatch.rasters import create_raster, open_raster
from rasterio.env import getenv


def test_gdal_keeps_128_mib_and_no_share_of_the_machine():
    """The option counts bytes when it comes as a number; GDAL would read a small one as 128 bytes."""
    with bounded_cache():
        assert getenv()["GDAL_CACHEMAX"] == 128 * 2**20


@pytest.mark.parametrize("counts", [(1000,), (1, 999), (512, 488), (300, 300, 300, 100), (700, 300)])
def test_rows_of_any_number_make_the_same_file(tmp_path, counts):
    values = np.random.default_rng(0).integers(0, 255, (2, 1000, 40), np.uint8)
    grid = Grid(40, 1000, None, None, (20.0, 20.0))
    with create_raster(tmp_path / "rows.tif", grid, "uint8", bands=["a", "b"]) as target:
        writer, first = RowWriter(target), 0
        for count in counts:
            writer.add(values[:, first : first + count])
            first += count
    with open_raster(tmp_path / "rows.tif") as source:
        np.testing.assert_array_equal(source.read(), values)
