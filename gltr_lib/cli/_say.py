"""What every command says in the same way: its result, its progress, a wrong name."""

from __future__ import annotations

import errno
import json as jsonlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gltr_lib._usage import UsageError

#: What helps where the system refuses a file, by its numbers.
_REMEDIES = {
    (errno.EACCES, errno.EPERM, errno.EROFS): "change the permissions of its folder, or choose another place",
    (errno.EEXIST, errno.ENOTDIR): "expected a folder, or nothing there; choose another place",
    (errno.EISDIR,): "expected a file, or nothing there; choose another name",
    (errno.ENOENT,): "expected a file that exists; look at its name",
}


def answer(value: Any, as_json: bool, text: str) -> None:
    """Print the result: JSON for programs, a line for people; what the terminal cannot show is escaped."""
    said = jsonlib.dumps(value, indent=2, ensure_ascii=False) if as_json else text
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        said.encode(encoding)
    except UnicodeEncodeError:  # a file's name that is no text, or a terminal of few letters
        said = jsonlib.dumps(value, indent=2) if as_json else said.encode(encoding, "backslashreplace").decode(encoding)
    print(said)


def refused(name: str, reason: str, *, twice: bool = False) -> None:
    """Name a file that was refused, and why, on one line whatever its name; ``twice`` even if the reason names it."""
    from gltr_lib._read import shown

    name, words = shown(name), " ".join(shown(reason).split())
    print(f"refused {words if name in words and not twice else f'{name}: {words}'}", file=sys.stderr)


def in_words(error: BaseException) -> str:
    """What went wrong with a file: its name first, then what the system says of it, then what helps; other errors as
    they are.

    Example:
        >>> in_words(PermissionError(13, "Permission denied", "out/a.png"))
        'out/a.png: permission denied; change the permissions of its folder, or choose another place'
    """
    if not isinstance(error, OSError) or not error.filename or not error.strerror:
        return str(error)
    said = error.strerror[:1].lower() + error.strerror[1:]
    todo = next((f"; {words}" for numbers, words in _REMEDIES.items() if error.errno in numbers), "")
    return f"{error.filename2 or error.filename}: {said}{todo}"  # of a renaming, what was to be written


def left_alone(folder: Path) -> None:
    """Name what is not read below a folder, and why: a silent command would seem to have read it."""
    from gltr_lib._read import shown
    from gltr_lib.datasets.folder import HIDDEN, IMAGE_SUFFIXES, IS_FOLDER, OTHER_ENDING, find_others

    others = find_others(folder)
    said = {
        OTHER_ENDING: ("as no picture's name ends so", f"; read are {', '.join(IMAGE_SUFFIXES)}"),
        HIDDEN: ("as hidden (a name that begins with a dot)", "; rename what should be read"),
        IS_FOLDER: ("as folders and no pictures", "; what is in them is read"),
    }
    for kind, (why, after) in said.items():
        found = [shown(path.relative_to(folder).as_posix()) for path, reason in others.items() if reason == kind]
        if found:
            names = ", ".join(found[:3]) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")
            print(f"gltr: note: left alone, {why}: {names}{after}", file=sys.stderr)


def counter(verb: str) -> Callable[[int, int, str], None] | None:
    """Progress on a terminal: one line that rewrites itself."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int, name: str) -> None:
        end = "\n" if done == total else ""
        print(f"\r\033[K{verb} {done}/{total} {name[-50:]}", end=end, file=sys.stderr, flush=True)

    return show


def picture_name(path: Path) -> None:
    """Refuse an output name that is not a picture's."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UsageError(f"{path}: a picture's name ends in .png, .jpg or .webp")


def writable(flag: str, place: Path | None, folder: bool) -> None:
    """Refuse a place that a command cannot write to, before it works for an hour.

    Args:
        flag: what the place was given as.
        place: a file or a folder; None was not given.
        folder: which of the two it should be.

    Raises:
        UsageError: a file where a folder is wanted, or the other way round.
        OSError: a place that may not be written to.
    """
    if place is None:
        return
    if place.exists() and place.is_dir() != folder:
        found, wanted = ("a file", "a folder") if folder else ("a folder", "a file's name")
        raise UsageError(f"{flag} {place}: is {found}; expected {wanted}, choose another place")
    there = next(path for path in (place, *place.absolute().parents) if path.exists())
    if there != place and not there.is_dir():
        raise UsageError(f"{flag} {place}: {there} is a file; expected a folder, choose another place")
    if not os.access(there, os.W_OK):  # the command is right, the disk is not: told as the system would tell it
        sealed = hasattr(os, "statvfs") and os.statvfs(there).f_flag & os.ST_RDONLY
        number = errno.EROFS if sealed else errno.EACCES
        raise OSError(number, os.strerror(number), str(place))
