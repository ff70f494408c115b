"""Banks of many paintings: measured once, gone on with after a kill, chosen by texture, merged, and told apart."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import cli, offline
from gltr_lib.adain import StyleStats
from gltr_lib.complexity import texture_complexity
from gltr_lib.datasets import read_image
from gltr_lib.offline import banks, parts
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


@pytest.fixture(scope="module")
def stylizer():
    return Stylizer.untrained(0)


@pytest.fixture
def untrained(monkeypatch, stylizer):
    monkeypatch.setattr(Stylizer, "load", classmethod(lambda cls, name="mini", device=None, **kw: stylizer))


def paintings(path: Path, count=6) -> Path:
    """Noise of rising contrast: number n is the n-th in texture."""
    path.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        noise = np.random.default_rng(n).random((24, 30 + n, 3)) - 0.5
        Image.fromarray((127 + 250 * noise * (n + 1) / count).astype(np.uint8)).save(path / f"{n}.png")
    return path


def same(one: StyleBank, other: StyleBank) -> bool:
    return (
        one.names == other.names
        and torch.equal(one.stats.mean, other.stats.mean)
        and torch.equal(one.stats.std, other.stats.std)
        and one.measures.keys() == other.measures.keys()
        and all(torch.equal(one.measures[key], other.measures[key]) for key in one.measures)
    )


def test_a_bank_holds_the_statistics_and_the_texture_of_each_painting(tmp_path, stylizer):
    folder = paintings(tmp_path / "in", 3)
    big = Image.fromarray(np.random.default_rng(9).integers(0, 256, (40, 90, 3), dtype=np.uint8))
    big.save(folder / "big.png")
    bank, refused = offline.build_bank(folder, stylizer, longest=45)
    assert bank.names == ("0.png", "1.png", "2.png", "big.png")
    assert refused == {}
    big.thumbnail((45, 45), Image.Resampling.LANCZOS)
    assert max(big.size) == 45
    for row, pixels in ((0, read_image(folder / "0.png")), (3, np.array(big))):
        stats = stylizer.style_stats(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)
        assert torch.equal(bank.stats.mean[row], stats.mean[0])
        assert torch.equal(bank.stats.std[row], stats.std[0])
        assert bank.measures["complexity"][row] == pytest.approx(texture_complexity(pixels), rel=1e-6)
        wanted = texture_complexity(pixels, standardise=True)
        assert bank.measures["standardised"][row] == pytest.approx(wanted, rel=1e-6)


def test_the_measures_travel_with_the_file_and_old_files_have_none(tmp_path, stylizer):
    bank, _ = offline.build_bank(paintings(tmp_path / "in"), stylizer)
    assert same(StyleBank.load(bank.save(tmp_path / "a.safetensors"), stylizer), bank)
    half = StyleBank.load(bank.save(tmp_path / "half.safetensors", half=True))
    assert torch.equal(half.measures["complexity"], bank.measures["complexity"])
    assert bank.to("cpu").measures.keys() == {"complexity", "standardised"}
    assert StyleBank.load("paintings-mini").measures == {}
    with pytest.raises(ValueError, match="statistics only; gltr bank build measures"):
        StyleBank.load("paintings-mini").select()


class Stop(Exception):
    pass


def test_a_stopped_build_goes_on_and_gives_the_same_bank(tmp_path, stylizer, monkeypatch):
    folder = paintings(tmp_path / "in", 8)
    whole, _ = offline.build_bank_file(folder, tmp_path / "whole.safetensors", stylizer)
    monkeypatch.setattr(banks, "_EVERY", -1.0)  # a part after each painting

    def stop(done, total, name):
        if done == 5:
            raise Stop

    out = tmp_path / "out.safetensors"
    with pytest.raises(Stop):
        offline.build_bank_file(folder, out, stylizer, on_image=stop)
    assert not out.exists()
    assert len(list((tmp_path / "out.safetensors.parts").iterdir())) == 5
    calls = []
    offline.build_bank_file(folder, out, stylizer, on_image=lambda *a: calls.append(a))
    assert [done for done, _, _ in calls] == [6, 7, 8]
    assert same(StyleBank.load(out), StyleBank.load(tmp_path / "whole.safetensors"))
    assert same(StyleBank.load(out), whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.safetensors", "whole.safetensors"]


@pytest.mark.parametrize(("key", "value"), [("longest", 100), ("folder", "other"), ("stylizer", 1)])
def test_a_beginning_of_another_bank_is_refused_by_naming_the_difference(tmp_path, stylizer, key, value):
    folder = paintings(tmp_path / "in", 2)
    offline.build_bank(folder, stylizer, parts=tmp_path / "p")
    before = sorted(p.name for p in (tmp_path / "p").iterdir())
    options = {"longest": value} if key == "longest" else {}
    other = paintings(tmp_path / "other", 2) if key == "folder" else folder
    network = Stylizer.untrained(value) if key == "stylizer" else stylizer
    name = "fingerprint" if key == "stylizer" else key
    with pytest.raises(ValueError, match=rf"beginning of another bank \({name}: .* before, .* now\); delete it"):
        offline.build_bank(other, network, parts=tmp_path / "p", **options)
    assert sorted(p.name for p in (tmp_path / "p").iterdir()) == before


def test_a_damaged_part_is_named(tmp_path, stylizer):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "000000-1.safetensors").write_bytes(b"half")
    with pytest.raises(ValueError, match="000000-1"):
        offline.build_bank(paintings(tmp_path / "in", 1), stylizer, parts=tmp_path / "p")


def test_parts_measured_twice_count_once(tmp_path):
    settings = {"longest": "512"}
    one, two = parts.Parts(tmp_path, settings), parts.Parts(tmp_path, settings)
    for store in (one, two):
        for n in range(3):
            store.add(str(n), torch.full((2,), float(n)), torch.ones(2), [1.0])
        store.flush()
    again = parts.Parts(tmp_path, settings)
    names, stats, measures = again.collect(["2", "0"])
    assert names == ["2", "0"]
    assert stats.mean[:, 0].tolist() == [2.0, 0.0]
    assert measures.shape == (2, 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_broken_paintings_are_refused_by_name(tmp_path, untrained, capsys):
    folder = paintings(tmp_path / "in", 2)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.png").touch()
    out = tmp_path / "b.safetensors"
    for command, code in ((["bank"], 1), (["bank", "build"], 1), (["bank", "build", "--skip-refused"], 0)):
        assert cli.main([*command, str(folder), str(out), "--json"]) == code
        captured = capsys.readouterr()
        assert set(json.loads(captured.out)["refused"]) == {"broken.jpg", "empty.png"}
        assert "refused broken.jpg" in captured.err
        assert StyleBank.load(out).names == ("0.png", "1.png")
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith("b.")] == ["b.safetensors"]


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_broken_paintings_of_a_bank_given_as_a_folder_are_refused_by_name(tmp_path, monkeypatch, capsys, processes):
    """A bank of fewer styles than paintings once passed for the whole."""
    monkeypatch.chdir(tmp_path)
    paintings(tmp_path / "in", 2)
    paintings(tmp_path / "styles", 3)
    (tmp_path / "styles" / "broken.jpg").write_bytes(b"no picture")
    command = ["stylize", "in", "out", "--device", "cpu", "--processes", processes, "--bank", "styles"]
    for again in (False, True):
        assert cli.main(command) == 1, again
        captured = capsys.readouterr()
        assert captured.err.startswith("refused styles/broken.jpg: styles/broken.jpg: not an image")
        assert "2 stylised, 0 refused (and 1 of the bank's paintings)" in captured.out
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert list(manifest["refused_paintings"]) == ["broken.jpg"]
        assert manifest["settings"]["styles"] == 3
    (tmp_path / "styles" / "broken.jpg").unlink()
    assert cli.main(command) == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["refused_paintings"] == {}


def test_a_bank_of_a_folder_with_broken_paintings_warns_where_nobody_asks_for_them(tmp_path, stylizer):
    (paintings(tmp_path / "in", 2) / "broken.jpg").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match=r"in: refused broken\.jpg; gltr bank says why") as caught:
        assert len(offline.load_bank(str(tmp_path / "in"), stylizer)) == 2
    assert caught[0].filename == __file__


def test_a_folder_of_broken_paintings_makes_no_bank(tmp_path, stylizer):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").touch()
    with pytest.raises(ValueError, match=r"none of 1 pictures could be read; first: .*a\.png"):
        offline.build_bank_file(tmp_path / "in", tmp_path / "b.safetensors", stylizer)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_a_line_of_pixels_is_a_painting_without_texture(tmp_path, stylizer):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (900, 1)).save(tmp_path / "in" / "line.png")
    bank, _ = offline.build_bank(tmp_path / "in", stylizer)
    assert bank.measures["complexity"].tolist() == [0.0]


@pytest.mark.skipif(os.name != "posix", reason="such names exist on POSIX systems only")
def test_names_are_printable_and_unique(tmp_path, stylizer):
    folder = paintings(tmp_path / "in", 1)
    data = (folder / "0.png").read_bytes()
    for name in (b"a\n.png", b"a\\n.png", "ü.png".encode(), b"\xff.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
    bank, _ = offline.build_bank_file(folder, tmp_path / "b.safetensors", stylizer)
    assert len(set(bank.names)) == len(bank) == 5
    assert all(name.isprintable() for name in bank.names)
    assert "ü.png" in bank.names
    assert StyleBank.load(tmp_path / "b.safetensors").names == bank.names


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_a_bank_of_the_middle_of_the_texture(tmp_path, untrained, capsys):
    folder = paintings(tmp_path / "in", 11)
    out = tmp_path / "b.safetensors"
    assert cli.main(["bank", "build", str(folder), str(out), "--select", "complexity:0.2..0.9", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["styles"] == 8
    assert {int(Path(name).stem) for name in StyleBank.load(out).names} == set(range(2, 10))
    assert cli.main(["bank", "build", str(folder), str(out), "--top", "3"]) == 0
    assert {int(Path(name).stem) for name in StyleBank.load(out).names} == {8, 9, 10}
    assert StyleBank.load(out).measures["complexity"].shape == (3,)


@pytest.mark.parametrize(
    "options",
    [
        ["--select", "beauty:0.2..0.9"],
        ["--select", "complexity:0.9..0.2"],
        ["--select", "complexity:0..1.5"],
        ["--select", "complexity"],
        ["--select", "complexity:0...1..1"],
        ["--top", "0"],
        ["--top", "3", "--select", "complexity:0..0.5"],
    ],
)
def test_a_wrong_choice_is_exit_code_2(tmp_path, options, capsys):
    assert cli.main(["bank", "build", str(tmp_path), str(tmp_path / "b.safetensors"), *options]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_choice_of_more_than_there_are_is_refused_before_measuring(tmp_path, stylizer):
    folder = paintings(tmp_path / "in", 2)
    with pytest.raises(ValueError, match="top: expected 1 to 2"):
        offline.build_bank_file(
            folder, tmp_path / "b.safetensors", stylizer, choose={"top": 3}, on_image=lambda *a: pytest.fail("measured")
        )


def plain(count, prefix="", channels=2, measures=True):
    mean = torch.arange(float(count))[:, None].expand(count, channels)
    values = {"complexity": torch.arange(float(count)).flip(0)} if measures else None
    names = [f"{prefix}{i}" for i in range(count)]
    return StyleBank(StyleStats(mean, mean + 1), names, fingerprint="f", stylizer="none", measures=values)


def test_a_subset_keeps_styles_names_and_measures_together():
    some = plain(5).subset([4, 1])
    assert some.names == ("4", "1")
    assert some.stats.mean[:, 0].tolist() == [4.0, 1.0]
    assert some.measures["complexity"].tolist() == [0.0, 3.0]
    for wrong in ([], [5], [-1]):
        with pytest.raises(ValueError, match="indices: expected numbers from 0 to 4"):
            plain(5).subset(wrong)


def test_measures_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"measures\['x'\]: expected a tensor \(2,\)"):
        StyleBank(
            StyleStats(torch.zeros(2, 2), torch.ones(2, 2)),
            ["a", "b"],
            fingerprint="",
            stylizer="",
            measures={"x": torch.ones(3)},
        )


# --- merging, telling -------------------------------------------------------------------------------------------------


def test_banks_merge_in_order(tmp_path, capsys):
    plain(2, "a").save(tmp_path / "one.safetensors")
    plain(3, "b").save(tmp_path / "two.safetensors")
    files = [str(tmp_path / name) for name in ("one.safetensors", "two.safetensors")]
    out = tmp_path / "all.safetensors"
    assert cli.main(["bank", "merge", str(out), *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["styles"] == 5
    bank = StyleBank.load(out)
    assert bank.names == ("a0", "a1", "b0", "b1", "b2")
    assert bank.stats.std[:, 1].tolist() == [1.0, 2.0, 1.0, 2.0, 3.0]
    assert bank.measures["complexity"].tolist() == [1.0, 0.0, 2.0, 1.0, 0.0]
    assert cli.main(["bank", "merge", str(out), files[0], files[0]]) == 1
    assert "the name 'a0' occurs twice" in capsys.readouterr().err
    assert cli.main(["bank", "merge", str(out), *files, "--prefix"]) == 0
    assert StyleBank.load(out).names[:3] == ("one/a0", "one/a1", "two/b0")
    assert cli.main(["bank", "merge", str(out), files[0]]) == 2


def test_banks_of_different_encoders_do_not_merge():
    other = StyleBank(StyleStats(torch.zeros(1, 2), torch.ones(1, 2)), ["x"], fingerprint="g", stylizer="other")
    with pytest.raises(ValueError, match="none f and other g; build them again"):
        StyleBank.merge([plain(1), other])
    with pytest.raises(ValueError, match="at least one"):
        StyleBank.merge([])
    assert StyleBank.merge([plain(1, "a"), plain(1, "b", measures=False)]).measures == {}


def test_info_says_what_a_bank_holds(tmp_path, capsys):
    plain(5).save(tmp_path / "b.safetensors")
    assert cli.main(["bank", "info", str(tmp_path / "b.safetensors"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["styles"], facts["channels"], facts["stylizer"]) == (5, 2, "none")
    assert facts["quartiles"]["complexity"] == [0, 1, 2, 3, 4]
    assert cli.main(["bank", "info", "paintings-mini"]) == 0
    assert "styles: 512" in capsys.readouterr().out
    assert cli.main(["bank", "info", str(tmp_path / "none.safetensors")]) == 1


def test_the_decoder_threads_do_not_run_ahead_of_the_network(tmp_path, stylizer, monkeypatch):
    """Any number of paintings: a few decoded ones wait, not all."""
    folder = paintings(tmp_path / "in", 16)
    read, done = [], []
    real = banks.read_shrunk
    monkeypatch.setattr(banks, "read_shrunk", lambda path, longest: (read.append(path), real(path, longest))[1])

    def watch(count, total, name):
        done.append(name)
        time.sleep(0.005)
        assert len(read) <= len(done) + 2 * 2 + 1

    offline.build_bank(folder, stylizer, workers=2, on_image=watch)
    assert len(done) == 16


def test_a_full_disk_is_one_line_and_the_bank_goes_on_later(tmp_path, monkeypatch, capsys, untrained, stylizer):
    folder = paintings(tmp_path / "in", 3)

    def full_disk(self, data, real=Path.write_bytes):
        real(self, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full_disk)
        assert cli.main(["bank", "build", str(folder), str(tmp_path / "b.safetensors")]) == 1
    said = capsys.readouterr().err
    assert "the disk is full; free some space and call this again" in said
    assert said.count("\n") == 1
    assert not [entry for entry in tmp_path.rglob("*") if "tmp" in entry.name or entry.name == "b.safetensors"]
    assert cli.main(["bank", "build", str(folder), str(tmp_path / "b.safetensors")]) == 0
    assert same(StyleBank.load(tmp_path / "b.safetensors"), offline.build_bank(folder, stylizer)[0])


def test_banks_of_other_widths_are_named_by_file(tmp_path):
    plain(1).save(tmp_path / "one.safetensors")
    wide = StyleStats(torch.zeros(1, 9), torch.ones(1, 9))
    StyleBank(wide, ["w"], fingerprint=plain(1).fingerprint, stylizer="mini").save(tmp_path / "wide.safetensors")
    with pytest.raises(ValueError, match=r"wide\.safetensors: made by .*9 channels"):
        offline.merge_banks([tmp_path / "one.safetensors", tmp_path / "wide.safetensors"])


def test_an_empty_name_is_no_bank_and_not_the_folder_in_which_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="style bank: unknown ''"):
        offline.load_bank("", Stylizer.untrained())
    for workers in (0, -1):
        with pytest.raises(ValueError, match="workers: expected a whole number >= 1"):
            offline.build_bank(tmp_path, Stylizer.untrained(), workers=workers)
