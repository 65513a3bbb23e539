"""From radar geometry onto a map by the tables of ISCE2 and GMTSAR: against closed forms, and scipy's triangles."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.inspection.scene_files import scene_files
from basinwatch.rasters import read_raster
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped
from basinwatch.readers.layers import open_layer
from basinwatch.readers.lookup_table import open_table
from hypothesis import given, settings
from hypothesis import strategies as st
from place_layer import place_layer
from products_scene import GMT_STEPS, write_gmtsar, write_grd, write_isce, write_isce_image
from readers_scene import EARLIER, LATER, LINES, WIDTH, truth, wrapped_truth
from scipy.interpolate import LinearNDInterpolator

STEP_DEGREES = 0.001
# Degrees east and north that a column and a row of the image make: a descending pass, seen from above.
EAST, NORTH = np.array([-0.00096, 0.0002]), np.array([-0.0002, -0.00104])


def places_of(columns: np.ndarray, lines: np.ndarray, corner: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of pixels of an image whose first pixel lies at `corner`."""
    return (
        corner[0] + EAST[0] * columns + EAST[1] * lines,
        corner[1] + NORTH[0] * columns + NORTH[1] * lines,
    )


def pixels_of(grid: Grid, corner: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Column and line at which the centres of a map's pixels lie in that image."""
    row, column = np.mgrid[: grid.height, : grid.width] + 0.5
    a, _, west, _, e, north = grid.transform
    offsets = np.stack([(west + a * column - corner[0] + 180) % 360 - 180, north + e * row - corner[1]])
    found = np.einsum("ij,jyx->iyx", np.linalg.inv(np.stack([EAST, NORTH])), offsets)
    return found[0], found[1]


def inside(column: np.ndarray, line: np.ndarray, shape: tuple[int, int], margin: float) -> np.ndarray:
    """Whether places lie in an image, so far from its edges at least."""
    height, width = shape
    within = (column >= margin) & (column <= width - 1 - margin)
    return within & (line >= margin) & (line <= height - 1 - margin)


def write_places(folder: Path, longitude: np.ndarray, latitude: np.ndarray) -> Path:
    """Write lat.rdr and lon.rdr as ISCE2's stack processor does; return the former."""
    height, width = longitude.shape
    for name, values in (("lon", longitude), ("lat", latitude)):
        path = write_isce_image(folder / f"{name}.rdr", [values], "DOUBLE")
        header = path.with_name(f"{path.name}.xml")
        header.write_text(header.read_text().replace(f">{WIDTH}<", f">{width}<").replace(f">{LINES}<", f">{height}<"))
    return folder / "lat.rdr"


def radar_phase(column: np.ndarray, line: np.ndarray) -> np.ndarray:
    return 2 * np.pi * (column / 31 + line / 23)


def write_pair(folder: Path, shape: tuple[int, int]) -> PairFiles:
    """A topsStack pair of plane phase, its coherence and unwrapped phase."""
    line, column = np.mgrid[: shape[0], : shape[1]].astype(float)
    unwrapped = 40 + radar_phase(column, line)
    bands = {"int": ([np.exp(1j * unwrapped)], "CFLOAT"), "cor": ([np.full(shape, 0.5)], "FLOAT"),
             "unw": ([np.ones(shape), unwrapped], "FLOAT")}  # fmt: skip
    for suffix, (values, dtype) in bands.items():
        path = write_isce_image(folder / "20200101_20200113" / f"filt_fine.{suffix}", values, dtype)
        header = path.with_name(f"{path.name}.xml")
        text = header.read_text().replace(f">{WIDTH}<", f">{shape[1]}<").replace(f">{LINES}<", f">{shape[0]}<")
        header.write_text(text)
    phase = folder / "20200101_20200113" / "filt_fine.int"
    return PairFiles(EARLIER, LATER, phase, phase.with_suffix(".cor"))


@pytest.mark.parametrize("corner", [(18.5, 50.3), (179.98, -17.0)])
def test_isce_brings_radar_geometry_onto_the_map_across_the_wrap_and_the_date_line(tmp_path, corner) -> None:
    shape = (640, 150)
    line, column = np.mgrid[: shape[0], : shape[1]].astype(float)
    longitude, latitude = places_of(column, line, corner)
    table = write_places(tmp_path / "geom_reference", (longitude + 180) % 360 - 180, latitude)
    files = replace(write_pair(tmp_path / "interferograms", shape), lookup_table=table)
    pair = read_interferogram(files)
    # as many pixels of the map as of the image, rounded
    assert pair.grid.transform[0] == pytest.approx(STEP_DEGREES)
    assert pair.grid == read_grid(files)
    assert pair.grid.height > 512  # more than a block
    found, at = pixels_of(pair.grid, corner)
    known = inside(found, at, shape, 1e-6)
    np.testing.assert_array_equal(np.isfinite(pair.phase)[known], True)
    assert not np.isfinite(pair.phase[~inside(found, at, shape, -1e-6)]).any()
    expected = 40 + radar_phase(found, at)
    error = np.angle(np.exp(1j * (pair.phase - expected)))[known]
    assert np.abs(error).max() < 2e-3  # a chord between phasors 16 degrees apart
    np.testing.assert_allclose(pair.coherence[known], 0.5)
    values, grid = read_unwrapped(files.phase.with_suffix(".unw"), files)
    assert grid == pair.grid
    np.testing.assert_allclose(values[known], expected[known], atol=1e-3)
    assert [source["role"] for source in pair.metadata["sources"]][-1] == "lookup_table"


def test_pixels_of_the_lattice_lie_where_whole_steps_do(tmp_path) -> None:
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    files = write_isce(tmp_path)
    table = write_places(tmp_path / "merged" / "geom_reference", *places_of(column, line, (18.5, 50.3)))
    a, _, west, _, _, north = read_grid(replace(files, lookup_table=table)).transform
    for centre in ((west + a / 2) / a, (north - a / 2) / a):
        assert centre == pytest.approx(round(centre), abs=1e-6)


def test_places_over_rough_terrain_are_those_of_triangles(tmp_path) -> None:
    line, column = np.mgrid[:70, :40].astype(float)
    slope = 0.3 * np.sin(column / 9) * np.cos(line / 7)  # foreshortening, but no layover
    longitude, latitude = places_of(column + slope, line, (18.5, 50.3))
    longitude[:, 20:22] = latitude[:, 20:22] = 0  # no ground
    table = write_places(tmp_path, longitude, latitude)
    own = Grid(40, 70, None, None, (1.0, 1.0))
    opened = open_table(table, tmp_path / "phase.int", own)
    with opened.places.open() as read:
        places = read(0, opened.grid.height)
        pieces = np.concatenate([read(row, min(row + 17, len(places))) for row in range(0, len(places), 17)])
    np.testing.assert_array_equal(places, pieces)
    assert not np.isfinite(places[(places.real > 19) & (places.real < 22)]).any()
    known = np.isfinite(places)
    row, at = np.mgrid[: opened.grid.height, : opened.grid.width] + 0.5
    a, _, west, _, e, north = opened.grid.transform
    wanted = np.stack([west + a * at, north + e * row], axis=-1)[known]
    ground = np.isfinite(np.where(longitude == 0, np.nan, longitude))
    peer = LinearNDInterpolator(
        np.stack([longitude[ground], latitude[ground]], axis=-1), np.stack([column[ground], line[ground]], axis=-1)
    )(wanted)
    error = np.abs(peer - np.stack([places[known].real, places[known].imag], axis=-1))
    # scipy may part a quadrangle along its other diagonal
    assert np.nanmax(error) < 0.05
    assert np.nanmedian(error) < 2e-3
    assert known.sum() > 2000


def trans_records(folder: Path, from_south: bool = False) -> tuple[Path, Grid]:
    """A trans.dat of the scene of `write_gmtsar`, and the terrain model's grid; nodes far outside are left out."""
    grid = Grid(130, 110, (STEP_DEGREES, 0, 18.42, 0, -STEP_DEGREES, 50.32), "EPSG:4326", (80.0, 110.0))
    column, line = pixels_of(grid, (18.5, 50.3))
    row, at = np.mgrid[: grid.height, : grid.width] + 0.5
    # coordinates of a radar grid begin half a pixel beyond its edge
    fields = [(0.5 + column) * GMT_STEPS[0], (0.5 + line) * GMT_STEPS[1], np.full(grid.shape, 250.0),
              18.42 + STEP_DEGREES * at, 50.32 - STEP_DEGREES * row]  # fmt: skip
    records = np.stack(fields, axis=-1)
    kept = inside(column, line, (LINES, WIDTH), -5)
    order = slice(None, None, -1) if from_south else slice(None)
    path = folder / "topo" / "trans.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    records[order][kept[order]].astype("<f8").tofile(path)
    return path, grid


@pytest.mark.parametrize("from_south", [False, True])
def test_gmtsar_brings_radar_geometry_onto_its_terrain_model(tmp_path, from_south) -> None:
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    unwrapped = radar_phase(column, line)
    files = write_gmtsar(tmp_path)
    write_grd(files.phase, np.angle(np.exp(1j * unwrapped)), is_map=False)
    unwrapped_path = write_grd(files.phase.with_name("unwrap.grd"), unwrapped, is_map=False)
    table, _ = trans_records(tmp_path, from_south)
    files = replace(files, lookup_table=table)
    pair = read_interferogram(files)
    assert pair.grid.transform[0] == pytest.approx(STEP_DEGREES, rel=1e-9)
    found, at = pixels_of(pair.grid, (18.5, 50.3))
    known = inside(found, at, (LINES, WIDTH), 1e-6) & (found > 6)  # the scene's coherence begins there
    assert np.isfinite(pair.phase)[known].all()
    assert not np.isfinite(pair.phase[~inside(found, at, (LINES, WIDTH), -1e-6)]).any()
    error = np.angle(np.exp(1j * (pair.phase - radar_phase(found, at))))[known]
    assert np.abs(error).max() < 2e-3
    values, grid = read_unwrapped(unwrapped_path, files)
    assert grid == pair.grid == read_grid(files)
    np.testing.assert_allclose(values[known], radar_phase(found, at)[known], atol=1e-3)


def test_tables_that_belong_to_something_else_are_refused_in_one_sentence(tmp_path) -> None:
    files = write_isce(tmp_path / "isce")
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    folder = tmp_path / "isce" / "merged" / "geom_reference"
    table = write_places(folder, *places_of(column, line, (18.5, 50.3)))
    placed = replace(files, lookup_table=table)
    (folder / "lon.rdr.xml").rename(folder / "lon.rdr.xml.away")
    with pytest.raises(InputError, match=r"lon\.rdr: not found with its \.xml, expected it beside lat\.rdr"):
        read_grid(placed)
    (folder / "lon.rdr.xml.away").rename(folder / "lon.rdr.xml")
    write_places(folder, *places_of(column[:50], line[:50], (18.5, 50.3)))
    with pytest.raises(InputError, match=r"lat\.rdr: found 1 band\(s\) of 50x97 px, expected one of 61x97 px"):
        read_grid(placed)
    for numbers in (np.zeros((LINES, WIDTH)), np.full((LINES, WIDTH), 1e9), 40 + 10 * np.sin(1e4 * column + line)):
        write_places(folder, numbers, numbers)
        with pytest.raises(InputError, match="found no latitudes and longitudes of an image"):
            read_grid(placed)
    with pytest.raises(InputError, match=r"expected lat\.rdr or lon\.rdr as look-up table of ISCE2"):
        read_grid(replace(files, lookup_table=folder / "los.rdr"))


def test_damaged_records_of_gmtsar_are_refused_in_one_sentence(tmp_path) -> None:
    files = write_gmtsar(tmp_path)
    table, _ = trans_records(tmp_path)
    placed, content = replace(files, lookup_table=table), table.read_bytes()
    table.write_bytes(content[:-3])
    with pytest.raises(InputError, match=r"expected records of 40; name GMTSAR's trans\.dat in double"):
        read_grid(placed)
    table.write_bytes(content[3:-37])
    with pytest.raises(InputError, match="found no longitudes and latitudes"):
        read_grid(placed)
    numbers = np.frombuffer(content).reshape(-1, 5)
    moved = numbers.copy()
    moved[100, 3] += 0.4 * STEP_DEGREES
    for records in (moved, numbers[np.random.default_rng(1).permutation(len(numbers))], numbers[:1], numbers[::37]):
        records.tofile(table)
        with pytest.raises(InputError, match="not the nodes of a grid in degrees, row by row"):
            read_grid(placed)


def test_inspection_proposes_the_table_that_lies_above_the_pairs(tmp_path) -> None:
    files = write_gmtsar(tmp_path)
    table, _ = trans_records(tmp_path)
    grid = read_grid(files)
    assert scene_files([], files.phase, grid, [])["lookup_table"] == str(table)
    assert "lookup_table" not in scene_files([], files.phase, read_grid(write_gmtsar(tmp_path, is_map=True)), [])
    isce = write_isce(tmp_path / "isce")
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    table = write_places(tmp_path / "isce" / "merged" / "geom_reference", *places_of(column, line, (18.5, 50.3)))
    heights = write_isce_image(table.with_name("hgt.rdr"), [np.full((LINES, WIDTH), 300.0)], "FLOAT")
    assert scene_files([], isce.phase, read_grid(isce), []) == {
        "lookup_table": str(table), "heights": str(heights), "incidence": str(table.with_name("los.rdr"))
    }  # fmt: skip


def test_heights_in_radar_geometry_are_brought_onto_the_map_by_the_same_table(tmp_path) -> None:
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    table = write_places(tmp_path, *places_of(column, line, (18.5, 50.3)))
    heights = write_isce_image(tmp_path / "hgt.rdr", [200 + 2 * column + 3 * line], "FLOAT")
    rows, grid = open_layer(heights, "heights", table=table)
    found, at = pixels_of(grid, (18.5, 50.3))
    known = inside(found, at, (LINES, WIDTH), 1e-6)
    assert known.sum() > 5000
    np.testing.assert_allclose(rows.whole()[known], (200 + 2 * found + 3 * at)[known], atol=1e-3)
    place_layer(heights, "heights", None, grid, tmp_path / "heights.tif", table)
    np.testing.assert_array_equal(read_raster(tmp_path / "heights.tif"), rows.whole())
    with pytest.raises(InputError, match="does not fit its stack's grid"):
        place_layer(heights, "heights", None, grid, tmp_path / "other.tif")


def test_pixels_without_data_in_the_image_have_none_on_the_map(tmp_path) -> None:
    files = write_isce(tmp_path)
    line, column = np.mgrid[:LINES, :WIDTH].astype(float)
    table = write_places(tmp_path / "merged" / "geom_reference", *places_of(column, line, (18.5, 50.3)))
    pair = read_interferogram(replace(files, lookup_table=table))
    found, at = pixels_of(pair.grid, (18.5, 50.3))
    strip = inside(found, at, (LINES, WIDTH), 0) & (found < 4)  # the scene has no data up to column 4
    assert strip.any()
    assert not np.isfinite(pair.phase[strip]).any()
    assert np.isfinite(wrapped_truth()[:, :4]).sum() == np.isfinite(truth()[0][:, :4]).sum() == 0


EXTREMES = (0.0, -1.0, 1e-320, 1e308, -1e308, np.nan, np.inf, 180.0, 90.0, 18.5005, 50.2995, 4e9)


@pytest.mark.parametrize("kind", ["trans.dat", "lat.rdr", "lon.rdr"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_damaged_tables_end_in_a_sentence_and_little_memory(tmp_path_factory, kind: str, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("table")
    if kind == "trans.dat":
        files = write_gmtsar(folder)
        table, _ = trans_records(folder)
    else:
        files = write_isce(folder)
        line, column = np.mgrid[:LINES, :WIDTH].astype(float)
        table = write_places(folder / "merged" / "geom_reference", *places_of(column, line, (18.5, 50.3)))
    path = table.with_name(kind)
    numbers = np.fromfile(path)
    for place in data.draw(st.lists(st.integers(0, numbers.size - 1), min_size=1, max_size=5)):
        numbers[place : place + data.draw(st.integers(1, 400))] = data.draw(st.sampled_from(EXTREMES))
    numbers.tofile(path)
    tracemalloc.start()
    try:
        read_interferogram(replace(files, lookup_table=table))
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
