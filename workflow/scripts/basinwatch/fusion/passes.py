"""How and when the tracks of an area look at the ground."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import LineOfSight

# Where the configuration gives an angle.
_SETTINGS = {"heading_deg": "heading_deg", "incidence_deg": "incidence"}


@dataclass(frozen=True)
class Passes:
    """How and when a track looks at the ground.

    Parameters
    ----------
    name
        Of the stack.
    heading_deg, incidence_deg
        Flight direction clockwise from north; angle from the vertical.
    first_date, last_date
        Time its rate map covers.
    """

    name: str
    heading_deg: float
    incidence_deg: float
    first_date: date
    last_date: date

    @classmethod
    def of(
        cls, name: str, metadata: Mapping[str, Any], network: Mapping[str, Any], given: Mapping[str, float | None]
    ) -> Passes:
        """Take the geometry from a pair's metadata and the dates from the network of the rate map.

        Angles that are given, ``heading_deg`` or ``incidence_deg``, replace those of the metadata.

        Raises
        ------
        InputError
            If an angle is unknown.
        """
        angles = {}
        for key, setting in _SETTINGS.items():
            angle = metadata[key] if given[key] is None else given[key]
            if angle is None:
                raise InputError(
                    f"stacks.{name}: found no {key} for pair {metadata['pair']}, expected one to fuse its rate map; "
                    f"set stacks.{name}.{setting}, or fuse: false in its area."
                )
            angles[key] = float(angle)
        first, last = (date.fromisoformat(network[key]) for key in ("first_date", "last_date"))
        return cls(name, angles["heading_deg"], angles["incidence_deg"], first, last)

    @property
    def direction(self) -> str:
        """``ascending`` when the satellite heads north, else ``descending``."""
        return "ascending" if math.cos(math.radians(self.heading_deg)) > 0 else "descending"

    @property
    def line(self) -> LineOfSight:
        """Unit vector to the satellite, at the middle of the track."""
        return LineOfSight.of(self.incidence_deg, self.heading_deg)

    def report(self) -> dict[str, Any]:
        """Describe the track with plain JSON types."""
        line = {name: round(float(self.line.part(name)), 6) for name in ("east", "north", "up")}
        return {
            "stack": self.name, "pass": self.direction, "heading_deg": self.heading_deg,
            "incidence_deg": self.incidence_deg, "first_date": self.first_date.isoformat(),
            "last_date": self.last_date.isoformat(), "line_of_sight": line,
        }  # fmt: skip


def require_both_directions(area: str, tracks: Sequence[Passes]) -> None:
    """Refuse tracks that cannot tell east from up, or that saw the ground at different times.

    Raises
    ------
    InputError
        If all tracks fly in one direction, or two of them share no time.
    """
    directions = sorted({track.direction for track in tracks})
    if len(directions) < 2:
        raise InputError(
            f"areas.{area}.fuse: found {' and '.join(directions) or 'no'} tracks only "
            f"({', '.join(track.name for track in tracks)}), expected an ascending and a descending one; add a stack "
            "of the other direction, or set fuse: false."
        )
    for before, after in pairwise(sorted(tracks, key=lambda track: track.first_date)):
        if after.first_date >= before.last_date:
            raise InputError(
                f"areas.{area}.fuse: found stack {before.name} until {before.last_date} and stack {after.name} from "
                f"{after.first_date}, expected rate maps of a common time; add scenes, or set fuse: false."
            )
