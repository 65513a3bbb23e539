"""Random fields for batches of tiles on a torch device, of the statistics of :mod:`basinwatch.simulation.fields`.

Every tile has its own random number generator, so that its field does not depend on the batch it is in. What differs
between tiles is grouped by the size of its transform.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Generator, Tensor

from basinwatch.simulation.fields import (
    CLEARANCE_M,
    CROSSOVER_M,
    LONG_DOMAIN_M,
    SEAM_M,
    Spectrum,
    unit_scale,
)
from basinwatch.simulation.geometry import Spacing

Key = TypeVar("Key", bound=Hashable)

_LONG_M, _SHORT_M = CROSSOVER_M
_FREQUENCIES_PER_M = (1e-6, 1.0)
_TABLE_LENGTH = 4096


def grouped(keys: Sequence[Key | None]) -> dict[Key, list[int]]:
    """Return the indices of equal keys; None leaves an index out."""
    groups: dict[Key, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        if key is not None:
            groups[key].append(index)
    return groups


def scaled_fields(
    rngs: Sequence[Generator],
    shape: tuple[int, int],
    spacings: Sequence[Spacing],
    spectrum: Spectrum,
    rms_10km: Sequence[float],
) -> Tensor:
    """Draw one isotropic field a tile with a given rms difference √D(10 km) between points 10 km apart.

    Parameters
    ----------
    rngs
        Source of randomness of each tile, all on one device.
    shape, spacings
        Rows and columns of all tiles, and their distances in metres tile by tile.
    spectrum
        Two-dimensional power density by frequency in cycles per metre, in any unit.
    rms_10km
        √D(10 km) of each tile; its unit is that of the field.

    Returns
    -------
    float32 (tile, y, x).
    """
    fields = short_scaled_fields(rngs, shape, spacings, spectrum, rms_10km)
    strengths = _column(rms_10km, fields)
    domains = [tuple(_long_domain(n, step) for n, step in zip(shape, s, strict=True)) for s in spacings]
    for counts, members in grouped([tuple(math.ceil(m / _SHORT_M) for m in d) for d in domains]).items():
        sizes = torch.tensor([domains[i] for i in members], device=fields.device)
        steps = torch.tensor([spacings[i] for i in members], device=fields.device)
        waves = _long_waves([rngs[i] for i in members], shape, steps, sizes, counts, spectrum)
        fields[members] += strengths[members] * waves
    return fields


def short_scaled_fields(
    rngs: Sequence[Generator],
    shape: tuple[int, int],
    spacings: Sequence[Spacing],
    spectrum: Spectrum,
    rms_10km: Sequence[float],
) -> Tensor:
    """Draw what :func:`scaled_fields` has in waves shorter than 3 km (in full below 1.5 km)."""
    fields = torch.empty((len(rngs), *shape), device=rngs[0].device)
    for domain, members in grouped([_domain(shape, s, SEAM_M) for s in spacings]).items():
        steps = torch.tensor([spacings[i] for i in members], device=fields.device)
        amplitude = _short_amplitude(domain, steps, spectrum)
        fields[members] = _periodic_fields([rngs[i] for i in members], shape, domain, amplitude)
    return fields * _column(rms_10km, fields)


def smooth_fields(
    rngs: Sequence[Generator], shape: tuple[int, int], correlations_m: Sequence[float], spacings: Sequence[Spacing]
) -> Tensor:
    """Draw one field a tile of mean 0, variance 1 and correlation exp(-½ d²/c²) of the tile's length c in metres.

    float32 (tile, y, x); arguments as in :func:`scaled_fields`.
    """
    fields = torch.empty((len(rngs), *shape), device=rngs[0].device)
    domains = [_domain(shape, s, 4 * c) for s, c in zip(spacings, correlations_m, strict=True)]
    for domain, members in grouped(domains).items():
        steps = torch.tensor([spacings[i] for i in members], device=fields.device)
        lengths = torch.tensor([correlations_m[i] for i in members], device=fields.device)[:, None]
        rows, columns = (torch.exp(-((math.pi * lengths * f) ** 2)) for f in _frequencies(domain, steps))
        rows /= rows.square().sum(1, keepdim=True).sqrt()
        columns /= (2 * columns.square().sum(1, keepdim=True) - columns[:, :1].square()).sqrt()
        amplitude = rows[:, :, None] * columns[:, None, :]
        fields[members] = _periodic_fields([rngs[i] for i in members], shape, domain, amplitude)
    return fields


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """One number a tile, to multiply fields with."""
    return torch.tensor(values, dtype=torch.float32, device=like.device)[:, None, None]


def _domain(shape: tuple[int, int], spacing: Spacing, margin_m: float) -> tuple[int, int]:
    """Pixels of a periodic domain larger than the tile by a margin.

    Few different sizes, an eighth of a power of two apart, put many tiles into one transform.
    """
    rows, columns = (_rounded_up(n + math.ceil(margin_m / step)) for n, step in zip(shape, spacing, strict=True))
    return rows, columns


def _rounded_up(length: int) -> int:
    unit = 1 << max((length - 1).bit_length() - 3, 1)
    return -(-length // unit) * unit


def _long_domain(length: int, step: float) -> float:
    """Metres of the domain of long waves."""
    return max(LONG_DOMAIN_M, length * step + CLEARANCE_M)


def _frequencies(domain: tuple[int, int], steps_m: Tensor) -> tuple[Tensor, Tensor]:
    """Cycles per metre along columns, both signs, and along rows from 0 up, each (tile, frequency)."""
    device = steps_m.device
    rows, columns = torch.fft.fftfreq(domain[0], device=device), torch.fft.rfftfreq(domain[1], device=device)
    return rows / steps_m[:, :1], columns / steps_m[:, 1:]


def _periodic_fields(
    rngs: Sequence[Generator], shape: tuple[int, int], domain: tuple[int, int], amplitude: Tensor
) -> Tensor:
    """Crops of periodic fields; `amplitude` is (tile, *half a plane of frequencies)."""
    waves = _normals(rngs, (domain[0], domain[1] // 2 + 1)).mul_(amplitude)
    rows = torch.fft.ifft(waves, dim=1, norm="forward")[:, : shape[0]]
    fields: Tensor = torch.fft.irfft(rows, n=domain[1], dim=2, norm="forward")
    return fields[:, :, : shape[1]]


def _normals(rngs: Sequence[Generator], shape: tuple[int, int]) -> Tensor:
    """Complex normal numbers for half a plane of frequencies, variance 1, or 2 in the first column.

    That column stands alone, not for itself and a conjugate, and only its real part counts.
    """
    drawn = [torch.randn(shape, dtype=torch.complex64, generator=rng, device=rng.device) for rng in rngs]
    normals = torch.stack(drawn)
    normals[..., 0] *= math.sqrt(2)
    return normals


def _short_amplitude(domain: tuple[int, int], steps_m: Tensor, spectrum: Spectrum) -> Tensor:
    """Root of the power of each frequency in waves shorter than the crossover to long ones."""
    rows, columns = _frequencies(domain, steps_m)
    frequency = torch.hypot(rows[:, :, None], columns[:, None, :])
    share = ((frequency - 1 / _LONG_M) / (1 / _SHORT_M - 1 / _LONG_M)).clamp_(0, 1)
    cell = 1 / (steps_m.prod(1) * (domain[0] * domain[1]))
    return _root_density(frequency, spectrum) * (share * cell[:, None, None]).sqrt_()


def _long_waves(
    rngs: Sequence[Generator],
    shape: tuple[int, int],
    steps_m: Tensor,
    domains_m: Tensor,
    counts: tuple[int, ...],
    spectrum: Spectrum,
) -> Tensor:
    """Fields of the waves longer than the crossover, summed wave by wave: they are few."""
    device = steps_m.device
    rows = torch.arange(1 - counts[0], counts[0], device=device) / domains_m[:, :1]
    columns = torch.arange(counts[1], device=device) / domains_m[:, 1:]
    frequency = torch.hypot(rows[:, :, None], columns[:, None, :])
    share = ((1 / _SHORT_M - frequency) / (1 / _SHORT_M - 1 / _LONG_M)).clamp_(0, 1)
    amplitude = _root_density(frequency, spectrum) * (share / domains_m.prod(1)[:, None, None]).sqrt_()
    amplitude[:, counts[0] - 1, 0] = 0
    # Only half of the plane is drawn: a wave and its conjugate make twice the real part of one.
    amplitude[:, :, 1:] *= 2
    waves = _normals(rngs, (frequency.shape[1], counts[1])) * amplitude
    along_rows, along_columns = (
        _phasors(torch.arange(n, device=device) * steps_m[:, axis, None], f)
        for axis, (n, f) in enumerate(zip(shape, (rows, columns), strict=True))
    )
    parts = torch.view_as_real(along_rows @ waves).flatten(2)
    return parts @ torch.view_as_real(along_columns.conj().resolve_conj()).flatten(2).mT


def _phasors(place_m: Tensor, frequency: Tensor) -> Tensor:
    """exp(2πi·place·frequency), (tile, place, frequency)."""
    angle = 2 * math.pi * place_m[:, :, None] * frequency[:, None, :]
    return torch.complex(angle.cos(), angle.sin())


def _root_density(frequency: Tensor, spectrum: Spectrum) -> Tensor:
    """Root of a spectrum scaled to √D(10 km) = 1, interpolated in logarithms."""
    table = torch.from_numpy(_log_root_density(spectrum)).to(frequency.device)
    low, high = (math.log(f) for f in _FREQUENCIES_PER_M)
    position = frequency.log().sub_(low).mul_((_TABLE_LENGTH - 1) / (high - low)).clamp_(0, _TABLE_LENGTH - 1.001)
    before = position.int()
    return torch.lerp(table[before], table[before + 1], position.frac_()).exp_()


@lru_cache(maxsize=8)
def _log_root_density(spectrum: Spectrum) -> np.ndarray:
    """Table of half the logarithm of a scaled spectrum at logarithmically spaced frequencies."""
    frequency = np.geomspace(*_FREQUENCIES_PER_M, _TABLE_LENGTH)
    return (np.log(spectrum(frequency) * unit_scale(spectrum)) / 2).astype(np.float32)
