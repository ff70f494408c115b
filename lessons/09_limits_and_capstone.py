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
# # 09 · Limits, your own data, capstone
#
# **Question.** What has this course not shown, and what happens when the pictures are yours?
#
# **You will be able to**
# - say of each claim in this course whether it is verified, demonstrated or unknown
# - bring your own labels into the 19 classes without losing pixels in silence, and split them honestly
# - choose the size of LTR's blobs and the hours of training for your own pictures
# - plan a project whose result means something whichever way it falls
#
# **Before you start.** [04 Local texture randomization](04_local_texture_randomization.ipynb),
# [07 Evaluation](07_evaluation.ipynb), [08 Rivals and ablations](08_rivals_and_ablations.ipynb).
#
# **Time.** 63 min planned. {{run_time}}
#
# **Path.** Full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - Unknown ids become 0, which is road. They must become 255, and somebody must be told.
# - The audit compares with the new numbers instead of the old ones.
# - Plans without anything that could refute them. Send them back kindly.
# - A budget for one seed and one method: multiply by three, and by the control.
#
# **On the board.**
#
# - Verified, demonstrated, evidence, unknown: sort five sentences of this course (or of a paper they like).
# - What would change your mind about GTR? Write it down before you run anything.
# - Split by recording, not by frame: why?
#
# **If time is short.** Section 1 and the plan of section 5 in class; the exercises at home with their own pictures.

# %%
import math

import numpy as np
from PIL import Image

from gltr_lib import course, datasets, engine, ledger, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.config import METHODS, TrainConfig
from gltr_lib.course import claims
from gltr_lib.labels import CLASSES, LABEL_ID_TO_TRAIN_ID
from gltr_lib.study.looks import TEST_LOOKS

# %% [markdown]
# ## 1. What we know, and how (12 min)
#
# Four words, used strictly. *Verified*: we read it in a public source, or computed it. *Demonstrated*: it happens in a
# world that we built to show it. *Evidence*: measured on real data. *Unknown*: neither.
#
# | claim | status |
# |---|---|
# | GTR paints source images with AdaIN, LTR mixes painted and raw regions, CGL asks for agreement | verified: abstract, released code |
# | the mask's formula: noise, blur, threshold | verified: released code |
# | the paper's formula for CGL, its weight, its gradient | **unknown** to us; ours is our own definition |
# | how the paper measures the texture complexity of paintings | **unknown** to us; ours is our own definition |
# | a network trained on one look leans on material more than on shape | demonstrated in rendered streets (lesson 01); there it is mostly the *colour* of the material (`docs/probes.md`, one seed) |
# | painting helps on looks never seen | *demonstrated* at most, in rendered streets, as far as the verdicts below go |
# | LTR and CGL add to it | the same: one budget, one world, and the verdicts below |
# | painting helps on real photographs | *evidence* at most, and thin: three small sets, small networks (lesson 07, `docs/study.md`) |
# | any of it makes a useful segmenter of real roads | *evidence* against it: the last line below |
#
# The whole list of what we could not check, with sources, is `docs/not_reproduced.md`.
#
# The last four are not for us to word. The next cell asks the ledgers: which results are there, and what do they say?

# %%
results = course.root() / "results"
metrics = {"camvid/all": "mIoU-11", "idd_lite/all": "mIoU-4", "cityscapes/all": "mIoU-19"}
known = {f"streets/{TEST_LOOKS}": claims.scores()}
known |= {data: claims.scores(file="real.jsonl", metric=metric) for data, metric in metrics.items()}
places = dict(zip(known, ("rendered test looks", "CamVid, 11 classes", "IDD-Lite, 4 classes", "nine Cityscapes samples"),
                  strict=True))  # fmt: skip
asked = {"GTR against the baseline": ("gtr", "baseline"), "LTR against its control": ("gtr_ltr", "gtr_gtr"),
         "CGL on top of GTR+LTR": ("gtr_ltr_cgl", "gtr_ltr")}  # fmt: skip
rows = [
    (name, place, claims.sentence(claims.paired(known[data], *pair, data)))
    for name, pair in asked.items()
    for data, place in places.items()
]
viz.table(
    rows, ["claim", "where", "difference in mIoU (by seed): verdict"], caption="Verdicts over seeds, not over pictures"
)
photos = known["camvid/all"] | claims.scores(file="real_rivals.jsonl", metric="mIoU-11", tier="rivals")
best = max((sum(v.values()) / len(v) for (_, data), v in photos.items() if data == "camvid/all"), default=math.nan)
print(f"best of all methods trained on drawn streets from scratch, on CamVid: mIoU-11 of {best:.1f} %")

# %% [markdown]
# **Why rendered streets prove so little.** We wrote the world *and* its shifts. Its classes have shapes that are
# meant to survive painting, because we drew them so. A world in which shape is worthless, or in which texture is reliable, could be
# written just as well, and there the verdict would turn. What such a world can do is show a *mechanism* in minutes,
# with every knob in your hand.
#
# **Another source, another answer.** Here is a source that is no world of ours. AirSim, a simulator for drones and
# cars, is somebody else's game; its frames here are seen from about ten metres above the ground. On them we trained two
# kinds of network: from scratch, and on top of a trunk that has learned from the photographs of ImageNet.
#
# **Predict, then run.** Will painting AirSim's frames help on photographs taken from a car? Which of the two kinds will
# gain more?

# %%
COMMON = {"camvid/all": ("CamVid", "mIoU-5"), "idd_lite/all": ("IDD-Lite", "mIoU-4"),
          "cityscapes/all": ("nine Cityscapes samples", "mIoU-5")}  # fmt: skip
rows = []
for trunk, words in (("mini", "from scratch"), ("squeezenet", "over an ImageNet trunk")):
    pair = [f"{method} [airsim {trunk}]" for method in ("gtr", "baseline")]
    for data, (place, metric) in COMMON.items():
        values = claims.paired(claims.scores(file="real.jsonl", metric=metric, tier="real"), *pair, data)
        rows.append((words, place, claims.sentence(values)))
viz.table(
    rows, ["trained on AirSim", "scored on", "GTR against the baseline, mIoU (by seed): verdict"],
    caption="Five broad classes, four on IDD-Lite; 500 steps",
)  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** Most people guess that the better network gains more. As the ledger stands, one of three sets has a
# verdict from scratch (the Cityscapes samples: *helps*), and none over the trunk. On CamVid all seeds lose, with both
# kinds.
#
# **In class.** Read it line by line: which differences have the same sign for every seed? Collect explanations first;
# both of the text's are guesses.

# %% [markdown]
# Compare the two kinds set by set, and mind how many verdicts are *open*. Where painting brings less over the trunk than from
# scratch, or nothing at all, one looks for a reason. Randomization makes a bet: *shapes carry over, looks do not.* So there are two
# explanations. From ten metres up, a road has
# another outline and another place than from a driver's seat: shapes carry over badly. Or the trunk, which has seen photographs,
# already knows looks that are worth keeping, and painting teaches it to ignore them.
#
# **Predict, then run.** A control can clear the trunk of suspicion: the same trunk, trained on our drawn streets, whose
# camera sits in a car. If the trunk alone were the reason, what would you read in the first three lines?

# %%
known = {metric: claims.scores(file="real.jsonl", metric=metric, tier="real") for _, metric in COMMON.values()}
rows = []
for method, words in (("gtr", "GTR"), ("photometric", "strong photometry")):
    pair = [f"{name} [streets squeezenet]" for name in (method, "baseline")]
    for data, (place, metric) in COMMON.items():
        rows.append((words, place, claims.sentence(claims.paired(known[metric], *pair, data))))
viz.table(
    rows, ["drawn streets, ImageNet trunk", "scored on", "against the baseline, mIoU (by seed): verdict"],
    caption="Five broad classes, four on IDD-Lite; 1000 steps",
)  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** If the trunk were the reason, these lines would look like those of the trunk above. They do not: all six
# lines of this table say *helps*.
#
# **In class.** Ask what else differs between the two tables (steps, number of pictures, how much they resemble one
# another), and how one would find out.

# %% [markdown]
# Here the verdicts are of another kind: over the same trunk, painting helps. So the trunk alone is not the reason. (And
# the lower three lines? Strong photometry needs no painting. Is it behind?) Nor are the frames alone: from scratch,
# painting them helped on one set at least. It is the two together, at half the steps. Which of camera, number of frames
# (259 neighbours from one drive) and steps is to blame, nobody has tried. A guess that sounded right needed one control
# to fall. And the trunk is a small one: of large ones this says nothing.
#
# Ask it of your own data, too: *what changes between source and target, and what does the network already know?* The one table by
# others that we know of also reports lower averages for large pretrained networks (`docs/not_reproduced.md`).
#
# ### The released code
#
# The authors published their training code. Who runs it should know what it does. All lines refer to `TR_BR.py` at commit
# `c0ef035`, unless another file is named:
#
# | what one finds | consequence |
# |---|---|
# | the package folder is spelled `datastes/`, imports say `datasets` (l. 23) | does not start as cloned |
# | no consistency term; the second forward pass is commented out (l. 317-335) | CGL is absent |
# | the stylised share starts at 1.0 (l. 717) | the mask is empty: LTR changes nothing |
# | `--init_beta` has type `int` (l. 715) | 0.5 cannot be given on the command line |
# | half of the pictures are raw, and so is their partner | LTR mixes them with themselves |
# | the checkpoint is the best on Cityscapes val (l. 207-223) | the target's labels choose the network |
# | `return out` stands inside a loop (`deeplab_multi.py`, l. 63-67) | two of four dilations are used |
#
# None of this says that the paper's numbers are wrong: what was released need not be what was run. It says that this code,
# as released, does not run the method that the paper describes.
#
# One more deserves a sum: the schedule. In lesson 04 the line that *runs* was past 99 % after 12 steps, if somebody had
# repaired the option and started at one half. It is set back every 5,000 steps. In how many of 200,000 steps does LTR
# leave more than one raw pixel in a hundred? Do it in your head: 40 times 12 is 480, a quarter of one per cent. As the
# comment intends it, it would be four fifths.
#
# Such a thing does not crash, and no loss curve shows it. You find it by **plotting what the code does, not what its
# comment says**.
#
# ## 2. Your own labels (24 min)
#
# Now your pictures. You need three things: photographs, label maps of the same size, and a table from your class numbers
# to the 19 trainIds. The table is where most own projects go wrong, silently.

# %% [markdown]
# ### Exercise 9.1 — A table for your labels (●○○, 3 min)
#
# Write `build_lut(mapping)`: return a NumPy array `lut` (uint8, 256 entries) so that `lut[your_labels]` are trainIds.
# `mapping` is a dict your id -> trainId; every id that is not in it becomes 255 (ignore).
#
# <details><summary>Hint 1</summary>
#
# What should an id that you did not think of become? Not road.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.full(256, 255, dtype=np.uint8)`, then fill in the entries.
#
# </details>


# %%
def build_lut(mapping):
    """256 entries: your id -> trainId, the rest 255."""
    # BEGIN SOLUTION
    lut = np.full(256, 255, dtype=np.uint8)
    for old, new in mapping.items():
        lut[old] = new
    return lut
    # END SOLUTION


# %%
build_lut = check("09-lut", build_lut)

# %% [markdown]
# Unknown ids become 255, so nothing crashes, and nothing warns you either. So ask before you train.

# %% [markdown]
# ### Exercise 9.2 — Ids that nobody expected (●○○, 4 min)
#
# Write `unknown_ids(labels, mapping)`: return a sorted list of the ids that occur in `labels` (uint8, HxW) but are neither
# in `mapping` (dict) nor 255: what you would lose in silence.
#
# <details><summary>Hint 1</summary>
#
# Which ids occur at all? Then strike out the known ones.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.unique(labels)` and a comprehension.
#
# </details>


# %%
def unknown_ids(labels, mapping):
    """Ids that occur and that nobody mapped."""
    # BEGIN SOLUTION
    return [int(i) for i in np.unique(labels) if i != 255 and int(i) not in mapping]
    # END SOLUTION


# %%
unknown_ids = check("09-audit", unknown_ids)

# %% [markdown]
# Let us stage it. Below is "your" data set: pictures and label maps in two folders, in the numbers of Cityscapes'
# labelIds. Whoever labelled it had an idea of their own about one class, and told nobody. (The cell does it. Skip its
# code if you like to be surprised.)

# %%
MINE = course.run_dir("09") / "mine"
(MINE / "images").mkdir(parents=True, exist_ok=True)
(MINE / "labels").mkdir(parents=True, exist_ok=True)
mapping = {i: int(t) for i, t in enumerate(LABEL_ID_TO_TRAIN_ID) if t != 255}
back = {train_id: label_id for label_id, train_id in mapping.items()}
for number in course.track(range(course.pick(smoke=4, laptop=12, full=24)), "staging"):
    picture, truth = streets.render(course.seed(900 + number), "overcast", (240, 320))
    ids = np.vectorize(lambda t: back.get(t, 0), otypes=[np.uint8])(truth)
    lower = np.arange(240)[:, None] >= 160
    ids[(ids == 8) & lower] = 40
    Image.fromarray(picture).save(MINE / "images" / f"{number:03}.png")
    Image.fromarray(ids).save(MINE / "labels" / f"{number:03}_labelIds.png")
print(f"{len(mapping)} ids are mapped; the folders hold {number + 1} pairs")

# %% [markdown]
# **Predict, then run.** How many unexpected ids will your audit report, and how large a share of that one class would
# have been lost?

# %%
maps = {path: np.array(Image.open(path)) for path in sorted((MINE / "labels").glob("*.png"))}
found = sorted({i for ids in maps.values() for i in unknown_ids(ids, mapping)})
counts = np.sum([np.bincount(ids.ravel(), minlength=256) for ids in maps.values()], axis=0)
viz.table(
    [(i, 100 * counts[i] / counts.sum(), sum((ids == i).any() for ids in maps.values())) for i in found],
    ["unexpected id", "pixels (%)", "pictures"], caption=f"Audit of {len(maps)} label maps", digits=2,
)  # fmt: skip
lost = counts[40] / (counts[40] + counts[8])
print(f"With the mapping as it was, {lost:.0%} of the sidewalk's pixels would have been ignored.")

# %%
mapping_after = mapping | {40: CLASSES.index("sidewalk")}
before, after = (
    datasets.FolderPairs(MINE / "images", MINE / "labels", lut=build_lut(table)) for table in (mapping, mapping_after)
)
number = max(range(len(before)), key=lambda i: (before.pair(i)[1] == 255).sum())
picture, labels_before = before.pair(number)
labels_after = after.pair(number)[1]
viz.show(
    viz.grid(
        [picture, picture, picture],
        ["your picture", "mapping without 40", "mapping with 40"],
        labels=[None, labels_before, labels_after],
        alpha=0.85,
    ),
    alt="A street; its labels with a hole where the near sidewalk should be; its labels with the sidewalk whole.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** One: id 40, and with it most of the sidewalk's pixels, because the near part of the picture is large.
# The printed line has the share.

# %% [markdown]
# Id 40 is "sidewalk, near". The sidewalk had become **two** classes, 8 far away and 40 in the lower part of the
# picture, and the mapping had never heard of 40. Look at the middle picture. Where the hole is, nothing is learnt, and
# nothing is *scored* either: with the same table in the evaluation no number warns you. Only the audit does, and your
# eyes.
#
# Before you train on anything of your own, five checks: ids audited · a dozen overlays looked at · sizes of pictures and
# labels equal · no scene in both training and validation · the licence allows it. The fourth is broken most often, since
# frames of one drive look like many pictures and are nearly one.

# %% [markdown]
# ### Exercise 9.3 — Split by recording (●●○, 5 min)
#
# Write `split_by_recording(recordings, share)`: `recordings` is a list that holds, for each of N frames, the name of its
# recording. Return (train, val), two rising lists of frame indices. In alphabetical order, whole recordings go to val
# until val holds at least `share` of all frames; the rest is train.
#
# <details><summary>Hint 1</summary>
#
# First choose names, then sort the indices by them. When is val full?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Go over `sorted(set(recordings))`; stop as soon as the count is at least `share * len(recordings)`.
#
# </details>


# %%
def split_by_recording(recordings, share):
    """(train, val): indices of frames, no recording on both sides."""
    # BEGIN SOLUTION
    held_out, count = set(), 0
    for name in sorted(set(recordings)):
        if count >= share * len(recordings):
            break
        held_out.add(name)
        count += recordings.count(name)
    train = [i for i, name in enumerate(recordings) if name not in held_out]
    return train, [i for i, name in enumerate(recordings) if name in held_out]
    # END SOLUTION


# %%
split_by_recording = check("09-split", split_by_recording)

# %% [markdown]
# How much does it matter? Below are some drives of four frames each; from frame to frame the camera turns a little. And
# here is a "network" that learns nothing: for each validation picture it looks up the *most similar training picture* and
# copies that one's labels.
#
# **Predict, then run.** How many of its pixels will be right if every fourth frame is held out, and how many if whole
# drives are?

# %%
frames, answers, recordings = [], [], []
for drive in course.track(range(course.pick(smoke=4, laptop=12, full=24)), "driving"):
    wide, truth = streets.render(course.seed(500 + drive), "overcast", (64, 144))
    for turn in (0, 3, 6, 9):
        frames.append(wide[:, turn : turn + 128])
        answers.append(truth[:, turn : turn + 128])
        recordings.append(f"drive {drive:02}")
frames, answers = np.stack(frames).astype(np.float32), np.stack(answers)


def remembered(train, val):
    """Right pixels (%) of val if each picture is given the labels of the most similar one in train."""
    near = [train[int(((frames[train] - frames[i]) ** 2).mean((1, 2, 3)).argmin())] for i in val]
    return 100 * float((answers[near] == answers[val]).mean())


every_fourth = list(range(1, len(frames), 4))
rest = [i for i in range(len(frames)) if i not in every_fourth]
rows = [("every fourth frame", remembered(rest, every_fourth)),
        ("whole drives", remembered(*split_by_recording(recordings, 0.25)))]  # fmt: skip
viz.table(rows, ["held out", "pixels right, by memory (%)"], caption=f"{len(frames)} frames of {drive + 1} drives")

# %% [markdown] tags=["instructor"]
# **Expected.** By memory alone more than four fifths of the pixels are right if frames are held out, and about three
# fifths if drives are.
#
# **In class.** The layout prior of lesson 01 is right on about six pixels in ten: beside whole drives, memory is worth
# nothing.

# %% [markdown]
# The first number is no skill at all, and it would have looked like one. With whole drives held out, memory is no better
# than the guess that never looks (lesson 01). Cityscapes splits by *city*, for the same reason.
#
# ## 3. Blobs of your size (3 min)
#
# LTR's blobs are given for crops whose shorter side is 640 pixels: a blur of 4 to 16. You scaled one sigma in exercise
# 4.4. Here are both ends, for pictures of yours.

# %% [markdown]
# ### Exercise 9.4 — Blobs for your pictures (●○○, 2 min)
#
# Write `own_sigma(height, width)`: return the pair (low, high) of the blur's width in pixels for pictures of `height` x
# `width`, when 4 to 16 pixels are right at a crop of 640: the blobs keep their size relative to the shorter side.
#
# <details><summary>Hint 1</summary>
#
# Same blobs relative to the shorter side.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Both ends times `min(height, width) / 640`.
#
# </details>


# %%
def own_sigma(height, width):
    """Low and high width of the blur in pixels."""
    # BEGIN SOLUTION
    scale = min(height, width) / 640
    return 4 * scale, 16 * scale
    # END SOLUTION


# %%
own_sigma = check("09-sigma", own_sigma)

# %% [markdown]
# With one number of pixels for all sizes, "the same LTR" is another augmentation at every size. The library scales by
# itself (`LocalTextureRandomization` takes sigma at 640). In other people's code, check.
#
# ## 4. What it will cost (9 min)
#
# A plan without hours is a wish. A step sees a fixed number of pictures; with two views each street counts twice.

# %% [markdown]
# ### Exercise 9.5 — What will it cost? (●●○, 4 min)
#
# Write `plan(images, epochs, forward_images, views, seconds)`: a step sees `forward_images` pictures, which are `views`
# views (1, or 2 for GTR + LTR) of forward_images // views source pictures. Return (steps, hours) for `epochs` passes
# over `images` source pictures at `seconds` a step. The passes follow on without a break: only the very last step may
# be incomplete, and it counts as a whole.
#
# <details><summary>Hint 1</summary>
#
# How many *source* pictures does a step use up?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `steps = math.ceil(images * epochs / (forward_images // views))`, hours = steps * seconds / 3600.
#
# </details>


# %%
def plan(images, epochs, forward_images, views, seconds):
    """Steps and hours of a training run."""
    # BEGIN SOLUTION
    steps = math.ceil(images * epochs / (forward_images // views))
    return steps, steps * seconds / 3600
    # END SOLUTION


# %%
plan = check("09-budget", plan)

# %% [markdown]
# Now measure a step on *this* machine, on your staged pictures, and let the function do the rest. (The first step of a run
# is slow, and whatever else your machine is doing counts too: for a real plan, measure a hundred steps while it is idle.)

# %%
images, labels = datasets.stack(after)
FORWARD = 4
measured = {}
for name in course.track(["baseline", "gtr", "gtr_ltr_cgl"], "measuring"):
    config = TrainConfig(METHODS[name], steps=course.pick(smoke=3, laptop=6, full=40), forward_images=FORWARD)
    measured[name] = engine.train(config, images, labels, progress=False).seconds / config.steps
lines = []
for name, seconds in measured.items():
    steps, hours = plan(600, 20, FORWARD, len(METHODS[name].views), seconds)
    lines.append((name, 1000 * seconds, steps, hours, 3 * hours))
viz.table(
    lines, ["method", "ms a step", "steps", "hours, one seed", "hours, three seeds"], digits=2,
    caption=f"600 street pictures, 20 epochs, {FORWARD} forward pictures of 128 x 256, on this machine",
)  # fmt: skip

# %%
machines = {}
for row in ledger.find(ledger.read(results / "headline.jsonl"), method=lambda m: m != "layout prior"):
    machines.setdefault(row["device"], {}).setdefault(row["run"], row["wall_seconds"])
rows = [(device, len(runs), sum(runs.values()) / 3600) for device, runs in machines.items()]
viz.table(rows, ["trained on", "runs", "hours"], caption="The runs of the study's ledger, older ones too", digits=2)

# %% [markdown]
# Equal *epochs* would give the method with two views twice as many steps. For a comparison, fix the steps instead (lesson
# 08). And multiply by what one forgets: three seeds, the control, the failed first attempt.
#
# ## 5. Capstone (15 min)
#
# Choose one question. Two to ten hours of work, on a laptop, with the library of this course.
#
# | project | question | starts from |
# |---|---|---|
# | **A rival** | is a mixture of your own ahead of the best rival of lesson 08 at equal budget? | `amplitude_swap` of lesson 08 |
# | **Share of LTR** | is there a stylised share at which LTR adds to GTR+GTR′? | `MethodConfig(share=...)` |
# | **Larger blobs** | do blobs four times as large help the whole method? (the study has two seeds at most) | `MethodConfig(sigma=(16.0, 64.0))` |
# | **A few raw pictures** | does a quarter of raw pictures cost nothing on the test looks? (the study has two seeds at most) | `MethodConfig(raw_share=0.25)` |
# | **Your pictures** | what do the shipped networks do on photographs you labelled yourself? | section 2, `FolderPairs` |
# | **Refute us** | is there a look with *other* paint than the game's on which GTR harms? | `streets.render`, looks `"sampled:<n>"`, n below 1000 |
#
# Write the plan **before** the first run. The cell below is a form, filled in as an example; it names the fields that are still empty.

# %%
my_plan = {
    "question": "Do blobs four times as large help GTR+LTR+CGL on the test looks?",
    "known before": "the study's seed 0 (docs/study.md, Ablations), where they are ahead: it raised the question",
    "what differs": "the size of the blobs (sigma), nothing else",
    "control": "GTR+LTR+CGL with the study's blobs; GTR",
    "equal": "the study's steps and forward pictures, base augmentation, last checkpoint",
    "seeds": [1, 2, 3],
    "target looks": ["sampled:100..115"],
    "score": "mIoU-19 @ full size, layout prior beside it",
    "helps if": "the paired 95 % interval (Student) lies above zero",
    "refuted if": "it lies below; otherwise the answer is: open",
}
missing = [field for field, value in my_plan.items() if not value]
print(
    "still empty: " + ", ".join(missing)
    if missing
    else "The plan is complete. Save it, dated, before you run anything."
)

# %% [markdown]
# ### How it will be judged
#
# Not by the size of the gain. A refuted hope, measured well, earns all points.
#
# | | 0 | 1 | 2 |
# |---|---|---|---|
# | **question** | none that could fail | one that could | and what would refute it was written down first |
# | **fairness** | budgets differ | equal steps, pictures, augmentation | and a control for what cannot be equal |
# | **uncertainty** | one seed | three seeds, paired | and an interval, and *open* where it spans zero |
# | **protocol** | "mIoU" | the score's long name, the prior beside it | and nothing chosen or tuned on the target |
# | **record** | a table typed by hand | each number a line in a ledger | and a stranger can run it again with one command |
# | **honesty** | gains only | limits named | and what did not work is reported with the same care |
#
# Ten of twelve points is a piece of work that you can show to anyone. Put your lines into a ledger with
# `ledger.append`, and your table is rendered rather than typed. Try it on the form above:

# %%
folder = course.run_dir("09")
ledger.append(folder / "plans.jsonl", my_plan | {"date": ledger.now(), "commit": ledger.git_commit()}, check=False)
line = ledger.read(folder / "plans.jsonl")[-1]
viz.table([(line["date"], line["question"], line["refuted if"])], ["written down on", "question", "refuted if"])
print(summary("09"))

# %% [markdown]
# ## Recap
#
# - Verified, demonstrated, evidence, unknown: four words for four strengths of a claim. CGL's formula is unknown to us.
# - Rendered streets show a mechanism. Real roads need real photographs.
# - Plot what code does; comments and defaults lie without malice.
# - Own labels: a table with 255 for the rest, an audit, overlays, a split by recording. Own sizes: scale sigma. Own hours: measure a step.
# - A plan says beforehand what would refute it.
#
# You have built AdaIN, GTR, LTR and CGL by hand, seen a network fall for paint, and learned to doubt a table, this
# course's included. That last skill ages best.
#
# ## References
#
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 30, 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
# - M. Cordts et al. *The Cityscapes dataset for semantic urban scene understanding.* CVPR 2016. [arXiv:1604.01685](https://arxiv.org/abs/1604.01685)
# - T. Gebru et al. *Datasheets for datasets.* Communications of the ACM 64, 2021. [arXiv:1803.09010](https://arxiv.org/abs/1803.09010)
# - J. Pineau et al. *Improving reproducibility in machine learning research.* JMLR 22, 2021. [arXiv:2003.12206](https://arxiv.org/abs/2003.12206)
#
# ## Next
#
# Back to [00 Start here](00_start_here.ipynb), with other eyes; or to your own repository.
