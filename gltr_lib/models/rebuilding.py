"""Networks rebuilt from their file alone, without running anything in it: your own, or the four that are shipped.

The file's header says what :func:`gltr_lib.models.build` was asked for; it is checked against the tensors before any
memory is taken. Files from before the header had ``network`` are read by their facts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib import weights
from gltr_lib._typed import brief, typed
from gltr_lib._validate import check_device
from gltr_lib.models.building import MODELS, build
from gltr_lib.models.files import MOST_CLASSES, header_json
from gltr_lib.weights import load_safetensors

#: Networks of the walk that come with the package; ``load_shipped`` reads them.
SHIPPED = ("baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl")

_OLD_DEFAULT = {"model": "deeplab_mini", "num_classes": 19}


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
        >>> from gltr_lib.models import export
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net, facts = load_checkpoint(export(build("deeplab_mini", 7), Path(folder) / "net.safetensors"))
        >>> facts["model"], facts["num_classes"]
        ('deeplab_mini', 7)
    """
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


def _from_facts(facts: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """What an older file is: its facts hold the training's configuration, the shipped ones not even that."""
    config = facts.get("config")
    config = config if isinstance(config, dict) else {}
    found = {key: config.get(key, default) for key, default in _OLD_DEFAULT.items()}
    last = tensors.get("classify.weight")
    if "num_classes" not in config and last is not None and last.ndim:
        found["num_classes"] = int(last.shape[0])
    return found


@typed
def load_shipped(name: str, device: torch.device | str | None = None) -> nn.Module:
    """Load one of the four networks of the walk that come with the package.

    Args:
        name: "baseline", "gtr", "gtr_ltr" or "gtr_ltr_cgl".
        device: where to put it; None leaves it on the CPU.

    Returns:
        The network in evaluation mode, in single precision.

    Raises:
        ValueError: unknown name (the valid ones are listed).
        OSError: the shipped file is missing or damaged.
    """
    if name not in SHIPPED:
        raise ValueError(f"unknown shipped network {str(name)[:60]!r}; expected one of: {', '.join(SHIPPED)}")
    tensors, _ = weights.load(f"mini-{name}")
    with torch.random.fork_rng(devices=()):  # the weights to begin with are drawn, and thrown away
        model = build("deeplab_mini", num_classes=tensors["classify.weight"].shape[0])
    model.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    )
    return model.to(check_device(device) if device is not None else None).eval()
