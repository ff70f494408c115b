"""Exercise checks are proven: stubs fail, references pass, every planted wrong answer is named."""

import importlib

import numpy as np
import pytest
import torch

from gltr_lib import adain, checks, losses, masks, metrics, randomize
from gltr_lib.checks import EXERCISES, CheckFailed, check, verdict
from gltr_lib.checks.registry import Exercises, difference

PLANTED = [(id, i) for id, ex in EXERCISES.items() for i in range(len(ex.misconceptions))]


def stub(*args, **kwargs):
    raise NotImplementedError


def test_every_exercise_stands_in_its_own_lessons_file_once():
    files = {f"{n:02d}": importlib.import_module(f"gltr_lib.checks.lesson{n:02d}").EXERCISES for n in range(10)}
    assert all(id.startswith(f"{number}-") for number, own in files.items() for id in own)
    assert sum(map(len, files.values())) == len(EXERCISES)
    twice = Exercises()
    twice.exercise("02-x", title="", task="", hints=("", ""), minutes=1, difficulty=1)(min)
    with pytest.raises(ValueError, match="'02-x' is there twice"):
        twice.exercise("02-x", title="", task="", hints=("", ""), minutes=1, difficulty=1)(max)


@pytest.mark.parametrize("id", EXERCISES)
def test_reference_passes_and_stub_fails(id):
    ex = EXERCISES[id]
    assert verdict(id, ex.reference).passed
    failed = verdict(id, stub)
    assert not failed.passed
    assert "still a stub" in failed.message
    assert not verdict(id, lambda *inputs: None).passed


@pytest.mark.parametrize(("id", "number"), PLANTED)
def test_planted_answer_is_named(id, number):
    wrong = EXERCISES[id].misconceptions[number]
    found = verdict(id, wrong.answer)
    assert not found.passed
    assert found.message.startswith(wrong.says)
    assert found.hint in (1, 2)


def test_every_lesson_has_three_exercises_and_every_exercise_its_parts():
    for lesson in range(10):
        assert sum(ex.lesson == f"{lesson:02d}" for ex in EXERCISES.values()) >= 3
    for ex in EXERCISES.values():
        assert len({m.says for m in ex.misconceptions}) >= 2, ex.id
        assert len(ex.hints) == 2
        assert all(len(hint) > 5 for hint in ex.hints)
        assert ex.minutes >= 1
        assert ex.difficulty in (1, 2, 3)
        assert ex.source.startswith("def ")
        assert len(ex.source.strip().splitlines()) <= 10, ex.id


# The same misconceptions as a learner would write them, not as they are planted.


def test_learners_own_wordings_are_recognised():
    def variance(features, eps=1e-5):
        return features.mean((2, 3), keepdim=True), features.var((2, 3), correction=0, keepdim=True) + eps

    def no_eps(features, eps=1e-5):
        mean = features.mean((2, 3), keepdim=True)
        return mean, torch.sqrt(((features - mean) ** 2).mean((2, 3), keepdim=True))

    def loops_with_ignore(prediction, target, num_classes):
        matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
        for t, p in zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True):
            matrix[min(t, num_classes - 1), p] += 1
        return matrix

    def in_place_renaming(labels, mapping):
        out = labels.clone()
        for old, new in mapping.items():
            out[out == old] = new
        out[~torch.isin(labels, torch.tensor(list(mapping)))] = 255
        return out

    def inverted(images, stylised, mask):
        return mask * images + (1 - mask) * stylised

    assert "variance where the standard deviation" in verdict("02-stats", variance).message
    assert "eps is forgotten" in verdict("02-stats", no_eps).message
    assert "without a label (255) are counted" in verdict("01-confusion", loops_with_ignore).message
    assert "renamed twice" in verdict("07-merge", in_place_renaming).message
    assert "mask is inverted" in verdict("04-mix", inverted).message


def test_other_right_wordings_pass():
    def stats(features, eps=1e-5):
        flat = features.flatten(2)
        std = (flat.var(2, correction=0) + eps) ** 0.5
        return flat.mean(2)[:, :, None, None], std[:, :, None, None]

    def by_quantile(field, share):
        masks_ = []
        for sample in field.flatten(1):
            mask = torch.zeros_like(sample)
            mask[sample.topk(round(share * sample.numel())).indices] = 1
            masks_.append(mask)
        return torch.stack(masks_).reshape(field.shape)

    def colour(labels, palette):
        return np.vstack([palette, np.zeros((1, 3), np.uint8)])[np.where(labels == 255, 19, labels)]

    assert verdict("02-stats", stats).passed
    assert verdict("04-quantile", by_quantile).passed
    assert verdict("00-colour", colour).passed


def test_error_in_place_and_not_a_function():
    def broken(labels, class_id):
        return labels.no_such_thing

    def in_place(images, stylised, mask):
        images[mask.bool().expand_as(images)] = stylised[mask.bool().expand_as(images)]
        return images

    message = verdict("00-labels", broken).message
    assert "AttributeError" in message
    assert "labels.no_such_thing" in message
    assert "changes its inputs in place" in verdict("04-mix", in_place).message
    assert "the function itself" in verdict("06-padding", 3).message
    assert "shape" in verdict("04-mix", lambda images, stylised, mask: mask).message


def test_check_returns_a_right_function_and_speaks(capsys, monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)

    def mine(kernel, dilation):
        return dilation * (kernel // 2)

    assert check("06-padding", mine) is mine
    assert "✓ 06-padding" in capsys.readouterr().out
    assert check("06-padding", stub) is EXERCISES["06-padding"].reference
    assert "not yet (06-padding): still a stub" in capsys.readouterr().out
    checks.hint("06-padding", 2)
    assert "dilation * (kernel - 1)" in capsys.readouterr().out
    check("06-padding", mine)
    assert "✓ 06-padding" in checks.summary("06")


def test_strict_mode_raises(monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(CheckFailed, match="still a stub"):
        check("02-adain", stub)
    assert check("02-adain", EXERCISES["02-adain"].reference) is EXERCISES["02-adain"].reference


def test_unknown_names_are_answered_with_the_valid_ones():
    with pytest.raises(ValueError, match="02-adain"):
        check("02-adaim", stub)
    with pytest.raises(ValueError, match="hints 1 and 2"):
        checks.hint("02-adain", 3)


def test_difference_in_words():
    assert difference(np.float32(1), 1.0) is None
    assert "None" in difference(None, 1.0)
    assert "shape" in difference(np.zeros(2), np.zeros(3))
    assert "NaN" in difference(np.array([np.nan]), np.array([1.0]))
    assert "should be NaN" in difference(np.array([1.0]), np.array([np.nan]))
    assert "dtype" in difference(np.zeros(2), np.zeros(2, np.uint8), strict_dtype=True)
    assert "2 values" in difference((1,), (1, 2))


def test_references_agree_with_the_library():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 6, 5, generator=generator)
    mean, std = torch.randn(2, 3, 1, 1, generator=generator), torch.rand(2, 3, 1, 1, generator=generator) + 0.1
    solve = {id: ex.reference for id, ex in EXERCISES.items()}
    for a, b in zip(solve["02-stats"](x), adain.channel_stats(x), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert torch.allclose(solve["02-adain"](x, mean, std), adain.adain(x, mean, std), atol=1e-5)
    field = masks.smooth_noise(30, 40, 3.0, generator=generator)
    for share in (0.0, 0.3, 1.0):
        assert torch.equal(solve["04-quantile"](field[None, None], share)[0, 0], masks.threshold_field(field, share))
    for share in (0.2, 0.7):
        mine = solve["04-threshold"](field[None, None], share)[0, 0]
        assert torch.equal(mine, masks.threshold_field(field, share, "official"))
    assert solve["04-schedule"](3, 10, 0.5, 0.1) == randomize.share_schedule(3, 10, start=0.5, power=0.1)
    other, valid = torch.randn(2, 3, 6, 5, generator=generator), torch.rand(2, 6, 5, generator=generator) < 0.5
    assert torch.allclose(
        solve["05-consistency"](x, other, valid), losses.consistency_loss(x, other, valid=valid), atol=1e-5
    )
    kl = losses.consistency_loss(x, other, kind="kl", detach="global")
    assert torch.allclose(solve["05-kl"](x, other), kl, atol=1e-5)
    pred = torch.randint(0, 4, (3, 8, 9), generator=generator)
    target = torch.randint(0, 4, (3, 8, 9), generator=generator)
    target[:, 0] = 255
    matrix = metrics.ConfusionMatrix(5)
    matrix.update(pred, target)
    assert torch.equal(solve["01-confusion"](pred, target, 5), matrix.counts)
    assert difference(solve["01-iou"](matrix.counts), matrix.iou()) is None
    assert solve["07-miou"](list(pred), list(target), 5) == pytest.approx(matrix.miou(), abs=1e-6)


def test_an_error_of_torch_is_not_taken_for_a_stub():
    def unfinished(labels, size):
        raise NotImplementedError("Exercise 7.2: your turn")

    def torchs_own(features, branches):
        raise NotImplementedError("\"some_kernel\" not implemented for 'Long'")

    assert "still a stub" in verdict("07-rescore", unfinished).message
    said = verdict("06-aspp", torchs_own).message
    assert "still a stub" not in said
    assert "not implemented for 'Long'" in said
