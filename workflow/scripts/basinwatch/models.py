"""Trained models on disk: ``weights.safetensors`` and ``model.json``; nothing that is executed when loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from basinwatch import detectors, encoding
from basinwatch.detectors import Detector
from basinwatch.detectors.pretrained import FILLED_LATER
from basinwatch.errors import InputError
from basinwatch.provenance import atomic_path, file_hash, software, write_json

WEIGHTS = "weights.safetensors"
SPEC = "model.json"
_NEEDED = ("name", "architecture", "options", "encoding", "tile_size_px", "threshold", "min_area_px", "weights_sha256")


@dataclass(frozen=True)
class LoadedModel:
    """A detector ready to predict and what is known about it (the fields of ``model.json``)."""

    detector: Detector
    spec: dict[str, Any]


def _halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return float16 copies of all floating tensors; batch counters serve training only.

    What float16 cannot hold stays float32: the running variance before a normalisation may be of any size.
    """
    floating = {k: v.detach().cpu().contiguous() for k, v in state.items() if v.is_floating_point()}
    if not all(bool(torch.isfinite(v).all()) for v in floating.values()):
        raise ValueError("weights are not finite; the training diverged")
    halved = {k: v.half() for k, v in floating.items()}
    return {k: v if bool(torch.isfinite(v).all()) else floating[k].float() for k, v in halved.items()}


def save_model(folder: Path, detector: Detector, spec: dict[str, Any]) -> None:
    """Write a model; ``model.json`` comes last and marks it as complete.

    Parameters
    ----------
    spec
        ``name``, ``architecture``, ``options``, ``tile_size_px``, ``threshold``, ``peak_threshold``,
        ``min_area_px``, ``pixel_size_m`` ([smallest, largest] trained on) and ``training`` (its record).
    """
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(save(_halved(detector.state_dict())))
    fields = {"encoding": detector.encoding, "weights_sha256": file_hash(folder / WEIGHTS), "software": software()}
    write_json(folder / SPEC, spec | fields)


def read_spec(folder: Path) -> dict[str, Any]:
    """Read and check ``model.json``.

    Raises
    ------
    InputError
        If it is missing, not JSON, lacks a field, or asks for an encoding unknown here.
    """
    path = folder / SPEC
    try:
        spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a trained model; train one.") from error
    missing = [key for key in _NEEDED if key not in spec]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}; expected a complete model file; train the model again.")
    if spec["encoding"] not in encoding.available():
        raise InputError(
            f"{path}: found encoding {spec['encoding']!r}, expected one of {', '.join(encoding.available())}; "
            "use the basinwatch version the model was trained with."
        )
    return spec


def _without_start(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a detector that need not start from the weights its training started from."""
    return options | {key: FILLED_LATER for key in options if key == "weights"}


def load_model(folder: Path, device: str | torch.device = "cpu") -> LoadedModel:
    """Read a model, check its weights against their hash and put it on `device` in evaluation mode.

    Raises
    ------
    InputError
        If a file is missing or unreadable, or weights and description do not belong together.
    """
    spec, path = read_spec(folder), folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{path}: not found, expected the weights {SPEC} describes; restore the file or train again.")
    found = file_hash(path)
    if found != spec["weights_sha256"]:
        raise InputError(
            f"{path}: found SHA-256 {found[:12]}…, expected {spec['weights_sha256'][:12]}… as in {SPEC}; "
            "restore the file or train again."
        )
    detector = detectors.build(spec["architecture"], _without_start(spec["options"]))
    state = detector.state_dict()
    try:
        weights = {k: v.to(state[k].dtype) for k, v in load_file(path).items()}
        counters = {k: v for k, v in state.items() if not v.is_floating_point()}
        detector.load_state_dict(weights | counters)
    except (SafetensorError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: does not fit architecture {spec['architecture']} ({reason}); restore the file or train again."
        ) from error
    return LoadedModel(detector.eval().to(device), spec)
