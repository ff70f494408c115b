"""Where a library call finds this course's checkout, and where its rendered streets go. Needs no torch.

The study's own commands write where they are started (``runs/``, ``results/``), as they say. A library call that a
stranger makes in a project of his own must leave nothing there: its rendered streets go to his cache, and its looks at
real sets are counted nowhere.
"""

from __future__ import annotations

from pathlib import Path


def checkout() -> Path | None:
    """The checkout of this course that the working directory is in; None anywhere else."""
    here = Path.cwd()
    return next((base for base in (here, *here.parents) if _is_ours(base)), None)


def _is_ours(base: Path) -> bool:
    return (base / "gltr_lib" / "study").is_dir() and (base / "lessons").is_dir()


def default_cache() -> Path:
    """Where rendered streets are kept: ``runs/cache`` of the checkout, elsewhere ``streets`` in ``~/.cache/gltr``.

    The VGG weights lie in that same folder of the user's; it may be deleted, then the streets are rendered again.

    Example:
        >>> default_cache().name in ("cache", "streets")
        True
    """
    base = checkout()
    return base / "runs" / "cache" if base is not None else Path.home() / ".cache" / "gltr" / "streets"
