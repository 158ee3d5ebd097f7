"""Settings of vector-quantised codes and of the prior that is learned for them, and how the prior is made."""

from pydantic import Field

from molvae.core.codebook import Codebook, CodePrior
from molvae.core.nn.pixel_cnn import GatedPixelCNN
from molvae.run.config import Config


class CodePriorConfig(Config):
    """Shape of the network that learns which codes stand beside each other, a gated PixelCNN."""

    channels: int = Field(64, ge=1, le=4096)
    """Feature maps."""
    layers: int = Field(6, ge=1, le=100)
    """Each sees one row and one column further."""


class CodebookConfig(Config):
    """Codes that are vectors of a codebook (van den Oord et al. 2017)."""

    size: int = Field(64, ge=2, le=65_536)
    """K, vectors."""
    average: float = Field(0.99, ge=0, lt=1)
    """Decay of the running means that the vectors are; 0: they are moved by a term of the objective, ``codebook``."""
    revive: float = Field(0.1, ge=0, lt=1)
    """A code used less than this share of the mean begins anew where the encoder's outputs are; 0: never."""
    prior: CodePriorConfig | None = None
    """Of a model whose prior has been learned, after it was trained; to train one, set ``code_prior`` of the recipe."""


def code_prior(codebook: Codebook, config: CodebookConfig, grid: tuple[int, int]) -> CodePrior:
    """The prior that the settings name, over codes on a grid (height, width): uniform, or a new network."""
    network = None
    if config.prior is not None:
        network = GatedPixelCNN(config.size, *grid, config.prior.channels, config.prior.layers)
    return CodePrior(codebook, grid[0] * grid[1], network)
