"""SELFIES hold a molecule or say why not, and whatever their symbols say is a molecule."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import RDConfig, rdBase

from molvae.chemistry.io import read_molecules
from molvae.chemistry.molecule import canonical
from molvae.errors import MissingDependencyError, TokenError
from molvae.molecules.selfies_tokenizer import SelfiesTokenizer
from molvae.molecules.vocabulary import Vocabulary

from .conftest import MOLECULES

TOKENIZER = SelfiesTokenizer()


def test_symbols():
    assert TOKENIZER.split("CC(=O)O") == ["[C]", "[C]", "[=Branch1]", "[C]", "[=O]", "[O]"]
    assert TOKENIZER.join(["[C]", "[C]", "[=Branch1]", "[C]", "[=O]", "[O]"]) == "CC(=O)O"


@pytest.mark.parametrize("smiles", MOLECULES)
def test_a_molecule_comes_back(smiles):
    assert TOKENIZER.join(TOKENIZER.split(smiles)) == smiles


def test_all_but_a_few_of_the_nci_compounds_come_back():
    """None comes back as another molecule; nine of the 5,000 have valences or bonds that SELFIES do not know."""
    table = read_molecules(Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").frame
    with rdBase.BlockLogs():
        molecules = [text for text in map(canonical, table["smiles"]) if text is not None]
    refused = 0
    for smiles in molecules:
        try:
            assert TOKENIZER.join(TOKENIZER.split(smiles)) == smiles
        except TokenError as error:
            assert "bond(s) was specified" in str(error) or ("->" in smiles and "failed to parse" in str(error))
            refused += 1
    assert len(molecules) > 4900 and refused == 9


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("Cl[I]Cl", r"'Cl\[I\]Cl': \[\[IH0\] with 2 bond\(s\) - a max. of 1 bond\(s\) was specified\]"),
        ("*C", "failed to parse input"),
        ("[CH3:1]C", "numbers of mapped atoms"),
        ("[nH]11", "not a valid SMILES"),
    ],
)
def test_what_cannot_be_held_is_refused_with_the_reason(smiles, reason):
    with pytest.raises(TokenError, match=reason):
        TOKENIZER.split(smiles)


@given(st.text(alphabet="CNOclBr[]()=#123%@/\\+-nH", min_size=1, max_size=40))
def test_any_smiles_like_text_is_either_refused_or_a_molecule_again(text):
    with contextlib.suppress(TokenError):
        assert TOKENIZER.join(TOKENIZER.split(text))


def test_random_symbols_are_molecules():
    """Hence ``always_valid``. Symbols of drug-like molecules; some strings begin with a branch or ring of nothing."""
    symbols = Vocabulary.build(MOLECULES, tokenizer="selfies").tokens[3:]
    random = np.random.default_rng(0)
    strings = [TOKENIZER.join(random.choice(symbols, random.integers(1, 40))) for _ in range(500)]
    with rdBase.BlockLogs():
        assert all(canonical(text) == text for text in strings if text)
    assert sum(not text for text in strings) <= 10


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "selfies", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "molvae\[selfies\]"'):
        Vocabulary.build(["CCO"], tokenizer="selfies")
