"""Properties of the public functions, for whatever hypothesis draws: shapes, types, seeds, ranges; and bad arguments
end in a ValueError or TypeError of one line, whatever they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gltr_lib import adain, complexity, datasets, labels, ledger, losses, masks, metrics, offline, randomize
from gltr_lib.config import TrainConfig, parse_overrides
from gltr_lib.datasets import png16
from gltr_lib.prepare.unpack import safe_path
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
sides = st.integers(1, 24)
shares = st.floats(0, 1)
seeds = st.integers(0, 2**31)
#: What a notebook may hold where something else was wanted.
anything = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.binary(max_size=4),
    st.lists(st.integers(-3, 3), max_size=3), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.builds(lambda shape: np.zeros(shape), st.lists(st.integers(0, 3), max_size=3)),
    st.builds(lambda shape: torch.zeros(shape), st.lists(st.integers(0, 3), max_size=5)), st.just(object()),
    st.just(len),
)  # fmt: skip


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def words_of(function, *args, **kwargs) -> str | None:
    """What a refusal says; None if there was none. Any other error is a failure."""
    try:
        function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def refused(function, *args, **kwargs) -> None:
    """Either it works, or it says in one line why not."""
    said = words_of(function, *args, **kwargs)
    assert said is None or (said.strip() and "\n" not in said and len(said) < 1500), said


@quick
@given(st.integers(1, 3), sides, sides, shares, seeds)
def test_masks_have_their_shape_their_share_and_their_seed(batch, height, width, share, seed):
    options = {"sigma": (0.5, 4.0), "share": share}
    mask = masks.blob_mask(batch, height, width, generator=seeded(seed), **options)
    assert mask.shape == (batch, 1, height, width)
    assert mask.dtype == torch.float32
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert all(abs(one.sum().item() - share * height * width) <= 0.5 + 1e-3 for one in mask)
    assert torch.equal(mask, masks.blob_mask(batch, height, width, generator=seeded(seed), **options))


@quick
@given(st.integers(1, 2), sides, sides, seeds)
def test_local_randomization_takes_every_pixel_from_one_of_two(batch, height, width, seed):
    raw = torch.rand(batch, 3, height, width, generator=seeded(seed))
    painted = torch.rand(batch, 3, height, width, generator=seeded(seed + 1))
    mixed, mask = randomize.LocalTextureRandomization()(raw, painted, generator=seeded(seed))
    assert torch.equal(mixed, torch.where(mask.bool(), painted, raw))


@quick
@given(st.integers(1, 3), st.integers(1, 5), sides, sides, shares, seeds)
def test_adain_gives_its_statistics_and_keeps_shape_and_type(batch, channels, height, width, alpha, seed):
    content = torch.randn(batch, channels, height, width, generator=seeded(seed)).double()
    mean, std = torch.randn(1, channels, generator=seeded(seed)).double(), torch.rand(1, channels).double()
    out = adain.adain(content, mean, std, alpha)
    assert out.shape == content.shape
    assert out.dtype == content.dtype
    assert bool(torch.isfinite(out).all())
    # The mean moves from the content's to the style's, in the proportion asked for.
    wanted = torch.lerp(content.mean((2, 3)), mean.expand(batch, -1), torch.tensor(alpha).double())
    torch.testing.assert_close(out.mean((2, 3)), wanted, atol=1e-6, rtol=1e-5)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), shares, seeds)
def test_painting_keeps_size_range_and_seed(height, width, alpha, seed):
    stylizer = Stylizer.untrained()
    picture = torch.rand(1, 3, height, width, generator=seeded(seed))
    bank = StyleBank.from_images(stylizer, torch.rand(2, 3, 16, 16, generator=seeded(seed)))
    gtr = randomize.GlobalTextureRandomization(stylizer, bank, alpha)
    painted = gtr(picture, generator=seeded(seed))
    assert painted.shape == picture.shape
    assert 0 <= painted.min() <= painted.max() <= 1
    assert torch.equal(painted, gtr(picture, generator=seeded(seed)))


@quick
@given(st.integers(2, 6), sides, sides, st.sampled_from(["mse", "kl", "js"]), seeds)
def test_consistency_is_never_negative_and_zero_for_equals(classes, height, width, kind, seed):
    one = torch.randn(1, classes, height, width, generator=seeded(seed))
    two = torch.randn(1, classes, height, width, generator=seeded(seed + 1))
    assert losses.consistency_loss(one, two, kind=kind) >= 0
    assert abs(losses.consistency_loss(one, one, kind=kind).item()) < 1e-6
    nothing = torch.zeros(1, height, width, dtype=torch.bool)
    assert losses.consistency_loss(one, two, kind=kind, valid=nothing) == 0


@quick
@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=40))
def test_counts_of_pairs_add_up_and_shares_lie_between_zero_and_one(classes, pairs):
    pred = torch.tensor([guess % classes for guess, _ in pairs])
    target = torch.tensor([255 if truth == 6 else truth % classes for _, truth in pairs])
    matrix = metrics.ConfusionMatrix(classes)
    matrix.update(pred, target)
    assert int(matrix.counts.sum()) == int((target != 255).sum())
    iou = matrix.iou()
    assert bool(((iou >= 0) & (iou <= 1) | iou.isnan()).all())
    halves = metrics.ConfusionMatrix(classes)
    for part in (slice(0, len(pairs) // 2), slice(len(pairs) // 2, None)):
        halves.update(pred[part], target[part])
    assert torch.equal(halves.counts, matrix.counts)


@quick
@given(st.dictionaries(st.integers(0, 255), st.integers(0, 255), max_size=30), seeds)
def test_tables_map_what_they_hold_and_ignore_the_rest(table, seed):
    ids = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    out = labels.map_ids(ids, table)
    assert out.dtype == np.uint8
    assert out.tolist() == [[table.get(value, 255) for value in row] for row in ids.tolist()]


@quick
@given(st.text(min_size=1, max_size=20), st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 12))
def test_styles_of_a_picture_do_not_repeat_and_more_copies_change_nothing(name, seed, styles, copies):
    drawn = offline.style_indices(name, seed, styles, copies)
    assert drawn == offline.style_indices(name, seed, styles, copies + 3)[:copies]
    assert all(0 <= index < styles for index in drawn)
    first = drawn[:styles]
    assert len(set(first)) == len(first)


@quick
@given(st.integers(0, 100), st.integers(1, 100), shares, st.floats(0.01, 5))
def test_the_share_grows_to_one(step, more, start, power):
    steps = step + more
    values = [randomize.share_schedule(t, steps, start=start, power=power) for t in (0, step, steps)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(start)
    assert values[-1] == pytest.approx(1)


@quick
@given(st.integers(1, 5000), st.floats(1e-6, 1, exclude_max=True), st.integers(0, 9))
def test_a_configuration_is_what_it_was_after_a_trip_through_json(steps, rate, seed):
    config = TrainConfig(steps=steps, lr=rate, seed=seed)
    assert TrainConfig.from_json(config.to_json()) == config
    assert parse_overrides([f"steps={steps}", f"lr={rate!r}", f"seed={seed}"]) == config


@quick
@given(st.text(max_size=40))
def test_no_name_leads_out_of_its_folder(name):
    said = words_of(safe_path, name)
    if said is not None:
        assert "\n" not in said
        return
    path = safe_path(name)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert all(0 < len(part.encode()) <= 255 for part in path.parts)


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_a_ledger_or_are_reported(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("ledger") / "a.jsonl"
    path.write_bytes(data)
    rows, bad = ledger.scan(path)
    assert len(rows) + len(bad) == sum(bool(line.strip()) for line in data.split(b"\n"))
    assert all("\n" not in problem for problem in bad)


@quick
@given(
    st.binary(max_size=120),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0"]),
)
def test_any_bytes_are_a_picture_or_are_refused_by_name(tmp_path_factory, data, magic):
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    path.write_bytes(magic + data)
    for reader in (datasets.read_image, datasets.read_label, datasets.picture_size, png16.read_red16):
        said = words_of(reader, path)
        assert said is None or ("a.png" in said and "\n" not in said), said


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(st.sampled_from(["steps", "lr", "crop", "method", "x"]), x, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_json_is_a_configuration_or_is_refused(value):  # fmt: skip
    refused(TrainConfig.from_json, json.dumps(value))


CALLS = {
    "blob_mask": lambda x, y: masks.blob_mask(1, 4, 4, sigma=x, share=y),
    "blob_mask's sizes": lambda x, y: masks.blob_mask(x if not isinstance(x, int) or x < 99 else -1, 2, 2, rule=y),
    "adain": lambda x, y: adain.adain(x, y, torch.ones(3)),
    "StyleStats": adain.StyleStats,
    "channel_stats": lambda x, y: adain.channel_stats(x, y),
    "segmentation_loss": losses.segmentation_loss,
    "consistency_loss": losses.consistency_loss,
    "class_totals": lambda x, y: losses.class_totals(x, 19, ignore_index=y),
    "map_ids": labels.map_ids,
    "colourize": labels.colourize,
    "LocalTextureRandomization": lambda x, y: randomize.LocalTextureRandomization()(x, y),
    "share_schedule": lambda x, y: randomize.share_schedule(1, 2, start=x, power=y),
    "ConfusionMatrix": lambda x, y: metrics.ConfusionMatrix(3).update(x, y),
    "select": lambda x, y: complexity.select(x, low=y),
    "Recipe": lambda x, y: offline.Recipe(alpha=x, tile=y),
    "open_dataset": lambda x, y: datasets.open_dataset(x, split=y),
    "split_keys": datasets.split_keys,
    "validate": lambda x, y: ledger.validate({"method": x, "seed": y}),
    "to_tensors": datasets.to_tensors,
}


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=12, deadline=None)
@given(first=anything, second=anything)
def test_bad_arguments_are_refused_in_one_line(name, first, second):
    refused(CALLS[name], first, second)
