"""Search one block of twelve-day pairs of one field of moving basins.

In: a model. Out: one row per pair with true and estimated coherence, turbulence, and how many of the basins the model
and a reference detector of known place found. Pairs depend on the seed and their number alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.experiments import design, response
from basinwatch.experiments.controlled import Setup
from basinwatch.experiments.search import Search, open_search
from basinwatch.experiments.tables import write_rows
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def measure_coherence_response(
    scale: str, block: str, settings: Mapping[str, Any], search: Search, table: Path
) -> None:
    """Make the pairs of a block and write their rows."""
    levels = design.SCALES[scale]
    setup = response.scene(Setup.from_config(settings), levels.scene_px)
    field = response.moving_field(levels.basins, setup)
    reading, pairs = design.response_pairs(scale, block)
    write_rows(table, response.COLUMNS, response.measure(field, reading, pairs, setup, search))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    params = snakemake.params
    device = "auto" if snakemake.resources.get("gpu", 0) else "cpu"
    measure_coherence_response(
        scale=params.scale,
        block=snakemake.wildcards.block,
        settings=params.settings,
        search=open_search(Path(snakemake.input.weights).parent, params.thresholds, device, snakemake.threads),
        table=Path(snakemake.output.rows),
    )
