"""Reads a built site as a browser would, without one: what it would fetch from elsewhere, dead links, mute pictures.

    python docs/sitekit/audit.py build/site

Only the standard library. A link to another site is fine (a person follows it); a script, style, font, picture or frame
from another host is not, because the page is then broken without a network.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

HREF, SRC = ("href", "xlink:href"), ("src", "srcset")
LOADS = {
    "script": SRC, "link": HREF, "img": SRC, "iframe": SRC, "source": SRC, "video": ("src", "poster"), "audio": SRC,
    "embed": SRC, "object": ("data",), "image": HREF, "input": SRC, "use": HREF,
}  # fmt: skip
THEME_TEMPLATE = "webpack-macros.html"  # the theme copies this source of its own; no page links to it
QUIET_LINKS = {"canonical", "next", "prev", "author", "license", "index", "search", "help"}  # told, not fetched
CSS_URL = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
# A script may name an address in a licence or a message; these forms fetch one.
JS_FETCH = re.compile(
    r"""(?:\bfetch|importScripts|\bimport)\s*\(\s*["'`]((?:https?:)?//[^"'`]+)|\.src\s*=\s*["'`]((?:https?:)?//[^"'`]+)"""
)


@dataclass
class Page:
    """What one HTML file asks for, links to, defines and shows."""

    loads: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    mute: list[str] = field(default_factory=list)
    images: int = 0
    styles: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Fills a :class:`Page`."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        page = self.page
        page.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            page.links.append(given["href"])
        quiet = tag == "link" and set(given.get("rel", "").lower().split()) & QUIET_LINKS
        if not quiet:
            for name in LOADS.get(tag, ()):
                parts = given.get(name, "").split(",") if name == "srcset" else [given.get(name, "")]
                page.loads += [part.split()[0] for part in parts if part.strip()]
        if tag == "img":
            page.images += 1
            # alt="" means decoration, which our pages have none of in their text
            if not given.get("alt", "").strip() and given.get("aria-hidden") != "true":
                page.mute.append(given.get("src", "?"))
        if given.get("style"):
            page.styles.append(given["style"])
        self._inside = tag if tag in ("style", "script") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.page.styles.append(data)
        elif self._inside == "script":
            self.page.scripts.append(data)


def read(path: Path) -> Page:
    """One HTML file."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def is_remote(address: str) -> bool:
    """Whether a browser would ask another host for it."""
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https", "ftp", "ws", "wss")


def audit(site: Path) -> dict[str, list[str]]:
    """All faults of a built site by kind: ``remote``, ``dead`` (links and files) and ``mute`` (pictures).

    Args:
        site: the folder with ``index.html``.

    Raises:
        ValueError: there is no ``index.html``.
    """
    if not (site / "index.html").is_file():
        raise ValueError(f"{site} holds no index.html; run make site first")
    files = (path for path in sorted(site.rglob("*.html")) if path.name != THEME_TEMPLATE)
    pages = {path.resolve(): read(path) for path in files}
    faults: dict[str, list[str]] = {"remote": [], "dead": [], "mute": []}
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        css = [found for text in page.styles for found in css_urls(text)]
        js = [found for text in page.scripts for found in js_fetches(text)]
        faults["remote"] += [f"{name}: {address}" for address in [*page.loads, *css, *js] if is_remote(address)]
        faults["mute"] += [f"{name}: {address}" for address in page.mute]
        for address in dict.fromkeys([*page.links, *page.loads]):
            faults["dead"] += [f"{name}: {address}"] if dead(address, path, pages) else []
    for path in sorted(site.rglob("*.css")):
        name = path.relative_to(site).as_posix()
        for address in css_urls(path.read_text(encoding="utf-8", errors="replace")):
            if is_remote(address):
                faults["remote"].append(f"{name}: {address}")
            elif (
                not address.startswith(("data:", "#")) and not (path.parent / unquote(urlsplit(address).path)).exists()
            ):
                faults["dead"].append(f"{name}: {address}")
    for path in sorted(site.rglob("*.js")):
        if (
            "mathjax" in path.parts
        ):  # MathJax names its optional parts by address; the browser test watches what it fetches
            continue
        name = path.relative_to(site).as_posix()
        faults["remote"] += [f"{name}: {a}" for a in js_fetches(path.read_text(encoding="utf-8", errors="replace"))]
    return faults


def css_urls(text: str) -> list[str]:
    """Addresses that a style sheet fetches.

    Example:
        >>> css_urls('@import "a.css"; b { background: url(c.png) }')
        ['a.css', 'c.png']
    """
    return [(first or second).strip() for first, second in CSS_URL.findall(text)]


def js_fetches(text: str) -> list[str]:
    """Remote addresses that a script plainly fetches.

    Example:
        >>> js_fetches('fetch("//cdn.example/x.js"); see("https://example.org")')
        ['//cdn.example/x.js']
    """
    return [first or second for first, second in JS_FETCH.findall(text)]


def dead(address: str, page: Path, pages: dict[Path, Page]) -> bool:
    """Whether a link inside the site leads nowhere: no such file, or no such place in it."""
    target, place = urldefrag(address)
    if is_remote(address) or urlsplit(address).scheme in ("mailto", "data", "javascript"):
        return False
    path = (page.parent / unquote(urlsplit(target).path)).resolve() if urlsplit(target).path else page
    if path.is_dir():
        path /= "index.html"
    if not path.is_file():
        return True
    return bool(place) and path in pages and unquote(place) not in pages[path].ids


def main(argv: list[str]) -> int:
    """Print every fault; 1 if there is one."""
    faults = audit(Path(argv[0] if argv else "build/site"))
    for kind, lines in faults.items():
        print(f"{kind}: {len(lines)}")
        print("".join(f"  {line}\n" for line in lines), end="")
    return int(any(faults.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
