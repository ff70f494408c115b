"""What the study has, what it lacks, and how long the rest will take on this machine.

Hours are predicted from the seconds a step that the ledger's rows report for this device; a method that never ran here
is timed for a few steps on made-up pictures.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from gltr_lib import ledger
from gltr_lib.config import TrainConfig
from gltr_lib.study.grid import CONVERGENCE, Run, Settings, grid
from gltr_lib.study.run import Places, missing, styles_for

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
    settings: Settings, places: Places, *, device: str | None = None, timer: Timer = measure_step
) -> dict[str, Any]:
    """The state of a tier: every run with what it lacks and its predicted hours.

    Args:
        settings: the tier.
        places: its ledger and folders.
        device: where the rest would run.
        timer: measures a step when the ledger has no row from this device.

    Returns:
        ``{"tier", "device", "runs": [...], "hours_left", "rows_outdated"}``, ready for JSON.
    """
    from gltr_lib.engine import pick_device

    name = ledger.device_name(pick_device(device))
    rows = ledger.read(places.ledger)
    seconds: dict[str, tuple[float, str]] = {}
    out = []
    runs = grid(settings)
    for run in runs:
        lacks = missing(run, rows)
        trained = places.network(run).exists()
        entry = {
            "run": run.id,
            "method": run.method,
            "seed": run.seed,
            "steps": run.config.steps,
            "state": _state(run, lacks, trained),
            "missing": [streets.name for streets in lacks],
            "hours": 0.0,
        }
        if lacks and not trained:
            key = "baseline" if run.method in ("oracle", CONVERGENCE) else run.method
            if key not in seconds:
                seconds[key] = _step_seconds(run, rows, name, device, timer)
            step, source = seconds[key]
            entry |= {"hours": round(step * run.config.steps / 3600, 4), "step_seconds": round(step, 4)}
            entry["predicted_from"] = source
        out.append(entry)
    current = {run.score_definition(s) for run in grid(dataclasses.replace(settings, only=())) for s in run.score}
    old = [r for r in ledger.find(rows, tier=settings.title, metric="mIoU-19") if r.get("definition") not in current]
    return {
        "tier": settings.title,
        "device": name,
        "runs": out,
        "hours_left": round(sum(entry["hours"] for entry in out), 3),  # type: ignore[misc]
        "rows_outdated": len(old),
    }


def render(state: dict[str, Any]) -> str:
    """The plan as text for people."""
    width = max((len(entry["run"]) for entry in state["runs"]), default=3)
    lines = [f"tier {state['tier']} on {state['device']}"]
    for entry in state["runs"]:
        note = f"{entry['hours']:6.2f} h ({entry['predicted_from']})" if entry["hours"] else ""
        lacks = f"lacks {', '.join(entry['missing'])}" if entry["state"] == "partly scored" else ""
        lines.append(
            f"  {entry['run']:<{width}}  {entry['steps']:>6} steps  {entry['state']:<13} {note}{lacks}".rstrip()
        )
    done = sum(entry["state"] == "done" for entry in state["runs"])
    lines.append(f"{done} of {len(state['runs'])} done, predicted {state['hours_left']:.2f} h left one after another")
    if state["rows_outdated"]:
        lines.append(f"{state['rows_outdated']} rows of this tier belong to an outdated definition and are not counted")
    return "\n".join(lines)


def _state(run: Run, lacks: Sequence[Any], trained: bool) -> str:
    if not lacks:
        return "done"
    if len(lacks) < len(run.score):
        return "partly scored"
    return "trained" if trained else "not run"


def _step_seconds(
    run: Run, rows: Sequence[ledger.Row], device_name: str, device: str | None, timer: Timer
) -> tuple[float, str]:
    same = [
        row["step_seconds"]
        for row in rows
        if row.get("step_seconds")
        and row["device"] == device_name
        and row["config"]["method"]["views"] == list(run.config.method.views)
        and all(row["config"].get(k) == _plain(getattr(run.config, k)) for k in ("model", "forward_images", "crop"))
    ]
    if same:
        return statistics.median(same), "ledger"
    return timer(run.config, device), "measured now"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
