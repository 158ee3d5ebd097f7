"""The training loop on images of digits: the core knows no molecules.

The very VAE, objective and loop that train on SMILES train here on scikit-learn's 8 x 8 digits.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from molvae.core.checkpoint import load_tensors
from molvae.core.distributions import Bernoulli, DiagonalGaussian
from molvae.core.evaluate import evaluate_bounds
from molvae.core.fit import FitConfig, Player, fit
from molvae.core.objectives import elbo
from molvae.core.priors import StandardNormal
from molvae.core.vae import VAE
from molvae.errors import ConfigError, MolvaeError
from molvae.run.progress import silent


@dataclass
class DigitBatches:
    """Binarised digits in batches of 64; the order of an epoch depends on its number."""

    pixels: torch.Tensor
    batch_size: int = 64

    def __len__(self) -> int:
        return -(-len(self.pixels) // self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[torch.Tensor]:
        order = torch.from_numpy(np.random.default_rng(number).permutation(len(self.pixels)))
        for rows in list(order.split(self.batch_size))[skip:]:
            yield self.pixels[rows]


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))

    def forward(self, x: torch.Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(*self.layers(x).float().chunk(2, -1))


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, z: torch.Tensor) -> Bernoulli:
        return Bernoulli(self.layers(z).float())


def digits() -> torch.Tensor:
    return torch.from_numpy((load_digits().data > 7.5).astype(np.float32))


def digit_vae() -> VAE:
    torch.manual_seed(0)
    return VAE(Encoder(), StandardNormal(8), Decoder())


def objective(model, batch, step, generator):
    terms = model.terms(batch, 1, generator)
    return elbo(terms), {"kl": terms.kl}


def validate(model, step):
    return {"objective": evaluate_bounds(model, [digits()[:200]])["elbo"]}


def train(folder: Path, **settings) -> VAE:
    model = digit_vae()
    config = FitConfig(**{"epochs": 2, "precision": "float32", "warmup_steps": 10, "checkpoint_every": 5} | settings)
    fit(model, DigitBatches(digits()[200:]), objective, config, folder, validate, device="cpu", progress=silent)
    return model


def same_weights(a: Path, b: Path) -> bool:
    left, right = (load_tensors(folder / "last.safetensors")[0] for folder in (a, b))
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_digits_are_learnt_with_the_same_core(tmp_path):
    untrained = evaluate_bounds(digit_vae(), [digits()[:200]])["elbo"]
    model = train(tmp_path, epochs=15, learning_rate=3e-3)
    trained = evaluate_bounds(model, [digits()[:200]])
    assert trained["elbo"] > untrained + 15
    assert trained["active_units"] >= 4
    log = pd.read_csv(tmp_path / "metrics.csv")
    assert log["valid_objective"].iloc[-1] > log["valid_objective"].iloc[0] + 5
    assert list(log["epoch"]) == list(range(1, 16))


def test_the_model_ends_with_its_best_weights(tmp_path):
    model = train(tmp_path, epochs=4)
    log = pd.read_csv(tmp_path / "metrics.csv")
    assert validate(model.eval(), 0)["objective"] == pytest.approx(log["valid_objective"].max(), abs=1e-3)


def test_early_stopping(tmp_path):
    train(tmp_path, epochs=50, learning_rate=1e-12, patience=2)
    assert len(pd.read_csv(tmp_path / "metrics.csv")) < 50


def test_a_finished_run_is_not_trained_further(tmp_path):
    train(tmp_path)
    before = load_tensors(tmp_path / "last.safetensors")[0]
    train(tmp_path)
    after = load_tensors(tmp_path / "last.safetensors")[0]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_learning_rate_rises_over_a_tenth_of_a_short_run_at_most(tmp_path):
    """With more steps of warm-up than there are steps, it would never come to its peak."""
    train(tmp_path, warmup_steps=1_000_000, learning_rate=1e-3, validate_every=1)
    rates = pd.read_csv(tmp_path / "metrics.csv")["learning_rate"]
    assert rates.max() == pytest.approx(1e-3, rel=1e-3) and rates.argmax() < len(rates) / 10 + 1


def test_divergence_is_an_error_that_says_what_to_do(tmp_path):
    def exploding(model, batch, step, generator):
        values, logged = objective(model, batch, step, generator)
        return values * float("inf"), logged

    with pytest.raises(MolvaeError, match="lower learning_rate"):
        fit(digit_vae(), DigitBatches(digits()), exploding, FitConfig(), tmp_path, device="cpu", progress=silent)


class Judged(nn.Module):
    """A generator of digits and what judges them: the smallest model that needs two players."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
        self.judge = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def made(self, count: int, generator: torch.Generator) -> torch.Tensor:
        return self.generator(torch.randn(count, 8, generator=generator))


def judging(model, batch, step, generator):
    with torch.no_grad():
        made = model.made(len(batch), generator)
    real, fake = model.judge(batch).squeeze(-1), model.judge(made).squeeze(-1)
    values = nn.functional.logsigmoid(real) + nn.functional.logsigmoid(-fake)
    return values, {"told apart": ((real > 0).float() + (fake < 0).float()) / 2}


def deceiving(model, batch, step, generator):
    return nn.functional.logsigmoid(model.judge(model.made(len(batch), generator)).squeeze(-1)), {}


def train_players(folder: Path, generates=deceiving, **settings) -> Judged:
    model = Judged()
    players = [
        Player("judge", list(model.judge.parameters()), judging, 1e-3),
        Player("generator", list(model.generator.parameters()), generates, 1e-3, betas=(0.5, 0.999)),
    ]
    config = FitConfig(**{"epochs": 3, "precision": "float32", "warmup_steps": 0, "checkpoint_every": 5} | settings)
    fit(model, DigitBatches(digits()), players, config, folder, device="cpu", progress=silent)
    return model


def test_of_two_players_each_moves_its_own_parameters_by_its_own_objective(tmp_path):
    """The judge's objective also depends on the generator's weights, and the other way round."""
    start, model = Judged(), train_players(tmp_path, epochs=20)
    log = pd.read_csv(tmp_path / "metrics.csv")
    assert {"train_objective", "train_told apart", "train_generator.objective"} <= set(log)
    assert log["train_told apart"].iloc[0] > 0.7
    ones = digits().mean(0)
    with torch.no_grad():
        far, near = (
            (each.made(500, torch.Generator().manual_seed(1)).mean(0) - ones).abs().mean() for each in (start, model)
        )
    assert near < far / 2, "what is generated has come to look like the digits"


def test_a_player_that_gains_nothing_stays_where_it_is(tmp_path):
    def indifferent(model, batch, step, generator):
        return 0 * deceiving(model, batch, step, generator)[0], {}

    model, start = train_players(tmp_path, indifferent, weight_decay=0), Judged()
    for name, tensor in start.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]) == name.startswith("generator"), name


def test_players_that_were_stopped_go_on_to_the_very_weights(tmp_path):
    def stopping(model, batch, step, generator):
        if step == 37:
            raise KeyboardInterrupt
        return deceiving(model, batch, step, generator)

    train_players(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_players(tmp_path / "stopped", stopping)
    assert load_tensors(tmp_path / "stopped" / "last.safetensors")[1]["step"] == 35
    train_players(tmp_path / "stopped")
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize("names", [("", "judge"), ("judge", "judge"), ("judge", "judge.two")])
def test_players_are_told_apart_by_their_names(tmp_path, names):
    model = Judged()
    players = [Player(name, list(model.judge.parameters()), judging, 1e-3) for name in names]
    with pytest.raises(ConfigError, match="a name each, without dots"):
        fit(model, DigitBatches(digits()), players, FitConfig(), tmp_path, device="cpu", progress=silent)


def test_the_player_whose_objective_diverges_is_named(tmp_path):
    def exploding(model, batch, step, generator):
        return deceiving(model, batch, step, generator)[0] * float("inf"), {}

    with pytest.raises(MolvaeError, match="objective of generator is -inf at step 0"):
        train_players(tmp_path, exploding)


def test_killed_and_resumed_training_ends_with_the_very_weights(tmp_path):
    """SIGKILL in the middle of training, twice, then run to the end."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(whole, epochs=6)
    program = (
        f"from pathlib import Path; from {__name__.split('.')[-1]} import train; train(Path({str(killed)!r}), epochs=6)"
    )
    for kill_after in (1, 2):
        process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parent)
        deadline = time.monotonic() + 60
        marks: set[float] = set()
        while time.monotonic() < deadline and process.poll() is None and len(marks) <= kill_after:
            if (killed / "last.safetensors").exists():
                marks.add((killed / "last.safetensors").stat().st_mtime_ns)
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (killed / "last.safetensors").exists()
    train(killed, epochs=6)
    assert same_weights(whole, killed)
    columns = ["step", "train_objective", "valid_objective"]
    pd.testing.assert_frame_equal(
        pd.read_csv(whole / "metrics.csv")[columns], pd.read_csv(killed / "metrics.csv")[columns]
    )
