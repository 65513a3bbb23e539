"""Dates and kinds of files by their names alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Literal

from basinwatch.dates import read_date

Role = Literal["phase", "picture", "coherence", "unwrapped", "header", "delay", "other"]

_DATE_PAIRS = (
    r"(?P<first>\d{8})T\d{6}Z?_(?P<second>\d{8})T\d{6}Z?",
    r"(?<!\d)(?P<first>\d{8})[-_](?P<second>\d{8})(?!\d)",
    r"(?P<first>\d{2}[A-Z][a-z]{2}\d{4})_(?P<second>\d{2}[A-Z][a-z]{2}\d{4})",
    r"(?<!\d)(?P<first>\d{7})_(?P<second>\d{7})(?!\d)",
    r"(?<!\d)(?P<first>\d{6})[-_](?P<second>\d{6})(?!\d)",
)
_FIRST_YEAR = 1991  # of the first satellite with interferometry
# What differs between the pairs of one producer besides the dates.
_VARYING = (
    (r"(\{date[12]\})T\d{6}", r"\1T*"),
    (r"^S1[A-D]{2}_(?=\{date1\})", "S1*_"),
    (r"_(VV|HH)[PRO]\d{3,4}_(INT\d{2})", r"_\1*_\2"),
    (r"(_INT\d{2}(?:_G_\w{3})?)_[0-9A-F]{4}(?=[_./]|$)", r"\1_*"),
    (r"_v\d[^/]*\.nc$", "_v*.nc"),
    (r"^(S1-[AD]-R-\d{3}-tops-\{pair\})-.*\.nc$", r"\1-*.nc"),
)
_ROLES: tuple[tuple[Role, str], ...] = (
    ("header", r"\.(par|off|diff_par|dem_par|rsc|hdr|xml|prm)$"),
    ("other", r"conncomp|\.(txt|md|csv|npy|kmz|kml|json|aux|conf|log|pkl|zip\.md5|mat|tex|ini|py|pdf|ipynb)$"),
    ("other", r"(los|vert)_disp|(^|[._-])(dem|hgt|inc|inc_map|inc_map_ell|lv_theta|lv_phi|water_mask)\.\w+$"),
    ("other", r"(^|[._-])(amp|mli|lt)\.\w+$|[._](mli|rmli|slc|rslc|lt|lut|lv_theta|lv_phi|inc|dem|hgt|mskd|ls_map)$"),
    ("other", r"^(lat|lon|los|hgt|z|shadowMask|incLocal)\.(rdr|flt|geo)|(to_rdc|2rdc)$"),
    ("delay", r"\.(ztd|sltd)(\.geo)?(\.tif)?$"),
    ("coherence", r"(^|[._-])(mag_cc|smcc|ccw|cc|coh|cor|corr|corr_ll|coherence)([._-]|$)"),
    ("unwrapped", r"unw"),
)  # fmt: skip


@dataclass(frozen=True)
class DatedName:
    """Two dates in the order of the name, and the path with placeholders in their place."""

    first: date
    second: date
    pattern: str

    @property
    def pair(self) -> str:
        """``YYYYMMDD_YYYYMMDD``, earlier date first."""
        return "_".join(f"{day:%Y%m%d}" for day in sorted((self.first, self.second)))


def dated(path: PurePath) -> DatedName | None:
    """Find two dates in a path: in the file's name, else in its folder's; None if there are none.

    Eight digits are tried before fewer, so that orbits and times are not taken for dates.
    """
    for part in (path.name, path.parent.name):
        for expression in _DATE_PAIRS:
            for found in re.finditer(expression, part):
                days = _days(found["first"], found["second"])
                if days is not None:
                    return DatedName(*days, _pattern(path, found["first"], found["second"]))
    return None


def _days(first: str, second: str) -> tuple[date, date] | None:
    """Two different plausible dates, or None."""
    try:
        days = read_date(first), read_date(second)
    except ValueError:
        return None
    is_plausible = days[0] != days[1] and all(_FIRST_YEAR <= day.year <= date.today().year for day in days)
    return days if is_plausible else None


def _pattern(path: PurePath, first: str, second: str) -> str:
    """Path with placeholders for the dates and ``*`` for what else differs between pairs."""
    text = path.as_posix().replace(f"{first}_{second}", "{pair}").replace(f"{first}-{second}", "{pair}")
    text = text.replace(first, "{date1}").replace(second, "{date2}")
    return "/".join(_generalised(part) for part in text.split("/"))


def _generalised(part: str) -> str:
    """Name of a file or folder with ``*`` for what differs between the pairs of a producer."""
    for expression, replacement in _VARYING:
        part = re.sub(expression, replacement, part)
    return part


def role_of(name: str) -> Role:
    """Kind of a file by its name; what is nothing else may be phase."""
    return next((role for role, expression in _ROLES if re.search(expression, name, re.IGNORECASE)), "phase")
