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
#
# **Before you start.** [05 Consistency](05_consistency.ipynb); convolutions and a training loop.
#
# **Time.** 80 min planned. {{run_time}}
#
# **Path.** Full.

# %%
import time

import torch
import torch.nn.functional as F
from torch import nn

from gltr_lib import StyleBank, Stylizer, course, datasets, engine, ledger, models, streets, viz
from gltr_lib.checks import check
from gltr_lib.config import METHODS, TrainConfig
from gltr_lib.evaluate import evaluate, layout_prior, predict, score_prior
from gltr_lib.labels import CLASSES
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.study.tables import headline_rows
from gltr_lib.views import Views

# %% [markdown]
# ## 1. What shrinking costs (12 min)
#
# A network that recognises objects looks at a picture through ever coarser maps. Each step of stride 2 halves the map,
# makes everything after it four times cheaper and doubles how far a kernel reaches. A classifier does that five times.
# Its last map is 32 times smaller than the picture: its **output stride** is 32.
#
# A classifier needs one answer a picture, so it does not mind. We need one a pixel. How much is lost by the stride
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


SCENES = datasets.EVAL_SEEDS[: course.pick(smoke=4, laptop=32, full=64)]
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

# %% [markdown]
# Nothing was learned and nothing went wrong, and yet the thin classes are gone. (A trained network can win a little
# back by exaggerating thin things on purpose. It cannot invent where inside a cell they stood.) So a segmentation
# network faces a conflict: it needs **coarse maps to see far** and **fine maps to draw**. DeepLab answers in three
# moves. You will meet all three: dilation, a pyramid, and a small decoder.
#
# First, be exact about sizes. A kernel of $k$ taps with dilation $d$ reaches over $d(k-1)+1$ pixels.

# %% [markdown]
# ### Exercise 6.1 — How large is the output? (●●○, 5 min)
#
# Write `conv_size(size, kernel, stride, padding, dilation)`: the output size of a convolution along one side;
# `padding` is added on each side.
#
# <details><summary>Hint 1</summary>
#
# A dilated kernel reaches over `dilation * (kernel - 1) + 1` pixels. How often can it be shifted by the stride?
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
# ## 2. Holes in the kernel (12 min)
#
# The first move: stop shrinking at stride 8. But then the later layers look at a map that is four times larger than
# they were made for, and see only a quarter as far. So pull their taps apart: read every second pixel, or every fourth.
# The kernel keeps its nine weights and reaches further. This is **dilation** (the French *à trous*, "with holes",
# gave DeepLab its word *atrous*).

# %% [markdown]
# ### Exercise 6.2 — Padding that keeps the size (●○○, 3 min)
#
# Write `same_padding(kernel, dilation)`: the padding on each side that makes a convolution of stride 1 with an odd
# `kernel` keep the size of its input.
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


stacks, maps = [(1, 1, 1), (2, 2, 2), (4, 4, 4), (1, 2, 4)], []
for stack in stacks:
    paths = footprint(stack)
    reach = 1 + 2 * sum(stack)
    print(f"dilations {stack}: reach {reach:2d} x {reach:2d}, pixels read {int((paths > 0).sum()):3d} "
          f"= {(paths > 0).sum() / reach**2:.0%} of them, 27 weights")  # fmt: skip
    maps.append((paths / paths.max()) ** 0.5)
viz.show(
    viz.grid(
        maps, [f"dilations {s}" for s in stacks], title="What one output pixel reads (bright: through many paths)"
    ),
    alt="Four maps of 25 by 25 pixels. Dilations 1,1,1 fill a small square; 2,2,2 and 4,4,4 read a grid of separate "
    "points; 1,2,4 fills a large square without holes.",
)

# %% [markdown]
# Look at the second and third map. Those stacks pay for a wide view with **blindness in between**: whole rows and
# columns are never read, and neighbouring outputs read different pixels altogether. In predictions it shows as a fine
# grid pattern. With growing dilations the holes of one layer are filled by the layer before it. Our network therefore
# uses 1, 2, 4 (Yu and Koltun describe the idea; see the references).

# %% [markdown]
# ## 3. How far does one pixel look? (14 min)
#
# With strides in the chain, a step of one in a late layer is many pixels of the picture. Call that number the *jump*.
# Each layer widens the field by its reach, counted in jumps:
#
# $$r \leftarrow r + d\,(k-1)\,j, \qquad j \leftarrow j \cdot s .$$

# %% [markdown]
# ### Exercise 6.3 — How far does a pixel look? (●●●, 8 min)
#
# Write `receptive_field(layers)`: `layers` is a list of (kernel, stride, dilation) from the input on. Return the
# receptive field of one output pixel, in input pixels along one side.
#
# <details><summary>Hint 1</summary>
#
# Each layer adds its reach, counted in steps of the strides *before* it.
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
# Now read the layers out of the real network, `deeplab_mini`, and let your function speak. Beside it the same trunk
# without dilation, and how many weights that would save: none.

# %%
network = models.build("deeplab_mini")
parts = (network.stem, network.stage4, network.stage8)
trunk = [m for part in parts for m in part.modules() if isinstance(m, nn.Conv2d)]
layers = [(m.kernel_size[0], m.stride[0], m.dilation[0]) for m in trunk]
rows = []
for name, extra in (("trunk", []), *((f"trunk, then a branch of rate {r}", [(3, 1, r)]) for r in (3, 6, 9))):
    plain = [(k, s, 1) for k, s, _ in layers + extra]
    rows.append((name, receptive_field(layers + extra), receptive_field(plain)))
print("trunk (kernel, stride, dilation):", layers)
viz.table(rows, ["of deeplab_mini", "field (px)", "without dilation (px)"], caption="Pictures here: 128 x 256 pixels")

# %% [markdown]
# So in theory a pixel in the middle of the last map sees the whole picture, and one at its rim most of it. In theory.
# The formula tells where influence *can* come from, not where it *does*. Ask two trained networks: how strongly does
# the logit of one pixel, the one on the cross, react to each pixel of the picture?
#
# **Predict, then run.** Within which distance lies half of all the influence: 10 pixels, 40, or 100? And will a network
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
for name, shares in within.items():
    half, most = (int(distances[shares >= part][0]) for part in (50, 90))
    print(f"{name:28s} half of the influence lies within {half:3d} px, nine tenths within {most:3d} px")

# %%
shown = [(m / m.max()) ** 0.3 for m in maps.values()]
for picture in shown:
    picture[row, column - 6 : column + 7] = picture[row - 6 : row + 7, column] = 1.0
viz.show(
    viz.grid(shown, list(maps), title=f"What the pixel on the cross listens to, mean of {count} streets"),
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

# %% [markdown]
# The bright core is what the network mostly decides by; compare its size with the field in the table before. This
# core is called the **effective receptive field**. The faint veil has one more cause: GroupNorm and the pooled
# branch of the next section compute averages over the whole map, so a little of everything reaches every pixel.
#
# ## 4. A pyramid, and a bug nobody saw (14 min)
#
# The second move. A car nearby fills a third of the picture, the same car far away eight pixels. One dilation cannot
# suit both, so DeepLab looks with several **side by side**, at the same map, and joins what they find: *atrous spatial
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
    """The same loop, with its `return` one level too deep."""
    total = branches[0](features)
    for branch in branches[1:]:
        total = total + branch(features)
        return total


def train_head(combine, features, target, steps, rates=(6, 12, 18, 24)):
    """Train a head of four dilated classifiers; its losses, and the head after the last backward pass."""
    torch.manual_seed(course.seed())
    head = nn.ModuleList(nn.Conv2d(features.shape[1], 19, 3, padding=same_padding(3, r), dilation=r) for r in rates)
    optimizer, losses = torch.optim.SGD(head.parameters(), lr=0.05, momentum=0.9), []
    for _ in range(steps):
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
target = perfect_at(game[1][:8], 8)[:, 4::8, 4::8]  # the class at the middle of each cell
steps = course.pick(smoke=4, laptop=50, full=400)
curves, heads = {}, {}
for name, combine in (("return after the loop", aspp), ("return inside the loop", aspp_slip)):
    curves[name], heads[name] = train_head(combine, features, target, steps)
viz.show(
    viz.curves(curves, xlabel="step", ylabel="cross-entropy (nats)", title="Two heads, one of them half dead"),
    alt=f"The loss of both heads falls, to {curves['return after the loop'][-1]:.2f} with all branches and to "
    f"{curves['return inside the loop'][-1]:.2f} with the slip.",
)

# %% [markdown]
# No error, no warning, a loss that falls. From the curve alone you would never know. One line knows:

# %%
for name, head in heads.items():
    dead = [i for i, branch in enumerate(head) if branch.weight.grad is None]
    print(f"{name}: branches without any gradient: {[(6, 12, 18, 24)[i] for i in dead] or 'none'}")

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
# 1 x 1 convolution join them. The third move, from V3+, is the decoder: the joined map is enlarged and meets the fine
# maps of stride 4 and 2 again, which still know where the poles stand. All of it is some hundred lines in
# `gltr_lib/models.py`. Its test for dead branches:

# %%
logits = network(torch.rand(2, 3, 128, 256))
logits.mean().backward()
dead = [name for name, p in network.named_parameters() if p.grad is None]
print(
    f"deeplab_mini: {models.parameter_count(network):,} parameters, logits {tuple(logits.shape)}, no gradient: {dead}"
)

# %% [markdown]
# ## 5. The whole recipe on one page (10 min)
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
# Read the third and fourth column together. A method with two views costs twice as much a picture, so it gets **half as
# many pictures**: every row costs the same. Without that, "two views help" could simply mean "twice the computing
# helps". The last three rows are controls, which lesson 08 needs.
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
# Write `poly_lr(base, step, total, power=0.9)`: the learning rate `base * (1 - step / total) ** power`.
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
# lesson 01, so that the two can be compared; only the method differs.

# %%
config = TrainConfig(
    "gtr_ltr_cgl",
    steps=course.pick(smoke=6, laptop=400, full=4000),
    forward_images=8,
    crop=(96, 192),
    seed=course.seed(),
)
print(config.to_json())
at = range(config.steps)
rates = {
    "poly (yours)": [1000 * poly_lr(config.lr, step, config.steps, config.power) for step in at],
    "with warm-up (engine)": [1000 * engine.learning_rate(step, config) for step in at],
}
viz.show(
    viz.curves(rates, xlabel="step", ylabel="learning rate (thousandths)", title="The rate of every step", height=2.6),
    alt="The learning rate falls almost in a straight line to zero; the engine's curve climbs steeply from zero first.",
)

# %% [markdown]
# And what will the network be shown? `engine.make_batch` makes the batch of any step again, because everything random
# in step $k$ depends on the seed and on $k$ alone.

# %%
train_streets = datasets.TRAIN_SEEDS[: course.pick(smoke=12, laptop=300, full=600)]
images, labels = datasets.stack(datasets.StreetsDataset(train_streets, "game"))
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
    alt="Four street crops in three rows: painted whole, painted in blobs, and their labels, which fit both rows above.",
)

# %% [markdown]
# ## 6. Your run (10 min)
#
# **Predict, then run.** Your baseline of lesson 01 fell hard from `game` to `overcast` and `sun`. This run has the same
# number of steps, and never once sees a whole clean picture of the game. Will its score on `game` be higher or lower than the
# baseline's? And on the other two?

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
# agrees with itself perfectly, since it says the same everywhere: disagreement starts at nearly nothing and must first
# *rise* before there is anything to reconcile. A small consistency loss is no merit in itself.
#
# Now the score, on the streets of lesson 01. Beside your network stand the four that come with the course, trained for
# longer, and the guess that never looks.

# %%
prior = layout_prior(labels)
contestants = {"your run": result.model, **{f"shipped {name}": models.load_shipped(name) for name in models.SHIPPED}}
sets = {"game": game, **{look: datasets.stack(datasets.StreetsDataset(SCENES, look)) for look in ("overcast", "sun")}}
scores = {name: [evaluate(model, *pair).miou() for pair in sets.values()] for name, model in contestants.items()}
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
for look, a, b in zip(sets, mine, base, strict=True):
    print(f"{look:9s} your run {100 * a:5.1f}, {against} {100 * b:5.1f}: {100 * (a - b):+5.1f} points")
found = ledger.summarise(headline_rows(ledger.read(course.root() / "results" / "headline.jsonl")))
for look in sets:
    for name in ("baseline", "gtr_ltr_cgl"):
        cell = found.get((name, f"streets/{look}"))
        if cell:
            print(f"study: {name:12s} on {look:9s} {100 * cell.mean:5.1f} +- {100 * cell.sd:.1f} ({cell.n} seeds)")

# %% [markdown]
# One run is one run: lesson 08 shows how far two seeds of the same method lie apart, and only then do differences mean
# something. But one thing needs no statistics. Look.

# %%
panels, names = [], []
picture, truth = sets["sun"][0][:1], sets["sun"][1][0]
for name in ("shipped baseline", "your run", "shipped gtr_ltr_cgl"):
    guess = predict(contestants[name], picture)[0]
    panels += [viz.overlay(picture[0], guess), viz.error_map(guess, truth, picture[0])]
    names += [name, f"{(guess == truth).float().mean():.0%} of the pixels right"]
viz.show(
    viz.grid(panels, names, columns=2, title="One sunny street: prediction, and where it is wrong (orange)"),
    alt="Predictions of the shipped baseline, of your run and of the shipped gtr_ltr_cgl network on one sunny street, "
    "each beside a map of its errors: "
    + ", ".join(f"{a} {b}" for a, b in zip(names[::2], names[1::2], strict=True))
    + ".",
)

# %% [markdown]
# ## 7. The same thing, full size (8 min)
#
# Everything above fits two cores. The published numbers come from far larger networks and pictures, and from real
# data sets. What does that path look like here, and how much of it exists?
#
# `models.build` also knows torchvision's DeepLabV3. On PyTorch's *meta* device a network has shapes and no numbers, so
# we can weigh the large ones without owning the memory:

# %%
rows = []
for name in models.MODELS:
    with torch.device("meta"):
        large = models.build(name)
        answer = large(torch.empty(2, 3, 640, 640))
    millions = models.parameter_count(large) / 1e6
    # AdamW keeps the weights, their gradients and two running means, four bytes each.
    rows.append((name, millions, 16 * millions / 1000, str(tuple(answer.shape))))
viz.table(rows, ["network", "parameters (M)", "weights + AdamW (GB)", "logits for two 640 x 640 crops"], digits=2)

# %% [markdown]
# And one real step: the same views, the same `engine.step_loss`, forward and backward, once. In full mode it takes two
# crops of 640 pixels on the best device it finds; otherwise a small picture, so that a laptop gets through.

# %%
device = engine.pick_device()
side = course.pick(smoke=(64, 128), laptop=(64, 128), full=(640, 640))
step = TrainConfig("gtr_ltr_cgl", model="deeplabv3_resnet50", forward_images=4, crop=side)
torch.manual_seed(course.seed())
large = models.build(step.model).to(device).train()
views = Views(step.method, stylizer.to(device), bank)
seen, target = engine.make_batch(0, images[:4].to(device), labels[:4].to(device), step, views)
start = time.perf_counter()
loss, _ = engine.step_loss(large, seen, target, step)
loss.backward()
norm = sum(p.grad.norm() ** 2 for p in large.parameters() if p.grad is not None) ** 0.5
print(f"{step.model} on {device}, 4 x {side[0]}x{side[1]}: loss {loss.item():.3f}, gradient {norm.item():.1f}, "
      f"{time.perf_counter() - start:.1f} s")  # fmt: skip
print("parameters without gradient:", [name for name, p in large.named_parameters() if p.grad is None] or "none")

# %% [markdown]
# So the large network builds, takes the same configuration, and every parameter receives a gradient. `engine.train`
# runs it on a GPU with `TrainConfig(..., model="deeplabv3_resnet50")`, in bfloat16.
#
# **What does not exist yet, plainly:** a recipe that was trained here at full size on GTA5 or SYNTHIA and scored on
# Cityscapes, BDD100K and Mapillary. Loaders for those sets, pretrained weights, several GPUs and the measured results
# follow in a later edition of this course. Until then we print no number for that path, neither ours nor, beside ours,
# the paper's: different networks, crops and protocols do not belong into one column. Why, the next lesson shows.
#
# ## Recap
#
# - A coarse last map costs the thin classes first, however well the network is trained.
# - Dilation widens the view at the price of no weight. Equal dilations in a row leave holes, growing ones do not.
# - The receptive field says how far a pixel *could* look; the gradient says how far it *does*.
# - ASPP looks at one map at several distances. A rate belongs to a map size.
# - After the first backward pass, list the parameters without a gradient.
# - Fair methods cost the same: two views a picture, half as many pictures.
#
# ## References
#
# - L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. Yuille. *DeepLab: semantic image segmentation with deep convolutional nets, atrous convolution, and fully connected CRFs.* [arXiv:1606.00915](https://arxiv.org/abs/1606.00915)
# - L.-C. Chen, G. Papandreou, F. Schroff, H. Adam. *Rethinking atrous convolution for semantic image segmentation* (DeepLabV3). [arXiv:1706.05587](https://arxiv.org/abs/1706.05587)
# - L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam. *Encoder-decoder with atrous separable convolution for semantic image segmentation* (DeepLabV3+). ECCV 2018. [arXiv:1802.02611](https://arxiv.org/abs/1802.02611)
# - F. Yu, V. Koltun. *Multi-scale context aggregation by dilated convolutions.* ICLR 2016. [arXiv:1511.07122](https://arxiv.org/abs/1511.07122)
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. *Understanding the effective receptive field in deep convolutional neural networks.* NeurIPS 2016. [arXiv:1701.04128](https://arxiv.org/abs/1701.04128)
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
#
# ## Next
#
# [07 Evaluation](07_evaluation.ipynb): you have a score. What does it say?
