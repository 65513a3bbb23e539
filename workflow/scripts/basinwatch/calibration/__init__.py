"""Simulated tiles held against real labelled ones: figures of both, and which settings to change."""
