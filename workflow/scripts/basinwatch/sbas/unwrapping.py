"""Phase unwrapping by a method chosen by name, and what of the result can be trusted.

All methods return phase that differs from the wrapped one by whole cycles, and the connected components inside which
these cycles are trusted. Only the chosen method's package is imported.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.errors import InputError

Float = NDArray[np.float32]
Labels = NDArray[np.uint32]

CONSISTENCY_WINDOW_PX = 5
MAX_LOOKS = 300.0
_LEAST_COHERENCE = 0.01
_LEAST_VALID_PX = 4
# Values of whirlwind's own growing of components, used for the methods that grow none.
_RELIABILITY, _LEAST_COMPONENT_PX = 0.5, 100
_WEIGHT_STEPS = 100


@dataclass(frozen=True)
class _Scene:
    """What a solver takes: `phase` is 0 and `weight` (a coherence) is 0 where `valid` is not."""

    phase: Float
    weight: Float
    looks: float
    valid: NDArray[np.bool_]

    @property
    def phasor(self) -> NDArray[np.complex64]:
        phasor: NDArray[np.complex64] = np.where(self.valid, np.exp(1j * self.phase), 0).astype(np.complex64)
        return phasor


@dataclass(frozen=True)
class Method:
    """A solver, the module it needs, and the package that brings it."""

    module: str
    package: str
    solve: Callable[[_Scene, Any], tuple[NDArray[Any], NDArray[Any]]]

    @property
    def is_installed(self) -> bool:
        """Whether the module can be imported."""
        return find_spec(self.module.partition(".")[0]) is not None


def unwrap(phase: Float, coherence: Float | None, looks: float, method: str = "whirlwind") -> tuple[Float, Labels]:
    """Unwrap one interferogram.

    Parameters
    ----------
    phase
        (y, x) wrapped radians, NaN where invalid.
    coherence
        (y, x) in 0…1, NaN where unknown; None when the producer gave none. Where it is unknown the
        local consistency of the phase takes its place (:func:`phase_consistency`).
    looks
        Effective number of looks of the coherence, at least 1.
    method
        One of :data:`METHODS`.

    Returns
    -------
    unwrapped
        float32 (y, x), radians with the sign of `phase`; NaN where `phase` is and where no reliable
        connected component reaches. The constant of every interferogram is arbitrary.
    components
        uint32 (y, x), 1…n for reliable components, 0 elsewhere.

    Raises
    ------
    InputError
        If there is no such method, its package is not installed, or it finds no solution.

    Notes
    -----
    ``whirlwind`` and ``snaphu`` minimise statistical costs as in Chen & Zebker (2001), ``kamui`` the cycles added,
    weighted by coherence; ``scikit-image`` follows the most reliable path and fails in noise. The last two grow no
    components; whirlwind grows them by SNAPHU's test on the result (Chen & Zebker 2002).
    """
    if method not in METHODS:
        raise InputError(f"unwrapping: found method '{method}', expected one of {', '.join(METHODS)}; correct it.")
    valid = np.isfinite(phase)
    if valid.sum() < _LEAST_VALID_PX:
        return np.full(phase.shape, np.nan, np.float32), np.zeros(phase.shape, np.uint32)
    known = phase_consistency(phase)
    if coherence is not None:
        known = np.where(np.isfinite(coherence), coherence, known)
    weight = np.where(valid, np.clip(known, _LEAST_COHERENCE, 1), 0).astype(np.float32)
    scene = _Scene(np.where(valid, phase, np.float32(0)), weight, float(np.clip(looks, 1, MAX_LOOKS)), valid)
    unwrapped, components = METHODS[method].solve(scene, _import(method))
    trusted = valid & (components > 0)
    return np.where(trusted, unwrapped, np.nan).astype(np.float32), np.where(trusted, components, 0).astype(np.uint32)


def connected_areas(unwrapped: Float) -> Labels:
    """Label the connected areas of phase that came unwrapped, uint32 (y, x), 1…n, 0 where there is none.

    All that is known of a producer's phase without its components: cycles may differ between areas.
    """
    labels: Labels = ndimage.label(np.isfinite(unwrapped))[0].astype(np.uint32)
    return labels


def phase_consistency(phase: Float, window_px: int = CONSISTENCY_WINDOW_PX) -> Float:
    """Length of the mean phasor in a square window, 0…1; a stand-in for an unknown coherence.

    NaN pixels are left out of the mean and are NaN in the result, float32 (y, x).
    """
    valid = np.isfinite(phase)
    angle = np.where(valid, phase, 0).astype(np.float64)

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        smoothed: NDArray[np.float64] = ndimage.uniform_filter(np.where(valid, values, 0.0), window_px, mode="constant")
        return smoothed

    share = np.maximum(mean(valid.astype(np.float64)), 1 / window_px**2)
    length = np.hypot(mean(np.cos(angle)), mean(np.sin(angle))) / share
    return np.where(valid, np.clip(length, 0, 1), np.nan).astype(np.float32)


def _import(name: str) -> Any:
    """Import a method's module."""
    method = METHODS[name]
    try:
        return importlib.import_module(method.module)
    except ImportError:
        raise InputError(
            f"unwrapping: found method '{name}' but not its package, expected it to be installed; install it "
            f"(pip install {method.package}) or choose another method."
        ) from None


def _whirlwind(scene: _Scene, whirlwind: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    unwrapped, components = whirlwind.unwrap(scene.phasor, scene.weight, scene.looks, scene.valid)
    return unwrapped, components


def _kamui(scene: _Scene, kamui: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    steps = np.rint(_WEIGHT_STEPS * scene.weight).astype(np.int64)
    unwrapped = kamui.unwrap_dimensional(scene.phase.astype(np.float64), weights=steps)
    if unwrapped is None:
        raise InputError(
            "unwrapping: kamui found no solution, expected one; choose whirlwind or check the pair's phase."
        )
    return unwrapped, _grown(scene, unwrapped)


def _scikit_image(scene: _Scene, restoration: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    masked = np.ma.masked_array(scene.phase.astype(np.float64), ~scene.valid)
    unwrapped = np.ma.getdata(restoration.unwrap_phase(masked, rng=0))
    return unwrapped, _grown(scene, unwrapped)


def _snaphu(scene: _Scene, snaphu: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    unwrapped, components = snaphu.unwrap(
        scene.phasor, scene.weight, scene.looks, cost="smooth", init="mst", mask=scene.valid,
        min_conncomp_frac=min(_LEAST_COMPONENT_PX / scene.valid.size, 1.0),
    )  # fmt: skip
    return unwrapped, components


def _grown(scene: _Scene, unwrapped: NDArray[Any]) -> NDArray[Any]:
    """Components of a result that came without."""
    whirlwind = _import("whirlwind")
    components: NDArray[Any] = whirlwind.components_snaphu(
        scene.phasor, scene.weight, scene.looks, unwrapped.astype(np.float32), scene.valid,
        reliability_threshold=round(_RELIABILITY * whirlwind.CONNCOMP_RELIABILITY_UNIT),
        min_size_px=_LEAST_COMPONENT_PX, thicken=True,
    )  # fmt: skip
    return components


METHODS: Mapping[str, Method] = {
    "whirlwind": Method("whirlwind", "whirlwind-insar", _whirlwind),
    "kamui": Method("kamui", "kamui", _kamui),
    "scikit-image": Method("skimage.restoration", "scikit-image", _scikit_image),
    "snaphu": Method("snaphu", "snaphu", _snaphu),
}
