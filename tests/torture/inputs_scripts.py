"""``data_scripts/`` on bad words, archives and folders, in this process; none of them is let near a network."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.torture import caught, judge
from tests.torture.corpus import EITHER, REFUSE, Case, of
from tests.torture.tally import Tally, timed

SCRIPTS = caught.ROOT / "data_scripts"
DATASETS = ("gta5", "synthia", "cityscapes", "bdd100k", "vistas", "camvid")
Words = tuple[str | os.PathLike[str], ...]


def run(folder: Path, cases: Sequence[Case], tally: Tally, short: bool) -> None:
    """Every script against what it reads; a refused archive leaves nothing in its folder."""
    with timed(tally), loaded() as load, no_network():
        mains = {name: _main(load(name)) for name in DATASETS}
        others = ("fetch_camvid", "paintings", "weights", "build_style_bank", "stylise_dataset", "train_stylizer",
                  "evaluate_stylizer")  # fmt: skip
        mains |= {name: load(name).main for name in others}
        for number, case in enumerate(of(cases, "archive")):
            if short and number % 3:
                continue
            for name, words in _on_archive(case, folder / f"archive-{number}"):
                _one(tally, name, mains[name], words, case.words, EITHER if name == "fetch_camvid" else case.expect,
                     folder / f"archive-{number}", case.about)  # fmt: skip
        for case in of(cases, "tree"):
            for command in ("verify", "prepare"):
                to = folder / f"tree-{case.path.name}"
                words = (command, "--root", case.path, "--split", "train", "--workers", "1")
                words = (*words, "--part") if command == "verify" else (*words, "--out", to)
                names = (*case.words, case.path.name)
                _one(tally, "cityscapes", mains["cityscapes"], words, names, EITHER, to, case.about)
        for name, words, said in _wrong(folder, cases):
            _one(tally, name, mains[name], words, (said,), REFUSE, folder / "words-out", " ".join(map(str, words[:1])))
            shutil.rmtree(folder / "words-out", ignore_errors=True)


def _one(
    tally: Tally, name: str, main: Callable[[list[str]], Any], words: Words, names: Sequence[str], expect: str,
    target: Path, about: str,
) -> None:  # fmt: skip
    outcome = caught.command(lambda: main([os.fspath(word) for word in words]))
    found = judge.command(outcome, names, expect) or judge.left_behind(target, whole=False)
    outside = target.parent / "out.txt"
    if not found and (outside.exists() or (target.parent.parent / "out.txt").exists()):
        found = "wrote outside its folder"
    if not found and about.startswith(("zip member", "tar member")) and target.exists():
        left = [path for path in target.rglob("*") if path.is_file() and not path.name.startswith(".")]
        found = f"refused, yet unpacked {left[0].name}" if left else ""
    if found:
        shown = " ".join(os.path.basename(os.fspath(word))[:50] or repr(word) for word in words)
        tally.lose(f"{name}.py {judge.ascii_name(shown)} ({judge.ascii_name(about)}): {found}")
    else:
        tally.survive(injected=expect == REFUSE, refused=bool(outcome.code))


def _on_archive(case: Case, target: Path) -> list[tuple[str, Words]]:
    return [
        ("gta5", ("unpack", case.path, "--root", target / "gta5")),
        ("paintings", ("unpack", case.path, "--root", target / "paintings")),
        ("fetch_camvid", ("--out", target / "camvid", "--from", case.path)),
    ]


def _wrong(folder: Path, cases: Sequence[Case]) -> list[tuple[str, Words, str]]:
    """Script, command line, and the word that its complaint must name."""
    out, missing = folder / "words-out", folder / "missing"
    file = folder / "a-file.txt"
    file.write_text("hello")
    pictures = {case.path.name: case.path for case in of(cases, "folder", "no-folder")}
    weights = {case.path.name: case.path for case in of(cases, "weights")}
    bad_weights = folder / "bad-weights"
    bad_weights.mkdir()
    (bad_weights / "decoder.pth").write_bytes(weights["code-zip.pth"].read_bytes())
    (bad_weights / "vgg_normalised_conv3_1.pth").write_bytes(weights["good.pth"].read_bytes())
    tries: list[tuple[str, Words, str]] = []
    for name in DATASETS:
        tries += [
            (name, ("nonsense",), "nonsense"), (name, (), "COMMAND"), (name, ("verify",), "--root"),
            (name, ("verify", "--root", missing), "missing"), (name, ("verify", "--root", file), "a-file.txt"),
            (name, ("verify", "--root", folder, "--split", "x"), "'x'"),
            (name, ("verify", "--root", folder, "--workers", "0"), "workers"),
            (name, ("verify", "--root", folder, "--workers", "x"), "workers"),
            (name, ("verify", "--root", folder, "--depth", "x"), "depth"),
            (name, ("prepare", "--root", missing, "--out", out), "missing"),
            (name, ("prepare", "--root", folder), "--out"),
            (name, ("unpack", missing, "--root", out), "missing"), (name, ("unpack", "--root", out), "ARCHIVE"),
            (name, ("unpack", file, "--root", out), "a-file.txt"),
            (name, ("unpack", file, "--root", out, "--strip", "x"), "strip"),
            (name, ("unpack", file, "--root", out, "--strip", "-1"), "strip"),
        ]  # fmt: skip
    bank, train, judge_ = "build_style_bank", "train_stylizer", "evaluate_stylizer"
    stylise = "stylise_dataset"
    return [
        *tries,
        (stylise, (), "dataset"), (stylise, ("x", "--root", missing, "--out", out), "x"),
        (stylise, ("gta5", "--root", missing, "--out", out), "missing"), (stylise, ("gta5", "--root", out), "--out"),
        (stylise, ("gta5", "--root", file, "--out", out), "a-file.txt"),
        *[(stylise, ("gta5", "--root", missing, "--out", out, f"--{flag}", "x"), "x") for flag in
          ("split", "lists", "version", "format", "copies")],
        ("gta5", ("fetch", "--root", out, "--only", "nonsense"), "nonsense"), ("gta5", ("fetch",), "--root"),
        ("gta5", ("lists",), "--out"), ("gta5", ("lists", "--out", file), "a-file.txt"),
        ("gta5", ("lists", "--out", out, "--name", "x"), "name"),
        *[("gta5", ("crops", "--root", folder, "--out", out, flag, "0"), "crops") for flag in ("--size", "--count")],
        ("gta5", ("crops", "--root", missing, "--out", out), "missing"),
        ("cityscapes", ("fetch", "--root", out), "Cityscapes"), ("vistas", ("fetch", "--root", out), "Vistas"),
        ("fetch_camvid", (), "--out"), ("fetch_camvid", ("--out", out, "--from", missing), "missing"),
        ("fetch_camvid", ("--out", file, "--from", file), "a-file.txt"),
        ("fetch_camvid", ("--out", out, "--splits", "x"), "splits"),
        ("fetch_camvid", ("--out", out, "--from", file, "--sha256", "x"), "sha256"),
        ("paintings", (), "COMMAND"), ("paintings", ("fetch", "--out", out, "--count", "0"), "count"),
        ("paintings", ("fetch", "--out", out, "--department", "x"), "department"),
        ("paintings", ("fetch", "--out", file), "a-file.txt"),
        ("paintings", ("verify", "--root", missing), "missing"),
        ("paintings", ("verify", "--root", file), "a-file.txt"),
        ("paintings", ("verify", "--root", pictures["nothing"]), "nothing"),
        *[("paintings", ("verify", "--root", pictures[name], "--workers", "1"), word) for name, word in
          (("broken", "broken.png"), ("dangling", "lost.png"), ("loop", "me.png"), ("pipe", "pipe.png"))],
        ("paintings", ("verify", "--root", pictures["ring"], "--workers", "0"), "workers"),
        ("weights", ("verify", "--out", missing), "missing"), ("weights", ("verify", "--out", out, "--only", "x"), "x"),
        ("weights", ("verify", "--out", bad_weights), "decoder.pth"), ("weights", ("fetch",), "--out"),
        (bank, (), "--out"), (bank, ("--out", out / "a.txt"), "a.txt"), (bank, ("--nonsense",), "nonsense"),
        (bank, ("--out", out / "a.safetensors", "--stylizer", "x"), "x"),
        *[(bank, ("--out", out / "a.safetensors", flag, v), flag) for flag in ("--count", "--size")
          for v in ("0", "-1", "x", "99999999999")],
        (train, (), "--out"), (train, ("--out", file, "--tiny", "--minutes", "0", "--workers", "1"), "a-file.txt"),
        *[(train, ("--out", out, f"--{flag}", v), flag) for flag in
          ("minutes", "batch", "crop", "warm-up", "lr", "seed", "streets", "workers") for v in ("-1", "x", "1e99")],
        *[(train, ("--out", out, "--weights", v), "weights") for v in
          ("x", "x=1", "style", "style=x", "style=nan", "=1")],
        (train, ("--out", out, "--lr", "nan"), "lr"), (train, ("--out", out, "--looks", "nonsense"), "nonsense"),
        (train, ("--out", out, "--looks", "sampled:3"), "sampled"), (train, ("--out", out, "--device", "x"), "x"),
        (train, ("--out", out, "--teacher", missing), "missing"), (train, ("--out", out, "--init", missing), "missing"),
        (train, ("--out", out, "--teacher", bad_weights), "vgg_normalised_conv3_1.pth"),
        (train, ("--out", out, "--pool", weights["code-2.pth"]), "code-2.pth"),
        (train, ("--out", out, "--pool", weights["good.pth"]), "good.pth"),
        (judge_, ("--data", missing), "missing"), (judge_, ("--data", folder, "--count", "0"), "count"),
        (judge_, ("--data", folder, "--sets", "x"), "sets"), (judge_, ("--data", folder, "--threads", "0"), "threads"),
        (judge_, ("--data", folder, "--threads", "x"), "threads"),
    ]  # fmt: skip


def _main(module: ModuleType) -> Callable[[list[str]], Any]:
    """The command line of a dataset's script, as its last lines call it."""
    script = importlib.import_module("_script")
    if hasattr(module, "run") and module.__name__ == "camvid":
        return module.run
    return lambda argv: script.main(module.RECIPE, argv, more=getattr(module, "more", None))


@contextlib.contextmanager
def loaded() -> Iterator[Callable[[str], ModuleType]]:
    """Import scripts by name, as Python does when it runs one."""
    sys.path.insert(0, str(SCRIPTS))
    before = os.environ.pop("GLTR_DATA", None)
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(SCRIPTS))
        if before is not None:
            os.environ["GLTR_DATA"] = before


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Any attempt to reach another machine fails at once."""
    before = socket.create_connection

    def refuse(*_: object, **__: object) -> Any:
        raise OSError("no network in the campaign")

    socket.create_connection = refuse
    try:
        yield
    finally:
        socket.create_connection = before
