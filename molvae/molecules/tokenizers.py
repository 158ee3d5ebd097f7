"""SMILES strings as sequences of atom-level tokens (Weininger 1988; OpenSMILES 1.0).

A token is a bracket atom, a two-letter organic-subset atom, a ring-closure label (``1``, ``%12``), or a
single character of the SMILES alphabet. Tokens rejoin to the very input: ``"".join(tokenize(s)) == s``.
"""

import re

from molvae.errors import TokenError, abbreviate

_TOKEN = re.compile(
    r"\[[^\[\]\s]+\]"  # bracket atom: everything between the brackets is one token
    r"|%\(\d+\)|%\d{2}"  # ring closure with two or more digits
    r"|Br|Cl"
    r"|[BCNOPSFIbcnops*]"
    r"|[0-9]"
    r"|[-=#$:~/\\().>]"
)


def tokenize(smiles: str) -> list[str]:
    """Split a SMILES into atom-level tokens.

    Args:
        smiles: one SMILES, without surrounding white space.

    Returns:
        The tokens in order; joined, they are ``smiles`` again.

    Raises:
        TokenError: a character starts no SMILES token; names the molecule and the position (from 0).
    """
    tokens = []
    position = 0
    while position < len(smiles):
        match = _TOKEN.match(smiles, position)
        if match is None:
            raise TokenError(
                f"no SMILES token starts with {smiles[position]!r} at position {position} of {abbreviate(smiles)!r}"
            )
        tokens.append(match.group())
        position = match.end()
    return tokens


class SmilesTokenizer:
    """Molecules as they are written: the tokens of :func:`tokenize`, side by side. Decoding wants a mask."""

    always_valid = False
    split = staticmethod(tokenize)
    join = staticmethod("".join)
