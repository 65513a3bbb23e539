"""Multiresolution segmentation against closed forms, brute force and its own invariances."""

import itertools
import math

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.obia.regions import find_best, find_mates, heterogeneity, merge, pixel_regions
from basinwatch.obia.segmentation import Criterion, Segments, array_reader, begin, grow, levels, segment
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

SCALES = (10.0, 25.0, 60.0)


def picture(shape: tuple[int, int] = (90, 110), bands: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth whole-numbered bands with noise, int64 (bands, y, x)."""
    rng = np.random.default_rng(seed)
    smooth = [ndimage.gaussian_filter(rng.standard_normal(shape), 4) * 700 for _ in range(bands)]
    return np.rint(128 + np.stack(smooth) + rng.standard_normal((bands, *shape)) * 6).astype(np.int64)


def segmented(values: np.ndarray, criterion: Criterion, **options: int) -> Segments:
    """Segment a whole array."""
    return segment(array_reader(values), values.shape[1:], criterion, **options)


def two_pixels(shape: float, compactness: float) -> float:
    """Growth of heterogeneity when pixels of 0 and 10 in one band merge."""
    regions = pixel_regions(np.array([[[0.0], [10.0]]]), np.ones((1, 2), bool), (0, 0), 2)
    rule = (np.ones(1), shape, compactness)
    best, cost = np.zeros(2, np.int32), np.zeros(2)
    find_best(regions, heterogeneity(regions, *rule), np.ones(2, bool), best, cost, *rule)
    assert best.tolist() == [1, 0]
    assert cost[0] == cost[1]
    return float(cost[0])


@pytest.mark.parametrize(
    ("shape", "compactness", "expected"),
    [(0.0, 0.5, 10.0), (1.0, 1.0, 12 / math.sqrt(2) - 8), (1.0, 0.0, 0.0), (0.5, 0.5, 5 + (12 / math.sqrt(2) - 8) / 4)],
)
def test_two_pixels_cost_what_the_formulas_say(shape: float, compactness: float, expected: float) -> None:
    assert two_pixels(shape, compactness) == pytest.approx(expected, abs=1e-6)


def brute_force(values: np.ndarray, mask: np.ndarray, shape: float, compactness: float) -> float:
    """Heterogeneity of one region from its pixels."""
    count = mask.sum()
    padded = np.pad(mask, 1)
    perimeter = sum((padded[1:-1, 1:-1] & ~np.roll(padded, step, axis)[1:-1, 1:-1]).sum()
                    for axis, step in itertools.product((0, 1), (1, -1)))  # fmt: skip
    rows, columns = np.nonzero(mask)
    box = 2 * (np.ptp(rows) + 1 + np.ptp(columns) + 1)
    colour = sum(count * band[mask].std() for band in values)
    form = compactness * perimeter * math.sqrt(count) + (1 - compactness) * count * perimeter / box
    return (1 - shape) * colour + shape * form


def test_statistics_of_merged_regions_are_those_of_their_pixels() -> None:
    values = picture((40, 30))
    found = segmented(values, Criterion(30, 0.3, 0.7))
    kept = heterogeneity(found.regions, np.ones(3), 0.3, 0.7)
    assert len(kept) > 5
    for number in range(len(kept)):
        mask = found.labels == number + 1
        assert kept[number] == pytest.approx(brute_force(values, mask, 0.3, 0.7), rel=1e-9)
        assert found.regions.first[number] == np.flatnonzero(mask)[0]
        assert ndimage.label(mask)[1] == 1


def test_neighbours_and_common_edges_are_those_of_the_labels() -> None:
    found = segmented(picture((40, 30)), Criterion(30))
    edges: dict[tuple[int, int], int] = {}
    for one, other in ((found.labels[:, 1:], found.labels[:, :-1]), (found.labels[1:], found.labels[:-1])):
        for pair in zip(one[one != other].tolist(), other[one != other].tolist(), strict=True):
            for key in (pair, pair[::-1]):
                edges[key] = edges.get(key, 0) + 1
    regions = found.regions
    listed = {
        (region + 1, int(regions.neighbour[place]) + 1): int(regions.common[place])
        for region in range(regions.pixels.size)
        for place in range(regions.start[region], regions.start[region + 1])
    }
    assert listed == edges


def naive(values: np.ndarray, criterion: Criterion) -> np.ndarray:
    """Segment by the definition: recompute everything from pixels in every round."""
    labels = np.arange(values[0].size).reshape(values[0].shape)
    while True:
        numbers = np.unique(labels)
        own = {n: brute_force(values, labels == n, criterion.shape, criterion.compactness) for n in numbers}
        pairs = {tuple(sorted(p)) for a, b in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1]))
                 for p in zip(a[a != b], b[a != b], strict=True)}  # fmt: skip
        cost = {
            (a, b): round(
                brute_force(values, (labels == a) | (labels == b), criterion.shape, criterion.compactness)
                - own[a] - own[b], 6)
            for a, b in pairs
        }  # fmt: skip
        best = {
            n: min(((c, b if a == n else a) for (a, b), c in cost.items() if n in (a, b)), default=(math.inf, -1))
            for n in numbers
        }
        mates = [(n, o) for n, (c, o) in best.items() if n < o and best[o][1] == n and c < criterion.scale**2]
        if not mates:
            return np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + 1
        for one, other in mates:
            labels[labels == other] = one


@pytest.mark.parametrize("seed", range(3))
def test_result_is_that_of_the_definition(seed: int) -> None:
    values, criterion = picture((9, 8), 2, seed), Criterion(12, 0.4, 0.6)
    np.testing.assert_array_equal(segmented(values, criterion).labels, naive(values, criterion))


def test_mosaic_of_plain_fields_is_recovered() -> None:
    rng = np.random.default_rng(1)
    fields = np.kron(rng.permutation(64).reshape(8, 8) * 4, np.ones((12, 12)))[None]
    for scale in (15, 30, 45):
        found = segmented(np.repeat(fields + rng.standard_normal(fields.shape) * 0.3, 3, axis=0), Criterion(scale, 0.1))
        assert found.regions.pixels.tolist() == [144] * 64


def test_tiles_leave_no_trace() -> None:
    values = picture((330, 360), bands=1)
    whole = segmented(values, Criterion(40), tile_px=400)
    cut = segmented(values, Criterion(40), tile_px=60, threads=2)
    np.testing.assert_array_equal(cut.labels, whole.labels)
    for found, expected in zip(cut.regions, whole.regions, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_every_valid_pixel_has_one_segment() -> None:
    values = picture().astype(float)
    values[1, 20:40, 30:60] = np.nan
    found = segmented(values, Criterion(40))
    assert ((found.labels == 0) == np.isnan(values[1])).all()
    np.testing.assert_array_equal(np.bincount(found.labels.ravel())[1:], found.regions.pixels)


def test_image_without_data_has_no_segments() -> None:
    found = segmented(np.full((2, 8, 9), np.nan), Criterion(10))
    assert not found.labels.any()
    assert found.regions.pixels.size == 0


def test_order_of_bands_changes_nothing() -> None:
    values = picture()
    expected = segmented(values, Criterion(40)).labels
    for order in itertools.permutations(range(3)):
        np.testing.assert_array_equal(segmented(values[list(order)], Criterion(40)).labels, expected)


@settings(deadline=None, max_examples=15)
@given(arrays(np.int64, (2, 12, 13), elements=st.integers(0, 255)), st.integers(-10_000, 10_000), st.integers(1, 60))
def test_constant_offset_changes_nothing(values: np.ndarray, offset: int, scale: int) -> None:
    moved = segmented(values + np.array([offset, -3 * offset])[:, None, None], Criterion(scale)).labels
    np.testing.assert_array_equal(moved, segmented(values, Criterion(scale)).labels)


@settings(deadline=None, max_examples=15)
@given(arrays(np.int64, (1, 14, 11), elements=st.integers(0, 255)), st.floats(0, 1), st.floats(0, 1))
def test_larger_scales_merge_what_smaller_ones_left(values: np.ndarray, shape: float, compactness: float) -> None:
    criterion = Criterion(SCALES[0], shape, compactness)
    begun = begin(array_reader(values), values.shape[1:], criterion)
    before = None
    for _, found in levels(begun, criterion, SCALES):
        if before is not None:
            pairs = np.unique(np.stack([before.labels.ravel(), found.labels.ravel()]), axis=1)
            assert pairs.shape[1] == before.regions.pixels.size
            assert found.regions.pixels.size <= before.regions.pixels.size
        before = found


def test_weights_count_a_band_as_often_as_they_say() -> None:
    values = picture()
    once = segmented(values[[0, 1, 1]], Criterion(40, 0.2))
    assert np.array_equal(segmented(values[:2], Criterion(40, 0.2, weights=(1.0, 2.0))).labels, once.labels)


def test_merging_renumbers_in_order_of_first_pixels() -> None:
    regions = pixel_regions(np.array([[[5.0], [5.0], [90.0]]]), np.ones((1, 3), bool), (0, 0), 3)
    best, cost = np.array([1, 0, 1], np.int32), np.array([0.0, 0.0, 40.0])
    mate, new, left = find_mates(best, cost, 1.0)
    merged, touched = merge(regions, mate, new, left)
    assert (mate.tolist(), new.tolist(), left) == ([1, 0, -1], [0, 0, 1], 2)
    assert touched.all()
    assert merged.pixels.tolist() == [2, 1]
    assert merged.perimeter.tolist() == [6, 4]
    assert merged.neighbour.tolist() == [1, 0]


def test_growing_on_with_the_same_scale_changes_nothing() -> None:
    found = segmented(picture(), Criterion(40))
    again, members = grow(found.regions, Criterion(40))
    assert again.pixels.size == found.regions.pixels.size
    assert members.tolist() == list(range(again.pixels.size))


@pytest.mark.parametrize("given", [{"scale": 0}, {"shape": 1.2}, {"compactness": -0.1}])
def test_impossible_criteria_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match="positive scale and shares from 0 to 1"):
        Criterion(**given)


def test_weights_must_be_as_many_as_bands() -> None:
    with pytest.raises(InputError, match="found 2 weights, expected one for each of 3 bands"):
        segmented(picture(), Criterion(weights=(1.0, 1.0)))
