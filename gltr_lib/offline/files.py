"""Writing pictures: whole or not at all, quickly, and swept up after a process that was killed.

PNG stays PNG, so that names stay valid, and is coded the quick way of :mod:`gltr_lib._png`. JPEG and WebP are written
at quality 95, JPEG without subsampling; it is the quickest by far where a little loss is no matter.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gltr_lib import _png
from gltr_lib._drafts import atomic_file
from gltr_lib._typed import describe, strictly_typed

_KINDS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".ppm": "PPM",
    ".pgm": "PPM",
}  # anything else, such as .gif, becomes a PNG under its old name: readers go by content
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


@strictly_typed
def save_picture(path: str | os.PathLike[str], pixels: np.ndarray) -> Path:
    """Write uint8 (H,W,3) in the format of the name, atomically; JPEG and WebP at quality 95, without subsampling."""
    path = Path(path)
    if not path.name or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"save_picture: expected a name and uint8 (H,W,3), received {path} and {describe(pixels)}")
    kind = _KINDS.get(path.suffix.lower(), "PNG")
    # Through memory: Pillow writes JPEG, BMP, TIFF and PPM to a file itself, and a full disk cuts them off in silence.
    if kind == "PNG":
        data = _png.encode(pixels)
    else:
        Image.fromarray(pixels).save(buffer := io.BytesIO(), format=kind, **_OPTIONS.get(kind, {}))
        data = buffer.getvalue()
    with atomic_file(path, swept=True) as draft:  # by the job that fills the folder
        draft.write_bytes(data)
    return path
