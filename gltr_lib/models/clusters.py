"""k-means of numbers on a line, exactly: the best clusters are intervals, and dynamic programming finds them.

On a line no cluster has another one's points between its own, so only the cuts between sorted values are to be found.
The best last cut never moves back as values are added, which leaves O(n log n) candidates for each further cluster.
There is no start to choose and nothing random: the same numbers give the same clusters.

Source: Wang and Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic Programming", The R
Journal 3(2), 2011.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


def cluster_line(values: NDArray[np.floating], clusters: int) -> Places:
    """Split numbers into the clusters with the smallest sum of squared distances to the clusters' means.

    Args:
        values: float array (N,), finite.
        clusters: at least 1. Equal numbers stay together, so there are at most as many as different numbers.

    Returns:
        int64 array (N,): the cluster of each number, counted from 0 = the smallest numbers.

    Raises:
        ValueError: no numbers, numbers that are not finite, or fewer than one cluster.

    Source:
        Wang and Song 2011.

    Example:
        >>> cluster_line(np.array([1.0, 9.0, 1.2, 5.0, 0.9]), 3).tolist()
        [0, 2, 0, 1, 0]
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values: expected finite numbers (N,), N >= 1; received shape {values.shape}")
    if clusters < 1:
        raise ValueError(f"clusters: expected at least 1, received {clusters}")
    points, place, times = np.unique(values, return_inverse=True, return_counts=True)
    points = points - np.average(points, weights=times)  # small numbers lose less when their squares are subtracted
    sums = [np.concatenate([[0.0], np.cumsum(times * points**power)]) for power in range(3)]

    def spread(first: Places, end: Places) -> Numbers:
        """Squared distances to their mean of the points from first to end, summed."""
        count, total, squares = (s[end] - s[first] for s in sums)
        return np.maximum(squares - total**2 / np.maximum(count, 1), 0.0)

    ends = np.arange(len(points) + 1)
    best, cuts = spread(np.zeros_like(ends), ends), []
    for _ in range(min(clusters, len(points)) - 1):

        def joined(cut: Places, end: Places, before: Numbers = best) -> Numbers:
            return before[cut] + spread(cut, end)

        cuts.append(_best_cuts(joined, len(points)))
        best = joined(cuts[-1], ends)
    label, end = np.zeros(len(points), np.int64), len(points)
    for number, cut in enumerate(reversed(cuts)):
        label[cut[end] : end] = len(cuts) - number
        end = cut[end]
    return label[place.reshape(-1)]


def _best_cuts(cost: Callable[[Places, Places], Numbers], count: int) -> Places:
    """For each end 0..count the cut 0..end of least cost, the first of several.

    The best cut grows with the end. Ends are taken in halves, quarters and so on: between two known neighbours few cuts
    are left, and a level of ends takes a single pass over the numbers.
    """
    found = np.zeros(count + 1, np.int64)
    found[count] = np.argmin(cost(np.arange(count + 1), np.full(count + 1, count)))
    step = 1 << max(count - 1, 0).bit_length()
    while step > 1:
        step //= 2
        ends = np.arange(step, count, 2 * step)
        if not len(ends):
            continue
        low = found[ends - step]
        high = np.minimum(found[np.minimum(ends + step, count)], ends)
        widths = high - low + 1
        starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
        cuts = np.arange(widths.sum()) - np.repeat(starts - low, widths)
        costs = cost(cuts, np.repeat(ends, widths))
        hits = np.flatnonzero(costs == np.repeat(np.minimum.reduceat(costs, starts), widths))
        found[ends] = cuts[hits[np.searchsorted(hits, starts)]]
    return found
