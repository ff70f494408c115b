"""Checks of lessons 05 to 09: answers that look right and break the cells below, and right answers in other words."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gltr_lib.checks import verdict


def total(predictions, targets, num_classes):
    pairs = torch.cat([(t * num_classes + p)[t != 255] for p, t in zip(predictions, targets, strict=True)])
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes).float()


def squares(a, b):
    return (a.softmax(1) - b.softmax(1)).square().sum(1)


def under_no_grad(logits_global, logits_local, valid):
    with torch.no_grad():
        return squares(logits_global, logits_local)[valid].mean()


def classes_with_labels(predictions, targets, num_classes):
    matrix = total(predictions, targets, num_classes)
    iou = matrix.diag() / (matrix.sum(0) + matrix.sum(1) - matrix.diag())
    return iou[matrix.sum(1) > 0].mean().item()


def union_of_everything(predictions, targets, num_classes):
    scores = []
    for c in range(num_classes):
        hit = sum(((p == c) & (t == c)).sum().item() for p, t in zip(predictions, targets, strict=True))
        union = sum(((p == c) | (t == c)).sum().item() for p, t in zip(predictions, targets, strict=True))
        if union:
            scores.append(hit / union)
    return sum(scores) / len(scores)


def kl_by_logs(g, x):
    return (g.softmax(1) * (g.softmax(1).log() - x.softmax(1).log())).sum(1).mean()


def kl_by_ratio(g, x):
    return (g.softmax(1) * torch.log(g.softmax(1) / x.softmax(1))).sum(1).mean()


def once(model, a, b):
    return model(torch.cat([a, b])).chunk(2)


def seed_by_seed(baseline, method):
    return [method[s] - baseline[s] for s in baseline if s in method]


def fill_the_mapping(mapping):
    for id in range(256):
        mapping.setdefault(id, 255)  # after this no id is unknown: an audit with the same dict would find nothing
    return np.array([mapping[id] for id in range(256)], dtype=np.uint8)


def half(values, t):
    return t * np.std(values, ddof=1) / len(values) ** 0.5


def steps(images, epochs, forward_images, views):
    return -(-images * epochs // (forward_images // views))


def kl_by_distributions(g, x):
    teacher, pupil = (torch.distributions.Categorical(logits=z.movedim(1, -1)) for z in (g.detach(), x))
    return torch.distributions.kl_divergence(teacher, pupil).mean()  # infinite where the pupil is sure


def log_of_the_pupil(g, x):
    return F.kl_div(x.softmax(1).log(), g.detach().softmax(1), reduction="none").sum(1).mean()


def kl_clamped(g, x):
    p, q = g.detach().softmax(1).clamp(min=1e-12), x.softmax(1).clamp(min=1e-12)
    return (p * (p.log() - q.log())).sum(1).mean()


def detached_in_place(g, x):
    g.detach_()
    return F.kl_div(x.log_softmax(1), g.softmax(1), reduction="none").sum(1).mean()


def without_gradient(function):
    def answer(*inputs):
        with torch.no_grad():
            return function(*inputs)

    return answer


def sum_of(features, branches):
    return sum(branch(features) for branch in branches)


def emptied(features, branches):
    total = branches.pop(0)(features)
    while branches:
        total = total + branches.pop(0)(features)
    return total


def in_a_row(features, branches):
    return torch.nn.Sequential(*branches)(features)


def total_in_place(ce_global, ce_local, consistency, weight):
    ce_global += ce_local
    return ce_global + weight * consistency


def removed(ids, one):
    ids.remove(one)
    return ids


def layers_turned(layers):
    layers.reverse()
    field = 1
    for kernel, stride, dilation in layers:
        field = (field - 1) * stride + 1 + dilation * (kernel - 1)
    return field


def layers_eaten(layers):
    field, jump = 1, 1
    while layers:
        kernel, stride, dilation = layers.pop(0)
        field, jump = field + dilation * (kernel - 1) * jump, jump * stride
    return field


def spoils_the_predictions(predictions, targets, num_classes):
    for prediction, target in zip(predictions, targets, strict=True):
        prediction[target == 255] = 0
    return per_class(predictions, targets, num_classes)


def renamed_one_by_one(labels, mapping):
    out = labels.clone()
    for old, new in mapping.items():
        out[out == old] = new
    return out


def looked_up_one_by_one(labels, mapping):
    return torch.tensor([mapping[int(x)] for x in labels.flatten()]).view_as(labels)


def table_of_classes(labels, mapping):
    table = torch.full((19,), 255)
    for old, new in mapping.items():
        table[old] = new
    return table[labels]


def counted_with_255(predictions, targets, num_classes):
    pairs = torch.cat([(t * num_classes + p).flatten() for p, t in zip(predictions, targets, strict=True)])
    matrix = torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)
    return (matrix.diag() / (matrix.sum(0) + matrix.sum(1) - matrix.diag())).nanmean().item()


WRONG = [
    ("05-kl", kl_by_distributions, "softmax reaches 0 in float32"),
    ("05-kl", log_of_the_pupil, "softmax reaches 0 in float32"),
    ("05-kl", kl_clamped, "softmax reaches 0 in float32"),
    ("05-kl", detached_in_place, "`detach_()` and `requires_grad_(False)` change"),
    ("05-kl", lambda g, x: F.kl_div(x.log_softmax(1), g.detach().softmax(1), reduction="none").sum(1), "one number"),
    ("05-kl", lambda g, x: F.kl_div(x.softmax(1), g.detach().softmax(1), reduction="batchmean"), "wants log-prob"),
    (
        "05-consistency",
        lambda a, b, v: F.mse_loss(a.softmax(1), b.softmax(1)),
        "`F.mse_loss` averages over the classes",
    ),
    ("05-consistency", lambda a, b, v: squares(a, b)[v], "a loss is one number"),
    ("05-forward", without_gradient(lambda model, a, b: once(model, a, b)), "no gradient comes back"),
    ("05-forward", lambda model, a, b: model(torch.cat([a, b])), "return a pair"),
    ("05-forward", lambda model, a, b: model((a, b)), "one batch of pictures"),
    ("05-total", lambda a, b, c, w: (a + b + w * c).item(), "no gradient comes back"),
    ("05-total", lambda a, b, c, w: torch.tensor((a + b + w * c).item()), "no gradient comes back"),
    ("05-total", total_in_place, "writes into a term itself"),
    (
        "08-paired",
        lambda b, m: (np.mean(d := [m.pop(s) - b[s] for s in [*b] if s in m]), np.std(d, ddof=1)),
        "in place",
    ),
    ("08-paired", lambda b, m: {}.popitem(), "dictionary is empty"),
    ("09-audit", lambda x, m: sorted(removed({*x.ravel().tolist()}, 255) - {*m}), "`remove` insists"),
    ("09-audit", lambda x, m: list({*x.ravel().tolist()} - {255} - {*m}), "not sorted"),
    ("06-aspp", without_gradient(sum_of), "no gradient gets through"),
    ("06-aspp", lambda features, branches: sum_of(features, branches).detach(), "no gradient gets through"),
    ("06-aspp", emptied, "changes its inputs in place"),
    ("06-aspp", in_a_row, "one behind the other"),
    ("06-aspp", lambda features, branches: features + sum_of(features, branches), "starts with something of the feat"),
    ("06-field", layers_eaten, "changes its inputs in place"),
    ("06-field", layers_turned, "changes its inputs in place"),
    ("07-miou", spoils_the_predictions, "changes its inputs in place"),
    ("07-miou", counted_with_255, "it breaks where pixels have no label (255)"),
    ("07-rescore", lambda x, s: F.interpolate(x[:, None].float(), s, mode="nearest").squeeze().long(), "`squeeze()`"),
    ("07-rescore", lambda x, size: F.interpolate(x.float(), size=size).long(), "give the labels a channel"),
    ("07-merge", renamed_one_by_one, "renamed one after the other"),
    ("07-merge", looked_up_one_by_one, "finds no place"),
    ("07-merge", table_of_classes, "finds no place"),
    ("05-consistency", under_no_grad, "no gradient comes back"),
    ("05-consistency", lambda a, b, v: squares(a, b)[v].mean().item(), "no gradient comes back"),
    ("05-consistency", lambda a, b, v: squares(a.detach(), b)[v].mean(), "one branch is held still"),
    ("05-consistency", lambda a, b, v: squares(a, b.detach())[v].mean(), "one branch is held still"),
    ("05-total", lambda a, b, c, w: 0.5 * (a + b) + w * c, "averaged"),
    ("05-consistency", lambda a, b, v: 3 * squares(a, b)[v].mean(), "the loss: expected"),
    ("05-consistency", lambda a, b, v: squares(a.detach() / 2 + a / 2, b)[v].mean(), "the gradient into global: "),
    ("05-kl", lambda g, x: kl_by_logs(g.detach(), x), "softmax reaches 0 in float32"),
    ("05-kl", lambda g, x: kl_by_ratio(g.detach(), x), "softmax reaches 0 in float32"),
    ("05-kl", lambda g, x: F.cross_entropy(x, g.detach().softmax(1)), "cross-entropy"),
    ("05-forward", lambda model, a, b: (once(model, a, b), model(a))[0], "calls of the model: expected 1, received 2"),
    ("06-padding", lambda kernel, dilation: dilation * (kernel - 1) / 2, "it is a float"),
    ("06-padding", lambda kernel, dilation: torch.tensor(dilation * (kernel - 1) // 2), "a tensor, not an int"),
    ("06-padding", lambda kernel, dilation: kernel + dilation, "the padding: expected 1, received 4 for kernel=3, dil"),
    ("06-size", lambda size, k, s, p, d: (size + 2 * p - d * (k - 1) - 1) / s + 1, "incomplete last step is left out"),
    ("06-size", lambda size, k, s, p, d: size, "for size=128, kernel=3, stride=2, padding=1, dilation=1"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None], size=size)[:, 0], "`.float()` before"),
    ("07-miou", classes_with_labels, "claimed but in no label"),
    ("07-miou", union_of_everything, "without a label (255) counts as wrong"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None].float(), size, mode="nearest")[:, 0], "not int64"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None].byte(), size, mode="nearest")[:, 0], "not int64"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None].float(), size, mode="nearest-exact")[:, 0].long(), "exact"),
    ("08-paired", lambda b, m: (lambda d: (np.mean(d), np.std(d)))([m[s] - b[s] for s in m if s in b]), "divides by n"),
    ("08-paired", lambda b, m: (np.mean(d := [m[s] - b[s] for s in b]), np.std(d)), "seed 5 is in only one"),
    ("08-paired", lambda b, m: (np.mean(d := seed_by_seed(b, m)), np.std(d, ddof=1) / len(d) ** 0.5), "standard error"),
    ("08-paired", lambda b, m: (np.mean(d := seed_by_seed(b, m)), np.var(d, ddof=1)), "variance"),
    ("08-paired", lambda b, m: (np.std(d := seed_by_seed(b, m), ddof=1), np.mean(d)), "exchanged"),
    ("08-paired", lambda b, m: np.mean(seed_by_seed(b, m)), "expected 2 values in a list or tuple"),
    ("08-paired", seed_by_seed, "expected 2 values, received 3"),
    ("08-paired", lambda b, m: (np.median(d := seed_by_seed(b, m)), np.std(d, ddof=1)), "median stands where"),
    ("08-interval", lambda v, t: (np.mean(v), half(v, t)), "half-width"),
    ("08-interval", lambda v, t: (np.mean(v) + half(v, t), np.mean(v) - half(v, t)), "high comes first"),
    ("08-interval", lambda v, t: (-half(v, t), half(v, t)), "around zero"),
    ("08-interval", lambda v, t: (np.mean(v) - half(v, 1), np.mean(v) + half(v, 1)), "`t` is not used"),
    ("08-gap", lambda baseline, method, oracle: 100 * (method - baseline) / (oracle - baseline), "per cent"),
    ("08-gap", lambda baseline, method, oracle: np.clip((method - baseline) / (oracle - baseline), 0, 1), "cut off"),
    ("08-gap", lambda baseline, method, oracle: method - baseline / oracle - baseline, "brackets"),
    ("09-lut", fill_the_mapping, "changes its inputs in place"),
    ("09-lut", lambda mapping: np.array([{v: k for k, v in mapping.items()}.get(i, 255) for i in range(256)]), "dtype"),
    ("09-audit", lambda labels, mapping: {*labels.ravel().tolist()} - {*mapping} - {255}, "in a list or tuple"),
    ("09-audit", lambda labels, mapping: sorted({*labels.ravel().tolist()} - {*mapping}), "no surprise"),
    ("09-audit", lambda l, m: [i for i in dict.fromkeys(l.ravel().tolist()) if i not in {*m, 255}], "not sorted"),
    ("09-split", lambda recordings, share: None, "it returns None"),
    ("09-split", lambda recordings, share: [0, 1, 2], "expected 2 values, received 3"),
    ("09-split", lambda recordings, share: (3, 4), "train: expected"),
    ("09-split", lambda recordings, share: {"train": [0], "val": [1]}, "no dict"),
    ("09-split", lambda recordings, share: ({0}, {1}), "no sets"),
    ("09-split", lambda recordings, share: (recordings[1:], recordings[:1]), "these are names"),
    ("09-sigma", lambda height, width: (height / 160, height / 40), "a tall picture"),
    ("09-sigma", lambda height, width: (4 * min(height, width) // 640, 16 * min(height, width) // 640), "a fraction"),
    ("09-budget", lambda n, e, f, v, s: (k := int(np.ceil(n * e / (f / v))), k * s / 3600), "cut in half"),
    ("09-budget", lambda n, e, f, v, s: (k := steps(n, e, f * v, 1), k * s / 3600), "views are multiplied"),
    ("09-budget", lambda n, e, f, v, s: (n * e / (f // v), n * e / (f // v) * s / 3600), "broken number"),
    ("09-budget", lambda n, e, f, v, s: (steps(n, e, f, v), n * e / (f // v) * s / 3600), "rounded steps"),
]


@pytest.mark.parametrize(("identity", "answer", "words"), WRONG)
def test_an_answer_that_would_break_the_cells_below_is_named(identity, answer, words):
    found = verdict(identity, answer)
    assert not found.passed
    assert words in found.message


def per_class(predictions, targets, num_classes):
    guess, truth = (torch.cat([m.flatten() for m in maps]) for maps in (predictions, targets))
    guess, truth = guess[truth != 255], truth[truth != 255]
    unions = [((guess == c) | (truth == c)).sum() for c in range(num_classes)]
    hits = [((guess == c) & (truth == c)).sum() for c in range(num_classes)]
    return float(np.mean([(h / u).item() for h, u in zip(hits, unions, strict=True) if u]))


def by_index(labels, size):
    rows, columns = (torch.arange(new) * old // new for new, old in zip(size, labels.shape[1:], strict=True))
    return labels[:, rows][:, :, columns]


def interleaved(model, x_global, x_local):
    logits = model(torch.stack([x_global, x_local], 1).flatten(0, 1))
    return logits[0::2], logits[1::2]


RIGHT = [
    ("05-consistency", lambda a, b, v: (squares(a, b) * v).sum() / v.sum()),
    ("05-kl", lambda g, x: F.kl_div(x.log_softmax(1), g.detach().softmax(1), reduction="none").sum(1).mean()),
    ("05-kl", lambda g, x: (g.detach().softmax(1) * (g.detach().log_softmax(1) - x.log_softmax(1))).sum(1).mean()),
    ("05-forward", interleaved),
    ("05-forward", lambda model, a, b: model(torch.cat([a, b])).unflatten(0, (2, -1))),
    ("06-size", lambda size, k, s, p, d: int((size + 2 * p - d * (k - 1) - 1) / s + 1)),
    ("06-padding", lambda kernel, dilation: (dilation * (kernel - 1) + 1) // 2),
    ("06-padding", lambda kernel, dilation: np.int64(dilation * (kernel // 2))),
    ("06-size", lambda size, k, s, p, d: torch.nn.Conv1d(1, 1, k, s, p, d)(torch.zeros(1, 1, size)).shape[-1]),
    ("06-aspp", lambda features, branches: torch.stack([branch(features) for branch in branches]).sum(0)),
    ("07-miou", per_class),
    ("07-rescore", by_index),
    ("08-interval", lambda v, t: np.mean(v) + np.array([-1, 1]) * t * np.std(v, ddof=1) / np.sqrt(len(v))),
    ("08-paired", lambda b, m: (torch.tensor(seed_by_seed(b, m)).mean(), torch.tensor(seed_by_seed(b, m)).std())),
    ("08-interval", lambda v, t: [np.mean(v) - half(v, t), np.mean(v) + half(v, t)]),
    ("08-gap", lambda baseline, method, oracle: 1 - (oracle - method) / (oracle - baseline)),
    ("09-lut", lambda mapping: np.array([mapping.get(id, 255) for id in range(256)], dtype=np.uint8)),
    ("09-sigma", lambda height, width: np.array([4, 16]) * min(height, width) / 640),
    ("09-audit", lambda labels, mapping: np.setdiff1d(labels, [*mapping, 255])),
    ("09-budget", lambda images, epochs, f, views, s: (n := -(-images * epochs // (f // views)), n * s / 3600)),
]


@pytest.mark.parametrize(("identity", "answer"), RIGHT)
def test_a_right_answer_in_other_words_passes(identity, answer):
    found = verdict(identity, answer)
    assert found.passed, found.message
