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
# # 00 · Start here
#
# **Question.** Can a network that has only ever seen a video game read a real street?
#
# **You will be able to**
# - render a labelled street in any look, and say what a look changes and what it leaves alone
# - show a network that fails when only the look changes, and one that fails less
# - read a label map: trainIds, the value 255, the share of a class
# - point at the two moves of this course, painting a whole picture and painting parts of it, on a street of your own
#
# **Before you start.** Python, NumPy, a little PyTorch. No data set, no GPU, no network connection.
#
# **Time.** 29 min planned. {{run_time}}
#
# **Path.** Express and full.
#
# (Express is an hour for the whole course. Here that means sections 1, 2 and 4: run the cells of section 3 without reading.
# Section 5 says which sections of the other lessons belong to it.)

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - 255 as a class: they count it below the fraction line, or index the palette with it. Ask what an annotator would say about the bonnet.
# - `reshape` for `permute`: the picture still has the right number of values, and looks like noise. Let them show it.
# - "The look changes the labels." It does not for `game`, `overcast`, `sun`: this is the experiment that the whole course leans on.
#
# **On the board.**
#
# - Draw a street with five lines. What did you need no colour for?
# - What does a label cost, in a game and on a photograph?
# - Which of the two moves, GTR or LTR, keeps raw pixels? Why might one want that?
# - The network fails under a grey sky. What did it learn instead of "car"?
#
# **If time is short.** Exercise 0.2 can be shown; 0.1 and 0.3 should be done, they teach how checks work. Let everybody see one check fail on purpose.

# %%
# The tools. Loading them takes a few seconds, and longer the very first time.
import numpy as np
import torch

from gltr_lib import (
    LocalTextureRandomization,
    Stylizer,
    course,
    datasets,
    doctor,
    models,
    paintings,
    streets,
)
from gltr_lib.checks import check, summary
from gltr_lib.evaluate import predict
from gltr_lib.labels import CLASSES, PALETTES, colourize
from gltr_lib.viz import bars, error_map, grid, label_figure, label_legend, show

# %% [markdown]
# ## 1. Is your machine ready? (2 min)
#
# Run a cell with Shift + Enter. This one asks the course's doctor, who looks and changes nothing. If something is
# missing, the line below it is the command that helps. The *mode* says how much the cells compute: `smoke` (seconds, for
# tests), `laptop` or `full`.

# %%
findings = doctor.examine(root=course.root())
fine = [finding.name for finding in findings if finding.status == "ok"]
rest = [finding for finding in findings if finding.status != "ok"]
print(f"{len(fine)} of {len(findings)} checks are fine, mode: {course.mode()}")
print(doctor.render(rest) if rest else "Nothing to mend. Go on.")

# %% [markdown]
# ## 2. One street, five looks (7 min)
#
# This course is about **segmentation**: a network looks at a street and says for every pixel what it is, road, car or
# person. To learn that, it needs pictures with **labels**, and labels are expensive: for each photograph, somebody
# outlines every car and every pole by hand. A game engine knows what it draws, so its labels are free. Hence the plan of
# *synthetic-to-real* learning: train on free pictures, use the network on real ones.
#
# This course brings its own small engine. A **seed** decides the street: its houses, cars and people, and where they
# stand. A **look** decides what all of it is made of, in which light, through which camera. (Some looks move things,
# too. You will find out which.) Here is one street in the `game` look, and its **label map**: one number for each pixel.
# (`course.seed(17)` is 17, unless your teacher gave you a variant of your own.)

# %%
SEED, SIZE = course.seed(17), (256, 512)
picture, labels = streets.render(SEED, look="game", size=SIZE)
print(f"picture {picture.shape} {picture.dtype}, labels {labels.shape} {labels.dtype}")
show(picture, alt="A street as in a video game: grey road, sand-coloured houses, blue cars, green trees, blue sky.")

# %% [markdown]
# Every car is blue. Every facade is sandy brick. Every pedestrian wears the same pink, every rider the same orange. Real cities are not like that,
# and yet you would recognise any street. Would a network that learnt here?
#
# Four more looks: `overcast` and `sun` are two kinds of weather, with other paint on everything; what `geometry`
# changes is for you to find out; `sampled:3` is number 3 of a long list of looks drawn at random.
#
# From here on, look for **Predict, then run**: guess first, then run the cell. Under its result stands *What we saw*,
# folded up. Open it when you have looked for yourself.
#
# **Predict, then run.** The next cell renders *the same seed* in these looks. Which of the four leave everything in its
# place, so that the label map stays the same to the last pixel?

# %%
looks = ["game", "overcast", "sun", "geometry", "sampled:3"]
rendered = {look: streets.render(SEED, look=look, size=SIZE) for look in looks}
same = {look: bool(np.array_equal(labels, other)) for look, (_, other) in rendered.items()}
pictures, maps = [pair[0] for pair in rendered.values()], [colourize(pair[1]) for pair in rendered.values()]
titles = looks + ["same as game" if same[look] else "another street" for look in looks]
show(
    grid(pictures + maps, titles, columns=5, rows=["picture", "labels"]),
    alt="Five looks of one seed above, their label maps below; the same map as game: "
    + ", ".join(look for look in looks if same[look]),
)
show(label_legend(np.unique(labels)), alt="Legend: number, name and colour of each class in this street.")

# %% [markdown] tags=["instructor"]
# **Expected.** `overcast` and `sun` share the map of `game` to the last pixel. `geometry` and `sampled:3` show other
# streets.
#
# **In class.** Let somebody say why that makes the first two the cleanest experiment.

# %% [markdown]
# | look | what it changes | what it is for |
# |---|---|---|
# | `game` | nothing: this is where we start | **training** |
# | `overcast`, `sun` | materials, light, weather, the camera; the street stays | development: we may look at results here while we still choose how to train |
# | `sampled:<n>` | all of that, and the street, too | the test: looked at when all is chosen |
# | `geometry` | the street and the viewpoint; the materials stay | a control (one thing changes, to see whether it is to blame): does the network fail because things stand elsewhere? |
# | `colour` | the colours; the rest stays | a control: does it fail because of colour alone? |
#
# `overcast` and `sun` are the cleanest experiment in this course. The street is the same to the last pixel. If a
# network fails there, the reason is what things look like, not where they stand. In this lesson they play the part of
# the real street.
#
# So let us try. The course ships a network that was trained on pictures of the game, and on nothing else.
#
# **Predict, then run.** On our street in the `game` look it should be good. In `overcast` and `sun`, every car and every
# house is where it was. Will it get more of the pixels right than wrong? Will it still see the road?


# %%
def answers(network, before=None):
    """Our street in three looks: pictures, a network's answers, its errors; the titles; the shares of wrong pixels."""
    pictures, guesses, errors, titles, wrong = [], [], [], [], {}
    for look in ("game", "overcast", "sun"):
        images, truth = datasets.stack(datasets.StreetsDataset([SEED], look))  # one picture, one label map
        guess = predict(network, images)[0]
        pictures.append(images[0])
        guesses.append(colourize(guess.numpy()))
        errors.append(error_map(guess, truth[0], images[0]))
        wrong[look] = f"{(guess != truth[0]).float().mean():.0%}"
        titles.append(f"{look}: {wrong[look]} wrong" + (f" (was {before[look]})" if before else ""))
    figure = grid(pictures + guesses + errors, titles, columns=3, rows=["picture", "answer", "errors"])
    return figure, titles, wrong


figure, said, before = answers(models.load_shipped("baseline"))
show(
    figure, alt=f"One street in three looks, a game-trained network's answers, its errors in orange; {', '.join(said)}."
)
show(label_legend(), alt="Legend: number, name and colour of all 19 classes, for the row of answers.")

# %% [markdown] tags=["instructor"]
# **Expected.** Nearly everything is right on `game`. In `overcast` and `sun` there are large orange areas, with road,
# cars or houses among them. More than half of the `sun` street is wrong.
#
# **In class.** The printed shares are those of one street. Let them say what a person would have got wrong: nothing.

# %% [markdown]
# Orange is wrong. Compare each answer with the label map above, which is right for all three columns: nothing has
# moved, and still the network loses whole vehicles. A suspicion, which lesson 01 tests: it never learned what a car
# *is*, only what cars in this game are *made of*.
#
# Three terms for this. The pictures that we train on are the **source domain** (here the game), those on which the
# network must work the **target domain**. What is lost on the way is the **domain gap**. Lesson 01 measures it; section
# 4 shows what this course tries against it.
#
# ## 3. What the network must say (10 min)
#
# There are 19 classes. Their numbers are the **trainIds** 0 to 18 of Cityscapes, a set of photographs of streets, most
# of them German, labelled by hand. A value of **255** means: no label here, do not count this pixel, neither for nor
# against the network. (Our streets have a label everywhere; exercise 0.2 makes a hole.)

# %%
show(
    label_figure(labels, picture, title="Street and trainIds"),
    alt="The game street beside its label map in a colour-safe palette; numbers on the map name the classes, "
    "a legend below lists those present.",
)

# %% [markdown]
# The colours are chosen so that colour-blind readers can tell all 19 apart; the numbers help everybody else too.
#
# ### Exercise 0.1 — The share of a class (●○○, 3 min)
#
# Write `class_share(labels, class_id)`: the share, from 0 to 1, of the *labelled* pixels that have this class.
# `labels` is a NumPy array (H, W). Pixels with the value 255 count neither above nor below the fraction line.
#
# Every exercise works like this one: replace the line that raises an error, run the cell, then run the check below
# it. The check tries your function on inputs it has never seen. If it is not right yet, it says what probably went
# wrong and lends you the library's version, so that the cells below run in any case.
#
# <details><summary>Hint 1</summary>
#
# Two counts and one division. Which pixels may the lower count contain?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `valid = labels != 255`; then compare `(labels == class_id).sum()` with `valid.sum()`.
#
# </details>


# %%
def class_share(labels, class_id):
    """Share of the labelled pixels that have this class."""
    # BEGIN SOLUTION
    valid = labels != 255
    return float((labels == class_id).sum() / valid.sum())
    # END SOLUTION


# %%
class_share = check("00-labels", class_share)

# %% [markdown]
# **Predict, then run.** Over many streets, how large a part of the picture is road? And how large are all poles,
# traffic lights, people and bicycles *together*? Write two numbers down before you run the cell.

# %%
count = course.pick(smoke=6, laptop=32, full=64)
seeds = course.track(range(course.seed(0), course.seed(0) + count), "rendering streets")
many = np.concatenate([streets.render(seed, look="game")[1] for seed in seeds])  # one tall map, (count * H, W)
share = {f"{i}  {name}": 100 * class_share(many, i) for i, name in enumerate(CLASSES)}
small = [name for name in share if name.split("  ")[1] in ("pole", "traffic light", "person", "bicycle")]
print(f"road: {share['0  road']:.1f} %   poles, lights, people and bicycles: {sum(share[n] for n in small):.1f} %")
show(
    bars(share, ylabel="share of the labelled pixels (%)", title=f"Few classes own the picture ({count} game streets)",
         horizontal=True, width=6.4),
    alt=f"Bars of the share of each class in {count} streets: road {share['0  road']:.0f} per cent and building "
    f"{share['2  building']:.0f}; poles, lights, people and bicycles together {sum(share[n] for n in small):.1f}.",
)  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** Road is about a quarter of all pixels. Poles, lights, people and bicycles together are three or four in
# a hundred. (The printed line has the numbers for your streets.)
#
# **In class.** Keep the guesses: they come back in lesson 01, when a score ignores what is small.

# %% [markdown]
# Remember the short bars. A network may ignore all of them and still have nearly every pixel right. Lesson 01 builds
# a score that notices.
#
# ### Exercise 0.2 — Colouring labels by lookup (●●○, 6 min)
#
# Write `colourise(labels, palette)`: turn `labels` (uint8, H x W) into a picture (uint8, H x W x 3). Each class gets
# its row of `palette` (uint8, 19 x 3); every pixel with the value 255 becomes black. No Python loop over pixels.
#
# <details><summary>Hint 1</summary>
#
# `palette[labels]` looks up all pixels at once, but 255 lies outside the 19 rows.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Make a table with 256 rows of zeros, copy the palette into its first 19 rows, and index the table.
#
# </details>


# %%
def colourise(labels, palette):
    """Picture of a label map: one colour a class, black where there is no label."""
    # BEGIN SOLUTION
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(palette)] = palette
    return table[labels]
    # END SOLUTION


# %%
colourise = check("00-colour", colourise)

# %% [markdown]
# Try it on a map with a hole. A real camera sits in a car and sees the car's own front (its bonnet, or hood) in every
# picture. Data sets give those pixels no label, 255; here they are the black half ellipse. In the official palette some
# classes are hard to tell apart: compare person and rider here, and truck, bus and train on other streets.

# %%
rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
bonnet = ((rows - SIZE[0]) / 46) ** 2 + ((columns - SIZE[1] / 2) / 150) ** 2 < 1
holed = np.where(bonnet, np.uint8(255), labels)
show(
    grid([colourise(holed, PALETTES["safe"]), colourise(holed, PALETTES["cityscapes"])], ["colour-safe", "official"]),
    alt="The same label map in the colour-safe and in the official palette; a black half ellipse at the lower edge "
    "marks pixels without a label.",
)

# %% [markdown]
# ## 4. The two moves of this course (8 min)
#
# You have seen a network fail. What could make it fail less? The idea of this course: paint. One thing first: a network takes
# tensors, channels first, values from 0 to 1.
#
# ### Exercise 0.3 — From picture to tensor (●○○, 4 min)
#
# Write `to_tensor(picture)`: NumPy, uint8, H x W x 3, values 0 to 255, becomes a float32 tensor (3, H, W) with values
# in [0, 1]. 255 becomes exactly 1.
#
# <details><summary>Hint 1</summary>
#
# Three steps: to a tensor, axes in a new order, values scaled.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.from_numpy(picture).permute(2, 0, 1)`, then to float and divided by 255.
#
# </details>


# %%
def to_tensor(picture):
    """Float tensor (3, H, W) in [0, 1] of a uint8 picture (H, W, 3)."""
    # BEGIN SOLUTION
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    # END SOLUTION


# %%
to_tensor = check("00-normalise", to_tensor)

# %% [markdown]
# Now the idea. By the **texture** of a thing this course means its surface: the pattern and the colours, not the outline.
# If the textures of the game mislead the network, make them worthless. Paint every training picture in the style of a
# painting, another one each time, until the only thing that the pictures have in common is the *shape* of things. The
# labels stay right, because a painted car is still where the car was.
#
# - **Global** texture randomization (GTR) paints the whole picture $x$; the result is $x_\text{global}$.
# - **Local** texture randomization (LTR) paints only random blobs. A mask $M$ is 1 inside the blobs and 0 outside:
#   $x_\text{local} = M\,x_\text{global} + (1-M)\,x$.
#
# Below, a small network that comes with the course paints your street (you will build one in lesson 02). The painting
# is computed, too: change the number 22 and run the cell again. There are as many paintings as there are numbers.

# %%
painting = paintings.paint(course.seed(22), size=256)
stylizer = Stylizer.load("mini")
street = to_tensor(picture)[None]
style = stylizer.style_stats(to_tensor(painting)[None])
with torch.no_grad():
    painted = stylizer.stylize(street, style)
mixed, blobs = LocalTextureRandomization(share=0.5)(street, painted, torch.Generator().manual_seed(course.seed()))
show(
    grid(
        [
            picture,
            painting[64:192],
            painted[0],
            blobs[0].expand(3, -1, -1),
            mixed[0],
            colourise(labels, PALETTES["safe"]),
        ],
        ["street x", "part of a painting", "painted: GTR", "blobs M", "mixed: LTR", "labels: the same for all"],
        columns=3,
    ),
    alt="Six panels: the game street, a painting, the street in the painting's style, black and white blobs, the street "
    "painted only inside the blobs, and the label map they share.",
)

# %% [markdown]
# One painting is not enough: a network would simply learn *that* look. Here are four more, and four training pictures
# of one street. What do all four still have in common?

# %%
canvases = [paintings.paint(course.seed(number), size=256) for number in (16, 23, 36, 37)]
with torch.no_grad():
    styles = stylizer.style_stats(torch.stack([to_tensor(canvas) for canvas in canvases]))
    four = stylizer.stylize(street.expand(4, -1, -1, -1), styles)
names = [paintings.kind_of(course.seed(number)).replace("_", " ") for number in (16, 23, 36, 37)]
show(
    grid([canvas[64:192] for canvas in canvases] + list(four), names, columns=4, rows=["painting", "street"]),
    alt=f"Above parts of four paintings ({', '.join(names)}), below the same street painted in each of their styles.",
)

# %% [markdown]
# Does it help? The course ships a second network: the same layers, the same game streets, as many steps. Only
# its training pictures were painted, whole (GTR), each in a new style. It has never seen `overcast` or `sun` either.
#
# **Predict, then run.** The same street, the same three looks. Where, if anywhere, will the painted training help? Will it
# cost something on the `game` look, which this network has never seen unpainted?

# %%
figure, said, _ = answers(models.load_shipped("gtr"), before)
show(
    figure, alt=f"The same street in three looks, a paint-trained network's answers and its errors; {', '.join(said)}."
)
print(summary("00"))

# %% [markdown] tags=["instructor"]
# **Expected.** Less orange in `overcast` and `sun` than the first network had, and a little more on `game`: the price.
# Not everything is repaired.
#
# **In class.** Ask which errors stay, and whether one street proves anything.

# %% [markdown]
# Each title says what the first network got wrong (*was*). Go back to its figure and compare column by column. This is the
# whole course in one picture: textures taken away in training, and what the network does then. But one street is an
# anecdote, and a picture is not a score. How much painting helps, and when it does not, is the subject of the next nine
# lessons. You will build every part by hand and measure it, and some of the measurements will not be flattering.
#
# ## 5. The plan (2 min)
#
# | lesson | question | express |
# |---|---|---|
# | [01 The domain gap](01_domain_gap.ipynb) | How badly does a network fail when only the look changes? | sections 1, 2, 5 |
# | [02 AdaIN](02_adain.ipynb) | What is the style of a picture, written as numbers? | 1, 2, 6 |
# | [03 Global texture randomization](03_global_texture_randomization.ipynb) | Which paintings, how many, how often? | 4, 7 |
# | [04 Local texture randomization](04_local_texture_randomization.ipynb) | Why paint only parts, and which parts? | |
# | [05 Consistency](05_consistency.ipynb) | Should both pictures get the same answer? | |
# | [06 DeepLab](06_deeplab.ipynb) | What is inside the network, and how is it trained? | |
# | [07 Evaluation](07_evaluation.ipynb) | How far can you trust a score, also on real photographs? | 5 |
# | [08 Rivals and ablations](08_rivals_and_ablations.ipynb) | What else works, and which part did the work? | |
# | [09 Limits and capstone](09_limits_and_capstone.ipynb) | Where does it end, and what will you build? | |
#
# **Express path**, an hour: sections 1, 2 and 4 of this lesson, then those of the table. Read, predict, run, and leave
# the exercises for later; where you jump, run what lies above. Every lesson opens alone: it loads trained networks that
# come with the course instead of asking you to finish another lesson first.
#
# **Predict, then run** is meant seriously. A guess that turns out wrong is what you will remember next week.
#
# **How honest are the numbers?** Each number in a lesson is computed in front of you, or read from a file in
# `results/` that names its seeds and its code. The street world *shows the mechanism*; only photographs of real
# streets count as *evidence*. The method is that of Peng and colleagues (2021); where the text that we could read leaves
# a detail open, the lesson says so and calls its own choice its own.
#
# ## Recap
#
# - A seed fixes the street, a look what it is made of. `game`, `overcast` and `sun` share their labels exactly;
#   `geometry` and the sampled looks make another street of the same seed.
# - A network that was trained on the game fails where only the look changes: that is the domain gap.
# - TrainIds 0 to 18 are classes; 255 is not a class and is never counted.
# - A few large classes own most of the pixels.
# - GTR paints the whole picture, LTR blobs of it; the labels do not move.
#
# ## References
#
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and Local Texture Randomization for Synthetic-to-Real Semantic Segmentation.* IEEE TIP 30, 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
# - M. Cordts et al. *The Cityscapes Dataset for Semantic Urban Scene Understanding.* CVPR 2016. [arXiv:1604.01685](https://arxiv.org/abs/1604.01685)
# - S. R. Richter, V. Vineet, S. Roth, V. Koltun. *Playing for Data: Ground Truth from Computer Games.* ECCV 2016. [arXiv:1608.02192](https://arxiv.org/abs/1608.02192)
#
# ## Next
#
# [01 The domain gap](01_domain_gap.ipynb) trains a network on the game, live, and takes it outside.
