"""Where real data lie, why a test that needs them is skipped, and the processor as tests expect it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("BASINWATCH_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with real interferograms; tests that need them are skipped without."""
    if not DATA.is_dir():
        pytest.skip(f"real interferograms are absent: {DATA} does not exist (set BASINWATCH_DATA)")
    return DATA


@pytest.fixture(autouse=True)
def _denormal_numbers() -> Iterator[None]:
    """Undo what prediction and training switch on for the whole process: tiny numbers flushed to zero."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
