"""The stylizer: exact sizes, ranges, one style each, the shipped weights' quality, and the VGG-19 layout.

``GLTR_DATA`` (a folder with real data and ``weights/``) adds a test with the real VGG-19 pair up to conv3_1.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from gltr_lib import _vgg_net
from gltr_lib.adain import StyleStats, adain, channel_stats
from gltr_lib.paintings import paint
from gltr_lib.streets import render
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


@pytest.fixture(scope="module")
def mini():
    return Stylizer.load("mini")


@pytest.fixture(scope="module")
def bank():
    return StyleBank.load("paintings-mini")


def as_batch(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255.0


def photograph(name="chelsea.png", width=256):
    """One of scikit-image's photographs that the training never saw."""
    skimage = pytest.importorskip("skimage")
    with Image.open(Path(skimage.__file__).parent / "data" / name) as file:
        picture = file.convert("RGB")
    return as_batch(picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS))


def psnr(images, others):
    return -10 * torch.log10((images - others).square().mean()).item()


# --- sizes, range, batches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (5, 7), (1, 40), (17, 9), (33, 50), (64, 96), (131, 203)])
def test_the_answer_has_the_size_of_the_question(mini, bank, size):
    pictures = torch.rand(2, 3, *size)
    output = mini.stylize(pictures, bank.sample(2, torch.Generator().manual_seed(0)))
    assert output.shape == pictures.shape
    assert output.is_contiguous()
    assert output.isfinite().all()
    assert mini.style_stats(pictures).std.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1052, 1914), (1046, 1914)])
def test_the_sizes_of_gta_frames(mini, bank, size):
    picture = torch.rand(1, 3, *size)
    assert mini.stylize(picture, bank.sample(1, torch.Generator().manual_seed(0))).shape == (1, 3, *size)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (18, 11)])
@pytest.mark.parametrize("depth", ["relu3_1", "relu4_1"])
def test_the_vgg_layout_keeps_sizes_too(size, depth):
    stylizer = random_vgg(depth)
    picture = torch.rand(1, 3, *size)
    assert stylizer.stylize(picture, stylizer.style_stats(torch.rand(1, 3, 16, 16))).shape == picture.shape


def test_padding_leaves_the_inside_alone(mini, bank):
    """A picture that is already continued at its edge gives the same pixels as one that has to be."""
    picture = torch.rand(1, 3, 37, 50)
    whole = F.pad(picture, (0, 6, 0, 3), mode="replicate")  # 40 x 56: multiples of 8
    style = bank.stats[3]
    torch.testing.assert_close(mini.stylize(picture, style), mini.stylize(whole, style)[..., :37, :50])


def test_output_is_clamped_even_for_wild_styles(mini):
    wild = StyleStats(torch.full((1, 128), 30.0), torch.full((1, 128), 20.0))
    output = mini.stylize(torch.rand(1, 3, 32, 32), wild)
    assert output.min() >= 0.0
    assert output.max() <= 1.0
    assert (output == 1.0).any() or (output == 0.0).any()  # there was something to clamp


def test_the_same_picture_comes_back_every_time(mini, bank):
    picture = as_batch(render(20_003, size=(64, 128))[0])
    first = mini.stylize(picture, bank.stats[7])
    torch.rand(5)  # the global random state has no say
    assert torch.equal(first, mini.stylize(picture, bank.stats[7]))
    assert torch.equal(first, Stylizer.load("mini").stylize(picture, bank.stats[7]))


def test_a_batch_of_styles_equals_one_by_one(mini, bank):
    pictures = torch.rand(3, 3, 40, 56)
    styles = bank.sample(3, torch.Generator().manual_seed(0))
    together = mini.stylize(pictures, styles)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], mini.stylize(pictures[i : i + 1], styles[i]), atol=1e-4, rtol=0)
    for_all = mini.stylize(pictures, styles[1])
    torch.testing.assert_close(for_all[1], together[1], atol=1e-4, rtol=0)
    assert (for_all[0] - together[0]).abs().max() > 0.05


def test_alpha_zero_is_the_decoders_copy_and_alpha_grows(mini, bank):
    picture, style = as_batch(render(20_004, size=(64, 128))[0]), bank.stats[11]
    copy = mini.decode(mini.encode(picture), (64, 128))
    assert torch.equal(mini.stylize(picture, style, alpha=0.0), copy)
    torch.testing.assert_close(mini.stylize(picture, mini.style_stats(picture)), copy, atol=1e-4, rtol=0)
    away = [(mini.stylize(picture, style, alpha=a) - copy).abs().mean() for a in (0.25, 0.5, 1.0)]
    assert 0 < away[0] < away[1] < away[2]


def test_statistics_and_pictures_in_half_precision(mini, bank):
    picture = torch.rand(1, 3, 24, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        stats = mini.style_stats(picture)
        output = mini.stylize(picture, bank.stats[0])
    assert stats.mean.dtype == stats.std.dtype == output.dtype == torch.float32
    assert (output - mini.stylize(picture, bank.stats[0])).abs().mean() < 0.02
    features = mini.encode(picture)
    mean, std = channel_stats(features)
    torch.testing.assert_close(mini.style_stats(picture).mean, mean.flatten(1))
    torch.testing.assert_close(mini.style_stats(picture).std, std.flatten(1))


def test_features_after_adain_carry_the_style_at_both_levels(mini, bank):
    """Repeating the coarse channels 2x2 changes no statistics: AdaIN on one tensor is AdaIN on both levels."""
    features = mini.encode(torch.rand(1, 3, 64, 96))
    style = bank.stats[5]
    moved = adain(features, style.mean, style.std)
    coarse = F.avg_pool2d(moved[:, 48:], 2)  # what the decoder reads
    mean, std = channel_stats(coarse)
    torch.testing.assert_close(mean.flatten(1), style.mean[:, 48:], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(std.flatten(1), style.std[:, 48:], atol=1e-3, rtol=1e-2)


def test_a_picture_on_another_device_is_refused(bank):
    elsewhere = Stylizer.untrained().to("meta")
    with pytest.raises(ValueError, match=r"images: expected on meta like the mini stylizer, received on cpu; move"):
        elsewhere.stylize(torch.rand(1, 3, 8, 8), bank.stats[0])


def test_a_seed_of_the_weights_seeds_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("the GPUs were seeded"))
    before = torch.random.get_rng_state()
    Stylizer.untrained(5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_no_gradient_reaches_the_weights_and_it_stays_in_eval_mode(mini):
    assert not mini.training
    assert not any(p.requires_grad for p in mini.parameters())
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    mini.stylize(picture, mini.style_stats(picture.detach())).sum().backward()
    assert picture.grad.abs().sum() > 0  # but a picture may have one


# --- refusals -----------------------------------------------------------------------------------------------------


def test_styles_of_another_encoder_or_count_are_refused(mini):
    picture = torch.rand(3, 3, 16, 16)
    with pytest.raises(ValueError, match=r"expected 128 channels for the mini stylizer, received 512"):
        mini.stylize(picture, StyleStats(torch.zeros(1, 512), torch.ones(1, 512)))
    with pytest.raises(ValueError, match=r"1 style or one for each of 3 images, received 2"):
        mini.stylize(picture, StyleStats(torch.zeros(2, 128), torch.ones(2, 128)))
    with pytest.raises(TypeError, match="StyleStats"):
        mini.stylize(picture, (torch.zeros(1, 128), torch.ones(1, 128)))
    with pytest.raises(ValueError, match="alpha"):
        mini.stylize(picture, StyleStats(torch.zeros(1, 128), torch.ones(1, 128)), alpha=1.5)
    with pytest.raises(TypeError, match=r"alpha: expected a number in \[0,1\], received bool True"):
        mini.stylize(picture, StyleStats(torch.zeros(1, 128), torch.ones(1, 128)), alpha=True)


def test_pictures_that_are_none_are_refused(mini):
    style = StyleStats(torch.zeros(1, 128), torch.ones(1, 128))
    for bad in (torch.rand(3, 8, 8), torch.rand(1, 4, 8, 8), torch.rand(1, 3, 0, 8), torch.rand(1, 3, 8, 8) * 255):
        with pytest.raises(ValueError, match="images"):
            mini.stylize(bad, style)
        with pytest.raises(ValueError, match="images"):
            mini.style_stats(bad)
    with pytest.raises(TypeError, match="images"):
        mini.encode(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


def test_features_and_sizes_that_do_not_fit_are_refused(mini):
    with pytest.raises(ValueError, match=r"\(B,128,h,w\)"):
        mini.decode(torch.rand(1, 64, 4, 4))
    with pytest.raises(ValueError, match="cover 16x16, received 17x3"):
        mini.decode(torch.rand(1, 128, 4, 4), (17, 3))


def test_unknown_stylizers_and_absent_files(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"'sanet'.*mini, vgg19"):
        Stylizer.load("sanet")
    monkeypatch.setenv("GLTR_VGG19", str(tmp_path))
    said = r"(?s)vgg_normalised\.pth.*https://.*weights\.py fetch.*GLTR_VGG19.*mini"
    for kind in (FileNotFoundError, ValueError):
        with pytest.raises(kind, match=said):
            Stylizer.load("vgg19")
    with pytest.raises(ValueError, match="another network"):
        Stylizer.from_mini({"encoder.x": torch.ones(1)})


def test_the_fingerprint_names_the_encoder(mini):
    assert mini.fingerprint == Stylizer.load("mini").fingerprint
    assert Stylizer.untrained(0).fingerprint == Stylizer.untrained(0).fingerprint
    assert len({mini.fingerprint, Stylizer.untrained(0).fingerprint, Stylizer.untrained(1).fingerprint}) == 3


# --- the shipped weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "floor"), [("chelsea.png", 29.0), ("coffee.png", 25.0)])
def test_a_photograph_in_its_own_style_comes_back(mini, name, floor):
    picture = photograph(name)  # measured: 32.2 and 28.0 dB
    assert psnr(mini.stylize(picture, mini.style_stats(picture)), picture) > floor


@pytest.mark.parametrize("look", ["game", "sun"])
def test_a_street_in_its_own_style_comes_back(mini, look):
    picture = as_batch(render(20_000, look=look)[0])  # measured: 25.2 and 26.3 dB
    assert psnr(mini.stylize(picture, mini.style_stats(picture)), picture) > 22.5


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_the_picture_moves_towards_the_style(mini, seed):
    """Encoded again, the output is much nearer to the painting's statistics than the content was (measured 5-40 %)."""
    style = mini.style_stats(as_batch(paint(seed, size=256)))
    for picture in (as_batch(render(20_000)[0]), photograph()):
        before, after = mini.style_stats(picture), mini.style_stats(mini.stylize(picture, style))
        assert (after.mean - style.mean).norm() < 0.5 * (before.mean - style.mean).norm()
        assert (after.std - style.std).norm() < 0.6 * (before.std - style.std).norm()


def test_texture_reaches_flat_surfaces(mini):
    """A grey wall has no variation that a style could amplify; the decoder's noise gives it some."""
    wall = torch.full((1, 3, 64, 64), 0.5)
    style = mini.style_stats(as_batch(paint(1, size=256)))
    assert mini.stylize(wall, style)[..., 8:-8, 8:-8].std() > 0.01


# --- the VGG-19 layout --------------------------------------------------------------------------------------------


def random_states(depth):
    """State dicts numbered like the published files, with He-scaled random weights."""
    generator = torch.Generator().manual_seed(0)
    states = []
    for network in (_vgg_net.build_encoder(depth), _vgg_net.build_decoder(depth)):
        state = {}
        for key, value in network.state_dict().items():
            fan = value[0].numel() if value.ndim == 4 else 1
            scale = (2.0 / fan) ** 0.5 if value.ndim == 4 else 0.05
            state[key] = torch.randn(value.shape, generator=generator) * scale
        states.append(state)
    return states


def random_vgg(depth):
    return Stylizer.from_vgg(*random_states(depth))


def plain_forward(state, x, keys, pools=(), ups=(), last_relu=True):
    """The network written out by hand from the numbers of its convolutions alone."""
    for key in keys:
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect") if weight.shape[-1] == 3 else x, weight, bias)
        if weight.shape[-1] == 3 and (last_relu or key != keys[-1]):
            x = x.relu()
        if key in pools:
            x = F.max_pool2d(x, 2)
        if key in ups:
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return x


LAYOUTS = {  # encoder's and decoder's convolutions; after which ones it pools or doubles
    "relu3_1": ((0, 2, 5, 9, 12, 16), (5, 12), (1, 5, 8, 12, 15), (1, 8)),
    "relu4_1": ((0, 2, 5, 9, 12, 16, 19, 22, 25, 29), (5, 12, 25), (1, 5, 8, 11, 14, 18, 21, 25, 28), (1, 14, 21)),
}


@pytest.mark.parametrize("depth", LAYOUTS)
def test_the_vgg_layout_equals_a_plain_forward(depth):
    encoder_state, decoder_state = random_states(depth)
    stylizer = Stylizer.from_vgg(encoder_state, decoder_state)
    down, pools, up, ups = LAYOUTS[depth]
    content, style = torch.rand(1, 3, 32, 48), torch.rand(1, 3, 24, 16)
    ours = [plain_forward(encoder_state, x, down, pools=pools) for x in (content, style)]
    torch.testing.assert_close(stylizer.encode(content), ours[0], atol=1e-5, rtol=1e-5)
    (mean, std), (new_mean, new_std) = (channel_stats(x) for x in ours)
    moved = (ours[0] - mean) / std * new_std + new_mean
    expected = plain_forward(decoder_state, moved, up, ups=ups, last_relu=False)
    raw = stylizer.decoder(adain(stylizer.encode(content), new_mean, new_std))
    assert (raw - expected).abs().max() < 1e-5 * max(1.0, expected.abs().max().item())
    output = stylizer.stylize(content, stylizer.style_stats(style))
    torch.testing.assert_close(output, expected.clamp(0, 1), atol=1e-4, rtol=0)


def test_a_longer_encoder_is_cut_and_another_network_is_refused(tmp_path):
    encoder_state, decoder_state = random_states("relu3_1")
    longer, _ = random_states("relu4_1")
    assert Stylizer.from_vgg(longer, decoder_state).name == "vgg19-relu3_1"
    with pytest.raises(ValueError, match=r"encoder \(relu3_1\).*not torchvision's"):
        Stylizer.from_vgg({f"features.{k}": v for k, v in encoder_state.items()}, decoder_state)
    with pytest.raises(ValueError, match=r"1\.weight.*decoder\.pth"):
        Stylizer.from_vgg(encoder_state, encoder_state)


def test_vgg_files_are_found_in_their_folder(tmp_path, monkeypatch):
    encoder_state, decoder_state = random_states("relu3_1")
    torch.save(encoder_state, tmp_path / "vgg_normalised_conv3_1.pth")
    torch.save(decoder_state, tmp_path / "feature_invertor_conv3_1.pth")
    monkeypatch.setenv("GLTR_VGG19", str(tmp_path))
    found = Stylizer.load("vgg19")
    assert (found.name, found.channels) == ("vgg19-relu3_1", 256)
    assert found.fingerprint == random_vgg("relu3_1").fingerprint


@pytest.mark.slow
@pytest.mark.skipif("GLTR_DATA" not in os.environ, reason="GLTR_DATA names no folder of real data")
def test_the_real_vgg_pair_gives_a_street_back():
    folder = Path(os.environ["GLTR_DATA"]) / "weights"
    if not (folder / "vgg_normalised_conv3_1.pth").is_file():
        pytest.skip("GLTR_DATA holds no VGG-19 weights")
    stylizer = Stylizer.load("vgg19", folder=folder)
    assert (stylizer.name, isinstance(stylizer.encoder, nn.Sequential)) == ("vgg19-relu3_1", True)
    picture = as_batch(render(20_000)[0])
    assert psnr(stylizer.stylize(picture, stylizer.style_stats(picture)), picture) > 21.0  # measured: 23.5 dB
    style = stylizer.style_stats(as_batch(paint(2, size=256)))
    before, after = stylizer.style_stats(picture), stylizer.style_stats(stylizer.stylize(picture, style))
    assert (after.std - style.std).norm() < 0.3 * (before.std - style.std).norm()  # measured: 0.13


def test_vgg_files_are_named_or_converted(tmp_path):
    from safetensors.torch import save_file

    encoder_state, decoder_state = random_states("relu4_1")
    torch.save(encoder_state, tmp_path / "e.pth")
    torch.save(decoder_state, tmp_path / "d.pth")
    named = Stylizer.load("vgg19", encoder=tmp_path / "e.pth", decoder=tmp_path / "d.pth")
    save_file(encoder_state, tmp_path / "vgg_normalised.safetensors")
    save_file(decoder_state, tmp_path / "decoder.safetensors")
    found = Stylizer.load("vgg19", folder=tmp_path)
    assert found.fingerprint == named.fingerprint
    with pytest.raises(ValueError, match="both files or neither"):
        Stylizer.load("vgg19", encoder=tmp_path / "e.pth")
    with pytest.raises(ValueError, match="leave out folder"):
        Stylizer.load("vgg19", encoder=tmp_path / "e.pth", decoder=tmp_path / "d.pth", folder=tmp_path)
    with pytest.raises(ValueError, match=r"d\.pth"):
        Stylizer.load("vgg19", encoder=tmp_path / "d.pth", decoder=tmp_path / "e.pth")


def test_the_vgg_pair_is_fetched_on_request_and_verified(tmp_path, monkeypatch):
    from gltr_lib import weights

    encoder_state, decoder_state = random_states("relu4_1")
    states = {"vgg_normalised.pth": encoder_state, "decoder.pth": decoder_state}
    asked = []

    def fetch(url, target, checksum):
        asked.append((url, checksum))
        torch.save(states[target.name], target)
        return target

    monkeypatch.setattr(weights, "download", fetch)
    assert Stylizer.load("vgg19", folder=tmp_path, download=True).channels == 512
    assert [url.rsplit("/", 1)[1] for url, _ in asked] == list(states)
    assert all(len(checksum) == 64 for _, checksum in asked)
    Stylizer.load("vgg19", folder=tmp_path, download=True)
    assert len(asked) == 2  # what is there is not fetched again


def test_a_download_with_another_checksum_leaves_nothing(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    from gltr_lib import weights

    def retrieve(url, known_hash, fname, path):
        raise ValueError("SHA256 hash of downloaded file does not match")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(ValueError, match=r"decoder\.pth: what came from .* has not the checksum"):
        weights.download("https://example.invalid/decoder.pth", tmp_path / "decoder.pth", "0" * 64)
    monkeypatch.setattr(pooch, "retrieve", lambda *a, **k: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(OSError, match="fetch it yourself"):
        weights.download("https://example.invalid/decoder.pth", tmp_path / "decoder.pth", "0" * 64)
    assert list(tmp_path.iterdir()) == []


# --- other weights, other precision -------------------------------------------------------------------------------


def test_other_weights_get_another_name(mini):
    other = Stylizer.untrained()
    before = other.fingerprint
    other.load_state_dict(mini.state_dict())
    assert other.fingerprint == mini.fingerprint != before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("tile", [None, 16])
def test_a_stylizer_in_another_precision_paints_the_same_and_keeps_its_name(mini, bank, dtype, tile):
    other, picture = Stylizer.load("mini").to(dtype), torch.rand(1, 3, 40, 32)
    painted = other.stylize(picture, bank.stats[0], tile=tile)
    assert painted.dtype == torch.float32
    assert (painted - mini.stylize(picture, bank.stats[0])).abs().mean() < 0.02
    assert bank.check(other) is bank


@pytest.mark.parametrize(
    "features", [torch.zeros(1, 128, 2, 2, dtype=torch.long), torch.rand(1, 128, 3, 4), torch.rand(1, 128, 0, 2)]
)
def test_features_that_no_picture_has_are_refused(mini, features):
    with pytest.raises(ValueError, match=r"expected floats .*multiples of 2, received tensor"):
        mini.decode(features)
