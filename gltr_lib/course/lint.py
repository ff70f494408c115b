"""The spine of a lesson, held by a machine so that the prose may be free.

Every lesson asks a question, says what you will be able to do and how long it takes, lets you predict before you run,
gives three exercises with two hints, a solution and a check each, and ends with recap, references and next step. This
linter reads ``lessons/NN_slug.py`` without running it and names file, cell and remedy for each thing that is missing.
The rules are listed for authors in ``CONTRIBUTING.md``.

    python -m gltr_lib.course.lint        # all lessons
    python -m gltr_lib.course.lint 02 07  # some
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from gltr_lib._alt import ALT_LENGTH, describes
from gltr_lib.course import root, rules
from gltr_lib.course.build import BEGIN, END, solve, stub
from gltr_lib.course.source import NAME, Cell, LessonError, lesson_files, read_cells
from gltr_lib.course.teach import EXERCISE, PREDICT, SECTION

MAX_LINES = 25
MIN_PREDICTIONS, MIN_EXERCISES, MIN_SECTIONS, MIN_OBJECTIVES = 2, 3, 2, 2
TAGS = {"solution-only", "instructor", "raises-exception"}
CLOSING = ("Recap", "References", "Next")
_TITLE = re.compile(r"^# (\d\d) · \S.*$")
_TIME = re.compile(r"^\*\*Time\.\*\* (\d+) min planned\. \{\{run_time\}\}$")
_PATH = re.compile(r"^\*\*Path\.\*\* (Express and full|Full)\.$")
_HINT = re.compile(r"^<details><summary>Hint (\d)</summary>\n\n.+?\n\n</details>$", re.MULTILINE | re.DOTALL)
_CHECK = re.compile(r"""^(\w+) = check\((["'])(\d\d)-[a-z0-9-]+\2, \1\)$""", re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
_ABSOLUTE = re.compile(r"""["'](?:/(?:home|Users|tmp|root|data|mnt|usr|var|opt|content)\b|[A-Za-z]:\\\\|~/)""")
_FORBIDDEN = (
    (_ABSOLUTE, "an absolute path"),
    (re.compile(r"""["'](?:[^"'\n]*/)?\.\.(?:/|["'])"""), "a path with '..'; ask course.run_dir()"),
    (re.compile(r"^\s*[%!]", re.MULTILINE), "a magic or shell command"),
    (re.compile(r"\bpip3? install|\bconda install|\buv pip"), "an installation"),
    (re.compile(r"https?://|\burllib\b|\brequests\b|\bdownload\("), "the network"),
    (re.compile(r"\bos\.environ|\bgetenv\("), "the environment; ask course.mode() or course.pick()"),
    (re.compile(r"\bpyplot\b|\bplt\."), "pyplot; draw with viz and show(fig, alt=)"),
)  # fmt: skip


def lint(path: Path) -> list[str]:
    """All faults of one lesson.

    Args:
        path: ``lessons/NN_slug.py``.

    Returns:
        Sentences ``file, cell n: what is wrong and what is expected``; empty for a lesson in form.
    """
    try:
        cells = read_cells(path)
    except LessonError as error:
        return [str(error)]
    number = NAME.match(path.stem)
    if not number:
        return [f"{path.name}: a lesson is called NN_slug.py"]
    if not cells:
        return [f"{path.name}: no cells"]
    names = {other.stem for other in path.parent.glob("*.py")}
    found: list[tuple[int, str]] = []
    found += _front(cells[0], number[1])
    found += _sections(cells)
    found += _predictions(cells)
    found += _exercises(cells, int(number[1]))
    for cell in cells:
        found += ((cell.index, fault) for fault in (_code(cell) if cell.kind == "code" else _markdown(cell, names)))
        strange = sorted(cell.tags - TAGS)
        if strange:
            found.append((cell.index, f"tags {', '.join(strange)}; known are {', '.join(sorted(TAGS))}"))
        found += rules.tables(cell) if cell.kind == "code" else ()
    found += _closing(cells)
    found += [*rules.teaching(cells), *rules.beside(cells)]
    return [f"{path.name}, cell {index + 1}: {fault}" for index, fault in sorted(found)]


def _front(cell: Cell, number: str) -> Iterator[tuple[int, str]]:
    if cell.kind != "markdown":
        yield 0, "the first cell is the front matter, in markdown"
        return
    lines = [line for line in cell.source.split("\n") if line.strip()]
    bullets = [line for line in lines if line.startswith("- ")]
    expected = [
        ("# NN · Title", lambda line: _TITLE.match(line)),
        ("**Question.** ...?", lambda line: line.startswith("**Question.** ") and line.endswith("?")),
        ("**You will be able to**", lambda line: line == "**You will be able to**"),
        ("**Before you start.** ...", lambda line: line.startswith("**Before you start.** ")),
        ("**Time.** N min planned. {{run_time}}", lambda line: _TIME.match(line)),
        ("**Path.** Express and full. (or Full.)", lambda line: _PATH.match(line)),
    ]
    places = []
    for form, fits in expected:
        place = next((i for i, line in enumerate(lines) if fits(line)), None)
        if place is None:
            yield 0, f"front matter lacks the line '{form}'"
        else:
            places.append(place)
    if places != sorted(places):
        yield 0, "the lines of the front matter stand in another order: title, question, objectives, before, time, path"
    title = _TITLE.match(lines[0]) if lines else None
    if title and title[1] != number:
        yield 0, f"title says {title[1]}, the file's name {number}"
    if len(bullets) < MIN_OBJECTIVES:
        yield 0, f"{len(bullets)} objectives; at least {MIN_OBJECTIVES} lines '- ...'"


def _headings(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    for cell in cells:
        if cell.kind == "markdown":
            fenced = re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL)
            yield from ((cell.index, line) for line in fenced.split("\n") if re.match(r"#{1,6} ", line))


def _sections(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    numbers, minutes, level = [], 0, 0
    for index, line in _headings(cells):
        depth = len(line) - len(line.lstrip("#"))
        if depth > level + 1:
            yield index, f"heading '{line}' jumps from level {level} to {depth}"
        if depth == 1 and level:
            yield index, f"'{line}' is a second title; sections begin with ##"
        level = depth
        if depth == 2 and line[3:] not in CLOSING:
            match = SECTION.match(line)
            if not match:
                yield index, f"'{line}' is not '## n. Title (m min)'"
                continue
            numbers.append(int(match[1]))
            minutes += int(match[3])
            if numbers[-1] != len(numbers):
                yield index, f"section {numbers[-1]} stands where section {len(numbers)} is due"
                numbers[-1] = len(numbers)
    if len(numbers) < MIN_SECTIONS:
        yield 0, f"{len(numbers)} sections '## n. Title (m min)'; at least {MIN_SECTIONS}"
    planned = next(filter(None, map(_TIME.match, cells[0].source.split("\n"))), None)
    if planned and numbers and int(planned[1]) != minutes:
        yield 0, f"{planned[1]} minutes are planned, the sections add up to {minutes}"


def _predictions(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    asked = [cell for cell in cells if cell.kind == "markdown" and PREDICT in cell.source]
    if len(asked) < MIN_PREDICTIONS:
        yield 0, f"{len(asked)} prompts '{PREDICT}'; at least {MIN_PREDICTIONS}"
    for cell in asked:
        after = next((c for c in cells[cell.index + 1 :] if "instructor" not in c.tags), None)
        if after is None or after.kind != "code":
            yield cell.index, f"after '{PREDICT}' comes the code cell that answers"


def _exercises(cells: list[Cell], lesson: int) -> Iterator[tuple[int, str]]:
    count, identities, stubs = 0, set(), set()
    plain = [cell for cell in cells if "instructor" not in cell.tags]
    for place, cell in enumerate(plain):
        heads = [line for line in cell.source.split("\n") if line.startswith("### Exercise")]
        if cell.kind != "markdown" or not heads:
            continue
        count += 1
        match = EXERCISE.match(heads[0])
        if len(heads) > 1 or not match:
            yield cell.index, f"'{heads[-1]}' is not '### Exercise {lesson}.{count} — Title (●●○, m min)', one a cell"
        elif match[1] != f"{lesson}.{count}":
            yield cell.index, f"exercise {match[1]} stands where {lesson}.{count} is due"
        if [hint[1] for hint in _HINT.finditer(cell.source)] != ["1", "2"]:
            yield cell.index, "two hints: <details><summary>Hint 1</summary>, blank line, text, blank line, </details>"
        after = [c for c in plain[place + 1 : place + 3] if c.kind == "code"]
        if len(after) != 2:
            yield cell.index, "after an exercise come its stub cell and its check cell"
            continue
        stubs.add(after[0].index)
        if BEGIN not in after[0].source:
            yield after[0].index, f"the stub cell of an exercise holds '{BEGIN}' and '{END}'"
        else:
            yield from ((after[0].index, fault) for fault in _only_defines(after[0].source))
        checked = _CHECK.search(after[1].source)
        if not checked:
            yield after[1].index, f'the check cell says: name = check("{lesson:02d}-slug", name)'
            continue
        identity = re.search(r"""check\(["']([\w-]+)""", checked[0])
        if checked[3] != f"{lesson:02d}" or identity is None or identity[1] in identities:
            yield after[1].index, f"exercise id in '{checked[0]}' begins with {lesson:02d}- and is used once"
        elif f"def {checked[1]}(" not in after[0].source and f"class {checked[1]}" not in after[0].source:
            yield after[1].index, f"{checked[1]} is not defined in the stub cell before it"
        if identity is not None:
            identities.add(identity[1])
    if count < MIN_EXERCISES:
        yield 0, f"{count} exercises; at least {MIN_EXERCISES}"
    for cell in cells:
        if cell.kind == "code" and BEGIN in cell.source and cell.index not in stubs:
            yield cell.index, f"'{BEGIN}' outside an exercise's stub cell"


def _only_defines(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(stub(source, "Exercise 0.0"))
    except (LessonError, SyntaxError) as error:
        yield f"the stub does not parse: {error}"
        return
    allowed = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        constant = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if not isinstance(node, allowed) and not docstring and not constant:
            yield f"the stub cell only defines; move '{ast.unparse(node)[:60]}' behind the check"


def _code(cell: Cell) -> Iterator[str]:
    source = solve(cell.source).strip("\n")
    lines = source.count("\n") + 1
    if not source.strip():
        yield "an empty code cell"
        return
    if lines > MAX_LINES:
        yield f"{lines} lines of code; at most {MAX_LINES}: split the cell, or move a helper to the library"
    for pattern, what in _FORBIDDEN:
        if pattern.search(source):
            yield f"the cell uses {what}"
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        yield f"line {error.lineno} is not Python: {error.msg}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) == "show":
            yield from _alt(node)


def _called(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _alt(call: ast.Call) -> Iterator[str]:
    alt = next((keyword.value for keyword in call.keywords if keyword.arg == "alt"), None)
    if alt is None:
        yield f"line {call.lineno}: show(...) without alt=, a sentence that says what is to be seen"
    elif isinstance(alt, ast.Constant) and not (isinstance(alt.value, str) and describes(alt.value)):
        low, high = ALT_LENGTH
        yield f"line {call.lineno}: alt= is a sentence of {low} to {high} characters"


def _markdown(cell: Cell, names: set[str]) -> Iterator[str]:
    for picture, text, target in _LINK.findall(cell.source):
        remote = re.match(r"[a-z]+:", target)
        if picture and (remote or target.startswith("/")):
            yield f"picture {target}: only relative ones, so that the lesson works offline"
        if picture and not describes(text):
            yield f"picture {target}: alt text of {ALT_LENGTH[0]} to {ALT_LENGTH[1]} characters"
        if not picture and target.endswith(".ipynb") and not remote and target.removesuffix(".ipynb") not in names:
            yield f"link {target}: there is no such lesson"
    if re.search(r"<img\b", cell.source, re.IGNORECASE):
        yield "<img>: write ![what is to be seen](relative.png)"
    if cell.source.count("<details>") != cell.source.count("</details>"):
        yield "<details> and </details> do not pair up"


def _closing(cells: list[Cell]) -> Iterator[tuple[int, str]]:
    last = len(cells) - 1
    found = [line[3:] for _, line in _headings(cells) if line.startswith("## ") and line[3:] in CLOSING]
    if tuple(found) != CLOSING:
        yield last, f"a lesson closes with ## {', ## '.join(CLOSING)}; found {', '.join(found) or 'none'}"
        return
    text = "\n".join(cell.source for cell in cells if cell.kind == "markdown")
    references, after = text.split("\n## References\n", 1)[-1].split("\n## Next\n", 1)
    bullets = [part for part in re.split(r"^- ", references, flags=re.MULTILINE)[1:] if part.strip()]
    if not bullets:
        yield last, "no reference; lines '- Authors. Title. Venue. [DOI or arXiv](...)'"
    for bullet in bullets:
        if "doi.org/" not in bullet and "arxiv.org/" not in bullet:
            yield last, f"reference without a DOI or arXiv link: {' '.join(bullet.split())[:60]}"
    if ".ipynb)" not in after:
        yield last, "'Next' links to the next lesson, [03 Title](03_slug.ipynb)"


def main(argv: list[str] | None = None) -> int:
    """Command line; 0 if every lesson is in form, else 1."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.course.lint", description=__doc__.split("\n")[0])
    parser.add_argument("only", nargs="*", metavar="NN", help="lessons by number or beginning of their name")
    parser.add_argument("--root", type=Path, default=None, help="repository (default: the one of this package)")
    args = parser.parse_args(argv)
    try:
        files = lesson_files((args.root or root()) / "lessons")
    except LessonError as error:
        print(error)
        return 1
    chosen = [path for path in files if not args.only or path.stem.startswith(tuple(args.only))]
    faults = [fault for path in chosen for fault in lint(path)]
    print("\n".join([*faults, f"{len(chosen)} lessons, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
