"""Putting the questions of :mod:`.plan` to networks: pictures once, answers of every network, one row each.

Pictures are made for a question only if some network has not answered it yet, so that a stopped run goes on where it
was. Everything that counts is computed by the pure functions of ``conflict``, ``corruptions`` and ``features``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gltr_lib import ledger, streets
from gltr_lib.datasets import EVAL_SEEDS
from gltr_lib.datasets.rendered import world_digest
from gltr_lib.evaluate import FULL_SIZE
from gltr_lib.evaluate.passes import device_of, evaluation_mode, forward_of, most_probable, pictures_for
from gltr_lib.labels import CLASSES
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.probes import plan
from gltr_lib.probes.conflict import Scene, Swap, arrange, scored_pixels, set_scene, swapped, tally
from gltr_lib.probes.corruptions import corrupt
from gltr_lib.probes.features import Moments, distance, moments
from gltr_lib.probes.plan import Network, Question

SHARE_PROTOCOL = "shape / (shape + texture), repainted pixels of the shape @ full size"
FEATURE_PROTOCOL = "channel moments over positions and scenes, against game"


def answers(model: nn.Module, pictures: np.ndarray, batch: int = 8) -> np.ndarray:
    """The classes that a network sees.

    Args:
        model: images (B,3,H,W) in [0,1] -> logits (B,C,H,W).
        pictures: uint8 (N,H,W,3).
        batch: pictures in one forward pass.

    Returns:
        uint8 (N,H,W).
    """
    out = []
    with torch.inference_mode(), evaluation_mode(model):
        for start in range(0, len(pictures), batch):
            logits = forward_of(model, None)(pictures_for(model, _tensor(pictures[start : start + batch])))
            out.append(most_probable(logits).to(torch.uint8).cpu().numpy())
    return np.concatenate(out)


def run_probes(
    path: str | os.PathLike[str],
    networks: Sequence[Network] | None = None,
    *,
    scenes: int = len(EVAL_SEEDS),
    only: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> int:
    """Answer what the ledger has no answer to.

    Args:
        path: the ledger, ``.jsonl``.
        networks: whom to ask; None = the four shipped networks and the layout prior.
        scenes: how many of the study's evaluation streets, 2 to 64.
        only: kinds of questions; empty = all.
        say: takes one line of progress.

    Returns:
        The number of rows written.

    Raises:
        ValueError: an impossible number of scenes, an unknown kind.
    """
    asked = understood(scenes, only)
    networks = plan.everyone() if networks is None else networks
    done = {row.get("definition") for row in ledger.read(path)}
    todo = []
    for question in asked:
        asks = [network for network in networks if plan.applies(question, network)]
        todo.append((question, [n for n in asks if plan.definition(question, n, scenes) not in done]))
    todo = [(question, waiting) for question, waiting in todo if waiting]
    missing = sum(len(waiting) for _, waiting in todo)
    total = sum(plan.applies(question, network) for question in asked for network in networks)
    say(f"{missing} of {total} rows to measure, {scenes} streets each")
    studio, written, started = Studio(scenes), 0, time.monotonic()
    for (kind, what), group in groupby(todo, key=lambda pair: _same_pictures(pair[0])):
        for question, waiting in group:
            for network in waiting:
                row = answer(question, network, studio)
                ledger.append(path, row)
                written += 1
        say(f"{time.monotonic() - started:6.0f} s  {kind}: {what}")
    return written


def understood(scenes: int, only: Sequence[str] = ()) -> list[Question]:
    """The questions of some kinds (all without ``only``).

    Raises:
        ValueError: an impossible number of scenes, an unknown kind.
    """
    if not 2 <= scenes <= len(EVAL_SEEDS):
        raise ValueError(f"scenes: expected 2 to {len(EVAL_SEEDS)}, received {scenes}")
    kinds = sorted({question.kind for question in plan.questions()})
    if unknown := sorted(set(only) - set(kinds)):
        raise ValueError(f"only: unknown kinds {', '.join(unknown)}; expected some of {', '.join(kinds)}")
    return [question for question in plan.questions() if not only or question.kind in only]


def _same_pictures(question: Question) -> tuple[str, str]:
    o = question.options
    if question.kind == "conflict":
        return question.kind, f"{o['shape']} in {o['texture']} ({o['mode']})"
    return question.kind, str(o.get("look") or o.get("arrangement") or f"{o.get('corruption')} {o.get('severity')}")


class Studio:
    """Makes pictures, and keeps the last of each sort: questions about the same pictures follow one another."""

    def __init__(self, scenes: int) -> None:
        self.count, self.commit = scenes, ledger.git_commit()
        self._scenes: list[Scene] = []
        self._kept: dict[str, tuple[Any, Any]] = {}

    @property
    def scenes(self) -> list[Scene]:
        """The study's evaluation streets in the game look."""
        if not self._scenes:
            self._scenes = [set_scene(seed, plan.SIZE) for seed in tuple(EVAL_SEEDS)[: self.count]]
        return self._scenes

    def once(self, sort: str, key: Any, make: Callable[[], Any]) -> Any:
        """``make()``, kept until another key of the same sort comes."""
        if self._kept.get(sort, (None,))[0] != key:
            self._kept[sort] = (key, make())
        return self._kept[sort][1]

    @property
    def plain(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures uint8 (N,H,W,3) and labels uint8 (N,H,W) as they are."""
        return np.stack([s.picture for s in self.scenes]), np.stack([s.labels for s in self.scenes])

    def swap(self, question: Question) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
        """Pictures of a swap and where it is judged, upright; for patterns, how much of them there is to see."""
        swap = plan.swap_of(question)

        def make() -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
            both = [swapped(scene, swap) for scene in self.scenes]
            where = [scored_pixels(s, swap, share) for s, (_, share) in zip(self.scenes, both, strict=True)]
            pictures = np.stack([picture for picture, _ in both])
            seen = {} if swap.mode != "pattern" else self._seen(swap, pictures, np.stack(where))
            return pictures, np.stack(where), seen

        return self.once("swap", swap, make)

    def _seen(self, swap: Swap, pictures: np.ndarray, where: np.ndarray) -> dict[str, float]:
        """Mean difference in grey levels that the pattern makes: made bold, and as it is in the game's material."""

        def painted(shape: str, texture: str, mode: str) -> np.ndarray:
            return np.stack([swapped(scene, Swap(shape, texture, mode))[0] for scene in self.scenes])

        def between(one: np.ndarray, other: np.ndarray) -> float:
            return round(float(np.abs(one[where].astype(int) - other[where]).mean()), 3)

        usual = [painted(swap.shape, swap.texture, mode) for mode in ("material", "colour")]
        bold = between(pictures, painted(swap.shape, swap.shape, "colour"))
        return {"bold_levels": bold, "usual_levels": between(*usual)}

    def look(self, name: str) -> Tensor:
        """Images uint8 (N,3,H,W) of a look."""
        if name == "painted":
            return self.once("look", name, lambda: painted(self.look("game")))
        if name == "game":
            return self.once("game", name, lambda: self._render(name))
        return self.once("look", name, lambda: self._render(name))

    def _render(self, name: str) -> Tensor:
        parts = [streets.render_many(seeds, look, plan.SIZE)[0] for look, seeds in plan.look_parts(name, self.count)]
        return _tensor(np.concatenate(parts))

    def moments(self, network: Network, name: str) -> dict[str, Moments]:
        """A network's channel moments on a look; the game's are kept."""
        if network.model is None:
            raise ValueError(f"network {network.name} has not been loaded")
        model = network.model
        key = (network.run, network.weights, name)
        sort = f"{'game' if name == 'game' else 'other'} moments of {network.name}"
        return self.once(sort, key, lambda: moments(model, self.look(name), plan.LAYERS))


def painted(images: Tensor) -> Tensor:
    """The images as GTR shows them in training: a painting of the shipped bank each, drawn with seed 0."""
    from gltr_lib import GlobalTextureRandomization, StyleBank, Stylizer

    gtr = GlobalTextureRandomization(Stylizer.load("mini"), StyleBank.load("paintings-mini"))
    generator = torch.Generator().manual_seed(0)
    return torch.cat([(gtr(part.float() / 255, generator) * 255).round().to(torch.uint8) for part in images.split(8)])


def answer(question: Question, network: Network, studio: Studio) -> ledger.Row:
    """One network's answer to one question, as a row of the ledger."""
    if network.model is None:
        raise ValueError(f"network {network.name} has not been loaded")
    options = question.options
    prepared = _prepare(question, studio)  # before the clock: all networks share it
    started = time.monotonic()
    if question.kind == "features":
        found = _features(question, network, studio)
    else:
        pictures, target, where = prepared
        said = answers(network.model, pictures)
        found = _conflict(question, said, where) if question.kind == "conflict" else _miou(said, target)
    seconds = time.monotonic() - started
    facts = found.pop("facts") | (studio.swap(question)[2] if question.kind == "conflict" else {})
    return {
        "method": network.name, "seed": network.seed, "commit": studio.commit, **found, "data": question.data,
        "config": {**options, "network": network.run, "scenes": [EVAL_SEEDS[0], studio.count], "size": list(plan.SIZE)},
        "device": ledger.device_name(device_of(network.model)), "wall_seconds": round(seconds, 2), "date": ledger.now(),
        "probe": question.kind, "run": network.run, "weights": network.weights,
        "definition": plan.definition(question, network, studio.count), "world": world_digest(),
        "torch": torch.__version__, **facts,
    }  # fmt: skip


def _prepare(question: Question, studio: Studio) -> tuple[Any, Any, Any]:
    """(pictures, labels, judged pixels) of a question; None for what it does not need."""
    o = question.options
    if question.kind == "conflict":
        pictures, where, _ = studio.swap(question)
        return arrange(pictures, o["arrangement"]), None, arrange(where, o["arrangement"])
    if question.kind == "features":
        studio.look("game"), studio.look(o["look"])
        return None, None, None
    pictures, labels = studio.plain
    if question.kind == "arranged":
        return arrange(pictures, o["arrangement"]), arrange(labels, o["arrangement"]), None
    if o["severity"]:

        def make() -> np.ndarray:
            parts = [corrupt(p, o["corruption"], o["severity"], seed) for seed, p in enumerate(pictures)]
            return np.stack(parts)

        pictures = studio.once("corruption", (o["corruption"], o["severity"]), make)
    return pictures, labels, None


def _conflict(question: Question, said: np.ndarray, where: np.ndarray) -> dict[str, Any]:
    swap = plan.swap_of(question)
    count = tally(said, where, swap)
    control = swap.shape == swap.texture
    shape, texture, scored = sum(count.shape), sum(count.texture), sum(count.scored)
    if not scored:
        raise ValueError(f"{question.data}: no pixel of {swap.shape} in these scenes; take more scenes")
    facts: dict[str, Any] = {"named_shape": shape, "named_texture": texture, "scored": scored, "images": len(said)}
    found: dict[str, Any]
    if control:  # nothing is in conflict: the share of pixels that are still named right
        found = {"protocol": "recall of repainted pixels @ full size", "metric": "recall", "value": shape / scored}
    elif shape + texture == 0:  # named otherwise altogether; a share of nothing is no number
        found = {"protocol": SHARE_PROTOCOL, "metric": "decided share", "value": 0.0}
    else:
        found = {"protocol": SHARE_PROTOCOL, "metric": "shape share", "value": count.shape_share}
        facts |= {"decided": round(count.decided, 6), "interval": ledger.numbers(count.interval())}
    return {**found, "value": round(found["value"], 6), "facts": facts}


def _miou(said: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    matrix = ConfusionMatrix(len(CLASSES))
    matrix.update(said, labels)
    recall = matrix.counts.diag() / matrix.counts.sum(1).clamp(min=1)
    facts = {
        "images": len(said),
        "per_class": dict(zip(CLASSES, ledger.numbers(matrix.iou().tolist()), strict=True)),
        "recall": dict(zip(CLASSES, ledger.numbers(recall.tolist()), strict=True)),
    }
    return {"protocol": FULL_SIZE.name, "metric": "mIoU-19", "value": round(matrix.miou(), 6), "facts": facts}


def _features(question: Question, network: Network, studio: Studio) -> dict[str, Any]:
    o = question.options
    game, other = (studio.moments(network, look)[o["layer"]] for look in ("game", o["look"]))
    numbers = distance(game, other)
    facts = {name: round(value, 6) for name, value in numbers.items()} | {"images": len(studio.look(o["look"]))}
    return {
        "protocol": FEATURE_PROTOCOL,
        "metric": "feature shift (standard deviations)",
        "value": round(numbers["shift"], 6),
        "facts": facts,
    }


def _tensor(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)


def rows_of_today(rows: Sequence[ledger.Row]) -> Iterator[ledger.Row]:
    """The rows that answer today's questions about today's networks on all scenes, the newest of each."""
    pairs = [(q, n) for q in plan.questions() for n in plan.everyone(load=False) if plan.applies(q, n)]
    known = {plan.definition(question, network, len(EVAL_SEEDS)) for question, network in pairs}
    newest = {row["definition"]: row for row in rows if row.get("definition") in known}
    yield from newest.values()
