"""Labels to trainIds and GTA5's crops, on trees in the official formats, against slow readers that share no code."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import official_trees as trees
import pytest
from PIL import Image

from gltr_lib import _drafts
from gltr_lib.datasets import LAYOUTS, open_dataset
from gltr_lib.prepare import _job
from gltr_lib.prepare.convert import convert, default_splits, to_train_ids
from gltr_lib.prepare.crops import corners, crop_pairs

TREES = {
    "gta5": (trees.gta5, {"lists": "official"}),
    "synthia": (trees.synthia, {}),
    "cityscapes": (trees.cityscapes, {}),
    "bdd100k": (trees.bdd100k, {}),
    "bdd100k-old": (lambda root: trees.bdd100k(root, "old"), {}),
    "vistas": (trees.vistas, {}),
    "vistas-both": (lambda root: trees.vistas(root, "v2.0"), {}),
    "vistas-v2.0": (lambda root: trees.vistas(root, "v2.0"), {"version": "v2.0"}),
    "camvid": (trees.camvid, {}),
}


@pytest.mark.filterwarnings("ignore:.*pictures of")
@pytest.mark.parametrize("kind", TREES)
def test_every_dataset_becomes_the_train_ids_that_its_tree_was_made_of(tmp_path, kind):
    build, options = TREES[kind]
    tree, name = build(tmp_path / "raw"), kind.split("-")[0]
    before = {p: p.read_bytes() for p in (tmp_path / "raw").rglob("*") if p.is_file()}
    manifest = convert(name, tmp_path / "raw", tmp_path / "out", workers=1, **options)
    assert manifest["complete"]
    assert set(manifest["splits"]) == set(default_splits(LAYOUTS[name]))
    for split, facts in manifest["splits"].items():
        truth = tree.truth[split]
        opened = open_dataset(name, tmp_path / "raw", split, prepared=tmp_path / "out", **options)
        assert facts["done"] == facts["pairs"] == len(truth) == len(opened)
        everything = []
        for pair in opened.pairs:
            with Image.open(tmp_path / "out" / split / f"{pair.key}.png") as converted:
                assert converted.mode == "L"
                labels = np.asarray(converted)
            expected = truth[pair.image.relative_to(tmp_path / "raw").as_posix()]
            assert np.array_equal(labels, expected)
            everything.append(labels)
        # the manifest's counts against a plain count of what was written
        names = LAYOUTS[name].class_names
        for number, label in (*enumerate(names), (255, "ignored")):
            assert facts["pixels"][label] == sum(int((labels == number).sum()) for labels in everything)
            assert facts["pictures"][label] == sum(bool((labels == number).any()) for labels in everything)
        assert sum(facts["ids"].values()) == sum(labels.size for labels in everything)
        assert sum(facts["sizes"].values()) == len(everything)
    assert {p: p.read_bytes() for p in (tmp_path / "raw").rglob("*") if p.is_file()} == before, (
        "the source is only read"
    )


@pytest.mark.filterwarnings("ignore:.*pictures of")
def test_the_reader_and_the_converter_agree(tmp_path):
    trees.synthia(tmp_path / "raw")
    convert("synthia", tmp_path / "raw", tmp_path / "out", workers=1)
    layout = LAYOUTS["synthia"]
    for pair in layout.pairs(tmp_path / "raw", "train"):
        with Image.open(tmp_path / "out" / "train" / f"{pair.key}.png") as converted:
            assert np.array_equal(np.asarray(converted), layout.read_label(pair))


def test_the_table_read_equals_a_pixel_loop():
    rng = np.random.default_rng(0)
    ids = rng.choice(np.array([0, 3, 7, 255], np.uint8), (6, 5))
    table = rng.integers(0, 256, 256, dtype=np.uint8)
    labels, counts = to_train_ids(ids, table, frozenset({0, 3, 7, 255}))
    for y in range(6):
        for x in range(5):
            assert labels[y, x] == table[ids[y, x]]
    assert {int(n): int(counts[n]) for n in np.flatnonzero(counts)} == {
        int(n): int((ids == n).sum()) for n in np.unique(ids)
    }
    with pytest.raises(ValueError, match=r"outside the table: 7 \(\d+ pixels\), 255 .*legal: 0, 3"):
        to_train_ids(ids, table, frozenset({0, 3}))


def test_bad_files_are_refused_by_name_and_the_others_converted(tmp_path):
    trees.cityscapes(tmp_path / "raw", count=6)
    labels = sorted((tmp_path / "raw" / "gtFine" / "train").rglob("*_labelIds.png"))
    pixels = np.asarray(Image.open(labels[0])).copy()
    pixels[0, :3] = 77
    Image.fromarray(pixels).save(labels[0])
    labels[1].write_bytes(labels[1].read_bytes()[:-100])
    Image.fromarray(pixels[:-1] * 0).save(labels[2])
    Image.fromarray(np.dstack([pixels] * 3)).save(labels[3])
    manifest = convert("cityscapes", tmp_path / "raw", tmp_path / "out", workers=1)
    facts = manifest["splits"]["train"]
    reasons = [facts["refused"][str(path)] for path in labels[:4]]
    for reason, words in zip(
        reasons,
        ("ids outside the table: 77 (3 pixels)", "damaged", "96x47 but its picture is 96x48", "one channel"),
        strict=True,
    ):
        assert words in reason
    assert reasons[2].endswith("unpack both again, or move both files away")  # no list says what is in a split
    assert not manifest["complete"]
    assert facts["done"] == 2
    assert len(list((tmp_path / "out" / "train").glob("*.png"))) == 2
    # mended files are converted by the next call; the good ones are not touched
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "train").glob("*.png")}
    for path in labels[:4]:
        Image.fromarray(np.full((48, 96), 7, np.uint8)).save(path)
    manifest = convert("cityscapes", tmp_path / "raw", tmp_path / "out", workers=1)
    assert manifest["complete"]
    assert manifest["splits"]["train"]["done"] == 6
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps


def test_a_pair_of_two_sizes_is_left_out_as_the_message_says(tmp_path):
    trees.gta5(tmp_path / "raw")
    Image.new("L", (96, 40), 7).save(tmp_path / "raw" / "labels" / "00001.png")
    out = {"root": tmp_path / "raw", "out": tmp_path / "out", "splits": ["train"], "workers": 1}
    facts = convert("gta5", **out)["splits"]["train"]
    assert "96x40 but its picture is 96x53" in next(iter(facts["refused"].values()))
    assert "the names that you want in train.txt beside the data's folders" in next(iter(facts["refused"].values()))
    (tmp_path / "raw" / "train.txt").write_text("00002\n")
    assert convert("gta5", **out)["complete"]


def test_a_deleted_or_replaced_file_is_converted_anew(tmp_path):
    trees.bdd100k(tmp_path / "raw")
    convert("bdd100k", tmp_path / "raw", tmp_path / "out", workers=1)
    first, second = sorted((tmp_path / "out" / "train").glob("*.png"))
    first.unlink()
    source = tmp_path / "raw" / "labels" / "sem_seg" / "masks" / "train" / second.name
    Image.fromarray(np.full((54, 96), 3, np.uint8)).save(source)
    facts = convert("bdd100k", tmp_path / "raw", tmp_path / "out", workers=1)["splits"]["train"]
    assert first.is_file()
    assert (np.asarray(Image.open(second)) == 3).all()
    assert facts["ids"]["3"] >= 54 * 96, "the journal's newer line counts"
    assert facts["pairs"] == facts["done"] == 2


def test_other_settings_and_foreign_folders_are_refused(tmp_path):
    trees.vistas(tmp_path / "raw", "v2.0")
    convert("vistas", tmp_path / "raw", tmp_path / "out", splits=["val"], workers=1)
    with pytest.raises(ValueError, match=r"other settings \(.*mapping.*choose a new folder"):
        convert("vistas", tmp_path / "raw", tmp_path / "out", workers=1, mapping="openseg")
    manifest = convert("vistas", tmp_path / "raw", tmp_path / "out", splits=["train"], workers=1)
    assert set(manifest["splits"]) == {"train", "val"}, "what an earlier call converted stays in the manifest"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("x")
    with pytest.raises(ValueError, match="nothing is overwritten"):
        convert("vistas", tmp_path / "raw", tmp_path / "mine", workers=1)
    with pytest.raises(ValueError, match="labels of Mapillary Vistas's split 'test' are not published"):
        convert("vistas", tmp_path / "raw", tmp_path / "new", splits=["test"], workers=1)
    with pytest.raises(ValueError, match="no such folder"):
        convert("gta5", tmp_path / "nowhere", tmp_path / "new", workers=1)
    assert not (tmp_path / "new").exists()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match="not a manifest"):
        convert("vistas", tmp_path / "raw", tmp_path / "out", workers=1)


def test_a_lone_picture_stops_the_conversion_before_it_begins(tmp_path):
    trees.bdd100k(tmp_path / "raw")
    lone = next((tmp_path / "raw" / "labels" / "sem_seg" / "masks" / "val").iterdir())
    lone.unlink()
    with pytest.raises(ValueError, match=rf"{lone.stem}\.jpg has no label map"):
        convert("bdd100k", tmp_path / "raw", tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


KILLED = """
import sys, time
from gltr_lib.prepare import convert as module
real = module._convert_one
def slow(*args):
    time.sleep(0.15)
    return real(*args)
module._convert_one = slow
module.convert("cityscapes", sys.argv[1], sys.argv[2], workers=1)
"""


@pytest.mark.slow
def test_a_killed_conversion_goes_on_and_equals_an_uninterrupted_one(tmp_path):
    trees.cityscapes(tmp_path / "raw", count=12)
    root = Path(__file__).resolve().parents[1]
    job = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "raw"), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").rglob("*.png"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.wait()
    done = _job.read_journal(tmp_path / "out" / "train.jsonl")
    assert 0 < len(done) < 12
    with (tmp_path / "out" / "train.jsonl").open("a") as journal:
        journal.write('{"key": "train/torn", "si')  # what a power cut leaves
    stamps = {key: (tmp_path / "out" / f"{key}.png").stat().st_mtime_ns for key in done}
    resumed = convert("cityscapes", tmp_path / "raw", tmp_path / "out", workers=1)
    assert {key: (tmp_path / "out" / f"{key}.png").stat().st_mtime_ns for key in done} == stamps
    whole = convert("cityscapes", tmp_path / "raw", tmp_path / "whole", workers=2)
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}
    pictures = {p.relative_to(tmp_path / "whole"): p.read_bytes() for p in (tmp_path / "whole").rglob("*.png")}
    assert {p: (tmp_path / "out" / p).read_bytes() for p in pictures} == pictures
    assert not list((tmp_path / "whole").rglob(".*")), "no drafts are left"


def _work(key, item):
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "full":
        raise OSError(28, "No space left on device")
    return {"value": item}


@pytest.mark.slow
def test_a_killed_worker_is_said_and_what_is_done_is_kept(tmp_path):
    items = {"a": 1, "b": "kill", "c": 3}
    with pytest.raises(RuntimeError, match=r"a worker process was killed .* call this again"):
        _job.run(_work, items, tmp_path / "j.jsonl", is_there=lambda *_: True, workers=2)
    outcome = _job.run(_work, {"a": 1, "c": 3}, tmp_path / "j.jsonl", is_there=lambda *_: True, workers=1)
    assert outcome.done == {"a": {"value": 1}, "c": {"value": 3}}


def test_a_full_disk_is_said_and_what_is_done_is_kept(tmp_path):
    with pytest.raises(OSError, match=r"the disk is full; 1 of 3 are done and safe"):
        _job.run(_work, {"a": 1, "b": "full", "c": 3}, tmp_path / "j.jsonl", is_there=lambda *_: True, workers=1)
    assert _job.read_journal(tmp_path / "j.jsonl") == {"a": {"value": 1}}


class Full(io.RawIOBase):
    """A file on a disk on which there is room for so many writes."""

    def __init__(self, writes):
        self.left = writes

    def writable(self):
        return True

    def seekable(self):
        return True

    def seek(self, *_):
        return 0

    def write(self, data):
        if not self.left:
            raise OSError(28, "No space left on device")
        self.left -= 1
        return len(data)


def test_a_disk_that_is_full_for_the_journal_is_said_as_well(tmp_path, monkeypatch):
    opened = Path.open

    def full(self, mode="r", *args, **options):
        if mode != "a":
            return opened(self, mode, *args, **options)
        return io.TextIOWrapper(io.BufferedWriter(Full(1)), encoding="utf-8")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match=r"the disk is full; 1 of 3 are done and safe; free some space and call this"):
        _job.run(_work, {"a": 1, "b": 2, "c": 3}, tmp_path / "j.jsonl", is_there=lambda *_: True, workers=1)


@pytest.mark.parametrize("make", [partial(convert, "gta5", splits=["train"]), partial(crop_pairs, size=16)])
def test_a_disk_that_is_full_for_the_list_or_the_manifest_is_said_and_the_same_call_finishes(
    tmp_path, monkeypatch, make
):
    trees.gta5(tmp_path / "raw", 2)

    def full(*_, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(_job, "write_text", full)
        with pytest.raises(OSError, match=r"out: the disk is full; what is done is safe, free some space"):
            make(tmp_path / "raw", tmp_path / "out", workers=1)
    assert make(tmp_path / "raw", tmp_path / "out", workers=1)["complete"]


# --- crops ------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*pictures of")  # open_dataset warns; the jobs take note instead
def test_crops_are_windows_of_their_frames_and_are_read_as_gta5(tmp_path):
    tree = trees.gta5(tmp_path / "raw", 8)
    manifest = crop_pairs(tmp_path / "raw", tmp_path / "out", size=32, workers=1)
    assert manifest["complete"]
    assert "of the 12,403 pictures" in manifest["notes"][0]
    frames = sorted(Path(name).stem for name in tree.truth["train"])
    assert sorted(manifest["done"]) == frames
    for key, places in manifest["done"].items():
        with (
            Image.open(tmp_path / "raw" / "images" / f"{key}.png") as frame,
            Image.open(tmp_path / "raw" / "labels" / f"{key}.png") as marks,
        ):
            for number, (x, y) in enumerate(places):
                box = (x, y, x + 32, y + 32)
                with Image.open(tmp_path / "out" / "images" / f"{key}_{number:02d}.png") as crop:
                    assert np.array_equal(np.asarray(crop), np.asarray(frame.crop(box)))
                with Image.open(tmp_path / "out" / "labels" / f"{key}_{number:02d}.png") as crop:
                    assert crop.mode == "P"
                    assert np.array_equal(np.asarray(crop), np.asarray(marks.crop(box)))
                    assert np.array_equal(np.asarray(crop.convert("RGB")), np.asarray(marks.crop(box).convert("RGB")))
    dataset = open_dataset("gta5", tmp_path / "out", "train")
    assert dataset.keys == [f"{key}_{number:02d}" for key in frames for number in range(2)]
    assert dataset.pair(0)[1].shape == (32, 32)
    again = crop_pairs(tmp_path / "raw", tmp_path / "out", size=32, workers=1)
    assert again["done"] == manifest["done"]
    with pytest.raises(ValueError, match="other settings"):
        crop_pairs(tmp_path / "raw", tmp_path / "out", size=32, seed=1, workers=1)
    with pytest.raises(ValueError, match="holds crops already"):
        crop_pairs(tmp_path / "out", tmp_path / "new", size=16, workers=1)
    converted = convert("gta5", tmp_path / "out", tmp_path / "ids", splits=["train"], workers=1)
    assert converted["splits"]["train"]["done"] == 2 * len(frames)


@pytest.mark.filterwarnings("ignore:.*pictures of")
def test_a_frame_smaller_than_a_crop_is_refused_by_name(tmp_path):
    trees.gta5(tmp_path / "raw", 2)
    manifest = crop_pairs(tmp_path / "raw", tmp_path / "out", size=53, workers=1)
    assert list(manifest["refused"]) == ["00002"]
    assert "96x52, smaller than a crop of 53x53" in manifest["refused"]["00002"]
    assert not manifest["complete"]
    assert (tmp_path / "out" / "train.txt").read_text().split() == ["00001_00", "00001_01"]
    with pytest.raises(ValueError, match="at least 1"):
        crop_pairs(tmp_path / "raw", tmp_path / "new", size=0)


def test_positions_fill_the_frame_and_depend_on_nothing_but_name_and_seed():
    drawn = np.array([corners(f"{n:05d}", 100, 70, size=64) for n in range(400)])
    assert drawn[..., 0].min() == 0
    assert drawn[..., 0].max() == 36
    assert (drawn[..., 1].min(), drawn[..., 1].max()) == (0, 6)
    assert abs(drawn[..., 0].mean() - 18) < 2
    assert corners("00001", 100, 70, size=64) != corners("00001", 100, 70, size=64, seed=1)
    assert corners("a", 64, 64, size=64) == [[0, 0], [0, 0]]


def test_drafts_of_a_killed_conversion_are_swept_and_never_block_it(tmp_path):
    trees.gta5(tmp_path / "raw")
    host, process = _drafts._HOST, subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    out = tmp_path / "out"
    out.mkdir()
    marker = out / f".manifest.json.{host}-{process.pid}-1.tmp"  # killed while it laid claim to the folder
    marker.touch()
    whole = convert("gta5", tmp_path / "raw", out, workers=1)
    assert whole["complete"]
    assert not marker.exists()
    draft = out / "train" / f".00001.png.{host}-{process.pid}-1.tmp"
    draft.touch()
    convert("gta5", tmp_path / "raw", out, workers=1)
    assert not draft.exists()
    assert not list(out.rglob(".*"))


def test_two_at_once_in_one_folder_is_one_too_many(tmp_path):
    trees.gta5(tmp_path / "raw")
    with _drafts.alone(tmp_path / "out"):
        with pytest.raises(ValueError, match="another process is at work"):
            convert("gta5", tmp_path / "raw", tmp_path / "out", workers=1)
        with pytest.raises(ValueError, match="another process is at work"):
            crop_pairs(tmp_path / "raw", tmp_path / "out", size=24, workers=1)
    assert convert("gta5", tmp_path / "raw", tmp_path / "out", workers=1)["complete"]
    journal = (tmp_path / "out" / "train.jsonl").read_text().splitlines()
    assert len(journal) == len(set(journal))


def test_an_edited_journal_is_a_torn_one_and_an_edited_manifest_is_named(tmp_path):
    trees.cityscapes(tmp_path / "raw")
    out = tmp_path / "out"
    first = convert("cityscapes", tmp_path / "raw", out, splits=["train"], workers=1)
    journal = out / "train.jsonl"
    entry = _job.read_journal(journal)
    key = next(iter(entry))
    for change in (
        {"ids": 5},
        {"ids": {"x": 1}},
        {"ids": {"7": "y"}},
        {"size": "big"},
        {"coding": ["a"]},
        {"ids": {"999": 1}},
    ):
        journal.write_text(json.dumps({"key": key, **entry[key], **change}) + "\n")
        again = convert("cityscapes", tmp_path / "raw", out, splits=["train"], workers=1)
        assert again["splits"] == first["splits"]
    journal.write_bytes(b"[" * 100_000 + b"\n\xff\n[]\n5\n")
    assert _job.read_journal(journal) == {}
    for text in ("[" * 100_000, "[]", "null", '{"settings": 5}', "{}"):
        (out / "manifest.json").write_text(text)
        with pytest.raises(ValueError, match=r"manifest\.json: not a manifest of this job") as caught:
            convert("cityscapes", tmp_path / "raw", out, splits=["train"], workers=1)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, -1, True, "2"])
def test_impossible_numbers_of_workers(tmp_path, workers):
    trees.cityscapes(tmp_path / "raw")
    with pytest.raises(ValueError, match="workers: expected a whole number"):
        convert("cityscapes", tmp_path / "raw", tmp_path / "out", splits=["train"], workers=workers)


# The first worker is killed at once. "late": while the pool starts the second one, which then fails with "handle is
# closed". "torn": as late, in the words of a pipe that closes a moment later (Pythons that lock the pool meanwhile
# start it after all). "overlooked": the pool waits for one that it has not ended (it was started at that very moment),
# and that one for a lock that the killed one held.
EARLY = """
import os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor, process
from gltr_lib.prepare import _job

def work(key, item):
    return {"value": item}

def die():
    try:
        os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    started, spawn, end = [], ProcessPoolExecutor._spawn_process, process._ExecutorManagerThread.terminate_broken

    def late(self):
        started.append(1)
        if len(started) == 2 and sys.argv[1] == "torn":
            until = time.monotonic() + 5
            while not self._broken and time.monotonic() < until:
                time.sleep(0.01)
            if self._broken:
                raise ValueError("bad value(s) in fds_to_keep")
        spawn(self)
        if len(started) == 1:
            time.sleep(3)

    def overlooked(self, cause):
        for worker in self.processes.values():
            worker.terminate = lambda: None
        end(self, cause)

    if sys.argv[1] in ("late", "torn"):
        ProcessPoolExecutor._spawn_process = late
    else:
        process._ExecutorManagerThread.terminate_broken = overlooked
        process._ExecutorManagerThread.shutdown_workers = lambda self: None
    _job._context = lambda: _job.get_context("spawn")
    _job.end_with_parent = die
    try:
        _job.run(work, {str(n): n for n in range(40)}, sys.argv[2] + ".jsonl", is_there=lambda *a: True, workers=2)
    except RuntimeError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["late", "torn", "overlooked"])
def test_a_worker_that_is_killed_while_others_start_is_said_and_nothing_hangs(tmp_path, kind):
    script = tmp_path / "early.py"
    script.write_text(EARLY)
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, str(script), kind, str(tmp_path / "flag")],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert "a worker process was killed" in done.stdout, done.stderr
