"""What a user may change about a tier, checked before anything runs, and what the changed tier is called."""

from __future__ import annotations

from dataclasses import dataclass

from gltr_lib.datasets.looks import FINAL_LOOKS, TEST_LOOKS, sampled_looks
from gltr_lib.study.groups import groups
from gltr_lib.study.tiers import FIRST_SEED, TIERS

#: Training steps of each tier, unless a user asks for others.
STEPS = {"headline": 2000, "tuning": 1000, "rivals": 2000, "ablations": 2000, "real": 500}


@dataclass(frozen=True)
class Settings:
    """What a user may change about a tier; anything but the defaults is named in the rows.

    Attributes:
        tier: one of ``TIERS``.
        steps: training steps; None = the tier's own.
        seeds: number of seeds; None = the tier's own.
        only: methods to run; empty = all.
        scenes: shorten every set of streets to this many scenes (0 = whole), for a rehearsal.
        looks: the test looks, "sampled:<first>..<last>"; empty = the study's own.
        final: score the finished networks on the reserved looks, once.
        retrain: train again what has rows and whose network is not here; its rows stay as they are.
        overrides: ``key=value`` changes of every TrainConfig.
    """

    tier: str = "headline"
    steps: int | None = None
    seeds: int | None = None
    only: tuple[str, ...] = ()
    scenes: int = 0
    looks: str = ""
    final: bool = False
    retrain: bool = False
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"tier: unknown {self.tier!r}; valid: {', '.join(TIERS)}")
        if self.only:  # the names of a tier's rows do not depend on what was tuned
            known = [row.name for group in groups(self.tier) for row in group]
            unknown = [name for name in self.only if name not in known]
            if unknown:
                raise ValueError(f"only: unknown methods {', '.join(unknown)}; valid: {', '.join(known)}")
        for name in ("steps", "seeds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: expected at least 1, received {value}")
        if self.scenes < 0:
            raise ValueError(f"scenes: expected 0 (all) or more, received {self.scenes}")
        if not self.looks:
            object.__setattr__(self, "looks", FINAL_LOOKS if self.final else TEST_LOOKS)
        sampled_looks(self.looks, final=self.final)
        if self.final and self.tier == "tuning":
            raise ValueError("final: trials are never scored on test looks; choose another tier")
        if self.final and self.retrain:
            raise ValueError("retrain: trains and compares with the ledger; score with final afterwards")

    @property
    def first_seed(self) -> int:
        """The seed of the first run; trials have seeds of their own."""
        return FIRST_SEED.get(self.tier, 0)

    @property
    def title(self) -> str:
        """The tier's name in the ledger; a shortened or changed tier says so."""
        changes = []
        if self.steps is not None and self.steps != STEPS[self.tier]:
            changes.append(f"{'short' if self.steps < STEPS[self.tier] else 'long'}: {self.steps} steps")
        if self.scenes:
            changes.append(f"short: {self.scenes} scenes")
        if self.overrides:
            changes.append(f"changed: {' '.join(self.overrides)}")
        return f"{self.tier} ({', '.join(changes)})" if changes else self.tier
