"""Per-class IoU as text for a terminal, Markdown for a page, and JSON for programs; per cent, a dash for no pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gltr_lib._validate import check_choice
from gltr_lib.evaluate.stream import DatasetScore

FORMS = ("text", "markdown")


def score_as_json(score: DatasetScore) -> dict[str, Any]:
    """Everything about a score that JSON can hold; ``null`` for a class in neither prediction nor label.

    Returns:
        data, protocol, inference, miou and per_class as fractions, pixel_accuracy, images, wall_seconds, device, and
        the confusion matrix (rows are the truth) with its class names.
    """
    return {
        "data": score.data,
        "protocol": score.protocol,
        "inference": score.inference,
        "miou": round(score.miou, 6),
        "per_class": {name: _number(value) for name, value in score.per_class.items()},
        "pixel_accuracy": _number(score.matrix.pixel_accuracy()),
        "images": score.images,
        "wall_seconds": round(score.seconds, 3),
        "device": score.device,
        "confusion": {"classes": list(score.classes), "counts": score.matrix.counts.tolist()},
    }


def iou_table(scores: Mapping[str, DatasetScore], form: str = "markdown", digits: int = 1) -> str:
    """Per-class IoUs side by side, one column a network, the mean below; protocol and data above.

    Args:
        scores: name of each column -> its score; all of one dataset, protocol and way of looking.
        form: "markdown" or "text".
        digits: decimals of the per cent.

    Returns:
        The table's text, without a newline at its end.

    Raises:
        ValueError: no scores, or scores that must not stand in one table.

    Example:
        >>> import torch
        >>> from gltr_lib.evaluate import evaluate_dataset
        >>> net = torch.nn.Conv2d(3, 19, 1)
        >>> score = evaluate_dataset(net, [(torch.rand(3, 4, 6), torch.zeros(4, 6).long())], "full", name="mine")
        >>> iou_table({"net": score}).splitlines()[0]
        'mine, 1 picture, mIoU-19 @ full size, whole picture; IoU in %'
    """
    check_choice(form, FORMS, "form")
    if not scores:
        raise ValueError("iou_table: expected at least one score")
    first = next(iter(scores.values()))
    for field in ("data", "protocol", "inference", "images", "averaged"):
        found = {getattr(score, field) for score in scores.values()}
        if len(found) > 1:
            raise ValueError(f"iou_table: one table, one {field}; received {', '.join(map(str, sorted(found)))}")
    names = [first.classes[c] for c in first.averaged]
    rows = [[name, *(percent(score.per_class[name], digits) for score in scores.values())] for name in names]
    rows.append(["mean", *(percent(score.miou, digits) for score in scores.values())])
    number = f"{first.images} picture{'s' if first.images != 1 else ''}"
    # The protocol's name ends in the augmentation, and so does what says how pictures were looked at: once is enough.
    words = first.protocol.partition(", with ")[2]
    how = first.inference.replace(f", with {words}", "") if words else first.inference
    caption = f"{first.data}, {number}, {first.protocol}, {how}; IoU in %"
    return "\n".join([caption, "", *_lines(["class", *scores], rows, form)])


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> list[str]:
    if form == "markdown":
        out = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
        for row in rows:
            cells = [f"**{cell}**" if row[0] == "mean" else cell for cell in row]
            out.append("| " + " | ".join(cells) + " |")
        return out
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])

    rule = "-" * len(line(head))
    return [line(head), rule, *map(line, rows[:-1]), rule, line(rows[-1])]


def percent(value: float, digits: int = 0) -> str:
    """A share in per cent, a dash for NaN.

    Example:
        >>> percent(0.256), percent(float("nan"))
        ('26', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
