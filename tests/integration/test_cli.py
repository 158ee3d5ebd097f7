"""Each command, end to end, with the shipped weights."""

import io
import sys

import pandas as pd
import pytest

ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"


def table(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), keep_default_na=False)


def test_help_imports_nothing_heavy():
    """What makes ``molvae --help`` fast: neither torch nor rdkit nor pandas is imported."""
    import subprocess

    program = (
        "import sys; import molvae.cli; heavy = {'torch', 'rdkit', 'pandas', 'numpy', 'botorch', 'matplotlib'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_every_command(molvae):
    done = molvae("--help")
    assert done.returncode == 0
    for command in ("design", "train", "sample", "encode", "decode", "interpolate", "score", "validate", "evaluate"):
        assert command in done.stdout
    assert molvae("--version").stdout.startswith("molvae ")


def test_encode_then_decode_gives_the_molecules_back(molvae, tmp_path):
    (tmp_path / "in.smi").write_text(f"{ASPIRIN} aspirin\n{CAFFEINE} caffeine\n")
    encoded = molvae("encode", "-i", "in.smi", "-o", "z.csv")
    assert encoded.returncode == 0, encoded.stderr
    decoded = molvae("decode", "-i", "z.csv", "--n-decodings", "20")
    assert decoded.returncode == 0, decoded.stderr
    made = table(decoded.stdout)
    assert made["valid"].astype(str).tolist() == ["True", "True"]
    assert made["votes"].astype(int).min() >= 1
    assert made["smiles"].tolist() == [ASPIRIN, CAFFEINE]
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
    assert molvae("decode", "-i", "a.csv", "--choose", "best").returncode == 1


def test_sample(molvae):
    done = molvae("sample", "-k", "20", "--seed", "3")
    made = table(done.stdout)
    assert len(made) == 20
    assert (made["valid"].astype(str) == "True").sum() >= 18
    assert molvae("sample", "-k", "20", "--seed", "3").stdout == done.stdout


def test_interpolate(molvae):
    done = molvae("interpolate", ASPIRIN, CAFFEINE, "--steps", "5", "--n-decodings", "20")
    assert done.returncode == 0, done.stderr
    made = table(done.stdout)
    assert made["t"].astype(float).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_score_keeps_rows_and_columns_and_names_what_it_refuses(molvae, tmp_path):
    (tmp_path / "in.csv").write_text(f"smiles,price\n{ASPIRIN},3\nC1CC,4\n{CAFFEINE},5\n")
    done = molvae("score", "-i", "in.csv", "--objective", "MW")
    assert done.returncode == 0
    made = table(done.stdout)
    assert made["price"].astype(int).tolist() == [3, 4, 5]
    assert float(made["score"][0]) == pytest.approx(180.16, abs=0.01)
    assert made["score"][1] == "" and made["error"][1]
    assert "1 of 3 rows were refused" in done.stderr


def test_validate_gives_the_reason_for_each_refusal(molvae, tmp_path):
    (tmp_path / "in.smi").write_text(f"{ASPIRIN}\n{ASPIRIN}\nC1CC\nCCBr\n")
    made = table(molvae("validate", "-i", "in.smi", "--forbid", "Br").stdout)
    assert made["status"].tolist() == ["valid", "duplicate", "invalid", "filtered"]
    assert (made["reason"][1:] != "").all()


def test_design_writes_a_whole_run_folder(molvae, tmp_path):
    done = molvae(
        "design", "--budget", "50", "--start-size", "30", "--baselines", "random,screening", "-o", "run", "-q"
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    for name in ("config.json", "provenance.json", "campaign.sqlite", "molecules.csv", "molecules.sdf", "report.html"):
        assert (run / name).stat().st_size > 0, name
    made = pd.read_csv(run / "molecules.csv")
    assert len(made) == 50
    assert made["score"].is_monotonic_decreasing
    for baseline in ("random", "screening"):
        assert (run / "baselines" / baseline / "campaign.sqlite").exists()
    assert "report.html" in done.stdout

    # a finished run resumes to the same result, and its report can be built again
    assert molvae("design", "--resume", "run", "-q").returncode == 0
    pd.testing.assert_frame_equal(made, pd.read_csv(run / "molecules.csv"))
    assert molvae("report", "run").returncode == 0


def test_design_with_an_oracle_that_fails_now_and_then(molvae, tmp_path):
    (tmp_path / "lab.py").write_text(
        "def measure(smiles):\n"
        "    if 'Br' in smiles or 'Cl' in smiles:\n"
        "        raise ValueError('the assay hates halogens')\n"
        "    return float(len(smiles))\n"
    )
    done = molvae("design", "--oracle", "lab:measure", "--budget", "40", "--start-size", "30", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    made = pd.read_csv(tmp_path / "run" / "molecules.csv")
    failed = made[made["status"] == "failed"]
    assert len(made) == 40 and len(failed) > 0
    assert failed["error"].str.contains("halogens").all()


def test_train_evaluate_and_use_a_model_of_ones_own(molvae, tmp_path):
    chains = [f"{'C' * (1 + n % 9)}{x}{'C' * (1 + n // 9)}" for n in range(36) for x in ("O", "N", "S")]
    (tmp_path / "data.smi").write_text("\n".join(chains))
    (tmp_path / "tiny.toml").write_text(
        'kind = "train"\n[train]\nbatch_size = 16\n[train.model]\nlatent_size = 4\nchannels = 16\ndense_size = 16\n'
        "hidden_size = 32\n[train.validation]\nprior_samples = 10\n"
    )
    done = molvae("train", "tiny.toml", "-i", "data.smi", "--epochs", "2", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "config.json", "vocabulary.json", "README.md", "known.npy"):
        assert (tmp_path / "run" / "model" / name).exists(), name
    done = molvae("evaluate", "run/model", "-i", "data.smi", "--prior-samples", "20", "-o", "evaluation", "-q")
    assert done.returncode == 0, done.stderr
    assert "reconstruction, protocol D" in done.stdout and "JT, 50 decodings: q chooses, votes, any" in done.stdout
    assert molvae("sample", "-m", "run/model", "-k", "3").returncode == 0
    molvae("encode", "-m", "run/model", "-i", "data.smi", "-o", "z.csv")
    unasked = molvae("decode", "-i", "z.csv")  # no folder is opened because a table names it
    assert unasked.returncode == 1 and "say -m" in unasked.stderr
    assert molvae("decode", "-i", "z.csv", "-m", "run/model", "--n-decodings", "2").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["design", "--resume", "run", "--budget", "10"],
        ["design", "--objective", "5*QDE - SAS"],
        ["design", "--strategy", "magic"],
        ["design", "-i", "missing.csv"],
        ["sample", "-m", "no-such-model"],
        ["sample", "--mask", "carnival"],
        ["sample", "--device", "warp"],
        ["score"],
        ["interpolate", "C1CC", "CCO"],
        ["run", "missing.toml"],
        ["report", "nowhere"],
        ["data", "fetch", "nothing"],
    ],
)
def test_a_mistake_is_one_message_and_no_traceback(molvae, arguments):
    done = molvae(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_laboratory_is_asked_and_answers(molvae, tmp_path):
    """suggest, tell, suggest: the plate comes again until it is answered, and a bad row does not spoil the others."""
    (tmp_path / "start.csv").write_text("smiles,score\nCCO,0.3\nCC(=O)Oc1ccccc1C(=O)O,0.9\nc1ccccc1CCN,0.5\n")
    begun = molvae("suggest", "lab", "-n", "3", "-i", "start.csv", "-o", "plate.csv")
    assert begun.returncode == 0, begun.stderr
    plate = pd.read_csv(tmp_path / "plate.csv")
    assert len(plate) == 3 and plate["score"].isna().all()
    first, second = plate["smiles"].iloc[0], plate["smiles"].iloc[1]
    (tmp_path / "results.csv").write_text(f"smiles,yield\n{first},0.7\n{second},\nCCCC,0.2\nzz,0.1\n")
    told = molvae("tell", "lab", "results.csv", "--score-column", "yield", "-o", "verdicts.csv")
    assert told.returncode == 0, told.stderr
    assert pd.read_csv(tmp_path / "verdicts.csv")["status"].tolist() == ["ok", "failed", "ok", "refused"]
    assert "1 molecules are still awaited" in told.stderr
    assert (tmp_path / "lab" / "report.html").exists()
    again = molvae("suggest", "lab", "-n", "3")
    assert again.stdout.splitlines()[1].startswith(plate["smiles"].iloc[2])
    assert "molvae tell" in molvae("design", "--resume", "lab").stderr
    refused = molvae("tell", "lab", "results.csv")
    assert refused.returncode == 1 and "no column 'score'" in refused.stderr


def test_a_file_of_generated_molecules_is_measured_without_a_model(molvae, tmp_path):
    (tmp_path / "made.smi").write_text("CCO\nc1ccccc1CCN\nC1CC\nc1ccccc1CCN\n")
    (tmp_path / "real.smi").write_text("c1ccccc1CCN\nCC(=O)Nc1ccc(O)cc1\n")
    done = molvae("evaluate", "--samples", "made.smi", "-i", "real.smi", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    lines = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines()[:8])
    assert float(lines["validity"]) == 0.75 and float(lines["molecules"]) == 4
    assert "Quality of the molecules" in (tmp_path / "run" / "report.html").read_text()
