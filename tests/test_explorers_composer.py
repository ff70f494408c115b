"""The augmentation composer is a training step, its proofs catch what is wrong, and the rivals are torchvision's."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from gltr_lib import explorers, streets
from gltr_lib._step import make_batch
from gltr_lib.baselines import policy as rivals
from gltr_lib.explorers import Assets, _proofs, composer
from gltr_lib.study.grid import BASE
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer
from gltr_lib.views import Views, apply_geometry, draw_geometry


@pytest.fixture(scope="module")
def assets():
    stylizer = Stylizer.untrained()
    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Assets({}, {}, stylizer, StyleBank.from_images(stylizer, pictures, ["a", "b", "c"]))


@pytest.mark.parametrize("seed", [0, 5])
def test_the_last_picture_is_the_training_picture_bit_for_bit(assets, seed):
    picture, labels = streets.render(3, "game", composer.RUN.crop)
    config = composer.RUN.replace(seed=seed, forward_images=2)
    seen, target = make_batch(
        0, torch.from_numpy(picture).permute(2, 0, 1)[None], torch.from_numpy(labels)[None], config,
        Views(config.method, assets.stylizer, assets.bank),
    )  # fmt: skip
    stages = composer.compose(composer.Params(scene=3, seed=seed), assets)
    assert [stage.name for stage in stages] == ["source", "crop", "GTR", "LTR", "photometry"]
    assert torch.equal(stages[-1].picture, seen[1][0])
    assert torch.equal(stages[-1].labels, target[0])
    assert all(stage.wrong == 0 for stage in stages)


def test_the_step_is_one_of_the_studys():
    fields = ("crop", "scale", "flip", "jitter", "blur")
    assert [getattr(composer.RUN, name) for name in fields] == [getattr(BASE, name) for name in fields]


def test_wrong_label_pixels_are_told_as_a_part_of_all():
    assert composer.share_of(6519, 32768) == "6,519 (20%)"
    assert composer.share_of(3, 32768) == "3 (0.01%)"
    assert composer.share_of(0, 32768) == "0"


def test_a_stage_that_is_off_hands_on_what_it_got(assets):
    still = composer.compose(composer.Params(crop=False, gtr=False, ltr=False, photometry=False), assets)
    assert all(torch.equal(stage.picture, still[0].picture) for stage in still)
    assert all(torch.equal(stage.labels.long(), still[0].labels.long()) for stage in still)
    full, no_ltr = (composer.compose(composer.Params(ltr=ltr), assets) for ltr in (True, False))
    assert torch.equal(no_ltr[3].picture, no_ltr[2].picture)
    assert torch.equal(no_ltr[2].picture, full[2].picture)
    raw_share = (full[3].picture == full[1].picture).all(0).float().mean().item()
    assert raw_share == pytest.approx(0.5, abs=0.02)
    unpainted = composer.compose(composer.Params(gtr=False), assets)
    assert torch.equal(unpainted[3].picture, unpainted[1].picture)
    assert "nothing to mix" in unpainted[3].note


@pytest.mark.parametrize("way", composer.BREAKS[1:])
def test_broken_labels_are_counted_exactly(assets, way):
    whole = composer.compose(composer.Params(scene=11), assets)[1]
    broken = composer.compose(composer.Params(scene=11, broken=way), assets)
    labels = whole.labels.numpy()
    there = labels[:, ::-1] if way == composer.BREAKS[1] else np.roll(labels, composer.MOVED, 1)
    assert broken[-1].wrong == (there != labels).sum() > 1000
    assert torch.equal(broken[-1].labels, whole.labels)  # they were forgotten
    _, words = composer.render(composer.Params(scene=11, broken=way), assets)
    assert f"{broken[-1].wrong:,} of 32,768 label pixels are wrong, broken on purpose" in words


def test_the_fit_has_its_peak_where_the_picture_went(assets):
    for way, shift in ((composer.BREAKS[0], 0), (composer.BREAKS[2], composer.MOVED)):
        crop = composer.compose(composer.Params(scene=11, broken=way), assets)[1]
        curve = _proofs.fit_curve(crop.picture, crop.labels)
        assert _proofs.SHIFTS[int(curve.argmax())] == shift
        assert curve.max() > 2 * np.median(curve)
    noise = torch.rand(3, 64, 128, generator=torch.Generator().manual_seed(0))
    assert np.abs(_proofs.fit_curve(noise, crop.labels[:64, :128]) - 1).max() < 0.3  # no relation, no peak


@pytest.mark.parametrize("seed", range(4))
def test_contradictions_are_none_for_the_library_and_many_for_a_slip(seed):
    labels = torch.from_numpy(streets.render(5, "game", (64, 128))[1])[None]
    generator = torch.Generator().manual_seed(seed)
    geometry = draw_geometry(1, (64, 128), (64, 128), generator=generator)
    _, moved = apply_geometry(torch.zeros(1, 3, 64, 128), labels, geometry, (64, 128))
    assert _proofs.contradictions(labels, moved, geometry) == 0
    assert _proofs.contradictions(labels, moved.flip(-1), geometry) > 200
    assert _proofs.contradictions(labels, moved.roll(2, -1), geometry) > 50
    assert _proofs.contradictions(labels, torch.full_like(moved, 255), geometry) == 0  # ignored pixels claim nothing


def test_contours_lie_between_classes():
    labels = torch.zeros(4, 6, dtype=torch.long)
    labels[:, 3:] = 8
    drawn = _proofs.contours(torch.full((3, 4, 6), 0.5), labels)
    assert drawn.shape == (8, 12, 3)
    assert (drawn[:, 5] == 255).all()
    assert (drawn[:, 6] == 0).all()
    assert (np.abs(drawn[:, [0, 1, 2, 3, 4, 7, 8]].astype(int) - 128) <= 1).all()


POLICIES = {"RandAugment": v2.RandAugment, "TrivialAugment": v2.TrivialAugmentWide, "AugMix": v2.AugMix}


@pytest.mark.parametrize("policy", POLICIES)
def test_operations_and_ranges_are_torchvisions(policy):
    theirs = POLICIES[policy]()
    bins = 10 if policy == "AugMix" else 31
    image = torch.from_numpy(streets.render(1, "game", (32, 64))[0]).permute(2, 0, 1).contiguous()
    for name in rivals.OPERATIONS:
        make, signed = theirs._AUGMENTATION_SPACE[name]
        values = make(bins, 32, 64)
        assert signed == (name in rivals.SIGNED)
        for level in (0, 2, 9, bins - 1):
            strength = 0.0 if values is None else float(values[level])
            assert rivals.magnitude(policy, name, level, bins) == pytest.approx(strength, abs=1e-6)
            for sign in (1, -1) if signed else (1,):
                other = theirs._apply_image_or_video_transform(image, name, sign * strength, "nearest", {})
                assert torch.equal(rivals.operate(image, name, sign * strength), other), (name, level)
    geometric = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"}
    assert set(theirs._AUGMENTATION_SPACE) - geometric - {"Identity"} == set(rivals.OPERATIONS)


@pytest.mark.parametrize("rival", [rivals.rand_augment, rivals.trivial_augment, rivals.aug_mix])
def test_rivals_draw_from_their_generator_alone(rival):
    image = torch.from_numpy(streets.render(1, "game", (32, 64))[0]).permute(2, 0, 1).contiguous()
    before = torch.random.get_rng_state()
    draws = [rival(image, torch.Generator().manual_seed(seed)) for seed in (*range(12), 0)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(draws[0], draws[-1])
    assert len({draw.numpy().tobytes() for draw in draws}) >= 6
    assert all(draw.dtype == torch.uint8 and draw.shape == image.shape for draw in draws)
    with pytest.raises(ValueError, match="there are Identity, Brightness"):
        rivals.operate(image, "Rotate", 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scene": 600}, "scene: expected a street from 0 to 599"),
        ({"alpha": 2.0}, "alpha"),
        ({"share": -0.5}, "share"),
        ({"broken": "everything"}, "no way to break it is called 'everything'"),
    ],
)
def test_bad_settings_are_named(assets, changes, message):
    with pytest.raises(ValueError, match=message):
        composer.render(composer.Params(**changes), assets)


def test_all_seven_in_teaching_order_with_titles_and_modules_of_their_own():
    kinds = explorers.all_explorers()
    assert [kind.module for kind in kinds] == ["adain", "bank", "gtr", "ltr", "composer", "cost", "prediction"]
    assert len({kind.title for kind in kinds}) == 7
    for kind in kinds:
        module = getattr(explorers, kind.module)
        assert callable(module.render)  # what "copy as code" names
        assert callable(module.Params)
        assert getattr(explorers, kind.__name__) is kind
