"""XML headers: bounded in size, without entities, and one sentence when they are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from basinwatch.errors import InputError

_MAX_BYTES = 64 * 2**20


def read_xml(path: Path) -> Element:
    """Read an XML file and return its root.

    Raises
    ------
    InputError
        If the file is missing, is no XML, declares entities or is larger than any header.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the header of a raster; copy it again.")
    with path.open("rb") as stream:
        return parse_xml(stream.read(min(path.stat().st_size, _MAX_BYTES) + 1), path)


def parse_xml(content: bytes, path: Path) -> Element:
    """Read XML that was found in `path` and return its root; errors are those of :func:`read_xml`."""

    def refuse(*_: Any) -> None:
        raise InputError(f"{path}: found entities or more than {_MAX_BYTES} bytes, expected a plain XML header.")

    if len(content) > _MAX_BYTES:
        refuse()
    tree, parser = TreeBuilder(), expat.ParserCreate()
    parser.buffer_text = True
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = tree.start, tree.end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(content, True)
    except InputError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InputError(f"{path}: damaged XML ({error}); expected a raster's header; copy it again.") from None
    return tree.close()


def text_of(element: Element | None, path: str, default: str = "") -> str:
    """Text of a descendant, stripped; `default` where there is none."""
    found = element.find(path) if element is not None else None
    return (found.text or default).strip() if found is not None else default


def number_of(text: str, what: str, path: Path) -> float:
    """Read a finite number that a header must hold.

    Raises
    ------
    InputError
        If the text is none; the sentence names `what` and the header.
    """
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise InputError(f"{path}: found {text!r} for {what}, expected a number; copy the header again.")
    return number


def size_of(text: str, what: str, path: Path) -> int:
    """Read a positive whole number that a header must hold; errors as :func:`number_of`."""
    number = number_of(text, what, path)
    if number < 1 or number != int(number):
        raise InputError(f"{path}: found {text!r} for {what}, expected a positive whole number; copy the header again.")
    return int(number)
