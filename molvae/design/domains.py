"""Domains by name: the report of a run folder draws what its campaign found, and workers compute its properties."""

from typing import TYPE_CHECKING

from molvae.run.registry import Registry

if TYPE_CHECKING:  # the protocols know torch, and a worker process that scores should not wait for it
    from molvae.design.protocols import Domain

DOMAINS: "Registry[Domain]" = Registry(
    "domain",
    {
        "molecules": ("molvae.chemistry.domain:MOLECULES", "small molecules, written as SMILES"),
        "proteins": ("molvae.proteins.domain:PROTEINS", "proteins, written as sequences of amino acids"),
    },
)
