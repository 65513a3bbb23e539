"""Labelled tiles on disk: shards of phase and coherence with COCO labels beside them.

A shard is two files: ``<name>.safetensors`` (``phase`` int16 (n, y, x), 32767 = π, −32768 = no data;
``coherence`` uint8 (n, y, x), see :func:`basinwatch.rasters.encode_share`) and ``<name>.json`` in COCO
form with run-length masks. Instances to be ignored by loss and scores carry ``iscrowd: 1``. Pictures of any bands take
the place of the phase as shares, uint8 (n, bands, y, x); where rates do, ``info`` has ``content: rates``.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from basinwatch.errors import InputError
from basinwatch.provenance import atomic_path, software, write_json
from basinwatch.rasters import decode_share, encode_share

CATEGORY = {"id": 1, "name": "basin"}
_PHASE_SCALE = 32767 / np.pi
_PHASE_NODATA = np.int16(-32768)


@dataclass(frozen=True)
class Label:
    """One instance: bool mask (y, x) of the tile, and whether loss and scores must ignore it."""

    mask: NDArray[np.bool_]
    ignore: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledTile:
    """A training or test tile.

    Parameters
    ----------
    tile_id
        Number that is unique within a data set and fixed by its recipe.
    phase
        float32 (y, x) radians, or (bands, y, x) in 0…1 of a picture; NaN where invalid.
    coherence
        float32 (y, x) in 0…1, or None when unknown.
    labels
        Instances, separate masks even where they overlap.
    group
        What must never be split between training and test (scene, region, or the tile itself).
    pixel_area_m2
        Ground area of a pixel; None when unknown.
    """

    tile_id: int
    phase: NDArray[np.float32]
    coherence: NDArray[np.float32] | None
    labels: Sequence[Label]
    group: str
    pixel_area_m2: float | None = None


@dataclass(frozen=True)
class Shard:
    """A shard in memory, still in its compact types."""

    phase: NDArray[np.int16] | NDArray[np.uint8]
    coherence: NDArray[np.uint8]
    coco: dict[str, Any]

    def __len__(self) -> int:
        return len(self.phase)

    @property
    def content(self) -> str:
        """What the tiles hold, as :func:`basinwatch.encoding.content` names it."""
        if self.phase.ndim == 4:
            return f"bands{self.phase.shape[1]}"
        return str(self.coco["info"].get("content", "phase"))

    def tile(self, index: int) -> LabelledTile:
        """Decode one tile with its labels."""
        image = self.coco["images"][index]
        shape = (image["height"], image["width"])
        labels = [_decode_label(a, shape) for a in self.coco["annotations"] if a["image_id"] == image["id"]]
        coherence = decode_share(self.coherence[index]) if self.coherence[index].any() else None
        phase, area = decode_signal(self.phase[index]), image.get("pixel_area_m2")
        return LabelledTile(image["id"], phase, coherence, labels, image["group"], area)


def encode_phase(phase: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Code radians in [-π, π] as int16 (step 9.6e-5 rad); NaN becomes the no-data code."""
    scaled = np.rint(np.clip(np.nan_to_num(phase), -np.pi, np.pi) * _PHASE_SCALE)
    return np.where(np.isfinite(phase), scaled, _PHASE_NODATA).astype(np.int16)


def decode_phase(codes: NDArray[np.int16]) -> NDArray[np.float32]:
    """Undo :func:`encode_phase`."""
    return np.where(codes == _PHASE_NODATA, np.nan, codes / _PHASE_SCALE).astype(np.float32)


def encode_signal(values: NDArray[np.floating[Any]]) -> NDArray[np.int16] | NDArray[np.uint8]:
    """Code a phase (y, x), or a picture (bands, y, x) as shares."""
    return encode_phase(values) if values.ndim == 2 else encode_share(values)


def decode_signal(codes: NDArray[np.int16] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Undo :func:`encode_signal`, also of several tiles at once."""
    return decode_share(codes) if codes.dtype == np.uint8 else decode_phase(codes)  # type: ignore[arg-type]


def encode_rle(mask: NDArray[np.bool_]) -> list[int]:
    """Run lengths of a mask, column by column, starting with background (COCO's uncompressed form)."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    return [0, *runs] if flat[0] else list(runs)


def decode_rle(counts: Sequence[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Undo :func:`encode_rle`."""
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(shape, order="F")


def bounding_box(mask: NDArray[np.bool_]) -> list[int]:
    """COCO box (x, y, width, height) of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]


def _annotation(number: int, tile_id: int, label: Label) -> dict[str, Any]:
    """One COCO annotation."""
    return {
        "id": number,
        "image_id": tile_id,
        "category_id": CATEGORY["id"],
        "iscrowd": int(label.ignore),
        "area": int(label.mask.sum()),
        "bbox": bounding_box(label.mask),
        "segmentation": {"size": list(label.mask.shape), "counts": encode_rle(label.mask)},
        "attributes": label.attributes,
    }


def write_shard(
    arrays: Path, coco: Path, tiles: Iterable[LabelledTile], info: Mapping[str, Any], count: int | None = None
) -> None:
    """Write one shard; `info` (recipe, seed, …) goes into the COCO file.

    Tiles are coded one by one: with `count`, how many there are, they may come from a generator.
    """
    if count is None:
        tiles = list(tiles)
        count = len(tiles)
    phase: NDArray[Any] = np.empty(0, np.int16)
    coherence = np.empty(0, np.uint8)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, tile in enumerate(tiles):
        codes = encode_signal(tile.phase)
        if not images:
            phase = np.empty((count, *codes.shape), codes.dtype)
            coherence = np.zeros((count, *codes.shape[-2:]), np.uint8)
        phase[index] = codes
        if tile.coherence is not None:
            coherence[index] = encode_share(tile.coherence)
        images.append(_image(tile, arrays.name, index))
        labels = (label for label in tile.labels if label.mask.any())
        annotations += [_annotation(n, tile.tile_id, label) for n, label in enumerate(labels, len(annotations) + 1)]
    with atomic_path(arrays) as part:
        part.write_bytes(save({"phase": phase, "coherence": coherence}))
    masks = hashlib.sha256(json.dumps([a["segmentation"] for a in annotations]).encode()).hexdigest()
    content = {
        "info": dict(info) | {"masks_sha256": masks, "software": software()},
        "images": images,
        "annotations": annotations,
    }
    write_json(coco, content | {"categories": [CATEGORY]})


def _image(tile: LabelledTile, file_name: str, index: int) -> dict[str, Any]:
    """One COCO image."""
    height, width = tile.phase.shape[-2:]
    known = {} if tile.pixel_area_m2 is None else {"pixel_area_m2": tile.pixel_area_m2}
    return {
        "id": tile.tile_id, "file_name": file_name, "index": index, "group": tile.group,
        "height": height, "width": width,
    } | known  # fmt: skip


def read_shard(arrays: Path, coco: Path) -> Shard:
    """Read one shard.

    Raises
    ------
    InputError
        If either file cannot be decoded or they do not belong together.
    """
    try:
        tensors = load_file(arrays)
        labels = json.loads(coco.read_text(encoding="utf-8"))
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{arrays}: shard cannot be read ({error}); delete it and run again.") from error
    if len(labels["images"]) != len(tensors["phase"]):
        raise InputError(
            f"{coco}: lists {len(labels['images'])} tiles but {arrays.name} holds {len(tensors['phase'])}; "
            "delete both and run again."
        )
    return Shard(tensors["phase"], tensors["coherence"], labels)


IGNORED = 255


class ShardSet:
    """Several shards of equal tile size, held in their compact types (4 bytes a pixel).

    Tiles are numbered through in the order of the shards.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        if not any(len(shard) for shard in shards):
            raise InputError("shards: found no tile, expected some; simulate or label more.")
        sizes = {shard.phase.shape[1:] for shard in shards if len(shard)}
        if len(sizes) != 1:
            raise InputError(f"shards: found tile sizes {sorted(sizes)}, expected one; use shards of one recipe.")
        self._shards = [shard for shard in shards if len(shard)]
        contents = {shard.content for shard in self._shards}
        if len(contents) != 1:
            raise InputError(
                f"shards: found tiles of {' and '.join(sorted(contents))}, expected one; use shards of one kind."
            )
        self._where = [(s, i) for s, shard in enumerate(self._shards) for i in range(len(shard))]
        self._labels = [_labels_by_tile(shard) for shard in self._shards]
        self._targets = [
            _shard_targets(annotations, shard.phase.shape[-2:])
            for shard, annotations in zip(self._shards, self._labels, strict=True)
        ]

    @classmethod
    def read(cls, files: Sequence[tuple[Path, Path]]) -> ShardSet:
        """Read shards given as pairs of array and COCO file."""
        return cls([read_shard(arrays, coco) for arrays, coco in files])

    def __len__(self) -> int:
        return len(self._where)

    @property
    def tile_size_px(self) -> int:
        """Side of the tiles (rows)."""
        return int(self._shards[0].phase.shape[-2])

    @property
    def content(self) -> str:
        """What the tiles hold, see :attr:`Shard.content`."""
        return self._shards[0].content

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all phases, coherences and targets."""
        digest = hashlib.sha256()
        for shard, targets in zip(self._shards, self._targets, strict=True):
            for values in (shard.phase, shard.coherence, targets):
                digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def batch(self, numbers: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
        """Decode tiles: phase (n, y, x) or picture (n, bands, y, x), coherence and target (:func:`instance_target`)."""
        places = [self._where[n] for n in numbers]
        phase = np.stack([self._shards[s].phase[i] for s, i in places])
        coherence = np.stack([self._shards[s].coherence[i] for s, i in places])
        targets = np.stack([self._targets[s][i] for s, i in places])
        return decode_signal(phase), decode_share(coherence), targets

    def labels(self, number: int) -> list[Label]:
        """Instances of one tile."""
        shard, index = self._where[number]
        return [_decode_label(a, self._shards[shard].phase.shape[-2:]) for a in self._labels[shard][index]]


def _labels_by_tile(shard: Shard) -> list[list[dict[str, Any]]]:
    """COCO annotations of every tile, in the order of the arrays."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in shard.coco["annotations"]:
        found[annotation["image_id"]].append(annotation)
    return [found[image["id"]] for image in shard.coco["images"]]


def _shard_targets(tiles: Sequence[Sequence[dict[str, Any]]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Targets (n, y, x) of a shard's tiles from their annotations."""
    return np.stack([instance_target([_decode_label(a, shape) for a in annotations], shape) for annotations in tiles])


def _decode_label(annotation: dict[str, Any], shape: tuple[int, ...]) -> Label:
    """Undo :func:`_annotation`."""
    mask = decode_rle(annotation["segmentation"]["counts"], (shape[0], shape[1]))
    return Label(mask, bool(annotation["iscrowd"]), annotation["attributes"])


def instance_target(labels: Sequence[Label], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Paint labels into one map: 0 background, 1, 2, … the basins, IGNORED what is to be ignored.

    A basin wins over what is to be ignored, and of two basins that overlap the smaller one.

    Raises
    ------
    InputError
        If there are more basins than the map can number.
    """
    labels = sorted((label for label in labels if label.mask.any()), key=lambda label: -int(label.mask.sum()))
    target = np.zeros(shape, np.uint8)
    basins = [label for label in labels if not label.ignore]
    if len(basins) >= IGNORED:
        raise InputError(
            f"shard: found a tile with {len(basins)} basins, expected at most {IGNORED - 1}; cut smaller tiles."
        )
    for label in (label for label in labels if label.ignore):
        target[label.mask] = IGNORED
    for number, label in enumerate(basins, 1):
        target[label.mask] = number
    return target


def is_basin(target: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a target of :func:`instance_target` is any basin."""
    inside: NDArray[np.bool_] = (target > 0) & (target != IGNORED)
    return inside
