"""Hostile files of which each needs its own defence; those cut or changed anywhere are in `test_readers_fuzz`."""

from __future__ import annotations

import zipfile

import pytest
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_interferogram, sniff
from basinwatch.readers.xml_header import read_xml
from products_scene import (
    HYP3,
    write_gmtsar,
    write_snap_tiff,
)
from readers_scene import EARLIER, LATER, LINES, WIDTH, wrapped_truth, write_tiff


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_that_expands_itself_is_refused_wherever_it_stands(tmp_path, encoding: str) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    bomb = f'{declared}<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]><Dimap_Document>&b;</Dimap_Document>'
    header, files = tmp_path / "a.dim", write_snap_tiff(tmp_path / "20200101_20200113.tif", bomb.encode(encoding))
    header.write_bytes(bomb.encode(encoding))
    with pytest.raises(InputError, match="found entities"):
        read_xml(header)
    with pytest.raises(InputError, match="found entities"):
        sniff(files.phase)


def test_a_virtual_raster_in_the_place_of_a_geotiff_is_not_followed(tmp_path) -> None:
    secret = write_tiff(tmp_path / "secret.tif", wrapped_truth())
    name = f"{HYP3}_wrapped_phase.tif"
    virtual = (
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{LINES}"><SRS>EPSG:4326</SRS><GeoTransform>18.5, 0.001, 0, '
        '50.3, 0, -0.001</GeoTransform><VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename>'
        f"{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    path = tmp_path / f"{HYP3}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{HYP3}/{name}", virtual)
    with pytest.raises(InputError, match="cannot be read as a raster"):
        read_interferogram(PairFiles(EARLIER, LATER, path))
    plain = tmp_path / name
    plain.write_text(virtual)
    for format in ("hyp3", "geotiff"):
        with pytest.raises(InputError, match="cannot be read as a raster"):
            read_interferogram(PairFiles(EARLIER, LATER, plain), format)


@pytest.mark.parametrize(("place", "found"), [(12, "things in"), (8, "tag"), (16, "things in")])
def test_netcdf_counts_that_crash_the_c_library_are_refused_before_it(tmp_path, place: int, found: str) -> None:
    files = write_gmtsar(tmp_path)
    content = files.phase.read_bytes()
    files.phase.write_bytes(content[:place] + b"\x6b\x5e\x24\x8a" + content[place + 4 :])
    with pytest.raises(InputError, match=f"damaged netCDF header .*({found})"):
        sniff(files.phase)
