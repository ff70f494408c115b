"""DeepLab over ResNets: sizes, strides, branches, norms, optimizer groups; torchvision's networks are the oracle."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gltr_lib import models
from gltr_lib.models import trunk
from gltr_lib.models.deeplabv2 import SummedBranches
from gltr_lib.models.trunk import FrozenBatchNorm, Preprocess, Trunk

NAMES = [f"{kind}_resnet50" for kind in ("deeplabv2", "deeplabv3", "deeplabv3plus")]


def randomise(module, seed=0):
    """Every tensor moves away from its initial value, the norms' statistics and zeros too."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith("running_var"):
                value.copy_(1 + 0.2 * noise.abs())
            elif value.ndim == 1:
                value.add_(0.1 * noise)
    return module


def meta(name, *args, **options):
    """A network of shapes without numbers."""
    with torch.device("meta"):
        return models.build(name, *args, **options)


def quick(name, *args, **options):
    """A network with He-scaled random numbers, some seconds sooner than torch draws as many."""
    net = meta(name, *args, **options).to_empty(device="cpu")
    stock = torch.randn(65_537, generator=torch.Generator().manual_seed(0))  # a prime: rows differ
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if value.ndim == 4:
                numbers = stock.repeat(value.numel() // len(stock) + 1)[: value.numel()].view(value.shape)
                value.copy_(numbers * (2.0 / value[0].numel()) ** 0.5)
            else:
                value.fill_(1 if key.endswith("running_var") or (value.ndim and key.endswith("weight")) else 0)
    net.set_preprocessing(net.preprocess.kind)
    return net


@pytest.fixture
def narrow(monkeypatch):
    """ResNets of one narrow block a stage: every kind of layer, quick to train."""
    from torchvision.models import resnet

    def tiny(weights, **options):
        return resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], width_per_group=8, **options)

    monkeypatch.setattr(resnet, "resnet50", tiny)


@pytest.fixture(scope="module")
def full():
    """One network of full size, with numbers in every tensor."""
    return randomise(quick("deeplabv3_resnet50", 5).eval())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_logits_have_the_size_of_the_input(narrow, name):
    net = quick(name, 5).eval()
    for size in [(1, 1), (7, 5), (33, 50), (65, 65)]:
        with torch.no_grad():
            logits = net(torch.rand(1, 3, *size))
        assert logits.shape == (1, 5, *size)
        assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("name", "options", "side"),
    [
        ("deeplabv2_resnet101", {}, 9),
        ("deeplabv2_resnet50", {"preprocessing": "caffe"}, 9),
        ("deeplabv3_resnet50", {}, 9),
        ("deeplabv3_resnet50", {"output_stride": 16}, 5),
        ("deeplabv3plus_resnet101", {}, 5),
        ("deeplabv3plus_resnet50", {"output_stride": 8}, 9),
        ("deeplabv3plus_resnet50", {"preprocessing": "caffe"}, 5),
    ],
)
def test_the_output_stride_is_the_one_asked_for(name, options, side):
    net = meta(name, **options)
    maps = net.backbone(torch.empty(1, 3, 65, 65, device="meta"))
    assert maps["out"].shape == (1, 2048, side, side)
    assert maps["low"].shape == (1, 256, 17, 17)
    assert net(torch.empty(2, 3, 65, 51, device="meta")).shape == (2, 19, 65, 51)


def dilations(net):
    return [net.backbone.get_submodule(f"layer{i}")[j].conv2.dilation[0] for i in (2, 3, 4) for j in (0, 1)]


def test_where_dilations_and_strides_sit():
    """torchvision spreads a stage from its second block on, the caffe network from its first."""
    net = meta("deeplabv2_resnet50")
    assert dilations(net) == [1, 1, 1, 2, 2, 4]
    assert net.backbone.layer2[0].conv2.stride == (2, 2)
    net.set_preprocessing("caffe")
    assert dilations(net) == [1, 1, 2, 2, 4, 4]
    first = net.backbone.layer2[0]
    assert (first.conv1.stride, first.conv2.stride, net.backbone.maxpool.ceil_mode) == ((2, 2), (1, 1), True)
    net.set_preprocessing("imagenet")
    again = [str(module) for module in meta("deeplabv2_resnet50").backbone.modules()]
    assert [str(module) for module in net.backbone.modules()] == again


# --- torchvision as the oracle ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_v3_gives_the_logits_of_torchvisions_network_with_equal_weights(full):
    from torchvision.models import segmentation
    from torchvision.transforms.functional import normalize

    ours = full
    with torch.device("meta"):
        theirs = segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=5, aux_loss=False)
    theirs.to_empty(device="cpu").load_state_dict(ours.network.state_dict())  # strict: the names are the same
    picture = torch.rand(2, 3, 47, 65)
    with torch.no_grad():
        expected = theirs.eval()(normalize(picture, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))["out"]
        assert (ours(picture) - expected).abs().max() < 1e-5 * expected.abs().max().clamp(min=1)


@pytest.mark.slow
def test_the_trunk_equals_torchvisions_resnet_at_stride_32(full):
    from torchvision.models import resnet50

    with torch.device("meta"):
        theirs, ours = resnet50(weights=None), Trunk(50, output_stride=32).eval()
    state = full.backbone.state_dict()
    theirs.to_empty(device="cpu").eval().load_state_dict(state, strict=False)
    ours.to_empty(device="cpu").load_state_dict(state)
    theirs.fc = nn.Identity()
    picture = torch.rand(1, 3, 65, 65)
    with torch.no_grad():
        answer, expected = ours(picture)["out"].mean((2, 3)), theirs(picture)
        assert (answer - expected).abs().max() < 1e-5 * expected.abs().max()
    assert expected.std() > 0


def test_parameter_counts_are_the_published_ones():
    from torchvision.models import ResNet50_Weights, ResNet101_Weights, segmentation
    from torchvision.models.segmentation.fcn import FCNHead

    published = {50: ResNet50_Weights.DEFAULT, 101: ResNet101_Weights.DEFAULT}
    trunk = {depth: weights.meta["num_params"] - 2048 * 1000 - 1000 for depth, weights in published.items()}
    for depth in (50, 101):
        v2 = models.parameter_count(meta(f"deeplabv2_resnet{depth}"))
        assert v2 == trunk[depth] + 4 * (2048 * 9 * 19 + 19)
        # torchvision's published networks have an auxiliary head for their 21 classes, ours has none
        whole = getattr(segmentation, f"DeepLabV3_ResNet{depth}_Weights").DEFAULT.meta["num_params"]
        with torch.device("meta"):
            auxiliary = models.parameter_count(FCNHead(1024, 21))
        v3 = models.parameter_count(meta(f"deeplabv3_resnet{depth}", 21))
        assert v3 == whole - auxiliary
        plus = models.parameter_count(meta(f"deeplabv3plus_resnet{depth}", 21))
        last = 256 * 9 * 256 + 512 + 256 * 21 + 21  # what V3 has after its pyramid
        decoder = 256 * 48 + 96 + (256 + 48) * 9 * 256 + 512 + 256 * 9 * 256 + 512 + 256 * 21 + 21
        assert plus == v3 - last + decoder


# --- branches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("used", "alive"), [(None, [True] * 4), (2, [True, True, False, False])])
def test_which_branches_are_added(used, alive):
    torch.manual_seed(0)
    head = SummedBranches(8, 3, used=used)
    x = torch.randn(1, 8, 9, 9)
    before = head(x)
    changed = []
    for branch in head.branches:
        kept = branch.weight.detach().clone()
        branch.weight.data.add_(0.1)
        changed.append(not torch.equal(head(x), before))
        branch.weight.data.copy_(kept)
    assert changed == alive
    head(x).sum().backward()
    assert [branch.weight.grad is not None for branch in head.branches] == alive
    expected = sum(F.conv2d(x, b.weight, b.bias, padding=b.dilation, dilation=b.dilation) for b in head.branches[:used])
    torch.testing.assert_close(before, expected)
    assert [b.dilation[0] for b in head.branches] == [6, 12, 18, 24]


def test_the_legacy_network_uses_two_branches_and_offers_no_dead_parameter():
    net = meta("deeplabv2_resnet50", legacy_two_branch=True)
    assert net.head.used == 2
    assert len(net.parameter_groups()["head"]) == 4
    assert len(meta("deeplabv2_resnet50").parameter_groups()["head"]) == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[1:])
def test_every_branch_of_the_pyramid_counts(narrow, name):
    net = quick(name, 5).eval()
    pyramid = net.network.classifier[0] if name == NAMES[1] else net.head["pyramid"]
    x = torch.randn(1, 2048, 9, 9)
    with torch.no_grad():
        before = pyramid(x)
        for branch in pyramid.convs:
            convolution = next(m for m in branch.modules() if isinstance(m, nn.Conv2d))
            kept = convolution.weight.clone()
            convolution.weight.normal_()
            assert not torch.equal(pyramid(x), before)
            convolution.weight.copy_(kept)
        assert torch.equal(pyramid(x), before)


@pytest.mark.slow
def test_the_decoder_reads_fine_features(narrow):
    net = quick("deeplabv3plus_resnet50", 5).eval()
    deep, low = torch.randn(1, 256, 3, 3), torch.randn(1, 256, 9, 9)
    with torch.no_grad():
        assert not torch.equal(net.head["decoder"](deep, low), net.head["decoder"](deep, low + 1))


# --- norms --------------------------------------------------------------------------------------------------------


def count(module, kind):
    return sum(type(m) is kind for m in module.modules())


@pytest.mark.parametrize("name", NAMES)
def test_the_norm_is_the_one_asked_for(name):
    batch = count(meta(name), nn.BatchNorm2d)
    for norm, kind in (("group", nn.GroupNorm), ("sync", nn.SyncBatchNorm), ("frozen", FrozenBatchNorm)):
        net = meta(name, norm=norm)
        assert count(net, nn.BatchNorm2d) == 0
        pooled = int(norm != "sync" and "v3" in name)  # the pooled branch has a bias instead
        assert count(net, kind) + (count(net, nn.GroupNorm) if norm == "frozen" else 0) == batch - pooled


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deeplabv2_resnet50", "deeplabv3plus_resnet50"])
def test_group_norm_keeps_pictures_apart_and_learns_from_nothing(narrow, name):
    torch.manual_seed(0)
    net = models.build(name, 3, norm="group", **({} if "v2" in name else {"separable": True})).train()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    pictures = torch.rand(2, 3, 33, 33, generator=torch.Generator().manual_seed(0))
    labels = (pictures.mean(1) > 0.5).long()
    labels[:, :16] = 2
    groups = net.parameter_groups()
    optimizer = torch.optim.SGD([{"params": groups["trunk"], "lr": 0.001}, {"params": groups["head"], "lr": 0.001}])
    losses = []
    for _ in range(3):
        logits = net(pictures)
        loss = F.cross_entropy(logits, labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if len(losses) == 1:
            assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
            alone = net(pictures[1:])
            torch.testing.assert_close(logits[1:], alone, atol=1e-4 * alone.abs().max().item(), rtol=1e-3)
        optimizer.step()
    assert losses[0] > losses[1] > losses[2], losses


@pytest.mark.slow
def test_a_frozen_trunk_keeps_its_statistics_and_its_factors(narrow):
    net = quick("deeplabv2_resnet50", 3, norm="frozen")
    randomise(net.backbone)
    before = {k: v.clone() for k, v in net.backbone.state_dict().items() if ".bn" in k or k.startswith("bn")}
    net.train()
    picture = torch.rand(2, 3, 33, 33)
    with torch.no_grad():
        torch.testing.assert_close(net(picture), net.eval()(picture))
    after = net.train().backbone.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    trainable = {id(p) for group in net.parameter_groups().values() for p in group}
    assert not trainable & {id(p) for m in net.modules() if isinstance(m, FrozenBatchNorm) for p in m.parameters()}


def test_batch_norm_over_a_single_picture_is_refused_with_the_remedy():
    for name in NAMES[1:]:
        net = meta(name).train()
        with pytest.raises(ValueError, match=r'two pictures or more, received 1.*norm="group"'):
            net(torch.empty(1, 3, 33, 33, device="meta"))
        assert net(torch.empty(2, 3, 33, 33, device="meta")).shape == (2, 19, 33, 33)


@pytest.mark.slow
def test_recomputed_blocks_give_the_same_gradients_and_count_statistics_once(narrow):
    plain = quick("deeplabv2_resnet50", 3).train()
    sparing = quick("deeplabv2_resnet50", 3, checkpoint_trunk=True).train()
    pictures = torch.rand(2, 3, 33, 33)
    for net in (plain, sparing):
        net(pictures).square().mean().backward()
    for (name, p), (_, q) in zip(plain.named_parameters(), sparing.named_parameters(), strict=True):
        torch.testing.assert_close(q.grad, p.grad, msg=name)
    for (name, p), (_, q) in zip(plain.named_buffers(), sparing.named_buffers(), strict=True):
        assert torch.equal(p, q), name


def test_separable_convolutions_are_fewer_parameters():
    full, thin = meta("deeplabv3plus_resnet50"), meta("deeplabv3plus_resnet50", separable=True)
    assert models.parameter_count(thin) < 0.7 * models.parameter_count(full)
    rates = [m.dilation[0] for m in thin.head.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert sorted(rates) == [1, 1, 6, 12, 18]
    assert thin(torch.empty(1, 3, 33, 41, device="meta").expand(2, -1, -1, -1)).shape == (2, 19, 33, 41)


# --- optimizer groups ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("norm", ["batch", "group", "frozen"])
def test_every_trainable_parameter_is_in_exactly_one_group(name, norm):
    net = meta(name, **({"norm": norm} if "resnet" in name else {}))
    groups = net.parameter_groups()
    assert list(groups) == ["trunk", "head"]
    ids = [id(p) for group in groups.values() for p in group]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in net.parameters() if p.requires_grad}
    assert groups["head"]
    torch.optim.SGD([{"params": group} for group in groups.values()], lr=0.1)  # torch refuses repetitions


def test_the_official_walk_counts_most_tensors_several_times():
    """What ``parameter_groups`` avoids: 310 tensors of the ResNet-101 come as 940 entries."""
    net = meta("deeplabv2_resnet101")
    stages = [net.backbone.get_submodule(n) for n in ("conv1", "layer1", "layer2", "layer3", "layer4")]
    walk = [id(p) for stage in stages for module in stage.modules() for p in module.parameters()]
    assert (len(walk), len(set(walk))) == (940, 310)
    assert len(net.parameter_groups()["trunk"]) == 310 + 2  # the stem's norm is trained here


# --- input --------------------------------------------------------------------------------------------------------


def test_both_preprocessings_by_hand():
    picture = torch.rand(2, 3, 4, 5)
    bgr = torch.stack(
        [255 * picture[:, i] - m for i, m in ((2, 104.00698793), (1, 116.66876762), (0, 122.67891434))], 1
    )
    torch.testing.assert_close(Preprocess("caffe")(picture), bgr)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = (picture - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    torch.testing.assert_close(Preprocess("imagenet")(picture), by_hand)
    with pytest.raises(ValueError, match=r"preprocessing: unknown 'rgb'; valid: imagenet, caffe"):
        Preprocess("rgb")


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_enlarged_in_single_precision(name):
    """Of half precision too: ties between neighbouring classes would go to the lower one, over whole seams."""
    with torch.device("meta"):
        pictures = torch.rand(2, 3, 33, 50, dtype=torch.bfloat16)
        logits = models.build(name).to(torch.bfloat16).eval()(pictures)
    assert (logits.dtype, logits.shape) == (torch.float32, (2, 19, 33, 50))


@pytest.mark.slow
def test_one_graph_without_breaks_and_channels_last(narrow):
    net = quick("deeplabv3plus_resnet50", 3, separable=True).eval()
    picture = torch.rand(1, 3, 33, 33)
    with torch.no_grad():
        expected = net(picture)
        compiled = torch.compile(net, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(picture), expected)
        net.to(memory_format=torch.channels_last)
        assert (net(picture) - expected).abs().max() < 1e-4 * expected.abs().max()


def test_impossible_options_are_named():
    with pytest.raises(ValueError, match=r"output_stride: expected 8 or 16, received 4"):
        models.build("deeplabv3_resnet50", output_stride=4)
    with pytest.raises(ValueError, match=r"norm: unknown 'layer'; valid: batch, frozen, group, sync"):
        meta("deeplabv2_resnet50", norm="layer")
    with pytest.raises(TypeError, match="legacy_two_branch"):
        models.build("deeplabv3_resnet50", legacy_two_branch=True)
    with pytest.raises(ValueError, match=r"depth: expected one of 50, 101, received 34"):
        Trunk(34)


def test_a_block_that_is_computed_again_counts_no_batch_and_keeps_its_counter():
    """SyncBatchNorm, for one, does not do without the counter."""
    block = nn.Sequential(nn.BatchNorm2d(3)).train()
    counter, before = block[0].num_batches_tracked, block[0].running_mean.clone()
    with trunk._statistics_at_rest(block):
        assert block[0].num_batches_tracked is not None
        block(torch.rand(2, 3, 4, 4))
    assert block[0].num_batches_tracked is counter
    assert (int(counter), block[0].momentum) == (0, 0.1)
    assert torch.equal(block[0].running_mean, before)
