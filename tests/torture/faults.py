"""Faults: kills at random moments, full and read-only disks, two at once, dead workers, bad servers.

After the faults the same command, called again, must come to the same result: nothing lost, nothing doubled, no
unfinished file left, and on a CPU the same bits. ``jobs`` says what is tormented, ``kills`` how a child dies,
``torment`` does it, ``hostile`` and ``servers`` are the surroundings, ``compare`` the judge.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.torture import disks, jobs, kills, servers
from tests.torture.apart import run_apart, serve
from tests.torture.hostile import dead_workers, full_disk, read_only, two_at_once
from tests.torture.tally import Tally, timed
from tests.torture.torment import course_kills, kill_often, note, one_line, workplace

#: Kills of each kind in the short and in the full campaign.
KILLS = {
    "stylize": (12, 120), "bank build": (12, 120), "prepare": (12, 120), "crops": (4, 40),
    "download and unpack": (8, 60), "train": (4, 20), "train at scale": (0, 10), "study": (2, 12),
    "course run": (1, 12),
}  # fmt: skip
LESSON = "02"
LIMIT = (1800.0, 7200.0)  # seconds after which the whole part is given up, however busy the machine
AT_ONCE = 8  # downloads, most of which wait
LONGEST = 90.0  # seconds that one of them may take before it counts as hung


def run(folder: Path, short: bool, seed: int) -> list[Tally]:
    """Run this part of the campaign in a fresh process.

    Args:
        folder: for its files; removed by the caller.
        short: a cut of everything.
        seed: of the random moments.

    Returns:
        A tally for each kind of fault.
    """
    folder.chmod(0o755)  # a child without rights must be able to look into it
    return run_apart(__name__, folder, short, seed, LIMIT[0 if short else 1])


def work(folder: Path, short: bool, seed: int) -> Iterator[Tally]:
    """The part itself, a tally at a time; only for a process that has computed nothing yet."""
    jobs.warm()
    kills.prepare_process()
    no_mounts = disks.own_mounts()
    chance = random.Random(seed)
    made = folder / "made"
    stylize, bank, prepare = jobs.stylize(made), jobs.bank(made), jobs.prepare(made)
    train, study = jobs.train(made), jobs.study(made)
    packed, _ = jobs.archive()
    wanted = {name: counts[0 if short else 1] for name, counts in KILLS.items()}
    everything = [stylize, bank, prepare, jobs.crops(made), train, jobs.train_at_scale(made), study]
    for job in everything:
        if wanted[job.name]:
            yield kill_often(job, folder / "kill", wanted[job.name], chance)
    with servers.serving(packed, slow=0.15) as served:
        job = jobs.download(f"{served.url}/plain/kills/a.zip", served.sha256, made)
        yield kill_often(job, folder / "kill", wanted[job.name], chance)
    yield course_kills(made, folder / "course", wanted["course run"], chance, "" if short else LESSON)
    points = 2 if short else 8
    hit = [stylize, bank, prepare, train] if short else everything
    yield full_disk(hit, folder / "full", points, chance, no_mounts)
    yield read_only(hit, folder / "read-only", no_mounts)
    yield two_at_once([stylize, bank, prepare, train, study], folder / "two", 1 if short else 6, chance)
    yield dead_workers(made, folder / "workers", 1 if short else 5, chance)
    yield bad_servers(folder / "servers", 1 if short else 4, chance)
    yield nobody_left(folder)


def bad_servers(folder: Path, turns: int, chance: random.Random) -> Tally:
    """Downloads from a server that behaves badly in every way it knows, several at a time."""
    tally = Tally("bad servers")
    data = chance.randbytes(200_000)
    with timed(tally), workplace(folder, tally) as place, servers.serving(data) as served:
        cases = [(kind, turn) for turn in range(turns) for kind in (*servers.WHOLE, *servers.REFUSED)]
        for first in range(0, len(cases), AT_ONCE):
            group = []
            for kind, turn in cases[first : first + AT_ONCE]:
                target = place / f"{kind}-{turn}" / "a.zip"
                url = f"{served.url}/{kind}/{turn}-{chance.random()}/a.zip"
                group.append((kind, target, kills.start(_fetch(url, target, served.sha256, kind), place / "said")))
            for kind, target, child in group:
                problems = _judge_download(child, target, served, kind in servers.WHOLE)
                if kind in servers.REFUSED and not problems:  # the next call, from a better server, is not disturbed
                    better = f"{served.url}/plain/{target.parent.name}/a.zip"
                    again = kills.start(_fetch(better, target, served.sha256, "plain"), place / "said")
                    problems += _judge_download(again, target, served, True)
                note(tally, kind, problems, injected=kind != "plain", refused=kind in servers.REFUSED)
    return tally


def _fetch(url: str, target: Path, sha256: str, kind: str) -> Callable[[], int]:
    """A download as a data script makes it, impatient: waits are short, hopeless cases are given up soon."""

    def act() -> int:
        from gltr_lib.prepare.download import download

        try:
            download(
                url, target, sha256=sha256, attempts=8 if kind in servers.WHOLE else 3, timeout=servers.STALL,
                sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
            )  # fmt: skip
        except (ValueError, OSError) as error:
            print(f"gltr: {error}", file=sys.stderr)
            return 1
        return 0

    return act


def _judge_download(child: kills.Child, target: Path, served: servers.Served, whole: bool) -> list[str]:
    if kills.wait(child, LONGEST) is None:
        kills.kill(child)
        return [f"hung for {LONGEST:.0f} s"]
    if whole:
        if child.code != 0:
            return [f"exit code {child.code}: {child.said[-200:]}"]
        others = [path.name for path in target.parent.iterdir() if path != target]
        right = target.read_bytes() == served.data
        return ([] if right else ["another file"]) + [f"{name} was left" for name in others]
    problems = one_line(child, code=1)
    if target.exists():
        problems.append("a file lies there under the final name")
    known = {target.name + ".part", target.name + ".part.json"}
    return problems + [f"{p.name} was left" for p in target.parent.iterdir() if p.name not in known]


def nobody_left(folder: Path) -> Tally:
    """At the end: no process of ours, no mount."""
    tally = Tally("nobody left")
    left = kills.settle(LONGEST)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line]
    note(tally, "the end", [f"process {one}" for one in left] + [f"mount {one}" for one in mounts], injected=False)
    return tally


if __name__ == "__main__":
    sys.exit(serve(work, sys.argv[1:]))
