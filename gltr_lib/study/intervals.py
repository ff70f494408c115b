"""How sure a difference is: seeds and scenes drawn anew, both methods on the same ones.

Five seeds say little about all seeds, and 64 scenes little about all scenes. The bootstrap draws both with replacement,
10,000 times, and reads the middle 95 % of the differences. Seeds are paired (the same start and order of streets), and
so are scenes. Scenes of one sampled look stand or fall together, so where a set has several looks, whole looks are
drawn. With fewer than five seeds there is no interval; the points are shown.

Drawing n seeds out of n makes too little of their spread: by (n-1)/n in the variance, and by Student's t against the
normal 1.96 in the tails. For five seeds the plain interval holds the truth in about 83 of 100 cases instead of 95. So
the seeds' distances from their mean are stretched by both factors before they are drawn.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13 (percentile interval);
Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, section 3 (too narrow for few values).
"""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from gltr_lib import ledger
from gltr_lib.datasets.looks import is_reserved, sampled_looks
from gltr_lib.study import scenes
from gltr_lib.study.student import quantile

LEAST_SEEDS = 5
DRAWS = 10_000


class Interval(NamedTuple):
    """A mean with the middle ``level`` of its bootstrap distribution."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """What one method has more than another on one set.

    Attributes:
        values: by seed, paired, in fractions of mIoU.
        interval: None where there is none.
        why: the reason, if there is none.
    """

    values: tuple[float, ...]
    interval: Interval | None
    why: str


def miou(terms: np.ndarray) -> np.ndarray:
    """Mean IoU from intersections and unions.

    Args:
        terms: numbers (...,2,C): intersection, union; a class whose union is 0 is left out of the mean.

    Returns:
        float64 (...); NaN where no class has a pixel.

    Example:
        >>> float(miou(np.array([[1, 3, 0], [2, 4, 0]])))
        0.625
    """
    hits, union = terms[..., 0, :].astype(float), terms[..., 1, :].astype(float)
    there = union > 0
    count = there.sum(-1)
    total = np.where(there, hits / np.where(there, union, 1.0), 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def bootstrap(
    first: np.ndarray,
    second: np.ndarray | None = None,
    *,
    groups: Sequence[Hashable] | None = None,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The mean difference of two methods over seeds, with its interval over seeds and scenes.

    Args:
        first: integers (S,N,2,C): of each of S seeds the terms of N scenes, as :func:`scenes.load` gives them.
        second: the other method's, the same seeds and scenes in the same order; None = the mIoU of the first alone.
        groups: for each scene its group; scenes of one group are drawn together. None or a single group draws scenes.
        draws: how many times.
        level: of the interval.
        seed: of the draws.

    Returns:
        An Interval, in fractions of mIoU.

    Raises:
        ValueError: fewer than five seeds, or arrays that are no such pair.

    Example:
        >>> counts = np.random.RandomState(0).randint(1, 50, (5, 8, 2, 3)).cumsum(2)  # the union is the larger
        >>> found = bootstrap(counts, counts)
        >>> found.low == found.mean == found.high == 0.0
        True
    """
    pair = [first] if second is None else [first, second]
    if first.ndim != 4 or first.shape[2] != 2 or any(each.shape != first.shape for each in pair):
        raise ValueError(f"bootstrap: expected arrays (S,N,2,C) of one shape, received {[a.shape for a in pair]}")
    if len(first) < LEAST_SEEDS:
        raise ValueError(f"bootstrap: expected at least {LEAST_SEEDS} seeds, received {len(first)}; show the points")
    if groups is not None and len(groups) != first.shape[1]:
        raise ValueError(f"bootstrap: expected a group for each of {first.shape[1]} scenes, received {len(groups)}")
    units = _units(first.shape[1], groups)
    seeds, count = len(first), int(units.max()) + 1
    # The standard library's generator: its numbers are the same in every version, and so are the tables.
    generator = random.Random(seed)
    chosen = np.array([[int(generator.random() * count) for _ in range(count)] for _ in range(draws)])
    runs = np.array([[int(generator.random() * seeds) for _ in range(seeds)] for _ in range(draws)])
    times = np.stack([(chosen == unit).sum(1) for unit in range(count)], axis=1)  # (draws, units)
    drawn, whole = [], []
    for terms in pair:
        summed = np.stack([terms[:, units == unit].sum(1) for unit in range(count)], axis=1)
        shape = (seeds, draws, *terms.shape[2:])
        drawn.append(miou((times @ summed.reshape(seeds, count, -1)).reshape(shape)))
        whole.append(miou(terms.sum(1)))
    by_seed = stretched(drawn[0] - drawn[1] if second is not None else drawn[0], level)
    values = np.nanmean(np.take_along_axis(by_seed.T, runs, axis=1), axis=1)
    mean = float(np.mean(whole[0] - whole[1] if second is not None else whole[0]))
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def stretched(by_seed: np.ndarray, level: float) -> np.ndarray:
    """Values whose spread over seeds is as wide as few seeds deserve; their means stay.

    Args:
        by_seed: numbers (S,draws).
        level: of the interval that they are for.

    Returns:
        Numbers (S,draws).

    Example:
        >>> stretched(np.array([[0.0], [0.0], [0.0], [1.0], [-1.0]]), 0.95)[:, 0].round(2).tolist()
        [0.0, 0.0, 0.0, 1.58, -1.58]
    """
    seeds = len(by_seed)
    factor = math.sqrt(seeds / (seeds - 1)) * quantile(seeds, level) / NormalDist().inv_cdf((1 + level) / 2)
    centre = np.nanmean(by_seed, axis=0)
    return centre + factor * (by_seed - centre)


def _units(count: int, groups: Sequence[Hashable] | None) -> np.ndarray:
    names = list(dict.fromkeys(groups or ()))
    if groups is None or len(names) < 2:
        return np.arange(count)
    return np.array([names.index(group) for group in groups])


def groups_of(data: str, count: int) -> list[str] | None:
    """The look of each scene of a set of sampled looks; None for a set of one look.

    Example:
        >>> groups_of("streets/sampled:7..8", 4), groups_of("streets/sun", 4)
        (['sampled:7', 'sampled:7', 'sampled:8', 'sampled:8'], None)
    """
    text = data.removeprefix("streets/")
    if not text.startswith("sampled:"):
        return None
    looks = sampled_looks(text, final=is_reserved(data))
    return [look for look in looks for _ in range(count // len(looks))] if count % len(looks) == 0 else None


def difference(
    rows: Sequence[ledger.Row], method: str, against: str, data: str, results: str = "results"
) -> Difference:
    """What a method has more than another on one set, paired by seed.

    Args:
        rows: rows of one tier (:func:`gltr_lib.study.book.tier_rows`).
        method: the one.
        against: the other.
        data: the set.
        results: folder in which the scenes lie.

    Returns:
        A Difference; without values if a method was not run on a common seed.
    """
    found = [{row["seed"]: row for row in ledger.find(rows, method=m, data=data)} for m in (method, against)]
    seeds = sorted(found[0].keys() & found[1].keys())
    values = tuple(found[0][seed]["value"] - found[1][seed]["value"] for seed in seeds)
    if not seeds:
        return Difference((), None, "not run")
    if len(seeds) < LEAST_SEEDS:
        return Difference(values, None, f"no interval: {len(seeds)} seeds, {LEAST_SEEDS} are needed")
    kept = [[scenes.load(results, side[seed]) for seed in seeds] for side in found]
    if any(terms is None for side in kept for terms in side):
        return Difference(values, None, "no interval: scenes not kept")
    stacks = [np.stack([terms for terms in side if terms is not None]) for side in kept]
    return Difference(values, bootstrap(*stacks, groups=groups_of(data, stacks[0].shape[1])), "")
