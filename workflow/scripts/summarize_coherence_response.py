"""Put the blocks of the coherence response together.

In: the rows of all blocks and the model's description. Out: ``pairs.csv``, ``summary.json`` (the coherence below which
model and reference detector lose their basins, in true and in estimated terms) and ``response.png``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.experiments import figures, response_summary
from basinwatch.experiments.logistic import RESAMPLES
from basinwatch.experiments.tables import provenance, read_blocks
from basinwatch.provenance import atomic_path, log_to, write_json

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def summarize_coherence_response(
    blocks: Sequence[Path], description: Path, settings: Mapping[str, Any], pairs: Path, summary: Path, picture: Path
) -> None:
    """Fit thresholds, draw and write."""
    rows = read_blocks(blocks)
    with atomic_path(pairs) as part:
        rows.to_csv(part, index=False, lineterminator="\n")
    with atomic_path(picture) as part:
        part.write_bytes(figures.response_figure(rows))
    found = response_summary.summary(rows, RESAMPLES, settings["seed"])
    write_json(summary, provenance(description, settings) | found)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    outputs = snakemake.output
    summarize_coherence_response(
        blocks=[Path(path) for path in snakemake.input.blocks],
        description=Path(snakemake.input.description),
        settings=snakemake.params.settings,
        pairs=Path(outputs.pairs),
        summary=Path(outputs.summary),
        picture=Path(outputs.picture),
    )
