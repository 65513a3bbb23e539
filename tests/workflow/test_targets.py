"""Every target that the documentation names can be planned."""

import re

import pytest


@pytest.mark.parametrize(
    ("target", "jobs"),
    [
        ("simulate", {"simulate_shard"}),
        ("train", {"simulate_shard", "train_detector"}),
        ("evaluate", {"simulate_benchmark", "evaluate_detector", "tabulate_evaluation"}),
        ("robustness", {"simulate_benchmark", "measure_robustness", "summarize_robustness"}),
        ("detect", {"predict_probability", "form_basins", "mosaic_basins"}),
        ("tile", {"grid_tiles"}),
        ("detection_floor", {"measure_detection_floor", "summarize_detection_floor"}),
        ("coherence_response", {"measure_coherence_response", "summarize_coherence_response"}),
    ],
)
def test_a_target_plans_its_jobs(empty_workspace, target, jobs):
    planned = re.findall(r"^(\w+) +\d+$", empty_workspace.run(target, "--dry-run"), flags=re.M)
    assert jobs | {target} <= set(planned)


def test_calibration_without_labelled_tiles_says_what_to_set(empty_workspace, tmp_path):
    workspace = empty_workspace.copy(tmp_path / "run")
    done = workspace.snakemake("calibrate")
    assert done.returncode != 0
    assert "calibration.images" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
