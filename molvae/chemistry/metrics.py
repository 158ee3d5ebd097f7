"""How good a set of molecules is, beside a reference set: what needs no model, only the molecules.

Definitions are those of the MOSES benchmark (Polykovskiy et al. 2020): Morgan fingerprints of radius 2 with 1,024 bits,
Bemis-Murcko scaffolds, BRICS fragments. Everything but validity is of the valid molecules.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence

import numpy as np
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import BRICS
from rdkit.Chem.Scaffolds import MurckoScaffold

from molvae.chemistry.chemnet import chemnet_is_installed, frechet_chemnet_distance
from molvae.chemistry.molecule import parse_smiles
from molvae.chemistry.morgan import morgan_generator
from molvae.run.progress import Progress, on_stderr, track

_DIVERSITY_SAMPLE = 5000  # molecules for the quadratic number of pairs


def generated_quality(
    smiles: Sequence[str],
    reference: Sequence[str],
    known: Container[str] | None = None,
    seed: int = 0,
    progress: Progress = on_stderr,
) -> dict[str, float]:
    """Numbers of a generated set.

    Args:
        smiles: as generated, the invalid ones and repeats among them.
        reference: SMILES of molecules that it should be like, for example a test split; invalid ones are left out.
        known: canonical SMILES of the training set, for novelty.
        seed: of the sample whose pairs are compared if there are more than 5,000 molecules.
        progress: told how far it has come.

    Returns:
        ``molecules`` (given), ``validity``, ``uniqueness`` (distinct of the valid), ``novelty`` (distinct ones not in
        ``known``), ``internal_diversity`` (1 - mean Tanimoto of pairs), and against the reference
        ``nearest_neighbour_similarity`` (mean of the largest Tanimoto), ``scaffold_similarity`` and
        ``fragment_similarity`` (cosine of the counts), and ``frechet_chemnet_distance`` of the distinct valid ones if
        the extra ``fcd`` is installed (:mod:`molvae.chemistry.chemnet`). NaN where there is nothing to measure.
    """
    with rdBase.BlockLogs():
        valid = _valid(track(smiles, "parsing", progress=progress))
        distinct = list(dict.fromkeys(Chem.MolToSmiles(mol) for mol in valid))
        others = _valid(reference)
        numbers = {
            "molecules": float(len(smiles)),
            "validity": _share(len(valid), len(smiles)),
            "uniqueness": _share(len(distinct), len(valid)),
        }
        if known is not None:
            numbers["novelty"] = _share(sum(text not in known for text in distinct), len(distinct))
        prints, targets = _fingerprints(valid), _fingerprints(others)
        numbers["internal_diversity"] = _internal_diversity(prints, seed)
        numbers["nearest_neighbour_similarity"] = _nearest_neighbour_similarity(prints, targets, progress)
        for name, count in (("scaffold_similarity", scaffolds), ("fragment_similarity", fragments)):
            numbers[name] = cosine(
                _total(valid, count, name, progress), _total(others, count, f"{name}, reference", progress)
            )
    if chemnet_is_installed():
        targets_text = [Chem.MolToSmiles(mol) for mol in others]
        numbers["frechet_chemnet_distance"] = frechet_chemnet_distance(distinct, targets_text, progress)
    return numbers


def mean_similarity(pairs: Sequence[tuple[str, str]]) -> float:
    """Mean Tanimoto similarity of pairs of valid SMILES, by the fingerprints above; NaN without pairs."""
    if not pairs:
        return float("nan")
    left, right = (_fingerprints([Chem.MolFromSmiles(text) for text in side]) for side in zip(*pairs, strict=True))
    return float(np.mean([DataStructs.TanimotoSimilarity(a, b) for a, b in zip(left, right, strict=True)]))


def scaffolds(mol: Chem.Mol) -> list[str]:
    """The Bemis-Murcko scaffold; nothing for a molecule without rings."""
    scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=mol)
    return [scaffold] if scaffold else []


def fragments(mol: Chem.Mol) -> list[str]:
    """BRICS fragments (Degen et al. 2008), one for each time it occurs."""
    pieces = Chem.GetMolFrags(BRICS.BreakBRICSBonds(mol), asMols=True)
    return [Chem.MolToSmiles(piece) for piece in pieces]


def cosine(a: Counter[str], b: Counter[str]) -> float:
    """Cosine of two vectors of counts; NaN if one is empty."""
    if not a or not b:
        return float("nan")
    dot = sum(number * b[key] for key, number in a.items())
    return float(dot / np.sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values())))


def _valid(smiles: Iterable[str]) -> list[Chem.Mol]:
    return [mol for mol in (parse_smiles(text)[0] for text in smiles) if mol is not None]


def _total(
    mols: Sequence[Chem.Mol], count: Callable[[Chem.Mol], list[str]], name: str, progress: Progress
) -> Counter[str]:
    total: Counter[str] = Counter()
    for mol in track(mols, name.replace("_", " "), progress=progress):
        total.update(count(mol))
    return total


def _fingerprints(mols: Sequence[Chem.Mol]) -> list[DataStructs.ExplicitBitVect]:
    generator = morgan_generator(size=1024)
    return [generator.GetFingerprint(mol) for mol in mols]


def _internal_diversity(prints: Sequence[DataStructs.ExplicitBitVect], seed: int) -> float:
    if len(prints) < 2:
        return float("nan")
    if len(prints) > _DIVERSITY_SAMPLE:
        rows = np.random.default_rng(seed).choice(len(prints), _DIVERSITY_SAMPLE, replace=False)
        prints = [prints[row] for row in rows]
    total = sum(sum(DataStructs.BulkTanimotoSimilarity(one, prints[:index])) for index, one in enumerate(prints))
    return float(1 - total / (len(prints) * (len(prints) - 1) / 2))


def _nearest_neighbour_similarity(
    prints: Sequence[DataStructs.ExplicitBitVect], targets: Sequence[DataStructs.ExplicitBitVect], progress: Progress
) -> float:
    if not prints or not targets:
        return float("nan")
    tracked = track(prints, "nearest neighbours", progress=progress)
    return float(np.mean([max(DataStructs.BulkTanimotoSimilarity(one, targets)) for one in tracked]))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
