"""What tables say of a ledger's rows: mean and spread over seeds, as numbers and as Markdown; the ledger offers it.

Nothing is read here, and no row is judged: whoever mixes protocols in one table is refused.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gltr_lib._typed import typed

Row = dict[str, Any]


class Summary(NamedTuple):
    """Mean and spread over seeds: ``sd`` is the sample standard deviation, NaN for one seed."""

    mean: float
    sd: float
    n: int
    values: tuple[float, ...]


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
