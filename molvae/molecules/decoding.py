"""From latent points to token sequences: greedy, sampled, and beam search, with or without the grammar mask.

Sampling is done by perturbing logits with Gumbel noise and taking the largest (Gumbel 1954; Maddison et al.
2014). A grammar then needs no renormalised distribution: the best-ranked token that it accepts is an exact draw
from p restricted to the accepted tokens, and greedy decoding is the same code without noise.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from molvae.errors import ConfigError
from molvae.molecules.decoder import Generation, RecurrentDecoder
from molvae.molecules.vocabulary import BOS_INDEX, EOS_INDEX, PAD_INDEX


class TokenConstraint(Protocol):
    """What one growing sequence may be continued with; see :mod:`molvae.chemistry.grammar`."""

    @property
    def relaxed(self) -> bool:
        """Whether the sequence ran into a dead end, where the constraint had to give way."""

    def check(self, token_index: int) -> bool:
        """Whether this token may come next."""

    def choose(self, ranked_indices: Sequence[int]) -> int:
        """The first of the ranked tokens that may come next."""

    def advance(self, token_index: int) -> None:
        """Take a token."""

    def copy(self) -> "TokenConstraint":
        """An independent state, for a second continuation."""


class ConstraintFactory(Protocol):
    """Makes the state for a new sequence."""

    def start(self) -> TokenConstraint: ...


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
    decoder: RecurrentDecoder,
    z: Tensor,
    temperature: float = 0.0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
    constraint: ConstraintFactory | None = None,
    dtype: torch.dtype = torch.float32,
) -> Generated:
    """Decode one sequence for each z; sequences leave the batch as soon as they end.

    Args:
        decoder: the decoder.
        z: (N, D)
        temperature: 0 is greedy; 1 samples from p(x|z).
        top_p: sample only from the most probable tokens that together hold this much probability (Holtzman 2020).
        generator: randomness of the sampling.
        constraint: grammar that every prefix must satisfy.
        dtype: of the matrix products.

    Raises:
        ConfigError: a negative temperature, or ``top_p`` outside (0, 1].
    """
    if temperature < 0 or not 0 < top_p <= 1:
        raise ConfigError(f"temperature must be >= 0 and top_p in (0, 1], not {temperature} and {top_p}")
    number, device = len(z), z.device
    steps = decoder.max_length + 1
    tokens = torch.full((number, steps), PAD_INDEX, device=device)
    total = torch.zeros(number, device=device)
    complete = torch.zeros(number, dtype=torch.bool, device=device)
    alive = torch.arange(number, device=device)
    growing = Generation(decoder, z, dtype)
    last = torch.full((number,), BOS_INDEX, device=device)
    states = [constraint.start() for _ in range(number)] if constraint else []

    for step in range(steps):
        if len(alive) == 0:
            break
        log_p = torch.log_softmax(growing.step(last), -1)
        log_p[:, [PAD_INDEX, BOS_INDEX]] = -torch.inf
        scores = _perturb(log_p, temperature, top_p, generator)
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
    decoder: RecurrentDecoder,
    z: Tensor,
    constraint: ConstraintFactory,
    temperature: float = 0.0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
    retries: int = 10,
    dtype: torch.dtype = torch.float32,
) -> Generated:
    """As :func:`generate` with a constraint, but what runs into a dead end is decoded again.

    A token can be right by the grammar and still lead where no completion is possible, which shows only later. Such a
    sequence is drawn anew from the constrained distribution at the same z, up to ``retries`` times; the first complete
    one counts. What still fails keeps its first decoding, well-formed but perhaps no molecule.

    Args:
        decoder, z, constraint, temperature, top_p, generator, dtype: as for :func:`generate`.
        retries: further decodings of a failed sequence, sampled at temperature 0.7 or ``temperature`` if larger.
    """
    made = generate(decoder, z, temperature, top_p, generator, constraint, dtype)
    for attempt in range(retries):
        rows = torch.nonzero(~made.complete).flatten()
        if len(rows) == 0:
            break
        source = generator or torch.Generator().manual_seed(attempt)  # greedy decoding stays a function of z alone
        again = generate(decoder, z[rows], max(0.7, temperature), top_p, source, constraint, dtype)
        better = rows[again.complete]
        made.tokens[better], made.log_prob[better] = again.tokens[again.complete], again.log_prob[again.complete]
        made.complete[better] = True
    return made


def _perturb(log_p: Tensor, temperature: float, top_p: float, generator: torch.Generator | None) -> Tensor:
    """Scores whose ranking is a draw without replacement from the tempered distribution."""
    if temperature == 0:
        return log_p
    scores = log_p / temperature
    uniform = torch.rand(log_p.shape, generator=generator, device=generator.device if generator else None)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7))).to(log_p.device)
    if top_p < 1:
        ordered, order = torch.softmax(scores, -1).sort(-1, descending=True)
        outside = ordered.cumsum(-1) - ordered >= top_p
        # not -inf: a grammar may leave no token inside the nucleus, and then the next best is wanted
        scores = scores - 1e6 * torch.zeros_like(scores).scatter(1, order, outside.to(scores.dtype))
    return scores + gumbel


def _choose(scores: Tensor, states: list[TokenConstraint]) -> Tensor:
    """For each row the best-ranked token that its grammar state accepts; the states take it."""
    order = scores.argsort(-1, descending=True).tolist()
    chosen = []
    for state, ranked in zip(states, order, strict=True):
        token = state.choose(ranked)
        state.advance(token)
        chosen.append(token)
    return torch.tensor(chosen, device=scores.device)


@torch.inference_mode()
def beam_search(
    decoder: RecurrentDecoder, z: Tensor, width: int, constraint: ConstraintFactory | None = None
) -> list[list[tuple[list[int], float]]]:
    """The ``width`` most probable sequences found for each z, best first.

    Args:
        decoder: the decoder.
        z: (N, D)
        width: number of partial sequences kept for each z.
        constraint: grammar that every prefix must satisfy; each beam extends by its accepted tokens only.

    Returns:
        For each z, up to ``width`` pairs (token indices without ``<eos>``, log p(x|z)); sequences that did not end
        within the model's length are not among them.
    """
    if width < 1:
        raise ConfigError(f"a beam is at least 1 wide, not {width}")
    return [_beam_one(decoder, point, width, constraint) for point in z]


def _beam_one(
    decoder: RecurrentDecoder, z: Tensor, width: int, constraint: ConstraintFactory | None
) -> list[tuple[list[int], float]]:
    growing = Generation(decoder, z.unsqueeze(0))
    prefixes: list[list[int]] = [[]]
    scores = [0.0]
    states = [constraint.start()] if constraint else []
    finished: list[tuple[list[int], float]] = []
    for _ in range(decoder.max_length + 1):
        last = torch.tensor([prefix[-1] if prefix else BOS_INDEX for prefix in prefixes], device=z.device)
        log_p = torch.log_softmax(growing.step(last), -1)
        log_p[:, [PAD_INDEX, BOS_INDEX]] = -torch.inf
        options: list[tuple[float, int, int]] = []
        for beam, row in enumerate(log_p):
            values, indices = row.sort(descending=True)
            accepted = _accepted(indices.tolist(), states[beam], width) if constraint else indices[:width].tolist()
            by_index = dict(zip(indices.tolist(), values.tolist(), strict=True))
            options += [(scores[beam] + by_index[token], beam, token) for token in accepted]
        options.sort(key=lambda option: -option[0])
        kept = []
        for score, beam, token in options[:width]:
            if token == EOS_INDEX:
                finished.append((prefixes[beam], score))
            else:
                kept.append((score, beam, token))
        finished = sorted(finished, key=lambda pair: -pair[1])[:width]
        # no open prefix can overtake: probabilities only fall
        if not kept or (len(finished) == width and kept[0][0] < finished[-1][1]):
            break
        if constraint:
            states = [states[beam].copy() for _, beam, _ in kept]
            for state, (_, _, token) in zip(states, kept, strict=True):
                state.advance(token)
        prefixes = [[*prefixes[beam], token] for _, beam, token in kept]
        scores = [score for score, _, _ in kept]
        growing.select(torch.tensor([beam for _, beam, _ in kept], device=z.device))
    return finished


def _accepted(ranked: list[int], state: TokenConstraint, number: int) -> list[int]:
    """The first ``number`` tokens in rank that the grammar accepts; its own way out if it accepts none."""
    passing = (token for token in ranked if token not in (PAD_INDEX, BOS_INDEX) and state.check(token))
    return list(itertools.islice(passing, number)) or [state.choose(ranked)]
