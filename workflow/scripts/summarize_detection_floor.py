"""Put the blocks of the detection floor together.

In: the rows of all blocks and the model's description. Out: ``cells.csv`` (A50 and A90 of every condition with
bootstrap intervals beside the ideal observer's floor), ``summary.json`` and ``floor.png``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.experiments import figures, floor_summary
from basinwatch.experiments.logistic import RESAMPLES
from basinwatch.experiments.tables import provenance, read_blocks
from basinwatch.provenance import atomic_path, log_to, write_json

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def summarize_detection_floor(
    blocks: Sequence[Path], description: Path, settings: Mapping[str, Any], cells: Path, summary: Path, picture: Path
) -> None:
    """Fit thresholds, draw and write."""
    rows = floor_summary.outcomes(read_blocks(blocks))
    table = floor_summary.cells(rows, RESAMPLES, settings["seed"])
    with atomic_path(cells) as part:
        table.to_csv(part, index=False, lineterminator="\n")
    with atomic_path(picture) as part:
        part.write_bytes(figures.floor_figure(rows, table))
    write_json(summary, provenance(description, settings) | floor_summary.summary(rows, table))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    outputs = snakemake.output
    summarize_detection_floor(
        blocks=[Path(path) for path in snakemake.input.blocks],
        description=Path(snakemake.input.description),
        settings=snakemake.params.settings,
        cells=Path(outputs.cells),
        summary=Path(outputs.summary),
        picture=Path(outputs.picture),
    )
