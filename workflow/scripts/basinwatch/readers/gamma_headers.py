"""GAMMA parameter files: read them, and rank those that may describe a binary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.readers.parameters import finite_number

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
_UNKNOWN_KEYS = ("ifg_width", "ifg_length", "x_spacing", "y_spacing")
_MAX_NUMBER = 1e12  # as a frequency in Hz
_SAMPLE_BLOCKS, _SAMPLE_WORDS = 64, 3072


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
        return self.whole(self.size_keys[0]) if self.size_keys else 0

    @property
    def lines(self) -> int:
        """Rows; 0 if the file states no size."""
        return self.whole(self.size_keys[1]) if self.size_keys else 0

    def number(self, key: str) -> float:
        """Return the first number of a key.

        Raises
        ------
        InputError
            If the key is missing or has no finite number.
        """
        number = finite_number(self.keys.get(key))
        if number is None:
            found = repr(self.keys[key]) if key in self.keys else "nothing"
            raise InputError(f"{self.path}: found {found} for '{key}', expected a number; complete the header.")
        return number

    def positive(self, key: str) -> float:
        """Return the first number of a key that must be above 0; errors as :func:`number`."""
        number = self.number(key)
        if not 0 < number < _MAX_NUMBER:
            raise InputError(
                f"{self.path}: found {self.keys[key]!r} for '{key}', expected a positive number; correct the header."
            )
        return number

    def whole(self, key: str) -> int:
        """Return the first number of a key that counts something; errors as :func:`number`."""
        number = self.positive(key)
        if number != int(number):
            raise InputError(
                f"{self.path}: found {self.keys[key]!r} for '{key}', expected a whole number; correct the header."
            )
        return int(number)

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
    folders = folders_of(data)
    files = [
        (_rank(p.name, data.name, dates), depth, p.name, p)
        for depth, f in enumerate(folders)
        for p in parameter_files(f)
    ]
    for *_, path in sorted(files):
        header = read_header(path)
        if header.size_keys:
            yield header


def folders_of(data: Path) -> list[Path]:
    """Return the file's folder and its nearest parents."""
    folder = data.absolute().parent
    return [folder, *folder.parents][: _PARENTS + 1]


def parameter_files(folder: Path) -> list[Path]:
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


def grid_spacing(header: Header) -> tuple[float, float]:
    """Column and row spacing of radar geometry in metres.

    Raises
    ------
    InputError
        If the header states none.
    """
    spacing_keys = _SPACING_KEYS.get((header.size_keys or ("",))[0])
    if spacing_keys is None:
        raise InputError(f"{header.path}: found no DEM_projection, expected one beside width; complete the header.")
    return header.positive(spacing_keys[0]), header.positive(spacing_keys[1])


def multilooked(header: Header, data: Path, pixels: int) -> Header | None:
    """Parameters of an image averaged to a number of pixels, from those of the image at full resolution.

    The looks in range are those that the name of the data tells (``8rlks``), those in azimuth follow from its size.

    Returns
    -------
    None where the name tells none, or no whole number of looks gives this size.
    """
    named = re.search(r"(\d+)rlks", data.name)
    if named is None or "range_samples" not in header.keys or header.keys.get("range_looks", "1").split()[:1] != ["1"]:
        return None
    across = int(named[1])
    width = header.width // across if across else 0
    lines = pixels // width if width else 0
    along = round(header.lines / lines) if lines else 0
    if not along or width * lines != pixels or header.lines // along != lines:
        return None
    spacing = [header.positive(key) for key in _SPACING_KEYS["range_samples"]]
    changed = (width, lines, across, along, spacing[0] * across, spacing[1] * along)
    keys = ("range_samples", "azimuth_lines", "range_looks", "azimuth_looks", *_SPACING_KEYS["range_samples"])
    return Header(header.path, header.keys | {key: str(value) for key, value in zip(keys, changed, strict=True)})


def without_spacing(data: Path, width: int, lines: int) -> Header:
    """Parameters of a binary of which nothing but its size is known; its pixels are taken for 1 m."""
    return Header(data.with_name("width_px"), dict(zip(_UNKNOWN_KEYS, map(str, (width, lines, 1, 1)), strict=True)))


def sample_words(path: Path) -> NDArray[np.uint32]:
    """Non-zero 4-byte words from blocks spread over a binary."""
    words = path.stat().st_size // 4
    starts = np.unique(np.linspace(0, max(0, words - _SAMPLE_WORDS), _SAMPLE_BLOCKS).astype(int))
    blocks = [np.fromfile(path, np.uint32, _SAMPLE_WORDS, offset=4 * int(start)) for start in starts]
    sample = np.concatenate(blocks)
    return sample[sample != 0]
