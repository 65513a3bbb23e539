"""Draw docs/overview.png, the picture of the README, from a finished run of the built-in example."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from basinwatch import report  # noqa: E402


def main() -> None:
    """Read the example's products where ``make run`` leaves them."""
    area, stack = ROOT / "results/areas/silesia/basinnet", ROOT / "results/example"
    pairs = sorted((stack / "detections/basinnet").iterdir())
    files = {
        "basins": [area / "basins.gpkg"],
        "timeline": [area / "timeline.csv"],
        "grids": [stack / "grid.json"],
        "activity": [stack / "activity/basinnet/activity.tif"],
        "meta": [stack / "interferograms" / pair.name / "meta.json" for pair in pairs],
        "phase": [stack / "interferograms" / pair.name / "phase.tif" for pair in pairs],
        "model": [ROOT / "resources/models/basinnet/model.json"],
    }
    products = report.load(
        "silesia", {"example": False}, {role: list(map(str, paths)) for role, paths in files.items()}
    )
    (ROOT / "docs" / "overview.png").write_bytes(report.overview(products))


if __name__ == "__main__":
    main()
