"""The shape of a graph VAE."""

from pydantic import Field

from molvae.run.config import Config


class GraphVAEConfig(Config):
    """The shape of a junction tree VAE; the defaults are those of the shipped recipe."""

    latent_size: int = Field(56, ge=1, le=10_000)
    """Dimensions of z."""
    embedding_size: int = Field(96, ge=1, le=16_384)
    """Width of the embedding of a cluster with its sites."""
    site_size: int = Field(32, ge=1, le=16_384)
    """Width of the embedding of a site."""
    graph_size: int = Field(128, ge=1, le=16_384)
    """Width of the messages between atoms."""
    graph_depth: int = Field(3, ge=1, le=100)
    """How often they are passed."""
    encoder_size: int = Field(192, ge=1, le=16_384)
    """Width of the messages between clusters in the encoder."""
    narrow_size: int = Field(32, ge=1, le=16_384)
    """Width of a cluster where all clusters of a molecule are flattened."""
    dense_size: int = Field(384, ge=1, le=16_384)
    """Width of the encoder's dense layer."""
    decoder_size: int = Field(256, ge=1, le=16_384)
    """Width of the messages between clusters in the decoder."""
    position_size: int = Field(48, ge=1, le=16_384)
    """Width of what the decoder derives from z for the first, second, ... cluster of a molecule."""
    output_size: int = Field(256, ge=1, le=16_384)
    """Width of the layers that predict labels and ways to join them."""
    predictor_size: int = Field(256, ge=1, le=16_384)
    """Width of the property predictor."""
    properties: tuple[str, ...] = ("QED", "SAS", "logP")
    """What the predictor learns."""
