"""What changed since the last run: basins that are new, ceased, moved again, grew or are gone, and pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.provenance import text_hash
from basinwatch.vectors import layers_of, read_vectors, write_geopackage

COLUMNS = ("kind", "name", "change", "before", "now")
_FACTS = ["basin", "state", "first_seen", "last_seen", "area_m2"]
_CEASED = "ceased"


@dataclass(frozen=True)
class ChangeSettings:
    """When a basin counts as the same and as grown.

    Parameters
    ----------
    min_overlap
        Intersection over the smaller of two outlines from which they are one basin at two times.
    min_growth
        Area over the earlier area from which a basin grew.
    """

    min_overlap: float = 0.5
    min_growth: float = 1.2


@dataclass(frozen=True)
class RunRecord:
    """What a run found.

    Parameters
    ----------
    basins
        Outlines with ``basin``, ``state``, ``first_seen``, ``last_seen`` and ``area_m2``.
    pairs
        Names of the pairs searched, with basins or without, each with its stack (``stack pair``), sorted.
    """

    basins: gpd.GeoDataFrame
    pairs: tuple[str, ...]

    @classmethod
    def of(cls, basins: gpd.GeoDataFrame, pairs: Iterable[str]) -> RunRecord:
        """Take what is compared from the product of :func:`basinwatch.activity.describe` and the pairs searched."""
        return cls(basins[[*_FACTS, basins.geometry.name]].reset_index(drop=True), tuple(sorted(pairs)))

    @property
    def key(self) -> str:
        """Equal for runs that found the same."""
        facts = self.basins[_FACTS].astype({"area_m2": float}).astype(str).to_dict("records")
        outlines = [shapely.get_coordinates(shapely.normalize(one)).tolist() for one in self.basins.geometry]
        return text_hash([facts, outlines, self.pairs])


def since_last_run(path: Path, found: RunRecord, settings: ChangeSettings | None = None) -> pd.DataFrame:
    """Compare a run with the last one that found something else, and remember it.

    A run that finds what the latest one found is compared with the one before that, so that repeating a job
    repeats its table.

    Parameters
    ----------
    path
        GeoPackage with the records of the latest two runs; written anew. Absent at the first run.
    found
        This run.

    Returns
    -------
    DataFrame
        One row per change with the columns `COLUMNS`: ``kind`` is ``basin`` or ``pair``; empty at the first run.
    """
    latest, previous = (_read(path, name) for name in ("latest", "previous"))
    before = previous if latest is not None and latest.key == found.key else latest
    records = {"latest": found} | ({"previous": before} if before is not None else {})
    layers = {}
    for name, record in records.items():
        layers[name] = record.basins
        layers[f"{name}_pairs"] = pd.DataFrame({"pair": record.pairs}, dtype=object)
    write_geopackage(path, layers)
    return changes(before, found, settings)


def changes(before: RunRecord | None, now: RunRecord, settings: ChangeSettings | None = None) -> pd.DataFrame:
    """List what changed between two runs; nothing without an earlier one."""
    settings = settings or ChangeSettings()
    rows: list[tuple[str, str, str, str, str]] = []
    if before is not None:
        rows = [*_changed_basins(before.basins, now.basins, settings), *_changed_pairs(before.pairs, now.pairs)]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _changed_pairs(before: tuple[str, ...], now: tuple[str, ...]) -> Iterator[tuple[str, str, str, str, str]]:
    """Tell pairs that came and pairs that went."""
    yield from (("pair", name, "added", "", "") for name in sorted(set(now) - set(before)))
    yield from (("pair", name, "removed", "", "") for name in sorted(set(before) - set(now)))


def _changed_basins(
    before: gpd.GeoDataFrame, now: gpd.GeoDataFrame, settings: ChangeSettings
) -> Iterator[tuple[str, str, str, str, str]]:
    """Tell basins without counterpart, and what became of the others."""
    earlier = _counterparts(before, now, settings.min_overlap)
    for place, row in enumerate(now.itertuples()):
        if earlier[place] < 0:
            yield "basin", str(row.basin), "new", "", str(row.first_seen)
            continue
        known = before.iloc[earlier[place]]
        if (known["state"] == _CEASED) != (row.state == _CEASED):
            change = "ceased" if row.state == _CEASED else "active again"
            yield "basin", str(row.basin), change, str(known["last_seen"]), str(row.last_seen)
        if row.area_m2 >= settings.min_growth * known["area_m2"]:
            yield "basin", str(row.basin), "grew", f"{known['area_m2']:.0f}", f"{row.area_m2:.0f}"
    for place in sorted(set(range(len(before))) - set(earlier.tolist())):
        known = before.iloc[place]
        yield "basin", str(known["basin"]), "gone", str(known["last_seen"]), ""


def _counterparts(before: gpd.GeoDataFrame, now: gpd.GeoDataFrame, min_overlap: float) -> NDArray[np.int64]:
    """Place in `before` of every basin of `now`, each used once, largest overlap first; -1 for none."""
    found = np.full(len(now), -1)
    if before.empty or now.empty:
        return found
    mine, theirs = shapely.STRtree(before.geometry.values).query(now.geometry.values, predicate="intersects")
    common = shapely.area(shapely.intersection(now.geometry.values[mine], before.geometry.values[theirs]))
    smaller = np.minimum(now.area.to_numpy()[mine], before.area.to_numpy()[theirs])
    share = common / smaller
    taken: set[int] = set()
    for place in np.argsort(-share, kind="stable"):
        if share[place] >= min_overlap and found[mine[place]] < 0 and theirs[place] not in taken:
            found[mine[place]] = theirs[place]
            taken.add(int(theirs[place]))
    return found


def _read(path: Path, name: str) -> RunRecord | None:
    """Read a record; none where there is no such file or layer, or it is of another kind."""
    if not path.is_file():
        return None
    try:
        if name not in layers_of(path):
            return None
        basins, pairs = read_vectors(path, name), read_vectors(path, f"{name}_pairs")
    except InputError:
        return None
    if not {*_FACTS} <= set(basins.columns):
        return None
    return RunRecord(basins, tuple(pairs["pair"].astype(str)))
