"""Shards and their joining on the command line."""

import pandas as pd
import pytest


@pytest.fixture
def table(tmp_path):
    (tmp_path / "in.csv").write_text("smiles,price\nCCO,1\nC1CC,2\nCCN,3\nC,4\nCC,5\n")


def test_shards_are_made_apart_and_joined(molvae, table, tmp_path):
    whole = molvae("score", "-i", "in.csv", "--objective", "MW")
    for number in (2, 1, 3):
        done = molvae("score", "-i", "in.csv", "--objective", "MW", "-o", "parts/s.csv", "--shard", f"{number}/3")
        assert done.returncode == 0, done.stderr
    assert (
        "was there already"
        in molvae("score", "-i", "in.csv", "--objective", "MW", "-o", "parts/s.csv", "--shard", "2/3").stderr
    )
    done = molvae("merge", "parts", "-o", "out.csv")
    assert done.returncode == 0 and "5 rows: out.csv" in done.stderr and "1 of 5 rows were refused" in done.stderr
    assert (tmp_path / "out.csv").read_text() == whole.stdout


def test_what_is_wrong_with_shards_is_one_message(molvae, table, tmp_path):
    for arguments, message in (
        ("score -i in.csv --shard 1/3", "needs a file (-o)"),
        ("score -i in.csv -o s.csv --shard 4/3", "a shard is NUMBER/OF"),
        ("score -i in.csv -o s.csv --shard 1/6", "5 rows cannot be cut into 6 shards: take 5 at most"),
        ("merge nowhere -o out.csv", "no such file: nowhere"),
        ("merge . -o out.csv", "holds no shard"),
        ("merge in.csv -o out.csv", "it is no shard"),
    ):
        done = molvae(*arguments.split())
        assert done.returncode == 1 and done.stderr.startswith("error: ") and message in done.stderr, done.stderr
    molvae("score", "-i", "in.csv", "--objective", "MW", "-o", "s.csv", "--shard", "1/2")
    assert "1 of 2 shards are missing: 2" in molvae("merge", "s-1-of-2.csv", "-o", "out.csv").stderr


def test_a_library_is_screened(molvae, table, tmp_path):
    (tmp_path / "assay.csv").write_text("smiles,y\n" + "".join(f"{'C' * n}O,{n}\n" for n in range(1, 13)))
    arguments = ("--target", "y", "--kernel", "fingerprint", "--folds", "0", "-o", "run", "-q")
    assert molvae("fit", "assay.csv", *arguments).returncode == 0
    (tmp_path / "library.smi").write_text("".join(f"{'C' * n}N\n" for n in range(1, 13)) + "c1ccccc1O\n")
    for number in (1, 2):
        done = molvae("predict", "run", "-i", "library.smi", "-o", "parts/p.csv", "--shard", f"{number}/2")
        assert done.returncode == 0, done.stderr
    done = molvae("screen", "run", "-i", "parts", "-o", "best.csv", "-k", "3", "--acquisition", "ei")
    assert done.returncode == 0, done.stderr
    best = pd.read_csv(tmp_path / "best.csv")
    assert 1 <= len(best) <= 3 and best["acquisition"].is_monotonic_decreasing
    assert "error: " in molvae("screen", "run", "-i", "assay.csv").stderr
