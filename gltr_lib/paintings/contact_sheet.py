"""A wall of paintings in one picture: ``python -m gltr_lib.paintings.contact_sheet --help``.

Paintings are judged by looking at many at once: one row a kind shows whether a kind varies, a mixed sheet whether the
kinds differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gltr_lib._drafts import atomic_file
from gltr_lib.paintings import KINDS, paint

GAP = 4


def contact_sheet(
    seeds: Sequence[int], kinds: Sequence[str] | None = None, columns: int = 8, side: int = 128, paint_size: int = 256
) -> np.ndarray:
    """Tile paintings on white.

    Args:
        seeds: one painting each (kinds=None), or the columns of every row.
        kinds: one row a kind, or None for each seed's own kind.
        columns: pictures a row (only used where kinds is None).
        side: size of a picture on the sheet, in pixels.
        paint_size: size at which a picture is painted before it is shrunk to `side`.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: no seeds.

    Example:
        >>> contact_sheet([0, 1, 2], columns=2, side=16, paint_size=64).shape
        (44, 44, 3)
    """
    if not seeds:
        raise ValueError("seeds is empty; pass at least one")
    jobs: list[tuple[int, str | None]]
    if kinds is None:
        jobs = [(seed, None) for seed in seeds]
    else:
        jobs, columns = [(seed, kind) for kind in kinds for seed in seeds], len(seeds)
    rows = -(-len(jobs) // columns)
    step = side + GAP
    sheet = np.full((rows * step + GAP, columns * step + GAP, 3), 255, np.uint8)
    for index, (seed, kind) in enumerate(jobs):
        picture = Image.fromarray(paint(seed, kind, paint_size)).resize((side, side), Image.Resampling.BOX)
        top, left = GAP + index // columns * step, GAP + index % columns * step
        sheet[top : top + side, left : left + side] = np.asarray(picture)
    return sheet


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a contact sheet to a file; see --help."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.paintings.contact_sheet", description=__doc__)
    parser.add_argument("out", type=Path, help="file to write; .jpg is smaller, .png is exact")
    parser.add_argument(
        "--kinds", nargs="*", choices=KINDS, metavar="KIND", help="one row a kind; no name means all kinds"
    )
    parser.add_argument("--first", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--count", type=int, default=44, help="number of seeds (default 44)")
    parser.add_argument("--columns", type=int, default=8, help="pictures a row, where --kinds is not given (default 8)")
    parser.add_argument("--side", type=int, default=128, help="size of a picture on the sheet (default 128)")
    parser.add_argument("--paint-size", type=int, default=256, help="size at which it is painted (default 256)")
    parser.add_argument("--colours", type=int, default=0, help="reduce a PNG to so many colours (2-256) to save bytes")
    options = parser.parse_args(arguments)
    form = Image.registered_extensions().get(options.out.suffix.lower())
    if form is None:
        parser.error(f"out: expected a picture's ending such as .png or .jpg, received {str(options.out)!r}")
    kinds = None if options.kinds is None else options.kinds or KINDS
    seeds = range(options.first, options.first + options.count)
    image = Image.fromarray(contact_sheet(seeds, kinds, options.columns, options.side, options.paint_size))
    if options.colours:
        image = image.quantize(options.colours, dither=Image.Dither.FLOYDSTEINBERG)
    with atomic_file(options.out) as draft:
        image.save(draft, form, optimize=True)
    print(f"{options.out}: {image.width}x{image.height}, {options.out.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
