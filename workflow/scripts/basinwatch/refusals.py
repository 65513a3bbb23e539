"""Pairs whose files cannot be used: what stands in their place, and who is told why.

A refused pair is an interferogram without a valid pixel whose metadata say why (``refused``). Per-pair work finds
nothing in it; what adds up over pairs leaves it out; nothing is tried again before a file of it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import PairRows
from basinwatch.rasters import open_raster
from basinwatch.rows import Rows

# Key of the metadata; in capitals tag of the unwrapped phase.
REFUSED = "refused"
REFUSED_UNWRAPPED = "refused_unwrapped"


def are_given_out(paths: Iterable[Path | None]) -> bool:
    """Whether the system lets files be read: only then an error speaks of what they hold, at the next run as well."""
    try:
        for path in paths:
            if path is not None and not path.is_dir():
                with path.open("rb") as stream:
                    stream.read(1)
    except OSError:
        return False
    return True


def without_data(dates: tuple[date, date], grid: Grid, reason: str) -> PairRows:
    """Stand in for a pair that cannot be used: no phase, no coherence, and the reason."""
    width = grid.width

    def nothing(first: int, last: int) -> NDArray[np.float32]:
        return np.full((last - first, width), np.nan, np.float32)

    rows = Rows(grid.height, width, lambda: nullcontext(nothing))
    return PairRows(rows, None, grid, min(dates), max(dates), {REFUSED: reason})


def describe_pairs(stack: str, metadata: Sequence[Mapping[str, Any]], unwrapped: Mapping[str, Path]) -> dict[str, Any]:
    """Tell how many pairs a stack has, which of them cannot be used and why, and what is known of the others.

    Parameters
    ----------
    stack
        Its name.
    metadata
        Content of ``meta.json`` of every pair, in time order.
    unwrapped
        Unwrapped phase by pair, where it came from the producer.

    Returns
    -------
    dict
        ``pairs`` (how many), ``refused`` (reason by pair), ``refused_unwrapped`` (the same of pairs whose unwrapped
        phase alone cannot be used) and ``metadata`` (of the first pair that was not refused).

    Raises
    ------
    InputError
        If all pairs were refused.
    """
    refused = {one["pair"]: one[REFUSED] for one in metadata if REFUSED in one}
    usable = next((dict(one) for one in metadata if REFUSED not in one), None)
    if usable is None:
        name, reason = next(iter(refused.items()))
        raise InputError(
            f"stacks.{stack}: found none of {len(refused)} pairs that can be used, expected one at least; mend what "
            f"they have in common, as {name} has it: {reason}"
        )
    tags = {name: _tagged(path) for name, path in unwrapped.items()}
    return {
        "pairs": len(metadata),
        REFUSED: refused,
        REFUSED_UNWRAPPED: {name: reason for name, reason in tags.items() if reason},
        "metadata": usable,
    }


def without_rate(description: Mapping[str, Any]) -> dict[str, str]:
    """Pairs of a described stack that no rate map comes from, and why."""
    return {**description[REFUSED], **description[REFUSED_UNWRAPPED]}


def _tagged(path: Path) -> str | None:
    """Reason for which a pair's unwrapped phase was refused; None where it was not."""
    with open_raster(path) as source:
        reason: str | None = source.tags().get(REFUSED.upper())
    return reason


def require_usable(metadata: Mapping[str, Any]) -> None:
    """Stop work that a person asked of one pair if that pair was refused.

    Raises
    ------
    InputError
        If it was, with the reason.
    """
    if REFUSED in metadata:
        raise InputError(str(metadata[REFUSED]))
