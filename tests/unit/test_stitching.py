"""Blending: a partition of unity, bounded memory, and objects that borders do not cut."""

import numpy as np
import pytest
from basinwatch.instances import InstanceSettings, find_instances
from basinwatch.stitching import Blender, edge_weights
from basinwatch.tiling import Tile, tiles


def blend(image, size, step, halo=0, spoil=0.0):
    """Cut an image into tiles, add `spoil` in the halo at inner borders, blend again; also the call log."""
    height, width = image.shape
    result, calls = np.full(image.shape, np.inf, np.float32), []

    def keep(first, rows):
        calls.append((first, len(rows)))
        result[first : first + len(rows)] = rows

    blender = Blender(height, width, size, step, halo, keep)
    padded = np.zeros((max(height, size), max(width, size)), np.float32)
    padded[:height, :width] = image
    for tile in tiles(height, width, size, step):
        values = padded[tile.row : tile.row + size, tile.column : tile.column + size].copy()
        if tile.row > 0:
            values[:halo] += spoil
        if tile.row + size < height:
            values[size - halo :] += spoil
        blender.add(tile, values)
    blender.finish()
    return result, calls


@pytest.mark.parametrize(("size", "overlap", "halo"), [(64, 16, 0), (64, 21, 5), (100, 34, 50), (64, 32, 3), (8, 0, 4)])
def test_the_weights_of_neighbours_sum_to_one(size, overlap, halo):
    weights = edge_weights(size, overlap, halo)
    np.testing.assert_allclose(weights[:overlap] + weights[:overlap][::-1], 1, atol=1e-6)
    assert (weights[overlap:] == 1).all()
    assert (np.diff(weights) >= 0).all()
    assert (weights[: min(halo, overlap // 3)] == 0).all()


@pytest.mark.parametrize("shape", [(64, 64), (150, 131), (40, 200), (200, 40), (30, 30)])
@pytest.mark.parametrize(("size", "step"), [(64, 64), (64, 48), (64, 20)])
def test_a_constant_map_stays_constant_and_any_map_stays_itself(shape, size, step):
    constant, _ = blend(np.full(shape, 0.7, np.float32), size, step, halo=9)
    np.testing.assert_allclose(constant, 0.7, atol=1e-6)
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    np.testing.assert_allclose(blend(image, size, step, halo=9)[0], image, atol=1e-6)


def test_what_tiles_get_wrong_in_their_halo_leaves_no_trace_with_three_halos_overlap():
    image = np.random.default_rng(1).random((200, 64), dtype=np.float32)
    clean, _ = blend(image, 64, 40, halo=8, spoil=100.0)
    np.testing.assert_allclose(clean, image, atol=1e-5)
    dirty, _ = blend(image, 64, 41, halo=8, spoil=100.0)
    assert np.abs(dirty - image).max() > 0.01


def test_rows_leave_once_in_order_as_soon_as_they_are_final():
    image = np.zeros((300, 70), np.float32)
    _, calls = blend(image, 64, 48)
    assert [first for first, _ in calls] == list(np.cumsum([0] + [n for _, n in calls])[:-1])
    assert sum(n for _, n in calls) == 300
    assert max(n for _, n in calls) <= 64
    blender = Blender(300, 70, 64, 48, 0, lambda first, rows: calls.append((first, len(rows))))
    calls.clear()
    blender.add(Tile(0, 0, 64), np.zeros((64, 64)))
    assert calls == []
    blender.add(Tile(48, 0, 64), np.zeros((64, 64)))
    assert calls == [(0, 48)]


def test_places_without_a_tile_are_not_a_number():
    rows = []
    blender = Blender(128, 128, 64, 64, 0, lambda first, values: rows.append(values.copy()))
    blender.add(Tile(64, 64, 64), np.ones((64, 64)))
    blender.finish()
    result = np.vstack(rows)
    assert np.isnan(result).sum() == 128 * 128 - 64 * 64
    assert (result[64:, 64:] == 1).all()


def test_tiles_out_of_order_are_refused():
    blender = Blender(128, 64, 64, 48, 0, lambda first, values: None)
    blender.add(Tile(48, 0, 64), np.ones((64, 64)))
    with pytest.raises(ValueError, match="cannot be added"):
        blender.add(Tile(0, 0, 64), np.ones((64, 64)))


def ellipse(shape, row, column, height, width):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2 <= 1


@pytest.mark.parametrize("centre", [(30, 56), (56, 56), (52, 104)])
def test_an_ellipse_cut_by_tile_borders_comes_back_whole(centre):
    truth = ellipse((200, 200), *centre, 14, 22)
    blended, _ = blend(0.05 + 0.9 * truth.astype(np.float32), 64, 48, halo=4)
    found = find_instances(blended, InstanceSettings())
    assert len(found) == 1
    mask = found.labels == 1
    assert (mask & truth).sum() / (mask | truth).sum() > 0.97


def test_two_ellipses_apart_by_a_gap_on_a_border_stay_two():
    truth = ellipse((128, 128), 56, 40, 10, 15) | ellipse((128, 128), 56, 72, 10, 15)
    blended, _ = blend(truth.astype(np.float32), 64, 48)
    assert len(find_instances(blended, InstanceSettings())) == 2


def test_instances_need_a_peak_and_an_area_and_carry_mean_and_peak():
    probability = np.zeros((20, 30), np.float32)
    probability[2:6, 2:6] = 0.6
    probability[3, 3] = 0.9
    probability[2:6, 12:16] = 0.6
    probability[10:12, 2:4] = 0.95
    probability[10:14, 20:24] = 0.9
    probability[14:18, 24:28] = 0.8
    probability[0] = np.nan
    found = find_instances(probability, InstanceSettings(0.5, 0.8, 12))
    np.testing.assert_allclose(found.score, [(15 * 0.6 + 0.9) / 16, 0.85], rtol=1e-6)
    np.testing.assert_allclose(found.peak, [0.9, 0.9], rtol=1e-6)
    assert found.area_px.tolist() == [16, 32]
    assert sorted(np.unique(found.labels)) == [0, 1, 2]
    assert found.labels[15, 26] == found.labels[11, 21] == 2
    values = np.where(np.arange(30) < 25, 1.0, np.nan) * np.ones((20, 1))
    np.testing.assert_array_equal(found.mean_of(values), [1, 1])


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(ValueError, match="outline <= peak"):
        InstanceSettings(0.6, 0.5)
