"""Everything that decides a training run, as frozen dataclasses that read and write JSON. Needs no torch.

A :class:`MethodConfig` says which *views* of a source image the network sees in a step:
``"raw"`` (the picture as rendered), ``"gtr"`` (its texture replaced by a painting's, a fresh one each time), ``"ltr"``
(blobs of the first ``"gtr"`` view pasted into the raw picture), or a rival's. A :class:`TrainConfig` holds the rest.
Methods with two views read half as many source images a step, so that every method costs the same number of forward
images. Each has a file of its own (``_methods.py``, ``_train_config.py``, ``_recipes.py``); this is the door to all of
them, and reads the changes that a command line asks for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from gltr_lib._fields import from_dict, pairs, parse_value, refuse_unknown
from gltr_lib._methods import (
    CONSISTENCY_KINDS,
    DETACH,
    METHODS,
    PAINTED_VIEWS,
    RIVALS,
    STYLED_VIEWS,
    VIEWS,
    MethodConfig,
    method,
    painted_views,
)
from gltr_lib._recipes import RECIPES, recipe
from gltr_lib._train_config import OPTIMIZERS, PRECISIONS, SELECTIONS, TrainConfig
from gltr_lib._typed import brief, typed

__all__ = [
    "CONSISTENCY_KINDS", "DETACH", "METHODS", "OPTIMIZERS", "PAINTED_VIEWS", "PRECISIONS", "RECIPES", "RIVALS",
    "SELECTIONS", "STYLED_VIEWS", "VIEWS", "MethodConfig", "TrainConfig", "method", "painted_views", "parse_overrides",
    "recipe",
]  # fmt: skip


@typed
def parse_overrides(overrides: Iterable[str], base: TrainConfig | None = None) -> TrainConfig:
    """Change a configuration by ``key=value`` texts, as a command line gives them.

    Values are JSON where they parse as JSON (``3e-3``, ``true``, ``null``, ``[0.25,0.75]``), text otherwise;
    ``method=gtr`` takes a whole method, ``method.alpha=0.5`` changes one of its fields, ``model_options.norm=group``
    one option of the network, ``method.rival.mix=false`` one of the method's rival's view.

    Args:
        overrides: texts of the form ``key=value``.
        base: what to start from; None means the defaults.

    Returns:
        A new, checked configuration.

    Raises:
        ValueError: a text without "=", unknown keys (all of them listed, with the valid ones), or a wrong type.

    Example:
        >>> parse_overrides(["steps=20", "method=gtr", "method.raw_share=0.5"]).method.raw_share
        0.5
    """
    values = dataclasses.asdict(base or TrainConfig())
    nested: list[tuple[str, Any]] = []
    options: dict[str, Any] = {}
    inside: dict[str, dict[str, Any]] = {"rival": {}, "network": {}}  # options of a method
    unknown: list[str] = []
    inner = {f"method.{f.name}" for f in dataclasses.fields(MethodConfig)}
    for text in overrides:
        key, equals, raw = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ValueError(f"an override reads key=value, such as steps=500; received {brief(text)}")
        value = parse_value(raw.strip())
        if key == "method":
            values["method"] = dataclasses.asdict(method(value)) if isinstance(value, str) else value
        elif key in inner:
            nested.append((key.removeprefix("method."), value))
        elif (parts := key.split(".", 2))[0] == "method" and len(parts) == 3 and parts[1] in inside and parts[2]:
            inside[parts[1]][parts[2]] = value
        elif key.startswith("model_options.") and key != "model_options.":
            options[key.removeprefix("model_options.")] = value
        elif key in values:
            values[key] = value
        else:
            unknown.append(key)
    refuse_unknown(unknown, [*values, *sorted(inner)])
    if (nested or any(inside.values())) and not isinstance(values["method"], dict):
        raise ValueError(f"method must be a name or a mapping of its fields; received {brief(values['method'])}")
    if nested:
        values["method"] = {**values["method"], **dict(nested)}
    for name, given in inside.items():
        if given:
            before = pairs(values["method"].get(name, ()), f"method.{name}")
            values["method"] = {**values["method"], name: {**dict(before), **given}}
    if options:
        values["model_options"] = {**dict(pairs(values["model_options"], "model_options")), **options}
    return from_dict(TrainConfig, values)
