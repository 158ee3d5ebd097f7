"""molvae: variational autoencoders for molecules and images, and the search of their latent spaces."""

__version__ = "0.1.0"
