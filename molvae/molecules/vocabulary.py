"""The tokens a model knows, and SMILES as rows of token indices.

A vocabulary is built from data, saved with the model, and never changes afterwards: an unknown token is an error
that names molecule, token and position, since a silent ``<unk>`` would decode into another molecule.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from molvae.errors import CheckpointError, TokenError, abbreviate
from molvae.molecules.tokenizers import tokenize

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
SPECIALS = (PAD, BOS, EOS)
PAD_INDEX, BOS_INDEX, EOS_INDEX = range(3)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by index; the first three are padding, start and end.

    Attributes:
        tokens: all V tokens, specials first.
        max_length: the longest molecule in tokens, without start and end, that the model accepts.
    """

    tokens: tuple[str, ...]
    max_length: int

    def __post_init__(self) -> None:
        if self.tokens[:3] != SPECIALS or len(set(self.tokens)) != len(self.tokens):
            raise CheckpointError("a vocabulary starts with <pad>, <bos>, <eos> and names each token once")

    @classmethod
    def build(cls, molecules: Iterable[str], max_length: int | None = None) -> "Vocabulary":
        """Collect the tokens of a data set, most frequent first.

        Args:
            molecules: SMILES.
            max_length: longest molecule in tokens to accept; default: a tenth above the longest seen.
        """
        counts: Counter[str] = Counter()
        longest = 0
        for smiles in molecules:
            tokens = tokenize(smiles)
            counts.update(tokens)
            longest = max(longest, len(tokens))
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        return cls((*SPECIALS, *ordered), max_length or -(-longest * 11 // 10))

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def index(self) -> dict[str, int]:
        """Token -> index."""
        return {token: index for index, token in enumerate(self.tokens)}

    def encode(self, smiles: str) -> np.ndarray:
        """Token indices of one molecule, without start and end, uint8 or uint16.

        Raises:
            TokenError: a token is unknown, or the molecule is longer than the model can hold.
        """
        tokens = tokenize(smiles)
        if not tokens:
            raise TokenError("an empty string is not a molecule")
        if len(tokens) > self.max_length:
            raise TokenError(
                f"{abbreviate(smiles)!r} has {len(tokens)} tokens; "
                f"this model holds molecules of at most {self.max_length}"
            )
        try:
            return np.array([self.index[token] for token in tokens], dtype=self.dtype)
        except KeyError as error:
            token = error.args[0]
            place = tokens.index(token)
            raise TokenError(
                f"token {token!r} (token {place}, character {len(''.join(tokens[:place]))}) of {abbreviate(smiles)!r} "
                "is not in this model's vocabulary"
            ) from None

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """The smallest integer type that holds every index."""
        return np.uint8 if len(self) <= 256 else np.uint16

    def decode(self, indices: Sequence[int] | np.ndarray) -> str:
        """Join tokens up to the first end or padding; a leading start token is skipped."""
        parts = []
        for index in indices:
            if index in (EOS_INDEX, PAD_INDEX):
                break
            if index != BOS_INDEX:
                parts.append(self.tokens[index])
        return "".join(parts)

    def to_json(self) -> str:
        return json.dumps({"max_length": self.max_length, "tokens": self.tokens}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Read what :meth:`to_json` wrote.

        Raises:
            CheckpointError: it is not a vocabulary.
        """
        try:
            values = json.loads(text)
            tokens, max_length = values["tokens"], values["max_length"]
            if not (isinstance(max_length, int) and all(isinstance(token, str) for token in tokens)):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise CheckpointError(
                "vocabulary.json is damaged or not a vocabulary: get the model folder again"
            ) from None
        return cls(tuple(tokens), max_length)
