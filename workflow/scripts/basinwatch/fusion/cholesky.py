"""Small symmetric systems, one per pixel, solved for all pixels at once.

Every entry of a matrix is a raster, so that each step of the factorisation is one operation on rasters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def factorise(matrix: Array, least_pivots: ArrayLike) -> Array:
    """Factorise in place as L Lᵀ.

    Parameters
    ----------
    matrix
        (p, p, …) of which the lower triangle is used; it becomes L.
    least_pivots
        (p, …) or broadcastable to it. An unknown whose pivot is not larger cannot be told from those before it; its
        solution is 0.
    """
    size = len(matrix)
    least = np.broadcast_to(least_pivots, matrix.shape[1:])
    for j in range(size):
        pivot = matrix[j, j, ...]
        known = pivot > least[j]
        pivot[...] = np.sqrt(pivot, out=np.full_like(pivot, np.inf), where=known)
        matrix[j + 1 :, j] /= pivot
        for i in range(j + 1, size):
            matrix[i, j + 1 : i + 1] -= matrix[i, j] * matrix[j + 1 : i + 1, j]
    return matrix


def forward(factor: Array, right: Array) -> Array:
    """Solve L x = right in place; `right` is (p, …)."""
    for j in range(len(factor)):
        right[j] /= factor[j, j]
        for i in range(j + 1, len(factor)):
            right[i] -= factor[i, j] * right[j]
    return right


def backward(factor: Array, right: Array) -> Array:
    """Solve Lᵀ x = right in place; `right` is (p, …)."""
    for j in reversed(range(len(factor))):
        for i in range(j + 1, len(factor)):
            right[j] -= factor[i, j] * right[i]
        right[j] /= factor[j, j]
    return right
