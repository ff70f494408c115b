"""A folder of label maps that ``gltr prepare`` made: what its manifest says of them, held against what is asked for.

Label maps of another dataset, or of another mapping, are pictures of numbers like any other: nothing in them tells.
Folders that were prepared by other means have no manifest, and are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gltr_lib._json import parse_object

_MANIFEST = "manifest.json"  # as gltr_lib.prepare.convert calls it, which imports this floor


def settings_of(folder: Path) -> dict[str, Any]:
    """The settings with which ``gltr prepare`` made a folder; empty where no manifest of its says so."""
    try:
        settings = parse_object((folder / _MANIFEST).read_bytes())["settings"]
    except (OSError, ValueError, KeyError):
        return {}
    return settings if isinstance(settings, dict) else {}


def options_of(folder: Path) -> dict[str, str]:
    """The choices with which ``gltr prepare`` made a folder (lists, mapping, version); empty where nobody says.

    Example:
        >>> options_of(Path("no-such-folder"))
        {}
    """
    return _options(settings_of(folder))


def check_prepared(name: str, folder: Path, options: Mapping[str, str | None]) -> None:
    """Refuse label maps of another dataset, or that were mapped in another way than is asked for.

    Args:
        name: of the dataset that is to be read.
        folder: the prepared label maps.
        options: the choices that were given; None for those that were not.

    Raises:
        ValueError: the manifest says another dataset, mapping or version. (Another list shows by what is missing.)
    """
    made = settings_of(folder)
    if not isinstance(made.get("dataset"), str):
        return
    if made["dataset"] != name:
        raise ValueError(
            f"{folder}: holds label maps of {made['dataset']}, expected {name}'s; give the folder that "
            f"gltr prepare {name} made"
        )
    for option, before in _options(made).items():
        wanted = options.get(option)
        if option != "lists" and wanted is not None and wanted != before:
            raise ValueError(
                f"{folder}: its label maps were prepared with {option}={before}, expected {option}={wanted}; leave the "
                f"option out, or prepare them anew in another folder"
            )


def remedy(name: str, folder: Path, split: str, chosen: Mapping[str, str]) -> str:
    """What to do about pictures of a split that have no prepared label map."""
    made = settings_of(folder)
    if made and not (folder / split).is_dir():
        return f"this split was not prepared: gltr prepare {name} ... --split {split} adds it"
    lists = _options(made).get("lists")
    if lists is not None and lists != chosen.get("lists"):
        return f"they were prepared with lists={lists}: choose the same (--option lists={lists}), or prepare them again"
    return "prepare them again" + (f" ({folder / _MANIFEST} says what was refused)" if made else "")


def _options(made: Mapping[str, Any]) -> dict[str, str]:
    options = made.get("options")
    return {str(key): str(value) for key, value in options.items()} if isinstance(options, dict) else {}
