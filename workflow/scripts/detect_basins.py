"""Find basins in one interferogram.

In: wrapped phase, coherence, a tile grid, a model. Out: ``instances.parquet`` (polygons with score, area, coherence)
and ``probability.tif`` (uint8; 0 = nothing was looked at). The pair is searched in overlapping windows whose
probabilities are blended; instances are connected regions of the blended map.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.grid import Grid
from basinwatch.inference import DetectionSettings, detect, write_detection
from basinwatch.interferogram import read_metadata
from basinwatch.models import load_model
from basinwatch.provenance import log_to
from basinwatch.tiling import TileTable

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def detection_settings(config: Mapping[str, Any], table: TileTable) -> DetectionSettings:
    """Translate the configuration's section and the tile grid."""
    return DetectionSettings(
        window_px=table.size_px,
        step_px=table.step_px,
        min_window_coherence=config["min_coherence"],
        threshold=config["threshold"],
        peak_threshold=config["peak_threshold"],
        min_area_px=config["min_area_px"],
    )


def detect_basins(
    pair: Mapping[str, Path], model_folder: Path, stack: str, settings: DetectionSettings, device: str, threads: int,
    instances: Path, probability: Path,
) -> None:  # fmt: skip
    """Search a pair (its ``phase``, ``coherence`` and ``meta`` files) and write what was found."""
    meta = read_metadata(pair["meta"])
    model = load_model(model_folder)
    detection = detect(
        pair["phase"],
        pair["coherence"] if meta["coherence_present"] else None,
        model,
        settings,
        device=device,
        threads=threads,
        grid=Grid.from_dict(meta),
    )
    facts = {"stack": stack} | {key: meta[key] for key in ("pair", "date1", "date2")}
    write_detection(detection, probability, instances, model, facts)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    detect_basins(
        pair={role: Path(inputs[role]) for role in ("phase", "coherence", "meta")},
        model_folder=Path(inputs.weights).parent,
        stack=snakemake.wildcards.stack,
        settings=detection_settings(snakemake.params.settings, TileTable.read(Path(inputs.tiles))),
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        threads=snakemake.threads,
        instances=Path(snakemake.output.instances),
        probability=Path(snakemake.output.probability),
    )
