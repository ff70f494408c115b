"""What has been run: the rows of all tiers together, found by definition and never by name.

Two tiers may declare the same network (the baseline of the headline is the baseline of the rivals). It is trained once,
and its rows stay in the ledger of the tier that trained it; whoever asks for a tier's rows gets them from all ledgers
that lie side by side. A row whose definition is no longer declared is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gltr_lib import ledger
from gltr_lib.datasets.looks import Streets
from gltr_lib.study.grid import Run, grid
from gltr_lib.study.settings import Settings
from gltr_lib.study.tiers import PRIOR, TIERS

CHANGED = "-changed"  # ending of the ledgers of shortened or changed tiers
LONG = "headline_long"  # runs from before the tiers beyond the headline were declared


def ledgers(path: str | Path) -> list[Path]:
    """A tier's ledger and those of the other tiers beside it; a file of another name stands alone.

    Example:
        >>> [path.name for path in ledgers("results/rivals.jsonl")]
        ['headline.jsonl', 'tuning.jsonl', 'rivals.jsonl', 'ablations.jsonl', 'real.jsonl', 'headline_long.jsonl']
    """
    path = Path(path)
    ending = CHANGED if path.stem.endswith(CHANGED) else ""
    names = [f"{tier}{ending}.jsonl" for tier in TIERS] + ([] if ending else [f"{LONG}.jsonl"])
    return [path.with_name(name) for name in names] if path.name in names else [path]


def photo_ledger(results: str | Path, tier: str) -> Path:
    """Where a tier's scores on photographs stand: the many networks of rivals and ablations have a file of their own.

    Example:
        >>> photo_ledger("results", "headline").name, photo_ledger("results", "rivals").name
        ('real.jsonl', 'real_rivals.jsonl')
    """
    return Path(results) / ("real_rivals.jsonl" if tier in ("rivals", "ablations") else "real.jsonl")


def photo_rows(results: str | Path) -> list[ledger.Row]:
    """All scores on photographs."""
    return [row for tier in ("headline", "rivals") for row in ledger.read(photo_ledger(results, tier))]


def read(path: str | Path) -> list[ledger.Row]:
    """The rows of a tier's ledger and of those beside it."""
    return [row for file in ledgers(path) for row in ledger.read(file)]


def missing(run: Run, rows: Iterable[ledger.Row]) -> list[Streets]:
    """The sets on which this run, as it is defined now, has no row yet in any tier."""
    prior = run.method == PRIOR  # it shares its definition with the baseline, whose labels it counts
    done = {row.get("definition") for row in rows if (row["method"] == PRIOR) == prior}
    definition = run.definition
    return [streets for streets in run.score if run.score_definition(streets, definition) not in done]


def tier_rows(
    rows: Sequence[ledger.Row], settings: Settings | None = None, tuned: Mapping[str, str] | None = None
) -> list[ledger.Row]:
    """The rows of a tier as it is declared now, under the tier's own names.

    Args:
        rows: rows of all ledgers (:func:`read`).
        settings: the tier.
        tuned: the chosen trials; None reads ``results/tuned.json``.

    Returns:
        Copies of rows: run by run in the order of the declaration, the newest row of each set. A row that another tier
        trained keeps its ``run`` and has this tier's ``method`` and ``tier``.
    """
    settings = settings or Settings()
    found = {row["definition"]: row for row in rows if "definition" in row and row["method"] != PRIOR}
    out = []
    for run in grid(settings, tuned):
        definition = run.definition
        for streets in run.score:
            row = found.get(run.score_definition(streets, definition))
            if row is not None:
                out.append({**row, "method": run.method, "tier": settings.title})
    return out
