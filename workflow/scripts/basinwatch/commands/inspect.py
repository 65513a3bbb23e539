"""Show what the workflow sees in a file or a folder of interferograms, and propose a stack for config.yaml."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from basinwatch.commands.terminal import counting, heading, printable
from basinwatch.errors import InputError
from basinwatch.inspection.files import Found, survey
from basinwatch.inspection.proposal import Proposal, delays_folder, entry_text, proposals
from basinwatch.inspection.scene_files import scene_files
from basinwatch.inspection.sight import Sight, look_at
from basinwatch.quicklook import write_quicklook

SUMMARY = "show what the workflow sees in a file or folder"
EXAMPLES = """\
  python workflow/scripts/basinwatch inspect /data/track51
  python workflow/scripts/basinwatch inspect /data/S1AA_20190610T135156_20190622T135157_VVP012_INT80_G_ueF_F8BF.zip
  python workflow/scripts/basinwatch inspect --quicklook look.png /data/20200101_20200113.diff
  python workflow/scripts/basinwatch inspect /data/track51 > track51.txt"""
_LABEL_WIDTH = 12
_MAX_OTHERS, _MAX_LOOKS = 12, 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder that holds pairs at any depth")
    parser.add_argument(
        "--quicklook", type=Path, metavar="PNG",
        help="draw the wrapped phase of the first pair into this file; nothing is drawn without",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print what there is; 1 if there is nothing that can be used."""
    found = survey(arguments.path, lambda files: counting(files, "files"))
    _print_list(f"Files in {found.root}", found.described()[:_MAX_OTHERS])
    stacks = proposals(found)
    seen, errors = _first_usable(stacks)
    if seen is None:
        return _without_stack(found, errors)
    stack, sight = seen
    print(heading(f"\n{stack.title}"))
    for label, text in sight.rows():
        print(f"  {label:<{_LABEL_WIDTH}}{printable(text)}")
    _print_list("Warnings", sight.warnings)
    _draw(sight, arguments.quicklook)
    if stack.pattern is None:
        print("\nNo two dates in its name or folder, so that it can be no pair of a stack; rename it after both dates.")
        return 0
    folders = dict.fromkeys(str(other.file.parent) for other in stacks if other.file.parent != stack.file.parent)
    _print_list("Further stacks may lie in", list(folders)[:_MAX_LOOKS])
    print(heading("\nFor config.yaml"))
    others = dict(sight.settings) | scene_files(found.others(), stack.file, sight.interferogram.grid, stack.days)
    print(entry_text(stack, sight.has_coherence, others))
    return 0


def _first_usable(stacks: list[Proposal]) -> tuple[tuple[Proposal, Sight] | None, list[str]]:
    """Look at stacks until one can be used; also why those before it cannot.

    One that turns out to be unwrapped though its name does not say so gives way to a wrapped one, or to more pairs.
    """
    errors: list[str] = []
    seen: list[tuple[Proposal, Sight]] = []
    for stack in stacks[:_MAX_LOOKS]:
        try:
            seen.append((stack, look_at(stack)))
        except InputError as error:
            errors.append(printable(str(error)))
            continue
        if stack.is_unwrapped or not seen[-1][1].settings:
            break
    return max(seen, key=lambda one: (not one[1].settings, one[0].count), default=None), errors


def _without_stack(found: Found, errors: list[str]) -> int:
    """Say what else a folder is good for, or why the likeliest file cannot be used."""
    delays = delays_folder(found.undated)
    if delays is not None:
        print(
            f"\nDelays of the air; the stack whose dates they are of takes them as\n  delays: {printable(str(delays))}"
        )
        return 0
    sys.stdout.flush()
    print(
        "\nNo interferogram here that the workflow can read; what each producer needs: docs/formats.md", file=sys.stderr
    )
    for sentence in errors[:1]:
        print(f"The likeliest file cannot be used: {sentence}", file=sys.stderr)
    return 1


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
