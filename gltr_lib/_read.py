"""How a file becomes an array: pictures as RGB, label maps as trainIds; damaged files are refused by name.

Files are read as a photographer or a scanner left them: grayscale, palette, transparency, CMYK, 16 bit, turned by
EXIF. What cannot be read is refused by name, never skipped. ``gltr_lib.datasets`` offers both functions publicly.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gltr_lib._typed import describe, typed
from gltr_lib.labels import IGNORE, lookup_table, map_ids

#: Largest picture that is decoded, in pixels; a small file can claim to be enormous.
MAX_PIXELS = 100_000_000
_REFUSED = 254
_HEADERS = threading.Lock()  # warnings' filters are those of all threads: two that change them at once leave a mess
_ORIENTATION = 0x0112  # EXIF: 5 to 8 swap width and height
PathLike = str | os.PathLike[str]


@typed
def read_image(path: PathLike, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture of any common kind as RGB.

    Grayscale, palette, transparency (laid on white), CMYK, 16 bit and EXIF orientation are taken care of; of an
    animation the first frame is read.

    Args:
        path: file to read.
        max_pixels: more than this is refused before anything is decoded.

    Returns:
        uint8 array (H, W, 3), RGB.

    Raises:
        ValueError: missing, empty, truncated, not an image, or too large; the file is named.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (5, 3), 128).save(Path(folder) / "gray.png")
        ...     read_image(Path(folder) / "gray.png").shape
        (3, 5, 3)
    """
    picture = _open(path, max_pixels)
    try:
        picture = ImageOps.exif_transpose(picture)
    except Exception as error:
        raise ValueError(f"{shown(path)}: damaged EXIF data ({_words(error)}); save the picture without it") from None
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return np.repeat(_wide_to_uint8(np.asarray(picture), path)[..., None], 3, axis=2)
    try:
        if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, (255, 255, 255, 255)), picture)
        return np.array(picture.convert("RGB"))
    except Exception as error:  # a palette or a transparency that does not fit its picture
        raise ValueError(f"{shown(path)}: a {mode} picture that is not RGB ({_words(error)}); save it anew") from None


def read_shrunk(path: PathLike, longest: int) -> np.ndarray:
    """Read a picture as :func:`read_image` does, and shrink it so that its longer side has at most so many pixels.

    Args:
        path: file to read.
        longest: pixels; a smaller picture stays as it is.

    Returns:
        uint8 array (H, W, 3), RGB.

    Raises:
        ValueError: as :func:`read_image`.
    """
    picture = Image.fromarray(read_image(path))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.array(picture)


@typed
def read_label(
    path: PathLike, lut: np.ndarray | Mapping[int, int] | None = None, *, num_classes: int = 19
) -> np.ndarray:
    """Read a label map and translate its ids to trainIds.

    Args:
        path: a one-channel picture of ids (a palette is only decoration: its indices are the ids).
        lut: None if the file holds trainIds; a mapping id -> trainId, in which every id that occurs must stand; or a
            uint8 table of 256 entries, such as ``labels.LABEL_ID_TO_TRAIN_ID``, in which 255 means ignore.
        num_classes: number of trainIds; larger ids than this, except 255, are errors.

    Returns:
        uint8 array (H, W) of trainIds; 255 = ignore.

    Raises:
        ValueError: unreadable, a colour picture, or ids outside the table (they are listed); the file is named.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (5, 3), 7).save(Path(folder) / "road.png")
        ...     int(read_label(Path(folder) / "road.png", {7: 0}).max())
        0
    """
    known: Collection[int]
    if not 1 <= num_classes <= 255:
        raise ValueError(f"num_classes: expected 1 to 255, received {num_classes}")
    if isinstance(lut, np.ndarray) and (lut.shape != (256,) or lut.dtype != np.uint8):
        raise ValueError(f"lut: expected a uint8 table (256,) or a mapping, received {describe(lut)}")
    if lut is None:
        known, table = [*range(num_classes), IGNORE], np.arange(256, dtype=np.uint8)
    elif isinstance(lut, Mapping):
        known, table = sorted(lut), lookup_table(lut)
    else:
        known, table = range(256), np.asarray(lut)
    ids = read_ids(path)
    try:
        return translate(ids, table, known, num_classes=num_classes, source=path)
    except ValueError as error:
        if lut is not None or not np.isin(ids, (*range(35), IGNORE)).all():
            raise
        hint = "if these are Cityscapes' labelIds, map them first (gltr_lib.labels.LABEL_ID_TO_TRAIN_ID)"
        raise ValueError(f"{error}; {hint}") from None


def read_ids(path: PathLike) -> np.ndarray:
    """Read a label map as it is in the file.

    Args:
        path: a one-channel picture of ids (a palette is only decoration: its indices are the ids).

    Returns:
        uint8 array (H, W).

    Raises:
        ValueError: unreadable, a colour picture, or ids beyond 255; the file is named.
    """
    picture = _open(path, MAX_PIXELS)
    if picture.mode == "1":
        picture = picture.convert("L").point(lambda value: value // 255)
    if picture.mode not in ("L", "P") and not picture.mode.startswith("I"):
        raise ValueError(
            f"{shown(path)}: expected a label map with one channel of ids, found a {picture.mode} picture; if it is "
            f"colour-coded, save the ids of its classes as an 8-bit grayscale PNG first"
        )
    ids = np.array(picture)
    if ids.dtype != np.uint8:
        if ids.min() < 0 or ids.max() > 255:
            raise ValueError(
                f"{shown(path)}: expected label ids in 0..255, found ids up to {ids.max()} (16-bit instance ids?)"
            )
        ids = ids.astype(np.uint8)
    return ids


def translate(
    ids: np.ndarray, table: np.ndarray, known: Collection[int], *, num_classes: int, source: PathLike
) -> np.ndarray:
    """Map ids to trainIds in one pass, and refuse those that nobody knows.

    Args:
        ids: uint8 array (H, W).
        table: uint8 array (256,); 255 = ignore.
        known: ids that may occur.
        num_classes: number of trainIds; a larger one after the table is an error.
        source: the file, for the message.

    Returns:
        uint8 array (H, W) of trainIds; 255 = ignore.

    Raises:
        ValueError: ids outside ``known``, or beyond the classes after the table (they are listed).
    """
    guarded = guard(table, known, num_classes)
    labels = map_ids(ids, guarded)
    if not (labels == _REFUSED).any():
        return labels
    try:
        labels = map_ids(ids, table, known=np.array(sorted(known)))
    except ValueError as error:
        raise ValueError(f"{shown(source)}: {error}") from None
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    beyond = present[(present >= num_classes) & (present != IGNORE)]
    if beyond.size:
        raise ValueError(
            f"{shown(source)}: expected trainIds 0..{num_classes - 1} or {IGNORE} after the table, "
            f"found {beyond.tolist()}"
        )
    return labels


def guard(table: np.ndarray, known: Collection[int], num_classes: int) -> np.ndarray:
    """A copy of a table in which every id that must not occur becomes 254, so that checking is one comparison."""
    guarded = np.array(table)
    guarded[(guarded >= num_classes) & (guarded != IGNORE)] = _REFUSED
    guarded[np.setdiff1d(np.arange(len(guarded)), np.array(list(known), dtype=int))] = _REFUSED
    return guarded


@typed
def picture_size(path: PathLike) -> tuple[int, int]:
    """(height, width) of a picture as :func:`read_image` gives it, from its first bytes: nothing is decoded.

    Raises:
        ValueError: missing, empty or not an image; the file is named.
    """
    try:
        with Image.open(path) as picture:
            # Of a PNG, Pillow would have to decode the whole picture to find its orientation, which no camera sets.
            turned = picture.format in ("JPEG", "MPO") and picture.getexif().get(_ORIENTATION, 1) >= 5
            return (picture.width, picture.height) if turned else (picture.height, picture.width)
    except Exception as error:
        _open(path, MAX_PIXELS)  # says in one sentence what is wrong
        raise ValueError(f"{shown(path)}: damaged picture ({_words(error)}); copy or download it again") from None


def shown(path: PathLike) -> str:
    """A file's name as text that any message, terminal and JSON reader takes: what is not printable is escaped.

    Example:
        >>> shown("van gogh/iris\\n1.jpg")
        'van gogh/iris\\\\n1.jpg'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode("ascii")
        for letter in os.fspath(path)
    )


def no_folder(path: PathLike) -> str:
    """What is wrong with a path that should be a folder: nothing is there, or a file is."""
    return "is a file, not a folder" if Path(path).exists() else "no such folder"


def _open(path: PathLike, max_pixels: int) -> Image.Image:
    """Open and decode a picture, or raise a ValueError that names the file."""
    path = Path(path)
    name = shown(path)
    if not path.is_file():
        what = "no such file" if not path.exists() else "no file of its own (a folder, a pipe or a device)"
        raise ValueError(f"{name}: {what}" + ("; its link leads nowhere" if path.is_symlink() else ""))
    if path.stat().st_size == 0:
        raise ValueError(f"{name}: the file is empty (0 bytes); copy or download it again")
    try:
        with _HEADERS, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged below
            picture = Image.open(path)
        width, height = picture.size
        if width * height > max_pixels:
            raise Image.DecompressionBombError(f"{width}x{height}")
        picture.load()
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name}: the picture claims to be too large ({error}); at most {max_pixels:,} pixels are read, "
            f"so scale it down first"
        ) from None
    except UnidentifiedImageError:
        raise ValueError(f"{name}: not an image that Pillow can read; copy or download it again") from None
    except PermissionError:
        raise ValueError(f"{name}: may not be read by you; change its permissions") from None
    except Exception as error:  # on damaged files Pillow's readers raise nearly anything
        raise ValueError(f"{name}: damaged or truncated image ({_words(error)}); copy or download it again") from None
    return picture


def _words(error: BaseException) -> str:
    """What an error of somebody else's says, on one line."""
    if not isinstance(error, OSError | SyntaxError | ValueError | EOFError):  # a decoder's stumbling says nothing
        return type(error).__name__
    return " ".join(str(error).split())[:200] or type(error).__name__


def _wide_to_uint8(values: np.ndarray, path: PathLike) -> np.ndarray:
    """Bring 16-bit and float grayscale to 8 bits."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
            raise ValueError(
                f"{shown(path)}: expected float pixels in [0,1] or [0,255], found {values.min()}..{values.max()}"
            )
        return np.round(values * (255.0 if values.max() <= 1 else 1.0)).astype(np.uint8)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"{shown(path)}: expected at most 16 bits a pixel, found values {values.min()}..{values.max()}"
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
