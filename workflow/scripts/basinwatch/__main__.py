"""Commands beside the workflow: ``python workflow/scripts/basinwatch COMMAND``, or ``python -m basinwatch COMMAND``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    if not __package__:  # run as a folder, which then stands on the path itself
        sys.path[0] = str(Path(__file__).resolve().parents[1])
    from basinwatch.commands import main

    sys.exit(main(sys.argv[1:]))
