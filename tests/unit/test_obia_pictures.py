"""Pictures of any bands: preparing, reading, encoding, tiles to learn from, and the simulated orthophoto."""

import csv
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.datasets.tiles import IGNORED, ShardSet, write_shard
from basinwatch.encoding import channels, encode
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.models import load_model
from basinwatch.obia.extraction import extracted, surroundings
from basinwatch.obia.pictures import PictureSettings, boxes_around, contact_sheet, picture_reader, prepare
from basinwatch.obia.references import References, read_references
from basinwatch.obia.search import search_picture
from basinwatch.obia.tiles import patch_tiles
from basinwatch.rasters import encode_share, read_raster, read_share, write_raster
from basinwatch.simulation.orthophoto import BANDS, OrthophotoSettings, draw_orthophoto
from basinwatch.simulation.products.orthophoto import write_orthophoto
from basinwatch.training.augmentation import AugmentationSettings, augment_batch
from basinwatch.training.optimizers import OptimizerSettings
from basinwatch.training.recipes import read_recipe, training_settings
from basinwatch.training.tile_sources import ShardSource
from basinwatch.training.trainer import TrainingSettings, train
from basinwatch.vectors import read_vectors
from rasterio.enums import ColorInterp
from safetensors.torch import save_file
from shapely.geometry import box
from torchvision.models.resnet import Bottleneck, ResNet

ROOT = Path(__file__).parents[2]
BASINNET, PRESET = ROOT / "resources/models/basinnet", ROOT / "resources/presets/deeplabv3.yaml"
ORTHOPHOTO = ("image.tif", "reference.gpkg", "land_cover.tif")
GRID = Grid.from_map(150, 130, Affine(2, 0, 350_000, 0, -2, 5_560_000), "EPSG:32634")
SMALL = {"widths": [8, 16, 32]}


def raster(folder: Path, values: np.ndarray, grid: Grid = GRID) -> Path:
    """Write bands."""
    path = folder / "image.tif"
    write_raster(path, values, grid, bands=[f"b{n}" for n in range(len(values))])
    return path


def ramps(count: int = 3) -> np.ndarray:
    """Bands that grow along the rows, each with its own range, float32 (bands, y, x)."""
    step = np.arange(GRID.height, dtype=np.float32)[:, None] * np.ones(GRID.width, np.float32)
    return np.stack([100 * n + (n + 1) * step for n in range(count)])


def test_bands_become_shares_between_their_percentiles(tmp_path: Path) -> None:
    facts = prepare(raster(tmp_path, ramps()), tmp_path / "picture.tif", PictureSettings(percentiles=(0, 100)))
    shares = np.stack([read_share(tmp_path / "picture.tif")])[0]
    assert facts["limits"] == [[0, 129], [100, 358], [200, 587]]
    for share in shares:
        np.testing.assert_allclose(share[:, 0], np.linspace(0, 1, GRID.height), atol=1 / 254)


def test_given_limits_bands_and_wrapped_bands_are_used(tmp_path: Path) -> None:
    values = ramps(2)
    values[1] = np.angle(np.exp(1j * values[1]))
    settings = PictureSettings(bands=(2, 1), wrapped_bands=(2,), limits=((-1, 1), (-1, 1), (0, 129)))
    prepare(raster(tmp_path, values), tmp_path / "picture.tif", settings)
    sine, cosine, ramp = read_share(tmp_path / "picture.tif")
    np.testing.assert_allclose(np.hypot(2 * sine - 1, 2 * cosine - 1), 1, atol=0.02)
    np.testing.assert_allclose(ramp[:, 0], np.linspace(0, 1, GRID.height), atol=1 / 254)


def test_ground_without_data_in_any_band_has_none_in_the_picture(tmp_path: Path) -> None:
    values = ramps()
    values[1, :5] = np.nan
    prepare(raster(tmp_path, values), tmp_path / "picture.tif", PictureSettings())
    codes = read_raster(tmp_path / "picture.tif")
    assert not codes[:, :5].any()
    assert codes[:, 5:].all()
    window, valid = picture_reader(tmp_path / "picture.tif")(slice(0, 10), slice(0, 7))
    assert window.shape == (10, 7, 3)
    assert valid.sum() == 5 * 7


def test_a_fourth_band_called_alpha_is_a_band_where_it_is_looked_at_and_a_mask_where_not(tmp_path: Path) -> None:
    values = np.broadcast_to(np.arange(1, 31, dtype=np.uint8)[:, None], (4, 30, 40)).copy()
    values[3, :, :7] = 0
    place = {"crs": GRID.crs_wkt, "transform": GRID.affine}
    with rasterio.open(tmp_path / "i.tif", "w", "GTiff", 40, 30, 4, dtype="uint8", **place) as made:
        made.write(values)
    with rasterio.open(tmp_path / "i.tif") as written:
        assert written.colorinterp[3] is ColorInterp.alpha
    prepare(tmp_path / "i.tif", tmp_path / "all.tif", PictureSettings())
    prepare(tmp_path / "i.tif", tmp_path / "three.tif", PictureSettings(bands=(1, 2, 3)))
    assert read_raster(tmp_path / "all.tif").all()
    assert not read_raster(tmp_path / "three.tif")[:, :, :7].any()
    assert read_raster(tmp_path / "three.tif")[:, :, 7:].all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (PictureSettings(bands=(1, 7)), "found 3 bands, expected band 7 too"),
        (PictureSettings(wrapped_bands=(4,)), "expected band 4 too"),
        (PictureSettings(limits=((0, 1),)), "expected a lower and a higher number for each of 3 layers"),
        (PictureSettings(limits=((1, 1), (0, 1), (0, 1))), "expected a lower and a higher number"),
    ],
)
def test_missing_bands_and_wrong_limits_are_refused(tmp_path: Path, settings: PictureSettings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(raster(tmp_path, ramps()), tmp_path / "picture.tif", settings)


def test_pictures_without_contrast_map_or_content_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no contrast in layer 1"):
        prepare(raster(tmp_path, np.ones_like(ramps())), tmp_path / "picture.tif", PictureSettings())
    radar = Grid(150, 130, None, None, (1.0, 1.0))
    with pytest.raises(InputError, match="expected a raster on a map"):
        prepare(raster(tmp_path, ramps(), radar), tmp_path / "picture.tif", PictureSettings())
    with pytest.raises(InputError, match="found 17 bands, expected at most 16"):
        prepare(raster(tmp_path, ramps(17)), tmp_path / "picture.tif", PictureSettings())
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="cannot be read as a raster"):
        prepare(tmp_path / "text.tif", tmp_path / "picture.tif", PictureSettings())


def test_encoding_of_bands_is_centred_and_blind_to_no_data() -> None:
    shares = np.array([[[0.0, 0.5, 1.0, np.nan]], [[1.0, 0.5, 0.0, 0.5]]], np.float32)
    found = encode(shares, None, "bands2")
    assert channels("bands2") == 2
    np.testing.assert_allclose(found, [[[-2, 0, 2, 0]], [[2, 0, -2, 0]]])
    np.testing.assert_array_equal(encode(np.stack([shares, shares]), None, "bands2")[1], found)


@pytest.mark.parametrize("values", [np.zeros((3, 4, 4), np.float32), np.zeros((4, 4), np.float32)])
def test_pictures_of_other_bands_are_refused(values: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"encoding bands2: found \d bands, expected 2"):
        encode(values, None, "bands2")


def test_pictures_are_turned_and_mirrored_but_never_wrapped() -> None:
    rng = np.random.default_rng(0)
    shares, target = rng.random((4, 3, 16, 16), np.float32), rng.integers(0, 2, (4, 16, 16)).astype(np.uint8)
    shares[:, 0] = target
    batch = shares, np.full((4, 16, 16), np.nan, np.float32), target
    turned, _, moved = augment_batch(batch, AugmentationSettings(ramp_probability=1, noise_probability=1), 5)
    np.testing.assert_array_equal(turned[:, 0], moved)
    assert not np.array_equal(moved, target)
    for before, after in zip(shares, turned, strict=True):
        np.testing.assert_array_equal(np.sort(before, axis=None), np.sort(after, axis=None))


def references(**columns: list[str]) -> References:
    """Three patches in a picture on `GRID`, one for each use."""
    shapes = [box(350_000 + x, 5_560_000 - y - 30, 350_000 + x + 40, 5_560_000 - y) for x, y in
              ((10, 10), (240, 10), (10, 200))]  # fmt: skip
    uses = ["train", "validation", "test"]
    return References(gpd.GeoDataFrame({"use": uses} | columns, geometry=shapes, crs=GRID.crs_wkt), GRID)


def test_tiles_learn_from_their_own_use_and_ignore_the_others(tmp_path: Path) -> None:
    prepare(raster(tmp_path, ramps()), tmp_path / "picture.tif", PictureSettings())
    cut = {use: patch_tiles(tmp_path / "picture.tif", references(), use, 64, 0.5, 0) for use in ("train", "validation")}
    for use, found in cut.items():
        labels = [label for tile in found for label in tile.labels]
        assert any(not label.ignore for label in labels)
        assert {tile.group for tile in found} == {use}
        assert found[0].phase.shape == (3, 64, 64)
    ids = [tile.tile_id for found in cut.values() for tile in found]
    assert len(ids) == len(set(ids))
    empty = [tile for tile in cut["train"] if not tile.labels]
    assert empty


def test_shards_of_pictures_give_back_what_was_cut(tmp_path: Path) -> None:
    prepare(raster(tmp_path, ramps()), tmp_path / "picture.tif", PictureSettings())
    cut = patch_tiles(tmp_path / "picture.tif", references(), "train", 128, 0.5, 0)
    write_shard(tmp_path / "a.safetensors", tmp_path / "a.json", cut, {})
    data = ShardSet.read([(tmp_path / "a.safetensors", tmp_path / "a.json")])
    shares, coherence, target = data.batch(range(len(cut)))
    assert data.tile_size_px == 128
    np.testing.assert_array_equal(shares, np.stack([tile.phase for tile in cut]))
    assert np.isnan(coherence).all()
    assert IGNORED in target


def test_pictures_too_small_or_without_patches_cannot_be_learnt_from(tmp_path: Path) -> None:
    prepare(raster(tmp_path, ramps()), tmp_path / "picture.tif", PictureSettings())
    with pytest.raises(InputError, match="found 130 by 150 pixels, expected at least 256"):
        patch_tiles(tmp_path / "picture.tif", references(), "train", 256, 0.5, 0)
    with pytest.raises(InputError, match="found no reference patch for train"):
        patch_tiles(tmp_path / "picture.tif", references(use=["test"] * 3), "train", 64, 0.5, 0)


def tile_sets(folder: Path, picture: Path, patches: References, size_px: int) -> list[ShardSet]:
    """Tiles to learn from and to validate on, through their files."""
    files = [(folder / f"{use}.safetensors", folder / f"{use}.json") for use in ("train", "validation")]
    for arrays, coco in files:
        write_shard(arrays, coco, patch_tiles(picture, patches, coco.stem, size_px, 0.5, 0), {})
    return [ShardSet.read([pair]) for pair in files]


@pytest.mark.parametrize("bands", [1, 2])
def test_a_detector_learns_bands_and_finds_its_patches_again(tmp_path: Path, bands: int) -> None:
    inside = references().labels() > 0
    values = np.random.default_rng(1).normal(80, 5, (bands, *GRID.shape)).astype(np.float32) + 60 * inside
    picture, target = tmp_path / "picture.tif", tmp_path / "probability.tif"
    prepare(raster(tmp_path, values), picture, PictureSettings(percentiles=(0, 100)))
    training, validation = tile_sets(tmp_path, picture, references(), 64)
    settings = TrainingSettings(
        name="mines", architecture="unet", options=SMALL | {"encoding": f"bands{bands}"}, steps=40, batch_size=4,
        learning_rate=3e-3, average_decay=0.0, validate_every=40, precision="float32",
        optimizer=OptimizerSettings(name="adam", weight_decay=0.0),
    )  # fmt: skip
    train(ShardSource(training, 0), validation, settings, tmp_path / "model", device="cpu", threads=1)
    search_picture(
        picture, tmp_path / "model", 0.5, "cpu", 1, probability=target, objects=tmp_path / "o.parquet", area="a"
    )
    found = read_share(target)
    assert found[inside].mean() > found[~inside].mean() + 0.3


@pytest.mark.parametrize(("bands", "wanted"), [(1, "bands1"), (4, "bands4")])
def test_a_model_that_was_not_trained_on_such_bands_is_refused_by_name(tmp_path: Path, bands: int, wanted: str) -> None:
    picture = tmp_path / "picture.tif"
    prepare(raster(tmp_path, ramps(bands)), picture, PictureSettings())
    sentence = f"model basinnet: found encoding 'sincos_coherence', expected '{wanted}' to look at {picture}"
    with pytest.raises(InputError, match=re.escape(sentence)):
        search_picture(
            picture, BASINNET, 0.5, "cpu", 1, probability=tmp_path / "p.tif", objects=tmp_path / "o.parquet", area="a"
        )
    assert not (tmp_path / "p.tif").exists()


def test_the_published_recipe_learns_an_orthophoto_from_published_weights_and_needs_them_no_more(
    tmp_path: Path,
) -> None:
    """Layers, turns and optimiser of the study; a narrower network on smaller tiles, so that a test can afford it."""
    write_orthophoto(OrthophotoSettings(size_px=384, patches=6), *(tmp_path / name for name in ORTHOPHOTO))
    grid = OrthophotoSettings(size_px=384).grid
    prepare(tmp_path / "image.tif", tmp_path / "picture.tif", PictureSettings())
    patches = read_references(tmp_path / "reference.gpkg", grid, 1)
    training, validation = tile_sets(tmp_path, tmp_path / "picture.tif", patches, 64)
    start = tmp_path / "resnet.safetensors"
    save_file(ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=8).state_dict(), start)
    narrow = {"encoding": "bands4", "depths": [1, 1, 1, 1], "width_per_group": 8, "hidden": 16, "weights": str(start)}
    recipe = read_recipe(PRESET, {"options": narrow, "steps": 60, "batch_size": 4, "validate_every": 15, "seed": 3})
    assert recipe["augmentation"]["rotations"]
    settings = training_settings(recipe, "mines", len(training), (2.5, 2.5))
    train(ShardSource(training, 3), validation, settings, tmp_path / "model", device="cpu", threads=1)
    losses = [
        float(row["train_loss"]) for row in csv.DictReader((tmp_path / "model/curves.csv").read_text().splitlines())
    ]
    assert len(losses) == 4
    assert losses[-1] < 0.9 * losses[0]
    start.unlink()
    assert load_model(tmp_path / "model").detector.encoding == "bands4"


def test_extraction_starts_at_the_threshold_and_drops_specks(tmp_path: Path) -> None:
    probability = np.zeros(GRID.shape, np.float32)
    probability[10:20, 10:20], probability[40, 40], probability[60:70, 60:70] = 0.5, 0.9, 0.49
    write_raster(tmp_path / "p.tif", encode_share(probability), GRID, bands=["basin_probability"])
    found = extracted(tmp_path / "p.tif", 0.5, 4)
    assert found.sum() == 100
    assert found[10:20, 10:20].all()


def test_surroundings_are_three_patch_widths_wider() -> None:
    found, labels = np.zeros((200, 200), bool), np.zeros((200, 200), np.int32)
    found[100:105, 100:105] = True
    labels[0:10, 0:10], labels[0:10, 50:60] = 1, 2
    near = surroundings(found, labels)
    assert near.sum() == 65**2
    assert near[70, 70]
    assert not surroundings(np.zeros_like(found), np.zeros_like(labels)).any()


def test_contact_sheet_holds_every_part_once(tmp_path: Path) -> None:
    prepare(raster(tmp_path, ramps()), tmp_path / "picture.tif", PictureSettings())
    labels = references().labels()
    near = boxes_around(labels > 0, 3)
    sheet = contact_sheet(tmp_path / "picture.tif", near, labels)
    assert np.isfinite(sheet.values[0]).sum() == near.sum()
    np.testing.assert_array_equal(np.bincount(sheet.references.ravel())[1:], np.bincount(labels.ravel())[1:])
    codes = read_raster(tmp_path / "picture.tif")
    for number in (1, 2, 3):
        np.testing.assert_array_equal(sheet.values[:, sheet.references == number], codes[:, labels == number] - 1.0)


def test_orthophotos_depend_on_their_recipe_alone(tmp_path: Path) -> None:
    settings = OrthophotoSettings(size_px=400, patches=4)
    one, same, other = (draw_orthophoto(s) for s in (settings, settings, OrthophotoSettings(6, 400, patches=4)))
    np.testing.assert_array_equal(one.bands, same.bands)
    assert not np.array_equal(one.bands, other.bands)
    assert one.kinds == ("pit", "dump", "pit", "dump")
    assert set(np.unique(one.patches)) == {0, 1, 2, 3, 4}
    red = one.bands[0].astype(float)
    pits, dumps = (np.isin(one.patches, numbers) for numbers in ((1, 3), (2, 4)))
    assert red[pits].mean() > red[one.patches == 0].mean() + 20 > red[dumps].mean() + 40
    assert (one.land_cover[one.patches > 0] == 60).all()


def test_orthophoto_files_agree_with_each_other(tmp_path: Path) -> None:
    settings = OrthophotoSettings(size_px=300, patches=2)
    write_orthophoto(settings, tmp_path / "i.tif", tmp_path / "r.gpkg", tmp_path / "l.tif")
    drawn, outlines = draw_orthophoto(settings), read_vectors(tmp_path / "r.gpkg", "patches")
    assert read_raster(tmp_path / "i.tif").shape == (len(BANDS), 300, 300)
    np.testing.assert_allclose(outlines.area / 2.5**2, np.bincount(drawn.patches.ravel())[1:])


def test_orthophotos_without_room_are_refused() -> None:
    with pytest.raises(InputError, match="expected 90; lower patches or raise size_px"):
        draw_orthophoto(OrthophotoSettings(size_px=256, patches=90))
    with pytest.raises(InputError, match=r"found room for 0 patches on 256 px of 1\.0 m, expected 1; lower patches"):
        draw_orthophoto(OrthophotoSettings(seed=0, size_px=256, spacing_m=1.0, patches=1))
