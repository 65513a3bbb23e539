"""Rasters that are read when they are wanted, some rows at a time, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 512
Read = Callable[[int, int], NDArray[Any]]


@dataclass(frozen=True)
class Rows:
    """A raster of one band that lies somewhere else.

    Parameters
    ----------
    height, width
        Size in pixels.
    open
        Opens the source and gives a function that returns the rows from one number up to another.
    """

    height: int
    width: int
    open: Callable[[], AbstractContextManager[Read]]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Rows:
        """Rows of an array (y, x)."""
        height, width = values.shape
        return cls(height, width, lambda: nullcontext(lambda first, last: values[first:last]))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    def blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """First row and numbers of blocks of rows, from top to bottom."""
        with self.open() as read:
            for top in range(0, self.height, BLOCK_ROWS):
                yield top, read(top, min(top + BLOCK_ROWS, self.height))

    def whole(self) -> NDArray[np.float32]:
        """Read all of it, float32 (y, x)."""
        values = np.empty(self.shape, np.float32)
        for top, block in self.blocks():
            values[top : top + len(block)] = block
        return values

    def through(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Rows:
        """Rows of which every block passes through a function of single pixels."""
        return joined(change, self)

    def upside_down(self) -> Rows:
        """Rows in the other order."""

        @contextmanager
        def turned() -> Iterator[Read]:
            with self.open() as read:
                yield lambda first, last: read(self.height - last, self.height - first)[::-1]

        return Rows(self.height, self.width, turned)


def joined(change: Callable[..., NDArray[Any]], *parts: Rows) -> Rows:
    """Rows that a function of single pixels makes of rasters of one size."""

    @contextmanager
    def opened() -> Iterator[Read]:
        with ExitStack() as stack:
            reads = [stack.enter_context(part.open()) for part in parts]
            yield lambda first, last: change(*(read(first, last) for read in reads))

    return Rows(parts[0].height, parts[0].width, opened)
