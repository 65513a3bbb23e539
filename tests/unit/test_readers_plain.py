"""Files of no producer: netCDF by the CF conventions, bands of a raster, and rasters that lie another way round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from products_scene import zeros
from readers_scene import (
    EARLIER,
    GEOTRANSFORM,
    LATER,
    LINES,
    WIDTH,
    circular_error,
    complex_truth,
    is_map_grid,
    truth,
    wrapped_truth,
    write_tiff,
)
from scipy.io import netcdf_file


def write_netcdf(path: Path, layers: dict[str, np.ndarray], south_first: bool = True, **attributes: object) -> Path:
    """CF file in degrees; the layers are given with north at the top."""
    with netcdf_file(path, "w") as target:
        centres = {"lon": 18.5005 + 0.001 * np.arange(WIDTH), "lat": 50.2995 - 0.001 * np.arange(LINES)}
        if south_first:
            centres["lat"] = centres["lat"][::-1]
        for name, numbers in centres.items():
            target.createDimension(name, numbers.size)
            axis = target.createVariable(name, "d", (name,))
            axis[:] = numbers
            axis.standard_name = "longitude" if name == "lon" else "latitude"
            axis.units = "degrees_east" if name == "lon" else "degrees_north"
        for name, values in layers.items():
            layer = target.createVariable(name, values.dtype.char, ("lat", "lon"))
            layer[:] = values[::-1] if south_first else values
            for key, value in attributes.items():
                setattr(layer, key, value)
    return path


def pair(path: Path, coherence: Path | None = None, **options: object) -> PairFiles:
    return PairFiles(EARLIER, LATER, path, coherence, options=options)


@pytest.mark.parametrize("south_first", [True, False])
def test_a_cf_file_has_north_at_the_top_whichever_way_it_is_stored(tmp_path, south_first) -> None:
    files = pair(write_netcdf(tmp_path / "a.nc", {"wrapped_phase": wrapped_truth()}, south_first))
    assert sniff(files.phase) == "netcdf"
    found = read_interferogram(files)
    assert circular_error(found.phase, wrapped_truth()) < 1e-6
    assert found.grid.shape == (LINES, WIDTH)
    np.testing.assert_allclose(found.grid.transform, tuple(GEOTRANSFORM)[:6], atol=1e-9)
    assert read_grid(files) == found.grid


def test_packed_numbers_are_scaled_and_their_fill_is_no_data(tmp_path) -> None:
    scale = np.pi / 32767
    packed = np.where(np.isnan(wrapped_truth()), -32768, np.rint(np.nan_to_num(wrapped_truth()) / scale)).astype("i2")
    attributes = {"scale_factor": scale, "add_offset": 0.0, "_FillValue": np.int16(-32768)}
    path = write_netcdf(tmp_path / "a.nc", {"phase": packed}, **attributes)
    assert circular_error(read_interferogram(pair(path)).phase, wrapped_truth()) <= scale


def test_real_and_imaginary_part_make_phase(tmp_path) -> None:
    z = complex_truth()
    path = write_netcdf(tmp_path / "a.nc", {"real": z.real.copy(), "imag": z.imag.copy()})
    found = read_interferogram(pair(path))
    assert circular_error(found.phase, wrapped_truth()) < 1e-6
    assert found.metadata["nodata_rule"].startswith("z==0")


@pytest.mark.parametrize("fill", [0.0, -9999.0])
def test_each_part_has_its_own_fill_and_an_exact_zero_of_one_part_is_a_number(tmp_path, fill) -> None:
    z = complex_truth()
    z[20, 30:40] = 0.5  # an imaginary part of exactly 0
    z[21, 30:40] = 0.5j
    known = z != 0
    parts = {"re": np.where(known, z.real, fill).astype("f4"), "im": np.where(known, z.imag, fill).astype("f4")}
    path = write_netcdf(tmp_path / "a.nc", parts, _FillValue=np.float32(fill))
    found = read_interferogram(pair(path))
    assert circular_error(found.phase, np.where(known, np.angle(z), np.nan)) < 1e-6
    assert found.metadata["nodata_rule"] == f"z==0, declared {fill:g}"


def test_a_compound_of_two_numbers_is_complex(tmp_path) -> None:
    h5netcdf = pytest.importorskip("h5netcdf", reason="compounds of netCDF-4 need h5netcdf to be written")
    with h5netcdf.File(tmp_path / "a.nc", "w") as target:
        target.dimensions = {"lat": LINES, "lon": WIDTH}
        for name, start, step in (("lat", GEOTRANSFORM.f, GEOTRANSFORM.e), ("lon", GEOTRANSFORM.c, GEOTRANSFORM.a)):
            axis = target.create_variable(name, (name,), "f8")
            axis[:] = start + step * (0.5 + np.arange(target.dimensions[name].size))
            axis.attrs["units"] = "degrees_north" if name == "lat" else "degrees_east"
        parts = np.dtype([("r", "f4"), ("i", "f4")])
        layer = target.create_variable("ifg", ("lat", "lon"), target.create_cmptype(parts, "complex"))
        layer[:] = complex_truth().view(parts)
        coherence = target.create_variable("coherence", ("lat", "lon"), "f4")
        coherence[:] = truth()[1]
    found = read_interferogram(pair(tmp_path / "a.nc"))
    assert circular_error(found.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(found.coherence), truth()[1], atol=1e-6)
    assert found.metadata["sources"][0]["dtype"] == "complex64"
    np.testing.assert_allclose(found.grid.transform, tuple(GEOTRANSFORM)[:6], atol=1e-9)


def test_without_coordinates_the_first_row_of_the_file_is_the_first_line(tmp_path) -> None:
    z = complex_truth()
    layers = {"phase": np.angle(z), "re": z.real, "im": z.imag, "coherence": truth()[1], "unw": truth()[0]}
    for names in (("phase", "coherence"), ("re", "im", "coherence"), ("unw",)):
        path = tmp_path / f"{names[0]}.nc"
        with netcdf_file(path, "w") as target:
            target.createDimension("line", LINES)
            target.createDimension("column", WIDTH)
            for name in names:
                layer = target.createVariable(name, "f", ("line", "column"))
                layer[:] = layers[name]
                layer._FillValue = np.float32(np.nan)
    for name in ("phase", "re"):
        found = read_interferogram(pair(tmp_path / f"{name}.nc"))
        assert circular_error(found.phase, wrapped_truth()) < 1e-6
        np.testing.assert_allclose(np.nan_to_num(found.coherence), truth()[1], atol=1e-6)
        assert found.grid.geometry == "radar"
    np.testing.assert_allclose(
        read_unwrapped(tmp_path / "unw.nc", pair(tmp_path / "phase.nc"))[0], truth()[0], atol=1e-6
    )


def test_a_variable_is_chosen_by_name_or_by_the_user_and_else_asked_for(tmp_path) -> None:
    layers = {"height": zeros(truth()[0]) + 500, "phase": wrapped_truth(), "mine": (-wrapped_truth()).astype("f4")}
    path = write_netcdf(tmp_path / "a.nc", layers)
    assert circular_error(read_interferogram(pair(path)).phase, wrapped_truth()) < 1e-6
    assert circular_error(read_interferogram(pair(path, variable="mine")).phase, -wrapped_truth()) < 1e-6
    with pytest.raises(InputError, match=r"found height, phase, mine, expected 'yours'; set variable"):
        read_interferogram(pair(path, variable="yours"))
    other = write_netcdf(tmp_path / "b.nc", {"one": wrapped_truth(), "two": wrapped_truth()})
    with pytest.raises(InputError, match=r"found one, two, expected one variable, or one named phase"):
        read_interferogram(pair(other))


def test_coherence_and_unwrapped_phase_come_from_netcdf_too(tmp_path) -> None:
    shown = np.where(truth()[1] > 0, truth()[1], np.nan).astype(np.float32)
    phase = write_netcdf(tmp_path / "a.nc", {"phase": wrapped_truth()})
    coherence = write_netcdf(tmp_path / "c.nc", {"coherence": shown})
    unwrapped = write_netcdf(tmp_path / "u.nc", {"unw": truth()[0]})
    found = read_interferogram(pair(phase, coherence))
    np.testing.assert_allclose(np.nan_to_num(found.coherence), truth()[1], atol=1e-6)
    np.testing.assert_allclose(read_unwrapped(unwrapped, pair(phase))[0], truth()[0], atol=1e-6)


def test_bands_of_a_raster_are_read_by_their_numbers(tmp_path) -> None:
    z = complex_truth()
    path = write_tiff(tmp_path / "a.tif", np.stack([z.real, z.imag, np.nan_to_num(wrapped_truth())]))
    with pytest.raises(InputError, match=r"found 3 bands, expected one; .* set bands to"):
        read_interferogram(pair(path))
    assert circular_error(read_interferogram(pair(path, bands=[1, 2])).phase, wrapped_truth()) < 1e-6
    assert circular_error(read_interferogram(pair(path, bands=[3])).phase, wrapped_truth()) < 1e-6
    for bands in ([], [0], [4], [1, 2, 3]):
        with pytest.raises(InputError, match=r"bands: found \[.*\], expected one or two of the 3"):
            read_interferogram(pair(path, bands=bands))


@pytest.mark.parametrize("south_up", [True, False])
@pytest.mark.parametrize("mirrored", [True, False])
def test_a_raster_is_turned_to_north_up_and_that_is_recorded(tmp_path, south_up: bool, mirrored: bool) -> None:
    a, _, c, _, e, f = tuple(GEOTRANSFORM)[:6]
    place = Affine(-a if mirrored else a, 0, c + a * WIDTH if mirrored else c, 0, -e if south_up else e,
                   f + e * LINES if south_up else f)  # fmt: skip
    stored = wrapped_truth()[:: -1 if south_up else 1, :: -1 if mirrored else 1]
    found = read_interferogram(pair(write_tiff(tmp_path / "a.tif", stored.copy(), transform=place)))
    assert circular_error(found.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(found.grid.transform, tuple(GEOTRANSFORM)[:6], atol=1e-9)
    assert any("E16" in warning for warning in found.metadata["warnings"]) is (south_up or mirrored)
    assert is_map_grid(found.grid) or south_up or mirrored
