"""What figures are put together from: one layer, drawn on given axes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from basinwatch.phase_color import to_rgb
from basinwatch.report.products import Area, PairProducts, StackProducts
from basinwatch.report.views import HALO, View, draw_outlines

# Okabe and Ito's hues, told apart by all kinds of colour vision; line styles repeat the distinction.
STATE_STYLES: Mapping[str, tuple[str, Any]] = {
    "continuous": ("#D55E00", "solid"),
    "intermittent": ("#0072B2", (0, (5, 1.5))),
    "new": ("#B0307F", (0, (2.5, 1))),
    "ceased": ("#008060", (0, (1, 1))),
}
STATUS_STYLES: Mapping[str, tuple[str, Any]] = {
    "matched": ("#0072B2", "solid"),
    "extra": ("#D55E00", (0, (5, 1.5))),
    "not_assessable": ("#B0307F", (0, (2.5, 1))),
    "missed": ("#008060", (0, (1, 1))),
}
NO_DATA = "#dde6ee"
_NO_RATE = "#c3c8cd"
_PHASE_STEP = np.pi / 40
_PLAIN: tuple[str, Any] = ("black", "solid")
_DAYS = ListedColormap(colormaps["Greys"](np.linspace(0, 0.8, 256)))
_SCORE = ListedColormap(colormaps["YlOrRd"](np.linspace(0.15, 0.95, 256)))
_BLANK, _EDGE = "#eef1f4", "#8893a0"
STYLE = {
    "text.parse_math": False, "font.size": 9, "axes.titlesize": 9.5, "axes.linewidth": 0.7, "axes.edgecolor": _EDGE,
    "xtick.color": "#44505c", "ytick.color": "#44505c", "figure.dpi": 130, "hatch.linewidth": 0.5,
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A PNG with what a page says about it."""

    title: str
    alt: str
    caption: str
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@contextmanager
def report_style() -> Iterator[None]:
    """Draw with the report's style whatever the user's matplotlib settings are (usable as a decorator)."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def encode(figure: Figure, colors: int | None = None) -> bytes:
    """Render a figure to a PNG without time stamp; with a number of colours, to a smaller one with a palette."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    rgb = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
    picture = Image.fromarray(rgb) if colors is None else _with_palette(rgb, colors)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _with_palette(rgb: NDArray[np.uint8], colors: int) -> Image.Image:
    """Reduce a picture to few colours: half are its most frequent ones, half stand for all the others.

    Cut from the pixels alone, the palette would give thin lines the colours of the noise they cross.
    """
    packed = rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    distinct, inverse, counts = np.unique(packed, return_inverse=True, return_counts=True)
    table = np.stack([distinct >> 16, distinct >> 8 & 255, distinct & 255], axis=-1).astype(np.uint8)
    ranked = table[np.argsort(-counts.astype(np.int64), kind="stable")]
    palette, rest = ranked[: colors // 2], ranked[colors // 2 :]
    if len(rest):
        cut = Image.fromarray(rest[None]).quantize(colors - len(palette), method=Image.Quantize.MEDIANCUT)
        others = np.array(cut.getpalette(), np.uint8).reshape(-1, 3)
        palette = np.concatenate([palette, others[: colors - len(palette)]])
    nearest = cKDTree(palette.astype(float)).query(table.astype(float))[1]
    picture = Image.fromarray(nearest[inverse].reshape(packed.shape).astype(np.uint8))
    picture.putpalette(palette.tobytes())
    return picture


def draw_activity(axes: Axes, stack: StackProducts, view: View, size_px: int) -> AxesImage:
    """Paint the days with a detection; ground never observed stays pale blue."""
    days = view.read(stack.activity, "active_days", size_px)
    seen = view.read(stack.activity, "observed_days", size_px) > 0
    shown = np.ma.masked_array(days, ~(seen & np.isfinite(days)))
    longest = max(1.0, float(shown.max())) if shown.count() else 1.0
    axes.set_facecolor(NO_DATA)
    return axes.imshow(shown, cmap=_DAYS, vmin=0, vmax=longest, extent=view.extent, interpolation="nearest")


def draw_basins(axes: Axes, area: Area, outlines: gpd.GeoSeries) -> None:
    """Outline the basins in the colours of their states and write their numbers beside them."""
    for state, rows in area.basins.groupby("state"):
        color, line = STATE_STYLES.get(str(state), _PLAIN)
        draw_outlines(axes, outlines[rows.index], color, linestyle=line, linewidth=1.5)
    for name, state, shape in zip(area.basins["basin"], area.basins["state"], outlines, strict=True):
        color, _ = STATE_STYLES.get(str(state), _PLAIN)
        label(axes, str(name), shape, color)


def label(axes: Axes, text: str, shape: Any, color: str = "black") -> None:
    """Write a name at the upper right of an outline."""
    if shape is None or shape.is_empty:
        return
    _, top, right, _ = shape.bounds
    axes.annotate(text, (right, top), xytext=(1, 1), textcoords="offset points", fontsize=8.5, fontweight="bold",
                  color=color, path_effects=HALO, annotation_clip=True)  # fmt: skip


def draw_interferogram(
    axes: Axes, area: Area, pair: PairProducts, view: View, outlines: gpd.GeoSeries, size_px: int
) -> None:
    """Paint one pair's wrapped phase and outline the basins detected in it."""
    phase = view.read(pair.phase, "wrapped_phase", size_px)
    axes.imshow(to_rgb(_stepped(phase)), extent=view.extent, interpolation="nearest")
    found = area.detected.loc[area.detected["pair"] == pair.name, "basin"]
    chosen = outlines[area.basins["basin"].isin(found)]
    draw_outlines(axes, chosen, "black", linewidth=1.0)


def _stepped(phase: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Round radians to steps the eye cannot tell apart, so that a picture of noise needs few colours."""
    return np.round(phase / _PHASE_STEP) * _PHASE_STEP


def draw_phase_key(axes: Axes, wavelength_m: float | None) -> None:
    """Draw the colour wheel, unrolled, with its meaning in millimetres where the wavelength is known."""
    cycle = np.linspace(-np.pi, np.pi, 256, endpoint=False)[None]
    axes.imshow(to_rgb(_stepped(cycle)), extent=(-1, 1, 0, 1), aspect="auto")
    axes.set(yticks=[])
    axes.set_xticks([-1, 0, 1], ["−π", "0", "π"], fontsize=8)
    cycle_mm = "" if wavelength_m is None else f"\none cycle = {wavelength_m * 500:.1f} mm along the line of sight"
    axes.set_xlabel(f"wrapped phase (rad), growing away from the satellite{cycle_mm}", fontsize=8)


def draw_rate(axes: Axes, values: NDArray[np.float32], view: View, limit: float) -> AxesImage:
    """Paint rates, red = away from the satellite; ground without a rate is grey."""
    axes.set_facecolor(_NO_RATE)
    shown = np.ma.masked_invalid(values)
    return axes.imshow(shown, cmap="RdBu", vmin=-limit, vmax=limit, extent=view.extent, interpolation="nearest")


def draw_timeline(axes: Axes, scores: NDArray[np.float64], observed: NDArray[np.bool_]) -> AxesImage:
    """Paint basins × pairs: score where detected, pale where not detected, hatched where not observed.

    Parameters
    ----------
    scores
        (basin, pair), NaN where not detected.
    observed
        (basin, pair).
    """
    rows, columns = scores.shape
    axes.set_facecolor("white")
    axes.patch.set(hatch="//////", edgecolor="#c3ccd4", linewidth=0)
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    blank = np.ma.masked_array(np.zeros(scores.shape), ~observed)
    axes.imshow(blank, cmap=ListedColormap([_BLANK]), aspect="auto", extent=extent, interpolation="nearest")
    image = axes.imshow(np.ma.masked_invalid(scores), cmap=_SCORE, vmin=0, vmax=1, aspect="auto", extent=extent,
                        interpolation="nearest")  # fmt: skip
    axes.set_xticks(np.arange(0.5, columns - 1), minor=True)
    axes.set_yticks(np.arange(0.5, rows - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    return image


def label_timeline(axes: Axes, area: Area, names: list[str], pairs: list[str], max_dates: int) -> None:
    """Name basins in the colours of their states, and pairs by the day they end."""
    axes.set_yticks(range(len(names)), names, fontsize=8)
    states = dict(zip(area.basins["basin"], area.basins["state"], strict=True))
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set(color=STATE_STYLES.get(str(states[name]), _PLAIN)[0], fontweight="bold")
    step = -(-len(pairs) // max_dates)
    shown = range(0, len(pairs), step)
    ends = [pairs[i][9:] for i in shown]
    axes.set_xticks(list(shown), [f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in ends], rotation=45, ha="right", fontsize=7.5)


def style_handles(styles: Mapping[str, tuple[str, Any]], present: set[str]) -> list[Line2D]:
    """Legend of the kinds of outline that occur."""
    return [
        Line2D([], [], color=color, linestyle=line, linewidth=1.8, label=name.replace("_", " "))
        for name, (color, line) in styles.items()
        if name in present
    ]
