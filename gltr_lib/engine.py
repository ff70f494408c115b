"""Training: one plain PyTorch loop from a :class:`TrainConfig` and two uint8 tensors to a network.

One step: take source pictures, move them (geometry, the same for all views), paint them (views), shake them
(photometry, for each view), run **one** forward pass over all views, and add up
``(sum of CE over views + lambda * CGL) / number of views``. The division keeps the gradients of methods with one and
with two views comparable; the paper's sum is this times a constant.

Randomness has no memory: the generators of step k are seeded from (seed, k). A run that was killed and resumed is
therefore, bit for bit, the run that was not (same machine, same thread count, on a CPU). The streams are separate, so
two methods with one seed and as many views see the same crops of the same pictures (one view reads twice as many
pictures a step as two). Source: Peng et al., TIP 2021; the poly schedule is DeepLab's, AdamW and the warm-up are ours.

This loop holds its pictures in memory and runs in one process. :mod:`gltr_lib.scale` is its large sister: files that
loader processes decode, several processes and machines, half precision, logs; both take the same steps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gltr_lib._draws import private_randomness, seed_global
from gltr_lib._run import CHECKPOINT, Bar, Run, checksum, forget, read_losses, styled
from gltr_lib._step import (
    GLOBAL,
    autocast_type,
    learning_rate,
    make_batch,
    make_model,
    make_optimizer,
    set_rate,
    source_indices,
    step_loss,
    step_seed,
    update_average,
)  # fmt: skip
from gltr_lib._typed import typed
from gltr_lib._validate import check_device, check_labels, describe
from gltr_lib.config import TrainConfig
from gltr_lib.models import build
from gltr_lib.views import Views

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

__all__ = [
    "TrainResult", "build", "learning_rate", "make_batch", "pick_device", "source_indices", "step_loss", "step_seed",
    "train",
]  # fmt: skip
_AT_SCALE = (  # settings of the full-scale loop alone
    "accumulate", "compile", "pictures_every", "processes", "selection", "sync_bn", "val_every", "workers",
)  # fmt: skip
_FLUSH = 20  # steps between reads of the loss on a GPU, where every read waits for the device
OnStep = Callable[[int, nn.Module, dict[str, float]], None]


@dataclass
class TrainResult:
    """What :func:`train` gives back.

    Attributes:
        model: the trained network, in evaluation mode.
        history: one dict a step: step, loss, ce, consistency, lr.
        seconds: wall time in the training loop, earlier sittings of a resumed run included.
        config: what was run.
        device: where.
    """

    model: nn.Module
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    config: TrainConfig = field(default_factory=TrainConfig)
    device: str = "cpu"


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """Choose where to compute: what was asked for, else CUDA, then Apple MPS, then the CPU.

    Args:
        device: such as "cpu" or "cuda:0"; None chooses.

    Returns:
        The device.

    Raises:
        ValueError: no such device, or not on this machine.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return check_device(device)


@typed
def train(
    config: TrainConfig,
    images: Tensor,
    labels: Tensor,
    *,
    stylizer: Stylizer | None = None,
    bank: StyleBank | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
    on_step: OnStep | None = None,
) -> TrainResult:
    """Train one network.

    Args:
        config: everything that decides the run.
        images: uint8 tensor (N,3,H,W).
        labels: uint8 tensor (N,H,W) of trainIds, 255 = ignore.
        stylizer: None loads ``config.stylizer`` if the method needs it; one that is given is moved to the run's device.
        bank: None loads ``config.bank`` if the method needs it.
        out: folder for ``checkpoint.pt``, written every ``config.checkpoint_every`` steps and at the end.
        resume: continue from the checkpoint in ``out``, if there is one.
        progress: show a progress bar with loss, time a step and time left.
        on_step: called as ``on_step(step, model, record)`` after every step (every 20 steps on a GPU). It may put the
            network into evaluation mode: the next step trains it again.

    Returns:
        A TrainResult with the network in evaluation mode.

    Raises:
        TypeError, ValueError: pictures or labels of a wrong kind, or a checkpoint of another run.
        RuntimeError: the loss is no longer a number; the step and a remedy are named.

    Example:
        >>> images, labels = torch.zeros(4, 3, 32, 64, dtype=torch.uint8), torch.zeros(4, 32, 64, dtype=torch.uint8)
        >>> result = train(TrainConfig(steps=2, forward_images=2, crop=(32, 64)), images, labels, progress=False)
        >>> len(result.history)
        2
    """
    asked = settings_at_scale(config)
    if asked:  # better than leaving them out in silence
        raise ValueError(f"engine.train does not know {', '.join(asked)}; gltr_lib.scale.fit does")
    _check_data(images, labels, config)
    if out is not None and Path(out).exists() and not Path(out).is_dir():  # before the steps to the first checkpoint
        raise ValueError(f"out: expected a folder for the checkpoint, received the file {out}")
    device = pick_device(config.device)
    views = _make_views(config, stylizer, bank, device)
    with private_randomness(device):
        model = make_model(config).to(device)
        optimizer = make_optimizer(model, config)
        average = {k: v.detach().clone() for k, v in model.state_dict().items()} if config.ema else {}
        run = Run(config, model, optimizer, average, Path(out) if out is not None else None)
        run.unstyled = checksum(labels, checksum(images))
        run.fingerprint = styled(run.unstyled, views.bank)
        if resume:
            run.load()
        elif run.out is not None:
            forget(run.out / CHECKPOINT)
        images, labels = images.to(device), labels.to(device)
        _loop(run, images, labels, views, device, progress, on_step)
    if config.ema:
        model.load_state_dict(average)
    return TrainResult(model.eval(), run.history, run.seconds, config, str(device))


def _loop(
    run: Run,
    images: Tensor,
    labels: Tensor,
    views: Views,
    device: torch.device,
    progress: bool,
    on_step: OnStep | None,
) -> None:
    config, model, optimizer = run.config, run.model, run.optimizer
    model.train()
    every = 1 if device.type == "cpu" else _FLUSH
    waiting: list[tuple[int, Tensor, float]] = []
    half = autocast_type(config, device)
    start, before = time.perf_counter(), run.seconds
    bar = Bar(config, run.step, progress)
    for step in range(run.step, config.steps):
        # Only layers such as dropout read the global generator; they too must be the same after a resume.
        seed_global(step_seed(config.seed, step + 1, GLOBAL), device)
        rate = learning_rate(step, config)
        set_rate(optimizer, rate)
        seen, target = make_batch(step, images, labels, config, views)
        with torch.autocast(device.type, dtype=half, enabled=half is not None):
            loss, parts = step_loss(model, seen, target, config, step=step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.grad_clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
        waiting.append((step, torch.cat([loss.detach()[None], parts]), rate))
        last = step + 1 == config.steps
        save = run.out is not None and (last or (step + 1) % config.checkpoint_every == 0)
        flush = last or save or (step + 1) % every == 0
        if flush:  # before the step is taken on a CPU, so that a NaN never reaches the weights
            run.history.extend(read_losses(waiting))
            waiting.clear()
        optimizer.step()
        update_average(run.average, model, step, config.ema)
        run.step, run.seconds = step + 1, before + time.perf_counter() - start
        if flush:
            bar.show(run.step, run.seconds, run.history[-1]["loss"])
            if on_step is not None:
                on_step(step, model, run.history[-1])
                model.train()
        if save:
            run.save()
    bar.close()


def _make_views(config: TrainConfig, stylizer: Stylizer | None, bank: StyleBank | None, device: torch.device) -> Views:
    """The maker of the method's views, with what they need: paintings, and the stylizer if they are painted."""
    if not config.method.needs_paintings:
        return Views(config.method)
    if bank is None:
        from gltr_lib.style_bank import StyleBank

        bank = StyleBank.load(config.bank)
    if not config.method.needs_stylizer:
        return Views(config.method, bank=bank)
    if stylizer is None:
        from gltr_lib.stylizer import Stylizer

        stylizer = Stylizer.load(config.stylizer, device=device)
    return Views(config.method, stylizer.to(device), bank)


def settings_at_scale(config: TrainConfig) -> list[str]:
    """The settings of a run that this loop does not know and :mod:`gltr_lib.scale` does, as ``name=value``.

    Args:
        config: the run.

    Returns:
        Texts; empty if this loop will do.

    Example:
        >>> settings_at_scale(TrainConfig(workers=2))
        ['workers=2']
    """
    usual = {field.name: field.default for field in fields(config)}
    asked = [name for name in _AT_SCALE if getattr(config, name) != usual[name]]
    asked += ["precision"] if config.precision == "fp16" else []
    return [f"{name}={getattr(config, name)!r}" for name in asked]


def _check_data(images: Tensor, labels: Tensor, config: TrainConfig) -> None:
    for name, value, rank in (("images", images, 4), ("labels", labels, 3)):
        if not isinstance(value, Tensor) or value.dtype != torch.uint8 or value.ndim != rank:
            shape = "(N,3,H,W)" if rank == 4 else "(N,H,W)"
            raise TypeError(
                f"{name}: expected a uint8 tensor {shape}, received {describe(value)}; gltr_lib.datasets.stack makes it"
            )
    if images.shape[1] != 3 or len(images) == 0 or len(images) != len(labels) or images.shape[2:] != labels.shape[1:]:
        raise ValueError(
            f"images and labels must be as many (at least one), of one size, with 3 channels; received "
            f"{describe(images)} and {describe(labels)}"
        )
    check_labels(labels, config.num_classes)
