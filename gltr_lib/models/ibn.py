"""IBN: half of the channels forget the picture's style, the other half keep the network's own norm.

Instance normalisation removes each channel's mean and contrast, and with them much of what makes a picture a game's or
a camera's; it also removes what tells classes apart. IBN-Net therefore gives it half of the channels, in early layers
alone: variant *a* (:class:`IBN`), the first norm of a residual block, where the identity path stays as it is.
Variant *b* (``ibn_b=True``) leaves the blocks' norms alone; :class:`InstanceNorm` is the stem's norm instead, and
stands between the addition and the last ReLU at the end of the first two stages. RobustNet's comparison on city streets
means *b* when it says IBN-Net.

The halves are called ``IN`` and ``BN`` as in the authors' weights, which therefore fit by name. From plain weights the
first half of a BatchNorm's factors starts the instance norm, the second half the norm that stays (:func:`split_norms`).
A GroupNorm keeps the size of its groups: half as many groups, not groups half as large, which would come close to
instance norm by themselves.

Source: Pan et al., "Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net", ECCV 2018 (arXiv
1807.09441): variant a in the blocks of the first three of four stages, b in the stem and after the first two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class InstanceNorm(nn.GroupNorm):
    """InstanceNorm2d that answers a map of one position with zeros, as GroupNorm does, where torch's refuses it.

    Args:
        channels: of the map.
        affine: a learnt factor and offset for each channel.

    Example:
        >>> InstanceNorm(3)(torch.rand(1, 3, 1, 1)).abs().max().item() < 1e-4
        True
    """

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__(channels, channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class IBN(nn.Module):
    """Instance norm on the first half of the channels, another norm on the rest.

    Args:
        norm: the norm of all channels that is split: a GroupNorm or any BatchNorm2d. Its numbers are taken over.

    Raises:
        TypeError: another kind of norm. ValueError: a GroupNorm of a single group, which cannot be split.

    Example:
        >>> layer = IBN(nn.GroupNorm(8, 40))
        >>> layer.IN.num_channels, layer.BN.num_channels, layer.BN.num_groups
        (20, 20, 4)
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        own: Any
        if isinstance(norm, nn.GroupNorm):
            if norm.num_groups < 2:
                raise ValueError(f"norm: expected a GroupNorm of at least two groups, received {norm}")
            groups = norm.num_groups - norm.num_groups // 2
            channels = norm.num_channels
            own = nn.GroupNorm(groups, groups * channels // norm.num_groups, eps=norm.eps)
            self.first = channels - own.num_channels
        elif isinstance(norm, nn.modules.batchnorm._BatchNorm):
            self.first = norm.num_features // 2
            own = type(norm)(norm.num_features - self.first)
            own.eps, own.momentum = norm.eps, norm.momentum
        else:
            raise TypeError(f"norm: expected a GroupNorm or BatchNorm2d, received {type(norm).__name__}")
        self.IN, self.BN = InstanceNorm(self.first), own
        self.load_state_dict(_split(norm.state_dict(), self.first))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.IN(x[:, : self.first]), self.BN(x[:, self.first :])], dim=1)


def check_places(ibn_b: bool, whiten: bool) -> None:
    """Refuse IBN-b beside whitening: both put their norm in the stem and at the end of the same stages.

    Raises:
        ValueError: both are asked for.
    """
    if ibn_b and whiten:
        raise ValueError("ibn_b and whiten put their norms in the same places; choose one of them")


def split_norms(state: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Rename the numbers of plain norms in a file to those of the IBN layers that a network has in their place.

    Args:
        state: tensors by name.
        module: the network; its IBN layers are found by their names.

    Returns:
        The tensors, those of split norms in halves; without IBN layers, or where the file has them already, as it was.

    Example:
        >>> net = nn.ModuleDict({"bn1": IBN(nn.BatchNorm2d(4))})
        >>> {name: t.tolist() for name, t in split_norms({"bn1.weight": torch.arange(4.0)}, net).items()}
        {'bn1.IN.weight': [0.0, 1.0], 'bn1.BN.weight': [2.0, 3.0]}
    """
    layers = {name: layer.first for name, layer in module.named_modules() if isinstance(layer, IBN)}
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        layer, _, leaf = name.rpartition(".")
        if layer in layers:
            found |= {f"{layer}.{new}": half for new, half in _split({leaf: value}, layers[layer]).items()}
        else:
            found[name] = value
    return found


def _split(state: Mapping[str, Tensor], first: int) -> dict[str, Tensor]:
    found = {f"IN.{name}": state[name][:first] for name in ("weight", "bias") if name in state}
    return found | {f"BN.{name}": value[first:] if value.ndim else value for name, value in state.items()}
