"""The rivals' views share one interface: any size, one generator a picture, no global state, options by name."""

import inspect

import pytest
import torch
from rival_toys import NAMES, SMALL, Painter, bank, gen, gens, pictures
from torchvision import tv_tensors

from gltr_lib import baselines

CASES = {
    "photometric": {}, "photometric, every time": {"apply": 1.0, "gray": 1.0, "blur": 1.0}, "policy": {},
    "policy, rand": {"kind": "rand"}, "policy, augmix": {"kind": "augmix"}, "randconv": {},
    "randconv, img": {"mix": False}, "fourier": SMALL, "fourier, all of it": {"beta": 1.0, "strength": 1.0, **SMALL},
    "regions": {}, "regions, inside": {"place": "inside", "share": (0.2, 0.8)},
    "regions, blobs": {"place": "blobs", "share": 0.5}, "pixels": SMALL,
    "pixels, half": {"alpha": 0.5, **SMALL},
}  # fmt: skip


def view_of(case):
    return baselines.make_view(case.split(",")[0], CASES[case], stylizer=Painter(), bank=bank())


def test_every_view_is_tried_here():
    assert {case.split(",")[0] for case in CASES} == set(baselines.NAMES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 7, 5), (1, 1, 9), (3, 8, 1), (1, 24, 40), (1, 300, 4)])
def test_any_size_stays_and_values_stay_in_range(case, shape):
    batch, height, width = shape
    images = pictures(batch, height, width)
    before = images.clone()
    view = view_of(case)
    for seed in range(4):
        made = view(images, gen(seed))
        assert made.shape == images.shape
        assert made.dtype == torch.float32
        assert made.min() >= 0
        assert made.max() <= 1  # false for NaN as well
    assert torch.equal(images, before)


@pytest.mark.parametrize("case", CASES)
def test_a_picture_does_not_depend_on_its_batch(case):
    images = pictures(5)
    view = view_of(case)
    whole = view(images, gens(1, 2, 3, 4, 5))
    alone = torch.cat([view(images[i : i + 1], gens(i + 1)) for i in range(5)])
    one = torch.cat([view(images[i : i + 1], gen(i + 1)) for i in range(5)])
    torch.testing.assert_close(whole, alone, atol=1e-6, rtol=0)
    assert torch.equal(alone, one)


@pytest.mark.parametrize("case", CASES)
def test_a_seed_gives_one_view_and_nothing_else_is_read(case):
    images = pictures(3)
    torch.manual_seed(1)
    first = view_of(case)(images, gen(7))
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    view = view_of(case)
    assert torch.equal(first, view(images, gen(7)))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert any(not torch.equal(first, view(images, gen(seed))) for seed in range(8, 12))
    shared = gen(7)
    view(images, shared)
    assert any(not torch.equal(first, view(images, shared)) for _ in range(4))  # a second call draws anew


@pytest.mark.parametrize("case", CASES)
def test_pictures_of_a_batch_get_draws_of_their_own(case):
    same = pictures(1).expand(8, -1, -1, -1)
    made = view_of(case)(same, gen(3))
    assert len({each.numpy().tobytes() for each in made}) >= 3


@pytest.mark.parametrize("case", ["photometric", "policy", "randconv", "fourier", "regions", "pixels"])
def test_types_pass_through(case):
    view = view_of(case)
    typed = view(tv_tensors.Image(pictures()), gen(0))
    assert type(typed) is tv_tensors.Image
    torch.testing.assert_close(typed.as_subclass(torch.Tensor), view(pictures(), gen(0)))
    assert view(pictures().half(), gen(0)).dtype == torch.float16
    double = view(pictures().double(), gen(0))
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), view(pictures(), gen(0)), atol=2 / 255, rtol=0)


@pytest.mark.parametrize("case", ["photometric", "policy", "randconv", "fourier", "regions", "pixels"])
def test_what_is_no_batch_of_pictures_is_refused(case):
    view = view_of(case)
    with pytest.raises(TypeError, match="divide uint8 by 255"):
        view(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="add the batch dimension"):
        view(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match=r"values in \[0,1\]"):
        view(torch.full((1, 3, 4, 4), 2.0))
    with pytest.raises(ValueError, match="one for each of 3 samples; received 2"):
        view(pictures(3), gens(1, 2))


def test_a_view_is_a_module_like_any_other():
    for case in CASES:
        view = view_of(case)
        assert torch.equal(view.to("cpu").eval()(pictures(), gen(0)), view_of(case)(pictures(), gen(0)))


@pytest.mark.parametrize("name", baselines.NAMES)
def test_an_unknown_option_lists_those_of_the_view(name):
    with pytest.raises(ValueError, match=r"unknown option colour; ") as caught:
        baselines.make_view(name, {"colour": 1}, bank=bank())
    assert "\n" not in str(caught.value)
    for option in baselines.options_of(name):
        assert option in str(caught.value)
    with pytest.raises(ValueError, match=r"unknown options bank, stylizer; "):
        baselines.make_view(name, {"bank": bank(), "stylizer": Painter()})


def test_an_unknown_view_lists_them_all():
    with pytest.raises(ValueError, match="unknown view 'blur'; expected one of: photometric, policy, randconv"):
        baselines.make_view("blur")


BAD = [
    ("photometric", {"hue": 0.6}, r"hue: expected a number in \[0, 0.5\], received 0.6"),
    ("photometric", {"blur": "often"}, "blur: expected a number .* received 'often'"),
    ("photometric", {"sigma": (2, 1)}, "sigma: expected low <= high"),
    ("photometric", {"sigma": (1, 2, 3)}, r"sigma: expected a number or \(low, high\)"),
    ("photometric", {"brightness": -1}, "brightness: expected a number >= 0"),
    ("photometric", {"gray": float("nan")}, "gray: expected a number"),
    ("policy", {"kind": "cutout"}, "kind: unknown 'cutout'; valid: trivial, rand, augmix"),
    ("policy", {"level": 31}, "level: expected a whole number from 0 to 30, received 31"),
    ("policy", {"count": 1.5}, "count: expected a whole number >= 0, received 1.5"),
    ("randconv", {"kernels": (1, 2)}, r"kernels: expected odd whole numbers such as \(1, 3, 5, 7\)"),
    ("randconv", {"kernels": ()}, "kernels: expected odd"),
    ("randconv", {"mix": 1}, "mix: expected true or false, received 1"),
    ("randconv", {"original": 2}, r"original: expected a number in \[0, 1\]"),
    ("fourier", {"beta": -0.1}, r"beta: expected a number in \[0, 1\]"),
    ("fourier", {"strength": [0.5, 1.5]}, r"strength: expected a number in \[0, 1\]"),
    ("fourier", {"number": 0}, "number: expected a whole number >= 1"),
    ("fourier", {"size": 4}, "size: expected a whole number >= 8"),
    ("regions", {"place": "middle"}, "place: unknown 'middle'; valid: cut, inside, blobs"),
    ("regions", {"share": (0.1, 1.1)}, r"share: expected a number in \[0, 1\]"),
    ("pixels", {"alpha": True}, r"alpha: expected a number in \[0, 1\], received True"),
]


@pytest.mark.parametrize(("name", "options", "words"), BAD)
def test_bad_values_say_what_is_valid(name, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        baselines.make_view(name, options, bank=bank())
    assert "\n" not in str(caught.value)


def test_options_reach_every_view_that_knows_them_and_none_is_lost():
    views = baselines.make_views(
        ["fourier", "pixels", "fourier"], {"size": 16, "alpha": 0.25, "beta": 0.5}, bank=bank()
    )
    assert list(views) == ["fourier", "pixels"]
    assert views["fourier"].gallery.size == views["pixels"].gallery.size == 16
    assert (views["fourier"].beta, views["pixels"].alpha) == (0.5, 0.25)
    with pytest.raises(ValueError, match=r"unknown option kind; fourier has beta, .*; pixels has alpha"):
        baselines.make_views(["fourier", "pixels"], {"kind": "rand"}, bank=bank())
    with pytest.raises(ValueError, match="unknown option mix; there is no rival's view"):
        baselines.make_views([], [("mix", True)])


def test_options_survive_json_where_pairs_become_lists():
    view = baselines.make_view("randconv", [["kernels", [3, 5]], ["mix", False]])
    assert view.kernels == (3, 5)
    assert not view.mix


def test_every_option_is_explained():
    for name in baselines.NAMES:
        text = inspect.getdoc(baselines._class_of(name))
        said = text.split("Args:")[1].split("Raises:")[0]
        for option in baselines.options_of(name):
            assert option in said, (name, option)


@pytest.mark.parametrize("name", ["fourier", "pixels"])
def test_a_view_of_paintings_needs_some(name):
    with pytest.raises(ValueError, match=f"{name}: needs paintings; .*paintings=<folder of pictures>"):
        baselines.make_view(name)
    with pytest.raises(ValueError, match=f"{name}: the bank's style 'monet' is no procedural painting.*paintings=<the"):
        baselines.make_view(name, bank=bank((*NAMES, "monet")))


def test_regions_need_somebody_who_paints():
    with pytest.raises(ValueError, match="regions: needs a stylizer and a bank, or painted pictures"):
        baselines.make_view("regions")(pictures())
    with pytest.raises(ValueError, match="painted: expected the shape of images"):
        baselines.make_view("regions")(pictures(), gen(0), pictures(height=12))
