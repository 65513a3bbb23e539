"""What years of operation ask for: kills survived, graphs of many jobs, the cost of one more scene, large frames.

Run with ``make bench NAME=operate``; ``python benchmarks/operate.py dag update --pairs 500`` measures parts, or smaller
ones, and prints without writing.

``kills_survived``
    Kills (SIGKILL to Snakemake and all its jobs) at random moments after which the results still end with the bytes of
    an undisturbed run; 0 if they do not.
``dag_5000_pairs_s``, ``dag_5000_pairs_peak_gb``
    CPU seconds and memory of ``snakemake --dry-run --quiet`` for one stack of 5000 pairs, each of which takes four
    jobs, nothing run yet. Planning is one thread that hardly waits for anything: on an idle core as many seconds by
    the clock.
``dag_20000_pairs_s``, ``dag_20000_pairs_peak_gb``
    The same for four such stacks in one area.
``dag_20000_pairs_floor_s``, ``dag_20000_pairs_floor_gb``
    The same for a workflow of as many empty jobs with as many files per pair (``empty_plan.smk``): Snakemake's share.
``update_share_of_full_run``, ``update_io_share_of_full_run``
    CPU time of the run that takes up scene 132 over that of the run with the 131 before it, and blocks read from and
    written to the disk, with libraries that fell out of the cache. The rate map and its memory are written whole.
``frame_20000_peak_gb``
    Largest memory of a job that ingests, searches, outlines, mosaics or maps the hot spots of 20 000 × 20 000 pixels.
    The rate map under the hot spots is given: estimating one holds every layer whole (``rate_bytes_per_px``).
``rate_bytes_per_px``
    Memory of the job that estimates the rate map of 5000 × 5000 pixels, over that of one of 200 × 200.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml
from document import DOCUMENT, ROOT, write_tables
from rasterio.windows import Window
from shapely.geometry import box

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.grid import Grid
from basinwatch.linking import LinkSettings, link
from basinwatch.rasters import BLOCK_PX, create_raster
from basinwatch.vectors import write_geopackage

from tests.workflow.conftest import DEM_PAR
from tests.workflow.kills import digests, killed_runs, unlock

FIRST = date(2018, 1, 3)
FRAME_RULES = ("ingest_interferogram", "predict_probability", "form_basins", "mosaic_basins", "map_hotspots")
ROWS = 500
STABLE_PX = 40


def workspace(folder: Path) -> Path:
    """Folder with the workflow and nothing else."""
    folder.mkdir()
    for name in ("Snakefile", "workflow", "envs", "profiles", "resources"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("config", "raw", "results"):
        (folder / name).mkdir()
    return folder


def configure(folder: Path, stacks: dict[str, object], **sections: object) -> None:
    """Write the configuration."""
    (folder / "config/config.yaml").write_text(yaml.safe_dump({"stacks": stacks} | sections))


def stack_entry(predecessors: int, phase: str = "raw/{pair}") -> dict[str, object]:
    """Entry of a stack of GAMMA files with unwrapped phase."""
    files = {"phase": f"{phase}.diff", "coherence": f"{phase}.cc", "unwrapped": f"{phase}.unw"}
    network = {"predecessors": predecessors}
    return {"format": "gamma", "scenes": "scenes.csv", "header": "raw/grid.dem_par", "network": network} | files


def write_scenes(folder: Path, scenes: Sequence[date], side: int, predecessors: int = 1) -> None:
    """List scenes, and write the files of the pairs that are not there yet."""
    (folder / "scenes.csv").write_text("date\n" + "".join(f"{scene}\n" for scene in scenes))
    (folder / "raw/grid.dem_par").write_text(DEM_PAR.format(size=side, post=20))
    for later, second in enumerate(scenes):
        for first in scenes[max(0, later - predecessors) : later]:
            stem = folder / f"raw/{first:%Y%m%d}_{second:%Y%m%d}"
            if not stem.with_suffix(".diff").exists():
                write_pair(stem, side, (second - first).days)


def write_pair(stem: Path, side: int, days: int) -> None:
    """Write sinking bowls 3 km apart, strip by strip: interferogram, coherence, unwrapped phase."""
    rng = np.random.default_rng([int(text) for text in stem.name.split("_")])
    with stem.with_suffix(".diff").open("wb") as phase, stem.with_suffix(".cc").open("wb") as coherence, \
            stem.with_suffix(".unw").open("wb") as unwrapped:  # fmt: skip
        for top in range(0, side, ROWS):
            rows, columns = np.mgrid[top : min(top + ROWS, side), :side].astype(np.float32)
            squares = (rows % 150 - 75) ** 2 + (columns % 150 - 75) ** 2
            values = 4.0 * days / 12 * np.exp(-squares / 200) * (rows > STABLE_PX)
            values += rng.normal(0, 0.2, values.shape).astype(np.float32)
            np.exp(1j * values).astype(">c8").tofile(phase)
            np.full(values.shape, 0.8).astype(">f4").tofile(coherence)
            values.astype(">f4").tofile(unwrapped)


def snakemake(folder: Path, *arguments: str, cores: str = "2") -> dict[str, float]:
    """Run and return wall and CPU seconds, Snakemake's own memory (GB) and blocks read and written."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--cores", cores, *arguments]
    with (folder / "output.log").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        _, status, own = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        raise SystemExit((folder / "output.log").read_text()[-4000:])
    return {
        "wall_s": time.perf_counter() - begin,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_gb": own.ru_maxrss * 1024 / 1e9,
        "blocks": after.ru_inblock + after.ru_oublock - before.ru_inblock - before.ru_oublock,
    }


def days_of(count: int) -> list[date]:
    """Scenes of every sixth day."""
    return [FIRST + timedelta(6 * number) for number in range(count)]


def plan(folder: Path, pairs: int, stacks: int = 4) -> dict[str, float]:
    """Plan stacks of so many pairs, three predecessors each; the files are there and empty."""
    plan_files(folder, pairs, stacks)
    return snakemake(folder, "--dry-run", "--quiet")


def plan_floor(folder: Path, pairs: int, stacks: int = 4) -> dict[str, float]:
    """Plan as many empty jobs over the same files."""
    plan_files(folder, pairs, stacks)
    return snakemake(folder, "--dry-run", "--quiet", "--snakefile", str(ROOT / "benchmarks/empty_plan.smk"))


def plan_files(folder: Path, pairs: int, stacks: int) -> None:
    """Write the configuration and the empty files of stacks of so many pairs."""
    workspace(folder)
    scenes = days_of(pairs // 3 + 2)
    (folder / "scenes.csv").write_text("date\n" + "".join(f"{scene}\n" for scene in scenes))
    (folder / "raw/grid.dem_par").touch()
    names = [f"track{number}" for number in range(stacks)]
    for name in names:
        (folder / "raw" / name).mkdir()
        for later, second in enumerate(scenes):
            for first in scenes[max(0, later - 3) : later]:
                for suffix in ("diff", "cc", "unw"):
                    (folder / f"raw/{name}/{first:%Y%m%d}_{second:%Y%m%d}.{suffix}").touch()
    configure(folder, {name: stack_entry(3, f"raw/{name}/{{pair}}") for name in names},
              areas={"land": {"stacks": names}})  # fmt: skip


def dag(folder: Path, sizes: argparse.Namespace) -> dict[str, float]:
    """Build the graph of many pairs of one stack and of four, and of as many empty jobs."""
    one = plan(folder.with_name("one"), sizes.pairs, stacks=1)
    ours, empty = plan(folder, sizes.pairs), plan_floor(folder.with_name("empty"), sizes.pairs)
    return {
        "dag_5000_pairs_s": one["cpu_s"],
        "dag_5000_pairs_peak_gb": one["peak_gb"],
        "dag_20000_pairs_s": ours["cpu_s"],
        "dag_20000_pairs_peak_gb": ours["peak_gb"],
        "dag_20000_pairs_floor_s": empty["cpu_s"],
        "dag_20000_pairs_floor_gb": empty["peak_gb"],
    }


def kills(folder: Path, sizes: argparse.Namespace) -> dict[str, float]:
    """Kill a small stack's run over and over."""
    undisturbed, disturbed = workspace(folder), workspace(folder.with_name("disturbed"))
    for one in (undisturbed, disturbed):
        write_scenes(one, days_of(5), 150)
        configure(one, {"mine": stack_entry(1)}, sbas={"reference_coherence": 0.5})
    wall_s = snakemake(undisturbed)["wall_s"]
    hit = killed_runs(disturbed, sizes.kills, seed=9, longest_s=wall_s / 3)
    unlock(disturbed)
    snakemake(disturbed)
    same = digests(disturbed) == digests(undisturbed)
    print(f"killed while at work: {', '.join(sorted(hit))}")
    return {"kills_survived": sizes.kills if same else 0}


def update(folder: Path, sizes: argparse.Namespace) -> dict[str, float]:
    """Take up the last scene of a stack."""
    workspace(folder)
    scenes, side = days_of(sizes.scenes), 200
    place = box(350_000, 5_560_000 - 20 * STABLE_PX, 350_000 + 20 * side, 5_560_000)
    write_geopackage(folder / "place.gpkg", {"place": gpd.GeoDataFrame(geometry=[place], crs="EPSG:32634")})
    rate = {"incremental": True, "reference_coherence": 0.5, "reference": {"place": "place.gpkg"}}
    configure(folder, {"mine": stack_entry(1)}, sbas=rate)
    write_scenes(folder, scenes[:-1], side)
    full = snakemake(folder)
    write_scenes(folder, scenes, side)
    more = snakemake(folder)
    return {
        "update_share_of_full_run": more["cpu_s"] / full["cpu_s"],
        "update_io_share_of_full_run": more["blocks"] / max(full["blocks"], 1),
    }


def frame(folder: Path, sizes: argparse.Namespace) -> dict[str, float]:
    """Take one large pair from the producer's files to its basins, and a large rate map to hot spots."""
    pair = single_pair(folder, sizes.side, {"reference_coherence": 0.5})
    snakemake(folder, f"results/areas/mine/basinnet/mosaic/{pair}.gpkg", "results/areas/mine/basinnet/basins.gpkg",
              cores="1")  # fmt: skip
    write_rate(folder / "results/mine")
    snakemake(folder, "results/mine/hotspots/gi_star.tif", "--allowed-rules", "map_hotspots", cores="1")
    peaks = {rule: peak_gb(folder, rule) for rule in FRAME_RULES}
    print(", ".join(f"{rule} {peak:.2f} GB" for rule, peak in peaks.items()))
    return {"frame_20000_peak_gb": max(peaks.values()), "rate_bytes_per_px": rate_bytes_per_px(folder, sizes.side // 4)}


def write_rate(folder: Path) -> None:
    """Write a rate map as the workflow does, strip by strip: noise, a bowl every 3 km, all of it measured."""
    grid, rng, paths = Grid.read(folder / "grid.json"), np.random.default_rng(1), folder / "sbas"
    paths.mkdir()
    bands = {"rate": ["rate_mm_yr", "rate_sigma_mm_yr"], "quality": ["measured"]}
    with create_raster(paths / "rate.tif", grid, "float32", bands=bands["rate"]) as rate, \
            create_raster(paths / "quality.tif", grid, "float32", bands=bands["quality"]) as quality:  # fmt: skip
        for top in range(0, grid.height, BLOCK_PX):
            rows, columns = np.ogrid[top : min(top + BLOCK_PX, grid.height), : grid.width]
            bowls = np.exp(-((rows % 150 - 75) ** 2) / 200) * np.exp(-((columns % 150 - 75) ** 2) / 200)
            values, ones = rng.normal(0, 2, bowls.shape) - 100 * bowls, np.ones((1, *bowls.shape))
            window = Window(0, top, grid.width, len(rows))
            rate.write(np.stack([values, ones[0]]).astype(np.float32), window=window)
            quality.write(ones.astype(np.float32), window=window)


def rate_bytes_per_px(folder: Path, side: int) -> float:
    """Memory per pixel of estimating a rate map, beyond what a small one takes."""
    peaks = []
    for size in (200, side):
        place = folder.with_name(f"rate{size}")
        single_pair(place, size, {"reference_coherence": 0.5})
        snakemake(place, "results/mine/sbas/rate.tif", cores="1")
        peaks.append(peak_gb(place, "estimate_rate"))
    return (peaks[1] - peaks[0]) * 1e9 / (side**2 - 200**2)


def single_pair(folder: Path, side: int, sbas: dict[str, object] | None) -> str:
    """Set up a stack of one pair, rated if there are settings for it; return the pair's name."""
    workspace(folder)
    first, second = days_of(2)
    write_scenes(folder, [first, second], side)
    configure(folder, {"mine": stack_entry(1) | {"rate": sbas is not None}}, sbas=sbas or {})
    return f"{first:%Y%m%d}_{second:%Y%m%d}"


def peak_gb(folder: Path, rule: str) -> float:
    """Largest resident memory of a rule's jobs, from Snakemake's benchmark files."""
    logs = folder / "logs/benchmarks"
    found = [path for path in logs.rglob("*.tsv") if rule in path.relative_to(logs).with_suffix("").parts]
    rows = [row for path in found for row in csv.DictReader(path.open(), delimiter="\t")]
    return max(float(row["max_rss"]) for row in rows) * 1.048576e-3


@dataclass(frozen=True)
class Cost:
    """What a thing of some size costs; `peak_gb` is None where it was not measured."""

    what: str
    unit: str
    size: float
    seconds: float
    peak_gb: float | None = None


def growth(folder: Path, sizes: argparse.Namespace) -> list[Cost]:
    """How cost grows: the plan with pairs, a pair's jobs with pixels, linking with basins."""
    folder.mkdir()
    found = []
    for pairs in (sizes.pairs // 8, sizes.pairs // 4, sizes.pairs // 2):
        cost = plan(folder / f"plan{pairs}", pairs)
        found.append(Cost("plan of four stacks", "pairs each", pairs, cost["cpu_s"], cost["peak_gb"]))
    found += [one_pair(folder / f"side{side}", side) for side in (sizes.side // 20, sizes.side // 10, sizes.side // 5)]
    counts = (100, 1000, 10_000)
    return found + [Cost("linking 20 pairs", "basins each", count, linking_s(count, 20)) for count in counts]


def one_pair(folder: Path, side: int) -> Cost:
    """CPU seconds and largest job of one pair, from its files to its basins, on one core."""
    pair = single_pair(folder, side, None)
    cost = snakemake(folder, f"results/areas/mine/basinnet/mosaic/{pair}.gpkg", cores="1")
    peak = max(peak_gb(folder, rule) for rule in FRAME_RULES[:-1])
    return Cost("one pair to its basins, one core", "million pixels", side**2 / 1e6, cost["cpu_s"], peak)


def table_of(costs: Sequence[Cost]) -> str:
    """Markdown table."""
    lines = ["| what | size | seconds | peak GB |", "|---|---|---|---|"]
    for one in costs:
        peak = "" if one.peak_gb is None else f"{one.peak_gb:.2f}"
        lines.append(f"| {one.what} | {one.size:g} {one.unit} | {one.seconds:.1f} | {peak} |")
    return "\n".join(lines) + "\n"


def draw(costs: Sequence[Cost], path: Path) -> None:
    """Draw seconds over size, a panel per thing, both from 0 on."""
    names = list(dict.fromkeys(one.what for one in costs))
    figure, panels = plt.subplots(1, len(names), figsize=(11, 3), layout="constrained", squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        own = [one for one in costs if one.what == name]
        panel.plot([one.size for one in own], [one.seconds for one in own], "o-")
        panel.set(title=name, xlabel=own[0].unit, ylabel="seconds", xlim=(0, None), ylim=(0, None))
        panel.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def linking_s(basins: int, pairs: int) -> float:
    """CPU seconds of linking so many basins of so many pairs."""
    rng, side = np.random.default_rng(0), int(np.ceil(np.sqrt(basins)))
    places = np.stack(np.divmod(np.arange(basins), side), axis=1) * 1000.0
    parts = []
    for number, (first, second) in enumerate(zip(days_of(pairs + 1), days_of(pairs + 1)[1:], strict=False)):
        corners = places + rng.uniform(-30, 30, places.shape)
        columns = {"pair": f"{first:%Y%m%d}_{second:%Y%m%d}", "stack": "mine", "date1": f"{first}",
                   "date2": f"{second}", "score": 0.9}  # fmt: skip
        outlines = [box(x, y, x + 300, y + 300 + number) for x, y in corners]
        parts.append(gpd.GeoDataFrame(columns, geometry=outlines, index=range(basins), crs="EPSG:32634"))
    table = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True))
    begin = time.process_time()
    link(table, LinkSettings())
    return time.process_time() - begin


ROOMS: dict[str, Callable[[Path, argparse.Namespace], dict[str, float]]] = {
    "dag": dag, "kills": kills, "update": update, "frame": frame,
}  # fmt: skip


def main() -> None:
    """Measure, print; write if everything was measured at full size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", choices=[*ROOMS, "growth", []], help="all by default")
    for name, default in (("pairs", 5000), ("kills", 50), ("scenes", 132), ("side", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = parser.parse_args()
    rooms = sizes.rooms or [*ROOMS, "growth"]
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for room in rooms:
            if room in ROOMS:
                measured = ROOMS[room](Path(name, room), sizes)
                found |= measured
                print(*(f"figure {key} {value:.4g}" for key, value in measured.items()), sep="\n", flush=True)
        costs = growth(Path(name, "growth"), sizes) if "growth" in rooms else []
    print(table_of(costs))
    if not sys.argv[1:]:
        rows = [f"| {key} | {value:.3g} |" for key, value in found.items()]
        draw(costs, DOCUMENT.with_name("growth.png"))
        picture = "![Seconds over pairs, pixels and basins](growth.png)\n"
        write_tables(
            "operate", ["\n".join(["| figure | value |", "|---|---|", *rows]) + "\n", table_of(costs), picture]
        )


if __name__ == "__main__":
    main()
