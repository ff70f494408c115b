"""``gltr evaluate``: scores, protocol beside every number."""

from __future__ import annotations

import inspect
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from gltr_lib._usage import UsageError, at_least, usage
from gltr_lib.cli._say import answer, writable


def evaluate(
    network: str = "gtr_ltr_cgl", /, *, data: str | None = None, root: Path | None = None,
    prepared: Path | None = None, split: str | None = None, option: tuple[str, ...] = (), protocol: str = "full",
    classes: int | None = None, among: bool = False, fit: str | None = None, window: str | None = None,
    overlap: float = 1 / 3, flip: bool = False, scales: tuple[float, ...] = (1.0,), batch: int = 1, workers: int = 2,
    amp: str | None = None, against: tuple[str, ...] = (), out: Path | None = None, export: Path | None = None,
    ledger: Path | None = None, method: str | None = None, seed: int | None = None,
    look: tuple[str, ...] = ("game", "overcast", "sun"), scenes: int = 64, images: Path | None = None,
    labels: Path | None = None, camvid: Path | None = None, reason: str = "gltr evaluate", device: str | None = None,
    json: bool = False,
) -> int:  # fmt: skip
    """Score a network on the streets' looks, a dataset, your own pictures, or CamVid, protocol beside every number.

    Without --data, --images or --camvid it is scored on the embedded streets.

    Args:
        network: baseline, gtr, gtr_ltr or gtr_ltr_cgl (shipped), a run's folder or a model.safetensors of gltr train.
        data: cityscapes, bdd100k, vistas, gta5, synthia, camvid, or folder (ROOT/images and ROOT/labels of trainIds).
        root: the folder into which the dataset was unpacked.
        prepared: folder of trainId label maps made by gltr prepare, read instead of the original ones.
        split: train, val, ...; val if not given (of a folder: its own images and labels).
        option: choices of the dataset, key=value, such as mapping=openseg version=v2.0 (vistas) or lists=robustnet.
        protocol: full, gtr, robustnet-vistas, rein, rein-bdd or rein-vistas.
        classes: 19, 16 or 13 classes in the mean; if not given, those that the dataset has.
        among: choose predictions among these classes only, and ignore labels of the others.
        fit: LONGxSHORT sides into which pictures are fitted for the network; 256x128 for the shipped ones, which were
            trained on small pictures; scored at the labels' size.
        window: HEIGHTxWIDTH of sliding windows, such as 768x768; whole pictures if not given.
        overlap: share of a window that the next one covers again.
        flip: also look at the mirror image, and average.
        scales: sizes at which to look, relative to the picture's, and average.
        batch: pictures in one forward pass, as far as neighbours have one size.
        workers: threads that decode ahead.
        amp: bf16 or fp16.
        against: further networks for the same table and picture, such as gtr gtr_ltr gtr_ltr_cgl.
        out: folder for the table, JSON, confusion matrix and a picture of predictions.
        export: folder for predictions as the Cityscapes server wants them (and EXPORT.zip); works without labels too.
        ledger: append the score to this file, such as results/real.jsonl.
        method: the ledger's method, if the network's file does not say it.
        seed: the ledger's seed, if the network's file does not say it.
        look: looks of the streets.
        scenes: streets for each look, at most 64.
        images: folder of your pictures, with --labels.
        labels: folder of their label maps (trainIds).
        camvid: CamVid's folder, as --data camvid --root; in the course's checkout
            results/real_looks.jsonl counts the looks at real sets.
        reason: why this look at real data is taken.
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    _refuse_unread(locals())
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels come together: the folder of pictures and that of their label maps")
    if not 1 <= scenes <= 64:
        raise UsageError(f"--scenes: expected 1 to 64, received {scenes}")
    at_least(1, batch=batch)
    at_least(0, workers=workers)
    if amp not in (None, "bf16", "fp16"):
        raise UsageError(f"--amp: expected bf16 or fp16, received {amp[:60]!r}")
    if (data is None) != (root is None):
        raise UsageError("--data and --root come together: the dataset's name and the folder where it was unpacked")
    if data in (None, "camvid") and (out or export or ledger or against):
        raise UsageError("--out, --export, --ledger and --against need --data (other than camvid) and --root")
    if against and (method or seed is not None or export):
        raise UsageError("--against does not go with --method, --seed or --export, which are about one network")
    if len({network, *against}) <= len(against):
        raise UsageError("--against: a network is named twice; name each once")
    for flag, place, folder in (("--out", out, True), ("--export", export, True), ("--ledger", ledger, False)):
        writable(flag, place, folder)
    from gltr_lib import workflows
    from gltr_lib.engine import pick_device

    with usage():
        plan = None
        if data is not None and data != "camvid" and root is not None:
            how = (window, overlap, flip, scales)
            plan = _plan(data, root, split, prepared, option, protocol, classes, among, fit, how)
        where = pick_device(device)
        networks = [network, *against]
        workflows.check_looks(look)
    loaded = []
    for name in networks:
        with nullcontext() if Path(name).exists() else usage():  # a damaged file is no mistyped name
            loaded.append(workflows.load_with_facts(name))
    with usage():
        if plan is not None:
            from gltr_lib import evaluation

            for name, (_, facts) in zip(networks, loaded, strict=True):
                evaluation.check_network(name, facts)
                evaluation.warn_of_unseen_classes(name, facts, plan)
                if ledger is not None:
                    evaluation.trained_as(name, facts, method, seed)
    if plan is not None:
        models, known = [model for model, _ in loaded], [facts for _, facts in loaded]
        places = (out, export, ledger)
        return _dataset(networks, models, known, plan, where, reason, batch, workers, amp, places, method, seed, json)
    model = loaded[0][0].to(where)
    if data == "camvid":
        camvid = root
    if camvid is not None:
        scores = workflows.score_on_camvid(model, camvid, reason=reason, network=network)
    elif images is not None and labels is not None:
        scores = workflows.score_on_folder(model, images, labels)
    else:
        scores = workflows.score_on_looks(model, look, scenes)
    answer({"network": network, "scores": scores}, json, workflows.render_scores(network, scores))
    return 0


#: What only datasets are scored with, and what only streets are.
_OF_DATA = ("prepared", "split", "option", "protocol", "classes", "among", "fit", "window", "overlap", "flip", "scales",
            "batch", "workers", "amp", "method", "seed")  # fmt: skip
_OF_STREETS = ("look", "scenes")


def _refuse_unread(given: dict[str, Any]) -> None:
    """A score that left out what was asked for would look like the one that was asked for."""
    sources = [f"--{name}" for name in ("data", "images", "camvid") if given[name] is not None]
    if len(sources) > 1:
        raise UsageError(f"{' and '.join(sources)} are sources of pictures of their own; give one of them")
    on_data = given["data"] not in (None, "camvid")
    on_streets = given["data"] is given["images"] is given["camvid"] is None
    unread = (() if on_data else _OF_DATA) + (() if on_streets else _OF_STREETS)
    defaults = {name: parameter.default for name, parameter in inspect.signature(evaluate).parameters.items()}
    changed = [f"--{name}" for name in unread if given[name] != defaults[name]]
    if changed:
        scored = "a dataset is" if on_data else "the streets are" if on_streets else "these photographs are"
        raise UsageError(f"{', '.join(changed)}: not read where {scored} scored; leave that out")


def _plan(
    data: str, root: Path, split: str | None, prepared: Path | None, option: tuple[str, ...], protocol: str,
    classes: int | None, among: bool, fit: str | None, how: tuple[str | None, float, bool, tuple[float, ...]],
) -> Any:  # fmt: skip
    from gltr_lib.evaluate import Inference
    from gltr_lib.evaluation import Plan

    options = {}
    for text in option:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--option: expected key=value, received {text[:60]!r}")
        options[key] = value
    window, overlap, flip, scales = how
    inference = Inference(_size(window, "--window") if window else None, overlap, flip, tuple(scales))
    sides = _size(fit, "--fit") if fit else None
    return Plan(data, root, split, prepared, options, protocol, classes, among, sides, inference)


def _size(text: str, flag: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(re.fullmatch("[1-9][0-9]{0,5}", part) for part in parts):
        raise ValueError(f"{flag}: expected two sizes such as 768x768, received {text[:60]!r}")
    return int(parts[0]), int(parts[1])


def _dataset(
    networks: list[str], models: list[Any], facts: list[dict[str, Any]], plan: Any, where: Any, reason: str, batch: int,
    workers: int, amp: str | None, places: tuple[Path | None, Path | None, Path | None], method: str | None,
    seed: int | None, json: bool,
) -> int:  # fmt: skip
    from gltr_lib import evaluation
    from gltr_lib import ledger as ledgers
    from gltr_lib.evaluate import iou_table
    from gltr_lib.evaluate.tables import score_as_json

    out, export, ledger = places
    progress = not json and sys.stderr.isatty()
    if plan.unlabelled and export is not None:
        written = evaluation.export_unlabelled(models[0].to(where), plan, export, amp=amp, progress=progress)
        text = f"wrote {len(written)} predictions to {export} and {export}.zip"
        answer({"network": networks[0], "export": str(export), "pictures": len(written)}, json, text)
        return 0
    titles = evaluation.titles(networks)

    def say(found: dict[str, Any]) -> None:
        """The numbers first: pictures and archives may still find the disk full."""
        scores = [{"network": n, **score_as_json(found[title])} for n, title in zip(networks, titles, strict=True)]
        answer({"network": networks[0], "scores": scores}, json, iou_table(found, "text"))
        if ledger is not None:
            for name, title, known in zip(networks, titles, facts, strict=True):
                ledgers.append(ledger, evaluation.ledger_row(found[title], name, plan, known, method, seed))

    evaluation.score(
        dict(zip(titles, models, strict=True)), plan, names=networks, reason=reason, device=where, batch=batch,
        workers=workers, amp=amp, progress=progress, out=out, export=export, on_scored=say,
    )  # fmt: skip
    for place in (out, export, ledger):
        if place is not None and not json:
            print(f"wrote {place}")
    return 0
