"""Accuracy of extracted patches: the measures of the mine-patch study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from basinwatch.evaluation.sampled_points import sample_points
from basinwatch.evaluation.scores import pixel_scores
from basinwatch.obia.references import LEARNT_FROM, TEST, References
from basinwatch.vectors import footprints

Scores = dict[str, float | list[list[int]] | None]
HISTOGRAM_EDGES = tuple(round(0.1 * step, 1) for step in range(11))
LIKE = 0.8


@dataclass(frozen=True)
class AccuracySettings:
    """How patches are judged.

    Parameters
    ----------
    samples
        Pixels drawn inside test patches; of other ground as many more as it is larger.
    min_overlap
        Share of the smaller one that a patch and a reference have in common.
    seed
        Same seed gives the same pixels.
    """

    samples: int = 5000
    min_overlap: float = 0.25
    seed: int = 0


@dataclass(frozen=True)
class ObjectAccuracy:
    """Which reference patches were found, and how alike the areas are.

    Parameters
    ----------
    identified
        bool (references,).
    similarity
        float64 (references,) smaller over larger area; NaN where not identified.
    """

    identified: NDArray[np.bool_]
    similarity: NDArray[np.float64]

    def record(self) -> dict[str, object]:
        """Sum up as plain JSON types: counts, mean similarity, share above 0.8, histogram."""
        known = self.similarity[self.identified]
        counts, _ = np.histogram(known, HISTOGRAM_EDGES)
        return {
            "references": int(self.identified.size),
            "identified": int(self.identified.sum()),
            "identified_share": float(self.identified.mean()) if self.identified.size else None,
            "area_similarity": float(known.mean()) if known.size else None,
            "alike_share": float((known > LIKE).mean()) if known.size else None,
            "histogram_edges": list(HISTOGRAM_EDGES),
            "histogram": [int(number) for number in counts],
        }


def compare_objects(
    patches: NDArray[np.int32], references: NDArray[np.int32], min_overlap: float = 0.25
) -> ObjectAccuracy:
    """Hold patches against reference patches.

    A reference is identified where a patch shares `min_overlap` of the smaller one's area. Patches and references that
    hang together by such overlaps are compared by their total areas, so that one patch over two references, or two
    pieces of one, are judged as a whole.

    Parameters
    ----------
    patches, references
        (y, x): 0 outside, 1…n inside.
    """
    found, wanted = (np.bincount(labels.ravel())[1:] for labels in (patches, references))
    both = (patches > 0) & (references > 0)
    keys, shared = np.unique(patches[both].astype(np.int64) * (wanted.size + 1) + references[both], return_counts=True)
    patch, reference = (part - 1 for part in np.divmod(keys, wanted.size + 1))
    fits = shared >= min_overlap * np.minimum(found[patch], wanted[reference])
    patch, reference = patch[fits], reference[fits]
    identified = np.isin(np.arange(wanted.size), reference)
    links = csr_array((np.ones(patch.size), (patch, found.size + reference)), shape=(found.size + wanted.size,) * 2)
    group = connected_components(links, directed=False)[1]
    groups = int(group.max(initial=-1)) + 1
    sizes = [
        np.bincount(group[part], area, minlength=groups)
        for part, area in ((slice(0, found.size), found), (slice(found.size, None), wanted))
    ]
    alike = np.minimum(*sizes) / np.maximum(np.maximum(*sizes), 1)
    return ObjectAccuracy(identified, np.where(identified, alike[group[found.size :]], np.nan))


def pixel_accuracy(
    patches: NDArray[np.bool_], references: NDArray[np.bool_], counted: NDArray[np.bool_], samples: int, seed: int
) -> Scores:
    """Confusion of pixels drawn at random in the proportion in which mines and other ground occur.

    Parameters
    ----------
    patches, references
        (y, x) what was extracted and what is true.
    counted
        (y, x) ground to judge by.
    samples
        Pixels drawn inside references; of other ground as many more as it is larger.

    Returns
    -------
    dict
        ``confusion`` (truth by row, other ground first), ``overall_accuracy``, ``producers_accuracy``,
        ``users_accuracy``, ``kappa`` and ``f1`` of mines; see :func:`confusion_scores`.
    """
    truth, predicted = references[counted], patches[counted]
    drawn = min(samples, int(truth.sum()))
    others = round(drawn * (~truth).sum() / max(truth.sum(), 1))
    places = sample_points(truth, drawn, others, seed)
    counts = np.bincount(2 * truth[places] + predicted[places], minlength=4).reshape(2, 2)
    return confusion_scores(counts)


def confusion_scores(counts: NDArray[np.integer]) -> Scores:
    """Scores of a confusion matrix, truth by row, prediction by column, other ground first; None where undefined."""
    scores = pixel_scores(counts)
    both = scores.precision + scores.recall
    values = {
        "overall_accuracy": scores.accuracy,
        "producers_accuracy": scores.recall,
        "users_accuracy": scores.precision,
        "kappa": scores.kappa,
        "f1": 2 * scores.precision * scores.recall / both if both > 0 else 0.0,
    }
    known = {name: None if np.isnan(value) else value for name, value in values.items()}
    return {"confusion": counts.tolist()} | known


def assess(
    patches: gpd.GeoDataFrame,
    extracted: NDArray[np.bool_],
    searched: NDArray[np.bool_],
    references: References,
    settings: AccuracySettings,
) -> dict[str, Any]:
    """Judge patches, and what the detector alone extracted, by the references set aside for the test.

    Ground of references that were learnt from, and ground without data, counts for nothing.

    Parameters
    ----------
    patches
        Polygons in the coordinate system of the references' grid.
    extracted, searched
        (y, x) what the detector found, and where it looked.
    """
    truth, counted = references.labels([TEST]), searched & (references.labels(LEARNT_FROM) == 0)
    if not truth.any():
        return {"references": 0, "remarks": ["No reference patch was set aside for the test."]}
    labels = np.zeros(references.grid.shape, np.int32)
    for number, place in enumerate(footprints(patches.geometry, references.grid), 1):
        labels[place.rows, place.columns][place.mask] = number
    labels[~counted] = 0
    found = compare_objects(labels, truth, settings.min_overlap)
    rule = settings.samples, settings.seed
    kinds = references.frame.loc[references.frame["use"] == TEST].get("kind")
    return found.record() | {
        "pixels": pixel_accuracy(labels > 0, truth > 0, counted, *rule),
        "detector_alone": pixel_accuracy(extracted, truth > 0, counted, *rule),
        "kinds": {} if kinds is None else _by_kind(found, kinds.to_numpy(dtype=str)),
        "remarks": list(references.remarks),
    }


def _by_kind(found: ObjectAccuracy, kinds: NDArray[np.str_]) -> Mapping[str, Mapping[str, object]]:
    """Count and compare references kind by kind."""
    numbers = range(found.identified.size)
    groups = {kind: [n for n in numbers if kinds[n] == kind] for kind in sorted(set(kinds))}
    return {kind: ObjectAccuracy(found.identified[n], found.similarity[n]).record() for kind, n in groups.items()}
