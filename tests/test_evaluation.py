"""``gltr evaluate --data``: equal to cityscapesScripts, on trees in the official formats, with everything it leaves."""

from __future__ import annotations

import errno
import json
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import cli, ledger, models
from gltr_lib import evaluate as ev
from gltr_lib.datasets import open_dataset
from gltr_lib.evaluation import Plan, trained_as
from gltr_lib.labels import CLASSES, LABEL_IDS
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.scale.data import Data
from tests import official_trees
from tests.test_drafts import orphan_of

# A tree of four pictures is not the whole of GTA5, as its reader says.
pytestmark = pytest.mark.filterwarnings("ignore:.*pictures of .* are there")


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A small Cityscapes; one label map has a class that the others lack, and ignored ids of several kinds."""
    tree = official_trees.cityscapes(tmp_path_factory.mktemp("city"))
    path = next((tree.root / "gtFine" / "val").glob("*/*_labelIds.png"))
    ids = np.array(Image.open(path))
    ids[:6, :20] = 29  # caravan, ignored in evaluation
    ids[:6, 20:40] = 31  # train
    ids[6:9] = 3  # out of roi
    Image.fromarray(ids).save(path)
    return tree.root


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    code = cli.main(["evaluate", *map(str, arguments), "--device", "cpu"])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def answer(capsys, *arguments):
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def official(root: Path, predictions: Path):
    """cityscapesScripts on the files: IoU by class name, and its average."""
    module = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    args = module.args
    args.evalInstLevelScore, args.JSONOutput, args.quiet = False, False, True
    args.predictionPath, args.predictionWalk = str(predictions), None
    truths = sorted(str(path) for path in (root / "gtFine" / "val").glob("*/*_gtFine_labelIds.png"))
    found = module.evaluateImgLists([module.getPrediction(args, truth) for truth in truths], truths, args)
    return {name: found["classScores"][name] for name in CLASSES}, found["averageScoreClasses"]


@pytest.mark.slow
def test_it_equals_cityscapes_scripts(city, here, capsys):
    given = ["--data", "cityscapes", "--root", city, "--export", "sent", "--out", "scores"]
    score = answer(capsys, "gtr", *given)["scores"][0]
    scores, average = official(city, here / "sent")
    assert score["miou"] == pytest.approx(average, abs=1e-6)
    absent = [name for name, value in scores.items() if np.isnan(value)]
    assert scores["train"] is not None
    for name, value in scores.items():
        mine = score["per_class"][name]
        assert (mine is None) == (name in absent)
        if mine is not None:
            assert mine == pytest.approx(value, abs=1e-6), name
    assert score["protocol"] == "mIoU-19 @ full size"
    counts = np.array(score["confusion"]["counts"])
    ignored = sum(int((np.array(open_dataset("cityscapes", city, "val").pair(i)[1]) == 255).sum()) for i in range(2))
    assert counts.sum() == 2 * 48 * 96 - ignored


def test_absent_classes_are_left_out_as_the_official_script_does(city, here):
    """Perfect predictions where there is a label, nonsense where there is none: every class present scores 1."""
    dataset = open_dataset("cityscapes", city, "val")
    guess = {}
    for i, key in enumerate(dataset.keys):
        label = dataset.pair(i)[1]
        guess[key] = np.where(label == 255, 16, label)
    ev.export_cityscapes(guess, dataset, here / "sent")
    scores, average = official(city, here / "sent")
    matrix = ConfusionMatrix(19)
    for i, key in enumerate(dataset.keys):
        matrix.update(guess[key], dataset.pair(i)[1])
    assert average == pytest.approx(1.0)
    assert matrix.miou() == pytest.approx(1.0)
    assert [np.isnan(value) for value in scores.values()] == matrix.iou().isnan().tolist()


def test_exported_files_are_what_the_server_wants(city, here, capsys):
    answer(capsys, "baseline", "--data", "cityscapes", "--root", city, "--export", "sent")
    files = sorted((here / "sent").iterdir())
    assert [path.name for path in files] == [
        "frankfurt_000000_000020_pred_labelIds.png", "munster_000001_000020_pred_labelIds.png",
    ]  # fmt: skip
    for path in files:
        with Image.open(path) as opened:
            assert (opened.mode, opened.size) == ("L", (96, 48))
            assert set(np.unique(np.array(opened))) <= set(LABEL_IDS)
    Image.new("L", (2, 2)).save(here / "sent" / "other.png")
    code, _, err = run(capsys, "baseline", "--data", "cityscapes", "--root", city, "--export", "sent")
    assert code == 1
    assert "other.png" in err
    with zipfile.ZipFile(here / "sent.zip") as opened:
        assert sorted(opened.namelist()) == [path.name for path in files]
        assert opened.read(files[0].name) == files[0].read_bytes()


@pytest.mark.parametrize("keep_labels", [True, False])
def test_the_test_split_needs_no_labels(city, here, capsys, keep_labels):
    root = here / "data"
    shutil.copytree(city, root)
    if not keep_labels:
        shutil.rmtree(root / "gtFine")
    given = ["--data", "cityscapes", "--root", root, "--split", "test"]
    said = answer(capsys, "baseline", *given, "--export", "sent", "--window", "32x48")
    assert said["pictures"] == 2
    assert len(list((here / "sent").glob("berlin_*_pred_labelIds.png"))) == 1
    code, _, err = run(capsys, "baseline", *given)
    assert code == 1
    assert "no labels" in err


def test_smaller_predictions_are_brought_to_full_size_by_nearest(city, here):
    dataset = open_dataset("cityscapes", city, "val")
    small = {key: np.arange(8, dtype=np.uint8).reshape(2, 4) for key in dataset.keys}
    (path, _) = ev.export_cityscapes(small, dataset, here / "sent")
    got = np.array(Image.open(path))
    assert got.shape == (48, 96)
    assert np.array_equal(got, np.array(LABEL_IDS, np.uint8)[np.arange(8).reshape(2, 4)].repeat(24, 0).repeat(24, 1))


def test_drafts_of_a_killed_export_go_with_the_next_one_and_are_no_strange_files(city, here):
    dataset = open_dataset("cityscapes", city, "val")
    right = {key: np.zeros((2, 4), np.uint8) for key in dataset.keys}
    sent = here / "sent"
    sent.mkdir()
    left = [orphan_of(sent / "munster_000001_000020_pred_labelIds.png"), orphan_of(here / "sent.zip")]
    written = ev.export_cityscapes(right, dataset, sent, archive=here / "sent.zip")
    assert not any(path.exists() for path in left)
    assert sorted(sent.iterdir()) == sorted(written)
    assert (here / "sent.zip").is_file()


class Items:
    """A stranger's dataset: keys of Cityscapes, and items whose pictures are of any dtype."""

    def __init__(self, pictures):
        self.pictures, self.keys = pictures, [f"ulm_000000_{i:06d}" for i in range(len(pictures))]

    def __getitem__(self, index):
        return self.pictures[index], torch.zeros(8, 8, dtype=torch.long)


class Grey(torch.nn.Module):
    """Tells the grey level of a picture: class 0 for black up to class 10 for white."""

    def forward(self, images):
        nearest = (images.mean(1, keepdim=True) * 10).round()
        return -(nearest - torch.arange(19.0).view(1, -1, 1, 1)).abs()


def test_pictures_of_bytes_reach_the_network_as_those_of_floats_do(here):
    grey = torch.full((3, 8, 8), 0.5)
    written = ev.export_cityscapes(Grey(), Items([grey, (grey * 255).round().to(torch.uint8)]), here / "sent")
    assert [int(np.array(Image.open(path))[0, 0]) for path in written] == [LABEL_IDS[5]] * 2
    with pytest.raises(ValueError, match=r"ulm_000000_000000: expected a picture in \[0,1\]"):
        ev.export_cityscapes(Grey(), Items([grey * 9]), here / "other")


def test_what_cannot_be_sent_is_refused(city, here):
    dataset = open_dataset("cityscapes", city, "val")
    right = {key: np.zeros((2, 4), np.uint8) for key in dataset.keys}
    with pytest.raises(ValueError, match="no prediction for munster"):
        ev.export_cityscapes({dataset.keys[0]: right[dataset.keys[0]]}, dataset, here / "a")
    with pytest.raises(ValueError, match=r"0\.\.18 or 255, found \[19\]"):
        ev.export_cityscapes({key: value + 19 for key, value in right.items()}, dataset, here / "b")
    with pytest.raises(TypeError, match="integer trainIds"):
        ev.export_cityscapes({key: value / 2 for key, value in right.items()}, dataset, here / "c")
    assert not [path for path in here.rglob("*") if path.is_file()]
    Image.new("L", (2, 2)).save(here / "frankfurt_000009_000009_old.png")
    with pytest.raises(ValueError, match="frankfurt_000009_000009_old"):
        ev.export_cityscapes(right, dataset, here)
    pairs = open_dataset("streets", split="val", size=(8, 8))
    with pytest.raises(ValueError, match="no Cityscapes name"):
        ev.export_cityscapes({}, pairs, here / "d")


def test_a_network_comes_home_from_an_evaluation_that_fails(city, here):
    from gltr_lib.evaluation import score

    class Homesick(torch.nn.Conv2d):
        moves: ClassVar[list] = []

        def to(self, where):
            self.moves.append(where)
            return super().to(where)

    net = Homesick(3, 4, 1)  # four classes, where the score needs 19
    with pytest.raises(ValueError, match="answers with 4 classes"):
        score({"mine": net}, Plan("cityscapes", root=city), device="cpu")
    assert net.moves[-1] == torch.device("cpu")
    assert len(net.moves) == 2


# --- the other datasets -----------------------------------------------------------------------------------------------


def reference(dataset, network="gtr"):
    """Counts from a plain loop over the dataset."""
    model, matrix = models.load_shipped(network), ConfusionMatrix(19)
    for i in range(len(dataset)):
        image, label = dataset[i]
        with torch.no_grad():
            matrix.update(model(image[None]).argmax(1)[0], label)
    return matrix


@pytest.mark.parametrize(
    ("name", "build", "options"),
    [
        ("bdd100k", lambda root: official_trees.bdd100k(root, "new"), []),
        ("bdd100k", lambda root: official_trees.bdd100k(root, "old"), []),
        ("vistas", lambda root: official_trees.vistas(root, "v1.2"), ["mapping=openseg"]),
        ("vistas", lambda root: official_trees.vistas(root, "v2.0"), ["version=v2.0"]),
        ("gta5", lambda root: official_trees.gta5(root, 4), []),
        ("synthia", lambda root: official_trees.synthia(root, 3), []),
    ],
)
def test_every_dataset_is_scored_as_a_plain_loop_would(name, build, options, here, capsys):
    build(here / "data")
    given = ["--data", name, "--root", "data", *(["--option", *options] if options else [])]
    score = answer(capsys, "gtr", *given)["scores"][0]
    chosen = dict(option.split("=") for option in options)
    expected = reference(open_dataset(name, here / "data", "val", **chosen))
    assert score["confusion"]["counts"] == expected.counts.tolist()
    count = 16 if name == "synthia" else 19
    assert score["protocol"] == f"mIoU-{count} @ full size"
    assert score["miou"] == pytest.approx(expected.miou(ev.CLASS_SETS[count]), abs=1e-6)
    assert all(option.split("=")[1] in score["data"] for option in options)
    if name == "vistas":  # the choices that were not made stand there too
        assert ("mapping" in score["data"], "version" in score["data"]) == (True, True)


def test_a_folder_of_train_ids_and_prepared_labels(city, here, capsys):
    dataset = open_dataset("cityscapes", city, "val")
    for i, key in enumerate(dataset.keys):
        image, label = dataset.pair(i)
        for kind, pixels in (("images", image), ("labels", label)):
            path = here / "mine" / kind / f"{key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    plain = answer(capsys, "gtr", "--data", "cityscapes", "--root", city)["scores"][0]
    folder = answer(capsys, "gtr", "--data", "folder", "--root", "mine")["scores"][0]
    shutil.copytree(here / "mine" / "labels", here / "prepared" / "val")
    prepared = answer(capsys, "gtr", "--data", "cityscapes", "--root", city, "--prepared", "prepared")["scores"][0]
    assert (plain["data"], folder["data"]) == ("cityscapes/val", "folder/mine")
    assert prepared["data"] == "cityscapes/val (prepared labels)"
    assert folder["confusion"] == plain["confusion"] == prepared["confusion"]


def test_prepared_labels_say_their_mapping(here, capsys):
    from gltr_lib.prepare import convert

    official_trees.vistas(here / "data")
    for mapping in ("robustnet", "openseg"):
        convert.convert("vistas", here / "data", here / mapping, splits=["val"], mapping=mapping, workers=1)
        given = ["gtr", "--data", "vistas", "--root", "data"]
        (prepared,) = answer(capsys, *given, "--prepared", mapping)["scores"]
        (direct,) = answer(capsys, *given, "--option", f"mapping={mapping}")["scores"]
        assert prepared["data"] == f"vistas/val (mapping {mapping}, version v1.2, prepared labels)"
        assert prepared["confusion"] == direct["confusion"]


def test_protocols_windows_and_classes_reach_the_name(city, here, capsys):
    given = ["gtr", "--data", "cityscapes", "--root", city]
    said = answer(capsys, *given, "--classes", "13", "--among", "--window", "24x48", "--flip")
    (score,) = said["scores"]
    assert score["protocol"] == (
        "mIoU-13 (argmax among the 13, other labels ignored) @ full size, with its mirror image"
    )
    assert score["inference"] == "sliding windows 48x24, overlap 1/3, with its mirror image"
    assert len(score["per_class"]) == 13


# --- what is left behind ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_table_json_and_pictures_are_written(city, here, capsys):
    code, out, _ = run(capsys, "gtr", "--data", "cityscapes", "--root", city, "--out", "scores", "--classes", "16")
    assert code == 0
    left = sorted(path.name for path in (here / "scores").iterdir())
    assert left == ["confusion.png", "confusion.txt", "predictions.png", "predictions.txt", "scores.json", "scores.md"]
    (said,) = json.loads((here / "scores" / "scores.json").read_text())["scores"]
    page = (here / "scores" / "scores.md").read_text()
    assert f"| **mean** | **{100 * said['miou']:.1f}** |" in page
    assert f"{100 * said['miou']:.1f}" in out
    assert f"mean IoU {100 * said['miou']:.1f} %" in (here / "scores" / "confusion.txt").read_text()
    assert "mIoU-16 @ full size" in out


@pytest.mark.slow
def test_the_walk_of_the_paper_in_one_table_and_one_picture(city, here, capsys):
    walk = ["gtr", "gtr_ltr", "gtr_ltr_cgl"]
    given = ["--data", "cityscapes", "--root", city, "--out", "scores", "--ledger", "walk.jsonl"]
    scores = answer(capsys, "baseline", "--against", *walk, *given)["scores"]
    assert [score["network"] for score in scores] == ["baseline", *walk]
    page = (here / "scores" / "scores.md").read_text()
    assert "| class | baseline | +GTR | +GTR+LTR | +GTR+LTR+CGL |" in page
    words = (here / "scores" / "predictions.txt").read_text()
    assert "Columns: image, baseline, +GTR, +GTR+LTR, +GTR+LTR+CGL, ground truth." in words
    assert len(list((here / "scores").glob("confusion_*.png"))) == 4
    alone = answer(capsys, "gtr_ltr", *given[:4])["scores"][0]
    assert scores[2]["confusion"] == alone["confusion"]
    rows = ledger.read(here / "walk.jsonl")
    assert [row["method"] for row in rows] == ["baseline", *walk]
    assert [row["value"] for row in rows] == [score["miou"] for score in scores]
    assert run(capsys, "baseline", "--against", "gtr", *given, "--export", "sent")[0] == 2


def test_a_full_disk_for_the_pictures_keeps_the_numbers(city, here, capsys, monkeypatch):
    from gltr_lib import evaluation

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "scores/confusion.png")

    monkeypatch.setattr(evaluation, "_write", full)
    given = ["--data", "cityscapes", "--root", city, "--ledger", "mine.jsonl", "--out", "scores"]
    code, out, err = run(capsys, "gtr", *given)
    assert (code, err.count("\n")) == (1, 1)
    assert "scores/confusion.png: the disk is full" in err
    assert "mean" in out
    assert len(ledger.read(here / "mine.jsonl")) == 1


def test_a_part_of_a_split_is_said_to_be_one(city, here):
    from gltr_lib import evaluation

    plan = Plan("cityscapes", city)
    with pytest.warns(UserWarning, match=r"2 of the 500 pictures of Cityscapes's split 'val' are there; the score is"):
        evaluation._warn_of_a_part(plan, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluation._warn_of_a_part(plan, 500)


def test_the_caption_says_an_augmentation_once(city, here, capsys):
    given = ["--data", "cityscapes", "--root", city, "--window", "32x48", "--flip"]
    head = run(capsys, "gtr", *given)[1].splitlines()[0]
    assert head.count("with its mirror image") == 1
    assert "sliding windows 48x32, overlap 1/3; IoU" in head


def test_the_ledger_gets_a_whole_row(city, here, capsys):
    given = ["--data", "cityscapes", "--root", city, "--ledger", "mine.jsonl"]
    score = answer(capsys, "gtr_ltr", *given)["scores"][0]
    (row,) = ledger.read(here / "mine.jsonl")
    ledger.validate(row)
    assert (row["method"], row["seed"], row["metric"]) == ("gtr_ltr", 0, "mIoU-19")
    assert (row["data"], row["protocol"]) == ("cityscapes/val", "mIoU-19 @ full size")
    assert row["value"] == score["miou"]
    assert row["per_class"] == score["per_class"]
    assert row["inference"] == "whole picture"


def test_method_and_seed_come_from_the_networks_file(city, here, capsys):
    net = models.build("deeplab_mini")
    facts = {"config": {"method": {"name": "gtr"}, "seed": 5, "model": "deeplab_mini"}, "commit": "abc"}
    models.export(net, here / "run" / "model.safetensors", {"facts": json.dumps(facts)})
    models.export(net, here / "bare.safetensors")
    given = ["--data", "cityscapes", "--root", city, "--ledger", "mine.jsonl"]
    answer(capsys, "run", *given)
    answer(capsys, "run/model.safetensors", *given, "--seed", "7")
    code, _, err = run(capsys, "bare.safetensors", *given)
    assert code == 2
    assert "--method NAME --seed N" in err
    answer(capsys, "bare.safetensors", *given, "--method", "mine", "--seed", "1")
    rows = ledger.read(here / "mine.jsonl")
    assert [(row["method"], row["seed"]) for row in rows] == [("gtr", 5), ("gtr", 7), ("mine", 1)]
    assert rows[0]["trained_at"] == "abc"
    assert trained_as("x", {"config": {"method": "gtr", "seed": 0}}) == ("gtr", 0)


def test_a_look_at_real_data_is_counted_before_it_is_taken(city, here, capsys):
    official_trees.gta5(here / "gta")
    real, rendered = ["--data", "cityscapes", "--root", city], ["--data", "gta5", "--root", "gta"]
    answer(capsys, "gtr", *real)
    assert not (here / "results").exists()
    (here / "results").mkdir()
    answer(capsys, "gtr", *real, "--reason", "somebody's project has results of its own")
    assert not list((here / "results").iterdir())
    for part in ("lessons", "gltr_lib/study"):  # now it is a checkout of the course
        (here / part).mkdir(parents=True)
    answer(capsys, "gtr", *real, "--reason", "a test")
    answer(capsys, "gtr", *rendered)
    for path in (city / "gtFine" / "val").glob("munster/*_labelIds.png"):
        path.rename(path.with_suffix(".away"))
    code, _, _ = run(capsys, "gtr", *real)  # refused while the dataset is opened: nothing was looked at
    assert code == 1
    for path in (city / "gtFine" / "val").glob("munster/*.away"):
        path.rename(path.with_suffix(".png"))
    looks = ledger.read(here / "results" / "real_looks.jsonl")
    assert [(look["set"], look["reason"], look["networks"]) for look in looks] == [
        ("cityscapes/val", "a test", ["gtr"])
    ]


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--data", "cityscapes"], "--root"),
        (["--data", "kitti", "--root", "."], "cityscapes, bdd100k"),
        (["--data", "gta5", "--root", ".", "--protocol", "best"], "robustnet-vistas"),
        (["--data", "gta5", "--root", ".", "--classes", "7"], "19, 16, 13"),
        (["--data", "gta5", "--root", ".", "--window", "large"], "768x768"),
        (["--data", "gta5", "--root", ".", "--overlap", "1"], "overlap"),
        (["--data", "gta5", "--root", ".", "--option", "x"], "key=value"),
        (["--out", "x"], "--data"),
        (["--data", "gta5", "--root", ".", "--amp", "fp8"], "bf16 or fp16"),
        (["--data", "camvid", "--root", ".", "--ledger", "x"], "other than camvid"),
        (["--data", "gta5", "--root", ".", "--against", "nobody"], "nobody"),
    ],
)
def test_a_wrong_command_is_one_line_and_leaves_nothing(arguments, text, here, capsys):
    code, out, err = run(capsys, "baseline", *arguments)
    assert (code, out) == (2, "")
    assert text in err
    assert len(err.splitlines()) == 1
    assert list(here.iterdir()) == []


def test_networks_of_others_are_refused_in_words(city, here, capsys):
    from safetensors.torch import save_file

    data = ["--data", "cityscapes", "--root", city]
    save_file({"conv.weight": torch.zeros(1), "bias": torch.zeros(1)}, here / "foreign.safetensors")
    code, _, err = run(capsys, "foreign.safetensors", *data)
    assert code == 1
    assert "no network that gltr train wrote" in err
    assert "bias, conv.weight" in err
    assert len(err.splitlines()) == 1
    models.export(models.build("deeplab_mini", 11), here / "eleven.safetensors")
    code, _, err = run(capsys, "eleven.safetensors", *data)
    assert code == 2
    assert "11 classes" in err
    (here / "empty").mkdir()
    code, _, err = run(capsys, "empty", *data)
    assert code == 1
    assert "no model.safetensors" in err
    (here / "words.safetensors").write_text("not tensors")
    code, _, err = run(capsys, "words.safetensors", *data)
    assert code == 1
    assert "words.safetensors" in err


def test_missing_data_and_bad_pairs_are_named(here, capsys):
    code, _, err = run(capsys, "baseline", "--data", "cityscapes", "--root", "nowhere")
    assert code == 1
    assert "nowhere" in err
    tree = official_trees.bdd100k(here / "data")
    path = sorted((tree.root / "labels/sem_seg/masks/val").glob("*.png"))[1]
    Image.new("L", (10, 10)).save(path)
    code, _, err = run(capsys, "baseline", "--data", "bdd100k", "--root", "data", "--out", "scores")
    assert code == 1
    assert path.stem in err
    assert len(err.splitlines()) == 1
    assert not (here / "scores").exists()


def test_small_networks_see_small_pictures_and_are_scored_at_full_size(city, here, capsys):
    given = ["gtr", "--data", "cityscapes", "--root", city]
    (score,) = answer(capsys, *given, "--fit", "64x32")["scores"]
    assert score["protocol"] == "mIoU-19 @ full size, tested within 64x32"
    whole = answer(capsys, *given)["scores"][0]
    assert np.sum(score["confusion"]["counts"]) == np.sum(whole["confusion"]["counts"])
    assert score["miou"] != whole["miou"]
    assert run(capsys, *given, "--fit", "64x32", "--protocol", "rein")[0] == 2


def test_camvid_is_a_dataset_like_the_others(here, capsys):
    official_trees.camvid(here / "data", layout="fetched")
    one = answer(capsys, "gtr", "--data", "camvid", "--root", "data")["scores"]
    other = answer(capsys, "gtr", "--camvid", "data")["scores"]
    assert one == other
    assert [score["data"] for score in one] == ["camvid/0001TP", "camvid/0006R0", "camvid/0016E5", "camvid/all"]


def test_plans_know_their_classes(tmp_path):
    assert Plan("synthia", tmp_path).rule().name == "mIoU-16 @ full size"
    assert Plan("synthia", tmp_path, classes=13).rule().name == "mIoU-13 @ full size"
    assert Plan("gta5", tmp_path, protocol="gtr").rule().size == (512, 1024)
    assert Plan("cityscapes", tmp_path, "test").unlabelled
    assert not Plan("cityscapes", tmp_path).unlabelled


def test_a_place_where_the_result_cannot_go_is_refused_before_anything_is_scored(city, here, capsys, monkeypatch):
    """It was said after the last picture, once an hour of scoring was over."""
    monkeypatch.setattr("gltr_lib.evaluation.score", lambda *_, **__: pytest.fail("scored first"))
    (here / "file").touch()
    (here / "folder").mkdir()
    for flag, place, words in (
        ("--out", "file", "is a file; expected a folder"),
        ("--export", "file", "is a file; expected a folder"),
        ("--out", "file/table", "file is a file; expected a folder"),
        ("--ledger", "folder", "is a folder; expected a file's name"),
    ):
        code, out, err = run(capsys, "gtr", "--data", "cityscapes", "--root", city, flag, place)
        assert (code, out) == (2, "")
        assert f"{flag} {place}: " in err
        assert words in err
    monkeypatch.setattr("os.access", lambda *_: False)
    code, _, err = run(capsys, "gtr", "--data", "cityscapes", "--root", city, "--out", "new")
    assert code == 1, "the command is right, the disk is not"
    assert "new: permission denied; change the permissions of its folder, or choose another place" in err


def test_a_network_of_a_source_with_fewer_classes_says_which_mean_is_meant(city, here, capsys):
    for source in ("synthia", "gta5"):
        facts = {"data": json.loads(Data(source, root="somewhere").to_json())}
        models.export(models.build("deeplab_mini"), here / f"{source}.safetensors", {"facts": json.dumps(facts)})
    wanted = "trained on SYNTHIA RAND_CITYSCAPES, which has 16 of the 19 classes averaged here; --classes 16"
    for network, choice, said in (("synthia", (), True), ("synthia", ("--classes", 19), False), ("gta5", (), False)):
        code, out, err = run(capsys, f"{network}.safetensors", "--data", "cityscapes", "--root", city, *choice)
        assert code == 0
        assert (wanted in err) == said, err
        assert "mIoU-19" in out
