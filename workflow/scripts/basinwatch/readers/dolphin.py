"""dolphin interferograms: complex GeoTIFF, or a virtual raster that forms them from the images when read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from basinwatch.errors import InputError
from basinwatch.readers import geotiff
from basinwatch.readers.pair import PairFiles, RawPhase
from basinwatch.rows import Read, Rows

_NAME = re.compile(r"\d{8}_\d{8}\.(?:int|unw)\.(?:tif|vrt)$")
_VIRTUAL = ".vrt"

read_grid = geotiff.read_grid


def is_name(path: Path) -> bool:
    """Whether a file is called like an interferogram or unwrapped phase of dolphin."""
    return _NAME.search(path.name) is not None


def read(files: PairFiles) -> RawPhase:
    """Read an interferogram, or unwrapped phase by its name; every exact 0 is no data."""
    with _explained(files.phase):
        raw = geotiff.read(files)

    @contextmanager
    def opened() -> Iterator[Read]:
        with _explained(files.phase), raw.rows.open() as read_rows:
            yield read_rows

    rows = Rows(*raw.rows.shape, opened).through(geotiff.without_zeros)
    unwrapped = ".unw." in files.phase.name
    rule = "0" if unwrapped else "z==0"
    facts = raw.facts | {"product": "unw" if unwrapped else "int"}
    return replace(raw, rows=rows, kind="unwrapped" if unwrapped else raw.kind, nodata_rule=rule, facts=facts)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what to do about a virtual raster whose images are gone."""
    try:
        yield
    except InputError as error:
        if path.suffix != _VIRTUAL:
            raise
        raise InputError(
            f"{path}: this virtual raster cannot be read, expected the images it names where they were; keep "
            "them, or turn it into a GeoTIFF with gdal_translate where they are."
        ) from error


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``.unw.tif``: radians, NaN where 0."""
    raw = geotiff.read_unwrapped(path, files)
    return replace(raw, rows=raw.rows.through(geotiff.without_zeros), nodata_rule="0", warnings=[])
