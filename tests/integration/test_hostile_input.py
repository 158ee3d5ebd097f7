"""Hostile input ends in a clear message, or the good rows go on; never in a traceback."""

import gzip
import random
import shutil
import sqlite3

import pandas as pd
import pytest

from molvae.weights import weights_folder

GOOD = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CC(=O)Nc1ccc(O)cc1", "C#CCN1CCOCC1"] * 4


def refused(done, *words: str) -> bool:
    """Failed, with a message of ours that says these words."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("next: ")]  # a hint may follow
    assert said[-1].startswith("error: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    return True


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.smi", b"", ["empty.smi"]),
        ("empty.csv", b"", ["empty.csv"]),
        ("mark.csv", b"\xef\xbb\xbf", ["mark.csv is empty"]),
        ("mark.tsv", b"\xef\xbb\xbf", ["mark.tsv is empty"]),
        ("header.csv", b"smiles," + b"x" * 10_000_000 + b"\nCCO,1\n", ["header.csv", "first line is longer"]),
        ("binary.csv", bytes(range(256)) * 40, ["binary.csv"]),
        ("binary.smi", b"\x00\x01\x02" * 500, ["binary.smi"]),
        ("no-smiles.csv", b"name,price\naspirin,3\n", ["name", "--smiles-column"]),
        ("cut.csv.gz", gzip.compress(b"smiles\nCCO\n" * 500, mtime=0)[:40], ["cut.csv.gz"]),
        ("strange.xyz", b"CCO\n", ["strange.xyz"]),
    ],
)
@pytest.mark.parametrize("command", ["score", "design"])
def test_a_file_that_cannot_be_used(molvae, tmp_path, command, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert refused(molvae(command, "-i", name), *words)


def test_ten_percent_garbage_rows(molvae, tmp_path):
    chance = random.Random(0)
    rows = [
        chance.choice(["not a molecule", "C1CC", "((((", "\x07", "[Xx]"]) if n % 10 == 0 else s
        for n, s in enumerate(GOOD * 3)
    ]
    (tmp_path / "in.csv").write_text("smiles\n" + "\n".join(rows) + "\n")
    done = molvae("score", "-i", "in.csv", "-o", "out.csv")
    assert done.returncode == 0, done.stderr
    made = pd.read_csv(tmp_path / "out.csv")
    assert len(made) == 60 and made["valid"].sum() == 54
    assert made.loc[~made["valid"], "error"].notna().all()
    done = molvae("design", "-i", "in.csv", "--budget", "6", "--start-size", "5", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr


def test_a_molecule_of_5000_characters(molvae, tmp_path):
    (tmp_path / "in.smi").write_text("C" * 5000 + "\n" + "\n".join(GOOD))
    done = molvae("encode", "-i", "in.smi", "-o", "z.csv")
    assert done.returncode == 0, done.stderr
    made = pd.read_csv(tmp_path / "z.csv")
    assert made["z0"].isna().tolist() == [True] + [False] * 20
    assert "5000" in made["error"][0] or "long" in made["error"][0]


def test_names_with_script_tags_reach_no_report(molvae, tmp_path):
    evil = "</script><script>alert(1)</script>"
    (tmp_path / "in.csv").write_text("smiles,id\n" + "".join(f'{s},"{evil}{n}"\n' for n, s in enumerate(GOOD)))
    done = molvae(
        "design", "-i", "in.csv", "--budget", "6", "--start-size", "5", "-o", "run", "-q", "--objective", "QED"
    )
    assert done.returncode == 0, done.stderr
    assert "<script>alert" not in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "missing"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(
                (folder / "model.safetensors").read_bytes()[:9999]
            ),
            "truncated",
        ),
        (lambda folder: (folder / "vocabulary.json").write_text("{}"), "altered"),
        (lambda folder: (folder / "config.json").write_text("\x00"), "damaged"),
    ],
)
def test_a_damaged_model_folder(molvae, tmp_path, damage, word):
    shutil.copytree(weights_folder("zinc250k"), tmp_path / "model")
    damage(tmp_path / "model")
    assert refused(molvae("sample", "-m", "model"), word)


def test_a_run_folder_killed_mid_write(molvae, tmp_path):
    done = molvae("design", "-m", "zinc250k-small", "--budget", "12", "--start-size", "10", "-o", "run", "-q")
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"

    store = (run / "campaign.sqlite").read_bytes()
    (run / "campaign.sqlite").write_bytes(store[: len(store) // 2])
    assert refused(molvae("resume", "run"), "campaign.sqlite")
    (run / "campaign.sqlite").write_bytes(store)

    with sqlite3.connect(run / "campaign.sqlite") as connection:  # as if killed before the last step was closed
        connection.execute("DELETE FROM steps WHERE step = (SELECT MAX(step) FROM steps)")
    assert molvae("resume", "run", "-q").returncode == 0

    (run / "config.json").write_text('{"kind": "des')
    assert refused(molvae("resume", "run"), "config.json")
    (run / "config.json").unlink()
    assert refused(molvae("resume", "run"), "not a run folder")


def test_a_second_run_does_not_overwrite_the_first(molvae, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    assert refused(molvae("design", "-o", "run", "--budget", "5", "--start-size", "4"), "another version of molvae")
    assert (tmp_path / "run" / "config.json").read_text() == "{}"
