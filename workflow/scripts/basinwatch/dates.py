"""Dates as file names write them."""

from __future__ import annotations

import re
from datetime import date, timedelta

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# In the order in which they are looked for: fewer digits may be part of an orbit or of a time.
PATTERNS = (r"\d{8}", r"\d{2}[A-Z][a-z]{2}\d{4}", r"\d{7}", r"\d{6}")
PATTERN = "|".join(PATTERNS)


def read_date(text: str) -> date:
    """Read ``YYYYMMDD``, ``YYMMDD``, GMTSAR's ``YYYYDDD`` or SNAP's ``DDMonYYYY``.

    GMTSAR counts the days of a year from 0; month names are English whatever the user's language.

    Raises
    ------
    ValueError
        If the text is none of them or no calendar date.
    """
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"'{text}' is not a date")
    if len(text) == 7:
        day = date(int(text[:4]), 1, 1) + timedelta(days=int(text[4:]))
        if day.year != int(text[:4]):
            raise ValueError(f"'{text}' counts beyond its year")
        return day
    if len(text) == 9:
        return date(int(text[5:]), MONTHS.index(text[2:5].lower()) + 1, int(text[:2]))
    return date.fromisoformat(("20" if len(text) == 6 else "") + text)
