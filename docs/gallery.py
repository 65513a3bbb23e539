"""Draw docs/gallery.png from simulated tiles, and, where real ones are found, both sets in logs/gallery_with_real.png.

Real tiles (``mining_tiles`` under ``BASINWATCH_DATA``) may be looked at but not handed on, so they stay out of docs.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch.calibration.files import match  # noqa: E402
from basinwatch.calibration.pictures import read_tiles  # noqa: E402
from basinwatch.calibration.sampling import tiles_with_basins  # noqa: E402
from basinwatch.gallery import Strip, gallery  # noqa: E402
from basinwatch.simulation.settings import Settings  # noqa: E402

REAL = Path(os.environ.get("BASINWATCH_DATA", ROOT.parent / "shared" / "data")) / "mining_tiles"
PICTURE, PICTURE_WITH_REAL = ROOT / "docs" / "gallery.png", ROOT / "logs" / "gallery_with_real.png"
ACROSS = 3


def main() -> None:
    """Simulate, draw, write."""
    fine = replace(Settings(), pixel_size_m=(14.0, 20.0))
    crowded = replace(fine.basins, counts=(0.0,) * 9 + (1.0,))
    wide = replace(fine, tile_size_px=800, pixel_size_m=(30.0, 30.0), basins=crowded)
    tiles, scene = list(tiles_with_basins(fine, 2 * ACROSS)), list(tiles_with_basins(wide, 1))
    first = tiles[:ACROSS]
    strips = [
        Strip("256 x 256 px of 14 to 20 m", first),
        Strip("The same with labels: black to be found, white to be ignored", first, outlines=True),
        Strip("800 x 800 px of 30 m", scene, outlines=True),
    ]
    PICTURE.write_bytes(gallery(strips))
    if REAL.is_dir():
        real = read_tiles(match(str(REAL / "image"), str(REAL / "label")))[: 2 * ACROSS]
        PICTURE_WITH_REAL.parent.mkdir(exist_ok=True)
        both = [Strip("Real", real, outlines=True), Strip("Simulated", tiles, outlines=True)]
        PICTURE_WITH_REAL.write_bytes(gallery(both))


if __name__ == "__main__":
    main()
