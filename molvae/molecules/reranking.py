"""Many decodings of one latent point, and the molecule that it stands for.

A recurrent decoder is a distribution over strings: several strings, some of them invalid, some of them the same
molecule, come from one z. There are two ways to choose among the valid molecules:

- ``votes``: the most frequent one (Gomez-Bombarelli et al. 2018 decode each point up to 500 times);
- ``posterior``: the one whose own q(z|x) is densest at z. Were q the exact posterior, p(x|z) would be proportional to
  p(x) q(z|x); p(x) is taken to be the same for all that the decoder proposes. The decoder proposes, and the encoder,
  which has read the whole molecule, decides, as in the noisy channel of Yu et al. 2017. Only z is used; which molecule
  z came from is not known here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol, get_args

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from molvae.chemistry.molecule import Molecule
from molvae.core.candidates import Candidate, PointCandidates
from molvae.errors import ConfigError

Choice = Literal["posterior", "votes"]


class Autoencoder(Protocol):
    """A decoder that proposes and an encoder that decides, as :class:`~molvae.molecules.vae.MoleculeVAE` has them."""

    def generate(
        self,
        z: Tensor | np.ndarray,
        temperature: float = 0.0,
        mask: str = "valence",
        generator: torch.Generator | None = None,
        retries: int = 10,
    ) -> tuple[list[str], np.ndarray]:
        """One SMILES for each of n points (n, D), and its log p(x|z) (n,)."""

    def log_posterior(self, smiles: Sequence[str], z: Tensor | np.ndarray) -> Tensor:
        """log q(z|x) of n pairs of a canonical SMILES and a point (n, D); NaN where it cannot be encoded."""


def decode_points(
    model: Autoencoder,
    z: Tensor | np.ndarray,
    n_decodings: int = 50,
    temperature: float = 1.0,
    mask: str = "valence",
    seed: int = 0,
    choose: Choice = "posterior",
    generator: torch.Generator | None = None,
) -> list[PointCandidates]:
    """Decode each of n points (n, D) ``n_decodings`` times: once greedily, the rest sampled.

    The greedy decoding is repeated where it runs into a dead end; a sampled one is not, and has no vote if it is no
    molecule. The molecules of a point are in the order of ``choose``: by log q(z|x), what the model cannot encode
    last, or by votes; ties of either go to the more probable.

    A generator in place of a seed goes on where it is, so that points may come in parts of some multiple of
    :data:`molvae.molecules.base.BATCH` finite ones and are decoded as if they had come together.

    Raises:
        ConfigError: ``n_decodings`` is not positive, or there is no such ``choose``.
    """
    if choose not in get_args(Choice):
        raise ConfigError(f"choose is one of {', '.join(get_args(Choice))}, not {choose!r}")
    if n_decodings < 1:
        raise ConfigError(f"n_decodings must be at least 1, not {n_decodings}")
    points = torch.as_tensor(z, dtype=torch.float32)
    finite = torch.isfinite(points).all(-1)
    good = points[finite]
    texts, log_prob = model.generate(good, mask=mask)
    rows: list[list[tuple[str, float]]] = [[pair] for pair in zip(texts, log_prob.tolist(), strict=True)]
    if n_decodings > 1 and len(good):
        generator = torch.Generator().manual_seed(seed) if generator is None else generator
        repeated = good.repeat_interleave(n_decodings - 1, 0)
        texts, log_prob = model.generate(repeated, temperature, mask, generator, retries=0)
        for number, pair in enumerate(zip(texts, log_prob.tolist(), strict=True)):
            rows[number // (n_decodings - 1)].append(pair)
    parsed: dict[str, tuple[Molecule | None, str]] = {}
    nothing = PointCandidates((), "the latent point is not finite")
    counted = [_count(pairs, parsed) for pairs in rows]
    if choose == "posterior":
        counted = _by_posterior(model, good, counted)
    rest = iter(counted)
    return [next(rest) if is_finite else nothing for is_finite in finite.tolist()]


def _count(pairs: list[tuple[str, float]], parsed: dict[str, tuple[Molecule | None, str]]) -> PointCandidates:
    votes: dict[Molecule, int] = {}
    best: dict[Molecule, float] = {}
    for text, log_prob in pairs:
        if text not in parsed:
            parsed[text] = Molecule.parse(text)
        molecule = parsed[text][0]
        if molecule is not None:
            votes[molecule] = votes.get(molecule, 0) + 1
            best[molecule] = max(best.get(molecule, -np.inf), log_prob)
    error = "" if votes else parsed[pairs[0][0]][1]
    candidates = by_votes([Candidate(molecule, votes[molecule], best[molecule]) for molecule in votes])
    return PointCandidates(tuple(candidates), error, pairs[0][0])


def by_votes(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Most votes first; ties go to the more probable one."""
    return sorted(candidates, key=lambda option: (-option.votes, -option.log_prob, option.item.identity))


def _by_posterior(model: Autoencoder, z: Tensor, points: list[PointCandidates]) -> list[PointCandidates]:
    """The same with the candidates of each point (n, D) by log q(z|x); where there is one, there is no choice."""
    open_rows = [row for row, point in enumerate(points) if len(point.candidates) > 1]
    pairs = [(row, option.item) for row in open_rows for option in points[row].candidates]
    log_q = model.log_posterior([item.identity for _, item in pairs], z[[row for row, _ in pairs]])
    # NaN, a molecule that the model cannot hold, would not sort
    density = dict(zip(pairs, log_q.nan_to_num(-torch.inf).tolist(), strict=True))
    ordered = list(points)
    for row in open_rows:
        by_density = sorted(points[row].candidates, key=lambda option: (-density[row, option.item], -option.log_prob))
        ordered[row] = replace(points[row], candidates=tuple(by_density))
    return ordered


def preferring(point: PointCandidates, identity: str | None) -> PointCandidates:
    """The same with this molecule first, if it is among the candidates."""
    ordered = sorted(point.candidates, key=lambda option: option.item.identity != identity)
    return replace(point, candidates=tuple(ordered))


def first_of_each(points: Sequence[PointCandidates]) -> pd.DataFrame:
    """The first molecule of each point as a table: ``smiles, valid, votes, log_prob, error``, one row a point."""
    rows = []
    for point in points:
        if point.candidates:
            first = point.candidates[0]
            rows.append((first.item.identity, True, first.votes, first.log_prob, point.error))
        else:
            rows.append((point.text, False, 0, float("nan"), point.error))
    return pd.DataFrame(rows, columns=["smiles", "valid", "votes", "log_prob", "error"])
