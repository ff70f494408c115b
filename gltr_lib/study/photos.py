"""The study's networks on real photographs: scored as they are, each look counted.

Every call appends a line to ``results/real_looks.jsonl`` (commit, reason) *before* it scores, so that the number of
looks at real data is known even if one is broken off. Nothing is tuned or chosen here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gltr_lib import ledger
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.real import LABEL_SETS, camvid_protocol, score_camvid, source_prior
from gltr_lib.study.grid import PRIOR, Run, Settings
from gltr_lib.study.run import Places, load_network, networks, result_row, source_labels


def find_camvid(root: str | Path) -> Path:
    """The CamVid folder of a data root, which may be that folder itself.

    Raises:
        ValueError: neither holds ``train`` and ``val``.
    """
    for folder in (Path(root) / "camvid", Path(root) / "CamVid", Path(root)):
        if (folder / "train").is_dir() and (folder / "val").is_dir():
            return folder
    raise ValueError(f"{root}: expected camvid/train and camvid/val (or train and val) below it; set GLTR_DATA to it")


def score_real(
    settings: Settings,
    places: Places,
    root: str | Path,
    *,
    reason: str,
    results: str | Path = "results",
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Score the finished networks of a tier on CamVid, by sequence; the number of networks scored.

    Args:
        settings: the tier.
        places: where its networks are.
        root: data root (its ``camvid`` folder) or the CamVid folder.
        reason: why this look is taken; it goes into the log of looks.
        results: folder of ``real.jsonl`` and ``real_looks.jsonl``.
        device: None = the best there is.
        say: takes one line of progress.

    Raises:
        ValueError: no CamVid there, no reason, or no finished network.
    """
    from gltr_lib.engine import pick_device

    if not reason.strip():
        raise ValueError("a look at real data needs a reason: --reason 'first scoring of the headline networks'")
    camvid = find_camvid(root)
    target = Path(results) / "real.jsonl"
    scored = {row.get("definition") for row in ledger.read(target)}
    todo = [(run, path) for run, path in networks(settings, places) if f"camvid11-{run.definition}" not in scored]
    todo = [(run, path) for run, path in todo if run.method != "oracle"]  # no oracle on a real target
    if not todo:
        say("real photographs: every finished network has been scored already (or none is finished)")
        return 0
    commit = ledger.git_commit()
    ledger.append(
        Path(results) / "real_looks.jsonl",
        {
            "date": ledger.now(),
            "commit": commit,
            "reason": reason.strip(),
            "set": "CamVid train+val",
            "networks": [run.id for run, _ in todo],
        },
        check=False,
    )
    where = pick_device(device)
    labels = source_labels(settings, places)
    first = todo[0][0]
    for label_set in LABEL_SETS:
        if f"{label_set}-prior-{first.definition}" not in scored:
            matrices = score_camvid(None, camvid, label_set=label_set, prior=source_prior(labels, label_set))
            definition = f"{label_set}-prior-{first.definition}"
            _write(target, first, matrices, label_set, {"commit": commit}, definition, PRIOR)
    for run, _ in todo:
        model, facts = load_network(run, places)
        model = model.to(where)
        for label_set in LABEL_SETS:
            started = time.monotonic()
            matrices = score_camvid(model, camvid, width=run.config.crop[1], label_set=label_set)
            facts["score_seconds"] = round(time.monotonic() - started, 2)
            _write(target, run, matrices, label_set, facts, f"{label_set}-{run.definition}", run.method)
            say(f"  {run.method}, seed {run.seed}: {label_set} {100 * matrices['all'].miou():.1f} on all of CamVid")
    return len(todo)


def _write(
    target: Path,
    run: Run,
    matrices: dict[str, ConfusionMatrix],
    label_set: str,
    facts: dict[str, Any],
    definition: str,
    method: str,
) -> None:
    classes = LABEL_SETS[label_set].classes
    for sequence, matrix in matrices.items():
        row = result_row(run, run.train, matrix, facts, ledger.device_name("cpu"), classes)
        row |= {
            "method": method,
            "protocol": camvid_protocol(label_set, run.config.crop[1]),
            "metric": f"mIoU-{len(classes)}",
            "data": f"camvid/{sequence}",
            "definition": definition,
            "pixels": int(matrix.counts.sum()),
            "seed": 0 if method == PRIOR else run.seed,
        }
        ledger.append(target, row)
