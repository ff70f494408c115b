"""The learner's own picture: from the bytes of a file to a small RGB array; bounded, and refused by name.

A picture from outside is the one input of an explorer that we did not make. It may be a photograph of 12 million
pixels, a scan in CMYK, lie on its side, end in the middle, or be a small file that claims to be enormous. Here it
becomes uint8 (H, W, 3) of at most ``MAX_SIDE`` pixels a side, or a ValueError of one sentence that names the file.
How pictures are read is :func:`gltr_lib.datasets.read_image`'s affair: the same rules hold for training data.

The limit of bytes has a reason of its own: JupyterLab's server closes the connection at a message of 10 MiB, and
then no sentence of ours reaches the page. So the button says the limit, and it is below that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

from gltr_lib._read import read_image
from gltr_lib._validate import describe

MAX_BYTES = 8_000_000  # of a file
MAX_PIXELS = 50_000_000  # of the picture in it, refused before anything is decoded
MAX_SIDE = 512  # of the array that an explorer works with


@dataclass(frozen=True)
class Upload:
    """A picture that arrived: its file's ``name``, the ``picture`` uint8 (H, W, 3), and its ``original`` (H, W)."""

    name: str
    picture: np.ndarray
    original: tuple[int, int]

    @property
    def words(self) -> str:
        """One sentence for the status line."""
        (high, wide), (h, w) = self.original, self.picture.shape[:2]
        made = f", made smaller to {w} x {h} for this explorer" if (high, wide) != (h, w) else ""
        return f"{self.name}: {wide} x {high} pixels{made}."


def decode(
    data: bytes | bytearray | memoryview,
    name: str = "your picture",
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
) -> Upload:
    """Turn the bytes of a picture's file into a small RGB array.

    Args:
        data: the file: JPEG, PNG, WebP, TIFF, GIF or BMP; grey, palette, transparent, CMYK, 16 bit, turned by EXIF.
        name: what the file is called, for messages.
        max_bytes: larger files are refused. max_pixels: so are pictures that claim more.
        max_side: the longer side of the result; smaller pictures are left alone.

    Returns:
        Upload with uint8 (H, W, 3), RGB, upright, in the proportions of the original.

    Raises:
        TypeError: not bytes. ValueError: empty, too large, truncated, no picture; the file is named.

    Example:
        >>> import io
        >>> file = io.BytesIO(); Image.new("CMYK", (600, 300)).save(file, "JPEG")
        >>> decode(file.getvalue(), "scan.jpg", max_side=100).picture.shape
        (50, 100, 3)
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"{name}: expected the bytes of a picture's file, received {describe(data)}")
    size = memoryview(data).nbytes
    name = _plain_name(name)
    if size == 0:
        raise ValueError(f"{name}: the file is empty (0 bytes); choose another one")
    if size > max_bytes:
        raise ValueError(
            f"{name}: expected a file of at most {max_bytes / 1e6:.0f} MB, received {size / 1e6:.1f} MB;"
            " scale the picture down first"
        )
    # One reader for all pictures of this library; it wants a path, which the messages then call by the file's name.
    with tempfile.TemporaryDirectory(prefix="gltr-upload-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(data)
        try:
            picture = read_image(path, max_pixels=max_pixels)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name)) from None
    return Upload(name, shrink(picture, max_side), picture.shape[:2])


def from_file(path: str | Path, **limits: int) -> np.ndarray:
    """Read a picture's file exactly as an upload of it would be read; "copy as code" uses this.

    Args:
        path: the file, by its name or by the plain one that the lists and the copied code call it: without quotes,
            and of a long name its end. limits: as in :func:`decode`.

    Returns:
        uint8 array (H, W, 3).

    Raises:
        ValueError: no such file, or what :func:`decode` refuses.
    """
    path = Path(path)
    if not path.is_file() and path.parent.is_dir():
        kin = [file for file in path.parent.iterdir() if _plain_name(file.name) == path.name and file.is_file()]
        path = kin[0] if len(kin) == 1 else path
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a picture that you uploaded before")
    limit = limits.get("max_bytes", MAX_BYTES)
    with path.open("rb") as file:
        data = file.read(limit + 1)  # one byte more is enough to be refused
    return decode(data, path.name, **limits).picture


def newest(value: Any) -> Upload | None:
    """Decode the newest file of a ``widgets.FileUpload``'s value; None where there is none.

    Args:
        value: ``FileUpload.value``: a tuple of mappings with "name" and "content".

    Raises:
        ValueError: what :func:`decode` refuses. TypeError: no such value.
    """
    if not isinstance(value, Iterable) or not all(isinstance(item, Mapping) and "content" in item for item in value):
        raise TypeError(f"upload: expected the value of a FileUpload of ipywidgets 8, received {describe(value)}")
    files = list(value)
    return decode(files[-1]["content"], files[-1].get("name") or "your picture") if files else None


def button() -> Any:
    """A button that takes one picture from the learner's disk; it never leaves the computer that runs the kernel."""
    import ipywidgets as widgets

    return widgets.FileUpload(
        accept="image/*", multiple=False, description="Your picture",
        tooltip=f"Your picture: a JPEG, PNG or WebP of at most {MAX_BYTES / 1e6:.0f} MB",
        layout=widgets.Layout(width="220px"),
    )  # fmt: skip


def shrink(picture: np.ndarray, max_side: int) -> np.ndarray:
    """Bring the longer side to at most ``max_side``, averaging pixels; smaller pictures are returned as they are.

    Example:
        >>> shrink(np.zeros((30, 90, 3), np.uint8), 45).shape
        (15, 45, 3)
    """
    high, wide = picture.shape[:2]
    scale = max_side / max(high, wide)
    if scale >= 1:
        return picture
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)).copy()


def _plain_name(name: str) -> str:
    """The last part of a path, printable and short: it goes into a page and into a line of code."""
    last = PurePath(str(name).replace("\\", "/")).name
    kept = "".join(c for c in last if c.isprintable() and c not in "\"'<>&`")
    return kept[-60:].strip() or "your picture"
