"""Everything a training run needs to go on where it stopped, in one file of plain tensors."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from basinwatch.detectors import Detector
from basinwatch.provenance import atomic_path
from basinwatch.training.curve import Row

logger = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """A training state at one moment, as a checkpoint holds it."""

    tensors: dict[str, Tensor]
    progress: str

    def save(self, folder: Path) -> None:
        """Write the checkpoint atomically."""
        with atomic_path(folder / CHECKPOINT) as part:
            save_file(self.tensors, part, metadata={"progress": self.progress})


class TrainingState:
    """A detector in training, its optimiser, its moving average and its curve so far.

    Attributes
    ----------
    step
        Finished steps.
    losses
        Training losses since the last row of the curve.
    curve
        Rows of the training curve, one per validation.
    """

    def __init__(self, detector: Detector, optimizer: torch.optim.Optimizer) -> None:
        self.detector, self.optimizer = detector, optimizer
        self.average = deepcopy(detector).eval().requires_grad_(False)
        self.step = 0
        self.losses: list[float] = []
        self.curve: list[Row] = []

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the averaged weights towards the current ones; the first steps count more."""
        keep = min(decay, (1 + self.step) / (10 + self.step))
        current = self.detector.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - keep)
            else:
                value.copy_(current[name])

    def _tensors(self) -> dict[str, Tensor]:
        """All tensors under one flat naming."""
        named = {f"detector.{k}": v for k, v in self.detector.state_dict().items()}
        named |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer.{index}.{k}": v for k, v in slots.items() if isinstance(v, Tensor)}
        return {k: v.detach().to("cpu", copy=True).contiguous() for k, v in named.items()}

    def snapshot(self, identity: str) -> Snapshot:
        """Copy everything; `identity` names the settings and data it belongs to."""
        progress = {"identity": identity, "step": self.step, "losses": self.losses, "curve": self.curve}
        return Snapshot(self._tensors(), json.dumps(progress))

    def restore(self, folder: Path, identity: str) -> None:
        """Take up the folder's checkpoint if there is one of the same identity; else start anew, saying why."""
        path = folder / CHECKPOINT
        if not path.exists():
            return
        try:
            with safe_open(path, framework="pt") as stored:
                progress = json.loads((stored.metadata() or {})["progress"])
                if progress["identity"] != identity:
                    logger.warning("%s belongs to other settings or data; training starts anew", path)
                    return
                self._load({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            logger.warning("%s cannot be read (%s); training starts anew", path, error)
            return
        self.step, self.losses, self.curve = progress["step"], progress["losses"], progress["curve"]
        logger.info("training goes on after step %d", self.step)

    def _load(self, tensors: Mapping[str, Tensor]) -> None:
        """Undo :meth:`_tensors`."""
        for prefix, module in (("detector.", self.detector), ("average.", self.average)):
            module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        slots: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                slots.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})
