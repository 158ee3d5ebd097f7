"""Teach the weights what the valence mask knows, with molecules that the model invents while it is trained.

The sleep phase of wake-sleep (Hinton et al. 1995). Points u come from the prior, from near encodings, and from great
circles between encodings; the current weights write a molecule at each, greedily, and where RDKit refuses it, once more
under the valence mask. What RDKit then accepts, and would write in the same way, goes into a pool, which is made anew
every few hundred steps: canonical SMILES are all that the data holds, and a model that is taught its other writings
drifts away from the data. A step takes pairs (u, x') from the pool, of similar length, and adds to the objective

    w_d log p(x'|c(u))                         the decoder then writes it without a mask
    w_r (E_q(z|x')[log p(x'|z)] - beta KL)     invented molecules are data too, and there is no end of them
    w_e log N(c(u); mean of q(z|x'), s^2)      encode(decode(u)) comes back to u (without its constant)

c(u) is the decoder's code of u, and s the spread of the codes of the pool in each dimension: the width of q stays what
the bound makes it. The pool holds codes, not points: a pair stays true while a learned prior moves, and the prior gets
no gradient from it, which would teach it to like codes that are easily decoded instead of codes that molecules have.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from molvae.chemistry.molecule import canonical
from molvae.core.objectives import elbo
from molvae.core.sampling import slerp
from molvae.core.schedules import Schedule
from molvae.core.terms import Terms
from molvae.molecules.dataset import WIDTHS, MoleculeDataset, TokenBatch
from molvae.molecules.likelihood import sequence_log_prob
from molvae.molecules.vae import MoleculeVAE
from molvae.run.config import Config

_MOST_NOISE = 0.6  # the largest share of noise in a point near an encoding
_ENCODED_TOGETHER = 256


class DistillationConfig(Config):
    """Weights and sizes of the sleep phase."""

    decoder_weight: Schedule = Schedule(value=0.0)
    """Of log p(x'|u)."""
    rebuild_weight: Schedule = Schedule(value=0.0)
    """Of the bound of invented molecules."""
    encoder_weight: Schedule = Schedule(value=0.0)
    """Of the density of the decoder's code of u around the mean of q(z|x')."""
    batch_size: int = Field(64, ge=1, le=100_000)
    """Pairs a step, for the decoder and again as many others for the encoder."""
    pool: int = Field(9600, ge=4, le=1_000_000)
    """Points that are decoded together."""
    refresh: int = Field(500, ge=1, le=1_000_000_000)
    """Steps after which they are drawn and decoded anew."""
    near: float = Field(0.25, ge=0, le=1)
    """Share of the points that lie near the encoding of a molecule."""
    path: float = Field(0.25, ge=0, le=1)
    """Share of the points that lie between two encodings; all others come from the prior."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.near + self.path > 1:
            raise ValueError(f"near and path are shares of all points: {self.near:g} + {self.path:g} is more than 1")
        return self

    @property
    def used(self) -> bool:
        """Whether any term ever has a weight."""
        return self.decoder_weight.used or self.rebuild_weight.used or self.encoder_weight.used


@dataclass(frozen=True)
class Pool:
    """Pairs of a code and its molecule, sorted by length.

    Attributes:
        step: at which it was made.
        codes: (n, D) the decoder's codes of the points, on the CPU.
        molecules: n canonical molecules.
        spread: (D,) standard deviation of the codes of all points.
    """

    step: int
    codes: Tensor
    molecules: MoleculeDataset
    spread: Tensor


class Distillation:
    """The sleep phase of one training: the pool, and the terms of a step.

    Everything depends on (seed, step) and the weights. The pool is part of a checkpoint (:meth:`tensors`), so that a
    resumed run goes on with the very same pairs.

    Args:
        config: settings.
        beta: weight of the KL term of invented molecules.
        dataset: molecules of the training data, between whose encodings paths run.
        seed: of points and pairs.
    """

    def __init__(self, config: DistillationConfig, beta: Schedule, dataset: MoleculeDataset, seed: int) -> None:
        self.config, self.beta, self.dataset, self.seed = config, beta, dataset, seed
        self.pool: Pool | None = None

    def __call__(
        self, model: MoleculeVAE, terms: Terms, batch: TokenBatch, step: int, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum at this step, a scalar in nats per pair, and each term for the log."""
        config = self.config
        schedules = (config.decoder_weight, config.rebuild_weight, config.encoder_weight)
        of_decoder, of_rebuilding, of_encoder = (schedule.at(step) for schedule in schedules)
        total, logged = torch.zeros((), device=model.device), {}
        if of_decoder:
            codes, batch = self._pairs(model, step, 0)
            logits = model.decoder.logits_of_codes(codes, batch.inputs)
            logged["distilled"] = sequence_log_prob(logits, batch.tokens).mean()
            total = total + of_decoder * logged["distilled"]
        if of_rebuilding or of_encoder:
            codes, batch = self._pairs(model, step, 1)
            q = model.encoder(batch)
            if of_rebuilding:
                invented = model.terms(batch, 1, generator, q=model.in_latent_space(q))
                logged["invented"] = elbo(invented, self.beta.at(step)).mean()
                total = total + of_rebuilding * logged["invented"]
            if of_encoder:
                spread = self._pool(model, step).spread.to(model.device)
                logged["returned"] = -((codes - q.mean) / spread).square().sum(-1).mean() / 2
                total = total + of_encoder * logged["returned"]
        return total, logged

    def _pool(self, model: MoleculeVAE, step: int) -> Pool:
        if self.pool is None or step >= self.pool.step + self.config.refresh or step < self.pool.step:
            self.pool = make_pool(model, self.dataset, self.config, self.seed, step)
        return self.pool

    def _pairs(self, model: MoleculeVAE, step: int, use: int) -> tuple[Tensor, TokenBatch]:
        """Codes (b, D) and molecules of similar length; every pair is taken once before any is taken again."""
        pool = self._pool(model, step)
        size = min(self.config.batch_size, len(pool.codes))
        parts = np.array_split(np.arange(len(pool.codes)), len(pool.codes) // size)
        turn, index = divmod(step - pool.step, len(parts))
        order = np.random.default_rng([self.seed, pool.step, turn, use]).permutation(len(parts))
        rows = parts[order[index]]
        return pool.codes[rows].to(model.device), pool.molecules.batch(rows, WIDTHS).to(model.device)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must hold."""
        if self.pool is None:
            return {}
        molecules = self.pool.molecules
        return {
            "codes": self.pool.codes,
            "spread": self.pool.spread,
            "step": torch.tensor(self.pool.step),
            "flat": torch.from_numpy(molecules.flat.astype(np.int64)),
            "offsets": torch.from_numpy(molecules.offsets),
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up the pool where :meth:`tensors` left it."""
        if not tensors:
            self.pool = None
            return
        molecules = MoleculeDataset(tensors["flat"].numpy(), tensors["offsets"].numpy())
        self.pool = Pool(int(tensors["step"]), tensors["codes"], molecules, tensors["spread"])


@torch.no_grad()
def make_pool(model: MoleculeVAE, dataset: MoleculeDataset, config: DistillationConfig, seed: int, step: int) -> Pool:
    """Draw points, decode them with the weights as they are, keep what is the canonical SMILES of a molecule."""
    points = draw_points(model, dataset, config, np.random.default_rng([seed, step]))
    texts, _ = model.generate(points, mask="none")
    names = [canonical(text) for text in texts]
    refused = [row for row, name in enumerate(names) if name is None]
    corrected, _ = model.generate(points[refused], mask="valence")
    for row, text in zip(refused, corrected, strict=True):
        texts[row], names[row] = text, canonical(text)
    rows = [row for row, text in enumerate(texts) if text and names[row] == text]
    molecules, refusals = MoleculeDataset.build([texts[row] for row in rows], model.vocabulary)
    rows = [row for index, row in enumerate(rows) if index not in refusals]
    if not rows:  # weights that have learnt nothing yet: one molecule of the data at a point of the prior
        molecules, rows = dataset.take(np.array([0])), [0]
    order = np.argsort(molecules.lengths(), kind="stable")
    codes = model.decoder.codes(points.to(model.device)).cpu()
    return Pool(step, codes[np.array(rows)[order]], molecules.take(order), codes.std(0).clamp_min(1e-3))


@torch.no_grad()
def draw_points(
    model: MoleculeVAE, dataset: MoleculeDataset, config: DistillationConfig, random: np.random.Generator
) -> Tensor:
    """(pool, D) points on the CPU: from the prior, near encodings, on great circles between encodings."""
    near, path = int(config.near * config.pool), int(config.path * config.pool)
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    parts = [model.prior.sample((config.pool - near - path,), generator).cpu()]
    if near + path:
        rows = random.choice(len(dataset), min(len(dataset), max(near, path, 2)), replace=False)
        encodings = _encode(model, dataset, rows)
        z = encodings[torch.arange(near) % len(encodings)]
        # as far as the noise is wide, and N(0, I) if the encodings are
        a = _MOST_NOISE * torch.rand(near, 1, generator=generator)
        parts.append((1 - a.square()).sqrt() * z + a * torch.randn(z.shape, generator=generator))
        ends = torch.randint(len(encodings), (path, 2), generator=generator).tolist()
        t = 0.1 + 0.8 * torch.rand(path, 1, generator=generator)
        parts += [slerp(encodings[a], encodings[b], at) for (a, b), at in zip(ends, t, strict=True)]
    return torch.cat(parts)


def _encode(model: MoleculeVAE, dataset: MoleculeDataset, rows: np.ndarray) -> Tensor:
    """Posterior means of some molecules of a data set, (n, D) on the CPU."""
    z = torch.empty(len(rows), model.latent_size)
    for part, batch in dataset.take(rows).batches_by_length(_ENCODED_TOGETHER):
        z[part] = model.posterior(batch.to(model.device)).mean.float().cpu()
    return z
