"""Unpacking: good archives come out byte for byte, hostile ones leave nothing, broken runs go on."""

import io
import os
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from gltr_lib import _drafts
from gltr_lib.prepare import unpack as module
from gltr_lib.prepare.unpack import UnpackError, safe_path, unpack

FILES = {
    "set/images/1.png": b"one" * 100,
    "set/images/2.png": os.urandom(5000),
    "set/labels/1.png": b"",
    "set/list.txt": b"x",
}
FORMATS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]


def make(path, files=FILES, extra=()):
    """An archive of the kind that its name says; ``extra`` are ready members."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("set/", b"")
            for name, data in files.items():
                archive.writestr(name, data)
            for info, data in extra:
                archive.writestr(info, data)
    else:
        kind = path.name.rsplit(".", 1)[1]
        with tarfile.open(path, "w:" if kind == "tar" else f"w:{kind}") as archive:
            folder = tarfile.TarInfo("set")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            for info, data in extra:
                archive.addfile(info, io.BytesIO(data))
    return path


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_comes_out_byte_for_byte_and_a_second_call_does_nothing(tmp_path, kind):
    archive = make(tmp_path / f"a.{kind}")
    seen = []
    result = unpack(archive, tmp_path / "out", progress=lambda *at: seen.append(at))
    assert tree(tmp_path / "out") == FILES
    assert (result.written, result.there, result.bytes) == (4, 0, sum(map(len, FILES.values())))
    assert seen[-1] == (4, 4, "set/list.txt")
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    assert unpack(archive, tmp_path / "out").written == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == stamps


def test_leading_folders_and_unwanted_members_are_left_out(tmp_path):
    archive = make(tmp_path / "a.zip")
    unpack(archive, tmp_path / "out", strip=1, select=lambda name: name.startswith("images/"))
    assert tree(tmp_path / "out") == {k.removeprefix("set/"): v for k, v in FILES.items() if "images" in k}


HOSTILE = [
    "../evil",
    "/etc/evil",
    "a/../../evil",
    "..\\evil",
    "C:/evil",
    "C:evil",
    "a/b:evil",
    "a\x01b",
    "~/../../evil",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_that_leaves_its_folder_is_named_and_nothing_is_written(tmp_path, kind, name):
    info = zipfile.ZipInfo(name) if kind == "zip" else tarfile.TarInfo(name)
    if kind == "tar":
        info.size = 1
    archive = make(tmp_path / f"a.{kind}", extra=[(info, b"x")])
    with pytest.raises(UnpackError, match="nothing was unpacked") as caught:
        unpack(archive, tmp_path / "out")
    assert repr(name) in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("evil"))


def test_a_name_that_zipfile_would_cut_at_its_nul_is_refused(tmp_path):
    archive = make(tmp_path / "a.zip", {"set/list.txt_..png": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"set/list.txt_.", b"set/list.txt\0."))
    with pytest.raises(UnpackError, match="nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_and_devices_are_refused_in_both_formats(tmp_path):
    for number, (kind, what) in enumerate(
        [
            (tarfile.SYMTYPE, "a link"),
            (tarfile.LNKTYPE, "a link"),
            (tarfile.FIFOTYPE, "a device"),
            (tarfile.CHRTYPE, "a device"),
        ]
    ):
        info = tarfile.TarInfo("set/odd")
        info.type, info.linkname = kind, "/etc/passwd"
        archive = make(tmp_path / f"{number}.tar", extra=[(info, b"")])
        with pytest.raises(UnpackError, match=rf"'set/odd' is {what}"):
            unpack(archive, tmp_path / "out")
    for mode, what in ((stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a device")):
        odd = zipfile.ZipInfo("set/odd")
        odd.external_attr = (mode | 0o777) << 16
        with pytest.raises(UnpackError, match=rf"'set/odd' is {what}"):
            unpack(make(tmp_path / "odd.zip", extra=[(odd, b"/etc/passwd")]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_that_lies_in_the_folder_is_not_written_through(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out" / "set").mkdir(parents=True)
    (tmp_path / "out" / "set" / "images").symlink_to(outside)
    with pytest.raises(UnpackError, match="remove the link"):
        unpack(make(tmp_path / "a.zip"), tmp_path / "out")
    assert not list(outside.iterdir())
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")  # the folder itself may lie elsewhere: that is the user's wish
    unpack(make(tmp_path / "a.zip"), tmp_path / "data")
    assert tree(tmp_path / "disk") == FILES


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_are_bounded(tmp_path, kind, monkeypatch):
    archive = make(tmp_path / f"a.{kind}")
    with pytest.raises(UnpackError, match="more than 1,000 bytes"):
        unpack(archive, tmp_path / "out", max_total=1000)
    Usage = namedtuple("Usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "disk_usage", lambda path: Usage(0, 0, 1000))
        with pytest.raises(UnpackError, match="1,000 are free"):
            unpack(archive, tmp_path / "out")
    monkeypatch.setattr(module, "MAX_MEMBERS", 2)
    with pytest.raises(UnpackError, match="more than 2 members"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_member_that_lies_about_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1000)
    archive = make(tmp_path / "a.zip", {"zeros": bytes(10**6)})  # deflate makes a thousandth of it
    monkeypatch.setattr(module, "MAX_RATIO", 100)
    with pytest.raises(UnpackError, match="claims to grow from"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_two_members_of_one_name_or_a_file_used_as_a_folder(tmp_path, kind):
    def member(name):
        info = zipfile.ZipInfo(name) if kind == "zip" else tarfile.TarInfo(name)
        if kind == "tar":
            info.size = 1
        return info, b"x"

    with pytest.warns(UserWarning, match="Duplicate name") if kind == "zip" else io.StringIO():
        archive = make(tmp_path / f"a.{kind}", extra=[member("set/list.txt")])
    with pytest.raises(UnpackError, match=r"set/list.txt comes twice"):
        unpack(archive, tmp_path / "out")
    archive = make(tmp_path / f"b.{kind}", extra=[member("set/list.txt/below")])
    with pytest.raises(UnpackError, match=r"set/list.txt is a file and"):
        unpack(archive, tmp_path / "out")


def test_damage_is_named_leaves_no_half_file_and_the_rest_stays(tmp_path):
    archive = make(tmp_path / "a.zip")
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as opened:
        at = opened.getinfo("set/images/2.png").header_offset + 60
    data[at : at + 8] = b"\0" * 8
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(UnpackError, match=r"'set/images/2.png' is damaged .*download the archive again"):
        unpack(tmp_path / "b.zip", tmp_path / "out")
    assert tree(tmp_path / "out") == {"set/images/1.png": FILES["set/images/1.png"]}
    assert unpack(archive, tmp_path / "out").written == 3, "with a good archive it goes on"
    assert tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_that_is_cut_short_is_not_one(tmp_path, kind):
    whole = make(tmp_path / f"a.{kind}", {"set/random": os.urandom(40_000)})
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:15_000])
    with pytest.raises(UnpackError, match=r"download (it|the archive) again"):
        unpack(tmp_path / "cut", tmp_path / "out")
    assert not (tmp_path / "out" / "set" / "random").exists()
    with pytest.raises(UnpackError, match="no such archive"):
        unpack(tmp_path / "none", tmp_path / "out")


def test_files_of_another_size_are_written_anew_and_with_check_of_other_content_too(tmp_path):
    archive = make(tmp_path / "a.zip")
    unpack(archive, tmp_path / "out")
    (tmp_path / "out" / "set" / "images" / "1.png").write_bytes(b"torn")
    assert unpack(archive, tmp_path / "out").written == 1
    (tmp_path / "out" / "set" / "images" / "1.png").write_bytes(b"two" * 100)
    assert unpack(archive, tmp_path / "out").written == 0
    assert unpack(archive, tmp_path / "out", check=True).written == 1
    assert tree(tmp_path / "out") == FILES


def test_a_full_disk_says_so_and_leaves_no_draft(tmp_path, monkeypatch):
    def full(draft, target):
        raise OSError(28, "No space left on device")

    archive = make(tmp_path / "a.zip")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", full)
        with pytest.raises(UnpackError, match=r"the disk is full; mend that and call this again"):
            unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {}
    assert unpack(archive, tmp_path / "out").written == 4


KILLED = """
import sys, time
from gltr_lib.prepare.unpack import unpack
unpack(sys.argv[1], sys.argv[2], progress=lambda *at: time.sleep(0.05))
"""


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_killed_it_goes_on_and_no_file_is_half(tmp_path, kind):
    files = {f"set/{n}.bin": os.urandom(3000) for n in range(40)}
    archive = make(tmp_path / f"a.{kind}", files)
    root = Path(__file__).resolve().parents[1]
    job = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(archive), str(tmp_path / "out")], env={**os.environ, "PYTHONPATH": str(root)}
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").rglob("*.bin"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    job.kill()
    job.wait()
    whole = {name: data for name, data in tree(tmp_path / "out").items() if name.endswith(".bin")}
    assert 0 < len(whole) < 40
    assert all(files[name] == data for name, data in whole.items())
    assert unpack(archive, tmp_path / "out").there == len(whole)
    assert {name: data for name, data in tree(tmp_path / "out").items() if name.endswith(".bin")} == files


def test_safe_names():
    assert safe_path("./a/b.png").as_posix() == "a/b.png"
    assert safe_path("-_name with space.jpg").as_posix() == "-_name with space.jpg"
    for name in ("", ".", "a/\0b"):
        with pytest.raises(ValueError, match=r"name|folder"):
            safe_path(name)


def test_drafts_of_a_killed_call_are_swept_but_not_behind_a_link(tmp_path):
    archive = make(tmp_path / "a.zip", {"set/1.bin": b"one", "other/2.bin": b"two"})
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    name = f".1.bin.{_drafts._HOST}-{process.pid}-1.tmp"
    (tmp_path / "out" / "set").mkdir(parents=True)
    (tmp_path / "out" / "set" / name).touch()
    unpack(archive, tmp_path / "out")
    assert set(tree(tmp_path / "out")) == {"set/1.bin", "other/2.bin"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / name).touch()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "set").symlink_to(elsewhere)
    with pytest.raises(UnpackError, match="a link lies in its way"):
        unpack(archive, tmp_path / "linked")
    assert (elsewhere / name).exists()


def test_what_is_no_archive_is_said_in_one_line(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no archive" * 100)
    with pytest.raises(UnpackError, match=r"a\.zip: neither a zip nor a tar archive") as caught:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_names_that_no_file_system_takes_and_folders_that_cannot_be_taken_off(tmp_path):
    archive = make(tmp_path / "a.zip", {"ok.txt": b"x", "y" * 300 + ".txt": b"z"})
    with pytest.raises(UnpackError, match=r"a\.zip: .*more than 255 bytes; nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for strip in (-1, "x", 1.5, True):
        with pytest.raises(ValueError, match="strip: "):
            unpack(archive, tmp_path / "out", strip=strip)
    long = make(tmp_path / "b.zip", {"y" * 250 + ".txt": b"z"})
    assert unpack(long, tmp_path / "long").written == 1


@pytest.mark.parametrize("kind", ["no name", "no text", "tar.gz", "tar.xz"])
def test_whatever_the_libraries_raise_on_a_damaged_archive_is_a_refusal_by_name(tmp_path, kind):
    path = make(tmp_path / ("a.zip" if kind.startswith("no") else f"a.{kind}"), {"images/a.txt": b"hello" * 400})
    data = bytearray(path.read_bytes())
    central = data.rfind(b"PK\x01\x02")
    if kind == "no name":  # zipfile looks at the last letter of a name that has none
        data[central + 28 : central + 30] = b"\0\0"
    elif kind == "no text":
        data[central + 8 : central + 10] = b"\0\x08"  # the name is UTF-8, says the flag
        data[central + 46 : central + 48] = b"\xd1\x20"
    else:
        data[-6 if kind == "tar.gz" else -20] ^= 0xFF  # the checksum behind the data
    path.write_bytes(bytes(data))
    with pytest.raises(UnpackError, match=r"a\.") as caught:
        unpack(path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
