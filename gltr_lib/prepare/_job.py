"""A long job over many files: parallel, killed at any moment, gone on with where it was, nothing skipped in silence.

Each finished item is one line in a journal (JSON, appended and flushed at once), so a killed job loses at most the
items that were in work. A bad file is refused by name and tried again next time; a full disk or a killed worker stops
the job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from gltr_lib._drafts import is_draft, is_full, sweep, write_text
from gltr_lib._json import parse_object
from gltr_lib._typed import brief
from gltr_lib._workers import end_with_parent

Entry = dict[str, Any]
Work = Callable[[str, Any], Entry]
OnItem = Callable[[int, int, str], Any]
_LOOK = 10.0  # seconds after which a pool that says nothing is looked at


@dataclass
class Outcome:
    """What a job came to: entries of finished items, and reasons by name of those that were refused."""

    done: dict[str, Entry] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def run(
    work: Work,
    items: Mapping[str, Any],
    journal: str | os.PathLike[str],
    *,
    is_there: Callable[[str, Any, Entry], bool],
    workers: int | None = None,
    on_item: OnItem | None = None,
) -> Outcome:
    """Do ``work(key, item)`` for every item that the journal does not hold yet.

    Args:
        work: a function on module level (or a partial of one); returns a JSON-able entry; ValueError refuses the item.
        items: key -> what the work needs, picklable.
        journal: file of one JSON line an item.
        is_there: whether an item that the journal calls finished still is (its files may have been deleted).
        workers: processes; None for one a core, at most 8; 1 works in this process.
        on_item: called with (finished, all, key).

    Returns:
        Entries and refusals, both by key.

    Raises:
        OSError: the disk is full. RuntimeError: a worker was killed. Both say how many items are safe.
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers: expected a whole number >= 1, received {workers!r}")
    journal = Path(journal)
    before = read_journal(journal)
    outcome = Outcome({key: before[key] for key in items if key in before and is_there(key, items[key], before[key])})
    todo = [(key, item) for key, item in items.items() if key not in outcome.done]
    if not todo:
        return outcome
    journal.parent.mkdir(parents=True, exist_ok=True)
    count = min(workers or min(os.cpu_count() or 1, 8), len(todo))
    finished = len(outcome.done)
    with journal.open("a", encoding="utf-8") as lines:
        if lines.tell():
            lines.write("\n")  # a line torn by a kill ends here
        try:
            with closing(_results(work, todo, count)) as results:
                for key, entry, reason in results:
                    if entry is None:
                        outcome.refused[key] = reason
                    else:
                        lines.write(json.dumps({"key": key, **entry}) + "\n")
                        lines.flush()
                        outcome.done[key] = entry
                    finished += 1
                    if on_item is not None:
                        on_item(finished, len(items), key)
        except BrokenProcessPool:
            raise RuntimeError(
                f"a worker process was killed (out of memory?); {len(outcome.done):,} of {len(items):,} are done and "
                f"safe; call this again to go on, perhaps with fewer workers"
            ) from None
        except OSError as error:
            if is_full(error):
                with suppress(OSError):  # it tries once more to write what found no room, and fails in fewer words
                    lines.close()
                raise OSError(
                    f"{journal.parent}: the disk is full; {len(outcome.done):,} of {len(items):,} are done and safe; "
                    f"free some space and call this again to go on"
                ) from None
            raise
    return Outcome({key: outcome.done[key] for key in items if key in outcome.done}, outcome.refused)


def read_journal(journal: str | os.PathLike[str]) -> dict[str, Entry]:
    """The finished items of a journal; a torn or foreign line does not count."""
    entries: dict[str, Entry] = {}
    path = Path(journal)
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError, TypeError, KeyError):
                    entry = parse_object(line)
                    entries[str(entry.pop("key"))] = entry
    return entries


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """Say of a full disk, whatever was being written, that it is full and what to do.

    Raises:
        OSError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise OSError(
            f"{folder}: the disk is full; what is done is safe, free some space and call this again to go on"
        ) from None


def claim(folder: Path, name: str, settings: Mapping[str, Any]) -> None:
    """Mark a folder as this job's, or find that it is another's; drafts that killed processes left go, once for all.

    Raises:
        ValueError: the folder holds other files, or the same job with other settings (they are named).
    """
    marker = folder / name
    if marker.exists():
        try:
            before = parse_object(marker.read_bytes()).get("settings")
        except ValueError as error:
            raise ValueError(f"{marker}: not a manifest of this job ({error}); choose a new folder") from None
        if not isinstance(before, dict):
            raise ValueError(f"{marker}: not a manifest of this job (no settings in it); choose a new folder")
        changed = {
            k: f"{brief(before.get(k))} before, {brief(v)} now" for k, v in settings.items() if before.get(k) != v
        }
        if len(changed) > 1:  # digests tell a reader nothing that the names beside them do not
            changed.pop("tables", None)
        if changed:
            named = "; ".join(f"{key}: {words}" for key, words in changed.items())
            raise ValueError(f"{folder}: made with other settings ({named}); choose a new folder")
        sweep(folder)
        return
    # A kill while the marker was written leaves its draft alone in the folder.
    if folder.exists() and (not folder.is_dir() or any(not is_draft(entry.name) for entry in folder.iterdir())):
        raise ValueError(f"{folder}: not an empty folder and without {name}; nothing is overwritten, choose a new one")
    sweep(folder)
    write_text(marker, json.dumps({"settings": settings}), swept=True)


def _results(
    work: Work, todo: list[tuple[str, Any]], count: int
) -> Generator[tuple[str, Entry | None, str], None, None]:
    one = partial(_guarded, work)
    if count == 1:
        yield from (one(task) for task in todo)
        return
    pool = ProcessPoolExecutor(count, mp_context=_context(), initializer=end_with_parent)
    started: dict[int, Any] = getattr(pool, "_processes", {})  # which the pool fills as it starts them
    try:
        waiting: Iterable[tuple[str, Any]] = iter(todo)
        running: set[Future[tuple[str, Entry | None, str]]] = set()
        while True:
            running |= {pool.submit(one, task) for task in islice(waiting, 4 * count - len(running))}
            if not running:
                return
            ready, running = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            if not ready and _is_broken(pool):
                raise BrokenProcessPool
            for future in ready:
                yield future.result()
    except Exception as error:
        if not _is_broken(pool):
            raise
        # A worker that was killed while others were being started: the pool closes the pipes that they are to inherit,
        # and fails in other words then (an OSError or a ValueError, as it happens), or it overlooks one of those
        # others, for whose end it would wait for ever.
        for process in list(started.values()):
            process.kill()
        raise BrokenProcessPool(str(error)) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _is_broken(pool: ProcessPoolExecutor) -> bool:
    return bool(getattr(pool, "_broken", False))


def _context() -> BaseContext:
    """Fresh processes (fork would copy a parent with threads); a fork server imports the library once for all."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["gltr_lib.prepare.convert", "gltr_lib.prepare.crops"])
    return context


def _guarded(work: Work, task: tuple[str, Any]) -> tuple[str, Entry | None, str]:
    key, item = task
    try:
        return key, work(key, item), ""
    except ValueError as error:
        return key, None, " ".join(str(error).split())
