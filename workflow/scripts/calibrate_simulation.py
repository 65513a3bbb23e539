"""Hold simulated tiles against real labelled ones and suggest settings of the simulator.

In: phase pictures and the label raster of each. Out: quantiles of both sets (``table.csv``, ``table.md``),
``suggestion.yaml`` with settings to try, and ``gallery.png``. The simulated tiles have sample numbers that no training
uses.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from basinwatch.calibration import reports
from basinwatch.calibration.pictures import read_tiles
from basinwatch.calibration.procedure import calibrate
from basinwatch.gallery import Strip, gallery
from basinwatch.provenance import atomic_path, log_to
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.sources import Sources

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def calibrate_simulation(
    pairs: Sequence[tuple[str, str]], format: str, section: Mapping[str, Any], count: int, outputs: Mapping[str, str]
) -> None:
    """Measure, compare, write; print the table."""
    settings, real = read_settings(section), read_tiles(pairs, format)
    result = calibrate(real, settings, count, Sources.open(settings))
    strips = [
        Strip("Real, as labelled by people", real[: len(result.shown)], outlines=True),
        Strip("Simulated", result.shown),
        Strip("Simulated, with labels", result.shown, outlines=True),
    ]
    contents = {
        "table": reports.to_csv(result.now).encode(),
        "readable": reports.to_markdown(result.now, len(real), count).encode(),
        "suggestion": reports.to_snippet(result.suggestion, result.now, result.then).encode(),
        "gallery": gallery(strips),
    }
    for name, content in contents.items():
        with atomic_path(outputs[name]) as part:
            part.write_bytes(content)
    print(contents["readable"].decode())


if __name__ == "__main__":
    log_to(snakemake.log[0])
    calibrate_simulation(
        pairs=list(zip(snakemake.input.images, snakemake.input.labels, strict=True)),
        format=snakemake.params.format,
        section=snakemake.params.settings,
        count=snakemake.params.tiles,
        outputs=dict(snakemake.output.items()),
    )
