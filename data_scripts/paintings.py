"""Paintings for style banks: Painter by Numbers (Kaggle login), or public-domain paintings of The Met without one.

    python data_scripts/paintings.py where
    python data_scripts/paintings.py fetch --out data/paintings --count 500          # about 20 minutes; goes on
    python data_scripts/paintings.py unpack --root data/painter-by-numbers train.zip
    python data_scripts/paintings.py verify --root data/paintings
    gltr bank build data/paintings my-bank.safetensors --stylizer vgg19

``fetch`` asks The Metropolitan Museum's Collection API (no key) for paintings, takes those that the museum marks as
public domain (released as CC0), one request a second, and writes ``met_<id>.jpg`` and one line in ``met.jsonl`` for
each: title, artist, date, page, licence. Others found that the API closes for a minute after some eighty fast requests.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _script import Parser, run

from gltr_lib._read import read_image
from gltr_lib._usage import UsageError
from gltr_lib.cli._say import counter, refused
from gltr_lib.prepare._job import read_journal
from gltr_lib.prepare.download import DiskFull, DownloadError, download
from gltr_lib.prepare.unpack import unpack

API = "https://collectionapi.metmuseum.org/public/collection"
IMAGES = "https://images.metmuseum.org/"
AGENT = "gltr-course (style bank of public-domain paintings; one request a second)"
DEPARTMENTS = {"european": 11, "asian": 6, "modern": 21}
JOURNAL = "met.jsonl"
PAGE = 100
PAUSE = 1.0  # seconds between two requests; two a second were seen to be refused
PATIENCE = 5  # failures in a row after which the museum, not a picture, is to blame
STEPS = """
Painter by Numbers (the paintings of the paper: 79,433 + 23,817 pictures from WikiArt)
  page:    https://www.kaggle.com/c/painter-by-numbers
  login:   yes; accept the competition's rules there once. Rights in the pictures: see WikiArt and the rules.
  kaggle competitions download -c painter-by-numbers -f train.zip      (tens of GB; kaggle is Kaggle's own tool)
  python data_scripts/paintings.py unpack --root data/painter-by-numbers train.zip

The Met, Open Access (no login)
  page:    https://metmuseum.github.io/ , https://github.com/metmuseum/openaccess
  licence: CC0 for works marked as public domain; others are left out, by the mark on each work itself
  python data_scripts/paintings.py fetch --out data/paintings --count 500

Another museum with an open API is the Art Institute of Chicago (https://api.artic.edu/docs/); its pictures lie behind a
check for browsers, so no script of ours asks for them.
"""


class Met:
    """The Collection API: one request a second, patient where the museum asks for patience."""

    def __init__(self, opener: Any = None, sleep: Callable[[float], Any] = time.sleep) -> None:
        self.opener, self.sleep = opener or urllib.request.build_opener(), sleep

    def ask(self, path: str, **query: object) -> dict[str, Any] | None:
        """The JSON behind a path; None if the museum has no such thing.

        Raises:
            DownloadError: no connection, or closed after five waits.
        """
        url = f"{API}/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        reason, wait = "", PAUSE
        for attempt in range(1, 6):
            self.sleep(wait)
            try:
                request = urllib.request.Request(url, headers={"User-Agent": AGENT, "Accept": "application/json"})
                with self.opener.open(request, timeout=60) as answer:
                    found = json.load(answer)
                return found if isinstance(found, dict) else None
            except urllib.error.HTTPError as error:
                with error:
                    reason = f"HTTP {error.code} {error.reason}"
                    if error.code == 404:
                        return None
                    if error.code not in (403, 408, 429, 500, 502, 503, 504):
                        break
                    wait = 60.0 * attempt  # closed to us: it opens again within a minute or two
            except (OSError, ValueError) as error:
                reason, wait = str(error), 2.0**attempt
        raise DownloadError(f"{url}: {reason}; call this again later, it goes on where it was")

    def paintings(self, department: int, query: str) -> Iterator[int]:
        """Numbers of works that the search calls paintings with a picture, page by page."""
        offset = 0
        while True:
            found = self.ask(
                "v1.1/search", q=query, hasImages="true", medium="Paintings", departmentId=department, offset=offset,
                limit=PAGE,
            )  # fmt: skip
            ids = (found or {}).get("objectIDs") or []
            yield from ids
            offset += PAGE
            if not ids or offset >= min(int((found or {}).get("total") or 0), 10_000):
                return


def facts_of(work: dict[str, Any]) -> dict[str, Any] | None:
    """What is kept of a work, or None where it must not be used: not public domain, no picture, no painting."""
    picture = work.get("primaryImageSmall") or work.get("primaryImage") or ""
    if work.get("isPublicDomain") is not True or work.get("classification") != "Paintings":
        return None
    if not picture.startswith(IMAGES):
        return None
    names = {"title": "title", "artist": "artistDisplayName", "date": "objectDate", "page": "objectURL"}
    kept = {name: str(work.get(key) or "") for name, key in names.items()}
    return {**kept, "image": picture, "licence": "CC0 1.0 (The Met Open Access, marked public domain)"}


def fetch(args: argparse.Namespace, met: Met | None = None, get: Callable[..., Path] = download) -> int:
    """Download paintings until there are ``--count`` of them; one that cannot be had is named and left out.

    Raises:
        UsageError: a count below 1.
        DownloadError: the search failed, five works in a row could not be had, or the disk is full.
    """
    if args.count < 1:
        raise UsageError(f"--count: expected at least 1, received {args.count}")
    met = met or Met()
    args.out.mkdir(parents=True, exist_ok=True)
    journal = args.out / JOURNAL
    seen = read_journal(journal)
    have = [key for key, facts in seen.items() if facts.get("image") and (args.out / f"met_{key}.jpg").is_file()]
    show, failed = counter("fetched"), 0
    with journal.open("a", encoding="utf-8") as lines:
        if lines.tell():
            lines.write("\n")
        for number in met.paintings(DEPARTMENTS[args.department], args.query):
            key = str(number)
            if len(have) >= args.count:
                break
            if key in have or (key in seen and not seen[key].get("image")):
                continue
            target = args.out / f"met_{key}.jpg"
            try:
                facts = seen.get(key) or facts_of(met.ask(f"v1/objects/{number}") or {}) or {}
                if facts:
                    _bring(facts["image"], target, met, get)
                    have.append(key)
            except DiskFull:
                raise
            except (DownloadError, ValueError) as error:  # not in the journal: the next call asks for it again
                refused(target.name, str(error))
                failed += 1
                if failed == PATIENCE:
                    raise DownloadError(
                        f"{failed} pictures in a row could not be had; call this again later, or with another --query"
                    ) from None
                continue
            failed = 0
            lines.write(json.dumps({"key": key, **facts}, ensure_ascii=False) + "\n")
            lines.flush()
            if show is not None:
                show(min(len(have), args.count), args.count, facts.get("title", ""))
    print(f"{args.out}: {len(have):,} paintings; titles, artists, pages and licences in {journal}")
    if len(have) < args.count:
        print(
            f"error: the search gave {len(have)} of {args.count}; try another --department or --query", file=sys.stderr
        )
        return 1
    return 0


def _bring(url: str, target: Path, met: Met, get: Callable[..., Path]) -> None:
    """Download a picture that can be opened.

    Raises:
        DownloadError: it cannot be had. ValueError: it is no picture; it is deleted.
    """
    met.sleep(PAUSE)
    get(url, target, headers={"User-Agent": AGENT})
    try:
        read_image(target)
    except ValueError:
        target.unlink()
        raise


def unpack_given(args: argparse.Namespace) -> int:
    """Unpack Kaggle's archive."""
    for archive in args.archives:
        done = unpack(archive, args.root, progress=counter("unpacked"))
        print(f"{archive}: {done.written:,} files written, {done.there:,} were there, in {args.root}")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Open every picture whole; broken ones are named."""
    from gltr_lib.prepare.pictures import examine

    report = examine(args.root, workers=args.workers, on_picture=counter("examined"))
    for name, reason in report["refused"].items():
        refused(name, reason)
    if args.json:
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        sides = report["smallest_side"]
        print(
            f"{args.root}: {report['good']:,} pictures, {len(report['refused'])} refused; the smallest side is "
            f"{sides['least']} to {sides['most']} pixels; {report['without_licence']:,} without a recorded licence"
        )
    return 1 if report["refused"] else 0


def where(args: argparse.Namespace) -> int:
    """Print sources and terms."""
    print(STEPS.strip())
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("where", help="sources, logins, licences").set_defaults(run=where)
    sub = commands.add_parser("fetch", help="public-domain paintings of The Met; goes on where it was")
    sub.add_argument("--out", type=Path, required=True)
    sub.add_argument("--count", type=int, default=500, help="how many (default 500)")
    sub.add_argument("--department", choices=tuple(DEPARTMENTS), default="european")
    sub.add_argument("--query", default="painting", help="words that the search looks for")
    sub.set_defaults(run=fetch)
    sub = commands.add_parser("unpack", help="unpack Kaggle's train.zip; goes on where it was")
    sub.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    sub.add_argument("--root", type=Path, required=True)
    sub.set_defaults(run=unpack_given)
    sub = commands.add_parser("verify", help="open every picture whole")
    sub.add_argument("--root", type=Path, required=True)
    sub.add_argument("--workers", type=int)
    sub.add_argument("--json", action="store_true")
    sub.set_defaults(run=verify)
    return run(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
