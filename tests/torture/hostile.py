"""Hostile surroundings: full disks, disks that cannot be written, a second process, workers that are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.torture import disks, jobs, kills
from tests.torture.compare import differences, half_written, snapshot, temporaries
from tests.torture.jobs import Job
from tests.torture.tally import Tally, timed
from tests.torture.torment import FIRST, note, one_line, patience, reference, workplace


def full_disk(every: Sequence[Job], folder: Path, points: int, chance: random.Random, no_mounts: str) -> Tally:
    """Let the disk be full at several points of each job; then make room and let the same command finish.

    Where nothing can be mounted, files may not grow beyond a limit instead, which fails in the same places.
    """
    tally = Tally("full disk")
    if no_mounts:
        tally.skipped = f"a real full disk ({no_mounts}); files of a limited size instead"
    for job in every:
        with timed(tally), workplace(folder, tally) as place:
            wanted, seconds, _ = reference(job, place / "plain")
            if no_mounts:
                longest = max(
                    path.stat().st_size for path in (place / "plain" / "whole-0").rglob("*") if path.is_file()
                )
                for _ in range(points):
                    most = chance.randint(min(600, longest - 1), longest - 1)
                    _one_small_file(tally, job, place / "to", most, wanted, patience(seconds))
                continue
            with disks.disk(place / "disk", job.disk) as disk:
                before = disk.free
                kills.run(job.work(disk.folder / "whole"), place / "said", patience(seconds))
                needed = before - disk.free
                shutil.rmtree(disk.folder / "whole")
                for point in range(points):
                    free = int(needed * (point + chance.random()) / points)
                    _one_full_disk(tally, job, disk, free, wanted, patience(seconds), place / "said")
    return tally


def _one_small_file(tally: Tally, job: Job, destination: Path, most: int, wanted: dict[str, Any], limit: float) -> None:
    """A job whose files may not grow beyond ``most`` bytes, and then the same job without that limit."""
    import resource

    def act() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return job.work(destination)()

    said = destination.with_name("said")
    first = kills.run(act, said, limit)
    problems = [] if first.code == 0 else one_line(first, code=1) + half_written(wanted, destination)
    problems += [f"{name}: a temporary file was left" for name in temporaries(destination)]
    again = kills.run(job.work(destination), said, limit)
    if again.code != 0:
        problems.append(f"without the limit: exit code {again.code}: {again.said[-200:]}")
    problems += differences(wanted, snapshot(destination))
    shutil.rmtree(destination, ignore_errors=True)
    refused = first.code == 1
    note(tally, f"{job.name}, files of at most {most:,} bytes", problems, injected=refused, refused=refused)


def _one_full_disk(
    tally: Tally, job: Job, disk: disks.Disk, free: int, wanted: dict[str, Any], limit: float, said: Path
) -> None:
    destination = disk.folder / "to"
    disk.leave(free)
    first = kills.run(job.work(destination), said, limit)
    where = f"{job.name}, {free:,} bytes free"
    problems = []
    if first.code == 0:
        problems += differences(wanted, snapshot(destination))
    else:
        problems += one_line(first, code=1, words=("disk is full",))
        problems += half_written(wanted, destination)
        problems += [f"{name}: a temporary file was left" for name in temporaries(destination)]
        disk.leave(None)
        again = kills.run(job.work(destination), said, limit)
        if again.code != 0:
            problems.append(f"with room again: exit code {again.code}: {again.said[-200:]}")
        problems += differences(wanted, snapshot(destination))
    disk.leave(None)
    shutil.rmtree(destination, ignore_errors=True)
    refused = first.code == 1
    if problems:
        tally.lose(f"{where}: {'; '.join(problems)}", injected=refused)
    else:
        tally.survive(injected=refused, refused=refused)


def read_only(every: Sequence[Job], folder: Path, no_mounts: str) -> Tally:
    """A destination that may not be written: new, and one that is half done; one line, and nothing changes."""
    tally = Tally("read-only destination")
    for job in every:
        with timed(tally), workplace(folder, tally) as place:
            if no_mounts:
                _without_rights(tally, job, place)
                continue
            with disks.disk(place / "disk", job.disk) as disk:
                half = disk.folder / "half"
                child = kills.start(job.work(half), place / "said")
                kills.wait(child, 0.3)
                kills.kill(child)
                for destination in (disk.folder / "new", half):
                    before = snapshot(destination)
                    disk.read_only(True)
                    done = kills.run(job.work(destination), place / "said", FIRST)
                    disk.read_only(False)
                    problems = one_line(done, code=1, words=("read-only", "Read-only"))
                    problems += differences(before, snapshot(destination))
                    note(tally, f"{job.name}, {destination.name}", problems)
    return tally


def _without_rights(tally: Tally, job: Job, place: Path) -> None:
    """Where nothing can be mounted: a child that is nobody, and a folder that is not its own."""
    if os.geteuid() != 0:
        locked = place / f"locked-{job.name}"
        locked.mkdir(mode=0o555)
        act = job.work(locked / "to")
    else:
        locked = place / f"locked-{job.name}"
        locked.mkdir(mode=0o755)

        def act() -> int:
            os.setgid(65534)
            os.setuid(65534)
            return job.act(locked / "to")

    done = kills.run(act, place / "said", FIRST)
    note(tally, f"{job.name}, no rights", [*one_line(done, code=1, words=("ermission",)), *map(str, locked.iterdir())])


def two_at_once(every: Sequence[Job], folder: Path, turns: int, chance: random.Random) -> Tally:
    """Two processes on one destination: each succeeds or says in one line why not, and the result is that of one."""
    tally = Tally("two at once")
    for job in every:
        with timed(tally), workplace(folder, tally) as place:
            wanted, seconds, _ = reference(job, place / "plain")
            for turn in range(turns):
                destination = place / f"{job.name}-{turn}"
                pair = [kills.start(job.work(destination), place / "said")]
                time.sleep(0.0 if turn == 0 else chance.uniform(0, seconds))
                pair.append(kills.start(job.work(destination), place / "said"))
                problems = []
                for child in pair:
                    if kills.wait(child, patience(seconds)) is None:
                        kills.kill(child)
                        problems.append("hung")
                    elif child.code != 0:
                        problems += one_line(child, code=1)
                refusals = sum(child.code != 0 for child in pair)
                if refusals == 2:
                    problems.append(f"both were refused: {pair[0].said[-150:]} {pair[1].said[-150:]}")
                problems += differences(wanted, snapshot(destination))
                note(tally, job.name, problems, refused=refusals > 0)
                shutil.rmtree(destination, ignore_errors=True)
    return tally


def dead_workers(made: Path, folder: Path, turns: int, chance: random.Random) -> Tally:
    """Kill one worker process: a line and an end, no hang. Kill the main one: its workers follow. Then finish."""
    tally = Tally("dead workers")
    source = made / "stylize-source"
    shards = Job("stylize --processes 2", lambda to: jobs.gltr(
        "stylize", source, to, "--copies", 2, "--device", "cpu", "--processes", 2
    ))  # fmt: skip
    single = Job("prepare", lambda to: jobs.gltr("prepare", "gta5", made / "many", to, "--workers", 1))
    many = Job("prepare --workers 2", lambda to: jobs.gltr("prepare", "gta5", made / "many", to, "--workers", 2))
    jobs.official_trees.gta5(made / "many", 16)
    for job, plain, depth in ((shards, jobs.stylize(made), 1), (many, single, 2)):
        with timed(tally), workplace(folder, tally) as place:
            wanted, _, _ = reference(plain, place / "plain")
            for turn in range(turns):
                # Two fresh processes with torch take seconds: the short campaign starts them once, and finishes alone.
                for victim in ("worker",) if turns == 1 and job is shards else ("worker", "main"):
                    destination = place / f"to-{turn}"
                    injected, problems = _one_dead(job, destination, victim, depth, chance, place / "said")
                    last = kills.run((plain if turns == 1 else job).work(destination), place / "said", FIRST)
                    if last.code != 0:
                        problems.append(f"called again: exit code {last.code}: {last.said[-200:]}")
                    found = snapshot(destination)
                    found = {n: v for n, v in found.items() if not n.startswith("manifest-")}  # one of each shard
                    problems += differences(wanted, found)
                    refused = injected and victim == "worker"
                    note(tally, f"{job.name}, {victim} killed", problems, injected=injected, refused=refused)
                    shutil.rmtree(destination, ignore_errors=True)
    return tally


def _one_dead(
    job: Job, destination: Path, victim: str, depth: int, chance: random.Random, said: Path
) -> tuple[bool, list[str]]:
    """Start, wait for workers, kill one of them (or the main process) at a random moment, and see what happens."""
    child = kills.start(job.work(destination), said)
    end, workers = time.monotonic() + FIRST, []
    while not workers and kills.wait(child, 0.03) is None and time.monotonic() < end:
        workers = [
            pid for pid, distance in kills.descendants(child.pid).items()
            if distance == depth and "resource_tracker" not in kills.command_of(pid)
        ]  # fmt: skip
    kills.wait(child, chance.uniform(0, 1.5 if depth == 1 else 0.2))
    problems = []
    if victim == "main":
        code = kills.kill(child, group=False)
        if not kills.group_ends(child, FIRST):  # one that has only begun imports torch before it looks for its parent
            problems.append("workers lived on without their main process")
        return code == -signal.SIGKILL, problems
    for pid in workers[:1]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            workers = []
    if kills.wait(child, FIRST) is None:
        kills.kill(child)
        return True, ["hung after a worker was killed"]
    if child.code != 0:
        problems += one_line(child, code=1)
    if not kills.group_ends(child, FIRST):
        problems.append("a process lived on")
    return bool(workers) and child.code != 0, problems
