"""One notebook in one fresh kernel, as a reader's Jupyter would run it, but watched.

The kernel starts in ``notebooks/`` with the network guard (``guard/sitecustomize.py``) on its path, with this process's
Python, without the user's IPython profile. Cell by cell it is timed; its outputs, its Output widgets, its threads and
its own stderr are searched for faults. Built on nbclient, which Jupyter itself uses.
"""

from __future__ import annotations

import math
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gltr_lib.course import outputs

GUARD = Path(__file__).with_name("guard")
QUIET_SECONDS = 0.2  # time for a thread that a cell left behind to fail where we can still hear it


@dataclass
class LessonRun:
    """What one execution found: times in seconds, peak memory in MB (0 where unknown), faults and pictures."""

    name: str
    seconds: float = 0.0
    cells: list[tuple[int, float]] = field(default_factory=list)
    peak_mb: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[outputs.Picture] = field(default_factory=list)
    notebook: Any = None

    @property
    def slowest(self) -> tuple[int, float]:
        """Number (from 1) and seconds of the slowest cell."""
        return max(self.cells, key=lambda item: item[1], default=(0, 0.0))


def kernel_env(*, strict: bool, faults: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a guarded kernel: ours, the guard first on ``PYTHONPATH``, a private IPython folder."""
    env = dict(os.environ)
    own = str(Path(__file__).resolve().parents[2])  # the kernel reads this very gltr_lib, installed or not
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), own, env.get("PYTHONPATH", "")]))
    env["COURSE_FAULTS"] = str(faults)
    env["COURSE_PARENT"] = str(os.getpid())  # with which the kernel ends, however that ends
    env["IPYTHONDIR"] = str(faults.parent / "ipython")
    # Waiting OpenMP threads sleep instead of spinning: beside one other job on two cores, steps of training are several
    # times faster (measured: 82 ms alone; beside a job 470 to 800 ms spinning, 150 to 290 ms asleep).
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    env.pop("COURSE_STRICT", None)
    if strict:
        env["COURSE_STRICT"] = "1"
    return env | dict(extra or {})


def execute(
    text: str,
    name: str,
    *,
    cwd: Path,
    strict: bool = True,
    limit: float = 60.0,
    strict_time: bool = False,
    timeout: float = 600.0,
    bar_after: float = math.inf,
    env: Mapping[str, str] | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> LessonRun:
    """Run a notebook from its first cell to its last or to its first error.

    Args:
        text: the notebook as JSON text; it is not changed.
        name: the lesson's name, for messages and files.
        cwd: the kernel's working directory.
        strict: set ``COURSE_STRICT=1``, so that a wrong exercise is an error.
        limit: seconds that one cell may take.
        strict_time: a cell over the limit is a problem and not only a note.
        timeout: seconds after which a cell counts as hung; the lesson ends there.
        bar_after: a cell that takes more seconds than this and shows no progress bar is noted (imports are excused).
        env: more environment variables for the kernel.
        on_cell: called with the cell's number and the number of cells before each code cell.

    Returns:
        The record of the run; ``problems`` is empty where all went well.
    """
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    book = nbformat.reads(text, as_version=4)
    run = LessonRun(name, notebook=book)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        faults = Path(folder) / "faults.txt"
        client = _client(book, timeout)
        kernel = kernel_env(strict=strict, faults=faults, extra=env)
        with (
            open(Path(folder) / "stderr.txt", "w+", encoding="utf-8", errors="replace") as stderr,
            client.setup_kernel(env=kernel, cwd=str(cwd), stderr=stderr),
        ):
            listen_again(client.kc.shell_channel)
            for index, cell in enumerate(book.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                if on_cell:
                    on_cell(index + 1, len(book.cells))
                began = time.perf_counter()
                stop = False
                try:
                    client.execute_cell(cell, index)
                except CellExecutionError:
                    stop = True
                except (CellTimeoutError, DeadKernelError) as error:
                    why = "is still running" if isinstance(error, CellTimeoutError) else "lost its kernel (memory?)"
                    run.problems.append(f"cell {index + 1}: {why} after {time.perf_counter() - began:.0f} s")
                    stop = True
                took = time.perf_counter() - began
                run.cells.append((index + 1, took))
                _judge(run, cell, index + 1, took, limit, strict_time)
                if took > bar_after and not outputs.has_bar(cell.outputs) and not _imports(cell.source):
                    run.notes.append(
                        f"cell {index + 1}: {took:.1f} s without a progress bar; course.track(...) shows one"
                    )
                if stop:
                    break
            time.sleep(QUIET_SECONDS)
            run.peak_mb = _peak_mb(client.km)
            run.problems += outputs.widget_faults(client.widget_state)
        if faults.is_file():
            known = "\n".join(run.problems)
            late = outputs.thread_faults(faults.read_text(encoding="utf-8"), "after its cell")
            run.problems += [fault for fault in late if fault.split(": ", 1)[1] not in known]
    run.seconds = time.perf_counter() - start
    return run


def _judge(run: LessonRun, cell: Any, number: int, took: float, limit: float, strict_time: bool) -> None:
    allowed = "raises-exception" in cell.metadata.get("tags", [])
    run.problems += outputs.faults(cell.outputs, f"cell {number}", allow_errors=allowed)
    run.notes += [f"cell {number}: {line}" for line in outputs.warnings_in(cell.outputs)]
    run.pictures += outputs.pictures(cell.outputs, number)
    if took > limit:
        (run.problems if strict_time else run.notes).append(f"cell {number}: {took:.1f} s, the limit is {limit:.1f} s")


def _imports(source: str) -> bool:
    """Whether a cell begins with imports, which take their time and cannot show a bar."""
    return source.lstrip().startswith(("import ", "from "))


def _client(book: Any, timeout: float) -> Any:
    """An nbclient whose kernel is this very Python, whatever kernels the user has installed under the same name."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class OwnPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=OwnPython())
    client = NotebookClient(book, km=manager, timeout=int(timeout), startup_timeout=120, store_widget_state=True)
    client.owns_km = True  # the manager is ours to end: setup_kernel then shuts the kernel down
    return client


def listen_again(channel: Any, every: float = 1.0) -> None:
    """Let a channel look anew for a message every so often while it waits for one.

    Why: jupyter_client sends on the bare socket that it listens on asynchronously. A send may swallow the wake-up of a
    message that comes in at the same moment, such as the reply of a cell with an Output widget; it then lies in the
    socket, and whoever waits for it waits in vain (seen once on a busy machine). To look anew finds it.

    Args:
        channel: one with ``async get_msg(timeout)``, which raises ``queue.Empty``.
        every: seconds.
    """
    once = channel.get_msg

    async def get_msg(timeout: float | None = None) -> Any:
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            try:
                return await once(timeout=max(0.0, min(every, left)))
            except queue.Empty:
                if left <= every:
                    raise

    channel.get_msg = get_msg


def _peak_mb(manager: Any) -> float:
    """Peak resident memory of the kernel's process; 0 where this system does not tell."""
    pid = getattr(getattr(manager, "provisioner", None), "pid", None)
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration, ValueError):
        pass
    try:
        import psutil

        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except Exception:  # psutil raises its own kinds where a process has gone; a missing figure is no fault of a lesson
        return 0.0
