"""Where the study keeps what: its ledgers, its networks, its rendered streets.

The study's own commands write where they are started (``runs/``, ``results/``), as they say. A library call that a
stranger makes in a project of his own must leave nothing there: its rendered streets go to his cache.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gltr_lib.study.grid import Run, Settings


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


def checkout() -> Path | None:
    """The checkout of this course that the working directory is in; None anywhere else."""
    here = Path.cwd()
    return next((base for base in (here, *here.parents) if _is_ours(base)), None)


def _is_ours(base: Path) -> bool:
    return (base / "gltr_lib" / "study").is_dir() and (base / "lessons").is_dir()


def default_cache() -> Path:
    """Where rendered streets are kept: ``runs/cache`` of the checkout, elsewhere ``streets`` in ``~/.cache/gltr``.

    The VGG weights lie in that same folder of the user's; it may be deleted, then the streets are rendered again.

    Example:
        >>> default_cache().name in ("cache", "streets")
        True
    """
    base = checkout()
    return base / "runs" / "cache" if base is not None else Path.home() / ".cache" / "gltr" / "streets"


def default_ledger(settings: Settings) -> Path:
    """The committed ledger for a whole tier; a shortened or changed one stays out of it."""
    whole = settings.title == settings.tier
    return Path("results" if whole else "runs") / f"{settings.tier}{'' if whole else '-changed'}.jsonl"
