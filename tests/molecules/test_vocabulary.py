"""A vocabulary is built from data, and refuses what it does not know by name and place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molvae.errors import CheckpointError, TokenError
from molvae.molecules.vocabulary import Vocabulary

from .conftest import MOLECULES


def test_specials_first_then_most_frequent():
    vocabulary = Vocabulary.build(["CCO", "CN"])
    assert vocabulary.tokens == ("<pad>", "<bos>", "<eos>", "C", "N", "O")
    assert vocabulary.max_length == 4  # a tenth above the longest, rounded up


@given(st.sampled_from(MOLECULES))
def test_encoding_and_decoding_give_the_molecule_back(smiles):
    vocabulary = Vocabulary.build(MOLECULES)
    assert vocabulary.decode([1, *vocabulary.encode(smiles), 2, 0, 0]) == smiles


def test_unknown_token_names_molecule_token_and_position():
    vocabulary = Vocabulary.build(["CC(C)Cl"])
    with pytest.raises(TokenError, match=r"token '\[Xe\]' \(token 3, character 4\) of 'CCCl\[Xe\]'"):
        vocabulary.encode("CCCl[Xe]")


def test_overlong_and_empty_molecules_are_refused():
    vocabulary = Vocabulary.build(["CCCC"], max_length=4)
    with pytest.raises(TokenError, match="has 5000 tokens; this model holds molecules of at most 4"):
        vocabulary.encode("C" * 5000)
    with pytest.raises(TokenError, match="empty"):
        vocabulary.encode("")


def test_json_round_trip():
    vocabulary = Vocabulary.build(MOLECULES)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"tokens": [1], "max_length": 3}', '{"tokens": ["C"], "max_length": 3}']
)
def test_damaged_json_is_a_checkpoint_error(text):
    with pytest.raises(CheckpointError):
        Vocabulary.from_json(text)
