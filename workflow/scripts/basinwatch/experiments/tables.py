"""Results on disk: one CSV file per block of an experiment, read together again, and where they come from."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from basinwatch.provenance import atomic_path, package_versions

_WORDS = ("design", "shape", "reading")


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as they come; None becomes an empty cell."""
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_blocks(paths: Sequence[Path]) -> pd.DataFrame:
    """Read the tables of all blocks as one; empty cells are NaN, and words such as ``none`` or ``true`` stay words."""
    words = dict.fromkeys(_WORDS, str)
    tables = [pd.read_csv(path, dtype=words, keep_default_na=False, na_values=[""]) for path in paths]
    return pd.concat(tables, ignore_index=True)


def provenance(description: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Which model was tried, how, and with which software.

    Parameters
    ----------
    description
        ``model.json`` of the model.
    settings
        The experiment's section of the configuration.
    """
    model = json.loads(description.read_text(encoding="utf-8"))
    return {
        "model": model["name"],
        "weights_sha256": model["weights_sha256"],
        "settings": dict(settings),
        "versions": package_versions(),
    }
