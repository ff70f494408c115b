"""The style bank: saved and loaded, drawn, mixed, and refused where it belongs to another encoder."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gltr_lib.adain import StyleStats
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


@pytest.fixture(scope="module")
def stylizer():
    return Stylizer.untrained(seed=1)


@pytest.fixture
def bank(stylizer):
    pictures = torch.rand(5, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    return StyleBank.from_images(stylizer, pictures, ["a", "b", "c", "d", "ä"], batch=2)


def plain(n=3, channels=2):
    """A bank whose statistics are its index, so that a draw shows who was drawn."""
    mean = torch.arange(float(n))[:, None].expand(n, channels)
    return StyleBank(StyleStats(mean, mean + 1), [str(i) for i in range(n)], fingerprint="f", stylizer="none")


def test_a_tensor_and_a_generator_of_single_pictures_make_the_same_bank(stylizer, bank):
    pictures = torch.rand(5, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    one_by_one = StyleBank.from_images(stylizer, (p for p in pictures), bank.names)
    torch.testing.assert_close(one_by_one.stats.mean, bank.stats.mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one_by_one.stats.std, bank.stats.std, atol=1e-5, rtol=1e-5)
    whole = stylizer.style_stats(pictures)
    torch.testing.assert_close(bank.stats.mean, whole.mean, atol=1e-5, rtol=1e-5)
    assert bank.stats.mean.dtype == bank.stats.std.dtype == torch.float32


def test_pictures_of_differing_sizes_and_default_names(stylizer):
    bank = StyleBank.from_images(stylizer, [torch.rand(3, 9, 20), torch.rand(1, 3, 33, 8)])
    assert bank.names == ("style-0", "style-1")
    assert "2 styles of 128 channels" in repr(bank)


def test_no_picture_and_a_wrong_one_are_refused(stylizer):
    with pytest.raises(ValueError, match="at least one picture"):
        StyleBank.from_images(stylizer, [])
    with pytest.raises(ValueError, match=r"images\[1\]"):
        StyleBank.from_images(stylizer, [torch.rand(3, 8, 8), torch.rand(1, 8, 8)])


def test_saved_and_loaded_it_is_the_same(bank, stylizer, tmp_path):
    file = bank.save(tmp_path / "new" / "bank.safetensors")
    again = StyleBank.load(file, stylizer)
    assert torch.equal(again.stats.mean, bank.stats.mean)
    assert torch.equal(again.stats.std, bank.stats.std)
    assert (again.names, again.fingerprint, again.stylizer) == (bank.names, bank.fingerprint, "mini")
    assert [p.name for p in file.parent.iterdir()] == ["bank.safetensors"]


def test_names_may_be_numbers_and_paths(stylizer):
    bank = StyleBank.from_images(stylizer, torch.rand(2, 3, 8, 8), [7, Path("a.png")])
    assert bank.names == ("7", "a.png")
    with pytest.raises(TypeError, match=r"names: expected a sequence, each a text or a whole number or a path"):
        StyleBank.from_images(stylizer, torch.rand(2, 3, 8, 8), [None, b"a"])


def test_a_folder_is_no_name_of_a_file(bank, tmp_path):
    with pytest.raises(ValueError, match=r"expected the name of a file, received the folder .*; add a name"):
        bank.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_half_precision_on_disk_is_float32_in_memory(bank, tmp_path):
    again = StyleBank.load(bank.save(tmp_path / "half.safetensors", half=True))
    assert again.stats.mean.dtype == torch.float32
    torch.testing.assert_close(again.stats.std, bank.stats.std, atol=1e-3, rtol=1e-3)
    huge = StyleBank(StyleStats(torch.full((1, 2), 1e6), torch.ones(1, 2)), ["x"], fingerprint="f", stylizer="none")
    with pytest.raises(ValueError, match="float16"):
        huge.save(tmp_path / "huge.safetensors", half=True)


def test_sampling_follows_the_generator_and_repeats_styles():
    bank = plain(3)
    draws = [bank.sample(200, torch.Generator().manual_seed(4)).mean[:, 0] for _ in range(2)]
    assert torch.equal(*draws)
    assert set(draws[0].tolist()) == {0.0, 1.0, 2.0}
    assert not torch.equal(draws[0], bank.sample(200, torch.Generator().manual_seed(5)).mean[:, 0])
    generator = torch.Generator().manual_seed(4)
    first, second = bank.sample(200, generator), bank.sample(200, generator)
    assert not torch.equal(first.mean, second.mean)
    torch.testing.assert_close(first.std, first.mean + 1)  # mean and std of one and the same style


def test_sampling_without_a_generator_uses_torchs_own():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        one = plain().sample(50)
        torch.manual_seed(3)
        assert torch.equal(one.mean, plain().sample(50).mean)


@pytest.mark.parametrize("n", [0, -1, 2.0, True])
def test_impossible_counts_are_refused(n):
    with pytest.raises(ValueError, match="n: expected a whole number"):
        plain().sample(n)


def test_mixing_is_the_weighted_mean():
    bank = plain(3)
    mixed = bank.mix([1, 0, 3])
    assert len(mixed) == 1
    assert mixed.mean.tolist() == [[1.5, 1.5]]
    assert mixed.std.tolist() == [[2.5, 2.5]]
    assert bank.mix(torch.eye(3)).mean[:, 1].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "weights", [[1, 2], [0, 0, 0], [-1, 1, 1], [float("nan"), 1, 1], [3e38] * 3, torch.ones(1, 1, 3)]
)
def test_weights_that_do_not_mix_are_refused(weights):
    with pytest.raises(ValueError, match="weights: expected"):
        plain(3).mix(weights)
    with pytest.raises(TypeError, match="weights: expected 3 numbers"):
        plain(3).mix("abc")


def test_a_bank_of_another_encoder_is_refused(bank, stylizer, tmp_path):
    assert bank.check(stylizer) is bank
    other = Stylizer.untrained(seed=2)
    file = bank.save(tmp_path / "bank.safetensors")
    with pytest.raises(
        ValueError, match=rf"made by mini with encoder {bank.fingerprint}.*gltr bank build .* --stylizer mini"
    ):
        StyleBank.load(file, other)
    with pytest.raises(ValueError, match="style bank: made by"):
        StyleBank.load("paintings-mini", other)


def test_wrong_contents_are_refused():
    two = StyleStats(torch.zeros(2, 3), torch.ones(2, 3))
    for names in (["a"], "ab", ["a", "b", "c"]):
        with pytest.raises(ValueError, match=r"names: expected (2|a sequence)"):
            StyleBank(two, names, fingerprint="f", stylizer="none")
    with pytest.raises(ValueError, match="at least one style"):
        StyleBank(StyleStats(torch.zeros(0, 3), torch.zeros(0, 3)), [], fingerprint="f", stylizer="none")
    with pytest.raises(TypeError, match="StyleStats"):
        StyleBank((two.mean, two.std), ["a", "b"], fingerprint="f", stylizer="none")


def test_wrong_files_and_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown 'monets'.*paintings-mini"):
        StyleBank.load("monets")
    with pytest.raises(ValueError, match=r"is a folder; make a bank of its pictures with gltr bank build"):
        StyleBank.load(tmp_path)
    for kind in (FileNotFoundError, ValueError):  # whoever catches either of the two catches it
        with pytest.raises(kind, match="nowhere"):
            StyleBank.load(tmp_path / "nowhere.safetensors")
    save_file({"w": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not a style bank"):
        StyleBank.load(tmp_path / "other.safetensors")
    header = {"format": "gltr-style-bank-1", "names": "[", "fingerprint": "f", "stylizer": "none"}
    save_file({"mean": torch.ones(1, 2), "std": torch.ones(1, 2)}, tmp_path / "cut.safetensors", metadata=header)
    with pytest.raises(ValueError, match="damaged style bank"):
        StyleBank.load(tmp_path / "cut.safetensors")


def test_a_bank_may_have_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("bank", "bank.pt", "bank.safetensors"):
        plain().save(name)
        assert StyleBank.load(name).stats == StyleBank.load(tmp_path / name).stats == plain().stats


def test_the_shipped_bank_belongs_to_the_shipped_stylizer():
    stylizer = Stylizer.load("mini")
    bank = StyleBank.load("paintings-mini", stylizer)
    assert len(bank) == len(set(bank.names)) == 512
    assert bank.stats.mean.shape == (512, stylizer.channels)
    assert bank.stats.std.min() > 0


def test_the_shipped_bank_is_measured_on_the_paintings_it_names():
    from gltr_lib.paintings import paint

    stylizer, bank = Stylizer.load("mini"), StyleBank.load("paintings-mini")
    for seed in (0, 137):
        painting = torch.from_numpy(paint(seed, size=256)).permute(2, 0, 1)[None].float() / 255.0
        stats = stylizer.style_stats(painting)
        assert bank.names[seed].endswith(f"-{seed}")
        # Float16 on disk, and paintings that agree within a grey level from machine to machine.
        assert (bank.stats[seed].mean - stats.mean).norm() < 0.02 * stats.mean.norm()
        assert (bank.stats[seed].std - stats.std).norm() < 0.02 * stats.std.norm()


def test_edited_banks_are_refused_by_name(tmp_path, stylizer, bank):
    good = {"format": "gltr-style-bank-1", "stylizer": "mini", "fingerprint": stylizer.fingerprint}
    tensors = {"mean": torch.zeros(4, 8), "std": torch.ones(4, 8)}
    for names, words in (
        ('{"a": 1, "b": 2, "c": 3, "d": 4}', "names: expected a list"), ("[" * 100_000, "too deep"), ("4", "a number"),
    ):  # fmt: skip
        save_file(tensors, tmp_path / "x.safetensors", metadata={**good, "names": names})
        with pytest.raises(ValueError, match=rf"x\.safetensors: damaged style bank .*{words}"):
            StyleBank.load(tmp_path / "x.safetensors")
    save_file({k: v[:, :0].contiguous() for k, v in tensors.items()}, tmp_path / "x.safetensors",
              metadata={**good, "names": '["a", "b", "c", "d"]'})  # fmt: skip
    with pytest.raises(ValueError, match="at least one style of one channel"):
        StyleBank.load(tmp_path / "x.safetensors")
    save_file(tensors, tmp_path / "x.safetensors", metadata={**good, "names": '["a", "b", "c", "d"]'})
    with pytest.raises(ValueError, match=r"x\.safetensors: .*8 channels"):
        StyleBank.load(tmp_path / "x.safetensors", stylizer)


def test_a_bank_is_asked_for_a_stylizer_and_for_whole_numbers(bank):
    for thing in (None, "mini", 5):
        with pytest.raises(TypeError, match="stylizer: expected a Stylizer"):
            bank.check(thing)
    for indices in (None, "x", [0.5], {}, [2**70]):
        with pytest.raises((TypeError, ValueError), match="indices: "):
            bank.subset(indices)


def test_pictures_in_double_and_half_precision_are_painted(stylizer, bank):
    for dtype in (torch.float64, torch.float16):
        picture = torch.rand(1, 3, 9, 7).to(dtype)
        painted = stylizer.stylize(picture, stylizer.style_stats(picture))
        assert painted.dtype == dtype
        assert painted.shape == picture.shape
