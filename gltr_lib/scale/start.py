"""Several processes from one call: torchrun from anywhere, ``notebook_launcher`` from a notebook.

Why not ``accelerate launch`` here: on CPUs it silently starts one process. (On GPUs ``accelerate launch -m
gltr_lib.scale ...`` works as well; whoever starts them, the processes count themselves and refuse a wrong number.)
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gltr_lib._json import parse_object
from gltr_lib._run import CHECKPOINT
from gltr_lib.config import TrainConfig
from gltr_lib.scale.data import Data
from gltr_lib.scale.hush import Hushed
from gltr_lib.scale.result import FitResult

FAILURE = "failure.json"
LAUNCHED = "GLTR_LAUNCHED"  # set for the processes of launch(), which reads their failure
_KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (ValueError, TypeError, OSError, RuntimeError, ImportError)
}
PathLike = str | os.PathLike[str]


def launch(
    config: TrainConfig,
    data: Data,
    out: PathLike,
    *,
    processes: int | None = None,
    nnodes: int = 1,
    node_rank: int = 0,
    master: str | None = None,
    resume: bool = True,
    progress: bool = True,
    profile: bool = False,
) -> FitResult | None:
    """Train on several processes of this machine, or as one of several machines, with torchrun.

    Args:
        config: the run; its ``processes`` is set to those of all machines together.
        data: what to train on, by name, since the processes open it themselves.
        out: run folder; on several machines the main process (machine 0) writes it.
        processes: processes on this machine; None takes ``config.processes`` (one machine).
        nnodes: machines; start the same command on each of them.
        node_rank: number of this machine.
        master: "host:port" of machine 0, where there are several.
        resume: go on from the checkpoint in ``out``.
        progress: show a bar.
        profile: print the share of each phase.

    Returns:
        The result, read from the run folder; None on the other machines, whose main process is machine 0's.

    Raises:
        ValueError, TypeError, OSError, RuntimeError: what a process raised, or that one of them was killed.
    """
    local = processes or config.processes
    if local < 1 or nnodes < 1 or not 0 <= node_rank < nnodes:
        raise ValueError(
            f"launch: expected processes >= 1 and 0 <= node_rank < nnodes, received processes={local}, "
            f"node_rank={node_rank}, nnodes={nnodes}"
        )
    if nnodes > 1 and (master is None or not master.rpartition(":")[0]):
        raise ValueError(f'master: several machines meet at "host:port" of machine 0; received {master!r}')
    config = config.replace(processes=local * nnodes)
    folder = _fresh(out)
    if data.name == "streets":  # rendered once here, and not by every process at the same time
        data.train(config)
        data.val(config)
    if master is not None and nnodes > 1:
        host, _, port = master.rpartition(":")
        meeting = [f"--nnodes={nnodes}", f"--node-rank={node_rank}", f"--master-addr={host}", f"--master-port={port}"]
    else:
        meeting = ["--standalone"]
    flags = [
        *(() if resume else ("--fresh",)),
        *(() if progress else ("--quiet",)),
        *(("--profile",) if profile else ()),
    ]
    command = [
        sys.executable, "-m", "torch.distributed.run", *meeting, f"--nproc-per-node={local}", "-m", "gltr_lib.scale",
        "--config", config.to_json(), "--data-json", data.to_json(), "--out", str(folder), *flags,
    ]  # fmt: skip
    code, died = _watch(command, _environment(config, local), folder / FAILURE)
    _raise_failure(folder)
    if code:
        how = died or f"they ended with exit code {code} and without a message"
        there, again = (folder / CHECKPOINT).is_file(), "" if resume else ", without --fresh,"
        goes_on = f"{again} goes on from the last checkpoint" if there else " starts anew"
        raise RuntimeError(
            f"training on {local} processes failed: {how} (memory? GLTR_DEBUG=1 shows all that torchrun said); the "
            f"same command{goes_on} in {folder}"
        )
    return FitResult.read(folder) if node_rank == 0 else None


def notebook(
    config: TrainConfig,
    data: Any,
    out: PathLike,
    *,
    processes: int = 2,
    val: Any | None = None,
    resume: bool = True,
    progress: bool = True,
) -> FitResult:
    """Train on several processes from a notebook, through Accelerate's ``notebook_launcher``.

    Args:
        config: the run; its ``processes`` is set.
        data: a Data, or a dataset (the processes are forked, so that nothing needs to be sent to them).
        out: run folder.
        processes: how many; with 1 the run happens in the notebook's own process.
        val: the source's validation split, where ``data`` is a dataset.
        resume: go on from the checkpoint in ``out``.
        progress: show a bar.

    Returns:
        The result, read from the run folder.

    Raises:
        RuntimeError: an Accelerator exists in this process, or a GPU was used in it: forked processes could not work.
        ValueError, TypeError, OSError, RuntimeError: what a process raised.
    """
    config = config.replace(processes=processes)
    folder = _fresh(out)
    about, copies = "", None
    if isinstance(data, Data):  # opened before the fork: the processes share what is held in memory
        about, copies, data, val = data.to_json(), data.copies, data.train(config), data.val(config)
    options: dict[str, Any] = {
        "out": folder, "val": val, "copies": copies, "resume": resume, "progress": progress, "data": about,
    }  # fmt: skip
    if processes == 1:
        from gltr_lib.scale.run import fit

        return fit(config, data, **options)
    try:
        from accelerate import notebook_launcher
        from accelerate.state import AcceleratorState
    except ImportError as error:
        raise ImportError("full-scale training needs accelerate: pip install accelerate") from error
    if AcceleratorState._shared_state or torch.cuda.is_initialized():
        raise RuntimeError(
            "this process already holds an Accelerator or has used the GPU, and forked processes could not; restart "
            "the kernel and call scale.notebook first, or use scale.launch, which needs neither"
        )
    try:
        with contextlib.redirect_stdout(_WithoutClaims(sys.stdout)):
            notebook_launcher(_forked, args=(config, data, options), num_processes=processes, use_port=_free_port())
    except Exception as error:
        _raise_failure(folder)
        raise RuntimeError(f"training on {processes} processes failed: {str(error).splitlines()[0]}") from error
    return FitResult.read(folder)


def work(
    config: TrainConfig, data: Data, out: PathLike, *, resume: bool = True, progress: bool = True, profile: bool = False
) -> FitResult:
    """Train in this process on a data set by name; what every process of :func:`launch` runs."""
    from gltr_lib.scale.run import fit

    return fit(
        config, data.train(config), val=data.val(config), copies=data.copies, out=out, resume=resume,
        progress=progress, profile=profile, data=data.to_json(),
    )  # fmt: skip


def end_with_launcher(pipe: int = 0, end: Callable[[int], Any] = os._exit) -> None:
    """In a process of :func:`launch`: end as soon as the launcher has, or it would hold its GPU with nobody to stop it.

    torchrun passes Ctrl-C on, but notices neither a SIGKILL of whoever called it nor a SIGTERM (as ``timeout`` sends).

    Args:
        pipe: what the launcher holds the other end of: stdin.
        end: called with the exit code.
    """

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 1):
                pass
        end(1)

    threading.Thread(target=watch, name="gltr-launcher", daemon=True).start()


def note_failure(folder: Path, error: BaseException) -> None:
    """Leave the first error of a run where the launcher finds it; torn connections only follow from it.

    So does the SIGTERM that the launcher sends to those who are left, which arrives as an exception of torch's.
    """
    if type(error).__name__ == "SignalException":
        return
    if any(word in str(error) for word in ("gloo", "NCCL", "Connection closed by peer")):
        print(f"gltr: another process ended: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
        return
    text = json.dumps({"kind": type(error).__name__, "message": str(error), "rank": os.environ.get("RANK", "0")})
    with contextlib.suppress(OSError), open(folder / FAILURE, "x", encoding="utf-8") as file:
        file.write(text)


def _forked(config: TrainConfig, data: Any, options: dict[str, Any]) -> None:
    # A child of a process that has computed with OpenMP threads may wait for them for ever: one thread it is.
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # Accelerate sets the same, with a warning from every process
    from gltr_lib.scale.run import fit

    try:
        fit(config, data, **options)
    except Exception as error:
        note_failure(options["out"], error)
        raise


class _WithoutClaims(io.TextIOBase):
    """A stream without notebook_launcher's first line, which says "2 CUDAs" on machines that have none."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.dropped = stream, False

    def write(self, text: str) -> int:
        if text.startswith("Launching training on"):
            self.dropped = True
        elif not (self.dropped and text == "\n"):
            self.dropped = False
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        self.stream.flush()


def _fresh(out: PathLike) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURE).unlink(missing_ok=True)
    return folder


def _raise_failure(folder: Path) -> None:
    """Raise what a process left behind, as it raised it."""
    path = folder / FAILURE
    if not path.is_file():
        return
    try:
        found = parse_object(path.read_bytes())
    except ValueError:
        return
    path.unlink(missing_ok=True)
    raise _KINDS.get(str(found.get("kind")), RuntimeError)(str(found.get("message")))


def _environment(config: TrainConfig, local: int) -> dict[str, str]:
    environment = {**os.environ, LAUNCHED: "1"}
    root = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // local)))
    if config.device == "cpu" or not torch.cuda.is_available():
        environment["ACCELERATE_USE_CPU"] = "1"
    if sys.platform == "linux":
        # glibc hands large buffers back to the system at every step and fetches them again; it shall keep them.
        environment.setdefault("MALLOC_MMAP_THRESHOLD_", "4294967296")
        environment.setdefault("MALLOC_TRIM_THRESHOLD_", "8589934592")
    return environment


def _watch(command: list[str], environment: dict[str, str], failure: Path) -> tuple[int, str]:
    """Run torchrun: (exit code, which process died how). Its processes' stderr passes until one has told its error."""
    # The processes' stdin is a pipe whose other end only this process holds: however it ends, they notice.
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdin=subprocess.PIPE)
    stream = process.stderr

    def show(text: str) -> None:
        if not failure.exists():
            sys.stderr.write(text)
            sys.stderr.flush()

    said = Hushed(show)

    def forward() -> None:
        while stream is not None and (chunk := os.read(stream.fileno(), 4096)):
            text = chunk.decode(errors="replace")
            if os.environ.get("GLTR_DEBUG"):
                sys.stderr.write(text)
                said.write = str  # said already
            said.feed(text)

    reader = threading.Thread(target=forward, daemon=True)
    reader.start()
    try:
        code = process.wait()
    except BaseException:  # the user's Ctrl-C above all: torchrun ends its processes, then itself
        process.terminate()
        process.wait()
        raise
    if process.stdin is not None:
        process.stdin.close()
    reader.join(timeout=5)
    return code, said.died


def _free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])
