"""Blending: a partition of unity, bounded memory, and objects that borders do not cut."""

import numpy as np
import pytest
from basinwatch.inference.instances import InstanceSettings, find_instances
from basinwatch.inference.stitching import Blender, edge_weights
from basinwatch.tiling import Tile, tiles


def blend(image, size, step, halo=0, spoil=0.0):
    """Cut maps (…, y, x) into tiles, add `spoil` in the halo at inner borders, blend again; also the call log."""
    maps = image.reshape(-1, *image.shape[-2:])
    height, width = maps.shape[1:]
    result, calls = np.full(maps.shape, np.inf, np.float32), []

    def keep(first, rows):
        calls.append((first, rows.shape[1]))
        result[:, first : first + rows.shape[1]] = rows

    blender = Blender(height, width, size, step, halo, keep, len(maps))
    padded = np.zeros((len(maps), max(height, size), max(width, size)), np.float32)
    padded[:, :height, :width] = maps
    for tile in tiles(height, width, size, step):
        values = padded[:, tile.row : tile.row + size, tile.column : tile.column + size].copy()
        if tile.row > 0:
            values[:, :halo] += spoil
        if tile.row + size < height:
            values[:, size - halo :] += spoil
        rows, columns = blender.kept(tile)
        blender.add(tile, values[:, rows, columns])
    blender.finish()
    return result.reshape(image.shape), calls


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


def test_several_maps_are_blended_each_for_itself():
    maps = np.random.default_rng(2).random((3, 90, 70), dtype=np.float32)
    together, _ = blend(maps, 64, 40, halo=4, spoil=1.0)
    for one, alone in zip(together, maps, strict=True):
        np.testing.assert_array_equal(one, blend(alone, 64, 40, halo=4, spoil=1.0)[0])


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
    blender = Blender(300, 70, 64, 48, 0, lambda first, rows: calls.append((first, rows.shape[1])), 1)
    calls.clear()
    blender.add(Tile(0, 0, 64), np.zeros((1, 64, 64)))
    assert calls == []
    blender.add(Tile(48, 0, 64), np.zeros((1, 64, 64)))
    assert calls == [(0, 48)]


def test_places_without_a_tile_are_not_a_number():
    rows = []
    blender = Blender(128, 128, 64, 64, 0, lambda first, values: rows.append(values[0].copy()), 1)
    blender.add(Tile(64, 64, 64), np.ones((1, 64, 64)))
    blender.finish()
    result = np.vstack(rows)
    assert np.isnan(result).sum() == 128 * 128 - 64 * 64
    assert (result[64:, 64:] == 1).all()


@pytest.mark.parametrize("missing", [(), (4,), (0, 1, 2), (3, 7), (5, 6, 7, 8)])
def test_the_mean_is_that_of_the_weights_multiplied_out_also_where_tiles_are_missing(missing):
    (height, width), size, step, halo = (150, 131), 64, 48, 5
    inward, placed, parts = edge_weights(size, size - step, halo), list(tiles(height, width, size, step)), []
    total, weights = np.zeros((height, width)), np.zeros((height, width))
    blender = Blender(height, width, size, step, halo, lambda first, rows: parts.append(rows[0].copy()), 1)
    for number, tile in enumerate(placed):
        if number in missing:
            continue
        ones = [np.ones(size), np.ones(size)]
        for side, (first, length) in enumerate(((tile.row, height), (tile.column, width))):
            ones[side] *= (inward if first else 1) * (inward[::-1] if first + size < length else 1)
        values = np.random.default_rng(number).random((1, size, size), dtype=np.float32)
        place = np.s_[tile.row : tile.row + size, tile.column : tile.column + size]
        total[place] += np.outer(*ones) * values[0]
        weights[place] += np.outer(*ones)
        rows, columns = blender.kept(tile)
        blender.add(tile, values[:, rows, columns])
    blender.finish()
    expected = np.divide(total, weights, out=np.full(total.shape, np.nan), where=weights > 0)
    np.testing.assert_allclose(np.vstack(parts), expected, atol=1e-6)


def test_tiles_out_of_order_are_refused():
    blender = Blender(128, 64, 64, 48, 0, lambda first, values: None, 1)
    blender.add(Tile(48, 0, 64), np.ones((1, 64, 64)))
    with pytest.raises(ValueError, match="cannot be added"):
        blender.add(Tile(0, 0, 64), np.ones((1, 64, 64)))


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


def two_discs(gap_px, radius=10, shape=(48, 80)):
    """Maps of two basins whose outlines touch or are a gap apart, and of their cores."""
    left, right = 40 - radius - gap_px / 2, 40 + radius + gap_px / 2
    basins = ellipse(shape, 24, left, radius + 2, radius + 2) | ellipse(shape, 24, right, radius + 2, radius + 2)
    cores = [ellipse(shape, 24, c, radius / 2 + 1, radius / 2 + 1) for c in (left, right)]
    return np.where(basins, 0.8, 0.1), [np.where(core, 0.9, 0.05) for core in cores]


def test_basins_that_touch_are_told_apart_by_their_cores():
    basin, cores = two_discs(0)
    assert len(find_instances(basin, InstanceSettings())) == 1
    found = find_instances(np.stack([basin, np.maximum(*cores)]), InstanceSettings())
    assert len(found) == 2
    np.testing.assert_array_equal(found.labels > 0, basin > 0.5)
    for core in cores:
        assert len(np.unique(found.labels[core > 0.5])) == 1
    assert set(found.labels[:, :40].ravel()) == {0, found.labels[24, 30]}
    assert set(found.labels[:, 41:].ravel()) == {0, found.labels[24, 50]}
    assert sorted(found.area_px) == sorted(np.bincount(found.labels.ravel())[1:])
    np.testing.assert_allclose(found.score, 0.8)


def test_one_core_none_or_specks_leave_a_basin_whole():
    basin, cores = two_discs(0)
    settings = InstanceSettings(min_area_px=12)
    speck = np.where(ellipse(basin.shape, 24, 50, 0.5, 0.5), 0.9, 0.05)
    for core in (cores[0], np.zeros_like(basin), np.maximum(cores[0], speck), np.maximum(*cores) - 0.6):
        assert len(find_instances(np.stack([basin, core]), settings)) == 1
    outside = np.where(basin < 0.5, 0.9, 0.0)
    assert len(find_instances(np.stack([basin, outside]), settings)) == 1


def test_cores_split_each_basin_for_itself():
    touching, cores = two_discs(0)
    apart, others = two_discs(12)
    maps = np.stack(
        [np.vstack([touching, apart, touching]), np.vstack([np.maximum(*c) for c in (cores, others, cores)])]
    )
    found = find_instances(maps, InstanceSettings())
    assert len(found) == 6
    assert set(np.unique(found.labels)) == set(range(7))
    strict = find_instances(maps, InstanceSettings(core_threshold=0.95))
    assert len(strict) == 4


def test_a_map_alone_is_read_as_the_first_of_one():
    basin, _ = two_discs(0)
    np.testing.assert_array_equal(
        find_instances(basin, InstanceSettings()).labels, find_instances(basin[None], InstanceSettings()).labels
    )


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(ValueError, match="outline <= peak"):
        InstanceSettings(0.6, 0.5)
