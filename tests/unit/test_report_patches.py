"""What the report says of mine patches."""

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.obia.accuracy import ObjectAccuracy, confusion_scores
from basinwatch.rasters import write_raster
from basinwatch.report.patch_products import PatchProducts
from basinwatch.report.patch_section import patch_sections
from basinwatch.report.sections import Section
from shapely.geometry import box

GRID = Grid.from_map(40, 30, Affine(10, 0, 350_000, 0, -10, 5_560_000), "EPSG:32634")
CHOICE = {
    "criterion": {"scale": 79.0, "shape": 0.2, "compactness": 0.5},
    "source": "chosen",
    "remarks": ["Seen twice."],
}
CONTROL = {
    "min_share": 0.215, "dropped_on_other_ground": 2, "dropped_too_small": 1, "remarks": ["Seen twice."],
    "control": {"share": 0.215, "found": 0.215, "recall": 0.904},
}  # fmt: skip


def section(tmp_path, bands: int = 4, found: int = 2, **changes: object) -> Section:
    """Section about some patches."""
    picture = tmp_path / "picture.tif"
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 256, (bands, *GRID.shape)).astype(np.uint8)
    write_raster(picture, codes, GRID, bands=[f"b{n}" for n in range(bands)])
    columns = {
        "id": ["p1", "p2"], "area_m2": [4000.0, 900.0], "activity": ["none", "negative"], "extracted_share": [0.8, 1.0],
        "rate_mm_yr": [0.5, -12.0], "moving_px": [0, 9], "measured_px": [50, 60], "measured_share": [1.0, 0.5],
    }  # fmt: skip
    shapes = [box(350_050, 5_559_900, 350_100, 5_559_950), box(350_200, 5_559_800, 350_230, 5_559_830)]
    patches = gpd.GeoDataFrame(columns, geometry=shapes, crs=GRID.crs_wkt).iloc[:found]
    facts = {"choice": CHOICE, "control": CONTROL, "accuracy": None} | changes
    (made,) = patch_sections(SimpleNamespace(name="hills", patches=PatchProducts(patches, picture, **facts)))
    return made


def test_areas_without_patches_have_no_section() -> None:
    assert patch_sections(SimpleNamespace(name="hills", patches=None)) == []


def test_patches_are_counted_by_activity_and_listed_moving_first(tmp_path) -> None:
    made = section(tmp_path)
    assert "2 mine patches of 0.5 ha" in made.paragraphs[0]
    assert "1 negative, 1 none" in made.paragraphs[0]
    assert "scale 79, shape 0.2 and compactness 0.5 (chosen on reference patches)" in made.paragraphs[1]
    assert made.paragraphs.count("Seen twice.") == 1
    assert [row[0] for row in made.tables[0].rows] == ["p2", "p1"]
    assert len(made.pictures) == 1


@pytest.mark.parametrize("bands", [1, 2])
def test_pictures_of_few_bands_are_shown_in_grey(tmp_path, bands: int) -> None:
    assert section(tmp_path, bands).pictures[0].png.startswith(b"\x89PNG")


def test_no_patch_leaves_a_sentence_and_the_picture(tmp_path) -> None:
    made = section(tmp_path, found=0)
    assert "0 mine patches" in made.paragraphs[0]
    assert not made.tables
    assert len(made.pictures) == 1


def test_published_parameters_are_said(tmp_path) -> None:
    made = section(tmp_path, choice=CHOICE | {"source": "published"})
    assert any("published parameters were taken" in paragraph for paragraph in made.paragraphs)


def test_accuracy_is_told_with_its_histogram(tmp_path) -> None:
    judged = ObjectAccuracy(np.array([True, True, False]), np.array([0.9, 0.7, np.nan])).record()
    scores = confusion_scores(np.array([[332_941, 1_971], [1_015, 3_985]]))
    kinds = {"dump": ObjectAccuracy(np.array([True, False]), np.array([0.7, np.nan])).record()}
    facts = {"pixels": scores, "detector_alone": scores, "kinds": kinds, "remarks": []}
    made = section(tmp_path, accuracy=judged | facts)
    assert (
        "2 of 3 references set aside for the test were identified (66.7%); the mean area similarity is 0.80"
        in (made.paragraphs[2])
    )
    assert len(made.pictures) == 2
    assert ("F1", "0.727", "0.727") in made.tables[1].rows
    assert made.tables[2].rows == (("dump", "2", "50.0 %", "0.70"),)
    assert len(section(tmp_path, accuracy=judged | facts | {"kinds": {}}).tables) == 2


def test_what_the_model_extracts_of_the_references_is_told_where_the_share_rests_on_it(tmp_path) -> None:
    assert "(the model extracts 90.4% of the references learnt from)" in section(tmp_path).paragraphs[1]
    alone = CONTROL | {"control": {"share": 0.215, "found": None, "recall": None}}
    assert "the model extracts" not in section(tmp_path, control=alone).paragraphs[1]
