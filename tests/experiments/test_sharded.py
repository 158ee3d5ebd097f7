"""All shards of a verb, by processes and by workers of a cluster."""

import pandas as pd
import pytest

from molvae.design.oracle.workers import WorkerPool
from molvae.errors import ConfigError, InputError
from molvae.experiments.sharded import run_on_cluster, run_shards
from molvae.experiments.tables import execute
from molvae.experiments.verbs import Score


@pytest.fixture
def verb(tmp_path, monkeypatch) -> Score:
    """Ten molecules to be scored; files are named as a user would, from the current folder."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"smiles": ["C" * n for n in range(1, 10)] + ["C1CC"]}).to_csv("in.csv", index=False)
    return Score(input="in.csv", objective="MW")


def test_the_rows_of_a_cluster_are_the_bytes_of_one_process(verb, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    execute(verb, tmp_path / "whole.csv")
    done = run_on_cluster(verb, tmp_path / "out.csv", "local:1", of=3)
    assert (done.rows, done.refused, done.path) == (10, 1, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not (tmp_path / "out.csv.parts").exists()


def test_what_went_wrong_in_a_shard_is_said_and_the_others_are_kept(verb, tmp_path):
    output = tmp_path / "parts" / "out.csv"
    (obstacle := tmp_path / "parts" / "out-2-of-3.csv").mkdir(parents=True)
    with WorkerPool(1) as pool:
        with pytest.raises(InputError, match=r"shard 2/3 failed: .*[Dd]irectory"):
            run_shards(verb, output, 3, pool)
        obstacle.rmdir()
        first = (tmp_path / "parts" / "out-1-of-3.csv").stat().st_mtime_ns
        paths = run_shards(verb, output, 3, pool)
    assert sum(len(pd.read_csv(path)) for path in paths) == 10
    assert paths[0].stat().st_mtime_ns == first


def test_what_cannot_be_sent_is_said_before_a_cluster_is_looked_for(verb, tmp_path):
    with pytest.raises(ConfigError, match="10 rows cannot be cut into 11 shards"):
        run_on_cluster(verb, tmp_path / "out.csv", "tcp://nowhere.invalid:1", of=11)
    with pytest.raises(InputError, match="no such file"):
        run_on_cluster(Score(input="no.csv"), tmp_path / "out.csv", "tcp://nowhere.invalid:1")
