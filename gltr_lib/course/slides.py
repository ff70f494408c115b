"""Slides from the lessons: one self-contained HTML file a lesson, which needs no network and no server.

A deck holds what a class looks at together: the question, the objectives, each section's first words with its
equations, tables and lists, every figure and table that a cell made, every *Predict, then run* and what came out, the
exercises' tasks, the recap. The teacher's notes (cells tagged ``instructor``) lie under the slides, key N; what is
expected lies under the answer. Nothing is written twice: text comes from ``lessons/``, figures and tables from the
executed notebooks that ``make course`` leaves in ``runs/course/notebooks``, and only where the executed cell is still
the lesson's cell. Solutions are never shown.

    python -m gltr_lib.course.slides                  # build/slides/index.html and a deck a lesson
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gltr_lib._drafts import write_text
from gltr_lib.course import outputs, root, run_dir
from gltr_lib.course.build import solve
from gltr_lib.course.slidetext import FULL, asked, height, ideas, split, to_html
from gltr_lib.course.source import Cell, LessonError, lesson_files, read_cells
from gltr_lib.course.teach import EXERCISE, EXPECTED, PREDICT, SECTION, recognised

HERE = Path(__file__).parent
TABLES = 2  # a slide holds at most this many tables, or one figure: two of them cannot be read from the last row
PRINTED = 4, 360  # lines and characters that a printed answer may have: more is a list for the notebook
_FIELD = re.compile(r"^\*\*(Question|Before you start|Time)\.\*\* (.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass
class Slide:
    """One slide: its kind (a CSS class), the line above, its title, its HTML, and the teacher's notes (Markdown)."""

    kind: str
    kicker: str
    title: str
    body: str
    notes: list[str] = field(default_factory=list)


def deck(path: Path, executed: Path | None = None) -> list[Slide]:
    """The slides of one lesson.

    Args:
        path: ``lessons/NN_slug.py``.
        executed: the lesson's executed notebook; without it, or where a cell has changed since, there are no figures.

    Returns:
        The slides in order; the first is the title.
    """
    cells = read_cells(path)
    shown = _shown(cells, executed)
    head = cells[0].source
    title = head.split("\n", 1)[0].removeprefix("# ")
    kicker = f"Lesson {title.split(' · ')[0]}"
    fields = {name: " ".join(text.split()) for name, text in _FIELD.findall(head)}
    bullets = "\n".join(re.findall(r"^- .+$", head, re.MULTILINE))
    minutes = re.sub(r"\s*\{\{run_time\}\}", "", fields.get("Time", ""))
    question = f'<p class="question">{to_html(fields["Question"])[3:-4]}</p>'
    slides = [Slide("title", f"{kicker} · {minutes}", title.split(" · ", 1)[-1], question)]
    goals = to_html(f"{bullets}\n\n*Before you start:* {fields['Before you start']}")
    slides.append(Slide("goals", kicker, "You will be able to", goals))
    section, waiting, answer, expected = "", False, [], []
    for cell in cells[1:]:
        text = cell.source
        if "instructor" in cell.tags:
            if waiting and text.startswith(EXPECTED):  # under the answer: key N on the question would give it away
                expected.append(text)
            else:
                slides[-1 if slides[-1].kind != "goals" else 0].notes.append(text)
            continue
        if cell.kind == "code":
            told = recognised(text)
            tasks = [slide for slide in slides if slide.kind == "exercise"][-1:]  # a figure may stand in between
            for slide in tasks if told else []:
                slide.notes.append(told)
            pieces = shown.get(cell.index, [])
            if waiting:
                answer += pieces
            else:
                seen = [piece for piece in pieces if not _printed(piece)]
                slides += _results(seen, section, "shown", section.split(". ", 1)[-1])
            continue
        came = _results(answer, section)
        (came[0] if came else slides[-1]).notes += expected
        slides += came
        waiting, answer, expected = False, [], []
        for part in _parts(text):
            begins = SECTION.match(part)
            if begins:
                section = f"{kicker} · {begins[1]}. {begins[2]}"
                first, *more = ideas(part) or [""]
                line = f"{kicker} · section {begins[1]}, {begins[3]} min"
                slides.append(Slide("section", line, begins[2], first))
                slides += [Slide("idea", section, begins[2], body) for body in more]
            elif task := EXERCISE.match(part):
                slides.append(_exercise(task, part, section))
            elif part.startswith("## Recap"):
                slides.append(Slide("recap", kicker, "Recap", to_html(part.split("\n", 1)[1])))
            elif part.startswith("## Next"):
                slides.append(Slide("next", kicker, "Next", to_html(part.split("\n", 1)[1])))
            elif not part.startswith("## "):
                heading = re.match(r"### (.+)", part)
                title = heading[1] if heading else section.split(". ", 1)[-1]
                slides += [Slide("idea", section, title, body) for body in ideas(part, section=False)]
            if PREDICT in part:
                slides.append(Slide("predict", section, "Predict, then run", asked(part, slides[-1].body)))
                waiting = True
    return slides


def _printed(piece: str) -> bool:
    return piece.startswith('<p class="printed">')


def _results(answer: Sequence[str], section: str, kind: str = "result", title: str = "What came out") -> list[Slide]:
    """Slides of what came out; a legend and a printed line stay with the figure before them."""
    groups: list[list[str]] = []
    room = 0.0
    for piece in (short for whole in answer for short in split(whole)):
        beside = 'class="legend"' in piece or _printed(piece)
        needs = 0.0 if beside else FULL if "<img" in piece else max(height(piece), FULL / TABLES)
        if groups and needs <= room:
            groups[-1].append(piece)
            room -= needs
        else:
            groups.append([piece])
            room = FULL - needs
    return [Slide(kind, section, title, "".join(group)) for group in groups]


def _parts(text: str) -> list[str]:
    """A markdown cell cut at its headings."""
    return [part.strip() for part in re.split(r"^(?=#{2,3} )", text, flags=re.MULTILINE) if part.strip()]


def _exercise(found: re.Match[str], part: str, section: str) -> Slide:
    task = part.split("\n", 1)[1].split("<details>")[0].strip()
    return Slide("exercise", f"{section} · exercise {found[1]} · {found[3]} · {found[4]} min", found[2], to_html(task))


def _shown(cells: Sequence[Cell], executed: Path | None) -> dict[int, list[str]]:
    """Figures and tables by the place of their cell in the source, as HTML, where the executed cell is the same."""
    if executed is None or not executed.is_file():
        return {}
    book = json.loads(executed.read_text(encoding="utf-8"))
    ran = {outputs.text_of(c["source"]): c.get("outputs", []) for c in book["cells"] if c["cell_type"] == "code"}
    found = {}
    for cell in cells:
        if cell.kind == "code":
            found[cell.index] = list(_pieces(ran.get(solve(cell.source), ())))
    return {place: pieces for place, pieces in found.items() if pieces}


def left_out(path: Path, executed: Path) -> int:
    """How many executed cells with a figure or a table are not (or no longer) the lesson's, and so on no slide.

    Args:
        path: ``lessons/NN_slug.py``. executed: the lesson's executed notebook; 0 where there is none.
    """
    if not executed.is_file():
        return 0
    known = {solve(cell.source) for cell in read_cells(path) if cell.kind == "code"}
    ran = [c for c in json.loads(executed.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    changed = [c for c in ran if outputs.text_of(c["source"]) not in known]
    return sum(any(not _printed(piece) for piece in _pieces(c.get("outputs", ()))) for c in changed)


def mode_of(executed: Path) -> str:
    """The mode in which a notebook was executed; empty where there is none, or where it does not say."""
    if not executed.is_file():
        return ""
    about = json.loads(executed.read_text(encoding="utf-8"))["metadata"].get("gltr", {})
    return str(about.get("mode", ""))


def _pieces(made: Sequence[Any]) -> Iterator[str]:
    """What a class looks at among a cell's outputs: figures, an explorer's picture, tables, a few printed lines."""
    for output in made:
        data = output.get("data", {})
        page, told = (outputs.text_of(data.get(f"text/{kind}", "")) for kind in ("html", "markdown"))
        mime = next((kind for kind in ("image/png", "image/jpeg") if kind in data), "")
        if mime:
            alt = html.escape(outputs.alt_of(output, mime), quote=True)
            code = outputs.text_of(data[mime]).replace("\n", "")
            kind = ' class="legend"' if alt.startswith("Legend") else ""
            yield f'<figure{kind}><img alt="{alt}" src="data:{mime};base64,{code}"></figure>'
        elif "<table" in page:
            yield page
        elif "|---" in told:
            yield to_html(told)
        elif output.get("name") == "stdout":
            yield from _line(outputs.text_of(output["text"]))


def _line(printed: str) -> Iterator[str]:
    """A short printed answer; neither a bar, nor what a check says, nor a list that nobody reads from a wall."""
    lines = [line for line in printed.split("\n") if line.strip()]
    lines = [line for line in lines if "\r" not in line and "\u2713" not in line and "not yet" not in line]
    most, long = PRINTED
    if lines and len(lines) <= most and sum(map(len, lines)) <= long:
        yield f'<p class="printed">{"<br>".join(map(html.escape, lines))}</p>'


def page(name: str, slides: Sequence[Slide]) -> str:
    """A whole deck as one HTML page with its style and script inside."""
    parts, notes = [], []
    for number, slide in enumerate(slides, start=1):
        level = "h1" if slide.kind == "title" else "h2"
        label = html.escape(re.sub(r"[$`*]", "", slide.title), quote=True)
        kicker, title = html.escape(slide.kicker), to_html(slide.title)[3:-4]
        picture = (
            " picture" if "<figure" in slide.body else ""
        )  # it takes the slide's whole width, below a small heading
        parts.append(
            f'<section class="slide {slide.kind}{picture}" aria-label="{label}"><p class="kicker">{kicker}</p>'
            f'<{level}>{title}</{level}><div class="body">{slide.body}</div>'
            f'<span class="number">{number} / {len(slides)}</span></section>'
        )
        told = to_html("\n\n".join(slide.notes)) if slide.notes else "<p>No notes for this slide.</p>"
        notes.append(f'<aside class="notes" aria-label="Notes for slide {number}">{told}</aside>')
    buttons = "".join(
        f'<button type="button" data-key="{key}" aria-label="{label}">{sign}</button>'
        for key, label, sign in (
            ("ArrowLeft", "previous slide", "‹"), ("ArrowRight", "next slide", "›"), ("n", "teacher's notes (N)", "N"),
            ("f", "full screen (F)", "F"),
        )
    )  # fmt: skip
    style, script = ((HERE / f"slides.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(name)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head><body>'
        f'<nav class="keys" aria-label="Slides">{buttons}</nav><div id="said" role="status" '
        f'style="position:absolute;width:1px;height:1px;overflow:hidden"></div><main>{"".join(parts)}</main>'
        f"{''.join(notes)}<script>{script}</script></body></html>\n"
    )


def index(decks: dict[str, list[Slide]]) -> str:
    """The page that lists the decks."""
    cards = "".join(
        f'<li><a href="{stem}.html">{html.escape(slides[0].kicker.split(" · ")[0])}: {html.escape(slides[0].title)}</a>'
        f"{slides[0].body}<p>{len(slides)} slides</p></li>"
        for stem, slides in decks.items()
    )
    style = (HERE / "slides.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Slides of the course</title><style>'
        f"{style} .question {{ font-size: 20px; }}</style></head><body><main><h1 style='text-align:center'>Slides"
        "</h1><p style='text-align:center'>Arrow keys turn the slides, N opens the teacher's notes, F fills the "
        f"screen.</p><ul class='cards'>{cards}</ul></main></body></html>\n"
    )


def build(base: Path, runs: Path, out: Path) -> dict[str, list[Slide]]:
    """Write a deck a lesson and their index; returns the decks by the lesson's name."""
    decks = {
        path.stem: deck(path, runs / "notebooks" / f"{path.stem}.ipynb") for path in lesson_files(base / "lessons")
    }
    for stem, slides in decks.items():
        write_text(out / f"{stem}.html", page(slides[0].title, slides))
    write_text(out / "index.html", index(decks))
    return decks


def main(argv: list[str] | None = None) -> int:
    """Command line; 0, or 1 where a lesson breaks the form."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.course.slides", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=None, help="folder of executed lessons (default: runs/course)")
    parser.add_argument("--out", type=Path, default=None, help="where the decks go (default: build/slides)")
    parser.add_argument("--root", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    base = args.root or root()
    runs, out = args.runs or run_dir(), args.out or base / "build" / "slides"
    try:
        decks = build(base, runs, out)
    except LessonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    pictures = sum(slide.body.count("<img") for slides in decks.values() for slide in slides)
    print(f"{len(decks)} decks, {sum(map(len, decks.values()))} slides, {pictures} figures: {out / 'index.html'}")
    if not pictures:
        print(f"No figures: {runs} holds no executed lessons of this state; run `make course` first.")
        return 0
    # A projector in front of a class is the wrong place to find out that "What came out" is missing or means nothing.
    smoke = [stem[:2] for stem in decks if mode_of(runs / "notebooks" / f"{stem}.ipynb") == "smoke"]
    if smoke:
        which = "" if len(smoke) == len(decks) else f" (lessons {', '.join(smoke)})"
        print(f"These figures are from smoke mode{which}: run `make course` before you teach.")
    old = {stem: left_out(base / "lessons" / f"{stem}.py", runs / "notebooks" / f"{stem}.ipynb") for stem in decks}
    if any(old.values()):
        named = ", ".join(f"{stem[:2]} ({count})" for stem, count in old.items() if count)
        print(f"Left out, as these lessons' cells changed since they ran: {named}; run `make course` again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
