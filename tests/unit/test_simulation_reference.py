"""Tiles stay what they were: a change of the simulator, or of a library below it, must be meant.

The reference was made with numpy 2.4 and gives the same labels and, within 1e-4 rad, the same phase with numpy 1.26.
Write it anew with ``python tests/unit/test_simulation_reference.py`` after a change that is meant to change tiles.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

REFERENCE = Path(__file__).parent / "reference" / "simulated_tiles.json"
TILES = [("realistic", 0), ("realistic", 9), ("realistic", 18), ("paper", 3)]
EVERY = 12


def _summary(recipe, number):
    from basinwatch.phase import wrap
    from basinwatch.simulation.drawing import draw
    from basinwatch.simulation.recipes import read_settings
    from basinwatch.simulation.rendering import render

    tile = render(draw(read_settings({"recipe": recipe, "tile_size_px": 128, "pixel_size_m": [10, 40]}), number))
    sampled = wrap(np.nan_to_num(tile.phase[::EVERY, ::EVERY]).astype(np.float64))
    labels = [label.attributes | {"ignore": label.ignore, "mask_px": int(label.mask.sum())} for label in tile.labels]
    return {"phase": np.round(sampled, 6).ravel().tolist(), "labels": json.loads(json.dumps(labels))}


@pytest.mark.parametrize(("recipe", "number"), TILES)
def test_a_tile_is_what_it_was(recipe, number):
    expected = json.loads(REFERENCE.read_text())[f"{recipe}-{number}"]
    found = _summary(recipe, number)
    difference = np.subtract(found["phase"], expected["phase"])
    assert np.abs(np.angle(np.exp(1j * difference))).max() < 1e-4
    assert len(found["labels"]) == len(expected["labels"])
    for one, other in zip(found["labels"], expected["labels"], strict=True):
        assert [one[k] for k in ("ignore", "mask_px", "area_px", "drawn")] == [
            other[k] for k in ("ignore", "mask_px", "area_px", "drawn")
        ]
        for name in ("peak_los_mm", "gradient_rad_px", "coherence", "d_prime"):
            assert one[name] == pytest.approx(other[name], rel=1e-3), name


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text(json.dumps({f"{recipe}-{n}": _summary(recipe, n) for recipe, n in TILES}) + "\n")
