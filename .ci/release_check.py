"""What a maintainer runs before tagging: ``make release-check``.

    python .ci/release_check.py             # everything; about an hour and a half on two cores
    python .ci/release_check.py --quick     # without the tests and the torture campaign

Each check answers *ok*, *FAILED* or *not done*, with its reason. A failed one makes the exit code 1. One that could not
be done here (an audit without the vulnerability service, say) is named with the date, and never passes for done.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "runs" / "release"
OK, FAILED, NOT_DONE = "ok", "FAILED", "not done"
Answer = tuple[str, str]


def call(command: Sequence[str], cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command, its output kept; nothing is passed through a shell."""
    return subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True, errors="replace")


def tail(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a command said."""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def of_command(name: str, command: Sequence[str], **env: str) -> Answer:
    """ok where a command ends with 0; what it says goes to ``runs/release/NAME.log`` while it runs."""
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        code = subprocess.run(command, cwd=ROOT, env=os.environ | env, stdout=out, stderr=subprocess.STDOUT).returncode
    lines = log.read_text(errors="replace").strip().splitlines()
    said = lines[-1][:300] if lines else "it said nothing"
    return (OK, said) if code == 0 else (FAILED, f"{said} (all of it in {log})")


def tree() -> Answer:
    """Nothing uncommitted: what is tagged is what was tested."""
    said = call(["git", "status", "--porcelain"]).stdout.strip()
    return (
        (FAILED, f"{len(said.splitlines())} uncommitted files")
        if said
        else (OK, tail(call(["git", "log", "-1", "--oneline"])))
    )


def versions(version: str, changelog: str, citation: str, tags: Sequence[str]) -> Answer:
    """One version everywhere, a dated entry for it in the changelog, nothing left under Unreleased, no such tag yet.

    Example:
        >>> versions("1.0.0", "## Unreleased\\n\\n## 1.0.0 - 2027-01-31\\n", "version: 1.0.0", [])
        ('ok', '1.0.0')
        >>> versions("1.0.0", "## Unreleased\\n- a thing\\n", "version: 1.0.0", [])[0]
        'FAILED'
    """
    wrong = []
    cited = re.search(r"(?m)^version: *\"?([^\"\s]+)", citation)
    if cited is None or cited[1] != version:
        wrong.append(f"CITATION.cff says {cited[1] if cited else 'nothing'}, the package {version}")
    if not re.search(rf"(?m)^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog):
        wrong.append(f"CHANGELOG.md has no heading '## {version} - YYYY-MM-DD'")
    pending = re.search(r"(?ms)^## Unreleased\n(.*?)(?=^## |\Z)", changelog)
    if pending and re.search(r"(?m)^- ", pending[1]):
        wrong.append("CHANGELOG.md still has entries under Unreleased")
    if version in tags or f"v{version}" in tags:
        wrong.append(f"the tag {version} exists already")
    return (FAILED, "; ".join(wrong)) if wrong else (OK, version)


def audit_answer(report: str, status: int, today: str) -> Answer:
    """What pip-audit's JSON is worth: it counts only if nothing was skipped.

    Args:
        report: what pip-audit printed with ``-f json``.
        status: its exit code.
        today: the date for "not audited".

    Example:
        >>> audit_answer('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', 0, "2027-01-31")
        ('not done', 'not audited (2027-01-31): 1 of 1 packages were skipped, such as a (not found)')
    """
    start = report.find('{"dependencies"')
    try:
        found = json.loads(report[start:].splitlines()[0])["dependencies"] if start >= 0 else []
    except (ValueError, KeyError, TypeError):
        found = []
    if not found:
        return NOT_DONE, f"not audited ({today}): pip-audit gave no report, exit code {status}"
    known = [
        f"{entry['name']} {entry.get('version')}: {', '.join(v['id'] for v in entry['vulns'])}"
        for entry in found
        if entry.get("vulns")
    ]
    skipped = [entry for entry in found if "skip_reason" in entry]
    if known:
        return FAILED, "; ".join(known)
    if skipped:
        first = f"{skipped[0]['name']} ({skipped[0]['skip_reason']})"
        return NOT_DONE, f"not audited ({today}): {len(skipped)} of {len(found)} packages were skipped, such as {first}"
    return OK, f"{len(found)} packages of requirements.lock, none with a known vulnerability"


def audit() -> Answer:
    """Known vulnerabilities of the locked versions."""
    if call([sys.executable, "-m", "pip_audit", "--version"]).returncode:
        call([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip-audit"])
    command = [sys.executable, "-m", "pip_audit", "-r", "requirements.lock", "--no-deps", "--disable-pip", "-f", "json"]
    done = call([*command, "--progress-spinner", "off"])
    return audit_answer(done.stdout, done.returncode, date.today().isoformat())


def lock() -> Answer:
    """The lock file still is what pyproject.toml asks for: resolving against it changes no version."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    chosen = [word for extra in ("test", "browser", "site") for word in ("--extra", extra) if extra in extras]
    before = pins((ROOT / "requirements.lock").read_text())
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "requirements.lock"
        copy.write_text((ROOT / "requirements.lock").read_text())
        done = call(
            [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
             *chosen, "--no-emit-index-url", "--no-annotate", "--output-file", str(copy), "pyproject.toml"]
        )  # fmt: skip
        if done.returncode:
            return FAILED, tail(done)
        after = pins(copy.read_text())
    changed = sorted(before ^ after)
    return (
        (FAILED, f"run make lock; it differs in {', '.join(changed[:5])}")
        if changed
        else (OK, f"{len(before)} versions")
    )


def pins(text: str) -> set[str]:
    """The lines ``name==version`` of a lock file, markers included."""
    return {line.strip() for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")}


def results() -> Answer:
    """Tables and figures are what the ledger says now."""
    done = call([sys.executable, "-m", "gltr_lib.study", "--report"])
    if done.returncode:
        return FAILED, tail(done)
    changed = call(["git", "diff", "--name-only", "--", "*.md", "results/*.txt"]).stdout.split()
    return (FAILED, f"make results changed {', '.join(changed)}") if changed else (OK, "nothing changed")


def wheel() -> Answer:
    """A wheel holds all that the library needs: it runs from there, in another folder, with its own weights."""
    with tempfile.TemporaryDirectory() as folder:
        done = call([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, "."])
        if done.returncode:
            return FAILED, tail(done)
        made = next(Path(folder).glob("*.whl"))
        place = Path(folder) / "unpacked"
        with zipfile.ZipFile(made) as packed:
            for member in packed.namelist():  # our own wheel; its names are checked all the same
                if member.startswith("/") or ".." in member:
                    return FAILED, f"a member of the wheel leaves its folder: {member}"
                packed.extract(member, place)
        program = (
            "import gltr_lib, sys; from gltr_lib.cli import main; "
            "print(gltr_lib.__file__); sys.exit(main(['demo', '--out', 'demo.png']))"
        )
        done = call([sys.executable, "-c", program], cwd=Path(folder), PYTHONPATH=str(place))
        if done.returncode or str(place) not in done.stdout:
            return FAILED, tail(done)
        return OK, f"{made.name}, {made.stat().st_size / 1e6:.1f} MB; gltr demo runs from it"


def version_files() -> Answer:
    """The version in the package, CITATION.cff, CHANGELOG.md and the tags."""
    from gltr_lib._version import __version__

    tags = call(["git", "tag", "--list"]).stdout.split()
    return versions(__version__, (ROOT / "CHANGELOG.md").read_text(), (ROOT / "CITATION.cff").read_text(), tags)


CHECKS: dict[str, Callable[[], Answer]] = {
    "tree": tree,
    "version": version_files,
    "lock": lock,
    "results": results,
    "wheel": wheel,
    "audit": audit,
}
LONG: dict[str, Callable[[], Answer]] = {
    "test-sets": lambda: of_command("test-sets", ["make", "test-sets"], CI="true"),
    "torture": lambda: of_command("torture", ["make", "torture"]),
}


def main() -> int:
    """Run the checks and print their answers."""
    parser = argparse.ArgumentParser(prog="make release-check", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"leave out {', '.join(LONG)}")
    given = parser.parse_args()
    failed = 0
    for name, check in (CHECKS | LONG).items():
        start = time.perf_counter()
        verdict, why = (NOT_DONE, "left out by --quick") if given.quick and name in LONG else check()
        print(f"{name:10} {verdict:8} {time.perf_counter() - start:6.0f} s  {why}", flush=True)
        failed += verdict == FAILED
    print("release-check: " + (f"{failed} failed; do not tag" if failed else "nothing failed; read what was not done"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
