"""Cloud-optimised GeoTIFFs with overviews: values as they are, classes and newest phase with a colour table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.shutil
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.exports.project import Ramp, RasterLayer
from basinwatch.map_page import images
from basinwatch.map_page.images import Codes, Layer
from basinwatch.provenance import atomic_path
from basinwatch.rasters import create_raster, open_raster, quiet_radar_geometry, require_whole
from basinwatch.report.products import PairProducts, StackProducts

_TITLES = {"rate": "Rate (mm/yr)", "activity": "Days with activity"}
_SAMPLE_PX = 1000


def plain_raster(source: Path, folder: Path, stack: StackProducts, kind: str) -> RasterLayer:
    """Copy a raster of values as it is; its first band gets a colour ramp in the project."""
    name = f"{kind}_{stack.name}.tif"
    _as_cloud_raster(source, folder / name, "nearest")
    ends = _ends(source, symmetric=kind == "rate")
    layer = images.rate_layer(ends[1]) if kind == "rate" else images.activity_layer(ends[1])
    return RasterLayer(f"{kind}_{stack.name}", f"{_TITLES[kind]}, {stack.name}", f"rasters/{name}", Ramp(layer, ends))


def class_raster(source: Path, folder: Path, stack: StackProducts) -> RasterLayer:
    """Write the classes of Gi* as codes with a colour table."""
    name = f"hotspots_{stack.name}.tif"
    _coded(source, "class", folder / name, stack, images.hotspot_layer(), images.hotspot_codes, "mode")
    return RasterLayer(f"hotspots_{stack.name}", f"Classes of Gi*, {stack.name}", f"rasters/{name}")


def phase_raster(pair: PairProducts, folder: Path, stack: StackProducts) -> RasterLayer:
    """Write the wrapped phase of one pair as codes with a colour table."""
    name = f"phase_{stack.name}_{pair.name}.tif"
    layer = images.phase_layer(pair.meta.get("wavelength_m"))
    _coded(pair.phase, "wrapped_phase", folder / name, stack, layer, images.phase_codes, "nearest")
    return RasterLayer(f"phase_{stack.name}", f"Interferogram {pair.name}, {stack.name}", f"rasters/{name}")


def _coded(
    source: Path, band: str, target: Path, stack: StackProducts, layer: Layer,
    code: Callable[[NDArray[np.float32]], Codes], resampling: str,
) -> None:  # fmt: skip
    """Code one band block by block and write it with the colours of a layer; code 0 is no data."""
    target.parent.mkdir(parents=True, exist_ok=True)
    colors = {number: (*map(int, color), 255) for number, color in enumerate(layer.colors, start=1)}
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch, open_raster(source) as given:
        if band not in given.descriptions:
            raise InputError(f"{source}: found bands {given.descriptions}; expected {band!r}; make the file again.")
        index, coded = given.descriptions.index(band) + 1, Path(scratch, "codes.tif")
        with create_raster(coded, stack.grid, "uint8", bands=[band]) as written:
            for _, window in written.block_windows(1):
                written.write(code(given.read(index, window=window).astype(np.float32)), 1, window=window)
            written.write_colormap(1, colors)
        _as_cloud_raster(coded, target, resampling)


def _as_cloud_raster(source: Path, target: Path, resampling: str) -> None:
    """Copy a raster with overviews."""
    options: dict[str, Any] = {
        "driver": "COG", "compress": "ZSTD", "blocksize": 512, "overview_resampling": resampling, "num_threads": 1,
        "bigtiff": "IF_SAFER",
    }  # fmt: skip
    with atomic_path(target) as part, quiet_radar_geometry():
        rasterio.shutil.copy(source, part, **options)
        require_whole(part)


def _ends(source: Path, *, symmetric: bool) -> tuple[float, float]:
    """Choose the ends of a colour ramp: few pixels exceed a symmetric one, none the other."""
    with open_raster(source) as given:
        thin = max(1.0, max(given.shape) / _SAMPLE_PX)
        values = given.read(1, out_shape=(round(given.height / thin), round(given.width / thin)))
    known = values[np.isfinite(values)]
    share = 99.5 if symmetric else 100
    high = max(1.0, round(float(np.percentile(np.abs(known), share)))) if known.size else 1.0
    return (-high if symmetric else 0.0), high
