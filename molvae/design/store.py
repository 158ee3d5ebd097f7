"""The memory of a campaign on disk: ``campaign.sqlite`` in the run folder.

Every write is one transaction that is on the disk before the call returns, so that a run killed at any moment has
all that it has paid for. The file uses SQLite's rollback journal, not WAL, with ``synchronous=EXTRA``:

- a SIGKILL between any two instructions leaves either the old or the new state, in both modes; EXTRA also syncs
  the folder after the journal is deleted, so that a power cut cannot bring a committed transaction back undone;
- WAL needs shared memory, which network file systems (where run folders of a cluster lie) do not offer, and a
  reader of a WAL database must be able to write beside it;
- the price, a few milliseconds for each answer, is small beside any oracle.

One process at a time may write. It holds a lock on ``campaign.sqlite.lock``, which the kernel drops with the process,
however that ends; forked children do not keep it. Reading is possible at any time.
"""

import contextlib
import errno
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from molvae.errors import RunFolderError

SCHEMA_VERSION = 2
_APPLICATION_ID = 0x6D6C7661  # "mlva": tells our files from other people's SQLite files
_SCHEMA = (
    """CREATE TABLE evaluations (
        call INTEGER PRIMARY KEY, {column} TEXT NOT NULL UNIQUE, score REAL, properties TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('ok', 'failed')), error TEXT, seconds REAL NOT NULL,
        origin TEXT NOT NULL, step INTEGER NOT NULL)""",
    """CREATE TABLE candidates (
        id INTEGER PRIMARY KEY, step INTEGER NOT NULL, slot INTEGER NOT NULL, z BLOB, {column} TEXT,
        status TEXT NOT NULL CHECK (status IN ('valid', 'invalid', 'duplicate', 'known', 'filtered')), reason TEXT,
        votes INTEGER, predicted_mean REAL, predicted_std REAL, acquisition REAL, feasibility REAL,
        UNIQUE (step, slot))""",
    "CREATE TABLE steps (step INTEGER PRIMARY KEY, state TEXT NOT NULL, seconds REAL NOT NULL)",
    """CREATE TABLE replicates (
        id INTEGER PRIMARY KEY, {column} TEXT NOT NULL, score REAL NOT NULL, step INTEGER NOT NULL)""",
    "CREATE TABLE requests (step INTEGER PRIMARY KEY, asked INTEGER NOT NULL, answered INTEGER NOT NULL)",
)
_TABLES = ("candidates", "evaluations", "replicates", "requests", "steps")
_TABLES_1 = ("candidates", "evaluations", "steps")  # of version 1, before an item could be measured again
_NEW = 2  # tables at the end of the schema that version 1 had not


@dataclass(frozen=True)
class Evaluation:
    """One answer of the oracle; the columns of the table ``evaluations``.

    Attributes:
        call: number of the oracle call, from 1.
        identity: of the item, its canonical text; the column is named by the domain, ``smiles``.
        score: in the user's sign; ``None`` if the answer failed.
        properties: further numbers; ``None`` where undefined.
        error: why there is no score; ``None`` if there is one.
        seconds: what the answer took.
        origin: ``"start"`` or the name of the strategy that proposed the item.
        step: step of the campaign.
    """

    call: int
    identity: str
    score: float | None
    properties: Mapping[str, float | None]
    error: str | None
    seconds: float
    origin: str
    step: int

    @property
    def status(self) -> str:
        """``"ok"`` or ``"failed"``."""
        return "failed" if self.score is None else "ok"


@dataclass(frozen=True)
class Replicate:
    """A further measurement of an item that has an answer; a row of the table ``replicates``.

    Attributes:
        identity: of the item.
        score: in the user's sign.
        step: step of the campaign in which it was told.
    """

    identity: str
    score: float
    step: int


@dataclass(frozen=True)
class CandidateRecord:
    """One proposal of a step, with what became of it; the columns of the table ``candidates``.

    Attributes:
        slot: place in the batch, from 0.
        identity: of the item, or the decoded text if it is not valid, or ``None``.
        status: ``valid``, ``invalid``, ``duplicate``, ``known`` or ``filtered``.
        z: the latent point, shape (latent_size,), or ``None`` for strategies that have none.
        reason: why it was refused.
        votes: how many of the decodings of ``z`` gave this item.
        predicted_mean, predicted_std, acquisition, feasibility: what the search predicted.
    """

    slot: int
    identity: str | None
    status: str
    z: np.ndarray | None = field(default=None, compare=False)
    reason: str | None = None
    votes: int | None = None
    predicted_mean: float | None = None
    predicted_std: float | None = None
    acquisition: float | None = None
    feasibility: float | None = None


class CampaignStore:
    """The file ``campaign.sqlite``: oracle answers, candidates and steps.

    Use it as a context manager, or call :meth:`close`.
    """

    def __init__(self, path: Path | str, read_only: bool = False, column: str = "smiles") -> None:
        """Open the file; create it, empty, if it does not exist.

        Args:
            path: the file.
            read_only: for reports; takes no lock, and a missing file is an error.
            column: of the items' texts, if the file is made now; a file keeps the one that it was made with.

        Raises:
            RunFolderError: the file is damaged, no campaign of ours, of a newer version, cannot be created, or
                another process is writing to it.
        """
        self.path = Path(path)
        self.read_only = read_only
        self.column = column
        self._has_replicates = True
        if read_only and not self.path.is_file():
            raise RunFolderError(f"no campaign in {self.path.parent}: {self.path.name} is missing")
        self._lock = None if read_only else _lock(self.path)
        try:
            self._connection = self._connect()
        except BaseException:
            _unlock(self._lock)
            raise

    def _connect(self) -> sqlite3.Connection:
        size = self.path.stat().st_size if self.path.is_file() else 0
        if 0 < size < 512:  # shorter than any page: SQLite would take it for empty and write over it
            raise RunFolderError(f"{self.path} is damaged or not a campaign ({size} bytes); use a new folder")
        # A reader opens for writing too, if it can: only so can SQLite roll back the transaction of a killed writer.
        mode = "rw" if self.read_only else "rwc"
        with self._explained("open"):
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30.0
            )
        try:
            with self._explained("open"):
                connection.execute("PRAGMA trusted_schema=OFF")  # a hostile file must not run functions
                connection.execute("PRAGMA synchronous=EXTRA")
                if self.read_only:
                    connection.execute("PRAGMA query_only=ON")
                self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
        if problems != ["ok"]:
            raise RunFolderError(f"{self.path} is damaged ({problems[0]}); restore it from a copy, or use a new folder")
        # triggers and views count too: they are not ours, and a trigger would act on what we write
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
        tables = [name for name in names if not name.startswith("sqlite_")]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if not tables and not version and not application and not self.read_only:
            # also a file of length 0, left by a process that was killed before this very transaction
            with _transaction(connection):
                for statement in _SCHEMA:
                    connection.execute(statement.format(column=_quoted(self.column)))
                connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            return
        if application != _APPLICATION_ID:
            raise RunFolderError(f"{self.path} is an SQLite file, but not a campaign of molvae; choose another folder")
        if version > SCHEMA_VERSION:
            raise RunFolderError(
                f"{self.path} was written by a newer molvae (schema {version}; this one knows {SCHEMA_VERSION}): "
                "upgrade molvae"
            )
        if (version, tables) not in ((SCHEMA_VERSION, [*_TABLES]), (1, [*_TABLES_1])):
            raise RunFolderError(f"{self.path} is damaged (schema {version} with tables {', '.join(tables) or 'none'})")
        self.column = connection.execute("PRAGMA table_info(evaluations)").fetchall()[1][1]
        if version == 1 and self.read_only:
            self._has_replicates = False
        elif version == 1:
            with _transaction(connection):
                for statement in _SCHEMA[-_NEW:]:
                    connection.execute(statement.format(column=_quoted(self.column)))
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def record_evaluation(self, evaluation: Evaluation) -> None:
        """Store one answer, durably.

        Raises:
            RunFolderError: the item or the call number is stored already, or the disk is full.
        """
        e = evaluation
        properties = _to_json({name: _finite(value) for name, value in e.properties.items()})
        row = (e.call, e.identity, _finite(e.score), properties, e.status, e.error, float(e.seconds), e.origin, e.step)
        self._write("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row])

    def record_replicate(self, replicate: Replicate) -> None:
        """Store one further measurement, durably."""
        row = (replicate.identity, float(replicate.score), int(replicate.step))
        self._write("INSERT INTO replicates VALUES (NULL, ?, ?, ?)", [row])

    def replicates(self) -> list[Replicate]:
        """All further measurements, in the order in which they came."""
        if not self._has_replicates:
            return []
        names = f"{_quoted(self.column)}, score, step"
        return [Replicate(*row) for row in self._read(f"SELECT {names} FROM replicates ORDER BY id")]

    def record_candidates(
        self, step: int, candidates: Iterable[CandidateRecord], asked: int | None = None, answered: int | None = None
    ) -> None:
        """Store the whole batch of a step in one transaction: all of it or nothing.

        Args:
            step: its number.
            candidates: the batch.
            asked: how many the strategy was asked for.
            answered: calls of the oracle at that time; with ``asked`` it says how to propose the same once more.

        Raises:
            RunFolderError: a slot of this step is stored already, or the disk is full.
        """
        with self._explained("write to"), _transaction(self._connection):
            self._insert_candidates(step, candidates, asked, answered)

    def _insert_candidates(
        self, step: int, candidates: Iterable[CandidateRecord], asked: int | None, answered: int | None
    ) -> None:
        rows = []
        for c in candidates:
            z = None if c.z is None else np.ascontiguousarray(c.z, dtype="<f8").tobytes()
            numbers = [_finite(n) for n in (c.predicted_mean, c.predicted_std, c.acquisition, c.feasibility)]
            votes = None if c.votes is None else int(c.votes)
            rows.append((int(step), int(c.slot), z, c.identity, c.status, c.reason, votes, *numbers))
        self._connection.executemany(f"INSERT INTO candidates VALUES (NULL, {', '.join('?' * 11)})", _cleaned(rows))
        if asked is not None and answered is not None:
            request = (int(step), int(asked), int(answered))
            self._connection.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?)", request)

    def request(self, step: int) -> tuple[int, int] | None:
        """How many candidates the strategy was asked for in a step, and the calls that were answered by then."""
        rows = self._read("SELECT asked, answered FROM requests WHERE step = ?", (int(step),))
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def record_step(self, step: int, state: Mapping[str, Any], seconds: float) -> None:
        """Store that a step is complete, with the state from which the next one starts.

        Only the two newest states are kept: one of a genetic search grows with its steps, and all would fill a disk.

        Args:
            step: its number.
            state: anything that JSON can hold; floats come back bit for bit, NaN and infinity too.
            seconds: what the step took.

        Raises:
            RunFolderError: the step is stored already, or the disk is full.
        """
        with self._explained("write to"), _transaction(self._connection):
            self._insert_step(step, state, seconds)

    def _insert_step(self, step: int, state: Mapping[str, Any], seconds: float) -> None:
        self._connection.execute("UPDATE steps SET state = '{}' WHERE step < (SELECT max(step) FROM steps)")
        row = (int(step), _clean(_to_json(state)), float(seconds))
        self._connection.execute("INSERT INTO steps VALUES (?, ?, ?)", row)

    def record_turn(
        self,
        step: int,
        state: Mapping[str, Any],
        seconds: float,
        candidates: Iterable[CandidateRecord],
        asked: int,
        answered: int,
    ) -> None:
        """Store that a step is complete together with the candidates of the next: both or nothing.

        So it is in a search whose steps overlap: the next begins with the end of this one, at ``answered`` calls.

        Args:
            step: the number of the complete one.
            state: as for :meth:`record_step`.
            seconds: as for :meth:`record_step`.
            candidates: of the next step.
            asked: how many the strategy was asked for in the next step.
            answered: calls of which it had been told by then.

        Raises:
            RunFolderError: the step is stored already, or the disk is full.
        """
        with self._explained("write to"), _transaction(self._connection):
            self._insert_step(step, state, seconds)
            self._insert_candidates(step + 1, candidates, asked, answered)

    def answers(self) -> list[Evaluation]:
        """All stored answers, by call."""
        return [self._to_evaluation(row) for row in self._read("SELECT * FROM evaluations ORDER BY call")]

    def last_step(self) -> int | None:
        """The number of the last complete step, or ``None``."""
        step: int | None = self._read("SELECT max(step) FROM steps")[0][0]
        return step

    def evaluations(self, expand: bool = False) -> pd.DataFrame:
        """The table of answers, by call.

        Where items were measured again, ``score`` is the mean of their measurements, ``measurements`` their number and
        ``score_sd`` their standard deviation; an item whose first measurement failed has the status of a later one.

        Args:
            expand: give each property a column of its own, in place of the column ``properties`` of dicts. A
                property that is named like another column is left out.
        """
        answers = self.answers()
        columns = ["call", self.column, "score", "properties", "status", "error", "seconds", "origin", "step"]
        rows = [
            (e.call, e.identity, e.score, e.properties, e.status, e.error, e.seconds, e.origin, e.step) for e in answers
        ]
        table = _table(rows, columns)
        if again := self.replicates():
            table = _with_replicates(table, self.column, again)
        if expand:
            names = dict.fromkeys(name for e in answers for name in e.properties if name not in columns)
            position = columns.index("properties")
            table = table.drop(columns="properties")
            for offset, name in enumerate(names):
                values = np.array([_or_nan(e.properties.get(name)) for e in answers], dtype=np.float64)
                table.insert(position + offset, name, values)
        return table

    def batch(self, step: int) -> list[CandidateRecord]:
        """The candidates of one step, by slot; empty if none are stored."""
        names = [f.name for f in fields(CandidateRecord)]
        columns = ", ".join(_quoted(self.column) if name == "identity" else name for name in names)
        rows = self._read(f"SELECT {columns} FROM candidates WHERE step = ? ORDER BY slot", (int(step),))
        records = [dict(zip(names, row, strict=True)) for row in rows]
        return [CandidateRecord(**record | {"z": self._to_array(record["z"])}) for record in records]

    def candidates(self) -> pd.DataFrame:
        """The table of candidates, by step and slot; ``z`` holds float64 arrays or ``None``."""
        rows = self._read("SELECT * FROM candidates ORDER BY step, slot")
        columns = ["id", "step", "slot", "z", self.column, "status", "reason", "votes"]
        return _table(
            [(*row[:3], self._to_array(row[3]), *row[4:]) for row in rows],
            [*columns, "predicted_mean", "predicted_std", "acquisition", "feasibility"],
        )

    def last_state(self) -> dict[str, Any]:
        """The state of the last complete step; empty if there is none."""
        rows = self._read("SELECT state FROM steps ORDER BY step DESC LIMIT 1")
        return self._from_json(rows[0][0]) if rows else {}

    def steps(self) -> pd.DataFrame:
        """The table of complete steps; ``state`` holds dicts, empty but for the last two steps."""
        rows = self._read("SELECT step, state, seconds FROM steps ORDER BY step")
        return _table([(step, self._from_json(state), s) for step, state, s in rows], ["step", "state", "seconds"])

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        _unlock(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._explained("write to"), _transaction(self._connection):
            self._connection.executemany(statement, _cleaned(rows))

    def _read(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._explained("read"):
            return self._connection.execute(statement, parameters).fetchall()

    def _to_evaluation(self, row: tuple[Any, ...]) -> Evaluation:
        call, identity, score, properties, _, error, seconds, origin, step = row
        return Evaluation(call, identity, score, self._from_json(properties), error, seconds, origin, step)

    def _from_json(self, text: str) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise RunFolderError(f"{self.path} is damaged: {text[:60]!r} is not a JSON object")
        return value

    def _to_array(self, blob: bytes | None) -> np.ndarray | None:
        if blob is None:
            return None
        if not isinstance(blob, bytes) or len(blob) % 8:
            raise RunFolderError(f"{self.path} is damaged: a latent point is not a row of 8-byte numbers")
        return np.frombuffer(blob, dtype="<f8").astype(np.float64)

    @contextlib.contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        """Turn SQLite's errors into ours, with the file and what to do."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a mistake in our code, such as a write after close()
        except sqlite3.IntegrityError as error:
            raise RunFolderError(f"{self.path} holds this row already, or refuses it: {error}") from None
        except sqlite3.OperationalError as error:
            raise RunFolderError(f"cannot {action} {self.path}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise RunFolderError(
                f"{self.path} is damaged or not a campaign ({error}); restore it from a copy, or use a new folder"
            ) from None


def _with_replicates(table: pd.DataFrame, column: str, replicates: Sequence[Replicate]) -> pd.DataFrame:
    """The table of answers with the mean of all measurements of each item, their number and standard deviation."""
    told: dict[str, list[float]] = {}
    for replicate in replicates:
        told.setdefault(replicate.identity, []).append(replicate.score)
    first = [[] if math.isnan(score) else [score] for score in table["score"]]
    every = [scores + told.get(identity, []) for identity, scores in zip(table[column], first, strict=True)]
    table["score"] = [float(np.mean(scores)) if scores else math.nan for scores in every]
    table["status"] = ["ok" if scores else "failed" for scores in every]
    errors = [None if scores else error for scores, error in zip(every, table["error"], strict=True)]
    table["error"] = pd.Series(errors, dtype=object)
    table["measurements"] = [len(scores) for scores in every]
    table["score_sd"] = [float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan for scores in every]
    return table


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _lock(path: Path) -> FileLock:
    """Take the writer's lock, on a file beside ``path`` that is removed again by :func:`_unlock`."""
    file = path.with_name(path.name + ".lock")
    # without the fall-back to a file that merely exists, which would outlive a killed process
    lock = FileLock(file, timeout=0, thread_local=False, fallback_to_soft=False)
    try:
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        lock.acquire()
        file.write_text(f"process {os.getpid()} on {os.uname().nodename}\n", encoding="utf-8")
    except Timeout:
        owner = ""
        with contextlib.suppress(OSError):
            owner = file.read_bytes()[:100].decode("utf-8", "replace").strip()
        raise RunFolderError(
            f"{path} is being written by another process ({owner or 'unknown'}); wait for it, or end it"
        ) from None
    except OSError as error:
        raise RunFolderError(f"cannot write in {path.parent}: {error.strerror}") from None
    return lock


def _unlock(lock: FileLock | None) -> None:
    if lock is not None and lock.is_locked:
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)  # while it is held: whoever waits for the old file then opens a new one
        lock.release()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _to_json(value: Any) -> str:
    """One text for one value, whatever the order in which its keys were set."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _cleaned(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(_clean(value) if isinstance(value, str) else value for value in row) for row in rows]


def _clean(text: str) -> str:
    """Lone surrogates, which hostile names may hold, have no UTF-8 and would be refused by SQLite."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


_DTYPES: dict[str, Any] = {name: "int64" for name in ("call", "id", "step", "slot")} | {
    name: "float64" for name in ("score", "seconds", "predicted_mean", "predicted_std", "acquisition", "feasibility")
}


def _table(rows: list[tuple[Any, ...]], columns: list[str]) -> pd.DataFrame:
    """A table whose dtypes do not depend on what the rows happen to hold; missing text is ``None``."""
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype="Int64" if name == "votes" else _DTYPES.get(name, object))
            for name, column in zip(columns, values, strict=True)
        }
    )
