import numpy as np
import pytest
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.sbas.consistency import ConsistencyMap
from basinwatch.sbas.observations import blocks
from basinwatch.sbas.quality import spatiotemporal_consistency


@pytest.mark.parametrize("size", [1, 4, 7, 64])
@pytest.mark.parametrize("shape", [(23, 31), (1, 12), (12, 1)])
def test_blocks_give_the_consistency_of_the_whole_scene_across_every_seam(shape, size):
    rng = np.random.default_rng(0)
    series = np.cumsum(rng.normal(0, 2, (6, *shape)), axis=0).astype(np.float32)
    series[:, rng.random(shape) < 0.2] = np.nan
    grid = Grid.from_map(shape[1], shape[0], Affine(30, 0, 0, 0, -30, 0), "EPSG:32650")
    found = ConsistencyMap(shape)
    for window in blocks(grid, size):
        found.add(window, series[(slice(None), *window.toslices())])
    np.testing.assert_allclose(found.values, spatiotemporal_consistency(series), rtol=1e-6)
