"""Activity of a stack that grows: the detections of new pairs are added to what is known of the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from basinwatch.activity.days import ActivityState
from basinwatch.fingerprints import ChangedFileError, fingerprints

log = logging.getLogger(__name__)

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class DetectedPair:
    """Detections of one pair.

    Parameters
    ----------
    first, second
        Earlier and later date.
    files
        Everything that `read` reads.
    read
        Returns the detected and the observed pixels (y, x).
    """

    first: date
    second: date
    files: Sequence[Path]
    read: Callable[[], tuple[Bool, Bool]]


def update(path: Path, pairs: Sequence[DetectedPair], shape: tuple[int, int], code: str) -> ActivityState:
    """Add the pairs that a saved state lacks; start anew where the state does not fit.

    Parameters
    ----------
    path
        Where :meth:`~basinwatch.activity.days.ActivityState.save` wrote, if it ever did.
    pairs
        Of the whole stack; at least one.
    shape
        Rows and columns.
    code
        Changes when a result may change with the code.

    Returns
    -------
    ActivityState
        Of all pairs, to be saved when the products are written; its activity is the same to the last bit whatever
        was known before.
    """
    files = {f"{one.first} {one.second} {path.name}": path for one in pairs for path in one.files}
    try:
        state = _recalled(path, pairs, shape, code)
        found = fingerprints(files, json.loads(state.key)["files"])
    except (OSError, ValueError, KeyError, BadZipFile) as reason:
        log.info("all %d pairs are added up: %s", len(pairs), reason)
        state, found = ActivityState(shape), fingerprints(files, {})
    missing = sorted((one for one in pairs if (one.first, one.second) not in state), key=lambda one: one.first)
    log.info("%d of %d pairs are new", len(missing), len(pairs))
    reach = max(one.second - one.first for one in pairs)
    for one in missing:
        # A pair of the next scene may reach back as far as the longest pair so far.
        state.close(one.first - reach)
        state.add(one.first, one.second, *one.read())
    state.key = json.dumps({"code": code, "files": found})
    return state


def _recalled(path: Path, pairs: Sequence[DetectedPair], shape: tuple[int, int], code: str) -> ActivityState:
    """Read a state that the pairs can be added to."""
    state = ActivityState.load(path)
    dates = [(one.first, one.second) for one in pairs]
    if json.loads(state.key)["code"] != code or not state.continues_to(dates, shape, 0, state.key):
        raise ChangedFileError(f"{path}: found other pairs or code, expected those of this stack")
    return state
