"""The process of an assay: the data choose the kernel, and large tables are predicted from near molecules."""

import numpy as np
import pytest
from rdkit import Chem

from molvae.activity.features import Features, featurise
from molvae.activity.process import Limits, Process, learn, merge, rows_of
from molvae.chemistry.domain import nci_molecules


@pytest.fixture(scope="module")
def features() -> Features:
    mols = [mol for text in nci_molecules()["smiles"][:130] if (mol := Chem.MolFromSmiles(text)) is not None][:120]
    prints = featurise(mols, None).fingerprints
    z = np.random.default_rng(0).normal(size=(len(mols), 4))
    z[7] = np.nan  # the VAE could not hold it
    return Features(prints, z)


def test_the_data_choose_the_kernel(features):
    rng, rows = np.random.default_rng(1), np.arange(len(features))
    like = features.similarity(features)
    of_structure = rng.multivariate_normal(np.zeros(len(rows)), like + 0.01 * np.eye(len(rows)))
    of_place = np.nan_to_num(features.z).sum(1) + 0.1 * rng.normal(size=len(rows))
    kernels = ("fingerprint", "latent")
    assert learn(features, of_structure, rows, kernels)[0].kernel == "fingerprint"
    assert learn(features, of_place, rows, kernels)[0].kernel == "latent"


def test_what_the_vae_cannot_hold_is_predicted_from_its_structure_alone(features):
    learned = learn(features, np.nan_to_num(features.z)[:, 0], np.arange(len(features)), ("latent",))[0]
    values, counts = np.nan_to_num(features.z)[:, 0] + 3, np.ones(len(features))
    mean, sd = Process(features, values, counts, learned).predict(Features(features.fingerprints, features.z * np.nan))
    h = learned.hyperparameters
    np.testing.assert_allclose(mean, h.mean)  # no structure in this kernel: nothing is known
    np.testing.assert_allclose(sd, np.sqrt(h.variance))


def test_near_molecules_say_nearly_what_all_say(features):
    rng, rows = np.random.default_rng(1), np.arange(len(features))
    like = features.similarity(features)
    y = rng.multivariate_normal(np.zeros(len(rows)), like + 0.05 * np.eye(len(rows)))
    known, new = rows[:100], rows[100:]
    part, counts = features.take(known), np.ones(100)
    learned = learn(part, y[known], known, ("fingerprint",))[0]
    mean, sd = Process(part, y[known], counts, learned).predict(features.take(new))
    near, near_sd = Process(part, y[known], counts, learned, Limits(max_exact=10, neighbours=30, shared=10)).predict(
        features.take(new)
    )
    assert np.corrcoef(mean, near)[0, 1] > 0.9
    assert (near_sd >= sd - 1e-9).all()  # fewer know less
    every = Process(part, y[known], counts, learned, Limits(max_exact=10, neighbours=1000)).predict(features.take(new))
    np.testing.assert_allclose(every, (mean, sd), rtol=1e-6)


def test_hyperparameters_of_large_tables_come_from_a_draw_of_molecules(features):
    y, molecule = np.random.default_rng(0).normal(size=240), np.repeat(np.arange(120), 2)
    assert (
        learn(features, y, molecule, ("fingerprint",), Limits(max_fitted=50), seed=1)[0]
        != learn(features, y, molecule, ("fingerprint",), Limits(max_fitted=50), seed=2)[0]
    )


@pytest.mark.parametrize("limits", [Limits(), Limits(max_exact=10, neighbours=30, shared=10)])
def test_the_unit_of_the_measurements_changes_nothing(features, limits):
    rng, rows = np.random.default_rng(1), np.arange(100)
    y = rng.multivariate_normal(np.zeros(120), features.similarity(features) + 0.05 * np.eye(120))[:100]
    part, counts, new = features.take(rows), np.ones(100), features.take(np.arange(100, 120))
    plain = learn(part, y, rows, ("fingerprint",))[0]
    mean, sd = Process(part, y, counts, plain, limits).predict(new)
    for shift, unit in ((0, 1e-10), (0, 1e10), (1e3, 1.0)):
        learned = learn(part, shift + unit * y, rows, ("fingerprint",))[0]
        moved_mean, moved_sd = Process(part, shift + unit * y, counts, learned, limits).predict(new)
        np.testing.assert_allclose((moved_mean - shift) / unit, mean, atol=1e-3)
        np.testing.assert_allclose(moved_sd / unit, sd, rtol=1e-3)
        assert learned.hyperparameters.noise / unit**2 == pytest.approx(plain.hyperparameters.noise, rel=0.01)
        assert learned.criterion + np.log(unit) == pytest.approx(plain.criterion, abs=1e-3)


def test_measurements_of_a_molecule_are_merged():
    np.testing.assert_allclose(merge(np.array([1.0, 5.0, 3.0]), np.array([0, 1, 0])), [[2.0, 5.0], [2, 1]])
    assert [rows.tolist() for rows in rows_of(np.array([1, 0, 1, 2]))] == [[1], [0, 2], [3]]
