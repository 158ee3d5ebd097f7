"""Model folders and checkpoints: whole or refused with a message, never pickled, never half written."""

import json

import pytest
import torch

from molvae.core.checkpoint import (
    load_model_folder,
    load_tensors,
    optimizer_tensors,
    restore_optimizer,
    save_model_folder,
    save_tensors,
)
from molvae.errors import CheckpointError
from molvae.run.files import atomic_path


@pytest.fixture
def folder(tmp_path):
    save_model_folder(tmp_path, {"w": torch.arange(1000.0)}, {"kind": "test"}, {"notes.txt": "hello"})
    return tmp_path


def test_round_trip(folder):
    tensors, settings = load_model_folder(folder)
    assert torch.equal(tensors["w"], torch.arange(1000.0))
    assert settings == {"kind": "test"}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: truncate(f / "model.safetensors"), "truncated or altered"),
        (lambda f: (f / "model.safetensors").unlink(), "is missing"),
        (lambda f: (f / "notes.txt").write_text("HELLO"), "truncated or altered"),
        (lambda f: (f / "config.json").unlink(), "not a model folder"),
        (lambda f: (f / "config.json").write_text("{"), "damaged"),
        (lambda f: (f / "config.json").write_text(json.dumps({"format": 99})), "upgrade molvae"),
    ],
)
def test_damage_is_found_and_explained(folder, damage, message):
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        load_model_folder(folder)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04pickle"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "last.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_tensors(tmp_path / "last.safetensors")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_header_and_shared_tensors_survive(tmp_path):
    shared = torch.ones(3)
    save_tensors(tmp_path / "x", {"a": shared, "b": shared[1:]}, {"step": 7})
    tensors, header = load_tensors(tmp_path / "x")
    assert tensors["b"].shape == (2,) and header == {"step": 7}


def test_optimizer_state_round_trip():
    def stepped(optimizer, parameter):
        parameter.grad = torch.tensor([1.0, -2.0])
        optimizer.step()

    a = torch.nn.Parameter(torch.zeros(2))
    first = torch.optim.AdamW([a], lr=0.1)
    stepped(first, a)
    b = torch.nn.Parameter(a.detach().clone())
    second = torch.optim.AdamW([b], lr=0.1)
    restore_optimizer(second, {name: tensor.clone() for name, tensor in optimizer_tensors(first).items()})
    stepped(first, a)
    stepped(second, b)
    assert torch.equal(a, b)
