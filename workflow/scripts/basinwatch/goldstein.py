"""Adaptive spectral filter of wrapped interferograms after Goldstein and Werner (1998)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft


def filter_goldstein(
    interferogram: NDArray[np.complex64], alpha: float, window: int = 32, step: int | None = None
) -> NDArray[np.complex64]:
    """Weight the local spectrum by its own smoothed magnitude to the power `alpha`.

    Only the phase of the input counts. Overlapping patches are blended with triangular weights.

    Parameters
    ----------
    interferogram
        complex64 (y, x); 0 or NaN means no data and stays 0.
    alpha
        0 leaves the phase as it is, 1 filters most.
    window
        Side of a patch in pixels.
    step
        Distance of patches, a divisor of `window`; default half of it. A quarter keeps steep ramps
        truer (interior error 0.01 rad instead of 0.09).

    Returns
    -------
    complex64 (y, x), magnitude from 0 to about 1: how much of the local signal passed the filter.

    Raises
    ------
    ValueError
        If `step` does not divide `window`.

    Notes
    -----
    Goldstein, R. M. and Werner, C. L. (1998), Radar interferogram filtering for geophysical
    applications, Geophysical Research Letters 25(21); spectrum smoothed by a 3 × 3 box.
    """
    step = window // 2 if step is None else step
    if step < 1 or window % step:
        raise ValueError(f"step {step} must divide the window {window}")
    unit, valid = _unit_phasors(interferogram)
    padded = _pad(unit, window, step)
    weight = _triangle(window)
    total = np.zeros(padded.shape, np.complex64)
    for top in range(0, padded.shape[0] - window + 1, step):
        strip = _filter_strip(padded[top : top + window], alpha, window, step)
        total[top : top + window] += strip * weight[:, None]
    height, width = interferogram.shape
    margin = window - step
    share = _blend_sum(window, step)
    cropped = total[margin : margin + height, margin : margin + width] / np.float32(share * share)
    result: NDArray[np.complex64] = np.where(valid, cropped, 0).astype(np.complex64)
    return result


def _unit_phasors(interferogram: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
    """Scale to modulus 1; no data becomes 0."""
    modulus = np.abs(interferogram)
    valid = np.isfinite(modulus) & (modulus > 0)
    unit = np.zeros(interferogram.shape, np.complex64)
    np.divide(interferogram, modulus, out=unit, where=valid)
    return unit, valid


def _pad(unit: NDArray[np.complex64], window: int, step: int) -> NDArray[np.complex64]:
    """Mirror the edges so that every pixel is covered by the full number of patches."""
    margin = window - step
    after = [margin + (-(n + 2 * margin - window)) % step for n in unit.shape]
    return np.pad(unit, [(margin, a) for a in after], mode="symmetric")


def _triangle(window: int) -> NDArray[np.float32]:
    """Blending weights that sum to a constant for every step that divides half the window."""
    position = np.arange(window, dtype=np.float32) + np.float32(0.5)
    return (1 - np.abs(position / (window / 2) - 1)).astype(np.float32)


def _blend_sum(window: int, step: int) -> NDArray[np.float32] | float:
    """Sum of the blending weights at one pixel (the same at all of them)."""
    return float(_triangle(window)[::step].sum())


def _filter_strip(strip: NDArray[np.complex64], alpha: float, window: int, step: int) -> NDArray[np.complex64]:
    """Filter all patches of one row of patches and blend them along the row."""
    patches = np.lib.stride_tricks.sliding_window_view(strip, window, axis=1)[:, ::step].transpose(1, 0, 2)
    spectra = fft.fft2(patches, axes=(1, 2))
    spectra *= _response(np.abs(spectra), alpha)
    filtered = fft.ifft2(spectra, axes=(1, 2), overwrite_x=True) * _triangle(window)
    count, pieces = len(patches), window // step
    blended = np.zeros((window, count + pieces - 1, step), np.complex64)
    for piece in range(pieces):
        blended[:, piece : piece + count] += filtered[:, :, piece * step : (piece + 1) * step].transpose(1, 0, 2)
    return blended.reshape(window, -1)


def _response(magnitude: NDArray[np.float32], alpha: float) -> NDArray[np.float32]:
    """Return smoothed spectral magnitude relative to the patch maximum, to the power alpha."""
    rows = magnitude + np.roll(magnitude, 1, axis=1) + np.roll(magnitude, -1, axis=1)
    smooth = rows + np.roll(rows, 1, axis=2) + np.roll(rows, -1, axis=2)
    peak = smooth.max(axis=(1, 2), keepdims=True)
    relative = np.divide(smooth, peak, out=np.ones_like(smooth), where=peak > 0)
    response: NDArray[np.float32] = relative ** np.float32(alpha)
    return response
