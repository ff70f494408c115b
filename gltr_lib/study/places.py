"""Where the study keeps what: its ledgers, its networks, its rendered streets.

The study's own commands write where they are started (``runs/``, ``results/``), as they say; where a library call
keeps its rendered streets says :mod:`gltr_lib._checkout`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gltr_lib.study.grid import Run
from gltr_lib.study.settings import Settings


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the study keeps what.

    Attributes:
        ledger: the JSON lines of the results.
        runs: checkpoints, networks, rendered streets and logs; may be deleted, then it is made again.
    """

    ledger: Path
    runs: Path = Path("runs")

    @property
    def cache(self) -> Path:
        return self.runs / "cache"

    def folder(self, run: Run) -> Path:
        """Where a run lives; a tier that declares the same network finds it where the other one trained it."""
        own = self.runs / "study" / run.id
        twins = [] if own.exists() else sorted(own.parent.glob(f"*-s{run.seed}-{run.definition[:8]}"))
        return twins[0] if twins else own

    def network(self, run: Run) -> Path:
        return self.folder(run) / "model.safetensors"


def default_ledger(settings: Settings) -> Path:
    """The committed ledger for a whole tier; a shortened or changed one stays out of it."""
    whole = settings.title == settings.tier
    return Path("results" if whole else "runs") / f"{settings.tier}{'' if whole else '-changed'}.jsonl"
