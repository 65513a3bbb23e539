"""A trained detector made fast for prediction."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from basinwatch.compute import fast_dtype
from basinwatch.detectors import Detector, InstanceDetector, Objects


def fold_normalisation(detector: Detector) -> Detector:
    """Return a copy whose batch normalisations are part of the convolutions before them.

    Belong together a convolution and the normalisation defined right after it, in a sequence or in a block.
    """
    folded = deepcopy(detector).eval()
    for block in list(folded.modules()):
        for (place, first), (after, second) in pairwise(list(block.named_children())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                block.register_module(place, fuse_conv_bn_eval(first, second))
                block.register_module(after, nn.Identity())
    return folded


class Predictor:
    """A detector on one device: normalisation folded, channels last, in the fastest safe precision."""

    def __init__(self, detector: Detector, device: torch.device, precision: str = "auto") -> None:
        self.device, self.dtype = device, fast_dtype(device, precision)
        network = fold_normalisation(detector).requires_grad_(False)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.to_fast(self.dtype)

    def __call__(self, channels: NDArray[np.float32] | Tensor) -> NDArray[np.float32]:
        """Map encoded windows (n, channels, y, x) to probabilities (n, maps, y, x); semantic detectors only."""
        return probabilities(self.logits(channels))

    @torch.inference_mode()
    def logits(self, channels: NDArray[np.float32] | Tensor) -> Tensor:
        """Map encoded windows to logits (n, maps, y, x) in the network's precision; semantic detectors only."""
        answer: Tensor = self.network(self._given(channels))
        return answer

    @torch.inference_mode()
    def objects(self, channels: NDArray[np.float32] | Tensor) -> list[Objects]:
        """Objects of every encoded window (n, channels, y, x); instance detectors only."""
        if not isinstance(self.network, InstanceDetector):
            raise TypeError(f"{type(self.network).__name__} gives maps, not objects")
        return self.network.predict(self._given(channels))

    def _given(self, channels: NDArray[np.float32] | Tensor) -> Tensor:
        """Bring windows to the device as the network wants them."""
        return torch.as_tensor(channels).to(self.device, self.dtype, memory_format=torch.channels_last)


@torch.inference_mode()
def probabilities(logits: Tensor) -> NDArray[np.float32]:
    """Logits of any precision and layout as probabilities in rows."""
    exact = logits.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    result: NDArray[np.float32] = exact.sigmoid_().cpu().numpy()
    return result
