"""Reference detector: the best one could do who knows place and shape of a basin, and only its strength not."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from basinwatch.simulation.deformation import Patch

FALSE_ALARM_CHANCE = 0.01
# One place more would exceed the second highest of so many by chance with that probability.
PLACES = 199
_RANK = round(FALSE_ALARM_CHANCE * (PLACES + 1))
_STRENGTHS = (0.5, 0.7, 1.0, 1.4)
_SEEN_SHARE = 0.1
_BLOCK_PLACES = 50


class Template:
    """Phase of one basin where it counts, at several strengths.

    The statistic is the gain in phase coherence |mean exp(j(ψ - φ))| from taking the best template φ off the
    observed phase ψ instead of a constant: the logarithm of the likelihood ratio of basin and stable ground, but for
    a factor, for von Mises noise about an unknown offset.

    Parameters
    ----------
    patch
        True phase of the basin.
    """

    def __init__(self, patch: Patch) -> None:
        seen = patch.phase >= _SEEN_SHARE * patch.phase.max()
        rows, columns = np.nonzero(seen)
        self.place = patch.row + int(rows.min()), patch.column + int(columns.min())
        self._rows, self._columns = rows - rows.min(), columns - columns.min()
        self.shape = int(self._rows.max()) + 1, int(self._columns.max()) + 1
        strengths = np.array([0.0, *_STRENGTHS], np.float32)
        self._conjugates = np.exp(-1j * patch.phase[seen][:, None] * strengths).astype(np.complex64) / len(rows)

    def gains(self, phasors: NDArray[np.complex64], places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Gain at first pixels (n, 2) of the template's window, which must lie inside `phasors` (y, x)."""
        rows, columns = places[:, 0, None] + self._rows, places[:, 1, None] + self._columns
        lengths = np.abs(phasors[rows, columns] @ self._conjugates)
        gains: NDArray[np.float32] = lengths[:, 1:].max(axis=1) - lengths[:, 0]
        return gains

    def threshold(self, empty: NDArray[np.complex64], rng: Generator) -> float:
        """Gain that chance exceeds at 1 % of the places of the same pair without basins."""
        highest = np.subtract(empty.shape, self.shape) + 1
        places = rng.integers(0, highest, (PLACES, 2))
        gains = [self.gains(empty, places[i : i + _BLOCK_PLACES]) for i in range(0, PLACES, _BLOCK_PLACES)]
        return float(np.sort(np.concatenate(gains))[-_RANK])

    def found(self, phasors: NDArray[np.complex64], empty: NDArray[np.complex64], rng: Generator) -> bool:
        """Whether the basin shows at its known place more than chance would make it.

        Parameters
        ----------
        phasors, empty
            exp(jψ) of the pair and of the same pair without basins, (y, x).
        rng
            Where to look for chance.
        """
        return float(self.gains(phasors, np.array([self.place]))[0]) > self.threshold(empty, rng)


def unit_phasors(phase: NDArray[np.float32]) -> NDArray[np.complex64]:
    """exp(jψ), 0 without phase."""
    valid = np.isfinite(phase)
    angle = np.where(valid, phase, 0)
    result = np.empty(phase.shape, np.complex64)
    result.real, result.imag = np.cos(angle) * valid, np.sin(angle) * valid
    return result
