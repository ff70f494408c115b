"""What a run writes down while it trains: rows, their resume, TensorBoard's events, sheets of pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib.scale.logs import COLUMNS, Log, read_records, sheet


def row(step, loss):
    return dict.fromkeys(COLUMNS, 1.0) | {"step": step, "loss": loss}


def test_a_resumed_log_is_the_log_of_an_undisturbed_run(tmp_path):
    for folder, sittings in (
        (tmp_path / "straight", [(0, [2, 4, 6])]),
        (tmp_path / "torn", [(0, [2, 4]), (2, [4, 6])]),
    ):
        for first, steps in sittings:
            log = Log(folder, first)
            for step in steps:
                log.row(row(step, 1 / step))
            log.close()
    straight, torn = ((tmp_path / name / "log.csv").read_text() for name in ("straight", "torn"))
    assert straight == torn
    assert straight.splitlines()[0] == ",".join(COLUMNS)
    assert [record["step"] for record in read_records(tmp_path / "torn" / "log.jsonl")] == [2, 4, 6]


def test_a_torn_line_is_left_out(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert read_records(tmp_path / "log.jsonl") == [{"step": 1, "loss": 2.0}]


@pytest.mark.slow
def test_tensorboard_reads_what_was_logged(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = Log(tmp_path)
    for step in (1, 2, 3):
        log.row(row(step, 10.0 / step))
    log.record({"step": 3, "val_miou": 0.25, "val_iou": [0.1, None]})
    log.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, pytest.approx(e.value)) for e in events.Scalars("loss")] == [(1, 10.0), (2, 5.0), (3, 10 / 3)]
    assert events.Scalars("val_miou")[0].value == pytest.approx(0.25)


def test_without_tensorboard_it_says_so_once_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = Log(tmp_path, loud=True)
    log.row(row(1, 1.0))
    log.close()
    assert capsys.readouterr().err.count("TensorBoard is not installed") == 1
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2


def test_a_sheet_shows_pictures_and_coloured_labels(tmp_path):
    labels = torch.zeros(2, 6, 10, dtype=torch.long)
    labels[:, :3] = 255
    path = sheet({"source": torch.ones(2, 3, 6, 10), "ground truth": labels}, tmp_path / "deep" / "sheet.png")
    pixels = np.array(Image.open(path))
    assert pixels.shape[1] == 2 * (10 + 2) - 2
    assert {tuple(p) for p in pixels[-6:, -10:].reshape(-1, 3)} == {(0, 0, 0), (134, 73, 145)}
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_full_disk_is_named_with_the_file(tmp_path, name):
    """The system's own words name no file, and from another process they would come without their number."""
    log = Log(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(OSError, match=rf"^\S*{name}: the disk is full; free some space and call this again"):
        log.row({"step": 1, "loss": 1.0})
    log.close()
