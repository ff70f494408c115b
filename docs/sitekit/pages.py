"""Pages that are made and not written: results from the ledger, the API's pages, documents of the repository."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gltr_lib
from gltr_lib import ledger
from gltr_lib.labels import CLASSES
from gltr_lib.study import documents, tables

# The API by what a reader comes for; a public module that is named nowhere goes to the last group.
GROUPS: dict[str, tuple[str, ...]] = {
    "The method": ("adain", "stylizer", "style_bank", "masks", "randomize", "losses"),
    "Worlds and data": ("streets", "paintings", "complexity", "datasets", "prepare", "labels"),
    "Networks and training": ("models", "config", "engine", "views", "baselines", "scale", "weights", "cost", "bench"),
    "Scores": (
        "metrics",
        "evaluate",
        "evaluation",
        "workflows",
        "real",
        "real_sets",
        "ledger",
        "study.tables",
        "study.documents",
        "probes",
    ),
    "Offline copies and banks": ("offline",),
    "Pictures and people": ("viz", "explorers", "checks", "course", "doctor"),
}
OTHERS = "More"
# Packages whose modules are public beside the names of the package: explorers.adain.render, baselines.pixels.Pixels.
WITH_MODULES = {"baselines", "explorers"}
LEFT_OUT = {"cli", "study"}  # commands: `gltr --help` is their reference
# Where documents of the repository stand on the site.
DOCUMENTS = {
    "docs/own_loop.md": "guides/own_loop.md",  # below the README's section, see make_site.stage_written
    "docs/scale.md": "guides/scale.md",
    "docs/stylizer_card.md": "guides/stylizer_card.md",
    "docs/probes.md": "guides/probes.md",
    "docs/not_reproduced.md": "guides/not_reproduced.md",
    "docs/teaching.md": "teaching/index.md",
    "docs/teaching/notes.md": "teaching/notes.md",
    "docs/teaching/quiz.md": "teaching/quiz.md",
    "CHANGELOG.md": "changelog.md",
    "docs/reproducibility.md": "guides/reproducibility.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "results/README.md": "results/rows.md",
    "docs/study.md": "results/study.md",
    "docs/hypotheses.md": "results/hypotheses.md",
}
# The quiz's key stays in the repository: a site is handed to students, too.
BELOW = {"teaching/index.md": "\n```{toctree}\n:hidden:\n\nnotes\nquiz\n```\n"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


# ------------------------------------------------------------------------------------------------------ from the ledger


def fill_tables(page: Path, results: Path, others: Sequence[Path] = ()) -> list[str]:
    """Fill the table markers of a page; returns the ledger's tables for which neither it nor another page has one."""
    text = page.read_text(encoding="utf-8")
    documents.write_tables(page, results)
    text += "".join(other.read_text(encoding="utf-8") for other in others if other.is_file())
    return [marker for marker in documents.tables(results) if f"<!-- {marker} -->" not in text]


def more_tables(markers: Sequence[str], results: Path) -> str:
    """Sections for tables that the page does not place itself, so that none is forgotten."""
    made = documents.tables(results)
    parts = [f"## {m.split(':', 1)[-1].replace('_', ' ').capitalize()}\n\n{made[m]()}" for m in markers]
    return "\n\n".join(parts)


def class_table(rows: Sequence[ledger.Row], data: str) -> str:
    """IoU of every class on one look: mean over seeds, one column a method; a dash where no pixel has the class."""
    chosen = [row for row in tables.headline_rows(rows) if row["data"] == data and row.get("per_class")]
    methods = [name for name in tables.METHOD_NAMES if ledger.find(chosen, method=name)]
    if not methods:
        return "Not run."
    heads = [tables.METHOD_NAMES[name].split(" (")[0] for name in methods]
    lines = ["| class | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(methods)]
    for index, entry in enumerate(CLASSES):
        cells = []
        for method in methods:
            values = [row["per_class"][entry] for row in ledger.find(chosen, method=method)]
            known = [value for value in values if value is not None]
            cells.append(f"{100 * sum(known) / len(known):.1f}" if known else "–")
        lines.append(f"| {index} {entry} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def classes_page(results: Path) -> str:
    """The page of per-class scores."""
    rows = ledger.read(results / "headline.jsonl")
    found = {row["data"] for row in tables.headline_rows(rows)}
    parts = [
        "# Class by class",
        "IoU in per cent of each of the 19 classes, mean over the seeds of the study. From `results/headline.jsonl`.",
    ]
    for data, title in tables.COLUMN_NAMES.items():
        if data in found:
            parts += [f"## {title[:1].upper()}{title[1:]}", class_table(rows, data)]
    return "\n\n".join(parts) + "\n"


def ledger_page(results: Path) -> str:
    """What each ledger file holds: lines, methods, seeds, devices, dates, commits."""
    lines = [
        "# The ledger, file by file",
        "Counted from the files when this page was built.",
        "| file | lines | methods | seeds | device | first | last | commits |",
        "|---|---:|---:|---:|---|---|---|---|",
    ]
    for path in sorted(results.glob("*.jsonl")):
        rows, _ = ledger.scan(path)

        def several(name: str, rows: list[Any] = rows) -> list[str]:
            return sorted({str(row[name]) for row in rows if row.get(name) not in (None, "")})

        dates, commits = several("date"), [commit[:12] for commit in several("commit")]
        shown = ", ".join(f"`{commit}`" for commit in commits[:3])
        shown += f" and {len(commits) - 3} more" if len(commits) > 3 else ""
        days = (dates[0][:10], dates[-1][:10]) if dates else ("–", "–")
        device = ", ".join(several("device")) or "–"
        counts = f"{len(rows)} | {len(several('method'))} | {len(several('seed'))}"
        lines.append(f"| `{path.name}` | {counts} | {device} | {days[0]} | {days[1]} | {shown} |")
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:]) + "\n"


# -------------------------------------------------------------------------------------------------------------- the API


def api_modules() -> dict[str, list[str]]:
    """Group -> public modules, every one of ``gltr_lib``'s public modules once."""
    public = set(gltr_lib._MODULES)
    groups = {title: [n for n in names if n.split(".")[0] in public] for title, names in GROUPS.items()}
    placed = {name for names in groups.values() for name in names} | LEFT_OUT
    rest = sorted(public - placed)
    return groups | ({OTHERS: rest} if rest else {})


def api_page(name: str) -> str:
    """The reference of one module. A package shows what its ``__all__`` promises; without one, its modules follow."""
    full = f"gltr_lib.{name}"
    module = importlib.import_module(full)
    package = hasattr(module, "__path__")
    promised = list(getattr(module, "__all__", ()))
    things = [n for n in promised if inspect.isclass(getattr(module, n)) or inspect.isroutine(getattr(module, n))]
    # By name: some load only when asked for (PEP 562). Constants of other files autodoc would pass over.
    listed = f"   :members: {', '.join(things)}\n   :imported-members:\n" if promised else "   :members:\n"
    constants = "".join(constant(n, getattr(module, n)) for n in promised if n not in things)
    parts = [f"# {full}", f"```{{eval-rst}}\n.. automodule:: {full}\n{listed}\n{constants}```"]
    if package and (not promised or name in WITH_MODULES):
        for path in sorted(Path(module.__file__ or "").parent.glob("[a-z]*.py")):
            inner = f"{full}.{path.stem}"
            parts += [
                f"## {inner}",
                f"```{{eval-rst}}\n.. automodule:: {inner}\n   :members:\n```",
            ]
    return "\n\n".join(parts) + "\n"


def constant(name: str, value: Any) -> str:
    """The entry of a public constant: its kind, and its value where that fits on a line."""
    text = repr(value)
    said = f"\n   ``{text}``\n" if len(text) <= 90 and "`" not in text and " at 0x" not in text else ""
    size = f", {len(value)} entries" if hasattr(value, "__len__") and not isinstance(value, str) else ""
    return f".. py:data:: {name}\n\n   {type(value).__name__}{size}.\n{said}\n"


def write_api(folder: Path) -> list[str]:
    """Write the API's index and one page a module; returns the modules."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        "# API reference",
        "Made from the docstrings; their examples run as tests. Images are float tensors (B, 3, H, W) in [0, 1], "
        "labels are integer tensors (B, H, W) of trainIds, 255 = ignore. Randomness takes a generator or a seed.",
    ]
    written = []
    for title, names in api_modules().items():
        rows = ["| module | what it is |", "|---|---|"]
        for name in names:
            first = (importlib.import_module(f"gltr_lib.{name}").__doc__ or "").strip().split("\n")[0]
            rows.append(f"| [`gltr_lib.{name}`]({name}.md) | {first.replace('``', '`')} |")
            (folder / f"{name}.md").write_text(api_page(name), encoding="utf-8")
            written.append(name)
        parts += [f"## {title}", "\n".join(rows)]
        parts.append("```{toctree}\n:hidden:\n:caption: " + title + "\n\n" + "\n".join(names) + "\n```")
    (folder / "index.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return written


# ------------------------------------------------------------------------------------------------- from the repository


def section(text: str, heading: str) -> str:
    """One section of a Markdown text, without its heading.

    Example:
        >>> section("# a\\n\\n## b\\n\\nword\\n\\n## c\\n", "## b")
        'word'

    Raises:
        ValueError: there is no such heading.
    """
    level = len(heading.split()[0])
    found, inside, fenced = [], False, False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        marks = re.match(r"(#+) ", line)
        if marks and not fenced and len(marks[1]) <= level:  # within a fence it is a comment of some code
            if inside:
                break
            inside = line == heading
        elif inside:
            found.append(line)
    if not inside:
        raise ValueError(f"no heading {heading!r}; the site's page is made from it")
    return "\n".join(found).strip()


def relink(text: str, origin: str, page: str, base: Path, stage: Path) -> str:
    """Make links of a repository's document work on the site.

    Links to documents and lessons that the site has lead there, pictures are copied, and what the site has not is
    named as a path.

    Args:
        text: Markdown. origin: the document's path in the repository. page: its path on the site.
        base: the repository. stage: the folder that Sphinx reads.
    """
    up = "../" * page.count("/")

    def change(match: re.Match[str]) -> str:
        bang, label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        plain, _, anchor = target.partition("#")
        path = (base / origin).parent / plain
        try:
            inside = path.resolve().relative_to(base.resolve()).as_posix()
        except ValueError:
            return label
        anchor = f"#{anchor}" if anchor else ""
        if bang:
            (stage / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, stage / inside)
            return f"![{label}]({up}{inside})"
        if inside in DOCUMENTS and (base / inside).is_file():
            return f"[{label}]({up}{DOCUMENTS[inside]}{anchor})"
        lesson = re.fullmatch(r"notebooks/(\w+\.ipynb)", inside)
        if lesson:
            return f"[{label}]({up}lessons/{lesson[1]})"
        if inside == "README.md":
            return f"[{label}]({up}index.md)"
        return f"`{inside}`" if label.strip("`") in (inside, plain) else f"{label} (`{inside}`)"

    return LINK.sub(change, text)


def write_documents(base: Path, stage: Path) -> list[str]:
    """Copy the repository's documents to where the site has them; returns those that are there."""
    written = []
    for origin, page in DOCUMENTS.items():
        if (base / origin).is_file():
            text = relink((base / origin).read_text(encoding="utf-8"), origin, page, base, stage)
            (stage / page).parent.mkdir(parents=True, exist_ok=True)
            (stage / page).write_text(text + BELOW.get(page, ""), encoding="utf-8")
            written.append(page)
    return written
