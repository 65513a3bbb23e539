"""The example stack: formats, growth by a date, history of the mines."""

import json
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.simulation.example import MINES, ExampleScene, write_grid, write_image_header, write_pair

SIZE = 240
DATES = [date(2023, 1, 10) + timedelta(days=12 * k) for k in range(10)]
PAIRS = [(DATES[0], DATES[1]), (DATES[7], DATES[8]), (DATES[8], DATES[9])]


SCENE = ExampleScene.from_config({"first_date": DATES[0].isoformat(), "seed": 1, "size_px": SIZE})


def _write(folder, dates, pairs):
    write_grid(SCENE, folder / "example.dem_par", folder / "truth.json")
    for day in dates:
        write_image_header(SCENE, day, folder / f"{day:%Y%m%d}.mli.par")
    for first, second in pairs:
        write_pair(SCENE, first, second, folder)


def _read(path, dtype):
    return np.fromfile(path, dtype).reshape(SIZE, SIZE)


def _fields(path):
    lines = [line.split(":", 1) for line in path.read_text().splitlines() if ":" in line]
    return {key.strip(): value.split() for key, value in lines}


def _step(folder, pair, mine):
    """Unwrapped phase of a mine's centre relative to a ring around it, radians."""
    unwrapped = _read(folder / f"{pair[0]:%Y%m%d}_{pair[1]:%Y%m%d}.unw", ">f4")
    known = unwrapped != 0
    rows, columns = np.ogrid[:SIZE, :SIZE]
    distance = np.hypot(rows - mine["row"], columns - mine["col"])
    ring = known & (np.abs(distance - 3 * mine["radius_px"] - 4) < 3)
    return float(np.median(unwrapped[known & (distance < 0.5 * mine["radius_px"])]) - np.median(unwrapped[ring]))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    _write(folder, DATES, PAIRS)
    return folder, {mine["name"]: mine for mine in json.loads((folder / "truth.json").read_text())}


def test_every_file_has_the_size_its_parameter_file_tells(stack):
    folder, _ = stack
    assert len(list(folder.glob("*.mli.par"))) == len(DATES)
    for first, second in PAIRS:
        name = f"{first:%Y%m%d}_{second:%Y%m%d}"
        off = _fields(folder / f"{name}.off")
        cells = int(off["interferogram_width"][0]) * int(off["interferogram_azimuth_lines"][0])
        sizes = [(folder / f"{name}{suffix}").stat().st_size for suffix in (".diff", ".cc", ".unw")]
        assert sizes == [8 * cells, 4 * cells, 4 * cells]
    frequency = float(_fields(folder / "20230110.mli.par")["radar_frequency"][0])
    assert 299_792_458 / frequency == pytest.approx(SENTINEL1_WAVELENGTH_M, rel=1e-6)
    dem = _fields(folder / "example.dem_par")
    assert (dem["projection_zone"], float(dem["post_north"][0])) == (["34"], -30.0)


def test_values_are_big_endian_phasors_coherence_and_congruent_unwrapped_phase(stack):
    folder, _ = stack
    for first, second in PAIRS:
        name = f"{first:%Y%m%d}_{second:%Y%m%d}"
        phasor, coherence, unwrapped = (
            _read(folder / f"{name}{suffix}", dtype)
            for suffix, dtype in ((".diff", ">c8"), (".cc", ">f4"), (".unw", ">f4"))
        )
        assert 0 < np.abs(phasor).min() <= np.abs(phasor).max() < 1.1
        assert 0.4 < coherence.mean() < 0.95
        known = unwrapped != 0
        assert 0.8 < known.mean() < 1
        assert np.abs(np.angle(phasor[known] * np.exp(-1j * unwrapped[known]))).max() < 1e-3
        assert coherence[known].min() >= 0.3


def test_mines_sink_only_while_they_are_worked(stack):
    folder, truth = stack
    early, late = PAIRS[0], PAIRS[2]
    for mine, pair in (("m1", early), ("m1", late), ("m2", early), ("m2", late), ("m3", late), ("m4", early)):
        expected = 4 * np.pi / 55.46576 * truth[mine]["los_mm_per_12_days"]
        assert 0.4 * expected < _step(folder, pair, truth[mine]) < 1.3 * expected, (mine, pair)
    for mine, pair in (("m3", early), ("m4", late)):
        assert abs(_step(folder, pair, truth[mine])) < 1.2, (mine, pair)
    assert truth["m3"]["active_from"] == "2023-04-06"
    assert truth["m4"]["active_to"] == "2023-03-13"


def test_the_fast_mine_is_lost_by_unwrapping(stack):
    folder, truth = stack
    rows, columns = np.ogrid[:SIZE, :SIZE]
    fast = truth["m5"]
    core = np.hypot(rows - fast["row"], columns - fast["col"]) < fast["radius_px"]
    for first, second in PAIRS:
        unwrapped = _read(folder / f"{first:%Y%m%d}_{second:%Y%m%d}.unw", ">f4")
        known = core & (unwrapped != 0)
        deepest = (np.percentile(unwrapped[known], 99) - np.median(unwrapped[unwrapped != 0])) * 4.414
        assert known.sum() < 0.9 * core.sum()
        assert deepest < 0.5 * fast["los_mm_per_12_days"]


def test_mines_lie_inside_and_apart(stack):
    _, truth = stack
    assert list(truth) == [mine.name for mine in MINES]
    places = sorted(truth.values(), key=lambda mine: mine["row"])
    for mine in places:
        assert mine["radius_px"] < mine["row"] < SIZE - mine["radius_px"]
        assert mine["radius_px"] < mine["col"] < SIZE - mine["radius_px"]
    for first, second in pairwise(places):
        gap = np.hypot(first["row"] - second["row"], first["col"] - second["col"])
        assert gap > first["radius_px"] + second["radius_px"]


def test_a_later_date_changes_no_earlier_file(stack, tmp_path):
    folder, _ = stack
    _write(tmp_path, DATES[:9], PAIRS[:2])
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


@pytest.mark.parametrize("pair", [(DATES[1], DATES[0]), (date(2020, 1, 1), DATES[0])])
def test_a_pair_of_early_or_swapped_dates_is_refused(tmp_path, pair):
    with pytest.raises(InputError, match="expected two dates from 2023-01-10 on"):
        write_pair(SCENE, *pair, tmp_path)
