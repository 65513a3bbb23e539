"""What other programs get is what the products say, in the form those programs want."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
from basinwatch import report
from basinwatch.datasets.cutting import DETECTIONS, LabelledScene, cut_scene, read_outlines
from basinwatch.errors import InputError
from basinwatch.exports import export_area
from basinwatch.exports.coco import write_coco
from basinwatch.rasters import quiet_radar_geometry
from basinwatch.vectors import footprints, read_vectors, write_geopackage
from PIL import Image
from pycocotools.coco import COCO
from shapely.geometry import box

from tests.unit.report_scene import map_grid, radar_grid, write_area

PAIRS = ("20230101_20230113", "20230113_20230125")
# System Python has QGIS where it is installed from packages.
QGIS = """
import json, sys
sys.path.append('/usr/share/qgis/python')
from qgis.core import QgsApplication, QgsProject
QgsApplication.setPrefixPath('/usr', True)
app = QgsApplication([], False)
app.initQgis()
project = QgsProject.instance()
assert project.read(sys.argv[1])
found = {}
for layer in project.mapLayers().values():
    found[layer.id()] = {
        'valid': layer.isValid(), 'renderer': layer.renderer().type(), 'crs': layer.crs().isValid(),
        'labels': bool(getattr(layer, 'labelsEnabled', lambda: False)()),
    }
print('FOUND' + json.dumps({'layers': found, 'title': project.title(), 'absolute': project.filePathStorage() == 0}))
app.exitQgis()
"""


def with_detections(files: dict[str, list[Path]]) -> Path:
    """Add to basins.gpkg what link_basins writes there: every detection."""
    path = files["basins"][0]
    basins = read_vectors(path, "basins")
    rows = [
        {"stack": "north", "pair": pair, "score": 0.8, "basin": name if number else None, "geometry": shape}
        for number, pair in enumerate(PAIRS)
        for name, shape in zip(basins["basin"], basins.geometry, strict=True)
    ]
    write_geopackage(path, {"basins": basins, "detections": gpd.GeoDataFrame(rows, crs=basins.crs)})
    return path


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> tuple[report.Area, Path]:
    files = write_area(tmp_path_factory.mktemp("area"), map_grid(160), pairs=2)
    basins = with_detections(files)
    return report.load("silesia", {"north": True}, files), basins


@pytest.fixture(scope="module")
def folder(area: tuple[report.Area, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "made"
    export_area(*area, target)
    return target


def test_the_geopackage_holds_layers_and_a_default_style_for_each(folder: Path) -> None:
    layers = {name for name, _ in pyogrio.list_layers(folder / "area.gpkg")}
    assert layers == {"basins", "detections", "hotspots", "comparison", "layer_styles"}
    styles = pd.DataFrame(read_vectors(folder / "area.gpkg", "layer_styles"))
    assert set(styles["f_table_name"]) == layers - {"layer_styles"}
    assert all(ET.fromstring(text).find("renderer-v2") is not None for text in styles["styleQML"])  # noqa: S314


def test_the_project_names_every_layer_by_a_relative_path_that_exists(folder: Path) -> None:
    root = ET.parse(folder / "area.qgs").getroot()  # noqa: S314
    sources = [node.text or "" for node in root.iter("datasource")]
    assert len(sources) == 4 + 4
    assert all(source.startswith("./") and (folder / source.split("|")[0]).is_file() for source in sources)
    assert root.findtext("properties/Paths/Absolute") == "false"


def open_in_qgis(project: Path) -> dict[str, dict[str, object]]:
    """What QGIS itself says of a project."""
    python = shutil.which("python3", path="/usr/bin")
    if (
        python is None
        or subprocess.run([python, "-c", "import qgis.core"], capture_output=True, check=False).returncode
    ):
        pytest.skip("QGIS is not installed (apt-get install python3-qgis)")
    clean = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": str(project.parents[1])}
    done = subprocess.run([python, "-c", QGIS, project], env=clean, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("FOUND")), None)
    assert line is not None, done.stderr[-2000:]
    return dict(json.loads(line.removeprefix("FOUND")))


def test_qgis_opens_the_moved_project_with_every_layer_valid_and_styled(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    found = open_in_qgis(moved / "area.qgs")
    layers = {name.removeprefix("basinwatch_"): facts for name, facts in found["layers"].items()}
    assert found["title"] == "Subsidence basins: silesia"
    assert not found["absolute"]
    assert all(layer["valid"] and layer["crs"] for layer in layers.values()), layers
    assert layers["basins"]["renderer"] == "categorizedSymbol"
    assert layers["basins"]["labels"]
    assert layers["rate_north"]["renderer"] == layers["activity_north"]["renderer"] == "singlebandpseudocolor"
    assert layers["hotspots_north"]["renderer"] == layers["phase_north"]["renderer"] == "paletted"


def test_rasters_are_cloud_optimised_and_keep_their_values(area: tuple[report.Area, Path], folder: Path) -> None:
    stack = area[0].stacks[0]
    with rasterio.open(folder / "rasters/rate_north.tif") as copied, rasterio.open(stack.rate) as source:
        assert copied.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert copied.descriptions == source.descriptions
        np.testing.assert_array_equal(copied.read(), source.read())
        assert copied.crs == source.crs
    with rasterio.open(folder / "rasters/hotspots_north.tif") as classes:
        assert classes.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert classes.colormap(1)[1] == (165, 15, 38, 255)
        assert set(np.unique(classes.read(1))) == {1, 4}
        assert classes.nodata == 0


def test_large_rasters_get_overviews_that_never_average_phase(tmp_path: Path) -> None:
    files = write_area(tmp_path / "a", map_grid(1100), pairs=1, n_basins=1, rated=False)
    basins = read_vectors(files["basins"][0], "basins")
    empty = basins.iloc[:0].assign(stack=[], pair=[], score=[])[["stack", "pair", "score", "basin", "geometry"]]
    write_geopackage(files["basins"][0], {"basins": basins, "detections": empty})
    export_area(report.load("a", {"north": False}, files), files["basins"][0], tmp_path / "out")
    with rasterio.open(tmp_path / "out/rasters/phase_north_20230101_20230113.tif") as source:
        assert source.overviews(1)
        full, small = source.read(1), source.read(1, out_shape=(550, 550))
    assert all(small[i, j] in full[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for i, j in ((3, 500), (270, 271), (540, 99)))


def test_tables_hold_basins_with_their_places(area: tuple[report.Area, Path], folder: Path) -> None:
    table = pd.read_csv(folder / "basins.csv")
    parquet = gpd.read_parquet(folder / "basins.parquet")
    assert list(table["basin"]) == list(parquet["basin"]) == list(area[0].basins["basin"])
    assert set(table["evidence"]) <= {"firm", "fair", "weak"}
    assert (table["pairs_in_a_row"] <= table["n_detected"]).all()
    inside = area[0].basins.to_crs("EPSG:4326").geometry
    points = gpd.points_from_xy(table["longitude"], table["latitude"])
    assert all(shape.contains(point) for shape, point in zip(inside, points, strict=True))


def test_the_catalogue_links_to_files_that_are_there(folder: Path) -> None:
    catalogue = json.loads((folder / "catalog.json").read_text())
    assert (catalogue["type"], catalogue["stac_version"]) == ("Catalog", "1.0.0")
    items = [link["href"] for link in catalogue["links"] if link["rel"] == "item"]
    assert len(items) == 2
    for href in items:
        item = json.loads((folder / href).read_text())
        assert {"type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets"} <= set(item)
        west, south, east, north = item["bbox"]
        assert 18 < west < east < 19
        assert 50 < south < north < 51
        assert item["properties"]["datetime"] is None
        assert item["properties"]["start_datetime"] == "2023-01-01T00:00:00Z"
        assert item["properties"]["proj:epsg"] == 32634
        for asset in item["assets"].values():
            assert (folder / href).parent.joinpath(asset["href"]).resolve().is_file()


def test_coco_tells_every_detection_on_a_picture_of_its_pair(area: tuple[report.Area, Path], folder: Path) -> None:
    coco = COCO(folder / "labels/detections.json")
    assert len(coco.imgs) == 2
    assert len(coco.anns) == 10
    grid = area[0].stacks[0].grid
    truth = footprints(read_vectors(area[1], "detections").geometry, grid)
    for annotation, place in zip(coco.loadAnns(coco.getAnnIds()), truth, strict=True):
        mask = np.zeros(grid.shape, bool)
        mask[place.rows, place.columns] = place.mask
        drawn = coco.annToMask(annotation).astype(bool)
        assert (mask & drawn).sum() / (mask | drawn).sum() > 0.85
        with Image.open(folder / "labels" / coco.imgs[annotation["image_id"]]["file_name"]) as picture:
            assert picture.size == (grid.width, grid.height)


def test_coco_goes_through_the_detections_of_a_stack_once_whatever_its_pairs(
    area: tuple[report.Area, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, plain = [], gpd.GeoDataFrame.itertuples
    monkeypatch.setattr(gpd.GeoDataFrame, "itertuples", lambda frame: passes.append(len(frame)) or plain(frame))
    (tmp_path / "images").mkdir()
    write_coco(area[0], read_vectors(area[1], "detections"), tmp_path)
    assert passes == [10]


def test_radar_geometry_is_exported_without_places(tmp_path: Path) -> None:
    files = write_area(tmp_path / "a", radar_grid(64), pairs=2)
    basins = with_detections(files)
    export_area(report.load("a", {"north": True}, files), basins, tmp_path / "out")
    item = json.loads((tmp_path / "out/stac/01_north.json").read_text())
    assert item["geometry"] is None
    assert "bbox" not in item
    with quiet_radar_geometry(), rasterio.open(tmp_path / "out/rasters/rate_north.tif") as source:
        assert source.crs is None


def test_an_area_without_basins_is_exported_too(tmp_path: Path) -> None:
    files = write_area(tmp_path / "a", map_grid(64), pairs=1, n_basins=0, rated=False)
    basins = read_vectors(files["basins"][0], "basins")
    detections = gpd.GeoDataFrame({"stack": [], "pair": [], "score": [], "basin": []}, geometry=[], crs=basins.crs)
    write_geopackage(files["basins"][0], {"basins": basins, "detections": detections})
    export_area(report.load("a", {"north": False}, files), files["basins"][0], tmp_path / "out")
    assert json.loads((tmp_path / "out/labels/detections.json").read_text())["annotations"] == []


class TestCorrectedPolygons:
    """A person edits the exported detections; the edited file is training data."""

    def corrected(self, folder: Path, target: Path) -> Path:
        """Delete a basin of the first pair, all of the second, and draw one anew."""
        found = read_vectors(folder / "area.gpkg", DETECTIONS)
        kept = found[(found["pair"] == PAIRS[0]) & (found.index != found.index[0])]
        west, south, *_ = found.total_bounds
        drawn = gpd.GeoDataFrame(
            {"stack": ["north"], "pair": [PAIRS[0]]},
            geometry=[box(west, south, west + 400, south + 400)],
            crs=found.crs,
        )
        write_geopackage(target, {"basins": found.iloc[:0], DETECTIONS: pd.concat([kept, drawn], ignore_index=True)})
        return target

    def test_every_pair_gets_its_own_polygons(self, area, folder, tmp_path):
        path, grid = self.corrected(folder, tmp_path / "area.gpkg"), area[0].stacks[0].grid
        outlines = read_outlines(path, grid, "north", PAIRS[0])
        assert len(outlines) == 5
        assert outlines[-1].geometry.area == pytest.approx(100)
        assert read_outlines(path, grid, "north", PAIRS[1]) == []

    def test_a_pair_without_polygons_becomes_tiles_without_basins(self, area, folder, tmp_path):
        path, pair = self.corrected(folder, tmp_path / "area.gpkg"), area[0].stacks[0].pairs[1]
        tiles = list(cut_scene(LabelledScene(pair.phase, pair.coherence, path, "north", PAIRS[1]), 64, 64))
        assert tiles
        assert not any(tile.labels for tile in tiles)

    def test_a_polygon_that_names_no_pair_is_refused_in_one_sentence(self, area, folder, tmp_path):
        path = self.corrected(folder, tmp_path / "area.gpkg")
        frame = read_vectors(path, DETECTIONS)
        frame.loc[frame.index[-1], "pair"] = None
        write_geopackage(path, {DETECTIONS: frame})
        with pytest.raises(InputError, match="found 1 polygons without a pair, expected YYYYMMDD_YYYYMMDD"):
            read_outlines(path, area[0].stacks[0].grid, "north", PAIRS[0])

    @pytest.mark.parametrize("written", ["2024-01-05_2024-01-17", "20240105-20240117", "20240117_20240105"])
    def test_a_pair_written_another_way_is_refused_in_one_sentence(self, area, folder, tmp_path, written):
        path = self.corrected(folder, tmp_path / "area.gpkg")
        frame = read_vectors(path, DETECTIONS)
        frame.loc[frame.index[-2:], "pair"] = written
        write_geopackage(path, {DETECTIONS: frame})
        with pytest.raises(InputError) as error:
            read_outlines(path, area[0].stacks[0].grid, "north", PAIRS[0])
        assert str(error.value) == (
            f"{path}: found 2 polygons with another text in column 'pair', such as '{written}', expected "
            "YYYYMMDD_YYYYMMDD, earlier date first; rewrite them."
        )

    def test_files_without_a_column_pair_are_read_as_before(self, area, tmp_path):
        basins = area[0].basins[["basin", "geometry"]]
        write_geopackage(tmp_path / "drawn.gpkg", {"drawn": basins})
        assert len(read_outlines(tmp_path / "drawn.gpkg", area[0].stacks[0].grid, "north", PAIRS[1])) == 5
