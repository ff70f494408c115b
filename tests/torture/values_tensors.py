"""Public functions of tensors and numbers, each with arguments that suit it; see :mod:`tests.torture.values`."""

from __future__ import annotations

import numpy as np
import torch

from tests.torture.values import Fresh, Spec, spec


def specs() -> list[Spec]:
    """Floors 0 to 2 of the library: what lessons and own loops call."""
    from gltr_lib import (
        adain,
        baselines,
        complexity,
        labels,
        losses,
        masks,
        metrics,
        models,
        paintings,
        randomize,
        streets,
        style_bank,
        viz,
    )
    from gltr_lib.stylizer import Stylizer

    drawn = Fresh(lambda: torch.Generator().manual_seed(0))
    pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    features, logits = torch.rand(2, 4, 8, 8), torch.rand(2, 19, 8, 8)
    ids = torch.zeros(2, 8, 8, dtype=torch.long)
    mini = Stylizer.untrained()
    stats = mini.style_stats(pictures)
    bank = style_bank.StyleBank(stats, ["a", "b"], fingerprint=mini.fingerprint, stylizer="mini",
                                measures={"complexity": torch.tensor([1.0, 2.0])})  # fmt: skip
    photo = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    marks = np.zeros((4, 4), np.uint8)
    matrix = metrics.ConfusionMatrix(19)
    ltr = randomize.LocalTextureRandomization()
    gtr = randomize.GlobalTextureRandomization(mini, bank)

    # The source of ``streets`` is part of every row of the ledger (datasets.rendered.world_digest), so it stays as it
    # was when the study ran: it is asked what a user would mistype, and not what only a program comes up with.
    mistyped = (
        "None", "-1", "0", "-0.5", "1.5", "nan", "text", "empty text", "negatives", "three", "texts", "empty tensor",
    )  # fmt: skip
    worlds = [
        Spec("streets.render", streets.render, {"seed": 1, "look": "game", "size": (8, 16)}, only=mistyped[:9]),
        Spec("streets.parse_look", streets.parse_look, {"look": "sun"}, only=mistyped),
        Spec("streets.render_many", streets.render_many, {"size": (8, 16), "seeds": [1], "look": "game"}, ("seeds",),
             only=mistyped[:9]),
    ]  # fmt: skip
    return [
        *worlds,
        spec("adain.StyleStats", adain.StyleStats, mean=torch.zeros(2, 4), std=torch.ones(2, 4)),
        spec("adain.channel_stats", adain.channel_stats, features=features, eps=1e-5),
        spec("adain.adain", adain.adain, content=features, style_mean=torch.zeros(2, 4), style_std=torch.ones(2, 4),
             alpha=0.5, eps=1e-5),
        spec("masks.blob_mask", masks.blob_mask, batch=2, height=8, width=8, sigma=(1.0, 2.0), share=0.5, rule="exact",
             generator=drawn, device="cpu"),
        spec("masks.smooth_noise", masks.smooth_noise, height=8, width=8, sigma=2.0, generator=drawn, device="cpu"),
        spec("masks.threshold_field", masks.threshold_field, field=torch.rand(4, 4), share=0.5, rule="exact"),
        spec("masks.draw_sigmas", masks.draw_sigmas, batch=2, sigma=(1.0, 2.0), generator=drawn),
        spec("masks.draw_shares", masks.draw_shares, batch=2, share=(0.2, 0.4), generator=drawn),
        spec("losses.class_totals", losses.class_totals, labels=ids, num_classes=19, ignore_index=255),
        spec("losses.segmentation_loss", losses.segmentation_loss, logits=logits, labels=ids, class_balance=False,
             ignore_index=255, totals=None),
        spec("losses.consistency_loss", losses.consistency_loss, logits_global=logits, logits_local=logits + 1,
        kind="kl",
             valid=ids == 0, detach="global", total=None),
        spec("metrics.ConfusionMatrix", metrics.ConfusionMatrix, num_classes=19, ignore_index=255),
        spec("metrics.ConfusionMatrix.update", matrix.update, pred=ids, target=ids),
        spec("metrics.ConfusionMatrix.miou", matrix.miou, classes=[0, 1]),
        spec("labels.lookup_table", labels.lookup_table, mapping={7: 0}, default=255),
        spec("labels.map_ids", labels.map_ids, "", "ids table", ids=marks, table={0: 0}, known=np.array([0])),
        spec("labels.colourize", labels.colourize, labels=marks, palette="safe"),
        spec("randomize.GlobalTextureRandomization", randomize.GlobalTextureRandomization, stylizer=mini, bank=bank,
             alpha=0.5),
        spec("randomize.GlobalTextureRandomization", gtr, images=pictures, generator=drawn),
        spec("randomize.LocalTextureRandomization", randomize.LocalTextureRandomization, sigma=(4.0, 16.0), share=0.5,
             rule="exact"),
        spec("randomize.LocalTextureRandomization", ltr, images=pictures, stylised=pictures, generator=drawn),
        spec("randomize.LocalTextureRandomization.sigma_at", ltr.sigma_at, height=8, width=8),
        spec("randomize.share_schedule", randomize.share_schedule, step=1, steps=4, start=0.5, power=0.1),
        spec("Stylizer.load", Stylizer.load, name="mini", device="cpu", folder=None, encoder=None, decoder=None,
             short=False),
        spec("Stylizer.untrained", Stylizer.untrained, seed=0, short=False),
        spec("Stylizer.from_mini", Stylizer.from_mini, state=mini.state_dict(), short=False),
        spec("Stylizer.encode", mini.encode, images=pictures, tile=None),
        spec("Stylizer.decode", mini.decode, features=torch.rand(1, 128, 2, 2), size=(5, 5), tile=None),
        spec("Stylizer.style_stats", mini.style_stats, images=pictures, tile=None),
        spec("Stylizer.stylize", mini.stylize, images=pictures, stats=stats, alpha=0.5, tile=None),
        spec("StyleBank", style_bank.StyleBank, stats=stats, names=["a", "b"], fingerprint="f", stylizer="mini",
             measures={}),
        spec("StyleBank.from_images", style_bank.StyleBank.from_images, stylizer=mini, images=pictures, names=["a",
        "b"],
             batch=2),
        spec("StyleBank.sample", bank.sample, n=2, generator=drawn),
        spec("StyleBank.mix", bank.mix, weights=[0.5, 0.5]),
        spec("StyleBank.subset", bank.subset, indices=[0]),
        spec("StyleBank.select", bank.select, measure="complexity", low=0.0, high=1.0, number=None, share=None,
        top=None),
        spec("StyleBank.merge", style_bank.StyleBank.merge, banks=[bank], prefixes=["x"]),
        spec("StyleBank.check", bank.check, stylizer=mini),
        spec("paintings.paint", paintings.paint, seed=1, kind="mosaic", size=16),
        spec("paintings.kind_of", paintings.kind_of, seed=1),
        spec("complexity.texture_complexity", complexity.texture_complexity, image=photo, standardise=False),
        spec("complexity.measure", complexity.measure, image=photo),
        spec("complexity.select", complexity.select, scores=[1.0, 2.0, 3.0], low=0.0, high=1.0, number=None, share=None,
             top=None),
        spec("complexity.select_by_complexity", complexity.select_by_complexity, "", "image", images=[photo, photo],
        low=0.0,
        high=1.0),
        spec("models.build", models.build, "", "model", name="deeplab_mini", num_classes=3, pretrained_trunk=None),
        spec("models.build", models.build, "name", name="deeplab_mini", widths=(8, 8, 8), dilations=(1, 2), rates=(1,),
             mixstyle=0.0, ibn=False, whiten=False),
        spec("models.load_shipped", models.load_shipped, name="baseline", device="cpu", short=False),
        spec("baselines.make_view", baselines.make_view, "", "view rival", name="randconv", options={"mix": False},
        stylizer=None,
        bank=None),
        spec("baselines.options_of", baselines.options_of, "", "view", name="randconv"),
        spec("viz.as_picture", viz.as_picture, "", "picture", thing=photo),
        spec("viz.overlay", viz.overlay, "", "picture labels", image=np.zeros((4, 4, 3), np.uint8), labels=marks,
        alpha=0.5, palette="safe"),
        spec("viz.error_map", viz.error_map, "", "picture labels", prediction=marks, target=marks, image=None),
    ]  # fmt: skip
