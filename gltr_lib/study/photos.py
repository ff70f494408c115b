"""The study's networks on real photographs: scored as they are, each look counted.

Every scoring of a real set appends a line to ``results/real_looks.jsonl`` (commit, reason) *before* it scores, so that
the number of looks at real data is known even if one is broken off. Nothing is tuned or chosen here. Beside the
networks stands the layout prior of the labels that they were trained on: what position alone explains.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gltr_lib import ledger
from gltr_lib._json import digest
from gltr_lib._label_sets import LABEL_SETS
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.real_sets import (
    REAL_SETS,
    Frames,
    label_sets_for,
    note_look,
    protocol_of,
    score_frames,
    sets_below,
    source_prior,
)
from gltr_lib.study import book, data
from gltr_lib.study.grid import Run
from gltr_lib.study.places import Places
from gltr_lib.study.run import load_network, networks, result_row
from gltr_lib.study.settings import Settings
from gltr_lib.study.tiers import PRIOR

Matrices = dict[str, dict[str, ConfusionMatrix]]  # label set -> sequence -> matrix


def score_real(
    settings: Settings,
    places: Places,
    root: str | Path,
    *,
    reason: str,
    results: str | Path = "results",
    device: str | None = None,
    sets: Sequence[str] = (),
    looks: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Score the finished networks of a tier on the real sets; the number of networks scored.

    Args:
        settings: the tier.
        places: where its networks are.
        root: data root with ``camvid``, ``idd_lite``, ``cityscapes``, or the CamVid folder.
        reason: why these looks are taken; it goes into the log of looks, one line a set.
        results: folder of ``real.jsonl``, ``real_rivals.jsonl`` and ``real_looks.jsonl``.
        device: None = the best there is.
        sets: names of real sets; empty = all that are there.
        looks: the log of looks; None = ``real_looks.jsonl`` in ``results``.
        say: takes one line of progress.

    Raises:
        ValueError: no real set there, or no reason.
    """
    from gltr_lib.engine import pick_device

    if not reason.strip():
        raise ValueError("a look at real data needs a reason: --reason 'first scoring of the headline networks'")
    folders = sets_below(root, sets)
    target = book.photo_ledger(results, settings.tier)
    scored = {row.get("definition") for row in book.photo_rows(results)}
    finished = [run for run, _ in networks(settings, places) if run.method != "oracle"]  # no oracle on a real target
    seen: set[str] = set()
    where = pick_device(device)
    for name, folder in folders.items():
        todo = [run for run in finished if _missing(name, run, scored)]
        if not todo:
            say(f"{name}: every finished network has been scored already (or none is finished)")
            continue
        frames = REAL_SETS[name].frames(folder)  # a damaged folder is noticed before the look is counted
        log = looks if looks is not None else Path(results) / "real_looks.jsonl"
        commit = note_look(log, REAL_SETS[name].title, reason.strip(), [run.id for run in todo])
        for run in _one_a_source(todo):
            if prior_definition(name, "", run) not in scored:
                _score_prior(name, frames, run, places, target, commit)
        for run in todo:
            _score_network(name, frames, run, places, target, where, say)
            seen.add(run.id)
    return len(seen)


def definition(name: str, label_set: str, run: Run) -> str:
    """What the ledger calls the score of a network on a real set in a label set."""
    # CamVid's rows are older than the other sets: they have no name of the set in front.
    return f"{'' if name == 'camvid' else f'{name}-'}{label_set}-{run.definition}"


def prior_definition(name: str, label_set: str, run: Run) -> str:
    """The same for the layout prior of what a network was trained on, one a tier; "" = its last label set."""
    label_set = label_set or label_sets_for(name, run.config.num_classes)[-1]
    source = digest([run.tier, run.train.name, [[look, list(seeds)] for look, seeds in run.train.parts]])
    return f"{name}-{label_set}-prior-{source}-{run.config.crop[1]}x{run.config.crop[0]}"


def _missing(name: str, run: Run, scored: set[Any]) -> list[str]:
    found = label_sets_for(name, run.config.num_classes)
    return [label_set for label_set in found if definition(name, label_set, run) not in scored]


def _one_a_source(runs: Sequence[Run]) -> list[Run]:
    """The first run of each training set."""
    return list({(run.train, run.config.num_classes, run.config.crop): run for run in reversed(runs)}.values())


def _tables(name: str, run: Run) -> dict[str, tuple[int, ...]]:
    return {s: REAL_SETS[name].tables[s] for s in label_sets_for(name, run.config.num_classes)}


def _score_prior(name: str, frames: Frames, run: Run, places: Places, target: Path, commit: str) -> None:
    labels = data.load(run.train, run.config.crop, places.cache)[1]
    tables = _tables(name, run)
    priors = {label_set: source_prior(labels, label_set, run.config.num_classes) for label_set in tables}
    matrices = score_frames(None, frames, tables, priors=priors)
    for label_set in tables:
        extra = {"method": PRIOR, "seed": 0, "definition": prior_definition(name, label_set, run)}
        _write(target, name, label_set, run, frames, matrices, {"commit": commit}, extra)


def _score_network(
    name: str, frames: Frames, run: Run, places: Places, target: Path, where: torch.device, say: Callable[[str], None]
) -> None:
    model, facts = load_network(run, places)
    tables = _tables(name, run)
    started = time.monotonic()
    matrices = score_frames(model.to(where), frames, tables, width=run.config.crop[1])
    facts["score_seconds"] = round(time.monotonic() - started, 2)
    for label_set in tables:
        extra = {"definition": definition(name, label_set, run), "score_seconds": facts["score_seconds"]}
        _write(target, name, label_set, run, frames, matrices, facts, extra)
        value = 100 * matrices[label_set]["all"].miou()
        say(f"  {name}: {run.method} on {run.train.name}, seed {run.seed}: {label_set} {value:.1f}")


def _write(
    target: Path,
    name: str,
    label_set: str,
    run: Run,
    frames: Frames,
    matrices: Matrices,
    facts: dict[str, Any],
    extra: dict[str, Any],
) -> None:
    classes = LABEL_SETS[label_set].classes
    counts = {sequence: len(pairs) for sequence, pairs in frames.items()}
    counts["all"] = sum(counts.values()) if "all" not in counts else counts["all"]
    for sequence, matrix in matrices[label_set].items():
        row = result_row(run, run.train, matrix, facts, ledger.device_name("cpu"), classes)
        row |= {
            "protocol": protocol_of(name, label_set, run.config.crop[1], run.config.num_classes),
            "metric": f"mIoU-{len(classes)}", "data": f"{name}/{sequence}", "images": counts[sequence],
            "pixels": int(matrix.counts.sum()), **extra,
        }  # fmt: skip
        ledger.append(target, row)
