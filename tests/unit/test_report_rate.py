"""What the report says of the making and the use of rate maps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from basinwatch import report
from basinwatch.hotspots import Pattern
from basinwatch.provenance import write_json
from basinwatch.rasters import write_raster
from basinwatch.report import drawing, figures, rate_figures, rate_tables
from basinwatch.vectors import burn, write_geopackage
from PIL import Image

from tests.unit.report_scene import CONFIG, Page, map_grid, write_area

GRID = map_grid(64)
DELAYS = [
    {"date": "2023-01-01", "before_mm": 8.0, "after_mm": 5.0, "applied": True},
    {"date": "2023-01-13", "before_mm": 6.0, "after_mm": 4.0, "applied": True},
    {"date": "2023-01-25", "before_mm": 3.0, "after_mm": 4.5, "applied": False},
    {"date": "2023-02-06", "before_mm": None, "after_mm": None, "applied": False},
]
NETWORK = {
    "scenes": 7, "pairs": 15, "subsets": 2, "triplets": 9, "reference_px": 1234,
    "remarks": ["the network falls into 2 subsets of scenes."], "repaired_observations": 31, "repaired_px": 1,
    "corrections": {
        "pairs_left_out": [f"2023010{n}_20230201" for n in range(1, 7)],
        "dates_without_pair": [],
        "closure": {"loops": 9, "bad_pairs": ["20230101_20230113"], "pair_rms_rad": {"a": 0.2, "b": 1.75}},
        "delay": DELAYS, "ramp": True, "height_error": "the baselines follow time",
        "principal": [{"share": 0.61, "inside_ratio": 1.1}, {"share": 0.2, "inside_ratio": None}],
    },
}  # fmt: skip
REPAIRING = CONFIG | {"sbas": {"rate_threshold_mm_yr": 5.0, "closure": {"repair": True}}}


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose figures without rendering them."""
    monkeypatch.setitem(drawing.STYLE, "figure.dpi", 40)
    for module in (figures, rate_figures):
        monkeypatch.setattr(module, "encode", lambda figure, colors=None: b"")


def text_of(files: dict[str, Any], config: dict[str, Any] = CONFIG) -> str:
    """Words of the page."""
    page = report.render(report.load("a", {"north": True}, files), config, [])
    return re.sub(r"\s+", " ", Page(page).text)


def rated(folder: Path) -> dict[str, Any]:
    """An area with a stack whose network is known."""
    files = write_area(folder, GRID, pairs=2)
    write_json(files["network"][0], NETWORK)
    return files


def steps(files: dict[str, Any], config: dict[str, Any] = REPAIRING) -> dict[str, str]:
    """Rows of the table of corrections."""
    stack = report.load("a", {"north": True}, files).stacks[0]
    return dict(rate_tables.corrections_table(stack, config["sbas"]).rows)


def test_the_corrections_are_told_step_by_step(tmp_path: Path) -> None:
    said = steps(rated(tmp_path))
    assert said["reference"] == "1,234 pixels of stable ground are zero by definition"
    assert said["pairs left out"].startswith("6 pairs: 20230101_20230201, ")
    assert said["pairs left out"].endswith(" and 2 more")
    assert said["dates without any pair"] == "none"
    assert said["loops of three pairs"].startswith("9 on stable ground; the worst pair misses by 1.75 rad")
    assert said["loops of three pairs"].endswith("1 bad pair: 20230101_20230113")
    assert said["whole cycles"] == "31 observations of 1 pixel repaired"
    assert said["delay of the air"] == (
        "taken from 2 of 4 dates; not from 1 date without a usable map and 1 date that it would not calm"
    )
    assert said["error of the elevation model"] == "not estimated: the baselines follow time"
    assert said["principal components"].startswith("2 components taken out, 61%, 20% of the residual variance")


def test_what_was_not_asked_for_is_not_claimed(tmp_path: Path) -> None:
    files = rated(tmp_path)
    write_json(files["network"][0], {"scenes": 3, "pairs": 2, "corrections": {"delay": None, "ramp": False}})
    said = steps(files, CONFIG)
    assert said["whole cycles"] == "repair is switched off"
    assert said["delay of the air"] == "no delays are used"
    assert said["loops of three pairs"] == "none, so nothing checks the unwrapping"
    assert (said["ramp"], said["principal components"]) == ("none", "none")


@pytest.mark.usefixtures("undrawn")
def test_a_disconnected_network_is_named_beside_its_picture(tmp_path: Path) -> None:
    files = rated(tmp_path)
    Image.new("RGB", (8, 5)).save(tmp_path / "network.png")
    text = text_of(files | {"network_plot": [tmp_path / "network.png"]})
    assert "15 pairs of 7 scenes, in 2 subsets that no pair connects, with 9 loops of three pairs." in text
    assert "The network falls into 2 subsets of scenes." in text
    assert "Network of stack north." in text


def test_delays_are_drawn_before_and_after_for_the_dates_that_have_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(rate_figures, "encode", lambda figure, colors=None: drawn.append(figure) or b"")
    picture = rate_figures.delays(report.load("a", {"north": True}, rated(tmp_path)).stacks[0])
    assert picture is not None
    before, used, unused = (marks.get_offsets()[:, 1].tolist() for marks in drawn[0].axes[0].collections[1:])
    assert (before, used, unused) == ([8, 6, 3], [5, 4], [4.5])
    assert "Over the 2 dates where the map is used, the mean falls from 7.0 mm to 4.5 mm." in picture.caption


def test_without_delays_there_is_no_figure_of_them(tmp_path: Path) -> None:
    files = rated(tmp_path)
    write_json(files["network"][0], NETWORK | {"corrections": {"delay": None}})
    assert rate_figures.delays(report.load("a", {"north": True}, files).stacks[0]) is None


def test_scores_are_a_table_with_a_dash_for_what_is_not_defined(tmp_path: Path) -> None:
    files = rated(tmp_path)
    scores = {"pixels": {"precision": 0.5, "recall": 0.25, "iou": None, "kappa": 0.75}, "classes": {"moving": {}}}
    write_json(files["summary"][0], scores)
    stack = report.load("a", {"north": True}, files).stacks[0]
    assert rate_tables.scores_table(stack).rows == (
        ("pixels in clusters of subsidence", "0.50", "0.25", "–", "0.75"),
        ("pixels that move", "–", "–", "–", "–"),
    )


def emerging(folder: Path, files: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Add a basin whose hot spot is new."""
    basins = gpd.read_file(files["basins"][0], layer="basins").iloc[:1]
    inside = burn(basins.geometry, GRID)
    layers = np.stack([np.where(inside, -float(Pattern.NEW), 0), inside, inside, inside]).astype(np.float32)
    write_raster(folder / "emerging.tif", layers, GRID, bands=["pattern", "trend_score", "trend_p", "epochs"])
    areas = gpd.GeoDataFrame(
        {"zone": ["e1"], "pattern": ["new"], "kind": ["subsidence"], "area_m2": [2e4], "mean_tau": [-0.5]},
        geometry=basins.geometry.to_list(), crs=basins.crs,
    )  # fmt: skip
    spans = pd.DataFrame({"epoch": range(epochs), "first_date": "2023-01-01", "last_date": "2023-06-30"})
    write_geopackage(folder / "emerging.gpkg", {"areas": areas, "epochs": spans})
    return files | {"patterns": [folder / "emerging.tif"], "emerging": [folder / "emerging.gpkg"]}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("epochs", "is_short"), [(4, True), (5, False)])
def test_emerging_hot_spots_have_a_section_that_says_when_there_are_too_few_epochs(
    tmp_path: Path, epochs: int, is_short: bool
) -> None:
    text = text_of(emerging(tmp_path, rated(tmp_path), epochs))
    assert "How hot spots develop, stack north." in text
    assert re.search(r"e1\s*new\s*subsidence\s*2\.0\s*−0\.50", text)
    assert ("too few to tell a trend" in text) == is_short


@pytest.mark.usefixtures("undrawn")
def test_without_emerging_hot_spots_and_fusion_nothing_is_said_of_them(tmp_path: Path) -> None:
    text = text_of(rated(tmp_path))
    assert "How hot spots develop" not in text
    assert "Motion east" not in text


def fused(folder: Path, files: dict[str, Any], weak_px: int = 0) -> dict[str, Any]:
    """Add motion from two tracks: the first basin sinks and slides, the second is not measured."""
    basins = gpd.read_file(files["basins"][0], layer="basins")
    first, second = (burn([shape], GRID) for shape in basins.geometry[:2])
    up = np.where(first, -30.0, 0.0)
    up[second] = np.nan
    east = np.where(first, np.where(np.indices(GRID.shape)[1] % 2, 7.0, -4.0), 0.0)
    east[second] = np.nan
    write_raster(folder / "motion.tif", np.stack([east, up]), GRID, bands=["east_mm_yr", "up_mm_yr"])
    write_raster(folder / "slope.tif", np.where(first, 12.0, np.nan), GRID, bands=["downslope_mm_yr"])
    tracks = [{"stack": "north", "pass": "ascending"}, {"stack": "south", "pass": "descending"}]
    facts = {"fused_px": 4000, "weak_px": weak_px, "added_by_motion_north": {"east": 0.01, "up": -0.12}}
    write_json(folder / "fusion.json", {"tracks": tracks} | facts)
    names = {"motion": "motion.tif", "fusion": "fusion.json", "slope": "slope.tif"}
    return files | {role: [folder / name] for role, name in names.items()}


@pytest.mark.usefixtures("undrawn")
def test_fused_motion_is_told_with_what_it_leaves_out(tmp_path: Path) -> None:
    text = text_of(fused(tmp_path, rated(tmp_path), weak_px=17))
    assert "From the tracks north (ascending); south (descending): 4,000 pixels have a rate in both directions." in text
    assert "In 17 pixels the directions are too much alike." in text
    assert "each mm/yr of it would add +0.01 mm/yr to the east and −0.12 mm/yr up." in text


def test_every_basin_has_its_motion_east_up_and_down_the_slope(tmp_path: Path) -> None:
    area = report.load("a", {"north": True}, fused(tmp_path, rated(tmp_path)))
    assert area.fused is not None
    table = rate_tables.motion_table(area, area.fused)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["k1"] == ("100 %", "−30.0", "−30.0", "4.0", "7.0", "12.0")
    assert rows["k2"] == ("0 %", "–", "–", "–", "–", "–")


def test_maps_of_fused_motion_and_of_patterns_are_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drawing.STYLE, "figure.dpi", 40)
    area = report.load("a", {"north": True}, emerging(tmp_path, fused(tmp_path, rated(tmp_path)), 5))
    assert area.fused is not None
    stack = area.stacks[0]
    assert stack.emerging is not None
    for picture in (rate_figures.motion_maps(area, area.fused), rate_figures.patterns_map(area, stack, stack.emerging)):
        (tmp_path / "picture.png").write_bytes(picture.png)
        assert len(np.unique(np.asarray(Image.open(tmp_path / "picture.png")).reshape(-1, 3), axis=0)) > 20
    color = tuple(int(rate_figures.PATTERN_COLORS[Pattern.NEW][i : i + 2], 16) for i in (1, 3, 5))
    assert (np.asarray(Image.open(tmp_path / "picture.png")) == color).all(-1).any()
