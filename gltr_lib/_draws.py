"""Random numbers for a batch: from one generator for all samples, or from one for each.

One generator is what a user has at hand. One *for each sample* is what training on several processes needs: sample j
of step k then draws the same style, mask and blur in whatever process and batch it lands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

#: One generator for the batch, one for each sample, or None (the global one).
Generators = torch.Generator | Sequence[torch.Generator] | None


def uniform(batch: int, generator: Generators = None, *, rows: int | None = None) -> Tensor:
    """Draw uniform numbers for the samples of a batch.

    Args:
        batch: number of samples.
        generator: one for all, or a sequence with one for each sample.
        rows: numbers for each sample; None means one, without a dimension of its own.

    Returns:
        float32 tensor (batch,) or (rows, batch) on the generator's device.

    Raises:
        ValueError: a sequence of another length than the batch.

    Example:
        >>> pair = [torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)]
        >>> alone = torch.Generator().manual_seed(2)
        >>> torch.equal(uniform(2, pair, rows=3)[:, 1:], uniform(1, alone, rows=3))
        True
    """
    if isinstance(generator, Sequence):
        check_count(generator, batch)
        return torch.cat([uniform(1, one, rows=rows) for one in generator], dim=-1)
    shape = (batch,) if rows is None else (rows, batch)
    # The type is named: another default of torch's would draw other numbers.
    return torch.rand(shape, generator=generator, device=device_of(generator), dtype=torch.float32)


def device_of(generator: Generators) -> torch.device:
    """Where a generator, or the first of several, draws; the CPU without one."""
    if isinstance(generator, Sequence):
        generator = generator[0]
    return generator.device if generator is not None else torch.device("cpu")


def onto(drawn: Tensor, device: torch.device) -> Tensor:
    """Put what was drawn on a device, without waiting for a GPU that is still at work.

    CUDA has copied ordinary memory aside when the call returns; other devices promise nothing of the kind.

    Example:
        >>> onto(torch.ones(2), torch.device("cpu")).tolist()
        [1.0, 1.0]
    """
    return drawn.to(device, non_blocking=device.type == "cuda" and drawn.device.type == "cpu")


def seed_global(seed: int, device: torch.device) -> None:
    """Seed the global generators that a computation on a device reads: the CPU's and that device's, and no others.

    ``torch.manual_seed`` would seed every GPU of the machine, also while a network trains on the CPU.

    Example:
        >>> with torch.random.fork_rng(devices=[]):
        ...     seed_global(3, torch.device("cpu"))
        ...     torch.equal(torch.rand(2), torch.rand(2, generator=torch.Generator().manual_seed(3)))
        True
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def private_randomness(device: torch.device) -> Iterator[None]:
    """Leave the global generators of the caller as they were: the CPU's and that of a device."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


def choose(generator: Generators, where: Tensor) -> Generators:
    """The generators of some samples of a batch; a single generator serves them all."""
    return [generator[i] for i in where.tolist()] if isinstance(generator, Sequence) else generator


def check_count(generator: Sequence[torch.Generator], batch: int) -> None:
    """Refuse any number of generators but one for each sample."""
    if len(generator) != batch:
        raise ValueError(f"generator: expected one, or one for each of {batch} samples; received {len(generator)}")
