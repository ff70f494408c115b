"""Whole files, drafts of the killed, folders for one process, workers that follow their parent."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gltr_lib import _drafts, ledger
from gltr_lib.prepare import download
from gltr_lib.study import run

ROOT = Path(__file__).resolve().parents[1]


def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def orphan_of(path: Path) -> Path:
    """A draft of a file that a killed process has left."""
    draft = path.with_name(f".{path.name}.{_drafts._HOST}-{dead()}-1.tmp")
    draft.touch()
    return draft


def script(text: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def gone(process: int, seconds: float = 60.0) -> bool:
    """Whether a process that is no child of ours ends in time; a dead one that nobody asked about counts as ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with _drafts.atomic_file(path) as draft:
        draft.write_text("first")
        assert not path.exists()
    with pytest.raises(UnicodeError), _drafts.atomic_file(path) as draft:
        draft.write_text("sec\udcff")
    assert path.read_text() == "first"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_the_next_writer_of_a_file_removes_the_drafts_of_the_killed_and_no_others(tmp_path):
    host, killed = _drafts._HOST, dead()
    orphan = tmp_path / f".a.txt.{host}-{killed}-1.tmp"
    others = [
        tmp_path / f".b.txt.{host}-{killed}-1.tmp",  # of another file
        tmp_path / f".a.txt.{host}-{os.getppid()}-1.tmp",  # of a process at work
        tmp_path / f".a.txt.elsewhere-{killed}-1.tmp",  # of another machine, and young
        tmp_path / ".a.txt.tmp",  # no name of ours
    ]
    for path in (orphan, *others):
        path.touch()
    with _drafts.atomic_file(tmp_path / "a.txt", swept=True) as draft:
        draft.touch()
    assert orphan.exists()  # a job's folder is listed once, and not again for each of its files
    with _drafts.atomic_file(tmp_path / "a.txt") as draft:
        draft.touch()
    assert not orphan.exists()
    assert all(path.exists() for path in others)
    _drafts.sweep_beside(tmp_path / "b.txt", tmp_path / "c.txt", tmp_path / "no" / "such.txt")
    assert not others[0].exists()


def test_a_living_process_keeps_its_draft_however_old_it_is(tmp_path):
    host, hours_ago = _drafts._HOST, time.time() - 5 * 3600
    ours = tmp_path / f".a.txt.{host}-{os.getpid()}-1.tmp"
    parents = tmp_path / f".a.txt.{host}-{os.getppid()}-1.tmp"
    elsewhere = tmp_path / f".a.txt.elsewhere-{os.getppid()}-1.tmp"
    for path in (ours, parents, elsewhere):
        path.touch()
        os.utime(path, (hours_ago, hours_ago))
    _drafts.sweep_beside(tmp_path / "a.txt")
    assert sorted(tmp_path.iterdir()) == sorted([ours, parents])


def test_a_folder_is_for_one_at_a_time_and_no_file_says_so(tmp_path):
    folder = tmp_path / "new"
    with _drafts.alone(folder):
        with pytest.raises(ValueError, match="another process is at work in it; wait"), _drafts.alone(folder):
            pass
        assert list(folder.iterdir()) == []
    with _drafts.alone(folder):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file"), _drafts.alone(tmp_path / "file"):
        pass


def test_only_another_process_is_a_reason_not_to_go_on(tmp_path, monkeypatch):
    """Where the file system has no locks, every user of one goes on: study, ledger, download, folder."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(descriptor, how):
        raise OSError(errno.ENOLCK, "No locks available")

    with (tmp_path / "a").open("w") as file:
        with _drafts.locked(file.fileno()) as ours, (tmp_path / "a").open() as other:
            assert ours
            with _drafts.locked(other.fileno()) as theirs:
                assert not theirs
        with _drafts.locked(file.fileno()) as again:
            assert again
        monkeypatch.setattr(fcntl, "flock", refuse)
        with _drafts.locked(file.fileno()) as ours, _drafts.locked(file.fileno(), wait=True) as too:
            assert ours
            assert too
    with _drafts.alone(tmp_path), run._lock(tmp_path / "lock") as ours:
        assert ours
    with download._only_one(tmp_path / "a.zip"):
        pass
    row = {"method": "gtr", "value": 0.5}
    ledger.append(tmp_path / "l.jsonl", row, check=False)
    assert ledger.read(tmp_path / "l.jsonl") == [row]


HOLDER = """
import os, sys, time
from pathlib import Path
from gltr_lib import _drafts
with _drafts.alone(Path(sys.argv[1])):
    if not os.fork():
        print(os.getpid(), flush=True)  # said by the helper: it has let go by now
    time.sleep(120)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_helper_does_not_hold_the_folder_of_its_dead_parent(tmp_path):
    holder = script(HOLDER, tmp_path)
    helper = int(holder.stdout.readline())
    try:
        with pytest.raises(ValueError, match="another process"), _drafts.alone(tmp_path):
            pass
        holder.kill()
        holder.wait()
        os.kill(helper, 0)  # it lives
        with _drafts.alone(tmp_path):
            pass
    finally:
        os.kill(helper, signal.SIGKILL)


WORKERS = """
import multiprocessing, os, sys, time
from gltr_lib._workers import end_with_parent

def work():
    if sys.argv[1] == "follow":
        end_with_parent()
    time.sleep(120)

if __name__ == "__main__":
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    print(worker.pid, flush=True)
    worker.join()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_worker_ends_with_the_process_that_started_it():
    main = script(WORKERS, "follow")
    worker = int(main.stdout.readline())
    assert not gone(worker, 0.2)
    main.kill()
    main.wait()
    assert gone(worker)
