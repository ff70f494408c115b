"""The cost of a run, against counts by hand and against what a real backward pass keeps."""

import multiprocessing
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from gltr_lib import cost
from gltr_lib.models import build, parameter_count


def test_operations_of_a_convolution_by_hand():
    # 12 x 16 outputs, 5 channels, 3 x 3 x 4 taps, a multiplication and an addition each
    layer = nn.Conv2d(4, 5, 3, padding=1)
    assert cost.forward_flops(layer, (12, 16), channels=4) == 2 * 12 * 16 * 5 * 36


def test_counting_leaves_the_network_as_it_was():
    layer = nn.Conv2d(3, 2, 1)
    before = layer.weight.clone()
    cost.forward_flops(layer, (4, 4))
    assert torch.equal(layer.weight, before)
    assert layer.training


def test_operations_grow_with_the_area_and_vgg_is_dearer():
    one, four = (cost.stylize_flops("mini", (side, side)) for side in (64, 128))
    assert four == pytest.approx(4 * one, rel=1e-6)
    # 395 GFLOP a 640 x 640 picture: the usual count for VGG-19 to relu4_1 and its mirror
    assert cost.stylize_flops("vgg19", (640, 640)) == pytest.approx(395e9, rel=0.01)


def test_kept_bytes_by_hand():
    # Kept for the backward pass of conv -> ReLU -> loss: the input (3), the ReLU's output (4, also the logits, whose
    # log-softmax keeps 4 more), the labels (8 bytes a pixel); the pixel weights of the loss are a scalar.
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    pixel = 4 * (3 + 4 + 4) + 8
    assert cost.kept_bytes(model, (32, 32)) / 32**2 == pytest.approx(pixel, rel=0.01)


def test_kept_bytes_scale_with_the_area():
    model = build("deeplab_mini")
    small, large = (cost.kept_bytes(model, (side, side)) / side**2 for side in (64, 128))
    assert large == pytest.approx(small, rel=0.02)
    assert cost.kept_bytes(model, (64, 64), precision="bf16") < 0.8 * small * 64**2


def test_kept_bytes_are_those_of_a_real_forward_pass_and_the_network_stays_as_it_was():
    model = build("deeplab_mini").eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    counted = cost.kept_bytes(model, (64, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training

    def really_kept(count):
        kept, own = {}, {p.untyped_storage().data_ptr() for p in model.parameters()}

        def remember(tensor):
            if tensor.untyped_storage().data_ptr() not in own:
                kept[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
            logits = model.train()(torch.rand(count, 3, 64, 64))
            nn.functional.cross_entropy(logits, torch.zeros(count, 64, 64, dtype=torch.long))
        return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())

    assert counted == (really_kept(4) - really_kept(2)) // 2


def test_a_forked_process_may_still_train_after_a_count():
    layer = nn.Conv2d(3, 2, 1)

    def backward():
        layer(torch.ones(1, 3, 4, 4)).sum().backward()

    cost.kept_bytes(layer, (32, 32))
    backward()
    child = multiprocessing.get_context("fork").Process(target=backward)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_the_same_question_is_counted_once():
    cost._forward.cache_clear()
    cost._kept_once.cache_clear()
    for side in (128, 160, 160):
        cost.estimate("deeplab_mini", (side, side), stylizer="mini", precision="fp32")
    assert cost._forward.cache_info()[:2] == (1, 2)  # hits, misses
    assert cost._kept_once.cache_info()[:2] == (2, 1)  # a small picture stands for all larger crops


def test_lists_as_json_gives_them_are_sizes_and_options_too():
    size = (128, 256)
    assert cost.stylize_flops("mini", list(size)) == cost.stylize_flops("mini", size)
    given = {"stylizer": "mini", "gpu": "A100"}
    listed = cost.estimate("deeplab_mini", list(size), widths=[8, 8, 8], views=["gtr", "ltr"], **given)
    assert listed == cost.estimate("deeplab_mini", size, widths=(8, 8, 8), **given)
    assert cost.weight_gb("deeplab_mini", widths=[8, 8, 8]) == cost.weight_gb("deeplab_mini", widths=(8, 8, 8))


def test_an_estimate_adds_up():
    plan = cost.estimate(
        "deeplab_mini", (64, 128), images=4, stylizer="mini", steps=3600, gpu="A100", gpus=2, price=3.0
    )
    assert plan.train_flops == 3 * 4 * cost.forward_flops("deeplab_mini", (64, 128))
    assert plan.style_flops == 2 * cost.stylize_flops("mini", (64, 128))  # two of four views are painted
    assert plan.hours == pytest.approx(plan.seconds_per_step)
    assert plan.money == pytest.approx(plan.hours * 2 * 3.0)
    assert plan.seconds_per_step == pytest.approx((plan.train_flops + plan.style_flops) / (0.15 * 312e12))
    assert "15 %" in cost.render(plan)


def test_a_measured_rate_is_named_and_no_views_cost_no_paint():
    plan = cost.estimate("deeplab_mini", (64, 64), views=("raw",), steps=10, rate=0.5, precision="fp32")
    assert (plan.basis, plan.style_flops, plan.rate_tflops) == ("measured", 0.0, 0.5)


def test_what_does_not_fit_says_so():
    tiny = cost.Gpu("pocket", memory_gb=0.01, half_tflops=1, single_tflops=1)
    plan = cost.estimate("deeplab_mini", (64, 128), images=8, stylizer="mini", gpu=tiny)
    assert not plan.fits
    assert "does NOT fit" in cost.render(plan)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gpu": "abacus"}, "gpu: unknown 'abacus'; valid: T4"),
        ({"precision": "fp8"}, "precision: unknown"),
        ({"optimizer": "lion"}, "optimizer: unknown"),
        ({"gpu": "T4", "precision": "bf16"}, 'use precision="fp16"'),
        ({"images": 0}, "at least 1"),
        ({"rate": 0.0}, "rate: expected a number above 0, received 0"),
        ({"rate": -1.0}, "rate: expected a number above 0, received -1"),
        ({"share": 0.0}, "share: expected a number above 0, received 0"),
        ({"stylizer": "brush"}, "stylizer: unknown"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        cost.estimate("deeplab_mini", **{"crop": (64, 64), "stylizer": "mini", **changes})


def test_a_rate_is_measured():
    assert cost.measure_rate("deeplab_mini", (32, 64), repeat=1) > 0


@pytest.mark.slow
def test_the_table_of_the_scale_page_is_what_the_functions_say():
    page = (Path(__file__).parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (deeplab\w+)[^|]*\| ([\d.]+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$", page, re.M)
    assert len(found) == 5
    for name, millions, giga, _, _, megabytes in found:
        with torch.device("meta"):
            weights = parameter_count(build(name))
        assert float(millions) == pytest.approx(weights / 1e6, abs=0.051)
        assert float(giga.replace(",", "")) == pytest.approx(3 * cost.forward_flops(name, (640, 640)) / 1e9, abs=0.51)
        assert float(megabytes) == pytest.approx(4 * weights / 1e6, abs=0.51)
    name, _, _, single, half, _ = found[0]
    for precision, said in (("fp32", single), ("bf16", half)):
        assert float(said) == pytest.approx(
            cost.kept_bytes(build(name), (128, 128), precision=precision) * 25 / 1e9, abs=0.011
        )
    for name, said in re.findall(r"^\| \*painting one image\*: ([\w-]+) stylizer \| \| ([\d.]+) \|", page, re.M):
        assert float(said) == pytest.approx(
            cost.stylize_flops(name.lower().replace("-", ""), (640, 640)) / 1e9, rel=0.01
        )
