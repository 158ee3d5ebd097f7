"""Offspring by the thousand: sane, new, and with the fingerprint of the molecule that their text stands for."""

import random

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from molvae.chemistry.breeding import Breeder, morgan_features
from molvae.chemistry.molecule import Molecule

PARENTS = [
    Molecule.parse(text)[0]
    for text in (
        "CC(=O)Nc1ccc(O)cc1",
        "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
        "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
        "O=C(N[C@@H](C)c1ccco1)c1ccncc1",
        "O=C1CCCN1CC1CCN(C(=O)C2CC2)CC1",
    )
]


def bred(count: int, seed: int = 0, known=frozenset(), **settings) -> list[tuple[str, np.ndarray]]:
    rng = random.Random(seed)
    return Breeder(**settings).offspring(lambda: rng.choice(PARENTS), count, rng, known)


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_children_are_molecules_with_their_own_features(rate):
    children = bred(100, mutation_rate=rate)
    assert len(children) == len({text for text, _ in children}) == 100
    for text, features in children:
        molecule, reason = Molecule.parse(text)
        assert molecule is not None and not reason and "." not in text and "*" not in text and "@" not in text
        assert {*features} == {*morgan_features(molecule.mol)}


def test_crossovers_hold_pieces_of_both_parents():
    rng = random.Random(1)
    marked = [Molecule.parse(text)[0] for text in ("BrCCCCC1CCCCC1Br", "ICCCCC1CCCCC1I")]
    turns = iter(range(10**6))
    children = Breeder(mutation_rate=0.0).offspring(lambda: marked[next(turns) % 2], 60, rng, set())
    assert sum("Br" in text and "I" in text for text, _ in children) > 20


def test_what_is_known_is_not_made_again_and_a_seed_repeats():
    first = bred(60)
    assert [text for text, _ in bred(60)] == [text for text, _ in first]
    again = bred(60, known={text for text, _ in first})
    assert not {text for text, _ in again} & {text for text, _ in first}


def test_too_few_possibilities_are_no_endless_loop():
    methane = Molecule.parse("CC")[0]
    rng = random.Random(0)
    assert len(Breeder().offspring(lambda: methane, 500, rng, set())) < 500


def test_the_jaccard_index_of_features_is_the_tanimoto_similarity_of_counts():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=3, fpSize=2048)
    mols = [*(parent.mol for parent in PARENTS), Chem.MolFromSmiles("C" * 40), Chem.MolFromSmiles("CC(C)(C)C(C)(C)C")]
    for a in mols:
        for b in mols:
            one, other = {*morgan_features(a).tolist()}, {*morgan_features(b).tolist()}
            expected = DataStructs.TanimotoSimilarity(*(generator.GetCountFingerprint(mol) for mol in (a, b)))
            assert len(one & other) / len(one | other) == pytest.approx(expected)
