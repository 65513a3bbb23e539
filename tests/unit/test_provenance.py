"""Files that are whole or absent, and logs that say in one sentence what a user can mend."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from basinwatch.provenance import atomic_path, write_json

from tests.conftest import ROOT

SCRIPT = """
import sys
sys.path.insert(0, {library!r})
from basinwatch.errors import InputError
from basinwatch.provenance import log_to
log_to({log!r})
{code}
"""


def logged(folder: Path, code: str) -> str:
    """Run a job that fails and return its log."""
    log = folder / "job.log"
    source = SCRIPT.format(library=str(ROOT / "workflow/scripts"), log=str(log), code=code)
    done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 1
    return log.read_text()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise InputError('a.tif: found bytes, expected phase; name it.')", "a.tif: found bytes"),
        ("open('gone.tif')", "gone.tif: No such file or directory; expected a file that is there"),
        ("open('/proc/self/mem', 'rb').read(1)", "Input/output error"),
        (f"raise OSError({errno.ENOSPC}, 'No space left', 'results/a.tif')", "a.tif: No space left; expected"),
        (f"raise PermissionError({errno.EACCES}, 'Permission denied', 'raw/a.diff')", "raw/a.diff: Permission denied"),
        ("import numpy; numpy.empty(2**60, numpy.uint8)", "The memory ran out (Unable to allocate"),
    ],
)
def test_what_a_user_can_mend_is_one_line(tmp_path, code, words):
    text = logged(tmp_path, code)
    assert words in text
    assert ("Traceback" in text) == ("self/mem" in code)
    if "Traceback" not in text:
        assert len(text.splitlines()) == 1


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path):
    assert "ZeroDivisionError" in logged(tmp_path, "1 / 0")


def half(path: Path, error: BaseException) -> None:
    """Fail in the middle of writing."""
    with atomic_path(path) as part:
        part.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt()])
def test_a_product_is_whole_or_not_there(tmp_path, error):
    path = tmp_path / "a" / "b.json"
    write_json(path, [1])
    with pytest.raises(type(error)):
        half(path, error)
    assert path.read_text() == "[\n 1\n]\n"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_job_left_is_not_in_the_way(tmp_path):
    path = tmp_path / "b.json"
    (tmp_path / ".b.part.json").write_text("left by a killed job")
    write_json(path, 1)
    assert list(tmp_path.iterdir()) == [path]
