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
# # 06 · DeepLab, built and then trained
#
# **Question.** How can a network see far and still draw thin lines, and what does a whole training run consist of?
#
# **You will be able to**
# - say, class by class, what an output stride costs before any learning has gone wrong
# - compute sizes, padding and receptive fields by hand, and let autograd confirm them
# - build DeepLab's pyramid, and find a dead branch in somebody's head with one line of code
# - read a full training configuration, run it, and place the result beside networks that trained longer
# - open a data set in its official format, train on it in one process or several, and say beforehand what it will cost
#
# **Before you start.** [05 Consistency](05_consistency.ipynb); convolutions and a training loop. Sections 1 to 6 fill
# one sitting; 7 to 9 (real data, several processes, cost) are another, for those who will train at full size.
#
# **Time.** 90 min planned. {{run_time}}
#
# **Path.** Full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - Dilation forgotten in the padding; the kernel has k − 1 gaps, not k.
# - A layer's own stride applied to itself in the receptive field: it counts for the layers *after* it.
# - "A receptive field of 300 pixels means that it looks at 300 pixels." The gradient says otherwise.
# - "The loss falls, so the network is whole." The dead branches are the counter-example.
# - A palette PNG read as grey values; BatchNorm over two processes; backward counted as free.
#
# **On the board.**
#
# - Three 3 x 3 kernels, dilations 2, 2, 2: mark on squared paper the pixels that are read.
# - Two views cost twice as much a picture. Which two ways are there to make a comparison fair?
# - What do you check on a new network before its first long run? (Shapes, gradients everywhere, one batch learned by heart.)
#
# **If time is short.** Sections 1 to 6 are a lesson; 7 to 9 (real data, processes, cost) are another, for those who will train at full size.

# %%
import json
import re

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from gltr_lib import StyleBank, Stylizer, cost, course, datasets, engine, explorers, ledger, models, scale, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.config import METHODS, TrainConfig, recipe
from gltr_lib.course import claims
from gltr_lib.evaluate import evaluate, layout_prior, predict, score_prior
from gltr_lib.labels import CLASSES, LABEL_IDS, PALETTES
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.views import Views

# %% [markdown]
# ## 1. What shrinking costs (11 min)
#
# A network that recognises objects looks at a picture through ever coarser maps. Each step of stride 2 halves the map,
# makes everything after it four times cheaper and doubles how far a kernel reaches. A classifier does that five times.
# Its last map is 32 times smaller than the picture: its **output stride** is 32.
#
# A classifier needs one answer per picture, so it does not mind. We need one per pixel. How much is lost by the stride
# alone? Let us ask a network that makes no mistakes: it knows, for each cell of its coarse map, the exact share of
# every class. All we do is what DeepLab does at its end: enlarge the map smoothly and take the largest class.
#
# **Predict, then run.** Our streets have 128 x 256 pixels, so at stride 32 the map has 4 x 8 cells. Which of these
# survive: road, car, person, pole, traffic light? Guess an IoU for the poles at stride 8 and at stride 32.


# %%
def perfect_at(labels, stride):
    """Label maps (B, H, W) as a network without error draws them from a map `stride` times smaller."""
    one_hot = F.one_hot(labels.long(), len(CLASSES)).permute(0, 3, 1, 2).float()
    shares = F.avg_pool2d(one_hot, stride)
    return F.interpolate(shares, size=labels.shape[-2:], mode="bilinear", align_corners=False).argmax(1)


SCENES = [course.seed(n) for n in datasets.EVAL_SEEDS[: course.pick(smoke=4, laptop=32, full=64)]]
game = datasets.stack(datasets.StreetsDataset(SCENES, "game"))
ceiling = {}
for stride in (4, 8, 16, 32):
    matrix = ConfusionMatrix(len(CLASSES))
    for labels in game[1].split(8):
        matrix.update(perfect_at(labels, stride), labels)
    ceiling[stride] = 100 * matrix.iou()
chosen = ["road", "car", "person", "traffic light", "pole"]
rows = [(f"stride {s}", *(v[CLASSES.index(c)].item() for c in chosen), v.nanmean().item()) for s, v in ceiling.items()]
viz.table(rows, ["coarse map", *chosen, "mIoU-19"], caption=f"IoU (%) without a single mistake, {len(SCENES)} streets")

# %%
pixels, truth = streets.render(course.seed(20003), look="game")
truth = torch.from_numpy(truth)[None]
drawn = [truth[0], *(perfect_at(truth, stride)[0] for stride in (8, 16, 32))]
viz.show(
    viz.grid([pixels] * 4, ["labels", *(f"perfect, stride {s}" for s in (8, 16, 32))], labels=drawn, columns=2),
    alt="One street with its labels, and as a perfect network would draw it from maps 8, 16 and 32 times smaller: "
    "poles vanish first, then people and signs, at last only large masses are left.",
)
viz.show(viz.label_legend(truth[truth != 255].unique().tolist()), alt="Legend: the classes of this street.")

# %% [markdown] tags=["instructor"]
# **Expected.** Road and car survive at every stride. A person keeps about half at stride 8 and little at stride 32. The
# pole is all but gone at stride 8 already, the traffic light at stride 16. And nothing was learned wrongly.

# %% [markdown]
# Nothing was learned and nothing went wrong, and yet the thin classes are gone. (A trained network can win some of it
# back by exaggerating thin things on purpose. Where inside a cell they stood it can hardly say.) So a segmentation
# network faces a conflict: it needs **coarse maps to see far** and **fine maps to draw**. DeepLab answers in three
# moves. You will meet all three: dilation, a pyramid, and a small decoder.
#
# First, be exact about sizes. A kernel reads $k$ pixels in a row, its *taps*. They may stand $d$ pixels apart, which is called
# *dilation* (section 2 says what it is good for). Then the kernel reaches over $d(k-1)+1$ pixels.

# %% [markdown]
# ### Exercise 6.1 — How large is the output? (●●○, 5 min)
#
# Write `conv_size(size, kernel, stride, padding, dilation)`: the output size of a convolution along one side;
# `padding` is added on each side. An incomplete last step is left out.
#
# <details><summary>Hint 1</summary>
#
# How many pixels does the kernel reach over, its gaps included? How often can it be shifted by the stride?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`
#
# </details>


# %%
def conv_size(size, kernel, stride, padding, dilation):
    """Output size of a convolution along one side."""
    # BEGIN SOLUTION
    reach = dilation * (kernel - 1) + 1
    return (size + 2 * padding - reach) // stride + 1
    # END SOLUTION


# %%
conv_size = check("06-size", conv_size)

# %%
size, chain = 256, ["256"]
for _ in range(5):
    size = conv_size(size, kernel=3, stride=2, padding=1, dilation=1)
    chain.append(str(size))
print("a side of 256 pixels under five convolutions of stride 2:", " -> ".join(chain))

# %% [markdown]
# ## 2. Holes in the kernel (10 min)
#
# The first move: stop shrinking at stride 8. But then the later layers look at a map that is four times larger than
# they were made for, and see only a quarter as far. So pull their taps apart: read every second pixel, or every fourth.
# The kernel keeps its nine weights and reaches further. This is what **dilation** is for (the French *à trous*, "with holes",
# gave DeepLab its word *atrous*).

# %% [markdown]
# ### Exercise 6.2 — Padding that keeps the size (●○○, 3 min)
#
# Write `same_padding(kernel, dilation)`: the padding on each side that makes a convolution of stride 1 with an odd
# `kernel` keep the size of its input. Return a whole number: no convolution takes 2.0 pixels.
#
# <details><summary>Hint 1</summary>
#
# Set the output size equal to the input size in exercise 6.1. Where does the dilation enter?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Half of what the kernel reaches over its centre: `dilation * (kernel - 1) // 2`.
#
# </details>


# %%
def same_padding(kernel, dilation):
    """Padding on each side that keeps the size at stride 1."""
    # BEGIN SOLUTION
    return dilation * (kernel - 1) // 2
    # END SOLUTION


# %%
same_padding = check("06-padding", same_padding)

# %% [markdown]
# Now stack three 3 x 3 convolutions. We set all weights to 1 and ask autograd which input pixels one output pixel
# depends on, and through how many paths: that is the gradient.
#
# **Predict, then run.** Dilations 1, 1, 1 reach 7 pixels across. Dilations 2, 2, 2 reach 13, and 1, 2, 4 reach 15.
# Which share of the pixels *inside its reach* does each of the three stacks really read?


# %%
def footprint(dilations, side=25):
    """Through how many paths one output pixel of stacked 3x3 convolutions sees each input pixel (side, side)."""
    x = torch.zeros(1, 1, side, side, requires_grad=True)
    y = x
    for d in dilations:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), padding=same_padding(3, d), dilation=d)
    y[0, 0, side // 2, side // 2].backward()
    return x.grad[0, 0]


stacks, maps, rows = [(1, 1, 1), (2, 2, 2), (4, 4, 4), (1, 2, 4)], [], []
for stack in stacks:
    paths = footprint(stack)
    reach, read = 1 + 2 * sum(stack), int((paths > 0).sum())
    rows.append((str(stack), f"{reach} x {reach}", read, 100 * read / reach**2, 27))
    maps.append((paths / paths.max()) ** 0.5)
viz.table(rows, ["dilations", "reach (px)", "pixels read", "of its reach (%)", "weights"], digits=0)
viz.show(
    viz.grid(maps, [f"dilations {s}" for s in stacks], title="What one output pixel reads (brightness: √paths)"),
    alt="Four maps of 25 by 25 pixels. Dilations 1,1,1 fill a small square; 2,2,2 and 4,4,4 read a grid of separate "
    "points; 1,2,4 fills a large square without holes.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** 1,1,1 reads all of 49 pixels. 2,2,2 reads 49 of 169, 29 %. (4,4,4: 8 %.) 1,2,4 reads all of 225. All
# have 27 weights.

# %% [markdown]
# Look at the second and third map. Those stacks pay for a wide view with **blindness in between**: whole rows and
# columns are never read, and neighbouring outputs read different pixels altogether. In predictions it shows as a fine
# grid pattern. With growing dilations the holes of one layer are filled by the layer before it. Our network therefore
# uses 1, 2, 4 (Yu and Koltun describe the idea; see the references).

# %% [markdown]
# ## 3. How far does one pixel look? (13 min)
#
# The **receptive field** of an output pixel is the stretch of input pixels that it can depend on. A single convolution
# sees what its kernel reaches over. Another one behind it adds the $d(k-1)$ steps from its first tap to its last. But
# if there were strides before it, one step in a late layer is several pixels of the picture. How many is called the
# *jump*. What does a stride do to the jump, and from which layer on?

# %% [markdown]
# ### Exercise 6.3 — How far does a pixel look? (●●●, 8 min)
#
# Write `receptive_field(layers)`: `layers` is a list of (kernel, stride, dilation) from the input on. Return the
# receptive field of one output pixel, in input pixels along one side.
#
# <details><summary>Hint 1</summary>
#
# Each layer adds the steps from its first tap to its last, in steps of the strides *before* it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start with `field, jump = 1, 1`; for each layer `field += dilation * (kernel - 1) * jump`, then `jump *= stride`.
#
# </details>


# %%
def receptive_field(layers):
    """Input pixels along one side that one output pixel depends on."""
    # BEGIN SOLUTION
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * jump
        jump *= stride
    return field
    # END SOLUTION


# %%
receptive_field = check("06-field", receptive_field)

# %% [markdown]
# As a formula, with field $f$, jump $j$, stride $s$, layer by layer: $f \leftarrow f + d\,(k-1)\,j$, then $j \leftarrow j\,s$.
#
# Now read the layers out of the real network, `deeplab_mini`, and let your function speak: its *trunk* (all layers before the
# pyramid of section 4), and the trunk with one branch of that pyramid behind it. Beside it the same layers without dilation.
# How many weights would that save? None.

# %%
network = models.build("deeplab_mini")
parts = (network.stem, network.stage4, network.stage8)
trunk = [m for part in parts for m in part.modules() if isinstance(m, nn.Conv2d)]
layers = [(m.kernel_size[0], m.stride[0], m.dilation[0]) for m in trunk]
rows = []
for name, extra in (("trunk", []), *((f"trunk, then a branch of dilation {r}", [(3, 1, r)]) for r in (3, 6, 9))):
    plain = [(k, s, 1) for k, s, _ in layers + extra]
    rows.append((name, receptive_field(layers + extra), receptive_field(plain)))
print("trunk (kernel, stride, dilation):", layers)
viz.table(rows, ["of deeplab_mini", "field (px)", "without dilation (px)"], caption="Pictures here: 128 x 256 pixels")

# %% [markdown]
# So in theory a pixel in the middle of the last map sees the whole picture, and one at its rim most of it. In theory.
# The formula tells where influence *can* come from, not where it *does*. Ask two trained networks: how strongly does
# the logit of one pixel, the one on the cross, react to each pixel of the picture?
#
# **Predict, then run.** Within which distance lies half of all the influence: 5 pixels, 25, or 80? And will a network
# trained on painted streets look further around than one that could trust the game's textures?


# %%
def influence(model, image, row, column):
    """|d logit / d pixel| of the winning class at one place, summed over colours (H, W), adding up to 1."""
    image = image[None].clone().requires_grad_(True)
    model(image)[0, :, row, column].max().backward()
    strength = image.grad[0].abs().sum(0)
    return strength / strength.sum()


networks = {name: models.load_shipped(name) for name in ("baseline", "gtr_ltr_cgl")}
row, column = 80, 128
away = ((torch.arange(128)[:, None] - row) ** 2 + (torch.arange(256)[None] - column) ** 2).float().sqrt()
count = course.pick(smoke=2, laptop=16, full=len(SCENES))
distances = torch.arange(1, 200)
everywhere = torch.full((128, 256), 1 / (128 * 256))
maps = {name: sum(influence(m, x / 255, row, column) for x in game[0][:count]) / count for name, m in networks.items()}
within = {
    name: 100 * torch.stack([m[away <= d].sum() for d in distances])
    for name, m in {**maps, "if all pixels counted alike": everywhere}.items()
}
rows = [(name, *(int(distances[shares >= part][0]) for part in (50, 90))) for name, shares in within.items()]
viz.table(rows, ["network", "half lies within (px)", "nine tenths within (px)"], caption="Influence on one pixel")

# %%
shown = [(m / m.max()) ** 0.3 for m in maps.values()]
for picture in shown:
    picture[row, column - 6 : column + 7] = picture[row - 6 : row + 7, column] = 1.0
viz.show(
    viz.grid(shown, list(maps), title=f"What the pixel on the cross listens to ({count} streets; influence ^ 0.3)"),
    alt="Two maps of influence on one pixel: bright around the cross, quickly darker outwards, with a faint veil over "
    "the whole picture.",
)
viz.show(
    viz.curves(
        {name: (distances, shares) for name, shares in within.items()},
        xlabel="distance from the pixel (px)",
        ylabel="influence within it (%)",
        title="From how far does the influence come?",
    ),
    alt="Share of the influence within a distance: both networks' curves rise far more steeply than the even one.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** Half of the influence lies within a few tens of pixels, far less than the field in the table.
#
# **In class.** Which of the two networks looks further around is in the table; one pair of networks proves nothing
# about their methods.

# %% [markdown]
# The bright core is what the network mostly decides by; compare its size with the field in the table before. This core
# is called the **effective receptive field**. (The power of 0.3 in the figure lifts small influences: without it you
# would see the core alone.) The faint veil has one more cause: GroupNorm and the pooled branch of the next section
# compute averages over the whole map, so a little of everything reaches every pixel. (Which of the two networks looks
# further is in the table. One pair of networks says nothing about their methods.)
#
# ## 4. A pyramid, and a bug nobody saw (12 min)
#
# The second move. A car nearby fills a third of the picture, the same car far away eight pixels. One dilation cannot
# suit both, so DeepLab looks with several (it calls them *rates*) **side by side**, at the same map, and joins what they find: *atrous spatial
# pyramid pooling*, **ASPP**. DeepLabV2 gives every branch its own classifier and adds up the logits:
#
# $$\text{logits} = \sum_{r \in \{6, 12, 18, 24\}} \text{conv}_{3 \times 3,\, \text{dilation } r}(\text{features}).$$

# %% [markdown]
# ### Exercise 6.4 — ASPP by hand (●○○, 4 min)
#
# Write `aspp(features, branches)`: `branches` are convolutions with different dilations. Return the **sum** of what all
# of them make of `features`.
#
# <details><summary>Hint 1</summary>
#
# Every branch sees the same features; none sees another's output.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `sum(branch(features) for branch in branches)`; in a loop, mind where `return` stands.
#
# </details>


# %%
def aspp(features, branches):
    """The sum of all branches."""
    # BEGIN SOLUTION
    total = branches[0](features)
    for branch in branches[1:]:
        total = total + branch(features)
    return total
    # END SOLUTION


# %%
aspp = check("06-aspp", aspp)

# %% [markdown]
# Was that too easy? In the official GTR-LTR code the `return` of this very loop stands one level too deep (we read it
# there; it came with the code base it was built on). Below is our own miniature of the slip. We put both heads on the
# trunk of a shipped network, freeze the trunk, and train the heads alone.
#
# **Predict, then run.** Will the loss of the second head refuse to fall? Will anything raise an error?


# %%
def aspp_slip(features, branches):
    """Such a loop, with its `return` one level too deep: it leaves in the first round."""
    logits = branches[0](features)
    for other in branches[1:]:
        logits = logits + other(features)
        return logits


def train_head(combine, features, target, steps, rates=(6, 12, 18, 24)):
    """Train a head of four dilated classifiers; its losses, and the head after the last backward pass."""
    torch.manual_seed(course.seed())
    head = nn.ModuleList(nn.Conv2d(features.shape[1], 19, 3, padding=same_padding(3, r), dilation=r) for r in rates)
    optimizer, losses = torch.optim.SGD(head.parameters(), lr=0.05, momentum=0.9), []
    for _ in course.track(range(steps), "training a head"):
        loss = F.cross_entropy(combine(features, head), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, head


# %%
with torch.no_grad():
    body = networks["baseline"]
    images = (game[0][:8].float() / 255 - 0.5) / 0.25
    features = body.stage8(body.stage4(body.stem(images)))
target = game[1][:8, 4::8, 4::8].long()  # the class at the middle of each cell
steps = course.pick(smoke=4, laptop=50, full=400)
curves, heads = {}, {}
for name, combine in (("return after the loop", aspp), ("return inside the loop", aspp_slip)):
    curves[name], heads[name] = train_head(combine, features, target, steps)
viz.show(
    viz.curves(curves, xlabel="step", ylabel="cross-entropy (nats)", title="Two heads, one of them half dead"),
    alt=f"The loss of both heads falls, to {curves['return after the loop'][-1]:.2f} with all branches and to "
    f"{curves['return inside the loop'][-1]:.2f} with the slip.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** No and no. Its loss falls too, a little less far. The one line about gradients is what tells them apart.

# %% [markdown]
# No error, no warning, a loss that falls. From the curve alone you would never know. One line knows:

# %%
rows = []
for name, head in heads.items():
    dead = [rate for rate, branch in zip((6, 12, 18, 24), head, strict=True) if branch.weight.grad is None]
    rows.append((name, ", ".join(map(str, dead)) or "none"))
viz.table(rows, ["head", "branches without any gradient (rates)"])

# %% [markdown]
# **Ask for parameters without a gradient after the first backward pass of any new network.** It costs one line. Two of
# the four branches in the published head have never learned anything: its rates are 6 and 12, not 6, 12, 18, 24. To
# repair it would be right, and would change the baseline that published numbers were compared with. Bugs that survive
# become part of the protocol.
#
# Are large rates at least useful at our size? A tap that lands outside the map reads padding, which is zero: it says
# nothing. Count the taps that land inside, for our map and for the map of a 640-pixel crop:

# %%
rows = []
for rate in (3, 6, 9, 12, 18, 24):
    inside = []
    for height, width in ((16, 32), (80, 80)):
        taps = F.conv2d(torch.ones(1, 1, height, width), torch.ones(1, 1, 3, 3), padding=rate, dilation=rate)
        inside.append(100 * taps.mean().item() / 9)
    rows.append((rate, *inside))
viz.table(rows, ["rate", "16 x 32 map (%)", "80 x 80 map (%)"], caption="Taps of a 3 x 3 kernel that land on the map")

# %% [markdown]
# At the bottom of the first column little more than the centre tap is left: the 3 x 3 kernel has turned into an
# expensive 1 x 1 kernel. A rate belongs to a map size. That is why `deeplab_mini` uses 3, 6, 9.
#
# Today's form, DeepLabV3, *concatenates* the branches, adds a 1 x 1 branch and the mean of the whole map, and lets a
# 1 x 1 convolution join them. The third move, from V3+, is the decoder: the joined map is enlarged and meets a fine map
# again, which still knows where the poles stand (V3+ takes the one of stride 4; ours goes on to stride 2). All of it is
# two hundred lines in `gltr_lib/models/mini.py`. Its test for dead branches:

# %%
logits = network(torch.rand(2, 3, 128, 256))
logits.mean().backward()
dead = [name for name, p in network.named_parameters() if p.grad is None]
print(
    f"deeplab_mini: {models.parameter_count(network):,} parameters, logits {tuple(logits.shape)}, no gradient: {dead}"
)

# %% [markdown]
# ## 5. The whole recipe on one page (8 min)
#
# A training run is decided by a few dozen numbers. They stand in one frozen object, `TrainConfig`, and the part that
# this course is about in another, `MethodConfig`. This is the walk you have made since lesson 01, as the library
# spells it:

# %%
rows = []
for name in ("baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl", "gtr_gtr", "gtr_gtr_cons", "baseline2"):
    config = TrainConfig(name, forward_images=8)
    consistency = config.method.consistency
    rows.append((name, " + ".join(METHODS[name].views), config.source_images, config.forward_images, consistency))
viz.table(
    rows,
    ["method", "views of a picture", "pictures a step", "forward images", "lambda"],
    caption="Methods, and controls",
)

# %% [markdown]
# Read the third and fourth column together. A method with two views costs twice as much per picture, so it gets **half
# as many pictures**: in every row the network does the same work. (The painting comes on top, once for each `gtr`;
# section 9 counts it.) Without that, "two views help" could simply mean "twice the computing helps". The last three
# rows are controls, which lesson 08 needs.
#
# The loss of a step, with $V$ views and the consistency (CGL) of lesson 05:
#
# $$L = \frac{1}{V} \Big( \sum_{v} \text{CE}\big(f(x_v), y\big) + \lambda\, \text{CGL} \Big).$$
#
# The division by $V$ is ours: it keeps the size of the gradients comparable between rows. The formula of CGL is ours too; the
# paper's own was not available to us.
#
# One more ingredient. DeepLab lets its learning rate run out along a power of the remaining time, *poly*:

# %% [markdown]
# ### Exercise 6.5 — A rate that runs out (●○○, 2 min)
#
# Write `poly_lr(base, step, total, power=0.9)`: `base` times $(1 - t/T)^{\text{power}}$, with step $t$ of $T$. It
# starts at `base` and ends at 0.
#
# <details><summary>Hint 1</summary>
#
# At step 0 it is `base`, at the end it is 0.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The power covers the whole bracket (1 - step / total).
#
# </details>


# %%
def poly_lr(base, step, total, power=0.9):
    """DeepLab's learning rate at a step."""
    # BEGIN SOLUTION
    return base * (1 - step / total) ** power
    # END SOLUTION


# %%
poly_lr = check("06-poly", poly_lr)

# %% [markdown]
# Now the run that you are about to start. Steps, forward images, crop and streets are those of the baseline in
# lesson 01, so that the two can be compared; only the method differs. The table says what each setting does, in the words of
# the library.

# %%
config = TrainConfig(
    "gtr_ltr_cgl",
    steps=course.pick(smoke=6, laptop=300, full=4000),
    forward_images=course.pick(smoke=4, laptop=4, full=8),
    crop=(96, 192),
    scale=(1.0, 1.0),
    seed=course.seed(),
)
settings = {**json.loads(config.to_json()), "method": " + ".join(config.method.views)}
engine_part = list(settings)[: list(settings).index("checkpoint_every")]  # the rest belongs to section 7
does = dict(re.findall(r"^ +(\w+): (.+)$", TrainConfig.__doc__, re.MULTILINE))
rows = [(name, str(settings[name]), does[name].replace("``", "").rstrip(".")) for name in engine_part]
viz.table(rows, ["setting", "value", "what it does"], caption=config.method.name)

# %% [markdown]
# The learning rate of every step follows from four of them. The engine starts gently: in a *warm-up* it climbs from zero first, while
# the gradients of a fresh network are large and point anywhere.

# %%
at = range(config.steps)
rates = {
    "poly (yours)": [1000 * poly_lr(config.lr, step, config.steps, config.power) for step in at],
    "with warm-up (engine)": [1000 * engine.learning_rate(step, config) for step in at],
}
viz.show(
    viz.curves(
        rates, xlabel="step", ylabel="learning rate (thousandths)", title="The learning rate of every step", height=2.6
    ),
    alt="The learning rate falls almost in a straight line to zero; the engine's curve climbs steeply from zero first.",
)

# %% [markdown]
# And what will the network be shown? `engine.make_batch` makes the batch of any step again, because everything random
# in step $k$ depends on the seed and on $k$ alone.

# %%
train_streets = [course.seed(n) for n in datasets.TRAIN_SEEDS[: course.pick(smoke=12, laptop=300, full=600)]]
groups = course.track([train_streets[i : i + 10] for i in range(0, len(train_streets), 10)], "rendering streets")
parts = [datasets.stack(datasets.StreetsDataset(group, "game")) for group in groups]
images, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
stylizer, bank = Stylizer.load("mini"), StyleBank.load("paintings-mini")
seen, target = engine.make_batch(0, images, labels, config, Views(config.method, stylizer, bank))
viz.show(
    viz.grid(
        [*seen[0], *seen[1], *seen[0]],
        columns=len(target),
        labels=[None] * 2 * len(target) + list(target),
        alpha=1.0,
        rows=["global", "local", "labels"],
        title="Step 0: one crop, two textures, one truth",
    ),
    alt=f"{len(target)} street crops in three rows: painted whole, painted in blobs, and their labels, which fit both.",
)
viz.show(viz.label_legend(target[target != 255].unique().tolist()), alt="Legend: the classes in these crops.")

# %% [markdown]
# ## 6. Your run (8 min)
#
# Now the whole method, GTR, LTR and CGL together, with the recipe of section 5.

# %%
result = engine.train(config, images, labels, stylizer=stylizer, bank=bank)
print(f"{config.steps} steps in {result.seconds:.0f} s, {1000 * result.seconds / config.steps:.0f} ms each")

# %%
width = max(1, config.steps // 40)
history = torch.tensor([[record["ce"], record["consistency"]] for record in result.history])
smooth = history[: len(history) // width * width].unfold(0, width, width).mean(-1)
middle = torch.arange(len(smooth)) * width + width / 2
figure, axes = viz.new_figure(8.4, 2.9, ncols=2)
names = ("cross-entropy, both views", "disagreement between the views (CGL)")
with viz.look():
    for i, (ax, name) in enumerate(zip(axes, names, strict=True)):
        ax.plot(middle, smooth[:, i], color=viz.COLOURS[i], marker=viz.MARKERS[i], markevery=5)
        ax.set(title=name, xlabel="step", ylabel="loss", ylim=(0, None))
viz.show(
    figure,
    alt=f"Two curves over {config.steps} steps, each point the mean of {width}: cross-entropy goes from "
    f"{smooth[0, 0]:.2f} to {smooth[-1, 0]:.2f}, disagreement between the views from {smooth[0, 1]:.3f} to "
    f"{smooth[-1, 1]:.3f}.",
)

# %% [markdown]
# Cross-entropy falls because the network learns the classes. The right panel tells another story. An untrained network
# hesitates everywhere, in both views alike (lesson 05): disagreement starts at nearly nothing and must first *rise* before
# there is anything to reconcile. A small consistency loss is no merit in itself.
#
# Now the score, on the streets of lesson 01. Beside your network stand the four that come with the course, trained for
# longer, and the guess that never looks.
#
# **Predict, then run.** Your baseline of lesson 01 fell hard from `game` to `overcast` and `sun`. This run had the same
# number of steps, and never once saw a whole clean picture of the game. Will its score on `game` be higher or lower than the
# baseline's? And on the other two?

# %%
prior = layout_prior(labels)
contestants = {"your run": result.model, **{f"shipped {name}": models.load_shipped(name) for name in models.SHIPPED}}
sets = {"game": game, **{look: datasets.stack(datasets.StreetsDataset(SCENES, look)) for look in ("overcast", "sun")}}
judged = course.track(contestants.items(), "scoring")
scores = {name: [evaluate(model, *pair).miou() for pair in sets.values()] for name, model in judged}
for look, miou in zip(sets, scores["your run"], strict=True):
    course.record(method="gtr_ltr_cgl", look=look, miou=miou, steps=config.steps, scenes=len(SCENES))
scores["layout prior"] = [score_prior(prior, target).miou() for _, target in sets.values()]
alike = {"method": "baseline", "steps": config.steps, "scenes": len(SCENES), "seed": config.seed}
earlier = {row["look"]: row["miou"] for row in ledger.find(course.live(), **alike)}
if set(sets) <= set(earlier):
    scores["your baseline (lesson 01)"] = [earlier[look] for look in sets]
rows = [(name, *(100 * value for value in values)) for name, values in scores.items()]
viz.table(rows, ["network", *sets], caption=f"mIoU-19 @ full size (%), {len(SCENES)} streets")

# %%
mine, base = scores["your run"], scores.get("your baseline (lesson 01)", scores["shipped baseline"])
against = "your baseline of lesson 01" if "your baseline (lesson 01)" in scores else "the shipped, longer baseline"
study, pair = claims.scores(), ("gtr_ltr_cgl", "baseline")
rows = [
    (look, 100 * a, 100 * b, f"{100 * (a - b):+.1f}", claims.sentence(claims.paired(study, *pair, f"streets/{look}")))
    for look, a, b in zip(sets, mine, base, strict=True)
]
heads = ["look", "your run", against, "points", "the study's points (by seed): verdict"]
viz.table(rows, heads, caption="gtr_ltr_cgl minus baseline, mIoU-19 (%): one run of yours, and the committed study")

# %% [markdown] tags=["instructor"]
# **Expected.** Far lower on `game`: in so few steps, and painted, it cannot know the game as well. On the other two
# looks about level, a little above or below: two views need time. The last column says what the study's longer runs
# agree on.

# %% [markdown]
# One run is one run: lesson 08 shows how far two seeds of the same method lie apart, and only then do differences mean
# something. (That is what the last column is about: *helps* and *harms* are said only where several seeds leave no doubt.)
# But one thing needs no statistics. Look.

# %%
panels, names, present = [], [], set()
picture, truth = sets["sun"][0][:1], sets["sun"][1][0]
for name in ("shipped baseline", "your run", "shipped gtr_ltr_cgl"):
    guess = predict(contestants[name], picture)[0]
    present |= set(guess.unique().tolist())
    panels += [viz.overlay(picture[0], guess), viz.error_map(guess, truth, picture[0])]
    names += [name, f"{(guess == truth).float().mean():.0%} of the pixels right"]
viz.show(
    viz.grid(panels, names, columns=2, title="One sunny street: prediction, and where it is wrong (orange)"),
    alt="Predictions of the shipped baseline, of your run and of the shipped gtr_ltr_cgl network on one sunny street, "
    "each beside a map of its errors: "
    + ", ".join(f"{a} {b}" for a, b in zip(names[::2], names[1::2], strict=True))
    + ".",
)
viz.show(viz.label_legend(sorted(present)), alt="Legend: the classes in the three predictions.")

# %% [markdown]
# ## 7. Official dress, full size (12 min)
#
# So far the pictures were arrays in memory. A real data set is a folder of files, and a real run needs a GPU. From here
# on the lesson is written for both: **the same cells run small on a laptop and full-size on a GPU**. They look at what
# there is, and choose.
#
# Is your code ready for GTA5 (*Playing for Data*)? You can find out without owning it: dress a few streets in exactly
# its clothes. A frame is `images/00001.png`. Its label map, `labels/00001.png`, is a *palette* PNG. The colours are
# decoration for people. What counts is the **index** below the colour: a Cityscapes *labelId* (road is 7), and not yet
# the *trainId* (road is 0) that a network learns.


# %%
def write_gta5(root, numbers, size):
    """Streets as GTA5 publishes its frames: images/NNNNN.png, and palette PNGs whose index is the labelId."""
    to_label_id, palette = np.zeros(256, np.uint8), np.zeros((256, 3), np.uint8)
    to_label_id[: len(CLASSES)] = LABEL_IDS
    palette[list(LABEL_IDS)] = PALETTES["cityscapes"]
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture, classes = streets.render(course.seed(number), size=size)
        Image.fromarray(picture).save(root / "images" / f"{number:05d}.png")
        marks = Image.fromarray(to_label_id[classes])
        marks.putpalette(palette.tobytes())
        marks.save(root / "labels" / f"{number:05d}.png")
    (root / "train.txt").write_text("".join(f"{number:05d}\n" for number in numbers))


# %% [markdown]
# `train.txt` says which frames are to be learned from. Without such a list beside the data, the authors' own split
# counts. Now open it. If you own GTA5, put it into `data/gta5`, or name the folder above it in `GLTR_DATA`, and the
# same line opens the real thing.

# %%
device = engine.pick_device()
FULL = device.type == "cuda"  # the full network on full-size frames, or the small one on small frames
size = (1052, 1914) if FULL else (128, 256)
layout, root = datasets.LAYOUTS["gta5"], course.data_dir("gta5")
if root is None:
    root = course.run_dir("06") / "gta5"
    write_gta5(root, range(1, course.pick(smoke=5, laptop=25, full=65)), size)
source = datasets.open_dataset("gta5", root, "train", size=None if FULL else size)
print(f"{layout.title}: {layout.splits['all']:,} frames when whole, {layout.splits['train']:,} of them for training")
print(f"Terms and download: {layout.homepage}")
print(f"Here: {len(source)} frames in the form '{layout.find(root)}'; computing on {device}, full size: {FULL}")

# %% [markdown]
# **Predict, then run.** A colleague reads such a label map as if it were a grey picture, with
# `Image.open(path).convert("L")`. Which number stands where the road is: 7, 0, or something else? Would training stop
# with an error?

# %%
first = source.pairs[0]
marks, train_ids = Image.open(first.label), layout.read_label(first)
road = train_ids == CLASSES.index("road")
readings = {"the index (right)": np.array(marks), "as grey (wrong)": np.array(marks.convert("L")), "library": train_ids}
rows = [
    (how, *(" ".join(map(str, np.unique(part))) for part in (values[road], values))) for how, values in readings.items()
]
viz.table(rows, ["read as", "on the road", "in the whole map"])
picture, classes = source.pair(0)
viz.show(
    viz.grid(
        [picture, np.array(marks.convert("RGB")), viz.overlay(picture, classes)],
        [first.image.name, "its label map in an image viewer", "its trainIds, in the course's colours"],
    ),
    alt="A street as a frame of GTA5, its label map in the palette's colours, and the trainIds laid over the frame.",
)
viz.show(viz.label_legend(np.unique(classes[classes != 255]).tolist()), alt="Legend: the classes of the third picture.")

# %% [markdown] tags=["instructor"]
# **Expected.** 90, the brightness of the palette's purple. Whether training stops depends on the loader: cross-entropy
# complains about a class 90, a mapping that calls it "ignore" does not.

# %% [markdown]
# The grey values are brightnesses of decorative colours. Most of them lie outside 0 to 18, and with luck some
# cross-entropy complains. With less luck, a mapping calls them all "ignore", the loss falls on what is left, and weeks
# later somebody wonders about the score. So the loader is strict. Let us spoil a tiny copy in four ways.

# %%
spoilt, rows = course.run_dir("06") / "gta5-spoilt", []
victim = spoilt / "labels" / "00001.png"


def another_id():
    """One corner of the label map gets an id that no Cityscapes class has."""
    ids = np.array(Image.open(victim))
    ids[:8, :8] = 77
    Image.fromarray(ids).save(victim)


faults = {
    "a label map of another size": lambda: Image.open(victim).resize((100, 50), 0).save(victim),
    "an id outside the table": another_id,
    "half a download": lambda: victim.write_bytes(victim.read_bytes()[:300]),
    "a missing label map": victim.unlink,
}
for fault, spoil in faults.items():
    write_gta5(spoilt, [1, 2], (64, 128))
    spoil()
    try:
        datasets.open_dataset("gta5", spoilt, "train").pair(0)
    except ValueError as error:
        rows.append((fault, str(error).replace(str(spoilt), "gta5")))
viz.table(rows, ["what we did", "what the loader says"])

# %% [markdown]
# One line each: which file, what was found, and mostly what to do about it. Nothing is skipped, nothing guessed.
#
# Next, the network of the paper's code: **DeepLabV2 on a ResNet**, at output stride 8. `legacy_two_branch=True` builds
# it with the slip of section 4, so that published baselines can be reproduced knowingly. What does the slip cost at full
# size? Ask the gradient again: who learns, and how far across the picture do the head's taps reach?

# %%
rows = []
heads = {"all four branches": False, "legacy_two_branch=True": True}
for name, legacy in course.track(heads.items(), "building and asking"):
    torch.manual_seed(course.seed())
    network = models.build("deeplabv2_resnet50", legacy_two_branch=legacy)
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    head = dict(network.head.named_parameters())
    learning = sum(p.numel() for p in head.values() if p.grad is not None)
    coarse = torch.zeros(1, 2048, 51, 51, requires_grad=True)
    network.head(coarse)[0, 0, 25, 25].backward()
    columns_read = coarse.grad[0].abs().sum((0, 1)).nonzero()
    reach = 8 * (int(columns_read.max() - columns_read.min()) + 1)
    size_of_head = sum(p.numel() for p in head.values())
    rows.append((name, f"{size_of_head:,}", f"{learning:,}", reach))
viz.table(rows, ["head of DeepLabV2-R50", "parameters", "of them learning", "its taps reach across (px)"])

# %% [markdown]
# Now the whole configuration. `recipe("gtr_paper")` follows the published training code; its file says number by
# number what was read there, what was inferred, and what is ours. It uses SGD with momentum. The head starts from
# nothing, the trunk is meant to come pretrained, so the head gets ten times the trunk's learning rate.

# %%
paper = recipe("gtr_paper").replace(method="gtr_ltr_cgl", seed=course.seed())
large = {"model": "deeplabv2_resnet50", "precision": "bf16", "channels_last": True}
small = {"model": "deeplab_mini", "crop": (96, 192), "lr": 0.01, "workers": 0}
steps = course.pick(smoke=4, laptop=60, full=2000)
plan = paper.replace(steps=steps, log_every=max(1, steps // 12), pictures_every=steps, **(large if FULL else small))
names = "model crop steps forward_images source_images lr head_lr_factor power optimizer momentum weight_decay"
names += " class_balance precision"
rows = [(name, str(getattr(paper, name)), str(getattr(plan, name))) for name in names.split()]
viz.table(
    rows,
    ["setting", "recipe gtr_paper", "your run"],
    caption="Where your run differs from the recipe, it does so to fit this machine",
)
rows = []
for part, group in models.build(plan.model).parameter_groups().items():
    rate = plan.lr * (plan.head_lr_factor if part == "head" else 1)
    rows.append((part, f"{sum(p.numel() for p in group):,}", f"{rate:g}, then poly"))
viz.table(rows, [f"part of {plan.model}", "parameters", "first learning rate"])

# %%
run = scale.fit(plan, source, out=course.run_dir("06") / "fit", resume=False)
print(f"{plan.model} on {run.device}: {run.steps} steps, {run.images_per_second:.1f} images a second, "
      f"peak memory {run.memory_mib:.0f} MiB")  # fmt: skip
print(f"loss {run.history[0]['loss']:.2f} in the first rows of the log, {run.history[-1]['loss']:.2f} in the last")
files = [path for path in sorted(run.out.rglob("*")) if path.is_file()]
rows = [(path.relative_to(run.out).as_posix(), f"{path.stat().st_size:,}") for path in files]
viz.table(rows, ["file of the run folder", "bytes"])
viz.show(
    Image.open(sorted((run.out / "pictures").glob("*.png"))[-1]),
    alt="A sheet from the run folder: source crops, the global and the local view, the prediction, the labels.",
    width=960,
)

# %% [markdown]
# That folder is the run. `config.json` repeats it, `log.csv` tells its story, `model.safetensors` is the network and
# says inside how it was made. `checkpoint.pt` is for accidents: kill the run, call `scale.fit` again with
# `resume=True` (the default), and it goes on to the very weights that an undisturbed run ends with, since everything
# random in step $k$ depends on the seed and on $k$ alone. If the configuration or the data were changed in between, it
# refuses.
#
# Two things the small run leaves out on purpose. `init="….pth"` loads ImageNet weights into the trunk and reports every
# key that is missing or unexpected; `stylizer="vgg19"` is the large stylizer. Both need a file that you fetch once.
#
# **Predict, then run.** Five things cost time in a step: reading and cutting pictures, painting them, forward,
# backward, the optimizer. Which share goes into painting here?

# %%
whole = sum(run.profile.values())
shares = {phase: 100 * seconds / whole for phase, seconds in run.profile.items()}
viz.show(
    viz.bars(shares, ylabel="share of a step (%)", horizontal=True, title=f"One step of {plan.model} on {run.device}"),
    alt="Bars: " + ", ".join(f"{phase} {share:.0f} %" for phase, share in shares.items()) + ".",
)
print(f"{1000 * whole / run.steps:.0f} ms a step")

# %% [markdown] tags=["instructor"]
# **Expected.** It depends on machine and network: read the bar *randomise*. On a laptop with the small network,
# painting is cheaper than backward.

# %% [markdown]
# Read this chart before you buy anything. If *data* is large, the GPU waits for the disk and the decoder: more
# `workers`, or label maps converted once with `gltr prepare`. If *randomise* is large, the stylizer is the price of the
# method, and offline copies (`gltr stylize`) pay it once instead of at every step.
#
# ## 8. Two processes, one network (7 min)
#
# With several GPUs every process holds the whole network and takes its part of the pictures. After the backward pass
# the gradients are added up, and all processes take the same step. On paper that is the same training, only faster. On
# paper.
#
# First look at the one layer that does not play along. In lesson 05 one batch held two views; now four pictures go
# through a normalisation, once all together and once in two halves, as two processes would see them:

# %%
x, rows = features[:4], []  # of four streets, from section 4
for layer in (nn.GroupNorm(8, x.shape[1]), nn.BatchNorm2d(x.shape[1])):
    together = layer(x)
    halves = torch.cat([layer(x[:2]), layer(x[2:])])
    rows.append((type(layer).__name__, f"{(together - halves).abs().mean().item():.1e}"))
viz.table(rows, ["layer", "mean difference between one batch and two halves"])

# %% [markdown]
# GroupNorm looks at one picture at a time and does not care. BatchNorm takes mean and variance over *the pictures that
# its process happens to hold*: with two processes it is another network. On GPUs `sync_bn=True` asks all processes for
# their statistics; for a ResNet there are also `norm="frozen"` and `norm="group"`.
#
# There is a second trap. Ignored pixels carry no loss. If every process divides by *its own* count of valid pixels,
# a process with few of them shouts as loudly as one with many. So the engine divides by the count over **all**
# processes.
#
# **Predict, then run.** Our small network uses GroupNorm. One process with four pictures a step, then two processes
# with two each, same seed, three steps, on the CPU. Will the weights agree to the last bit, to about a millionth, or
# only roughly?

# %%
data = scale.Data("gta5", root=str(root), size=(128, 256))
tiny = paper.replace(**small, steps=3, log_every=1, device="cpu").replace(crop=(64, 128))
# A process that has used a GPU cannot be forked; launch() starts fresh ones by torchrun instead.
start = scale.notebook if device.type == "cpu" else scale.launch
weights, rows = {}, []
for processes in course.track((1, 2), "training"):
    folder = course.run_dir("06") / f"processes-{processes}"
    done = start(tiny, data, folder, processes=processes, resume=False, progress=False)
    weights[processes] = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)["model"]
    rows.append((processes, *(f"{row['loss']:.6f}" for row in done.history)))
viz.table(rows, ["processes", *(f"loss {step + 1}" for step in range(len(done.history)))])
gap = max((weights[1][name] - weights[2][name]).abs().max().item() for name in weights[1])
largest = max(value.abs().max().item() for value in weights[1].values())
print(f"largest difference of any weight {gap:.1e}, largest weight {largest:.2f}")

# %% [markdown] tags=["instructor"]
# **Expected.** To about a millionth or better: the sums run in another order.
#
# **In class.** With BatchNorm it would be "only roughly".

# %% [markdown]
# Not to the last bit: a sum in another order rounds differently. But to far less than any seed, and the library's tests
# hold it there. `scale.notebook` forks this very kernel through Accelerate's `notebook_launcher`; `scale.launch` and
# `gltr train --processes N` start fresh processes with torchrun. All of them count: if the processes found are not
# those that the configuration asks for, training refuses to start. (On CPUs `accelerate launch` silently starts one.)
#
# ## 9. What will it cost? (9 min)
#
# Before you rent eight GPUs for a week, calculate. Operations can be counted exactly, with torch's own counter and
# without any GPU. Memory can be counted too. Only the **rate** at which a card works through
# them has to be measured, in TFLOP a second (a TFLOP: $10^{12}$ additions or multiplications).

# %% [markdown]
# ### Exercise 6.6 — Hours, before you pay for them (●●○, 4 min)
#
# Write `run_hours(forward, style, images, views, steps, rate)`: the hours of a run of `steps` steps. `forward` is the
# TFLOP of one picture's forward pass, `style` of painting one picture, `images` the forward images in a step (all views
# together), `views` for example `("gtr", "ltr")`, `rate` in TFLOP a second. Training costs three forward passes per
# image (backward counts double). Each "gtr" view is painted once, "ltr" reuses its paint, and no gradient goes through
# the painting.
#
# <details><summary>Hint 1</summary>
#
# Two sums make a step: the network (forward and backward, all images) and the painting (some images, no gradient).
#
# </details>
# <details><summary>Hint 2</summary>
#
# `painted = images * views.count("gtr") / len(views)`; a step is `3 * images * forward + painted * style`.
#
# </details>


# %%
def run_hours(forward, style, images, views, steps, rate):
    """Hours of a training run."""
    # BEGIN SOLUTION
    painted = images * views.count("gtr") / len(views)
    step = 3 * images * forward + painted * style
    return steps * step / rate / 3600
    # END SOLUTION


# %%
run_hours = check("06-cost", run_hours)

# %% [markdown]
# Is three forward passes and a rate really all there is? Test it on your own run of section 7. Measure the rate of this
# machine with the network alone, let your function predict a step, and hold it against the clock.
#
# **Predict, then run.** Will the prediction be right within 10 per cent, within a factor of two, or not at all?

# %%
rate = cost.measure_rate(plan.model, plan.crop, images=plan.forward_images, device=device.type)
forward = cost.forward_flops(plan.model, plan.crop) / 1e12
style = cost.stylize_flops(plan.stylizer, plan.crop) / 1e12
predicted = 3600 * run_hours(forward, style, plan.forward_images, plan.method.views, 1, rate)
measured = whole / run.steps
print(f"{device.type} reaches {rate:.3f} TFLOP/s in {plan.model}: predicted {1000 * predicted:.0f} ms a step, "
      f"measured {1000 * measured:.0f} ms, {measured / predicted:.1f} times as long")  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** Within a factor of two, as a rule; what is missing is no convolution. A busy machine spoils it.

# %% [markdown]
# Whatever is missing stands in the chart above: decoding, blurring, masks and the loss are no convolutions, and nobody
# counted them. A good estimate says what it leaves out.
#
# Now the full recipe, for trunks and cards that are not here. **No full-size GPU figure has been measured for this
# course so far.** The hours below rest on an assumption, the same for all cards, and the table says which. (In *half precision*
# a number has 16 bits instead of 32: less memory, more operations a second. `fp16` and `bf16` are its two kinds.)

# %%
trunks = ["deeplab_mini", "deeplabv3plus_resnet50", "deeplabv2_resnet50", "deeplabv2_resnet101"]
cards = [cost.GPUS[name] for name in ("T4", "A100", "H100")]
rows = []
for name in course.track(trunks[: course.pick(smoke=1, laptop=4, full=4)], "counting"):
    counted = cost.estimate(name, (640, 640), images=4, stylizer="vgg19", precision="fp16")
    forward, style = counted.train_flops / 12e12, counted.style_flops / 2e12  # 4 x 3 passes, 2 paintings a step
    hours = [
        run_hours(forward, style, 4, ("gtr", "ltr"), paper.steps, cost.ASSUMED_SHARE * card.half_tflops)
        if counted.memory_gb < 0.9 * card.memory_gb else None
        for card in cards
    ]  # fmt: skip
    painting = 100 * 2 * style / (12 * forward + 2 * style)
    rows.append((name, 12 * forward + 2 * style, painting, counted.memory_gb, *hours))
heads = ["network", "TFLOP a step", "painting (%)", "memory (GB)", *(f"{c.name}, {c.memory_gb} GB (h)" for c in cards)]
viz.table(rows, heads, caption=f"{paper.steps:,} steps of four 640 x 640 images with GTR + LTR, in half precision; "
          f"assumed: {cost.ASSUMED_SHARE:.0%} of each card's peak; – does not fit")  # fmt: skip
seen = paper.steps * paper.source_images / layout.splits["train"]
print(f"With {paper.source_images} source images a step, the training split of GTA5 is gone through {seen:.0f} times.")

# %% [markdown]
# Memory is a lower bound: weights, gradients, momentum and what the forward pass keeps, without the libraries' work
# space. And your case? Change the line below. `rate=None` assumes; on your card, put in what
# `cost.measure_rate("deeplabv2_resnet50", (640, 640), images=4, device="cuda")` says, as this cell does for itself
# where it finds a GPU. `price` is yours as well: at 1.00 a card and hour, "money" reads as card-hours.

# %%
rate = cost.measure_rate("deeplabv2_resnet50", (640, 640), images=4, device="cuda") if FULL else None
mine = cost.estimate(
    "deeplabv2_resnet50", (640, 640), images=4, steps=paper.steps, stylizer="vgg19", precision="bf16",
    gpu="A100", gpus=1, rate=rate, price=1.00,
)  # fmt: skip
print(cost.render(mine))

# %% [markdown]
# Or turn the wheels by hand. Full bars are counted; hatched bars rest on the assumed share of the peak, until you put in
# a rate that you measured.
#
# **Predict, then run.** What fills the memory of the card: the weights, or what the forward pass keeps? And what happens
# to it with sixteen images instead of four?

# %%
explorers.CostExplorer(explorers.cost.Params(network="deeplabv2_resnet50"))

# %% [markdown] tags=["instructor"]
# **Expected.** What is kept, by far. It grows with the images and with the area of the crop; the weights, their
# gradients and the momentum stay as they are.

# %%
print(summary("06"))

# %% [markdown]
# A run of that length does not belong in a notebook. The terminal has the same engine:
#
# ```
# gltr train gtr_ltr_cgl --recipe gtr_paper --data gta5 --root data/gta5 --out runs/gta5
#
# # eight GPUs: sixteen images a step instead of four, shared evenly
# gltr train gtr_ltr_cgl --recipe gtr_paper --data gta5 --root data/gta5 --out runs/gta5-8 \
#     --processes 8 --set forward_images=16 precision=bf16 sync_bn=true
#
# # four machines with eight GPUs each: the same command on each of them, with its own --node-rank
# gltr train gtr_ltr_cgl --recipe gtr_paper --data gta5 --root data/gta5 --out runs/gta5-32 \
#     --processes 8 --nnodes 4 --node-rank 0 --master HOST:29500 --set forward_images=64 precision=bf16 sync_bn=true
#
# # or by torchrun itself, which is what gltr train calls
# torchrun --standalone --nproc_per_node 8 -m gltr_lib.scale gtr_ltr_cgl --recipe gtr_paper \
#     --data gta5 --root data/gta5 --set processes=8 forward_images=16 sync_bn=true --out runs/gta5-8
# ```
#
# `docs/scale.md` says what limits each of them, with the arithmetic. The section "Real data" of the README walks from
# an empty disk to a table of results. We print no number for that path here, and we do not set the paper's beside ours:
# different networks, crops and protocols do not belong in one column. The next lesson shows why.
#
# ## Recap
#
# - A coarse last map costs the thin classes first, however well the network is trained.
# - Dilation widens the view at the price of no weight. Equal dilations in a row leave holes, growing ones do not.
# - The receptive field says how far a pixel *could* look; the gradient says how far it *does*.
# - ASPP looks at one map at several distances. A rate belongs to a map size.
# - After the first backward pass, list the parameters without a gradient.
# - Fair methods cost the network the same: two views per picture, half as many pictures.
# - A label map is read by index, and whatever does not fit is refused by name.
# - Two processes are one training if no layer looks across pictures and the loss is divided by the count of all.
# - Count operations and memory, measure the rate, and say which of the two a figure rests on.
#
# ## References
#
# - L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. Yuille. *DeepLab: semantic image segmentation with deep convolutional nets, atrous convolution, and fully connected CRFs.* [arXiv:1606.00915](https://arxiv.org/abs/1606.00915)
# - L.-C. Chen, G. Papandreou, F. Schroff, H. Adam. *Rethinking atrous convolution for semantic image segmentation* (DeepLabV3). [arXiv:1706.05587](https://arxiv.org/abs/1706.05587)
# - L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam. *Encoder-decoder with atrous separable convolution for semantic image segmentation* (DeepLabV3+). ECCV 2018. [arXiv:1802.02611](https://arxiv.org/abs/1802.02611)
# - F. Yu, V. Koltun. *Multi-scale context aggregation by dilated convolutions.* ICLR 2016. [arXiv:1511.07122](https://arxiv.org/abs/1511.07122)
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. *Understanding the effective receptive field in deep convolutional neural networks.* NeurIPS 2016. [arXiv:1701.04128](https://arxiv.org/abs/1701.04128)
# - S. R. Richter, V. Vineet, S. Roth, V. Koltun. *Playing for data: ground truth from computer games* (GTA5). ECCV 2016. [arXiv:1608.02192](https://arxiv.org/abs/1608.02192)
# - Y. Wu, K. He. *Group normalization.* ECCV 2018. [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
#
# ## Next
#
# [07 Evaluation](07_evaluation.ipynb): you have a score. What does it say?
