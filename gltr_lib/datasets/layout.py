"""How a dataset lies on a disk, written down as data: folders, endings, ids, splits. One file a dataset fills it in.

A :class:`Layout` has one or more forms (:mod:`.form`): the physical arrangements in which a dataset is found (the
current and the old release of BDD100K, for instance). From a form come pairs of picture and label map; what their
values mean says a coding. Whatever is missing, double or of another kind is an error that names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gltr_lib._read import PathLike, no_folder, picture_size, shown, translate
from gltr_lib._validate import check_choice
from gltr_lib.datasets.form import Coding, Form, Pair
from gltr_lib.datasets.nearby import advice, whose
from gltr_lib.datasets.prepared import check_prepared, remedy
from gltr_lib.datasets.splits import keys_of_split, split_keys, summary
from gltr_lib.labels import BDD_TRAIN_IDS, CLASSES, IGNORE

ALL_19: tuple[int, ...] = tuple(range(19))


@dataclass(frozen=True, eq=False)
class Layout:
    """A dataset: what it is, where it comes from, and how it is found, paired and read.

    ``splits`` holds the official number of pictures of each split (0: we know of none), ``sizes`` the official
    (height, width) or None where they are mixed, ``class_sets`` the trainIds on which it is scored, by number of
    classes; ``options`` the choices that :meth:`pairs` takes, the default first; ``login`` whether its download asks
    for one; ``inside`` the folders in which archives wrap it; ``digits`` to how many a list's numbers are padded.
    """

    name: str
    title: str
    homepage: str
    licence: str
    login: bool
    splits: Mapping[str, int]
    sizes: tuple[tuple[int, int], ...] | None
    forms: tuple[Form, ...]
    codings: Mapping[str, Coding]
    class_sets: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: {19: ALL_19})
    class_names: tuple[str, ...] = CLASSES
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ("test",)
    inside: tuple[str, ...] = ()
    digits: int = 0
    check: Callable[[Path, Form, Sequence[Pair], Mapping[str, str]], None] | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes that its trainIds count."""
        return len(self.class_names)

    def find(self, root: PathLike, **options: str | None) -> str:
        """Say in which physical arrangement the dataset lies under a folder.

        Args:
            root: the folder into which its archives were unpacked.
            options: as for :meth:`pairs`.

        Returns:
            A name such as "v2.0 release, v1.2 labels".

        Raises:
            ValueError: none of the arrangements is there (they are listed).
        """
        return self._form(root, self._chosen(options), labels=True)[1].name

    def pairs(
        self, root: PathLike, split: str, *, prepared: PathLike | None = None, **options: str | None
    ) -> list[Pair]:
        """The pictures of a split with their label maps, in the order of their names (or of a list beside the data).

        Args:
            root: the folder into which the dataset's archives were unpacked.
            split: a name in ``splits``.
            prepared: folder of trainId PNGs, ``<split>/<key>.png`` or ``<key>.png``, read instead of the originals.
            options: a choice for each name in ``options``: lists of GTA5 and SYNTHIA ("official" or "robustnet"),
                mapping ("robustnet" or "openseg") and version ("v1.2" or "v2.0") of Vistas.

        Returns:
            Pairs; their ``key`` is the picture's name without ending.

        Raises:
            ValueError: no such folder, split or option; pictures without label map or the reverse (they are named);
                prepared label maps of another dataset or mapping; what the dataset's own check finds.
        """
        chosen = self._chosen(options)
        check_choice(split, self.splits, f"{self.name}: split")
        base, form = self._form(root, chosen, labels=prepared is None)
        images = _scan(base, _folder(form.images, form, split), [(ending, "") for ending in form.endings], form.stem)
        if not images:
            raise ValueError(
                f"{base}: no pictures of {self.title}'s split {split!r}; expected {_folder(form.images, form, split)}/*"
                f"{form.endings[0]}; is its archive unpacked?"
            )
        if prepared is None:
            endings = [(ending, coding.format(**chosen)) for ending, coding in form.labels]
            labels = _scan(base, _folder(form.label_folder, form, split), endings, form.stem)
        else:
            folder = Path(prepared) / split
            folder = folder if folder.is_dir() else Path(prepared)
            if not folder.is_dir():
                raise ValueError(f"{prepared}: {no_folder(prepared)}; expected prepared label maps, <split>/<key>.png")
            check_prepared(self.name, Path(prepared), options)
            labels = _scan(folder, ".", [(".png", PREPARED)], form.stem)
            labels = {key: found for key, found in labels.items() if key in images}  # one folder may serve two splits
        here = sorted(images.keys() | labels.keys())
        if "lists" in chosen:
            keys = keys_of_split(self.name, base, split, here, lists=chosen["lists"], digits=self.digits)
        else:
            keys = here
        lonely = [f"{images[key][0]} has no label map" for key in keys if key in images and key not in labels]
        if split in self.unlabelled:
            lonely = []
        lonely += [f"{labels[key][0]} has no picture" for key in keys if key in labels and key not in images]
        if lonely:
            where = prepared if prepared is not None else base / _folder(form.label_folder, form, split)
            missing = "unpack what is missing, or move the lone files away"
            todo = missing if prepared is None else remedy(self.name, Path(prepared), split, chosen)
            raise ValueError(
                f"{self.name}: pictures and label maps must come in pairs: {summary(lonely)}; expected label maps in "
                f"{where}; {todo}"
            )
        nothing = (None, "")
        found = [Pair(key, images[key][0], *labels.get(key, nothing)) for key in keys]
        if self.check is not None:
            self.check(base, form, found, chosen)
        return found

    def expected(self, split: str, **options: str | None) -> int:
        """How many pictures the whole split has; 0 where we know no official number."""
        chosen = self._chosen(options)
        check_choice(split, self.splits, f"{self.name}: split")
        return len(split_keys(self.name, split, chosen["lists"])) if "lists" in chosen else self.splits[split]

    def read_ids(self, pair: Pair) -> np.ndarray:
        """The label map as it is in the file, uint8 (H, W) of the dataset's own ids."""
        path = _there(pair)
        return self._coding(pair).read(path)

    def read_label(self, pair: Pair) -> np.ndarray:
        """Read a pair's label map.

        Returns:
            uint8 (H, W) of trainIds (of CamVid: its own class numbers); 255 = ignore.

        Raises:
            ValueError: unreadable, no label map, of another kind, or ids outside the table; the file is named, and
            what to do about it.
        """
        path, coding = _there(pair), self._coding(pair)
        ids = coding.read(path)
        try:
            return translate(ids, coding.table, coding.known, num_classes=self.num_classes, source=path)
        except ValueError as error:
            prepared = self.is_prepared(pair)
            again = "prepare them again" if prepared else whose(self.name, set(np.unique(ids).tolist()), coding.known)
            lists = f"gltr verify {self.name} FOLDER{' --prepared PREPARED' * prepared} lists every such file"
            raise ValueError(f"{error}; {again}; {lists}") from None

    def is_prepared(self, pair: Pair) -> bool:
        """Whether a pair's label map was made by ``gltr prepare``, and is not the dataset's own."""
        return pair.coding == PREPARED

    def _coding(self, pair: Pair) -> Coding:
        if pair.coding not in (PREPARED, *self.codings):
            raise ValueError(f"{self.name}: unknown coding {pair.coding!r}; valid: {', '.join(self.codings)}")
        if pair.coding == PREPARED:
            return Coding(BDD_TRAIN_IDS, frozenset([*range(self.num_classes), IGNORE]))
        return self.codings[pair.coding]

    def _chosen(self, options: Mapping[str, str | None]) -> dict[str, str]:
        """The options with their defaults filled in."""
        chosen = {name: choices[0] for name, choices in self.options.items()}
        for name, value in options.items():
            if value is None:
                continue
            if name not in self.options:
                takes = ", ".join(self.options) or "none"
                raise ValueError(f"{self.name}: option {name}={value!r} does not apply here; options: {takes}")
            chosen[name] = check_choice(value, self.options[name], f"{self.name}: {name}")
        return chosen

    def _form(self, root: PathLike, chosen: Mapping[str, str], *, labels: bool) -> tuple[Path, Form]:
        """The folder and the form in which the dataset lies there."""
        if not Path(root).is_dir():
            raise ValueError(f"{root}: {no_folder(root)}; expected {self.title} there")
        forms = [form for form in self.forms if all(chosen.get(name) == value for name, value in form.only.items())]

        def found(place: Path) -> tuple[Path, Form] | None:
            bases = (place, *(place / name for name in self.inside))
            lying = ((b, f) for b in bases for f in forms if any(_lies(b, f, split, labels) for split in self.splits))
            return next(lying, None)

        if here := found(Path(root)):
            return here
        expected = "; ".join(f"{f.images} with {f.label_folder} ({f.name})" for f in forms)
        there = sorted(shown(path.name) for path in Path(root).iterdir() if not path.name.startswith("."))
        chose = "".join(f", {name}={value}" for name, value in chosen.items() if name == "version")
        todo = advice(Path(root), forms, lambda place: found(place) is not None, labels=labels)
        raise ValueError(
            f"{root}: no {self.title} found{chose}; expected {expected}; found there: {summary(there) or 'nothing'}; "
            f"{todo or f'unpack its archives there (python data_scripts/{self.name}.py where)'}"
        )


#: The coding of label maps that ``gltr prepare`` made; no dataset calls one of its own so (BDD100K has "trainIds").
PREPARED = "prepared"


def mismatched(pairs: Iterable[Pair]) -> list[tuple[Pair, tuple[int, int], tuple[int, int]]]:
    """The pairs whose picture and label map differ in size, with both (height, width); only headers are read."""
    sizes = [(pair, picture_size(pair.image), picture_size(_there(pair))) for pair in pairs if pair.label is not None]
    return [found for found in sizes if found[1] != found[2]]


def _there(pair: Pair) -> Path:
    if pair.label is None:
        raise ValueError(f"{pair.image}: has no label map; labels of this split are not published")
    return pair.label


def _folder(pattern: str, form: Form, split: str) -> str:
    return pattern.format(split=form.folders.get(split, split))


def _lies(base: Path, form: Form, split: str, labels: bool) -> bool:
    """Whether a split's pictures (and label maps) lie under ``base`` in this form."""
    wanted = [_folder(form.images, form, split)] + ([_folder(form.label_folder, form, split)] if labels else [])
    folders = [[path for path in base.glob(pattern) if path.is_dir()] for pattern in wanted]
    if not all(folders):
        return False
    if not form.stem:
        return True
    names = (path.stem for path in folders[0][0].iterdir() if path.name.endswith(form.endings))
    return any(re.fullmatch(form.stem, name) for name in names)


def _scan(base: Path, pattern: str, endings: Sequence[tuple[str, str]], stem: str) -> dict[str, tuple[Path, str]]:
    """Files in the folders of a pattern: name without ending -> (file, coding); an earlier ending goes first."""
    found: dict[str, tuple[Path, str, int]] = {}
    accepts = re.compile(stem) if stem else None
    for folder in sorted(base.glob(pattern)) if pattern != "." else [base]:
        for path in folder.iterdir() if folder.is_dir() else ():
            rank = next((n for n, (ending, _) in enumerate(endings) if path.name.endswith(ending)), None)
            if rank is None or path.name.startswith("."):
                continue
            key = path.name[: -len(endings[rank][0])]
            if accepts is not None and not accepts.fullmatch(key):
                continue
            other = found.get(key)
            if other is not None and other[2] == rank:
                raise ValueError(f"{path} and {other[0]} have one name; keep one of them")
            if other is None or rank < other[2]:
                found[key] = (path, endings[rank][1], rank)
    return {key: entry[:2] for key, entry in found.items()}
