"""A lesson's figures as one small picture: rows of equal height, as in a photo album, nothing cropped.

From all ways to choose three to five figures in their order and to break them into rows, the one is taken whose sheet
comes closest to 16:9, with figures that are colourful and far apart in the lesson, in rows of like height.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gltr_lib.course import outputs
from sitekit.executed import Executed

SIZE, GAP = (800, 450), 8
WIDTH, HEIGHT = SIZE[0] - 2 * GAP, SIZE[1] - 2 * GAP  # inside the margin
LIMIT = 100_000
PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Tile:
    """One figure: its place in the lesson, its picture without white margins, its words."""

    place: int
    image: Image.Image
    alt: str

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.image.width / self.image.height

    @property
    def colour(self) -> float:
        """How colourful it is: the mean chroma of its pixels, 0 to 1."""
        small = np.asarray(self.image.resize((64, 64)), dtype=np.float32) / 255
        return float((small.max(-1) - small.min(-1)).mean())


def tiles(lesson: Executed) -> list[Tile]:
    """The figures of an executed lesson, in order; each explorer's picture counts too."""
    found = []
    for number, cell in enumerate(lesson.notebook.cells, start=1):
        if cell.cell_type == "code":
            for picture in outputs.pictures(cell.outputs, number):
                if picture.mime != "image/svg+xml":
                    image = trim(Image.open(io.BytesIO(picture.data)).convert("RGB"))
                    found.append(Tile(number, image, picture.alt))
    return found


def trim(image: Image.Image) -> Image.Image:
    """The picture without its white margins."""
    dark = np.asarray(image).min(-1) < 245
    if not dark.any():
        return image
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    return image.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def breaks(count: int) -> Iterator[tuple[int, ...]]:
    """All ways to cut ``count`` things into rows, as row lengths.

    Example:
        >>> sorted(breaks(3))
        [(1, 1, 1), (1, 2), (2, 1), (3,)]
    """
    for cuts in itertools.product((False, True), repeat=count - 1):
        lengths, length = [], 1
        for cut in cuts:
            if cut:
                lengths.append(length)
                length = 0
            length += 1
        yield (*lengths, length)


def row_heights(aspects: Sequence[float], lengths: Sequence[int]) -> list[float]:
    """Height of each row so that its figures fill the width."""
    heights, start = [], 0
    for length in lengths:
        free = WIDTH - GAP * (length - 1)
        heights.append(free / sum(aspects[start : start + length]))
        start += length
    return heights


def choose(found: Sequence[Tile]) -> tuple[list[Tile], tuple[int, ...]]:
    """The figures of the sheet and their rows.

    Raises:
        ValueError: the lesson has no figure.
    """
    if not found:
        raise ValueError("a lesson without figures has no contact sheet")
    best: tuple[float, tuple[int, ...], tuple[int, ...]] | None = None
    colours, aspects = [tile.colour for tile in found], [tile.aspect for tile in found]
    usable = sorted(sorted(range(len(found)), key=lambda i: -colours[i])[:10])
    last = max(len(found) - 1, 1)
    for count in range(min(3, len(usable)), min(5, len(usable)) + 1):
        for chosen in itertools.combinations(usable, count):
            spread = (chosen[-1] - chosen[0]) / last
            colour = sum(colours[i] for i in chosen) / count
            for lengths in breaks(count):
                heights = row_heights([aspects[i] for i in chosen], lengths)
                total = sum(heights) + GAP * (len(heights) - 1)
                misfit = abs(math.log(total / HEIGHT))
                small = max(0.0, 125 - min(heights)) / 125  # a row that low shows nothing
                uneven = math.log(max(heights) / min(heights))
                cost = 6 * misfit + 2 * small + 0.5 * uneven - 3 * colour - 0.5 * spread
                if best is None or cost < best[0]:
                    best = (cost, chosen, lengths)
    assert best is not None
    return [found[i] for i in best[1]], best[2]


def sheet(chosen: Sequence[Tile], lengths: Sequence[int]) -> Image.Image:
    """The contact sheet, 800x450, on white."""
    heights = row_heights([tile.aspect for tile in chosen], lengths)
    total = sum(heights) + GAP * (len(heights) - 1)
    scale = min(1.0, HEIGHT / total)
    page = Image.new("RGB", SIZE, PAPER)
    top = GAP + (HEIGHT - total * scale) / 2
    queue = iter(chosen)
    for height, length in zip(heights, lengths, strict=True):
        left = GAP + (WIDTH - WIDTH * scale) / 2
        for tile in itertools.islice(queue, length):
            size = (max(1, round(tile.aspect * height * scale)), max(1, round(height * scale)))
            page.paste(tile.image.resize(size, Image.Resampling.LANCZOS), (round(left), round(top)))
            left += size[0] + GAP * scale
        top += (height + GAP) * scale
    return page


def encode(page: Image.Image, limit: int = LIMIT) -> bytes:
    """JPEG of less than ``limit`` bytes, as good as that allows.

    Raises:
        ValueError: even the poorest quality is too large.
    """
    for quality in range(88, 30, -4):
        buffer = io.BytesIO()
        page.save(buffer, format="JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() < limit:
            return buffer.getvalue()
    raise ValueError(f"a contact sheet of {page.size} does not fit into {limit} bytes")


def words(title: str, chosen: Sequence[Tile], each: int = 120) -> str:
    """The sheet's alternative text: each figure's own first sentence, cut between words at ``each`` characters."""
    sentences = [re.split(r"(?<=[.!?]) ", " ".join(tile.alt.split()))[0].rstrip(".") for tile in chosen]
    told = [textwrap.shorten(sentence, each, placeholder=" …") for sentence in sentences]
    return f"Figures of the lesson {title}: " + " ".join(
        f"({n}) {text}" + ("" if text.endswith("…") else ".") for n, text in enumerate(told, 1)
    )
