"""Vector quantisation: codes that are vectors of a codebook (van den Oord et al. 2017, "Neural discrete representation
learning").

    k = argmin_j |z_e - e_j|       what is decoded is e_k, with the gradient of z_e (straight through)
    |sg[z_e] - e_k|^2              moves the codebook ("codebook"), unless a running mean does (appendix A.1)
    |z_e - sg[e_k]|^2              keeps the encoder at its codes ("commitment")

q(z|x) is one code at each position for certain, so KL(q || p) = -log p(k): N log K nats under the uniform prior, and
what an autoregressive prior takes for the codes once it is learned. The ELBO is a bound on log p(x) as ever.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from molvae.core.distributions import Posterior
from molvae.errors import ConfigError
from molvae.shapes import Codes, PerExample, PerFactor, PerSample, Samples

CODEBOOK, COMMITMENT = "codebook", "commitment"
"""Names of the two auxiliary terms."""


class Codebook(nn.Module):
    """K vectors of d numbers. While it is trained, codes that are hardly used begin anew at outputs of the encoder.

    Args:
        size: K
        dimensions: d
        average: decay of the running means that the vectors are (van den Oord et al. 2017, eq. 6 to 8); 0: they are
            parameters, moved by the codebook term.
        revive: a code used less than this share of the mean is put where the encoder's outputs are (as in "Jukebox",
            Dhariwal et al. 2020, section 3); 0: never.
    """

    usage: Tensor
    sums: Tensor
    updates: Tensor

    def __init__(self, size: int, dimensions: int, average: float = 0.99, revive: float = 0.1) -> None:
        super().__init__()
        self.size, self.dimensions, self.average, self.revive = size, dimensions, average, revive
        vectors = torch.randn(size, dimensions) / math.sqrt(dimensions)
        if average:
            self.register_buffer("vectors", vectors)
            self.register_buffer("sums", vectors.clone())
        else:
            self.vectors = nn.Parameter(vectors)
        self.register_buffer("usage", torch.ones(size))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def nearest(self, outputs: Tensor) -> Tensor:
        """Points (..., d) -> index of the nearest code (...)."""
        # |a - b|^2 = |a|^2 - 2 a b + |b|^2, of which the first is the same for all codes
        distance = self.vectors.square().sum(-1) - 2 * outputs @ self.vectors.t()
        return distance.argmin(-1)

    def look_up(self, index: Tensor) -> Tensor:
        """Index (...) -> vectors (..., d)."""
        return self.vectors[index]

    def forward(self, outputs: Tensor) -> "Quantised":
        """Outputs of an encoder (B, N, d) -> q(z|x); in training mode the codebook learns from them."""
        # running means of bfloat16 numbers would stand still, and near codes could not be told apart
        with torch.autocast(outputs.device.type, enabled=False):
            return self._quantised(outputs.float())

    def _quantised(self, outputs: Tensor) -> "Quantised":
        if self.training and self.updates == 0:
            self._restart(torch.ones_like(self.usage, dtype=torch.bool), outputs.detach().flatten(0, -2))
        index = self.nearest(outputs.detach())
        q = Quantised(index, outputs, self.look_up(index))
        if self.training:
            self._learn(outputs.detach().flatten(0, -2), index.flatten())
        return q

    @torch.no_grad()
    def _learn(self, outputs: Tensor, index: Tensor) -> None:
        decay = self.average or 0.99
        chosen = nn.functional.one_hot(index, self.size).to(outputs)
        self.usage.lerp_(chosen.sum(0), 1 - decay)
        if self.average:
            self.sums.lerp_(chosen.t() @ outputs, 1 - decay)
            self.vectors.copy_(self.sums / self.usage.clamp(min=1e-5).unsqueeze(1))
        self.updates += 1
        dead = self.usage < self.revive * self.usage.mean()
        if dead.any():
            self._restart(dead, outputs)

    @torch.no_grad()
    def _restart(self, which: Tensor, outputs: Tensor) -> None:
        # drawn from the number of the update: a run that is taken up again does the same
        generator = torch.Generator().manual_seed(int(self.updates))
        number = int(which.sum())
        rows = torch.randint(len(outputs), (number,), generator=generator).to(outputs.device)
        # two codes at one place would never part
        noise = 0.01 * outputs.std() * torch.randn(number, self.dimensions, generator=generator).to(outputs)
        fresh = outputs[rows] + noise
        level = float(self.usage.mean()) if int(self.updates) else len(outputs) / self.size
        self.vectors.data[which] = fresh
        self.usage[which] = level
        if self.average:
            self.sums[which] = fresh * level


@dataclass(frozen=True)
class Quantised:
    """q(z|x): one code at each of N positions for certain.

    Attributes:
        index: (B, N) int64, which code
        outputs: (B, N, d), what the encoder said
        vectors: (B, N, d), the codes
    """

    index: Tensor
    outputs: Tensor
    vectors: Tensor

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(N, d)"""
        return tuple(self.vectors.shape[-2:])

    @property
    def mean(self) -> Codes:
        return self.vectors.detach().flatten(-2)

    def rsample(self, samples: int, generator: torch.Generator | None = None) -> Samples:
        """The codes, with the gradient of the encoder's outputs."""
        straight = self.outputs + (self.vectors - self.outputs).detach()
        flat = straight.flatten(-2)
        return flat.expand(samples, *flat.shape)

    def log_prob(self, z: Samples) -> PerSample:
        """Zero: it is the probability of the code that there is, not a density."""
        return torch.zeros_like(z[..., 0])

    def losses(self) -> dict[str, PerExample]:
        """The two squared distances, negative, summed over positions and numbers; (B,) each."""
        to_codes = (self.outputs.detach() - self.vectors).square().sum((-2, -1))
        to_outputs = (self.outputs - self.vectors.detach()).square().sum((-2, -1))
        return {CODEBOOK: -to_codes, COMMITMENT: -to_outputs}


class CodeNetwork(Protocol):
    """p(k) of a grid of codes, one after the other."""

    def log_prob(self, index: Tensor) -> Tensor:
        """(n, N) -> log p(k_i | k_<i), (n, N)"""

    def sample(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        """(number, N)"""


class CodePrior(nn.Module):
    """p(z) over codes at N positions: uniform, or of a network that was trained on the codes.

    Args:
        codebook: belongs to the encoder, and is not a part of this module.
        positions: N
        network: a module that is a :class:`CodeNetwork`; None: every code is equally probable everywhere.
    """

    def __init__(self, codebook: Codebook, positions: int, network: nn.Module | None = None) -> None:
        super().__init__()
        self._codebook = (codebook,)  # in a tuple, so that its weights are kept once
        self.positions, self.network = positions, network

    @property
    def codebook(self) -> Codebook:
        """Of the encoder."""
        return self._codebook[0]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(N, d)"""
        return self.positions, self.codebook.dimensions

    @torch.no_grad()
    def sample(self, shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
        """Codes (*shape, N d)."""
        number = math.prod(shape)
        if self.network is None:
            device = None if generator is None else generator.device
            index = torch.randint(self.codebook.size, (number, self.positions), generator=generator, device=device)
        else:
            network: CodeNetwork = self.network  # type: ignore[assignment]
            index = network.sample(number, generator)
        vectors = self.codebook.look_up(index.to(self.codebook.vectors.device)).detach()
        return vectors.flatten(-2).view(*shape, -1)

    def log_prob(self, z: Samples) -> PerSample:
        index = self.codebook.nearest(z.unflatten(-1, self.event_shape))
        return self._log_probs(index.flatten(0, -2)).sum(-1).view(index.shape[:-1])

    def kl_per_factor(self, q: Posterior) -> PerFactor:
        """-log p(k_i | k_<i) of each position, (B, N).

        Raises:
            ConfigError: q is not of codes.
        """
        if not isinstance(q, Quantised):
            raise ConfigError(f"a prior over codes needs a posterior of codes, not a {type(q).__name__}")
        return -self._log_probs(q.index)

    def kl_from(self, q: Posterior) -> PerExample:
        return self.kl_per_factor(q).sum(-1)

    def _log_probs(self, index: Tensor) -> Tensor:
        if self.network is None:
            return torch.full(index.shape, -math.log(self.codebook.size), device=index.device)
        network: CodeNetwork = self.network  # type: ignore[assignment]
        return network.log_prob(index)


def perplexity(index: Tensor, size: int) -> tuple[float, float]:
    """exp(entropy) of how often each of K codes occurs in (..., N), and the share of codes that occur at all."""
    counts = torch.bincount(index.flatten(), minlength=size).double()
    p = counts[counts > 0] / counts.sum()
    return float(torch.exp(-(p * p.log()).sum())), float((counts > 0).double().mean())
