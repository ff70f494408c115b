"""The ledger: every published number is one JSON line with its method, seed, commit, protocol and machine.

A number without its protocol and seed cannot be compared, and a table typed by hand drifts from the runs behind
it. So runs only ever *append* lines to ``results/*.jsonl``, and tables (README, lessons, site) are rendered from those
lines. Appending survives several writers at once (lock, one write, fsync) and a writer that was killed in the middle
of a line: the torn line is reported when the ledger is read, and the lines around it stay whole.

Rows are written and read here; what is made of them (``_summary.py``), where it stands in a document (``_marks.py``)
and which code and machine a row comes from (``_origin.py``) have a file each, and are offered here.

Source: our own; the required fields are ``FIELDS`` below.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gltr_lib._drafts import locked
from gltr_lib._json import parse_object
from gltr_lib._marks import between, replace_between
from gltr_lib._origin import device_name, git_commit, now
from gltr_lib._summary import Row, Summary, cell_text, summarise, table, table_lines
from gltr_lib._typed import brief, describe, typed

__all__ = [
    "FIELDS", "LedgerWarning", "Summary", "append", "between", "cell_text", "device_name", "find", "git_commit",
    "now", "numbers", "read", "replace_between", "scan", "summarise", "table", "table_lines", "validate",
]  # fmt: skip

FIELDS: dict[str, type | tuple[type, ...]] = {
    "method": str,
    "seed": int,
    "commit": str,
    "protocol": str,
    "metric": str,
    "value": (int, float),
    "data": str,
    "config": dict,
    "device": str,
    "wall_seconds": (int, float),
    "date": str,
}


class LedgerWarning(UserWarning):
    """A line of a ledger could not be read (a writer was killed, or the file was edited by hand)."""


@typed
def validate(row: Mapping[str, Any]) -> None:
    """Raise unless ``row`` has every required field with a usable value.

    Args:
        row: the row, with at least the fields of ``FIELDS``; further fields are welcome if JSON can hold them.

    Raises:
        ValueError: a field is missing, empty, not finite or not JSON.
        TypeError: a field has the wrong type.
    """
    missing = [name for name in FIELDS if name not in row]
    if missing:
        raise ValueError(f"ledger row lacks {', '.join(missing)}; required: {', '.join(FIELDS)}")
    for name, kind in FIELDS.items():
        value = _plain(row[name])
        if isinstance(value, bool) or not isinstance(value, kind):
            wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise TypeError(
                f"ledger field {name!r}: expected {wanted}, received {type(value).__name__} ({brief(value)})"
            )
        if isinstance(value, str) and not value.strip():
            raise ValueError(f"ledger field {name!r}: expected some text, received none")
        if isinstance(value, int | float) and not abs(value) < 1e300:  # also an integer that no float can hold
            raise ValueError(f"ledger field {name!r}: expected a finite number, received {value!s:.40}")
    for name in ("seed", "wall_seconds"):
        if row[name] < 0:
            raise ValueError(f"ledger field {name!r}: expected at least 0, received {row[name]}")
    try:
        datetime.datetime.fromisoformat(row["date"])
    except ValueError as error:
        raise ValueError(
            f"ledger field 'date': expected ISO 8601 such as {now()}, received {brief(row['date'])}"
        ) from error


def _plain(value: Any) -> Any:
    """A number of NumPy or torch as Python's own; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _as_json(value: Any) -> Any:
    """What JSON can write for what it does not know."""
    plain = _plain(value)
    if plain is value or not isinstance(plain, bool | int | float):
        raise TypeError(f"ledger row: expected what JSON can hold, received {describe(value)}")
    return plain


@typed
def append(path: str | os.PathLike[str], row: Mapping[str, Any], *, check: bool = True) -> None:
    """Append one row to a ledger, safely beside other writers.

    Args:
        path: the ``.jsonl`` file; it and its folder are created when missing.
        row: see ``validate``. NaN is not JSON: write ``None`` for a class that is absent.
        check: False only for logs that are not results, such as plans.

    Raises:
        ValueError: the row is incomplete or holds NaN.
        TypeError: a field has the wrong type or JSON cannot hold it.
        OSError: it cannot be written (the disk is full); the ledger is as it was.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> row = dict(method="gtr", seed=0, commit="abc", protocol="mIoU-19 @ full size", metric="mIoU-19", value=0.5,
        ...            data="streets/game", config={}, device="cpu", wall_seconds=1.0, date="2026-01-01T00:00:00+00:00")
        >>> append(f"{folder.name}/demo.jsonl", row)
        >>> [r["value"] for r in read(f"{folder.name}/demo.jsonl")]
        [0.5]
    """
    if check:
        validate(row)
    try:
        line = json.dumps(dict(row), ensure_ascii=False, allow_nan=False, default=_as_json).encode() + b"\n"
    except ValueError as error:
        raise ValueError(f"ledger row holds NaN or infinity (write None instead): {error}") from error
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        with locked(descriptor, wait=True):  # where there are no locks, O_APPEND and one write are what is left
            size = os.fstat(descriptor).st_size
            # A writer killed in mid-line left no newline: close its torn line, so that ours stays whole.
            if size:
                os.lseek(descriptor, size - 1, os.SEEK_SET)  # O_APPEND writes at the end from anywhere
                if os.read(descriptor, 1) != b"\n":
                    line = b"\n" + line
            try:
                written = os.write(descriptor, line)
                while written < len(line):  # a signal, or a disk that is nearly full
                    written += os.write(descriptor, line[written:])
                os.fsync(descriptor)
            except OSError as error:  # never leave half a row
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        os.close(descriptor)


@typed
def read(path: str | os.PathLike[str]) -> list[Row]:
    """All rows of a ledger, oldest first; a missing file has none.

    Lines that are no JSON object (a torn write) are left out and reported as ``LedgerWarning`` with their number.
    """
    rows, bad = scan(path)
    for problem in bad:
        warnings.warn(problem, LedgerWarning, stacklevel=2)
    return rows


@typed
def scan(path: str | os.PathLike[str]) -> tuple[list[Row], list[str]]:
    """The rows of a ledger and, in words, the lines that could not be read."""
    path = Path(path)
    if not path.exists():
        return [], []
    rows, bad = [], []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_object(line)
        except ValueError as error:
            bad.append(f"{path}, line {number}: unreadable, left out ({error}); {len(line)} bytes")
            continue
        rows.append(row)
    return rows, bad


@typed
def find(rows: Iterable[Row], **fields: Any) -> list[Row]:
    """Rows whose fields equal the given values; a callable value is asked, a set or tuple is searched.

    Example:
        >>> rows = [{"method": "gtr", "seed": 0}, {"method": "gtr", "seed": 1}, {"method": "baseline", "seed": 0}]
        >>> len(find(rows, method="gtr")), len(find(rows, seed=lambda s: s > 0)), len(find(rows, seed=(0, 1)))
        (2, 1, 3)
    """

    def fits(row: Row) -> bool:
        for name, wanted in fields.items():
            if name not in row:
                return False
            value = row[name]
            if callable(wanted):
                if not wanted(value):
                    return False
            elif isinstance(wanted, (set, frozenset, tuple)):
                if value not in wanted:
                    return False
            elif value != wanted:
                return False
        return True

    return [row for row in rows if fits(row)]


def numbers(values: Iterable[float], digits: int = 5) -> list[float | None]:
    """Floats made fit for JSON: rounded, NaN (a class in neither prediction nor label) as None.

    Example:
        >>> numbers([0.123456789, float("nan")])
        [0.12346, None]
    """
    try:
        return [round(float(v), digits) if math.isfinite(float(v)) else None for v in values]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        found = f"{describe(values)} and {describe(digits)}"
        raise TypeError(f"numbers: expected values that are numbers and whole digits, received {found}") from None
