"""One call that trains at full scale, in this process or as one of several that a launcher started."""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gltr_lib._drafts import alone, write_text
from gltr_lib._draws import private_randomness
from gltr_lib._run import read_checkpoint
from gltr_lib.config import TrainConfig
from gltr_lib.scale import parallel
from gltr_lib.scale.clock import peak_memory_mib
from gltr_lib.scale.guard import check_classes, check_copies, check_validation, fingerprint
from gltr_lib.scale.logs import Log
from gltr_lib.scale.result import CONFIG, DATA, NETWORK, RESULT, FitResult
from gltr_lib.scale.samples import Samples
from gltr_lib.scale.setup import make_trainer
from gltr_lib.scale.trainer import BEST, Trainer, make_views

if TYPE_CHECKING:
    from gltr_lib.models import LoadReport
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer


def fit(
    config: TrainConfig,
    dataset: Any,
    *,
    out: str | os.PathLike[str],
    val: Any | None = None,
    stylizer: Stylizer | None = None,
    bank: StyleBank | None = None,
    copies: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
    profile: bool = False,
    data: str = "",
) -> FitResult:
    """Train a network at full scale.

    Args:
        config: everything that decides the run. ``config.processes`` is how many processes call this function
            together; :func:`gltr_lib.scale.launch` and :func:`gltr_lib.scale.notebook` start them.
        dataset: pictures of any sizes, ``pair(index)`` or items as :mod:`gltr_lib.datasets` has them.
        out: run folder: config.json, checkpoint.pt, model.safetensors, result.json, log.csv, log.jsonl,
            tensorboard/, pictures/.
        val: the source's validation split, scored every ``config.val_every`` steps and at the end.
        stylizer: None loads ``config.stylizer`` if the method needs it.
        bank: None loads ``config.bank`` if the method needs it.
        copies: folder of offline copies (copy-00, copy-01, ...) that views show which would be painted online ("gtr",
            "regions").
        resume: go on from the checkpoint in ``out``, if there is one.
        progress: show a bar with loss, time a step and time left (main process).
        profile: print the share of each phase at the end (it is in the result either way).
        data: JSON that says what the dataset is, for the run folder.

    Returns:
        A FitResult with the network in evaluation mode; the network is the same in every process, the log's rows are
        whole in the main process alone.

    Raises:
        ValueError, TypeError: settings, data or a checkpoint that do not fit; the remedy is named.
        RuntimeError: the loss is no longer a number, a loader process died, torch.compile failed.
        OSError: the disk is full; the last checkpoint is whole.

    Example:
        >>> import tempfile
        >>> from gltr_lib.datasets import StreetsDataset
        >>> config = TrainConfig(steps=1, forward_images=2, crop=(16, 32), device="cpu")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = fit(config, StreetsDataset([0, 1], size=(16, 32)), out=folder, progress=False)
        >>> result.history[0]["step"]
        1
    """
    if len(dataset) == 0:
        raise ValueError("dataset: expected at least one picture, received none")
    check_classes(config, dataset)
    check_validation(config, dataset, val)
    offline = check_copies(config, dataset, copies)
    stylizer, bank = _styles(config, stylizer, bank, offline is not None)
    folder = Path(out)
    with parallel.world(config) as world, private_randomness(world.device), _held(folder, world.main):
        views = make_views(config, world, stylizer, bank, offline)
        mark = fingerprint(dataset, views.bank, offline)
        trainer = make_trainer(config, world, folder, views, mark, resume=resume)
        log = None
        if world.main:
            write_text(_made(folder) / CONFIG, config.to_json() + "\n")
            if data:
                write_text(folder / DATA, data + "\n")
            log = Log(folder, trainer.step, loud=progress)
            if trainer.trunk is not None and trainer.step == 0:
                tell_trunk(trainer.trunk, progress)
            if note := parallel.apart(trainer.model, config, world.device):
                warnings.warn(note, stacklevel=2)
        first = trainer.step
        try:
            clock = trainer.run(Samples(dataset, config, offline), val, log, progress and world.main)
        finally:
            if log is not None:
                log.close()
        result = _close(trainer, log, clock.seconds(), first, data)
        world.wait()
    if profile and world.main:
        print(result.profile_table(), flush=True)
    return result


def tell_trunk(report: LoadReport, loud: bool) -> None:
    """Say what became of the weights that the trunk starts from: a warning if some are missing or foreign."""
    if report.complete and not report.unexpected:
        if loud:
            print(report, file=sys.stderr)
        return
    warnings.warn(f"init: {report}", stacklevel=2)


def _close(trainer: Trainer, log: Log | None, phases: dict[str, float], first: int, data: str) -> FitResult:
    """Choose the network, write it and the result down."""
    from gltr_lib.models import export

    config, world, out = trainer.config, trainer.world, trainer.out
    trainer.agree()
    model = world.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    chosen = config.steps
    if config.ema:
        model.load_state_dict(trainer.average)
    if config.selection == "source-val":
        kept: dict[str, Any] = world.share(read_checkpoint(out / BEST, "cpu") if world.main else {})
        model.load_state_dict(kept["model"])
        chosen = kept["step"]
    steps, seconds = config.steps - first, sum(phases.values())
    speed = round(config.forward_images * steps / seconds, 3) if seconds else 0.0
    records = log.records if log is not None else trainer.history
    result = FitResult(
        config, out, model.eval(), [r for r in records if "loss" in r], [r for r in records if "val_miou" in r],
        round(trainer.seconds, 3), str(world.device), {k: round(v, 4) for k, v in phases.items()}, steps, speed,
        round(peak_memory_mib(world.device), 1), chosen,
    )  # fmt: skip
    if world.main:
        facts = result.facts(data) | ({"init": str(trainer.trunk)} if trainer.trunk is not None else {})
        export(model, out / NETWORK, {"facts": json.dumps(facts)})
        if steps or not (out / RESULT).is_file():  # a finished run that is called again keeps its measured times
            write_text(out / RESULT, json.dumps(result.summary(), indent=1) + "\n")
    return result


def _styles(config: TrainConfig, stylizer: Any, bank: Any, offline: bool) -> tuple[Any, Any]:
    """The stylizer and the bank that the views need; what was handed over is used, what is not needed is not loaded."""
    method = config.method
    if stylizer is None and method.needs_stylizer and not offline:
        from gltr_lib.stylizer import Stylizer

        stylizer = Stylizer.load(config.stylizer)
    if bank is None and (method.shows_paintings if offline else method.needs_paintings):
        from gltr_lib.style_bank import StyleBank

        bank = StyleBank.load(config.bank)
    return stylizer, bank


def _held(folder: Path, main: bool) -> AbstractContextManager[None]:
    """The folder, for this run alone: two that wrote one log would double its rows."""
    return alone(folder) if main else nullcontext()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
