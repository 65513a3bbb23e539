"""Sections of the page, and those of them that tell what lies behind and follows from the rate maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from basinwatch.report import rate_figures, rate_tables
from basinwatch.report.drawing import Picture
from basinwatch.report.products import Area, EmergingProducts, FusedMotion, StackProducts
from basinwatch.report.tables import Blind, Table, count

_PATTERNS = (
    "Every epoch gets its own Gi* map; the pattern tells in which of them a pixel was significant. New: in the last "
    "alone. Consecutive: in the last ones, never before. Intensifying, persistent, diminishing: in nearly all, with a "
    "score that grows, holds or fades. Sporadic: on and off, and on at last. Oscillating: of the other sign before. "
    "Historical: in nearly all, but not in the last."
)
_LEAST_FOR_TREND = 5
_NORTH = "Motion to the north, which the satellites hardly see, is taken as none"


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it, in this order: paragraphs, items, pictures, tables."""

    key: str
    title: str
    paragraphs: Sequence[str] = ()
    blind: Sequence[Blind] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Part:
    """A question of the reader and the sections that answer it."""

    key: str
    title: str
    sections: Sequence[Section]


def rate_sections(area: Area) -> list[Section]:
    """Development of hot spots and fused motion, as far as there are products."""
    mapped = [(stack, stack.emerging) for stack in area.stacks if stack.emerging is not None]
    found = [_emerging_section(area, mapped)] if mapped else []
    return found + ([_fusion_section(area, area.fused)] if area.fused is not None else [])


def making_sections(area: Area, config: Mapping[str, Any]) -> list[Section]:
    """How the rate maps were made; nothing without any."""
    made = [stack for stack in area.stacks if stack.network]
    return [_making_section(made, config)] if made else []


def _emerging_section(area: Area, mapped: Sequence[tuple[StackProducts, EmergingProducts]]) -> Section:
    """Show how the hot spots of every stack develop."""
    return Section(
        "emerging",
        "How hot spots develop",
        [_PATTERNS, *(_epochs(stack.name, emerging) for stack, emerging in mapped)],
        pictures=[rate_figures.patterns_map(area, stack, emerging) for stack, emerging in mapped],
        tables=[rate_tables.pattern_table(stack.name, emerging) for stack, emerging in mapped if len(emerging.areas)],
    )


def _epochs(name: str, emerging: EmergingProducts) -> str:
    """Name the epochs of a stack, and say if they are too few for a trend."""
    spans = ", ".join(f"{first} to {last}" for first, last in emerging.epochs[["first_date", "last_date"]].to_numpy())
    trend = "" if len(emerging.epochs) >= _LEAST_FOR_TREND else " These are too few to tell a trend."
    areas = "" if len(emerging.areas) else " No area of a pattern is large enough to be listed."
    return f"Epochs of stack {name}: {spans}.{trend}{areas}"


def _fusion_section(area: Area, fused: FusedMotion) -> Section:
    """Show motion east, up and down the slope."""
    facts = fused.summary
    tracks = "; ".join(f"{track['stack']} ({track['pass']})" for track in facts["tracks"])
    added = {name: f"{part:+.2f}".replace("-", "−") for name, part in facts["added_by_motion_north"].items()}
    weak = f" In {count(facts['weak_px'], 'pixel')} the directions are too much alike." if facts["weak_px"] else ""
    return Section(
        "fusion",
        "Motion east, up and down the slope",
        [
            f"From the tracks {tracks}: {facts['fused_px']:,} pixels have a rate in both directions.{weak} {_NORTH}; "
            f"each mm/yr of it would add {added['east']} mm/yr to the east and {added['up']} mm/yr up."
        ],
        pictures=[rate_figures.motion_maps(area, fused)],
        tables=[] if area.basins.empty else [rate_tables.motion_table(area, fused)],
    )


def _making_section(stacks: Sequence[StackProducts], config: Mapping[str, Any]) -> Section:
    """Tell what the rate maps were made from and what was corrected."""
    pictures = [draw(stack) for stack in stacks for draw in (rate_figures.network_plot, rate_figures.delays)]
    return Section(
        "making",
        "How the rate map was made",
        [rate_tables.network_sentence(stack) for stack in stacks],
        pictures=[picture for picture in pictures if picture is not None],
        tables=[rate_tables.corrections_table(stack, config["sbas"]) for stack in stacks],
    )
