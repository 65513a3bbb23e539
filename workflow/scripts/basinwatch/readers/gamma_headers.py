"""GAMMA parameter files: find the one that fits a binary, and read grid and radar facts from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from affine import Affine

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import SPEED_OF_LIGHT_M_S

_LINE = re.compile(r"^\s*([A-Za-z_][\w()\-]*)\s*:\s*(.*?)\s*$")
_SUFFIXES = (".par", ".off", ".diff_par", ".dem_par")
_PARENTS = 2
_MAP_NAME = re.compile(r"geo|eqa|utm|_ll", re.IGNORECASE)
_SIZE_KEYS = (
    ("interferogram_width", "interferogram_azimuth_lines"),
    ("range_samp_1", "az_samp_1"),
    ("width", "nlines"),
    ("range_samples", "azimuth_lines"),
    ("ifg_width", "ifg_length"),  # not GAMMA's, but found beside binaries of its kind
)
_SPACING_KEYS = {
    "interferogram_width": ("interferogram_range_pixel_spacing", "interferogram_azimuth_pixel_spacing"),
    "range_samp_1": ("range_pixel_spacing_1", "az_pixel_spacing_1"),
    "range_samples": ("range_pixel_spacing", "azimuth_pixel_spacing"),
    "ifg_width": ("x_spacing", "y_spacing"),
}
_LOOK_KEYS = (
    ("interferogram_range_looks", "interferogram_azimuth_looks"),
    ("range_looks", "azimuth_looks"),
)
_WAVELENGTHS_M = (0.01, 1.0)


@dataclass(frozen=True)
class Header:
    """A parameter file that states an image size."""

    path: Path
    keys: dict[str, str]

    @property
    def size_keys(self) -> tuple[str, str] | None:
        """Names of the keys for width and lines; None if the file states no size."""
        return next((pair for pair in _SIZE_KEYS if pair[0] in self.keys and pair[1] in self.keys), None)

    @property
    def width(self) -> int:
        """Columns; 0 if the file states no size."""
        return int(self.number(self.size_keys[0])) if self.size_keys else 0

    @property
    def lines(self) -> int:
        """Rows; 0 if the file states no size."""
        return int(self.number(self.size_keys[1])) if self.size_keys else 0

    def number(self, key: str) -> float:
        """Return the first number of a key.

        Raises
        ------
        InputError
            If the key is missing or has no number.
        """
        try:
            return float(self.keys[key].split()[0])
        except (KeyError, IndexError, ValueError) as error:
            found = repr(self.keys[key]) if key in self.keys else "nothing"
            raise InputError(
                f"{self.path}: found {found} for '{key}', expected a number; complete the header."
            ) from error

    def summary(self) -> dict[str, Any]:
        """File name and size keys for the metadata."""
        return {"file": self.path.name, "keys": {k: self.keys[k] for k in self.size_keys or ()}}


def read_header(path: Path) -> Header:
    """Read a parameter file: ``key: value [unit]`` lines, first occurrence counts, others ignored."""
    keys: dict[str, str] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if match := _LINE.match(line):
            keys.setdefault(match[1], match[2])
    return Header(path, keys)


def candidates(data: Path, dates: Sequence[date], explicit: Path | None) -> Iterator[Header]:
    """Parameter files that may state the size of a binary, likeliest first.

    Parameters
    ----------
    data
        The binary; its folder and two parents are searched.
    dates
        Dates of the pair as in the file's name.
    explicit
        The only candidate if given.

    Raises
    ------
    InputError
        If the explicit header is missing or states no size.
    """
    if explicit is not None:
        if not explicit.is_file() or read_header(explicit).size_keys is None:
            raise InputError(
                f"{explicit}: no image size found, expected a GAMMA .off, .diff_par, .dem_par or mli.par with "
                f"the size of {data.name}; correct the header's name."
            )
        yield read_header(explicit)
        return
    folders = _folders(data)
    files = [(_rank(p.name, data.name, dates), depth, p.name, p) for depth, f in enumerate(folders) for p in _pars(f)]
    for *_, path in sorted(files):
        header = read_header(path)
        if header.size_keys:
            yield header


def _folders(data: Path) -> list[Path]:
    """Return the file's folder and its nearest parents."""
    folder = data.absolute().parent
    return [folder, *folder.parents][: _PARENTS + 1]


def _pars(folder: Path) -> list[Path]:
    """Parameter files of a folder."""
    return [p for p in folder.iterdir() if p.name.lower().endswith(_SUFFIXES) and p.is_file()]


def names_date(name: str, day: date) -> bool:
    """Whether a file name carries a date, as yyyymmdd or yymmdd."""
    return f"{day:%y%m%d}" in name


def _rank(name: str, data_name: str, dates: Sequence[date]) -> int:
    """Order of likelihood: the pair's own header, the map grid of a map product, the image of its first date."""
    own = bool(dates) and all(names_date(name, day) for day in dates)
    looks = re.search(r"\d+rlks", data_name)
    same_looks = looks is None or looks[0] in name
    if name.endswith(".off"):
        return 0 if own else 6
    if name.endswith(("diff_par", "diff.par")):
        return 1 if own else 6
    if name.endswith(("dem_par", "dem.par")):
        return 2 if _MAP_NAME.search(data_name) else 5
    if name.endswith("mli.par"):
        return 3 if same_looks and dates and names_date(name, dates[0]) else 4
    return 7


def grid_of(header: Header) -> Grid:
    """Return the grid a header describes: a map for ``.dem_par``, else radar geometry."""
    if "DEM_projection" in header.keys:
        return _map_grid(header)
    spacing_keys = _SPACING_KEYS.get((header.size_keys or ("",))[0])
    if spacing_keys is None:
        raise InputError(f"{header.path}: found no DEM_projection, expected one beside width; complete the header.")
    spacing = (abs(header.number(spacing_keys[0])), abs(header.number(spacing_keys[1])))
    return Grid(header.width, header.lines, None, None, spacing)


def _map_grid(header: Header) -> Grid:
    """Grid of a ``.dem_par``, whose corner is the *centre* of the upper-left pixel."""
    crs = _map_crs(header)
    north, east = ("lat", "lon") if crs == "EPSG:4326" else ("north", "east")
    step_x, step_y = header.number(f"post_{east}"), header.number(f"post_{north}")
    origin_x = header.number(f"corner_{east}") - step_x / 2
    origin_y = header.number(f"corner_{north}") - step_y / 2
    return Grid.from_map(header.width, header.lines, Affine(step_x, 0, origin_x, 0, step_y, origin_y), crs)


def _map_crs(header: Header) -> str:
    """EPSG code of geographic WGS 84 or a UTM zone."""
    projection = header.keys["DEM_projection"].upper()
    ellipsoid = header.keys.get("ellipsoid_name", "WGS 84").replace(" ", "").upper()
    if ellipsoid in ("WGS84", "WGS1984") and projection == "EQA":
        return "EPSG:4326"
    if ellipsoid in ("WGS84", "WGS1984") and projection == "UTM":
        zone = abs(int(header.number("projection_zone")))
        south = header.number("false_northing") > 0
        return f"EPSG:{32700 + zone if south else 32600 + zone}"
    raise InputError(
        f"{header.path}: found projection {projection} on ellipsoid {ellipsoid}, expected EQA or UTM on WGS 84; "
        "export the pair as GeoTIFF."
    )


def radar_facts(data: Path, dates: Sequence[date], header: Header | None) -> dict[str, Any]:
    """Wavelength, heading, incidence and looks from image parameter files near the data.

    An image of either date is used, the first date's multilooked one by preference; unknown facts
    are absent.
    """
    image = _image_header(data, dates, header)
    facts: dict[str, Any] = {}
    if image is not None:
        wavelength = SPEED_OF_LIGHT_M_S / image.number("radar_frequency")
        if _WAVELENGTHS_M[0] < wavelength < _WAVELENGTHS_M[1]:
            facts["wavelength_m"] = wavelength
        for fact, key in (("heading_deg", "heading"), ("incidence_deg", "incidence_angle")):
            if key in image.keys:
                facts[fact] = image.number(key)
    looks = _looks(header) or (_looks(image) if image is not None and "mli" in image.path.name else None)
    return facts | ({"looks": looks} if looks else {})


def _image_header(data: Path, dates: Sequence[date], header: Header | None) -> Header | None:
    """Parameter file with a radar frequency: the header itself, or one named by a date of the pair."""
    if header is not None and "radar_frequency" in header.keys:
        return header
    folders = dict.fromkeys(_folders(data) + ([header.path.absolute().parent] if header else []))
    files = [
        (order, "mli" not in path.name, depth, path.name, path)
        for depth, folder in enumerate(folders)
        for path in _pars(folder)
        for order, day in enumerate(dates)
        if names_date(path.name, day) and path.name.endswith(".par")
    ]
    found = (read_header(path) for *_, path in sorted(files))
    return next((image for image in found if "radar_frequency" in image.keys), None)


def _looks(header: Header | None) -> list[int] | None:
    """Range and azimuth looks, if the header states both."""
    for across, along in _LOOK_KEYS:
        if header is not None and across in header.keys and along in header.keys:
            return [int(header.number(across)), int(header.number(along))]
    return None
