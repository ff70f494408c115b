"""SYNTHIA's label files: PNGs of three 16-bit channels (red = class, green = instance), of which we want the red one.

Pillow opens such a file without a word and keeps the *high* byte of each value, which is zero for every class. OpenCV
reads it rightly, but is 70 MB for one file format. This is the third way, at the speed of C and without a dependency:
the five filters of PNG work on each byte lane for itself, whatever the number of channels. So the lane of red's low
bytes, cut out of the inflated stream together with the filter numbers, *is* the stream of an 8-bit grayscale PNG of the
same size, and Pillow reverses its filters.

Source: PNG specification, third edition (W3C 2025), sections 5 (chunks) and 9 (filtering).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from gltr_lib._png import GRAY, SIGNATURE, frame
from gltr_lib._read import MAX_PIXELS, shown

_SAMPLE = 6  # bytes of a pixel: three channels of two bytes, the high one first


def read_red16(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the red channel of a PNG with three 16-bit channels.

    Args:
        path: the file.

    Returns:
        uint16 array (H, W).

    Raises:
        ValueError: missing, damaged, too large, or a picture of another kind; the file is named.
    """
    path = Path(path)
    width, height, packed = _chunks(path)
    line = 1 + _SAMPLE * width
    try:
        inflate = zlib.decompressobj()
        raw = inflate.decompress(packed, height * line + 1)  # one byte more than there may be: no bomb goes off
        complete = inflate.eof and len(raw) == height * line
    except zlib.error as error:
        raise ValueError(f"{shown(path)}: damaged PNG ({error}); unpack or download it again") from None
    if not complete:
        raise ValueError(
            f"{shown(path)}: damaged PNG ({len(raw):,} bytes of pixels where {width}x{height} needs "
            f"{height * line:,}); unpack or download it again"
        )
    lines = np.frombuffer(raw, np.uint8).reshape(height, line)
    if lines[:, 0].max() > 4:
        raise ValueError(f"{shown(path)}: damaged PNG (row filter {lines[:, 0].max()}); unpack or download it again")
    low = _lane(lines, 2)
    high = lines[:, 1::_SAMPLE]
    # A lane of zeros is zeros again after every filter, and red's high bytes are nothing else in a map of classes.
    return low.astype(np.uint16) if not high.any() else low + (_lane(lines, 1).astype(np.uint16) << 8)


def _chunks(path: Path) -> tuple[int, int, bytes]:
    """Width, height and the compressed pixels of the file, its chunks checked."""
    if not path.is_file():
        raise ValueError(f"{shown(path)}: no such file")
    data = memoryview(path.read_bytes())
    if bytes(data[:8]) != SIGNATURE:
        raise ValueError(f"{shown(path)}: expected a PNG, found {'an empty file' if not data else 'something else'}")
    width = height = 0
    pixels, place, ended = [], 8, False
    while not ended:
        if place + 12 > len(data):
            raise ValueError(
                f"{shown(path)}: damaged PNG (it ends after {len(data):,} bytes); unpack or download it again"
            )
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        body, check = data[place + 8 : place + 8 + size], data[place + 8 + size : place + 12 + size]
        if len(check) < 4 or zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(check, "big"):
            raise ValueError(f"{shown(path)}: damaged PNG (checksum at byte {place:,}); unpack or download it again")
        if kind == b"IHDR":
            width, height = _header(bytes(body), path)
        elif kind == b"IDAT":
            pixels.append(body)
        ended = kind == b"IEND"
        place += 12 + size
    if not width or not height or not pixels:
        what = "no pixels" if width and height else f"of {width}x{height} pixels" if width or height else "no header"
        raise ValueError(f"{shown(path)}: damaged PNG ({what}); unpack or download it again")
    return width, height, b"".join(pixels)


def _header(body: bytes, path: Path) -> tuple[int, int]:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body.ljust(13, b"\0")[:13])
    if (depth, colour) != (16, 2):
        kind = {0: "grayscale", 2: "RGB", 3: "palette", 4: "grayscale and alpha", 6: "RGBA"}.get(colour, "unknown")
        raise ValueError(
            f"{shown(path)}: expected three 16-bit channels (class, instance), found {depth}-bit {kind}; a program "
            f"that opened and saved it has lost the classes, so unpack the original again"
        )
    if interlaced:
        raise ValueError(f"{shown(path)}: interlaced PNGs are not read here; save it without interlacing, at 16 bits")
    if width * height > MAX_PIXELS:
        raise ValueError(f"{shown(path)}: claims {width}x{height} pixels; at most {MAX_PIXELS:,} are read")
    return width, height


def _lane(lines: np.ndarray, first: int) -> np.ndarray:
    """Undo the filters of one byte lane: wrapped as an 8-bit grayscale PNG, it is Pillow's work."""
    height, width = lines.shape[0], (lines.shape[1] - 1) // _SAMPLE
    stream = np.empty((height, 1 + width), np.uint8)
    stream[:, 0], stream[:, 1:] = lines[:, 0], lines[:, first::_SAMPLE]
    return np.array(Image.open(io.BytesIO(frame(width, height, GRAY, zlib.compress(stream.tobytes(), 0)))))
