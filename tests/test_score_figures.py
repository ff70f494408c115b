"""Confusion charts and qualitative grids: what is drawn is what was counted, and words say it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gltr_lib import labels, viz
from gltr_lib.metrics import ConfusionMatrix


def counted() -> ConfusionMatrix:
    matrix = ConfusionMatrix(19)
    rng = np.random.default_rng(0)
    target = rng.choice([c for c in range(19) if c not in (14, 16)], 5000)
    pred = np.where(rng.random(5000) < 0.6, target, rng.choice([0, 2, 14], 5000))
    matrix.update(pred, target)
    return matrix


def test_the_chart_writes_each_rows_share_and_each_iou():
    matrix = counted()
    figure = viz.confusion_chart(matrix, title="cityscapes/val, mIoU-19 @ full size")
    heat, bars = figure.axes
    share = 100 * matrix.counts.double() / matrix.counts.sum(1, keepdim=True)
    written = {tuple(map(int, t.get_position())): t.get_text() for t in heat.texts if t.get_text().isdigit()}
    for r in range(19):
        for c in range(19):
            if share[r, c] >= 0.5:
                assert written[c, r] == f"{share[r, c]:.0f}"
    assert [t.get_text() for t in heat.texts].count("no labelled pixel") == 2
    iou = matrix.iou()
    assert [t.get_text() for t in bars.texts] == ["–" if v.isnan() else f"{100 * v:.1f}" for v in iou]
    assert f"mean {100 * matrix.miou():.1f}" in bars.get_title(loc="left")
    assert [t.get_text() for t in heat.get_yticklabels()] == list(labels.CLASSES)


def test_the_mean_is_that_of_the_averaged_classes():
    matrix, subset = counted(), labels.SYNTHIA_13
    bars = viz.confusion_chart(matrix, averaged=subset).axes[1]
    assert f"mean {100 * matrix.miou(subset):.1f}" in bars.get_title(loc="left")
    assert len({bar.get_facecolor() for bar in bars.patches}) == 2
    assert f"mean IoU {100 * matrix.miou(subset):.1f} %" in viz.confusion_alt(matrix, averaged=subset)


def test_counts_of_other_classes_draw_too():
    figure = viz.confusion_chart(torch.tensor([[3, 1], [0, 0]]), ["road", "sky"])
    assert viz.to_png(figure).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="square"):
        viz.confusion_chart(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="one name a class"):
        viz.confusion_chart(np.eye(3), ["a"])


def test_words_fit_where_alternative_text_goes():
    for matrix in (counted(), ConfusionMatrix(19)):
        assert 15 <= len(viz.confusion_alt(matrix)) <= 400
    long = {name: [np.zeros((2, 2), int)] * 4 for name in ("baseline", "+GTR", "+GTR+LTR", "+GTR+LTR+CGL")}
    words = viz.qualitative_alt(long, [np.array([[0, 0], [255, 1]])] * 4)
    assert len(words) <= 400
    assert "+GTR+LTR+CGL 67 %" in words


def pictures(sizes=((40, 80), (50, 60))):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    truth = [np.zeros(size, np.uint8) for size in sizes]
    truth[0][:10] = 10
    truth[0][-8:] = 255
    guess = [np.full(size, 2, np.uint8) for size in sizes]
    return images, truth, guess


def test_the_grid_has_the_papers_columns_in_order():
    images, truth, guess = pictures()
    names = ["baseline", "+GTR", "+GTR+LTR", "+GTR+LTR+CGL"]
    figure = viz.qualitative_grid(images, dict.fromkeys(names, guess), truth, rows=["frankfurt_000000_000294", "b"])
    drawn = [ax for ax in figure.axes if ax.images][:12]
    assert [ax.get_title(loc="left") for ax in drawn[:6]] == ["image", *names, "ground truth"]
    assert np.array_equal(drawn[0].images[0].get_array(), images[0])
    safe = labels.PALETTES["safe"]
    assert (drawn[1].images[0].get_array() == safe[2]).all()
    lefts = [ax.get_position().x0 for ax in drawn[:6]]
    gaps = np.diff(lefts)
    assert gaps[0] > gaps[1]
    assert gaps[4] > gaps[3]
    legend = {text.get_text() for text in figure.axes[-1].texts}
    assert legend == {"road", "sky", "building", "unlabelled"}
    boxes = [ax.get_position() for ax in figure.axes]
    assert all(-1e-6 <= b.x0 < b.x1 <= 1 + 1e-6 and -1e-6 <= b.y0 < b.y1 <= 1 + 1e-6 for b in boxes)


def test_unlabelled_pixels_are_striped_and_no_class_is():
    images, truth, guess = pictures()
    figure = viz.qualitative_grid(images, {"a": guess}, truth)
    seen = np.asarray(figure.axes[2].images[0].get_array())
    stripes = {tuple(colour) for colour in seen[-8:].reshape(-1, 3)}
    assert len(stripes) == 2
    for palette in labels.PALETTES.values():
        assert not stripes & {tuple(colour) for colour in palette}
    assert (seen[:10] == labels.PALETTES["safe"][10]).all()


def test_large_pictures_are_brought_to_what_can_be_seen_without_new_classes():
    image, truth = np.zeros((600, 1500, 3), np.uint8), np.random.default_rng(0).integers(0, 2, (600, 1500), np.uint8)
    figure = viz.qualitative_grid([image], {"a": [torch.from_numpy(truth)]}, palette="cityscapes")
    seen = np.asarray(figure.axes[1].images[0].get_array())
    assert seen.shape == (256, 640, 3)
    colours = {tuple(colour) for colour in labels.PALETTES["cityscapes"][:2]}
    assert {tuple(colour) for colour in seen.reshape(-1, 3)} == colours
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["image", "a"]


def test_what_does_not_fit_is_named():
    images, truth, guess = pictures()
    with pytest.raises(ValueError, match="at least one"):
        viz.qualitative_grid([], {})
    with pytest.raises(ValueError, match="2 pictures but 1 maps in 'a'"):
        viz.qualitative_grid(images, {"a": guess[:1]}, truth)
    with pytest.raises(ValueError, match="'a' of picture 1"):
        viz.qualitative_grid(images, {"a": [guess[0], guess[0]]}, truth)
    with pytest.raises(ValueError, match="palette"):
        viz.qualitative_grid(images, {"a": guess}, palette="bright")
