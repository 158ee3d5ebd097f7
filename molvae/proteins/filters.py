"""Which proteins are acceptable, the reason for each refusal, and what to warn of."""

import re
from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from molvae.errors import abbreviate
from molvae.proteins.properties import similar
from molvae.proteins.sequence import LONGEST, RESIDUES, Protein
from molvae.run.config import Config

_MIN_SIMILARITY = 0.5
_MOTIF = re.compile(rf"[{RESIDUES}x]{{1,100}}")
_LIABILITIES = (  # what makers of proteins look for in a sequence
    ("glycosylation site", re.compile("N[^P][ST]")),
    ("deamidation site", re.compile("NG")),
    ("isomerisation site", re.compile("DG")),
    ("run of one residue", re.compile(r"(.)\1{4}")),
    ("long water-repellent stretch", re.compile("[AFILMVWYC]{9}")),
)


class ProteinFilterConfig(Config):
    """Settings of :class:`ProteinFilters`."""

    min_length: int = Field(2, ge=1, le=LONGEST)
    """Fewest residues."""
    max_length: int = Field(LONGEST, ge=1, le=LONGEST)
    """Most residues."""
    max_run: int = Field(8, ge=1, le=LONGEST)
    """Longest run of one residue."""
    require: tuple[str, ...] = ()
    """Motifs that a protein must contain, all of them; x stands for any residue: ``PxxP``."""
    forbid: tuple[str, ...] = ()
    """Motifs that a protein must not contain."""
    lead: str | None = None
    """Sequence of a wild type around which is searched."""
    min_similarity: float | None = Field(None, gt=0, le=1)
    """Least share of residues that are those of the lead, after alignment; 0.5 if there is a lead."""

    @field_validator("require", "forbid")
    @classmethod
    def _motifs(cls, motifs: tuple[str, ...]) -> tuple[str, ...]:
        for motif in motifs:
            if not _MOTIF.fullmatch(motif):
                raise ValueError(f"{abbreviate(motif)!r} is no motif: letters of {RESIDUES}, x for any residue")
        return motifs

    @field_validator("lead")
    @classmethod
    def _sequence(cls, lead: str | None) -> str | None:
        if lead is None:
            return None
        item, reason = Protein.parse(lead)
        if item is None:
            raise ValueError(f"the lead is no protein: {reason}")
        return item.sequence

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError(f"min_length {self.min_length} is above max_length {self.max_length}")
        if self.lead is None and self.min_similarity is not None:
            raise ValueError("min_similarity is to a lead: give one, or leave it out")
        if self.lead is not None and (reasons := ProteinFilters(self).reasons(Protein(self.lead))):
            raise ValueError(f"the lead itself would be refused: {'; '.join(reasons)}")
        return self


class ProteinFilters:
    """Judges proteins.

    Args:
        config: what is acceptable.
    """

    counted: Sequence[str] = ("liabilities",)
    fitting: Any = None

    def __init__(self, config: ProteinFilterConfig | None = None) -> None:
        self.config = config or ProteinFilterConfig()
        self._require = [(motif, _pattern(motif)) for motif in self.config.require]
        self._forbid = [(motif, _pattern(motif)) for motif in self.config.forbid]
        self._run = re.compile(rf"(.)\1{{{self.config.max_run}}}")

    def reasons(self, item: Protein) -> list[str]:
        """Why a protein is refused; empty if it passes."""
        config, sequence, reasons = self.config, item.sequence, []
        if not config.min_length <= len(sequence) <= config.max_length:
            reasons.append(f"{len(sequence)} residues, not {config.min_length} to {config.max_length}")
        if self._run.search(sequence):
            reasons.append(f"a run of more than {config.max_run} equal residues")
        reasons += [f"lacks {motif}" for motif, pattern in self._require if not pattern.search(sequence)]
        reasons += [f"contains {motif}" for motif, pattern in self._forbid if pattern.search(sequence)]
        if config.lead is not None:
            least = _MIN_SIMILARITY if config.min_similarity is None else config.min_similarity
            if (value := similar(sequence, config.lead)) < least:
                reasons.append(f"similarity {value:.2f} to the lead, less than {least:g}")
        return reasons

    def alerts(self, item: Protein) -> list[str]:
        """Known liabilities of sequences, each with the residue at which it begins."""
        found = ((name, pattern.search(item.sequence)) for name, pattern in _LIABILITIES)
        alerts = [f"{name} at {match.start() + 1}" for name, match in found if match is not None]
        return [*alerts, "odd number of cysteines"] if item.sequence.count("C") % 2 else alerts

    def counts(self, item: Protein) -> dict[str, int]:
        """How many kinds of liabilities there are."""
        return {"liabilities": len(self.alerts(item))}


def _pattern(motif: str) -> re.Pattern[str]:
    return re.compile(motif.replace("x", "."))
