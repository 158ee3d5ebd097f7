"""A benchmark: the same start for all, every call counted, finished campaigns read again."""

import numpy as np
import pandas as pd
import pytest

from molvae.chemistry.domain import MOLECULES, nci_molecules
from molvae.design.latent_space import load_searchable
from molvae.design.settings import CampaignConfig
from molvae.design.start import Start
from molvae.errors import ConfigError, RunFolderError
from molvae.experiments.benchmark import (
    BenchmarkConfig,
    BenchmarkRecipe,
    BenchmarkRun,
    _checksum,
    _start,
    numbers,
    planned_runs,
    run_benchmark,
)
from molvae.experiments.benchmark_panels import panels
from molvae.experiments.benchmark_tasks import FINE_AREA, task_table
from molvae.report.page import build
from molvae.run.progress import silent
from molvae.run.recipe import Context

CAMPAIGN = {"budget": 30, "start_size": 20, "num_workers": 0}


def config_with(**changes: object) -> BenchmarkConfig:
    values = {"objectives": ["qed_sas"], "strategies": ["genetic", "random"], "seeds": [0, 1], "campaign": CAMPAIGN}
    return BenchmarkConfig.create({**values, **changes})


def rows_of(config: BenchmarkConfig, folder) -> pd.DataFrame:
    return run_benchmark(config, "zinc250k-small", nci_molecules().head(300), folder, "cpu", workers=0, progress=silent)


def test_numbers_of_a_campaign():
    result = numbers(np.array([*range(10), 100.0]), 12)
    assert result["best"] == 100.0
    np.testing.assert_allclose(result["curve"], [4.5, 14.5, 14.5])  # the last call was not used: its value stays
    assert result["top 10"] == 14.5
    assert result["AUC top 10"] == pytest.approx((11 * 14.5 / 2 + 14.5) / 12)  # one trapezoid from (0, 0), then flat
    assert result[FINE_AREA] == pytest.approx((10 * 4.5 / 2 + (4.5 + 14.5) / 2 + 14.5) / 12)  # read at calls 10 and 11


def test_gradient_ascent_takes_part_only_where_the_predictor_knows_the_objective():
    config = config_with(objectives=["qed_sas", "isomers_c7h8n2o2"], strategies=["gradient", "genetic"], seeds=[0])
    due = [(run.objective, run.strategy) for run in planned_runs(config, ["QED", "SAS", "logP"], MOLECULES)]
    assert due == [("qed_sas", "gradient"), ("qed_sas", "genetic"), ("isomers_c7h8n2o2", "genetic")]


def test_folders_of_matches_are_plain_names():
    assert BenchmarkRun("5*QED - SAS/2", "latent", 3).folder == "5-QED-SAS-2/latent-3"


def test_an_objective_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="unknown property 'nonsense'"):
        BenchmarkRecipe.create({"benchmark": {"objectives": ["nonsense"]}})
    with pytest.raises(ConfigError, match="unknown property 'qed_sas'"):
        BenchmarkRecipe.create({"model": "sh3", "benchmark": {"objectives": ["qed_sas"]}})


def test_without_objectives_it_is_that_of_the_domain():
    assert BenchmarkRecipe.create({}).benchmark.objectives == ("qed_sas",)
    assert BenchmarkRecipe.create({"model": "sh3"}).benchmark.objectives == ("function",)


def test_strategies_of_proteins_are_compared_as_those_of_molecules(tmp_path):
    """By the model of function that ships with ``sh3``, from the sequences that it holds."""
    config = config_with(objectives=[], strategies=["random", "genetic"], seeds=[0])
    recipe = BenchmarkRecipe.create({"model": "sh3", "benchmark": config.model_dump()})
    result = recipe.execute(Context(folder=tmp_path, device="cpu", workers=0, progress=silent))
    table = result.table
    assert table["objective"].tolist() == ["function", "function"] and (table["calls"] == 30).all()
    assert table["best sequence"].map(len).between(20, 91).all() and "odd" not in table
    assert table["diversity"].between(0.3, 1).all() and table["alerts"].between(0, 1).all()
    assert table["best sequence"][0] in build(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"campaign": {**CAMPAIGN, "budget": 9}}, "campaign.budget is 9: a benchmark tells the mean of the 10 best"),
        ({"at": [20, 9]}, "at holds 9: it must lie between 10 calls and the budget of 30"),
        ({"at": [31]}, "at holds 31: it must lie between 10 calls and the budget of 30"),
    ],
)
def test_what_no_top_ten_can_be_told_of_is_refused_before_anything_is_paid(changes, message):
    with pytest.raises(ConfigError, match=message):
        config_with(**changes)
    config_with(at=[10, 30], campaign={**CAMPAIGN, "start_size": 10})


def test_a_start_is_drawn_again_where_table_or_settings_differ():
    model, table = load_searchable("zinc250k-small", "cpu"), nci_molecules().head(60)

    def drawn(rows: pd.DataFrame = table, **changes: object) -> Start:
        return _start(model, rows, _checksum(rows), CampaignConfig.create({**CAMPAIGN, **changes}))

    first = drawn(strategy="genetic", objective="qed_sas")
    assert drawn(table.copy(), strategy="random", objective="QED") is first  # one draw for all that share it
    assert drawn(table.iloc[::-1]).checksum() != first.checksum()
    for changes in (
        {"seed": 1},
        {"start_size": 5},
        {"filters": {"max_heavy_atoms": 12}},
        {"diversity": {"per_scaffold": 1}},
        {"preselect": "QED"},
    ):
        assert drawn(**changes).checksum() != first.checksum(), changes


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
    assert "(" not in made["table-0"].frame["AUC top 10"].iloc[0]  # one seed has no interval
    two_seeds = pd.concat([rows, rows.assign(**{"seed": 1, "AUC top 10": rows["AUC top 10"] + 1})])
    again = {panel.name: panel for panel in panels(two_seeds)}
    assert "(" in again["table-0"].frame["AUC top 10"].iloc[0] and "top 10 at 25" in made["table-0"].frame
    assert made["curve-0"].frame.columns.tolist() == ["calls", "genetic", "random"]
    assert len(made["curve-0"].frame) == 21
    best = made["best-0"].frame
    assert len(best) == 20 and best["score"].is_monotonic_decreasing


def made_up_rows() -> pd.DataFrame:
    """Two tasks and two strategies; ``slow`` has no result on the second task."""
    rows = pd.DataFrame(
        [
            {"objective": "a", "strategy": "fast", "AUC top 10": 0.5, "calls to pass the library": 300},
            {"objective": "a", "strategy": "fast", "AUC top 10": 0.7, "calls to pass the library": np.nan},
            {"objective": "a", "strategy": "slow", "AUC top 10": 0.4, "calls to pass the library": np.nan},
            {"objective": "b", "strategy": "fast", "AUC top 10": 0.2, "calls to pass the library": np.nan},
        ]
    )
    return rows.assign(**{FINE_AREA: rows["AUC top 10"] + 0.1})


def test_the_table_of_tasks_sets_published_columns_beside_ours():
    frame = task_table(made_up_rows(), {"rival": {"a": 0.55, "b": 0.1}, "other": {"a": 0.3}}, {"a": 0.9}).frame
    table = frame.set_index("task").to_dict("index")
    assert table["a"]["fast"] == "0.600 (0.500 to 0.700)" and table["a"]["slow"] == "0.400"
    assert table["a"]["rival (published)"] == "0.550" and table["b"]["other (published)"] == ""
    assert table["a"]["best of the library"] == "0.900"
    assert table["a"]["passed after"] == "fast 300 (1 of 2), slow never"
    assert table["sum of 2"]["fast"] == "0.80" and table["sum of 2"]["rival (published)"] == "0.65"
    assert table["sum of 2"]["slow"] == "0.40 (of 1)" and table["sum of 2"]["other (published)"] == "0.30 (of 1)"
    finer = table["the same, curve read every 10 calls"]
    assert finer["fast"] == "1.00" and finer["slow"] == "0.50 (of 1)" and finer["rival (published)"] == ""


def test_calls_to_pass_a_library_are_counted(tmp_path):
    rows = rows_of(config_with(seeds=[0], strategies=["genetic"], library_best={"qed_sas": 0.0}), tmp_path)
    low = rows["calls to pass the library"].iloc[0]
    rows = rows_of(config_with(seeds=[0], strategies=["genetic"], library_best={"qed_sas": 100.0}), tmp_path)
    assert 1 <= low <= 30 and np.isnan(rows["calls to pass the library"].iloc[0])
