"""Put the scores of several models side by side.

In: scores of every model. Out: all figures (``table.csv``), and the usual ones to read (``table.md``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from basinwatch.evaluation.tables import figure_table, read_scores, to_markdown
from basinwatch.provenance import atomic_path, log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def tabulate_evaluation(scores: Sequence[Path], table: Path, readable: Path) -> None:
    """Join and write."""
    everything = read_scores(scores)
    with atomic_path(table) as part:
        joined = pd.concat([figure_table(one) for one in everything])
        joined.to_csv(part, index=False, lineterminator="\n", float_format="%.6g")
    with atomic_path(readable) as part:
        part.write_text(to_markdown(everything), encoding="utf-8")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    tabulate_evaluation(
        scores=[Path(path) for path in snakemake.input.scores],
        table=Path(snakemake.output.table),
        readable=Path(snakemake.output.readable),
    )
