"""Real stacks through the whole workflow, with the configurations the project shows its users."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from tests.conftest import ROOT
from tests.workflow.conftest import Workspace


def run(folder: Path, config: str, data: Path) -> Path:
    """Run an example configuration on a folder of real data."""
    for name in ("Snakefile", "workflow", "config", "envs", "profiles", "resources"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "data").symlink_to(data)
    Workspace(folder).run("--configfile", config)
    return folder


@pytest.fixture(scope="module")
def licsar(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("licsar"), "config/examples/licsar.yaml", data / "licsar_galapagos")


@pytest.fixture(scope="module")
def gamma(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("gamma"), "config/examples/gamma.yaml", data / "pyrate" / "small_test")


def test_a_licsar_frame_goes_from_folder_to_report(licsar: Path):
    assert len(list(licsar.glob("results/galapagos/interferograms/*/meta.json"))) == 10
    assert len(list(licsar.glob("results/areas/isabela/basinnet/mosaic/*.gpkg"))) == 10
    assert (licsar / "results/areas/isabela/basinnet/report.html").stat().st_size > 100_000


def test_probabilities_cover_the_land_and_nothing_else(licsar: Path):
    pair = "20240118_20240130"
    with rasterio.open(licsar / f"results/galapagos/interferograms/{pair}/phase.tif") as source:
        valid = np.isfinite(source.read(1))
    with rasterio.open(licsar / f"results/galapagos/detections/basinnet/{pair}/probability.tif") as source:
        assert np.array_equal(source.read(1) > 0, valid)


def test_the_rate_of_a_gamma_stack_agrees_with_pyrate(gamma: Path, data: Path):
    reference = -np.load(data / "pyrate/small_test/linrate/linear_rate.npy")  # PyRate gives range change
    with rasterio.open(gamma / "results/appin/sbas/rate.tif") as source:
        rate = source.read(1)
    both = np.isfinite(rate) & np.isfinite(reference)
    assert both.sum() > 2000
    assert np.corrcoef(rate[both], reference[both])[0, 1] >= 0.8


def test_a_gamma_stack_gets_hotspots_comparison_and_report(gamma: Path):
    clusters = gpd.read_file(gamma / "results/appin/hotspots/clusters.gpkg", layer="clusters")
    assert clusters.crs.to_epsg() == 4326
    assert (gamma / "results/appin/comparison/basinnet/summary.json").exists()
    assert (gamma / "results/areas/coalfield/basinnet/report.html").exists()
