"""The full-scale loop in one process: it learns, resumes bit for bit, logs, refuses, and keeps the last good state."""

import csv
import errno
import json
import multiprocessing
import os
import resource
import signal
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from scale_toys import CLASSES, Painter, Toys, bank, same, small, weights

from gltr_lib import _drafts, engine
from gltr_lib.config import METHODS
from gltr_lib.evaluate import evaluate
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.models.mini import DeepLabMini
from gltr_lib.scale import Data, FitResult, fit, logs, trainer
from gltr_lib.scale.clock import PHASES, by_the_clock
from gltr_lib.scale.samples import Samples


def run(config, out, data=None, **options):
    options = {"progress": False, "stylizer": Painter(), "bank": bank(), **options}
    return fit(config, data or Toys(), out=out, **options)


def in_a_process(target):
    """Run a function in a forked process, so that it may die; returns its exit code."""
    child = multiprocessing.get_context("fork").Process(target=lambda: (torch.set_num_threads(1), target()))
    child.start()
    child.join(120)
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize("method", ["baseline", "gtr", "gtr_ltr_cgl", "gtr_gtr_cons"])
def test_methods_train_and_the_network_reads_back(tmp_path, method):
    result = run(small(method), tmp_path)
    assert [row["step"] for row in result.history] == [1, 2, 3, 4]
    assert (result.history[0]["consistency"] > 0) == (METHODS[method].consistency > 0)
    assert set(result.profile) == set(PHASES)
    assert result.profile_table().count("%") == len(PHASES)
    again = FitResult.read(tmp_path)
    assert again.config == result.config
    assert again.history == result.history
    image = Toys()[0][0][None]
    with torch.no_grad():
        torch.testing.assert_close(again.model(image), result.model(image), atol=0.05, rtol=0.01)  # half precision


def test_the_loss_falls(tmp_path):
    history = run(small("baseline", steps=40, lr=1e-2, checkpoint_every=40), tmp_path).history
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]


def test_one_step_is_the_engines_step_on_the_same_pixels(tmp_path):
    """With the same pictures in, the engine's optimizer and loss give the same weights out."""
    config = small("baseline", steps=1, jitter=0.0, blur=0.0, optimizer="sgd", lr=0.1)
    run(config, tmp_path)
    from gltr_lib._step import make_model, make_optimizer, set_rate

    torch.manual_seed(0)
    model = make_model(config).train()
    optimizer = make_optimizer(model, config)
    set_rate(optimizer, engine.learning_rate(0, config))
    samples = Samples(Toys(), config)
    indices = engine.source_indices(0, len(Toys()), config).tolist()
    made = [samples.make((0, place, index)) for place, index in enumerate(indices)]
    images = torch.stack([m[1] for m in made]).float() / 255
    loss, _ = engine.step_loss(model, [images], torch.stack([m[2] for m in made]).long(), config)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
    optimizer.step()
    for name, value in weights(tmp_path).items():
        torch.testing.assert_close(value, model.state_dict()[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"optimizer": "sgd", "accumulate": 2}])
def test_a_run_that_is_killed_and_resumed_is_the_run_that_was_not(tmp_path, monkeypatch, changes):
    config = small(**changes)
    torch.set_num_threads(1)
    whole = run(config, tmp_path / "whole")

    def killed():
        real = trainer.step_loss

        def step(*args, **options):
            if (tmp_path / "cut" / "checkpoint.pt").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        trainer.step_loss = step
        run(config, tmp_path / "cut")

    assert in_a_process(killed) == -signal.SIGKILL
    assert torch.load(tmp_path / "cut/checkpoint.pt", weights_only=True)["step"] == 2
    resumed = run(config, tmp_path / "cut")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert same(whole.model.state_dict(), resumed.model.state_dict())
    learnt = [[{k: row[k] for k in ("step", "loss", "ce", "lr")} for row in r.history] for r in (whole, resumed)]
    assert learnt[0] == learnt[1]
    assert not [path for path in (tmp_path / "cut").iterdir() if _drafts.is_draft(path.name)]


def test_two_halves_equal_one_whole_whatever_the_workers(tmp_path):
    torch.set_num_threads(1)
    run(small("gtr_ltr"), tmp_path / "whole")

    class StopError(Exception):
        pass

    def stop(*_):
        raise StopError

    with pytest.MonkeyPatch.context() as patch:
        save = trainer.Trainer.save
        patch.setattr(trainer.Trainer, "save", lambda self: (save(self), stop() if self.step == 2 else None))
        with pytest.raises(StopError):
            run(small("gtr_ltr"), tmp_path / "cut")
    run(small("gtr_ltr", workers=1), tmp_path / "cut")  # loader processes may change in between
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_another_run_is_refused_and_its_folder_left_alone(tmp_path):
    run(small(), tmp_path)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(ValueError, match=r"another run: lr=0.01, now 0.1; use another folder"):
        run(small(lr=0.1), tmp_path)
    with pytest.raises(ValueError, match="other pictures or styles"):
        run(small(), tmp_path, Toys(seed=1))
    with pytest.raises(ValueError, match="other pictures or styles"):
        run(small(), tmp_path, bank=bank(4))
    assert (tmp_path / "config.json").read_text() == before
    assert run(small(accumulate=2), tmp_path).steps == 0  # as memory may ask for, after some steps
    run(small(lr=0.1), tmp_path, resume=False)
    assert json.loads((tmp_path / "config.json").read_text())["lr"] == 0.1


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    torch.set_num_threads(1)
    run(small("baseline"), tmp_path / "whole")
    run(small("baseline"), tmp_path / "cut")
    (tmp_path / "cut/checkpoint.pt").write_bytes(b"half a file")
    run(small("baseline"), tmp_path / "cut")
    assert "going on from checkpoint.previous.pt, step 2" in capsys.readouterr().out
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (tmp_path / "cut" / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"checkpoint\.pt: not a checkpoint.*previous\.pt: not a checkpoint"):
        run(small("baseline"), tmp_path / "cut")


def test_a_full_disk_names_the_step_and_leaves_the_checkpoint_before(tmp_path):
    """A limit on the size of files stands for the full disk: the system call fails in the same way."""
    config = small("baseline", steps=2, checkpoint_every=1)

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        save = trainer.Trainer.save

        def limited(self):
            if self.step == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            save(self)

        trainer.Trainer.save = limited
        try:
            run(config, tmp_path)
        except OSError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            (tmp_path / "said.txt").write_text(str(error))

    assert in_a_process(full) == 0
    said = (tmp_path / "said.txt").read_text()
    assert "the checkpoint of step 2 was not written" in said
    assert "the checkpoint before it is whole" in said
    assert "enforce fail" not in said
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 1
    assert not [path for path in tmp_path.iterdir() if _drafts.is_draft(path.name)]


def test_a_loss_that_is_no_number_names_the_step_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    real, calls = trainer.step_loss, []

    def broken(*args, **options):
        loss, parts = real(*args, **options)
        calls.append(1)
        return (loss * float("nan") if len(calls) == 4 else loss), parts

    monkeypatch.setattr(trainer, "step_loss", broken)
    with pytest.raises(RuntimeError, match=r"nan at step 3 .*lower lr"):
        run(small("baseline", checkpoint_every=1), tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 3
    assert all(torch.isfinite(value).all() for value in state["model"].values())


def test_weights_that_are_no_numbers_never_reach_a_checkpoint(tmp_path, monkeypatch):
    def spoil(self, step, real=trainer.Trainer._take):
        real(self, step)
        if step == 3:
            next(iter(self.model.parameters())).data.fill_(float("nan"))

    monkeypatch.setattr(trainer.Trainer, "_take", spoil)
    with pytest.raises(RuntimeError, match="weights are no numbers after step 3"):
        run(small("baseline"), tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


class Deadly(Toys):
    """A data set whose loader process is killed at one picture, as the system does when memory runs out."""

    def pair(self, index):
        if index == 3 and torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().pair(index)


def test_a_killed_loader_process_is_named_with_its_remedy(tmp_path):
    with pytest.raises(RuntimeError, match=r"a loader process died at step \d .*use fewer workers \(now 1\)"):
        run(small("baseline", workers=1), tmp_path, Deadly())


class Failing(Toys):
    """A data set whose loader process cannot have the memory that it asks for."""

    def pair(self, index):
        if torch.utils.data.get_worker_info() is not None:
            raise RuntimeError("unable to allocate shared memory(shm) for file </torch_7>: No space left on device")
        return super().pair(index)


def test_what_ran_out_is_named_with_its_remedy(tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match=r"failed at step 0 \(RuntimeError: unable to allocate .*docker: --shm-size"):
        run(small("baseline", workers=1), tmp_path, Failing())

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a capacity of 1 GiB.")

    monkeypatch.setattr(trainer, "step_loss", full)
    with pytest.raises(RuntimeError, match=r"GPU memory at step 0 \(.*Tried .* 2.00 GiB\); .*accumulate= \(now 1"):
        run(small("baseline"), tmp_path)


def test_cudnn_tries_its_algorithms_on_crops_alone(monkeypatch):
    """As docs/reproducibility.md says of GPUs; a switch that can be thrown without one."""
    cudnn, gpu = torch.backends.cudnn, torch.device("cuda")
    monkeypatch.setattr(cudnn, "benchmark", False)
    with by_the_clock(gpu):
        assert cudnn.benchmark
        with by_the_clock(gpu, wanted=False):  # a validation: pictures of many sizes
            assert not cudnn.benchmark
        assert cudnn.benchmark
    assert not cudnn.benchmark
    with by_the_clock(torch.device("cpu")):
        assert not cudnn.benchmark
    monkeypatch.setattr(cudnn, "deterministic", True)
    with by_the_clock(gpu):
        assert not cudnn.benchmark


def test_an_error_of_a_picture_comes_out_of_a_loader_process_as_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^picture \d: label ids \[2, 3\] are outside the 2 classes") as caught:
        run(small("baseline", num_classes=2, workers=1), tmp_path)
    assert "Traceback" not in str(caught.value)


def test_logs_rows_and_pictures(tmp_path):
    config = small("gtr_ltr", steps=5, log_every=2, checkpoint_every=5, pictures_every=5, val_every=5)
    result = run(config, tmp_path, val=Toys(3, "toys/val", seed=1))
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert tuple(rows[0]) == logs.COLUMNS
    assert [int(row["step"]) for row in rows] == [2, 4, 5]
    records = logs.read_records(tmp_path / "log.jsonl")
    assert [record["step"] for record in records] == [2, 4, 5, 5]
    assert 0 <= result.validation[-1]["val_miou"] <= 1
    single = run(config.replace(log_every=1), tmp_path / "each", val=Toys(3, "toys/val", seed=1)).history
    assert float(rows[0]["loss"]) == pytest.approx((single[0]["loss"] + single[1]["loss"]) / 2)
    sheet = np.array(Image.open(tmp_path / "pictures/step-000005.png"))
    assert sheet.shape == (14 + 2 * 34 - 2, 5 * 66 - 2, 3)  # two samples; source, two views, prediction, truth
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 50


def test_a_log_with_a_torn_line_goes_on(tmp_path):
    log = logs.Log(tmp_path)
    for step in (1, 2, 3):
        log.row({"step": step, "loss": 1.0 / step})
    log.close()
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"step": 4, "lo')
    log = logs.Log(tmp_path, 2)
    log.row({"step": 3, "loss": 9.0})
    log.close()
    assert [(r["step"], r["loss"]) for r in logs.read_records(tmp_path / "log.jsonl")] == [(1, 1.0), (2, 0.5), (3, 9.0)]
    assert [row["loss"] for row in csv.DictReader((tmp_path / "log.csv").open())] == ["1.0", "0.5", "9.0"]


def test_no_network_is_chosen_on_a_target(tmp_path):
    config = small("baseline", val_every=2)
    with pytest.raises(ValueError, match=r"val is of 'city' and training is on 'toys': no network may be chosen on a"):
        run(config, tmp_path, val=Toys(2, "city/val"))
    with pytest.raises(ValueError, match="cannot tell whether it is a split of the source"):
        run(config, tmp_path, val=Toys(2, None))
    with pytest.raises(ValueError, match="val_every=2 needs val="):
        run(config, tmp_path)
    for name in ("folder", "pairs", "folder/val"):  # what any two folders are called says nothing
        with pytest.raises(ValueError, match="cannot tell whether it is a split of the source"):
            run(config, tmp_path, Toys(name=name), val=Toys(2, name))
    one, other = Toys(name="folder/train"), Toys(2, "folder/val")
    one.source, other.source = "/data/game", "/data/city"
    with pytest.raises(ValueError, match="val is of '/data/city' and training is on '/data/game'"):
        run(config, tmp_path, one, val=other)
    assert not (tmp_path / "checkpoint.pt").exists()
    other.source = "/data/game"
    run(config, tmp_path, one, val=other)


class Read(Toys):
    """A validation split that remembers which threads read it."""

    def pair(self, index):
        self.threads = {*getattr(self, "threads", ()), threading.current_thread().name.split("_")[0]}
        return super().pair(index)


@pytest.mark.slow
def test_a_validation_reads_ahead_and_scores_the_same(tmp_path):
    val = Read(5, "toys/val", seed=1)
    scores = []
    for workers, threads in ((0, {"MainThread"}), (2, {"decode"})):
        val.threads = set()
        result = run(small("baseline", val_every=2, workers=workers), tmp_path / str(workers), val=val)
        assert val.threads == threads
        scores.append(result.validation)
    assert scores[0] == scores[1]


class PairsAlone:
    """What ``fit`` asks of a dataset, and nothing more."""

    def __init__(self, toys):
        self.toys, self.name = toys, toys.name

    def __len__(self):
        return len(self.toys)

    def pair(self, index):
        return self.toys.pair(index)


def test_pairs_without_items_train_and_validate(tmp_path):
    config = small("baseline", val_every=2)
    found = run(config, tmp_path / "pairs", PairsAlone(Toys()), val=PairsAlone(Toys(3, "toys/val")))
    assert found.validation == run(config, tmp_path / "items", val=Toys(3, "toys/val")).validation


def test_a_fresh_run_that_is_stopped_does_not_go_on_from_the_run_before(tmp_path, monkeypatch):
    config = small("baseline", val_every=2, selection="source-val")
    val = Toys(3, "toys/val")
    run(config, tmp_path, val=val)

    class StopError(Exception):
        pass

    def stop(*_):
        raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer.Trainer, "_take", stop)
        with pytest.raises(StopError):
            run(config, tmp_path, val=val, resume=False)
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"checkpoint.pt", "checkpoint.previous.pt", "best.pt", "result.json", "model.safetensors"}
    assert len(run(config, tmp_path, val=val).history) == 4


def test_a_best_network_that_is_gone_is_called_missing(tmp_path):
    config = small("baseline", val_every=2, selection="source-val")
    run(config, tmp_path, val=Toys(3, "toys/val"))
    (tmp_path / "best.pt").unlink()
    with pytest.raises(ValueError, match=r"best\.pt: is missing; .*start anew"):
        run(config, tmp_path, val=Toys(3, "toys/val"))


def test_a_validation_is_the_score_of_the_dataset_picture_by_picture(tmp_path):
    """The numbers of ``evaluate`` on each picture, added up; and the safeguards of ``evaluate_dataset``."""
    val = Toys(3, "toys/val")
    result = run(small("baseline", val_every=4), tmp_path, val=val)
    total = ConfusionMatrix(CLASSES)
    for image, label in (val[index] for index in range(3)):
        total.counts += evaluate(result.model, image[None], label[None]).counts
    assert result.validation[-1]["val_miou"] == round(total.miou(), 6)


def test_a_network_that_answers_nan_is_no_candidate(tmp_path, monkeypatch):
    """NaN counts as class 0 everywhere: it had a score like any other."""

    def broken(self, images, real=DeepLabMini.forward):
        return real(self, images) * (1.0 if self.training else float("nan"))

    monkeypatch.setattr(DeepLabMini, "forward", broken)
    with pytest.raises(ValueError, match="the network answers NaN"):
        run(small("baseline", val_every=2), tmp_path, val=Toys(3, "toys/val"))


def test_a_validation_without_labels_is_refused_at_once(tmp_path):
    """Else a run that selects would find at its end that it kept no network."""
    val = Toys(2, "toys/val")
    for _, label in val.made:
        label[:] = 255
    with pytest.raises(ValueError, match="val: no pixel has a label"):
        run(small("baseline", val_every=1, selection="source-val"), tmp_path, val=val)


def test_selection_keeps_the_best_network_of_the_sources_validation(tmp_path, monkeypatch):
    scores = {1: 0.2, 2: 0.7, 3: 0.4, 4: 0.1}
    made = []

    def scored(self, val, log, real=trainer.Trainer._validate):
        made.append(scores[self.step])
        real(self, val, log)

    monkeypatch.setattr(trainer.Trainer, "_validate", scored)
    monkeypatch.setattr("gltr_lib.metrics.ConfusionMatrix.miou", lambda self, classes=None: made[-1])
    config = small("baseline", val_every=1, selection="source-val", checkpoint_every=1)
    seen = {}
    save = trainer.Trainer.save

    def keep(self):
        save(self)
        seen[self.step] = {k: v.clone() for k, v in self.model.state_dict().items()}

    monkeypatch.setattr(trainer.Trainer, "save", keep)
    result = run(config, tmp_path, val=Toys(2, "toys/val"))
    assert result.chosen == 2
    assert same(result.model.state_dict(), seen[2])
    assert not same(result.model.state_dict(), seen[4])
    assert json.loads((tmp_path / "result.json").read_text())["chosen"] == 2


def test_bf16_runs_on_a_cpu_and_differs_from_single_precision(tmp_path):
    half = run(small("baseline", precision="bf16"), tmp_path / "half").history
    full = run(small("baseline"), tmp_path / "full").history
    assert half[0]["loss"] == pytest.approx(full[0]["loss"], rel=0.02)
    assert half[0]["loss"] != full[0]["loss"]
    with pytest.raises(ValueError, match='precision="fp16" needs CUDA'):
        run(small("baseline", precision="fp16"), tmp_path / "fp16")
    with pytest.raises(ValueError, match=r"sync_bn: .* CUDA alone"):
        run(small("baseline", sync_bn=True), tmp_path / "sync")


def test_channels_last_and_parts_change_rounding_alone(tmp_path):
    usual = {"optimizer": "sgd", "lr": 0.05, "class_balance": True}
    run(small(forward_images=8, **usual), tmp_path / "whole")
    run(small(forward_images=8, accumulate=2, channels_last=True, **usual), tmp_path / "parts")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert max((whole[k] - parts[k]).abs().max().item() for k in whole) < 1e-6


def test_torch_compile_that_fails_says_what_to_do(tmp_path, monkeypatch):
    class BrokenError(RuntimeError):
        pass

    BrokenError.__module__ = "torch._dynamo.exc"

    def compiled(model):
        def forward(*_):
            raise BrokenError("no compiler\nmore")

        return type("Compiled", (torch.nn.Module,), {"forward": forward})()

    monkeypatch.setattr(torch, "compile", compiled)
    with pytest.raises(RuntimeError, match=r"torch.compile failed \(no compiler\); set compile=false"):
        run(small("baseline", compile=True), tmp_path)


def test_offline_copies_replace_the_stylizer(tmp_path):
    from test_scale_samples import files

    pairs = files(tmp_path, size=(40, 72))
    config = small("gtr_ltr", stylizer="there is none", bank="nor this")
    result = fit(config, pairs, out=tmp_path / "run", copies=tmp_path / "copies", progress=False)
    assert len(result.history) == 4
    with pytest.raises(ValueError, match="'baseline' has no gtr view"):
        fit(small("baseline"), pairs, out=tmp_path / "b", copies=tmp_path / "copies", progress=False)
    with pytest.raises(ValueError, match="need a dataset of files"):
        fit(config, Toys(), out=tmp_path / "c", copies=tmp_path / "copies", progress=False)


def test_the_callers_randomness_and_accelerate_are_left_alone(tmp_path):
    from accelerate.state import AcceleratorState

    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    run(small("baseline", steps=1), tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not AcceleratorState._shared_state  # notebook_launcher would refuse to start otherwise


def test_a_run_seeds_no_gpu_but_its_own(tmp_path, monkeypatch):
    """torch.manual_seed seeds all GPUs of a machine: also those on which somebody else computes in this process."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("all GPUs were seeded"))
    run(small("baseline", steps=1), tmp_path)


def test_a_data_description_opens_source_and_validation(tmp_path):
    from test_scale_samples import files

    files(tmp_path / "train")
    files(tmp_path / "val", count=2)
    data = Data.from_json(Data("folder", root=str(tmp_path)).to_json())
    config = small("baseline", val_every=2)
    assert (len(data.train(config)), len(data.val(config)), data.val(small("baseline"))) == (3, 2, None)
    result = fit(config, data.train(config), val=data.val(config), out=tmp_path / "run", progress=False)
    assert [record["step"] for record in result.validation] == [2, 4]
    with pytest.raises(ValueError, match="root"):
        Data("gta5").train(config)
    with pytest.raises(ValueError, match="unknown split 'test'; valid: train, val"):
        Data(split="test").train(config)


def test_a_full_disk_is_called_one_whatever_torch_makes_of_it(tmp_path):
    from gltr_lib._run import write_checkpoint

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "save", lambda state, file, save=torch.save: save(state, Full()))
        with pytest.raises(OSError, match=r"step 7 was not written \(the disk is full; free some space and call this"):
            write_checkpoint(tmp_path / "checkpoint.pt", {"step": 7, "model": {"a": torch.zeros(9)}})
    assert list(tmp_path.iterdir()) == []


def test_what_the_trunk_did_not_find_in_its_file_is_told(tmp_path, capsys):
    from safetensors.torch import save_file

    from gltr_lib import models

    options = {"model": "deeplabv2_resnet50", "model_options": {"norm": "frozen"}, "crop": (33, 33), "steps": 1,
               "forward_images": 1}  # fmt: skip
    state = models.build("deeplabv2_resnet50").backbone.state_dict()
    whole = {k: v.contiguous() for k, v in state.items() if not k.endswith("num_batches_tracked")}
    save_file(whole, tmp_path / "whole.safetensors")
    lost = whole.pop("layer2.0.conv1.weight")
    save_file({**whole, "layer2.0.strange.weight": lost}, tmp_path / "part.safetensors")
    with pytest.warns(UserWarning, match=r"(?s)init: part.*layer2\.0\.conv1\.weight.*layer2\.0\.strange") as caught:
        run(small("baseline", init=str(tmp_path / "part.safetensors"), **options), tmp_path / "part")
    assert "left as they were (1)" in str(caught[0].message)
    facts = models.load_checkpoint(tmp_path / "part")[1]
    assert "left as they were (1): layer2.0.conv1.weight" in facts["init"]
    run(small("baseline", init=str(tmp_path / "whole.safetensors"), **options), tmp_path / "whole", progress=True)
    assert "whole.safetensors: 265 of 265 tensors of the trunk loaded" in capsys.readouterr().err


def test_two_at_once_in_one_folder_is_one_too_many(tmp_path):
    with _drafts.alone(tmp_path), pytest.raises(ValueError, match="another process is at work"):
        run(small("baseline"), tmp_path)
    assert list(tmp_path.iterdir()) == []
