"""MixStyle: pictures of a batch exchange a part of their style inside the network, while it trains.

After an early stage each picture's channel statistics are replaced by a mixture of its own and those of another picture
of the batch: AdaIN again, with styles that come from the batch and not from paintings. Nothing is learnt and nothing is
added to the network's file; in evaluation the layer does nothing.

When a step shows several views of the same pictures (``views=2``), each view is a batch of its own: it has its own
coin, its own order and its own shares. Mixed across the views, a picture could meet its own twin (no change at all),
and the loss between two views would compare two halves of one mixture.

The statistics carry no gradient, as in the paper. Numbers are drawn from torch's global generator on the CPU, as
dropout does, and unlike all else here: a layer inside a network is called with features alone, and nobody could hand
it a generator. The training loops seed the global one anew for each step, from the run's seed and the step's number,
within ``private_randomness``, which gives the caller's state back: so a resumed run draws the same as one that never
stopped. How many numbers are drawn does not depend on the coin.

Source: Zhou et al., "Domain Generalization with MixStyle", ICLR 2021 (arXiv 2104.02008): Beta(0.1, 0.1), probability
0.5, after the first residual stages and never near the classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gltr_lib._typed import typed
from gltr_lib._validate import describe
from gltr_lib.adain import channel_stats

ALPHA = 0.1
EPS = 1e-6


def mix_styles(features: Tensor, order: Tensor, own: Tensor, eps: float = EPS) -> Tensor:
    """Give each picture's features statistics between its own and those of another picture of the batch.

    Args:
        features: float tensor (B,C,H,W).
        order: int64 (B,), the other picture of each.
        own: float (B,), the share of its own statistics; 1 leaves a picture exactly as it is.
        eps: added to the variance.

    Returns:
        Tensor like ``features``; the statistics are constants for the gradient.

    Example:
        >>> x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> x[1] *= 5
        >>> y = mix_styles(x, torch.tensor([1, 0]), torch.tensor([0.0, 1.0]))
        >>> bool((y[0].std() > 4).item()), torch.equal(y[1], x[1])
        (True, True)
    """
    with torch.no_grad():
        mean, std = channel_stats(features, eps)
        own = own.to(mean).view(-1, 1, 1, 1)
        order = order.to(features.device)
        # own * std + (1 - own) * std[order] over std, written so that own = 1 gives exactly x * 1 + 0.
        scale = own + (1 - own) * std[order] / std
        shift = own * mean + (1 - own) * mean[order] - scale * mean
    return (features * scale + shift).to(features.dtype)


def draw_mixture(batch: int, views: int = 1, probability: float = 0.5, alpha: float = ALPHA) -> tuple[Tensor, Tensor]:
    """Draw who mixes with whom, and how much; from the global generator, on the CPU.

    Args:
        batch: number of pictures, all views together.
        views: equal parts of the batch that each have their own coin and never meet.
        probability: that a view is mixed at all.
        alpha: of the Beta distribution of the shares; small values keep or exchange a style almost whole.

    Returns:
        (order int64 (batch,), own float64 (batch,)), see :func:`mix_styles`.

    Example:
        >>> order, own = draw_mixture(6, views=2, probability=0.0)
        >>> sorted(order[:3].tolist()), own.tolist()
        ([0, 1, 2], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    """
    size = batch // views
    # In double precision: a gamma variate of shape 0.1 is often below what single precision can hold, and 0/0 follows.
    shape = torch.tensor(alpha, dtype=torch.float64)
    beta = torch.distributions.Beta(shape, shape, validate_args=False)
    orders, shares = [], []
    for view in range(views):
        coin = torch.rand(()) < probability
        orders.append(torch.randperm(size) + view * size)
        shares.append(torch.where(coin, beta.sample((size,)), 1.0))
    return torch.cat(orders), torch.cat(shares)


class MixStyle(nn.Module):
    """A layer that mixes styles in training and does nothing in evaluation; it has no weights.

    In training it draws from torch's global generator, as dropout does: in a loop of your own, ``torch.manual_seed``
    before each step makes it repeat itself.

    Args:
        probability: that the pictures of a view are mixed in a step.
        alpha: of the Beta distribution of the shares.

    Attributes:
        views: equal parts of the batch that are mixed apart from each other; :func:`set_views` sets it.

    Raises:
        ValueError: a probability outside [0, 1] or an alpha that is not above 0.

    Example:
        >>> layer, x = MixStyle(1.0).eval(), torch.rand(2, 3, 4, 4)
        >>> layer(x) is x
        True
    """

    def __init__(self, probability: float = 0.5, alpha: float = ALPHA) -> None:
        super().__init__()
        if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 <= probability <= 1:
            raise ValueError(f"mixstyle: expected a probability from 0 (off) to 1, received {describe(probability)}")
        if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not alpha > 0:
            raise ValueError(f"alpha: expected a number above 0, received {describe(alpha)}")
        self.probability, self.alpha, self.views = float(probability), float(alpha), 1

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if len(x) % self.views:
            raise ValueError(
                f"MixStyle mixes each of {self.views} views apart; received a batch that does not divide into as many:"
                f" {describe(x)}"
            )
        return mix_styles(x, *draw_mixture(len(x), self.views, self.probability, self.alpha))

    def extra_repr(self) -> str:
        return f"probability={self.probability:g}, alpha={self.alpha:g}, views={self.views}"


def mixer(probability: float) -> nn.Module:
    """The layer for a network's option: MixStyle, or nothing for a probability of 0.

    Example:
        >>> mixer(0), mixer(0.5)
        (Identity(), MixStyle(probability=0.5, alpha=0.1, views=1))
    """
    layer = MixStyle(probability)
    return layer if probability else nn.Identity()


@typed
def set_views(model: nn.Module, views: int) -> None:
    """Tell every MixStyle of a network of how many views a training batch consists.

    Args:
        model: any network; one without MixStyle is left as it is.
        views: at least 1.

    Example:
        >>> net = nn.Sequential(MixStyle())
        >>> set_views(net, 2)
        >>> net[0].views
        2
    """
    for module in model.modules():
        if isinstance(module, MixStyle):
            module.views = views
