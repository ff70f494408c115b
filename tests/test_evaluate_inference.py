"""Sliding windows, whole pictures, flip and scales, against plain loops; protocols against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from gltr_lib import evaluate as ev
from gltr_lib.evaluate.passes import bands, evaluation_mode, most_probable, window_starts
from gltr_lib.labels import CLASSES


def network(classes: int = 5, seed: int = 0) -> nn.Module:
    """A network that sees its neighbourhood, so that a window's border shows."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, classes, 3, padding=1)).eval()


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def slow_windows(model, images, window, overlap):
    """The definition: sums and counts over the whole picture, windows by while loops."""
    height, width = images.shape[-2:]
    tall, wide = min(window[0], height), min(window[1], width)
    steps = [max(1, round(side * (1 - overlap))) for side in (tall, wide)]
    total, count, y = 0, torch.zeros(1, 1, height, width), 0
    while True:
        y, x = min(y, height - tall), 0
        while True:
            x = min(x, width - wide)
            full = torch.zeros(len(images), 5, height, width)
            with torch.no_grad():
                full[:, :, y : y + tall, x : x + wide] = model(images[:, :, y : y + tall, x : x + wide])
            total = total + full
            count[:, :, y : y + tall, x : x + wide] += 1
            if x + wide >= width:
                break
            x += steps[1]
        if y + tall >= height:
            break
        y += steps[0]
    assert count.min() >= 1
    return total / count


@settings(deadline=None, max_examples=25)
@given(
    st.tuples(st.integers(1, 23), st.integers(1, 23)),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.8]),
)
def test_sliding_windows_equal_the_plain_loop(size, window, overlap):
    model, images = network(), pictures(2, 3, *size)
    with torch.no_grad():
        got = torch.cat([*bands(model, images, window, overlap)], dim=2)
    torch.testing.assert_close(got, slow_windows(model, images, window, overlap), atol=1e-5, rtol=1e-5)
    classes = ev.predict_classes(model, images, ev.Inference(window, overlap))
    assert torch.equal(classes.long(), got.argmax(1))


@pytest.mark.parametrize("window", [(9, 14), (9, 100), (400, 14), (50, 50), 14])
def test_a_window_that_covers_the_picture_is_the_whole_picture(window):
    model, images = network(), pictures(1, 3, 9, 14)
    whole, sides = ev.predict_whole(model, images), ev.Inference(window).sides
    with torch.no_grad():
        (band,) = bands(model, images, sides, 1 / 3)
    assert torch.equal(band, whole)
    assert torch.equal(ev.predict_classes(model, images, ev.Inference(window)).long(), whole.argmax(1))


def test_windows_need_the_memory_of_one_row_of_windows(monkeypatch):
    held = []
    zeros = torch.Tensor.new_zeros
    monkeypatch.setattr(torch.Tensor, "new_zeros", lambda self, size, **k: held.append(size) or zeros(self, size, **k))
    ev.predict_classes(network(), pictures(1, 3, 400, 16), ev.Inference((8, 8), 0.5))
    assert max(np.prod(size) for size in held) == 5 * 8 * 16


def test_starts_cover_every_pixel_and_end_with_the_picture():
    for length in range(1, 30):
        for window in range(1, 33):
            starts = window_starts(length, window, 1 / 3)
            covered = {p for s in starts for p in range(s, s + min(window, length))}
            assert covered == set(range(length))
            assert starts == sorted(set(starts))


def test_flip_and_scales_average_probabilities():
    model, images = network(), pictures(1, 3, 12, 18)
    parts = []
    for scale in (0.5, 1.0):
        size = (round(12 * scale), round(18 * scale))
        view = images if scale == 1 else F.interpolate(images, size, mode="bilinear", antialias=True).clamp(0, 1)
        for flip in (False, True):
            with torch.no_grad():
                p = model(view.flip(3) if flip else view).softmax(1)
            p = p.flip(3) if flip else p
            parts.append(F.interpolate(p, (12, 18), mode="bilinear", align_corners=False))
    expected = torch.stack(parts).mean(0).argmax(1)
    got = ev.predict_classes(model, images, ev.Inference(flip=True, scales=(0.5, 1.0)))
    assert torch.equal(got.long(), expected)


def test_the_mirror_image_of_a_picture_gets_the_mirror_image_of_the_answer():
    model, images = network(), pictures(1, 3, 10, 15)
    how = ev.Inference((6, 6), 0.0, flip=True)
    one, other = (ev.predict_classes(model, view, how) for view in (images, images.flip(3)))
    assert (one == other.flip(2)).float().mean() > 0.999


@pytest.mark.parametrize("size", [(7, 9), (24, 31)])
def test_classes_at_another_size_are_those_of_resized_scores(size):
    scores = torch.randn(2, 6, 12, 15, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(scores, size, mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(most_probable(scores, size), expected)


def test_ties_go_to_the_lower_class():
    scores = torch.zeros(1, 4, 8, 8)
    assert most_probable(scores).eq(0).all()
    assert most_probable(scores, (3, 3)).eq(0).all()


def test_among_chooses_from_the_given_classes_only():
    model, images = network(), pictures(1, 3, 9, 9)
    got = ev.predict_classes(model, images, among=(1, 4))
    logits = ev.predict_whole(model, images)
    assert torch.equal(got, torch.where(logits[:, 4] > logits[:, 1], 4, 1).to(torch.uint8))


def test_bytes_and_floats_give_the_same():
    model = network()
    images = (pictures(1, 3, 8, 8) * 255).to(torch.uint8)
    assert torch.equal(ev.predict_whole(model, images), ev.predict_whole(model, images.float() / 255))


def test_autocast_is_close_and_marks_nothing_else():
    model, images = network(), pictures(1, 3, 16, 16)
    full, half = ev.predict_whole(model, images), ev.predict_whole(model, images, amp=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, atol=0.05, rtol=0.05)


def test_every_module_gets_its_own_mode_back():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1)).train()
    model[0].eval()  # frozen, as fine-tuning does
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, False, True]


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"window": (0, 5)}, "window"),
        ({"window": "large"}, "window"),
        ({"window": (5, 5), "overlap": 1.0}, "overlap"),
        ({"scales": ()}, "scales"),
        ({"scales": (0.0,)}, "scales"),
    ],
)
def test_impossible_ways_of_looking_are_named(how, text):
    with pytest.raises(ValueError, match=text):
        ev.Inference(**how)


def test_a_model_that_gives_no_logits_is_named():
    with pytest.raises(TypeError, match="logits"):
        ev.predict_whole(nn.Flatten(), pictures(1, 3, 4, 4))


# --- protocols --------------------------------------------------------------------------------------------------------


def photo(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8), rng.integers(
        0, 19, (height, width), dtype=np.uint8
    )


def test_names_say_what_was_done():
    assert ev.find_protocol("full").name == "mIoU-19 @ full size"
    assert ev.find_protocol("gtr", 13).name == "mIoU-13 @ 1024x512 labels resized (GTR protocol)"
    assert "1536" in ev.PROTOCOLS["robustnet-vistas"].name
    assert "half size" in ev.PROTOCOLS["rein-vistas"].name
    assert len({protocol.name for protocol in ev.PROTOCOLS.values()}) == len(ev.PROTOCOLS)
    with pytest.raises(ValueError, match="full, gtr, robustnet-vistas, rein"):
        ev.find_protocol("nothing")
    with pytest.raises(ValueError, match="19, 16, 13"):
        ev.find_protocol("full", 11)
    with pytest.raises(ValueError, match="19 classes"):
        ev.find_protocol("full", 16).with_classes(13)


def test_full_size_changes_nothing():
    image, label = photo(21, 33)
    picture, target = ev.prepare(ev.FULL_SIZE, image, label)
    assert picture is image
    assert target is label


def test_gtr_protocol_resizes_both():
    image, label = photo(40, 90)
    picture, target = ev.prepare(ev.resized_protocol(16, 32), image, label)
    assert np.array_equal(picture, np.asarray(Image.fromarray(image).resize((32, 16), Image.Resampling.BICUBIC)))
    assert np.array_equal(target, np.asarray(Image.fromarray(label).resize((32, 16), Image.Resampling.NEAREST)))


@pytest.mark.parametrize("size", [(30, 60), (60, 30), (30, 31), (7, 9)])
def test_robustnets_protocol_is_height_then_the_middle(size):
    plan = ev.Protocol("small", height=20, crop=(20, 20))
    image, label = photo(*size)
    picture, target = ev.prepare(plan, image, label)
    width = int(size[1] / size[0] * 20)
    big = np.asarray(Image.fromarray(label).resize((width, 20), Image.Resampling.NEAREST))
    assert picture.shape == (20, 20, 3)
    if width >= 20:
        start = round((width - 20) / 2)
        assert np.array_equal(target, big[:, start : start + 20])
    else:  # narrow: the picture stands in the middle of ignored pixels
        inside = np.flatnonzero((target != 255).any(0))
        assert len(inside) == width
        assert abs(inside[0] - (19 - inside[-1])) <= 1
        assert np.array_equal(target[:, inside], big)
        assert not picture[:, target[0] == 255].any()


def test_reins_protocol_shrinks_the_picture_and_not_the_label():
    image, label = photo(60, 100)
    picture, target = ev.prepare(ev.Protocol("small", fit=(50, 25)), image, label)
    assert picture.shape[:2] == (25, 42)  # the short side decides: 25/60
    assert target is label
    picture, target = ev.prepare(ev.Protocol("small", halve=True, fit=(25, 100)), image, label)
    assert picture.shape[:2] == (15, 25)
    assert np.array_equal(target, np.asarray(Image.fromarray(label).resize((50, 30), Image.Resampling.NEAREST)))


def test_fitting_equals_plain_bilinear_sampling():
    image, label = photo(8, 16)
    picture, _ = ev.prepare(ev.Protocol("small", fit=(8, 4)), image, label)
    corners = image.reshape(4, 2, 8, 2, 3).astype(float).mean((1, 3))  # halving: the mean of four neighbours
    assert np.abs(picture - corners).max() <= 0.5 + 1e-6


def test_only_labels_of_the_chosen_classes_stay():
    image, label = photo(40, 40)
    _, target = ev.prepare(ev.find_protocol("full", 13, among=True), image, label)
    kept = {CLASSES[c] for c in np.unique(target) if c != 255}
    assert {"wall", "fence", "pole", "terrain", "truck", "train"} == set(CLASSES) - kept
    assert np.array_equal(target[target != 255], label[target != 255])


def test_doubles_and_halves_are_brought_to_the_network_s_precision():
    net = torch.nn.Conv2d(3, 4, 1)
    for dtype in (torch.float64, torch.float16):
        pictures = torch.rand(1, 3, 5, 6).to(dtype)
        assert ev.predict_whole(net, pictures).dtype == torch.float32
        assert ev.predict_classes(net, pictures).shape == (1, 5, 6)


def test_answers_that_nobody_can_give_are_refused_by_name():
    net, pictures = torch.nn.Conv2d(3, 4, 1), torch.rand(1, 3, 5, 6)
    for asked, words in (({"size": (0, 3)}, "size: "), ({"among": []}, "among: "), ({"among": [-1]}, "among: ")):
        with pytest.raises(ValueError, match=words):
            ev.predict_classes(net, pictures, **asked)
    with pytest.raises(ValueError, match="images: "):
        ev.predict_whole(net, pictures.to_sparse())
    for name, value in (("scales", "x"), ("overlap", None), ("window", "x")):
        with pytest.raises(ValueError, match=f"{name}: "):
            ev.Inference(**{name: value})
