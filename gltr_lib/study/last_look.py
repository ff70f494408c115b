"""The last look: networks on the reserved looks, which nobody saw while anything could still be chosen.

``gltr study --final`` scores finished networks there, each once. The table sets a network's reserved looks beside its
open test looks: was what we saw before a matter of the sixteen looks that happened to be drawn?

Source: our own plan (issues of the course).
"""

from __future__ import annotations

import statistics

from gltr_lib import ledger
from gltr_lib.study import book, tiers
from gltr_lib.study.compare import say_difference
from gltr_lib.study.evidence import Evidence
from gltr_lib.study.intervals import difference
from gltr_lib.study.names import FINAL, TEST, name_of
from gltr_lib.study.settings import Settings

#: The walk's own questions: what a method adds to the one before it.
ABOVE = {"gtr": "baseline", "gtr_gtr": "gtr", "gtr_ltr": "gtr_gtr", "gtr_ltr_cgl": "gtr_ltr"}


def final_rows(evidence: Evidence, tier: str) -> list[ledger.Row]:
    """A tier's rows on the reserved looks, as it is declared now."""
    return book.tier_rows(evidence.everything, Settings(tier, final=True), evidence.tuned)


def last_look_table(evidence: Evidence) -> str:
    """Every method that was scored on the reserved looks: both kinds of looks over the same networks, and pairs.

    Args:
        evidence: the ledgers.

    Returns:
        A table in Markdown; "Not run ..." before the last look was taken.
    """
    lines = [
        "| method | test looks | reserved looks | against the baseline, reserved | against GTR, reserved "
        "| against the row above, reserved | seeds |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    seen: set[str] = set()
    for tier in ("headline", "rivals"):
        last, usual = final_rows(evidence, tier), evidence.rows(tier)
        for method in dict.fromkeys(row["method"] for row in last):
            mine = ledger.find(last, method=method, data=FINAL)
            if seen & {row["family"] for row in mine}:
                continue
            seen |= {row["family"] for row in mine}
            seeds = [row["seed"] for row in mine]
            before = [row for row in ledger.find(usual, method=method, data=TEST) if row["seed"] in seeds]
            gains = [
                "–" if method in (against, tiers.CONVERGENCE) or not against
                else say_difference(difference(last, method, against, FINAL, str(evidence.results)))
                for against in ("baseline", "gtr", ABOVE.get(method, ""))
            ]  # fmt: skip
            cells = (name_of(method), _mean(before), _mean(mine), *gains, ", ".join(map(str, seeds)))
            lines.append(f"| {' | '.join(cells)} |")
    if not seen:
        return "Not run: `gltr study --final`."
    return "\n".join(lines) + (
        "\n\nmIoU-19 in per cent, mean ± sample standard deviation over the seeds named, the same networks in both "
        "columns; differences in points, paired by seed, as in the table of differences above."
    )


def _mean(rows: list[ledger.Row]) -> str:
    """Mean and spread as a cell."""
    values = [100 * row["value"] for row in rows]
    if not values:
        return "not run"
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{spread}"
