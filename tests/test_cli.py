"""``gltr``: quick to start, one line for a mistake, JSON for programs, and jobs that go on where they were."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import cli, offline
from gltr_lib.cli import _say
from gltr_lib.datasets import folder, read_image
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


@pytest.fixture
def stylizer():
    return Stylizer.untrained(0)


@pytest.fixture
def bank(stylizer):
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return StyleBank.from_images(stylizer, images, list("abcd"))


@pytest.fixture
def mini(monkeypatch, stylizer, bank):
    """The untrained stylizer and a small bank behind the names of the shipped ones."""
    monkeypatch.setattr(Stylizer, "load", classmethod(lambda cls, name="mini", device=None, **kw: stylizer))
    monkeypatch.setattr(StyleBank, "load", classmethod(lambda cls, path, stylizer=None: bank))


def picture(path: Path, size=(9, 7), mode="RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path.name))).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


# --- starting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["nonsense"], ["study", "--help"], ["train", "--nope"]]
)
def test_help_and_mistakes_import_no_torch(arguments):
    code = (
        "import sys; from gltr_lib.cli import main; main(sys.argv[1:]);"
        "heavy = {'torch', 'torchvision', 'numpy', 'matplotlib'} & set(sys.modules); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_help_needs_no_tyro():
    code = "import sys; sys.modules['tyro'] = None; from gltr_lib.cli import main; sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    for name in ("doctor", "demo", "stylize", "bank", "train", "evaluate", "study", "bench"):
        assert f"  {name} " in done.stdout


def test_python_m_is_the_same():
    done = subprocess.run([sys.executable, "-m", "gltr_lib", "nope"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "doctor, demo, stylize, verify, prepare, train, evaluate, study, bench, bank" in done.stderr
    assert len(lines(done.stderr)) == 1


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_help_with_every_option_explained(name, capsys):
    assert cli.main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"usage: gltr {name}" in out
    assert "--json" in out
    assert not re.search(r"\{None\}|default: None|PATH PATH", out)  # words, not Python's types


def test_help_names_what_comes_where_and_lists_each_command_once(capsys):
    cli.main(["stylize", "--help"])
    assert "usage: gltr stylize [-h] [OPTIONS] SOURCE TARGET" in capsys.readouterr().out
    assert cli.main(["stylize", "a"]) == 2
    assert "TARGET folder for the result" in capsys.readouterr().err
    firsts = [line.split("  ", 2)[1] for line in cli.help_text().splitlines() if line.startswith("  ")]
    assert len(set(firsts)) == len(firsts)
    assert "bank build" in cli.help_text()


def test_a_reader_who_has_read_enough_ends_a_command_quietly():
    command = f"{sys.executable} -m gltr_lib evaluate --help | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("usage: gltr evaluate")
    assert done.stderr == ""


def test_a_full_disk_is_named_with_its_remedy(monkeypatch, capsys):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device", "out/a.png")

    monkeypatch.setattr("gltr_lib.offline.demo_picture", lambda seed: full())
    assert cli.main(["demo", "--out", "a.png"]) == 1
    assert capsys.readouterr().err == ("gltr: demo: out/a.png: the disk is full; free some space and call this again\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["stylize"],
        ["stylize", "a", "b", "--alpha", "much"],
        ["stylize", "a", "b", "--alpha", "2"],
        ["stylize", "a", "b", "--nope"],
        ["demo", "--out", "picture.docx"],
        ["bank", "a", "b.txt"],
        ["train", "no-such-method"],
        ["train", "gtr", "--set", "nothing=1"],
        ["train", "gtr", "--images", "a"],
        ["train", "gtr", "--device", "abacus"],
        ["evaluate", "no-such-network"],
        ["evaluate", "baseline", "--scenes", "0"],
        ["evaluate", "baseline", "--flip", "--scales", "0.5"],
        ["evaluate", "baseline", "--classes", "13"],
        ["evaluate", "baseline", "--camvid", "a", "--look", "sun"],
        ["evaluate", "baseline", "--images", "a", "--labels", "b", "--protocol", "gtr"],
        ["evaluate", "baseline", "--data", "cityscapes", "--root", "a", "--scenes", "3"],
        ["evaluate", "baseline", "--data", "cityscapes", "--root", "a", "--camvid", "b"],
        ["evaluate", "baseline", "--images", "a", "--labels", "b", "--camvid", "c"],
        ["train", "gtr", "--processes", "2", "--set", "processes=4"],
        ["train", "gtr", "--split", "no-such"],
        ["study", "--only", "nothing"],
        ["study", "--tier", "nothing"],
        ["study", "--looks", "sampled:1000"],
        ["study", "--device", "abacus", "--list"],
        ["stylize", "a", "b", "--batch", "0"],
        ["stylize", "a", "b", "--workers", "-1"],
        ["stylize", "a", "b", "--processes", "0"],
        ["bank", "a", "b.safetensors", "--workers", "0"],
        ["demo", "--seed", "-1"],
        ["evaluate", "baseline", "--amp", "fp8"],
        ["bench", "--repeat", "0"],
        ["bank", "a", "b.safetensors", "--longest", "3"],
        ["prepare", "gta5", "a", "b", "--lists", "offical"],
        ["prepare", "cityscapes", "a", "b", "--lists", "official"],
        ["verify", "gta5", "a", "--split", "trian"],
        ["train", "gtr", "--data", "gta5", "--root", "a", "--split", "trian"],
        ["train", "gtr", "--data", "gta5", "--root", "a", "--option", "list=official"],
        ["train", "gtr", "--set", "model=deeplabv9"],
        ["train", "gtr", "--set", "stylizer=vgg20"],
        ["train", "baseline", "--set", "model_options.nope=1"],
        ["train", "gtr", "--set", "bank=nope"],
        ["train", "gtr", "--set", "bank=nope", "--data", "gta5", "--root", "a"],
        ["evaluate", "gtr", "--data", "cityscapes", "--root", "a", "--split", "vall"],
        ["evaluate", "gtr", "--data", "vistas", "--root", "a", "--option", "version=2"],
        ["evaluate", "gtr", "--data", "vistas", "--root", "a", "--against", "gtr"],
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert len(lines(captured.err)) == 1
    assert captured.err.startswith(f"gltr: {arguments[0]}: ")
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_option_that_is_given_twice_keeps_the_values_of_both(monkeypatch, capsys):
    """The parser keeps the last mention alone, without a word."""
    seen = []

    def command(
        name: str, /, *, set: tuple[str, ...] = (), two_words: tuple[int, ...] = (), steps: int = 1, json: bool = False
    ) -> int:
        """Take notes."""
        seen.append((name, set, two_words, steps, json))
        return 0

    monkeypatch.setitem(cli.COMMANDS, "train", command)
    assert cli.main(["train", "gtr", "--set", "a=1", "--json", "--set=b=2", "c=3", "--steps", "5", "--set", "d=4"]) == 0
    assert cli.main(["train", "--two-words", "1", "2", "--set", "a=1", "--two_words", "3", "--steps", "4", "gtr"]) == 0
    assert seen == [("gtr", ("a=1", "b=2", "c=3", "d=4"), (), 5, True), ("gtr", ("a=1",), (1, 2, 3), 4, False)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("letters", ["utf-8", "ascii"])
def test_the_option_that_was_meant_is_named_on_one_line_on_terminals_of_few_letters_too(letters):
    """Where the frame cannot be drawn, its title and its rules once came through as rows of dashes."""
    command = [sys.executable, "-m", "gltr_lib", "bank", "build", "a", "b.safetensors", "--topp", "3"]
    env = {**os.environ, "PYTHONIOENCODING": letters}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 2
    assert done.stderr == (
        "gltr: bank build: Unrecognized options: --topp, 3; perhaps you meant --top (gltr bank build --help)\n"
    )


def test_a_place_that_may_not_be_written_is_named_with_its_remedy(monkeypatch, capsys):
    def denied(**_):
        raise PermissionError(errno.EACCES, "Permission denied", "out/a.png")

    monkeypatch.setattr("gltr_lib.offline.demo_picture", lambda seed: denied())
    assert cli.main(["demo", "--out", "a.png"]) == 1
    words = "permission denied; change the permissions of its folder, or choose another place"
    assert capsys.readouterr().err == f"gltr: demo: out/a.png: {words}\n"


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (["demo", "--out", "file/x.png"], "--out"),
        (["demo", "--out", "folder.png"], "--out"),
        (["bank", "in", "file/b.safetensors"], "OUT"),
        (["bank", "merge", "folder.safetensors", "a", "b"], "OUT"),
        (["train", "gtr", "--out", "file"], "--out"),
        (["train", "gtr", "--out", "file/run", "--fresh"], "--out"),
        (["bench", "--ledger", "file/bench.jsonl"], "--ledger"),
        (["evaluate", "gtr", "--data", "folder", "--root", ".", "--out", "file"], "--out"),
    ],
)
def test_a_place_where_the_result_cannot_go_is_named_before_the_work(tmp_path, monkeypatch, capsys, command, flag):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "file").touch()
    for name in ("folder.png", "folder.safetensors"):
        (tmp_path / name).mkdir()
    for module in ("offline.demo_picture", "stylizer.Stylizer.load", "engine.train", "bench.bench"):
        monkeypatch.setattr(f"gltr_lib.{module}", lambda *_, **__: pytest.fail("worked"))
    assert cli.main(command) == 2
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert f"{flag} " in said[0]
    assert "expected a" in said[0]
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png", "folder.safetensors", "in"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileExistsError(errno.EEXIST, "File exists", "a"), "a: file exists; expected a folder, or nothing there;"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "a/b: not a directory; expected a folder"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", ".draft", None, "a"), "a: is a directory; expected a file"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), "a: no such file or directory; expected"),
    ],
)
def test_what_the_system_says_comes_with_what_was_expected(error, said):
    assert _say.in_words(error).startswith(said)


def test_unknown_names_list_the_valid_ones(capsys):
    cli.main(["train", "no-such-method"])
    assert "gtr_ltr_cgl" in capsys.readouterr().err
    cli.main(["study", "--only", "nothing"])
    assert "gtr_ltr_cgl" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["stylize", "missing", "out"],
        ["bank", "missing", "b.safetensors"],
        ["train", "gtr", "--images", "m", "--labels", "n"],
        ["train", "gtr", "--set", "bank=missing.safetensors"],
        ["stylize", "in", "out", "--bank", "missing.safetensors"],
        ["stylize", "in", "out", "--stylizer", "vgg19"],
        ["bank", "info", "missing.safetensors"],
        ["evaluate", "missing.safetensors"],
    ],
)
def test_missing_data_is_one_line_and_exit_code_1(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLTR_VGG19", "missing")
    if "in" in arguments:
        picture(tmp_path / "in" / "a.png")
    assert cli.main(arguments) == 1
    captured = capsys.readouterr()
    assert len(lines(captured.err)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in"] * ("in" in arguments)


# --- doctor, bench ----------------------------------------------------------------------------------------------------


def test_doctor_answers_programs(capsys):
    code = cli.main(["doctor", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert code == (0 if answer["ok"] else 1)
    assert {"name", "status", "found", "remedy"} <= set(answer["findings"][0])


def test_bench_prints_ratios(capsys):
    assert cli.main(["bench", "--small", "--repeat", "1", "--only", "labels", "metrics", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {"label_ids", "metrics"} <= {row["name"] for row in rows}
    assert all(row["ratio"] > 0 for row in rows if "missing" not in row)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--only", "nothing"], "no hot path 'nothing'; valid: masks"), (["--device", "tpu"], "expected cpu or cuda")],
)
def test_bench_refuses_what_it_does_not_know(words, said, capsys):
    assert cli.main(["bench", *words]) == 2
    assert said in capsys.readouterr().err


# --- stylize ----------------------------------------------------------------------------------------------------------


def test_a_folder_keeps_names_sizes_and_source(tmp_path, mini, capsys):
    source = tmp_path / "in"
    files = [picture(source / "a.png"), picture(source / "sub" / "b.jpg", (13, 5)), picture(source / "g.png", mode="L")]
    before = {f: f.read_bytes() for f in files}
    assert cli.main(["stylize", str(source), str(tmp_path / "out"), "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert set(manifest["done"]) == {"a.png", "g.png", "sub/b.jpg"}
    assert {f: f.read_bytes() for f in files} == before
    for name, entry in manifest["done"].items():
        with Image.open(tmp_path / "out" / name) as made, Image.open(source / name) as original:
            assert made.size == original.size == tuple(entry["size"])
            assert made.format == original.format
    left = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert left == ["a.png", "g.png", "manifest.json", "sub/b.jpg"]


def test_damaged_pictures_are_refused_by_name_and_listed(tmp_path, mini, capsys):
    source = tmp_path / "in"
    picture(source / "good.png")
    (source / "empty.png").touch()
    (source / "cut.png").write_bytes(picture(tmp_path / "x.png", (64, 64)).read_bytes()[:500])
    (source / "words.jpg").write_text("not a picture")
    assert cli.main(["stylize", str(source), str(tmp_path / "out")]) == 1
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["done"]) == {"good.png"}
    assert set(manifest["refused"]) == {"empty.png", "cut.png", "words.jpg"}
    assert "empty.png" in capsys.readouterr().err


@pytest.mark.parametrize("count", [0, 2, 5])
def test_files_that_are_not_called_like_pictures_are_named(tmp_path, mini, capsys, count):
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / ".hidden").touch()
    for number in range(count):
        (tmp_path / "in" / f"n{number}.txt").touch()
    assert cli.main(["stylize", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err
    names = {0: "", 2: "so: n0.txt, n1.txt; read", 5: "so: n0.txt, n1.txt, n2.txt and 2 more; read"}[count]
    assert (names in told) if count else "left alone" not in told


def test_what_else_lies_in_the_source_is_in_the_manifest_in_full(tmp_path, mini, capsys):
    source = tmp_path / "in"
    inside = picture(source / "dir.png" / "sub" / "a.png")
    for number in range(5):
        (source / f"n{number}.txt").touch()
    (source / ".DS_Store").touch()  # nobody takes it for a picture
    picture(source / ".hidden.png")
    wanted = {f"n{n}.txt": folder.OTHER_ENDING for n in range(5)}
    wanted |= {".hidden.png": folder.HIDDEN, "dir.png": folder.IS_FOLDER}
    assert cli.main(["stylize", str(source), str(tmp_path / "out")]) == 0
    notes = lines(capsys.readouterr().err)
    assert len(notes) == 3
    assert ".hidden.png; rename" in notes[1]
    assert "dir.png; what is in them is read" in notes[2]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["left_alone"] == wanted
    assert list(manifest["done"]) == [inside.relative_to(source).as_posix()]
    picture(source / "b.png")
    for shard in ("1/2", "2/2"):
        assert cli.main(["stylize", str(source), str(tmp_path / "parts"), "--shard", shard]) == 0
    assert json.loads((tmp_path / "parts" / "manifest.json").read_text())["left_alone"] == wanted


def test_styles_depend_on_seed_and_name_alone(tmp_path, stylizer, bank):
    for n in range(6):
        picture(tmp_path / "in" / f"{n}.png")
        if n % 2:
            picture(tmp_path / "half" / f"{n}.png")
    whole = offline.stylise_folder(tmp_path / "in", tmp_path / "a", stylizer, bank)
    half = offline.stylise_folder(tmp_path / "half", tmp_path / "b", stylizer, bank)
    other = offline.stylise_folder(tmp_path / "in", tmp_path / "c", stylizer, bank, seed=1)
    for name in half["done"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert [e["style"] for e in whole["done"].values()] != [e["style"] for e in other["done"].values()]


@pytest.mark.parametrize("target", ["in", "in/out", "."])
def test_the_source_is_never_written_to(tmp_path, stylizer, bank, target):
    made = picture(tmp_path / "in" / "a.png")
    before = made.read_bytes()
    with pytest.raises(ValueError, match="outside"):
        offline.stylise_folder(tmp_path / "in", tmp_path / target, stylizer, bank)
    assert made.read_bytes() == before
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["a.png"]


def test_a_foreign_folder_is_not_written_to(tmp_path, stylizer, bank):
    picture(tmp_path / "in" / "a.png")
    mine = picture(tmp_path / "out" / "a.png", (3, 3))
    before = mine.read_bytes()
    with pytest.raises(ValueError, match="not empty"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "out", stylizer, bank)
    assert mine.read_bytes() == before


def test_an_empty_folder_is_an_error(tmp_path, stylizer, bank):
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match="no pictures"):
        offline.stylise_folder(tmp_path / "in", tmp_path / "out", stylizer, bank)


# --- bank, demo, train, evaluate --------------------------------------------------------------------------------------


def test_bank_of_a_folder(tmp_path, monkeypatch, stylizer, capsys):
    monkeypatch.setattr(Stylizer, "load", classmethod(lambda cls, name="mini", device=None, **kw: stylizer))
    picture(tmp_path / "in" / "a.png", (40, 30))
    picture(tmp_path / "in" / "b.jpg", (700, 20))
    (tmp_path / "in" / "broken.png").touch()
    out = tmp_path / "bank.safetensors"
    assert cli.main(["bank", str(tmp_path / "in"), str(out), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["styles"] == 2
    assert list(answer["refused"]) == ["broken.png"]
    assert StyleBank.load(out, stylizer).names == ("a.png", "b.jpg")


def test_demo_writes_one_picture(tmp_path, mini, capsys):
    out = tmp_path / "demo.png"
    assert cli.main(["demo", "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(read_image(out).shape[1::-1]) == answer["size"]


@pytest.mark.slow
def test_train_then_evaluate_on_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for n in range(3):
        picture(tmp_path / "images" / f"{n}.png", (64, 32))
        labels = np.full((32, 64), n, np.uint8)
        (tmp_path / "labels").mkdir(exist_ok=True)
        Image.fromarray(labels).save(tmp_path / "labels" / f"{n}.png")
    folders = ["--images", "images", "--labels", "labels"]
    small = ["--steps", "2", "--device", "cpu", "--set", "crop=[32,64]", "forward_images=2"]
    assert cli.main(["train", "baseline", *folders, *small, "--out", "mine", "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["config"]["steps"] == 2
    assert cli.main(["evaluate", trained["network"], *folders, "--device", "cpu", "--json"]) == 0
    (score,) = json.loads(capsys.readouterr().out)["scores"]
    assert score["protocol"] == "mIoU-19 @ full size"
    assert 0 <= score["miou"] <= 1
    reserved = ["evaluate", trained["network"], "--look", "sampled:1000"]
    assert cli.main(reserved) == 2
    assert "reserved" in capsys.readouterr().err


def test_a_network_file_of_something_else_is_refused(tmp_path, capsys):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    assert cli.main(["evaluate", str(tmp_path / "x.safetensors")]) == 1
    assert len(lines(capsys.readouterr().err)) == 1


def test_stopping_is_one_line(monkeypatch, capsys):
    def stop(**kwargs):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "doctor", stop)
    assert cli.main(["doctor"]) == 130
    assert "goes on where it was" in capsys.readouterr().err


def test_debug_shows_the_traceback(monkeypatch, tmp_path):
    monkeypatch.setenv("GLTR_DEBUG", "1")
    with pytest.raises(ValueError, match="no such folder"):
        cli.main(["stylize", str(tmp_path / "missing"), str(tmp_path / "out")])
    assert os.listdir(tmp_path) == []


def test_a_note_is_one_line(capsys, monkeypatch):
    import warnings

    monkeypatch.setitem(cli.COMMANDS, "demo", lambda: warnings.warn("first\nsecond", UserWarning, stacklevel=1) or 0)
    assert cli.main(["demo"]) == 0
    assert capsys.readouterr().err == "gltr: note: first second\n"


def test_fresh_starts_anew_in_the_same_loop(tmp_path, monkeypatch, capsys):
    """It once moved a run on the embedded streets to the full-scale loop, with other pictures in every step."""
    from gltr_lib import engine, workflows

    monkeypatch.setattr(
        workflows, "training_data",
        lambda *a: (torch.zeros(4, 3, 16, 32, dtype=torch.uint8), torch.zeros(4, 16, 32, dtype=torch.uint8)),
    )  # fmt: skip
    command = ["train", "baseline", "--out", str(tmp_path), "--set", "crop=[16,32]", "forward_images=2", "steps=1"]
    command += ["--device", "cpu"]
    assert cli.main(command) == 0
    assert cli.main([*command, "lr=0.1"]) == 2  # after --device: a stray word
    changed = [*command[:-2], "lr=0.1", "--device", "cpu"]
    capsys.readouterr()
    assert cli.main(changed) == 1
    assert "start anew there (gltr train --fresh" in capsys.readouterr().err
    seen = []
    real = engine.train
    monkeypatch.setattr(engine, "train", lambda *a, **k: seen.append(k["resume"]) or real(*a, **k))
    assert cli.main([*changed, "--fresh"]) == 0
    assert seen == [False]


def test_train_at_full_scale_on_a_data_set_as_published(tmp_path, monkeypatch, capsys):
    import official_trees

    monkeypatch.chdir(tmp_path)
    official_trees.gta5(tmp_path / "gta5")
    small = ["--set", "steps=2", "forward_images=2", "crop=[32,64]", "val_every=2", "log_every=1"]
    assert cli.main(["train", "baseline", "--data", "gta5", "--root", "gta5", "--device", "cpu", *small, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["last"]["step"] == 2
    assert 0 <= said["validation"][0]["val_miou"] <= 1
    assert (tmp_path / "runs/train/log.csv").is_file()
    assert cli.main(["train", "baseline", "--data", "gta5", "--set", "steps=1"]) == 2
    assert "--root is missing" in capsys.readouterr().err
    assert cli.main(["train", "gtr", "--nnodes", "2", "--set", "forward_images=4"]) == 2
    assert "--master HOST:PORT" in capsys.readouterr().err
    assert cli.main(["train", "--data", "streetz"]) == 2
    assert "unknown 'streetz'; valid: streets, folder, gta5" in capsys.readouterr().err
    assert cli.main(["train", "--recipe", "best"]) == 2
    assert "expected one of: laptop, gtr_paper, gpu" in capsys.readouterr().err
    assert cli.main(["train", "--images", "a", "--labels", "b", "--profile"]) == 2
    assert "--data folder --root DIR" in capsys.readouterr().err


def test_a_run_is_not_written_into_the_folder_that_it_reads(tmp_path, monkeypatch, capsys):
    """Of Vistas the run's config.json would have replaced the one that says what the label ids mean."""
    import official_trees

    monkeypatch.chdir(tmp_path)
    official_trees.vistas(tmp_path / "vistas")
    before = (tmp_path / "vistas" / "config.json").read_bytes()
    (tmp_path / "link").symlink_to("vistas")
    short = ["--data", "vistas", "--set", "steps=1", "forward_images=2", "crop=[32,64]"]
    for root in ("vistas", "link", str(tmp_path / "vistas")):
        assert cli.main(["train", "baseline", "--root", root, "--out", "vistas/", *short]) == 2
        assert "--out vistas: is --root too" in capsys.readouterr().err
    (tmp_path / "ids").mkdir()
    assert cli.main(["train", "baseline", "--root", "vistas", "--prepared", "ids", "--out", "ids", *short]) == 2
    assert "is --prepared too" in capsys.readouterr().err
    assert (tmp_path / "vistas" / "config.json").read_bytes() == before
    assert not list((tmp_path / "ids").iterdir())


def test_a_data_set_with_classes_of_its_own_is_not_learnt_as_the_nineteen(tmp_path, monkeypatch, capsys):
    """CamVid's 0 is sky; taken for a trainId it would have been road, without a word."""
    import official_trees

    monkeypatch.chdir(tmp_path)
    official_trees.camvid(tmp_path / "camvid")
    train = ["train", "baseline", "--data", "camvid", "--root", "camvid", "--out", "run", "--device", "cpu", "--set",
             "steps=1", "forward_images=2", "crop=[32,64]"]  # fmt: skip
    assert cli.main(train) == 1
    said = capsys.readouterr().err
    assert "camvid: its label maps hold 11 classes of its own (sky, building ...), not the 19" in said
    assert "num_classes=11" in said
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert cli.main([*train, "num_classes=11"]) == 0


def test_refusals_are_one_line_each_whatever_the_name_and_names_that_are_no_text_are_escaped(tmp_path, mini, capfd):
    source = tmp_path / "in"
    picture(source / "good.png")
    picture(source / os.fsdecode(b"latin-\xe9.png"))
    picture(source / ("x" * 240 + ".png"))  # its draft would have 300 letters
    for name in ("two\nlines.png", os.fsdecode(b"bad-\xe9.png")):
        (source / name).write_bytes(b"no picture")
    (source / "lost.png").symlink_to("nowhere.png")
    for again in (False, True):
        assert cli.main(["stylize", str(source), str(tmp_path / "out"), "--device", "cpu", "--json"]) == 1
        out, err = capfd.readouterr()
        manifest = json.loads(out)
        assert len(manifest["done"]) == 3, again
        said = [line for line in lines(err) if line.startswith("refused ")]
        assert len(said) == len(manifest["refused"]) == 3
        assert any("two\\nlines.png" in line for line in said)
        assert any("lost.png" in line for line in said)


def test_warnings_of_every_kind_meant_for_users_are_notes(capsys, monkeypatch):
    from gltr_lib.ledger import LedgerWarning

    def warn() -> int:
        import warnings

        warnings.warn("line 3: unreadable", LedgerWarning, stacklevel=1)
        return 0

    monkeypatch.setitem(cli.COMMANDS, "doctor", warn)
    assert cli.main(["doctor"]) == 0
    assert lines(capsys.readouterr().err) == ["gltr: note: line 3: unreadable"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["train", "baseline", "--nnodes", "0"], "--nnodes"),
        (["train", "baseline", "--seed", "-1"], "seed"),
        (["evaluate", ""], "''"),
        (["evaluate", "baseline", "--data", "folder", "--root", ".", "--fit", "9" * 5000 + "x1"], "--fit"),
        (["evaluate", "baseline", "--data", "folder", "--root", ".", "--fit", "²x1"], "--fit"),
        (["demo", "--seed", "9" * 30], "seed"),
        (["demo", "--seed", "-1"], "seed"),
        (["study", "--shard", "9" * 5000 + "/1"], "--shard"),
        (["stylize", "in", "out", "--shard", "1/" + "9" * 5000], "shard"),
        (["stylize", "in", "out", "--copies", "99999999"], "copies"),
        (["stylize", "in", "out", "--seed", "-1"], "seed"),
    ],
)
def test_numbers_beyond_all_reason_are_named_in_one_line(tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "in" / "a.png")
    assert cli.main(arguments) in (1, 2)
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert word in said[0]
    assert sorted(os.listdir(tmp_path)) == ["in"]


def test_processes_may_be_set_as_any_other_setting(tmp_path, monkeypatch):
    from gltr_lib.scale import start

    seen = []
    monkeypatch.setattr(start, "_watch", lambda command, *_: seen.append(" ".join(command)) or (3, ""))
    assert cli.main(["train", "baseline", "--out", str(tmp_path), "--data", "folder", "--root", str(tmp_path / "data"),
                     "--set", "processes=2", "forward_images=2", "--device", "cpu"]) == 1  # fmt: skip
    assert "--nproc-per-node=2" in seen[0]
    assert '"processes": 2' in seen[0]


def test_more_classes_than_nineteen_are_read_where_the_network_has_them(tmp_path):
    from gltr_lib import workflows
    from gltr_lib.config import TrainConfig
    from gltr_lib.scale import Data

    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    picture(tmp_path / "images" / "a.png")
    size = Image.open(tmp_path / "images" / "a.png").size
    Image.new("L", size, 25).save(tmp_path / "labels" / "a.png")
    folders = (tmp_path / "images", tmp_path / "labels")
    assert workflows.training_data((16, 32), *folders, 30)[1].unique().tolist() == [25]
    with pytest.raises(ValueError, match=r"\[25\] outside the table"):
        workflows.training_data((16, 32), *folders)
    opened = Data("folder", root=str(tmp_path)).train(TrainConfig(num_classes=30))
    assert opened.pair(0)[1].max() == 25


def test_a_damaged_file_is_no_mistyped_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "junk.safetensors").write_bytes(b"no tensors at all")
    for command in (["stylize", "in", "out", "--bank"], ["evaluate"], ["bank", "info"]):
        assert cli.main([*command, "junk.safetensors"]) == 1
        assert "junk.safetensors: " in capsys.readouterr().err
        assert cli.main([*command, "jnuk"]) == 2


def test_help_may_be_cut_off():
    """``gltr --help | head -0`` has a traceback in many programs."""
    for flag in ("--help", "--version"):
        command = f"{sys.executable} -c 'import time; time.sleep(0.3)'; {sys.executable} -m gltr_lib {flag}"
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; ( {command} ) | true"], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (141, "")
