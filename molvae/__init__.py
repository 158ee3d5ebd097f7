"""molvae: variational autoencoders for molecules and images, and the search of their latent spaces."""

from molvae.version import __version__

__all__ = ["__version__"]
