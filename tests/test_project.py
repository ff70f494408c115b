"""The files around the code agree with each other, and none of them leaks a machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".ipynb", ".json", ".jsonl", ".cff", ".lock", ".txt", ".cfg", ".sh", ""}


def make_targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def tracked(every=False):
    """Files that git knows; without ``every`` only those that hold text."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file() and (every or path.suffix in TEXT)]


def test_conda_users_get_the_same_environment():
    import yaml

    env = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in env["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in env["dependencies"] if isinstance(entry, dict))
    assert conda == [f"python{PROJECT['project']['requires-python']}", "pip"], "one list: pyproject.toml"
    assert pip == ["-e .[test]"]
    assert "test" in PROJECT["project"]["optional-dependencies"]
    assert env["channels"][0] == "conda-forge"


def test_python_311_is_the_floor_everywhere():
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"
    assert "sys.version_info < (3, 11)" in (ROOT / "Makefile").read_text()


def test_the_lock_covers_every_dependency_and_holds_no_address():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--" not in re.sub(r"(?m)^#.*$", "", lock)
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
    names = {re.match(r"[A-Za-z0-9_-]+", entry)[0].lower().replace("_", "-") for entry in wanted}
    assert names <= locked, f"run make lock: {sorted(names - locked)} are missing"
    assert not re.search(r"(?m)^torch==2\.13", lock)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_in_the_texts_exist(name):
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{name} is not written yet")
    text = path.read_text()
    code = "\n".join(
        re.findall(r"```(?:bash|sh|console)?\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    )
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code))
    assert named, "the text names a make command"
    assert named <= make_targets(), f"no such make target: {sorted(named - make_targets())}"
    for module in re.findall(r"python -m (gltr_lib[\w.]*)", code):
        file = ROOT / Path(*module.split("."))
        assert file.with_suffix(".py").is_file() or (file / "__main__.py").is_file() or module == "gltr_lib", module


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def pages():
    return [path for path in tracked() if path.suffix == ".md" and "site" not in path.relative_to(ROOT).parts]


def test_pictures_on_pages_are_there_and_are_told_in_words():
    seen = 0
    for page in pages():
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name} shows {target}, which is not there"
            assert len(alt) >= 40, f"{page.name} shows {target} without words for those who cannot see it"
            seen += 1
    assert seen >= 10


def test_links_within_pages_lead_to_a_heading():
    seen = 0
    for page in pages():
        found = re.findall(r"\]\(([^)\s:#]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
        for target, anchor in found:
            there = page if not target else page.parent / target
            if there.suffix == ".md":
                assert anchor in anchors(there), f"{page.name} leads to {target}#{anchor}, a heading that is not there"
                seen += 1
    assert seen >= 5


def test_help_lists_the_commands_and_is_what_make_does_first():
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in ("course", "test", "lab", "help", "clean", "lock", "lessons", "build", "test-all"):
        assert re.search(rf"^  make {name} ", said, flags=re.MULTILINE), name


def test_an_old_python_is_refused_in_words(tmp_path):
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.1"\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "install", f"PYTHON={old}", f"VENV={tmp_path}/env"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert "Python 3.9.1" in done.stdout
    assert not (tmp_path / "env").exists()


def test_ci_runs_make_test_and_ends_with_pytest():
    script = (ROOT / ".ci" / "run").read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "set -euo pipefail" in script
    assert script.rstrip().endswith("make test")
    phases = re.search(
        r"^test:.*\n\t.* (lint types torture-short smoke unit)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE
    )
    assert phases, "pytest is the last phase of make test, and the short torture campaign one of them"


def test_tracked_files_name_no_machine_and_no_registry():
    # The words are put together here, so that this file does not find itself.
    patterns = {
        "a home folder": re.compile("/" + r"(?:home|Users)/[a-z]\w+/"),
        "a build machine's folder": re.compile(r"""(?<![\w.$}/-])/""" + r"(?:work|root|tmp)/\w"),
        "an index address": re.compile(r"(?:extra-)?index" + r"-url\s*[= ]\s*http|find-links\s*[= ]\s*http|/simple/"),
        "a registry host": re.compile(r"\bfiles\.pythonhosted" + r"\.org|\bartifactory\b|\bnexus\.", re.IGNORECASE),
    }
    found = []
    for path in tracked():
        if path == Path(__file__).resolve() or path.name in ("test_course_lint.py",):
            continue  # these name such paths in order to forbid them
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for what, pattern in patterns.items():
            match = pattern.search(text)
            if match:
                found.append(f"{path.relative_to(ROOT)}: {what}: {match[0]}")
    assert not found, "\n".join(found)


def test_notebooks_hold_no_outputs_and_no_widget_state():
    import json

    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        assert "widgets" not in book["metadata"], path.name
        assert not any(cell.get("outputs") for cell in book["cells"]), path.name


def test_no_tracked_file_is_large():
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in tracked(every=True)}
    large = {name: size for name, size in sizes.items() if size > 2_100_000}
    assert not large, f"files over 2 MB: {large}"
    assert sum(sizes.values()) < 40e6


def test_no_source_is_longer_than_a_reader_can_hold():
    """As CONTRIBUTING.md says."""
    limit = int(re.search(r"none more than (\d+)", (ROOT / "CONTRIBUTING.md").read_text())[1])
    sources = [path for folder in ("gltr_lib", "data_scripts") for path in (ROOT / folder).rglob("*.py")]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in sources
    }
    assert {name: length for name, length in lengths.items() if length > limit} == {}
    assert sum(length < 300 for length in lengths.values()) > len(lengths) / 2


def test_everything_in_the_library_is_packaged():
    data = PROJECT["tool"]["setuptools"]["package-data"]["gltr_lib"]
    library = ROOT / "gltr_lib"
    packed = {path for pattern in data for path in library.glob(pattern)}
    left_out = [
        path.relative_to(ROOT).as_posix()
        for path in tracked(every=True)
        if path.is_relative_to(library)
        and path not in packed
        and not (path.suffix == ".py" and (path.parent / "__init__.py").is_file())
    ]
    assert not left_out, f"add to [tool.setuptools.package-data]: {left_out}"


def test_citation_and_version_agree():
    import yaml

    import gltr_lib

    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(cff["version"]) == gltr_lib.__version__
    assert cff["license"] == PROJECT["project"]["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
