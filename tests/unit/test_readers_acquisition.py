"""What producers tell of an acquisition: product, filter, time of day, orbit and perpendicular baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from basinwatch.interferogram import metadata_of
from basinwatch.readers import PairFiles, read_interferogram
from basinwatch.readers.acquisition import baseline_between, mid_seconds, relative_orbit, seconds_of_day
from products_scene import (
    BURSTS,
    HYP3,
    WRITERS,
    snap_bands,
    snap_name,
    write_aria,
    write_dimap,
    write_gmtsar,
    write_hyp3,
    write_isce,
    write_opera,
)
from readers_scene import (
    EARLIER,
    LATER,
    image_text,
    truth,
    wrapped_truth,
    write_gamma,
    write_tiff,
)

KEYS = ("product", "filtered", "utc_seconds", "rel_orbit", "bperp_m")


def write_frame(folder: Path) -> PairFiles:
    """A LiCSAR frame with its table of baselines to one date."""
    frame = folder / "106A_09048_000909"
    pair = frame / "interferograms" / "20200101_20200113"
    phase = write_tiff(pair / "20200101_20200113.geo.diff_pha.tif", np.nan_to_num(wrapped_truth()))
    coherence = write_tiff(pair / "20200101_20200113.geo.cc.tif", np.rint(255 * truth()[1]).astype(np.uint8))
    (frame / "metadata").mkdir()
    (frame / "metadata" / "metadata.txt").write_text("center_time=0:26:14.884940\nheading=-12.019061\n")
    (frame / "metadata" / "baselines").write_text("20191208 20200101 -98 24\n20191208 20200113 -46 36\n")
    return PairFiles(EARLIER, LATER, phase, coherence)


def write_filtered_gamma(folder: Path) -> PairFiles:
    """A filtered interferogram of GAMMA with image parameters and a table of baselines."""
    files = write_gamma(folder)
    text = image_text(97, 61).replace("heading:", "center_time: 2426.020257 s\nheading:")
    (folder / "20200101.mli.par").write_text(text)
    rows = [f"{i} 0 0.0 0.0 0.0 0.0 0.0 {30.0 + i} 1.0" for i in range(3)]
    (folder / "20200101_20200113.base_perp").write_text("\n".join(["bpara bperp blen", "", *rows]))
    return replace(files, phase=files.phase.rename(folder / "20200101_20200113.adf.diff"))


def write_roi_pac(folder: Path) -> PairFiles:
    files = write_gamma(folder, "<", None)
    path = files.phase.rename(folder / "filt_20200101_20200113.int")
    keys = "WIDTH 97\nFILE_LENGTH 61\nCENTER_LINE_UTC 18123.5\n"
    baselines = "P_BASELINE_TOP_HDR -20.0\nP_BASELINE_BOTTOM_HDR -22.0\n"
    path.with_name(f"{path.name}.rsc").write_text(keys + baselines)
    return PairFiles(EARLIER, LATER, path)


TOLD: dict[str, tuple[Callable[[Path], PairFiles], tuple[object, ...]]] = {
    "gamma": (write_filtered_gamma, ("diff", True, 2426.020257, None, 31.0)),
    # orbit 27968 of S1A is the descending track over Ridgecrest
    "hyp3": (write_hyp3, ("wrapped_phase", True, 12360.691361, 71, 58.3898)),
    "licsar": (write_frame, ("diff_pha", True, 1574.884940, 106, 52.0)),
    "isce": (write_isce, ("filt_fine.int", True, 5.5, 51, -62.0)),
    "snap": (write_dimap, ("i_ifg_VV_01Jan2020_13Jan2020", True, 18013.0, 51, 74.98)),
    "gmtsar": (write_gmtsar, ("phasefilt", True, 21621.6, None, -41.75)),
    "dolphin": (WRITERS["dolphin"], ("int", None, None, None, None)),
    "roi_pac": (write_roi_pac, ("int", True, 18123.5, None, -21.0)),
}


@pytest.mark.parametrize("producer", TOLD)
def test_every_producer_fills_the_metadata_with_what_it_states_and_no_more(tmp_path, producer) -> None:
    write, told = TOLD[producer]
    metadata = metadata_of(read_interferogram(write(tmp_path)))
    assert metadata["processor"] == producer
    for key, value in zip(KEYS, told, strict=True):
        assert metadata[key] == (pytest.approx(value, abs=1e-3) if isinstance(value, float) else value), key


@pytest.mark.parametrize("producer", ["gamma", "licsar", "isce", "gmtsar"])
def test_the_baseline_is_that_of_the_later_date_to_the_earlier_whichever_comes_first(tmp_path, producer) -> None:
    write, told = TOLD[producer]
    files, expected = write(tmp_path), told[4]
    if producer == "gamma":  # its tables are named after the dates in their order
        next(tmp_path.glob("*.base_perp")).rename(tmp_path / "20200113_20200101.base_perp")
        expected = -31.0
    pair = read_interferogram(replace(files, date1=LATER, date2=EARLIER))
    assert pair.metadata["bperp_m"] == pytest.approx(expected)
    assert (pair.date1, pair.date2) == (EARLIER, LATER)


def test_the_reference_in_a_snap_band_decides_whose_baseline_it_is(tmp_path) -> None:
    path = write_dimap(tmp_path, snap_bands(LATER, EARLIER)).phase
    assert read_interferogram(PairFiles(EARLIER, LATER, path)).metadata["bperp_m"] == pytest.approx(74.98)
    old = path.read_text().replace("Ref_", "Master: ").replace("Secondary_", "Slave: ")
    path.write_text(old.replace("GoldsteinPhaseFiltering", "TOPSAR-Deburst"))
    again = read_interferogram(PairFiles(EARLIER, LATER, path)).metadata
    assert (again["bperp_m"], again["filtered"]) == (pytest.approx(74.98), False)
    assert snap_name(EARLIER) in again["product"]


def test_opera_and_aria_tell_by_their_names_and_layers(tmp_path) -> None:
    h5netcdf = pytest.importorskip("h5netcdf", reason="groups of netCDF-4 need h5netcdf to be written")
    aria = write_aria(tmp_path / "S1-A-R-064-tops-20200113_20200101-010203-PP-v2_0_4.nc", h5netcdf)
    metadata = read_interferogram(PairFiles(LATER, EARLIER, aria)).metadata
    # the newer date is the reference, so that the baseline changes its sign like the phase
    assert tuple(metadata[key] for key in KEYS) == ("GUNW", None, 3723.0, 64, -31.0)
    assert (metadata["incidence_deg"], metadata["pass"], metadata["look_side"]) == (39.0, "ascending", "right")
    name = "OPERA_L3_DISP-S1_IW_F11116_VV_20200101T140755Z_20200113T140755Z_v1.0_20241220T235901Z.nc"
    opera = write_opera(tmp_path / name, -truth()[0] / 1000)
    metadata = read_interferogram(PairFiles(EARLIER, LATER, opera, options={"kind": "unwrapped"})).metadata
    assert tuple(metadata[key] for key in KEYS) == ("DISP-S1", None, 50875.0, None, None)
    with h5netcdf.File(tmp_path / "a.nc", "w") as target:
        target.dimensions = {"y": 3, "x": 5}
        for path, number in (("displacement", 0.001), ("corrections/perpendicular_baseline", 17.5)):
            layer = target.create_variable(path, ("y", "x"), "f4")
            layer[:] = number + 1e-4 * np.arange(15).reshape(3, 5)
    files = PairFiles(EARLIER, LATER, tmp_path / "a.nc", options={"kind": "unwrapped"})
    assert read_interferogram(files).metadata["bperp_m"] == pytest.approx(17.5 + 7e-4)


@pytest.mark.parametrize(("name", "orbit"), [(HYP3, 71), (BURSTS, 64)])
def test_a_multi_burst_product_names_its_track(tmp_path, name, orbit) -> None:
    assert read_interferogram(write_hyp3(tmp_path, name)).metadata["rel_orbit"] == orbit


def test_unfiltered_products_say_so(tmp_path) -> None:
    frame, gmtsar = write_frame(tmp_path / "frame"), write_gmtsar(tmp_path / "gmtsar")
    isce, hyp3 = write_isce(tmp_path / "isce"), write_hyp3(tmp_path / "hyp3")
    text = hyp3.phase.parent / f"{HYP3}.txt"
    text.write_text(text.read_text().replace("filter: adf", "filter: no"))
    for suffix in ("", ".xml"):
        (isce.phase.parent / f"filt_fine.int{suffix}").rename(isce.phase.parent / f"fine.int{suffix}")
    unfiltered = frame.phase.with_name("20200101_20200113.geo.diff_unfiltered_pha.tif")
    for files in (
        replace(frame, phase=frame.phase.rename(unfiltered)),
        replace(gmtsar, phase=gmtsar.phase.rename(gmtsar.phase.with_name("phase.grd"))),
        replace(isce, phase=isce.phase.with_name("fine.int")),
        hyp3,
    ):
        assert read_interferogram(files).metadata["filtered"] is False, files.phase
    assert read_interferogram(write_gamma(tmp_path / "gamma")).metadata["filtered"] is None


def test_a_gmtsar_pairs_own_baseline_comes_before_the_table(tmp_path) -> None:
    files = write_gmtsar(tmp_path)
    own = files.phase.with_name("baseline.txt")
    own.write_text("SC_height = 7.1\nB_parallel = 3.0\nB_perpendicular = -12.5\n")
    assert read_interferogram(files).metadata["bperp_m"] == -12.5
    own.unlink()
    (tmp_path / "baseline_table.dat").write_text("S1_20200101 2020000.25 2191 3.5 10.5\nodd 20xx 1 2 3\nshort row\n")
    assert read_interferogram(files).metadata["bperp_m"] is None


# Ridgecrest, California: orbits 27961 and 27968 of S1A are its tracks 64 and 71.
@pytest.mark.parametrize(
    ("satellite", "orbit", "track"),
    [("S1A", 27961, 64), ("S1A", 27968, 71), ("S1A", 73, 1), ("S1A", 72, 175), ("S1B", 202, 1), ("S1C", 8018, 147),
     ("S1C", 8019, 46), ("S1D", 42, 1)],
)  # fmt: skip
def test_the_relative_orbit_follows_from_the_absolute(satellite, orbit, track) -> None:
    assert relative_orbit(satellite, orbit) == track
    assert relative_orbit("ALOS2", orbit) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:26:14.884940", 1574.88494), ("01-JAN-2020 23:59:59.9", 86399.9), ("2020-01-01T05:00:00", 18000.0), ("-", None),
     ("25:00:00", None), ("12:60:00", None), (None, None), ("12:00", None)],
)  # fmt: skip
def test_times_of_day_are_read_from_any_text(text, seconds) -> None:
    assert seconds_of_day(text) == (None if seconds is None else pytest.approx(seconds))


def test_the_middle_of_a_pass_may_lie_beyond_midnight() -> None:
    assert mid_seconds(86390.0, 10.0) == 0.0
    assert mid_seconds(100.0, 120.0) == 110.0
    assert (mid_seconds(100.0, None), mid_seconds(None, 100.0)) == (100.0, None)


def test_baselines_are_joined_by_way_of_one_other_date_or_none() -> None:
    first, second, third, other = (date(2020, 1, day) for day in (1, 13, 25, 30))
    told = {(third, first): 10.0, (third, second): -5.0}
    assert baseline_between(told, (first, second)) == pytest.approx(-15.0)
    assert baseline_between(told, (second, first)) == pytest.approx(15.0)
    assert baseline_between({(first, third): 1.0, (second, other): 2.0}, (first, second)) is None
    assert baseline_between({}, (first, second)) is None
