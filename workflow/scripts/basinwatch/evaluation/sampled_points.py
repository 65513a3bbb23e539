"""Scores at sampled points, as the study of InSARNet reports them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from basinwatch.evaluation.scores import pixel_scores


def sample_points(mask: NDArray[np.bool_], n_pos: int = 300, n_neg: int = 300, seed: int = 0) -> NDArray[np.intp]:
    """Draw pixels inside and outside a mask without replacement.

    Zhang et al. (2022) take 300 and 300 of every test area (from the counts behind their printed scores).

    Parameters
    ----------
    mask
        bool of any shape.

    Returns
    -------
    NDArray
        (n_pos + n_neg,) places in the flattened mask, those inside first; fewer where there are not so many.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for wanted, places in ((n_pos, np.flatnonzero(mask)), (n_neg, np.flatnonzero(~mask))):
        chosen.append(rng.choice(places, min(wanted, places.size), replace=False))
    return np.concatenate(chosen)


def kappa_s4_printed(counts: NDArray[np.integer]) -> float:
    """Zhang et al. (2022), eq. (11) as printed, which their tables follow; it is not Cohen's kappa.

    Parameters
    ----------
    counts
        2×2, truth by row, prediction by column, background first.
    """
    (tn, fp), (fn, tp) = counts.astype(np.float64)
    total = counts.sum()
    chance = ((tp + tn) * (tp + fp) + (fp + fn) * (tn + fn)) / total**2
    return float(((tp + tn) / total - chance) / (1 - chance))


def point_scores(truth: NDArray[np.bool_], predicted: NDArray[np.bool_], seed: int) -> dict[str, float]:
    """Scores at 300 points inside and 300 outside the basins."""
    places = sample_points(truth, seed=seed)
    pairs = 2 * truth.ravel()[places] + predicted.ravel()[places]
    counts = np.bincount(pairs, minlength=4).reshape(2, 2)
    scores = pixel_scores(counts)
    return {
        "points": int(places.size),
        "point_precision": scores.precision,
        "point_recall": scores.recall,
        "point_accuracy": scores.accuracy,
        "point_kappa": scores.kappa,
        "point_kappa_s4_printed": kappa_s4_printed(counts),
    }
