"""What the library's modules compute, as a hash, so that an edit reruns the rules that use them.

Standard library only: the workflow calls it while it builds the job graph, on a cluster once more for every job.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from functools import cache
from pathlib import Path

_DIGITS = 12
# What a package writes into its pages.
_PAGE_PARTS = {".html", ".js", ".css"}


class CodeVersions:
    """Versions of a package's modules; what was worked out once is kept in a file.

    Parameters
    ----------
    package
        Folder of the package.
    memory
        JSON file that spares parsing modules whose bytes are known; it may be absent or damaged.
    """

    def __init__(self, package: Path, memory: Path) -> None:
        self.package, self.memory = package, memory
        self.known = _recalled(memory)
        self.is_module = cache(self._is_module)
        self.described = cache(self._described)

    def of(self, *names: str) -> str:
        """Hash the named modules (dotted, without the package) and all they import from the package."""
        before = len(self.known)
        waiting, digests = set(names), {}
        while waiting:
            name = waiting.pop()
            digests[name], imported = self.described(name)
            waiting |= {one for one in imported if self.is_module(one)} - set(digests)
        if len(self.known) > before:
            self._remember()
        return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:_DIGITS]

    def _is_module(self, name: str) -> bool:
        """Whether the package has a module or package of this dotted name."""
        path = self.package.joinpath(*name.split("."))
        return path.is_dir() or path.with_suffix(".py").is_file()

    def _described(self, name: str) -> tuple[str, list[str]]:
        """Digest of a module, of a package with its page parts, and what it may import from the package."""
        path = self.package.joinpath(*name.split("."))
        source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_bytes()
        parts = sorted(one for one in path.rglob("*") if one.suffix in _PAGE_PARTS)
        page = b"".join(one.read_bytes() for one in parts)
        key = hashlib.sha256(f"{sys.version_info[:2]} {len(source)} ".encode() + source + page).hexdigest()
        if key not in self.known:
            self.known[key] = _describe(source, page, self.package.name)
        return self.known[key]

    def _remember(self) -> None:
        """Write the file whole or not at all; a folder that takes no files costs no more than time."""
        folder = self.memory.parent
        if not os.access(folder, os.W_OK):
            return
        part = folder / f".{self.memory.name}.{os.getpid()}"
        part.write_text(json.dumps(self.known), encoding="utf-8")
        part.replace(self.memory)


def _recalled(memory: Path) -> dict[str, tuple[str, list[str]]]:
    """Read what was worked out before; a damaged file is as good as none."""
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
        return {str(key): (str(digest), [str(one) for one in imports]) for key, (digest, imports) in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _describe(source: bytes, page: bytes, package: str) -> tuple[str, list[str]]:
    """Digest of what a module computes (comments and docstrings do not count), and names that it may import."""
    tree = ast.parse(source)
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imports.update(_imported(node, package))
        _drop_docstring(node)
    return hashlib.sha256(ast.dump(tree).encode() + page).hexdigest(), sorted(imports)


def _imported(node: ast.ImportFrom, package: str) -> list[str]:
    """Dotted names inside the package that an import may mean."""
    top, _, parent = (node.module or "").partition(".")
    if top != package:
        return []
    names = [f"{parent}.{alias.name}" if parent else alias.name for alias in node.names]
    return [parent, *names] if parent else names


def _drop_docstring(node: ast.AST) -> None:
    """Empty the docstring of a module, class or function."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body[0].value.value = ""
