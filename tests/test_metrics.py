"""Metrics: equal to torchmetrics and to cityscapesScripts, ignore and absent classes included."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gltr_lib import metrics
from gltr_lib.metrics import ConfusionMatrix, _byte_counts


def maps(seed, classes=19, absent=(), shape=(3, 40, 50)):
    rng = np.random.default_rng(seed)
    allowed = [c for c in range(classes) if c not in absent]
    target = rng.choice([*allowed, 255], shape)
    pred = np.where(rng.random(shape) < 0.6, target, rng.choice(allowed, shape))
    pred[pred == 255] = allowed[0]
    return torch.from_numpy(pred), torch.from_numpy(target)


@pytest.mark.slow  # importing torchmetrics
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.sets(st.integers(0, 18), max_size=17))
def test_iou_equals_torchmetrics(seed, absent):
    jaccard = pytest.importorskip("torchmetrics").classification.MulticlassJaccardIndex
    pred, target = maps(seed, absent=tuple(absent), shape=(2, 12, 13))
    ours = ConfusionMatrix(19)
    ours.update(pred, target)
    theirs = jaccard(num_classes=19, ignore_index=255, average=None)(pred, target).double()
    present = ~ours.iou().isnan()
    torch.testing.assert_close(ours.iou()[present], theirs[present], atol=1e-6, rtol=1e-5)
    in_either = torch.zeros(19, dtype=torch.bool)
    keep = target != 255
    in_either[torch.cat([pred[keep], target[keep]]).unique()] = True
    assert torch.equal(present, in_either)


def test_iou_equals_cityscapes_scripts():
    module = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    from gltr_lib.labels import LABEL_IDS

    pred, target = maps(3, absent=(7, 12))
    ours = ConfusionMatrix(19)
    ours.update(pred, target)
    ids = np.array([*LABEL_IDS] + [0] * (256 - 19))
    args = module.args
    args.evalLabels = list(range(34))
    conf = module.generateMatrix(args)
    for p, t in zip(ids[pred.numpy()], ids[target.numpy()], strict=True):
        for a, b in zip(t.ravel(), p.ravel(), strict=True):
            conf[a][b] += 1
    theirs = [module.getIouScoreForLabel(label_id, conf, args) for label_id in LABEL_IDS]
    for c, (mine, other) in enumerate(zip(ours.iou().tolist(), theirs, strict=True)):
        if c in (7, 12):  # absent here; cityscapesScripts scores a class by its ground truth alone
            assert np.isnan(mine)
        else:
            assert mine == pytest.approx(other, abs=1e-9)


def test_updates_add_up_to_one_dataset_level_score():
    pred, target = maps(1)
    whole, parts = ConfusionMatrix(19), ConfusionMatrix(19)
    whole.update(pred, target)
    for p, t in zip(pred, target, strict=True):
        parts.update(p.numpy(), t.numpy().astype(np.uint8))
    assert torch.equal(whole.counts, parts.counts)
    single = [ConfusionMatrix(19) for _ in pred]
    for m, p, t in zip(single, pred[:, :2], target[:, :2], strict=True):
        m.update(p, t)
    assert np.mean([m.miou() for m in single]) != pytest.approx(whole.miou(), abs=1e-3)


def test_ignored_pixels_do_not_count_even_with_wild_predictions():
    m = ConfusionMatrix(3)
    m.update(torch.tensor([0, 250]), torch.tensor([0, 255]))
    assert m.counts.sum() == 1


def test_absent_class_is_nan_and_left_out_but_a_false_alarm_is_zero():
    m = ConfusionMatrix(4)
    m.update(torch.tensor([0, 0, 2]), torch.tensor([0, 0, 0]))
    iou = m.iou()
    assert iou[0] == pytest.approx(2 / 3)
    assert iou[2] == 0.0
    assert iou[1].isnan()
    assert iou[3].isnan()
    assert m.miou() == pytest.approx(1 / 3)
    assert m.pixel_accuracy() == pytest.approx(2 / 3)
    assert np.isnan(ConfusionMatrix(4).miou())


@pytest.mark.parametrize(
    ("pred", "target", "error", "text"),
    [
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4).long(), TypeError, "argmax"),
        (torch.zeros(2, 3).long(), torch.zeros(3, 2).long(), ValueError, "one shape"),
        (torch.tensor([3]), torch.tensor([0]), ValueError, r"pred.*\[3\]"),
        (torch.tensor([0]), torch.tensor([7]), ValueError, r"target.*\[7\]"),
        (torch.tensor([-1]), torch.tensor([0]), ValueError, r"\[-1\]"),
        ([0], torch.tensor([0]), TypeError, "list"),
    ],
)
def test_bad_input_is_named(pred, target, error, text):
    with pytest.raises(error, match=text):
        ConfusionMatrix(3).update(pred, target)


KINDS = [np.uint8, np.int16, np.uint16, np.int32, np.int64]


def attempt(matrix, call):
    """What a call leaves behind: the counts, or the error with its text."""
    try:
        call()
    except ValueError as error:
        return str(error), matrix.counts.tolist()
    return None, matrix.counts.tolist()


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 19, 256, 300]),
    st.sampled_from([255, 0, -1, 400]),
    st.sampled_from(KINDS),
    st.sampled_from(KINDS),
    st.sampled_from([1, 0, 30]),
)
def test_counting_bytes_equals_counting_pairs(seed, classes, ignore, kind, other, beyond):
    rng = np.random.default_rng(seed)
    high = min(classes - 1 + beyond, 255)
    pred = rng.integers(0, high + 1, (2, 5, 7)).astype(kind)
    target = rng.choice([*range(high + 1), *([ignore] if 0 <= ignore < 256 else [])], (2, 5, 7)).astype(other)
    quick, slow = ConfusionMatrix(classes, ignore), ConfusionMatrix(classes, ignore)
    found = attempt(quick, lambda: quick.update(pred, target))
    counts = _byte_counts(torch.from_numpy(pred), torch.from_numpy(target), classes, ignore)
    assert (counts is None) == (found[0] is not None)  # what is out of range is left to the slow path, and named there
    assert found == attempt(slow, lambda: slow._count(torch.from_numpy(pred), torch.from_numpy(target)))


def counted(pred, target, classes, ignore):
    """The reference: (error, counts), in Python's integers."""
    pairs = [(t, p) for t, p in zip(target.ravel().tolist(), pred.ravel().tolist(), strict=True) if t != ignore]
    counts = np.zeros((classes, classes), int)
    for name, values in (("target", {t for t, _ in pairs}), ("pred", {p for _, p in pairs})):
        bad = sorted(v for v in values if not 0 <= v < classes)
        if bad:
            return f"{name}: expected classes 0..{classes - 1}, found {bad[:10]}", counts.tolist()
    np.add.at(counts, tuple(zip(*pairs, strict=True)) or ([], []), 1)
    return None, counts.tolist()


ALL_KINDS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
VIEWS = [
    lambda x: x,
    lambda x: x.T,
    lambda x: x[..., ::2],
    lambda x: x[::-1],
    lambda x: np.broadcast_to(x[..., :1], x.shape),
]


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 10_000),
    classes=st.sampled_from([1, 2, 19, 100, 255, 256, 300]),
    ignore=st.sampled_from([255, 254, 200, 100, 19, 0, 1, -1, 256, 400]),
    kinds=st.tuples(st.sampled_from(ALL_KINDS), st.sampled_from(ALL_KINDS)),
    shape=st.sampled_from([(0, 4), (1, 1), (1, 3), (7, 11), (3, 5, 7), (2, 3, 8, 9), (401,)]),
    run=st.sampled_from([1, 2, 9, 60]),
    view=st.sampled_from(VIEWS),
    wild=st.sampled_from([None, "ignored", "pred", "target", "both"]),
    piece=st.sampled_from([7, 64, 1 << 18]),
    as_tensor=st.booleans(),
)
def test_every_kind_and_shape_is_counted_as_python_counts(
    seed, classes, ignore, kinds, shape, run, view, wild, piece, as_tensor
):
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    limits = [np.iinfo(kind) for kind in kinds]

    def drawn(limit):
        return np.repeat(rng.integers(0, min(classes - 1, limit.max) + 1, size // run + 1), run)[:size]

    target, pred = drawn(limits[0]), drawn(limits[1])
    pred = np.roll(pred, 1)
    if limits[0].min <= ignore <= limits[0].max:
        target[rng.random(size) < 0.3] = ignore
    strange = [v for v in (-1, -300, classes, 127, 255, 256, 511, 70_000) if not 0 <= v < classes]
    for name, values, limit in (("target", target, limits[0]), ("pred", pred, limits[1])):
        fits = [v for v in strange if limit.min <= v <= limit.max]
        places = rng.random(size) < 0.1
        if wild == "ignored":
            places &= target == ignore
        if fits and (wild in (name, "both") or (wild == "ignored" and name == "pred")):
            values[places] = rng.choice(fits, int(places.sum()))
    pred, target = (view(v.astype(k).reshape(shape)) for v, k in zip((pred, target), kinds[::-1], strict=True))
    before = pred.copy(), target.copy()
    given_maps = [torch.from_numpy(v.copy()) if as_tensor else v for v in (pred, target)]
    matrix = ConfusionMatrix(classes, ignore)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "_PIECE", piece)
        patch.setattr(metrics, "_SERIAL", 5)
        assert attempt(matrix, lambda: matrix.update(*given_maps)) == counted(pred, target, classes, ignore)
    for now, then in zip(given_maps, before, strict=True):
        assert np.array_equal(np.asarray(now), then)


@pytest.mark.parametrize("ignore", [3, 4, 200, 255])
@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_a_label_beside_the_ignored_one_is_refused(ignore, kind):
    for label in {3, 4, 5, 199, 201, 254, 255} - {ignore}:
        m = ConfusionMatrix(3, ignore)
        with pytest.raises(ValueError, match=rf"target: expected classes 0..2, found \[{label}\]"):
            m.update(np.zeros(3, kind), np.array([0, ignore, label], kind))
        assert m.counts.sum() == 0


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_a_full_map_takes_little_memory_and_equals_numpy(noise, kind):
    rng = np.random.default_rng(0)
    shape = (1024, 2048)
    target = np.kron(rng.integers(0, 19, (32, 64)), np.ones((32, 32), int))
    target[:100] = 255
    pred = np.where(target == 255, 3, np.roll(target, 5, 1) % 19)
    pred = np.where(rng.random(shape) < noise, rng.integers(0, 19, shape), pred).astype(kind)
    target = target.astype(kind)
    keep = target != 255
    expected = np.bincount(19 * target[keep].astype(int) + pred[keep].astype(int), minlength=361).reshape(19, 19)
    matrix = ConfusionMatrix(19)
    tracemalloc.start()
    try:
        matrix.update(pred, target)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.array_equal(matrix.counts.numpy(), expected)
    assert peak < 8 * 2**20  # a copy of one map in 64 bits is 16 MiB


def test_maps_that_are_not_both_on_the_cpu_are_left_to_their_device():
    here, elsewhere = (torch.zeros(4, dtype=torch.int64, device=device) for device in ("cpu", "meta"))
    for pred, target in ((here, elsewhere), (elsewhere, here), (elsewhere, elsewhere)):
        assert _byte_counts(pred, target, 3, 255) is None


def test_threads_may_count_at_the_same_time():
    rng = np.random.default_rng(0)
    pairs = [rng.integers(0, 19, (2, 300, 400)).astype(kind) for kind in (np.uint8, np.int64) for _ in range(8)]
    alone = [ConfusionMatrix(19).update(*pair).counts for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: ConfusionMatrix(19).update(*pair).counts, pairs))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize(("threads", "most"), [(1, 2**18), (2, 2**15)])
def test_torch_starts_no_threads_for_counting(threads, most, monkeypatch):
    sizes, count = [], torch.bincount
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch, "bincount", lambda x, **options: sizes.append(len(x)) or count(x, **options))
    noise = np.random.default_rng(0).integers(0, 19, (2, 512, 1024)).astype(np.uint8)
    assert ConfusionMatrix(19).update(*noise).counts.sum() == 512 * 1024
    assert (max(sizes), sum(sizes)) == (most, 512 * 1024)


def test_bytes_are_counted_bytewise_and_wider_labels_still_count(monkeypatch):
    m = ConfusionMatrix(300, ignore_index=-1)
    m.update(np.array([299, 3, 5], np.int64), np.array([299, -1, 4], np.int32))
    assert (m.counts[299, 299], m.counts[4, 5], m.counts.sum()) == (1, 1, 2)
    monkeypatch.setattr(m, "_count", lambda *_: pytest.fail("the slow path"))
    m.update(torch.tensor([1, 2]), np.array([255, 2], np.uint8))  # -1 is no byte: 255 is a class like any other
    assert (m.counts[255, 1], m.counts[2, 2]) == (1, 1)


def test_a_refused_update_leaves_the_counts_alone():
    m = ConfusionMatrix(3)
    with pytest.raises(ValueError, match=r"pred: expected classes 0..2, found \[3, 9\]"):
        m.update(np.array([0, 9, 3, 9], np.uint8), np.array([0, 1, 2, 0], np.uint8))
    assert m.counts.sum() == 0


def test_nothing_to_count_counts_nothing():
    m = ConfusionMatrix(3)
    m.update(torch.zeros(0, 4, dtype=torch.uint8), torch.zeros(0, 4, dtype=torch.uint8))
    assert m.counts.sum() == 0


def test_reduce_in_one_process_changes_nothing():
    m = ConfusionMatrix(2)
    m.update(torch.tensor([0, 1]), torch.tensor([1, 1]))
    assert m.reduce() is m
    assert m.counts.sum() == 2


def test_update_hands_back_the_matrix():
    assert ConfusionMatrix(2).update(torch.tensor([0, 1]), torch.tensor([1, 1])).iou().tolist() == [0.0, 0.5]


@pytest.mark.parametrize("run", [1, 2, 5, 40, 10_000])
@pytest.mark.parametrize("piece", [64, 100, 1 << 17])
def test_runs_of_equal_pixels_are_counted_as_their_pixels(run, piece, monkeypatch):
    monkeypatch.setattr(metrics, "_PIECE", piece)
    rng = np.random.default_rng(run)
    target, pred = (np.repeat(rng.integers(0, 20, 6000 // run + 1), run)[:6000].astype(np.uint8) for _ in range(2))
    pred = np.roll(pred, 1)
    target[target == 19] = 255
    pred[pred == 19] = 0
    expected = np.zeros((19, 19), int)
    np.add.at(expected, (target[target != 255], pred[target != 255]), 1)
    ours = ConfusionMatrix(19)
    ours.update(torch.from_numpy(pred).view(60, 100), torch.from_numpy(target).view(60, 100))
    assert (ours.counts.numpy() == expected).all()
    assert ours.counts.dtype == torch.int64


def test_what_is_no_label_or_no_class_is_refused():
    for wrong in (None, "x", 1.5, True):
        with pytest.raises(TypeError, match="ignore_index: expected a label such as 255"):
            ConfusionMatrix(3, ignore_index=wrong)
    for classes in ([0, 3], [-1]):
        with pytest.raises(ValueError, match=rf"classes: expected numbers 0..2, found \[{classes[-1]}\]"):
            ConfusionMatrix(3).miou(classes)


def test_numpys_integers_count_classes():
    m = ConfusionMatrix(np.array([0, 4]).max() + 1, ignore_index=np.uint8(255))
    m.update(np.array([4, 1]), np.array([4, 255]))
    assert m.counts.sum() == 1
    assert m.iou().shape == (5,)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["u1", ">u2", ">i4"])
def test_arrays_as_pillow_hands_them_out(dtype):
    pred, target = np.array([[0, 1, 2]], dtype), np.array([[0, 2, 255]], dtype)
    pred.setflags(write=False)
    target.setflags(write=False)
    m = ConfusionMatrix(3)
    m.update(pred, target)
    assert m.counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
