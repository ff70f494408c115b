"""Make the README picture: what the method does to a street, and what it does for a network in a light it never saw.

    python docs/make_cover.py docs/figures/cover.png

Everything in it is computed: procedural streets, the shipped stylizer and bank, two shipped networks (seed 0).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from gltr_lib import GlobalTextureRandomization, LocalTextureRandomization, StyleBank, Stylizer, models, streets, viz
from gltr_lib.labels import colourize

SCENE, SIZE = 20_003, (256, 512)


def picture(tensor: torch.Tensor) -> np.ndarray:
    return (tensor[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8)


def answer(name: str, image: np.ndarray) -> np.ndarray:
    """A shipped network's answer, computed at the size it was trained at."""
    small = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        return colourize(models.load_shipped(name)(small).argmax(1)[0].numpy())


def main(out: Path) -> None:
    generator = torch.Generator().manual_seed(4)
    street, labels = streets.render(SCENE, "game", SIZE)
    other, truth = streets.render(SCENE, "sun", (128, 256))
    raw = torch.from_numpy(street.copy()).permute(2, 0, 1)[None].float() / 255
    painted = GlobalTextureRandomization(Stylizer.load("mini"), StyleBank.load("paintings-mini"))(raw, generator)
    mixed, _ = LocalTextureRandomization(sigma=(16.0, 16.0))(raw, painted, generator)
    images = [
        street, picture(painted), picture(mixed), colourize(labels),
        other, colourize(truth), answer("baseline", other), answer("gtr_ltr_cgl", other),
    ]  # fmt: skip
    titles = [
        "the game: what it learns from", "GTR: a new painting each step", "LTR: painted in blobs", "the labels stay",
        "another light, never seen", "what is there", "baseline's answer", "after GTR + LTR + CGL",
    ]  # fmt: skip
    viz.save(viz.grid(images, titles, columns=4), out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
