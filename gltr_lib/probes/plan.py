"""What the probes measure: a list of questions, each put to each network once.

A question has a *definition*, a hash of everything that decides its answer: the question itself, the scenes, the
renderer's source, the network's weights and this file's version. A ledger's row carries it; a row that exists is not
measured again, and a row of another definition is counted in no table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._json import digest
from gltr_lib.datasets import EVAL_SEEDS, TRAIN_SEEDS, rendered
from gltr_lib.datasets.looks import TEST_LOOKS, sampled_looks
from gltr_lib.evaluate import layout_prior
from gltr_lib.labels import NUM_CLASSES
from gltr_lib.models import SHIPPED, load_shipped
from gltr_lib.probes.conflict import ARRANGEMENTS, SURFACES, Swap
from gltr_lib.probes.corruptions import KINDS, SEVERITIES
from gltr_lib.study.grid import asset_digest, train_streets
from gltr_lib.study.tiers import PRIOR

# Raise this when what an answer means changes.
VERSION = 1
SIZE = (128, 256)
PAIRS = (("road", "building"), ("sidewalk", "terrain"), ("vegetation", "building"), ("car", "vegetation"))
#: Every pair in both directions: (shape, texture).
SWAPS = tuple(swap for a, b in PAIRS for swap in ((a, b), (b, a)))
LAYERS = ("stem", "stage4", "stage8", "aspp", "decode2")
#: Looks whose features are compared with the game's; the first has other scenes and no shift: it is the zero.
LOOKS = ("game, other scenes", "geometry", "colour", "overcast", "sun", TEST_LOOKS, "painted")


@dataclass(frozen=True)
class Question:
    """One thing to measure.

    Attributes:
        kind: "conflict", "arranged", "features" or "corruption".
        about: what of it, JSON.
    """

    kind: str
    about: tuple[tuple[str, Any], ...]

    @property
    def options(self) -> dict[str, Any]:
        """``about`` as a dictionary."""
        return dict(self.about)

    @property
    def data(self) -> str:
        """The ledger's ``data``: the pictures in words."""
        o = self.options
        if self.kind == "conflict":
            worn = {
                "material": "material",
                "colour": "flat colour",
                "surface": "material, details kept",
                "pattern": "pattern, own colour",
            }[o["mode"]]
            return f"streets/game, {o['shape']} in {o['texture']} {worn}, {o['arrangement']}"
        if self.kind == "arranged":
            return f"streets/game, {o['arrangement']}"
        if self.kind == "features":
            return f"streets/{o['look']}"
        return f"streets/game, {o['corruption']} {o['severity']}" if o["severity"] else "streets/game, clean"


@dataclass(frozen=True)
class Network:
    """A network with the names that its rows carry."""

    name: str
    run: str
    weights: str
    seed: int = 0
    model: nn.Module | None = field(default=None, compare=False)


def shipped(*, load: bool = True) -> tuple[Network, ...]:
    """The four networks of the walk, one seed each; without ``load`` their names alone."""
    from gltr_lib.weights import registry

    table = registry()
    return tuple(
        Network(
            name,
            str(table[f"mini-{name}"]["ledger_id"]),
            asset_digest(f"mini-{name}")[:12],
            model=load_shipped(name) if load else None,
        )
        for name in SHIPPED
    )


class Prior(nn.Module):
    """Answers with the most frequent class of each place and never looks: it knows place, and no shape.

    Args:
        classes: int64 (H,W), the class of each pixel.
    """

    def __init__(self, classes: Tensor) -> None:
        super().__init__()
        self.logits = F.one_hot(classes, NUM_CLASSES).permute(2, 0, 1).float()

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1, -1, -1)


def prior(*, load: bool = True, cache: str | None = None) -> Network:
    """The layout prior of the study's training labels, as a network that is asked about places alone.

    Without ``load`` its name alone. The training streets are read from the study's cache, or rendered into it.
    """
    weights = digest([TRAIN_SEEDS[0], len(TRAIN_SEEDS), list(SIZE), rendered.world_digest()])
    model = Prior(layout_prior(rendered.load(train_streets("game"), SIZE, cache)[1])) if load else None
    return Network(PRIOR, "the training labels", weights, model=model)


def everyone(*, load: bool = True) -> tuple[Network, ...]:
    """Whom the probes ask: the shipped networks, and the layout prior to compare them with."""
    return (*shipped(load=load), prior(load=load))


def applies(question: Question, network: Network) -> bool:
    """Whether a question makes sense: the layout prior sees no material, has no features and fears no noise.

    Example:
        >>> asked = questions()
        >>> sum(applies(question, prior(load=False)) for question in asked) < len(asked)
        True
    """
    o = question.options
    swap = question.kind == "conflict" and o["mode"] == "material" and o["shape"] != o["texture"]
    return network.name != PRIOR or question.kind == "arranged" or swap


def _question(kind: str, **about: Any) -> Question:
    return Question(kind, tuple(about.items()))


def questions() -> tuple[Question, ...]:
    """All questions, those of the same pictures one after the other.

    Example:
        >>> sorted({question.kind for question in questions()})
        ['arranged', 'conflict', 'corruption', 'features']
    """
    found = [_question("arranged", arrangement=how) for how in ARRANGEMENTS]
    for shape, texture in SWAPS:
        for mode, hows in (
            ("material", ARRANGEMENTS),
            ("colour", ("upright", "upside down")),
            ("surface", ("upright",)),
            ("pattern", ("upright",)),
        ):
            found += [_question("conflict", shape=shape, texture=texture, mode=mode, arrangement=how) for how in hows]
    for name in SURFACES:  # the control: a class in its own material, and in its own flat colour
        for mode in ("material", "colour", "pattern"):
            found.append(_question("conflict", shape=name, texture=name, mode=mode, arrangement="upright"))
    found.append(_question("corruption", corruption="none", severity=0))
    found += [_question("corruption", corruption=kind, severity=s) for kind in KINDS for s in SEVERITIES]
    found += [_question("features", look=look, layer=layer) for look in LOOKS for layer in LAYERS]
    return tuple(found)


def definition(question: Question, network: Network, scenes: int) -> str:
    """Twelve digits that change when the answer might."""
    return digest([
        VERSION, question.kind, question.options, [EVAL_SEEDS[0], scenes], list(SIZE), rendered.world_digest(),
        network.weights,
        [asset_digest("mini"), asset_digest("paintings-mini")] if question.options.get("look") == "painted" else [],
    ])  # fmt: skip


def swap_of(question: Question) -> Swap:
    """The swap that a question of kind "conflict" is about."""
    o = question.options
    return Swap(o["shape"], o["texture"], o["mode"])


def look_parts(look: str, scenes: int) -> Sequence[tuple[str, tuple[int, ...]]]:
    """The looks and scenes behind a name of ``LOOKS`` (and behind "game", which they are compared with).

    The game, overcast, sun and colour share their scenes, hence their labels. Test looks share their number of scenes.

    Raises:
        ValueError: fewer than two scenes.
    """
    if scenes < 2:
        raise ValueError(f"scenes: expected at least 2, received {scenes}")
    seeds = tuple(EVAL_SEEDS)[:scenes]
    here, others = seeds[0::2], seeds[1::2]
    if look == "game, other scenes":
        return (("game", others),)
    if look == TEST_LOOKS:
        names = sampled_looks(look)
        return tuple((name, others[i :: len(names)]) for i, name in enumerate(names) if others[i :: len(names)])
    return (("game" if look == "painted" else look, here),)
