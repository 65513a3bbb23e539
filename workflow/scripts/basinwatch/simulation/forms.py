"""What the files of a simulated stack are called, by the form they are written in.

Standard library only: the workflow calls it while it builds the job graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from basinwatch.errors import InputError
from basinwatch.stacks import parse_date

FOLDER = "results/simulated"
FILES = {
    "gamma": {"phase": "{pair}.diff", "coherence": "{pair}.cc", "unwrapped": "{pair}.unw", "header": "grid.dem_par"},
    "licsar": {
        "phase": "GEOC/{pair}/{pair}.geo.diff_pha.tif",
        "coherence": "GEOC/{pair}/{pair}.geo.cc.tif",
        "unwrapped": "GEOC/{pair}/{pair}.geo.unw.tif",
    },
    "plain": {
        "phase": "{pair}.phase.tif",
        "coherence": "{pair}.coherence.tif",
        "unwrapped": "{pair}.unwrapped.tif",
    },
}
_ROLES = ("phase", "coherence", "unwrapped", "header")


def name_of(pattern: str | None) -> str | None:
    """Name of the simulated stack that a path pattern points into; None if it points elsewhere."""
    path = PurePosixPath(pattern or "")
    return path.relative_to(FOLDER).parts[0] if path.is_relative_to(FOLDER) else None


def check(stacks: Mapping[str, Any], simulated: Mapping[str, Any]) -> None:
    """Check that stacks ask for files the simulator writes.

    Parameters
    ----------
    stacks, simulated
        Sections of the configuration.

    Raises
    ------
    InputError
        If a path names a simulated stack that is not defined or a file of another form, a stack of simulated files
        has no scene table, or a first date is no date.
    """
    for name, entry in simulated.items():
        parse_date(entry["first_date"], f"simulated_stacks.{name}.first_date")
    for name, entry in stacks.items():
        for role in _ROLES:
            if (source := name_of(entry[role])) is not None:
                _check_file(f"stacks.{name}.{role}", entry[role], role, source, simulated)
        if name_of(entry["phase"]) is not None and not entry["scenes"]:
            raise InputError(
                f"stacks.{name}.scenes: found none for simulated files, expected a CSV file with a column 'date'; "
                "name one."
            )


def _check_file(where: str, pattern: str, role: str, source: str, simulated: Mapping[str, Any]) -> None:
    """Refuse a path the simulator does not write."""
    if source not in simulated:
        known = ", ".join(simulated) or "none"
        raise InputError(f"{where}: '{source}' is no simulated stack; expected one of simulated_stacks ({known}).")
    form = simulated[source]["form"]
    expected = FILES[form].get(role)
    found = str(PurePosixPath(pattern).relative_to(FOLDER, source)).replace("{date1}_{date2}", "{pair}")
    if found != expected:
        wanted = f"{FOLDER}/{source}/{expected}" if expected else "null"
        raise InputError(f"{where}: found '{pattern}' in a stack of form {form}, expected {wanted}; correct the path.")
