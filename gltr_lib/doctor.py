"""The doctor: what on this machine is ready, what is not, and the exact command that helps.

``examine`` is a plain function from the machine (or from a made-up one, in tests) to a list of findings. It imports
torch only while it looks, and reports an import that fails instead of failing with it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

OK, NOTE, PROBLEM = "ok", "note", "problem"
NEEDED = ("torch", "torchvision", "numpy", "pillow", "safetensors", "accelerate", "tqdm", "matplotlib", "scikit-image")
COURSE = ("jupyterlab", "ipywidgets", "jupytext", "nbclient", "ipykernel")
#: Folders that something here looks for below GLTR_DATA. Written down, since those who know import torch, which may be
#: what is broken; a test holds them to ``datasets.LAYOUTS``, ``real_sets.REAL_SETS`` and the study's frames.
SETS = ("camvid", "idd_lite", "cityscapes", "airsim", "carla", "gta5", "synthia", "bdd100k", "vistas")
_MODULE = {"pillow": "PIL", "scikit-image": "skimage"}
_PAIR = "torch with torchvision"
LEAST_DISK_GB, LEAST_RAM_GB = 2.0, 4.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        status: "ok", "note" (works, but worth knowing) or "problem" (blocks the course).
        found: what there is.
        remedy: what to do, a command where there is one; empty when nothing needs doing.
    """

    name: str
    status: str
    found: str
    remedy: str = ""


def examine(
    *,
    root: str | os.PathLike[str] = ".",
    environ: Mapping[str, str] | None = None,
    assets: str | os.PathLike[str] | None = None,
    version: Callable[[str], str] = importlib.metadata.version,
    load: Callable[[str], Any] = importlib.import_module,
    free_disk_gb: Callable[[Path], float] | None = None,
    ram_gb: Callable[[], float | None] | None = None,
    python: tuple[int, int] | None = None,
) -> list[Finding]:
    """Look at the machine.

    Args:
        root: folder in which the course works and writes.
        environ: environment variables (default: this process's).
        assets: folder of the shipped weights (default: the package's).
        version: a distribution's version; raises ``PackageNotFoundError``.
        load: imports a module by name.
        free_disk_gb: free space of a folder.
        ram_gb: memory of the machine, None if unknown.
        python: (major, minor) of the interpreter.

    Returns:
        The findings, problems included; nothing is raised and nothing is changed.
    """
    environ = os.environ if environ is None else environ
    root = Path(root)
    found = [_python(python or sys.version_info[:2])]
    found += [_package(name, version, load, PROBLEM) for name in NEEDED]
    found += [_package(name, version, load, NOTE) for name in COURSE]
    found.append(_pair(version))
    found.append(_device(load))
    found += _space(root, free_disk_gb or _free_disk, (ram_gb or _ram)())
    found += _weights(assets, load)
    found.append(_data(environ))
    found.append(_write(root))
    return found


def worst(findings: list[Finding]) -> int:
    """Exit code: 1 if a problem blocks the course, else 0."""
    return 1 if any(f.status == PROBLEM for f in findings) else 0


def render(findings: list[Finding]) -> str:
    """Findings for people: one line each, the remedy below, a verdict at the end."""
    marks = {OK: "ok     ", NOTE: "note   ", PROBLEM: "PROBLEM"}
    lines = []
    for f in findings:
        lines.append(f"{marks[f.status]}  {f.name}: {f.found}")
        if f.remedy:
            lines.append(f"         -> {f.remedy}")
    problems = [f.name for f in findings if f.status == PROBLEM]
    lines.append("")
    lines.append(
        f"{len(problems)} to mend first: {', '.join(problems)}" if problems else "All set: `make lab` opens lesson 00."
    )
    return "\n".join(lines)


def to_json(findings: list[Finding]) -> str:
    """Findings for programs."""
    return json.dumps({"ok": worst(findings) == 0, "findings": [asdict(f) for f in findings]}, indent=2)


def _python(have: tuple[int, ...]) -> Finding:
    text = f"Python {have[0]}.{have[1]} on {platform.system()} {platform.machine()}"
    if have < (3, 11):
        return Finding("python", PROBLEM, text, "install Python 3.11 or newer, then: make course")
    return Finding("python", OK, text)


def _package(name: str, version: Callable[[str], str], load: Callable[[str], Any], severity: str) -> Finding:
    command = f"{sys.executable} -m pip install '{name}'"
    try:
        have = version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, severity, "not installed", command)
    try:
        load(_MODULE.get(name, name))
    except Exception as error:  # a broken wheel raises anything: OSError, RuntimeError, ImportError
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Finding(name, severity, f"{have}, but it does not import ({first})", f"{command} --force-reinstall")
    return Finding(name, OK, have)


def _pair(version: Callable[[str], str]) -> Finding:
    """torch 2.N and torchvision 0.(N+15) belong together; from 0.29 on, torchvision takes newer torch as well."""
    try:
        torch, vision = _minor(version("torch")), _minor(version("torchvision"))
    except importlib.metadata.PackageNotFoundError:
        return Finding(_PAIR, NOTE, "not both installed")
    command = f"{sys.executable} -m pip install --upgrade 'torch>=2.11,!=2.13.*' 'torchvision>=0.26,!=0.28.*'"
    if torch is None or vision is None:
        return Finding(_PAIR, NOTE, "version numbers of an unknown form")
    text = f"torch {torch[0]}.{torch[1]} with torchvision {vision[0]}.{vision[1]}"
    if torch < (2, 11):
        return Finding(_PAIR, PROBLEM, f"{text}; torch 2.11 or newer is needed", command)
    partner = (0, torch[1] + 15)
    if torch[0] == 2 and vision[0] == 0 and (vision > partner or (vision < partner and vision < (0, 29))):
        return Finding(_PAIR, PROBLEM, f"{text} do not belong together", command)
    return Finding(_PAIR, OK, text)


def _minor(text: str) -> tuple[int, int] | None:
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _device(load: Callable[[str], Any]) -> Finding:
    try:
        torch = load("torch")
    except Exception:
        return Finding("device", NOTE, "unknown, torch does not import")
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    if torch.cuda.is_available():
        return Finding("device", OK, f"{torch.cuda.get_device_name(0)} (CUDA), {cores} cores")
    if torch.backends.mps.is_available():
        return Finding("device", OK, f"Apple GPU (MPS), {cores} cores")
    if threads == 1 and cores > 1:
        return Finding(
            "device", NOTE, f"processor, 1 thread of {cores} cores", "unset OMP_NUM_THREADS, then start again"
        )
    return Finding("device", OK, f"processor, {threads} threads of {cores} cores (enough for the whole course)")


def _space(root: Path, free: Callable[[Path], float], ram: float | None) -> list[Finding]:
    disk = free(root)
    remedy = f"free at least {LEAST_DISK_GB:.0f} GB in {root.resolve()}"
    space = Finding("disk", OK, f"{disk:.1f} GB free")
    if disk < LEAST_DISK_GB:
        space = Finding("disk", PROBLEM, f"{disk:.1f} GB free", remedy)
    if ram is None:
        return [space, Finding("memory", NOTE, "unknown")]
    remedy = "close other programs, or run: COURSE_MODE=smoke make course" if ram < LEAST_RAM_GB else ""
    return [space, Finding("memory", NOTE if remedy else OK, f"{ram:.1f} GB", remedy)]


def _weights(assets: str | os.PathLike[str] | None, load: Callable[[str], Any]) -> list[Finding]:
    remedy = f"{sys.executable} -m pip install --force-reinstall --no-deps . (or: git checkout -- gltr_lib/assets)"
    folder = Path(assets) if assets is not None else Path(__file__).resolve().parent / "assets"
    try:
        weights = load("gltr_lib.weights")
        names = weights.names(assets=folder)
    except Exception as error:
        return [Finding("shipped weights", PROBLEM, f"cannot be listed ({error})", remedy)]
    if not names:
        return [Finding("shipped weights", PROBLEM, f"none in {folder}", remedy)]
    out, good = [], []
    for name in names:
        try:
            weights.load(name, assets=folder)
            good.append(name)
        except (OSError, ValueError) as error:
            out.append(Finding(f"weights {name}", PROBLEM, str(error), remedy))
    if good:
        out.append(Finding("shipped weights", OK, f"{len(good)} with the right checksum: {', '.join(good)}"))
    return out


def _data(environ: Mapping[str, str]) -> Finding:
    name, given = "real data (GLTR_DATA)", environ.get("GLTR_DATA", "")
    if not given:
        return Finding(name, OK, "not set; the course needs none, lesson 07 uses your own pictures")
    root = Path(given)
    if not root.is_dir():
        return Finding(name, PROBLEM, f"{given}: no such folder", "unset GLTR_DATA, or point it to your data folder")
    sets = [name for name in SETS if (root / name).is_dir()]
    if not sets:
        remedy = "put CamVid below it as camvid/train, camvid/val"
        return Finding(name, NOTE, f"{given}: no known set in it", remedy)
    return Finding(name, OK, f"{given}: {', '.join(sets)}")


def _write(root: Path) -> Finding:
    where = root.resolve()
    try:
        with tempfile.NamedTemporaryFile(dir=where, prefix=".gltr-doctor-"):
            pass
    except OSError as error:
        remedy = "start in a folder of yours, or: chmod u+w ."
        return Finding("writing here", PROBLEM, f"{where}: {error.strerror or error}", remedy)
    return Finding("writing here", OK, str(where))


def _free_disk(root: Path) -> float:
    while not root.exists() and root != root.parent:
        root = root.parent
    return shutil.disk_usage(root).free / 1e9


def _ram() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None
