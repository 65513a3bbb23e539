"""Show what the workflow sees in a file or a folder of interferograms, and propose a stack for config.yaml."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from basinwatch.commands.terminal import heading, printable
from basinwatch.errors import InputError
from basinwatch.inspection.files import survey
from basinwatch.inspection.proposal import Proposal, entry_text, proposals
from basinwatch.inspection.sight import Sight, look_at
from basinwatch.quicklook import write_quicklook

SUMMARY = "show what the workflow sees in a file or folder"
EXAMPLES = """\
  python workflow/scripts/basinwatch inspect /data/track51
  python workflow/scripts/basinwatch inspect /data/S1AA_20190610T135156_20190622T135157_VVP012_INT80_G_ueF_F8BF.zip
  python workflow/scripts/basinwatch inspect --quicklook look.png /data/20200101_20200113.diff
  python workflow/scripts/basinwatch inspect --no-quicklook /data/track51 > track51.txt"""
_LABEL_WIDTH = 12
_MAX_OTHERS, _MAX_LOOKS = 12, 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder that holds pairs at any depth")
    picture = parser.add_mutually_exclusive_group()
    picture.add_argument(
        "--quicklook", type=Path, default=Path("quicklook.png"), metavar="PNG",
        help="where to draw the wrapped phase of the first pair (default: %(default)s)",
    )  # fmt: skip
    picture.add_argument("--no-quicklook", action="store_const", const=None, dest="quicklook", help="draw nothing")


def run(arguments: argparse.Namespace) -> int:
    """Print what there is; 1 if there is no interferogram that can be used."""
    found = survey(arguments.path)
    _print_list(f"Files in {found.root}", found.described()[:_MAX_OTHERS])
    seen = _first_usable(proposals(found))
    if seen is None:
        return 1
    stack, sight = seen
    print(heading(f"\n{stack.title}"))
    for label, text in sight.rows():
        print(f"  {label:<{_LABEL_WIDTH}}{printable(text)}")
    _print_list("Warnings", sight.warnings)
    _draw(sight, arguments.quicklook)
    if stack.pattern is None:
        print("\nNo two dates in its name or folder, so that it can be no pair of a stack; rename it after both dates.")
        return 0
    print(heading("\nFor config.yaml"))
    print(entry_text(stack, sight.has_coherence))
    return 0


def _first_usable(stacks: list[Proposal]) -> tuple[Proposal, Sight] | None:
    """Look at stacks until one can be used; where none can, say why the likeliest cannot."""
    errors = []
    for stack in stacks[:_MAX_LOOKS]:
        try:
            return stack, look_at(stack)
        except InputError as error:
            errors.append(printable(str(error)))
    sys.stdout.flush()
    print(
        "\nNo interferogram here that the workflow can read; what each producer needs: docs/formats.md", file=sys.stderr
    )
    for sentence in errors[:1]:
        print(f"The likeliest file cannot be used: {sentence}", file=sys.stderr)
    return None


def _draw(sight: Sight, path: Path | None) -> None:
    """Draw the quicklook where one is wanted."""
    if path is not None:
        write_quicklook(path, sight.interferogram.phase)
        print(f"\nQuicklook: {printable(str(path))}")


def _print_list(title: str, lines: list[str]) -> None:
    """Print lines under a title, nothing without any."""
    if lines:
        print(heading(f"\n{printable(title)}"))
        for line in lines:
            print(f"  {printable(line)}")
