"""What the study has, what it lacks, and how long the rest will take on this machine.

Hours are predicted from the seconds a step that the ledger's rows report for this device, or for the same processor
with another number of threads: of the same views with the same options, else of the same views with others. A method
whose views never ran here is timed for a few steps on made-up pictures, once, with a word on standard error: the times
are kept in ``runs/cache``. A network that another tier declares as well is counted in the first of them. What cannot
run here is listed as not run, with what it needs.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gltr_lib import ledger
from gltr_lib._drafts import write_text
from gltr_lib._json import digest, parse_object
from gltr_lib._origin import without_threads
from gltr_lib.config import PAINTED_VIEWS, TrainConfig
from gltr_lib.datasets.looks import is_reserved
from gltr_lib.study import book
from gltr_lib.study.book import missing
from gltr_lib.study.grid import Run, grid, rows_for
from gltr_lib.study.places import Places
from gltr_lib.study.real_tier import photographs
from gltr_lib.study.run import styles_for
from gltr_lib.study.settings import Settings

NOT_HERE = "cannot run here"
Timer = Callable[[TrainConfig, str | None], float]


def measure_step(config: TrainConfig, device: str | None = None, steps: int = 4) -> float:
    """Seconds of one training step, timed on made-up pictures after one step of warming up.

    Args:
        config: the run.
        device: None = the best there is.
        steps: how many steps are timed.

    Returns:
        Seconds a step.
    """
    import torch

    from gltr_lib import engine

    where = engine.pick_device(device)
    images = torch.randint(0, 256, (max(2, config.source_images), 3, *config.crop), dtype=torch.uint8)
    labels = torch.randint(0, config.num_classes, (len(images), *config.crop), dtype=torch.uint8)
    stylizer, bank = styles_for(config, where)

    def train(count: int) -> float:
        started = time.perf_counter()
        engine.train(
            config.replace(steps=count, device=str(where)), images, labels, stylizer=stylizer, bank=bank,
            progress=False,
        )  # fmt: skip
        if where.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    train(1)
    return max(1e-4, (train(1 + steps) - train(1)) / steps)


def plan(
    settings: Settings,
    places: Places,
    *,
    device: str | None = None,
    timer: Timer = measure_step,
    elsewhere: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The state of a tier: every run with what it lacks and its predicted hours.

    Args:
        settings: the tier.
        places: its ledger and folders.
        device: where the rest would run.
        timer: measures a step when the ledger has no row from this device.
        elsewhere: definition -> tier of the networks that earlier tiers train; this tier's own are added.

    Returns:
        ``{"tier", "device", "runs": [...], "hours_left", "rows_outdated"}``, ready for JSON.
    """
    from gltr_lib.engine import pick_device

    name = ledger.device_name(pick_device(device))
    rows = book.read(places.ledger)
    clock = _Clock(rows, name, device, timer, places.cache / "step_seconds.json")
    known = {} if elsewhere is None else elsewhere
    out = []
    for run in grid(settings):
        lacks = missing(run, rows)
        trained = places.network(run).exists()
        entry: dict[str, Any] = {
            "run": run.id, "method": run.method, "seed": run.seed, "steps": run.config.steps,
            "state": _state(run, lacks, trained), "missing": [streets.name for streets in lacks], "hours": 0.0,
        }  # fmt: skip
        first = known.setdefault(run.definition, settings.tier)
        if entry["state"] == NOT_HERE:
            entry["needs"] = run.needs
        elif lacks and not trained and first != settings.tier:
            entry["predicted_from"] = f"trained in tier {first}"
        elif lacks and not trained:
            step, source = clock.seconds(run)
            entry |= {"hours": round(step * run.config.steps / 3600, 4), "step_seconds": round(step, 4)}
            entry["predicted_from"] = source
        out.append(entry)
    counts = {settings.seeds, None}  # what fewer seeds leave out is not outdated
    every = dataclasses.replace(settings, only=rows_for(settings))
    whole = [run for seeds in counts for run in grid(dataclasses.replace(every, seeds=seeds))]
    current = {run.score_definition(streets) for run in whole for streets in run.score}
    scored = [r for r in ledger.find(rows, tier=settings.title, metric="mIoU-19") if not photographs(r["data"])]
    same_kind = [r for r in scored if is_reserved(r["data"]) == settings.final]  # the last look is a list of its own
    old = [r for r in same_kind if r.get("definition") not in current]
    return {
        "tier": settings.title, "device": name, "runs": out,
        "hours_left": round(sum(entry["hours"] for entry in out), 3), "rows_outdated": len(old),
    }  # fmt: skip


def render(state: Mapping[str, Any]) -> str:
    """The plan as text for people."""
    width = max((len(entry["run"]) for entry in state["runs"]), default=3)
    lines = [f"tier {state['tier']} on {state['device']}"]
    for entry in state["runs"]:
        if entry["state"] == NOT_HERE:
            note = f"not run: it needs {entry['needs']}"
        elif entry["state"] == "partly scored":
            note = f"lacks {', '.join(entry['missing'])}"
        elif entry["hours"]:
            note = f"{entry['hours']:6.2f} h ({entry['predicted_from']})"
        else:
            note = f"({entry['predicted_from']})" if entry.get("predicted_from") else ""
        lines.append(f"  {entry['run']:<{width}}  {entry['steps']:>6} steps  {entry['state']:<15} {note}".rstrip())
    done = sum(entry["state"] == "done" for entry in state["runs"])
    lines.append(f"{done} of {len(state['runs'])} done, predicted {state['hours_left']:.2f} h left one after another")
    if state["rows_outdated"]:
        lines.append(f"{state['rows_outdated']} rows of this tier belong to an outdated definition and are not counted")
    return "\n".join(lines)


def _state(run: Run, lacks: Sequence[Any], trained: bool) -> str:
    if not lacks:
        return "done"
    if run.needs:
        return NOT_HERE
    if len(lacks) < len(run.score):
        return "partly scored"
    return "trained" if trained else "not run"


class _Clock:
    """Seconds a step on one device: from the ledger, else from an earlier timing, else measured now."""

    def __init__(
        self, rows: Sequence[ledger.Row], device_name: str, device: str | None, timer: Timer, kept: Path
    ) -> None:
        self.device_name, self.device, self.timer, self.path = device_name, device, timer, kept
        timed = [row for row in rows if row.get("step_seconds")]
        here = [row for row in timed if row["device"] == device_name]
        near = [row for row in timed if without_threads(row["device"]) == without_threads(device_name)]
        #: From the surest to the least sure: (seconds by cost, whether options count, how the source is called).
        self.known = (
            (_medians(here, options=True), True, "ledger"),
            (_medians(near, options=True), True, "ledger, other threads"),
            (_medians(near, options=False), False, "ledger, other options"),  # which move a step by some percent
        )
        try:
            self.kept: dict[str, float] = parse_object(kept.read_bytes())
        except (OSError, ValueError):
            self.kept = {}

    def seconds(self, run: Run) -> tuple[float, str]:
        config = dataclasses.asdict(run.config)
        for table, options, source in self.known:
            if (cost := _cost(config, options)) in table:
                return table[cost], source
        name = f"{self.device_name} {_cost(config)}"
        if name in self.kept:  # a timing of a few steps, taken while who knows what ran beside it
            return self.kept[name], "measured before"
        print(f"timing a few steps of {run.method} on {self.device_name} ...", file=sys.stderr, flush=True)
        try:
            self.kept[name] = self.timer(run.config, self.device)
        except (OSError, RuntimeError, ValueError, TypeError) as error:  # the list must not end at one method
            return 0.0, f"no prediction: {error}"
        write_text(self.path, json.dumps(self.kept, indent=1) + "\n")
        return self.kept[name], "measured now"


def _medians(rows: Sequence[ledger.Row], options: bool) -> dict[str, float]:
    """Median seconds a step of every cost that the rows hold."""
    seen: dict[str, list[float]] = {}
    for row in rows:
        seen.setdefault(_cost(row["config"], options), []).append(row["step_seconds"])
    return {key: statistics.median(values) for key, values in seen.items()}


def _cost(config: Mapping[str, Any], options: bool = True) -> str:
    """Hash of what decides how long a step takes; rows from before a field existed have its default.

    Without ``options`` two settings of one rival, or of one trunk's layers, are the same.
    """
    usual = dataclasses.asdict(TrainConfig())
    method = {**usual["method"], **config["method"]}
    whole = {**usual, **config}
    parts = {key: whole[key] for key in ("model", "model_options", "forward_images", "crop")}
    parts |= {key: method[key] for key in ("views", *(("network", "rival") if options else ()))}
    if set(method["views"]) & PAINTED_VIEWS:
        parts["stylizer"] = whole["stylizer"]
    parts |= {"second loss": [method["consistency"] > 0, method["whitening"] > 0]}
    return digest(json.loads(json.dumps(parts)))
