"""GTR and LTR: fresh style per picture, raw pixels bit-identical outside the mask, sigma scales, types pass through."""

import pytest
import torch
from torchvision import tv_tensors

from gltr_lib.adain import StyleStats
from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization, share_schedule
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


class GreyStylizer(torch.nn.Module):
    """Paints a picture in the grey of its style's mean: shows which style each picture got."""

    def stylize(self, images, stats, alpha=1.0):
        return (1 - alpha) * images + alpha * stats.mean[:, :1, None, None].expand_as(images)


class GreyBank:
    def __init__(self, n=64):
        self.stats = StyleStats(torch.linspace(0, 1, n)[:, None], torch.ones(n, 1))

    def __len__(self):
        return len(self.stats)

    def sample(self, n, generator=None):
        return self.stats[torch.randint(len(self), (n,), generator=generator)]


def images(batch=6, height=20, width=30, seed=0):
    return torch.rand(batch, 3, height, width, generator=gen(seed))


def test_gtr_draws_one_style_a_picture_and_anew_each_call():
    gtr = GlobalTextureRandomization(GreyStylizer(), GreyBank())
    g = gen()
    first, second = gtr(images(), g), gtr(images(), g)
    assert len(first[:, 0, 0, 0].unique()) > 3
    assert not torch.equal(first, second)
    assert torch.equal(first, gtr(images(), gen()))


def test_gtr_alpha_zero_is_the_picture():
    gtr = GlobalTextureRandomization(GreyStylizer(), GreyBank(), alpha=0.0)
    torch.testing.assert_close(gtr(images(), gen()), images())


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_ltr_mixes_by_the_mask_and_leaves_the_rest_bit_identical(share):
    raw, painted = images(seed=0), images(seed=1)
    mixed, mask = LocalTextureRandomization(share=share)(raw, painted, gen())
    assert mask.shape == (6, 1, 20, 30)
    assert (mask.mean((1, 2, 3)) - share).abs().max() <= 1 / 600
    inside = mask.bool().expand_as(raw)
    assert torch.equal(mixed[inside], painted[inside])
    assert torch.equal(mixed[~inside], raw[~inside])


def test_ltr_keeps_the_order_of_channels_in_memory():
    raw, painted = (images(seed=i).contiguous(memory_format=torch.channels_last) for i in (0, 1))
    mixed, _ = LocalTextureRandomization()(raw, painted, gen())
    assert mixed.stride() == raw.stride()
    plain, _ = LocalTextureRandomization()(raw.contiguous(), painted, gen())
    assert plain.is_contiguous()
    assert torch.equal(mixed, plain)


def test_sigma_is_given_at_a_640_pixel_crop():
    ltr = LocalTextureRandomization(sigma=(4.0, 16.0))
    assert ltr.sigma_at(640, 640) == (4.0, 16.0)
    assert ltr.sigma_at(128, 256) == pytest.approx((0.8, 3.2))
    assert LocalTextureRandomization(sigma=8.0).sigma_at(1280, 2000) == pytest.approx((16.0, 16.0))


def test_blobs_cover_the_same_part_of_the_scene_at_every_size():
    def contours_a_picture(size):
        ltr = LocalTextureRandomization(sigma=40.0, share=0.5)
        zero, one = torch.zeros(40, 3, size, size), torch.ones(40, 3, size, size)
        mask = ltr(zero, one, gen())[1]
        return (mask[..., 1:] != mask[..., :-1]).float().sum((1, 2, 3)).mean().item() / size

    assert contours_a_picture(64) == pytest.approx(contours_a_picture(256), rel=0.15)


def test_typed_tensors_pass_through_typed():
    typed = tv_tensors.Image(images())
    gtr = GlobalTextureRandomization(GreyStylizer(), GreyBank())
    out = gtr(typed, gen())
    mixed, mask = LocalTextureRandomization()(typed, out, gen())
    assert isinstance(out, tv_tensors.Image)
    assert isinstance(mixed, tv_tensors.Image)
    assert type(mask) is torch.Tensor
    assert type(gtr(images(), gen())) is torch.Tensor


def test_no_gradient_flows_through_randomisation():
    x = images().requires_grad_()
    out = GlobalTextureRandomization(GreyStylizer(), GreyBank())(x, gen())
    assert not out.requires_grad
    assert not LocalTextureRandomization()(x, out, gen())[0].requires_grad


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: GlobalTextureRandomization(GreyStylizer(), GreyBank(), alpha=2), ValueError, "alpha"),
        (lambda: GlobalTextureRandomization(GreyStylizer(), GreyBank())(images()[0]), ValueError, r"images\[None\]"),
        (lambda: GlobalTextureRandomization(GreyStylizer(), GreyBank())(images() * 255), ValueError, r"\[0,1\]"),
        (
            lambda: GlobalTextureRandomization(GreyStylizer(), GreyBank())(images(), torch.zeros(6, 20, 30).long()),
            TypeError,
            r"generator: expected .* received tensor\(6, 20, 30\) int64; GTR takes pictures alone.*labels stay",
        ),
        (
            lambda: GlobalTextureRandomization(GreyStylizer(), GreyBank())(images(), "cpu"),
            TypeError,
            r"generator: expected a torch.Generator, .* received str 'cpu'$",
        ),
        (lambda: GlobalTextureRandomization(GreyStylizer(), GreyBank())(images(), [gen()]), ValueError, "each of 6"),
        (lambda: GlobalTextureRandomization(None, GreyBank()), TypeError, "stylizer: expected a Stylizer.*NoneType"),
        (lambda: GlobalTextureRandomization(GreyStylizer(), None), TypeError, "bank: expected a StyleBank.*NoneType"),
        (lambda: GlobalTextureRandomization(GreyBank(), GreyStylizer()), TypeError, "stylizer: expected"),
        (lambda: LocalTextureRandomization(share=1.5), ValueError, "share"),
        (lambda: LocalTextureRandomization(sigma=-1.0), ValueError, "sigma"),
        (lambda: LocalTextureRandomization(rule="x"), ValueError, "exact, official"),
        (lambda: LocalTextureRandomization()(images(), images()[:2]), ValueError, "one shape"),
        (lambda: LocalTextureRandomization()(images(), images() * torch.nan), ValueError, "NaN"),
        (lambda: LocalTextureRandomization()((images() * 255).byte(), images()), TypeError, "uint8"),
        (lambda: LocalTextureRandomization()(images().numpy(), images()), TypeError, "from_numpy"),
    ],
)
def test_bad_input_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda x: x * 255, "divide by 255 first"),
        (lambda x: (x - 0.45) / 0.225, "before normalising with a mean and std, not after"),
        (lambda x: x * 1.05 - 0.02, r"clamp to \[0,1\] first"),
        (lambda x: torch.full_like(x, 1.0000001), r"received \[1\.0000001, 1\.0000001\]; clamp to \[0,1\] first"),
        (lambda x: x / 0, "check how the pictures were read"),
    ],
)
def test_each_wrong_range_is_told_its_own_way_back(change, remedy):
    with pytest.raises(ValueError, match=remedy):
        GlobalTextureRandomization(GreyStylizer(), GreyBank())(change(images()))


def test_share_schedule_grows_from_start_to_one():
    values = [share_schedule(t, 100, start=0.4, power=0.1) for t in range(101)]
    assert values[0] == 0.4
    assert values[-1] == 1.0
    assert values == sorted(values)
    assert values[1] == pytest.approx(0.4 + 0.6 * 0.01**0.1)
    for bad in ((101, 100), (-1, 100), (0, 0)):
        with pytest.raises(ValueError, match="step"):
            share_schedule(*bad)
    with pytest.raises(ValueError, match="power"):
        share_schedule(1, 10, power=0)


def test_gtr_refuses_styles_of_another_encoder():
    maker, other = Stylizer.untrained(1), Stylizer.untrained(2)
    bank = StyleBank.from_images(maker, images(2))
    assert GlobalTextureRandomization(maker, bank).bank is bank
    with pytest.raises(ValueError, match=rf"encoder {maker.fingerprint}.*encoder {other.fingerprint}; build the bank"):
        GlobalTextureRandomization(other, bank)
