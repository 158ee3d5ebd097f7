"""Commands that ``torch.distributed.run`` starts twice: one model, one folder, one voice."""

import os
import subprocess
import sys

import pandas as pd

from molvae.core.checkpoint import load_tensors
from molvae.core.pretrained import load_model

RECIPE = """
kind = "train"
data = "data.smi"
[train]
batch_size = 4
[train.model]
latent_size = 4
embedding_size = 8
channels = 8
narrow_channels = 4
dense_size = 8
hidden_size = 16
position_channels = 0
predictor_size = 8
flow_layers = 0
[train.fit]
epochs = 2
precision = "float32"
[train.predictor]
epochs = 1
prior_points = 4
[train.validation]
prior_samples = 4
"""
MOLECULES = ("CCO", "CCN", "CC(C)O", "CCCO", "c1ccccc1", "CC#N", "CCCl", "OCCO", "CCS", "CC=O", "C1CCNCC1", "Cc1ccccc1")


def launch(folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "molvae"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MOLVAE_CACHE": str(folder / "cache")}
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )


def test_two_processes_train_the_model_of_one(molvae, tmp_path):
    (tmp_path / "data.smi").write_text("\n".join(MOLECULES))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    done = launch(tmp_path, "train", "recipe.toml", "-o", "two", "--device", "cpu", "-n", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("model: two/model") == 1
    alone = molvae("train", "recipe.toml", "-o", "one", "--device", "cpu", "-n", "1", "-q")
    assert alone.returncode == 0, alone.stderr
    logs = [pd.read_csv(tmp_path / name / "metrics.csv") for name in ("two", "one")]
    losses = [log.filter(regex="^train_(objective|reconstruction|kl|properties)$") for log in logs]
    pd.testing.assert_frame_equal(*losses, rtol=1e-4)
    two, one = (load_tensors(tmp_path / name / "last.safetensors")[0] for name in ("two", "one"))
    assert all(two[name].sub(one[name]).abs().max() < 1e-4 for name in two if name.startswith("model."))
    assert load_model(tmp_path / "two", "cpu").encode(["CCO"]).shape == (1, 4)


def test_a_mistake_ends_all_with_a_message(tmp_path):
    done = launch(tmp_path, "train", "-i", "missing.smi", "-o", "run", "--device", "cpu")
    assert done.returncode != 0
    assert "error: no such file: missing.smi" in done.stderr
    assert not (tmp_path / "run").exists()


def test_what_is_for_one_process_is_not_begun_by_two(molvae, monkeypatch, tmp_path):
    for name, value in {"MASTER_ADDR": "localhost", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)  # as torch.distributed.run sets them
    done = molvae("design", "--budget", "1", "-o", "run")
    assert done.returncode == 1 and "a run of kind 'design' is for one process" in done.stderr
    assert not (tmp_path / "run").exists()
