"""Pairs read ahead of the network: checked, at the protocol's sizes, in order, neighbours of one size together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gltr_lib.datasets.pairs import pair_as_bytes
from gltr_lib.evaluate.protocols import Protocol, prepare

T = TypeVar("T")


class Prepared(NamedTuple):
    """One pair before the network sees it: all arrays uint8, at the protocol's sizes."""

    position: int
    key: str
    picture: np.ndarray  # (h,w,3)
    label: np.ndarray  # (H,W) of trainIds, 255 = ignore


class Item(NamedTuple):
    """One scored picture, as ``on_item`` gets it: the prepared pair with the prediction, uint8 (H,W)."""

    position: int
    key: str
    picture: np.ndarray
    label: np.ndarray
    prediction: np.ndarray


class Reader:
    """Reads, checks and prepares one pair; its errors name the pair."""

    def __init__(self, dataset: Any, protocol: Protocol, num_classes: int) -> None:
        self.dataset, self.protocol, self.num_classes = dataset, protocol, num_classes
        self.keys: Sequence[str] | None = getattr(dataset, "keys", None)

    def __call__(self, index: int) -> Prepared:
        key = str(self.keys[index]) if self.keys is not None and not callable(self.keys) else f"pair {index}"
        try:
            picture, target = prepare(self.protocol, *pair_as_bytes(self.dataset, index, key))
        except (ValueError, TypeError, OSError) as error:
            text = str(error)
            raise ValueError(text if key in text else f"{key}: {text}") from error
        present = np.flatnonzero(np.bincount(target.ravel(), minlength=256)[:255])
        if present.size and present[-1] >= self.num_classes:
            raise ValueError(
                f"{key}: expected trainIds 0..{self.num_classes - 1} or 255, found "
                f"{present[present >= self.num_classes].tolist()}; map the dataset's ids first"
            )
        return Prepared(index, key, picture, target)


def ahead(read: Callable[[int], T], indices: Sequence[int], workers: int) -> Generator[tuple[T, float], None, None]:
    """Items in order, read ahead by threads, each with the seconds that were spent waiting for it."""
    if workers == 0:
        for index in indices:
            started = time.perf_counter()
            yield read(index), time.perf_counter() - started
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    waiting: deque[Future[T]] = deque()
    try:
        for index in indices:
            waiting.append(pool.submit(read, index))
            if len(waiting) >= 2 * workers:
                started = time.perf_counter()
                yield waiting.popleft().result(), time.perf_counter() - started
        while waiting:
            started = time.perf_counter()
            yield waiting.popleft().result(), time.perf_counter() - started
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def grouped(items: Iterator[tuple[Prepared, float]], batch: int) -> Iterator[tuple[list[Prepared], float]]:
    """Neighbours of one size, at most ``batch`` of them."""
    group: list[Prepared] = []
    wait = 0.0
    for item, seconds in items:
        sizes = (item.picture.shape, item.label.shape)
        if group and (len(group) == batch or sizes != (group[0].picture.shape, group[0].label.shape)):
            yield group, wait
            group, wait = [], 0.0
        group.append(item)
        wait += seconds
    if group:
        yield group, wait


def progress_bar(total: int, wanted: bool) -> Callable[[int | None], Any]:
    """A progress bar with the time left, or nothing; ``None`` closes it."""
    if not wanted:
        return lambda _: None
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tqdm, or progress=False") from error
    bar = tqdm(total=total, unit="picture")
    return lambda count: bar.close() if count is None else bar.update(count)
