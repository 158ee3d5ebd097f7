"""SELFIES as sequences of symbols (Krenn et al. 2020; Lo et al. 2023), by the package of their authors.

Every sequence of symbols is a molecule: a symbol that asks for more bonds than an atom has left is given fewer, and
what cannot be closed is passed over. The price is a molecule of kekulised atoms whose branches and rings are counted in
symbols too. Use it where validity matters more than that a token says by itself what it does.

Molecules that break the package's limits of valence (hypervalent iodine, sandwich complexes) or have dative bonds, nine
of RDKit's 5,000 NCI compounds, have no SELFIES; all the others there, and a whole test set of ZINC250k, come back.
"""

import re
from collections.abc import Sequence
from typing import Any

from molvae.chemistry.molecule import canonical
from molvae.errors import MissingDependencyError, TokenError, abbreviate

_ATOM_MAP = re.compile(r":\d+\]")


class SelfiesTokenizer:
    """Canonical SMILES -> SELFIES symbols -> canonical SMILES.

    Raises:
        MissingDependencyError: the extra is not installed.
    """

    always_valid = True

    def __init__(self) -> None:
        _selfies()

    def split(self, smiles: str) -> list[str]:
        """The symbols of a molecule.

        Raises:
            TokenError: SELFIES cannot hold it; says why.
        """
        selfies = _selfies()
        if _ATOM_MAP.search(smiles):
            raise TokenError(f"SELFIES cannot hold {abbreviate(smiles)!r}: it would lose the numbers of mapped atoms")
        try:
            return list(selfies.split_selfies(selfies.encoder(smiles)))
        except (selfies.EncoderError, IndexError) as error:  # some strings that are not SMILES give the latter
            problem, _, details = str(error).partition("SMILES:")
            reason = " ".join((details.partition("Errors:")[2] or problem or "not a valid SMILES").split())
            raise TokenError(f"SELFIES cannot hold {abbreviate(smiles)!r}: {abbreviate(reason, 200)}") from None

    def join(self, tokens: Sequence[str]) -> str:
        """The canonical SMILES of a sequence of symbols."""
        smiles: str = _selfies().decoder("".join(tokens))
        return canonical(smiles) or smiles


def _selfies() -> Any:
    try:
        import selfies
    except ImportError:
        raise MissingDependencyError('this model is written in SELFIES: pip install "molvae[selfies]"') from None
    return selfies
