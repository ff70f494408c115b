"""Runs with MixStyle, IBN and selective whitening: they train, resume bit for bit, travel in a file, and add up."""

import dataclasses
import json

import pytest
import torch
from scale_toys import Toys, weights
from scale_toys import small as toy

from gltr_lib import models, scale
from gltr_lib._methods import RIVALS, MethodConfig
from gltr_lib._step import make_model, network_options, step_loss
from gltr_lib.engine import train
from gltr_lib.losses import class_totals, segmentation_loss
from gltr_lib.models import MixStyle, Whiten
from gltr_lib.models.whitening import covariances, warm_up, whitening_loss

METHODS = ("mixstyle", "ibn", "isw", "mixstyle_cons", "ibn_cons", "isw_cons")
EVERYTHING = MethodConfig(
    "everything", ("raw", "photometric"), consistency=1.0, whitening=0.6,
    network=(("ibn", True), ("mixstyle", 1.0), ("whiten", True)),
)  # fmt: skip


def small(method, **changes):
    # Wide enough that a group of GroupNorm has several channels: of one channel each, it would be instance norm.
    options = {"widths": (16, 24, 32), "dilations": (1, 2), "rates": (2,)}
    return toy(method, **{"model_options": options, **changes})


def data():
    made = [Toys()[index] for index in range(0, 7, 2)]
    images = torch.stack([(image * 255).round() for image, _ in made]).to(torch.uint8)
    return images, torch.stack([label for _, label in made]).to(torch.uint8)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


AGAIN = dataclasses.replace(RIVALS["isw"], name="isw, chosen again", whitening_again=True)


class KilledError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "ema"),
    [*((name, 0.0) for name in METHODS), (AGAIN, 0.0), (EVERYTHING, 0.9)],
    ids=lambda m: getattr(m, "name", m),
)
def test_a_killed_run_goes_on_as_the_run_that_was_not_and_reads_back(tmp_path, method, ema):
    config = small(method, steps=12, checkpoint_every=1, ema=ema)
    assert warm_up(12) == (0, 1)
    whole = train(config, *data(), progress=False)

    for at in (0, 1, 6):  # while whitening gathers, when it has just chosen, and later

        def kill(step, model, record, at=at):
            if step == at + 1:
                raise KilledError

        with pytest.raises(KilledError):
            train(config, *data(), out=tmp_path, on_step=kill, progress=False)
        assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == at + 1
    resumed = train(config, *data(), out=tmp_path, progress=False)
    assert same(whole.model, resumed.model)
    assert whole.history == resumed.history
    if config.method.whitening and not ema:
        assert all(bool(m.pair_mask.any()) for m in resumed.model.modules() if isinstance(m, Whiten))

    again, facts = models.load_checkpoint(models.export(resumed.model, tmp_path / "net.safetensors"))
    assert json.dumps(facts["options"]) == json.dumps(network_options(config), sort_keys=True)
    halved = {k: v.half().float() if v.is_floating_point() else v for k, v in resumed.model.state_dict().items()}
    resumed.model.load_state_dict(halved)
    picture = data()[0][:1].float() / 255
    assert torch.equal(again(picture), resumed.model(picture))


@pytest.mark.parametrize("method", METHODS)
def test_a_method_changes_what_is_learnt(method):
    other = train(small(method, steps=4), *data(), progress=False).model
    views = "baseline" if len(RIVALS[method].views) == 1 else "baseline2"
    plain = train(small(views, steps=4), *data(), progress=False).model
    picture = data()[0][:1].float() / 255
    assert not torch.allclose(other(picture), plain(picture), atol=1e-3)


def pair(count=4):
    g = torch.Generator().manual_seed(0)
    views = [torch.rand(count, 3, 32, 64, generator=g) for _ in range(2)]
    labels = torch.randint(0, 4, (count, 32, 64), generator=g)
    labels[1:, :20] = 255  # parts that weigh differently
    return views, labels


def test_the_whitening_loss_enters_with_its_weight_beside_the_views_mean():
    views, labels = pair()
    config = small("isw", steps=100)
    model = make_model(config)
    first, end = warm_up(100)
    for step in (0, first, end - 1):
        loss, parts = step_loss(model, views, labels, config, step=step)
        assert loss.item() == parts[0].item()
    loss, parts = step_loss(model, views, labels, config, step=end)
    kept = []
    layers = [module for module in model.modules() if isinstance(module, Whiten)]
    for layer in layers:
        layer.register_forward_hook(lambda module, inputs, output: kept.append((output, module.pair_mask)))
    logits = model(torch.cat(views))
    by_hand = sum(whitening_loss(covariances(x), mask) for x, mask in kept) / len(layers)
    ce = segmentation_loss(logits, labels.repeat(2, 1, 1))
    assert by_hand > 0
    assert len(kept) == len(layers)
    torch.testing.assert_close(loss, ce + 0.6 * by_hand)
    assert parts[0].item() == pytest.approx(ce.item())
    loss.backward()
    assert model.stem[0].weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match=r"'isw'.*give step="):
        step_loss(model, views, labels, config)


def test_consistency_and_whitening_add_up():
    views, labels = pair()
    config = small(dataclasses.replace(EVERYTHING, network=(("whiten", True),)), steps=100)
    model = make_model(config)
    for step in range(*warm_up(100)):
        step_loss(model, views, labels, config, step=step)
    end = warm_up(100)[1]
    both, parts = step_loss(model, views, labels, config, step=end)
    alone = dataclasses.replace(config, method=dataclasses.replace(config.method, consistency=0.0))
    whitened = step_loss(model, views, labels, alone, step=end)[0]
    torch.testing.assert_close(both, whitened + parts[1] / 2)


def test_the_parts_of_a_step_add_up_to_the_step():
    views, labels = pair()
    config = small("isw", steps=100, accumulate=2, forward_images=8)
    model = make_model(config)
    first, end = warm_up(100)
    step_loss(model, views, labels, config, step=first)
    whole = step_loss(model, views, labels, config, step=end)[0]
    totals = class_totals(labels, 4)
    halves = [
        step_loss(model, [view[part] for view in views], labels[part], config, totals, step=end)[0]
        for part in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close(sum(halves), whole)


def test_a_network_has_the_options_of_its_run_and_its_method():
    config = small("ibn", model_options={"widths": (8, 16, 16)})
    assert network_options(config) == {"widths": (8, 16, 16), "ibn": True}
    assert network_options(small("ibn", model_options={"ibn": True})) == {"ibn": True}
    assert make_model(config).built_as["options"] == network_options(config)
    with pytest.raises(ValueError, match=r"model_options.ibn=False, method.network.ibn=True.*'ibn'"):
        make_model(small("ibn", model_options={"ibn": False}))
    with pytest.raises(ValueError, match=r"'bare' has whitening=0.6 and needs a network with whiten=True"):
        make_model(small(MethodConfig("bare", ("raw", "raw"), whitening=0.6)))
    with pytest.raises(TypeError, match="no option 'gram'"):
        make_model(small(MethodConfig("odd", network=(("gram", 1),))))
    for method, views in (("mixstyle", 1), ("mixstyle_cons", 2)):
        assert {m.views for m in make_model(small(method)).modules() if isinstance(m, MixStyle)} == {views}


def test_a_study_rebuilds_the_network_with_its_options(tmp_path):
    from gltr_lib.study import grid, run
    from gltr_lib.study.places import Places

    one = grid.grid(grid.Settings("headline", steps=2, seeds=1, only=("baseline",)))[0]
    one = dataclasses.replace(one, config=one.config.replace(method="isw", steps=2))
    model = make_model(one.config)
    places = Places(tmp_path / "ledger.jsonl", tmp_path)
    models.export(model, places.network(one), {"facts": "{}"})
    again, _ = run.load_network(one, places)
    assert list(again.state_dict()) == list(model.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mixstyle_cons", EVERYTHING], ids=lambda m: getattr(m, "name", m))
def test_the_large_loop_resumes_them_too(tmp_path, monkeypatch, method):
    config = small(method, steps=4, accumulate=2, checkpoint_every=2, forward_images=8)
    scale.fit(config, Toys(), out=tmp_path / "whole", progress=False)
    real = scale.trainer.step_loss

    def killed(*args, step):
        if step == 3:
            raise KilledError
        return real(*args, step=step)

    monkeypatch.setattr(scale.trainer, "step_loss", killed)
    with pytest.raises(KilledError):
        scale.fit(config, Toys(), out=tmp_path / "cut", progress=False)
    monkeypatch.setattr(scale.trainer, "step_loss", real)
    scale.fit(config, Toys(), out=tmp_path / "cut", progress=False)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    again = scale.FitResult.read(tmp_path / "cut").model
    assert set(again.state_dict()) == set(whole)


@pytest.mark.slow
def test_processes_and_parts_agree_on_the_pairs_and_equal_one(tmp_path):
    """SGD, since Adam divides gradients that are rounding alone by themselves; few steps: an L1 loss has kinks."""
    config = small("isw", steps=4, forward_images=8, optimizer="sgd", lr=0.01)
    scale.fit(config, Toys(), out=tmp_path / "one", progress=False)
    scale.notebook(config, Toys(), tmp_path / "two", processes=2, progress=False)
    scale.notebook(config.replace(accumulate=2), Toys(), tmp_path / "four", processes=2, progress=False)
    one = weights(tmp_path / "one")
    for folder, parts in (("two", 2), ("four", 4)):
        other = weights(tmp_path / folder)
        for name, value in one.items():
            if name.endswith("pair_mask"):
                assert value.any()
                assert torch.equal(value, other[name])
            elif name.endswith("pair_variance"):  # a sum of the parts' means
                torch.testing.assert_close(parts * value, other[name], rtol=1e-4, atol=1e-7)
            else:
                torch.testing.assert_close(value, other[name], rtol=0, atol=1e-5)
