"""The full-scale loop: the engine's step, spread over processes and parts, fed by loader processes.

It takes the step of :mod:`gltr_lib.engine` (one forward pass over all views, ``(CE + lambda * CGL)`` by the number of
views) with these additions. The pictures of a step are shared among processes (DDP) and parts (accumulation); the loss
is divided by the pixels of the *whole* step, so that the shares add up and the gradient is that of one large batch. The
network runs in half precision where asked, and everything is logged, checkpointed and resumed.

What does not depend on the number of processes: the pictures, cuts, styles, masks and blurs of every step, and up to
rounding (1e-6) the weights of networks with GroupNorm or frozen BatchNorm. What does: ordinary BatchNorm, whose
statistics are those of one process (``sync_bn`` shares them, on CUDA), dropout, and MixStyle, whose pictures meet those
of their own process and part alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from gltr_lib._draws import seed_global
from gltr_lib._run import CHECKPOINT, Bar, read_losses, write_checkpoint
from gltr_lib._step import (
    GLOBAL,
    PHOTOMETRY,
    TEXTURE,
    learning_rate,
    set_rate,
    step_loss,
    step_seed,
    update_average,
)
from gltr_lib.config import TrainConfig
from gltr_lib.losses import class_totals
from gltr_lib.models import LoadReport
from gltr_lib.scale.clock import Clock, by_the_clock, peak_memory_mib
from gltr_lib.scale.guard import explained
from gltr_lib.scale.logs import Log, sheet
from gltr_lib.scale.parallel import World
from gltr_lib.scale.samples import Batch, Copies, Samples, Steps, Trouble, collate, place_generator
from gltr_lib.views import Views, photometric

PREVIOUS = "checkpoint.previous.pt"
BEST = "best.pt"
_SHOWN = 3  # samples on a sheet of predictions
_READERS = 4  # threads that read pictures for a validation: each holds two


@dataclass
class Trainer:
    """One run in one process: its network, optimizer and place in time; :mod:`gltr_lib.scale.setup` makes it.

    Attributes:
        config, world, out: what, with whom, and where it is written.
        views: maker of the method's views.
        fingerprint: checksum of the data.
        model, optimizer: bare, as they are saved.
        average: running mean of the weights, if there is one.
        prepared, stepper: the same network and optimizer as Accelerate wraps them (and torch.compile the first).
        trunk: what became of each tensor of ``config.init``, if there is one.
        step: steps that are done.
        seconds: in the loop, earlier sittings included.
        best: score and step of the network that is kept (selection on the source's validation split).
        history: rows of the log of this sitting.
    """

    config: TrainConfig
    world: World
    out: Path
    views: Views
    fingerprint: int
    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor]
    prepared: Any
    stepper: Any
    trunk: LoadReport | None = None
    step: int = 0
    seconds: float = 0.0
    best: tuple[float, int] = (-1.0, 0)
    history: list[dict[str, Any]] = field(default_factory=list)

    def run(self, samples: Samples, val: Any | None, log: Log | None, progress: bool) -> Clock:
        """Take the steps that are left.

        Args:
            samples: the source.
            val: the source's validation split.
            log: of the main process; None elsewhere.
            progress: show a bar.

        Returns:
            The time by phase.
        """
        clock = Clock(self.world.device)
        try:
            with by_the_clock(self.world.device):
                self._loop(samples, val, log, progress, clock)
        except Exception as error:  # the loader's watch over its processes may speak up anywhere in a step
            words = explained(error, self.step, self.config)
            if words is None:
                raise
            raise words from error
        return clock

    def _loop(self, samples: Samples, val: Any | None, log: Log | None, progress: bool, clock: Clock) -> None:
        config, device = self.config, self.world.device
        self.prepared.train()
        bar = Bar(config, self.step, progress)
        waiting: list[tuple[int, Tensor, float]] = []
        window: list[dict[str, float]] = []
        marked = self.seconds
        batches = self._batches(samples)
        for step in range(self.step, config.steps):
            done, began = step + 1, time.perf_counter()
            with clock.phase("data"):
                batch = next(batches)
                if isinstance(batch, Trouble):
                    raise batch.error
                images = batch.images.to(device, non_blocking=True)
                labels = batch.labels.to(device, non_blocking=True).long()
                copies = [copy.to(device, non_blocking=True) for copy in batch.copies]
            rate = learning_rate(step, config)
            set_rate(self.optimizer, rate)
            losses, shown = self._gradients(
                batch, images, labels, copies, clock, wanted=_due(done, config.pictures_every)
            )
            waiting.append((step, self.world.sum(losses), rate))
            due = done == config.steps or done % config.log_every == 0 or _due(done, config.checkpoint_every)
            if (
                due or device.type == "cpu"
            ):  # before the step is taken on a CPU, so that a NaN never reaches the weights
                window.extend(read_losses(waiting))
                waiting.clear()
            with clock.phase("optimiser"):
                self._take(step)
            # Scores, pictures and checkpoints below are no part of a step's time.
            self.step, self.seconds = done, self.seconds + time.perf_counter() - began
            if due:
                self.history.append(self._row(window, self.seconds - marked))
                window, marked = [], self.seconds
                if log is not None:
                    log.row(self.history[-1])
                bar.show(done, self.seconds, self.history[-1]["loss"])
            if shown and self.world.main:
                self._draw(*shown, done)
            if val is not None and (_due(done, config.val_every) or done == config.steps):
                self._validate(val, log)
            if done == config.steps or done % config.checkpoint_every == 0:
                self.save()
        bar.close()

    def _batches(self, samples: Samples) -> Iterator[Any]:
        config, world = self.config, self.world
        return iter(
            DataLoader(
                samples,
                batch_sampler=Steps(config, len(samples), world.rank, self.step),
                collate_fn=collate,
                num_workers=config.workers,
                pin_memory=world.device.type == "cuda",
                generator=torch.Generator(),  # the loader draws a seed for its workers; nobody reads it
            )
        )

    def _gradients(
        self, batch: Batch, images: Tensor, labels: Tensor, copies: list[Tensor], clock: Clock, wanted: bool
    ) -> tuple[Tensor, tuple[Tensor, list[Tensor], Tensor] | None]:
        """Forward and backward, part after part; returns this process's share of (loss, ce, consistency)."""
        config, world = self.config, self.world
        whole = world.sum(class_totals(labels, config.num_classes))
        losses = torch.zeros(3, device=world.device)
        size = len(images) // config.accumulate
        shown = None
        for part in range(config.accumulate):
            mine = slice(part * size, (part + 1) * size)
            with clock.phase("randomise"):
                raw, seen = self._look(batch, images[mine], [copy[mine] for copy in copies], batch.places[mine])
            # Only layers such as dropout read the global generator; they too must be the same after a resume.
            place = world.rank * config.accumulate + part
            seed_global(step_seed(step_seed(config.seed, batch.step + 1, GLOBAL), place, GLOBAL), world.device)
            last = part + 1 == config.accumulate
            with contextlib.nullcontext() if last else world.accelerator.no_sync(self.prepared):
                with clock.phase("forward"), self._compiling():
                    loss, parts = step_loss(self.prepared, seen, labels[mine], config, whole, step=batch.step)
                with clock.phase("backward"), self._compiling():
                    # DDP takes the mean of the processes' gradients; the shares want their sum.
                    world.accelerator.backward(loss * world.count)
            losses += torch.cat([loss.detach()[None], parts])
            if wanted and part == 0:
                shown = (raw, seen, labels[mine])
        return losses, shown

    @torch.no_grad()
    def _look(
        self, batch: Batch, images: Tensor, copies: list[Tensor], places: list[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """The pictures as floats, and the views of them that the network sees."""
        config = self.config

        def generators(stream: int) -> list[torch.Generator]:
            return [place_generator(config.seed, batch.step, place, stream) for place in places]

        pictures = images.float() / 255
        painted = [copy.float() / 255 for copy in copies]
        seen = self.views(pictures, batch.step / config.steps, generators(TEXTURE), painted)
        shake = generators(PHOTOMETRY)
        seen = [photometric(view, jitter=config.jitter, blur=config.blur, generator=shake) for view in seen]
        if config.channels_last:
            seen = [view.contiguous(memory_format=torch.channels_last) for view in seen]
        return pictures, seen

    def _take(self, step: int) -> None:
        config = self.config
        if config.grad_clip:
            self.world.accelerator.clip_grad_norm_(self.prepared.parameters(), config.grad_clip)
        self.stepper.step()
        self.stepper.zero_grad(set_to_none=True)
        update_average(self.average, self.model, step, config.ema)

    def _row(self, window: list[dict[str, float]], seconds: float) -> dict[str, Any]:
        """The mean of some steps; ``step`` counts those that are done."""
        row: dict[str, Any] = {"step": int(window[-1]["step"]) + 1}
        for name in ("loss", "ce", "consistency"):
            row[name] = sum(record[name] for record in window) / len(window)
        speed = self.config.forward_images * len(window) / max(seconds, 1e-9)
        memory = round(peak_memory_mib(self.world.device), 1)
        return row | {
            "lr": window[-1]["lr"], "images_per_second": round(speed, 3), "seconds": round(self.seconds, 3),
            "memory_mib": memory,
        }  # fmt: skip

    @contextlib.contextmanager
    def _compiling(self) -> Iterator[None]:
        """Turn what torch.compile throws at its first call into a line with a remedy."""
        try:
            yield
        except Exception as error:
            if self.config.compile and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                raise RuntimeError(f"torch.compile failed ({why.strip()[:200]}); set compile=false") from error
            raise

    @contextlib.contextmanager
    def resting(self) -> Iterator[nn.Module]:
        """The network as it would be kept now (with the running mean of its weights), in evaluation mode."""
        now = {k: v.detach().clone() for k, v in self.model.state_dict().items()} if self.average else {}
        if self.average:
            self.model.load_state_dict(self.average)
        self.model.eval()
        try:
            with torch.no_grad():
                yield self.model
        finally:
            self.model.train()
            if now:
                self.model.load_state_dict(now)

    def agree(self) -> None:
        """Give everybody the main process's BatchNorm statistics: each has counted its own pictures, and drifts.

        In training DDP does this before each forward pass; the network that is scored and kept is the main process's.
        """
        names = [name for name, value in self.model.named_buffers() if value.is_floating_point()]
        self.world.agree(self.model.get_buffer(name) for name in names)
        self.world.agree(self.average[name] for name in names if name in self.average)

    def _draw(self, raw: Tensor, seen: list[Tensor], labels: Tensor, done: int) -> None:
        with self.resting() as model:
            guess = model(raw[:_SHOWN]).argmax(1)
        columns = {"source": raw[:_SHOWN]}
        columns |= {f"view {n + 1}: {kind}": seen[n][:_SHOWN] for n, kind in enumerate(self.config.method.views)}
        columns |= {"prediction": guess, "ground truth": labels[:_SHOWN]}
        sheet(columns, self.out / "pictures" / f"step-{done:06d}.png")

    def _validate(self, val: Any, log: Log | None) -> None:
        """Score the source's validation split, each process some of its pictures, and keep the best network."""
        from gltr_lib.evaluate import evaluate_dataset

        self.agree()
        device, threads = self.world.device, min(self.config.workers, _READERS)
        with self.resting() as model, by_the_clock(device, wanted=False):
            matrix = evaluate_dataset(
                model, val, device=device, workers=threads, num_classes=self.config.num_classes, name="val"
            ).matrix
        score = matrix.miou()
        if self.config.selection == "source-val" and score > self.best[0]:
            self.best = (score, self.step)
            if self.world.main:
                with self.resting() as model:
                    write_checkpoint(self.out / BEST, {"step": self.step, "model": model.state_dict()})
        if log is not None:
            iou = [None if value != value else round(value, 6) for value in matrix.iou().tolist()]
            log.record({"step": self.step, "val_miou": round(score, 6), "val_iou": iou})

    def save(self) -> None:
        """Write the checkpoint (main process), the one before it kept until this one is whole.

        Raises:
            RuntimeError: a weight is no longer a number; the last good checkpoint is kept.
            OSError: it cannot be written; likewise.
        """
        if not self.world.main:
            return
        bad = [name for name, value in self.model.state_dict().items() if not bool(torch.isfinite(value).all())]
        if bad:
            raise RuntimeError(
                f"weights are no numbers after step {self.step - 1} ({bad[0]} and {len(bad) - 1} more); the "
                f"last checkpoint is kept; a lower lr, a longer warmup or grad_clip=1 helps, and starts anew (--fresh)"
            )
        scaler = self.world.accelerator.scaler
        state = {
            "config": self.config.to_json(),
            "fingerprint": self.fingerprint,
            "step": self.step,
            "seconds": self.seconds,
            "best": list(self.best),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "scaler": scaler.state_dict() if scaler is not None else {},
        }
        write_checkpoint(self.out / CHECKPOINT, state, previous=self.out / PREVIOUS)


def _due(done: int, every: int) -> bool:
    return every > 0 and done % every == 0


def make_views(config: TrainConfig, world: World, stylizer: Any, bank: Any, copies: Copies | None) -> Views:
    """The views of the method on this process's device: painted online, or shown from offline copies."""
    if copies is not None:
        return Views(config.method, bank=bank, offline=True)
    return Views(config.method, stylizer.to(world.device) if stylizer is not None else None, bank)
