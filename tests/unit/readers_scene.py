"""One small scene, and writers of the formats the readers read."""

from __future__ import annotations

import struct
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.rasters import quiet_radar_geometry
from basinwatch.readers import PairFiles

EARLIER, LATER = date(2020, 1, 1), date(2020, 1, 13)
WIDTH, LINES = 97, 61
SPACING_M = (9.318248, 14.011650)
NODATA_COLUMNS = 5
GEOTRANSFORM = Affine(0.001, 0, 18.5, 0, -0.001, 50.3)


def truth() -> tuple[np.ndarray, np.ndarray]:
    """Unwrapped phase (two bowls, ramp, noise) with a no-data strip, and coherence."""
    y, x = np.mgrid[:LINES, :WIDTH].astype(float)
    bowls = 14 * np.exp(-((x - 30) ** 2 + (y - 25) ** 2) / 160) + 7 * np.exp(-((x - 70) ** 2 + (y - 40) ** 2) / 90)
    unwrapped = bowls + 0.05 * x - 4.2 + np.random.default_rng(3).normal(0, 0.2, y.shape)
    coherence = np.clip(0.9 - 0.02 * bowls, 0.1, 1)
    unwrapped[:, :NODATA_COLUMNS] = np.nan
    coherence[:, :NODATA_COLUMNS] = 0
    return unwrapped.astype(np.float32), coherence.astype(np.float32)


def wrapped_truth() -> np.ndarray:
    return np.angle(complex_truth(), deg=False).astype(np.float32) + np.where(np.isnan(truth()[0]), np.nan, 0)


def complex_truth() -> np.ndarray:
    """Complex interferogram with uneven amplitude; 0+0j where there is no data."""
    unwrapped, coherence = truth()
    return np.nan_to_num((1 + coherence) * np.exp(1j * unwrapped)).astype(np.complex64)


def circular_error(phase: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference modulo 2π where both are valid; the masks must be equal."""
    np.testing.assert_array_equal(np.isnan(phase), np.isnan(expected))
    valid = np.isfinite(expected)
    return float(np.abs(np.angle(np.exp(1j * (phase[valid] - expected[valid].astype(float))))).max())


def off_text(width: int = WIDTH, lines: int = LINES) -> str:
    return (
        "Gamma Interferometric SAR Processor (ISP) - Interferogram and Image Offset Parameter File\r\n\r\n"
        "title:                         20200101_20200113 (software: a: b)\r\n"
        f"interferogram_width:                    {width}\r\n"
        f"interferogram_azimuth_lines:            {lines}\r\n"
        "interferogram_range_looks:              4\r\n"
        "interferogram_azimuth_looks:            1\r\n"
        f"interferogram_range_pixel_spacing:   {SPACING_M[0]}   m\r\n"
        f"interferogram_azimuth_pixel_spacing: {SPACING_M[1]}   m\r\n"
    )


def image_text(width: int, lines: int, looks: tuple[int, int] = (4, 1)) -> str:
    return (
        "Gamma Interferometric SAR Processor (ISP) - Image Parameter File\n\n"
        f"range_samples: {width}\nazimuth_lines: {lines}\nrange_looks: {looks[0]}\nazimuth_looks: {looks[1]}\n"
        f"range_pixel_spacing: {SPACING_M[0]} m\nazimuth_pixel_spacing: {SPACING_M[1]} m\n"
        "heading: -166.7 degrees\nincidence_angle: 39.7036 degrees\nradar_frequency: 5.4050005e+09 Hz\n"
    )


def write_gamma(folder: Path, order: str = ">", header: str | None = "off") -> PairFiles:
    """Complex .diff and float .cc in radar geometry."""
    folder.mkdir(parents=True, exist_ok=True)
    phase, coherence = folder / "20200101_20200113.diff", folder / "20200101_20200113.cc"
    complex_truth().astype(f"{order}c8").tofile(phase)
    truth()[1].astype(f"{order}f4").tofile(coherence)
    if header:
        (folder / "20200101_20200113.off").write_text(off_text(), newline="")
    return PairFiles(EARLIER, LATER, phase, coherence)


def write_tiff(path: Path, data: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = data if data.ndim == 3 else data[None]
    profile = {"crs": "EPSG:4326", "transform": GEOTRANSFORM} | options
    profile |= {"driver": "GTiff", "width": bands.shape[2], "height": bands.shape[1], "count": len(bands)}
    colormap, tags = profile.pop("colormap", None), profile.pop("tags", {})
    with quiet_radar_geometry(), rasterio.open(path, "w", dtype=bands.dtype, **profile) as target:
        target.write(bands)
        target.update_tags(**tags)
        if colormap is not None:
            target.write_colormap(1, {i: tuple(int(v) for v in c) for i, c in enumerate(colormap)})
    return path


def write_sun(path: Path, pixels: np.ndarray, kind: int = 1, palette: np.ndarray | None = None) -> Path:
    """SUN raster of type 1 (plain), 2 (run lengths) or 3 (RGB order)."""
    rows = pixels if pixels.ndim == 2 or kind == 3 else pixels[..., ::-1]
    rows = rows.reshape(len(rows), -1)
    padded = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).astype(np.uint8).tobytes()
    body = _run_lengths(padded) if kind == 2 else padded
    colors = b"" if palette is None else palette.T.astype(np.uint8).tobytes()
    depth = 8 if pixels.ndim == 2 else 24
    fields = (0x59A66A95, pixels.shape[1], len(pixels), depth, len(body), kind, int(bool(colors)), len(colors))
    path.write_bytes(struct.pack(">8I", *fields) + colors + body)
    return path


def _run_lengths(data: bytes) -> bytes:
    out, i = bytearray(), 0
    while i < len(data):
        n = 1
        while n < 256 and i + n < len(data) and data[i + n] == data[i]:
            n += 1
        if n > 2 or (data[i] == 0x80 and n > 1):
            out += bytes([0x80, n - 1, data[i]])
        else:
            out += bytes([0x80, 0]) if data[i] == 0x80 else bytes([data[i]]) * n
        i += n
    return bytes(out)


def moved(columns: float) -> Affine:
    """Geotransform shifted to the east by pixels."""
    return Affine(0.001, 0, 18.5 + 0.001 * columns, 0, -0.001, 50.3)


def is_map_grid(grid: Grid) -> bool:
    """Whether a grid is the one the writers use (its WKT depends on who wrote it)."""
    return grid.transform == tuple(GEOTRANSFORM)[:6] and grid.aligned_with(map_grid()) and grid.shape == (LINES, WIDTH)


def map_grid() -> Grid:
    return Grid.from_map(WIDTH, LINES, GEOTRANSFORM, "EPSG:4326")
