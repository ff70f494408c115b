"""What a campaign counts, and how it says so."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# Of each kind of loss so many are kept in full; the counts are always complete.
MOST_LOSSES = 20


@dataclass
class Tally:
    """Counts of one part of the campaign.

    Attributes:
        name: of the part, such as "kill: stylize".
        tried: cases that were run.
        injected: faults that really took place in them (a kill that came after the end is none).
        refused: cases that ended in a one-line error, as they should.
        survived: cases that ended as promised, refused ones included.
        losses: what went wrong elsewhere, a line each.
        skipped: why the part, or some of it, did not run here; empty if it did.
        measured: figures worth keeping, such as peak memory in MiB.
        seconds: wall time.
    """

    name: str
    tried: int = 0
    injected: int = 0
    refused: int = 0
    survived: int = 0
    losses: list[str] = field(default_factory=list)
    skipped: str = ""
    measured: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        """Cases that did not end as promised."""
        return self.tried - self.survived

    def survive(self, *, injected: bool = False, refused: bool = False) -> None:
        """Count a case that ended as promised."""
        self.tried += 1
        self.survived += 1
        self.injected += injected
        self.refused += refused

    def lose(self, what: str, *, injected: bool = False) -> None:
        """Count a case that did not, and keep what happened on one line."""
        self.tried += 1
        self.injected += injected
        if len(self.losses) < MOST_LOSSES:
            self.losses.append(" ".join(what.split())[:600])


@contextmanager
def timed(tally: Tally) -> Iterator[Tally]:
    """Add the wall time of a block to a tally.

    Example:
        >>> with timed(Tally("nothing")) as tally:
        ...     tally.survive()
        >>> tally.lost, tally.seconds > 0
        (0, True)
    """
    start = time.perf_counter()
    try:
        yield tally
    finally:
        tally.seconds += time.perf_counter() - start


def table(tallies: Sequence[Tally]) -> str:
    """The counts as text: a line for each part, the sum, then every loss and every skip.

    Example:
        >>> print(table([Tally("mask", tried=2, survived=2, refused=1)]).splitlines()[1].split())
        ['mask', '2', '0', '1', '2', '0', '0.0', 's']
    """
    total = Tally("total")
    for tally in tallies:
        for name in ("tried", "injected", "refused", "survived", "seconds"):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    width = max(len(t.name) for t in (*tallies, total))
    lines = [f"{'':{width}}   tried  faults  refused  survived  lost     time"]
    lines += [
        f"{t.name:{width}}  {t.tried:6,}  {t.injected:6,}  {t.refused:7,}  {t.survived:8,}  {t.lost:4,}"
        f"  {t.seconds:5.1f} s"
        for t in (*tallies, total)
    ]
    for t in tallies:
        lines += [f"{t.name}: {key} {value}" for key, value in t.measured.items()]
    lines += [f"skipped: {t.name}: {t.skipped}" for t in tallies if t.skipped]
    for t in tallies:
        lines += [f"LOST: {t.name}: {loss}" for loss in t.losses]
    return "\n".join(lines)


def write(path: Path, tallies: Sequence[Tally], **about: Any) -> None:
    """Keep the counts as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**about, "parts": [{**asdict(t), "lost": t.lost} for t in tallies]}, indent=1) + "\n")
