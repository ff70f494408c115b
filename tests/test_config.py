"""Configurations: round trip, overrides, refusals, no torch."""

import dataclasses
import subprocess
import sys

import pytest

from gltr_lib import config as config_module
from gltr_lib.config import METHODS, MethodConfig, TrainConfig, method, parse_overrides


def test_config_needs_no_torch():
    code = "import sys; import gltr_lib.config; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", METHODS)
def test_json_round_trip(name):
    config = TrainConfig(METHODS[name], steps=7, lr=1e-4, crop=(64, 96)).replace(seed=5)
    again = TrainConfig.from_json(config.to_json())
    assert again == config
    assert hash(again) == hash(config)


def test_round_trip_of_a_share_range():
    config = TrainConfig(MethodConfig("x", ("gtr", "ltr"), share=(0.25, 0.75)))
    assert TrainConfig.from_json(config.to_json()) == config


def test_all_methods_forward_the_same_number_of_images():
    assert {TrainConfig(m).source_images * len(m.views) for m in METHODS.values()} == {12}


def test_the_walk_and_its_controls():
    assert list(METHODS) == [
        "baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl", "gtr_gtr", "gtr_gtr_cons", "gtr_ltr_cgl10", "raw_gtr", "baseline2",
        "baseline2_cons", "oracle",
    ]  # fmt: skip
    assert METHODS["gtr_ltr_cgl"].consistency > 0 == METHODS["gtr_ltr"].consistency
    strong = dataclasses.replace(METHODS["gtr_ltr_cgl10"], name="gtr_ltr_cgl", consistency=1.0)
    assert strong == METHODS["gtr_ltr_cgl"]  # ten times the weight and nothing else
    assert METHODS["gtr_ltr_cgl10"].consistency == 10 * METHODS["gtr_ltr_cgl"].consistency
    assert dataclasses.replace(METHODS["gtr_ltr"], name="raw_gtr", views=("raw", "gtr")) == METHODS["raw_gtr"]
    with pytest.raises(TypeError):
        METHODS["mine"] = MethodConfig()  # type: ignore[index]


def test_overrides_change_values_of_every_type():
    config = parse_overrides(
        ["steps=20", "lr=1", "flip=false", "crop=[64,96]", "scale=(1,2)", "device=cpu", "method=gtr_ltr_cgl",
         "method.share=[0.25,0.75]", "method.detach=local", "method.schedule=null"],
        TrainConfig(seed=9),
    )  # fmt: skip
    assert (config.steps, config.lr, config.flip, config.crop, config.seed) == (20, 1.0, False, (64, 96), 9)
    assert isinstance(config.lr, float)
    assert (config.scale, config.device) == ((1.0, 2.0), "cpu")
    assert (config.method.share, config.method.detach, config.method.consistency) == ((0.25, 0.75), "local", 1.0)


def test_a_method_may_be_given_by_name():
    assert TrainConfig("gtr").method is METHODS["gtr"]
    assert TrainConfig().replace(method="gtr_gtr").source_images == 6


def test_unknown_keys_are_all_listed_with_the_valid_ones():
    with pytest.raises(ValueError, match=r"stepz, method\.shape; valid keys: .*steps.*method\.share"):
        parse_overrides(["stepz=1", "method.shape=2", "seed=1"])
    with pytest.raises(ValueError, match=r"method\.colour; valid keys: method\.name"):
        TrainConfig.from_json('{"method": {"colour": 1}}')


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("steps=many", "steps expects int; received 'many'"),
        ("steps=1.5", "steps expects int"),
        ("steps=true", "steps expects int"),
        ("lr=fast", "lr expects float"),
        ("flip=1", "flip expects bool"),
        ("crop=[1,2,3]", "crop expects"),
        ("method.sigma=4", "method.sigma expects"),
        ("steps", "key=value"),
        ("method=best", "unknown method 'best'; expected one of: baseline"),
        ("method.alpha=2", r"alpha: expected a number in \[0,1\], received 2"),
        ("lr=NaN", "lr: expected a finite number"),
    ],
)
def test_bad_overrides_say_what_was_expected(override, words):
    with pytest.raises(ValueError, match=words):
        parse_overrides([override])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"views": ()}, "views"),
        ({"views": ("raw", "blur")}, "views"),
        ({"views": ("ltr", "gtr")}, '"ltr" view needs'),
        ({"share": (0.8, 0.2)}, "low <= high"),
        ({"share": float("nan")}, "share"),
        ({"sigma": (0.0, 4.0)}, "sigma"),
        ({"views": ("raw",), "consistency": 1.0}, "exactly two views"),
        ({"consistency_kind": "l1"}, "mse"),
        ({"detach": "both"}, "global"),
        ({"schedule": 0.1, "share": (0.1, 0.2)}, "schedule"),
    ],
)
def test_impossible_methods(changes, words):
    with pytest.raises(ValueError, match=words):
        MethodConfig(**{"name": "x", "views": ("gtr", "ltr"), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"crop": (0, 4)},
        {"scale": (2.0, 1.0)},
        {"lr": 0.0},
        {"ema": 1.0},
        {"jitter": 2.0},
        {"power": -1.0},
    ],
)
def test_impossible_runs(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        TrainConfig(**changes)


def test_forward_images_must_serve_all_views():
    with pytest.raises(ValueError, match="multiple of the method's 2 views"):
        TrainConfig(method("gtr_ltr"), forward_images=5)


def test_not_json():
    with pytest.raises(ValueError, match="not JSON"):
        TrainConfig.from_json("steps: 5")


def test_options_of_the_network_are_a_mapping_that_can_be_hashed():
    config = TrainConfig(model_options={"norm": "group", "rates": [1, 2]})
    assert config.model_options == (("norm", "group"), ("rates", (1, 2)))
    assert hash(config) == hash(TrainConfig.from_json(config.to_json()))
    changed = parse_overrides(["model_options.norm=frozen", "model_options.legacy_two_branch=true"], config)
    assert dict(changed.model_options) == {"norm": "frozen", "rates": (1, 2), "legacy_two_branch": True}
    assert parse_overrides(['model_options={"norm": "batch"}'], config).model_options == (("norm", "batch"),)
    with pytest.raises(ValueError, match="mapping of names to values"):
        TrainConfig(model_options="group")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "lion"}, "optimizer: unknown 'lion'; valid: "),
        ({"precision": "fp8"}, "precision: unknown 'fp8'; valid: "),
        ({"selection": "cityscapes"}, "selection: unknown 'cityscapes'; valid: last, source-val"),
        ({"selection": "source-val"}, "needs val_every above 0"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1"),
        ({"head_lr_factor": 0.0}, "head_lr_factor must be above 0"),
        ({"forward_images": 12, "processes": 5}, "make forward_images a multiple of 5"),
        ({"method": "gtr_ltr", "processes": 2, "accumulate": 2}, "6 source images .* multiple of 8"),
        ({"workers": -1}, "workers must be at least 0"),
    ],
)
def test_impossible_settings_at_scale_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig().replace(**changes)


def test_recipes_start_from_the_published_figures():
    paper = config_module.RECIPES["gtr_paper"]
    assert (paper.optimizer, paper.momentum, paper.weight_decay, paper.head_lr_factor) == ("sgd", 0.9, 5e-4, 10.0)
    assert (paper.steps, paper.crop, paper.scale, paper.power) == (200_000, (640, 640), (1.0, 1.0), 0.9)
    assert config_module.recipe("laptop") == TrainConfig()
    with pytest.raises(ValueError, match="unknown recipe 'paper'; expected one of: laptop, gtr_paper, gpu"):
        config_module.recipe("paper")


@pytest.mark.parametrize(
    "text",
    [
        "lr=Infinity",
        "power=NaN",
        "grad_clip=NaN",
        "weight_decay=Infinity",
        "scale=[NaN,1]",
        "method.sigma=[1,Infinity]",
    ],
)
def test_numbers_that_are_none_are_refused_by_the_name_of_their_field(text):
    with pytest.raises(
        ValueError, match=rf"{text.partition('=')[0].removeprefix('method.')}: expected .*finite number"
    ):
        parse_overrides([text])


def test_a_negative_seed_would_be_refused_by_the_ledger_after_the_training():
    with pytest.raises(ValueError, match="seed must be at least 0"):
        TrainConfig(seed=-1)


@pytest.mark.parametrize("text", ["[" * 100_000, "", "nonsense", "5", "[]", '{"steps": "x"}'])
def test_whatever_is_no_configuration_is_a_value_error_of_one_line(text):
    with pytest.raises(ValueError, match=r"configuration|TrainConfig|steps") as caught:
        TrainConfig.from_json(text)
    assert "\n" not in str(caught.value)
    parse_overrides(["device=" + "[" * 100_000])  # a text that is no JSON is a text


def test_many_unknown_keys_are_listed_once_each_and_not_at_any_length():
    with pytest.raises(ValueError, match="unknown configuration keys: ") as caught:
        parse_overrides([*["x" * 5000 + "=1"] * 3, *(f"k{number}=1" for number in range(50))])
    assert "and 43 more" in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_fields_of_a_method_that_is_none():
    with pytest.raises(ValueError, match="method must be a name or a mapping of its fields; received 5"):
        parse_overrides(["method=5", "method.alpha=0.5"])
    with pytest.raises(ValueError, match="unknown configuration keys") as caught:
        TrainConfig.from_json('{"two\\nlines": 1}')
    assert "\n" not in str(caught.value)
