"""What we expected, in numbers, before the runs; and what the ledger says about it.

The hypotheses are data, ``results/hypotheses.json``: a sentence, when it was written, and a test. A verdict is a
function of the ledger: **confirmed** where the whole interval keeps the bound (or, with fewer than five seeds, every
seed does), **refuted** where none of it does, and **undecided** in between, or while a row is missing. Nobody edits a
verdict, and a sentence is not changed once its rows are there.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gltr_lib.study import tiers
from gltr_lib.study.compare import say_difference
from gltr_lib.study.evidence import Evidence, gap_by_look
from gltr_lib.study.intervals import Difference, Interval
from gltr_lib.study.names import COLUMN_NAMES, TEST, name_of
from gltr_lib.study.real_tables import COLUMNS

FILE = "hypotheses.json"
VERDICTS = ("confirmed", "refuted", "undecided")
FIELDS = ("id", "sentence", "known", "test")
KINDS = ("difference", "gap", "all")
EVERY_RIVAL = "every rival"
SETTINGS = {  # what a method's name adds in brackets or behind it, in words
    "2x steps": "twice the steps", "detach=global": "the global branch teaches",
    "detach=local": "the local branch teaches", "airsim mini": "AirSim, from scratch",
    "airsim squeezenet": "AirSim, ImageNet trunk", "streets squeezenet": "drawn streets, ImageNet trunk",
}  # fmt: skip


class Judgement(NamedTuple):
    """A verdict with what was found, in words."""

    verdict: str
    found: str


def read(results: str | Path) -> list[dict[str, Any]]:
    """The hypotheses of a folder of results; none without the file.

    Raises:
        ValueError: an entry lacks a field, or its test is of no known kind.
    """
    path = Path(results) / FILE
    if not path.exists():
        return []
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    for entry in entries:
        lacking = [field for field in FIELDS if not entry.get(field)]
        if lacking:
            raise ValueError(f"{path}: {entry.get('id', 'an entry')} lacks {', '.join(lacking)}")
        for test in _flat(entry["test"]):
            if test.get("kind") not in KINDS:
                raise ValueError(f"{path}: {entry['id']}: expected a kind of {KINDS}, received {test.get('kind')!r}")
            if test["kind"] != "all" and not {"at_least", "at_most"} & set(test):
                raise ValueError(f"{path}: {entry['id']}: a test needs at_least or at_most")
    return entries


def _flat(test: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [test, *(inner for each in test.get("tests", ()) for inner in _flat(each))]


def judge(test: Mapping[str, Any], evidence: Evidence) -> Judgement:
    """What the ledger says about a test.

    Args:
        test: ``{"kind": "difference", "tier", "method", "against", "data", "at_least" and/or "at_most"}`` in points of
            mIoU (``data`` "test" means the test looks, ``against`` may be "every rival", ``tier`` one of
            :meth:`Evidence.rows`); ``{"kind": "gap", "method",
            "at_least"}`` in per cent of the gap on the test looks; ``{"kind": "all", "tests": [...]}``, whose verdict
            is confirmed if all are, and refuted if one is.
        evidence: the ledgers.

    Returns:
        A Judgement.
    """
    if test["kind"] == "all":
        judged = [judge(each, evidence) for each in test["tests"]]
        names = _names(test["tests"])
        named = [Judgement(one.verdict, name + one.found) for name, one in zip(names, judged, strict=True)]
        return _together(named, "; ")
    if test["kind"] == "gap":
        shares = tuple(
            share for share, _ in gap_by_look(evidence, test.get("tier", "headline")).get(test["method"], [])
        )
        text = ", ".join(f"{100 * share:.0f}" for share in shares)
        found = f"{100 * statistics.fmean(shares):.0f} % of the gap ({text})" if shares else "not run"
        return Judgement(verdict([100 * share for share in shares], test), found)
    data = TEST if test["data"] == "test" else test["data"]
    if test["against"] == EVERY_RIVAL:
        return _every_rival(test, evidence, data)
    paired = evidence.difference(test["tier"], test["method"], test["against"], data)
    return Judgement(_of(paired, test), _say(paired))


def _names(tests: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells the parts of a test apart: who is compared with whom; or else the set; or nothing."""
    pairs = [(each["method"], each.get("against", "")) if "method" in each else ("", "") for each in tests]
    if len(set(pairs)) > 1:
        return [f"{_pair(*pair)}: " if pair[0] else "" for pair in pairs]
    sets = [each.get("data", "") for each in tests]
    return [f"{_set_name(data)}: " if data and len(set(sets)) > 1 else "" for data in sets]


def _pair(method: str, against: str) -> str:
    """Who is compared with whom, each with its setting; one that they share stands in front.

    Example:
        >>> _pair("gtr styles=1", "gtr"), _pair("gtr [airsim mini]", "baseline [airsim mini]")
        ('GTR (1 painting) against GTR', 'AirSim, from scratch: GTR against baseline')
    """
    named = [in_words(each) for each in (method, against) if each]
    if len({setting for _, setting in named}) == 1 and named[0][1]:
        return f"{named[0][1]}: {' against '.join(name for name, _ in named)}"
    return " against ".join(f"{name} ({setting})" if setting else name for name, setting in named)


def in_words(method: str) -> tuple[str, str]:
    """A method and its setting, in words.

    Example:
        >>> in_words("gtr_ltr 2x steps"), in_words("gtr")
        (('GTR + LTR', 'twice the steps'), ('GTR', ''))
    """
    usual, _, setting = method.partition(" ")
    setting = setting.strip("[]()")
    if count := re.fullmatch(r"styles=(\d+)", setting):
        setting = f"{count[1]} painting{'s' * (count[1] != '1')}"
    return name_of(usual), SETTINGS.get(setting, setting)


def _set_name(data: str) -> str:
    real = {" ".join(column): head for column, head in COLUMNS.items()}
    return {**COLUMN_NAMES, **real, "test": COLUMN_NAMES[TEST]}.get(data, data)


def verdict(values: Sequence[float], bounds: Mapping[str, Any], interval: Interval | None = None) -> str:
    """Confirmed, refuted or undecided, from the points (or the interval) and the bounds.

    Args:
        values: by seed; at least two, or one where the bounds say ``"seeds": 1``.
        bounds: ``at_least`` and/or ``at_most``, in the unit of the values.
        interval: in the same unit, if there is one; it then decides alone.

    Returns:
        One of ``VERDICTS``.

    Example:
        >>> verdict([2.0, 3.0], {"at_least": 1}), verdict([0.5, 3.0], {"at_least": 1}), verdict([9.0], {"at_least": 1})
        ('confirmed', 'undecided', 'undecided')
    """
    low, high = bounds.get("at_least", -math.inf), bounds.get("at_most", math.inf)
    if len(values) < bounds.get("seeds", 2):
        return "undecided"
    if interval is not None:
        if low <= interval.low and interval.high <= high:
            return "confirmed"
        return "refuted" if interval.high < low or interval.low > high else "undecided"
    inside = [low <= value <= high for value in values]
    return "confirmed" if all(inside) else "undecided" if any(inside) else "refuted"


def _of(found: Difference, test: Mapping[str, Any]) -> str:
    interval = found.interval
    scaled = None if interval is None else Interval(*(100 * value for value in interval))
    return verdict([100 * value for value in found.values], test, scaled)


def _say(found: Difference) -> str:
    return say_difference(found)


def _every_rival(test: Mapping[str, Any], evidence: Evidence, data: str) -> Judgement:
    """Against each rival, as it is and with two views and the consistency."""
    alone, consistent = tiers.rival_names()
    names = (*alone, *consistent)
    found = {name: evidence.difference(test["tier"], test["method"], name, data) for name in names}
    verdicts = [Judgement(_of(each, test), "") for each in found.values()]
    run = {name: statistics.fmean(each.values) for name, each in found.items() if each.values}
    if not run:
        return Judgement("undecided", "not run")
    ahead = sum(each.verdict == "confirmed" for each in verdicts)
    last = min(run, key=run.__getitem__)
    text = (
        f"confirmed against {ahead} of the {len(run)} that were run ({len(names)} declared; one seed confirms nothing)"
    )
    least = f"{'furthest behind' if run[last] < 0 else 'least ahead'}: {name_of(last)}, {_say(found[last])}"
    return Judgement(_together(verdicts, "").verdict, f"{text}; {least}")


def _together(judgements: Sequence[Judgement], between: str) -> Judgement:
    verdicts = {each.verdict for each in judgements}
    whole = "refuted" if "refuted" in verdicts else "confirmed" if verdicts == {"confirmed"} else "undecided"
    return Judgement(whole, between.join(dict.fromkeys(each.found for each in judgements)))


def table(results: str | Path, evidence: Evidence | None = None) -> str:
    """The hypotheses with their verdicts."""
    entries = read(results)
    if not entries:
        return "No hypothesis has been written down."
    evidence = evidence or Evidence(Path(results))
    lines = ["| | expected | what was known when it was written | verdict | found |", "|---|---|---|---|---|"]
    counts = dict.fromkeys(VERDICTS, 0)
    for entry in entries:
        verdict_, found = judge(entry["test"], evidence)
        counts[verdict_] += 1
        lines.append(f"| {entry['id']} | {entry['sentence']} | {entry['known']} | **{verdict_}** | {found} |")
    note = (
        "Points of mIoU-19 on the test looks unless the sentence names another set; in round brackets each seed, in "
        "square ones the interval of 95 % over seeds and scenes. "
    )
    tally = ", ".join(f"{number} {verdict_}" for verdict_, number in counts.items())
    return "\n".join(lines) + f"\n\n{note}{tally[:1].upper()}{tally[1:]}."
