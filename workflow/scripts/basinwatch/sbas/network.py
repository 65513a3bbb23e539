"""The date graph of a stack: which scenes its pairs connect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from basinwatch.errors import InputError

# From this share of the intervals on, a dense normal matrix costs less than a banded one.
WIDE_SPAN_SHARE = 1 / 3
_FEW_SCENES, _LISTED = 20, 4


@dataclass(frozen=True)
class Network:
    """Scenes in order of time and the pairs between them.

    Parameters
    ----------
    dates
        Acquisition dates, increasing.
    pairs
        (earlier, later) as positions in `dates`, in the order of the stack's interferograms.
    """

    dates: tuple[date, ...]
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[date, date]]) -> Network:
        """Build the network of (earlier, later) date pairs, keeping their order.

        Raises
        ------
        InputError
            If there is no pair or a pair is not in order of time.
        """
        pairs = list(pairs)
        if not pairs:
            raise InputError("pairs: found none, expected at least one interferogram; add pairs to the stack.")
        for first, second in pairs:
            if first >= second:
                raise InputError(
                    f"pair {first}_{second}: the second date is not after the first, expected the earlier date first; "
                    "swap the dates and conjugate the phase."
                )
        dates = tuple(sorted({day for pair in pairs for day in pair}))
        position = {day: index for index, day in enumerate(dates)}
        return cls(dates, tuple((position[first], position[second]) for first, second in pairs))

    @property
    def index(self) -> NDArray[np.int64]:
        """Pairs as an (m, 2) array of positions in `dates`."""
        return np.asarray(self.pairs, np.int64)

    @property
    def days(self) -> NDArray[np.float64]:
        """Days since the first date, (dates,)."""
        return np.asarray([(day - self.dates[0]).days for day in self.dates], np.float64)

    def part(self, numbers: Iterable[int]) -> Network:
        """Take some of the pairs, in that order; all dates stay."""
        return Network(self.dates, tuple(self.pairs[number] for number in numbers))

    def subsets(self) -> NDArray[np.int64]:
        """Label the connected subset each date belongs to, (dates,), counted from the first date."""
        size = len(self.dates)
        first, second = self.index.T
        graph = coo_matrix((np.ones(len(first)), (first, second)), (size, size))
        labels: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
        return labels

    def uncovered_intervals(self) -> int:
        """Count the intervals between neighbouring dates that no pair spans."""
        spanned = np.zeros(len(self.dates) - 1, bool)
        for first, second in self.pairs:
            spanned[first:second] = True
        return int((~spanned).sum())

    def triplets(self) -> int:
        """Count the closed loops of three pairs."""
        links = np.zeros((len(self.dates),) * 2, np.int64)
        links[tuple(self.index.T)] = 1
        return int((links @ links * links).sum())

    @property
    def index_span(self) -> int:
        """Longest pair counted in scenes: the half bandwidth of the inversion's normal matrix."""
        return max(second - first for first, second in self.pairs)

    def scenes_with_one_pair(self) -> list[date]:
        """Dates that hang on the network by one pair, so that nothing checks it."""
        degree = np.bincount(self.index.ravel(), minlength=len(self.dates))
        return [day for day, links in zip(self.dates, degree, strict=True) if links == 1]

    def remarks(self) -> list[str]:
        """Say in sentences what the rate map will suffer from; empty for a sound network."""
        found, scenes = [], len(self.dates)
        begins = [f"{day}" for day in self._first_of_subsets()]
        gaps, loose = self.uncovered_intervals(), [f"{day}" for day in self.scenes_with_one_pair()]
        if len(begins) > 1:
            found.append(
                f"the network falls into {len(begins)} subsets of scenes that no pair connects (they begin on "
                f"{_few(begins)}): movement between them is what the least speed gives."
            )
        if gaps:
            found.append(
                f"no pair spans {gaps} of {scenes - 1} intervals between scenes: no movement is assumed in them."
            )
        if loose:
            found.append(f"some scenes hang on one pair, whose errors nothing reveals: {_few(loose)}.")
        if self.index_span > WIDE_SPAN_SHARE * (scenes - 1) and scenes > _FEW_SCENES:
            found.append(
                f"the longest pair spans K = {self.index_span} of {scenes} scenes: the inversion needs a "
                "dense solver, several times slower; drop bridges between years to avoid it."
            )
        return found

    def _first_of_subsets(self) -> list[date]:
        """First date of each connected subset, in order of time."""
        return [self.dates[position] for position in np.sort(np.unique(self.subsets(), return_index=True)[1])]

    def report(self) -> dict[str, Any]:
        """Describe the network for logs and products.

        Returns
        -------
        dict
            ``scenes``, ``pairs``, ``first_date``, ``last_date``, ``subsets`` (1 = connected),
            ``scenes_with_one_pair`` (ISO dates), ``index_span``, ``uncovered_intervals``, ``triplets``
            and ``remarks``.
        """
        return {
            "scenes": len(self.dates),
            "pairs": len(self.pairs),
            "first_date": self.dates[0].isoformat(),
            "last_date": self.dates[-1].isoformat(),
            "subsets": int(self.subsets().max()) + 1,
            "scenes_with_one_pair": [day.isoformat() for day in self.scenes_with_one_pair()],
            "index_span": self.index_span,
            "uncovered_intervals": self.uncovered_intervals(),
            "triplets": self.triplets(),
            "remarks": self.remarks(),
        }


def _few(names: list[str]) -> str:
    """List up to four names, and how many there are besides."""
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
