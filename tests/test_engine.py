"""Training: reproducible, resumable bit for bit, fair between methods, clear when it fails."""

import dataclasses
import json
import math
import subprocess
import sys
import zlib

import pytest
import torch
from scale_toys import bank

from gltr_lib import _drafts, _run, engine
from gltr_lib._draws import seed_global
from gltr_lib._step import make_optimizer, set_rate
from gltr_lib.adain import StyleStats
from gltr_lib.config import METHODS, MethodConfig, TrainConfig
from gltr_lib.engine import learning_rate, make_batch, pick_device, source_indices, step_loss, step_seed, train
from gltr_lib.losses import consistency_loss, segmentation_loss
from gltr_lib.style_bank import StyleBank
from gltr_lib.views import Views


class Painter(torch.nn.Module):
    """A stand-in for the stylizer, quick and with a visible effect."""

    def stylize(self, images, stats, alpha=1.0):
        return (images * 0.5 + 0.5 * stats.mean[:, :, None, None]).clamp(0, 1)


class Bank:
    """A stand-in for the style bank."""

    stats = StyleStats(torch.rand(5, 3), torch.ones(5, 3))

    def __len__(self):
        return 5

    def sample(self, n, generator=None):
        return self.stats[torch.randint(5, (n,), generator=generator)]


@pytest.fixture
def data():
    g = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (6, 4, 8), generator=g).repeat_interleave(8, 1).repeat_interleave(8, 2)
    images = (labels[:, None] * 60 + torch.randint(0, 40, (6, 3, 32, 64), generator=g)).to(torch.uint8)
    return images, labels.to(torch.uint8)


def small(method="gtr_ltr_cgl", **changes):
    return TrainConfig(
        METHODS[method], **{"steps": 6, "forward_images": 4, "crop": (32, 64), "num_classes": 4, **changes}
    )


def run(config, data, **options):
    return train(config, *data, stylizer=Painter(), bank=Bank(), progress=False, **options)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(method, data):
    result = run(small(method, steps=2), data)
    assert [record["step"] for record in result.history] == [0, 1]
    assert not result.model.training
    assert all(math.isfinite(record["loss"]) for record in result.history)
    assert (result.history[0]["consistency"] > 0) == (METHODS[method].consistency > 0)


def test_the_loss_falls(data):
    history = run(small("baseline", steps=30, lr=1e-2), data).history
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]


def test_one_seed_one_network_and_the_callers_randomness_is_left_alone(data):
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first = run(small(), data)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(8)
    assert same(first.model, run(small(), data).model)
    assert not same(first.model, run(small(seed=1), data).model)


def test_a_file_in_the_place_of_the_folder_is_refused_before_the_first_step(tmp_path, data):
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match=r"out: expected a folder for the checkpoint, received the file .*out"):
        run(small(), data, out=tmp_path / "out", on_step=lambda *_: pytest.fail("trained"))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(tmp_path, data, ema):
    config = small(checkpoint_every=2, ema=ema)
    whole = run(config, data)

    def kill(step, model, record):
        if step == 3 and not list(tmp_path.glob("*.txt")):
            (tmp_path / "killed.txt").touch()
            raise KilledError

    with pytest.raises(KilledError):
        run(config, data, out=tmp_path, on_step=kill)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2
    steps = []
    resumed = run(config, data, out=tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps == [2, 3, 4, 5]
    assert same(whole.model, resumed.model)
    assert resumed.history == whole.history
    assert not [path for path in tmp_path.iterdir() if _drafts.is_draft(path.name)]
    again = run(config, data, out=tmp_path)
    assert same(again.model, whole.model)
    assert again.seconds == resumed.seconds


def test_a_bank_loaded_by_its_name_is_the_one_that_is_handed_over_and_no_other(tmp_path, data):
    file = tmp_path / "my.safetensors"
    config = small("gtr", steps=2, bank=str(file))
    bank().save(file)
    by_name = {"stylizer": Painter(), "progress": False, "out": tmp_path / "run"}
    first = train(config, *data, **by_name)
    handed = train(config, *data, bank=StyleBank.load(file), **by_name)
    assert handed.seconds == first.seconds  # taken up, not trained again
    bank(3).save(file)
    with pytest.raises(ValueError, match="other pictures or styles"):
        train(config, *data, **by_name)


def test_checkpoints_from_before_still_load(tmp_path, data):
    """They hold the history as dicts, and a fingerprint without the bank where that was loaded by its name."""
    images, labels = data
    config = small("gtr", steps=4, checkpoint_every=2, bank=str(tmp_path / "my.safetensors"))
    bank().save(config.bank)
    options = {"stylizer": Painter(), "progress": False, "out": tmp_path}
    whole = train(config, *data, **{**options, "out": tmp_path / "whole"})
    with pytest.raises(KilledError):
        train(config, *data, **options, on_step=kill_at(3))
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    assert state["history"].shape == (2, 5)  # not one Python number after the other
    pictures = zlib.crc32(labels.numpy().data, zlib.crc32(images.numpy().data))
    styles = zlib.crc32(StyleBank.load(config.bank).stats.mean.numpy().data, pictures)
    assert state["fingerprint"] == styles  # what the study's runs, which hand their bank over, always had
    del state["version"]
    state["history"] = whole.history[:2]
    for mark in (styles, pictures):
        torch.save({**state, "fingerprint": mark}, path)
        resumed = train(config, *data, **options)
        assert same(resumed.model, whole.model)
        assert resumed.history == whole.history
    torch.save({**state, "fingerprint": styles, "history": torch.full((2, 5), torch.inf)}, path)
    with pytest.raises(ValueError, match="another network"):
        train(config, *data, **options)
    torch.save({**state, "fingerprint": pictures, "version": 2}, path)
    with pytest.raises(ValueError, match="other pictures or styles"):
        train(config, *data, **options)


def kill_at(number):
    def kill(step, model, record):
        if step == number:
            raise KilledError

    return kill


def test_training_on_a_cpu_seeds_no_gpu(data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("the GPUs were seeded"))
    run(small("baseline", steps=1, device="cpu"), data)


def test_the_global_generators_of_a_device_are_seeded_and_no_others(monkeypatch):
    from contextlib import nullcontext

    seeded = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: seeded.append(str(device)) or nullcontext())
    monkeypatch.setattr(torch.cuda, "manual_seed", seeded.append)
    with torch.random.fork_rng(devices=[]):
        seed_global(5, torch.device("cuda:1"))
        drawn = torch.rand(3)
    assert seeded == ["cuda:1", 5]
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(5)))


def test_a_callback_may_leave_the_network_in_evaluation_mode(data):
    config = TrainConfig("mixstyle", steps=3, forward_images=4, crop=(32, 64), num_classes=4, device="cpu")
    left = run(config, data, on_step=lambda step, model, record: model.eval())
    assert same(left.model, run(config, data).model)


def test_resume_false_starts_anew(tmp_path, data):
    run(small(steps=2), data, out=tmp_path)
    steps = []
    run(small(steps=2), data, out=tmp_path, resume=False, on_step=lambda step, *_: steps.append(step))
    assert steps == [0, 1]

    def stop(*_):
        raise KilledError

    with pytest.raises(KilledError):
        run(small(steps=2), data, out=tmp_path, resume=False, on_step=stop)
    steps.clear()
    run(small(steps=2), data, out=tmp_path, on_step=lambda step, *_: steps.append(step))  # not the run before the last
    assert steps == [0, 1]


def test_a_checkpoint_of_another_run_is_refused(tmp_path, data):
    run(small(steps=2), data, out=tmp_path)
    with pytest.raises(ValueError, match=r"another run: lr=0.01, now 0.1; use another folder"):
        run(small(steps=2, lr=0.1), data, out=tmp_path)
    with pytest.raises(ValueError, match="other pictures or styles"):
        run(small(steps=2), (255 - data[0], data[1]), out=tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"checkpoint\.pt: not a checkpoint"):
        run(small(steps=2), data, out=tmp_path)


def test_a_crash_while_writing_leaves_the_last_checkpoint_whole(tmp_path, data, monkeypatch):
    def stop(step, *_):
        if step == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run(small(steps=4, checkpoint_every=2), data, out=tmp_path, on_step=stop)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def half(state, file):
        file.write(b"half")
        raise KilledError

    monkeypatch.setattr(_run.torch, "save", half)
    with pytest.raises(KilledError):
        run(small(steps=4, checkpoint_every=2), data, out=tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_methods_of_one_seed_see_the_same_crops(data):
    """If they have as many views: with one view a step reads twice as many pictures."""
    batches = {}
    for name in ("gtr_ltr", "gtr_gtr", "baseline2"):
        config = small(name, jitter=0.0, blur=0.0)
        batches[name] = make_batch(3, *data, config, Views(config.method, Painter(), Bank()))
    assert torch.equal(batches["gtr_ltr"][1], batches["baseline2"][1])
    assert torch.equal(batches["gtr_ltr"][0][0], batches["gtr_gtr"][0][0])
    raw, local = batches["baseline2"][0][0], batches["gtr_ltr"][0][1]
    assert ((local == raw).all(1)).float().mean() == pytest.approx(0.5, abs=0.01)


def test_an_epoch_reads_every_picture_once_and_epochs_differ():
    config = small("baseline", forward_images=4)
    order = torch.cat([source_indices(step, 10, config) for step in range(5)])
    assert sorted(order[:10].tolist()) == sorted(order[10:].tolist()) == list(range(10))
    assert not torch.equal(order[:10], order[10:])


def test_step_seeds_do_not_collide():
    seeds = {step_seed(seed, step, stream) for seed in range(5) for step in range(500) for stream in range(5)}
    assert len(seeds) == 5 * 500 * 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_loss_is_the_sum_over_views_by_their_number(data):
    config = TrainConfig(MethodConfig("x", ("gtr", "ltr"), consistency=3.0), num_classes=4)
    model = torch.nn.Conv2d(3, 4, 1)
    views = [torch.rand(2, 3, 32, 64), torch.rand(2, 3, 32, 64)]
    labels = data[1][:2].long().clone()
    labels[:, :5] = 255
    a, b = model(views[0]), model(views[1])
    by_hand = segmentation_loss(a, labels) + segmentation_loss(b, labels)
    by_hand = by_hand + 3.0 * consistency_loss(a, b, valid=labels != 255)
    loss, parts = step_loss(model, views, labels, config)
    torch.testing.assert_close(loss, by_hand / 2)
    torch.testing.assert_close(parts[0] + 1.5 * parts[1], loss.detach())


def test_learning_rate_warms_up_and_falls_to_nearly_nothing():
    config = TrainConfig(steps=1000, lr=0.1, warmup=0.05)
    rates = [learning_rate(step, config) for step in range(1000)]
    assert rates[0] == pytest.approx(0.002)
    assert max(rates) == pytest.approx(0.1, rel=0.06)
    assert rates.index(max(rates)) in (49, 50)
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert 0 < rates[-1] < 3e-4
    assert learning_rate(0, dataclasses.replace(config, warmup=0.0)) == 0.1


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path, data, monkeypatch):
    real = engine.step_loss
    calls = []

    def broken(*args, **options):
        loss, parts = real(*args, **options)
        calls.append(1)
        return (loss * float("nan") if len(calls) == 4 else loss), parts

    monkeypatch.setattr(engine, "step_loss", broken)
    with pytest.raises(RuntimeError, match=r"nan at step 3 .*lower lr"):
        run(small(checkpoint_every=1), data, out=tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 3
    assert all(value.isfinite().all() for value in state["model"].values())


def test_the_running_mean_of_the_weights_is_what_comes_back(data):
    seen = []
    config = small("baseline", steps=3, ema=0.5)
    result = run(config, data, on_step=lambda s, m, r: seen.append({k: v.clone() for k, v in m.state_dict().items()}))
    torch.manual_seed(step_seed(config.seed, 0, 4))
    mean = engine.build(config.model, 4).state_dict()
    for step, weights in enumerate(seen):
        decay = min(0.5, (1 + step) / (10 + step))
        mean = {k: decay * v + (1 - decay) * weights[k] for k, v in mean.items()}
    for name, value in result.model.state_dict().items():
        torch.testing.assert_close(value, mean[name])


def test_wrong_data_is_refused_at_the_door(data):
    images, labels = data
    config = small("baseline")
    with pytest.raises(TypeError, match=r"images: expected a uint8 tensor \(N,3,H,W\).*stack"):
        train(config, images.float(), labels)
    with pytest.raises(ValueError, match="as many"):
        train(config, images, labels[:3])
    with pytest.raises(ValueError, match=r"expected trainIds 0..3 or 255.*\[9\]"):
        train(config, images, torch.full_like(labels, 9))


def test_progress_shows_loss_time_and_what_is_left(data, capsys):
    run_options = {"stylizer": Painter(), "bank": Bank()}
    train(small(steps=2), *data, **run_options, progress=True)
    text = capsys.readouterr().err
    assert "gtr_ltr_cgl" in text
    assert "2/2" in text
    assert "loss=" in text
    assert "ms=" in text


def test_devices():
    assert pick_device("cpu").type == "cpu"
    assert isinstance(pick_device(), torch.device)
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        pick_device("gpu")
    with pytest.raises(ValueError, match="not on this machine"):
        pick_device("cuda:99")


def test_a_device_that_is_not_here_is_named_wherever_one_is_given():
    from gltr_lib import masks, models
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

    bank = StyleBank.load("paintings-mini")
    for move in (
        lambda device: masks.blob_mask(1, 4, 4, device=device),
        lambda device: masks.smooth_noise(4, 4, 1.0, device=device),
        lambda device: Stylizer.load("mini", device=device),
        lambda device: models.load_shipped("gtr", device=device),
        bank.to,
        bank.stats.to,
    ):
        with pytest.raises(ValueError, match="'cuda:99' is not on this machine"):
            move("cuda:99")
        with pytest.raises(ValueError, match="unknown device 'banana'"):
            move("banana")


def test_settings_of_the_full_scale_loop_are_refused_by_name(data):
    with pytest.raises(ValueError, match=r"does not know accumulate=2, workers=1; gltr_lib.scale.fit does"):
        run(small("baseline", accumulate=2, workers=1), data)
    with pytest.raises(ValueError, match="precision='fp16'"):
        run(small("baseline", precision="fp16"), data)


def test_a_checkpoint_from_before_a_setting_existed_is_taken_up(tmp_path, data):
    run(small(steps=4, checkpoint_every=2), data, out=tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    old = json.loads(state["config"])
    for name in ("optimizer", "model_options", "processes"):
        del old[name]
    torch.save({**state, "config": json.dumps(old)}, path)
    steps = []
    run(small(steps=4, checkpoint_every=2), data, out=tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps == []
    with pytest.raises(ValueError, match="optimizer='adamw', now 'sgd'"):
        run(small(steps=4, checkpoint_every=2, optimizer="sgd"), data, out=tmp_path)


class TwoParts(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.top = torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(4, 4, 1)

    def forward(self, images):
        return self.top(self.body(images))

    def parameter_groups(self):
        return {"trunk": list(self.body.parameters()), "head": list(self.top.parameters())}


def test_sgd_moves_the_head_faster_and_each_parameter_once():
    config = TrainConfig(optimizer="sgd", momentum=0.0, head_lr_factor=10.0, weight_decay=0.0, lr=0.1)
    model = TwoParts()
    optimizer = make_optimizer(model, config)
    listed = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(listed) == len({id(p) for p in listed}) == 4
    before = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    set_rate(optimizer, 0.01)
    optimizer.step()
    moved = [(a - b).abs().max().item() for a, b in zip(before, model.parameters(), strict=True)]
    assert moved == pytest.approx([0.01, 0.01, 0.1, 0.1], rel=1e-4)
    with pytest.raises(ValueError, match="network that names its head"):
        make_optimizer(torch.nn.Conv2d(3, 4, 1), config)


def test_the_draft_of_a_killed_run_goes_with_the_next_checkpoint(tmp_path, data):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    orphan = tmp_path / f".checkpoint.pt.{_drafts._HOST}-{process.pid}-1.tmp"
    orphan.write_bytes(b"half a checkpoint")
    run(small(steps=2), data, out=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_of_something_else_is_named(tmp_path):
    from gltr_lib._run import check_same_run, read_checkpoint

    for number, state in enumerate(
        ({}, [1], 5, {"step": 1}, {"step": 1, "config": "[" * 100_000}, {"step": 1, "config": "[]"})
    ):
        path = tmp_path / f"{number}.pt"
        torch.save(state, path)
        with pytest.raises(ValueError, match=rf"{number}\.pt: ") as caught:
            check_same_run(path, read_checkpoint(path, "cpu"), TrainConfig(), 0)
        assert "\n" not in str(caught.value)


def test_settings_that_a_checkpoint_is_too_old_to_know_had_their_defaults(tmp_path):
    from gltr_lib._run import check_same_run

    old = json.loads(TrainConfig("gtr").to_json())
    del old["precision"], old["method"]["whitening_again"], old["method"]["styles"]
    state = {"step": 1, "config": json.dumps(old), "fingerprint": 0, "data": 0}
    check_same_run(tmp_path / "old.pt", state, TrainConfig("gtr"), 0)
    changed = TrainConfig(dataclasses.replace(METHODS["gtr"], styles=(1,)))
    with pytest.raises(ValueError, match="another run: method="):
        check_same_run(tmp_path / "old.pt", state, changed, 0)
