"""The trees that stand in for downloads are what they claim: formats read back with plain decoders."""

import struct
import zlib

import numpy as np
import official_trees as trees
import pytest
from PIL import Image


def decode16(data):
    """A PNG of three 16-bit channels, byte by byte as the specification says (W3C PNG, section 9.2); slow and plain."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (16, 2)
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, line, above = zlib.decompress(packed), 6 * width, bytes(6 * width)
    rows = []
    for y in range(height):
        kind, *filtered = raw[y * (line + 1) : (y + 1) * (line + 1)]
        row = bytearray()
        for x, value in enumerate(filtered):
            a, b, c = (row[x - 6] if x >= 6 else 0), above[x], (above[x - 6] if x >= 6 else 0)
            p = a + b - c
            paeth = min((a, b, c), key=lambda guess, p=p: abs(p - guess))  # the first of equals: a, then b, then c
            row.append((value + (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
        rows.append(bytes(row))
        above = rows[-1]
    return np.frombuffer(b"".join(rows), ">u2").reshape(height, width, 3).astype(np.uint16)


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
def test_sixteen_bit_pictures_read_back(first_filter):
    pixels = np.random.default_rng(first_filter).integers(0, 1 << 16, (11, 7, 3), dtype=np.uint16)
    assert np.array_equal(decode16(trees.png16(pixels, first_filter)), pixels)


def test_pillow_alone_would_read_synthia_wrongly(tmp_path):
    """The reason why a reader of our own exists: Pillow keeps the high bytes, which are zero for every class."""
    tree = trees.synthia(tmp_path, 2)
    name, truth = next(iter(tree.truth["train"].items()))
    with Image.open(tmp_path / name.replace("RGB", "GT/LABELS", 1)) as label:
        assert np.asarray(label)[..., 0].max() == 0
    classes = decode16((tmp_path / "GT" / "LABELS" / "0000000.png").read_bytes())[..., 0]
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
