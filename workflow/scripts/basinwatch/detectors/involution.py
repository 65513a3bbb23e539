"""Involution (Li et al. 2021): every place makes the kernel it is filtered with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def involution(x: Tensor, kernels: Tensor, stride: int = 1) -> Tensor:
    """Filter every place of a map with its own kernel, which all channels of a group share.

    Taps are shifted and accumulated, so that memory does not grow with the kernel as it does when the input is
    unfolded. Accumulates in float32 whatever the input's precision.

    Parameters
    ----------
    x
        (n, groups · width, y, x).
    kernels
        (n, groups, size², y / stride, x / stride) with an odd size; padding keeps the first place where it is.
    stride
        Places from one kernel to the next.

    Returns
    -------
    Tensor
        (n, groups · width, y / stride, x / stride) in the type of `x`.
    """
    exact = torch.promote_types(x.dtype, torch.float32)
    grouped = x.unflatten(1, (kernels.shape[1], -1)).to(exact)
    answer: Tensor = _ShiftAccumulate.apply(grouped, kernels.to(exact), stride)
    return answer.flatten(1, 2).to(x.dtype)


class _ShiftAccumulate(torch.autograd.Function):
    """Involution of maps (n, groups, width, y, x); without its own gradient every tap would cost a whole map."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernels: Tensor, stride: int) -> Tensor:
        """Sum the taps."""
        ctx.save_for_backward(x, kernels)
        ctx.stride = stride
        padded = _pad(x, kernels)
        answer = x.new_zeros((*x.shape[:3], *kernels.shape[3:]))
        for tap, place in _taps(kernels, stride):
            answer.addcmul_(kernels[:, :, tap, None], padded[place])
        return answer

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """Hand the gradient back tap by tap."""
        x, kernels = ctx.saved_tensors
        padded = _pad(x, kernels)
        of_padded, of_kernels = torch.zeros_like(padded), torch.empty_like(kernels)
        for tap, place in _taps(kernels, ctx.stride):
            of_kernels[:, :, tap] = (gradient * padded[place]).sum(dim=2)
            of_padded[place].addcmul_(gradient, kernels[:, :, tap, None])
        margin = _margin(kernels)
        return of_padded[..., margin : margin + x.shape[3], margin : margin + x.shape[4]], of_kernels, None


def _margin(kernels: Tensor) -> int:
    """Places a kernel reaches to each side."""
    return math.isqrt(kernels.shape[2]) // 2


def _pad(x: Tensor, kernels: Tensor) -> Tensor:
    """Surround maps with as many zeros as the kernels reach."""
    return functional.pad(x, [_margin(kernels)] * 4)


def _taps(kernels: Tensor, stride: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield each tap's number with the part of the padded map that it sees."""
    size, (rows, columns) = math.isqrt(kernels.shape[2]), kernels.shape[3:]
    for tap in range(size**2):
        down, right = divmod(tap, size)
        seen_rows = slice(down, down + stride * (rows - 1) + 1, stride)
        seen_columns = slice(right, right + stride * (columns - 1) + 1, stride)
        yield tap, (..., seen_rows, seen_columns)


class Involution(nn.Module):
    """Involution with the kernels made by two 1×1 convolutions.

    Parameters
    ----------
    channels
        Channels in and out, a multiple of `group_width` and of `reduction`.
    size
        Side of the kernels, odd.
    stride
        The map's sides must be multiples of it.
    group_width
        Channels that share a kernel.
    reduction
        By how much the first convolution narrows.
    norm
        Normalisation after it.
    """

    def __init__(
        self,
        channels: int,
        size: int = 7,
        stride: int = 1,
        group_width: int = 16,
        reduction: int = 4,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        if channels % group_width or channels % reduction or size % 2 == 0:
            raise ValueError(f"{channels} channels need groups of {group_width} and a kernel of odd size, not {size}")
        self.stride, self.groups = stride, channels // group_width
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        narrow = channels // reduction
        self.reduce = nn.Sequential(nn.Conv2d(channels, narrow, 1, bias=False), norm(narrow), nn.ReLU(inplace=True))
        self.span = nn.Conv2d(narrow, self.groups * size**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x) to (n, channels, y / stride, x / stride)."""
        kernels = self.span(self.reduce(self.pool(x)))
        return involution(x, kernels.unflatten(1, (self.groups, -1)), self.stride)
