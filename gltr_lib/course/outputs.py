"""What the outputs of an executed notebook say: faults that a reader would not see, pictures and their alt texts.

A red cell is easy to find. These are not: an exception swallowed by an Output widget, one in a thread (the cell is long
green), a picture that a blind reader cannot see. Every function takes plain nbformat outputs and returns sentences.
nbconvert reads a picture's alternative text from ``output.metadata["image/png"]["alt"]``; ``viz.show`` writes it there.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gltr_lib._alt import describes

PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}
_THREAD = re.compile(r"^Exception in thread .*", re.MULTILINE)
_RAISED = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Blocked|Interrupt)\b.*", re.MULTILINE)
_IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(["'])(.*?)\1""", re.IGNORECASE | re.DOTALL)
_WARNING = re.compile(r"^.*\b(?:Future|Deprecation)Warning: .*$", re.MULTILINE)
_BAR = re.compile(r"\d%\|.*\[\d+:\d\d<")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Picture:
    """One picture in an output: its cell (from 1), its place there, its type, its bytes and its alt text."""

    cell: int
    index: int
    mime: str
    data: bytes
    alt: str

    def file_name(self, lesson: str) -> str:
        """Where it is kept, such as ``02_adain-cell07-1.png``."""
        return f"{lesson}-cell{self.cell:02d}-{self.index}.{PICTURES[self.mime]}"


def faults(outputs: Iterable[Mapping[str, Any]], where: str, allow_errors: bool = False) -> list[str]:
    """Errors, thread exceptions and unlabelled pictures among one cell's (or one Output widget's) outputs.

    Args:
        outputs: nbformat outputs.
        where: begins every sentence, such as ``"cell 7"``.
        allow_errors: an error output is meant (the cell is tagged ``raises-exception``).

    Returns:
        One sentence a fault; empty where all is well.

    Example:
        >>> faults([{"output_type": "error", "ename": "ValueError", "evalue": "no"}], "cell 3")
        ['cell 3: ValueError: no']
    """
    found = []
    for output in outputs:
        kind = output.get("output_type")
        if kind == "error" and not allow_errors:
            found.append(f"{where}: {output.get('ename', 'Error')}: {_short(output.get('evalue', ''))}")
        elif kind == "stream" and output.get("name") == "stderr":
            found += thread_faults(text_of(output.get("text", "")), where)
        elif kind in ("display_data", "execute_result"):
            found += _missing_alt(output, where)
    return found


def thread_faults(text: str, where: str) -> list[str]:
    """Sentences for each "Exception in thread" in a text, with the exception that it names."""
    text = _ANSI.sub("", text)
    starts = [match.start() for match in _THREAD.finditer(text)]
    if not starts:
        return []
    found = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        block = text[start:end]
        raised = _RAISED.findall(block.partition("\n")[2])  # the first line begins with "Exception" itself
        found.append(f"{where}: {block.splitlines()[0].rstrip(':')}: {_short(raised[-1] if raised else 'unknown')}")
    return found


def has_bar(outputs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a progress bar is among the outputs.

    Example:
        >>> has_bar([{"output_type": "stream", "name": "stderr", "text": "scoring:  50%|##   | 2/4 [00:01<00:01]"}])
        True
    """
    return any(_BAR.search(text_of(output.get("text", ""))) for output in outputs)


def warnings_in(outputs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Future and deprecation warnings on stderr, one line each."""
    text = "\n".join(text_of(o.get("text", "")) for o in outputs if o.get("name") == "stderr")
    return [_short(line.strip()) for line in _WARNING.findall(text)]


def widget_faults(state: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Faults inside Output widgets, where an exception leaves no red cell.

    Args:
        state: model id to widget state, as nbclient keeps it.
    """
    found = []
    for model in state.values():
        if model.get("_model_name") == "OutputModel":
            found += faults(model.get("outputs", ()), "Output widget")
    return found


def pictures(outputs: Iterable[Mapping[str, Any]], cell: int) -> Iterator[Picture]:
    """Every picture among a cell's outputs, in order."""
    index = 0
    for output in outputs:
        for mime in PICTURES:
            data = output.get("data", {}).get(mime)
            if data is None:
                continue
            index += 1
            text = text_of(data)
            raw = text.encode() if mime == "image/svg+xml" else base64.b64decode(text)
            yield Picture(cell, index, mime, raw, alt_of(output, mime))


def save_pictures(found: Iterable[Picture], lesson: str, folder: Path) -> dict[str, str]:
    """Write pictures into a folder; returns file name to alt text. Older pictures of this lesson go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{lesson}-cell*"):
        old.unlink()
    named = {}
    for picture in found:
        (folder / picture.file_name(lesson)).write_bytes(picture.data)
        named[picture.file_name(lesson)] = picture.alt
    return named


def alt_of(output: Mapping[str, Any], mime: str) -> str:
    """The alternative text of a picture output, or the empty string."""
    about = output.get("metadata", {}).get(mime, {})
    return str(about.get("alt", "")).strip() if isinstance(about, Mapping) else ""


def text_of(text: str | list[str]) -> str:
    """nbformat keeps texts whole or as a list of lines; this is the whole."""
    return text if isinstance(text, str) else "".join(text)


def _missing_alt(output: Mapping[str, Any], where: str) -> list[str]:
    found = []
    for mime in PICTURES:
        if mime in output.get("data", {}) and not describes(alt := alt_of(output, mime)):
            found.append(f"{where}: {mime} with alt text of {len(alt)} characters; use viz.show(..., alt=)")
    for tag in _IMG.findall(text_of(output.get("data", {}).get("text/html", ""))):
        alts = _ALT.search(tag)
        if not alts or not describes(html.unescape(alts[2])):
            found.append(f"{where}: <img> without alt text in HTML")
    return found


def _short(text: str, limit: int = 200) -> str:
    line = " ".join(_ANSI.sub("", str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
