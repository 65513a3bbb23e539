"""One self-contained HTML page per area with a map to move about in: pictures, dates, basins with their history."""

from basinwatch.map_page.page import render

__all__ = ["render"]
