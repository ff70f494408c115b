"""A network that was trained again beside what the ledger has for it: does the study repeat itself?"""

from __future__ import annotations

from torch import nn

from gltr_lib.study import book, data, scenes
from gltr_lib.study.grid import Run
from gltr_lib.study.places import Places
from gltr_lib.study.tiers import PRIOR


def compare(run: Run, model: nn.Module, places: Places) -> str:
    """Score a network on its run's first set, and say it beside the newest row of the ledger.

    Args:
        run: a run that has a row for its first set.
        model: the network, in evaluation mode: images in [0,1] -> logits (B,C,H,W).
        places: the ledger and the working folder.

    Returns:
        One line; both scores in per cent.
    """
    streets = run.score[0]
    images, labels = data.load(streets, run.config.crop, places.cache)
    score = scenes.evaluate_scenes(model, images, labels, batch=16, num_classes=run.config.num_classes)[0].miou()
    definition = run.score_definition(streets)
    rows = [row for row in book.read(places.ledger) if row.get("definition") == definition and row["method"] != PRIOR]
    return f"trained again: {streets.name} {100 * score:.2f}, the ledger has {100 * rows[-1]['value']:.2f}"
