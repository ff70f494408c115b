"""The campaign of faults and load can fail: its judges notice what is lost, doubled, changed, left over or growing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # the campaign is a package beside gltr_lib, not in it
    sys.path.insert(0, str(ROOT))

from tests.torture import apart, faults, fuzz, load, torment, watch  # noqa: E402
from tests.torture.compare import differences, half_written, snapshot, temporaries  # noqa: E402
from tests.torture.tally import Tally  # noqa: E402


@pytest.fixture
def result(tmp_path):
    """A finished destination, as a job might leave it."""
    folder = tmp_path / "result"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "1.png").write_bytes(b"one")
    (folder / "train" / "2.png").write_bytes(b"two")
    manifest = {"done": {"1.png": {"size": [1, 2]}, "2.png": {"size": [3, 4]}}, "seconds": 1.5}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    rows = [{"key": "train/1", "date": "yesterday"}, {"key": "train/2", "date": "today"}]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def said(result, wanted):
    return differences(wanted, snapshot(result))


def test_times_and_order_are_no_difference(result):
    wanted = snapshot(result)
    (result / "manifest.json").write_text(
        json.dumps({"seconds": 9.0} | json.loads((result / "manifest.json").read_text()))
    )
    lines = (result / "train.jsonl").read_text().splitlines()
    (result / "train.jsonl").write_text("\n\n".join(reversed(lines)).replace("today", "tomorrow") + "\n")
    assert said(result, wanted) == []
    assert half_written(wanted, result) == []


def test_a_lost_a_changed_and_a_new_file_are_noticed(result):
    wanted = snapshot(result)
    (result / "train" / "1.png").unlink()
    (result / "train" / "2.png").write_bytes(b"twO")
    (result / "train" / "3.png").write_bytes(b"three")
    assert said(result, wanted) == [
        "train/1.png: lost", "train/2.png: other bytes", "train/3.png: nobody asked for it",
    ]  # fmt: skip
    assert half_written(wanted, result) == ["train/2.png: lies there half-written"]


@pytest.mark.parametrize(
    "name", [".1.png.host-12-34.tmp", ".1.123.png", "checkpoint.pt.77.part", ".a.safetensors.9.tmp", ".train.txt.5.tmp"]
)
def test_a_temporary_file_is_noticed_and_is_not_taken_for_a_half_written_one(result, name):
    wanted = snapshot(result)
    (result / "train" / name).write_bytes(b"half")
    assert said(result, wanted) == [f"train/{name}: a temporary file was left"]
    assert temporaries(result) == [f"train/{name}"]
    assert half_written(wanted, result) == []


def test_doubled_lost_and_torn_rows_are_noticed(result):
    wanted = snapshot(result)
    lines = (result / "train.jsonl").read_text().splitlines()
    (result / "train.jsonl").write_text("\n".join([*lines, lines[0].replace("yesterday", "later")]) + "\n")
    assert said(result, wanted) == ["train.jsonl: 3 rows, expected 2; 1 doubled, 0 lost"]
    (result / "train.jsonl").write_text(lines[0] + "\n")
    assert said(result, wanted) == ["train.jsonl: 1 rows, expected 2; 0 doubled, 1 lost"]
    (result / "train.jsonl").write_text(lines[0] + "\n" + lines[1][:9])
    assert said(result, wanted) == ["train.jsonl: 2 rows, expected 2; 0 doubled, 1 lost"]
    assert half_written(wanted, result) == ["train.jsonl: a torn line"]


def test_entries_of_a_manifest_and_a_torn_one_are_noticed(result):
    wanted = snapshot(result)
    manifest = json.loads((result / "manifest.json").read_text())
    del manifest["done"]["2.png"]
    (result / "manifest.json").write_text(json.dumps(manifest))
    assert said(result, wanted) == ["manifest.json: other entries under done"]
    (result / "manifest.json").write_text(json.dumps(manifest)[:-5])
    assert said(result, wanted)[0].startswith("manifest.json: unreadable")
    assert half_written(wanted, result)[0].startswith("manifest.json: unreadable")


def test_networks_and_checkpoints_are_compared_bit_for_bit(tmp_path):
    import torch

    from gltr_lib.weights import save_safetensors

    def make(folder, value, seconds):
        folder.mkdir()
        facts = json.dumps({"wall_seconds": seconds, "commit": "a"})
        save_safetensors({"w": torch.tensor([value, 2.0])}, folder / "m.safetensors", {"facts": facts})
        torch.save({"step": 3, "seconds": seconds, "model": {"w": torch.tensor([value])}}, folder / "checkpoint.pt")
        return folder

    wanted = snapshot(make(tmp_path / "a", 1.0, 1.0))
    assert said(make(tmp_path / "b", 1.0, 2.0), wanted) == []
    changed = make(tmp_path / "c", 1.0 + 2**-23, 1.0)
    assert said(changed, wanted) == ["checkpoint.pt: other tensors or numbers", "m.safetensors: other bytes"]
    (changed / "m.safetensors").write_bytes((changed / "m.safetensors").read_bytes()[:-1])
    assert "unreadable" in half_written(wanted, changed)[0]


def test_an_archive_of_arrays_may_grow_but_not_change_or_tear(tmp_path):
    import numpy as np

    np.savez(tmp_path / "a.npz", first=np.arange(3), second=np.arange(4))
    wanted = snapshot(tmp_path)
    np.savez(tmp_path / "a.npz", first=np.arange(3))
    assert half_written(wanted, tmp_path) == []
    assert said(tmp_path, wanted) == ["a.npz: other bytes"]
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-30])
    assert "unreadable" in half_written(wanted, tmp_path)[0]


def test_a_lost_destination_loses_all_its_kills():
    tally = Tally("kill")
    torment.judge(tally, 3, ["1.png: lost"])
    torment.judge(tally, 2, [])
    torment.judge(tally, 0, [])
    assert (tally.tried, tally.injected, tally.lost) == (6, 5, 3)
    assert tally.losses[0] == "1.png: lost"


class Ended:
    """What a child left behind, for the judge of refusals."""

    def __init__(self, folder, code, said, out=""):
        self.code, self.said, self.out = code, said, folder / "out"
        self.out.write_text(out)


@pytest.mark.parametrize(
    ("code", "text", "problem"),
    [
        (1, "gltr: stylize: a: the disk is full\n", None),
        (1, "gltr: note: slow\ngltr: stylize: a: the disk is full\n", None),
        (0, "", "exit code 0"),
        (None, "", "hung"),
        (2, "gltr: the disk is full\n", "exit code 2"),
        (1, "Traceback (most recent call last):\n  File x\nOSError: the disk is full\n", "3 lines"),
        (1, "gltr: one\ngltr: the disk is full\n", "2 lines"),
        (1, "", "0 lines"),
        (1, "gltr: stylize: no\n", "does not say"),
    ],
)
def test_a_refusal_is_one_line_that_says_why(tmp_path, code, text, problem):
    found = torment.one_line(Ended(tmp_path, code, text), 1, ("disk is full",))
    assert (found == []) if problem is None else (problem in found[0])
    study = Ended(tmp_path, 1, "", "run a: FAILED, l.jsonl: the disk is full\nthe end\n")
    assert torment.one_line(study, 1, ("disk is full",)) == []


def campaign(code, *words):
    """Run a script in a process of its own: (faults injected, losses, the first of them), as it prints them."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split(maxsplit=2)


# Two jobs without torch, so that they cost nothing: one writes whole files, one writes them where they belong at once.
KILLED = """
import os, random, sys, time
from pathlib import Path
from tests.torture import torment
from tests.torture.jobs import Job

def careful(to):
    to.mkdir(parents=True, exist_ok=True)
    for leftover in to.glob(".*.tmp"):
        leftover.unlink()
    for number in range(6):
        if not (to / f"{number}.bin").exists():
            draft = to / f".{number}.bin.tmp"
            draft.write_bytes(b"x" * 100)
            time.sleep(0.01)
            os.replace(draft, to / f"{number}.bin")
    return 0

def careless(to):
    to.mkdir(parents=True, exist_ok=True)
    for number in range(6):
        if not (to / f"{number}.bin").exists():
            with open(to / f"{number}.bin", "wb") as file:
                for _ in range(10):
                    file.write(b"x" * 10)
                    file.flush()
                    time.sleep(0.001)
    return 0

job = Job(sys.argv[1], globals()[sys.argv[1]], before=lambda: None)
tally = torment.kill_often(job, Path(sys.argv[2]), 12, random.Random(1))
print(tally.injected, tally.lost, tally.losses[:1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("kind", ["careful", "careless"])
def test_kills_spare_a_job_that_writes_whole_files_and_find_one_that_does_not(tmp_path, kind):
    injected, lost, why = campaign(KILLED, kind, str(tmp_path / "to"))
    assert int(injected) == 12
    assert (int(lost) == 0) == (kind == "careful"), why
    if kind == "careless":
        assert "half-written" in why or "other bytes" in why


# The first run takes ten times as long as the others, as it does where somebody else was at work; "missed" lets it end.
COURSE = """
import random, sys, time
from pathlib import Path
from tests.torture import jobs, kills, torment
from tests.torture.jobs import Job

place = Path(sys.argv[2])

def act(to):
    first = not (place / "ran").exists()
    (place / "ran").touch()
    time.sleep((3.0 if first else 0.3) if sys.argv[1] == "slow" else 0.0)
    to.mkdir(parents=True, exist_ok=True)
    (to / "done").touch()
    return 0

if sys.argv[1] == "missed":
    wait, kills.wait = kills.wait, lambda child, timeout: wait(child, 60.0)
jobs.course = lambda made, lesson: Job("course", act, before=lambda: None)
tally = torment.course_kills(place, place / "course", 3, random.Random(1), "")
print(tally.injected, tally.lost, tally.losses[:1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("kind", ["slow", "missed"])
def test_the_runner_is_killed_as_often_as_asked_or_it_is_said(tmp_path, kind):
    injected, lost, why = campaign(COURSE, kind, str(tmp_path))
    if kind == "slow":
        assert (int(injected), int(lost)) == (3, 0), why
    else:
        assert (int(injected), int(lost)) == (0, 1)
        assert "only 0 of 3 kills met the runner alive" in why


def looks(memory, processor, descriptors=lambda n: 5):
    made = watch.Watch(50)
    made.looks = [watch.Look(n, memory(n), int(descriptors(n)), 2, processor(n)) for n in range(1, 51)]
    return made


def test_growth_and_quadratic_time_are_noticed():
    flat = looks(lambda n: 300.0 + n % 3, lambda n: n / 10)
    assert load.grown(flat, 50) == load.bent(flat) == []
    leaking = looks(lambda n: 300.0 + 3 * n, lambda n: n * n / 10, lambda n: 5 + n // 20)
    assert load.grown(leaking, 50)[0].startswith("memory grew by")
    assert load.grown(leaking, 50)[1] == "descriptors grew by 2"
    assert "times the processor time" in load.bent(leaking)[0]


def test_a_share_that_drifts_is_noticed():
    steady = [0.3, 0.7] * 5000
    drifting = [value + number / 1e6 for number, value in enumerate(steady)]
    assert load.strayed(steady, 0.5) == []
    assert len(load.strayed(steady, 0.6)) == 10
    assert load.strayed([value + (number > 9000) * 0.1 for number, value in enumerate(steady)], None) != []
    assert load.strayed(drifting, None) == [], "0.005 over 10,000 draws is within the noise of a tenth"


def test_masks_that_are_not_exact_are_noticed_and_a_rare_tie_is_none():
    assert load.inexact([77] * 99_999 + [78], 77) == []
    for counts in ([77, 78], [76] + [77] * 99_999, [77] * 99_999 + [79], [78] * 100):
        assert "asked for 77" in load.inexact(counts, 77)[0]


def test_the_full_campaign_is_as_large_as_promised_and_the_short_one_lacks_no_fault():
    full = {name: counts[1] for name, counts in faults.KILLS.items()}
    assert min(full[name] for name in ("stylize", "bank build", "prepare")) >= 100
    assert min(full[name] for name in ("train", "train at scale", "study", "course run")) >= 10
    assert load.PICTURES[1] >= 20_000
    assert load.DRAWS[1] >= 1_000_000
    assert load.ROUNDS[1][0] >= 8 * 60, "a round a minute"
    assert fuzz.FULL_SECONDS >= 600
    # The loop at full scale is killed in the full campaign alone: it does what the other one does, and costs more.
    assert {name for name, counts in faults.KILLS.items() if not counts[0]} == {"train at scale"}


def test_a_part_that_breaks_down_is_a_loss(tmp_path):
    (tmp_path / "nothing.py").write_text("")
    tallies = apart.run_apart("tests.torture.no_such_part", tmp_path, True, 0, 60.0)
    assert [tally.lost for tally in tallies] == [1]
