"""Simulated interferograms of mining subsidence with labels that are known exactly."""
