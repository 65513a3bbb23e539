"""Write the report of an area.

In: linked basins and their time line, and per stack the grid, activity, interferograms and, where there is a rate map,
rate, quality, network, clusters and comparison. Out: ``report.html``, one page that needs no other file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch import report
from basinwatch.provenance import atomic_path, log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def as_lists(inputs: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    """Give every role a list of paths, also the roles that name a single file."""
    return {role: [paths] if isinstance(paths, str) else list(paths) for role, paths in inputs.items()}


def write_report(
    area: str, stacks: Mapping[str, bool], files: Mapping[str, str | Sequence[str]], config: Mapping[str, Any],
    warnings: Sequence[str], page: Path,
) -> None:  # fmt: skip
    """Read the products, render and write."""
    products = report.load(area, stacks, as_lists(files))
    with atomic_path(page) as part:
        part.write_text(report.render(products, config, warnings), encoding="utf-8")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_report(
        area=snakemake.wildcards.area,
        stacks=snakemake.params.stacks,
        files=dict(snakemake.input.items()),
        config=snakemake.params.config,
        warnings=snakemake.params.warnings,
        page=Path(snakemake.output.report),
    )
