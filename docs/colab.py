"""Install the course where torch, torchvision and numpy must stay as they are, such as on Colab.

    python docs/colab.py              # install
    python docs/colab.py --dry-run    # say what would be done

Those requirements that are missing are installed under constraints that pin everything which is already there, then the
package itself without requirements. Nothing is upgraded, replaced or removed, and at the end all of it is compared.
Only the standard library. Not run on Colab itself: no network was open where this was written.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNTOUCHED = ("torch", "torchvision", "numpy")
# A hosted notebook brings its own front end; these build or run lessons from a terminal.
NOT_NEEDED = ("jupyterlab", "jupytext", "nbclient")


def plain(name: str) -> str:
    """A distribution's name as all tools compare it.

    Example:
        >>> plain("Scikit_Image")
        'scikit-image'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Every installed distribution with its version."""
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return {plain(name): version for name, version in found.items()}


def missing(requirements: Sequence[str], there: Mapping[str, str]) -> list[str]:
    """Requirements that must be installed: not there, not one of the three, and needed in a hosted notebook.

    Args:
        requirements: as in pyproject.toml.
        there: what is installed, name to version.

    Example:
        >>> missing(["torch>=2.11", "numpy>=1.26", "tyro>=0.9", "tqdm>=4", "jupyterlab>=4"], {"tqdm": "4.67"})
        ['tyro>=0.9']
    """
    names = {requirement: plain(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in requirements}
    kept = {*there, *UNTOUCHED, *NOT_NEEDED}
    return [requirement for requirement, name in names.items() if name not in kept]


def old(requirements: Sequence[str], there: Mapping[str, str]) -> list[str]:
    """Sentences on what is there and older than the course asks for; it is told and left alone.

    Example:
        >>> old(["torch>=2.11,!=2.13.*"], {"torch": "2.8.0+cu126"})
        ['torch 2.8.0+cu126 is older than the course asks for (>=2.11); most of it may work all the same']
    """
    said = []
    for requirement in requirements:
        found = re.match(r"([\w.-]+?)\s*>=\s*([\d.]+)", requirement)
        version = there.get(plain(found[1])) if found else None
        if found and version and numbers(version) < numbers(found[2]):
            asked = f"older than the course asks for (>={found[2]})"
            said.append(f"{plain(found[1])} {version} is {asked}; most of it may work all the same")
    return said


def numbers(version: str) -> tuple[int, ...]:
    """The release part of a version as numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[+a-z]", version)[0]))


def commands(wanted: Sequence[str], package: Path, constraints: Path) -> list[list[str]]:
    """The two calls of pip: the missing requirements under constraints, then the package alone."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    calls = [[*pip, "--constraint", str(constraints), *wanted]] if wanted else []
    return [*calls, [*pip, "--no-deps", "--editable", str(package)]]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; 0 if the course can be imported and the three are what they were."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    args = parser.parse_args(argv)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    before = installed()
    absent = [name for name in UNTOUCHED if name not in before]
    if absent:
        print(f"error: {', '.join(absent)} not installed here; this is for places that bring them: use make install")
        return 1
    for sentence in old(project["dependencies"], before):
        print(f"note: {sentence}")
    wanted = missing(project["dependencies"], before)
    print(f"untouched: {', '.join(f'{name} {before[name]}' for name in UNTOUCHED)}")
    print(f"to install: {', '.join(wanted) or 'nothing'}, and {project['name']} itself without requirements")
    if args.dry_run:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in sorted(before.items())))
        for command in commands(wanted, ROOT, constraints):
            done = subprocess.run(command)
            if done.returncode:
                print(f"error: pip ended with code {done.returncode}; nothing that was there has been replaced")
                return 1
    after = installed()
    moved = [f"{name} {before[name]} -> {after.get(name)}" for name in before if after.get(name) != before[name]]
    if moved:
        print(f"error: changed, against the constraints: {', '.join(moved)}")
        return 1
    print(f"Ready. A kernel that runs already finds gltr_lib after: import sys; sys.path.insert(0, {str(ROOT)!r})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
