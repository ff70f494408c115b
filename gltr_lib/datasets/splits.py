"""Which pictures are in which split, where the folders do not say it: GTA5 and SYNTHIA.

Two kinds of lists are in use, and scores of the one are not scores of the other:

- **official**: GTA5's split of its authors (12,403 / 6,382 / 6,181 of 24,966 pictures); of SYNTHIA the first 9,000 for
  training and the last 400 for validation, as MaxSquareLoss and GTR have it.
- **robustnet**: what RobustNet, SHADE and WildNet train on. GTA5's training list without 15 pictures (12,388; those
  whose label map is of another size, it seems); SYNTHIA by chance in 6,580 / 2,820.

A list that lies beside the data (``train.txt``: one name a line) goes before the ones kept here. They are kept as run
lengths and bits, and come from the published lists of MaxSquareLoss (datasets/gta5_list) and RobustNet (split_data),
which agree with each other on GTA5 but for the 15.
"""

from __future__ import annotations

import base64
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gltr_lib._typed import typed
from gltr_lib._validate import check_choice

LISTS = ("official", "robustnet")

#: Pictures of GTA5's official training split that RobustNet leaves out.
GTA5_LEFT_OUT: tuple[str, ...] = tuple(
    f"{number:05d}"
    for number in (
        12160, 12166, 12167, 12191, 12192, 12193, 12195, 12202, 12203, 12204, 12205, 12206, 12207, 12208, 19993,
    )
)  # fmt: skip

# From picture 1 on: so many of t(rain), v(al), e (test), in turn.
_GTA5_RUNS = (
    "10t5e6t3v2t1v2t3e10t5v2t4v2t2v2e4t1v1t5v3e1v136t23v7e1t10e17t4v1t7v1t2v1t1v24t6v1t4v8t10e1t30e6v24t18v50t10e19t3"
    "e22t6e6t8v12e19v3t7e18t3v19t2e26t6e59t7e15v7e48t9v10e9t7v19e4t17v3t2e31t2e4t1e45t16e13t32e56t4e18t5e19t71e2t10e4"
    "6v5t38v7t33v22t6v25e10t29v21t11v113t35e75t31e42v229t48e14t30e111t10e34t53e19v93t72e76t45v154t26e101v5t2v22e36v8t"
    "6e94t17v56t5v19e32v50t29v13t28e3t1e66t31e36t33v65t123v14t14v46e1v63t42e13t13e122v71t5v13e6v39e1t7e29t21v8t2e76t5"
    "2e7t3e108t31e20v83t6v14t65v23e39t38e15t27v39t2e107t18e71t86e26t13v10e1v17t18v64e24t4e10t1e79t44v23t46v50t63v35t3"
    "1e56t1e5v69t44v43t88v41t1e42t38e9v249t40v10e32v6t1e47t30e10t27e51t63e74t76e30t61e80t2e35t10e24t61e10t2e5t19v87t1"
    "3v27e30v10t59e12v16t22v9t2v1t2v3t3v5t28e7t8v5t15e39t17e28t3v2t3v21t12v93t33e19v47t9e16t36v9t7e32t4e43t14e8t26e57"
    "t10e12t1e36t8e22v61e101v76e157v45e172v114t203e42v7e1v19t8v45t122v41t55e55t3e50t4e7v6t4v74t18e120t50v72t3e1t1e10t"
    "1e10t1e3t1e10t1e4t24e12v1e5v8e10v23e7t1e5t13e54t1e24t6e10t3v1t5v7t6e14t16e8t20e22t48v17e3v1e29v2e3v2e1v67e3v30e9"
    "8v48t69v39t41v72e22v19e43v25t116v2e100v17e62t60v234t66e84v374t8e34v109t5v20e95t85v28t96v47t35e3t1e131t9e49t6e2t7"
    "e18t37e732t97v105t96v20t1e71t9e35t133e22t87e30t20e17v12e48t14e52t1e20t14e19t19e6t7v56t40v57t64e38t74e4t5e1t231e1"
    "t4v80t2v18e104t110e6v52t110v12t2v62e79t24e65v49t64v66t60v14t9v26e1v42t12e4t48v44t67e22t31v8t28v5t57v113t39v42e73"
    "v56e72t7v1e27v50e26t58e70v39e54v24t27e13v45t10e12t22v39t60v1t27e19t17e55v38e30v29e26t1v2t1v1t2v9t88v42t43v12t10e"
    "3t32e52t36v135t2v23e20v12t57v2t22e17t51e20t36v17t51v41t23e48v35e39v69t25e74t1e56t21e13t31e30v44t30v20t2v14e27v7t"
    "6v7e6t17e38t22e48t22e45t1e43v22t85e32v15t29e27t7e17t97e36t50v33t29v63t27v18e30t1e16v2e2v7t4e27t3e23t2e3t7e19t16e"
    "31t10v7e23t4e6t13v15t6v14t7v31e9v76t20v2t28v20t13e2t8v15e5t6e34t10e10t15e1t15v3t4e5v35e29v4t26v26t2e32v23e7v36t3"
    "9e65t31e52t1e19t37e140t1e3v25t1v11e26v28t20v37e34t1e4v31t28v1t1v4t2v1t3v1t4v18t6v1t7v3e32v15e14t2e21t10v12e3t2e2"
    "7t13e8t33v64t28v32t34v15e41v36e1v19e12v6t10v2t2v1t7e1t3e1t2e20t14e8t1e3t3e1t22e1v7e1v2e14v68e47t4e36t9e39t10v13t"
    "3e25v7t13e42t42e8t1v10t1v5t4v1t9v1e1t10e1t10e1t6e4t77v22e27t3e49t11v19e40t17e17t1e15t7e44t1v3t1v6e1v2e8t1v86t12e"
    "28t5e72t7e10t12v23e15t21v30t11e87t1v32e13v7t22v63e17v87t13e56t1e44t26e15t21v25t22v2t6v34e1v39e13t49v8e11v51t61v3"
    "e39v54t34v15t20v4t1v6t4e1t10e1t10e1t2e9t6v1t1v70t2e1t2v13t61e17t11e5t17v41t23e28t7e11t11e11t25e17t2e39t29e61t11e"
    "18v11t41v5e"
)
# Picture n is in RobustNet's training split where bit n is set, the first bit of a byte being its highest.
_SYNTHIA_BITS = (
    "Z/P7ePRsxnqe2/19r/oTE+/jh9n+c3P//P4/e3+nrpde49ftXtD7ML/6/f62/0vrfKX/Z/Wev/9zz/N37vPb9O3LP29//V1zP/dhrf/uUudr6/08"
    "jh0b5No/uXT3L//vH77/3e6dy7vrD/7/uP/3es9kfpj/dV7fff2/8f/nenriAyzrb05L/rt7vLHtnX98dvga71vfx733nza7Uhnb/bi4/b967/tX"
    "pr9OTiXz1/Pf/69q635/JerX62WP3PvwPz2aPSvcft7/3jVvGn2/TZ8vav/O6Zd/++9n479bv//xc77Vjf/KTZ+vMv5zV7uGvvy9eR37m5+vzyO7"
    "tv/d/Kt/7/du/3/+CO379aX37j/b+xrtTf015ITZtP3/+m9rp6lvZx28t+/6+39X+v+N26bV71SV9nN/374e38m+/6v/9XCLg/7bP8rKMr8/f5/J"
    "2Jf2++6nfXvH4u/tD2V3fv571f917u+A+zL/9jz/7vVsY1cv++f1N5/7r/LW7382uTZ3qf8v734xkz+29fqfe+hdVe/Kv5vw/Vu9fWo/R2+5P+2f"
    "97knua5UrE9/7r+v/P93flUldX+pfr/j7/33HXd/4btuv33PvC+7/+133f/69V83fZb26zP9d/6dn8D/Ohs2s7/v7kT395bptK84/u9F9/efb423"
    "r7/6huq9JX6/v/iz5t3Gb7/83Zj89zP3Lu+/bNmLPwbz9+fzc2Lf+Pf5Lrj7z1V32f06rT7urav5+dt9f+3/+++/bv/yH3x3vX987q1W63/3r7Vk"
    "sz3z/9R9esa/3j3fe6v72d/6h2X9W5OfH/rfjt+9dN/azEe/mXzz97P9f135xd+yY33yx78+8/HNPcvRP+r3f/BOFv+27c74+d+7u879/vyh/9Ef"
    "3+z972//3d7713+vr+O6Xf7b38vvvI7v/8Ny/UaDWh/e8f6HbvCwe+L/5vL3//+77r1/9edpncd9V36E6/8buf95/Oct//33Tj/Rm/W36fn+s9/+"
    "Fz7b9X1BnT/ven/HK9Ob9H32/p4/f+WXhuPlH5/X/T+9368j556/19e9H/3f24v3X/u9v+7+rXpmOt7FnaY49X++fqKpJzn3sv+z59/OKv9/uxzb"
    "f8ZHfZr/6f+3f1c4Kn+/+red+21e49d///H83tZei2+X/f/r3W6/+5olP/PT3Iv/N18Zv+zq9X/++7413+aa/a+/+5LhLzPP/Tp/vfrsfyyP16vv"
    "f3//3j7j+pr5/ep1r76v8fnPb+/f+YdP8m8+318z+f3GeXvx3/8fI/k+9b/H/7JbmP+31mra92293/+9yWuLfnp6p9PnXvu/xXm/6Kh/5yPK7v9T"
    "2a+3q+r+/v/nXXdLb//0P7q/83l77/NbO9Pf/+c99/dovvTQ91/vx29vezt/Y//U++ftvvu/Q/Pbf//e27d8vt39PLtJ7sd///x5/Ow+2f/2Hn77"
    "npmt932r3fn/8f/Xzv2e7tvkvTFt1/is932lrznP9p1//Vcs//Pr0nifuX77fqp9Gfy757/W9/7//693//61X6/ft99/1d/7+MOs7lAmff8mr2c="
)


@typed
def split_keys(name: str, split: str, lists: str = "official") -> tuple[str, ...]:
    """The names of a split's pictures, without ending.

    Args:
        name: "gta5" or "synthia".
        split: "train", "val", "trainval" or "all"; of GTA5 also "test".
        lists: "official" or "robustnet".

    Returns:
        Names such as "00001" (GTA5) or "0000000" (SYNTHIA), in ascending order.

    Raises:
        ValueError: a name, split or kind of list that there is not.

    Example:
        >>> len(split_keys("gta5", "train")), len(split_keys("gta5", "train", "robustnet"))
        (12403, 12388)
    """
    check_choice(name, ("gta5", "synthia"), "split_keys: name")
    check_choice(lists, LISTS, f"{name}: lists")
    parts = _gta5(lists) if name == "gta5" else _synthia(lists)
    check_choice(split, (*parts, "trainval", "all"), f"{name}: split")
    wanted = {"trainval": ("train", "val"), "all": tuple(parts)}.get(split, (split,))
    return tuple(sorted(key for part in wanted for key in parts[part]))


@cache
def _gta5(lists: str) -> dict[str, tuple[str, ...]]:
    letters = "".join(int(count) * which for count, which in re.findall(r"(\d+)([tve])", _GTA5_RUNS))
    parts = {
        split: tuple(f"{number:05d}" for number, letter in enumerate(letters, 1) if letter == split_letter)
        for split, split_letter in (("train", "t"), ("val", "v"), ("test", "e"))
    }
    if lists == "robustnet":
        left_out = set(GTA5_LEFT_OUT)
        parts["train"] = tuple(key for key in parts["train"] if key not in left_out)
    return parts


@cache
def _synthia(lists: str) -> dict[str, tuple[str, ...]]:
    bits = base64.b64decode(_SYNTHIA_BITS)
    parts: dict[str, list[str]] = {"train": [], "val": []}
    for number in range(9400):
        training = bits[number >> 3] >> (7 - (number & 7)) & 1 if lists == "robustnet" else number < 9000
        parts["train" if training else "val"].append(f"{number:07d}")
    return {split: tuple(keys) for split, keys in parts.items()}


@typed
def read_list(path: str | Path, *, digits: int = 0) -> tuple[str, ...]:
    """Read a split list: one file name a line, folders and ending do not matter; ``#`` begins a remark.

    Args:
        path: lines such as ``00001``, ``1``, ``00001.png``, ``images/00001.png``; of several columns the first counts.
        digits: pad bare numbers to this many digits (5 for GTA5, 7 for SYNTHIA), as lists that count "1, 2, 3" need.

    Returns:
        The names without folder and ending, in the order of the file.

    Raises:
        ValueError: not text, empty, or a name twice (also with and without zeros); the file is named.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "train.txt").write_text("images/00001.png\\n2\\n")
        ...     read_list(Path(folder) / "train.txt", digits=5)
        ('00001', '00002')
    """
    if not 0 <= digits <= 20:
        raise ValueError(f"digits: expected 0 to 20, received {digits}")
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected a list of file names, one a line; cannot be read ({error})") from None
    # Lists of pairs (picture, label map) are common: the first word counts.
    words = [line.split("#")[0].split() for line in lines]
    keys = [Path(found[0].replace("\\", "/")).stem for found in words if found]
    # Padded before it is counted: "1" and "00001" are one picture.
    keys = [key.zfill(digits) if key.isdigit() else key for key in keys]
    if not keys:
        raise ValueError(f"{path}: the list is empty; expected one file name a line")
    twice = sorted(key for key, times in Counter(keys).items() if times > 1)
    if twice:
        raise ValueError(f"{path}: listed more than once: {', '.join(twice[:5])}; keep one of each")
    return tuple(keys)


def keys_of_split(
    name: str, base: Path, split: str, here: Sequence[str], *, lists: str = "official", digits: int = 0
) -> list[str]:
    """Which of the pictures on the disk belong to a split.

    ``<split>.txt`` under ``base`` goes first, and must name only pictures that are there. Else the published list
    counts; pictures of it that are not on the disk are no error (ten archives make GTA5) but a warning with their
    number. A name in a list stands for its crops ``<name>_00``, ``<name>_01`` too.

    Args:
        name: "gta5" or "synthia".
        base: the folder of the data.
        split: "train", "val" ...
        here: the names that are on the disk.
        lists: "official" or "robustnet".
        digits: bare numbers in a list are padded to so many.

    Returns:
        Names, in the order of the list.

    Raises:
        ValueError: a list that names what is not there, or that shares pictures with the published list of another
            split; nothing of the published list is there.
    """
    crops: dict[str, list[str]] = {key: [key] for key in here}
    for key in here:
        if "_" in key:
            crops.setdefault(key.split("_")[0], []).append(key)
    own = {part: base / f"{part}.txt" for part in ("train", "val", "test", split) if (base / f"{part}.txt").is_file()}
    listed = {part: read_list(path, digits=digits) for part, path in own.items()}
    if split == "trainval" and split not in listed and {"train", "val"} <= listed.keys():
        listed[split] = listed["train"] + listed["val"]
    if split in listed:
        missing = [key for key in listed[split] if key not in crops]
        if missing:
            raise ValueError(f"{base / split}.txt lists pictures that are not there: {summary(missing)}")
        chosen = [key for listed_name in listed[split] for key in crops[listed_name]]
        twice = [key for key, times in Counter(chosen).items() if times > 1]
        if twice:  # a picture beside its own crop, or one that train and val share
            raise ValueError(f"{base / split}.txt: listed more than once: {summary(twice)}; keep one of each")
        return chosen
    wanted = split_keys(name, split, lists)
    missing = [key for key in wanted if key not in crops]
    if len(missing) == len(wanted):
        raise ValueError(
            f"{base}: none of the {len(wanted):,} pictures of {name}'s split {split!r} is there; found "
            f"{summary(here)}; unpack them, choose another split, or give the names of yours in {base / split}.txt"
        )
    found = [key for listed_name in wanted for key in crops.get(listed_name, ())]
    for part, keys in listed.items():
        shared = sorted({key for listed_name in keys for key in crops.get(listed_name, ())} & set(found))
        if shared and split in ("train", "val", "test"):
            raise ValueError(
                f"{own[part]} shares {len(shared):,} pictures ({summary(shared)}) with the published list of "
                f"{split!r}; give {split}.txt beside it as well"
            )
    if missing:
        warnings.warn(
            f"{base}: {len(wanted) - len(missing):,} of the {len(wanted):,} pictures of {name}'s split {split!r} are "
            f"there; missing: {summary(missing)}. Scores trained on a part are not those of the whole",
            stacklevel=4,
        )
    return found


def summary(names: Sequence[str], most: int = 5) -> str:
    """The first names of many, for a message.

    Example:
        >>> summary("abcdefg", most=2)
        'a, b and 5 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
