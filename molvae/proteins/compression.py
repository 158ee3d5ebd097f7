"""A code of fixed size for a sequence of any length, and back to a memory that the decoder attends to.

The compression of ProT-VAE (Sevgen et al. 2025) is convolutional; here learned queries attend to the states of all
residues (as in a Perceiver, Jaegle et al. 2021), which needs no fixed length.
"""

import torch
from torch import Tensor, nn

from molvae.proteins.config import CompressionConfig
from molvae.proteins.transformer import Attention, FeedForward, positions


class Compression(nn.Module):
    """States of residues (B, T, W) -> code (B, C)."""

    def __init__(self, config: CompressionConfig, width: int, heads: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(config.queries, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention, self.feed = Attention(width, heads), FeedForward(width)
        self.narrow = nn.Linear(width, config.numbers)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """``mask`` (B, 1, 1, T) is true where there is a residue."""
        x = self.queries.expand(len(states), -1, -1)
        x = x + self.attention(self.norms[0](x), states, mask)
        x = x + self.feed(self.norms[1](x))
        return self.narrow(x).flatten(1)


class Decompression(nn.Module):
    """Code (B, C) -> memory (B, M, W), a token for each position that a sequence may have.

    Every position asks the code, by what it is, which residues are likely there.
    """

    places: Tensor

    def __init__(self, config: CompressionConfig, width: int, heads: int, max_length: int) -> None:
        super().__init__()
        self.config = config
        self.widen = nn.Linear(config.numbers, width)
        self.names = nn.Parameter(0.5 * torch.randn(config.queries, width))
        self.direct = nn.Linear(config.size, width)
        self.blocks = nn.ModuleList(_MemoryBlock(width, heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.register_buffer("places", positions(max_length + 1, width), persistent=False)

    def forward(self, code: Tensor, number: int) -> Tensor:
        """Memory of the first ``number`` positions, (B, number, W)."""
        answers = self.widen(code.unflatten(-1, (self.config.queries, self.config.numbers))) + self.names
        x = self.places[:number] + self.direct(code).unsqueeze(1)
        for block in self.blocks:
            x = block(x, answers)
        return self.norm(x)


class _MemoryBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention, self.feed = Attention(width, heads), FeedForward(width)

    def forward(self, x: Tensor, answers: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x), answers)
        return x + self.feed(self.norms[1](x))
