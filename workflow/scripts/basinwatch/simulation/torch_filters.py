"""Local filters of batches of interferograms on a torch device; each equals its numpy counterpart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

_PATCH_PIXELS = 1 << 21


def filter_goldstein(
    interferograms: Tensor, alphas: Sequence[float], window: int = 32, step: int | None = None
) -> Tensor:
    """Filter a batch as :func:`basinwatch.goldstein.filter_goldstein` does one interferogram.

    Parameters
    ----------
    interferograms
        complex64 (tile, y, x); 0 or NaN means no data and stays 0.
    alphas
        Strength of each tile's filter.
    window, step
        Side of a patch in pixels and distance of patches, a divisor of `window` (default half of it).

    Returns
    -------
    complex64 (tile, y, x).

    Raises
    ------
    ValueError
        If `step` does not divide `window`.
    """
    step = window // 2 if step is None else step
    if step < 1 or window % step:
        raise ValueError(f"step {step} must divide the window {window}")
    exponents = torch.tensor(alphas, dtype=torch.float32, device=interferograms.device)
    # Spectra of overlapping patches take several times the memory of the tiles.
    patch_pixels = interferograms[0].numel() * (window // step) ** 2
    pieces = max(len(alphas) * patch_pixels // _PATCH_PIXELS, 1)
    parts = zip(interferograms.tensor_split(pieces), exponents.tensor_split(pieces), strict=True)
    return torch.cat([_filter(tiles, strengths, window, step) for tiles, strengths in parts if len(tiles)])


def _filter(interferograms: Tensor, exponents: Tensor, window: int, step: int) -> Tensor:
    """Goldstein filter of a few tiles at once."""
    height, width = interferograms.shape[1:]
    valid = interferograms.isfinite() & (interferograms != 0)
    unit = torch.where(valid, interferograms.sgn(), 0)
    margin = window - step
    after = [margin + (-(n + 2 * margin - window)) % step for n in (height, width)]
    padded = _extended(unit, (margin, after[0]), (margin, after[1]))
    patches = padded.unfold(1, window, step).unfold(2, window, step)
    spectra = torch.fft.fft2(patches)
    spectra *= _response(spectra.abs(), exponents)
    triangle = _triangle(window, unit.device)
    filtered = torch.fft.ifft2(spectra).mul_(triangle[:, None] * triangle / triangle[::step].sum() ** 2)
    blended = _overlap_add(filtered, window // step, step)
    return torch.where(valid, blended[:, margin : margin + height, margin : margin + width], 0)


def _triangle(window: int, device: torch.device) -> Tensor:
    """Blending weights that sum to a constant for every step that divides half the window."""
    position = torch.arange(window, device=device) + 0.5
    return 1 - (position / (window / 2) - 1).abs()


def _response(magnitude: Tensor, exponents: Tensor) -> Tensor:
    """Spectral magnitude smoothed by a 3 × 3 box relative to the patch maximum, to the power of each tile."""
    smooth = magnitude
    for axis in (-2, -1):
        smooth = smooth.roll(1, axis).add_(smooth).add_(smooth.roll(-1, axis))
    peak = smooth.amax((-2, -1), keepdim=True)
    relative = torch.where(peak > 0, smooth / peak, 1)
    return relative ** exponents[:, None, None, None, None]


def _overlap_add(patches: Tensor, pieces: int, step: int) -> Tensor:
    """Sum patches (tile, row, column, y, x) that lie `step` = side / `pieces` pixels apart."""
    tiles, rows, columns = patches.shape[:3]
    blocks = patches.new_zeros((tiles, rows + pieces - 1, step, columns + pieces - 1, step))
    for i in range(pieces):
        for j in range(pieces):
            corner = patches[..., i * step : (i + 1) * step, j * step : (j + 1) * step]
            blocks[:, i : i + rows, :, j : j + columns] += corner.transpose(2, 3)
    return blocks.flatten(3).flatten(1, 2)


def smooth_along(interferograms: Tensor, axis: int, sigmas_px: Sequence[float]) -> Tensor:
    """Filter as :func:`basinwatch.simulation.speckle.smooth_along` along `axis` 0 or 1 of each tile (tile, y, x)."""
    sigmas = torch.tensor(sigmas_px, dtype=torch.float32, device=interferograms.device)[:, None]
    reach = int(3 * max(sigmas_px) + 0.5)
    distance = torch.arange(-reach, reach + 1, device=interferograms.device)
    weights = torch.exp(-0.5 * (distance / sigmas) ** 2) * (distance.abs() <= (3 * sigmas + 0.5).floor())
    weights /= weights.sum(1, keepdim=True)
    rows, columns = [(reach, reach) if along == axis else (0, 0) for along in (0, 1)]
    padded, length = _extended(interferograms, rows, columns, "edge"), interferograms.shape[1 + axis]
    result = torch.zeros_like(interferograms)
    for offset in range(2 * reach + 1):
        result.addcmul_(padded.narrow(1 + axis, offset, length), weights[:, offset, None, None])
    return result


def smoothed(samples: Tensor) -> Tensor:
    """Sample coherence (tile, y, x) as :func:`basinwatch.simulation.coherence.smoothed` gives it."""
    return _box_mean(samples, 3).clamp_(0, 1)


def phasor_coherence(interferograms: Tensor, size: int = 5) -> Tensor:
    """Length of the mean unit phasor, as :func:`basinwatch.simulation.coherence.phasor_coherence` gives it."""
    unit = interferograms.sgn()
    length = torch.hypot(_box_mean(unit.real, size), _box_mean(unit.imag, size))
    return (length / _box_mean((unit != 0).float(), size).clamp_(min=1e-3)).clamp_(0, 1)


def _box_mean(values: Tensor, size: int) -> Tensor:
    """Mean of a moving window over mirrored edges."""
    margin = (size // 2, size // 2)
    mean = _extended(values, margin, margin) / size**2
    for axis in (1, 2):
        length = values.shape[axis]
        parts = [mean.narrow(axis, offset, length) for offset in range(size)]
        mean = parts[0] + parts[1]
        for part in parts[2:]:
            mean += part
    return mean


def _extended(
    values: Tensor, rows: tuple[int, int], columns: tuple[int, int], mode: Literal["symmetric", "edge"] = "symmetric"
) -> Tensor:
    """Extend each tile before and after its rows and columns by mirrored or repeated edges."""
    for axis, margins in ((1, rows), (2, columns)):
        if any(margins):
            places = np.pad(np.arange(values.shape[axis]), margins, mode=mode)
            values = values.index_select(axis, torch.from_numpy(places).to(values.device))
    return values
