"""Painters and paintings that are not shipped: found by their checksums, measured once, the same run everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib.config import TrainConfig
from gltr_lib.offline import build_bank
from gltr_lib.study import grid, painters, run
from gltr_lib.study.grid import Settings
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer

ROWS = ("gtr vgg19", "gtr real paintings")


@pytest.fixture
def paintings(tmp_path, monkeypatch):
    """A data root with three small paintings, which stand for the study's."""
    folder = tmp_path / "data" / painters.FOLDER
    folder.mkdir(parents=True)
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    monkeypatch.setenv("GLTR_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(painters, "FOLDER_SHA256", painters.folder_digest(folder))
    return folder


def test_without_data_both_rows_say_what_they_need(monkeypatch):
    monkeypatch.delenv("GLTR_DATA", raising=False)
    needs = {one.method: one.needs for one in grid.grid(Settings("ablations", only=ROWS))}
    assert all(f"{path} in GLTR_DATA" in needs["gtr vgg19"] for path in painters.VGG19_SHA256)
    assert needs["gtr real paintings"] == "paintings/public_domain in GLTR_DATA"
    with pytest.raises(ValueError, match="paintings-real: it needs paintings/public_domain in GLTR_DATA"):
        painters.bank(painters.REAL, Stylizer.untrained(), None)


def test_other_files_are_refused(paintings, tmp_path):
    assert painters.lacking(painters.REAL) == ""
    (paintings / "0.png").rename(paintings / "9.png")
    assert "others lie there: for GTR with a bank of them, --only gtr --set bank=FILE" in painters.lacking(
        painters.REAL
    )
    (own,) = grid.grid(Settings("ablations", seeds=1, only=("gtr",), overrides=("bank=mine.safetensors",)))
    assert (own.config.bank, own.needs) == ("mine.safetensors", ""), "what we tell them to do does it"
    weights = tmp_path / "data" / "weights"
    weights.mkdir()
    for path in painters.VGG19_SHA256:
        (tmp_path / "data" / path).write_bytes(b"no network")
    assert painters.lacking(painters.VGG19).count("another file lies there") == 2


def test_the_digest_knows_names_and_bytes(paintings):
    first = painters.folder_digest(paintings)
    assert painters.folder_digest(paintings) == first
    file = paintings / "1.png"
    file.write_bytes(file.read_bytes() + b"!")
    changed = painters.folder_digest(paintings)
    file.rename(paintings / "one.png")
    assert len({first, changed, painters.folder_digest(paintings)}) == 3


def test_a_definition_does_not_depend_on_where_the_files_lie_but_on_what_they_are(paintings, monkeypatch):
    def definitions():
        return {one.method: one.definition for one in grid.grid(Settings("ablations", seeds=1, only=(*ROWS, "gtr")))}

    here = definitions()
    monkeypatch.delenv("GLTR_DATA")
    assert definitions() == here
    assert len(set(here.values())) == 3
    for name in painters.CONTENT:
        with monkeypatch.context() as patch:
            patch.setitem(painters.CONTENT, name, "other files")
            grid.asset_digest.cache_clear()
            assert definitions() != here, name
        grid.asset_digest.cache_clear()


def test_real_paintings_are_measured_once_and_kept(paintings, tmp_path, monkeypatch):
    painter, cache = Stylizer.untrained(), tmp_path / "cache"
    first = painters.bank(painters.REAL, painter, cache)
    assert first.names == ("0", "1", "2")
    as_the_command, _ = build_bank(paintings, painter, longest=painters.LONGEST)
    assert torch.allclose(first.stats.mean, as_the_command.stats.mean, atol=2e-3)  # kept as float16
    assert len(list(cache.glob("paintings-real-*.safetensors"))) == 1
    monkeypatch.setattr(painters, "_measure", lambda *a: pytest.fail("measured twice"))
    again = painters.bank(painters.REAL, painter, cache)
    assert torch.equal(again.stats.mean, first.stats.mean)
    with pytest.raises(BaseException, match="measured twice"):
        painters.bank(painters.REAL, Stylizer.untrained(seed=1), cache)  # another painter's features are others
    with pytest.raises(ValueError, match="expected a stylizer"):
        painters.bank(painters.REAL, None, cache)


def test_a_painting_that_cannot_be_read_stops_the_row(paintings, tmp_path, monkeypatch):
    (paintings / "2.png").write_bytes(b"no picture")
    monkeypatch.setattr(painters, "FOLDER_SHA256", painters.folder_digest(paintings))
    with pytest.raises(ValueError, match=r"2\.png"):
        painters.bank(painters.REAL, Stylizer.untrained(), tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*.safetensors"))


def test_procedural_paintings_are_the_shipped_banks(tmp_path, monkeypatch):
    monkeypatch.setattr(painters, "COUNT", 3)
    found = painters.bank(painters.PROCEDURAL, Stylizer.load("mini"), tmp_path)
    shipped = StyleBank.load("paintings-mini")
    assert found.names == shipped.names[:3]
    assert torch.allclose(found.stats.mean, shipped.stats.mean[:3], atol=2e-3)
    assert torch.allclose(found.stats.std, shipped.stats.std[:3], atol=2e-3)


def test_a_run_gets_its_own_bank_and_others_the_shipped_one(paintings, tmp_path):
    rows = {one.method: one for one in grid.grid(Settings("ablations", seeds=1, only=(*ROWS, "gtr")))}
    stylizer, bank = run.styles_for(rows["gtr real paintings"].config, torch.device("cpu"), tmp_path)
    assert (len(bank), stylizer.name) == (3, "mini")
    assert len(run.styles_for(rows["gtr"].config, torch.device("cpu"), tmp_path)[1]) == 512
    assert run.styles_for(TrainConfig("baseline"), torch.device("cpu"), tmp_path) == (None, None)
