"""Which molecules are acceptable, and the reason for each refusal; structural alerts."""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from rdkit import Chem, rdBase
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from molvae.chemistry.fitting import Around, Fitting
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.properties import compute
from molvae.chemistry.scaffold import Scaffold
from molvae.chemistry.targets import MOLECULES as DRUGS
from molvae.errors import InputError, abbreviate
from molvae.run.config import Config

AlertCatalog = Literal["PAINS", "BRENK", "NIH", "CHEMBL"]
_MIN_SIMILARITY = 0.4
_RULE_OF_FIVE = {"MW": 500.0, "logP": 5.0, "HBD": 5.0, "HBA": 10.0}  # Lipinski et al. 1997


class FilterConfig(Config):
    """Settings of :class:`Filters`."""

    allowed_elements: tuple[str, ...] = ("H", "B", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
    """Elements that may occur."""
    max_charge: int = Field(1, ge=0, le=1000)
    """Largest absolute net charge."""
    allow_radicals: bool = False
    """Whether unpaired electrons are accepted."""
    allow_isotopes: bool = False
    """Whether isotope labels are accepted."""
    allow_fragments: bool = False
    """Whether salts and mixtures (more than one fragment) are accepted."""
    max_heavy_atoms: int = Field(60, ge=1, le=1000)
    """Largest number of atoms other than hydrogen."""
    max_ring_size: int = Field(8, ge=3, le=1000)
    """Largest ring."""
    lipinski: bool = False
    """Refuse more than one violation of the rule of five."""
    refuse_alerts: tuple[AlertCatalog, ...] = ()
    """Catalogues of structural alerts whose matches are refused."""
    require: tuple[str, ...] = ()
    """SMARTS that a molecule must contain, all of them."""
    forbid: tuple[str, ...] = ()
    """SMARTS that a molecule must not contain."""
    lead: str | None = None
    """SMILES of a molecule around which is searched, or a drug that is known by name."""
    min_similarity: float | None = Field(None, gt=0, le=1)
    """Least Tanimoto similarity to the lead (Morgan radius 2, 2,048 bits); 0.4 if there is a lead."""
    scaffold: str | None = None
    """SMILES whose marks ``[*:1]``, ``[*:2]`` ... say where it may grow; molecules must keep it and grow there only."""

    @field_validator("require", "forbid")
    @classmethod
    def _smarts(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            with rdBase.BlockLogs():  # the message says it
                valid = pattern.isascii() and bool(pattern) and Chem.MolFromSmarts(pattern) is not None
            if not valid:
                raise ValueError(f"{abbreviate(pattern)!r} is not a valid SMARTS pattern")
        return patterns

    @field_validator("lead", "scaffold")
    @classmethod
    def _smiles(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            try:
                _lead(text) if info.field_name == "lead" else Scaffold.parse(text)
            except InputError as error:
                raise ValueError(str(error)) from None
        return text

    @model_validator(mode="after")
    def _lead_fits(self) -> Self:
        if self.lead is None and self.min_similarity is not None:
            raise ValueError("min_similarity is to a lead: give one, or leave it out")
        around = self.around()
        if around is not None and around.lead is not None and (reasons := Filters(self).reasons(around.lead)):
            raise ValueError(f"the lead itself would be refused: {'; '.join(reasons)}")
        return self

    def around(self) -> Around | None:
        """What molecules are to be like, if it is said."""
        if self.lead is None and self.scaffold is None:
            return None
        lead = None if self.lead is None else _lead(self.lead)
        scaffold = None if self.scaffold is None else Scaffold.parse(self.scaffold)
        return Around(lead, _MIN_SIMILARITY if self.min_similarity is None else self.min_similarity, scaffold)


def _lead(text: str) -> Molecule:
    molecule, reason = Molecule.parse(DRUGS.get(text.lower(), text))
    if molecule is None:
        raise InputError(f"the lead {abbreviate(text)!r} is neither a molecule ({reason}) nor a drug known by name")
    return molecule


class Filters:
    """Judges molecules.

    Args:
        config: what is acceptable.
    """

    counted: Sequence[str] = ("lipinski_violations",)

    def __init__(self, config: FilterConfig | None = None) -> None:
        self.config = config or FilterConfig()
        self._require = [(text, Chem.MolFromSmarts(text)) for text in self.config.require]
        self._forbid = [(text, Chem.MolFromSmarts(text)) for text in self.config.forbid]
        self._allowed = set(self.config.allowed_elements)
        self._around = self.config.around()

    @property
    def fitting(self) -> Fitting | None:
        """What makes molecules fit, if they are to be around a lead or on a scaffold."""
        return None if self._around is None else Fitting(self._around, lambda molecule: not self.reasons(molecule))

    def reasons(self, molecule: Molecule) -> list[str]:
        """Why a molecule is refused; empty if it passes."""
        config, mol = self.config, molecule.mol
        reasons = []
        foreign = sorted({atom.GetSymbol() for atom in mol.GetAtoms()} - self._allowed)
        if foreign:
            reasons.append(f"element {', '.join(foreign)} not allowed")
        charge = Chem.GetFormalCharge(mol)
        if abs(charge) > config.max_charge:
            reasons.append(f"net charge {charge:+d} beyond {config.max_charge}")
        if not config.allow_radicals and any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
            reasons.append("radical")
        if not config.allow_isotopes and any(atom.GetIsotope() for atom in mol.GetAtoms()):
            reasons.append("isotope label")
        fragments = len(Chem.GetMolFrags(mol))
        if fragments > 1 and not config.allow_fragments:
            reasons.append(f"{fragments} fragments")
        if mol.GetNumHeavyAtoms() > config.max_heavy_atoms:
            reasons.append(f"{mol.GetNumHeavyAtoms()} heavy atoms, more than {config.max_heavy_atoms}")
        largest = max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0)
        if largest > config.max_ring_size:
            reasons.append(f"ring of {largest} atoms, more than {config.max_ring_size}")
        if config.lipinski and lipinski_violations(mol) > 1:
            reasons.append("more than one violation of the rule of five")
        reasons += [f"lacks {text}" for text, pattern in self._require if not mol.HasSubstructMatch(pattern)]
        reasons += [f"contains {text}" for text, pattern in self._forbid if mol.HasSubstructMatch(pattern)]
        if self._around is not None:
            reasons += self._around.reasons(mol)
        if config.refuse_alerts:
            reasons += [f"alert {alert}" for alert in self.alerts(molecule, config.refuse_alerts)]
        return reasons

    def alerts(self, molecule: Molecule, catalogs: tuple[AlertCatalog, ...] = ("PAINS", "BRENK")) -> list[str]:
        """Structural alerts of the named catalogues, as ``catalogue: alert``."""
        matches = ((name, match) for name in catalogs for match in self._catalogs[name].GetMatches(molecule.mol))
        return [f"{name}: {match.GetDescription()}" for name, match in matches]

    def counts(self, molecule: Molecule) -> dict[str, int]:
        """Violations of the rule of five."""
        return {"lipinski_violations": lipinski_violations(molecule.mol)}

    @cached_property
    def _catalogs(self) -> dict[str, FilterCatalog]:
        catalogs = {}
        for name in ("PAINS", "BRENK", "NIH", "CHEMBL"):
            parameters = FilterCatalogParams()
            parameters.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
            catalogs[name] = FilterCatalog(parameters)
        return catalogs


def lipinski_violations(mol: Chem.Mol) -> int:
    """How many of the four limits of the rule of five a molecule breaks (Lipinski et al. 1997)."""
    values = compute(mol, tuple(_RULE_OF_FIVE))
    return sum(values[name] > limit for name, limit in _RULE_OF_FIVE.items())
