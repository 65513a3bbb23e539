"""Start a training run from a model that was trained before."""

from __future__ import annotations

from pathlib import Path

from basinwatch.detectors import Detector
from basinwatch.errors import InputError
from basinwatch.models import load_model


def start_from_model(detector: Detector, architecture: str, folder: Path) -> None:
    """Copy all weights of a model into a detector.

    Raises
    ------
    InputError
        If the model is of another architecture, sees another encoding, or has other options that change its shape.
    """
    model = load_model(folder)
    _require_equal(folder, "architecture", model.spec["architecture"], architecture)
    _require_equal(folder, "encoding", model.spec["encoding"], detector.encoding)
    try:
        detector.load_state_dict(model.detector.state_dict())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{folder}: weights do not fit training.options ({reason}), expected those of model.json; take its options."
        ) from error


def _require_equal(folder: Path, what: str, found: str, expected: str) -> None:
    """Refuse weights made for something else."""
    if found != expected:
        raise InputError(
            f"{folder}: found weights of {what} {found!r}, expected {expected!r} as in training; correct "
            "training.weights or the recipe."
        )
