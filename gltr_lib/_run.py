"""The state of a training run: its checkpoint, its progress bar, and the reading of its losses.

Kept apart from :mod:`gltr_lib.engine` so that the training loop can be read alone. A checkpoint is one file, written
beside its place and moved there: it is whole or it is not there, whenever the process is killed.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from gltr_lib._drafts import draft_name, is_full, sweep_beside
from gltr_lib._json import parse_object
from gltr_lib.config import TrainConfig
from gltr_lib.weights import refuse_claims

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank

CHECKPOINT = "checkpoint.pt"
VERSION = 2  # of a checkpoint; those without one knew no bank that was loaded by its name
_COLUMNS = ("step", "loss", "ce", "consistency", "lr")
# Fields that may differ when a run is resumed: but for rounding they do not change what is learnt. (Other processes
# and parts do where a BatchNorm sees its own pictures alone.)
FREE_TO_CHANGE = frozenset(
    {"device", "checkpoint_every", "processes", "accumulate", "workers", "log_every", "pictures_every"}
)

_REMEDY = "use another folder, or start anew there (gltr train --fresh, in Python resume=False)"


def read_losses(waiting: list[tuple[int, Tensor, float]]) -> Iterator[dict[str, float]]:
    """Bring losses from the device and refuse what is not a number."""
    values = torch.stack([parts for _, parts, _ in waiting]).float().tolist()
    for (step, _, rate), (loss, ce, agreement) in zip(waiting, values, strict=True):
        if not math.isfinite(loss):
            raise RuntimeError(
                f"the loss became {loss} at step {step} (cross-entropy {ce}, consistency {agreement}, learning rate "
                f"{rate:.2g}); look at the pictures of that step; a lower lr, a longer warmup or "
                f"grad_clip=1 helps, and starts anew (gltr train --fresh, in Python resume=False)"
            )
        yield dict(zip(_COLUMNS, (step, loss, ce, agreement, rate), strict=True))


def packed(history: list[dict[str, float]]) -> Tensor:
    """A history as float64 (N,5): as dicts, long ones took longer to write, and to read, than the network."""
    values = (row[name] for row in history for name in _COLUMNS)
    numbers = np.fromiter(values, np.float64, len(history) * len(_COLUMNS))
    return torch.from_numpy(numbers.reshape(-1, len(_COLUMNS)))


def unpacked(kept: Tensor | list[dict[str, float]]) -> list[dict[str, float]]:
    """A history as a checkpoint holds it, in dicts again; earlier checkpoints hold the dicts themselves.

    Example:
        >>> history = [{"step": 0, "loss": 1.5, "ce": 1.0, "consistency": 0.5, "lr": 0.01}]
        >>> unpacked(packed(history)) == unpacked(history) == history
        True
    """
    if isinstance(kept, list):
        return kept
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in kept.tolist()]
    return [{**row, "step": int(row["step"])} for row in rows]


@dataclass
class Run:
    """What a checkpoint holds. The generators are not among it: they are functions of seed and step."""

    config: TrainConfig
    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    out: Path | None
    step: int = 0
    seconds: float = 0.0
    fingerprint: int = 0
    unstyled: int = 0  # the fingerprint without the bank
    history: list[dict[str, float]] = field(default_factory=list)

    def save(self) -> None:
        """Write the checkpoint beside its place and move it there, so that it is whole or not at all."""
        if self.out is None:
            return
        state = {
            "version": VERSION, "config": self.config.to_json(), "step": self.step, "seconds": self.seconds,
            "fingerprint": self.fingerprint, "history": packed(self.history), "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(), "average": self.average,
        }  # fmt: skip
        write_checkpoint(self.out / CHECKPOINT, state)

    def load(self) -> None:
        """Take up the run that the checkpoint holds, if there is one."""
        path = self.out / CHECKPOINT if self.out is not None else None
        if path is None or not path.is_file():
            return
        state = read_checkpoint(path, "cpu")
        early = "version" not in state and state.get("fingerprint") == self.unstyled
        check_same_run(path, state, self.config, self.unstyled if early else self.fingerprint)
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            for name, value in state["average"].items():
                self.average[name].copy_(value)
            self.step, self.seconds, self.history = state["step"], state["seconds"], unpacked(state["history"])
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            why = " ".join(str(error).split())[:200]
            raise ValueError(f"{path}: a checkpoint of another network ({why}); {_REMEDY}") from None


def forget(*files: Path) -> None:
    """Remove what an earlier run left: one that starts anew and is stopped early must not go on from there."""
    for file in files:
        file.unlink(missing_ok=True)


def write_checkpoint(path: Path, state: dict[str, Any], previous: Path | None = None) -> None:
    """Write a checkpoint beside its place and move it there, so that it is whole or not at all.

    Args:
        path: its place.
        state: what torch.save takes.
        previous: where the checkpoint that lies there now is kept.

    Raises:
        OSError: it cannot be written (the disk is full); what was there before is untouched.
    """
    part = draft_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(path)
        with open(part, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch's writer turns some errors of the disk into RuntimeErrors
        with suppress(OSError):
            part.unlink(missing_ok=True)
        kept = "the checkpoint before it is whole" if path.exists() else "there is none before it"
        why = _why(error)
        raise OSError(f"{path}: the checkpoint of step {state.get('step')} was not written ({why}); {kept}") from error
    if previous is not None and path.exists():
        path.replace(previous)
    part.replace(path)


def _why(error: BaseException) -> str:
    """The reason for a failed write: what the system said, under what torch's writer made of it."""
    first: BaseException | None = error
    while first is not None and not (isinstance(first, OSError) and first.errno):
        first = first.__cause__ or first.__context__
    if first is not None and is_full(first):
        return "the disk is full; free some space and call this again"
    return " ".join(str(first or error).split())[:200]


def read_checkpoint(path: Path, device: torch.device | str) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        ValueError: there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise ValueError(f"{path}: is missing; it was written by this run and removed since; {_REMEDY}")
    refuse_claims(path, "delete it to start anew")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        what = type(error).__name__  # torch's own text is long and advises to load the file without its safeguard
        raise ValueError(f"{path}: not a checkpoint that can be read ({what}); delete it to start anew") from None
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise ValueError(f"{path}: not a checkpoint of a training (no step in it); delete it to start anew")
    return state


def check_same_run(path: Path, state: dict[str, Any], config: TrainConfig, data: int) -> None:
    """Refuse the checkpoint of another run; settings that it is too old to know had their defaults.

    Raises:
        ValueError: other settings (each named with both values), pictures or styles.
    """
    usual = json.loads(TrainConfig().to_json())
    try:
        wanted, found = json.loads(config.to_json()), {**usual, **parse_object(str(state.get("config")))}
    except ValueError as error:
        raise ValueError(f"{path}: a checkpoint without a configuration ({error}); {_REMEDY}") from None
    if isinstance(found["method"], dict):
        found["method"] = {**usual["method"], **found["method"]}
    differ = [k for k in wanted if k not in FREE_TO_CHANGE and wanted[k] != found.get(k)]
    if differ:
        changes = ", ".join(f"{key}={found.get(key)!r}, now {wanted[key]!r}" for key in differ)
        raise ValueError(f"{path} belongs to another run: {changes}; {_REMEDY}")
    if state.get("fingerprint") != data:
        raise ValueError(f"{path} belongs to a run on other pictures or styles; {_REMEDY}")


class Bar:
    """A progress bar if tqdm is there, silence otherwise."""

    def __init__(self, config: TrainConfig, first: int, wanted: bool) -> None:
        self.bar: Any = None
        if wanted:
            try:
                from tqdm import tqdm
            except ImportError:
                print(f"training {config.method.name}: {config.steps} steps (pip install tqdm shows them)", flush=True)
                return
            self.bar = tqdm(total=config.steps, initial=first, desc=config.method.name, mininterval=1.0, unit="step")

    def show(self, step: int, seconds: float, loss: float) -> None:
        """Steps that are done, the seconds that they took, and the last loss."""
        if self.bar is not None:
            self.bar.set_postfix(loss=f"{loss:.3f}", ms=f"{1000 * seconds / step:.0f}", refresh=False)
            self.bar.update(step - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def styled(value: int, bank: StyleBank | None) -> int:
    """The checksum of what a run learns from: that of its pictures, carried on over its styles if there are any.

    A resume on other pictures or styles is noticed by it.
    """
    return value if bank is None else checksum(bank.stats.mean, value)


def checksum(tensor: Tensor, value: int = 0) -> int:
    """CRC-32 of a tensor's numbers, going on from an earlier value."""
    return zlib.crc32(tensor.detach().cpu().contiguous().numpy().data, value)
