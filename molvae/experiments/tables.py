"""Run a verb on a table: to stdout, to a file, or as one of several shards that are merged later.

Nothing here holds more than some thousand rows. A file takes its place when its last row is written: a run that was
killed leaves nothing, and one in shards goes on with the shards that are not there yet.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from molvae.chemistry.formats import file_kind
from molvae.chemistry.merging import join
from molvae.chemistry.writing import csv_append, table_writer
from molvae.core.seen import DUPLICATE, FirstRows, duplicate_of
from molvae.errors import ConfigError, InputError
from molvae.experiments.verbs import Machine, Validate, Verb
from molvae.run.progress import Event, Progress, silent, track
from molvae.run.shards import Manifest, Shard, checksum, complete_run, describe_input

HERE = Machine()


@dataclass(frozen=True)
class Outcome:
    """What a verb, or a merge, has left behind.

    Attributes:
        rows: written.
        refused: of them.
        path: the file; None: stdout.
        already_there: the shard was finished before, and nothing was done.
    """

    rows: int
    refused: int
    path: Path | None = None
    already_there: bool = False


def execute(
    verb: Verb,
    output: Path | None = None,
    shard: Shard | None = None,
    machine: Machine = HERE,
    progress: Progress = silent,
    stdout: TextIO | None = None,
) -> Outcome:
    """Make all rows of a verb, or those of one shard.

    Args:
        verb: what is done.
        output: a file of any kind that tables have; None: CSV to stdout. The file of a shard has its number in the
            name, see :meth:`Shard.path`, and a manifest beside it.
        shard: which part of the rows; None: all.
        machine: where it is done.
        progress: told how many rows are done.
        stdout: default: that of the process.

    Raises:
        ConfigError: a shard without a file, of a kind that cannot be merged, or more shards than rows.
        MolvaeError: the input, or a model, cannot be used.
    """
    if shard is not None:
        check_shard(verb, output)
    if output is not None:
        file_kind(output, must_exist=False)
    work = verb.open(machine)
    start, stop = (0, work.total) if shard is None else shard.rows(work.total)
    frames = _tracked(work.rows(start, stop, shard), verb.name, stop - start, progress)
    if shard is None or output is None:
        rows, refused = _write(verb, frames, output, stdout)
        return Outcome(rows, refused, output)
    path = shard.path(output)
    source = {} if verb.input is None else describe_input(verb.input)
    settings = {**verb.settings, **{f"{name} (checksum)": value for name, value in work.facts.items()}}
    planned = Manifest(verb.name, settings, source, work.total, shard, stop - start, 0, "")
    if (before := _finished(path, planned)) is not None:
        return Outcome(before.rows, before.refused, path, already_there=True)
    rows, refused = _write(verb, frames, path, None)
    Manifest(verb.name, settings, source, work.total, shard, rows, refused, checksum(path)).write(path)
    return Outcome(rows, refused, path)


def check_shard(verb: Verb, output: Path | None) -> None:
    """Refuse a file that could not be merged.

    Raises:
        ConfigError: no file, or one without the columns that merging needs.
    """
    if output is None:
        raise ConfigError("a shard needs a file (-o), so that it can be merged with the others")
    kind = file_kind(output, must_exist=False)
    if isinstance(verb, Validate) and kind not in (".csv", ".tsv", ".parquet"):
        raise ConfigError("shards of validate are .csv, .tsv or .parquet: merging looks for duplicates in columns")


def _finished(path: Path, planned: Manifest) -> Manifest | None:
    """The manifest of a shard that is there already, whole and of this very run."""
    try:
        before = Manifest.read(path) if path.is_file() else None
    except InputError:
        return None
    same = before is not None and (before.run, before.shard) == (planned.run, planned.shard)
    return before if before is not None and same and checksum(path) == before.sha256 else None


def _write(verb: Verb, frames: Iterable[pd.DataFrame], path: Path | None, stdout: TextIO | None) -> tuple[int, int]:
    rows = refused = 0
    with nullcontext(csv_append(stdout or sys.stdout)) if path is None else table_writer(path) as append:
        for frame in frames:
            append(frame)
            rows, refused = rows + len(frame), refused + verb.refused(frame)
    return rows, refused


def _tracked(frames: Iterable[pd.DataFrame], what: str, total: int, progress: Progress) -> Iterator[pd.DataFrame]:
    """The same tables; tells how many of their rows are done."""
    done = 0
    progress(Event(what, done, total))
    try:
        for frame in frames:
            yield frame
            done += len(frame)
            progress(Event(what, done, total))
    finally:
        progress(Event(what, done, total, ended=True))


def merge(paths: Sequence[Path], output: Path, progress: Progress = silent) -> Outcome:
    """Join the shards of one run in their order; the result is what the run would have written in one piece.

    In shards of ``validate``, what is the same as a molecule of an earlier shard becomes a duplicate here.

    Args:
        paths: files of shards, in any order.
        output: a file of their kind.
        progress: told how many shards are joined.

    Raises:
        InputError: a shard is missing, there twice, damaged, or of another run; or the output is of another kind.
    """
    ordered, manifests = complete_run(paths)
    if output.resolve() in {path.resolve() for path in ordered}:
        raise InputError(f"{output} is one of the shards: give another file")
    verb = manifests[0].verb
    again = _Duplicates() if verb == Validate.name else None
    rows = join(track(ordered, "merging", progress=progress), output, again)
    if rows is not None and rows != (wanted := sum(manifest.rows for manifest in manifests)):
        raise InputError(f"the shards hold {rows} rows, and their manifests say {wanted}: make them again")
    return Outcome(manifests[0].total, again.refused if again else sum(m.refused for m in manifests), output)


class _Duplicates:
    """Verdicts of shards one after another -> those of the whole: duplicates are found across shards."""

    def __init__(self) -> None:
        self.seen, self.row, self.refused = FirstRows(), 0, 0

    def __call__(self, table: pd.DataFrame) -> pd.DataFrame:
        status, reason = table["status"].tolist(), table["reason"].tolist()
        valid = table["valid"].astype(str) == "True"
        for place, (smiles, is_valid) in enumerate(zip(table["smiles"], valid, strict=True)):
            row = self.row + place
            if is_valid and (first := self.seen.first(str(smiles), row)) != row:
                status[place], reason[place] = DUPLICATE, duplicate_of(first)
        self.row += len(table)
        self.refused += sum(verdict != "valid" for verdict in status)
        return table.assign(status=status, reason=reason)
