"""Experiments on trained models with simulated ground: detection floor and response to coherence."""
