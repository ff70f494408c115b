"""Split lists: the published ones have the published counts and share no picture; files are read and written."""

import pytest

from gltr_lib.datasets import read_list
from gltr_lib.prepare import splits

COUNTS = {
    "gta5": {"train": 12403, "val": 6382, "test": 6181},
    "gta5-robustnet": {"train": 12388, "val": 6382, "test": 6181},
    "gta5-gtr": {"train": 24806, "val": 6382, "test": 6181},
    "synthia": {"train": 9000, "val": 400},
    "synthia-robustnet": {"train": 6580, "val": 2820},
}


@pytest.mark.parametrize("name", splits.PUBLISHED)
def test_published_lists_have_the_published_counts_and_share_nothing(name):
    lists = splits.published(name)
    assert {split: len(keys) for split, keys in lists.items()} == COUNTS[name]
    everything = [key for keys in lists.values() for key in keys]
    assert len(set(everything)) == len(everything)


def test_what_is_known_of_single_pictures():
    official, robust = splits.published("gta5"), splits.published("gta5-robustnet")
    assert set(official["train"]) - set(robust["train"]) == {
        f"{n:05d}" for n in (*range(12202, 12209), 12160, 12166, 12167, 12191, 12192, 12193, 12195, 12202, 19993)
    }
    assert {key for keys in official.values() for key in keys} == {f"{n:05d}" for n in range(1, 24967)}
    assert official["val"][:3] == ("00022", "00023", "00024")
    assert official["test"][-1] == "24966"
    assert splits.published("synthia-robustnet")["val"][:4] == ("0000000", "0000003", "0000004", "0000012")
    crops = splits.published("gta5-gtr")["train"]
    assert {crop[:5] for crop in crops} == set(official["train"])
    with pytest.raises(ValueError, match="gta5-robustnet"):
        splits.published("nothing")


def test_lists_are_written_and_read_back(tmp_path):
    lists = {"train": ["b", "a"], "val": ["c"]}
    files = splits.write_lists(tmp_path / "lists", lists)
    assert [path.name for path in files] == ["train.txt", "val.txt"]
    assert read_list(files[0]) == ("b", "a")
    assert sorted(path.name for path in (tmp_path / "lists").iterdir()) == ["train.txt", "val.txt"]
    with pytest.raises(ValueError, match="c is in train and in val"):
        splits.write_lists(tmp_path / "lists", {"train": ["c"], "val": ["c"]})
