"""Several processes: two equal one, wrong numbers are refused, an error of one reaches the caller, nobody is left."""

import json
import os
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from scale_toys import Painter, Toys, bank, small, weights

from gltr_lib import scale
from gltr_lib.config import TrainConfig
from gltr_lib.engine import pick_device
from gltr_lib.models import build as build_network
from gltr_lib.models.trunk import FrozenBatchNorm
from gltr_lib.scale import Data, fit, parallel, start
from gltr_lib.scale.__main__ import main, parser, settings
from gltr_lib.scale.hush import Hushed
from gltr_lib.scale.parallel import apart, share_norms

SHARED = {"forward_images": 8, "optimizer": "sgd", "lr": 0.05, "class_balance": True}


@pytest.fixture
def _painted(monkeypatch):
    """The processes are forked: what is replaced here is replaced there."""
    from gltr_lib.stylizer import Stylizer

    monkeypatch.setattr(Stylizer, "load", classmethod(lambda cls, *a, **k: Painter()))
    monkeypatch.setattr("gltr_lib.style_bank.StyleBank.load", lambda *a, **k: bank())


@pytest.mark.slow
@pytest.mark.usefixtures("_painted")
def test_two_processes_equal_one(tmp_path):
    """GroupNorm; SGD, since Adam divides gradients that are rounding alone by themselves."""
    config = small(**SHARED, val_every=4, pictures_every=4)
    val = Toys(3, "toys/val", seed=1)
    one = fit(config, Toys(), out=tmp_path / "one", val=val, progress=False)
    two = scale.notebook(config, Toys(), tmp_path / "two", processes=2, val=val, progress=False)
    four = scale.notebook(config.replace(accumulate=2), Toys(), tmp_path / "four", processes=2, val=val, progress=False)
    first = weights(tmp_path / "one")
    for result in (two, four):
        other = weights(result.out)
        assert max((first[k] - other[k]).abs().max().item() for k in first) < 1e-6
        for a, b in zip(one.history, result.history, strict=True):
            assert [a[k] for k in ("loss", "ce", "consistency")] == pytest.approx(
                [b[k] for k in ("loss", "ce", "consistency")], abs=1e-6
            )
        assert result.config.processes == 2
        assert result.validation[-1]["val_miou"] == pytest.approx(one.validation[-1]["val_miou"], abs=1e-3)
    resumed = fit(config.replace(steps=4), Toys(), out=tmp_path / "two", val=val, progress=False)  # one goes on for two
    assert resumed.steps == 0


@pytest.mark.slow
@pytest.mark.usefixtures("_painted")
def test_ordinary_batchnorm_is_not_the_same_on_two_processes(tmp_path, monkeypatch):
    """What the documentation says: statistics are those of each process's own pictures."""
    from gltr_lib import _step

    def build(name, num_classes, **options):
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, num_classes, 1)
        )

    monkeypatch.setattr(_step, "build", build)
    monkeypatch.setattr("gltr_lib.scale.result.load_checkpoint", lambda path: (None, {}))
    config = small("baseline", **SHARED)
    fit(config, Toys(), out=tmp_path / "one", progress=False)
    scale.notebook(config, Toys(), tmp_path / "two", processes=2, progress=False)
    first, other = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert max((first[k].float() - other[k].float()).abs().max().item() for k in first) > 1e-5


@pytest.mark.slow
def test_two_processes_score_one_network(tmp_path, monkeypatch):
    """Each process counts its own pictures in BatchNorm: what is scored and kept is the main process's network."""
    from gltr_lib import _step
    from gltr_lib.evaluate import evaluate, merge

    def build(*_, **options):
        layers = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8, momentum=1.0), torch.nn.Conv2d(8, 4, 1)
        return torch.nn.Sequential(*layers)

    monkeypatch.setattr(_step, "build", build)
    monkeypatch.setattr("gltr_lib.scale.result.load_checkpoint", lambda path: (None, {}))
    val = Toys(6, "toys/val", seed=1)
    for ema in (0.0, 0.5):
        out = tmp_path / str(ema)
        config = small("baseline", **SHARED, val_every=4, ema=ema)
        result = scale.notebook(config, Toys(), out, processes=2, val=val, progress=False)
        state = torch.load(out / "checkpoint.pt", weights_only=True)
        network = build()
        network.load_state_dict(state["average"] if ema else state["model"])
        found = merge([evaluate(network.eval(), image[None], label[None]) for image, label in val]).iou()
        assert result.validation[-1]["val_iou"] == [round(value, 6) for value in found.tolist()]


def test_a_frozen_batchnorm_is_not_thawed_by_sync_bn():
    net = torch.nn.Sequential(FrozenBatchNorm(2), torch.nn.Sequential(torch.nn.BatchNorm2d(2, eps=0.5)))
    before = dict(net.named_parameters())
    made = share_norms(net).train()
    assert isinstance(made[0], FrozenBatchNorm)
    assert not made[0].training
    assert isinstance(made[1][0], torch.nn.SyncBatchNorm)
    assert made[1][0].eps == 0.5
    assert all(value is before[name] for name, value in made.named_parameters())
    with torch.device("meta"):
        deeplab = build_network("deeplabv3plus_resnet50").train()
        with pytest.raises(ValueError, match="two pictures or more"):
            deeplab(torch.rand(1, 3, 64, 64))
        share_norms(deeplab)
        assert not any(type(module) is torch.nn.BatchNorm2d for module in deeplab.modules())
        assert deeplab.norm == "sync"  # one picture in each of several processes will do


def test_batchnorm_over_several_gpus_is_told():
    config, gpu = small("baseline", forward_images=8, processes=4), torch.device("cuda")
    plain, frozen = torch.nn.Sequential(torch.nn.BatchNorm2d(2)), torch.nn.Sequential(FrozenBatchNorm(2))
    assert "the 2 images that a process sees at once, not over the 8 of the step" in apart(plain, config, gpu)
    assert "the 1 image that" in apart(plain, config.replace(accumulate=2), gpu)
    assert apart(plain, config, torch.device("cpu")) == ""  # sync_bn, the remedy, is not there
    assert apart(plain, config.replace(processes=1), gpu) == ""
    assert apart(frozen, config, gpu) == ""
    assert apart(share_norms(plain), config, gpu) == ""


def test_settings_of_accelerate_that_would_change_the_run_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    with pytest.raises(ValueError, match=r"accumulate 4 steps \(ACCELERATE_GRADIENT_ACCUMULATION_STEPS\); unset that"):
        fit(small("baseline"), Toys(), out=tmp_path, progress=False)
    assert not (tmp_path / "checkpoint.pt").exists()
    monkeypatch.delenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS")
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "EAGER")
    with pytest.raises(ValueError, match=r"compile networks with EAGER \(ACCELERATE_DYNAMO_BACKEND\); unset that"):
        fit(small("baseline"), Toys(), out=tmp_path, progress=False)
    monkeypatch.delenv("ACCELERATE_DYNAMO_BACKEND")
    other = SimpleNamespace(distributed_type=SimpleNamespace(value="FSDP"), gradient_accumulation_steps=1)
    with pytest.raises(ValueError, match="accelerate is set to FSDP; this loop spreads over processes by DDP alone"):
        parallel._check_kind(other)


def test_the_device_is_the_engines_choice_but_for_what_processes_share(monkeypatch):
    def chosen(mps, cuda=False, **settings):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        return parallel._device(TrainConfig(**settings)).type

    assert chosen(mps=True) == pick_device().type == "mps"
    assert chosen(mps=True, processes=2, forward_images=4) == "cpu"  # they share no MPS
    assert chosen(mps=True, cuda=True, processes=2, forward_images=4) == "cuda"
    with pytest.raises(ValueError, match='"mps" is not on this machine'):
        chosen(mps=False, device="mps")
    with pytest.raises(ValueError, match="takes cpu, cuda or mps; CUDA_VISIBLE_DEVICES picks GPUs"):
        chosen(mps=False, device="cuda:1")
    if not torch.cuda.device_count():
        with pytest.raises(ValueError, match="'cuda' is not on this machine"):
            chosen(mps=False, device="cuda")


@pytest.mark.slow
def test_an_error_in_one_process_ends_all_and_reaches_the_notebook(tmp_path):
    with pytest.raises(ValueError, match="outside the 2 classes"):
        scale.notebook(small("baseline", num_classes=2), Toys(), tmp_path, processes=2, progress=False)
    assert not (tmp_path / start.FAILURE).exists()


@pytest.mark.slow
def test_a_killed_process_ends_all(tmp_path, monkeypatch):
    from gltr_lib.scale import trainer

    def die(self, step, real=trainer.Trainer._take):
        if step == 2 and self.world.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, step)

    monkeypatch.setattr(trainer.Trainer, "_take", die)
    with pytest.raises(RuntimeError, match="training on 2 processes failed"):
        scale.notebook(small("baseline"), Toys(), tmp_path, processes=2, progress=False)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


def test_the_end_of_those_who_are_left_is_not_the_first_error(tmp_path):
    """After one process was killed the launcher ends the others, and torch makes an exception of that signal."""
    from torch.distributed.elastic.multiprocessing.api import SignalException

    start.note_failure(tmp_path, SignalException("Process 7 got signal: 15", signal.SIGTERM))
    assert not (tmp_path / start.FAILURE).exists()
    start.note_failure(tmp_path, RuntimeError("out of memory"))
    assert "out of memory" in (tmp_path / start.FAILURE).read_text()


def test_a_wrong_number_of_processes_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"asks for 2, found 1; start with gltr train --processes 2 or torchrun"):
        fit(small("baseline", processes=2), Toys(), out=tmp_path, progress=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="asks for 1, found 4"):
        fit(small("baseline"), Toys(), out=tmp_path, progress=False)


def test_a_notebook_that_holds_an_accelerator_is_told_what_to_do(tmp_path, monkeypatch):
    from accelerate.state import AcceleratorState

    monkeypatch.setattr(AcceleratorState, "_shared_state", {"device": "cpu"})
    with pytest.raises(RuntimeError, match=r"already holds an Accelerator .*use scale\.launch"):
        scale.notebook(small("baseline"), Toys(), tmp_path, processes=2)


def folder_of_pairs(root: Path) -> Data:
    for i in range(4):
        image, label = Toys().pair(i)
        for name, array in (("images", image), ("labels", label)):
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(root / name / f"{i}.png")
    return Data("folder", root=str(root))


@pytest.mark.slow
def test_torchrun_trains_like_one_process(tmp_path):
    data = folder_of_pairs(tmp_path / "data")
    config = small("baseline", **{**SHARED, "forward_images": 4})
    two = scale.launch(config, data, tmp_path / "two", processes=2, progress=False)
    fit(config, data.train(config), out=tmp_path / "one", progress=False)
    first, other = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert max((first[k] - other[k]).abs().max().item() for k in first) < 1e-6
    assert two.config.processes == 2
    assert json.loads((tmp_path / "two/data.json").read_text())["name"] == "folder"


@pytest.mark.slow
def test_two_machines_meet_and_the_second_has_no_result_of_its_own(tmp_path):
    """Two launches on one computer stand for two computers; only machine 0 writes."""
    data = folder_of_pairs(tmp_path / "data")
    config = small("baseline", **{**SHARED, "forward_images": 4})
    meeting = {"processes": 1, "nnodes": 2, "master": f"127.0.0.1:{start._free_port()}", "progress": False}
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(scale.launch, config, data, tmp_path / "m1", node_rank=1, **meeting)
        first = scale.launch(config, data, tmp_path / "m0", node_rank=0, **meeting)
        assert other.result(120) is None
    assert first.config.processes == 2
    assert list((tmp_path / "m1").iterdir()) == []
    fit(config, data.train(config), out=tmp_path / "one", progress=False)
    alone, two = weights(tmp_path / "one"), weights(tmp_path / "m0")
    assert max((alone[k] - two[k]).abs().max().item() for k in alone) < 1e-6


def test_the_second_machine_says_so_and_is_no_failure(tmp_path, monkeypatch, capsys):
    from gltr_lib import cli

    monkeypatch.setattr(scale, "launch", lambda *a, **k: None)
    meeting = ["--nnodes", "2", "--node-rank", "1", "--master", "first:29500", "--set", "forward_images=4"]
    assert cli.main(["train", "baseline", "--out", str(tmp_path), *meeting]) == 0
    assert capsys.readouterr().out == (
        "machine 1 has done its part; machine 0 (first:29500) wrote the network and the logs\n"
    )


@pytest.mark.slow
def test_of_a_killed_process_its_own_words_and_one_line_are_left(tmp_path, capfd):
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, signal, time\n"
        "rank = os.environ['RANK']\n"
        "os.write(2, f'rank {rank} speaks\\n'.encode())\n"  # at once: of two that print, a line may end in the other's
        "time.sleep(0.5)\n"
        "os.kill(os.getpid(), signal.SIGKILL) if rank == '1' else time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    code, died = start._watch(command, {**os.environ, "OMP_NUM_THREADS": "1"}, tmp_path / start.FAILURE)
    assert code != 0
    assert died == "process 1 was killed (signal 9)"
    said = capfd.readouterr().err
    assert sorted(said.split()) == sorted(["rank", "0", "speaks", "rank", "1", "speaks"])


def test_processes_end_when_their_launcher_does(tmp_path, monkeypatch):
    """A SIGKILL or SIGTERM of gltr train leaves torchrun and its processes behind, each with a GPU."""
    ours, theirs = os.pipe()
    ended = threading.Event()
    start.end_with_launcher(ours, lambda code: ended.set() if code == 1 else None)
    assert not ended.wait(0.05)
    os.close(theirs)  # as the system does for a process that ends
    assert ended.wait(5)
    os.close(ours)
    look = "import os, stat, sys; sys.exit(0 if stat.S_ISFIFO(os.fstat(0).st_mode) else 5)"
    assert start._watch([sys.executable, "-S", "-c", look], dict(os.environ), tmp_path / start.FAILURE) == (0, "")
    watched = []
    monkeypatch.setattr(start, "end_with_launcher", lambda: watched.append(True))
    monkeypatch.setattr("warnings.formatwarning", warnings.formatwarning)
    for launched in ("", "1"):
        monkeypatch.setenv(start.LAUNCHED, launched)
        assert main(["--set", "nonsense=1", "--out", str(tmp_path)]) == 1
    assert watched == [True]


def test_what_processes_say_passes_as_it_comes():
    out = []
    said = Hushed(out.append)
    for part in ("5%|", "#", "\rW", "hat", "\nW1125 04:18 7 a/torch/distributed/run.py] x\nE", "rror\nTraceback\n"):
        said.feed(part)
    assert "".join(out) == "5%|#\rWhat\nError\nTraceback\n"  # a process's own traceback stays
    assert out[:2] == ["5%|", "#"]
    said.feed("W1125 04:18 7 /torch/distributed/elastic/a.py] Received 15 death signal, shutting down workers\n")
    said.feed("Traceback (most recent call last):\n  of torchrun\n")
    assert "".join(out).endswith("Error\nTraceback\n")


def test_the_error_of_a_process_is_raised_by_its_kind(tmp_path, monkeypatch):
    def watch(command, environment, failure):
        start.note_failure(failure.parent, ValueError("picture 3 is broken"))
        start.note_failure(failure.parent, OSError("that only followed"))
        return 1, ""

    monkeypatch.setattr(start, "_watch", watch)
    with pytest.raises(ValueError, match="picture 3 is broken"):
        scale.launch(small("baseline"), Data("folder", root="x"), tmp_path, processes=2)
    assert not (tmp_path / start.FAILURE).exists()


def test_one_process_of_a_run_as_a_module(tmp_path, capsys, monkeypatch):
    """What accelerate launch does on CPUs: a single process, which refuses to stand for two."""
    monkeypatch.setattr("warnings.formatwarning", warnings.formatwarning)  # the module sets its own
    data = folder_of_pairs(tmp_path / "data")
    two = small("baseline", processes=2).to_json()
    given = ["--data-json", data.to_json(), "--out", str(tmp_path / "run"), "--quiet"]
    assert main(["--config", two, *given]) == 1
    said = capsys.readouterr().err
    assert said.startswith("gltr: processes: the configuration asks for 2, found 1")
    assert len(said.strip().splitlines()) == 1
    assert main(["--config", two, "--set", "processes=1", *given]) == 0
    assert (tmp_path / "run/model.safetensors").is_file()


def test_machines_must_be_told_where_to_meet(tmp_path):
    with pytest.raises(ValueError, match='meet at "host:port"'):
        scale.launch(small("baseline"), Data(), tmp_path, nnodes=2)
    with pytest.raises(ValueError, match="node_rank=2, nnodes=2"):
        scale.launch(small("baseline"), Data(), tmp_path, nnodes=2, node_rank=2, master="a:1")


def test_the_command_that_each_machine_runs(tmp_path, monkeypatch):
    seen = {}

    def watch(command, environment, failure):
        seen.update(command=command, environment=environment)
        return 3, ""

    monkeypatch.setattr(start, "_watch", watch)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config = small("baseline", forward_images=8)
    with pytest.raises(RuntimeError, match=r"exit code 3 and without a message .* starts anew"):
        scale.launch(
            config, Data("folder", root="x"), tmp_path, processes=4, nnodes=2, node_rank=1, master="node0:29400"
        )
    (tmp_path / start.CHECKPOINT).touch()
    for resume, again in (
        (True, "same command goes on"),
        (False, "same command, without --fresh, goes on from the last"),
    ):
        with pytest.raises(RuntimeError, match=again):
            scale.launch(config, Data("folder", root="x"), tmp_path, processes=1, resume=resume)
    with pytest.raises(RuntimeError):
        scale.launch(
            config, Data("folder", root="x"), tmp_path, processes=4, nnodes=2, node_rank=1, master="node0:29400"
        )
    line = " ".join(seen["command"])
    assert "--nnodes=2 --node-rank=1 --master-addr=node0 --master-port=29400 --nproc-per-node=4" in line
    assert '"processes": 8' in line
    assert seen["environment"]["ACCELERATE_USE_CPU"] == "1"
    assert int(seen["environment"]["OMP_NUM_THREADS"]) >= 1


def test_arguments_of_a_process():
    given = parser().parse_args(
        ["gtr", "--recipe", "gtr_paper", "--set", "steps=5", "lr=1", "--data", "gta5", "--root", "r", "--out", "o"]
    )
    config, data = settings(given)
    assert (config.method.name, config.steps, config.lr, config.head_lr_factor) == ("gtr", 5, 1.0, 10.0)
    assert (data.name, data.root, data.split) == ("gta5", "r", "train")
