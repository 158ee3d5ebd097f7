"""The best of a predicted library, diverse, in memory that does not grow with it."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from molvae.errors import InputError
from molvae.experiments import screening
from molvae.experiments.screening import ScreeningConfig, acquisition, screen

SMILES = ["CCCCO", "CCCCCO", "c1ccccc1", "CCCCCCO", "c1ccccc1C", "C1CCNCC1", "CC#N"]


def library(folder, mean, sd=None, **columns):
    table = pd.DataFrame({"smiles": SMILES, "pIC50": mean, "sd": np.ones(7) if sd is None else sd, **columns})
    table[:4].to_csv(folder / "a.csv", index=False)
    table[4:].to_csv(folder / "b.csv", index=False)
    return [folder / "a.csv", folder / "b.csv"]


def config(**settings) -> ScreeningConfig:
    return ScreeningConfig.create({"target": "pIC50", **settings})


def test_expected_improvement_is_that_of_the_integral():
    mean, sd, best = np.array([0.0, 1.0, 3.0, 2.0]), np.array([1.0, 0.5, 2.0, 0.0]), 1.5
    improvement = acquisition(mean, sd, config(acquisition="ei", best=best))
    for place in range(3):
        density = norm(mean[place], sd[place])
        wanted, _ = quad(lambda y, density=density: (y - best) * density.pdf(y), best, best + 30)
        assert improvement[place] == pytest.approx(wanted, abs=1e-6)
    assert improvement[3] == 0.5
    less = acquisition(-mean, sd, config(acquisition="ei", best=-best, direction="min"))
    np.testing.assert_allclose(less, improvement)
    with pytest.raises(InputError, match="needs the best value"):
        acquisition(mean, sd, config(acquisition="ei"))


def test_the_best_of_each_kind_is_taken_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(screening, "_ROWS", 2)
    paths = library(tmp_path, [7, 8, 6, 7.5, 6.5, 1, 2])
    chosen = screen(paths, config(count=3, acquisition="mean", diversity={"per_cluster": 1, "similarity": 0.3}))
    assert chosen["smiles"].tolist() == ["CCCCCO", "c1ccccc1C", "CC#N"]  # the other alcohols are too alike
    assert chosen.columns.tolist() == ["smiles", "acquisition", "pIC50", "sd"]
    everything = screen(paths, config(count=3, acquisition="mean", diversity={"per_cluster": 3}))
    assert everything["smiles"].tolist() == ["CCCCCO", "CCCCCCO", "CCCCO"]
    small = screen(paths, config(count=3, acquisition="mean", pool=2, diversity={"per_cluster": 3}))
    assert small["smiles"].tolist() == ["CCCCCO", "CCCCCCO"]


def test_doubt_is_credit_under_ucb(tmp_path):
    paths = library(tmp_path, [7, 8, 6, 7.5, 6.5, 1, 2], [0, 0, 0, 0, 0, 0, 4])
    by_beta = {beta: screen(paths, config(count=1, beta=beta))["smiles"][0] for beta in (1, 2)}
    assert by_beta == {1: "CCCCCO", 2: "CC#N"}


def test_rows_without_a_prediction_and_outside_the_domain(tmp_path):
    paths = library(tmp_path, [7, np.nan, 6, 7.5, 6.5, 1, 2], in_domain=[True, True, False, True, False, True, None])
    assert "CCCCCO" not in set(screen(paths, config())["smiles"])
    assert set(screen(paths, config(in_domain=True))["smiles"]) <= {"CCCCO", "CCCCCCO", "C1CCNCC1"}
    with pytest.raises(InputError, match="no column 'logP'"):
        screen(paths, ScreeningConfig(target="logP"))
