"""Exercises of lesson 05 (consistency, CGL): distance, target branch, one forward pass, total loss.

The formula of CGL in the paper was not available to us; the course's own definition is used and says so.
"""

from __future__ import annotations

import torch

from gltr_lib.checks.registry import Exercises, NotYet, difference, plain_random, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception

SURE = 60.0  # makes logits so far apart that float32's softmax holds zeros


def _logits(seed: int):
    generator = torch_random(seed)
    a, b = torch.randn(2, 2, 5, 4, 6, generator=generator) * 2
    valid = torch.rand(2, 4, 6, generator=generator) < 0.6
    return a, b, valid


def _value_and_gradients(answer, a, b, *more):
    """Value of a loss and the gradient that reaches each branch (zeros where none does)."""
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    loss = answer(a, b, *more)
    if not (a.requires_grad and b.requires_grad):
        raise NotYet("`detach_()` and `requires_grad_(False)` change the caller's tensor: `.detach()` gives a new one")
    if isinstance(loss, torch.Tensor) and loss.ndim:
        shape = tuple(loss.shape)
        raise NotYet(f"a loss is one number, and this is a tensor of shape {shape}: end with the mean over pixels")
    grads: tuple[torch.Tensor | None, ...] = (None, None)
    if isinstance(loss, torch.Tensor) and loss.requires_grad:
        grads = torch.autograd.grad(loss, (a, b), allow_unused=True)
    found = [torch.zeros_like(x) if g is None else g for g, x in zip(grads, (a, b), strict=True)]
    return (loss, *found)


BRANCHES = ("the loss", "the gradient into global", "the gradient into local")
LOG = "where a view is sure, softmax reaches 0 in float32 and its log is lost: take `log_softmax`"


def _kl_and_gradients(answer, a, b):
    """The same, on calm logits first: what fails only where a view is sure of itself has a sentence of its own."""
    calm = [x / SURE if x.abs().max() > SURE else x for x in (a, b)]
    seen = _value_and_gradients(answer, *calm)
    if difference(seen, _value_and_gradients(kl_to_global, *calm)) is not None:
        return seen
    seen = _value_and_gradients(answer, a, b)
    if difference(seen, _value_and_gradients(kl_to_global, a, b)) is not None:
        raise NotYet(LOG)
    return seen


def _sure(seed: int, *, teacher: bool):
    a, b, _ = _logits(seed)
    return (a * SURE, b) if teacher else (a, b * SURE)


@exercise(
    "05-consistency",
    title="Do both views agree?",
    task="`logits_global` and `logits_local` (B, C, H, W) are predictions for two textures of one scene, `valid` "
    "(B, H, W, bool) marks the labelled pixels. Return the squared difference of the **probabilities**, summed over "
    "classes, averaged over valid pixels: a loss, whose gradient reaches both branches.",
    hints=(
        "Three steps: probabilities, a distance for each pixel, a mean over some of the pixels.",
        "`(a.softmax(1) - b.softmax(1)).square().sum(1)[valid].mean()`",
    ),
    minutes=7,
    difficulty=2,
    cases=lambda: [_logits(seed) for seed in range(3)],
    observe=_value_and_gradients,
    parts=BRANCHES,
)
def consistency(logits_global, logits_local, valid):
    difference = logits_global.softmax(1) - logits_local.softmax(1)
    return difference.square().sum(1)[valid].mean()


@misconception(
    "05-consistency", "the softmax is forgotten: logits are compared, and they have no scale of their own", 2
)
def _no_softmax(logits_global, logits_local, valid):
    return (logits_global - logits_local).square().sum(1)[valid].mean()


@misconception(
    "05-consistency", "the classes are averaged: sum over them, or the loss shrinks with every class you add", 2
)
def _mean_classes(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local, valid) / logits_global.shape[1]


@misconception("05-consistency", "all pixels count: average over the valid ones only", hint=2)
def _all_pixels(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local, torch.ones_like(valid))


@misconception(
    "05-consistency", "the sum over valid pixels is divided by all pixels: divide by the number of valid ones", 2
)
def _divided_by_all(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local, valid) * valid.float().mean()


@misconception("05-consistency", "the softmax runs along the picture's width: the classes are dimension 1", hint=2)
def _softmax_over_width(logits_global, logits_local, valid):
    return (logits_global.softmax(-1) - logits_local.softmax(-1)).square().sum(1)[valid].mean()


@misconception("05-consistency", "the softmax runs along the picture's height: the classes are dimension 1", hint=2)
def _softmax_over_height(logits_global, logits_local, valid):
    return (logits_global.softmax(2) - logits_local.softmax(2)).square().sum(1)[valid].mean()


@misconception("05-consistency", "the softmax runs over the pictures of the batch: the classes are dimension 1", hint=2)
def _softmax_over_batch(logits_global, logits_local, valid):
    return (logits_global.softmax(0) - logits_local.softmax(0)).square().sum(1)[valid].mean()


@misconception(
    "05-consistency", "`F.mse_loss` averages over the classes too, and knows nothing of `valid`: write the sum out", 2
)
def _mse_loss(logits_global, logits_local, valid):
    return torch.nn.functional.mse_loss(logits_global.softmax(1), logits_local.softmax(1))


@misconception("05-consistency", "the pixels are added up: average them, or a larger crop is a larger loss", hint=2)
def _added_up(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local, valid) * valid.sum()


@misconception("05-consistency", "each picture is averaged first: one mean over all valid pixels of the batch", hint=2)
def _picture_by_picture(logits_global, logits_local, valid):
    each = zip(logits_global.split(1), logits_local.split(1), valid.split(1), strict=True)
    return torch.stack([consistency(*one) for one in each]).mean()


@misconception("05-consistency", "the difference is not squared: its absolute value is another distance", hint=2)
def _absolute(logits_global, logits_local, valid):
    return (logits_global.softmax(1) - logits_local.softmax(1)).abs().sum(1)[valid].mean()


@misconception("05-consistency", "a root is taken at each pixel: the squares are only added up", hint=2)
def _root(logits_global, logits_local, valid):
    return (logits_global.softmax(1) - logits_local.softmax(1)).norm(dim=1)[valid].mean()


@misconception("05-consistency", "these are the pixels that are *not* valid", hint=2)
def _invalid(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local, ~valid)


@misconception(
    "05-consistency", "the value is right, but no gradient comes back: leave out `.item()`, `.detach()` and `no_grad`"
)
def _no_gradient(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local, valid).item()


@misconception("05-consistency", "the value is right, but one branch is held still: here both views may move")
def _global_still(logits_global, logits_local, valid):
    return consistency(logits_global.detach(), logits_local, valid)


@misconception("05-consistency", "the value is right, but one branch is held still: here both views may move")
def _local_still(logits_global, logits_local, valid):
    return consistency(logits_global, logits_local.detach(), valid)


@exercise(
    "05-kl",
    title="One branch teaches",
    task="Return KL(global || local) of the softmax probabilities, `sum_c p_g * (log p_g - log p_l)`, averaged over "
    "all pixels of the batch. The global branch is the target: **no gradient flows into it**. It must stay "
    "exact where a view is quite sure, where `softmax` reaches 0 and 1 in float32.",
    hints=(
        "Which branch may learn? The other one is a constant: `.detach()` it. Logs: `log_softmax`, not log of softmax.",
        "`p = logits_global.detach().log_softmax(1)`, `q = logits_local.log_softmax(1)`, then "
        "`(p.exp() * (p - q)).sum(1).mean()`.",
    ),
    minutes=9,
    difficulty=3,
    cases=lambda: [*(_logits(seed)[:2] for seed in range(3)), _sure(3, teacher=True), _sure(4, teacher=False)],
    observe=_kl_and_gradients,
    parts=BRANCHES,
)
def kl_to_global(logits_global, logits_local):
    p = logits_global.detach().log_softmax(1)
    q = logits_local.log_softmax(1)
    return (p.exp() * (p - q)).sum(1).mean()


def _kl(p, q):
    p, q = p.log_softmax(1), q.log_softmax(1)
    return (p.exp() * (p - q)).sum(1).mean()


@misconception("05-kl", LOG)
def _log_of_softmax(logits_global, logits_local):
    p, q = logits_global.detach().softmax(1), logits_local.softmax(1)
    return (p * (p / q).log()).sum(1).mean()


@misconception("05-kl", "this is the cross-entropy, the same slope: KL also subtracts the target's own entropy", hint=2)
def _cross_entropy(logits_global, logits_local):
    return torch.nn.functional.cross_entropy(logits_local, logits_global.detach().softmax(1))


@misconception("05-kl", "the gradient flows into both branches: detach the global one, it is the target")
def _no_detach(logits_global, logits_local):
    return _kl(logits_global, logits_local)


@misconception("05-kl", "the wrong branch is detached: the local one should learn from the global one")
def _wrong_branch(logits_global, logits_local):
    return _kl(logits_global, logits_local.detach())


@misconception(
    "05-kl",
    "no gradient comes back, so nobody learns: detach the global branch alone, and leave out `no_grad` and `.item()`",
)
def _both(logits_global, logits_local):
    return _kl(logits_global.detach(), logits_local.detach())


@misconception("05-kl", "this is KL(local || global): the target stands first and weighs the logarithms", hint=2)
def _reversed(logits_global, logits_local):
    return _kl(logits_local, logits_global.detach())


@misconception("05-kl", "the classes are averaged as well (`reduction='mean'` does that): sum over classes", hint=2)
def _mean_reduction(logits_global, logits_local):
    return kl_to_global(logits_global, logits_local) / logits_global.shape[1]


@misconception(
    "05-kl", "the sum is divided by the pictures only (`reduction='batchmean'` does that): average over pixels", 2
)
def _batchmean(logits_global, logits_local):
    return kl_to_global(logits_global, logits_local) * logits_global[0, 0].numel()


LOGS_FIRST = "`F.kl_div` wants log-probabilities first: `x.log_softmax(1)`, then the target's probabilities"


@misconception("05-kl", LOGS_FIRST, hint=2)
def _probabilities_first(logits_global, logits_local):
    p, q = logits_global.detach().softmax(1), logits_local.softmax(1)
    return torch.nn.functional.kl_div(q, p, reduction="none").sum(1).mean()


@misconception("05-kl", LOGS_FIRST, hint=2)
def _probabilities_first_batchmean(logits_global, logits_local):
    p, q = logits_global.detach().softmax(1), logits_local.softmax(1)
    return torch.nn.functional.kl_div(q, p, reduction="batchmean")


@misconception("05-kl", "two things: this is KL(local || global), and its gradient flows into both branches", hint=2)
def _reversed_no_detach(logits_global, logits_local):
    return _kl(logits_local, logits_global)


@misconception("05-kl", "the local branch teaches here: KL(global || local), and the global one is detached", hint=2)
def _local_teaches(logits_global, logits_local):
    return _kl(logits_local.detach(), logits_global)


@misconception("05-kl", "two things: `batchmean` divides by the pictures only, and global is not detached", hint=2)
def _batchmean_no_detach(logits_global, logits_local):
    return _kl(logits_global, logits_local) * logits_global[0, 0].numel()


@misconception("05-kl", "two things: `mean` averages the classes as well, and global is not detached", hint=2)
def _mean_no_detach(logits_global, logits_local):
    return _kl(logits_global, logits_local) / logits_global.shape[1]


@misconception("05-kl", "the pixels are added up: average over them", hint=2)
def _pixels_added_up(logits_global, logits_local):
    return kl_to_global(logits_global, logits_local) * logits_global[:, 0].numel()


@misconception("05-kl", "the sign is turned round: a KL divergence is never negative", hint=2)
def _negative(logits_global, logits_local):
    return -kl_to_global(logits_global, logits_local)


WRONG_AXIS = "the softmax runs along the wrong dimension: the classes are dimension 1"


@misconception("05-kl", WRONG_AXIS, hint=2)
def _over_the_width(logits_global, logits_local):
    p, q = logits_global.detach().log_softmax(-1), logits_local.log_softmax(-1)
    return (p.exp() * (p - q)).sum(1).mean()


@misconception("05-kl", WRONG_AXIS, hint=2)
def _over_the_batch(logits_global, logits_local):
    p, q = logits_global.detach().log_softmax(0), logits_local.log_softmax(0)
    return (p.exp() * (p - q)).sum(1).mean()


def _count_calls(answer, a, b):
    """Both predictions, the number of calls of the model, and whether a gradient can come back."""
    calls: list[int] = []
    scale = torch.ones((), requires_grad=True)

    def model(x):
        if not isinstance(x, torch.Tensor):
            raise NotYet("the model takes one batch of pictures: join the views, `torch.cat([x_global, x_local])`", 2)
        calls.append(len(x))
        centred = (x - x.mean((0, 2, 3), keepdim=True)) * scale  # statistics of the whole batch, like BatchNorm
        return torch.cat([centred, centred.square()], 1)

    pair = answer(model, a, b)
    if isinstance(pair, torch.Tensor) and pair.ndim == 5 and len(pair) == 2:  # stacked, it unpacks like a pair
        pair = tuple(pair)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        found = f"{len(pair)} pieces" if isinstance(pair, (tuple, list)) else type(pair).__name__
        raise NotYet(f"return a pair (logits_global, logits_local), not {found}: `chunk(2)` makes two pieces", 2)
    learns = all(isinstance(part, torch.Tensor) and part.requires_grad for part in pair)
    return (*pair, len(calls), learns)


@exercise(
    "05-forward",
    title="Two views, one pass",
    task="Run `model` **once** on both views (`x_global`, `x_local`, each (B, 3, H, W)) and return the pair "
    "(logits_global, logits_local).",
    hints=(
        "A batch may hold anything: stack the views along the batch dimension.",
        "`model(torch.cat([x_global, x_local])).chunk(2)`",
    ),
    minutes=3,
    difficulty=1,
    cases=lambda: [tuple(torch.rand(2, 3, 3, 4, 5, generator=torch_random(seed)).unbind()) for seed in range(2)],
    observe=_count_calls,
    parts=("logits_global", "logits_local", "calls of the model", "a gradient"),
)
def two_views(model, x_global, x_local):
    both = model(torch.cat([x_global, x_local]))
    first, second = both.chunk(2)
    return first, second


@misconception("05-forward", "the model runs twice: with BatchNorm each half then has statistics of its own", hint=2)
def _two_passes(model, x_global, x_local):
    return model(x_global), model(x_local)


@misconception("05-forward", "the two results are exchanged: the first one belongs to x_global")
def _exchanged(model, x_global, x_local):
    return two_views(model, x_global, x_local)[::-1]


@misconception("05-forward", "the result is cut along the channels: cut it along the batch (dimension 0)", hint=2)
def _cut_channels(model, x_global, x_local):
    return model(torch.cat([x_global, x_local])).chunk(2, dim=1)


@misconception("05-forward", "the values are right, but no gradient comes back: leave out `no_grad` and `.detach()`")
def _no_gradient_back(model, x_global, x_local):
    with torch.no_grad():
        return two_views(model, x_global, x_local)


def _terms():
    """Numbers of the student's own variant."""
    draw = plain_random(1)
    return tuple(draw.uniform(0.1, 3.0) for _ in range(4))


def _loss_and_slopes(answer, *terms):
    """The loss of tensors, and how it changes with each of its three terms (0 where no gradient comes back)."""
    leaves = [torch.tensor(term, requires_grad=True) for term in terms[:3]]
    given = [leaf * 1 for leaf in leaves]
    loss = answer(*given, terms[3])
    if any(here.item() != leaf.item() for here, leaf in zip(given, leaves, strict=True)):
        raise NotYet("`+=` writes into a term itself, and whoever prints it afterwards reads the sum: take `a + b`")
    slopes: tuple[torch.Tensor | None, ...] = (None,) * 3
    if isinstance(loss, torch.Tensor) and loss.requires_grad and not loss.ndim:
        slopes = torch.autograd.grad(loss, leaves, allow_unused=True)
    return (loss, *(torch.zeros(()) if slope is None else slope for slope in slopes))


@exercise(
    "05-total",
    title="The whole loss",
    task="Return the total loss of a step: cross-entropy of both branches plus `weight` times the consistency.",
    hints=("Both branches have labels, so both are supervised; the weight belongs to one term.", "a + b + weight * c"),
    minutes=2,
    difficulty=1,
    cases=lambda: [(1.2, 0.7, 0.3, 0.5), (0.4, 0.9, 0.2, 2.0), (0.5, 0.6, 0.4, 0.0), _terms()],
    observe=_loss_and_slopes,
    parts=("the loss", "the gradient into ce_global", "the gradient into ce_local", "the gradient into consistency"),
)
def total_loss(ce_global, ce_local, consistency, weight):
    return ce_global + ce_local + weight * consistency


@misconception("05-total", "the local branch has lost its cross-entropy: both branches have labels")
def _no_local(ce_global, ce_local, consistency, weight):
    return ce_global + weight * consistency


@misconception("05-total", "the weight multiplies everything: it belongs to the consistency alone")
def _weight_all(ce_global, ce_local, consistency, weight):
    return weight * (ce_global + ce_local + consistency)


@misconception("05-total", "the weight is not used")
def _no_weight(ce_global, ce_local, consistency, weight):
    return ce_global + ce_local + consistency


@misconception("05-total", "the two cross-entropies are averaged: the loss of a step adds them up")
def _averaged(ce_global, ce_local, consistency, weight):
    return (ce_global + ce_local) / 2 + weight * consistency


@misconception("05-total", "the consistency is subtracted: then disagreeing would pay")
def _subtracted(ce_global, ce_local, consistency, weight):
    return ce_global + ce_local - weight * consistency


@misconception(
    "05-total", "the value is right, but no gradient comes back: add the tensors up as they are, without float"
)
def _plain_number(ce_global, ce_local, consistency, weight):
    return total_loss(ce_global, ce_local, consistency, weight).item()


@misconception("05-total", "the global branch has lost its cross-entropy: both branches have labels")
def _no_global(ce_global, ce_local, consistency, weight):
    return ce_local + weight * consistency


@misconception("05-total", "the weight sits on the cross-entropies: it belongs to the consistency")
def _weight_on_labels(ce_global, ce_local, consistency, weight):
    return weight * (ce_global + ce_local) + consistency


@misconception("05-total", "all of it is halved: here the three terms are added up as they are")
def _halved(ce_global, ce_local, consistency, weight):
    return total_loss(ce_global, ce_local, consistency, weight) / 2
