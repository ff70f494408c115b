"""What ``gltr train`` and ``gltr evaluate`` do beyond the engine: find the data, load a network, name the scores."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gltr_lib import ledger
from gltr_lib.config import TrainConfig
from gltr_lib.datasets import EVAL_SEEDS, TRAIN_SEEDS, FolderPairs, stack
from gltr_lib.engine import TrainResult
from gltr_lib.evaluate import FULL_SIZE, evaluate
from gltr_lib.labels import CLASSES, IGNORE
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.models import SHIPPED, build, load_shipped
from gltr_lib.study import data
from gltr_lib.study.grid import RESERVED, Streets

Scores = list[dict[str, Any]]


def training_data(
    size: tuple[int, int], images: Path | None = None, labels: Path | None = None
) -> tuple[Tensor, Tensor]:
    """The streets' training scenes, or pairs of two folders brought to ``size``.

    Returns:
        (images uint8 (N,3,H,W), labels uint8 (N,H,W)).

    Raises:
        ValueError: the folders do not hold pairs.
    """
    if images is not None and labels is not None:
        return stack(FolderPairs(images, labels, size=size))
    return data.load(Streets("streets/game", (("game", tuple(TRAIN_SEEDS)),)), size)


def facts(result: TrainResult) -> dict[str, Any]:
    """What travels in a network's file: configuration, seconds, machine, commit."""
    return {
        "config": dataclasses.asdict(result.config),
        "wall_seconds": round(result.seconds, 2),
        "device": ledger.device_name(result.device),
        "commit": ledger.git_commit(),
    }


def load_network(name: str) -> nn.Module:
    """A shipped network by name, or one that ``gltr train`` or the study wrote.

    Raises:
        ValueError: neither.
    """
    if name in SHIPPED:
        return load_shipped(name)
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"{name}: neither a shipped network ({', '.join(SHIPPED)}) nor a file")
    from gltr_lib.weights import load_safetensors

    tensors, header = load_safetensors(path)
    given = json.loads(header.get("facts", "{}")).get("config", {})
    config = TrainConfig()
    model = build(given.get("model", config.model), given.get("num_classes", config.num_classes))
    try:
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    except RuntimeError as error:
        raise ValueError(f"{path}: the weights are of another network ({str(error).splitlines()[0]})") from error
    return model.eval()


def check_looks(looks: Sequence[str]) -> None:
    """Refuse looks that do not exist or are reserved for the study's final run."""
    from gltr_lib import streets

    if not looks:
        raise ValueError(f"look: expected at least one; valid: {', '.join(streets.LOOKS)}, sampled:<n>")
    for look in looks:
        number = look.removeprefix("sampled:")
        if number != look and number.isdigit():
            if int(number) >= RESERVED:
                raise ValueError(f"look {look}: reserved for the study's final run; use looks below sampled:{RESERVED}")
        elif look not in streets.LOOKS:
            raise ValueError(f"look: unknown {look!r}; valid: {', '.join(streets.LOOKS)}, sampled:<n>")


def score_on_looks(model: nn.Module, looks: Sequence[str], scenes: int, size: tuple[int, int] = (128, 256)) -> Scores:
    """Score a network on some looks of the streets' evaluation scenes."""
    seeds = tuple(EVAL_SEEDS)[:scenes]
    out = []
    for look in looks:
        images, labels = data.load(Streets(f"streets/{look}", ((look, seeds),)), size)
        out.append(_score(f"streets/{look}", FULL_SIZE.name, evaluate(model, images, labels), CLASSES))
    return out


def score_on_folder(model: nn.Module, images: Path, labels: Path) -> Scores:
    """Score a network on pairs of two folders, each picture at its own size."""
    pairs = FolderPairs(images, labels)
    matrix = ConfusionMatrix(len(CLASSES), IGNORE)
    for image, label in pairs:
        matrix.counts += evaluate(model, image[None], label[None]).counts
    return [_score(str(images), FULL_SIZE.name, matrix, CLASSES)]


def score_on_camvid(model: nn.Module, root: Path, *, reason: str, network: str) -> Scores:
    """Score a network on CamVid by sequence; the look is counted where there is a ``results`` folder."""
    from gltr_lib.real import LABEL_SETS, camvid_protocol, score_camvid
    from gltr_lib.study.photos import find_camvid

    folder = find_camvid(root)
    if Path("results").is_dir():
        look = {"date": ledger.now(), "commit": ledger.git_commit(), "reason": reason, "set": "CamVid train+val"}
        ledger.append("results/real_looks.jsonl", look | {"networks": [network]}, check=False)
    matrices = score_camvid(model, folder)
    classes = LABEL_SETS["camvid11"].classes
    return [_score(f"camvid/{name}", camvid_protocol(), matrix, classes) for name, matrix in matrices.items()]


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
