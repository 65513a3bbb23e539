"""Corrections of a small-baseline stack, estimated on stable ground and applied block by block."""
