"""Convolutional encoder: SMILES tokens -> q(z|x)."""

import torch
from torch import Tensor, nn

from molvae.core.distributions import DiagonalGaussian
from molvae.core.nn.convolution import SequenceConvolution, sequence_first
from molvae.molecules.dataset import TokenBatch
from molvae.molecules.vocabulary import PAD_INDEX


class ConvolutionalEncoder(nn.Module):
    """Residual 1-D convolutions over embedded tokens, flattened at their positions (Gomez-Bombarelli et al. 2018).

    Padding is masked before every layer, so a molecule's code does not depend on the batch it stands in.
    Dilations widen what a position sees to 35 tokens, most of a drug-like molecule. Flattening keeps the position
    of each feature, which pooling would lose; a narrow 1x1 convolution before it keeps the dense layer small.

    Args:
        vocabulary_size: V
        max_length: longest molecule in tokens (``<eos>`` comes on top).
        latent_size: D
        embedding_size: width of the token embedding.
        channels: width of the convolutions.
        narrow_channels: width at the flattening.
        hidden_size: width of the dense layer.
        dilations: one residual block each.
    """

    def __init__(
        self,
        vocabulary_size: int,
        max_length: int,
        latent_size: int,
        embedding_size: int = 64,
        channels: int = 256,
        narrow_channels: int = 32,
        hidden_size: int = 512,
        dilations: tuple[int, ...] = (1, 2, 4),
    ) -> None:
        super().__init__()
        self.positions = max_length + 1
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.stem = SequenceConvolution(embedding_size, channels, width=7)
        self.blocks = nn.ModuleList(SequenceConvolution(channels, channels, 5, dilation) for dilation in dilations)
        self.narrow = SequenceConvolution(channels, narrow_channels, width=1)
        self.dense = nn.Linear(narrow_channels * self.positions, hidden_size)
        self.head = nn.Linear(hidden_size, 2 * latent_size)
        # start near q = N(0, 0.3^2): early gradients then carry the reconstruction, not the noise of z
        with torch.no_grad():
            self.head.bias[latent_size:] = -2.4

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
        mu, log_var = self.head(torch.relu(self.dense(hidden.flatten(1)))).float().chunk(2, -1)
        return DiagonalGaussian(mu, _soft_floor(log_var))


def _soft_floor(log_var: Tensor, floor: float = -10.0) -> Tensor:
    """Keep sigma above e^-5, smoothly, so that a density never overflows."""
    return floor + nn.functional.softplus(log_var - floor)
