"""SMILES to tokens to a latent distribution and back, and the properties of molecules."""
