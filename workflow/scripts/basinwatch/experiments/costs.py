"""What a detector costs: parameters, multiply-adds, memory and time of one tile."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from basinwatch.detectors import Detector, InstanceDetector
from basinwatch.encoding import channels

_BYTES = 4
_REPEATS = 3


def costs(detector: Detector, side_px: int, device: torch.device) -> dict[str, float | None]:
    """Size and cost of a detector on one tile without basins.

    Returns
    -------
    dict
        ``parameters_m`` (millions), ``parameters_mb`` (four bytes each), ``gmacs`` (10⁹ multiply-adds of convolutions
        and products, which Yu et al. (2022), table 3, call GFLOPs), ``predict_s`` (median of three) and ``memory_mb``
        (peak on the GPU beyond the weights; None on a CPU).
    """
    count = sum(parameter.numel() for parameter in detector.parameters())
    tile = torch.zeros(1, channels(detector.encoding), side_px, side_px, device=device)
    answer: Callable[..., object] = detector.predict if isinstance(detector, InstanceDetector) else detector
    detector.to(device).eval()
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            answer(tile)
        times = [_seconds(answer, tile, device) for _ in range(_REPEATS)]
    return {
        "parameters_m": count / 1e6,
        "parameters_mb": count * _BYTES / 1e6,
        "gmacs": counter.get_total_flops() / 2e9,
        "predict_s": statistics.median(times),
        "memory_mb": _peak_mb(answer, tile, device),
    }


def _seconds(answer: Callable[..., object], tile: torch.Tensor, device: torch.device) -> float:
    """Time one answer, the device's queue included."""
    begin = time.perf_counter()
    answer(tile)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def _peak_mb(answer: Callable[..., object], tile: torch.Tensor, device: torch.device) -> float | None:
    """Peak memory of one answer beyond what is held before; unknown on a CPU."""
    if device.type != "cuda":
        return None
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        answer(tile)
    return (torch.cuda.max_memory_allocated(device) - held) / 1e6
