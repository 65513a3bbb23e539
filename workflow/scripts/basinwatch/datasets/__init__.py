"""Labelled tiles: on disk, cut from interferograms, imported from pictures."""
