"""Rivals in training: both loops, resume, offline copies, costs, the study's bookkeeping, and RandConv's own loss."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from rival_toys import NAMES, Painter, bank, gens, pictures
from scale_toys import Toys
from test_engine import KilledError, data, same  # noqa: F401  (data is a fixture)

from gltr_lib import _step, baselines, cost, engine, scale
from gltr_lib.config import METHODS, RIVALS, MethodConfig, TrainConfig, painted_views, parse_overrides
from gltr_lib.scale.samples import Samples
from gltr_lib.study.grid import Run, asset_digest, train_streets
from gltr_lib.study.run import styles_for
from gltr_lib.views import Views

IMAGE_RIVALS = [name for name, method in RIVALS.items() if not method.network]
TOY = {"size": 16, "number": 4}  # paintings


def small(method, **changes):
    method = RIVALS.get(method) or METHODS[method]
    if set(method.views) & {"fourier", "pixels"}:
        method = dataclasses.replace(method, rival={**dict(method.rival), **TOY})
    usual = {"steps": 2, "forward_images": 4, "crop": (32, 64), "num_classes": 4, "device": "cpu"}
    return TrainConfig(method, **{**usual, **changes})


def run(config, pair, **options):
    return engine.train(config, *pair, stylizer=Painter(), bank=bank(), progress=False, **options)


def test_every_image_rival_is_here():
    assert {name.removesuffix("_cons").removesuffix("_own") for name in IMAGE_RIVALS} == set(baselines.NAMES)


@pytest.mark.parametrize("name", IMAGE_RIVALS)
def test_a_rival_trains_and_resumes_bit_for_bit(name, data, tmp_path):  # noqa: F811
    config = small(name, steps=3, checkpoint_every=1)
    whole = run(config, data)
    assert all(math.isfinite(record["loss"]) for record in whole.history)
    assert (whole.history[0]["consistency"] > 0) == (config.method.consistency > 0)

    def kill(step, model, record):
        if step == 1 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            raise KilledError

    with pytest.raises(KilledError):
        run(config, data, out=tmp_path, on_step=kill)
    steps = []
    resumed = run(config, data, out=tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps == [1, 2]
    assert same(whole.model, resumed.model)
    assert resumed.history == whole.history


def test_a_rival_changes_the_pictures_and_not_the_labels(data):  # noqa: F811
    target = {}
    seen = {}
    for name in ("baseline", *baselines.NAMES):
        config = small(name)
        views = Views(config.method, Painter(), bank())
        seen[name], target[name] = _step.make_batch(0, *data, config, views)
    for name in baselines.NAMES:
        assert torch.equal(target[name], target["baseline"])
        assert not torch.equal(seen[name][0], seen["baseline"][0])


def test_two_views_of_a_rival_are_two_draws():
    first, second = Views(RIVALS["randconv_cons"])(pictures(2), 0.0, gens(1, 2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["randconv_cons", "fourier", "regions", "pixels"])
def test_the_full_scale_loop_takes_rivals(name, tmp_path):
    def go(folder, **changes):
        config = small(name, workers=0, log_every=1, checkpoint_every=1, **changes)
        options = {"stylizer": Painter(), "bank": bank(), "progress": False}
        return scale.fit(config, Toys(), out=tmp_path / folder, **options)

    whole = go("whole", optimizer="sgd")
    assert [row["step"] for row in whole.history] == [1, 2]
    # One generator for each picture: in two parts the same pictures are seen, so the weights agree up to rounding.
    parts = go("parts", optimizer="sgd", accumulate=2)
    for one, other in zip(whole.model.state_dict().values(), parts.model.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_offline_copies_serve_regions_and_nothing_that_paints_no_picture(tmp_path):
    from test_scale_samples import files

    pairs = files(tmp_path, size=(40, 72))
    options = {"copies": tmp_path / "copies", "progress": False}
    for name, views, count in (
        ("regions_cons", ("regions", "regions"), 2),
        ("gtr_regions", ("gtr", "regions"), 1),
        ("raw_regions", ("raw", "regions"), 1),
    ):
        method = MethodConfig(name, views)
        assert painted_views(method.views) == count
        config = small("baseline", stylizer="there is none", bank="nor this").replace(method=method)
        assert Samples(pairs, config, object()).painted_views == count
        assert len(scale.fit(config, pairs, out=tmp_path / name, **options).history) > 0
    for name in ("randconv", "fourier"):
        with pytest.raises(ValueError, match=f"copies: the method '{name}' has no gtr view") as caught:
            scale.fit(small(name), pairs, out=tmp_path / name, **options)
        assert "\n" not in str(caught.value)


def test_regions_after_gtr_take_its_picture():
    """The box twin of LTR: raw outside, the very paint of the first view inside, even where that view stayed raw."""
    method = MethodConfig("twin", ("gtr", "regions"), rival={"place": "inside", "share": 0.5})
    images = pictures(4, 16, 32)
    whole, boxed = Views(method, Painter(), bank())(images, 0.0, gens(1, 2, 3, 4))
    inside = boxed != images
    assert torch.equal(boxed, torch.where(inside, whole, images))
    assert inside.float().mean().item() == pytest.approx(0.5, abs=0.05)
    raw, boxed = Views(dataclasses.replace(method, raw_share=1.0), Painter(), bank())(images, 0.0, gens(1, 2, 3, 4))
    assert torch.equal(raw, images)
    assert (boxed != images).float().mean().item() == pytest.approx(0.5, abs=0.05)
    faint = Views(dataclasses.replace(method, alpha=0.1), Painter(), bank())(images, 0.0, gens(1, 2, 3, 4))[1]
    assert 0 < (faint - images).abs().max() < 0.2 * (boxed - images).abs().max() + 0.05


def test_a_method_that_names_its_styles_takes_those_paintings():
    method = MethodConfig("few", ("pixels",), rival=TOY, styles=(1, 4))
    assert Views(method, bank=bank()).rivals["pixels"].gallery.names == [NAMES[1], NAMES[4]]


def test_views_say_what_they_draw_from():
    given = bank()
    for views, uses in ((("raw",), False), (("randconv",), False), (("pixels",), True), (("regions",), True)):
        assert (Views(MethodConfig("m", views), Painter(), given).bank is given) == uses
    assert Views(MethodConfig("m", ("regions",)), offline=True, bank=given).bank is None
    with pytest.raises(ValueError, match="needs a stylizer and a bank"):
        Views(RIVALS["regions"], bank=given)
    with pytest.raises(ValueError, match="unknown option mix; there is no rival's view"):
        Views(MethodConfig("m", rival={"mix": True}))


def test_another_bank_is_another_run(data, tmp_path):  # noqa: F811
    config = small("pixels")
    run(config, data, out=tmp_path)
    other = bank(NAMES[::-1])
    other.stats.mean.mul_(0.5)
    with pytest.raises(ValueError, match="other pictures or styles"):
        engine.train(config, *data, bank=other, out=tmp_path, progress=False)


def test_options_of_a_rival_from_the_command_line():
    config = parse_overrides(["method=randconv", "method.rival.mix=false", "method.rival.kernels=[3,5]"])
    assert dict(config.method.rival) == {"mix": False, "kernels": (3, 5)}
    assert TrainConfig.from_json(config.to_json()) == config
    config = parse_overrides(["method.rival.mix=true", "method.network.ibn=true"], config)
    assert dict(config.method.rival) == {"mix": True, "kernels": (3, 5)}
    assert dict(config.method.network) == {"ibn": True}
    assert dict(parse_overrides(['method.rival={"alpha": 0.5}', "method=pixels"]).method.rival) == {"alpha": 0.5}
    with pytest.raises(ValueError, match=r"unknown configuration keys: method\.rivals\.mix"):
        parse_overrides(["method.rivals.mix=true"])


# ------------------------------------------------------------------------------------------------- RandConv's own loss


class Fixed(torch.nn.Module):
    """A network whose predictions are given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits


def test_randconv_own_is_the_papers_formula_for_two_views():
    """``L_task + 10 * sum_j KL(y_j || mean y)``, mean over the labelled pixels; L_task as the mean of both views."""
    g = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 5, 6, 7, generator=g, dtype=torch.float64)
    labels = torch.randint(0, 5, (2, 6, 7), generator=g)
    labels[0, :2] = 255
    method = RIVALS["randconv_own"]
    assert method.views == ("randconv", "randconv")
    config = TrainConfig(method, num_classes=5, forward_images=4)
    loss, _ = _step.step_loss(Fixed(logits), [torch.zeros(2, 3, 6, 7)] * 2, labels, config)

    task = F.cross_entropy(logits, labels.repeat(2, 1, 1), ignore_index=255)
    chances = logits.softmax(1).unflatten(0, (2, 2))  # view, picture
    mean = chances.mean(0)
    divergence = sum((view * (view / mean).log()).sum(1)[labels != 255].mean() for view in chances)
    assert loss.item() == pytest.approx((task + 10 * divergence).item(), rel=1e-5)


def test_three_predictions_pull_twice_as_hard_as_two():
    """What the docstring of gltr_lib.baselines.randconv says of the difference that remains."""
    g = torch.Generator().manual_seed(0)
    near = 0.5 * torch.randn(5, 1, generator=g, dtype=torch.float64)
    chances = (near + 0.05 * torch.randn(3, 5, 20_000, generator=g, dtype=torch.float64)).softmax(1)

    def pull(views):
        mean = views.mean(0)
        return sum((view * (view / mean).log()).sum(0).mean() for view in views).item()

    assert pull(chances) / pull(chances[:2]) == pytest.approx(2, rel=0.03)


# ------------------------------------------------------------------------------------------------------- study and cost


def test_the_study_loads_and_records_what_a_rival_needs(monkeypatch):
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

    monkeypatch.setattr(Stylizer, "load", classmethod(lambda cls, name, device=None: "stylizer"))
    monkeypatch.setattr(StyleBank, "load", classmethod(lambda cls, name: "bank"))
    wanted = {
        "baseline": (None, None), "randconv_cons": (None, None), "photometric": (None, None),
        "gtr_ltr": ("stylizer", "bank"), "regions": ("stylizer", "bank"), "fourier": (None, "bank"),
        "pixels_cons": (None, "bank"),
    }  # fmt: skip
    for name, tools in wanted.items():
        assert styles_for(TrainConfig(name), torch.device("cpu")) == tools

    def weights(name):
        config = TrainConfig(name)
        run = Run("t", name, 0, config, train_streets(name, 1), ())
        other = dataclasses.replace(run, config=config.replace(bank="another"))
        moved = dataclasses.replace(run, config=config.replace(stylizer="another"))
        return run.family, other.family, moved.family

    # A family is a hash of its content: take the digests away one by one and see which of them count.
    seen = []
    monkeypatch.setattr("gltr_lib.study.grid.asset_digest", lambda name: seen.append(name) or asset_digest(name))
    for name, tools in wanted.items():
        seen.clear()
        assert len(set(weights(name))) == 3  # the configuration itself always counts
        used = {asset for asset, tool in zip(("mini", "paintings-mini"), tools, strict=True) if tool}
        assert {"mini", "paintings-mini"} & set(seen) == used


def test_paint_costs_and_the_rest_does_not():
    def style(*views):
        plan = cost.estimate("deeplab_mini", (64, 64), images=4, views=views, stylizer="mini", precision="fp16")
        return plan.style_flops

    assert style("regions") == style("gtr") > 0
    assert style("regions", "regions") == style("gtr")
    assert style("gtr", "regions") == style("gtr", "ltr") == style("gtr") / 2
    assert style("randconv") == style("fourier") == style("pixels") == 0
