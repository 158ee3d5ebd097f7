"""A generator and its judge: each has an objective of its own, and together they learn the digits."""

import pytest
import torch

from molvae.core.fit import FitConfig, fit
from molvae.errors import ConfigError
from molvae.images.batches import ImageBatches
from molvae.images.gan import GAN, deceiving, judging, players
from molvae.run.progress import silent


def small(digits) -> GAN:
    torch.manual_seed(0)
    return GAN(digits.shape, latent_size=8, channels=8)


def test_the_players_share_the_weights_out_between_them(digits):
    model = small(digits)
    own = [{id(weight) for weight in player.parameters} for player in players(model, 1e-3)]
    assert not own[0] & own[1] and own[0] | own[1] == {id(weight) for weight in model.parameters()}


def test_the_judge_learns_nothing_of_the_generator_and_the_generator_through_the_judge(digits):
    model, batch = small(digits), next(iter(ImageBatches(digits.train, 50).epoch(0)))
    value, logged = judging(model, batch, 0, torch.Generator().manual_seed(0))
    assert value.shape == (50,) and logged["told apart"].shape == (50,)
    value.sum().backward()
    assert all(weight.grad is None for weight in model.generator.parameters())
    model.zero_grad()
    deceiving(model, batch, 0, torch.Generator().manual_seed(0))[0].sum().backward()
    assert any(bool((weight.grad != 0).any()) for weight in model.generator.parameters())


def test_a_player_moves_its_own_weights_only(digits, tmp_path):
    for place, (moved, kept) in enumerate([("judge", "generator"), ("generator", "judge")]):
        model = small(digits)
        before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        config = FitConfig(epochs=1, precision="float32", warmup_steps=0)
        batches = ImageBatches(digits.train[:100], 50)
        fit(model, batches, [players(model, 1e-3)[place]], config, tmp_path / moved, device="cpu", progress=silent)
        changed = {name.split(".")[0] for name, weight in model.named_parameters() if not weight.equal(before[name])}
        assert changed == {moved} and kept not in changed


def test_what_it_draws_comes_to_look_like_the_digits(digits, tmp_path):
    def distance(model: GAN) -> float:
        drawn = model.eval().sample(500, torch.Generator().manual_seed(1))
        return float((drawn.mean(0) - digits.test.pixels.mean(0)).abs().mean())

    model = small(digits)
    before = distance(model)
    config = FitConfig(epochs=8, precision="float32", warmup_steps=0)
    fit(model, ImageBatches(digits.train, 50), players(model, 1e-3), config, tmp_path, device="cpu", progress=silent)
    assert distance(model) < before / 2
    drawn = model.sample(200, torch.Generator().manual_seed(1))
    assert drawn.shape == (200, *digits.shape) and drawn.min() >= 0 and drawn.max() <= 1
    assert drawn.std(0).mean() > 0.05, "not all of them are the same"


def test_sides_must_be_halved_twice():
    with pytest.raises(ConfigError, match="multiples of 4, not 8 x 10"):
        GAN((1, 8, 10))
