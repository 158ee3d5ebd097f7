"""Domains and their models by name, so that a run folder is read, and its campaign resumed, from its names alone."""

from typing import Any

from molvae.design.protocols import Domain
from molvae.run.registry import Registry

DOMAINS: Registry[Domain] = Registry(
    "domain", {"molecules": ("molvae.chemistry.domain:MOLECULES", "small molecules, written as SMILES")}
)

MODELS: Registry[type[Any]] = Registry(
    "model", {"molecules": ("molvae.molecules.vae:MoleculeVAE", "autoencoder of SMILES")}
)
"""By the domain that they decode to; each has ``from_pretrained(name)``."""
