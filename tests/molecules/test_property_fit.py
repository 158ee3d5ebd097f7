"""The property predictor, fitted to a model that stays as it is, and an uncertainty that means what it says."""

import numpy as np
import pytest
import torch

from molvae.chemistry.properties import compute_many
from molvae.molecules.dataset import MoleculeDataset
from molvae.molecules.property_fit import PredictorFitConfig, encode, fit_predictor, prior_pairs
from molvae.molecules.training import MoleculeData, TrainConfig, train
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

from .conftest import MOLECULES, SHAPES, small_model

CONFIG = PredictorFitConfig(epochs=100, batch_size=5, learning_rate=1e-2, drawn=0.1, prior_points=4)


def data_of(model, **columns) -> MoleculeDataset:
    """The molecules with their properties, of which some may be replaced."""
    table = compute_many(MOLECULES, ["QED", "SAS", "logP"], progress=silent).assign(**columns)
    values = table[["QED", "SAS", "logP"]].to_numpy("float32")
    return MoleculeDataset.build(MOLECULES, model.vocabulary, values)[0]


def mean_error(model, data) -> float:
    errors = model.predict(model.encode(MOLECULES)).mean.detach().numpy() - data.properties
    return float(np.nanmean(np.abs(errors)))


def test_the_predictor_learns_and_nothing_else_changes(model):
    data = data_of(model)
    before, error = {name: value.clone() for name, value in model.state_dict().items()}, mean_error(model, data)
    fit_predictor(model, data, data, CONFIG, silent)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("predictor.") for name in changed)
    assert mean_error(model, data) < error / 2
    assert not model.training


@pytest.mark.parametrize("shape", ("plain", "flow"))
def test_the_fit_is_a_function_of_its_seed(shape):
    def fitted(seed):
        model = small_model(**SHAPES[shape])
        fit_predictor(model, data_of(model), data_of(model), CONFIG.model_copy(update={"seed": seed}), silent)
        return model.fingerprint()

    assert fitted(0) == fitted(0) != fitted(1)


def test_codes_are_those_of_the_encoder_whatever_the_order(model):
    means, log_vars = encode(model, data_of(model), silent)
    q = model.encoder(data_of(model).batch(np.arange(len(MOLECULES))))
    # matrix products in bfloat16, where the processor gains from it
    torch.testing.assert_close(means, q.mu, atol=0.05, rtol=0.05)
    torch.testing.assert_close(log_vars, q.log_var, atol=0.05, rtol=0.05)


def test_a_pair_of_the_prior_has_the_properties_of_what_its_point_decodes_to():
    model = MoleculeVAE.from_pretrained("zinc250k-flow", device="cpu")
    model.predictor.names = ("QED", "measured", "logP")  # the second is of the user's own file
    codes, properties = prior_pairs(model, 6, torch.Generator().manual_seed(0), silent)
    texts, _ = model.generate(model.decoder.flow(codes)[0], mask="valence")
    table = compute_many(texts, ["QED", "logP"], progress=silent)
    np.testing.assert_allclose(properties[:, [0, 2]], table[["QED", "logP"]], rtol=1e-5)
    assert properties[:, 1].isnan().all()


def test_a_property_that_is_unknown_everywhere_is_passed_over():
    model = small_model()
    data = data_of(model, SAS=np.nan)
    fit_predictor(model, data, data, CONFIG.model_copy(update={"prior_points": 0}), silent)
    assert all(torch.isfinite(value).all() for value in model.predictor.state_dict().values())
    assert model.predictor.calibration[1] == 1


def test_a_training_ends_with_the_fit_unless_the_predictor_is_not_trained(tmp_path):
    model = small_model()
    data = MoleculeData(MOLECULES, data_of(model).properties)

    def calibration(name, **settings):
        shape = {"model": model.config.model_dump(), "fit": {"epochs": 1}, "validation": {"prior_samples": 2}}
        config = TrainConfig.create({**shape, "batch_size": 5, **settings})
        return train(config, data, data, tmp_path / name, "cpu", silent).predictor.calibration.tolist()

    assert calibration("fitted", predictor={"epochs": 1}) != [1, 1, 1]
    assert calibration("left out", predictor={"epochs": 0}) == [1, 1, 1]
    assert calibration("without weight", objective={"weights": {}}) == [1, 1, 1]
