"""Map how the hot spots of a stack develop: new, lasting, growing, fading, gone.

In: displacement series, rate and quality of a stack, and detected basins (no noise is learnt there). Out:
``emerging.tif`` (pattern, score and p-value of the trend, number of epochs) and ``emerging.gpkg`` (areas of one
pattern, and the dates of the epochs). The series is cut into epochs; Gi* of the rate of each, and the test of Mann
(1945) and Kendall (1975) for a trend of the score, give the pattern.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from basinwatch.grid import Grid
from basinwatch.hotspots import EmergingSettings, HotspotSettings, map_emerging
from basinwatch.provenance import log_to
from basinwatch.vectors import read_placed, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def emerging_settings(config: Mapping[str, Any], min_level: int) -> EmergingSettings:
    """Translate the configuration's section; an epoch is significant where a pixel may join a cluster."""
    return EmergingSettings(min_level, config["lasting_share"], config["trend_p"])


def table_of(spans: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """List the epochs."""
    return pd.DataFrame(
        [(number, *span) for number, span in enumerate(spans, start=1)], columns=["epoch", "first_date", "last_date"]
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid, config = Grid.read(snakemake.input.grid), snakemake.params.settings
    settings = HotspotSettings.from_config(config)
    areas, spans = map_emerging(
        displacement=Path(snakemake.input.displacement),
        rate=Path(snakemake.input.rate),
        quality=Path(snakemake.input.quality),
        grid=grid,
        settings=settings,
        stable_mm_yr=snakemake.params.stable_mm_yr,
        patterns=Path(snakemake.output.patterns),
        epoch_days=config["emerging"]["epoch_days"],
        emerging=emerging_settings(config["emerging"], settings.min_level),
        detected=list(read_placed(snakemake.input.basins, grid, "basins").geometry),
    )
    write_geopackage(snakemake.output.areas, {"areas": areas, "epochs": table_of(spans)})
