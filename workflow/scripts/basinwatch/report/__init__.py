"""One self-contained HTML page per area, and the picture of the README."""

from basinwatch.report.figures import overview
from basinwatch.report.page import render, render_with_figures
from basinwatch.report.products import Area, load

__all__ = ["Area", "load", "overview", "render", "render_with_figures"]
