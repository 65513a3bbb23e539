"""Tile grids."""

import numpy as np
import pytest
from basinwatch import tiling


@pytest.mark.parametrize(("size", "overlap", "step"), [(800, 0.34, 528), (416, 0.25, 312), (256, 0.5, 128)])
def test_steps_of_the_published_tilings(size, overlap, step):
    assert tiling.step_of(size, overlap) == step


@pytest.mark.parametrize(
    ("height", "width", "size", "step"), [(1000, 700, 256, 128), (256, 257, 256, 200), (900, 801, 416, 416)]
)
def test_every_pixel_is_covered_and_no_tile_leaves_the_raster(height, width, size, step):
    covered = np.zeros((height, width), int)
    for tile in tiling.tiles(height, width, size, step):
        assert 0 <= tile.row <= height - size
        assert 0 <= tile.column <= width - size
        covered[tile.row : tile.row + size, tile.column : tile.column + size] += 1
    assert covered.min() >= 1


def test_an_exact_fit_has_no_extra_tile():
    assert tiling.starts(512, 256, 128) == [0, 128, 256]


def test_a_small_raster_gets_one_tile():
    assert list(tiling.tiles(47, 72, 416, 312)) == [tiling.Tile(0, 0, 416)]


def test_the_paper_frame_has_380_tiles_without_overlap():
    assert len(list(tiling.tiles(7636, 8205, 416, 416))) == 19 * 20


@pytest.mark.parametrize(("size", "step"), [(0, 1), (10, 0), (10, 11)])
def test_impossible_steps_are_refused(size, step):
    with pytest.raises(ValueError, match="step"):
        tiling.starts(100, size, step)


def test_a_tile_table_comes_back(tmp_path):
    table = tiling.TileTable.over((600, 500), 256, 0.5)
    table.write(tmp_path / "t.json")
    assert tiling.TileTable.read(tmp_path / "t.json") == table
    assert (table.size_px, table.step_px, len(table.tiles)) == (256, 128, 4 * 3)
