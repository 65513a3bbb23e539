"""Multilook speckle for batches of tiles on a torch device; the model is :mod:`basinwatch.simulation.speckle`'s."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

_SMALLEST_CUBED_SHAPE = 4.0
_SMALLEST_SHAPE = 1e-3


def multilook(
    rngs: Sequence[Generator], phase: Tensor, coherence: Tensor, looks: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Draw an L-look interferogram and its sample coherence for every tile.

    Parameters
    ----------
    rngs
        Source of randomness of each tile, on the device of the tensors.
    phase, coherence
        True phase in radians and true coherence in 0…1, float32 (tile, y, x).
    looks
        Equivalent number of independent looks of each tile, at least 1.

    Returns
    -------
    complex64 interferograms and float32 sample coherence in 0…1, (tile, y, x).
    """
    size = phase[0].shape
    pairs = zip(rngs, looks, strict=True)
    drawn = [(standard_gamma(rng, n, size), _circular(rng, size), standard_gamma(rng, n - 1, size)) for rng, n in pairs]
    power, circular, rest = (torch.stack(parts) for parts in zip(*drawn, strict=True))
    root, lost = power.sqrt_(), 1 - coherence.square()
    common = circular.mul_(lost.sqrt()).add_(coherence * root)
    energy = common.real.square().addcmul_(common.imag, common.imag)
    sample = (energy / (energy + lost * rest).clamp_(min=1e-12)).sqrt_()
    return common.mul_(torch.polar(root, phase)), sample


def standard_gamma(rng: Generator, shape: float, size: Sequence[int]) -> Tensor:
    """Draw gamma variates of scale 1 in a fixed number of steps from shape 4 on, exactly below it.

    Wilson, E. B. and Hilferty, M. M. (1931): the cube root is nearly normal. Marsaglia, G. and Tsang, W. W.
    (2000): exact by rejection; a shape below 1 takes one more uniform number.
    """
    if shape >= _SMALLEST_CUBED_SHAPE:
        root = torch.randn(*size, generator=rng, device=rng.device)
        return root.mul_(1 / math.sqrt(9 * shape)).add_(1 - 1 / (9 * shape)).clamp_(min=0).pow_(3).mul_(shape)
    shape = max(shape, _SMALLEST_SHAPE)
    variates = _rejected_gamma(rng, shape if shape >= 1 else shape + 1, math.prod(size))
    if shape < 1:
        variates *= torch.rand(len(variates), generator=rng, device=rng.device) ** (1 / shape)
    return variates.reshape(*size)


def _rejected_gamma(rng: Generator, shape: float, count: int) -> Tensor:
    """Exact gamma variates of a shape of at least 1."""
    scale = shape - 1 / 3
    variates = torch.empty(count, device=rng.device)
    missing = torch.arange(count, device=rng.device)
    while len(missing):
        normal = torch.randn(len(missing), generator=rng, device=rng.device)
        uniform = torch.rand(len(missing), generator=rng, device=rng.device)
        cube = (1 + normal / math.sqrt(9 * scale)) ** 3
        # The logarithm of a negative cube is NaN, which no comparison accepts.
        accepted = uniform.log() < normal.square() / 2 + scale * (1 - cube + cube.log())
        variates[missing[accepted]] = scale * cube[accepted]
        missing = missing[~accepted]
    return variates


def _circular(rng: Generator, size: Sequence[int]) -> Tensor:
    """Circular complex normal numbers of variance 1."""
    return torch.randn(*size, dtype=torch.complex64, generator=rng, device=rng.device)
