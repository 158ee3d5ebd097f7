"""Properties of a sequence by name; none of them needs a structure."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from molvae.errors import ConfigError
from molvae.proteins.alignment import identity
from molvae.proteins.sequence import RESIDUES, Protein

# Kyte & Doolittle 1982, J. Mol. Biol. 157, 105, table 2
_HYDROPATHY = {
    "A": 1.8, "R": -4.5, "N": -3.5, "D": -3.5, "C": 2.5, "Q": -3.5, "E": -3.5, "G": -0.4, "H": -3.2, "I": 4.5,
    "L": 3.8, "K": -3.9, "M": 1.9, "F": 2.8, "P": -1.6, "S": -0.8, "T": -0.7, "W": -0.9, "Y": -1.3, "V": 4.2,
}  # fmt: skip
# average masses of residues in Da
_MASS = {
    "A": 71.08, "R": 156.19, "N": 114.10, "D": 115.09, "C": 103.14, "E": 129.12, "Q": 128.13, "G": 57.05, "H": 137.14,
    "I": 113.16, "L": 113.16, "K": 128.17, "M": 131.19, "F": 147.18, "P": 97.12, "S": 87.08, "T": 101.10, "W": 186.21,
    "Y": 163.18, "V": 99.13,
}  # fmt: skip
_WATER = 18.02
_PH = 7.0
# pK of side chains and of the two ends: Bjellqvist et al. 1993
_POSITIVE = {"K": 10.0, "R": 12.0, "H": 5.98}
_NEGATIVE = {"D": 4.05, "E": 4.45, "C": 9.0, "Y": 10.0}
_ENDS = (7.5, 3.55)


@dataclass(frozen=True)
class Property:
    """A number of a sequence.

    Attributes:
        function: sequence -> number.
        description: one line.
        unit: empty if it has none.
        source: where it is defined.
    """

    function: Callable[[str], float]
    description: str
    unit: str = ""
    source: str = ""


def charge(sequence: str) -> float:
    """Net charge at pH 7, each group by Henderson and Hasselbalch."""
    positive = [1 / (1 + 10 ** (_PH - pk)) for pk in (*map(_POSITIVE.get, sequence), _ENDS[0]) if pk is not None]
    negative = [1 / (1 + 10 ** (pk - _PH)) for pk in (*map(_NEGATIVE.get, sequence), _ENDS[1]) if pk is not None]
    return sum(positive) - sum(negative)


def hydropathy(sequence: str) -> float:
    """Mean hydropathy of the residues (GRAVY)."""
    return sum(_HYDROPATHY[residue] for residue in sequence) / len(sequence)


PROPERTIES: dict[str, Property] = {
    "length": Property(lambda text: float(len(text)), "number of residues"),
    "charge": Property(charge, "net charge at pH 7", "e", "pK of Bjellqvist et al. 1993"),
    "hydropathy": Property(hydropathy, "mean hydropathy (GRAVY), large: water-repellent", "", "Kyte & Doolittle 1982"),
    "mass": Property(lambda text: (sum(map(_MASS.__getitem__, text)) + _WATER) / 1000, "average mass", "kDa"),
    "aromaticity": Property(lambda text: sum(map(text.count, "FWY")) / len(text), "share of F, W and Y"),
    "cysteines": Property(lambda text: float(text.count("C")), "number of cysteines"),
}
FUNCTION = "function"
"""The property that a fitted model of measured function makes, where a model folder has one."""


def wild_type(argument: str) -> str:
    """The sequence that a target such as ``similarity('MKV...')`` is about.

    Raises:
        ConfigError: it is no protein.
    """
    item, reason = Protein.parse(argument)
    if item is None:
        raise ConfigError(f"no protein to be compared with: {reason} (letters of {RESIDUES})")
    return item.sequence


@functools.lru_cache(maxsize=50_000)
def similar(sequence: str, other: str) -> float:
    """Share of equal residues in a global alignment."""
    return identity(sequence, other)


TARGETS: dict[str, tuple[Callable[[str, str], float], str]] = {
    "similarity": (similar, "share of equal residues in a global alignment, to a wild type for example"),
}
"""Kinds of properties that are made for a sequence: kind -> function of (sequence, argument), and a description."""
