"""The joint objective of a molecular VAE: its schedules, and what it trains the decoder on."""

import numpy as np
import pandas as pd
import pytest
import torch

from molvae.core.schedules import Schedule
from molvae.core.training import vae_objective
from molvae.errors import CheckpointError, ConfigError, InputError
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.graph_training import GraphTrainConfig
from molvae.molecules.training import (
    MoleculeData,
    MoleculeObjectiveConfig,
    TrainConfig,
    corrupt,
    corruption,
    denoising,
    density,
    fine_tuning,
    train,
)
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import Event, silent

from .conftest import MOLECULES, SHAPES, small_model

DATA = MoleculeData(MOLECULES, np.random.default_rng(0).normal(size=(len(MOLECULES), 3)))


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


@pytest.mark.parametrize("shape", ("flow", "both"))
def test_denoising_teaches_the_decoder_and_leaves_the_codes_alone(shape):
    model = small_model(**SHAPES[shape])
    batch = MoleculeDataset.build(MOLECULES, model.vocabulary)[0].batch(np.arange(len(MOLECULES)))
    config = MoleculeObjectiveConfig.create({"denoising_weight": 0.5, "weights": {}})
    terms = model.terms(batch, 1, generator())
    value, logged = denoising(config)(model, terms, batch, 0, generator())
    assert value.item() == pytest.approx(0.5 * logged["denoised"].item())
    assert logged["denoised"] < 0  # a log-likelihood, of tokens
    value.backward()
    learnt = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert learnt == {"decoder"}
    assert not any(weight.grad is not None for weight in model.decoder.flow.parameters())


def test_denoising_of_a_batch_of_one_molecule_is_of_that_molecule_at_every_step(model):
    batch = MoleculeDataset.build(MOLECULES[:1], model.vocabulary)[0].batch(np.arange(1))
    config = MoleculeObjectiveConfig.create({"denoising_weight": 1.0, "weights": {}})
    terms = model.terms(batch, 1, generator())
    values = [denoising(config)(model, terms, batch, step, generator())[0].item() for step in range(3)]
    assert np.isfinite(values).all()
    assert len(set(values)) == 1


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
    assert density(heavier)(model, terms, batch, 0, generator())[0] == 0  # the bound does more than is asked for


@pytest.mark.parametrize("kind", [TrainConfig, GraphTrainConfig])
def test_no_share_of_the_objective_is_left_to_the_prior(kind):
    with pytest.raises(ConfigError, match="leave prior_share out"):
        kind.create({"objective": {"prior_share": 0.5}})
    kind.create({"objective": {"prior_share": 0.0}})  # as it stands in the settings of a saved run


def test_a_density_weight_needs_a_learned_prior():
    with pytest.raises(ConfigError, match=r"set model\.flow_layers"):
        TrainConfig.create({"objective": {"density_weight": 0.5}, "model": {"flow_layers": 0}})
    TrainConfig.create({"model": {"flow_layers": 0}})  # by default there is none where there is nothing to fit


def test_by_default_a_learned_prior_is_fitted_with_a_weight_of_one_half():
    model = small_model(**SHAPES["flow"])
    batch = MoleculeDataset.build(MOLECULES, model.vocabulary)[0].batch(np.arange(len(MOLECULES)))
    terms = model.terms(batch, 1, generator())
    values = []
    for settings in ({}, {"density_weight": 0.5}):
        config = MoleculeObjectiveConfig.create({"beta": 0.1, **settings})
        values.append(density(config)(model, terms, batch, 0, generator())[0])
    torch.testing.assert_close(*values)


def test_the_weight_of_the_kl_term_rises_over_a_share_of_the_run(tmp_path):
    """However small the data: here six steps, of which the first two fifths are 2.4."""
    model = small_model(**SHAPES["plain"])
    settings = {"model": model.config.model_dump(), "batch_size": 5, "fit": {"epochs": 3, "validate_every": 1}}
    config = TrainConfig.create({**settings, "validation": {"prior_samples": 2}})
    train(config, DATA, DATA, tmp_path, "cpu", silent)
    betas = pd.read_csv(tmp_path / "metrics.csv")["train_beta"]
    assert betas.tolist() == pytest.approx([0.0, 0.03, 0.06, 0.06, 0.06, 0.06])


def test_fine_tuning_begins_with_the_architecture_of_the_model_and_leaves_the_last_word_to_the_recipe():
    settings = fine_tuning("zinc250k-small", {"batch_size": 7, "fit": {"epochs": 3}})
    config = TrainConfig.create(settings)
    assert config.initial == "zinc250k-small" and config.batch_size == 7
    assert config.model == MoleculeVAE.from_pretrained("zinc250k-small", "cpu").config
    assert (config.fit.epochs, config.fit.learning_rate, config.fit.average) == (3, 3e-4, 0.999)
    assert config.objective.beta == Schedule(value=0.06)

    settings = fine_tuning("zinc250k-small", {"fit": {"learning_rate": 1e-5}, "objective": {"beta": 0.1}})
    config = TrainConfig.create(settings)
    assert config.fit.learning_rate == 1e-5 and config.objective.beta == Schedule(value=0.1)
    with pytest.raises(ConfigError, match=r"train\.fit are tables"):
        fine_tuning("zinc250k-small", {"fit": 3})
    with pytest.raises(CheckpointError, match="no model 'chembl'"):
        fine_tuning("chembl", {})


def test_what_the_vocabulary_refuses_is_counted_said_and_written_down(tmp_path):
    """Of a model that is trained further, molecules longer than it holds; tokens that it lacks are added."""
    small_model(**SHAPES["plain"]).save_pretrained(tmp_path / "initial")
    settings = fine_tuning(str(tmp_path / "initial"), {"fit": {"epochs": 1}, "validation": {"prior_samples": 2}})
    smiles = [*MOLECULES, "C[Se]C", "C" * 99]
    events: list[Event] = []
    data = MoleculeData(smiles, np.zeros((len(smiles), 3), np.float32))
    trained = train(TrainConfig.create(settings), data, data, tmp_path / "run", "cpu", events.append)
    assert trained.vocabulary.tokens[-1] == "[Se]" and not torch.isnan(trained.encode(["C[Se]C"])).any()
    said = {event.what: event for event in events}
    assert said["new tokens"].done == 1 and "[Se]" in said["new tokens"].text
    assert said["refused, training"].done == 1 and "has 99 tokens" in said["refused, training"].text
    table = pd.read_csv(tmp_path / "run" / "refused.csv")
    assert table["part"].tolist() == ["training", "held-out"] and set(table["smiles"]) == {"C" * 99}

    alone = MoleculeData(["C" * 99], np.zeros((1, 3), np.float32))
    with pytest.raises(InputError, match=r"no molecule of the training data fits .* has 99 tokens"):
        train(TrainConfig.create(settings), alone, alone, tmp_path / "none", "cpu", silent)


def test_final_weights_are_a_mean_with_those_of_models_of_one_descent(model, tmp_path):
    model.save_pretrained(tmp_path / "initial")
    settings = {
        "initial": str(tmp_path / "initial"),
        "model": model.config.model_dump(),
        "fit": {"epochs": 2, "precision": "float32"},
        "predictor": {"epochs": 0},
        "validation": {"prior_samples": 2},
    }

    def trained(share):
        soup = {str(tmp_path / "initial"): share} if share else {}
        return train(TrainConfig.create({**settings, "soup": soup}), DATA, DATA, tmp_path / f"{share}", "cpu", silent)

    learnt, mixed = trained(0.0).state_dict(), trained(0.25).state_dict()
    for name, value in model.state_dict().items():
        expected = 0.75 * learnt[name] + 0.25 * value if value.is_floating_point() else value
        torch.testing.assert_close(mixed[name], expected)


def test_a_soup_leaves_a_share_to_what_is_trained_and_is_of_one_shape(model, tmp_path):
    with pytest.raises(ConfigError, match=r"the shares of soup sum to 1\.1"):
        TrainConfig.create({"soup": {"zinc250k": 0.5, "zinc250k-flow": 0.6}})
    config = TrainConfig.create({"model": model.config.model_dump(), "soup": {"zinc250k-small": 0.5}})
    with pytest.raises(ConfigError, match="zinc250k-small is of another architecture or vocabulary"):
        train(config, DATA, DATA, tmp_path, "cpu", silent)


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
    data = DATA
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
