"""``python -m gltr_lib.study``: the study from a command line that needs nothing but Python's own argparse.

``gltr study`` (with tyro) calls the same :func:`command`; this door is for machines with torch and little else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gltr_lib._usage import UsageError, usage


def command(
    *,
    tier: str = "headline",
    steps: int | None = None,
    seeds: int | None = None,
    only: Sequence[str] = (),
    scenes: int = 0,
    looks: str = "",
    final: bool = False,
    overrides: Sequence[str] = (),
    jobs: int = 1,
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

    Args:
        tier: which tier.
        steps: other number of steps (the tier is then named short or long).
        seeds: other number of seeds.
        only: methods to run; empty = all.
        scenes: shorten all sets of streets, for a rehearsal.
        looks: other test looks, "sampled:<first>..<last>".
        final: score finished networks on the reserved looks, once.
        overrides: ``key=value`` changes of the training configuration.
        jobs: runs side by side.
        device: None = the best there is.
        list_only: print what is done, missing, and predicted hours.
        report: render tables into README.md and the figure from the ledger.
        ship: put the four networks of seed 0 into the package's assets.
        real: data root with CamVid; scores the finished networks on it.
        reason: why this look at real data is taken.
        ledger_path: another ledger file.
        runs: working folder.
        run_ids: only these runs.
        as_json: print JSON where there is something to print.

    Returns:
        The exit code.
    """
    from gltr_lib.study.grid import Settings, grid
    from gltr_lib.study.run import Places, default_ledger, run_study

    with usage():
        settings = Settings(tier, steps, seeds, tuple(only), scenes, looks, final, tuple(overrides))
        if jobs < 1:
            raise ValueError(f"--jobs: expected at least 1, received {jobs}")
        grid(settings)  # overrides are parsed here
    places = Places(Path(ledger_path) if ledger_path else default_ledger(settings), Path(runs))

    def say(text: str) -> None:
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)

    if list_only:
        from gltr_lib.study.plan import plan, render

        state = plan(settings, places, device=device)
        print(json.dumps(state, indent=2) if as_json else render(state))
        return 0
    if report:
        return _report(places, say)
    if ship:
        from gltr_lib.study.ship import ship as register

        say(f"shipped: {', '.join(register(settings, places)) or 'nothing, no network is finished'}")
        return 0
    if real is not None:
        from gltr_lib.study.photos import score_real

        score_real(settings, places, real, reason=reason, results=places.ledger.parent, device=device, say=say)
        return 0
    say(f"tier {settings.title}, ledger {places.ledger}")
    failed = run_study(settings, places, jobs=jobs, device=device, ids=run_ids, say=say)
    if as_json:
        print(json.dumps({"tier": settings.title, "ledger": str(places.ledger), "failed": failed}))
    elif not run_ids:
        _print_table(settings.title, places)
    return 1 if failed else 0


def _print_table(tier: str, places: object) -> None:
    from gltr_lib import ledger
    from gltr_lib.study.run import Places
    from gltr_lib.study.tables import controls_table, convergence_line, gap_table, headline_table

    if isinstance(places, Places):
        rows = ledger.read(places.ledger)
        for render in (headline_table, convergence_line, controls_table, gap_table):
            print(f"\n{render(rows, tier)}")


def _report(places: object, say: object) -> int:
    from gltr_lib import ledger
    from gltr_lib.study.run import Places
    from gltr_lib.study.tables import save_figure, write_tables

    if not isinstance(places, Places) or not callable(say):
        raise TypeError("_report: expected Places and a function")
    results = places.ledger.parent
    if Path("README.md").exists():
        changed = write_tables("README.md", results)
        say(f"README.md: {', '.join(changed) if changed else 'tables unchanged'}")
    alt = save_figure(ledger.read(places.ledger), results / "headline.png")
    say(f"{results / 'headline.png'}: {alt}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The flags, for ``--help`` and for the tests."""
    flags = argparse.ArgumentParser(prog="python -m gltr_lib.study", description="Train and score the declared study.")
    flags.add_argument("--tier", default="headline")
    flags.add_argument("--list", dest="list_only", action="store_true", help="done, missing, predicted hours")
    flags.add_argument("--report", action="store_true", help="tables and figure from the ledger")
    flags.add_argument("--ship", action="store_true", help="put the networks of seed 0 into the package (maintainers)")
    flags.add_argument("--steps", type=int, help="other number of steps; the tier is then named short or long")
    flags.add_argument("--seeds", type=int, help="number of seeds")
    flags.add_argument("--only", default="", help="methods, separated by commas; convergence = the 4x baseline")
    flags.add_argument("--scenes", type=int, default=0, help="shorten every set of streets (rehearsal)")
    flags.add_argument("--looks", default="", help="test looks, sampled:<first>..<last>")
    flags.add_argument("--final", action="store_true", help="score finished networks on the reserved looks, once")
    flags.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    flags.add_argument("--jobs", type=int, default=1, help="runs side by side")
    flags.add_argument("--device", help="cpu, cuda, mps; default: the best there is")
    flags.add_argument("--real", metavar="PATH", help="score the finished networks on CamVid below PATH")
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
    from gltr_lib.study.grid import CONVERGENCE

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
