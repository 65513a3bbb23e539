"""A window of a stack's grid as a picture: decimated reading, outlines in pixels, axes that tell no lies.

Everything is drawn in pixel coordinates (x = column, y = row); only tick labels, scale bar and north
arrow know the map. Radar geometry has none of the three.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outline
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.windows import Window
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.raster_rows import bounded_cache
from basinwatch.rasters import open_raster

HALO = (Stroke(linewidth=3, foreground="white"), Normal())
_MARGIN = 0.2
_MIN_WINDOW_PX = 120
_LARGE_SHARE = 0.4


@dataclass(frozen=True)
class View:
    """A window of a grid, in whole pixels."""

    grid: Grid
    column: int
    row: int
    width: int
    height: int

    @classmethod
    def whole(cls, grid: Grid) -> View:
        """Show the whole frame."""
        return cls(grid, 0, 0, grid.width, grid.height)

    @classmethod
    def around(cls, grid: Grid, outlines: gpd.GeoSeries) -> View:
        """Show all outlines (in pixels) with a margin; the whole frame when there is nothing to show."""
        inside = outlines[outlines.intersects(_frame(grid))] if len(outlines) else outlines
        if not len(inside):
            return cls.whole(grid)
        left, top, right, bottom = inside.total_bounds
        half = max(right - left, bottom - top, _MIN_WINDOW_PX / (1 + 2 * _MARGIN)) * (0.5 + _MARGIN)
        return cls._centred(grid, (left + right) / 2, (top + bottom) / 2, half)

    @classmethod
    def _centred(cls, grid: Grid, x: float, y: float, half: float) -> View:
        """Cut a square about a point to the frame."""
        left, top = max(0, math.floor(x - half)), max(0, math.floor(y - half))
        right, bottom = min(grid.width, math.ceil(x + half)), min(grid.height, math.ceil(y + half))
        return cls(grid, left, top, right - left, bottom - top)

    def limited(self, size_px: int, focus: BaseGeometry) -> View:
        """Shrink to at most `size_px` on a side, about an outline, if it is larger."""
        if max(self.width, self.height) <= size_px:
            return self
        return View._centred(self.grid, focus.centroid.x, focus.centroid.y, size_px / 2)

    @property
    def is_whole(self) -> bool:
        """Whether the view shows the whole frame."""
        return (self.width, self.height) == (self.grid.width, self.grid.height)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in pixels, as matplotlib wants it."""
        return self.column, self.column + self.width, self.row + self.height, self.row

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width, on the page."""
        spacing_x, spacing_y = self.grid.pixel_spacing_m
        return spacing_y / spacing_x if self.grid.geometry == "map" else 1.0

    @property
    def shape_ratio(self) -> float:
        """Height of the view over its width, on the page."""
        return self.aspect * self.height / self.width

    def read(self, path: Path, band: str, size_px: int) -> NDArray[np.float32]:
        """Read a band as float32 with at most `size_px` on a side.

        A larger window is thinned to single pixels, never averaged: the mean of wrapped phases is no phase.
        """
        thin = max(1.0, max(self.width, self.height) / size_px)
        shape = (max(1, round(self.height / thin)), max(1, round(self.width / thin)))
        window = Window(self.column, self.row, self.width, self.height)
        with bounded_cache(), open_raster(path) as source:
            if band not in source.descriptions:
                raise InputError(f"{path}: found bands {source.descriptions}; expected {band!r}; make the file again.")
            index = source.descriptions.index(band) + 1
            values = source.read(index, window=window, out_shape=shape, resampling=Resampling.nearest)
        return np.asarray(values, np.float32)


def outlines_in_pixels(frame: gpd.GeoDataFrame, grid: Grid) -> gpd.GeoSeries:
    """Bring geometries of any (or no) coordinate system to columns and rows of a grid."""
    shapes = frame.geometry
    if shapes.crs is not None and grid.crs_wkt is not None:
        shapes = shapes.to_crs(CRS.from_wkt(grid.crs_wkt))
    inverse = ~grid.affine
    moved = shapes.affine_transform([inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f])
    return gpd.GeoSeries(moved.array, index=frame.index, crs=None)


def _frame(grid: Grid) -> BaseGeometry:
    """Rectangle of a grid in pixels."""
    return box(0, 0, grid.width, grid.height)


def draw_outlines(axes: Axes, shapes: Iterable[BaseGeometry], color: str, **style: Any) -> None:
    """Draw the borders of polygons with a white halo."""
    paths = [path for shape in shapes for path in _paths(shape)]
    width = style.pop("linewidth", 1.4)
    halo = (Stroke(linewidth=width + 1.6, foreground="white"), Normal())
    axes.add_collection(
        PathCollection(paths, facecolor="none", edgecolor=color, linewidth=width, path_effects=halo, **style),
        autolim=False,
    )


def _paths(shape: BaseGeometry) -> list[Outline]:
    """Exterior and interior rings of a polygon or of all polygons of a collection."""
    if shape is None or shape.is_empty:
        return []
    if hasattr(shape, "geoms"):
        return [path for part in shape.geoms for path in _paths(part)]
    if shape.geom_type != "Polygon":
        return []
    return [Outline(np.asarray(ring.coords)[:, :2], closed=True) for ring in (shape.exterior, *shape.interiors)]


def dress(axes: Axes, view: View, *, ticks: bool = True, marks: bool = True) -> None:
    """Give a picture its limits and tick labels, and a map its scale bar and north arrow."""
    axes.set_xlim(view.extent[:2])
    axes.set_ylim(view.extent[2:])
    axes.set_aspect(view.aspect)
    axes.tick_params(length=3, labelsize=7.5, color="#8893a0")
    if not ticks:
        axes.set(xticks=[], yticks=[])
    elif view.grid.geometry == "radar":
        axes.set(xlabel="column (px)", ylabel="row (px)")
    else:
        _label_map(axes, view)
    if marks and view.grid.geometry == "map":
        _scale_bar(axes, view)
        _north_arrow(axes, view)


def _label_map(axes: Axes, view: View) -> None:
    """Label columns and rows with round map coordinates; a rotated grid gets none."""
    transform = view.grid.affine
    if transform.b or transform.d:
        axes.set(xticks=[], yticks=[])
        return
    geographic = CRS.from_wkt(str(view.grid.crs_wkt)).is_geographic
    left, right, bottom, top = view.extent
    for axis, start, step, ends in (
        (axes.xaxis, transform.c, transform.a, (left, right)),
        (axes.yaxis, transform.f, transform.e, (top, bottom)),
    ):
        low, high = sorted(start + step * end for end in ends)
        values = [v for v in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= v <= high]
        axis.set_ticks([(v - start) / step for v in values], [_coordinate(v, geographic) for v in values])
    names = ("longitude", "latitude") if geographic else ("easting (km)", "northing (km)")
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)


def _coordinate(value: float, geographic: bool) -> str:
    """Write a coordinate as degrees or kilometres."""
    return f"{round(value, 4):g}°" if geographic else f"{round(value / 1000, 2):,.10g}"


def scale_length_m(width_m: float) -> float:
    """Longest of 1, 2, 5 · 10ⁿ metres that is at most a quarter of a width."""
    exponent = 10 ** math.floor(math.log10(width_m / 4))
    return max(step * exponent for step in (1.0, 2.0, 5.0) if step * exponent <= width_m / 4)


def _scale_bar(axes: Axes, view: View) -> None:
    """Draw a bar of round length in the lower left corner."""
    length_m = scale_length_m(view.width * view.grid.pixel_spacing_m[0])
    share = length_m / (view.width * view.grid.pixel_spacing_m[0])
    text = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    axes.plot([0.04, 0.04 + share], [0.035] * 2, transform=axes.transAxes, color="black", linewidth=2.5,
              solid_capstyle="butt", path_effects=[Stroke(linewidth=4.5, foreground="white"), Normal()])  # fmt: skip
    axes.text(0.04 + share / 2, 0.05, text, transform=axes.transAxes, ha="center", va="bottom", fontsize=8,
              path_effects=HALO)  # fmt: skip


def _north_arrow(axes: Axes, view: View) -> None:
    """Draw an arrow along the map's north in the upper right corner."""
    inverse = ~view.grid.affine
    right, down = inverse.b, inverse.e
    length = math.hypot(right, down)
    tail = (0.945 - 0.07 * right / length, 0.9 + 0.035 * down / length)
    head = (tail[0] + 0.075 * right / length, tail[1] - 0.075 * down / length)
    axes.annotate("", xy=head, xytext=tail, xycoords="axes fraction",
                  arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.5, "path_effects": HALO})  # fmt: skip
    axes.text(*tail, "N", transform=axes.transAxes, ha="center", va="top", fontsize=9, fontweight="bold",
              path_effects=HALO)  # fmt: skip


def locate(axes: Axes, view: View) -> None:
    """Show in a corner where the view lies in its frame, unless it fills most of it."""
    if view.width * view.height > _LARGE_SHARE * view.grid.width * view.grid.height:
        return
    width = 0.16
    inset = axes.inset_axes((0.98 - width, 0.02, width, width))
    grid = view.grid
    inset.add_patch(Rectangle((0, 0), grid.width, grid.height, facecolor="white", edgecolor="#556270", linewidth=1))
    inset.add_patch(Rectangle((view.column, view.row), view.width, view.height, color="#c0392b"))
    inset.set(xlim=(0, grid.width), ylim=(grid.height, 0))
    inset.set_aspect(view.aspect)
    inset.set_axis_off()
