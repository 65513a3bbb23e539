"""State of an incremental inversion on disk, and whether it belongs to the stack at hand."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from basinwatch.provenance import atomic_path, software, text_hash
from basinwatch.sbas.banded import TRACE
from basinwatch.sbas.state import State, StateMismatchError
from basinwatch.sbas.window import Block, Method

_HEADER = "state"


def write_state(path: str | Path, state: State, source: str) -> None:
    """Write a state atomically, as safetensors.

    Parameters
    ----------
    path
        File to write.
    source
        Whatever else the state depends on, in a form that changes with it: hashes of the pairs' files and of the
        settings they were read, referenced and weighted with.
    """
    header = {
        "identity": _identity(state.days, state.pairs, source),
        "days": state.days.tolist(),
        "pairs": state.pairs.tolist(),
        "method": asdict(state.method),
        "blocks": len(state.blocks),
    }
    tensors: dict[str, NDArray[Any]] = {}
    for number, block in enumerate(state.blocks):
        tensors |= {f"{number}.{name}": np.ascontiguousarray(values) for name, values in _arrays(block).items()}
    with atomic_path(path) as part:
        part.write_bytes(save(tensors, {_HEADER: json.dumps(header)}))


def read_state(
    path: str | Path, pairs: NDArray[np.integer[Any]], days: NDArray[np.floating[Any]], source: str
) -> tuple[State, NDArray[np.bool_]]:
    """Read the state of the first dates of a stack.

    Parameters
    ----------
    path
        File of :func:`write_state`.
    pairs, days
        The stack as it is now, (m, 2) and (dates,).
    source
        What :func:`write_state` was given, formed for the pairs of the state's dates.

    Returns
    -------
    state, new
        The state, and which of the pairs (m,) it does not hold yet: append these, and the days after the state's.

    Raises
    ------
    StateMismatchError
        If the file cannot be read, or was written for other dates, pairs, settings or by another version.
    """
    try:
        with safe_open(path, framework="numpy") as stored:
            header = json.loads((stored.metadata() or {})[_HEADER])
            n_dates = len(header["days"])
            new = pairs[:, 1] >= n_dates
            if header["identity"] != _identity(days[:n_dates], pairs[~new], source):
                raise StateMismatchError(
                    f"{path}: written for other dates, pairs, settings or by another version, expected a state of "
                    f"this stack's first {n_dates} dates"
                )
            blocks = tuple(_block(stored, number) for number in range(header["blocks"]))
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as reason:
        raise StateMismatchError(
            f"{path}: cannot be read as a state ({reason}), expected a file of this workflow"
        ) from reason
    state = State(
        days=np.asarray(header["days"], np.float64),
        pairs=np.asarray(header["pairs"], np.int64).reshape(-1, 2),
        method=Method(**header["method"]),
        blocks=blocks,
    )
    return state, new


def _identity(days: NDArray[np.floating[Any]], pairs: NDArray[np.integer[Any]], source: str) -> str:
    """Hash of everything a state depends on; the order of pairs is no part of it."""
    listed = sorted(map(tuple, pairs.tolist()))
    return text_hash([[float(day) for day in days], listed, source, TRACE, software()])


def _arrays(block: Block) -> dict[str, NDArray[Any]]:
    """Arrays of a block by name; the closed dates in one."""
    closed = np.stack(block.closed) if block.closed else block.open[:0, :-1]
    return vars(block) | {"closed": closed}


def _block(stored: Any, number: int) -> Block:
    """Undo :func:`_arrays`."""
    arrays = {name: stored.get_tensor(f"{number}.{name}") for name in (field.name for field in fields(Block))}
    return Block(**(arrays | {"closed": tuple(arrays["closed"])}))
