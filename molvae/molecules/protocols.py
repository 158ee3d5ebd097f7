"""What the parts of a molecular VAE promise each other; :mod:`molvae.molecules.registries` names who keeps which."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from molvae.core.flows import CouplingFlow


class Tokenizer(Protocol):
    """A language in which a molecule is a sequence of tokens.

    Attributes:
        always_valid: every sequence of its tokens is a molecule, so that decoding needs no mask.
    """

    always_valid: bool

    def split(self, smiles: str) -> list[str]:
        """The tokens of a molecule.

        Raises:
            TokenError: the language cannot hold it; says why.
        """

    def join(self, tokens: Sequence[str]) -> str:
        """A SMILES again; of the tokens of a canonical SMILES, that very SMILES."""


class TokenConstraint(Protocol):
    """What one growing sequence may be continued with; see :mod:`molvae.chemistry.grammar`."""

    @property
    def relaxed(self) -> bool:
        """Whether the sequence ran into a dead end, where the constraint had to give way."""

    def choose(self, ranked_indices: Iterable[int]) -> int:
        """The first of the ranked tokens that may come next."""

    def advance(self, token_index: int) -> None:
        """Take a token."""


Constraint = Callable[[], TokenConstraint]
"""Makes the state of a new sequence."""


class GrowingSequences(Protocol):
    """N sequences that are written token by token."""

    def step(self, tokens: Tensor) -> Tensor:
        """The last tokens (N,) -> logits of the next (N, V), float32."""

    def select(self, going: Tensor) -> None:
        """Go on with the sequences of a mask (N,)."""


class SequenceDecoder(Protocol):
    """z -> a distribution over token sequences.

    Attributes:
        max_length: the longest sequence, its end not counted.
        flow: z is first mapped through its inverse, see :mod:`molvae.core.flows`; or None.
        output: the layer that makes the logits, with a bias for each token.
    """

    max_length: int
    flow: CouplingFlow | None
    output: nn.Linear

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Teacher forcing: z (N, D), inputs (N, T) -> logits of the next token (T, N, V)."""

    def codes(self, z: Tensor) -> Tensor:
        """Latent points (N, D) -> what the decoder reads (N, D): z itself, or the inverse of the flow at z."""

    def logits_of_codes(self, code: Tensor, inputs: Tensor) -> Tensor:
        """As :meth:`logits`, from codes (N, D)."""

    def begin(self, z: Tensor, dtype: torch.dtype) -> GrowingSequences:
        """Empty sequences at z (N, D); ``dtype`` of the matrix products."""
