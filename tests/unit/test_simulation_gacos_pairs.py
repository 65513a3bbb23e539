"""Pairs of GACOS dates: seasons, splits, and what a cut shows."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.gacos import read_grid, scan
from basinwatch.simulation.atmosphere import delay_phase
from basinwatch.simulation.gacos_pairs import check, draw, pools, render, season_of
from basinwatch.simulation.geometry import Spacing

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
BHUTAN = DATA / "gacos_bhutan" / "tutorial" / "ReversibleDeformation" / "GACOS"
STEP = 0.000833333
WIDTH, LENGTH, NORTH = 90, 80, 50.6
TILE = Spacing(20.0, 20.0)
WINTER = [date(2020, 1, 5), date(2020, 2, 10), date(2020, 12, 3), date(2021, 1, 7)]
SUMMER = [date(2020, 6, 5), date(2021, 7, 10)]


def write(folder, day, values, first=(18.0, NORTH)):
    """One date as the service delivers it."""
    (folder / f"{day:%Y%m%d}.ztd").write_bytes(values.astype("<f4").tobytes())
    keys = {"WIDTH": values.shape[1], "FILE_LENGTH": values.shape[0], "X_FIRST": first[0], "Y_FIRST": first[1]}
    keys |= {"X_STEP": STEP, "Y_STEP": -STEP}
    text = "".join(f"{key} {value}\n" for key, value in keys.items())
    (folder / f"{day:%Y%m%d}.ztd.rsc").write_text(text, encoding="ascii")


def plane(south, east, level=2.3):
    rows, columns = np.mgrid[:LENGTH, :WIDTH]
    return level + south * rows + east * columns


@pytest.fixture
def paths(tmp_path):
    for number, day in enumerate(WINTER + SUMMER):
        write(tmp_path, day, plane(1e-4 * number, -2e-4 * number))
    return scan(tmp_path)


def test_seasons_follow_the_month_in_every_year():
    months = {season_of(date(year, month, 15)): [] for year in (2019,) for month in range(1, 13)}
    for month in range(1, 13):
        months[season_of(date(2019, month, 15))].append(month)
    assert months == {"DJF": [1, 2, 12], "MAM": [3, 4, 5], "JJA": [6, 7, 8], "SON": [9, 10, 11]}


def test_pairs_stay_in_their_season_and_never_repeat_a_date():
    days = [date(2018, 1, 3) + timedelta(12 * i) for i in range(90)]
    listed = pools(days)
    for by_season in listed.values():
        assert set(by_season) == {"DJF", "MAM", "JJA", "SON"}
        for season, pairs in by_season.items():
            assert all(season_of(a) == season_of(b) == season and a < b for a, b in pairs)
            assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("count", [6, 7, 8, 11, 12, 20, 61])
def test_dates_of_a_season_serve_one_split_only(count):
    days = [date(2020, 6, 1) + timedelta(i) for i in range(count)]
    dates = {split: {d for pair in by["JJA"] for d in pair} for split, by in pools(days).items()}
    assert not dates["train"] & dates["validation"]
    assert not dates["train"] & dates["test"]
    assert not dates["validation"] & dates["test"]
    assert set().union(*dates.values()) == set(days)
    held = max(2, count // 6)
    assert [len(dates[s]) for s in ("train", "validation", "test")] == [count - 2 * held, held, held]
    assert len(pools(days)["train"]["JJA"]) == len(dates["train"]) * (len(dates["train"]) - 1) // 2


@pytest.mark.parametrize("count", [4, 5])
def test_few_dates_serve_training_and_validation_apart(count):
    days = [date(2020, 6, 1) + timedelta(i) for i in range(count)]
    listed = pools(days)
    train, validation = ({d for pair in listed[split]["JJA"] for d in pair} for split in ("train", "validation"))
    assert (len(train), len(validation), listed["test"]) == (count - 2, 2, {})
    assert not train & validation


@pytest.mark.parametrize("count", [2, 3])
def test_two_or_three_dates_serve_training(count):
    listed = pools(date(2020, 6, 1) + timedelta(i) for i in range(count))
    assert len(listed["train"]["JJA"]) == count * (count - 1) // 2
    assert listed["validation"] == listed["test"] == {}


def test_the_split_does_not_depend_on_the_order_of_the_dates():
    days = [date(2020, 6, 1) + timedelta(3 * i) for i in range(20)]
    assert pools(days) == pools(days[::-1]) == pools(days + days)


def test_drawn_pairs_are_those_of_the_split_in_both_orders_and_plain_json(paths):
    rng = np.random.default_rng(0)
    drawn = [draw(rng, pools(paths), "validation") for _ in range(200)]
    assert json.loads(json.dumps(drawn)) == drawn
    pairs = {(d["first"], d["second"]) for d in drawn}
    listed = {(f"{a:%Y%m%d}", f"{b:%Y%m%d}") for by in pools(paths)["validation"].values() for a, b in [*by]}
    assert pairs == listed | {pair[::-1] for pair in listed}
    assert all(0 <= d["row"] < 1 and 0 <= d["column"] < 1 for d in drawn)


def test_a_season_can_be_asked_for(paths):
    rng = np.random.default_rng(0)
    drawn = [draw(rng, pools(paths), "train", "JJA") for _ in range(20)]
    assert {frozenset((d["first"], d["second"])) for d in drawn} == {frozenset(("20200605", "20210710"))}
    autumn = {draw(rng, pools(paths), "train", "SON")["first"] for _ in range(60)}
    assert len(autumn) == 4


def test_equal_random_numbers_draw_equal_places(paths):
    first, again = (draw(np.random.default_rng(5), pools(paths), "train") for _ in range(2))
    assert first == again


def test_a_cut_shows_the_difference_of_the_dates_at_its_place_about_its_mean(paths):
    drawn = {"first": "20200105", "second": "20201203", "row": 0.4, "column": 0.7}
    delay = render(drawn, paths, (120, 150), TILE)
    metres_x, metres_y = read_grid(paths[WINTER[0]]).pixel_spacing_m
    rows, columns = np.mgrid[:120, :150]
    expected = 2e-4 * rows * 20 / metres_y - 4e-4 * columns * 20 / metres_x
    assert delay.dtype == np.float32
    np.testing.assert_allclose(delay, expected - expected.mean(), atol=2e-6)


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_a_cut_lies_at_its_share_of_the_room_between_the_edges(tmp_path, share):
    profile = 2.3 + 1e-5 * np.arange(LENGTH) ** 2
    for number, day in enumerate(WINTER):
        write(tmp_path, day, profile[:, None] + np.zeros(WIDTH) if number == 1 else plane(0, 0))
    drawn = {"first": "20200105", "second": "20200210", "row": share, "column": 0.5}
    delay = render(drawn, scan(tmp_path), (100, 100), TILE)
    pixel = read_grid(tmp_path / "20200105.ztd").pixel_spacing_m[1]
    south_m = share * (LENGTH * pixel - 100 * 20) + 20 * (np.arange(100) + 0.5)
    expected = np.interp(south_m, pixel * (np.arange(LENGTH) + 0.5), profile)
    inside = slice(4, -4)
    np.testing.assert_allclose(np.diff(delay[inside, 50]), np.diff(expected[inside]), atol=2e-6)


def test_swapped_dates_give_the_negative(paths):
    drawn = draw(np.random.default_rng(3), pools(paths), "train")
    swapped = drawn | {"first": drawn["second"], "second": drawn["first"]}
    shape = (64, 80)
    np.testing.assert_array_equal(render(swapped, paths, shape, TILE), -render(drawn, paths, shape, TILE))


def test_the_cut_is_along_the_zenith_and_the_phase_alone_has_the_cosine(paths):
    drawn = {"first": "20200105", "second": "20210107", "row": 0.0, "column": 0.0}
    zenith_mm = 1000 * render(drawn, paths, (64, 64), TILE)
    ratio = np.ptp(delay_phase(zenith_mm, 39.7036)) / np.ptp(zenith_mm)
    assert ratio == pytest.approx(0.2945, abs=1e-4)


def test_gaps_take_the_nearest_value(tmp_path):
    for number, day in enumerate(WINTER):
        values = plane(1e-4 * number, 0)
        values[30:40, 20:70] = 0
        write(tmp_path, day, values)
    drawn = {"first": "20200105", "second": "20200210", "row": 0.5, "column": 0.5}
    delay = render(drawn, scan(tmp_path), (150, 150), TILE)
    assert np.isfinite(delay).all()
    assert np.ptp(delay) < 1e-4 * LENGTH


def test_a_season_with_a_single_date_is_refused(tmp_path):
    for day in [*WINTER, SUMMER[0]]:
        write(tmp_path, day, plane(0, 0))
    with pytest.raises(InputError, match="found only 20200605 in JJA, expected at least two dates of a season"):
        check(tmp_path, 4000.0)


def test_dates_too_few_to_divide_are_refused_where_a_split_needs_them(tmp_path):
    for day in WINTER[:3]:
        write(tmp_path, day, plane(0, 0))
    check(tmp_path, 4000.0, ["train"])
    with pytest.raises(InputError, match="found no season with 4 dates, expected one, so that validation tiles"):
        check(tmp_path, 4000.0, ["train", "validation"])


def test_a_grid_smaller_than_the_tile_is_refused(tmp_path, paths):
    check(tmp_path, 5000.0)
    with pytest.raises(InputError, match=r"found 7\.4 x 5\.3 km, expected at least 7\.0 x 7\.0 km"):
        check(tmp_path, 7000.0)
    drawn = draw(np.random.default_rng(0), pools(paths), "train")
    with pytest.raises(InputError, match=r"expected at least 8\.0 x 2\.0 km"):
        render(drawn, paths, (400, 100), TILE)


@pytest.mark.parametrize("other", [{"first": (18.01, NORTH)}, {"shape": (LENGTH - 1, WIDTH)}], ids=["place", "size"])
def test_dates_on_different_grids_are_refused(tmp_path, other):
    for day in WINTER[:3]:
        write(tmp_path, day, plane(0, 0))
    rows, columns = other.get("shape", (LENGTH, WIDTH))
    write(tmp_path, WINTER[3], plane(0, 0)[:rows, :columns], other.get("first", (18.0, NORTH)))
    with pytest.raises(InputError, match=r"20210107\.ztd: found another grid than in 20200105\.ztd"):
        check(tmp_path, 4000.0)


@pytest.mark.skipif(not BHUTAN.is_dir(), reason="real GACOS files are not on this machine")
def test_real_winter_pairs_are_calmer_than_pairs_across_seasons(tmp_path):
    winter = ["20070218", "20080106", "20080221", "20090108"]
    for name in [*winter, "20070706", "20080708"]:
        for suffix in ("ztd", "ztd.rsc"):
            (tmp_path / f"{name}.{suffix}").symlink_to(BHUTAN / f"{name}.{suffix}")
    check(tmp_path, 256 * 40)
    paths = scan(tmp_path)
    assert set(pools(paths)["validation"]) == {"DJF"}
    place = {"row": 0.5, "column": 0.3}
    spread = [
        render(place | {"first": first, "second": second}, paths, (256, 256), Spacing(40, 40)).std()
        for first, second in (("20070218", "20090108"), ("20070218", "20070706"))
    ]
    assert 0.0005 < spread[0] < spread[1] < 0.2
