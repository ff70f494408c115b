"""Draw an explorer's picture: panels under captions and small charts, with Pillow alone.

Why not matplotlib: a figure costs 50 to 200 ms, which is the whole budget of an explorer's preview. Everything here
takes a few. The canvas has a fixed size, so the page does not jump when the content changes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from gltr_lib.viz import INK, LINE, MUTED, PAPER, as_picture

LIMIT = 150_000  # bytes of an encoded picture
SMALL = 11  # size of numbers along an axis
Box = tuple[float, float, float, float]


@lru_cache(maxsize=8)
def font(size: int) -> Any:
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    try:
        return ImageFont.truetype(str(file), size)
    except OSError:  # Pillow's own font: less pretty, always there
        return ImageFont.load_default(size)


class Canvas:
    """A white sheet of ``width`` x ``height`` pixels to put pictures, captions and charts on."""

    def __init__(self, width: int, height: int) -> None:
        self.sheet = Image.new("RGB", (width, height), PAPER)
        self.draw = ImageDraw.Draw(self.sheet)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 13,
        colour: str = INK,
        anchor: str = "ls",
        room: float = 0.0,
    ) -> None:
        """Write one line; ``anchor`` as in Pillow (default: left end of the base line); ``room``: cut to this width."""
        while room and len(words) > 1 and self.draw.textlength(words, font=font(size)) > room:
            words = words.rstrip("…")[:-1] + "…"
        self.draw.text((x, y), words, fill=colour, font=font(size), anchor=anchor)

    def picture(self, image: Any, box: Box, caption: str = "", *, sharp: bool = False, frame: str = "") -> Box:
        """Fit a picture into (x, y, width, height) without distorting it, its caption above; return where it lies."""
        x, y, wide, high = box
        array = as_picture(image)
        scale = min(wide / array.shape[1], high / array.shape[0])
        size = (max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale)))
        how = Image.Resampling.NEAREST if sharp else Image.Resampling.BICUBIC
        self.sheet.paste(Image.fromarray(array).resize(size, how), (round(x), round(y)))
        if frame:
            self.draw.rectangle((x - 3, y - 3, x + size[0] + 2, y + size[1] + 2), outline=frame, width=2)
        if caption:
            self.text(x, y - 7, caption, room=wide)
        return (round(x), round(y), *size)

    def marks(self, box: Box, series: Sequence[tuple[str, np.ndarray, str, str]], title: str, below: str = "") -> None:
        """Draw one value a channel of each series ``(name, values, colour, shape)``; shape: "bar", "line" or "dot".

        Args:
            box: (x, y, width, height) of the plotting area; numbers of the axis stand inside at its left end.
            title: above it. below: what runs along the axis.
        """
        x, y, wide, high = box
        self.text(x, y - 8, title)
        every = np.concatenate([values for _, values, _, _ in series])
        low, top = min(0.0, float(every.min())), max(1e-6, float(every.max()))
        pad = 0.08 * (top - low)
        low, top = (low - pad if low < 0 else 0.0), top + pad
        left, wide = x + 34, wide - 34

        def level(value: float) -> float:
            return y + high - high * (value - low) / (top - low)

        for tick in _ticks(low, top):
            self.draw.line((left, level(tick), left + wide, level(tick)), fill=MUTED if tick == 0 else LINE)
            self.text(left - 5, level(tick), f"{tick:g}".replace("-", "−"), size=SMALL, colour=MUTED, anchor="rm")
        step = wide / len(series[0][1])
        for _, values, colour, shape in series:
            for i, value in enumerate(values.tolist()):
                a, v = left + i * step, level(value)
                if shape == "bar":
                    one, other = sorted((v, level(0)))
                    self.draw.rectangle((a + step * 0.12, one, a + step * 0.88, other), fill=colour)
                elif shape == "line":
                    self.draw.line((a + step * 0.02, v, a + step * 0.98, v), fill=colour, width=3)
                else:
                    r = min(step * 0.26, 4.5)
                    self.draw.ellipse((a + step / 2 - r, v - r, a + step / 2 + r, v + r), fill=colour, outline=PAPER)
        if below:
            self.text(left + wide, y + high + 14, below, size=SMALL, colour=MUTED, anchor="rs")

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str, str]]) -> None:
        """Draw ``(name, colour, shape)`` in one line from x on."""
        for name, colour, shape in entries:
            if shape == "bar":
                self.draw.rectangle((x, y - 9, x + 12, y), fill=colour)
            elif shape == "line":
                self.draw.line((x, y - 4, x + 13, y - 4), fill=colour, width=3)
            else:
                self.draw.ellipse((x + 2, y - 9, x + 11, y), fill=colour)
            self.text(x + 18, y, name, size=12, colour=MUTED)
            x += 18 + self.draw.textlength(name, font=font(12)) + 18

    def array(self) -> np.ndarray:
        """Return the sheet as uint8 (H, W, 3)."""
        return np.asarray(self.sheet).copy()


def _ticks(low: float, top: float) -> list[float]:
    """Round numbers for an axis: 0 and one or two more, as many as there is room for."""
    size = max(abs(low), abs(top))
    unit = 10.0 ** np.floor(np.log10(size))
    step = next(s * unit for s in (0.2, 0.5, 1.0, 2.0, 5.0) if size / (s * unit) <= 3)
    first, last = int(np.ceil(low / step)), int(np.floor(top / step))
    return [float(f"{i * step:.6g}") for i in range(first, last + 1)]


def encode(array: np.ndarray, limit: int = LIMIT, *, quick: bool = False, best: int = 88) -> tuple[bytes, str]:
    """Encode a picture for a widget: (bytes, format), WebP (or JPEG) of at most ``limit`` bytes.

    Args:
        array: uint8 (H, W, 3).
        limit: bytes; the quality goes down, then the size, until the picture fits.
        quick: JPEG, whose colours are coarser and which takes a tenth of the time: for drafts.
        best: quality to begin with, 1 to 100.

    Example:
        >>> data, kind = encode(np.zeros((4, 4, 3), np.uint8))
        >>> len(data) < 1000
        True
    """
    kind = "webp" if features.check("webp") and not quick else "jpeg"
    picture = Image.fromarray(array)
    for quality in (q for q in (best, 78, 66, 50, 30, 10) if q <= best):
        data = _bytes(picture, kind, quality)
        if len(data) <= limit:
            return data, kind
    smaller = picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)), Image.Resampling.BOX)
    return encode(np.asarray(smaller), limit, quick=quick, best=best)


def _bytes(picture: Image.Image, kind: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    if kind == "webp":
        picture.save(buffer, format="WEBP", quality=quality, method=2)
    else:
        picture.save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()
