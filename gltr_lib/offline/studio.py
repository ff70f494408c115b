"""Two pictures at once on a CPU, each on half of the cores.

A picture on all cores waits after every layer for the slowest of them, and the cores that code files meanwhile are the
same ones. Two pictures that know nothing of each other fill those gaps (the mini stylizer at 1024x512 on two cores:
112 ms a picture for 123 to 137, files aside). Where two would take much memory, or where there is a GPU, one is
painted at a time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from gltr_lib._tiles import knows, peak_bytes
from gltr_lib.offline.paint import Painter

#: A picture that takes more bytes than this at its peak is painted alone.
LIGHT = 512 * 2**20
SEATS = 2

Group = TypeVar("Group")
Styles = Sequence[Sequence[int]]


class Studio:
    """Lets a painter work on two groups of pictures at once where that pays; use it in a ``with`` block.

    Args:
        painter: does the work; its results do not depend on what is painted beside.
    """

    def __init__(self, painter: Painter) -> None:
        self.painter, self.threads = painter, torch.get_num_threads()
        # With a budget, or batches that were asked for, the caller has said how much may happen at once.
        alone = painter.device.type != "cpu" or self.threads < SEATS or painter.batch > 1 or painter.memory is not None
        self._pool = None if alone else ThreadPoolExecutor(SEATS, thread_name_prefix="paint")
        self._free, self._queue = threading.Semaphore(SEATS), threading.Lock()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self.threads)

    def paint(
        self, jobs: Iterable[tuple[Group, list[np.ndarray], Styles]]
    ) -> Iterator[tuple[Group, Styles, list[list[Tensor]]]]:
        """Paint jobs in their order, a few ahead of the one that is asked for.

        Args:
            jobs: (anything, pictures of one size, styles of each).

        Returns:
            For each job what came with it, its styles, and what :meth:`Painter.paint` made.
        """
        if self._pool is None:
            for group, pictures, styles in jobs:
                yield group, styles, self.painter.paint(pictures, styles)
            return
        waiting: deque[tuple[Group, Styles, Future[list[list[Tensor]]]]] = deque()
        for group, pictures, styles in jobs:
            waiting.append((group, styles, self._pool.submit(self._one, pictures, styles)))
            if len(waiting) > SEATS:
                group, styles, future = waiting.popleft()
                yield group, styles, future.result()
        for group, styles, future in waiting:
            yield group, styles, future.result()

    def _one(self, pictures: list[np.ndarray], styles: Styles) -> list[list[Tensor]]:
        name, size, copies = self.painter.stylizer.name, pictures[0].shape[:2], self.painter.copies
        light = knows(name) and peak_bytes(name, size, self.painter.tile, 1, copies) <= LIGHT
        with self._take(1 if light else SEATS):
            # Of this thread, and of MKL's for all; who paints alone is disturbed by nobody.
            torch.set_num_threads(self.threads // SEATS if light else self.threads)
            return self.painter.paint(pictures, styles)

    @contextmanager
    def _take(self, seats: int) -> Iterator[None]:
        with self._queue:  # one after the other, or two that want all seats would each hold one
            for _ in range(seats):
                self._free.acquire()
        try:
            yield
        finally:
            self._free.release(seats)
