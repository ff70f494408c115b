"""``python -m gltr_lib.probes``: measure what is missing, or render the page from the ledger."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gltr_lib._usage import UsageError, usage

LEDGER = Path("results/probes.jsonl")
PAGE = Path("docs/probes.md")


def parser() -> argparse.ArgumentParser:
    """The flags, for ``--help`` and for the tests."""
    flags = argparse.ArgumentParser(
        prog="python -m gltr_lib.probes",
        description="What the shipped networks look at: cue conflict, feature statistics, corruptions.",
        epilog="Rows that exist are skipped, so a stopped run goes on where it was. About 15 minutes on one core.",
    )
    flags.add_argument("--report", action="store_true", help="tables and figures from the ledger into the page")
    flags.add_argument("--sheets", action="store_true", help="the page's two sheets of example pictures")
    flags.add_argument("--scenes", type=int, default=64, help="fewer streets, for a rehearsal (in a ledger of its own)")
    flags.add_argument("--only", default="", help="conflict, arranged, features, corruption; separated by commas")
    flags.add_argument("--ledger", type=Path, help=f"default: {LEDGER}; for a rehearsal runs/probes-changed.jsonl")
    flags.add_argument("--page", type=Path, default=PAGE, help=f"default: {PAGE}")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; user errors become one line and exit code 2 (usage) or 1 (data)."""
    flags = parser().parse_args(arguments)
    try:
        return _run(flags)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"gltr_lib.probes: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


def _run(flags: argparse.Namespace) -> int:
    from gltr_lib import ledger
    from gltr_lib.probes.run import rows_of_today, run_probes, understood

    if flags.sheets:
        from gltr_lib.probes.figures import save_sheets

        for path, alt in save_sheets(flags.page.parent / "figures").items():
            print(f"{path}: {alt}")
    if flags.report:
        from gltr_lib.probes.figures import report

        rows = list(rows_of_today(ledger.read(flags.ledger or LEDGER)))
        changed = report(flags.page, rows)
        print(f"{flags.page}: {', '.join(changed) if changed else 'unchanged'} ({len(rows)} rows)")
    if flags.sheets or flags.report:
        return 0
    only = tuple(name.strip() for name in flags.only.split(",") if name.strip())
    with usage():
        understood(flags.scenes, only)
    path = flags.ledger or (LEDGER if flags.scenes == 64 else Path("runs/probes-changed.jsonl"))
    written = run_probes(path, scenes=flags.scenes, only=only, say=lambda text: print(text, flush=True))
    print(f"{written} rows written to {path}; python -m gltr_lib.probes --report renders the page")
    return 0


if __name__ == "__main__":
    sys.exit(main())
