"""Exercises of lesson 02 (AdaIN from scratch): statistics, the layer, alpha, mixed styles, shuffled positions.

Source of the formulas: Huang and Belongie 2017 (arXiv 1703.06868), equations 5 to 8 and 14.
"""

from __future__ import annotations

import torch

from gltr_lib.checks import lesson02_shuffle
from gltr_lib.checks.registry import Exercises, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _features(seed: int, batch: int = 3, channels: int = 4, height: int = 5, width: int = 7) -> torch.Tensor:
    generator = torch_random(seed)
    x = torch.randn(batch, channels, height, width, generator=generator)
    scale = torch.rand(batch, channels, 1, 1, generator=generator) * 3 + 0.2
    x = x * scale + torch.randn(batch, channels, 1, 1, generator=generator) * 2
    x[:, -1] = 0.75  # a channel that is constant: real encoders have them
    return x


def _style(seed: int, batch: int = 3, channels: int = 4):
    generator = torch_random(1000 + seed)
    mean = torch.randn(batch, channels, 1, 1, generator=generator) * 2
    return mean, torch.rand(batch, channels, 1, 1, generator=generator) * 2 + 0.3


@exercise(
    "02-stats",
    title="Two numbers a channel",
    task="Return (mean, std) of each channel of each picture, both of shape (B, C, 1, 1). The variance is the mean "
    "squared deviation (divided by H*W), the std is sqrt(variance + eps), so that nothing is divided by zero later.",
    hints=(
        "A style belongs to one channel of one picture: over which axes may you average?",
        "`features.var((2, 3), correction=0, keepdim=True)`, then `(variance + eps).sqrt()`.",
    ),
    minutes=8,
    difficulty=2,
    cases=lambda: [(_features(0),), (_features(1),), (_features(2, batch=2, height=1, width=1), 1e-3)],
    differentiable=True,
)
def channel_stats(features, eps=1e-5):
    mean = features.mean((2, 3), keepdim=True)
    variance = ((features - mean) ** 2).mean((2, 3), keepdim=True)
    return mean, (variance + eps).sqrt()


@misconception("02-stats", "this is the variance where the standard deviation is meant: take the square root", hint=2)
def _variance(features, eps=1e-5):
    mean, std = channel_stats(features, eps)
    return mean, std**2


@misconception("02-stats", "eps is forgotten: a constant channel has std 0, and AdaIN will divide by it", hint=2)
def _no_eps(features, eps=1e-5):
    return features.mean((2, 3), keepdim=True), features.std((2, 3), correction=0, keepdim=True)


@misconception("02-stats", "eps stands outside the root: it belongs under it, sqrt(variance + eps)", hint=2)
def _eps_outside(features, eps=1e-5):
    mean, std = _no_eps(features)
    return mean, std + eps


BATCH = "the mean runs over the batch too: then all pictures of a batch share one style (BatchNorm)"
CHANNELS = "the mean runs over the channels too: a style has two numbers for each channel (LayerNorm)"


@misconception("02-stats", BATCH)
def _over_batch(features, eps=1e-5):
    mean = features.mean((0, 2, 3), keepdim=True)
    return mean, (features.var((0, 2, 3), correction=0, keepdim=True) + eps).sqrt()


@misconception("02-stats", BATCH)
def _over_batch_expanded(features, eps=1e-5):
    mean, std = _over_batch(features, eps)
    return mean.expand(len(features), -1, 1, 1), std.expand(len(features), -1, 1, 1)


@misconception("02-stats", CHANNELS)
def _over_channels(features, eps=1e-5):
    mean = features.mean((1, 2, 3), keepdim=True)
    return mean, (features.var((1, 2, 3), correction=0, keepdim=True) + eps).sqrt()


@misconception("02-stats", CHANNELS)
def _over_channels_expanded(features, eps=1e-5):
    mean, std = _over_channels(features, eps)
    return mean.expand(-1, features.shape[1], 1, 1), std.expand(-1, features.shape[1], 1, 1)


@misconception("02-stats", "eps is a fixed number here: use the argument `eps`", hint=2)
def _own_eps(features, eps=1e-5):
    return channel_stats(features)


@misconception("02-stats", "this divides by H*W - 1: with a single position that is 0/0, so take correction=0", hint=2)
def _unbiased(features, eps=1e-5):
    mean = features.mean((2, 3), keepdim=True)
    variance = ((features - mean) ** 2).sum((2, 3), keepdim=True) / (features[0, 0].numel() - 1)
    return mean, (variance + eps).sqrt()


# With a single position torch's own std is NaN, with or without eps behind it: the same words fit both.
@misconception("02-stats", "this is torch's own std, divisor H*W - 1: take the variance with correction=0, then eps", 2)
def _torchs_std(features, eps=1e-5):
    mean, variance = _torchs_variance(features)
    return mean, variance.sqrt()


@misconception(
    "02-stats", "this is torch's own variance (divisor H*W - 1): take correction=0, add eps, and the root", 2
)
def _torchs_variance(features, eps=1e-5):
    mean, std = _unbiased(features, 0.0)  # torch's own warns of a single position
    return mean, std**2


@misconception("02-stats", "std and mean are exchanged: return the mean first")
def _std_first(features, eps=1e-5):
    return channel_stats(features, eps)[::-1]


def _quiet(x: torch.Tensor) -> torch.Tensor:
    """With one channel that hardly varies: there it shows where eps stands."""
    x[:, -2] = 0.3 + 1e-3 * x[:, -2]
    return x


@exercise(
    "02-adain",
    title="The AdaIN layer",
    task="Give `content` (B, C, H, W) the channel statistics of a style: remove its own mean, divide by its own std, "
    "multiply by `style_std`, add `style_mean` (both (B, C, 1, 1)). Use `channel_stats` from the exercise before, or "
    "write it out with eps = 1e-5 under the root.",
    hints=(
        "First standardise each channel with its *own* two numbers, then dress it with the style's.",
        "`(content - mean) / std * style_std + style_mean`",
    ),
    minutes=6,
    difficulty=2,
    cases=lambda: [(_quiet(_features(seed)), *_style(seed)) for seed in range(3)],
    tolerance=1e-3,  # a constant channel is rounding noise divided by sqrt(eps)
)
def adain(content, style_mean, style_std):
    mean = content.mean((2, 3), keepdim=True)
    std = (content.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return (content - mean) / std * style_std + style_mean


@misconception(
    "02-adain", "content and style are swapped: the content is standardised with its own numbers, not the style's"
)
def _swapped(content, style_mean, style_std):
    mean, std = channel_stats(content)
    return (content - style_mean) / style_std * std + mean


@misconception("02-adain", "the result is not re-centred: add the style's mean at the end", hint=2)
def _no_new_mean(content, style_mean, style_std):
    return adain(content, torch.zeros_like(style_mean), style_std)


@misconception("02-adain", "the content's own mean is put back: the new centre is the style's mean", hint=2)
def _own_mean(content, style_mean, style_std):
    return adain(content, channel_stats(content)[0], style_std)


@misconception("02-adain", "the content is not divided by its own std, so its contrast survives and multiplies")
def _not_divided(content, style_mean, style_std):
    return (content - channel_stats(content)[0]) * style_std + style_mean


@misconception("02-adain", "the content is not centred before scaling: subtract its own mean first")
def _not_centred(content, style_mean, style_std):
    return content / channel_stats(content)[1] * style_std + style_mean


@misconception("02-adain", "it divides by the variance; the standard deviation is meant")
def _by_variance(content, style_mean, style_std):
    mean, std = channel_stats(content)
    return (content - mean) / std**2 * style_std + style_mean


@misconception(
    "02-adain", "eps is forgotten, so a channel that is constant becomes 0/0: use your `channel_stats`", hint=2
)
def _adain_no_eps(content, style_mean, style_std):
    mean, std = _no_eps(content)
    return (content - mean) / std * style_std + style_mean


@misconception("02-adain", "eps stands outside the root: use your `channel_stats`", hint=2)
def _adain_eps_outside(content, style_mean, style_std):
    mean, std = _eps_outside(content)
    return (content - mean) / std * style_std + style_mean


ADAIN_TORCHS_STD = "this is torch's own std, which divides by H*W - 1: use your `channel_stats`"


@misconception("02-adain", ADAIN_TORCHS_STD, hint=2)
def _adain_torchs_std(content, style_mean, style_std):
    mean, std = _torchs_std(content)
    return (content - mean) / std * style_std + style_mean


@misconception("02-adain", ADAIN_TORCHS_STD, hint=2)
def _adain_torchs_std_eps(content, style_mean, style_std):
    mean, std = _torchs_std(content)
    return (content - mean) / (std + 1e-5) * style_std + style_mean


@misconception("02-adain", "the order is turned round: multiply by `style_std` first, then add `style_mean`", hint=2)
def _added_first(content, style_mean, style_std):
    return (_only_standardised(content, style_mean, style_std) + style_mean) * style_std


@misconception(
    "02-adain", "the brackets are missing: subtract the mean first, then divide, `(content - mean) / std`", hint=2
)
def _no_brackets(content, style_mean, style_std):
    mean, std = channel_stats(content)
    return content - mean / std * style_std + style_mean


@misconception("02-adain", "the style's two numbers are exchanged: multiply by its std, add its mean", hint=2)
def _style_exchanged(content, style_mean, style_std):
    return adain(content, style_std, style_mean)


@misconception("02-adain", "the style's numbers are not put in yet: multiply by its std and add its mean", hint=2)
def _only_standardised(content, style_mean, style_std):
    mean, std = channel_stats(content)
    return (content - mean) / std


def _encode(image: torch.Tensor) -> torch.Tensor:
    return torch.stack([image[:, 0], image[:, 1] * image[:, 2], image.mean(1).square(), image[:, 2]], 1)


def _decode(features: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(features[:, :3] * 1.5 - features[:, 3:])  # not linear: blending before or after differs


def _images(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 6, 8, generator=torch_random(seed))


@exercise(
    "02-alpha",
    title="How much style?",
    task="Stylise `image`: encode it, move the features with `adain(features, style_mean, style_std)`, blend moved and "
    "original **features** with `alpha` (1 = all style, 0 = none), and decode the blend once.",
    hints=(
        "Encode, adain, blend, decode. At which point do the two versions meet?",
        "`decode(alpha * moved + (1 - alpha) * features)`",
    ),
    minutes=5,
    difficulty=2,
    cases=lambda: [
        (_images(seed), *_style(seed, batch=2), alpha, _encode, adain, _decode)
        for seed, alpha in ((0, 0.3), (1, 0.8), (2, 0.0), (3, 1.0))
    ],
)
def stylise(image, style_mean, style_std, alpha, encode, adain, decode):
    features = encode(image)
    moved = adain(features, style_mean, style_std)
    return decode(alpha * moved + (1 - alpha) * features)


@misconception("02-alpha", "two decoded pictures are blended, a double exposure: blend the features, then decode once")
def _blend_pictures(image, style_mean, style_std, alpha, encode, adain, decode):
    features = encode(image)
    return alpha * decode(adain(features, style_mean, style_std)) + (1 - alpha) * decode(features)


@misconception("02-alpha", "the original picture is blended in after decoding: blend the features instead")
def _blend_original(image, style_mean, style_std, alpha, encode, adain, decode):
    return alpha * decode(adain(encode(image), style_mean, style_std)) + (1 - alpha) * image


@misconception("02-alpha", "alpha is reversed: 1 should be all style and 0 none", hint=2)
def _alpha_reversed(image, style_mean, style_std, alpha, encode, adain, decode):
    return stylise(image, style_mean, style_std, 1 - alpha, encode, adain, decode)


@misconception("02-alpha", "the original features are added whole: weigh them with 1 - alpha", hint=2)
def _added(image, style_mean, style_std, alpha, encode, adain, decode):
    features = encode(image)
    return decode(features + alpha * adain(features, style_mean, style_std))


@misconception("02-alpha", "alpha is not used", hint=2)
def _no_alpha(image, style_mean, style_std, alpha, encode, adain, decode):
    return decode(adain(encode(image), style_mean, style_std))


@misconception("02-alpha", "nothing of the original is blended in: add `(1 - alpha)` times its features", hint=2)
def _alpha_on_style(image, style_mean, style_std, alpha, encode, adain, decode):
    return decode(adain(encode(image), alpha * style_mean, alpha * style_std))


@misconception("02-alpha", "these are features still: decode the blend", hint=2)
def _not_decoded(image, style_mean, style_std, alpha, encode, adain, decode):
    features = encode(image)
    return alpha * adain(features, style_mean, style_std) + (1 - alpha) * features


def _mixtures():
    cases = []
    for seed, weights in ((0, [1.0, 1.0, 2.0]), (1, [0.2, 0.0, 0.3]), (2, [0.5, 0.25, 0.25])):
        generator = torch_random(seed)
        cases.append(
            (torch.randn(3, 6, generator=generator), torch.rand(3, 6, generator=generator) + 0.1, torch.tensor(weights))
        )
    return cases


@exercise(
    "02-mix",
    title="Between two painters",
    task="`means` and `stds` (N, C) hold N styles, `weights` (N) how much of each (not negative, any sum above 0). "
    "Return the mixed style (mean, std), both (C): the weighted averages, with weights scaled to sum to 1.",
    hints=(
        "Scale the weights first. Then a mixed mean is one weighted sum over the N styles for each channel: which "
        "product does that?",
        "`w = weights / weights.sum()`; then `w @ means` and `w @ stds`.",
    ),
    minutes=4,
    difficulty=1,
    cases=_mixtures,
)
def mix_styles(means, stds, weights):
    w = weights / weights.sum()
    return w @ means, w @ stds


@misconception("02-mix", "the weights do not sum to 1 here, so the style is shrunk or blown up: divide by their sum")
def _unnormalised(means, stds, weights):
    return weights @ means, weights @ stds


@misconception("02-mix", "this divides by the number of styles: divide by the sum of the weights", hint=2)
def _by_count(means, stds, weights):
    return weights @ means / len(weights), weights @ stds / len(weights)


@misconception(
    "02-mix", "the scaled weights sum to 1 already: add up over the styles, do not average once more", hint=2
)
def _averaged_again(means, stds, weights):
    mean, std = mix_styles(means, stds, weights)
    return mean / len(weights), std / len(weights)


@misconception("02-mix", "the weights are ignored: this is the plain average of all styles", hint=2)
def _plain_average(means, stds, weights):
    return means.mean(0), stds.mean(0)


@misconception("02-mix", "the variances are averaged; the mixture is meant on the standard deviations themselves")
def _mix_variances(means, stds, weights):
    w = weights / weights.sum()
    return w @ means, (w @ stds**2).sqrt()


@misconception("02-mix", "only the means are mixed, the std is that of one style: both belong to it", hint=2)
def _only_means(means, stds, weights):
    return weights @ means / weights.sum(), stds[weights.argmax()]


EXERCISES.update(lesson02_shuffle.EXERCISES)
