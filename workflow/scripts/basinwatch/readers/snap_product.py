"""SNAP's description of a product, as it stands in a ``.dim`` file and in a private tag of its GeoTIFFs."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from affine import Affine

from basinwatch.dates import read_date
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import SPEED_OF_LIGHT_M_S
from basinwatch.readers import xml_header
from basinwatch.readers.acquisition import mid_seconds, seconds_of_day
from basinwatch.readers.parameters import finite_number, whole_numbers
from basinwatch.readers.radar_geometry import signed_degrees

_TYPES = {"float32": "f4", "float64": "f8", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2", "int8": "i1"}
_DATES = re.compile(r"_(\d{2}[A-Z][a-z]{2}\d{4})_(\d{2}[A-Z][a-z]{2}\d{4})")
_TIFF_TAG = 65000
_UNKNOWN = 99999
_MAX_LINK_CHARACTERS = 200
_MAX_TAG_BYTES, _MAX_ENTRIES = 64 * 2**20, 4096


@dataclass(frozen=True)
class BandEntry:
    """A band as the product lists it: `path` of its numbers (None in a GeoTIFF) and their type without byte order."""

    name: str
    path: Path | None
    dtype: np.dtype[Any]
    is_virtual: bool

    @property
    def dates(self) -> tuple[date, date] | None:
        """Reference and secondary date in the band's name."""
        found = _DATES.search(self.name)
        if found is None:
            return None
        try:
            first, second = (read_date(text) for text in found.groups())
        except ValueError:
            return None
        return first, second


@dataclass(frozen=True)
class Product:
    """Grid, bands in their order, radar facts, and perpendicular baselines of the second date to the first."""

    path: Path
    grid: Grid
    bands: tuple[BandEntry, ...]
    facts: dict[str, Any]
    baselines_m: dict[tuple[date, date], float]


def is_dimap(path: Path) -> bool:
    """Whether a file is a product's ``.dim``."""
    if path.suffix.lower() != ".dim" or not path.is_file():
        return False
    with path.open("rb") as stream:
        return b"<Dimap_Document" in stream.read(4096)


def read_product(path: Path) -> Product:
    """Read a ``.dim``.

    Raises
    ------
    InputError
        If it is damaged or states no size.
    """
    return _product(xml_header.read_xml(path), path)


def read_embedded(path: Path) -> Product | None:
    """Read the description inside a GeoTIFF that SNAP wrote; None where there is none."""
    content = _tiff_tag(path) if path.is_file() else b""
    return _product(xml_header.parse_xml(content, path), path) if content else None


def _product(root: Element, path: Path) -> Product:
    """Collect what the readers need."""
    metadata = _abstracted(root)
    width, lines = (
        xml_header.size_of(xml_header.text_of(root, f"Raster_Dimensions/{key}"), key, path)
        for key in ("NCOLS", "NROWS")
    )
    return Product(
        path, _grid(root, metadata, width, lines, path), _bands(root, path), _facts(root, metadata), _baselines(root)
    )


def _bands(root: Element, path: Path) -> tuple[BandEntry, ...]:
    """List the bands by their index."""
    files = {
        xml_header.text_of(entry, "BAND_INDEX"): entry.find("DATA_FILE_PATH")
        for entry in root.findall("Data_Access/Data_File")
    }
    bands = []
    for info in root.findall("Image_Interpretation/Spectral_Band_Info"):
        link = files.get(xml_header.text_of(info, "BAND_INDEX"))
        kind = xml_header.text_of(info, "DATA_TYPE", "float32").lower()
        name = xml_header.text_of(info, "BAND_NAME")
        virtual = xml_header.text_of(info, "VIRTUAL_BAND").lower() == "true"
        numbers = None if link is None else _inside(path, link.get("href", ""))
        bands.append(BandEntry(name, numbers, np.dtype(_TYPES.get(kind, "f4")), virtual))
    return tuple(bands)


def _inside(path: Path, link: str) -> Path:
    """Path of a band's numbers, which must lie in the product's own folder."""
    relative = PurePosixPath(link.replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts or ":" in link or len(link) > _MAX_LINK_CHARACTERS:
        raise InputError(f"{path}: found the band file '{link}', expected one in the product's .data folder.")
    return (path.parent / relative).with_suffix(".img")


def _grid(root: Element, metadata: dict[str, str], width: int, lines: int, path: Path) -> Grid:
    """Map grid from the transform of pixels to the model, else radar geometry."""
    matrix = xml_header.text_of(root, "Geoposition/IMAGE_TO_MODEL_TRANSFORM")
    wkt = xml_header.text_of(root, "Coordinate_Reference_System/WKT")
    if not matrix:
        spacing = [abs(_known(metadata, key) or 1.0) for key in ("range_spacing", "azimuth_spacing")]
        return Grid(width, lines, None, None, (spacing[0], spacing[1]))
    terms = [xml_header.number_of(text, "IMAGE_TO_MODEL_TRANSFORM", path) for text in matrix.split(",")]
    if len(terms) != 6 or terms[1] or terms[2] or terms[0] <= 0 or terms[3] >= 0:
        raise InputError(f"{path}: found the transform '{matrix}', expected six numbers of a north-up grid.")
    try:
        return Grid.from_map(width, lines, Affine(terms[0], 0, terms[4], 0, terms[3], terms[5]), wkt)
    except (RuntimeError, ValueError):  # pyproj's errors derive from the former
        raise InputError(f"{path}: found an unusable coordinate system, expected WKT; export as GeoTIFF.") from None


def _abstracted(root: Element) -> dict[str, str]:
    """Attributes of the element Abstracted_Metadata itself."""
    for element in root.iter("MDElem"):
        if element.get("name") == "Abstracted_Metadata":
            return {a.get("name", ""): (a.text or "").strip() for a in element.findall("MDATTR")}
    return {}


def _baselines(root: Element) -> dict[tuple[date, date], float]:
    """Perpendicular baselines by reference and secondary date, which the names of their elements tell."""
    found: dict[tuple[date, date], float] = {}
    for element in (e for e in root.iter("MDElem") if e.get("name") == "Baselines"):
        for reference in element.findall("MDElem"):
            for secondary in reference.findall("MDElem"):
                days = [_date_in(e.get("name", "")) for e in (reference, secondary)]
                numbers = [a.text for a in secondary.findall("MDATTR") if a.get("name") == "Perp Baseline"]
                metres = finite_number(numbers[0]) if numbers else None
                if days[0] and days[1] and days[0] != days[1] and metres is not None:
                    found[days[0], days[1]] = metres
    return found


def _date_in(name: str) -> date | None:
    """Date that a name ends with."""
    try:
        return read_date(name[-9:])
    except ValueError:
        return None


def _is_filtered(root: Element) -> bool | None:
    """Whether Goldstein's filter is among the operators that made the product; None where it does not list them."""
    operators = [
        attribute.text or ""
        for graph in root.iter("MDElem")
        if graph.get("name") == "Processing_Graph"
        for attribute in graph.iter("MDATTR")
        if attribute.get("name") == "operator"
    ]
    return any("GoldsteinPhaseFiltering" in operator for operator in operators) if operators else None


def _facts(root: Element, metadata: dict[str, str]) -> dict[str, Any]:
    """Facts of the acquisition; SNAP gives the frequency in MHz, and 99999 for what it does not know."""
    ends = (seconds_of_day(metadata.get(f"{end}_line_time")) for end in ("first", "last"))
    facts: dict[str, Any] = {"filtered": _is_filtered(root), "utc_seconds": mid_seconds(*ends)}
    if orbit := whole_numbers(metadata.get("REL_ORBIT")):
        facts |= {"rel_orbit": orbit[0]} if orbit[0] < _UNKNOWN else {}
    if frequency := _known(metadata, "radar_frequency"):
        facts["wavelength_m"] = SPEED_OF_LIGHT_M_S / (frequency * 1e6)
    near, far = _known(metadata, "incidence_near"), _known(metadata, "incidence_far")
    if near and far and max(near, far) < 90:
        facts["incidence_deg"] = (near + far) / 2
    if heading := _known(metadata, "centre_heading"):
        facts["heading_deg"] = signed_degrees(heading)
    if looks := whole_numbers(metadata.get("range_looks"), metadata.get("azimuth_looks")):
        facts["looks"] = looks
    if metadata.get("MISSION"):
        facts["sensor"] = metadata["MISSION"]
    if metadata.get("PASS", "").lower() in ("ascending", "descending"):
        facts["pass"] = metadata["PASS"].lower()
    return facts


def _known(metadata: dict[str, str], key: str) -> float | None:
    """Return a number of the metadata; None where it is unknown."""
    number = finite_number(metadata.get(key))
    return number if number and abs(number) < _UNKNOWN else None


def _tiff_tag(path: Path) -> bytes:
    """Content of SNAP's private tag in the first directory of a TIFF or BigTIFF; empty where it is absent."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(16)
        order = {b"II": "<", b"MM": ">"}.get(start[:2])
        if order is None or len(start) < 16:
            return b""
        big = struct.unpack(f"{order}H", start[2:4])[0] == 43
        offset = struct.unpack(f"{order}{'Q' if big else 'I'}", start[8:16] if big else start[4:8])[0]
        count_form, entry_form = (f"{order}Q", f"{order}HHQQ") if big else (f"{order}H", f"{order}HHII")
        stream.seek(min(offset, size))
        count = _unpack(count_form, stream.read(struct.calcsize(count_form)))
        entries = stream.read(struct.calcsize(entry_form) * min(count[0] if count else 0, _MAX_ENTRIES))
        for position in range(0, len(entries) - struct.calcsize(entry_form) + 1, struct.calcsize(entry_form)):
            tag, _, length, place = struct.unpack_from(entry_form, entries, position)
            if tag == _TIFF_TAG and length <= _MAX_TAG_BYTES and place + length <= size:
                stream.seek(place)
                return stream.read(length).rstrip(b"\0")
    return b""


def _unpack(form: str, content: bytes) -> tuple[int, ...]:
    """Unpack numbers; nothing where the file ends."""
    return struct.unpack(form, content) if len(content) == struct.calcsize(form) else ()
