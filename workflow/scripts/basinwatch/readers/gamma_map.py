"""Map grids of GAMMA's DEM parameter files (``.dem_par``)."""

from __future__ import annotations

from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers.gamma_headers import Header, grid_spacing
from basinwatch.readers.parameters import finite_number

_WGS84_RADIUS_M, _WGS84_FLATTENING = 6_378_137.0, 298.257223563
_ARCTIC, _ANTARCTIC = "EPSG:3995", "EPSG:3031"
_MAX_STEP = 1e12


def grid_of(header: Header, crs: str | None = None) -> Grid:
    """Return the grid a header describes: a map for ``.dem_par``, else radar geometry.

    Parameters
    ----------
    crs
        Coordinate system of a map, where the user names one.

    Raises
    ------
    InputError
        If the header states no spacing, or a projection that cannot be told from it alone.
    """
    if "DEM_projection" not in header.keys:
        return Grid(header.width, header.lines, None, None, grid_spacing(header))
    system = _named(crs, header) if crs else _usable(_stated(header), header)
    degrees = "corner_lat" in header.keys
    north, east = ("lat", "lon") if degrees else ("north", "east")
    step_x, step_y = header.number(f"post_{east}"), header.number(f"post_{north}")
    if not (0 < step_x < _MAX_STEP and 0 < -step_y < _MAX_STEP):
        raise InputError(
            f"{header.path}: found steps {step_x:g}, {step_y:g}; expected columns east and rows south, of a size on "
            "the ground; correct the header."
        )
    # the corner is the centre of the upper left pixel
    origin_x = header.number(f"corner_{east}") - step_x / 2
    origin_y = header.number(f"corner_{north}") - step_y / 2
    return Grid.from_map(header.width, header.lines, Affine(step_x, 0, origin_x, 0, step_y, origin_y), system)


def _named(crs: str, header: Header) -> CRS:
    """Coordinate system the user names."""
    try:
        return CRS.from_user_input(crs)
    except CRSError:
        raise InputError(f"crs: found {crs!r} for {header.path.name}, expected a code such as EPSG:32633.") from None


def _usable(system: str, header: Header) -> CRS:
    """Coordinate system that a header's numbers make."""
    try:
        return CRS.from_user_input(system)
    except CRSError:
        raise InputError(
            f"{header.path}: found numbers that make no coordinate system ({system}), expected a UTM zone of 1 to 60 "
            "or a transverse Mercator projection; correct the header."
        ) from None


def _stated(header: Header) -> str:
    """Coordinate system that follows from the keys: geographic, UTM, transverse Mercator or polar, all on WGS 84."""
    projection = header.keys["DEM_projection"].split()[0].upper() if header.keys["DEM_projection"] else ""
    name = header.keys.get("projection_name", "").lower()
    if _is_wgs84(header):
        if projection == "EQA":
            return "EPSG:4326"
        if projection == "UTM":
            zone = abs(round(header.number("projection_zone")))
            return f"EPSG:{32700 + zone if header.number('false_northing') > 0 else 32600 + zone}"
        if projection == "TM":
            return _transverse_mercator(header)
        if projection == "PS" and "arctic" in name:
            return _ANTARCTIC if "antarctic" in name else _ARCTIC
    raise InputError(
        f"{header.path}: found projection {projection} on ellipsoid {header.keys.get('ellipsoid_name', '?')}, expected "
        "EQA, UTM, TM or polar PS on WGS 84; name its coordinate system under crs."
    )


def _transverse_mercator(header: Header) -> str:
    """PROJ string of a transverse Mercator projection."""
    terms = {
        "lat_0": "center_latitude", "lon_0": "center_longitude", "k": "projection_k0",
        "x_0": "false_easting", "y_0": "false_northing",
    }  # fmt: skip
    parameters = " ".join(f"+{term}={header.number(key):.12g}" for term, key in terms.items())
    return f"+proj=tmerc {parameters} +datum=WGS84 +units=m +no_defs"


def _is_wgs84(header: Header) -> bool:
    """Whether the ellipsoid is that of WGS 84, by its name or its numbers, and the datum is not shifted."""
    named = header.keys.get("ellipsoid_name", "WGS 84").replace(" ", "").upper() in ("WGS84", "WGS1984")
    radius, flattening = (
        finite_number(header.keys.get(key)) for key in ("ellipsoid_ra", "ellipsoid_reciprocal_flattening")
    )
    same = abs((radius or 0) - _WGS84_RADIUS_M) < 0.5 and abs((flattening or 0) - _WGS84_FLATTENING) < 1e-4
    shifts = [finite_number(header.keys.get(f"datum_shift_d{axis}")) or 0.0 for axis in "xyz"]
    return (named or same) and not any(shifts)
