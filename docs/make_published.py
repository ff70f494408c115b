"""The tables of ``docs/not_reproduced.md`` from ``docs/published.json``: each figure with the place where it was read.

    python docs/make_published.py

The figures are others'. None stands here from memory: a row without its source is an error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from gltr_lib.ledger import replace_between  # noqa: E402

DATA = HERE / "published.json"
PAGE = HERE / "not_reproduced.md"
TARGETS = {"C": "Cityscapes", "B": "BDD100K", "M": "Mapillary"}
TABLES = ("gtr", "rows", "vireo")
SOURCE = "GTA5"


def read(path: Path = DATA) -> dict[str, Any]:
    """The figures, checked.

    Raises:
        ValueError: a row without a known source, in no table, or whose average is neither printed nor computed.
    """
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for row in content["rows"]:
        where = f"{path.name}: {row.get('method')}, {row.get('network')}"
        if row.get("source") not in content["sources"]:
            raise ValueError(f"{where}: source {row.get('source')!r} is not among {', '.join(content['sources'])}")
        if row.get("table") not in TABLES:
            raise ValueError(f"{where}: table {row.get('table')!r}, expected one of {', '.join(TABLES)}")
        cells = [row[target] for target in TARGETS]
        if (row["average"] is None) != (row["average_is"] == ""):
            raise ValueError(f"{where}: an average is printed or computed; received {row['average_is']!r}")
        if row["average_is"] == "computed" and abs(sum(cells) / len(cells) - row["average"]) > 0.006:
            raise ValueError(f"{where}: the mean of {cells} is not {row['average']}")
    return content


def render(content: Mapping[str, Any], name: str) -> str:
    """One table as Markdown, sources below it."""
    rows = [row for row in content["rows"] if row["table"] == name]
    used = list(dict.fromkeys(row["source"] for row in rows))
    lines = [
        "| method and network | " + " | ".join(TARGETS.values()) + " | average | read in |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        digits = decimals(row)
        cells = [shown(row[target], digits) for target in TARGETS]
        average = shown(row["average"], digits) + ("*" if row["average_is"] == "computed" else "")
        mark = chr(ord("a") + used.index(row["source"]))
        elsewhere = "" if row["trained_on"] == SOURCE else f"; trained on {row['trained_on']}"
        words = (row["network"], row["method"]) if name == "vireo" else (row["method"], row["network"])
        lines.append(f"| {': '.join(words)}{elsewhere} | {' | '.join(cells)} | {average} | {mark} |")
    sources = "; ".join(f"({chr(ord('a') + n)}) {content['sources'][name]}" for n, name in enumerate(used))
    starred = " * computed by us from the three." if any(row["average_is"] == "computed" for row in rows) else ""
    told = f"mIoU in per cent, trained on {SOURCE} where nothing else is said. {sources}.{starred}"
    return "\n".join([*lines, "", told])


def decimals(row: Mapping[str, Any]) -> int:
    """How many digits the source prints: as many as its longest figure."""
    figures = [row[key] for key in (*TARGETS, "average") if row[key] is not None]
    return max(len(repr(float(figure)).partition(".")[2]) for figure in figures)


def shown(value: float | None, digits: int) -> str:
    """A figure with its digits; a dash where the source has none that we could read."""
    return "–" if value is None else f"{value:.{digits}f}"


def main(arguments: Sequence[str] = ()) -> int:
    """Fill the page's tables."""
    content = read()
    changed = [name for name in TABLES if replace_between(PAGE, f"published:{name}", render(content, name))]
    print(f"{PAGE.name}: {', '.join(changed) if changed else 'tables unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
