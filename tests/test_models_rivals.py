"""MixStyle, IBN and selective whitening: each layer against its formula, and no trace of them when they are off."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from gltr_lib import models, weights
from gltr_lib.models.clusters import cluster_line
from gltr_lib.models.ibn import IBN, InstanceNorm, split_norms
from gltr_lib.models.mixstyle import MixStyle, draw_mixture, mix_styles
from gltr_lib.models.trunk import FrozenBatchNorm
from gltr_lib.models.whitening import (
    EndedBlock,
    Whiten,
    covariances,
    selective_whitening,
    view_variance,
    warm_up,
    watched,
    whitening_loss,
)

OPTIONS = (
    {"mixstyle": 0.5},
    {"ibn": True},
    {"ibn": True, "ibn_b": True},
    {"whiten": True},
    {"mixstyle": 1.0, "ibn": True, "whiten": True},
)
RESNETS = ("deeplabv2_resnet50", "deeplabv3_resnet50", "deeplabv3plus_resnet50")


def features(batch=4, channels=6, size=(9, 7), seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, *size, generator=g)
    scale, shift = (torch.rand(batch, channels, 1, 1, generator=g) * 4 + 0.5 for _ in range(2))
    return x * scale + shift


# MixStyle


def test_mixstyle_gives_each_picture_the_mixed_statistics():
    x, order, own = features(), torch.tensor([2, 0, 1, 3]), torch.tensor([0.3, 0.0, 0.8, 0.5])
    y = mix_styles(x, order, own, eps=0.0).numpy()
    for n in range(4):
        for c in range(6):
            mine, other = x[n, c].numpy(), x[order[n], c].numpy()
            share = own[n].item()
            std = share * mine.std() + (1 - share) * other.std()
            mean = share * mine.mean() + (1 - share) * other.mean()
            by_hand = std * (mine - mine.mean()) / mine.std() + mean
            np.testing.assert_allclose(y[n, c], by_hand, rtol=1e-4, atol=1e-5)


def test_mixstyle_leaves_alone_what_is_not_mixed_and_every_picture_in_evaluation():
    x = features()
    assert torch.equal(mix_styles(x, torch.tensor([1, 0, 3, 2]), torch.ones(4)), x)
    assert MixStyle(1.0).eval()(x) is x
    assert torch.equal(MixStyle(0.0)(x), x)
    assert not torch.equal(MixStyle(1.0)(x), x)


def test_the_statistics_of_mixstyle_are_constants_for_the_gradient():
    x, order, own = features().requires_grad_(), torch.tensor([1, 0, 3, 2]), torch.tensor([0.2, 0.4, 0.6, 1.0])
    mix_styles(x, order, own).sum().backward()
    std = x.detach().std((2, 3), correction=0)
    slope = own[:, None] + (1 - own[:, None]) * std[order] / std
    torch.testing.assert_close(x.grad, slope[:, :, None, None].expand_as(x))


def test_views_are_mixed_apart_each_with_its_own_coin():
    torch.manual_seed(0)
    mixed = set()
    for _ in range(40):
        order, own = draw_mixture(8, views=2)
        assert sorted(order[:4].tolist()) == [0, 1, 2, 3]
        assert sorted(order[4:].tolist()) == [4, 5, 6, 7]
        mixed.add(((own[:4] < 1).any().item(), (own[4:] < 1).any().item()))
    assert mixed == set(itertools.product((True, False), repeat=2))
    net = nn.Sequential(MixStyle())
    models.set_views(net, 2)
    with pytest.raises(ValueError, match=r"2 views.*\(3, 6, 9, 7\)"):
        net(features(3))


def test_mixstyle_draws_from_the_global_generator_as_much_whatever_the_coin_says():
    after = []
    for probability in (0.0, 1.0):
        torch.manual_seed(5)
        MixStyle(probability)(features())
        after.append(torch.random.get_rng_state())
    assert torch.equal(*after)
    layer = MixStyle(1.0)
    torch.manual_seed(5)
    once = layer(features())
    torch.manual_seed(5)
    assert torch.equal(layer(features()), once)


def test_the_shares_are_beta_and_always_numbers():
    torch.manual_seed(0)
    own = draw_mixture(200_000, probability=1.0)[1]
    assert bool(((own >= 0) & (own <= 1)).all())
    assert own.mean().item() == pytest.approx(0.5, abs=0.005)
    assert own.var().item() == pytest.approx(0.25 / 1.2, abs=0.003)  # ab / ((a + b)^2 (a + b + 1)) at a = b = 0.1


@pytest.mark.parametrize("bad", [-0.1, 1.5, True, "half"])
def test_mixstyle_refuses_what_is_no_probability(bad):
    with pytest.raises(ValueError, match="mixstyle: expected a probability"):
        models.build("deeplab_mini", mixstyle=bad)
    with pytest.raises(ValueError, match="alpha"):
        MixStyle(0.5, alpha=0.0)


# IBN


@pytest.mark.parametrize("norm", [nn.GroupNorm(8, 40), nn.BatchNorm2d(40), FrozenBatchNorm(40)])
def test_the_halves_of_ibn_are_instance_norm_and_the_networks_own(norm):
    x = features(channels=40)
    with torch.no_grad():
        norm.weight.copy_(torch.rand(40))
        norm.bias.copy_(torch.rand(40))
    layer, theirs = IBN(norm), nn.InstanceNorm2d(20, affine=True)
    theirs.load_state_dict({"weight": norm.weight[:20], "bias": norm.bias[:20]})
    own = nn.GroupNorm(4, 20) if isinstance(norm, nn.GroupNorm) else type(norm)(20)
    own.load_state_dict({k: v[20:] if v.ndim else v for k, v in norm.state_dict().items()})
    y = layer(x)
    torch.testing.assert_close(y[:, :20], theirs(x[:, :20]))
    torch.testing.assert_close(y[:, 20:], own(x[:, 20:]))
    torch.testing.assert_close(y[:, 20:], norm(x)[:, 20:])  # groups keep their size


def test_instance_norm_takes_a_single_position_and_ibn_refuses_what_it_cannot_split():
    assert InstanceNorm(3)(torch.rand(1, 3, 1, 1)).abs().max() < 1e-4
    with pytest.raises(ValueError, match="two groups"):
        IBN(nn.GroupNorm(1, 8))
    with pytest.raises(TypeError, match="received LayerNorm"):
        IBN(nn.LayerNorm(8))


def test_ibn_is_in_the_early_blocks_alone():
    mini = models.build("deeplab_mini", 5, ibn=True)
    assert places(mini, IBN) == ["stage4.1.first.1", "stage8.1.first.1", "stage8.2.first.1"]
    large = models.build("deeplabv2_resnet50", 5, ibn=True, norm="group")
    blocks = [f"backbone.layer{n}.{k}.bn1" for n, count in ((1, 3), (2, 4), (3, 6)) for k in range(count)]
    assert places(large, IBN) == blocks
    first = large.backbone.layer1[0].bn1
    assert (first.IN.num_channels, first.BN.num_groups, first.BN.num_channels) == (32, 16, 32)


def test_variant_b_is_in_the_stem_and_at_the_end_of_two_stages_with_factors():
    mini = models.build("deeplab_mini", 5, ibn_b=True)
    assert places(mini, InstanceNorm) == ["stem.1", "stage4.1.after", "stage8.1.after"]
    assert mini.stem[1].weight.shape == (16,)
    net = models.build("deeplabv2_resnet50", 3, ibn_b=True)
    assert places(net, InstanceNorm) == ["backbone.bn1", "backbone.layer1.2.IN", "backbone.layer2.3.IN"]
    x = torch.rand(2, 3, 65, 65)
    before = net.backbone.layer1[2]
    seen = {}
    before.IN.register_forward_hook(lambda layer, taken, given: seen.update(taken=taken[0], given=given))
    net.eval()(x).mean().backward()
    theirs = nn.InstanceNorm2d(256, affine=True)
    torch.testing.assert_close(seen["given"], theirs(seen["taken"]), rtol=1e-4, atol=1e-4)
    assert before.IN.weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="ibn_b and whiten"):
        models.build("deeplab_mini", ibn_b=True, whiten=True)
    with pytest.raises(ValueError, match="ibn_b and whiten"):
        models.build("deeplabv2_resnet50", ibn_b=True, whiten=True)


def test_a_stem_of_variant_b_forgets_the_light():
    torch.manual_seed(0)
    plain, forgetful = models.build("deeplab_mini").eval(), models.build("deeplab_mini", ibn_b=True).eval()
    picture = torch.rand(1, 3, 64, 64)
    light, dark = ((x - 0.5) / 0.25 for x in (picture, 0.4 * picture))
    moved = [(net.stem(light) - net.stem(dark)).abs().mean().item() for net in (plain, forgetful)]
    assert moved[1] < 0.3 * moved[0]


def test_plain_weights_and_the_authors_fit_an_ibn_trunk():
    donor = models.build("deeplabv2_resnet50", 3)
    with torch.no_grad():
        for parameter in donor.backbone.parameters():
            parameter.add_(torch.rand(()))
    plain = dict(donor.backbone.state_dict())
    net = models.build("deeplabv2_resnet50", 3, ibn=True)
    report = models.load_trunk(net, plain)
    assert report.complete
    assert not report.unexpected
    layer = net.backbone.layer2[1].bn1
    assert torch.equal(torch.cat([layer.IN.weight, layer.BN.weight]), plain["layer2.1.bn1.weight"])
    assert torch.equal(layer.BN.running_var, plain["layer2.1.bn1.running_var"][64:])
    again = models.build("deeplabv2_resnet50", 3, ibn=True)
    named = dict(net.backbone.state_dict())  # layer1.0.bn1.IN.weight, as IBN-Net's files have it
    assert models.load_trunk(again, named).complete
    assert split_norms(named, again.backbone) == named


# Whitening


def test_covariances_are_those_of_numpy():
    x = nn.InstanceNorm2d(5)(features(channels=5))
    rows, columns = np.triu_indices(5, 1)
    for found, picture in zip(covariances(x), x.flatten(2).numpy(), strict=True):
        np.testing.assert_allclose(found, np.cov(picture)[rows, columns], rtol=1e-4, atol=1e-6)
    assert covariances(torch.zeros(2, 3, 1, 1)).tolist() == [[0.0] * 3] * 2


def test_whitened_features_cost_nothing_and_others_their_mean_size():
    x = nn.InstanceNorm2d(4)(features(batch=1, channels=4))[0].flatten(1).double()
    values, vectors = torch.linalg.eigh(x @ x.T / (x.shape[1] - 1))
    white = (vectors @ torch.diag(values.rsqrt()) @ vectors.T @ x).view(1, 4, 9, 7)
    assert whitening_loss(covariances(white), torch.ones(6, dtype=torch.bool)) < 1e-12
    found = torch.tensor([[0.5, -0.25, 9.0], [0.0, 0.25, 9.0]])
    chosen = torch.tensor([True, True, False])
    assert whitening_loss(found, chosen).item() == pytest.approx((0.75 + 0.25) / 2 / 2)
    assert whitening_loss(found, chosen, margin=0.5).item() == pytest.approx(0.25 / 2 / 2)
    assert whitening_loss(found, torch.zeros(3, dtype=torch.bool)).item() == 0.0


def test_the_variance_between_views_is_numpys():
    first, second = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(1))
    by_hand = np.var([first.numpy(), second.numpy()], axis=0).mean(0)
    np.testing.assert_allclose(view_variance(first, second), by_hand, rtol=1e-5)


def spread(values, labels):
    return sum(((values[labels == k] - values[labels == k].mean()) ** 2).sum() for k in np.unique(labels))


def test_clusters_on_a_line_are_the_best_there_are():
    rng = np.random.default_rng(0)
    for _ in range(150):
        count, clusters = rng.integers(1, 12), rng.integers(1, 5)
        values = np.round(rng.random(count) ** 3, rng.integers(1, 4))
        labels, line = cluster_line(values, clusters), np.sort(values)
        best = min(
            spread(line, np.repeat(np.arange(len(cuts) + 1), np.diff([0, *cuts, count])))
            for r in range(min(clusters, count))
            for cuts in itertools.combinations(range(1, count), r)
        )
        assert spread(values, labels) == pytest.approx(best, abs=1e-12)
        assert (np.diff(labels[np.argsort(values)]) >= 0).all()
    assert cluster_line(np.zeros(4), 3).tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="finite"):
        cluster_line(np.array([1.0, np.nan]), 3)
    with pytest.raises(ValueError, match="at least 1"):
        cluster_line(np.ones(2), 0)


def test_clusters_on_a_line_are_scipys():
    vq = pytest.importorskip("scipy.cluster.vq")
    values = np.random.default_rng(1).random(2556) ** 6
    theirs = min(spread(values, vq.kmeans2(values, 3, seed=seed, minit="++", iter=100)[1]) for seed in range(5))
    assert spread(values, cluster_line(values, 3)) == pytest.approx(theirs, rel=1e-6)


def test_whitening_acts_by_the_step_and_finds_the_pairs_that_the_light_moves():
    torch.manual_seed(0)
    assert warm_up(100) == (6, 12)
    layer = Whiten(6)
    net = nn.Sequential(layer)

    def act(step):
        one, other = torch.randn(2, 6, 32, 32), torch.randn(2, 6, 32, 32)
        one[:, 1] += 2 * one[:, 0]  # channels 0 and 1 hang together in one view alone,
        one[:, 3] += 0.6 * one[:, 2]  # 2 and 3 likewise but less,
        for view in (one, other):
            view[:, 5] += view[:, 4]  # 4 and 5 in both
        with watched(net) as layers:
            net(torch.cat([one, other]).requires_grad_())
            return selective_whitening(layers, step, 100)

    assert act(5).item() == 0
    assert not layer.pair_variance.any()
    assert [act(step).item() for step in range(6, 12)] == [0.0] * 6
    loss = act(12)
    pairs = list(itertools.combinations(range(6), 2))
    assert [pair for pair, chosen in zip(pairs, layer.pair_mask, strict=True) if chosen] == [(0, 1), (2, 3)]
    assert loss.item() == pytest.approx((2 / 5**0.5 + 0.6 / 1.36**0.5) / 4, abs=0.03)  # two pairs, in one of two views
    gathered = layer.pair_variance.clone()
    act(13)
    assert torch.equal(layer.pair_variance, gathered)


def test_pairs_that_are_chosen_again_follow_the_network():
    torch.manual_seed(0)
    layer = Whiten(4)
    net = nn.Sequential(layer)

    def act(step, pair, again):
        one, other = torch.randn(2, 4, 32, 32), torch.randn(2, 4, 32, 32)
        one[:, pair] += 2 * one[:, 0]
        with watched(net) as layers:
            net(torch.cat([one, other]).requires_grad_())
            selective_whitening(layers, step, 100, again=again)

    for again in (False, True):
        layer.pair_variance.zero_()
        for step in range(12):
            act(step, 1, again)
        for step in range(12, 12 * 8 + 1):  # from here on another pair answers to the light
            act(step, 3, again)
        chosen = [pair for pair, on in zip(itertools.combinations(range(4), 2), layer.pair_mask, strict=True) if on]
        assert ((0, 3) in chosen) == again
    act(0, 1, True)  # a run of one step has nothing to choose from before it has measured
    with watched(net) as layers:
        net(torch.randn(4, 4, 8, 8).requires_grad_())
        assert selective_whitening(layers, 0, 1, again=True).item() == 0


def test_the_loss_reaches_the_features_and_undoes_their_covariance():
    x = features(batch=2, channels=3).requires_grad_()
    layer, everything = Whiten(3), torch.ones(3, dtype=torch.bool)
    before = whitening_loss(covariances(layer(x)), everything)
    optimizer = torch.optim.SGD([x], lr=5.0)
    for _ in range(60):
        optimizer.zero_grad()
        whitening_loss(covariances(layer(x)), everything).backward()
        optimizer.step()
    assert whitening_loss(covariances(layer(x)), everything) < 0.2 * before


def test_what_the_loss_looks_at_is_normalised_and_let_go_again():
    for name, options in (
        ("deeplab_mini", {}),
        ("deeplabv3plus_resnet50", {"norm": "group", "checkpoint_trunk": True}),
    ):
        net = models.build(name, 3, whiten=True, **options).train()
        with watched(net) as layers:
            net(torch.rand(2, 3, 64, 64)).mean().backward()
            assert len(layers) == 3
            for layer in layers:
                assert layer.features.mean((2, 3)).abs().max() < 1e-4
                assert (layer.features < 0).any()  # no ReLU wrote over them
        assert all(layer.features is None for layer in layers)
    with pytest.raises(ValueError, match="whiten=True"), watched(models.build("deeplab_mini")):
        pass
    with pytest.raises(ValueError, match="watched"):
        selective_whitening(layers, 0, 10)


def test_whitening_is_in_the_stem_and_at_the_end_of_two_stages():
    assert places(models.build("deeplab_mini", whiten=True), Whiten) == ["stem.1", "stage4.1.after", "stage8.1.after"]
    net = models.build("deeplabv3_resnet50", 3, whiten=True)
    trunk = "network.backbone"
    assert places(net, Whiten) == [f"{trunk}.bn1", f"{trunk}.layer1.2.whiten", f"{trunk}.layer2.3.whiten"]
    donor = models.build("deeplabv3_resnet50", 3)
    report = models.load_trunk(net, donor.backbone.state_dict())
    assert report.complete
    assert all(name.startswith("bn1.") for name in report.unexpected)


def test_a_whitened_block_without_its_norm_is_the_block():
    block = models.build("deeplabv2_resnet50", 3, norm="group").backbone.layer1[0]
    x = torch.randn(2, 64, 9, 7)
    expected = block(x)
    whitened = EndedBlock(block)
    assert not torch.allclose(whitened(x), expected)
    whitened.whiten = nn.Identity()
    torch.testing.assert_close(whitened(x), expected)


# Networks


def places(net, kind):
    return [name for name, module in net.named_modules() if isinstance(module, kind)]


def test_a_network_without_options_is_the_one_that_ships():
    torch.manual_seed(3)
    plain = models.build("deeplab_mini")
    torch.manual_seed(3)
    off = models.build("deeplab_mini", mixstyle=0.0, ibn=False, ibn_b=False, whiten=False)
    assert set(plain.state_dict()) == set(weights.load("mini-gtr_ltr_cgl")[0])
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), off.state_dict().values(), strict=True))
    assert places(plain, (MixStyle, IBN, Whiten)) == []
    # As it was before the options came.
    assert sum(v.double().abs().sum().item() for v in plain.parameters()) == pytest.approx(10910.3143310, rel=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_mini_network_keeps_its_size_its_budget_and_its_first_kernels(options):
    torch.manual_seed(3)
    net = models.build("deeplab_mini", **options)
    torch.manual_seed(3)
    plain = dict(models.build("deeplab_mini").named_parameters())
    assert models.parameter_count(net) <= 500_000
    for name, value in net.named_parameters():
        assert name not in plain or torch.equal(value, plain[name])
    for size in ((1, 1), (7, 5), (33, 50)):
        assert net.train()(torch.rand(2, 3, *size)).shape == (2, 19, *size)
    net(torch.rand(2, 3, 32, 48)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", RESNETS)
@pytest.mark.parametrize("norm", ["batch", "frozen", "group"])
def test_the_large_networks_take_every_option(name, norm):
    net = models.build(name, 3, norm=norm, **OPTIONS[-1]).train()
    assert [len(places(net, kind)) for kind in (MixStyle, IBN, Whiten)] == [1, 13, 3]
    net(torch.rand(2, 3, 65, 65)).mean().backward()
    assert all(p.grad is not None for p in net.parameters() if p.requires_grad)


def test_a_file_carries_the_options_and_the_state(tmp_path):
    net = models.build("deeplab_mini", 5, **OPTIONS[-1]).eval()
    net.stem[1].pair_mask[3] = True
    again, facts = models.load_checkpoint(models.export(net, tmp_path / "net.safetensors"))
    assert facts["options"] == OPTIONS[-1]
    assert again.stem[1].pair_mask.nonzero().tolist() == [[3]]
    net.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in net.state_dict().items()})
    picture = torch.rand(1, 3, 32, 48)
    assert torch.equal(again(picture), net(picture))


def test_unknown_options_and_switches_that_are_none():
    with pytest.raises(TypeError, match=r"deeplab_mini has no option 'norm'; it has .*mixstyle, ibn, ibn_b, whiten"):
        models.build("deeplab_mini", norm="group")
    with pytest.raises(TypeError, match="ibn: expected True or False, received str 'a'"):
        models.build("deeplabv2_resnet50", ibn="a")


@pytest.mark.parametrize(
    ("name", "options", "error", "text"),
    [
        ("deeplabv2_resnet50", {"legacy_two_branch": "no"}, TypeError, "legacy_two_branch: expected True or False"),
        ("deeplabv2_resnet50", {"checkpoint_trunk": 1}, TypeError, "checkpoint_trunk: expected True or False"),
        ("deeplabv3_resnet50", {"separable": 3}, TypeError, "separable: expected True or False"),
        ("deeplabv3plus_resnet50", {"dropout": 2.0}, ValueError, r"dropout: expected a number in \[0,1\]"),
        ("deeplabv3plus_resnet50", {"dropout": float("nan")}, ValueError, "dropout"),
        ("deeplabv3plus_resnet50", {"dropout": "x"}, TypeError, "dropout"),
        ("deeplabv3_resnet50", {"output_stride": [8]}, ValueError, "output_stride: expected 8 or 16"),
        ("deeplab_squeezenet", {"output_stride": 8.0}, ValueError, "output_stride: expected 8 or 16"),
        ("deeplabv9", {}, ValueError, "unknown model 'deeplabv9'; expected one of: deeplab_mini"),
        ("deeplabv2_resnet50", {"depth": 101}, TypeError, "no option 'depth'; it has legacy_two_branch, norm"),
    ],
)
def test_values_of_options_are_checked_before_anything_is_built(name, options, error, text):
    with pytest.raises(error, match=text):
        models.check_options(name, options)
    with pytest.raises(error, match=text):
        models.build(name, **options)
