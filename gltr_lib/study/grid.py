"""The study as a declaration: which methods, seeds and looks there are, and what makes two runs the same run.

Nothing is trained here. A tier is a tuple of :class:`Run`, made from the rows of :mod:`.tiers`; each run knows its
training configuration, the streets it trains on, the looks it is scored on, and a *definition*: a hash of all of that
and of the shipped weights it uses. The ledger's rows carry the definition, so a finished run is skipped, in whichever
tier it was trained, and a changed one is run again.

Source: our own plan (issues of the course).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gltr_lib._drafts import digest as file_digest
from gltr_lib._json import digest, parse_object
from gltr_lib.config import MethodConfig, TrainConfig, parse_overrides
from gltr_lib.datasets import EVAL_SEEDS, TRAIN_SEEDS, VAL_SEEDS
from gltr_lib.datasets.looks import Streets, sampled_looks
from gltr_lib.study import painters, real_tier, trials
from gltr_lib.study.groups import groups
from gltr_lib.study.settings import STEPS, Settings
from gltr_lib.study.tiers import SEEDS, Row

# Raise this when what a score MEANS changes (renderer, looks, scoring): it makes all earlier rows outdated.
STUDY_VERSION = 1
# Fields that TrainConfig or MethodConfig gained after runs were published: they count only when not at their default.
LATER_FIELDS: frozenset[str] = frozenset({
    "model_options", "init", "optimizer", "momentum", "head_lr_factor", "precision", "channels_last", "compile",
    "accumulate", "processes", "workers", "sync_bn", "selection", "val_every", "log_every", "pictures_every",
    "rival", "network", "whitening", "whitening_again", "styles",
})  # fmt: skip
# Fields that do not change what is learnt.
SILENT_FIELDS = frozenset({"device", "checkpoint_every", "amp"})

# The base configuration of every run, in this one place; rows of the tiers (:mod:`.tiers`) say what differs from it.
# For the same time on two cores: more and smaller steps than twelve images allow. Full precision, on a GPU too.
# No zoom, as in the official recipe: with it the baseline was still 3.4 points short of a run four times longer.
FORWARD_IMAGES = 8
BASE = TrainConfig(forward_images=FORWARD_IMAGES, scale=(1.0, 1.0), amp=False)


@dataclass(frozen=True)
class Run:
    """One training run and where it is scored."""

    tier: str
    method: str
    seed: int
    config: TrainConfig
    train: Streets
    score: tuple[Streets, ...]
    needs: str = ""  # why it cannot run here; "" if it can

    @property
    def definition(self) -> str:
        """Hash of everything that decides the network: configuration, streets, shipped weights, version."""
        return digest([self.family, self.seed])

    @property
    def family(self) -> str:
        """The definition without the seed: only networks of one family are averaged."""
        config = _without_defaults(dataclasses.asdict(self.config), dataclasses.asdict(TrainConfig()))
        content: dict[str, Any] = {
            "version": STUDY_VERSION,
            "config": {name: value for name, value in config.items() if name not in SILENT_FIELDS | {"seed"}},
            "train": [[look, _spell(seeds)] for look, seeds in self.train.parts],
        }
        method = self.config.method
        if method.needs_paintings:
            used = (self.config.stylizer, self.config.bank) if method.needs_stylizer else (self.config.bank,)
            content["weights"] = {name: asset_digest(name) for name in used}
        return digest(content)

    @property
    def id(self) -> str:
        """A name fit for a folder: tier, method, seed and the definition's first digits."""
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.tier.split(' ')[0]}-{self.method}".lower()).strip("-")
        return f"{words}-s{self.seed}-{self.definition[:8]}"

    def score_definition(self, streets: Streets, definition: str = "") -> str:
        """Hash of the network's definition (which a caller may know already) and of what it is scored on."""
        size = self.config.crop
        return digest(
            [definition or self.definition, [[look, _spell(seeds)] for look, seeds in streets.parts], list(size)]
        )


def grid(settings: Settings | None = None, tuned: Mapping[str, str] | None = None) -> tuple[Run, ...]:
    """All runs of a tier, in the order in which they run: seed 0 of everything first.

    Args:
        settings: the tier and what is changed about it.
        tuned: the chosen trial of each tuned method (the rivals tier reads it); None = ``results/tuned.json``.

    Returns:
        The runs.

    Raises:
        ValueError: an override that cannot be read, or that a row would ignore: it would be recorded as followed.

    Example:
        >>> [run.method for run in grid(Settings(seeds=1))][1:3]
        ['baseline', 'gtr']
    """
    settings = settings or Settings()
    steps = settings.steps or STEPS[settings.tier]
    count = settings.seeds or SEEDS[settings.tier]
    base = parse_overrides(settings.overrides, BASE.replace(steps=steps))
    sets = score_sets(settings)
    rows = _groups(settings, tuned)
    for row in (row for group in rows for row in group if not settings.only or row.name in settings.only):
        _refuse_ignored(row, settings.overrides)

    def run_of(row: Row, seed: int) -> Run:
        method = _method(row.method, base, settings.overrides)
        changes: dict[str, Any] = {**dict(row.base), "steps": row.longer * base.steps}
        config = base.replace(**changes, method=method, seed=seed)
        if row.train in real_tier.SOURCES:
            frames = () if settings.final else real_tier.scored_frames(settings.scenes)
            return Run(
                settings.title, row.name, seed, config, real_tier.train_frames(settings.scenes), frames, row.needs
            )
        streets = train_streets(row.train, settings.scenes)
        return Run(settings.title, row.name, seed, config, streets, sets, row.needs)

    return tuple(
        run_of(row, settings.first_seed + number)
        for group in rows
        for number in range(count)
        for row in group
        if (row.seeds is None or number < row.seeds) and (not settings.only or row.name in settings.only)
    )


def rows_for(settings: Settings, tuned: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Names of all rows of a tier that follow the overrides, whether they are asked for or not.

    Example:
        >>> len(rows_for(Settings("real"))), len(rows_for(Settings("real", overrides=("lr=0.5",))))
        (12, 4)
    """
    rows = (row for group in _groups(settings, tuned) for row in group)
    return tuple(row.name for row in rows if not _ignored(row, settings.overrides))


def train_streets(kind: str, scenes: int = 0) -> Streets:
    """What a run trains on: the game look, unless it is the oracle or trains on pictures painted beforehand.

    Args:
        kind: "oracle" sees the same scenes, half in each development look; "painted:<n>" sees n painted copies of
            them; everything else sees the game.
        scenes: only so many; 0 = all.

    Returns:
        The streets.

    Example:
        >>> len(train_streets("game")), len(train_streets("painted:5"))
        (600, 3000)
    """
    seeds = tuple(TRAIN_SEEDS)[: scenes or None]
    if kind == "oracle":
        return Streets("streets/overcast+sun", (("overcast", seeds[0::2]), ("sun", seeds[1::2] or seeds[:1])))
    if kind.startswith("painted:"):
        count = int(kind.removeprefix("painted:"))
        # The look's name holds the weights that paint it, so that other weights are another definition.
        by = digest([asset_digest(BASE.stylizer), asset_digest(BASE.bank)])
        return Streets(
            f"streets/game, {count} painted copies", tuple((f"painted:{n}:{by}", seeds) for n in range(count))
        )
    return Streets("streets/game", (("game", seeds),))


def score_sets(settings: Settings) -> tuple[Streets, ...]:
    """What every network is scored on: source, development looks, sampled test looks, negative controls.

    Trials are scored on validation scenes of the source and of the development looks, and on nothing else.
    """
    if settings.tier == "tuning":
        seeds = tuple(VAL_SEEDS)[: settings.scenes or None]
        return tuple(Streets(f"streets/{look} (VAL_SEEDS)", ((look, seeds),)) for look in ("game", "overcast", "sun"))
    seeds = tuple(EVAL_SEEDS)[: settings.scenes or None]
    sampled = sampled_looks(settings.looks, final=settings.final)
    each = max(1, len(seeds) // len(sampled))
    parts = []
    for index, look in enumerate(sampled):
        start = index * each % len(seeds)
        parts.append((look, seeds[start : start + each]))
    test = Streets(f"streets/{settings.looks}", tuple(parts))
    if settings.final:
        return (test,)
    named = [Streets(f"streets/{look}", ((look, seeds),)) for look in ("game", "overcast", "sun")]
    controls = [Streets(f"streets/{look}", ((look, seeds),)) for look in ("geometry", "colour")]
    return (*named, test, *controls)


@cache
def asset_digest(name: str) -> str:
    """The SHA-256 of a shipped file as its registry states it, or what stands for it, or of somebody's own file.

    "unknown" where there is none. Within one process a name stands for one content.
    """
    if name in painters.CONTENT:
        return painters.CONTENT[name]
    registry = Path(__file__).resolve().parent.parent / "assets" / "registry.json"
    entries: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        entries = parse_object(registry.read_bytes())
    for key in (name, f"{name}-stylizer", f"{name}-bank"):
        if isinstance(entries.get(key), dict):
            return str(entries[key].get("sha256", "unknown"))
    with suppress(OSError, ValueError):
        return file_digest(name)
    return "unknown"


def shared_digest(config: dict[str, Any]) -> str:
    """Hash of a configuration without method and seed, and without what does not change the learning.

    Args:
        config: ``dataclasses.asdict`` of a TrainConfig, or the same from a ledger's row.

    Returns:
        Twelve hexadecimal digits.

    Example:
        >>> one, other = (dataclasses.asdict(TrainConfig(m, seed=s)) for m, s in (("gtr", 0), ("baseline", 3)))
        >>> shared_digest(one) == shared_digest(other)
        True
    """
    plain = json.loads(json.dumps([config, dataclasses.asdict(TrainConfig())]))  # tuples and lists are one
    kept = _without_defaults(*plain)
    return digest({name: value for name, value in kept.items() if name not in SILENT_FIELDS | {"method", "seed"}})


def _groups(settings: Settings, tuned: Mapping[str, str] | None) -> tuple[tuple[Row, ...], ...]:
    return groups(settings.tier, trials.read() if tuned is None else tuned)


def _ignored(row: Row, overrides: Iterable[str]) -> list[str]:
    """The keys of some overrides that a row sets itself, whatever they say."""
    painted = ("stylizer", "bank") if row.train.startswith("painted:") else ()  # train_streets names what paints
    own = {"method", "seed", *dict(row.base), *painted}
    return [key for key in (text.partition("=")[0].strip() for text in overrides) if key in own]


def _refuse_ignored(row: Row, overrides: Iterable[str]) -> None:
    remedies = {"method": "--only chooses rows", "seed": "--seeds says how many there are"}
    for key in _ignored(row, overrides):
        remedy = remedies.get(key, "leave it out with --only")
        raise ValueError(f"--set {key}: the row {row.name!r} decides this itself; {remedy}")


def _method(method: MethodConfig, base: TrainConfig, overrides: Iterable[str]) -> MethodConfig:
    """A method of a row, with the ``method.…`` overrides applied to it."""
    inner = [text for text in overrides if text.strip().startswith("method.")]
    return parse_overrides(inner, base.replace(method=method)).method if inner else method


def _without_defaults(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for name, value in values.items():
        if name in LATER_FIELDS and value == defaults.get(name):
            continue
        if isinstance(value, dict):
            value = _without_defaults(value, defaults.get(name) or {})
        out[name] = value
    return out


def _spell(seeds: Sequence[int]) -> list[int]:
    """Seeds in a short form that is the same for a range and for its list."""
    seeds = list(seeds)
    if len(seeds) > 2:
        step = seeds[1] - seeds[0]
        if step and seeds == list(range(seeds[0], seeds[-1] + (1 if step > 0 else -1), step)):
            return [seeds[0], seeds[-1], step, len(seeds)]
    return seeds
