"""A lesson's text as a slide's HTML: what of it a class looks at together, and how much of that fits on one slide.

A slide keeps a section's first paragraph and everything that is not prose: tables, lists, code, and equations, each
below the paragraph that announces it. How high a piece will be is only estimated here; the page's script measures it
and sets it a little smaller where that is not enough.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

from gltr_lib.course.formula import svg
from gltr_lib.course.teach import PREDICT

FULL = 13.0  # lines of text on a slide that is set a little smaller (0.9); as a table, a caption and 10 rows
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
    found = re.fullmatch(r"(\s*<table.*?<tbody>\s*)(.*)(</tbody>\s*</table>\s*)", piece, re.DOTALL)
    rows = re.findall(r"<tr>.*?</tr>", found[2], re.DOTALL) if found else []
    if not found or piece.count("<tbody>") > 1 or not rows:
        return [piece]
    header = height(f"{found[1]}{found[3]}")
    count = min(len(rows), math.ceil((height(piece) - header) / max(FULL - header, 1.0)))
    if count < 2:
        return [piece]
    ends = [round(len(rows) * place / count) for place in range(count + 1)]  # as many on each, not ten and a single one
    return [f"{found[1]}{''.join(rows[a:b])}{found[3]}" for a, b in pairwise(ends)]


def height(page: str) -> float:
    """About how many lines of a slide's text a piece of HTML takes, formulas and tables included."""
    if "<tr>" in page:
        caption = 1.0 if "<caption" in page else 0.0
        rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
        return caption + 0.5 + sum(0.28 + 0.7 * math.ceil(_letters(row) / CELLS) for row in rows)
    if "<pre>" in page:
        return 0.9 + 0.67 * (page.count("\n") + 1)
    formulas = sum(1.3 + 1.02 * float(em) for em in re.findall(r'"formula display"[^>]*?height:([\d.]+)em', page))
    items = re.findall(r"<(?:p|li)>(.*?)(?=<(?:p|li)>|\Z)", page, re.DOTALL)
    return formulas + sum(0.4 + math.ceil(_letters(item) / LINE) for item in items)


def _letters(page: str) -> int:
    """Letters of a text without its tags; a formula in the line counts as wide as it is drawn."""
    drawn = sum(2 * float(em) for em in re.findall(r'"formula"[^>]*?width:([\d.]+)em', page))
    return math.ceil(drawn) + len(re.sub(r"<[^>]*>", "", page).strip())
