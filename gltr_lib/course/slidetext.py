"""A lesson's text as a slide's HTML: what of it a class looks at together, and how much of that fits on one slide.

A slide keeps a section's first paragraph and everything that is not prose: tables, lists, code, and equations, each
below the paragraph that announces it. How high a piece will be is only estimated here; the page's script measures it
and sets it a little smaller where that is not enough.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import zip_longest

from gltr_lib.course.formula import svg
from gltr_lib.course.teach import PREDICT

FULL = 14.5  # lines of text on a slide that is set a little smaller (0.85); as a table, a caption and a dozen rows
LINE, CELLS = 74, 104  # letters in a line of text, and in a line of a table
_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_PROSE = re.compile(r"(?!\||```|>|###|[-*] |\d+\. )")


def to_html(text: str) -> str:
    """Markdown with TeX to HTML with SVG formulas; links to other lessons lead to their decks.

    Example:
        >>> to_html("The *mean*.")
        '<p>The <em>mean</em>.</p>'
    """
    from markdown_it import MarkdownIt

    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\x02{len(kept) - 1}\x03"

    guarded = _CODE.sub(lambda match: keep(match[0]), text)
    guarded = _MATH.sub(lambda match: keep(svg(match[1] or match[2], bool(match[1]))), guarded)
    guarded = re.sub(r"\x02(\d+)\x03", lambda m: kept[int(m[1])] if kept[int(m[1])].startswith("`") else m[0], guarded)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(guarded).strip()
    page = re.sub(r"\x02(\d+)\x03", lambda match: kept[int(match[1])], page)
    return re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="\1.html"', page)


def asked(part: str, previous: str = "") -> str:
    """A prediction, below the paragraph that leads up to it, unless the class has just read that one."""
    before, question = part.split(PREDICT, 1)
    lead = before.strip().split("\n\n")[-1].strip()
    plain = bool(lead) and not lead.startswith(("#", "|", "$$", "- ", "```"))
    page = to_html(lead) if plain else ""
    told = f'<div class="lead">{page}</div>' if page and page not in previous else ""
    return told + to_html(question.split("\n\n#", 1)[0].strip())


def ideas(part: str, section: bool = True) -> list[str]:
    """What of a text belongs on slides, one HTML text a slide; none where it is prose alone and begins no section.

    Args:
        part: Markdown, with its heading.
        section: it begins a section, whose first paragraph is shown in any case.
    """
    text = re.sub(r"^#{2,3} .*\n", "", part).split("<details>")[0].split(PREDICT)[0]
    blocks: list[str] = []
    for piece in filter(None, (p.strip("\n") for p in text.split("\n\n"))):
        if blocks and blocks[-1].count("```") % 2:  # a block of code goes on behind its blank line
            blocks[-1] += "\n\n" + piece
        else:
            blocks.append(piece)
    prose = [bool(_PROSE.match(block)) and "$$" not in block for block in blocks]
    units: list[list[str]] = []  # what must stay on one slide
    kept = -1
    for place, block in enumerate(blocks):
        follows = place > 0 and kept == place - 1
        if prose[place]:
            if (
                follows and "$$" in blocks[place - 1] and block[:1].islower()
            ):  # the sentence goes on behind its equation
                units[-1].append(block)
            elif place == 0 and (section or "$$" in text):
                units.append([block])
            else:
                continue
        elif follows and prose[place - 1]:
            units[-1].append(block)
        else:
            units.append([*(blocks[place - 1 : place] if place and prose[place - 1] else []), block])
        kept = place
    return fill([[to_html(block) for block in unit] for unit in units])


def fill(units: Sequence[Sequence[str]]) -> list[str]:
    """Units of HTML, one behind the other, on as few slides as hold them; a unit stays whole while it fits on one."""
    slides: list[list[str]] = []
    room = 0.0
    for unit in units:
        pieces = [short for piece in unit for short in split(piece)]
        together = len(pieces) if sum(map(height, pieces)) <= FULL else 2 if sum(map(height, pieces[:2])) <= FULL else 1
        for group in [pieces[:together], *([piece] for piece in pieces[together:])]:
            needs = sum(map(height, group))
            if slides and needs <= room:
                slides[-1] += group
                room -= needs
            else:
                slides.append(list(group))
                room = FULL - needs
    return ["\n".join(slide) for slide in slides]


def split(piece: str) -> list[str]:
    """A table of more rows than a slide holds as several, each with the header; anything else as it is."""
    found = re.fullmatch(r"(.*?)(<table.*?<tbody>\s*)(.*)(</tbody>\s*</table>)(.*)", piece, re.DOTALL)
    if not found or piece.count("<tbody>") > 1:
        return [piece]
    before, opens, inner, closes, after = found.groups()
    rows = re.findall(r"<tr>.*?</tr>", inner, re.DOTALL)
    heights = _rows(opens + inner)[-len(rows) :]
    head = height(opens + inner + closes) - sum(heights)
    count = min(len(rows), math.ceil(sum(heights) / max(FULL - head, 1.0)))
    if count < 2:
        return [piece]
    chunks: list[list[str]] = [[] for _ in range(count)]  # as much on each, not ten rows and a single one
    for place, row in enumerate(rows):
        chunks[int(count * (sum(heights[:place]) + heights[place] / 2) / sum(heights))].append(row)
    pages = [f"{opens}{''.join(chunk)}{closes}" for chunk in chunks if chunk]
    return [before + pages[0], *pages[1:-1], pages[-1] + after]


def height(page: str) -> float:
    """About how many lines of a slide's text a piece of HTML takes, formulas and tables included."""
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    lines = sum(0.5 + ("<caption" in table) + sum(_rows(table)) for table in tables)
    page = re.sub(r"<table.*?</table>", "", page, flags=re.DOTALL)
    lines += sum(0.9 + 0.67 * (1 + code.count("\n")) for code in re.findall(r"<pre>.*?</pre>", page, re.DOTALL))
    lines += sum(1.3 + 1.02 * float(em) for em in re.findall(r'"formula display"[^>]*?height:([\d.]+)em', page))
    items = re.findall(r"<(?:p|li)\b[^>]*>(.*?)(?=<(?:p|li|pre)\b|\Z)", page, re.DOTALL)
    return lines + sum(0.4 + math.ceil(_letters(item) / LINE) for item in items)


def _rows(table: str) -> list[float]:
    """The lines that each row takes; a table that is too wide gives each column a share by its longest cell."""
    rows = [
        [_letters(cell) + 3 for cell in re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
    ]
    widest = [max(column) for column in zip_longest(*rows, fillvalue=0)]
    times = max(1.0, sum(widest) / CELLS)
    return [
        0.28 + 0.7 * max((math.ceil(cell * times / most) for cell, most in zip(row, widest, strict=False)), default=1)
        for row in rows
    ]


def _letters(page: str) -> int:
    """Letters of a text without its tags; a formula in the line counts as wide as it is drawn."""
    drawn = sum(2 * float(em) for em in re.findall(r'"formula"[^>]*?width:([\d.]+)em', page))
    return math.ceil(drawn) + len(re.sub(r"<[^>]*>", "", page).strip())
