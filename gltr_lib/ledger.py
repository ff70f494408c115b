"""The ledger: every published number is one JSON line with its method, seed, commit, protocol and machine.

A number without its protocol and seed cannot be compared, and a table typed by hand drifts from the runs behind
it. So runs only ever *append* lines to ``results/*.jsonl``, and tables (README, lessons, site) are rendered from those
lines. Appending survives several writers at once (lock, one write, fsync) and a writer that was killed in the middle
of a line: the torn line is reported when the ledger is read, and the lines around it stay whole.

Source: our own; the required fields are ``FIELDS`` below.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gltr_lib._drafts import locked, write_text
from gltr_lib._json import parse_object
from gltr_lib._typed import brief, describe, typed

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
Row = dict[str, Any]


class LedgerWarning(UserWarning):
    """A line of a ledger could not be read (a writer was killed, or the file was edited by hand)."""


class Summary(NamedTuple):
    """Mean and spread over seeds: ``sd`` is the sample standard deviation, NaN for one seed."""

    mean: float
    sd: float
    n: int
    values: tuple[float, ...]


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


@typed
def summarise(rows: Iterable[Row], by: Sequence[str] = ("method", "data")) -> dict[tuple[Any, ...], Summary]:
    """Mean, sample standard deviation and count over seeds, the newest row of each seed counting.

    Example:
        >>> rows = [dict(method="gtr", data="game", seed=s, value=v) for s, v in [(0, 0.1), (1, 0.3), (0, 0.2)]]
        >>> summarise(rows)[("gtr", "game")].mean
        0.25
    """
    newest: dict[tuple[Any, ...], dict[int, float]] = {}
    for row in rows:
        missing = [name for name in (*by, "seed", "value") if name not in row]
        if missing:
            raise ValueError(f"summarise: a row lacks {', '.join(missing)}")
        newest.setdefault(tuple(row[name] for name in by), {})[row["seed"]] = float(row["value"])
    out = {}
    for key, values in newest.items():
        numbers = tuple(values[seed] for seed in sorted(values))
        sd = statistics.stdev(numbers) if len(numbers) > 1 else math.nan
        out[key] = Summary(statistics.fmean(numbers), sd, len(numbers), numbers)
    return out


@typed
def table(
    rows: Iterable[Row],
    *,
    methods: Sequence[str],
    columns: Sequence[str],
    method_names: Mapping[str, str] | None = None,
    column_names: Mapping[str, str] | None = None,
    scale: float = 100.0,
    digits: int = 1,
) -> str:
    """A Markdown table, mean ± sample standard deviation over seeds, with their number.

    Args:
        rows: ledger rows of ONE metric and protocol.
        methods: values of ``method``, in the order of the lines; a method without rows is shown as "not run".
        columns: values of ``data``, in the order of the columns.
        method_names: how to print a method (default: as it is).
        column_names: how to print a column.
        scale: 100 prints fractions as per cent.
        digits: decimals.

    Returns:
        The table's text, without a newline at its end.

    Raises:
        ValueError: the rows mix protocols, metrics or ways of looking (whole pictures, windows), which no table may do.

    Example:
        >>> row = dict(method="gtr", data="game", protocol="p", metric="m")
        >>> rows = [row | dict(seed=0, value=0.1), row | dict(seed=1, value=0.2)]
        >>> print(table(rows, methods=["gtr", "oracle"], columns=["game"]))
        | method | game | seeds |
        |---|---:|---:|
        | gtr | 15.0 ± 7.1 | 2 |
        | oracle | not run | 0 |
    """
    if not 0 <= digits <= 20:
        raise ValueError(f"digits: expected 0 to 20, received {digits}")
    rows = [row for row in rows if row["method"] in methods and row["data"] in columns]
    for field in ("protocol", "metric", "inference"):
        # Rows from before ``inference`` was recorded looked at whole pictures.
        found = sorted({row.get(field, "whole picture") if field == "inference" else row[field] for row in rows})
        if len(found) > 1:
            raise ValueError(f"one table, one {field}: received {', '.join(found)}; filter with ledger.find first")
    names, heads = method_names or {}, column_names or {}
    return table_lines(
        rows, {m: names.get(m, m) for m in methods}, {c: heads.get(c, c) for c in columns}, scale, digits
    )


def table_lines(
    rows: Iterable[Row], methods: Mapping[str, str], columns: Mapping[str, str], scale: float = 100.0, digits: int = 1
) -> str:
    """The lines of :func:`table` for methods and columns with the names to print, whatever the rows mix."""
    cells = summarise(rows)
    lines = ["| method | " + " | ".join(columns.values()) + " | seeds |", "|---|" + "---:|" * (len(columns) + 1)]
    for method, name in methods.items():
        found = [cells.get((method, column)) for column in columns]
        counts = sorted({cell.n for cell in found if cell is not None}) or [0]
        count = str(counts[0]) if len(counts) == 1 else f"{counts[0]}-{counts[-1]}"
        lines.append(f"| {name} | " + " | ".join(cell_text(one, scale, digits) for one in found) + f" | {count} |")
    return "\n".join(lines)


def cell_text(cell: Summary | None, scale: float = 100.0, digits: int = 1) -> str:
    """A score as tables print it: the mean, with its spread where there is one, or "not run"."""
    if cell is None:
        return "not run"
    return f"{cell.mean * scale:.{digits}f}" + (f" ± {cell.sd * scale:.{digits}f}" if cell.n > 1 else "")


@typed
def between(path: str | os.PathLike[str], marker: str) -> str:
    """The text between ``<!-- marker -->`` and ``<!-- /marker -->``, without the line ends at its edges."""
    text = _text_of(Path(path))
    start, stop = _marks(text, marker, path)
    return text[start:stop].strip("\n")


@typed
def replace_between(path: str | os.PathLike[str], marker: str, text: str) -> bool:
    """Put ``text`` between ``<!-- marker -->`` and ``<!-- /marker -->``, atomically; True if the file changed.

    Args:
        path: a Markdown file.
        marker: for instance ``table:headline``.
        text: what shall stand there.

    Raises:
        ValueError: a marker is missing or stands there more than once.
    """
    path = Path(path)
    old = _text_of(path)
    start, stop = _marks(old, marker, path)
    new = old[:start] + "\n" + text.strip("\n") + "\n" + old[stop:]
    if new == old:
        return False
    write_text(path, new)
    return True


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text ({error.reason} at byte {error.start})") from None


def git_commit(root: str | os.PathLike[str] | None = None) -> str:
    """The commit of the code, with ``-dirty`` when tracked code differs from it.

    Files under ``results/`` do not count: the study itself writes there. ``GLTR_COMMIT`` answers for a copy of the code
    that travels without its history; "unknown" if there is neither.
    """
    given = os.environ.get("GLTR_COMMIT", "").strip()
    if given:
        return given
    here = Path(root) if root is not None else Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "--short=12", "HEAD").strip()
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)results")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("-dirty" if changed.strip() else "")


def device_name(device: Any = "cpu") -> str:
    """The machine in words: the GPU's name, or the processor's with the threads that torch uses."""
    kind = str(getattr(device, "type", device)).split(":")[0]
    if kind == "cuda":
        import torch

        return f"cuda: {torch.cuda.get_device_name(device)}"
    if kind == "mps":
        return f"mps: {platform.machine()}"
    import torch

    return f"cpu: {_processor()}, {torch.get_num_threads()} threads"


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


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


def _marks(text: str, marker: str, path: str | os.PathLike[str]) -> tuple[int, int]:
    opening, closing = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    for mark in (opening, closing):
        if text.count(mark) != 1:
            raise ValueError(f"{path}: expected the marker {mark} exactly once, found it {text.count(mark)} times")
    start, stop = text.index(opening) + len(opening), text.index(closing)
    if start > stop:
        raise ValueError(f"{path}: {closing} stands before {opening}")
    return start, stop


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "unknown processor"
