"""The tables of benchmarks/README.md, from benchmarks/bench.jsonl: ``python benchmarks/tables.py`` writes them anew.

The ledger holds one line for each whole run of ``gltr bench --ledger benchmarks/bench.jsonl``. A ratio is shown with
its last three runs, newest first, because one run on a busy machine proves nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LEDGER, PAGE = ROOT / "benchmarks" / "bench.jsonl", ROOT / "benchmarks" / "README.md"
RUNS_SHOWN = 3


def read(path: Path = LEDGER) -> list[dict[str, Any]]:
    """The runs, newest first; none where the file is not there."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()][::-1]


def tables(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Marker -> Markdown: "bench" (every case), "bench runs" (the occasions)."""
    if not runs:
        return {"bench": "Not measured yet.", "bench runs": "No run yet."}
    newest = runs[0]
    lines = [
        "| hot path | ours (ms) | peer | peer (ms) | ratio, newest first | promised | limit (ms) | times the limit |"
        " peak (MiB) |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in newest["rows"]:
        if "missing" in row:
            lines.append(f"| {row['name']} | not measured: {row['missing']} | | | | | | | |")
            continue
        lines.append(
            f"| {row['name']} | {row['ours_ms']:g} ({_span(row['ours_spread'])}) | {row['against'] or 'none'} |"
            f" {_or_dash(row.get('theirs_ms'))} | {_ratios(runs, row['name'])} | {_promise(row)} |"
            f" {_or_dash(row.get('limit_ms'))} | {_or_dash(row.get('times_limit'))} | {_or_dash(row.get('peak_mib'))} |"
        )
    occasions = ["| when | commit | machine | threads | load before | copy (GB/s) | matrices (GFLOP/s) | not kept |",
                 "|---|---|---|---:|---:|---:|---:|---|"]  # fmt: skip
    for run in runs[:RUNS_SHOWN]:
        broken = ", ".join(row["name"] for row in run["rows"] if row.get("kept") is False) or "all kept"
        rates = run["rates"]
        occasions.append(
            f"| {run['date'][:16]} | {run['commit']} | {run['device']} | {run['threads']} | {run['load']} |"
            f" {rates['bytes/s'] / 1e9:.3g} | {rates['flop/s'] / 1e9:.3g} | {broken} |"
        )
    return {"bench": "\n".join(lines), "bench runs": "\n".join(occasions)}


def _span(spread: Sequence[float]) -> str:
    return f"{spread[0]:g} to {spread[1]:g}"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _promise(row: Mapping[str, Any]) -> str:
    bound = f"≥ {row['promised']:g}" if row.get("promised") is not None else ""
    if row.get("at_most") is not None:
        bound = f"≤ {row['at_most']:g}"
    return bound + {True: " kept", False: " **not kept**"}.get(row.get("kept"), "") if bound else "–"  # type: ignore[arg-type]


def _ratios(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    found = [row["ratio"] for run in runs[:RUNS_SHOWN] for row in run["rows"] if row["name"] == name and "ratio" in row]
    return ", ".join(f"{ratio:g}" for ratio in found) or "–"


def main() -> int:
    """Write the tables between their markers."""
    from gltr_lib import ledger

    for marker, text in tables(read()).items():
        ledger.replace_between(PAGE, f"table:{marker}", text)
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
