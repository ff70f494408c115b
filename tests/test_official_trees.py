"""The trees that stand in for downloads are what they claim: formats read back with other people's decoders."""

import numpy as np
import official_trees as trees
import pytest
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_png


def test_gta5_labels_are_palette_pictures_whose_index_is_the_label_id(tmp_path):
    tree = trees.gta5(tmp_path, 5)
    sizes = set()
    for pictures in tree.truth.values():
        for name, truth in pictures.items():
            with Image.open(tmp_path / name.replace("images", "labels")) as label:
                ids, colours = np.asarray(label), np.asarray(label.convert("RGB"))
                assert label.mode == "P"
            sizes.add(ids.shape)
            assert [ids[truth == 0].min(), ids[truth == 0].max()] == [7, 7]
            assert set(np.unique(ids[-1])) == {1}
            assert colours[truth == 10].reshape(-1, 3)[0].tolist() == [70, 130, 180]
    assert len(sizes) > 1
    assert [len(tree.truth[split]) for split in ("train", "val", "test")] == [3, 1, 1]


@pytest.mark.parametrize("first_filter", range(5))
def test_sixteen_bit_pictures_read_back_with_another_decoder(first_filter):
    pixels = np.random.default_rng(first_filter).integers(0, 1 << 16, (11, 7, 3), dtype=np.uint16)
    encoded = torch.frombuffer(bytearray(trees.png16(pixels, first_filter)), dtype=torch.uint8)
    decoded = decode_png(encoded, ImageReadMode.UNCHANGED)
    assert decoded.dtype == torch.uint16
    assert np.array_equal(decoded.permute(1, 2, 0).numpy(), pixels)


def test_pillow_alone_would_read_synthia_wrongly(tmp_path):
    """The reason why a reader of our own exists: Pillow keeps the high bytes, which are zero for every class."""
    tree = trees.synthia(tmp_path, 2)
    name, truth = next(iter(tree.truth["train"].items()))
    with Image.open(tmp_path / name.replace("RGB", "GT/LABELS", 1)) as label:
        assert np.asarray(label)[..., 0].max() == 0
    encoded = torch.frombuffer(bytearray((tmp_path / "GT" / "LABELS" / "0000000.png").read_bytes()), dtype=torch.uint8)
    classes = decode_png(encoded, ImageReadMode.UNCHANGED)[0].numpy()
    assert set(classes[truth == 0].tolist()) == {3}
    assert set(classes[truth == 255].tolist()) <= {0, 22}


def test_every_tree_is_the_same_each_time(tmp_path):
    builders = [
        trees.gta5, trees.synthia, trees.cityscapes, trees.bdd100k, trees.vistas, trees.camvid, trees.paintings,
    ]  # fmt: skip
    for build in builders:
        digests = []
        for attempt in ("a", "b"):
            root = tmp_path / build.__name__ / attempt
            build(root, count=1)
            digests.append({p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()})
        assert digests[0] == digests[1]
        assert digests[0]
