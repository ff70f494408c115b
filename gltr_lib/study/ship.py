"""Putting the study's networks into the package, each with the name of its rows in the ledger."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gltr_lib import ledger, weights
from gltr_lib.models import SHIPPED
from gltr_lib.study.grid import grid
from gltr_lib.study.places import Places
from gltr_lib.study.settings import Settings


def ship(settings: Settings, places: Places, *, assets: str | Path | None = None) -> list[str]:
    """Register the finished networks of seed 0 under "mini-<method>".

    Args:
        settings: the tier.
        places: its ledger and networks.
        assets: another folder than the package's own.

    Returns:
        The names registered.
    """
    rows = ledger.read(places.ledger)
    shipped = []
    for run in grid(dataclasses.replace(settings, seeds=1)):
        if run.method not in SHIPPED or not places.network(run).exists():
            continue
        scores = {row["data"]: row["value"] for row in ledger.find(rows, run=run.id)}
        weights.register(
            f"mini-{run.method}", places.network(run), kind="model",
            recipe=f"gltr study --tier {settings.tier} --only {run.method} --seeds 1", ledger_id=run.id,
            metadata={"model": run.config.model, "steps": run.config.steps, "miou": scores}, assets=assets,
        )  # fmt: skip
        shipped.append(f"mini-{run.method}")
    return shipped
