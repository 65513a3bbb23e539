"""Draw docs/method.png: basins as ground, as fringes, as fringes in noise, and how steep they are for unwrapping."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.phase import SENTINEL1_WAVELENGTH_M, wrap  # noqa: E402
from basinwatch.phase_color import to_rgb  # noqa: E402
from basinwatch.simulation.speckle import multilook_interferogram  # noqa: E402

PICTURE = ROOT / "docs" / "method.png"
SIZE_PX, PIXEL_M, SIGMA_M, LOOKS = 60, 30.0, 150.0, 20.0
DEPTHS_MM = (30.0, 160.0)


def bowl_mm(depth_mm: float) -> np.ndarray:
    """Displacement away from the satellite of a Gaussian bowl."""
    y, x = (np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX / 2) * PIXEL_M
    return depth_mm * np.exp(-(x**2 + y**2) / (2 * SIGMA_M**2))


def main() -> None:
    """Compute, draw, write."""
    figure = Figure(figsize=(12, 6.4), layout="constrained", dpi=90)
    rows = figure.subplots(2, 4)
    wavelength_mm = 1000 * SENTINEL1_WAVELENGTH_M
    y, x = (np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX / 2) * PIXEL_M
    coherence = 0.85 - 0.75 * np.exp(-(x**2 + y**2) / (2 * (0.5 * SIGMA_M) ** 2))
    for axes, depth in zip(rows, DEPTHS_MM, strict=True):
        ground = bowl_mm(depth)
        phase = (4 * np.pi / wavelength_mm * ground).astype(np.float32)
        noise = np.angle(multilook_interferogram(np.random.default_rng(1), phase, coherence.astype(np.float32), LOOKS))
        slope = np.hypot(*np.gradient(ground)) / (wavelength_mm / 4)
        image = axes[0].imshow(ground, cmap="Greys", vmin=0, vmax=max(DEPTHS_MM))
        figure.colorbar(image, ax=axes[0], shrink=0.7, label="mm")
        axes[0].set_title(f"{depth:.0f} mm in 12 days")
        axes[1].imshow(to_rgb(wrap(phase)))
        axes[1].set_title(f"wrapped: {depth / (wavelength_mm / 2):.1f} fringes")
        axes[2].imshow(to_rgb(noise.astype(np.float32)))
        axes[2].set_title("with noise")
        image = axes[3].imshow(slope, cmap="RdBu_r", vmin=0, vmax=2)
        figure.colorbar(image, ax=axes[3], shrink=0.7, label="slope over limit")
        axes[3].set_title("too steep to unwrap: red")
    for axes in rows.flat:
        axes.set(xticks=[], yticks=[])
    FigureCanvasAgg(figure).print_png(PICTURE, metadata={"Software": None})


if __name__ == "__main__":
    main()
