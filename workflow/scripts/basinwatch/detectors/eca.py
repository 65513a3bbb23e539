"""Efficient channel attention (Wang et al. 2020)."""

from __future__ import annotations

import math

from torch import Tensor, nn


class EfficientChannelAttention(nn.Module):
    """Scale every channel by what its mean and those of its neighbours say.

    The kernel along the channels grows with their number C: |log₂C + 1| / 2, made odd (equation 12 with γ = 2, b = 1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = int(abs(math.log2(channels) + 1) / 2)
        size += 1 - size % 2
        self.mix = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x) to the same shape."""
        means = x.mean(dim=(2, 3))[:, None]
        weights = self.mix(means).sigmoid()[:, 0, :, None, None]
        scaled: Tensor = x * weights
        return scaled
