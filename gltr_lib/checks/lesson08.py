"""Exercises of lesson 08 (rivals and ablations): paired seeds, an interval, the share of the gap that is closed.

Plain Python: scores come from the ledger as numbers by seed.
"""

from __future__ import annotations

import math
import statistics

from gltr_lib.checks.registry import Exercises, NotYet, plain_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _runs():
    return [
        ({0: 30.1, 1: 34.0, 2: 26.2}, {2: 28.0, 0: 31.4, 1: 36.1}),
        ({3: 41.0, 5: 39.2, 7: 44.4, 9: 40.3}, {9: 41.9, 7: 44.1, 3: 42.5, 11: 60.0}),
        ({seed: _points(seed) for seed in range(5)}, {seed: _points(10 + seed) for seed in (4, 1, 3, 2)}),
        ({4: 30.0, 6: 1.5, 8: 25.5, 2: 40.0}, {2: 37.5, 8: 21.0, 6: 0.0, 4: 31.0}),  # worse in the mean; a score of 0
    ]


def _points(number):
    """A score of the student's own variant."""
    return round(plain_random(number).uniform(20.0, 60.0), 1)


def _by_seed(answer, baseline, method):
    """The answer's pair. A seed that only one of the two has stops many first tries, and a KeyError does not say so."""
    try:
        return answer(baseline, method)
    except KeyError as error:
        if not error.args or not isinstance(error.args[0], (int, float)):
            raise  # not a seed that was looked for
        there = [error.args[0] in one for one in (baseline, method)]
        if any(there) and not all(there):
            raise NotYet(f"seed {error} is in only one of the two: take the seeds that both have", 2) from error
        if not any(there):
            raise NotYet(f"{error} is a key of neither: the keys are seeds, which need not be 0, 1, 2", 2) from error
        raise
    except ValueError as error:
        if "broadcast" in str(error) or "zip()" in str(error):
            raise NotYet("one of the two has more seeds: lists side by side do not fit, match by seed", 2) from error
        raise


@exercise(
    "08-paired",
    title="The same seed, twice",
    task="`baseline` and `method` are dicts seed -> mIoU. For the seeds that **both** have, take method minus baseline "
    "seed by seed; return (mean, standard deviation) of these differences, the latter divided by n - 1.",
    hints=(
        "Seeds that make the data easy help both methods; a difference on one seed cancels that out.",
        "`[method[s] - baseline[s] for s in baseline if s in method]`, then `statistics.mean` and `statistics.stdev`.",
    ),
    minutes=6,
    difficulty=2,
    cases=_runs,
    observe=_by_seed,
)
def paired_difference(baseline, method):
    differences = [method[seed] - baseline[seed] for seed in sorted(baseline) if seed in method]
    return statistics.mean(differences), statistics.stdev(differences)


def _values(baseline, method):
    shared = [seed for seed in sorted(baseline) if seed in method]
    return [baseline[s] for s in shared], [method[s] for s in shared]


@misconception(
    "08-paired", "the spread of both methods is added up as if they were not paired: take the difference first"
)
def _unpaired(baseline, method):
    b, m = _values(baseline, method)
    spread = math.hypot(statistics.stdev(b), statistics.stdev(m))
    return statistics.mean(m) - statistics.mean(b), spread


@misconception("08-paired", "the runs are matched by their order in the dict: match them by seed", hint=2)
def _by_order(baseline, method):
    d = [m - b for b, m in zip(baseline.values(), method.values(), strict=False)]
    return statistics.mean(d), statistics.stdev(d)


@misconception("08-paired", "this divides by n: with three seeds that makes the spread look a fifth smaller", hint=2)
def _population(baseline, method):
    d = [m - b for b, m in zip(*_values(baseline, method), strict=True)]
    return statistics.mean(d), statistics.pstdev(d)


@misconception("08-paired", "the sign is turned round: a better method should give a positive difference")
def _sign(baseline, method):
    mean, spread = paired_difference(baseline, method)
    return -mean, spread


@misconception("08-paired", "this is the standard error: the spread of single differences has no root of n", hint=2)
def _standard_error(baseline, method):
    mean, spread = paired_difference(baseline, method)
    return mean, spread / math.sqrt(sum(seed in method for seed in baseline))


@misconception("08-paired", "this is the variance: the standard deviation is its square root", hint=2)
def _variance(baseline, method):
    mean, spread = paired_difference(baseline, method)
    return mean, spread**2


@misconception("08-paired", "the two are exchanged: the mean comes first")
def _exchanged(baseline, method):
    return paired_difference(baseline, method)[::-1]


@misconception("08-paired", "a seed that only one of the two has takes part in the means: leave it out", hint=2)
def _all_in_the_mean(baseline, method):
    mean = statistics.mean(method.values()) - statistics.mean(baseline.values())
    return mean, paired_difference(baseline, method)[1]


@misconception("08-paired", "a seed that only one of the two has counts as zero for the other: leave it out", hint=2)
def _missing_is_zero(baseline, method):
    d = [method.get(s, 0) - baseline.get(s, 0) for s in {*baseline, *method}]
    return statistics.mean(d), statistics.stdev(d)


@misconception("08-paired", "sorted, then paired by place: a seed that only one has shifts the rest, match by seed", 2)
def _by_sorted_order(baseline, method):
    d = [method[m] - baseline[b] for b, m in zip(sorted(baseline), sorted(method), strict=False)]
    return statistics.mean(d), statistics.stdev(d)


@misconception("08-paired", "the median stands where the mean belongs", hint=2)
def _median(baseline, method):
    b, m = _values(baseline, method)
    return statistics.median(y - x for x, y in zip(b, m, strict=True)), paired_difference(baseline, method)[1]


@misconception("08-paired", "this is the sum of the differences: divide by their number", hint=2)
def _sum(baseline, method):
    mean, spread = paired_difference(baseline, method)
    return mean * len(_values(baseline, method)[0]), spread


@misconception("08-paired", "it is divided by the number of the baseline's seeds: count those that both have", hint=2)
def _by_all_of_the_baseline(baseline, method):
    mean, spread = paired_difference(baseline, method)
    return mean * len(_values(baseline, method)[0]) / len(baseline), spread


@misconception("08-paired", "this is the spread of one method's own scores: take that of the differences")
def _spread_of_the_method(baseline, method):
    return paired_difference(baseline, method)[0], statistics.stdev(_values(baseline, method)[1])


@misconception("08-paired", "the sign of the mean is dropped: where the method is worse, it is below zero")
def _mean_without_sign(baseline, method):
    mean, spread = paired_difference(baseline, method)
    return abs(mean), spread


@misconception("08-paired", "these are shares of the baseline: take the difference in points, method minus baseline")
def _relative_difference(baseline, method):
    d = [(m - b) / b for b, m in zip(*_values(baseline, method), strict=True)]
    return statistics.mean(d), statistics.stdev(d)


@misconception("08-paired", "a score of 0 counts as missing: ask whether the seed is in the dict", hint=2)
def _zero_is_missing(baseline, method):
    return paired_difference(*({s: v for s, v in one.items() if v} for one in (baseline, method)))


@misconception("08-paired", "the sign is dropped: a seed on which the method is worse must count against it")
def _without_sign(baseline, method):
    d = [abs(m - b) for b, m in zip(*_values(baseline, method), strict=True)]
    return statistics.mean(d), statistics.stdev(d)


@exercise(
    "08-interval",
    title="How sure are we?",
    task="Return (low, high): the mean of `values` minus and plus `t * s / sqrt(n)`, where s is their standard "
    "deviation (divided by n - 1) and `t` is handed in (4.303 of Student's table for three values and 95 %, but also "
    "1 and 1.96).",
    hints=(
        "The mean of n runs is steadier than one run: by which factor?",
        "`half = t * statistics.stdev(values) / math.sqrt(len(values))`",
    ),
    minutes=4,
    difficulty=2,
    cases=lambda: [
        ([1.3, 2.1, 1.8], 4.303),
        ([0.2, -0.4, 0.9, 0.5, 0.1], 2.776),
        ([5.0, 7.5], 12.706),
        ([_points(n) for n in range(4)], 3.182),
        ([-1.2, -1.2, 0.3], 2.920),  # 90 %: other `t`, equal values, a mean below zero
        ([0.4, 0.9, 1.1], 1.96),
    ],
)
def interval(values, t):
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


@misconception("08-interval", "the square root of n is forgotten: this is about single runs, not about their mean")
def _no_root(values, t):
    half = t * statistics.stdev(values)
    return statistics.mean(values) - half, statistics.mean(values) + half


@misconception("08-interval", "1.96 is for very many runs: with a few, Student's t is much larger, use `t`")
def _normal(values, t):
    return interval(values, 1.96)


@misconception("08-interval", "the deviation is divided by n: take n - 1", hint=2)
def _population_interval(values, t):
    half = t * statistics.pstdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


@misconception("08-interval", "it is divided by n: the mean steadies with the square root of n", hint=2)
def _by_n(values, t):
    half = t * statistics.stdev(values) / len(values)
    return statistics.mean(values) - half, statistics.mean(values) + half


@misconception("08-interval", "high comes first here: return (low, high)")
def _high_first(values, t):
    return interval(values, t)[::-1]


@misconception("08-interval", "this is (mean, half-width): return both ends, (low, high)")
def _mean_and_half(values, t):
    return statistics.mean(values), interval(values, t)[1] - statistics.mean(values)


@misconception("08-interval", "this lies around zero: put it around the mean of the values")
def _around_zero(values, t):
    half = interval(values, t)[1] - statistics.mean(values)
    return -half, half


@misconception("08-interval", "`t` is not used: this is one standard error to either side")
def _one_error(values, t):
    return interval(values, 1.0)


@misconception("08-interval", "4.303 is for three values alone: use `t`")
def _always_three(values, t):
    return interval(values, 4.303)


@misconception("08-interval", "`t` is looked up for n at 95 % here: use the one that is handed in", hint=2)
def _own_table(values, t):
    return interval(values, {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}[len(values)])


@misconception("08-interval", "`t` is looked up for n at 95 % here: use the one that is handed in", hint=2)
def _own_quantile(values, t):
    return interval(values, {2: 12.7062, 3: 4.30265, 4: 3.18245, 5: 2.77645}[len(values)])


@misconception("08-interval", "the median stands where the mean belongs")
def _around_the_median(values, t):
    shift = statistics.median(values) - statistics.mean(values)
    return tuple(end + shift for end in interval(values, t))


@misconception("08-interval", "3 is written under the root: take the root of n, `len(values)`", hint=2)
def _root_of_three(values, t):
    half = t * statistics.stdev(values) / math.sqrt(3)
    return statistics.mean(values) - half, statistics.mean(values) + half


@misconception("08-interval", "the low end is cut off at 0: differences may be negative")
def _not_below_zero(values, t):
    low, high = interval(values, t)
    return max(0.0, low), high


@misconception("08-interval", "the variance stands where the standard deviation belongs", hint=2)
def _variance_interval(values, t):
    half = t * statistics.variance(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


@misconception("08-interval", "n - 1 stands under the root as well: divide s by the root of n", hint=2)
def _twice_less_one(values, t):
    half = t * statistics.stdev(values) / math.sqrt(len(values) - 1)
    return statistics.mean(values) - half, statistics.mean(values) + half


@exercise(
    "08-gap",
    title="The share of the gap that closes",
    task="`baseline` is trained on the source alone, `oracle` on the target itself. Return which part of the distance "
    "between them `method` covers: 0 for the baseline's score, 1 for the oracle's (below 0 and above 1 may happen).",
    hints=("Two distances from the same starting point.", "`(method - baseline) / (oracle - baseline)`"),
    minutes=3,
    difficulty=1,
    cases=lambda: [
        (20.0, 35.0, 60.0),
        (31.2, 30.0, 55.5),
        (10.0, 70.0, 65.0),
        (_points(1), _points(2), 70.0),
        (50.0, 44.0, 40.0),  # an oracle that is a guest: behind the baseline
    ],
)
def gap_closed(baseline, method, oracle):
    return (method - baseline) / (oracle - baseline)


@misconception("08-gap", "this is the part of the oracle's score: the baseline already had some of that for free")
def _of_oracle(baseline, method, oracle):
    return method / oracle


@misconception("08-gap", "this is the gain relative to the baseline: divide by the gap, oracle - baseline")
def _relative(baseline, method, oracle):
    return (method - baseline) / baseline


@misconception("08-gap", "this is the part that stays open: 0 should be the baseline and 1 the oracle")
def _open(baseline, method, oracle):
    return (oracle - method) / (oracle - baseline)


@misconception("08-gap", "the oracle's whole score is below: divide by the gap, oracle - baseline")
def _gain_of_oracle(baseline, method, oracle):
    return (method - baseline) / oracle


@misconception("08-gap", "these are per cent: return a share, 1 for the oracle's score")
def _per_cent(baseline, method, oracle):
    return 100 * gap_closed(baseline, method, oracle)


@misconception("08-gap", "it is cut off at 0 or 1: a method may fall behind the baseline, and say so")
def _cut_off(baseline, method, oracle):
    return min(1.0, max(0.0, gap_closed(baseline, method, oracle)))


@misconception("08-gap", "the sign is dropped: a method that is behind the baseline has a share below 0")
def _no_sign(baseline, method, oracle):
    return abs(gap_closed(baseline, method, oracle))


@misconception("08-gap", "the sign is turned round: method minus baseline is above")
def _turned_sign(baseline, method, oracle):
    return -gap_closed(baseline, method, oracle)


@misconception("08-gap", "the gap's sign is dropped: an oracle below the baseline has the share 1, too", hint=2)
def _gap_without_sign(baseline, method, oracle):
    return (method - baseline) / abs(oracle - baseline)


@misconception("08-gap", "it is cut off at 1: a method may pass the oracle, and say so")
def _cut_off_at_one(baseline, method, oracle):
    return min(1.0, gap_closed(baseline, method, oracle))


@misconception("08-gap", "it is cut off at 0: a method may fall behind the baseline, and say so")
def _cut_off_at_zero(baseline, method, oracle):
    return max(0.0, gap_closed(baseline, method, oracle))


@misconception("08-gap", "the fraction is upside down: the gap stands below", hint=2)
def _upside_down(baseline, method, oracle):
    return (oracle - baseline) / (method - baseline)


@misconception("08-gap", "this is the gain in points: divide by the gap, oracle - baseline")
def _points_gained(baseline, method, oracle):
    return method - baseline


@misconception("08-gap", "what stays open is below: divide by the whole gap, oracle - baseline")
def _of_the_open_part(baseline, method, oracle):
    return (method - baseline) / (oracle - method)


@misconception("08-gap", "`//` cuts the fraction off: divide with `/`")
def _floor(baseline, method, oracle):
    return (method - baseline) // (oracle - baseline)


@misconception("08-gap", "the brackets are missing: subtract first, then divide", hint=2)
def _no_brackets(baseline, method, oracle):
    return method - baseline / oracle - baseline
