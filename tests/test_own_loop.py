"""The five-line example runs as it is, on anyone's folder, and without its five lines."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "examples" / "own_loop.py"
PAGE = SCRIPT.parents[1] / "docs" / "own_loop.md"
# What the page says is not needed is not to be had; what follows uses all that the page defines.
BEFORE = """
import sys
for name in ("accelerate", "ipywidgets", "jupyterlab", "matplotlib", "pooch", "skimage", "tyro"):
    sys.modules[name] = None
"""
AFTER = """
class Net(torch.nn.Conv2d):
    def forward(self, x):
        assert x.min() < 0, "normalised"
        return {"out": super().forward(x)}


def main():
    from gltr_lib.randomize import share_schedule

    images, labels = torch.rand(2, 3, 32, 48), torch.full((2, 32, 48), 255)
    labels[:, :16] = 3
    loss = two_view_loss(Net(3, 19, 1), images, labels)
    loss.backward()
    ltr.share = share_schedule(1, 2)
    raw = torch.where(torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5, images, gtr(images))
    print("styles", len(gtr.bank), "refused", *refused, "loss", bool(loss > 0), "like", raw.shape == images.shape)
    dataset = [(images[0], labels[0])] * 4
    painted = torch.cat([batch for batch, _ in make_loader(dataset)])
    print("apart", len({tuple(picture.flatten().tolist()) for picture in painted}) > 2)


if __name__ == "__main__":
    main()
"""
MARK = re.compile(r"# [1-5]/5$")


def run(script: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.run(
        [sys.executable, str(script), *args], capture_output=True, text=True, env=environment, timeout=300
    )


def test_exactly_five_lines_are_marked_in_order():
    marks = [match.group() for line in SCRIPT.read_text().splitlines() if (match := MARK.search(line))]
    assert marks == [f"# {n}/5" for n in range(1, 6)]


def test_the_consistency_weighs_as_much_beside_the_mean_of_both_views_as_beside_their_sum(monkeypatch, capsys):
    """(CE + CE + 1 * CGL) / 2, which is what the library's own step takes."""
    spec = importlib.util.spec_from_file_location("own_loop", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "consistency_loss", lambda first, second, valid: torch.tensor(1000.0))
    monkeypatch.setattr(sys, "argv", ["own_loop.py", "--steps", "1", "--size", "32", "64", "--batch", "2"])
    script.main()
    assert 500 < float(capsys.readouterr().out.split("loss ")[1]) < 520


@pytest.fixture
def script(monkeypatch):
    """The example in this process, with a network that takes no training."""
    spec = importlib.util.spec_from_file_location("own_loop", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "train", lambda data, args: torch.nn.Linear(1, 1))
    return script


@pytest.mark.parametrize("place", ["missing/net.pt", "."])
def test_a_place_where_nothing_can_be_saved_is_named_before_the_training(script, place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "train", lambda data, args: pytest.fail("trained"))
    monkeypatch.setattr(sys, "argv", ["own_loop.py", "--size", "8", "16", "--save", place])
    with pytest.raises(SystemExit) as stop:
        script.main()
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"error: --save {place}: expected the name of a file in a folder that exists")


def test_a_file_that_cannot_be_written_leaves_the_one_before_it(script, tmp_path, monkeypatch):
    (tmp_path / "net.pt").write_bytes(b"earlier")
    monkeypatch.setattr(sys, "argv", ["own_loop.py", "--size", "8", "16", "--save", str(tmp_path / "net.pt")])

    def full(state, file):
        Path(file).write_bytes(b"half")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OSError, match="no space"):
            script.main()
    assert (tmp_path / "net.pt").read_bytes() == b"earlier"
    script.main()
    assert set(torch.load(tmp_path / "net.pt")) == {"weight", "bias"}
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


@pytest.mark.slow
def test_runs_without_a_folder_and_saves(tmp_path):
    done = run(SCRIPT, "--steps", "2", "--size", "32", "64", "--batch", "2", "--save", str(tmp_path / "net.pt"))
    assert done.returncode == 0, done.stderr
    assert "step 2/2: loss" in done.stdout
    assert (tmp_path / "net.pt").stat().st_size > 100_000


@pytest.mark.slow
def test_runs_on_a_folder_and_is_a_plain_loop_without_its_five_lines(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for n in range(2):
        Image.fromarray(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{n}.jpg")
        Image.fromarray(rng.integers(0, 19, (30, 50), dtype=np.uint8)).save(tmp_path / "labels" / f"{n}.png")
    plain = tmp_path / "plain.py"
    plain.write_text("\n".join(line for line in SCRIPT.read_text().splitlines() if not MARK.search(line)))
    for script in (SCRIPT, plain):
        done = run(script, "--folder", str(tmp_path), "--steps", "2", "--size", "32", "64")
        assert done.returncode == 0, done.stderr
        assert "step 2/2: loss" in done.stdout


@pytest.mark.slow
def test_the_code_of_the_page_runs_with_the_five_libraries_alone(tmp_path):
    """As a script and not in here: the workers of a DataLoader must find its collate function."""
    rng = np.random.default_rng(0)
    (tmp_path / "my_paintings").mkdir()
    for n in range(3):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "my_paintings" / f"{n}.jpg")
    (tmp_path / "my_paintings" / "broken.png").write_bytes(b"no picture")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    script = tmp_path / "page.py"
    code = "\n".join(blocks).replace('"cuda" if torch.cuda.is_available() else "cpu"', '"cpu"')
    folders = {name: str(tmp_path / name) for name in ("my_paintings", "my-bank.safetensors")}
    for name, path in folders.items():
        code = code.replace(f'"{name}"', repr(path))
    script.write_text(BEFORE + code + AFTER)
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert "styles 3 refused broken.png loss True like True" in done.stdout
    # More than two, and not four: two draws out of 512 styles may meet by chance.
    assert "apart True" in done.stdout, "two workers that draw alike would paint the one picture in two styles"


@pytest.mark.slow
def test_an_empty_folder_is_named(tmp_path):
    done = run(SCRIPT, "--folder", str(tmp_path), "--steps", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "images: no such folder" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_damaged_label_is_named(tmp_path):
    for name, shape in (("images", (30, 50, 3)), ("labels", (30, 50))):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / name / "street.png")
    label = tmp_path / "labels" / "street.png"
    label.write_bytes(label.read_bytes()[:40])
    done = run(SCRIPT, "--folder", str(tmp_path), "--steps", "1", "--size", "32", "64")
    assert done.returncode == 1
    assert str(label) in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_nothing_to_do_is_an_error():
    done = run(SCRIPT, "--steps", "0")
    assert done.returncode == 2
    assert "expected at least 1" in done.stderr
