"""The campaign of bad input must be able to fail: each kind of loss is planted once, and found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.torture import caught, corpus, fuzz, judge, mutate, values
from tests.torture.judge import Outcome
from tests.torture.tally import Tally
from tests.torture.values import Spec

ROOT = Path(__file__).resolve().parents[1]
ONE_LINE = Outcome(1, err="gltr: stylize: x.png: no such file; give another\n")


def test_a_line_that_names_the_thing_is_no_loss():
    assert judge.command(ONE_LINE, ["x.png"], "refuse") == ""
    assert judge.command(Outcome(0, out="wrote x"), ["x.png"], "accept") == ""
    assert judge.function(Outcome(error=ValueError("size: expected 2 numbers, received 3")), ["size"], "refuse") == ""
    noted = Outcome(1, out="1 stylised", err="gltr: note: an odd thing\nrefused a.png: empty\n")
    assert judge.command(noted, ["a.png"]) == ""


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(1, err=f"{judge.TRACEBACK}:\n  ...\nValueError: x.png\n"), "a traceback"),
        (Outcome(0, out=f"{judge.TRACEBACK} x.png"), "a traceback"),
        (Outcome(error=KeyError("x.png")), "KeyError escaped"),
        (Outcome(hung=True, seconds=31), "hung"),
        (Outcome(1, seconds=99), "hung"),
        (Outcome(3, err="gltr: x.png\n"), "exit code 3"),
        (Outcome(1, err="gltr: x.png: bad\ngltr: x.png: very bad\n"), "2 lines of error"),
        (Outcome(1, err="gltr: x.png: bad\nand more of it\n"), "neither an error nor a note"),
        (Outcome(1, err="place.py:3: RuntimeWarning: x.png\n"), "neither an error nor a note"),
        (Outcome(1), "without a word"),
        (Outcome(1, err="gltr: something is wrong\n"), "names none of x.png"),
        (Outcome(0, out="fine"), "accepted what should be refused"),
        (Outcome(0, err="error: x.png\n"), "exit code 0, yet"),
        (Outcome(1, err="gltr: x.png\n", grown=9_999), "memory grew"),
    ],
)
def test_planted_losses_of_commands(outcome, words):
    assert words in judge.command(outcome, ["x.png"], "refuse")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AttributeError("'NoneType' object has no attribute 'shape'"), "AttributeError, expected"),
        (RecursionError("size"), "RecursionError, expected"),
        (ValueError("size: one\ntwo"), "a message of 2 lines"),
        (ValueError(""), "without a word"),
        (ValueError("size" * 1000), "4,000 characters"),
        (TypeError("size: '<' not supported between instances of 'str' and 'int'"), "the words of Python"),
        (ValueError("something is wrong"), "names none of size"),
    ],
)
def test_planted_losses_of_functions(error, words):
    assert words in judge.function(Outcome(error=error), ["size"])


def test_right_refusals_of_good_files_are_losses_too():
    assert "refused what should be accepted" in judge.command(ONE_LINE, ["x.png"], "accept")
    assert "refused what should be accepted" in judge.function(Outcome(error=ValueError("x.png")), ["x.png"], "accept")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".a.png.host-1-2.tmp", b"x"), ("a.part", b"x"), ("a.png", b"\x89PNG\r\n\x1a\nhalf"), ("manifest.json",
        b'{"done": {'),
        ("bank.safetensors", b"\x80\0\0\0\0\0\0\0{"), ("empty.bin", b""),
    ],
)  # fmt: skip
def test_planted_half_written_files(tmp_path, name, content):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "good.png")
    assert judge.left_behind(tmp_path) == ""
    (tmp_path / name).write_bytes(content)
    assert name in judge.left_behind(tmp_path)


def test_planted_silent_skip():
    assert judge.skipped(["a.png", "b.png"], ["a.png"], {"b.png": "empty"}) == ""
    assert judge.skipped(["a.png", "b.png"], ["a.png"], {}) == "skipped in silence: b.png"


def test_planted_change_of_a_folder_that_is_only_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    before = judge.snapshot(tmp_path)
    assert judge.changed(before, judge.snapshot(tmp_path)) == ""
    (tmp_path / "b.png").write_bytes(b"y")
    assert "b.png" in judge.changed(before, judge.snapshot(tmp_path))


def test_a_hang_is_stopped_and_said():
    outcome, _ = caught.call(lambda: time.sleep(5), limit=0.1)
    assert outcome.hung
    assert outcome.seconds < 3
    assert "hung" in judge.function(outcome)


def test_one_long_call_in_c_hangs_too():
    # Python hears no alarm before the call returns.
    outcome, _ = caught.call(lambda: sum(range(20_000_000)), limit=0.05, dump=False)
    assert outcome.seconds > 0.1
    assert "hung" in judge.function(outcome, limit=0.05)


STOPPED = """
import os, signal, subprocess, sys, time
from tests.torture import caught, judge

def slow():
    # Somebody stops this process for longer than the limit and lets it go on; its own clock never sees that.
    keeper = "import os, signal, time; time.sleep(0.2); os.kill({0}, signal.SIGSTOP); time.sleep(4.5); "
    keeper = (keeper + "os.kill({0}, signal.SIGCONT)").format(os.getpid())
    with subprocess.Popen([sys.executable, "-c", keeper]) as process:
        process.wait()

began = time.perf_counter()
outcome, _ = caught.call(slow, limit=4.0)
print(time.perf_counter() - began > 4.5, judge.function(outcome, ("slow",), limit=4.0))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nobody can be stopped here")
def test_who_was_stopped_by_others_does_not_hang():
    done = subprocess.run(
        [sys.executable, "-c", STOPPED],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.split() == ["True"], done.stdout + done.stderr


def test_where_the_library_is_closed_to_others_no_child_without_rights_is_asked(tmp_path, monkeypatch):
    closed = tmp_path / "home" / "project"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    monkeypatch.setattr(caught, "ROOT", closed)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert caught.as_nobody(lambda: Outcome(0)) is None


def test_what_a_command_prints_raises_and_returns():
    def loud():
        print("out")
        raise SystemExit("said by Python")

    outcome = caught.command(loud)
    assert (outcome.code, outcome.out, outcome.err) == (1, "out\n", "said by Python\n")
    assert caught.command(lambda: 2).code == 2
    assert isinstance(caught.command(lambda: [][0]).error, IndexError)
    surrogate = caught.command(lambda: print("\udce9"))
    assert isinstance(surrogate.error, UnicodeEncodeError)  # as a terminal would


def test_hostile_values_find_a_function_that_checks_nothing(tmp_path, monkeypatch):
    def careless(size: int) -> int:
        return size.bit_length() if isinstance(size, int) else size.nothing

    def careful(size: int) -> int:
        if not isinstance(size, int):
            raise TypeError("size: expected a whole number")
        return size

    tallies = {}
    for name, function in (("careless", careless), ("careful", careful)):
        monkeypatch.setattr(values, "table", lambda _, f=function, n=name: [Spec(n, f, {"size": 3})])
        tallies[name] = Tally(name)
        values.run(tmp_path, tallies[name], short=False)
    assert tallies["careless"].lost > 20
    assert "AttributeError" in " ".join(tallies["careless"].losses)
    assert tallies["careful"].lost == 0
    assert tallies["careful"].tried > 20


def test_fuzzing_finds_a_planted_parser_and_makes_its_file_again(tmp_path):
    def careless(path):
        return path.read_bytes().decode("ascii", "strict").split("=")[1]

    parser = fuzz.Parser("careless", [b"a=1"], careless, ".txt")
    tally = Tally("careless")
    for index in range(60):
        fuzz._one(parser, tally, tmp_path, 3, index)
    assert tally.lost > 5
    assert fuzz.case(parser, 3, 7) == fuzz.case(parser, 3, 7)
    assert len({fuzz.case(parser, seed, 7) for seed in range(9)}) > 4


def test_changes_are_bounded_and_of_every_kind():
    rng = np.random.default_rng(0)
    data = b'{"a": 12, "b": [1, 2]}' * 30
    for kind in mutate.KINDS:
        assert any(kind(data, rng, [b"xyz"]) != data for _ in range(5)), kind
        assert isinstance(kind(b"", rng, []), bytes)
    assert all(len(mutate.mutated(data, rng)) <= mutate.MOST_BYTES for _ in range(200))


def test_the_corpus_is_the_same_for_one_seed_and_large(tmp_path):
    one, two = (corpus.build(tmp_path / name, 5) for name in ("one", "two"))
    assert len(one) > 400
    assert [(c.kind, c.path.name, c.expect, c.about) for c in one] == [
        (c.kind, c.path.name, c.expect, c.about) for c in two
    ]
    kinds = {
        "picture", "label", "folder", "pairs", "tree", "archive", "weights", "network", "bank", "checkpoint", "list",
        "ledger", "manifest", "registry",
    }  # fmt: skip
    assert kinds <= {case.kind for case in one}
    assert {case.expect for case in one} == {"accept", "refuse", "either"}
    for first, second in zip(corpus.of(one, "picture", "label"), corpus.of(two, "picture", "label"), strict=True):
        if first.path.suffix != ".tif":  # Pillow leaves whatever was there in the gaps of a TIFF
            assert first.path.read_bytes() == second.path.read_bytes()
    assert not list(tmp_path.rglob("code-was-run"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_without_rights_answers(monkeypatch):
    monkeypatch.setattr(caught, "ROOT", Path("/"))  # open to all, wherever this lies
    outcome = caught.as_nobody(lambda: Outcome(1, "out", f"gltr: {os.geteuid()}\n"))
    assert outcome is not None
    assert (outcome.code, outcome.out) == (1, "out")
    assert outcome.err != "gltr: 0\n"
