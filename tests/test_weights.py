"""Weights: names, checksums, refusals, and the size of what ships. How models ship is in test_models."""

import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gltr_lib import _drafts, weights
from tests.test_drafts import orphan_of


@pytest.fixture
def assets(tmp_path):
    """A folder of assets with one registered file."""
    save_file({"w": torch.arange(6.0).view(2, 3)}, tmp_path / "made.safetensors", metadata={"step": "9"})
    folder = tmp_path / "assets"
    weights.register("one", tmp_path / "made.safetensors", kind="model", recipe="by hand", assets=folder)
    return folder


def test_a_registered_file_loads_with_its_header_and_its_entry(assets):
    state, found = weights.load("one", assets=assets)
    assert torch.equal(state["w"], torch.arange(6.0).view(2, 3))
    assert (found["step"], found["recipe"], found["licence"], found["kind"]) == ("9", "by hand", "MIT", "model")
    assert sorted(p.name for p in assets.iterdir()) == ["one.safetensors", "registry.json"]


def test_drafts_of_a_killed_registration_go_with_the_next(assets, tmp_path):
    file = tmp_path / "b.safetensors"
    save_file({"x": torch.ones(2)}, file)
    left = [orphan_of(assets / "b.safetensors"), orphan_of(assets / "registry.json")]
    weights.register("b", file, kind="model", assets=assets)
    assert not any(path.exists() for path in left)
    assert not [path for path in assets.iterdir() if path.name.endswith(".tmp")]


def test_registering_again_replaces_and_keeps_the_others(assets, tmp_path):
    save_file({"v": torch.ones(1)}, tmp_path / "other.safetensors")
    weights.register("two", tmp_path / "other.safetensors", kind="stylizer", metadata={"seed": 3}, assets=assets)
    weights.register("one", tmp_path / "other.safetensors", kind="style_bank", assets=assets)
    assert weights.names(assets=assets) == ["one", "two"]
    assert weights.names("stylizer", assets=assets) == ["two"]
    assert weights.names("model", assets=assets) == []
    assert list(weights.load("one", assets=assets)[0]) == ["v"]
    assert weights.load("two", assets=assets)[1]["seed"] == 3


def test_unknown_names_and_kinds_list_the_valid_ones(assets):
    with pytest.raises(ValueError, match=r"'three'.*valid: one"):
        weights.load("three", assets=assets)
    with pytest.raises(ValueError, match=r"'mini'.*mini-stylizer.*paintings-mini"):
        weights.path("mini")
    with pytest.raises(ValueError, match=r"'bank'.*stylizer, style_bank, model"):
        weights.names("bank")
    with pytest.raises(ValueError, match="valid"):
        weights.register("x", "x.safetensors", kind="bank", assets=assets)


def test_a_wrong_checksum_is_refused(assets):
    file = assets / "one.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # one bit of the last number
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"one\.safetensors: checksum [0-9a-f]{12}.*expected.*reinstall"):
        weights.load("one", assets=assets)


def test_a_missing_file_and_one_outside_the_folder_are_refused(assets):
    table = json.loads((assets / "registry.json").read_text())
    table["one"]["file"] = "../made.safetensors"
    (assets / "registry.json").write_text(json.dumps(table))
    with pytest.raises(ValueError, match="outside"):
        weights.load("one", assets=assets)
    table["one"]["file"] = "gone.safetensors"
    (assets / "registry.json").write_text(json.dumps(table))
    for kind in (FileNotFoundError, ValueError):
        with pytest.raises(kind, match=r"gone\.safetensors.*reinstall"):
            weights.load("one", assets=assets)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_registry_is_named(assets, text):
    (assets / "registry.json").write_text(text)
    with pytest.raises(ValueError, match=r"registry\.json"):
        weights.names(assets=assets)


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a\nb", "a\x1b[31m", "\udcff", "x" * 190])
def test_a_name_that_the_registry_would_refuse_is_not_registered(assets, tmp_path, name):
    with pytest.raises(ValueError, match="plain name") as caught:
        weights.register(name, tmp_path / "made.safetensors", kind="model", assets=assets)
    assert str(caught.value).isprintable()
    assert weights.names(assets=assets) == ["one"]
    weights.register("x" * 188, tmp_path / "made.safetensors", kind="model", assets=assets)
    assert len(weights.names(assets=assets)) == 2


def test_only_safetensors_are_registered(assets, tmp_path):
    torch.save({"w": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="not a readable safetensors"):
        weights.register("w", tmp_path / "w.pth", kind="model", assets=assets)
    assert weights.names(assets=assets) == ["one"]


def test_other_peoples_files_load_plain_and_wrapped(tmp_path):
    state = {"w": torch.arange(3.0)}
    torch.save(state, tmp_path / "plain.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "wrapped.pt")
    save_file(state, tmp_path / "safe.safetensors")
    for name in ("plain.pth", "wrapped.pt", "safe.safetensors"):
        assert torch.equal(weights.load_file(tmp_path / name)["w"], state["w"])


class Mischief:
    """Pickled code: whoever unpickles it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_weights_file_is_not_run(tmp_path):
    proof = tmp_path / "it-ran"
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Mischief(proof)))
    torch.save({"w": Mischief(proof)}, tmp_path / "evil2.pth")
    for name in ("evil.pth", "evil2.pth"):
        with pytest.raises(ValueError, match=name):
            weights.load_file(tmp_path / name)
    assert not proof.exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 cut"])
def test_files_that_are_not_weights_are_refused_by_name(tmp_path, content):
    for name in ("bad.pth", "bad.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            weights.load_file(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="state dict"):
        weights.load_file(tmp_path / "list.pth")
    for kind in (FileNotFoundError, ValueError):
        with pytest.raises(kind, match="nowhere"):
            weights.load_file(tmp_path / "nowhere.pth")


def test_what_is_shipped_is_registered_intact_and_small():
    table = weights.registry()
    assert {"mini-stylizer", "paintings-mini"} <= set(table)
    for name, entry in table.items():
        file = weights.path(name)
        assert file.stat().st_size == entry["bytes"] <= 2_000_000
        assert weights.sha256(file) == entry["sha256"]
        assert entry["kind"] in weights.KINDS
        assert entry["licence"]
        assert entry["recipe"]
    strays = {p.name for p in weights.ASSETS.iterdir()} - {e["file"] for e in table.values()} - {"registry.json"}
    assert strays == set()


def test_a_written_file_is_for_everybody_and_a_full_disk_leaves_the_old_one(tmp_path, monkeypatch):
    path = weights.save_safetensors({"a": torch.zeros(2)}, tmp_path / "new" / "a.safetensors", {"key": "value"})
    before = os.umask(0)
    os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~before  # a cluster's colleagues read it too
    assert weights.load_safetensors(path)[1] == {"key": "value"}

    def full_disk(self, data, real=Path.write_bytes):
        real(self, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        weights.save_safetensors({"a": torch.ones(2)}, path)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["a.safetensors"]
    assert weights.load_file(path)["a"].tolist() == [0, 0]


def test_the_draft_of_a_killed_writer_goes_with_the_next_write(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    orphan = tmp_path / f".a.safetensors.{_drafts._HOST}-{process.pid}-1.tmp"
    orphan.write_bytes(b"half")
    weights.save_safetensors({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize(
    "table",
    [
        "[" * 100_000, '{"a": []}', '{"a": null}', '{"a": {}}', '{"a": {"file": 5, "sha256": "x"}}',
        '{"a": {"file": "x", "sha256": null}}', '{"a": {"file": "' + "x" * 5000 + '", "sha256": "y"}}',
        '{"a": {"file": "x", "sha256": "y", "metadata": [1]}}',
    ],
)  # fmt: skip
def test_an_edited_registry_is_named(tmp_path, table):
    (tmp_path / "registry.json").write_text(table)
    for call in (weights.registry, weights.names, lambda assets: weights.load("a", assets=assets)):
        with pytest.raises(ValueError, match=r"registry\.json: ") as caught:
            call(assets=tmp_path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 1000


def test_a_name_that_no_file_has_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="file: expected the name of a file"):
        weights.save_safetensors({"a": torch.ones(1)}, "")
    with pytest.raises(ValueError, match="tensors: expected"):
        weights.save_safetensors({"a": 5}, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("claim", [10**9, 2**32 - 2])
def test_a_file_that_claims_more_numbers_than_it_holds_is_given_no_memory(tmp_path, claim, monkeypatch):
    from gltr_lib._run import read_checkpoint

    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(4)}, path)
    assert weights.load_file(path)["a"].tolist() == [1, 1, 1, 1]
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(mark)
        data[at + place : at + place + 4] = claim.to_bytes(4, "little")
    path.write_bytes(bytes(data))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch was asked"))
    for read in (weights.load_file, lambda p: read_checkpoint(p, "cpu")):
        with pytest.raises(ValueError, match=r"a\.pth: claims .* bytes of numbers"):
            read(path)


def test_an_end_that_speaks_of_several_disks_is_no_file_of_weights(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"a": torch.ones(4)}, path)
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x06\x07")  # the locator of the zip64 directory: number of disks
    assert place > 0
    data[place + 16 : place + 20] = b"\x07\0\0\0"
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"a\.pth: not weights of PyTorch"):
        weights.load_file(path)
