"""Which pairs of a scene list to make: neighbours in time, limits on time and baseline, and bridges over a year.

Light (standard library only): the workflow calls it while it builds the job graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from basinwatch.errors import InputError


@dataclass(frozen=True)
class Design:
    """How pairs are chosen. A limit of None does not limit.

    Parameters
    ----------
    predecessors
        Each scene is paired with so many before it; None takes all, so that the limits alone decide.
    max_days, max_baseline_m
        Longer pairs, and pairs with a larger perpendicular baseline (either sign), are dropped.
    bridge_days
        Each scene is also paired with the one about so many days before it (365 for pairs over a year);
        only the limit on the baseline holds for these.
    bridge_tolerance_days
        How far such a pair may be from `bridge_days`.
    """

    predecessors: int | None = 6
    max_days: int | None = None
    max_baseline_m: float | None = None
    bridge_days: int | None = None
    bridge_tolerance_days: int = 12


@dataclass(frozen=True)
class Link:
    """A pair that was considered, with what it was judged by.

    Parameters
    ----------
    first, second
        Earlier and later acquisition.
    positions
        Their places in the scene list.
    baseline_m
        Perpendicular baseline of the later minus the earlier one; None where unknown.
    kept, reason
        Whether the pair is made, and why or why not.
    """

    first: date
    second: date
    positions: tuple[int, int]
    baseline_m: float | None
    kept: bool
    reason: str

    @property
    def days(self) -> int:
        """Temporal baseline."""
        return (self.second - self.first).days

    @property
    def span(self) -> int:
        """Number of scenes from the earlier to the later one."""
        return self.positions[1] - self.positions[0]

    def row(self) -> dict[str, str | int | float | bool | None]:
        """One line of a table."""
        return {
            "pair": f"{self.first:%Y%m%d}_{self.second:%Y%m%d}",
            "first": self.positions[0],
            "second": self.positions[1],
            "days": self.days,
            "baseline_m": None if self.baseline_m is None else round(self.baseline_m, 2),
            "kept": self.kept,
            "reason": self.reason,
        }


def choose(dates: Sequence[date], design: Design, baselines: Mapping[date, float] | None = None) -> list[Link]:
    """List the pairs of a design, later scene by later scene, so that a new scene only appends.

    With `predecessors`, pairs among them that a limit drops are listed as well, with ``kept`` False.

    Parameters
    ----------
    dates
        Acquisitions, oldest first, each once.
    design
        What is wanted.
    baselines
        Perpendicular baseline of each date in metres to any common orbit.

    Raises
    ------
    InputError
        If the dates are not in order, or a limit on the baseline meets a date without one.
    """
    _check(dates, design, baselines)
    return [link for later in range(len(dates)) for link in _links_of(later, dates, design, baselines or {})]


def _check(dates: Sequence[date], design: Design, baselines: Mapping[date, float] | None) -> None:
    """Refuse what no design can be made from."""
    for earlier, later in pairwise(dates):
        if later <= earlier:
            raise InputError(
                f"scenes: found {later} after {earlier}, expected each date once, oldest first; sort them."
            )
    missing = [day for day in dates if day not in (baselines or {})]
    if design.max_baseline_m is not None and missing:
        raise InputError(
            f"baselines: found none for {len(missing)} of {len(dates)} scenes (first {missing[0]}), expected one each; "
            "complete the file or set max_perpendicular_baseline_m: null."
        )


def _links_of(later: int, dates: Sequence[date], design: Design, baselines: Mapping[date, float]) -> Iterator[Link]:
    """Pairs of one scene with those before it."""
    bridge = _bridge(later, dates, design)
    for earlier in range(later):
        pair = dates[earlier], dates[later]
        near = design.predecessors is None or later - earlier <= design.predecessors
        baseline = baselines[pair[1]] - baselines[pair[0]] if set(pair) <= baselines.keys() else None
        too_far, too_long = _over_baseline(baseline, design), _over_days((pair[1] - pair[0]).days, design)
        if near and not too_far and not too_long:
            kept, reason = True, "within limits" if design.predecessors is None else "neighbour"
        elif earlier == bridge and not too_far:
            kept, reason = True, "bridge"
        elif near and design.predecessors is not None:
            kept, reason = False, too_far or too_long
        else:
            continue
        yield Link(*pair, (earlier, later), baseline, kept, reason)


def _over_days(days: int, design: Design) -> str:
    """Say by how much a pair is too long; nothing if it is not."""
    limit = design.max_days
    return "" if limit is None or days <= limit else f"{days} days, more than {limit}"


def _over_baseline(baseline_m: float | None, design: Design) -> str:
    """Say by how much a baseline is too large; nothing if it is not."""
    limit = design.max_baseline_m
    within = limit is None or baseline_m is None or abs(baseline_m) <= limit
    return "" if within else f"{abs(baseline_m or 0):.0f} m apart, more than {limit:g}"


def _bridge(later: int, dates: Sequence[date], design: Design) -> int | None:
    """Position of the scene nearest to the length of a bridge before another; the later one of two."""
    if design.bridge_days is None or later == 0:
        return None
    off = [abs((dates[later] - day).days - design.bridge_days) for day in dates[:later]]
    best = min(range(later), key=lambda position: (off[position], -position))
    return best if off[best] <= design.bridge_tolerance_days else None
