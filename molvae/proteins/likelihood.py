"""p(x|z) of a sequence as a lazy distribution, and its decoding: greedy or sampled, until the end mark."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from molvae.core.distributions import uniform_like
from molvae.errors import ConfigError
from molvae.proteins.batches import BEGIN, END, MASK, PAD, ResidueBatch


class Growing(Protocol):
    """N sequences under way."""

    def step(self, tokens: Tensor) -> Tensor:
        """The last tokens (N,) -> logits of the next (N, V)."""

    def select(self, going: Tensor) -> None:
        """Go on with the sequences of a mask (N,)."""


class SequenceDecoder(Protocol):
    """z -> logits under teacher forcing, or one residue after another.

    Attributes:
        max_length: longest sequence in residues.
    """

    max_length: int

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """z (N, D), inputs (N, T) -> logits of the next token (N, T, V)."""

    def begin(self, z: Tensor) -> Growing:
        """Empty sequences at z (N, D)."""


def token_log_prob(logits: Tensor, tokens: Tensor) -> Tensor:
    """log p of each token (N, T) under logits (N, T, V), zero at padding: (N, T)."""
    nll = nn.functional.cross_entropy(
        logits.float().flatten(0, 1), tokens.flatten(), ignore_index=PAD, reduction="none"
    )
    return -nll.view_as(tokens)


@dataclass(frozen=True)
class SequenceLikelihood:
    """p(x|z) = prod_t p(x_t | x_<t, z) for z (S, B, D)."""

    decoder: SequenceDecoder
    z: Tensor

    def logits(self, x: ResidueBatch) -> Tensor:
        """Under teacher forcing, (S B, T, V)."""
        return self.decoder.logits(self.z.flatten(0, 1), x.inputs.repeat(len(self.z), 1))

    def log_prob(self, x: ResidueBatch) -> Tensor:
        """Sum of the log-probabilities of all residues and the end mark, (S, B)."""
        samples, batch, _ = self.z.shape
        return token_log_prob(self.logits(x), x.tokens.repeat(samples, 1)).sum(1).view(samples, batch)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One sequence drawn for each z, (S, B, T), padded."""
        return self._generate(1.0, generator)

    @property
    def mode(self) -> Tensor:
        """The greedy sequence for each z, (S, B, T), padded."""
        return self._generate(0.0)

    def _generate(self, temperature: float, generator: torch.Generator | None = None) -> Tensor:
        tokens, _ = generate(self.decoder, self.z.flatten(0, 1), temperature, generator)
        return tokens.view(*self.z.shape[:2], -1)


@torch.inference_mode()
def generate(
    decoder: SequenceDecoder, z: Tensor, temperature: float = 0.0, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Write one sequence for each z; sequences leave the batch as soon as they end.

    Args:
        decoder: the decoder.
        z: (N, D)
        temperature: 0 is greedy; 1 draws from p(x|z).
        generator: randomness of the draws.

    Returns:
        Tokens (N, T), padded behind the end mark, which a sequence cut at the longest length has not; and log p(x|z)
        (N,) in nats.

    Raises:
        ConfigError: a negative temperature.
    """
    if not 0 <= temperature < float("inf"):
        raise ConfigError(f"temperature must be a number from 0 on, not {temperature}")
    number, steps = len(z), decoder.max_length + 1
    tokens = torch.full((number, steps), PAD, device=z.device)
    total = torch.zeros(number, device=z.device)
    alive = torch.arange(number, device=z.device)
    last = torch.full((number,), BEGIN, device=z.device)
    growing = decoder.begin(z)
    for step in range(steps):
        if len(alive) == 0:
            break
        log_p = torch.log_softmax(growing.step(last), -1)
        scores = log_p.clone()
        scores[:, [PAD, BEGIN, MASK]] = -torch.inf
        if step == 0:
            scores[:, END] = -torch.inf  # nothing is no protein
        if temperature > 0:
            # argmax of log p / T plus Gumbel noise is a draw from the tempered distribution (Maddison et al. 2014)
            uniform = uniform_like(scores, tuple(scores.shape), generator).clamp(1e-20, 1 - 1e-7)
            scores = scores / temperature - torch.log(-torch.log(uniform))
        last = scores.argmax(-1)
        tokens[alive, step] = last
        total[alive] += log_p.gather(1, last.unsqueeze(1)).squeeze(1)
        going = last != END
        if not bool(going.all()):
            alive, last = alive[going], last[going]
            growing.select(going)
    return tokens, total
