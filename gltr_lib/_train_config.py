"""One training run as a frozen dataclass that reads and writes JSON; :mod:`gltr_lib.config` offers it. Needs no torch.

The views of a run are its method's (:mod:`gltr_lib._methods`). Methods with two views read half as many source images a
step, so that every method costs the same number of forward images.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from gltr_lib._checks import check_choice, check_share
from gltr_lib._fields import from_dict, pairs
from gltr_lib._json import parse
from gltr_lib._methods import MethodConfig, method
from gltr_lib._typed import check_fields, typed

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
        >>> from gltr_lib.config import METHODS
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
