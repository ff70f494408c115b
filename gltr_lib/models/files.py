"""Networks on disk: written whole or not at all, rebuilt from the file alone, read without running anything in it.

A network's file is safetensors. Its header carries what :func:`gltr_lib.models.build` was asked for (``network``) and
the facts of the training (``facts``), both as JSON. Files from before the header had ``network`` are read by their
facts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._json import parse
from gltr_lib._typed import brief, typed
from gltr_lib.weights import load_safetensors, save_safetensors

#: A header that claims more is not a network's.
MOST_CLASSES = 65_536
_OLD_DEFAULT = {"model": "deeplab_mini", "num_classes": 19}


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


@typed
def load_checkpoint(
    path: str | Path, *, model: str | None = None, num_classes: int | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild a network from its file alone.

    Args:
        path: a ``model.safetensors`` as ``gltr train`` or :func:`export` writes it, or the run's folder.
        model: refuse another network than this one.
        num_classes: refuse another number of classes.

    Returns:
        (network, facts): in evaluation mode, in single precision, on the CPU; facts of its training, joined with
        ``model``, ``num_classes`` and ``options``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file, another network than asked for, or tensors that do not fit what it says it is.

    Example:
        >>> import tempfile
        >>> from gltr_lib.models import build
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net, facts = load_checkpoint(export(build("deeplab_mini", 7), Path(folder) / "net.safetensors"))
        >>> facts["model"], facts["num_classes"]
        ('deeplab_mini', 7)
    """
    from gltr_lib.models import MODELS, build

    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    tensors, header = load_safetensors(path)
    facts = header_json(header, "facts", path)
    is_ = header_json(header, "network", path) or _from_facts(facts, tensors)
    name, classes, options = is_.get("model"), is_.get("num_classes"), is_.get("options", {})
    if not isinstance(name, str) or name not in MODELS:
        known = ", ".join(MODELS)
        raise ValueError(f"{path}: a network {brief(name, 60)}, which this version does not know; it knows {known}")
    if isinstance(classes, bool) or not isinstance(classes, int) or not 1 <= classes <= MOST_CLASSES:
        raise ValueError(f"{path}: num_classes {brief(classes, 60)}, expected 1 to {MOST_CLASSES}; make the file again")
    if not isinstance(options, dict) or "pretrained_trunk" in options:  # a file sends nobody to another file
        raise ValueError(f"{path}: options {str(options)[:80]}, expected those of {name}; make the file again")
    for what, asked in (("model", model), ("num_classes", num_classes)):
        if asked is not None and asked != is_[what]:
            raise ValueError(
                f"{path}: expected {what} {asked!r}, the file holds {is_[what]!r}; give its own run folder"
            )
    try:
        with torch.device("meta"):  # without memory: a header may claim layers of any width
            _compare(build(name, classes, **options), tensors)
        with torch.random.fork_rng(devices=()):  # the weights to begin with are drawn, and thrown away
            network = build(name, classes, **options)
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
        reason = " ".join(str(error).split())[:200]
        title = f"{name} with {classes} classes"
        raise ValueError(f"{path}: the tensors are not those of {title}, as the file says ({reason})") from error
    _refuse_nan(tensors, path)
    return network.eval(), facts | {"options": {}} | is_


def _compare(wanted: nn.Module, tensors: dict[str, Tensor]) -> None:
    shapes = {name: tuple(value.shape) for name, value in wanted.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in [*shapes, *found]:
        if shapes.get(name) != found.get(name):
            raise ValueError(f"size mismatch for {name}: expected {shapes.get(name)}, found {found.get(name)}")


def _refuse_nan(tensors: dict[str, Tensor], path: Path) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{path}: {name} holds NaN or infinite numbers; the training went astray, train again")


def header_json(header: dict[str, str], key: str, path: Path) -> dict[str, Any]:
    """The JSON object under a key of a file's header; empty if there is none."""
    try:
        value = parse(header.get(key) or "{}")
    except ValueError as error:
        raise ValueError(f"{path}: the header's {key!r} is not JSON ({error}); make the file again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: the header's {key!r} is {type(value).__name__}, expected a JSON object")
    return value


def _from_facts(facts: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """What an older file is: its facts hold the training's configuration, the shipped ones not even that."""
    config = facts.get("config")
    config = config if isinstance(config, dict) else {}
    found = {key: config.get(key, default) for key, default in _OLD_DEFAULT.items()}
    last = tensors.get("classify.weight")
    if "num_classes" not in config and last is not None and last.ndim:
        found["num_classes"] = int(last.shape[0])
    return found
