"""The ideal observer: least subsidence that one who knows place and shape could tell from noise and delay."""

from __future__ import annotations

from basinwatch.simulation.geometry import PHASE_PER_MM
from basinwatch.simulation.labels import detectability
from basinwatch.simulation.speckle import phase_noise_rad


def d_prime(
    amplitude_mm: float, sigma_m: float, coherence: float, looks: float, pixel_m: float, delay_mm: float
) -> float:
    """Return the detectability d′ of a Gaussian bowl of known place and size.

    Parameters
    ----------
    amplitude_mm, sigma_m
        Line-of-sight peak and standard deviation.
    coherence, looks
        True coherence and equivalent looks.
    pixel_m
        Pixel size.
    delay_mm
        √D(10 km) of turbulence along the line of sight.
    """
    noise = phase_noise_rad(coherence, looks)
    return detectability(amplitude_mm * PHASE_PER_MM, sigma_m, noise, pixel_m, delay_mm * PHASE_PER_MM)


def floor_mm(level: float, sigma_m: float, coherence: float, looks: float, pixel_m: float, delay_mm: float) -> float:
    """Line-of-sight peak in mm at which d′ reaches `level`; other parameters as for :func:`d_prime`."""
    return level / d_prime(1.0, sigma_m, coherence, looks, pixel_m, delay_mm)
