"""What we expected of the probes, with numbers, written down before the first of them was run; and what came.

An expectation is a number that the ledger gives and a range that it should fall into. Nothing is changed here after
the run: what fell outside stays and reads "refuted".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gltr_lib import ledger
from gltr_lib.datasets.looks import TEST_LOOKS
from gltr_lib.probes.corruptions import KINDS, SEVERITIES
from gltr_lib.probes.plan import SWAPS
from gltr_lib.study.tiers import PRIOR

RANDOMIZED = ("gtr", "gtr_ltr", "gtr_ltr_cgl")


def swap_rows(
    rows: Sequence[ledger.Row], network: str, mode: str = "material", how: str = "upright"
) -> list[ledger.Row]:
    """The rows of all swaps of one kind; empty until all are there."""
    found = [
        row
        for row in ledger.find(rows, probe="conflict", method=network, metric=("shape share", "decided share"))
        if row["config"]["mode"] == mode and row["config"]["arrangement"] == how
    ]
    return found if len(found) == len(SWAPS) else []


def mean_share(rows: Sequence[ledger.Row], network: str, mode: str = "material", how: str = "upright") -> float:
    """Mean shape share over the swaps of one kind; NaN until all are there.

    A swap without a decided pixel is left out.
    """
    values = [r["value"] for r in swap_rows(rows, network, mode, how) if r["metric"] == "shape share"]
    return statistics.fmean(values) if values else math.nan


def mean_decided(rows: Sequence[ledger.Row], network: str, mode: str = "material", how: str = "upright") -> float:
    """Mean share of the judged pixels that were named after shape or texture; NaN until all swaps are there."""
    found = swap_rows(rows, network, mode, how)
    return statistics.fmean(row.get("decided", 0.0) for row in found) if found else math.nan


def control(rows: Sequence[ledger.Row], network: str, mode: str) -> float:
    """Mean recall over the classes in their own material (or in its flat colour)."""
    found = ledger.find(rows, probe="conflict", method=network, metric="recall")
    values = [row["value"] for row in found if row["config"]["mode"] == mode]
    return statistics.fmean(values) if values else math.nan


def miou(rows: Sequence[ledger.Row], network: str, how: str = "upright") -> float:
    """mIoU on the game's streets in one arrangement."""
    found = [
        r["value"] for r in ledger.find(rows, probe="arranged", method=network) if r["config"]["arrangement"] == how
    ]
    return found[-1] if found else math.nan


def shift(rows: Sequence[ledger.Row], network: str, layer: str, look: str, measure: str = "shift") -> float:
    """A distance of features from the game's: "shift", "spread" or "kl"."""
    found = [r for r in ledger.find(rows, probe="features", method=network) if r["config"]["look"] == look]
    values = [r[measure] for r in found if r["config"]["layer"] == layer]
    return values[-1] if values else math.nan


def relative(rows: Sequence[ledger.Row], network: str, kind: str, severity: int) -> float:
    """mIoU under a corruption as a share of the clean one."""
    cells = {
        (r["config"]["corruption"], r["config"]["severity"]): r["value"]
        for r in ledger.find(rows, probe="corruption", method=network)
    }
    clean = cells.get(("none", 0), math.nan)
    return cells.get((kind, severity), math.nan) / clean if clean else math.nan


def mean_relative(rows: Sequence[ledger.Row], network: str, kinds: Sequence[str] = tuple(KINDS)) -> float:
    """Mean of :func:`relative` over corruptions and severities."""
    return statistics.fmean(relative(rows, network, kind, s) for kind in kinds for s in SEVERITIES)


@dataclass(frozen=True)
class Expectation:
    """``low <= value(rows) <= high`` is what we expected."""

    name: str
    words: str
    value: Callable[[Sequence[ledger.Row]], float]
    low: float
    high: float

    def verdict(self, rows: Sequence[ledger.Row]) -> str:
        """ "confirmed", "refuted", or "not run" where rows are missing."""
        value = self.value(rows)
        return "not run" if math.isnan(value) else "confirmed" if self.low <= value <= self.high else "refuted"


def _least(function: Callable[[str], float]) -> float:
    values = [function(name) for name in RANDOMIZED]
    return math.nan if any(math.isnan(v) for v in values) else min(values)


def _most(function: Callable[[str], float]) -> float:
    return -_least(lambda name: -function(name))


EXPECTATIONS = (
    Expectation(
        "E1", "The baseline names surfaces after their material: mean shape share at most 0.25.",
        lambda rows: mean_share(rows, "baseline"), 0.0, 0.25,
    ),
    Expectation(
        "E2", "Each randomised network is at least 0.30 above the baseline (smallest difference).",
        lambda rows: _least(lambda n: mean_share(rows, n)) - mean_share(rows, "baseline"), 0.30, 1.0,
    ),
    Expectation(
        "E3", "LTR and CGL do not change it: GTR + LTR + CGL minus GTR within 0.05.",
        lambda rows: mean_share(rows, "gtr_ltr_cgl") - mean_share(rows, "gtr"), -0.05, 0.05,
    ),
    Expectation(
        "E4", "For the baseline most of the texture is colour: with a flat colour its share moves by at most 0.15.",
        lambda rows: mean_share(rows, "baseline", "colour") - mean_share(rows, "baseline"), -0.15, 0.15,
    ),
    Expectation(
        "E5", "The baseline hardly needs pattern: recall in its own flat colour at most 0.15 below its own material.",
        lambda rows: control(rows, "baseline", "material") - control(rows, "baseline", "colour"), -0.05, 0.15,
    ),
    Expectation(
        "E6", "Details speak for the shape: with details kept, GTR's share rises by at least 0.05.",
        lambda rows: mean_share(rows, "gtr", "surface") - mean_share(rows, "gtr"), 0.05, 1.0,
    ),
    Expectation(
        "E7", "Part of GTR's shape is place: upside down its share falls by at least 0.15.",
        lambda rows: mean_share(rows, "gtr") - mean_share(rows, "gtr", how="upside down"), 0.15, 1.0,
    ),
    Expectation(
        "E8", "Halves exchanged (things upright, in the wrong half): GTR's share falls by at least 0.10.",
        lambda rows: mean_share(rows, "gtr") - mean_share(rows, "gtr", how="halves exchanged"), 0.10, 1.0,
    ),
    Expectation(
        "E9", "Mirrored is what training showed too: the share moves by at most 0.02 (GTR).",
        lambda rows: abs(mean_share(rows, "gtr") - mean_share(rows, "gtr", how="mirrored")), 0.0, 0.02,
    ),
    Expectation(
        "E10", "Colour does not care for place: upside down the baseline keeps at least 0.70 of its mIoU.",
        lambda rows: miou(rows, "baseline", "upside down") / miou(rows, "baseline"), 0.70, 1.0,
    ),
    Expectation(
        "E11", "Shape does: upside down GTR keeps at most 0.60 of its mIoU.",
        lambda rows: miou(rows, "gtr", "upside down") / miou(rows, "gtr"), 0.0, 0.60,
    ),
    Expectation(
        "E12", "Late features (aspp) of randomised networks shift at most 0.6 times as far on test looks (largest).",
        lambda rows: _most(lambda n: shift(rows, n, "aspp", TEST_LOOKS)) / shift(rows, "baseline", "aspp", TEST_LOOKS),
        0.0, 0.60,
    ),
    Expectation(
        "E13", "Early features (stem) do not differ that much: the same ratio is at least 0.7 (smallest ratio).",
        lambda rows: _least(lambda n: shift(rows, n, "stem", TEST_LOOKS)) / shift(rows, "baseline", "stem", TEST_LOOKS),
        0.70, 1.30,
    ),
    Expectation(
        "E14", "The look and not the layout: the baseline's aspp shift on geometry at most half of that on test looks.",
        lambda rows: shift(rows, "baseline", "aspp", "geometry") / shift(rows, "baseline", "aspp", TEST_LOOKS),
        0.0, 0.5,
    ),
    Expectation(
        "E15", "Corruptions: each randomised network keeps at least 0.15 more of its mIoU than the baseline (mean).",
        lambda rows: _least(lambda n: mean_relative(rows, n)) - mean_relative(rows, "baseline"), 0.15, 1.0,
    ),
    Expectation(
        "E16", "Most of that is colour: for contrast, fog and brightness together the gain of GTR is at least 0.25.",
        lambda rows: mean_relative(rows, "gtr", ("contrast", "fog", "brightness"))
        - mean_relative(rows, "baseline", ("contrast", "fog", "brightness")), 0.25, 1.0,
    ),
    Expectation(
        "E17", "And not blur, which all of them trained with: GTR within 0.10 of the baseline.",
        lambda rows: mean_relative(rows, "gtr", ("blur",)) - mean_relative(rows, "baseline", ("blur",)), -0.10, 0.10,
    ),
    # Added when the first rows had been seen, before the layout prior was asked anything.
    Expectation(
        "E18", "Added later: place alone explains it; the layout prior's mean shape share is at least that of GTR.",
        lambda rows: mean_share(rows, PRIOR) - mean_share(rows, "gtr"), 0.0, 1.0,
    ),
    # Added when it was seen that the game's patterns are faint, before the bold ones were shown to anybody.
    Expectation(
        "E19", "Added later: own colour and the other's bold pattern hardly mislead: the baseline at least 0.80.",
        lambda rows: mean_share(rows, "baseline", "pattern"), 0.80, 1.0,
    ),
    Expectation(
        "E20", "Added later: nor do they mislead GTR, which saw many patterns: at least 0.90.",
        lambda rows: mean_share(rows, "gtr", "pattern"), 0.90, 1.0,
    ),
)  # fmt: skip
