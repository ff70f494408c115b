"""Exercises of lesson 01 (the domain gap): the confusion matrix, IoU, the layout prior, a repainted facade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch.nn import functional

from gltr_lib.checks.registry import Exercises, NotYet, difference, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _pair(seed: int, classes: int = 5, ignore: float = 0.2):
    generator = torch_random(seed)
    target = torch.randint(0, classes, (2, 7, 9), generator=generator)
    noise = torch.randint(0, classes, target.shape, generator=generator)
    prediction = torch.where(torch.rand(target.shape, generator=generator) < 0.6, target, noise)
    target = target.masked_fill(torch.rand(target.shape, generator=generator) < ignore, 255)
    return prediction, target, classes


def _count(answer: Callable[..., object], prediction: torch.Tensor, target: torch.Tensor, classes: int) -> object:
    """The answer's matrix. Where only unlabelled pixels or an absent class break it, say so: the error does not."""
    given = prediction.clone(), target.clone()
    try:
        matrix = answer(prediction, target, classes)
    except (NotYet, NotImplementedError):
        raise
    except Exception as error:
        full = given[1].clone()
        full[0, 0, 0] = given[0][0, 0, 0] = classes - 1  # now the last class is met, and last of all pairs
        if _runs(answer, given[0], full, classes):
            raise NotYet(
                "it stops where the last class does not occur, for there are fewer pairs to count: `minlength`", 2
            ) from error
        if _runs(answer, given[0], full.masked_fill(full == 255, 0), classes):
            raise NotYet(
                "it stops at a pixel without a label (255): leave these out of both maps, then count"
            ) from error
        raise error from None  # it fails with every pixel labelled, too: the error is the better message
    kind = getattr(matrix, "dtype", torch.int64)
    if kind in (torch.uint8, torch.int8, torch.int16) and difference(matrix, confusion(*given, classes)) is None:
        most, kind = torch.iinfo(kind).max, str(kind).removeprefix("torch.")
        raise NotYet(f"the counts are right, but {kind} ends at {most:,}: take int64, below come millions", 2)
    changed = not (torch.equal(given[0], prediction) and torch.equal(given[1], target))
    if changed and difference(matrix, confusion(*given, classes)) is None:  # what else is wrong with it comes first
        raise NotYet("the values are right, but the function changes its inputs in place: work on a copy")
    return matrix


def _runs(answer: Callable[..., object], *inputs: object) -> bool:
    """True where the answer returns something."""
    try:
        answer(*inputs)
    except Exception:
        return False
    return True


def _rare():
    """A street without the last class, in truth and prediction: a layout prior has no bicycle either."""
    prediction, target, classes = _pair(3)
    return prediction, target, classes + 1


@exercise(
    "01-confusion",
    title="The confusion matrix",
    task="Return an int64 tensor (num_classes x num_classes): entry [t, p] is the number of pixels whose true class "
    "(`target`) is t and whose predicted class (`prediction`) is p. Pixels whose target is 255 are left out.",
    hints=(
        "Throw away the pixels without a label first; then every pixel is a pair (t, p). How many pairs are there?",
        "Give the pair the number `t * num_classes + p`, count with `torch.bincount(..., minlength=num_classes**2)`, "
        "reshape.",
    ),
    minutes=10,
    difficulty=3,
    cases=lambda: [*(_pair(seed) for seed in range(3)), _rare(), _pair(4, classes=19)],
    observe=_count,
)
def confusion(prediction, target, num_classes):
    valid = target != 255
    pair = target[valid] * num_classes + prediction[valid]
    return torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)


@misconception("01-confusion", "rows and columns are exchanged: the true class chooses the row", hint=2)
def _transposed(prediction, target, num_classes):
    return confusion(prediction, target, num_classes).T


@misconception("01-confusion", "pixels without a label (255) are counted, as if they were the last class")
def _ignored_as_last(prediction, target, num_classes):
    return confusion(prediction, target.clamp(max=num_classes - 1), num_classes)


@misconception("01-confusion", "pixels without a label (255) are counted, as if they were class 0")
def _ignored_as_first(prediction, target, num_classes):
    return confusion(prediction, target.masked_fill(target == 255, 0), num_classes)


@misconception("01-confusion", "only the hits are counted: the mistakes belong beside the diagonal")
def _only_hits(prediction, target, num_classes):
    return torch.diag(torch.diag(confusion(prediction, target, num_classes)))


@misconception("01-confusion", "these are shares: return the counts, so that the matrices of two pictures can be added")
def _shares(prediction, target, num_classes):
    matrix = confusion(prediction, target, num_classes)
    return matrix / matrix.sum()


@misconception("01-confusion", "these are shares of each row: return the counts, so that matrices can be added")
def _row_shares(prediction, target, num_classes):
    matrix = confusion(prediction, target, num_classes)
    return matrix / matrix.sum(1, keepdim=True)


@misconception(
    "01-confusion", "each pair is counted once: `matrix[t, p] += 1` with tensors as indices keeps no tally", hint=2
)
def _once(prediction, target, num_classes):
    return (confusion(prediction, target, num_classes) > 0).long()


def _matrices():
    matrices = []
    for seed in range(3):
        matrix = confusion(*_pair(seed))
        full = torch.zeros(7, 7, dtype=matrix.dtype)
        full[:5, :5] = matrix
        full[2, 5] = seed  # class 5 is in neither (seed 0) or only predicted (IoU 0)
        full[6, 1] = 3  # class 6 is there and never predicted (IoU 0, too)
        matrices.append((full,))
    return matrices


@exercise(
    "01-iou",
    title="IoU from the matrix",
    task="From a confusion matrix (rows: true class, columns: predicted class) compute the IoU of each class: pixels "
    "that are both, divided by pixels that are either. A class that is in neither gets NaN.",
    hints=(
        "The diagonal is the intersection. A row sum counts the true pixels, a column sum the predicted ones; "
        "what is counted twice?",
        "`hits / (matrix.sum(0) + matrix.sum(1) - hits)` in float: 0/0 is NaN already.",
    ),
    minutes=8,
    difficulty=2,
    cases=_matrices,
)
def iou(matrix):
    hits = matrix.diagonal().float()
    union = matrix.sum(0) + matrix.sum(1) - hits
    return hits / union


@misconception("01-iou", "a class in neither picture scores 0 and pulls the mean down: it should be NaN", hint=2)
def _absent_is_zero(matrix):
    return iou(matrix).nan_to_num(0.0)


@misconception("01-iou", "a class in neither picture scores 1 and lifts the mean: it should be NaN", hint=2)
def _absent_is_one(matrix):
    return iou(matrix).nan_to_num(1.0)


@misconception("01-iou", "this divides by the true pixels only (that is recall): false alarms must cost something")
def _recall(matrix):
    return matrix.diagonal().float() / matrix.sum(1)


@misconception("01-iou", "this divides by the predicted pixels only (that is precision): misses must cost something")
def _precision(matrix):
    return matrix.diagonal().float() / matrix.sum(0)


@misconception("01-iou", "the hits are counted twice below the fraction line: subtract them once")
def _double_union(matrix):
    return matrix.diagonal().float() / (matrix.sum(0) + matrix.sum(1))


@misconception("01-iou", "this divides by all pixels of the matrix: take those that are this class in either map")
def _of_all(matrix):
    return matrix.diagonal().float() / matrix.sum()


@misconception("01-iou", "this is the Dice score, hits twice above and below: IoU counts them once in both")
def _dice(matrix):
    return 2 * matrix.diagonal().float() / (matrix.sum(0) + matrix.sum(1))


@misconception("01-iou", "a class that is only predicted is in one of the two maps: its IoU is 0, not NaN")
def _predicted_only_is_nan(matrix):
    return torch.where(matrix.sum(1) > 0, iou(matrix), torch.nan)


@misconception("01-iou", "a class that is there and never predicted is in one of the two maps: its IoU is 0, not NaN")
def _never_predicted_is_nan(matrix):
    return torch.where(matrix.sum(0) > 0, iou(matrix), torch.nan)


@misconception("01-iou", "without a single hit a class in one of the two maps has IoU 0: NaN is for one in neither")
def _without_a_hit_is_nan(matrix):
    return torch.where(matrix.diagonal() > 0, iou(matrix), torch.nan)


@misconception("01-iou", "this is one number for all classes (the mIoU, which comes next): return a value for each")
def _mean_already(matrix):
    return iou(matrix).nanmean()


@misconception("01-iou", "absent classes are left out: every class keeps its place, these with NaN", hint=2)
def _absent_left_out(matrix):
    return iou(matrix)[matrix.sum(0) + matrix.sum(1) > 0]


@misconception("01-iou", "`//` cuts the fraction off: divide with `/`", hint=2)
def _floor(matrix):
    return iou(matrix).floor()


@misconception("01-iou", "the brackets are missing: `a / b + c` divides by b alone", hint=2)
def _no_brackets(matrix):
    hits = matrix.diagonal()
    return hits / matrix.sum(0) + matrix.sum(1) - hits


@misconception("01-iou", "the hits are subtracted twice: take them off once, then each is counted once", hint=2)
def _hits_twice_off(matrix):
    hits = matrix.diagonal()
    return hits / (matrix.sum(0) + matrix.sum(1) - 2 * hits)


@misconception("01-iou", "these are per cent: return shares, from 0 to 1")
def _per_cent(matrix):
    return 100 * iou(matrix)


def _stacks():
    stacks = []
    for seed in range(3):
        generator = torch_random(seed)
        labels = torch.randint(0, 4, (9, 5, 6), generator=generator)
        labels[:, 0, :] = torch.randint(2, 4, (9, 6), generator=generator)
        labels[:6, 1, :] = 255
        stacks.append((labels, 4))
    last = stacks[0][0]
    stacks.append((torch.where(last == 255, 255, 20 - last), 21))  # ids 17 to 20: not every world has 19 classes
    return stacks


@exercise(
    "01-prior",
    title="The layout prior",
    task="`labels` (N, H, W) holds N label maps. Return an integer tensor (H, W): at each pixel the class that is most "
    "frequent there over the N maps, 255 left out; a tie goes to the smaller id, no label in any map gives 0. "
    "This is a 'network' that never sees a picture.",
    hints=(
        "Count each class on its own: how often is it at this pixel? Then ask which class has the most.",
        "`torch.stack([(labels == c).sum(0) for c in range(num_classes)]).argmax(0)`",
    ),
    minutes=7,
    difficulty=2,
    cases=_stacks,
)
def layout_prior(labels, num_classes):
    votes = torch.stack([(labels == c).sum(0) for c in range(num_classes)])
    return votes.argmax(0)


@misconception("01-prior", "the pixels without a label (255) take part in the vote")
def _ignore_votes(labels, num_classes):
    return labels.mode(0).values


@misconception("01-prior", "class ids are averaged: half way between road (0) and building (2) is not sidewalk (1)")
def _mean_id(labels, num_classes):
    valid = labels != 255
    return ((labels * valid).sum(0) / valid.sum(0)).round().long()


@misconception("01-prior", "this is one class for the whole map; vote at each pixel on its own")
def _global_mode(labels, num_classes):
    counts = torch.bincount(labels[labels != 255], minlength=num_classes)
    return torch.full(labels.shape[1:], int(counts.argmax()))


@misconception("01-prior", "the pixels without a label (255) vote for class 0: they should not vote at all")
def _ignore_votes_road(labels, num_classes):
    return labels.masked_fill(labels == 255, 0).mode(0).values


@misconception("01-prior", "this is how many votes the winner got: return which class it is (`argmax`)", hint=2)
def _votes_of_the_winner(labels, num_classes):
    return torch.stack([(labels == c).sum(0) for c in range(num_classes)]).amax(0)


@misconception("01-prior", "the pixels without a label (255) vote for the last class: they should not vote at all")
def _ignore_votes_last(labels, num_classes):
    return labels.clamp(max=num_classes - 1).mode(0).values


@misconception("01-prior", "of two classes with as many votes the larger id wins here: let the smaller one win")
def _larger_of_a_tie(labels, num_classes):
    votes = torch.stack([(labels == c).sum(0) for c in range(num_classes)])
    return num_classes - 1 - votes.flip(0).argmax(0)


@misconception("01-prior", "of two classes with as many votes the one met first wins here: let the smaller id win")
def _first_of_a_tie(labels, num_classes):
    stacks = labels.flatten(1).T.tolist()
    winners = [Counter(id for id in ids if id != 255).most_common(1)[0][0] for ids in stacks]
    return torch.tensor(winners).view(labels.shape[1:])


@misconception("01-prior", "this is the median of the ids: they are names and have no middle, count votes")
def _median_id(labels, num_classes):
    return labels.median(0).values


@misconception("01-prior", "this is the median of the ids: they are names and have no middle, count votes")
def _median_id_of_the_labelled(labels, num_classes):
    return labels.double().masked_fill(labels == 255, torch.nan).nanmedian(0).values


@misconception("01-prior", "this is the class with the fewest votes: `argmax`", hint=2)
def _fewest(labels, num_classes):
    return torch.stack([(labels == c).sum(0) for c in range(num_classes)]).argmin(0)


@misconception("01-prior", "the last class has no vote: `range(num_classes)` ends with it", hint=2)
def _without_the_last(labels, num_classes):
    return layout_prior(labels, num_classes - 1)


@misconception("01-prior", "19 classes are written in: `range(num_classes)` counts those of any world", hint=2)
def _nineteen(labels, num_classes):
    return layout_prior(labels, 19)


@misconception(
    "01-prior", "the count starts with class 1, and `argmax` counts from 0: every class is off by one", hint=2
)
def _from_one(labels, num_classes):
    return torch.stack([(labels == c).sum(0) for c in range(1, num_classes)]).argmax(0)


def _facades():
    cases = []
    wanted = (((4, 6), 2), ((2, 3), 0), ((12, 7), 2), ((1, 1), 3))  # one needs 15 copies, a tall one is cut
    for seed, (size, class_id) in enumerate(wanted):
        generator = torch_random(seed)
        image = torch.rand(3, 10, 15, generator=generator)
        texture = torch.rand(3, *size, generator=generator)
        labels = torch.randint(0, 4, (10, 15), generator=generator)
        if seed == 2:  # a class that begins inside the picture: its corner is not the picture's
            labels[:3], labels[:, :2] = 0, 0
        cases.append((image, labels.byte() if seed == 1 else labels, texture, class_id))  # bytes as in the cells below
    return cases


@exercise(
    "01-repaint",
    title="A facade of asphalt",
    task="Return a copy of `image` (3, H, W) in which every pixel of class `class_id` (`labels`, HxW) shows `texture` "
    "(3, h, w), laid as tiles from the upper left corner over the whole picture. All other pixels stay as they are.",
    hints=(
        "First tile the texture over the full size, then choose per pixel between the two pictures.",
        "Tiles: `texture[:, rows % h][:, :, columns % w]` with `torch.arange`; choice: `torch.where`.",
    ),
    minutes=8,
    difficulty=3,
    cases=_facades,
)
def repaint(image, labels, texture, class_id):
    _, height, width = image.shape
    rows, columns = torch.arange(height) % texture.shape[1], torch.arange(width) % texture.shape[2]
    tiles = texture[:, rows][:, :, columns]
    return torch.where(labels == class_id, tiles, image)


@misconception("01-repaint", "the choice is inverted: everything except the class was repainted", hint=2)
def _everything_else(image, labels, texture, class_id):
    return torch.where(labels == class_id, image, repaint(image, labels * 0, texture, 0))


@misconception("01-repaint", "the whole picture was repainted: choose per pixel by its label", hint=2)
def _all_over(image, labels, texture, class_id):
    return repaint(image, labels * 0, texture, 0)


@misconception("01-repaint", "the class got one flat colour: the texture itself has to be laid as tiles")
def _flat_colour(image, labels, texture, class_id):
    return torch.where(labels == class_id, texture.mean((1, 2))[:, None, None], image)


@misconception("01-repaint", "the texture is stretched over the picture: repeat it as tiles of its own size")
def _stretched(image, labels, texture, class_id):
    return torch.where(labels == class_id, functional.interpolate(texture[None], image.shape[1:])[0], image)


@misconception("01-repaint", "all other pixels have turned black: they should show `image`", hint=2)
def _black_elsewhere(image, labels, texture, class_id):
    return repaint(image, labels, texture, class_id) * (labels == class_id)


@misconception("01-repaint", "the tiles start at the class's own corner: lay them from the picture's upper left corner")
def _from_the_class(image, labels, texture, class_id):
    corner = (labels == class_id).nonzero().amin(0).tolist()
    return torch.where(labels == class_id, repaint(image, labels * 0, texture, 0).roll(corner, (1, 2)), image)


@misconception(
    "01-repaint", "the texture's pixels are dealt out one after another: each place must show its own", hint=2
)
def _dealt_out(image, labels, texture, class_id):
    out, place = image.clone(), labels == class_id
    out[:, place] = texture.flatten(1)[:, torch.arange(int(place.sum())) % texture[0].numel()]
    return out


@misconception("01-repaint", "the tiles are mirrored at every edge: repeat the texture as it is")
def _mirrored(image, labels, texture, class_id):
    rows, columns = (
        torch.cat([torch.arange(n), torch.arange(n).flip(0)]).repeat(total)[:total]
        for n, total in zip(texture.shape[1:], image.shape[1:], strict=True)
    )
    return torch.where(labels == class_id, texture[:, rows][:, :, columns], image)


@misconception("01-repaint", "class 0 (road) is left as it is: compare with `==`, for 0 counts as False", hint=2)
def _zero_is_false(image, labels, texture, class_id):
    return repaint(image, labels, texture, class_id) if class_id else image.clone()


@misconception("01-repaint", "one class is written into the function: ask for `class_id`")
def _always_buildings(image, labels, texture, class_id):
    return repaint(image, labels, texture, 2)
