"""What keeps the project in shape: warnings of our imports, the checks before a release, two sets of dependencies."""

import doctest
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("release_check", ROOT / ".ci" / "release_check.py")
release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)

EVERY_MODULE = """
import importlib, pkgutil, sys
import gltr_lib
for found in pkgutil.walk_packages(gltr_lib.__path__, "gltr_lib."):
    if not found.name.endswith("__main__") and ".guard" not in found.name:
        importlib.import_module(found.name)
print(len([name for name in sys.modules if name.startswith("gltr_lib")]))
"""
ERRORS = [f"-Werror::{kind}" for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")]


@pytest.mark.slow
def test_nothing_that_we_import_is_deprecated():
    done = subprocess.run([sys.executable, *ERRORS, "-c", EVERY_MODULE], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 150


def test_a_deprecated_import_would_be_seen(tmp_path):
    (tmp_path / "old.py").write_text("import warnings\nwarnings.warn('gone soon', DeprecationWarning)\n")
    done = subprocess.run([sys.executable, *ERRORS, "-c", "import old"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "gone soon" in done.stderr


def test_examples_of_the_release_check():
    assert doctest.testmod(release).failed == 0
    assert doctest.testmod(release).attempted >= 3


CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2027-01-31\n\n### Added\n- a thing\n"


@pytest.mark.parametrize(
    ("version", "changelog", "citation", "tags", "word"),
    [
        ("1.2.0", CHANGELOG, "version: 1.1.0", [], "CITATION.cff says 1.1.0"),
        ("1.3.0", CHANGELOG, "version: 1.3.0", [], "no heading"),
        ("1.2.0", CHANGELOG.replace("2027-01-31", "soon"), "version: 1.2.0", [], "no heading"),
        ("1.2.0", CHANGELOG.replace("Unreleased\n", "Unreleased\n- late\n"), "version: 1.2.0", [], "under Unreleased"),
        ("1.2.0", CHANGELOG, "version: 1.2.0", ["v1.2.0"], "exists already"),
    ],
)
def test_versions_that_disagree_are_found(version, changelog, citation, tags, word):
    assert release.versions("1.2.0", CHANGELOG, 'cff-version: 1.2.0\nversion: "1.2.0"', ["v1.1.0"])[0] == release.OK
    verdict, why = release.versions(version, changelog, citation, tags)
    assert verdict == release.FAILED
    assert word in why


def test_an_audit_that_skipped_something_is_no_audit():
    fine = '{"name": "a", "version": "1", "vulns": []}'
    bad = '{"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}]}'
    skipped = '{"name": "c", "skip_reason": "not found"}'

    def answer(*entries):
        said = 'No known vulnerabilities found\n{"dependencies": [' + ", ".join(entries) + '], "fixes": []}\n'
        return release.audit_answer(said, 0, "2027-01-31")

    assert answer(fine)[0] == release.OK
    assert answer(fine, bad) == (release.FAILED, "b 2: CVE-1")
    verdict, why = answer(fine, skipped)
    assert verdict == release.NOT_DONE
    assert "not audited (2027-01-31): 1 of 2" in why
    assert release.audit_answer("", 1, "2027-01-31")[0] == release.NOT_DONE


def test_a_failed_check_is_an_exit_code(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["release_check.py", "--quick"])
    monkeypatch.setattr(
        release, "CHECKS", {"one": lambda: (release.OK, "fine"), "two": lambda: (release.NOT_DONE, "no")}
    )
    assert release.main() == 0
    monkeypatch.setitem(release.CHECKS, "three", lambda: (release.FAILED, "bad"))
    assert release.main() == 1
    said = capsys.readouterr().out
    assert "1 failed; do not tag" in said
    assert "left out by --quick" in said


def test_a_long_checks_words_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(release, "LOGS", tmp_path / "logs")
    say = "import os; print(os.environ['WHAT']); print('last line'); raise SystemExit(int(os.environ['CODE']))"
    command = [sys.executable, "-c", say]
    assert release.of_command("fine", command, WHAT="first line", CODE="0") == (release.OK, "last line")
    assert (tmp_path / "logs" / "fine.log").read_text() == "first line\nlast line\n"
    verdict, why = release.of_command("bad", command, WHAT="a", CODE="3")
    assert verdict == release.FAILED
    assert str(tmp_path / "logs" / "bad.log") in why


def test_the_lock_files_lines_are_compared_with_their_markers():
    text = "# made by make lock\na==1\nb==2 ; sys_platform == 'linux'\n"
    assert release.pins(text) == {"a==1", "b==2 ; sys_platform == 'linux'"}


def test_both_sets_of_dependencies_are_tested_by_one_command(tmp_path):
    for name in ("Makefile", "pyproject.toml"):  # elsewhere: an environment that is here already is not made again
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    # These tests may themselves be run by `make test LOCKED=1`, which hands its words on to every make below it.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "LOCKED", "VENV")}
    command = ["make", "-n", "test-sets"]
    said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    locked, newest = said.split("VENV=.venv-newest", 1)
    assert "-c requirements.lock" in locked
    assert "-c requirements.lock" not in newest
    assert ".venv-locked/bin/python -m pytest" in locked
    assert ".venv-newest/bin/python -m pytest" in newest
