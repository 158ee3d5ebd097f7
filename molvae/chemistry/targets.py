"""Properties that are made for a target: likeness to a molecule, closeness to a formula, a substructure.

They are written as a call with one text, ``similarity('celecoxib')``, wherever a property may stand. Their definitions
follow the GuacaMol benchmark (Brown et al. 2019), so that scores can be set beside published ones. ``model('folder')``
and its relatives are what a model of the user's own measurements predicts (:mod:`molvae.activity`).
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from molvae.chemistry.molecule import parse_smiles
from molvae.chemistry.morgan import morgan_generator
from molvae.errors import ConfigError, abbreviate
from molvae.run.registry import Registry

MOLECULES: dict[str, str] = {
    "albuterol": "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "amlodipine": "CCOC(=O)C1=C(COCCN)NC(C)=C(C1c1ccccc1Cl)C(=O)OC",
    "aripiprazole": "Clc1cccc(N2CCN(CCCCOc3ccc4CCC(=O)Nc4c3)CC2)c1Cl",
    "camphor": "CC1(C)C2CCC1(C)C(=O)C2",
    "celecoxib": "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "fexofenadine": "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN1CCC(CC1)C(O)(c1ccccc1)c1ccccc1",
    "hop": "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C",
    "menthol": "CC(C)C1CCC(C)CC1O",
    "mestranol": "COc1ccc2C3CCC4(C)C(CCC4(O)C#C)C3CCc2c1",
    "osimertinib": "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc1nccc(n1)-c1cn(C)c2ccccc12",
    "perindopril": "CCCC(NC(C)C(=O)N1C(CC2CCCCC12)C(=O)O)C(=O)OCC",
    "ranolazine": "COc1ccccc1OCC(O)CN1CCN(CC(=O)Nc2c(C)cccc2C)CC1",
    "sildenafil": "CCCc1nn(C)c2c1nc([nH]c2=O)-c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1",
    "sitagliptin": "NC(CC(=O)N1CCn2c(C1)nnc2C(F)(F)F)Cc1cc(F)c(F)cc1F",
    "tadalafil": "CN1CC(=O)N2C(C1=O)Cc1c([nH]c3ccccc13)C2c1ccc2OCOc2c1",
    "thiothixene": "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN3CCN(C)CC3)c2c1",
    "troglitazone": "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O",
    "zaleplon": "CCN(C(C)=O)c1cccc(c1)-c1ccnc2c(cnn12)C#N",
}
"""Drugs that may be named instead of spelt, without stereochemistry; ``hop`` is GuacaMol's kinase inhibitor."""

_LONGEST = 1000  # characters of an argument
Function = Callable[[Chem.Mol], float]


@dataclass(frozen=True)
class Target:
    """A family of properties.

    Attributes:
        make: the text of the call -> the property's function.
        argument: what the text is.
        description: one line.
        source: where its definition comes from.
        reads_files: the text names a folder, so that formulas of strangers must not hold it.
    """

    make: Callable[[str], Function]
    argument: str
    description: str
    source: str = "Brown et al. 2019"
    reads_files: bool = False


PREDICTORS: Registry[Callable[[str], Any]] = Registry(
    "kind of prediction",
    {"activity": ("molvae.activity.predictor:predictor", "a model of the user's own measurements (molvae fit)")},
)
"""What is reached upwards: folder -> (molecule -> named numbers)."""
FINGERPRINTS: Registry[Callable[[str], str]] = Registry(
    "kind of prediction", {"activity": ("molvae.activity.predictor:fingerprint", "SHA-256 of such a model")}
)


def _prediction(number: str, description: str) -> Target:
    def make(folder: str) -> Function:
        predict = PREDICTORS["activity"](folder)
        return lambda mol: float(predict(mol)[number])

    return Target(make, "folder of molvae fit", description, source="molvae fit", reads_files=True)


def _fingerprint_similarity(generator: Callable[[], Any]) -> Callable[[str], Function]:
    # the generator is made on use: RDKit's objects are not made at import, and do not travel to other processes
    def make(text: str) -> Function:
        target = _counts(generator, _molecule(text))
        return lambda mol: float(DataStructs.TanimotoSimilarity(target, _counts(generator, mol)))

    return make


@functools.lru_cache(maxsize=16)
def _counts(generator: Callable[[], Any], mol: Chem.Mol) -> Any:
    """Remembered for a moment: one objective, or many, compare a molecule with several targets."""
    return _generator(generator).GetSparseCountFingerprint(mol)


@functools.cache
def _generator(generator: Callable[[], Any]) -> Any:
    return generator()


def _morgan(radius: int, features: bool = False) -> Callable[[], Any]:
    def generator() -> Any:
        if not features:
            return morgan_generator(radius)
        invariants = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
        return rdFingerprintGenerator.GetMorganGenerator(radius=radius, atomInvariantsGenerator=invariants)

    return generator


def _atom_pairs() -> Any:
    return rdFingerprintGenerator.GetAtomPairGenerator(maxDistance=10)


def _pharmacophore_similarity(text: str) -> Function:
    """Tanimoto similarity of 2D pharmacophore fingerprints (Gobbi & Poppinger 1998); milliseconds a molecule."""
    target = _pharmacophores(_molecule(text))
    return lambda mol: float(DataStructs.TanimotoSimilarity(target, _pharmacophores(mol)))


def _pharmacophores(mol: Chem.Mol) -> Any:
    return Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)


def _molecule(text: str) -> Chem.Mol:
    mol, reason = parse_smiles(MOLECULES.get(text.lower(), text))
    if mol is None:
        raise ConfigError(f"{text!r} is neither a valid SMILES ({reason}) nor one of {', '.join(MOLECULES)}")
    return mol


def isomer(text: str) -> Function:
    """How near a molecule is to a molecular formula, 0 to 1: the geometric mean of a Gaussian in the number of atoms of
    each element (sigma 1) and one in the number of all atoms (sigma 2) (Brown et al. 2019).

    Raises:
        ConfigError: no molecular formula.
    """
    if not re.fullmatch(r"([A-Z][a-z]?\d{0,6})+", text):
        raise ConfigError(f"{text!r} is not a molecular formula such as C9H10N2O2")
    wanted: Counter[str] = Counter()
    for symbol, number in re.findall(r"([A-Z][a-z]?)(\d*)", text):
        wanted[_symbol(symbol)] += int(number or 1)
    total = sum(wanted.values())

    def closeness(mol: Chem.Mol) -> float:
        counts = _elements(mol)
        exponents = [0.5 * (counts[element] - number) ** 2 for element, number in wanted.items()]
        exponents.append(0.5 * ((sum(counts.values()) - total) / 2) ** 2)
        return math.exp(-sum(exponents) / len(exponents))

    return closeness


def _elements(mol: Chem.Mol) -> Counter[str]:
    counts = Counter(atom.GetSymbol() for atom in mol.GetAtoms())
    counts["H"] += sum(atom.GetTotalNumHs() for atom in mol.GetAtoms())
    return counts


def element(text: str) -> Function:
    """Number of atoms of an element, by its symbol; hydrogens included.

    Raises:
        ConfigError: no element.
    """
    symbol = _symbol(text)
    return lambda mol: float(_elements(mol)[symbol])


def _symbol(text: str) -> str:
    try:
        with rdBase.BlockLogs():  # RDKit would show its C++ stack
            Chem.GetPeriodicTable().GetAtomicNumber(text)
    except RuntimeError:
        raise ConfigError(f"there is no element {text!r}") from None
    return text


def substructure(text: str) -> Function:
    """1 if the molecule holds a SMARTS pattern, else 0.

    Raises:
        ConfigError: no SMARTS.
    """
    with rdBase.BlockLogs():
        pattern = Chem.MolFromSmarts(text)
    if pattern is None or not pattern.GetNumAtoms():
        raise ConfigError(f"{text!r} is not a valid SMARTS pattern")
    return lambda mol: float(mol.HasSubstructMatch(pattern))


TARGETS: dict[str, Target] = {
    "similarity": Target(_fingerprint_similarity(_morgan(2)), "drug or SMILES", "Tanimoto, ECFP4 counts"),
    "similarity_ecfp6": Target(_fingerprint_similarity(_morgan(3)), "drug or SMILES", "Tanimoto, ECFP6 counts"),
    "similarity_fcfp4": Target(_fingerprint_similarity(_morgan(2, True)), "drug or SMILES", "Tanimoto, FCFP4 counts"),
    "similarity_ap": Target(_fingerprint_similarity(_atom_pairs), "drug or SMILES", "Tanimoto, atom pair counts"),
    "similarity_phco": Target(_pharmacophore_similarity, "drug or SMILES", "Tanimoto, 2D pharmacophores"),
    "isomer": Target(isomer, "molecular formula", "closeness to the formula, 0 to 1"),
    "element": Target(element, "symbol", "number of its atoms"),
    "substructure": Target(substructure, "SMARTS", "1 if the molecule holds it, else 0"),
    "model": _prediction("mean", "activity as the model predicts it"),
    "lower": _prediction("lower", "predicted activity less one standard deviation"),
    "upper": _prediction("upper", "predicted activity and one standard deviation more"),
    "model_sd": _prediction("sd", "standard deviation of the predicted activity"),
    "model_similarity": _prediction("similarity", "to the nearest training molecule of the model, 0 to 1"),
    "model_in_domain": _prediction("in_domain", "1 inside the domain of the model, else 0"),
}
_COMPANIONS = ("model", "model_sd", "model_similarity", "model_in_domain")


def companions(targets: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is told beside a prediction that a formula names: how sure it is, and of what kind of molecule."""
    folders = dict.fromkeys(argument for kind, argument in targets if TARGETS[kind].reads_files)
    return [(kind, folder) for folder in folders for kind in _COMPANIONS if (kind, folder) not in targets]


def fingerprints(targets: Sequence[tuple[str, str]]) -> dict[str, str]:
    """SHA-256 of each folder that properties are computed from, by its name in the formula."""
    return {argument: FINGERPRINTS["activity"](argument) for kind, argument in targets if TARGETS[kind].reads_files}


def target_function(kind: str, argument: str) -> Function:
    """The function of one property, such as ``similarity`` to ``celecoxib``.

    Raises:
        ConfigError: the argument is not what this kind takes.
    """
    target = TARGETS[kind]
    plain = argument.isprintable() and len(argument) <= _LONGEST
    if target.reads_files:
        if not plain:
            raise ConfigError(f"{abbreviate(argument)!r} is not a {target.argument}")
        return target.make(argument)  # kept there
    if not (plain and argument.isascii()):
        raise ConfigError(
            f"{abbreviate(argument)!r} is not a valid {target.argument}: that is plain ASCII of at most "
            f"{_LONGEST} characters"
        )
    return _cached_function(kind, argument)


@functools.cache
def _cached_function(kind: str, argument: str) -> Function:
    return TARGETS[kind].make(argument)
