"""Instance-selective whitening: channels that change together when only the light does should not.

Style is also in the covariances of channels. Early features are normalised for each picture and channel (no factors),
and a loss pulls some covariances to zero: those that differ most between a picture and its photometrically changed
twin.

In three acts, each a share of the run's steps, so that a resumed run needs nothing but the step and the network's
buffers:

1. the first half of the warm-up: nothing;
2. its second half: each pair of channels sums up the variance of its covariance between the two views;
3. after it: the variances fall into three clusters; the pairs outside the lowest one are penalised until the end.

With ``again`` the choice is not made once: over every further stretch as long as the warm-up, its second half adds to
the sums, and the pairs are chosen anew at its end (the authors' code can measure again, too). A network that starts
from random weights is still another one at an eighth of its training.

Where this differs from the authors' code: they measure after six of the 52 epochs, in passes of their own with the
weights held still, and keep the pairs that ten such passes agree on; we measure on the training batches and the
weights move on. Their networks start from ImageNet's weights, train on mildly jittered pictures alone and see the
strongly changed twin in those passes only; ours learn from both views, labels included. They cluster the whole matrix,
whose lower half they have filled with zeros; we cluster the pairs, as the paper says. The processes of a run and the
parts of a step add up what they measure, so all agree on the pairs.

Source: Choi et al., "RobustNet: Improving Domain Generalization in Urban-Scene Segmentation via Instance Selective
Whitening", CVPR 2021 (arXiv 2103.15597), section 4; cluster count and warm-up from its published training script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gltr_lib.models.clusters import cluster_line
from gltr_lib.models.files import unwrap

#: Share of the steps before the loss begins: the authors' six epochs of 52 (GTA5, 40,000 steps of 16 crops).
WARM_UP = 0.12
#: The variances fall into three clusters, and the lowest one is left in peace.
CLUSTERS = 3
#: Buffers of a layer, which no pretrained file has.
BUFFERS = ("pair_variance", "pair_mask")


class Whiten(nn.Module):
    """Instance norm without factors, and a memory of which pairs of channels answer to the light.

    Args:
        channels: of the map, at least 2.

    Attributes:
        pair_variance: float (pairs,), the variance of each pair's covariance, summed over the steps of act 2.
        pair_mask: bool (pairs,), the pairs that the loss pulls to zero.
        features: what the layer answered last, inside :func:`watched`; None outside.

    Example:
        >>> layer = Whiten(4)
        >>> layer(torch.rand(2, 4, 8, 8)).mean((2, 3)).abs().max().item() < 1e-5, len(layer.pair_mask)
        (True, 6)
    """

    pair_variance: Tensor
    pair_mask: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        pairs = channels * (channels - 1) // 2
        self.register_buffer("pair_variance", torch.zeros(pairs))
        self.register_buffer("pair_mask", torch.zeros(pairs, dtype=torch.bool))
        self.channels = channels
        self.watching, self.features = False, None

    def forward(self, x: Tensor) -> Tensor:
        x = torch.group_norm(x, self.channels)
        if self.watching:
            self.features = x  # type: ignore[assignment]
        return x

    @torch.no_grad()
    def gather(self, covariances: Tensor) -> None:
        """Add the variance of each pair's covariance between the two views, of all pictures of the batch."""
        variance = view_variance(*covariances.detach().chunk(2))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(variance)  # that it is a sum of means does not matter to the clusters
        self.pair_variance += variance

    @torch.no_grad()
    def select(self) -> None:
        """Choose the pairs outside the cluster of the lowest variances."""
        labels = cluster_line(self.pair_variance.double().cpu().numpy(), CLUSTERS)
        self.pair_mask.copy_(torch.from_numpy(labels > 0))

    def extra_repr(self) -> str:
        return f"{self.channels}"


class EndedBlock(nn.Module):
    """A bottleneck of torchvision's ResNet with one more norm, between the addition and the last ReLU.

    The parts keep their names, so that pretrained weights fit. No ReLU works in place here: it would overwrite what the
    loss looks at.

    Args:
        block: the block; its parts move here.
        ending: name of the new part.
        layer: makes it from the number of channels.
    """

    def __init__(self, block: nn.Module, ending: str = "whiten", layer: Callable[[int], nn.Module] = Whiten) -> None:
        super().__init__()
        for name, part in block.named_children():
            self.add_module(name, part)
        self.ending = ending
        self.add_module(ending, layer(self.get_submodule("conv3").out_channels))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        identity = self.get_submodule("downsample")(x) if "downsample" in self._modules else x
        out = x
        for number in (1, 2, 3):
            out = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(out))
            out = out.relu() if number < 3 else out
        return self.get_submodule(self.ending)(out + identity).relu()


def covariances(features: Tensor) -> Tensor:
    """The covariances of each picture's normalised channels: the matrix's strict upper triangle, row by row.

    Args:
        features: float tensor (B,C,H,W) of mean 0 in each channel; half precision is multiplied in single.

    Returns:
        Float tensor (B, C (C - 1) / 2), divided by H W - 1 (by 1 for a single position).

    Example:
        >>> x = torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]).view(1, 3, 1, 2)
        >>> covariances(x).tolist()
        [[2.0, -2.0, -2.0]]
    """
    flat = features.flatten(2)
    with torch.autocast(flat.device.type, enabled=False):
        wide = flat if flat.dtype == torch.float64 else flat.float()
        matrix = torch.bmm(wide, wide.transpose(1, 2)) / max(wide.shape[2] - 1, 1)
    rows, columns = torch.triu_indices(wide.shape[1], wide.shape[1], 1, device=wide.device)
    return matrix[:, rows, columns]


def view_variance(first: Tensor, second: Tensor) -> Tensor:
    """The variance of each pair's covariance between a picture and its twin, mean over the pictures.

    Args:
        first: :func:`covariances` of one view, (B, pairs).
        second: those of the other view of the same pictures.

    Returns:
        Float tensor (pairs,).

    Example:
        >>> view_variance(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]])).tolist()
        [1.0, 0.0]
    """
    return ((first - second) / 2).square().mean(0)


def whitening_loss(covariances: Tensor, pairs: Tensor, margin: float = 0.0) -> Tensor:
    """The mean size of the chosen covariances, less a margin that each picture may keep.

    The paper's three losses are this one: whitening takes all pairs, relaxed whitening (IRW) all pairs and half of
    their number as the margin, selective whitening (ISW) the chosen pairs and no margin.

    Args:
        covariances: (B, pairs).
        pairs: bool (pairs,), the chosen ones; none of them costs nothing.
        margin: subtracted from each picture's sum of sizes; what is left is never below 0.

    Returns:
        Scalar with gradient.

    Source:
        Choi et al. 2021, section 4; the division by the number of pairs is that of their code.

    Example:
        >>> whitening_loss(torch.tensor([[1.0, -3.0, 5.0]]), torch.tensor([True, True, False])).item()
        2.0
    """
    total = (covariances.abs() * pairs).sum(1)
    return ((total - margin).clamp(min=0) / pairs.sum().clamp(min=1)).mean()


def warm_up(steps: int) -> tuple[int, int]:
    """The steps of act 2: (first, end); the loss begins at its end.

    Example:
        >>> warm_up(1000), warm_up(1)
        ((60, 120), (0, 1))
    """
    end = max(round(WARM_UP * steps), 1)
    return end // 2, end


@contextmanager
def watched(model: nn.Module) -> Iterator[list[Whiten]]:
    """Have the Whiten layers of a network keep what they answer, until the end of the ``with`` block.

    Args:
        model: the network; torch.compile's and DDP's wrappers are looked through.

    Yields:
        The layers.

    Raises:
        ValueError: the network has none.

    Example:
        >>> net = nn.Sequential(Whiten(3))
        >>> with watched(net) as layers:
        ...     out = net(torch.rand(2, 3, 4, 4))
        ...     layers[0].features is out
        True
    """
    layers = [module for module in unwrap(model).modules() if isinstance(module, Whiten)]
    if not layers:
        raise ValueError("whitening: expected a network with whiten=True, received one without Whiten layers")
    try:
        for layer in layers:
            layer.watching = True
        yield layers
    finally:
        for layer in layers:
            layer.watching, layer.features = False, None


def selective_whitening(layers: list[Whiten], step: int, steps: int, *, again: bool = False) -> Tensor:
    """Take a step of the three acts, on the features that the layers hold.

    Args:
        layers: as :func:`watched` yields them, after a forward pass over two views of the same pictures, one after
            the other in the batch.
        step: number of the step.
        steps: of the whole run.
        again: choose the pairs anew after every further stretch of the warm-up's length.

    Returns:
        The loss, mean over layers and pictures: a scalar with gradient, 0 before act 3.

    Example:
        >>> net = nn.Sequential(Whiten(3))
        >>> with watched(net) as layers:
        ...     out = net(torch.rand(2, 3, 4, 4))
        ...     selective_whitening(layers, 0, 100).item()
        0.0
    """
    first, end = warm_up(steps)
    losses: list[Tensor] = []
    for layer in layers:
        features = layer.features
        if features is None:
            raise ValueError("whitening: a Whiten layer has no features; run the network inside watched()")
        if step < first:
            losses.append(features.new_zeros((), dtype=torch.float32))
            continue
        found = covariances(features)
        if step == end or (again and step > end and step % end == 0):
            layer.select()
        if step < end or (again and step % end >= first):
            layer.gather(found)
        losses.append(found.new_zeros(()) if step < end else whitening_loss(found, layer.pair_mask))
    return torch.stack(losses).mean()
