"""What a report is made from: the products of an area, read once; rasters stay on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from basinwatch.activity.changes import COLUMNS as CHANGE_COLUMNS
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import file_hash, read_json
from basinwatch.refusals import REFUSED
from basinwatch.report.decision_products import AnomalyProducts, PermitProducts, read_anomalies, read_permits
from basinwatch.report.patch_products import PatchProducts, read_patches
from basinwatch.vectors import read_vectors

_TIMELINE_COLUMNS = ("basin", "pair", "observed", "detected", "score")
_BASIN_COLUMNS = (
    "basin", "state", "first_seen", "last_seen", "n_detected", "n_observed",
    "active_fraction", "active_days", "observed_days", "area_m2", "max_score",
)  # fmt: skip
_RATE_ROLES = (
    "rate", "quality", "network", "network_plot", "statistic", "clusters", "patterns", "emerging", "objects", "summary",
)  # fmt: skip


@dataclass(frozen=True)
class PairProducts:
    """One interferogram: the fields of its ``meta.json`` and the paths of its phase and, where known, its coherence."""

    meta: Mapping[str, Any]
    phase: Path
    coherence: Path | None = None

    @property
    def name(self) -> str:
        """``YYYYMMDD_YYYYMMDD``."""
        return str(self.meta["pair"])

    @property
    def dates(self) -> tuple[date, date]:
        """Earlier and later acquisition."""
        return date.fromisoformat(self.meta["date1"]), date.fromisoformat(self.meta["date2"])


@dataclass(frozen=True)
class EmergingProducts:
    """How the hot spots of a stack develop: the raster of patterns, their areas, and the epochs behind them."""

    patterns: Path
    areas: gpd.GeoDataFrame
    epochs: pd.DataFrame


@dataclass(frozen=True)
class StackProducts:
    """Products of one stack; whatever belongs to the rate map is None or empty where there is none.

    Pairs that were refused are not among its `pairs`; `description` tells why (:mod:`basinwatch.refusals`).
    """

    name: str
    grid: Grid
    activity: Path
    pairs: tuple[PairProducts, ...] = ()
    description: Mapping[str, Any] = field(default_factory=dict)
    rate: Path | None = None
    quality: Path | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    network_plot: Path | None = None
    statistic: Path | None = None
    clusters: gpd.GeoDataFrame | None = None
    emerging: EmergingProducts | None = None
    objects: gpd.GeoDataFrame | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def corrections(self) -> Mapping[str, Any]:
        """What was corrected in the rate map; empty without one."""
        found: Mapping[str, Any] = self.network.get("corrections", {})
        return found


@dataclass(frozen=True)
class FusedMotion:
    """Motion of an area from both directions of flight; `slope` is None without terrain."""

    grid: Grid
    motion: Path
    slope: Path | None
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class DetectionFloor:
    """Smallest subsidence a model sees: the summary of the experiment and its plot."""

    summary: Mapping[str, Any]
    plot: Path


@dataclass(frozen=True)
class Area:
    """All products of an area; `basins` are sorted by activity, most active first."""

    name: str
    stacks: tuple[StackProducts, ...]
    basins: gpd.GeoDataFrame
    timeline: pd.DataFrame
    model: Mapping[str, Any]
    hashes: Mapping[str, str] = field(default_factory=dict)
    fused: FusedMotion | None = None
    floor: DetectionFloor | None = None
    changes: pd.DataFrame | None = None
    anomalies: AnomalyProducts | None = None
    permits: PermitProducts | None = None
    patches: PatchProducts | None = None

    @property
    def pairs(self) -> list[str]:
        """Names of the pairs looked at in any stack, in time order."""
        names = {pair.name for stack in self.stacks for pair in stack.pairs}
        return sorted(names, key=lambda name: (name[9:], name[:8]))

    @property
    def period(self) -> tuple[date, date] | None:
        """First and last acquisition, None without pairs."""
        days = [day for stack in self.stacks for pair in stack.pairs for day in pair.dates]
        return (min(days), max(days)) if days else None

    @property
    def detected(self) -> pd.DataFrame:
        """Rows of the time line in which a basin was detected."""
        return self.timeline[self.timeline["detected"]]


def as_lists(inputs: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    """Give every role a list of paths, also the roles that name a single file."""
    return {role: [paths] if isinstance(paths, str) else list(paths) for role, paths in inputs.items()}


def load(area: str, stacks: Mapping[str, bool], files: Mapping[str, Sequence[str]]) -> Area:
    """Read the products of an area.

    Parameters
    ----------
    area
        Name of the area.
    stacks
        Its stacks by name, and whether each has a rate map.
    files
        Paths by role. `basins`, `timeline` and `model` name one file; `grids` and `activity` one per
        stack; `meta`, `phase` and (optional) `coherence` one per pair, ``…/{stack}/interferograms/{pair}/…``; `rate`,
        `quality`, `network`, `network_plot`, `statistic`, `clusters`, `patterns`, `emerging`, `objects` and `summary`
        one per stack with a rate map, each role optional; `stacks` (optional) one description per stack; `motion`,
        `fusion` and `slope` one file of an area that is fused; `floor` and `floor_plot` one file where the detection
        floor was measured; `changes` one table (optional);
        :mod:`basinwatch.report.decision_products` and :mod:`basinwatch.report.patch_products` name further
        roles of one file each.

    Raises
    ------
    InputError
        If a file cannot be read or lacks a column.
    """
    paths = {role: [Path(path) for path in listed] for role, listed in files.items()}
    rated = [name for name, has_rate in stacks.items() if has_rate]
    per_stack = {role: _by_stack(paths.get(role, []), list(stacks)) for role in ("grids", "activity", "stacks")}
    per_rated = {role: _by_stack(paths.get(role, []), rated) for role in _RATE_ROLES}
    pairs = _pairs_by_stack(paths.get("meta", []), paths.get("phase", []), paths.get("coherence"))
    return Area(
        name=area,
        stacks=tuple(_read_stack(name, per_stack, per_rated, pairs.get(name, ())) for name in stacks),
        basins=_read_basins(paths["basins"][0]),
        timeline=_read_timeline(paths["timeline"][0]),
        model=read_json(paths["model"][0]),
        hashes={paths[role][0].name: file_hash(paths[role][0]) for role in ("basins", "timeline")},
        floor=DetectionFloor(read_json(paths["floor"][0]), paths["floor_plot"][0]) if paths.get("floor") else None,
        changes=_read_changes(paths["changes"][0]) if paths.get("changes") else None,
        fused=_read_fused(paths, per_stack["grids"][rated[0]]) if paths.get("motion") else None,
        anomalies=read_anomalies(paths, per_stack["grids"][rated[0]]) if rated else None,
        permits=read_permits(paths),
        patches=read_patches(paths),
    )


def _read_changes(path: Path) -> pd.DataFrame:
    """Read what changed since the last run; see :mod:`basinwatch.activity.changes`."""
    changes = pd.read_csv(path, dtype=str, keep_default_na=False)
    _require(path, changes, CHANGE_COLUMNS)
    return changes


def _read_fused(paths: Mapping[str, list[Path]], grid: Path) -> FusedMotion:
    """Read the summary of a fusion, which lies on the grid of the first stack with a rate map."""
    slope = next(iter(paths.get("slope", [])), None)
    return FusedMotion(Grid.read(grid), paths["motion"][0], slope, read_json(paths["fusion"][0]))


def _by_stack(paths: list[Path], names: list[str]) -> dict[str, Path]:
    """Match the files of a role with the stacks they come from; a role without files matches nothing."""
    return dict(zip(names, paths, strict=True)) if paths else {}


def _pairs_by_stack(
    metas: list[Path], phases: list[Path], coherences: list[Path] | None
) -> dict[str, tuple[PairProducts, ...]]:
    """Group pairs by the stack their path names, without those that were refused.

    A pair that came without coherence has an empty raster of it.
    """
    groups: dict[str, list[PairProducts]] = {}
    for number, (meta, phase) in enumerate(zip(metas, phases, strict=True)):
        fields = read_metadata(meta)
        if REFUSED in fields:
            continue
        coherence = coherences[number] if coherences and fields.get("coherence_present") else None
        groups.setdefault(meta.parents[2].name, []).append(PairProducts(fields, phase, coherence))
    return {name: tuple(sorted(pairs, key=lambda pair: pair.dates[::-1])) for name, pairs in groups.items()}


def _read_stack(
    name: str,
    required: Mapping[str, Mapping[str, Path]],
    optional: Mapping[str, Mapping[str, Path]],
    pairs: tuple[PairProducts, ...],
) -> StackProducts:
    """Read the small files of one stack."""
    own = {role: paths.get(name) for role, paths in optional.items()}
    description = required["stacks"].get(name)
    return StackProducts(
        name=name,
        grid=Grid.read(required["grids"][name]),
        activity=required["activity"][name],
        pairs=pairs,
        description=read_json(description) if description else {},
        rate=own["rate"],
        quality=own["quality"],
        network=read_json(own["network"]) if own["network"] else {},
        network_plot=own["network_plot"],
        statistic=own["statistic"],
        clusters=read_vectors(own["clusters"], "clusters") if own["clusters"] else None,
        emerging=_read_emerging(own["patterns"], own["emerging"]) if own["patterns"] and own["emerging"] else None,
        objects=read_vectors(own["objects"], "objects") if own["objects"] else None,
        summary=read_json(own["summary"]) if own["summary"] else {},
    )


def _read_emerging(patterns: Path, areas: Path) -> EmergingProducts:
    """Read the areas of the patterns and the table of epochs."""
    return EmergingProducts(patterns, read_vectors(areas, "areas"), pd.DataFrame(read_vectors(areas, "epochs")))


def _read_basins(path: Path) -> gpd.GeoDataFrame:
    """Read the basins, most active first."""
    basins = read_vectors(path, "basins")
    _require(path, basins, _BASIN_COLUMNS)
    number = basins["basin"].astype(str).str.extract(r"(\d+)", expand=False).astype(float)
    order = basins.assign(_number=number).sort_values(
        ["active_days", "active_fraction", "_number"], ascending=[False, False, True], kind="stable"
    )
    return order.drop(columns="_number").reset_index(drop=True)


def _read_timeline(path: Path) -> pd.DataFrame:
    """Read the time line with true booleans."""
    timeline = pd.read_csv(path, dtype={"basin": str, "pair": str, "stack": str})
    _require(path, timeline, _TIMELINE_COLUMNS)
    flags = {name: timeline[name].astype(str).str.lower() == "true" for name in ("observed", "detected")}
    return timeline.assign(**flags)


def _require(path: Path, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table that lacks a column."""
    lacking = [name for name in columns if name not in frame.columns]
    if lacking:
        raise InputError(
            f"{path}: found no column {', '.join(lacking)}; expected {', '.join(columns)}; make the file again."
        )
