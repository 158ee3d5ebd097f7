"""What keeps decoded sequences in order: masks by name, each from a vocabulary's tokens and its longest molecule."""

import functools
from collections.abc import Sequence

from molvae.chemistry.grammar import SmilesGrammar
from molvae.molecules.protocols import Constraint
from molvae.molecules.registries import MASKS
from molvae.molecules.vocabulary import Vocabulary


def constraint(mask: str, vocabulary: Vocabulary) -> Constraint | None:
    """The mask of this name for a vocabulary, or None where nothing needs to be seen to.

    Every sequence of SELFIES symbols is a molecule, so for a vocabulary of SELFIES there is nothing to see to,
    whatever the mask: what ``syntax`` and ``valence`` promise holds without them.

    Raises:
        ConfigError: no such mask.
    """
    make = MASKS[mask]
    return None if vocabulary.always_valid else make(vocabulary.tokens, vocabulary.max_length)


def no_mask(tokens: Sequence[str], max_length: int) -> None:
    """No constraint."""


def syntax_mask(tokens: Sequence[str], max_length: int) -> Constraint:
    """Branches, rings, bonds and length: what comes out is well-formed."""
    return functools.partial(SmilesGrammar(tokens, max_length).start, "syntax")


def valence_mask(tokens: Sequence[str], max_length: int) -> Constraint:
    """Valences too, and aromatic systems that can be kekulised."""
    return functools.partial(SmilesGrammar(tokens, max_length).start, "valence")
