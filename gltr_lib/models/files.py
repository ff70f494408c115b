"""Networks on disk: written whole or not at all, and what their header says; :mod:`.rebuilding` reads them again.

A network's file is safetensors. Its header carries what :func:`gltr_lib.models.build` was asked for (``network``) and
the facts of the training (``facts``), both as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._json import parse
from gltr_lib._typed import typed
from gltr_lib.weights import save_safetensors

#: A header that claims more is not a network's.
MOST_CLASSES = 65_536


@typed
def unwrap(model: nn.Module) -> nn.Module:
    """Return the network inside the wrappers of torch.compile and of several processes.

    Example:
        >>> unwrap(nn.DataParallel(nn.Linear(1, 1)))
        Linear(in_features=1, out_features=1, bias=True)
    """
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod  # type: ignore[assignment]
        elif isinstance(model, wrappers):
            model = model.module
        else:
            return model


@typed
def export(model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None) -> Path:
    """Write a network as safetensors in half precision, the form in which the course ships its networks.

    BatchNorm's statistics, and any tensor that half precision cannot hold, stay in single precision.

    Args:
        model: the trained network; torch.compile's and DDP's wrappers are taken off.
        path: file to write; it appears whole or not at all.
        metadata: text that travels in the file's header, beside the network's name, classes and options.

    Returns:
        The path written.

    Raises:
        OSError: the folder cannot be written, or the disk is full; nothing is left behind.

    Example:
        >>> import tempfile
        >>> from gltr_lib.models import build
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(build("deeplab_mini"), Path(folder) / "net.safetensors").stat().st_size < 1_200_000
        True
    """
    model, path = unwrap(model), Path(path)
    header = dict(metadata or {})
    built_as = getattr(model, "built_as", None)
    if built_as is not None:
        header.setdefault("network", json.dumps(built_as, sort_keys=True))
    tensors = {name: _narrow(name, value).detach().cpu().contiguous() for name, value in model.state_dict().items()}
    return save_safetensors(tensors, path, header)


def _narrow(name: str, value: Tensor) -> Tensor:
    if not value.is_floating_point() or name.endswith(("running_mean", "running_var")):
        return value
    half = value.half()
    return half if bool(torch.isfinite(half).all()) else value


def header_json(header: dict[str, str], key: str, path: Path) -> dict[str, Any]:
    """The JSON object under a key of a file's header; empty if there is none."""
    try:
        value = parse(header.get(key) or "{}")
    except ValueError as error:
        raise ValueError(f"{path}: the header's {key!r} is not JSON ({error}); make the file again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: the header's {key!r} is {type(value).__name__}, expected a JSON object")
    return value
