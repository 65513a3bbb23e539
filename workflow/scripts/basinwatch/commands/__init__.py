"""The command line: one module per command, each with ``SUMMARY``, ``EXAMPLES``, ``add_arguments`` and ``run``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from basinwatch.commands import calibrate_colors, inspect, paint
from basinwatch.errors import InputError

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, ModuleType] = {"inspect": inspect, "calibrate-colors": calibrate_colors, "paint": paint}


def main(arguments: Sequence[str]) -> int:
    """Run a command.

    Parameters
    ----------
    arguments
        Name of the command and its own arguments.

    Returns
    -------
    Exit status: 0, 1 for input that cannot be used (one sentence on standard error), 2 for wrong arguments.
    """
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except InputError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    """Arguments of all commands."""
    parser = argparse.ArgumentParser(prog="basinwatch", description="Commands beside the workflow.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        own = commands.add_parser(
            name,
            help=command.SUMMARY,
            description=command.__doc__,
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser
