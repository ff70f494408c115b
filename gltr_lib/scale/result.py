"""What a run leaves behind, in memory and in its folder."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from gltr_lib import ledger
from gltr_lib._json import parse_object
from gltr_lib.config import TrainConfig
from gltr_lib.models import load_checkpoint
from gltr_lib.scale.clock import table
from gltr_lib.scale.logs import read_records

NETWORK, CONFIG, DATA, RESULT = "model.safetensors", "config.json", "data.json", "result.json"


#: What ``result.json`` holds: fields of FitResult.
SUMMARY = ("seconds", "device", "profile", "steps", "images_per_second", "memory_mib", "chosen")


@dataclass
class FitResult:
    """A finished run.

    Attributes:
        config: what was run.
        out: its folder.
        model: the network in evaluation mode, on the CPU when it was read from the folder.
        history: rows of the log: means over ``log_every`` steps.
        validation: scores on the source's validation split: step, val_miou, val_iou.
        seconds: wall time in the training loop, earlier sittings included.
        device: where it ran.
        profile: seconds of the last sitting by phase (data, randomise, forward, backward, optimiser).
        steps: steps of the last sitting.
        images_per_second: images through the network in the last sitting, all views and processes together.
        memory_mib: peak memory of the main process.
        chosen: step of the network that was kept.
    """

    config: TrainConfig
    out: Path
    model: nn.Module
    history: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    device: str = "cpu"
    profile: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    images_per_second: float = 0.0
    memory_mib: float = 0.0
    chosen: int = 0

    def profile_table(self) -> str:
        """Time by phase, speed and memory of the last sitting, as text."""
        return table(self.profile, self.steps, self.images_per_second, self.memory_mib)

    def facts(self, data: str = "") -> dict[str, Any]:
        """What travels in the network's file: the configuration and how it was trained."""
        return {
            "config": dataclasses.asdict(self.config),
            "wall_seconds": round(self.seconds, 2),
            "device": ledger.device_name(self.device),
            "commit": ledger.git_commit(),
            "processes": self.config.processes,
            "data": json.loads(data) if data else None,
            "chosen_step": self.chosen,
        }

    def summary(self) -> dict[str, Any]:
        """Everything but network, configuration and log, as JSON values."""
        return {name: getattr(self, name) for name in SUMMARY}

    @classmethod
    def read(cls, out: str | os.PathLike[str]) -> FitResult:
        """The result of a run that ended in other processes, from its folder.

        Args:
            out: the run folder.

        Returns:
            The result; its network is on the CPU, in the half precision of the file brought back to single.

        Raises:
            ValueError: the folder holds no finished run.
        """
        folder = Path(out)
        missing = [name for name in (CONFIG, RESULT, NETWORK) if not (folder / name).is_file()]
        if missing:
            raise ValueError(f"{folder}: no finished run ({', '.join(missing)} not found); run the training to its end")
        config = TrainConfig.from_json((folder / CONFIG).read_text(encoding="utf-8"))
        try:
            summary = parse_object((folder / RESULT).read_bytes())
            if not summary.keys() <= set(SUMMARY):
                raise ValueError(f"unknown {', '.join(sorted(summary.keys() - set(SUMMARY)))}")
        except ValueError as error:
            raise ValueError(f"{folder / RESULT}: not a run's result ({error}); run the training to its end") from None
        records = read_records(folder / "log.jsonl")
        return cls(
            config, folder, load_checkpoint(folder / NETWORK)[0], [r for r in records if "loss" in r],
            [r for r in records if "val_miou" in r], **summary,
        )  # fmt: skip
