"""The interchange format, its grid and its files."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch import rasters
from basinwatch.errors import InputError
from basinwatch.grid import Grid, require_common_map
from basinwatch.interferogram import Interferogram, read_metadata, write_interferogram
from basinwatch.phase import to_displacement_mm, wrap
from basinwatch.provenance import atomic_path
from pyproj import Geod

UTM = Grid.from_map(7, 5, Affine(20, 0, 300000, 0, -20, 5600000), "EPSG:32634")
RNG = np.random.default_rng(0)


def interferogram(grid=UTM, coherence=True):
    phase = RNG.uniform(-np.pi, np.pi, grid.shape).astype(np.float32)
    phase[0, :2] = np.nan
    values = RNG.uniform(0, 1, grid.shape).astype(np.float32) if coherence else None
    return Interferogram(phase, values, grid, date(2020, 1, 1), date(2020, 1, 13), {"processor": "test"})


def write(tmp_path, ifg):
    paths = [tmp_path / name for name in ("phase.tif", "coherence.tif", "meta.json")]
    write_interferogram(ifg, *paths)
    return paths


def test_wrapping_keeps_the_angle_and_its_range():
    phase = np.linspace(-300, 300, 100_001).astype(np.float32)
    wrapped = wrap(phase)
    assert np.abs(np.exp(1j * wrapped) - np.exp(1j * phase.astype(np.float64))).max() < 3e-5
    assert wrapped.min() >= -np.pi - 1e-6
    assert wrapped.max() < np.pi + 1e-6


def test_one_fringe_is_half_a_wavelength_away_from_the_satellite():
    assert to_displacement_mm(np.array([2 * np.pi]), 0.05546576)[0] == pytest.approx(-27.733, abs=1e-3)


def test_written_phase_coherence_and_mask_come_back(tmp_path):
    ifg = interferogram()
    phase, coherence, meta = write(tmp_path, ifg)
    read = rasters.read_raster(phase)
    assert np.array_equal(np.isnan(read), np.isnan(ifg.phase))
    assert np.nanmax(np.abs(read - ifg.phase)) <= 1.01e-3
    assert np.nanmax(np.abs(rasters.read_share(coherence) - ifg.coherence)) <= 0.5 / 254 + 1e-6
    assert Grid.read(meta) == UTM
    assert read_metadata(meta)["sign"] == "away_positive"
    with rasterio.open(phase) as source:
        assert (source.crs.to_epsg(), source.units[0], source.tags()["DATE2"]) == (32634, "radians", "2020-01-13")


@pytest.mark.parametrize("missing", [set(), {"LERC_ZSTD"}, {"LERC_ZSTD", "ZSTD"}])
def test_phase_is_kept_within_a_milliradian_by_every_codec_and_whole_where_asked(tmp_path, monkeypatch, missing):
    there = rasters.can_compress
    monkeypatch.setattr(rasters, "can_compress", lambda codec: codec not in missing and there(codec))
    rng = np.random.default_rng(1)
    values = rng.uniform(-np.pi, np.pi, (600, 40)).astype(np.float32)
    values[0, :2] = np.pi, -np.pi
    values[5] = np.nan
    ifg = Interferogram(values, None, Grid(40, 600, None, None, (9, 14)), date(2020, 1, 1), date(2020, 1, 13))
    for lossless in (False, True):
        paths = [tmp_path / name for name in ("phase.tif", "coherence.tif", "meta.json")]
        write_interferogram(ifg, *paths, lossless=lossless)
        read = rasters.read_raster(paths[0])
        np.testing.assert_array_equal(np.isnan(read), np.isnan(values))
        assert np.nanmax(np.abs(read - values)) <= (0 if lossless or missing else 1e-3)
        assert np.nanmax(np.abs(read)) <= np.float32(np.pi) + 1e-3


def test_a_codec_nobody_has_cannot_be_written():
    assert not rasters.can_compress("NONSENSE")


def test_missing_coherence_is_written_as_no_data_and_said(tmp_path):
    _, coherence, meta = write(tmp_path, interferogram(coherence=False))
    assert not rasters.read_raster(coherence).any()
    assert read_metadata(meta)["coherence_present"] is False


def test_radar_geometry_has_no_georeference(tmp_path):
    phase, _, meta = write(tmp_path, interferogram(Grid(7, 5, None, None, (9.3, 14.0))))
    with rasters.open_raster(phase) as source:
        assert source.crs is None
    assert read_metadata(meta)["geometry"] == "radar"


def test_the_same_interferogram_gives_the_same_bytes(tmp_path):
    ifg = interferogram()
    first = [p.read_bytes() for p in write(tmp_path / "a", ifg)]
    assert first == [p.read_bytes() for p in write(tmp_path / "b", ifg)]


def test_a_conjugated_pair_has_the_phase_of_the_other_sign():
    ifg = interferogram()
    other = ifg.in_rows().conjugated().whole()
    assert np.nanmax(np.abs(np.exp(1j * other.phase) - np.exp(-1j * ifg.phase))) < 1e-6
    assert other.metadata["conjugated"] is True


def test_a_pair_that_is_refused_when_all_was_seen_leaves_no_file(tmp_path):
    def refuse(tally):
        raise InputError(f"{tally.valid_share:.4f} of the pixels")

    with pytest.raises(InputError, match=r"0\.9429 of the pixels"):
        write(tmp_path, replace(interferogram().in_rows(), doubts=refuse))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("latitude", [0, 34, 50, -60])
def test_degrees_become_metres_as_on_the_ellipsoid(latitude):
    grid = Grid.from_map(100, 100, Affine(1e-3, 0, 18, 0, -1e-3, latitude + 0.05), "EPSG:4326")
    geod = Geod(ellps="WGS84")
    true = (geod.inv(18, latitude, 18.001, latitude)[2], geod.inv(18, latitude, 18, latitude + 1e-3)[2])
    assert grid.pixel_spacing_m == pytest.approx(true, rel=7e-3)


def test_a_killed_write_leaves_no_product(tmp_path):
    target = tmp_path / "product.json"
    code = (
        "import os, signal, sys; from basinwatch.provenance import atomic_path\n"
        "with atomic_path(sys.argv[1]) as part:\n part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(target)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    with atomic_path(target) as part:
        part.write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["product.json"]


def test_a_failed_write_leaves_the_former_product(tmp_path):
    target = tmp_path / "product.json"
    target.write_text("former")

    def fail() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "former"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unreadable_raster_is_named(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0 nonsense")
    with pytest.raises(InputError, match=r"a\.tif: cannot be read as a raster"):
        rasters.read_raster(tmp_path / "a.tif")


def test_share_codes_keep_their_error_bound_and_mask():
    values = np.append(np.linspace(0, 1, 1001), np.nan).astype(np.float32)
    decoded = rasters.decode_share(rasters.encode_share(values))
    assert np.nanmax(np.abs(decoded - values)) <= 0.5 / 254 + 1e-6
    assert np.isnan(decoded[-1])
    assert not np.isnan(decoded[:-1]).any()


def test_metadata_is_plain_json(tmp_path):
    *_, meta = write(tmp_path, interferogram())
    fields = json.loads(meta.read_text())
    assert str(tmp_path) not in meta.read_text()
    assert fields["temporal_baseline_days"] == 12


def test_bands_are_read_by_name_and_a_missing_one_is_named(tmp_path):
    cube = np.arange(70, dtype=np.float32).reshape(2, 5, 7)
    rasters.write_raster(tmp_path / "r.tif", cube, UTM, bands=["a", "b"])
    second, first = rasters.read_bands(tmp_path / "r.tif", "b", "a")
    assert np.array_equal(np.stack([first, second]), cube)
    with pytest.raises(InputError, match=r"holds bands \['a', 'b'\], expected \['c'\]"):
        rasters.read_bands(tmp_path / "r.tif", "a", "c")


def test_several_stacks_of_an_area_must_lie_on_a_map():
    radar = Grid(7, 5, None, None, (9, 14))
    require_common_map({"a": radar})
    require_common_map({"a": UTM, "b": UTM})
    with pytest.raises(InputError, match="stack b: found radar geometry in an area of 2 stacks"):
        require_common_map({"a": UTM, "b": radar})
