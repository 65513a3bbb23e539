"""Environment files and the container: few, pinned, and from the one list of versions."""

import importlib.util
import re

import pytest
import yaml

from tests.conftest import ROOT

ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def pinning():
    """The script that writes the pins."""
    spec = importlib.util.spec_from_file_location("pin_environments", ROOT / ".ci" / "pin_environments.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_every_package_has_the_version_of_the_lock(path):
    script = pinning()
    versions, lines = script.locked(), path.read_text().split("dependencies:\n")[1].splitlines()
    assert len(lines) > 10
    stale = [line for line in lines if script.pinned(line, versions) != line]
    assert not stale, f"{path.name}: run python .ci/pin_environments.py"


def test_there_are_two_environments_without_the_default_channel():
    assert [path.stem for path in ENVIRONMENTS] == ["geo", "torch"]
    assert all(yaml.safe_load(path.read_text())["channels"] == ["conda-forge", "nodefaults"] for path in ENVIRONMENTS)


def test_packages_that_both_environments_have_are_the_same():
    pins = [set(re.findall(r"- ([\w-]+) =+(\S+)", path.read_text())) for path in ENVIRONMENTS]
    assert not {name for name, _ in pins[0] ^ pins[1]} & ({n for n, _ in pins[0]} & {n for n, _ in pins[1]})


def test_the_container_installs_the_lock_and_nothing_else():
    recipe = (ROOT / "Dockerfile").read_text()
    installed = re.findall(r"pip install (.*)", recipe)
    assert len(installed) == 1
    assert installed[0].endswith("--requirement requirements.lock")
    assert f"python:{yaml.safe_load(ENVIRONMENTS[0].read_text())['dependencies'][0].split('=')[1]}" in recipe
