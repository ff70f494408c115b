"""Texts that we read: lists, ledgers, manifests, journals, registries, configurations; edited, torn, or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.torture.corpus import ACCEPT, EITHER, REFUSE, Case

#: Texts that are no JSON object, or one of the wrong kind.
NO_OBJECT: dict[str, bytes] = {
    "empty": b"", "blank": b"  \n", "null": b"null", "list": b"[]", "number": b"5", "text": b'"x"', "true": b"true",
    "open": b"{", "word": b"hello", "deep": b"[" * 100_000, "deep-objects": b'{"a":' * 100_000,
    "long-number": b"9" * 6000,
    "nan": b"NaN", "bytes": b"\xff\xfe\x00\x01", "nul": b"\0" * 50, "bom": b"\xef\xbb\xbf{}", "latin": b'{"\xe9": 1}',
}  # fmt: skip
ROW = {
    "method": "gtr", "seed": 0, "commit": "abc", "protocol": "mIoU-19 @ full size", "metric": "mIoU-19", "value": 0.5,
    "data": "streets/game", "config": {}, "device": "cpu", "wall_seconds": 1.0, "date": "2026-01-01T00:00:00+00:00",
}  # fmt: skip
SETTINGS = {"stylizer": "mini", "bank": "paintings-mini", "styles": 512}


def make(folder: Path, seed: int) -> list[Case]:
    """Write them; see :func:`tests.torture.corpus.build`."""
    del seed
    cases: list[Case] = []

    def put(kind: str, name: str, data: bytes, expect: str, about: str, says: tuple[str, ...] = ()) -> None:
        path = folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        where = path.parent if kind in ("manifest", "prepared", "registry", "run") else path
        cases.append(Case(kind, where, expect, about, says))

    for name, data, expect in (
        ("good.txt", b"00001\n00002.png\nimages/00003.png 5\n# remark\n", ACCEPT),
        ("windows.txt", b"images\\00001.png\r\n00002\r\n", ACCEPT), ("empty.txt", b"", REFUSE),
        ("remarks.txt", b"# nothing\n\n", REFUSE), ("twice.txt", b"a\nb\na\n", REFUSE), ("noise.txt",
        b"\xff\xfe\x80", REFUSE),
        ("nul.txt", b"a\0b\nc\n", EITHER), ("bom.txt", b"\xef\xbb\xbf00001\n", EITHER), ("long.txt", b"a" * 100_000,
        EITHER),
    ):  # fmt: skip
        put("list", name, data, expect, f"a list: {name}")
    cases.append(Case("list", folder / "list" / "missing.txt", REFUSE, "no such file"))

    row = json.dumps(ROW).encode()
    put("ledger", "good.jsonl", row + b"\n" + row + b"\n", ACCEPT, "two rows")
    put("ledger", "torn.jsonl", row + b"\n" + row[:50], EITHER, "a torn last line")
    for name, data in NO_OBJECT.items():
        put("ledger", f"{name}.jsonl", row + b"\n" + data + b"\n" + row + b"\n", EITHER, f"a line that is {name}")
    for key in ROW:
        for name, value in {"missing": None, "list": [1], "text": "x", "object": {}, "huge": 10**400}.items():
            changed = {k: v for k, v in ROW.items() if k != key} | ({} if name == "missing" else {key: value})
            put("ledger", f"{key}-{name}.jsonl", json.dumps(changed).encode() + b"\n", EITHER, f"{key} {name}")

    manifest: dict[str, Any] = {"settings": SETTINGS, "done": {}, "refused": {}, "memory": {}, "seconds": 1.0}
    for name, data in NO_OBJECT.items():
        put("manifest", f"{name}/manifest.json", data, REFUSE, f"a manifest that is {name}", ("manifest.json",))
    for key in manifest:
        for name, value in {"missing": None, "number": 5, "list": [1], "text": "x", "null": None}.items():
            changed = {k: v for k, v in manifest.items() if k != key} | ({} if name == "missing" else {key: value})
            says = ("manifest.json", f"{key}-{name}")
            # Older manifests had neither of the last two.
            expect = (
                EITHER
                if (key, name) in (("memory", "missing"), ("seconds", "missing"), ("seconds", "number"))
                else REFUSE
            )
            put("manifest", f"{key}-{name}/manifest.json", json.dumps(changed).encode(), expect, f"{key} {name}", says)
    inner = {"done": {"good.png": 5}, "refused": {"good.png": [1]}}
    for key, value in inner.items():
        data = json.dumps({**manifest, key: value}).encode()
        put(
            "manifest", f"{key}-inside/manifest.json", data, REFUSE, f"{key} of odd entries",
            ("manifest.json", f"{key}-inside"),
        )  # fmt: skip

    for name, data in NO_OBJECT.items():
        put(
            "prepared", f"{name}/manifest.json", data, REFUSE, f"gltr prepare's manifest that is {name}",
            ("manifest.json",),
        )  # fmt: skip
        put("registry", f"{name}/registry.json", data, REFUSE, f"registry: {name}", ("registry.json", "weights"))
        put("json", f"{name}.json", data, REFUSE, f"a text that is {name}")
    entry = {"file": "a.safetensors", "sha256": "0" * 64, "kind": "style_bank", "metadata": {}}
    for key in entry:
        for name, value in {"missing": None, "number": 5, "list": [1], "null": None}.items():
            changed = {k: v for k, v in entry.items() if k != key} | ({} if name == "missing" else {key: value})
            data = json.dumps({"a": changed}).encode()
            put(
                "registry", f"{key}-{name}/registry.json", data, REFUSE, f"{key} {name}",
                ("registry.json", "a.safetensors"),
            )  # fmt: skip
    for name, value in {"entry-list": [1], "entry-null": None, "entry-number": 5}.items():
        data = json.dumps({"a": value}).encode()
        put("registry", f"{name}/registry.json", data, REFUSE, name, ("registry.json",))
    for name, file in {"outside": "../../x.safetensors", "absolute": "/etc/passwd", "nul": "a\0b"}.items():
        data = json.dumps({"a": {**entry, "file": file}}).encode()
        put("registry", f"{name}/registry.json", data, REFUSE, f"a file {file!r}", ("registry.json", "a.safetensors"))
    return cases


def overrides(seed: int) -> list[tuple[str, str]]:
    """``key=value`` texts for ``--set`` with what is expected of them."""
    del seed
    good = ["steps=3", "lr=1e-3", "crop=[32,64]", "crop=(32,64)", "flip=false", "device=null", "method.alpha=0.5"]
    bad = [
        "", "=", "steps", "steps=", "=5", "nonsense=1", "steps=x", "steps=-1", "steps=1.5", "steps=null", "steps=[1]",
        "steps=1e999", f"steps={'9' * 6000}", "lr=0", "lr=-1", "lr=NaN",
        "lr=Infinity",
        "lr=true", "crop=5", "crop=[32]", "crop=[0,64]", "crop=[-1,-1]", "crop=[1,2,3]", 'crop="abc"', "crop=[1e9,1e9]",
        "scale=[2,1]", "scale=[0,1]", "scale=[NaN,1]", "flip=5", "method=nonsense", "method=5", "method=[]",
        "method.alpha=2", "method.alpha=NaN", "method.views=[]", 'method.views=["x"]', "method.nonsense=1", "method.=1",
        "method.rival.x=1", "model=nonsense", "model=5", "model_options.x=1", "model_options.=1", "model_options=5",
        "num_classes=0", "num_classes=-1", "num_classes=1e3", "forward_images=0", "forward_images=-12", "seed=-1",
        "seed=x",
        "optimizer=x", "precision=x", "selection=x", "selection=source-val", "ema=1", "ema=NaN", "momentum=1",
        "warmup=2",
        "weight_decay=-1", "grad_clip=-1", "grad_clip=NaN", "power=NaN", "weight_decay=Infinity", "blur=NaN",
        "jitter=9",
        "device=nonsense", "init=missing.pth", "workers=-1", "processes=0",
        "accumulate=0", "checkpoint_every=0", "checkpoint_every=-1", "log_every=0", "steps=" + "[" * 100_000,
        "head_lr_factor=NaN", "ls=1", "steps=\n5x", "lr=1e309",
    ]  # fmt: skip
    return [(text, ACCEPT) for text in good] + [(text, REFUSE) for text in bad]
