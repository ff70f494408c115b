"""``python -m gltr_lib.study``: the study from a command line that needs nothing but Python's own argparse.

``gltr study`` (with tyro) calls the same :func:`command`; this door is for machines with torch and little else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gltr_lib._usage import UsageError, read_shard, usage

if TYPE_CHECKING:
    from gltr_lib.study.places import Places
    from gltr_lib.study.settings import Settings


def command(
    *,
    tier: str = "headline",
    steps: int | None = None,
    seeds: int | None = None,
    only: Sequence[str] = (),
    scenes: int = 0,
    looks: str = "",
    final: bool = False,
    retrain: bool = False,
    overrides: Sequence[str] = (),
    jobs: int = 1,
    shard: str = "1/1",
    device: str | None = None,
    list_only: bool = False,
    report: bool = False,
    ship: bool = False,
    real: str | None = None,
    reason: str = "",
    ledger_path: str | None = None,
    runs: str = "runs",
    run_ids: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Do what the flags say; returns the exit code (1 if a run failed).

    Args: the flags of :func:`parser`, where each is described, under the names of their ``dest``.
    """
    from gltr_lib.study.grid import grid
    from gltr_lib.study.places import Places, default_ledger
    from gltr_lib.study.run import run_study
    from gltr_lib.study.settings import Settings
    from gltr_lib.study.tiers import TIERS

    with usage():
        tiers = TIERS if tier == "all" else (tier,)
        if tier == "all" and (only or final or run_ids or ledger_path or ship or real is not None):
            raise ValueError("--tier all lists, runs and reports whole tiers; name one tier for anything else")
        every = [Settings(t, steps, seeds, tuple(only), scenes, looks, final, retrain, tuple(overrides)) for t in tiers]
        if jobs < 1:
            raise ValueError(f"--jobs: expected at least 1, received {jobs}")
        part = read_shard(shard)
        if device is not None:
            from gltr_lib.engine import pick_device

            pick_device(device)
        for settings in every:
            grid(settings)  # overrides are parsed here

    def say(text: str) -> None:
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)

    def places_of(settings: Settings) -> Places:
        return Places(Path(ledger_path) if ledger_path else default_ledger(settings), Path(runs))

    settings, places = every[0], places_of(every[0])
    if list_only:
        from gltr_lib.study.plan import plan, render

        seen: dict[str, str] = {}
        states = [plan(each, places_of(each), device=device, elsewhere=seen) for each in every]
        text = "\n\n".join(map(render, states))
        if len(states) > 1:
            text += f"\n\nall tiers: predicted {sum(state['hours_left'] for state in states):.2f} h left"
        print(json.dumps(states if len(states) > 1 else states[0], indent=2) if as_json else text)
        return 0
    if report:
        return _report(places.ledger.parent, say)
    if ship:
        from gltr_lib.study.ship import ship as register

        say(f"shipped: {', '.join(register(settings, places)) or 'nothing, no network is finished'}")
        return 0
    if real is not None:
        from gltr_lib.study.photos import score_real

        folder = places.ledger.parent  # a look counts in the one log, also with a shortened tier's networks
        log = Path("results/real_looks.jsonl") if Path("results").is_dir() else folder / "real_looks.jsonl"
        score_real(settings, places, real, reason=reason, results=folder, device=device, looks=log, say=say)
        return 0
    failed = 0
    for each in every:
        where = places_of(each)
        say(f"tier {each.title}, ledger {where.ledger}")
        failed += run_study(each, where, jobs=jobs, device=device, ids=run_ids, shard=part, say=say)
        if as_json:
            print(json.dumps({"tier": each.title, "ledger": str(where.ledger), "failed": failed}))
        elif not run_ids:
            _print_table(each, where)
    return 1 if failed else 0


def _print_table(settings: Settings, places: Places) -> None:
    """What a tier has so far, as a table."""
    from gltr_lib import ledger
    from gltr_lib.study import book, compare, last_look, tables
    from gltr_lib.study.evidence import Evidence
    from gltr_lib.study.grid import grid
    from gltr_lib.study.names import COLUMN_NAMES, name_of

    if settings.final and settings.title == settings.tier:
        print(f"\n{last_look.last_look_table(Evidence(places.ledger.parent))}")
    elif settings.tier == "headline":
        rows = ledger.read(places.ledger)
        for render in (tables.headline_table, tables.convergence_line, tables.controls_table, tables.gap_table):
            print(f"\n{render(rows, settings.title)}")
    elif settings.tier == "tuning" and settings.title == settings.tier:
        print(f"\n{compare.tuning_table(Evidence(places.ledger.parent))}")
    else:
        rows = book.tier_rows(book.read(places.ledger), settings)
        classes = {run.method: run.config.num_classes for run in grid(settings)}
        for count in dict.fromkeys(classes.values()):  # no table mixes two metrics
            methods = [name for name, own in classes.items() if own == count]
            part = ledger.find(rows, method=tuple(methods))
            columns = list(dict.fromkeys(row["data"] for row in part))
            heads = {**{data: data for data in columns}, **COLUMN_NAMES}
            print("\n" + ledger.table(part, methods=methods, columns=columns, column_names=heads,
                                      method_names={name: name_of(name) for name in methods}))  # fmt: skip


def _report(results: Path, say: Callable[[str], None]) -> int:
    from gltr_lib.study import report

    changed = report.write(".", results)
    for line in changed or ["tables and figures unchanged"]:
        say(line)
    return 0


def parser() -> argparse.ArgumentParser:
    """The flags, for ``--help`` and for the tests."""
    flags = argparse.ArgumentParser(prog="python -m gltr_lib.study", description="Train and score the declared study.")
    flags.add_argument("--tier", default="headline", help="headline, tuning, rivals, ablations, real, or all")
    flags.add_argument("--list", dest="list_only", action="store_true", help="done, missing, predicted hours")
    flags.add_argument("--report", action="store_true", help="all tables and figures from the ledger")
    flags.add_argument("--ship", action="store_true", help="put the networks of seed 0 into the package (maintainers)")
    flags.add_argument("--steps", type=int, help="other number of steps; the tier is then named short or long")
    flags.add_argument("--seeds", type=int, help="number of seeds")
    flags.add_argument("--only", default="", help="methods, separated by commas; convergence = the 4x baseline")
    flags.add_argument("--scenes", type=int, default=0, help="shorten every set of streets (rehearsal)")
    flags.add_argument("--looks", default="", help="test looks, sampled:<first>..<last>")
    flags.add_argument("--final", action="store_true", help="score finished networks on the reserved looks, once")
    flags.add_argument("--retrain", action="store_true", help="train again networks that have rows but are not here")
    flags.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    flags.add_argument("--jobs", type=int, default=1, help="runs side by side")
    flags.add_argument(
        "--shard", default="1/1", metavar="I/N", help="the I-th (from 1) of N machines that share a tier"
    )
    flags.add_argument("--device", help="cpu, cuda, mps; default: the best there is")
    flags.add_argument("--real", metavar="PATH", help="score the finished networks on the real sets below PATH")
    flags.add_argument("--reason", default="", help="why this look at real data is taken")
    flags.add_argument("--ledger", dest="ledger_path", help="another ledger file")
    flags.add_argument("--runs", default="runs", help="working folder")
    flags.add_argument("--run", dest="run_ids", action="append", default=[], help="only the run of this name")
    flags.add_argument("--json", dest="as_json", action="store_true")
    return flags


def split_methods(text: str) -> tuple[str, ...]:
    """Method names from "gtr,gtr_ltr"; the convergence run answers to "convergence".

    Example:
        >>> split_methods("gtr,gtr_ltr")
        ('gtr', 'gtr_ltr')
    """
    if not text.strip():
        return ()
    from gltr_lib.study.tiers import CONVERGENCE

    names = [name.strip() for name in text.split(",")]
    return tuple(CONVERGENCE if name == "convergence" else name for name in names if name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; user errors become one line and exit code 2."""
    values = vars(parser().parse_args(arguments))
    try:
        values["only"] = split_methods(values["only"])
        return command(**values)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"gltr study: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


if __name__ == "__main__":
    sys.exit(main())
