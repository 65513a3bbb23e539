"""Find out how a picture of wrapped phase is coloured, and print the color: entry of its stack for config.yaml.

The picture's own colours tell the wheel. Which way phase grows and where it is zero only numeric phase of the same
scene can tell; with it, the colours of any unknown wheel can be learnt, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from basinwatch import color_calibration
from basinwatch.color_calibration import KNOWN_WHEELS, Placement, Wheel
from basinwatch.commands.terminal import heading, printable
from basinwatch.errors import InputError
from basinwatch.inspection.names import dated, role_of
from basinwatch.inspection.sight import NO_DATES
from basinwatch.provenance import atomic_path
from basinwatch.readers import PairFiles, color_raster, read_interferogram

SUMMARY = "find wheel, direction and zero of a coloured phase picture"
EXAMPLES = """\
  python workflow/scripts/basinwatch calibrate-colors 20200101_20200113.diff.ras
  python workflow/scripts/basinwatch calibrate-colors 20200101_20200113.diff.ras --phase 20200101_20200113.diff
  python workflow/scripts/basinwatch calibrate-colors look.png --phase phase.tif --learn own.cm"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="a .ras, .bmp, .png, .jpg or .tif in colours")
    parser.add_argument(
        "--phase", type=Path, metavar="FILE", help="numeric phase of the same scene, as large or larger"
    )
    parser.add_argument("--header", type=Path, metavar="FILE", help="header of the numeric phase, where it needs one")
    wheel = parser.add_mutually_exclusive_group()
    wheel.add_argument("--wheel", metavar="NAME", help="try this wheel: a matplotlib name or a text file of colours")
    wheel.add_argument("--learn", type=Path, metavar="TABLE", help="write the colours found at each phase to this file")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found."""
    numeric = None if arguments.phase is None else _numeric(arguments.phase, arguments.header)
    if arguments.learn is not None:
        _learn(arguments.picture, numeric, arguments.learn)
    own = str(arguments.learn or arguments.wheel or "")
    names = [(own, "modulated"), (own, "constant")] if own else KNOWN_WHEELS
    wheels = color_calibration.fitting_wheels(arguments.picture, names)
    if numeric is None:
        _print(wheels[0], None)
    else:
        _print(*_best(wheels, numeric))
    return 0


def _numeric(path: Path, header: Path | None) -> NDArray[np.float32]:
    """Numeric phase with the sign as stored, which is the picture's, too."""
    found = dated(path)
    days = (found.first, found.second) if found else NO_DATES
    options = {"kind": "unwrapped"} if role_of(path.name) == "unwrapped" else {}
    pair = read_interferogram(PairFiles(*days, path, header=header, options=options))
    return -pair.phase if pair.metadata.get("conjugated") else pair.phase


def _best(wheels: list[Wheel], numeric: NDArray[np.float32]) -> tuple[Wheel, Placement]:
    """Wheel and placement that agree best with numeric phase."""
    small = color_calibration.reduced(numeric, wheels[0].phase.shape)
    placed, refused = [], None
    for wheel in wheels:
        try:
            placed.append((wheel, color_calibration.placement(wheel.phase, small)))
        except InputError as error:
            refused = refused or error
    if refused is not None and not placed:
        raise refused
    return max(placed, key=lambda pair: pair[1].agreement)


def _learn(picture: Path, numeric: NDArray[np.float32] | None, table: Path) -> None:
    """Write the colour table that picture and numeric phase make together."""
    if numeric is None:
        raise InputError("--learn: found no numeric phase, expected some beside the picture; name it with --phase.")
    rgb = color_raster.read_colors(picture)
    colors = color_calibration.learnt_table(rgb, color_calibration.reduced(numeric, rgb.shape[:2]))
    with atomic_path(table) as part:
        part.write_text("".join(f"{r} {g} {b}\n" for r, g, b in colors.tolist()), encoding="ascii")


def _print(wheel: Wheel, placed: Placement | None) -> None:
    """Print the findings and the entry for the configuration."""
    print(f"wheel       {printable(wheel.name)}, median distance of the colours {wheel.distance:.4f}")
    if placed is None:
        print("direction   cannot be told without numeric phase: --phase FILE; taken as 1, as GAMMA paints")
        print("zero        cannot be told without numeric phase; taken as 0, as GAMMA paints")
    else:
        print(f"direction   {placed.direction:+d}")
        print(f"zero        {round(placed.zero, 4) + 0.0} of the cycle")
        print(f"agreement   {placed.agreement:.3f} of 1, {placed.rms_rad:.3f} rad rms remain")
    print(heading("\nFor the picture's stack in config.yaml"))
    zero, direction = (0.0, 1) if placed is None else (placed.zero, placed.direction)
    print(f"    color:\n      wheel: {_quoted(wheel.name)}\n      zero: {round(zero, 4) + 0.0}")
    print(f"      direction: {direction}\n      brightness: {wheel.brightness}")


def _quoted(text: str) -> str:
    """Text as YAML reads it back, whatever is in it."""
    return "'" + printable(text).replace("'", "''") + "'"
