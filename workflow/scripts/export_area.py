"""Write an area for other programs.

In: what the report of the area is written from. Out: a folder with styled vectors, a QGIS project, cloud-optimised
rasters, tables, a STAC catalogue and COCO labels; it may be copied anywhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.exports import export_area
from basinwatch.provenance import log_to
from basinwatch.report.products import as_lists, load

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def export(area: str, stacks: Mapping[str, bool], files: Mapping[str, str | Sequence[str]], folder: Path) -> None:
    """Read the products and write the folder."""
    paths = as_lists(files)
    export_area(load(area, stacks, paths), Path(paths["basins"][0]), folder)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    export(
        area=snakemake.wildcards.area,
        stacks=snakemake.params.stacks,
        files=dict(snakemake.input.items()),
        folder=Path(snakemake.output.folder),
    )
