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
# # 04 · Local texture randomization
#
# **Question.** How do you paint a random part of a picture, and what can go wrong without anyone noticing?
#
# **You will be able to**
# - turn white noise into smooth random blobs, and say what the blur does to its size
# - cut the noise so that a chosen share of the pixels is painted, approximately or exactly
# - choose the size of the blobs for any picture
# - explain, with numbers of your own, why the official code's default leaves nothing local
#
# **Before you start.** [03 Global texture randomization](03_global_texture_randomization.ipynb); the normal distribution.
#
# **Time.** 75 min planned. {{run_time}}
#
# **Path.** Full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - A fixed threshold such as 0.5 on blurred noise: the blur has shrunk the noise thirtyfold.
# - The mask inverted. Say aloud what 1 means each time; in the official code it is the other way round.
# - `>=` at the quantile: one pixel survives a share of 0.
# - Sigma in pixels carried over to another picture size.
# - "An option that runs without an error works." Section 6 is the counter-example.
#
# **On the board.**
#
# - Averaging n independent numbers: what happens to the std? And how many numbers does a blur of sigma average?
# - Draw a texture edge where no object ends. What should a network say on both sides?
# - How would you have noticed that the released default mixes nothing? (One line in the log.)
#
# **If time is short.** Exercises 4.3 and 4.4 are short; 4.7 can be shown. Never drop section 6: they learn to measure what a setting does.

# %%
import math
import time

import torch
import torch.nn.functional as F

from gltr_lib import StyleBank, Stylizer, course, masks, models, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.course import claims
from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization, share_schedule
from gltr_lib.study.tables import COLUMN_NAMES

# %% [markdown]
# ## 1. Noise that hangs together (6 min)
#
# GTR paints the whole picture. A network that only ever sees whole paintings may still trust one thing: inside one
# picture, all texture comes from one hand. **Local texture randomization (LTR)** takes that away. It keeps the raw
# picture $x$, takes its painted twin $x_\text{global}$, and mixes the two through a random mask $M$:
#
# $$x_\text{local} = M \cdot x_\text{global} + (1 - M) \cdot x, \qquad M \in \{0, 1\}^{H \times W}.$$
#
# What shape should $M$ have? Single pixels would be salt and pepper. Rectangles would teach the network rectangles.
# The paper's code uses smooth random blobs, an idea known as *CowMask*: draw white noise, blur it with a Gaussian of
# width $\sigma$ (here a number of pixels; lesson 02 used the letter for a std), keep what lies above a threshold.
#
# The blur first. A Gaussian in two dimensions is one in the rows after one in the columns. We draw a little more noise
# than we need, so that no edge of the picture is treated differently.


# %%
def blurred_noise(batch, height, width, sigma, generator):
    """White noise (B, 1, H, W), and the same noise after a Gaussian blur of `sigma` pixels."""
    reach = math.ceil(4 * sigma)
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights / weights.sum()
    noise = torch.randn(batch, 1, height + 2 * reach, width + 2 * reach, generator=generator)
    field = F.conv2d(F.conv2d(noise, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
    return noise[..., reach : reach + height, reach : reach + width], field


# %% [markdown]
# **Predict, then run.** White noise has a standard deviation of 1. After a blur of $\sigma = 8$ pixels, is it about
# 0.9, 0.3 or 0.03? Write your guess down.

# %%
random = torch.Generator().manual_seed(course.seed(4))
pictures, names, rows = [], [], []
for sigma in (1.0, 2.0, 4.0, 8.0):
    noise, field = blurred_noise(4, 128, 256, sigma, random)
    theory = 1 / (2 * math.sqrt(math.pi) * sigma)
    rows.append((sigma, field.std().item(), theory))
    pictures.append((field[0, 0] / (6 * theory) + 0.5).clamp(0, 1))
    names.append(f"sigma = {sigma:g} px")
viz.table(
    rows, ["sigma (px)", "std, measured", "1 / (2 √π sigma)"], digits=3, caption="What the blur leaves of the noise"
)
viz.show(
    viz.grid(pictures, names, columns=2, title="White noise after a blur (contrast restored for the eye)"),
    alt="Four grey fields. The wider the blur, the larger and softer the dark and bright clouds.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** About 0.03 (in theory $1/(2\sqrt{\pi}\cdot 8) = 0.035$). Most people guess 0.3. But a blur of 8 pixels
# averages over some eight hundred.

# %% [markdown]
# The clouds grow with $\sigma$, and the contrast collapses: averaging over about $4\pi\sigma^2$ pixels leaves
# $1/(2\sqrt{\pi}\,\sigma)$ of the standard deviation. To see anything at all, the figure had to restore the contrast.
# Keep this in mind for the next exercise: at $\sigma = 8$ **a fixed threshold of 0.5 lies 14 standard deviations up, and no
# pixel reaches it.**

# %% [markdown]
# ## 2. A threshold for a share (20 min)
#
# We want a share $p$ of the pixels painted. If the field is normally distributed with mean $m$ and standard deviation
# $s$, the level above which a share $p$ of it lies is
#
# $$\tau = m - \sqrt{2}\,\operatorname{erf}^{-1}(2p - 1)\; s .$$
#
# ($\operatorname{erf}^{-1}$ is the inverse of the error function, `torch.erfinv`. All that matters here:
# $\sqrt{2}\,\operatorname{erf}^{-1}(2p-1)$ is the place below which a share $p$ of a standard normal distribution lies,
# in standard deviations.) At $p = \tfrac12$ the level is the mean; for a larger share it sinks. For $p = 0.3$ the
# factor is $-0.52$: the level lies 0.52 standard deviations *above* the mean.

# %% [markdown]
# ### Exercise 4.1 — Cutting the noise (●●●, 8 min)
#
# Write `threshold_mask(field, share)`: `field` (B, 1, H, W) is blurred noise. Return a float mask that is 1 where the
# field lies above `mean - sqrt(2) * erfinv(2 * share - 1) * std`, with the mean and the std of each sample (the std with
# divisor H·W, not H·W − 1: `correction=0`), and 0 elsewhere.
#
# <details><summary>Hint 1</summary>
#
# Blurring shrinks the noise: its std is far below 1, so a level for a standard normal does not fit.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `field.mean((1, 2, 3), keepdim=True)` and `field.std((1, 2, 3), correction=0, keepdim=True)`; `torch.erfinv` needs a
# tensor.
#
# </details>


# %%
def threshold_mask(field, share):
    """1 where the field is high enough that about `share` of the pixels are."""
    # BEGIN SOLUTION
    mean = field.mean((1, 2, 3), keepdim=True)
    std = field.std((1, 2, 3), correction=0, keepdim=True)
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * share - 1.0))
    return (field > mean - level * std).float()
    # END SOLUTION


# %%
threshold_mask = check("04-threshold", threshold_mask)

# %% [markdown]
# **Predict, then run.** We ask for 30 %, again and again, once with small blobs and once with large ones, on pictures
# of 128 x 256 pixels. Each mask has its own mean and std in the formula. Will the shares that we *get* scatter more for
# small blobs or for large ones?

# %%
draws = course.pick(smoke=30, laptop=200, full=1000)
asked, got = 0.3, {}
for sigma in (2.0, 16.0):
    _, field = blurred_noise(draws, 128, 256, sigma, random)
    got[f"sigma = {sigma:g} px"] = 100 * threshold_mask(field, asked).mean((1, 2, 3))
viz.show(
    viz.histogram(
        got, xlabel="painted share of a mask (% of its pixels)", title=f"Asked for {asked:.0%}, received ..."
    ),
    alt="Two histograms of the measured share: narrow for small blobs, wide for large ones, both around the share asked.",
)
rows = [(name, *(float(f(shares)) for f in (torch.mean, torch.min, torch.max))) for name, shares in got.items()]
viz.table(rows, [f"{draws} masks", "mean (%)", "smallest (%)", "largest (%)"], caption=f"Asked for {asked:.0%}")

# %% [markdown] tags=["instructor"]
# **Expected.** For large blobs: their field has fewer independent clouds. Single masks with sigma 16 lie between about
# 22 and 37 %, where 30 % was asked.
#
# **In class.** The table shows smallest and largest of all masks.

# %% [markdown]
# Small blobs meet the share in the mean. Large ones nearly do, and single masks miss it by several per cent of the pixels: a
# field with large blobs holds only a handful of clouds, and a handful of clouds is no normal distribution. If the share is to grow (section 7), or you compare 25 %
# with 50 %, that scatter is noise in your experiment.
#
# There is a way without any distribution: rank the pixels and take the highest ones.

# %% [markdown]
# ### Exercise 4.2 — Meeting the share exactly (●●●, 8 min)
#
# Write `exact_mask(field, share)`: a float mask of 0 and 1 like `field` (B, 1, H, W) in which, in **each** sample,
# exactly `round(share * H * W)` pixels are 1: those with the highest values. A share of 0 gives no pixel, 1 gives all.
#
# <details><summary>Hint 1</summary>
#
# Rank the pixels of each sample; the share only says how far down the ranking you go.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `rank = flat.argsort(1).argsort(1)` numbers the pixels of `flat = field.flatten(1)` from 0 (lowest); keep
# `rank >= pixels - count`.
#
# </details>


# %%
def exact_mask(field, share):
    """1 at the highest `share` of the pixels of each sample, counted exactly."""
    # BEGIN SOLUTION
    flat = field.flatten(1)
    count = round(share * flat.shape[1])
    rank = flat.argsort(1).argsort(1)
    return (rank >= flat.shape[1] - count).float().reshape(field.shape)
    # END SOLUTION


# %%
exact_mask = check("04-quantile", exact_mask)

# %%
_, field = blurred_noise(8, 128, 256, 16.0, random)
about = threshold_mask(field, asked).mean((1, 2, 3))
exactly = exact_mask(field, asked).mean((1, 2, 3))
table = [(i + 1, 100 * a, 100 * b) for i, (a, b) in enumerate(zip(about.tolist(), exactly.tolist(), strict=True))]
viz.table(table, ["mask", "threshold (%)", "exact (%)"], caption=f"Eight masks, {asked:.0%} asked, sigma = 16 px")

# %% [markdown]
# The library knows both: `masks.blob_mask(..., rule="exact")` is our default, `rule="official"` is the formula of
# exercise 4.1 (the official code uses its mirror image, as section 6 shows). We changed the default on purpose, so we say so.

# %% [markdown]
# ## 3. How large is a blob? (10 min)
#
# The official code draws $\sigma$ anew for each batch, between 4 and 16 pixels, as $\sigma = e^{U(\ln 4, \ln 16)}$,
# where $U(a, b)$ is drawn evenly between $a$ and $b$. Drawing evenly between the *logarithms* makes equal factors
# equally likely; such a number is called *log-uniform*.

# %% [markdown]
# ### Exercise 4.3 — A size of blob, drawn fairly (●●○, 4 min)
#
# Write `draw_sigma(u, low, high)`: turn `u`, a tensor of numbers uniform in [0, 1], into sigmas that are log-uniform
# between `low` and `high`. `u = 0` gives low, `u = 1` gives high.
#
# <details><summary>Hint 1</summary>
#
# `u` is the draw: stretch it evenly over log(low) ... log(high) (`math.log`), then go back.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `low * (high / low) ** u`
#
# </details>


# %%
def draw_sigma(u, low, high):
    """A sigma between `low` and `high` in which equal factors are equally likely."""
    # BEGIN SOLUTION
    return low * (high / low) ** u
    # END SOLUTION


# %%
draw_sigma = check("04-loguniform", draw_sigma)

# %% [markdown]
# **Predict, then run.** Of the sigmas between 4 and 16, what share lies below 8: drawn evenly, and drawn log-uniformly?

# %%
u = torch.rand(10_000, generator=random)
ways = {"evenly between 4 and 16": 4 + 12 * u, "log-uniform (yours)": draw_sigma(u, 4, 16)}
rows = [(name, 100 * (sigmas < 8).float().mean().item()) for name, sigmas in ways.items()]
viz.table(rows, ["sigma drawn", "smaller than 8 px (%)"])

# %% [markdown] tags=["instructor"]
# **Expected.** A third when drawn evenly (4 of 12 pixels), a half when drawn log-uniformly: 8 is as far from 4 as 16 is
# from 8, in factors.

# %% [markdown]
# Those 4 to 16 pixels belong to the official training crops of 640 x 640. Our streets are 128 x 256. A blob is a piece
# of texture *on an object*, so its size should be compared with objects, not with pixels.

# %% [markdown]
# ### Exercise 4.4 — Blobs that fit the picture (●○○, 3 min)
#
# Write `sigma_at(sigma_640, height, width)`: `sigma_640` is the width of the blur in pixels at a crop of 640 x 640.
# Return the width that gives blobs of the same size relative to a picture of `height` x `width`; scale by the shorter
# side.
#
# <details><summary>Hint 1</summary>
#
# At half the crop a blob should have half as many pixels across.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `sigma_640 * min(height, width) / 640`
#
# </details>


# %%
def sigma_at(sigma_640, height, width):
    """The blur, in pixels, for a picture of this size."""
    # BEGIN SOLUTION
    return sigma_640 * min(height, width) / 640
    # END SOLUTION


# %%
sigma_at = check("04-sigma", sigma_at)

# %% [markdown]
# **Predict, then run.** Sigma 16 on a picture of 128 rows: will its blobs look like those at 640 rows?
#
# Left: a picture five times our size, sigma 16. Middle: ours, sigma 16 as well. Right: ours, sigma scaled. The
# library's `smooth_noise` draws the same kind of field as your `blurred_noise`; the cell after the figure times both.

# %%
panels, names = [], []
for height, sigma in ((640, 16.0), (128, 16.0), (128, sigma_at(16.0, 128, 256))):
    field = masks.smooth_noise(height, 2 * height, sigma, generator=random)
    panels.append(exact_mask(field[None, None], 0.5)[0, 0])
    names.append(f"{height} x {2 * height}, sigma = {sigma:.1f} px")
viz.show(
    viz.grid(panels, names, title="White: painted"),
    alt="Three masks: many blobs at 640 rows, few huge ones at 128 rows with the same sigma, many again when it is scaled.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** No. The same sigma gives a few huge blobs on the small picture. Scaled with the shorter side, it gives
# many again, as large beside the objects as before.

# %%
threads, rows = torch.get_num_threads(), []
torch.set_num_threads(1)  # one core each: a fair race, also on a busy machine
for name, draw in (
    ("your blurred_noise", lambda: blurred_noise(1, 640, 640, 16.0, random)),
    ("masks.smooth_noise", lambda: masks.smooth_noise(640, 640, 16.0, generator=random)),
):
    times = []
    for _ in range(9):
        start = time.perf_counter()
        draw()
        times.append(1000 * (time.perf_counter() - start))
    rows.append((name, min(times)))
torch.set_num_threads(threads)
viz.table(rows, ["640 x 640, sigma 16", "ms a mask"], caption=f"Best of {len(times)}, one core of yours")

# %% [markdown]
# Why the difference? Blurred noise has no fine detail, so nobody needs to draw noise at every pixel. The library draws it
# on a coarse grid, at least 1.25 points a sigma, and evaluates the Gaussian from there. Same statistics (a test compares the
# autocorrelation with SciPy's), less work.

# %% [markdown]
# ## 4. Two textures, one scene (7 min)
#
# Now the mixture itself. The mask is 1 where the picture is **stylised**. (In the official code it is the other way
# round. We name what 1 means every time, and so should you.)

# %% [markdown]
# ### Exercise 4.5 — Two textures, one scene (●○○, 2 min)
#
# Write `mix(images, stylised, mask)`: `stylised` where `mask` (B, 1, H, W) is 1, `images` where it is 0.
#
# <details><summary>Hint 1</summary>
#
# Every pixel comes from exactly one of the two pictures.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `mask * stylised + (1 - mask) * images`, or `torch.where(mask.bool(), stylised, images)`
#
# </details>


# %%
def mix(images, stylised, mask):
    """The locally randomised picture."""
    # BEGIN SOLUTION
    return torch.where(mask.bool(), stylised, images)
    # END SOLUTION


# %%
mix = check("04-mix", mix)

# %%
gtr = GlobalTextureRandomization(Stylizer.load("mini"), StyleBank.load("paintings-mini"))
pixels, classes = streets.render(course.seed(3), look="game")
raw = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
labels = torch.from_numpy(classes)[None].long()
painted = gtr(raw, generator=random)
_, field = blurred_noise(1, *raw.shape[-2:], sigma_at(16.0, *raw.shape[-2:]), random)

pictures = [raw[0], painted[0]]
names = ["raw, x", "painted whole, x_global"]
for share in (0.25, 0.5, 0.75):
    pictures.append(mix(raw, painted, exact_mask(field, share))[0])
    names.append(f"x_local, {share:.0%} painted")
pictures.insert(2, exact_mask(field, 0.5)[0, 0])
names.insert(2, "mask for 50 %")
viz.show(
    viz.grid(pictures, names, columns=3),
    alt="A street raw, painted whole, a blob mask, and three mixtures in which a quarter, half and most of it is painted.",
)

# %% [markdown]
# Two things to check before you trust a picture like this. Outside the blobs not a single bit may have changed. And the
# outlines of the blobs should *not* follow the objects, otherwise the mask would give the answer away. A class boundary
# is a pixel with another class beside it; a blob outline likewise.


# %%
def outline(x):
    """True where a map (B, H, W) has another value within one pixel."""
    x = x[:, None].float()
    return (F.max_pool2d(x, 3, 1, 1) != -F.max_pool2d(-x, 3, 1, 1))[:, 0]


mask = exact_mask(field, 0.5)
local = mix(raw, painted, mask)
outside = (mask == 0).expand_as(raw)
print("outside the blobs bit-identical:", torch.equal(local[outside], raw[outside]))
classes_here, blobs_here = outline(labels), outline(mask[:, 0])
print(f"pixels on a class boundary: {classes_here.float().mean():.0%} of the picture,")
print(f"and {classes_here[blobs_here].float().mean():.0%} of the pixels on a blob's outline")

# %% [markdown]
# Compare the last two numbers. The blobs do not know where the objects are, so their outlines meet class boundaries as
# often as any other pixel would, up to chance. In the raw game look, texture changes *where the class changes*. In $x_\text{local}$ texture also
# changes in the middle of a road, and the label does not. That is the lesson LTR is meant to teach: **an edge of texture
# is not an edge of an object.**
#
# The library does all of this for a batch, one mask for each picture, sigma scaled for you:

# %%
ltr = LocalTextureRandomization(sigma=(4, 16), share=0.5)
print(ltr)
batch = torch.cat([raw, raw])
mixed, drawn = ltr(batch, gtr(batch, generator=random), generator=random)
print("mixed", tuple(mixed.shape), " mask", tuple(drawn.shape), " shares", drawn.mean((1, 2, 3)).tolist())

# %% [markdown]
# ## 5. What a network makes of it (7 min)
#
# Three networks are shipped with the course: trained on raw streets (*baseline*), on painted ones (*+GTR*), on painted
# and partly painted ones (*+GTR+LTR*). Same architecture, same number of steps. We show them partly painted streets
# that none of them was trained on, and score the pixels **inside** the blobs and those **outside**, and the same outside pixels
# once more on the street without any paint.
#
# **Predict, then run.** The baseline has never seen paint. How many of its pixels will be right inside the blobs? And
# *outside*, where no bit differs from the raw street: as many as without paint next door?

# %%
count = course.pick(smoke=4, laptop=16, full=64)
seeds = range(course.seed(10_000), course.seed(10_000) + count)
scenes, truth = streets.render_many(seeds, "game")
scenes = torch.from_numpy(scenes).permute(0, 3, 1, 2).float() / 255
truth = torch.from_numpy(truth).long()
mixed, drawn = ltr(scenes, gtr(scenes, generator=random), generator=random)
inside, labelled = drawn[:, 0].bool(), truth != 255

NETWORKS = {"baseline": "baseline", "+GTR": "gtr", "+GTR+LTR": "gtr_ltr"}
scores, predicted = {}, {}
with torch.inference_mode():
    for name, key in NETWORKS.items():
        network = models.load_shipped(key)
        on_raw, on_mixed = (network(x).argmax(1) == truth for x in (scenes, mixed))
        predicted[name] = network(mixed[:1]).argmax(1)[0]
        parts = (on_raw[~inside & labelled], on_mixed[~inside & labelled], on_mixed[inside & labelled])
        scores[name] = [100 * part.float().mean().item() for part in parts]

# %%
groups = ["outside, without paint", "outside the blobs", "inside the blobs"]
figure = viz.bars(scores, groups=groups, ylabel="pixels right (%)", title="Half of each street is painted", digits=0)
viz.show(
    figure,
    alt="Bars of pixel accuracy for three networks: outside the blobs without and with paint next door, and inside. "
    + "; ".join(f"{name} {a:.0f}, {b:.0f}, {c:.0f} per cent" for name, (a, b, c) in scores.items()),
)
lost = [(name, whole - out) for name, (whole, out, _) in scores.items()]
viz.table(
    lost, ["network", "points lost"], caption="The same pixels outside the blobs, without and with paint next door"
)

# %%
panels = [mixed[0], *(viz.error_map(p, truth[0], mixed[0]) for p in predicted.values())]
viz.show(
    viz.grid(panels, ["partly painted street", *(f"{name}: orange is wrong" for name in predicted)], columns=2),
    alt="A partly painted street and the errors of three networks on it, wrong pixels in orange.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** Inside, the baseline gets far fewer right. Outside it loses points as well, where not one bit has
# changed, because its answer leans on the surroundings. Networks that saw paint lose much less, and the one that never
# saw a blob is nearly as good as the other.

# %% [markdown]
# Look at the middle group of bars. Outside the blobs not one bit differs from the raw picture (you checked it). What is
# lost there is lost because the answer for a pixel also depends on its *surroundings*. Its convolutions see the
# neighbours. And a layer called GroupNorm (lesson 05) divides each map by a spread taken over the whole picture. So
# paint next door changes the answer for an untouched pixel. A local mask tests exactly this, and a whole painting
# cannot.
#
# Now compare the second and the third bar of each group. One of the two networks was trained on blobs, the other has never
# seen any: how much of the cure came with whole paintings already?
#
# This was about blobs. Does the training on blobs pay off on other *looks*, which is what we are after? One network of each
# kind cannot tell. The committed study has several, and here is what its ledger says today:

# %%
study = claims.scores()
rows = [(name, claims.sentence(claims.paired(study, "gtr_ltr", "gtr", look))) for look, name in COLUMN_NAMES.items()]
viz.table(rows, ["look", "GTR+LTR minus GTR, mIoU-19 (by seed): verdict"], caption="The committed study")

# %% [markdown]
# *Helps* and *harms* mean that an honest interval over the seeds leaves out zero; everything else is *open*. (Lesson 08
# builds that interval.) Whatever the verdicts are, mind one thing before you explain them. A step of +GTR+LTR shows
# each street twice, painted whole and painted in parts. At an equal number of pictures it sees four streets, where a
# step of +GTR sees eight. Lesson 08 has a control for that.
#
# If the table says *harms*, do not stop here. A verdict is only as good as the thing that was tested. Is it the idea
# that harms, or the second view, or blobs of this size? Lesson 08 takes these apart, and one of them turns out to be
# guilty. The next section asks what the published code does, and lesson 05 what the paper builds on the blobs.

# %% [markdown]
# ## 6. What does the official default do? (10 min)
#
# Now to the code that was published with [the paper](https://arxiv.org/abs/2108.02376) (leolyj/GTR-LTR,
# `tools/TR_BR.py`, commit `c0ef035`; `docs/not_reproduced.md` names the lines). In our words it does this: draw a field, put the threshold at
#
# $$\tau = m + \sqrt{2}\,\operatorname{erf}^{-1}(2\beta - 1)\; s ,$$
#
# keep the **raw** picture where the field lies above $\tau$, the painted one below. So $\beta$ is the *painted* share, one
# mask is drawn for the whole batch, and the shipped default is $\beta = 1$.

# %% [markdown]
# ### Exercise 4.6 — The official rule (●●○, 6 min)
#
# Write `official_raw_share(field, p)`: the share of pixels of `field` (1, 1, H, W) that stay **raw** under this rule, as a
# float (`p` is $\beta$); mean and std are taken over the whole field, the std with divisor H·W, not H·W − 1 (`correction=0`). Do not protect it from $p = 1$.
#
# <details><summary>Hint 1</summary>
#
# What is erfinv(1)? And how many pixels lie above that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Do not clamp: `torch.erfinv(torch.tensor(1.0))` is inf, and nothing is greater than inf.
#
# </details>


# %%
def official_raw_share(field, p):
    """Share of the pixels that the official rule leaves raw."""
    # BEGIN SOLUTION
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * p - 1.0))
    threshold = field.mean() + level * field.std(correction=0)
    return (field > threshold).float().mean().item()
    # END SOLUTION


# %%
official_raw_share = check("04-official", official_raw_share)

# %% [markdown]
# **Predict, then run.** How much stays raw at $\beta$ = 0.9, and at 0.99? And at 1: will torch stop, warn, or say
# nothing?

# %%
_, field = blurred_noise(1, 640, 640, 8.0, random)
rows = []
for beta in (0.25, 0.5, 0.75, 0.9, 0.99, 1.0):
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * beta - 1.0)).item()
    rows.append((f"{beta:g}", f"{level:+.2f}", 100 * float(official_raw_share(field, beta))))
viz.table(rows, ["beta", "threshold (std above the mean)", "stays raw (%)"], caption="The official rule on one field")

stays_raw = field > field.mean() + math.sqrt(2) * torch.erfinv(torch.tensor(1.0)) * field.std(correction=0)
x_global, x = torch.rand(2, 1, 3, 640, 640, generator=random)
x_local = torch.where(stays_raw, x, x_global)
print("with the default, x_local is x_global, bit for bit:", torch.equal(x_local, x_global))

# %% [markdown] tags=["instructor"]
# **Expected.** A tenth, and a hundredth: about $1-\beta$. At $\beta = 1$ nothing stays raw, and torch says nothing: the
# threshold is infinite.

# %% [markdown]
# There it is. $\operatorname{erf}^{-1}(1) = \infty$, nothing lies above infinity, the official mask (1 = raw) is empty, and the "local"
# picture **is** the global one. No error, no warning, a training curve that looks fine. The code runs, and LTR does
# not take place.
#
# Could you set another value? The option is declared with `type=int`:

# %%
try:
    int("0.5")
except ValueError as error:
    print("--init_beta 0.5 ->", error)

# %% [markdown]
# What follows from this, and what does not? The released code with its released defaults trains without local texture.
# Whether the paper's numbers were made with these defaults, we do not know: the body of the paper was not available to
# us, and defaults change between a run and a release. The lesson for your own code is smaller and firmer: **measure the
# share that you get.** One line, `mask.mean()`, in your log.

# %% [markdown]
# ## 7. A share that grows (7 min)
#
# A comment in the official code shows what was meant: a share that starts at $p_0$ and grows to 1 over the training. At
# step $t$ of $T$ it is
#
# $$p_t = p_0 + (1 - p_0)\,(t / T)^{\gamma}, \qquad \gamma = 0.1 .$$

# %% [markdown]
# ### Exercise 4.7 — From half to all (●○○, 3 min)
#
# Write `share_at(step, total, start, power)` after this formula: $t$, $T$, $p_0$ and $\gamma$, in this order.
#
# <details><summary>Hint 1</summary>
#
# What is the formula at step 0, and at the last step?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The power belongs to the progress `step / total` alone.
#
# </details>


# %%
def share_at(step, total, start, power):
    """The painted share at a step: from `start` to 1."""
    # BEGIN SOLUTION
    return start + (1 - start) * (step / total) ** power
    # END SOLUTION


# %%
share_at = check("04-schedule", share_at)

# %% [markdown]
# The line that *runs* in the official code is another one. It does not look at the iteration at all; each call adds
# $(1 - \beta)\,(1/T)^{0.1}$ to $\beta$, starting over every 5,000 iterations.
#
# With the default of 1 there is nothing left to add, and nothing would change at all. Suppose somebody repaired the option.
#
# **Predict, then run.** Let both start at 0.5, with $T$ = 200,000 iterations. After how many iterations is 99 % of the
# picture painted: as the comment means it, and as the code runs?

# %%
total, start = 200_000, 0.5
meant = next(t for t in range(0, total + 1, 100) if share_at(t, total, start, 0.1) >= 0.99)
running, curve = start, [start]
while len(curve) < 41:
    running += (1 - running) * (1 / total) ** 0.1
    curve.append(running)
runs = next(t for t, share in enumerate(curve) if share >= 0.99)
print(f"99 % painted: as meant after {meant:,} iterations, as it runs after {runs}")


# %%
early = list(range(41))
late = sorted({round(10 ** (k / 10)) for k in range(54)})  # 1 ... 199,526, evenly in the logarithm
curves = {"as the code runs": (early[1:], [100 * p for p in curve[1:]])}  # a logarithmic axis has no 0
for power in (0.1, 0.5, 1.0):
    shares = [100 * share_schedule(t, total, start=start, power=power) for t in late]
    curves[f"meant, power {power:g}"] = (late, shares)
viz.show(
    viz.curves(curves, xlabel="iteration (of 200,000; logarithmic)", ylabel="painted share (%)", log_x=True),
    alt="Painted share over the iterations on a logarithmic axis: as the code runs it reaches 100 per cent within a few "
    "dozen; as meant with power 0.1 it rises slowly from 65 per cent; with power 1 it stays near 50 up to about 10,000.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** As the comment means it, after 163,500 of 200,000 iterations (the cell looks at every hundredth). As the
# code runs, after 12.
#
# **In class.** Exactly 163,415. Analytically: $(t/T)^{0.1} = 0.98$ against $0.5 \cdot 0.705^n < 0.01$.

# %% [markdown]
# The curve of the running code ends early because nothing is left to grow; every 5,000 iterations it does the same
# again. Now read the curve for a power of 0.1 as it was *meant*, and mind that the axis is logarithmic: where does it
# stand at 20,000 iterations, a tenth of the training? It, too, is no slow growth: nine tenths of the training lie above
# 90 %. If you want a training that sees all shares, a power near 1, a constant 0.5 or a range such as `share=(0.25,
# 0.75)` says it more plainly. `MethodConfig(schedule=...)` takes the power; `None` keeps the share constant, which is
# our default.

# %% [markdown]
# ## 8. Turn the knobs (8 min)
#
# Everything of this lesson in one picture. Try to answer with the sliders:
#
# 1. Set sigma to 64 and the threshold to *official*. How far from 50 % can you get by changing only the seed?
# 2. Set the share to 1 and to 0. Which of the panels still change when you change the seed?
# 3. Find the sigma at which you can no longer tell at a glance which texture was there first.

# %%
from gltr_lib.explorers import LtrExplorer

LtrExplorer()

# %%
print(summary("04"))

# %% [markdown]
# ## Recap
#
# - A blob mask is noise, blurred, cut. The blur shrinks the noise to $1/(2\sqrt{\pi}\,\sigma)$, so the threshold must
#   be made from the field's own mean and std, or from its ranking.
# - The official threshold meets the share approximately, the ranking exactly. Large blobs make the difference, mask by
#   mask.
# - Sigma belongs to a crop of 640 pixels; at other sizes it scales with the shorter side.
# - LTR puts edges of texture where no object ends. What a network gets wrong *outside* the blobs shows how much it
#   leans on the surroundings.
# - With $\beta = 1$ the official mask is empty and $x_\text{local} = x_\text{global}$. Log the share that you get.
#
# ## References
#
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 30, 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
# - G. French, A. Oliver, T. Salimans. *Milking CowMask for semi-supervised image classification.* 2020. [arXiv:2003.12022](https://arxiv.org/abs/2003.12022)
# - R. Geirhos and others. *ImageNet-trained CNNs are biased towards texture.* ICLR 2019. [arXiv:1811.12231](https://arxiv.org/abs/1811.12231)
#
# ## Next
#
# [05 Consistency](05_consistency.ipynb): two pictures of one street should get one answer. How do you ask for that?
