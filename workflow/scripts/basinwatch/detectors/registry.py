"""Detectors by name: a configuration names an architecture and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from basinwatch.errors import InputError


class Detector(nn.Module):
    """A network that finds basins in encoded tiles.

    Attributes
    ----------
    kind
        ``semantic``: one logit per pixel.
    free_size
        Whether any window that is a multiple of `stride` may be fed and gives the same answer
        `halo` pixels away from its border; False for networks with global pooling.
    stride
        Window sides and window positions must be multiples of this, in pixels.
    halo
        Distance from a window's border within which the answer depends on what lies outside.
    """

    kind: ClassVar[str] = "semantic"
    free_size: ClassVar[bool] = True
    stride: int
    halo: int

    def forward(self, x: Tensor) -> Tensor:
        """Map encoded tiles (n, 3, y, x) to logits (n, 1, y, x)."""
        raise NotImplementedError


Family = TypeVar("Family", bound=type[Detector])
_FAMILIES: dict[str, Callable[..., Detector]] = {}


def register(name: str) -> Callable[[Family], Family]:
    """Make a detector class known under `name`; its keyword arguments are the options."""

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
    except (TypeError, ValueError) as error:
        raise InputError(
            f"detector {name}: options {dict(options or {})} do not fit ({error}); correct or remove them."
        ) from error
