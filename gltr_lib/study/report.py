"""``make results``: every table and every figure, from the ledger alone, into README and docs.

A document holds markers (``<!-- table:rivals -->`` ... ``<!-- /table:rivals -->``); what stands between them is made
here and nowhere else. A figure without rows is not there, and its place reads "not run". The same ledger gives the same
text and the same figures (the bytes of a PNG depend on the version of matplotlib, its words do not); tests hold both
fresh.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gltr_lib import ledger
from gltr_lib._drafts import write_text
from gltr_lib.study import ablations, book, classes, documents, figures, real_figures, tables, trials
from gltr_lib.study.evidence import Evidence

DOCUMENTS = ("README.md", "docs/study.md", "docs/hypotheses.md")


def makers(results: str | os.PathLike[str]) -> dict[str, Callable[[], tuple[Any, str] | None]]:
    """Name of a figure's file -> what makes it: (figure, words), or None without rows."""
    folder = Path(results)
    evidence = Evidence(folder)
    rows = ledger.read(folder / "headline.jsonl")
    out: dict[str, Callable[[], tuple[Any, str] | None]] = {
        "headline.png": lambda: figures.headline_figure(rows) if tables.headline_rows(rows) else None,
        "rivals.png": lambda: figures.rivals_figure(evidence),
        "real_streets.png": lambda: real_figures.streets_figure(book.photo_rows(folder), evidence.tuned),
        "real_trunks.png": lambda: real_figures.trunks_figure(book.photo_rows(folder), evidence.tuned),
        "classes.png": lambda: classes.classes_figure(evidence),
    }
    for factor in ablations.factors():
        out[f"ablation_{factor.name}.png"] = lambda factor=factor: figures.ablation_figure(evidence, factor)  # type: ignore[misc]
    return out


def write(base: str | os.PathLike[str] = ".", results: str | os.PathLike[str] = "results") -> list[str]:
    """Rebuild the choice of trials, the figures, and the tables of every document that is there.

    Args:
        base: the folder of the documents.
        results: the folder of the ledgers; figures go there.

    Returns:
        What changed.
    """
    folder, changed = Path(results), []
    for path, text in _files(folder):
        if text is None and path.exists():
            path.unlink()
            changed.append(path.name)
        elif text is not None and (not path.exists() or path.read_text(encoding="utf-8") != text):
            write_text(path, text)
            changed.append(path.name)
    for name, make in makers(folder).items():
        made, path = make(), folder / name
        if made is None:
            for old in (path, path.with_suffix(".txt")):
                changed += [old.name] if old.exists() else []
                old.unlink(missing_ok=True)
        elif figures.save(*made, path):  # drawn anew even where its words are the same: the drawing may have changed
            changed.append(name)
    for document in DOCUMENTS:
        path = Path(base) / document
        if path.exists():
            changed += [f"{document} {marker}" for marker in documents.write_tables(path, folder)]
    return changed


def stale(base: str | os.PathLike[str] = ".", results: str | os.PathLike[str] = "results") -> list[str]:
    """What is not as the ledger says; empty if everything is fresh."""
    folder, found = Path(results), []
    for path, text in _files(folder):
        if (path.read_text(encoding="utf-8") if path.exists() else None) != text:
            found.append(path.name)
    for name, make in makers(folder).items():
        made, path = make(), folder / name
        if made is None:
            found += [name] if path.exists() else []
        elif not path.exists() or figures.words_in(path) != made[1] or not _has_words(path, made[1]):
            found.append(name)
    for document in DOCUMENTS:
        path = Path(base) / document
        if path.exists():
            found += [f"{document} {marker}" for marker in documents.stale_tables(path, folder)]
    return found


def _has_words(path: Path, words: str) -> bool:
    beside = path.with_suffix(".txt")
    return beside.exists() and beside.read_text(encoding="utf-8") == words + "\n"


def _files(results: Path) -> Iterator[tuple[Path, str | None]]:
    """Files of results that are made from the ledger, with their text; None = shall not be there."""
    chosen = trials.choose(Evidence(results).rows("tuning"))
    yield results / trials.FILE.name, trials.text(chosen) if chosen else None
