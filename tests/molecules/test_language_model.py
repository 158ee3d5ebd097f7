"""p(x) of SMILES without latent variables, and what a policy gradient makes of it."""

import numpy as np
import pytest
import torch

from molvae.chemistry.molecule import canonical
from molvae.core.fit import FitConfig
from molvae.errors import CheckpointError, InputError
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.decoding import generate
from molvae.molecules.language_model import LanguageModel, LanguageModelConfig
from molvae.molecules.language_training import LanguageTrainConfig, train_language_model
from molvae.molecules.policy import Policy, PolicyConfig, other_spelling
from molvae.molecules.training import MoleculeData
from molvae.molecules.vocabulary import Vocabulary
from molvae.run.progress import silent

MOLECULES = ("CCO", "CCN", "c1ccccc1O", "CC(=O)O", "CCCl", "c1ccncc1")


@pytest.fixture
def model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(LanguageModelConfig(hidden_size=24), Vocabulary.build(MOLECULES))


def log_prob(model: LanguageModel, smiles) -> np.ndarray:
    dataset, refused = MoleculeDataset.build(smiles, model.vocabulary)
    assert not refused
    with torch.no_grad():
        return model.log_prob(dataset.batch(np.arange(len(dataset)))).numpy()


def data(smiles) -> MoleculeData:
    return MoleculeData(list(smiles), np.empty((len(smiles), 0), np.float32))


def test_what_is_sampled_has_the_probability_that_teacher_forcing_gives_it(model):
    drawn = generate(model.decoder, torch.zeros(20, 1), 1.0, torch.Generator().manual_seed(1))
    whole = drawn.complete.numpy()
    texts = [model.vocabulary.decode(row) for row in drawn.tokens.tolist()]
    kept = [row for row in np.flatnonzero(whole) if texts[row]]
    assert len(kept) > 5
    expected = drawn.log_prob.numpy()[kept]
    np.testing.assert_allclose(log_prob(model, [texts[row] for row in kept]), expected, rtol=1e-4, atol=1e-4)


def test_under_the_mask_samples_are_molecules_even_of_a_model_that_has_learnt_nothing(model):
    def valid(mask: str) -> float:
        drawn = model.sample(100, torch.Generator().manual_seed(0), mask=mask)
        return float(np.mean([canonical(smiles) is not None for smiles in drawn]))

    assert valid("none") < 0.3 and valid("valence") > 0.9
    drawn = model.sample(30, torch.Generator().manual_seed(0))
    assert drawn == model.sample(30, torch.Generator().manual_seed(0))


def test_it_learns_its_data_by_heart_goes_on_after_a_stop_and_comes_back_from_its_folder(tmp_path):
    config = LanguageTrainConfig(
        batch_size=6,
        model=LanguageModelConfig(hidden_size=48),
        fit=FitConfig(epochs=150, learning_rate=1e-2, checkpoint_every=50, validate_every=75, precision="float32"),
        validation={"molecules": 6, "prior_samples": 50},
    )
    many = data(MOLECULES)
    trained = train_language_model(config, many, many, tmp_path, "cpu", silent)
    drawn = trained.sample(100, torch.Generator().manual_seed(0), mask="none")
    assert np.mean([smiles in MOLECULES for smiles in drawn]) > 0.9 and len(set(drawn) & set(MOLECULES)) > 3
    again = train_language_model(config, many, many, tmp_path, "cpu", silent)  # complete: nothing is left to train
    np.testing.assert_array_equal(log_prob(again, MOLECULES), log_prob(trained, MOLECULES))
    trained.save(tmp_path / "model")
    loaded = LanguageModel.from_folder(tmp_path, "cpu")  # a run folder serves as well
    np.testing.assert_allclose(log_prob(loaded, MOLECULES), log_prob(trained, MOLECULES), atol=0.05)  # float16
    (tmp_path / "model" / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="truncated or altered"):
        LanguageModel.from_folder(tmp_path, "cpu")


def test_a_model_of_another_kind_is_named_and_no_data_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="of kind 'molecule-vae'"):
        LanguageModel.from_folder("zinc250k-small", "cpu")
    with pytest.raises(InputError, match="no molecule is left"):
        train_language_model(LanguageTrainConfig(), data(()), data(MOLECULES), tmp_path, "cpu", silent)


def test_another_spelling_is_the_same_molecule():
    spelt = {other_spelling("CC(=O)Oc1ccccc1C(=O)O", seed) for seed in range(20)}
    assert len(spelt) > 10 and {canonical(smiles) for smiles in spelt} == {"CC(=O)Oc1ccccc1C(=O)O"}
    assert other_spelling("CCO", 2**62) == other_spelling("CCO", 2**62)


def test_the_policy_comes_to_write_what_scores_high_and_leaves_its_prior_alone(model):
    before = log_prob(model, MOLECULES)
    policy = Policy(model, PolicyConfig(sigma=20.0, learning_rate=5e-3, memory=3))
    scores = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    for turn in range(15):
        policy.learn(MOLECULES, scores, turn)
    gain = log_prob(policy.agent, MOLECULES) - before
    assert gain[0] > 2 and gain[0] > gain[1:].max() + 2
    np.testing.assert_array_equal(log_prob(policy.prior, MOLECULES), before)
    assert len(policy.memory) == 3 and policy.memory["CCO"] == 1.0


def test_what_the_language_cannot_hold_is_passed_over(model):
    policy = Policy(model)
    before = log_prob(policy.agent, MOLECULES)
    policy.learn(["[Fe]", "CCO" * 40], [1.0, 1.0], 0)
    np.testing.assert_array_equal(log_prob(policy.agent, MOLECULES), before)
