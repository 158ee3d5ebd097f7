"""Proteins as the domain of a campaign: what a candidate is, how it is judged, measured, mutated, drawn and written."""

import functools
import hashlib
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from molvae.errors import ConfigError, InputError
from molvae.proteins.alignment import align
from molvae.proteins.drawing import differences, sequence_svg
from molvae.proteins.evolution import SequenceBreeder, SequenceEvolution
from molvae.proteins.filters import ProteinFilterConfig, ProteinFilters
from molvae.proteins.function import FunctionModel
from molvae.proteins.io import read_proteins, write_proteins
from molvae.proteins.kmers import features, similarity
from molvae.proteins.properties import FUNCTION, PROPERTIES, TARGETS, wild_type
from molvae.proteins.sequence import Protein
from molvae.run.panels import Panel

_KINDS = str.maketrans("AILMVFWYKRHDESTNQCGP", "aaaaafff+++--ssssCGP")  # residues by what they are like
_ALIGNED = 12  # designs beside their parents


class ProteinDomain:
    """See :class:`molvae.design.protocols.Domain`; needs no torch, so that a worker process starts quickly.

    Args:
        function: a model of measured function; it makes the property ``function``.
    """

    name = "proteins"
    column = "sequence"
    suffix = ".txt"
    default_strategy = "latent"
    targets: Collection[str] = tuple(TARGETS)
    tasks: Mapping[str, str] = {}
    filter_settings: type[Any] = ProteinFilterConfig

    def __init__(self, function: FunctionModel | None = None) -> None:
        self.function = function
        measured = () if function is None else (FUNCTION,)
        self.properties: Collection[str] = (*measured, *PROPERTIES)
        self.default_objective = FUNCTION if function is not None else "-hydropathy"
        self.reported: tuple[str, ...] = (*measured, "length", "charge", "hydropathy")

    @functools.cached_property
    def state(self) -> str:
        """The fitted function, as it lies in a model folder."""
        return "" if self.function is None else self.function.to_csv()

    def restored(self, state: str) -> "ProteinDomain":
        return ProteinDomain(_function(state)) if state else PROTEINS

    def parse(self, text: str) -> tuple[Protein | None, str]:
        return Protein.parse(text)

    def target(self, kind: str, argument: str) -> str:
        if kind not in TARGETS:
            raise ConfigError(f"{kind} is not known: there is {', '.join(TARGETS)}")
        return f"{kind}({wild_type(argument)!r})"

    def is_property(self, name: str) -> bool:
        kind, _, rest = name.partition("(")
        return name in self.properties or (kind in TARGETS and rest.endswith(")"))

    def compute(self, item: Protein, names: Sequence[str]) -> dict[str, float]:
        return {name: self._computed(item.sequence, name) for name in names}

    def _computed(self, sequence: str, name: str) -> float:
        if name == FUNCTION:
            if self.function is None:
                raise ConfigError("this model has no fitted function: train it with function_column")
            return float(self.function([sequence])[0])
        if name in PROPERTIES:
            return PROPERTIES[name].function(sequence)
        kind, _, rest = name.partition("('")
        return TARGETS[kind][0](sequence, rest.removesuffix("')"))

    def files_behind(self, names: Sequence[str]) -> dict[str, str]:
        """The checksum of the function model, if a property needs it."""
        if FUNCTION not in names or self.function is None:
            return {}
        return {"function": hashlib.sha256(self.function.to_csv().encode()).hexdigest()}

    def scaffold(self, item: Protein) -> str:
        """The sequence with residues of one kind told apart no further: what a family has in common at its core."""
        return item.sequence.translate(_KINDS)

    def filters(self, settings: ProteinFilterConfig) -> ProteinFilters:
        return ProteinFilters(settings)

    def evolution(self, population_size: int, seed: int, fitting: Any = None) -> SequenceEvolution:
        return SequenceEvolution(population_size, random.Random(seed))

    def breeder(self) -> SequenceBreeder:
        return SequenceBreeder()

    def features(self, item: Protein) -> np.ndarray:
        return features(item.sequence)

    def similarity(self, rows: Sequence[Protein], columns: Sequence[Protein]) -> np.ndarray:
        """MinMax similarity of counted residues, pairs and triplets (Ralaivola et al. 2005)."""
        return similarity([item.sequence for item in rows], [item.sequence for item in columns])

    def draw(self, text: str, width: int, height: int) -> str:
        return sequence_svg(text, width, height)

    def read(self, path: Path, column: str | None = None) -> pd.DataFrame:
        return read_proteins(path, column)

    def write(self, table: pd.DataFrame, folder: Path, stem: str) -> dict[str, Path]:
        """All rows as CSV; as FASTA those that have a score, if the table says which."""
        paths = {"table": folder / f"{stem}.csv", "sequences": folder / f"{stem}.fasta"}
        write_proteins(table, paths["table"])
        write_proteins(table[table["status"] == "ok"] if "status" in table else table, paths["sequences"])
        return paths

    def default_start(self) -> pd.DataFrame:
        """The sequences that the model of function holds: those that were measured, or what was written near them.

        Raises:
            InputError: there are none.
        """
        if self.function is None:
            raise InputError("there are no proteins to begin with: give a file of the family with -i")
        return pd.DataFrame({"sequence": self.function.sequences})

    def panels(self, table: pd.DataFrame) -> list[Panel]:
        """The best designs, each below the starting sequence that it is most like, aligned."""
        start = table[table["origin"] == "start"]["sequence"].tolist()
        designs = table[table["origin"] != "start"].head(_ALIGNED)
        if not start or designs.empty:
            return []
        nearest = similarity(designs["sequence"].tolist(), start).argmax(1)
        rows = []
        for place, (row, parent) in enumerate(zip(designs.to_dict("records"), nearest, strict=True), start=1):
            above, below = align(start[parent], row["sequence"])
            changes = sum(a != b for a, b in zip(above, below, strict=True))
            rows.append({"name": f"start {parent + 1}", "sequence": above, "group": place, "note": ""})
            note = f"{row['score']:.3g}, {changes} changes"
            rows.append({"name": f"design {place}", "sequence": below, "group": place, "note": note})
        mutations = [
            {
                "design": place,
                "score": row["score"],
                "changes": differences(*align(start[parent], row["sequence"])),
                "sequence": row["sequence"],
            }
            for place, (row, parent) in enumerate(zip(designs.to_dict("records"), nearest, strict=True), start=1)
        ]
        caption = (
            "Each of the best designs below the starting sequence that it is most like; residues that are the same are"
            " pale. Numbers: score, and changes to that parent."
        )
        return [
            Panel("parents", "alignment", "Designs beside their parents", caption, frame=pd.DataFrame(rows)),
            Panel("mutations", "table", "What was changed", "In the numbering of the parent.", pd.DataFrame(mutations)),
        ]


PROTEINS = ProteinDomain()


@functools.lru_cache(maxsize=8)
def _function(text: str) -> FunctionModel:
    return FunctionModel.from_csv(text)


def domain_of(folder: Path) -> ProteinDomain:
    """The domain of a model folder, told without its weights: with a function if the folder has a fitted one.

    Raises:
        CheckpointError: what was fitted is damaged.
    """
    path = folder / "function.csv"
    return ProteinDomain(_function(path.read_text(encoding="utf-8"))) if path.is_file() else ProteinDomain()
