"""The store: what was written comes back, and no damage goes unnoticed."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from molvae.design.store import CampaignStore, CandidateRecord, Evaluation
from molvae.errors import RunFolderError


def answer(call: int, smiles: str = "C", score: float | None = 1.0, **changes: object) -> Evaluation:
    values: dict[str, object] = {
        "call": call,
        "identity": smiles,
        "score": score,
        "properties": {"QED": 0.5},
        "error": None if score is not None else "it broke",
        "seconds": 0.25,
        "origin": "start",
        "step": 0,
    }
    return Evaluation(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaign.sqlite"


def fill(path: Path, count: int = 50) -> None:
    with CampaignStore(path) as store:
        for call in range(1, count + 1):
            store.record_evaluation(answer(call, "C" * call, float(call)))
        store.record_candidates(1, [CandidateRecord(slot, "CC", "valid", z=np.arange(56.0)) for slot in range(20)])
        store.record_step(1, {"length": 0.8}, 2.0)


def test_the_tables_are_exactly_those_that_other_programs_rely_on(path: Path) -> None:
    CampaignStore(path).close()
    connection = sqlite3.connect(path)
    columns = {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    connection.close()
    assert columns == {
        "evaluations": ["call", "smiles", "score", "properties", "status", "error", "seconds", "origin", "step"],
        "candidates": [
            *("id", "step", "slot", "z", "smiles", "status", "reason", "votes"),
            *("predicted_mean", "predicted_std", "acquisition", "feasibility"),
        ],
        "steps": ["step", "state", "seconds"],
        "replicates": ["id", "smiles", "score", "step"],
        "requests": ["step", "asked", "answered"],
    }


def test_answers_come_back_after_reopening(path: Path) -> None:
    first = answer(1, "CCO", 0.1 + 0.2, properties={"QED": 0.4, "dock": None})
    second = answer(2, "CCN", None, error="ValueError: no ring", step=3, origin="genetic")
    with CampaignStore(path) as store:
        store.record_evaluation(second)
        store.record_evaluation(first)
    with CampaignStore(path, read_only=True) as store:
        assert store.answers() == [first, second]  # by call, not by time
        table = store.evaluations()
    assert table["status"].tolist() == ["ok", "failed"]
    assert table["score"].tolist()[0] == 0.1 + 0.2  # bit for bit
    assert np.isnan(table["score"].tolist()[1])
    assert table["error"].tolist() == [None, "ValueError: no ring"]
    assert table["properties"].tolist() == [{"QED": 0.4, "dock": None}, {"QED": 0.5}]


def test_properties_can_have_columns_of_their_own(path: Path) -> None:
    with CampaignStore(path) as store:
        store.record_evaluation(answer(1, "C", properties={"QED": 0.4, "smiles": 7.0}))
        store.record_evaluation(answer(2, "CC", properties={"dock": -7.0}))
        table = store.evaluations(expand=True)
    assert list(table) == ["call", "smiles", "score", "QED", "dock", "status", "error", "seconds", "origin", "step"]
    pd.testing.assert_series_equal(table["QED"], pd.Series([0.4, np.nan], name="QED"))


def test_a_score_that_is_not_finite_is_a_failed_answer(path: Path) -> None:
    with CampaignStore(path) as store:
        store.record_evaluation(answer(1, score=float("inf"), properties={"x": float("nan")}))
        stored = store.answers()[0]
    assert (stored.score, stored.status, stored.properties) == (None, "failed", {"x": None})


def test_candidates_come_back_with_their_latent_points(path: Path) -> None:
    z = np.random.default_rng(0).normal(size=56)
    rows = [
        CandidateRecord(1, None, "invalid", reason="unclosed ring", z=z.astype(np.float32)),
        CandidateRecord(
            0, "CCO", "valid", z=z, votes=3, predicted_mean=1.5, predicted_std=0.2, acquisition=-1, feasibility=0.9
        ),
        CandidateRecord(2, "CC", "known"),
    ]
    with CampaignStore(path) as store:
        store.record_candidates(4, rows)
        store.record_candidates(5, [CandidateRecord(0, "C", "valid")])
        table = store.candidates()
        assert store.batch(4) == [rows[1], rows[0], rows[2]] and store.batch(6) == []
        assert np.array_equal(store.batch(4)[0].z, z)
        raw = store._connection.execute("SELECT z FROM candidates WHERE slot = 0 AND step = 4").fetchone()[0]
    assert raw == z.astype("<f8").tobytes()
    assert table["step"].tolist() == [4, 4, 4, 5] and table["slot"].tolist() == [0, 1, 2, 0]
    assert np.array_equal(table["z"][0], z)
    assert table["z"][1].dtype == np.float64
    assert table["z"][2] is None
    assert table["votes"].tolist() == [3, pd.NA, pd.NA, pd.NA]
    assert table["acquisition"][0] == -1.0
    assert table["reason"].tolist() == [None, "unclosed ring", None, None]


def test_a_file_keeps_the_name_of_its_column(path: Path) -> None:
    with CampaignStore(path, column='the "digits"') as store:
        store.record_evaluation(answer(1, "123456"))
        store.record_candidates(1, [CandidateRecord(0, "777777", "valid")])
    with CampaignStore(path, read_only=True) as store:
        assert store.column == 'the "digits"'
        assert store.evaluations()[store.column].tolist() == ["123456"]
        assert store.candidates()[store.column].tolist() == ["777777"] == [store.batch(1)[0].identity]


def test_a_batch_of_candidates_is_stored_whole_or_not_at_all(path: Path) -> None:
    with CampaignStore(path) as store:
        with pytest.raises(RunFolderError, match="UNIQUE"):
            store.record_candidates(1, [CandidateRecord(0, "C", "valid"), CandidateRecord(0, "CC", "valid")])
        with pytest.raises(RunFolderError, match="CHECK"):
            store.record_candidates(1, [CandidateRecord(0, "C", "valid"), CandidateRecord(1, "CC", "splendid")])
        assert store.candidates().empty
        store.record_candidates(1, [CandidateRecord(0, "C", "valid")])  # the store is still usable


def test_the_state_of_a_step_is_exact_and_its_text_deterministic(path: Path) -> None:
    state = {"b": [0.1, 1e-300], "a": {"é": None}, "best": float("-inf")}
    with CampaignStore(path) as store:
        assert store.last_step() is None and store.last_state() == {}
        store.record_step(1, state, 1.5)
        store.record_step(2, dict(reversed(state.items())), 1.5)
        assert store.last_step() == 2 and store.last_state() == state
        text = store._connection.execute("SELECT state FROM steps WHERE step = 2").fetchone()[0]
    assert text == '{"a":{"\\u00e9":null},"b":[0.1,1e-300],"best":-Infinity}'


def test_only_the_two_newest_states_are_kept(path: Path) -> None:
    with CampaignStore(path) as store:
        for step in range(3):
            store.record_step(step, {"seen": step}, 1.0)
        assert store.steps()["state"].tolist() == [{}, {"seen": 1}, {"seen": 2}]
        with pytest.raises(RunFolderError, match="already"):
            store.record_step(2, {"seen": 9}, 1.0)
        assert store.last_state() == {"seen": 2}


def test_nothing_is_ever_stored_twice(path: Path) -> None:
    with CampaignStore(path) as store:
        store.record_evaluation(answer(1, "C"))
        for repeat in (answer(2, "C"), answer(1, "CC")):
            with pytest.raises(RunFolderError, match="already"):
                store.record_evaluation(repeat)
        assert store.answers() == [answer(1, "C")]


def test_hostile_text_is_stored_as_text(path: Path) -> None:
    names = ["'); DROP TABLE evaluations; --", "</script>", "nul\0byte", "lone \ud800 surrogate", "🧪" * 1000]
    with CampaignStore(path) as store:
        for call, name in enumerate(names, start=1):
            store.record_evaluation(answer(call, name, None, error=name))
        stored = [evaluation.identity for evaluation in store.answers()]
    assert stored == [*names[:3], "lone ? surrogate", names[4]]


def test_an_empty_store_has_tables_with_the_same_types(path: Path) -> None:
    with CampaignStore(path) as store:
        empty = (store.evaluations(), store.candidates(), store.steps())
    fill(path)
    with CampaignStore(path) as store:
        full = (store.evaluations(), store.candidates(), store.steps())
    for nothing, something in zip(empty, full, strict=True):
        assert nothing.empty
        assert nothing.dtypes.to_dict() == something.dtypes.to_dict()


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.0001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_file_cut_short_is_reported(path: Path, fraction: float) -> None:
    fill(path)
    content = path.read_bytes()
    length = max(1, int(fraction * len(content)))
    path.write_bytes(content[:length])
    for read_only in (False, True):
        with pytest.raises(RunFolderError, match=r"campaign\.sqlite is damaged"):
            CampaignStore(path, read_only=read_only)


def test_a_file_cut_at_the_end_of_a_page_is_reported(path: Path) -> None:
    fill(path)
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(RunFolderError, match="damaged"):
        CampaignStore(path)


def test_a_page_overwritten_in_the_middle_is_reported(path: Path) -> None:
    fill(path)
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(RunFolderError, match="damaged"):
        CampaignStore(path)


@pytest.mark.parametrize("content", [b"smiles,score\nCCO,1\n" * 100, b"x", bytes(range(256)) * 20])
def test_another_kind_of_file_is_reported_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RunFolderError, match="damaged or not a campaign"):
        CampaignStore(path)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_reported_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE evaluations (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(RunFolderError, match="not a campaign of molvae"):
        CampaignStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA user_version = 99", r"newer molvae \(schema 99"),
        ("DROP TABLE steps", "damaged .schema 2 with tables candidates, evaluations"),
        ("CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM evaluations; END", "damaged"),
    ],
)
def test_another_schema_is_reported(path: Path, statement: str, message: str) -> None:
    fill(path)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(RunFolderError, match=message):
        CampaignStore(path)


def test_a_row_that_is_no_json_is_reported(path: Path) -> None:
    fill(path, count=1)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE evaluations SET properties = '[1'")
    connection.commit()
    connection.close()
    with CampaignStore(path) as store, pytest.raises(RunFolderError, match="is not a JSON object"):
        store.answers()


def test_an_empty_file_is_a_store_that_was_killed_at_birth(path: Path) -> None:
    path.touch()
    with CampaignStore(path) as store:
        assert store.answers() == []


def test_a_missing_file_or_folder(path: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no campaign in"):
        CampaignStore(path, read_only=True)
    assert not path.exists()
    with pytest.raises(RunFolderError, match="No such file or directory"):
        CampaignStore(tmp_path / "nowhere" / "campaign.sqlite")
    with pytest.raises(RunFolderError, match="cannot open"):
        CampaignStore(tmp_path)


def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    path = tmp_path / "a run? #1 100%" / "campaign.sqlite"
    path.parent.mkdir()
    fill(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["campaign.sqlite"]


# --- processes ------------------------------------------------------------------------------------------------------

HOLD = """
import sys
from molvae.design.store import CampaignStore
store = CampaignStore(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def test_only_one_process_may_write_but_any_may_read(path: Path) -> None:
    fill(path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(RunFolderError, match=f"written by another process .process {holder.pid} on"):
            CampaignStore(path)
        with CampaignStore(path, read_only=True) as reader:
            assert len(reader.answers()) == 50
            with pytest.raises(RunFolderError, match="readonly database"):
                reader.record_step(2, {}, 0.0)
        holder.kill()  # the kernel drops the lock of a process that is killed
    with CampaignStore(path) as store:
        assert len(store.answers()) == 50


def test_the_same_process_may_not_open_it_twice_either(path: Path) -> None:
    with CampaignStore(path):
        with pytest.raises(RunFolderError, match=f"written by another process .process {os.getpid()} on"):
            CampaignStore(path)
        with pytest.raises(RunFolderError, match="written by another process"):  # the refusal has dropped no lock
            CampaignStore(path)
    CampaignStore(path).close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


FORK = """
import os, sys, time
from molvae.design.store import CampaignStore
store = CampaignStore(sys.argv[1])
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, b".")  # the child runs, so it has closed what it must not keep
    time.sleep(60)
os.read(reading, 1)
os.kill(os.getpid(), 9)
"""


def test_a_forked_child_does_not_keep_the_lock(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", FORK, str(path)], stdout=subprocess.PIPE, process_group=0) as parent:
        parent.wait()
        CampaignStore(path).close()
        os.killpg(parent.pid, signal.SIGKILL)  # the child


WRITE_FOREVER = """
import sys
from molvae.design.store import CampaignStore, Evaluation
store = CampaignStore(sys.argv[1])
call = len(store.answers())
while True:
    call += 1
    store.record_evaluation(Evaluation(call, "C" * call, float(call), {}, None, 0.0, "start", 0))
    print(call, flush=True)
"""


def test_a_writer_killed_at_random_moments_loses_nothing_that_it_had_recorded(path: Path) -> None:
    for goal in (7, 20, 35):
        writer = subprocess.Popen([sys.executable, "-c", WRITE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True)
        with writer:
            assert writer.stdout is not None
            recorded = 0
            while recorded < goal:
                recorded = int(writer.stdout.readline())
            writer.kill()
            rest = writer.stdout.read().split("\n")
            recorded = max([recorded, *(int(line) for line in rest[:-1])])
        with CampaignStore(path, read_only=True) as store:
            calls = [evaluation.call for evaluation in store.answers()]
        assert calls == list(range(1, len(calls) + 1))
        assert len(calls) in (recorded, recorded + 1)  # the last may be on disk but not yet announced


def test_a_transaction_cut_off_half_way_is_rolled_back_even_by_a_reader(path: Path) -> None:
    fill(path)
    # killed after the pages, before the commit: the file is half new, and the journal knows the old half
    script = f"""
import os, signal, sqlite3
connection = sqlite3.connect({str(path)!r}, isolation_level=None)
connection.execute("PRAGMA cache_size=1"); connection.execute("PRAGMA cache_spill=1")
connection.execute("BEGIN IMMEDIATE")
for i in range(2000):
    connection.execute("UPDATE evaluations SET error = ? WHERE call = ?", ("x" * 500, i % 50 + 1))
    connection.execute("INSERT INTO steps VALUES (?, ?, 0)", (i + 10, json.dumps({{"x": "y" * 500}})))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", "import json\n" + script], check=False)
    assert path.with_name("campaign.sqlite-journal").stat().st_size > 0
    with CampaignStore(path, read_only=True) as store:
        assert len(store.steps()) == 1
        assert {evaluation.error for evaluation in store.answers()} == {None}
