"""Rows in parts and in shards: the same as in one piece, and nothing half done looks whole."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from molvae.chemistry.io import read_molecules
from molvae.errors import ConfigError, InputError
from molvae.experiments import verbs
from molvae.experiments.sharded import run_shards
from molvae.experiments.tables import execute, merge
from molvae.experiments.verbs import Score, Validate
from molvae.run.shards import Shard, manifest_path

ROWS = ["CCO", "c1ccccc1", "C1CC", "OCC", "CCBr", "CC(=O)Nc1ccc(O)cc1", "CCO", "C#N", "c1ccccc1", "CCN"]


@pytest.fixture
def table(tmp_path, monkeypatch) -> Path:
    """Ten rows, of which two at a time are looked at."""
    monkeypatch.setattr(verbs, "_PIECE", 2)
    path = tmp_path / "in.csv"
    pd.DataFrame({"smiles": ROWS, "price": range(10)}).to_csv(path, index=False)
    return path


def score(table: Path) -> Score:
    return Score(input=table, objective="MW")


def shards_of(verb, output: Path, of: int) -> list[Path]:
    with ThreadPoolExecutor(2) as executor:
        return run_shards(verb, output, of, executor)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "tsv", "smi", "sdf", "parquet"])
def test_shards_joined_are_the_bytes_of_the_whole(table, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    whole, joined = tmp_path / f"whole.{suffix}", tmp_path / f"joined.{suffix}"
    execute(score(table), whole)
    done = merge(shards_of(score(table), tmp_path / f"s.{suffix}", 3), joined)
    assert (done.rows, done.refused) == (10, 1)
    if suffix in ("parquet", "sdf"):  # row groups differ, and the number of a record that RDKit writes beside a name
        pd.testing.assert_frame_equal(read_molecules(joined).frame, read_molecules(whole).frame)
    else:
        assert joined.read_bytes() == whole.read_bytes()


def test_duplicates_are_found_across_shards_when_they_are_joined(table, tmp_path):
    verb = Validate(input=table, model="zinc250k-small", filters={"forbid": ("Br",)})
    execute(verb, tmp_path / "whole.csv")
    parts = shards_of(verb, tmp_path / "s.csv", 4)
    assert (pd.concat(map(pd.read_csv, parts))["status"] == "duplicate").sum() == 0
    done = merge(parts, tmp_path / "joined.csv")
    assert (tmp_path / "joined.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert done.refused == 5  # one invalid, one with bromine, three duplicates
    with pytest.raises(ConfigError, match="merging looks for duplicates"):
        execute(verb, tmp_path / "x.sdf", Shard(1, 2))


def test_a_shard_says_what_it_is_and_is_not_made_twice(table, tmp_path):
    first = execute(score(table), tmp_path / "s.csv", Shard(2, 3))
    assert first.path == tmp_path / "s-2-of-3.csv" and not first.already_there
    manifest = json.loads(manifest_path(first.path).read_text())
    assert (manifest["verb"], manifest["shard"], manifest["rows"], manifest["total"]) == ("score", "2/3", 3, 10)
    assert manifest["input"]["name"] == "in.csv" and manifest["settings"]["objective"] == "MW"
    assert execute(score(table), tmp_path / "s.csv", Shard(2, 3)).already_there
    assert not execute(Score(input=table, objective="logP"), tmp_path / "s.csv", Shard(2, 3)).already_there
    manifest_path(first.path).unlink()  # as if it had been killed before the end
    assert not execute(score(table), tmp_path / "s.csv", Shard(2, 3)).already_there


def test_what_cannot_be_joined_is_named(table, tmp_path):
    parts = shards_of(score(table), tmp_path / "s.csv", 3)
    out = tmp_path / "joined.csv"
    with pytest.raises(InputError, match="1 of 3 shards are missing: 2"):
        merge([parts[0], parts[2]], out)
    twin = tmp_path / "twin.csv"
    twin.write_bytes(parts[1].read_bytes())
    manifest_path(twin).write_bytes(manifest_path(parts[1]).read_bytes())
    with pytest.raises(InputError, match="shard 2/3 is there twice"):
        merge([*parts, twin], out)
    (foreign,) = (execute(Score(input=table, objective="logP"), tmp_path / "other.csv", Shard(2, 3)).path,)
    with pytest.raises(InputError, match=r"other.* is of another run than .*objective 'MW' and 'logP'"):
        merge([parts[0], foreign, parts[2]], out)
    parts[1].write_text(parts[1].read_text()[:-5])
    with pytest.raises(InputError, match="cut or altered"):
        merge(parts, out)
    with pytest.raises(InputError, match="it is no shard"):
        merge([table], out)
    with pytest.raises(InputError, match="is of another kind"):
        merge(shards_of(score(table), tmp_path / "t.csv", 2), tmp_path / "joined.smi")
    assert not out.exists()


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/3/5", "-1/3", "1/99999999999"])
def test_a_shard_is_a_number_of_a_number(text):
    with pytest.raises(ConfigError, match="a shard is NUMBER/OF"):
        Shard.parse(text)


def test_shards_share_out_every_row_once(table, tmp_path):
    bounds = [Shard(number, 7).rows(100) for number in range(1, 8)]
    assert bounds[0][0] == 0 and bounds[-1][1] == 100
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    with pytest.raises(ConfigError, match="10 rows cannot be cut into 11 shards"):
        execute(score(table), tmp_path / "s.csv", Shard(1, 11))
    with pytest.raises(ConfigError, match="needs a file"):
        execute(score(table), None, Shard(1, 2))


def test_a_run_that_fails_in_the_middle_leaves_nothing(table, tmp_path, monkeypatch):
    made = iter(range(3))
    monkeypatch.setattr(Score, "refused", lambda self, frame: 1 // (2 - next(made)))  # fails at the third part
    with pytest.raises(ZeroDivisionError):
        execute(score(table), tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
