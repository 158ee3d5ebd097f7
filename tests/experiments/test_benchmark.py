"""A benchmark: the same start for all, every call counted, finished campaigns read again."""

import numpy as np
import pandas as pd
import pytest

from molvae.chemistry.domain import nci_molecules
from molvae.errors import ConfigError, RunFolderError
from molvae.experiments.benchmark import (
    BenchmarkConfig,
    BenchmarkRun,
    numbers,
    planned_runs,
    run_benchmark,
)
from molvae.experiments.benchmark_panels import panels
from molvae.run.progress import silent

CAMPAIGN = {"budget": 30, "start_size": 20, "num_workers": 0}


def config_with(**changes: object) -> BenchmarkConfig:
    values = {"objectives": ["qed_sas"], "strategies": ["genetic", "random"], "seeds": [0, 1], "campaign": CAMPAIGN}
    return BenchmarkConfig.create({**values, **changes})


def rows_of(config: BenchmarkConfig, folder) -> pd.DataFrame:
    return run_benchmark(config, "zinc250k-small", nci_molecules(), folder, "cpu", workers=0, progress=silent)


def test_numbers_of_a_campaign():
    result = numbers(np.array([*range(10), 100.0]), 12)
    assert result["best"] == 100.0
    np.testing.assert_allclose(result["curve"], [4.5, 14.5, 14.5])  # the last call was not used: its value stays
    assert result["top 10"] == 14.5
    assert result["AUC top 10"] == pytest.approx((11 * 14.5 / 2 + 14.5) / 12)  # one trapezoid from (0, 0), then flat


def test_gradient_ascent_takes_part_only_where_the_predictor_knows_the_objective():
    config = config_with(objectives=["qed_sas", "isomers_c7h8n2o2"], strategies=["gradient", "genetic"], seeds=[0])
    due = [(run.objective, run.strategy) for run in planned_runs(config, ["QED", "SAS", "logP"])]
    assert due == [("qed_sas", "gradient"), ("qed_sas", "genetic"), ("isomers_c7h8n2o2", "genetic")]


def test_folders_of_matches_are_plain_names():
    assert BenchmarkRun("5*QED - SAS/2", "latent", 3).folder == "5-QED-SAS-2/latent-3"


def test_an_objective_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="unknown property 'nonsense'"):
        config_with(objectives=["nonsense"])


def test_all_share_the_start_and_a_second_run_pays_nothing(tmp_path):
    config = config_with()
    rows = rows_of(config, tmp_path)
    assert rows[["strategy", "seed"]].to_numpy().tolist() == [
        ["genetic", 0],
        ["genetic", 1],
        ["random", 0],
        ["random", 1],
    ]
    assert (rows["calls"] == 30).all()
    starts = [
        (tmp_path / "campaigns" / "qed_sas" / name / "start.smi").read_text() for name in ("genetic-0", "random-0")
    ]
    assert starts[0] == starts[1]
    # both begin with the same molecules: the curves agree until the first proposal
    genetic, random = (
        rows[(rows["strategy"] == name) & (rows["seed"] == 0)]["curve"].iloc[0] for name in ("genetic", "random")
    )
    np.testing.assert_array_equal(genetic[:11], random[:11])
    again = rows_of(config, tmp_path)
    pd.testing.assert_frame_equal(rows, again)
    with pytest.raises(RunFolderError, match="other settings"):
        rows_of(config_with(campaign={**CAMPAIGN, "budget": 40}), tmp_path)


def test_the_panels_name_every_strategy_with_its_interval(tmp_path):
    rows = rows_of(config_with(seeds=[0], at=[25]), tmp_path)
    assert (rows["best at 25"] <= rows["best"]).all() and (rows["top 10 at 25"] < rows["top 10"]).all()
    made = {panel.name: panel for panel in panels(rows)}
    assert made["summary"].frame["first"].tolist()[0] in ("genetic", "random")
    assert made["table-0"].frame["strategy"].tolist() == ["genetic", "random"]
    assert "(" in made["table-0"].frame["AUC top 10"].iloc[0] and "top 10 at 25" in made["table-0"].frame
    assert made["curve-0"].frame.columns.tolist() == ["calls", "genetic", "random"]
    assert len(made["curve-0"].frame) == 21
    best = made["best-0"].frame
    assert len(best) == 20 and best["score"].is_monotonic_decreasing
