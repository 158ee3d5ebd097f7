"""Masks by name, for vocabularies that need them and for those that do not."""

import pytest

from molvae.errors import ConfigError
from molvae.molecules.masks import constraint
from molvae.molecules.registries import MASKS
from molvae.molecules.vocabulary import EOS_INDEX, Vocabulary

from .conftest import MOLECULES

SMILES = Vocabulary.build(MOLECULES)
SELFIES = Vocabulary.build(MOLECULES, tokenizer="selfies")


def accepts(mask: str, tokens: list[str]) -> bool:
    """Whether the mask lets these tokens through, each preferred to all others."""
    state = constraint(mask, SMILES)()
    for index in [SMILES.index[token] for token in tokens]:
        if state.choose([index, *range(EOS_INDEX, len(SMILES))]) != index:
            return False
        state.advance(index)
    return True


def test_syntax_balances_and_valence_counts():
    assert not accepts("syntax", ["C", ")"]) and not accepts("valence", ["C", ")"])
    assert accepts("syntax", ["C", "F", "C"]) and not accepts("valence", ["C", "F", "C"])


def test_without_mask_there_is_no_constraint():
    assert constraint("none", SMILES) is None


@pytest.mark.parametrize("mask", MASKS)
def test_selfies_need_no_mask_whichever_is_asked_for(mask):
    assert constraint(mask, SELFIES) is None


@pytest.mark.parametrize("vocabulary", [SMILES, SELFIES])
def test_an_unknown_mask_is_refused(vocabulary):
    with pytest.raises(ConfigError, match="no mask 'valency': did you mean 'valence'"):
        constraint("valency", vocabulary)
