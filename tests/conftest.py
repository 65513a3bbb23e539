"""Where real data lie, and why a test that needs them is skipped."""

import os
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
