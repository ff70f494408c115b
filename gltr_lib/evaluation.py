"""What ``gltr evaluate --data`` does: open a dataset, score a network, leave table, JSON, pictures and a ledger row.

One :class:`Plan` says everything that decides the number; it is checked before anything is read, and it goes into the
ledger row beside the score. A look at real photographs is counted before it is taken.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gltr_lib import ledger, viz, workflows
from gltr_lib._drafts import write_text
from gltr_lib.datasets import LAYOUTS, open_dataset
from gltr_lib.datasets.prepared import options_of
from gltr_lib.evaluate import (
    CityscapesImages,
    DatasetScore,
    Inference,
    Protocol,
    evaluate_dataset,
    export_cityscapes,
    find_protocol,
    iou_table,
)
from gltr_lib.evaluate.export import pack, submission_names, write_label_ids
from gltr_lib.evaluate.inference import WHOLE
from gltr_lib.evaluate.passes import device_of
from gltr_lib.evaluate.reading import Item
from gltr_lib.evaluate.stream import AMP
from gltr_lib.evaluate.tables import score_as_json
from gltr_lib.labels import CLASSES

#: Photographs of the real world: each look at one of them is counted.
REAL = ("cityscapes", "bdd100k", "vistas")
SETS = ("cityscapes", "bdd100k", "vistas", "gta5", "synthia", "folder")
TITLES = {"baseline": "baseline", "gtr": "+GTR", "gtr_ltr": "+GTR+LTR", "gtr_ltr_cgl": "+GTR+LTR+CGL"}
SHOWN = 4  # rows of the picture of predictions


@dataclass(frozen=True)
class Plan:
    """What is scored, and how.

    Attributes:
        data: one of ``SETS``.
        root: its folder; this and the next three as for :func:`gltr_lib.datasets.open_dataset`.
        split: train, val ...
        prepared: folder of label maps that were converted beforehand.
        options: choices of the dataset.
        protocol: a short name of ``evaluate.PROTOCOLS``.
        classes: 19, 16 or 13; None = what the dataset has.
        among: choose predictions among ``classes`` only.
        fit: (long, short) sides into which pictures are fitted for the network, as for one trained on small pictures.
        inference: how the network looks at a picture.
    """

    data: str
    root: Path
    split: str | None = None
    prepared: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    protocol: str = "full"
    classes: int | None = None
    among: bool = False
    fit: tuple[int, int] | None = None
    inference: Inference = WHOLE

    def __post_init__(self) -> None:
        if self.data not in SETS:
            raise ValueError(f"--data: unknown {self.data!r}; valid: camvid, {', '.join(SETS)}")
        if self.data in LAYOUTS and self.part is not None:
            LAYOUTS[self.data].expected(self.part, **self.options)  # refuses a mistyped split or option
        self.rule()

    def rule(self) -> Protocol:
        """The protocol in full."""
        classes = self.classes
        if classes is None:
            classes = max(LAYOUTS[self.data].class_sets) if self.data in LAYOUTS else 19
        rule = find_protocol(self.protocol, classes, among=self.among)
        return rule if self.fit is None else rule.fitted(max(self.fit), min(self.fit))

    @property
    def part(self) -> str | None:
        """The split; "val" if none was asked for, and a folder's own images and labels."""
        return self.split or (None if self.data == "folder" else "val")

    @property
    def unlabelled(self) -> bool:
        """Whether the split's labels were never published."""
        return self.data in LAYOUTS and self.part in LAYOUTS[self.data].unlabelled


def score(
    networks: Mapping[str, nn.Module],
    plan: Plan,
    *,
    names: Sequence[str] = (),
    reason: str = "gltr evaluate",
    device: torch.device | str | None = None,
    batch: int = 1,
    workers: int = 2,
    amp: str | None = None,
    progress: bool = False,
    out: Path | None = None,
    export: Path | None = None,
    on_scored: Callable[[dict[str, DatasetScore]], Any] | None = None,
) -> dict[str, DatasetScore]:
    """Score networks as planned, one after the other, and write what was asked for.

    Args:
        networks: title in tables -> 19-class network.
        plan: what is scored, and how.
        names: the networks' names for the record of looks at real photographs; the titles if not given.
        reason: why this look at real photographs is taken.
        device: where to compute; each network is there only while it is scored. None = where it is.
        batch, workers, amp, progress: see :func:`gltr_lib.evaluate.evaluate_dataset`.
        out: folder for ``scores.json``, ``scores.md``, ``predictions.png`` and a confusion matrix a network.
        export: folder for the predictions of ONE network as the Cityscapes server wants them; ``EXPORT.zip`` beside it.
        on_scored: called with the scores before ``out`` and the zip are written, so that a full disk cannot take hours
            of scoring with it.

    Returns:
        The score of each network.

    Raises:
        ValueError: no dataset there, pairs that do not fit, a split without labels, nothing to score.
    """
    rule = plan.rule()
    if plan.unlabelled:
        raise ValueError(f"{plan.data}: the {plan.part} split has no labels; --export writes its predictions")
    whole = not (rule.size or rule.height or rule.halve or rule.crop)
    if export is not None and not (whole and plan.data == "cityscapes" and len(networks) == 1):
        raise ValueError("--export: needs --data cityscapes, one network and a protocol at full size (full or rein)")
    options: dict[str, Any] = dict(plan.options)
    dataset = open_dataset(plan.data, plan.root, plan.part, prepared=plan.prepared, **options)
    _warn_of_a_part(plan, len(dataset))
    sent = submission_names(dataset.keys, export) if export is not None else []
    if plan.data in REAL:
        workflows.count_look(f"{plan.data}/{plan.part}", reason=reason, networks=names or [*networks])
    chosen = {round(i * (len(dataset) - 1) / max(1, SHOWN - 1)) for i in range(SHOWN)}
    found: dict[str, DatasetScore] = {}
    shown: dict[str, list[Item]] = {title: [] for title in networks}
    written: list[Path] = []
    for title, model in networks.items():
        home = device_of(model)

        def keep(item: Item, mine: list[Item] = shown[title]) -> None:
            if out is not None and item.position in chosen:
                mine.append(item)
            if export is not None:
                size = (item.label.shape[0], item.label.shape[1])
                written.append(write_label_ids(item.prediction, export / sent[item.position], size))

        try:
            found[title] = evaluate_dataset(
                model, dataset, rule, inference=plan.inference, batch=batch, device=device, amp=amp, progress=progress,
                workers=workers, on_item=keep, name=_data_name(plan),
            )  # fmt: skip
        finally:
            model.to(home)
    if on_scored is not None:
        on_scored(found)
    if export is not None:
        pack(written, export.with_name(export.name + ".zip"))
    if out is not None:
        _write(out, found, shown)
    return found


def export_unlabelled(
    model: nn.Module, plan: Plan, out: Path, *, amp: str | None = None, progress: bool = False
) -> list[Path]:
    """Predictions of a Cityscapes split without labels (the test split), for the official server; and a zip of them.

    Raises:
        ValueError: another dataset, a protocol that is not at full size, no pictures there.
    """
    rule = plan.rule()
    if plan.data != "cityscapes" or plan.classes not in (None, 19) or rule.size or rule.height or rule.halve:
        raise ValueError("--export: needs --data cityscapes, 19 classes and a protocol at full size (full or rein)")
    pictures = CityscapesImages(plan.root, plan.part or "test")
    archive = out.with_name(out.name + ".zip")
    return export_cityscapes(
        model, pictures, out, inference=plan.inference, fit=rule.fit, archive=archive, amp=AMP[amp] if amp else None,
        progress=progress,
    )  # fmt: skip


def ledger_row(
    found: DatasetScore, network: str, plan: Plan, facts: Mapping[str, Any], method: str | None, seed: int | None
) -> ledger.Row:
    """The score as a row of the ledger.

    Args:
        found: the score. network: the name or file that was given. plan: how it was made.
        facts: what the network's file says of its training. method, seed: take the place of what the file says.

    Raises:
        ValueError: neither the file nor the caller says which method and seed trained the network.
    """
    method, seed = trained_as(network, facts, method, seed)
    return {
        "method": method, "seed": seed, "commit": ledger.git_commit(), "protocol": found.protocol,
        "metric": f"mIoU-{len(found.averaged)}", "value": round(found.miou, 6), "data": found.data,
        "config": dict(facts.get("config") or {}), "device": ledger.device_name(found.device),
        "wall_seconds": round(found.seconds, 2), "date": ledger.now(), "per_class": score_as_json(found)["per_class"],
        "images": found.images, "inference": found.inference, "network": network, "options": dict(plan.options),
        "trained_at": facts.get("commit"),
    }  # fmt: skip


def titles(networks: Sequence[str]) -> list[str]:
    """Networks as a table calls them: the shipped ones as in the paper, others by their run's folder or file.

    Example:
        >>> titles(["baseline", "gtr_ltr", "runs/gta5-gtr/model.safetensors", "runs/v1.2", "mine.safetensors"])
        ['baseline', '+GTR+LTR', 'gta5-gtr', 'v1.2', 'mine']
    """
    out = []
    for network in networks:
        path = Path(network)
        plain = path.stem if path.suffix == ".safetensors" else path.name
        plain = path.parent.name if path.name == "model.safetensors" and path.parent.name else plain
        out.append(TITLES.get(network) or plain or network)
    return out if len(set(out)) == len(out) else [str(network) for network in networks]


def check_network(network: str, facts: Mapping[str, Any]) -> None:
    """Refuse a network of another class count before any picture is looked at."""
    count = facts.get("num_classes", len(CLASSES))
    if count != len(CLASSES):
        raise ValueError(f"{network}: the network has {count} classes, but --data is scored in {len(CLASSES)} trainIds")


def warn_of_unseen_classes(network: str, facts: Mapping[str, Any], plan: Plan) -> None:
    """Say it when the mean holds classes that the network's source does not have, unless the classes were chosen.

    Args:
        network: its name, for the message.
        facts: what its file says of its training.
        plan: how it is to be scored.
    """
    source = facts.get("data") or {}
    layout = LAYOUTS.get(str(source.get("name"))) if isinstance(source, Mapping) else None
    if layout is None or plan.classes is not None:
        return
    averaged, seen = plan.rule().classes or range(len(CLASSES)), max(layout.class_sets)
    if seen < len(averaged):
        warnings.warn(
            f"{network} was trained on {layout.title}, which has {seen} of the {len(averaged)} classes averaged here; "
            f"--classes {seen} averages those alone, as papers do (--classes {len(averaged)}: this is meant)",
            stacklevel=2,
        )


def trained_as(
    network: str, facts: Mapping[str, Any], method: str | None = None, seed: int | None = None
) -> tuple[str, int]:
    """Method and seed of a network: as given, else as its file says.

    Raises:
        ValueError: neither says it.

    Example:
        >>> trained_as("a.safetensors", {"config": {"method": {"name": "gtr"}, "seed": 3}})
        ('gtr', 3)
    """
    config = facts.get("config") or {}
    said = config.get("method") or facts.get("method")
    method = method or (said.get("name") if isinstance(said, Mapping) else said)
    if seed is None:  # the shipped networks are the study's, of its first seed
        seed = config.get("seed", 0 if "shipped" in facts else None)
    if not method or seed is None:
        raise ValueError(f"{network}: the file does not say its method and seed; give --method NAME --seed N")
    return str(method), int(seed)


def _warn_of_a_part(plan: Plan, count: int) -> None:
    """Half an archive is scored like a whole one, so it is said. (Lists of GTA5 and SYNTHIA say it themselves.)"""
    layout = LAYOUTS.get(plan.data)
    if layout is None or "lists" in layout.options or plan.part is None:
        return
    whole = layout.expected(plan.part, **dict(plan.options))
    if whole and count != whole:
        warnings.warn(
            f"{plan.root}: {count:,} of the {whole:,} pictures of {layout.title}'s split {plan.part!r} are there; the "
            f"score is not that of the split (gltr verify {plan.data} {plan.root})",
            stacklevel=3,
        )


def _data_name(plan: Plan) -> str:
    """The dataset with every choice that decides which pixels carry which class, defaults included."""
    chosen = {key: values[0] for key, values in LAYOUTS[plan.data].options.items()} if plan.data in LAYOUTS else {}
    chosen |= plan.options
    if plan.prepared is not None:  # what the ids became was decided when the labels were prepared
        made = {k: v for k, v in options_of(plan.prepared).items() if k != "lists"}
        chosen = {k: v for k, v in chosen.items() if k == "lists"} | made
    notes = [f"{key} {value}" for key, value in sorted(chosen.items())]
    options = ", ".join([*notes, *(["prepared labels"] if plan.prepared is not None else [])])
    name = f"folder/{plan.root.resolve().name}" if plan.data == "folder" else plan.data
    return "/".join(filter(None, [name, plan.part])) + (f" ({options})" if options else "")


def _write(out: Path, found: Mapping[str, DatasetScore], shown: Mapping[str, list[Item]]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    scores = [{"network": title, **score_as_json(one)} for title, one in found.items()]
    write_text(out / "scores.json", json.dumps({"scores": scores}, indent=2, ensure_ascii=False) + "\n")
    write_text(out / "scores.md", iou_table(found, "markdown") + "\n")
    for title, one in found.items():
        name = "confusion" if len(found) == 1 else f"confusion {title.lstrip('+')}".replace(" ", "_").replace("/", "_")
        heading = f"{title} on {one.data}, {one.protocol}"
        chart = viz.confusion_chart(one.matrix, one.classes, averaged=one.averaged, title=heading)
        viz.save(chart, out / f"{name}.png")
        words = viz.confusion_alt(one.matrix, one.classes, averaged=one.averaged)
        write_text(out / f"{name}.txt", words + "\n")
    items = next(iter(shown.values()))
    columns = {title: [item.prediction for item in mine] for title, mine in shown.items()}
    labels = [item.label for item in items]
    pictures = [_as_large(item.picture, item.label) for item in items]
    rows = [item.key.rsplit("/", 1)[-1] for item in items]
    viz.save(viz.qualitative_grid(pictures, columns, labels, rows=rows), out / "predictions.png")
    write_text(out / "predictions.txt", viz.qualitative_alt(columns, labels) + "\n")


def _as_large(picture: np.ndarray, label: np.ndarray) -> np.ndarray:
    """A picture at its label's size, where the network saw it smaller."""
    from PIL import Image

    if picture.shape[:2] == label.shape:
        return picture
    return np.array(Image.fromarray(picture).resize((label.shape[1], label.shape[0]), Image.Resampling.BILINEAR))
