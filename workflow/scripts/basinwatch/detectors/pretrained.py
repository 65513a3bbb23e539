"""Start a detector from weights that were trained elsewhere; nothing is downloaded and no pickle is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from basinwatch.errors import InputError

FILLED_LATER = "filled later"


def start_from(
    detector: nn.Module, weights: str, published: Mapping[str, WeightsEnum], backbone: str, optional: str = ""
) -> None:
    """Copy into a detector what a file of weights has for it; the rest keeps its random start.

    A first convolution of another number of channels takes the mean over the published ones, scaled so that inputs of
    the same size excite it as much.

    Parameters
    ----------
    weights
        ``none``, a key of `published`, or the path of a safetensors file; `FILLED_LATER` does nothing, for detectors
        whose weights are all about to be loaded.
    published
        What torchvision publishes; its file is expected in the cache of torch.hub, converted to safetensors.
    backbone
        Prefix of the part that must be covered completely. Names in the file may lack it.
    optional
        Part of the names in there that need not be covered.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or does not cover the backbone.
    """
    if weights in ("none", FILLED_LATER):
        return
    path = _locate(weights, published)
    tensors = _read(path)
    state = detector.state_dict()
    fitting: dict[str, Tensor] = {}
    for name, value in tensors.items():
        target = name if name in state else backbone + name
        fitted = _fit(value, state[target]) if target in state else None
        if fitted is not None:
            fitting[target] = fitted
    needed = [n for n, v in state.items() if n.startswith(backbone) and v.is_floating_point()]
    missing = [n for n in needed if n not in fitting and not (optional and optional in n)]
    if missing:
        raise InputError(
            f"{path}: nothing in it fits {missing[0]} and {len(missing) - 1} other tensors, expected the weights of "
            f"this architecture; correct weights or the options."
        )
    detector.load_state_dict(state | fitting)


def _locate(weights: str, published: Mapping[str, WeightsEnum]) -> Path:
    """File of weights that `weights` names."""
    path = Path(weights)
    if weights in published:
        path = Path(torch.hub.get_dir(), "checkpoints", f"{Path(published[weights].url).stem}.safetensors")
    if path.suffix != ".safetensors":
        names = ", ".join(("none", *published))
        raise InputError(f"weights: found {weights!r}, expected {names} or a .safetensors file; correct the setting.")
    if not path.is_file():
        raise InputError(
            f"weights {weights}: {path} not found and nothing is downloaded here; convert the published file to "
            "safetensors as docs/pretrained_weights.md shows."
        )
    return path


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file ({error}); convert or restore it.") from error


def _fit(value: Tensor, wanted: Tensor) -> Tensor | None:
    """Bring a tensor into the wanted shape, a matrix into a kernel, red, green and blue into other channels."""
    if value.shape[:1] == wanted.shape[:1] and value.numel() == wanted.numel():
        return value.reshape(wanted.shape)
    if value.ndim == wanted.ndim == 4 and value.shape[1] == 3 and value[:, 0].shape == wanted[:, 0].shape:
        return value.mean(1, keepdim=True).expand_as(wanted) * (3 / wanted.shape[1])
    return None
