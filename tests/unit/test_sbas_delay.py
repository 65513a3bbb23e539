"""Delays of the air: read in place, applied with the right sign, and only where they help."""

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import wrap
from basinwatch.rasters import grid_of, write_raster
from basinwatch.sbas.corrections.delay import DelayMaps, DelaySettings, decide
from basinwatch.sbas.pixels import Pixels
from rasterio.windows import Window

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
FRAME = DATA / "licsar_galapagos" / "106A_09048_000909"
BHUTAN = DATA / "gacos_bhutan" / "tutorial" / "ReversibleDeformation"
WAVELENGTH = 0.05546576
UTM = Grid.from_map(40, 30, Affine(90, 0, 400_000, 0, -90, 4_200_000), "EPSG:32650")
DATES = [date(2022, 1, 5) + timedelta(12 * k) for k in range(6)]


def everywhere(grid):
    return Pixels.within(Window(0, 0, grid.width, grid.height), grid)


def write_zenith(folder, day, function, hole=False, columns=80):
    """GACOS file whose value is a function of longitude and latitude."""
    step, west, north = 0.000833333, 115.84, 37.96
    longitude, latitude = west + step * np.arange(columns), north - step * np.arange(70)
    values = function(*np.meshgrid(longitude, latitude)).astype("<f4")
    if hole:
        values[20:23, 30:33] = 0
    folder.mkdir(exist_ok=True)
    (folder / f"{day:%Y%m%d}.ztd").write_bytes(values.tobytes())
    keys = {"WIDTH": columns, "FILE_LENGTH": 70, "X_FIRST": west, "Y_FIRST": north, "X_STEP": step, "Y_STEP": -step}
    (folder / f"{day:%Y%m%d}.ztd.rsc").write_text("".join(f"{k} {v}\n" for k, v in keys.items()))


def sloping(longitude, latitude):
    return 2.3 + 0.5 * (longitude - 115.87) + 0.8 * (latitude - 37.93)


def test_a_sloping_delay_is_exact_on_a_grid_in_metres_and_slants_with_every_pixels_incidence(tmp_path):
    write_zenith(tmp_path, DATES[0], sloping)
    pixels = everywhere(UTM)
    incidence = np.linspace(30, 45, len(pixels))
    phase = DelayMaps.find(tmp_path).phase(DATES[:2], pixels, incidence, WAVELENGTH)
    expected = 4 * np.pi / WAVELENGTH * sloping(*pixels.longitude_latitude) / np.cos(np.radians(incidence))
    np.testing.assert_allclose(phase[0], expected, rtol=1e-6)
    assert np.isnan(phase[1]).all()


def test_a_hole_takes_its_neighbours_values_instead_of_zero(tmp_path):
    write_zenith(tmp_path, DATES[0], sloping, hole=True)
    pixels = everywhere(UTM)
    metres = DelayMaps.find(tmp_path).phase(DATES[:1], pixels, 0.0 + 39, WAVELENGTH)[0]
    metres = metres * WAVELENGTH / (4 * np.pi) * np.cos(np.radians(39))
    np.testing.assert_allclose(metres, sloping(*pixels.longitude_latitude), atol=0.003)


def test_blocks_have_the_values_of_the_whole(tmp_path):
    write_zenith(tmp_path, DATES[0], lambda x, y: 2.3 + 0.02 * np.sin(400 * x) * np.cos(300 * y))
    maps = DelayMaps.find(tmp_path)
    whole = maps.phase(DATES[:1], everywhere(UTM), 39.0, WAVELENGTH).reshape(UTM.shape)
    block = maps.phase(DATES[:1], Pixels.within(Window(11, 7, 9, 13), UTM), 39.0, WAVELENGTH)
    np.testing.assert_allclose(block.reshape(13, 9), whole[7:20, 11:20], rtol=1e-6)


def noisy_stack(folder, good, missing=()):
    """Series of pure air on stable ground; maps tell the air of the good dates, and the opposite for the others."""
    rng, pixels = np.random.default_rng(0), everywhere(UTM)
    slopes = dict(zip(DATES, rng.normal(0, 0.15, (6, 2)), strict=True))
    air = []
    for day, (east, north) in slopes.items():

        def plane(x, y, east=east, north=north):
            return east * (x - 115.87) + north * (y - 37.93)

        air.append(plane(*pixels.longitude_latitude))
        sign = 1 if day in good else -1
        if day not in missing:
            write_zenith(folder, day, lambda x, y, s=sign, p=plane: 2.3 + 0.3 * np.sin(200 * x) + s * p(x, y))
    slant = 4 * np.pi / WAVELENGTH / np.cos(np.radians(39)) * np.stack(air)
    return pixels, slant - slant[0] + rng.normal(0, 0.3, slant.shape)


def test_dates_are_corrected_where_that_calms_stable_ground_and_the_table_says_so(tmp_path):
    good = DATES[:5]
    pixels, series = noisy_stack(tmp_path, good)
    found = decide(series, DATES, DelayMaps.find(tmp_path), pixels, 39.0, WAVELENGTH, DelaySettings())
    assert found.applied[:5].all()
    assert not found.applied[5]
    corrected = series - found.at(pixels, 39.0)
    spread = (corrected - corrected.mean(0))[:5].std(1) * WAVELENGTH / (4 * np.pi) * 1000
    np.testing.assert_allclose(spread, found.after_mm[:5], rtol=0.35)
    assert found.after_mm[:5].mean() < 0.6 * found.before_mm[:5].mean()
    assert found.table()[5] == {
        "date": "2022-03-06",
        "before_mm": round(float(found.before_mm[5]), 3),
        "after_mm": round(float(found.after_mm[5]), 3),
        "applied": False,
    }


def test_all_usable_dates_are_corrected_on_demand(tmp_path):
    pixels, series = noisy_stack(tmp_path, DATES[:5])
    settings = DelaySettings(only_where_better=False)
    assert decide(series, DATES, DelayMaps.find(tmp_path), pixels, 39.0, WAVELENGTH, settings).applied.all()


def test_a_missing_date_and_a_small_map_stay_uncorrected_and_are_named(tmp_path, caplog):
    pixels, series = noisy_stack(tmp_path, DATES, missing=[DATES[2]])
    write_zenith(tmp_path, DATES[4], sloping, columns=40)
    found = decide(series, DATES, DelayMaps.find(tmp_path), pixels, 39.0, WAVELENGTH, DelaySettings())
    assert np.flatnonzero(~found.usable).tolist() == [2, 4]
    assert found.applied[[0, 1, 3, 5]].all()
    field = found.at(pixels, 39.0)
    assert not field[[2, 4]].any()
    np.testing.assert_allclose(field[[0, 1, 3, 5]].mean(0), 0, atol=2e-4)
    assert "delays: found none for 2022-01-29" in caplog.text
    assert "20220222.ztd: covers" in caplog.text
    assert found.table()[2] == {"date": "2022-01-29", "before_mm": None, "after_mm": None, "applied": False}


def test_a_map_without_a_number_leaves_its_date_uncorrected_and_is_named(tmp_path, caplog):
    pixels, series = noisy_stack(tmp_path, DATES)
    path = tmp_path / f"{DATES[3]:%Y%m%d}.ztd"
    path.write_bytes(np.full(path.stat().st_size // 4, np.nan, "<f4").tobytes())
    settings = DelaySettings(only_where_better=False)
    found = decide(series, DATES, DelayMaps.find(tmp_path), pixels, 39.0, WAVELENGTH, settings)
    assert np.flatnonzero(~found.applied).tolist() == [3]
    assert np.isnan(found.before_mm[3])
    assert "20220210.ztd: found no delay on the stack's stable ground" in caplog.text


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: raw[:-400], "bytes, expected .* pixels of 20220117.ztd.rsc"),
        (lambda raw: np.frombuffer(raw, "<f4").astype(">f4").tobytes(), r"found a median of .* \(E20\)"),
        (lambda raw: b"<html>404</html>", "found 16 bytes, expected"),
    ],
    ids=["truncated", "byte order", "web page"],
)
def test_a_bad_delay_stops_with_one_sentence(tmp_path, damage, sentence):
    pixels, series = noisy_stack(tmp_path, DATES)
    path = tmp_path / f"{DATES[1]:%Y%m%d}.ztd"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=sentence) as error:
        decide(series, DATES, DelayMaps.find(tmp_path), pixels, 39.0, WAVELENGTH, DelaySettings())
    assert "\n" not in str(error.value)


def test_slant_delays_on_a_grid_in_metres_are_refused(tmp_path):
    write_raster(tmp_path / "20220105.sltd.geo.tif", np.ones(UTM.shape, np.float32), UTM, bands=["sltd"])
    with pytest.raises(InputError, match="UTM zone 50N, expected EPSG:4326"):
        DelayMaps.find(tmp_path).covering(DATES[:1], everywhere(UTM))


def test_slant_delays_in_radians_are_taken_as_they_are(tmp_path):
    frame = Grid.from_map(60, 50, Affine(0.001, 0, 115.85, 0, -0.001, 37.96), "EPSG:4326")
    values = np.random.default_rng(0).normal(500, 3, frame.shape).astype(np.float32)
    folder = tmp_path / "epochs" / "20220105"
    folder.mkdir(parents=True)
    write_raster(folder / "20220105.sltd.geo.tif", values, frame, bands=["sltd"])
    maps = DelayMaps.find(tmp_path / "epochs")
    assert maps.kind == "slant"
    phase = maps.phase(DATES[:1], everywhere(frame), np.nan, WAVELENGTH)
    np.testing.assert_allclose(phase.reshape(frame.shape), values, rtol=1e-5)


def test_angles_in_radians_and_stacks_in_radar_geometry_are_refused(tmp_path):
    write_zenith(tmp_path, DATES[0], sloping)
    with pytest.raises(InputError, match=r"incidence: found a median of 0\.68, expected 10 to 70 degrees"):
        DelayMaps.find(tmp_path).phase(DATES[:1], everywhere(UTM), 0.68, WAVELENGTH)
    radar = Grid(5, 5, None, None, (2.3, 14.0))
    with pytest.raises(InputError, match="delays: found a stack in radar geometry"):
        DelayMaps.find(tmp_path).phase(DATES[:1], everywhere(radar), 39.0, WAVELENGTH)


def test_a_folder_without_delays_is_named(tmp_path):
    with pytest.raises(InputError, match="found no GACOS delay"):
        DelayMaps.find(tmp_path)


def roughness(phase, valid, lag=40):
    """Root mean square of wrapped differences 40 pixels apart, along both axes."""
    along = wrap(phase[:, lag:] - phase[:, :-lag])[valid[:, lag:] & valid[:, :-lag]]
    down = wrap(phase[lag:] - phase[:-lag])[valid[lag:] & valid[:-lag]]
    return float(np.sqrt(np.mean(np.concatenate([along, down]) ** 2)))


@pytest.mark.skipif(not FRAME.is_dir(), reason="the LiCSAR frame is not here")
@pytest.mark.parametrize("pair", ["20240106_20240118", "20240118_20240130", "20240118_20240211"])
def test_the_slant_delays_of_a_real_frame_calm_its_interferograms_with_this_sign_only(pair):
    source = FRAME / "interferograms" / pair / f"{pair}.geo.diff_pha.tif"
    window = Window(0, 500, 1840, 900)
    with rasterio.open(source) as phase_file, rasterio.open(str(source).replace("diff_pha", "cc")) as coherence_file:
        phase, coherence = phase_file.read(1, window=window), coherence_file.read(1, window=window)
        grid = grid_of(phase_file)
    valid = (phase != 0) & (coherence > 100)
    days = [date(int(name[:4]), int(name[4:6]), int(name[6:])) for name in pair.split("_")]
    slant = DelayMaps.find(FRAME / "epochs").phase(days, Pixels.within(window, grid), np.nan, WAVELENGTH)
    change = (slant[1] - slant[0]).reshape(phase.shape)
    before, right, wrong = (roughness(phase - sign * change, valid) for sign in (0, 1, -1))
    assert right < before < wrong


@pytest.mark.skipif(not BHUTAN.is_dir(), reason="the GACOS files of Bhutan are not here")
def test_real_delays_on_a_grid_in_metres_equal_those_another_project_resampled():
    with rasterio.open(BHUTAN / "DEM_UTM.tif") as source:
        grid = grid_of(source)
    maps = DelayMaps.find(BHUTAN / "GACOS")
    days = sorted(maps.paths)
    pixels = everywhere(grid)
    assert maps.covering(days, pixels) == days
    slant = maps.phase(days, pixels, 39.0, WAVELENGTH)
    for day, phase in zip(days, slant, strict=True):
        metres = phase * WAVELENGTH / (4 * np.pi) * np.cos(np.radians(39.0))
        with rasterio.open(BHUTAN / "GACOS" / f"{day:%Y%m%d}_gacos.tif") as source:
            twin = source.read(1).ravel()
        assert np.corrcoef(metres, twin)[0, 1] > 0.995
        assert np.polyfit(metres, twin, 1)[0] == pytest.approx(1, abs=0.005)
        assert np.median(np.abs(metres - twin)) < 0.005
