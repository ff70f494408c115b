"""``gltr`` with wrong words: command lines that are mistaken in themselves, and settings that no training has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.torture import caught, judge
from tests.torture.corpus import ACCEPT, REFUSE, Case, of
from tests.torture.corpus_texts import overrides
from tests.torture.inputs_commands import CPU, SMALL, count
from tests.torture.tally import Tally, timed


def run(folder: Path, cases: Sequence[Case], tally: Tally, short: bool) -> None:
    """Command lines that are wrong in themselves: exit code 2 and one line, with nothing written."""
    good = next(case.path for case in of(cases, "pairs") if case.expect == ACCEPT)
    source, target = folder / "words-source", folder / "words-target"
    source.mkdir()
    Image.fromarray(np.full((9, 9, 3), 99, np.uint8)).save(source / "a.png")
    with timed(tally):
        for number, (arguments, word) in enumerate(_wrong(source, target, good)):
            if short and number % 2 and arguments[0] in ("study", "evaluate"):
                continue
            outcome = caught.gltr(arguments)
            found = judge.command(outcome, (word,), REFUSE, codes=(1, 2))
            made = [path for path in (target, target.with_suffix(".safetensors")) if path.exists()]
            if made and not found:
                found = f"refused, yet {made[0].name} was made"
            for path in made:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            words = " ".join(os.path.basename(os.fspath(a))[:60] or repr(a) for a in arguments)
            count(tally, found, outcome, f"gltr {words}", True)
        images = ("--images", good / "images", "--labels", good / "labels", "--out", target, *CPU)
        for number, (text, expect) in enumerate(overrides(0)):
            if short and number % 3 and expect == REFUSE:
                continue
            word = text.partition("=")[0].strip() or repr(text)
            fast = [] if text.startswith("steps") else ["steps=1"]
            given = ("train", "baseline", *images, "--set", *fast, *([] if "crop" in text else ["crop=[16,32]"]),
                     *([] if "forward" in text else ["forward_images=2"]), text)  # fmt: skip
            outcome = caught.gltr(given)
            found = judge.command(outcome, (word, word.rpartition(".")[2], "override", "model:"), expect)
            shutil.rmtree(target, ignore_errors=True)
            count(tally, found, outcome, f"gltr train --set {text[:60]!r}", expect == REFUSE)


def _wrong(source: Path, target: Path, pairs: Path) -> list[tuple[tuple[str | os.PathLike[str], ...], str]]:
    """Command lines with the word that a complaint must name."""
    stylize = ("stylize", source, target)
    images = ("--images", pairs / "images", "--labels", pairs / "labels")
    train = ("train", "baseline", *images, "--out", target, *SMALL)
    evaluate = ("evaluate", "baseline", *images)
    data = ("evaluate", "baseline", "--data", "folder", "--root", pairs)
    bank = target.with_suffix(".safetensors")
    return [
        (("nonsense",), "nonsense"), (("",), "''"), (("--nonsense",), "--nonsense"), (("bank", "nonsense"), "bank"),
        (("stylize",), "SOURCE"), (("stylize", source), "TARGET"), ((*stylize, "more"), "more"),
        ((*stylize, "--nonsense", "1"), "--nonsense"),
        *[((*stylize, "--alpha", v), "alpha") for v in ("2", "-1", "nan", "inf", "x", "")],
        *[((*stylize, "--copies", v), "copies") for v in ("0", "-1", "1.5", "x")],
        *[((*stylize, "--batch", v), "batch") for v in ("0", "-3", "x")],
        *[((*stylize, "--workers", v), "workers") for v in ("0", "-3", "x")],
        *[((*stylize, "--tile", v), "tile") for v in ("0", "63", "-1", "x")],
        *[((*stylize, "--shard", v), "shard") for v in ("", "x", "1", "0/4", "5/4", "-1/2", "1/0", "a/b", "1/2/3")],
        *[((*stylize, "--processes", v), "processes") for v in ("0", "-2", "x")],
        ((*stylize, "--shard", "1/2", "--processes", "2"), "--shard"),
        *[((*stylize, "--seed", v), "seed") for v in ("x", "1.5", "")],
        ((*stylize, "--format", "bmp"), "format"), ((*stylize, "--stylizer", "nonsense"), "nonsense"),
        ((*stylize, "--stylizer", ""), "stylizer"), ((*stylize, "--bank", "nonsense"), "nonsense"),
        ((*stylize, "--bank", ""), "bank"), ((*stylize, "--device", "nonsense"), "nonsense"),
        ((*stylize, "--device", "cuda:99"), "cuda:99"), ((*stylize, "--device", ""), "device"),
        (("stylize", source, source), source.name), (("stylize", source, source / "inside"), "inside"),
        (("stylize", source, source / "a.png"), "a.png"),
        (("bank", "build", source, target.with_suffix(".txt")), ".safetensors"),
        *[(("bank", "build", source, bank, "--longest", v), "longest") for v in ("0", "15", "-1", "x")],
        *[(("bank", "build", source, bank, "--top", v), "top") for v in ("0", "-1", "x", "99")],
        *[(("bank", "build", source, bank, "--select", v), "select") for v in
          ("", "x", "complexity", "complexity:1..0", "complexity:-1..2", "nonsense:0..1")],
        (("bank", "build", source, bank, "--select", "complexity:0..1", "--top", "1"), "--select"),
        *[(("bank", "build", source, bank, "--workers", v), "workers") for v in ("0", "-1", "x")],
        (("bank", "info"), "FILE"), (("bank", "info", ""), "''"), (("bank", "merge", bank), "two banks"),
        (("bank", "merge", bank, bank), "two banks"), (("bank", "merge", target, bank, bank), ".safetensors"),
        (("verify", "nonsense", source), "nonsense"), (("verify", "gta5", source, "--depth", "x"), "depth"),
        (("verify", "gta5", source, "--workers", "0"), "workers"), (("verify", "gta5", source, "--lists", "x"),
        "lists"),
        (("verify", "gta5", source, "--split", "x"), "split"), (("verify", "gta5", source, "--mapping", "x"),
        "mapping"),
        (("prepare", "nonsense", source, target), "nonsense"), (("prepare", "vistas", source, target, "--version",
        "x"), "x"),
        (("prepare", "gta5", source, target, "--split", "x"), "split"),
        (("train", "nonsense", "--out", target), "nonsense"), (("train", "", "--out", target), "''"),
        (("train", "gtr", "--images", source, "--out", target), "--labels"),
        *[((*train, "--steps", v), "steps") for v in ("0", "-1", "x", "1.5")],
        *[((*train, "--seed", v), "seed") for v in ("-1", "x")],
        ((*train, "--recipe", "x"), "recipe"), ((*train, "--processes", "0"), "processes"),
        ((*train, "--nnodes", "0"), "nodes"), ((*train, "--nnodes", "2"), "--master"), ((*train, "--data", "x"),
        "--images"),
        (("train", "gtr", "--data", "nonsense", "--root", source, "--out", target), "nonsense"),
        (("train", "gtr", "--data", "gta5", "--out", target, *CPU), "root"),
        (("train", "gtr", "--data", "gta5", "--root", source, "--out", target, *CPU), source.name),
        (("train", "gtr", "--data", "gta5", "--root", source, "--option", "x", "--out", target), "option"),
        (("train", "gtr", "--data", "gta5", "--root", source, "--option", "x=1", "--out", target, *CPU), "x"),
        (("train", "gtr", "--data", "streets", "--split", "nonsense", "--profile", "--out", target, *CPU), "nonsense"),
        (("evaluate", "nonsense"), "nonsense"), (("evaluate", ""), "''"), (("evaluate", source), source.name),
        *[((*evaluate, "--scenes", v), "scenes") for v in ("0", "65", "x")],
        *[((*data, "--batch", v), "batch") for v in ("0", "x")], ((*data, "--workers", "-1"), "workers"),
        ((*data, "--amp", "x"), "amp"), ((*evaluate, "--device", "x"), "device"), ((*data, "--split", "x"), "x"),
        (("evaluate", "baseline", "--look", "nonsense"), "nonsense"), (("evaluate", "baseline", "--look",
        "sampled:x"), "sampled:x"),
        (("evaluate", "baseline", "--look", "sampled:1000"), "sampled:1000"), (("evaluate", "baseline", "--look"),
        "look"),
        (("evaluate", "baseline", "--data", "folder"), "--root"), (("evaluate", "baseline", "--out", target), "--data"),
        (("evaluate", "baseline", "--data", "x", "--root", source), "data"),
        ((*data, "--protocol", "x"), "protocol"), *[((*data, "--classes", v), "classes") for v in ("0", "18", "x")],
        *[((*data, "--fit", v), "fit") for v in ("x", "0x0", "5", "-1x3", "axb", "9" * 5000 + "x1")],
        *[((*data, "--window", v), "window") for v in ("x", "0x5", "5")],
        *[((*data, "--window", "8x8", "--overlap", v), "overlap") for v in ("1", "-1", "nan", "x")],
        *[((*data, "--scales", v), "scales") for v in ("0", "-1", "nan", "inf", "x")],
        ((*data, "--option", "x"), "option"), ((*data, "--option", "x=1"), "x"),
        ((*data, "--ledger", target / "l.jsonl", "--against", "gtr", "--seed", "1"), "--against"),
        ((*data, "--export", target), "export"), ((*data, "--against", "nonsense"), "nonsense"),
        (("evaluate", "baseline", "--camvid", source, *CPU), source.name),
        (("demo", "--out", target.with_suffix(".txt")), ".txt"), (("demo", "--seed", "-1", "--out",
        target / "a.png"), "seed"),
        (("demo", "--seed", "x"), "seed"), (("demo", "--seed", "9" * 30, "--out", target / "a.png"), "seed"),
        *[(("bench", "--repeat", v), "repeat") for v in ("0", "-1", "x")],
        *[(("study", *v), v[-1]) for v in (
            ("--tier", "nonsense"), ("--only", "nonsense"), ("--looks", "nonsense"), ("--shard", "3/2"),
            ("--shard", "x"))],
        (("study", "--jobs", "0"), "jobs"), (("study", "--steps", "-1"), "steps"), (("study", "--seeds", "0"), "seeds"),
        (("study", "--set", "nonsense=1"), "nonsense"), (("study", "--set", "x"), "x"), (("study", "--scenes", "-1"),
        "scenes"),
        (("study", "--tier", "all", "--final"), "--tier"),
        (("study", "--real", source, "--reason", "to see"), source.name),
    ]  # fmt: skip
