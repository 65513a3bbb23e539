"""Plain text parameters: one key and its value per line."""

from __future__ import annotations

import math


def key_values(text: str, separator: str) -> dict[str, str]:
    """Values by key, split at the first separator of a line; keys in lower case and without blanks.

    The first occurrence counts, other lines are ignored.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, sign, value = line.partition(separator)
        if sign:
            found.setdefault("".join(key.split()).lower(), value.strip())
    return found


def finite_number(text: str | None) -> float | None:
    """First word as a number, or None if it is none."""
    try:
        number = float((text or "").split()[0])
    except (IndexError, ValueError):
        return None
    return number if math.isfinite(number) else None


def whole_numbers(*texts: str | None) -> list[int] | None:
    """Positive whole numbers, such as looks; None unless all are."""
    numbers = [finite_number(text) or 0 for text in texts]
    return [int(number) for number in numbers] if all(1 <= number < 1e6 for number in numbers) else None
