"""Everything that a run folder holds; what is missing or damaged is left out, and said."""

import numpy as np
import pandas as pd

from molvae.report.load import load_run

from .made_up import MOLECULES, campaign


def test_a_campaign_is_read_in_the_order_of_its_calls(run):
    loaded = load_run(run)
    assert loaded.kind == "design" and loaded.sign == 1 and not loaded.notes
    assert loaded.campaign.evaluations["call"].tolist() == list(range(1, 41))
    assert loaded.campaign.evaluations["score"].isna().sum() == 4
    assert loaded.campaign.evaluations["QED"].eq(0.5).all()  # properties have columns of their own
    assert loaded.campaign.candidates["status"].value_counts().to_dict() == {"valid": 18, "invalid": 2}
    assert (loaded.campaign.seconds, loaded.campaign.column) == (2.0, "smiles")
    assert loaded.table is loaded.latent is loaded.path is loaded.metrics is loaded.evaluation is None
    assert loaded.baselines == {} and loaded.panels == ()


def test_all_else_is_read_where_it_lies(run):
    np.savez(run / "latent.npz", z=np.zeros((3, 5)), score=np.arange(3))
    pd.DataFrame({"smiles": MOLECULES, "score": range(4)}).to_csv(run / "molecules.csv", index=False)
    pd.DataFrame({"smiles": MOLECULES, "t": range(4)}).to_csv(run / "path.csv", index=False)
    (run / "baselines" / "random").mkdir(parents=True)
    campaign(run / "baselines" / "random", 30)
    loaded = load_run(run)
    assert loaded.table["smiles"].tolist() == loaded.path["smiles"].tolist() == MOLECULES
    assert loaded.latent[0].shape == (3, 5) and loaded.latent[1].tolist() == [0, 1, 2]
    assert {name: len(data.evaluations) for name, data in loaded.baselines.items()} == {"random": 30}


def test_what_is_damaged_is_left_out_and_noted(run):
    (run / "latent.npz").write_bytes(b"no archive")
    (run / "molecules.csv").write_bytes(b"\xff\xfe")
    (run / "evaluation.json").write_text("[")
    (run / "baselines" / "random").mkdir(parents=True)
    (run / "baselines" / "random" / "campaign.sqlite").write_bytes(b"no database")
    loaded = load_run(run)
    assert loaded.latent is loaded.table is loaded.evaluation is None and not loaded.baselines
    assert len(loaded.campaign.evaluations) == 40
    assert [note.split(" could not be read")[0] for note in loaded.notes] == [
        "baselines/random/campaign.sqlite",
        "molecules.csv",
        "latent.npz",
        "evaluation.json",
    ]
