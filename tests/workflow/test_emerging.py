"""The development of hot spots as an option of the workflow."""

from pathlib import Path

import pandas as pd
import pyogrio
import rasterio

from tests.workflow.conftest import SCENES, Workspace, write_scenes

PRODUCTS = Path("results/mine/hotspots")


def switched_on(workspace: Workspace, epoch_days: float) -> None:
    """Ask for epochs of some days."""
    workspace.configure(hotspots={"emerging": {"enabled": True, "epoch_days": epoch_days}})


def test_switched_on_it_runs_its_own_job_and_the_pages_alone(workspace: Workspace):
    switched_on(workspace, 30)
    pages = {"Write the report of area mine", "Draw the map page of area mine"}
    assert workspace.planned() == {"Map how the hot spots of stack mine develop"} | pages


def test_a_series_too_short_for_two_epochs_fails_with_one_sentence(workspace: Workspace):
    switched_on(workspace, 365)
    assert workspace.snakemake(str(PRODUCTS / "emerging.tif")).returncode != 0
    log = (workspace.folder / "logs/mine/map_emerging.log").read_text()
    assert "Traceback" not in log
    assert "found 1 epochs of 365 days with three dates or more, expected at least 2" in log.splitlines()[-1]


def test_epochs_are_mapped_listed_and_reported(workspace: Workspace):
    write_scenes(workspace, SCENES)
    switched_on(workspace, 36)
    workspace.run()
    with rasterio.open(workspace.folder / PRODUCTS / "emerging.tif") as source:
        assert source.descriptions == ("pattern", "trend_score", "trend_p", "epochs")
        assert source.tags()["EPOCHS"] == "2024-01-05/2024-01-29 2024-02-10/2024-03-05"
    path = workspace.folder / PRODUCTS / "emerging.gpkg"
    areas, epochs = (pyogrio.read_dataframe(path, layer=layer) for layer in ("areas", "epochs"))
    assert (areas["kind"] == "subsidence").any()
    expected = pd.DataFrame({"epoch": [1, 2], "first_date": ["2024-01-05", "2024-02-10"]})
    pd.testing.assert_frame_equal(epochs[["epoch", "first_date"]], expected, check_dtype=False)
    report = (workspace.folder / "results/areas/mine/basinnet/report.html").read_text()
    assert "How hot spots develop, stack mine" in report
