"""What the study's ledger says, in numbers and words, so that no lesson types either of them.

A lesson that says "GTR helps" would be wrong after the next study. So a lesson asks here, at run time: paired
differences of two methods on one look, Student's interval over the seeds, and a verdict in a word. Rows of an older
definition are left out, as in the README's tables (:func:`gltr_lib.study.tables.headline_rows`).
Source: Student 1908. No torch in here.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gltr_lib import ledger
from gltr_lib.course import root
from gltr_lib.study.student import quantile

Scores = Mapping[tuple[str, str], Mapping[int, float]]


def scores(
    base: Path | None = None, file: str = "headline.jsonl", metric: str = "mIoU-19", tier: str = "headline"
) -> dict[tuple[str, str], dict[int, float]]:
    """Scores of the committed study in per cent, by (method, data) and seed.

    Args:
        base: the repository; the one of this package if left out.
        file: of the folder ``results``; "real.jsonl" has the same networks on photographs.
        metric: the mean over which classes; "real.jsonl" has more than one.
        tier: whose networks; "real" has those of another training set or trunk, "gtr [airsim mini]" for instance.

    Returns:
        Nested dicts without the rows of an older definition; empty where the study has not been run. A class that does
        not occur in a set counts for no method there.

    Example:
        >>> all(0 <= value <= 100 for seeds in scores().values() for value in seeds.values())
        True
    """
    from gltr_lib.study.tables import headline_rows, over_present
    from gltr_lib.study.tiers import PRIOR

    rows = ledger.read((base or root()) / "results" / file)
    priors = {(r["data"], r.get("trained_on")): r for r in ledger.find(rows, method=PRIOR, metric=metric)}
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in headline_rows(rows, tier, metric):
        value = over_present(row, priors.get((row["data"], row.get("trained_on"))))
        found.setdefault((row["method"], row["data"]), {})[row["seed"]] = 100 * value
    return found


def paired(known: Scores, new: str, old: str, data: str) -> list[float]:
    """Points by which ``new`` beats ``old`` on one look, seed by seed, for the seeds that both have.

    Example:
        >>> paired({("gtr", "sun"): {0: 31.0, 1: 33.0}, ("baseline", "sun"): {0: 11.0}}, "gtr", "baseline", "sun")
        [20.0]
    """
    after, before = known.get((new, data), {}), known.get((old, data), {})
    return [after[seed] - before[seed] for seed in sorted(after) if seed in before]


def repeated(known: Scores, methods: Iterable[str], looks: Iterable[str]) -> list[str]:
    """The methods with two seeds or more on every one of the looks: those that have a spread to show.

    A study is run seed by seed, so that a method may stand in the ledger with one seed for a while.

    Args:
        known: what :func:`scores` gives.
        methods, looks: names, in the order of the answer.

    Returns:
        Some of the methods.

    Example:
        >>> repeated({("gtr", "sun"): {0: 31.0, 1: 33.0}, ("gtr_ltr", "sun"): {0: 30.0}}, ["gtr_ltr", "gtr"], ["sun"])
        ['gtr']
    """
    looks = tuple(looks)
    return [method for method in methods if all(len(known.get((method, look), {})) > 1 for look in looks)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's interval of 95 % for the mean of some values; NaN for fewer than two, which have no spread.

    Example:
        >>> low, high = interval([1.0, 2.0, 3.0])
        >>> round(low, 2), round(high, 2)
        (-0.48, 4.48)
    """
    if len(values) < 2:
        return math.nan, math.nan
    half = quantile(len(values)) * statistics.stdev(values) / math.sqrt(len(values))
    middle = statistics.fmean(values)
    return middle - half, middle + half


def verdict(values: Sequence[float]) -> str:
    """What paired differences say: ``"helps"``, ``"harms"``, ``"open"``, ``"one seed"`` or ``"not run"``.

    Example:
        >>> verdict([2.0, 2.1, 1.9]), verdict([-1.0, 1.0, 0.2]), verdict([2.0]), verdict([])
        ('helps', 'open', 'one seed', 'not run')
    """
    if len(values) < 2:
        return "one seed" if values else "not run"
    low, high = interval(values)
    return "helps" if low > 0 else "harms" if high < 0 else "open"


def sentence(values: Sequence[float]) -> str:
    """Mean, seeds and verdict of paired differences, for a table.

    Example:
        >>> sentence([2.0, 2.1, 1.9])
        '+2.0 points (+2.0, +2.1, +1.9): helps'
        >>> sentence([])
        'not run'
    """
    if not values:
        return "not run"
    listed = ", ".join(f"{value:+.1f}" for value in values)
    return f"{statistics.fmean(values):+.1f} points ({listed}): {verdict(values)}"
