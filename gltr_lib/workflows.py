"""What ``gltr train`` and ``gltr evaluate`` do beyond the engine: find the data, load a network, name the scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gltr_lib import ledger, weights
from gltr_lib._checkout import checkout
from gltr_lib._typed import MissingFile
from gltr_lib.datasets import EVAL_SEEDS, TRAIN_SEEDS, FolderPairs, rendered, stack
from gltr_lib.datasets.looks import Streets, check_open, span
from gltr_lib.engine import TrainResult
from gltr_lib.evaluate import FULL_SIZE, evaluate, evaluate_dataset
from gltr_lib.labels import CLASSES
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.models import SHIPPED, load_checkpoint, load_shipped
from gltr_lib.real_sets import note_look, sets_below

Scores = list[dict[str, Any]]


def training_data(
    size: tuple[int, int], images: Path | None = None, labels: Path | None = None, num_classes: int = 19
) -> tuple[Tensor, Tensor]:
    """The streets' training scenes, or pairs of two folders brought to ``size``.

    Returns:
        (images uint8 (N,3,H,W), labels uint8 (N,H,W)).

    Raises:
        ValueError: the folders do not hold pairs.
    """
    if images is not None and labels is not None:
        return stack(FolderPairs(images, labels, num_classes=num_classes, size=size))
    return rendered.load(Streets("streets/game", (("game", tuple(TRAIN_SEEDS)),)), size)


def facts(result: TrainResult) -> dict[str, Any]:
    """What travels in a network's file: configuration, seconds, machine, commit."""
    return {
        "config": dataclasses.asdict(result.config),
        "wall_seconds": round(result.seconds, 2),
        "device": ledger.device_name(result.device),
        "commit": ledger.git_commit(),
    }


def load_network(name: str) -> nn.Module:
    """A shipped network by name, or one that ``gltr train`` or the study wrote (its file or its run's folder).

    Raises:
        ValueError: neither.
    """
    return load_with_facts(name)[0]


def load_with_facts(name: str) -> tuple[nn.Module, dict[str, Any]]:
    """As :func:`load_network`, with what is known of the training: configuration, commit, ledger row.

    Raises:
        ValueError: neither a shipped name nor a network of ours; the file is named.
    """
    if name in SHIPPED:
        return load_shipped(name), {"method": name, "shipped": name, **weights.registry()[f"mini-{name}"]}
    path = Path(name)
    path = path / "model.safetensors" if name and path.is_dir() else path
    if not path.is_file():
        there = bool(name) and Path(name).is_dir()
        what = "no model.safetensors in that folder" if there else "neither a shipped network nor a file"
        mistyped = path.suffix != ".safetensors"  # of a name that is a file's, the file is missing
        raise (ValueError if mistyped else MissingFile)(
            f"{name or repr(name)}: {what}; shipped are {', '.join(SHIPPED)}, and gltr train writes "
            f"OUT/model.safetensors"
        )
    try:
        return load_checkpoint(path)
    except ValueError as error:
        strange = _foreign(path)
        if strange:
            raise ValueError(
                f"{path}: {strange}; give a model.safetensors of gltr train, or its run's folder"
            ) from error
        raise


def _foreign(path: Path) -> str:
    """What a safetensors file of somebody else holds; "" for one of ours, or for no such file at all."""
    try:
        with safe_open(path, framework="pt") as opened:
            header, names = opened.metadata() or {}, sorted(opened.keys())
    except (SafetensorError, OSError):
        return ""
    if {"network", "facts"} & set(header):
        return ""
    some = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    return f"no network that gltr train wrote: its header names none, and its {len(names)} tensors are {some or 'none'}"


def check_looks(looks: Sequence[str]) -> None:
    """Refuse looks that do not exist or are reserved for the study's final run."""
    from gltr_lib import streets

    if not looks:
        raise ValueError(f"look: expected at least one; valid: {', '.join(streets.LOOKS)}, sampled:<n>")
    for look in looks:
        if look not in streets.LOOKS and (span(look) is None or ".." in look):
            raise ValueError(f"look: unknown {look!r}; valid: {', '.join(streets.LOOKS)}, sampled:<n>")
        check_open(look)


def score_on_looks(model: nn.Module, looks: Sequence[str], scenes: int, size: tuple[int, int] = (128, 256)) -> Scores:
    """Score a network on some looks of the streets' evaluation scenes."""
    seeds = tuple(EVAL_SEEDS)[:scenes]
    out = []
    for look in looks:
        images, labels = rendered.load(Streets(f"streets/{look}", ((look, seeds),)), size)
        out.append(_score(f"streets/{look}", FULL_SIZE.name, evaluate(model, images, labels), CLASSES))
    return out


def score_on_folder(model: nn.Module, images: Path, labels: Path) -> Scores:
    """Score a network on pairs of two folders, each picture at its own size."""
    score = evaluate_dataset(model, FolderPairs(images, labels), FULL_SIZE, name=str(images))
    return [_score(score.data, score.protocol, score.matrix, CLASSES)]


def score_on_camvid(model: nn.Module, root: Path, *, reason: str, network: str) -> Scores:
    """Score a network on CamVid by sequence; the look is counted in the course's checkout."""
    from gltr_lib.real import LABEL_SETS, camvid_protocol, score_camvid

    folder = sets_below(root, ("camvid",))["camvid"]
    count_look("CamVid train+val", reason=reason, networks=[network])
    matrices = score_camvid(model, folder)
    classes = LABEL_SETS["camvid11"].classes
    return [_score(f"camvid/{name}", camvid_protocol(), matrix, classes) for name, matrix in matrices.items()]


def count_look(name: str, *, reason: str, networks: Sequence[str]) -> None:
    """Note a look at a real set before it is taken, in the course's checkout alone: the log belongs to its study."""
    base = checkout()
    if base is not None and (base / "results").is_dir():
        note_look(base / "results" / "real_looks.jsonl", name, reason, networks)


def render_scores(network: str, scores: Scores) -> str:
    """Scores for people: the mean for each set, the classes below it."""
    lines = []
    for score in scores:
        lines.append(f"{network} on {score['data']}: mIoU {100 * score['miou']:.1f} %   [{score['protocol']}]")
        per_class = {k: v for k, v in score["per_class"].items() if v is not None}
        lines.append("  " + ", ".join(f"{name} {100 * value:.0f}" for name, value in per_class.items()))
    return "\n".join(lines)


def _score(name: str, protocol: str, matrix: ConfusionMatrix, classes: Sequence[str]) -> dict[str, Any]:
    per_class = dict(zip(classes, ledger.numbers(matrix.iou().tolist()), strict=True))
    return {"data": name, "protocol": protocol, "miou": round(matrix.miou(), 6), "per_class": per_class}
