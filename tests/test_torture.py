"""The campaign's counts and its command: what it prints, what it keeps, and that a loss is an exit code."""

import json
import sys
import types

import pytest

from tests.torture import __main__ as campaign
from tests.torture.tally import MOST_LOSSES, Tally, table


def test_counts_add_up_and_losses_are_shown():
    kills = Tally("kill: stylize")
    kills.survive(injected=True)
    kills.survive(injected=True, refused=True)
    kills.lose("a half-written\nfile", injected=True)
    disk = Tally("full disk", skipped="no right to mount here")
    assert (kills.tried, kills.injected, kills.refused, kills.survived, kills.lost) == (3, 3, 1, 2, 1)
    said = table([kills, disk]).splitlines()
    assert said[1].split()[2:7] == ["3", "3", "1", "2", "1"]
    assert said[3].split()[:6] == ["total", "3", "3", "1", "2", "1"]
    assert "LOST: kill: stylize: a half-written file" in said
    assert "skipped: full disk: no right to mount here" in said


def test_all_losses_are_counted_and_some_are_kept():
    tally = Tally("many")
    for number in range(3 * MOST_LOSSES):
        tally.lose(f"case {number}")
    assert tally.lost == 3 * MOST_LOSSES
    assert len(tally.losses) == MOST_LOSSES


@pytest.fixture
def parts(monkeypatch):
    """Two parts that need no time; the second answers what ``parts`` holds."""
    answers = {"inputs": Tally("fine", tried=2, survived=2), "faults": Tally("second", tried=1, survived=1)}
    folders = []
    for name in answers:
        module = types.ModuleType(f"tests.torture.{name}")
        module.run = lambda folder, short, seed, name=name: folders.append(folder) or [answers[name]]
        monkeypatch.setitem(sys.modules, f"tests.torture.{name}", module)
        monkeypatch.setattr("tests.torture." + name, module, raising=False)
    answers["folders"] = folders
    return answers


def call(monkeypatch, tmp_path, *words):
    monkeypatch.setattr(sys, "argv", ["torture", "--out", str(tmp_path), "--only", "inputs,faults", *words])
    return campaign.main()


def test_a_campaign_without_loss_ends_well(parts, monkeypatch, tmp_path, capsys):
    assert call(monkeypatch, tmp_path, "--short") == 0
    assert "3 cases in 0 s, 0 lost" in capsys.readouterr().out
    kept = json.loads((tmp_path / "torture.json").read_text())
    assert kept["short"] is True
    assert [part["lost"] for part in kept["parts"]] == [0, 0]
    assert not any(folder.exists() for folder in parts["folders"]), "its files are gone"


def test_one_loss_is_an_exit_code(parts, monkeypatch, tmp_path, capsys):
    parts["faults"].lose("a traceback")
    assert call(monkeypatch, tmp_path) == 1
    assert "LOST: second: a traceback" in capsys.readouterr().out


def test_what_was_counted_is_kept_when_a_later_part_is_broken_off(parts, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["tests.torture.faults"], "run", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call(monkeypatch, tmp_path)
    kept = json.loads((tmp_path / "torture.json").read_text())
    assert [part["name"] for part in kept["parts"]] == ["fine"]


def test_an_unknown_part_is_refused_with_the_names(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["torture", "--only", "magic"])
    with pytest.raises(SystemExit) as stop:
        campaign.main()
    assert stop.value.code == 2
    assert "no part magic; valid: inputs, fuzz, faults, load" in capsys.readouterr().err


def test_every_part_is_a_module():
    for name in campaign.PARTS:
        assert (campaign.Path(campaign.__file__).parent / f"{name}.py").is_file(), name
