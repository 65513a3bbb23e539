"""Every interferogram, coherence and delay of the real data opens without a word about its format.

What is no raster of one pair (cubes of other projects, heights, rates) is not listed.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from basinwatch import gacos
from basinwatch.errors import InputError
from basinwatch.inspection.names import dated
from basinwatch.phase import to_displacement_mm
from basinwatch.readers import PairFiles, open_interferogram, read_interferogram, read_unwrapped, sniff
from basinwatch.sbas.corrections.delay import DelayMaps

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real interferograms are not on this machine")
FRAME = DATA / "licsar_galapagos" / "106A_09048_000909"
NO_DATES = date(2000, 1, 1), date(2000, 1, 2)
# Pattern of unwrapped phase, number of files, producer, rows and columns.
UNWRAPPED = [
    ("pyrate/cropA/geotiffs/*_unw.tif", 30, "geotiff", (60, 100)),
    ("pyrate/cropB/*_ifg.tif", 1, "geotiff", (189, 226)),
    ("pyrate/gamma/16x20_*_utm.unw", 1, "gamma", (20, 16)),
    ("pyrate/gamma/16x20_*_utm.tif", 1, "geotiff", (20, 16)),
    ("pyrate/prepifg/obs/*.unw", 2, "roi_pac", (72, 47)),
    ("pyrate/prepifg/tif/*_unw.tif", 2, "geotiff", (72, 47)),
    ("pyrate/small_test/gamma_obs/*.unw", 17, "gamma", (72, 47)),
    ("pyrate/small_test/roipac_obs/*.unw", 17, "roi_pac", (72, 47)),
    ("pyrate/small_test/tif/*_unw.tif", 17, "geotiff", (72, 47)),
    ("pyrate/system/gamma/*.unw", 17, "gamma", (72, 47)),
    ("pyrate/system/gamma/*_unw.tif", 17, "geotiff", (72, 47)),
    ("pyrate/system/geotiff/*_unw.tif", 17, "geotiff", (72, 47)),
    ("pyrate/system/roipac/interferograms/*.unw", 17, "roi_pac", (72, 47)),
    ("pyrate/system/roipac/interferograms/*_unw.tif", 17, "geotiff", (72, 47)),
]
COHERENCE = [
    ("pyrate/cropA/geotiffs/*_unw.tif", "_eqa_unw.tif", "_flat_eqa_cc.tif", 30),
    ("pyrate/small_test/gamma_obs/*.unw", "gamma_obs", "coherence", 17),
]


def files_of(path: Path, coherence: Path | None = None, **options: object) -> PairFiles:
    found = dated(path)
    return PairFiles(*((found.first, found.second) if found else NO_DATES), path, coherence, options=options)


@pytest.mark.parametrize(("pattern", "count", "producer", "shape"), UNWRAPPED, ids=[entry[0] for entry in UNWRAPPED])
def test_unwrapped_phase_of_any_form_is_read_and_wraps_to_itself(
    pattern: str, count: int, producer: str, shape: tuple[int, int]
) -> None:
    paths = sorted(DATA.glob(pattern))
    assert len(paths) == count
    for path in paths:
        assert sniff(path) == producer
        files = files_of(path, kind="unwrapped")
        values, grid = read_unwrapped(path, files)
        pair = read_interferogram(files)
        assert grid.shape == pair.phase.shape == shape
        assert grid.geometry == "map"
        valid = np.isfinite(values)
        assert valid.any()
        np.testing.assert_array_equal(np.isfinite(pair.phase), valid)
        np.testing.assert_allclose(np.exp(1j * pair.phase[valid]), np.exp(1j * values[valid]), atol=1e-4)
        assert pair.date1 < pair.date2
        assert "conjugated" not in pair.metadata


@pytest.mark.parametrize(("pattern", "old", "new", "count"), COHERENCE, ids=["geotiff", "gamma"])
def test_coherence_of_pairs_is_read_as_shares(pattern: str, old: str, new: str, count: int) -> None:
    paths = sorted(DATA.glob(pattern))
    assert len(paths) == count
    for path in paths:
        coherence = Path(str(path).replace(old, new) + (".cc" if new == "coherence" else ""))
        pair = read_interferogram(files_of(path, coherence, kind="unwrapped"))
        known = pair.coherence[np.isfinite(pair.coherence)]
        assert known.size > 0.5 * pair.phase.size
        assert 0 < known.min() <= known.max() <= 1
        assert 0.1 < pair.metadata["wavelength_m"] / 0.5 < 0.12


def test_every_pair_of_the_licsar_frame_opens_with_coherence_and_radar_facts() -> None:
    paths = sorted(FRAME.glob("interferograms/*/*.geo.diff_pha.tif"))
    assert len(paths) == 10
    grids = set()
    for path in paths:
        coherence = path.with_name(path.name.replace("diff_pha", "cc"))
        pair = open_interferogram(files_of(path, coherence))
        assert sniff(path) == "licsar"
        assert (pair.metadata["heading_deg"], pair.metadata["incidence_deg"]) == (-12.019061, 41.6437)
        with pair.phase.open() as phase, pair.coherence.open() as known:
            radians, shares = phase(900, 1000), known(900, 1000)
        assert np.nanmax(np.abs(radians)) <= np.pi + 1e-5
        assert 0 < np.nanmin(shares) <= np.nanmax(shares) <= 1
        assert np.isnan(radians[np.isnan(shares)]).all()
        grids.add(pair.grid.shape)
    assert grids == {(1913, 1840)}


def test_every_delay_opens_as_zenith_in_metres_or_slant_in_radians() -> None:
    bhutan = DelayMaps.find(DATA / "gacos_bhutan" / "tutorial" / "ReversibleDeformation" / "GACOS")
    assert (bhutan.kind, len(bhutan.paths)) == ("zenith", 8)
    for path in bhutan.paths.values():
        assert 1 < np.nanmedian(gacos.read_zenith_delay(path).values) < 3
    frame = DelayMaps.find(FRAME / "epochs")
    assert (frame.kind, len(frame.paths)) == ("slant", 4)
    for path in frame.paths.values():
        assert gacos.read_degrees_grid(path).shape == (1913, 1840)
    cut = next(iter(sorted(DATA.glob("gacos_bhutan/**/*_gacos.tif"))))
    with pytest.raises(InputError, match="UTM zone 45N, expected EPSG:4326"):
        gacos.read_degrees_grid(cut)


def test_three_forms_of_the_small_stack_hold_the_same_numbers() -> None:
    folder = DATA / "pyrate" / "system"
    for path in sorted((folder / "gamma").glob("*.unw")):
        pair = dated(path)
        short = f"geo_{pair.first:%y%m%d}-{pair.second:%y%m%d}.unw"
        values, grid = read_unwrapped(path, files_of(path))
        for twin in (folder / "geotiff" / f"{path.stem}_unw.tif", folder / "roipac" / "interferograms" / short):
            others, other_grid = read_unwrapped(twin, files_of(twin))
            assert other_grid.shape == grid.shape
            both = np.isfinite(values) & np.isfinite(others)
            assert both.mean() > 0.3
            np.testing.assert_allclose(others[both], values[both], atol=2e-4)


def test_mexico_city_sinks_by_what_others_measured_and_with_that_sign() -> None:
    phases, days = [], []
    for path in sorted(DATA.glob("pyrate/cropA/geotiffs/*_unw.tif")):
        files = files_of(path)
        values, _ = read_unwrapped(path, files)
        phases.append(values)
        days.append((files.date2 - files.date1).days)
    spans = np.array(days)[:, None, None]
    known = np.isfinite(phases)
    motion = to_displacement_mm(np.where(known, phases, 0), 0.0555042) * spans
    rate = 365.25 * motion.sum(0) / np.maximum((known * spans**2).sum(0), 1)
    rate = rate[known.sum(0) > 15] - np.median(rate[known.sum(0) > 15])
    assert rate.min() == pytest.approx(-222, abs=25)  # of a city that sinks; with the other sign it would rise
    assert rate.max() < 150


def test_range_change_in_metres_among_the_unwrapped_is_warned_of() -> None:
    path = DATA / "thessaly_2021" / "greece.unw"
    pair = read_interferogram(files_of(path, kind="unwrapped"))
    assert any("displacement in metres? (E07)" in warning for warning in pair.metadata["warnings"])
