"""Every parser that is ours, each with whole files that :mod:`tests.torture.fuzz` changes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.torture import corpus_archives, corpus_pictures, corpus_tensors, corpus_texts, mutate


@dataclass
class Parser:
    """Something that reads files of ours.

    Attributes:
        name: of the parser.
        seeds: whole files that are changed.
        read: reads one from a path.
        ending: of the file's name, or the name itself where a folder is read.
        seal: mends checksums after every second change, so that what is behind them is reached.
        words: of which one must stand in a complaint; the file's name is always allowed.
    """

    name: str
    seeds: list[bytes]
    read: Callable[[Path], Any]
    ending: str
    words: tuple[str, ...] = ()
    seal: Callable[[bytes], bytes] | None = None


def all_parsers(folder: Path) -> list[Parser]:
    """Every parser that is ours, with whole files for it."""
    return [*_pictures(), *_tensors(folder), *_texts(folder), *_archives(folder), *_settings()]


def _pictures() -> list[Parser]:
    from gltr_lib.datasets import picture_size, read_image, read_label
    from gltr_lib.datasets.png16 import read_red16

    pixels = np.random.default_rng(0).integers(0, 19, (9, 11, 3), dtype=np.uint8)
    of = corpus_pictures.in_mode
    pictures = [
        corpus_pictures.encoded(of(pixels, mode), corpus_pictures.FORMATS[ending])
        for ending, modes in corpus_pictures.MODES.items() for mode in modes[:4]
    ]  # fmt: skip
    rgb16 = [corpus_pictures.rgb16(pixels), corpus_pictures.rgb16(pixels[:1, :1])]
    marks = [corpus_pictures.encoded(of(pixels, "L"), kind) for kind in ("PNG", "BMP", "TIFF", "GIF")]
    return [
        Parser(
            "png16.read_red16",
            [*rgb16, *[_with_checksums(data) for data in rgb16]],
            read_red16,
            ".png",
            seal=mutate.resealed,
        ),
        Parser("read_image", pictures, read_image, ".png", seal=mutate.resealed),
        Parser("picture_size", pictures, picture_size, ".png", seal=mutate.resealed),
        Parser("read_label", marks, read_label, ".png", seal=mutate.resealed),
    ]


def _with_checksums(data: bytes) -> bytes:
    return data.replace(b"IEND", b"IENDIDAT", 1)


def _tensors(folder: Path) -> list[Parser]:
    from safetensors.torch import save

    from gltr_lib import weights
    from gltr_lib._run import check_same_run, read_checkpoint
    from gltr_lib.config import TrainConfig
    from gltr_lib.models import load_checkpoint
    from gltr_lib.offline.parts import Parts
    from gltr_lib.style_bank import StyleBank

    bank_state, bank_header = corpus_tensors.bank_parts()
    bank_state = {key: value[:, :8].contiguous() for key, value in bank_state.items()}
    net_state, net_header = corpus_tensors.network_state()
    part = {"format": "gltr-style-bank-part-1", "names": json.dumps(list("abcd"))}
    import torch

    measures = {"measures": torch.zeros(4, 2)}
    whole = {"config": TrainConfig().to_json(), "step": 1, "seconds": 0.0, "fingerprint": 0, "history": [], "model": {},
             "optimizer": {}, "average": {}}  # fmt: skip
    state = {"conv.weight": torch.ones(2, 3)}

    def checkpoint(path: Path) -> None:
        check_same_run(path, read_checkpoint(path, "cpu"), TrainConfig(), 0)

    options = b'{"model": "deeplab_mini", "num_classes": 19, "options": {"widths": [16, 40, 72], "rates": [3, 6, 9]}}'
    small = {key: value for key, value in net_state.items() if value.numel() < 50}

    def header(path: Path) -> None:
        """What is changed is a header's text; around it the file is whole."""
        text = path.read_bytes().decode("utf-8", "replace")
        for key in ("network", "facts"):
            whole = save(small, {**net_header, key: text})
            place = path.with_name("net.safetensors")
            place.write_bytes(whole)
            load_checkpoint(place)

    def names(path: Path) -> None:
        place = path.with_name("bank.safetensors")
        place.write_bytes(save(bank_state, {**bank_header, "names": path.read_bytes().decode("utf-8", "replace")}))
        StyleBank.load(place)

    return [
        Parser("StyleBank.load", [save(bank_state, bank_header)], StyleBank.load, ".safetensors"),
        Parser("load_checkpoint", [_only_header(save(net_state, net_header))], load_checkpoint, ".safetensors"),
        Parser("a network's header", [net_header["network"].encode(), net_header["facts"].encode(), options], header,
        ".json",
               ("net.safetensors",)),
        Parser("a bank's names", [bank_header["names"].encode()], names, ".json", ("bank.safetensors",)),
        Parser("Parts", [save({**bank_state, **measures}, part)], lambda path: Parts(path.parent, {}),
        "-parts/a.safetensors"),
        Parser("weights.load_file", [corpus_tensors.saved(state), corpus_tensors.saved(state,
        _use_new_zipfile_serialization=False)],
               weights.load_file, ".pth"),
        Parser("read_checkpoint", [corpus_tensors.saved(whole)], checkpoint, ".pt"),
    ]  # fmt: skip


def _only_header(data: bytes) -> bytes:
    """The beginning of a network's file: changes find the header, which is ours, and seldom the numbers."""
    return data[: int.from_bytes(data[:8], "little") + 8 + 4000]


def _texts(folder: Path) -> list[Parser]:
    from gltr_lib import ledger, weights
    from gltr_lib.datasets import read_list
    from gltr_lib.datasets.vistas import check_config
    from gltr_lib.offline.manifest import read_all
    from gltr_lib.prepare._job import claim, read_journal
    from gltr_lib.prepare._transfer import Part
    from gltr_lib.prepare.download import remember
    from gltr_lib.scale.logs import read_records
    from gltr_lib.study.trials import read as read_trials

    def text(value: Any) -> bytes:
        return json.dumps(value).encode()

    row = text(corpus_texts.ROW)
    manifest = {"settings": corpus_texts.SETTINGS, "done": {"a.png": {"style": "x", "size": [3, 4]}},
    "refused": {"b": "c"},
                "memory": {"3x4": "tiles"}, "seconds": 1.5, "complete": True, "shard": "0/1"}  # fmt: skip
    entry = {"a": {"file": "a.safetensors", "sha256": "0" * 64, "bytes": 5, "kind": "model", "metadata": {"x": 1}}}
    journal = b"\n".join(text({"key": f"train/{n}", "size": [4, 3], "ids": {"7": 12}, "coding": "labelIds", "bytes": 9})
                         for n in range(3))  # fmt: skip
    data = folder / "remembered.bin"
    data.write_bytes(b"x")

    def rows(path: Path) -> None:
        for row in ledger.scan(path)[0]:
            try:
                ledger.validate(row)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path.name}: {error}") from None

    def registry(path: Path) -> None:
        for name in weights.names(assets=path.parent):
            weights.load(name, assets=path.parent)

    return [
        Parser("ledger", [row + b"\n" + row + b"\n"], rows, ".jsonl", ("ledger",)),
        Parser("stylize's manifest", [text(manifest)], lambda path: read_all(path.parent, corpus_texts.SETTINGS),
               "-manifest/manifest.json"),
        Parser("registry", [text(entry)], registry, "-registry/registry.json", ("weights", "a.safetensors")),
        Parser("split list", [b"00001\n00002.png # x\nimages/00003.png 4\n"], read_list, ".txt"),
        Parser("journal", [journal], read_journal, ".jsonl"),
        Parser("a job's marker", [text({"settings": {"a": 1}})], lambda path: claim(path.parent, "marker.json",
        {"a": 1}),
               "-marker/marker.json"),
        Parser("Vistas' config", [text({"labels": [{"readable": "Bird"}, {"readable": "Curb"}]})],
               lambda path: check_config(path, "v1.2"), ".json"),
        Parser("log of a run", [text({"step": 1, "loss": 0.5}) + b"\n"], read_records, ".jsonl"),
        Parser("record of checksums", [text({"remembered.bin": "0" * 64})], lambda path: remember(data, path), ".json",
               ("remembered.bin",)),
        Parser("notes of a download", [text({"url": "x", "validator": "y", "total": 5})],
               lambda path: Part(path.with_name("file"), "x"), "-notes/file.part.json"),
        Parser("tuned.json", [text({"gtr": {"label": "a", "scores": {"a": 0.5}}})], read_trials, ".json"),
    ]  # fmt: skip


def _archives(folder: Path) -> list[Parser]:
    from gltr_lib.prepare.unpack import UnpackError, unpack

    files = {"images/a.txt": b"hello" * 20, "images/b/c.txt": b"world"}
    zips = [corpus_archives.zipped(files, level) for level in (0, 6)]
    tars = [corpus_archives.tarred(files, packing) for packing in ("", "gz", "bz2", "xz")]

    def unpacked(path: Path) -> None:
        """Unpack; nothing may lie outside, or half-written."""
        target = folder / "unpacked" / "here"
        shutil.rmtree(target.parent, ignore_errors=True)
        before = set(os.listdir(folder))
        try:
            unpack(path, target, max_total=10_000_000)
        except UnpackError as error:
            if any(name.startswith(".") for name in (p.name for p in target.rglob("*"))):
                raise RuntimeError(f"left half-written: {error}") from None
            raise
        finally:
            strange = [n for n in os.listdir(folder) if n not in before and n != "unpacked"]
            if strange or (target.parent.exists() and os.listdir(target.parent) not in ([], ["here"])):
                raise RuntimeError(f"wrote outside its folder: {strange}")

    return [
        Parser("unpack zip", zips, unpacked, ".zip", ("here",)),
        Parser("unpack tar", tars, unpacked, ".tar", ("here",)),
    ]


def _settings() -> list[Parser]:
    from gltr_lib.config import MethodConfig, TrainConfig, parse_overrides
    from gltr_lib.scale import Data

    lines = (
        "steps=3\nlr=1e-3\nmethod.alpha=0.5\ncrop=[32,64]\nmodel_options.norm=group\nmethod=gtr_ltr\nscale=(0.5,2)\n"
    )

    def texts(read: Callable[[str], Any]) -> Callable[[Path], Any]:
        """Settings have no file: their complaints name the key."""

        def of(path: Path) -> Any:
            return read(path.read_bytes().decode("utf-8", "replace"))

        return of

    config = TrainConfig().to_json().encode()
    known = (
        *TrainConfig.__dataclass_fields__, *MethodConfig.__dataclass_fields__, "method", "configuration", "TrainConfig",
        "override", "key", "views",
    )  # fmt: skip
    return [
        Parser("TrainConfig.from_json", [config], texts(TrainConfig.from_json), ".json", known),
        Parser("Data.from_json", [Data("gta5", "x").to_json().encode()], texts(Data.from_json), ".json",
               (*known, "data", "Data", "options", "split", "root", "copies", "look", "prepared", "size", "name")),
        Parser("parse_overrides", [lines.encode()], texts(lambda text: parse_overrides(text.split("\n")[:-1])), ".txt",
               (*known, "share", "sigma", "consistency", "schedule")),
    ]  # fmt: skip
