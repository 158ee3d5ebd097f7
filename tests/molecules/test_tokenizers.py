"""Tokens rejoin to the very input."""

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molvae.errors import TokenError, abbreviate
from molvae.molecules.tokenizers import SmilesTokenizer, tokenize


@pytest.mark.parametrize(
    ("smiles", "tokens"),
    [
        ("CCl", ["C", "Cl"]),
        ("BrB", ["Br", "B"]),
        ("C[C@@H](N)O", ["C", "[C@@H]", "(", "N", ")", "O"]),
        ("[13CH3+:2]", ["[13CH3+:2]"]),
        ("C%12CC%12", ["C", "%12", "C", "C", "%12"]),
        ("C%(123)", ["C", "%(123)"]),
        ("F/C=C\\F", ["F", "/", "C", "=", "C", "\\", "F"]),
        ("c1cc[nH]c1", ["c", "1", "c", "c", "[nH]", "c", "1"]),
        ("[Na+].[Cl-]", ["[Na+]", ".", "[Cl-]"]),
        ("", []),
    ],
)
def test_tokens(smiles, tokens):
    assert tokenize(smiles) == tokens == SmilesTokenizer().split(smiles)
    assert SmilesTokenizer().join(tokens) == smiles


@pytest.mark.parametrize(("text", "position"), [("CC!", 2), ("C[NH", 1), ("C C", 1), ("Cq", 1), ("C%1", 1), ("C]", 1)])
def test_what_is_no_token_is_named_with_its_position(text, position):
    with pytest.raises(TokenError, match=f"at position {position} of"):
        tokenize(text)


@given(st.text(max_size=60))
def test_any_text_is_either_refused_or_rejoined(text):
    with contextlib.suppress(TokenError):
        assert "".join(tokenize(text)) == text


@given(st.text(alphabet="CNOclBr[]()=#123%@/\\+-nH", max_size=60))
def test_any_smiles_like_text_is_either_refused_or_rejoined(text):
    with contextlib.suppress(TokenError):
        assert "".join(tokenize(text)) == text


def test_every_test_molecule_of_zinc250k_rejoins(zinc250k):
    with gzip.open(zinc250k / "test.csv.gz", "rt") as file:
        molecules = file.read().split()
    assert len(molecules) == 5000
    for smiles in molecules:
        assert "".join(tokenize(smiles)) == smiles


def test_abbreviate_keeps_start_and_end():
    assert abbreviate("C" * 500 + "O", 20) == "CCCCCCCCCCC...CCCCCO"
    assert abbreviate("CCO", 20) == "CCO"
