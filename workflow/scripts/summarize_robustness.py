"""Put the figures of a model under all disturbances together.

In: the figures of every disturbance. Out: all of them (``table.csv``), the usual ones to read (``table.md``) and a
picture.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from basinwatch.evaluation.robustness import robustness_figure, robustness_markdown
from basinwatch.provenance import atomic_path, log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def summarize_robustness(figures: Sequence[Path], table: Path, readable: Path, picture: Path) -> None:
    """Join, draw and write."""
    joined = pd.concat([pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in figures])
    with atomic_path(table) as part:
        joined.to_csv(part, index=False, lineterminator="\n", float_format="%.6g")
    with atomic_path(readable) as part:
        part.write_text(robustness_markdown(joined), encoding="utf-8")
    with atomic_path(picture) as part:
        part.write_bytes(robustness_figure(joined))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    outputs = snakemake.output
    summarize_robustness(
        figures=[Path(path) for path in snakemake.input.figures],
        table=Path(outputs.table),
        readable=Path(outputs.readable),
        picture=Path(outputs.picture),
    )
