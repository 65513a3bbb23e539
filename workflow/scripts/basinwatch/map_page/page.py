"""The page itself: data, library, style and script in one file that needs no other and no network.

Everything that comes from files or the configuration reaches the page as JSON, and the script writes it as text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from basinwatch.map_page.cards import basin_cards, cluster_cards, stack_facts
from basinwatch.map_page.layers import stack_layers
from basinwatch.map_page.plane import Plane
from basinwatch.provenance import software
from basinwatch.report.drawing import STATE_STYLES
from basinwatch.report.products import Area

FOLDER = Path(__file__).parent
_SCRIPTS = ("chart.js", "legend.js", "map.js", "panel.js", "start.js")
# What would end a script element early, or a line of a script.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def render(area: Area, rate_threshold_mm_yr: float, report_name: str | None = None) -> str:
    """Write the map page of an area.

    Parameters
    ----------
    area
        Products (see :func:`basinwatch.report.products.load`).
    rate_threshold_mm_yr
        Rates within ± this count as stable; the colours reach at least twice as far.
    report_name
        File name of the area's report beside the page, to link to.

    Returns
    -------
    str
        HTML of at most 25 MB, as long as its cards and 330 bytes for each picture (a pair has two) stay below 17 MB;
        equal products give equal text.

    Raises
    ------
    InputError
        If a raster cannot be read.
    """
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html").render(
        area=area,
        report_name=report_name,
        style=_asset("leaflet/leaflet.css") + _asset("style.css"),
        library=_asset("leaflet/leaflet.js"),
        data=as_json(page_data(area, rate_threshold_mm_yr)),
        script="\n".join(_asset(name) for name in _SCRIPTS),
    )


def page_data(area: Area, rate_threshold_mm_yr: float) -> dict[str, Any]:
    """Everything the script of the page is given."""
    plane = Plane.of([stack.grid for stack in area.stacks])
    cards = {"basins": basin_cards(area, plane), "clusters": cluster_cards(area, plane)}
    kinds, stacks = stack_layers(area, plane, rate_threshold_mm_yr, len(as_json(cards).encode()))
    edges = [stack["bounds"] for stack in stacks]
    bounds = (
        min(edge[0] for edge in edges), min(edge[1] for edge in edges),
        max(edge[2] for edge in edges), max(edge[3] for edge in edges),
    )  # fmt: skip
    named = [entry | {"title": stack_facts(stack)} for entry, stack in zip(stacks, area.stacks, strict=True)]
    return {
        "area": area.name,
        "software": software(),
        "geometry": "radar" if plane.crs is None else "map",
        "bounds": bounds,
        "axes": _axes(plane),
        "lattice": plane.lattice(bounds),
        "layers": [kind.legend() for kind in kinds],
        "stacks": named,
        "pairs": [{"name": name, "first": _iso(name[:8]), "last": _iso(name[9:])} for name in area.pairs],
        "states": {
            name: {"color": color, "dash": "" if line == "solid" else " ".join(f"{2 * step:g}" for step in line[1])}
            for name, (color, line) in STATE_STYLES.items()
        },
    } | cards


def as_json(value: Any) -> str:
    """Write JSON that no text in it can lead out of a script element."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def _asset(name: str) -> str:
    """Read a file of this package."""
    return (FOLDER / name).read_text(encoding="utf-8")


def _iso(day: str) -> str:
    """YYYYMMDD as a date."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def _axes(plane: Plane) -> dict[str, Any]:
    """How the plane's coordinates are written at the edges of the map."""
    if plane.crs is None:
        return {"text": ["column #", "row #"], "start": [0, 0], "step": [1, -1]}
    (x, y), (east, north) = plane.origin, plane.scale
    if plane.crs.is_geographic:
        return {"text": ["#° E", "#° N"], "start": [x, y], "step": [1 / east, 1 / north]}
    start = [x * east / 1000, y * north / 1000]
    return {"text": ["# km E", "# km N"], "start": start, "step": [1e-3, 1e-3]}
