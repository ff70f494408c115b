"""Files of tensors, yours or somebody else's, read without running anything in them, and written whole or not at all.

``.safetensors`` holds tensors and strings and nothing else. Other people's ``.pth`` files open with
``torch.load(weights_only=True)``, which builds tensors and refuses code; :mod:`.weights` offers all of this.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gltr_lib._drafts import atomic_file
from gltr_lib._typed import MissingFile, strictly_typed, typed


@typed
def load_file(file: str | Path) -> dict[str, Tensor]:
    """Load the tensors of a ``.safetensors`` or PyTorch ``.pth`` / ``.pt`` file; no code in it is run.

    Args:
        file: path.

    Returns:
        Tensors by name, on the CPU. A state dict wrapped as ``{"state_dict": ...}`` is unwrapped.

    Raises:
        FileNotFoundError: no such file (a ValueError, too).
        ValueError: not a file of tensors (empty, truncated, an archive of something else, pickled code).
    """
    where = Path(file)
    if not where.is_file():
        raise MissingFile(f"{where}: no such file; expected .safetensors or .pth weights")
    if where.suffix == ".safetensors":
        return load_safetensors(where)[0]
    refuse_claims(where)
    try:
        state = torch.load(where, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle, zip, EOF and runtime errors alike
        # What the unpickler stumbled over is of no use to anybody; what it refused is.
        stumbled = isinstance(error, TypeError | AttributeError | LookupError | RecursionError)
        reason = type(error).__name__ if stumbled or not str(error) else str(error).splitlines()[0]
        message = f"{where}: not PyTorch weights that load safely ({reason[:160]}); download it again"
        raise ValueError(message) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{where}: expected a state dict (tensors by name), found {type(state).__name__}")
    return {str(k): v for k, v in state.items()}


def refuse_claims(file: Path, remedy: str = "download it again") -> None:
    """Refuse a zip of torch's whose members claim more than it holds, before memory is asked for them.

    torch stores its members as they are; one that claims to grow would be given all the memory that it asks for.

    Args:
        file: the file.
        remedy: what its owner can do.

    Raises:
        ValueError: such a file, or a zip whose directory cannot be read.
    """
    try:
        if not zipfile.is_zipfile(file):
            return  # the older format, or none: torch says so
        with zipfile.ZipFile(file) as opened:
            claimed = sum(info.file_size for info in opened.infolist())
    except Exception as error:  # on damaged directories zipfile raises nearly anything
        raise ValueError(f"{file}: not weights of PyTorch ({type(error).__name__}); {remedy}") from None
    if claimed > file.stat().st_size:
        raise ValueError(
            f"{file}: claims {claimed:,} bytes of numbers, more than its {file.stat().st_size:,} (compressed, or "
            f"damaged); {remedy}"
        )


@typed
def load_safetensors(file: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the header's strings of a safetensors file.

    Raises:
        FileNotFoundError: no such file (a ValueError, too). ValueError: not safetensors.
    """
    where = Path(file)
    if not where.is_file():
        raise MissingFile(f"{where}: no such file; expected .safetensors weights")
    try:
        with safe_open(where, framework="pt", device="cpu") as opened:
            return {k: opened.get_tensor(k) for k in opened.keys()}, dict(opened.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{where}: not a readable safetensors file ({error}); download or make it again") from error


@strictly_typed
def save_safetensors(tensors: Mapping[str, Tensor], file: str | Path, header: Mapping[str, str] | None = None) -> Path:
    """Write tensors and a header of strings; the file appears whole or not at all.

    Args:
        tensors: by name, contiguous and on the CPU.
        file: path ending in ``.safetensors``; its folder is made.
        header: strings that travel with them.

    Returns:
        The path.

    Raises:
        ValueError: no name of a file.
        OSError: it cannot be written; a full disk is named as such. What lay there before is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_safetensors({"a": torch.ones(2)}, Path(folder) / "a.safetensors")
        ...     load_file(path)["a"].tolist()
        [1.0, 1.0]
    """
    from safetensors.torch import save

    # save_file would write a file that its owner alone can read, and has an error of its own for a full disk.
    data = save(dict(tensors), metadata=dict(header or {}))
    where = Path(file)
    if not where.name:
        raise ValueError(f"file: expected the name of a file, received {str(file)!r}")
    if where.is_dir():
        raise ValueError(f"file: expected the name of a file, received the folder {where}; add a name to it")
    where.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_file(where) as draft:
            draft.write_bytes(data)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(where)) from None
    return where
