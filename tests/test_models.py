"""Networks: sizes, budgets, independence of the images of a batch, shipping."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gltr_lib import models, weights


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 50), (64, 128)])
def test_logits_have_the_size_of_the_input(size):
    net = models.build("deeplab_mini", 7)
    assert net(torch.rand(2, 3, *size)).shape == (2, 7, *size)


def test_a_picture_without_a_pixel_is_refused():
    with pytest.raises(ValueError, match=r"images: expected at least one pixel, received tensor\(1, 3, 0, 8\)"):
        models.build("deeplab_mini", 7)(torch.rand(1, 3, 0, 8))


def test_parameter_and_file_budget(tmp_path):
    net = models.build("deeplab_mini")
    assert models.parameter_count(net) <= 500_000
    assert models.export(net, tmp_path / "net.safetensors").stat().st_size <= 1_200_000
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("name", ["deeplab_mini", "deeplab_squeezenet"])
def test_logits_are_enlarged_in_single_precision(name):
    """In the 8 bits of bfloat16 neighbouring classes tie; in single precision nothing changes, bit for bit."""
    torch.manual_seed(0)
    net, images = models.build(name, 19).eval(), torch.rand(2, 3, 33, 50)
    small = []
    net.classify.register_forward_hook(lambda module, args, out: small.append(out))
    with torch.no_grad():
        logits = net(images)
        assert torch.equal(logits, F.interpolate(small[0], (33, 50), mode="bilinear", align_corners=False))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = net(images)
        assert (small[1].dtype, half.dtype) == (torch.bfloat16, torch.float32)
        wide = F.interpolate(small[1].float(), (33, 50), mode="bilinear", align_corners=False)
        assert torch.equal(half, wide)
        assert net.double()(images.double()).dtype == torch.float64


def test_images_of_a_batch_do_not_influence_each_other_nor_does_the_mode():
    torch.manual_seed(0)
    net = models.build("deeplab_mini").train()
    pictures = torch.rand(3, 3, 32, 48)
    together = net(pictures)
    torch.testing.assert_close(together[1:2], net(pictures[1:2]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together, net.eval()(pictures))


@pytest.mark.parametrize(
    "name", ["deeplab_mini", "deeplab_squeezenet", "deeplabv2_resnet50", "deeplabv3_resnet50", "deeplabv3plus_resnet50"]
)
@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda x: x[0], ValueError, r"expected shape \(B,3,H,W\).*add the batch dimension with images\[None\]"),
        (lambda x: x[:, :1], ValueError, r"expected shape \(B,3,H,W\)"),
        (lambda x: (x * 255).byte(), TypeError, "divide uint8 by 255 first"),
        (lambda x: x.numpy(), TypeError, r"permute\(2,0,1\)"),
    ],
)
def test_what_is_no_batch_of_pictures_is_named(name, wrong, error, text):
    with torch.device("meta"):  # the networks' numbers are not asked for
        net = models.build(name)
    with pytest.raises(error, match=text):
        net(wrong(torch.rand(2, 3, 33, 49)))


def test_loading_a_network_leaves_the_global_generator_alone(tmp_path):
    file = models.export(models.build("deeplab_mini"), tmp_path / "net.safetensors")
    for load in (lambda: models.load_shipped("gtr"), lambda: models.load_checkpoint(file)):
        torch.manual_seed(3)
        load()
        found = torch.rand(1)
        torch.manual_seed(3)
        assert torch.equal(found, torch.rand(1))


def test_every_parameter_receives_a_gradient():
    net = models.build("deeplab_mini")
    net(torch.rand(2, 3, 32, 48)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.classify.weight.grad.abs().sum() > 0


def test_the_whole_picture_is_seen_without_the_pooled_branch():
    torch.manual_seed(0)
    net = models.build("deeplab_mini")
    for block in net.stage8[1:]:
        torch.nn.init.ones_(block.norm.weight)
    # Deep features alone: a corner of the trunk's map must feel a pixel half a picture away.
    net.aspp.pooled = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Conv2d(72, 32, 1))
    torch.nn.init.zeros_(net.aspp.pooled[1].weight)
    for module in net.modules():
        if isinstance(module, torch.nn.GroupNorm):  # GroupNorm looks at everything; take it out of the question
            module.forward = lambda x: x
    picture = torch.rand(1, 3, 128, 256, requires_grad=True)
    net(picture)[0, :, 64, 128].sum().backward()
    reach = (picture.grad.abs().sum((0, 1)) > 0).nonzero()
    rows, columns = (reach.max(0).values - reach.min(0).values).tolist()
    assert rows > 120
    assert columns > 240


def test_unknown_names_and_impossible_arguments():
    with pytest.raises(ValueError, match=r"'segformer'.*deeplab_mini.*deeplabv3_resnet50"):
        models.build("segformer")
    with pytest.raises(ValueError, match=r"num_classes: expected a whole number from 1 to \d+, received 0"):
        models.build("deeplab_mini", 0)
    with pytest.raises(TypeError, match="colour"):
        models.build("deeplab_mini", colour="red")
    with pytest.raises(ValueError, match=r"'best'.*baseline, gtr, gtr_ltr, gtr_ltr_cgl"):
        models.load_shipped("best")


def test_a_shipped_network_predicts_like_the_one_that_was_exported(tmp_path, monkeypatch):
    from safetensors.torch import load_file

    torch.manual_seed(0)
    net = models.build("deeplab_mini").eval()
    path = models.export(net, tmp_path / "net.safetensors", {"ledger_id": "x"})
    asked = []
    monkeypatch.setattr(weights, "load", lambda name: (asked.append(name), (load_file(path), {}))[1])
    shipped = models.load_shipped("gtr_ltr")
    assert asked == ["mini-gtr_ltr"]
    assert not shipped.training
    assert shipped.classify.weight.dtype == torch.float32
    picture = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(shipped(picture), net(picture), atol=2e-2, rtol=2e-2)


@pytest.mark.slow
def test_torchvision_network_normalises_inside_and_answers_with_logits_alone():
    torch.manual_seed(0)
    net = models.build("deeplabv3_resnet50", 5).eval()
    picture = torch.rand(1, 3, 33, 41)
    logits = net(picture)
    assert logits.shape == (1, 5, 33, 41)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = net.network((picture - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))["out"]
    torch.testing.assert_close(logits, by_hand)


def test_numpys_integers_count_classes_too():
    net = models.build("deeplab_mini", np.int64(5))
    assert json.loads(json.dumps(net.built_as))["num_classes"] == 5
