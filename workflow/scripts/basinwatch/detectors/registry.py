"""Detectors by name: a configuration names an architecture and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from basinwatch.errors import InputError


@dataclass(frozen=True)
class Objects:
    """What an instance detector found in one tile, the best first.

    Parameters
    ----------
    boxes
        float32 (n, 4): left, top, right, bottom in pixels; the first pixel spans 0 to 1.
    scores
        float32 (n,) in 0…1.
    masks
        Per object a bool array over the whole pixels its box touches, clipped to the tile: rows ⌊top⌋ to ⌈bottom⌉,
        columns ⌊left⌋ to ⌈right⌉. None for detectors that give boxes only. Masks are never pasted into the tile.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    masks: list[NDArray[np.bool_]] | None = None

    def __len__(self) -> int:
        return len(self.scores)


class Detector(nn.Module):
    """A network that finds basins in encoded tiles.

    Attributes
    ----------
    kind
        ``semantic``: maps of probability, from which basins are formed once per scene; ``instance``: objects per tile.
    encoding
        Name of the encoding it expects, see :mod:`basinwatch.encoding`.
    free_size
        Whether any window that is a multiple of `stride` may be fed and gives the same answer
        `halo` pixels away from its border; False for networks with global pooling.
    stride
        Window sides and window positions must be multiples of this, in pixels.
    halo
        Distance from a window's border within which the answer depends on what lies outside.
    maps
        Semantic detectors: how many maps of logits `forward` gives. The first is whether a pixel is in a basin; the
        second, where there is one, whether it is in the core of a basin, which tells touching basins apart.
    layer_rates
        Learning rates of single layers in shares of the others', by the beginning of their parameters' names.
    """

    kind: ClassVar[Literal["semantic", "instance"]]
    free_size: ClassVar[bool] = True
    encoding: str = "sincos_coherence"
    stride: int
    halo: int
    maps: int
    layer_rates: Mapping[str, float] = {}

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Losses of a batch by name; training minimises their sum.

        Parameters
        ----------
        x
            float32 (n, channels, y, x), encoded.
        target
            uint8 (n, y, x), see :func:`basinwatch.datasets.tiles.instance_target`.
        """
        raise NotImplementedError

    def to_fast(self, dtype: torch.dtype) -> None:
        """Cast to `dtype` for prediction, in place; families may leave parts that are not faster in it as they are."""
        self.to(dtype)


class SemanticDetector(Detector):
    """A detector whose `forward` maps encoded tiles (n, channels, y, x) to logits (n, maps, y, x)."""

    kind = "semantic"
    maps: int = 1


class InstanceDetector(Detector):
    """A detector that finds separate objects."""

    kind = "instance"

    def predict(self, x: Tensor) -> list[Objects]:
        """Objects of every tile of a batch (n, channels, y, x), after non-maximum suppression.

        Called in evaluation mode. Scores start low (0.01 to 0.05), so that average precision can be computed; callers
        drop what is below their threshold.
        """
        raise NotImplementedError


Family = TypeVar("Family", bound=Callable[..., Detector])
_FAMILIES: dict[str, Callable[..., Detector]] = {}


def register(name: str) -> Callable[[Family], Family]:
    """Make a detector class, or a function that builds one, known by name; its keyword arguments are the options."""

    def keep(family: Family) -> Family:
        _FAMILIES[name] = family
        return family

    return keep


def available() -> list[str]:
    """Names :func:`build` accepts."""
    return sorted(_FAMILIES)


def build(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """Build an untrained detector.

    Raises
    ------
    InputError
        If the name or an option is unknown.
    """
    if name not in _FAMILIES:
        raise InputError(f"detector: found {name!r}, expected one of {', '.join(available())}; correct the name.")
    try:
        return _FAMILIES[name](**(options or {}))
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(
            f"detector {name}: options {dict(options or {})} do not fit ({error}); correct or remove them."
        ) from error
