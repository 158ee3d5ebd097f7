"""Domains by name, so that the report of a run folder can draw what the campaign found."""

from molvae.design.protocols import Domain
from molvae.run.registry import Registry

DOMAINS: Registry[Domain] = Registry(
    "domain",
    {
        "molecules": ("molvae.chemistry.domain:MOLECULES", "small molecules, written as SMILES"),
        "proteins": ("molvae.proteins.domain:PROTEINS", "proteins, written as sequences of amino acids"),
    },
)
