"""The command line that the scripts of this folder share: where, fetch, unpack, prepare, verify.

A script describes its dataset as a :class:`Recipe`; everything that does something is in ``gltr_lib.prepare``. Exit
codes: 0 done, 1 the data is not to be had or not what it should be, 2 wrong usage, 130 stopped. A mistake is one line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

from gltr_lib._drafts import write_text
from gltr_lib._json import parse
from gltr_lib._usage import UsageError
from gltr_lib.cli import data as commands
from gltr_lib.cli._say import counter, in_words
from gltr_lib.datasets import LAYOUTS
from gltr_lib.prepare import splits
from gltr_lib.prepare.download import DownloadError, digest, download, remember
from gltr_lib.prepare.unpack import unpack

ARCHIVES = "archives"  # folder below the root in which archives wait
RECORD = "checksums.json"  # what was recorded of files whose checksum nobody publishes
UNPACKED = "unpacked.json"  # archives that were unpacked and may have been deleted


@dataclass(frozen=True)
class Remote:
    """A file that a script may fetch: its name here, its sources, a published checksum if there is one."""

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    md5: str = ""
    about: str = ""


@dataclass(frozen=True)
class Recipe:
    """A dataset: its name in ``gltr_lib.datasets.LAYOUTS``, what a person has to do, what a script may do.

    ``known`` holds published MD5 checksums of archives that a person downloads, by file name.
    """

    dataset: str
    steps: str
    files: tuple[Remote, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    strip: int = 0


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} ({self.prog} --help)\n")


def main(recipe: Recipe, argv: Sequence[str] | None = None, more: Callable[[Any], None] | None = None) -> int:
    """Run a script's command line.

    Args:
        recipe: the dataset.
        argv: as in ``sys.argv[1:]``.
        more: adds sub-commands of its own to the sub-parsers; each sets ``run``, a function of the parsed arguments.

    Returns:
        The exit code.
    """
    layout = LAYOUTS[recipe.dataset]
    parser = Parser(description=f"{layout.title}: where it is, fetch, unpack, prepare, verify.")
    commands_ = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_where(commands_, recipe)
    _add_fetch(commands_, recipe)
    _add_unpack(commands_, recipe)
    _add_prepare(commands_, recipe)
    _add_verify(commands_, recipe)
    if more is not None:
        more(commands_)
    return run(parser, argv)


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parse and run; what went wrong is one line on stderr."""
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong
        return int(stop.code or 0)
    try:
        return int(args.run(args) or 0)
    except UsageError as error:
        return _complain(error, 2)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        if os.environ.get("GLTR_DEBUG"):
            raise
        return _complain(in_words(error), 1)
    except KeyboardInterrupt:
        return _complain("stopped; the same command goes on where it was", 130)


def fetch_all(files: Sequence[Remote], folder: Path) -> list[Path]:
    """Download files whole into a folder; unpublished checksums are recorded on first use and held to from then on."""
    paths = []
    for remote in files:
        path = folder / remote.name
        there = path.exists()
        download(remote.urls, path, sha256=remote.sha256, md5=remote.md5, progress=progress_of(remote.name))
        found = remember(path, folder / RECORD)
        how = "matches the published checksum" if remote.sha256 or remote.md5 else f"recorded in {folder / RECORD}"
        print(f"{path}: {'was there' if there else 'fetched'}, {path.stat().st_size:,} bytes, sha256 {found} ({how})")
        paths.append(path)
    return paths


def unpack_into(recipe: Recipe, root: Path, archives: Sequence[Path], *, strip: int, unchecked: bool = False) -> None:
    """Unpack archives into the dataset's folder, after their checksum where one is published."""
    for archive in archives:
        wanted = recipe.known.get(archive.name)
        if wanted and not unchecked and archive.is_file() and (found := digest(archive, "md5")) != wanted:
            raise DownloadError(
                f"{archive}: md5 {found}, published {wanted}; download it again, or give --unchecked if the publisher "
                f"has renewed it"
            )
        done = unpack(archive, root, strip=strip, progress=counter("unpacked"))
        print(f"{archive}: {done.written:,} files written, {done.there:,} were there, {done.bytes:,} bytes in {root}")


def options_of(dataset: str) -> dict[str, tuple[str, ...]]:
    """The choices that a dataset's layout offers, the default first."""
    return dict(LAYOUTS[dataset].options)


def add_lists(commands_: Any, prefix: str) -> None:
    """The sub-command ``lists`` of a dataset whose published split lists are built in."""

    def lists(args: argparse.Namespace) -> None:
        published = splits.published(args.name)
        for path in splits.write_lists(args.out, published):
            print(f"{path}: {len(published[path.stem]):,} pictures")

    parser = commands_.add_parser("lists", help="write the published split lists as text files")
    parser.add_argument("--out", type=Path, required=True, help="folder for train.txt, val.txt ...")
    names = [name for name in splits.PUBLISHED if name.startswith(prefix)]
    parser.add_argument("--name", choices=names, default=prefix, help="default: %(default)s")
    parser.set_defaults(run=lists)


def _add_where(commands_: Any, recipe: Recipe) -> None:
    def where(args: argparse.Namespace) -> int:
        layout = LAYOUTS[recipe.dataset]
        print(f"{layout.title}\n  page:    {layout.homepage}\n  login:   {'yes' if layout.login else 'no'}")
        print(f"  licence: {layout.licence}")
        numbers = ", ".join(f"{split} {count:,}" for split, count in layout.splits.items() if count)
        print(f"  pictures: {numbers}\n")
        print(recipe.steps.strip())
        return 0

    commands_.add_parser("where", help="what to download from where, login, licence").set_defaults(run=where)


def _add_fetch(commands_: Any, recipe: Recipe) -> None:
    def fetch(args: argparse.Namespace) -> int:
        layout = LAYOUTS[recipe.dataset]
        if not recipe.files:
            why = "it needs your login" if layout.login else "`where` says why"
            raise DownloadError(
                f"{layout.title} is not fetched by a script ({why}); `where` prints the steps, the page is "
                f"{layout.homepage}"
            )
        chosen = [file for file in recipe.files if not args.only or any(part in file.name for part in args.only)]
        if not chosen:
            raise UsageError(f"--only: no file matches {' '.join(args.only)}; files: {recipe.files[0].name} ...")
        print(f"{layout.title}: {layout.licence} ({layout.homepage})")
        store = args.root / ARCHIVES
        record = store / UNPACKED
        before = _unpacked(record)
        for remote in chosen:
            if remote.name in before and not args.again:
                print(f"{remote.name}: unpacked already (--again fetches it anew)")
                continue
            (archive,) = fetch_all([remote], store)
            if args.no_unpack:
                continue
            unpack_into(recipe, args.root, [archive], strip=recipe.strip)
            before.add(remote.name)
            write_text(record, json.dumps(sorted(before)) + "\n")
            if not args.keep:
                archive.unlink()
        return 0

    parser = commands_.add_parser("fetch", help="download and unpack what a script may download; goes on where it was")
    parser.add_argument(
        "--root", type=Path, required=True, help="folder of the dataset; archives wait in ROOT/archives"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="PART", help="only files whose name holds one of these"
    )
    parser.add_argument("--keep", action="store_true", help="keep the archives after unpacking")
    parser.add_argument("--no-unpack", action="store_true", help="only download")
    parser.add_argument("--again", action="store_true", help="also what was unpacked already")
    parser.set_defaults(run=fetch)


def _unpacked(record: Path) -> set[str]:
    """The archives that a record calls unpacked."""
    try:
        names = parse(record.read_bytes()) if record.exists() else []
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DownloadError(f"{record}: not a list of unpacked archives; delete it, and they are fetched again")
    return set(names)


def _add_unpack(commands_: Any, recipe: Recipe) -> None:
    def unpack_given(args: argparse.Namespace) -> None:
        unpack_into(recipe, args.root, args.archives, strip=args.strip, unchecked=args.unchecked)

    parser = commands_.add_parser("unpack", help="unpack archives that you downloaded; goes on where it was")
    parser.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE", help="zip, tar, tar.gz, tar.bz2, tar.xz")
    parser.add_argument("--root", type=Path, required=True, help="folder of the dataset")
    parser.add_argument(
        "--strip", type=int, default=recipe.strip, help="leading folders to take off (default %(default)s)"
    )
    parser.add_argument("--unchecked", action="store_true", help="do not hold archives to published checksums")
    parser.set_defaults(run=unpack_given)


def _add_prepare(commands_: Any, recipe: Recipe) -> None:
    def prepare(args: argparse.Namespace) -> int:
        return commands.prepare(
            recipe.dataset, args.root, args.out, split=tuple(args.split), workers=args.workers, json=args.json,
            **{name: getattr(args, name) for name in options_of(recipe.dataset)},
        )  # fmt: skip

    parser = commands_.add_parser("prepare", help="convert label maps to trainIds, once; goes on where it was")
    parser.add_argument("--root", type=Path, required=True, help="folder of the dataset; only read")
    parser.add_argument("--out", type=Path, required=True, help="folder for trainId PNGs and manifest.json")
    _add_choices(parser, recipe)
    parser.set_defaults(run=prepare)


def _add_verify(commands_: Any, recipe: Recipe) -> None:
    def verify(args: argparse.Namespace) -> int:
        return commands.verify(
            recipe.dataset, args.root, split=tuple(args.split), prepared=args.prepared, depth=args.depth,
            part=args.part, workers=args.workers, json=args.json,
            **{name: getattr(args, name) for name in options_of(recipe.dataset)},
        )  # fmt: skip

    parser = commands_.add_parser("verify", help="examine layout, numbers, sizes, ids, pairs, damage")
    parser.add_argument("--root", type=Path, required=True, help="folder of the dataset; only read")
    parser.add_argument("--prepared", type=Path, help="examine these converted label maps instead of the originals")
    parser.add_argument("--depth", choices=("full", "labels", "headers"), default="full", help="default: full")
    parser.add_argument("--part", action="store_true", help="official numbers and sizes do not matter")
    _add_choices(parser, recipe)
    parser.set_defaults(run=verify)


def _add_choices(parser: argparse.ArgumentParser, recipe: Recipe) -> None:
    parser.add_argument(
        "--split", nargs="+", default=[], choices=tuple(LAYOUTS[recipe.dataset].splits), metavar="SPLIT"
    )
    parser.add_argument("--workers", type=int, help="processes (default: one a core, at most 8)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    for name, choices in options_of(recipe.dataset).items():
        parser.add_argument(f"--{name}", choices=choices, help=f"default: {choices[0]}")


def progress_of(name: str) -> Callable[[int, int | None], None] | None:
    """What a download's progress shows on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def show(have: int, total: int | None) -> None:
        of = f" of {total / 1e6:,.0f} MB ({100 * have / total:.0f} %)" if total else " MB"
        print(f"\r\033[K{name} {have / 1e6:,.0f}{of}", end="\n" if have == total else "", file=sys.stderr, flush=True)

    return show


def _complain(error: object, code: int) -> int:
    print("error: " + " ".join(str(error).split()), file=sys.stderr)
    return code
