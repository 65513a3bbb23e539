"""Let the detector look at one interferogram.

In: wrapped phase, coherence, a tile grid, a model. Out: ``probability.tif`` (uint8; 0 = nothing was looked at) and
``objects.parquet`` (what an instance detector found in every window). The pair is searched in overlapping windows whose
probabilities are blended. Which basins that makes is the next rule's work, so other thresholds need no new search.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.grid import Grid
from basinwatch.inference.search import search
from basinwatch.inference.windows import SearchSettings
from basinwatch.interferogram import read_metadata
from basinwatch.models import load_model
from basinwatch.provenance import log_to
from basinwatch.tiling import TileTable

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def search_settings(config: Mapping[str, Any], table: TileTable) -> SearchSettings:
    """Translate the configuration's section and the tile grid."""
    return SearchSettings(
        window_px=table.size_px,
        step_px=table.step_px,
        min_window_coherence=config["min_coherence"],
        view_count=config["views"],
    )


def predict_probability(
    pair: Mapping[str, Path], model_folder: Path, stack: str, settings: SearchSettings, device: str, threads: int,
    probability: Path, objects: Path,
) -> None:  # fmt: skip
    """Search a pair (its ``phase``, ``coherence`` and ``meta`` files) and write what the detector says."""
    meta = read_metadata(pair["meta"])
    search(
        pair["phase"],
        pair["coherence"] if meta["coherence_present"] else None,
        load_model(model_folder),
        settings,
        probability=probability,
        objects=objects,
        grid=Grid.from_dict(meta),
        facts={"stack": stack} | {key: meta[key] for key in ("pair", "date1", "date2")},
        device=device,
        threads=threads,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    predict_probability(
        pair={role: Path(inputs[role]) for role in ("phase", "coherence", "meta")},
        model_folder=Path(inputs.weights).parent,
        stack=snakemake.wildcards.stack,
        settings=search_settings(snakemake.params.settings, TileTable.read(Path(inputs.tiles))),
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        threads=snakemake.threads,
        probability=Path(snakemake.output.probability),
        objects=Path(snakemake.output.objects),
    )
