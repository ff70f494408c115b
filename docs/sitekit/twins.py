"""Static twins of the explorers: native controls over frames that were rendered when the site was built.

The frames come from ``gltr_lib.explorers.twin``; here they become files, a block of HTML that says something without
its script, and one JSON object in the page (no request is needed, so that a page opened from a disk works as well).
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gltr_lib import explorers
from gltr_lib.explorers import bank
from gltr_lib.explorers.twin import Twin, twin_of

ENDINGS = {"image/webp": "webp", "image/jpeg": "jpg", "image/png": "png"}
# Explorer -> the controls that its twin keeps, with the positions drawn. A name in place of positions stands for the
# first so many entries of that control's own list.
AXES: dict[str, dict[str, Any]] = {
    "AdainExplorer": {"style": 4, "alpha": (0.0, 0.25, 0.5, 0.75, 1.0)},
    "GtrExplorer": {"seed": tuple(range(6)), "alpha": (0.0, 0.5, 1.0)},
    "StyleBankExplorer": {"how": bank.HOW[1:], "seed": tuple(range(6))},
    "AugmentationComposer": {"seed": tuple(range(5)), "broken": 3},
    "PredictionExplorer": {"look": 5, "view": 4},
    "CostExplorer": {"network": 3, "gpus": (1, 2, 4, 8, 32)},
    "LtrExplorer": {"sigma": (4.0, 8.0, 16.0, 32.0, 64.0), "share": (0.0, 0.25, 0.5, 0.75, 1.0)},
}
# Where a twin starts, if not where its explorer does: a seed moves nothing in the bank until it draws.
STARTS: dict[str, Any] = {"StyleBankExplorer": bank.Params(how=bank.HOW[1])}


def positions(explorer_class: type) -> dict[str, list[Any]]:
    """The positions that are drawn, for one explorer: numbers as they stand, names from its lists."""
    wanted = AXES[explorer_class.__name__]
    lists = {name for name, values in wanted.items() if isinstance(values, int)}
    controls = explorer_class(synchronous=True).controls if lists else {}
    return {name: named(controls[name], values) if name in lists else list(values) for name, values in wanted.items()}


def named(control: Any, count: int) -> list[Any]:
    """The first ``count`` values of a list to choose from, the one that is chosen always among them."""
    values = [entry[1] if isinstance(entry, tuple) else entry for entry in control.options]
    first = values[:count]
    return first if control.value in first else [control.value, *first[: count - 1]]


def load() -> list[Twin]:
    """Draw the twins of all explorers, in teaching order."""
    shown = [kind for kind in explorers.all_explorers() if kind.__name__ in AXES]
    return [twin_of(kind, positions(kind), params=STARTS.get(kind.__name__)) for kind in shown]


def without() -> list[str]:
    """Explorers that the library has and this page forgot: a test holds this list empty."""
    return [kind.__name__ for kind in explorers.all_explorers() if kind.__name__ not in AXES]


def write(folder: Path) -> list[Twin]:
    """Render every twin and write its frames; returns the twins, in teaching order."""
    drawn = load()
    for twin in drawn:
        place = folder / twin.name
        place.mkdir(parents=True, exist_ok=True)
        for index, frame in enumerate(twin.frames):
            (place / file_name(twin, index)).write_bytes(frame.picture)
    return drawn


def file_name(twin: Twin, index: int) -> str:
    """The file of one frame."""
    return f"{index:03d}.{ENDINGS[twin.frames[index].mime]}"


def first(twin: Twin) -> int:
    """Number of the frame that is shown first."""
    index = 0
    for name, values in twin.axes.items():
        index = index * len(values) + values.index(twin.start[name])
    return index


def said(value: Any) -> str:
    """A position in words.

    Example:
        >>> said(0.25), said(True), said("night sky")
        ('0.25', 'yes', 'night sky')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value) or "none"


def slides(values: Sequence[Any]) -> bool:
    """Whether a control is a slider (numbers in order) and not a list of names."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def behind(plain: str, drawn: Iterable[Twin]) -> Twin | None:
    """The twin of the explorer behind an output's plain text ``[title] words``, or None."""
    return next((twin for twin in drawn if plain.strip("'\"").startswith(f"[{twin.title}]")), None)


def embed(twin: Twin, place: str, prefix: str = "", caption: bool = True) -> str:
    """The block of HTML of one twin.

    Args:
        twin: what is shown.
        place: tells it from other twins of the same page.
        prefix: leads from the page to the site's root.
        caption: whether the block says the twin's title.
    """
    folder = f"{prefix}_static/twins/{twin.name}/"
    identity = f"twin-{twin.name}-{place}"
    number = first(twin)
    shown = twin.frames[number]
    texts = {name: [said(value) for value in values] for name, values in twin.axes.items()}
    starts = {name: values.index(twin.start[name]) for name, values in twin.axes.items()}
    data = {
        "folder": folder,
        "axes": [{"values": texts[name], "start": starts[name]} for name in twin.axes],
        "frames": [{"file": file_name(twin, i), "words": frame.words} for i, frame in enumerate(twin.frames)],
    }
    controls = "".join(
        control(twin.labels[name], texts[name], starts[name], slides(values), axis, f"{identity}-{axis}")
        for axis, (name, values) in enumerate(twin.axes.items())
    )
    width, height = twin.size
    # A closing tag inside the JSON would end the script.
    inside = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    head = f"<figcaption>{html.escape(twin.title)}</figcaption>" if caption else ""
    return (
        f'<figure class="twin" data-module="{twin.name}" data-frame="{number}">{head}'
        f'<div class="twin-controls">{controls}<button type="button" class="twin-reset">Reset</button></div>'
        f'<div class="twin-stage" tabindex="0" role="group" aria-label="{html.escape(twin.title, quote=True)}">'
        f'<img class="twin-picture" src="{folder}{file_name(twin, number)}" width="{width}" height="{height}" '
        f'alt="{html.escape(shown.words, quote=True)}"></div>'
        f'<p class="twin-words" role="status" aria-live="polite">{html.escape(shown.words)}</p>'
        f'<script type="application/json" class="twin-data">{inside}</script></figure>'
    )


def control(label: str, texts: Sequence[str], start: int, slider: bool, place: int, identity: str) -> str:
    """One labelled native control: a slider with its value in words, or a list."""
    head = f'<label for="{identity}">{html.escape(label)}</label>'
    if slider:
        now = html.escape(texts[start], quote=True)
        tag = (
            f'<output for="{identity}">{now}</output><input type="range" id="{identity}" data-axis="{place}" min="0" '
            f'max="{len(texts) - 1}" step="1" value="{start}" aria-valuetext="{now}">'
        )
    else:
        entries = "".join(
            f'<option value="{i}"{" selected" if i == start else ""}>{html.escape(text)}</option>'
            for i, text in enumerate(texts)
        )
        tag = f'<span></span><select id="{identity}" data-axis="{place}">{entries}</select>'
    return f'<div class="twin-control">{head}{tag}</div>'
