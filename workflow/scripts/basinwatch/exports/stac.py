"""A static SpatioTemporal Asset Catalog (STAC 1.0.0) of an exported folder: one item per stack, one for the area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pyproj import CRS, Transformer
from shapely.geometry import box, mapping

from basinwatch.grid import Grid
from basinwatch.map_page.plane import grid_bounds
from basinwatch.provenance import write_json
from basinwatch.report.products import Area, StackProducts

VERSION = "1.0.0"
_PROJECTION = "https://stac-extensions.github.io/projection/v1.1.0/schema.json"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_FILES = {
    "area.gpkg": ("application/geopackage+sqlite3", "Basins, detections, hot spots, comparison"),
    "basins.parquet": ("application/vnd.apache.parquet", "Basins"),
    "basins.csv": ("text/csv", "Basins as a table"),
    "timeline.csv": ("text/csv", "Time line of the basins"),
    "labels/detections.json": ("application/json", "Detections as COCO"),
}


def write_catalogue(area: Area, folder: Path, rasters: Sequence[str]) -> None:
    """Write ``catalog.json`` and its items, all links relative."""
    names = {stack.name: [path for path in rasters if _belongs(path, stack.name)] for stack in area.stacks}
    items = [_item(area, area.stacks[0].grid, area.name, _period(area.stacks), _vector_assets())]
    items += [
        _item(area, stack.grid, stack.name, _period([stack]), _assets(names[stack.name])) for stack in area.stacks
    ]
    paths = [f"stac/{number:02d}_{item['id']}.json" for number, item in enumerate(items)]
    for path, item in zip(paths, items, strict=True):
        write_json(folder / path, item)
    links = [_link("root", "./catalog.json"), *(_link("item", f"./{path}") for path in paths)]
    write_json(folder / "catalog.json", {
        "type": "Catalog", "stac_version": VERSION, "id": area.name, "title": f"Subsidence basins: {area.name}",
        "description": f"Basins of area {area.name} and the rasters behind them.", "links": links,
    })  # fmt: skip


def _belongs(path: str, stack: str) -> bool:
    """Whether a raster is one of a stack's."""
    name = Path(path).stem
    return name.split("_")[1] == stack


def _item(
    area: Area, grid: Grid, name: str, period: tuple[date, date] | None, assets: Mapping[str, Any]
) -> dict[str, Any]:
    """One item; in radar geometry it has no place."""
    bounds = _degrees(grid)
    place = {} if bounds is None else {"bbox": list(bounds)}
    return {
        "type": "Feature", "stac_version": VERSION, "stac_extensions": [_PROJECTION], "id": name, **place,
        "geometry": None if bounds is None else mapping(box(*bounds)),
        "properties": {**_times(period), **_projection(grid)},
        "links": [_link("root", "../catalog.json"), _link("parent", "../catalog.json")], "assets": dict(assets),
    }  # fmt: skip


def _period(stacks: Sequence[StackProducts]) -> tuple[date, date] | None:
    """First and last acquisition of some stacks."""
    days = [day for stack in stacks for pair in stack.pairs for day in pair.dates]
    return (min(days), max(days)) if days else None


def _times(period: tuple[date, date] | None) -> dict[str, Any]:
    """Give an item its period, since no single moment describes it."""
    if period is None:
        return {"datetime": "1970-01-01T00:00:00Z"}
    first, last = (f"{day.isoformat()}T00:00:00Z" for day in period)
    return {"datetime": None, "start_datetime": first, "end_datetime": last}


def _projection(grid: Grid) -> dict[str, Any]:
    """Grid of a stack in the words of the projection extension."""
    if grid.crs_wkt is None:
        return {"proj:epsg": None, "proj:shape": list(grid.shape)}
    crs = CRS.from_wkt(grid.crs_wkt)
    return {
        "proj:epsg": crs.to_epsg(), "proj:wkt2": crs.to_wkt(), "proj:shape": list(grid.shape),
        "proj:transform": list(grid.affine)[:6],
    }  # fmt: skip


def _degrees(grid: Grid) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees, None in radar geometry."""
    if grid.crs_wkt is None:
        return None
    west, south, east, north = Transformer.from_crs(grid.crs_wkt, "EPSG:4326", always_xy=True).transform_bounds(
        *grid_bounds(grid)
    )
    return round(west, 6), round(south, 6), round(east, 6), round(north, 6)


def _assets(paths: Sequence[str]) -> dict[str, Any]:
    """Rasters of a stack."""
    return {
        Path(path).stem: {"href": f"../{path.removeprefix('./')}", "type": _COG, "roles": ["data"]} for path in paths
    }


def _vector_assets() -> dict[str, Any]:
    """Vectors and tables of an area."""
    return {
        Path(path).name.replace(".", "_"): {"href": f"../{path}", "type": kind, "title": title, "roles": ["data"]}
        for path, (kind, title) in _FILES.items()
    }


def _link(relation: str, target: str) -> dict[str, str]:
    """Link to another file of the catalogue."""
    return {"rel": relation, "href": target, "type": "application/json"}
