"""Further producers: the same scene written by each is read back as the same pair."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.interferogram import metadata_of
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from basinwatch.readers.radar_geometry import incidence_deg
from products_scene import (
    BURST,
    BURSTS,
    HYP3,
    UTM,
    WRITERS,
    isce_header,
    snap_bands,
    write_aria,
    write_dimap,
    write_gmtsar,
    write_grd,
    write_hyp3,
    write_isce,
    write_isce_image,
    write_netcdf4_grd,
    write_opera,
    write_snap_tiff,
    zip_folder,
)
from readers_scene import (
    EARLIER,
    LATER,
    LINES,
    WIDTH,
    circular_error,
    is_map_grid,
    truth,
    wrapped_truth,
)

WAVELENGTH_M = 0.05546576


@pytest.mark.parametrize("producer", WRITERS)
def test_every_producer_gives_the_same_phase_and_coherence(tmp_path, producer: str) -> None:
    files = WRITERS[producer](tmp_path)
    assert sniff(files.phase) == producer
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)
    assert read_grid(files) == pair.grid
    assert pair.metadata["processor"] == producer
    assert (pair.date1, pair.date2) == (EARLIER, LATER)


UNWRAPPED = {
    "hyp3": "_wrapped_phase.tif _unw_phase.tif",
    "isce": ".int .unw",
    "snap": ".dim .dim",
    "gmtsar": "phasefilt unwrap",
    "dolphin": ".int. .unw.",
}


@pytest.mark.parametrize("producer", WRITERS)
def test_unwrapped_phase_beside_it_keeps_its_cycles(tmp_path, producer: str) -> None:
    files = WRITERS[producer](tmp_path)
    path = files.phase.with_name(files.phase.name.replace(*UNWRAPPED[producer].split()))
    values, grid = read_unwrapped(path, files)
    np.testing.assert_allclose(values, truth()[0], atol=1e-6)
    assert grid == read_grid(files)


@pytest.mark.parametrize("producer", ["hyp3", "isce", "gmtsar", "dolphin"])  # its bands name the reference, see below
def test_reversed_dates_conjugate_the_phase(tmp_path, producer: str) -> None:
    files = WRITERS[producer](tmp_path)
    pair = read_interferogram(replace(files, date1=LATER, date2=EARLIER))
    assert pair.metadata["conjugated"] is True
    assert circular_error(pair.phase, -wrapped_truth()) < 1e-6


@pytest.mark.parametrize("name", [HYP3, BURST, BURSTS])
def test_hyp3_names_of_all_jobs_are_known_even_when_users_cut_the_rasters(tmp_path, name: str) -> None:
    files = write_hyp3(tmp_path, name, "_clipped")
    assert sniff(files.phase) == "hyp3"
    pair = read_interferogram(files)
    assert pair.grid.transform == tuple(UTM["transform"])[:6]
    assert pair.metadata["heading_deg"] == pytest.approx(193.2939317 - 360)
    assert pair.metadata["pass"] == "descending"  # noqa: S105
    assert pair.metadata["looks"] == [20, 4]
    assert pair.metadata["bperp_m"] == 58.3898
    # law of sines by hand: the look angle is 35.00 degrees
    assert pair.metadata["incidence_deg"] == pytest.approx(39.55, abs=0.05)


def test_incidence_follows_from_slant_range_as_a_gamma_header_says() -> None:
    assert incidence_deg(878314.5356, 7073899.1954, 6375868.9414) == pytest.approx(39.7036, abs=1e-3)
    assert incidence_deg(100.0, 7073899.1954, 6375868.9414) is None


def test_a_hyp3_zip_is_read_in_place_with_its_coherence(tmp_path) -> None:
    files = write_hyp3(tmp_path)
    path = zip_folder(files.phase.parent)
    assert sniff(path) == "hyp3"
    zipped = PairFiles(EARLIER, LATER, path)
    pair, plain = read_interferogram(zipped), read_interferogram(files)
    np.testing.assert_array_equal(pair.phase, plain.phase)
    np.testing.assert_array_equal(pair.coherence, plain.coherence)
    assert read_grid(zipped) == plain.grid
    assert pair.metadata["looks"] == [20, 4]
    np.testing.assert_allclose(read_unwrapped(path, zipped)[0], truth()[0], atol=1e-6)
    assert {entry.name for entry in tmp_path.iterdir()} == {HYP3, f"{HYP3}.zip"}


def test_a_hyp3_zip_without_wrapped_phase_wraps_the_unwrapped_again(tmp_path) -> None:
    path = zip_folder(write_hyp3(tmp_path).phase.parent, leave_out="wrapped_phase.tif")
    with zipfile.ZipFile(path) as archive:
        assert not any("_wrapped_phase" in name for name in archive.namelist())
    pair = read_interferogram(PairFiles(EARLIER, LATER, path))
    assert pair.metadata["rewrapped"] is True
    assert circular_error(pair.phase, wrapped_truth()) < 1e-5


def test_archives_that_swell_or_point_elsewhere_are_refused(tmp_path) -> None:
    bomb, traversal = tmp_path / f"{HYP3}.zip", tmp_path / "b" / f"{HYP3}.zip"
    traversal.parent.mkdir()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(f"{HYP3}/{HYP3}_wrapped_phase.tif", bytes(100 * 2**20))
    with zipfile.ZipFile(traversal, "w") as archive:
        archive.writestr(f"../../{HYP3}_wrapped_phase.tif", b"x")
    for path, found in ((bomb, "swells"), (traversal, "expected plain files inside")):
        with pytest.raises(InputError, match=found):
            read_interferogram(PairFiles(EARLIER, LATER, path))


@pytest.mark.parametrize("is_map", [False, True])
def test_isce_images_have_their_geometry_and_facts_of_the_acquisition(tmp_path, is_map: bool) -> None:
    pair = read_interferogram(write_isce(tmp_path, is_map))
    assert pair.grid.geometry == ("map" if is_map else "radar")
    assert is_map_grid(pair.grid) is is_map
    assert pair.metadata["wavelength_m"] == 0.0554657
    assert pair.metadata["incidence_deg"] == pytest.approx(39.5)
    # the satellite lies east-southeast of the ground: a descending pass that looks to the right
    assert pair.metadata["heading_deg"] == pytest.approx(-168)
    assert pair.metadata["pass"] == "descending"  # noqa: S105


def test_look_angles_outside_the_scene_say_nothing(tmp_path) -> None:
    files = write_isce(tmp_path)
    look = np.full((LINES, WIDTH), np.nan)
    los = next(files.phase.parents[2].rglob("los.rdr"))
    write_isce_image(los, [look, look], "FLOAT")
    metadata = metadata_of(read_interferogram(files))
    assert (metadata["incidence_deg"], metadata["heading_deg"]) == (None, None)


def test_a_truncated_isce_image_needs_permission(tmp_path) -> None:
    files = write_isce(tmp_path)
    files.phase.write_bytes(files.phase.read_bytes()[: -10 * WIDTH * 8])
    with pytest.raises(InputError, match=r"found 51 of the lines.*E03"):
        read_interferogram(files)
    pair = read_interferogram(replace(files, options={"allow_truncated": True}))
    assert np.isnan(pair.phase[51:]).all()
    np.testing.assert_allclose(pair.phase[:51], wrapped_truth()[:51], atol=1e-6)
    header = files.phase.with_name(f"{files.phase.name}.xml")
    header.write_text(isce_header("CFLOAT", 1, False, WIDTH, 10**9))
    with pytest.raises(InputError, match="E02"):
        read_interferogram(replace(files, options={"allow_truncated": True}))


def test_snap_products_give_radar_facts_and_either_geometry(tmp_path) -> None:
    pair = read_interferogram(write_dimap(tmp_path / "map"))
    assert is_map_grid(pair.grid)
    assert pair.metadata["wavelength_m"] == pytest.approx(WAVELENGTH_M, abs=1e-8)
    assert pair.metadata["incidence_deg"] == 39.5
    assert pair.metadata["looks"] == [8, 2]
    assert pair.metadata["heading_deg"] == pytest.approx(-166.7)
    radar = read_interferogram(write_dimap(tmp_path / "radar", is_map=False))
    assert radar.grid.geometry == "radar"
    assert radar.grid.pixel_spacing_m == (18.6, 27.9)
    np.testing.assert_array_equal(radar.phase, pair.phase)


def test_the_reference_in_a_snap_bands_name_decides_the_sign(tmp_path) -> None:
    files = write_dimap(tmp_path, snap_bands(LATER, EARLIER))
    assert circular_error(read_interferogram(files).phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(read_unwrapped(files.phase, files)[0], truth()[0], atol=1e-6)
    later_first = replace(files, date1=LATER, date2=EARLIER)
    assert circular_error(read_interferogram(later_first).phase, wrapped_truth()) < 1e-6


@pytest.mark.parametrize("band_dates", [(EARLIER, LATER), (LATER, EARLIER)])
@pytest.mark.parametrize("file_dates", [(EARLIER, LATER), (LATER, EARLIER)])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_explicit_sign_multiplies_the_numbers_a_snap_band_holds(tmp_path, band_dates, file_dates, sign) -> None:
    stored = 1 if band_dates == (EARLIER, LATER) else -1
    files = write_dimap(tmp_path, snap_bands(*band_dates))
    files = replace(files, date1=file_dates[0], date2=file_dates[1], options={"sign": sign})
    pair = read_interferogram(files)
    assert circular_error(pair.phase, sign * stored * wrapped_truth()) < 1e-6
    assert pair.metadata.get("conjugated", False) is (sign < 0)
    np.testing.assert_allclose(read_unwrapped(files.phase, files)[0], sign * stored * truth()[0], atol=1e-6)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_snap_pair_is_called_conjugated_only_where_it_was(tmp_path, is_reversed: bool) -> None:
    files = write_dimap(tmp_path, snap_bands(LATER, EARLIER) if is_reversed else None)
    for dates in ((EARLIER, LATER), (LATER, EARLIER)):
        pair = read_interferogram(replace(files, date1=dates[0], date2=dates[1]))
        assert pair.metadata.get("conjugated", False) is is_reversed
        assert circular_error(pair.phase, wrapped_truth()) < 1e-6


def test_a_snap_geotiff_is_read_by_the_names_in_its_private_tag(tmp_path) -> None:
    files = write_snap_tiff(tmp_path / "20200101_20200113.tif")
    with rasterio.open(files.phase) as source:
        assert source.count == 4
    assert sniff(files.phase) == "snap"
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)
    assert is_map_grid(pair.grid)


def test_a_snap_geotiff_that_runs_from_the_south_is_turned_with_its_grid(tmp_path, caplog) -> None:
    files = write_snap_tiff(tmp_path / "20200101_20200113.tif", is_south_up=True)
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)
    assert pair.grid == read_grid(files)
    assert is_map_grid(pair.grid)
    assert any("E16" in warning for warning in pair.metadata["warnings"])
    np.testing.assert_allclose(read_unwrapped(files.phase, files)[0], truth()[0], atol=1e-6)
    assert "E16" in caplog.text


def test_an_interpolated_snap_phase_band_is_read_with_a_warning(tmp_path) -> None:
    bands = snap_bands()
    name = next(name for name in bands if name.startswith("Phase"))
    physical = {name: np.nan_to_num(wrapped_truth())}
    pair = read_interferogram(write_dimap(tmp_path, physical))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert any("streaks" in warning for warning in pair.metadata["warnings"])
    assert pair.coherence is None


def test_a_snap_product_of_other_dates_or_without_its_data_is_refused(tmp_path) -> None:
    files = write_dimap(tmp_path)
    with pytest.raises(InputError, match="expected i_ifg and q_ifg of 2020-01-13 and 2020-01-25"):
        read_interferogram(replace(files, date1=LATER, date2=LATER.replace(day=25)))
    for path in files.phase.with_suffix(".data").glob("q_ifg*.img"):
        path.unlink()
    with pytest.raises(InputError, match=r"copy the \.data folder"):
        read_interferogram(files)
    files.phase.write_text(files.phase.read_text().replace("20200101_20200113_ifg.data/", "../../etc/"))
    with pytest.raises(InputError, match=r"expected one in the product's \.data folder"):
        read_interferogram(files)


def test_gmtsar_radar_grids_keep_the_first_azimuth_line_at_the_top(tmp_path) -> None:
    pair = read_interferogram(write_gmtsar(tmp_path))
    assert pair.grid.geometry == "radar"
    across, along = 8 * 299792458 / (2 * 64345238.0), 2 * 7590.0 / 486.486
    np.testing.assert_allclose(pair.grid.pixel_spacing_m, (across, along))
    assert pair.metadata["wavelength_m"] == 0.0554658
    assert pair.metadata["pass"] == "ascending"  # noqa: S105
    # law of sines by hand: range 800904 m, satellite 7075 km from the centre, look angle 26.75 degrees
    assert pair.metadata["incidence_deg"] == pytest.approx(29.99, abs=0.02)


def test_gmtsar_geocoded_grids_have_north_at_the_top(tmp_path) -> None:
    pair = read_interferogram(write_gmtsar(tmp_path, is_map=True))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert is_map_grid(replace(pair.grid, transform=tuple(np.round(pair.grid.transform, 9))))


def test_grids_in_netcdf_4_and_without_attributes_are_read_too(tmp_path) -> None:
    bare = write_grd(tmp_path / "phase.grd", wrapped_truth(), is_map=False, with_attributes=False)
    pair = read_interferogram(PairFiles(EARLIER, LATER, bare))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert pair.grid.geometry == "radar"
    modern = write_netcdf4_grd(tmp_path / "phase_ll.grd")
    assert modern.read_bytes()[:4] == b"\x89HDF"
    assert sniff(modern) == "gmtsar"
    pair = read_interferogram(PairFiles(EARLIER, LATER, modern))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    assert pair.grid.geometry == "map"


def test_intermediate_gmtsar_grids_are_refused(tmp_path) -> None:
    path = write_grd(tmp_path / "realfilt.grd", wrapped_truth(), is_map=False)
    with pytest.raises(InputError, match=r"name phasefilt\.grd"):
        read_interferogram(PairFiles(EARLIER, LATER, path))


def test_a_dolphin_virtual_raster_whose_images_are_gone_says_what_to_do(tmp_path) -> None:
    path = tmp_path / "20200101_20200113.int.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{LINES}"><VRTRasterBand dataType="CFloat32" band="1">'
        "<SimpleSource><SourceFilename>/gone.slc</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    assert sniff(path) == "dolphin"
    with pytest.raises(InputError, match="gdal_translate"):
        read_interferogram(PairFiles(EARLIER, LATER, path))


def test_opera_displacement_is_wrapped_again_once_the_user_agrees(tmp_path) -> None:
    displacement = -truth()[0] * 0.055465763 / (4 * np.pi)  # towards the satellite where the phase is away
    path = write_opera(tmp_path / "OPERA_L3_DISP-S1.nc", displacement)
    assert sniff(path) == "opera"
    with pytest.raises(InputError, match="set kind: unwrapped"):
        read_interferogram(PairFiles(EARLIER, LATER, path))
    files = PairFiles(EARLIER, LATER, path, options={"kind": "unwrapped"})
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-4
    assert pair.metadata["rewrapped"] is True
    assert pair.grid.transform == tuple(UTM["transform"])[:6]
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)
    np.testing.assert_allclose(read_unwrapped(path, files)[0], truth()[0], atol=1e-3)


def test_aria_phase_changes_its_sign_with_the_order_of_its_dates(tmp_path) -> None:
    h5netcdf = pytest.importorskip("h5netcdf", reason="groups of netCDF-4 need h5netcdf to be written")
    path = write_aria(tmp_path / "S1-A-R-064-tops-20200113_20200101-010203-PP-v2_0_4.nc", h5netcdf)
    assert sniff(path) == "aria"
    files = PairFiles(LATER, EARLIER, path)
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-5
    assert pair.metadata["conjugated"] is True
    assert pair.grid.affine.almost_equals(Affine(0.001, 0, 18.5, 0, -0.001, 50.3), 1e-9)
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)
    np.testing.assert_allclose(read_unwrapped(path, files)[0], truth()[0], atol=1e-6)


def test_netcdf_of_nobody_known_is_read_by_its_only_variable(tmp_path) -> None:
    path = write_grd(tmp_path / "a.nc", wrapped_truth(), is_map=True)
    path.write_bytes(path.read_bytes().replace(b"\0\0\0\x01z\0\0\0", b"\0\0\0\x01w\0\0\0"))
    assert sniff(path) == "netcdf"
    assert circular_error(read_interferogram(PairFiles(EARLIER, LATER, path)).phase, wrapped_truth()) < 1e-6
