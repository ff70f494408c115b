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


WRONG = [
    ("05-consistency", under_no_grad, "no gradient comes back"),
    ("05-consistency", lambda a, b, v: squares(a, b)[v].mean().item(), "no gradient comes back"),
    ("05-consistency", lambda a, b, v: squares(a.detach(), b)[v].mean(), "one branch is held still"),
    ("05-consistency", lambda a, b, v: squares(a, b.detach())[v].mean(), "one branch is held still"),
    ("05-total", lambda a, b, c, w: 0.5 * (a + b) + w * c, "averaged"),
    ("06-padding", lambda kernel, dilation: dilation * (kernel - 1) / 2, "it is a float"),
    ("07-miou", classes_with_labels, "claimed but in no label"),
    ("07-miou", union_of_everything, "without a label (255) counts as wrong"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None].float(), size, mode="nearest")[:, 0], "not int64"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None].byte(), size, mode="nearest")[:, 0], "not int64"),
    ("07-rescore", lambda x, size: F.interpolate(x[:, None].float(), size, mode="nearest-exact")[:, 0].long(), "exact"),
    ("08-paired", lambda b, m: (lambda d: (np.mean(d), np.std(d)))([m[s] - b[s] for s in m if s in b]), "divides by n"),
    ("09-audit", lambda labels, mapping: list({*labels.ravel().tolist()} - {*mapping} - {255}), "expected 3"),
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
    ("05-forward", interleaved),
    ("06-padding", lambda kernel, dilation: (dilation * (kernel - 1) + 1) // 2),
    ("06-padding", lambda kernel, dilation: np.int64(dilation * (kernel // 2))),
    ("06-size", lambda size, k, s, p, d: torch.nn.Conv1d(1, 1, k, s, p, d)(torch.zeros(1, 1, size)).shape[-1]),
    ("06-aspp", lambda features, branches: torch.stack([branch(features) for branch in branches]).sum(0)),
    ("07-miou", per_class),
    ("07-rescore", by_index),
    ("08-interval", lambda v, t: np.mean(v) + np.array([-1, 1]) * t * np.std(v, ddof=1) / np.sqrt(len(v))),
    ("09-audit", lambda labels, mapping: np.setdiff1d(labels, [*mapping, 255])),
    ("09-budget", lambda images, epochs, f, views, s: (n := -(-images * epochs // (f // views)), n * s / 3600)),
]


@pytest.mark.parametrize(("identity", "answer"), RIGHT)
def test_a_right_answer_in_other_words_passes(identity, answer):
    found = verdict(identity, answer)
    assert found.passed, found.message
