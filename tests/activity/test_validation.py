"""The validation of a model: what is held out takes no part, and its numbers are those of the definitions."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from molvae.activity import validation as module
from molvae.activity.assay import Assay, make_assay
from molvae.activity.features import featurise
from molvae.activity.process import Limits
from molvae.activity.validation import CHOSEN, MEAN, NEIGHBOUR, domain_table, folds_of, metrics, validate
from molvae.chemistry.domain import MOLECULES


def validated(table: pd.DataFrame, kernels=("fingerprint",), **settings):
    assay: Assay = make_assay(table["smiles"].tolist(), table["activity"].tolist())
    features = featurise([molecule.mol for molecule in assay.molecules], None)
    scaffolds = [MOLECULES.scaffold(molecule) for molecule in assay.molecules]
    return assay, scaffolds, validate(features, scaffolds, assay.values, assay.molecule, kernels, Limits(), **settings)


def test_metrics_are_their_definitions():
    y, mean, sd = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.5, 2.0, 3.0, 3.5]), np.array([1.0, 0.5, 0.4, 2.0])
    numbers = metrics(pd.DataFrame({"measured": y, "mean": mean, "sd": sd}))
    assert numbers["RMSE"] == pytest.approx(math.sqrt(1.5 / 4)) and numbers["MAE"] == 0.5
    assert numbers["R2"] == pytest.approx(1 - 1.5 / 5.0)
    assert numbers["Spearman"] == pytest.approx(0.8)
    assert numbers["NLPD"] == pytest.approx(-norm(mean, sd).logpdf(y).mean())
    assert numbers["inside 50 %"] == 0.75 and numbers["inside 90 %"] == 0.75  # the third is 2.5 sd away


def test_every_measurement_is_held_out_once_and_replicates_stay_together(measured):
    assay, scaffolds, results = validated(measured, folds=4)
    assert [result.name for result in results] == ["random", "scaffold"]
    for result in results:
        chosen = result.of(CHOSEN)
        assert sorted(chosen["measured"]) == sorted(assay.values)
        assert chosen.groupby("molecule")["fold"].nunique().max() == 1
    by_scaffold = results[1].of(CHOSEN).assign(scaffold=lambda frame: [scaffolds[row] for row in frame["molecule"]])
    assert by_scaffold.groupby("scaffold")["fold"].nunique().max() == 1


def test_the_model_beats_its_baselines_where_there_is_something_to_learn(measured, shuffled):
    for table, learns in ((measured, True), (shuffled, False)):
        random = validated(table, folds=4)[2][0].table().set_index("method")
        assert (random.loc[CHOSEN, "RMSE"] < 0.85 * random.loc[MEAN, "RMSE"]) == learns
        assert random.loc[CHOSEN, "RMSE"] < random.loc[NEIGHBOUR, "RMSE"]
        assert math.isnan(random.loc[MEAN, "Spearman"])


def test_what_is_held_out_neither_chooses_nor_fits(measured, monkeypatch):
    seen = []
    learn = module.learn
    monkeypatch.setattr(module, "learn", lambda *given: seen.append(given) or learn(*given))
    assay, _, results = validated(measured, folds=4)
    folds = [(result, fold) for result in results for fold in range(4)]
    assert len(seen) == len(folds)
    for (features, y, place, *_), (result, fold) in zip(seen, folds, strict=True):
        chosen = result.of(CHOSEN)
        held_out = chosen[chosen["fold"] == fold]
        assert len(y) + len(held_out) == len(assay) and len(features) == len(np.unique(place))
        assert sorted([*y, *held_out["measured"]]) == sorted(assay.values)


def test_one_scaffold_cannot_be_split_and_a_large_one_is_told():
    assert folds_of("scaffold", ["c1ccccc1"] * 20, 5, 0)[1].startswith("all molecules have the same scaffold")
    fold, note = folds_of("scaffold", ["c1ccccc1"] * 15 + [f"ring{n}" for n in range(5)], 5, 0)
    assert note == "15 of 20 molecules share one scaffold" and len(set(fold[:15])) == 1
    series = pd.DataFrame({"smiles": [f"c1ccccc1{'C' * n}" for n in range(20)], "activity": np.arange(20.0)})
    assert [result.name for result in validated(series)[2]] == ["random"]


def test_a_scaffold_that_leaves_next_to_nothing_to_learn_from_is_not_held_out():
    rings = ["C1CC1", "C1CCC1", "C1CCCC1", "C1CCCCC1", "C1CCCCCC1"]
    alone = [f"{ring}{chain}" for ring in rings for chain in ("C", "CC", "O")]
    for others, held_out in ((alone, 25), (alone[:9], 9), (alone[:1], 1)):
        smiles = [f"c1ccccc1{'C' * n}" for n in range(10)] + others
        table = pd.DataFrame({"smiles": smiles, "activity": np.sin(np.arange(float(len(smiles))))})
        results = {result.name: result for result in validated(table)[2]}
        assert len(results["random"].of(CHOSEN)) == len(smiles) and not results["random"].note
        assert len(results["scaffold"].of(CHOSEN)) == held_out
        passed = results["scaffold"].note.endswith(
            "folds passed over, which leave fewer than 10 molecules to learn from"
        )
        assert passed == (len(others) < 10)
    series = pd.DataFrame({"smiles": [f"c1ccccc1{'C' * n}" for n in range(9)] + ["C1CC1"], "activity": np.arange(10.0)})
    assert [result.name for result in validated(series)[2]] == ["random"]


def test_inside_and_outside_of_the_domain_are_told_apart(measured):
    table = domain_table(validated(measured, folds=4)[2])
    assert set(table["domain"]) == {"inside", "outside"}
    assert table.groupby("split")["n"].sum().tolist() == [160, 160]


def test_a_large_table_is_validated_on_one_fold(measured, monkeypatch):
    monkeypatch.setattr(module, "_ALL_FOLDS", 50)
    monkeypatch.setattr(module, "_MOST_PREDICTED", 20)
    for result in validated(measured, folds=4)[2]:
        assert result.of(CHOSEN)["fold"].unique().tolist() == [0]
        assert len(result.of(CHOSEN)) == 20
