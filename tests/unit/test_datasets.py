"""Shards and their COCO labels."""

import json
from dataclasses import replace

import numpy as np
import pytest
from basinwatch.datasets import tiles as datasets
from basinwatch.errors import InputError
from pycocotools import mask as coco_mask

RNG = np.random.default_rng(1)


def tile(number, coherence=True):
    phase = RNG.uniform(-np.pi, np.pi, (20, 31)).astype(np.float32)
    phase[3, 4] = np.nan
    mask = np.zeros(phase.shape, bool)
    mask[5:9, 0:6] = True
    labels = [datasets.Label(mask, attributes={"peak_los_mm": 12.0}), datasets.Label(~mask, ignore=True)]
    values = RNG.uniform(0, 1, phase.shape).astype(np.float32) if coherence else None
    return datasets.LabelledTile(number, phase, values, labels, f"scene{number}")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_run_lengths_equal_those_of_pycocotools(share):
    mask = RNG.random((17, 23)) < share
    size = list(mask.shape)
    theirs = coco_mask.frPyObjects({"size": size, "counts": datasets.encode_rle(mask)}, *size)
    assert np.array_equal(coco_mask.decode(theirs).astype(bool), mask)
    assert np.array_equal(datasets.decode_rle(datasets.encode_rle(mask), mask.shape), mask)


def test_boxes_equal_those_of_pycocotools():
    mask = np.zeros((17, 23), bool)
    mask[4:6, 10:15] = mask[9, 2] = True
    theirs = coco_mask.toBbox(coco_mask.encode(np.asfortranarray(mask.astype(np.uint8))))
    assert datasets.bounding_box(mask) == theirs.tolist()


def test_a_shard_comes_back(tmp_path):
    paths = tmp_path / "0000.safetensors", tmp_path / "0000.json"
    tiles = [tile(5), tile(6, coherence=False)]
    datasets.write_shard(*paths, tiles, {"seed": 1})
    shard = datasets.read_shard(*paths)
    assert len(shard) == 2
    for index, original in enumerate(tiles):
        read = shard.tile(index)
        assert np.nanmax(np.abs(read.phase - original.phase)) < 5e-5
        assert np.array_equal(np.isnan(read.phase), np.isnan(original.phase))
        assert (read.coherence is None) == (original.coherence is None)
        assert [label.ignore for label in read.labels] == [False, True]
        assert np.array_equal(read.labels[0].mask, original.labels[0].mask)
        assert read.group == original.group
    annotation = json.loads(paths[1].read_text())["annotations"][0]
    assert (annotation["bbox"], annotation["area"], annotation["iscrowd"]) == ([0, 5, 6, 4], 24, 0)


def test_the_ground_area_of_a_pixel_comes_back_where_it_is_known(tmp_path):
    paths = tmp_path / "0000.safetensors", tmp_path / "0000.json"
    datasets.write_shard(*paths, [replace(tile(1), pixel_area_m2=250.0), tile(2)], {})
    shard = datasets.read_shard(*paths)
    assert [shard.tile(index).pixel_area_m2 for index in (0, 1)] == [250.0, None]


def test_a_truncated_shard_is_one_sentence(tmp_path):
    paths = tmp_path / "0000.safetensors", tmp_path / "0000.json"
    datasets.write_shard(*paths, [tile(1)], {})
    paths[0].write_bytes(paths[0].read_bytes()[:-100])
    with pytest.raises(InputError, match=r"0000\.safetensors: shard cannot be read"):
        datasets.read_shard(*paths)


def test_labels_of_another_shard_are_refused(tmp_path):
    a, b = [(tmp_path / f"{n}.safetensors", tmp_path / f"{n}.json") for n in "ab"]
    datasets.write_shard(*a, [tile(1)], {})
    datasets.write_shard(*b, [tile(1), tile(2)], {})
    with pytest.raises(InputError, match="lists 2 tiles"):
        datasets.read_shard(a[0], b[1])
