"""The cost calculator: its parts add up to the library's estimate, and it says what is counted, assumed, measured."""

import numpy as np
import pytest

from gltr_lib import cost as counting
from gltr_lib import explorers
from gltr_lib.explorers import CostExplorer, cost
from gltr_lib.models import build, parameter_count

MINI = {"network": "deeplab_mini", "stylizer": "mini", "crop": 128}


def params(**changes):
    return cost.Params(**{**MINI, **changes})


@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "adamw", "precision": "fp32"}, {"method": "baseline", "images": 7}]
)
def test_the_parts_add_up_to_the_estimate(changes):
    asked = params(**changes)
    bill = cost.reckon(asked)
    own = counting.estimate(
        "deeplab_mini", (128, 128), images=asked.images, stylizer="mini", steps=asked.steps,
        precision=asked.precision, optimizer=asked.optimizer, views=cost.METHODS[asked.method].views,
    )  # fmt: skip
    assert bill.plan == own
    assert sum(bill.step.values()) * 1e12 == pytest.approx(own.train_flops + own.style_flops)
    assert sum(bill.memory.values()) == pytest.approx(own.memory_gb)
    weights = 4 * parameter_count(build("deeplab_mini")) / 1e9
    assert bill.memory["weights"] == pytest.approx(weights)
    assert (bill.memory["kept activations"]) > 0
    state = [value for name, value in bill.memory.items() if name in ("momentum", "two moments")]
    assert state == [pytest.approx(weights * (2 if asked.optimizer == "adamw" else 1))]


def test_the_formula_of_the_picture_gives_the_hours():
    asked = params(images=6, steps=40_000, method="gtr_gtr")
    bill = cost.reckon(asked)
    forward = counting.forward_flops("deeplab_mini", (128, 128)) / 1e12
    paint = counting.stylize_flops("mini", (128, 128)) / 1e12
    hours = 40_000 * (3 * 6 * forward + 6 * paint) / (0.15 * counting.GPUS["A100"].half_tflops) / 3600
    assert bill.plan.hours == pytest.approx(hours)


def test_assumed_and_measured_are_told_apart_in_words_and_in_the_picture():
    assumed, words = cost.render(params())
    assert "ASSUMED: 15% of the peak" in words
    assert "measured" not in words
    measured, words = cost.render(params(rate=46.8))  # the same rate, now measured
    assert "measured by you" in words
    assert "ASSUMED" not in words
    assert "46.8 TFLOP/s" in words
    blue = tuple(bytes.fromhex(cost.COLOURS[0][1:]))
    filled = [(np.abs(p[392:].astype(int) - blue).max(-1) < 3).sum() for p in (assumed, measured)]
    assert filled[1] > 1.5 * filled[0] > 0  # a hatched bar against a full one


def test_a_measured_rate_belongs_to_its_own_card():
    own = cost.reckon(params(rate=10.0))
    other = cost.reckon(params(rate=10.0), "H100")
    assert (own.measured, own.plan.rate_tflops) == (True, 10.0)
    assert not other.measured
    assert other.plan.rate_tflops == pytest.approx(0.15 * counting.GPUS["H100"].half_tflops)


def test_cards_without_bfloat16_are_compared_in_fp16_and_refused_when_chosen():
    assert cost.reckon(params(), "T4").plan.hours > cost.reckon(params()).plan.hours
    with pytest.raises(ValueError, match='use precision="fp16"'):
        cost.render(params(gpu="T4"))


def test_money_only_with_a_price_and_times_the_cards():
    assert cost.reckon(params()).plan.money is None
    bill = cost.reckon(params(price=2.5, gpus=4))
    assert bill.plan.money == pytest.approx(bill.plan.hours * 10)
    assert "money" not in cost.render(params())[1]


def test_what_does_not_fit_is_said():
    _, words = cost.render(params(crop=1024, images=256, gpu="T4", precision="fp32"))
    assert "does NOT fit" in words
    assert "counted; fits" in cost.render(params())[1]


def test_every_choice_is_drawn():
    explorer = CostExplorer(params(), synchronous=True)
    for name in ("gpu", "method", "stylizer", "precision", "optimizer", "steps"):
        for option in explorer.controls[name].options:
            value = option[1] if isinstance(option, tuple) else option
            explorer.reset()
            explorer.update(**{"precision": "fp32", name: value} if name == "gpu" else {name: value})
            assert explorer.image.format == "webp"
    assert not explorers.FAILURES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gpu": "abacus"}, "no GPU is called 'abacus'"),
        ({"method": "magic"}, "no method is called 'magic'"),
        ({"network": "unet"}, "unknown model"),
        ({"images": 0}, "at least 1"),
        ({"share": 0.0}, "share > 0"),
        ({"rate": -1.0}, "rate >= 0"),
        ({"price": -1.0}, "price >= 0"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        cost.render(params(**changes))
