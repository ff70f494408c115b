"""Cost calculator: what a training run takes before it is started; operations, memory, hours, money.

Operations and memory are counted (:mod:`gltr_lib.cost`): full bars. Hours and money rest on a rate, the operations a
second that a card reaches. As long as nobody has measured it, the rate is a share of the data sheet's peak: an
assumption, said in words and drawn as hatched bars. Put in the rate of your own card (``cost.measure_rate``) and the
bars become full. The memory is a lower bound: the libraries' work space and fragmentation come on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gltr_lib import cost as counting
from gltr_lib.config import METHODS
from gltr_lib.explorers._base import Explorer
from gltr_lib.explorers._canvas import Box, Canvas
from gltr_lib.explorers._fields import choice, integer_box, slider
from gltr_lib.explorers.assets import pick
from gltr_lib.models import MODELS
from gltr_lib.viz import COLOURS, INK, LINE, MUTED, PAPER

CROPS = (128, 256, 512, 640, 768, 1024)
STYLIZERS = ("vgg19", "mini")
STEPS = ((2_000, "2,000 (the course)"), (40_000, "40,000 (gpu recipe)"), (200_000, "200,000 (the paper's)"))
ASSUMED = "ASSUMED"


@dataclass(frozen=True)
class Params:
    """What the calculator reckons with; ``rate`` in TFLOP/s, 0 = not measured; ``price`` of a card and hour, 0 = none.

    ``images`` are the forward images in a step and on one card, all views together.
    """

    gpu: str = "A100"
    network: str = "deeplabv3plus_resnet50"
    method: str = "gtr_ltr_cgl"
    stylizer: str = "vgg19"
    crop: int = 640
    images: int = 4
    steps: int = 200_000
    gpus: int = 1
    precision: str = "bf16"
    optimizer: str = "sgd"
    share: float = counting.ASSUMED_SHARE
    rate: float = 0.0
    price: float = 0.0


@dataclass(frozen=True)
class Bill:
    """An estimate and the parts it is made of; ``step`` in TFLOP, ``memory`` in GB, in the order of their names."""

    plan: counting.Estimate
    step: dict[str, float]
    memory: dict[str, float]
    measured: bool


def reckon(params: Params, gpu: str | None = None) -> Bill:
    """Take an estimate apart; the parts add up to what :func:`gltr_lib.cost.estimate` says.

    Args:
        params: the run. gpu: another card at the same share of its peak (a measured rate belongs to its own card).

    Raises:
        ValueError: unknown names, numbers below 1, a share or rate that is no rate, bf16 on a card without it.

    Example:
        >>> bill = reckon(Params(network="deeplab_mini", stylizer="mini", crop=128, precision="fp32"))
        >>> round(sum(bill.step.values()), 6) == round((bill.plan.train_flops + bill.plan.style_flops) / 1e12, 6)
        True
    """
    pick(METHODS, params.method, "method")
    if not (params.share > 0 and params.rate >= 0 and params.price >= 0):
        raise ValueError(
            f"expected share > 0, rate >= 0 (0: not measured) and price >= 0 (0: none), received share={params.share},"
            f" rate={params.rate}, price={params.price}"
        )
    card = pick(counting.GPUS, gpu or params.gpu, "GPU")
    precision = params.precision
    if gpu is not None and precision == "bf16" and not card.bfloat16:
        precision = "fp16"  # another card is compared at the half precision that it has
    measured = params.rate > 0 and gpu is None
    plan = counting.estimate(
        params.network, (params.crop, params.crop), images=params.images, views=METHODS[params.method].views,
        stylizer=params.stylizer, steps=params.steps, precision=precision, optimizer=params.optimizer, gpu=card,
        gpus=params.gpus, rate=params.rate if measured else None, share=params.share, price=params.price or None,
    )  # fmt: skip
    third = plan.train_flops / 3e12
    step = {
        "forward": third,
        "backward, activations": third,
        "backward, weights": third,
        "painting": plan.style_flops / 1e12,
    }
    weights = counting.weight_gb(params.network)
    state = weights * (1 if params.optimizer == "sgd" else 2)
    name = "momentum" if params.optimizer == "sgd" else "two moments"
    memory = {"weights": weights, "gradients": weights, name: state}
    memory["kept activations"] = plan.memory_gb - sum(memory.values())
    return Bill(plan, step, memory, measured)


def render(params: Params, assets: Any = None) -> tuple[np.ndarray, str]:
    """Draw the calculator's picture: four answers, the formula with its numbers, its parts as bars.

    Args:
        params: see Params. assets: not used; every explorer's render takes them.

    Returns:
        (uint8 picture (H, W, 3), a sentence that says what it shows).

    Raises:
        ValueError: what :func:`reckon` refuses.
    """
    bill = reckon(params)
    plan, card = bill.plan, counting.GPUS[params.gpu]
    basis = "measured by you" if bill.measured else f"{ASSUMED}: {params.share:.0%} of the peak"
    canvas = Canvas(960, 560)
    fits = "fits, before work space" if plan.fits else "does NOT fit"
    money = "no price given" if plan.money is None else f"{params.gpus} x {plan.hours:,.1f} h x {params.price:g}"
    answers = (
        ("operations a step", f"{sum(bill.step.values()):.2f} TFLOP", "counted", False),
        ("memory of one card", f"{plan.memory_gb:.1f} of {card.memory_gb:g} GB", f"counted; {fits}", not plan.fits),
        ("hours in all", _number(plan.hours), basis, not bill.measured),
        ("money", "–" if plan.money is None else _number(plan.money), money,
         plan.money is not None and not bill.measured),
    )  # fmt: skip
    for place, answer in enumerate(answers):
        _answer(canvas, 14 + 236 * place, *answer)
    _formula(canvas, params, bill, 128)
    colours = (COLOURS[0], "#5aa5d6", "#a9cfe8", COLOURS[1])
    _bars(canvas, (14, 204, 450, 120), "one step, TFLOP (counted)", bill.step, colours, sum(bill.step.values()))
    top = max(card.memory_gb, plan.memory_gb)
    greys = (COLOURS[2], "#5fc0a0", "#a5dcc9", "#d6b3c8")
    _bars(canvas, (496, 204, 450, 120), "memory of one card, GB (counted)", bill.memory, greys, top)
    _memory_line(canvas, (496, 204, 450, 120), bill, card, top)
    cards = {name: reckon(params, name) for name in counting.GPUS}
    _hours(canvas, (14, 392, 932, 150), params, bill, cards)
    return canvas.array(), _words(params, bill, basis)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _answer(canvas: Canvas, x: float, title: str, answer: str, basis: str, warn: bool) -> None:
    canvas.draw.rounded_rectangle((x, 10, x + 224, 92), 8, fill="#f6f8fa", outline=COLOURS[1] if warn else LINE)
    canvas.text(x + 12, 30, title, size=12, colour=MUTED)
    canvas.text(x + 12, 61, answer, size=23)
    canvas.text(x + 12, 82, basis, size=11, colour="#a33f00" if warn else MUTED)


def _formula(canvas: Canvas, params: Params, bill: Bill, y: float) -> None:
    """Two lines: the formula in words, and with the numbers of this run."""
    views = METHODS[params.method].views
    painted = params.images * views.count("gtr") / len(views)
    one = bill.plan.train_flops / 3e12 / params.images
    paint = bill.step["painting"] / painted if painted else 0.0
    canvas.text(14, y, "hours = steps x (3 x images x forward + painted x painting) / rate / 3600", size=13)
    said = f"{params.steps:,} x (3 x {params.images} x {one:.3f} + {painted:g} x {paint:.3f}) TFLOP / "
    said += f"{bill.plan.rate_tflops:.3g} TFLOP/s / 3600 = {_number(bill.plan.hours)} h"
    canvas.text(14, y + 22, f"          = {said}", size=13, colour=MUTED)
    note = "rate: measured by you" if bill.measured else "rate: ASSUMED, nobody measured it on this card"
    canvas.text(946, y, note, size=12, colour=MUTED if bill.measured else "#a33f00", anchor="rs")


def _bars(
    canvas: Canvas, box: Box, title: str, parts: Mapping[str, float], colours: Sequence[str], full: float
) -> None:
    """One bar a part, each beginning where the one above ends, so that the last ends at the sum.

    Args:
        full: value at the right end of the scale.
    """
    x, y, wide, high = box
    canvas.text(x, y - 10, title)
    left, room = x + 150, wide - 150 - 66
    each, before = high / len(parts), 0.0
    for i, ((name, value), colour) in enumerate(zip(parts.items(), colours, strict=True)):
        top = y + each * i + 4
        canvas.text(left - 8, top + each / 2 - 4, name, size=12, anchor="rm")
        canvas.draw.rectangle((left, top, left + room, top + each - 9), fill="#f1f3f5")
        if value > 0:
            a, b = (left + room * end / full for end in (before, before + value))
            canvas.draw.rectangle((a, top, max(a + 1, b), top + each - 9), fill=colour)
        before += value
        canvas.text(left + room + 8, top + each / 2 - 4, f"{value:.3g}", size=12, colour=MUTED, anchor="lm")


def _memory_line(canvas: Canvas, box: Box, bill: Bill, card: counting.Gpu, top: float) -> None:
    x, y, wide, high = box
    left, room = x + 150, wide - 150 - 66
    limit = left + room * 0.9 * card.memory_gb / top
    canvas.draw.line((limit, y, limit, y + high), fill=INK, width=2)
    canvas.text(
        left, y + high + 16, f"sum {bill.plan.memory_gb:.1f} GB; the line is at nine tenths of {card.memory_gb:g} GB",
        size=11, colour=MUTED,
    )  # fmt: skip


def _hours(canvas: Canvas, box: Box, params: Params, bill: Bill, cards: Mapping[str, Bill]) -> None:
    """Hours on every card; hatched where they rest on an assumption."""
    x, y, wide, high = box
    title = f"hours on each card, if it reaches {params.share:.0%} of its peak (hatched: {ASSUMED.lower()}"
    canvas.text(x, y - 10, title + ("; full: measured by you)" if bill.measured else ")"))
    shown = {name: bill if name == params.gpu else other for name, other in cards.items()}
    longest = max(other.plan.hours for other in shown.values())
    left, room, each = x + 60, wide - 60 - 220, high / len(shown)
    for i, (name, other) in enumerate(shown.items()):
        top, low = y + each * i + 2, y + each * (i + 1) - 5
        mine = name == params.gpu
        canvas.text(
            left - 8, (top + low) / 2, name, size=13 if mine else 12, colour=INK if mine else MUTED, anchor="rm"
        )
        right = left + max(2, room * other.plan.hours / longest)
        colour = COLOURS[0] if mine else "#9aa7b3"
        canvas.draw.rectangle((left, top, right, low), fill=colour if other.measured else PAPER, outline=colour)
        if not other.measured:
            _hatch(canvas, (left, top, right, low), colour)
        words = f"{_number(other.plan.hours)} h"
        words += f", money {_number(other.plan.money)}" if mine and other.plan.money is not None else ""
        words += "" if other.plan.fits else ", does NOT fit"
        canvas.text(right + 8, (top + low) / 2, words, size=12, colour=INK if mine else MUTED, anchor="lm")


def _hatch(canvas: Canvas, box: Box, colour: str) -> None:
    left, top, right, low = box
    high = low - top
    for start in np.arange(left - high, right, 7.0):
        a, b = max(start, left), min(start + high, right)
        canvas.draw.line((a, low - (a - start), b, low - (b - start)), fill=colour, width=2)


def _words(params: Params, bill: Bill, basis: str) -> str:
    plan = bill.plan
    words = f"{params.network}, {params.method}, {params.steps:,} steps of {params.images} images of {params.crop} x "
    words += f"{params.crop} on {params.gpus} {params.gpu}: {sum(bill.step.values()):.2f} TFLOP a step"
    words += f" ({plan.style_flops / (plan.train_flops + plan.style_flops):.0%} painting) and {plan.memory_gb:.1f} GB"
    words += f" (counted; {'fits' if plan.fits else 'does NOT fit'}), {_number(plan.hours)} hours"
    words += "" if plan.money is None else f", money {_number(plan.money)}"
    return words + f" (at {plan.rate_tflops:.3g} TFLOP/s, {basis})."


class CostExplorer(Explorer):
    """The cost calculator: card, network, crop, images, views, steps; memory, hours, money.

    Args:
        params: where to start. assets: not used. synchronous: see Explorer.
    """

    module = "cost"
    title = "What will it cost?"
    height = 560

    def gather(self, assets: Any) -> None:
        return None  # arithmetic needs no pictures

    def begin(self, params: Params | None, assets: Any) -> Params:
        return params or Params()

    def render(self, params: Params) -> tuple[np.ndarray, str]:
        return render(params)

    def make_controls(self) -> Mapping[str, Any]:
        start = self.start
        steps = dict(STEPS)
        steps.setdefault(start.steps, f"{start.steps:,}")
        return {
            "gpu": choice("GPU", start.gpu, list(counting.GPUS)),
            "network": choice("Network", start.network, list(MODELS)),
            "method": choice("Method", start.method, list(METHODS), hint="its views decide what is painted"),
            "stylizer": choice("Stylizer", start.stylizer, STYLIZERS),
            "crop": choice("Crop (px)", start.crop, sorted({*CROPS, start.crop}), hint="side of the square crop"),
            "steps": choice("Steps", start.steps, [(label, value) for value, label in sorted(steps.items())]),
            "images": integer_box("Images", start.images, 1, 256, hint="in a step, on one card, all views together"),
            "gpus": integer_box("Cards", start.gpus, 1, 1024),
            "precision": choice("Precision", start.precision, counting.PRECISIONS),
            "optimizer": choice("Optimizer", start.optimizer, ("sgd", "adamw")),
            "share": slider("Assumed share", start.share, 0.01, 0.7, 0.01, hint="of the data sheet's peak"),
            "rate": slider("Rate (TFLOP/s)", start.rate, 0, 500, 0.5, hint="that you measured; 0: not measured"),
            "price": slider("Price an hour", start.price, 0, 20, 0.1, hint="of one card; 0: none"),
        }
