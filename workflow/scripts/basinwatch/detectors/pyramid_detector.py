"""What detectors with anchors on a feature pyramid have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torchvision.models import WeightsEnum
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock

from basinwatch.detectors.boxes import SelectionSettings
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.pyramid import build_backbone, build_pyramid, published_weights, reach
from basinwatch.detectors.registry import InstanceDetector
from basinwatch.encoding import DEFAULT, channels

_MIN_SCORE = 0.05


class PyramidDetector(InstanceDetector):
    """A feature pyramid on a ResNet or RedNet.

    Parameters
    ----------
    first, extra
        First stage with a map of its own, and what makes coarser maps than the stages have.
    backbone, depths, width_per_group, norm, deformed
        See :func:`basinwatch.detectors.pyramid.build_backbone`; ``frozen`` normalisation only with weights.
    pyramid_width
        Channels of the pyramid.
    weights
        ``none``, ``imagenet``, ``coco`` (both ResNet only) or a safetensors file, see
        :mod:`basinwatch.detectors.pretrained`.
    encoding
        What it sees, see :mod:`basinwatch.encoding`.
    selection
        Of :class:`basinwatch.detectors.boxes.SelectionSettings`.

    Raises
    ------
    ValueError
        If normalisation is frozen without weights, because such a network does not train.
    """

    stride = 32

    def __init__(
        self,
        first: int,
        extra: Callable[[int, int], ExtraFPNBlock] | None = None,
        *,
        backbone: str = "resnet50",
        depths: Sequence[int] | None = None,
        width_per_group: int = 64,
        norm: str = "batch",
        deformed: bool = False,
        pyramid_width: int = 256,
        weights: str = "none",
        encoding: str = DEFAULT,
        **selection: Any,
    ) -> None:
        super().__init__()
        if norm == "frozen" and weights == "none":
            raise ValueError("norm frozen needs weights to start from")
        self.encoding = encoding
        self.selection = SelectionSettings(**({"min_score": _MIN_SCORE} | selection))
        network = build_backbone(backbone, channels(encoding), depths, width_per_group, norm, deformed)
        coarser = None if extra is None else extra(pyramid_width, pyramid_width)
        self.backbone = build_pyramid(network, first, pyramid_width, norm, coarser)
        self._body, self._depths, self._weights = backbone, depths, weights

    def finish(self, coco: WeightsEnum, coarsest: int, convolutions: int) -> None:
        """Say how far the detector sees, and start from weights; called once the heads are there.

        Parameters
        ----------
        coco
            What torchvision publishes for this detector on ResNet-50.
        coarsest, convolutions
            See :func:`basinwatch.detectors.pyramid.reach`.
        """
        self.halo = reach(self._body, self._depths, coarsest, convolutions)
        published = published_weights(self._body, coco)
        start_from(self, self._weights, published, "backbone.body.", optional=".offset.")
