"""The README's walk from an empty disk to a table, command by command, on small trees in the official formats.

The commands are read out of the README, so that it cannot tell another story. What differs is size alone: steps, crop,
network, and the two lines that need a network connection or a download of the reader's own.
"""

import json
import re
import shlex
from pathlib import Path

import official_trees
import pytest

from gltr_lib import cli
from gltr_lib.config import recipe

README = Path(__file__).parents[1] / "README.md"
SMALL = ["--set", "crop=[32,64]", "forward_images=4", "steps=2", "checkpoint_every=2", "model=deeplab_mini"]


def commands():
    """The ``gltr`` lines of the README's walk, continued lines joined and its loop unrolled."""
    walk = README.read_text(encoding="utf-8").split("## Real data", 1)[1].split("\n## ", 1)[0]
    found = []
    for block in re.findall(r"```bash\n(.*?)```", walk, re.S):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.split("  #")[0].strip()
            loop = re.match(r"for (\w+) in ([\w ]+); do (.*); done$", line)
            lines = [loop[3].replace(f"${loop[1]}", word) for word in loop[2].split()] if loop else [line]
            found += [shlex.split(text) for text in lines if text.startswith("gltr ")]
    return found


def smaller(words):
    """The same command for a laptop: the settings that decide the size replaced."""
    if words[1] == "train":
        start = words.index("--recipe")
        words = words[:start] + words[start + 2 :]
        if "--set" in words:
            start = words.index("--set")
            end = next((i for i in range(start + 1, len(words)) if words[i].startswith("--")), len(words))
            words = words[:start] + words[end:]
        return [*words, *SMALL]
    if words[1:3] == ["bank", "build"]:
        start = words.index("--stylizer")
        return words[:start] + words[start + 2 :]
    return words


@pytest.mark.slow
def test_from_an_empty_disk_to_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("gta5", "cityscapes", "paintings"):
        getattr(official_trees, name)(tmp_path / "data" / name)
    kinds = []
    for words in commands():
        kinds.append(words[1])
        if words[1] == "verify":
            words = [*words, "--part"]  # four pictures are not the whole of GTA5
        assert cli.main(smaller(words)[1:]) == 0, (words, capsys.readouterr().err)
    assert {"verify", "prepare", "bank", "train", "evaluate"} <= set(kinds)
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert [row["method"] for row in rows] == ["baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl"]
    assert all(row["protocol"] == "mIoU-19 @ full size" and row["data"].startswith("cityscapes/val") for row in rows)
    assert "| road |" in (tmp_path / "runs" / "table" / "scores.md").read_text()
    assert (tmp_path / "runs" / "table" / "predictions.png").stat().st_size > 10_000


def test_as_many_processes_as_the_walk_says_can_share_a_step():
    """It once said eight, among which the four source pictures of a step with two views cannot be shared."""
    walk = README.read_text(encoding="utf-8").split("## Real data", 1)[1].split("\n## ", 1)[0]
    counts = [int(count) for count in re.findall(r"`--processes (\d+)`", walk)]
    trained = [words for words in commands() if words[1] == "train"]
    assert counts
    assert len(trained) == 4
    for words in trained:
        for count in counts:
            config = recipe(words[words.index("--recipe") + 1]).replace(method=words[2], processes=count)
            assert config.source_images % count == 0
