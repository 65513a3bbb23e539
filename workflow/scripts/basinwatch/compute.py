"""Where networks run and in which precision."""

from __future__ import annotations

import logging

import torch

logger = logging.getLogger(__name__)


def pick_device(wanted: str) -> torch.device:
    """Return the device named `wanted` (``auto``, ``cuda``, ``cpu``); without a GPU the CPU, with a log message."""
    if wanted != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    if wanted not in ("auto", "cpu"):
        logger.warning("no usable GPU found, working on the CPU instead of %s", wanted)
    return torch.device("cpu")


def use_threads(threads: int | None) -> None:
    """Use as many CPU threads as were granted and let denormal numbers, which are slow, be zero."""
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def fast_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """Return bfloat16 where the hardware computes with it, else float32.

    CPUs without AMX or AVX-512 BF16 emulate bfloat16 at a tenth of the speed of float32.
    """
    if precision == "float32":
        return torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    features = torch.cpu.get_capabilities()
    return torch.bfloat16 if features.get("amx_bf16") or features.get("avx512_bf16") else torch.float32
