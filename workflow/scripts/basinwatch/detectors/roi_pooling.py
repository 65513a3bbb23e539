"""Features of regions of interest (RoI) from a pyramid: RoIPool and deformable RoI pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops
from torchvision.ops.poolers import LevelMapper

LEVELS = ("0", "1", "2", "3")
_FIRST_LEVEL = 2
OFFSET_RATE = 0.1


def deform_roi_pool(
    features: Tensor,
    rois: Tensor,
    offsets: Tensor | None,
    size: int,
    scale: float,
    sampling: int = 2,
    gamma: float = 0.1,
) -> Tensor:
    """Mean of samples in each of size × size bins of every region, the bins moved (Dai et al. 2017, section 2.2).

    Without offsets this is RoIAlign with half-pixel centres (``aligned``).

    Parameters
    ----------
    features
        (n, c, y, x).
    rois
        (k, 5): number of the tile, left, top, right, bottom in pixels.
    offsets
        (k, 2, size, size): by how much each bin moves to the right and down, in shares of the region over `gamma`.
    size
        Bins per side.
    scale
        Cells of `features` per pixel.
    sampling
        Samples per side of a bin.

    Returns
    -------
    Tensor
        (k, c, size, size), differentiable in features and offsets.
    """
    points = _sample_points(rois[:, 1:] * scale - 0.5, offsets, size, sampling, gamma)
    side = points.new_tensor([features.shape[3], features.shape[2]])
    inside = ((points >= -1) & (points <= side)).all(dim=-1)
    grid = (2 * points + 1) / side - 1
    pooled = features.new_zeros((len(rois), features.shape[1], size, size))
    for tile, feature in enumerate(features):
        own = rois[:, 0] == tile
        if own.any():
            stacked = grid[own].flatten(0, 1)[None]
            values = functional.grid_sample(feature[None], stacked, padding_mode="border", align_corners=False)[0]
            values = values.unflatten(1, (-1, size * sampling)).transpose(0, 1) * inside[own, None]
            pooled[own] = functional.avg_pool2d(values, sampling)
    return pooled


def _sample_points(boxes: Tensor, offsets: Tensor | None, size: int, sampling: int, gamma: float) -> Tensor:
    """Positions (k, size · sampling, size · sampling, 2), x first, of the samples in boxes (k, 4), in cells."""
    share = (torch.arange(size * sampling, dtype=boxes.dtype, device=boxes.device) + 0.5) / (size * sampling)
    y, x = torch.meshgrid(share, share, indexing="ij")
    shares = torch.stack([x, y], dim=-1)[None]
    if offsets is not None:
        moved = offsets.repeat_interleave(sampling, dim=2).repeat_interleave(sampling, dim=3)
        shares = shares + gamma * moved.permute(0, 2, 3, 1)
    corner, extent = boxes[:, None, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None, None]
    return corner + extent * shares


def _pool_levels(
    features: Sequence[Tensor], rois: Tensor, size: int, pool: Callable[[Tensor, Tensor, float], Tensor]
) -> Tensor:
    """Pool every region (k, 5) from the map that suits its size (Lin et al. 2017, eq. 1).

    `pool` gets a map, which regions (bool (k,)) belong to it, and its scale.
    """
    level = LevelMapper(_FIRST_LEVEL, _FIRST_LEVEL + len(features) - 1)([rois[:, 1:]])
    pooled = features[0].new_zeros((len(rois), features[0].shape[1], size, size))
    for place, feature in enumerate(features):
        own = level == place
        if own.any():
            pooled[own] = pool(feature, own, 0.5 ** (_FIRST_LEVEL + place))
    return pooled


def _number(boxes: Sequence[Tensor]) -> Tensor:
    """Regions (k, 5) of boxes given per tile."""
    return torch.cat([functional.pad(box, (1, 0), value=tile) for tile, box in enumerate(boxes)])


class RoIPool(nn.Module):
    """RoIPool (Girshick 2015) from the levels of a pyramid.

    Parameters
    ----------
    size
        Bins per side.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Mapping[str, Tensor], boxes: list[Tensor], shapes: list[tuple[int, int]]) -> Tensor:
        """Pool boxes given per tile (m, 4) to (k, c, size, size); takes what torchvision's poolers take."""
        rois = _number(boxes)

        def pool(feature: Tensor, own: Tensor, scale: float) -> Tensor:
            pooled: Tensor = ops.roi_pool(feature, rois[own], self.size, scale)
            return pooled

        return _pool_levels([features[level] for level in LEVELS], rois, self.size, pool)


class DeformableRoIPool(nn.Module):
    """Deformable RoI pooling from the levels of a pyramid.

    Offsets come from the regions' features where nothing is moved. One layer serves all levels, since offsets are
    shares of the region; it starts at 0 and is to learn at `OFFSET_RATE` of the rate of other layers.

    Parameters
    ----------
    width
        Channels of the features.
    size
        Bins per side.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.offset = nn.Linear(width * size**2, 2 * size**2)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)

    def forward(self, features: Mapping[str, Tensor], boxes: list[Tensor], shapes: list[tuple[int, int]]) -> Tensor:
        """Pool boxes given per tile (m, 4) to (k, c, size, size); takes what torchvision's poolers take."""
        levels, rois = [features[level] for level in LEVELS], _number(boxes)
        still = self._pool(levels, rois, None)
        offsets = self.offset(still.flatten(1).to(self.offset.weight.dtype)).float()
        return self._pool(levels, rois, offsets.unflatten(1, (2, self.size, self.size)))

    def _pool(self, levels: Sequence[Tensor], rois: Tensor, offsets: Tensor | None) -> Tensor:
        """Pool regions with offsets or without."""

        def pool(feature: Tensor, own: Tensor, scale: float) -> Tensor:
            return deform_roi_pool(feature, rois[own], None if offsets is None else offsets[own], self.size, scale)

        return _pool_levels(levels, rois, self.size, pool)
