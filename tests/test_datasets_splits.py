"""Who is in which split: the published lists, lists beside the data, and no picture in two splits."""

import hashlib
import time
import warnings

import pytest

from gltr_lib.datasets import GTA5_LEFT_OUT, read_list, split_keys
from gltr_lib.datasets.splits import keys_of_split


def test_gta5_is_divided_without_rest():
    parts = [split_keys("gta5", split) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [12_403, 6_382, 6_181]
    assert sorted(key for part in parts for key in part) == [f"{n:05d}" for n in range(1, 24_967)]
    assert split_keys("gta5", "all") == tuple(f"{n:05d}" for n in range(1, 24_967))
    assert len(split_keys("gta5", "trainval")) == 18_785
    assert [part[:3] for part in parts] == [
        ("00001", "00002", "00003"), ("00022", "00023", "00024"), ("00011", "00012", "00013"),
    ]  # fmt: skip


def test_robustnet_leaves_fifteen_out_of_gta5_and_nothing_else():
    official, theirs = (set(split_keys("gta5", "train", lists)) for lists in ("official", "robustnet"))
    assert official - theirs == set(GTA5_LEFT_OUT)
    assert len(GTA5_LEFT_OUT) == 15
    assert theirs < official
    for split in ("val", "test"):
        assert split_keys("gta5", split) == split_keys("gta5", split, "robustnet")


def test_synthia_has_two_splits():
    everything = {f"{n:07d}" for n in range(9400)}
    assert split_keys("synthia", "train") == tuple(f"{n:07d}" for n in range(9000))
    assert split_keys("synthia", "val")[0] == "0009000"
    for lists, sizes in (("official", (9000, 400)), ("robustnet", (6580, 2820))):
        train, val = (set(split_keys("synthia", split, lists)) for split in ("train", "val"))
        assert (len(train), len(val)) == sizes
        assert train | val == everything
    assert split_keys("synthia", "val", "robustnet")[:4] == ("0000000", "0000003", "0000004", "0000012")


def test_the_lists_have_not_been_touched():
    """Digests of the lists as RobustNet publishes them (numbers sorted, one a line): a typing error cannot hide."""
    found = {
        (name, split): hashlib.sha256("\n".join(split_keys(name, split, "robustnet")).encode()).hexdigest()[:16]
        for name, splits in (("gta5", ("train", "val", "test")), ("synthia", ("train", "val")))
        for split in splits
    }
    assert found == DIGESTS


DIGESTS = {
    ("gta5", "train"): "cd5db132eec63c79",
    ("gta5", "val"): "5ca538e29972656d",
    ("gta5", "test"): "ced5e998527c4a0a",
    ("synthia", "train"): "52ce43be60d2ff75",
    ("synthia", "val"): "04e979e7303d8f79",
}


def test_unknown_names_splits_and_lists():
    for wrong in (("gta4", "train"), ("gta5", "training"), ("synthia", "test"), ("gta5", "train", "mine")):
        with pytest.raises(ValueError, match="valid:"):
            split_keys(*wrong)


def test_lists_in_other_peoples_forms(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("images/00001.png labels/00001.png\n# a remark\n\n00002 # another\r\nC:\\data\\00003.png\n4\n")
    assert read_list(path) == ("00001", "00002", "00003", "4")
    for text, words in (("", "empty"), ("1.png\n1.png\n", "more than once: 1")):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"train\.txt.*{words}"):
            read_list(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"train\.txt: expected a list"):
        read_list(path)
    with pytest.raises(ValueError, match=r"none\.txt.*cannot be read"):
        read_list(tmp_path / "none.txt")


def test_numbers_are_padded_before_they_are_counted(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("# comment\n\n1\nimages/00002.png labels/00002.png\r\n00003\n")
    assert read_list(path, digits=5) == ("00001", "00002", "00003")
    path.write_text("1\n00001.png\n")
    with pytest.raises(ValueError, match=r"train\.txt: listed more than once: 00001"):
        keys_of_split("gta5", tmp_path, "train", ["00001"], digits=5)
    for digits in (-1, 21):
        with pytest.raises(ValueError, match="digits: expected 0 to 20"):
            read_list(path, digits=digits)
    started = time.process_time()  # a name that comes twice is found in one pass, also in the list of all of GTA5
    for last, digits in (("24966\n", 0), ("024966\n", 6)):
        path.write_text("".join(f"{n:05d}\n" for n in range(1, 24_967)) + last)
        with pytest.raises(ValueError, match="24966"):
            read_list(path, digits=digits)
    assert time.process_time() - started < 3


def test_a_list_beside_the_data_goes_first(tmp_path):
    here = ["00001", "00011", "00022"]
    (tmp_path / "train.txt").write_text("22\n11\n")
    (tmp_path / "val.txt").write_text("1\n")
    assert keys_of_split("gta5", tmp_path, "train", here, digits=5) == ["00022", "00011"]
    assert keys_of_split("gta5", tmp_path, "trainval", here, digits=5) == ["00022", "00011", "00001"]
    (tmp_path / "train.txt").write_text("22\n7\n8\n")
    with pytest.raises(ValueError, match=r"train\.txt lists pictures that are not there: 00007, 00008"):
        keys_of_split("gta5", tmp_path, "train", here, digits=5)


def test_a_list_of_ones_own_must_not_leak_into_the_published_rest(tmp_path):
    (tmp_path / "train.txt").write_text("00001\n00022\n")  # 00022 is in the published val split
    with pytest.raises(ValueError, match=r"train\.txt shares 1 pictures \(00022\).*'val'; give val\.txt"):
        keys_of_split("gta5", tmp_path, "val", ["00001", "00022", "00023"], digits=5)
    (tmp_path / "val.txt").write_text("00023\n")
    assert keys_of_split("gta5", tmp_path, "val", ["00001", "00022", "00023"], digits=5) == ["00023"]


def test_a_name_stands_for_its_crops():
    here = ["00001_00", "00001_01", "00022_00"]
    with pytest.warns(UserWarning, match="1 of the 12,403"):
        assert keys_of_split("gta5", _nowhere(), "train", here) == ["00001_00", "00001_01"]


def test_a_crop_is_not_listed_beside_its_picture(tmp_path):
    (tmp_path / "train.txt").write_text("00001\n00001_01\n")
    with pytest.raises(ValueError, match=r"train\.txt: listed more than once: 00001_01"):
        keys_of_split("gta5", tmp_path, "train", ["00001_00", "00001_01"], digits=5)


def test_a_part_of_the_data_is_a_warning_nothing_of_it_an_error(tmp_path):
    with pytest.warns(UserWarning, match=r"2 of the 12,403 pictures of gta5's split 'train' are there; missing: 00003"):
        assert keys_of_split("gta5", tmp_path, "train", ["00001", "00002", "00011"]) == ["00001", "00002"]
    with pytest.raises(ValueError, match=r"none of the 6,382 pictures of gta5's split 'val'.*found 00001"):
        keys_of_split("gta5", tmp_path, "val", ["00001"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(keys_of_split("synthia", tmp_path, "val", split_keys("synthia", "val"))) == 400


def _nowhere():
    from pathlib import Path

    return Path("no-such-folder")
