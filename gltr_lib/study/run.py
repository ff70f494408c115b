"""Running the study: train what is missing, score it, write the ledger. Killed at any moment, it goes on where it was.

A run lives in ``runs/study/<id>/``: the engine's checkpoint while it trains, ``model.safetensors`` (half precision)
when it has. What is scored is the network *as saved*, so that a shipped file and its ledger rows are the same thing.
Several processes may work side by side: each run is locked by the one that trains it, and the ledger takes rows from
all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gltr_lib import ledger
from gltr_lib._checkout import default_cache
from gltr_lib._drafts import locked, write_text
from gltr_lib.config import TrainConfig
from gltr_lib.datasets import rendered
from gltr_lib.datasets.looks import Streets
from gltr_lib.evaluate import FULL_SIZE, layout_prior, score_prior
from gltr_lib.labels import CLASSES, COMMON5
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.study import again, book, data, painters, real_tier, scenes, trials
from gltr_lib.study.book import missing
from gltr_lib.study.grid import Run, grid, train_streets
from gltr_lib.study.places import Places, default_ledger
from gltr_lib.study.processes import in_processes
from gltr_lib.study.settings import Settings
from gltr_lib.study.tables import convergence_line
from gltr_lib.study.tiers import CHECK_METRIC, CONVERGENCE, MOST_GAINED, PRIOR

METRIC = "mIoU-19"


def run_study(
    settings: Settings,
    places: Places | None = None,
    *,
    jobs: int = 1,
    device: str | None = None,
    ids: Sequence[str] = (),
    shard: tuple[int, int] = (1, 1),
    say: Callable[[str], None] = print,
) -> int:
    """Run what is missing of a tier.

    Args:
        settings: the tier and its changes.
        places: the ledger and the working folder.
        jobs: runs side by side, each in a process of its own; several share one GPU well.
        device: "cpu", "cuda", ...; None = the best there is.
        ids: only the runs of these names (used by the processes of ``jobs``).
        shard: (i, n): only every n-th run from the i-th on, so that n machines share a tier.
        say: takes one line of progress.

    Returns:
        The number of runs that failed.

    Raises:
        ValueError: impossible settings.
    """
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, received {jobs}")
    if not 1 <= shard[0] <= shard[1]:
        raise ValueError(f"shard: expected i/n with 1 <= i <= n, such as 2/4, received {shard[0]}/{shard[1]}")
    places = places or Places(default_ledger(settings))
    # Two rows may be one network (ours, and ours with the choice of its trials): it is trained once.
    unique: dict[str, Run] = {}
    for run in grid(settings):
        if not run.needs:
            unique.setdefault(run.definition, run)
    declared = list(unique.values())[shard[0] - 1 :: shard[1]]
    runs = [run for run in declared if not ids or run.id in ids]
    if ids and len(runs) < len(ids):
        raise ValueError(f"no such run: {', '.join(sorted(set(ids) - {run.id for run in runs}))}")
    rows = book.read(places.ledger)
    todo = [run for run in runs if missing(run, rows) or (settings.retrain and not places.network(run).exists())]
    for run in runs:
        if run not in todo:
            say(f"{run.id}: done, skipped")
    if not ids:
        for run in grid(settings):
            if run.needs and run.seed == settings.first_seed:
                say(f"{run.method}: not run, it needs {run.needs}")
    if settings.final:
        untrained = [run.id for run in todo if not places.network(run).exists()]
        if untrained:
            raise ValueError(
                f"--final scores finished networks; not trained here: {', '.join(untrained)} "
                "(where they have rows, --retrain trains them again and leaves the rows as they are)"
            )
    if settings.tier in ("rivals", "real") and not trials.read():
        say(f"no trial is chosen ({trials.FILE} is not here): every method runs with its own numbers")
    if todo:
        _render(todo, settings, places, say)
    failed = 0
    if jobs > 1 and len(todo) > 1:
        failed = in_processes(todo, settings, places, jobs, device, say)
    else:
        for number, run in enumerate(todo, start=1):
            say(f"[{number}/{len(todo)}] {run.id} ({run.config.steps} steps)")
            try:
                run_one(run, places, device=device, final=settings.final, say=say)
            except (RuntimeError, ValueError, OSError) as error:  # one run's failure does not cost the others
                failed += 1
                say(f"{run.id}: FAILED, {error}")
    if not ids:
        # One process at a time: two that find the same row missing would both write it.
        with _lock(places.runs / "study" / "lock", wait=True):
            score_layout_prior(settings, places)
            convergence_row(settings, places, say)
            if settings.title == "tuning":
                choose_trials(places, say)
    return failed


def choose_trials(places: Places, say: Callable[[str], None] = print) -> None:
    """Write the choice of each method whose trials are all in the ledger, beside that ledger."""
    chosen = trials.choose(book.tier_rows(book.read(places.ledger), Settings("tuning")))
    if chosen:
        write_text(places.ledger.with_name(trials.FILE.name), trials.text(chosen))
        labels = ", ".join(f"{method}: {entry['label']}" for method, entry in chosen.items())
        say(f"chosen by the ledger ({len(chosen)} of {len(trials.candidates())} methods): {labels}")


def run_one(
    run: Run, places: Places, *, device: str | None = None, final: bool = False, say: Callable[[str], None] = print
) -> None:
    """Train one run if its network is not there, and score it where rows are missing; leave it if it is locked."""
    from gltr_lib.engine import pick_device

    where = pick_device(device)
    with _lock(places.folder(run) / "lock") as ours:
        if not ours:
            say(f"{run.id}: another process is at it, skipped")
            return
        new = not places.network(run).exists()
        if new:
            _train(run, places, where)
        model, facts = load_network(run, places)
        model = model.to(where).eval()
        todo = missing(run, book.read(places.ledger))
        if new and not final and run.score[0] not in todo:
            say(f"  {run.method}, seed {run.seed}, {again.compare(run, model, places)}")
        for streets in todo:
            images, labels = data.load(streets, run.config.crop, places.cache, final=final)
            started = time.monotonic()
            matrix, counts = scenes.evaluate_scenes(model, images, labels, batch=16, num_classes=run.config.num_classes)
            row = result_row(run, streets, matrix, facts, str(ledger.device_name(where)))
            row["score_seconds"] = round(time.monotonic() - started, 2)
            # Before the row: a row that names its scenes has them.
            row["scenes"] = scenes.save(places.ledger.parent, run.id, row["definition"], counts)
            ledger.append(places.ledger, row)
            say(f"  {run.method}, seed {run.seed}, {streets.name}: {row['metric']} {100 * row['value']:.1f}")


def result_row(
    run: Run, streets: Streets, matrix: ConfusionMatrix, facts: dict[str, Any], device: str, classes: Sequence[str] = ()
) -> ledger.Row:
    """One row of the ledger: the required fields, each class's IoU, and what identifies the run."""
    own = CLASSES if run.config.num_classes == len(CLASSES) else COMMON5
    classes = classes or own
    return {
        "method": run.method, "seed": run.seed, "commit": ledger.git_commit(),
        "protocol": FULL_SIZE.name if own is CLASSES else real_tier.protocol(run.config.crop[1]),
        "metric": f"mIoU-{len(own)}", "value": round(matrix.miou(), 6), "data": streets.name,
        "config": dataclasses.asdict(run.config), "device": facts.get("device", device),
        "wall_seconds": facts.get("wall_seconds", 0.0), "date": ledger.now(), "tier": run.tier, "run": run.id,
        "definition": run.score_definition(streets), "family": run.family, "world": rendered.world_digest(),
        "images": len(streets), "size": f"{run.config.crop[1]}x{run.config.crop[0]}", "trained_on": run.train.name,
        "trained_at": facts.get("commit", "unknown"), "step_seconds": facts.get("step_seconds", 0.0),
        "torch": torch.__version__, "per_class": dict(zip(classes, ledger.numbers(matrix.iou().tolist()), strict=True)),
    }  # fmt: skip


def load_network(run: Run, places: Places) -> tuple[nn.Module, dict[str, Any]]:
    """A finished network as it was saved, and the facts of its training."""
    from safetensors import safe_open

    from gltr_lib._step import network_options
    from gltr_lib.models import build

    with safe_open(places.network(run), framework="pt") as file:
        facts = json.loads((file.metadata() or {}).get("facts", "{}"))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    model = build(run.config.model, run.config.num_classes, **network_options(run.config))
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return model.eval(), facts


def networks(settings: Settings, places: Places) -> Iterator[tuple[Run, Path]]:
    """The finished runs of a tier with their files."""
    for run in grid(settings):
        if places.network(run).exists():
            yield run, places.network(run)


def score_layout_prior(settings: Settings, places: Places) -> None:
    """Score the layout prior of the source labels on every set, once a definition."""
    sources = {run.train.name for run in grid(settings) if not run.needs}
    names = real_tier.baselines(sources) if settings.tier == "real" else ("baseline",)
    if not names:
        return
    for example in grid(dataclasses.replace(settings, only=names, seeds=1)):
        run = dataclasses.replace(example, method=PRIOR)
        todo = missing(run, book.read(places.ledger))
        if not todo:
            continue
        classes = run.config.num_classes
        prior = layout_prior(data.load(run.train, run.config.crop, places.cache)[1], classes)
        for streets in todo:
            started = time.monotonic()
            truth = data.load(streets, run.config.crop, places.cache, final=settings.final)[1]
            matrix = score_prior(prior, truth, classes)
            facts = {"wall_seconds": round(time.monotonic() - started, 2), "commit": ledger.git_commit()}
            ledger.append(places.ledger, result_row(run, streets, matrix, facts, ledger.device_name("cpu")))


def convergence_row(settings: Settings, places: Places, say: Callable[[str], None] = print) -> None:
    """Write how much a run four times longer gains on the source, and whether that is little enough."""
    if settings.final or settings.tier != "headline":
        return
    compared = ("baseline", CONVERGENCE)
    runs = {run.method: run for run in grid(dataclasses.replace(settings, only=compared, seeds=1))}
    rows = ledger.read(places.ledger)
    values = {}
    for method in compared:
        found = ledger.find(rows, run=runs[method].id, data="streets/game", metric=METRIC)
        if not found:
            return
        values[method] = found[-1]
    longer, usual = values[CONVERGENCE], values["baseline"]
    identity = f"{longer['definition']}-{usual['definition']}"
    if ledger.find(rows, metric=CHECK_METRIC, definition=identity):
        return
    gain = longer["value"] - usual["value"]
    kept = {name: value for name, value in longer.items() if name != "scenes"}  # a difference has no scenes of its own
    row = {**kept, "metric": CHECK_METRIC, "value": round(gain, 6), "definition": identity, "date": ledger.now()}
    del row["per_class"]
    row["passed"] = row["value"] <= MOST_GAINED
    ledger.append(places.ledger, row)
    say(convergence_line([row], settings.title))


def _train(run: Run, places: Places, where: torch.device) -> None:
    from gltr_lib import engine
    from gltr_lib.models import export

    images, labels = data.load(run.train, run.config.crop, places.cache)
    stylizer, bank = styles_for(run.config, where, places.cache)
    config = run.config.replace(device=str(where))
    started = time.monotonic()
    result = engine.train(
        config, images, labels, stylizer=stylizer, bank=bank, out=places.folder(run), resume=True,
        progress=sys.stderr.isatty(),
    )  # fmt: skip
    seconds = float(result.seconds) or time.monotonic() - started
    facts = {
        "run": run.id, "definition": run.definition, "commit": ledger.git_commit(), "device": ledger.device_name(where),
        "wall_seconds": round(seconds, 2), "step_seconds": round(seconds / run.config.steps, 5),
        "config": dataclasses.asdict(run.config),
    }  # fmt: skip
    export(result.model, places.network(run), {"facts": json.dumps(facts)})


def styles_for(config: TrainConfig, where: torch.device, cache: Path | None = None) -> tuple[Any, Any]:
    """The stylizer and the bank that a configuration asks for; None for what its views do not need.

    Args:
        config: the run.
        where: where the stylizer is put.
        cache: keeps banks that are not shipped; None = as :func:`~gltr_lib._checkout.default_cache` says.
    """
    if not config.method.needs_paintings:
        return None, None
    stylizer = painters.stylizer(config.stylizer, where) if config.method.needs_stylizer else None
    return stylizer, painters.bank(config.bank, stylizer, cache or default_cache())


def _render(todo: Sequence[Run], settings: Settings, places: Places, say: Callable[[str], None]) -> None:
    """Render every set once before the runs begin, so that processes only read."""
    needed = {run.train: run.config.crop for run in todo}
    needed |= {streets: run.config.crop for run in todo for streets in run.score}
    needed[train_streets("game", settings.scenes)] = todo[0].config.crop
    for streets, size in needed.items():
        drawn = [part for part in streets.parts if not real_tier.are_files(part[0])]
        absent = [part for part in drawn if not rendered.cache_path(part, size, places.cache).exists()]
        if absent:
            started = time.monotonic()
            for part in absent:
                data.load_part(part, size, places.cache, final=settings.final)
            say(f"rendered {streets.name}: {len(streets)} streets in {time.monotonic() - started:.1f} s")
    for run in {(run.config.stylizer, run.config.bank): run for run in todo}.values():
        if run.config.bank in painters.CONTENT:
            styles_for(run.config, torch.device("cpu"), places.cache)  # measured once, too


@contextlib.contextmanager
def _lock(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a file's lock if nobody else does, or once nobody does; it ends with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle, locked(handle.fileno(), wait=wait) as ours:
        yield ours
