"""Stylising folders at scale: what copies are called and painted with, shards, kills, memory, and foreign folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import _drafts, cli, offline
from gltr_lib.datasets import FolderPairs, read_image
from gltr_lib.offline import files, manifest, paint, plan
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


def make_stylizer():
    return Stylizer.untrained(0)


def make_bank(stylizer, styles=6):
    images = torch.rand(styles, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return StyleBank.from_images(stylizer, images, [f"style {i}" for i in range(styles)])


@pytest.fixture(scope="module")
def stylizer():
    return make_stylizer()


@pytest.fixture(scope="module")
def bank(stylizer):
    return make_bank(stylizer)


def folder(path: Path, count=6, size=(20, 12), suffix=".png") -> Path:
    """A folder of small pictures in two subfolders."""
    for n in range(count):
        place = path / "ab"[n % 2] / f"{n}{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(n).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place)
    return path


def pictures(path: Path) -> dict[str, bytes]:
    """Every file below a folder but manifests, hidden ones included."""
    return {
        p.relative_to(path).as_posix(): p.read_bytes()
        for p in path.rglob("*")
        if p.is_file() and not p.name.startswith("manifest")
    }


# --- plan -------------------------------------------------------------------------------------------------------------


def test_the_first_copy_has_the_style_that_a_single_copy_always_had():
    import hashlib

    for name in ("a.png", "b/ü.jpg"):
        old = int.from_bytes(hashlib.sha256(f"3:{name}".encode()).digest()[:8], "big") % 512
        assert offline.style_indices(name, 3, 512, 1) == [old]
        assert offline.style_indices(name, 3, 512, 5)[0] == old


def test_copies_of_a_picture_differ_in_style_and_more_copies_change_none():
    for name in map(str, range(50)):
        drawn = offline.style_indices(name, 0, 8, 20)
        assert sorted(drawn[:8]) == sorted(drawn[8:16]) == list(range(8))
        assert len(set(drawn[16:])) == 4
        assert offline.style_indices(name, 0, 8, 9) == drawn[:9]


def test_styles_are_drawn_evenly():
    drawn = [index for name in range(2000) for index in offline.style_indices(str(name), 0, 10, 3)]
    counts = np.bincount(drawn, minlength=10)
    assert ((counts - 600) ** 2 / 600).sum() < 27.9  # chi-square with 9 degrees of freedom, 0.1 %


def test_one_style_per_copy_is_one_for_all_pictures():
    recipe = offline.Recipe(copies=3, one_style_per_copy=True)
    assert recipe.styles("a.png", 100) == recipe.styles("b.png", 100)
    assert len(set(recipe.styles("a.png", 100))) == 3
    other = offline.Recipe(copies=3, one_style_per_copy=True, seed=1)
    assert recipe.styles("a.png", 100) != other.styles("a.png", 100)


def test_names_that_would_meet_are_refused(tmp_path, stylizer, bank):
    folder(tmp_path / "in", 2, suffix=".png")
    Image.new("RGB", (4, 4)).save(tmp_path / "in" / "a" / "0.jpg")
    with pytest.raises(ValueError, match=r"0\.jpg and a/0\.png would both become a/0\.png"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "out", stylizer, bank, format="png")
    assert not (tmp_path / "out").exists()


def test_a_target_inside_the_source_is_a_wrong_command(tmp_path, capsys):
    folder(tmp_path / "in", 1)
    assert cli.main(["stylize", str(tmp_path / "in"), str(tmp_path / "in" / "out")]) == 2
    assert "must lie outside the source folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"WORLD_SIZE": "2"}, "RANK=None"),
        ({"WORLD_SIZE": "x", "RANK": "0"}, "two whole numbers"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "expected 0 to 1"),
    ],
)
def test_a_launcher_that_contradicts_itself_is_refused(environment, match):
    with pytest.raises(ValueError, match=match):
        offline.launched_shard(environment)


def test_a_process_started_alone_is_no_shard():
    assert offline.launched_shard({}) is None
    assert offline.launched_shard({"WORLD_SIZE": "1", "RANK": "0"}) is None


@pytest.mark.parametrize(
    "options",
    [{"copies": 0}, {"copies": 1.5}, {"alpha": 1.1}, {"format": "gif"}, {"tile": 8}, {"shard": (2, 2)}, {"batch": 0}],
)
def test_impossible_settings_are_refused_before_anything_is_written(tmp_path, stylizer, bank, options):
    folder(tmp_path / "in", 1)
    with pytest.raises(ValueError, match=f"^{next(iter(options))}: "):
        offline.stylise_folder(tmp_path / "in", tmp_path / "out", stylizer, bank, **options)
    assert not (tmp_path / "out").exists()


def test_a_bank_of_another_encoder_is_refused_before_anything_is_written(tmp_path, stylizer, bank):
    other = make_bank(Stylizer.untrained(1))
    assert other.stats.mean.shape == bank.stats.mean.shape  # it would fit, and paint in styles that are none
    with pytest.raises(ValueError, match=f"style bank: made by mini with encoder {other.fingerprint}, but this"):
        offline.stylise_folder(folder(tmp_path / "in", 1), tmp_path / "out", stylizer, other)
    assert not (tmp_path / "out").exists()
    by_hand = StyleBank(bank.stats, bank.names, fingerprint="", stylizer="none")
    assert len(offline.stylise_folder(tmp_path / "in", tmp_path / "out", stylizer, by_hand)["done"]) == 1


# --- copies, formats --------------------------------------------------------------------------------------------------


def test_a_picture_is_what_the_stylizer_makes_of_it(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 2)
    done = offline.stylise_folder(source, tmp_path / "out", stylizer, bank, alpha=0.7, copies=2)["done"]
    for out, entry in done.items():
        image = torch.from_numpy(read_image(source / entry["source"])).permute(2, 0, 1)[None].float() / 255
        style = bank.names.index(entry["style"])
        expected = (stylizer.stylize(image, bank.stats[style], 0.7)[0].permute(1, 2, 0) * 255).round().byte()
        assert np.array_equal(read_image(tmp_path / "out" / out), expected.numpy())


def test_every_copy_pairs_with_the_labels_of_the_source(tmp_path, stylizer, bank):
    source = folder(tmp_path / "images")
    for name in offline.list_images(source):
        (tmp_path / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 20), int(name.stem), np.uint8)).save(tmp_path / "labels" / name)
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, copies=3)
    raw = FolderPairs(source, tmp_path / "labels")
    for copy in range(3):
        pairs = FolderPairs(tmp_path / "out" / f"copy-{copy:02d}", tmp_path / "labels")
        assert pairs.keys == raw.keys
        for index in range(len(pairs)):
            (image, labels), (original, same) = pairs.pair(index), raw.pair(index)
            assert image.shape == original.shape
            assert np.array_equal(labels, same)
            assert not np.array_equal(image, original)


def test_a_copy_does_not_depend_on_how_many_there_are(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 3)
    for copies in (1, 2, 4):
        offline.stylise_folder(source, tmp_path / str(copies), stylizer, bank, copies=copies)
    four = pictures(tmp_path / "4")
    assert {f"copy-00/{name}": data for name, data in pictures(tmp_path / "1").items()}.items() <= four.items()
    assert pictures(tmp_path / "2").items() <= four.items()


def test_other_formats_change_the_ending_and_nothing_else(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 2, suffix=".jpg")
    keep = offline.stylise_folder(source, tmp_path / "keep", stylizer, bank)
    png = offline.stylise_folder(source, tmp_path / "png", stylizer, bank, format="png")
    assert set(png["done"]) == {name.replace(".jpg", ".png") for name in keep["done"]}
    for name, entry in keep["done"].items():
        other = png["done"][name.replace(".jpg", ".png")]
        assert (other["style"], other["size"], other["source"]) == (entry["style"], entry["size"], name)
        jpeg = read_image(tmp_path / "keep" / name).astype(int)
        exact = read_image(tmp_path / "png" / name.replace(".jpg", ".png")).astype(int)
        assert np.abs(jpeg - exact).mean() < 6  # quality 95 without subsampling, on noise


def test_png_is_written_quickly_and_without_loss(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert np.array_equal(read_image(files.save_picture(tmp_path / "a.png", pixels)), pixels)
    assert np.array_equal(read_image(files.save_picture(tmp_path / "a.ppm", pixels)), pixels)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "a.ppm"]


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (3, 400), (257, 2)])
@pytest.mark.parametrize("kind", ["noise", "flat", "ramp"])
def test_pillow_reads_our_png_files_back(tmp_path, size, kind):
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    ramp = (np.arange(noise.size).reshape(noise.shape) * 7 % 256).astype(np.uint8)
    pixels = {"noise": noise, "flat": np.full_like(noise, 255), "ramp": ramp}[kind]
    path = files.save_picture(tmp_path / "a.png", pixels[:, ::-1])  # also from a view that is not contiguous
    with Image.open(path) as picture:
        picture.verify()  # the checksums
    assert np.array_equal(np.array(Image.open(path)), pixels[:, ::-1])


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"a\.png"):
        files.save_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


# --- batches and memory -----------------------------------------------------------------------------------------------


def test_batches_hold_pictures_of_one_size_and_are_filled_up(tmp_path, stylizer, bank, monkeypatch):
    folder(tmp_path / "in", 5)
    folder(tmp_path / "in" / "z", 3, size=(9, 9))
    offline.stylise_folder(tmp_path / "in", tmp_path / "one", stylizer, bank, copies=2)
    seen = []
    encode = stylizer.encode
    monkeypatch.setattr(stylizer, "encode", lambda images: seen.append(tuple(images.shape)) or encode(images))
    offline.stylise_folder(tmp_path / "in", tmp_path / "four", stylizer, bank, copies=2, batch=4)
    assert seen == [(4, 3, 12, 20)] * 2 + [(4, 3, 9, 9)]
    one, four = pictures(tmp_path / "one"), pictures(tmp_path / "four")
    assert one.keys() == four.keys()
    for name in one:
        difference = read_image(tmp_path / "one" / name).astype(int) - read_image(tmp_path / "four" / name)
        assert np.abs(difference).max() <= 1  # sums in another order may round to the next grey level


class Tiled(Stylizer):
    """A stylizer that can tile and has too little memory for more than ``room`` pixels at once."""

    room = 10**9
    log: list

    def _check(self, kind, pixels):
        if pixels > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.log.append((kind, pixels))

    def encode(self, images):
        self._check("whole", images.shape[0] * images.shape[2] * images.shape[3])
        return super().encode(images)

    def stylize(self, images, stats, alpha=1.0, *, tile=None):
        pixels = min(tile or 10**9, images.shape[2]) * min(tile or 10**9, images.shape[3]) * images.shape[0]
        self._check(f"tile {tile}", pixels)
        return self.decode(
            paint.adain(super().encode(images), stats.mean, stats.std, alpha), (images.shape[2], images.shape[3])
        )


@pytest.fixture
def tiled():
    network = make_stylizer()
    network.__class__ = Tiled
    network.log = []
    return network


def test_out_of_memory_halves_the_batch_then_tiles_and_leaves_no_picture_out(tmp_path, tiled, bank):
    folder(tmp_path / "in", 3, size=(160, 100))
    offline.stylise_folder(tmp_path / "in", tmp_path / "plenty", make_stylizer(), bank, copies=2)
    tiled.room = 128 * 100  # less than one picture: batch 4 -> 2 -> 1 -> tiles of 128
    answer = offline.stylise_folder(tmp_path / "in", tmp_path / "short", tiled, bank, copies=2, batch=4)
    assert answer["memory"] == {"160x100": "batch 1, tile 128"}
    assert len(answer["done"]) == 6
    assert answer["refused"] == {}
    assert {kind for kind, _ in tiled.log} == {"tile 128"}
    assert pictures(tmp_path / "short") == pictures(tmp_path / "plenty")  # this stand-in tiles without a seam


def test_styles_are_checked_with_the_bank_and_not_again_for_each_copy(stylizer, bank, monkeypatch):
    from gltr_lib.adain import StyleStats
    from gltr_lib.offline.paint import Painter

    painter, checked = Painter(stylizer, bank), []
    monkeypatch.setattr(StyleStats, "__post_init__", lambda self: checked.append(self))
    (copies,) = painter.paint([np.zeros((12, 20, 3), np.uint8)], [[2, 0, 1]])
    assert [copy.shape for copy in copies] == [(12, 20, 3)] * 3
    assert checked == []


def test_half_a_batch_is_enough_where_it_fits(tmp_path, tiled, bank):
    folder(tmp_path / "in", 5)
    tiled.room = 2 * 20 * 12
    answer = offline.stylise_folder(tmp_path / "in", tmp_path / "out", tiled, bank, batch=4)
    assert answer["memory"] == {"20x12": "batch 2"}
    assert len(answer["done"]) == 5
    assert {pixels for _, pixels in tiled.log} == {480}


def test_where_not_even_a_tile_fits_it_is_an_error_that_keeps_what_is_done(tmp_path, tiled, bank):
    folder(tmp_path / "in", 2)
    folder(tmp_path / "in" / "z", 1, size=(300, 200))
    tiled.room = 1000
    with pytest.raises(RuntimeError, match=r"300x200 does not fit .* in tiles of 128 .*What is done is kept"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "out", tiled, bank)
    state = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert not state["complete"]
    tiled.room = 10**9
    assert len(offline.stylise_folder(tmp_path / "in", tmp_path / "out", tiled, bank)["done"]) == 3


def test_other_errors_are_not_taken_for_want_of_memory(tmp_path, stylizer, bank, monkeypatch):
    folder(tmp_path / "in", 1)

    def broken(images):
        raise RuntimeError("the weights are of another shape")

    monkeypatch.setattr(stylizer, "encode", broken)
    with pytest.raises(RuntimeError, match="another shape"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "out", stylizer, bank)


def test_signs_of_too_little_memory():
    assert paint.is_out_of_memory(MemoryError())
    assert paint.is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not paint.is_out_of_memory(OSError("out of memory"))


# --- shards, resuming, several at once --------------------------------------------------------------------------------


def test_shards_together_are_the_whole(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 7)
    whole = offline.stylise_folder(source, tmp_path / "whole", stylizer, bank, copies=2)
    answers = []
    for index in (2, 0, 1):
        assert not (tmp_path / "parts" / "manifest.json").exists()
        answers.append(offline.stylise_folder(source, tmp_path / "parts", stylizer, bank, copies=2, shard=(index, 3)))
    assert [len(answer["done"]) for answer in answers] == [4, 6, 14]  # the last one answers with all
    assert pictures(tmp_path / "parts") == pictures(tmp_path / "whole")
    merged = json.loads((tmp_path / "parts" / "manifest.json").read_text())
    assert (merged["done"], merged["settings"]) == (whole["done"], whole["settings"])
    assert merged["shards"] == 3
    assert sorted(p.name for p in (tmp_path / "parts").glob("manifest*")) == [
        "manifest-00-of-03.json", "manifest-01-of-03.json", "manifest-02-of-03.json", "manifest.json",
    ]  # fmt: skip


def test_another_number_of_shards_goes_on_where_the_last_stopped(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 6)
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, shard=(1, 3))
    calls = []
    answer = offline.stylise_folder(
        source, tmp_path / "out", stylizer, bank, on_image=lambda done, total, name: calls.append(name)
    )
    assert len(calls) == 4
    assert len(answer["done"]) == 6
    again = []
    for index in range(2):
        offline.stylise_folder(
            source, tmp_path / "out", stylizer, bank, shard=(index, 2), on_image=lambda *a: again.append(a)
        )
    assert again == []


def test_refused_pictures_of_all_shards_are_in_the_merged_manifest(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 4)
    for name in ("b/x.png", "b/y.png"):
        (source / name).write_bytes(b"no picture")
    for index in range(2):
        answer = offline.stylise_folder(source, tmp_path / "out", stylizer, bank, shard=(index, 2))
    assert set(answer["refused"]) == {"b/x.png", "b/y.png"}
    folder(source / "mended", 1)
    (source / "mended" / "a" / "0.png").replace(source / "b" / "x.png")
    for index in range(2):
        answer = offline.stylise_folder(source, tmp_path / "out", stylizer, bank, shard=(index, 2))
    assert set(answer["refused"]) == {"b/y.png"}
    assert "b/x.png" in answer["done"]


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"alpha": 0.5}, r"alpha: 1\.0 before, 0\.5 now"),
        ({"seed": 1}, "seed: 0 before, 1 now"),
        ({"copies": 3}, "copies: 2 before, 3 now"),
        ({"one_style_per_copy": True}, "one_style_per_copy: False before, True now"),
        ({"format": "jpg"}, "format: 'keep' before, 'jpg' now"),
        ({"bank_name": "other"}, "bank: 'mine' before, 'other' now"),
    ],
)
def test_changed_settings_are_refused_by_naming_the_difference(tmp_path, stylizer, bank, changed, match):
    source = folder(tmp_path / "in", 2)
    options = {"bank_name": "mine", "copies": 2}
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, shard=(0, 2), **options)
    before = pictures(tmp_path / "out")
    for shard in ((0, 2), (1, 2), (0, 1)):
        with pytest.raises(ValueError, match=match):
            offline.stylise_folder(source, tmp_path / "out", stylizer, bank, shard=shard, **{**options, **changed})
    assert pictures(tmp_path / "out") == before


def test_a_bank_built_anew_under_its_old_name_is_noticed(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 1)
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, bank_name="mine")
    other = StyleBank.from_images(stylizer, torch.rand(6, 3, 16, 16), bank.names)
    with pytest.raises(ValueError, match="bank_digest"):
        offline.stylise_folder(source, tmp_path / "out", stylizer, other, bank_name="mine")


def test_a_manifest_of_the_first_version_is_taken_up(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 2)
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, bank_name="mine")
    path = tmp_path / "out" / "manifest.json"
    state = json.loads(path.read_text())
    keep = ("stylizer", "bank", "styles", "alpha", "seed")
    old = {"settings": {k: state["settings"][k] for k in keep}, "done": state["done"], "refused": {}, "seconds": 1.0}
    path.write_text(json.dumps(old))
    calls = []
    offline.stylise_folder(
        source, tmp_path / "out", stylizer, bank, bank_name="mine", on_image=lambda *a: calls.append(a)
    )
    assert calls == []
    path.write_text(json.dumps(old))
    with pytest.raises(ValueError, match="copies: 1 before, 2 now"):
        offline.stylise_folder(source, tmp_path / "out", stylizer, bank, bank_name="mine", copies=2)


def test_a_damaged_manifest_is_named(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest-00-of-02.json").write_text('{"settings": ')
    with pytest.raises(ValueError, match=r"manifest-00-of-02\.json: not a manifest"):
        offline.stylise_folder(source, tmp_path / "out", stylizer, bank)


def test_a_lost_picture_is_made_again(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 4)
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, copies=2)
    before = pictures(tmp_path / "out")
    (tmp_path / "out" / "copy-01" / "a" / "2.png").unlink()
    calls = []
    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, copies=2, on_image=lambda *a: calls.append(a))
    assert pictures(tmp_path / "out") == before
    assert [(done, total) for done, total, _ in calls] == [(7, 8), (8, 8)]


def test_several_jobs_in_one_folder_at_once(tmp_path, stylizer, bank):
    """Two of each shard, all at the same time: double work, and the same result."""
    source = folder(tmp_path / "in", 12)
    offline.stylise_folder(source, tmp_path / "whole", stylizer, bank)
    errors = []

    def work(index):
        try:
            offline.stylise_folder(source, tmp_path / "out", stylizer, bank, shard=(index, 2))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n % 2,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole")
    state = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert state["complete"]
    assert len(state["done"]) == 12


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = _drafts.draft_name(Path("a")).name.split(".")[2].split("-")[0]
    orphan = tmp_path / f".a.png.{host}-{dead.pid}-1.tmp"
    mine = _drafts.draft_name(tmp_path / "b.png")
    elsewhere = tmp_path / ".c.png.otherhost-1-1.tmp"
    ancient = tmp_path / "sub" / ".d.png.otherhost-1-1.tmp"
    ancient.parent.mkdir()
    for path in (orphan, mine, elsewhere, ancient, tmp_path / "e.png", tmp_path / ".f.tmp"):
        path.touch()
    os.utime(ancient, (1, 1))
    assert _drafts.sweep(tmp_path) == {"e.png", ".f.tmp"}
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        [mine.name, elsewhere.name, "e.png", ".f.tmp"]
    )


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from test_offline import make_bank, make_stylizer
from gltr_lib import offline
stylizer = make_stylizer()
def slowly(done, total, name):
    print(done, flush=True)
    time.sleep(0.03)
offline.stylise_folder({source!r}, {target!r}, stylizer, make_bank(stylizer), copies=2, shard={shard}, on_image=slowly)
"""


@pytest.mark.slow
def test_a_killed_shard_goes_on_and_gives_the_same_bytes(tmp_path, stylizer, bank):
    source = folder(tmp_path / "in", 24)
    offline.stylise_folder(source, tmp_path / "whole", stylizer, bank, copies=2)

    def start(shard):
        code = KILLED.format(
            tests=str(Path(__file__).parent), source=str(source), target=str(tmp_path / "out"), shard=shard
        )
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    first, second = start((0, 2)), start((1, 2))
    for line in first.stdout:
        if int(line) >= 7:
            break
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait(30) == -signal.SIGKILL
    assert second.communicate(timeout=120)[0].split()[-1] == "24"
    assert second.returncode == 0
    assert not (tmp_path / "out" / "manifest.json").exists()  # one shard is missing
    made = pictures(tmp_path / "out")
    assert 7 + 24 <= len([name for name in made if name.endswith(".png")]) < 48
    answer = offline.stylise_folder(source, tmp_path / "out", stylizer, bank, copies=2, shard=(0, 2))
    assert answer["shards"] == 2
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole")  # temporary files would show here


@pytest.mark.slow
def test_processes_of_one_machine_are_the_same_as_one(tmp_path, capsys):
    folder(tmp_path / "in", 5)
    command = ["stylize", str(tmp_path / "in"), "--copies", "2", "--device", "cpu"]
    assert cli.main([*command[:2], str(tmp_path / "one"), *command[2:]]) == 0
    capsys.readouterr()
    assert cli.main([*command[:2], str(tmp_path / "two"), *command[2:], "--processes", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["shards"], len(answer["done"])) == (2, 10)
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


@pytest.mark.slow
def test_processes_with_nothing_left_to_do_are_counted_too(tmp_path):
    source, seen = folder(tmp_path / "in", 3), []
    offline.stylise_folder(
        source, tmp_path / "out", Stylizer.load("mini"), StyleBank.load("paintings-mini"), copies=2, shard=(0, 2),
        bank_name="paintings-mini",
    )  # fmt: skip
    options = {"processes": 2, "copies": 2, "device": "cpu", "on_image": lambda *a: seen.append(a)}
    offline.stylise_in_processes(source, tmp_path / "out", **options)
    assert seen[-1] == (6, 6, "")
    assert {total for _, total, _ in seen} == {6}


def test_a_process_counts_what_was_done_before(tmp_path, monkeypatch):
    from gltr_lib.offline import processes

    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)  # this process has other tests to do
    source, said = folder(tmp_path / "in", 3), []

    class Pipe:
        send = staticmethod(said.append)

    shares = processes._shares(3, 4, 2)
    assert shares == [2, 2, 2, 0]
    for _ in range(2):  # the second time there is nothing to do
        progress = [0] * 4
        for index in (0, 3):
            place = ((index, 4), str(source), str(tmp_path / "out"), "mini", "paintings-mini", "cpu", {"copies": 2})
            processes._shard(*place, share=shares[index], progress=progress, answer=Pipe)
        assert progress == [2, 0, 0, 0]
    assert said == [("done", "")] * 4


def test_what_processes_say_becomes_one_error():
    from gltr_lib.offline.processes import _judge

    _judge([("done", ""), ("done", "")], [0, 0])
    with pytest.raises(RuntimeError, match=r"shard 2/2 died \(signal 9\).*the same command goes on"):
        _judge([("done", ""), None], [0, -9])
    with pytest.raises(ValueError, match="no pictures"):
        _judge([("ValueError", "no pictures"), None], [0, 1])
    with pytest.raises(RuntimeError, match="shard 1/1: OSError: disk full"):
        _judge([("failed", "OSError: disk full")], [0])


# --- disk, load, command line -----------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_what_is_done_is_kept(tmp_path, stylizer, bank, monkeypatch):
    import errno

    from gltr_lib.offline import job

    source = folder(tmp_path / "in", 8)
    save, calls = files.save_picture, []

    def full(path, pixels):
        calls.append(path)
        if len(calls) > 5:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return save(path, pixels)

    monkeypatch.setattr(job, "save_picture", full)
    with pytest.raises(OSError, match="No space left on device; what is done is kept") as caught:
        offline.stylise_folder(source, tmp_path / "out", stylizer, bank, workers=1)
    assert caught.value.errno == errno.ENOSPC
    kept = json.loads((tmp_path / "out" / "manifest.json").read_text())["done"]
    assert len(kept) == 5
    monkeypatch.undo()
    assert len(offline.stylise_folder(source, tmp_path / "out", stylizer, bank)["done"]) == 8


def resident() -> float:
    """Memory that this process holds, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_memory_stays_flat_over_many_pictures(tmp_path, stylizer, bank):
    """300 pictures of 200 kB decoded: 60 MB pass through, a few stay."""
    source = tmp_path / "in"
    source.mkdir()
    data = folder(tmp_path / "one", 1, size=(256, 256)) / "a" / "0.png"
    for n in range(300):
        os.link(data, source / f"{n:04d}.png")
    stylizer = make_stylizer()
    # The network is not what is tested: features and pictures of the right size, at no cost.
    stylizer.encode = lambda images: torch.zeros(len(images), stylizer.channels, 2, 2)
    stylizer.decode = lambda features, size: torch.full((len(features), 3, *size), 0.5)
    sizes = {}

    def watch(done, total, name):
        if done in (80, 300):
            sizes[done] = resident()

    offline.stylise_folder(source, tmp_path / "out", stylizer, bank, on_image=watch)
    assert sizes[300] - sizes[80] < 20


def test_many_entries_do_not_make_the_manifest_the_main_work(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(manifest.time, "monotonic", lambda: clock[0])
    written = []

    def slow(path, state):
        clock[0] += 2.0  # a file so large that it takes two seconds
        written.append(clock[0])

    monkeypatch.setattr(manifest, "write_json", slow)
    state = manifest.Manifest(tmp_path, {}, (0, 1))
    for _ in range(10_000):
        clock[0] += 0.1
        state.write_now_and_then()
    assert 2.0 * len(written) < 0.03 * clock[0]
    assert len(written) >= 5


@pytest.fixture
def mini(monkeypatch, stylizer, bank):
    monkeypatch.setattr(Stylizer, "load", classmethod(lambda cls, name="mini", device=None, **kw: stylizer))
    monkeypatch.setattr(StyleBank, "load", classmethod(lambda cls, path, stylizer=None: bank))


def test_a_launcher_tells_the_command_its_shard(tmp_path, mini, monkeypatch, capsys):
    folder(tmp_path / "in", 4)
    command = ["stylize", str(tmp_path / "in"), str(tmp_path / "out"), "--copies", "2", "--device", "cpu"]
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("LOCAL_RANK", "0")
        assert cli.main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"shard 2/2: 4 stylised, 0 refused, see {tmp_path / 'out' / 'manifest-01-of-02.json'}"
    assert said[1].startswith("8 stylised, 0 refused")
    assert (tmp_path / "out" / "manifest-01-of-02.json").exists()
    assert cli.main([*command, "--shard", "1/2"]) == 2
    assert "choose one of --shard, --processes, and a launcher" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--shard", "0/4"],
        ["--copies", "0"],
        ["--format", "gif"],
        ["--tile", "1"],
        ["--shard", "1/2", "--processes", "2"],
    ],
)
def test_wrong_options_of_stylize_are_one_line_and_exit_code_2(tmp_path, options, capsys):
    folder(tmp_path / "in", 1)
    assert cli.main(["stylize", str(tmp_path / "in"), str(tmp_path / "out"), *options]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_shard_on_the_command_line(tmp_path, mini, capsys):
    folder(tmp_path / "in", 4)
    command = ["stylize", str(tmp_path / "in"), str(tmp_path / "out"), "--device", "cpu", "--json", "--shard"]
    assert cli.main([*command, "1/2"]) == 0
    assert len(json.loads(capsys.readouterr().out)["done"]) == 2
    assert cli.main([*command, "2/2"]) == 0
    assert len(json.loads(capsys.readouterr().out)["done"]) == 4


def test_reading_ahead_is_bounded_and_in_order():
    from concurrent.futures import ThreadPoolExecutor

    from gltr_lib.offline.job import read_ahead

    started, taken = [], []

    def load(n):
        started.append(n)
        time.sleep(0.002 * (n % 3))
        if n == 4:
            raise ValueError("four")
        return n * n

    with ThreadPoolExecutor(4) as pool:
        for item, value in read_ahead(pool, range(20), load, 5):
            taken.append((item, str(value)))
            assert len(started) <= len(taken) + 5
    assert taken == [(n, "four" if n == 4 else str(n * n)) for n in range(20)]


def test_plan_lists_every_picture_once(tmp_path):
    folder(tmp_path, 5)
    names = plan.list_images(tmp_path)
    for count in (1, 2, 3, 7):
        parts = [name for index in range(count) for name in names[index::count]]
        assert sorted(parts) == names


def test_of_a_folder_only_the_pictures_that_are_named(tmp_path):
    names = plan.list_images(folder(tmp_path / "in", 5))
    assert plan.list_images(tmp_path / "in", [n.as_posix() for n in reversed(names[:2])]) == names[:2]
    for wrong, said in ((["a/0.png", "a/9.png"], r"received 'a/9\.png'"), ([], "received none")):
        with pytest.raises(ValueError, match=f"in: expected names of pictures in it, {said}"):
            plan.list_images(tmp_path / "in", wrong)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "bmp", "tif", "ppm"])
def test_a_picture_that_the_disk_cannot_hold_is_not_there(tmp_path, kind):
    """Pillow writes JPEG, BMP, TIFF and PPM itself and does not notice that only half of it went to the disk."""
    resource = pytest.importorskip("resource")
    pixels = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            files.save_picture(tmp_path / f"a.{kind}", pixels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change", [{"memory": 5}, {"memory": None}, {"seconds": "x"}, {"seconds": None}, {"done": {"a.png": 5}},
               {"refused": {"a.png": [1]}}, {"settings": [1]}, {"done": None}],
)  # fmt: skip
def test_an_edited_manifest_is_named_before_it_is_used(tmp_path, change):
    from gltr_lib.offline.manifest import read_all

    good = {"settings": {}, "done": {}, "refused": {}, "memory": {}, "seconds": 1.0}
    (tmp_path / "manifest.json").write_text(json.dumps(good))
    assert read_all(tmp_path, {})
    for text in (json.dumps(good | change), "[" * 100_000, "null", "5"):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(ValueError, match=r"manifest\.json: not a manifest of gltr stylize") as caught:
            read_all(tmp_path, {})
        assert "\n" not in str(caught.value)
        assert "NoneType" not in str(caught.value)


def test_a_budget_of_memory_chooses_the_tile_of_each_size(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name, size in (("small", (40, 30)), ("large", (300, 200))):
        Image.effect_noise(size, 80).convert("RGB").save(tmp_path / "in" / f"{name}.png")
    mini, tiles = Stylizer.load("mini"), {}
    real = mini.stylize

    def stylize(images, *rest, tile=None):
        tiles[tuple(images.shape[2:])] = tile
        return real(images, *rest, tile=tile)

    monkeypatch.setattr(mini, "stylize", stylize)
    monkeypatch.setattr("gltr_lib._tiles._PEAK", {"mini": (0, 400, 0)})
    bank = StyleBank.load("paintings-mini")
    made = offline.stylise_folder(tmp_path / "in", tmp_path / "out", mini, bank, memory=20)
    assert tiles == {(200, 300): 128}  # the small one is painted whole
    assert made["settings"]["memory"] == 20
    plain = offline.stylise_folder(tmp_path / "in", tmp_path / "plain", mini, bank)
    assert plain["settings"]["memory"] is None
    first, second = (np.asarray(Image.open(tmp_path / n / "large.png")).astype(int) for n in ("out", "plain"))
    assert np.abs(first - second).max() <= 1
    monkeypatch.setattr(mini, "name", "own")
    with pytest.raises(ValueError, match="memory: what the stylizer own takes is not known; give the tile"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "own", mini, bank, memory=20)
    with pytest.raises(ValueError, match="memory: chooses the tile, and tile=128 is given too"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "both", mini, bank, memory=20, tile=128)
