"""Connected regions found strip by strip against regions found at once."""

from itertools import pairwise

import numpy as np
import pytest
from basinwatch.inference.components import find_components
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage


def strips(image, cuts):
    """Cut an image into strips of the given heights, the rest last."""
    edges = [0, *np.cumsum(cuts), len(image)]
    return [image[a:b] for a, b in pairwise(edges) if b > a]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 9), max_size=6), st.floats(0.2, 0.8, allow_subnormal=False))
def test_regions_do_not_depend_on_the_strips(seed, cuts, threshold):
    image = np.random.default_rng(seed).random((30, 25))
    image[np.random.default_rng(seed + 1).random(image.shape) < 0.1] = np.nan
    labels, count = ndimage.label(image >= threshold, np.ones((3, 3)))
    found = find_components(strips(image, [cut for cut in cuts if sum(cuts) < 30]), threshold)
    assert len(found) == count
    numbers = labels[found.first[:, 0], found.first[:, 1]]
    assert sorted(numbers) == list(range(1, count + 1))
    order = found.first[:, 0] * 25 + found.first[:, 1]
    assert (np.diff(order) > 0).all()
    places = [ndimage.find_objects(labels)[number - 1] for number in numbers]
    boxes = [(y.start, x.start, y.stop, x.stop) for y, x in places]
    assert found.box.tolist() == [list(box) for box in boxes]
    assert found.area_px.tolist() == [(labels == number).sum() for number in numbers]
    assert found.peak.tolist() == [image[labels == number].max() for number in numbers]
    firsts = [np.flatnonzero(labels.ravel() == number)[0] for number in numbers]
    assert order.tolist() == firsts


def test_a_spiral_over_many_strips_is_one_region():
    """Its arms meet in the centre alone, so nearly every strip joins parts that were apart before."""
    angle = np.linspace(0, 12 * np.pi, 20_000)
    image = np.zeros((120, 120))
    image[
        np.rint(60 + 1.5 * angle * np.sin(angle)).astype(int), np.rint(60 + 1.5 * angle * np.cos(angle)).astype(int)
    ] = 1
    found = find_components(strips(image, [1] * 119), 0.5)
    assert len(found) == 1
    assert found.area_px[0] == image.sum()


def test_regions_touching_at_a_corner_across_strips_are_one():
    image = np.zeros((4, 6))
    image[1, 2] = image[2, 3] = image[2, 5] = 1
    assert len(find_components(strips(image, [2]), 0.5)) == 2


@pytest.mark.parametrize("image", [np.zeros((5, 5)), np.full((5, 5), np.nan)])
def test_nothing_above_the_threshold_gives_no_region(image):
    assert len(find_components(strips(image, [2]), 0.5)) == 0
    assert len(find_components([], 0.5)) == 0
