"""Worker processes that do not outlive the process that started them.

A worker that waits for its next task holds both ends of its queue, so it never notices that nobody is left to send one:
after a SIGKILL of the main process (the kernel's, when memory runs out) it would wait, or compute, forever.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """In a worker process: end as soon as the process that started it has ended, however that happened."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="gltr-parent", daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
