"""Inversion, incremental state, hotspots, fusion and a whole frame of the rate branch, beside their peers.

Run with ``make bench NAME=sbas``. Every figure is a ratio of CPU times (or of memory) in this run, or a peak in GB; the
whole frame takes ten minutes. Prints ``figure NAME VALUE`` lines and rewrites the table of docs/benchmarks.md.
"""

from __future__ import annotations

import os

# Set before numpy is imported: waiting threads of a matrix library would count as CPU time.
os.environ["OMP_NUM_THREADS"] = "1"

import sbas_fusion
import sbas_hotspots
import sbas_inversion
import sbas_rate
import sbas_update
from document import write_tables


def main() -> None:
    """Measure room by room, print, write."""
    figures: dict[str, float] = {}
    for room in (sbas_inversion, sbas_hotspots, sbas_fusion, sbas_update, sbas_rate):
        for name, value in room.figures().items():
            print(f"figure {name} {value:.4g}", flush=True)
            figures[name] = value
    rows = "\n".join(f"| {name} | {value:.3g} |" for name, value in figures.items())
    write_tables("sbas", [f"| figure | value |\n|---|---|\n{rows}\n"])


if __name__ == "__main__":
    main()
