"""Print the report of an area.

In: the page. Out: ``report.pdf``, made by a browser without a window.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.report.printing import print_page

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    print_page(page=Path(snakemake.input.report), pdf=Path(snakemake.output.pdf))
