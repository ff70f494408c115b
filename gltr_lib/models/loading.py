"""Pretrained weights into a trunk, with an account of every tensor that did not fit.

``load_state_dict(strict=False)`` says nothing when half of a file is ignored, and a network that starts from noise
trains on, only worse. Here every tensor ends in one of the lists of a :class:`.LoadReport`, and a file of another
network is an error.

Two layouts are known: torchvision's ``resnet50-*.pth`` / ``resnet101-*.pth``, and the caffe ResNet-101 converted for
DeepLab (``DeepLab_resnet_pretrained_init-f81d91e8.pth``): the same names behind a ``Scale.``, a classifier named
``layer5.conv2d_list.*``, and other preprocessing, which is switched on with it. A run's own ``model.safetensors`` fits
too: its trunk is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._typed import strictly_typed
from gltr_lib.models.account import LoadReport
from gltr_lib.models.files import header_json
from gltr_lib.models.ibn import split_norms
from gltr_lib.models.squeezenet import DeepLabSqueezeNet, load_squeezenet
from gltr_lib.models.trunk import DEPTHS, PREPROCESSINGS, Segmenter, Trunk
from gltr_lib.models.whitening import BUFFERS
from gltr_lib.weights import load_file, load_safetensors

_STAGES = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
_CLASSIFIERS = ("fc.", "layer5.", "layer6.")
_STATE = ("num_batches_tracked", *BUFFERS)  # what a run remembers, no weights
_FIRST = re.compile(r"(?:.*\.)?(?=conv1\.weight$)")


@strictly_typed
def load_trunk(
    model: nn.Module, path_or_state: str | Path | Mapping[str, Tensor], *, preprocessing: str | None = None
) -> LoadReport:
    """Copy pretrained weights into the trunk of a large network; its head stays as it is.

    Args:
        model: a DeepLabV2, V3, V3+ or DeepLabSqueezeNet of :func:`gltr_lib.models.build`.
        path_or_state: a ``.pth`` (opened with ``weights_only=True``) or ``.safetensors`` file, or tensors by name.
        preprocessing: "imagenet" or "caffe"; None recognises the layout, or believes the header of a network's own
            file. The network is switched to it (a SqueezeNet has one way only).

    Returns:
        The account. Counters of batches, which nothing uses, and the buffers of whitening are not in it. Where the
        trunk has IBN layers, the numbers of a file's plain norm are shared among their halves.

    Raises:
        TypeError: a network without such a trunk.
        ValueError: weights of another network or depth, or a file that cannot be read.
        FileNotFoundError: no such file.

    Example:
        >>> from gltr_lib.models import build
        >>> donor, net = build("deeplabv2_resnet50"), build("deeplabv3plus_resnet50")
        >>> load_trunk(net, donor.state_dict()).complete
        True
    """
    if not isinstance(model, Segmenter | DeepLabSqueezeNet):
        raise TypeError(
            f"model: expected a DeepLab over a ResNet (deeplabv2_, deeplabv3_, deeplabv3plus_) or SqueezeNet, received"
            f" {type(model).__name__}; it has no ResNet trunk"
        )
    from_file = isinstance(path_or_state, str | Path)
    given, said = _read(path_or_state) if from_file else (dict(path_or_state), None)  # type: ignore[arg-type]
    source = Path(path_or_state).name if from_file else "tensors"  # type: ignore[arg-type]
    if isinstance(model, DeepLabSqueezeNet):
        return load_squeezenet(model, given, source)
    state, others, prefix = _strip(given, source)
    trunk = model.backbone
    _check_depth(state, trunk, source)
    state = split_norms(state, trunk)
    wanted = {name: value for name, value in trunk.state_dict().items() if not name.endswith(_STATE)}
    fits = {name: state[name] for name, value in wanted.items() if name in state and state[name].shape == value.shape}
    mismatched = tuple(
        (name, tuple(state[name].shape), tuple(value.shape))
        for name, value in wanted.items()
        if name in state and name not in fits
    )
    if not any(name.endswith(".weight") and value.ndim == 4 for name, value in fits.items()):
        raise ValueError(f"{source}: none of its {len(given)} tensors fits the trunk (ResNet-{trunk.depth})")
    with torch.no_grad():
        for name, value in fits.items():
            wanted[name].copy_(value)
    caffe = "Scale." in prefix or any(".conv2d_list." in name for name in others)
    if preprocessing is None and prefix.endswith("backbone."):
        preprocessing = said or model.preprocess.kind  # a network of ours: its file's header says, its tensors do not
    model.set_preprocessing(preprocessing or ("caffe" if caffe else "imagenet"))
    extra = [name for name in state if name not in wanted and not name.endswith(_STATE)]
    report = LoadReport(
        loaded=tuple(fits),
        missing=tuple(name for name in wanted if name not in state),
        unexpected=tuple(extra),
        mismatched=mismatched,
        unused=tuple(others),
        source=source,
        preprocessing=model.preprocess.kind,
    )
    model.trunk_report = report  # type: ignore[assignment]
    return report


def _read(path: str | Path) -> tuple[dict[str, Tensor], str | None]:
    """The tensors of a file, and the preprocessing that the header of a network's own file names."""
    if Path(path).suffix != ".safetensors":
        return load_file(path), None
    given, header = load_safetensors(path)
    options = header_json(header, "network", Path(path)).get("options")
    kind = options.get("preprocessing", PREPROCESSINGS[0]) if isinstance(options, dict) else None
    return given, kind if kind in PREPROCESSINGS else None


def _strip(given: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], list[str], str]:
    """Split a file into the trunk's tensors under plain names and the names of the rest."""
    prefixes = [match.group() for name in given if (match := _FIRST.match(name)) and ".layer" not in f".{name}"]
    if not prefixes:
        first = ", ".join(list(given)[:3]) or "nothing"
        raise ValueError(f"{source}: no conv1.weight of a ResNet among its {len(given)} tensors (found {first}, ...)")
    prefix = min(prefixes, key=len)
    state, others = {}, []
    for name, value in given.items():
        plain = name.removeprefix(prefix)
        if name.startswith(prefix) and plain.startswith(_STAGES):
            state[plain] = value
        elif name.startswith(prefix) and not plain.startswith(_CLASSIFIERS) and not prefix.endswith("backbone."):
            state[plain] = value  # something that a ResNet does not have: the report names it
        else:
            others.append(name)
    return state, others, prefix


def _check_depth(state: Mapping[str, Tensor], trunk: Trunk, source: str) -> None:
    found = [_blocks(state, stage) for stage in range(1, 5)]
    wanted = list(DEPTHS[trunk.depth])
    if found == wanted and "layer1.0.conv3.weight" in state:
        return
    of = {tuple(blocks): f"ResNet-{depth}" for depth, blocks in DEPTHS.items()}
    if "layer1.0.conv3.weight" not in state:
        name = "a ResNet of basic blocks (18 or 34)"
    else:
        name = of.get(tuple(found), f"a ResNet with {found} blocks")
    remedy = next((f"; build a network over resnet{d}" for d, blocks in DEPTHS.items() if list(blocks) == found), "")
    raise ValueError(f"{source}: weights of {name}, the network's trunk is ResNet-{trunk.depth} ({wanted}){remedy}")


def _blocks(state: Mapping[str, Any], stage: int) -> int:
    head = f"layer{stage}."
    return len({name.split(".")[1] for name in state if name.startswith(head)})
