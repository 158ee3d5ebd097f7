"""The tokens a model knows, and molecules as rows of token indices.

A vocabulary is built from data, saved with the model, and never changes afterwards: an unknown token is an error
that names molecule, token and position, since a silent ``<unk>`` would decode into another molecule.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from molvae.errors import CheckpointError, ConfigError, TokenError, abbreviate
from molvae.molecules.protocols import Tokenizer
from molvae.molecules.registries import TOKENIZERS

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
SPECIALS = (PAD, BOS, EOS)
PAD_INDEX, BOS_INDEX, EOS_INDEX = range(3)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by index; the first three are padding, start and end.

    Attributes:
        tokens: all V tokens, specials first.
        max_length: the longest molecule in tokens, without start and end, that the model accepts.
        tokenizer: a name of :data:`~molvae.molecules.registries.TOKENIZERS`, whose tokens they are.

    Raises:
        CheckpointError: the tokens are not a vocabulary.
        ConfigError: no such tokenizer.
        MissingDependencyError: the tokenizer is an extra that is not installed.
    """

    tokens: tuple[str, ...]
    max_length: int
    tokenizer: str = "smiles"

    def __post_init__(self) -> None:
        if self.tokens[:3] != SPECIALS or len(set(self.tokens)) != len(self.tokens):
            raise CheckpointError("a vocabulary starts with <pad>, <bos>, <eos> and names each token once")
        _ = self._tokenizer  # now rather than at the first molecule

    @classmethod
    def build(cls, molecules: Iterable[str], max_length: int | None = None, tokenizer: str = "smiles") -> "Vocabulary":
        """Collect the tokens of a data set, most frequent first.

        Args:
            molecules: canonical SMILES; those that the tokenizer cannot hold are passed over, as
                :meth:`~molvae.molecules.dataset.MoleculeDataset.build` will refuse them.
            max_length: longest molecule in tokens to accept; default: a tenth above the longest seen.
            tokenizer: its name.
        """
        split = TOKENIZERS[tokenizer]().split
        counts: Counter[str] = Counter()
        longest = 0
        for smiles in molecules:
            with contextlib.suppress(TokenError):
                tokens = split(smiles)
                counts.update(tokens)
                longest = max(longest, len(tokens))
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        return cls((*SPECIALS, *ordered), max_length or -(-longest * 11 // 10), tokenizer)

    def unknown(self, molecules: Iterable[str]) -> list[str]:
        """The tokens of canonical SMILES that are missing here, most frequent first.

        Molecules that are too long to be held anyway are passed over.
        """
        counts: Counter[str] = Counter()
        for smiles in molecules:
            with contextlib.suppress(TokenError):
                tokens = self._tokenizer.split(smiles)
                if len(tokens) <= self.max_length:
                    counts.update(token for token in tokens if token not in self.index)
        return sorted(counts, key=lambda token: (-counts[token], token))

    @property
    def always_valid(self) -> bool:
        """Whether every sequence of the tokens is a molecule."""
        return self._tokenizer.always_valid

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return TOKENIZERS[self.tokenizer]()

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def index(self) -> dict[str, int]:
        """Token -> index."""
        return {token: index for index, token in enumerate(self.tokens)}

    def encode(self, smiles: str) -> np.ndarray:
        """Token indices of one molecule, without start and end, uint8 or uint16.

        Raises:
            TokenError: a token is unknown, or the molecule is longer than the model can hold, or its tokenizer cannot
                hold it at all.
        """
        if not smiles:
            raise TokenError("an empty string is not a molecule")
        tokens = self._tokenizer.split(smiles)
        if len(tokens) > self.max_length:
            raise TokenError(
                f"{abbreviate(smiles)!r} has {len(tokens)} tokens; "
                f"this model holds molecules of at most {self.max_length}"
            )
        try:
            return np.array([self.index[token] for token in tokens], dtype=self.dtype)
        except KeyError as error:
            token = error.args[0]
            number = tokens.index(token)
            character = len("".join(tokens[:number]))
            raise TokenError(
                f"token {token!r} (token {number}, character {character}) of {abbreviate(''.join(tokens))!r} "
                "is not in this model's vocabulary"
            ) from None

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """The smallest integer type that holds every index."""
        return np.uint8 if len(self) <= 256 else np.uint16

    def decode(self, indices: Sequence[int] | np.ndarray) -> str:
        """The SMILES of the tokens up to the first end or padding."""
        tokens = []
        for index in indices:
            if index in (EOS_INDEX, PAD_INDEX):
                break
            tokens.append(self.tokens[index])
        return self._tokenizer.join(tokens)

    def to_json(self) -> str:
        values = {"tokenizer": self.tokenizer, "max_length": self.max_length, "tokens": self.tokens}
        return json.dumps(values, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Read what :meth:`to_json` wrote; without a tokenizer the tokens are of SMILES.

        Raises:
            CheckpointError: it is not a vocabulary, or one for a tokenizer that is not known here.
            MissingDependencyError: its tokenizer is an extra that is not installed.
        """
        try:
            values = json.loads(text)
            tokens, max_length, tokenizer = values["tokens"], values["max_length"], values.get("tokenizer", "smiles")
            if not (isinstance(max_length, int) and all(isinstance(token, str) for token in [tokenizer, *tokens])):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise CheckpointError(
                "vocabulary.json is damaged or not a vocabulary: get the model folder again"
            ) from None
        try:
            return cls(tuple(tokens), max_length, tokenizer)
        except ConfigError as error:
            raise CheckpointError(f"vocabulary.json is of another version of molvae: {error}") from None
