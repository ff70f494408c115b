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
# # 01 · The domain gap
#
# **Question.** A street stays the same, only its look changes: how much does a network still get right, and why so little?
#
# **You will be able to**
# - compute IoU and mIoU from a confusion matrix, and say why pixel accuracy flatters
# - beat, or fail to beat, a guess that never looks at the picture
# - train a segmentation network on the game, measure its fall on other looks, class by class
# - find out by experiment whether it reads shapes or surfaces
#
# **Before you start.** [00 Start here](00_start_here.ipynb); what a convolution and a training loop are.
#
# **Time.** 58 min planned. {{run_time}}
#
# **Path.** Express and full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - Rows and columns of the confusion matrix exchanged. Agree on it once: the truth chooses the row.
# - The union counts the hits twice. A Venn diagram settles it in ten seconds.
# - A class that nobody showed and nobody claimed scores 0 or 1. It has no IoU; NaN is an answer.
# - "Ninety per cent of the pixels are right, so the network is good." Put the layout prior beside it.
#
# **On the board.**
#
# - Two circles: where is the intersection, where the union, where do false alarms lie, where misses?
# - A network says road everywhere. What are its accuracy and its mIoU?
# - The score on the source still rises, the score elsewhere does not. Which of the two would you report?
#
# **If time is short.** Show exercise 1.3. Keep 1.4 and the exchange of materials: it is the picture they will remember. The training cell takes a minute; start it before you explain.

# %%
import torch
import torch.nn.functional as F

from gltr_lib import course, datasets, engine, models, weights
from gltr_lib.checks import check, summary
from gltr_lib.config import TrainConfig
from gltr_lib.evaluate import evaluate, predict
from gltr_lib.labels import CLASSES, colourize
from gltr_lib.viz import bars, curves, error_map, grid, label_figure, label_legend, show, table

# %% [markdown]
# ## 1. A score that notices poles (22 min)
#
# In lesson 00 you saw one street go wrong, and "per cent of the pixels" was the score. That score is too kind: a
# network that misses every pole and every person loses almost nothing. So first a better ruler (this section), then the
# measuring (3 and 4), then the reason (5).
#
# The ruler begins with a table, the **confusion matrix** $C$. Its entry $C_{tp}$ counts the pixels whose true class is
# $t$ and whose predicted class is $p$. What is right lies on the diagonal. An example with two classes and four pixels:
#
# | | pixel 1 | pixel 2 | pixel 3 | pixel 4 |
# |---|---:|---:|---:|---:|
# | truth | 0 | 0 | 1 | 255 |
# | prediction | 0 | 1 | 1 | 1 |
#
# gives the matrix
#
# | | predicted 0 | predicted 1 |
# |---|---:|---:|
# | **true 0** | 1 | 1 |
# | **true 1** | 0 | 1 |
#
# Pixel 2 is the mistake, beside the diagonal. Pixel 4 has no label and is in no entry.
#
# ### Exercise 1.1 — The confusion matrix (●●●, 10 min)
#
# Write `confusion(prediction, target, num_classes)`: an int64 tensor (num_classes x num_classes) with the true class
# as row and the predicted class as column. Both inputs are int64 tensors of one shape, for example (N, H, W); pixels whose
# target is 255 are left out. (A loop over pixels passes, too, but the cells below count a million of them.)
#
# <details><summary>Hint 1</summary>
#
# Throw away the pixels without a label first; then every pixel is a pair (t, p). How many pairs are there?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Give the pair the number `t * num_classes + p`, count with `torch.bincount(..., minlength=num_classes**2)`, reshape.
#
# </details>


# %%
def confusion(prediction, target, num_classes):
    """Count the pairs (true class, predicted class) of all labelled pixels."""
    # BEGIN SOLUTION
    valid = target != 255
    pair = target[valid] * num_classes + prediction[valid]
    return torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)
    # END SOLUTION


# %%
confusion = check("01-confusion", confusion)

# %% [markdown]
# ### Exercise 1.2 — IoU from the matrix (●●○, 8 min)
#
# Take all pixels that are class $c$ in the truth, and all that are class $c$ in the prediction. The **intersection over
# union** divides those in *both* sets by those in *at least one* of them:
#
# $$\mathrm{IoU}_c = \frac{C_{cc}}{\sum_p C_{cp} + \sum_t C_{tc} - C_{cc}}$$
#
# In the example above, class 0 has IoU 1/2: pixel 1 is in both sets, pixel 2 only in the truth.
#
# Write `iou(matrix)`: a tensor with one value a class. A class that is in neither map has no IoU: give it NaN.
#
# <details><summary>Hint 1</summary>
#
# The diagonal is the intersection. A row sum counts the true pixels, a column sum the predicted ones; what is counted
# twice?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `hits / (matrix.sum(0) + matrix.sum(1) - hits)` in float: 0/0 is NaN already.
#
# </details>


# %%
def iou(matrix):
    """IoU of each class from a confusion matrix; NaN where a class does not occur at all."""
    # BEGIN SOLUTION
    hits = matrix.diagonal().float()
    union = matrix.sum(0) + matrix.sum(1) - hits
    return hits / union
    # END SOLUTION


# %%
iou = check("01-iou", iou)

# %% [markdown]
# One number for all classes is their mean, the **mIoU** (mean IoU). In it a pole counts as much as the road.
#
# Try the ruler on something you can judge without a network. We take the *true* label maps of some streets (128 x 256
# pixels), push them three pixels to the right, and hand them in as a prediction.
#
# **Predict, then run.** What percentage of the pixels is still right? What is the IoU of the poles, and that of the
# road? Three numbers, on paper.

# %%
SCENES = [course.seed(n) for n in datasets.EVAL_SEEDS[: course.pick(smoke=4, laptop=32, full=64)]]
pictures, labels = datasets.stack(datasets.StreetsDataset(SCENES, "game"))
truth = labels.long()
pushed = truth.roll(3, dims=2)
matrix = confusion(pushed, truth, 19)
accuracy = float(matrix.diagonal().sum() / matrix.sum())
each = iou(matrix)
print(f"right pixels {accuracy:.1%}   mIoU {each.nanmean():.1%}   pole {each[5]:.1%}   road {each[0]:.1%}")
show(
    bars(dict(zip(CLASSES, (100 * each).tolist(), strict=True)), ylabel="IoU (%)", horizontal=True, width=6.4, digits=0,
         title="True labels, three pixels too far to the right"),
    alt=f"IoU of each class for labels pushed by three pixels: road {each[0]:.0%}, pole only {each[5]:.0%}.",
)  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** Nearly nine pixels in ten stay right, the road keeps more than nine tenths of its IoU, and the pole
# keeps about a tenth. Accuracy and mIoU part here for the first time.
#
# **In class.** A pole is about three pixels wide.

# %% [markdown]
# Most pixels are still right, and the poles are nearly gone: a pole is about as thin as the push, so truth and prediction
# hardly overlap. The road is wide, and three pixels hardly matter to it. The mIoU falls much lower than the share of right
# pixels; that is why segmentation is scored with it. We sum one matrix over *all* pictures and divide once at the end, as
# Cityscapes does; lesson 07 shows what other habits do to a score.
#
# ## 2. A guess that never looks (9 min)
#
# Streets are alike: sky above, road below, houses left and right. How far does that alone carry? Before you are
# impressed by any network, know this number.
#
# ### Exercise 1.3 — The layout prior (●●○, 7 min)
#
# Write `layout_prior(labels, num_classes)`: `labels` (N, H, W), int64, holds N label maps. Return an integer tensor (H,
# W) with the class that is most frequent at each pixel, 255 left out; a tie goes to the smaller id, and a pixel that is
# 255 in all N maps gets 0.
#
# <details><summary>Hint 1</summary>
#
# Count each class on its own: how often is it at this pixel? Then ask which class has the most.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.stack([(labels == c).sum(0) for c in range(num_classes)]).argmax(0)`
#
# </details>


# %%
def layout_prior(labels, num_classes):
    """Most frequent class at each pixel: a network that never sees a picture."""
    # BEGIN SOLUTION
    votes = torch.stack([(labels == c).sum(0) for c in range(num_classes)])
    return votes.argmax(0)
    # END SOLUTION


# %%
layout_prior = check("01-prior", layout_prior)

# %% [markdown]
# The next cell renders the training streets (the longest wait of this section), votes, and hands the same map in for
# every test street.

# %%
STREETS = [course.seed(n) for n in datasets.TRAIN_SEEDS[: course.pick(smoke=12, laptop=300, full=600)]]
groups = course.track([STREETS[i : i + 10] for i in range(0, len(STREETS), 10)], "rendering streets")
parts = [datasets.stack(datasets.StreetsDataset(group, "game")) for group in groups]
train_pictures, train_labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
prior = layout_prior(train_labels.long(), 19)
matrix = confusion(prior.repeat(len(truth), 1, 1), truth, 19)
prior_miou = float(iou(matrix).nanmean())
print(f"The guess that never looks: {matrix.diagonal().sum() / matrix.sum():.1%} of the pixels right, "
      f"mIoU {prior_miou:.1%}.")  # fmt: skip
show(
    label_figure(prior, title=f"The most frequent class at each pixel of {len(STREETS)} streets", width=5.2),
    alt="A blurry map of the average street: sky in the middle of the upper half, buildings at both sides, road below.",
)

# %% [markdown]
# ## 3. Train, live (5 min)
#
# Now a real network. `deeplab_mini` is a small DeepLab (you will take it apart in lesson 06). It starts from random
# numbers and sees street after street of the game, cropped, mirrored, a little brighter or darker, a little blurred.
# `engine.train` is an ordinary training loop. Along the way it stops nine times and calls `watch`, which scores the
# network on a few streets that it does not train on, in two looks.
#
# **Predict, then run.** Draw two curves before you start: mIoU on `game` and mIoU on `overcast`, against training
# steps. Do they rise together? (`overcast` shows *the same streets*, with the same labels.)

# %%
# "baseline": pictures of the game as they are, nothing painted; forward_images: how many of them in each step
config = TrainConfig("baseline", steps=course.pick(smoke=4, laptop=300, full=4000),
                     forward_images=course.pick(smoke=4, laptop=4, full=8), crop=(96, 192), scale=(1.0, 1.0),
                     seed=course.seed())  # fmt: skip
few = [course.seed(n) for n in datasets.VAL_SEEDS[: course.pick(smoke=2, laptop=8, full=32)]]
watched = {look: datasets.stack(datasets.StreetsDataset(few, look)) for look in ("game", "overcast")}
steps, track = [], {look: [] for look in watched}


def watch(step, model, record):
    """Score the network on the watched streets, nine times in a training."""
    if (step + 1) % max(1, config.steps // 9) == 0:
        steps.append(step + 1)
        for look, (images, target) in watched.items():
            track[look].append(100 * evaluate(model, images, target).miou())


result = engine.train(config, train_pictures, train_labels, on_step=watch)
mine = result.model
print(f"{config.steps} steps of {config.forward_images} pictures in {result.seconds:.0f} s, "
      f"{models.parameter_count(mine):,} parameters")  # fmt: skip

# %%
lines = {f"{look}, same streets" if look != "game" else look: (steps, values) for look, values in track.items()}
lines["layout prior (game)"] = ([steps[0], steps[-1]], [100 * prior_miou] * 2)
show(
    curves(lines, xlabel="training steps on the game look", ylabel="mIoU (%)", title="Learning the game"),
    alt=f"mIoU against training steps: the game look ends at {track['game'][-1]:.0f} per cent, the overcast look of "
    f"the same streets at {track['overcast'][-1]:.0f}, the layout prior lies at {100 * prior_miou:.0f}.",
)
gaps = [game - other for game, other in zip(*track.values(), strict=True)]
print(f"The gap between the curves: {gaps[0]:.1f} points at the first stop, {gaps[-1]:.1f} at the last.")

# %% [markdown] tags=["instructor"]
# **Expected.** Both curves rise at first. Then `game` goes on and `overcast` stops or turns: the gap opens.
#
# **In class.** If a run shows no gap yet, it is too short: say so.

# %% [markdown]
# Look at the right end, not only at the left. Where the upper curve still climbs, ask what the lower one does with the
# same steps. The distance between the two is the **domain gap**: the same streets, the same labels, another look.
#
# ## 4. The fall (6 min)
#
# Now the proper test: more streets, four looks (`game`, `overcast`, `sun`, and `sampled`: other streets, in looks drawn at
# random), and beside your network one that comes with the course. It has the same architecture and method, and was
# trained on the same look with larger crops, and for longer than a laptop run.
#
# **Predict, then run.** On which looks will the longer training have paid: on all four, on some, on `game` only?

# %%
shipped = models.load_shipped("baseline")
sets = {"game": (pictures, labels)}
for look in ("overcast", "sun"):
    sets[look] = datasets.stack(datasets.StreetsDataset(SCENES, look))
kinds = range(course.pick(smoke=2, laptop=8, full=16))  # new streets, each group in a look of its own
parts = [datasets.stack(datasets.StreetsDataset(SCENES[4 * k : 4 * k + 4] or SCENES, f"sampled:{k}")) for k in kinds]
sets["sampled"] = tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))

scores = {}
for look, (images, target) in course.track(sets.items(), "scoring"):
    guess = confusion(prior.repeat(len(target), 1, 1), target.long(), 19)
    scores[look] = (evaluate(mine, images, target), evaluate(shipped, images, target), float(iou(guess).nanmean()))
for look in ("game", "overcast", "sun"):
    course.record(method="baseline", look=look, miou=scores[look][0].miou(), steps=config.steps, scenes=len(SCENES))

rows = [(look, 100 * a.miou(), 100 * b.miou(), 100 * c) for look, (a, b, c) in scores.items()]
heads = [
    "look",
    f"yours, {config.steps} steps",
    f"shipped, {weights.load('mini-baseline')[1]['steps']} steps",
    "layout prior",
]
table(rows, heads, caption=f"mIoU (%), {len(SCENES)} streets")

# %% [markdown] tags=["instructor"]
# **Expected.** Clearly better on `game`; elsewhere less, down to nothing. More of the same look buys more of the same
# look.

# %% [markdown]
# Read the table by rows, then by columns. The rows `overcast` and `sun` contain *the same streets as `game`*. Nothing
# moved. And compare with the last column: a network that falls to the level of a guess that never looks has forgotten
# how to look.
#
# Which classes fall? Here is the shipped network, class by class. The class that loses most from `game` to `sun` stands
# on top: the farther down you read, the less is lost.

# %%
by_class = {look: (100 * scores[look][1].iou()).tolist() for look in ("game", "overcast", "sun")}
fall = [before - after for before, after in zip(by_class["game"], by_class["sun"], strict=True)]
order = sorted((i for i in range(19) if fall[i] == fall[i]), key=lambda i: -fall[i])  # NaN: no such class here
show(
    bars({look: [values[i] for i in order] for look, values in by_class.items()}, groups=[CLASSES[i] for i in order],
         ylabel="IoU (%)", title="The shipped baseline: what loses most, first", horizontal=True, height=7.2, digits=0,
         width=7.2),
    alt="For each class three bars, the shipped baseline's IoU on game, overcast and sun. "
    + ", ".join(f"Mean on {look} {mean:.0f} per cent" for look, _, mean, _ in rows[:3]) + ".",
)  # fmt: skip
print("lost most from game to sun:", ", ".join(f"{CLASSES[i]} {fall[i]:.0f}" for i in order[:4]), "points")
print("lost least:", ", ".join(f"{CLASSES[i]} {fall[i]:.0f}" for i in order[:-4:-1]), "points")

# %% [markdown]
# And this is what the numbers look like. In the last column blue is right, orange is wrong.

# %%
scene, panels, wrong = course.pick(smoke=0, laptop=3, full=3), [], {}
for look in ("game", "overcast", "sun"):
    images, target = sets[look]
    guess = predict(shipped, images[scene : scene + 1])[0]
    panels += [images[scene], colourize(guess.numpy()), error_map(guess, target[scene], images[scene])]
    wrong[look] = f"{(guess != target[scene]).float().mean():.0%} in {look}"
show(
    grid(panels, ["picture", "prediction", "right and wrong"], columns=3, rows=["game", "overcast", "sun"]),
    alt=f"One street in three looks with the shipped network's prediction and its errors; wrong pixels: "
    f"{', '.join(wrong.values())}.",
)
show(label_legend(), alt="Legend: number, name and colour of all 19 classes, for the column of predictions.")
print("wrong pixels:", ", ".join(wrong.values()))

# %% [markdown]
# Put the last number beside section 2: how many pixels did the guess that never looks get wrong? A network that does
# worse than that is not blind. It sees, and is misled.
#
# ## 5. A road of brick, a facade of asphalt (16 min)
#
# Why did it fall? There are two suspects. Perhaps the network knows what a street *is*: a road is the flat thing at the
# bottom that runs to the horizon, a facade is the tall thing at the side. Or it learnt what things are *made of*:
# grey grain is road, sandy brick is building. On the game look both give the same answers, so its score cannot tell
# them apart. An experiment can: keep every shape and exchange the material. If the answer stays, the network reads shapes;
# if the answer follows the material, it reads surfaces.
#
# ### Exercise 1.4 — A facade of asphalt (●●●, 8 min)
#
# Write `repaint(image, labels, texture, class_id)`: a copy of the tensor `image` (3, H, W) in which every pixel of the class
# `class_id` shows `texture` (3, h, w), laid as tiles from the upper left corner over the whole picture. All other
# pixels stay as they are.
#
# <details><summary>Hint 1</summary>
#
# First tile the texture over the full size, then choose per pixel between the two pictures.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Tiles: `texture[:, rows % h][:, :, columns % w]` with `torch.arange`; choice: `torch.where`.
#
# </details>


# %%
def repaint(image, labels, texture, class_id):
    """Cover one class with a tiled texture; everything else stays."""
    # BEGIN SOLUTION
    _, height, width = image.shape
    rows, columns = torch.arange(height) % texture.shape[1], torch.arange(width) % texture.shape[2]
    tiles = texture[:, rows][:, :, columns]
    return torch.where(labels == class_id, tiles, image)
    # END SOLUTION


# %%
repaint = check("01-repaint", repaint)

# %% [markdown]
# Where do we get asphalt? From the street itself: `swatch` looks for a window inside a class whose pixels are close to
# the class's median colour (which keeps kerbs and window panes out, as far as possible) and cuts it out. Four mirrored
# copies make a tile without seams. What it returns is all you need; its code may be skipped. We take the test street with
# the largest facades.

# %%
ROAD, BUILDING, VEGETATION, SKY = 0, 2, 8, 10


def swatch(image, labels, class_id, size=(10, 20)):
    """A tile of a class's material: the window that lies inside the class and is most typical of it, mirrored."""
    inside = labels == class_id
    typical = image[:, inside].median(dim=1).values if inside.any() else image.mean((1, 2))
    odd = (image - typical[:, None, None]).abs().mean(0) + (~inside).float()
    score = F.avg_pool2d(odd[None, None], size, stride=1)[0, 0]
    top, left = divmod(int(score.argmin()), score.shape[1])
    cut = image[:, top : top + size[0], left : left + size[1]]
    wide = torch.cat([cut, cut.flip(2)], dim=2)
    return torch.cat([wide, wide.flip(1)], dim=1)


chosen = int((labels == BUILDING).sum((1, 2)).argmax())
image, where = pictures[chosen].float() / 255, labels[chosen]
asphalt, brick = swatch(image, where, ROAD), swatch(image, where, BUILDING)
stone_house = repaint(image, where, asphalt, BUILDING)
brick_road = repaint(image, where, brick, ROAD)
show(
    grid([asphalt, brick, stone_house, brick_road], ["asphalt", "brick", "facades of asphalt", "a road of brick"]),
    alt="Tiles of grey asphalt and of sandy brick; the street with grey asphalt on its houses; the street with a road of brick.",
)

# %% [markdown]
# You still see houses and a road, don't you?
#
# **Predict, then run.** What does the shipped network call the road of brick? What does it call the facades of asphalt?
# Write down two class names, and how sure you are of each.

# %%
views = {"as it was": image, "a road of brick": brick_road, "facades of asphalt": stone_house}
answers = predict(shipped, torch.stack(list(views.values())))
show(
    grid([*views.values(), *(colourize(answer.numpy()) for answer in answers)], list(views), columns=3,
         rows=["picture", "answer"]),
    alt="The street, the street with a road of brick and the street with facades of asphalt; below each the label map "
    "that the network answers. The shares are in the table under the figure.",
)  # fmt: skip
show(label_legend(), alt="Legend: number, name and colour of all 19 classes, for the row of answers.")


# %%
def called(answer, place, name):
    """Share (%) of the pixels of a place, in the street above, that a network calls by a name."""
    return 100 * float((answer[where == place] == name).float().mean())


rows = []
for owner, network in {"shipped": shipped, "yours": mine}.items():
    for title, answer in zip(views, predict(network, torch.stack(list(views.values()))), strict=True):
        shares = [called(answer, place, name) for place in (ROAD, BUILDING) for name in (ROAD, BUILDING)]
        rows.append((owner, title, *shares))
heads = ["network", "picture", "road is called road", "road is called building",
         "facade is called road", "facade is called building"]  # fmt: skip
table(rows, heads, caption="What the network calls the pixels of the road, and those of the facades (%)", digits=0)

# %% [markdown] tags=["instructor"]
# **Expected.** The shipped network no longer calls our road of brick a road. The facades of asphalt keep their name on
# most pixels, though not on all. The two exchanges are not equally strong, and networks differ.
#
# **In class.** Take a vote first, then ask what a wrong guess was based on.

# %% [markdown]
# Follow the road first: *road is called road* and *road is called building*, from the first row to the second.
# Everything that makes a road a road is still there, its outline, its place, the cars on it. What is missing to 100 per
# cent has become a third class; the colours in the figure say which. Then the facades, from the first row to the third.
# Where a place keeps its name, the *other* suspect has a point: write that down, too. (A guess, not a measurement: in
# this game sandy brick belongs to houses alone, a sure clue. Grey belongs to roads and nearly to poles, a weak one.)
#
# One street is an anecdote. Let us do it properly. We take four **places**: all pixels that are truly road, building,
# vegetation or sky. Each is covered with the material of each, which makes sixteen combinations. Four of them are the
# **control**: a place tiled with *its own* material. If those went wrong, the tiling would be to blame. The other
# twelve are the exchanges. A second control asks *which part* of the material it is: each tile once more as one flat
# colour, its mean. (Skip the code: it only counts. The idea is `repaint`, which you wrote.)
#
# **Predict, then run.** Over the twelve exchanges, how often does the network name the *material*, how often the
# *place*? And if the material is only a flat colour, without any pattern: more often, less, or the same?

# %%
PLACES, MATERIALS = (ROAD, BUILDING, VEGETATION, SKY), ("asphalt", "brick", "leaves", "sky")
amount = torch.stack([(labels == place).sum((1, 2)) for place in PLACES]).amin(0)
used = amount.argsort(descending=True)[: course.pick(smoke=2, laptop=12, full=32)].tolist()  # much of all four


def exchange(network, flat=False):
    """Shares (place, material, 2): pixels named after the material, and after the place."""
    found = torch.zeros(4, 4, 2)
    for k in course.track(used, "exchanging materials"):
        image, where = pictures[k].float() / 255, labels[k]
        tiles = [swatch(image, where, material) for material in PLACES]
        tiles = [tile.mean((1, 2), keepdim=True).expand_as(tile) for tile in tiles] if flat else tiles
        views = [repaint(image, where, tile, place) for place in PLACES for tile in tiles]
        answers = predict(network, torch.stack(views)).view(4, 4, *where.shape)
        for i, place in enumerate(PLACES):
            for j, material in enumerate(PLACES):
                seen = answers[i, j][where == place]
                found[i, j] += torch.tensor([(seen == material).float().mean(), (seen == place).float().mean()])
    return 100 * found / len(used)


swapped, flattened = exchange(shipped), exchange(shipped, flat=True)

# %%
pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
names = [f"{CLASSES[PLACES[i]]} of {MATERIALS[j]}" for i, j in pairs]
values = {
    "named after the material": [float(swapped[i, j, 0]) for i, j in pairs],
    "named after the place": [float(swapped[i, j, 1]) for i, j in pairs],
}
own = float(swapped[range(4), range(4), 0].mean())
material, place = (sum(column) / len(pairs) for column in values.values())
flat = sum(float(flattened[i, j, 0]) for i, j in pairs) / len(pairs)
show(
    bars(values, groups=names, ylabel="share of the place's pixels (%)", horizontal=True, digits=0, height=5.6,
         title="Shape kept, material exchanged: what does the network name?"),
    alt=f"Twelve exchanges of place and material: on average {material:.0f} per cent of the pixels are called after the "
    f"material and {place:.0f} per cent after the place.",
)  # fmt: skip
table(
    [("its own material (control)", own, own), ("another material", material, place),
     ("another material, flat colour", flat, sum(float(flattened[i, j, 1]) for i, j in pairs) / len(pairs))],
    ["the place is covered with", "named after the material", "named after the place"],
    caption=f"Share of the pixels (%), mean over the combinations, {len(used)} streets",
)  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** The control (first row) is near 100; otherwise nothing else could be concluded. Over the twelve
# exchanges the network names the *material* far more often than the *place*. And plain colour (third row) does it about
# as often as colour with its pattern.
#
# **In class.** The third row asks the uncomfortable question: was it pattern at all?

# %% [markdown]
# The first row of the table is the control: if it is close to 100, tiling alone does no harm. The second row is the
# verdict on our two suspects. The figure shows where it is not unanimous: look for pairs of bars that do not add up to
# 100. There the network says a third thing altogether. Compare *road of brick* with *building of asphalt*, the same two
# materials in each other's place.
#
# The third row says something that the word *texture* hides. Compare it with the second. If the network names the
# material as often when the pattern is gone, plain colour was enough. (Mind the test: `swatch` takes the window that is
# nearest to one colour, so its tile has little pattern to lose. We tried windows drawn at random as well: the same
# verdict.) When this course says texture, it means both, and lesson 02 shows that the style of a picture, as AdaIN
# measures it, holds both as well.
#
# This is not stupidity. On the game look, material is a nearly perfect clue, and a cheap one to compute. Nothing
# in the training ever punished the network for using it. (Networks trained on photographs do it too; Geirhos and
# colleagues showed it with cats in elephant skin.) If we want shapes, we have to make materials worthless.
#
# The network below (`gtr_ltr_cgl`) has the same architecture and saw the same game streets, but painted, whole (GTR) and
# in parts (LTR), in a new style each time, and it was asked to give both the same answer (CGL, lesson 05). Same test,
# twelve exchanges.
#
# **Predict, then run.** In which direction will paint move the two bars, and will they change places?

# %%
randomised = exchange(models.load_shipped("gtr_ltr_cgl"))
after = [sum(float(randomised[i, j, side]) for i, j in pairs) / len(pairs) for side in (0, 1)]
show(
    bars({"named after the material": [material, after[0]], "named after the place": [place, after[1]]},
         groups=["trained on the game", "trained on painted streets"], ylabel="share of the place's pixels (%)",
         title="The same twelve exchanges, two networks", width=6.4),
    alt=f"Named after the material: {material:.0f} per cent by the baseline, {after[0]:.0f} by the network trained on "
    f"painted streets. Named after the place: {place:.0f} and {after[1]:.0f} per cent.",
)  # fmt: skip
print(summary("01"))

# %% [markdown] tags=["instructor"]
# **Expected.** From the material towards the place, and not all the way: for our networks the two bars come out about
# level. Colour and pattern still count for something.

# %% [markdown]
# Read both pairs of bars. Has paint moved the network from the material towards the place, and has it gone all the way?
# How such a network is made, and which part of the making does the work, is the subject of the next lessons. What it is
# worth on whole looks you will measure in lessons 03 and 07.
#
# ## Recap
#
# - One confusion matrix over all pictures; $\mathrm{IoU}$ = hits / (truth + prediction − hits); mIoU is the mean over
#   classes, so thin things count.
# - A layout prior scores without looking. Quote it beside any network.
# - The network falls on streets whose labels did not change by a pixel, and the gap opens while the source score rises.
# - Exchange the material and keep the shape: what the network says then tells you what it had learnt.
# - With the pattern gone and only its mean colour left, ask again: our word *texture* holds both.
#
# ## References
#
# - M. Cordts et al. *The Cityscapes Dataset for Semantic Urban Scene Understanding.* CVPR 2016. [arXiv:1604.01685](https://arxiv.org/abs/1604.01685)
# - R. Geirhos et al. *ImageNet-trained CNNs are biased towards texture; increasing shape bias improves accuracy and robustness.* ICLR 2019. [arXiv:1811.12231](https://arxiv.org/abs/1811.12231)
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and Local Texture Randomization for Synthetic-to-Real Semantic Segmentation.* IEEE TIP 30, 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
#
# ## Next
#
# [02 AdaIN from scratch](02_adain.ipynb) writes down the look of a picture as a list of numbers, so that we can exchange it.
