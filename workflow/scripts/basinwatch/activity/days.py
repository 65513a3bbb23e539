"""Surface activity: how long, how often and when every pixel lies inside a detection.

Time is cut at the dates of the pairs. An interval counts as active where any pair that covers it detects, and as
observed where any of them sees, so that time several pairs cover counts once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.provenance import atomic_path

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

_FORMAT = 1


def _epoch_day(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Activity:
    """Surface activity, float32 (y, x); days are counted since 1970-01-01.

    Parameters
    ----------
    days, observed_days
        Days inside a detection, and days with any observation.
    fraction
        days / observed_days; NaN where nothing was observed.
    first_day, last_day
        First day of the first and last day of the last active interval; NaN without.
    episodes
        Number of unbroken spells of activity.
    longest_days
        Days from begin to end of the longest spell.
    bridged_days
        Days without observation within spells; part of `longest_days`, not of `days`.
    """

    days: Float
    observed_days: Float
    fraction: Float
    first_day: Float
    last_day: Float
    episodes: Float
    longest_days: Float
    bridged_days: Float


@dataclass
class _Totals:
    """What is known of the time already booked, flat; `alive` where the last spell may go on."""

    days: Float
    observed: Float
    bridged: Float
    episodes: Float
    longest: Float
    first: Float
    last: Float
    begin: Float
    alive: Bool

    @classmethod
    def empty(cls, size: int) -> _Totals:
        """Start before any time."""
        days, observed, bridged, episodes, longest = (np.zeros(size, np.float32) for _ in range(5))
        first, last, begin = (np.full(size, np.nan, np.float32) for _ in range(3))
        return cls(days, observed, bridged, episodes, longest, first, last, begin, np.zeros(size, bool))

    def copy(self) -> _Totals:
        """Copy all arrays."""
        return _Totals(**{name: values.copy() for name, values in vars(self).items()})

    def book(self, start: int, end: int, active: Bool, observed: Bool, max_gap_days: int) -> None:
        """Add an interval that follows all booked ones."""
        self.observed += np.float32(end - start) * observed
        where = np.flatnonzero(active)
        gap = np.nan_to_num(start - self.last[where], nan=np.inf)
        goes_on = self.alive[where] & (gap <= max_gap_days)
        self.bridged[where[goes_on]] += gap[goes_on]
        self.begin[where[~goes_on]] = start
        self.episodes[where] += ~goes_on
        self.days[where] += end - start
        self.first[where] = np.fmin(self.first[where], start)
        self.last[where] = end
        self.longest[where] = np.maximum(self.longest[where], end - self.begin[where])
        self.alive = active | (self.alive & ~observed)


@dataclass(frozen=True)
class _Interval:
    """Time between neighbouring dates that may still get pairs; masks are packed to bits."""

    start: int
    end: int
    active: NDArray[np.uint8]
    observed: NDArray[np.uint8]


@dataclass
class ActivityState:
    """Activity of a stack so far, to which pairs can be added at any time.

    Recent intervals stay open, because a coming pair may reach back into them; closed ones are booked for good.
    Whatever is closed when, the result is the same to the last bit.

    Parameters
    ----------
    shape
        Rows and columns.
    max_gap_days
        A spell goes on over unobserved time of at most this length.
    key
        Names what the masks were made with; a saved state with another key is not continued.
    """

    shape: tuple[int, int]
    max_gap_days: int = 0
    key: str = ""
    pairs: list[tuple[int, int]] = field(default_factory=list)
    closed_until: int = _epoch_day(date.min)
    _totals: _Totals = field(init=False)
    _open: list[_Interval] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._totals = _Totals.empty(self.shape[0] * self.shape[1])

    def add(self, first: date, second: date, detected: Bool, observed: Bool) -> None:
        """Add a pair.

        Parameters
        ----------
        first, second
            Earlier and later date.
        detected, observed
            (y, x); a detection counts as observed.

        Raises
        ------
        ValueError
            If the pair reaches back into closed time.
        """
        start, end = _epoch_day(first), _epoch_day(second)
        if start < self.closed_until:
            raise ValueError(f"pair {first}_{second} reaches back into closed time: pairs must be in order of time")
        active, seen = np.packbits(detected), np.packbits(observed | detected)
        self._open = _overlaid(self._open, _Interval(start, end, active, seen))
        self.pairs.append((start, end))

    def close(self, before: date) -> None:
        """Book the time before a date for good; no later pair may start earlier."""
        self.closed_until = max(self.closed_until, _epoch_day(before))
        parts = [part for one in self._open for part in _split(one, self.closed_until)]
        self._book([one for one in parts if one.end <= self.closed_until], self._totals)
        self._open = [one for one in parts if one.end > self.closed_until]

    def _book(self, intervals: Iterable[_Interval], totals: _Totals) -> None:
        """Book intervals in order of time."""
        size = self.shape[0] * self.shape[1]
        for one in intervals:
            active, observed = (np.unpackbits(mask, count=size).astype(bool) for mask in (one.active, one.observed))
            totals.book(one.start, one.end, active, observed, self.max_gap_days)

    def activity(self) -> Activity:
        """Sum up all pairs so far."""
        totals = self._totals.copy()
        self._book(self._open, totals)
        known = totals.observed > 0
        fraction = np.divide(totals.days, totals.observed, out=np.full_like(totals.days, np.nan), where=known)
        layers = {
            "days": totals.days, "observed_days": totals.observed, "fraction": fraction, "first_day": totals.first,
            "last_day": totals.last, "episodes": totals.episodes, "longest_days": totals.longest,
            "bridged_days": totals.bridged,
        }  # fmt: skip
        return Activity(**{name: values.reshape(self.shape) for name, values in layers.items()})

    def save(self, path: str | Path) -> None:
        """Write the state as an ``.npz`` archive, atomically."""
        header = [_FORMAT, *self.shape, self.max_gap_days, self.closed_until]
        arrays: dict[str, Any] = {f"total_{name}": values for name, values in vars(self._totals).items()}
        arrays |= {"header": np.array(header), "key": np.array(self.key), "pairs": np.array(self.pairs).reshape(-1, 2)}
        arrays["spans"] = np.array([(one.start, one.end) for one in self._open]).reshape(-1, 2)
        for name in ("active", "observed"):
            arrays[name] = np.array([getattr(one, name) for one in self._open], np.uint8)
        with atomic_path(path) as part:
            np.savez_compressed(part, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> ActivityState:
        """Read a state written by :meth:`save`.

        Raises
        ------
        ValueError
            If the file is of another version or none of ours.
        """
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            stored = dict(file)
        version, *numbers = stored.get("header", np.zeros(1, int)).tolist()
        if version != _FORMAT:
            raise ValueError(f"{path}: found state version {version}, expected {_FORMAT}")
        rows, columns, max_gap_days, closed_until = numbers
        pairs = [(start, end) for start, end in stored["pairs"].tolist()]
        state = cls((rows, columns), max_gap_days, str(stored["key"]), pairs, closed_until)
        state._totals = _Totals(**{name: stored[f"total_{name}"] for name in vars(state._totals)})
        state._open = [
            _Interval(start, end, active, observed)
            for (start, end), active, observed in zip(
                stored["spans"].tolist(), stored["active"], stored["observed"], strict=True
            )
        ]
        return state

    def continues_to(
        self, pairs: Iterable[tuple[date, date]], shape: tuple[int, int], max_gap_days: int, key: str
    ) -> bool:
        """Whether adding what is missing gives the same as starting anew with all `pairs`."""
        wanted = {(_epoch_day(first), _epoch_day(second)) for first, second in pairs}
        fresh = wanted - set(self.pairs)
        same = (self.shape, self.max_gap_days, self.key) == (shape, max_gap_days, key)
        return same and set(self.pairs) <= wanted and all(start >= self.closed_until for start, _ in fresh)

    def __contains__(self, pair: tuple[date, date]) -> bool:
        return (_epoch_day(pair[0]), _epoch_day(pair[1])) in self.pairs


def accumulate(masks: Iterable[tuple[date, date, Bool, Bool]], max_gap_days: int = 0) -> Activity:
    """Add up the time in which each pixel lies inside a detection.

    Spans of adjacent pairs add. Where pairs overlap in time, an interval counts once, and as active if any
    pair that covers it detects.

    Parameters
    ----------
    masks
        (earlier date, later date, detected (y, x), observed (y, x)) in order of the earlier date; read one
        at a time. A detection counts as observed.
    max_gap_days
        A spell goes on over unobserved time of at most this length.

    Raises
    ------
    ValueError
        Without any pair, or if the pairs are not in order.
    """
    state = None
    for first, second, detected, observed in masks:
        state = state or ActivityState(detected.shape, max_gap_days)
        state.close(first)
        state.add(first, second, detected, observed)
    if state is None:
        raise ValueError("no pair to accumulate")
    return state.activity()


def _split(one: _Interval, day: int) -> list[_Interval]:
    """Cut an interval at a day, if the day lies inside."""
    return [replace(one, end=day), replace(one, start=day)] if one.start < day < one.end else [one]


def _overlaid(intervals: list[_Interval], fresh: _Interval) -> list[_Interval]:
    """Cut intervals, in order of time, at the ends of a fresh one and join it to those it covers."""
    parts = [part for one in intervals for half in _split(one, fresh.start) for part in _split(half, fresh.end)]
    joined, free_from = [], fresh.start
    for part in parts:
        if not fresh.start <= part.start < fresh.end:
            joined.append(part)
            continue
        if free_from < part.start:
            joined.append(replace(fresh, start=free_from, end=part.start))
        joined.append(replace(part, active=part.active | fresh.active, observed=part.observed | fresh.observed))
        free_from = part.end
    if free_from < fresh.end:
        joined.append(replace(fresh, start=free_from))
    return sorted(joined, key=lambda part: part.start)
