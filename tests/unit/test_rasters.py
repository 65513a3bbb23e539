"""Rasters appear whole or not at all."""

import multiprocessing
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster, read_raster, require_whole, write_layers, write_raster
from rasterio.crs import CRS

GRID = Grid.from_map(700, 600, Affine(10.0, 0.0, 5e5, 0.0, -10.0, 5e6), CRS.from_epsg(32633).to_wkt())


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that no codec makes small."""
    return np.random.default_rng(1).random(shape, dtype=np.float32)


def write_with_little_room(path: Path, source: Path, allowed: int) -> str:
    """Write a raster while another is read, where no file may grow beyond so many bytes, and say how it ended."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, allowed))
    try:
        with open_raster(source):
            write_raster(path, noise((6, *GRID.shape)), GRID, bands=list("abcdef"))
    except (OSError, InputError) as error:
        return f"{type(error).__name__}: {error}"
    return "written"


@pytest.mark.parametrize("allowed", [0, 1000, 300_000, 5_000_000])
def test_a_raster_that_finds_no_room_does_not_appear(tmp_path, allowed):
    write_raster(tmp_path / "read.tif", noise(GRID.shape), GRID, bands=["noise"])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        ended = pool.apply(write_with_little_room, (tmp_path / "noise.tif", tmp_path / "read.tif", allowed))
    assert ended.startswith("OSError")
    assert "noise" in ended
    assert [path.name for path in tmp_path.iterdir()] == ["read.tif"]


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_a_stored_raster_is_whole_also_where_it_has_no_data(tmp_path, bands, dtype):
    cube = np.zeros((bands, *GRID.shape), dtype)
    cube[:, :20, :20] = 7
    write_raster(tmp_path / "a.tif", cube, GRID, bands=[str(band) for band in range(bands)])
    require_whole(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_raster(tmp_path / "a.tif"), cube[0] if bands == 1 else cube)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_raster_is_not_whole(tmp_path, share):
    path = tmp_path / "a.tif"
    write_raster(path, noise(GRID.shape), GRID, bands=["noise"])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(OSError, match="stored whole"):
        require_whole(path)


def test_layers_written_strip_by_strip_give_the_bytes_of_a_cube_written_at_once(tmp_path):
    layers = [noise(GRID.shape), np.arange(GRID.height * GRID.width, dtype=np.uint16).reshape(GRID.shape)]
    write_raster(tmp_path / "cube.tif", np.stack(layers).astype(np.float32), GRID, bands=["a", "b"], units="mm")
    write_layers(tmp_path / "layers.tif", layers, GRID, "float32", bands=["a", "b"], units="mm")
    assert (tmp_path / "layers.tif").read_bytes() == (tmp_path / "cube.tif").read_bytes()
