"""Give every package of envs/*.yaml the version of requirements.lock: ``python .ci/pin_environments.py``."""

import re
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
# Conda's names of packages that the lock calls otherwise.
LOCKED_AS = {"pytorch": "torch", "matplotlib-base": "matplotlib", "dask-core": "dask"}
# Not in the lock: the interpreter, its installer, and a driver of GDAL that follows the GDAL of rasterio.
FREE = {"python", "pip", "libgdal-netcdf"}


# The interpreter of the environments.
PLACE = {"python_version": "3.11", "python_full_version": "3.11.0", "sys_platform": "linux"}


def locked() -> dict[str, str]:
    """Read versions by name, on the environments' interpreter."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)(?: ; (.+))?$", (ROOT / "requirements.lock").read_text(), re.M)
    return {name: version for name, version, marker in found if not marker or Marker(marker).evaluate(PLACE)}


def pinned(line: str, versions: dict[str, str]) -> str:
    """Give a line of an environment file the version of the lock."""
    found = re.match(r"( +- )([\w-]+)(?: *(==?|>=).*)?$", line)
    if not found or found[2] in FREE:
        return line
    name = LOCKED_AS.get(found[2], found[2])
    if name not in versions:
        raise SystemExit(f"{name} is in an environment, not in requirements.lock: add it to pyproject.toml and lock.")
    equals = "==" if line.startswith("      ") else "="
    return f"{found[1]}{found[2]} {equals}{versions[name]}"


if __name__ == "__main__":
    for path in (ROOT / "envs").glob("*.yaml"):
        head, names = path.read_text().split("dependencies:\n")
        lines = [pinned(line, locked()) for line in names.splitlines()]
        path.write_text(head + "dependencies:\n" + "\n".join(lines) + "\n")
