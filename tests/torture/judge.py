"""What counts as lost: pure judgements over what a call said and what it left on the disk.

A mistake of a user ends in one line that names the thing, with exit code 1 or 2; a folder's bad files are each named;
nothing half-written lies where the result was to be. ``tests/test_torture_inputs.py`` plants one of each to see that
these functions find it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Errors that a user may be shown by a function.
USUAL: tuple[type[BaseException], ...] = (ValueError, TypeError, OSError)
TRACEBACK = "Traceback (most recent call last)"
LONGEST = 1_500  # characters of a message that somebody still reads
MOST_SECONDS = 30.0
_TEMPORARY = re.compile(r"\.tmp$|\.part$|\.lock$|^\.")
_ERROR = ("gltr: ", "error: ", "gltr-lib: ")
_NOTE = ("gltr: note: ", "note: ", "refused ", "memory ran out")
#: What Python, NumPy and torch say of themselves: such a text tells a user nothing about his argument.
_INTERNAL = re.compile(
    r"object is not (iterable|subscriptable|callable)|has no attribute|unsupported operand|not supported between"
    r"|invalid combination of arguments|unhashable type|object cannot be interpreted as an integer"
    r"|Overflow when unpacking|maximum recursion depth|out of bounds for axis|cannot be safely cast"
)


@dataclass
class Outcome:
    """How a call ended.

    Attributes:
        code: exit code of a command; None of a function, or if it raised.
        out: what it printed. err: what it printed for errors.
        error: what it raised, if it did.
        seconds: wall time. hung: whether the watchdog had to stop it.
        grown: MiB by which the process's peak memory grew.
    """

    code: int | None = None
    out: str = ""
    err: str = ""
    error: BaseException | None = None
    seconds: float = 0.0
    hung: bool = False
    grown: float = 0.0


def lines(text: str) -> list[str]:
    """The lines of a text as a terminal shows them, empty ones left out."""
    return [line for line in text.split("\n") if line.strip()]


def names_it(text: str, names: Collection[str]) -> bool:
    """Whether a text names one of the things; without any, every text does."""
    return not names or any(name in text for name in names)


def command(
    outcome: Outcome,
    names: Collection[str] = (),
    expect: str = "either",
    codes: Collection[int] = (0, 1, 2),
    limit: float = MOST_SECONDS,
) -> str:
    """Judge a command; "" if it ended as promised.

    Args:
        outcome: what it did.
        names: words of which one must stand in the complaint, such as the file's name.
        expect: "accept", "refuse" or "either".
        codes: exit codes that are allowed.
        limit: seconds that it may take.

    Example:
        >>> command(Outcome(1, err="gltr: stylize: x.png: no such file\\n"), ["x.png"])
        ''
        >>> command(Outcome(1, err="gltr: stylize: something\\n"), ["x.png"])
        'names none of x.png: gltr: stylize: something'
    """
    found = _always(outcome, limit)
    if found:
        return found
    if outcome.error is not None:
        return f"{type(outcome.error).__name__} escaped: {outcome.error}"
    if outcome.code not in codes:
        return f"exit code {outcome.code}, expected one of {sorted(codes)}: {outcome.err}"
    said = lines(outcome.err)
    notes = [line for line in said if line.startswith(_NOTE)]
    errors = [line for line in said if line.startswith(_ERROR) and not line.startswith(_NOTE)]
    stray = [line for line in said if line not in notes and line not in errors]
    if stray:
        return f"a line that is neither an error nor a note: {stray[0]!r} in {outcome.err!r}"
    if outcome.code == 0:
        if errors:
            return f"exit code 0, yet: {errors[0]}"
        return f"accepted what should be refused: {outcome.out[:200]}" if expect == "refuse" else ""
    if expect == "accept":
        return f"refused what should be accepted: {outcome.err or outcome.out}"
    if len(errors) > 1:
        return f"{len(errors)} lines of error where one is promised: {outcome.err!r}"
    if not errors and not any(line.startswith("refused ") for line in notes) and not lines(outcome.out):
        return f"exit code {outcome.code} without a word"
    spoken = outcome.err + outcome.out
    return "" if names_it(spoken, names) else f"names none of {', '.join(names)}: {outcome.err.strip() or outcome.out}"


def function(
    outcome: Outcome,
    names: Collection[str] = (),
    expect: str = "either",
    kinds: tuple[type[BaseException], ...] = USUAL,
    limit: float = MOST_SECONDS,
) -> str:
    """Judge a call of a function; "" if it ended as promised.

    Args:
        outcome: what it did.
        names: words of which one must stand in the message: the argument, the function, the file.
        expect: "accept", "refuse" or "either".
        kinds: errors that its docstring names.
        limit: seconds that it may take.

    Example:
        >>> function(Outcome(error=KeyError("x")))
        "KeyError, expected ValueError, TypeError, OSError: 'x'"
    """
    found = _always(outcome, limit)
    if found:
        return found
    error = outcome.error
    if error is None:
        return "accepted what should be refused" if expect == "refuse" else ""
    text = str(error)
    if not isinstance(error, kinds) or isinstance(error, RecursionError):
        wanted = ", ".join(kind.__name__ for kind in kinds)
        return f"{type(error).__name__}, expected {wanted}: {text}"
    if expect == "accept":
        return f"refused what should be accepted: {text}"
    if not text.strip():
        return f"{type(error).__name__} without a word"
    if len(lines(text)) > 1:
        return f"a message of {len(lines(text))} lines: {text}"
    if len(text) > LONGEST:
        return f"a message of {len(text):,} characters: {text[:200]}"
    if _INTERNAL.search(text):
        return f"the words of Python or torch, not ours: {text}"
    return "" if names_it(text, names) else f"names none of {', '.join(names)}: {text}"


def _always(outcome: Outcome, limit: float) -> str:
    if outcome.hung or outcome.seconds > limit:
        return f"hung: stopped after {outcome.seconds:.1f} s"
    if TRACEBACK in outcome.out or TRACEBACK in outcome.err:
        return f"a traceback: {(outcome.err or outcome.out)[-300:]}"
    if outcome.grown > 1_500:
        return f"memory grew by {outcome.grown:,.0f} MiB"
    return ""


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder: name -> (size, time of its last change). Links are not followed."""
    found = {}
    for base, _, files in os.walk(folder):
        for file in files:
            path = Path(base) / file
            facts = path.lstat()
            found[path.relative_to(folder).as_posix()] = (facts.st_size, facts.st_mtime_ns)
    return found


def left_behind(folder: Path, allowed: Collection[str] = (), whole: bool = True) -> str:
    """Temporary and half-written files below a folder; "" if there is none.

    Args:
        folder: where results were to be.
        allowed: names of files that may lie there although they look temporary.
        whole: whether the others are opened, to see that they are no half.
    """
    if not folder.exists():
        return ""
    for base, _, files in os.walk(folder):
        for file in files:
            path = Path(base) / file
            if file in allowed:
                continue
            if _TEMPORARY.search(file):
                return f"left behind: {path.name}"
            problem = half_written(path) if whole else ""
            if problem:
                return problem
    return ""


def half_written(path: Path) -> str:
    """Why a file of a result is not whole; "" if it is, or is of a kind that is not examined."""
    ending = path.suffix.lower()
    try:
        if path.stat().st_size == 0 and ending != ".txt":
            return f"half-written: {path.name} is empty"
        if ending == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif ending == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="np") as opened:
                list(opened.keys())
        elif ending in (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"):
            from PIL import Image

            with Image.open(path) as picture:
                picture.load()
    except Exception as error:
        return f"half-written: {path.name} ({type(error).__name__}: {error})"
    return ""


def skipped(given: Sequence[str], done: Collection[str], refused: Mapping[str, str]) -> str:
    """Inputs of a folder's job that are neither done nor refused: skipped in silence; "" if there is none.

    Example:
        >>> skipped(["a.png", "b.png"], ["a.png"], {})
        'skipped in silence: b.png'
    """
    lost = [name for name in given if name not in done and name not in refused]
    return f"skipped in silence: {', '.join(map(ascii_name, lost[:4]))}" if lost else ""


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """What changed in a folder that is only read; "" if nothing did."""
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return f"changed in a folder that is only read: {', '.join(map(ascii_name, names[:4]))}" if names else ""


def ascii_name(name: str) -> str:
    """A file's name as text that any terminal takes."""
    return ascii(name)[1:-1]
