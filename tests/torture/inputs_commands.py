"""``gltr`` on the corpus: every command with bad files and bad words, in this process, some in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.torture import caught, judge
from tests.torture.corpus import ACCEPT, EITHER, REFUSE, Case, of, printable
from tests.torture.judge import Outcome
from tests.torture.tally import Tally, timed

CPU = ("--device", "cpu")
SMALL = ("--steps", "1", "--set", "forward_images=2", "crop=[16,32]")


def on_files(folder: Path, cases: Sequence[Case], tally: Tally, short: bool) -> None:
    """Each file of the corpus to each command that reads its kind."""
    good = {case.kind: case.path for case in cases if case.expect == ACCEPT and case.path.name.startswith("good")}
    source = folder / "one-picture"
    source.mkdir()
    Image.fromarray(np.full((12, 16, 3), 99, np.uint8)).save(source / "good.png")
    with timed(tally):
        for number, case in enumerate(cases):
            if short and number % 3 and case.kind in ("bank", "network", "manifest", "ledger", "archive"):
                continue
            for arguments, expect in _commands(case, folder / f"case-{number}", source, good):
                before = judge.snapshot(case.path) if case.path.is_dir() else {}
                outcome = caught.gltr(arguments, limit=60 if case.kind == "ledger" else 30)
                words = (*case.words, case.path.name, *(("banks:",) if "merge" in arguments else ()))
                found = judge.command(outcome, words, expect)
                found = found or judge.left_behind(folder / f"case-{number}", allowed=_given())
                if case.kind in ("folder", "pairs", "tree"):
                    found = found or judge.changed(before, judge.snapshot(case.path))
                count(
                    tally, found, outcome,
                    f"gltr {' '.join(map(str, arguments[:1]))} on {case.about} ({case.path.name})",
                    case.expect == REFUSE,
                )  # fmt: skip


def _given() -> tuple[str, ...]:
    """Bad files that were put into a result's folder on purpose."""
    return ("manifest.json", "checkpoint.pt", ".hidden.png", "._good.png")


def _commands(
    case: Case, target: Path, source: Path, good: dict[str, Path]
) -> list[tuple[tuple[str | os.PathLike[str], ...], str]]:
    """The commands that a case is given to, and what is expected of each."""
    path, expect = case.path, case.expect
    out = target / "out"
    if case.kind in ("folder", "no-folder"):
        return [
            (("stylize", path, out, *CPU), expect),
            (("bank", "build", path, target / "bank.safetensors", *CPU), expect),
            (("stylize", source, target / "painted", "--bank", path, *CPU), EITHER),
        ]
    if case.kind == "pairs":
        images = ("--images", path / "images", "--labels", path / "labels")
        score = EITHER if path.name == "ignored" else expect  # without a label there is no score
        return [
            (("train", "baseline", *images, "--out", out, *SMALL, *CPU), expect),
            (("evaluate", "baseline", *images, *CPU), score),
            (("evaluate", "baseline", "--data", "folder", "--root", path, "--out", out, *CPU), score),
        ]
    if case.kind == "tree":
        where = ("cityscapes", path)
        return [
            (("verify", *where, "--split", "train", "--part", "--workers", "1"), EITHER),
            (("prepare", *where, out, "--split", "train", "--workers", "1"), EITHER),
            (("evaluate", "baseline", "--data", "cityscapes", "--root", path, "--split", "train", *CPU), expect),
        ]
    if case.kind == "network":
        return [
            (
                ("evaluate", path, "--images", good["pairs"] / "images", "--labels", good["pairs"] / "labels", *CPU),
                expect,
            )
        ]
    if case.kind == "bank":
        return [
            (("bank", "info", path), expect),
            (("stylize", source, out, "--bank", path, *CPU), EITHER if expect == ACCEPT else expect),
            (("bank", "merge", target / "m.safetensors", path, good["bank"], "--prefix"), EITHER),
        ]
    if case.kind == "weights":
        return [(("train", "baseline", "--images", good["pairs"] / "images", "--labels", good["pairs"] / "labels",
                  "--out", out, *SMALL, f"init={path}", "model=deeplab_squeezenet", *CPU), EITHER)]  # fmt: skip
    if case.kind == "checkpoint":
        pairs = ("--images", good["pairs"] / "images", "--labels", good["pairs"] / "labels")
        return [(("train", "baseline", *pairs, "--out", path, *SMALL, *CPU), expect)]
    if case.kind == "manifest":
        return [(("stylize", source, path, *CPU), EITHER)]
    if case.kind == "prepared":
        return [(("prepare", "cityscapes", good["tree"], path, "--split", "train", "--workers", "1"), expect)]
    if case.kind == "ledger" and path.name == "deep.jsonl":  # what is missing is timed, which takes a while
        few = ("--only", "baseline", "--seeds", "1", "--runs", target / "runs")
        return [(("study", "--list", "--ledger", path, *few), EITHER)]
    return []


def whole_folder(folder: Path, cases: Sequence[Case], tally: Tally) -> None:
    """All pictures of the corpus in one folder, to stylize and bank: each is done or refused by name."""
    source = folder / "all-pictures"
    source.mkdir()
    refused = set()
    for case in of(cases, "picture", "named"):
        name = case.path.name if case.path.suffix else case.path.name + ".png"
        (source / name).write_bytes(case.path.read_bytes())
        if case.expect == REFUSE:
            refused.add(name)
    names = os.listdir(source)
    before = judge.snapshot(source)
    with timed(tally):
        for again in (False, True):
            target = folder / "all-stylised"
            outcome = caught.gltr(("stylize", source, target, *CPU, "--json"), limit=120)
            found = judge.command(outcome, expect=REFUSE, limit=120) or judge.changed(before, judge.snapshot(source))
            found = found or judge.left_behind(target)
            if not found:
                manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
                found = judge.skipped(names, manifest["done"], manifest["refused"]) or _unsaid(
                    outcome, manifest["refused"]
                )
                odd = sorted(refused & manifest["done"].keys())
                found = found or (f"stylised what is broken: {', '.join(map(judge.ascii_name, odd))}" if odd else "")
            count(tally, found, outcome, f"gltr stylize of every picture{', again' * again}", True)
        out = folder / "all.safetensors"
        outcome = caught.gltr(("bank", "build", source, out, *CPU, "--json"), limit=120)
        found = judge.command(outcome, expect=REFUSE, limit=120) or judge.left_behind(folder / "nothing")
        if not found:
            said = json.loads(outcome.out)
            given = [printable(name) for name in names]
            done = _styles(out)
            found = judge.skipped(given, done, said["refused"]) or _unsaid(outcome, said["refused"])
        count(tally, found, outcome, "gltr bank build of every picture", True)


def _styles(bank: Path) -> tuple[str, ...]:
    from gltr_lib.style_bank import StyleBank

    return StyleBank.load(bank).names


def _unsaid(outcome: Outcome, refused: dict[str, str]) -> str:
    """Refusals that the manifest holds and the terminal did not say, each on a line of its own."""
    said = [line for line in judge.lines(outcome.err) if line.startswith("refused ")]
    if len(said) != len(refused):
        return f"{len(refused)} refused, {len(said)} lines say so"
    lost = [name for name in refused if not any(printable(name)[:100] in line for line in said)]
    return f"refused in silence: {', '.join(map(judge.ascii_name, lost[:3]))}" if lost else ""


def forbidden(folder: Path, tally: Tally) -> None:
    """Files and folders that may not be read or written, as a user without root's rights sees them."""
    place = folder / "forbidden"
    source = place / "source"
    source.mkdir(parents=True)
    for name in ("good.png", "secret.png"):
        Image.fromarray(np.full((9, 9, 3), 99, np.uint8)).save(source / name)
    (source / "secret.png").chmod(0o000)
    locked = place / "locked"
    locked.mkdir()
    Image.fromarray(np.full((9, 9, 3), 99, np.uint8)).save(locked / "a.png")
    (place / "with").mkdir()
    locked.rename(place / "with" / "locked")
    locked = place / "with" / "locked"
    locked.chmod(0o000)
    bank = place / "closed.safetensors"
    bank.write_bytes(b"x")
    bank.chmod(0o000)
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    for above in (folder, place, *folder.parents[:2]):
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 1:
            above.chmod(above.stat().st_mode | 0o055)
    tries: list[tuple[tuple[str | os.PathLike[str], ...], str]] = [
        (("stylize", source, place / "open" / "out", *CPU), "secret.png"),
        (("stylize", place / "with", place / "open" / "out2", *CPU), "locked"),
        (("stylize", source, place / "nowhere", *CPU), "nowhere"),
        (("bank", "info", bank), bank.name),
        (("bank", "build", source, place / "b.safetensors", *CPU), "b.safetensors"),
        (("demo", "--out", place / "demo.png"), "demo.png"),
        (("verify", "gta5", locked), "locked"),
    ]
    with timed(tally):
        for arguments, word in tries:
            outcome = caught.as_nobody(lambda given=arguments: caught.gltr(given))  # type: ignore[misc]
            if outcome is None:
                tally.skipped = "no child without root's rights could be made, or it died, or may not read the library"
                continue
            found = judge.command(outcome, (word,), REFUSE)
            count(tally, found, outcome, "without the right: gltr " + " ".join(map(str, arguments[:2])), True)
    locked.chmod(0o755)


def apart(folder: Path, cases: Sequence[Case], tally: Tally, short: bool) -> None:
    """The same in processes of their own: what the terminal sees is what was judged."""
    good = next(case.path for case in of(cases, "pairs") if case.expect == ACCEPT)
    bad = next(case.path for case in of(cases, "bank") if case.path.name == "nan.safetensors")
    tries: list[tuple[tuple[str | os.PathLike[str], ...], int]] = [
        (("nonsense",), 2), (("bank", "info", bad), 1), (("stylize", good / "images", good / "images" / "x"), 1),
        (("train", "nonsense"), 2), (("evaluate", "baseline", "--images", good / "labels"), 2),
        (("verify", "gta5", folder / "missing"), 1), (("demo", "--out", folder / "demo.txt"), 2),
    ]  # fmt: skip
    with timed(tally):
        for arguments, code in tries[: 2 if short else len(tries)]:
            here = caught.gltr(arguments)
            command = [sys.executable, "-m", "gltr_lib", *map(os.fspath, arguments)]
            done = subprocess.run(command, cwd=caught.ROOT, capture_output=True, text=True, timeout=120, check=False)
            there = Outcome(done.returncode, done.stdout, done.stderr)
            found = judge.command(there, expect=REFUSE, codes=(code,))
            if not found and (there.code, there.err) != (here.code, here.err):
                found = (
                    f"another answer in a process of its own: {there.code} {there.err!r}, here {here.code} {here.err!r}"
                )
            count(tally, found, there, "apart: gltr " + " ".join(map(str, arguments[:2])), True)


def count(tally: Tally, found: str, outcome: Outcome, what: str, injected: bool) -> None:
    if found:
        tally.lose(f"{judge.ascii_name(what)}: {found}", injected=injected)
    else:
        tally.survive(injected=injected, refused=bool(outcome.code))
