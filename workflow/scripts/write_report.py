"""Write the report of an area.

In: linked basins and their time line, and per stack the grid, activity, interferograms and, where there is a rate map,
rate, quality, network, clusters and comparison. Out: ``report.html``, one page that needs no other file, and its
figures as PNG for Snakemake's own report.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch import report
from basinwatch.provenance import atomic_path, log_to
from basinwatch.report.products import as_lists

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def write_report(
    area: str, stacks: Mapping[str, bool], files: Mapping[str, str | Sequence[str]], config: Mapping[str, Any],
    warnings: Sequence[str], page: Path, folder: Path,
) -> None:  # fmt: skip
    """Read the products, render and write."""
    products = report.load(area, stacks, as_lists(files))
    html, figures = report.render_with_figures(products, config, warnings, "map.html")
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in figures.items():
        (folder / f"{name}.png").write_bytes(png)
    with atomic_path(page) as part:
        part.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_report(
        area=snakemake.wildcards.area,
        stacks=snakemake.params.stacks,
        files=dict(snakemake.input.items()),
        config=snakemake.params.config,
        warnings=snakemake.params.warnings,
        page=Path(snakemake.output.report),
        folder=Path(snakemake.output.figures),
    )
