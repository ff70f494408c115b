"""DeepLab over SqueezeNet: what was changed about torchvision's trunk changes no number that it computes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torchvision.models import squeezenet1_0, squeezenet1_1

from gltr_lib.models.squeezenet import DeepLabSqueezeNet, SqueezeTrunk, load_squeezenet


def same_weights(*trunks):
    for trunk in trunks[1:]:
        trunk.load_state_dict(trunks[0].state_dict())


def test_the_trunk_is_torchvisions_on_a_picture_with_a_margin_of_three():
    trunk, theirs = SqueezeTrunk(16), squeezenet1_0(weights=None)
    theirs.features.load_state_dict(trunk.features.state_dict())
    x = torch.randn(2, 3, 64, 96)
    torch.testing.assert_close(trunk(x)["out"], theirs.features(F.pad(x, (3, 3, 3, 3))))


@pytest.mark.parametrize("size", [(64, 96), (128, 256), (144, 256)])
def test_every_second_position_of_the_dilated_trunk_is_the_original(size):
    fine, coarse = SqueezeTrunk(8), SqueezeTrunk(16)
    same_weights(fine, coarse)
    x = torch.randn(1, 3, *size)
    maps, originals = fine(x), coarse(x)
    assert maps["out"].shape[-2:] == (size[0] // 8, size[1] // 8)
    torch.testing.assert_close(maps["low"], originals["low"])
    torch.testing.assert_close(maps["out"][:, :, 1::2, 1::2], originals["out"])


def test_pictures_go_in_as_bgr_minus_the_mean():
    seen = []
    net = DeepLabSqueezeNet(5).eval()
    net.backbone.features[0].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    net(torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32))
    assert seen[0][0, :, 0, 0].tolist() == [-104.0, 10.5, 132.0]
    assert "mean" not in net.state_dict()


def test_answers_have_the_size_of_the_picture_and_both_groups_all_parameters_once():
    net = DeepLabSqueezeNet(7, output_stride=16)
    assert net(torch.rand(1, 3, 45, 70)).shape == (1, 7, 45, 70)
    groups = net.parameter_groups()
    assert sum(map(len, groups.values())) == len(list(net.parameters()))
    assert {id(p) for p in groups["trunk"]} == {id(p) for p in net.backbone.parameters()}
    with pytest.raises(ValueError, match="8 or 16, received 4"):
        DeepLabSqueezeNet(output_stride=4)


def test_a_gradient_reaches_every_parameter():
    net = DeepLabSqueezeNet(3)
    net(torch.rand(2, 3, 32, 48)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_weights_are_taken_whole_and_the_classifier_is_named_as_unused():
    net, theirs = DeepLabSqueezeNet(5), squeezenet1_0(weights=None)
    head = net.classify.weight.clone()
    report = load_squeezenet(net, theirs.state_dict(), "file.pth")
    assert report.complete
    assert report.unused == ("classifier.1.weight", "classifier.1.bias")
    assert report.preprocessing == "caffe"
    assert net.trunk_report is report
    torch.testing.assert_close(net.backbone.features[12].squeeze.weight, theirs.features[12].squeeze.weight)
    torch.testing.assert_close(net.classify.weight, head)


def test_another_network_is_refused_and_nothing_is_copied():
    net = DeepLabSqueezeNet(5)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for state in (squeezenet1_1(weights=None).state_dict(), {"conv1.weight": torch.zeros(1)}):
        with pytest.raises(ValueError, match=r"file.pth: not the weights of SqueezeNet 1.0: features.0.weight"):
            load_squeezenet(net, state, "file.pth")
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.skipif("GLTR_DATA" not in os.environ, reason="GLTR_DATA names no folder of real data")
def test_the_imagenet_weights_know_a_cat():
    from PIL import Image
    from skimage import data
    from torchvision.transforms.functional import pil_to_tensor

    from gltr_lib.weights import load_file

    path = Path(os.environ["GLTR_DATA"]) / "weights" / "squeezenet_v10_imagenet_torchvision_names.pth"
    if not path.is_file():
        pytest.skip("GLTR_DATA holds no SqueezeNet weights")
    state = load_file(path)
    net = DeepLabSqueezeNet(5, output_stride=16).eval()
    assert load_squeezenet(net, state, path.name).complete
    picture = pil_to_tensor(Image.fromarray(data.chelsea()[:, 75:375]).resize((224, 224)))[None] / 255
    with torch.no_grad():
        features = net.backbone(picture.flip(1) * 255 - net.mean)["out"]
        scores = F.conv2d(features, state["classifier.1.weight"], state["classifier.1.bias"]).relu().mean((2, 3))
    # ImageNet's 281, 282, 285: tabby, tiger cat, Egyptian cat. In RGB one of them is lost, on another scale all.
    assert set(scores[0].topk(3).indices.tolist()) == {281, 282, 285}


def test_it_is_built_by_name_and_its_trunk_loaded_through_the_one_door(tmp_path, monkeypatch):
    from gltr_lib._step import make_model
    from gltr_lib.config import TrainConfig
    from gltr_lib.models import build, load_trunk

    theirs = squeezenet1_0(weights=None).state_dict()
    (tmp_path / "weights").mkdir()
    torch.save(theirs, tmp_path / "weights" / "squeeze.pth")
    assert load_trunk(build("deeplab_squeezenet", 5), tmp_path / "weights" / "squeeze.pth").source == "squeeze.pth"
    # A configuration names the file by a variable: it is the same run wherever the folder lies.
    monkeypatch.setenv("GLTR_DATA", str(tmp_path))
    model = make_model(TrainConfig(model="deeplab_squeezenet", num_classes=5, init="$GLTR_DATA/weights/squeeze.pth"))
    torch.testing.assert_close(model.backbone.features[0].weight, theirs["features.0.weight"])
    monkeypatch.delenv("GLTR_DATA")
    with pytest.raises(FileNotFoundError, match="GLTR_DATA/weights"):
        make_model(TrainConfig(model="deeplab_squeezenet", init="$GLTR_DATA/weights/squeeze.pth"))
    with pytest.raises(TypeError, match="SqueezeNet, received DeepLabMini"):
        load_trunk(build("deeplab_mini"), theirs)


def test_a_file_of_the_network_rebuilds_it(tmp_path):
    from gltr_lib.models import build, export, load_checkpoint

    net = build("deeplab_squeezenet", 5, output_stride=16).eval()
    again, facts = load_checkpoint(export(net, tmp_path / "net.safetensors"))
    assert (facts["model"], facts["options"]) == ("deeplab_squeezenet", {"output_stride": 16})
    x = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(again(x), net(x), atol=2e-2, rtol=0)
