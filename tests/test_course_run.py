"""The runner finds what it says it finds: one planted failure for each way in which a lesson can go wrong."""

import asyncio
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from gltr_lib import course, viz
from gltr_lib.course import kernel, outputs, report, run
from gltr_lib.course.kernel import execute

TINY = Path(__file__).with_name("fixtures") / "02_tiny.py"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="

PLANTED = [
    "import socket, threading, time, warnings\nfrom IPython.display import display",
    "thread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()",
    "timer = threading.Timer(0.3, lambda: {}['late'])\ntimer.start()",
    "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    raise KeyError('swallowed')",
    f"display({{'image/png': {PNG!r}}}, raw=True)",
    f"display({{'image/png': {PNG!r}}}, raw=True, metadata={{'image/png': {{'alt': 'one black pixel'}}}})",
    'display({\'text/html\': \'<img src="x.png"> <img src="x.png" alt="one more pixel, described">\'}, raw=True)',
    "time.sleep(0.6)",
    "warnings.warn('soon gone', FutureWarning)",
    "socket.create_connection(('192.0.2.1', 80), timeout=1)",
    "print('never reached')",
]
SOUND = [
    "import os, socket, sys\nassert os.environ['COURSE_STRICT'] == '1'",
    "server = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(server.getsockname()).close()",
    "server.getsockname()[0], socket.getaddrinfo('localhost', 80)[0][4][1], len(socket.socketpair())",
    "print(sys.executable)\nprint(os.getcwd())",
]


def notebook(sources, tags=None):
    book = nbformat.v4.new_notebook()
    for index, source in enumerate(sources):
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = (tags or {}).get(index, [])
        book.cells.append(cell)
    return nbformat.writes(book)


@pytest.mark.parametrize("alt", ["a street", "figures/four_paintings.png", "x" * 401, "A street, painted once."])
def test_a_run_accepts_the_alternative_texts_that_show_accepts_and_no_others(alt):
    try:
        viz.show(np.zeros((4, 4)), alt=alt)
        expected = 0
    except ValueError:
        expected = 2
    picture = {"data": {"image/png": PNG}, "metadata": {"image/png": {"alt": alt}}, "output_type": "display_data"}
    page = {"data": {"text/html": f'<img alt="{alt}" src="x.png">'}, "output_type": "display_data"}
    assert len(outputs.faults([picture, page], "cell 1")) == expected


class Deaf:
    """A channel whose message is there, but wakes nobody who waits already."""

    def __init__(self, after=1):
        self.asked, self.after = 0, after

    async def get_msg(self, timeout=None):
        self.asked += 1
        if self.asked <= self.after:
            await asyncio.sleep(60 if timeout is None else timeout)
            raise queue.Empty
        return "the reply"


@pytest.mark.parametrize("timeout", [None, 20])
def test_a_reply_whose_wake_up_was_lost_is_found(timeout):
    channel = Deaf()
    kernel.listen_again(channel, every=0.02)
    assert asyncio.run(asyncio.wait_for(channel.get_msg(timeout=timeout), 10)) == "the reply"


def test_a_channel_without_a_message_is_left_when_the_time_is_up():
    channel = Deaf(after=10**6)
    kernel.listen_again(channel, every=0.02)
    with pytest.raises(queue.Empty):
        asyncio.run(asyncio.wait_for(channel.get_msg(timeout=0.1), 10))
    assert channel.asked >= 2


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return execute(notebook(PLANTED), "99_planted", cwd=tmp_path_factory.mktemp("planted"), limit=0.5)


@pytest.mark.slow
@pytest.mark.course
@pytest.mark.parametrize(
    "sentence",
    [
        "cell 2: Exception in thread Thread-",
        "ZeroDivisionError: division by zero",
        "KeyError: 'late'",
        "Output widget: KeyError: 'swallowed'",
        "cell 5: image/png with alt text of 0 characters",
        "cell 7: <img> without alt text in HTML",
        "cell 10: NetworkBlocked: the course runs without the network, and this cell asked for '192.0.2.1'",
    ],
)
def test_planted_failure_is_found(planted, sentence):
    assert any(sentence in problem for problem in planted.problems), planted.problems


@pytest.mark.slow
@pytest.mark.course
def test_planted_failures_are_all_that_is_found(planted):
    assert len(planted.problems) == 6, planted.problems
    assert [number for number, _ in planted.cells] == list(range(1, 11)), "the lesson ends at its first red cell"
    assert any(note.startswith("cell 8: 0.") for note in planted.notes)
    assert any("FutureWarning: soon gone" in note for note in planted.notes)
    assert [picture.alt for picture in planted.pictures] == ["", "one black pixel"]


@pytest.mark.slow
@pytest.mark.course
def test_a_sound_notebook_is_clean_and_loopback_is_open(tmp_path):
    import sys

    result = execute(notebook([*SOUND, "1 / 0"], {4: ["raises-exception"]}), "00_sound", cwd=tmp_path, strict_time=True)
    assert result.problems == []
    said = outputs.text_of(result.notebook.cells[3].outputs[0]["text"]).split()
    assert said == [sys.executable, str(tmp_path)]
    assert result.peak_mb > 10
    assert len(result.cells) == 5


@pytest.mark.slow
@pytest.mark.course
def test_slow_hung_and_dead_cells(tmp_path):
    slow = execute(notebook(["import time; time.sleep(0.3)"]), "slow", cwd=tmp_path, limit=0.2, strict_time=True)
    (problem,) = slow.problems  # how slow depends on the machine
    assert re.fullmatch(r"cell 1: \d+\.\d s, the limit is 0\.2 s", problem)
    hung = execute(notebook(["import time; time.sleep(60)"]), "hung", cwd=tmp_path, timeout=1)
    assert [p for p in hung.problems if "still running" in p]
    dead = execute(notebook(["import os; os._exit(3)", "2"]), "dead", cwd=tmp_path)
    assert [p for p in dead.problems if "lost its kernel" in p]


@pytest.mark.slow
@pytest.mark.course
def test_a_slow_cell_without_a_progress_bar_is_noted(tmp_path):
    quiet = "import time\ntime.sleep(0.4)"
    shown = "for _ in __import__('tqdm').tqdm(range(4), mininterval=0): time.sleep(0.1)"
    result = execute(notebook([quiet, "time.sleep(0.4)", shown]), "bars", cwd=tmp_path, bar_after=0.3)
    assert result.problems == []
    assert [note.split(":")[0] for note in result.notes] == ["cell 2"]
    assert "without a progress bar" in result.notes[0]


@pytest.fixture
def base(tmp_path, monkeypatch):
    (tmp_path / "lessons").mkdir()
    shutil.copy(TINY, tmp_path / "lessons")
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("COURSE_MODE", "smoke")
    return tmp_path


@pytest.mark.slow
@pytest.mark.course
def test_solved_edition_runs_and_reports(base, capsys):
    path = base / "lessons" / TINY.name
    scores = 'course.record(method="baseline", look="game", miou=0.5, steps=3)\ncourse.mode()'
    path.write_text(path.read_text().replace("\ncourse.mode()\n", f"\n{scores}\n"))
    course.record(method="old", look="game", miou=0.1, steps=1)
    assert run.main(["--root", str(base), "--record-times"]) == 0
    said = capsys.readouterr().out
    assert "[ 1/1] 02_tiny" in said
    assert "All 1 lessons ran clean." in said
    assert "baseline     game       3       50.0" in said
    assert "Smoke mode" in said
    assert [row["method"] for row in course.live()] == ["baseline"], "the table shows this run and no older one"
    executed = nbformat.read(base / "runs" / "notebooks" / "02_tiny.ipynb", as_version=4)
    assert any("'smoke'" in str(cell.get("outputs")) for cell in executed.cells)
    stamp = executed.metadata["gltr"]
    assert (stamp["mode"], stamp["clean"], stamp["date"]) == ("smoke", True, report.today())
    assert {"course", "python", "torch", "numpy"} <= set(stamp["versions"])
    times = json.loads((base / "runs" / "times.json").read_text())
    assert times["lessons"]["02_tiny"]["cells"]
    assert "smoke" in json.loads((base / "results" / "course_times.json").read_text())["02_tiny"]


@pytest.mark.slow
@pytest.mark.course
def test_student_edition_fails_only_in_its_checks(base, capsys):
    assert run.main(["--root", str(base), "--student"]) == 0
    assert "student edition" in capsys.readouterr().out
    text = (base / "runs" / "student" / "notebooks" / "02_tiny.ipynb").read_text()
    assert text.count("not yet (02-") == 3
    assert "The number 7, in black" in text, "later cells go on with the reference"


@pytest.mark.slow
@pytest.mark.course
def test_a_check_that_passes_a_stub_fails_the_student_edition(base, capsys):
    path = base / "lessons" / TINY.name
    path.write_text(path.read_text().replace('print(f"not yet ({identity}): {problem}")', "pass"))
    assert run.main(["--root", str(base), "--student"]) == 1
    assert "the check 02-double does not say 'not yet'" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.course
def test_a_wrong_solution_fails_the_solved_edition(base, capsys):
    path = base / "lessons" / TINY.name
    path.write_text(path.read_text().replace("return 3 * number", "raise RuntimeError('three')"))
    assert run.main(["--root", str(base)]) == 1
    said = capsys.readouterr().out
    assert "RuntimeError: three" in said
    assert "1 of 1 lessons failed: 02_tiny" in said


def test_choice_and_order_of_lessons(tmp_path):
    files = [tmp_path / f"{number:02d}_x.py" for number in range(10)]
    assert run.choose(files, ["02", "07_x"]) == [files[2], files[7]]
    shuffled = run.choose(files, shuffle=7)
    assert shuffled != files
    assert sorted(shuffled) == files
    assert shuffled == run.choose(files, shuffle=7)
    with pytest.raises(ValueError, match="no lesson begins with '12'; there are 00_x"):
        run.choose(files, ["12"])


@pytest.mark.parametrize("arguments", [["--only", "55"], []])
def test_wrong_calls_end_with_code_2(base, capsys, monkeypatch, arguments):
    if not arguments:
        monkeypatch.setenv("COURSE_MODE", "turbo")
    assert run.main(["--root", str(base), *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_guard_knows_loopback():
    # Imported by path: on sys.path it would guard this very process.
    source = (Path(course.__file__).parent / "guard" / "sitecustomize.py").read_text()
    space = {"__name__": "guard"}
    exec(compile(source.replace("sys.addaudithook(_hook)", ""), "guard", "exec"), space)
    local = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", "", None, b"localhost")
    assert all(map(space["is_local"], local))
    assert not any(map(space["is_local"], ("192.0.2.1", "example.org", "0.0.0.0", "::", "localhost.example.org")))


def test_study_stands_beside_the_live_run(tmp_path):
    (tmp_path / "results").mkdir()
    common = {"method": "baseline", "data": "streets/game", "metric": "mIoU-19", "tier": "headline", "family": "new"}
    common["config"] = {"steps": 2000}
    rows = [common | {"seed": seed, "value": value} for seed, value in [(0, 0.70), (1, 0.72)]]
    other = [{**common, "seed": 0, "value": 0.1, **change} for change in ({"family": "old"}, {"tier": "quick"})]
    rows = [*other, *rows, {**common, "seed": 0, "value": 0.2, "metric": "mIoU-11"}]
    (tmp_path / report.STUDY).write_text("".join(json.dumps(row) + "\n" for row in rows))
    live = [{"method": "baseline", "look": "game", "miou": 0.65, "steps": 300, "mode": "laptop"}]
    table = report.result_table(live, report.study(tmp_path))
    assert "65.0" in table
    assert "71.0 ± 1.4 (2 seeds)" in table
    assert report.study(tmp_path / "nowhere") == {}
    assert "No live scores" in report.result_table([], {})


STARTER = """
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "import os, time; print(os.getpid(), os.environ.get('COURSE_PARENT'), flush=True);"
     "time.sleep(99)"],
    env={**os.environ, "COURSE_PARENT": str(os.getpid())},
)
child.wait()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_kernel_ends_with_a_runner_that_was_killed_even_while_it_starts(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(kernel.GUARD)}
    runner = subprocess.Popen([sys.executable, "-c", STARTER], env=env, stdout=subprocess.PIPE, text=True)
    process, inherited = runner.stdout.readline().split()
    assert inherited == "None", "what a lesson starts must not look for the lesson's runner"
    assert Path(f"/proc/{process}").exists()
    runner.kill()
    runner.wait()
    end = time.monotonic() + 60

    def lives():
        try:
            return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    while lives() and time.monotonic() < end:
        time.sleep(0.05)
    assert not lives()
    orphan = subprocess.run([sys.executable, "-c", "import time; time.sleep(99)"], timeout=60,
                            env={**env, "COURSE_PARENT": str(runner.pid)})  # fmt: skip
    assert orphan.returncode == 1
    assert kernel.kernel_env(strict=True, faults=tmp_path / "f.txt")["COURSE_PARENT"] == str(os.getpid())
