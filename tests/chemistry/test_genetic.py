"""The genetic operators make new, sane molecules from old ones; the algorithm climbs."""

import random

import pytest
from rdkit import Chem

from molvae.chemistry.genetic import GraphGA, crossover, mutate
from molvae.chemistry.molecule import Molecule
from molvae.chemistry.properties import compute

PARENTS = ["CC(=O)Nc1ccc(O)cc1", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "O=C(NCc1ccco1)c1ccncc1"]


@pytest.mark.parametrize("seed", range(5))
def test_mutants_are_sane_and_different(seed):
    rng = random.Random(seed)
    for smiles in PARENTS:
        child = mutate(Chem.MolFromSmiles(smiles), rng)
        assert child is not None
        made = Chem.MolToSmiles(child)
        assert made != Chem.CanonSmiles(smiles) and "." not in made and Chem.MolFromSmiles(made) is not None


@pytest.mark.parametrize("seed", range(5))
def test_children_hold_pieces_of_both_parents(seed):
    bromo, iodo = Chem.MolFromSmiles("BrCCCCc1ccccc1Br"), Chem.MolFromSmiles("ICCCCC1CCCCC1I")
    children = [crossover(bromo, iodo, random.Random(100 * seed + n)) for n in range(20)]
    both = [c for c in children if c is not None and {"Br", "I"} <= {atom.GetSymbol() for atom in c.GetAtoms()}]
    assert len(both) >= 3


def test_the_algorithm_climbs_and_repeats_with_its_seed():
    def run(seed: int) -> tuple[list[Molecule], float]:
        search = GraphGA(20, random.Random(seed))
        seen: dict[Molecule, float] = {}
        proposed = [Molecule.parse(text)[0] for text in PARENTS]
        for _ in range(12):
            seen |= {molecule: compute(molecule.mol, ["QED"])["QED"] for molecule in proposed}
            search.tell(proposed, [seen[molecule] for molecule in proposed])
            proposed = search.ask(8)
        return list(seen), max(seen.values())

    molecules, best = run(0)
    assert best > max(compute(Chem.MolFromSmiles(s), ["QED"])["QED"] for s in PARENTS)
    assert len(molecules) == len(set(molecules))
    assert run(0) == (molecules, best) and run(1)[0] != molecules


def test_children_do_not_depend_on_how_their_parents_were_written():
    """A resumed campaign has only canonical SMILES of the parents, and must go on as if it had not been stopped."""
    asked = []
    for texts in (PARENTS, [Chem.CanonSmiles(text) for text in PARENTS]):
        search = GraphGA(20, random.Random(0))
        search.tell([Molecule.parse(text)[0] for text in texts], [1.0, 2.0, 3.0, 4.0])
        asked.append(search.ask(20))
    assert asked[0] == asked[1]


def test_the_state_is_the_random_state_and_what_was_proposed_for_nothing():
    """Told again what was told, it goes on as if it had not been stopped, and never proposes a refused one again."""
    search, history = GraphGA(20, random.Random(0)), []
    proposed = [Molecule.parse(text)[0] for text in PARENTS]
    for _ in range(5):
        accepted = [molecule for molecule in proposed if molecule.mol.GetNumAtoms() % 3]
        history.append((accepted, [float(molecule.mol.GetNumAtoms()) for molecule in accepted]))
        search.tell(*history[-1])
        state = search.state()
        proposed = search.ask(8)
    assert 0 < len(state["untold"]) < sum(len(molecules) for molecules, _ in history)
    resumed = GraphGA(20, random.Random(9))
    for told in history:
        resumed.tell(*told)
    resumed.load_state(state)
    assert resumed.ask(8) == proposed and resumed.seen == search.seen
