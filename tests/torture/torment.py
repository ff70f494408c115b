"""Kills: a job is killed again and again on its way to one destination, and what comes of it is compared.

Everything is measured before it is tormented: an uninterrupted run gives the result that is expected and the time that
it takes here and now, so that a busy machine makes the campaign longer and not wrong.
"""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.torture import jobs, kills
from tests.torture.compare import differences, half_written, snapshot
from tests.torture.jobs import Job
from tests.torture.tally import Tally, timed

FIRST = 900.0  # seconds that an uninterrupted run may take before it counts as hung, however busy the machine
LEAST = 60.0  # seconds that any job may take
SLACK = 40  # times the uninterrupted run's seconds that a tormented one may take


def reference(job: Job, folder: Path) -> tuple[dict[str, Any], float, int]:
    """An uninterrupted run: its result, its seconds, and the number of its operations on files.

    Raises:
        RuntimeError: not even that went well.
    """
    counter = kills.Counter()
    seconds = []
    for turn in range(2):  # the second one is timed: the first finds cold files
        whole = folder / f"whole-{turn}"
        done = kills.run(job.work(whole, counter if turn == 0 else None), folder / "said", FIRST)
        if done.code != 0:
            raise RuntimeError(f"{job.name}: uninterrupted, it ended with {done.code}: {done.said[-300:]}")
        seconds.append(done.seconds)
    wanted, again = snapshot(folder / "whole-0"), snapshot(folder / "whole-1")
    unlike = differences(wanted, again)
    if unlike:
        raise RuntimeError(f"{job.name}: two uninterrupted runs differ: {'; '.join(unlike)[:300]}")
    shutil.rmtree(folder / "whole-1")
    return wanted, seconds[1], counter.value


def patience(seconds: float) -> float:
    """How long a job that took ``seconds`` in peace may take when tormented, before it counts as hung."""
    return max(LEAST, SLACK * seconds)


def kill_often(job: Job, folder: Path, count: int, chance: random.Random) -> Tally:
    """Kill a job ``count`` times, up to five times on its way to one destination, and compare what comes of it.

    Half of the kills come after a random time, half just before a random operation on a file.
    """
    tally = Tally(f"kill: {job.name}")
    with timed(tally), workplace(folder, tally) as place:
        wanted, seconds, operations = reference(job, place)
        tally.measured = {"uninterrupted, s": round(seconds, 2), "operations on files": operations}
        number = 0
        while tally.injected < count:
            number += 1
            if number > 20 * count:
                tally.lose(f"only {tally.injected} of {count} kills met the job alive")
                break
            destination = place / f"to-{number}"
            killed, problems = torment(job, destination, wanted, seconds, operations, chance, count - tally.injected)
            judge(tally, killed, problems)
            shutil.rmtree(destination, ignore_errors=True)
    return tally


def torment(
    job: Job,
    destination: Path,
    wanted: dict[str, Any],
    seconds: float,
    operations: int,
    chance: random.Random,
    most: int,
) -> tuple[int, list[str]]:
    """One destination: kill, start again, kill again, let it finish, compare; returns (kills, what is amiss)."""
    said, limit = destination.with_name("said"), patience(seconds)
    killed, problems, finished = 0, [], False
    for _ in range(min(most, chance.randint(1, 5))):
        at_operation = chance.random() < 0.5
        counter = kills.Counter()
        moment = chance.randint(1, operations) if at_operation else 0
        child = kills.start(job.work(destination, counter, moment), said)
        code = kills.wait(child, limit if at_operation else chance.uniform(0, 1.05 * seconds))
        how = f"killed before operation {moment}" if at_operation else "killed by the clock"
        if code is None:
            alone = chance.random() < 0.2  # as the kernel's out-of-memory killer does, which takes one process
            code = kills.kill(child, group=not alone)
            if at_operation:
                problems.append(f"hung for {limit:.0f} s")
        if not kills.group_ends(child, limit):
            problems.append(f"{how}: helper processes lived on")
        if code == -signal.SIGKILL:
            killed += 1
            problems += [f"{how}: {line}" for line in half_written(wanted, destination)]
            continue
        finished = True
        if code != 0:
            problems.append(f"after {killed} kills exit code {code}: {child.said[-300:]}")
        break
    if not finished:
        last = kills.run(job.work(destination), said, limit)
        if last.code is None:
            problems.append(f"after {killed} kills it hung for {limit:.0f} s")
        elif last.code != 0 or "Traceback" in last.said:
            problems.append(f"after {killed} kills exit code {last.code}: {last.said[-300:]}")
    problems += differences(wanted, snapshot(destination))
    return killed, problems


def judge(tally: Tally, faults: int, problems: Sequence[str]) -> None:
    """Count the faults of one destination: all survived, or all lost and one line for each problem."""
    for number in range(faults):
        if problems:
            tally.lose("; ".join(problems) if number == 0 else "the same destination", injected=True)
        else:
            tally.survive(injected=True)
    if faults == 0:
        tally.lose("; ".join(problems)) if problems else tally.survive()


def course_kills(made: Path, folder: Path, count: int, chance: random.Random, lesson: str) -> Tally:
    """Kill the runner of lessons; started again it must end well, and leave no kernel behind."""
    job = jobs.course(made, lesson)
    tally = Tally("kill: course run")
    with timed(tally), workplace(folder, tally) as place:
        whole = place / "whole"
        done = kills.run(job.work(whole), place / "said", FIRST)
        if done.code != 0:
            raise RuntimeError(f"uninterrupted, it ended with {done.code}: {done.said[-300:]}")
        wanted = snapshot(whole)
        tally.measured = {"uninterrupted, s": round(done.seconds, 1), "lesson": lesson or "the tests' tiny one"}
        length = done.seconds
        for number in range(20 * count):
            if tally.injected >= count:
                break
            destination = place / f"to-{number}"
            problems = []
            child = kills.start(job.work(destination), place / "said")
            code = kills.wait(child, chance.uniform(0.1, 0.95) * length)
            if code is None:
                code = kills.kill(child, group=chance.random() < 0.5)
            lived = kills.settle(patience(done.seconds / 10))  # a kernel has a session of its own, and looks for us
            problems += [f"lived on: {one}" for one in lived]
            problems += half_written(wanted, destination)
            if code == -signal.SIGKILL:
                last = kills.run(job.work(destination), place / "said", FIRST)
                if last.code != 0:
                    problems.append(f"started again: exit code {last.code}: {last.said[-300:]}")
            else:  # quicker than the first, for which the machine was busier
                length = min(length, child.seconds)
            problems += differences(wanted, snapshot(destination))
            judge(tally, int(code == -signal.SIGKILL), problems)
            shutil.rmtree(destination, ignore_errors=True)
        if tally.injected < count:
            tally.lose(f"only {tally.injected} of {count} kills met the runner alive")
    return tally


def one_line(done: kills.Child, code: int, words: Sequence[str] = ()) -> list[str]:
    """What is wrong with a refusal: not this exit code, a traceback, more than one line, none of the words."""
    lines = [line for line in done.said.splitlines() if line.strip() and not line.startswith("gltr: note:")]
    if not lines:  # the study goes on with its other runs, and names on stdout those that failed
        lines = ["gltr: " + line for line in done.out.read_text().splitlines() if "FAILED" in line]
    if done.code is None:
        return ["hung"]
    if done.code != code:
        return [f"exit code {done.code}, expected {code}: {done.said[-200:]}"]
    if len(lines) != 1 or not lines[0].startswith("gltr: "):
        return [f"{len(lines)} lines on stderr: {done.said[-300:]}"]
    if words and not any(word in lines[0] for word in words):
        return [f"does not say {' or '.join(words)}: {lines[0]}"]
    return []


def note(tally: Tally, what: str, problems: Sequence[str], *, injected: bool = True, refused: bool = True) -> None:
    if problems:
        tally.lose(f"{what}: {'; '.join(problems)}", injected=injected)
    else:
        tally.survive(injected=injected, refused=refused)


@contextmanager
def workplace(folder: Path, tally: Tally) -> Iterator[Path]:
    """A folder for one part; what breaks the part itself is a loss and does not cost the others."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except Exception as error:
        tally.lose(f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
