"""Fully convolutional networks of Long, Shelhamer & Darrell (2015) on VGG-16."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import VGG16_Weights

from basinwatch.detectors.class_scores import ScoringDetector, basin_logit, initialise
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import register
from basinwatch.encoding import channels

_DEPTHS = (2, 2, 3, 3, 3)
_LEGACY_PADDING_PX = 100
_LEGACY_CROPS = {32: 19, 16: 27, 8: 31}
_LEGACY_SKIP_CROPS = (5, 9)
_PUBLISHED = {"imagenet": VGG16_Weights.IMAGENET1K_V1}


class FCN(ScoringDetector):
    """Scores of every 32nd pixel, refined by scores from earlier maps and enlarged bilinearly.

    Parameters
    ----------
    step_px
        Spacing of the scores that are enlarged to the answer: 32, 16 (with a skip from the fourth pooling) or 8 (and
        from the third).
    widths
        Channels of VGG's five stages.
    hidden
        Channels of the two layers that were VGG's fully connected ones.
    padding
        ``same`` keeps maps aligned with the input. ``legacy`` is the original: 100 pixels around the input, no padding
        of the large kernel, and crops; 2.6 times the cost on 256-pixel tiles.
    weights
        ``none``, ``imagenet`` or a safetensors file, see :mod:`basinwatch.detectors.pretrained`.
    scoring
        Of :class:`basinwatch.detectors.class_scores.ScoringDetector`.
    """

    stride = 32

    def __init__(
        self,
        step_px: int,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        hidden: int = 4096,
        padding: Literal["same", "legacy"] = "same",
        weights: str = "none",
        **scoring: Any,
    ) -> None:
        super().__init__(**scoring)
        if len(widths) != len(_DEPTHS) or padding not in ("same", "legacy"):
            raise ValueError(f"widths {widths} and padding {padding!r} must be five numbers and same or legacy")
        self.step_px, self.legacy = step_px, padding == "legacy"
        self.halo = _reach(step_px)
        self.features = _features(channels(self.encoding), widths, _LEGACY_PADDING_PX if self.legacy else 1)
        self.classifier = _classifier(widths[-1], hidden, self.classes, 0 if self.legacy else 3)
        skips = {32: 0, 16: 1, 8: 2}[step_px]
        self.scores = nn.ModuleList(_silent_score(w, self.classes) for w in (widths[3], widths[2])[:skips])
        self.enlarge = nn.ModuleList(_doubling(self.classes, 0 if self.legacy else 3) for _ in range(skips))
        initialise(nn.ModuleList([self.features, self.classifier]), self.classifier[-1])  # type: ignore[arg-type]
        start_from(self, weights, _PUBLISHED, "features.")

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        size, maps = x.shape[-2:], []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
        x = self.classifier(x)
        for score, enlarge, finer, crop in zip(
            self.scores, self.enlarge, maps[3:1:-1], _LEGACY_SKIP_CROPS, strict=False
        ):
            x = enlarge(x if self.legacy else functional.pad(x, (1, 1, 1, 1), mode="replicate"))
            x = x + _crop(score(finer), crop if self.legacy else 0, x.shape[-2:])
        if self.legacy:
            return basin_logit(_crop(_spread(x, self.step_px), _LEGACY_CROPS[self.step_px], size))
        return basin_logit(functional.interpolate(x, scale_factor=float(self.step_px), mode="bilinear"))


for _step_px in _LEGACY_CROPS:
    register(f"fcn{_step_px}s")(partial(FCN, _step_px))


def _features(inputs: int, widths: Sequence[int], first_padding: int) -> nn.Sequential:
    """VGG-16's convolutions, ReLUs and poolings, numbered as torchvision does."""
    layers: list[nn.Module] = []
    for depth, width in zip(_DEPTHS, widths, strict=True):
        for _ in range(depth):
            padding = 1 if layers else first_padding
            layers += [nn.Conv2d(inputs, width, 3, padding=padding), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2, ceil_mode=first_padding > 1))
    return nn.Sequential(*layers)


def _classifier(inputs: int, hidden: int, classes: int, padding: int) -> nn.Sequential:
    """VGG-16's fully connected layers as convolutions, numbered as torchvision does."""
    return nn.Sequential(
        nn.Conv2d(inputs, hidden, 7, padding=padding), nn.ReLU(inplace=True), nn.Dropout2d(0.5),
        nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout2d(0.5),
        nn.Conv2d(hidden, classes, 1),
    )  # fmt: skip


def _silent_score(inputs: int, classes: int) -> nn.Conv2d:
    """Scores from an earlier map, which say nothing before training."""
    layer = nn.Conv2d(inputs, classes, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _doubling(classes: int, padding: int) -> nn.ConvTranspose2d:
    """Transposed convolution that enlarges twofold, bilinearly before training."""
    layer = nn.ConvTranspose2d(classes, classes, 4, 2, padding=padding, bias=False)
    with torch.no_grad():
        layer.weight.copy_(_bilinear(2, classes))
    return layer


def _bilinear(factor: int, classes: int) -> Tensor:
    """Kernel (classes, classes, 2·factor, 2·factor) of a transposed convolution that enlarges each class bilinearly."""
    side = 1 - (torch.arange(2 * factor) + 0.5 - factor).abs() / factor
    return torch.eye(classes)[:, :, None, None] * side[:, None] * side


def _spread(x: Tensor, factor: int) -> Tensor:
    """Enlarge bilinearly by a transposed convolution without padding, falling to 0 outside."""
    kernel = _bilinear(factor, x.shape[1]).to(x)
    return functional.conv_transpose2d(x, kernel, stride=factor)


def _crop(x: Tensor, first: int, size: tuple[int, ...]) -> Tensor:
    """Cut rows and columns from `first` on."""
    return x[..., first : first + size[0], first : first + size[1]]


def _reach(step_px: int) -> int:
    """Pixels beyond which an output pixel cannot see.

    A score at the deepest level sees 186 px beyond its cell of 32; enlarging mixes it with its neighbour, at every
    factor of two and at last over `step_px`.
    """
    beyond = sum(depth * 2**level for level, depth in enumerate(_DEPTHS)) + 3 * 32
    return beyond + 64 - step_px // 2 - 1
