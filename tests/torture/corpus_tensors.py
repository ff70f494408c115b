"""Weights, networks, style banks and checkpoints: of others, damaged, edited, and pickles that would run code."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from tests.torture.corpus import ACCEPT, EITHER, REFUSE, Case, pickled

SENTINEL = "code-was-run"  # a file of this name below the corpus: somebody executed a pickle


def make(folder: Path, seed: int) -> list[Case]:
    """Write them; see :func:`tests.torture.corpus.build`."""
    rng = np.random.default_rng(seed)
    sentinel = folder / SENTINEL
    cases = [*_weights(folder / "weights", rng, sentinel), *_networks(folder / "networks", rng)]
    return [*cases, *_banks(folder / "banks"), *_checkpoints(folder / "checkpoints", rng, sentinel)]


def _writer(folder: Path, kind: str, cases: list[Case]) -> Callable[[str, bytes, str, str], None]:
    folder.mkdir(parents=True, exist_ok=True)

    def put(name: str, data: bytes, expect: str, about: str) -> None:
        path = folder / name
        path.write_bytes(data)
        cases.append(Case(kind, path, expect, about))

    return put


def saved(value: Any, **options: Any) -> bytes:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def raw_safetensors(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of these bytes, whatever they are."""
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def _weights(folder: Path, rng: np.random.Generator, sentinel: Path) -> list[Case]:
    cases: list[Case] = []
    put = _writer(folder, "weights", cases)
    state = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)}
    good = saved(state)
    put("good.pth", good, ACCEPT, "a state dict")
    put("wrapped.pth", saved({"state_dict": state}), ACCEPT, "a wrapped state dict")
    put("old.pth", saved(state, _use_new_zipfile_serialization=False), ACCEPT, "the old format")
    put("good.safetensors", save(state), ACCEPT, "tensors")
    for protocol in (0, 2, 4):
        put(f"code-{protocol}.pth", pickled(sentinel, protocol), REFUSE, f"a pickle with code, protocol {protocol}")
    put("code-zip.pth", _zip_with_code(good, pickled(sentinel)), REFUSE, "torch's zip with code in its pickle")
    put("code.safetensors", pickled(sentinel), REFUSE, "a pickle called .safetensors")
    put("code.pt", b"\x80\x02" + pickled(sentinel)[2:] + good, REFUSE, "a pickle before a zip")
    put("list.pth", saved([torch.ones(2)]), REFUSE, "a list")
    put("number.pth", saved(5), REFUSE, "a number")
    put("none.pth", saved(None), REFUSE, "None")
    put("nothing.pth", saved({}), REFUSE, "no tensors")
    put("mixed.pth", saved({"a": torch.ones(2), "b": 3}), REFUSE, "a dict that is not all tensors")
    put("odd-keys.pth", saved({1: torch.ones(2), "a\nb": torch.ones(2)}), EITHER, "keys that are no names")
    put("empty.pth", b"", REFUSE, "0 bytes")
    put("noise.pth", rng.bytes(2000), REFUSE, "random bytes")
    put("text.pth", b"404 not found\n", REFUSE, "a text")
    put("cut.pth", good[: len(good) // 2], REFUSE, "cut short")
    put("archive.pth", _any_zip(), REFUSE, "a zip of something else")
    put("empty.safetensors", b"", REFUSE, "0 bytes")
    put("cut.safetensors", save(state)[:-3], REFUSE, "cut short")
    put("noise.safetensors", rng.bytes(2000), REFUSE, "random bytes")
    put("length.safetensors", raw_safetensors(b"{}", length=2**62), REFUSE, "a header of 2^62 bytes")
    put("no-json.safetensors", raw_safetensors(b"nonsense"), REFUSE, "a header that is no JSON")
    put("list.safetensors", raw_safetensors(b"[]"), REFUSE, "a header that is a list")
    put("nothing.safetensors", save({}), EITHER, "no tensors")
    claim = {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}}
    put("claim.safetensors", raw_safetensors(json.dumps(claim).encode(), bytes(8)), REFUSE, "2^40 numbers in 8 bytes")
    claim = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}}
    put("offsets.safetensors", raw_safetensors(json.dumps(claim).encode(), bytes(8)), REFUSE, "offsets beyond the end")
    claim = {"a": {"dtype": "Q99", "shape": [2], "data_offsets": [0, 8]}}
    put("dtype.safetensors", raw_safetensors(json.dumps(claim).encode(), bytes(8)), REFUSE, "a dtype that nobody knows")
    put("deep.safetensors", raw_safetensors(b"[" * 5000), REFUSE, "a header of five thousand brackets")
    (folder / "folder.pth").mkdir()
    cases.append(Case("weights", folder / "folder.pth", REFUSE, "a folder"))
    cases.append(Case("weights", folder / "missing.pth", REFUSE, "no such file"))
    cases.append(Case("weights", folder / "missing.safetensors", REFUSE, "no such file"))
    return cases


def network_state() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and header of a small network as ``gltr train`` exports it."""
    from gltr_lib.models import build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build("deeplab_mini")
    state = {key: value.detach().clone().contiguous() for key, value in net.state_dict().items()}
    return state, {"network": json.dumps(net.built_as), "facts": json.dumps({"config": {"seed": 0}})}


def _networks(folder: Path, rng: np.random.Generator) -> list[Case]:
    cases: list[Case] = []
    put = _writer(folder, "network", cases)
    state, header = network_state()
    good = save(state, header)
    put("good.safetensors", good, ACCEPT, "a network")
    put("cut.safetensors", good[:-100], REFUSE, "cut short")
    put("foreign.safetensors", save({"a": torch.ones(2)}), REFUSE, "somebody else's tensors")
    put("noise.safetensors", rng.bytes(5000), REFUSE, "random bytes")
    headers: dict[str, Any] = {
        "not-json": "{", "list": "[]", "number": "5", "nothing": "{}", "deep": "[" * 100_000,
        "no-classes": '{"model": "deeplab_mini"}', "no-model": '{"num_classes": 19}',
        "other": '{"model": "segformer", "num_classes": 19}',
        "model-list": '{"model": ["deeplab_mini"], "num_classes": 19}',
        "classes-text": '{"model": "deeplab_mini", "num_classes": "19"}',
        "classes-negative": '{"model": "deeplab_mini", "num_classes": -1}',
        "classes-float": '{"model": "deeplab_mini", "num_classes": 19.5}',
        "classes-many": '{"model": "deeplab_mini", "num_classes": 20}',
        "classes-huge": '{"model": "deeplab_mini", "num_classes": 2000000000}',
        "classes-beyond": '{"model": "deeplab_mini", "num_classes": 1000000000000000000000}',
        "options-list": '{"model": "deeplab_mini", "num_classes": 19, "options": [1]}',
        "options-unknown": '{"model": "deeplab_mini", "num_classes": 19, "options": {"x": 1}}',
        "options-widths": '{"model": "deeplab_mini", "num_classes": 19, "options": {"widths": [1000000, 1000000, 9]}}',
        "options-text": '{"model": "deeplab_mini", "num_classes": 19, "options": {"widths": "abc"}}',
        "options-rates": '{"model": "deeplab_mini", "num_classes": 19, "options": {"rates": [0]}}',
        "options-trunk": '{"model": "deeplab_mini", "num_classes": 19, "options": {"pretrained_trunk": "/etc/passwd"}}',
        "another": '{"model": "deeplabv2_resnet50", "num_classes": 19}',
    }  # fmt: skip
    for name, text in headers.items():
        expect = EITHER if name in ("nothing",) else REFUSE
        put(f"header-{name}.safetensors", save(state, {**header, "network": text}), expect, f"header {text[:60]}")
    for name, text in {"facts-list": "[1]", "facts-text": "hello", "facts-config": '{"config": 5}'}.items():
        put(f"{name}.safetensors", save(state, {**header, "facts": text}), EITHER, f"facts {text}")
        plain = {"facts": text}
        put(f"old-{name}.safetensors", save(state, plain), EITHER, f"an old file with facts {text}")
    first = next(iter(state))
    put("missing.safetensors", save({k: v for k, v in state.items() if k != first}, header), REFUSE, "a tensor missing")
    put("extra.safetensors", save({**state, "more": torch.ones(1)}, header), REFUSE, "a tensor too many")
    for name, value in {"nan": torch.nan, "inf": torch.inf}.items():
        hurt = {**state, first: torch.full_like(state[first], value)}
        put(f"{name}.safetensors", save(hurt, header), REFUSE, f"weights of {name}")
    put("flat.safetensors", save({**state, first: state[first].flatten()}, header), REFUSE, "a tensor of another shape")
    put("ints.safetensors", save({**state, first: state[first].int()}, header), EITHER, "a tensor of whole numbers")
    return cases


def bank_parts() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and header of a small bank that the shipped mini stylizer made."""
    from gltr_lib.stylizer import Stylizer

    stylizer = Stylizer.load("mini")
    pictures = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    stats = stylizer.style_stats(pictures)
    header = {
        "format": "gltr-style-bank-1", "stylizer": "mini", "fingerprint": stylizer.fingerprint,
        "names": json.dumps(list("abcd")),
    }  # fmt: skip
    return {"mean": stats.mean.contiguous(), "std": stats.std.contiguous()}, header


def _banks(folder: Path) -> list[Case]:
    cases: list[Case] = []
    put = _writer(folder, "bank", cases)
    state, header = bank_parts()
    mean, std = state["mean"], state["std"]
    good = save(state, header)
    put("good.safetensors", good, ACCEPT, "a bank")
    put("half.safetensors", save({k: v.half() for k, v in state.items()}, header), ACCEPT, "half precision")
    put("other.safetensors", save(state, {**header, "fingerprint": "0" * 16}), EITHER, "of another encoder")
    put(
        "narrow.safetensors", save({k: v[:, :64].contiguous() for k, v in state.items()}, header), EITHER, "64 channels"
    )
    for name, changed in {
        "nan": {"mean": mean * torch.nan}, "inf": {"std": std + torch.inf}, "negative": {"std": -std - 1},
        "flat": {"mean": mean.flatten()}, "three": {"mean": mean[None], "std": std[None]}, "fewer": {"mean": mean[:3]},
        "none": {"mean": mean[:0], "std": std[:0]}, "ints": {"mean": mean.int(), "std": std.int()},
        "measure": {"measure.complexity": torch.ones(3)},
        "measure-nan": {"measure.complexity": torch.ones(4) * torch.nan},
        "no-channels": {"mean": mean[:, :0].contiguous(), "std": std[:, :0].contiguous()},
    }.items():  # fmt: skip
        expect = EITHER if name in ("ints", "measure-nan") else REFUSE
        put(f"{name}.safetensors", save({**state, **changed}, header), expect, f"bank: {name}")
    put("no-std.safetensors", save({"mean": mean}, header), REFUSE, "no standard deviations")
    for name, text in {"few": '["a"]', "text": '"abcd"', "dict": '{"a": 1, "b": 2, "c": 3, "d": 4}', "number": "4",
                       "null": "null", "not-json": "[", "deep": "[" * 100_000, "empty": ""}.items():  # fmt: skip
        put(f"names-{name}.safetensors", save(state, {**header, "names": text}), REFUSE, f"names {text[:30]}")
    put(
        "names-odd.safetensors", save(state, {**header, "names": '[1, null, "a\\nb", []]'}), EITHER, "names of any kind"
    )
    for key in header:
        less = {k: v for k, v in header.items() if k != key}
        put(f"without-{key}.safetensors", save(state, less), REFUSE, f"header without {key}")
    put("format.safetensors", save(state, {**header, "format": "gltr-style-bank-9"}), REFUSE, "a newer format")
    put("plain.safetensors", save({"a": torch.ones(2)}), REFUSE, "no bank")
    put("cut.safetensors", good[:-10], REFUSE, "cut short")
    put("empty.safetensors", b"", REFUSE, "0 bytes")
    cases.append(Case("bank", folder / "missing.safetensors", REFUSE, "no such file"))
    cases.append(Case("bank", folder / "unknown-name", REFUSE, "no shipped bank"))
    return cases


def _checkpoints(folder: Path, rng: np.random.Generator, sentinel: Path) -> list[Case]:
    """``checkpoint.pt`` in run folders of their own; ``gltr train`` is asked to go on from them."""
    cases = []
    config = '{"steps": 1}'
    whole = {"config": config, "step": 1, "seconds": 0.0, "fingerprint": 0, "history": [], "model": {}, "optimizer": {},
             "average": {}}  # fmt: skip
    contents = {
        "code": pickled(sentinel), "empty": b"", "noise": rng.bytes(999), "text": b"hello", "number": saved(5),
        "list": saved([1, 2]), "nothing": saved({}), "other-run": saved(whole), "tensors": saved({"a": torch.ones(2)}),
        "config-list": saved({**whole, "config": "[]"}), "config-none": saved({**whole, "config": None}),
        "config-deep": saved({**whole, "config": "[" * 100_000}), "cut": saved(whole)[:200],
    }  # fmt: skip
    for name, data in contents.items():
        here = folder / f"run-{name}"
        here.mkdir(parents=True, exist_ok=True)
        (here / "checkpoint.pt").write_bytes(data)
        cases.append(Case("checkpoint", here, REFUSE, f"checkpoint: {name}", ("checkpoint.pt",)))
    return cases


def _zip_with_code(good: bytes, code: bytes) -> bytes:
    """torch's own zip whose pickle is another."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, code if name.endswith("data.pkl") else before.read(name))
    return out.getvalue()


def _any_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "hello")
    return out.getvalue()
