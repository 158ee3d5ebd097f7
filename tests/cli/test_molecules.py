"""Commands that take molecules or points and give a table."""

import io

import pandas as pd
import pytest

ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"


def table(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), keep_default_na=False)


def test_encode_then_decode_gives_the_molecules_back(molvae, tmp_path):
    (tmp_path / "in.smi").write_text(f"{ASPIRIN} aspirin\n{CAFFEINE} caffeine\n")
    encoded = molvae("encode", "-i", "in.smi", "-o", "z.csv")
    assert encoded.returncode == 0, encoded.stderr
    assert pd.read_csv(tmp_path / "z.csv")["exact"].tolist() == [True, True]
    decoded = molvae("decode", "-i", "z.csv", "--n-decodings", "20")
    assert decoded.returncode == 0, decoded.stderr
    result = table(decoded.stdout)
    assert result["valid"].astype(str).tolist() == ["True", "True"]
    assert result["votes"].astype(int).min() >= 1
    assert result["smiles"].tolist() == [ASPIRIN, CAFFEINE]
    assert "caffeine" in decoded.stdout  # other columns pass through


def test_points_are_decoded_by_the_model_that_made_them(molvae, tmp_path):
    (tmp_path / "in.smi").write_text(f"{ASPIRIN}\n")
    molvae("encode", "-i", "in.smi", "-o", "a.csv", "-m", "zinc250k-small")
    right, wrong = molvae("decode", "-i", "a.csv"), molvae("decode", "-i", "a.csv", "-m", "zinc250k")
    assert right.returncode == 0 and not right.stderr, right.stderr  # 32 dimensions: another model would refuse them
    assert wrong.returncode == 1 and "the points are of zinc250k-small; decoding with zinc250k" in wrong.stderr
    molvae("encode", "-i", "in.smi", "-o", "b.csv")
    pd.concat([pd.read_csv(tmp_path / name) for name in ("a.csv", "b.csv")]).to_csv(tmp_path / "both.csv", index=False)
    mixed = molvae("decode", "-i", "both.csv")
    assert mixed.returncode == 1 and "several models (zinc250k-flow, zinc250k-small)" in mixed.stderr
    assert "--choose is one of posterior, votes" in molvae("decode", "-i", "a.csv", "--choose", "best").stderr


def test_sample(molvae):
    done = molvae("sample", "-k", "20", "--seed", "3")
    result = table(done.stdout)
    assert len(result) == 20
    assert (result["valid"].astype(str) == "True").sum() >= 18
    assert molvae("sample", "-k", "20", "--seed", "3").stdout == done.stdout
    assert molvae("sample", "-k", "2", "--seed", str(2**63 - 1)).returncode == 0


def test_interpolate(molvae):
    done = molvae("interpolate", ASPIRIN, CAFFEINE, "--steps", "5", "--n-decodings", "20")
    assert done.returncode == 0, done.stderr
    assert table(done.stdout)["t"].astype(float).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert table(done.stdout)["smiles"].tolist()[::4] == [ASPIRIN, CAFFEINE]


def test_encodings_are_refined_unless_that_is_turned_off(molvae, tmp_path):
    (tmp_path / "in.smi").write_text("CC(C)Cc1ccc(C(C)C(=O)O)cc1 ibuprofen\n")
    answers = [table(molvae("encode", "-i", "in.smi", *flag).stdout)["exact"][0] for flag in ([], ["--no-refine"])]
    assert [str(answer) for answer in answers] == ["True", "False"]


def test_score_keeps_rows_and_columns_and_names_what_it_refuses(molvae, tmp_path):
    (tmp_path / "in.csv").write_text(f"smiles,price\n{ASPIRIN},3\nC1CC,4\n{CAFFEINE},5\n")
    done = molvae("score", "-i", "in.csv", "--objective", "MW")
    assert done.returncode == 0
    result = table(done.stdout)
    assert result["price"].astype(int).tolist() == [3, 4, 5]
    assert float(result["score"][0]) == pytest.approx(180.16, abs=0.01)
    assert result["score"][1] == "" and result["error"][1]
    assert "1 of 3 rows were refused" in done.stderr


def test_validate_gives_the_reason_for_each_refusal(molvae, tmp_path):
    (tmp_path / "in.smi").write_text(f"{ASPIRIN}\n{ASPIRIN}\nC1CC\nCCBr\n")
    result = table(molvae("validate", "-i", "in.smi", "--forbid", "Br").stdout)
    assert result["status"].tolist() == ["valid", "duplicate", "invalid", "filtered"]
    assert (result["reason"][1:] != "").all()


def test_a_table_without_one_good_row_is_a_failure(molvae, tmp_path):
    (tmp_path / "in.smi").write_text("C1CC\n((\n")
    assert molvae("encode", "-i", "in.smi").returncode == 1
