"""What the detections of each basin rest on, told without regard to the model that made them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from basinwatch.comparison import MATCHED
from basinwatch.report.products import Area

FIRM, FAIR, WEAK = "firm", "fair", "weak"
_FIRM_RUN = 3


@dataclass(frozen=True)
class Evidence:
    """What speaks for a basin.

    Parameters
    ----------
    level
        ``firm``: at least three pairs in a row detect it, or the rate map shows it too; ``weak``: no two pairs in a
        row detect it, nor does the rate map show it; ``fair``: anything else.
    run
        Largest number of pairs in a row, see :func:`longest_run`; of the stack that has most.
    median_score, best_score
        Over its detections; NaN without any.
    in_rate_map
        Whether the rate map of any stack shows it; None where nothing was compared.
    """

    level: str
    run: int
    median_score: float
    best_score: float
    in_rate_map: bool | None

    def told(self) -> str:
        """Say it in a few words."""
        runs = "never in two pairs in a row" if self.run < 2 else f"{self.run} pairs in a row"
        shown = {None: "", True: ", in the rate map too", False: ", not in the rate map"}[self.in_rate_map]
        return f"{self.level}: {runs}{shown}"


def basin_evidence(area: Area) -> dict[str, Evidence]:
    """Weigh what speaks for each basin of an area; by its name."""
    known = area.timeline[area.timeline["observed"] & area.timeline["pair"].isin(area.pairs)]
    groups = {str(name): rows for name, rows in known.groupby("basin")}
    shown = _shown(area)
    return {
        name: _evidence(groups.get(name, known.iloc[:0]), None if shown is None else name in shown)
        for name in area.basins["basin"].astype(str)
    }


def longest_run(pairs: Iterable[tuple[str, bool]]) -> int:
    """Largest number of detections without a miss between them.

    The air over one date, or an error of one acquisition, reaches the pair that ends and the pair that begins there. A
    run of three is therefore never the work of one date. A pair that begins before the last one of the run ended
    looks at the same time once more and counts neither for nor against it; pairs that observe nothing are not given.

    Parameters
    ----------
    pairs
        Names (``YYYYMMDD_YYYYMMDD``) of the pairs of one stack that observe a basin, and whether they detect it.
    """
    longest, run, end = 0, 0, ""
    for name, detected in sorted(pairs, key=lambda pair: (pair[0][9:], not pair[1], pair[0])):
        if name[:8] < end:
            continue
        run = run + 1 if detected else 0
        end = name[9:] if detected else end
        longest = max(longest, run)
    return longest


def _evidence(rows: pd.DataFrame, in_rate_map: bool | None) -> Evidence:
    """Weigh the rows of one basin in which it is observed."""
    stacks = [rows] if "stack" not in rows else [own for _, own in rows.groupby("stack")]
    run = max((longest_run(zip(own["pair"], own["detected"], strict=True)) for own in stacks), default=0)
    scores = rows.loc[rows["detected"], "score"].to_numpy(float)
    median, best = (np.median(scores), scores.max()) if scores.size else (np.nan, np.nan)
    level = FIRM if run >= _FIRM_RUN or in_rate_map else FAIR if run > 1 else WEAK
    return Evidence(level, run, float(median), float(best), in_rate_map)


def _shown(area: Area) -> set[str] | None:
    """Basins that the rate map of any stack shows; None where nothing was compared."""
    compared = [stack.objects for stack in area.stacks if stack.objects is not None]
    if not compared:
        return None
    return {
        str(name)
        for objects in compared
        for name in objects.loc[(objects["source"] == "detected") & (objects["status"] == MATCHED), "object"]
    }
