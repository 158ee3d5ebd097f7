"""A campaign with a shipped model: ask and tell, resume, folders, filters. Strategies have a suite of their own."""

import json

import numpy as np
import pandas as pd
import pytest

from molvae.design.campaign import Campaign
from molvae.errors import ConfigError, InputError, OracleError, RunFolderError
from molvae.molecules.vae import MoleculeVAE
from molvae.run.progress import silent

SMALL = {"budget": 34, "start_size": 20, "batch": 7, "progress": silent, "num_workers": 0, "n_decodings": 4}


@pytest.fixture(scope="module")
def model() -> MoleculeVAE:
    return MoleculeVAE.from_pretrained("zinc250k-small", device="cpu")


def test_minimising_finds_small_values(model, tmp_path):
    with Campaign(model, objective="logP", direction="min", folder=tmp_path / "run", **SMALL) as campaign:
        table = campaign.run()
    assert table["score"].is_monotonic_increasing
    assert table[table["origin"] == "hybrid"]["score"].mean() < table[table["origin"] == "start"]["score"].mean()


def test_ask_and_tell(model, tmp_path):
    start = ["CCO", "CC(=O)Nc1ccc(O)cc1", "c1ccccc1C(=O)O", "CCN(CC)C(=O)c1ccccc1"]
    settings = SMALL | {"budget": 10}
    with Campaign(model, objective="QED", start=start, folder=tmp_path / "run", **settings) as campaign:
        first = campaign.ask(3)
        # nothing can be proposed before the start is known
        assert set(first["smiles"]) == {item.smiles for item in campaign.start.items}
        campaign.tell(first.assign(score=range(len(first))))
        asked = campaign.ask(3)
        assert len(asked) == 3 and campaign.ask(3)["smiles"].tolist() == asked["smiles"].tolist()
        told = campaign.tell(asked.assign(score=[0.5, np.nan, 0.7]))
        assert told["status"].tolist() == ["ok", "failed", "ok"]
        assert not set(campaign.ask(3)["smiles"]) & set(asked["smiles"])
        assert campaign.tell(pd.DataFrame({"smiles": ["C1CC"], "score": [1.0]}))["status"].tolist() == ["refused"]
        with pytest.raises(InputError, match="score is missing"):
            campaign.tell(asked[["smiles"]])


def test_a_laboratory_answers_in_part_late_twice_and_unasked(model, tmp_path):
    start = pd.DataFrame({"smiles": ["CCO", "CC(=O)Nc1ccc(O)cc1", "c1ccccc1C(=O)O"], "score": [0.1, 0.4, 0.3]})
    settings = SMALL | {"budget": 50, "oracle": "laboratory", "strategy": "latent"}
    with Campaign(model, start=start, folder=tmp_path / "run", **settings) as campaign:
        campaign.tell(start)
        asked = campaign.ask(3)["smiles"].tolist()
        partial = campaign.tell(pd.DataFrame({"smiles": [asked[1]], "score": ["0.9"]}))
        assert partial["status"].tolist() == ["ok"] and partial["asked"].all()
        assert campaign.pending == [asked[0], asked[2]] == campaign.ask(3)["smiles"].tolist()  # the plate is not done
        mixed = campaign.tell(
            pd.DataFrame(
                {
                    "smiles": [asked[1], "CCOC(=O)c1ccccc1", "C1CC", asked[0], "CCN"],
                    "score": [0.8, 0.6, 0.5, "not measured", None],
                }
            )
        )
        assert mixed["status"].tolist() == ["replicate", "ok", "refused", "refused", "failed"]
        assert mixed["asked"].tolist() == [False, False, False, False, False]
        assert mixed["score"].iloc[0] == pytest.approx(0.85) and mixed["error"].iloc[0] == "measurement 2"
        twice = campaign.tell(pd.DataFrame({"smiles": [asked[1]], "score": [0.8]}))  # the file once more
        assert twice["status"].tolist() == ["repeated"] and twice["score"].iloc[0] == pytest.approx(0.85)
        assert "not measured" in mixed["error"].iloc[3]
        campaign.tell(pd.DataFrame({"smiles": [asked[0], asked[2]], "score": [0.2, np.nan]}))
        following = campaign.ask(3)["smiles"].tolist()
        assert len(following) == 3 and not set(following) & set(asked)
        # what was told unasked is among what the search has learnt from
        assert 0.6 in campaign.strategy.search.y
        with pytest.raises(OracleError, match="molvae tell"):
            campaign.oracle.evaluate([campaign.domain.parse("CCCCO")[0]], "latent", 2)
    with Campaign.resume(tmp_path / "run", model, progress=silent) as again:
        assert again.ask(3)["smiles"].tolist() == following


@pytest.mark.parametrize("strategy", ["latent", "genetic"])
def test_a_laboratory_may_use_a_process_for_each_command(model, tmp_path, strategy):
    """Three plates from one process, and from one that is resumed before every ask and every tell."""
    start = pd.DataFrame({"smiles": ["CCO", "CC(=O)Nc1ccc(O)cc1", "c1ccccc1C(=O)O"], "score": [0.1, 0.4, 0.3]})
    settings = SMALL | {"budget": 50, "oracle": "laboratory", "strategy": strategy}

    def measured(smiles: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"smiles": smiles, "score": [len(text) / 40 for text in smiles]})

    plates = []
    with Campaign(model, start=start, folder=tmp_path / "one", **settings) as campaign:
        campaign.tell(start)
        for _ in range(3):
            plates.append(campaign.ask(3)["smiles"].tolist())
            campaign.tell(measured(plates[-1]))
    with Campaign(model, start=start, folder=tmp_path / "many", **settings) as campaign:
        campaign.tell(start)
    for plate in plates:
        with Campaign.resume(tmp_path / "many", model, progress=silent) as asked:
            assert asked.ask(3)["smiles"].tolist() == plate
        with Campaign.resume(tmp_path / "many", model, progress=silent) as told:
            told.tell(measured(plate))


def test_a_process_that_died_after_the_last_answer_leaves_no_plate_open(model, tmp_path):
    settings = SMALL | {"budget": 50, "oracle": "laboratory"}
    start = pd.DataFrame({"smiles": ["CCO", "c1ccccc1C(=O)O"], "score": [0.1, 0.3]})
    with Campaign(model, start=start, folder=tmp_path / "run", **settings) as campaign:
        campaign.tell(start)
        plate = campaign.ask(2)["smiles"].tolist()
        campaign._close_if_answered = lambda: None  # dies here
        campaign.tell(pd.DataFrame({"smiles": plate, "score": [0.5, 0.6]}))
    with Campaign.resume(tmp_path / "run", model, progress=silent) as again:
        following = again.ask(2)["smiles"].tolist()
        assert len(following) == 2 and not set(following) & set(plate)


def test_a_python_function_is_an_oracle_and_must_be_given_again(model, tmp_path):
    calls = []

    def oracle(smiles: str) -> float:
        calls.append(smiles)
        return float(len(smiles))

    with Campaign(model, oracle=oracle, folder=tmp_path / "run", **SMALL) as campaign:
        campaign.run()
    assert len(calls) == len(set(calls)) == 34
    with pytest.raises(RunFolderError, match="pass it as oracle="):
        Campaign.resume(tmp_path / "run", model)
    Campaign.resume(tmp_path / "run", model, oracle=oracle).close()


def test_filters_hold_for_everything_that_is_scored(model, tmp_path):
    filters = {"forbid": ["[F,Cl,Br,I]"], "require": ["c1ccccc1"]}
    with Campaign(model, folder=tmp_path / "run", filters=filters, **SMALL) as campaign:
        table = campaign.run()
    assert not table["smiles"].str.contains("F|Cl|Br|I").any()


def test_a_baseline_shares_start_and_budget(model, tmp_path):
    with Campaign(model, folder=tmp_path / "run", **SMALL) as campaign, campaign.baseline("random") as other:
        other.run()
        assert other.start is campaign.start and other.oracle.calls == 34
        assert other.folder == tmp_path / "run" / "baselines" / "random"


def test_a_baseline_of_a_pareto_campaign_maximises_the_sum(model, tmp_path):
    settings = SMALL | {"strategy": "pareto", "pareto": ("QED", "-SAS")}
    with Campaign(model, folder=tmp_path / "run", **settings) as campaign, campaign.baseline("random") as other:
        assert campaign.config.objective == other.config.objective == "(QED) + (-SAS)"
        assert other.config.pareto == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"objective": "5*QDE"}, "unknown property 'QDE'; did you mean 'QED'"),
        ({"strategy": "latnet"}, "no strategy 'latnet': did you mean 'latent'"),
        ({"baselines": ("magic",)}, "no strategy 'magic': there are hybrid, latent, "),
        ({"filters": {"require": ["(("]}}, "filters: setting 'require': '\\(\\(' is not a valid SMARTS"),
        ({"filters": {"forbidd": ["F"]}}, "filters: unknown setting 'forbidd'; did you mean 'forbid'"),
        ({"strategy": "pareto", "pareto": ("QED", "QDE")}, "unknown property 'QDE'"),
        ({"strategy": "pareto", "pareto": ("QED", " QED")}, "the same formula twice"),
        ({"strategy": "gradient", "objective": "TPSA"}, "properties that the model predicts"),
        ({"seed": -1}, "seed"),
        ({"budget": 10**30}, "budget"),
        ({"n_decodings": 10**9}, "n_decodings"),
        ({"search": {"candidates": 10**9}}, "candidates"),
    ],
)
def test_what_is_wrong_shows_before_a_folder_is_made(model, tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        Campaign(model, folder=tmp_path / "run", **(SMALL | wrong))
    assert not (tmp_path / "run").exists()


def test_a_start_of_which_nothing_is_left_is_refused(model, tmp_path):
    with pytest.raises(InputError, match=r"none of the 2 .*: row 1: not a valid SMILES; row 2: element Xe"):
        Campaign(model, start=["C1CC", "[Xe]"], folder=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_the_folder_of_the_very_campaign_is_entered_again(model, tmp_path):
    with Campaign(model, folder=tmp_path / "run", **SMALL) as first:
        first.advance()
    with Campaign(model, folder=tmp_path / "run", **SMALL) as again:
        assert again.step == 1 and again.oracle.calls == 20
        expected = again.run()
    with Campaign(model, folder=tmp_path / "run", **SMALL) as ended:
        pd.testing.assert_frame_equal(ended.run(), expected)
    for other in ({"budget": 35}, {"filters": {"forbid": ["F"]}}, {"objective": "QED"}):
        with pytest.raises(RunFolderError, match="begun with other settings"):
            Campaign(model, folder=tmp_path / "run", **(SMALL | other))
    with pytest.raises(RunFolderError, match=r"something has changed since it began \(start:"):
        Campaign(model, start=["CCO"], folder=tmp_path / "run", **SMALL)


def test_a_campaign_begun_before_a_setting_existed_goes_on_with_its_default(model, tmp_path):
    with Campaign(model, folder=tmp_path / "run", **SMALL) as first:
        first.advance()
    config = tmp_path / "run" / "config.json"
    record = json.loads(config.read_text())
    del record["settings"]["campaign"]["diversity"]
    config.write_text(json.dumps(record))
    with Campaign(model, folder=tmp_path / "run", **SMALL) as again:
        assert again.oracle.calls == 20
    with pytest.raises(RunFolderError, match=r"campaign.diversity.per_scaffold: None then, 2 now"):
        Campaign(model, folder=tmp_path / "run", **(SMALL | {"diversity": {"per_scaffold": 2}}))


def test_other_weights_are_another_campaign(model, tmp_path):
    with Campaign(model, folder=tmp_path / "run", **SMALL) as campaign:
        campaign.advance()
    other = MoleculeVAE.from_pretrained("zinc250k-small", device="cpu")
    other.predictor.location += 1
    with pytest.raises(RunFolderError, match=r"something has changed since it began \(model:"):
        Campaign.resume(tmp_path / "run", other)


def test_the_weights_decide_wherever_they_lie_and_the_model_is_found_by_its_name(model, tmp_path):
    with Campaign(model, folder=tmp_path / "run", **SMALL) as campaign:
        campaign.advance()
    copied = MoleculeVAE.from_pretrained("zinc250k-small", device="cpu")
    copied.folder = tmp_path
    Campaign.resume(tmp_path / "run", copied, progress=silent).close()
    with Campaign.resume(tmp_path / "run", progress=silent) as found:
        assert found.model.name == "zinc250k-small"


def test_a_long_campaign_does_not_read_its_tables_again_at_every_step(model, tmp_path):
    """What is needed of earlier steps is in memory: the store is read whole when a campaign begins, and never again."""
    with Campaign(model, folder=tmp_path / "run", **SMALL) as campaign:
        campaign.store.answers = campaign.store.evaluations = campaign.store.candidates = None
        while not campaign.finished:
            campaign.advance()
        assert campaign.best.score == max(answer.score for answer in campaign.oracle._memory.values())
