"""Everything that decides a training run, as frozen dataclasses that read and write JSON. Needs no torch.

A :class:`MethodConfig` says which *views* of a source image the network sees in a step:
``"raw"`` (the picture as rendered), ``"gtr"`` (its texture replaced by a painting's, a fresh one each time), ``"ltr"``
(blobs of the first ``"gtr"`` view pasted into the raw picture), or a rival's. A :class:`TrainConfig` holds the rest.
Methods with two views read half as many source images a step, so that every method costs the same number of forward
images.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gltr_lib._checks import check_choice, check_share
from gltr_lib._fields import from_dict, pairs, parse_value, refuse_unknown
from gltr_lib._json import parse
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
from gltr_lib._typed import brief, check_fields, typed

__all__ = [
    "CONSISTENCY_KINDS", "DETACH", "METHODS", "OPTIMIZERS", "PAINTED_VIEWS", "PRECISIONS", "RIVALS", "SELECTIONS",
    "STYLED_VIEWS", "VIEWS", "MethodConfig", "TrainConfig", "method", "painted_views", "parse_overrides",
]  # fmt: skip

OPTIMIZERS = ("adamw", "sgd")
PRECISIONS = ("auto", "no", "bf16", "fp16")
SELECTIONS = ("last", "source-val")
_AT_LEAST = {
    "num_classes": 1, "steps": 1, "forward_images": 1, "checkpoint_every": 1, "accumulate": 1, "processes": 1,
    "workers": 0, "val_every": 0, "log_every": 1, "pictures_every": 0, "seed": 0,
}  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """One training run, whole.

    Attributes:
        method: the views and their making; a name of METHODS or RIVALS is looked up.
        model: a name of ``gltr_lib.models.MODELS``.
        num_classes: channels of the logits.
        steps: optimizer steps.
        forward_images: images in one forward pass, all views together.
        crop: (height, width) of what the network sees.
        lr: peak learning rate of the optimizer (of the trunk, where the head has its own).
        weight_decay: weight decay of the kernels (decoupled for AdamW, L2 for SGD).
        warmup: share of the steps in which the rate rises linearly.
        power: the rate then falls as (1 - t/T)^power.
        grad_clip: largest norm of the gradient; 0 switches clipping off.
        class_balance: weigh classes by the official rule, 1 - frequency in the batch.
        scale: range of the zoom, drawn log-uniformly; above 1 objects grow. (1, 1) is no zoom, as in the study.
        flip: mirror half of the images.
        jitter: strength of brightness, contrast and saturation jitter, 0 to 1.
        blur: probability of a Gaussian blur of radius U(0,1).
        ema: decay of the running mean of the weights that is returned; 0 returns the weights themselves.
        stylizer: name of the stylizer (read by methods with a view that is painted).
        bank: name of the style bank (read by these, and by rivals that take paintings).
        seed: of everything random.
        device: None chooses CUDA, then MPS, then CPU.
        amp: bfloat16 autocast on CUDA (read where ``precision`` is "auto").
        checkpoint_every: steps between checkpoints when there is somewhere to write them.
        model_options: further options of ``gltr_lib.models.build``, as a mapping or as pairs.
        init: file with weights for the network's trunk (``$VARIABLES`` allowed); None starts from random ones.
        optimizer: "adamw" or "sgd".
        momentum: of SGD.
        head_lr_factor: rate of the network's head by that of its trunk (10 in DeepLab's recipe).
        precision: "no", "bf16" or "fp16" (CUDA alone); "auto" follows ``amp``.
        channels_last: keep the network's tensors channels-last, as tensor cores like them.
        compile: run the network through ``torch.compile``.
        accumulate: parts in which the pictures of a step go through the network, one after the other.
        processes: processes that share the pictures of a step; training refuses to start with another number.
        workers: loader processes of each training process; 0 loads in the training process.
        sync_bn: BatchNorm statistics over all processes (CUDA alone).
        selection: the network that is kept: of the "last" step, or the best on the source's validation split.
        val_every: steps between scores on the source's validation split; 0 leaves them out.
        log_every: steps that one row of the log averages.
        pictures_every: steps between sheets of predictions; 0 leaves them out.

    The fields from ``compile`` on, and fp16, belong to the full-scale loop (:mod:`gltr_lib.scale`); the in-memory
    engine refuses them, but for ``log_every``: it keeps every step.

    Example:
        >>> TrainConfig(METHODS["gtr_ltr"]).source_images
        6
    """

    method: MethodConfig = field(default_factory=MethodConfig)
    model: str = "deeplab_mini"
    num_classes: int = 19
    steps: int = 1000
    forward_images: int = 12
    crop: tuple[int, int] = (128, 256)
    lr: float = 1e-2
    weight_decay: float = 1e-2
    warmup: float = 0.05
    power: float = 0.9
    grad_clip: float = 5.0
    class_balance: bool = False
    scale: tuple[float, float] = (0.75, 1.5)
    flip: bool = True
    jitter: float = 0.1
    blur: float = 0.5
    ema: float = 0.0
    stylizer: str = "mini"
    bank: str = "paintings-mini"
    seed: int = 0
    device: str | None = None
    amp: bool = True
    checkpoint_every: int = 200
    model_options: tuple[tuple[str, Any], ...] = ()
    init: str | None = None
    optimizer: str = "adamw"
    momentum: float = 0.9
    head_lr_factor: float = 1.0
    precision: str = "auto"
    channels_last: bool = False
    compile: bool = False
    accumulate: int = 1
    processes: int = 1
    workers: int = 0
    sync_bn: bool = False
    selection: str = "last"
    val_every: int = 0
    log_every: int = 20
    pictures_every: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.method, str):  # TrainConfig("gtr") reads well in a notebook
            object.__setattr__(self, "method", method(self.method))
        object.__setattr__(self, "model_options", pairs(self.model_options, "model_options"))
        check_fields(self)
        for name, least in _AT_LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}; received {getattr(self, name)!r}")
        if self.forward_images % len(self.method.views):
            raise ValueError(
                f"forward_images must be a multiple of the method's {len(self.method.views)} views, so that every "
                f"source image has them all; received {self.forward_images}"
            )
        if min(self.crop) < 1:
            raise ValueError(f"crop must be (height, width) of at least 1; received {self.crop!r}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be (low, high) with 0 < low <= high; received {self.scale!r}")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0; received {self.lr!r}")
        for name in ("jitter", "blur", "warmup"):
            check_share(getattr(self, name), name)
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be at least 0 and below 1; received {self.ema!r}")
        for name in ("weight_decay", "power", "grad_clip"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0; received {getattr(self, name)!r}")
        if not self.head_lr_factor > 0:
            raise ValueError(f"head_lr_factor must be above 0; received {self.head_lr_factor!r}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1; received {self.momentum!r}")
        check_choice(self.optimizer, OPTIMIZERS, "optimizer")
        check_choice(self.precision, PRECISIONS, "precision")
        check_choice(self.selection, SELECTIONS, "selection")
        parts = self.processes * self.accumulate
        if self.source_images % parts:
            raise ValueError(
                f"the {self.source_images} source images of a step cannot be shared evenly among processes="
                f"{self.processes} times accumulate={self.accumulate}; make forward_images a multiple of "
                f"{parts * len(self.method.views)}"
            )
        if self.selection == "source-val" and not self.val_every:
            raise ValueError('selection="source-val" needs val_every above 0: the steps between validations')

    @property
    def source_images(self) -> int:
        """Source images a step: the forward images shared among the views."""
        return self.forward_images // len(self.method.views)

    def replace(self, **changes: Any) -> TrainConfig:
        """The same run with some fields changed.

        Args:
            **changes: fields of TrainConfig; ``method`` may be a name of METHODS or RIVALS.

        Returns:
            A new, checked configuration.

        Example:
            >>> TrainConfig().replace(method="gtr", steps=10).method.views
            ('gtr',)
        """
        if isinstance(changes.get("method"), str):
            changes["method"] = method(changes["method"])
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """The run as one line of JSON, keys in the order of the fields."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    @typed
    def from_json(cls, text: str) -> TrainConfig:
        """Read what :meth:`to_json` wrote; missing fields take their defaults.

        Args:
            text: a JSON object.

        Returns:
            The configuration.

        Raises:
            ValueError: not JSON, unknown fields (listed with the valid ones), or values of a wrong type.

        Example:
            >>> TrainConfig.from_json(TrainConfig(seed=3).to_json()).seed
            3
        """
        try:
            values = parse(text)
        except ValueError as error:
            raise ValueError(f"a configuration is a JSON object; this is not JSON: {error}") from None
        return from_dict(cls, values)


def __getattr__(name: str) -> Any:
    if name in ("RECIPES", "recipe"):  # they are TrainConfigs: a file of their own, built from this one
        from gltr_lib import _recipes

        return getattr(_recipes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
