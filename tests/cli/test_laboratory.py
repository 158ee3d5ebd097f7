"""suggest, tell, suggest: the plate comes again until it is answered, and a bad row does not spoil the others."""

import pandas as pd

from molvae.chemistry.domain import MOLECULES


def test_a_laboratory_is_asked_and_answers(molvae, tmp_path):
    (tmp_path / "start.csv").write_text("smiles,score\nCCO,0.3\nCC(=O)Oc1ccccc1C(=O)O,0.9\nc1ccccc1CCN,0.5\n")
    begun = molvae("suggest", "lab", "-k", "3", "-i", "start.csv", "-o", "plate.csv", "-m", "zinc250k-small")
    assert begun.returncode == 0, begun.stderr
    plate = pd.read_csv(tmp_path / "plate.csv")
    assert len(plate) == 3 and plate["score"].isna().all()
    first, second = plate["smiles"].iloc[0], plate["smiles"].iloc[1]
    (tmp_path / "results.csv").write_text(f"smiles,yield\n{first},0.7\n{second},\nCCCC,0.2\nzz,0.1\n")
    told = molvae("tell", "lab", "results.csv", "--score-column", "yield", "-o", "verdicts.csv")
    assert told.returncode == 0, told.stderr
    assert pd.read_csv(tmp_path / "verdicts.csv")["status"].tolist() == ["ok", "failed", "ok", "refused"]
    assert "still awaited: 1" in told.stderr
    assert (tmp_path / "lab" / "report.html").exists()
    again = molvae("suggest", "lab", "-k", "3")
    assert again.stdout.splitlines()[1].startswith(plate["smiles"].iloc[2])
    assert "molvae tell" in molvae("resume", "lab").stderr
    refused = molvae("tell", "lab", "results.csv")
    assert refused.returncode == 1 and "no column 'score'" in refused.stderr
    assert "give no start" in molvae("suggest", "lab", "--direction", "min").stderr
    assert "has begun with the model zinc250k-small" in molvae("suggest", "lab", "-m", "zinc250k").stderr
    assert molvae("suggest", "lab", "-k", "3", "-m", "zinc250k-small").stdout == again.stdout


def test_a_campaign_with_an_oracle_of_its_own_asks_nobody(molvae):
    molvae("design", "-m", "zinc250k-small", "--budget", "5", "--start-size", "5", "-q", "-o", "run")
    refused = molvae("suggest", "run")
    assert refused.returncode == 1 and "molvae resume run" in refused.stderr


def test_a_plate_is_ordered_by_a_formula_and_diverse(molvae, tmp_path):
    line = "suggest lab -k 6 --objective logP --per-scaffold 1 -o plate.csv -m zinc250k-small"
    begun = molvae(*line.split())
    assert begun.returncode == 0, begun.stderr
    plate = pd.read_csv(tmp_path / "plate.csv")
    assert plate["logP"].is_monotonic_decreasing and plate["logP"].min() > 4
    scaffolds = [MOLECULES.scaffold(MOLECULES.parse(text)[0]) for text in plate["smiles"]]
    assert len(set(scaffolds)) == 6
    plate.assign(score=range(6)).to_csv(tmp_path / "results.csv", index=False)
    assert molvae("tell", "lab", "results.csv").returncode == 0
    plate.assign(score=range(1, 7)).to_csv(tmp_path / "results.csv", index=False)
    assert "6 replicate" in molvae("tell", "lab", "results.csv").stderr
    page = (tmp_path / "lab" / "report.html").read_text()
    assert "At most 1 of one scaffold" in page
    wrong = molvae("suggest", "other", "--cluster-similarity", "0.3")
    assert wrong.returncode == 1 and "--per-cluster" in wrong.stderr
    unknown = molvae("suggest", "other", "--objective", "logp")
    assert unknown.returncode == 1 and "did you mean 'logP'" in unknown.stderr
