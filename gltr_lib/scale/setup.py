"""A trainer that is ready to run: the network, its optimizer and what the checkpoint of an earlier sitting holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gltr_lib._run import CHECKPOINT, check_same_run, forget, read_checkpoint
from gltr_lib._step import make_model, make_optimizer
from gltr_lib.config import TrainConfig
from gltr_lib.scale.parallel import World, share_norms
from gltr_lib.scale.result import NETWORK, RESULT
from gltr_lib.scale.trainer import BEST, PREVIOUS, Trainer
from gltr_lib.views import Views


def make_trainer(
    config: TrainConfig, world: World, out: Path, views: Views, fingerprint: int, *, resume: bool
) -> Trainer:
    """Make the network and the optimizer, take up the checkpoint, hand both to Accelerate.

    Args:
        config, world, out: what, with whom, and where it is written.
        views: maker of the method's views.
        fingerprint: checksum of the data.
        resume: go on from the checkpoint in ``out``, if there is one.

    Raises:
        ValueError: sync_bn without CUDA, or what :func:`find_checkpoint` raises.
    """
    model = make_model(config)
    trunk = getattr(model, "trunk_report", None)
    if config.sync_bn:
        if world.device.type != "cuda":
            raise ValueError("sync_bn: BatchNorm over processes works on CUDA alone; use a network with GroupNorm")
        model = share_norms(model)
    model = model.to(world.device)
    optimizer = make_optimizer(model, config)
    if world.main and not resume:
        forget(*(out / name for name in (CHECKPOINT, PREVIOUS, BEST, RESULT, NETWORK)))
    state = world.share(find_checkpoint(out, config, fingerprint) if resume and world.main else None)
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    average = {k: v.detach().clone() for k, v in model.state_dict().items()} if config.ema else {}
    if state is not None:
        for name, value in state["average"].items():
            average[name].copy_(value)
    prepared, stepper = world.accelerator.prepare(model, optimizer)
    scaler = world.accelerator.scaler
    if state is not None and scaler is not None and state["scaler"]:
        scaler.load_state_dict(state["scaler"])
    if config.compile:
        prepared = torch.compile(prepared)
    trainer = Trainer(config, world, out, views, fingerprint, model, optimizer, average, prepared, stepper, trunk)
    if state is not None:
        trainer.step, trainer.seconds, trainer.best = state["step"], state["seconds"], tuple(state["best"])
    return trainer


def find_checkpoint(out: Path, config: TrainConfig, fingerprint: int) -> dict[str, Any] | None:
    """The newest checkpoint that is whole, if there is one, and of this run.

    Raises:
        ValueError: checkpoints, but none that can be read, or of another run.
    """
    broken: list[str] = []
    for path in (out / CHECKPOINT, out / PREVIOUS):
        if not path.is_file():
            continue
        try:
            state = read_checkpoint(path, "cpu")
        except ValueError as error:
            broken.append(str(error))
            continue
        check_same_run(path, state, config, fingerprint)
        if broken:
            print(f"{broken[0].split(';')[0]}; going on from {path.name}, step {state['step']}", flush=True)
        return state
    if broken:
        raise ValueError("; ".join(broken))
    return None
