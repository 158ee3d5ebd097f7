"""A vocabulary is built from data, and refuses what it does not know by name and place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molvae.errors import CheckpointError, TokenError
from molvae.molecules.registries import TOKENIZERS
from molvae.molecules.vocabulary import Vocabulary

from .conftest import MOLECULES


def test_specials_first_then_most_frequent():
    vocabulary = Vocabulary.build(["CCO", "CN"])
    assert vocabulary.tokens == ("<pad>", "<bos>", "<eos>", "C", "N", "O")
    assert vocabulary.max_length == 4  # a tenth above the longest, rounded up


VOCABULARIES = {name: Vocabulary.build(MOLECULES, tokenizer=name) for name in TOKENIZERS}


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(smiles=st.sampled_from(MOLECULES))
def test_encoding_and_decoding_give_the_molecule_back(tokenizer, smiles):
    vocabulary = VOCABULARIES[tokenizer]
    assert vocabulary.decode([*vocabulary.encode(smiles), 2, 0, 0]) == smiles


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


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_json_round_trip(tokenizer):
    vocabulary = VOCABULARIES[tokenizer]
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert Vocabulary.from_json(vocabulary.to_json()).tokenizer == tokenizer


def test_a_vocabulary_that_names_no_tokenizer_is_of_smiles():
    """Model folders of earlier versions hold such."""
    text = json.dumps({"max_length": 5, "tokens": ["<pad>", "<bos>", "<eos>", "C"]})
    assert Vocabulary.from_json(text).tokenizer == "smiles"


def test_a_tokenizer_of_another_version_is_named():
    text = json.dumps({"max_length": 5, "tokens": ["<pad>", "<bos>", "<eos>", "C"], "tokenizer": "wiswesser"})
    with pytest.raises(CheckpointError, match="another version of molvae: no tokenizer 'wiswesser'"):
        Vocabulary.from_json(text)


def test_what_a_tokenizer_cannot_hold_is_not_in_the_vocabulary():
    vocabulary = Vocabulary.build(["CC", "Cl[I]Cl"], tokenizer="selfies")
    assert vocabulary.tokens[3:] == ("[C]",) and vocabulary.max_length == 3
    with pytest.raises(TokenError, match="SELFIES cannot hold"):
        vocabulary.encode("Cl[I]Cl")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"tokens": [1], "max_length": 3}',
        '{"tokens": ["C"], "max_length": 3}',
        '{"tokens": ["<pad>", "<bos>", "<eos>"], "max_length": 3, "tokenizer": 1}',
    ],
)
def test_damaged_json_is_a_checkpoint_error(text):
    with pytest.raises(CheckpointError):
        Vocabulary.from_json(text)
