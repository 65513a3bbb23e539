"""What an update of a rate map needs of the run before: files of one generation, and a manifest that names it.

A generation is written beside the one in use; only the manifest, replaced at the very end, makes it count. A job that
is killed leaves the old one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from basinwatch.fingerprints import Fingerprint
from basinwatch.grid import Grid
from basinwatch.provenance import write_json
from basinwatch.rasters import decode_share, encode_share
from basinwatch.sbas.components import Connection
from basinwatch.sbas.corrections.chain import Scene
from basinwatch.sbas.corrections.ground import Ground
from basinwatch.sbas.observations import Tally
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.settled import Settled
from basinwatch.sbas.state import StateMismatchError
from basinwatch.sbas.state_file import read_state, write_state

Float = NDArray[np.float32]

_MANIFEST = "manifest.json"
_PAIRS = "pairs"


@dataclass(frozen=True)
class Manifest:
    """What a generation was made of.

    Parameters
    ----------
    identity
        Hash of settings, code and geometry.
    generation
        Its number.
    reference_since
        ISO date of the last scene when the reference was chosen.
    dates, pairs, left_out
        ISO dates, names of the pairs, and of those without reference.
    settled
        Number of dates that any block has settled.
    files
        Fingerprint of every file, by its role.
    """

    identity: str
    generation: int
    reference_since: str
    dates: list[str]
    pairs: list[str]
    left_out: list[str]
    settled: int
    files: dict[str, Fingerprint]


@dataclass(frozen=True)
class Sample:
    """All pairs of a stack at chosen ground, and counts of all pixels.

    Parameters
    ----------
    ground
        The chosen ground.
    phase, coherence
        (m, P) of it.
    tally
        Valid pairs and coherence, (y, x).
    connection
        Pairs in which pixels hang together with the reference, (y, x), or None without components.
    fields
        (dates, P or 1) phase that was taken from every date.
    """

    ground: Ground
    phase: Float
    coherence: Float
    tally: Tally
    connection: Connection | None
    fields: Float


@dataclass(frozen=True)
class Remembered:
    """Pairs of one block.

    Parameters
    ----------
    numbers
        (k,) which pairs these are, increasing.
    phase, coherence
        (k, P) as read, and coherence or None where it is not needed.
    settled
        What is left of dates whose pairs are no longer here.
    """

    numbers: NDArray[np.int64]
    phase: Float
    coherence: Float | None
    settled: Settled | None


def read_manifest(folder: Path) -> Manifest:
    """Read which generation counts.

    Raises
    ------
    StateMismatchError
        If there is none.
    """
    path = folder / _MANIFEST
    if not path.exists():
        raise StateMismatchError(f"{path}: found none, expected that of an earlier run")
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as reason:
        raise StateMismatchError(f"{path}: cannot be read ({reason}), expected a file of this workflow") from reason


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make a generation the one that counts, and delete the others."""
    write_json(folder / _MANIFEST, asdict(manifest))
    clear_others(folder, manifest.generation)


def generation_folder(folder: Path, number: int) -> Path:
    """Folder of a generation."""
    return folder / f"{number:06d}"


def clear_others(folder: Path, number: int | None) -> None:
    """Delete all generations but one."""
    for other in folder.glob("[0-9]" * 6):
        if number is None or other != generation_folder(folder, number):
            shutil.rmtree(other)


def write_sample(folder: Path, sample: Sample) -> None:
    """Write the sample into a generation."""
    ground, tally = sample.ground, sample.tally
    tensors = {name: getattr(ground, name) for name in ("stable", "given", "inside", "control_mm_per_year")}
    tensors |= {"rows": ground.pixels.rows, "columns": ground.pixels.columns}
    tensors |= {name: getattr(sample, name) for name in ("phase", "coherence", "fields")}
    tensors |= {name: getattr(tally, name) for name in ("valid", "known", "total")}
    if sample.connection is not None:
        tensors |= vars(sample.connection)
    _save(folder / "sample.safetensors", tensors, {})


def read_sample(folder: Path, grid: Grid) -> Sample:
    """Read the sample of a generation.

    Raises
    ------
    StateMismatchError
        If it cannot be read.
    """
    tensors, _ = _load(folder / "sample.safetensors")
    pixels = Pixels(grid, tensors["rows"], tensors["columns"])
    marks = (tensors[name] for name in ("stable", "given", "inside", "control_mm_per_year"))
    counts = {name: tensors[name] for name in ("valid", "known", "total")}
    return Sample(
        ground=Ground(pixels, *marks),
        phase=tensors["phase"],
        coherence=tensors["coherence"],
        tally=Tally(pairs=len(tensors["phase"]), **counts),
        connection=Connection(tensors["joined"], tensors["unwrapped"]) if "joined" in tensors else None,
        fields=tensors["fields"],
    )


def write_block(folder: Path, name: str, block: Remembered, names: Sequence[str], identity: str) -> None:
    """Write a block into a generation; `names` are those of all pairs of the stack."""
    tensors: dict[str, NDArray[Any]] = {"phase": block.phase}
    if block.coherence is not None:
        tensors["coherence"] = encode_share(block.coherence)
    if block.settled is not None:
        tensors |= {key: getattr(block.settled, key) for key in ("frozen", "lengths", "loops")}
        write_state(folder / f"{name}.dates.safetensors", block.settled.state, identity)
    listed = [names[number] for number in block.numbers]
    _save(folder / f"{name}.pairs.safetensors", tensors, {_PAIRS: json.dumps(listed)})


def read_block(folder: Path, name: str, scene: Scene, identity: str) -> Remembered:
    """Read a block of a generation for the stack as it is now.

    Raises
    ------
    StateMismatchError
        If it cannot be read, or was made with other pairs or settings.
    """
    path = folder / f"{name}.pairs.safetensors"
    tensors, header = _load(path)
    settled = None
    if "frozen" in tensors:
        network = scene.network
        state, _ = read_state(folder / f"{name}.dates.safetensors", network.index, network.days, identity)
        settled = Settled(state, *(tensors[key] for key in ("frozen", "lengths", "loops")))
    coherence = decode_share(tensors["coherence"]) if "coherence" in tensors else None
    return Remembered(_numbers(header, scene.pair_names, path), tensors["phase"], coherence, settled)


def merged(old: tuple[NDArray[np.int64], Float], new: tuple[NDArray[np.int64], Float]) -> Float:
    """Put rows of old and new pairs in the order of their numbers."""
    order = np.argsort(np.concatenate([old[0], new[0]]))
    return np.concatenate([old[1], new[1]])[order]


def _numbers(header: Mapping[str, str], names: Iterable[str], path: Path) -> NDArray[np.int64]:
    """Numbers that the pairs of a block have now."""
    place = {name: number for number, name in enumerate(names)}
    try:
        return np.array([place[name] for name in json.loads(header[_PAIRS])], np.int64)
    except KeyError as missing:
        raise StateMismatchError(f"{path}: found pair {missing}, expected pairs of the stack") from missing


def _save(path: Path, tensors: Mapping[str, NDArray[Any]], header: dict[str, str]) -> None:
    """Write arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, path, header)


def _load(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read arrays and header."""
    try:
        with safe_open(path, framework="numpy") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}, stored.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as reason:
        raise StateMismatchError(
            f"{path}: cannot be read as a state ({reason}), expected a file of this workflow"
        ) from reason
