"""Ground that moves down its slope: pictures of rates, samples to learn from, anomalies, after Zhang et al. (2022)."""
