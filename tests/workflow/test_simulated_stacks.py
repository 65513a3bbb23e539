"""Simulated stacks of every form and two tracks through the workflow, and one of 131 pairs planned."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from basinwatch.interferogram import read_metadata
from basinwatch.simulation.forms import FILES
from basinwatch.stacks import dates_of

from tests.workflow.conftest import Workspace

PAIR = "20240105_20240117"
TRACKS = {"g": ("gamma", "ascending"), "l": ("licsar", "ascending"), "p": ("plain", "descending")}


def configure(workspace: Workspace, scenes: int, **settings: object) -> None:
    """Three stacks that read three simulated ones, of consecutive scenes."""
    days = [date(2024, 1, 5) + timedelta(days=12 * n) for n in range(scenes)]
    (workspace.folder / "dates.csv").write_text("date\n" + "".join(f"{day}\n" for day in days))
    recipe = {"first_date": "2024-01-05", "size_px": 80, "mines": 1} | settings
    workspace.configure(
        stacks={
            name: {role: f"results/simulated/made-{name}/{file}" for role, file in FILES[form].items()}
            | {"scenes": "dates.csv", "network": {"predecessors": 1}}
            for name, (form, _) in TRACKS.items()
        },
        simulated_stacks={
            f"made-{name}": recipe | {"form": form, "pass": track} for name, (form, track) in TRACKS.items()
        },
    )


@pytest.fixture(scope="module")
def made(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder where a pair of each stack was read, and what is true of one was written."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("simulated") / "run")
    configure(workspace, scenes=3)
    wanted = [f"results/{name}/interferograms/{PAIR}/meta.json" for name in TRACKS]
    extras = ("truth.json", f"rate_true/{PAIR}.tif", "gacos/20240105.ztd")
    workspace.run(*wanted, *(f"results/simulated/made-p/{name}" for name in extras))
    return workspace.folder / "results"


@pytest.mark.parametrize(
    ("name", "form", "heading"), [("g", "gamma", -12.3), ("l", "licsar", -12.3), ("p", "geotiff", None)]
)
def test_every_form_is_ingested_like_a_producers_files(made: Path, name, form, heading):
    folder = made / name / "interferograms" / PAIR
    metadata = read_metadata(folder / "meta.json")
    assert (metadata["processor"], metadata["heading_deg"], metadata["warnings"]) == (form, heading, [])
    assert (date.fromisoformat(metadata["date1"]), date.fromisoformat(metadata["date2"])) == dates_of(PAIR)
    with rasterio.open(folder / "phase.tif") as source:
        assert source.shape == (80, 80)
        assert source.crs.to_epsg() == (4326 if form == "licsar" else 32634)
        assert np.isfinite(source.read(1)).all()


def test_truth_and_delays_are_made_on_demand_alone(made: Path):
    simulated = made / "simulated"
    assert {path.name for path in (simulated / "made-p").iterdir()} >= {
        "truth.json",
        "heights.tif",
        "gacos",
        "rate_true",
    }
    assert not (simulated / "made-g" / "gacos").exists()
    assert not list(simulated.glob("*/*20240129*"))


def test_131_pairs_of_every_form_are_planned(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    configure(workspace, scenes=132, size_px=400, mines=12)
    planned = workspace.planned()
    for name, form in (("g", "as GAMMA files"), ("l", "as LiCSAR files"), ("p", "as plain GeoTIFF")):
        jobs = [m for m in planned if m.startswith("Simulate pair") and m.endswith(f"made-{name} {form}")]
        assert len(jobs) == 131
    assert sum(m.startswith("Ingest pair") for m in planned) == 3 * 131


def test_a_misspelt_simulated_stack_ends_in_one_sentence(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    configure(workspace, scenes=3)
    workspace.configure(simulated_stacks={"other": {"first_date": "2024-01-05"}})
    done = workspace.snakemake("--dry-run")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "stacks.g.phase: 'made-g' is no simulated stack; expected one of simulated_stacks (other)." in said
    assert "Traceback" not in said


def test_a_scene_before_the_first_date_stops_its_pairs_with_one_sentence(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    configure(workspace, scenes=3, first_date="2024-01-10")
    done = workspace.snakemake(f"results/simulated/made-p/{PAIR}.phase.tif")
    assert done.returncode != 0
    log = (workspace.folder / f"logs/made-p/simulate_plain_pair/{PAIR}.log").read_text().splitlines()
    assert len(log) == 1
    assert "found scene 2024-01-05, expected none before first_date (2024-01-10)" in log[0]
