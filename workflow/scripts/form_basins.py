"""Form basins from what the detector said about one interferogram.

In: probability and objects of a pair, its coherence, the model's description. Out: ``instances.parquet`` (polygons with
score, area, coherence). Basins are connected regions of the probability, divided where the model shows several cores,
or the objects of all windows, merged where they are the same.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.grid import Grid
from basinwatch.inference import forming
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to
from basinwatch.vectors import write_geoparquet

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def form_basins(
    pair: Mapping[str, Path], description: Path, stack: str, wanted: Mapping[str, Any], merging: str, instances: Path
) -> None:
    """Form and write, with the pair's and the model's names in every row."""
    meta, spec = read_metadata(pair["meta"]), json.loads(description.read_text(encoding="utf-8"))
    found = forming.form_basins(
        pair["probability"],
        pair["objects"],
        pair["coherence"] if meta["coherence_present"] else None,
        Grid.from_dict(meta),
        forming.instance_settings(spec, wanted),
        merging,
    )
    facts = {"stack": stack} | {key: meta[key] for key in ("pair", "date1", "date2")}
    facts |= {"model": spec["name"], "weights_sha256": spec["weights_sha256"]}
    write_geoparquet(
        instances, found.assign(**{key: np.full(len(found), value, object) for key, value in facts.items()})
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    roles = ("probability", "objects", "coherence", "meta")
    form_basins(
        pair={role: Path(snakemake.input[role]) for role in roles},
        description=Path(snakemake.input.description),
        stack=snakemake.wildcards.stack,
        wanted=snakemake.params.settings,
        merging=snakemake.params.merging,
        instances=Path(snakemake.output.instances),
    )
