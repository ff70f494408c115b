"""A lesson on the site: what its first cell says about it, and its page made from the executed notebook.

On the page, solutions are folded away, explorers become their static twins, remains of a kernel (widget views,
progress bars) go, and a line says when, how and with which versions the page was executed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from gltr_lib.course.build import BEGIN, read_cells, solve
from gltr_lib.explorers.twin import Twin
from sitekit import twins
from sitekit.executed import Executed

WIDGET = "application/vnd.jupyter.widget-view+json"
FOLD = {"code_prompt_show": "Show a solution", "code_prompt_hide": "Hide the solution"}
MODE_WORDS = {
    "smoke": "**Smoke mode**: a few steps, to test that everything runs. The scores on this page say nothing.",
    "laptop": "Laptop mode: the budgets of two CPU cores, as `make course` runs it.",
    "full": "Full mode: the patient budgets.",
}


@dataclass(frozen=True)
class Front:
    """What the first cell of a lesson promises."""

    name: str
    number: str
    title: str
    question: str
    able: tuple[str, ...]
    minutes: int
    express: bool


def front(path: Path) -> Front:
    """Read the first cell of a lesson.

    Raises:
        ValueError: the cell has not the form that the linter holds; the message says what is missing.
    """
    text = read_cells(path)[0].source

    def need(pattern: str, what: str) -> str:
        found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
        if not found:
            raise ValueError(f"{path.name}: its first cell has no {what}; see CONTRIBUTING.md, 'A lesson'")
        return " ".join(found[1].split())

    able = need(r"\*\*You will be able to\*\*\n(.*?)\n\n\*\*Before", "'**You will be able to**' with bullets")
    return Front(
        name=path.stem,
        number=path.stem[:2],
        title=need(r"^# \d\d · ([^\n]+)$", "title '# NN · Title'"),
        question=need(r"\*\*Question\.\*\* (.*?)\n\n", "'**Question.** …?'"),
        able=tuple(part.strip() for part in re.split(r"(?:^| )- ", able) if part.strip()),
        minutes=int(need(r"\*\*Time\.\*\* (\d+) min planned", "'**Time.** N min planned.'")),
        express=need(r"\*\*Path\.\*\* ([^.]+)\.", "'**Path.**'").startswith("Express"),
    )


def stamp_words(stamp: dict[str, Any]) -> str:
    """The line under a lesson's title: when, how, where and with what it was executed."""
    names = {"course": "gltr-course", "python": "Python"}
    versions = ", ".join(f"{names.get(name, name)} {version}" for name, version in stamp["versions"].items())
    spent = round(stamp["seconds"])
    seed = f", data of COURSE_SEED variant {stamp['seed'] // 1000}" if stamp.get("seed") else ""
    place = f"in {spent // 60} min {spent % 60:02d} s on {stamp['device']}, network off{seed}"
    return f"Executed on **{stamp['date']}** {place}. {MODE_WORDS[stamp['mode']]} With {versions}."


def page(lesson: Executed, sheet: str, alt: str, drawn: Sequence[Twin]) -> Any:
    """The notebook that Sphinx renders.

    Args:
        lesson: the executed lesson; left as it is.
        sheet: address of its contact sheet, seen from the page. alt: the sheet in words.
        drawn: what stands for explorers.
    """
    answers = {solve(cell.source) for cell in read_cells(lesson.path) if cell.kind == "code" and BEGIN in cell.source}
    book = nbformat.from_dict(lesson.notebook)
    cells = []
    for index, cell in enumerate(book.cells):
        if cell.cell_type == "code":
            numbered = enumerate(cell.outputs)
            cell.outputs = [kept for place, output in numbered for kept in clean(output, drawn, f"{index}-{place}")]
            if cell.source in answers:
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
                cell.metadata["mystnb"] = FOLD
        cells.append(cell)
    box = f"```{{admonition}} How this page was made\n:class: executed\n{stamp_words(lesson.stamp)}\n```"
    files = (
        f"Take it with you: {{download}}`the notebook to work in <files/{lesson.name}.ipynb>` · "
        f"{{download}}`the solved edition <files/solutions/{lesson.name}.ipynb>`"
    )
    picture = f"```{{image}} {sheet}\n:alt: {alt}\n:class: sheet\n```"
    cells.insert(1, nbformat.v4.new_markdown_cell(f"{picture}\n\n{files}\n\n{box}"))
    book.cells = cells
    return book


def clean(output: Any, drawn: Iterable[Twin] = (), place: str = "") -> list[Any]:
    """One output as the site shows it: an empty list, the output itself, or what stands for a widget.

    Args:
        output: of a code cell.
        drawn: what stands for explorers.
        place: of the output on its page.
    """
    if output.get("output_type") == "stream" and output.get("name") == "stderr":
        return []  # progress bars; warnings are the runner's business, which prints them
    data = output.get("data", {})
    if WIDGET not in data:
        return [output]
    plain = data.get("text/plain", "")
    twin = twins.behind(plain, drawn)
    if twin:
        block = twins.embed(twin, place, prefix="../")
        return [nbformat.v4.new_output("display_data", {"text/html": block, "text/plain": plain})]
    if "image/jpeg" in data or "image/png" in data:
        return [nbformat.from_dict({**output, "data": {k: v for k, v in data.items() if k != WIDGET}})]
    what = html.escape(_kind(plain))
    said = f"<p class='needs-kernel'>Here the notebook shows a control ({what}); it needs a kernel.</p>"
    return [nbformat.v4.new_output("display_data", {"text/html": said, "text/plain": plain})]


def _kind(plain: str) -> str:
    return plain.split("(", 1)[0].strip() or "widget"
