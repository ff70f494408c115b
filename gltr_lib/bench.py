"""``gltr bench``: each hot path beside its peer, in turns, on one machine; and how far it is from the limit.

Ratios travel between machines, milliseconds do not; both are printed. Before anything is timed, both must have computed
the same thing. The cases and the peers are in the checkout's ``benchmarks/``, a file for each hot path; how they are
timed, and what a limit is: ``gltr_lib/_timing.py``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from gltr_lib._timing import Case, Made, compare, limit_seconds, machine_rates, peak_mib, turns

__all__ = [
    "PATHS", "Case", "Made", "bench", "compare", "keep", "limit_seconds", "line", "load_path", "machine_rates",
    "peak_mib", "render", "run_case", "turns",
]  # fmt: skip

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
#: Hot path -> what it is; each is a file ``benchmarks/path_<name>.py`` with ``cases(small, device) -> list[Case]``.
PATHS = {
    "masks": "blob masks",
    "adain": "AdaIN statistics, and stylising with both networks",
    "labels": "raw label ids to trainIds",
    "metrics": "confusion matrix",
    "step": "the training step of DeepLab, and the share of GTR, LTR and CGL in it",
    "loading": "pictures and labels from PNG and JPEG files",
    "folder": "stylising a folder and building a bank, end to end",
    "worlds": "streets and procedural paintings",
    "start": "import gltr_lib, gltr --help",
    "explorers": "what an explorer computes after a move of a slider",
}
# Three significant digits: a small ratio is small, not 0.
_DIGITS = 3


def load_path(name: str) -> ModuleType:
    """The module with the cases of a hot path.

    Args:
        name: one of ``PATHS``.

    Raises:
        ValueError: an unknown name. FileNotFoundError: there is no checkout around this package.
    """
    if name not in PATHS:
        raise ValueError(f"hot path: unknown {name!r}; valid: {', '.join(PATHS)}")
    file = FOLDER / f"path_{name}.py"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not there; gltr bench needs the project's checkout (git clone), not the wheel"
        )
    title = f"gltr_benchmark_{name}"
    if title not in sys.modules:
        spec = importlib.util.spec_from_file_location(title, file)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(f"{file}: cannot be read as Python")
        module = importlib.util.module_from_spec(spec)
        sys.modules[title] = module  # dataclasses and processes look their module up
        with _on_path(FOLDER):
            spec.loader.exec_module(module)
    return sys.modules[title]


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def run_case(case: Case, repeat: int, rates: Mapping[str, float]) -> dict[str, Any]:
    """Check one case, then time it.

    Args:
        case: what to run.
        repeat: timed calls of each.
        rates: of this machine.

    Returns:
        A row: name, against, ours_ms and theirs_ms (medians, for one unit each), their spreads (quartiles), ratio,
        promised, at_most, kept (whether the promise holds; None without one), limit_ms, times_limit, peak_mib; or name
        and "missing", if the peer is not installed.

    Raises:
        RuntimeError: both do not compute the same thing.
    """
    row: dict[str, Any] = {"name": case.name, "against": case.against}
    try:
        made = case.make()
    except ModuleNotFoundError as error:
        return row | {"missing": f"{error.name} is not installed"}
    try:
        mine = made.ours()
        if made.theirs is not None:
            other = made.theirs()
            wrong = made.check(mine, other) if made.check is not None else ""
            if wrong:
                raise RuntimeError(f"{case.name}: ours and {case.against} do not compute the same: {wrong}")
            del other
        del mine
        memory = peak_mib(made.ours)
        functions = [made.ours] if made.theirs is None else [made.ours, made.theirs]
        times = turns(functions, min(repeat, case.repeat or repeat))
        row |= _timing("ours", times[0], made.units)
        if made.theirs is not None:
            row |= _timing("theirs", times[1], made.peer_units)
            row["ratio"] = _short(
                statistics.median(times[1]) / made.peer_units / (statistics.median(times[0]) / made.units)
            )
        row |= {"promised": case.promised, "at_most": case.at_most, "kept": _kept(case, row.get("ratio"))}
        least = limit_seconds(made, rates) / made.units
        if least:
            row |= {"limit_ms": _short(1e3 * least), "times_limit": _short(row["ours_ms"] / (1e3 * least))}
        row["peak_mib"] = None if memory is None else round(memory, 1)
        return row
    finally:
        made.close()


def _timing(who: str, seconds: Sequence[float], units: int) -> dict[str, Any]:
    each = sorted(1e3 * s / units for s in seconds)
    quarter = len(each) // 4
    return {
        f"{who}_ms": _short(statistics.median(each)),
        f"{who}_spread": [_short(each[quarter]), _short(each[-1 - quarter])],
    }


def _kept(case: Case, ratio: float | None) -> bool | None:
    if ratio is None or (case.promised is None and case.at_most is None):
        return None
    return (case.promised is None or ratio >= case.promised) and (case.at_most is None or ratio <= case.at_most)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def bench(
    repeat: int = 5,
    *,
    small: bool = False,
    only: Sequence[str] = (),
    device: str = "cpu",
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Time the hot paths.

    Args:
        repeat: timed calls of each function.
        small: tiny pictures, to see that it runs (the ratios then mean little).
        only: some of ``PATHS``; all by default.
        device: "cpu" or "cuda"; what has no CUDA form runs on the CPU and says so.
        say: told one line for each finished case.

    Returns:
        ``{"device", "threads", "torch", "python", "small", "rates", "load", "rows": [...]}``, see :func:`run_case`.

    Raises:
        ValueError: an unknown path. RuntimeError: something of ours computes something else than its peer.
    """
    import os
    import platform

    from gltr_lib.ledger import device_name

    chosen = list(only) or list(PATHS)
    modules = {name: load_path(name) for name in chosen}  # a wrong name is said before minutes of timing
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    rates = machine_rates(device, small)
    rows = []
    for name, module in modules.items():
        for case in module.cases(small, device):
            row = {"path": name} | run_case(case, repeat, rates)
            if small:
                row["kept"] = None  # the promises are about real sizes
            rows.append(row)
            say(line(row))
    return {
        "device": device_name(device), "threads": torch.get_num_threads(), "torch": torch.__version__,
        "python": platform.python_version(), "small": small, "load": None if load is None else round(load, 2),
        "rates": {name: _short(value) for name, value in rates.items()}, "rows": rows,
    }  # fmt: skip


def line(row: Mapping[str, Any]) -> str:
    """One row for people.

    Example:
        >>> row = {"name": "mask", "against": "SciPy", "ours_ms": 0.5, "theirs_ms": 12.0, "ratio": 24.0, "kept": True}
        >>> line(row | {"promised": 20.0, "limit_ms": 0.2, "times_limit": 2.5})
        '  mask: 0.5 ms; SciPy 12 ms: 24x (promised 20x: kept); 2.5 times the limit'
    """
    if "missing" in row:
        return f"  {row['name']}: not measured, {row['missing']}"
    said = f"  {row['name']}: {row['ours_ms']:g} ms"
    if "ratio" in row:
        said += f"; {row['against']} {row['theirs_ms']:g} ms: {row['ratio']:g}x"
        verdict = "" if row.get("kept") is None else (": kept" if row["kept"] else ": NOT KEPT")
        if row.get("promised") is not None:
            said += f" (promised {row['promised']:g}x{verdict})"
        elif row.get("at_most") is not None:
            said += f" (at most {row['at_most']:g}x{verdict})"
    if row.get("times_limit"):
        said += f"; {row['times_limit']:g} times the limit"
    if row.get("peak_mib"):
        said += f"; {row['peak_mib']:g} MiB at the peak"
    return said


def render(result: Mapping[str, Any]) -> str:
    """The timings for people."""
    rates = result["rates"]
    head = (
        f"{result['device']}, torch {result['torch']}; a copy moves"
        f" {rates['bytes/s'] / 1e9:.3g} GB/s, a matrix product makes {rates['flop/s'] / 1e9:.3g} GFLOP/s"
    )
    lines = [head]
    for name in dict.fromkeys(row["path"] for row in result["rows"]):
        lines += [f"{name}: {PATHS[name]}", *(line(row) for row in result["rows"] if row["path"] == name)]
    broken = [row["name"] for row in result["rows"] if row.get("kept") is False]
    judged = sum(row.get("kept") is not None for row in result["rows"])
    lines.append(f"promises not kept here: {', '.join(broken)}" if broken else f"promises measured: {judged}, all kept")
    return "\n".join(lines)


def keep(result: Mapping[str, Any], path: str | Path) -> None:
    """Append a run to a ledger of runs: one JSON line with commit and date; a "small" one is refused.

    Raises:
        ValueError: a run with tiny pictures.
    """
    from gltr_lib import ledger

    if result["small"]:
        raise ValueError(f"{path}: a run with small=True measures nothing; it is not kept")
    # No row of results, but written as one: after a torn line, beside other writers, whole or not at all.
    ledger.append(path, {"date": ledger.now(), "commit": ledger.git_commit(), **result}, check=False)
