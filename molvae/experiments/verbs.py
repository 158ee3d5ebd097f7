"""What the table commands do, as settings: each takes rows of a file, or of nothing, and gives rows of a table.

A verb works in parts, so that its memory does not grow with the file; :mod:`molvae.experiments.tables` writes what it
gives, whole or as one of several shards. The same settings give the same rows, whatever the machine. What needs torch
is imported by the verb that needs it, so that scoring starts at once.
"""

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pandas as pd
from pydantic import Field

from molvae.chemistry.domain import MOLECULES
from molvae.chemistry.filters import FilterConfig, Filters
from molvae.chemistry.io import read_molecules
from molvae.chemistry.properties import files_behind
from molvae.chemistry.source import Source, open_molecules, open_table
from molvae.chemistry.tables import score_table, validate_table
from molvae.core.seen import FirstRows
from molvae.design.objective import Objective
from molvae.run.config import Config, Seed
from molvae.run.parallel import map_in_order, processes
from molvae.run.progress import Progress, silent
from molvae.run.seeds import step_seed
from molvae.run.shards import Shard, checksum
from molvae.weights import DEFAULT_MODEL, weights_folder

if TYPE_CHECKING:
    from molvae.molecules.base import MolecularModel

_PARALLEL_FROM = 2000  # rows below which starting processes costs more than it saves
_PIECE = 512  # rows for a process at a time
_PART = 4096  # rows at a time
_ENCODED = 8192  # molecules that are encoded together: those of similar length share a batch

Decodings = Annotated[int, Field(ge=1, le=10_000)]
Mask = Literal["valence", "syntax", "none"]


@dataclass(frozen=True)
class Machine:
    """Where a verb works; nothing in the rows depends on it.

    Attributes:
        device: ``auto`` or a torch device.
        workers: processes; 0: as many as pay.
        progress: told how far what is inside a part has come.
    """

    device: str = "auto"
    workers: int = 0
    progress: Progress = silent


@dataclass(frozen=True)
class Work:
    """A verb that is ready to begin.

    Attributes:
        total: rows in all.
        rows: (start, stop, shard) -> tables of the rows in between, in order.
        facts: what the settings do not say but the rows depend on.
    """

    total: int
    rows: Callable[[int, int, Shard | None], Iterator[pd.DataFrame]]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Verb(Config):
    """Base of all: a subclass has a name and its settings, and opens its input."""

    name: ClassVar[str]
    input: Path | None = None
    """File of molecules or points; for ``sample`` none."""

    def open(self, machine: Machine) -> Work:
        """Read what is needed before the first row.

        Raises:
            MolvaeError: the input, or a model, cannot be used.
        """
        raise NotImplementedError

    def refused(self, table: pd.DataFrame) -> int:
        """How many rows of its result were refused."""
        return 0

    @property
    def settings(self) -> dict[str, Any]:
        """What the rows depend on, as JSON, without the input."""
        return self.model_dump(mode="json", exclude={"input"})


class OfMolecules(Verb):
    """A verb whose input is a file of molecules."""

    input: Path
    smiles_column: str | None = None
    """Column that holds the SMILES."""

    def molecules(self) -> Source:
        return open_molecules(self.input, self.smiles_column)


class Score(OfMolecules):
    """Score molecules with an objective."""

    name: ClassVar = "score"
    objective: str = "5*QED - SAS"

    def open(self, machine: Machine) -> Work:
        formula, source = Objective.parse(self.objective), self.molecules()
        work = functools.partial(score_table, objective=formula, num_workers=1, progress=silent)

        def rows(start: int, stop: int, shard: Shard | None) -> Iterator[pd.DataFrame]:
            workers = machine.workers or ((os.cpu_count() or 1) if stop - start >= _PARALLEL_FROM else 1)
            with processes(workers) as executor:
                yield from map_in_order(work, source.chunks(_PIECE, start, stop), executor, 4 * workers)

        return Work(source.rows, rows, {"files": files_behind(formula.properties)})

    def refused(self, table: pd.DataFrame) -> int:
        return int((~table["valid"]).sum())


class Validate(OfMolecules):
    """Judge molecules."""

    name: ClassVar = "validate"
    model: str = DEFAULT_MODEL
    """Model whose training set novelty refers to."""
    filters: FilterConfig = FilterConfig()

    def open(self, machine: Machine) -> Work:
        from molvae.core.training_set import known_file
        from molvae.design.validation import Validator
        from molvae.molecules.known import known_molecules

        validator = Validator(MOLECULES, known_molecules(self.model), Filters(self.filters))
        source = self.molecules()

        def rows(start: int, stop: int, shard: Shard | None) -> Iterator[pd.DataFrame]:
            seen, row = FirstRows(), start
            for part in source.chunks(_PIECE, start, stop):
                yield validate_table(part, validator, row, seen)
                row += len(part)

        known = known_file(weights_folder(self.model))
        return Work(source.rows, rows, {"known": None if known is None else checksum(known)})

    def refused(self, table: pd.DataFrame) -> int:
        return int((table["status"] != "valid").sum())


class Encode(OfMolecules):
    """Give the latent points of molecules."""

    name: ClassVar = "encode"
    model: str = DEFAULT_MODEL
    refine: bool = True

    def open(self, machine: Machine) -> Work:
        from molvae.molecules.tables import encode_table

        source, model = self.molecules(), load(self.model, machine.device)

        def rows(start: int, stop: int, shard: Shard | None) -> Iterator[pd.DataFrame]:
            for part in source.chunks(_ENCODED, start, stop):
                yield encode_table(model, part, self.refine, machine.progress)

        return Work(source.rows, rows, {"model": model.fingerprint()})

    def refused(self, table: pd.DataFrame) -> int:
        return int((table["error"] != "").sum())


class Decode(Verb):
    """Give the molecules at latent points. A shard has random numbers of its own."""

    name: ClassVar = "decode"
    input: Path
    model: str = DEFAULT_MODEL
    n_decodings: Decodings = 50
    choose: Literal["posterior", "votes"] = "posterior"
    mask: Mask = "valence"
    seed: Seed = 0

    def open(self, machine: Machine) -> Work:
        from molvae.molecules.base import decoded_together
        from molvae.molecules.tables import decode_tables

        source, model = open_table(self.input), load(self.model, machine.device)

        def rows(start: int, stop: int, shard: Shard | None) -> Iterator[pd.DataFrame]:
            parts = source.chunks(decoded_together(self.n_decodings), start, stop)
            yield from decode_tables(model, parts, self.n_decodings, self.mask, _seed(self.seed, shard), self.choose)

        return Work(source.rows, rows, {"model": model.fingerprint()})


class Sample(Verb):
    """Draw molecules from the prior, or from where given molecules lie. A shard has random numbers of its own."""

    name: ClassVar = "sample"
    number: Annotated[int, Field(ge=1, le=10**12)] = 100
    model: str = DEFAULT_MODEL
    n_decodings: Decodings = 1
    mask: Mask = "valence"
    like: Path | None = None
    """Molecules: the points come from the Gaussian fitted to their encodings."""
    seed: Seed = 0

    def open(self, machine: Machine) -> Work:
        like = None if self.like is None else read_molecules(self.like).frame["smiles"].astype(str).tolist()
        model = load(self.model, machine.device)

        def rows(start: int, stop: int, shard: Shard | None) -> Iterator[pd.DataFrame]:
            seed = _seed(self.seed, shard)
            yield from model.sample_in_parts(stop - start, self.n_decodings, self.mask, seed, like)

        facts = {} if self.like is None else {"like": checksum(self.like)}
        return Work(self.number, rows, {"model": model.fingerprint(), **facts})


class Predict(OfMolecules):
    """Predict an activity with a model of ``molvae fit``."""

    name: ClassVar = "predict"
    model: str

    def open(self, machine: Machine) -> Work:
        from molvae.activity.model import ActivityModel
        from molvae.activity.predictor import fingerprint
        from molvae.activity.table import predict_table

        model, source = ActivityModel.load(self.model, machine.device), self.molecules()

        def rows(start: int, stop: int, shard: Shard | None) -> Iterator[pd.DataFrame]:
            for part in source.chunks(_PART, start, stop):
                yield predict_table(model, part)

        return Work(source.rows, rows, {"model": fingerprint(self.model)})

    def refused(self, table: pd.DataFrame) -> int:
        return int((~table["valid"]).sum())


VERBS: dict[str, type[Verb]] = {verb.name: verb for verb in (Score, Validate, Encode, Decode, Sample, Predict)}


def models_in(path: Path, shard: Shard | None = None) -> list[str]:
    """Every model that a file of points names, or the rows of a shard of it.

    Raises:
        InputError: it cannot be used.
        ConfigError: it has fewer rows than there are shards.
    """
    from molvae.molecules.tables import models_named

    source = open_table(path)
    start, stop = (0, source.rows) if shard is None else shard.rows(source.rows)
    return sorted({name for part in source.chunks(_PART, start, stop) for name in models_named(part)})


def load(model: str, device: str) -> "MolecularModel":
    """A model of molecules by its name or folder.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    from molvae.core.pretrained import load_model
    from molvae.molecules.base import as_molecular

    return as_molecular(load_model(model, device), model)


def _seed(seed: int, shard: Shard | None) -> int:
    return seed if shard is None else step_seed(seed, shard.number)
