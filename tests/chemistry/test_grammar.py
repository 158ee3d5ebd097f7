"""The grammar refuses no real molecule, and lets out nothing unbalanced."""

import gzip

import numpy as np
import pytest
from rdkit import Chem, rdBase

from molvae.chemistry.grammar import GrammarState, SmilesGrammar
from molvae.chemistry.kekule import can_be_kekulised
from molvae.molecules.tokenizers import tokenize

REAL = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "c1ccc2[nH]ccc2c1",
    "c1ccc2cc3ccccc3cc2c1",
    "c1ccc(-c2ccccc2)cc1",
    "c1ccc2cccc-2cc1",
    "O=c1cc[nH]cc1",
    "[O-][n+]1ccccc1",
    "c1cc[n+]2ccccc2c1",
    "CC(=O)C1(C)CCC2C1CCC1C2CCC2=CC(=O)CCC12C",
    "C[C@H](N)C(=O)O",
    "F/C=C/F",
    "O=[N+]([O-])c1ccccc1",
    "CS(=O)(=O)NC1CC1",
    "C1CC2CCC1CC2",
    "C12C3C4C1C5C2C3C45",
    "N#Cc1ccccc1",
    "C#CCN1CCOCC1",
    "c1csc(-c2nccs2)n1",
    "c1cnc2[nH]cnc2n1",
    "Clc1ccc(Br)cc1I",
    "CN1CCC[C@H]1c1cccnc1",
    "O=S(=O)(c1ccccc1)N1CCNCC1",
    "CCOP(=O)(OCC)OCC",
    "c1ccoc1",
    "C[NH+](C)C",
    "[NH3+]CC([O-])=O",
    "CC1=C(C(=O)OC)C(c2ccccc2)C(C(=O)OC)=C(C)N1",
    "O=C1c2ccccc2C(=O)N1",
    "C1=CC2=CC=CC2=C1",
    "c1ccc2nc3ccccc3nc2c1",
    "Cc1noc(C)c1",
    "S=c1cc[nH]cc1",
)
TOKENS = ("<pad>", "<bos>", "<eos>", *sorted({token for smiles in REAL for token in tokenize(smiles)} | {"."}))
INDEX = {token: index for index, token in enumerate(TOKENS)}


def replay(smiles: str, grammar: SmilesGrammar, index: dict[str, int], level: str = "valence") -> GrammarState:
    """Follow a molecule token by token; fails where the grammar refuses one."""
    state = grammar.start(level)
    for place, token in enumerate([*tokenize(smiles), "<eos>"]):
        assert state.check(index[token]), f"{token} refused at token {place} of {smiles}"
        state.advance(index[token])
    assert state.finished
    return state


def walk(state: GrammarState, random: np.random.Generator, weights: np.ndarray) -> str:
    """A string of random tokens among those that the grammar accepts."""
    out = []
    while not state.finished:
        ranked = np.argsort(-np.log(random.random(len(TOKENS))) / weights)
        token = state.choose(ranked.tolist())
        state.advance(token)
        out.append(TOKENS[token])
    return "".join(out[:-1])


@pytest.mark.parametrize("smiles", REAL)
@pytest.mark.parametrize("level", ["syntax", "valence"])
def test_no_real_molecule_is_refused(smiles, level):
    replay(smiles, SmilesGrammar(TOKENS, 100), INDEX, level)


def test_no_molecule_of_the_zinc250k_test_set_is_refused(zinc250k):
    with gzip.open(zinc250k / "test.csv.gz", "rt") as file:
        molecules = file.read().split()
    tokens = ("<pad>", "<bos>", "<eos>", *sorted({token for smiles in molecules for token in tokenize(smiles)}))
    grammar = SmilesGrammar(tokens, 100)
    index = {token: place for place, token in enumerate(tokens)}
    for smiles in molecules:
        replay(smiles, grammar, index)


@pytest.mark.parametrize("level", ["syntax", "valence"])
@pytest.mark.parametrize("weighted", [False, True])
def test_whatever_the_logits_the_string_is_well_formed_and_short_enough(level, weighted):
    random = np.random.default_rng(0)
    weights = np.ones(len(TOKENS))
    if weighted:
        weights[[INDEX["c"], INDEX["C"], INDEX["("], INDEX["1"]]] = 20
    grammar = SmilesGrammar(TOKENS, 40)
    for _ in range(150):
        smiles = walk(grammar.start(level), random, weights)
        assert len(tokenize(smiles)) <= 40
        with rdBase.BlockLogs():
            assert Chem.MolFromSmiles(smiles, sanitize=False) is not None, smiles


def test_random_aliphatic_strings_are_molecules():
    """Where the grammar never had to relax, RDKit accepts the string; and it hardly ever has to."""
    random = np.random.default_rng(1)
    kept = {"C", "N", "O", "F", "=", "#", "(", ")", "1", "2", "3", "<eos>"}
    grammar = SmilesGrammar([token if token in kept else "." for token in TOKENS], 40)
    relaxed = 0
    for _ in range(300):
        state = grammar.start()
        smiles = walk(state, random, np.ones(len(TOKENS)))
        relaxed += state.relaxed
        with rdBase.BlockLogs():
            assert state.relaxed or Chem.MolFromSmiles(smiles) is not None, smiles
    assert relaxed <= 6


@pytest.mark.parametrize(
    ("prefix", "refused"),
    [
        ("", ")"),
        ("", "1"),
        ("", "="),
        ("", "<eos>"),
        ("C", "."),
        ("C(", ")"),
        ("C(", "<eos>"),
        ("C1", "1"),
        ("C1C", "1"),
        ("C1CC", "<eos>"),
        ("C=", ")"),
        ("C=", "="),
        ("CF", "C"),
        ("C#N", "C"),
        ("c1cccc", "<eos>"),
        ("c", "<eos>"),
        ("c1ccccc1", "#"),
    ],
)
def test_what_cannot_follow_is_refused(prefix, refused):
    state = SmilesGrammar(TOKENS, 60).start()
    for token in tokenize(prefix):
        state.advance(INDEX[token])
    assert not state.check(INDEX[refused])


def test_five_aromatic_carbons_in_a_ring_need_something_more():
    """c1cccc1 cannot be kekulised; with an exocyclic double bond, or as a pyrrole, it can."""
    state = SmilesGrammar(TOKENS, 60).start()
    for token in tokenize("c1cccc1"):
        state.advance(INDEX[token])
    assert not state.check(INDEX["<eos>"])
    assert state.check(INDEX["="])
    replay("c1cc[nH]c1", SmilesGrammar(TOKENS, 60), INDEX)


def test_a_copy_is_independent():
    state = SmilesGrammar(TOKENS, 60).start()
    state.advance(INDEX["C"])
    other = state.copy()
    other.advance(INDEX["1"])
    assert state.check(INDEX["<eos>"]) and not other.check(INDEX["<eos>"])


@pytest.mark.parametrize(
    ("must", "possible"),
    [
        ({}, True),
        ({0: [1], 1: [0]}, True),
        ({0: []}, False),
        ({0: [1, 2], 1: [0, 2], 2: [0, 1]}, False),  # a triangle of three
        ({0: [1, 2], 1: [0, 2], 2: [0, 1, 9]}, True),  # one of which finds a partner outside
        ({n: [(n - 1) % 5, (n + 1) % 5] for n in range(5)}, False),
        ({n: [(n - 1) % 6, (n + 1) % 6] for n in range(6)}, True),
    ],
)
def test_kekule_structures(must, possible):
    assert can_be_kekulised(must) is possible
