"""Networks on disk and pretrained trunks: nothing is lost in silence, and a file of another network is refused."""

import errno
import json
import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from gltr_lib import models
from gltr_lib._step import make_model
from gltr_lib.config import TrainConfig
from gltr_lib.models import loading, trunk


@pytest.fixture
def narrow(monkeypatch):
    """ResNets with few narrow blocks: "50" has 1, 1, 2, 1 and "101" has 1, 1, 3, 1."""
    from torchvision.models import resnet

    def tiny(blocks, weights, **options):
        return resnet.ResNet(resnet.Bottleneck, blocks, width_per_group=8, **options)

    depths = {50: (1, 1, 2, 1), 101: (1, 1, 3, 1)}
    for depth, blocks in depths.items():
        monkeypatch.setattr(resnet, f"resnet{depth}", partial(tiny, list(blocks)))
    for module in (trunk, loading):
        monkeypatch.setattr(module, "DEPTHS", depths)


def torchvision_state(depth=50, seed=0):
    """Random tensors in the layout of ``resnet50-*.pth``: the classifier included, counters as in newer files."""
    from torchvision.models import resnet

    generator = torch.Generator().manual_seed(seed)
    state = getattr(resnet, f"resnet{depth}")(weights=None).state_dict()
    return {k: torch.rand(v.shape, generator=generator) if v.is_floating_point() else v for k, v in state.items()}


def caffe_state():
    """The layout of ``DeepLab_resnet_pretrained_init-f81d91e8.pth``: behind "Scale.", no counters, layer5 on top."""
    state = {f"Scale.{k}": v for k, v in torchvision_state(101).items() if "num_batches" not in k and "fc." not in k}
    for i in range(4):
        state[f"Scale.layer5.conv2d_list.{i}.weight"] = torch.rand(21, 8, 3, 3)
        state[f"Scale.layer5.conv2d_list.{i}.bias"] = torch.rand(21)
    return state


@pytest.mark.parametrize("name", ["deeplabv2_resnet50", "deeplabv3_resnet50", "deeplabv3plus_resnet50"])
def test_torchvisions_weights_fill_the_trunk_and_leave_the_head(narrow, tmp_path, name):
    state = torchvision_state()
    torch.save(state, tmp_path / "resnet50-11ad3fa6.pth")
    net = models.build(name, 3)
    head = [p.clone() for p in net.parameter_groups()["head"]]
    report = models.load_trunk(net, tmp_path / "resnet50-11ad3fa6.pth")
    found = net.backbone.state_dict()
    assert set(report.loaded) == {k for k in found if "num_batches" not in k}
    assert all(torch.equal(found[k], state[k]) for k in report.loaded)
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    assert report.unused == ("fc.weight", "fc.bias")
    assert report.complete
    assert net.preprocess.kind == "imagenet"
    assert all(torch.equal(p, q) for p, q in zip(head, net.parameter_groups()["head"], strict=True))
    assert "resnet50-11ad3fa6.pth: " in str(report)
    assert "classifier, not wanted (2): fc.weight, fc.bias" in str(report)
    again = models.build(name, 3, pretrained_trunk=tmp_path / "resnet50-11ad3fa6.pth")
    assert again.trunk_report == report


def test_the_official_caffe_file_switches_preprocessing_and_geometry(narrow, tmp_path):
    state = caffe_state()
    torch.save(state, tmp_path / "init.pth")
    net = models.build("deeplabv2_resnet101", 3, pretrained_trunk=tmp_path / "init.pth")
    assert net.trunk_report.complete
    assert net.trunk_report.preprocessing == net.preprocess.kind == "caffe"
    assert len(net.trunk_report.unused) == 8
    assert net.backbone.maxpool.ceil_mode
    assert net.backbone.layer2[0].conv1.stride == (2, 2)
    assert torch.equal(net.backbone.layer3[1].conv2.weight, state["Scale.layer3.1.conv2.weight"])
    assert net.built_as["options"]["preprocessing"] == "caffe"
    models.load_trunk(net, torchvision_state(101))
    assert net.preprocess.kind == "imagenet"
    assert not net.backbone.maxpool.ceil_mode
    models.load_trunk(net, torchvision_state(101), preprocessing="caffe")
    assert net.preprocess.kind == "caffe"


def test_every_key_that_does_not_fit_is_reported(narrow):
    state = torchvision_state()
    del state["layer2.0.bn3.bias"]
    state["in1.weight"] = torch.rand(64)
    state["layer1.0.conv2.weight"] = torch.rand(9, 9, 3, 3)
    net = models.build("deeplabv2_resnet50", 3)
    report = models.load_trunk(net, state)
    assert report.missing == ("layer2.0.bn3.bias",)
    assert report.unexpected == ("in1.weight",)
    ((name, found, wanted),) = report.mismatched
    assert (name, found) == ("layer1.0.conv2.weight", (9, 9, 3, 3))
    assert wanted == tuple(net.backbone.layer1[0].conv2.weight.shape)
    assert not report.complete
    text = str(report)
    for part in (
        "left as they were (1): layer2.0.bn3.bias",
        "in the file alone (1): in1.weight",
        "(9, 9, 3, 3) in the",
    ):
        assert part in text


def test_a_batch_norm_file_for_a_group_norm_trunk_says_what_found_no_place(narrow):
    report = models.load_trunk(models.build("deeplabv2_resnet50", 3, norm="group"), torchvision_state())
    assert report.complete
    assert report.unexpected
    assert all(name.endswith(("running_mean", "running_var")) for name in report.unexpected)


def test_frozen_norms_take_the_statistics(narrow):
    state = torchvision_state()
    net = models.build("deeplabv3_resnet50", 3, norm="frozen")
    report = models.load_trunk(net, state)
    assert report.complete
    assert report.unexpected == ()
    assert torch.equal(net.backbone.layer3[1].bn2.running_var, state["layer3.1.bn2.running_var"])


def test_files_of_another_network_are_refused_by_name(narrow, tmp_path):
    from torchvision.models import resnet18

    net = models.build("deeplabv2_resnet50", 3)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    torch.save(torchvision_state(101), tmp_path / "resnet101.pth")
    with pytest.raises(ValueError, match=r"resnet101\.pth: weights of ResNet-101, .* is ResNet-50 .* over resnet101"):
        models.load_trunk(net, tmp_path / "resnet101.pth")
    with pytest.raises(ValueError, match=r"tensors: weights of ResNet-50, .* ResNet-101"):
        models.load_trunk(models.build("deeplabv3_resnet101", 3), torchvision_state(50))
    with pytest.raises(ValueError, match=r"basic blocks \(18 or 34\)"):
        models.load_trunk(net, resnet18(weights=None).state_dict())
    with pytest.raises(ValueError, match=r"no conv1\.weight of a ResNet among its 2 tensors \(found 0\.weight"):
        models.load_trunk(net, nn.Sequential(nn.Linear(2, 2)).state_dict())
    with pytest.raises(ValueError, match=r"no conv1\.weight.*found nothing"):
        models.load_trunk(net, {})
    with pytest.raises(ValueError, match=r"none of its \d+ tensors fits the trunk"):
        models.load_trunk(net, {k: torch.zeros(1, 2) for k in torchvision_state()})
    with pytest.raises(TypeError, match="DeepLabMini"):
        models.load_trunk(models.build("deeplab_mini"), torchvision_state())
    with pytest.raises(FileNotFoundError, match="nowhere"):
        models.load_trunk(net, tmp_path / "nowhere.pth")
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_trunks_file_is_not_run(narrow, tmp_path):
    class Mischief:
        def __reduce__(self):
            return (open, (str(tmp_path / "it-ran"), "w"))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"conv1.weight": Mischief()}))
    with pytest.raises(ValueError, match=r"evil\.pth"):
        models.load_trunk(models.build("deeplabv2_resnet50", 3), tmp_path / "evil.pth")
    assert not (tmp_path / "it-ran").exists()


# --- a network's own file -----------------------------------------------------------------------------------------

OPTIONS = [
    ("deeplab_mini", {"rates": (2, 4)}),
    ("deeplabv2_resnet50", {"legacy_two_branch": True, "norm": "frozen"}),
    ("deeplabv3_resnet50", {"output_stride": 16, "norm": "group"}),
    ("deeplabv3plus_resnet101", {"separable": True}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_a_network_is_rebuilt_from_its_file_alone(narrow, tmp_path, name, options):
    torch.manual_seed(0)
    net = models.build(name, 4, **options)
    path = models.export(net, tmp_path / "run" / "model.safetensors", {"facts": json.dumps({"seed": 3})})
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]
    for where in (path, path.parent):
        again, facts = models.load_checkpoint(where)
    assert (facts["seed"], facts["model"], facts["num_classes"]) == (3, name, 4)
    assert not again.training
    assert str(again) == str(net.eval())
    for (key, value), (_, other) in zip(net.state_dict().items(), again.state_dict().items(), strict=True):
        assert other.dtype == value.dtype
        torch.testing.assert_close(other, value, atol=1e-4, rtol=1e-3, msg=key)


def test_a_caffe_network_stays_one_after_saving(narrow, tmp_path):
    net = models.build("deeplabv2_resnet101", 3, pretrained_trunk=caffe_state())
    again, facts = models.load_checkpoint(models.export(net, tmp_path / "model.safetensors"))
    assert facts["options"] == {"preprocessing": "caffe"}
    assert again.backbone.maxpool.ceil_mode
    donor = models.build("deeplabv3_resnet101", 3, preprocessing="caffe")
    assert models.load_trunk(donor, tmp_path / "model.safetensors").complete
    assert donor.preprocess.kind == "caffe"
    told = models.build("deeplabv3_resnet101", 3)  # by the header of the file, not by its tensors
    report = models.load_trunk(told, tmp_path / "model.safetensors")
    assert (told.preprocess.kind, told.backbone.maxpool.ceil_mode, report.preprocessing) == ("caffe", True, "caffe")
    models.load_trunk(told, models.export(models.build("deeplabv3_resnet101", 3), tmp_path / "plain.safetensors"))
    assert told.preprocess.kind == "imagenet"


def test_what_a_run_says_of_its_preprocessing_is_not_guessed_from_its_weights(narrow, tmp_path):
    torch.save(caffe_state(), tmp_path / "caffe.pth")
    found = {}
    for kind in ("imagenet", "caffe", None):
        options = {} if kind is None else {"preprocessing": kind}
        config = TrainConfig(model="deeplabv2_resnet101", init=str(tmp_path / "caffe.pth"), model_options=options)
        found[kind] = make_model(config).preprocess.kind
    assert found == {"imagenet": "imagenet", "caffe": "caffe", None: "caffe"}


def test_wrappers_are_taken_off(tmp_path):
    net = models.build("deeplab_mini", 3)
    models.export(nn.DataParallel(torch.compile(net, backend="eager")), tmp_path / "net.safetensors")
    again, _ = models.load_checkpoint(tmp_path / "net.safetensors")
    assert list(again.state_dict()) == list(net.state_dict())


def test_what_half_precision_cannot_hold_stays_single(tmp_path):
    net = nn.BatchNorm2d(2)
    net.running_var.fill_(1e-9)
    net.weight.data.fill_(1e6)
    stored = load_file(models.export(net, tmp_path / "net.safetensors"))
    assert (stored["running_var"].dtype, stored["weight"].dtype) == (torch.float32, torch.float32)
    assert stored["bias"].dtype == torch.float16
    assert (stored["weight"] == 1e6).all()


def test_older_files_and_shipped_ones_still_load(tmp_path):
    from gltr_lib import weights

    net = models.build("deeplab_mini", 5)
    tensors = {k: v.half().contiguous() for k, v in net.state_dict().items()}
    facts = {"config": {"model": "deeplab_mini", "num_classes": 5}, "commit": "abc"}
    save_file(tensors, tmp_path / "old.safetensors", metadata={"facts": json.dumps(facts)})
    again, read = models.load_checkpoint(tmp_path / "old.safetensors", model="deeplab_mini", num_classes=5)
    assert read["commit"] == "abc"
    assert read["num_classes"] == 5
    picture = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(again(picture), net(picture), atol=2e-2, rtol=2e-2)
    save_file(tensors, tmp_path / "bare.safetensors")
    assert models.load_checkpoint(tmp_path / "bare.safetensors")[1]["num_classes"] == 5
    shipped, _ = models.load_checkpoint(weights.path("mini-baseline"))
    assert torch.equal(shipped(picture), models.load_shipped("baseline")(picture))


def test_networks_that_are_not_the_expected_one_are_refused(tmp_path):
    path = models.export(models.build("deeplab_mini", 5), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"net\.safetensors: expected num_classes 19, the file holds 5"):
        models.load_checkpoint(path, num_classes=19)
    with pytest.raises(ValueError, match=r"expected model 'deeplabv2_resnet50', the file holds 'deeplab_mini'"):
        models.load_checkpoint(path, model="deeplabv2_resnet50")
    tensors = load_file(path)
    for header, message in (
        (
            {"network": json.dumps({"model": "deeplab_mini", "num_classes": 6})},
            "deeplab_mini with 6 classes.*size mism",
        ),
        ({"network": json.dumps({"model": "segformer", "num_classes": 6})}, "'segformer', which this version"),
        ({"network": json.dumps({"model": "deeplab_mini", "num_classes": 5, "options": {"x": 1}})}, "'x'"),
        ({"network": "{"}, "'network' is not JSON"),
        ({"facts": "[]"}, "'facts' is list"),
    ):
        save_file(tensors, tmp_path / "other.safetensors", metadata=header)
        with pytest.raises(ValueError, match=rf"other\.safetensors: .*{message}"):
            models.load_checkpoint(tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        models.load_checkpoint(tmp_path / "nowhere.safetensors")


def test_nothing_half_written_stays_behind(tmp_path, monkeypatch):
    def full_disk(path, data, real=Path.write_bytes):
        real(path, data[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: .*net\.safetensors"):
        models.export(nn.Linear(1, 1), tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ('{"model": "deeplab_mini"}', "num_classes None"),
        ('{"model": ["deeplab_mini"], "num_classes": 5}', "does not know"),
        ('{"model": "deeplab_mini", "num_classes": "5"}', "num_classes '5'"),
        ('{"model": "deeplab_mini", "num_classes": -1}', "num_classes -1"),
        ('{"model": "deeplab_mini", "num_classes": 2000000000}', "num_classes 2000000000"),
        ('{"model": "deeplab_mini", "num_classes": 5, "options": [1]}', "options"),
        ('{"model": "deeplab_mini", "num_classes": 5, "options": {"pretrained_trunk": "/x.pth"}}', "options"),
        ('{"model": "deeplab_mini", "num_classes": 5, "options": {"widths": [60000, 60000, 60000]}}', "not those of"),
        ('{"model": "deeplab_mini", "num_classes": 5, "options": {"widths": "abc"}}', "widths: expected"),
        ("[" * 100_000, "too deep"),
    ],
)
def test_a_header_that_was_edited_is_refused_by_name_and_before_memory_is_asked_for(tmp_path, network, words):
    tensors = {name: value.contiguous() for name, value in models.build("deeplab_mini", 5).state_dict().items()}
    save_file(tensors, tmp_path / "net.safetensors", metadata={"network": network})
    with pytest.raises(ValueError, match=rf"net\.safetensors: .*{words}") as caught:
        models.load_checkpoint(tmp_path / "net.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_network_that_went_astray_is_not_scored(tmp_path, number):
    net = models.build("deeplab_mini", 5)
    with torch.no_grad():
        net.classify.weight.fill_(number)
    path = models.export(net, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"net\.safetensors: classify\.weight holds NaN or infinite numbers"):
        models.load_checkpoint(path)
