"""Search one block of tiles with basins of known size and strength.

In: a model. Out: one row per tile with its condition, the ideal observer's d′, whether the basin was detected, how well
it was delineated, and false basins. Tiles depend on the seed and their number alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.experiments import design, floor
from basinwatch.experiments.controlled import Setup
from basinwatch.experiments.search import Search, open_search
from basinwatch.experiments.tables import write_rows
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def measure_detection_floor(scale: str, block: str, settings: Mapping[str, Any], search: Search, table: Path) -> None:
    """Make the trials of a block and write their rows."""
    trials = design.floor_trials(scale, block)
    write_rows(table, floor.COLUMNS, floor.measure(trials, Setup.from_config(settings), search))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    params = snakemake.params
    device = "auto" if snakemake.resources.get("gpu", 0) else "cpu"
    measure_detection_floor(
        scale=params.scale,
        block=snakemake.wildcards.block,
        settings=params.settings,
        search=open_search(Path(snakemake.input.weights).parent, params.thresholds, device, snakemake.threads),
        table=Path(snakemake.output.rows),
    )
