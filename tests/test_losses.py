"""Losses: equal to PyTorch's and to the written formulas; zero for equal logits; gradients where intended."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from gltr_lib import _fused_loss, _step
from gltr_lib.config import METHODS, TrainConfig
from gltr_lib.losses import _counted_apart, class_totals, consistency_loss, segmentation_loss

SIDES = ("global", "local")


def logits(seed=0, shape=(2, 5, 6, 7)):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 2


def target(seed=0, shape=(2, 6, 7), classes=5):
    t = torch.randint(0, classes, shape, generator=torch.Generator().manual_seed(seed))
    t[:, :2] = 255
    return t


def test_cross_entropy_equals_pytorchs():
    torch.testing.assert_close(
        segmentation_loss(logits(), target()), F.cross_entropy(logits(), target(), ignore_index=255)
    )


def test_ignored_pixels_get_no_gradient():
    x = logits().requires_grad_()
    segmentation_loss(x, target()).backward()
    assert x.grad[:, :, :2].abs().max() == 0
    assert x.grad[:, :, 2:].abs().max() > 0


def test_all_ignored_is_zero_not_nan():
    x = logits().requires_grad_()
    loss = segmentation_loss(x, torch.full((2, 6, 7), 255))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(x.grad).all()


def test_class_balance_weighs_by_one_minus_frequency():
    x, t = logits(), target()
    weight = torch.tensor([1 - (t == c).float().mean().item() for c in range(5)])
    expected = F.cross_entropy(x, t, weight=weight, ignore_index=255)
    torch.testing.assert_close(segmentation_loss(x, t, class_balance=True), expected)
    assert not torch.allclose(expected, segmentation_loss(x, t))


def test_small_integer_labels_are_accepted():
    assert segmentation_loss(logits(), target().to(torch.uint8)) == segmentation_loss(logits(), target())


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
def test_consistency_is_zero_for_equal_logits_and_for_shifted_ones(kind):
    assert consistency_loss(logits(), logits(), kind=kind).abs() < 1e-7
    assert consistency_loss(logits(), logits() + 3.0, kind=kind).abs() < 1e-6  # softmax ignores a shift
    assert consistency_loss(logits(0), logits(1), kind=kind) > 1e-3


def test_consistency_formulas_pixel_by_pixel():
    a, b = logits(0), logits(1)
    p, q = a.softmax(1), b.softmax(1)
    m = (p + q) / 2
    torch.testing.assert_close(consistency_loss(a, b), ((p - q) ** 2).sum(1).mean())
    torch.testing.assert_close(consistency_loss(a, b, kind="kl"), (p * (p / q).log()).sum(1).mean())
    torch.testing.assert_close(consistency_loss(a, b, kind="kl", detach="local"), (q * (q / p).log()).sum(1).mean())
    js = 0.5 * ((p * (p / m).log()).sum(1) + (q * (q / m).log()).sum(1)).mean()
    torch.testing.assert_close(consistency_loss(a, b, kind="js"), js, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
def test_rounding_makes_no_loss_negative(kind):
    for seed in range(40):
        a = logits(seed, (1, 19, 1, 1))
        b = a + 1e-4 * logits(seed + 100, (1, 19, 1, 1))
        for options in ({}, {"total": 3}, {"valid": torch.ones(1, 1, 1, dtype=torch.bool)}):
            assert consistency_loss(a, b, kind=kind, **options) >= 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("kind", "out"), [("mse", (0, 1)), ("kl", (0, 1)), ("kl", (0,)), ("js", (0, 1)), ("js", (0,)), ("js", (1,))]
)
def test_a_class_that_logits_rule_out_counts_nothing_and_has_no_gradient(kind, out, dtype):
    pair = [logits(seed).to(dtype) for seed in (0, 1)]
    for branch in out:
        pair[branch][:, 2] = -math.inf
    p, q = (x.softmax(1) for x in pair)
    expected = (
        {
            "mse": (p - q).square(),
            "kl": kl_div(p, q),
            "js": 0.5 * (kl_div(p, (p + q) / 2) + kl_div(q, (p + q) / 2)),
        }[kind]
        .sum(1)
        .mean()
    )
    for x in pair:
        x.requires_grad_()
    loss = consistency_loss(*pair, kind=kind)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    for branch, x in enumerate(pair):
        assert x.grad.isfinite().all()
        assert x.grad.any()
        assert not (branch in out and x.grad[:, 2].any())


def kl_div(p, q):
    """p log(p/q) by SciPy, where 0 log(0/q) is 0."""
    special = pytest.importorskip("scipy.special")
    return torch.from_numpy(special.rel_entr(p.numpy(), q.numpy()))


def test_js_is_symmetric_and_at_most_log_two():
    a = torch.tensor([[[[50.0]], [[-50.0]]]])
    assert consistency_loss(a, -a, kind="js").item() == pytest.approx(math.log(2), rel=1e-4)
    x, y = logits(0), logits(1)
    torch.testing.assert_close(consistency_loss(x, y, kind="js"), consistency_loss(y, x, kind="js"))


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
@pytest.mark.parametrize(("detach", "held"), [(None, ()), ("global", (0,)), ("local", (1,))])
def test_gradients_go_where_intended(kind, detach, held):
    pair = [logits(0).requires_grad_(), logits(1).requires_grad_()]
    consistency_loss(*pair, kind=kind, detach=detach).backward()
    for i, x in enumerate(pair):
        reached = x.grad is not None and x.grad.abs().max() > 0
        assert reached == (i not in held)


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
def test_only_valid_pixels_count(kind):
    a, b = logits(0), logits(1)
    valid = torch.zeros(2, 6, 7, dtype=torch.bool)
    valid[:, 3:] = True
    expected = consistency_loss(a[:, :, 3:], b[:, :, 3:], kind=kind)
    torch.testing.assert_close(consistency_loss(a, b, kind=kind, valid=valid), expected)
    b[:, :, :3] = torch.inf  # NaN probabilities outside must not leak in
    torch.testing.assert_close(consistency_loss(a, b, kind=kind, valid=valid), expected)
    assert consistency_loss(a, a, kind=kind, valid=torch.zeros_like(valid)).item() == 0


def test_extreme_logits_stay_finite():
    a = torch.tensor([[[[1e4]], [[-1e4]]]], requires_grad=True)
    for kind in ("mse", "kl", "js"):
        loss = consistency_loss(a, -a, kind=kind)
        assert torch.isfinite(loss)
        assert torch.isfinite(torch.autograd.grad(loss, a)[0]).all()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: segmentation_loss(logits(), target()[0]), ValueError, r"\(B,H,W\)"),
        (lambda: segmentation_loss(logits(), target()[:, :3]), ValueError, "of the logits"),
        (lambda: segmentation_loss(logits(), target() * 0 + 9), ValueError, r"\[9\]"),
        (lambda: segmentation_loss(logits(), target().float()), TypeError, "integer"),
        (lambda: segmentation_loss(logits()[0], target()), ValueError, r"\(B,C,H,W\)"),
        (lambda: consistency_loss(logits(), logits()[:1]), ValueError, "one shape"),
        (lambda: consistency_loss(logits(), logits(), kind="l1"), ValueError, "mse, kl, js"),
        (lambda: consistency_loss(logits(), logits(), detach="both"), ValueError, "global, local"),
        (lambda: consistency_loss(logits(), logits(), valid=torch.ones(2, 6, 7)), ValueError, "bool"),
        (lambda: consistency_loss(logits(), None), TypeError, "logits_local"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("balance", [False, True])
def test_parts_of_a_batch_add_up_to_the_loss_of_the_whole(balance):
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 5, 6, 8, generator=g)
    labels = torch.randint(0, 5, (4, 6, 8), generator=g)
    labels[0] = 255  # one picture without any label, another with few: a mean of means would be wrong
    labels[1, 1:] = 255
    totals = sum(class_totals(part, 5) for part in labels)
    assert totals.tolist() == [*((labels == c).sum().item() for c in range(5)), labels.numel()]
    whole = segmentation_loss(logits, labels, class_balance=balance)
    parts = [
        segmentation_loss(logits[i : i + 1], labels[i : i + 1], class_balance=balance, totals=totals) for i in range(4)
    ]
    torch.testing.assert_close(sum(parts), whole)
    means = [segmentation_loss(logits[i : i + 1], labels[i : i + 1], class_balance=balance) for i in range(4)]
    assert abs(sum(means) / 4 - whole) > 0.01


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
def test_parts_of_the_consistency_add_up(kind):
    g = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 5, 6, 8, generator=g)
    valid = torch.rand(3, 6, 8, generator=g) < torch.tensor([0.0, 0.1, 0.9])[:, None, None]
    whole = consistency_loss(a, b, kind=kind, valid=valid)
    share = [
        consistency_loss(a[i : i + 1], b[i : i + 1], kind=kind, valid=valid[i : i + 1], total=valid.sum())
        for i in range(3)
    ]
    torch.testing.assert_close(sum(share), whole)
    torch.testing.assert_close(consistency_loss(a, b, kind=kind, total=3 * 48), consistency_loss(a, b, kind=kind))


def _fused_case(seed=0, classes=19, size=(12, 20), layout=torch.channels_last):
    noise = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(6, classes, *size, generator=noise).to(memory_format=layout)
    labels = torch.randint(0, classes, (3, *size), generator=noise)
    labels[:, :3] = 255
    return logits, labels


@pytest.mark.parametrize("detach", [None, "global", "local"])
@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("part", [False, True])
def test_the_losses_in_one_pass_are_those_of_the_formulas(detach, balance, part, monkeypatch):
    monkeypatch.setattr(_fused_loss, "RUN", 100)  # several runs, the last one shorter
    logits, labels = _fused_case()
    whole = class_totals(torch.cat([labels, labels]), 19) * 2 if part else None
    total = None if whole is None else whole[:-1].sum() / 2
    gradients, values = [], []
    for fused in (True, False):
        z = logits.clone().requires_grad_()
        if fused:
            loss, parts = _fused_loss.two_view_loss(
                z, labels, 0.7, class_balance=balance, detach=detach, totals=whole, total=total
            )
            assert not parts.requires_grad
        else:
            ce = segmentation_loss(z, labels.repeat(2, 1, 1), class_balance=balance, totals=whole)
            agreement = consistency_loss(*z.chunk(2), valid=labels != 255, detach=detach, total=total)
            loss, parts = ce + 0.7 * agreement, torch.stack([ce, agreement]).detach()
        (loss * 3).backward()  # a factor, as gradients are scaled elsewhere
        gradients.append(z.grad)
        values.append(torch.stack([loss.detach(), *parts]))
    torch.testing.assert_close(values[0], values[1], rtol=2e-6, atol=0)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-8)
    assert gradients[1].abs().max() > 1e-3
    assert torch.equal(gradients[0][:, :, :3], torch.zeros_like(gradients[0][:, :, :3]))


def test_the_losses_in_one_pass_take_half_precision_no_gradient_and_nothing_to_score():
    logits, labels = _fused_case(layout=torch.contiguous_format)
    full, _ = _fused_loss.two_view_loss(logits, labels, 1.0)
    assert not full.requires_grad
    half = logits.bfloat16().requires_grad_()
    loss, _ = _fused_loss.two_view_loss(half, labels, 1.0)
    loss.backward()
    assert (loss.dtype, half.grad.dtype) == (torch.float32, torch.bfloat16)
    assert loss.item() == pytest.approx(full.item(), rel=0.02)
    z = logits.clone().requires_grad_()
    nothing, parts = _fused_loss.two_view_loss(z, torch.full_like(labels, 255), 1.0)
    nothing.backward()
    assert [*parts.tolist(), z.grad.abs().sum().item()] == [0.0, 0.0, 0.0]


def test_the_losses_in_one_pass_look_at_no_ignored_pixel():
    logits, labels = _fused_case()
    labels[labels == 0] = 1
    logits[:, 0] = -torch.inf  # a class that is nowhere
    logits[:, :, 0, 0] = torch.nan  # an ignored pixel
    loss, parts = _fused_loss.two_view_loss(logits, labels, 1.0)
    ce = segmentation_loss(logits, labels.repeat(2, 1, 1))
    assert parts[0].item() == pytest.approx(ce.item(), rel=1e-6)
    assert torch.isfinite(loss)


def test_the_losses_in_one_pass_can_be_asked_twice():
    logits, labels = _fused_case()
    z = logits.requires_grad_()
    loss, _ = _fused_loss.two_view_loss(z, labels, 1.0)
    for count in (1, 2):
        loss.backward(retain_graph=True)
        if count == 1:
            once = z.grad.clone()
            z.grad.mul_(1)
    torch.testing.assert_close(z.grad, 2 * once)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"detach": "both"}, "detach"),
        ({"labels": None}, r"labels: expected \(B,H,W\)"),
        ({"labels": torch.ones(6, 7)}, "labels"),
    ],
)
def test_bad_arguments_of_the_losses_in_one_pass_are_named(change, text):
    logits, labels = _fused_case()
    with pytest.raises(ValueError, match=text):
        _fused_loss.two_view_loss(**({"logits": logits, "labels": labels, "factor": 1.0} | change))


@pytest.mark.parametrize("kind", ["mse", "js"])
def test_a_step_on_a_cpu_takes_the_losses_in_one_pass_and_other_kinds_the_formulas(kind, monkeypatch):
    logits, labels = _fused_case()
    config = TrainConfig(replace(METHODS["gtr_ltr_cgl"], consistency_kind=kind), forward_images=6)
    used = []
    real = _fused_loss.two_view_loss
    monkeypatch.setattr(_step, "two_view_loss", lambda *a, **k: used.append(1) or real(*a, **k))
    loss, parts = _step.step_loss(lambda _: logits, [torch.zeros(3, 3, 12, 20)] * 2, labels, config)
    assert len(used) == (kind == "mse")
    ce = segmentation_loss(logits, labels.repeat(2, 1, 1))
    agreement = consistency_loss(*logits.chunk(2), kind=kind, valid=labels != 255)
    assert parts.tolist() == pytest.approx([ce.item(), agreement.item()], rel=1e-5)
    assert loss.item() == pytest.approx((ce + config.method.consistency / 2 * agreement).item(), rel=1e-5)


# --- float64, no pixel at all, torch.func ----------------------------------------------------------------------


def doubles(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
@pytest.mark.parametrize("detach", [None, "global", "local"])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_the_consistency_are_those_of_its_formula(kind, detach, masked):
    views = [doubles(2, 3, 2, 2, seed=seed).requires_grad_(detach != name) for seed, name in enumerate(SIDES)]
    valid = torch.tensor([[[True, False], [True, True]]] * 2) if masked else None
    assert consistency_loss(*views, kind=kind).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda a, b: consistency_loss(a, b, kind=kind, detach=detach, valid=valid), views)


@pytest.mark.parametrize("class_balance", [False, True])
def test_gradients_of_the_cross_entropy_are_those_of_its_formula(class_balance):
    logits, labels = doubles(2, 3, 2, 2).requires_grad_(), torch.tensor([[[0, 1], [2, 255]], [[0, 0], [1, 255]]])
    assert torch.autograd.gradcheck(lambda z: segmentation_loss(z, labels, class_balance=class_balance), (logits,))
    counts = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    expected = F.cross_entropy(logits, labels, weight=1 - counts / 8 if class_balance else None, ignore_index=255)
    torch.testing.assert_close(segmentation_loss(logits, labels, class_balance=class_balance), expected)


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
def test_no_picture_at_all_is_a_loss_of_zero(kind):
    nothing = torch.zeros(0, 3, 2, 2, requires_grad=True)
    loss = consistency_loss(nothing, nothing, kind=kind) + segmentation_loss(nothing, torch.zeros(0, 2, 2).long())
    loss.backward()
    assert loss.item() == 0.0


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
@pytest.mark.parametrize("detach", [None, "global", "local"])
def test_one_gradient_of_the_losses_for_each_sample(kind, detach):
    views = [doubles(3, 2, 4, 3, 3, seed=seed) for seed in (0, 1)]
    labels = torch.randint(5, (3, 2, 3, 3), generator=torch.Generator().manual_seed(2))
    labels[labels == 4] = 255

    def loss(a, b, labels):
        agreement = consistency_loss(a, b, kind=kind, detach=detach, valid=labels != 255)
        return segmentation_loss(torch.cat([a, b]), torch.cat([labels, labels])) + agreement

    together = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)))(*views, labels)
    asked = [view.clone().requires_grad_() for view in views]
    sum(loss(*parts) for parts in zip(*asked, labels, strict=True)).backward()
    torch.testing.assert_close(together, tuple(view.grad for view in asked))
    a, b = (view[0] for view in views)
    _, slope = torch.func.jvp(lambda a: loss(a, b, labels[0]), (a,), (torch.ones_like(a).tril(),))
    torch.testing.assert_close(slope, (asked[0].grad[0].tril()).sum())


@pytest.mark.parametrize(
    ("labels", "ignore_index", "found"),
    [
        (torch.tensor([[[0, 255]]], dtype=torch.uint8), -1, r"\[255\]"),  # compared as bytes, 255 is -1
        (torch.tensor([[[0, -1]]], dtype=torch.int8), 255, r"\[-1\]"),
        (torch.tensor([[[0, 300]]], dtype=torch.uint16), 255, r"\[300\]"),
    ],
)
def test_an_id_that_looks_like_the_ignored_one_is_listed(labels, ignore_index, found):
    with pytest.raises(ValueError, match=found):
        segmentation_loss(torch.zeros(1, 3, 1, 2), labels, ignore_index=ignore_index)
    with pytest.raises(ValueError, match=found):
        class_totals(labels, 3, ignore_index=ignore_index)


def test_labels_may_be_of_any_integers():
    logits = doubles(1, 200, 1, 3).float()
    wide = torch.tensor([[[0, 100, 255]]])
    for dtype in (torch.uint8, torch.int16, torch.uint16, torch.int32, torch.uint32):
        assert segmentation_loss(logits, wide.to(dtype)) == segmentation_loss(logits, wide)
        assert torch.equal(class_totals(wide.to(dtype), 200), class_totals(wide, 200))
    small = torch.tensor([[[0, 100, -1]]], dtype=torch.int8)
    assert segmentation_loss(logits, small, ignore_index=-1) == segmentation_loss(logits, wide)


def test_totals_counted_without_waiting_are_the_same_totals():
    """The way of CUDA, on a CPU."""
    labels = torch.randint(0, 5, (2, 7, 9), generator=torch.Generator().manual_seed(0))
    labels[0, :3] = 255
    for ignored in (255, 2):
        kept = labels.where(labels != 255, ignored)
        for kind in (torch.int64, torch.uint8):
            totals = _counted_apart(kept.to(kind), 5, ignored)
            assert torch.equal(totals, class_totals(kept.to(kind), 5, ignore_index=ignored))


def test_balanced_classes_with_any_number_for_what_is_ignored():
    logits, labels = torch.randn(1, 3, 4, 4), torch.randint(0, 3, (1, 4, 4))
    labels[0, 0] = 255
    expected = segmentation_loss(logits, labels, class_balance=True)
    for ignored in (-100, -1):
        moved = labels.where(labels != 255, ignored)
        found = segmentation_loss(logits, moved, class_balance=True, ignore_index=ignored)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", ["mse", "kl", "js"])
def test_a_pixel_that_does_not_count_gives_no_gradient_whatever_it_holds(kind):
    valid = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    clean = [torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) for seed in (2, 3)]
    found = []
    for filler in (0.0, torch.nan, torch.inf):
        pair = [torch.where(valid[:, None], part, filler).requires_grad_() for part in clean]
        loss = consistency_loss(*pair, kind=kind, valid=valid)
        loss.backward()
        assert all((part.grad.masked_select(~valid[:, None]) == 0).all() for part in pair)
        found.append((loss.item(), [part.grad for part in pair]))
    for value, grads in found[1:]:
        assert value == found[0][0]
        assert all(torch.equal(a, b) for a, b in zip(grads, found[0][1], strict=True) if b is not None)


def test_two_devices_are_named():
    a = torch.randn(1, 3, 2, 2)
    with pytest.raises(ValueError, match="logits_local: expected on cpu like logits_global, received on meta"):
        consistency_loss(a, a.to("meta"))
    with pytest.raises(ValueError, match="valid: expected on cpu like the logits, received on meta"):
        consistency_loss(a, a, valid=torch.ones(1, 2, 2, dtype=torch.bool, device="meta"))
