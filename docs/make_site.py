"""Build the offline site: executed lessons, twins of the explorers, API, results from the ledger.

    python docs/make_site.py                 # `make site`; executes what is missing in the mode of COURSE_MODE
    python docs/make_site.py --no-run        # fails where a lesson has no clean run of today's code
    python docs/make_site.py --out FOLDER    # somewhere else than build/site

Sphinx reads ``build/site-src``, which this script fills, and executes nothing. Warnings are errors.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import nbformat  # noqa: E402
from make_thumbnails import SHEETS, WORDS, promises  # noqa: E402
from sitekit import executed, lessons, pages, twins  # noqa: E402

from gltr_lib.course.build import build_notebook, read_times  # noqa: E402
from gltr_lib.explorers.twin import Twin  # noqa: E402

SOURCES = HERE / "site"
# Written pages and where they stand on the site.
WRITTEN = {
    "index.md": "index.md",
    "lessons_index.md": "lessons/index.md",
    "explorers.md": "explorers.md",
    "results_index.md": "results/index.md",
    "guides_index.md": "guides/index.md",
    "colab.md": "guides/colab.md",
}


def cards(found: list[executed.Executed], up: str = "") -> str:
    """The lessons as cards: sheet, title, minutes, what one can do afterwards. ``up`` leads to the site's root."""
    told = promises(ROOT)
    alts = sheet_words()
    items = []
    for lesson in found:
        about = lessons.front(lesson.path)
        page = f"{up}lessons/{about.name}.html"
        star = " · ★ express path" if about.express else ""
        sheet, alt = f"{up}_static/lessons/{about.number}.jpg", html.escape(alts[about.name], quote=True)
        items.append(
            f'<li><img src="{sheet}" alt="{alt}" loading="lazy"><div class="card-words">'
            f'<p class="card-title"><a href="{page}">{about.number} · {html.escape(about.title)}</a></p>'
            f'<p class="card-able">You will be able to {html.escape(told[about.name])}.</p>'
            f'<p class="card-facts">{about.minutes} minutes{star}</p></div></li>'
        )
    return raw(f'<ul class="lesson-cards">{"".join(items)}</ul>')


def raw(text: str) -> str:
    """HTML inside a MyST page."""
    return f"```{{raw}} html\n{text}\n```"


HERO = raw(
    '<div class="hero"><p class="hero-title">Teach a network shapes, by painting over everything else.</p>'
    "<p>Executed lessons, explorers that respond as you drag, a small library, "
    "and a ledger that says what works and what does not.</p>"
    '<p class="doors"><a class="first" href="lessons/00_start_here.html">Start with lesson 00</a>'
    '<a href="explorers.html">Play with the explorers</a><a href="results/index.html">See the results</a>'
    '<a href="api/index.html">API reference</a></p></div>'
)


def sheet_words() -> dict[str, str]:
    """Lesson name -> its contact sheet in words."""
    return json.loads((ROOT / SHEETS / WORDS).read_text(encoding="utf-8"))


def stage_lessons(found: list[executed.Executed], stage: Path, drawn: list[Twin]) -> None:
    """The lessons' pages, their sheets, and the notebooks to take away."""
    folder, static = stage / "lessons", stage / "_static" / "lessons"
    for path in (folder / "files" / "solutions", static):
        path.mkdir(parents=True, exist_ok=True)
    alts = sheet_words()
    for lesson in found:
        number = lesson.name[:2]
        if lesson.name not in alts or not (ROOT / SHEETS / f"{number}.jpg").is_file():
            raise ValueError(f"{lesson.name} has no contact sheet; run python docs/make_thumbnails.py and commit it")
        shutil.copyfile(ROOT / SHEETS / f"{number}.jpg", static / f"{number}.jpg")
        book = lessons.page(lesson, f"../_static/lessons/{number}.jpg", alts[lesson.name], drawn)
        nbformat.write(book, folder / f"{lesson.name}.ipynb")
        for edition, target in (("student", "files"), ("solved", "files/solutions")):
            text = build_notebook(lesson.path, edition, read_times(ROOT))
            (folder / target / f"{lesson.name}.ipynb").write_text(text, encoding="utf-8")


def stage_written(found: list[executed.Executed], stage: Path, results: Path, drawn: list[Twin]) -> None:
    """The written pages with their places filled."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    fills = {
        "{{cover_alt}}": readme.split("![", 1)[1].split("](", 1)[0],
        "{{headline_alt}}": (results / "headline.txt").read_text(encoding="utf-8").strip(),
        "<!-- hero -->": HERO,
        "<!-- names -->": "\n".join(lesson.name for lesson in found),
        "<!-- twins -->": "\n\n".join(f"## {t.title}\n\n{raw(twins.embed(t, 'alone', caption=False))}" for t in drawn),
    }
    for origin, page in WRITTEN.items():
        text = (SOURCES / origin).read_text(encoding="utf-8")
        for place, what in fills.items():
            text = text.replace(place, what)
        text = text.replace("<!-- cards -->", cards(found, "../" * page.count("/")))
        target = stage / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        if "<!-- more -->" in text:
            others = [ROOT / "docs" / name for name in ("study.md", "hypotheses.md")]
            rest = pages.more_tables(pages.fill_tables(target, results, others), results)
            target.write_text(target.read_text(encoding="utf-8").replace("<!-- more -->", rest), encoding="utf-8")
        else:
            pages.fill_tables(target, results)
    (stage / "results" / "classes.md").write_text(pages.classes_page(results), encoding="utf-8")
    (stage / "results" / "ledger.md").write_text(pages.ledger_page(results), encoding="utf-8")
    shutil.copyfile(results / "headline.png", stage / "results" / "headline.png")
    (stage / "figures").mkdir(exist_ok=True)
    shutil.copyfile(ROOT / "docs" / "figures" / "cover.png", stage / "figures" / "cover.png")
    for page, title, heading in (
        ("own_loop", "Your own training loop", "## Five lines in your own training loop"),
        ("real_data", "Real data: from an empty disk to a table", "## Real data: from an empty disk to a table"),
    ):
        text = guide(page, heading, readme, stage)
        (stage / "guides" / f"{page}.md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")


def guide(page: str, heading: str, readme: str, stage: Path) -> str:
    """A section of the README and, where a document of that name carries on from it, the document's own sections."""
    text = pages.relink(pages.section(readme, heading), "README.md", f"guides/{page}.md", ROOT, stage)
    origin = f"docs/{page}.md"
    if origin not in pages.DOCUMENTS:
        return text
    rest = (ROOT / origin).read_text(encoding="utf-8")
    rest = rest[rest.index("\n## ") :].strip()  # its head says what the section has just said
    return f"{text}\n\n{pages.relink(rest, origin, f'guides/{page}.md', ROOT, stage)}"


def prepare(found: list[executed.Executed], stage: Path) -> None:
    """Fill the folder that Sphinx reads, from nothing."""
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    drawn = twins.write(stage / "_static" / "twins")
    stage_lessons(found, stage, drawn)
    pages.write_documents(ROOT, stage)
    stage_written(found, stage, ROOT / "results", drawn)
    pages.write_api(stage / "api")


def sphinx(stage: Path, out: Path) -> int:
    """Run Sphinx; warnings are errors, and all of them are told."""
    shutil.rmtree(out, ignore_errors=True)  # nothing of an older build may stay and be found
    doctrees = out.parent / f"{out.name}-doctrees"
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-b", "html", "-c", str(SOURCES)]
    environment = os.environ | {"GLTR_SITE_SOURCE": str(stage.resolve())}
    return subprocess.run([*command, "-d", str(doctrees), str(stage), str(out)], env=environment).returncode


def main(argv: list[str] | None = None) -> int:
    """Command line; 0 if the site stands."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="where the site goes")
    parser.add_argument("--runs", type=Path, help="folder of the course's runner (default: the one of COURSE_MODE)")
    parser.add_argument("--no-run", action="store_true", help="execute nothing; fail where a run is missing")
    args = parser.parse_args(argv)
    start = time.perf_counter()
    try:
        runs = args.runs or executed.runs_folder(ROOT)
        found, missing = executed.load_all(ROOT, runs)
        if missing and not args.no_run:
            print(f"executing {len(missing)} lessons first: {', '.join(path.stem for path in missing)}", flush=True)
            executed.run(missing, ROOT, runs)
            found, missing = executed.load_all(ROOT, runs)
        if missing:
            names = ", ".join(path.stem for path in missing)
            raise ValueError(f"no clean run of today's code in {runs} for: {names}; run make course or make smoke")
        stage = args.out.parent / f"{args.out.name}-src"
        prepare(found, stage)
    except (ValueError, RuntimeError) as error:  # LessonError is a ValueError
        print(f"error: {error}", file=sys.stderr)
        return 1
    ready = time.perf_counter()
    code = sphinx(stage, args.out)
    if code == 0:
        modes = sorted({lesson.stamp["mode"] for lesson in found})
        took = f"prepared in {ready - start:.0f} s, built in {time.perf_counter() - ready:.0f} s"
        print(f"The site: {args.out / 'index.html'} ({len(found)} lessons, {', '.join(modes)} mode; {took})")
    return code


if __name__ == "__main__":
    sys.exit(main())
