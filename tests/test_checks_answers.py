"""Checks meet answers that nobody planted: right ones in other words pass, subtly wrong ones are told what is wrong.

Each wrong answer here once passed, or would break a cell below its check: a list where the lesson calls a tensor's
method, a mask of True and False whose mean torch refuses, an order that is not drawn.
"""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import instance_norm, one_hot

from gltr_lib.checks import verdict
from gltr_lib.checks.registry import difference


def share_by_loops(labels, class_id):
    height, width = labels.shape  # the task says (H, W)
    pixels = [labels[y, x] for y in range(height) for x in range(width) if labels[y, x] != 255]
    return pixels.count(class_id) / len(pixels)


def confusion_by_products(prediction, target, num_classes):
    valid = target != 255
    rows, columns = one_hot(target[valid], num_classes), one_hot(prediction[valid], num_classes)
    return rows.T @ columns


def prior_by_one_hot(labels, num_classes):
    return one_hot(labels.clamp(max=num_classes), num_classes + 1)[..., :num_classes].sum(0).argmax(-1)


def repaint_by_repeat(image, labels, texture, class_id):
    height, width = labels.shape
    times = (-(-height // texture.shape[1]), -(-width // texture.shape[2]))
    out, tiles = image.clone(), texture.repeat(1, *times)[:, :height, :width]
    out[:, labels == class_id] = tiles[:, labels == class_id]
    return out


def adain_by_torch(content, style_mean, style_std):
    return instance_norm(content, eps=1e-5) * style_std + style_mean


def stylise_by_lerp(image, style_mean, style_std, alpha, encode, adain, decode):
    features = encode(image)
    return decode(torch.lerp(features, adain(features, style_mean, style_std), alpha))


def shuffle_by_sorting(features, generator):
    order = torch.rand(features[0, 0].numel(), generator=generator).argsort()
    return features.flatten(2).gather(2, order.expand(*features.shape[:2], -1)).view(features.shape)


def band_by_where(scores, low, high):
    first, last = torch.quantile(scores, torch.tensor([low, high]))
    return torch.where((scores >= first) & (scores <= last))[0]


def styles_by_multinomial(means, stds, count, generator):
    rows = torch.multinomial(torch.ones(len(means)), count, replacement=True, generator=generator)
    return means[rows], stds[rows]


def stacked_styles(means, stds, count, generator):
    rows = torch.randint(len(means), (count,), generator=generator)
    return torch.stack([means[rows], stds[rows]])


def raw_by_bernoulli(images, stylised, raw_share, generator):
    coin = torch.bernoulli(torch.full((len(images), 1, 1, 1), float(raw_share)), generator=generator)
    return coin * images + (1 - coin) * stylised


def threshold_by_ndtri(field, share):
    level = torch.special.ndtri(torch.tensor(1 - share))
    mean, std = field.mean((1, 2, 3), keepdim=True), field.std((1, 2, 3), correction=0, keepdim=True)
    return torch.where(field > mean + level * std, 1.0, 0.0)


def exact_by_scatter(field, share):
    flat = field.flatten(1)
    best = flat.argsort(1, descending=True)[:, : round(share * flat.shape[1])]
    return torch.zeros_like(flat).scatter(1, best, 1.0).reshape(field.shape)


def raw_share_as_tensor(field, p):
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * p - 1.0))
    return (field > field.mean() + level * field.std(correction=0)).float().mean()


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("00-labels", share_by_loops),
        ("00-normalise", lambda picture: torch.tensor(picture.transpose(2, 0, 1).astype(np.float32) / 255)),
        ("01-confusion", confusion_by_products),
        ("01-prior", prior_by_one_hot),
        ("01-repaint", repaint_by_repeat),
        ("02-adain", adain_by_torch),
        ("03-sample", stacked_styles),
        ("04-official", lambda field, p: threshold_by_ndtri(field, 1 - p).mean().item()),
        ("02-alpha", stylise_by_lerp),
        ("02-shuffle", shuffle_by_sorting),
        ("03-band", band_by_where),
        ("03-sample", styles_by_multinomial),
        ("03-ratio", raw_by_bernoulli),
        ("04-threshold", threshold_by_ndtri),
        ("04-quantile", exact_by_scatter),
        ("04-loguniform", lambda u, low, high: torch.exp(math.log(low) + u * math.log(high / low))),
        ("04-mix", torch.lerp),
        ("04-official", raw_share_as_tensor),
        (
            "04-official",
            lambda field, p: (field > field.mean() + level(p) * field.var(correction=0).sqrt()).sum() / field.numel(),
        ),
    ],
)
def test_right_answers_in_other_words_pass(id, answer):
    assert verdict(id, answer).passed, verdict(id, answer).message


def iou_as_list(matrix):
    unions = (matrix.sum(0) + matrix.sum(1) - matrix.diagonal()).tolist()
    return [hit / union if union else math.nan for hit, union in zip(matrix.diagonal().tolist(), unions, strict=True)]


def three_copies(image, labels, texture, class_id):
    tiles = texture.repeat(1, 3, 3)[:, : image.shape[1], : image.shape[2]]
    return torch.where(labels == class_id, tiles, image)


def roll_at_random(features, generator):
    down, right = (int(torch.randint(1, size, (1,), generator=generator)) for size in features.shape[2:])
    return features.roll((down, right), (2, 3))


def true_and_false(field, share):
    rank = field.flatten(1).argsort(1).argsort(1)
    return (rank >= rank.shape[1] - round(share * rank.shape[1])).reshape(field.shape)


def int_for_round(field, share):
    flat = field.flatten(1)
    best = flat.topk(int(share * flat.shape[1])).indices
    return torch.zeros_like(flat).scatter(1, best, 1.0).reshape(field.shape)


def nearly_one(field, p):
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * min(p, 1 - 1e-6) - 1, dtype=torch.float64))
    return (field > field.mean() + level * field.std(correction=0)).float().mean().item()


def coloured_in_empty_memory(labels, palette):
    table = np.empty((256, 3), np.uint8)
    table[:19] = palette
    return table[labels]


def band_by_nearest(scores, low, high):
    first, last = (torch.quantile(scores, part, interpolation="nearest") for part in (low, high))
    return ((scores >= first) & (scores <= last)).nonzero().flatten()


def raw_streets_first(images, stylised, raw_share, generator):
    coin = torch.rand(len(images), generator=generator) < raw_share
    return torch.cat([images[coin], stylised[~coin]])


def the_first_styles(means, stds, count, generator):
    rows = torch.arange(count) % len(means)
    return means[rows], stds[rows]


def styles_of_the_seed(means, stds, count, generator):
    torch.manual_seed(generator.initial_seed())
    rows = torch.randint(len(means), (count,))
    return means[rows], stds[rows]


def coins_of_the_seed(images, stylised, raw_share, generator):
    torch.manual_seed(generator.initial_seed())
    return torch.where((torch.rand(len(images)) < raw_share)[:, None, None, None], images, stylised)


def sixteen_coins(images, stylised, raw_share, generator):
    return torch.where((torch.rand(16, generator=generator) < raw_share)[:, None, None, None], images, stylised)


def stats_detached(features, eps=1e-5):
    features = features.detach()
    return features.mean((2, 3), keepdim=True), (features.var((2, 3), correction=0, keepdim=True) + eps).sqrt()


def stats_by_numpy(features, eps=1e-5):
    array = features.numpy()
    parts = array.mean((2, 3), keepdims=True), np.sqrt(array.var((2, 3), keepdims=True) + eps)
    return tuple(torch.from_numpy(part) for part in parts)


def eps_behind_the_root(content, style_mean, style_std):
    std = content.std((2, 3), correction=0, keepdim=True) + 1e-5
    return (content - content.mean((2, 3), keepdim=True)) / std * style_std + style_mean


def order_of_the_seed(features, generator):
    torch.manual_seed(generator.initial_seed())
    return features.flatten(2)[:, :, torch.randperm(features[0, 0].numel())].view_as(features)


def exact_by_count(field, count):
    flat = field.flatten(1)
    return torch.zeros_like(flat).scatter(1, flat.topk(count).indices, 1.0).view_as(field)


@pytest.mark.parametrize(
    ("id", "answer", "says"),
    [
        ("00-normalise", lambda picture: picture.transpose(2, 0, 1).astype(np.float32) / 255, "expected a tensor"),
        ("01-iou", iou_as_list, "expected a tensor"),
        ("01-iou", lambda matrix: np.array(iou_as_list(matrix)), "expected a tensor"),
        ("01-repaint", three_copies, "it raised RuntimeError"),
        ("02-shuffle", roll_at_random, "whole rows or columns move together"),
        ("04-threshold", lambda field, share: threshold_by_ndtri(field, share).bool(), "True and False"),
        ("04-threshold", lambda field, share: threshold_by_ndtri(field, share).int(), "expected dtype float32"),
        ("04-quantile", true_and_false, "True and False"),
        ("04-quantile", int_for_round, "cut off and not rounded"),
        ("04-official", nearly_one, "expected 0"),
        ("00-labels", lambda labels, id: (labels == id).sum() / (labels < 18).sum(), "class 18 is left out"),
        ("00-labels", lambda labels, id: (labels == id) / 2, "is an axis left over"),
        ("00-colour", coloured_in_empty_memory, "`np.empty` holds whatever stood in memory"),
        ("00-colour", lambda labels, palette: np.vstack([palette, palette])[labels], "it needs 256 rows"),
        ("00-normalise", lambda picture: torch.from_numpy(picture / 255).permute(2, 0, 1), "double precision"),
        ("00-normalise", lambda picture: (picture / 255).permute(2, 0, 1), "`torch.from_numpy` makes a tensor of it"),
        ("03-band", band_by_nearest, "expected shape"),
        (
            "03-band",
            lambda s, a, b: (s >= s.quantile(a) & s <= s.quantile(b)).nonzero().flatten(),
            "brackets round each",
        ),
        ("03-band", lambda s, a, b: (s.quantile(a) <= s <= s.quantile(b)).nonzero(), "`torch.where` chooses"),
        ("03-sample", the_first_styles, "every seed gives the same styles"),
        ("03-sample", styles_of_the_seed, "two draws from one generator give the same styles"),
        ("03-ratio", raw_streets_first, "pictures change their places"),
        ("03-ratio", coins_of_the_seed, "two draws from one generator give the same choice"),
        ("03-ratio", sixteen_coins, "one size of batch only"),
        ("02-stats", stats_detached, "no gradient gets through"),
        ("02-stats", stats_by_numpy, "no gradient gets through"),
        ("02-stats", lambda features, eps=1e-5: stats_detached(features, eps)[1], "received Tensor of shape"),
        ("02-adain", eps_behind_the_root, "eps stands outside the root"),
        ("02-shuffle", order_of_the_seed, "two draws from one generator"),
        ("04-quantile", lambda field, share: exact_by_count(field, math.ceil(share * field[0].numel())), "rounded up"),
    ],
)
def test_subtly_wrong_answers_do_not_pass(id, answer, says):
    found = verdict(id, answer)
    assert not found.passed
    assert says in found.message


def level(share):
    return math.sqrt(2) * torch.erfinv(torch.tensor(2 * share - 1.0))


def threshold_with_torchs_std(field, share):
    mean, std = field.mean((1, 2, 3), keepdim=True), field.std((1, 2, 3), keepdim=True)
    return (field > mean - level(share) * std).float()


def threshold_with_std_by_pixels(field, share):
    mean, std = field.mean((1, 2, 3), keepdim=True), field.std((1, 2, 3), correction=0, keepdim=True)
    return (field > mean - level(share) * std / field[0].numel()).float()


def official_with_torchs_std(field, p):
    return (field > field.mean() + level(p) * field.std()).float().mean().item()


def official_with_std_by_pixels(field, p):
    return (field > field.mean() + level(p) * field.std(correction=0) / field.numel()).float().mean().item()


def order_for_ranks(field, share):
    flat = field.flatten(1)
    return (flat.argsort(1) >= flat.shape[1] - round(share * flat.shape[1])).float().view_as(field)


def above_the_quantile(field, share):
    flat = field.flatten(1)
    return (flat > torch.quantile(flat, 1 - share, dim=1, keepdim=True)).float().view_as(field)


def styles_without_replacement(means, stds, count, generator):
    rows = torch.randperm(len(means), generator=generator)[:count]
    return means[rows], stds[rows]


def count_all(prediction, target, num_classes):
    pairs = (target * num_classes + prediction).flatten()
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def count_in_loops(prediction, target, num_classes):
    matrix = torch.zeros(num_classes, num_classes)
    for t, p in zip(target.flatten(), prediction.flatten(), strict=True):
        matrix[t, p] += 1
    return matrix


def count_without_minlength(prediction, target, num_classes):
    valid = target != 255  # a layout prior holds no bicycle: in the lesson's own cell this had no 19 x 19 entries
    return torch.bincount(target[valid] * num_classes + prediction[valid]).reshape(num_classes, num_classes)


def count_in_floats(prediction, target, num_classes):
    matrix = torch.zeros(num_classes, num_classes)
    for t, p in zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if t != 255:
            matrix[t, p] += 1
    return matrix


def count_each_pair_once(prediction, target, num_classes):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    matrix[target[target != 255], prediction[target != 255]] += 1
    return matrix


def prior_of_counts(labels, num_classes):
    return torch.stack([(labels == c).sum(0) for c in range(num_classes)]).argmax(0)


def repaint_from_the_class(image, labels, texture, class_id):
    out, rows_columns = image.clone(), (labels == class_id).nonzero()
    top, left = rows_columns.amin(0)
    for y, x in rows_columns:
        out[:, y, x] = texture[:, (y - top) % texture.shape[1], (x - left) % texture.shape[2]]
    return out


def count_half(prediction, target, num_classes):
    pairs = target[target != 255] * num_classes + prediction.flatten()
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def count_one_map(prediction, target, num_classes):
    matrix = torch.zeros(num_classes, num_classes)
    for y in range(target.shape[0]):
        for x in range(target.shape[1]):
            if target[y, x] != 255:
                matrix[target[y, x], prediction[y, x]] += 1
    return matrix


def count_and_spoil(prediction, target, num_classes):
    matrix = confusion_by_products(prediction, target, num_classes)
    target[target == 255] = 0
    return matrix


def count_255_as_road_in_place(prediction, target, num_classes):
    target[target == 255] = 0
    return count_all(prediction, target, num_classes)


def torchs_std(features, eps=1e-5):
    return features.mean((2, 3), keepdim=True), features.std((2, 3), keepdim=True)


def adain_without_brackets(content, style_mean, style_std):
    mean = content.mean((2, 3), keepdim=True)
    std = (content.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return content - mean / std * style_std + style_mean


FIRST_TRIES = [  # what beginners hand in first in lessons 00 to 02, and the word that the verdict must hold
    ("00-labels", lambda labels, class_id: np.sum(labels == class_id) / len(labels), "number of rows"),
    ("00-labels", lambda labels, class_id: (labels == class_id) / (labels != 255).sum(), "first count"),
    ("00-labels", lambda labels, class_id: (labels == class_id).sum() // (labels != 255).sum(), "`//`"),
    ("00-labels", lambda labels, class_id: round((labels == class_id).sum() / (labels != 255).sum()), "do not round"),
    ("00-colour", lambda labels, palette: palette[labels * (labels != 255)], "as road"),
    ("00-normalise", lambda picture: torch.from_numpy(picture.T).float() / 255, "height and width"),
    ("00-normalise", lambda picture: torch.from_numpy(picture).permute(2, 0, 1).floor_divide(255).float(), "`//`"),
    ("01-confusion", count_all, "without a label (255)"),
    ("01-confusion", count_in_loops, "without a label (255)"),
    ("01-confusion", count_half, "of both maps"),
    ("01-confusion", count_without_minlength, "the last class does not occur"),
    ("01-confusion", count_in_floats, "they are floats"),
    ("01-confusion", count_each_pair_once, "counted once"),
    ("01-confusion", lambda p, t, n: confusion_by_products(p, t, n) / t.numel(), "values differ"),
    ("01-confusion", lambda p, t, n: (lambda m: m / m.sum())(confusion_by_products(p, t, n)), "shares"),
    ("01-confusion", count_one_map, "it raised RuntimeError"),  # fails on labelled pixels, too: its own error
    ("01-confusion", count_and_spoil, "the values are right, but the function changes its inputs in place"),
    ("01-confusion", count_255_as_road_in_place, "as if they were class 0"),  # the worse of its two mistakes
    ("01-iou", lambda matrix: matrix.diagonal() / matrix.sum(), "all pixels"),
    ("01-iou", lambda m: m.diag() / m.sum(0) + m.sum(1) - m.diag(), "brackets"),
    ("01-iou", lambda m: m.diag() / (m.sum(0) + m.sum(1) - 2 * m.diag()), "subtracted twice"),
    ("01-iou", lambda m: m.diag() / m.sum(1) * m.sum(1) / (m.sum(0) + m.sum(1) - m.diag()), "only predicted"),
    ("01-iou", lambda matrix: 2 * matrix.diagonal() / (matrix.sum(0) + matrix.sum(1)), "Dice"),
    (
        "01-prior",
        lambda labels, n: torch.stack([(labels == c).sum(0) for c in range(n)]).max(0).values,
        "how many votes",
    ),
    ("01-prior", lambda labels, n: prior_of_counts(labels, n).float(), "they are floats"),
    ("01-prior", lambda labels, n: labels.clamp(max=n - 1).mode(0).values, "vote for the last class"),
    ("01-prior", lambda labels, n: prior_of_counts(labels, n - 1), "the last class has no vote"),
    ("01-prior", lambda labels, n: prior_of_counts(labels - 1, n - 1), "off by one"),
    ("01-repaint", repaint_from_the_class, "the class's own corner"),
    ("02-stats", torchs_std, "torch's own std"),
    ("02-adain", adain_without_brackets, "brackets"),
    ("02-mix", lambda means, stds, w: ((w[:, None] * means).mean(0), (w[:, None] * stds).mean(0)), "number of styles"),
    ("03-sample", styles_without_replacement, "without replacement"),
    ("04-threshold", threshold_with_torchs_std, "divisor H*W - 1"),
    ("04-threshold", threshold_with_std_by_pixels, "not the std itself"),
    ("04-official", official_with_torchs_std, "divisor H*W - 1"),
    ("04-official", official_with_std_by_pixels, "not the std itself"),
    ("04-quantile", order_for_ranks, "not their ranks"),
    ("04-quantile", above_the_quantile, "`>` drops"),
    ("04-quantile", threshold_by_ndtri, "exercise 4.1"),
    ("04-sigma", lambda sigma, height, width: sigma * height / 640, "shorter"),
]


@pytest.mark.filterwarnings("ignore:std\\(\\):UserWarning")  # a single position: the reason why this std is wrong
@pytest.mark.parametrize(("id", "answer", "says"), FIRST_TRIES)
def test_beginners_first_tries_are_told_what_is_wrong(id, answer, says):
    found = verdict(id, answer)
    assert not found.passed
    assert says in found.message


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.int64])
def test_whole_numbers_may_be_of_any_width(kind):
    assert verdict("01-prior", lambda labels, n: prior_of_counts(labels, n).to(kind)).passed


def test_numbers_without_axes_may_be_of_any_kind():
    assert difference(0.5, torch.tensor(0.5)) is None
    assert difference(torch.tensor(0.5), 0.5) is None
    assert "a NumPy array" in difference(torch.zeros(2), np.zeros(2))
    assert "a tensor" in difference([0.0, 0.0], torch.zeros(2))


def test_a_few_wrong_values_are_counted_and_not_rounded_to_none():
    want = np.zeros((4, 360))
    got = want.copy()
    got[1, 7] = 1
    assert difference(got, want) == "1 of 1,440 values differs; at (1, 7) expected 0, received 1"
    got[2] = 1
    assert "361 of 1,440 values differ; " in difference(got, want)


def test_a_wrong_number_comes_with_the_inputs_that_gave_it():
    said = verdict("04-schedule", lambda step, total, start, power: start).message
    assert said == "expected 0.815479, received 0.5 for step=1, total=100, start=0.5, power=0.1"
    assert "for sigma_640=4.0, height=128, width=256" in verdict("04-sigma", lambda s, h, w: s * h * w).message
    assert "0.0" in verdict("06-poly", lambda base, step, total, power=0.9: 0).message
    assert " for " not in verdict("04-mix", lambda images, stylised, mask: images).message  # tensors are not spelt out
