"""Describe the network of a stack.

In: the pairs that were considered and, where there is one, the table of baselines. Out: ``pairs.csv`` (every pair with
its positions, length, perpendicular baseline in metres, and why it is kept or not) and ``network.png`` (scenes by date
and baseline). What the rate map will suffer from is logged as warnings.
"""

import csv
import logging
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from basinwatch.provenance import atomic_path, log_to
from basinwatch.sbas.baseline_plot import baseline_plot
from basinwatch.sbas.baselines import read_baselines
from basinwatch.sbas.network import Network
from basinwatch.stacks import dates_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("describe_network")


def with_baseline(link: Mapping[str, Any], baselines: Mapping[date, float]) -> dict[str, Any]:
    """Add the perpendicular baseline of a pair, as far as both dates have one."""
    first, second = (baselines.get(day) for day in dates_of(link["pair"]))
    known = first is not None and second is not None
    return {**link, "baseline_m": round(second - first, 2) if known else None}


def write_pairs(path: str, links: Sequence[Mapping[str, Any]]) -> None:
    """Write the table of pairs."""
    with atomic_path(path) as part, open(part, "w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, fieldnames=list(links[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(links)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    path, links = snakemake.input.get("baselines"), snakemake.params.links
    baselines = read_baselines(path) if path else {}
    write_pairs(snakemake.output.pairs, [with_baseline(link, baselines) for link in links])
    network = Network.of(dates_of(link["pair"]) for link in links if link["kept"])
    for remark in network.remarks():
        log.warning(remark)
    with atomic_path(snakemake.output.plot) as part:
        part.write_bytes(baseline_plot(snakemake.wildcards.stack, network, baselines).png)
