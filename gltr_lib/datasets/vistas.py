"""Mapillary Vistas: 25,000 street pictures of many sizes from all over the world; labels of 66 or of 124 classes.

The old release (v1.2): ``{training,validation}/{images,labels}`` and ``config.json``. The present one (v2.0) holds both
annotations: ``{training,validation}/images``, ``.../v1.2/labels``, ``.../v2.0/labels``, ``config_v1.2.json``,
``config_v2.0.json``. Labels are 8-bit palette PNGs whose index is the class id, and *the ids of the two versions
differ* (13 is road in the one and bike lane in the other): the config's names are held against our table before
anything is read. ``version="v1.2"`` is the default, with RobustNet's mapping; ``_label_tables`` tells the others.

Source: Neuhold, Ollmann, Rota Bulo, Kontschieder, ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gltr_lib._json import parse_object
from gltr_lib._typed import brief
from gltr_lib.datasets.form import Coding, Form, Pair
from gltr_lib.datasets.layout import PREPARED, Layout
from gltr_lib.labels import (
    VISTAS_V12_CLASSES,
    VISTAS_V12_OPENSEG,
    VISTAS_V12_ROBUSTNET,
    VISTAS_V20,
    VISTAS_V20_CLASSES,
    VISTAS_V20_OPENSEG,
)

_NAMES = {"v1.2": VISTAS_V12_CLASSES, "v2.0": VISTAS_V20_CLASSES}
_FOLDERS = {"train": "training", "val": "validation", "test": "testing"}


def _plain(name: object) -> str:
    """A class's name without what typing differs in: case, spaces, dashes."""
    return "".join(letter for letter in str(name).lower() if letter.isalnum())


def check_config(path: Path, version: str) -> None:
    """Hold a config's class names against the table that is about to be used.

    Raises:
        ValueError: no such file, not Vistas' config, or classes in another order or number; the first is named.
    """
    names = _NAMES[version]
    try:
        labels = parse_object(path.read_bytes())["labels"]
        found = [label["readable"] for label in labels]
    except FileNotFoundError:
        raise ValueError(
            f"{path}: no such file; it says which of Vistas' versions the label ids are of, so copy it from the archive"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = "it has none" if isinstance(error, KeyError | TypeError) else error
        raise ValueError(f"{path}: expected Vistas' config with a list of labels ({why}); copy the archive's") from None
    pairs = enumerate(zip(found, names, strict=False))
    wrong = next((f"id {n} is {brief(a, 60)}, expected {b!r}" for n, (a, b) in pairs if _plain(a) != _plain(b)), None)
    if len(found) == len(names) and wrong is None:
        return
    other = next((v for v, known in _NAMES.items() if [_plain(n) for n in known] == [_plain(n) for n in found]), None)
    remedy = f"its labels are those of {other}: give version={other!r}" if other else "is it Vistas' own file?"
    raise ValueError(
        f"{path}: lists {len(found)} classes that are not the {len(names)} of {version}"
        f"{f' ({wrong})' if wrong else ''}; {remedy}"
    )


def _check(base: Path, form: Form, pairs: Sequence[Pair], chosen: Mapping[str, str]) -> None:
    if any(pair.label is not None and pair.coding != PREPARED for pair in pairs):
        check_config(base / form.config, chosen["version"])


def _form(name: str, labels: str, config: str, version: str) -> Form:
    return Form(
        name,
        "{split}/images",
        labels,
        ((".png", version + "/{mapping}"),),
        endings=(".jpg",),
        folders=_FOLDERS,
        only={"version": version},
        config=config,
    )


VISTAS = Layout(
    name="vistas",
    title="Mapillary Vistas",
    homepage="https://www.mapillary.com/dataset/vistas",
    licence="for research; read the terms on the homepage",
    login=True,
    splits={"train": 18_000, "val": 2_000, "test": 5_000},
    sizes=None,
    forms=(
        _form("v2.0 release, v1.2 labels", "{split}/v1.2/labels", "config_v1.2.json", "v1.2"),
        _form("v2.0 release, v2.0 labels", "{split}/v2.0/labels", "config_v2.0.json", "v2.0"),
        _form("old flat release", "{split}/labels", "config.json", "v1.2"),
        _form("old flat release, v2.0 labels", "{split}/labels", "config.json", "v2.0"),
    ),
    codings={
        "v1.2/robustnet": Coding(VISTAS_V12_ROBUSTNET, frozenset(range(66))),
        "v1.2/openseg": Coding(VISTAS_V12_OPENSEG, frozenset(range(66))),
        "v2.0/robustnet": Coding(VISTAS_V20, frozenset(range(124))),
        "v2.0/openseg": Coding(VISTAS_V20_OPENSEG, frozenset(range(124))),
    },
    options={"version": ("v1.2", "v2.0"), "mapping": ("robustnet", "openseg")},
    check=_check,
)
