from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster
from basinwatch.sbas.components import component_of, count_joined
from basinwatch.sbas.corrections.chain import CorrectionSettings
from basinwatch.sbas.corrections.reference import ReferenceSettings
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.rate import estimate_rate
from basinwatch.sbas.rate_settings import RateSettings

GRID = Grid.from_map(24, 20, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
DAYS = [date(2021, 1, 1) + timedelta(12 * number) for number in range(6)]
ISLAND = np.s_[:, 18:]
SETTINGS = RateSettings(corrections=CorrectionSettings(reference=ReferenceSettings(min_px=10)))


def write_stack(folder, apart):
    """Still ground; in the pairs for which `apart` holds, an island lies some cycles off in a component of its own."""
    network = Network.of(pairwise(DAYS))
    unwrapped, components = [], []
    for number in range(len(network.pairs)):
        phase, labels = np.zeros(GRID.shape, np.float32), np.full(GRID.shape, 3, np.uint32)
        phase[2:4, 2:4], labels[2:4, 2:4] = np.nan, 0
        if apart(number):
            phase[ISLAND] += 2 * np.pi
            labels[ISLAND] = 1
        unwrapped.append(folder / f"{number}.tif")
        components.append(folder / f"{number}.components.tif")
        write_raster(unwrapped[-1], phase, GRID, bands=["unwrapped_phase"])
        write_raster(components[-1], labels, GRID, bands=["component"])
    return UnwrappedStack(unwrapped, None, network, GRID, 0.05546576, components)


def shore():
    """Pixels of the mainland."""
    return Pixels(GRID, np.arange(10, 15), np.full(5, 4))


def test_the_component_of_the_reference_is_the_one_most_of_its_pixels_lie_in():
    labels = np.zeros(GRID.shape, np.uint32)
    labels[10:13, 4], labels[13, 4] = 7, 2
    assert component_of(labels, shore()) == 7
    assert component_of(np.zeros_like(labels), shore()) == 0


def test_the_share_counts_pairs_in_the_references_component_among_those_that_unwrap_a_pixel(tmp_path):
    stack = write_stack(tmp_path, lambda number: number in (1, 3))
    share = count_joined(stack, stack.components, shore()).share
    assert (share[ISLAND] == np.float32(0.6)).all()
    assert np.isnan(share[2:4, 2:4]).all()
    assert (share[4:, :18] == 1).all()


def test_counts_of_old_and_new_pairs_add_up_to_those_of_all(tmp_path):
    stack = write_stack(tmp_path, lambda number: number > 2)
    old, new = (count_joined(stack, part, shore()) for part in (stack.components[:4], stack.components[4:]))
    whole = count_joined(stack, stack.components, shore(), workers=2)
    assert np.array_equal((old + new).joined, whole.joined)
    assert np.array_equal((old + new).unwrapped, whole.unwrapped)


@pytest.mark.parametrize(("pairs_apart", "is_measured"), [(2, True), (3, False)])
def test_an_island_apart_in_most_pairs_does_not_count_as_measured(tmp_path, pairs_apart, is_measured):
    stack = write_stack(tmp_path, lambda number: number < pairs_apart)
    products = estimate_rate(stack, SETTINGS)
    assert (products.measured[ISLAND] == is_measured).all()
    assert products.measured[4:, :18].all()
    # Without a loop of pairs no residual gives the wrong cycles away.
    assert (products.temporal_coherence[ISLAND] > 0.99).all()
    assert (np.abs(products.rate[ISLAND]) > 50).all()


def test_a_stack_without_components_is_judged_by_its_residuals_alone(tmp_path):
    stack = write_stack(tmp_path, lambda number: True)
    products = estimate_rate(UnwrappedStack(stack.unwrapped, None, stack.network, GRID, stack.wavelength_m), SETTINGS)
    assert products.measured[ISLAND].all()
    assert np.isnan(products.connected_share).all()


def test_components_of_another_grid_are_refused_in_one_sentence(tmp_path):
    stack = write_stack(tmp_path, lambda number: False)
    write_raster(stack.components[2], np.ones((5, 5), np.uint32), Grid(5, 5, None, None, (1.0, 1.0)), bands=["c"])
    with pytest.raises(InputError, match=r"2\.components\.tif: found 5x5 px, expected 20x24 px"):
        count_joined(stack, stack.components, shore())
