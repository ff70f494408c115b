"""The ledger refuses incomplete rows, survives several writers and a torn line, and renders tables that are true."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from gltr_lib import ledger


def row(**changes):
    base = {
        "method": "gtr", "seed": 0, "commit": "abc", "protocol": "mIoU-19 @ full size", "metric": "mIoU-19",
        "value": 0.5, "data": "streets/game", "config": {"steps": 1}, "device": "cpu", "wall_seconds": 1.0,
        "date": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return base | changes


def test_append_and_read_give_the_row_back(tmp_path):
    ledger.append(tmp_path / "new" / "l.jsonl", row(per_class={"road": None}))
    assert ledger.read(tmp_path / "new" / "l.jsonl") == [row(per_class={"road": None})]


def test_a_missing_file_has_no_rows(tmp_path):
    assert ledger.read(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("name", list(ledger.FIELDS))
def test_every_field_is_required(tmp_path, name):
    broken = row()
    del broken[name]
    with pytest.raises(ValueError, match=name):
        ledger.append(tmp_path / "l.jsonl", broken)
    assert not (tmp_path / "l.jsonl").exists()


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_numbers_of_numpy_and_torch_are_written_as_pythons_own(tmp_path, kind):
    make = {"numpy": lambda number, name: getattr(np, name)(number),
            "torch": lambda number, name: torch.tensor(number, dtype=getattr(torch, name))}[kind]  # fmt: skip
    more = {"per_class": [make(0.5, "float32"), None], "open": make(1, "bool"), "config": {"steps": make(5, "int32")}}
    given = row(seed=make(3, "int64"), value=make(0.25, "float32"), wall_seconds=make(2, "int32"), **more)
    ledger.append(tmp_path / "l.jsonl", given)
    plain = {"per_class": [0.5, None], "open": True, "config": {"steps": 5}}
    assert ledger.read(tmp_path / "l.jsonl") == [row(seed=3, value=0.25, wall_seconds=2, **plain)]
    nan = make(float("nan"), "float32")
    for wrong, error in (({"seed": make(0.5, "float32")}, TypeError), ({"seed": make(1, "bool")}, TypeError),
                         ({"per_class": [make(1j, "complex64")]}, TypeError), ({"value": nan}, ValueError),
                         ({"per_class": [nan]}, ValueError)):  # fmt: skip
        with pytest.raises(error):
            ledger.append(tmp_path / "l.jsonl", row(**wrong))
    assert len(ledger.read(tmp_path / "l.jsonl")) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"value": float("nan")}, ValueError),
        ({"value": True}, TypeError),
        ({"value": None}, TypeError),
        ({"seed": "0"}, TypeError),
        ({"seed": -1}, ValueError),
        ({"wall_seconds": -1.0}, ValueError),
        ({"method": " "}, ValueError),
        ({"date": "yesterday"}, ValueError),
        ({"config": "steps=1"}, TypeError),
        ({"per_class": [float("nan")]}, ValueError),
        ({"extra": object()}, TypeError),
    ],
)
def test_unusable_values_are_refused_and_nothing_is_written(tmp_path, changes, error):
    named = (
        "ledger row|JSON" if {"per_class", "extra"} & set(changes) else f"'{next(iter(changes))}': expected .* received"
    )
    with pytest.raises(error, match=named):
        ledger.append(tmp_path / "l.jsonl", row(**changes))
    assert not (tmp_path / "l.jsonl").exists()


def test_a_torn_last_line_is_reported_and_the_next_row_stays_whole(tmp_path):
    path = tmp_path / "l.jsonl"
    ledger.append(path, row(seed=0))
    with path.open("ab") as handle:
        handle.write(b'{"method": "gtr", "se')
    with pytest.warns(ledger.LedgerWarning, match="line 2"):
        assert [r["seed"] for r in ledger.read(path)] == [0]
    ledger.append(path, row(seed=1))
    with pytest.warns(ledger.LedgerWarning, match="line 2"):
        assert [r["seed"] for r in ledger.read(path)] == [0, 1]


@pytest.mark.parametrize("line", [b"[1, 2]", b"\xff\xfe", b"nonsense"])
def test_foreign_lines_are_reported_not_returned(tmp_path, line):
    path = tmp_path / "l.jsonl"
    path.write_bytes(line + b"\n")
    rows, bad = ledger.scan(path)
    assert rows == []
    assert len(bad) == 1


@pytest.mark.slow
def test_concurrent_writers_lose_nothing(tmp_path):
    path = tmp_path / "l.jsonl"
    code = (
        "import json, sys; from gltr_lib import ledger\n"
        "base = json.loads(sys.argv[2])\n"
        "for i in range(60): ledger.append(sys.argv[1], base | {'seed': int(sys.argv[3]) + i, 'pad': 'x' * 9000})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), json.dumps(row()), str(1000 * n)]) for n in range(4)
    ]
    assert [w.wait(timeout=120) for w in writers] == [0] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = ledger.read(path)
    assert sorted(r["seed"] for r in rows) == sorted(1000 * n + i for n in range(4) for i in range(60))


def test_find_takes_values_functions_and_choices():
    rows = [row(seed=0), row(seed=1), row(seed=2, method="baseline")]
    assert len(ledger.find(rows, method="gtr")) == 2
    assert len(ledger.find(rows, seed=lambda s: s > 0)) == 2
    assert len(ledger.find(rows, seed=(0, 2))) == 2
    assert ledger.find(rows, nothing=1) == []


def test_summary_is_the_sample_deviation_and_the_newest_row_counts():
    rows = [row(seed=0, value=0.9), row(seed=1, value=0.4), row(seed=0, value=0.2)]
    cell = ledger.summarise(rows)[("gtr", "streets/game")]
    assert cell.n == 2
    assert cell.mean == pytest.approx(0.3)
    assert cell.sd == pytest.approx(0.2 / 2**0.5)


def test_table_shows_what_did_not_run():
    text = ledger.table([row()], methods=["gtr", "oracle"], columns=["streets/game", "streets/sun"])
    assert "| gtr | 50.0 | not run | 1 |" in text
    assert "| oracle | not run | not run | 0 |" in text


def test_table_counts_seeds_over_the_cells_that_are_there_and_keeps_methods_of_one_name_apart():
    rows = [row(), row(seed=1, value=0.25), row(data="streets/sun", value=1.0), row(method="old", value=0.125)]
    text = ledger.table(
        rows, methods=["gtr", "old"], columns=["streets/game", "streets/fog", "streets/sun"],
        method_names={"gtr": "GTR", "old": "GTR"}, column_names={"streets/fog": "fog"}, scale=1.0, digits=3,
    )  # fmt: skip
    assert text.splitlines() == [
        "| method | streets/game | fog | streets/sun | seeds |", "|---|---:|---:|---:|---:|",
        "| GTR | 0.375 ± 0.177 | not run | 1.000 | 1-2 |", "| GTR | 0.125 | not run | not run | 1 |",
    ]  # fmt: skip


def test_table_refuses_to_mix_protocols():
    with pytest.raises(ValueError, match="protocol"):
        ledger.table([row(), row(seed=1, protocol="other")], methods=["gtr"], columns=["streets/game"])


def test_table_refuses_to_mix_windows_with_whole_pictures():
    rows = [row(), row(seed=1, inference="whole picture")]  # older rows do not say it: they looked at whole pictures
    assert "| 2 |" in ledger.table(rows, methods=["gtr"], columns=["streets/game"])
    slid = row(seed=2, inference="sliding windows 768x768, overlap 1/3")
    with pytest.raises(ValueError, match="one inference"):
        ledger.table([*rows, slid], methods=["gtr"], columns=["streets/game"])


def test_replace_between_changes_only_what_is_between(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- table:x -->\nold\n<!-- /table:x -->\nafter\n")
    assert ledger.replace_between(path, "table:x", "new | table")
    assert path.read_text() == "before\n<!-- table:x -->\nnew | table\n<!-- /table:x -->\nafter\n"
    assert ledger.between(path, "table:x") == "new | table"
    assert not ledger.replace_between(path, "table:x", "new | table")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["nothing", "<!-- table:x -->", "<!-- /table:x --> <!-- table:x -->"])
def test_missing_or_swapped_markers_are_an_error(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="table:x"):
        ledger.replace_between(path, "table:x", "new")
    assert path.read_text() == text


def test_commit_says_dirty_but_not_for_results(tmp_path, monkeypatch):
    monkeypatch.delenv("GLTR_COMMIT", raising=False)

    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "results").mkdir()
    for name in ("code.py", "results/l.jsonl"):
        (tmp_path / name).write_text("1")
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    clean = ledger.git_commit(tmp_path)
    assert len(clean) == 12
    (tmp_path / "results" / "l.jsonl").write_text("2")
    assert ledger.git_commit(tmp_path) == clean
    (tmp_path / "code.py").write_text("2")
    assert ledger.git_commit(tmp_path) == clean + "-dirty"


def test_commit_of_a_copy_without_history(tmp_path, monkeypatch):
    monkeypatch.setenv("GLTR_COMMIT", "abc123")
    assert ledger.git_commit(tmp_path) == "abc123"


def test_numbers_turn_nan_into_null():
    assert ledger.numbers([0.5, float("nan")]) == [0.5, None]


def test_device_name_tells_processor_and_threads():
    assert ledger.device_name("cpu").startswith("cpu: ")
    assert "threads" in ledger.device_name("cpu")


def test_appending_needs_nothing_that_windows_lacks(tmp_path, monkeypatch):
    monkeypatch.delattr(ledger.os, "pread", raising=False)
    path = tmp_path / "l.jsonl"
    for seed in range(3):
        ledger.append(path, row(seed=seed))
    assert [one["seed"] for one in ledger.read(path)] == [0, 1, 2]
    assert path.read_bytes().count(b"\n") == 3


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "l.jsonl"
    ledger.append(path, row())
    before = path.read_bytes()
    written = []

    def full(descriptor, data, real=os.write):
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(real(descriptor, data[:40]))
        return written[0]

    with monkeypatch.context() as patch:
        patch.setattr(ledger.os, "write", full)
        with pytest.raises(OSError, match="No space left") as caught:
            ledger.append(path, row(seed=1))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert written == [40]
    assert path.read_bytes() == before
    ledger.append(path, row(seed=1))
    assert [one["seed"] for one in ledger.read(path)] == [0, 1]


def test_lines_that_nobody_would_write_are_reported_and_rows_are_held_to_floats(tmp_path):
    path = tmp_path / "a.jsonl"
    ledger.append(path, row())
    with path.open("ab") as file:
        file.write(b"[" * 100_000 + b"\n" + b'{"a":' * 100_000 + b"\n\xff\xfe\n[]\n")
    rows, bad = ledger.scan(path)
    assert len(rows) == 1
    assert [problem.split(":")[0] for problem in bad] == [f"{path}, line {number}" for number in (2, 3, 4, 5)]
    for value in (10**400, float("nan"), 1e301):
        with pytest.raises(ValueError, match="'value'"):
            ledger.validate(row(value=value))
    with pytest.raises(TypeError, match="'method'") as caught:
        ledger.validate(row(method=["x" * 5000]))
    assert len(str(caught.value)) < 200
