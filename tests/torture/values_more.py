"""The other public functions: charts, tables, layers, the rest of scoring and of the ledger; see ``values``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.torture.corpus_texts import ROW
from tests.torture.values import Spec, spec


def specs(folder: Path) -> list[Spec]:
    """What ``values_tensors`` and ``values_files`` left over."""
    from gltr_lib import (
        _drafts,
        baselines,
        config,
        datasets,
        engine,
        evaluate,
        ledger,
        metrics,
        models,
        offline,
        viz,
        weights,
    )

    here = folder / "values"
    marks, photo = np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)
    matrix = metrics.ConfusionMatrix(19)
    matrix.update(torch.zeros(9, dtype=torch.long), torch.zeros(9, dtype=torch.long))
    guess = torch.zeros(2, 8, 8, dtype=torch.long)
    rows = [dict(ROW)]
    page = here / "page.md"
    page.write_text("<!-- a -->\nx\n<!-- /a -->\n")
    net = models.build("deeplab_mini", widths=(8, 8, 8), dilations=(1,), rates=(1,))
    bank = here / "bank.safetensors"

    return [
        spec("baselines.make_views", baselines.make_views, "", "view option rival", names=["randconv"], options={}),
        spec("config.painted_views", config.painted_views, views=("gtr",)),
        spec("datasets.CityscapesSamples", datasets.CityscapesSamples, "root", root=here, size=None),
        spec("datasets.carla", datasets.carla, "root", root=here / "airsim", width=None),
        spec("engine.learning_rate", engine.learning_rate, step=1, config=config.TrainConfig()),
        spec("engine.step_seed", engine.step_seed, seed=1, step=2, stream=3),
        spec("evaluate.resize_labels", evaluate.resize_labels, labels=guess, size=(4, 4)),
        spec("evaluate.score_prior", evaluate.score_prior, "", "target pred", prior=guess[0], labels=guess,
        num_classes=19),
        spec("evaluate.merge", evaluate.merge, matrices=[matrix]),
        spec("evaluate.prepare", evaluate.prepare, "protocol", protocol=evaluate.FULL_SIZE, image=photo, label=marks),
        spec("ledger.scan", ledger.scan, path=here / "none.jsonl"),
        spec("ledger.find", ledger.find, "method", rows=rows, method="gtr"),
        spec("ledger.summarise", ledger.summarise, rows=rows, by=("method", "data")),
        spec("ledger.table", ledger.table, rows=rows, methods=["gtr"], columns=["streets/game"], scale=100.0, digits=1),
        spec("ledger.between", ledger.between, path=page, marker="a"),
        spec("ledger.replace_between", ledger.replace_between, "path", path=page, marker="a", text="y"),
        spec("write_text", _drafts.write_text, "path", path=here / "t.txt", text="z"),
        spec("ledger.numbers", ledger.numbers, values=[0.5], digits=5),
        spec("models.MixStyle", models.MixStyle, "", "mixstyle", probability=0.5, alpha=0.1),
        spec("models.parameter_count", models.parameter_count, model=net),
        spec("models.unwrap", models.unwrap, model=net),
        spec("models.set_views", models.set_views, model=net, views=2),
        spec("models.IBN", models.IBN, norm=nn.BatchNorm2d(8)),
        spec("offline.launched_shard", offline.launched_shard, environment={}),
        spec("viz.as_label_map", viz.as_label_map, "", "labels", thing=marks),
        spec("viz.bars", viz.bars, "title", "values size", values={"a": 1.0}, ylabel="y", digits=1, width=3.0),
        spec("viz.curves", viz.curves, "title", "series", series={"a": [1.0, 2.0]}, xlabel="x", ylabel="y"),
        spec("viz.histogram", viz.histogram, "title", "series", series={"a": [1.0, 2.0]}, xlabel="x", bins=4),
        spec("viz.grid", viz.grid, "", "picture image", images=[photo], titles=["a"], columns=None),
        spec("viz.label_figure", viz.label_figure, "", "labels picture colourize", labels=marks, image=None,
        palette="safe"),
        spec("viz.to_png", viz.to_png, "", "picture", thing=photo),
        spec("viz.confusion_alt", viz.confusion_alt, "", "counts matrix confusion", matrix=matrix.counts),
        spec("viz.save", viz.save, "path", "picture", thing=photo, path=here / "p.png"),
        spec("weights.register", weights.register, "assets", name="a", file=bank, kind="model", licence="MIT",
        recipe="",
             metadata=None, assets=here / "assets"),
    ]  # fmt: skip
