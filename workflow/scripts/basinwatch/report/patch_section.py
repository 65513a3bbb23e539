"""Section about mine patches: where they are, which are active, and how far they can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from basinwatch.obia.activity import COLORS
from basinwatch.rasters import grid_of, open_raster
from basinwatch.report.drawing import Picture, encode, report_style
from basinwatch.report.patch_products import PatchProducts
from basinwatch.report.products import Area
from basinwatch.report.sections import Section
from basinwatch.report.tables import Column, Table, count, frame_table, number, words
from basinwatch.report.views import HALO, View, draw_outlines, dress, outlines_in_pixels

_SHOWN_PX = 900
_NUMBERED, _LISTED = 60, 200
_SOURCES = {"chosen": "chosen on reference patches", "published": "as published", "given": "as given"}
_UNGUIDED = "No reference patch to learn from lies in the picture, so the published parameters were taken."
_MEASURES = (
    ("overall_accuracy", "overall accuracy"), ("producers_accuracy", "producer's accuracy"),
    ("users_accuracy", "user's accuracy"), ("f1", "F1"), ("kappa", "kappa"),
)  # fmt: skip


def patch_sections(area: Area) -> list[Section]:
    """Show mine patches; nothing where they were not asked for."""
    found = area.patches
    if found is None:
        return []
    judged = found.accuracy if found.accuracy and found.accuracy["references"] else None
    return [
        Section(
            "patches",
            "Mine patches",
            [*_sentences(found), *([_judgement(judged)] if judged else []), *_remarks(found)],
            pictures=[_map(area, found), *([_histogram(judged)] if judged else [])],
            tables=[*([_table(found)] if len(found.patches) else []), *(_judgement_tables(judged) if judged else [])],
        )
    ]


def _sentences(found: PatchProducts) -> list[str]:
    """Say what was found and how."""
    kinds = Counter(found.patches["activity"])
    active = ", ".join(f"{kinds[name]} {name}" for name in COLORS if kinds[name])
    rule, control = found.choice["criterion"], found.control
    chosen = _SOURCES[found.choice["source"]]
    return [
        f"{count(len(found.patches), 'mine patch').replace('patchs', 'patches')} of "
        f"{found.patches['area_m2'].sum() / 1e4:,.1f} ha; activity by the rates around them: {active or 'none'}.",
        f"Segmented with scale {rule['scale']:g}, shape {rule['shape']:g} and compactness {rule['compactness']:g} "
        f"({chosen}); segments stay from {control['min_share']:.1%} of extracted ground on{_missed(control)}. Dropped: "
        f"{count(control['dropped_on_other_ground'], 'segment')} on other ground, "
        f"{count(control['dropped_too_small'], 'patch').replace('patchs', 'patches')} too small.",
    ]


def _missed(control: Mapping[str, Any]) -> str:
    """Say how much of the references the detector extracted, where the share was fitted to them."""
    recall = control["control"]["recall"]
    return "" if recall is None else f" (the model extracts {recall:.1%} of the references learnt from)"


def _judgement(judged: Mapping[str, Any]) -> str:
    """Say how many references were found, and how alike the areas are."""
    alike = judged["area_similarity"]
    text = "" if alike is None else f"; the mean area similarity is {alike:.2f}"
    return (
        f"{judged['identified']} of {count(judged['references'], 'reference')} set aside for the test "
        f"{'was' if judged['references'] == 1 else 'were'} identified ({judged['identified_share']:.1%}){text}."
    )


def _remarks(found: PatchProducts) -> list[str]:
    """Say what a reader should know of the input, once."""
    first = [_UNGUIDED] if found.choice["source"] == "published" else []
    listed = [*found.choice["remarks"], *found.control["remarks"], *(found.accuracy or {}).get("remarks", [])]
    return [*first, *dict.fromkeys(listed)]


def _shown(path: Path) -> tuple[NDArray[np.uint8], View]:
    """Picture (y, x, 3) small enough to show, and the view of it."""
    with open_raster(path) as source:
        step = max(1.0, max(source.shape) / _SHOWN_PX)
        shape = max(1, round(source.height / step)), max(1, round(source.width / step))
        bands = [1, 2, 3] if source.count >= 3 else [1, 1, 1]
        values = source.read(bands, out_shape=(3, *shape))
        view = View.whole(grid_of(source))
    return np.moveaxis(values, 0, -1), view


@report_style()
def _map(area: Area, found: PatchProducts) -> Picture:
    """Outline the patches over the picture in the colours of their activity."""
    picture, view = _shown(found.picture)
    figure = Figure(figsize=(8.6, min(9.5, 8.0 * view.shape_ratio) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(picture, extent=view.extent, interpolation="nearest")
    outlines = outlines_in_pixels(found.patches, view.grid)
    present = [name for name in COLORS if (found.patches["activity"] == name).any()]
    for name in present:
        draw_outlines(axes, outlines[found.patches["activity"] == name], COLORS[name], linewidth=1.6)
    for name, shape in list(zip(found.patches["id"], outlines, strict=True))[:_NUMBERED]:
        place = shape.representative_point()
        axes.annotate(str(name), (place.x, place.y), fontsize=7, ha="center", va="center", path_effects=HALO)
    dress(axes, view)
    handles = [Line2D([], [], color=COLORS[name], linewidth=1.8, label=name) for name in present]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return Picture(
        title="Mine patches",
        alt=f"Picture of area {area.name} with {len(found.patches)} mine patches outlined by activity.",
        caption="Positive: ground around the patch moves towards the satellite; negative: away; decorrelated: the "
        "patch is hardly measured, which digging itself can cause.",
        png=encode(figure),
    )


@report_style()
def _histogram(judged: Mapping[str, Any]) -> Picture:
    """Count references by area similarity."""
    edges, counts = judged["histogram_edges"], judged["histogram"]
    figure = Figure(figsize=(6.0, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color="#0072B2", edgecolor="white")
    axes.set(xlabel="area similarity (smaller over larger area)", ylabel="references", xlim=(0, 1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return Picture(
        title="Area similarity",
        alt=f"Histogram of the area similarity of {sum(counts)} identified reference patches.",
        caption="Of the reference patches set aside for the test that were identified.",
        png=encode(figure),
    )


def _table(found: PatchProducts) -> Table:
    """List the patches, those with moving ground first, then by area."""
    frame = pd.DataFrame(found.patches.drop(columns="geometry"))
    order = frame["activity"].map({name: place for place, name in enumerate(COLORS)})
    frame = frame.assign(area=frame["area_m2"] / 1e4, order=order)
    frame = frame.sort_values(["order", "area"], ascending=[True, False], kind="stable").head(_LISTED)
    columns = (
        Column("id", "patch", "text", words),
        Column("activity", "activity", "text", words),
        Column("rate_mm_yr", "mean rate of it (mm/yr)", "number", number(1)),
        Column("moving_px", "moving pixels around", "number", number(0)),
        Column("measured_share", "patch measured", "number", number(0, 100, " %")),
        Column("area", "area (ha)", "number", number(2)),
        Column("extracted_share", "extracted by the detector", "number", number(0, 100, " %")),
    )
    return frame_table("Mine patches, moving ones first", frame, columns)


def _judgement_tables(judged: Mapping[str, Any]) -> list[Table]:
    """Scores of pixels, and of references by kind where kinds are known."""
    return [_scores(judged), *([_kinds(judged["kinds"])] if judged["kinds"] else [])]


def _kinds(kinds: Mapping[str, Mapping[str, Any]]) -> Table:
    """List identified references and their area similarity, kind by kind."""
    share, similarity = number(1, 100, " %"), number(2)
    rows = tuple(
        (kind, str(own["references"]), share(own["identified_share"]), similarity(own["area_similarity"]))
        for kind, own in kinds.items()
    )
    headings = ("kind", "references of the test", "identified", "mean area similarity")
    return Table("Reference patches by kind", headings, ("text", "number", "number", "number"), rows)


def _scores(judged: Mapping[str, Any]) -> Table:
    """Accuracy at sampled pixels, of the patches and of the detector alone."""
    rows = tuple(
        (label, *(number(3)(judged[what][key]) for what in ("pixels", "detector_alone"))) for key, label in _MEASURES
    )
    headings = ("measure of mining ground", "patches", "detector alone")
    return Table("Accuracy at sampled pixels of the test", headings, ("text", "number", "number"), rows)
