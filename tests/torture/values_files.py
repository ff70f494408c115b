"""Public functions that open, write, score and run, each with arguments that suit it; see ``values``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.torture.corpus_texts import ROW
from tests.torture.values import Spec, spec


def specs(folder: Path) -> list[Spec]:
    """Floors 2 to 4 of the library."""
    from gltr_lib import config, datasets, engine, evaluate, ledger, models, offline, weights
    from gltr_lib.datasets.base import resize_pair
    from gltr_lib.prepare import crops, splits
    from gltr_lib.prepare.convert import convert
    from gltr_lib.prepare.download import download
    from gltr_lib.prepare.unpack import safe_path, unpack
    from gltr_lib.prepare.verify import verify
    from gltr_lib.scale import Data
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

    here = folder / "values"
    _tree(here)
    mini = Stylizer.untrained()
    stats = mini.style_stats(torch.rand(2, 3, 16, 16))
    bank = StyleBank(stats, ["a", "b"], fingerprint=mini.fingerprint, stylizer="mini")
    bank_file = bank.save(here / "bank.safetensors")
    other_file = bank.save(here / "other.safetensors")
    net = models.build("deeplab_mini", widths=(8, 8, 8), dilations=(1,), rates=(1,)).eval()
    net_file = models.export(net, here / "net.safetensors")
    picture, label = here / "images" / "a.png", here / "labels" / "a.png"
    tiny = config.TrainConfig(steps=1, forward_images=2, crop=(16, 16), model_options=(("widths", (8, 8, 8)),))
    images, ids = torch.zeros(2, 3, 16, 16, dtype=torch.uint8), torch.zeros(2, 16, 16, dtype=torch.uint8)
    floats, longs = torch.rand(2, 3, 16, 16), torch.zeros(2, 16, 16, dtype=torch.long)
    pairs = datasets.FolderPairs(here / "images", here / "labels")
    outputs = here / "outputs"
    probabilities = torch.rand(1, 19, 4, 4).softmax(1)
    urls = ["ftp://nowhere.invalid/x"]  # refused before anybody is asked

    def refused(**given: Any) -> None:
        """``download`` of an address that it does not speak: nothing goes over the network whatever else is wrong."""
        try:
            download(urls, **given)
        except ValueError as error:
            if "ftp:" not in str(error):
                raise

    return [
        spec("datasets.read_image", datasets.read_image, "", "pixels", path=picture, max_pixels=10_000),
        spec("datasets.read_label", datasets.read_label, "", "ids table", path=label, lut=None, num_classes=19),
        spec("datasets.picture_size", datasets.picture_size, path=picture),
        spec("datasets.FolderPairs", datasets.FolderPairs, "", "pairs", images=here / "images",
        labels=here / "labels", lut=None,
             num_classes=19, size=None),
        spec("datasets.open_dataset", datasets.open_dataset, "", "folder pairs", name="folder", root=here,
        split=None, size=None),
        spec("datasets.open_dataset", datasets.open_dataset, "name", name="streets", split="val", look="sun",
        size=(8, 8)),
        spec("datasets.read_list", datasets.read_list, path=here / "list.txt", digits=5),
        spec("datasets.split_keys", datasets.split_keys, name="gta5", split="val", lists="official"),
        spec("datasets.stack", datasets.stack, dataset=pairs),
        spec("datasets.to_tensors", datasets.to_tensors, image=np.zeros((4, 4, 3), np.uint8), label=np.zeros((4, 4),
        np.uint8)),
        spec("datasets.resize_pair", resize_pair, "image label", image=np.zeros((4, 4, 3), np.uint8),
             label=np.zeros((4, 4), np.uint8), size=(2, 2)),
        spec("datasets.StreetsDataset", datasets.StreetsDataset, seeds=[1], look="game", size=(8, 8)),
        spec("datasets.airsim", datasets.airsim, "root", root=here / "airsim", split="train", width=None),
        spec("weights.registry", weights.registry, assets=None),
        spec("weights.names", weights.names, kind="model"),
        spec("weights.path", weights.path, name="mini-stylizer"),
        spec("weights.load", weights.load, name="paintings-mini"),
        spec("weights.load_file", weights.load_file, file=bank_file),
        spec("weights.load_safetensors", weights.load_safetensors, file=bank_file),
        spec("weights.save_safetensors", weights.save_safetensors, "file", tensors={"a": torch.ones(1)},
             file=outputs / "a.safetensors", header={"a": "b"}),
        spec("weights.sha256", weights.sha256, file=bank_file),
        spec("StyleBank.load", StyleBank.load, "", "bank", path=bank_file, stylizer=mini),
        spec("StyleBank.save", bank.save, path=outputs / "b.safetensors", half=False),
        spec("models.load_checkpoint", models.load_checkpoint, "", "model", path=net_file, model=None,
        num_classes=None),
        spec("models.export", models.export, model=net, path=outputs / "n.safetensors", metadata={"a": "b"}),
        spec("models.load_trunk", models.load_trunk, "model", model=models.build("deeplab_squeezenet"),
             path_or_state=models.build("deeplab_squeezenet").state_dict(), preprocessing=None, short=False),
        spec("config.TrainConfig", config.TrainConfig, "device init stylizer bank model_options", steps=3, crop=(8,
        8), lr=0.1,
             scale=(1.0, 1.0), seed=0, forward_images=2, method="baseline", jitter=0.1, ema=0.0, optimizer="adamw",
             num_classes=19),
        spec("config.MethodConfig", config.MethodConfig, "name", name="m", views=("gtr",), raw_share=0.0, alpha=1.0,
             sigma=(4.0, 16.0), share=0.5, consistency=0.0),
        spec("config.parse_overrides", config.parse_overrides, "", "override keys", overrides=["steps=3"], base=None),
        spec("config.method", config.method, name="gtr"),
        spec("config.TrainConfig.from_json", config.TrainConfig.from_json, text="{}"),
        spec("scale.Data", Data, "root", name="streets", root=None, split="train", options={}),
        spec("scale.Data.from_json", Data.from_json, "", "data JSON", text="{}"),
        spec("engine.pick_device", engine.pick_device, device="cpu"),
        spec("engine.train", engine.train, "progress", config=tiny, images=images, labels=ids, progress=False),
        spec("ledger.validate", ledger.validate, row=dict(ROW)),
        spec("ledger.append", ledger.append, path=outputs / "l.jsonl", row=dict(ROW)),
        spec("ledger.read", ledger.read, path=here / "none.jsonl"),
        spec("evaluate.evaluate", evaluate.evaluate, "model", model=net, images=images, labels=ids, batch=2,
        device=None),
        spec("evaluate.predict", evaluate.predict, "model", model=net, images=floats, batch=2, size=None),
        spec("evaluate.predict_classes", evaluate.predict_classes, "model", model=net, images=floats, size=None,
        among=None),
        spec("evaluate.predict_whole", evaluate.predict_whole, "model", model=net, images=floats),
        spec("evaluate.Inference", evaluate.Inference, window=(8, 8), overlap=0.25, flip=False, scales=(1.0,)),
        spec("evaluate.find_protocol", evaluate.find_protocol, protocol="full", classes=19, among=False),
        spec("evaluate.resized_protocol", evaluate.resized_protocol, height=8, width=8, classes=19),
        spec("evaluate.evaluate_dataset", evaluate.evaluate_dataset, "model progress", model=net, dataset=pairs,
             protocol="full", batch=1, workers=0, progress=False),
        spec("evaluate.layout_prior", evaluate.layout_prior, labels=longs, num_classes=19),
        spec("evaluate.map_classes", evaluate.map_classes, labels=longs, table=list(range(19))),
        spec("evaluate.group_probabilities", evaluate.group_probabilities, probabilities=probabilities,
        groups=[0] * 19),
        spec("offline.list_images", offline.list_images, folder=here / "images"),
        spec("offline.style_indices", offline.style_indices, name="a.png", seed=0, styles=4, copies=2),
        spec("offline.Recipe", offline.Recipe, "one_style_per_copy", alpha=1.0, seed=0, copies=1,
        one_style_per_copy=False,
             format="keep", tile=None),
        spec("offline.load_bank", offline.load_bank, "stylizer", name=str(bank_file), stylizer=mini),
        spec("offline.build_bank", offline.build_bank, "stylizer", folder=here / "images", stylizer=mini, longest=16,
             workers=1),
        spec("offline.merge_banks", offline.merge_banks, "", "merge", paths=[bank_file, other_file], prefix=True),
        spec("offline.tile", offline.tile, rows=[[np.zeros((2, 2, 3), np.uint8)]], gap=1),
        spec("offline.save_picture", offline.save_picture, path=outputs / "p.png", pixels=np.zeros((2, 2, 3),
        np.uint8)),
        spec("offline.stylise_folder", offline.stylise_folder, "stylizer bank bank_name target", source=here / "images",
             target=outputs / "stylised", stylizer=mini, bank=bank, alpha=1.0, copies=1, format="keep", tile=None,
             shard=(0, 1), batch=1, workers=1),
        spec("offline.demo_picture", offline.demo_picture, seed=0, size=(8, 16), styles=1, short=False),
        spec("unpack", unpack, "folder", archive=here / "a.zip", folder=outputs / "unpacked", strip=0),
        spec("safe_path", safe_path, "", "leads has", name="a/b.txt"),
        spec("splits.published", splits.published, "", "list", name="gta5"),
        spec("crops.corners", crops.corners, "key seed", "picture crops", key="a", width=10, height=10, size=4,
        count=2, seed=0),
        spec("convert", convert, "workers out", "dataset split pictures", name="cityscapes", root=here / "tree",
        out=outputs / "c",
        splits=["train"],
             workers=1),
        spec("verify", verify, "", "dataset split", name="cityscapes", root=here / "tree", splits=["train"],
        depth="full", part=True,
        workers=1),
        spec("download", refused, target=outputs / "d.bin", sha256="", md5="", attempts=1, timeout=1.0),
    ]  # fmt: skip


def _tree(here: Path) -> None:
    """Good files for functions that read."""
    import zipfile

    photo, ids = np.zeros((12, 16, 3), np.uint8), np.full((12, 16), 7, np.uint8)
    stem = "aachen_000000_000019"
    places = {
        "images/a.png": photo, "labels/a.png": ids, "airsim/images/front00001.png": photo,
        "airsim/labels/front00001.png": ids, f"tree/leftImg8bit/train/aachen/{stem}_leftImg8bit.png": photo,
        f"tree/gtFine/train/aachen/{stem}_gtFine_labelIds.png": ids,
    }  # fmt: skip
    for name, pixels in places.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(here / name)
    (here / "list.txt").write_text("00001\n00002\n")
    with zipfile.ZipFile(here / "a.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
