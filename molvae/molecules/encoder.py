"""Convolutional encoder: SMILES tokens -> q(z|x)."""

import torch
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian
from molvae.core.nn.convolution import SequenceConvolution, sequence_first
from molvae.molecules.config import MoleculeVAEConfig
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.vocabulary import PAD_INDEX


class ConvolutionalEncoder(nn.Module):
    """Residual 1-D convolutions over embedded tokens, flattened at their positions (Gomez-Bombarelli et al. 2018).

    Padding is masked before every layer, so a molecule's code does not depend on the batch it stands in.
    Dilations widen what a position sees to 35 tokens, most of a drug-like molecule. Flattening keeps the position
    of each feature, which pooling would lose; a narrow 1x1 convolution before it keeps the dense layer small.

    Args:
        config: ``embedding_size``, ``channels`` of the convolutions, ``dilations`` (one residual block each),
            ``narrow_channels`` at the flattening, ``dense_size``, ``latent_size``.
        vocabulary_size: V
        max_length: longest molecule in tokens (``<eos>`` comes on top).
    """

    def __init__(self, config: MoleculeVAEConfig, vocabulary_size: int, max_length: int) -> None:
        super().__init__()
        channels = config.channels
        self.positions = max_length + 1
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        self.stem = SequenceConvolution(config.embedding_size, channels, width=7)
        self.blocks = nn.ModuleList(SequenceConvolution(channels, channels, 5, step) for step in config.dilations)
        self.narrow = SequenceConvolution(channels, config.narrow_channels, width=1)
        self.dense = nn.Linear(config.narrow_channels * self.positions, config.dense_size)
        self.head = gaussian_head(config.dense_size, config.latent_size)

    def forward(self, batch: TokenBatch) -> DiagonalGaussian:
        """Batch of B molecules -> q(z|x) with mu, log_var (B, D)."""
        embedded = sequence_first(self.embedding(batch.tokens))
        # the mask has the type of the features: a product with booleans is several times slower
        keep = (batch.tokens != PAD_INDEX).unsqueeze(1).unsqueeze(1).to(embedded.dtype)
        hidden = self.stem(embedded * keep)
        keep = keep.to(hidden.dtype)
        for convolution in self.blocks:
            hidden = hidden + convolution(torch.relu(hidden) * keep)
        hidden = torch.relu(self.narrow(torch.relu(hidden))) * keep
        hidden = nn.functional.pad(hidden.squeeze(2), (0, self.positions - hidden.shape[3]))
        return gaussian(self.head(torch.relu(self.dense(hidden.flatten(1)))))


def gaussian_head(inputs: int, latent_size: int) -> nn.Linear:
    """The layer whose output :func:`gaussian` reads, (B, inputs) -> (B, 2 D).

    It begins near q = N(0, 0.3^2): early gradients then carry the reconstruction, not the noise of z.
    """
    head = nn.Linear(inputs, 2 * latent_size)
    with torch.no_grad():
        head.bias[latent_size:] = -2.4
    return head


def gaussian(raw: Tensor, floor: float = -10.0) -> DiagonalGaussian:
    """(B, 2 D) -> N(mu, diag(sigma^2)); log sigma^2 stays above ``floor``, smoothly: a density never overflows."""
    mu, log_var = raw.float().chunk(2, -1)
    return DiagonalGaussian(mu, floor + nn.functional.softplus(log_var - floor))
