"""The shape of a molecular VAE: which encoder, decoder and tokenizer, and how wide they are."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from molvae.molecules.registries import DECODERS, ENCODERS, TOKENIZERS
from molvae.run.config import Config, Count


class MoleculeVAEConfig(Config):
    """The shape of a molecular VAE; the defaults are those of the shipped model with a learned prior, with two residual
    blocks more.
    """

    encoder: Annotated[str, AfterValidator(ENCODERS.check)] = "cnn"
    """``cnn``, or ``gru``, which reads a molecule from both ends."""
    decoder: Annotated[str, AfterValidator(DECODERS.check)] = "gru"
    """``gru``."""
    tokenizer: Annotated[str, AfterValidator(TOKENIZERS.check)] = "smiles"
    """``smiles``, or ``selfies`` (extra ``selfies``)."""
    latent_size: int = Field(64, ge=1, le=10_000)
    """Dimensions of z."""
    embedding_size: int = Field(64, ge=1, le=16_384)
    """Width of the token embedding of the encoder."""
    channels: int = Field(192, ge=1, le=16_384)
    """Width of the encoder: of its convolutions, or of its GRU in each direction."""
    narrow_channels: int = Field(32, ge=1, le=16_384)
    """Width of the cnn encoder where it is flattened."""
    dense_size: int = Field(512, ge=1, le=16_384)
    """Width of the encoder's dense layer."""
    dilations: tuple[Count, ...] = (1, 2, 4, 8, 1)
    """Of the cnn encoder: one residual block each."""
    hidden_size: int = Field(512, ge=1, le=16_384)
    """Width of the GRU decoder."""
    position_channels: int = Field(128, ge=0, le=16_384)
    """Width of what the decoder derives from z for every position; 0: z enters the same way at all positions."""
    flow_layers: int = Field(8, ge=0, le=100)
    """Coupling layers between the decoder's code and the latent space; 0: they are the same."""
    flow_width: int = Field(256, ge=1, le=16_384)
    """Width of each."""
    predictor_size: int = Field(256, ge=1, le=16_384)
    """Width of the property predictor."""
    properties: tuple[str, ...] = ("QED", "SAS", "logP")
    """What the predictor learns."""

    @model_validator(mode="after")
    def _no_idle_setting(self) -> Self:
        fields = type(self).model_fields
        idle = [name for name in ("narrow_channels", "dilations") if getattr(self, name) != fields[name].default]
        if idle and self.encoder != "cnn":
            raise ValueError(f"only the encoder 'cnn' has {' and '.join(idle)}, not {self.encoder!r}: leave them out")
        return self
