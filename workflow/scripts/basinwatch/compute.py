"""Where networks run and in which precision."""

from __future__ import annotations

import ctypes
import logging

import torch

logger = logging.getLogger(__name__)
# Parameters of mallopt(3): from which size on blocks come straight from the kernel; how much may stay when freed.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_KEPT_BYTES = 2**30
# What mallopt(3) calls the upper limit of the first, 4 MiB · sizeof(long): an older glibc refuses more.
_OLD_LIMIT_BYTES = 2**25


def pick_device(wanted: str) -> torch.device:
    """Return the device named `wanted` (``auto``, ``cuda``, ``cpu``); without a GPU the CPU, with a log message."""
    if wanted != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    if wanted not in ("auto", "cpu"):
        logger.warning("no usable GPU found, working on the CPU instead of %s", wanted)
    return torch.device("cpu")


def prepare_cpu(threads: int | None) -> None:
    """Use as many CPU threads as were granted, let denormal numbers be zero, and keep freed memory for what comes next.

    Denormal numbers are slow. Memory that goes back to the kernel after every layer comes back as zeroed pages, one
    fault each: a tenth of the time of a search.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Tell glibc's malloc to reuse large blocks; other C libraries have no such switch and go on as they are."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        if not mallopt(_MMAP_THRESHOLD, _KEPT_BYTES):
            mallopt(_MMAP_THRESHOLD, _OLD_LIMIT_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


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
