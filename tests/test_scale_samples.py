"""Samples: the same wherever they are made, picture and label map cut alike, errors that name the picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scale_toys import Toys, small
from torch.utils.data import DataLoader

from gltr_lib.config import METHODS
from gltr_lib.datasets import FolderPairs, stack
from gltr_lib.datasets.pairs import pair_as_bytes
from gltr_lib.evaluate import FULL_SIZE
from gltr_lib.evaluate.reading import Reader
from gltr_lib.scale.guard import check_copies
from gltr_lib.scale.samples import Copies, Samples, Steps, Trouble, Window, collate, own_places, place_generator


def batches(config, dataset, rank=0, first=0, copies=None):
    loader = DataLoader(
        Samples(dataset, config, copies), batch_sampler=Steps(config, len(dataset), rank, first), collate_fn=collate,
        num_workers=config.workers, generator=torch.Generator(),
    )  # fmt: skip
    return list(loader)


def by_place(found):
    return {
        (batch.step, place): (image, label)
        for batch in found
        for place, image, label in zip(batch.places, batch.images, batch.labels, strict=True)
    }


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(x, y) for k in a for x, y in zip(a[k], b[k], strict=True))


def test_processes_parts_and_late_starts_see_the_same_samples():
    base, toys = small("gtr_ltr", forward_images=8, steps=3), Toys()
    whole = by_place(batches(base, toys))
    assert sorted(whole) == [(step, place) for step in range(3) for place in range(4)]
    shared = base.replace(processes=2, accumulate=2)
    parts = [by_place(batches(shared, toys, rank)) for rank in range(2)]
    assert not parts[0].keys() & parts[1].keys()
    assert equal(whole, parts[0] | parts[1])
    late = by_place(batches(base, toys, first=2))
    assert equal(late, {key: value for key, value in whole.items() if key[0] == 2})
    assert not equal(whole, by_place(batches(base.replace(seed=1), toys)))


@pytest.mark.slow
def test_loader_processes_change_nothing():
    base, toys = small("baseline", steps=3), Toys()
    assert equal(by_place(batches(base, toys)), by_place(batches(base.replace(workers=2), toys)))


def test_each_part_is_shared_among_the_processes():
    config = small("baseline", forward_images=8, processes=2, accumulate=2)
    assert own_places(config, 0) == [0, 1, 4, 5]
    assert own_places(config, 1) == [2, 3, 6, 7]


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.5, 2.0)])
def test_picture_and_label_map_are_cut_alike(scale):
    toys = Toys()
    found = by_place(batches(small("baseline", scale=scale, steps=10), toys))
    agree = []
    for image, label in found.values():
        seen = label != 255
        assert image.dtype == label.dtype == torch.uint8
        guess = (image.float().mean(0) / 60 - 10 / 60).round()
        agree.append((guess[seen] == label[seen]).float().mean().item())
        # the two ignored rows of the source are ignored here, and hardly anything else inside the picture is
    exact = scale == (1.0, 1.0)
    assert min(agree) > (0.999 if exact else 0.75)  # smooth scaling mixes colours at the edges of the blocks
    assert np.mean(agree) > (0.999 if exact else 0.88)


def test_without_scaling_a_window_is_the_pixels_themselves():
    image, label = Toys().pair(0)
    window = Window(3, 5, 16, 24, (16, 24), mirror=True)
    expected = np.flip(image[3:19, 5:29], 1)
    assert np.array_equal(window.pixels(image).permute(1, 2, 0).numpy(), expected)
    assert np.array_equal(window.labels(label).numpy(), np.flip(label[3:19, 5:29], 1))


def test_scaling_is_pillows():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    found = Window(0, 0, 64, 96, (32, 48), mirror=False).pixels(image).permute(1, 2, 0).numpy()
    pillow = np.array(Image.fromarray(image).resize((48, 32), Image.Resampling.BILINEAR))
    assert np.abs(found.astype(int) - pillow).max() <= 1


def test_a_crop_larger_than_its_picture_is_mirrored_and_ignored():
    image, label = Toys(1).pair(0)
    height, width = label.shape
    window = Window(-50, -7, height + 110, width + 7, (height + 110, width + 7), mirror=False)
    target = window.labels(label).numpy()
    assert np.array_equal(target[50 : 50 + height, 7:], label)
    assert (np.delete(target, range(50, 50 + height), 0) == 255).all()
    assert (target[:, :7] == 255).all()
    expected = np.pad(image, ((50, 60), (7, 0), (0, 0)), mode="symmetric")
    assert np.array_equal(window.pixels(image).permute(1, 2, 0).numpy(), expected)
    config = small("baseline", crop=(200, 300), scale=(1, 1), steps=1)
    assert batches(config, Toys())[0].images.shape == (4, 3, 200, 300)


def files(root, count=3, copies=2, size=(24, 40)):
    """A folder of pairs with offline copies; copy k of picture i is the picture of one value, 10 k + i."""
    rng = np.random.default_rng(0)
    for name in ("images/town", "labels/town"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"images/town/{i}.png")
        Image.fromarray(rng.integers(0, 4, size, dtype=np.uint8)).save(root / f"labels/town/{i}.png")
        for k in range(copies):
            folder = root / f"copies/copy-{k:02d}/town"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((*size, 3), 10 * k + i, np.uint8)).save(folder / f"{i}.png")
    return FolderPairs(root / "images", root / "labels")


def test_offline_copies_are_drawn_anew_for_each_place(tmp_path):
    pairs = files(tmp_path)
    copies = Copies(tmp_path / "copies", pairs.images)
    assert len(copies) == 2
    config = small("gtr_gtr", crop=(24, 40), scale=(1, 1), steps=12)
    drawn = set()
    for batch in batches(config, pairs, copies=copies):
        assert len(batch.copies) == 2
        for j in range(len(batch.places)):
            first, second = (view[j].unique().tolist() for view in batch.copies)
            assert len(first) == len(second) == 1  # geometry leaves a picture of one value alone
            assert first[0] % 10 == second[0] % 10  # of one source picture
            assert first != second  # two gtr views show two copies
            drawn.add((first[0] // 10, second[0] // 10))
    assert drawn == {(0, 1), (1, 0)}


def test_copies_with_another_ending_are_found(tmp_path):
    """As gltr stylize --format png writes them beside photographs that are JPEGs."""
    pairs = files(tmp_path)
    for picture in pairs.images:
        Image.open(picture).save(picture.with_suffix(".jpg"))
        picture.unlink()
    copies = Copies(tmp_path / "copies", FolderPairs(tmp_path / "images", tmp_path / "labels").images)
    assert copies.read(1, 2).max() == 12


def test_copies_ignore_no_setting_in_silence(tmp_path):
    pairs = files(tmp_path)
    for change in ({"alpha": 0.5}, {"styles": (0, 1)}):
        config = small(replace(METHODS["gtr"], **change))
        with pytest.raises(ValueError, match="copies: were painted beforehand, so alpha="):
            check_copies(config, pairs, tmp_path / "copies")
    assert len(check_copies(small("gtr"), pairs, tmp_path / "copies")) == 2


def test_copies_that_are_missing_or_of_another_size_are_named(tmp_path):
    pairs = files(tmp_path)
    with pytest.raises(ValueError, match="holds the source's own pictures"):
        Copies(tmp_path / "images", pairs.images)
    with pytest.raises(ValueError, match=r"no copy of .*0\.png there"):
        Copies(tmp_path / "nowhere", pairs.images)
    assert len(Copies(tmp_path / "copies/copy-01", pairs.images)) == 1
    Image.new("RGB", (8, 8)).save(tmp_path / "copies/copy-00/town/1.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "copies/copy-01/town/1.png")
    config = small("gtr", crop=(24, 40), steps=3)
    found = batches(config, pairs, copies=Copies(tmp_path / "copies", pairs.images))
    trouble = [batch for batch in found if isinstance(batch, Trouble)]
    assert "1.png: is 8x8, its source is 40x24" in str(trouble[0].error)
    (tmp_path / "copies/copy-01/town/2.png").unlink()
    with pytest.raises(ValueError, match=r"copies are missing: .*copy-01.town.2\.png; run gltr stylize again"):
        Copies(tmp_path / "copies", pairs.images)


def test_label_ids_outside_the_classes_name_the_picture(tmp_path):
    config = small("baseline", num_classes=2)
    trouble = batches(config, files(tmp_path))[0]
    assert isinstance(trouble, Trouble)
    assert isinstance(trouble.error, ValueError)
    assert "images/town/" in str(trouble.error)
    assert "outside the 2 classes" in str(trouble.error)


def spoilt(spoil, arrays):
    """Toys, of which picture 3 is spoilt; items of tensors, or arrays through ``pair``."""
    data = Toys()
    image, label = spoil(*data[3])
    if not arrays:
        return [data[0], data[1], data[2], (image, label)]
    data.made[3] = (image.permute(1, 2, 0).numpy(), label.numpy())
    return data


def _put(label, value):
    out = label.clone()
    out[-1, -1] = value
    return out


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x, y: ((x - 0.45) / 0.225, y), "expected a picture"),
        (lambda x, y: (x * torch.nan, y), "expected a picture"),
        (lambda x, y: ((x * 255).short() + 100, y), "expected a picture"),
        (lambda x, y: ((x * 255).to(torch.uint8), _put(y, 256)), r"expected a label of 0\.\.255.*found 0\.\.256"),
        (lambda x, y: ((x * 255).to(torch.uint8), _put(y, -1)), r"expected a label of 0\.\.255.*found -1\.\.255"),
        (lambda x, y: ((x * 255).to(torch.uint8), y / 2), "expected a label of whole numbers"),
    ],
    ids=["normalised", "nan", "wide", "256", "minus", "halves"],
)
def test_numbers_that_would_wrap_into_bytes_name_the_picture(spoil, words, arrays):
    data = spoilt(spoil, arrays)
    for read in (
        lambda: Samples(data, small("baseline")).make((0, 0, 3)),
        lambda: Reader(data, FULL_SIZE, 4)(3),
    ):
        with pytest.raises((TypeError, ValueError), match=f"3: {words}"):
            read()
    if not arrays:
        with pytest.raises(ValueError, match=f"3: {words}"):
            stack([Toys()[1]] * 3 + [data[3]])


def test_pictures_that_are_bytes_already_stay_what_they_are():
    image, label = Toys().pair(2)
    item = (torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(label.astype(np.int32)))
    for data in ([item], [(item[0].float() / 255, item[1])]):
        found = pair_as_bytes(data, 0)
        assert np.array_equal(found[0], image)
        assert np.array_equal(found[1], label)
        assert found[1].dtype == np.uint8
    assert torch.equal(stack([item])[0][0], item[0])


def test_streams_of_places_do_not_collide():
    seeds = {
        place_generator(seed, step, place, stream).initial_seed()
        for seed in range(3) for step in range(40) for place in range(16) for stream in range(4)
    }  # fmt: skip
    assert len(seeds) == 3 * 40 * 16 * 4
