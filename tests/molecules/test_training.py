"""The joint objective of a molecular VAE: its schedules, and what it trains the decoder on."""

import numpy as np
import pytest
import torch

from molvae.core.training import vae_objective
from molvae.errors import ConfigError
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.training import (
    MoleculeData,
    MoleculeObjectiveConfig,
    TrainConfig,
    corrupt,
    corruption,
    density,
    train,
)
from molvae.run.progress import silent

from .conftest import MOLECULES, SHAPES, small_model


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_corruption_leaves_the_prior_as_it_is_and_touches_its_share():
    z = torch.randn(1, 20_000, 3, generator=generator())
    mixed = corrupt(z, 0.4, generator(1))
    touched = (mixed != z).any(-1).float().mean().item()
    assert touched == pytest.approx(0.4, abs=0.02)
    assert mixed.std().item() == pytest.approx(1.0, abs=0.02)
    correlation = (mixed * z).mean().item()
    assert 0.9 < correlation < 1.0  # mixed, not replaced


def test_corruption_changes_what_is_decoded_and_nothing_else(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary, np.ones((len(MOLECULES), 3), dtype=np.float32))
    batch = dataset.batch(np.arange(len(MOLECULES)))
    logged = {}
    for share in (0.0, 1.0):
        config = MoleculeObjectiveConfig(beta=0.1, corruption=share)
        _, logged[share] = vae_objective(config, corruption(config))(model, batch, 0, generator())
    assert not torch.allclose(logged[0.0]["reconstruction"], logged[1.0]["reconstruction"])
    for name in ("kl", "properties"):
        torch.testing.assert_close(logged[0.0][name], logged[1.0][name])


def test_the_property_predictor_is_part_of_the_objective_unless_its_weight_is_zero(model):
    dataset, _ = MoleculeDataset.build(MOLECULES, model.vocabulary, np.ones((len(MOLECULES), 3), dtype=np.float32))
    batch = dataset.batch(np.arange(len(MOLECULES)))

    def value(**settings):
        config = MoleculeObjectiveConfig.create({"beta": 0.1, **settings})
        return vae_objective(config)(model, batch, 0, generator())

    joint, logged = value()
    alone, _ = value(weights={"properties": 0.0})
    torch.testing.assert_close(joint, alone + logged["properties"])
    torch.testing.assert_close(alone, logged["reconstruction"] - 0.1 * logged["kl"])


@pytest.mark.parametrize("shape", ("flow", "both"))
def test_the_density_weight_reaches_the_learned_prior_and_nothing_else(shape):
    model = small_model(**SHAPES[shape])
    batch = MoleculeDataset.build(MOLECULES, model.vocabulary)[0].batch(np.arange(len(MOLECULES)))
    config = MoleculeObjectiveConfig.create({"beta": 0.1, "density_weight": 0.5, "weights": {}})
    gradients = []
    for additions in ([], [density(config)]):
        model.zero_grad()
        vae_objective(config, additions=additions)(model, batch, 0, generator())[0].mean().backward()
        gradients.append({name: value.grad for name, value in model.named_parameters() if value.grad is not None})
    without, with_weight = gradients
    for name, gradient in without.items():
        # beta E[log p(code)] is part of the bound: the flow has its gradient already, with the smaller weight
        scale = 0.5 / 0.1 if ".flow." in name else 1.0
        torch.testing.assert_close(with_weight[name], scale * gradient, rtol=1e-2, atol=1e-4)
    heavier = MoleculeObjectiveConfig.create({"beta": 0.6, "density_weight": 0.5})
    terms = model.terms(batch, 1, generator())
    assert density(heavier)(model, terms, 0, generator())[0] == 0  # the bound does more than is asked for


def test_a_density_weight_needs_a_learned_prior():
    with pytest.raises(ConfigError, match=r"set model\.flow_layers"):
        TrainConfig.create({"objective": {"density_weight": 0.5}})


@pytest.mark.parametrize("name", ("beta", "corruption"))
@pytest.mark.parametrize("knots", ([], [[5, 0.1], [2, 0.2]], [[0, -0.1]]))
def test_schedules_go_forward_and_are_not_negative(name, knots):
    with pytest.raises(ConfigError, match=r"at least one knot|greater than or equal to 0"):
        MoleculeObjectiveConfig.create({name: knots})


def test_settings_come_back_from_what_a_run_folder_records():
    settings = {"objective": {"beta": [[0, 0.0], [9, 0.1]], "corruption": 0.2, "weights": {"properties": 3}}}
    for config in (TrainConfig(), TrainConfig.create(settings)):
        assert TrainConfig.create(config.model_dump(mode="json")) == config


def test_training_goes_on_from_given_weights(model, tmp_path):
    """A step with a vanishing learning rate leaves the weights of the initial model as they were."""
    model.save_pretrained(tmp_path / "initial")
    settings = {
        "initial": str(tmp_path / "initial"),
        "model": model.config.model_dump(),
        "batch_size": len(MOLECULES),
        "fit": {"epochs": 1, "learning_rate": 1e-12, "precision": "float32"},
        "predictor": {"epochs": 0},
        "validation": {"prior_samples": 2},
    }
    data = MoleculeData(MOLECULES, np.random.default_rng(0).normal(size=(len(MOLECULES), 3)))
    trained = train(TrainConfig.create(settings), data, data, tmp_path / "run", "cpu", progress=silent)
    assert trained.vocabulary == model.vocabulary
    for name, value in model.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, atol=1e-9, rtol=0)

    if model.config.encoder == "cnn":
        deeper = {**settings["model"], "dilations": (*model.config.dilations, 8)}
        config = TrainConfig.create({**settings, "model": deeper})
        grown = train(config, data, data, tmp_path / "deeper", "cpu", silent)
        assert len(grown.encoder.blocks) == len(model.encoder.blocks) + 1
        torch.testing.assert_close(grown.encode(MOLECULES), model.encode(MOLECULES), atol=1e-4, rtol=1e-4)

    wider = TrainConfig.create({**settings, "model": {**settings["model"], "hidden_size": 999}})
    with pytest.raises(ConfigError, match="another architecture"):
        train(wider, data, data, tmp_path / "wider", "cpu", progress=silent)
    longer = TrainConfig.create({**settings, "max_length": 500})
    with pytest.raises(ConfigError, match="leave it out"):
        train(longer, data, data, tmp_path / "longer", "cpu", progress=silent)
