"""A VAE that is trained against an adversary, and is an ordinary VAE afterwards."""

import pytest
import torch

from molvae.core.checkpoint import load_tensors
from molvae.core.pretrained import load_model
from molvae.core.training import ObjectiveConfig
from molvae.errors import ConfigError
from molvae.images.adversary import AdversarialPair, AdversaryConfig, PatchDiscriminator
from molvae.images.batches import in_order
from molvae.images.datasets import load_images
from molvae.images.training import ImageEvaluationConfig, ImageTrainConfig, evaluate_images, train_images
from molvae.images.vae import ImageVAE
from molvae.run.progress import silent

from .conftest import quick

SMALL = AdversaryConfig(channels=8, levels=1, weight=20.0, learning_rate=2e-3)


def settings(adversary: AdversaryConfig | None = SMALL, epochs: int = 4) -> ImageTrainConfig:
    config = quick(4, epochs, likelihood="laplace_fixed_scale", sigma=0.2)
    objective = ObjectiveConfig(name="population")
    return config.model_copy(update={"binarisation": "none", "adversary": adversary, "objective": objective})


def pair(digits, weight: float = 20.0) -> AdversarialPair:
    torch.manual_seed(0)
    config = settings()
    return AdversarialPair(ImageVAE(config.model, digits.shape), SMALL.model_copy(update={"weight": weight}))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_patch_is_told_by_what_lies_in_it_and_near_it():
    """Each logit sees 10 pixels with one level, 22 with two, 46 with three."""
    for levels, side in ((1, 10), (2, 22), (3, 46)):
        network = PatchDiscriminator(AdversaryConfig(channels=8, levels=levels), (3, 96, 96))
        for layer in network.layers:
            if isinstance(layer, torch.nn.GroupNorm):  # whose mean sees the whole image
                layer.forward = lambda x: x
        pixels = torch.rand(1, 3, 96, 96, generator=generator()).requires_grad_()
        logits = network(pixels)
        middle = logits.shape[-1] // 2
        (seen,) = torch.autograd.grad(logits[0, middle, middle], pixels)
        rows = torch.nonzero(seen[0].abs().sum((0, 2))).flatten()
        assert len(rows) == side and rows[-1] - rows[0] == side - 1


def test_images_that_are_too_small_are_refused():
    with pytest.raises(ConfigError, match="needs images of 16 pixels a side, not 8 x 8"):
        PatchDiscriminator(AdversaryConfig(levels=3), (1, 8, 8))


def test_each_player_is_moved_by_its_own_objective(digits):
    both = pair(digits)
    (batch,) = in_order(digits.train[:20], 20)
    vae, judge = both.players(ObjectiveConfig(), 1e-3)
    assert vae.betas == judge.betas == (0.5, 0.999) and judge.name == "adversary"
    assert {*vae.parameters, *judge.parameters} == set(both.parameters())
    vae.objective(both, batch, 0, generator())[0].mean().backward()
    assert all(parameter.grad is None for parameter in judge.parameters)
    before = [parameter.grad.clone() for parameter in vae.parameters]
    values, logged = judge.objective(both, batch, 0, generator())
    values.mean().backward()
    assert values.shape == (20,) and 0 <= logged["told_apart"].mean() <= 1
    assert all(parameter.grad is not None for parameter in judge.parameters)
    assert all(torch.equal(a, parameter.grad) for a, parameter in zip(before, vae.parameters, strict=True))


def test_deceiving_is_added_to_the_objective_of_the_vae(digits):
    (batch,) = in_order(digits.train[:20], 20)
    values, logged = (
        pair(digits, 7.0).players(ObjectiveConfig(samples=3), 1e-3)[0].objective(pair(digits), batch, 0, generator())
    )
    plain, _ = (
        pair(digits, 0.0).players(ObjectiveConfig(samples=3), 1e-3)[0].objective(pair(digits), batch, 0, generator())
    )
    torch.testing.assert_close(values, plain + 7.0 * logged["deceived"])


def test_an_adversary_learns_to_tell_images_from_their_blurred_reconstructions(digits, tmp_path):
    """Of a VAE that does not care what it says: weight 0."""
    log = []
    config = settings(SMALL.model_copy(update={"weight": 0.0, "learning_rate": 1e-2}), epochs=15)
    train_images(config, digits, tmp_path, "cpu", silent, lambda step, row: log.append(row))
    assert log[-1]["train_adversary.told_apart"] > 0.7  # of all patches, and those without ink are all alike
    assert log[-1]["valid_objective"] > log[0]["valid_objective"]


def test_what_was_trained_is_an_ordinary_vae_with_the_last_weights(digits, tmp_path):
    log = []
    model = train_images(settings(), digits, tmp_path, "cpu", silent, lambda step, row: log.append(row))
    last, _ = load_tensors(tmp_path / "last.safetensors")
    assert any(name.startswith("model.judge.") for name in last)
    assert any(name.startswith("optimizer.adversary.") for name in last)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, last[f"model.vae.{name}"]), name
    model.save_pretrained(tmp_path / "model")
    again = load_model(tmp_path / "model", "cpu")
    assert isinstance(again, ImageVAE) and not any("judge" in name for name in again.state_dict())
    assert again.state_dict().keys() == ImageVAE(settings().model, digits.shape).state_dict().keys()
    assert again.sample(3).shape == again.interpolate(digits.test.pixels[:2], 3).shape == (3, 1, 8, 8)
    evaluation = ImageEvaluationConfig(images=20, nll_images=5, nll_samples=5, binarisation="none")
    assert evaluate_images(again, digits, evaluation, silent)["likelihood"]["nll"] > -1e6


def test_an_adversarial_run_that_was_cut_ends_as_an_uninterrupted_one(digits, tmp_path):
    config = settings(epochs=3)
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"average": 0.9, "checkpoint_every": 5})})

    def kill(step, row):
        if step > 20:
            raise KeyboardInterrupt

    whole = train_images(config, digits, tmp_path / "whole", "cpu", silent)
    with pytest.raises(KeyboardInterrupt):
        train_images(config, digits, tmp_path / "cut", "cpu", silent, kill)
    resumed = train_images(config, digits, tmp_path / "cut", "cpu", silent)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_without_an_adversary_nothing_changes(digits, tmp_path):
    """Also no random number: the same first weights, the same order and the same noise."""
    plain = train_images(settings(None, 1), digits, tmp_path / "plain", "cpu", silent)
    silenced = SMALL.model_copy(update={"weight": 0.0, "betas": (0.9, 0.999)})
    beside = train_images(settings(silenced, 1), digits, tmp_path / "beside", "cpu", silent)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(beside.state_dict()[name], tensor)


def test_what_an_adversary_cannot_compare_is_refused(tmp_path, digits):
    for changes in ({}, {"binarisation": "none", "model": {"quadrants": 1, "likelihood": "gaussian"}}):
        config = ImageTrainConfig.create({"adversary": {}, **changes})
        with pytest.raises(ConfigError, match="an adversary compares whole images of grey values"):
            train_images(config, digits, tmp_path, progress=silent)
    config = ImageTrainConfig.create({"adversary": {}, "binarisation": "none", "model": {"likelihood": "gaussian"}})
    with pytest.raises(ConfigError, match="pixels a side, not 1 x 2"):
        train_images(config, load_images("half_rings"), tmp_path, progress=silent)
