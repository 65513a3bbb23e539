"""Full frames: how much a search costs beyond its network, how much memory it takes, and SAHI doing the same.

Run with ``make bench NAME=frames``, some ten minutes. CPU seconds of one thread, so that other work on the machine
counts little; only the two scenes of the paper are timed by the clock with all threads. What is compared runs in turns,
and of each the fastest run counts. Frames are simulated tiles laid side by side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import yaml
from document import ROOT, write_tables
from numpy.typing import NDArray
from rasterio.windows import Window

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch import detectors
from basinwatch.compute import prepare_cpu
from basinwatch.datasets.tiles import ShardSet
from basinwatch.detectors import Detector, InstanceDetector, Objects
from basinwatch.evaluation.average_precision import average_precision
from basinwatch.evaluation.scores import Comparison, compare
from basinwatch.grid import Grid
from basinwatch.inference.forming import form_basins, instance_settings
from basinwatch.inference.instances import Instances
from basinwatch.inference.object_overlaps import compare_masks
from basinwatch.inference.placed_objects import read_objects
from basinwatch.inference.predictor import Predictor
from basinwatch.inference.search import search
from basinwatch.inference.windows import SearchSettings, window_layout
from basinwatch.models import LoadedModel, load_model
from basinwatch.rasters import create_raster, encode_share
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard
from basinwatch.vectors import footprints

MODEL = ROOT / "resources" / "models" / "basinnet"
FIRST_SAMPLE, SAMPLES, TILE_PX, BASINS = 40_000_000, 6, 2048, 9
SAHI_PX, SAHI_SLICE_PX = 4000, 256
LINEAR_PX = (2000, 4000, 8000)
REPEATS = 3
PAPER_SCENES = ((7636, 8205), (8127, 10338))
Pair = tuple[Path, Path]


def simulated(folder: Path) -> ShardSet:
    """Simulate labelled frames that no training uses, each with `BASINS` basins."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    recipe = schema["properties"]["simulation"]["properties"]
    settings = read_settings({"seed": recipe["seed"]["default"], "tile_size_px": TILE_PX, "pixel_size_m": [20, 20]})
    settings = replace(settings, basins=replace(settings.basins, counts=(0.0,) * BASINS + (1.0,)))
    files = ShardFiles(*(folder / f"frames.{suffix}" for suffix in ("safetensors", "json", "jsonl")))
    simulate_shard(settings, range(FIRST_SAMPLE, FIRST_SAMPLE + SAMPLES), files, "frames")
    return ShardSet.read([(files.arrays, files.coco)])


def write_frame(folder: Path, shape: tuple[int, int], phases: NDArray[np.float32], shares: NDArray[np.float32]) -> Pair:
    """Lay tiles (n, y, x) side by side until a frame is full; phase and coherence as the workflow stores them."""
    grid = Grid(shape[1], shape[0], None, None, (20.0, 20.0))
    paths = folder / f"phase_{shape[0]}_{shape[1]}.tif", folder / f"coherence_{shape[0]}_{shape[1]}.tif"
    columns = -(-shape[1] // TILE_PX)
    with (
        create_raster(paths[0], grid, "float32", bands=["phase"], lerc_error=0.01) as phase,
        create_raster(paths[1], grid, "uint8", bands=["coherence"]) as coherence,
    ):
        for row in range(0, shape[0], TILE_PX):
            order = [(row // TILE_PX * columns + column) % len(phases) for column in range(columns)]
            window = Window(0, row, shape[1], min(TILE_PX, shape[0] - row))
            for target, tiles in ((phase, phases), (coherence, shares)):
                strip = np.concatenate([tiles[number] for number in order], axis=1)[: window.height, : shape[1]]
                target.write(strip if target is phase else encode_share(strip), 1, window=window)
    return paths


def searched(pair: Pair, model: LoadedModel, settings: SearchSettings, folder: Path, threads: int = 1) -> float:
    """CPU seconds from files to basins."""
    with_grid = Grid(*frame_shape(pair)[::-1], None, None, (20.0, 20.0))
    rule = instance_settings(model.spec, {"peak_threshold": model.spec["threshold"]})
    outputs = folder / "probability.tif", folder / "objects.parquet"
    begin = time.process_time()
    search(
        *pair, model, settings, probability=outputs[0], objects=outputs[1], grid=with_grid, device="cpu",
        threads=threads,
    )  # fmt: skip
    form_basins(*outputs, pair[1], with_grid, rule)
    return time.process_time() - begin


def frame_shape(pair: Pair) -> tuple[int, int]:
    """Rows and columns of a frame, from its name."""
    rows, columns = pair[0].stem.split("_")[1:]
    return int(rows), int(columns)


def bare(pair: Pair, model: LoadedModel, settings: SearchSettings) -> float:
    """CPU seconds of the network alone over as many windows, in batches."""
    prepare_cpu(1)
    predict = Predictor(model.detector, torch.device("cpu"), settings.precision)
    layout = window_layout(frame_shape(pair), model, settings)
    channels = torch.randn(settings.batch_size, 3, layout.size, layout.size)
    x = channels.to(predict.dtype, memory_format=torch.channels_last)
    answer = predict.network.predict if isinstance(predict.network, InstanceDetector) else predict.network
    with torch.inference_mode():
        answer(x)
        begin = time.process_time()
        for _, windows in layout.rows():
            for start in range(0, len(windows), settings.batch_size):
                answer(x[: len(windows[start : start + settings.batch_size])])
    return time.process_time() - begin


def fastest(*runs: Callable[[], float]) -> list[float]:
    """Fewest seconds of each of several runs that take turns."""
    return [min(times) for times in zip(*([run() for run in runs] for _ in range(REPEATS)), strict=True)]


def efficiency(pair: Pair, model: LoadedModel, settings: SearchSettings, folder: Path) -> tuple[float, float]:
    """Share of the network in the CPU time of a search, and that time."""
    alone, whole = fastest(lambda: bare(pair, model, settings), lambda: searched(pair, model, settings, folder))
    return alone / whole, whole


def growth(frames: Mapping[int, Pair], largest_s: float, model: LoadedModel, folder: Path) -> dict[str, float]:
    """CPU seconds per million pixels of frames of several sides; `largest_s` are those of the last."""
    smaller = [partial(searched, pair, model, SearchSettings(), folder) for pair in [*frames.values()][:-1]]
    times = [*fastest(*smaller), largest_s]
    return {f"inference_{side}_s_per_mpx": seconds / side**2 * 1e6 for side, seconds in zip(frames, times, strict=True)}


def peak_gb(pair: Pair, folder: Path) -> float:
    """Memory that a search and its basins take beyond the loaded model, in a process of its own."""
    command = [sys.executable, __file__, "memory", *map(str, pair), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(answer.stdout)["peak_gb"])


def measure_memory(phase: str, coherence: str, folder: str) -> None:
    """Print the peak of this process less what it held with the model loaded."""
    model = load_model(MODEL)
    before = _status_gb("VmRSS")
    searched((Path(phase), Path(coherence)), model, SearchSettings(), Path(folder), os.cpu_count() or 1)
    print(json.dumps({"peak_gb": _status_gb("VmHWM") - before}))


def _status_gb(key: str) -> float:
    """Read a memory figure of this process from the kernel."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024 / 1e9


def by_sahi(phases: NDArray[np.float32], shares: NDArray[np.float32], folder: Path, kind: str) -> float:
    """CPU seconds of SAHI; its objects lie in the folder afterwards."""
    np.savez(folder / "frames.npz", phase=phases, coherence=shares)
    packages = next((ROOT / ".venv" / "lib").glob("python*/site-packages"))
    script = ROOT / "benchmarks" / "peers" / "sahi_frames.py"
    command = [ROOT / ".venv-peers" / "bin" / "python", script, folder / "frames.npz", MODEL, str(SAHI_SLICE_PX), kind]
    paths = {"PYTHONPATH": f"{ROOT / 'workflow' / 'scripts'}{os.pathsep}{packages}"}
    answer = subprocess.run(command, env=os.environ | paths, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(answer.stderr[-3000:])
    return float(json.loads(answer.stdout.splitlines()[-1])["cpu_s"])


def ours(folder: Path, frames: ShardSet, phases: NDArray[np.float32], shares: NDArray[np.float32]) -> list[Comparison]:
    """Basins of the workflow against the labels of every frame."""
    model, grid = load_model(MODEL), Grid(TILE_PX, TILE_PX, None, None, (20.0, 20.0))
    rule, compared = instance_settings(model.spec, {"peak_threshold": model.spec["threshold"]}), []
    for number in range(len(frames)):
        pair = write_frame(folder, (TILE_PX, TILE_PX), phases[[number]], shares[[number]])
        searched(pair, model, SearchSettings(), folder)
        table = form_basins(folder / "probability.tif", folder / "objects.parquet", pair[1], grid, rule)
        labels = np.zeros((TILE_PX, TILE_PX), np.int32)
        for place, footprint in enumerate(footprints(table.geometry, grid), 1):
            labels[footprint.rows, footprint.columns][footprint.mask] = place
        area = np.bincount(labels.ravel(), minlength=len(table) + 1)[1:]
        found = Instances(labels, table.score.to_numpy(), table.peak_probability.to_numpy(), area)
        compared.append(compare(found, frames.labels(number)))
    return compared


def sahis(folder: Path, frames: ShardSet) -> list[Comparison]:
    """Objects of SAHI against the labels of every frame."""
    compared = []
    for number in range(len(frames)):
        found = read_objects(folder / f"{number}.parquet")
        boxes = np.array([one.box for one in found], np.float32).reshape(-1, 4)
        objects = Objects(boxes, np.array([one.score for one in found], np.float32), [one.mask for one in found])
        compared.append(compare_masks(objects, frames.labels(number)))
    return compared


def untrained(name: str, tile_px: int, **options: object) -> LoadedModel:
    """Detector with random weights: its cost is that of a trained one with as many objects."""
    torch.manual_seed(0)
    detector: Detector = detectors.build(name, options)
    spec = {"name": name, "tile_size_px": tile_px, "threshold": 0.5, "min_area_px": 12, "weights_sha256": "0" * 64}
    return LoadedModel(detector.eval(), spec)


def figures(folder: Path) -> Iterator[tuple[str, float]]:
    """Measure everything, one figure after the other."""
    frames, model = simulated(folder), load_model(MODEL)
    phases, shares, _ = (
        np.concatenate(parts) for parts in zip(*(frames.batch([n]) for n in range(SAMPLES)), strict=True)
    )
    lay = partial(write_frame, folder, phases=phases, shares=shares)
    sized = {side: lay((side, side)) for side in LINEAR_PX}
    share, seconds = efficiency(sized[8000], model, SearchSettings(), folder)
    yield "inference_efficiency", share
    yield from growth(sized, seconds, model, folder).items()
    yield "inference_8000_peak_gb", peak_gb(sized[8000], folder)
    yield from against_sahi(folder, frames, phases, shares).items()
    crowded, settings = untrained("mask_rcnn", 800), SearchSettings(800, 528, batch_size=1)
    yield "maskrcnn_efficiency", efficiency(lay((1856, 1856)), crowded, settings, folder)[0]
    yield "two_scenes_s", two_scenes_s([lay(shape) for shape in PAPER_SCENES], folder)
    yield "inference_20000_peak_gb", peak_gb(lay((20_000, 20_000)), folder)


def two_scenes_s(scenes: Sequence[Pair], folder: Path) -> float:
    """Seconds by the clock, with all threads, of the paper's two scenes with its detector."""
    light, slices = untrained("light_yolo_basin", 416, variant="S"), SearchSettings(416, 416, batch_size=4)
    begin = time.perf_counter()
    for scene in scenes:
        searched(scene, light, slices, folder, os.cpu_count() or 1)
    return time.perf_counter() - begin


def against_sahi(
    folder: Path, frames: ShardSet, phases: NDArray[np.float32], shares: NDArray[np.float32]
) -> dict[str, float]:
    """Time on one frame, and average precision at IoU 0.5 on the labelled ones."""
    part = write_frame(folder, (SAHI_PX, SAHI_PX), phases, shares)
    wide = [np.vstack([np.hstack(a[[0, 1]]), np.hstack(a[[2, 3]])])[None, :SAHI_PX, :SAHI_PX] for a in (phases, shares)]
    own, loaded, fast = fastest(
        lambda: searched(part, load_model(MODEL), SearchSettings(), folder),
        lambda: by_sahi(*wide, folder, "loaded"),
        lambda: by_sahi(*wide, folder, "fast"),
    )
    ratios = {"inference_vs_sahi": loaded / own, "inference_vs_sahi_fast_network": fast / own}
    by_sahi(phases, shares, folder, "fast")
    difference = average_precision(ours(folder, frames, phases, shares)) - average_precision(sahis(folder, frames))
    return ratios | {"ap50_minus_sahi": difference}


def main() -> None:
    """Measure, print, write."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for key, value in figures(Path(name)):
            print(f"figure {key} {value:.3f}", flush=True)
            found[key] = value
    rows = [f"| {key} | {value:.3g} |" for key, value in found.items()]
    write_tables("frames", ["\n".join(["| figure | value |", "|---|---|", *rows]) + "\n"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        measure_memory(*sys.argv[2:])
    else:
        main()
