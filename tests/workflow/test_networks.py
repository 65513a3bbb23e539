"""The network of a stack and the unwrapping of its pairs, wired."""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml

from tests.workflow.conftest import SCENES, Workspace

PAIR = "20240105_20240117"
PNG = b"\x89PNG"


def configure_stack(workspace: Workspace, **changes: object) -> None:
    """Change the entry of the workspace's stack."""
    config = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())
    workspace.configure(stacks={"mine": config["stacks"]["mine"] | changes})


@pytest.fixture
def fresh(empty_workspace: Workspace, tmp_path: Path) -> Workspace:
    return empty_workspace.copy(tmp_path / "run")


def test_the_table_of_pairs_tells_baselines_and_reasons_and_the_log_what_the_rate_will_suffer_from(fresh: Workspace):
    metres = (0, 60, -190, 30)
    rows = (f"{day:%Y%m%d} {value}\n" for day, value in zip(SCENES, metres, strict=False))
    (fresh.folder / "baselines").write_text("".join(rows))
    configure_stack(fresh, baselines="baselines", network={"predecessors": 2, "max_perpendicular_baseline_m": 200})
    fresh.run("results/mine/sbas/pairs.csv")
    folder = fresh.folder / "results/mine/sbas"
    with open(folder / "pairs.csv", newline="") as stream:
        table = {row["pair"]: (float(row["baseline_m"]), row["kept"], row["reason"]) for row in csv.DictReader(stream)}
    assert table == {
        "20240105_20240117": (60, "True", "neighbour"),
        "20240105_20240129": (-190, "True", "neighbour"),
        "20240117_20240129": (-250, "False", "250 m apart, more than 200"),
        "20240117_20240210": (-30, "True", "neighbour"),
        "20240129_20240210": (220, "False", "220 m apart, more than 200"),
    }
    assert (folder / "network.png").read_bytes().startswith(PNG)
    assert "hang on one pair" in (fresh.folder / "logs/mine/describe_network.log").read_text()


def test_the_threshold_network_is_planned_from_scenes_and_baselines_alone(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    days = [date(2024, 1, 5) + timedelta(days=12 * n) for n in range(30)]
    (workspace.folder / "dates.csv").write_text("date\n" + "".join(f"{day}\n" for day in days))
    (workspace.folder / "baselines").write_text("".join(f"{day} {300 * (n % 2)}\n" for n, day in enumerate(days)))
    network = {"predecessors": None, "max_temporal_baseline_days": 60, "max_perpendicular_baseline_m": 200}
    phase = "results/simulated/made/{pair}.phase.tif"
    stack = {"phase": phase, "scenes": "dates.csv", "baselines": "baselines", "network": network}
    workspace.configure(
        stacks={"mine": stack | {"detect_pairs": "all"}},
        simulated_stacks={"made": {"form": "plain", "first_date": "2024-01-05", "size_px": 80}},
    )
    ingested = [message for message in workspace.planned() if message.startswith("Ingest pair")]
    # Even steps alone stay within 200 m: 24 and 48 days.
    assert len(ingested) == 28 + 26


@pytest.mark.parametrize("method", ["whirlwind", "kamui"])
def test_a_pair_without_given_phase_is_unwrapped_by_the_configured_method(fresh: Workspace, method: str):
    (fresh.folder / f"raw/{PAIR}.unw").unlink()
    fresh.configure(sbas={"unwrapping": method})
    products = [f"results/mine/unwrapped/{PAIR}{suffix}" for suffix in (".tif", ".components.tif")]
    fresh.run(products[0])
    with rasterio.open(fresh.folder / products[0]) as phase, rasterio.open(fresh.folder / products[1]) as components:
        assert phase.tags()["SOURCE"] == method
        unwrapped, labels = phase.read(1), components.read(1)
    with rasterio.open(fresh.folder / f"results/mine/interferograms/{PAIR}/phase.tif") as source:
        wrapped = source.read(1)
    trusted = labels > 0
    np.testing.assert_array_equal(trusted, np.isfinite(unwrapped))
    assert trusted.mean() > 0.9
    cycles = (unwrapped - wrapped)[trusted] / (2 * np.pi)
    np.testing.assert_allclose(cycles, np.rint(cycles), atol=2e-3)


def test_without_given_phase_the_method_given_stops_that_pair_with_one_sentence(fresh: Workspace):
    (fresh.folder / f"raw/{PAIR}.unw").unlink()
    fresh.configure(sbas={"unwrapping": "given"})
    other = "results/mine/unwrapped/20240105_20240129.tif"
    done = fresh.snakemake("--keep-going", f"results/mine/unwrapped/{PAIR}.tif", other)
    assert done.returncode != 0
    log = (fresh.folder / f"logs/mine/unwrap_interferogram/{PAIR}.log").read_text().splitlines()
    assert len(log) == 1
    assert "found no unwrapped phase beside it, expected one because sbas.unwrapping is 'given'" in log[0]
    assert (fresh.folder / other).exists()
