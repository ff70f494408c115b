# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Evaluation
#
# **Question.** Two people score the same predictions and get two different numbers. Who made a mistake?
#
# **You will be able to**
# - compute the mIoU of a data set, and name the habits that turn it into another number
# - rescore fixed predictions under several protocols, and see how far that alone carries
# - score a target set in its official format, name the protocol, and write what an official server wants
# - read a per-class table beside a guess that never looks
# - put the shipped networks before real photographs, CamVid's or your own, and say what a score is called there
#
# **Before you start.** [01 The domain gap](01_domain_gap.ipynb): confusion matrix, IoU, layout prior.
#
# **Time.** 70 min planned. {{run_time}}
#
# **Path.** Express and full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - The mean of each picture's mIoU taken for the mIoU of the data set.
# - Labels shrunk bilinearly: between person (11) and car (13) a rider (12) appears.
# - Classes renamed one after the other in place: 0 to 1, and then 1 to 2.
# - "Higher protocol, better method." The ranking belongs to the method, the height to the protocol.
#
# **On the board.**
#
# - Same predictions, two scores: list all reasons that are not mistakes.
# - Which decisions about a score are made by the annotators, which by the mapping, which by you?
# - Why is choosing a checkpoint on the target more than a protocol?
#
# **If time is short.** Section 3 (a whole target set in its official form) can wait until somebody owns one. Keep the first figure and section 5.

# %%
from pathlib import Path

import ipywidgets
import numpy as np
import skimage.data
import torch
import torch.nn.functional as F
from IPython.display import Markdown, display
from PIL import Image

from gltr_lib import course, datasets, explorers, ledger, models, real, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.course import claims
from gltr_lib.evaluate import FULL_SIZE, Inference, Protocol, evaluate_dataset, export_cityscapes
from gltr_lib.evaluate import layout_prior, predict, resized_protocol, score_prior
from gltr_lib.labels import CAMVID11, CLASSES, LABEL_ID_TO_TRAIN_ID, LABEL_IDS, TRAIN_ID_TO_CAMVID11
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.study.photos import note_look
from gltr_lib.study.tables import METHOD_NAMES, REAL_COLUMNS, real_table

# %% [markdown]
# ## 1. One set of predictions, many scores (18 min)
#
# In this lesson nothing is trained. We let the four shipped networks predict once, keep what they said, and change only
# the *ruler*. The streets wear the look `sun`, which no network was trained on. The labels have 512 x 256 pixels. (In
# this lesson sizes in the text are width x height, as data sets write them; `SIZE` in the code is height, width.) The
# networks see the pictures at half that size, and their logits are enlarged to the size of the labels.

# %%
SIZE = (256, 512)
SCENES = [course.seed(n) for n in datasets.EVAL_SEEDS[: course.pick(smoke=4, laptop=24, full=64)]]
large, labels = datasets.stack(datasets.StreetsDataset(SCENES, "sun", SIZE))
truth = labels.long()
pictures = F.interpolate(large.float(), scale_factor=0.5, mode="area").round().to(torch.uint8)
networks = {name: models.load_shipped(name) for name in models.SHIPPED}
asked = course.track(networks.items(), "predicting")
predictions = {name: predict(model, pictures, size=SIZE) for name, model in asked}
shown = [large[3], *(viz.overlay(large[3], predictions[name][3]) for name in ("baseline", "gtr_ltr_cgl"))]
shown.append(viz.error_map(predictions["gtr_ltr_cgl"][3], truth[3], large[3]))
viz.show(
    viz.grid(shown, ["picture, look sun", "baseline", "gtr_ltr_cgl", "errors of gtr_ltr_cgl (orange)"], columns=2),
    alt="A sunny street, the predictions of the baseline and of gtr_ltr_cgl laid over it, and where the latter is wrong.",
)
present = sorted({c for name in ("baseline", "gtr_ltr_cgl") for c in predictions[name][3].unique().tolist()})
viz.show(viz.label_legend(present), alt="Legend: the classes in the two predictions.")

# %% [markdown]
# Now the score. Cityscapes, and nearly everyone after it, adds up **one** confusion matrix over all pictures, divides
# once, and takes the mean over classes.

# %% [markdown]
# ### Exercise 7.1 — The mIoU of a data set (●●○, 8 min)
#
# Write `dataset_miou(predictions, targets, num_classes)`: both are lists of label maps (H, W), 255 = ignore in the
# targets. Sum one confusion matrix over all pictures, take each class's IoU from it, and return their mean, a float.
# Leave out a class that appears nowhere, in no prediction and in no label. You may reuse what you wrote in lesson 01.
#
# <details><summary>Hint 1</summary>
#
# A picture without a bus must not punish or reward the bus. When do you divide: once, or once per picture?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sum the matrices; `hits / (rows + columns - hits)`; `.nanmean()`.
#
# </details>


# %%
def dataset_miou(predictions, targets, num_classes):
    """The mIoU of all pictures together."""
    # BEGIN SOLUTION
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for prediction, target in zip(predictions, targets, strict=True):
        valid = target != 255
        pair = target[valid] * num_classes + prediction[valid]
        matrix += torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits = matrix.diagonal().float()
    return (hits / (matrix.sum(0) + matrix.sum(1) - hits)).nanmean().item()
    # END SOLUTION


# %%
dataset_miou = check("07-miou", dataset_miou)

# %% [markdown]
# Other habits are in use. Averaging each picture's own mIoU. Counting a class that is in neither picture nor prediction
# as 0, or as 1 ("nothing there, nothing claimed: perfect"). Leaving a thin border between objects unscored, because
# annotators cannot draw it exactly. Reporting the mean recall of the classes (which part of each was found), or the share of
# right pixels.
#
# **Predict, then run.** Sort them before you look: which habit gives the largest number for these predictions, which
# the smallest? How many points lie between them?


# %%
def matrix_of(guess, target):
    """The confusion matrix of label maps."""
    matrix = ConfusionMatrix(len(CLASSES))
    matrix.update(guess, target)
    return matrix


guess = predictions["gtr_ltr_cgl"]
own = torch.stack([matrix_of(g, t).iou() for g, t in zip(guess, truth, strict=True)])  # (pictures, 19)
as_float = truth[:, None].float()
border = F.max_pool2d(as_float, 5, 1, 2) != -F.max_pool2d(-as_float, 5, 1, 2)
whole = matrix_of(guess, truth)
habits = {
    "one matrix, divided once": dataset_miou(list(guess), list(truth), 19),
    "mean of pictures, absent left out": own.nanmean(1).mean().item(),
    "mean of pictures, absent = 0": own.nan_to_num(0.0).mean().item(),
    "mean of pictures, absent = 1": own.nan_to_num(1.0).mean().item(),
    "one matrix, borders of 2 px unscored": matrix_of(guess, truth.masked_fill(border[:, 0], 255)).miou(),
    "mean recall of the classes": (whole.counts.diag() / whole.counts.sum(1)).nanmean().item(),
    "share of right pixels": whole.pixel_accuracy(),
}

# %%
order = sorted(habits, key=habits.get)
viz.show(
    viz.bars(
        {name: 100 * habits[name] for name in order},
        ylabel="score (%)",
        horizontal=True,
        title=f"The same predictions, {len(habits)} habits of scoring",
    ),
    alt="Bars, smallest first: " + ", ".join(f"{name} {100 * habits[name]:.1f}" for name in order) + " per cent.",
)
gap = habits[order[-1]] - habits[order[0]]
print(f"between the smallest and the largest: {100 * gap:.1f} points, and not one prediction was changed")

# %% [markdown] tags=["instructor"]
# **Expected.** Largest: the share of right pixels. Smallest: the mean of pictures with absent classes as 0. Between
# them lie tens of points, without one changed prediction.

# %% [markdown]
# Nobody made a mistake: each bar answers a question of its own. But a number without its question cannot be compared
# with anything. That is why a score in this course has a long name, such as *mIoU-19 @ full size*.
#
# Two of these habits deserve a second look.
#
# - **Absent classes.** A street without a train says nothing about trains. As 0 it punishes every network; as 1 it
#   rewards a network for each class that does not occur. Leave it out (NaN), as you did.
# - **Ignored pixels** (255) are a decision of the annotators, and of whoever wrote the mapping of classes. The harder
#   the part that is ignored, the higher the score.
#
# ## 2. Protocols (19 min)
#
# A *protocol* is everything between the network's output and the number: the size at which one compares, the list of
# classes, the pixels left out. Start with the size. The official GTR code shrinks the target's pictures **and labels** to
# 1024 x 512 before it scores them; others score at the full 2048 x 1024.

# %% [markdown]
# ### Exercise 7.2 — The protocol that shrinks labels (●●○, 5 min)
#
# Write `shrink_labels(labels, size)`: bring `labels` (B, H, W, integers) to `size = (height, width)` so that every
# value is one that was there: nearest neighbour, as `torch.nn.functional.interpolate(..., mode="nearest")` does it.
# Return int64 (B, height, width): floats are no index, and bytes overflow in a confusion matrix.
#
# <details><summary>Hint 1</summary>
#
# Class ids are names, not quantities: half of "person" and half of "sky" is nothing.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `F.interpolate(labels[:, None].float(), size=size, mode="nearest")[:, 0].long()`
#
# </details>


# %%
def shrink_labels(labels, size):
    """Label maps at another size, no class invented."""
    # BEGIN SOLUTION
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest")[:, 0].long()
    # END SOLUTION


# %%
shrink_labels = check("07-rescore", shrink_labels)

# %% [markdown]
# Next the list of classes. SYNTHIA, another rendered city to learn from, has no terrain, truck or train, so scores from SYNTHIA are means over 16 classes, or
# over 13 where wall, fence and pole are left out as well. And real data sets have lists of their own. CamVid, which you
# will meet below, has 11 classes, so ours must be merged: terrain joins the trees, the truck joins the cars.

# %% [markdown]
# ### Exercise 7.3 — From 19 classes to 11 (●●○, 6 min)
#
# Write `merge_classes(labels, mapping)`: rename the classes of `labels` (integer tensor) by `mapping`, a dict old id ->
# new id. Ids that are not in the mapping, and 255, become 255. The input stays as it was.
#
# <details><summary>Hint 1</summary>
#
# Think of {0: 1, 1: 2}: what happens to road if you rename in place, one after the other?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Fill a table: `lut = torch.full((256,), 255)`, `lut[old] = new`, return `lut[labels]`.
#
# </details>


# %%
def merge_classes(labels, mapping):
    """Labels under new names, all renamed at once."""
    # BEGIN SOLUTION
    lut = torch.full((256,), 255)
    for old, new in mapping.items():
        lut[old] = new
    return lut[labels]
    # END SOLUTION


# %%
merge_classes = check("07-merge", merge_classes)

# %% [markdown]
# The mapping is a decision too, so it is always printed beside the score. (`tree←8,9`: trainIds 8 and 9 become CamVid's
# tree.)

# %%
print(real.CAMVID11_NOTE)

# %% [markdown]
# **Predict, then run.** Same pictures, same four networks, seven protocols. Write down a guess for
# `gtr_ltr_cgl`: by how many points do 13 classes differ from 19? And does shrinking the labels help, harm, or neither?


# %%
def mean_of(classes):
    """A protocol that scores 19 classes and reports the mean over some of them."""
    return lambda guess, target: matrix_of(guess, target).iou()[list(classes)].nanmean().item()


def shrunk(size):
    """A protocol that shrinks predictions and labels."""
    return lambda guess, target: dataset_miou(shrink_labels(guess, size), shrink_labels(target, size), 19)


def merged(guess, target):
    """CamVid's classes, merged after the decision."""
    table = dict(enumerate(TRAIN_ID_TO_CAMVID11))
    return dataset_miou(merge_classes(guess, table), merge_classes(target, table), len(CAMVID11))


SIXTEEN = [c for c in range(19) if c not in (9, 14, 16)]
THIRTEEN = [c for c in SIXTEEN if c not in (3, 4, 5)]

# %%
protocols = {
    "mIoU-19 @ 512x256, full size": mean_of(range(19)),
    "mIoU-19 @ 256x128, guess and labels shrunk": shrunk((128, 256)),
    "mIoU-19 @ 128x64, guess and labels shrunk": shrunk((64, 128)),
    "mIoU-16 @ full size (SYNTHIA's 16)": mean_of(SIXTEEN),
    "mIoU-13 @ full size (SYNTHIA's 13)": mean_of(THIRTEEN),
    "CamVid-11 from 19, merged": merged,
}
ruled = course.track(protocols.items(), "scoring")
scores = {name: [score(p, truth) for p in predictions.values()] for name, score in ruled}
target = merge_classes(truth, dict(enumerate(TRAIN_ID_TO_CAMVID11)))
asked = course.track(networks.values(), "predicting")
summed = [predict(model, pictures, size=SIZE, groups=TRAIN_ID_TO_CAMVID11) for model in asked]
scores["CamVid-11 from 19, probabilities summed"] = [dataset_miou(p, target, len(CAMVID11)) for p in summed]
rows = [(name, *(100 * value for value in values)) for name, values in scores.items()]
viz.table(rows, ["protocol", *networks], caption=f"%, {len(SCENES)} streets in the look sun")

# %%
grid = torch.tensor(list(scores.values()))  # (protocols, networks)
best = grid[:, -1]
print(f"gtr_ltr_cgl: the protocol alone moves it from {100 * best.min():.1f} to {100 * best.max():.1f} %, "
      f"{100 * (best.max() - best.min()):.1f} points.")  # fmt: skip
print(f"Under the first protocol, best and worst network lie {100 * (grid[0].max() - grid[0].min()):.1f} points apart.")
ranks = {tuple(line.argsort(descending=True).tolist()) for line in grid}
names = list(networks)
said = [(n + 1, *(names[i] for i in rank)) for n, rank in enumerate(sorted(ranks))]
heads = ["", "first", "second", "third", "fourth"]
viz.table(said, heads, caption=f"{len(ranks)} ranking(s) of the four networks under {len(grid)} protocols")

# %% [markdown] tags=["instructor"]
# **Expected.** 13 classes score several points higher, because what was dropped was rare or hard. Shrinking by nearest
# neighbour moves next to nothing, in either direction.

# %% [markdown]
# Compare the two printed sentences: how far the protocol alone moves *one* network, and how far best and worst network lie
# apart under *one* protocol. If the two distances are of one size, a protocol can do as much for a table as a method. The ranking at the end is less nervous: as long as **all** rows of a table share one protocol, it may
# well stay the same. Trouble starts where each row brings its own.
#
# Now look at single rows. Shrinking by nearest neighbour is nothing but scoring a part of the pixels, so the two
# shrunk rows stay near the first, in no promised direction. Dropping classes is another matter: what is dropped is not
# drawn by lot, it is what was rare or difficult. And the last two rows decide in another order. Suppose a pixel's
# probabilities are car 0.3, truck 0.3, building 0.4: merging after the decision says building, summing before it says
# car. Our scores on photographs sum first, and say so in their name.
#
# Differences of this kind that we found by reading public code, all of them in tables where methods stand side by side
# (RobustNet and Rein are rivals' code, Mapillary is a set of street photographs):
#
# | what differs | one side | other side |
# |---|---|---|
# | size of the labels | shrunk to 1024 x 512 (GTR) | full size (Cityscapes) |
# | Mapillary's pictures | height 1536, centre cropped or padded (RobustNet) | stored at half size (Rein) |
# | Mapillary's 66 classes to 19 | RobustNet's mapping | Rein's: another answer on 11 classes |
# | which checkpoint | the best on the *target's* validation set (GTR's released code) | the last one (this course) |
#
# The last row is more than a protocol. Choosing a checkpoint on the target uses labels of the target, and "never saw
# the target" is no longer true. In this course nothing is chosen or tuned on a target.

# %% [markdown]
# ## 3. A whole target set (13 min)
#
# So far pictures and labels lay in memory, all of one size. A target set is a folder, and the best known one is
# Cityscapes: `leftImg8bit/val/CITY/CITY_000000_000019_leftImg8bit.png`, and for each of them
# `gtFine/val/CITY/CITY_000000_000019_gtFine_labelIds.png`. Its labels hold ids of their own, *labelIds* (road is 7, car is
# 26), which a loader turns into the trainIds 0 to 18 that you know. And they have regions that nobody scores, such as the hood of
# the car that carries the camera.
#
# We dress our streets in exactly these clothes. On purpose: section 5 counts every look at a real target's
# labels, and playing with protocols would be many looks.


# %%
def write_cityscapes(root, seeds, size, look="sun"):
    """Streets as Cityscapes publishes its validation set: pictures, and labelIds with an unscored hood."""
    to_label_id = np.zeros(256, np.uint8)
    to_label_id[: len(CLASSES)] = LABEL_IDS
    for folder in ("leftImg8bit", "gtFine"):
        (root / folder / "val" / "frankfurt").mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(course.track(seeds, "rendering streets")):
        picture, classes = streets.render(seed, look, size)
        ids = to_label_id[classes]
        ids[-size[0] // 20 :] = 1  # "ego vehicle": no network is asked about it
        stem = f"frankfurt/frankfurt_{number:06d}_000019"
        Image.fromarray(picture).save(root / "leftImg8bit" / "val" / f"{stem}_leftImg8bit.png")
        Image.fromarray(ids).save(root / "gtFine" / "val" / f"{stem}_gtFine_labelIds.png")


# %%
count = course.pick(smoke=3, laptop=16, full=64)
root = course.run_dir("07") / f"cityscapes-{count}"
write_cityscapes(root, SCENES[:count], SIZE)
layout = datasets.LAYOUTS["cityscapes"]
target_set = datasets.open_dataset("cityscapes", root, "val")
print(f"{layout.title}: {layout.splits['val']} pictures of {layout.sizes[0][1]}x{layout.sizes[0][0]} when whole; "
      f"login needed: {layout.login}; {layout.homepage}")  # fmt: skip
height, width = target_set.size_of(0)
void = (target_set[0][1] == 255).float().mean()
print(f"here: {len(target_set)} of {width}x{height}, first {target_set.keys[0]}; {void:.0%} of it is not scored")

# %% [markdown]
# `evaluate_dataset` walks over such a folder: it decodes ahead, predicts, and adds up **one** matrix, however many
# pictures there are and of whatever sizes. It takes two decisions from you, and writes both into the score's name. The
# **protocol** says at which size picture and labels meet, and which classes count. The **inference** says how the
# network looks: at the whole picture, or through overlapping windows whose logits are averaged.
#
# Our networks learned on streets of 256 x 128 pixels. These have twice that.
#
# **Predict, then run.** Four ways to score the same network on the same pictures:
# (a) full size, the whole picture at once; (b) full size, through windows of 256 x 128; (c) as in the GTR code, picture
# *and labels* shrunk by half; (d) as in Rein's code, the picture shrunk, the prediction enlarged again and compared with
# the full-size labels. Which is highest, which lowest? And which two will be close to each other?

# %%
half = (height // 2, width // 2)
rein = Protocol(f"mIoU-19 @ full size, tested within {half[1]}x{half[0]}", fit=(half[1], half[0]))
ways = {
    "a": (FULL_SIZE, Inference()),
    "b": (FULL_SIZE, Inference(window=half)),
    "c": (resized_protocol(*half), Inference()),
    "d": (rein, Inference()),
}
rows, by_way = [], {}
for letter, (protocol, inference) in course.track(ways.items(), "scoring"):
    found = [
        evaluate_dataset(networks[name], target_set, protocol, inference=inference, batch=4)
        for name in ("baseline", "gtr_ltr_cgl")
    ]
    by_way[letter] = found[-1].miou
    rows.append((letter, f"{found[0].protocol}, {found[0].inference}", *(100 * score.miou for score in found)))
viz.table(
    rows,
    ["", "protocol, inference", "baseline", "gtr_ltr_cgl"],
    caption=f"%, {len(target_set)} streets in Cityscapes' dress",
)
order = sorted(by_way, key=by_way.get)
print(f"gtr_ltr_cgl from lowest to highest: {', '.join(order)}; c and d differ by {100 * abs(by_way['c'] - by_way['d']):.1f} "
      f"points, a and d by {100 * abs(by_way['a'] - by_way['d']):.1f}")  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** The size at which the network looks decides: (c) and (d) are close to each other, (a) is far below.
# Windows (b) do not help: they do not change the size of objects.

# %% [markdown]
# Rows (c) and (d) differ only in the labels' size; (a) and (d) only in the size at which the network *looks*. Compare
# the two gaps. Objects have a size that a network learned along with everything else, and windows do not change it: they
# only take away what lies around. That is one more reason why a row of a table must say how it was tested. The real
# protocols are in the library by name, with their sources: `"full"`, `"gtr"`, `"robustnet-vistas"`, `"rein"`,
# `"rein-bdd"`, `"rein-vistas"`.
#
# And the lists of classes? A protocol carries them too. Beside it, your own hands: the mean over some rows of the
# matrix that is there anyway.

# %%
kept, answers = {}, {}


def keep(item):
    """Called after every picture: keep the first three, as they were scored."""
    if item.position < 3:
        kept[item.key] = item


paper_names = dict(zip(networks, ("baseline", "+GTR", "+GTR+LTR", "+GTR+LTR+CGL"), strict=True))
columns = {}
for name, title in paper_names.items():
    columns[title] = evaluate_dataset(networks[name], target_set, rein, batch=4, on_item=keep)
    answers[title] = [item.prediction for item in kept.values()]
ours, rows = columns["+GTR+LTR+CGL"], []
for size, some in course.track([(19, range(19)), (16, SIXTEEN), (13, THIRTEEN)], "scoring"):
    library = evaluate_dataset(networks["gtr_ltr_cgl"], target_set, rein.with_classes(size), batch=4)
    strict = evaluate_dataset(networks["gtr_ltr_cgl"], target_set, rein.with_classes(size, among=True), batch=4)
    rows.append((size, 100 * ours.matrix.iou()[list(some)].nanmean().item(), 100 * library.miou, 100 * strict.miou))
heads = ["classes", "by hand, from one matrix", "library", "library, argmax among them"]
viz.table(rows, heads, caption=f"gtr_ltr_cgl, {rein.name} (%)")

# %% [markdown]
# The first two columns agree, as they must. The third is another common habit: the network may only *answer* with the
# classes on the list, and pixels of the others are ignored. Nobody lies, and the numbers differ again.
#
# Now what no number shows. This is the figure of the official README, on our streets: the picture, the walk from the
# baseline to the whole method, the truth. Striped pixels are not scored.

# %%
truths = [item.label for item in kept.values()]
images = [target_set.pair(item.position)[0] for item in kept.values()]  # at full size; the networks saw half of it
viz.show(
    viz.qualitative_grid(images, answers, truths, title="Three streets in a look that no network was trained on"),
    alt=viz.qualitative_alt(answers, truths),
)

# %% [markdown]
# Cityscapes keeps the labels of its test split for itself. You send predictions to its server, one PNG a picture, at
# full size, as labelIds, under a name that begins like the picture's. `export_cityscapes` writes just that. Do not
# believe it: score the *files* as the server would, and compare.

# %%
folder = course.run_dir("07") / f"submission-{count}"
files = export_cityscapes(networks["gtr_ltr_cgl"], target_set, folder, fit=rein.fit, archive=folder.with_suffix(".zip"))
matrix = ConfusionMatrix(len(CLASSES))
for index, file in enumerate(files):
    matrix.update(LABEL_ID_TO_TRAIN_ID[np.array(Image.open(file))], target_set.pair(index)[1])
sent = Image.open(files[0])
print(f"{files[0].name}: {sent.width}x{sent.height}, ids {np.unique(np.array(sent)).tolist()}")
print(f"{len(files)} files and {folder.name}.zip; scored from the files {100 * matrix.miou():.3f} %, "
      f"scored before {100 * ours.miou:.3f} %")  # fmt: skip

# %% [markdown]
# For the real sets the same is one line in the terminal. It writes table, JSON, confusion matrix and pictures into
# `--out`, counts the look, and with `--ledger` keeps the score together with protocol, seed and commit:
#
# ```
# gltr evaluate runs/gta5 --data cityscapes --root data/cityscapes --protocol gtr --out runs/gta5/cityscapes
# gltr evaluate runs/gta5 --data vistas --root data/vistas --option version=v1.2 --protocol robustnet-vistas
# gltr evaluate runs/gta5 --data cityscapes --root data/cityscapes --window 768x768 --reason "table 2"
# gltr evaluate runs/gta5 --data cityscapes --root data/cityscapes --split test --export runs/gta5/submission
# ```
#
# ## 4. Class by class, beside a guess (8 min)
#
# A mean hides who paid for it. So print the classes, and beside them the **layout prior**: the most frequent class at
# each pixel of the *source's* labels, a map that never sees a picture.
#
# **Predict, then run.** On how many of the 19 classes will the blind guess beat the shipped baseline? Remember that the
# baseline did well on the look it was trained on.

# %%
known_streets = [course.seed(n) for n in datasets.TRAIN_SEEDS[: course.pick(smoke=8, laptop=60, full=600)]]
_, source_labels = datasets.stack(datasets.StreetsDataset(known_streets, "game"))
columns = {"layout prior": score_prior(layout_prior(source_labels), truth).iou()}
columns |= {name: matrix_of(predictions[name], truth).iou() for name in networks}
share = torch.bincount(truth.flatten(), minlength=19)[:19] / truth.numel()
rows = [
    (c, 100 * share[i].item(), *(100 * v[i].item() for v in columns.values()))
    for i, c in enumerate(CLASSES)
]  # fmt: skip
rows.append(("mean of classes", 100.0, *(100 * v.nanmean().item() for v in columns.values())))
viz.table(
    rows, ["class", "pixels (%)", *columns], caption=f"IoU (%), mIoU-19 @ full size, look sun, {len(SCENES)} streets"
)
lost = []
for name in networks:
    beaten = [c for c, p, n in zip(CLASSES, columns["layout prior"], columns[name], strict=True) if p > n]
    lost.append((name, len(beaten), ", ".join(beaten) or "none"))
viz.table(lost, ["network", "classes lost", "to the guess that never looks"])

# %% [markdown] tags=["instructor"]
# **Expected.** Several for the baseline, with road and building among them, its very strengths on its own look. Far
# fewer, or none, for the networks that saw paint.
#
# **In class.** The table names them for each network.

# %% [markdown]
# Where the guess wins, the network would have done better with its eyes shut. Keep the prior in every table you make: it
# is the zero from which a score should be read, and it is seldom zero.
#
# The confusion matrix tells what a class was taken for. Rows are the truth; each adds up to 100 %. A dark diagonal would
# be perfection; dark columns are classes that swallow others. At the right stands each class's IoU.

# %%
confusion = matrix_of(predictions["gtr_ltr_cgl"], truth)
viz.show(
    viz.confusion_chart(confusion, title="gtr_ltr_cgl in the look sun, mIoU-19 @ full size"),
    alt=viz.confusion_alt(confusion),
)
counts = confusion.counts.float()
part = (counts / counts.sum(1, keepdim=True)).nan_to_num(0.0).fill_diagonal_(0.0)
places = (divmod(place, 19) for place in part.flatten().argsort(descending=True)[:5].tolist())
rows = [(CLASSES[row], CLASSES[column], 100 * part[row, column].item()) for row, column in places]
viz.table(rows, ["truth", "is called", "% of the class"], caption="The five largest mistakes", digits=0)

# %% [markdown]
# ## 5. Real photographs (12 min)
#
# Rendered streets *demonstrate a mechanism*. Evidence needs photographs. CamVid, film taken from a car in Cambridge, can
# be had without a login. This command fetches it from a public repository, refuses anything unsafe in the archive, and
# checks each pair of picture and labels. Type it in a terminal, not here, since lessons never touch the network:
#
# ```
# python data_scripts/fetch_camvid.py --out data
# GLTR_DATA=$PWD/data make lab
# ```
#
# Three rules before you look. **The score's name** says how classes were merged and at which size. **By sequence:**
# CamVid is a few films; frames of one film are nearly the same picture, so a hundred of them are not a hundred
# witnesses. **Every look is counted:** each glance at a target's score is a temptation to tune, so we write down that
# it happened. The next cell does all three if CamVid is there, and says so if it is not.

# %%
camvid = real.camvid_root()
if camvid is None:
    print("GLTR_DATA names no folder with CamVid, so nothing is scored here. The study's scores follow below.")
else:
    names = course.pick(smoke=["baseline"], laptop=["baseline", "gtr_ltr_cgl"], full=list(models.SHIPPED))
    splits = course.pick(smoke=("val",), laptop=("train", "val"), full=("train", "val"))
    note_look(course.run_dir("07") / "real_looks.jsonl", f"CamVid {splits}", "lesson 07", names)
    prior = real.source_prior(source_labels)
    by_sequence = {"layout prior": real.score_camvid(None, camvid, splits, prior=prior)}
    by_sequence |= {name: real.score_camvid(networks[name], camvid, splits) for name in names}
    films = list(by_sequence["layout prior"])
    rows = [(name, *(100 * found[film].miou() for film in films)) for name, found in by_sequence.items()]
    viz.table(rows, ["network", *films], caption=real.camvid_protocol() + " (%)")

# %%
if camvid is not None:
    panels = []
    for frames in real.camvid_sequences(camvid, splits).values():
        film, index = frames[len(frames) // 2]
        small = real.fit_width(film.pair(index)[0], 256)
        guesses = [predict(networks[name], small[None])[0] for name in ("baseline", "gtr_ltr_cgl")]
        panels += [small, *(viz.overlay(small, guess) for guess in guesses)]
    names = ["photograph", "baseline", "gtr_ltr_cgl"] * (len(panels) // 3)
    viz.show(
        viz.grid(panels, names, columns=3, title="The middle frame of each sequence"),
        alt="One photograph of each CamVid sequence, with the predictions of the baseline and of gtr_ltr_cgl.",
    )
    viz.show(viz.label_legend(), alt="Legend: number, name and colour of all 19 classes, for the predictions.")

# %%
studied = ledger.read(course.root() / "results" / "real.jsonl")
display(Markdown(real_table(studied) if studied else "No scores on real photographs in this copy of the course."))

# %%
photos = claims.scores(file="real.jsonl", metric="mIoU-11")  # the newest networks: points by (method, film) and seed
names, rows = {m: name.split(" (")[0] for m, name in METHOD_NAMES.items()}, []  # those of the table above
for film, title in REAL_COLUMNS.items():
    seeds = {names[m]: [*photos[m, film].values()] for m in names if (m, film) in photos}
    if not seeds:
        continue
    blind = 100 * ledger.find(studied, method="layout prior", data=film, metric="mIoU-11")[-1]["value"]
    above = [name for name, values in seeds.items() if claims.interval(values)[0] > blind]
    best = max(seeds, key=lambda name: sum(seeds[name]) / len(seeds[name]))
    gain = claims.sentence(claims.paired(photos, "gtr", "baseline", film))
    rows.append((title, f"{len(above)} of {len(seeds)}: {'; '.join(above) or 'none'}", best, gain))
heads = ["sequence", "surely above the guess", "highest mean", "GTR minus baseline (by seed): verdict"]
viz.table(rows, heads, caption="The same scores, in words (surely: the interval over the seeds lies above the guess)")

# %% [markdown]
# Both tables come from the course's study, not from your machine. Start at the top line of the upper one, the guess
# that never looks. A method that does not clear it has, in the mean over the classes, nothing to show for its looking.
# *Surely* is hard to reach with few seeds, so a method may lie above the guess in the first table and be missing in the
# second. Then read the last column of the second. That is *evidence*, and thin, whichever way it falls: one data set, a
# few films, a handful of seeds, and the brackets show where these disagree. (`docs/study.md` has two more sets,
# IDD-Lite and nine pictures of Cityscapes.) Last, look at the height of the numbers. Nobody would drive by them.

# %% [markdown]
# And your own pictures? They have no labels, so there is no score, only your eyes. Use the button below, choose a
# street photograph, then run the two cells after it. The picture stays on this machine. (Or skip the button and call
# `datasets.read_image("path/of/your/street.jpg")`.) Without a picture of yours you get two photographs that come with
# scikit-image. Neither is a street: one shows a motorcycle in a garage, the other a rocket between four masts.

# %%
upload = ipywidgets.FileUpload(accept="image/*", description="Your picture", tooltip="Choose a photograph of a street")
upload


# %%
def photographs():
    """Your picture, or two photographs that come with scikit-image; name -> uint8 (H, W, 3)."""
    if not upload.value:
        return {"a garage": skimage.data.stereo_motorcycle()[0], "a launch pad": skimage.data.rocket()}
    found = {}
    for file in upload.value:
        path = course.run_dir("07") / ("own-" + Path(file["name"]).name)
        path.write_bytes(bytes(file["content"]))
        found[file["name"]] = datasets.read_image(path)
    return found


# %% [markdown]
# **Predict, then run.** Which of the 19 classes would be right in your picture, or in the garage and on the launch pad?


# %%
def in_words(guess):
    """The two largest classes of a prediction."""
    share = torch.bincount(guess.flatten(), minlength=19)[:19] / guess.numel()
    return ", ".join(f"{CLASSES[c]} {share[c]:.0%}" for c in share.argsort(descending=True)[:2].tolist())


panels, titles, present = [], [], set()
for name, photo in photographs().items():
    small = real.fit_width(photo, 256)
    panels.append(small)
    titles.append(name)
    for network in ("baseline", "gtr_ltr_cgl"):
        guess = predict(networks[network], small[None])[0]
        panels.append(viz.overlay(small, guess))
        titles.append(f"{network}: {in_words(guess)}")
        present |= set(guess.unique().tolist())
viz.show(
    viz.grid(panels, titles, columns=3, width=9.6),
    alt="Photographs and two predictions of each. " + "; ".join(titles)[:340],
)
viz.show(viz.label_legend(sorted(present)), alt="Legend: number, colour and name of each class that was predicted.")

# %% [markdown] tags=["instructor"]
# **Expected.** In the garage and on the launch pad hardly one. There is no *none of these* among the 19 words.

# %% [markdown]
# Look for two things. Does a *region* hold together that is one thing to you? And what do the networks say about
# material they have never met, wood or concrete or a night sky? They have 19 words and must use one of them for every
# pixel: "none of these" is not in the list. A confident colour is not knowledge.
#
# How confident? Here are all four networks side by side, on streets and on your own picture (its button is among the
# controls).
#
# **Predict, then run.** In the look `sun` the baseline is wrong on half of the pixels or more. Will it be *unsure*
# there?

# %%
explorers.PredictionExplorer(explorers.prediction.Params(look="sun", view="confidence"))

# %% [markdown] tags=["instructor"]
# **Expected.** No. Above each map stand both numbers, "sure" and "right", and for the baseline they lie far apart: a
# network does not know that it is somewhere new.

# %% [markdown]
# Above each map stand two numbers: how sure the network is, and how much of it is right. Compare them for the baseline.
# But one picture proves nothing, in either direction. That is what the sequences, the seeds of lesson 08 and the long
# names are for.

# %%
print(summary("07"))

# %% [markdown]
# ## Recap
#
# - One matrix over all pictures, divided once; absent classes are left out; 255 is not scored.
# - Averaging pictures, counting absences, unscored borders, merged and dropped classes: each is another number.
# - A protocol alone can move a score by many points. The name of a score carries its protocol.
# - The size at which a network looks is part of the protocol too, and can be the larger part.
# - The layout prior stands in every table.
# - Photographs: by sequence, every look counted, nothing chosen on the target.
#
# ## References
#
# - M. Cordts et al. *The Cityscapes dataset for semantic urban scene understanding.* CVPR 2016. [arXiv:1604.01685](https://arxiv.org/abs/1604.01685)
# - G. J. Brostow, J. Fauqueur, R. Cipolla. *Semantic object classes in video: a high-definition ground truth database* (CamVid). Pattern Recognition Letters 2009. [doi:10.1016/j.patrec.2008.04.005](https://doi.org/10.1016/j.patrec.2008.04.005)
# - V. Badrinarayanan, A. Kendall, R. Cipolla. *SegNet: a deep convolutional encoder-decoder architecture for image segmentation* (CamVid in 11 classes). IEEE TPAMI 2017. [arXiv:1511.00561](https://arxiv.org/abs/1511.00561)
# - S. Choi et al. *RobustNet: improving domain generalization in urban-scene segmentation via instance selective whitening.* CVPR 2021. [arXiv:2103.15597](https://arxiv.org/abs/2103.15597)
# - Z. Wei et al. *Stronger, fewer, & superior: harnessing vision foundation models for domain generalized semantic segmentation* (Rein). CVPR 2024. [arXiv:2312.04265](https://arxiv.org/abs/2312.04265)
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
#
# ## Next
#
# [08 Rivals and ablations](08_rivals_and_ablations.ipynb): two scores differ. Is the difference more than luck?
