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
# # 08 · Rivals and ablations
#
# **Question.** One method scores two points more than another. Is it better, or was it lucky?
#
# **You will be able to**
# - say what must be equal before two scores may be compared, and check it in a ledger
# - compute a paired difference over seeds and an interval that is honest about how few they are
# - read the study of this course: what GTR does, what LTR and CGL do, and which control decides
# - name the rivals of texture randomization, and train any of them beside GTR in a minute
#
# **Before you start.** [07 Evaluation](07_evaluation.ipynb); mean and standard deviation.
#
# **Time.** 73 min planned. {{run_time}}
#
# **Path.** Full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - Runs matched by their order instead of their seed.
# - 1.96 for three runs; division by n instead of n − 1; the root of n forgotten.
# - "Open means no effect." It means: these seeds cannot tell.
# - An ablation row read as one change where two things changed. Point at the column of different streets a step.
#
# **On the board.**
#
# - A method that does nothing: how often is it better on all three seeds ($\tfrac12 \cdot \tfrac12 \cdot \tfrac12$ = an eighth), and how often do all three agree, better or worse (twice that, a quarter)?
# - You may add one control to somebody's table. Which one, and what would it cost?
# - Twenty intervals of 95 %, no effect anywhere: how many leave out zero?
#
# **If time is short.** The table of others' numbers in section 5 is reading for home. Give the time to the verdicts of section 4.

# %%
import math
import statistics

import torch
from IPython.display import Markdown, display

from gltr_lib import StyleBank, Stylizer, baselines, course, datasets, engine, ledger, paintings, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.config import RIVALS, TrainConfig
from gltr_lib.course import claims
from gltr_lib.evaluate import evaluate
from gltr_lib.study import compare, figures, tables, tiers
from gltr_lib.study.evidence import Evidence
from gltr_lib.study.looks import TEST_LOOKS
from gltr_lib.study.student import quantile

# %% [markdown]
# ## 1. What must be equal (10 min)
#
# A comparison is fair if **one** thing differs. The study behind this course keeps these things equal for every method:
#
# - the network and where it starts (one seed, one start), the optimizer, the number of steps;
# - the number of pictures in each forward pass, all views counted;
# - the base augmentation: mirror, a little jitter and blur (the cell below prints its numbers; a crop is the whole street);
# - the streets, the ruler, and which checkpoint: always the last one.
#
# Don't take our word for it. Each line of the ledger holds the whole configuration of its run, so we can ask.
#
# **Predict, then run.** In which fields will the configurations of the methods differ? And which quantity is *not*
# equal, though no field names it? (You met it in lessons 05 and 06. Say it before you look.)

# %%
everything = ledger.read(course.root() / "results" / "headline.jsonl")
rows = tables.headline_rows(everything)
METHODS = ["baseline", "gtr", "gtr_gtr", "gtr_ltr", "gtr_ltr_cgl", "raw_gtr", "gtr_gtr_cons", "gtr_ltr_cgl10", "oracle"]
METHODS = [method for method in METHODS if ledger.find(rows, method=method)]
configs = {method: ledger.find(rows, method=method, seed=0)[0]["config"] for method in METHODS}
fields = [field for field in configs["baseline"] if len({str(config[field]) for config in configs.values()}) > 1]
print(f"{len(METHODS)} methods; fields of the training configuration that differ: {', '.join(fields)}")
inside = configs["baseline"]["method"]
differ = [f for f in inside if f != "name" and len({str(config["method"][f]) for config in configs.values()}) > 1]
print(f"and inside the method: {', '.join(differ)}")
shared = ", ".join(f"{field} {configs['baseline'][field]}" for field in ("crop", "scale", "flip", "jitter", "blur"))
print(f"base augmentation of the baseline: {shared}")
lines = []
for method, config in configs.items():
    views, forward = config["method"]["views"], config["forward_images"]
    lines.append((method, " + ".join(views), config["steps"], forward, forward // len(views)))
viz.table(lines, ["method", "views", "steps", "forward pictures a step", "different streets a step"])

# %% [markdown] tags=["instructor"]
# **Expected.** Only inside the method (views, consistency). Not equal: the number of different streets a step, the last
# column of the table.

# %% [markdown]
# (The last row, the *oracle*, is a baseline that was trained on the looks `overcast` and `sun` themselves; section 3 needs it.)
#
# Read the last column. A method with two views looks at each street twice, so with equal computing it sees **fewer
# different streets** a step. One cannot keep both equal. (Computing means the network's. Painting comes on top; lesson
# 06 counted it.) The study keeps the computing equal and adds a control that pays the same price: GTR+GTR′, two
# paintings of each street and nothing local. Keep it in mind; section 4 turns on it.
#
# ## 2. The same seed, twice (17 min)
#
# A *seed* decides the start, the order of the streets and every random draw. Some seeds may be kinder than others, to
# every method alike. So compare method and baseline **on the same seed**, and average these differences. For the scores
# of method and baseline on seed $s$ we write $m_s$ and $b_s$. With $n$ seeds, the mean $\bar d$ of their differences
# and their standard deviation $s_d$ are
#
# $$d_s = m_s - b_s, \qquad \bar d = \frac1n \sum_s d_s, \qquad s_d^2 = \frac{1}{n-1} \sum_s (d_s - \bar d)^2$$

# %% [markdown]
# ### Exercise 8.1 — The same seed, twice (●●○, 6 min)
#
# Write `paired_difference(baseline, method)`. Both are dicts seed -> mIoU. For the seeds that **both** have, take method
# minus baseline seed by seed; return (mean, standard deviation) of these differences, the latter divided by n - 1.
#
# <details><summary>Hint 1</summary>
#
# Seeds that make the data easy help both methods; a difference on one seed cancels that out.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `[method[s] - baseline[s] for s in baseline if s in method]`, then `statistics.mean` and `statistics.stdev`.
#
# </details>


# %%
def paired_difference(baseline, method):
    """Mean and standard deviation of method minus baseline, seed by seed."""
    # BEGIN SOLUTION
    differences = [method[seed] - baseline[seed] for seed in sorted(baseline) if seed in method]
    return statistics.mean(differences), statistics.stdev(differences)
    # END SOLUTION


# %%
paired_difference = check("08-paired", paired_difference)

# %% [markdown]
# A handful of runs is not much. How far may the mean of so few lie from the truth? For $n$ draws from a bell curve the
# answer is known: the mean plus and minus $t \cdot s_d / \sqrt n$ catches the truth in 95 of 100 studies. Here $s_d /
# \sqrt n$ is the **standard error**, and $t$ comes from a table by "Student" (the pen name of a brewery's chemist,
# 1908). For many runs $t$ is the familiar 1.96, for five it is 2.776, for three 4.303: the spread $s_d$ is itself a
# guess from few values, and often comes out too small.

# %% [markdown]
# ### Exercise 8.2 — How sure are we? (●●○, 4 min)
#
# Write `interval(values, t)`: return (low, high), the mean of `values` minus and plus `t * s / sqrt(n)`, where s is
# their standard deviation (divided by n - 1). `t` is handed in: 4.303 for three values, 2.776 for five, but also 1 and
# 1.96.
#
# <details><summary>Hint 1</summary>
#
# The mean of n runs is steadier than one run: by which factor?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `half = t * statistics.stdev(values) / math.sqrt(len(values))`
#
# </details>


# %%
def interval(values, t):
    """Low and high end of the interval around the mean."""
    # BEGIN SOLUTION
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half
    # END SOLUTION


# %%
interval = check("08-interval", interval)

# %% [markdown]
# **Predict, then run.** Imagine a method that does *nothing*: its true difference is zero. We repeat a study of three
# seeds many times. Four rules announce a difference: (a) all three seeds agree in sign; the interval leaves out zero with (b)
# t = 1, error bars of one standard error, (c) t = 1.96, (d) t = 4.303. How often is each of them wrong?

# %%
random, STUDIES = torch.Generator().manual_seed(course.seed(8)), course.pick(smoke=500, laptop=4000, full=20_000)
draws = torch.randn(STUDIES, 3, generator=random, dtype=torch.float64).tolist()


def false_alarms(t):
    """The share of studies whose interval leaves out the truth, zero."""
    intervals = (interval(study, t) for study in course.track(draws, f"t = {t:g}"))
    return sum(not low <= 0 <= high for low, high in intervals) / STUDIES


alarms = {
    "all three seeds better (or all worse)": sum(min(d) > 0 or max(d) < 0 for d in draws) / STUDIES,
    "mean ± one standard error, t = 1": false_alarms(1.0),
    "the habit, t = 1.96": false_alarms(1.96),
    "Student for three, t = 4.303": false_alarms(4.303),
}
viz.show(
    viz.bars(
        {name: 100 * v for name, v in alarms.items()},
        ylabel="false alarms (% of studies)",
        horizontal=True,
        title=f"A method that does nothing, {STUDIES} studies of three seeds",
    ),
    alt="Bars of false alarms: " + ", ".join(f"{name} {100 * v:.0f}" for name, v in alarms.items()) + " per cent.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** A quarter, about 42 %, about 19 %, and 5 %. Only the last keeps its promise.

# %% [markdown]
# "All three seeds agree" sounds strong. Look at its bar. And the habit of 1.96, or error bars of one standard error,
# cries wolf far more often than its reader believes. The honest interval for three seeds is wide, and that is the
# point: *it says how little three runs know*.
#
# Now the ledger. Does pairing help? It makes the spread narrower when seeds are kind to both methods at once, and only then.
# The *unpaired* spread below is what one would expect if the seeds had nothing in common.

# %%
LOOKS = {look: name for look, name in tables.COLUMN_NAMES.items() if ledger.find(rows, data=look, method="baseline")}
scores = {}
for row in rows:
    scores.setdefault((row["method"], row["data"]), {})[row["seed"]] = 100 * row["value"]
lines = []
for look, name in LOOKS.items():
    before, after = scores["baseline", look], scores["gtr", look]
    mean, spread = paired_difference(before, after)
    alone = math.hypot(statistics.stdev(before.values()), statistics.stdev(after.values()))
    lines.append((name, mean, spread, alone, "narrower" if spread < alone else "wider"))
viz.table(
    lines, ["look", "GTR - baseline (points)", "spread, paired", "spread, unpaired", "pairing made it"],
    caption=f"mIoU-19, seeds {sorted(before)}",
)  # fmt: skip

# %% [markdown]
# Where it says *wider*, a seed that was kind to one was not kind to the other. Then pairing gains nothing, and it costs next to
# nothing. We paired before we looked, so we go on with it: choosing the narrower of two intervals afterwards would be cheating.
#
# ## 3. The share of the gap (8 min)
#
# A gain of ten points is a lot if the oracle is twelve points away, and little if it is fifty. So one also reports which
# share of the gap between baseline and oracle a method closes. The oracle was trained on the target's own looks.

# %% [markdown]
# ### Exercise 8.3 — The share of the gap that closes (●○○, 3 min)
#
# Write `gap_closed(baseline, method, oracle)`. `baseline` is trained on the source alone, `oracle` on the target itself.
# Return which part of the distance between them `method` covers: 0 for the baseline's score, 1 for the oracle's (below 0
# and above 1 may happen).
#
# <details><summary>Hint 1</summary>
#
# Two distances from the same starting point.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(method - baseline) / (oracle - baseline)`
#
# </details>


# %%
def gap_closed(baseline, method, oracle):
    """Which part of the way from baseline to oracle."""
    # BEGIN SOLUTION
    return (method - baseline) / (oracle - baseline)
    # END SOLUTION


# %%
gap_closed = check("08-gap", gap_closed)

# %%
lines = []
for method in [m for m in METHODS if m not in ("baseline", "oracle")]:
    cells = []
    for look in ("streets/overcast", "streets/sun"):
        low, high = scores["baseline", look], scores["oracle", look]
        both = [seed for seed in sorted(scores[method, look]) if seed in low and seed in high]
        shares = {seed: gap_closed(low[seed], scores[method, look][seed], high[seed]) for seed in both}
        cells += [100 * statistics.mean(shares.values()), ", ".join(f"{100 * v:.0f}" for v in shares.values())]
    lines.append((method, *cells))
viz.table(lines, ["method", "overcast (%)", "by seed", "sun (%)", "by seed "],
          caption="Share of the gap closed", digits=0)  # fmt: skip

# %% [markdown]
# Only the two looks that the oracle was trained on stand here. On any other look the oracle is a guest as well, and the
# "gap" would be a distance to nowhere. (Look up its score on the source in the next section's first table.)
#
# ## 4. The walk and its controls (16 min)
#
# First everything, from the ledger, as mean and standard deviation over seeds.

# %%
names = tables.METHOD_NAMES | {"raw_gtr": "control: raw + GTR", "gtr_gtr_cons": "control: GTR + GTR′ + consistency",
    "gtr_ltr_cgl10": "control: + GTR + LTR, ten times CGL"}  # fmt: skip
listed = [tiers.PRIOR, *METHODS, tiers.CONVERGENCE]
table = ledger.table(rows, methods=listed, columns=list(LOOKS), method_names=names, column_names=LOOKS)
display(Markdown(table + "\n\n" + tables.convergence_line(everything)))

# %% [markdown]
# The line below the table checks our own study: a baseline trained four times longer (the last row; its last column
# says with how many seeds). A gain of at most 2 mIoU on the source counts as *long enough*, a limit set before the run.
# If the line says *undertrained* or *not run*, every row holds for this budget and not beyond. And it speaks of the
# baseline alone: painted networks may need longer. Compare the two baselines on the other looks as well: does patience
# alone close the gap? (Compare on the seed that both have.)
#
# Now **one question a line**, each a paired difference with Student's interval. If the interval lies above zero the
# verdict is *helps*, below zero *harms*. If it spans zero the verdict is *open*: not "no effect", just not decided by
# these seeds. (*raw + GTR*: one view as it is, one painted whole. GTR+LTR against it asks whether raw and painted
# should meet in *one* picture.)

# %%
QUESTIONS = {
    "does GTR help?": ("baseline", "gtr"),
    "GTR+LTR against GTR": ("gtr", "gtr_ltr"),
    "a second view: GTR+GTR′ against GTR": ("gtr", "gtr_gtr"),
    "LTR itself: GTR+LTR against GTR+GTR′": ("gtr_gtr", "gtr_ltr"),
    "mixed in one picture? GTR+LTR against raw+GTR": ("raw_gtr", "gtr_ltr"),
    "CGL": ("gtr_ltr", "gtr_ltr_cgl"),
    "ten times the CGL": ("gtr_ltr", "gtr_ltr_cgl10"),
    "consistency without LTR": ("gtr_gtr", "gtr_gtr_cons"),
}


def answer(question, look):
    """(mean, low, high, verdict) of one question on one look, in points."""
    before, after = (scores.get((method, look), {}) for method in QUESTIONS[question])
    differences = [after[s] - before[s] for s in before if s in after]
    mean = statistics.mean(differences) if differences else math.nan
    if len(differences) < 2:  # no spread, hence no interval
        return mean, math.nan, math.nan, claims.verdict(differences)
    low, high = interval(differences, quantile(len(differences)))  # Student's table, for any number of seeds
    verdict = "helps" if low > 0 else "harms" if high < 0 else "open"
    return mean, low, high, verdict


# %% [markdown]
# **Predict, then run.** Six of the eight lines you have met, in lessons 03 to 05: what were their verdicts on the test
# looks? Two are new, *mixed in one picture?* and *ten times the CGL*: *helps*, *harms* or *open*?

# %%
SHOWN = {look: LOOKS[look] for look in ("streets/game", f"streets/{TEST_LOOKS}") if look in LOOKS}
COLOUR = {"helps": "#009E73", "harms": "#D55E00", "open": "#777777", "one seed": "#777777", "not run": "#ffffff"}
MARKER = {"helps": "^", "harms": "v", "open": "o", "one seed": ".", "not run": "x"}
with viz.look():
    figure, axes = viz.new_figure(8.8, 3.9, ncols=len(SHOWN), sharey=True, squeeze=False)
    axes = axes[0]
    for axis, (look, name) in zip(axes, SHOWN.items(), strict=True):
        axis.axvline(0, color="#999999", linewidth=1)
        for place, question in enumerate(QUESTIONS):
            mean, low, high, verdict = answer(question, look)
            axis.plot([low, high], [place, place], color=COLOUR[verdict], linewidth=2.5)
            axis.plot([mean], [place], color=COLOUR[verdict], marker=MARKER[verdict], markersize=7)
        axis.set_title(name)
        axis.set_xlabel("difference (points of mIoU-19)")
    axes[0].set_yticks(range(len(QUESTIONS)), list(QUESTIONS))
    axes[0].invert_yaxis()
verdicts = "; ".join(f"{q}: {answer(q, list(SHOWN)[-1])[3]}" for q in QUESTIONS)
viz.show(figure, alt=f"Paired differences with 95 % intervals. Test looks: {verdicts}."[:390])
print("triangle up: helps, triangle down: harms, circle: open, dot: one seed")


# %%
def words(mean, low, high, verdict):
    """One cell of the table."""
    return verdict if verdict == "not run" else f"{mean:+.1f} {verdict}"


grid = [(question, *(words(*answer(question, look)) for look in LOOKS)) for question in QUESTIONS]
viz.table(grid, ["question", *LOOKS.values()], caption="Paired difference in points of mIoU-19, and its verdict")
shifted = [look for look in LOOKS if look in ("streets/overcast", "streets/sun", f"streets/{TEST_LOOKS}")]
lines, kinds = [], ("helps", "open", "harms", "one seed", "not run")
for question in QUESTIONS:
    found = [answer(question, look)[3] for look in shifted]
    lines.append((question, *(found.count(kind) or "" for kind in kinds)))
viz.table(lines, ["question", *kinds], caption=f"Verdicts on the {len(shifted)} looks of another appearance")

# %% [markdown] tags=["instructor"]
# **Expected.** The verdicts are the ledger's, so there is no answer to learn by heart. As it stands, three lines have
# an answer on the test looks: GTR *helps*, *GTR+LTR against GTR* *harms*, ten times the CGL *harms*. The other five are
# open, *LTR itself* among them: the harm in line two cannot be pinned on the local texture. On overcast and sun it can:
# *LTR itself* harms there.

# %% [markdown]
# Now read two lines together, on the test looks: *GTR+LTR against GTR*, and *LTR itself*. The first is what an ablation
# table usually shows. But between GTR and GTR+LTR **two** things change: the local texture arrives, and the number of
# different streets a step is halved. The control separates them:

# %%
look = f"streets/{TEST_LOOKS}"
usual, second, local = (answer(q, look) for q in list(QUESTIONS)[1:4])
parts = {"GTR to GTR+LTR": usual, "of which: a second view": second, "and: the local texture": local}
viz.table([(name, words(*found)) for name, found in parts.items()], ["test looks", "points and verdict"])
if usual[3] != local[3]:
    print(
        f"Without the control one would write that LTR {usual[3]}. With it, the verdict on LTR itself is: {local[3]}."
    )
else:
    print(f"Here both lines give one verdict, {usual[3]}. That could not be known without the control.")
candidates = [m for m in claims.repeated(scores, METHODS, (look,)) if m != "oracle"]
best = max(candidates, key=lambda m: statistics.mean(scores[m, look].values()))
print(f"Best mean on the test looks, oracle aside: {best}.")

# %% [markdown]
# **What this study says, and no more.** Take it from your table: on which looks GTR *helps*, whether LTR and CGL are
# ever more than *open*, and what happens on the source look. Read the row *LTR itself* to its end: the test looks are
# one of its columns, overcast and sun are two more. Look at the two control looks as well. *Colour* changes colours
# alone; *geometry* keeps the appearance and moves the scenery, so there is no texture gap that painting could close.
#
# The next cell looks at the weight of CGL alone.

# %%
weights = {"gtr_ltr": 0, "gtr_ltr_cgl": 1, "gtr_ltr_cgl10": 10}
looks = ("streets/game", *shifted)
weights = {m: f"weight {configs[m]['method']['consistency']:g}" for m in claims.repeated(scores, weights, looks)}
means = {LOOKS[k]: [statistics.mean(scores[m, k].values()) for m in weights] for k in looks}
errors = {LOOKS[k]: [statistics.stdev(scores[m, k].values()) for m in weights] for k in looks}
viz.show(
    viz.bars(means, groups=list(weights.values()), errors=errors, ylabel="mIoU-19 (%)", digits=0,
             title="GTR + LTR, with more and more CGL"),
    alt="Bars of mIoU for growing weights of CGL: "
    + "; ".join(f"{look} {', '.join(f'{v:.0f}' for v in values)}" for look, values in means.items()),
)  # fmt: skip
lines = [
    (f"{weight} against none", *(claims.sentence(claims.paired(scores, method, "gtr_ltr", k)) for k in ("streets/game", look)))
    for method, weight in weights.items()
    if method != "gtr_ltr"
]  # fmt: skip
viz.table(lines, ["CGL", "source (by seed): verdict", "test looks (by seed): verdict"])

# %% [markdown]
# Remember lesson 05: agreement can be bought with caution. A network that is sure of nothing contradicts itself little. If the bars fall
# with the weight, this is a mechanism that would do it; the ledger alone does not prove it.
#
# One suspicion remains. At equal cost the methods with two views pass over the streets half as often. Did they simply
# see each street too seldom? With **twice the steps** GTR+LTR+CGL passes over them as often as GTR did. But then it
# costs twice as much, so GTR must get twice the steps as well. (The cell below takes only runs that differ in their
# steps and in nothing else.)
#
# **Predict, then run.** GTR with twice the steps: better on the test looks, worse, or level? Take each of the three answers: what
# would it say about the table of verdicts?


# %%
def settings(config):
    """A run's configuration without its seed and its steps, and without what is off: older lines do not name that."""
    method = {field: value for field, value in config["method"].items() if value}
    return config | {"method": method, "steps": 0, "seed": 0}


# %%
long_rows = [r for f in ("ablations", "headline_long") for r in ledger.read(course.root() / "results" / f"{f}.jsonl")]
lines, sentences = [], []
for method, title in {"gtr": "GTR", "gtr_ltr_cgl": "GTR+LTR+CGL"}.items():
    usual, twice = configs[method], {}
    for row in long_rows:
        if settings(row["config"]) == settings(usual) and row["config"]["steps"] == 2 * usual["steps"]:
            twice.setdefault(row["data"], {})[row["seed"]] = 100 * row["value"]
    for look, name in LOOKS.items():
        seeds = [seed for seed in twice.get(look, {}) if seed in scores[method, look]]
        if seeds:
            means = [statistics.mean(found[s] for s in seeds) for found in (scores[method, look], twice[look])]
            lines.append((title, name, *means, means[1] - means[0], len(seeds)))
    if not twice:
        sentences.append(f"{title} with twice the steps, on this study's configuration: not run.")
heads = ["method", "look", "its usual steps", "twice", "gained (points)", "seeds"]
viz.table(lines, heads, caption="mIoU-19 (%), mean over the seeds that both have")
print(" ".join(sentences) or "Both methods have been run with twice the steps.")

# %% [markdown] tags=["instructor"]
# **Expected.** Better, in most columns. So the table of verdicts holds for its budget, and GTR was not at its end
# there. GTR+LTR+CGL gains as well, and comes up to GTR's *usual* steps on the test looks: the suspicion was right in
# part. At twice the steps GTR stays ahead.
#
# **In class.** Let them say with how many seeds (last column). (An older pair of runs of GTR+LTR+CGL with twice the
# steps had another base augmentation. `docs/study.md` (*The headline, read closely*) says what it showed; it may not
# stand here.)

# %% [markdown]
# If GTR+LTR+CGL at twice the steps comes up to GTR at its usual ones, the suspicion was right in part: it lacked streets. To
# win, it would have to be ahead of GTR at *twice* the steps, which costs as much. And what GTR gains says how far this study's budget is
# from the end of its training: every row above is a row for this budget. What was not run leaves its question open.
#
# Four warnings belong to every sentence you draw from these tables:
#
# - **One budget, one weight, one world.** "Did not help here" is not "does not help". CGL's formula is *our* definition,
#   the paper's was not available to us.
# - **A handful of seeds.** *Open* means that a small effect of either sign may hide in the interval.
# - **Many questions.** Each cell of the table of verdicts is an interval of 95 %. Even if nothing had any effect, one in
#   twenty would leave out zero. Believe the pattern rather than the single cell.
# - **Seeds are not worlds.** The interval covers other seeds on these streets. It does not cover other streets, let alone
#   real ones. (`docs/study.md` is stricter: its intervals draw the streets anew as well, and it gives none for fewer than
#   five seeds.)
#
# ## 5. Rivals (22 min)
#
# Painting is one way to make a network stop trusting texture. Others attack the same weakness:
#
# | rival | idea | needs |
# |---|---|---|
# | strong colour jitter (`photometric`) | brightness, contrast, saturation, hue, grey and blur at random | nothing |
# | automatic policy (`policy`) | draw one of many colour operations and its strength (TrivialAugment, RandAugment, AugMix) | nothing |
# | RandConv (`randconv`) | pass the picture through a random convolution, fresh at every step | nothing |
# | Fourier amplitude mixing (`fourier`) | keep the phases, mix the amplitudes with another picture's | other pictures |
# | stylised CutMix (`regions`) | paint one rectangle as GTR paints, leave the rest | paintings, a stylizer |
# | AdaIN on pixels (`pixels`) | give the picture a painting's mean and spread of colour | paintings |
# | MixStyle | mix channel statistics *between pictures of a batch*, inside the network | a change of the network |
# | IBN-Net | instance normalization in some layers: the style is divided out | a change of the network |
# | ISW (RobustNet) | whiten those feature correlations that react to appearance | a change of network and loss, and a recoloured view |
#
# MixStyle should look familiar: it is AdaIN on the network's own features, with the neighbours as paintings. And the
# Fourier rival fits in a few lines. A Fourier transform writes a picture as a sum of waves; each wave has an **amplitude**, how
# strong it is, and a **phase**, how far it is shifted. **Predict, then run.** We give the street the *amplitudes* of a painting and keep its
# *phases*; then the reverse. Which of the two pictures will look like the street?

# %%
street = torch.from_numpy(streets.render(course.seed(3), "game", (256, 512))[0]).permute(2, 0, 1)[None] / 255
kind = paintings.KINDS[course.seed() % len(paintings.KINDS)]
painting = torch.from_numpy(paintings.paint(course.seed(4), kind, size=512)).permute(2, 0, 1)[None, :, :256] / 255


def amplitude_swap(content, style, share):
    """The content's phases; amplitudes of the lowest ``share`` of frequencies from the style."""
    a, b = torch.fft.fft2(content), torch.fft.fft2(style)
    rows, columns = torch.fft.fftfreq(a.shape[-2]), torch.fft.fftfreq(a.shape[-1])
    low = (rows.abs()[:, None] <= share / 2) & (columns.abs() <= share / 2)
    amplitude = torch.where(low, b.abs(), a.abs())
    return torch.fft.ifft2(torch.polar(amplitude, a.angle())).real.clamp(0, 1)


stylizer = Stylizer.load("mini")
painted = stylizer.stylize(street, stylizer.style_stats(painting))

# %%
panels = {
    "street": street,
    f"painting ({kind})": painting,
    "GTR: the painting's channel statistics": painted,
    "lowest 2 % of the painting's amplitudes": amplitude_swap(street, painting, 0.02),
    "all of the painting's amplitudes": amplitude_swap(street, painting, 1.0),
    "reversed: the painting's phases": amplitude_swap(painting, street, 1.0),
}
viz.show(
    viz.grid([panel[0] for panel in panels.values()], list(panels), columns=2),
    alt="Street and painting, the street stylised, and three Fourier mixtures: few low amplitudes of the painting, all "
    "of them, and the painting's phases with the street's amplitudes.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** The one with the street's *phases*. Contours live in the phases.

# %% [markdown]
# The contours travel with the **phases**. This is why swapping amplitudes is a rival of AdaIN: both split a picture into
# what is there and how it looks, and they split it differently. A sine wave has no place: what is swapped
# is swapped over the whole picture at once. AdaIN's channels answer to strokes and edges instead.
#
# All of them wait in the library under one name each. Here are those that change the *picture*, on one street, as a
# training step would draw them.
#
# **Predict, then run.** Which of them leave the colours of the street alone? Which leave its fine texture alone? A view
# that changes only one of the two cannot teach a network to do without the other.

# %%
bank = StyleBank.load("paintings-mini")
views = baselines.make_views(baselines.NAMES, stylizer=stylizer, bank=bank)
draw = torch.Generator().manual_seed(course.seed(8))
twice = street[:, :, ::2, ::2].repeat(2, 1, 1, 1)  # two draws of each
shown = {"the street": twice, "GTR": stylizer.stylize(twice, bank.sample(2, draw))}
shown |= {name: view(twice, draw) for name, view in course.track(views.items(), "drawing")}
titles = [title for name in shown for title in (name, "drawn again")]
titles[1] = "the same street"
viz.show(
    viz.grid([picture for pair in shown.values() for picture in pair], titles, columns=4),
    alt="A street, and two draws each of GTR and of six rival views: photometric, policy, randconv, fourier, regions, pixels.",
)

# %% [markdown] tags=["instructor"]
# **Expected.** None leaves the colours alone for long, though a draw of *photometric*, *policy* or *randconv* may do
# next to nothing. *photometric*, *policy* and *pixels* keep the fine texture (a blur apart); *randconv* and *fourier*
# bend it; only GTR and *regions* replace it, the latter in a rectangle.

# %% [markdown]
# Look at the road in each pair: first at its grey, then at its grain. Which rivals change only one of the two? Keep your
# list. The race below has something to say about it.
#
# ### A row of your own
#
# Which one trains the better network? The study has run that race (`gltr study --tier rivals`); its figure comes below.
# You need not wait for it. Put another name into the next cell, which prints the list. (`_cons`: two views and our
# consistency. `_own`: the loss of the method's own paper.)
#
# **Predict, then run.** So few steps on small pictures: which of the three will be ahead on the *source*? And is
# the order there the order that you are after?

# %%
YOURS = "randconv"
print("rivals: " + ", ".join(RIVALS))
STEPS, SIZE = course.pick(smoke=3, laptop=90, full=2000), course.pick(smoke=(32, 64), laptop=(64, 128), full=(128, 256))
seeds = [course.seed(n) for n in datasets.TRAIN_SEEDS[: course.pick(smoke=8, laptop=120, full=600)]]
train_images, train_labels = datasets.stack(datasets.StreetsDataset(seeds, "game", SIZE))
held_out = [course.seed(n) for n in datasets.VAL_SEEDS[: course.pick(smoke=4, laptop=24, full=64)]]
exams = {name: datasets.stack(datasets.StreetsDataset(held_out, name, SIZE)) for name in ("game", "overcast", "sun")}

# %%
mine = []
for name in dict.fromkeys(["baseline", "gtr", YOURS]):
    run = TrainConfig(name, steps=STEPS, forward_images=8, crop=SIZE, scale=(1.0, 1.0), seed=course.seed())
    trained = engine.train(run, train_images, train_labels)
    mine.append((name, *(100 * evaluate(trained.model, *exam).miou() for exam in exams.values()), trained.seconds))
viz.table(
    mine, ["method", *(f"{name}, mIoU %" for name in exams), "seconds"], digits=1,
    caption=f"{STEPS} steps of 8 pictures of {SIZE[0]} x {SIZE[1]}, one seed: a rehearsal, not a result",
)  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Expected.** The baseline on the source: it has the easiest pictures. After so few steps that says nothing about the
# order elsewhere, and one seed would not say it either (section 2).
#
# **In class.** Let the class fill one table on the board, a rival a group, each with its own seed.

# %% [markdown]
# A rehearsal with one seed: you know from section 2 what that is worth, and from section 1 that it is at least fair.
# The study's race gives each method three seeds (the small dots; fewer where a name says so), the same number of
# forward pictures, and the best of four short trials. (Painting comes on top. GTR had pilots before its trials, see
# `docs/study.md`.) Hollow marks: the same rival with two views and our consistency, as the whole method has them.
#
# **Predict, then run.** Where will GTR stand on the test looks? And which of those with three seeds will pay most on the source?

# %%
evidence = Evidence(course.root() / "results")
race = figures.rivals_figure(evidence)
if race is None:
    print("No rival has been run yet: gltr study --tier rivals")
else:
    viz.show(race[0], alt=race[1])

# %% [markdown] tags=["instructor"]
# **Expected.** GTR is not at the top: Fourier mixing, strong photometry, ISW, RandConv and stylised CutMix are ahead of
# it. Of those with three seeds *GTR + strong photometry* pays most on the source. The price is no guide: strong
# photometry pays more than GTR, Fourier mixing less. Consistency (hollow) costs each of them more, and helps next to
# none.
#
# **In class.** Let them say what they had hoped, and why that is no reason to look for a friendlier table. The rows
# with numbers, and how many seeds each has, are in `docs/study.md`.

# %% [markdown]
# This is not what this course hoped for, and it is what the ledger says. `docs/study.md` has every row with its numbers, and how
# many seeds it has.
#
# One row deserves a second look: *GTR, tuned*. Before the race each method had short trials: up to four settings, half
# of the steps, one seed that enters no comparison, and only looks that may be tuned on. The best of the four (bold)
# went into the race.
#
# **Predict, then run.** Which setting did GTR's trials choose? And is the tuned row ahead of the plain one in the
# figure above?

# %%
display(Markdown(compare.tuning_table(evidence)))
print(summary("08"))

# %% [markdown] tags=["instructor"]
# **Expected.** Half strength won the trials and loses the race, on every look for which one would paint. Two reasons
# fit. The trials' differences are of the size of chance (the strength in between *loses* about as much as half of it
# gains). And a weak painting is learned sooner, so half of the steps favour it. The same may be true of the rivals'
# settings.
#
# **In class.** Ask how they would choose next time (more seeds, whole length; it costs). What would decide between the
# first two readings below: a look that keeps the colours and changes the patterns; another stylizer, or larger
# pictures. Against the first: where only the colours change, GTR is ahead of strong photometry (`docs/study.md`, the
# last column), and AdaIN on pixels changes colours alone and was behind GTR in its trials and in the race. ISW learns
# from a recoloured view, too. The row of its two views without the whitening (*raw + recoloured*) is behind GTR: so its
# lead is the whitening's, and not that view's. Of dose and size, the figure accuses the size: of the two rows *LTR as
# the only view* the one with large blobs is ahead on the test looks for every seed, with the same half painted.

# %% [markdown]
# A choice on one seed at half of the length was the wrong one here. You met both reasons before: in section 2 what one seed is
# worth, in section 4 how much longer painted pictures take to learn. The rivals' settings were chosen in the same way.
#
# Why are several rivals ahead of painting everything? Three readings, none of them proven.
#
# - *Colour is enough.* These looks differ by colour and light more than by pattern, and `docs/probes.md` found networks
#   that read colour. Against it speaks one column of the table in `docs/study.md` (which?). And *AdaIN on pixels*
#   exchanges nothing but the statistics of colours: where does it stand in the figure?
# - *The painter.* Ours is small, works on pictures 128 pixels high, and may destroy more than it teaches. Fourier
#   mixing keeps every contour where it was. To hold beside it: *Which stylizer?* in `docs/study.md` has GTR painted by
#   VGG-19. How much of the distance does it close?
# - *The dose, or the size of the patches.* Stylised CutMix has the same painter, paints one rectangle, and is ahead.
#   But half of the strength was a smaller dose, too, and you have just seen how it did. Two rows of the figure paint
#   one half of each picture, in blobs: *LTR as the only view*, with small ones and with large. Which of the two
#   suspects do they accuse?
#
# **Which experiment would settle the rest?**
#
# ### What others report
#
# Third parties have put GTR-LTR into tables of their own. A recent one (Vireo, its Table 4; mIoU, trained on GTA5) adds it
# to large pretrained networks:
#
# | network | training | Cityscapes | BDD100K | Mapillary | average |
# |---|---|---:|---:|---:|---:|
# | EVA02-L | full, plain | 62.1 | 56.2 | 64.6 | 60.9 |
# | EVA02-L | full, + GTR-LTR | 59.8 | 57.4 | 63.2 | 60.1 |
# | EVA02-L | frozen, plain | 56.5 | 53.6 | 58.6 | 56.2 |
# | EVA02-L | frozen, + GTR-LTR | 52.5 | 52.8 | 57.1 | 54.1 |
# | DINOv2-L | full, plain | 63.7 | 57.4 | 64.2 | 61.7 |
# | DINOv2-L | full, + GTR-LTR | 62.7 | 57.4 | 64.5 | 61.6 |
# | DINOv2-L | frozen, plain | 63.3 | 56.1 | 63.9 | 61.1 |
# | DINOv2-L | frozen, + GTR-LTR | 60.2 | 57.7 | 62.2 | 60.0 |
#
# In all four pairs the average is lower with GTR-LTR, in one of them by a tenth of a point. Single cells go either way. A plausible
# reading, not a proof: a network pretrained on very many pictures has seen its share of textures already, and paintings
# then cost more than they teach. It is also one table by one group, who propose a method of their own, on their own budget.
# You now know what you would ask them.
#
# ## Recap
#
# - Equal forward pictures, steps, seeds, base augmentation, ruler. What cannot be equal needs a control.
# - Pair by seed; use Student's t; call an interval that spans zero *open*.
# - Share of the gap: only where the oracle is at home.
# - What this study decides, and what it leaves open, stands in the table of verdicts above, for one budget and one world.
#   LTR is judged beside its control, GTR+GTR′, and not beside GTR.
# - A score does not say *why*. `docs/probes.md` asks the shipped networks, one seed each: the swap of lesson 01 made in the
#   renderer, streets mirrored, their halves exchanged. Did painting teach them shapes, or only places? Guess, then look.
# - Rivals exist, some of them are ahead, and a row with one seed says so. A setting chosen in a hurry can be the wrong one.
#
# ## References
#
# - Z. Xu, D. Liu, J. Yang, C. Raffel, M. Niethammer. *Robust and generalizable visual representation learning via random convolutions* (RandConv). ICLR 2021. [arXiv:2007.13003](https://arxiv.org/abs/2007.13003)
# - K. Zhou, Y. Yang, Y. Qiao, T. Xiang. *Domain generalization with MixStyle.* ICLR 2021. [arXiv:2104.02008](https://arxiv.org/abs/2104.02008)
# - Y. Yang, S. Soatto. *FDA: Fourier domain adaptation for semantic segmentation.* CVPR 2020. [arXiv:2004.05498](https://arxiv.org/abs/2004.05498)
# - Q. Xu, R. Zhang, Y. Zhang, Y. Wang, Q. Tian. *A Fourier-based framework for domain generalization.* CVPR 2021. [arXiv:2105.11120](https://arxiv.org/abs/2105.11120)
# - X. Pan, P. Luo, J. Shi, X. Tang. *Two at once: enhancing learning and generalization capacities via IBN-Net.* ECCV 2018. [arXiv:1807.09441](https://arxiv.org/abs/1807.09441)
# - S. Choi et al. *RobustNet: improving domain generalization in urban-scene segmentation via instance selective whitening.* CVPR 2021. [arXiv:2103.15597](https://arxiv.org/abs/2103.15597)
# - S. Chen et al. *Leveraging depth and language for open-vocabulary domain-generalized semantic segmentation* (Vireo). 2025. [arXiv:2506.09881](https://arxiv.org/abs/2506.09881)
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
#
# ## Next
#
# [09 Limits, your own data, capstone](09_limits_and_capstone.ipynb): what all of this does not show, and your own pictures.
