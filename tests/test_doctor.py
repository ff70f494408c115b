"""The doctor finds what is broken, says the command that mends it, and changes nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import shutil
import types
from pathlib import Path

import pytest

from gltr_lib import doctor, weights

VERSIONS = {"torch": "2.14.1+cpu", "torchvision": "0.29.1"}


def healthy(tmp_path: Path, **changes):
    settings = {
        "root": tmp_path, "environ": {}, "version": lambda name: VERSIONS.get(name, "1.0"),
        "load": lambda name: importlib.import_module(name) if name in ("torch", "gltr_lib.weights") else None,
        "free_disk_gb": lambda root: 50.0, "ram_gb": lambda: 16.0, "python": (3, 12),
    }  # fmt: skip
    return {f.name: f for f in doctor.examine(**(settings | changes))}


def without(name):
    def version(asked):
        if asked == name:
            raise importlib.metadata.PackageNotFoundError(asked)
        return VERSIONS.get(asked, "1.0")

    return version


def test_a_missing_package_blocks_and_names_its_command(tmp_path):
    finding = healthy(tmp_path, version=without("safetensors"))["safetensors"]
    assert finding.status == doctor.PROBLEM
    assert "pip install 'safetensors'" in finding.remedy


def test_a_missing_notebook_tool_is_only_a_note(tmp_path):
    found = healthy(tmp_path, version=without("ipywidgets"))
    assert found["ipywidgets"].status == doctor.NOTE


def test_a_package_that_does_not_import_is_told_from_a_missing_one(tmp_path):
    def load(name):
        if name == "PIL":
            raise OSError("libjpeg.so.8: cannot open shared object file")
        return importlib.import_module(name) if name == "torch" else None

    finding = healthy(tmp_path, load=load)["pillow"]
    assert finding.status == doctor.PROBLEM
    assert "libjpeg" in finding.found
    assert "--force-reinstall" in finding.remedy


@pytest.mark.parametrize(
    ("torch", "vision", "status"),
    [
        ("2.14.1+cu130", "0.29.1", "ok"),
        ("2.15.0", "0.29.2", "ok"),  # the pair of requirements.lock
        ("2.11.0", "0.26.0", "ok"),
        ("2.13.0", "0.29.1", "problem"),
        ("2.10.0", "0.25.0", "problem"),
        ("2.14.0", "0.26.0", "problem"),
        ("2.15.0", "0.28.0", "problem"),
        ("nightly", "0.26.0", "note"),
    ],
)
def test_torch_and_torchvision_belong_together(tmp_path, torch, vision, status):
    versions = {"torch": torch, "torchvision": vision}
    found = healthy(tmp_path, version=lambda name: versions.get(name, "1.0"))
    assert found["torch with torchvision"].status == status


def test_an_old_python_blocks(tmp_path):
    finding = healthy(tmp_path, python=(3, 10))["python"]
    assert finding.status == doctor.PROBLEM
    assert "3.11" in finding.remedy


def test_a_full_disk_blocks_and_little_memory_does_not(tmp_path):
    found = healthy(tmp_path, free_disk_gb=lambda root: 0.5, ram_gb=lambda: 1.0)
    assert found["disk"].status == doctor.PROBLEM
    assert found["memory"].status == doctor.NOTE
    assert "COURSE_MODE=smoke" in found["memory"].remedy
    assert healthy(tmp_path, ram_gb=lambda: None)["memory"].status == doctor.NOTE


def make_assets(folder: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    save_file({"a": torch.zeros(2)}, folder / "source.safetensors")
    weights.register("thing", folder / "source.safetensors", kind="model", assets=folder)
    return folder


def test_shipped_weights_are_checked_byte_for_byte(tmp_path):
    assets = make_assets(tmp_path / "assets")
    assert healthy(tmp_path, assets=assets)["shipped weights"].status == doctor.OK
    target = assets / "thing.safetensors"
    content = bytearray(target.read_bytes())
    content[-1] ^= 1
    target.write_bytes(content)
    finding = healthy(tmp_path, assets=assets)["weights thing"]
    assert finding.status == doctor.PROBLEM
    assert "checksum" in finding.found


def test_lost_weights_block(tmp_path):
    assets = make_assets(tmp_path / "assets")
    (assets / "thing.safetensors").unlink()
    assert healthy(tmp_path, assets=assets)["weights thing"].status == doctor.PROBLEM
    shutil.rmtree(assets)
    assert healthy(tmp_path, assets=assets)["shipped weights"].status == doctor.PROBLEM


def test_data_root(tmp_path):
    name = "real data (GLTR_DATA)"
    assert healthy(tmp_path)[name].status == doctor.OK
    assert healthy(tmp_path, environ={"GLTR_DATA": str(tmp_path / "no")})[name].status == doctor.PROBLEM
    assert healthy(tmp_path, environ={"GLTR_DATA": str(tmp_path)})[name].status == doctor.NOTE
    (tmp_path / "camvid").mkdir()
    finding = healthy(tmp_path, environ={"GLTR_DATA": str(tmp_path)})[name]
    assert finding.status == doctor.OK
    assert "camvid" in finding.found


def test_every_set_that_something_looks_for_is_known(tmp_path):
    from gltr_lib.datasets import LAYOUTS
    from gltr_lib.real_sets import REAL_SETS
    from gltr_lib.study.real_tier import FRAMES

    assert set(doctor.SETS) == {*LAYOUTS, *REAL_SETS, *(name.split(":")[0] for name in FRAMES)}
    (tmp_path / "gta5").mkdir()
    assert healthy(tmp_path, environ={"GLTR_DATA": str(tmp_path)})["real data (GLTR_DATA)"].status == doctor.OK


def test_a_folder_that_cannot_be_written_blocks(tmp_path):
    finding = healthy(tmp_path / "missing")["writing here"]
    assert finding.status == doctor.PROBLEM
    assert finding.remedy


def test_looking_changes_nothing(tmp_path):
    healthy(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_thread_of_many_is_noted(tmp_path, monkeypatch):
    fake = types.SimpleNamespace(
        get_num_threads=lambda: 1,
        cuda=types.SimpleNamespace(is_available=lambda: False),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: False)),
    )
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    load = lambda name: fake if name == "torch" else importlib.import_module(name) if "gltr" in name else None  # noqa: E731
    finding = healthy(tmp_path, load=load)["device"]
    assert finding.status == doctor.NOTE
    assert "OMP_NUM_THREADS" in finding.remedy


def test_exit_code_and_texts_agree(tmp_path):
    good = [doctor.Finding("a", doctor.OK, "1"), doctor.Finding("b", doctor.NOTE, "2", "do that")]
    bad = [*good, doctor.Finding("c", doctor.PROBLEM, "3", "do this")]
    assert (doctor.worst(good), doctor.worst(bad)) == (0, 1)
    assert "-> do this" in doctor.render(bad)
    assert "1 to mend first: c" in doctor.render(bad)
    assert json.loads(doctor.to_json(bad))["ok"] is False
    assert json.loads(doctor.to_json(good))["findings"][1]["remedy"] == "do that"


def test_every_problem_has_a_remedy(tmp_path):
    found = healthy(
        tmp_path / "missing", version=without("numpy"), environ={"GLTR_DATA": "/nowhere"},
        free_disk_gb=lambda root: 0.0, python=(3, 9), assets=tmp_path / "none",
    )  # fmt: skip
    problems = [f for f in found.values() if f.status == doctor.PROBLEM]
    assert len(problems) == 6
    assert all(f.remedy for f in problems)
