"""Two real processes train one model: the steps of one process with the whole batch, and exact resume."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file

from molvae.core.checkpoint import load_tensors
from molvae.core.distributions import standard_normal_like
from molvae.core.processes import Processes, Share, SharedNoise

PROGRAM = '''
"""Train twice: at once, and with a death in the middle."""
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
import torch
import test_fit
from safetensors.torch import save_file
from molvae.core.fit import FitConfig, fit
from molvae.core.processes import joined
from molvae.run.progress import silent

class Death(Exception):
    pass

def dies_at(step):
    def objective(model, batch, now, generator):
        if now == step:
            raise Death
        return test_fit.objective(model, batch, now, generator)
    return objective

def train(folder, objective):
    model = test_fit.digit_vae()
    config = FitConfig(epochs=2, precision="float32", warmup_steps=10, checkpoint_every=5, average=0.9)
    batches = test_fit.DigitBatches(test_fit.digits()[200:1000])
    fit(model, batches, objective, config, Path(folder), test_fit.validate, device="cpu", progress=silent)
    return model

if __name__ == "__main__":
    with joined(torch.device("cpu")) as (group, device):
        assert group.number == 2
        model = train("whole", test_fit.objective)
        save_file(dict(model.state_dict()), f"weights{{group.rank}}.safetensors")
        try:
            train("killed", dies_at(18))
        except Death:
            train("killed", test_fit.objective)
'''


def launch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_two_processes_take_the_steps_of_one_and_resume_exactly(tmp_path, monkeypatch):
    program = PROGRAM.format(tests=str(Path(__file__).parent))
    (tmp_path / "program.py").write_text(program)
    done = launch(tmp_path, "program.py")
    assert done.returncode == 0, done.stderr
    two = pd.read_csv(tmp_path / "whole" / "metrics.csv")
    # one process, the whole batch of 64
    space: dict = {"__name__": "program"}
    exec(compile(program, "program.py", "exec"), space)
    space["train"](tmp_path / "one", space["test_fit"].objective)
    one = pd.read_csv(tmp_path / "one" / "metrics.csv")
    same = [name for name in one.columns if name not in ("seconds", "examples_per_second")]
    pd.testing.assert_frame_equal(two[same], one[same], rtol=1e-5)
    # the same weights in both, and after a death in the middle of an epoch
    first, second = (load_file(tmp_path / f"weights{rank}.safetensors") for rank in (0, 1))
    assert first and all(torch.equal(first[name], second[name]) for name in first)
    whole, killed = (load_tensors(tmp_path / name / "last.safetensors")[0] for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    pd.testing.assert_frame_equal(two[same], pd.read_csv(tmp_path / "killed" / "metrics.csv")[same])


def test_every_example_is_someones_and_has_the_noise_that_it_would_have_in_one_process():
    whole = standard_normal_like(torch.empty(0), (3, 10, 4), torch.Generator().manual_seed(5))
    parts, covered = [], []
    for rank in range(3):
        noise = SharedNoise()
        noise.manual_seed(5)
        noise.share = Processes(rank, 3).share(10)
        covered += range(10)[noise.share.rows]
        parts.append(standard_normal_like(torch.empty(0), (3, len(noise.share), 4), noise))
    assert covered == list(range(10))
    assert torch.equal(torch.cat(parts, 1), whole)


def test_fewer_examples_than_processes():
    shares = [Processes(rank, 3).share(1) for rank in range(3)]
    assert sorted(share.counts for share in shares) == [False, False, True]
    assert all(share == Share(slice(0, 1), 1, share.counts) for share in shares)


def test_one_process_has_the_whole():
    alone = Processes()
    assert alone.share(7) == Share(slice(0, 7), 7)
    assert alone.of_first(lambda: "here") == "here" == alone.first_before_others(lambda: "here")
