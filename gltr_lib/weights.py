"""Weights: what the package ships, by name, and files of others, loaded without running anything in them.

``assets/registry.json`` names every shipped file with its SHA-256, size, kind, licence, recipe and the ledger row it
was measured in. Shipped files are safetensors only; the checksum is verified at every load. Files of others are opened
by ``_tensor_files.py``, whose functions are offered here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from gltr_lib._drafts import atomic_file, digest, write_text
from gltr_lib._json import parse_object
from gltr_lib._tensor_files import load_file, load_safetensors, refuse_claims, save_safetensors
from gltr_lib._typed import MissingFile, brief, typed

__all__ = [
    "download", "load", "load_file", "load_safetensors", "names", "path", "refuse_claims", "register", "registry",
    "save_safetensors", "sha256",
]  # fmt: skip

ASSETS = Path(__file__).parent / "assets"
KINDS = ("stylizer", "style_bank", "model")
MOST_LETTERS = 200  # of the name of a registered file


@typed
def registry(assets: str | Path | None = None) -> dict[str, dict[str, Any]]:
    """Return the table of shipped files: name -> file, sha256, bytes, kind, licence, recipe, ledger_id, metadata.

    Args:
        assets: folder that holds ``registry.json``; default: the package's own.

    Raises:
        ValueError: the table cannot be read.

    Example:
        >>> all(entry["file"].endswith(".safetensors") for entry in registry().values())
        True
    """
    path = Path(assets or ASSETS) / "registry.json"
    if not path.exists():
        return {}
    try:
        table = parse_object(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON table of weights ({error}); reinstall the package") from error
    for name, entry in table.items():
        texts = [entry.get(key) for key in ("file", "sha256")] if isinstance(entry, dict) else [None]
        if not all(isinstance(text, str) and len(text) <= MOST_LETTERS and text.isprintable() for text in texts):
            raise ValueError(f"{path}: the entry {brief(name, 60)} lacks its file or sha256; reinstall the package")
        if not isinstance(entry.get("metadata", {}), dict):
            raise ValueError(f"{path}: the metadata of {brief(name, 60)} is no JSON object; reinstall the package")
    return table


@typed
def names(kind: str | None = None, *, assets: str | Path | None = None) -> list[str]:
    """Return the names of the shipped weights, sorted.

    Args:
        kind: only those of this kind: ``"stylizer"``, ``"style_bank"`` or ``"model"``.
        assets: as in :func:`registry`.

    Raises:
        ValueError: unknown kind.

    Example:
        >>> set(names("model")) <= set(names())
        True
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind: unknown {kind!r}; valid: {', '.join(KINDS)}")
    return sorted(name for name, entry in registry(assets).items() if kind in (None, entry.get("kind")))


@typed
def path(name: str, *, assets: str | Path | None = None) -> Path:
    """Return where a shipped file lies.

    Args:
        name: one of :func:`names`.
        assets: as in :func:`registry`.

    Raises:
        ValueError: unknown name; the valid ones are listed. FileNotFoundError: named, but not there.
    """
    folder = Path(assets or ASSETS)
    entry = _entry(name, folder)
    found = folder / entry["file"]
    if "\0" in entry["file"] or found.parent.resolve() != folder.resolve():
        raise ValueError(f"{folder / 'registry.json'}: {brief(name, 60)} points outside its folder ({entry['file']!r})")
    if not found.exists():
        raise MissingFile(f"{found}: the shipped weights {brief(name, 60)} are missing; reinstall the package")
    return found


@typed
def load(name: str, *, assets: str | Path | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load shipped weights after verifying their checksum.

    Args:
        name: one of :func:`names`.
        assets: as in :func:`registry`.

    Returns:
        (state, metadata): tensors by name as stored (perhaps float16), and the registry's entry joined with the
        strings in the file's own header.

    Raises:
        ValueError: unknown name, a wrong checksum, or a file that is not safetensors.
        FileNotFoundError: named, but not there.
    """
    found = path(name, assets=assets)
    entry = _entry(name, Path(assets or ASSETS))
    checksum = sha256(found)
    if checksum != entry["sha256"]:
        raise ValueError(
            f"{found}: checksum {checksum[:12]}..., expected {entry['sha256'][:12]}...; the file is damaged or was"
            " replaced: reinstall the package, or register the new file with gltr_lib.weights.register"
        )
    state, header = load_safetensors(found)
    return state, {**header, **{k: v for k, v in entry.items() if k != "metadata"}, **entry.get("metadata", {})}


@typed
def register(
    name: str,
    file: str | Path,
    *,
    kind: str,
    licence: str = "MIT",
    recipe: str = "",
    ledger_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    assets: str | Path | None = None,
) -> Path:
    """Copy a safetensors file into the assets and enter it in the registry (for data_scripts, not for users).

    Args:
        name: the name under which :func:`load` finds it.
        file: safetensors file; it is copied to ``assets/NAME.safetensors`` unless it lies there already.
        kind: ``"stylizer"``, ``"style_bank"`` or ``"model"``.
        licence: SPDX name.
        recipe: the command that made it.
        ledger_id: the row of the results ledger it was measured in.
        metadata: anything JSON can hold.
        assets: as in :func:`registry`.

    Returns:
        The path of the registered file.

    Raises:
        ValueError: unknown kind, or not a safetensors file. FileNotFoundError: no such file.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: unknown {kind!r}; valid: {', '.join(KINDS)}")
    if not name or name != Path(name).name or not name.isprintable() or len(name) > MOST_LETTERS - len(".safetensors"):
        raise ValueError(f"name: expected a plain name such as 'mini-stylizer', received {brief(name, 60)}")
    load_safetensors(file)
    folder = Path(assets or ASSETS)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.safetensors"
    if Path(file).resolve() != target.resolve():
        with atomic_file(target) as draft:
            shutil.copyfile(file, draft)
    entry = {
        "file": target.name,
        "sha256": sha256(target),
        "bytes": target.stat().st_size,
        "kind": kind,
        "licence": licence,
        "recipe": recipe,
        "ledger_id": ledger_id,
        "metadata": metadata or {},
    }
    table = registry(folder) | {name: entry}
    text = json.dumps(dict(sorted(table.items())), indent=2, ensure_ascii=False) + "\n"
    write_text(folder / "registry.json", text)
    return target


def download(url: str, target: str | Path, sha256: str) -> Path:
    """Fetch a file of weights; it appears under its name only whole and with the right checksum.

    Args:
        url: https address.
        target: file to write; one that is there already is verified and not fetched again.
        sha256: checksum in hexadecimal.

    Returns:
        The target.

    Raises:
        ImportError: pooch is not installed.
        ValueError: the checksum is another one; what came is deleted.
        OSError: the address cannot be reached, or the disk is full.
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError(f"downloads need pooch: pip install pooch, or put {url} at {target} yourself") from error
    target = Path(target)
    try:
        pooch.retrieve(url, f"sha256:{sha256}", fname=target.name, path=target.parent)
    except ValueError as error:  # pooch keeps nothing that has another hash
        raise ValueError(f"{target}: what came from {url} has not the checksum {sha256[:12]}...; try again") from error
    except Exception as error:  # requests' errors, a full disk
        reason = " ".join(str(error).split())[:160]
        raise OSError(f"{target}: could not download {url} ({reason}); fetch it yourself and put it there") from error
    return target


@typed
def sha256(file: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return digest(file)


def _entry(name: str, folder: Path) -> dict[str, Any]:
    table = registry(folder)
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"weights: unknown {str(name)[:60]!r}; valid: {', '.join(sorted(table)) or '(none shipped)'}")
    return table[name]
