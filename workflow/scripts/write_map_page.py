"""Draw the map page of an area.

In: what the report of the area is written from, with coherence and the Gi* raster. Out: ``map.html``, one page that
needs no other file and no network.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch import map_page
from basinwatch.provenance import atomic_path, log_to
from basinwatch.report.products import as_lists, load

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def write_map_page(
    area: str, stacks: Mapping[str, bool], files: Mapping[str, str | Sequence[str]], rate_threshold_mm_yr: float,
    page: Path,
) -> None:  # fmt: skip
    """Read the products, draw and write."""
    products = load(area, stacks, as_lists(files))
    with atomic_path(page) as part:
        part.write_text(map_page.render(products, rate_threshold_mm_yr, "report.html"), encoding="utf-8")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_map_page(
        area=snakemake.wildcards.area,
        stacks=snakemake.params.stacks,
        files=dict(snakemake.input.items()),
        rate_threshold_mm_yr=float(snakemake.params.rate_threshold_mm_yr),
        page=Path(snakemake.output.page),
    )
