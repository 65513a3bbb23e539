"""The pixel grid all products of one stack share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from affine import Affine
from pyproj import CRS

from basinwatch.errors import InputError

METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Grid:
    """Shape and placement of a raster.

    Parameters
    ----------
    width, height
        Columns and rows in pixels.
    transform
        Affine coefficients (a, b, c, d, e, f) of the upper-left *corner*, in CRS units; None in
        radar geometry.
    crs_wkt
        Coordinate reference system as WKT; None in radar geometry.
    pixel_spacing_m
        Column and row spacing on the ground in metres (slant range and azimuth in radar geometry).
    """

    width: int
    height: int
    transform: tuple[float, float, float, float, float, float] | None
    crs_wkt: str | None
    pixel_spacing_m: tuple[float, float]

    @classmethod
    def from_map(cls, width: int, height: int, transform: Affine, crs: Any) -> Grid:
        """Build a map grid; spacing in metres follows from the CRS and the centre latitude."""
        crs = CRS.from_user_input(crs)
        step_x, step_y = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
        if crs.is_geographic:
            latitude = transform.f + transform.e * height / 2
            step_x *= METRES_PER_DEGREE * math.cos(math.radians(latitude))
            step_y *= METRES_PER_DEGREE
        else:
            factor = crs.axis_info[0].unit_conversion_factor or 1.0
            step_x, step_y = step_x * factor, step_y * factor
        return cls(width, height, tuple(transform)[:6], crs.to_wkt(), (step_x, step_y))

    @property
    def geometry(self) -> Literal["map", "radar"]:
        """Whether pixels lie on a map or in the radar's own axes."""
        return "radar" if self.crs_wkt is None else "map"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def affine(self) -> Affine:
        """Pixel (column, row) to CRS units; the identity in radar geometry."""
        return Affine(*self.transform) if self.transform else Affine.identity()

    @property
    def pixel_area_m2(self) -> float:
        """Ground area of one pixel."""
        return self.pixel_spacing_m[0] * self.pixel_spacing_m[1]

    def part(self, rows: slice, columns: slice) -> Grid:
        """Grid of some rows and columns; in radar geometry its coordinates are pixels of the whole."""
        a, b, c, d, e, f = tuple(self.affine)[:6]
        left, top = columns.start, rows.start
        transform = (a, b, a * left + b * top + c, d, e, d * left + e * top + f)
        return Grid(columns.stop - left, rows.stop - top, transform, self.crs_wkt, self.pixel_spacing_m)

    def offset_of(self, other: Grid) -> tuple[float, float]:
        """Column and row of the other grid's origin in this grid, in pixels.

        Only meaningful when :meth:`aligned_with` holds.
        """
        if self.transform is None or other.transform is None:
            return 0.0, 0.0
        inverse, x, y = ~self.affine, other.transform[2], other.transform[5]
        return inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f

    def aligned_with(self, other: Grid, tolerance_px: float = 0.01) -> bool:
        """Whether both grids share CRS and pixel lattice (they may cover different extents)."""
        if self.transform is None or other.transform is None:
            return self.transform is other.transform and self.shape == other.shape
        if CRS.from_wkt(str(self.crs_wkt)) != CRS.from_wkt(str(other.crs_wkt)):
            return False
        same_step = all(
            math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
            for a, b in zip(self.affine[:2] + self.affine[3:5], other.affine[:2] + other.affine[3:5], strict=True)
        )
        return same_step and all(abs(v - round(v)) <= tolerance_px for v in self.offset_of(other))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Grid:
        """Rebuild a grid from :meth:`to_dict`."""
        transform = fields["transform"]
        return cls(
            int(fields["width"]),
            int(fields["height"]),
            tuple(transform) if transform else None,
            fields["crs_wkt"],
            tuple(fields["pixel_spacing_m"]),
        )

    @classmethod
    def read(cls, path: str | Path) -> Grid:
        """Read a grid written as JSON (``grid.json`` or the same keys in a ``meta.json``)."""
        return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))


def require_common_map(grids: Mapping[str, Grid]) -> None:
    """Refuse an area of several stacks unless all of them lie on a map.

    Raises
    ------
    InputError
        If one of several stacks is in radar geometry, whose pixels mean nothing to another stack.
    """
    radar = [name for name, grid in grids.items() if grid.geometry == "radar"]
    if len(grids) > 1 and radar:
        raise InputError(
            f"stack {radar[0]}: found radar geometry in an area of {len(grids)} stacks, expected map geometry; "
            "geocode it, or give it an area of its own."
        )
