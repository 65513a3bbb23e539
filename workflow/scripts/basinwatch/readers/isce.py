"""ISCE2 images: raw numbers, an ``.xml`` header beside them, 0 = no data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from affine import Affine

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import isce_baselines, raw_binary, xml_header
from basinwatch.readers.acquisition import mid_seconds, seconds_of_day
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.parameters import whole_numbers
from basinwatch.readers.radar_geometry import signed_degrees
from basinwatch.readers.raw_binary import Layout
from basinwatch.rows import Rows

_STARTS, _STOPS = ("burststartutc", "sensingstart"), ("burststoputc", "sensingstop")
_TYPES = {
    "byte": "u1", "short": "i2", "int": "i4", "float": "f4", "double": "f8", "cfloat": "c8", "cdouble": "c16"
}  # fmt: skip
_MAX_STEP_DEGREES = 0.5
_FOLDERS_UP = 4
_FILTERED = (("filt_", True), ("fine.", False), ("topophase.", False))


@dataclass(frozen=True)
class Image:
    """Layout and grid of an image, as its header tells."""

    layout: Layout
    grid: Grid

    @property
    def is_complex(self) -> bool:
        """Whether the image is an interferogram."""
        return self.layout.dtype.kind == "c"


def is_image(path: Path) -> bool:
    """Whether an ISCE header lies beside a file."""
    header = _header_path(path)
    if not header.is_file():
        return False
    with header.open("rb") as stream:
        return b"<imagefile" in stream.read(4096).lower()


def read_image(path: Path) -> Image:
    """Read the header of an image.

    Raises
    ------
    InputError
        If the header is missing or damaged, or states no size, type or scheme.
    """
    header = _header_path(path)
    root = xml_header.read_xml(header)
    fields = _properties(root)
    width, lines = (xml_header.size_of(fields.get(key, ""), key, header) for key in ("width", "length"))
    bands = xml_header.size_of(fields.get("number_bands", "1"), "number_bands", header)
    kind, scheme = fields.get("data_type", "").lower(), fields.get("scheme", "BIP").upper()
    if kind not in _TYPES or scheme not in ("BIP", "BIL", "BSQ"):
        raise InputError(
            f"{header}: found data_type {kind!r} and scheme {scheme!r}, expected one of {', '.join(_TYPES)} and BIP, "
            "BIL or BSQ; copy the header again."
        )
    order = ">" if fields.get("byte_order", "l").lower().startswith("b") else "<"
    layout = Layout(width, lines, bands, np.dtype(order + _TYPES[kind]), scheme, header)
    return Image(layout, _grid(root, width, lines, header))


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase from its header."""
    return read_image(files.phase).grid


def read(files: PairFiles) -> RawPhase:
    """Read an interferogram, or unwrapped phase by its name, with what the acquisition's files nearby tell."""
    image = read_image(files.phase)
    rows = _phase(files.phase, image, bool(files.options.get("allow_truncated")))
    is_unplaced = image.grid.geometry == "radar" and files.lookup_table is None
    warnings = ["no georeference; pixel spacing unknown, 1 m assumed"] if is_unplaced else []
    unwrapped = ".unw" in files.phase.name
    return RawPhase(
        rows,
        image.grid,
        kind="wrapped" if image.is_complex else "unwrapped" if unwrapped else "unknown",
        source=_source("phase", files.phase, image),
        nodata_rule="z==0" if image.is_complex else "0",
        facts=_acquisition_facts(files.phase)
        | _look_facts(files.phase, image)
        | _product_facts(files.phase)
        | {"bperp_m": isce_baselines.perpendicular_baseline_m(files.phase, (files.date1, files.date2))},
        warnings=[f"{files.phase.name}: {warning}" for warning in warnings],
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``.unw``: radians, NaN where 0."""
    image = read_image(path)
    if image.is_complex:
        raise InputError(f"{path}: found complex numbers, expected unwrapped phase; name the .unw file.")
    rows = _phase(path, image, bool(files.options.get("allow_truncated")))
    return RawPhase(rows, image.grid, "unwrapped", _source("unwrapped", path, image), nodata_rule="0")


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]]:
    """Read ``.cor``: the only band, or the second where the first is amplitude; NaN where 0."""
    image = read_image(path)
    if image.grid.shape != grid.shape or image.is_complex:
        raise InputError(
            f"{path}: found {image.layout.dtype.name} of {image.grid.height}x{image.grid.width} px, expected coherence "
            f"of {grid.height}x{grid.width} px like the phase; name the .cor file that belongs to it."
        )
    return _phase(path, image, False), _source("coherence", path, image)


def _phase(path: Path, image: Image, allow_truncated: bool) -> Rows:
    """Last band as radians or as stored; of two bands the first is amplitude."""
    if image.layout.bands > 2:
        raise InputError(f"{path}: found {image.layout.bands} bands, expected one, or amplitude and phase.")
    rows = raw_binary.band_rows(path, image.layout, image.layout.bands, allow_truncated)
    return rows.through(raw_binary.radians)


def _source(role: str, path: Path, image: Image) -> dict[str, Any]:
    """Entry of the metadata."""
    dtype = image.layout.dtype
    return source_entry(role, path, dtype.str, "big" if dtype.str.startswith(">") else "little")


def _header_path(path: Path) -> Path:
    """Return the name of an image's header."""
    return path.with_name(f"{path.name}.xml")


def _properties(element: Element) -> dict[str, str]:
    """Values of an element's own properties by name in lower case."""
    return {p.get("name", "").lower(): xml_header.text_of(p, "value") for p in element.findall("property")}


def _grid(root: Element, width: int, lines: int, header: Path) -> Grid:
    """Map grid where the coordinates are degrees, else radar geometry; like GDAL, starts are taken for edges."""
    axes = {c.get("name", "").lower(): _properties(c) for c in root.findall("component")}
    found = [axes.get(f"coordinate{i}", {}).get(key, "0") for i in (1, 2) for key in ("startingvalue", "delta")]
    left, step_x, top, step_y = (xml_header.number_of(text or "0", "a coordinate", header) for text in found)
    is_map = 0 < step_x < _MAX_STEP_DEGREES and -_MAX_STEP_DEGREES < step_y < 0
    if not is_map:
        return Grid(width, lines, None, None, (1.0, 1.0))
    return Grid.from_map(width, lines, Affine(step_x, 0, left, 0, step_y, top), "EPSG:4326")


def _product_facts(phase: Path) -> dict[str, Any]:
    """Tell by the name what the file holds, and whether it was filtered."""
    name = phase.name.removesuffix(".geo")
    return {"product": name, "filtered": next((known for start, known in _FILTERED if name.startswith(start)), None)}


def _acquisition_facts(phase: Path) -> dict[str, Any]:
    """Wavelength, pass, track and time of day from ``reference/IW*.xml`` of the processing folder."""
    for folder in list(phase.absolute().parents)[:_FOLDERS_UP]:
        for path in sorted((folder / "reference").glob("IW*.xml")):
            fields: dict[str, str] = {}
            for element in xml_header.read_xml(path).iter("property"):
                name, text = element.get("name", "").lower(), xml_header.text_of(element, "value")
                if name in _STOPS:  # of the last burst
                    fields[name] = text
                fields.setdefault(name, text)
            facts: dict[str, Any] = {"utc_seconds": _mid_seconds(fields)}
            if track := whole_numbers(fields.get("tracknumber")):
                facts["rel_orbit"] = track[0]
            if fields.get("radarwavelength"):
                facts["wavelength_m"] = xml_header.number_of(fields["radarwavelength"], "radarwavelength", path)
            if fields.get("passdirection"):
                facts["pass"] = fields["passdirection"].lower()
            return facts
    return {}


def _mid_seconds(fields: dict[str, str]) -> float | None:
    """Time of day between the start of the first burst and the end of the last."""
    times = (next((fields[key] for key in keys if key in fields), None) for keys in (_STARTS, _STOPS))
    return mid_seconds(*(seconds_of_day(text) for text in times))


def _look_facts(phase: Path, image: Image) -> dict[str, Any]:
    """Incidence and heading at the centre of ``los.rdr`` of the same size.

    The second band is the azimuth from the ground to the satellite, anticlockwise from north; the
    radar looks to the right, so the heading is 90 degrees less it.
    """
    suffix = ".geo" if image.grid.geometry == "map" else ""
    for folder in list(phase.absolute().parents)[:_FOLDERS_UP]:
        for path in (folder / f"los.rdr{suffix}", folder / "geom_reference" / f"los.rdr{suffix}"):
            if not (path.is_file() and is_image(path)):
                continue
            look = read_image(path)
            if look.grid.shape == image.grid.shape and look.layout.bands == 2:
                incidence, azimuth = (_middle(path, look, band) for band in (1, 2))
                return {"incidence_deg": incidence, "heading_deg": signed_degrees(90 - azimuth)} if incidence else {}
    return {}


def _middle(path: Path, image: Image, band: int) -> float:
    """Return the number of a band at the centre of an image."""
    middle = image.grid.height // 2
    with raw_binary.band_rows(path, image.layout, band).open() as read:
        return float(read(middle, middle + 1)[0, image.grid.width // 2])
