"""Archives that lead out of their folder, grow without bound, lie about themselves, or are none."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from tests.torture.corpus import ACCEPT, EITHER, REFUSE, Case

HOSTILE = (
    "../out.txt", "../../etc/out.txt", "/var/gltr-out.txt", "a/../../out.txt", "C:/out.txt", "C:\\out.txt",
    "..\\out.txt",
    "a\\..\\..\\out.txt", "a\0b.txt", "a\nb.txt", "a:b.txt", "\x07.txt",
)  # fmt: skip


def make(folder: Path, seed: int) -> list[Case]:
    """Write them; see :func:`tests.torture.corpus.build`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    cases: list[Case] = []

    def put(name: str, data: bytes, expect: str, about: str) -> None:
        path = folder / name
        path.write_bytes(data)
        cases.append(Case("archive", path, expect, about))

    good = zipped({"images/a.txt": b"hello", "images/b.txt": b"world"})
    put("good.zip", good, ACCEPT, "two files")
    put("good.tar", tarred({"images/a.txt": b"hello"}), ACCEPT, "one file")
    for packing in ("gz", "bz2", "xz"):
        put(f"good.tar.{packing}", tarred({"images/a.txt": b"hello"}, packing), ACCEPT, f"tar.{packing}")
        whole = tarred({"images/a.txt": rng.bytes(5000)}, packing)
        put(f"cut.tar.{packing}", whole[: len(whole) // 2], REFUSE, f"tar.{packing} cut short")
    put("nothing.zip", zipped({}), EITHER, "no member")
    put("empty.zip", b"", REFUSE, "0 bytes")
    put("noise.zip", rng.bytes(3000), REFUSE, "random bytes")
    put("text.tar", b"hello " * 100, REFUSE, "a text")
    put("cut.zip", good[: len(good) // 2], REFUSE, "cut short")
    put("prefix.zip", b"#!/bin/sh\n" + good, EITHER, "a zip behind a script")
    for number, name in enumerate(HOSTILE):
        put(f"path-{number:02d}.zip", zipped({"ok.txt": b"x", name: b"evil"}), REFUSE, f"zip member {name!r}")
        if "\0" not in name:
            put(f"path-{number:02d}.tar", tarred({"ok.txt": b"x", name: b"evil"}), REFUSE, f"tar member {name!r}")
    for kind, what in ((tarfile.SYMTYPE, "sym"), (tarfile.LNKTYPE, "hard"), (tarfile.FIFOTYPE, "fifo"),
                       (tarfile.CHRTYPE, "char"), (tarfile.BLKTYPE, "block")):  # fmt: skip
        put(f"link-{what}.tar", tar_of_kind(kind), REFUSE, f"a tar with a {what} member")
    put("link.zip", zip_link(), REFUSE, "a zip with a symbolic link")
    put("bomb.zip", zipped({"big.bin": bytes(40 << 20)}, level=9)[:-22] + b"", REFUSE, "a bomb without directory")
    put("ratio.zip", lying(zipped({"big.bin": b"x" * 4000}), 3 << 30), REFUSE, "a member that claims 3 GiB")
    put("short.zip", lying(zipped({"a.bin": rng.bytes(400)}), 399), REFUSE, "a member longer than it claims")
    put("long.zip", lying(zipped({"a.bin": rng.bytes(400)}), 401), REFUSE, "a member shorter than it claims")
    put("twice.tar", tarred_pairs([("a.txt", b"1"), ("a.txt", b"2")]), REFUSE, "a name twice")
    put("file-and-folder.tar", tarred_pairs([("a", b"1"), ("a/b.txt", b"2")]), REFUSE, "a name as file and folder")
    put("encrypted.zip", flagged(good, 1), REFUSE, "an encrypted member")
    put("method.zip", good.replace(b"\x08\x00", b"\x63\x00"), EITHER, "a compression that nobody knows")
    hurt = bytearray(zipped({"a.bin": rng.bytes(2000)}, level=0))
    hurt[300] ^= 0xFF
    put("crc.zip", bytes(hurt), REFUSE, "a damaged member")
    put("long-name.zip", zipped({"x" * 300 + ".txt": b"x"}), REFUSE, "a name of 304 bytes")
    put("deep.zip", zipped({"/".join(["d"] * 300) + "/a.txt": b"x"}), EITHER, "three hundred folders")
    put("odd names ü.zip", zipped({"ü/街.txt": b"x", "a b.txt": b"y"}), ACCEPT, "unicode inside and outside")
    put("pictures-only.zip", zipped({"CamVid/train/a.png": b"no", "CamVid/trainannot/a.png": b"no"}), EITHER, "CamVid?")
    cases.append(Case("archive", folder / "missing.zip", REFUSE, "no such file"))
    (folder / "folder.zip").mkdir()
    cases.append(Case("archive", folder / "folder.zip", REFUSE, "a folder"))
    return cases


def zipped(members: dict[str, bytes], level: int = 6) -> bytes:
    """A zip of these members, their names as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = name  # ZipInfo itself would cut and mend it
            info.compress_type = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], packing: str = "") -> bytes:
    """A tar of these members."""
    return tarred_pairs(list(members.items()), packing)


def tarred_pairs(members: list[tuple[str, bytes]], packing: str = "") -> bytes:
    """A tar of these members, in which a name may come twice."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tar_of_kind(kind: bytes) -> bytes:
    """A tar whose second member is a link or a device."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        plain = tarfile.TarInfo("ok.txt")
        plain.size = 1
        archive.addfile(plain, io.BytesIO(b"x"))
        info = tarfile.TarInfo("evil")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    return buffer.getvalue()


def zip_link() -> bytes:
    """A zip with a symbolic link, as Info-ZIP writes one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("evil")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def lying(data: bytes, size: int) -> bytes:
    """A zip of one member whose directory and header claim another size."""
    out = bytearray(data)
    local, central = out.index(b"PK\x03\x04"), out.index(b"PK\x01\x02")
    out[local + 22 : local + 26] = struct.pack("<I", size)
    out[central + 24 : central + 28] = struct.pack("<I", size)
    return bytes(out)


def flagged(data: bytes, flag: int) -> bytes:
    """A zip whose members carry a flag, such as 1 for encryption."""
    out = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = out.find(mark)
        while at >= 0:
            out[at + place] |= flag
            at = out.find(mark, at + 4)
    return bytes(out)
