"""Recurrent encoder: tokens, read from the left and from the right -> q(z|x).

Beside the convolutional encoder: as good at short range, it has no positions of its own, so that its size does not
grow with the longest molecule. It takes one step after another, and is slower.
"""

import torch
from torch import nn

from molvae.core.distributions import DiagonalGaussian
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.encoder import gaussian, gaussian_head
from molvae.molecules.vocabulary import PAD_INDEX


class RecurrentEncoder(nn.Module):
    """Two GRUs, one over the molecule and one over its mirror image; their last states go through a dense layer.

    The mirror image of a molecule begins with its last token, not with padding, and the last state is the one at the
    molecule's own end: what follows is computed and never looked at. So a molecule's code does not depend on the batch
    it stands in, without packed sequences, which on a processor are slow.

    Args:
        config: ``embedding_size``, ``channels`` (of each direction), ``dense_size``, ``latent_size``.
        vocabulary_size: V
        max_length: not needed, molecules of any length are read.
    """

    def __init__(self, config: MoleculeVAEConfig, vocabulary_size: int, max_length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        self.rightwards = nn.GRU(config.embedding_size, config.channels)
        self.leftwards = nn.GRU(config.embedding_size, config.channels)
        self.dense = nn.Linear(2 * config.channels, config.dense_size)
        self.head = gaussian_head(config.dense_size, config.latent_size)

    def forward(self, batch: TokenBatch) -> DiagonalGaussian:
        """Batch of B molecules -> q(z|x) with mu, log_var (B, D)."""
        tokens = batch.tokens.t()  # (T, B)
        last = (tokens != PAD_INDEX).sum(0) - 1
        position = torch.arange(len(tokens), device=tokens.device).unsqueeze(1)
        mirrored = tokens.gather(0, (last - position).clamp(min=0))
        right, _ = self.rightwards(self.embedding(tokens))
        left, _ = self.leftwards(self.embedding(mirrored))
        molecule = torch.arange(len(last), device=last.device)
        ends = torch.cat([right[last, molecule], left[last, molecule]], -1)
        return gaussian(self.head(torch.relu(self.dense(ends))))
