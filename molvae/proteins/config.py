"""Architecture of the transformer, of what compresses it, and of the VAE of a family."""

from typing import Literal, Self

from pydantic import Field, model_validator

from molvae.run.config import Config


class TransformerConfig(Config):
    """An encoder and a decoder with pre-norm blocks and GELU; ProtT5nv has width 768 and 12 + 12 layers."""

    width: int = Field(96, ge=8, le=4096)
    """Numbers of a residue."""
    heads: int = Field(4, ge=1, le=64)
    """Of attention; they share the width."""
    encoder_layers: int = Field(2, ge=1, le=48)
    decoder_layers: int = Field(2, ge=1, le=48)
    max_length: int = Field(256, ge=8, le=4096)
    """Longest sequence in residues."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} is not an even multiple of heads, {self.heads}")
        return self


class EncoderConfig(Config):
    """An encoder that lies in a folder of this machine, see :mod:`molvae.proteins.local_encoder`."""

    folder: str
    """Where it lies."""
    family: Literal["esm", "t5", "bert"]
    """Its architecture."""
    width: int = Field(ge=2, le=100_000)
    """Numbers of a residue."""
    sha256: str
    """Of its weights and settings."""


class CompressionConfig(Config):
    """From the states of all residues to a code of fixed size, and back to what the decoder attends to."""

    queries: int = Field(8, ge=1, le=256)
    """Learned queries that attend to the states."""
    numbers: int = Field(32, ge=1, le=1024)
    """What is kept of each query's answer."""
    layers: int = Field(2, ge=1, le=12)
    """Blocks of the decompression."""

    @property
    def size(self) -> int:
        """Numbers of a code."""
        return self.queries * self.numbers


class ProteinVAEConfig(Config):
    """The VAE of a family over the compressed code."""

    latent_size: int = Field(16, ge=1, le=1024)
    """D"""
    hidden_size: int = Field(256, ge=8, le=8192)
    """Of the two-layer networks between code and z."""
    transformer: TransformerConfig = TransformerConfig()
    encoder: EncoderConfig | None = None
    """What reads in place of the transformer's own encoder."""
    compression: CompressionConfig = CompressionConfig()
    max_length: int = Field(100, ge=2, le=4096)
    """Longest sequence of the family in residues; training sets it from its data."""

    @property
    def width(self) -> int:
        """Numbers of a state that is compressed."""
        return self.transformer.width if self.encoder is None else self.encoder.width

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.max_length > self.transformer.max_length:
            raise ValueError(
                f"sequences of {self.max_length} residues do not fit a transformer for {self.transformer.max_length}"
            )
        return self
