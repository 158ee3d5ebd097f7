"""From latent points to token sequences: greedy or sampled, with or without a mask.

Sampling is done by perturbing logits with Gumbel noise and taking the largest (Gumbel 1954; Maddison et al.
2014). A mask then needs no renormalised distribution: the best-ranked token that it accepts is an exact draw
from p restricted to the accepted tokens, and greedy decoding is the same code without noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from molvae.errors import ConfigError
from molvae.molecules.protocols import Constraint, SequenceDecoder, TokenConstraint
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX


@dataclass(frozen=True)
class Generated:
    """N sequences.

    Attributes:
        tokens: (N, T) int64, ``<eos>`` where the sequence ended, then ``<pad>``; a sequence that did not end within
            the model's length has no ``<eos>``.
        log_prob: (N,) log p(x|z) of the sequence under the unconstrained decoder, in nats.
        complete: (N,) whether the sequence ended, and without having to relax its constraint.
    """

    tokens: Tensor
    log_prob: Tensor
    complete: Tensor


@torch.inference_mode()
def generate(
    decoder: SequenceDecoder,
    z: Tensor,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    constraint: Constraint | None = None,
    dtype: torch.dtype = torch.float32,
) -> Generated:
    """Decode one sequence for each z; sequences leave the batch as soon as they end.

    Args:
        decoder: the decoder.
        z: (N, D)
        temperature: 0 is greedy; 1 samples from p(x|z).
        generator: randomness of the sampling.
        constraint: what every prefix must satisfy.
        dtype: of the matrix products.

    Raises:
        ConfigError: a negative temperature.
    """
    if temperature < 0:
        raise ConfigError(f"temperature must be at least 0, not {temperature}")
    number, device = len(z), z.device
    steps = decoder.max_length + 1
    tokens = torch.full((number, steps), PAD_INDEX, device=device)
    total = torch.zeros(number, device=device)
    complete = torch.zeros(number, dtype=torch.bool, device=device)
    alive = torch.arange(number, device=device)
    growing = decoder.begin(z, dtype)
    last = torch.full((number,), BOS_INDEX, device=device)
    states = [constraint() for _ in range(number)] if constraint else []

    for step in range(steps):
        if len(alive) == 0:
            break
        log_p = torch.log_softmax(growing.step(last), -1)
        log_p[:, [PAD_INDEX, BOS_INDEX]] = -torch.inf
        scores = _perturb(log_p, temperature, generator)
        last = _choose(scores, states) if constraint else scores.argmax(-1)
        tokens[alive, step] = last
        total[alive] += log_p.gather(1, last.unsqueeze(1)).squeeze(1)
        going = last != EOS_INDEX
        if not bool(going.all()):
            complete[alive[~going]] = True
            if constraint:
                dead = torch.tensor([state.relaxed for state in states], device=device)
                complete[alive[~going & dead]] = False
            alive, last = alive[going], last[going]
            growing.select(going)
            states = [state for state, goes in zip(states, going.tolist(), strict=True) if goes] if constraint else []
    return Generated(tokens, total, complete)


@torch.inference_mode()
def generate_until_complete(
    decoder: SequenceDecoder,
    z: Tensor,
    constraint: Constraint,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    retries: int = 10,
    dtype: torch.dtype = torch.float32,
) -> Generated:
    """As :func:`generate` with a constraint, but what runs into a dead end is decoded again.

    A token can be right by the grammar and still lead where no completion is possible, which shows only later. Such a
    sequence is drawn anew from the constrained distribution at the same z, up to ``retries`` times; the first complete
    one counts. What still fails keeps its first decoding, well-formed but perhaps not a molecule.

    Args:
        decoder, z, constraint, temperature, generator, dtype: as for :func:`generate`.
        retries: further decodings of a failed sequence, sampled at temperature 0.7 or ``temperature`` if larger.
    """
    result = generate(decoder, z, temperature, generator, constraint, dtype)
    for attempt in range(retries):
        rows = torch.nonzero(~result.complete).flatten()
        if len(rows) == 0:
            break
        source = generator or torch.Generator().manual_seed(attempt)  # reproducible without one as well
        again = generate(decoder, z[rows], max(0.7, temperature), source, constraint, dtype)
        better = rows[again.complete]
        result.tokens[better], result.log_prob[better] = again.tokens[again.complete], again.log_prob[again.complete]
        result.complete[better] = True
    return result


def _perturb(log_p: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """Scores whose ranking is a draw without replacement from the tempered distribution."""
    if temperature == 0:
        return log_p
    uniform = torch.rand(log_p.shape, generator=generator, device=generator.device if generator else None)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7))).to(log_p.device)
    return log_p / temperature + gumbel


def _choose(scores: Tensor, states: list[TokenConstraint]) -> Tensor:
    """For each row the best-ranked token that its constraint accepts; the constraint takes it."""
    order = scores.argsort(-1, descending=True).tolist()
    chosen = []
    for state, ranked in zip(states, order, strict=True):
        token = state.choose(ranked)
        state.advance(token)
        chosen.append(token)
    return torch.tensor(chosen, device=scores.device)
