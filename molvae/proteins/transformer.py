"""A small transformer in the manner of ProtT5: an encoder of residues, and a decoder that writes them one by one.

Pre-norm blocks with GELU (as ProtT5nv, Sevgen et al. 2025) and fixed sinusoidal positions (Vaswani et al. 2017) in both
parts, so that any position up to the longest is defined. Shape letters: B sequences, T positions, M memory positions, W
width.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from molvae.proteins.batches import PAD, TOKENS
from molvae.proteins.config import TransformerConfig


def positions(number: int, width: int) -> Tensor:
    """Sines and cosines of each position, (number, width) (Vaswani et al. 2017, section 3.5).

    Their wavelengths go from two positions to all of them, so that neighbours are told apart.
    """
    place = torch.arange(number).unsqueeze(1)
    rate = torch.logspace(math.log10(0.9 * math.pi), math.log10(2 * math.pi / number), width // 2)
    return torch.cat([torch.sin(place * rate), torch.cos(place * rate)], 1)


class Attention(nn.Module):
    """Attention of several heads; a query attends to itself or to a memory."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def keys(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (B, M, W) -> keys and values, (B, heads, M, W / heads) each."""
        key, value = self.key_value(memory).chunk(2, -1)
        return self.split(key), self.split(value)

    def split(self, x: Tensor) -> Tensor:
        """(B, T, W) -> (B, heads, T, W / heads)"""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def attend(self, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """x (B, T, W) to keys and values; ``mask`` (B, 1, 1, M) is true where there is something to attend to."""
        found = scaled_dot_product_attention(self.split(self.query(x)), key, value, mask, is_causal=causal)
        return self.output(found.transpose(1, 2).flatten(-2))

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        return self.attend(x, *self.keys(memory), mask, causal)


class FeedForward(nn.Sequential):
    """Two layers with GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class EncoderBlock(nn.Module):
    """Attention of the residues to each other, then each for itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention, self.feed = Attention(width, heads), FeedForward(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, mask)
        return x + self.feed(self.norms[1](x))


class DecoderBlock(nn.Module):
    """Attention to what was written, to the memory, then each position for itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention, self.memory, self.feed = Attention(width, heads), Attention(width, heads), FeedForward(width)
        # keys equal to queries: to begin with, a position looks at what stands in its own place
        with torch.no_grad():
            self.memory.query.weight.mul_(2)
            self.memory.key_value.weight[:width] = self.memory.query.weight

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, causal=True)
        x = x + self.memory(self.norms[1](x), memory, mask)
        return x + self.feed(self.norms[2](x))


class ResidueEncoder(nn.Module):
    """Tokens -> a state of each residue."""

    places: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, config.width)
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.blocks = nn.ModuleList(EncoderBlock(config.width, config.heads) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(config.width)
        self.register_buffer("places", positions(config.max_length + 1, config.width), persistent=False)

    def forward(self, source: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """source (B, T), offset (B,) -> states (B, T, W), and where they are of something (B, 1, 1, T)."""
        there = source != PAD
        mask = None if bool(there.all()) else there[:, None, None]
        x = self.embedding(source) + placed(self.places, offset, source.shape[1])
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x), there[:, None, None]


class ResidueDecoder(nn.Module):
    """What was written so far, and a memory -> logits of what comes next."""

    places: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, config.width)
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.blocks = nn.ModuleList(DecoderBlock(config.width, config.heads) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, TOKENS)
        self.register_buffer("places", positions(config.max_length + 1, config.width), persistent=False)

    def forward(self, inputs: Tensor, memory: Tensor, mask: Tensor | None, offset: Tensor) -> Tensor:
        """inputs (B, T), memory (B, M, W) -> logits (B, T, V)."""
        x = self.embedding(inputs) + placed(self.places, offset, inputs.shape[1])
        for block in self.blocks:
            x = block(x, memory, mask)
        return self.output(self.norm(x))


def placed(places: Tensor, offset: Tensor, number: int) -> Tensor:
    """Rows of the positions from each offset on: (B, number, W)."""
    if not bool(offset.any()):
        return places[:number].unsqueeze(0)
    rows = offset[:, None] + torch.arange(number, device=offset.device)
    return places[rows.clamp(max=len(places) - 1)]


class ProteinTransformer(nn.Module):
    """Encoder and decoder, pretrained by writing what the encoder was shown with gaps."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = ResidueEncoder(config), ResidueDecoder(config)

    def forward(self, source: Tensor, inputs: Tensor, offset: Tensor) -> Tensor:
        """Logits (B, T, V) of the sequence of which ``source`` (B, T) is a corrupted copy."""
        states, mask = self.encoder(source, offset)
        return self.decoder(inputs, states, None if bool(mask.all()) else mask, offset)

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.parameters())


class Writing:
    """N sequences that grow by one residue at each call of :meth:`step`; keys and values are kept.

    Args:
        decoder: the decoder.
        memory: (N, M, W)
        longest: steps at most.
    """

    def __init__(self, decoder: ResidueDecoder, memory: Tensor, longest: int) -> None:
        self.decoder, self.written = decoder, 0
        self.memory = [block.memory.keys(memory) for block in decoder.blocks]  # type: ignore[union-attr, operator]
        heads, width = decoder.blocks[0].attention.heads, decoder.embedding.embedding_dim  # type: ignore[union-attr]
        shape = (len(memory), heads, longest, width // int(heads))  # type: ignore[arg-type]
        self.past = [(memory.new_empty(shape), memory.new_empty(shape)) for _ in decoder.blocks]  # type: ignore[arg-type]

    def step(self, tokens: Tensor) -> Tensor:
        """The last tokens (N,) -> logits of the next (N, V)."""
        decoder, now = self.decoder, self.written
        x = (decoder.embedding(tokens) + decoder.places[now]).unsqueeze(1)
        for block, past, memory in zip(decoder.blocks, self.past, self.memory, strict=True):
            assert isinstance(block, DecoderBlock)
            normed = block.norms[0](x)
            key, value = block.attention.keys(normed)
            past[0][:, :, now : now + 1], past[1][:, :, now : now + 1] = key, value
            x = x + block.attention.attend(normed, past[0][:, :, : now + 1], past[1][:, :, : now + 1])
            x = x + block.memory.attend(block.norms[1](x), *memory)
            x = x + block.feed(block.norms[2](x))
        self.written += 1
        return decoder.output(decoder.norm(x))[:, 0].float()

    def select(self, going: Tensor) -> None:
        """Go on with the sequences of a mask (N,)."""
        self.memory = [(key[going], value[going]) for key, value in self.memory]
        self.past = [(key[going], value[going]) for key, value in self.past]
