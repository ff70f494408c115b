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
# # 02 · AdaIN from scratch
#
# **Question.** What is the style of a painting, written as numbers, and how do you give it to a street?
#
# **You will be able to**
# - compute the statistics that make a style, and say over which axes they average and why
# - write the AdaIN layer in one line, check it, and say what it can and cannot carry over
# - train a decoder that turns features back into a picture, and watch it learn
# - set how strong a style is, and mix two painters
#
# **Before you start.** [01 The domain gap](01_domain_gap.ipynb) for the reason to do this; convolutions and a little PyTorch.
#
# **Time.** 47 min planned. {{run_time}}
#
# **Path.** Express and full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - Averaging over the batch too (BatchNorm), or over the channels too (LayerNorm). Ask whose style it would be then.
# - Variance where the standard deviation is meant; $\varepsilon$ forgotten or outside the root.
# - Content and style exchanged in the layer: which picture loses its own numbers, which gives them?
# - "alpha = 0 gives the original." It gives what encoder and decoder leave of it.
# - Blending two decoded pictures instead of features: a double exposure.
#
# **On the board.**
#
# - Write a 3 x 3 channel with numbers. Mean and std by hand; then shuffle the nine places. What changed?
# - Which sentence about a painting can a list of means and stds not say?
# - AdaIN, BatchNorm, InstanceNorm, LayerNorm: the same fraction, other axes. Fill in the table.
#
# **If time is short.** Exercise 2.4 (mixing) can go. Keep 2.5: the shuffled painting is the insight of this lesson.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from gltr_lib import Stylizer, course, paintings, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.explorers import AdainExplorer

# %% [markdown]
# ## 1. Two numbers a channel (12 min)
#
# A network that was trained on one look learns that look: asphalt is *this* grey, a facade has *this* grain. So we want
# to train it on streets that are repainted, as a painter would, with every car left where it is. This lesson builds the
# painter; lesson 03 trains with it. Here are a street and a painting.


# %%
def to_batch(picture):
    """Turn a picture, uint8 (H, W, 3), into a batch of one: float (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


street = to_batch(streets.render(course.seed(3), "game")[0])
painting = to_batch(paintings.paint(course.seed(7), "night_sky", (128, 256)))
pair = viz.grid([street, painting], ["content: a street", "style: a painting"], columns=2)
viz.show(pair, alt="Left: a street as a game engine would draw it. Right: a painted night sky in broad brush strokes.")

# %% [markdown]
# What do the two have that we could compare? Not their pixels: a star is no car. But every *channel* of a picture has a
# **mean** (its level on average) and a **standard deviation** (how much it varies from place to place). For channel
# $c$ of a picture $x$ with $H \times W$ positions:
#
# $$\mu_c = \frac{1}{HW}\sum_{h,w} x_{chw}, \qquad \sigma_c = \sqrt{\frac{1}{HW}\sum_{h,w} (x_{chw}-\mu_c)^2 + \varepsilon}$$
#
# ($\varepsilon$ is a tiny constant, $10^{-5}$ here; exercise 2.1 says what for.) The sums run over the places and over
# nothing else. Each picture of a batch, and each channel, keeps numbers of its own.
#
# ### Exercise 2.1 — Two numbers a channel (●●○, 8 min)
#
# Return (mean, std) of each channel of each picture, both of shape (B, C, 1, 1). The variance is the mean squared
# deviation (divided by $HW$); the std is $\sqrt{\text{variance} + \varepsilon}$, so that nothing is divided by zero later.
#
# <details><summary>Hint 1</summary>
#
# A style belongs to one channel of one picture: over which axes may you average?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `features.var((2, 3), correction=0, keepdim=True)`, then `(variance + eps).sqrt()`.
#
# </details>


# %%
def channel_stats(features, eps=1e-5):
    """Mean and standard deviation of each channel of each picture, both (B, C, 1, 1)."""
    # BEGIN SOLUTION
    mean = features.mean((2, 3), keepdim=True)
    variance = features.var((2, 3), correction=0, keepdim=True)
    return mean, (variance + eps).sqrt()
    # END SOLUTION


# %%
channel_stats = check("02-stats", channel_stats)

# %% [markdown]
# The three colour channels already have statistics. Six numbers a picture:

# %%
rows = []
for name, picture in [("street", street), ("painting", painting)]:
    mean, std = channel_stats(picture)
    rows.append([name, *mean.flatten().tolist(), *std.flatten().tolist()])
columns = ["picture", "mean red", "mean green", "mean blue", "std red", "std green", "std blue"]
viz.table(rows, columns, caption="Statistics of the pixels (0 = black, 1 = full)", digits=2)

# %% [markdown]
# Three channels give six numbers, and more channels give more. An **encoder** is a small convolutional network whose
# channels answer to edges, blobs, stripes and patches of colour. What it returns, its channels, are the **features** of a
# picture. Ours ships with the course; section 3 is about its other half, the decoder.
#
# Below are four of the encoder's channels. The left two vary more on the street than on the painting, the right two more on
# the painting than on the street (of all channels, the most extreme ones). White is a high value, black a low one.

# %%
stylizer = Stylizer.load("mini")
with torch.no_grad():
    x, s = stylizer.encode(street), stylizer.encode(painting)
x_std, s_std = (channel_stats(f)[1].flatten() for f in (x, s))
print(f"features of the street: {tuple(x.shape)}; so a style is 2 x {x.shape[1]} numbers")
ranking = (s_std / x_std).argsort().tolist()
chosen = ranking[:2] + ranking[-2:]
maps, titles = [], []
for features, std in [(x, x_std), (s, s_std)]:
    for c in chosen:
        low, high = torch.quantile(torch.cat([x[0, c].flatten(), s[0, c].flatten()]), torch.tensor([0.02, 0.98]))
        maps.append(((features[0, c] - low) / (high - low).clamp(min=1e-6)).clamp(0, 1))
        titles.append(f"channel {c}: std {std[c]:.2f}")
figure = viz.grid(maps, titles, columns=4, rows=["street", "painting"])
viz.show(figure, alt="Four feature channels of the street above, the same four of the painting below, as grey maps.")

# %% [markdown]
# Compare the two pictures of a column: the same filter on the same grey scale. One is flat and grey (quiet, a small
# std), the other full of black and white (busy, a large std). That is what a std in feature space measures: **how much
# a filter's answer changes from place to place**. (Look at the right two columns: what makes the painting's std large,
# its strokes, or its sky against its ground?)

# %% [markdown]
# ## 2. The layer (9 min)
#
# Adaptive instance normalisation (AdaIN) takes the content's own two numbers away from each channel and puts the
# style's two numbers in their place. With $x$ the features of the content and $s$ those of the style, channel by
# channel:
#
# $$\mathrm{AdaIN}(x, s) = \sigma(s)\,\frac{x - \mu(x)}{\sigma(x)} + \mu(s)$$
#
# The fraction keeps *where* a channel is high or low. The rest says *how much* that means.
#
# ### Exercise 2.2 — The AdaIN layer (●●○, 6 min)
#
# Give `content` (B, C, H, W) the channel statistics of a style: remove its own mean, divide by its own std, multiply by
# `style_std`, add `style_mean` (both (B, C, 1, 1)). Use your `channel_stats`.
#
# <details><summary>Hint 1</summary>
#
# First standardise each channel with its *own* two numbers, then dress it with the style's.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(content - mean) / std * style_std + style_mean`
#
# </details>


# %%
def adain(content, style_mean, style_std):
    """Content features with the channel statistics of a style."""
    # BEGIN SOLUTION
    mean, std = channel_stats(content)
    return (content - mean) / std * style_std + style_mean
    # END SOLUTION


# %%
adain = check("02-adain", adain)

# %% [markdown]
# A first use needs no encoder: take the three *colour* channels as the features.
#
# **Predict, then run.** The street gets the painting's six numbers, pixel by pixel. What will you recognise of the
# painting: its colours, its brush strokes, both?

# %%
on_pixels = adain(street, *channel_stats(painting)).clamp(0, 1)
figure = viz.grid([street, painting, on_pixels], ["street", "painting", "AdaIN on the pixels"], columns=3)
viz.show(figure, alt="The street, the painting, and the street with the painting's colours: recoloured, no strokes.")

# %% [markdown] tags=["instructor"]
# **Expected.** Its colours and its contrast, and no brush stroke: six numbers hold nothing about neighbours.

# %% [markdown]
# The colours moved in; the strokes stayed outside. Mean and std of *pixels* know colour and contrast and nothing of
# strokes: a stroke is not *in* a pixel, it is in how pixels stand beside one another. For texture we need channels that
# look at neighbours, so we go through the encoder. There the layer does what it promises:

# %%
moved = adain(x, *channel_stats(s))
c = chosen[0]
series = {"street": x[0, c], "painting": s[0, c], "street after AdaIN": moved[0, c]}
viz.show(
    viz.histogram(series, xlabel=f"value of channel {c}", title="One channel, before and after"),
    alt="Histograms of one channel: the street's, the painting's, and the street's after AdaIN, which is as narrow as the "
    "painting's.",
)
mean_error, std_error = (
    (a - b).abs().max().item() for a, b in zip(channel_stats(moved), channel_stats(s), strict=True)
)
print(f"largest difference to the painting's statistics, all channels: mean {mean_error:.1e}, std {std_error:.1e}")

# %% [markdown]
# (What remains is the $\varepsilon$ under the root, which shows where a channel hardly varies.) Look at the widths: after
# AdaIN the street's histogram is as narrow as the painting's and stands in the same place. The *order* is still the
# street's: it was only squeezed and shifted, and the position with the highest value before has the highest value now. So
# every car keeps its place. What we do not have yet is a picture: these are features, and nobody can hang them on a wall.

# %% [markdown]
# ## 3. A decoder learns to paint (7 min)
#
# We need the way back, from features to a picture. You will train it now, in front of your eyes: the encoder is not trained,
# and a small **decoder** learns to fulfil three wishes at once:
#
# 1. *Reconstruction*: a picture's own features should give that picture back.
# 2. *Content*: features after AdaIN should give a picture which, **encoded again**, has those features.
# 3. *Style*: and which, encoded again, has the painting's means and stds.
#
# The last two are the loss of Huang and Belongie, in miniature. Of the two cells below, read `losses`: it says the three
# wishes in code. `new_decoder` may be skipped: three convolutions, and `PixelShuffle`, which turns the 48 numbers of each
# position into 4 x 4 pixels.


# %%
def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


def new_decoder(channels=stylizer.channels, width=64):
    """Features (B, C, h, w) to pictures (B, 3, 4h, 4w): 48 numbers a position become 4 x 4 pixels of 3 colours."""
    torch.manual_seed(course.seed())
    layers = [conv(channels, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, 48)]
    with torch.no_grad():  # all 16 pixels of a position start alike: no checkerboard at the start, at least
        for values in layers[-1].parameters():
            values.copy_(values[::16].repeat_interleave(16, 0))
    return nn.Sequential(*layers, nn.PixelShuffle(4), nn.Sigmoid())


# %%
def losses(decoder, content, style):
    """The three wishes for the decoder, each a number to make small."""
    with torch.no_grad():
        features = stylizer.encode(content)
        goal = channel_stats(stylizer.encode(style))
        moved = adain(features, *goal)
    again = stylizer.encode(decoder(moved))
    stats = zip(channel_stats(again), goal, strict=True)
    return {
        "reconstruction": F.l1_loss(decoder(features), content),
        "content": F.mse_loss(again, moved),
        "style": sum(F.mse_loss(a, b) for a, b in stats),
    }


# %% [markdown]
# What the decoder learns from: streets in the game look and one painting of each kind, cut into small squares at random.
# The street that we look at (above) is not among them.

# %%
count = course.pick(smoke=8, laptop=48, full=200)
pictures, _ = streets.render_many(range(course.seed(100), course.seed(100) + count), "game")
street_pool = torch.from_numpy(pictures).permute(0, 3, 1, 2)
kinds = course.track(paintings.KINDS, "painting")
works = [torch.from_numpy(paintings.paint(course.seed(50), kind, 128)).permute(2, 0, 1) for kind in kinds]
painting_pool = torch.stack(works)


def crops(pool, count, generator, side=64):
    """Random squares out of a pool, uint8 (N, 3, H, W), as float in [0, 1]."""
    pictures, _, height, width = pool.shape
    cut = []
    for _ in range(count):
        choices = (pictures, height - side + 1, width - side + 1)  # which picture, how far down, how far right
        n, y, x = (int(torch.randint(k, (1,), generator=generator)) for k in choices)
        cut.append(pool[n, :, y : y + side, x : x + side])
    return torch.stack(cut).float() / 255


# %% [markdown]
# **Predict, then run.** The decoder starts with random weights. Which will come first: the right colours, the right
# places, or fine detail?

# %%
decoder = new_decoder()
steps = course.pick(smoke=12, laptop=500, full=4000)
optimiser = torch.optim.Adam(decoder.parameters())
# The schedule sets the learning rate: it rises, then falls, with small, careful steps at the end.
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
generator = torch.Generator().manual_seed(course.seed())
keep = sorted({0, steps // 12, steps // 4, steps - 1})
history, snapshots = {"reconstruction": [], "content": [], "style": []}, {}
for step in course.track(range(steps), "training the decoder"):
    content = torch.cat([crops(street_pool, 4, generator), crops(painting_pool, 2, generator)])
    parts = losses(decoder, content, crops(painting_pool, 6, generator))
    optimiser.zero_grad()
    (parts["reconstruction"] + 0.3 * parts["content"] + 0.3 * parts["style"]).backward()  # weights chosen by hand
    optimiser.step()
    schedule.step()
    for name, value in parts.items():
        history[name].append(value.item())
    if step in keep:
        with torch.no_grad():
            snapshots[step + 1] = [decoder(x)[0], decoder(moved)[0]]

# %%
shown = [picture for _, both in sorted(snapshots.items()) for picture in both]
names = [f"after {step} step{'s' * (step > 1)}" for step in sorted(snapshots)]
figure = viz.grid(shown, ["decoded: the street's own features", "decoded: features after AdaIN"], columns=2, rows=names)
viz.show(
    figure,
    alt="Rows of training time: left the reconstruction of the street, right its stylisation, both clearer row by row.",
)


# %%
def smooth(values):
    width = max(1, steps // 40)
    return F.avg_pool1d(torch.tensor(values)[None], width, stride=width)[0].numpy()


curves = {name: smooth(values) for name, values in history.items()}
span = steps / len(curves["style"])
curves = {name: ((1 + torch.arange(len(v))).numpy() * span, v) for name, v in curves.items()}
viz.show(
    viz.curves(curves, xlabel="training step", ylabel="loss", title="Three wishes, smoothed", log_y=True),
    alt="Three falling curves on a logarithmic axis: reconstruction, content and style loss over the training steps.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** Coarse places first: the features hold them, and after a few dozen steps the street stands there, nearly
# grey. Then the right colours; fine detail comes last, and not completely.

# %% [markdown]
# You have a style transfer that did not exist a minute ago. It is a modest one: read the rows downwards. What came
# first, and what is still missing at the end? (The grid of dots: each of the 4 x 4 pixels of a position has an error of
# its own until the decoder has learned better.) In the curves, compare each line with its own start: the three losses
# have different units.
#
# The shipped stylizer has the same parts and much more training (its model card tells how); it also gives its decoder a
# little noise (always the same), since a cloudless sky has no variation that a style could amplify. From here on we use
# the shipped decoder, and compare it with yours once, in two numbers. *Reconstruction*: how like the street is when it
# is encoded and decoded (more decibels are better). *Style distance left*: 100 % is the street as it was, 0 % would be
# the painting's statistics.


# %%
def psnr(a, b):
    """Likeness of two pictures in decibels; 6 dB more means half the difference from pixel to pixel."""
    return -10 * torch.log10(F.mse_loss(a, b)).item()


def style_distance(picture, goal):
    """How far a picture's statistics, encoded anew, lie from a style's (Euclidean)."""
    both = zip(channel_stats(stylizer.encode(picture)), goal, strict=True)
    return sum((a - b).square().sum() for a, b in both).sqrt().item()


rows, pictures, goal = [], [], channel_stats(s)
with torch.no_grad():
    for name, decode in [("your decoder", decoder), ("the shipped one", stylizer.decode)]:
        back, painted = decode(x), decode(moved)
        left = 100 * style_distance(painted, goal) / style_distance(street, goal)
        rows.append([name, psnr(back, street), left])
        pictures.append(painted)
viz.table(rows, ["decoder", "reconstruction (dB)", "style distance left (%)"])
figure = viz.grid(pictures, [row[0] for row in rows], columns=2)
viz.show(
    figure,
    alt="The same street in the style of the painting: left by the decoder trained here, right by the shipped one.",
)

# %% [markdown]
# Look for the painting's long strokes, and you will not find them: the encoder's channels see windows of 10 or 34
# pixels. What arrives is colour and grain. Look at road and sky: how much grain is there in each picture? Then at the
# table: whose reconstruction is better, and who comes nearer to the style? Your decoder has seen streets and a few
# paintings for a short while, and is judged on a street; the shipped one learned for far longer, on a large GPU, and
# had photographs to learn as well. Last, the right column. In *feature space* AdaIN meets the style's statistics up to
# the tiny $\varepsilon$, as section 2 showed. The decoded *picture*, encoded again, only comes near them: a decoder
# compromises between what the features ask for and what a picture can be.

# %% [markdown]
# ## 4. How much, and between whom (11 min)
#
# How strong should the paint be? Too little, and the game's textures show through; too much, and the cars drown. One number
# $\alpha$ sets it. At 1 the features are those of AdaIN, at 0 the street's own $x$; between them we walk in a straight line,
# in feature space, and decode once:
#
# $$y = \mathrm{decode}\big(\alpha\,\mathrm{AdaIN}(x, s) + (1-\alpha)\,x\big)$$
#
# ### Exercise 2.3 — How much style? (●●○, 5 min)
#
# Stylise `image`: encode it, move the features with `adain(features, style_mean, style_std)`, blend moved and original
# **features** with `alpha` (1 = all style, 0 = none), and decode the blend once. `encode`, `adain` and `decode` are functions
# that are handed in.
#
# <details><summary>Hint 1</summary>
#
# Encode, adain, blend, decode. At which point do the two versions meet?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `decode(alpha * moved + (1 - alpha) * features)`
#
# </details>


# %%
def stylise(image, style_mean, style_std, alpha, encode, adain, decode):
    """The image with a share alpha of the style."""
    # BEGIN SOLUTION
    features = encode(image)
    moved = adain(features, style_mean, style_std)
    return decode(alpha * moved + (1 - alpha) * features)
    # END SOLUTION


# %%
stylise = check("02-alpha", stylise)

# %% [markdown]
# **Predict, then run.** With `alpha = 0` no style enters. By how many of 255 grey levels will a pixel differ from the original
# street, on average: less than 1, about 3, about 10?


# %%
@torch.no_grad()
def paint_street(mean, std, alpha=1.0):
    """The street in a style, mean and std (C) or (1, C, 1, 1)."""
    mean, std = (value.reshape(1, -1, 1, 1) for value in (mean, std))
    return stylise(street, mean, std, alpha, stylizer.encode, adain, stylizer.decode)


alphas = [0.0, 0.25, 0.5, 0.75, 1.0]
walk = [paint_street(*channel_stats(s), alpha) for alpha in alphas]
figure = viz.grid([street, *walk], ["original", *(f"alpha = {a:g}" for a in alphas)], columns=3)
viz.show(
    figure, alt="The original street and five stylisations, alpha from 0 to 1: the painting's texture grows stronger."
)
change = 255 * (walk[0] - street).abs().mean().item()
print(f"alpha = 0 against the original: {psnr(walk[0], street):.1f} dB, {change:.1f} of 255 grey levels on average")

# %% [markdown] tags=["instructor"]
# **Expected.** About ten grey levels, more than most people guess: the round trip loses fine detail.
#
# **In class.** Every stylised picture of lesson 03 pays that price.

# %% [markdown]
# With `alpha = 0` you see what encoder and decoder lose on their own, the price of the round trip. Keep it in mind in
# lesson 03: *every* stylised picture pays it.
#
# Two styles can be mixed as well. A style is a point in a space of $2C$ numbers; a mixture lies between the points.
#
# ### Exercise 2.4 — Between two painters (●○○, 4 min)
#
# `means` and `stds` (N, C) hold N styles, `weights` (N) how much of each (not negative, any sum above 0). Return the
# mixed style (mean, std), both (C): the weighted averages, with weights scaled to sum to 1.
#
# <details><summary>Hint 1</summary>
#
# Scale the weights first. Then a mixed mean is one weighted sum over the N styles for each channel: which product does that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `w = weights / weights.sum()`; then `w @ means` and `w @ stds`.
#
# </details>


# %%
def mix_styles(means, stds, weights):
    """The weighted average of N styles."""
    # BEGIN SOLUTION
    w = weights / weights.sum()
    return w @ means, w @ stds
    # END SOLUTION


# %%
mix_styles = check("02-mix", mix_styles)

# %% [markdown]
# Four painters stand in the four corners. Every picture between them is a painter who never lived.

# %%
kinds = ["night_sky", "hatching", "pointillism", "stained_glass"]
corners = torch.cat([to_batch(paintings.paint(course.seed(7), kind, 192)) for kind in kinds])
stats = stylizer.style_stats(corners)
side = 4
tiles, names = [], []
for row in torch.linspace(0, 1, side):
    for column in torch.linspace(0, 1, side):
        top, left = 1 - row, 1 - column
        weights = torch.stack([top * left, top * column, row * left, row * column])
        tiles.append(paint_street(*mix_styles(stats.mean, stats.std, weights)))
        names.append(kinds[int(weights.argmax())].replace("_", " ") if weights.max() == 1 else "")
viz.show(
    viz.grid(list(corners), [kind.replace("_", " ") for kind in kinds], columns=4),
    alt=f"Paintings: {', '.join(kinds)}.",
)
figure = viz.grid(tiles, names, columns=side)
viz.show(
    figure,
    alt="Sixteen versions of one street; each corner has one painter's style, and those between change smoothly.",
)

# %% [markdown]
# ## 5. Shuffle the painting (7 min)
#
# Now the experiment that this lesson is about. Take the painting's features and **shuffle all positions**: the numbers of
# all channels at one position (a feature vector) move together to a random other position. The composition is gone; no
# stroke has its neighbours any more.
#
# ### Exercise 2.5 — Confetti (●●○, 5 min)
#
# Return a copy of `features` (B, C, H, W) in which the positions (h, w) stand in a random new order, the same for all
# channels; draw it with `generator`.
#
# <details><summary>Hint 1</summary>
#
# Lay the positions out in one row, (B, C, H*W), permute that row, and fold it back.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `order = torch.randperm(h * w, generator=generator)`; `features.flatten(2)[:, :, order].reshape_as(features)`
#
# </details>


# %%
def shuffle_positions(features, generator):
    """The same feature vectors in a random new order of places."""
    # BEGIN SOLUTION
    order = torch.randperm(features.shape[2] * features.shape[3], generator=generator)
    return features.flatten(2)[:, :, order].reshape_as(features)
    # END SOLUTION


# %%
shuffle_positions = check("02-shuffle", shuffle_positions)

# %% [markdown]
# **Predict, then run.** We decode the shuffled features to see what is left of the painting. Then the street gets its
# style from the *shuffled* painting. How will it differ from the street in the style of the *intact* one: no strokes,
# other colours, noise all over, something else?

# %%
confetti = shuffle_positions(s, torch.Generator().manual_seed(course.seed()))
with torch.no_grad():
    top = [painting, stylizer.decode(confetti, tuple(painting.shape[-2:]))]
intact, shuffled = paint_street(*channel_stats(s)), paint_street(*channel_stats(confetti))
figure = viz.grid(top, ["the painting", "its features, shuffled and decoded"], columns=2)
viz.show(figure, alt="Left the painting; right its features in random order, decoded: confetti without any form.")
figure = viz.grid(
    [intact, shuffled], ["street in the style of the painting", "street in the style of the confetti"], columns=2
)
viz.show(
    figure,
    alt="Two stylised streets, one with the painting's statistics, one with those of the confetti; they look the same.",
)
difference = 255 * (intact - shuffled).abs().max().item()
print(f"largest difference between the two streets: {difference:.4f} of 255 grey levels")

# %% [markdown] tags=["instructor"]
# **Expected.** Not at all. The two streets are equal but for rounding.
#
# **In class.** Wait for the silence, then ask what a style therefore cannot say.

# %% [markdown]
# Nothing changes but the rounding, because nothing *can* change: a sum does not care in which order you add. **A style
# is two numbers a channel**, and the picture of the painting is no longer needed. This has consequences:
#
# - A style is *small*. Lesson 03 keeps hundreds of painters in one small file.
# - A style cannot say "stars above, hills below". It is spread over the whole street, sky and road alike.
# - It does not even know which channels are busy *together*. The next cell shows this: it shuffles each channel on its own.
#   The statistics stay (first column: rounding), while the channels no longer go together (second column).
#
# The content is another matter: it **is** its places. The picture below the table shuffles the *street's* features instead.

# %%
generator = torch.Generator().manual_seed(course.seed(1))
alone = torch.stack([shuffle_positions(s[:, c : c + 1], generator)[:, 0] for c in range(s.shape[1])], 1)
rows = []
for name, features in [("intact", s), ("shuffled", confetti), ("each channel alone", alone)]:
    gap = max((a - b).abs().max().item() for a, b in zip(channel_stats(features), channel_stats(s), strict=True))
    together = torch.corrcoef(features[0].flatten(1)).abs().fill_diagonal_(0)
    company = together.sum().item() / (len(together) * (len(together) - 1))
    rows.append([name, f"{gap:.1e}", company])
viz.table(
    rows, ["painting's features", "largest change of a statistic", "mean |correlation| of two channels"], digits=3
)
with torch.no_grad():
    lost = stylizer.decode(adain(shuffle_positions(x, generator), *channel_stats(s)))
viz.show(
    viz.grid([lost], ["the street's features, shuffled, in the painting's style"], columns=1, width=4.2),
    alt="Shuffled street features in the painting's style: no street is left.",
)

# %% [markdown]
# ## 6. Turn the knobs (1 min)
#
# The explorer runs what you have built. Move alpha for a minute. When you have more time: mix two painters, and try *Break
# it*: leave out one half of the layer and watch which half carries the colours and which the strokes.

# %%
AdainExplorer()

# %%
print(summary("02"))

# %% [markdown]
# ## Recap
#
# - A style, for AdaIN, is the mean and the standard deviation of each feature channel, taken over positions: $2C$ numbers.
# - AdaIN standardises the content with its own statistics and dresses it with the style's. Places stay, the meaning of
#   "busy" changes.
# - On pixels that is a change of colour and contrast; on an encoder's features it is a change of texture.
# - Features after AdaIN carry the style's statistics (up to $\varepsilon$); the decoded picture comes near.
# - Order of positions, composition and correlations between channels are *not* part of a style. Shuffle them: nothing changes.
#
# ## References
#
# - X. Huang, S. Belongie. *Arbitrary style transfer in real-time with adaptive instance normalization.* ICCV 2017.
#   [arXiv:1703.06868](https://arxiv.org/abs/1703.06868)
# - L. Gatys, A. Ecker, M. Bethge. *Image style transfer using convolutional neural networks.* CVPR 2016: there a style is
#   the correlations of channels. [doi:10.1109/CVPR.2016.265](https://doi.org/10.1109/CVPR.2016.265)
# - D. Ulyanov, A. Vedaldi, V. Lempitsky. *Instance normalization: the missing ingredient for fast stylization.* 2016.
#   [arXiv:1607.08022](https://arxiv.org/abs/1607.08022)
#
# ## Next
#
# [03 Global texture randomization](03_global_texture_randomization.ipynb) puts another painter to work on every picture
# of every batch, and asks what a network learns from that.
