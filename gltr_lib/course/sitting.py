"""One student's functions in a process of their own, and the process that asks them: neither believes the other.

Why: a student's function may loop, end Python, print a grade of its own or overwrite the checks. So it runs in a child
process, which answers with plain values; what these values are worth is decided in the grader's process, where no line
of a student ever runs (:mod:`gltr_lib.course.grade`). Messages are JSON behind a length; arrays travel as ``.npy``,
never pickled.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch

from gltr_lib.course.kernel import GUARD

START = 300.0  # seconds that Python and torch may take to start, which is not the student's fault
LARGEST = 64 * 2**20  # bytes of a message: no answer of an exercise is near that


class Lost(Exception):
    """The child is gone, and says no more; the message tells why, as a sentence about the student's code."""


def pack(value: Any) -> Any:
    """A value as JSON can hold it; what is no number, text, array, generator or list of these becomes its type's name.

    Example:
        >>> unpack(pack((1, [2.5, None], {3: "x"})))
        (1, [2.5, None], {3: 'x'})
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, np.generic):  # an IntEnum, say
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, torch.Generator):
        return {"generator": pack(value.get_state())}
    if isinstance(value, torch.Tensor):
        plain = value.detach().as_subclass(torch.Tensor).to("cpu").resolve_conj().resolve_neg()
        return {"tensor": _bytes((plain.float() if plain.dtype == torch.bfloat16 else plain).numpy())}
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return {"array": _bytes(np.asarray(value))}
    if isinstance(value, tuple | list):
        return {"tuple" if isinstance(value, tuple) else "list": [pack(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[pack(key), pack(item)] for key, item in value.items()]}
    return {"foreign": type(value).__name__}


def unpack(value: Any) -> Any:
    """What :func:`pack` has packed.

    Raises:
        ValueError: a packet that :func:`pack` does not make.
    """
    if not isinstance(value, dict):
        return value
    ((kind, body),) = value.items()
    if kind in ("tensor", "array"):
        found = np.load(io.BytesIO(base64.b64decode(body)), allow_pickle=False)
        return torch.from_numpy(found.copy()) if kind == "tensor" else found
    if kind == "generator":
        generator = torch.Generator()
        generator.set_state(unpack(body))
        return generator
    if kind in ("tuple", "list"):
        items = [unpack(item) for item in body]
        return tuple(items) if kind == "tuple" else items
    if kind == "dict":
        return {unpack(key): unpack(item) for key, item in body}
    if kind == "foreign":
        return type(str(body), (), {"__repr__": lambda self: type(self).__name__})()  # only its type's name is kept
    raise ValueError(f"unknown kind of value {kind!r}")


def _bytes(array: np.ndarray) -> str:
    if array.nbytes > LARGEST // 2:
        raise ValueError(f"its answer has {array.nbytes:,} bytes, far more than any exercise asks for")
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write one message."""
    body = json.dumps(message).encode()
    stream.write(len(body).to_bytes(8, "little") + body)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None at the stream's end, or where what comes is no message."""
    head = stream.read(8)
    size = int.from_bytes(head, "little")
    body = stream.read(size) if len(head) == 8 and size <= LARGEST else b""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


class Sitting:
    """A child process in which one student's functions run (``python -m gltr_lib.course.answering``).

    Args:
        seed: the student's ``COURSE_SEED``.

    Example:
        >>> with Sitting() as child:  # doctest: +SKIP
        ...     child.ask(30, do="define", source="def f(x): ...")
    """

    def __init__(self, seed: int = 0) -> None:
        own = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, [str(GUARD), own, os.environ.get("PYTHONPATH", "")]))
        # Away from the handed-in files: a student's torch.py is not imported, and what is written disappears.
        self._folder = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)
        env = {**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "COURSE_SEED": str(seed)}
        env |= {"COURSE_PARENT": str(os.getpid()), "COURSE_RUNS": self._folder.name, "MPLBACKEND": "agg"}
        env.pop("COURSE_STRICT", None)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "gltr_lib.course.answering"],
            env=env, cwd=self._folder.name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            self.ask(START, do="start")
        except Lost:
            self.close()
            raise

    def ask(self, seconds: float, **message: Any) -> dict[str, Any]:
        """Send a message and wait for its answer.

        Raises:
            Lost: no answer in time, or none at all; the child is ended then.
        """
        answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        stdin, stdout = cast("IO[bytes]", self._child.stdin), cast("IO[bytes]", self._child.stdout)

        def exchange() -> None:  # in a thread: a pipe that nobody reads, or that a grandchild holds, never ends
            found = None
            with contextlib.suppress(OSError, ValueError):
                send(stdin, message)
                found = receive(stdout)
            answers.put(found)

        self._exchange = threading.Thread(target=exchange, daemon=True)
        self._exchange.start()
        try:
            answer = answers.get(timeout=max(seconds, 0.01))
        except queue.Empty:
            self.close()
            raise Lost(f"it was not finished after {seconds:.0f} s") from None
        if answer is None:
            self.close()
            raise Lost("it ended the process that ran it (an exit, too much memory, or a crash)")
        return answer

    def close(self) -> None:
        """End the child and what it has started."""
        with contextlib.suppress(OSError):
            os.killpg(self._child.pid, signal.SIGKILL) if os.name == "posix" else self._child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(10)
        self._exchange.join(1)
        if not self._exchange.is_alive():  # else it holds the pipes; they end with this process
            for stream in (self._child.stdin, self._child.stdout):
                with contextlib.suppress(OSError):
                    stream.close() if stream else None
        self._folder.cleanup()

    def __enter__(self) -> Sitting:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
