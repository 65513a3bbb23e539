"""What YOLO-Basin and the anchor-based YOLO it grew from have in common."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from basinwatch.detectors.boxes import SelectionSettings, check_similarity
from basinwatch.detectors.darknet import STRIDES, CspDarknet, bottlenecks
from basinwatch.detectors.pafpn import PathAggregation
from basinwatch.detectors.registry import InstanceDetector
from basinwatch.encoding import DEFAULT, channels


class CspYolo(InstanceDetector):
    """CSPDarknet and path aggregation, on whose three maps heads answer.

    Parameters
    ----------
    width, depth
        Share of the full channels (64 after the first convolution) and of the full number of bottlenecks (3).
    light
        Whether 3×3 convolutions of backbone and neck are depthwise separable.
    upsampling
        How the neck enlarges coarse maps.
    box_loss, box_weight
        See :func:`basinwatch.detectors.boxes.pair_loss`, and its weight beside the loss of objectness.
    weights
        ``none``, or the safetensors file to start from once the heads are there.
    encoding
        What it sees, see :mod:`basinwatch.encoding`.
    selection
        Of :class:`basinwatch.detectors.boxes.SelectionSettings`.
    """

    stride = STRIDES[-1]

    def __init__(
        self,
        *,
        width: float,
        depth: float,
        light: bool,
        upsampling: Literal["bilinear", "nearest"],
        box_loss: str,
        box_weight: float = 5.0,
        weights: str = "none",
        encoding: str = DEFAULT,
        **selection: Any,
    ) -> None:
        super().__init__()
        self.encoding, self.weights = encoding, weights
        self.box_loss, self.box_weight = check_similarity(box_loss), box_weight
        self.selection = SelectionSettings(**selection)
        count = bottlenecks(depth)
        self.backbone = CspDarknet(channels(encoding), round(64 * width), count, light)
        self.neck = PathAggregation(self.backbone.widths, count, light, upsampling)
        self.halo = self.backbone.reach_px + self.neck.reach_px

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """Map (n, channels, y, x) to the three maps of the neck, the finest first."""
        maps: list[Tensor] = self.neck(self.backbone(x))
        return maps
