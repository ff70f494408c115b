"""Contact sheets of the street world: ``python -m gltr_lib.streets.contact_sheet docs/figures``.

A look is judged by eye, so its pictures are made by one command. Sheets are PNG under 400 KB each; where full
colour would be larger, with 256 colours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gltr_lib.streets import render

GAP = 4
LIMIT = 400_000  # bytes a sheet


def sheet(cells: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Lay pictures of one size on a white sheet.

    Args:
        cells: uint8 (H, W, 3) each.
        columns: pictures a row.

    Returns:
        uint8 (rows, columns, 3) sheet.

    Example:
        >>> sheet([np.zeros((2, 3, 3), np.uint8)] * 4, 2).shape
        (16, 18, 3)
    """
    h, w, _ = cells[0].shape
    rows = -(-len(cells) // columns)
    page = np.full((rows * (h + GAP) + GAP, columns * (w + GAP) + GAP, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        y, x = GAP + (i // columns) * (h + GAP), GAP + (i % columns) * (w + GAP)
        page[y : y + h, x : x + w] = cell
    return page


def save(picture: np.ndarray, path: Path) -> None:
    """Write a PNG: in full colour if that stays small, else with a palette of 256 colours."""
    image = Image.fromarray(picture)
    image.save(path, optimize=True)
    if path.stat().st_size >= LIMIT:
        image.quantize(256, kmeans=2, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main(folder: str) -> None:
    """Write every sheet into a folder."""
    from gltr_lib.labels import colourize  # here, so that the streets need no torch

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    seeds = (13, 24, 25, 5, 1, 22)
    for look in ("game", "overcast", "sun", "geometry", "colour"):
        save(sheet([render(seed, look, (160, 320))[0] for seed in seeds], 3), out / f"streets_{look}.png")
    save(sheet([render(100 + k, f"sampled:{k}", (128, 256))[0] for k in range(16)], 4), out / "streets_sampled.png")
    rows = []
    for seed in (1, 22):
        rows += [render(seed, look, (128, 256))[0] for look in ("game", "overcast", "sun")]
        rows.append(colourize(render(seed, "game", (128, 256))[1]))
    save(sheet(rows, 4), out / "streets_looks_and_labels.png")
    save(render(25, "game", (360, 720))[0], out / "streets_cover.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m gltr_lib.streets.contact_sheet FOLDER")
    main(sys.argv[1])
