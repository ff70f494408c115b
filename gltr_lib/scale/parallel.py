"""The processes of a run, through Hugging Face Accelerate: who am I, how many are we, sums over all of us.

An Accelerator is a state of its whole process, and ``notebook_launcher`` refuses to start where one exists. So it is
made inside the ``with`` block of :func:`world` and taken away at its end: a notebook may train here in one process
and start several afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gltr_lib._step import autocast_type
from gltr_lib.config import TrainConfig
from gltr_lib.engine import pick_device
from gltr_lib.models.trunk import FrozenBatchNorm

T = TypeVar("T")
_PRECISION = {None: "no", torch.bfloat16: "bf16", torch.float16: "fp16"}
_KINDS = ("NO", "MULTI_CPU", "MULTI_GPU")  # Accelerate's names of what this loop is written for


@dataclass(frozen=True)
class World:
    """This process among those of the run.

    Attributes:
        accelerator: Accelerate's object; it places, wraps and scales.
        device: where this process computes.
        rank: its number.
        count: number of processes.
    """

    accelerator: Any
    device: torch.device
    rank: int
    count: int

    @property
    def main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """Add a tensor over all processes, in place; it must lie on the process's device."""
        if self.count > 1:
            torch.distributed.all_reduce(value)
        return value

    def share(self, value: T) -> T:
        """Hand everybody what the main process holds."""
        if self.count == 1:
            return value
        box: list[Any] = [value if self.main else None]
        torch.distributed.broadcast_object_list(box, src=0)
        return box[0]

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Give everybody the main process's numbers, in place."""
        if self.count > 1:
            for tensor in tensors:
                torch.distributed.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Go on when everybody is here."""
        self.accelerator.wait_for_everyone()


@contextmanager
def world(config: TrainConfig) -> Iterator[World]:
    """Join the processes of a run.

    Args:
        config: gives processes, device and precision.

    Yields:
        The World of this process.

    Raises:
        ValueError: another number of processes than the configuration asks for, or a device that is not there.
        ImportError: accelerate is not installed.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, GradientState
        from accelerate.utils import DistributedDataParallelKwargs
    except ImportError as error:
        raise ImportError("full-scale training needs accelerate: pip install accelerate") from error
    _check_count(int(os.environ.get("WORLD_SIZE", "1")), config)
    device = _device(config)
    precision = _PRECISION[autocast_type(config, device)]
    ours = not AcceleratorState._shared_state
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=precision,
        kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
    )
    try:
        _check_count(accelerator.num_processes, config)
        _check_kind(accelerator)
        yield World(accelerator, accelerator.device, accelerator.process_index, accelerator.num_processes)
        # Only at a good end: the others would see a torn connection before the error that tore it is written down.
        if ours and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    finally:
        if ours:
            AcceleratorState._reset_state(reset_partial_state=True)
            GradientState._reset_state()


def _check_count(found: int, config: TrainConfig) -> None:
    if found != config.processes:
        raise ValueError(
            f"processes: the configuration asks for {config.processes}, found {found}; start with gltr train "
            f"--processes {config.processes} or torchrun (on CPUs accelerate launch starts a single process), or set "
            f"processes={found}"
        )


def _check_kind(accelerator: Any) -> None:
    """Refuse what Accelerate's own settings would change unseen: they reach every program that uses it."""
    kind, parts = accelerator.distributed_type.value, accelerator.gradient_accumulation_steps
    if kind not in _KINDS:
        raise ValueError(
            f"accelerate is set to {kind}; this loop spreads over processes by DDP alone: start with gltr train "
            f"--processes or torchrun, or take that out of accelerate's configuration"
        )
    if parts != 1:  # it would divide every loss by it
        raise ValueError(
            f"accelerate is set to accumulate {parts} steps (ACCELERATE_GRADIENT_ACCUMULATION_STEPS); unset that, and "
            f"set accumulate= of the run"
        )
    backend = getattr(accelerator.state.dynamo_plugin, "backend", None)
    if backend is not None and backend.value != "NO":
        raise ValueError(
            f"accelerate is set to compile networks with {backend.value} (ACCELERATE_DYNAMO_BACKEND); unset that, and "
            f"set compile=true of the run"
        )


def share_norms(module: nn.Module) -> nn.Module:
    """Have every BatchNorm of a network take its statistics over all processes; a frozen one stays frozen.

    (torch's own conversion takes FrozenBatchNorm for a BatchNorm: its pretrained statistics would be trained away.)

    Args:
        module: the network, changed in place; its weights stay the same tensors.

    Returns:
        The network.

    Example:
        >>> net = share_norms(nn.Sequential(nn.BatchNorm2d(2), FrozenBatchNorm(2)))
        >>> [type(layer).__name__ for layer in net]
        ['SyncBatchNorm', 'FrozenBatchNorm']
    """
    for name, child in module.named_children():
        if isinstance(child, FrozenBatchNorm):
            continue
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            share_norms(child)
    if getattr(module, "norm", None) == "batch":  # DeepLabV3 asks it whether one picture a process is enough
        module.norm = "sync"  # type: ignore[assignment]
    return module


def apart(model: nn.Module, config: TrainConfig, device: torch.device) -> str:
    """What is to be known before several GPUs train a network with ordinary BatchNorm; "" where it is not so.

    Example:
        >>> config = TrainConfig(forward_images=8, processes=4)
        >>> apart(nn.BatchNorm2d(2), config, torch.device("cuda"))[:66]
        'BatchNorm takes its statistics over the 2 images that a process se'
    """
    if config.processes == 1 or device.type != "cuda":
        return ""
    quiet = (FrozenBatchNorm, nn.SyncBatchNorm)
    if not any(isinstance(m, nn.modules.batchnorm._BatchNorm) and not isinstance(m, quiet) for m in model.modules()):
        return ""
    own = config.forward_images // (config.processes * config.accumulate)
    return (
        f"BatchNorm takes its statistics over the {own} image{'s' if own != 1 else ''} that a process sees at once, "
        f"not over the {config.forward_images} of the step: another network than on one GPU; sync_bn=true shares them"
    )


def _device(config: TrainConfig) -> torch.device:
    """The kind of device; which of several GPUs a process takes is its local number."""
    if config.device not in (None, "cpu", "cuda", "mps"):
        raise ValueError(
            f"device {config.device!r}: full-scale training takes cpu, cuda or mps; CUDA_VISIBLE_DEVICES picks GPUs"
        )
    if config.device is None and config.processes > 1 and not torch.cuda.is_available():
        return torch.device("cpu")  # processes share no MPS
    return pick_device(config.device)
