"""A report as PDF, printed by a browser: the style sheet of the page knows paper."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from basinwatch.errors import InputError
from basinwatch.provenance import atomic_path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_PATIENCE_S = 300


def find_browser() -> str | None:
    """Path of a browser that prints, None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def print_page(page: Path, pdf: Path) -> None:
    """Print an HTML file.

    Raises
    ------
    InputError
        If there is no browser, or it makes no PDF within five minutes.
    """
    browser = find_browser()
    if browser is None:
        raise InputError(
            f"{page}: found no browser to print it with, expected one of {', '.join(BROWSERS)}; install Chromium, or "
            "open the page and print it to a file."
        )
    with tempfile.TemporaryDirectory() as profile, atomic_path(pdf) as part:
        command = [
            browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
            *_without_sandbox(), "--no-pdf-header-footer", f"--print-to-pdf={part}", page.resolve().as_uri(),
        ]  # fmt: skip
        done = _run(command, page)
        if done.returncode or not part.is_file():
            raise InputError(
                f"{page}: {browser} ended with status {done.returncode} and no PDF ({done.stderr.strip()[-300:]}); "
                "open the page and print it to a file."
            )


def _run(command: list[str], page: Path) -> subprocess.CompletedProcess[str]:
    """Run the browser, not for ever."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{page}: {command[0]} was not done after {_PATIENCE_S} s, expected a PDF by then; open the page and print "
            "it to a file."
        ) from error


def _without_sandbox() -> list[str]:
    """Chromium refuses to run as the user root with its sandbox on; the page is our own and holds no script."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
