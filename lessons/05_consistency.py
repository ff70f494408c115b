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
# # 05 · Consistency (CGL)
#
# **Question.** Two pictures of one street, painted differently: how do you teach a network to give one answer?
#
# **You will be able to**
# - measure how much two predictions disagree, and say what that number does not tell
# - choose between three distances by looking at their gradients
# - hold one branch still as a teacher, and prove that no gradient enters it
# - name the control without which a gain of LTR or CGL means little
#
# **Before you start.** [04 Local texture randomization](04_local_texture_randomization.ipynb); softmax and cross-entropy.
#
# **Time.** 80 min planned. {{run_time}}
#
# **Path.** Full.

# %% [markdown] tags=["instructor"]
# **Teaching notes.**
#
# **Where they stumble.**
#
# - Logits compared instead of probabilities: logits have no common scale.
# - The mean over classes: the loss then shrinks with each class that one adds.
# - The wrong branch detached, or none. Print the gradients of both.
# - `reduction="mean"` or `"batchmean"` of KL taken on trust.
# - "Consistent, so right." The network that always says road is the answer.
#
# **On the board.**
#
# - Two confident, opposite answers: draw the loss and its slope for mse and for KL. Who learns there?
# - Why is a second view of the same street not free? What does the control GTR+GTR′ pay?
# - Name three ways in which a network can lower this loss without learning anything.
#
# **If time is short.** Run only two of the three fine-tunings ("as before" and "CGL alone"). Keep section 7: it shows what a control is for.

# %%
import torch
import torch.nn.functional as F

from gltr_lib import StyleBank, Stylizer, course, engine, models, streets, viz
from gltr_lib.checks import check, summary
from gltr_lib.config import METHODS, TrainConfig
from gltr_lib.course import claims
from gltr_lib.explorers import AugmentationComposer
from gltr_lib.losses import consistency_loss
from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization
from gltr_lib.study.looks import TEST_LOOKS

# %% [markdown]
# ## 1. One street, two answers (7 min)
#
# Lessons 03 and 04 gave us two pictures of the same scene: $x_\text{global}$, painted whole, and $x_\text{local}$,
# painted in blobs. Not one object has moved. Whatever a network calls the pixel at row 70, column 40, it should call it
# the same in both. The label says so, and even *without* a label we would know it.
#
# The paper adds a term for this to its loss and names it CGL, the consistency between GTR and LTR.
#
# > **What is the paper's, what is ours.** The name and the purpose are the paper's. Its formula, its weight and its
# > gradient are in the body of the paper, which was not available to us, and the published code holds no consistency
# > term at all. Everything below is our definition. Where we had a choice, we say so.

# %%
random = torch.Generator().manual_seed(course.seed(5))
gtr = GlobalTextureRandomization(Stylizer.load("mini"), StyleBank.load("paintings-mini"))
ltr = LocalTextureRandomization(sigma=(4, 16), share=0.5)


def some_streets(first, count):
    """Raw pictures (N, 3, H, W) in [0, 1] and labels (N, H, W), of the game look."""
    pictures, labels = streets.render_many(range(course.seed(first), course.seed(first) + count), "game")
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(labels).long()


raw, truth = some_streets(10_000, course.pick(smoke=4, laptop=12, full=64))
x_global = gtr(raw, generator=random)
x_local, _ = ltr(raw, x_global, generator=random)
baseline = models.load_shipped("baseline")
with torch.inference_mode():
    said_global, said_local = (baseline(x).argmax(1) for x in (x_global, x_local))

# %% [markdown]
# **Predict, then run.** The baseline was trained on raw streets only. On how many of the pixels will its two answers
# differ: a tenth, a third, or more than half?

# %%
differ = 100 * (said_global[0] != said_local[0]).float().mean().item()
panels = [
    raw[0],
    x_global[0],
    x_local[0],
    viz.error_map(said_global[0], said_local[0], raw[0]),
    x_global[0],
    x_local[0],
]
answers = [None, None, None, None, said_global[0], said_local[0]]
names = [
    "raw",
    "painted whole",
    "painted in blobs",
    "orange: two answers",
    "the baseline's answer",
    "and its answer here",
]
viz.show(
    viz.grid(panels, names, columns=3, labels=answers, alpha=0.85),
    alt=f"A street raw, painted whole and in blobs; below, where the baseline's two answers differ ({differ:.0f} per cent of "
    "the pixels), and its answer to each painted picture.",
)

# %%
present = torch.cat([said_global[0].unique(), said_local[0].unique()]).unique().tolist()
viz.show(viz.label_legend(present), alt="Legend: number, colour and name of the classes in the two answers.")
print(f"two answers for {differ:.0f} % of the pixels of this street")

# %% [markdown] tags=["instructor"]
# **Expected.** More than half: nearly two thirds of this street.
#
# **In class.** Ask which of the two answers was right, and whether that matters for *this* number.

# %% [markdown]
# Above: the street and its two views. Below: orange where the baseline gives two answers, and beside it the two
# answers, each under its own view. Not one object has moved between them.
#
# ## 2. A number for disagreement (17 min)
#
# Counting pixels with two answers is easy to read, and useless as a loss: a count has no gradient. So we compare the
# *probabilities* $p = \operatorname{softmax}(\text{logits})$. The plainest distance is the squared difference,
#
# $$\text{CGL} = \frac{1}{|V|} \sum_{i \in V} \sum_c \bigl(p^\text{global}_{ic} - p^\text{local}_{ic}\bigr)^2 ,$$
#
# summed over the classes $c$, averaged over the valid pixels $i \in V$, those with a label. (Agreement itself needs no
# label. But pixels without one show the car's own bonnet, or lie beyond the edge of the picture, and nobody will ever
# ask the network about them. Our streets are labelled everywhere, so here `valid` is true throughout; on real labels it
# is not.)

# %% [markdown]
# ### Exercise 5.1 — Do both views agree? (●●○, 7 min)
#
# Write `consistency(logits_global, logits_local, valid)`: logits (B, C, H, W), `valid` (B, H, W, bool). Return the
# squared difference of the **probabilities**, summed over classes, averaged over valid pixels. It is a loss: its gradient
# must reach both branches.
#
# <details><summary>Hint 1</summary>
#
# Three steps: probabilities, a distance for each pixel, a mean over some of the pixels.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(a.softmax(1) - b.softmax(1)).square().sum(1)[valid].mean()`
#
# </details>


# %%
def consistency(logits_global, logits_local, valid):
    """Squared difference of the probabilities, summed over classes, mean over valid pixels."""
    # BEGIN SOLUTION
    difference = logits_global.softmax(1) - logits_local.softmax(1)
    return difference.square().sum(1)[valid].mean()
    # END SOLUTION


# %%
consistency = check("05-consistency", consistency)

# %% [markdown]
# Now four networks on the same pairs of pictures: the baseline, the one that was trained *with* this loss, one with
# random weights that was never trained, and one that answers "road" everywhere.
#
# **Predict, then run.** Which of the four has the smallest disagreement?


# %%
class AlwaysRoad(torch.nn.Module):
    """Answers road, the class 0, whatever it is shown."""

    def forward(self, images):
        logits = torch.zeros(len(images), 19, *images.shape[2:])
        logits[:, 0] = 20.0
        return logits


@torch.inference_mode()
def report(network, first, second):
    """(consistency, % of pixels with two answers, % of pixels right in the first view)."""
    a, b = network(first), network(second)
    valid = truth != 255
    return (
        consistency(a, b, valid).item(),
        100 * (a.argmax(1) != b.argmax(1))[valid].float().mean().item(),
        100 * (a.argmax(1) == truth)[valid].float().mean().item(),
    )


# %%
candidates = {
    "baseline": baseline,
    "+GTR+LTR+CGL": models.load_shipped("gtr_ltr_cgl"),
    "random weights": models.build("deeplab_mini").eval(),
    "always road": AlwaysRoad(),
}
reports = {name: report(network, x_global, x_local) for name, network in candidates.items()}
rows = [(name, f"{value:.3f}", two, right) for name, (value, two, right) in reports.items()]
viz.table(rows, ["network", "CGL", "two answers (%)", "right (%)"], caption=f"{len(raw)} streets, two views each")
print("smallest disagreement:", min(reports, key=lambda name: reports[name][0]))

# %% [markdown] tags=["instructor"]
# **Expected.** The one that always says road: exactly 0. The untrained network comes next. A loss that a stone can win
# needs a partner.

# %% [markdown]
# **A network that knows nothing can agree with itself perfectly.** Consistency is not knowledge; it is a condition on
# knowledge. Alone it has a trivial solution, the constant answer, and it takes the labels of the cross-entropy to keep
# a network away from there. So whenever somebody shows you that a method is "more consistent", ask for the score beside
# it. In this lesson both always stand side by side.
#
# The row of the random weights hides a second trap: its CGL is small although its *answers* may differ on many pixels.
# It hesitates everywhere, all its probabilities are close to one another, and differences of small numbers are small.
# A network can lower this loss by agreeing, or by becoming less sure. Read both columns.

# %% [markdown]
# ## 3. Three distances, three tempers (10 min)
#
# The squared difference is one choice. Two others come from information theory, the Kullback-Leibler divergence (KL) and the
# Jensen-Shannon divergence (JS):
#
# $$\mathrm{KL}(p \,\|\, q) = \sum_c p_c \log\frac{p_c}{q_c}, \qquad
# \mathrm{JS}(p, q) = \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m), \quad m = \tfrac{p + q}{2}.$$
#
# KL has a direction: $p$ is the target, $q$ is judged. JS has none and is at most $\log 2$ (the natural logarithm). The
# squared difference has none either and is at most 2; the library calls it `mse`, though it *sums* over the classes where
# `F.mse_loss` averages.
#
# What matters for training is not the value but its slope. Take two classes. The global view is sure of class A (its
# logit is 6 higher). Let the local view move from *equally sure of A* to *equally sure of B*.
#
# **Predict, then run.** At the far end both views are certain, of opposite classes: the worst case there is. Which of
# the three losses pushes hardest there? Which pushes least?


# %%
def value_and_push(kind, margin):
    """The loss, and the length of its gradient at the local logits, which favour A by `margin`."""
    sure = torch.tensor([6.0, 0.0]).view(1, 2, 1, 1)
    local = torch.tensor([float(margin), 0.0]).view(1, 2, 1, 1).requires_grad_()
    loss = consistency_loss(sure, local, kind=kind, detach="global")
    loss.backward()
    return loss.item(), local.grad.norm().item()


margins = torch.linspace(6, -6, 49).tolist()
found = {kind: [value_and_push(kind, m) for m in margins] for kind in ("mse", "js", "kl")}
figure, axes = viz.new_figure(8.4, 3.3, ncols=2)
with viz.look():
    for part, (ax, title) in enumerate(zip(axes, ("value of the loss", "push on the local logits"), strict=True)):
        for i, (kind, pairs) in enumerate(found.items()):
            line = {"color": viz.COLOURS[i], "ls": viz.DASHES[i], "marker": viz.MARKERS[i], "markevery": 6}
            ax.plot(margins, [pair[part] for pair in pairs], label=kind, mec="white", **line)
        ax.set(title=title, xlabel="logit of A minus logit of B, local view", xlim=(6.4, -6.4))
        ax.legend()
    axes[0].set_ylabel("loss of one pixel")
    axes[1].set_ylabel("length of the gradient")

# %%
ends = {kind: pairs[-1] for kind, pairs in found.items()}
viz.show(
    figure,
    alt="Left: mse, js and kl grow as the views part; kl without bound. Right: the gradient of mse and js rises, then falls "
    "back towards zero where both views are certain of opposite classes; that of kl stays high.",
)
rows = [(kind, value, push) for kind, (value, push) in ends.items()]
viz.table(rows, ["kind", "loss", "push"], caption="Both views certain, of opposite classes", digits=3)

# %% [markdown] tags=["instructor"]
# **Expected.** KL pushes hardest, by far. mse and js hardly push at all, because the softmax is flat where it is
# certain.

# %% [markdown]
# The right panel is the surprise. Where the view that should move is certain, the squared difference and JS have almost
# *no* gradient, whatever the other view says. They move only a view that still hesitates itself. KL pushes hardest
# where the two contradict each other with certainty. (Its gradient on the local logits is simply $q - p$. In the other
# two it is multiplied, for two classes, by $q_A\,q_B$, and that product vanishes where the view is sure.) KL pays for
# it: one confidently wrong answer of the global view, and it pulls with full force in the wrong direction.
#
# Our default is `mse`, for its calm. That is a choice, not a finding; `MethodConfig(consistency_kind=...)` is where you
# change it. (`docs/study.md`, *Which distance should CGL take?*, has tried all three.)

# %% [markdown]
# ## 4. Who teaches whom? (13 min)
#
# A symmetric loss lets both views move: they meet somewhere in between. Often one wants a **teacher**: the prediction
# that is taken as given, while the other one learns. In PyTorch this is `.detach()`: the value passes, the gradient does
# not.

# %% [markdown]
# ### Exercise 5.2 — One branch teaches (●●●, 9 min)
#
# Write `kl_to_global(logits_global, logits_local)`: KL(global || local) of the softmax probabilities,
# `sum_c p_g * (log p_g - log p_l)`, averaged over all pixels of the batch. The global branch is the target: **no gradient
# flows into it**. It must stay exact where a view is quite sure, where `softmax` reaches 0 and 1 in float32.
#
# <details><summary>Hint 1</summary>
#
# Which branch may learn? The other one is a constant: `.detach()` it. Logs: `log_softmax`, not log of softmax.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `p = logits_global.detach().log_softmax(1)`, `q = logits_local.log_softmax(1)`, then
# `(p.exp() * (p - q)).sum(1).mean()`.
#
# </details>


# %%
def kl_to_global(logits_global, logits_local):
    """KL(global || local), mean over pixels; the global branch is held still."""
    # BEGIN SOLUTION
    p = logits_global.detach().log_softmax(1)
    q = logits_local.log_softmax(1)
    return (p.exp() * (p - q)).sum(1).mean()
    # END SOLUTION


# %%
kl_to_global = check("05-kl", kl_to_global)

# %% [markdown]
# **Predict, then run.** The three distances, each without and with `detach="global"`, and your function below them; two
# branches, the same logits for all. In which cells of the table will you find a zero? And does `detach` change the gradient
# into *local*?

# %%
rows, logits = [], 3 * torch.randn(2, 2, 19, 8, 8, generator=random)
for kind in ("mse", "js", "kl"):
    for detach in (None, "global"):
        a, b = (x.clone().requires_grad_() for x in logits)
        consistency_loss(a, b, kind=kind, detach=detach).backward()
        lengths = [0.0 if x.grad is None else x.grad.norm().item() for x in (a, b)]
        rows.append((kind, str(detach), *lengths))
a, b = (x.clone().requires_grad_() for x in logits)
kl_to_global(a, b).backward()
rows.append(("kl (yours)", "global", 0.0 if a.grad is None else a.grad.norm().item(), b.grad.norm().item()))
viz.table(
    rows, ["kind", "detach", "into global", "into local"], digits=4, caption="Length of the gradient, random logits"
)

# %% [markdown] tags=["instructor"]
# **Expected.** Zeros stand in the column *into global*, in the four rows with `detach="global"`, and nowhere else.
# *Into local* stays as it was, digit for digit.
#
# **In class.** Without `detach` the two lengths are of one size for mse and js, and which is longer is chance.

# %% [markdown]
# `detach="global"` leaves an exact zero, and the gradient into *local* as it was: it cuts one branch and touches
# nothing else. Without it the symmetric losses favour neither branch (which of the two lengths is larger is chance
# here), and even KL moves its target: the teacher is dragged towards the pupil. That is not always wrong, but it should
# never happen by accident. A gradient is one line to check; check it. (*Which branch should teach?* in `docs/study.md`
# has tried both.)

# %% [markdown]
# ## 5. One step, whole (10 min)
#
# Both views have labels, so both keep their cross-entropy:
#
# $$L = \mathrm{CE}\bigl(f(x_\text{global}), y\bigr) + \mathrm{CE}\bigl(f(x_\text{local}), y\bigr) + \lambda \cdot \text{CGL}.$$
#
# One forward pass over a batch of both views does it, instead of two passes.

# %% [markdown]
# ### Exercise 5.3 — Two views, one pass (●○○, 3 min)
#
# Write `two_views(model, x_global, x_local)`: run `model` **once** on both views, each (B, 3, H, W), and return the pair
# (logits_global, logits_local).
#
# <details><summary>Hint 1</summary>
#
# A batch may hold anything: stack the views along the batch dimension.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `model(torch.cat([x_global, x_local])).chunk(2)`
#
# </details>


# %%
def two_views(model, x_global, x_local):
    """Logits of both views from one forward pass."""
    # BEGIN SOLUTION
    first, second = model(torch.cat([x_global, x_local])).chunk(2)
    return first, second
    # END SOLUTION


# %%
two_views = check("05-forward", two_views)

# %% [markdown]
# Does it matter, one pass or two? Try it with the two usual kinds of normalisation in training mode.

# %%
rows = []
for norm in (torch.nn.BatchNorm2d(8), torch.nn.GroupNorm(2, 8)):
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), norm).train()
    with torch.no_grad():
        together, _ = two_views(layer, x_global, x_local)
        apart = layer(x_global)
    rows.append((type(norm).__name__, f"{(together - apart).abs().max():.1e}"))
viz.table(rows, ["normalisation", "largest difference between one pass and two"])

# %% [markdown]
# BatchNorm normalises with the statistics of whatever is in the batch. In one pass both views share them; in two passes
# each has its own. Neither is forbidden, but they are different networks. Our `deeplab_mini` uses GroupNorm, where every
# picture stands alone. A ResNet with BatchNorm would notice.

# %% [markdown]
# ### Exercise 5.4 — The whole loss (●○○, 2 min)
#
# Write `total_loss(ce_global, ce_local, consistency, weight)`: cross-entropy of both branches plus `weight` times the
# consistency.
#
# <details><summary>Hint 1</summary>
#
# Both branches have labels, so both are supervised; the weight belongs to one term.
#
# </details>
# <details><summary>Hint 2</summary>
#
# a + b + weight * c
#
# </details>


# %%
def total_loss(ce_global, ce_local, consistency, weight):
    """The loss of a step with two views."""
    # BEGIN SOLUTION
    return ce_global + ce_local + weight * consistency
    # END SOLUTION


# %%
total_loss = check("05-total", total_loss)

# %% [markdown]
# Put together, and held against the library's own step:


# %%
def losses(network, x_global, x_local, labels):
    """(cross-entropy global, cross-entropy local, consistency) of one step."""
    a, b = two_views(network, x_global, x_local)
    ce_global, ce_local = (F.cross_entropy(logits, labels, ignore_index=255) for logits in (a, b))
    return ce_global, ce_local, consistency(a, b, labels != 255)


method = METHODS["gtr_ltr_cgl"]
with torch.no_grad():
    yours = total_loss(*losses(baseline, x_global, x_local, truth), method.consistency)
    library, _ = engine.step_loss(baseline, [x_global, x_local], truth, TrainConfig(method))
print(
    f"{method.name}: views {' + '.join(method.views)}, consistency={method.consistency:g} ({method.consistency_kind})"
)
print(f"your total {yours:.5f}, the library's {library:.5f}, ratio {yours / library:.4f}")

# %% [markdown]
# The library divides the sum by the number of views. Otherwise a method with two views would have gradients twice as
# long as one with a single view, and a comparison of methods should not be about that. (With plain SGD it would be a
# doubled learning rate. AdamW, the optimizer of this course, mostly evens it out; but *clipping*, which cuts long
# gradients to a fixed length, would bite earlier.)
#
# All of it rests on one thing: both views share one label map. Watch the pictures of a step being made, with its labels
# at every stage. (The row of *rivals* shows other augmentations, a matter for lesson 08.) Then choose *Break it*.
#
# **Predict, then run.** Move the picture by 6 pixels and forget the labels. How many of a hundred label pixels will be
# wrong? (Count and share stand under each stage.) Would you see it in the picture?

# %%
AugmentationComposer()

# %% [markdown] tags=["instructor"]
# **Expected.** Fewer than most people fear, since things are larger than 6 pixels; the count stands under each stage.
# By eye it is easily missed in the small pictures. The contours show it, and the peak of the curve moves with it.

# %% [markdown]
# ## 6. Live: with and without (12 min)
#
# Take the shipped network that was trained with GTR and LTR but **without** CGL. Train it a little further, three times,
# on the same pictures in the same order:
#
# | run | cross-entropy | weight of the consistency |
# |---|---|---|
# | as before | yes | 0 |
# | with CGL | yes | 10 |
# | CGL alone | no | 10 |
#
# The weight of 10 makes the effect visible within a minute. The shipped network with CGL was trained with the weight
# that section 5 printed (`consistency=`). We measure on streets that none of them trains on.

# %%
STEPS = course.pick(smoke=3, laptop=36, full=400)
scenes, targets = some_streets(0, course.pick(smoke=6, laptop=60, full=600))


def fine_tune(supervised, weight):
    """A few more steps for the shipped +GTR+LTR; returns [(step, consistency, two answers, right)]."""
    network = models.load_shipped("gtr_ltr")
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-4)
    draw = torch.Generator().manual_seed(course.seed(55))
    history = [(0, *report(network, x_global, x_local))]
    for step in course.track(range(1, STEPS + 1), "fine-tuning"):
        chosen = torch.randint(len(scenes), (3,), generator=draw)
        first = gtr(scenes[chosen], generator=draw)
        second, _ = ltr(scenes[chosen], first, generator=draw)
        ce_global, ce_local, agreement = losses(network, first, second, targets[chosen])
        loss = total_loss(supervised * ce_global, supervised * ce_local, agreement, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % max(1, STEPS // 6) == 0:
            history.append((step, *report(network, x_global, x_local)))
    return history


# %% [markdown]
# **Predict, then run.** Which run ends with the least disagreement? Which with the most pixels right?

# %%
runs = {"as before": fine_tune(1, 0)}

# %%
runs["with CGL"] = fine_tune(1, 10)

# %%
runs["CGL alone"] = fine_tune(0, 10)

# %%
figure, axes = viz.new_figure(8.4, 3.3, ncols=2)
with viz.look():
    for i, (name, history) in enumerate(runs.items()):
        steps, values, _, right = zip(*history, strict=True)
        line = {"color": viz.COLOURS[i], "ls": viz.DASHES[i], "marker": viz.MARKERS[i], "mec": "white", "label": name}
        axes[0].plot(steps, values, **line)
        axes[1].plot(steps, right, **line)
    axes[0].set(title="disagreement, new streets", xlabel="step of the fine-tuning", ylabel="CGL (mse)", ylim=(0, None))
    axes[1].set(title="pixels right, new streets", xlabel="step of the fine-tuning", ylabel="pixels right (%)")
    axes[1].legend()
last = {name: history[-1] for name, history in runs.items()}
viz.show(
    figure,
    alt="Disagreement and accuracy over the steps of three fine-tunings. At the end: "
    + "; ".join(f"{name}: CGL {row[1]:.3f}, {row[3]:.0f} per cent right" for name, row in last.items()),
)

# %%
before = runs["as before"][0]
rows = [("at the start", f"{before[1]:.4f}", "", before[2], before[3])]
for name, (_, value, two, right) in last.items():
    rows.append((name, f"{value:.4f}", f"{value / before[1] - 1:+.0%}", two, right))
viz.table(rows, ["run", "CGL", "against the start", "two answers (%)", "right (%)"], caption="After the fine-tuning")
least, most = min(last, key=lambda name: last[name][1]), max(last, key=lambda name: last[name][3])
print(f"least disagreement: {least}; most pixels right: {most}")

# %% [markdown] tags=["instructor"]
# **Expected.** Least disagreement: *CGL alone*, which has nothing else to do. Most pixels right: one of the two runs
# with labels.
#
# **In class.** In smoke mode all three are within noise; say so.

# %% [markdown]
# Mind the right axis: it does not start at 0. Compare the first two runs: same pictures, same steps, same start, so
# whatever separates their two lines is the doing of this one term. Then the last run: the consistency alone may get its
# way without a single label, and the right panel shows what becomes of the knowledge. If the line printed last names
# two different runs, you have just seen that **less disagreement and more knowledge are different goals**. (Seen once:
# a small gap between the two runs with labels may be luck.)

# %% [markdown]
# ## 7. The control (11 min)
#
# Suppose +GTR+LTR scores better than +GTR. Is it the *local* texture? There is another difference: +GTR shows the network
# each street in **one** view a step, +GTR+LTR in **two**. Perhaps any second view would do. So the study trains a
# control, **GTR + GTR′**: two views, two paintings drawn independently, nothing local. All methods get the same number of
# forward images, so that a method with two views sees half as many different streets a step.
#
# With the control each step of the walk becomes a question of its own:
#
# | difference | question |
# |---|---|
# | GTR+GTR′ minus GTR | does a second view help? |
# | GTR+LTR minus GTR+GTR′ | does it help that the second view is local? |
# | GTR+LTR+CGL minus GTR+LTR | does it help to ask for agreement? |
#
# First the shipped networks. CGL was trained on pairs (global, local). Does the agreement carry over to a pair that it
# was *not* trained on, two whole paintings of one street?
#
# **Predict, then run.** Order the four networks by the share of pixels with two answers.

# %%
x_other = gtr(raw, generator=random)
NAMES = {"baseline": "baseline", "gtr": "+GTR", "gtr_ltr": "+GTR+LTR", "gtr_ltr_cgl": "+GTR+LTR+CGL"}
reports = {}
for key in NAMES:
    network = models.load_shipped(key)
    reports[key] = report(network, x_global, x_local), report(network, x_global, x_other)
bars = {
    "whole and in blobs (GTR, LTR)": [reports[key][0][1] for key in NAMES],
    "two paintings (GTR, GTR′)": [reports[key][1][1] for key in NAMES],
}
figure = viz.bars(
    bars, groups=list(NAMES.values()), ylabel="pixels with two answers (%)", title="Lower: more consistent"
)
viz.show(
    figure,
    alt="Bars: share of pixels with two answers for four networks. "
    + "; ".join(f"{NAMES[k]} {a[1]:.0f} and {b[1]:.0f} per cent" for k, (a, b) in reports.items()),
)

# %% [markdown] tags=["instructor"]
# **Expected.** The baseline lies far above all others; those that saw paint lie close together. On two paintings, the
# pair that CGL never trained on, the last three hardly differ.
#
# **In class.** Whether CGL also helps on that pair is the question to dwell on.

# %% [markdown]
# Compare the last two groups of bars. Where only the bar of blobs is lower with CGL, the network learned to agree on
# the pair it was trained on. Where both are lower, the agreement carries over. And how much of the fall from the
# baseline came with GTR already?
#
# These are single networks, one seed each. Whether a difference is more than luck, only repeated training can tell. The
# course's study did that; its numbers stand in `results/headline.jsonl`, one line a score. We read them from there.


# %%
study = claims.scores()  # results/headline.jsonl: points by (method, look) and seed
LOOKS = {"streets/game": "game (source)", "streets/overcast": "overcast", "streets/sun": "sun"}
LOOKS[f"streets/{TEST_LOOKS}"] = "test looks"
QUESTIONS = {
    "a second view\n(GTR+GTR′ − GTR)": ("gtr_gtr", "gtr"),
    "a local one\n(GTR+LTR − GTR+GTR′)": ("gtr_ltr", "gtr_gtr"),
    "agreement\n(+CGL − GTR+LTR)": ("gtr_ltr_cgl", "gtr_ltr"),
}

# %%
figure, axes = viz.new_figure(8.4, 3.4, ncols=len(LOOKS), sharey=True, sharex=True)
with viz.look():
    for ax, (look, title) in zip(axes, LOOKS.items(), strict=True):
        ax.axvline(0, color=viz.MUTED, lw=1)
        for i, pair in enumerate(QUESTIONS.values()):
            values = claims.paired(study, *pair, look)  # seed by seed
            heights = [i + 0.14 * (n - (len(values) - 1) / 2) for n in range(len(values))]  # no mark covers another
            ax.plot(values, heights, viz.MARKERS[i], color=viz.COLOURS[i], mec="white", ms=5)
            ax.plot(sum(values) / max(1, len(values)), i, "|", color=viz.INK, ms=18, mew=2)
        ax.set_title(title)
        ax.set_yticks(range(len(QUESTIONS)), list(QUESTIONS))
        ax.set_ylim(len(QUESTIONS) - 0.5, -0.5)
    figure.supxlabel(
        "difference in mIoU (points), one mark a seed (first seed on top), bar = mean", fontsize=8.5, color=viz.MUTED
    )
if study:
    viz.show(
        figure, alt="Paired differences by seed for three questions on four looks; the table below reads them out."
    )
else:
    print("results/headline.jsonl has no rows here; `gltr study --tier headline` makes them.")


# %%
def answers(new, old):
    """One cell a look: mean, seeds and verdict of a paired difference."""
    return [claims.sentence(claims.paired(study, new, old, look)) for look in LOOKS]


rows = [(question.replace("\n", " "), *answers(*pair)) for question, pair in QUESTIONS.items()]
viz.table(rows, ["question", *LOOKS.values()], caption="Mean difference in mIoU-19 (by seed): verdict")

# %% [markdown]
# *Helps* or *harms* needs an interval of 95 % that leaves out zero; the rest is *open*. (Lesson 08 builds the interval.)
#
# Read the column of the test looks: no network of this study was trained on them. And be careful. A handful of seeds
# shows a direction at best. This is a rendered world, made to show a mechanism, not evidence about real roads.
#
# One question still needs a control of its own: does CGL need LTR at all? `METHODS["gtr_gtr_cons"]` asks for agreement
# between *two whole paintings*:

# %%
control = METHODS["gtr_gtr_cons"]
print(
    f"{control.name}: views {' + '.join(control.views)}, consistency={control.consistency:g} ({control.consistency_kind})"
)
pairs = {"agreement with LTR": ("gtr_ltr_cgl", "gtr_ltr"), "agreement without LTR": ("gtr_gtr_cons", "gtr_gtr")}
rows = [(name, *answers(*pair)) for name, pair in pairs.items()]
viz.table(rows, ["question", *LOOKS.values()], caption="What asking for agreement adds")
said = {(n, t): claims.verdict(claims.paired(study, *p, look)) for n, p in pairs.items() for look, t in LOOKS.items()}
rows = []
for word in ("helps", "harms"):
    places = [f"{name}: {title}" for (name, title), verdict in said.items() if verdict == word]
    rows.append((f"agreement {word}", "; ".join(places) or "nowhere"))
viz.table(rows, ["verdict", "where"])

# %% [markdown]
# Ask the plain question first: does agreement help *at all*, with either pair? The second table says so.
# Only if it helps somewhere is there anything for LTR to explain.
#
# Then hold the two rows against each other, look by look. Where they resemble each other, nothing says that CGL needs LTR.
# But count the seeds in the brackets before you compare two words. A row with fewer seeds has a wider interval, so it is
# harder to decide: the same difference may be *open* in one row and a verdict in the other. *One seed* says
# little, and *not run* nothing at all.

# %%
print(summary("05"))

# %% [markdown]
# ## Recap
#
# - Consistency asks for one answer to two textures of one scene. It needs no label, and alone it is satisfied by a
#   network that knows nothing.
# - `mse` and `js` are bounded and lose their push on a view that is certain; `kl` pushes hardest on one that is contradicted.
# - `detach` decides who teaches. Check it by looking at the gradient.
# - Both branches keep their cross-entropy; one forward pass holds both views.
# - A gain of LTR or CGL means something only beside a control with two views and the same budget.
#
# ## References
#
# - D. Peng, Y. Lei, L. Liu, P. Zhang, J. Liu. *Global and local texture randomization for synthetic-to-real semantic segmentation.* IEEE TIP 30, 2021. [arXiv:2108.02376](https://arxiv.org/abs/2108.02376)
# - J. Lin. *Divergence measures based on the Shannon entropy.* IEEE Transactions on Information Theory 37, 1991. [doi:10.1109/18.61115](https://doi.org/10.1109/18.61115)
# - G. French, S. Laine, T. Aila, M. Mackiewicz, G. Finlayson. *Semi-supervised semantic segmentation needs strong, varied perturbations.* BMVC 2020. [arXiv:1906.01916](https://arxiv.org/abs/1906.01916)
#
# ## Next
#
# [06 DeepLab](06_deeplab.ipynb): the network that has been answering all along, built by hand.
