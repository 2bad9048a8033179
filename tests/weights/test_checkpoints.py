"""Weights are read from every format, and nothing that a file holds is run."""

import argparse
import collections
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from clipbench.errors import CheckpointError
from clipbench.weights.checkpoints import read
from tests.networks.files import save_torchscript

STATE = {
    "a.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4),
    "a.bias": torch.ones(3, dtype=torch.float16),
    "scale": torch.tensor(2.5),
    "bn.running_mean": torch.zeros(2),
    "bn.num_batches_tracked": torch.tensor(7),
}


def same(state):
    assert state.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert state[name].dtype == tensor.dtype
        assert torch.equal(state[name], tensor)


def as_safetensors(path):
    save_file(STATE, path)


def as_zip(path):
    torch.save(STATE, path)


def as_legacy(path):
    torch.save(STATE, path, _use_new_zipfile_serialization=False)


def as_training_run(path):
    torch.save({"epoch": 3, "state_dict": {f"module.{n}": t for n, t in STATE.items()}}, path)


def as_torchscript(path):
    save_torchscript(STATE, path)


FORMATS = [as_safetensors, as_zip, as_legacy, as_training_run, as_torchscript]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights"  # no suffix: the first bytes tell the format


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_tensors(path, write):
    write(path)
    checkpoint = read(path)
    same(checkpoint.state)
    assert checkpoint.bytes == path.stat().st_size
    assert len(checkpoint.sha256) == 64


def test_views_of_one_storage_keep_their_values(path):
    base = torch.arange(24.0)
    save_torchscript({"t": base.view(4, 6).t(), "part": base[5:9]}, path)
    state = read(path).state
    assert torch.equal(state["t"], base.view(4, 6).t())
    assert torch.equal(state["part"], base[5:9])


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("write", FORMATS)
def test_a_truncated_file_is_an_error(path, write, keep):
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(CheckpointError):
        read(path)


@pytest.mark.parametrize("write", [as_zip, as_torchscript])
def test_a_damaged_pickle_is_an_error(path, write):
    write(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for cut in range(0, 400, 37):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data[:cut] if name.endswith("data.pkl") else data)
        with pytest.raises(CheckpointError):
            read(path)


class Evil:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def trap(tmp_path):
    path = tmp_path / "trap-sprang"
    yield path
    assert not path.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_runs_code_is_refused(path, trap, zipped):
    torch.save(STATE | {"evil": Evil(trap)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="more than tensors"):
        read(path)


def test_a_plain_pickle_that_runs_code_is_refused(path, trap):
    path.write_bytes(pickle.dumps(Evil(trap)))
    with pytest.raises(CheckpointError):
        read(path)


def test_code_in_a_torchscript_archive_is_never_run(path, trap):
    save_torchscript(STATE, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            evil = pickle.dumps(Evil(trap), protocol=2) if name.endswith("data.pkl") else data
            archive.writestr(name, evil)
    with pytest.raises(CheckpointError):
        read(path)


def rewrite(path, edit):
    """The archive again, each entry's bytes through `edit`."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, edit(name, data))


def test_a_tensor_that_reaches_past_its_storage_is_refused(path):
    save_torchscript({"t": torch.zeros(1000)}, path)
    rewrite(
        path,
        lambda name, data: (
            data.replace(struct.pack("<cH", b"M", 1000), struct.pack("<cH", b"M", 60000), 1)
            if name.endswith("data.pkl")
            else data
        ),
    )
    with pytest.raises(CheckpointError):
        read(path)


def test_a_compressed_archive_is_refused_before_it_grows(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", b"\0" * 50_000_000)
        archive.writestr("w/constants.pkl", b"")
    with pytest.raises(CheckpointError, match="compressed"):
        read(path)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"", "empty"),
        (b"\0" * 100, "neither"),
        (struct.pack("<Q", 1 << 60) + b"{" + b" " * 50, "neither"),
        (struct.pack("<Q", 30) + b"{" + b"x" * 50, "cannot be read"),
    ],
)
def test_what_is_not_weights_is_named(path, data, told):
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=told):
        read(path)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, torch.zeros(2)])
def test_a_file_without_a_state_dict_is_refused(path, content):
    torch.save(content, path)
    with pytest.raises(CheckpointError):
        read(path)


def test_what_is_not_a_file_is_named_with_its_path(path):
    with pytest.raises(CheckpointError, match=f"no file at {path}"):
        read(path)
    path.mkdir()
    as_zip(path / "epoch.pt")
    with pytest.raises(CheckpointError, match=rf"{path} is a folder.*{path / 'epoch.pt'}"):
        read(path)
    (path.parent / "link").symlink_to(path / "gone")
    with pytest.raises(CheckpointError, match="leads nowhere"):
        read(path.parent / "link")


@pytest.mark.parametrize(
    "beside",
    [
        {"args": argparse.Namespace(lr=1.0, out=Path("/x"))},
        {"best": np.float64(0.5), "epoch": np.int64(3), "scores": np.arange(3.0)},
        {"history": collections.defaultdict(list, a=[1]), "names": {"a", "b"}},
        {"optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}, "args": argparse.Namespace()},
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_settings_beside_the_tensors_stay_inert_and_the_tensors_are_read(path, beside, protocol):
    torch.save({"state_dict": STATE} | beside, path, pickle_protocol=protocol)
    same(read(path).state)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_what_trainers_wrap_around_a_state_dict_is_taken_off(path, key, prefix):
    torch.save({key: {prefix + name: tensor for name, tensor in STATE.items()}, "epoch": 1}, path)
    same(read(path).state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_that_are_no_numbers_are_refused_with_their_name(path, value, dtype):
    broken = torch.ones(4, dtype=dtype)
    broken[2] = value
    torch.save({"state_dict": {"good": torch.ones(2), "visual.proj": broken, "also": broken}}, path)
    with pytest.raises(CheckpointError, match=r"NaN or infinite: visual\.proj and 1 more"):
        read(path)


def test_a_mask_of_minus_infinity_is_no_damage(path):
    mask = torch.full((3, 3), float("-inf")).triu_(1)
    torch.save({"weight": torch.ones(2), "attn_mask": mask}, path)
    assert set(read(path).state) == {"weight", "attn_mask"}


@pytest.mark.parametrize("content", [torch.nn.Linear(2, 2), {"model": torch.nn.Linear(2, 2)}])
def test_a_whole_pickled_model_says_how_to_save_its_weights(path, content):
    torch.save(content, path)
    with pytest.raises(
        CheckpointError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict"
    ) as e:
        read(path)
    assert str(path) in str(e.value)


def test_an_old_file_with_more_than_tensors_says_how_to_save_it_again(path):
    torch.save(
        {"state_dict": STATE, "args": argparse.Namespace(lr=1)},
        path,
        _use_new_zipfile_serialization=False,
    )
    with pytest.raises(CheckpointError, match=r"argparse\.Namespace.*torch\.save") as e:
        read(path)
    assert str(path) in str(e.value)


def test_nobody_is_told_to_delete_a_file_of_his_own(path):
    as_zip(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckpointError, match="damaged or cut short") as own:
        read(path)
    assert "delete it" not in str(own.value)
    path.with_name(f".{path.name}.json").write_text('{"bytes": 300, "sha256": "00"}')  # as pulled
    with pytest.raises(CheckpointError, match="delete it and pull it again"):
        read(path)
