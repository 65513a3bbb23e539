"""Choice of segmentation parameters on reference patches, as in the mine-patch study."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.obia.scale import INCREMENTS, Curve, esp2_scales, variance_curve
from basinwatch.obia.segmentation import Criterion, Read, Segments, begin, levels, segment

logger = logging.getLogger(__name__)
PUBLISHED = Criterion(scale=79.0, shape=0.2, compactness=0.5)
_HALF = 0.5
_CHOSEN = ("scale", "shape", "compactness")


@dataclass(frozen=True)
class ChoiceSettings:
    """What is tried.

    Parameters
    ----------
    grid_scale
        Scale at which shape and compactness are chosen.
    shapes, compactnesses
        Values that are combined.
    scales
        Ascending scales of the curve of local variance; the last one also ends the search of ESP2.
    weights
        Of the bands; None weighs all alike.
    fixed
        Any of ``scale``, ``shape`` and ``compactness`` that are given and not chosen.
    """

    grid_scale: float
    shapes: Sequence[float]
    compactnesses: Sequence[float]
    scales: Sequence[float]
    weights: tuple[float, ...] | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """Chosen parameters and why.

    Parameters
    ----------
    source
        ``chosen`` on reference patches, ``published`` where there are none, or ``given``.
    grid
        Shape, compactness and mean difference of area in pixels, per combination.
    curve
        Local variance by scale; None without references.
    candidates
        Scales in question, the references each covers with segments, and segments per covered reference.
    """

    criterion: Criterion
    source: str
    grid: tuple[tuple[float, float, float], ...] = ()
    curve: Curve | None = None
    candidates: tuple[tuple[float, int, float], ...] = ()

    def record(self) -> dict[str, Any]:
        """All of it as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Coverage:
    """Segments that lie in each reference with more than half of their area.

    Parameters
    ----------
    area_px
        int64 (references,) of these segments together, inside or not.
    segments
        int64 (references,) how many they are.
    """

    area_px: NDArray[np.int64]
    segments: NDArray[np.int64]


def cover(segments: Segments, references: NDArray[np.int32]) -> Coverage:
    """Find the segments of every reference.

    Parameters
    ----------
    references
        (y, x): 0 outside, 1…n inside.
    """
    total = int(references.max(initial=0))
    inside = (references > 0) & (segments.labels > 0)
    keys, shared = np.unique(segments.labels[inside].astype(np.int64) * (total + 1) + references[inside],
                             return_counts=True)  # fmt: skip
    label, reference = np.divmod(keys, total + 1)
    area = segments.regions.pixels[label - 1]
    own = shared > _HALF * area
    counts = np.bincount(reference[own], minlength=total + 1)[1:]
    areas = np.bincount(reference[own], area[own], minlength=total + 1)[1:]
    return Coverage(areas.astype(np.int64), counts.astype(np.int64))


def area_difference(segments: Segments, references: NDArray[np.int32]) -> float:
    """Mean over references of |area of their segments − own area| in pixels."""
    own = np.bincount(references[references > 0], minlength=int(references.max(initial=0)) + 1)[1:]
    return float(np.abs(cover(segments, references).area_px - own).mean())


def choose(read: Read, references: NDArray[np.int32], settings: ChoiceSettings, threads: int = 1) -> Choice:
    """Choose shape and compactness by the areas of references, then the scale by local variance.

    What is fixed stays; without references the rest are the published parameters.

    Parameters
    ----------
    read
        Pixels of the image around the references, in 0…255; others should be invalid.
    references
        (y, x): 0 outside, 1…n inside the reference patches.
    threads
        Combinations tried at a time.
    """
    if len(settings.fixed) == len(_CHOSEN):
        return Choice(Criterion(**settings.fixed, weights=settings.weights), "given")
    if not references.any():
        logger.warning("no reference patch to learn from lies in the image, so the published %s is used", PUBLISHED)
        return Choice(replace(PUBLISHED, weights=settings.weights, **settings.fixed), "published")

    def tried(pair: tuple[float, float]) -> float:
        criterion = Criterion(settings.grid_scale, *pair, settings.weights)
        return area_difference(segment(read, references.shape, criterion), references)

    shapes, compactnesses = (
        [settings.fixed[name]] if name in settings.fixed else values
        for name, values in (("shape", settings.shapes), ("compactness", settings.compactnesses))
    )
    pairs = list(itertools.product(shapes, compactnesses))
    with ThreadPoolExecutor(threads) as pool:
        differences = list(pool.map(tried, pairs))
    shape, compactness = pairs[int(np.argmin(differences))]
    grid = tuple((*pair, found) for pair, found in zip(pairs, differences, strict=True))
    criterion = Criterion(settings.grid_scale, shape, compactness, settings.weights)
    if "scale" in settings.fixed:
        return Choice(replace(criterion, scale=settings.fixed["scale"]), "chosen", grid)
    curve, candidates = _scales_in_question(read, references, criterion, settings)
    return Choice(replace(criterion, scale=_best_scale(candidates)), "chosen", grid, curve, candidates)


def _scales_in_question(
    read: Read, references: NDArray[np.int32], criterion: Criterion, settings: ChoiceSettings
) -> tuple[Curve, tuple[tuple[float, int, float], ...]]:
    """Curve of local variance, and how each scale that ESP and ESP2 point to splits the references."""
    first = replace(criterion, scale=settings.scales[0])
    begun = begin(read, references.shape, first)
    curve = variance_curve(begun, first, settings.scales)
    finest = replace(criterion, scale=INCREMENTS[0])
    esp2 = esp2_scales(begin(read, references.shape, finest), finest, settings.scales[-1])
    wanted = sorted({*curve.peaks(), *esp2}) or [settings.grid_scale]
    begun = begin(read, references.shape, replace(criterion, scale=wanted[0]))
    return curve, tuple(_judged(levels(begun, criterion, wanted), references))


def _judged(
    tried: Iterable[tuple[float, Segments]], references: NDArray[np.int32]
) -> Iterable[tuple[float, int, float]]:
    """Count covered references, and segments per covered reference, at every scale."""
    for scale, segments in tried:
        counts = cover(segments, references).segments
        covered = counts[counts > 0]
        yield float(scale), int(covered.size), float(covered.mean()) if covered.size else 0.0


def _best_scale(candidates: Sequence[tuple[float, int, float]]) -> float:
    """Of the scales that cover most references the one with the fewest segments in each, then the smallest."""
    return min(candidates, key=lambda entry: (-entry[1], entry[2], entry[0]))[0]
