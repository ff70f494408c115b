"""The prediction explorer: the networks' own answers, errors only where labels are, own pictures never scored."""

import io
import os
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import models, streets
from gltr_lib.datasets import EVAL_SEEDS
from gltr_lib.evaluation import TITLES
from gltr_lib.explorers import Assets, PredictionExplorer, prediction
from gltr_lib.explorers import _maps as maps
from gltr_lib.labels import CLASSES, PALETTES
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.viz import RIGHT, WRONG

TWO = ("baseline", "gtr")


def colour(text):
    return tuple(bytes.fromhex(text[1:]))


@pytest.fixture(scope="module")
def street():
    picture, truth = streets.render(EVAL_SEEDS[2], "overcast", prediction.SIZE)
    batch = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        logits = {name: models.load_shipped(name)(batch)[0] for name in TWO}
    return truth, {name: values.argmax(0).numpy() for name, values in logits.items()}, logits


def test_the_scores_are_those_of_the_networks_themselves(street):
    truth, guesses, _ = street
    _, words = prediction.render(prediction.Params(scene=2, networks=TWO))
    _, one = prediction.render(prediction.Params(scene=2, networks=TWO, only="8 vegetation"))
    for name in TWO:
        matrix = ConfusionMatrix(19)
        matrix.update(guesses[name], truth)
        said = TITLES[name]  # what tables call it, not the file's name
        assert f"{said} {100 * matrix.miou():.1f}%" in words
        assert f"{said} {100 * matrix.iou()[8]:.1f}%" in one
    assert "anecdote" in words


def test_confidence_is_the_mean_of_the_highest_probability(street):
    truth, guesses, logits = street
    _, words = prediction.render(prediction.Params(scene=2, networks=TWO, view="confidence"))
    sure = logits["gtr"].softmax(0).max(0).values.mean().item()
    right = (guesses["gtr"] == truth)[truth != 255].mean()
    assert f"+GTR is {sure:.0%} sure and right on {right:.0%}" in words
    picture, _ = prediction.render(prediction.Params(scene=2, networks=("gtr",), view="confidence", only="10 sky"))
    spot = np.unravel_index(
        logits["gtr"].softmax(0)[10].argmax().item(), truth.shape
    )  # surely sky: the scale's yellow end
    y, x = (round(36 + spot[0] * 150 / 128 + 0.5), round(328 + spot[1] * 300 / 256 + 0.5))
    assert np.abs(picture[y, x].astype(int) - maps.share_map(np.ones((1, 1)))[0, 0]).max() < 12


def test_errors_are_light_blue_and_dark_orange():
    picture = np.full((2, 4, 3), 200, np.uint8)
    truth = np.array([[13, 13, 0, 255], [0, 0, 0, 0]], np.uint8)
    guess = np.array([[13, 0, 13, 13], [0, 0, 0, 0]], np.uint8)
    drawn = maps.class_errors(picture, guess, truth, 13)
    assert tuple(drawn[0, 0]) == colour(RIGHT)
    assert tuple(drawn[0, 1]) == colour(WRONG)
    assert tuple(drawn[0, 2]) == colour(maps.ERRORS[2])
    assert (drawn[0, 3] == drawn[1, 0]).all()  # claimed where nobody knows: neither right nor wrong
    light = [sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), colour(e), strict=True)) for e in maps.ERRORS]
    assert light[0] > light[1] + 40 > light[2] + 80  # they differ in lightness too


def test_the_error_view_shows_as_many_wrong_pixels_as_there_are(street):
    truth, guesses, _ = street
    picture, _ = prediction.render(prediction.Params(scene=2, networks=("gtr",), view="errors"))
    panel = picture[36:186, 328:628].astype(int)
    orange = (panel[..., 0] > panel[..., 2]).mean()
    wrong = (guesses["gtr"] != truth)[truth != 255].mean()
    assert orange == pytest.approx(wrong, abs=0.03)


def test_one_class_alone_and_its_legend():
    picture = np.full((6, 6, 3), 100, np.uint8)
    classes = np.zeros((6, 6), np.uint8)
    classes[1:5, 1:5] = 13
    shown = maps.class_map(picture, classes, 13)
    assert np.ptp(shown[0, 0]) == 0  # the rest is grey
    assert np.abs(shown[2, 2].astype(int) - PALETTES["safe"][13]).max() < 25
    edged = maps.outline(picture, classes == 13)
    assert (edged[1, 1:5] == 17).all()
    assert (edged[2, 2] == 100).all()
    everything, _ = prediction.render(prediction.Params(networks=("gtr",)))
    alone, _ = prediction.render(prediction.Params(networks=("gtr",), only="13 car"))
    chips = np.s_[440:480, 14:900]
    assert (everything[chips] == PALETTES["safe"][0]).all(-1).any()  # road has its chip
    assert not (alone[chips] == PALETTES["safe"][0]).all(-1).any()  # and is pale where car stands alone


def test_agreement_by_hand():
    a, b, c = (np.array([row]) for row in ([1, 1, 1], [1, 1, 2], [1, 2, 3]))
    assert maps.agreement([a, b, c]).tolist() == [[1.0, 0.5, 0.0]]


@pytest.mark.parametrize("view", prediction.VIEWS)
def test_a_picture_without_labels_is_never_scored(view):
    rng = np.random.default_rng(0)
    own = prediction.world().with_image("mine.png", rng.integers(0, 256, (60, 90, 3)).astype(np.uint8))
    picture, words = prediction.render(prediction.Params(image="mine.png", networks=TWO, view=view), own)
    assert "IoU" not in words
    assert "right" not in words
    assert "Nobody has labelled this picture" in words
    for hexes in maps.ERRORS[:2]:  # no pixel in the colours of right and wrong
        assert not (np.abs(picture[:390].astype(int) - colour(hexes)).max(-1) < 3).any()


def test_one_network_alone_has_no_scale_of_agreement(monkeypatch):
    titles = []
    monkeypatch.setattr(maps, "share_scale", lambda canvas, title: titles.append(title))
    own = prediction.world().with_image("mine.png", np.full((40, 60, 3), 99, np.uint8))
    for networks in (TWO, TWO[:1]):
        prediction.render(prediction.Params(image="mine.png", networks=networks), own)
    assert len(titles) == 1
    assert "of the other networks agree" in titles[0]


def test_words_about_the_confidence_in_one_class_are_about_that_class(street):
    _, _, logits = street
    bicycle, only = CLASSES.index("bicycle"), f"{CLASSES.index('bicycle')} bicycle"
    params = prediction.Params(scene=2, networks=TWO, view="confidence", only=only)
    words = prediction.render(params)[1]
    shares = ", ".join(f"{TITLES[name]} {logits[name].softmax(0)[bicycle].mean().item():.0%}" for name in TWO)
    assert f"Mean probability of it: {shares}." in words
    own = prediction.world().with_image("mine.png", np.full((40, 60, 3), 99, np.uint8))
    words = prediction.render(prediction.Params("mine.png", networks=TWO, view="confidence", only=only), own)[1]
    assert "Mean probability of bicycle: baseline " in words
    assert "Mean confidence" not in words


def test_upload_then_copy_as_code(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("gltr_lib.viz.show", lambda thing, *, alt: shown.append((thing, alt)))
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 70, 3)).astype(np.uint8)).save(file, "PNG")
    (tmp_path / "mine.png").write_bytes(file.getvalue())
    explorer = PredictionExplorer(prediction.Params(networks=TWO), synchronous=True)
    explorer.upload_button.value = ({"name": "mine.png", "type": "image/png", "size": 1, "content": file.getvalue(),
                                     "last_modified": datetime.now(UTC)},)  # fmt: skip
    assert explorer.params.image == "mine.png"
    assert list(explorer.controls["image"].options) == [prediction.STREET, "mine.png"]
    exec(explorer.code, {})
    assert np.array_equal(shown[0][0], explorer.static())
    assert shown[0][1] == explorer.words


def test_own_assets_join_the_street():
    own = Assets({"lane": np.random.default_rng(0).integers(0, 256, (32, 64, 3)).astype(np.uint8)})
    explorer = PredictionExplorer(prediction.Params(networks=("gtr",)), assets=own, synchronous=True)
    explorer.update(image="lane")
    assert explorer.words.startswith("lane: classes")
    space = {"assets": own}
    exec(explorer.code.replace("viz.show(picture, alt=words)", ""), space)
    assert np.array_equal(space["picture"], explorer.static())


def test_a_trained_network_of_the_users_own(tmp_path):
    path = models.export(models.build("deeplab_mini"), tmp_path / "model.safetensors")
    params = prediction.Params(networks=("gtr", str(tmp_path)))
    picture, words = prediction.render(params)
    assert picture.shape == (492, 960, 3)
    assert tmp_path.name[-20:] in words
    models.export(models.load_shipped("gtr"), path)  # a run that went on: the file is read again
    stamp = path.stat()
    os.utime(path, (stamp.st_atime, stamp.st_mtime + 5))
    _, later = prediction.render(params)
    scores = later.split(": ")[-1].split(". One")[0].split(", ")
    assert scores[0].split()[-1] == scores[1].split()[-1]
    models.export(models.build("deeplab_mini", 7), path)
    os.utime(path, (stamp.st_atime, stamp.st_mtime + 10))
    with pytest.raises(ValueError, match="has 7 classes, expected the 19"):
        prediction.render(params)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "boulevard"}, "no image is called 'boulevard'"),
        ({"scene": 100_000}, "scene: expected a number from 0 to"),
        ({"look": "sampled:1000"}, "reserved for the study's final run"),
        ({"look": "foggy"}, "look: unknown 'foggy'"),
        ({"view": "dreams"}, "no view is called 'dreams'"),
        ({"only": "19 boat"}, "no class is called '19 boat'"),
        ({"networks": ()}, "expected one to 4"),
        ({"networks": ("nobody",)}, "neither a shipped network nor a file"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        prediction.render(prediction.Params(**{"networks": ("gtr",), **changes}))


def test_every_class_can_stand_alone():
    assert prediction.ONLY[1:] == tuple(f"{c} {name}" for c, name in enumerate(CLASSES))
