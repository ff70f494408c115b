"""Each rival against something that does not share its code: NumPy, torchvision, SciPy, an impulse, a law of areas."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rival_toys import NAMES, Painter, bank, gen, gens, pictures
from scipy import ndimage
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from gltr_lib import LocalTextureRandomization, baselines, paintings, streets
from gltr_lib.baselines.fourier import mix_amplitudes
from gltr_lib.baselines.photometric import gaussian

SILENT = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "apply": 1.0, "gray": 0.0, "blur": 0.0}


@pytest.fixture(scope="module")
def street():
    return torch.from_numpy(streets.render(1, "game", (32, 64))[0]).permute(2, 0, 1)[None].float() / 255


# ------------------------------------------------------------------------------------------------------------- fourier


def swap_by_numpy(image, other, strength, beta):
    """FDA as its equations read: full complex spectra, zero frequency in the middle, a window cut out around it."""
    spectrum = np.fft.fftshift(np.fft.fft2(image), axes=(-2, -1))
    theirs = np.abs(np.fft.fftshift(np.fft.fft2(other), axes=(-2, -1)))
    amplitude, phase = np.abs(spectrum), np.angle(spectrum)
    height, width = image.shape[-2:]
    b = int(np.floor(beta * min(height, width))) if beta < 1 else 999
    row, column = height // 2, width // 2
    window = (..., slice(max(row - b, 0), row + b + 1), slice(max(column - b, 0), column + b + 1))
    amplitude[window] = (1 - strength) * amplitude[window] + strength * theirs[window]
    back = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * phase), axes=(-2, -1)))
    assert np.abs(back.imag).max() < 1e-9
    return back.real


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (24, 40), (25, 16), (8, 8), (4, 30)])
@pytest.mark.parametrize("beta", [0.0, 0.09, 0.3, 1.0])
def test_amplitudes_mix_as_numpy_does_it(size, beta):
    images, others = pictures(2, *size, seed=1).double(), pictures(2, *size, seed=2).double()
    strength = torch.tensor([0.25, 1.0], dtype=torch.float64)
    mixed = mix_amplitudes(images, others, strength, beta)
    for made, image, other, m in zip(mixed, images, others, strength.tolist(), strict=True):
        np.testing.assert_allclose(made.numpy(), swap_by_numpy(image.numpy(), other.numpy(), m, beta), atol=1e-9)


def test_no_strength_no_change_and_the_phases_stay():
    images, others = pictures(1, 24, 40, seed=1).double(), pictures(1, 24, 40, seed=2).double()
    torch.testing.assert_close(mix_amplitudes(images, others, torch.zeros(1).double(), 1.0), images)
    swapped = torch.fft.fft2(mix_amplitudes(images, others, torch.ones(1).double(), 1.0))
    torch.testing.assert_close(swapped.abs(), torch.fft.fft2(others).abs())
    turn = swapped / torch.fft.fft2(images)  # equal phases: their quotient is real and positive
    assert turn.imag.abs().max() < 1e-6
    assert turn.real.min() > 0


def test_fourier_takes_a_painting_brought_to_the_size_of_the_picture():
    view = baselines.make_view("fourier", {"beta": 0.0, "strength": 1.0, "size": 64}, bank=bank(["mosaic-1"]))
    image = 0.3 + 0.2 * pictures(1, 24, 40)
    mean = torch.from_numpy(paintings.paint(1, "mosaic", 64)).float().mean((0, 1)) / 255
    made = view.render(image, gen(0), None)
    # Only the zero frequency is swapped: the painting's mean colour on the picture's contrasts.
    torch.testing.assert_close(made.mean((2, 3))[0], mean, atol=0.01, rtol=0)
    torch.testing.assert_close(made - made.mean((2, 3), keepdim=True), image - image.mean((2, 3), keepdim=True))


# ------------------------------------------------------------------------------------------------------------ randconv


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_an_impulse_reaches_as_far_as_the_kernel(size):
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    image = mean.expand(1, 3, 15, 15).clone()
    image[0, 1, 7, 7] += 0.01
    view = baselines.make_view("randconv", {"kernels": size, "mix": False, "original": 0.0})
    changed = ((view(image, gen(3)) - mean).abs() > 1e-6).any(1)[0]
    reach = size // 2
    assert changed[7 - reach : 8 + reach, 7 - reach : 8 + reach].all()
    assert changed.sum() == size * size


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_weights_keep_the_variance_of_noise(size):
    """He's rule: a kernel drawn from N(0, 1/(3 k^2)) gives white noise of variance 1 back with variance 1."""
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    noise = torch.randn(300, 3, 15, 15, generator=gen(0))
    view = baselines.make_view("randconv", {"kernels": (size,), "mix": False, "original": 0.0})
    out = (view.render(0.1 * noise * std + mean, gen(1), None) - mean) / std / 0.1
    middle = out[:, :, 3:-3, 3:-3]  # beyond the reach of the padding
    spread = (2 / (9 * size**2 * 300)) ** 0.5  # of the mean over the 9 k^2 squared weights of 300 kernels
    assert middle.square().mean().item() == pytest.approx(1, abs=5 * spread + 0.02)
    assert out.mean(dim=(1, 2, 3)).abs().mean() < 0.5


def test_a_convolution_by_hand(street):
    """The first numbers of the generator say which kernel and how much; the rest is F.conv2d."""
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for seed in range(12):
        made = baselines.make_view("randconv")(street, gen(seed))
        source = gen(seed)
        _, which, kept = torch.rand(3, 1, generator=source)[:, 0].tolist()
        size = (1, 3, 5, 7)[int(4 * which)]
        kernel = torch.randn(3, 3, size, size, generator=source) / (3 * size * size) ** 0.5
        moved = F.conv2d((street - mean) / std, kernel, padding=size // 2) * std + mean
        torch.testing.assert_close(made, (kept * street + (1 - kept) * moved).clamp(0, 1), atol=1e-5, rtol=0)


def test_rc_img_leaves_half_of_the_pictures_and_rc_mix_none():
    images = pictures(1, 4, 4).expand(400, -1, -1, -1)

    def untouched(**options):
        made = baselines.make_view("randconv", options)(images, gen(0))
        return (made == images).flatten(1).all(1).float().mean().item()

    assert untouched(mix=False) == pytest.approx(0.5, abs=0.1)
    assert untouched(mix=False, original=0.1) == pytest.approx(0.1, abs=0.06)
    assert untouched(mix=True) < 0.02
    assert untouched(mix=True, original=1.0) == 1


# -------------------------------------------------------------------------------------------------------------- policy


def digest(image):
    return hash(image.numpy().tobytes())


def theirs(policy, image, names, bins, levels):
    """Everything that torchvision's own policy can make of a picture with one operation."""
    found = {digest(image): "Identity"}
    for name in names:
        make, signed = policy._AUGMENTATION_SPACE[name]
        values = make(bins, *image.shape[-2:])
        for level in levels:
            strength = 0.0 if values is None else float(values[level])
            for sign in (1, -1) if signed else (1,):
                made = policy._apply_image_or_video_transform(image, name, sign * strength, "nearest", {})
                found.setdefault(digest(made), name)
    return found


@pytest.mark.parametrize(
    ("options", "policy", "levels"),
    [
        ({}, v2.TrivialAugmentWide(), range(31)),
        ({"kind": "rand", "count": 1, "level": 20}, v2.RandAugment(), [20]),
    ],
)
def test_every_view_of_a_policy_is_one_that_torchvision_makes(street, options, policy, levels):
    colours = ("Brightness", "Color", "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize")
    image = (street[0] * 255).round().to(torch.uint8)
    known = theirs(policy, image, colours, 31, levels)
    made = baselines.make_view("policy", options)(street.expand(200, -1, -1, -1), gen(0))
    seen = {known.get(digest((one * 255).round().to(torch.uint8)), "not torchvision's") for one in made}
    assert "not torchvision's" not in seen
    assert seen >= set(colours) - {"AutoContrast"}  # a street has full contrast: there it equals the identity


# -------------------------------------------------------------------------------------------------------------- pixels


def test_pixels_have_the_colours_of_the_painting():
    view = baselines.make_view("pixels", {"size": 64}, bank=bank())
    images = pictures(40, 12, 20)
    made = view.render(images, gen(0), None)
    assert torch.equal(view(images, gen(0)), made.clamp(0, 1))
    wanted = []
    for name in NAMES:
        kind, seed = name.split("-")
        pixels = paintings.paint(int(seed), kind, 64).reshape(-1, 3) / 255
        wanted.append(np.concatenate([pixels.mean(0), pixels.std(0)]))
    drawn = set()
    for picture in made.double().numpy():
        flat = picture.reshape(3, -1)
        found = np.concatenate([flat.mean(1), flat.std(1)])
        away = np.abs(np.array(wanted) - found).max(1)
        assert away.min() < 1e-3
        drawn.add(int(away.argmin()))
    assert drawn == set(range(len(NAMES)))


def test_half_a_colour_transfer_lies_between():
    whole = baselines.make_view("pixels", {"size": 16}, bank=bank()).render(pictures(), gen(0), None)
    half = baselines.make_view("pixels", {"size": 16, "alpha": 0.5}, bank=bank()).render(pictures(), gen(0), None)
    torch.testing.assert_close(half, (whole + pictures()) / 2, atol=1e-5, rtol=0)


# ------------------------------------------------------------------------------------------------------------- regions


def test_boxes_follow_cutmix():
    """Over a side that takes the share r of its length, centred anywhere and cut, r - r^2/4 is seen; twice; r^2 ~ U."""
    areas = baselines.make_view("regions").mask(6000, 64, 96, gen(0)).float().mean((1, 2, 3))
    assert areas.mean().item() == pytest.approx(1 / 2 - 1 / 5 + 1 / 48, abs=5 * areas.std().item() / 6000**0.5)
    # torchvision's CutMix, alpha 1: where it pastes ones into zeros.
    rows = torch.stack([torch.zeros(3, 64, 96), torch.ones(3, 64, 96)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cutmix = v2.CutMix(num_classes=2)
        other = torch.stack([cutmix(rows, torch.tensor([0, 1]))[0][0].mean() for _ in range(1500)])
    noise = (areas.var() / 6000 + other.var() / 1500).sqrt().item()
    assert areas.mean().item() == pytest.approx(other.mean().item(), abs=5 * noise + 0.01)
    for quantile in (0.25, 0.5, 0.75):
        assert areas.quantile(quantile).item() == pytest.approx(other.quantile(quantile).item(), abs=0.05)


@pytest.mark.parametrize("place", ["cut", "inside"])
def test_a_region_is_one_box(place):
    masks = baselines.make_view("regions", {"place": place}).mask(200, 12, 20, gen(0))[:, 0]
    for mask in masks:
        rows, columns = mask.any(1), mask.any(0)
        assert torch.equal(mask, rows[:, None] & columns[None])
        for side in (rows, columns):
            assert (side.int().diff() == 1).sum() <= 1  # it begins once


@pytest.mark.parametrize("share", [0.5, (0.25, 0.75)])
def test_blobs_are_the_local_view_of_ltr(share):
    images, painted = torch.rand(3, 3, 32, 64, generator=gen(1)), torch.rand(3, 3, 32, 64, generator=gen(2))
    view = baselines.make_view("regions", {"place": "blobs", "share": share})
    mixed, mask = LocalTextureRandomization(share=share)(images, painted, generator=gen(3))
    assert torch.equal(view(images, gen(3), painted), mixed)
    assert 0.2 < mask.mean() < 0.8
    alone = [gen(seed) for seed in range(3)]  # one generator a picture
    assert torch.equal(view(images, alone, painted)[1:], view(images[1:], [gen(1), gen(2)], painted[1:]))


def test_inside_boxes_have_their_share_and_reach_every_pixel():
    view = baselines.make_view("regions", {"place": "inside", "share": 0.25})
    masks = view.mask(600, 16, 32, gen(0)).float()
    assert masks.mean((1, 2, 3)).unique().tolist() == [0.25]
    often = masks.mean((0, 1))
    assert often.min() > 0
    assert often[8, 16] > 3 * often[0, 0]
    drawn = baselines.make_view("regions", {"place": "inside", "share": (0.2, 0.4)}).mask(300, 100, 200, gen(0))
    shares = drawn.float().mean((1, 2, 3))
    assert 0.19 < shares.min() < 0.21
    assert 0.39 < shares.max() < 0.41


def test_a_region_shows_the_gtr_picture_and_the_rest_stays():
    from gltr_lib.randomize import GlobalTextureRandomization

    images = pictures(6)
    made = baselines.make_view("regions", stylizer=Painter(), bank=bank())(images, gens(*range(6)))
    # GTR draws first: with the same generators it paints the same pictures.
    painted = GlobalTextureRandomization(Painter(), bank())(images, gens(*range(6)))
    inside = made != images
    assert torch.equal(made, torch.where(inside, painted, images))
    assert 0 < inside.float().mean() < 1


# --------------------------------------------------------------------------------------------------------- photometric


def only(**options):
    return baselines.make_view("photometric", {**SILENT, **options})


def test_nothing_asked_nothing_done(street):
    assert torch.equal(only()(street, gen(0)), street)


@pytest.mark.parametrize(
    ("name", "operation"),
    [("brightness", tv.adjust_brightness), ("contrast", tv.adjust_contrast), ("saturation", tv.adjust_saturation)],
)
def test_one_factor_alone_is_torchvisions(street, name, operation):
    """Some factor of the range, and no other, explains the view; many draws fill the range."""
    dim = 0.3 + 0.2 * street  # nothing is cut, so the factor can be read off
    still = operation(dim, 0.0)
    factors = []
    for made in only(**{name: 0.8})(dim.expand(200, -1, -1, -1), gen(0)):
        moved, whole = (made - still)[0].flatten(), (dim - still)[0].flatten()
        factor = ((moved @ whole) / (whole @ whole)).item()
        torch.testing.assert_close(made[None], operation(dim, factor), atol=1e-5, rtol=0)
        factors.append(factor)
    assert 0.199 <= min(factors) < 0.25
    assert 1.75 < max(factors) <= 1.801
    assert np.mean(factors) == pytest.approx(1.0, abs=0.12)


def test_a_turned_hue_keeps_the_brightest_and_the_darkest_channel(street):
    made = only(hue=0.5)(street.expand(20, -1, -1, -1), gen(0))
    torch.testing.assert_close(made.amax(1), street.amax(1).expand(20, -1, -1), atol=2e-3, rtol=0)
    torch.testing.assert_close(made.amin(1), street.amin(1).expand(20, -1, -1), atol=2e-3, rtol=0)
    assert (made - street).abs().mean() > 0.03


def test_probabilities_are_met(street):
    many = street[:, :, :8, :8].expand(400, -1, -1, -1)

    def share(view, what):
        return what(view(many, gen(5))).float().mean().item()

    def gray(made):
        return ((made[:, 0] == made[:, 1]) & (made[:, 1] == made[:, 2])).flatten(1).all(1)

    def moved(made):
        return (made != many).flatten(1).any(1)

    assert share(only(gray=0.2), gray) == pytest.approx(0.2, abs=0.08)
    assert share(only(apply=0.8, brightness=0.8), moved) == pytest.approx(0.8, abs=0.08)
    assert share(only(blur=0.5, sigma=30.0), moved) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_the_blur_is_scipys(sigma):
    image = pictures(1, 20, 30)[0].double()
    expected = ndimage.gaussian_filter(image.numpy(), (0, sigma, sigma), mode="nearest", radius=int(np.ceil(3 * sigma)))
    np.testing.assert_allclose(gaussian(image, sigma).numpy(), expected, atol=1e-9)


def test_the_blur_grows_with_the_picture(street):
    small, large = street, F.interpolate(street, scale_factor=4, mode="nearest")
    softened = [only(blur=1.0, sigma=14.0)(image, gen(0)) for image in (small, large)]
    loss = [(made - image).abs().mean().item() for made, image in zip(softened, (small, large), strict=True)]
    assert loss[0] > 0.01
    assert loss[0] == pytest.approx(loss[1], rel=0.5)  # relative to its size the larger picture is as soft
