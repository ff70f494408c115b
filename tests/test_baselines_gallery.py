"""The paintings behind a bank: the same pictures again, only when asked for, from a folder where they are real."""

import numpy as np
import pytest
import torch
from PIL import Image
from rival_toys import NAMES, bank, gen, pictures

from gltr_lib import baselines, paintings
from gltr_lib.baselines.gallery import Gallery
from gltr_lib.offline import list_images
from gltr_lib.style_bank import StyleBank


def test_a_painting_is_the_one_that_its_name_stands_for():
    gallery = Gallery(bank(), size=64)
    assert gallery.names == list(NAMES)
    for index, (kind, seed) in enumerate(name.split("-") for name in NAMES):
        expected = paintings.paint(int(seed), kind, 64)
        assert np.array_equal(gallery.picture(index).permute(1, 2, 0).numpy(), expected)


def test_the_shipped_bank_is_procedural_to_the_last_name():
    gallery = Gallery(StyleBank.load("paintings-mini"))
    assert len(gallery) == 512
    assert {name.rpartition("-")[0] for name in gallery.names} == set(paintings.KINDS)
    few = Gallery(StyleBank.load("paintings-mini"), number=100)
    assert len(few) == len(set(few.names)) == 100
    assert set(few.names) < set(gallery.names)
    assert len({name.rpartition("-")[0] for name in few.names}) > 15  # spread over the bank, not its beginning
    assert int(few.names[-1].rpartition("-")[2]) > 500


def test_nothing_is_painted_before_it_is_drawn_and_each_once(monkeypatch):
    painted = []
    real = paintings.paint
    monkeypatch.setattr(paintings, "paint", lambda seed, kind, size: painted.append(kind) or real(seed, kind, size))
    views = [baselines.make_view(name, {"size": 16}, bank=bank()) for name in ("fourier", "pixels")]
    assert painted == []
    for view in views:
        painted.clear()
        view(pictures(2), gen(0))
        assert 1 <= len(painted) <= 2
        for seed in range(40):
            view(pictures(2, 4, 4), gen(seed))
        assert sorted(painted) == sorted(name.split("-")[0] for name in NAMES)


def test_all_are_drawn_equally_often():
    gallery = Gallery(bank())
    counts = np.bincount(gallery.draw(torch.rand(6000, generator=gen(0))), minlength=6)
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)
    assert gallery.draw(torch.tensor([0.0, 1.0 - 2**-24])) == [0, 5]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "more").mkdir()
    for i, value in enumerate((40, 120, 200)):
        pixels = np.full((30 + i, 50, 3), value, np.uint8)
        Image.fromarray(pixels).save(tmp_path / ("more" if i else ".") / f"{i}.png")
    Image.new("L", (9, 9), 160).save(tmp_path / "gray.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder_of_paintings_is_read(folder):
    gallery = Gallery(None, paintings=str(folder), size=16)
    assert sorted(gallery.names) == ["0.png", "1.png", "2.png", "gray.jpg"]
    values = sorted(gallery.picture(i).unique().tolist() for i in range(4))
    assert values == [[40], [120], [160], [200]]
    assert gallery.picture(0).shape == (3, 16, 16)
    # It takes the place of a bank whose pictures are not known.
    view = baselines.make_view("pixels", {"paintings": str(folder)}, bank=bank(("monet", "cezanne")))
    seen = {round(view(pictures(1, 8, 8), gen(seed)).mean().item() * 255) for seed in range(30)}
    assert seen == {40, 120, 160, 200}


def test_a_gallery_reads_what_a_bank_of_the_folder_is_built_of(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.new("RGB", (9, 9)).save(elsewhere / "far.png")
    (folder / "linked").symlink_to(elsewhere, target_is_directory=True)
    assert Gallery(None, paintings=folder).names == [path.name for path in list_images(folder)]
    assert "far.png" in Gallery(None, paintings=folder).names


def test_a_folder_that_will_not_do_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such folder; expected a folder of paintings"):
        Gallery(None, paintings="nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: the folder holds no paintings; expected files ending in \.png"):
        Gallery(None, paintings=tmp_path / "empty")
    (folder / "broken.png").write_bytes(b"half")
    gallery = Gallery(None, paintings=folder)
    with pytest.raises(ValueError, match=r"broken\.png"):
        [gallery.picture(i) for i in range(len(gallery))]
