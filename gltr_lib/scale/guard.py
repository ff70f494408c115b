"""What a full-scale run refuses before it starts, how it is known again, and what it says when the machine fails it."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gltr_lib._run import styled
from gltr_lib.config import TrainConfig, painted_views
from gltr_lib.datasets.base import Arrays
from gltr_lib.datasets.folder import FolderPairs
from gltr_lib.datasets.pairs import pair_as_bytes
from gltr_lib.labels import CLASSES
from gltr_lib.scale.samples import Copies

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank

_REMEDY = "score targets after training, with gltr evaluate"


def source_of(dataset: Any) -> str | None:
    """Which source a dataset is of: its ``source``, or its ``name`` up to a "/" (streets: with their look).

    None if that is unknown; a name that any two folders share says nothing.
    """
    look, source = getattr(dataset, "look", None), getattr(dataset, "source", None)
    if look is not None or source is not None:
        return f"streets/{look}" if source is None else str(source)
    parts = str(getattr(dataset, "name", None) or "").split("/")
    if parts[0] in (Arrays.name, FolderPairs.name):
        return None
    return "/".join(parts[: 2 if parts[0] == "streets" else 1]) or None


def check_validation(config: TrainConfig, dataset: Any, val: Any | None) -> None:
    """Refuse to validate, and so to select, on anything but the source that is trained on.

    A checkpoint that was chosen on a target has seen the target's labels: its score there is no measure of
    generalisation any more.

    Raises:
        ValueError: a validation set of another or an unknown source, or none where the settings ask for one.
    """
    if val is None:
        if config.val_every:
            raise ValueError(f"val_every={config.val_every} needs val=: the source's validation split")
        return
    trained, validated = source_of(dataset), source_of(val)
    if trained is None or validated is None:
        raise ValueError(
            "val: cannot tell whether it is a split of the source that is trained on; give both datasets the same "
            f'.name (such as "mine/train" and "mine/val"); {_REMEDY}'
        )
    if trained != validated:
        raise ValueError(
            f"val is of {validated!r} and training is on {trained!r}: no network may be chosen on a target; validate "
            f"on a split of the source, or not at all, and {_REMEDY}"
        )
    if len(val) == 0:
        raise ValueError("val: the dataset is empty")


def check_classes(config: TrainConfig, dataset: Any) -> None:
    """Refuse label maps whose numbers are classes of the dataset's own, unless the network has just as many.

    Raises:
        ValueError: such a dataset, and another ``num_classes``; the dataset is named.
    """
    names = getattr(dataset, "class_names", CLASSES)
    if tuple(names) != CLASSES and len(names) != config.num_classes:
        raise ValueError(
            f"{source_of(dataset) or type(dataset).__name__}: its label maps hold {len(names)} classes of its own "
            f"({names[0]}, {names[1]} ...), not the {config.num_classes} that are to be learnt; set "
            f"num_classes={len(names)}, or train on another dataset"
        )


def check_copies(config: TrainConfig, dataset: Any, root: str | os.PathLike[str] | None) -> Copies | None:
    """The offline copies under a folder, checked against the source's pictures; None without a folder.

    Raises:
        ValueError: a method without a painted view, a dataset without files, or what Copies raises.
    """
    if root is None:
        return None
    if not painted_views(config.method.views):
        raise ValueError(f"copies: the method {config.method.name!r} has no gtr view (nor regions) to show them")
    if config.method.alpha != 1 or config.method.styles:
        raise ValueError(
            f"copies: were painted beforehand, so alpha={config.method.alpha:g} and styles={config.method.styles} of "
            f"the method {config.method.name!r} would change nothing; leave them out (gltr stylize has --alpha)"
        )
    return Copies(root, picture_files(dataset))


def picture_files(dataset: Any) -> list[Path]:
    """The files of a dataset's pictures.

    Raises:
        ValueError: the dataset does not read files.
    """
    images = getattr(dataset, "images", None)
    if images is None:
        pairs = getattr(dataset, "pairs", None)
        images = [pair.image for pair in pairs] if pairs is not None and not callable(pairs) else None
    if images is None or not len(images) or isinstance(images[0], np.ndarray):
        raise ValueError("copies: offline copies need a dataset of files; online GTR works with any")
    return [Path(image) for image in images]


def fingerprint(dataset: Any, bank: StyleBank | None, copies: Copies | None) -> int:
    """A checksum of what a run learns from, so that a resume on other pictures or styles is noticed.

    Reading every picture would take minutes: this takes their number and names, three of them whole, the styles and
    the number of copies.
    """
    count = len(dataset)
    value = zlib.crc32(f"{count} {getattr(dataset, 'name', '')}".encode())
    keys = getattr(dataset, "keys", None)
    if isinstance(keys, list | tuple):
        value = zlib.crc32("\n".join(map(str, keys)).encode(), value)
    for index in sorted({0, count // 2, count - 1}):
        for array in pair_as_bytes(dataset, index):
            value = zlib.crc32(np.ascontiguousarray(array).data, value)
    value = styled(value, bank)
    if copies is not None:
        value = zlib.crc32(" ".join(folder.name for folder in copies.folders).encode(), value)
    return value


def explained(error: Exception, step: int, config: TrainConfig) -> Exception | None:
    """What ran out, and what to do, of an error that torch raises in many words; None of any other error.

    Args:
        error: what was raised in a step.
        step: its number.
        config: the run.

    Example:
        >>> error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")
        >>> str(explained(error, 7, TrainConfig()))[:69]
        'out of GPU memory at step 7 (CUDA out of memory. Tried to allocate 2.'
    """
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        why = ". ".join(text.split(". ")[:2])
        return RuntimeError(
            f"out of GPU memory at step {step} ({why.rstrip('.')}); fewer images at once: accumulate= (now "
            f"{config.accumulate}) or more processes; else precision=bf16, a smaller crop, or "
            f"model_options.checkpoint_trunk=true, each of which starts anew"
        )
    if "DataLoader worker" not in text:
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    # One that raised sends its traceback, whose last line says why; one that was killed is told of in the first.
    raised = lines[0].startswith("Caught ")
    why = " ".join((lines[-1] if raised else lines[0]).split())[:300]
    if "shared memory" in text or "shm" in why:
        remedy = f"raise the limit of /dev/shm (docker: --shm-size) or use fewer workers (now {config.workers})"
    elif raised and not isinstance(error, MemoryError):
        remedy = "workers=0 shows all of it"
    else:
        remedy = f"most often memory ran out: use fewer workers (now {config.workers})"
    what = f"a loader process {'failed' if raised else 'died'} at step {step}"
    return RuntimeError(
        f"{what} ({why}); {remedy}; the same command, without --fresh, goes on from the last checkpoint"
    )
