"""What GAMMA's files near an interferogram tell of the acquisition: image parameters, baseline, look angles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from basinwatch.companions import BASELINE_TABLES, BASELINE_VECTORS
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import SPEED_OF_LIGHT_M_S
from basinwatch.readers import checks
from basinwatch.readers.gamma_headers import Header, folders_of, names_date, parameter_files, read_header
from basinwatch.readers.parameters import finite_number
from basinwatch.readers.radar_geometry import look_deg, signed_degrees

_LOOK_KEYS = (
    ("interferogram_range_looks", "interferogram_azimuth_looks"),
    ("range_looks", "azimuth_looks"),
)
_IMAGE_FACTS = (("heading_deg", "heading"), ("incidence_deg", "incidence_angle"), ("utc_seconds", "center_time"))
_VECTORS = ("precision_baseline(TCN)", "initial_baseline(TCN)")
_TABLE_TITLE = ("bpara", "bperp", "blen")
_TABLE_COLUMNS, _PERPENDICULAR = 9, 7
_MAX_TABLE_BYTES = 16 * 2**20
_REAL_BYTES = 4
_MAX_ELEVATION_RAD, _MAX_DIRECTION_RAD = math.pi / 2, 2 * math.pi


def radar_facts(data: Path, dates: Sequence[date], header: Header | None) -> dict[str, Any]:
    """Wavelength, time of day, angles, look side, looks and perpendicular baseline from files near the data.

    An image of either date is used, the first date's multilooked one by preference; unknown facts are absent.
    """
    image = _image_header(data, dates, header)
    facts: dict[str, Any] = {}
    if image is not None:
        facts["wavelength_m"] = SPEED_OF_LIGHT_M_S / image.positive("radar_frequency")
        facts["sensor"] = image.keys.get("sensor")
        for fact, key in _IMAGE_FACTS:
            if key in image.keys:
                facts[fact] = image.number(key)
        if side := finite_number(image.keys.get("azimuth_angle")):
            facts["look_side"] = "right" if side > 0 else "left"
    looks = _looks(header) or (_looks(image) if image is not None and "mli" in image.path.name else None)
    baseline = perpendicular_baseline_m(data, dates, image)
    return facts | ({"looks": looks} if looks else {}) | ({} if baseline is None else {"bperp_m": baseline})


def _image_header(data: Path, dates: Sequence[date], header: Header | None) -> Header | None:
    """Parameter file with a radar frequency: the header itself, or one named by a date of the pair."""
    if header is not None and "radar_frequency" in header.keys:
        return header
    folders = dict.fromkeys(folders_of(data) + ([header.path.absolute().parent] if header else []))
    files = [
        (order, "mli" not in path.name, depth, path.name, path)
        for depth, folder in enumerate(folders)
        for path in parameter_files(folder)
        for order, day in enumerate(dates)
        if names_date(path.name, day) and path.name.endswith(".par")
    ]
    found = (read_header(path) for *_, path in sorted(files))
    return next((image for image in found if "radar_frequency" in image.keys), None)


def _looks(header: Header | None) -> list[int] | None:
    """Range and azimuth looks, if the header states both."""
    for across, along in _LOOK_KEYS:
        if header is not None and across in header.keys and along in header.keys:
            return [header.whole(across), header.whole(along)]
    return None


def perpendicular_baseline_m(data: Path, dates: Sequence[date], image: Header | None) -> float | None:
    """Perpendicular baseline of a pair from its table or vector; None where there is none.

    Parameters
    ----------
    image
        Image parameters, whose orbit gives the look angle that a vector needs.

    Notes
    -----
    Of a vector (T, C, N) it is C cos(look) − N sin(look), as in PyRate; the first with a length counts, the precise
    one before the initial.
    """
    for path in _of_pair(data, dates, BASELINE_TABLES):
        if (mean := _table_mean(path)) is not None:
            return mean
    look = math.radians(_look_deg(image) or math.nan)
    for path in _of_pair(data, dates, BASELINE_VECTORS):
        keys = read_header(path).keys
        for vector in (_three_numbers(keys.get(key, "")) for key in _VECTORS):
            if vector is not None and any(vector) and not math.isnan(look):
                return vector[1] * math.cos(look) - vector[2] * math.sin(look)
    return None


def _of_pair(data: Path, dates: Sequence[date], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files near the data that are named after both dates of a pair, in their order, nearest first."""
    if len(dates) != 2:
        return
    for folder in folders_of(data):
        names = sorted(path for path in folder.iterdir() if path.name.endswith(suffixes) and path.is_file())
        for path in names:
            places = [path.name.find(f"{day:%y%m%d}") for day in dates]
            if -1 < places[0] < places[1]:
                yield path


def _table_mean(path: Path) -> float | None:
    """Mean of the middle third of the perpendicular baselines that ``base_perp`` printed."""
    with path.open("rb") as stream:
        lines = stream.read(_MAX_TABLE_BYTES).decode("latin-1").splitlines()
    title = next((k for k, line in enumerate(lines) if all(word in line for word in _TABLE_TITLE)), len(lines))
    rows = [line.split() for line in lines[title + 2 :]]
    values = [finite_number(row[_PERPENDICULAR]) for row in rows if len(row) == _TABLE_COLUMNS]
    middle = [value for value in values[len(values) // 3 : len(values) - len(values) // 3] if value is not None]
    return sum(middle) / len(middle) if middle else None


def _three_numbers(text: str) -> tuple[float, float, float] | None:
    """Read the components of a baseline."""
    numbers = [finite_number(word) for word in text.split()[:3]]
    if len(numbers) != 3 or None in numbers:
        return None
    along, across, normal = (number or 0.0 for number in numbers)
    return along, across, normal


def _look_deg(image: Header | None) -> float | None:
    """Look angle at the middle of the swath, from its slant range or its incidence angle."""
    if image is None:
        return None
    keys = ("center_range_slc", "sar_to_earth_center", "earth_radius_below_sensor", "incidence_angle")
    slant_range, satellite, earth, incidence = (finite_number(image.keys.get(key)) or 0.0 for key in keys)
    if (look := look_deg(slant_range, satellite, earth)) is not None:
        return look
    if not 0 < incidence < 90 or not 0 < earth < satellite:
        return None
    return math.degrees(math.asin(earth / satellite * math.sin(math.radians(incidence))))


def look_vector_facts(data: Path, grid: Grid) -> dict[str, Any]:
    """Incidence and heading at the centre, from ``lv_theta`` and ``lv_phi`` of the same size near the data.

    ``lv_theta`` is the elevation of the satellite above the horizon and ``lv_phi`` its direction anticlockwise from
    east, both in radians, which some convert to degrees; a radar that looks to the right flies 90 degrees clockwise
    of that direction.
    """
    facts: dict[str, Any] = {}
    elevation, direction = (_middle_of(data, f"lv_{name}", grid) for name in ("theta", "phi"))
    if elevation is not None:
        facts["incidence_deg"] = 90 - (elevation if elevation > _MAX_ELEVATION_RAD else math.degrees(elevation))
    if direction is not None:
        towards = direction if abs(direction) > _MAX_DIRECTION_RAD else math.degrees(direction)
        facts["heading_deg"] = signed_degrees(180 - towards)
    return facts


def _middle_of(data: Path, kind: str, grid: Grid) -> float | None:
    """Return the number at the centre of the nearest raster of a kind and of the grid's size, None without one."""
    size = grid.width * grid.height * _REAL_BYTES
    named = [p for folder in folders_of(data) for p in sorted(folder.glob(f"*{kind}")) if p.is_file()]
    for path in (path for path in named if path.stat().st_size == size):
        row = np.fromfile(path, np.uint32, grid.width, offset=grid.height // 2 * grid.width * _REAL_BYTES)
        try:
            order, _ = checks.byte_order(path, row[row != 0])
        except InputError:
            continue
        middle = float(row.view(f"{order}f4")[grid.width // 2])
        return middle if middle and math.isfinite(middle) else None
    return None
