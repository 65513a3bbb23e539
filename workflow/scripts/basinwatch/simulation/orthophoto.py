"""Synthetic orthophotos of open-pit country: pits with benches, waste dumps, fields, a river, a village, roads.

Everything is labelled. Colours are made up, but keep the order of things: dumps are dark, pits bright and reddish,
fields have edges of their own, and some bare ground and dark slopes look like mines without being any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from affine import Affine
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.simulation.fields import smooth_field
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.randomness import generator, log_uniform

BANDS = ("red", "green", "blue", "near_infrared")
PIT, DUMP = "pit", "dump"
GRASS, CROPLAND, BUILT, BARE, WATER = 30, 40, 50, 60, 80

_COLORS = {
    GRASS: (112, 116, 82, 150), CROPLAND: (104, 122, 74, 178), BUILT: (150, 142, 138, 120), BARE: (168, 152, 128, 172),
    WATER: (52, 66, 78, 30),
}  # fmt: skip
_MINE_COLORS = {PIT: (196, 158, 122, 182), DUMP: (74, 72, 74, 84)}
_SHADOW = 0.45
_BENCH_M, _RADIUS_M = 14.0, (35.0, 150.0)
_LOBES = range(2, 7)
_LOOKALIKES, _RARE = 0.8, 1.8
_WEATHERED = 0.65
_MARGIN, _GAP, _ATTEMPTS = 1.25, 1.5, 400


class _Part(IntEnum):
    """Independent sources of randomness of an orthophoto."""

    GROUND = 64
    FIELDS = 65
    RIVER = 66
    VILLAGE = 67
    ROADS = 68
    PLACES = 69
    MINES = 70
    LOOKALIKES = 71
    SENSOR = 72


@dataclass(frozen=True)
class OrthophotoSettings:
    """Recipe of an orthophoto.

    Parameters
    ----------
    size_px, spacing_m
        Rows and columns, and the pixel size.
    patches
        How many pits and dumps, half of them each.
    west_m, north_m
        Upper left corner in UTM zone 34 north, where the simulated stacks lie; as given, around the example's third
        mine.
    noise
        Standard deviation of the sensor's noise in digital numbers.
    """

    seed: int = 5
    size_px: int = 1280
    spacing_m: float = 2.5
    patches: int = 24
    west_m: float = 352_040.0
    north_m: float = 5_563_240.0
    noise: float = 5.0

    @property
    def grid(self) -> Grid:
        """Where the orthophoto lies."""
        place = Affine(self.spacing_m, 0, self.west_m, 0, -self.spacing_m, self.north_m)
        return Grid.from_map(self.size_px, self.size_px, place, "EPSG:32634")


@dataclass(frozen=True)
class Orthophoto:
    """An orthophoto and what is true of it.

    Parameters
    ----------
    bands
        uint8 (bands, y, x), 1…255 in the order of `BANDS`.
    patches
        int32 (y, x): 0 outside, 1…n in the mine patches.
    kinds
        ``pit`` or ``dump`` of each.
    land_cover
        uint8 (y, x), classes of ESA WorldCover.
    """

    bands: NDArray[np.uint8]
    patches: NDArray[np.int32]
    kinds: tuple[str, ...]
    land_cover: NDArray[np.uint8]


@dataclass(frozen=True)
class _Blob:
    """A star-shaped outline: pixels inside, and how far inside, from 0 at the outline to 1 in the middle."""

    rows: slice
    columns: slice
    depth: NDArray[np.float64]
    radius_px: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels inside, in the window."""
        inside: NDArray[np.bool_] = self.depth > 0
        return inside


def draw_orthophoto(settings: OrthophotoSettings) -> Orthophoto:
    """Draw an orthophoto.

    Raises
    ------
    InputError
        If there is no room for so many patches.
    """
    shape = settings.grid.shape
    cover = _land_cover(settings)
    colors = _paint_ground(cover, settings)
    _paint_lookalikes(colors, settings)
    patches, kinds = np.zeros(shape, np.int32), []
    for number, blob in enumerate(_places(settings), 1):
        kind = PIT if number % 2 else DUMP
        _paint_mine(colors, blob, kind, generator(settings.seed, number, _Part.MINES, block=1), settings.spacing_m)
        patches[blob.rows, blob.columns][blob.mask] = number
        kinds.append(kind)
    cover[patches > 0] = BARE
    noise = generator(settings.seed, 0, _Part.SENSOR).standard_normal(colors.shape, dtype=np.float32)
    bands = np.clip(np.rint(colors + settings.noise * noise), 1, 255).astype(np.uint8)
    return Orthophoto(bands, patches, tuple(kinds), cover)


def _field(settings: OrthophotoSettings, part: _Part, correlation_m: float, number: int = 0) -> NDArray[np.float32]:
    """Smooth field of unit variance over the orthophoto."""
    spacing = Spacing(settings.spacing_m, settings.spacing_m)
    return smooth_field(generator(settings.seed, number, part), settings.grid.shape, correlation_m, spacing)


def _land_cover(settings: OrthophotoSettings) -> NDArray[np.uint8]:
    """Grass with cropland, a village, a river and roads."""
    cover = np.full(settings.grid.shape, GRASS, np.uint8)
    rows, columns = np.mgrid[: settings.size_px, : settings.size_px] / settings.size_px
    cover[_field(settings, _Part.FIELDS, 0.2 * settings.size_px * settings.spacing_m) > 0.9] = CROPLAND
    rng = generator(settings.seed, 0, _Part.VILLAGE)
    row, column = rng.uniform(0.1, 0.9, 2)
    houses = _field(settings, _Part.VILLAGE, 8.0, 1) > 0.8
    cover[houses & (np.hypot(rows - row, columns - column) < 0.07)] = BUILT
    rng = generator(settings.seed, 0, _Part.RIVER)
    bend = 0.05 * np.sin(2 * np.pi * (rng.uniform(1, 2) * columns + rng.random()))
    cover[np.abs(rows - rng.uniform(0.15, 0.85) - bend) < 12 / (settings.size_px * settings.spacing_m)] = WATER
    return cover


def _paint_ground(cover: NDArray[np.uint8], settings: OrthophotoSettings) -> NDArray[np.float32]:
    """Colours (bands, y, x) of the land cover, with texture, slopes in light and shadow, and parcels."""
    colors = np.zeros((len(BANDS), *cover.shape), np.float32)
    for number, color in _COLORS.items():
        colors[:, cover == number] = np.array(color, np.float32)[:, None]
    parcels = _parcels(settings)
    colors[:, cover == CROPLAND] *= parcels[cover == CROPLAND]
    roads = _roads(settings) & (cover != WATER)
    colors[:, roads] = np.array(_COLORS[BARE], np.float32)[:, None]
    light = 1 + 0.07 * _field(settings, _Part.GROUND, 150.0) + 0.04 * _field(settings, _Part.GROUND, 10.0, 1)
    return np.asarray(colors * light, np.float32)


def _parcels(settings: OrthophotoSettings) -> NDArray[np.float32]:
    """Brightness of rectangular fields of some 60 m by 150 m, turned."""
    rng = generator(settings.seed, 1, _Part.FIELDS)
    angle = rng.uniform(0, np.pi)
    rows, columns = np.mgrid[: settings.size_px, : settings.size_px] * settings.spacing_m
    along = (rows * math.cos(angle) + columns * math.sin(angle)) // 150
    across = (columns * math.cos(angle) - rows * math.sin(angle)) // 60
    shades = rng.uniform(0.75, 1.3, (64, 64)).astype(np.float32)
    return shades[along.astype(int) % 64, across.astype(int) % 64]


def _roads(settings: OrthophotoSettings) -> NDArray[np.bool_]:
    """Three straight roads some 6 m wide."""
    rng, roads = generator(settings.seed, 0, _Part.ROADS), np.zeros(settings.grid.shape, bool)
    rows, columns = np.mgrid[: settings.size_px, : settings.size_px] * settings.spacing_m
    for _ in range(3):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.3, 0.3) * settings.size_px * settings.spacing_m
        middle = settings.size_px * settings.spacing_m / 2
        distance = (rows - middle) * math.cos(angle) + (columns - middle) * math.sin(angle) - offset
        roads |= np.abs(distance) < 3 + settings.spacing_m / 2
    return roads


def _paint_lookalikes(colors: NDArray[np.float32], settings: OrthophotoSettings) -> None:
    """Bare ground and dark slopes with soft edges, which are no mines."""
    dark, bare = (_field(settings, _Part.LOOKALIKES, 60.0, number) for number in range(2))
    colors *= 1 - (1 - _SHADOW) * np.clip(_LOOKALIKES * (dark - _RARE), 0, 1)
    share = np.clip(_LOOKALIKES * (bare - _RARE), 0, 1)
    colors += share * (np.array(_COLORS[BARE], np.float32)[:, None, None] - colors)


def _places(settings: OrthophotoSettings) -> list[_Blob]:
    """Outlines that keep their distance from each other and from the border."""
    rng, blobs = generator(settings.seed, 0, _Part.PLACES), []
    taken: list[tuple[float, float, float]] = []
    for number in range(1, settings.patches + 1):
        radius = log_uniform(generator(settings.seed, number, _Part.MINES), *_RADIUS_M) / settings.spacing_m
        for _ in range(_ATTEMPTS if 2 * _GAP * radius < settings.size_px else 0):
            row, column = rng.uniform(_GAP * radius, settings.size_px - _GAP * radius, 2)
            if all(math.dist((row, column), (r, c)) > _GAP * (radius + other) for r, c, other in taken):
                break
        else:
            raise InputError(
                f"simulated_orthophotos: found room for {number - 1} patches on {settings.size_px} px of "
                f"{settings.spacing_m} m, expected {settings.patches}; lower patches or raise size_px."
            )
        taken.append((row, column, radius))
        blobs.append(_blob(row, column, radius, generator(settings.seed, number, _Part.MINES, block=2)))
    return blobs


def _blob(row: float, column: float, radius: float, rng: Generator) -> _Blob:
    """Draw an outline whose radius varies with the direction by up to a third."""
    reach = math.ceil(_MARGIN * radius)
    first = math.floor(row) - reach, math.floor(column) - reach
    rows, columns = np.mgrid[first[0] : first[0] + 2 * reach + 1, first[1] : first[1] + 2 * reach + 1]
    angle = np.arctan2(rows - row, columns - column)
    waves = sum(rng.uniform(0, 0.35 / lobes) * np.cos(lobes * angle + rng.uniform(0, 2 * np.pi)) for lobes in _LOBES)
    limit = np.minimum(radius * (1 + waves), _MARGIN * radius)
    depth = np.clip(1 - np.hypot(rows - row, columns - column) / limit, 0, 1)
    return _Blob(slice(first[0], first[0] + 2 * reach + 1), slice(first[1], first[1] + 2 * reach + 1), depth, radius)


def _paint_mine(colors: NDArray[np.float32], blob: _Blob, kind: str, rng: Generator, spacing_m: float) -> None:
    """Paint a pit with bright and dark benches, or a dump with rills down its sides, each more or less weathered."""
    window = colors[:, blob.rows, blob.columns]
    base = np.array(_MINE_COLORS[kind], np.float32)[:, None, None] * np.float32(rng.uniform(0.88, 1.12))
    inward_m = ndimage.distance_transform_edt(np.pad(blob.mask, 1))[1:-1, 1:-1] * spacing_m
    if kind == PIT:
        relief = np.where((inward_m // (_BENCH_M / 2)) % 2 < 1, 1.1, 0.9)
    else:
        rows, columns = np.indices(blob.mask.shape) - blob.radius_px * _MARGIN
        rills = np.sin(np.arctan2(rows, columns) * max(round(2 * np.pi * blob.radius_px * spacing_m / 25), 8))
        relief = 1 + 0.12 * rills * (inward_m < blob.radius_px * spacing_m / 2)
    grain = ndimage.gaussian_filter(rng.standard_normal(blob.mask.shape), 1.5)
    painted = base * (relief + 0.25 * grain)
    share = rng.uniform(_WEATHERED, 1)
    window[:, blob.mask] = (share * painted + (1 - share) * window)[:, blob.mask].astype(np.float32)
