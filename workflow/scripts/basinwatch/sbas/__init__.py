"""Small-baseline time series: network, unwrapping, inversion and rate."""
