"""The style-bank explorer: an honest map, neighbours in all numbers, mixes and draws that are the library's own."""

import numpy as np
import pytest
import torch

from gltr_lib import explorers, paintings
from gltr_lib.adain import StyleStats
from gltr_lib.explorers import Assets, StyleBankExplorer, bank
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer

NAMES = ["sumi-0", "batik-1", "sumi-10", "somebody's own"]


@pytest.fixture(scope="module")
def assets():
    rng = np.random.default_rng(0)
    stylizer = Stylizer.untrained()
    pictures = torch.stack([torch.full((3, 16, 16), 0.2 * (i + 1)) + 0.1 * torch.rand(3, 16, 16) for i in range(4)])
    images = {name: rng.integers(0, 256, (32, 64, 3)).astype(np.uint8) for name in ("street", "lane")}
    return Assets(images, {"c": np.zeros((8, 8))}, stylizer, StyleBank.from_images(stylizer, pictures, NAMES))


def test_the_painted_street_is_the_librarys_mix(assets, monkeypatch):
    seen = []
    plain = assets.stylizer.stylize
    monkeypatch.setattr(
        assets.stylizer, "stylize", lambda x, s, alpha=1.0: seen.append((s, alpha)) or plain(x, s, alpha)
    )
    bank.render(bank.Params(style="batik-1", weight=1, third="sumi-10", third_weight=3, alpha=0.5), assets)
    wanted = assets.bank.mix([0, 0.25, 0.75, 0])
    stats, alpha = seen[0]
    assert alpha == 0.5
    torch.testing.assert_close(stats.mean, wanted.mean)
    torch.testing.assert_close(stats.std, wanted.std)


@pytest.mark.parametrize(("how", "count"), [(bank.HOW[1], 1), (bank.HOW[2], 3)])
def test_a_draw_is_the_banks_own_draw(how, count):
    names = [f"style-{i}" for i in range(40)]
    drawn, weights = bank.chosen_styles(bank.Params(how=how, seed=5), names)
    stats = StyleStats(torch.arange(40.0)[:, None], torch.ones(40, 1))
    own = StyleBank(stats, names, fingerprint="", stylizer="none")
    assert drawn == own.sample(count, torch.Generator().manual_seed(5)).mean[:, 0].int().tolist()
    assert sum(weights) == pytest.approx(1)
    assert min(weights) > 0
    assert bank.chosen_styles(bank.Params(how=how, seed=6), names)[0] != drawn


def test_the_same_style_twice_is_one_style():
    params = bank.Params(style="a", weight=0.5, second="a", second_weight=0.5, third="b", third_weight=1)
    assert bank.chosen_styles(params, ["a", "b"]) == ([0, 1], [0.5, 0.5])


def test_the_map_is_the_plane_of_the_largest_variation(assets):
    overview = bank.make_map(assets, "street")
    numbers = torch.cat([assets.bank.stats.mean, assets.bank.stats.std], 1).double()
    total = (numbers - numbers.mean(0)).square().sum()
    assert np.square(overview.points).sum() / total.item() == pytest.approx(sum(overview.shares))
    assert overview.shares[0] >= overview.shares[1]
    # No direction at random holds more than the first axis.
    directions = torch.nn.functional.normalize(torch.randn(50, numbers.shape[1], dtype=torch.float64), dim=1)
    held = ((numbers - numbers.mean(0)) @ directions.T).square().sum(0).max() / total
    assert held.item() <= overview.shares[0] + 1e-9
    # AdaIN's statistics are linear: a mix lies where the mix of the points lies.
    mixed = assets.bank.mix([0.5, 0.5, 0, 0])
    axis = torch.linalg.lstsq(numbers - numbers.mean(0), torch.from_numpy(overview.points)).solution
    place = (torch.cat([mixed.mean, mixed.std], 1).double() - numbers.mean(0)) @ axis
    np.testing.assert_allclose(place[0].numpy(), overview.points[:2].mean(0), atol=1e-6)
    assert overview.brightness > 0.5 or overview.brightness < -0.5  # the four pictures differ in brightness alone


def test_neighbours_are_nearest_in_all_numbers(assets):
    stats = assets.bank.stats
    here = stats[[1]]
    found = bank.neighbours(assets.bank, here, leave_out=[1])
    numbers = torch.cat([stats.mean, stats.std], 1)
    distance = (numbers - numbers[1]).norm(dim=1)
    assert found == sorted((i for i in range(4) if i != 1), key=lambda i: distance[i].item())
    assert bank.neighbours(assets.bank, here)[0] == 1


def test_a_known_painting_is_shown_and_an_unknown_one_says_so(assets):
    def box(name):
        return bank.render(bank.Params(style=name), assets)[0][283:411, 541:669]

    own = np.abs(box("sumi-0").astype(int) - bank._thumbnail("sumi-0")[1:129, 1:129].astype(int)).mean()
    other = np.abs(box("sumi-0").astype(int) - bank._thumbnail("batik-1")[1:129, 1:129].astype(int)).mean()
    assert own < 3 < other  # resized once, hence not to the bit
    assert np.array_equal(bank._thumbnail("sumi-0"), bank.shrink(paintings.paint(0, "sumi", 256), 130))
    assert (box("somebody's own") > 60).all()  # a pale sheet with words, no painting
    assert [bank.kind_of(name) for name in NAMES] == ["sumi", "batik", "sumi", ""]


def test_the_words_name_the_mixture_or_the_draw(assets):
    assert "67% sumi-0 + 33% batik-1" in bank.render(bank.Params(second_weight=0.5), assets)[1]
    assert "drawn with seed 0" in bank.render(bank.Params(how=bank.HOW[2]), assets)[1]


def test_a_picture_of_the_users_own_goes_first():
    stylizer = Stylizer.untrained()
    own = np.full((8, 8, 3), (10, 200, 30), np.uint8)
    pictures = torch.rand(1, 3, 16, 16)
    few = Assets(
        {"street": np.zeros((16, 32))}, {"sumi-0": own}, stylizer, StyleBank.from_images(stylizer, pictures, ["sumi-0"])
    )
    picture, words = bank.render(bank.Params(), few)
    assert (picture[300:400, 560:650] == (10, 200, 30)).all()
    assert "100% sumi-0" in words
    assert "Nearest" not in words  # a bank of one style has no neighbours


def test_a_draft_waits_for_no_painting(assets, monkeypatch):
    explorer = StyleBankExplorer(assets=assets, synchronous=True)
    monkeypatch.setattr(bank, "_ready", set())
    monkeypatch.setattr(bank, "_thumbnail", lambda name: pytest.fail("a draft painted a picture"))
    picture, words = explorer.preview(explorer.params)
    assert picture.shape == (560, 960, 3)
    assert words == explorer.words


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style": "nobody-1"}, "no style of this bank is called 'nobody-1'"),
        ({"weight": 0.0}, "weights: expected numbers >= 0, one of them above 0"),
        ({"second_weight": -0.1}, "weights: expected"),
        ({"how": "by ear"}, "no way to choose is called 'by ear'"),
        ({"alpha": 1.5}, "alpha"),
        ({"image": "boulevard"}, "'street', 'lane'"),
    ],
)
def test_bad_settings_are_named_and_shown(assets, changes, message):
    with pytest.raises(ValueError, match=message):
        bank.render(bank.Params(**changes), assets)


@pytest.mark.slow
def test_the_shipped_bank_knows_all_its_paintings():
    picture, words = bank.render(bank.Params())
    shipped = explorers.shipped().bank
    assert all(bank.kind_of(name) for name in shipped.names)
    assert "Nearest of 512" in words
    assert picture.shape == (560, 960, 3)
    # The names tell the truth: a painting measured anew gives the bank's numbers.
    index = 8
    found = torch.from_numpy(paintings.paint(index, bank.kind_of(shipped.names[index]), 256)).permute(2, 0, 1)
    again = explorers.shipped().stylizer.style_stats(found[None].float() / 255)
    torch.testing.assert_close(again.mean[0], shipped.stats.mean[index], atol=2e-2, rtol=1e-2)
