"""Feature pyramids (Lin et al. 2017) on ResNet and RedNet, for detectors with anchors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.resnet import Bottleneck, ResNet, ResNet50_Weights, ResNet101_Weights
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock
from torchvision.ops.misc import FrozenBatchNorm2d

from basinwatch.detectors.deform_resnet import deform
from basinwatch.detectors.rednet import involve

DEPTHS = {
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "rednet26": (1, 2, 4, 1),
    "rednet38": (2, 3, 5, 2),
    "rednet50": (3, 4, 6, 3),
    "rednet101": (3, 4, 23, 3),
    "rednet152": (3, 8, 36, 3),
}
_IMAGENET = {"resnet50": ResNet50_Weights.IMAGENET1K_V1, "resnet101": ResNet101_Weights.IMAGENET1K_V1}
ANCHORS = {"published": (32, 64, 128, 256, 512), "small": (16, 32, 64, 128, 256)}
RATIOS = (0.5, 1.0, 2.0)
STRIDES = (4, 8, 16, 32, 64, 128)
_STAGES = 4
_STAGE_STRIDES = (4, 4, 8, 16)


def _group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation in 32 groups (Wu & He 2018), fewer where there are fewer channels."""
    return nn.GroupNorm(min(32, channels), channels)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": _group_norm,
    "frozen": FrozenBatchNorm2d,
}


def build_backbone(
    name: str,
    inputs: int,
    depths: Sequence[int] | None = None,
    width_per_group: int = 64,
    norm: str = "batch",
    deformed: bool = False,
) -> ResNet:
    """Build a ResNet (He et al. 2016) or RedNet.

    Parameters
    ----------
    name
        A key of `DEPTHS`.
    inputs
        Channels of the input.
    depths
        Blocks of each stage, where not as published.
    width_per_group
        Channels of the middle convolutions of the first stage; 64 as published, in RedNet a multiple of 16.
    norm
        A key of `NORMS`.
    deformed
        Whether the stages 3 to 5 have deformable convolutions (ResNet only).

    Raises
    ------
    ValueError
        If a name is unknown or the parts do not go together.
    """
    if name not in DEPTHS or norm not in NORMS:
        known = f"{', '.join(DEPTHS)} and {', '.join(NORMS)}"
        raise ValueError(f"backbone {name!r} and norm {norm!r} must be among {known}")
    blocks = list(depths or DEPTHS[name])
    red = name.startswith("rednet")
    if len(blocks) != _STAGES or (red and deformed):
        raise ValueError(f"depths {blocks} of {name} must be {_STAGES} numbers, and only a ResNet can be deformed")
    network = ResNet(
        Bottleneck, blocks, zero_init_residual=True, width_per_group=width_per_group, norm_layer=NORMS[norm]
    )
    if red:
        involve(network, inputs, NORMS[norm])
    else:
        network.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    if deformed:
        deform(network)
    return network


def published_weights(name: str, coco: WeightsEnum) -> dict[str, WeightsEnum]:
    """List what torchvision publishes: ``imagenet`` for a ResNet, ``coco`` for the detector on ResNet-50."""
    found = {"imagenet": _IMAGENET[name]} if name in _IMAGENET else {}
    return found | ({"coco": coco} if name == "resnet50" else {})


def build_pyramid(network: ResNet, first: int, width: int, norm: str, extra: ExtraFPNBlock | None = None) -> nn.Module:
    """Put a feature pyramid on the stages of a network.

    Parameters
    ----------
    first
        First stage that is used, 1 to 4; the maps are called "0", "1", … from there.
    width
        Channels of every map.
    norm
        With ``group`` the pyramid is normalised too, which training from nothing needs when batches are small.
    extra
        What makes coarser maps than the stages have; the last map thinned out, unless told.
    """
    stages = range(first, _STAGES + 1)
    return BackboneWithFPN(
        network,
        {f"layer{stage}": str(place) for place, stage in enumerate(stages)},
        [256 * 2 ** (stage - 1) for stage in stages],
        width,
        extra_blocks=extra,
        norm_layer=NORMS["group"] if norm == "group" else None,
    )


def choose_anchors(anchors: str | Sequence[int], levels: int = 5) -> Sequence[int]:
    """Sides of the anchors in pixels, one per map, of a key of `ANCHORS` or as they are.

    Raises
    ------
    ValueError
        If it is neither a key nor a positive number per map.
    """
    if isinstance(anchors, str):
        if anchors not in ANCHORS:
            raise ValueError(f"anchors {anchors!r} is not one of {', '.join(ANCHORS)}")
        return ANCHORS[anchors]
    if len(anchors) != levels or min(anchors) <= 0:
        raise ValueError(f"anchors {list(anchors)} must be {levels} sides above 0")
    return anchors


def anchor_boxes(generator: AnchorGenerator, features: Sequence[Tensor], strides: Sequence[int]) -> list[Tensor]:
    """Anchors (a, 4) of every map, whose cells are `strides` pixels apart whatever the tile's side."""
    device = features[0].device
    generator.set_cell_anchors(torch.float32, device)
    spacing = [[torch.tensor(stride, device=device)] * 2 for stride in strides]
    anchors: list[Tensor] = generator.grid_anchors([list(f.shape[2:]) for f in features], spacing)
    return anchors


def reach(name: str, depths: Sequence[int] | None, coarsest: int, convolutions: int) -> int:
    """Pixels beyond which an answer from any map of a pyramid cannot see, deformation apart.

    Parameters
    ----------
    name, depths
        As for :func:`build_backbone`.
    coarsest
        Stride of the coarsest map; two cells of it are lost by the pyramid's own convolutions and resampling.
    convolutions
        3×3 convolutions on the way from the pyramid to the answer.
    """
    per_block, stem = (3, 9) if name.startswith("rednet") else (1, 3)
    stages = zip(depths or DEPTHS[name], _STAGE_STRIDES, STRIDES, strict=False)
    blocks = sum(per_block * (before + (depth - 1) * after) for depth, before, after in stages)
    return stem + 2 + blocks + (2 + convolutions) * coarsest
