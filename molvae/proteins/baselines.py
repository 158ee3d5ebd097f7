"""What a transformer must beat: a recurrent VAE of raw sequences, and a VAE of aligned ones without any order.

Both are :class:`molvae.core.vae.VAE` and are trained by the same loop, bound and schedules as the model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from molvae.core.distributions import Posterior, uniform_like
from molvae.core.fit import FitConfig, fit
from molvae.core.heads import DiagonalGaussianHead
from molvae.core.nn.recurrent import GatedRecurrence, gated_step
from molvae.core.priors import StandardNormal
from molvae.core.schedules import in_steps
from molvae.core.training import TrainingConfig, vae_objective
from molvae.core.vae import VAE
from molvae.errors import InputError
from molvae.proteins.batches import (
    MASK,
    PAD,
    TOKENS,
    FamilyBatches,
    ResidueBatch,
    batches_of,
    family_in_order,
    shifted,
    tokenise,
)
from molvae.proteins.likelihood import SequenceLikelihood
from molvae.proteins.training import FamilyObjectiveConfig, ResidueValidator
from molvae.run.progress import Progress, on_stderr
from molvae.run.seeds import step_seed


class RecurrentEncoder(nn.Module):
    """A GRU over the residues in both directions; its last states -> q(z|x)."""

    def __init__(self, latent_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 32)
        self.recurrence = nn.GRU(32, hidden_size // 2, batch_first=True, bidirectional=True)
        self.head = DiagonalGaussianHead(latent_size)
        self.output = nn.Linear(2 * hidden_size, self.head.outputs)

    def forward(self, x: ResidueBatch) -> Posterior:
        there = (x.source != PAD).unsqueeze(-1)
        lengths = there.sum((1, 2)).cpu()  # the way back begins at the end of each sequence, not in the padding
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(x.source), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.recurrence(packed)[0], batch_first=True, total_length=x.source.shape[1]
        )
        mean = (states * there).sum(1) / there.sum(1)
        highest = states.masked_fill(~there, -1.0).amax(1)
        q: Posterior = self.head(self.output(torch.cat([mean, highest], -1)))
        return q


class RecurrentDecoder(nn.Module):
    """The recurrence of the molecules' decoder: z enters the first state and the gates of every step."""

    def __init__(self, latent_size: int, hidden_size: int, max_length: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.token_gates = nn.Embedding(TOKENS, 3 * hidden_size)
        self.latent_gates = nn.Linear(latent_size, 3 * hidden_size)
        self.latent_state = nn.Linear(latent_size, hidden_size)
        self.recurrence = GatedRecurrence(hidden_size)
        self.output = nn.Linear(hidden_size, TOKENS)

    def forward(self, z: Tensor) -> SequenceLikelihood:
        """z (S, B, D) -> p(x|z)"""
        return SequenceLikelihood(self, z)

    def logits(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Teacher forcing: z (N, D), inputs (N, T) -> logits of the next token (N, T, V)."""
        gates = self.token_gates(inputs.t()) + self.latent_gates(z)
        states = self.recurrence(gates, torch.tanh(self.latent_state(z)))
        return self.output(states).transpose(0, 1)

    def begin(self, z: Tensor) -> "RecurrentWriting":
        """Empty sequences at z (N, D)."""
        return RecurrentWriting(self, z)


class RecurrentWriting:
    """N sequences that grow by one residue at each step."""

    def __init__(self, decoder: RecurrentDecoder, z: Tensor) -> None:
        self.decoder = decoder
        self.gates, self.state = decoder.latent_gates(z), torch.tanh(decoder.latent_state(z))

    def step(self, tokens: Tensor) -> Tensor:
        """The last tokens (N,) -> logits of the next (N, V)."""
        gates = self.gates + self.decoder.token_gates(tokens)
        recurrence = self.decoder.recurrence
        self.state = gated_step(gates, self.state, recurrence.weight, recurrence.bias)
        logits: Tensor = self.decoder.output(self.state)
        return logits.float()

    def select(self, going: Tensor) -> None:
        """Go on with the sequences of a mask (N,)."""
        self.gates, self.state = self.gates[going], self.state[going]


class AlignedEncoder(nn.Module):
    """One-hots of all columns of an alignment -> q(z|x)."""

    def __init__(self, latent_size: int, hidden_size: int, columns: int) -> None:
        super().__init__()
        self.head = DiagonalGaussianHead(latent_size)
        self.network = nn.Sequential(
            nn.Linear(columns * TOKENS, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, self.head.outputs),
        )

    def forward(self, x: ResidueBatch) -> Posterior:
        q: Posterior = self.head(self.network(nn.functional.one_hot(x.source, TOKENS).float().flatten(1)))
        return q


@dataclass(frozen=True)
class AlignedLikelihood:
    """p(x|z) of independent columns, logits (S B, T, V); a gap is a letter of its own."""

    values: Tensor
    shape: tuple[int, int]

    def logits(self, x: ResidueBatch) -> Tensor:
        """Of all columns, (S B, T, V)."""
        return self.values

    def log_prob(self, x: ResidueBatch) -> Tensor:
        """(S, B)"""
        tokens = x.tokens.repeat(self.shape[0], 1)
        nll = nn.functional.cross_entropy(self.values.flatten(0, 1), tokens.flatten(), reduction="none")
        return -nll.view(*self.shape, -1).sum(-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One row of the alignment for each z, (S, B, T)."""
        uniform = uniform_like(self.values, tuple(self.values.shape), generator).clamp(1e-20, 1 - 1e-7)
        return (self.values - torch.log(-torch.log(uniform))).argmax(-1).view(*self.shape, -1)

    @property
    def mode(self) -> Tensor:
        """The most probable row for each z, (S, B, T)."""
        return self.values.argmax(-1).view(*self.shape, -1)


class AlignedDecoder(nn.Module):
    """z -> what stands in each column of an alignment."""

    def __init__(self, latent_size: int, hidden_size: int, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.network = nn.Sequential(
            nn.Linear(latent_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, columns * TOKENS),
        )

    def forward(self, z: Tensor) -> AlignedLikelihood:
        """z (S, B, D) -> p(x|z)"""
        values = self.network(z.flatten(0, 1)).unflatten(-1, (self.columns, TOKENS))
        return AlignedLikelihood(values, (z.shape[0], z.shape[1]))


class BaselineConfig(TrainingConfig):
    """Training of a baseline."""

    batch_size: int = Field(32, ge=2, le=100_000)
    latent_size: int = Field(16, ge=1, le=1024)
    hidden_size: int = Field(128, ge=2, le=8192)
    drop: float = Field(0.3, ge=0, lt=1)
    """Of the recurrent decoder, as for the model."""
    objective: FamilyObjectiveConfig = FamilyObjectiveConfig(weights={})
    fit: FitConfig = FitConfig(epochs=20, learning_rate=2e-3, clip_norm=50.0, average=0.995)


def recurrent_vae(
    config: BaselineConfig,
    training: Sequence[str],
    held_out: Sequence[str],
    max_length: int,
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
) -> VAE:
    """A GRU VAE of raw sequences, trained, or trained on from the checkpoint of a folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)
        model = VAE(
            RecurrentEncoder(config.latent_size, config.hidden_size),
            StandardNormal(config.latent_size),
            RecurrentDecoder(config.latent_size, config.hidden_size, max_length),
        )
    batches = FamilyBatches(training, None, config.batch_size, config.fit.seed, config.drop)
    config = in_steps(config, config.fit.steps(batches))
    validate = ResidueValidator(config, family_in_order(held_out, None))
    fit(model, batches, vae_objective(config.objective), config.fit, folder, validate, device, progress)
    return model


def aligned_tokens(rows: Sequence[str]) -> Tensor:
    """Rows of an alignment as tokens (n, columns), gaps as masks.

    Raises:
        InputError: the rows are not of equal length.
    """
    if len(set(map(len, rows))) != 1:
        raise InputError("these sequences are not aligned: the rows of an alignment have one length")
    return tokenise([row.upper().replace(".", "-") for row in rows])[:, :-1]


def aligned_batch(tokens: Tensor) -> ResidueBatch:
    """Tokens of an alignment as a batch."""
    return ResidueBatch(tokens, tokens, shifted(tokens), torch.zeros(len(tokens), dtype=torch.long))


class AlignedBatches:
    """Shuffled rows of an alignment."""

    def __init__(self, tokens: Tensor, batch_size: int, seed: int) -> None:
        self.tokens, self.batch_size, self.seed = tokens, batch_size, seed

    def __len__(self) -> int:
        return batches_of(len(self.tokens), self.batch_size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[ResidueBatch]:
        """The batches of an epoch, from batch ``skip`` on."""
        generator = torch.Generator().manual_seed(step_seed(self.seed, number))
        order = torch.randperm(len(self.tokens), generator=generator)
        for index in range(skip, len(self)):
            stop = None if index == len(self) - 1 else (index + 1) * self.batch_size
            yield aligned_batch(self.tokens[order[index * self.batch_size : stop]])


def aligned_vae(
    config: BaselineConfig,
    training: Sequence[str],
    held_out: Sequence[str],
    folder: Path,
    device: str = "auto",
    progress: Progress = on_stderr,
) -> VAE:
    """An MLP VAE of one-hot rows of an alignment, trained; its schedules are those of the model.

    Raises:
        InputError: the rows are not aligned.
    """
    tokens, other = aligned_tokens(training), aligned_tokens(held_out)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.fit.seed)
        model = VAE(
            AlignedEncoder(config.latent_size, config.hidden_size, tokens.shape[1]),
            StandardNormal(config.latent_size),
            AlignedDecoder(config.latent_size, config.hidden_size, tokens.shape[1]),
        )
    batches = AlignedBatches(tokens, config.batch_size, config.fit.seed)
    config = in_steps(config, config.fit.steps(batches))
    validate = AlignedValidator(config, [aligned_batch(other)])
    fit(model, batches, vae_objective(config.objective), config.fit, folder, validate, device, progress)
    return model


class AlignedValidator(ResidueValidator):
    """Of the columns in which a row has a residue, those that are right."""

    @torch.no_grad()
    def measure(self, model: VAE) -> dict[str, float]:
        right = total = 0
        for batch in self.batches:
            tokens = model.likelihood(model.posterior(batch).mean.unsqueeze(0), batch).mode[0]
            there = batch.tokens != MASK
            right += int(((tokens == batch.tokens) & there).sum())
            total += int(there.sum())
        return {"residue_accuracy": right / max(1, total)}


@torch.no_grad()
def means(model: VAE, batches: Sequence[ResidueBatch]) -> Tensor:
    """Posterior means (n, D) of sequences in the order of the batches, on the CPU."""
    model.eval()
    return torch.cat([model.posterior(batch.to(model.device)).mean.cpu() for batch in batches])
