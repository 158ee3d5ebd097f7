"""Every command that takes a model takes one of proteins."""

import io

import pandas as pd
import pytest
from typer.testing import CliRunner

from molvae.cli import app
from molvae.errors import MolvaeError
from molvae.report import build

from .family import works


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture
def fasta(tmp_path, members):
    path = tmp_path / "family.fasta"
    path.write_text("".join(f">member_{n} made up\n{text[:10]}\n{text[10:]}\n" for n, text in enumerate(members)))
    return path


def table(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


def test_sequences_to_points_and_back(run, fasta, model_folder, tmp_path, members):
    encoded = table(run("encode", "-m", model_folder, "-i", fasta))
    assert encoded["sequence"].tolist() == members and encoded["id"][3] == "member_3"
    assert encoded["identity"].between(0, 1).all() and encoded["error"].isna().all()
    encoded.head(5).to_csv(tmp_path / "points.csv", index=False)
    decoded = table(run("decode", "-m", model_folder, "-i", tmp_path / "points.csv", "--n-decodings", 3))
    assert decoded["valid"].all() and decoded["sequence_before"].tolist() == members[:5]


def test_samples_and_paths(run, fasta, model_folder, tmp_path, members):
    drawn = table(run("sample", "-m", model_folder, "-k", 6, "--n-decodings", 4, "--like", fasta))
    assert list(drawn)[:5] == ["sequence", "valid", "votes", "log_prob", "error"] and "function" in drawn
    path = table(run("interpolate", members[0], members[1], "--steps", 4, "-m", model_folder))
    assert path["t"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-3)
    assert path["aligned"].str.len().eq(len(members[0])).all()
    run("sample", "-m", model_folder, "-k", 3, "-o", tmp_path / "drawn.fasta")
    assert (tmp_path / "drawn.fasta").read_text().count(">") == 3


def test_a_campaign_on_the_fitted_function_and_its_report(run, fasta, model_folder, tmp_path):
    arguments = ("-m", model_folder, "-i", fasta, "--objective", "function", "--budget", 24, "--start-size", 14,
                 "--batch", 5, "--baselines", "genetic", "-o", "found", "-n", 1, "-q")  # fmt: skip
    text = run("design", *arguments)
    assert "proteins scored" in text and "proteins: found/proteins.csv" in text
    found = pd.read_csv("found/proteins.csv")
    assert len(found) == 24 and found["score"].is_monotonic_decreasing
    assert (tmp_path / "found" / "proteins.fasta").read_text().startswith(">call-")
    assert run("design", *arguments) == text  # the same again: nothing is left to do
    page = build(tmp_path / "found").read_text()
    assert "Best proteins" in page and "Designs beside their parents" in page and "What was changed" in page
    assert "<text x=" in page  # residues are drawn


def test_a_laboratory_is_asked_and_told(run, fasta, model_folder, tmp_path):
    first = table(run("suggest", "lab", "-k", 5, "-i", fasta, "-m", model_folder, "--require", "GxS"))
    assert len(first) == 5 and first["sequence"].str.contains("G.S").all()
    first.assign(score=[works(text) for text in first["sequence"]]).to_csv(tmp_path / "measured.csv", index=False)
    told = table(run("tell", "lab", "measured.csv"))
    assert told["status"].tolist() == ["ok"] * 5
    assert len(table(run("suggest", "lab", "-k", 3))) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        (">only a name\n", "no sequence"),
        ("MKVAYDLEPRNW\n", "begins with '>'"),
        (">a\n\x00\x01\n", "binary data"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(model_folder, tmp_path, content, message):
    (tmp_path / "bad.fasta").write_text(content)
    runner = CliRunner()
    result = runner.invoke(app, ["encode", "-m", str(model_folder), "-i", str(tmp_path / "bad.fasta")])
    told = f"{result.exception} {result.output}"
    assert result.exit_code == 1 and message in told
    assert isinstance(result.exception, (MolvaeError, SystemExit))


def test_bad_rows_stay_beside_good_ones(run, model_folder, tmp_path):
    rows = {"junk": "M1K!", "long": "M" * 100_000, "lower": "mkvaydleprnw", "gaps": "MKV--AYD.LEP", "x": "MKXX"}
    (tmp_path / "mixed.fasta").write_text("".join(f">{name}\n{text}\n" for name, text in rows.items()))
    errors = table(run("encode", "-m", model_folder, "-i", tmp_path / "mixed.fasta"))["error"].fillna("").tolist()
    assert "'1' is no amino acid" in errors[0] and "100000 residues are more than" in errors[1]
    assert errors[2:4] == ["", ""] and "X stands for any residue" in errors[4]


def test_options_of_molecules_are_refused(model_folder):
    result = CliRunner().invoke(app, ["sample", "-m", str(model_folder), "--mask", "none"])
    assert isinstance(result.exception, MolvaeError) and "is for molecules" in str(result.exception)
