"""A part of the campaign in a process of its own, which has computed nothing yet: only such a one may be forked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.torture.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
# One thread each, so that results are the same bit for bit and a machine stays usable; no colours, no pager, no proxy.
QUIET = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GLTR_COMMIT": "torture",
    "PYTHONHASHSEED": "0", "NO_COLOR": "1", "no_proxy": "*", "MPLBACKEND": "agg",
}  # fmt: skip


def run_apart(module: str, folder: Path, short: bool, seed: int, limit: float) -> list[Tally]:
    """Run ``module.work(folder, short, seed)`` in a fresh interpreter.

    Args:
        module: such as ``tests.torture.faults``; started with ``--apart`` it calls :func:`serve`.
        folder: for its files.
        short: the short campaign.
        seed: of its random choices.
        limit: seconds after which it and all its children are killed.

    Returns:
        Its tallies; if it broke down, one that says so, beside those that were finished.
    """
    answer = folder / f"{module.rsplit('.', 1)[-1]}.tallies.json"
    command = [sys.executable, "-m", module, "--apart", str(folder), str(int(short)), str(seed), str(answer)]
    variables = {**os.environ, **QUIET, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, cwd=ROOT, env=variables, start_new_session=True)
    try:
        code: int | str = process.wait(limit)
    except subprocess.TimeoutExpired:
        code = f"none within {limit:.0f} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    tallies = [Tally(**facts) for facts in json.loads(answer.read_text())] if answer.exists() else []
    if code != 0:
        broken = Tally(f"{module.rsplit('.', 1)[-1]}: the campaign itself")
        broken.lose(f"ended with exit code {code}")
        tallies.append(broken)
    return tallies


def serve(work: Callable[[Path, bool, int], Iterable[Tally]], arguments: Sequence[str]) -> int:
    """``--apart FOLDER SHORT SEED ANSWER``: do the part and keep its tallies, each as soon as it is counted."""
    if arguments[:1] != ["--apart"]:
        return 2
    folder, short, seed, answer = arguments[1:]
    tallies: list[Tally] = []
    for tally in work(Path(folder), short == "1", int(seed)):
        tallies.append(tally)
        faults = f"{tally.injected:,} faults, " if tally.injected else ""
        print(f"   {tally.name}: {tally.tried:,} tried, {faults}{tally.lost} lost, {tally.seconds:.0f} s", flush=True)
        Path(answer).write_text(json.dumps([asdict(tally) for tally in tallies]))
    return 0
