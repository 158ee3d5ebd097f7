"""Proteins: a transformer pretrained on proteins of all kinds, and the VAE of one family over it (ProT-VAE)."""
