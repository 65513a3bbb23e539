"""Products of an area for other programs: QGIS, catalogues, spreadsheets, labelling tools."""

from basinwatch.exports.folder import export_area

__all__ = ["export_area"]
