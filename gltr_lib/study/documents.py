"""The tables in documents: each by its marker, filled in from the ledgers, and compared with what stands there.

README and docs hold markers (``<!-- table:headline -->`` ... ``<!-- /table:headline -->``); ``write_tables`` fills them
and a test compares them with the ledger.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gltr_lib import ledger
from gltr_lib.study import ablations, book, classes, compare, hypotheses, last_look, real_tables
from gltr_lib.study.evidence import Evidence
from gltr_lib.study.tables import controls_table, convergence_line, gap_table, headline_table, real_table


def tables(
    results: str | os.PathLike[str] = "results", document: str | os.PathLike[str] | None = None
) -> dict[str, Callable[[], str]]:
    """Every table by its marker, ready to be rendered from the ledgers of a folder.

    Args:
        results: the folder.
        document: where the tables shall stand; figures are shown beside them if it is given.

    Returns:
        Marker -> function that renders.
    """
    folder = Path(results)
    headline = folder / "headline.jsonl"
    evidence = Evidence(folder)

    def looks() -> int:
        return len(ledger.read(folder / "real_looks.jsonl"))

    def with_check() -> str:
        rows = ledger.read(headline)
        return f"{headline_table(rows)}\n\n{convergence_line(rows)}"

    def picture(name: str) -> list[str]:
        words = (folder / name).with_suffix(".txt")
        if document is None or not words.exists():
            return []
        place = Path(os.path.relpath(folder / name, Path(document).parent)).as_posix()
        return [f"![{words.read_text(encoding='utf-8').strip()}]({place})"]

    def every_factor() -> str:
        parts = []
        for factor in ablations.factors():
            parts += [f"### {factor.title}", *picture(f"ablation_{factor.name}.png")]
            parts.append(compare.ablation_table(evidence, factor))
        return "\n\n".join(parts)

    return {
        "table:headline": with_check,
        "table:controls": lambda: controls_table(ledger.read(headline)),
        "table:gap": lambda: gap_table(ledger.read(headline)),
        "table:real": lambda: real_table(book.photo_rows(folder), looks_taken=looks()),
        "table:real_walk": lambda: real_tables.walk_table(book.photo_rows(folder), evidence.tuned, looks()),
        "table:real_sequences": lambda: real_tables.sequences_table(book.photo_rows(folder), evidence.tuned),
        "table:real_sets": lambda: "\n\n".join(
            [
                *picture("real_streets.png"),
                *picture("real_trunks.png"),
                real_tables.real_sets_table(book.photo_rows(folder), evidence.tuned, looks()),
            ]
        ),
        "table:tiers": lambda: compare.tiers_table(evidence),
        "table:differences": lambda: compare.differences_table(evidence),
        "table:gap_test": lambda: compare.gap_test_table(evidence),
        "table:last_look": lambda: last_look.last_look_table(evidence),
        "table:convergence": lambda: compare.convergence_table(evidence),
        "table:rivals": lambda: "\n\n".join([*picture("rivals.png"), compare.rivals_table(evidence)]),
        "table:race": lambda: compare.race_table(evidence),
        "table:classes": lambda: "\n\n".join([*picture("classes.png"), classes.classes_table(evidence)]),
        "table:tuning": lambda: compare.tuning_table(evidence),
        "table:ablations": every_factor,
        "table:hypotheses": lambda: hypotheses.table(folder, evidence),
        "table:hours": lambda: compare.hours_table(folder),
    }


def write_tables(document: str | os.PathLike[str], results: str | os.PathLike[str] = "results") -> list[str]:
    """Fill the tables whose markers stand in a document; the names of those that changed."""
    text = Path(document).read_text(encoding="utf-8")
    changed = []
    for marker, render in tables(results, document).items():
        if f"<!-- {marker} -->" in text and ledger.replace_between(document, marker, render()):
            changed.append(marker)
    return changed


def stale_tables(document: str | os.PathLike[str], results: str | os.PathLike[str] = "results") -> list[str]:
    """Markers of a document whose table is not what the ledger says."""
    text = Path(document).read_text(encoding="utf-8")
    return [
        marker
        for marker, render in tables(results, document).items()
        if f"<!-- {marker} -->" in text and ledger.between(document, marker) != render().strip("\n")
    ]
